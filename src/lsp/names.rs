//! Everything in a manifest that has a name or refers to one: services, receivers, metrics …
//!
//! One table says which settings declare a name of a kind and which refer to one; completion, hover,
//! definition, references and rename all ask it.

use std::collections::HashSet;
use std::path::Path;

use crate::alerting::matchers;
use crate::check::ask;
use crate::dashboards::variables;
use crate::diag::{Files, Span, Spanned};
use crate::manifest::shape::{Field, Shape};
use crate::manifest::tree::{Data, Node, Value};
use crate::manifest::{Format, Loaded, outline, place_in};
use crate::model::{MatchOp, Matcher};
use crate::promql::{Expr, ParseOptions, parse_recovering};

/// What a name is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A service, an exporter, a part, a host outside of the stack; so also the job that scrapes it.
    Host,
    /// Who hears of alerts.
    Receiver,
    /// A secret.
    Secret,
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// Quiet times.
    Mute,
    /// An alert.
    Alert,
    /// A series: declared by a service, or recorded by a rule.
    Metric,
    /// A data source.
    Datasource,
    /// A file beside the manifest.
    File,
    /// A lint rule, by code, name or group.
    Rule,
}

impl Kind {
    /// What it is, in a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "service",
            Self::Receiver => "receiver",
            Self::Secret => "secret",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Mute => "mute",
            Self::Alert => "alert",
            Self::Metric => "metric",
            Self::Datasource => "datasource",
            Self::File => "file",
            Self::Rule => "rule",
        }
    }
}

/// What the value of a setting names, and whether it is declared there.
pub fn role(owner: &Shape, field: &Field, tag: Option<&str>) -> Option<(Kind, bool)> {
    match tag {
        Some("secret") => return Some((Kind::Secret, false)),
        Some("file") => return Some((Kind::File, false)),
        Some(_) => return None,
        None => {}
    }
    let declared = |kind| Some((kind, true));
    let refers = |kind| Some((kind, false));
    match (owner.name, field.key) {
        ("Service" | "Exporter" | "External", "name") => declared(Kind::Host),
        ("DependsOn", "name")
        | ("PhpFastcgi" | "ReverseProxy", "to")
        | ("Metrics", "via")
        | ("Exporter" | "Federate", "target")
        | ("Target", "addresses")
        | ("Webhook" | "Datasource" | "RemoteWrite" | "RemoteRead", "url")
        | ("Scrape", "job") => refers(Kind::Host),
        ("Receiver", "name") => declared(Kind::Receiver),
        ("Route", "receiver") | ("When", "to") | ("Fires", "routed_to") => refers(Kind::Receiver),
        ("Secret", "name") => declared(Kind::Secret),
        ("Network", "name") => declared(Kind::Network),
        (_, "networks") => refers(Kind::Network),
        ("Stack", "volumes") | ("Volume", "name") => declared(Kind::Volume),
        ("Mount", "name") | ("Prometheus" | "Alertmanager" | "Grafana" | "Pushgateway", "data") => {
            refers(Kind::Volume)
        }
        ("Mute", "name") => declared(Kind::Mute),
        ("When", "mute" | "active") | ("Fires", "muted_by") => refers(Kind::Mute),
        ("Alert", "name") => declared(Kind::Alert),
        ("Fires", "alert" | "inhibited_by") | ("Silent", "alerts") => refers(Kind::Alert),
        ("Record" | "Declared", "name") => declared(Kind::Metric),
        ("Datasource", "name") => declared(Kind::Datasource),
        ("Dashboard" | "Panel" | "Query" | "Variable", "datasource") => refers(Kind::Datasource),
        ("Dashboard" | "Metrics" | "Template", "from")
        | ("Secret", "file")
        | ("ServerTls" | "ClientTls", "cert" | "key" | "ca" | "client_ca")
        | ("Service", "env_file")
        | ("Alertmanager", "templates") => refers(Kind::File),
        ("Lint", "allow" | "warn" | "deny") => refers(Kind::Rule),
        _ => None,
    }
}

/// Whether the value of a setting is PromQL, or a selector.
pub fn is_expression(owner: &Shape, field: &Field) -> bool {
    matches!(
        (owner.name, field.key),
        ("Record" | "Alert" | "Query" | "Expectation", "expr")
            | ("Slo", "total" | "errors")
            | ("Federate", "match")
            | ("InputSeries", "series")
            | ("ExpectedSample", "labels")
    )
}

/// Whether the value of a setting is a list of matchers.
fn is_matchers(owner: &Shape, field: &Field) -> bool {
    matches!(
        (owner.name, field.key),
        ("When", "match") | ("Inhibit", "source" | "target") | ("Mute", "when")
    )
}

/// What the values of a label name.
fn named_by(label: &str) -> Option<Kind> {
    match label {
        "alertname" => Some(Kind::Alert),
        "job" => Some(Kind::Host),
        _ => None,
    }
}

/// A name where it is written.
#[allow(clippy::struct_field_names)] // the name of a name is its name
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// What it is the name of.
    pub kind: Kind,
    /// The name.
    pub name: String,
    /// Where, without quotes.
    pub span: Span,
    /// Whether it is declared here.
    pub declares: bool,
}

/// All names of a manifest: in its files that are manifests, and in the queries of the dashboards that
/// it names.
pub fn names(loaded: &Loaded) -> Vec<Name> {
    let files = &loaded.files;
    let mut found = Vec::new();
    let mut labels = Vec::new();
    for (id, file) in files.iter().filter(|(id, _)| files.naming(*id).next().is_none()) {
        let Some(format) = Format::of(Path::new(&file.name)) else { continue };
        let nodes = outline::nodes(&file.text, id, format);
        outline::walk(&nodes, &mut |it| {
            let tag = it.value.tag.as_ref().map(|tag| tag.as_str());
            if is_expression(it.owner, it.field) {
                expression(files, it.value, &mut found, &mut labels);
            } else if is_matchers(it.owner, it.field) {
                labels.extend(asked(files, it.value));
            } else if (it.owner.name, it.field.key) == ("Fires", "labels") {
                labels.extend(label(files, it));
            } else if let Some((kind, declares)) = role(it.owner, it.field, tag)
                && !matches!(kind, Kind::File | Kind::Rule)
            {
                found.extend(name(files, it.value, kind, declares));
            }
        });
    }
    let jobs = loaded.stack.exporters.iter().map(|exporter| exporter.name.value.clone());
    ask::board_queries(&loaded.stack, files, &mut |text, tree| {
        selected(files, text, tree, &mut found, &mut labels);
    });
    settle(&mut found, &jobs.collect());
    // A label may have any value; one that nothing here is called by is no name.
    let declared = declared(&found);
    found.extend(labels.into_iter().filter(|it| declared.contains(&(it.kind, it.name.clone()))));
    found
}

fn name(files: &Files, value: &Value, kind: Kind, declares: bool) -> Option<Name> {
    let text = spanned(value)?;
    let mut range = 0..text.len();
    if kind == Kind::Host && !declares {
        let start = text.find("://").map_or(0, |at| at + 3);
        let rest = &text[start..];
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        // `user:password@` may stand before the host of a URL.
        let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
        let end = rest[host..end].find(':').map_or(end, |at| host + at);
        range = start + host..start + end;
    }
    // A path of the host is no volume.
    let path = kind == Kind::Volume && text.starts_with(['.', '/', '~']);
    if range.is_empty() || path {
        return None;
    }
    let name = text[range.clone()].to_owned();
    Some(Name { kind, name, span: place_in(files, &text, range), declares })
}

/// The text of a value with its place.
fn spanned(value: &Value) -> Option<Spanned<String>> {
    match &value.data {
        Data::Text(text) | Data::Number(text) => Some(Spanned::new(text.clone(), value.span)),
        _ => None,
    }
}

/// The names in an expression that the manifest writes.
fn expression(files: &Files, value: &Value, found: &mut Vec<Name>, labels: &mut Vec<Name>) {
    let Some(text) = spanned(value) else { return };
    let read = variables::masked(&text, &variables::mentions(&text));
    if let (Some(tree), _) = parse_recovering(&read, ParseOptions::default()) {
        selected(files, &text, &tree, found, labels);
    }
}

/// The names of the series that an expression reads, and those that its labels are to have.
fn selected(
    files: &Files,
    text: &Spanned<String>,
    tree: &Expr,
    found: &mut Vec<Name>,
    labels: &mut Vec<Name>,
) {
    for one in tree.selectors() {
        if let Some((name, place)) = one.metric() {
            // What a variable stands for has another text.
            let range = place.start..place.end;
            if text.get(range.clone()) == Some(name) {
                let span = place_in(files, text, range);
                let name = name.to_owned();
                found.push(Name { kind: Kind::Metric, name, span, declares: false });
            }
        }
        for entry in &one.selector.matchers {
            let range = entry.value_span.start..entry.value_span.end;
            labels.extend(wanted(files, text, &entry.matcher, range));
        }
    }
}

/// The names that a list of matchers asks for.
fn asked(files: &Files, value: &Value) -> Vec<Name> {
    let Some(text) = spanned(value) else { return Vec::new() };
    let all = matchers::parse(&text).unwrap_or_default();
    all.into_iter().flat_map(|one| wanted(files, &text, &one.matcher, one.value)).collect()
}

/// The names that a matcher asks for: its value, or each of `a|b`; `range` has its quotes.
fn wanted(
    files: &Files,
    text: &Spanned<String>,
    matcher: &Matcher,
    range: std::ops::Range<usize>,
) -> Vec<Name> {
    let (Some(kind), Some(written)) = (named_by(&matcher.name), text.get(range.clone())) else {
        return Vec::new();
    };
    let quotes = |c: char| matches!(c, '"' | '\'' | '`');
    let inner = written.trim_matches(quotes);
    let start = range.start + (written.len() - written.trim_start_matches(quotes).len());
    let parts: Vec<&str> = match matcher.op {
        MatchOp::Equal | MatchOp::NotEqual => vec![inner],
        MatchOp::Regex | MatchOp::NotRegex => inner.split('|').collect(),
    };
    let mut at = start;
    let mut names = Vec::new();
    for part in parts {
        if !part.is_empty() && text.get(at..at + part.len()) == Some(part) {
            let span = place_in(files, text, at..at + part.len());
            names.push(Name { kind, name: part.to_owned(), span, declares: false });
        }
        at += part.len() + 1;
    }
    names
}

/// The name that a label of an expected alert has: `fires "Down" job="app"`.
fn label(files: &Files, it: outline::Written<'_>) -> Option<Name> {
    let node = it.node?;
    let prop = node.props.iter().find(|prop| prop.value.span == it.value.span);
    // In YAML they are nodes of their own.
    let inner = |child: &&Node| child.args.iter().any(|value| value.span == it.value.span);
    let key = match prop {
        Some(prop) => &prop.name,
        None => &node.children.iter().find(inner)?.name,
    };
    name(files, it.value, named_by(key)?, true).map(|name| Name { declares: false, ..name })
}

/// Brings the names that follow from another one back to it: `x_bucket` of a histogram `x`, the host
/// `node-exporter` of an exporter `node`.
fn settle(names: &mut [Name], exporters: &HashSet<String>) {
    let declared = declared(names);
    for name in names.iter_mut().filter(|name| !name.declares) {
        let own = |stem: &&str| match name.kind {
            Kind::Host => exporters.contains(*stem),
            kind => declared.contains(&(kind, (*stem).to_owned())),
        };
        if declared.contains(&(name.kind, name.name.clone())) {
            continue;
        }
        let suffixes: &[&str] = match name.kind {
            Kind::Metric => &["_bucket", "_sum", "_count"],
            Kind::Host => &["-exporter"],
            _ => &[],
        };
        let stem = suffixes.iter().find_map(|suffix| name.name.strip_suffix(suffix).filter(own));
        if let Some(stem) = stem.map(str::to_owned) {
            name.span = name.span.part(0..stem.len());
            name.name = stem;
        }
    }
}

/// What is declared.
fn declared(names: &[Name]) -> HashSet<(Kind, String)> {
    let declared = names.iter().filter(|name| name.declares);
    declared.map(|name| (name.kind, name.name.clone())).collect()
}

/// The name at a place.
pub fn at(names: &[Name], place: Span) -> Option<&Name> {
    names.iter().find(|name| {
        name.span.file == place.file
            && name.span.start <= place.start
            && place.start as usize <= name.span.end()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::parse;

    #[test]
    fn a_name_is_found_wherever_it_is_written() {
        let text = r##"
            service "db" { image "mysql:8"; volume "v" to="/x" }
            volumes "v"
            exporter "mysql" { target "db"; password (secret)"s" }
            prometheus { scrape "x" { target "mysql-exporter:9104" } }
            service "a" { image "a:1"; metrics { histogram "h_seconds" } }
            rules "g" {
                record "a:b" { expr #"rate(h_seconds_bucket{job="ü"}[5m])"# }
                alert "X" { expr "a:b > 1" }
            }
            grafana { dashboard "d" { stat "s" { query "a:b[$__interval]" } } }
            alertmanager { receiver "r" { webhook "http://u:p@a:5555/db"; webhook "https://x.org/a" }; route "r" }
            profile "p" { service "b" { depends_on "db" } }
        "##;
        let loaded = parse("s.kdl", text, Format::Kdl, None).expect("no profile is asked for");
        let found: Vec<String> = names(&loaded)
            .iter()
            .map(|name| {
                assert_eq!(loaded.files.text(name.span), name.name);
                let mark = if name.declares { "!" } else { "" };
                format!("{mark}{} {}", name.kind.word(), name.name)
            })
            .collect();
        assert_eq!(
            found,
            [
                "!service db",
                "volume v",
                "!volume v",
                "!service mysql",
                "service db",
                "secret s",
                "service x",
                "service mysql",
                "!service a",
                "!metric h_seconds",
                "!metric a:b",
                "metric h_seconds",
                "!alert X",
                "metric a:b",
                "metric a:b",
                "!receiver r",
                "service a",
                "service x.org",
                "receiver r",
                "!service b",
                "service db",
            ]
        );
    }
}
