//! How an exporter answers: the exposition with gzip on request, a limit of requests at once, the
//! landing page, and the addresses it listens on.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::process;
use crate::catalogue::{Families, Metric, TEXT_FORMAT, write_text};

const REQUESTS: Metric = Metric::counter(
    "promhttp_metric_handler_requests_total",
    "Scrapes answered so far, by status code.",
)
.with(&["code"]);
const IN_FLIGHT: Metric = Metric::gauge(
    "promhttp_metric_handler_requests_in_flight",
    "Scrapes being answered right now.",
);
const ERRORS: Metric = Metric::counter(
    "promhttp_metric_handler_errors_total",
    "Scrapes that met an error, by its cause.",
)
.with(&["cause"]);

/// What an exporter may say about itself and its scrapes, besides [`process::METRICS`].
pub const METRICS: &[Metric] = &[REQUESTS, IN_FLIGHT, ERRORS];

/// Counts and limits the scrapes of one exporter.
#[derive(Debug)]
pub struct Scrapes {
    max_in_flight: u64,
    about_itself: bool,
    in_flight: AtomicU64,
    well: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    duplicates: AtomicU64,
}

impl Scrapes {
    /// At most `max_in_flight` scrapes at once (0: any number); `about_itself` adds the metrics of
    /// the process and of its scrapes to each answer.
    pub fn new(max_in_flight: u64, about_itself: bool) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            max_in_flight,
            about_itself,
            in_flight: zero(),
            well: zero(),
            failed: zero(),
            refused: zero(),
            duplicates: zero(),
        }
    }

    /// Lets a scrape begin, or answers 503 when too many are under way.
    pub fn begin(&self) -> Result<InFlight<'_>, Box<Response>> {
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        let guard = InFlight { scrapes: self };
        if self.max_in_flight > 0 && before >= self.max_in_flight {
            self.refused.fetch_add(1, Ordering::Relaxed);
            let text = format!("{} scrapes are under way already, try again\n", self.max_in_flight);
            return Err(Box::new((StatusCode::SERVICE_UNAVAILABLE, text).into_response()));
        }
        Ok(guard)
    }

    /// Writes the answer to a scrape. Duplicate series are counted and left out.
    pub fn answer(&self, mut families: Families, headers: &HeaderMap) -> Response {
        if self.about_itself {
            process::put(&mut families);
            let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
            families.put(&REQUESTS, &["200"], count(&self.well));
            families.put(&REQUESTS, &["500"], count(&self.failed));
            families.put(&REQUESTS, &["503"], count(&self.refused));
            families.put(&IN_FLIGHT, &[], count(&self.in_flight));
            families.put(&ERRORS, &["encoding"], 0.0);
            families.put(&ERRORS, &["gathering"], count(&self.duplicates));
        }
        let (response, duplicates) = page(&families, headers);
        if duplicates > 0 {
            self.duplicates.fetch_add(1, Ordering::Relaxed);
        }
        self.well.fetch_add(1, Ordering::Relaxed);
        response
    }

    /// Answers 500 with a reason.
    pub fn fail(&self, reason: String) -> Response {
        self.failed.fetch_add(1, Ordering::Relaxed);
        (StatusCode::INTERNAL_SERVER_ERROR, reason).into_response()
    }
}

/// A scrape under way; dropping it ends it.
#[derive(Debug)]
pub struct InFlight<'a> {
    scrapes: &'a Scrapes,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.scrapes.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Writes an exposition, with gzip if the scraper takes it; also tells how many series came twice and
/// were left out.
pub fn page(families: &Families, headers: &HeaderMap) -> (Response, usize) {
    let mut text = String::with_capacity(128 * 1024);
    let duplicates = write_text(families, &mut text);
    if duplicates > 0 {
        tracing::debug!(duplicates, "series that came twice were left out");
    }
    let mut response = HeaderMap::new();
    response.insert(header::CONTENT_TYPE, HeaderValue::from_static(TEXT_FORMAT));
    response.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if !accepts_gzip(headers) {
        return ((response, text).into_response(), duplicates);
    }
    response.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    ((response, gzip(text.as_bytes())).into_response(), duplicates)
}

/// Answers 400 with a reason.
pub fn bad_request(reason: impl Into<String>) -> Response {
    (StatusCode::BAD_REQUEST, reason.into() + "\n").into_response()
}

/// All values of a repeated query parameter such as `collect[]`.
pub fn parameters(query: Option<&str>, name: &str) -> Vec<String> {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .collect()
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let refused = |part: &str| {
                let weight = part.strip_prefix("q=").and_then(|q| q.parse::<f64>().ok());
                weight == Some(0.0)
            };
            parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"))
                && !parts.any(refused)
        })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let level = libdeflater::CompressionLvl::fastest();
    let mut compressor = libdeflater::Compressor::new(level);
    let mut out = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let length = compressor.gzip_compress(bytes, &mut out).expect("the bound is large enough");
    out.truncate(length);
    out
}

/// The landing page: a name, some lines of text, and links.
pub fn landing(title: &str, lines: &[String], links: &[(&str, &str)]) -> Html<String> {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><style>\
         body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem}\
         </style><title>",
    );
    let title = escape(title);
    write!(page, "{title}</title></head><body><h1>{title}</h1>").expect("writing to a string");
    for line in lines {
        write!(page, "<p>{}</p>", escape(line)).expect("writing to a string");
    }
    page.push_str("<ul>");
    for (target, text) in links {
        let (target, text) = (escape(target), escape(text));
        write!(page, "<li><a href=\"{target}\">{text}</a></li>").expect("writing to a string");
    }
    page.push_str("</ul></body></html>\n");
    Html(page)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Binds an address in the reference programs' notation; an empty host (`:9100`) means all
/// interfaces, IPv6 included where there is any.
pub fn bind(address: &str) -> io::Result<std::net::TcpListener> {
    let listener = match address.strip_prefix(':') {
        Some(port) => {
            let port: u16 = port.parse().map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidInput, format!("`{address}` has no port"))
            })?;
            std::net::TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).or_else(
                |err| match err.kind() {
                    io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(err),
                    _ => std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)),
                },
            )
        }
        None => std::net::TcpListener::bind(address),
    }?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_when_it_is_accepted() {
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts_gzip(&headers)
        };
        assert!(with("gzip"));
        assert!(with("deflate, gzip;q=0.5"));
        assert!(!with("gzip;q=0"));
        assert!(!with("deflate"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn one_scrape_too_many_is_refused() {
        let scrapes = Scrapes::new(1, false);
        let first = scrapes.begin().expect("the first may begin");
        let refused = scrapes.begin().expect_err("the second may not");
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(first);
        assert!(scrapes.begin().is_ok());
    }

    #[test]
    fn the_landing_page_escapes_what_it_shows() {
        let Html(page) = landing("a", &["<b>".to_owned()], &[("/x?a=1&b", "\"x\"")]);
        assert!(page.contains("&lt;b&gt;") && page.contains("/x?a=1&amp;b"), "{page}");
    }

    #[test]
    fn repeated_parameters_are_all_read() {
        let query = Some("collect[]=cpu&x=1&collect%5B%5D=arp");
        assert_eq!(parameters(query, "collect[]"), ["cpu", "arp"]);
        assert!(parameters(None, "collect[]").is_empty());
    }
}
