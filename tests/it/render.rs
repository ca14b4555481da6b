//! Rendered files against golden ones, and against the programs that read them.
//!
//! `BLESS=1` rewrites `golden/*/out`, but only what its oracle has accepted in the same test: promtool
//! the files of Prometheus, amtool that of Alertmanager, docker-compose and a typed parser the compose
//! file, a structural check everything else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output as Ran};

use serde_yaml::Value as Yaml;
use stackctl::manifest;
use stackctl::render::versions::{FEATURES, Product, Version};
use stackctl::render::{self, Beside, Output, Setting};

use crate::support::{Needs, Test, find_program, repository};

pub const TESTS: &[Test] = &[
    ("golden_files_are_what_is_rendered", Needs::Nothing, golden_bytes),
    ("promtool_accepts_every_prometheus_file", Needs::Program("promtool"), promtool),
    ("amtool_accepts_every_alertmanager_file", Needs::Program("amtool"), amtool),
    ("compose_readers_accept_every_compose_file", Needs::Program("docker-compose"), compose),
    ("every_other_file_is_well_formed", Needs::Nothing, other_files),
    ("golden_folders_hold_nothing_else", Needs::Nothing, no_strays),
    ("kdl_and_yaml_render_to_the_same_bytes", Needs::Nothing, kdl_and_yaml_agree),
    ("two_renders_give_the_same_bytes", Needs::Nothing, twice_the_same),
    ("no_secret_is_opened", Needs::Nothing, secrets_stay_closed),
    ("the_runner_finds_every_path_of_every_command_line", Needs::Nothing, paths_are_located),
    ("every_target_has_an_address_on_the_loopback", Needs::Nothing, targets_have_addresses),
    ("entry_points_put_secrets_where_programs_look", Needs::Nothing, entry_points),
    ("the_grants_script_makes_the_exporters_user", Needs::Program("mariadbd"), grants),
];

/// A manifest and its profile: `golden/NAME/out` holds what it is rendered to.
const CASES: &[(&str, &str, Option<&str>)] = &[
    ("quickstart", "examples/quickstart.kdl", None),
    ("skincare", "examples/skincare.kdl", None),
    ("skincare-prod", "examples/skincare.kdl", Some("prod")),
    ("federation-eu", "examples/federation/eu.kdl", None),
    ("federation-us", "examples/federation/us.kdl", None),
    ("federation-central", "examples/federation/central.kdl", None),
    ("everything", "golden/everything/stack.kdl", None),
    ("own-images", "golden/own-images/stack.kdl", None),
    ("stores", "golden/stores/stack.kdl", None),
    ("scale-eu", "examples/scale/eu.kdl", None),
    ("scale-us", "examples/scale/us.kdl", None),
    ("scale-central", "examples/scale/central.kdl", None),
];

pub fn stack(path: &str, profile: Option<&str>) -> manifest::Stack {
    let loaded = manifest::load(&repository(path), profile).unwrap();
    assert!(
        loaded.findings.is_empty(),
        "{path} ({profile:?}) has findings: {:#?}",
        loaded.findings
    );
    loaded.stack
}

fn outputs(path: &str, profile: Option<&str>) -> Vec<Output> {
    let folder = repository(path).parent().unwrap().to_owned();
    let setting = Setting { base: ".", sources: &Beside(folder) };
    render::plan(&stack(path, profile), &setting).unwrap()
}

pub fn golden(case: &str) -> PathBuf {
    repository(&format!("golden/{case}/out"))
}

pub fn blessing() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value == "1")
}

/// Compares one file; call this only after its oracle had its say.
pub fn compare(case: &str, output: &Output) {
    let path = golden(case).join(&output.path);
    if blessing() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &output.bytes).unwrap();
        return;
    }
    let expected = fs::read(&path)
        .unwrap_or_else(|err| panic!("{}: {err}; BLESS=1 cargo test writes it", path.display()));
    let (expected, rendered) =
        (String::from_utf8_lossy(&expected), String::from_utf8_lossy(&output.bytes));
    if expected != rendered {
        let diff = similar::TextDiff::from_lines(expected.as_ref(), rendered.as_ref());
        panic!(
            "{case}: {} differs:\n{}",
            output.path,
            diff.unified_diff().header("golden", "rendered")
        );
    }
}

fn each(mut visit: impl FnMut(&str, &[Output])) {
    for (case, path, profile) in CASES {
        visit(case, &outputs(path, *profile));
    }
}

fn golden_bytes() {
    if !blessing() {
        each(|case, outputs| outputs.iter().for_each(|output| compare(case, output)));
    }
}

/// Which test checks a file.
fn oracle(path: &str) -> &'static str {
    match path {
        "monitoring/prometheus.yml" | "monitoring/alerts.yml" => "promtool",
        path if path.starts_with("monitoring/shards/") && !path.ends_with("web.yml") => "promtool",
        "monitoring/alertmanager.yml" => "amtool",
        "compose.yaml" => "docker-compose",
        _ => "structure",
    }
}

fn run(program: &str, arguments: &[&str], dir: &Path) -> Ran {
    let program = find_program(program).expect("the test asked for it");
    Command::new(program).args(arguments).current_dir(dir).output().unwrap()
}

pub fn assert_accepted(case: &str, ran: &Ran) {
    assert!(
        ran.status.success(),
        "{case}:\n{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
}

/// The file without the fields that this version of the oracle is too old for, by the one list of
/// them. A field that is needed is replaced by its older form.
pub fn without_younger_fields(product: Product, oracle: Version, text: &[u8]) -> String {
    let mut yaml: Yaml = serde_yaml::from_slice(text).unwrap();
    for feature in FEATURES.iter().filter(|f| f.product == product && f.since > oracle) {
        let path: Vec<&str> = feature.path.split('.').collect();
        let (last, way) = path.split_last().unwrap();
        at(&mut yaml, way, &mut |parent| {
            let Some(parent) = parent.as_mapping_mut() else { return };
            if parent.remove(*last).is_none() {
                return;
            }
            let older = match *last {
                "url_file" => ("url", "http://excluded.invalid/"),
                "webhook_url_file" => ("webhook_url", "http://excluded.invalid/"),
                "bot_token_file" => ("bot_token", "excluded"),
                "environment" => ("file", "/dev/null"),
                _ => return,
            };
            parent.insert(older.0.into(), older.1.into());
        });
    }
    // serde_yaml's own emitter would write `no` bare, and docker-compose read it as false.
    render::to_yaml(&yaml)
}

fn at(yaml: &mut Yaml, way: &[&str], change: &mut dyn FnMut(&mut Yaml)) {
    match (way.split_first(), yaml) {
        (None, yaml) => change(yaml),
        (Some((&"[]", rest)), Yaml::Sequence(list)) => {
            for item in list {
                at(item, rest, change);
            }
        }
        (Some((&"*", rest)), Yaml::Mapping(map)) => {
            for (_, item) in map.iter_mut() {
                at(item, rest, change);
            }
        }
        (Some((key, rest)), Yaml::Mapping(map)) => {
            if let Some(item) = map.get_mut(*key) {
                at(item, rest, change);
            }
        }
        _ => {}
    }
}

fn promtool() {
    each(|case, outputs| {
        let dir = tempfile::tempdir().unwrap();
        let of_prometheus: Vec<_> =
            outputs.iter().filter(|output| oracle(&output.path) == "promtool").collect();
        for output in &of_prometheus {
            let text =
                without_younger_fields(Product::Prometheus, Version(2, 42, 0), &output.bytes);
            let path = dir.path().join(&output.path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        for output in of_prometheus {
            let path = output.path.as_str();
            let ran = match path.rsplit('/').next() {
                Some("alerts.yml") => run(
                    "promtool",
                    &["check", "rules", "--lint=all", "--lint-fatal", path],
                    dir.path(),
                ),
                _ => run("promtool", &["check", "config", "--syntax-only", path], dir.path()),
            };
            assert_accepted(case, &ran);
            compare(case, output);
        }
    });
}

fn amtool() {
    each(|case, outputs| {
        for output in outputs.iter().filter(|output| oracle(&output.path) == "amtool") {
            let dir = tempfile::tempdir().unwrap();
            let text =
                without_younger_fields(Product::Alertmanager, Version(0, 25, 0), &output.bytes);
            fs::write(dir.path().join("alertmanager.yml"), text).unwrap();
            assert_accepted(
                case,
                &run("amtool", &["check-config", "alertmanager.yml"], dir.path()),
            );
            compare(case, output);
        }
    });
}

fn compose() {
    each(|case, outputs| {
        for output in outputs.iter().filter(|output| oracle(&output.path) == "docker-compose") {
            let text = std::str::from_utf8(&output.bytes).unwrap();
            let typed: compose_spec::Compose = serde_yaml::from_str(text)
                .unwrap_or_else(|err| panic!("{case}: the typed parser says: {err}"));
            typed.validate_all().unwrap_or_else(|err| panic!("{case}: {err}"));

            let dir = tempfile::tempdir().unwrap();
            let yaml: Yaml = serde_yaml::from_str(text).unwrap();
            for (_, service) in yaml["services"].as_mapping().unwrap() {
                if let Some(context) = service["build"]["context"].as_str() {
                    fs::create_dir_all(dir.path().join(context)).unwrap();
                }
                for file in service["env_file"].as_sequence().into_iter().flatten() {
                    let path = dir.path().join(file.as_str().unwrap());
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, "").unwrap();
                }
            }
            let older = without_younger_fields(Product::Compose, Version(1, 29, 2), &output.bytes);
            fs::write(dir.path().join("compose.yaml"), older).unwrap();
            let mut command = Command::new(find_program("docker-compose").unwrap());
            command.args(["-f", "compose.yaml", "config"]).current_dir(dir.path());
            let variables = outputs.iter().find(|output| output.path == ".env.example");
            for line in
                variables.iter().flat_map(|o| std::str::from_utf8(&o.bytes).unwrap().lines())
            {
                if let Some(name) = line.strip_suffix('=') {
                    command.env(name, "x");
                }
            }
            assert_accepted(case, &command.output().unwrap());
            compare(case, output);
        }
    });
}

fn other_files() {
    each(|case, outputs| {
        for output in outputs.iter().filter(|output| oracle(&output.path) == "structure") {
            let text = std::str::from_utf8(&output.bytes).unwrap();
            assert!(text.ends_with('\n') || text.is_empty(), "{case}: {}", output.path);
            match Path::new(&output.path).extension().and_then(|extension| extension.to_str()) {
                Some("json") if !output.path.contains("dashboard") => {
                    serde_json::from_str::<serde_json::Value>(text).unwrap();
                }
                Some("json") => dashboard(case, &output.path, text),
                Some("yml" | "yaml") => {
                    serde_yaml::from_str::<Yaml>(text).unwrap();
                }
                Some("sh") => {
                    let dir = tempfile::tempdir().unwrap();
                    fs::write(dir.path().join("script"), text).unwrap();
                    assert_accepted(case, &run("sh", &["-n", "script"], dir.path()));
                }
                _ if output.path == "Makefile" => makefile(case, text),
                _ if output.path.starts_with("Caddyfile") => caddyfile(case, text),
                _ => {}
            }
            compare(case, output);
        }
    });
}

/// What Grafana 12 wants of a dashboard.
fn dashboard(case: &str, path: &str, text: &str) {
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    let name = format!("{case}: {path}");
    assert!(json["id"].is_null(), "{name}: a provisioned dashboard has no id");
    let uid = json["uid"].as_str().unwrap();
    assert!(!uid.is_empty() && uid.len() <= 40, "{name}: uid {uid}");
    assert_eq!(json["schemaVersion"], 41, "{name}");
    assert!(!text.contains("${DS_") && json.get("__inputs").is_none(), "{name}: import-only");
    let mut ids = BTreeSet::new();
    let mut places: Vec<[u64; 4]> = Vec::new();
    let mut stack: Vec<&serde_json::Value> = json["panels"].as_array().unwrap().iter().collect();
    while let Some(panel) = stack.pop() {
        let title = &panel["title"];
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: {title} has another's id");
        let place = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(place[0] + place[2] <= 24, "{name}: {title} is too wide");
        let overlaps = places.iter().any(|other| {
            let apart = |axis: usize| {
                place[axis] + place[axis + 2] <= other[axis]
                    || other[axis] + other[axis + 2] <= place[axis]
            };
            !apart(0) && !apart(1)
        });
        assert!(!overlaps, "{name}: {title} overlaps another panel");
        places.push(place);
        let inside = panel.get("panels").and_then(|panels| panels.as_array());
        stack.extend(inside.into_iter().flatten());
        let mut refs = BTreeSet::new();
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert!(refs.insert(target["refId"].as_str().unwrap()), "{name}: {title} refId twice");
            assert!(!target["expr"].as_str().unwrap().is_empty(), "{name}: {title}");
        }
        if !["row", "text", "alertlist"].contains(&panel["type"].as_str().unwrap()) {
            assert!(panel["datasource"]["uid"].is_string(), "{name}: {title} has no data source");
        }
    }
}

fn makefile(case: &str, text: &str) {
    let mut in_rule = false;
    for line in text.lines() {
        let recipe = line.starts_with('\t');
        assert!(!recipe || in_rule, "{case}: a recipe without a rule: {line}");
        assert!(!line.starts_with(' '), "{case}: spaces where a tab belongs: {line}");
        in_rule = recipe || (line.contains(':') && !line.starts_with(['#', '.']));
    }
    for target in ["up:", "monitoring:", "down:", "ps:", "logs:", "validate:", "reload:"] {
        assert!(text.lines().any(|line| line.starts_with(target)), "{case}: {target} is missing");
    }
}

fn caddyfile(case: &str, text: &str) {
    let mut depth = 0_i32;
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        depth += i32::from(line.ends_with('{')) - i32::from(line.trim() == "}");
        assert!(depth >= 0, "{case}: a brace too many: {line}");
    }
    assert_eq!(depth, 0, "{case}: a brace is missing");
}

fn no_strays() {
    if blessing() {
        return;
    }
    each(|case, outputs| {
        let rendered: BTreeSet<PathBuf> =
            outputs.iter().map(|output| golden(case).join(&output.path)).collect();
        let mut folders = vec![golden(case)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else {
                    assert!(rendered.contains(&entry), "{} is not rendered", entry.display());
                }
            }
        }
    });
}

fn kdl_and_yaml_agree() {
    for profile in [None, Some("prod")] {
        let kdl = outputs("examples/skincare.kdl", profile);
        let yaml = outputs("examples/skincare.yaml", profile);
        assert_eq!(kdl.len(), yaml.len());
        for (kdl, yaml) in kdl.iter().zip(&yaml) {
            assert_eq!(kdl.path, yaml.path);
            assert_eq!(String::from_utf8_lossy(&kdl.bytes), String::from_utf8_lossy(&yaml.bytes));
        }
    }
}

fn twice_the_same() {
    for (_, path, profile) in CASES {
        assert_eq!(outputs(path, *profile), outputs(path, *profile));
    }
}

/// Secrets that are files are never read: there is none beside the examples, and a place that would
/// hold the content of one holds its path.
fn secrets_stay_closed() {
    struct Watch(std::cell::RefCell<Vec<String>>, Beside);
    impl render::Sources for Watch {
        fn read(&self, path: &str) -> std::io::Result<String> {
            self.0.borrow_mut().push(path.to_owned());
            render::Sources::read(&self.1, path)
        }
    }
    let watch = Watch(std::cell::RefCell::default(), Beside(repository("examples")));
    let stack = stack("examples/skincare.kdl", Some("prod"));
    render::plan(&stack, &Setting { base: ".", sources: &watch }).unwrap();
    assert_eq!(*watch.0.borrow(), ["./dashboards/hosts.json"]);
}

fn paths_are_located() {
    for (case, path, profile) in CASES {
        for part in render::parts(&stack(path, *profile)) {
            for flag in part.argv.iter().filter_map(|flag| flag.split_once('=')) {
                let own = part.web_config.as_ref().is_some_and(|web| web.inside == flag.1);
                let unmounted = ["/", "/metrics", "/prometheus", "/alertmanager"].contains(&flag.1);
                if flag.1.starts_with('/') && !own && !unmounted {
                    assert!(part.locate(flag.1).is_some(), "{case}: {} {flag:?}", part.name);
                }
            }
        }
    }
}

fn targets_have_addresses() {
    for (case, path, profile) in CASES {
        let stack = stack(path, *profile);
        let endpoints = render::endpoints(&stack);
        // Natively nobody runs these.
        let parts = render::parts(&stack);
        let contained = |host: &str| parts.iter().any(|part| part.name == host && !part.publish);
        for job in render::jobs(&stack) {
            for target in job.static_configs.iter().flat_map(|group| &group.targets) {
                let (host, port) = target.rsplit_once(':').unwrap();
                let known = endpoints.iter().any(|endpoint| {
                    endpoint.host == host
                        && endpoint.port.to_string() == port
                        && (endpoint.published.is_some() || endpoint.external || contained(host))
                });
                // The production profile names hosts that only its network knows.
                assert!(known || profile.is_some() || *case == "everything", "{case}: {target}");
            }
        }
    }
}

/// Runs the shell part of a service's entry point with other paths and another program.
fn run_entry_point(case: &str, service: &str, replace: &[(&str, &str)]) -> String {
    let (_, path, profile) = CASES.iter().find(|(name, ..)| *name == case).unwrap();
    let outputs = outputs(path, *profile);
    let compose = outputs.iter().find(|output| output.path == "compose.yaml").unwrap();
    let compose: Yaml = serde_yaml::from_slice(&compose.bytes).unwrap();
    let script = compose["services"][service]["entrypoint"][2].as_str().unwrap();
    // What compose makes of it.
    let mut script = script.replace("$$", "$");
    for (from, to) in replace {
        assert!(script.contains(from), "{from} is not in {script}");
        script = script.replace(from, to);
    }
    let ran =
        Command::new("sh").args(["-ec", &script, service, "one", "two words"]).output().unwrap();
    assert_accepted(case, &ran);
    String::from_utf8(ran.stdout).unwrap()
}

fn entry_points() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (secret, rendered, assembled) = (path("secret"), path("rendered"), path("web"));
    fs::write(&rendered, "tls_server_config:\n  cert_file: x\n").unwrap();
    for written in ["$2b$12$abc/DEF.ghi\n", "ops:$2b$12$abc/DEF.ghi"] {
        fs::write(&secret, written).unwrap();
        let said = run_entry_point(
            "everything",
            "prometheus",
            &[
                ("/run/secrets/hash", &secret),
                ("/etc/prometheus/web.yml", &rendered),
                ("/tmp/web.yml", &assembled),
                ("/bin/prometheus", "printf '<%s>'"),
            ],
        );
        assert_eq!(said, "<one><two words>");
        let web: Yaml = serde_yaml::from_str(&fs::read_to_string(&assembled).unwrap()).unwrap();
        assert_eq!(web["basic_auth_users"]["ops"].as_str(), Some("$2b$12$abc/DEF.ghi"));
        assert_eq!(web["tls_server_config"]["cert_file"].as_str(), Some("x"));
    }
    fs::write(&secret, "p'a\"s$s\n").unwrap();
    let said = run_entry_point(
        "skincare",
        "mysql-exporter",
        &[
            ("/run/secrets/db_exporter", &secret),
            ("/bin/mysqld_exporter", "printenv MYSQLD_EXPORTER_PASSWORD; :"),
        ],
    );
    assert_eq!(said, "p'a\"s$s\n");
}

/// The script against a real server, twice, with a password that wants quoting.
fn grants() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let data = path("data");
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let user = format!("--user={}", user.trim());
    let install = [
        "--no-defaults",
        &user,
        &format!("--datadir={data}"),
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ];
    assert_accepted("mariadb-install-db", &run("mariadb-install-db", &install, dir.path()));
    // A socket's path may have 107 bytes.
    let socket = path("s");
    let mut server = Command::new(find_program("mariadbd").unwrap())
        .args(["--no-defaults", &user, "--skip-networking"])
        .args([format!("--datadir={data}"), format!("--socket={socket}")])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let client = |user: &str, password: &str, sql: &str| {
        Command::new(find_program("mariadb").unwrap())
            .args(["--no-defaults", "-N", &format!("--socket={socket}"), "-u", user, "-e", sql])
            .env("MYSQL_PWD", password)
            .output()
            .unwrap()
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !client("root", "", "select 1").status.success() {
        assert!(std::time::Instant::now() < deadline, "mariadbd does not answer");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    // The anonymous user of a fresh installation, which images do not have, would come first.
    client("root", "", "drop user if exists ''@'localhost'; drop user if exists ''@'%'");
    let password = "p\\a'ss\"$x`";
    fs::write(path("secret"), password).unwrap();
    let script = outputs("examples/skincare.kdl", None)
        .into_iter()
        .find(|output| output.path.ends_with("grants.sh"))
        .map(|output| String::from_utf8(output.bytes).unwrap())
        .unwrap()
        .replace("/run/secrets/db_exporter", &path("secret"))
        .replace("--protocol=socket", &format!("--no-defaults --socket={socket}"));
    fs::write(path("grants.sh"), script).unwrap();
    let results: Vec<Ran> = (0..2).map(|_| run("sh", &["grants.sh"], dir.path())).collect();
    let grants = client("exporter", password, "show grants");
    // New MariaDB wants a privilege of its own for this; MySQL takes it for a comment.
    let replication = client("exporter", password, "show all slaves status");
    server.kill().unwrap();
    server.wait().unwrap();
    for ran in results {
        assert_accepted("grants.sh", &ran);
    }
    assert_accepted("login", &grants);
    assert_accepted("the state of replication", &replication);
    let grants = String::from_utf8(grants.stdout).unwrap();
    assert!(grants.contains("PROCESS") && grants.contains("MAX_USER_CONNECTIONS 3"), "{grants}");
}
