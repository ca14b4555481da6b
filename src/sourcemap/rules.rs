//! Where files of rules come from: groups as written, and those of objectives.

use super::item::Item;
use super::marks::{Marks, Origin};
use super::place::Place;
use crate::diag::Span;

/// Marks a file of rules.
pub fn file(marks: &mut Marks, file: &Item, root: Place) {
    let Some(groups) = file.get("groups") else { return };
    if let Some(first) = root.one("rules").or(root.one("slo")) {
        marks.object(file, first, "rules");
    }
    for group in groups.items() {
        let name = group.str("name").unwrap_or_default();
        if let Some(node) = root.named("rules", name) {
            self::group(marks, group, node, name);
        } else if let Some(slo) = objective(root, name) {
            self::slo(marks, group, slo, name);
        }
    }
}

/// The objective that a group of this name belongs to.
fn objective<'a>(root: Place<'a>, group: &str) -> Option<Place<'a>> {
    let name = group.strip_prefix("slo-")?;
    root.named("slo", name).or_else(|| root.named("slo", name.strip_suffix("-long")?))
}

fn group(marks: &mut Marks, item: &Item, node: Place, name: &str) {
    marks.object(item, node, format!("group `{name}`"));
    let rules: Vec<Place> = node
        .children()
        .filter(|child| ["alert", "record"].iter().any(|kind| is(child, kind)))
        .collect();
    for item in item.items() {
        match item.key() {
            "name" => marks.name(item, node),
            "rules" => {
                marks.put(item, Origin::derived(node));
                for (at, rule) in item.items().iter().enumerate() {
                    // By its place where it has its name, else (in a file changed by hand) by name.
                    let fits =
                        |place: &&Place| place.name() == rule.str("alert").or(rule.str("record"));
                    let same = rules.get(at).filter(fits).or_else(|| rules.iter().find(fits));
                    let same = same.or(rules.get(at).filter(|_| rules.len() == item.items().len()));
                    if let Some(same) = same {
                        self::rule(marks, rule, *same, node);
                    }
                }
            }
            key => marks.setting(item, &[node], &[key]),
        }
    }
}

fn is(place: &Place, kind: &str) -> bool {
    place.node.name.value == kind
}

fn rule(marks: &mut Marks, item: &Item, node: Place, group: Place) {
    let kind = &node.node.name.value;
    marks.object(item, node, format!("{kind} `{}`", node.name().unwrap_or_default()));
    for item in item.items() {
        match item.key() {
            "alert" | "record" => marks.name(item, node),
            "labels" => {
                marks.setting(item, &[node, group], &["labels", "severity"]);
                for item in item.items() {
                    pair(marks, item, &[node, group], "labels");
                }
            }
            "annotations" => {
                let keys = ["annotations", "summary", "description", "runbook_url"];
                marks.setting(item, &[node], &keys);
                for item in item.items() {
                    pair(marks, item, &[node], "annotations");
                }
            }
            key => marks.setting(item, &[node], &[key]),
        }
    }
}

/// A label or annotation: one of a map, or a setting of its own name.
fn pair(marks: &mut Marks, item: &Item, from: &[Place], map: &str) {
    for place in from {
        let pairs = place.said(map).map(|said| said.pairs).unwrap_or_default();
        if let Some(pair) = pairs.into_iter().find(|pair| pair.name == item.key()) {
            let origin = Origin { span: pair.span, whole: pair.whole, ..Origin::named(*place) };
            return marks.put(item, origin);
        }
        if place.said(item.key()).is_some() {
            return marks.setting(item, &[*place], &[item.key()]);
        }
    }
    if let Some(place) = from.first() {
        marks.put(item, Origin::derived(*place));
    }
}

/// A group of an objective: each line follows from one or several of its settings.
fn slo(marks: &mut Marks, item: &Item, slo: Place, name: &str) {
    marks.object(item, slo, format!("group `{name}`"));
    let from = [slo];
    for item in item.items() {
        if item.key() != "rules" {
            marks.put(item, Origin::derived(slo));
            continue;
        }
        marks.put(item, Origin::derived(slo));
        for rule in item.items() {
            let name = rule.str("record").or(rule.str("alert")).unwrap_or_default();
            let kind = if rule.get("alert").is_some() { "alert" } else { "record" };
            marks.object(rule, slo, format!("{kind} `{name}`"));
            for item in rule.items() {
                match (item.key(), name) {
                    ("expr", "slo:error_budget_remaining:ratio") => {
                        several(marks, item, slo, &["objective", "window"]);
                        also(marks, slo.span());
                    }
                    ("expr", "slo:objective:ratio" | "slo:error_budget:ratio") => {
                        marks.setting(item, &from, &["objective"]);
                    }
                    ("expr", _) if kind == "record" => {
                        several(marks, item, slo, &["errors", "total"]);
                    }
                    ("expr", _) => {
                        several(marks, item, slo, &["objective", "window"]);
                        also(marks, slo.span());
                    }
                    ("labels", _) => {
                        marks.setting(item, &from, &["labels"]);
                        for item in item.items() {
                            match item.key() {
                                "slo" => marks.name(item, slo),
                                "severity" if name.ends_with("Slow") => {
                                    marks.setting(item, &from, &["ticket_severity"]);
                                }
                                "severity" => marks.setting(item, &from, &["page_severity"]),
                                _ => pair(marks, item, &from, "labels"),
                            }
                        }
                    }
                    ("annotations", _) => {
                        marks.setting(item, &from, &["description"]);
                        for item in item.items() {
                            match item.key() {
                                "description" => marks.setting(item, &from, &["description"]),
                                _ => marks.put(item, Origin::derived(slo)),
                            }
                        }
                    }
                    _ => marks.put(item, Origin::derived(slo)),
                }
            }
        }
    }
}

/// A further place has a part in what was marked last.
fn also(marks: &mut Marks, span: Span) {
    if let Some(mark) = marks.0.last_mut() {
        mark.origin.also.push(span);
    }
}

/// Marks an item by the first of some settings, the others having a part in it.
pub fn several(marks: &mut Marks, item: &Item, from: Place, keys: &[&str]) {
    let (first, others) = keys.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
    marks.setting(item, &[from], &[first]);
    if let Some(mark) = marks.0.last_mut() {
        mark.origin.also.extend(others.iter().filter_map(|key| Some(from.said(key)?.span)));
    }
}
