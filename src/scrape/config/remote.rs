//! What Prometheus refuses of receivers, URLs, traces and patterns when it loads its configuration.

use super::check::Checked;
use crate::wire::prometheus as wire;

/// Headers that the protocol sets itself.
const RESERVED: &[&str] = &[
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
];

/// Headers of a receiver.
pub(super) fn headers<'a>(names: impl Iterator<Item = &'a String>) -> Checked {
    for name in names {
        let lower = name.to_lowercase();
        if lower == "authorization" {
            return Err("authorization header must be changed via the basic_auth, authorization, oauth2, sigv4, azuread or google_iam parameter".to_owned());
        }
        if RESERVED.contains(&lower.as_str()) {
            return Err(format!("{name} is a reserved header. It must not be changed"));
        }
    }
    Ok(())
}

/// A URL as Go reads it: relative ones pass, only what cannot be taken apart does not.
pub(super) fn url(text: &str) -> Checked {
    let wrong = |reason: &str| Err(format!("parse {text:?}: {reason}"));
    if text.chars().any(|c| c.is_ascii_control()) {
        return wrong("net/url: invalid control character in URL");
    }
    let first = text.split(['/', '?', '#']).next().unwrap_or_default();
    let rest = match first.split_once(':') {
        Some(("", _)) => return wrong("missing protocol scheme"),
        Some((scheme, _)) => {
            let letter = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
            if !letter || !scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) {
                return wrong("first path segment in URL cannot contain colon");
            }
            &text[scheme.len() + 1..]
        }
        None => text,
    };
    if let Some(rest) = rest.strip_prefix("//") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let port = match (host.strip_prefix('['), host.rsplit_once(']')) {
            (Some(_), None) => return wrong("missing ']' in host"),
            (Some(_), Some((_, port))) => port.strip_prefix(':').unwrap_or(port),
            (None, _) => host.rsplit_once(':').map_or("", |(_, port)| port),
        };
        if !port.chars().all(|c| c.is_ascii_digit()) {
            return wrong(&format!("invalid port \":{port}\" after host"));
        }
        if let Some(c) = host.chars().find(|c| " <>\"{}|\\^`".contains(*c)) {
            return wrong(&format!("invalid character {:?} in host name", c.to_string()));
        }
    }
    let path = rest.split('?').next().unwrap_or_default();
    let escape = |at: usize| path.get(at + 1..at + 3).unwrap_or_default();
    let hex = |text: &str| text.len() == 2 && text.chars().all(|c| c.is_ascii_hexdigit());
    match path.match_indices('%').find(|(at, _)| !hex(escape(*at))) {
        Some((at, _)) => wrong(&format!("invalid URL escape {:?}", format!("%{}", escape(at)))),
        None => Ok(()),
    }
}

/// Versions of TLS.
pub(super) fn tls_versions(tls: &wire::TlsConfig) -> Checked {
    let number = |version: &Option<String>| match version.as_deref() {
        None | Some("") => Ok(None),
        Some("TLS10") => Ok(Some(10)),
        Some("TLS11") => Ok(Some(11)),
        Some("TLS12") => Ok(Some(12)),
        Some("TLS13") => Ok(Some(13)),
        Some(other) => Err(format!("unknown TLS version: {other}")),
    };
    match (number(&tls.min_version)?, number(&tls.max_version)?) {
        (Some(min), Some(max)) if max < min => Err("tls_config.max_version must be greater than or equal to tls_config.min_version if both are specified".to_owned()),
        _ => Ok(()),
    }
}

/// A star only in the last part of the path.
pub(super) fn pattern(what: &str, pattern: &str) -> Checked {
    let parts = pattern.find('*').map(|star| &pattern[star + 1..]);
    // One star, and nothing but the name behind it.
    match parts {
        Some(rest) if rest.contains('/') => Err(format!("invalid {what} path {pattern:?}")),
        _ => Ok(()),
    }
}

/// Where traces go; what they hold is nothing to a store without traces.
pub(super) fn tracing(tracing: Option<&serde_yaml::Value>) -> Checked {
    const KNOWN: &[&str] = &[
        "client_type",
        "endpoint",
        "sampling_fraction",
        "insecure",
        "tls_config",
        "headers",
        "compression",
        "timeout",
    ];
    let Some(serde_yaml::Value::Mapping(fields)) = tracing else { return Ok(()) };
    for name in fields.keys().filter_map(serde_yaml::Value::as_str) {
        if !KNOWN.contains(&name) {
            return Err(format!("tracing: unknown field {name:?}"));
        }
    }
    let text = |name: &str| fields.get(name).and_then(serde_yaml::Value::as_str);
    if text("endpoint").is_none_or(str::is_empty) {
        return Err("tracing endpoint must be set".to_owned());
    }
    match text("client_type") {
        None | Some("" | "http" | "grpc") => Ok(()),
        Some(_) => Err("expected tracing client type to be one of http or grpc".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_those_that_go_takes_apart() {
        for right in
            ["", "x", "/a?b=:c", "http://x:1/a", "http://[::1]:9/a", "//h", "a/b:c", "h:p@x"]
        {
            assert_eq!(url(right), Ok(()), "{right}");
        }
        for wrong in [":x", "1:x", "http://[x", "http://x:a", "http://a b", "http://x/%zz", "a\nb"]
        {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn versions_and_patterns_are_checked() {
        let tls = |min: &str, max: &str| wire::TlsConfig {
            min_version: Some(min.to_owned()),
            max_version: Some(max.to_owned()),
            ..wire::TlsConfig::default()
        };
        assert_eq!(tls_versions(&tls("TLS12", "TLS13")), Ok(()));
        assert!(tls_versions(&tls("TLS13", "TLS12")).is_err());
        assert_eq!(tls_versions(&tls("TLS14", "")), Err("unknown TLS version: TLS14".to_owned()));
        assert_eq!(pattern("rule file", "a/b/*.yml"), Ok(()));
        assert!(pattern("rule file", "*/b.yml").is_err());
    }
}
