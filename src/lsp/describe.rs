//! What is shown of things: in hovers, and beside completions. Markdown.

use std::fmt::Write as _;

use super::functions;
use super::names::Kind;
use crate::check::ask::Knowledge;
use crate::check::rules;
use crate::manifest::shape::{Field, Kind as Takes, Role, Shape};
use crate::manifest::{Stack, outline};

/// A series by its name.
pub fn metric(known: &Knowledge<'_>, name: &str) -> Option<String> {
    let found = known.describe(name)?;
    let mut text = format!("**{name}** — {}", found.kind);
    if let Some(help) = &found.help {
        let _ = write!(text, "\n\n{help}");
    }
    if !found.labels.is_empty() {
        let labels: Vec<String> = found.labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = write!(text, "\n\nLabels: {}", labels.join(", "));
    }
    if !found.jobs.is_empty() {
        let all = found.jobs.len();
        let jobs = found.jobs.iter().take(8).map(|(job, page)| match page.as_str() {
            "" => format!("`{job}`"),
            page => format!("`{job}` ({page})"),
        });
        let jobs: Vec<String> = jobs.collect();
        let more = if all > 8 { format!(" and {} more", all - 8) } else { String::new() };
        let _ = write!(text, "\n\nJobs: {}{more}", jobs.join(", "));
    }
    if let Some(collector) = found.collector {
        let _ = write!(text, "\n\nCollector: `{collector}`");
    }
    if let Some(group) = &found.group {
        let _ = write!(text, "\n\nRecorded in the group `{group}`");
    }
    Some(text)
}

/// A function, an aggregation or a word of PromQL.
pub fn function(name: &str) -> Option<String> {
    let (signature, text) = functions::describe(name)?;
    Some(format!("```promql\n{signature}\n```\n\n{}", sentence(text)))
}

/// A label in an expression: who has it, with which values.
pub fn label(known: &Knowledge<'_>, metric: Option<&str>, name: &str) -> String {
    let of = metric.map_or(String::new(), |metric| format!(" of `{metric}`"));
    let mut text = format!("**{name}** — label{of}");
    if let Some(metric) = metric
        && known.describe(metric).is_some()
        && !known.labels(Some(metric)).contains(name)
    {
        let _ = write!(text, "\n\nNot known to be there.");
    }
    let values = known.values(metric, name);
    if !values.is_empty() {
        let shown: Vec<String> = values.iter().take(20).map(|v| format!("`{v}`")).collect();
        let more = if values.len() > 20 { ", …" } else { "" };
        let _ = write!(text, "\n\nValues: {}{more}", shown.join(", "));
    }
    text
}

/// A node or setting that stands in a node of this type.
pub fn key(shape: &'static Shape, key: &str) -> Option<String> {
    if shape.name == "Stack" {
        match key {
            "profile" => {
                return Some(
                    "**profile**\n\nChanges to the stack under a name, chosen with `--profile`."
                        .to_owned(),
                );
            }
            "include" => {
                return Some("**include**\n\nFurther manifests, relative to this file.".to_owned());
            }
            _ => {}
        }
    }
    if let Some(inner) = outline::shape_of(shape, key) {
        let own = shape.field(key).filter(|field| doc(field.doc) != doc(inner.doc));
        let mut text = format!("**{key}**\n\n{}", doc(own.map_or(inner.doc, |field| field.doc)));
        let arguments: Vec<String> = inner
            .arguments()
            .map(|field| match field.role {
                Role::Arguments => format!("`{}` …", field.key),
                _ if field.required => format!("`{}`", field.key),
                _ => format!("`[{}]`", field.key),
            })
            .collect();
        if !arguments.is_empty() {
            let _ = write!(text, "\n\nTakes: {}", arguments.join(" "));
        }
        return Some(text);
    }
    shape.child(key).map(|child| child.field).or(shape.field(key)).map(setting)
}

/// A setting and what it takes.
pub fn setting(field: &Field) -> String {
    let takes = match field.kind {
        Takes::Many(kind) => format!("any number of values, each {}", kind.describe()),
        Takes::Map(kind) => format!("names with values, each {}", kind.describe()),
        other => other.describe(),
    };
    let needed = if field.required { " (required)" } else { "" };
    format!("**{}**{needed}\n\n{}\n\nTakes {takes}.", field.key, doc(field.doc))
}

/// Something of the stack by its name.
pub fn named(stack: &Stack, kind: Kind, name: &str) -> Option<String> {
    let mut text = format!("**{name}** — {}", kind.word());
    match kind {
        Kind::Host => host(stack, name, &mut text),
        Kind::Receiver => {
            let receivers = stack.alertmanager.iter().flat_map(|part| &part.receivers);
            let receiver = receivers.into_iter().find(|receiver| receiver.name.value == name)?;
            let ways = [
                ("slack", receiver.slack.len()),
                ("webhook", receiver.webhook.len()),
                ("email", receiver.email.len()),
                ("pagerduty", receiver.pagerduty.len()),
                ("telegram", receiver.telegram.len()),
                ("discord", receiver.discord.len()),
            ];
            let ways: Vec<&str> =
                ways.iter().filter(|(_, count)| *count > 0).map(|(way, _)| *way).collect();
            let by = if ways.is_empty() { "nothing".to_owned() } else { ways.join(", ") };
            let _ = write!(text, "\n\nHears of alerts by {by}");
        }
        Kind::Secret => {
            let secret = stack.secret(name)?;
            if let Some(file) = &secret.file {
                let _ = write!(text, "\n\nIn the file `{file}`");
            }
            if let Some(env) = &secret.env {
                let _ = write!(text, "\n\nIn the environment variable `{env}`");
            }
        }
        Kind::Alert => {
            let alert = stack.alerts().find(|alert| alert.name.value == name)?;
            if let Some(severity) = &alert.severity {
                let _ = write!(text, ", severity `{severity}`");
            }
            if let Some(hold) = &alert.hold {
                let _ = write!(text, ", for {}", hold.text);
            }
            let _ = write!(text, "\n\n```promql\n{}\n```", alert.expr.trim());
            if let Some(summary) = &alert.summary {
                let _ = write!(text, "\n\n{summary}");
            }
        }
        Kind::Datasource => {
            let sources = stack.grafana.iter().flat_map(|grafana| &grafana.datasources);
            let source = sources.into_iter().find(|source| source.name.value == name)?;
            let _ = write!(text, "\n\nPlugin `{}`", source.plugin());
        }
        Kind::Network | Kind::Volume | Kind::Mute => {}
        Kind::Metric | Kind::File | Kind::Rule => return None,
    }
    Some(text)
}

fn host(stack: &Stack, name: &str, text: &mut String) {
    if let Some(service) = stack.service(name) {
        if let Some(image) = &service.image {
            let _ = write!(text, "\n\nImage `{image}`");
        }
        if let Some(build) = &service.build {
            let _ = write!(text, "\n\nBuilt from `{}`", build.context);
        }
        let ports = service.ports.iter().map(|port| port.number.value);
        let ports: Vec<String> = ports
            .chain(service.exposes.iter().map(|port| port.number.value))
            .map(|port| port.to_string())
            .collect();
        if !ports.is_empty() {
            let _ = write!(text, "\n\nListens on {}", ports.join(", "));
        }
    } else if let Some(exporter) = stack.exporters.iter().find(|e| e.name.value == name) {
        let host = exporter.host();
        let port = exporter.usual_port().map_or(String::new(), |port| format!(":{port}"));
        let _ = write!(text, "\n\nExporter of the kind `{}`, host `{host}{port}`", exporter.kind());
    } else if let Some(external) = stack.externals.iter().find(|e| e.name.value == name) {
        let port = external.port.as_ref().map_or(String::new(), |port| format!(", port {port}"));
        let _ = write!(text, "\n\nOutside of the stack{port}");
    }
}

/// A lint rule by its code or name.
pub fn rule(word: &str) -> Option<String> {
    let rule = rules().find(|rule| rule.code.eq_ignore_ascii_case(word) || rule.name == word)?;
    let mut text = format!("**{}** {} ({})\n", rule.code, rule.name, rule.severity);
    for line in rule.explain.lines() {
        let _ = write!(text, "\n{line}");
    }
    Some(text)
}

/// A doc comment as a sentence.
pub fn doc(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// The same text for a client that shows no Markdown.
pub fn plain(markdown: &str) -> String {
    let lines = markdown.lines().filter(|line| !line.starts_with("```"));
    lines.map(|line| line.replace("**", "")).collect::<Vec<_>>().join("\n")
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or(String::new(), |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}
