//! From JSON to panels, variables and links.

use super::json::{Data, Json};
use super::{Annotation, Dashboard, Input, Link, LinkTarget, Panel, Reference, Target, Variable};
use crate::diag::{Span, Spanned};

/// The dashboard of a file; of `{"dashboard": …}` the inner one, as Grafana's API gives it.
/// `Err` says what the value is instead, and where.
pub fn read(file: &Json) -> Result<Dashboard, (String, Span)> {
    let inner = file.get("dashboard").filter(|inner| matches!(inner.data, Data::Object(_)));
    let (root, base) = inner.map_or((file, ""), |inner| (inner, "/dashboard"));
    if !matches!(root.data, Data::Object(_)) {
        return Err(("a dashboard is an object".to_owned(), head(root.span)));
    }
    if let Some(kind) = root.get("apiVersion").filter(|_| root.get("spec").is_some()) {
        let message = "this is a Kubernetes resource; a provisioned file is what its `spec` holds";
        return Err((message.to_owned(), kind.span));
    }
    if let Some(elements) = root.get("elements").filter(|_| root.get("layout").is_some()) {
        let message = "this is Grafana's second schema, which provisioned files do not know yet";
        return Err((message.to_owned(), head(elements.span)));
    }
    let mut panels = Vec::new();
    if let Some(list) = root.get("panels") {
        self::panels(list, &format!("{base}/panels"), &mut panels);
    }
    for (index, row) in root.get("rows").map_or(&[][..], Json::list).iter().enumerate() {
        let pointer = format!("{base}/rows/{index}");
        let kind = Spanned::new("row".to_owned(), head(row.span));
        panels.push(Panel { kind: Some(kind), ..panel(row, &pointer) });
        if let Some(list) = row.get("panels") {
            self::panels(list, &format!("{pointer}/panels"), &mut panels);
        }
    }
    let each = |path: &[&str]| {
        let pointer = format!("{base}/{}", path.join("/"));
        let list = root.at(path).map_or(&[][..], Json::list);
        list.iter().enumerate().map(move |(index, json)| (json, format!("{pointer}/{index}")))
    };
    Ok(Dashboard {
        uid: root.get("uid").and_then(Json::text),
        tags: texts(root.get("tags")),
        panels,
        variables: each(&["templating", "list"])
            .map(|(json, pointer)| variable(json, pointer))
            .collect(),
        annotations: each(&["annotations", "list"])
            .map(|(json, pointer)| annotation(json, pointer))
            .collect(),
        links: each(&["links"]).filter_map(|(json, pointer)| link(json, pointer)).collect(),
        inputs: each(&["__inputs"]).filter_map(|(json, pointer)| input(json, pointer)).collect(),
    })
}

fn panels(list: &Json, pointer: &str, found: &mut Vec<Panel>) {
    for (index, json) in list.list().iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        found.push(panel(json, &pointer));
        // A folded row holds its panels, an unfolded one is followed by them.
        if let Some(inside) = json.get("panels") {
            panels(inside, &format!("{pointer}/panels"), found);
        }
    }
}

fn panel(json: &Json, pointer: &str) -> Panel {
    let title = json.get("title").and_then(Json::text);
    let kind = json.get("type").and_then(Json::text);
    let library = json.get("libraryPanel").is_some_and(|it| matches!(it.data, Data::Object(_)));
    let targets = json.get("targets").map_or(&[][..], Json::list).iter().enumerate();
    let (unit, reworked) = unit(json, kind.as_ref().map_or("", |kind| kind.as_str()));
    Panel {
        title: title.unwrap_or_else(|| Spanned::new(String::new(), head(json.span))),
        kind: kind.filter(|_| !library),
        datasource: reference(json.get("datasource"), format!("{pointer}/datasource")),
        targets: targets
            .map(|(index, json)| target(json, format!("{pointer}/targets/{index}")))
            .collect(),
        unit,
        reworked,
        repeat: json.get("repeat").and_then(Json::text).filter(|name| !name.value.is_empty()),
        links: links(json, pointer),
        pointer: pointer.to_owned(),
    }
}

/// The unit of a panel's values, and whether some values have another one or were changed.
fn unit(json: &Json, kind: &str) -> (Option<Spanned<String>>, bool) {
    let some = |json: Option<&Json>| json.is_some_and(|json| !json.list().is_empty());
    let transformed = some(json.get("transformations"));
    match kind {
        // The panels of the time before field options.
        "graph" => {
            let axes = json.get("yaxes").map_or(&[][..], Json::list);
            let unit = axes.first().and_then(|axis| axis.get("format")).and_then(Json::text);
            (unit, transformed || some(json.get("seriesOverrides")))
        }
        "singlestat" => {
            // `valueName` may ask for the name of a series or for the number of values.
            let value = json.get("valueName").and_then(Json::str).unwrap_or("avg");
            let mapped = matches!(value, "name" | "count" | "last_time");
            (json.get("format").and_then(Json::text), transformed || mapped)
        }
        _ => {
            let own = json.at(&["fieldConfig", "defaults", "unit"]).and_then(Json::text);
            let overrides = json.at(&["fieldConfig", "overrides"]).map_or(&[][..], Json::list);
            let units = overrides.iter().any(|one| {
                let properties = one.get("properties").map_or(&[][..], Json::list);
                properties.iter().any(|property| {
                    property.get("id").and_then(Json::str).is_some_and(|id| id == "unit")
                })
            });
            // How many values there were is no matter of their unit.
            let calcs = json.at(&["options", "reduceOptions", "calcs"]).map_or(&[][..], Json::list);
            let counted = calcs
                .iter()
                .filter_map(Json::str)
                .any(|calc| matches!(calc, "count" | "changeCount" | "distinctCount" | "diffperc"));
            (own.filter(|unit| !unit.value.is_empty()), transformed || units || counted)
        }
    }
}

fn target(json: &Json, pointer: String) -> Target {
    // Sources of PromQL call it `expr`; the query of Loki has the same name.
    Target {
        expr: json.get("expr").and_then(Json::text).filter(|expr| !expr.value.trim().is_empty()),
        legend: json.get("legendFormat").and_then(Json::text),
        datasource: reference(json.get("datasource"), format!("{pointer}/datasource")),
        instant: json.get("instant").is_some_and(Json::is_true)
            && !json.get("range").is_some_and(Json::is_true),
        interval: json.get("interval").and_then(Json::text).filter(|it| !it.value.is_empty()),
        pointer,
    }
}

fn reference(json: Option<&Json>, pointer: String) -> Option<Reference> {
    let json = json?;
    let kept = |text: Option<&Json>| {
        text.and_then(Json::text).filter(|text: &Spanned<String>| !text.value.is_empty())
    };
    match &json.data {
        Data::Text(_) => {
            let name = kept(Some(json))?;
            // The word for the default of an old dashboard.
            (name.value != "default").then_some(Reference { kind: None, name: Some(name), pointer })
        }
        Data::Object(_) => {
            let (kind, name) = (kept(json.get("type")), kept(json.get("uid")));
            (kind.is_some() || name.is_some()).then_some(Reference { kind, name, pointer })
        }
        _ => None,
    }
}

fn variable(json: &Json, pointer: String) -> Variable {
    let query = json.get("query").and_then(|query| match &query.data {
        // Newer Grafana writes an object with the text in it.
        Data::Object(_) => query.get("query").and_then(Json::text),
        _ => query.text(),
    });
    let text = |name: &str| json.get(name).and_then(Json::text);
    Variable {
        name: text("name").unwrap_or_else(|| Spanned::new(String::new(), head(json.span))),
        kind: json.get("type").and_then(Json::str).unwrap_or("query").to_owned(),
        query: query.filter(|query| !query.value.is_empty()),
        datasource: reference(json.get("datasource"), format!("{pointer}/datasource")),
        regex: text("regex").filter(|regex| !regex.value.is_empty()),
        pointer,
    }
}

fn annotation(json: &Json, pointer: String) -> Annotation {
    let expr = json.get("expr").or_else(|| json.at(&["target", "expr"])).and_then(Json::text);
    Annotation {
        name: json.get("name").and_then(Json::str).unwrap_or_default().to_owned(),
        expr: expr.filter(|expr| !expr.value.trim().is_empty()),
        datasource: reference(json.get("datasource"), format!("{pointer}/datasource")),
        pointer,
    }
}

/// The links of a panel's menu, of its title in older dashboards, and of its values.
fn links(json: &Json, pointer: &str) -> Vec<Link> {
    let lists: [&[&str]; 3] =
        [&["links"], &["fieldConfig", "defaults", "links"], &["options", "dataLinks"]];
    let mut found = Vec::new();
    for path in lists {
        let list = json.at(path).map_or(&[][..], Json::list);
        for (index, json) in list.iter().enumerate() {
            found.extend(link(json, format!("{pointer}/{}/{index}", path.join("/"))));
        }
    }
    found
}

fn link(json: &Json, pointer: String) -> Option<Link> {
    let title = json.get("title").and_then(Json::str).unwrap_or_default().to_owned();
    let target = match json.get("type").and_then(Json::str) {
        Some("dashboards") => LinkTarget::Tags(texts(json.get("tags"))),
        _ => {
            let url = json.get("url").or_else(|| json.get("dashUri")).and_then(Json::text)?;
            LinkTarget::Url(url)
        }
    };
    Some(Link { title, target, pointer })
}

fn input(json: &Json, pointer: String) -> Option<Input> {
    let text = |name: &str| json.get(name).and_then(Json::text);
    Some(Input {
        name: text("name")?,
        kind: json.get("type").and_then(Json::str).unwrap_or_default().to_owned(),
        plugin: text("pluginId").filter(|plugin| !plugin.value.is_empty()),
        value: json.get("value").and_then(Json::str).map(str::to_owned),
        pointer,
    })
}

fn texts(list: Option<&Json>) -> Vec<Spanned<String>> {
    list.map_or(&[][..], Json::list).iter().filter_map(Json::text).collect()
}

/// The opening bracket of something long.
fn head(span: Span) -> Span {
    Span { len: span.len.min(1), ..span }
}

#[cfg(test)]
mod tests {
    use super::super::json;
    use super::*;
    use crate::diag::FileId;

    fn dashboard(text: &str) -> Dashboard {
        read(&json::read(text, FileId(0)).expect("JSON")).expect("a dashboard")
    }

    #[test]
    fn panels_of_rows_follow_their_row_in_both_layouts() {
        let titles = |text: &str| -> Vec<String> {
            dashboard(text)
                .panels
                .iter()
                .map(|panel| format!("{} {}", panel.pointer, panel.title))
                .collect()
        };
        assert_eq!(
            titles(
                r#"{"panels": [
                {"type": "row", "title": "R", "collapsed": true, "panels": [{"type": "stat", "title": "A"}]},
                {"type": "stat"}]}"#
            ),
            ["/panels/0 R", "/panels/0/panels/0 A", "/panels/1 "]
        );
        assert_eq!(
            titles(r#"{"dashboard": {"rows": [{"title": "R", "panels": [{"title": "A"}]}]}}"#),
            ["/dashboard/rows/0 R", "/dashboard/rows/0/panels/0 A"]
        );
    }

    #[test]
    fn references_come_as_names_objects_and_nothing() {
        let check = |datasource: &str, expected: Option<(Option<&str>, Option<&str>)>| {
            let text = format!(r#"{{"panels": [{{"datasource": {datasource}}}]}}"#);
            let found = dashboard(&text).panels.remove(0).datasource;
            let word =
                |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.value.clone());
            let found = found.map(|found| (word(&found.kind), word(&found.name)));
            let owned = |text: Option<&str>| text.map(str::to_owned);
            assert_eq!(found, expected.map(|(kind, name)| (owned(kind), owned(name))));
        };
        check("null", None);
        check("\"default\"", None);
        check("\"Old\"", Some((None, Some("Old"))));
        check(r#"{"type": "loki", "uid": "${x}"}"#, Some((Some("loki"), Some("${x}"))));
        check(r#"{"uid": ""}"#, None);
    }

    #[test]
    fn units_come_from_old_and_new_panels() {
        let check = |panel: &str, expected: (Option<&str>, bool)| {
            let panel = dashboard(&format!(r#"{{"panels": [{panel}]}}"#)).panels.remove(0);
            let unit = panel.unit.map(|unit| unit.value);
            assert_eq!((unit.as_deref(), panel.reworked), expected);
        };
        check(
            r#"{"type": "stat", "fieldConfig": {"defaults": {"unit": "s"}}}"#,
            (Some("s"), false),
        );
        check(
            r#"{"type": "stat", "fieldConfig": {"defaults": {"unit": "s"}, "overrides": [
                {"properties": [{"id": "unit", "value": "bytes"}]}]}}"#,
            (Some("s"), true),
        );
        check(
            r#"{"type": "graph", "yaxes": [{"format": "Bps"}, {"format": "s"}]}"#,
            (Some("Bps"), false),
        );
        check(r#"{"type": "singlestat", "format": "s", "valueName": "name"}"#, (Some("s"), true));
        check(r#"{"type": "stat", "transformations": [{}]}"#, (None, true));
    }

    #[test]
    fn other_schemas_are_told_apart() {
        let refused = |text: &str| {
            let json = json::read(text, FileId(0)).expect("JSON");
            read(&json).expect_err("no dashboard").1
        };
        assert_eq!(refused("[1]").range(), 0..1);
        assert_eq!(refused(r#"{"apiVersion": "x", "spec": {}}"#).range(), 15..18);
        assert_eq!(refused(r#"{"elements": {}, "layout": {}}"#).range(), 13..14);
    }

    #[test]
    fn queries_of_variables_come_as_texts_and_objects() {
        let found = dashboard(
            r#"{"templating": {"list": [
                {"name": "a", "query": "label_values(up, job)"},
                {"name": "b", "type": "query", "query": {"query": "metrics(x)", "refId": "r"}},
                {"name": "c", "type": "custom", "query": "1,2"},
                {"name": "d", "type": "query", "query": {"refId": "r"}}]}}"#,
        );
        let queries: Vec<_> = found
            .variables
            .iter()
            .map(|it| it.query.as_ref().map(|query| query.as_str()))
            .collect();
        assert_eq!(queries, [Some("label_values(up, job)"), Some("metrics(x)"), Some("1,2"), None]);
    }
}
