//! Bodies of answers, never longer than allowed.

use std::io::Read;

use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::FetchError;

/// Reads the body into `out`, which is cleared first; stops beyond `limit` bytes.
pub(crate) async fn read_body(
    mut body: Incoming,
    limit: u64,
    out: &mut Vec<u8>,
) -> Result<(), FetchError> {
    out.clear();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|err| FetchError::Body(super::connect::explain(&err)))?;
        if let Some(data) = frame.data_ref() {
            if (out.len() + data.len()) as u64 > limit {
                return Err(FetchError::TooLarge);
            }
            out.extend_from_slice(data);
        }
    }
    Ok(())
}

/// Unpacks a gzip body into `out`, which is overwritten; `limit` bounds its length.
pub(in crate::scrape) fn gunzip(
    packed: &[u8],
    limit: u64,
    out: &mut Vec<u8>,
) -> Result<(), FetchError> {
    // The last four bytes say how long the result is, and may lie.
    let Some(claimed) = packed.last_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes)) else {
        return Err(FetchError::Body("gzip: unexpected EOF".to_owned()));
    };
    let claimed = claimed as usize;
    // Deflate cannot do better than about 1032 to 1.
    let plausible = claimed as u64 <= limit && claimed / 1100 <= packed.len();
    if plausible {
        out.clear();
        out.resize(claimed, 0);
        let mut decompressor = libdeflater::Decompressor::new();
        if decompressor.gzip_decompress(packed, out).is_ok_and(|length| length == claimed) {
            return Ok(());
        }
    }
    // Several members, a lie, or broken: the slow way tells which.
    out.clear();
    let mut reader = flate2::read::MultiGzDecoder::new(packed).take(limit + 1);
    reader.read_to_end(out).map_err(|err| FetchError::Body(format!("gzip: {err}")))?;
    if out.len() as u64 > limit { Err(FetchError::TooLarge) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn pack(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn one_and_several_members_are_unpacked() {
        let mut out = Vec::new();
        gunzip(&pack(b"hello"), 100, &mut out).unwrap();
        assert_eq!(out, b"hello");
        let both = [pack(b"hello "), pack(b"world")].concat();
        gunzip(&both, 100, &mut out).unwrap();
        assert_eq!(out, b"hello world");
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut out = Vec::new();
        let bomb = pack(&vec![0; 10 << 20]);
        assert!(matches!(gunzip(&bomb, 1 << 20, &mut out), Err(FetchError::TooLarge)));
        assert!(out.capacity() <= 4 << 20, "{}", out.capacity());
    }

    #[test]
    fn garbage_is_an_error() {
        let mut out = Vec::new();
        for garbage in [&b""[..], b"abc", b"not gzip at all", &pack(b"hello")[..12]] {
            assert!(matches!(gunzip(garbage, 1 << 20, &mut out), Err(FetchError::Body(_))));
        }
    }
}
