//! Where the objects of the Prometheus operator come from: they hold what `prometheus.yml`,
//! `alertmanager.yml` and files of rules hold, in names of their own. So they are read back into the
//! names of those files, and the rules of those files say the rest.

use super::item::{Data, Item};
use super::marks::{Marks, Origin};
use super::place::Place;
use super::prometheus::{self, Jobs};
use super::{alertmanager, kubernetes, rules};

/// Marks an object of the operator; whether it was one.
pub fn object(marks: &mut Marks, object: &Item, kind: &str, root: Place) -> bool {
    let Some(spec) = object.get("spec") else { return false };
    match kind {
        "PrometheusRule" => rules::file(marks, &renamed(spec), root),
        "AlertmanagerConfig" => {
            let mut spec = renamed(spec);
            if let Data::Map(items) = &mut spec.data {
                for item in items.iter_mut().filter(|item| item.key() == "mute_time_intervals") {
                    item.key = Some("time_intervals".to_owned());
                }
            }
            alertmanager::config(marks, &spec, root);
        }
        "ScrapeConfig" => {
            let Some(prometheus) = root.one("prometheus") else { return false };
            let spec = renamed(spec);
            Jobs::new(root, prometheus).one(marks, &spec);
            let origin = marks.0.iter().rev().find(|mark| mark.range == spec.range);
            // The object as a whole is the job.
            if let Some(origin) = origin.map(|mark| mark.origin.clone())
                && let Some(metadata) = object.get("metadata")
            {
                marks.put(metadata, origin.clone());
                if let Some(name) = metadata.get("name") {
                    marks.put(name, origin);
                }
            }
        }
        "Prometheus" => {
            let Some(node) = root.one("prometheus") else { return false };
            part(marks, spec, node, root);
            let spec = renamed(spec);
            let held = ["remote_write", "alerting"].map(|key| spec.get(key).cloned());
            let held = Item {
                key: None,
                range: spec.range.clone(),
                data: Data::Map(held.into_iter().flatten().collect()),
            };
            let before = marks.0.len();
            prometheus::config(marks, &held, root);
            // The first mark would cover what is already known of the whole.
            marks.0.remove(before);
        }
        "Alertmanager" => {
            let Some(node) = root.one("alertmanager") else { return false };
            part(marks, spec, node, root);
        }
        _ => return false,
    }
    true
}

/// Settings of a server that go by another name.
const SETTINGS: &[(&str, &[&str])] = &[
    ("image", &["image", "version"]),
    ("version", &["version", "image"]),
    ("portName", &["tls"]),
    ("scrapeInterval", &["scrape_interval"]),
    ("scrapeTimeout", &["scrape_timeout"]),
    ("evaluationInterval", &["evaluation_interval"]),
    ("externalLabels", &["external_labels"]),
    ("externalUrl", &["external_url"]),
    ("routePrefix", &["external_url"]),
    ("enableFeatures", &["features"]),
    ("enableRemoteWriteReceiver", &["enable_remote_write_receiver"]),
    ("enableAdminAPI", &["enable_admin_api"]),
    ("tsdb", &["out_of_order_time_window"]),
    ("web", &["tls", "web"]),
    ("shards", &["shards"]),
];

/// Marks a server: what it says of itself, its storage and its limits.
fn part(marks: &mut Marks, spec: &Item, node: Place, root: Place) {
    let from = [node];
    let retention = node.one("retention");
    for item in spec.items() {
        match item.key() {
            "retention" | "retentionSize" => {
                let key = if item.key() == "retention" { "time" } else { "size" };
                match retention {
                    Some(block) => marks.setting(item, &[block], &[key]),
                    None => marks.setting(item, &from, &["retention"]),
                }
            }
            "query" => {
                marks.setting(item, &from, &["query"]);
                if let Some(block) = node.one("query") {
                    for item in renamed(item).items() {
                        marks.setting(item, &[block], &[item.key()]);
                    }
                }
            }
            "storage" => {
                marks.setting(item, &from, &["data"]);
                if let Some(claim) = item.get("volumeClaimTemplate") {
                    kubernetes::claim(marks, claim, node, root);
                }
            }
            "resources" => kubernetes::resources(marks, item, node, root),
            "volumes" => {
                item.items().iter().for_each(|item| kubernetes::volume(marks, item, node, root));
            }
            key => match SETTINGS.iter().find(|(name, _)| *name == key) {
                Some((_, keys)) => marks.setting(item, &from, keys),
                None => marks.put(item, Origin::derived(node)),
            },
        }
    }
}

/// Maps whose keys are the user's own.
const FREE: &[&str] = &["labels", "annotations", "externalLabels", "params", "headers", "details"];

/// A tree in the names of the programs' own files.
fn renamed(item: &Item) -> Item {
    let key = item.key.as_deref().map(own_name);
    let range = item.range.clone();
    if FREE.contains(&item.key()) {
        return Item { key, ..item.clone() };
    }
    let data = match &item.data {
        Data::Scalar(text) => Data::Scalar(text.clone()),
        Data::List(items) => Data::List(items.iter().map(renamed).collect()),
        // A condition in its parts, as text.
        Data::Map(_) if item.get("matchType").is_some() => {
            let part = |key| item.str(key).unwrap_or_default();
            let (name, op, value) = (part("name"), part("matchType"), part("value"));
            Data::Scalar(format!("{name}{op}{value:?}"))
        }
        Data::Map(items) => Data::Map(items.iter().map(renamed).collect()),
    };
    Item { key, range, data }
}

/// `dnsSDConfigs` is `dns_sd_configs`; some names differ by more than their form.
fn own_name(name: &str) -> String {
    match name {
        "relabelings" => return "relabel_configs".to_owned(),
        "metricRelabelings" => return "metric_relabel_configs".to_owned(),
        "sourceMatch" => return "source_matchers".to_owned(),
        "targetMatch" => return "target_matchers".to_owned(),
        "keySecret" => return "key_file".to_owned(),
        "ca" | "cert" => return format!("{name}_file"),
        _ => {}
    }
    let chars: Vec<char> = name.chars().collect();
    let mut own = String::with_capacity(name.len() + 4);
    for (at, c) in chars.iter().enumerate() {
        let after_small = at > 0 && chars[at - 1].is_lowercase();
        let ends_acronym = at > 0
            && chars[at - 1].is_uppercase()
            && chars.get(at + 1).is_some_and(|next| next.is_lowercase() && *next != 's');
        if c.is_uppercase() && (after_small || ends_acronym) {
            own.push('_');
        }
        own.extend(c.to_lowercase());
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_programs_own_files() {
        for (name, own) in [
            ("dnsSDConfigs", "dns_sd_configs"),
            ("jobName", "job_name"),
            ("httpSDConfigs", "http_sd_configs"),
            ("apiURL", "api_url"),
            ("groupBy", "group_by"),
            ("expr", "expr"),
            ("metricRelabelings", "metric_relabel_configs"),
        ] {
            assert_eq!(own_name(name), own);
        }
    }

    #[test]
    fn conditions_are_texts_and_labels_keep_their_names() {
        let text =
            "matchers:\n  - name: team\n    value: a\n    matchType: '!='\nlabels:\n  fooBar: x\n";
        let tree = renamed(&Item::yaml(text).expect("YAML"));
        let first = &tree.get("matchers").expect("there").items()[0];
        assert_eq!(first.text(), Some("team!=\"a\""));
        assert_eq!(tree.get("labels").and_then(|it| it.str("fooBar")), Some("x"));
    }
}
