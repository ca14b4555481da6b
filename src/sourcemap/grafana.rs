//! Where Grafana's provisioning and its dashboards come from.

use super::item::{Data, Item};
use super::marks::{How, Marks, Origin};
use super::place::Place;
use super::prometheus::is;
use crate::model::slug;
use crate::render::panels;

/// Marks the list of data sources.
pub fn datasources(marks: &mut Marks, file: &Item, root: Place) {
    let Some(grafana) = root.one("grafana") else { return };
    marks.object(file, grafana, "Grafana's data sources");
    for item in file.get("datasources").map_or(&[][..], Item::items) {
        let name = item.str("name").unwrap_or_default();
        let said = grafana.named("datasource", name);
        let kind = item.str("type").unwrap_or_default();
        let part = root.one(kind);
        let source = said.or(part).unwrap_or(grafana);
        marks.object(item, source, format!("data source `{name}`"));
        let from: Vec<Place> = said.into_iter().collect();
        marks.deep(
            item,
            &[source],
            &[
                ("uid", "uid"),
                ("type", "type"),
                ("url", "url"),
                ("isDefault", "default"),
                ("basicAuth", "user"),
                ("basicAuthUser", "user"),
                ("basicAuthPassword", "password"),
            ],
        );
        for item in item.items() {
            match item.key() {
                "name" => marks.name(item, source),
                "jsonData" | "secureJsonData" => {
                    for item in item.items() {
                        json_data(marks, item, &from, source, root, part);
                    }
                }
                _ => {}
            }
        }
    }
}

/// A field of `jsonData`: an option of the source, or what follows from the part that is asked.
fn json_data(
    marks: &mut Marks,
    item: &Item,
    from: &[Place],
    source: Place,
    root: Place,
    part: Option<Place>,
) {
    let options = from.iter().filter_map(|place| place.said("options").map(|said| (*place, said)));
    for (place, said) in options {
        if let Some(pair) = said.pairs.iter().find(|pair| pair.name == item.key()) {
            let origin = Origin { span: pair.span, whole: pair.whole, ..Origin::named(place) };
            return marks.put(item, origin);
        }
    }
    match item.key() {
        "timeInterval" => {
            let from: Vec<Place> = from.iter().copied().chain(root.one("prometheus")).collect();
            marks.setting(item, &from, &["interval", "scrape_interval"]);
        }
        "tlsAuthWithCACert" | "tlsCACert" => {
            marks.setting(item, &[part.unwrap_or(source)], &["tls"]);
        }
        "manageAlerts" => {
            marks.put(item, Origin::derived(root.one("alertmanager").unwrap_or(source)));
        }
        "basicAuthPassword" => marks.setting(item, &[source], &["password"]),
        _ => marks.put(item, Origin::derived(source)),
    }
}

/// Marks the list of folders with dashboards.
pub fn providers(marks: &mut Marks, file: &Item, root: Place) {
    let Some(grafana) = root.one("grafana") else { return };
    marks.object(file, grafana, "Grafana's folders of dashboards");
    for item in file.get("providers").map_or(&[][..], Item::items) {
        let folder = item.str("folder").unwrap_or_default();
        let inside = |place: &Place| match place.said("folder") {
            Some(said) => said.values.iter().any(|value| value.0 == folder),
            None => folder.is_empty(),
        };
        let Some(dashboard) = grafana.all("dashboard").find(inside) else { continue };
        marks.object(item, dashboard, format!("folder `{folder}`"));
        let words = [("name", "folder"), ("folder", "folder"), ("path", "folder")];
        marks.deep(item, &[dashboard], if folder.is_empty() { &[] } else { &words });
    }
}

/// The dashboard that a rendered file shows: by the name that is made of its title.
pub fn dashboard_of<'a>(root: Place<'a>, path: &str) -> Option<Place<'a>> {
    let (folder, name) = path.strip_suffix(".json")?.rsplit_once('/')?;
    let folder = folder.strip_prefix("monitoring/dashboard-folders/");
    let named = |place: &Place| slug(place.name().unwrap_or_default()) == name;
    let inside = |place: &Place| {
        let said = place.said("folder").map(|said| said.values);
        let said = said.iter().flatten().next().map(|value| slug(&value.0));
        said.as_deref() == folder
    };
    let all: Vec<Place> = root.one("grafana")?.all("dashboard").filter(named).collect();
    all.iter().copied().find(inside).or(all.first().copied())
}

/// Marks a dashboard that is made of rows and panels.
pub fn dashboard(marks: &mut Marks, file: &Item, dashboard: Place, root: Place) {
    let title = dashboard.name().unwrap_or_default();
    marks.object(file, dashboard, format!("dashboard `{title}`"));
    let from = [dashboard];
    for item in file.items() {
        match item.key() {
            "title" => marks.name(item, dashboard),
            "uid" | "description" | "tags" | "timezone" | "editable" | "refresh" => {
                marks.setting(item, &from, &[item.key()]);
            }
            "time" => marks.setting(item, &from, &["range"]),
            "annotations" => {
                let rules = root.one("rules").or(root.one("slo")).unwrap_or(dashboard);
                marks.put(item, Origin::derived(rules));
            }
            "templating" => {
                let list = item.get("list").unwrap_or(item);
                marks.each(list, &from, "variable", |marks, item, node| {
                    variable(marks, item, node, dashboard);
                });
            }
            "links" => links(marks, item, dashboard),
            "panels" => {
                let mut flat = Vec::new();
                flatten(item, &mut flat);
                let nodes = expected(dashboard);
                let mut next = 0;
                for item in flat {
                    let fits =
                        |place: &Place| is(*place, "use") || place.name() == item.str("title");
                    let at = (next..nodes.len()).find(|at| fits(&nodes[*at]));
                    let Some(at) = at else { continue };
                    panel(marks, item, nodes[at], dashboard, root);
                    next = at + 1;
                }
            }
            _ => marks.put(item, Origin::derived(dashboard)),
        }
    }
}

/// All panels of the JSON in their order; what a folded row holds comes behind it.
fn flatten<'a>(list: &'a Item, flat: &mut Vec<&'a Item>) {
    for item in list.items() {
        flat.push(item);
        if let Some(inside) = item.get("panels") {
            flatten(inside, flat);
        }
    }
}

/// The node of each panel in their order; a page of the library stands there once for each panel.
fn expected(parent: Place<'_>) -> Vec<Place<'_>> {
    let mut nodes = Vec::new();
    for child in parent.children() {
        match child.node.name.value.as_str() {
            "variable" | "link" => {}
            "use" => {
                let page = child.name().and_then(panels::find);
                let count = page.map_or(0, |page| page.panels.len());
                nodes.extend(std::iter::repeat_n(child, count));
            }
            "row" => {
                nodes.push(child);
                nodes.extend(expected(child));
            }
            _ => nodes.push(child),
        }
    }
    nodes
}

fn links(marks: &mut Marks, list: &Item, node: Place) {
    marks.setting(list, &[node], &["link"]);
    marks.each(list, &[node], "link", |marks, item, link| {
        for item in item.items() {
            let keys: &[&str] = if item.key() == "title" { &["title"] } else { &["url"] };
            marks.setting(item, &[link], keys);
        }
    });
}

fn variable(marks: &mut Marks, item: &Item, node: Place, dashboard: Place) {
    for item in item.items() {
        let keys: &[&str] = match item.key() {
            "query" | "definition" => &["query", "values"],
            "options" => &["values"],
            "current" => &["default", "values"],
            "includeAll" => &["include_all"],
            "datasource" => {
                marks.setting(item, &[node, dashboard], &["datasource"]);
                continue;
            }
            key => &[key],
        };
        match item.key() {
            "name" => marks.name(item, node),
            _ if keys.iter().any(|key| node.takes(key)) => marks.setting(item, &[node], keys),
            _ => marks.put(item, Origin::derived(node)),
        }
        if item.key() == "options" {
            let values = node.said("values").map(|said| said.values).unwrap_or_default();
            for (option, (_, span)) in item.items().iter().zip(values) {
                marks.put(option, Origin { span, whole: span, ..Origin::named(node) });
            }
        }
    }
}

/// What becomes of a panel's settings, wherever in its JSON they stand.
const PANEL: &[(&str, &str)] = &[
    ("description", "description"),
    ("w", "width"),
    ("h", "height"),
    ("datasource", "datasource"),
    ("repeat", "repeat"),
    ("repeatDirection", "repeat"),
    ("unit", "unit"),
    ("decimals", "decimals"),
    ("min", "min"),
    ("max", "max"),
    ("stacking", "stack"),
    ("fillOpacity", "fill"),
    ("thresholdsStyle", "threshold"),
    ("legend", "legend"),
    ("calcs", "calc"),
    ("content", "content"),
    ("collapsed", "collapsed"),
];

fn panel(marks: &mut Marks, item: &Item, node: Place, dashboard: Place, root: Place) {
    let title = item.str("title").unwrap_or_default();
    let what = if is(node, "row") { "row" } else { "panel" };
    marks.object(item, node, format!("{what} `{title}`"));
    if is(node, "use") {
        return library(marks, item, node, dashboard, root);
    }
    for item in item.items() {
        match item.key() {
            "title" => marks.name(item, node),
            "type" => {
                let span = node.node.name.span;
                marks.put(item, Origin { span, ..Origin::named(node) });
            }
            // Panels inside of a folded row have nodes of their own.
            "panels" => marks.put(item, Origin::derived(node)),
            "links" => links(marks, item, node),
            "datasource" => datasource(marks, item, &[node, dashboard], root),
            "targets" => {
                marks.setting(item, &[node], &["query"]);
                marks.each(item, &[node], "query", |marks, item, query| {
                    for item in item.items() {
                        let key = match item.key() {
                            "legendFormat" => "legend",
                            "range" => "instant",
                            "refId" => "ref_id",
                            "datasource" => {
                                datasource(marks, item, &[query, node, dashboard], root);
                                continue;
                            }
                            key => key,
                        };
                        marks.setting(item, &[query], &[key]);
                    }
                });
            }
            "options" => {
                marks.put(item, Origin::derived(node));
                marks.deep(item, &[node], PANEL);
                let pairs = node.said("options").map(|said| said.pairs).unwrap_or_default();
                for item in item.items() {
                    if let Some(pair) = pairs.iter().find(|pair| pair.name == item.key()) {
                        let (span, whole) = (pair.span, pair.whole);
                        marks.put(item, Origin { span, whole, ..Origin::named(node) });
                    }
                }
            }
            _ => {
                let word = PANEL.iter().find(|(key, _)| *key == item.key());
                match word {
                    Some((_, setting)) => marks.setting(item, &[node], &[setting]),
                    None => marks.put(item, Origin::derived(node)),
                }
                marks.deep(item, &[node], PANEL);
                steps(marks, item, node);
            }
        }
    }
}

/// A panel of the library: what it selects by follows from the exporter that it shows.
fn library(marks: &mut Marks, item: &Item, node: Place, dashboard: Place, root: Place) {
    let page = node.name().and_then(panels::find);
    let shown = page.and_then(|page| {
        root.all("exporter").find(|exporter| {
            let kind = exporter.said("kind").and_then(|said| said.values.into_iter().next());
            let kind = kind.as_ref().map(|(kind, _)| kind.as_str()).or(exporter.name());
            kind == Some(page.subject)
        })
    });
    for inner in item.items() {
        match inner.key() {
            "datasource" => datasource(marks, inner, &[node, dashboard], root),
            "expr" => {
                let also = shown.map(Place::span).into_iter().collect();
                marks.put(inner, Origin { also, ..Origin::derived(node) });
            }
            _ => library(marks, inner, node, dashboard, root),
        }
    }
}

/// Marks a reference to a data source: as some node says it, else the one that grafana has.
fn datasource(marks: &mut Marks, item: &Item, from: &[Place], root: Place) {
    let said = from.iter().any(|place| place.said("datasource").is_some());
    let grafana = root.one("grafana");
    let uid = item.str("uid").unwrap_or_default();
    let own = grafana.and_then(|grafana| {
        grafana.all("datasource").find(|place| {
            place.name() == Some(uid)
                || place.said("uid").is_some_and(|said| said.values.iter().any(|v| v.0 == uid))
        })
    });
    let own = own.or(root.one(uid));
    match own {
        Some(_) if !said => {
            let how = How::Default("datasource".to_owned());
            marks.put(item, Origin { how, ..Origin::derived(from[0]) });
        }
        _ => marks.setting(item, from, &["datasource"]),
    }
    if let (Some(own), Some(mark)) = (own, marks.0.last_mut()) {
        let said = ["uid", "type"].iter().filter_map(|key| own.said(key));
        mark.origin.also.push(own.span());
        mark.origin.also.extend(said.map(|said| said.span));
    }
}

/// Steps of thresholds and texts for values, each by what it shows.
fn steps(marks: &mut Marks, item: &Item, node: Place) {
    for inner in item.items() {
        match (inner.key(), &inner.data) {
            ("steps", Data::List(steps)) => {
                for step in steps {
                    let fits = |place: &Place| {
                        let said = |key: &str| place.said(key).map(|said| said.values);
                        let color = said("color").unwrap_or_default();
                        let value = said("value").unwrap_or_default();
                        let number = |text: &str| text.parse::<f64>().ok();
                        color.first().map(|c| c.0.as_str()) == step.str("color")
                            && value.first().and_then(|v| number(&v.0))
                                == step.str("value").and_then(number)
                    };
                    match node.all("threshold").find(fits) {
                        Some(threshold) => {
                            marks.object(step, threshold, "a threshold");
                            marks.deep(
                                step,
                                &[threshold],
                                &[("color", "color"), ("value", "value")],
                            );
                        }
                        None => marks.setting(step, &[node], &["threshold"]),
                    }
                }
            }
            ("options", Data::Map(options)) => {
                for option in options {
                    let fits = |place: &Place| {
                        let said = place.said("value").map(|said| said.values);
                        said.iter().flatten().any(|value| value.0 == option.key())
                    };
                    if let Some(mapping) = node.all("mapping").find(fits) {
                        marks.object(option, mapping, "a mapping");
                        marks.deep(option, &[mapping], &[("text", "text"), ("color", "color")]);
                    }
                }
            }
            _ => steps(marks, inner, node),
        }
    }
}
