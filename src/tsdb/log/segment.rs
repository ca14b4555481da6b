//! A segment of the log as bytes: frames with a marker, a length and a checksum each, and what can
//! still be read of a segment that is torn or damaged (docs/format/log.md).

use std::ops::Range;

use memchr::memmem;

/// How a segment begins.
pub const HEADER: &[u8; 8] = b"stklog\x00\x01";
/// How a frame begins; looked for behind damage.
const MARKER: &[u8; 4] = b"\xf7SCF";
/// Marker, length of the payload, checksum of the payload.
const FRAME_HEADER: usize = 12;
/// A length beyond it is damage.
const LARGEST: usize = 1 << 30;

/// Appends a frame around what `put` writes.
pub fn put_frame(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(MARKER);
    out.extend_from_slice(&[0; 8]);
    put(out);
    let payload = start + FRAME_HEADER;
    let length = (out.len() - payload) as u32;
    let checksum = crc32fast::hash(&out[payload..]);
    out[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    out[start + 8..payload].copy_from_slice(&checksum.to_le_bytes());
}

/// The payload of the frame at this place, if a whole and sound one is there.
fn frame_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?.strip_prefix(MARKER)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    let payload = rest.get(..u32::from_le_bytes(*length) as usize)?;
    (crc32fast::hash(payload) == u32::from_le_bytes(*checksum)).then_some(payload)
}

/// What stands next in a segment that is read while it is written.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A sound frame: bytes of damage before it, where its payload lies, and where it ends.
    Frame {
        /// Damaged bytes in front of the frame.
        skipped: usize,
        /// The payload.
        payload: Range<usize>,
        /// Up to the end of the frame.
        length: usize,
    },
    /// None so far; to be asked again when there are more bytes, so many if that can be said.
    More(usize),
}

/// The next frame of a segment; `start` says that the bytes begin with its header. Damage is passed
/// over only if a sound frame comes behind it: what looks damaged at the end may be half written.
pub fn parse_next(bytes: &[u8], start: bool) -> Next {
    let begin = if start && bytes.starts_with(HEADER) { HEADER.len() } else { 0 };
    let mut at = begin;
    let mut needed = 0;
    while at < bytes.len() {
        if let Some(payload) = frame_at(bytes, at) {
            let payload = at + FRAME_HEADER..at + FRAME_HEADER + payload.len();
            return Next::Frame { skipped: at - begin, length: payload.end, payload };
        }
        if at == begin
            && let Some((length, _)) =
                bytes[at..].strip_prefix(MARKER).and_then(|rest| rest.split_first_chunk::<4>())
        {
            needed = FRAME_HEADER + u32::from_le_bytes(*length) as usize;
            // A half-written frame is not searched for others again and again.
            if bytes.len() - at < needed && needed < LARGEST {
                break;
            }
        }
        let next = memmem::find(&bytes[at + 1..], MARKER);
        at = next.map_or(bytes.len(), |distance| at + 1 + distance);
    }
    Next::More(if needed < LARGEST { needed } else { 0 })
}

/// What reading a segment found besides its frames.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Sound frames.
    pub frames: usize,
    /// Where bytes are damaged that have sound frames behind them.
    pub damaged: Vec<Range<usize>>,
    /// Where the bytes begin behind which no sound frame comes.
    pub torn: Option<usize>,
}

/// Hands on the payloads of all sound frames. `each` says whether it understood the frame; one that
/// it does not is damaged.
pub fn read(bytes: &[u8], mut each: impl FnMut(&[u8]) -> bool) -> Found {
    let mut found = Found::default();
    let mut at = if bytes.starts_with(HEADER) { HEADER.len() } else { 0 };
    let mut bad = (at == 0 && !bytes.is_empty()).then_some(0);
    while at < bytes.len() {
        match frame_at(bytes, at).filter(|payload| each(payload)) {
            Some(payload) => {
                if let Some(start) = bad.take() {
                    found.damaged.push(start..at);
                }
                found.frames += 1;
                at += FRAME_HEADER + payload.len();
            }
            None => {
                bad.get_or_insert(at);
                let next = memmem::find(&bytes[at + 1..], MARKER);
                at = next.map_or(bytes.len(), |distance| at + 1 + distance);
            }
        }
    }
    found.torn = bad;
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment() -> (Vec<u8>, Vec<usize>) {
        let mut bytes = HEADER.to_vec();
        let mut ends = Vec::new();
        for payload in [&b"one"[..], b"", b"three and more", b"four"] {
            put_frame(&mut bytes, |out| out.extend_from_slice(payload));
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    fn frames(bytes: &[u8]) -> (usize, Found) {
        let mut count = 0;
        let found = read(bytes, |_| {
            count += 1;
            true
        });
        (count, found)
    }

    #[test]
    fn a_whole_segment_has_no_damage() {
        let (bytes, _) = segment();
        assert_eq!(frames(&bytes), (4, Found { frames: 4, ..Found::default() }));
    }

    #[test]
    fn every_torn_tail_keeps_the_frames_before_it() {
        let (bytes, ends) = segment();
        for length in HEADER.len()..bytes.len() {
            let whole = ends.iter().filter(|&&end| end <= length).count();
            let kept = ends[..whole].last().copied().unwrap_or(HEADER.len());
            let torn = (kept != length).then_some(kept);
            let expected = Found { frames: whole, damaged: vec![], torn };
            assert_eq!(frames(&bytes[..length]), (whole, expected));
        }
    }

    #[test]
    fn damage_in_the_middle_costs_one_frame() {
        let (bytes, ends) = segment();
        for at in ends[1]..ends[2] {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x10;
            let (count, found) = frames(&bytes);
            assert_eq!((count, found.torn), (3, None));
            let [damaged] = &found.damaged[..] else { panic!("{found:?}") };
            assert_eq!(*damaged, ends[1]..ends[2]);
        }
    }

    #[test]
    fn a_damaged_header_costs_no_frame() {
        let (mut bytes, _) = segment();
        bytes[2] ^= 1;
        let (count, found) = frames(&bytes);
        assert_eq!((count, found.damaged.first()), (4, Some(&(0..HEADER.len()))));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
            read(&bytes, |_| true);
        }
    }
}
