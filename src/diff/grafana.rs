//! Grafana's provisioning and dashboards -> data sources, dashboards with panels and variables.

use serde_json::Value as Json;

use super::fields::{Fields, compact, flatten, scalar};
use super::model::{Kind, Model, Thing, Value};
use crate::model::slug;

/// Settings of a dashboard that say nothing of what it shows.
const BOOKKEEPING: [&str; 10] = [
    "id",
    "version",
    "schemaVersion",
    "iteration",
    "gnetId",
    "pluginVersion",
    "editable",
    "uid",
    "__requires",
    "__elements",
];

/// What a dashboard is without a word about it.
const DASHBOARD: [(&str, &str); 5] = [
    ("timezone", "browser"),
    ("graphTooltip", "0"),
    ("style", "dark"),
    ("liveNow", "false"),
    ("weekStart", ""),
];

/// Reads a file of data sources.
pub fn datasources(file: Json, model: &mut Model) {
    for source in Fields::of(file).items("datasources") {
        let mut fields = Fields::of(source);
        let name = fields.text("name").unwrap_or_default();
        let mut thing = Thing::new(Kind::Datasource, name.as_str());
        let uid = fields.text("uid").unwrap_or_else(|| slug(&name));
        thing.key.clone_from(&uid);
        thing.set("uid", Value::Text(uid));
        for key in ["orgId", "version"] {
            fields.take(key);
        }
        if let Some(url) = fields.text("url") {
            let url = compact("url", &Json::String(url.trim_end_matches('/').to_owned()));
            thing.set("url", Value::Text(url));
        }
        for (key, value) in fields.entries("secureJsonData") {
            let text = scalar(&value).unwrap_or_default();
            // `$__file{…}` and `$X` only say where it is.
            let value = if text.starts_with('$') { Value::Text(text) } else { Value::Hidden(text) };
            thing.set(format!("secureJsonData.{key}"), value);
        }
        let usual = [
            ("access", "proxy"),
            ("isDefault", "false"),
            ("basicAuth", "false"),
            ("editable", "false"),
            ("withCredentials", "false"),
        ];
        fields.rest(&usual, &mut thing);
        model.push(thing);
    }
}

/// Folders of Grafana by the folder of the files that are shown in them.
pub fn folders(file: Json) -> Vec<(String, String)> {
    let providers = Fields::of(file).items("providers").into_iter().map(Fields::of);
    let folders = providers.filter_map(|mut fields| {
        let folder = fields.text("folder").filter(|folder| !folder.is_empty())?;
        let path = Fields::of(fields.take("options")?).text("path")?;
        Some((last(&path).to_owned(), folder))
    });
    folders.collect()
}

fn last(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

/// Reads a dashboard, the file at `path`.
pub fn dashboard(path: &str, file: Json, folders: &[(String, String)], model: &mut Model) {
    let mut fields = Fields::of(file);
    let title = fields.text("title").unwrap_or_default();
    let mut thing = Thing::new(Kind::Dashboard, title.as_str());
    thing.set("title", Value::Text(title.clone()));
    thing.key = fields.text("uid").unwrap_or_else(|| slug(&title));
    let beside = path.rsplit_once('/').map_or("", |(folder, _)| last(folder));
    if let Some((_, folder)) = folders.iter().find(|(known, _)| known == beside) {
        thing.set("folder", Value::Text(folder.clone()));
    }
    for key in BOOKKEEPING {
        fields.take(key);
    }
    for variable in Fields::of(fields.take("templating").unwrap_or_default()).items("list") {
        thing.parts.push(self::variable(variable));
    }
    let mut row = String::new();
    for panel in fields.items("panels") {
        panels(panel, &mut row, &mut thing.parts);
    }
    // The layout before Grafana 5.
    for old in fields.items("rows") {
        let mut old = Fields::of(old);
        row = old.text("title").unwrap_or_default();
        for panel in old.items("panels") {
            panels(panel, &mut row.clone(), &mut thing.parts);
        }
    }
    fields.rest(&DASHBOARD, &mut thing);
    model.push(thing);
}

fn variable(variable: Json) -> Thing {
    let mut fields = Fields::of(variable);
    let mut thing = Thing::new(Kind::Variable, fields.text("name").unwrap_or_default());
    // What was chosen last.
    for key in ["current", "options", "skipUrlSync"] {
        fields.take(key);
    }
    // The query a second time, for the list of variables.
    let definition = fields.text("definition");
    let query = match fields.take("query") {
        Some(Json::Object(map)) => map.get("query").and_then(scalar),
        other => other.as_ref().and_then(scalar),
    };
    if let Some(query) = query.or(definition) {
        thing.set("query", Value::Text(query));
    }
    let usual = [
        ("hide", "0"),
        ("includeAll", "false"),
        ("multi", "false"),
        ("regex", ""),
        ("label", ""),
        ("sort", "0"),
    ];
    fields.rest(&usual, &mut thing);
    thing
}

/// A panel, or a row with those in it.
fn panels(panel: Json, row: &mut String, parts: &mut Vec<Thing>) {
    let mut fields = Fields::of(panel);
    let kind = fields.text("type").unwrap_or_default();
    let title = fields.text("title").unwrap_or_default();
    if kind == "row" {
        *row = title;
        for inside in fields.items("panels") {
            panels(inside, row, parts);
        }
        return;
    }
    let shown = if title.is_empty() { format!("untitled {kind}") } else { title };
    let mut thing = Thing::new(Kind::Panel, shown);
    thing.key = format!("{row}/{}", thing.name);
    thing.set("type", Value::Text(kind));
    if !row.is_empty() {
        thing.set("row", Value::Text(row.clone()));
    }
    // Where it stands, and numbers of Grafana's own.
    for key in ["id", "gridPos", "pluginVersion"] {
        fields.take(key);
    }
    for (at, target) in fields.items("targets").into_iter().enumerate() {
        query(target, at, &mut thing);
    }
    fields.rest(&[("transparent", "false"), ("description", "")], &mut thing);
    parts.push(thing);
}

fn query(target: Json, at: usize, thing: &mut Thing) {
    let mut fields = Fields::of(target);
    let name = fields.text("refId").unwrap_or_else(|| (at + 1).to_string());
    if let Some(expr) = fields.text("expr") {
        thing.set(format!("query {name}"), Value::Expr(expr.trim().to_owned()));
    }
    for key in ["editorMode", "intervalFactor"] {
        fields.take(key);
    }
    let mut rest = Thing::new(Kind::Panel, "");
    let usual = [
        ("hide", "false"),
        ("instant", "false"),
        ("range", "true"),
        ("exemplar", "false"),
        ("format", "time_series"),
        ("legendFormat", ""),
        ("interval", ""),
    ];
    fields.rest(&usual, &mut rest);
    for (key, value) in rest.attributes {
        match value {
            Value::Text(text) => {
                flatten(thing, &format!("query {name} {key}"), "", Json::String(text));
            }
            value => thing.set(format!("query {name} {key}"), value),
        }
    }
}
