//! What this host's time server says and whether it is sane, asked by SNTP (RFC 5905).

use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::opt_in::Ntp;
use super::{CollectError, Collector, Families, Host, Metric, Off};

const STRATUM: Metric =
    Metric::gauge("node_ntp_stratum", "How many servers the time server is away from a clock.");
const LEAP: Metric = Metric::gauge(
    "node_ntp_leap",
    "Whether a leap second comes (1), a second is left out (2) or the server is not in step (3).",
);
const ROUND_TRIP: Metric =
    Metric::gauge("node_ntp_rtt_seconds", "How long question and answer were under way.");
const OFFSET: Metric =
    Metric::gauge("node_ntp_offset_seconds", "How far the server's clock is ahead of ours.");
const REFERENCE: Metric = Metric::gauge(
    "node_ntp_reference_timestamp_seconds",
    "When the server's clock was last set, in Unix time.",
);
const ROOT_DELAY: Metric =
    Metric::gauge("node_ntp_root_delay_seconds", "How long the way to the root clock and back is.");
const ROOT_DISPERSION: Metric =
    Metric::gauge("node_ntp_root_dispersion_seconds", "How much the root clock may be off.");
const SANITY: Metric = Metric::gauge(
    "node_ntp_sanity",
    "Whether the server's answer holds by RFC 5905 and by the limits that were given.",
);

pub(super) const COLLECTOR: Collector = Collector {
    name: "ntp",
    start: Off,
    metrics: &[STRATUM, LEAP, ROUND_TRIP, OFFSET, REFERENCE, ROOT_DELAY, ROOT_DISPERSION, SANITY],
    collect,
};

/// An answer that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(1);
const DAY: u64 = 86_400;
/// 1970 in seconds since 1900.
const EPOCH: u64 = 2_208_988_800;
/// The longest distance to the root clock that RFC 5905 knows.
const MAX_DISPERSION: f64 = 16.0;

/// The midnight of the last announced leap second, in Unix time: the announcement goes away just when
/// clocks begin to be smeared.
#[derive(Debug, Default)]
pub(super) struct LeapMidnight(Mutex<Option<u64>>);

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let settings = &host.settings.opt_in.plain.ntp;
    let failed = |source| CollectError::Call { call: "asking the time server", source };
    let answer = ask(settings).map_err(failed)?;
    out.put(&STRATUM, &[], f64::from(answer.stratum));
    out.put(&LEAP, &[], f64::from(answer.leap));
    out.put(&ROUND_TRIP, &[], nanoseconds(answer.round_trip));
    out.put(&OFFSET, &[], nanoseconds(answer.offset));
    out.put(&REFERENCE, &[], unix(answer.reference).max(0.0));
    out.put(&ROOT_DELAY, &[], nanoseconds(answer.root_delay));
    out.put(&ROOT_DISPERSION, &[], nanoseconds(answer.root_dispersion));
    let sane = answer.is_sane(settings, &host.leap_midnight);
    out.put(&SANITY, &[], f64::from(u8::from(sane)));
    Ok(())
}

#[derive(Debug, Clone, PartialEq)]
struct Answer {
    leap: u8,
    stratum: u8,
    /// Seconds, as the next five.
    root_delay: f64,
    root_dispersion: f64,
    round_trip: f64,
    offset: f64,
    /// How much an answer arrived before its question.
    violation: f64,
    /// Seconds since 1900 with 32 binary places, as the next.
    reference: u64,
    sent: u64,
}

fn ask(settings: &Ntp) -> std::io::Result<Answer> {
    let name = settings.server.trim_matches(['[', ']']);
    let server = (name, settings.port).to_socket_addrs()?.next();
    let server: SocketAddr = server.ok_or(std::io::ErrorKind::NotFound)?;
    let socket = if server.is_ipv4() {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.set_ttl(settings.ttl)?;
        socket
    } else {
        let socket = UdpSocket::bind("[::]:0")?;
        socket2::SockRef::from(&socket).set_unicast_hops_v6(settings.ttl)?;
        socket
    };
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(server)?;
    // The server sends back the time we claim to ask at: a random one cannot be guessed by others.
    let nonce = fastrand::u64(..);
    let mut packet = [0; 48];
    packet[0] = (settings.version << 3) | 3;
    packet[40..].copy_from_slice(&nonce.to_be_bytes());
    let asked = now();
    socket.send(&packet)?;
    loop {
        let length = socket.recv(&mut packet)?;
        let answered = now();
        if length < packet.len() || packet[24..32] != nonce.to_be_bytes() || packet[0] & 7 != 4 {
            continue;
        }
        return Ok(Answer::parse(&packet, asked, answered));
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    ((now.as_secs() + EPOCH) << 32) | ((u64::from(now.subsec_nanos()) << 32) / 1_000_000_000)
}

/// Unix time of a timestamp, whose seconds began anew in 2036.
fn unix(timestamp: u64) -> f64 {
    let era = if timestamp >> 63 == 0 && timestamp != 0 { 1_u64 << 32 } else { 0 };
    let seconds = (timestamp >> 32) + era;
    seconds as f64 - EPOCH as f64 + (timestamp & 0xffff_ffff) as f64 / 4_294_967_296.0
}

/// Seconds from one timestamp to another.
fn between(from: u64, to: u64) -> f64 {
    to.wrapping_sub(from) as i64 as f64 / 4_294_967_296.0
}

/// A duration is shown in whole nanoseconds: the places behind are the format's, not the clock's.
fn nanoseconds(seconds: f64) -> f64 {
    (seconds * 1e9).round() / 1e9
}

impl Answer {
    fn parse(packet: &[u8; 48], asked: u64, answered: u64) -> Self {
        let short = |at: usize| {
            let bytes = [packet[at], packet[at + 1], packet[at + 2], packet[at + 3]];
            f64::from(u32::from_be_bytes(bytes)) / 65_536.0
        };
        let long = |at: usize| {
            packet[at..at + 8].iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
        };
        let (received, sent) = (long(32), long(40));
        let (there, back) = (between(asked, received), between(sent, answered));
        Self {
            leap: packet[0] >> 6,
            stratum: packet[1],
            root_delay: short(4),
            root_dispersion: short(8),
            round_trip: (between(asked, answered) - between(received, sent)).max(0.0),
            offset: f64::midpoint(there, -back),
            violation: (-there).max(-back).max(0.0),
            reference: long(16),
            sent,
        }
    }

    fn is_sane(&self, settings: &Ntp, midnight: &LeapMidnight) -> bool {
        let sent = unix(self.sent);
        let mut midnight = midnight.0.lock();
        if matches!(self.leap, 1 | 2) {
            *midnight = Some((sent as u64 / DAY + 1) * DAY);
        }
        let mut tolerance = settings.offset_tolerance.as_secs_f64();
        // Around a leap second clocks are smeared.
        if midnight.is_some_and(|midnight| (sent - midnight as f64).abs() < DAY as f64) {
            tolerance += 1.0;
        }
        let since_set = between(self.reference, self.sent);
        let distance = f64::midpoint(self.round_trip, self.root_delay) + self.root_dispersion;
        (1..16).contains(&self.stratum)
            && self.leap != 3
            && (0.0..=DAY as f64).contains(&since_set)
            && self.root_delay / 2.0 + self.root_dispersion <= MAX_DISPERSION
            && distance <= settings.max_distance.as_secs_f64()
            && self.violation <= tolerance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    fn packet(leap: u8, stratum: u8, delay: u32, times: [u64; 4]) -> [u8; 48] {
        let mut packet = [0; 48];
        packet[0] = (leap << 6) | (4 << 3) | 4;
        packet[1] = stratum;
        packet[4..8].copy_from_slice(&delay.to_be_bytes());
        packet[8..12].copy_from_slice(&0x4000_u32.to_be_bytes());
        for (at, time) in [16, 24, 32, 40].into_iter().zip(times) {
            packet[at..at + 8].copy_from_slice(&time.to_be_bytes());
        }
        packet
    }

    #[test]
    fn delay_and_offset_are_told_apart() {
        let second = 1 << 32;
        let start = (EPOCH + 1_700_000_000) * second;
        // Asked at 0, received at 11, answered at 12, back at 3: 2 under way, and 10 ahead.
        let packet = packet(
            0,
            2,
            0x8000,
            [start - 60 * second, 0, start + 11 * second, start + 12 * second],
        );
        let answer = Answer::parse(&packet, start, start + 3 * second);
        assert_eq!((answer.round_trip, answer.offset, answer.violation), (2.0, 10.0, 9.0));
        assert_eq!((answer.root_delay, answer.root_dispersion), (0.5, 0.25));
        assert_eq!(unix(answer.sent), 1_700_000_012.0);
        // In 2036 the seconds begin anew.
        assert_eq!(unix(5 * second), 2_085_978_501.0);
        assert_eq!(unix(0), -(EPOCH as f64));
    }

    #[test]
    fn an_answer_is_sane_only_by_all_rules() {
        let settings = fixture::host().settings.opt_in.plain.ntp.clone();
        let second = 1 << 32;
        let start = (EPOCH + 1_700_000_000) * second;
        let packet = packet(0, 2, 0x8000, [start - 60 * second, 0, start, start]);
        let answer = Answer::parse(&packet, start, start + 1000);
        let sane = |answer: &Answer| answer.is_sane(&settings, &LeapMidnight::default());
        assert!(sane(&answer));
        assert!(!sane(&Answer { stratum: 0, ..answer.clone() }));
        assert!(!sane(&Answer { leap: 3, ..answer.clone() }));
        assert!(!sane(&Answer { reference: start - 90_000 * second, ..answer.clone() }));
        assert!(!sane(&Answer { reference: start + second, ..answer.clone() }));
        assert!(!sane(&Answer { root_dispersion: 4.0, ..answer.clone() }));
        let late = Answer { violation: 0.5, ..answer };
        assert!(!sane(&late));
        let midnight = LeapMidnight::default();
        assert!(Answer { leap: 1, ..late.clone() }.is_sane(&settings, &midnight));
        assert!(late.is_sane(&settings, &midnight), "the announcement is remembered");
    }

    #[test]
    fn a_server_on_this_host_is_asked() {
        let server = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = server.local_addr().expect("bound").port();
        let thread = std::thread::spawn(move || {
            let mut question = [0; 48];
            let (_, client) = server.recv_from(&mut question).expect("a question");
            let now = now();
            let nonce = u64::from_be_bytes(question[40..].try_into().expect("eight"));
            // An answer to somebody else's question comes first.
            for nonce in [nonce ^ 1, nonce] {
                let answer = packet(0, 3, 0x8001, [now - (5 << 32), nonce, now, now]);
                server.send_to(&answer, client).expect("sent");
            }
            question[0]
        });
        let host = fixture::host_with(|config| config.opt_in.ntp.port = port);
        let samples = fixture::samples(&COLLECTOR, &host);
        assert_eq!(thread.join().expect("answered"), (4 << 3) | 3);
        assert!(samples.contains("node_ntp_stratum 3\n"), "{samples}");
        assert!(samples.contains("node_ntp_sanity 1\n"), "{samples}");
        assert!(samples.contains("node_ntp_root_delay_seconds 0.500015259\n"), "{samples}");
        assert_eq!(samples.lines().count(), COLLECTOR.metrics.len());
    }
}
