//! What the driver of a network device says of itself, and its counters: the answers to
//! `ETHTOOL_GDRVINFO`, `ETHTOOL_GSTRINGS` and `ETHTOOL_GSTATS` (linux/ethtool.h).

use std::io;

use super::ethtool_ioctl::{Asking, Question, ROOM};
use super::netlink::Attributes;

/// Bytes of a text in an answer; behind a shorter one there are zeros.
const TEXT: usize = 32;

/// `struct ethtool_drvinfo`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Driver {
    pub name: String,
    pub version: String,
    pub firmware: String,
    pub bus: String,
    pub rom: String,
    counters: u32,
}

impl Driver {
    /// Fails with `Unsupported` (`EOPNOTSUPP`) for a device whose driver tells nothing, with `ENODEV` for
    /// one that is gone.
    pub(super) fn ask(asking: &mut Asking, device: &str) -> io::Result<Self> {
        Self::read(asking.ask(device, Question::Driver, [0; 2])?)
    }

    /// Behind the number of the question there are five texts, 12 bytes nobody uses, and five numbers, the
    /// second of which counts the counters.
    fn read(answer: &[u8]) -> io::Result<Self> {
        let text = |at: usize| answer.get(4 + at * TEXT..4 + (at + 1) * TEXT).map(Attributes::text);
        let read = || {
            Some(Self {
                name: text(0)?,
                version: text(1)?,
                firmware: text(2)?,
                bus: text(3)?,
                rom: text(4)?,
                counters: word(answer, 180)?,
            })
        };
        read().ok_or_else(cut)
    }

    /// The names and values of its counters, as the driver calls them. None when it has none.
    pub(super) fn counters(
        &self,
        asking: &mut Asking,
        device: &str,
    ) -> io::Result<Vec<(String, u64)>> {
        /// `ETH_SS_STATS`
        const COUNTERS: u32 = 1;
        let mut count = self.counters;
        // Queues come and go, and their counters with them: names and values that are not equally many
        // are of different moments.
        for _ in 0..3 {
            if count == 0 {
                return Ok(Vec::new());
            }
            if count as usize > ROOM / TEXT - 1 {
                return Err(io::Error::other(format!("{count} counters are too many")));
            }
            let names = names(asking.ask(device, Question::Names, [COUNTERS, count])?)?;
            let values = values(asking.ask(device, Question::Counters, [count, 0])?)?;
            if names.len() == values.len() && !names.is_empty() {
                return Ok(names.into_iter().zip(values).collect());
            }
            count = Self::ask(asking, device)?.counters;
        }
        Err(io::Error::other("its counters change while they are read"))
    }
}

/// `struct ethtool_gstrings`: question, which texts, how many; then the texts.
fn names(answer: &[u8]) -> io::Result<Vec<String>> {
    let count = word(answer, 8).ok_or_else(cut)? as usize;
    let texts = count.checked_mul(TEXT).and_then(|length| answer[12..].get(..length));
    Ok(texts.ok_or_else(cut)?.chunks_exact(TEXT).map(Attributes::text).collect())
}

/// `struct ethtool_stats`: question, how many; then the values.
fn values(answer: &[u8]) -> io::Result<Vec<u64>> {
    let count = word(answer, 4).ok_or_else(cut)? as usize;
    let values = count.checked_mul(8).and_then(|length| answer[8..].get(..length));
    Ok(values.ok_or_else(cut)?.chunks_exact(8).map(Attributes::number).collect())
}

fn word(answer: &[u8], at: usize) -> Option<u32> {
    answer.get(at..at + 4).map(Attributes::u32)
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the driver's answer is cut off")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<const N: usize>(texts: [&str; N]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            bytes.extend(text.as_bytes());
            bytes.resize((at + 1) * TEXT, 0);
        }
        bytes
    }

    fn words<const N: usize>(words: [u32; N]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    #[test]
    fn a_driver_tells_its_name() {
        let told = texts(["e1000e", "5.11.0-22-generic", "0.5-4", "0000:00:1f.6", ""]);
        let answer = [words([3]), told, vec![0; 12], words([2, 12, 4, 0, 0])].concat();
        let driver = Driver::read(&answer).expect("complete");
        assert_eq!((&*driver.name, &*driver.version), ("e1000e", "5.11.0-22-generic"));
        assert_eq!((&*driver.firmware, &*driver.rom), ("0.5-4", ""));
        assert_eq!((&*driver.bus, driver.counters), ("0000:00:1f.6", 12));
        assert!(Driver::read(&answer[..180]).is_err());
    }

    #[test]
    fn names_and_values_are_as_many_as_the_kernel_says() {
        // A text may fill its place to the last byte; what is behind the last one is of an earlier answer.
        let long = "a_counter_with_a_name_of_32_byte";
        let mut answer = [words([0x1b, 1, 2]), texts(["rx_packets", long, "old"])].concat();
        assert_eq!(names(&answer).expect("complete"), ["rx_packets", long]);
        answer[8..12].copy_from_slice(&4_u32.to_ne_bytes());
        assert!(names(&answer).is_err(), "more than there is room for");
        answer[8..12].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert!(names(&answer).is_err());
        let mut answer = [words([0x1d, 1]), 7_u64.to_ne_bytes().to_vec(), vec![1; 8]].concat();
        assert_eq!(values(&answer).expect("complete"), [7]);
        answer[4..8].copy_from_slice(&3_u32.to_ne_bytes());
        assert!(values(&answer).is_err());
    }

    /// The loopback device's driver tells nothing on any kernel; one that is gone is told from that.
    #[test]
    fn devices_without_an_answer_are_told_apart() {
        let mut asking = Asking::new().expect("a socket and a mapping");
        let err = Driver::ask(&mut asking, "lo").expect_err("it has no counters");
        assert_eq!(err.kind(), io::ErrorKind::Unsupported, "{err}");
        let err = Driver::ask(&mut asking, "stackctl-gone").expect_err("there is none");
        assert_eq!(err.raw_os_error(), Some(libc::ENODEV), "{err}");
        let gone = Driver { counters: 3, ..Driver::default() };
        assert!(gone.counters(&mut asking, "stackctl-gone").is_err());
    }
}
