//! Objects of Kubernetes and of the Prometheus operator -> what the products' own files would say, and
//! containers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::compose;
use super::fields::{Fields, compact, flatten, scalar, value};
use super::model::{Kind, Model, Thing, Value};
use super::read::{Document, ReadError};

/// Keys below which names are the user's and stay as they are.
const NAMED: [&str; 5] = ["labels", "params", "external_labels", "headers", "match_labels"];

/// The objects of a file, if it is one of objects: every document in it says its kind.
pub fn objects(Document { path, text }: &Document) -> Result<Option<Vec<Json>>, ReadError> {
    let yaml = Path::new(path).extension().is_some_and(|end| end == "yaml" || end == "yml");
    let says = |key: &str| text.lines().any(|line| line.starts_with(key));
    if !yaml || !says("apiVersion:") || !says("kind:") {
        return Ok(None);
    }
    let mut objects = Vec::new();
    for json in super::read::stream(path, text)? {
        match (json.get("apiVersion"), json.get("kind"), json.get("items")) {
            (Some(_), Some(Json::String(kind)), Some(Json::Array(items))) if kind == "List" => {
                objects.extend(items.iter().cloned());
            }
            (Some(_), Some(_), _) => objects.push(json),
            _ if json.is_null() => {}
            _ => return Ok(None),
        }
    }
    Ok(Some(objects))
}

/// Whether an object is the operator's.
pub fn is_operators(object: &Json) -> bool {
    let api = object.get("apiVersion").and_then(Json::as_str).unwrap_or_default();
    api.starts_with("monitoring.coreos.com/")
}

/// Objects of one side.
#[derive(Default)]
pub struct Cluster {
    /// prometheus.yml, as the operator would write it.
    pub prometheus: Option<Json>,
    /// Rule files.
    pub rules: Vec<Json>,
    /// alertmanager.yml.
    pub alertmanager: Option<Json>,
    /// Files in ConfigMaps and Secrets.
    pub files: Vec<Document>,
    objects: Vec<(String, String, Json)>,
    things: Vec<Thing>,
    retention: BTreeMap<String, Value>,
}

impl Cluster {
    /// Sorts objects by whose configuration they are.
    pub fn of(objects: Vec<Json>) -> Self {
        let mut cluster = Self::default();
        let (mut jobs, mut global) = (Vec::new(), None);
        for object in objects {
            let mut fields = Fields::of(object);
            let api = fields.text("apiVersion").unwrap_or_default();
            let kind = fields.text("kind").unwrap_or_default();
            let mut metadata = Fields::of(fields.take("metadata").unwrap_or_default());
            let name = metadata.text("name").unwrap_or_default();
            match kind.as_str() {
                _ if !api.starts_with("monitoring.coreos.com/") => {
                    let mut object = fields.whole();
                    if matches!(kind.as_str(), "ConfigMap" | "Secret") {
                        cluster.texts(&name, &mut object);
                    }
                    if let Json::Object(map) = &mut object {
                        map.insert("metadata".to_owned(), metadata.whole());
                    }
                    cluster.objects.push((kind, name, object));
                }
                "PrometheusRule" => cluster.rules.extend(fields.take("spec")),
                "ScrapeConfig" => jobs.extend(fields.take("spec").map(job)),
                "Prometheus" => global = Some(cluster.prometheus(name, fields)),
                "Alertmanager" => cluster.alertmanager(name, fields),
                "AlertmanagerConfig" => {
                    let spec = alertmanager_config(fields.take("spec").unwrap_or_default());
                    cluster.tell_alertmanager(spec);
                }
                _ => {
                    let mut thing = Thing::new(Kind::Object, format!("{kind} {name}"));
                    fields.rest(&[], &mut thing);
                    cluster.things.push(thing);
                }
            }
        }
        if global.is_some() || !jobs.is_empty() {
            let mut file = global.unwrap_or_else(|| json!({}));
            file["scrape_configs"] = Json::Array(jobs);
            cluster.prometheus = Some(file);
        }
        cluster
    }

    /// Files that an object holds.
    fn texts(&mut self, name: &str, object: &mut Json) {
        for key in ["data", "stringData"] {
            let Some(Json::Object(texts)) = object.get_mut(key) else { continue };
            for (file, text) in std::mem::take(texts) {
                let text = scalar(&text).unwrap_or_default();
                self.files.push(Document { path: format!("{name}/{file}"), text });
            }
        }
    }

    fn tell_alertmanager(&mut self, more: Json) {
        let file = self.alertmanager.get_or_insert_with(|| json!({}));
        if let (Json::Object(file), Json::Object(more)) = (file, more) {
            file.extend(more);
        }
    }

    /// The file that the operator makes of its object; what runs it is a container.
    fn prometheus(&mut self, name: String, mut fields: Fields) -> Json {
        let mut spec = Fields::of(fields.take("spec").unwrap_or_default());
        let (mut file, mut global) = (Map::new(), Map::new());
        for (key, own) in [
            ("scrapeInterval", "scrape_interval"),
            ("scrapeTimeout", "scrape_timeout"),
            ("evaluationInterval", "evaluation_interval"),
            ("externalLabels", "external_labels"),
        ] {
            global.extend(spec.take(key).map(|said| (own.to_owned(), said)));
        }
        let mut retention = Map::new();
        for (key, own) in [("retention", "time"), ("retentionSize", "size")] {
            retention.extend(spec.take(key).map(|said| (own.to_owned(), said)));
        }
        file.insert("global".to_owned(), Json::Object(global));
        file.insert("storage".to_owned(), json!({ "tsdb": { "retention": retention } }));
        for (key, own) in [("alerting", "alerting"), ("remoteWrite", "remote_write")] {
            file.extend(spec.take(key).map(|said| (own.to_owned(), snake("", said))));
        }
        self.run("Prometheus", name, spec);
        Json::Object(file)
    }

    fn alertmanager(&mut self, name: String, mut fields: Fields) {
        let mut spec = Fields::of(fields.take("spec").unwrap_or_default());
        if let Some(said) = spec.take("alertmanagerConfiguration") {
            let mut said = Fields::of(snake("", said));
            said.take("name");
            self.tell_alertmanager(said.whole());
        }
        self.run("Alertmanager", name, spec);
    }

    fn run(&mut self, kind: &str, name: String, spec: Fields) {
        let mut thing = Thing::new(Kind::Service, name);
        thing.set("workload", Value::Text(kind.to_owned()));
        spec.rest(&[], &mut thing);
        self.things.push(thing);
    }

    /// Containers and all other objects.
    pub fn read(self, model: &mut Model) {
        let Self { objects, mut things, mut retention, .. } = self;
        let mut services = Vec::new();
        for (kind, name, object) in objects {
            match kind.as_str() {
                "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" => {
                    things.push(workload(&kind, &name, object, &mut retention));
                }
                "Service" => services.push((name, object)),
                _ => things.push(other(&kind, name, object)),
            }
        }
        for (name, service) in services {
            let mut spec = Fields::of(Fields::of(service).take("spec").unwrap_or_default());
            // The workload behind it is the one that its labels name.
            let selected = spec.take("selector").unwrap_or_default();
            let labels = ["app.kubernetes.io/name", "app"];
            let selected = labels.iter().find_map(|label| scalar(selected.get(label)?));
            let owner = selected.unwrap_or_else(|| name.clone());
            let behind = |thing: &&mut Thing| thing.kind == Kind::Service && thing.name == owner;
            let mut alone = Thing::new(Kind::Object, format!("Service {name}"));
            let (thing, at) = match things.iter_mut().find(behind) {
                Some(thing) => (thing, format!("Service {name}: ")),
                None => (&mut alone, String::new()),
            };
            let ports = spec.items("ports").iter().map(port).collect::<BTreeSet<_>>();
            thing.set(format!("{at}ports"), Value::Set(ports));
            attributes(thing, &at, spec);
            if at.is_empty() {
                things.push(alone);
            }
        }
        model.things.extend(things);
        if !retention.is_empty() {
            model.only(Kind::Prometheus).attributes.extend(retention);
        }
    }
}

/// A job as prometheus.yml has it.
fn job(spec: Json) -> Json {
    let mut job = snake("", spec);
    if let Some(Json::String(scheme)) = job.get_mut("scheme") {
        scheme.make_ascii_lowercase();
    }
    job
}

/// alertmanager.yml of the operator's object.
fn alertmanager_config(spec: Json) -> Json {
    let mut file = snake("", spec);
    if let Some(route) = file.get_mut("route") {
        modern(route);
    }
    for rule in file.get_mut("inhibit_rules").and_then(Json::as_array_mut).into_iter().flatten() {
        for side in ["source", "target"] {
            if let Some(said) =
                rule.as_object_mut().and_then(|it| it.remove(&format!("{side}_match")))
            {
                rule[format!("{side}_matchers")] = matchers(&said);
            }
        }
    }
    let mutes = file.get_mut("mute_time_intervals").and_then(Json::as_array_mut);
    for mute in mutes.into_iter().flatten() {
        let spans = mute.get_mut("time_intervals").and_then(Json::as_array_mut);
        for span in spans.into_iter().flatten() {
            let days = span.get_mut("days_of_month").and_then(Json::as_array_mut);
            for day in days.into_iter().flatten() {
                let end = |key: &str| day.get(key).and_then(scalar).unwrap_or_default();
                let (first, last) = (end("start"), end("end"));
                *day = if first == last { first } else { format!("{first}:{last}") }.into();
            }
        }
    }
    file
}

fn modern(route: &mut Json) {
    if let Some(said) = route.get("matchers") {
        route["matchers"] = matchers(said);
    }
    for child in route.get_mut("routes").and_then(Json::as_array_mut).into_iter().flatten() {
        modern(child);
    }
}

/// `{name, value, matchType}` as `name="value"`.
fn matchers(said: &Json) -> Json {
    let text = |matcher: &Json| {
        let part = |key: &str| matcher.get(key).and_then(scalar);
        let operator = part("match_type").unwrap_or_else(|| "=".to_owned());
        let (name, value) = (part("name").unwrap_or_default(), part("value").unwrap_or_default());
        Json::String(format!("{name}{operator}{value:?}"))
    };
    said.as_array().into_iter().flatten().map(text).collect()
}

/// A value with the keys of the products' files: `scrapeInterval` is `scrape_interval`.
fn snake(below: &str, json: Json) -> Json {
    match json {
        Json::Object(map) if !NAMED.contains(&below) => {
            let entry = |(key, value): (String, Json)| {
                let key = match key.as_str() {
                    "relabelings" => "relabel_configs".to_owned(),
                    "metricRelabelings" => "metric_relabel_configs".to_owned(),
                    _ => snake_key(&key),
                };
                let value = snake(&key, value);
                (key, value)
            };
            Json::Object(map.into_iter().map(entry).collect())
        }
        Json::Array(items) => items.into_iter().map(|item| snake(below, item)).collect(),
        other => other,
    }
}

/// `dnsSDConfigs` as `dns_sd_configs`.
fn snake_key(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    let mut text = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let lower = |at: Option<&char>| at.is_some_and(|it| !it.is_ascii_uppercase());
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        // The plural of an abbreviation is no word of its own.
        let next = letters.get(at + 1).filter(|_| at + 2 < letters.len());
        if letter.is_ascii_uppercase() && before.is_some() && (lower(before) || lower(next)) {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// What runs containers.
fn workload(
    kind: &str,
    name: &str,
    object: Json,
    retention: &mut BTreeMap<String, Value>,
) -> Thing {
    let mut thing = Thing::new(Kind::Service, name);
    thing.set("workload", Value::Text(kind.to_owned()));
    let mut fields = Fields::of(object);
    metadata(&mut thing, fields.take("metadata"));
    let mut spec = Fields::of(fields.take("spec").unwrap_or_default());
    let mut template = spec.take("template");
    if let Some(job) = spec.take("jobTemplate") {
        let mut job = Fields::of(Fields::of(job).take("spec").unwrap_or_default());
        template = job.take("template");
        attributes(&mut thing, "job ", job);
    }
    let mut template = Fields::of(template.unwrap_or_default());
    let mut pod = Fields::of(template.take("spec").unwrap_or_default());
    let containers = pod.items("containers");
    let alone = containers.len() == 1;
    for container in containers {
        self::container("", name, alone, container, &mut thing, retention);
    }
    for init in pod.items("initContainers") {
        self::container("init ", "", false, init, &mut thing, &mut BTreeMap::new());
    }
    for volume in pod.items("volumes") {
        let mut volume = Fields::of(volume);
        let at = format!("volume {}.", volume.text("name").unwrap_or_default());
        attributes(&mut thing, &at, volume);
    }
    for claim in spec.items("volumeClaimTemplates") {
        let mut claim = Fields::of(claim);
        let mut metadata = Fields::of(claim.take("metadata").unwrap_or_default());
        let at = format!("volume claim {}.", metadata.text("name").unwrap_or_default());
        attributes(&mut thing, &at, claim);
    }
    attributes(&mut thing, "pod ", pod);
    attributes(&mut thing, "pod ", template);
    attributes(&mut thing, "", spec);
    thing
}

/// A container; that of the workload's own name needs no name in front.
fn container(
    sort: &str,
    owner: &str,
    alone: bool,
    container: Json,
    thing: &mut Thing,
    retention: &mut BTreeMap<String, Value>,
) {
    let mut fields = Fields::of(container);
    let name = fields.text("name").unwrap_or_default();
    let own = alone || name == owner;
    let at = if own { String::new() } else { format!("{sort}container {name}: ") };
    for variable in fields.items("env") {
        let mut variable = Fields::of(variable);
        let name = variable.text("name").unwrap_or_default();
        let said = match variable.text("value") {
            Some(text) => value(&name, text),
            None => Value::Text(compact("", &variable.whole())),
        };
        thing.set(format!("{at}env {name}"), said);
    }
    let ports: BTreeSet<String> = fields.items("ports").iter().map(port).collect();
    if !ports.is_empty() {
        thing.set(format!("{at}container ports"), Value::Set(ports));
    }
    for mount in fields.items("volumeMounts") {
        let mut mount = Fields::of(mount);
        let path = mount.text("mountPath").unwrap_or_default();
        let read_only = mount.text("readOnly").as_deref() == Some("true");
        let mut source = mount.text("name").unwrap_or_default();
        if let Some(below) = mount.text("subPath") {
            source = format!("{source}/{below}");
        }
        if read_only {
            source.push_str(" (read-only)");
        }
        attributes(thing, &format!("{at}mount {path}."), mount);
        thing.set(format!("{at}mount {path}"), Value::Text(source));
    }
    for key in ["command", "args"] {
        let words = fields.texts(key);
        let mut inner = Thing::new(Kind::Service, "");
        compose::words(&mut inner, key, words, retention);
        let named = |(name, value): (String, Value)| (format!("{at}{name}"), value);
        thing.attributes.extend(inner.attributes.into_iter().map(named));
    }
    attributes(thing, &at, fields);
}

/// `name 80->http/UDP`, as far as it is said.
fn port(port: &Json) -> String {
    let mut fields = Fields::of(port.clone());
    let mut text = |key: &str| fields.text(key);
    let name = text("name");
    let number = text("port").or_else(|| text("containerPort")).unwrap_or_default();
    let target = text("targetPort").filter(|target| Some(target) != name.as_ref());
    let target = target.filter(|target| *target != number);
    let protocol = text("protocol").filter(|protocol| protocol != "TCP");
    let mut said = number;
    said.extend(target.map(|target| format!("->{target}")));
    said.extend(protocol.map(|protocol| format!("/{protocol}")));
    let more = compact("", &fields.whole());
    let more = more.trim_start_matches('{').trim_end_matches('}');
    let parts = [name.unwrap_or_default(), said, more.to_owned()];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// An object of another kind.
fn other(kind: &str, name: String, object: Json) -> Thing {
    let mut thing = match kind {
        "PersistentVolumeClaim" | "PersistentVolume" => Thing::new(Kind::Volume, name),
        "Secret" => Thing::new(Kind::Secret, name),
        _ => Thing::new(Kind::Object, format!("{kind} {name}").trim_end()),
    };
    let mut fields = Fields::of(object);
    metadata(&mut thing, fields.take("metadata"));
    fields.rest(&[], &mut thing);
    thing
}

/// What is said of an object besides its name; who made it means nothing.
fn metadata(thing: &mut Thing, metadata: Option<Json>) {
    let mut metadata = Fields::of(metadata.unwrap_or_default());
    for (name, text) in metadata.pairs("labels") {
        if name != "app.kubernetes.io/managed-by" {
            thing.set(format!("label {name}"), Value::Text(text));
        }
    }
    attributes(thing, "", metadata);
}

/// All that is left, each with `at` before its name.
fn attributes(thing: &mut Thing, at: &str, fields: Fields) {
    if let Json::Object(rest) = fields.whole() {
        for (key, value) in rest {
            flatten(thing, &format!("{at}{key}"), &key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_files() {
        for (camel, own) in [
            ("dnsSDConfigs", "dns_sd_configs"),
            ("jobName", "job_name"),
            ("tlsConfig", "tls_config"),
            ("apiURL", "api_url"),
            ("chatID", "chat_id"),
            ("fileSDConfigs", "file_sd_configs"),
            ("url", "url"),
        ] {
            assert_eq!(snake_key(camel), own);
        }
        let job = snake("", json!({"staticConfigs": [{"labels": {"aB": "c"}}]}));
        assert_eq!(job, json!({"static_configs": [{"labels": {"aB": "c"}}]}));
    }

    #[test]
    fn only_files_whose_documents_all_say_their_kind_are_objects() {
        let read = |text: &str| {
            let document = Document { path: "x.yaml".to_owned(), text: text.to_owned() };
            objects(&document).expect("it is YAML").map(|objects| objects.len())
        };
        assert_eq!(read("apiVersion: v1\nkind: A\n---\napiVersion: v1\nkind: B\n"), Some(2));
        assert_eq!(read("apiVersion: v1\nkind: A\n---\nfoo: 1\n"), None);
        assert_eq!(read("apiVersion: 1\nproviders: []\n"), None);
        let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A}\n";
        assert_eq!(read(list), Some(1));
    }
}
