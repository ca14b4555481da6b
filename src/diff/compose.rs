//! A compose file -> services, networks, volumes, secrets.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::fields::{Fields, normal, scalar, value};
use super::model::{Kind, Model, Thing, Value};

/// What a service is without a word about it.
const SERVICE: [(&str, &str); 6] = [
    ("restart", "no"),
    ("read_only", "false"),
    ("privileged", "false"),
    ("init", "false"),
    ("stdin_open", "false"),
    ("tty", "false"),
];

/// Attribute of a service: its ports on the host.
pub const PORTS: &str = "ports";
/// Flags that are settings of Prometheus.
const RETENTION: [(&str, &str); 2] = [
    ("--storage.tsdb.retention.time", "retention time"),
    ("--storage.tsdb.retention.size", "retention size"),
];

/// Reads the file.
pub fn read(file: Json, model: &mut Model) {
    let mut fields = Fields::of(file);
    // It has meant nothing for years.
    fields.take("version");
    for (name, service) in fields.entries("services") {
        let (thing, retention) = self::service(name, service);
        model.push(thing);
        if !retention.is_empty() {
            model.only(Kind::Prometheus).attributes.extend(retention);
        }
    }
    for (kind, key) in
        [(Kind::Network, "networks"), (Kind::Volume, "volumes"), (Kind::Secret, "secrets")]
    {
        for (name, settings) in fields.entries(key) {
            let mut thing = Thing::new(kind, name);
            let usual = [("external", "false"), ("internal", "false"), ("driver", "local")];
            Fields::of(settings).rest(&usual, &mut thing);
            model.push(thing);
        }
    }
    let mut thing = Thing::new(Kind::Stack, "");
    // Extensions are there to be referred to.
    let Json::Object(rest) = fields.whole() else { return };
    let rest = rest.into_iter().filter(|(key, _)| !key.starts_with("x-"));
    Fields::of(rest.collect()).rest(&[], &mut thing);
    if !thing.attributes.is_empty() {
        model.push(thing);
    }
}

fn service(name: String, service: Json) -> (Thing, BTreeMap<String, Value>) {
    let mut thing = Thing::new(Kind::Service, name);
    let mut fields = Fields::of(service);
    if let Some(context) = fields.text_only("build") {
        thing.set("build.context", Value::Text(context));
    }
    for (name, text) in fields.pairs("environment") {
        let value = value(&name, without_complaint(text));
        thing.set(format!("env {name}"), value);
    }
    for (name, text) in fields.pairs("labels") {
        thing.set(format!("container label {name}"), Value::Text(text));
    }
    set(&mut thing, PORTS, fields.items("ports").into_iter().map(port).collect());
    let exposed = fields.texts("expose");
    let exposed = exposed.iter().map(|port| port.trim_end_matches("/tcp").to_owned());
    set(&mut thing, "expose", exposed.collect());
    for mount in fields.items("volumes") {
        let (target, source) = self::mount(mount);
        thing.set(format!("mount {target}"), Value::Text(source));
    }
    let networks = match fields.take("networks") {
        Some(Json::Object(map)) => map.into_iter().map(|(name, _)| name).collect(),
        Some(Json::Array(list)) => list.iter().filter_map(scalar).collect(),
        _ => BTreeSet::new(),
    };
    set(&mut thing, "networks", networks);
    match fields.take("depends_on") {
        Some(Json::Array(list)) => {
            for name in list.iter().filter_map(scalar) {
                thing.set(format!("depends_on {name}"), Value::Text("service_started".to_owned()));
            }
        }
        Some(Json::Object(map)) => {
            for (name, dependency) in map {
                let condition = Fields::of(dependency).text("condition");
                let condition = condition.unwrap_or_else(|| "service_started".to_owned());
                thing.set(format!("depends_on {name}"), Value::Text(condition));
            }
        }
        _ => {}
    }
    let mut secrets = BTreeSet::new();
    for secret in fields.items("secrets") {
        secrets.extend(scalar(&secret).or_else(|| Fields::of(secret).text("source")));
    }
    set(&mut thing, "secrets", secrets);
    if let Some(check) = fields.take("healthcheck") {
        let mut check = Fields::of(check);
        let test: Vec<String> = match check.take("test") {
            Some(Json::String(line)) => vec!["CMD-SHELL".to_owned(), line],
            Some(Json::Array(list)) => list.iter().filter_map(scalar).collect(),
            _ => Vec::new(),
        };
        // Whether a shell splits the words or compose has them one by one, it asks the same.
        let said = match &test[..] {
            [kind, line] if kind == "CMD-SHELL" => Some(line.clone()),
            [kind, words @ ..] if kind == "CMD" => Some(command_line(words)),
            [] => None,
            other => Some(other.join(" ")),
        };
        if let Some(said) = said {
            thing.set("healthcheck", Value::Text(said));
        }
        let mut inner = Thing::new(Kind::Service, "");
        check.rest(&[("disable", "false")], &mut inner);
        for (name, value) in inner.attributes {
            thing.set(format!("healthcheck.{name}"), value);
        }
    }
    let mut retention = BTreeMap::new();
    for key in ["entrypoint", "command"] {
        let words = match fields.take(key) {
            Some(Json::String(line)) => shlex::split(&line).unwrap_or_else(|| vec![line]),
            Some(Json::Array(list)) => list.iter().filter_map(scalar).collect(),
            _ => continue,
        };
        self::words(&mut thing, key, words, &mut retention);
    }
    let hosts = match fields.take("extra_hosts") {
        Some(Json::Array(list)) => {
            list.iter().filter_map(scalar).map(|host| host.replacen('=', ":", 1)).collect()
        }
        Some(Json::Object(map)) => map
            .iter()
            .filter_map(|(name, address)| Some(format!("{name}:{}", scalar(address)?)))
            .collect(),
        _ => BTreeSet::new(),
    };
    set(&mut thing, "extra_hosts", hosts);
    fields.rest(&SERVICE, &mut thing);
    (thing, retention)
}

fn set(thing: &mut Thing, name: &str, values: BTreeSet<String>) {
    if !values.is_empty() {
        thing.set(name, Value::Set(values));
    }
}

/// Words as a shell takes them.
fn command_line(words: &[String]) -> String {
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// A text without what compose says where a variable is missing.
fn without_complaint(text: String) -> String {
    match text.split_once(":?") {
        Some((name, rest)) if name.starts_with("${") && rest.find('}') == Some(rest.len() - 1) => {
            format!("{name}:?}}")
        }
        _ => text,
    }
}

/// A command line: one attribute for each flag where there are only flags, since their order means
/// nothing, else the words in their order.
pub(super) fn words(
    thing: &mut Thing,
    key: &str,
    words: Vec<String>,
    retention: &mut BTreeMap<String, Value>,
) {
    if words.is_empty() || !words.iter().all(|word| word.starts_with("--") && word.len() > 2) {
        if !words.is_empty() {
            thing.set(key, Value::Text(command_line(&words)));
        }
        return;
    }
    let mut flags: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for word in words {
        let (flag, value) = word.split_once('=').unwrap_or((&word, "true"));
        flags.entry(flag.to_owned()).or_default().insert(normal("_age", value));
    }
    for (flag, values) in flags {
        let single = values.len() == 1;
        let value = match values.first() {
            Some(only) if single => Value::Text(only.clone()),
            _ => Value::Set(values),
        };
        match RETENTION.iter().find(|(known, _)| *known == flag) {
            Some((_, name)) => {
                retention.insert((*name).to_owned(), value);
            }
            None => thing.set(flag, value),
        }
    }
}

/// A port as `address:host:container[/udp]`; the address is said even where compose has its own.
fn port(port: Json) -> String {
    let short = |text: &str| {
        let (rest, protocol) = match text.split_once('/') {
            Some((rest, "tcp")) => (rest, String::new()),
            Some((rest, protocol)) => (rest, format!("/{protocol}")),
            None => (text, String::new()),
        };
        let (outside, inside) = rest.rsplit_once(':').unwrap_or(("", rest));
        match outside.rsplit_once(':') {
            Some((address, host)) => format!("{address}:{host}:{inside}{protocol}"),
            None if outside.is_empty() => format!("0.0.0.0:any:{inside}{protocol}"),
            None => format!("0.0.0.0:{outside}:{inside}{protocol}"),
        }
    };
    match scalar(&port) {
        Some(text) => short(&text),
        None => {
            let mut fields = Fields::of(port);
            let mut text =
                |key: &str, usual: &str| fields.text(key).unwrap_or_else(|| usual.to_owned());
            let (target, protocol) = (text("target", ""), text("protocol", "tcp"));
            let (address, host) = (text("host_ip", "0.0.0.0"), text("published", "any"));
            short(&format!("{address}:{host}:{target}/{protocol}"))
        }
    }
}

/// Where a mount lies inside, and what it shows.
fn mount(mount: Json) -> (String, String) {
    if let Some(text) = scalar(&mount) {
        let parts: Vec<&str> = text.split(':').collect();
        return match parts[..] {
            [source, target, "ro"] => (target.to_owned(), format!("{source} (read-only)")),
            [source, target, "rw"] | [source, target] => (target.to_owned(), source.to_owned()),
            [source, target, mode] => (target.to_owned(), format!("{source} ({mode})")),
            _ => (text, "anonymous volume".to_owned()),
        };
    }
    let mut fields = Fields::of(mount);
    let target = fields.text("target").unwrap_or_default();
    let mut source = fields.text("source").unwrap_or_else(|| "anonymous volume".to_owned());
    if fields.text("read_only").as_deref() == Some("true") {
        source.push_str(" (read-only)");
    }
    let mut bind = Fields::of(fields.take("bind").unwrap_or_default());
    if let Some(propagation) = bind.text("propagation") {
        source = format!("{source} ({propagation})");
    }
    (target, source)
}
