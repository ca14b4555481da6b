//! Prometheus' template functions.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use gotmpl::{Template, TemplateError as EngineError, Value};
use parking_lot::Mutex;
use regex::Regex;

use crate::promql::number::parse_duration;

use super::{State, humanize};

/// How deeply `tmpl` may call itself.
const MAX_NESTING: usize = 16;

/// All functions besides those of the engine, sorted; the check knows no others.
pub(super) const NAMES: &[&str] = &[
    "args",
    "externalURL",
    "first",
    "graphLink",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "label",
    "match",
    "now",
    "parseDuration",
    "pathPrefix",
    "query",
    "reReplaceAll",
    "safeHtml",
    "sortByLabel",
    "stripDomain",
    "stripPort",
    "strvalue",
    "tableLink",
    "title",
    "tmpl",
    "toDuration",
    "toLower",
    "toTime",
    "toUpper",
    "urlQueryEscape",
    "value",
];

/// The functions of Go's own template language.
pub(super) const BUILTIN: &[&str] = &[
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or",
    "print", "printf", "println", "slice", "urlquery",
];

type Answer = Result<Value, EngineError>;

fn fail(message: impl Into<String>) -> EngineError {
    EngineError::Exec(message.into())
}

/// The arguments, if there are exactly so many.
fn exactly<'a, const N: usize>(
    name: &str,
    args: &'a [Value],
) -> Result<&'a [Value; N], EngineError> {
    args.try_into().map_err(|_| EngineError::ArgCount {
        name: name.to_owned(),
        expected: N,
        got: args.len(),
    })
}

fn text<'a>(name: &str, value: &'a Value) -> Result<&'a str, EngineError> {
    value.as_str().ok_or_else(|| fail(format!("{name} wants a string, got {}", value.type_name())))
}

fn number(value: &Value) -> Result<f64, EngineError> {
    match value {
        Value::Float(value) => Ok(*value),
        Value::Int(value) => Ok(*value as f64),
        Value::Uint(value) => Ok(*value as f64),
        Value::String(text) => match &**text {
            "+Inf" | "Inf" => Ok(f64::INFINITY),
            "-Inf" => Ok(f64::NEG_INFINITY),
            text => text.parse().map_err(|_| {
                fail(format!(
                    "strconv.ParseFloat: parsing {}: invalid syntax",
                    crate::promql::quote::quote(text)
                ))
            }),
        },
        other => Err(fail(format!("can't convert {} to float", other.type_name()))),
    }
}

fn on_text(template: Template, name: &'static str, f: fn(&str) -> String) -> Template {
    template.func(name, move |args| {
        let [value] = exactly(name, args)?;
        Ok(Value::from(f(text(name, value)?)))
    })
}

fn on_number(
    template: Template,
    name: &'static str,
    f: fn(f64) -> Result<String, String>,
) -> Template {
    template.func(name, move |args| {
        let [value] = exactly(name, args)?;
        f(number(value)?).map(Value::from).map_err(fail)
    })
}

/// Functions of nothing but their arguments.
pub(super) fn pure(template: Template) -> Template {
    let template = on_text(template, "title", title);
    let template = on_text(template, "toUpper", str::to_uppercase);
    let template = on_text(template, "toLower", str::to_lowercase);
    let template = on_text(template, "safeHtml", str::to_owned);
    let template = on_text(template, "urlQueryEscape", query_escape);
    let template = on_text(template, "stripPort", strip_port);
    let template = on_text(template, "stripDomain", strip_domain);
    let template = on_text(template, "graphLink", |expr| {
        format!("/graph?g0.expr={}&g0.tab=0", query_escape(expr))
    });
    let template = on_text(template, "tableLink", |expr| {
        format!("/graph?g0.expr={}&g0.tab=1", query_escape(expr))
    });
    let template = on_number(template, "humanize", |value| Ok(humanize::decimal(value)));
    let template = on_number(template, "humanize1024", |value| Ok(humanize::binary(value)));
    let template = on_number(template, "humanizeDuration", |value| Ok(humanize::duration(value)));
    let template =
        on_number(template, "humanizePercentage", |value| Ok(humanize::percentage(value)));
    let template = on_number(template, "humanizeTimestamp", humanize::timestamp);
    let template = on_number(template, "toTime", humanize::timestamp);
    let template = on_number(template, "toDuration", humanize::go_duration);
    template
        .func("parseDuration", |args| {
            let [value] = exactly("parseDuration", args)?;
            let millis = parse_duration(text("parseDuration", value)?).map_err(fail)?;
            Ok(Value::Float(millis as f64 / 1000.0))
        })
        .func("match", |args| {
            let [pattern, value] = exactly("match", args)?;
            let pattern = regex(text("match", pattern)?)?;
            Ok(Value::Bool(pattern.is_match(text("match", value)?)))
        })
        .func("reReplaceAll", |args| {
            let [pattern, replacement, value] = exactly("reReplaceAll", args)?;
            let pattern = regex(text("reReplaceAll", pattern)?)?;
            let (value, with) = (text("reReplaceAll", value)?, text("reReplaceAll", replacement)?);
            Ok(Value::from(pattern.replace_all(value, with).into_owned()))
        })
        .func("args", |args| {
            let pairs: std::collections::BTreeMap<String, Value> = args
                .iter()
                .enumerate()
                .map(|(index, value)| (format!("arg{index}"), value.clone()))
                .collect();
            Ok(Value::from(pairs))
        })
        .func("first", |args| {
            let [elements] = exactly("first", args)?;
            match elements {
                Value::List(elements) => elements
                    .first()
                    .cloned()
                    .ok_or_else(|| fail("first() called on vector with no elements")),
                other => {
                    Err(fail(format!("first wants a query's result, got {}", other.type_name())))
                }
            }
        })
        .func("value", |args| {
            let [element] = exactly("value", args)?;
            field("value", element, "Value")
        })
        .func("label", |args| {
            let [name, element] = exactly("label", args)?;
            label("label", element, text("label", name)?)
        })
        .func("strvalue", |args| {
            let [element] = exactly("strvalue", args)?;
            label("strvalue", element, "__value__")
        })
        .func("sortByLabel", |args| {
            let [name, elements] = exactly("sortByLabel", args)?;
            let name = text("sortByLabel", name)?;
            let Value::List(elements) = elements else {
                let got = elements.type_name();
                return Err(fail(format!("sortByLabel wants a query's result, got {got}")));
            };
            let key = |element: &Value| {
                label("sortByLabel", element, name)
                    .ok()
                    .and_then(|value| value.as_str().map(str::to_owned))
            };
            let mut sorted = elements.to_vec();
            sorted.sort_by_cached_key(key);
            Ok(Value::from(sorted))
        })
}

/// Functions of the expansion under way.
pub(super) fn outward(template: Template, state: &Arc<Mutex<State>>) -> Template {
    let (url, path) = (Arc::clone(state), Arc::clone(state));
    let (now, queries) = (Arc::clone(state), Arc::clone(state));
    template
        .func("externalURL", move |args| {
            let [] = exactly("externalURL", args)?;
            Ok(Value::from(url.lock().external_url.as_str()))
        })
        .func("pathPrefix", move |args| {
            let [] = exactly("pathPrefix", args)?;
            Ok(Value::from(path_prefix(&path.lock().external_url)))
        })
        .func("now", move |args| {
            let [] = exactly("now", args)?;
            Ok(Value::Float(now.lock().now as f64 / 1000.0))
        })
        .func("query", move |args| {
            let [query] = exactly("query", args)?;
            let query = text("query", query)?;
            let mut state = queries.lock();
            match state.answers.get(query) {
                Some(answer) => answer.clone().map_err(fail),
                None => {
                    state.wanted = Some(query.to_owned());
                    Err(fail("waiting for a query"))
                }
            }
        })
}

/// `tmpl`: expands a template that `define` names, whose name may be computed.
pub(super) fn nesting(template: Template, own: Arc<OnceLock<Weak<Template>>>) -> Template {
    let depth = AtomicUsize::new(0);
    template.func("tmpl", move |args| {
        let [name, data] = exactly("tmpl", args)?;
        let name = text("tmpl", name)?;
        let template = own.get().and_then(Weak::upgrade).ok_or_else(|| fail("no template"))?;
        if depth.fetch_add(1, Ordering::Relaxed) >= MAX_NESTING {
            depth.fetch_sub(1, Ordering::Relaxed);
            return Err(fail(format!("tmpl is nested more than {MAX_NESTING} levels deep")));
        }
        let result = template.execute_template_to_string(name, data);
        depth.fetch_sub(1, Ordering::Relaxed);
        result.map(Value::from)
    })
}

fn regex(pattern: &str) -> Result<Regex, EngineError> {
    Regex::new(pattern).map_err(|err| {
        let text = err.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        fail(format!("error parsing regexp: {reason}"))
    })
}

fn field(function: &str, element: &Value, name: &str) -> Answer {
    element.field(name).cloned().ok_or_else(|| {
        fail(format!(
            "{function} wants an element of a query's result, got {}",
            element.type_name()
        ))
    })
}

fn label(function: &str, element: &Value, name: &str) -> Answer {
    let labels = field(function, element, "Labels")?;
    Ok(labels.field(name).cloned().unwrap_or_else(|| Value::from("")))
}

/// The first letter of each word as a capital.
fn title(text: &str) -> String {
    let mut inside = false;
    text.chars()
        .flat_map(|c| {
            let starts = !inside;
            inside = c.is_alphanumeric() || c == '_' || c == '\'';
            let upper: Vec<char> = if starts { c.to_uppercase().collect() } else { vec![c] };
            upper
        })
        .collect()
}

/// As a value in a URL's query: a blank becomes `+`.
fn query_escape(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").expect("a String takes everything"),
        }
    }
    out
}

/// Host and port; `None` where there is no port.
fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:")?,
        None => text.rsplit_once(':')?,
    };
    let plain = !host.contains(['[', ']']) && !port.contains([':', '[', ']']);
    let bracketed = text.starts_with('[');
    (plain && (bracketed || !host.contains(':'))).then_some((host, port))
}

fn strip_port(text: &str) -> String {
    split_host_port(text).map_or(text, |(host, _)| host).to_owned()
}

fn strip_domain(text: &str) -> String {
    let (host, port) = split_host_port(text).map_or((text, ""), |pair| pair);
    if host.parse::<IpAddr>().is_ok() {
        return text.to_owned();
    }
    let host = host.split('.').next().unwrap_or_default();
    match port {
        "" => host.to_owned(),
        port if host.contains(':') => format!("[{host}]:{port}"),
        port => format!("{host}:{port}"),
    }
}

fn path_prefix(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(url) if url.path() != "/" => url.path().to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_for_the_search() {
        assert!(NAMES.is_sorted());
        assert!(BUILTIN.is_sorted());
    }

    #[test]
    fn hosts_lose_ports_and_domains() {
        for (input, without_port, without_domain) in [
            ("web.example.org:9100", "web.example.org", "web:9100"),
            ("web.example.org", "web.example.org", "web"),
            ("web:9100", "web", "web:9100"),
            ("10.0.0.1:9100", "10.0.0.1", "10.0.0.1:9100"),
            ("[::1]:9100", "::1", "[::1]:9100"),
            ("::1", "::1", "::1"),
            ("", "", ""),
        ] {
            assert_eq!(strip_port(input), without_port, "{input}");
            assert_eq!(strip_domain(input), without_domain, "{input}");
        }
    }

    #[test]
    fn texts_are_escaped_and_capitalised() {
        assert_eq!(query_escape("a b&c=\"ü\"*~"), "a+b%26c%3D%22%C3%BC%22%2A~");
        assert_eq!(title("disk is full (it's /var)"), "Disk Is Full (It's /Var)");
        assert_eq!(path_prefix("http://h:9090/prom"), "/prom");
        assert_eq!(path_prefix("http://h:9090"), "");
    }
}
