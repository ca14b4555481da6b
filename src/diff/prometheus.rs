//! prometheus.yml -> settings, jobs, remote writes.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::fields::{Fields, compact, normal, scalar};
use super::model::{Kind, Model, Thing, Value};

/// What a job is without a word about it (docs: "Configuration", `<scrape_config>`).
const JOB: [(&str, &str); 13] = [
    ("metrics_path", "/metrics"),
    ("scheme", "http"),
    ("honor_labels", "false"),
    ("honor_timestamps", "true"),
    ("track_timestamps_staleness", "false"),
    ("enable_compression", "true"),
    ("follow_redirects", "true"),
    ("enable_http2", "true"),
    ("sample_limit", "0"),
    ("target_limit", "0"),
    ("label_limit", "0"),
    ("body_size_limit", "0"),
    ("scrape_classic_histograms", "false"),
];

/// The same of a remote write.
const REMOTE_WRITE: [(&str, &str); 6] = [
    ("remote_timeout", "30s"),
    ("send_exemplars", "false"),
    ("send_native_histograms", "false"),
    ("follow_redirects", "true"),
    ("enable_http2", "true"),
    ("round_robin_dns", "false"),
];

/// What other files refer to.
pub struct Global {
    /// Time between evaluations of groups that say nothing.
    pub evaluation_interval: String,
    /// Patterns of rule files.
    pub rule_files: Vec<String>,
    /// Whether alerts are sent anywhere.
    pub sends_alerts: bool,
}

/// Reads the file.
pub fn read(file: Json, model: &mut Model) -> Global {
    let mut fields = Fields::of(file);
    let mut thing = Thing::new(Kind::Prometheus, "");
    let mut global = Fields::of(fields.take("global").unwrap_or_default());
    let duration = |fields: &mut Fields, key: &str, usual: &str| {
        normal(key, &fields.text(key).unwrap_or_else(|| usual.to_owned()))
    };
    let scrape_interval = duration(&mut global, "scrape_interval", "1m");
    let scrape_timeout = duration(&mut global, "scrape_timeout", "10s");
    let evaluation_interval = duration(&mut global, "evaluation_interval", "1m");
    thing.set("scrape_interval", Value::Text(scrape_interval.clone()));
    thing.set("scrape_timeout", Value::Text(scrape_timeout.clone()));
    thing.set("evaluation_interval", Value::Text(evaluation_interval.clone()));
    for (name, value) in global.pairs("external_labels") {
        thing.set(format!("external label {name}"), Value::Text(value));
    }
    global.rest(&[], &mut thing);
    let mut alerting = Fields::of(fields.take("alerting").unwrap_or_default());
    let managers: BTreeSet<String> =
        alerting.items("alertmanagers").into_iter().map(manager).collect();
    let sends_alerts = !managers.is_empty();
    if sends_alerts {
        thing.set("alertmanagers", Value::Set(managers));
    }
    relabelling("alert_relabel_configs", &mut alerting, &mut thing);
    let rule_files = fields.texts("rule_files");
    if let Some(mut storage) = fields.take("storage") {
        // The newest place of what are flags of older versions.
        if let Some(retention) =
            storage.pointer_mut("/tsdb/retention").map(Json::take).filter(Json::is_object)
        {
            let mut retention = Fields::of(retention);
            for key in ["time", "size"] {
                if let Some(text) = retention.text(key) {
                    thing.set(format!("retention {key}"), Value::Text(normal("_age", &text)));
                }
            }
        }
        Fields::of(json!({ "storage": storage })).rest(&[], &mut thing);
    }
    for job in fields.items("scrape_configs") {
        let thing = self::job(job, &scrape_interval, &scrape_timeout);
        model.push(thing);
    }
    for write in fields.items("remote_write") {
        let thing = remote(write);
        model.push(thing);
    }
    fields.rest(&[], &mut thing);
    let only = model.only(Kind::Prometheus);
    only.attributes.extend(thing.attributes);
    Global { evaluation_interval, rule_files, sends_alerts }
}

fn manager(manager: Json) -> String {
    let mut manager = manager;
    for group in
        manager.get_mut("static_configs").and_then(Json::as_array_mut).into_iter().flatten()
    {
        if let Some(targets) = group.get_mut("targets").and_then(Json::as_array_mut) {
            targets.sort_by_key(ToString::to_string);
        }
    }
    compact("alertmanagers", &manager)
}

/// Steps of relabelling: their order counts.
fn relabelling(key: &str, fields: &mut Fields, thing: &mut Thing) {
    let steps: Vec<String> = fields.items(key).into_iter().map(step).collect();
    if !steps.is_empty() {
        thing.set(key, Value::List(steps));
    }
}

fn step(step: Json) -> String {
    let usual =
        [("action", "replace"), ("separator", ";"), ("regex", "(.*)"), ("replacement", "$1")];
    let Json::Object(mut map) = step else { return compact("", &step) };
    for (key, usual) in usual {
        if map.get(key).and_then(scalar).as_deref() == Some(usual) {
            map.remove(key);
        }
    }
    let text = compact("step", &Json::Object(map));
    text.trim_start_matches('{').trim_end_matches('}').to_owned()
}

fn job(job: Json, interval: &str, timeout: &str) -> Thing {
    let mut fields = Fields::of(job);
    let mut thing = Thing::new(Kind::Job, fields.text("job_name").unwrap_or_default());
    let own = fields.text("scrape_interval").map(|text| normal("scrape_interval", &text));
    let every = own.clone().unwrap_or_else(|| interval.to_owned());
    thing.set("scrape_interval", own.map_or(Value::Inherited(every), Value::Text));
    let own = fields.text("scrape_timeout").map(|text| normal("scrape_timeout", &text));
    let limit = own.clone().unwrap_or_else(|| timeout.to_owned());
    thing.set("scrape_timeout", own.map_or(Value::Inherited(limit), Value::Text));
    let mut targets = BTreeSet::new();
    for group in fields.items("static_configs") {
        let mut group = Fields::of(group);
        let mut labels = group.pairs("labels");
        labels.sort_unstable();
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        for target in group.texts("targets") {
            targets.insert(match &labels[..] {
                [] => target,
                labels => format!("{target}{{{}}}", labels.join(", ")),
            });
        }
    }
    if !targets.is_empty() {
        thing.set("targets", Value::Set(targets));
    }
    relabelling("relabel_configs", &mut fields, &mut thing);
    relabelling("metric_relabel_configs", &mut fields, &mut thing);
    fields.rest(&JOB, &mut thing);
    // Which discovery is named first means nothing.
    for (name, value) in &mut thing.attributes {
        if let Value::List(list) = value
            && name.ends_with("_sd_configs")
        {
            *value = Value::set(std::mem::take(list));
        }
    }
    thing
}

fn remote(write: Json) -> Thing {
    let mut fields = Fields::of(write);
    let url = fields.text("url").unwrap_or_default();
    let url = compact("url", &Json::String(url));
    let mut thing = Thing::new(Kind::RemoteWrite, url.clone());
    if let Some(name) = fields.text("name") {
        thing.alias.clone_from(&name);
        thing.set("name", Value::Text(name));
    }
    thing.set("url", Value::Text(url));
    relabelling("write_relabel_configs", &mut fields, &mut thing);
    fields.rest(&REMOTE_WRITE, &mut thing);
    thing
}
