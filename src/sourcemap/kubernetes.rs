//! Where the objects of a cluster come from: one document after the other, each by its kind.

use super::compose::{self, container, granted};
use super::item::{Data, Item};
use super::marks::{Marks, Origin};
use super::operator;
use super::place::Place;
use super::prometheus::is;
use crate::model::slug;

/// Marks all objects of a file.
pub fn file(marks: &mut Marks, documents: &[Item], root: Place) {
    for object in documents {
        let name = object.find(&["metadata", "name"]).and_then(Item::text).unwrap_or_default();
        let kind = object.str("kind").unwrap_or_default();
        let Some(node) = node_of(root, kind, name) else { continue };
        marks.object(object, node, format!("{kind} `{name}`"));
        if let Some(name) = object.find(&["metadata", "name"]) {
            marks.name(name, node);
        }
        if kind == "Kustomization" {
            kustomization(marks, object, root);
            continue;
        }
        if !operator::object(marks, object, kind, root) {
            entries(marks, object, node, root);
        }
        labels(marks, object, node, root);
    }
}

/// The node that an object comes from, by its kind and name.
fn node_of<'a>(root: Place<'a>, kind: &str, name: &str) -> Option<Place<'a>> {
    let stack = root.one("stack").or(root.children().next());
    let part = |name: &str| root.one(name).or(stack);
    match kind {
        "Prometheus" | "ScrapeConfig" => part("prometheus"),
        "PrometheusRule" => root.one("rules").or(root.one("slo")).or(stack),
        "Alertmanager" | "AlertmanagerConfig" => part("alertmanager"),
        "Namespace" | "Kustomization" => stack,
        _ => by_label(root, name).or(stack),
    }
}

/// What makes a label of a name, as far as names of one stack can be told apart by it.
fn is_label(text: &str, label: &str) -> bool {
    slug(text).replace(['.', '_'], "-").trim_matches('-') == label
}

/// The node whose name an object has, whole or with what is added to it.
fn by_label<'a>(root: Place<'a>, name: &str) -> Option<Place<'a>> {
    if let Some(network) = name.strip_prefix("network-") {
        let found =
            root.all("network").find(|it| it.name().is_some_and(|text| is_label(text, network)));
        if found.is_some() {
            return found;
        }
    }
    let mut stem = name;
    loop {
        let named = |kind| {
            root.all(kind).find(move |it| it.name().is_some_and(|text| is_label(text, stem)))
        };
        let found = container(root, stem);
        if let Some(node) = found.or_else(|| ["volume", "secret"].into_iter().find_map(named)) {
            return Some(node);
        }
        stem = stem.rsplit_once('-')?.0;
    }
}

/// Marks labels and what selects by them, however deep they stand.
fn labels(marks: &mut Marks, item: &Item, node: Place, root: Place) {
    for item in item.items() {
        match item.key() {
            "app.kubernetes.io/name" | "serviceName" => {
                let name = item.text().unwrap_or_default();
                marks.name(item, by_label(root, name).unwrap_or(node));
            }
            "app.kubernetes.io/part-of" => marks.name(item, root.one("stack").unwrap_or(root)),
            key => {
                if let Some(network) = key.strip_prefix("network.stackctl/")
                    && let Some(found) = by_label(root, &format!("network-{network}"))
                {
                    marks.name(item, found);
                    let list = node.said("networks").map(|said| said.span);
                    if let (Some(mark), Some(span)) = (marks.0.last_mut(), list) {
                        mark.origin.also.push(span);
                    }
                }
                labels(marks, item, node, root);
            }
        }
    }
}

/// Marks what stands in an object by the settings that have another name in a cluster.
fn entries(marks: &mut Marks, item: &Item, node: Place, root: Place) {
    let from = [node];
    for item in item.items() {
        match item.key() {
            "containers" | "initContainers" => {
                item.items().iter().for_each(|item| pod(marks, item, node, root));
            }
            "replicas" => marks.setting(item, &from, &["replicas", "nodes"]),
            "ports" => ports(marks, item, node),
            "volumes" => {
                item.items().iter().for_each(|item| volume(marks, item, node, root));
            }
            "volumeClaimTemplates" => {
                item.items().iter().for_each(|item| claim(marks, item, node, root));
            }
            "hostNetwork" => marks.setting(item, &from, &["network_mode"]),
            "restartPolicy" | "backoffLimit" => marks.setting(item, &from, &["restart"]),
            "runAsUser" | "runAsGroup" | "fsGroup" | "runAsNonRoot" => {
                marks.setting(item, &from, &["user"]);
            }
            "host" => marks.setting(item, &from, &["external_url", "root_url", "site", "domain"]),
            _ => entries(marks, item, node, root),
        }
    }
}

/// Marks a container of a pod.
fn pod(marks: &mut Marks, item: &Item, node: Place, root: Place) {
    let from = [node];
    for item in item.items() {
        match item.key() {
            "name" => marks.name(item, node),
            "image" => marks.setting(item, &from, &["image", "version"]),
            "command" | "args" if is(node, "service") => {
                marks.setting(item, &from, &["command", "entrypoint"]);
            }
            "command" => {
                marks.setting(item, &from, &["web", "password", "oauth"]);
                for item in item.items() {
                    marks.setting(item, &from, &["web", "password", "oauth", "auth"]);
                }
            }
            "args" => {
                marks.put(item, Origin::derived(node));
                item.items().iter().for_each(|item| compose::flag(marks, item, node));
            }
            "env" => environment(marks, item, node, root),
            "ports" => ports(marks, item, node),
            "resources" => resources(marks, item, node, root),
            "volumeMounts" => {
                item.items().iter().for_each(|item| mount(marks, item, node, root));
            }
            "readinessProbe" | "livenessProbe" | "startupProbe" => probe(marks, item, node),
            "securityContext" => {
                marks.put(item, Origin::derived(node));
                let words = [
                    ("runAsUser", "user"),
                    ("readOnlyRootFilesystem", "read_only"),
                    ("privileged", "privileged"),
                    ("add", "cap_add"),
                    ("drop", "cap_drop"),
                ];
                let words: Vec<(&str, &str)> =
                    words.into_iter().filter(|(_, setting)| node.takes(setting)).collect();
                marks.deep(item, &from, &words);
            }
            "workingDir" => marks.setting(item, &from, &["working_dir"]),
            _ => marks.put(item, Origin::derived(node)),
        }
    }
}

/// Marks limits: what the container says, or the stack for all.
pub fn resources(marks: &mut Marks, item: &Item, node: Place, root: Place) {
    compose::shared(marks, Some(item), node, root, "resources");
    if let Some(block) = node.one("resources").or(root.one("resources")) {
        marks.deep(item, &[block], &[("cpu", "cpus"), ("memory", "memory")]);
    }
}

/// Marks variables: a list of names with values here, a map in compose.
fn environment(marks: &mut Marks, list: &Item, node: Place, root: Place) {
    let pairs = list.items().iter().filter_map(|item| {
        let name = item.str("name")?.to_owned();
        let value = item
            .str("value")
            .or(item.find(&["valueFrom", "secretKeyRef", "key"]).and_then(Item::text));
        Some(item.as_text(Some(name), value.unwrap_or_default().to_owned()))
    });
    let map = Item { key: None, range: list.range.clone(), data: Data::Map(pairs.collect()) };
    compose::environment(marks, &map, node, root);
}

/// Marks ports by their numbers inside of the container, in whatever form they stand.
fn ports(marks: &mut Marks, list: &Item, node: Place) {
    marks.setting(list, &[node], &["port"]);
    for item in list.items() {
        let number = ["containerPort", "targetPort", "port"].iter().find_map(|key| item.str(key));
        let number = number.map(|number| number.rsplit('-').next().unwrap_or(number));
        let text = item.as_text(None, number.unwrap_or_default().to_owned());
        marks.put(item, Origin::derived(node));
        let before = marks.0.len();
        for key in ["expose", "metrics", "port"] {
            if node.takes(key) && (key == "port" || is(node, "service") && key != "metrics") {
                compose::port(marks, &text, node, key);
            }
        }
        // What nobody says as a port is where metrics or a proxy are served.
        if marks.0.len() == before
            && let Some(metrics) = node.one("metrics").filter(|it| it.said("port").is_some())
        {
            marks.setting(&text, &[metrics], &["port"]);
        }
    }
}

/// Marks a check of health.
fn probe(marks: &mut Marks, item: &Item, node: Place) {
    marks.setting(item, &[node], &["healthcheck"]);
    if let Some(check) = node.one("healthcheck") {
        let words = [
            ("exec", "command"),
            ("httpGet", "command"),
            ("tcpSocket", "command"),
            ("periodSeconds", "interval"),
            ("timeoutSeconds", "timeout"),
            ("failureThreshold", "retries"),
            ("initialDelaySeconds", "start_period"),
        ];
        marks.deep(item, &[check], &words);
        if item.key() == "startupProbe" {
            marks.deep(item, &[check], &[("failureThreshold", "start_period")]);
        }
    }
}

/// Marks a mount by the path inside of the container.
fn mount(marks: &mut Marks, item: &Item, node: Place, root: Place) {
    let inside = item.str("mountPath").unwrap_or_default();
    let name = item.str("name").unwrap_or_default();
    if let Some(origin) = stored(root, node, name) {
        marks.put(item, origin);
        if node.name() == Some(name) || !is(node, "service") {
            return;
        }
    }
    let text = item.as_text(None, format!("{name}/{}:{inside}", item.str("subPath").unwrap_or("")));
    compose::mount(marks, &text, node, root);
}

/// Where the storage of a pod is said: by the node that mounts it, with the volume's own node.
fn stored(root: Place, node: Place, name: &str) -> Option<Origin> {
    let called = |text: &str| is_label(text, name);
    let volume = root.all("volume").find(|it| it.name().is_some_and(called));
    let also: Vec<_> = volume.map(Place::span).into_iter().collect();
    let by_data = node.said("data").filter(|said| said.values.iter().any(|value| called(&value.0)));
    if let Some(said) = by_data {
        return Some(Origin { span: said.span, whole: said.whole, also, ..Origin::named(node) });
    }
    let mounted = node.all("volume").find(|it| it.name().is_some_and(called));
    mounted.map(|place| Origin { also, ..Origin::named(place) }).or(volume.map(Origin::named))
}

/// Marks a volume of a pod: secrets, certificates, or files of a ConfigMap.
pub fn volume(marks: &mut Marks, item: &Item, node: Place, root: Place) {
    marks.put(item, Origin::derived(node));
    if let Some(origin) = stored(root, node, item.str("name").unwrap_or_default()) {
        return marks.put(item, origin);
    }
    let sources = item.find(&["projected", "sources"]).map_or(&[][..], Item::items);
    for source in sources {
        let Some(secret) = source.get("secret") else { continue };
        let keys = secret.get("items").map_or(&[][..], Item::items);
        for key in keys.iter().filter_map(|key| key.str("key")) {
            secret_key(marks, source, key, node, root);
        }
    }
    if let Some(map) = item.get("configMap").or(item.get("hostPath")) {
        let from = map.str("name").or(map.str("path")).unwrap_or_default();
        let files =
            node.all("volume").find(|it| it.name().is_some_and(|text| is_label(text, from)));
        if let Some(place) = files {
            marks.put(item, Origin::named(place));
        }
    }
}

/// Marks what holds one secret file, by its key: a secret, or a file of `tls`.
pub fn secret_key(marks: &mut Marks, item: &Item, key: &str, node: Place, root: Place) {
    if certificate(marks, item, key, node) || certificate(marks, item, key, root) {
        return;
    }
    let text = item.as_text(None, key.to_owned());
    granted(marks, &text, node, root);
}

/// Marks what holds a file of `tls` below a node; whether one is called so.
pub fn certificate(marks: &mut Marks, item: &Item, key: &str, from: Place) -> bool {
    let found = certificates(from).into_iter().find(|(path, _)| same_file(path, key));
    let origin = found.map(|(_, origin)| origin);
    let is_one = origin.is_some();
    if let Some(origin) = origin {
        marks.put(item, origin);
    }
    is_one
}

/// Whether a key stands for a file: `tls-prom.crt` for `./tls/prom.crt`.
fn same_file(path: &str, key: &str) -> bool {
    let path = path.trim_start_matches("./").replace('/', "-");
    path == key.replace('/', "-") || slug(&path) == key || path.trim_start_matches('-') == key
}

/// All certificates and keys below a node, with what says them.
fn certificates(place: Place) -> Vec<(String, Origin)> {
    let mut found = Vec::new();
    for tls in place.all("tls") {
        for key in ["cert", "key", "client_ca", "ca"] {
            let Some(said) = tls.said(key) else { continue };
            let Some((path, _)) = said.values.first().cloned() else { continue };
            let (span, whole) = (said.span, said.whole);
            found.push((path, Origin { span, whole, ..Origin::named(tls) }));
        }
    }
    found.extend(place.children().flat_map(certificates));
    found
}

/// Marks a claim of storage: its volume, whose size or retention tells how much.
pub fn claim(marks: &mut Marks, item: &Item, node: Place, root: Place) {
    let name = item.find(&["metadata", "name"]).and_then(Item::text).unwrap_or_default();
    let mut origin = stored(root, node, name).unwrap_or(Origin::derived(node));
    marks.put(item, origin.clone());
    let volume = root.all("volume").find(|it| it.name().is_some_and(|text| is_label(text, name)));
    let sized = volume.filter(|it| it.said("size").is_some());
    let storage = item.find(&["spec", "resources", "requests", "storage"]);
    if let Some(storage) = storage {
        match sized {
            Some(volume) => marks.setting(storage, &[volume], &["size"]),
            None => {
                let size = node.one("retention").and_then(|it| it.said("size"));
                origin.also.extend(size.map(|said| said.span));
                marks.put(storage, origin);
            }
        }
    }
    if let (Some(class), Some(volume)) = (item.find(&["spec", "storageClassName"]), volume) {
        marks.setting(class, &[volume], &["storage_class", "driver"]);
    }
}

/// Marks the list of all objects, each by the node it comes from.
fn kustomization(marks: &mut Marks, object: &Item, root: Place) {
    let stack = root.one("stack").unwrap_or(root);
    for item in object.items() {
        match item.key() {
            "namespace" => {
                let target = root.one("target").filter(|it| it.said("namespace").is_some());
                match target {
                    Some(target) => marks.setting(item, &[target], &["namespace"]),
                    None => marks.name(item, stack),
                }
            }
            "resources" => {
                for item in item.items() {
                    let path = item.text().unwrap_or_default();
                    let name = path.rsplit('/').next().unwrap_or(path);
                    let name = name.strip_suffix(".yaml").unwrap_or(name);
                    let node = match name {
                        "scrape-configs" | "rights" => root.one("prometheus"),
                        "rules" => root.one("rules").or(root.one("slo")),
                        "alertmanager-config" => root.one("alertmanager"),
                        _ => container(root, name),
                    };
                    marks.put(item, Origin::derived(node.unwrap_or(stack)));
                }
            }
            "configMapGenerator" => {
                for item in item.items() {
                    let name = item.str("name").unwrap_or_default();
                    let node = by_label(root, name);
                    marks.put(item, Origin::derived(node.unwrap_or(stack)));
                    for file in item.get("files").map_or(&[][..], Item::items) {
                        generated(marks, file, node, root);
                    }
                }
            }
            _ => {}
        }
    }
}

/// A file that a ConfigMap is made of: the node that the file comes from, where one is known by it.
fn generated(marks: &mut Marks, file: &Item, node: Option<Place>, root: Place) {
    let path = file.text().unwrap_or_default();
    let path = path.rsplit('=').next().unwrap_or(path);
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.split('.').next().unwrap_or(name);
    let found = if path.contains("/dashboards/") {
        super::grafana::dashboard_of(root, path).or(root.one("grafana"))
    } else if name.starts_with("Caddyfile") {
        super::caddy::first(root)
    } else {
        let template = root.all("template").find(|template| {
            let said = template.said("to");
            said.is_some_and(|said| said.values.iter().any(|value| value.0 == path))
        });
        let folder = path.split('/').nth(1);
        template
            .or_else(|| node.filter(|it| !is(*it, "stack")))
            .or_else(|| folder.and_then(|folder| container(root, folder)))
            .or_else(|| by_label(root, stem))
    };
    if let Some(found) = found {
        marks.put(file, Origin::derived(found));
    }
}
