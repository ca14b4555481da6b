//! Parameters from the URL and from posted forms, and the notations of times and durations.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{Accepts, ApiError};
use crate::model::{Matcher, TimeRange, Timestamp};
use crate::promql;

/// Longest form that is read; queries of dashboards are some kilobytes.
const FORM_LIMIT: usize = 10 << 20;

/// All parameters of a request; those of the form come before those of the URL.
#[derive(Debug, Clone, Default)]
pub(in crate::web) struct Params {
    pairs: Vec<(String, String)>,
    /// How the answer may be compressed.
    pub accepts: Accepts,
}

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = Response;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Self::Rejection> {
        let accepts = Accepts::from_headers(request.headers());
        let url: Vec<(String, String)> =
            decode(request.uri().query().unwrap_or_default().as_bytes());
        let is_form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        let mut pairs = Vec::new();
        if is_form {
            let body = to_bytes(request.into_body(), FORM_LIMIT).await.map_err(|error| {
                (StatusCode::PAYLOAD_TOO_LARGE, format!("cannot read the form: {error}\n"))
                    .into_response()
            })?;
            pairs = decode(&body);
        }
        pairs.extend(url);
        Ok(Self { pairs, accepts })
    }
}

fn decode(text: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

impl Params {
    /// First value of a parameter; empty where it is missing.
    pub fn get(&self, name: &str) -> &str {
        let first = self.pairs.iter().find(|(key, _)| key == name);
        first.map_or("", |(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A time, or the default where the parameter is missing.
    pub fn time(&self, name: &str, default: Timestamp) -> Result<Timestamp, ApiError> {
        match self.get(name) {
            "" => Ok(default),
            text => parse_time(text).ok_or_else(|| {
                let why = format!("cannot parse {text:?} to a valid timestamp");
                ApiError::parameter(name, format!("Invalid time value for '{name}': {why}"))
            }),
        }
    }

    /// A time that must be there, for range queries.
    pub fn required_time(&self, name: &str) -> Result<Timestamp, ApiError> {
        let text = self.get(name);
        parse_time(text).ok_or_else(|| {
            ApiError::parameter(name, format!("cannot parse {text:?} to a valid timestamp"))
        })
    }

    /// Milliseconds, `None` where the parameter is missing.
    pub fn duration(&self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.get(name) {
            "" => Ok(None),
            text => parse_duration_param(text)
                .map(Some)
                .map_err(|error| ApiError::parameter(name, error)),
        }
    }

    /// `limit`; 0 and a missing one mean no limit.
    pub fn limit(&self) -> Result<usize, ApiError> {
        let text = self.get("limit");
        if text.is_empty() {
            return Ok(usize::MAX);
        }
        match text.parse::<i64>() {
            Ok(0) => Ok(usize::MAX),
            Ok(limit) => usize::try_from(limit)
                .map_err(|_| ApiError::parameter("limit", "limit must be non-negative")),
            Err(_) => Err(ApiError::parameter("limit", format!("{text:?} is not a number"))),
        }
    }

    /// `start` and `end`, by default everything.
    pub fn range(&self) -> Result<TimeRange, ApiError> {
        Ok(TimeRange::new(
            self.time("start", TimeRange::ALL.start)?,
            self.time("end", TimeRange::ALL.end)?,
        ))
    }

    /// The selectors of `match[]`; each must exclude something.
    pub fn selectors(&self) -> Result<Vec<Vec<Matcher>>, ApiError> {
        self.all("match[]")
            .map(|text| {
                let matchers =
                    parse_selector(text).map_err(|error| ApiError::parameter("match[]", error))?;
                if matchers.iter().all(Matcher::matches_empty) {
                    let why = "match[] must contain at least one non-empty matcher";
                    return Err(ApiError::parameter("match[]", why));
                }
                Ok(matchers)
            })
            .collect()
    }
}

/// Seconds since 1970 with fractions, or RFC 3339; milliseconds.
pub(in crate::web) fn parse_time(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<f64>() {
        let millis = (seconds * 1000.0).round();
        // Go's times reach 292 million years; a NaN is no time.
        return (millis.abs() < 9.3e18).then_some(millis as i64);
    }
    // What clients send for "from the beginning" and "to the end" is beyond other calendars.
    match text {
        "-292273086-05-16T16:47:06Z" => return Some(TimeRange::ALL.start),
        "292277025-08-18T07:12:54.999999999Z" => return Some(TimeRange::ALL.end),
        _ => {}
    }
    let time: jiff::Timestamp = text.contains(['T', 't']).then(|| text.parse().ok()).flatten()?;
    Some(time.as_millisecond())
}

/// Seconds with fractions, or `1h30m`; milliseconds.
pub(in crate::web) fn parse_duration_param(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        let millis = seconds * 1000.0;
        // Go counts nanoseconds in 63 bits.
        if millis.is_nan() || millis.abs() > 9_223_372_036_854.0 {
            return Err(format!("cannot parse {text:?} to a valid duration. It overflows int64"));
        }
        return Ok(millis as i64);
    }
    crate::model::parse_duration(text)
        .ok()
        .and_then(|duration| i64::try_from(duration.as_millis()).ok())
        .ok_or_else(|| format!("cannot parse {text:?} to a valid duration"))
}

/// Matchers of a plain selector (`up{job="node"}`); the error has its place in front.
pub(in crate::web) fn parse_selector(text: &str) -> Result<Vec<Matcher>, String> {
    let selector = promql::parse_selector(text).map_err(|error| error.to_string())?;
    Ok(selector.plain_matchers().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        assert_eq!(parse_time("1435781451.781"), Some(1_435_781_451_781));
        assert_eq!(parse_time("-3"), Some(-3000));
        assert_eq!(parse_time("2015-07-01T20:10:51.781Z"), Some(1_435_781_451_781));
        assert_eq!(parse_time("2015-07-01T22:10:51.781+02:00"), Some(1_435_781_451_781));
        assert_eq!(parse_time("292277025-08-18T07:12:54.999999999Z"), Some(i64::MAX));
        for text in ["", "x", "NaN", "inf", "2015-07-01", "1e300"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_seconds_or_have_units() {
        assert_eq!(parse_duration_param("15"), Ok(15_000));
        assert_eq!(parse_duration_param("0.5"), Ok(500));
        assert_eq!(parse_duration_param("1h30m"), Ok(5_400_000));
        assert_eq!(
            parse_duration_param("x"),
            Err("cannot parse \"x\" to a valid duration".to_owned())
        );
        assert!(parse_duration_param("1e30").unwrap_err().contains("overflows"));
        assert!(parse_duration_param("NaN").is_err());
    }
}
