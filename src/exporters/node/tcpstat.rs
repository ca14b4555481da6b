//! TCP sockets by state and the bytes in their queues: asked of the kernel by netlink (sock_diag(7)), or
//! read from `/proc/net/tcp` and `tcp6` (proc(5)) where that is not possible.

use super::netlink::{self, Attributes};
use super::{CollectError, Collector, Families, Host, Metric, Off};

const STATES: Metric = Metric::gauge(
    "node_tcp_connection_states",
    "TCP sockets in each state, and the bytes in all their queues.",
)
.with(&["state"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "tcpstat", start: Off, metrics: &[STATES], collect };

/// Names of the states from 1 on (linux/tcp_states.h).
const NAMES: [&str; 11] = [
    "established",
    "syn_sent",
    "syn_recv",
    "fin_wait1",
    "fin_wait2",
    "time_wait",
    "close",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
];

const FAMILIES: [(u8, &str); 2] = [(2, "proc/net/tcp"), (10, "proc/net/tcp6")];

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let mut counts = Counts::default();
    for (family, file) in FAMILIES {
        // Without IPv6 there is no file and nobody to ask.
        if family == 10 && !host.path(file).exists() {
            continue;
        }
        let mut asked = counts.clone();
        if netlink::tcp_sockets(family, |message| asked.add_message(message)).is_ok() {
            counts = asked;
            continue;
        }
        for line in host.read(file)?.lines().skip(1) {
            counts.add_line(line).ok_or(CollectError::Malformed("proc/net/tcp"))?;
        }
    }
    counts.show(out);
    Ok(())
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Counts {
    states: [u64; 16],
    received: u64,
    sent: u64,
}

impl Counts {
    fn add(&mut self, state: u8, received: u64, sent: u64) {
        self.states[usize::from(state & 15)] += 1;
        self.received += received;
        self.sent += sent;
    }

    /// struct inet_diag_msg: family, state (at 1), …, queues of what was received (at 56) and is to be
    /// sent (at 60).
    fn add_message(&mut self, message: &[u8]) {
        let (Some(state), Some(received), Some(sent)) =
            (message.get(1), message.get(56..60), message.get(60..64))
        else {
            return;
        };
        self.add(*state, Attributes::number(received), Attributes::number(sent));
    }

    /// `0: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 …`: number, local and remote address, state,
    /// queues of what is to be sent and was received; in hexadecimal.
    fn add_line(&mut self, line: &str) -> Option<()> {
        let mut fields = line.split_ascii_whitespace().skip(3);
        let state = u8::from_str_radix(fields.next()?, 16).ok()?;
        let (sent, received) = fields.next()?.split_once(':')?;
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        self.add(state, number(received)?, number(sent)?);
        Some(())
    }

    fn show(&self, out: &mut Families) {
        for (state, count) in self.states.iter().enumerate().filter(|(_, count)| **count > 0) {
            let name = state.checked_sub(1).and_then(|at| NAMES.get(at)).unwrap_or(&"unknown");
            out.put(&STATES, &[name], *count as f64);
        }
        if self.states.iter().any(|count| *count > 0) {
            out.put(&STATES, &["rx_queued_bytes"], self.received as f64);
            out.put(&STATES, &["tx_queued_bytes"], self.sent as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn lines_of_the_file_are_counted_by_state() {
        let mut counts = Counts::default();
        for line in [
            "0: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000",
            "1: 0F02000A:0016 0202000A:8B6B 01 00000015:00000001 02:000AC99B 00000000     0",
        ] {
            counts.add_line(line).expect("well-formed");
        }
        assert_eq!((counts.states[10], counts.states[1]), (1, 1));
        assert_eq!((counts.received, counts.sent), (1, 21));
        assert_eq!(counts.add_line("0: 1 2 x"), None);
        let mut out = Families::default();
        counts.show(&mut out);
        let (name, family) = out.iter().next().expect("one family");
        assert_eq!((name, family.samples.len()), (STATES.name, 4));
    }

    #[test]
    fn the_kernel_knows_our_listener() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        let listening = samples.lines().find(|line| line.contains("\"listen\"")).expect("shown");
        assert!(!listening.ends_with("} 0"), "{samples}");
        drop(listener);
    }
}
