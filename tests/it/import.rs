//! `import`: a classic folder of prometheus.yml, rules, alertmanager.yml, compose and Grafana becomes a
//! manifest, and what is rendered from that means the same. The comparison knows nothing of the
//! importer: both sides are read as YAML and brought into one form by the rules of their formats.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value as Json, json};
use tempfile::TempDir;

use crate::support::{Needs, Test, find_program, repository, stackctl};

pub const TESTS: &[Test] = &[
    ("a_classic_folder_means_the_same_afterwards", Needs::Nothing, classic),
    ("what_is_lost_is_named_at_its_place", Needs::Nothing, lost),
    ("importing_twice_gives_the_same_bytes", Needs::Nothing, twice),
    ("promtool_accepts_what_was_imported", Needs::Program("promtool"), promtool),
    ("amtool_accepts_what_was_imported", Needs::Program("amtool"), amtool),
    ("what_was_rendered_can_be_imported", Needs::Nothing, rendered),
    ("a_machine_without_containers", Needs::Nothing, bare),
    ("what_compose_lays_over_its_file_is_laid_over", Needs::Nothing, overrides),
    ("what_a_compose_file_has_and_lacks_is_named", Needs::Nothing, named),
    ("what_a_blackbox_exporter_is_asked", Needs::Program("promtool"), blackbox),
    ("nothing_to_import_and_files_in_the_way", Needs::Nothing, refusals),
];

/// A copy of the classic folder, imported and rendered into `out`.
fn imported() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(&repository("tests/fixtures/classic"), dir.path());
    run(dir.path(), &["import"], 0);
    run(dir.path(), &["validate"], 0);
    run(dir.path(), &["render", "-o", "out"], 0);
    dir
}

#[track_caller]
fn run(dir: &Path, arguments: &[&str], code: i32) -> (String, String) {
    let ran = stackctl().args(arguments).current_dir(dir).output().unwrap();
    let (out, err) =
        (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap());
    assert_eq!(ran.status.code(), Some(code), "{arguments:?}\n{out}{err}");
    (out, err)
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn read(dir: &Path, path: &str) -> Json {
    let text = fs::read_to_string(dir.join(path)).unwrap_or_else(|err| panic!("{path}: {err}"));
    serde_yaml::from_str(&text).unwrap_or_else(|err| panic!("{path}: {err}"))
}

/// One form for what means the same: single values as text, durations in milliseconds, paths without
/// their folders, defaults left out.
fn settled(key: &str, value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            let entries = map.iter().map(|(key, value)| (key.clone(), settled(key, value)));
            let kept = entries.filter(|(key, value)| !is_usual(key, value));
            Json::Object(kept.collect::<Map<String, Json>>())
        }
        Json::Array(list) => list.iter().map(|value| settled(key, value)).collect(),
        Json::Null => Json::Null,
        other => {
            let text = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
            let path = key.ends_with("_file") || ["files", "templates"].contains(&key);
            let times = ["interval", "timeout", "for", "wait", "deadline"];
            if path {
                // A file keeps its name, below what the folder was called.
                let name = text.rsplit(['/', '-']).next().unwrap_or(&text);
                json!(name.split('.').next())
            } else if times.iter().any(|word| key.ends_with(word)) {
                stackctl::model::parse_duration(&text)
                    .map_or(json!(text), |d| json!(d.as_millis() as u64))
            } else if key == "expr" {
                json!(text.trim())
            } else {
                json!(text)
            }
        }
    }
}

fn is_usual(key: &str, value: &Json) -> bool {
    let usual: &[(&str, Json)] = &[
        ("metrics_path", json!("/metrics")),
        ("scheme", json!("http")),
        ("honor_labels", json!("false")),
        ("continue", json!("false")),
        ("limit", json!("0")),
    ];
    let empty = value.is_null() || *value == json!([]) || *value == json!({});
    empty || usual.iter().any(|(name, usual)| *name == key && value == usual)
}

/// A list of maps by one of their keys.
fn keyed(list: &Json, key: &str) -> BTreeMap<String, Json> {
    let items = list.as_array().map_or(&[][..], Vec::as_slice);
    let named = |item: &Json| (item[key].as_str().unwrap_or_default().to_owned(), item.clone());
    items.iter().map(named).collect()
}

fn classic() {
    let dir = imported();
    let at = |path: &str| settled("", &read(dir.path(), path));

    // prometheus.yml: jobs whatever their order; one of them finds its targets in Kubernetes.
    let (before, after) = (at("prometheus/prometheus.yml"), at("out/monitoring/prometheus.yml"));
    assert_eq!(before["global"], after["global"]);
    assert_eq!(before["remote_write"], after["remote_write"]);
    assert_eq!(before["alerting"], after["alerting"]);
    let mut jobs = keyed(&before["scrape_configs"], "job_name");
    assert!(jobs.remove("pods").is_some());
    let rendered = keyed(&after["scrape_configs"], "job_name");
    assert_eq!(jobs.keys().collect::<Vec<_>>(), rendered.keys().collect::<Vec<_>>());
    for (name, job) in &jobs {
        assert_eq!(job, &rendered[name], "job {name}");
    }
    assert_eq!(jobs.len(), 6);

    // Rules: one file instead of two, and so another name for the second group of a name.
    let mut before = keyed(&at("prometheus/rules/node.yml")["groups"], "name");
    let shop = keyed(&at("prometheus/rules/shop.yml")["groups"], "name");
    for (name, mut group) in shop {
        let name = if name == "node" { "node-2".to_owned() } else { name };
        group["name"] = json!(name);
        before.insert(name, group);
    }
    let after = keyed(&at("out/monitoring/alerts.yml")["groups"], "name");
    assert_eq!(before, after);
    assert_eq!(after.len(), 3);

    // alertmanager.yml: the old kinds of matchers say the same.
    let (mut before, after) =
        (at("alertmanager/config.yml"), at("out/monitoring/alertmanager.yml"));
    for route in before["route"]["routes"].as_array_mut().unwrap() {
        new_matchers(route, ["match", "match_re", "matchers"]);
    }
    for inhibit in before["inhibit_rules"].as_array_mut().unwrap() {
        new_matchers(inhibit, ["source_match", "", "source_matchers"]);
        new_matchers(inhibit, ["", "target_match_re", "target_matchers"]);
    }
    // Named as lost: a receiver of a kind that there is not, a span of time that nobody uses.
    before["receivers"][2].as_object_mut().unwrap().remove("opsgenie_configs").unwrap();
    before["time_intervals"].as_array_mut().unwrap().pop().unwrap();
    one_time_each(&mut before);
    assert_eq!(before, after);

    // Compose: services and their volumes, networks and secrets, from another folder.
    let (before, after) =
        (read(dir.path(), "docker-compose.yml"), read(dir.path(), "out/compose.yaml"));
    for name in ["web", "db", "cache"] {
        let (mut before, after) =
            (service(&before["services"][name], ""), service(&after["services"][name], "."));
        match name {
            "web" => {
                before["environment"]["LOG_LEVEL"] = json!("info");
                before.as_object_mut().unwrap().remove("container_name").unwrap();
            }
            "cache" => drop(before.as_object_mut().unwrap().remove("sysctls").unwrap()),
            // The exporter's user is made by a script of ours, with its password.
            _ => {}
        }
        assert_eq!(before, after, "service {name}");
    }
    assert_eq!(settled("", &before["networks"]), settled("", &after["networks"]));
    let names = |compose: &Json, key: &str| {
        compose[key].as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(&before, "volumes"), names(&after, "volumes"));
    assert_eq!(names(&before, "services"), names(&after, "services"));
    for (name, service) in before["services"].as_object().unwrap() {
        assert_eq!(service["image"], after["services"][name]["image"], "image of {name}");
        let ports = |compose: &Json| ports(&compose["services"][name]);
        assert_eq!(ports(&before), ports(&after), "ports of {name}");
    }

    // Grafana.
    let sources = |path: &str| keyed(&read(dir.path(), path)["datasources"], "name");
    let before = sources("grafana/provisioning/datasources/prometheus.yml");
    let after = sources("out/monitoring/grafana-datasources.yml");
    assert_eq!(before.len(), after.len());
    for (name, before) in before {
        for key in ["type", "url"] {
            assert_eq!(before[key], after[&name][key], "{key} of {name}");
        }
        let default = |source: &Json| source["isDefault"] == json!(true);
        assert_eq!(default(&before), default(&after[&name]));
        for (key, value) in before["jsonData"].as_object().into_iter().flatten() {
            assert_eq!(value, &after[&name]["jsonData"][key]);
        }
    }
    let dashboard = |path: &str| settled("", &read(dir.path(), path));
    assert_eq!(
        dashboard("grafana/dashboards/hosts.json"),
        dashboard("out/monitoring/dashboards/hosts.json")
    );
    assert_eq!(
        dashboard("grafana/dashboards/shop/orders.json"),
        dashboard("out/monitoring/dashboard-folders/shop/orders.json")
    );
}

/// A span with several times of day is as many spans, and years are texts.
fn one_time_each(alertmanager: &mut Json) {
    for interval in alertmanager["time_intervals"].as_array_mut().unwrap() {
        let mut spans = Vec::new();
        for span in interval["time_intervals"].as_array().unwrap() {
            let mut span = span.clone();
            for year in span.get_mut("years").and_then(Json::as_array_mut).into_iter().flatten() {
                *year = json!(year.as_str().map_or_else(|| year.to_string(), str::to_owned));
            }
            for time in span["times"].as_array().unwrap() {
                let mut one = span.clone();
                one["times"] = json!([time]);
                spans.push(one);
            }
        }
        interval["time_intervals"] = json!(spans);
    }
}

/// Matchers of the old two maps, and those of today without the blanks around the operator.
fn new_matchers(holder: &mut Json, [equal, regex, name]: [&str; 3]) {
    let mut all: Vec<Json> = Vec::new();
    for (key, op) in [(equal, "="), (regex, "=~")] {
        for (label, value) in holder[key].as_object().cloned().into_iter().flatten() {
            all.push(json!(format!("{label}{op}{value}")));
        }
        holder.as_object_mut().unwrap().remove(key);
    }
    if !all.is_empty() {
        holder[name] = Json::Array(all);
    }
}

/// A service of compose in one form; `up` is what its paths begin with.
fn service(service: &Json, up: &str) -> Json {
    let mut service = settled("", service);
    let all = service.as_object_mut().unwrap();
    if let Some(list) = all.get("environment").and_then(Json::as_array) {
        let pairs = list.iter().filter_map(|pair| pair.as_str()?.split_once('='));
        let map: Map<String, Json> =
            pairs.map(|(name, value)| (name.to_owned(), json!(value))).collect();
        all.insert("environment".to_owned(), Json::Object(map));
    }
    for value in all
        .get_mut("environment")
        .and_then(Json::as_object_mut)
        .into_iter()
        .flat_map(Map::values_mut)
    {
        // `${X:?a message}`
        let text = value.as_str().unwrap().to_owned();
        *value = json!(text.split(":?").next().unwrap().trim_end_matches('}'));
    }
    let words = |value: &Json| match value.as_str() {
        Some(text) => json!(text.split(' ').collect::<Vec<_>>()),
        None => value.clone(),
    };
    for key in ["command", "healthcheck"] {
        match all.get_mut(key) {
            Some(Json::Object(check)) => {
                let test: Vec<&str> = check["test"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .skip(1)
                    .filter_map(Json::as_str)
                    .collect();
                check["test"] = json!(test.join(" "));
            }
            Some(value) => *value = words(value),
            None => {}
        }
    }
    if let Some(ports) = all.get_mut("ports") {
        *ports = json!(self::ports(&json!({"ports": ports.clone()})));
    }
    for value in all.get_mut("volumes").and_then(Json::as_array_mut).into_iter().flatten() {
        *value = json!(value.as_str().unwrap().replace(&format!("{up}./"), "./"));
    }
    let mut own = |key: &str, ours: &str| {
        if let Some(list) = all.get_mut(key).and_then(Json::as_array_mut) {
            list.retain(|item| !item.as_str().unwrap().contains(ours));
        }
    };
    own("volumes", "grants.sh");
    own("secrets", "exporter_password");
    if let Some(build) = all.get_mut("build") {
        build["context"] = json!(build["context"].as_str().unwrap().replace("../", "./"));
    }
    let restart = all.get("restart").and_then(Json::as_str).unwrap_or("no").to_owned();
    all.insert("restart".to_owned(), json!(restart));
    service
}

/// Published ports as `address:outside:inside`.
fn ports(service: &Json) -> Vec<String> {
    let list = service["ports"].as_array().map_or(&[][..], Vec::as_slice);
    let text = |port: &Json| port.as_str().unwrap().to_owned();
    list.iter()
        .map(|port| match text(port).matches(':').count() {
            1 => format!("0.0.0.0:{}", text(port)),
            _ => text(port),
        })
        .collect()
}

fn lost() {
    let (_, err) = run(&repository("tests/fixtures/classic"), &["import", "-o", "-"], 0);
    for (place, what) in [
        ("docker-compose.yml:10:5", "`container_name` of service `web`"),
        ("docker-compose.yml:20:9", "`LOG_LEVEL` of service `web` is no variable any more"),
        ("docker-compose.yml:52:5", "`sysctls` of service `cache`"),
        ("docker-compose.yml:62:9", "the flag `--web.console.libraries"),
        ("prometheus/prometheus.yml:58:5", "`kubernetes_sd_configs` of job `pods`"),
        ("prometheus/prometheus.yml:57:5", "job `pods`, for which nothing here finds targets,"),
        ("prometheus/rules/shop.yml:15:5", "this one is called `node-2`"),
        ("alertmanager/config.yml:48:5", "`opsgenie_configs`"),
        ("alertmanager/config.yml:73:5", "the time interval `unused`"),
    ] {
        let at = err.find(what).unwrap_or_else(|| panic!("{what} is not named:\n{err}"));
        assert!(
            err[at..].lines().take(4).any(|line| line.contains(place)),
            "{what} at {place}:\n{err}"
        );
    }
    assert_eq!(err.matches("S890").count(), 9, "{err}");
}

fn twice() {
    let once = || run(&repository("tests/fixtures/classic"), &["import", "-o", "-"], 0).0;
    let text = once();
    assert_eq!(text, once());
    assert!(text.starts_with("stack \"shop\" manifest=1\n"), "{text}");
}

fn promtool() {
    let dir = imported();
    // What a job's files are found by exists inside of the container only; promtool warns.
    let ran = Command::new(find_program("promtool").unwrap())
        .args(["check", "config", "out/monitoring/prometheus.yml"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(String::from_utf8_lossy(&ran.stdout).contains("6 rules found"));
}

fn amtool() {
    let dir = imported();
    let ran = Command::new(find_program("amtool").unwrap())
        .args(["check-config", "out/monitoring/alertmanager.yml"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// What we render ourselves comes back: the same jobs, rules and routes.
fn rendered() {
    let dir = tempfile::tempdir().unwrap();
    copy(&repository("golden/skincare/out"), dir.path());
    run(dir.path(), &["import"], 0);
    run(dir.path(), &["validate"], 0);
    run(dir.path(), &["render", "-o", "again"], 0);
    for file in ["prometheus.yml", "alerts.yml", "alertmanager.yml"] {
        let path = format!("monitoring/{file}");
        let (before, after) = (read(dir.path(), &path), read(dir.path(), &format!("again/{path}")));
        match file {
            "prometheus.yml" => {
                let jobs = |file: &Json| keyed(&settled("", file)["scrape_configs"], "job_name");
                assert_eq!(jobs(&before), jobs(&after));
            }
            _ => assert_eq!(settled("", &before), settled("", &after), "{file}"),
        }
    }
}

fn bare() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("prometheus.yml"),
        "scrape_configs:\n- job_name: prometheus\n  static_configs: [{targets: ['localhost:9090']}]\n\
         - job_name: node\n  scrape_interval: 1m\n  static_configs:\n  - targets: ['127.0.0.1:9100', 'h2:9100']\n",
    )
    .unwrap();
    run(dir.path(), &["import"], 0);
    run(dir.path(), &["validate"], 0);
    let (out, _) = run(dir.path(), &["render", "--stdout", "monitoring/prometheus.yml"], 0);
    let jobs = |text: &str| {
        let file: Json = serde_yaml::from_str(text).unwrap();
        keyed(&settled("", &file)["scrape_configs"], "job_name")
    };
    let before = fs::read_to_string(dir.path().join("prometheus.yml")).unwrap();
    assert_eq!(jobs(&out), jobs(&before));
}

/// The lower and the upper file, and what `docker-compose config` makes of them.
fn overrides() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("compose.yaml"),
        "services:\n  web:\n    image: nginx:1.25\n    command: [nginx, -T]\n    ports: ['8080:80']\n    \
         environment: [A=1, B=2]\n    volumes: ['./conf:/etc/nginx', 'logs:/logs']\n    networks: [front]\n  \
         db:\n    image: mariadb:11\n    ports: ['3306:3306']\n    environment: {ROOT: x, PLAIN: '1'}\n    \
         healthcheck: {test: [CMD, true], retries: 3}\n    mem_limit: 1g\n  \
         open:\n    image: redis:7\n    ports: ['6379:6379', '6380:6380']\n\
         networks: {front: {}, back: {}}\nvolumes: {logs: {}}\n",
    )
    .unwrap();
    fs::write(
        dir.path().join("compose.override.yaml"),
        "services:\n  web:\n    image: nginx:1.27\n    command: [nginx]\n    ports: ['8443:443', '8080:80']\n    \
         environment: {B: '3', C: '4'}\n    volumes: ['./other:/etc/nginx']\n    networks: {back: {}}\n    \
         stdin_open: true\n  cache:\n    image: redis:7\n    ports: !override ['127.0.0.1:7000:6379']\n  \
         db:\n    ports: !reset []\n    environment: {PLAIN: !reset null}\n    mem_limit: !reset null\n    \
         healthcheck: !override {test: [CMD, 'false']}\n  \
         open:\n    ports: !override\n      - '127.0.0.1:6379:6379'\n",
    )
    .unwrap();
    let (_, err) = run(dir.path(), &["import"], 0);
    let (what, place) = ("`stdin_open` of service `web`", "compose.override.yaml:9:5");
    assert!(err.contains(what) && err.contains(place), "{what} at {place}:\n{err}");
    assert!(!err.contains("!reset") && !err.contains("!override"), "{err}");
    assert!(err.contains("read compose.override.yaml, compose.yaml"), "{err}");
    run(dir.path(), &["render", "-o", "out"], 0);
    let compose = read(dir.path(), "out/compose.yaml");
    let web = &compose["services"]["web"];
    assert_eq!(web["image"], "nginx:1.27");
    assert_eq!(web["command"], json!(["nginx"]));
    assert_eq!(web["environment"], json!({"A": "1", "B": "3", "C": "4"}));
    assert_eq!(ports(web), ["0.0.0.0:8080:80", "0.0.0.0:8443:443"]);
    assert_eq!(web["networks"], json!(["front", "back"]));
    assert_eq!(web["volumes"].as_array().map(Vec::len), Some(2), "{web}");
    assert!(web["volumes"].to_string().contains("./other"), "{web}");
    assert_eq!(compose["services"]["cache"]["image"], "redis:7");
    assert_eq!(ports(&compose["services"]["cache"]), ["127.0.0.1:7000:6379"]);
    let db = &compose["services"]["db"];
    assert_eq!(db["environment"], json!({"ROOT": "x"}));
    assert_eq!(db["healthcheck"]["test"][1], "false");
    assert!(db["healthcheck"]["retries"].is_null() && db["ports"].is_null(), "{db}");
    assert!(!db.to_string().contains("1g") && !db.to_string().contains("1024M"), "{db}");
    assert_eq!(ports(&compose["services"]["open"]), ["127.0.0.1:6379:6379"]);

    fs::remove_dir_all(dir.path().join("out")).unwrap();
    // What the tags take away or replace is not merged; a port that they close is closed.
    fs::write(
        dir.path().join("compose.override.yaml"),
        "services:\n  web:\n    ports: !override ['9090:80']\n    environment: !override {C: '3'}\n    \
         volumes: !reset []\n    command: !reset null\nvolumes: {logs: !reset null}\n",
    )
    .unwrap();
    let (_, err) = run(dir.path(), &["import", "--force"], 0);
    assert!(err.contains("; 0 things"), "{err}");
    run(dir.path(), &["render", "-o", "out"], 0);
    let compose = read(dir.path(), "out/compose.yaml");
    let web = &compose["services"]["web"];
    assert_eq!(ports(web), ["0.0.0.0:9090:80"]);
    assert_eq!(web["environment"], json!({"C": "3"}));
    assert_eq!((&web["volumes"], &web["command"]), (&Json::Null, &Json::Null), "{web}");

    fs::rename(dir.path().join("compose.yaml"), dir.path().join("gone")).unwrap();
    let (_, err) = run(dir.path(), &["import", "--force", "-o", "-"], 0);
    assert!(err.contains("this file, which compose does not lay over"), "{err}");
}

/// What the stack changes of its own accord, and what is written in ways that it has no place for.
fn named() {
    let dir = tempfile::tempdir().unwrap();
    let compose = "x-common: &common {init: true}\nservices:\n  node:\n    image: prom/node-exporter:v1.8.2\n    \
         restart: 'no'\n  app:\n    <<: *common\n    image: app:1\n    mem_limit: lots\n    ports:\n    \
         - {target: 80, published: 8080, host_ip: 127.0.0.1, app_protocol: http}\n    volumes:\n    \
         - './conf:/etc/app:ro,z'\n    env_file:\n    - {path: app.env, required: false}\n    \
         networks:\n      default: {priority: 10}\n";
    fs::write(dir.path().join("compose.yaml"), compose).unwrap();
    let prometheus =
        "scrape_configs: [{job_name: node, static_configs: [{targets: ['node:9100']}]}]\n";
    fs::write(dir.path().join("prometheus.yml"), prometheus).unwrap();
    let (_, err) = run(dir.path(), &["import"], 0);
    let notes: Vec<&str> = err.split("S890 not-imported").collect();
    for (said, place) in [
        (
            "the stack gets a service `prometheus`, which the compose file does not have",
            "compose.yaml:1:1",
        ),
        ("is started again whenever it ends", "compose.yaml:5:14"),
        ("sees all processes and files of the machine", "compose.yaml:4:5"),
        ("`mem_limit`, which is no size,", "compose.yaml:9:16"),
        ("`app_protocol` of this port of service `app`", "compose.yaml:11:57"),
        ("`z` of this mount of service `app`", "compose.yaml:13:7"),
        ("`required` of `env_file` of service `app`", "compose.yaml:15:23"),
        ("`priority`", "compose.yaml:17:17"),
    ] {
        let found = notes.iter().any(|note| note.contains(said) && note.contains(place));
        assert!(found, "{said} at {place}:\n{err}");
    }
    assert!(!err.contains("`x-common`"), "{err}");
}

/// Probes: URLs, bare hosts and ports as targets, and steps that say who is asked about them.
fn blackbox() {
    const STEPS: &str = "    relabel_configs:\n    - {source_labels: [__address__], target_label: __param_target}\n    \
         - {source_labels: [__param_target], target_label: instance}\n    \
         - {target_label: __address__, replacement: 'blackbox:9115'}\n";
    let probe = |module: &str, targets: &str| {
        format!(
            "- job_name: {module}\n    metrics_path: /probe\n    params: {{module: [{module}]}}\n    \
             static_configs: [{{targets: [{targets}], labels: {{team: web}}}}]\n{STEPS}  "
        )
    };
    let before = format!(
        "scrape_configs:\n  - job_name: prometheus\n    static_configs: [{{targets: ['localhost:9090']}}]\n  {}{}{}\
         - job_name: blackbox\n    static_configs: [{{targets: ['blackbox:9115']}}]\nrule_files: [rules.yml]\n",
        probe("http_2xx", "'https://example.org', 'http://shop:8080/health?deep=1'"),
        probe("icmp", "10.0.0.1, shop"),
        probe("tcp_connect", "'db.example.org:3306'"),
    );
    let rules = "groups:\n- name: probes\n  rules:\n  - {alert: ProbeFailed, expr: probe_success == 0, for: 2m, \
                 labels: {severity: critical}, annotations: {summary: down}}\n  - {record: 'job:probes:avg', \
                 expr: 'avg by (job, instance) (probe_http_status_code{job=\"http_2xx\"})'}\n";
    let compose = "services:\n  prometheus: {image: 'prom/prometheus:v2.54.0', ports: ['127.0.0.1:9090:9090'], \
                   volumes: ['data:/prometheus']}\n  blackbox: {image: 'prom/blackbox-exporter:v0.25.0', \
                   expose: [9115]}\n  shop: {image: 'shop:1', expose: [8080]}\nvolumes: {data: {}}\n";
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("prometheus.yml"), &before).unwrap();
    fs::write(dir.path().join("rules.yml"), rules).unwrap();
    fs::write(dir.path().join("compose.yaml"), compose).unwrap();
    let (_, err) = run(dir.path(), &["import"], 0);
    assert!(err.contains("; 0 things"), "{err}");
    let (out, _) = run(dir.path(), &["validate", "--format", "concise"], 0);
    // Alerts without an Alertmanager are the only thing to say.
    assert!(out.lines().count() == 1 && out.contains("[S420]"), "{out}");
    run(dir.path(), &["render", "-o", "out"], 0);
    let jobs = |file: &Json| keyed(&settled("", file)["scrape_configs"], "job_name");
    let (was, is) = (
        jobs(&read(dir.path(), "prometheus.yml")),
        jobs(&read(dir.path(), "out/monitoring/prometheus.yml")),
    );
    assert_eq!(was, is);
    let promtool = find_program("promtool").unwrap();
    let checked = Command::new(promtool)
        .args(["check", "config", "out/monitoring/prometheus.yml"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

fn refusals() {
    let dir = tempfile::tempdir().unwrap();
    let (_, err) = run(dir.path(), &["import"], 2);
    assert!(err.contains("has no prometheus.yml"), "{err}");
    fs::write(dir.path().join("rules.yml"), "groups: []\n").unwrap();
    fs::write(dir.path().join("stack.kdl"), "mine").unwrap();
    let (_, err) = run(dir.path(), &["import"], 2);
    assert!(err.contains("is there already; `--force` replaces it"), "{err}");
    assert_eq!(fs::read_to_string(dir.path().join("stack.kdl")).unwrap(), "mine");
    run(dir.path(), &["import", "--force"], 0);
    assert!(fs::read_to_string(dir.path().join("stack.kdl")).unwrap().starts_with("stack "));
    let (_, err) = run(dir.path(), &["import", "nowhere"], 2);
    assert!(err.contains("cannot read `nowhere"), "{err}");
}
