//! Answers that succeed, compressed as the client likes.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::web::json::{write_float, write_string};

/// Below this length compression costs more than it saves.
const WORTH_IT: usize = 1024;
/// Most warnings, and most infos, in one answer.
const MOST_NOTES: usize = 10;

/// How a client lets answers be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::web) struct Accepts {
    gzip: bool,
    zstd: bool,
}

impl Accepts {
    /// Reads `Accept-Encoding`.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut accepts = Self::default();
        for value in headers.get_all(header::ACCEPT_ENCODING) {
            for part in value.to_str().unwrap_or_default().split(',') {
                let (name, quality) = part.split_once(';').unwrap_or((part, ""));
                let quality = quality.trim().strip_prefix("q=").unwrap_or("1");
                let is_welcome = quality.trim().parse().unwrap_or(1.0) > 0.0;
                match name.trim() {
                    "gzip" => accepts.gzip = is_welcome,
                    "zstd" => accepts.zstd = is_welcome,
                    _ => {}
                }
            }
        }
        accepts
    }
}

/// A finite float as Go writes it, with the shortest digits: `2`, not `2.0`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Vec::new();
        write_float(&mut text, self.0);
        let text = String::from_utf8(text).map_err(serde::ser::Error::custom)?;
        let raw = serde_json::value::RawValue::from_string(text);
        raw.map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// A body, compressed if the client can read it and it is worth it. Takes time: for long bodies call
/// it on a computing thread.
pub(in crate::web) fn compressed(body: Vec<u8>, kind: &'static str, accepts: Accepts) -> Response {
    let (encoding, body) = compress(body, accepts);
    let mut response = Body::from(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    response
}

fn compress(body: Vec<u8>, accepts: Accepts) -> (Option<&'static str>, Vec<u8>) {
    if body.len() < WORTH_IT {
        return (None, body);
    }
    if accepts.zstd
        && let Ok(packed) = zstd::bulk::compress(&body, 1)
    {
        return (Some("zstd"), packed);
    }
    if accepts.gzip {
        let mut compressor =
            libdeflater::Compressor::new(libdeflater::CompressionLvl::new(3).unwrap_or_default());
        let mut packed = vec![0; compressor.gzip_compress_bound(body.len())];
        if let Ok(length) = compressor.gzip_compress(&body, &mut packed) {
            packed.truncate(length);
            return (Some("gzip"), packed);
        }
    }
    (None, body)
}

/// An answer in the making: `{"status":"success","data":…`.
pub(in crate::web) struct Reply {
    body: Vec<u8>,
}

impl Reply {
    /// Begins with what the function writes as `data`.
    pub fn written(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut body = Vec::from(&b"{\"status\":\"success\",\"data\":"[..]);
        write(&mut body);
        Self { body }
    }

    /// Begins with a value as `data`.
    pub fn data(data: &impl Serialize) -> Self {
        Self::written(|out| {
            serde_json::to_writer(out, data)
                .expect("answers have string keys and no failing parts");
        })
    }

    /// Adds `warnings` or `infos` if there are any.
    pub fn notes<S: AsRef<str>>(mut self, name: &str, notes: &[S]) -> Self {
        let mut separator = format!(",\"{name}\":[");
        for note in notes.iter().take(MOST_NOTES) {
            self.body.extend_from_slice(separator.as_bytes());
            write_string(&mut self.body, note.as_ref());
            ",".clone_into(&mut separator);
        }
        if !notes.is_empty() {
            self.body.push(b']');
        }
        self
    }

    /// Adds the warning that a limit cut the result.
    pub fn truncated(self, is_truncated: bool) -> Self {
        let notes: &[&str] = if is_truncated { &["results truncated due to limit"] } else { &[] };
        self.notes("warnings", notes)
    }

    /// The finished response.
    pub fn finish(mut self, accepts: Accepts) -> Response {
        self.body.push(b'}');
        compressed(self.body, "application/json", accepts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_accepted_compression_is_taken() {
        let check = |header: &'static str, expected| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(header));
            let (encoding, _) = compress(vec![b'a'; 5000], Accepts::from_headers(&headers));
            assert_eq!(encoding, expected, "{header}");
        };
        check("gzip, deflate", Some("gzip"));
        check("gzip, deflate, br, zstd", Some("zstd"));
        check("zstd;q=0, gzip;q=0.5", Some("gzip"));
        check("identity", None);
    }

    #[test]
    fn at_most_ten_notes_are_told() {
        let notes: Vec<String> = (0..12).map(|number| format!("note {number}")).collect();
        let reply = Reply::data(&1).notes("infos", &notes).notes::<&str>("warnings", &[]);
        let text = String::from_utf8(reply.body).unwrap();
        assert!(text.starts_with(r#"{"status":"success","data":1,"infos":["note 0","#), "{text}");
        assert!(text.ends_with(r#","note 9"]"#), "{text}");
    }
}
