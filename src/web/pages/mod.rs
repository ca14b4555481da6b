//! The plain pages: rendered here, readable without any script. Their templates are in `ui/`.

mod chart;
mod graph;
mod home;
mod lists;
mod status;

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use minijinja::{AutoEscape, Environment, Output, Value, context};

use super::Prometheus;
use crate::model::Timestamp;

/// Pages in the order of the navigation.
const PAGES: [(&str, &str); 7] = [
    ("/", "Overview"),
    ("/graph", "Query"),
    ("/targets", "Targets"),
    ("/alerts", "Alerts"),
    ("/rules", "Rules"),
    ("/config", "Configuration"),
    ("/status", "Status"),
];

const TEMPLATES: [(&str, &str); 10] = [
    ("base.html", include_str!("../../../ui/base.html")),
    ("parts.html", include_str!("../../../ui/parts.html")),
    ("home.html", include_str!("../../../ui/home.html")),
    ("graph.html", include_str!("../../../ui/graph.html")),
    ("targets.html", include_str!("../../../ui/targets.html")),
    ("alerts.html", include_str!("../../../ui/alerts.html")),
    ("rules.html", include_str!("../../../ui/rules.html")),
    ("config.html", include_str!("../../../ui/config.html")),
    ("status.html", include_str!("../../../ui/status.html")),
    ("not_found.html", include_str!("../../../ui/not_found.html")),
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.add_filter("urlencode", |text: String| -> String {
        url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
    });
    environment.set_formatter(|out, state, value| {
        let is_plain_text = value.as_str().is_some() && !value.is_safe();
        match value.as_str() {
            Some(text) if is_plain_text && *state.auto_escape() == AutoEscape::Html => {
                escape(out, text)
            }
            _ => minijinja::escape_formatter(out, state, value),
        }
    });
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).expect("the tests render every template");
    }
    environment
});

/// Escapes what HTML reads, in texts and in quoted attributes; minijinja escapes slashes as well, which
/// makes every URL unreadable.
fn escape(out: &mut Output<'_>, text: &str) -> Result<(), minijinja::Error> {
    let write =
        |out: &mut Output<'_>, part: &str| out.write_str(part).map_err(minijinja::Error::from);
    let mut done = 0;
    for (index, byte) in text.bytes().enumerate() {
        let entity = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&#39;",
            _ => continue,
        };
        write(out, &text[done..index])?;
        write(out, entity)?;
        done = index + 1;
    }
    write(out, &text[done..])
}

/// All pages.
pub(super) fn router() -> Router<Arc<Prometheus>> {
    Router::new()
        .route("/", get(home::page))
        .route("/graph", get(graph::page))
        // Where links of newer alerts lead.
        .route("/query", get(graph::page))
        .route("/targets", get(lists::targets))
        .route("/alerts", get(lists::alerts))
        .route("/rules", get(lists::rules))
        .route("/config", get(status::config))
        .route("/status", get(status::status))
}

pub(super) use home::page as overview;

/// What every other path gets; endpoints of programs get a plain text.
pub(super) async fn not_found(State(web): State<Arc<Prometheus>>, uri: Uri) -> Response {
    let path = uri.path();
    if path.starts_with("/api/") || path.starts_with("/-/") {
        return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    }
    let mut response = render(&web, "not_found.html", "", context! { path => path });
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// A page from its template. `here` is its path in the navigation.
fn render(web: &Prometheus, template: &str, here: &str, context: Value) -> Response {
    let pages: Vec<Value> =
        PAGES.iter().map(|(path, name)| context! { path => *path, name => *name }).collect();
    let site = context! {
        title => &web.options.page_title,
        prefix => web.prefix(),
        style => include_str!("../../../ui/style.css"),
        pages => pages,
    };
    let page = ENVIRONMENT
        .get_template(template)
        .and_then(|page| page.render(context! { site => site, here => here, ..context }));
    match page {
        Ok(page) => {
            let headers = [
                (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                // No script, nothing from elsewhere: a label cannot do more than be read.
                (
                    header::CONTENT_SECURITY_POLICY,
                    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                     form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
                ),
            ];
            (headers, page).into_response()
        }
        Err(error) => {
            tracing::error!(%template, "cannot render the page: {error:#}");
            (StatusCode::INTERNAL_SERVER_ERROR, "the page cannot be rendered\n").into_response()
        }
    }
}

/// A time as the pages show it, in UTC; `never` where there was none.
fn show_time(time: Option<Timestamp>) -> String {
    time.and_then(|time| jiff::Timestamp::from_millisecond(time).ok()).map_or_else(
        || "never".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

/// A length of time as the pages show it: `1.2 s`, `3.4 ms`.
fn show_seconds(seconds: f64) -> String {
    match seconds {
        s if s >= 100.0 => format!("{s:.0} s"),
        s if s >= 1.0 => format!("{s:.1} s"),
        s if s >= 0.001 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.0} µs", s * 1e6),
    }
}

/// Bytes as the pages show them: `1.2 MiB`.
fn show_bytes(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if size < 1024.0 || unit == "TiB" {
            let decimals = usize::from(unit != "B" && size < 100.0);
            return format!("{size:.decimals$} {unit}");
        }
        size /= 1024.0;
    }
    unreachable!("the largest unit takes everything")
}

/// A number with its thousands apart: `12 345`.
fn show_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            // A thin space that does not break.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_easy_to_read() {
        assert_eq!(show_bytes(0), "0 B");
        assert_eq!(show_bytes(1536), "1.5 KiB");
        assert_eq!(show_bytes(300 << 20), "300 MiB");
        assert_eq!(show_count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(show_count(999), "999");
        assert_eq!(show_seconds(0.000_25), "250 µs");
        assert_eq!(show_seconds(0.0123), "12.3 ms");
        assert_eq!(show_time(None), "never");
    }
}
