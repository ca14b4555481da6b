//! Rule files -> groups, alerts, records.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::fields::{Fields, normal, value};
use super::model::{Kind, Model, Thing, Value};

/// Reads a file; `interval` is what groups have that say nothing.
pub fn read(file: Json, interval: &str, model: &mut Model) {
    for group in Fields::of(file).items("groups") {
        let mut fields = Fields::of(group);
        let name = fields.text("name").unwrap_or_default();
        let mut thing = Thing::new(Kind::RuleGroup, name.as_str());
        let own = fields.text("interval").map(|text| normal("interval", &text));
        let every = own.clone().unwrap_or_else(|| interval.to_owned());
        thing.set("interval", own.map_or(Value::Inherited(every), Value::Text));
        // Labels of the group are labels of its rules.
        let labels = fields.pairs("labels");
        for rule in fields.items("rules") {
            model.push(self::rule(rule, &name, &labels));
        }
        fields.rest(&[("limit", "0"), ("query_offset", "0s")], &mut thing);
        model.push(thing);
    }
}

fn rule(rule: Json, group: &str, shared: &[(String, String)]) -> Thing {
    let mut fields = Fields::of(rule);
    let (kind, name) = match fields.text("alert") {
        Some(name) => (Kind::Alert, name),
        None => (Kind::Record, fields.text("record").unwrap_or_default()),
    };
    let mut thing = Thing::new(kind, name);
    thing.set("group", Value::Text(group.to_owned()));
    if let Some(expr) = fields.text("expr") {
        thing.set("expr", Value::Expr(expr.trim().to_owned()));
    }
    let mut labels: BTreeMap<String, String> = shared.iter().cloned().collect();
    labels.extend(fields.pairs("labels"));
    // Several alerts of one name tell each other apart by their labels.
    thing.key = format!("{group}/{}{labels:?}", thing.name);
    for (name, text) in labels {
        thing.set(format!("label {name}"), Value::Text(text));
    }
    for (name, text) in fields.pairs("annotations") {
        thing.set(format!("annotation {name}"), value(&name, text));
    }
    fields.rest(&[("for", "0s"), ("keep_firing_for", "0s")], &mut thing);
    thing
}

/// Gives rules that share a name names that tell them apart.
pub fn tell_apart(model: &mut Model) {
    let mut names: BTreeMap<(Kind, String), Vec<usize>> = BTreeMap::new();
    for (at, thing) in model.things.iter().enumerate() {
        if matches!(thing.kind, Kind::Alert | Kind::Record) {
            names.entry((thing.kind, thing.name.clone())).or_default().push(at);
        }
    }
    for same in names.into_values().filter(|same| same.len() > 1) {
        let texts = |name: &str| -> Vec<String> {
            let text = |at: &usize| model.things[*at].text(name).unwrap_or_default().to_owned();
            same.iter().map(text).collect()
        };
        let differ = |texts: &[String]| {
            texts.iter().enumerate().all(|(at, text)| !texts[..at].contains(text))
        };
        let (groups, severities) = (texts("group"), texts("label severity"));
        for (at, (group, severity)) in same.iter().zip(groups.iter().zip(&severities)) {
            let name = &mut model.things[*at].name;
            *name = match (differ(&groups), differ(&severities)) {
                (true, _) => format!("{group}/{name}"),
                (false, true) => format!("{name}{{severity={severity:?}}}"),
                (false, false) => format!("{group}/{name}{{severity={severity:?}}}"),
            };
        }
    }
}
