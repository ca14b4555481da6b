//! One request to a receiver, and what its answer means.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::scrape::config::{Protocol, RemoteWrite};
use crate::scrape::http::{Client, read_body};

/// What is shown of the body of a refusal.
const SHOWN: u64 = 1024;
/// Longest wait that a receiver can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Taken,
    /// It never will be.
    Refused(String),
    /// It is to be sent again; the receiver may say when.
    Again(String, Option<Duration>),
}

/// The headers of all requests.
pub fn headers(config: &RemoteWrite, user_agent: &HeaderValue) -> Result<HeaderMap, String> {
    let (kind, version) = match config.protocol {
        Protocol::V1 => ("application/x-protobuf", "0.1.0"),
        Protocol::V2 => ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0"),
    };
    let mut all = HeaderMap::new();
    for (name, value) in &config.headers {
        let bad = |()| format!("invalid header {name:?}");
        let key = HeaderName::try_from(name.as_str()).map_err(|_| bad(()))?;
        all.insert(key, HeaderValue::try_from(value.as_str()).map_err(|_| bad(()))?);
    }
    all.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    all.insert(header::CONTENT_ENCODING, HeaderValue::from_static("snappy"));
    all.insert(header::USER_AGENT, user_agent.clone());
    let name = HeaderName::from_static("x-prometheus-remote-write-version");
    all.insert(name, HeaderValue::from_static(version));
    Ok(all)
}

/// Sends a request.
pub async fn post(
    client: &Client,
    config: &RemoteWrite,
    headers: &HeaderMap,
    body: Bytes,
) -> Outcome {
    let asked = client.post(&config.url, headers, body);
    let response = match tokio::time::timeout(config.timeout, asked).await {
        Err(_) => return Outcome::Again(format!("no answer within {:?}", config.timeout), None),
        Ok(Err(err)) => return Outcome::Again(err.to_string(), None),
        Ok(Ok(response)) => response,
    };
    let status = response.status();
    let after = response.headers().get(header::RETRY_AFTER).and_then(wait);
    let mut body = Vec::new();
    // Read to its end, so that the connection can be used again; a longer one is of no interest.
    let read = read_body(response.into_body(), SHOWN, &mut body);
    let _ = tokio::time::timeout(config.timeout, read).await;
    if status.is_success() {
        return Outcome::Taken;
    }
    let text = String::from_utf8_lossy(&body);
    let text = text.lines().next().unwrap_or_default().trim();
    let colon = if text.is_empty() { "" } else { ": " };
    let reason = format!("server returned HTTP status {status}{colon}{text}");
    let busy = status == StatusCode::TOO_MANY_REQUESTS && config.retry_429;
    if status.is_server_error() || busy {
        Outcome::Again(reason, after)
    } else {
        Outcome::Refused(reason)
    }
}

/// Seconds, or a date.
fn wait(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            SystemTime::from(date).duration_since(SystemTime::now()).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_say_how_long_to_wait() {
        let wait = |text: &'static str| wait(&HeaderValue::from_static(text));
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("Wed, 21 Oct 2065 07:28:00 GMT"), Some(LONGEST_WAIT));
        assert_eq!(wait("soon"), None);
    }
}
