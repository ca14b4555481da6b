//! Rule files -> `rules`.

use std::collections::HashSet;

use super::kdl::Node;
use super::source::{Fields, Notes, get, scalar};
use crate::manifest::yaml::Yaml;

/// Annotations that have settings of their own.
const ANNOTATIONS: [&str; 3] = ["summary", "description", "runbook_url"];

/// The groups of a file; `names` are those of the groups so far.
pub fn groups(file: &Yaml, names: &mut HashSet<String>, notes: &mut Notes) -> Vec<Node> {
    let mut fields = Fields::of("the rule file", file, notes);
    let groups = fields.items("groups").iter().map(|group| self::group(group, names, notes));
    let groups = groups.collect();
    fields.finish(notes);
    groups
}

fn group(group: &Yaml, names: &mut HashSet<String>, notes: &mut Notes) -> Node {
    let mut fields = Fields::of("the group", group, notes);
    let said = fields.text("name").unwrap_or_default();
    let mut name = said.clone();
    // All groups come to lie in one file, where names are unique.
    let mut number = 2;
    while !names.insert(name.clone()) {
        name = format!("{said}-{number}");
        number += 1;
    }
    if name != said {
        let message =
            format!("group `{said}` is there in several files: this one is called `{name}`");
        notes.changed(fields.span, message);
    }
    let mut node = Node::new("rules")
        .arg(name)
        .prop("interval", fields.text("interval"))
        .prop("query_offset", fields.text("query_offset"))
        .prop("limit", fields.number("limit").filter(|limit| *limit > 0));
    node.map("labels", fields.pairs("labels"));
    for rule in fields.items("rules") {
        let named = ["alert", "record"].iter().any(|kind| get(rule, kind).is_some());
        if !named || get(rule, "expr").and_then(scalar).is_none() {
            notes.lost(rule.span, "a rule without a name or an expression");
            continue;
        }
        node.push(self::rule(rule, notes));
    }
    fields.finish(notes);
    node
}

fn rule(rule: &Yaml, notes: &mut Notes) -> Node {
    let mut fields = Fields::of("the rule", rule, notes);
    // An expression of several lines ends with a line break that means nothing.
    let expr = fields.text("expr").unwrap_or_default().trim().to_owned();
    let mut labels = fields.pairs("labels");
    let node = if let Some(name) = fields.text("record") {
        let mut node = Node::new("record").arg(name);
        node.set("expr", Some(expr));
        node.map("labels", labels);
        node
    } else {
        let severity = labels.iter().position(|(name, _)| name == "severity");
        let severity = severity.map(|at| labels.remove(at).1);
        let mut node = Node::new("alert")
            .arg(fields.text("alert").unwrap_or_default())
            .prop("severity", severity)
            .prop("for", fields.text("for").filter(|hold| !matches!(hold.as_str(), "0" | "0s")))
            .prop("keep_firing_for", fields.text("keep_firing_for"));
        node.set("expr", Some(expr));
        node.map("labels", labels);
        let mut annotations = fields.pairs("annotations");
        for name in ANNOTATIONS {
            let at = annotations.iter().position(|(known, _)| known == name);
            node.set(name, at.map(|at| annotations.remove(at).1));
        }
        node.map("annotations", annotations);
        node
    };
    fields.finish(notes);
    node
}
