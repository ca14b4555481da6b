//! Rendered objects hang together: against the schemas of Kubernetes and of the Prometheus operator,
//! against each other, and through kustomize.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};
use stackctl::manifest::RenderTarget;
use stackctl::render::Output;

use crate::render::assert_accepted;
use crate::support::{Needs, Test, find_program, repository};
use crate::targets::{CASES, Case};

pub const TESTS: &[Test] = &[
    ("objects_follow_the_schemas", Needs::Nothing, schemas),
    ("the_schemas_refuse_what_they_do_not_name", Needs::Nothing, schemas_are_strict),
    ("names_are_labels_and_unique", Needs::Nothing, names),
    ("selectors_find_the_pods", Needs::Nothing, selectors),
    ("volumes_and_mounts_pair_up", Needs::Nothing, volumes),
    ("everything_that_is_referred_to_is_there", Needs::Nothing, references),
    ("pods_have_no_more_rights_than_they_need", Needs::Nothing, rights),
    ("every_target_of_prometheus_is_a_service", Needs::Nothing, targets),
    ("kustomize_makes_config_maps_of_the_rendered_files", Needs::Program("kubectl"), kustomize),
    ("prepare_makes_the_secrets_and_shows_none", Needs::Nothing, prepare),
];

/// All objects of a case, with their files.
fn objects(outputs: &[Output]) -> Vec<(String, Value)> {
    let mut objects = Vec::new();
    for output in outputs.iter().filter(|output| output.path.starts_with("kubernetes/")) {
        let text = std::str::from_utf8(&output.bytes).unwrap();
        for document in serde_yaml::Deserializer::from_str(text) {
            let object = serde::Deserialize::deserialize(document).unwrap();
            objects.push((output.path.clone(), object));
        }
    }
    objects
}

fn each(mut visit: impl FnMut(&Case, &[Output], Vec<Value>)) {
    let mut seen = 0;
    for case in CASES.iter().filter(|case| case.is_cluster()) {
        let outputs = case.outputs();
        let objects = objects(&outputs).into_iter().map(|(_, object)| object).collect();
        visit(case, &outputs, objects);
        seen += 1;
    }
    assert!(seen > 4);
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn of_kind<'a>(objects: &'a [Value], kinds: &[&str]) -> Vec<&'a Value> {
    objects.iter().filter(|object| kinds.contains(&text(object, "/kind"))).collect()
}

const WORKLOADS: [&str; 4] = ["Deployment", "StatefulSet", "DaemonSet", "Job"];

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let path = repository("tests/fixtures/kubernetes/schema.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
});

static VALIDATORS: LazyLock<BTreeMap<String, jsonschema::Validator>> = LazyLock::new(|| {
    let kinds = SCHEMA["kinds"].as_object().unwrap();
    let build = |definition: &Value| {
        let schema = json!({
            "$ref": format!("#/definitions/{}", definition.as_str().unwrap()),
            "definitions": SCHEMA["definitions"],
        });
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft7)
            .build(&schema)
            .expect("a schema")
    };
    kinds.iter().map(|(kind, definition)| (kind.clone(), build(definition))).collect()
});

fn complaints(object: &Value) -> Vec<String> {
    let kind = text(object, "/kind");
    let validator = VALIDATORS.get(kind).unwrap_or_else(|| panic!("no schema of {kind}"));
    validator.iter_errors(object).map(|err| format!("{}: {err}", err.instance_path())).collect()
}

fn schemas() {
    let mut kinds = BTreeSet::new();
    each(|case, outputs, objects| {
        for object in &objects {
            kinds.insert(text(object, "/kind").to_owned());
            let complaints = complaints(object);
            assert!(complaints.is_empty(), "{}: {object:#}\n{complaints:#?}", case.name);
        }
        // They are read back by our own types as well, which know no other fields.
        let kustomization = outputs.iter().find(|o| o.path == "kustomization.yaml").unwrap();
        serde_yaml::from_slice::<stackctl::wire::kubernetes::Kustomization>(&kustomization.bytes)
            .unwrap();
    });
    for kind in WORKLOADS.iter().chain(&["Prometheus", "Alertmanager", "ScrapeConfig"]) {
        assert!(kinds.contains(*kind), "no case has a {kind}");
    }
    for kind in ["AlertmanagerConfig", "PrometheusRule", "Ingress", "NetworkPolicy", "Role"] {
        assert!(kinds.contains(kind), "no case has a {kind}");
    }
}

fn schemas_are_strict() {
    let service = |more: Value| {
        let mut spec = json!({"ports": [{"port": 80}]});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": spec})
    };
    assert!(complaints(&service(json!({}))).is_empty());
    assert!(!complaints(&service(json!({"cluserIP": "None"}))).is_empty());
    let job = |spec: Value| {
        json!({
            "apiVersion": "monitoring.coreos.com/v1alpha1", "kind": "ScrapeConfig",
            "metadata": {"name": "a"}, "spec": spec,
        })
    };
    assert!(complaints(&job(json!({"staticConfigs": [{"targets": ["a:1"]}]}))).is_empty());
    assert!(!complaints(&job(json!({"static_configs": []}))).is_empty());
    assert!(!complaints(&job(json!({"scheme": "gopher"}))).is_empty());
}

fn is_label(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len())
        && name.chars().all(plain)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn names() {
    each(|case, _, objects| {
        let mut seen = BTreeSet::new();
        for object in &objects {
            let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
            assert!(is_label(name), "{}: {kind} `{name}`", case.name);
            assert!(seen.insert((kind, name)), "{}: two of {kind} `{name}`", case.name);
            if kind == "Service" {
                assert!(name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
            }
            let mut ports = BTreeSet::new();
            for port in list(object, "/spec/ports") {
                let name = text(port, "/name");
                assert!(is_label(name) && name.len() <= 15, "{}: port `{name}`", case.name);
                assert!(ports.insert(name), "{}: two ports `{name}`", case.name);
            }
            for labels in ["/metadata/labels", "/spec/template/metadata/labels"] {
                let labels = object.pointer(labels).and_then(Value::as_object);
                for (key, value) in labels.into_iter().flatten() {
                    let value = value.as_str().unwrap();
                    assert!(is_label(value) || value.is_empty(), "{key}: {value}");
                }
            }
        }
    });
}

/// Labels of the pods of a workload or of one of the operator's objects, who adds the name.
fn pod_labels(object: &Value) -> Option<Value> {
    match text(object, "/kind") {
        "Prometheus" | "Alertmanager" => {
            let mut labels = object.pointer("/spec/podMetadata/labels")?.clone();
            labels["app.kubernetes.io/name"] = object["metadata"]["name"].clone();
            Some(labels)
        }
        kind if WORKLOADS.contains(&kind) => {
            object.pointer("/spec/template/metadata/labels").cloned()
        }
        _ => None,
    }
}

fn matches(selector: &Value, labels: &Value) -> bool {
    selector.as_object().unwrap().iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// Names of the ports of a pod.
fn pod_ports(object: &Value) -> BTreeSet<String> {
    match text(object, "/kind") {
        "Prometheus" | "Alertmanager" => {
            BTreeSet::from([text(object, "/spec/portName").to_owned()])
        }
        _ => list(object, "/spec/template/spec/containers/0/ports")
            .iter()
            .map(|port| text(port, "/name").to_owned())
            .collect(),
    }
}

fn selectors() {
    each(|case, _, objects| {
        let pods: Vec<(Value, BTreeSet<String>)> = objects
            .iter()
            .filter_map(|object| Some((pod_labels(object)?, pod_ports(object))))
            .collect();
        for object in of_kind(&objects, &["Deployment", "StatefulSet", "DaemonSet"]) {
            let selector = object.pointer("/spec/selector/matchLabels").unwrap();
            let own = pod_labels(object).unwrap();
            assert!(matches(selector, &own));
            let found = pods.iter().filter(|(labels, _)| matches(selector, labels)).count();
            assert_eq!(found, 1, "{}: {selector} is not unique", case.name);
        }
        for service in of_kind(&objects, &["Service"]) {
            let selector = service.pointer("/spec/selector").unwrap();
            let found: Vec<_> =
                pods.iter().filter(|(labels, _)| matches(selector, labels)).collect();
            let name = text(service, "/metadata/name");
            assert_eq!(found.len(), 1, "{}: Service {name}", case.name);
            for port in list(service, "/spec/ports") {
                let port = text(port, "/targetPort");
                assert!(found[0].1.contains(port), "{}: {name} has no port {port}", case.name);
            }
        }
        for policy in of_kind(&objects, &["NetworkPolicy"]) {
            let selector = policy.pointer("/spec/podSelector/matchLabels");
            let Some(selector) = selector else { continue };
            let found = pods.iter().filter(|(labels, _)| matches(selector, labels)).count();
            assert!(found > 0, "{}: {policy} selects nothing", case.name);
        }
    });
}

/// Pods of workloads: name, pod, and names of volumes that are made for each pod.
fn pods(objects: &[Value]) -> Vec<(String, &Value, BTreeSet<String>)> {
    of_kind(objects, &WORKLOADS)
        .into_iter()
        .map(|object| {
            let claims = list(object, "/spec/volumeClaimTemplates")
                .iter()
                .map(|claim| text(claim, "/metadata/name").to_owned())
                .collect();
            let name = text(object, "/metadata/name").to_owned();
            (name, object.pointer("/spec/template/spec").unwrap(), claims)
        })
        .collect()
}

fn volumes() {
    each(|case, _, objects| {
        for (name, pod, claims) in pods(&objects) {
            let volumes: Vec<&str> =
                list(pod, "/volumes").iter().map(|volume| text(volume, "/name")).collect();
            let declared: BTreeSet<&str> =
                volumes.iter().copied().chain(claims.iter().map(String::as_str)).collect();
            let place = format!("{}: {name}", case.name);
            assert_eq!(declared.len(), volumes.len() + claims.len(), "{place}: a volume twice");
            let mounts = list(pod, "/containers/0/volumeMounts");
            let used: BTreeSet<&str> = mounts.iter().map(|mount| text(mount, "/name")).collect();
            assert_eq!(used, declared, "{place}");
            let paths: BTreeSet<&str> =
                mounts.iter().map(|mount| text(mount, "/mountPath")).collect();
            assert_eq!(paths.len(), mounts.len(), "{place}: a path twice");
            for volume in list(pod, "/volumes") {
                assert!(is_label(text(volume, "/name")), "{place}: {volume}");
                assert_eq!(volume.as_object().unwrap().len(), 2, "{place}: {volume}");
            }
            // What is mounted by its path within the volume is a file there.
            for mount in mounts.iter().filter(|mount| mount.get("subPath").is_some()) {
                let volume =
                    list(pod, "/volumes").iter().find(|volume| volume["name"] == mount["name"]);
                let Some(volume) = volume else {
                    // A database has a folder in its storage, beside `lost+found`.
                    assert_eq!(mount["subPath"], "data", "{place}: {mount}");
                    continue;
                };
                let paths: Vec<&Value> = list(volume, "/projected/sources")
                    .iter()
                    .flat_map(|source| {
                        let (_, keys) = source.as_object().unwrap().iter().next().unwrap();
                        list(keys, "/items").iter().map(|item| &item["path"])
                    })
                    .collect();
                let known = paths.contains(&&mount["subPath"]) || volume.get("configMap").is_some();
                assert!(known, "{place}: {mount} in {volume}");
            }
        }
    });
}

/// All values of a key, wherever it stands.
fn all<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                if name == key {
                    found.push(value);
                }
                all(value, key, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| all(item, key, found)),
        _ => {}
    }
}

fn values<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    all(value, key, &mut found);
    found
}

/// `kind name key` of what prepare.sh makes; keys of files of variables are not known.
fn prepared(outputs: &[Output]) -> BTreeSet<(String, String)> {
    let Some(script) = outputs.iter().find(|output| output.path == "prepare.sh") else {
        return BTreeSet::new();
    };
    let script = std::str::from_utf8(&script.bytes).unwrap();
    let mut made = BTreeSet::new();
    for line in script.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(at) = words.iter().position(|word| *word == "make") else { continue };
        let key = words.iter().find_map(|word| word.strip_prefix("--from-file="));
        let key = key.and_then(|key| key.split_once('=')).map_or("", |(key, _)| key);
        match words[at + 1..] {
            ["secret", "generic", name, ..] => {
                made.insert((format!("secret {name}"), key.to_owned()))
            }
            ["configmap", name, ..] => made.insert((format!("configmap {name}"), key.to_owned())),
            _ => false,
        };
    }
    made
}

fn references() {
    each(|case, outputs, objects| {
        let place = case.name;
        let paths: BTreeSet<&str> = outputs.iter().map(|output| output.path.as_str()).collect();
        let kustomization = outputs.iter().find(|o| o.path == "kustomization.yaml").unwrap();
        let kustomization: Value = serde_yaml::from_slice(&kustomization.bytes).unwrap();
        let mut resources: Vec<&str> =
            list(&kustomization, "/resources").iter().map(|path| path.as_str().unwrap()).collect();
        resources.sort_unstable();
        let written: Vec<&str> =
            paths.iter().copied().filter(|path| path.starts_with("kubernetes/")).collect();
        assert_eq!(resources, written, "{place}");

        // ConfigMaps: of kustomize, with their keys, or of prepare.sh.
        let mut maps: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for generator in list(&kustomization, "/configMapGenerator") {
            let keys = list(generator, "/files").iter().map(|file| {
                let file = file.as_str().unwrap();
                let (key, path) = file
                    .split_once('=')
                    .unwrap_or_else(|| (file.rsplit('/').next().unwrap(), file));
                assert!(paths.contains(path), "{place}: {path} is not rendered");
                key
            });
            let name = text(generator, "/name");
            assert!(maps.insert(name, keys.collect()).is_none(), "{place}: two of {name}");
        }
        let prepared = prepared(outputs);
        let made = |what: &str| prepared.iter().any(|(name, _)| name == what);
        let of_objects: BTreeMap<&str, Vec<&String>> = of_kind(&objects, &["Secret"])
            .into_iter()
            .map(|object| {
                let keys = object["stringData"].as_object().unwrap().keys().collect();
                (text(object, "/metadata/name"), keys)
            })
            .collect();
        let mut used = BTreeSet::new();
        let mut secret = |name: &str, key: &str| {
            let of_object = of_objects.get(name).is_some_and(|keys| keys.iter().any(|k| *k == key));
            let of_script = prepared.contains(&(format!("secret {name}"), key.to_owned()));
            assert!(of_object || of_script, "{place}: no key {key} of the Secret {name}");
            used.insert(format!("secret {name}"));
        };
        let mut used_maps = BTreeSet::new();
        for object in &objects {
            for keys in
                values(object, "secretKeyRef").into_iter().chain(values(object, "keySecret"))
            {
                secret(text(keys, "/name"), text(keys, "/key"));
            }
            let operator = text(object, "/apiVersion").starts_with("monitoring.coreos.com");
            let selectors = [
                "apiURL",
                "urlSecret",
                "username",
                "password",
                "credentials",
                "authPassword",
                "routingKey",
                "serviceKey",
                "botToken",
                "slackApiUrl",
                "secret",
            ];
            for keys in selectors.into_iter().flat_map(|name| values(object, name)) {
                if keys.get("items").is_some() {
                    for item in list(keys, "/items") {
                        secret(text(keys, "/name"), text(item, "/key"));
                    }
                } else if operator && keys.is_object() {
                    secret(text(keys, "/name"), text(keys, "/key"));
                }
            }
            for name in values(object, "secretRef") {
                let name = format!("secret {}", text(name, "/name"));
                assert!(made(&name), "{place}: {name} is not made");
            }
            for keys in values(object, "configMap") {
                let name = text(keys, "/name");
                let Some(known) = maps.get(name) else {
                    assert!(made(&format!("configmap {name}")), "{place}: no ConfigMap {name}");
                    continue;
                };
                used_maps.insert(name);
                for item in list(keys, "/items") {
                    let key = text(item, "/key");
                    assert!(known.contains(key), "{place}: no key {key} of {name}");
                }
            }
            for name in values(object, "claimName") {
                let external = name == "shared";
                let there = of_kind(&objects, &["PersistentVolumeClaim"])
                    .iter()
                    .any(|claim| claim["metadata"]["name"] == *name);
                assert!(there || external, "{place}: no claim {name}");
            }
            for service in values(object, "serviceName") {
                let there = of_kind(&objects, &["Service"])
                    .iter()
                    .any(|known| known["metadata"]["name"] == *service);
                assert!(there || service == "", "{place}: no Service {service}");
            }
        }
        if case.target == RenderTarget::Kubernetes {
            let all: BTreeSet<&str> = maps.keys().copied().collect();
            assert_eq!(used_maps, all, "{place}: a ConfigMap that nobody mounts");
            for (name, _) in
                prepared.iter().filter(|(name, key)| name.starts_with("secret ") && !key.is_empty())
            {
                assert!(used.contains(name), "{place}: nobody uses the {name}");
            }
        }
    });
}

fn rights() {
    each(|case, _, objects| {
        for (name, pod, _) in pods(&objects) {
            let place = format!("{}: {name}", case.name);
            assert_eq!(pod["automountServiceAccountToken"], false, "{place}");
            assert_eq!(pod["enableServiceLinks"], false, "{place}");
            assert_eq!(text(pod, "/securityContext/seccompProfile/type"), "RuntimeDefault");
            let on_node = name.ends_with("node-exporter") || name == "host-exporter";
            assert_eq!(pod.get("hostNetwork").is_some(), on_node, "{place}");
            assert_eq!(pod.get("hostPID").is_some(), on_node, "{place}");
            let own = &pod["containers"][0]["securityContext"];
            assert_eq!(own["allowPrivilegeEscalation"], false, "{place}");
            let of_monitoring = ["prometheus", "alertmanager", "grafana", "pushgateway"];
            if on_node || of_monitoring.contains(&name.as_str()) || name == "mysql-exporter" {
                assert_eq!(own["readOnlyRootFilesystem"], true, "{place}");
                assert_eq!(own["capabilities"]["drop"], json!(["ALL"]), "{place}");
                assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{place}");
                let mounts = list(pod, "/containers/0/volumeMounts");
                let writes = |mount: &&Value| mount.get("readOnly").is_none();
                for mount in mounts.iter().filter(writes) {
                    assert!(!text(mount, "/mountPath").starts_with("/etc"), "{place}: {mount}");
                }
            }
        }
        // What is bound to the loopback in compose is reached by no one from outside.
        for service in of_kind(&objects, &["Service"]) {
            let open = service.pointer("/spec/type").is_some_and(|kind| kind == "LoadBalancer");
            assert_eq!(open, text(service, "/metadata/name").ends_with("-public"));
        }
    });
    let skincare = CASES.iter().find(|case| case.name == "skincare-kubernetes").unwrap();
    let objects: Vec<Value> = objects(&skincare.outputs()).into_iter().map(|(_, o)| o).collect();
    let open: Vec<&str> = of_kind(&objects, &["Service"])
        .into_iter()
        .map(|service| text(service, "/metadata/name"))
        .filter(|name| name.ends_with("-public"))
        .collect();
    assert_eq!(open, ["caddy-public"]);
}

/// Names that Prometheus asks for are Services with that port; names elsewhere have a dot, or are
/// declared as external.
fn targets() {
    each(|case, outputs, objects| {
        let services: BTreeMap<&str, Vec<u64>> = of_kind(&objects, &["Service"])
            .into_iter()
            .map(|service| {
                let ports = list(service, "/spec/ports").iter();
                let ports = ports.filter_map(|port| port["port"].as_u64()).collect();
                (text(service, "/metadata/name"), ports)
            })
            .collect();
        let file = outputs.iter().find(|output| output.path == "monitoring/prometheus.yml");
        let of_file = file.map(|file| serde_yaml::from_slice::<Value>(&file.bytes).unwrap());
        let mut places: Vec<&Value> = of_kind(&objects, &["ScrapeConfig"]);
        places.extend(&of_file);
        let mut seen = 0;
        for place in places {
            for target in values(place, "targets").iter().flat_map(|list| list.as_array().unwrap())
            {
                let target = target.as_str().unwrap();
                // The question of a probe, not an address.
                if target.contains("://") {
                    continue;
                }
                let (host, port) = target.rsplit_once(':').unwrap();
                let port: u64 = port.parse().unwrap_or(443);
                let external = host.contains('.') || ["elsewhere", "prom-us"].contains(&host);
                let known = services.get(host).is_some_and(|ports| ports.contains(&port));
                assert!(known || external, "{}: {target} is no Service", case.name);
                seen += 1;
            }
            let dns = ["dns_sd_configs", "dnsSDConfigs"];
            for lookup in dns.iter().flat_map(|key| values(place, key)) {
                for lookup in lookup.as_array().unwrap() {
                    let name = lookup["names"][0].as_str().unwrap();
                    let headless = of_kind(&objects, &["Service"]).into_iter().any(|service| {
                        service["metadata"]["name"] == name
                            && service["spec"]["clusterIP"] == "None"
                    });
                    assert!(headless || name.contains('.'), "{}: {name}", case.name);
                    seen += 1;
                }
            }
        }
        assert!(seen > 1, "{}", case.name);
    });
}

fn kustomize() {
    for case in CASES.iter().filter(|case| case.is_cluster()) {
        let dir = tempfile::tempdir().unwrap();
        case.write(dir.path());
        let mut command = Command::new(find_program("kubectl").unwrap());
        let ran = command.arg("kustomize").arg(dir.path()).output().unwrap();
        assert_accepted(case.name, &ran);
        let text_of = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let built: Vec<Value> = serde_yaml::Deserializer::from_str(&text_of(&ran.stdout))
            .map(|document| serde::Deserialize::deserialize(document).unwrap())
            .collect();
        for object in &built {
            let complaints = complaints(object);
            assert!(complaints.is_empty(), "{}: {object:#}\n{complaints:#?}", case.name);
            let namespaced = text(object, "/kind") != "Namespace";
            assert_eq!(object.pointer("/metadata/namespace").is_some(), namespaced);
        }
        let maps: BTreeMap<&str, &Value> = of_kind(&built, &["ConfigMap"])
            .into_iter()
            .map(|map| (text(map, "/metadata/name"), &map["data"]))
            .collect();
        // Workloads name the maps with their hashes, and find the rendered bytes there.
        let prepared = prepared(&case.outputs());
        let mut mounted = 0;
        for object in of_kind(&built, &WORKLOADS) {
            for keys in values(object, "configMap") {
                let name = text(keys, "/name");
                if prepared.iter().any(|(made, _)| *made == format!("configmap {name}")) {
                    continue;
                }
                let map = maps.get(name).unwrap_or_else(|| panic!("{}: {name}", case.name));
                for item in list(keys, "/items") {
                    assert!(map.get(text(item, "/key")).is_some(), "{}: {name}", case.name);
                    mounted += 1;
                }
            }
        }
        assert!(mounted > 0, "{}", case.name);
        let rendered = case.outputs();
        let contents: BTreeSet<&str> = maps
            .values()
            .flat_map(|map| map.as_object().unwrap().values())
            .filter_map(Value::as_str)
            .collect();
        for output in
            rendered.iter().filter(|output| output.path.starts_with("monitoring/dashboards"))
        {
            assert!(
                contents.contains(std::str::from_utf8(&output.bytes).unwrap()),
                "{}",
                output.path
            );
        }
    }
}

/// prepare.sh runs, with a kubectl that writes down what it is told; variables are not on any command
/// line, and one that is missing stops it before anything is made.
fn prepare() {
    let case = CASES.iter().find(|case| case.name == "skincare-kubernetes").unwrap();
    let dir = tempfile::tempdir().unwrap();
    case.write(dir.path());
    let place = |path: &str| dir.path().join(path);
    let put = |path: &str, text: &str| {
        let path = place(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let script = fs::read_to_string(place("prepare.sh")).unwrap();
    for word in script.split_whitespace().filter_map(|word| word.split_once("=./")) {
        if word.1 != "app/public" {
            put(word.1, "content");
        }
    }
    put("app/public/index.html", "x");
    put(
        "bin/kubectl",
        "#!/bin/sh\necho \"$@\" >> \"$LOG\"\ncase \"$*\" in *stdin*) cat > /dev/null;; *-f\\ -) cat > /dev/null;; esac\n",
    );
    fs::set_permissions(place("bin/kubectl"), fs::Permissions::from_mode(0o755)).unwrap();
    let log = place("log");
    let run = |variables: &[&str]| {
        let path = format!("{}:{}", place("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        command.arg("prepare.sh").current_dir(dir.path()).env("PATH", path).env("LOG", &log);
        for variable in ["GITHUB_CLIENT_ID", "GRAFANA_ADMIN_PASSWORD", "SLACK_WEBHOOK_URL"] {
            command.env_remove(variable);
        }
        command.envs(variables.iter().map(|name| (*name, "topsecret")));
        let ran = command.output().unwrap();
        (ran.status.success(), fs::read_to_string(&log).unwrap_or_default())
    };
    let (well, told) = run(&["GITHUB_CLIENT_ID", "GRAFANA_ADMIN_PASSWORD"]);
    assert!(!well && !told.contains("secret generic"), "{told}");
    let (well, told) = run(&["GITHUB_CLIENT_ID", "GRAFANA_ADMIN_PASSWORD", "SLACK_WEBHOOK_URL"]);
    assert!(well, "{told}");
    assert!(told.contains("generic slack-hook --from-file=slack_hook=/dev/stdin"), "{told}");
    assert!(told.contains("configmap app-public --from-file=./app/public"), "{told}");
    assert!(!told.contains("topsecret"), "{told}");
    // Folders in a folder would be passed over: that is said.
    fs::create_dir(place("app/public/img")).unwrap();
    let (well, _) = run(&["GITHUB_CLIENT_ID", "GRAFANA_ADMIN_PASSWORD", "SLACK_WEBHOOK_URL"]);
    assert!(!well);
}
