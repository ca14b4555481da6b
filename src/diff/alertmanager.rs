//! alertmanager.yml -> receivers, routes, inhibitions, quiet times.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::fields::{Fields, compact, flatten, normal, scalar};
use super::model::{Kind, Model, Thing, Value};
use super::spans;
use crate::alerting::matchers;
use crate::model::{MatchOp, Matcher};

/// Reads the file.
pub fn read(file: Json, model: &mut Model) {
    let mut fields = Fields::of(file);
    let mut thing = Thing::new(Kind::Alertmanager, "");
    let global = Fields::of(fields.take("global").unwrap_or_default());
    global.rest(&[("resolve_timeout", "5m"), ("smtp_require_tls", "true")], &mut thing);
    if let Some(root) = fields.take("route") {
        let above = Above {
            root: true,
            path: Vec::new(),
            receiver: String::new(),
            group_by: BTreeSet::new(),
            waits: ["30s", "5m", "4h"].map(str::to_owned),
        };
        route(root, &above, model);
    }
    for receiver in fields.items("receivers") {
        model.push(self::receiver(receiver));
    }
    for rule in fields.items("inhibit_rules") {
        model.push(inhibition(rule));
    }
    for key in ["time_intervals", "mute_time_intervals"] {
        for interval in fields.items(key) {
            let mut fields = Fields::of(interval);
            let mut thing = Thing::new(Kind::Mute, fields.text("name").unwrap_or_default());
            thing.set("times", Value::Set(spans::texts(fields.items("time_intervals"))));
            fields.rest(&[], &mut thing);
            model.push(thing);
        }
    }
    fields.rest(&[], &mut thing);
    model.push(thing);
}

fn receiver(receiver: Json) -> Thing {
    let mut fields = Fields::of(receiver);
    let mut thing = Thing::new(Kind::Receiver, fields.text("name").unwrap_or_default());
    let mut ways = BTreeSet::new();
    let Json::Object(rest) = fields.whole() else { return thing };
    for (key, value) in rest {
        let Some(way) = key.strip_suffix("_configs") else {
            flatten(&mut thing, &key, &key, value);
            continue;
        };
        let Json::Array(mut configs) = value else { continue };
        configs.sort_by_key(|config| compact("", config));
        let several = configs.len() > 1;
        for (at, config) in configs.into_iter().enumerate() {
            let name = if several { format!("{way}[{}]", at + 1) } else { way.to_owned() };
            ways.insert(name.clone());
            let Json::Object(map) = config else { continue };
            for (key, value) in map {
                // Mails are for the bad news only, everything else for the good news as well.
                let usual = if way == "email" { "false" } else { "true" };
                if key != "send_resolved" || scalar(&value).as_deref() != Some(usual) {
                    // The address of a web hook is often the secret itself.
                    let key = if way == "webhook" && key == "url" { "webhook_url" } else { &key };
                    let shown = key.trim_start_matches("webhook_");
                    flatten(&mut thing, &format!("{name}.{shown}"), key, value);
                }
            }
        }
    }
    thing.set(WAYS, Value::Set(ways));
    thing
}

/// Name of the attribute that holds the ways in which a receiver is told.
pub const WAYS: &str = "integrations";

fn inhibition(rule: Json) -> Thing {
    let mut fields = Fields::of(rule);
    let mut side = |side: &str| {
        let asked = asked(
            &mut fields,
            &format!("{side}_matchers"),
            &format!("{side}_match"),
            &format!("{side}_match_re"),
        );
        if asked.is_empty() { "any alert".to_owned() } else { asked.join(", ") }
    };
    let (source, target) = (side("source"), side("target"));
    let mut thing = Thing::new(Kind::Inhibition, format!("{source} silences {target}"));
    let equal = fields.texts("equal");
    if !equal.is_empty() {
        thing.set("equal", Value::set(equal));
    }
    fields.rest(&[], &mut thing);
    thing
}

/// What is asked of labels, in one spelling and order.
fn asked(fields: &mut Fields, matchers: &str, equal: &str, regex: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for text in fields.texts(matchers) {
        match matchers::parse(&text) {
            Ok(placed) => all.extend(placed.iter().map(|placed| placed.matcher.to_string())),
            Err(_) => all.push(text),
        }
    }
    for (key, operator) in [(equal, "="), (regex, "=~")] {
        let pairs = fields.pairs(key).into_iter();
        all.extend(pairs.map(|(name, value)| format!("{name}{operator}{value:?}")));
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// What a route has from those above it.
struct Above {
    /// Whether there is none.
    root: bool,
    path: Vec<String>,
    receiver: String,
    group_by: BTreeSet<String>,
    waits: [String; 3],
}

fn route(route: Json, above: &Above, model: &mut Model) -> String {
    let mut fields = Fields::of(route);
    let asked = asked(&mut fields, "matchers", "match", "match_re").join(", ");
    let mut path = above.path.clone();
    if !asked.is_empty() {
        path.push(asked.clone());
    }
    let name = if path.is_empty() { "all alerts".to_owned() } else { path.join(" > ") };
    let mut thing = Thing::new(Kind::Route, name);
    // What a route does not say it has from above, where the change is told.
    let settle = |own: Option<String>, usual: &str| {
        let text = own.clone().unwrap_or_else(|| usual.to_owned());
        let inherits = own.is_none() && !above.root;
        (text.clone(), if inherits { Value::Inherited(text) } else { Value::Text(text) })
    };
    let receiver = fields.text("receiver").filter(|name| !name.is_empty());
    let (receiver, value) = settle(receiver, &above.receiver);
    thing.set("receiver", value);
    let own: BTreeSet<String> = fields.texts("group_by").into_iter().collect();
    let group_by = if own.is_empty() { above.group_by.clone() } else { own };
    if group_by != above.group_by {
        thing.set("group_by", Value::Set(group_by.clone()));
    }
    let mut waits = above.waits.clone();
    for (key, wait) in
        ["group_wait", "group_interval", "repeat_interval"].into_iter().zip(&mut waits)
    {
        let own = fields.text(key).map(|text| normal(key, &text));
        let (settled, value) = settle(own, wait);
        thing.set(key, value);
        *wait = settled;
    }
    let children = fields.items("routes");
    fields.rest(&[("continue", "false")], &mut thing);
    let at = model.things.len();
    model.push(thing);
    let below = Above { root: false, path, receiver, group_by, waits };
    let orders: Vec<String> =
        children.into_iter().map(|child| self::route(child, &below, model)).collect();
    let mut before = BTreeSet::new();
    for (at, first) in orders.iter().enumerate() {
        let later = orders[at + 1..].iter().filter(|second| *second != first);
        for second in later.filter(|second| !exclude(first, second)) {
            before.insert((first.clone(), second.clone()));
        }
    }
    if !before.is_empty() {
        model.things[at].set("order", Value::Before(before));
    }
    asked
}

/// Whether no alert meets both: they ask one label for different values.
fn exclude(a: &str, b: &str) -> bool {
    let read = |text: &str| -> Vec<Matcher> {
        let placed = matchers::parse(text).unwrap_or_default();
        placed.into_iter().map(|placed| placed.matcher).collect()
    };
    let (a, b) = (read(a), read(b));
    let against = |one: &Matcher, other: &Matcher| {
        one.name == other.name && one.op == MatchOp::Equal && !other.matches(&one.value)
    };
    a.iter().any(|one| b.iter().any(|other| against(one, other) || against(other, one)))
}

/// The route with `match` and `match_re` as matchers, as the routing engine takes them.
pub fn modern(route: &Json) -> Json {
    let Json::Object(map) = route else { return route.clone() };
    let mut map: Map<String, Json> = map.clone();
    let mut all: Vec<Json> = match map.remove("matchers") {
        Some(Json::Array(list)) => list,
        Some(Json::String(one)) => vec![Json::String(one)],
        _ => Vec::new(),
    };
    for (key, operator) in [("match", "="), ("match_re", "=~")] {
        if let Some(Json::Object(pairs)) = map.remove(key) {
            let text = |(name, value): (String, Json)| {
                format!("{name}{operator}{:?}", scalar(&value).unwrap_or_default())
            };
            all.extend(pairs.into_iter().map(|pair| Json::String(text(pair))));
        }
    }
    map.insert("matchers".to_owned(), Json::Array(all));
    if let Some(Json::Array(routes)) = map.get_mut("routes") {
        for route in routes {
            *route = modern(route);
        }
    }
    Json::Object(map)
}
