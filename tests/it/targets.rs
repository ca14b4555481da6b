//! Every target of `render`: golden files, the programs that read them, and the command itself.
//!
//! `BLESS=1` rewrites `golden/*-kubernetes` and its neighbours; the checks of the other tests in here
//! say whether the new files are any good.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use stackctl::manifest::RenderTarget;
use stackctl::render::versions::{Product, Version};
use stackctl::render::{self, Beside, Output, Setting};

use crate::render::{assert_accepted, blessing, compare, golden, stack, without_younger_fields};
use crate::support::{Needs, Test, find_program, repository, stackctl};

pub const TESTS: &[Test] = &[
    ("golden_files_are_what_is_rendered", Needs::Nothing, golden_bytes),
    ("two_renders_give_the_same_bytes", Needs::Nothing, twice_the_same),
    ("kdl_and_yaml_agree", Needs::Nothing, kdl_and_yaml_agree),
    ("promtool_accepts_the_configurations", Needs::Program("promtool"), promtool),
    ("amtool_accepts_the_configurations", Needs::Program("amtool"), amtool),
    ("secrets_are_never_opened", Needs::Nothing, secrets_stay_closed),
    ("templates_see_the_whole_model_for_every_target", Needs::Nothing, templates),
    ("servers_run_on_whatever_compose_would_do", Needs::Nothing, servers),
    ("go_programs_know_their_limit_of_memory", Needs::Nothing, memory),
    ("node_exporters_listen_where_they_are_asked", Needs::Nothing, node_address),
    ("a_database_has_a_folder_in_its_storage", Needs::Nothing, database_storage),
    ("a_proxy_speaks_tls_with_parts_that_do", Needs::Nothing, proxied_tls),
    ("what_a_target_lacks_stops_the_command", Needs::Nothing, refused),
    ("drift_is_seen_for_every_target", Needs::Nothing, drift),
    ("the_manifest_may_say_the_target", Needs::Nothing, said_in_the_manifest),
];

/// A case: its name, manifest, profile and target.
pub struct Case {
    pub name: &'static str,
    pub manifest: &'static str,
    pub profile: Option<&'static str>,
    pub target: RenderTarget,
}

const fn case(
    name: &'static str,
    manifest: &'static str,
    profile: Option<&'static str>,
    target: RenderTarget,
) -> Case {
    Case { name, manifest, profile, target }
}

const SKINCARE: &str = "examples/skincare.kdl";
const EVERYTHING: &str = "golden/everything/stack.kdl";
const OPERATOR: &str = "golden/operator/stack.kdl";
const SHARDS: &str = "examples/scale/eu.kdl";
const STORES: &str = "golden/stores/stack.kdl";
const QUICKSTART: &str = "examples/quickstart.kdl";

pub const CASES: &[Case] = &[
    case("quickstart-kubernetes", QUICKSTART, None, RenderTarget::Kubernetes),
    case("skincare-kubernetes", SKINCARE, Some("prod"), RenderTarget::Kubernetes),
    case("everything-kubernetes", EVERYTHING, None, RenderTarget::Kubernetes),
    case("operator-kubernetes", OPERATOR, None, RenderTarget::Kubernetes),
    case("shards-kubernetes", SHARDS, None, RenderTarget::Kubernetes),
    case("stores-kubernetes", STORES, None, RenderTarget::Kubernetes),
    case("skincare-operator", SKINCARE, None, RenderTarget::KubernetesOperator),
    case("operator-operator", OPERATOR, None, RenderTarget::KubernetesOperator),
    case("quickstart-systemd", QUICKSTART, None, RenderTarget::Systemd),
    case("skincare-systemd", SKINCARE, Some("prod"), RenderTarget::Systemd),
    case("everything-systemd", EVERYTHING, None, RenderTarget::Systemd),
];

impl Case {
    pub fn outputs(&self) -> Vec<Output> {
        plan(self.manifest, self.profile, self.target)
    }

    pub fn is_cluster(&self) -> bool {
        matches!(self.target, RenderTarget::Kubernetes | RenderTarget::KubernetesOperator)
    }

    /// Writes the outputs into a folder.
    pub fn write(&self, folder: &Path) {
        write(&self.outputs(), folder);
    }
}

pub fn write(outputs: &[Output], folder: &Path) {
    for output in outputs {
        let path = folder.join(&output.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &output.bytes).unwrap();
    }
}

fn plan(manifest: &str, profile: Option<&str>, target: RenderTarget) -> Vec<Output> {
    let folder = repository(manifest).parent().unwrap().to_owned();
    let setting = Setting { base: ".", sources: &Beside(folder) };
    render::plan_for(&stack(manifest, profile), &setting, target).unwrap()
}

fn golden_bytes() {
    for case in CASES {
        if blessing() {
            let _ = fs::remove_dir_all(golden(case.name));
        }
        let outputs = case.outputs();
        for output in &outputs {
            compare(case.name, output);
        }
        let rendered: BTreeSet<&str> = outputs.iter().map(|output| output.path.as_str()).collect();
        for path in files_below(&golden(case.name)) {
            assert!(rendered.contains(path.as_str()), "{}: {path} is not rendered", case.name);
        }
    }
}

fn files_below(folder: &Path) -> Vec<String> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                files.push(entry.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    files
}

fn twice_the_same() {
    for case in CASES {
        assert_eq!(case.outputs(), case.outputs(), "{}", case.name);
    }
}

fn kdl_and_yaml_agree() {
    for target in render::TARGETS {
        let kdl = plan("examples/skincare.kdl", None, target);
        let yaml = plan("examples/skincare.yaml", None, target);
        assert_eq!(kdl, yaml, "{target}");
    }
}

fn promtool() {
    let mut seen = 0;
    for case in CASES {
        let dir = tempfile::tempdir().unwrap();
        let outputs = case.outputs();
        let of_prometheus = ["monitoring/prometheus.yml", "monitoring/alerts.yml"];
        for output in outputs.iter().filter(|o| of_prometheus.contains(&o.path.as_str())) {
            let text =
                without_younger_fields(Product::Prometheus, Version(2, 42, 0), &output.bytes);
            fs::write(dir.path().join(output.path.rsplit('/').next().unwrap()), text).unwrap();
        }
        // What the operator gets in an object is a rule file as it is.
        let rules = outputs.iter().find(|output| output.path == "kubernetes/rules.yaml");
        if let Some(rules) = rules.filter(|_| case.target == RenderTarget::KubernetesOperator) {
            let object: serde_yaml::Value = serde_yaml::from_slice(&rules.bytes).unwrap();
            let spec = serde_yaml::to_string(&object["spec"]).unwrap();
            let text =
                without_younger_fields(Product::Prometheus, Version(2, 42, 0), spec.as_bytes());
            fs::write(dir.path().join("alerts.yml"), text).unwrap();
        }
        for (file, arguments) in [
            ("prometheus.yml", &["check", "config", "--syntax-only"][..]),
            ("alerts.yml", &["check", "rules", "--lint=all", "--lint-fatal"][..]),
        ] {
            if dir.path().join(file).exists() {
                let mut command = Command::new(find_program("promtool").unwrap());
                command.args(arguments).arg(file).current_dir(dir.path());
                assert_accepted(case.name, &command.output().unwrap());
                seen += 1;
            }
        }
    }
    assert!(seen >= 12, "only {seen} files were looked at");
}

fn amtool() {
    let mut seen = 0;
    for case in CASES {
        let outputs = case.outputs();
        let file = outputs.iter().find(|output| output.path == "monitoring/alertmanager.yml");
        let Some(file) = file else { continue };
        let dir = tempfile::tempdir().unwrap();
        let text = without_younger_fields(Product::Alertmanager, Version(0, 25, 0), &file.bytes);
        fs::write(dir.path().join("alertmanager.yml"), text).unwrap();
        let mut command = Command::new(find_program("amtool").unwrap());
        command.args(["check-config", "alertmanager.yml"]).current_dir(dir.path());
        assert_accepted(case.name, &command.output().unwrap());
        seen += 1;
    }
    assert!(seen >= 5, "only {seen} files were looked at");
}

/// Nothing but dashboards and templates is read, for whatever target.
fn secrets_stay_closed() {
    struct Watch(std::cell::RefCell<Vec<String>>, Beside);
    impl render::Sources for Watch {
        fn read(&self, path: &str) -> std::io::Result<String> {
            self.0.borrow_mut().push(path.to_owned());
            render::Sources::read(&self.1, path)
        }
    }
    for case in CASES {
        let folder = repository(case.manifest).parent().unwrap().to_owned();
        let watch = Watch(std::cell::RefCell::default(), Beside(folder));
        let setting = Setting { base: ".", sources: &watch };
        render::plan_for(&stack(case.manifest, case.profile), &setting, case.target).unwrap();
        for path in watch.0.borrow().iter() {
            let known = path.starts_with("./dashboards/") || path.strip_suffix(".j2").is_some();
            assert!(known, "{}: {path} was read", case.name);
        }
    }
}

/// Renders a manifest in a folder of its own and gives back exit code and output.
fn command(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let ran = stackctl().arg("render").args(arguments).current_dir(folder).output().unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    (ran.status.code().unwrap(), String::from_utf8(said).unwrap())
}

fn templates() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("stack.kdl"),
        r#"stack "t" manifest=1
        service "a" { image "x:1.0"; port 80; env LOG="info"; metrics { counter "a_total" "route" } }
        exporter "node"
        prometheus { scrape_interval "15s"; scrape "a" interval="5s" }
        rules "r" { alert "Down" severity="page" { expr "up == 0" } }
        slo "s" objective=99.0 window="7d" { total "a_total"; errors "a_total" }
        alertmanager { receiver "r" { webhook "http://a/" }; route "r" }
        grafana { dashboard "D" { row "R" { timeseries "P" { query "up" } } } }
        secret "s" env="S"
        template "./all.j2" to="all.txt""#,
    )
    .unwrap();
    fs::write(
        folder.path().join("all.j2"),
        "{{ name }} {{ target }}\n\
         {% for s in service %}{{ s.name }}:{{ s.port[0].number }} {{ s.env.LOG }} {{ s.metrics.counter[0].labels[0] }}{% endfor %}\n\
         {{ exporter[0].name }} {{ prometheus.scrape_interval }} {{ prometheus.scrape[0].interval }}\n\
         {{ rules[0].rules[0].alert.name }} {{ slo[0].objective }} {{ secret[0].env }}\n\
         {{ alertmanager.receiver[0].webhook[0].url }} {{ alertmanager.route.receiver }}\n\
         {{ grafana.dashboard[0].title }} {{ endpoints | length }}\n\
         {% for job in jobs %}{{ job.job_name }} {% endfor %}\n\
         {% for part in parts %}{{ part.name }}={{ part.port }} {% endfor %}\n",
    )
    .unwrap();
    for target in render::TARGETS.map(RenderTarget::name) {
        let (code, text) = command(
            folder.path(),
            &["--target", target, "--stdout", "all.txt", "--allow", "target-differs"],
        );
        assert_eq!(code, 0, "{text}");
        let expected = format!(
            "t {target}\na:80 info routenode 15s 5s\nDown 99.0 S\nhttp://a/ r\nD 5\n\
             prometheus node a alertmanager grafana prometheus=9090 node-exporter=9100 {}",
            // What has no unit is started by nobody.
            if target == "systemd" { "" } else { "alertmanager=9093 grafana=3000 " }
        );
        assert!(text.contains(&expected), "{target}:\n{text}\nwanted:\n{expected}");
    }
}

/// What one file of a manifest says for a target.
fn file_of(manifest: &str, target: &str, file: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("stack.kdl"), format!("stack \"t\" manifest=1\n{manifest}"))
        .unwrap();
    let (code, text) = command(
        folder.path(),
        &["--target", target, "--stdout", file, "--allow", "target-differs"],
    );
    assert_eq!(code, 0, "{text}");
    text
}

/// As `import` and `init` write services of a compose file that say nothing of it.
fn servers() {
    let manifest = r#"
        service "web" { image "x:1.0"; port 80; restart "no"; native { run "web" } }
        service "php" { image "x:1.0"; expose 9000; restart "no"; native { run "php" } }
        service "once" { image "x:1.0"; restart "no"; native { run "once" } }"#;
    for (name, kind, restart) in
        [("web", "Deployment", "always"), ("php", "Deployment", "always"), ("once", "Job", "no")]
    {
        let objects = file_of(manifest, "kubernetes", &format!("kubernetes/{name}.yaml"));
        assert!(objects.contains(&format!("kind: {kind}\n")), "{objects}");
        let unit = file_of(manifest, "systemd", &format!("systemd/stackctl-t-{name}.service"));
        assert!(unit.contains(&format!("Restart={restart}\n")), "{unit}");
    }
}

fn memory() {
    let manifest = r#"
        resources memory="512MB"
        volumes "d"
        exporter "node"
        prometheus { data "d" }
        alertmanager { data "d"; receiver "r"; route "r" }
        grafana { data "d"; resources memory="1GB" }"#;
    let limits = |text: &str| {
        let lines = text.lines().filter(|line| line.contains("GOMEMLIMIT: "));
        lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    let expected = ["GOMEMLIMIT: 483183819B", "GOMEMLIMIT: 966367638B"];
    let compose = file_of(manifest, "compose", "compose.yaml");
    assert_eq!(limits(&compose), expected, "{compose}");
    let old = manifest.replace("prometheus {", "prometheus version=\"2.53.0\" {");
    let compose = file_of(&old, "compose", "compose.yaml");
    assert_eq!(limits(&compose), [expected[0], expected[0], expected[1]]);
    let objects = file_of(manifest, "kubernetes", "kubernetes/grafana.yaml");
    assert!(objects.contains("name: GOMEMLIMIT\n              value: 966367638B"), "{objects}");
}

fn node_address() {
    let listens = |manifest: &str, expected: Option<&str>| {
        let objects = file_of(manifest, "kubernetes", "kubernetes/node-exporter.yaml");
        let flag =
            objects.lines().find_map(|line| line.trim().strip_prefix("- --web.listen-address="));
        assert_eq!(flag.map(|flag| flag.trim_matches('\'')), expected, "{objects}");
        assert_eq!(
            objects.contains("fieldPath: status.hostIP"),
            expected.is_some_and(|it| it.contains("HOST_IP"))
        );
    };
    listens("exporter \"node\"", Some("[$(HOST_IP)]:9100"));
    listens("exporter \"node\" port=9200", Some("[$(HOST_IP)]:9200"));
    listens("exporter \"node\" bind=\"0.0.0.0\"", None);
}

fn database_storage() {
    let manifest = r#"
        volumes "a" "b" "c"
        service "mysql" { image "mysql:8.4"; volume "a" to="/var/lib/mysql" }
        service "pg" { image "postgres:17.2"; volume "b" to="/var/lib/postgresql/data" }
        service "redis" { image "redis:8.0"; volume "c" to="/data" }"#;
    for (name, expected) in [("mysql", true), ("pg", true), ("redis", false)] {
        let objects = file_of(manifest, "kubernetes", &format!("kubernetes/{name}.yaml"));
        assert_eq!(objects.contains("subPath: data\n"), expected, "{objects}");
    }
}

fn proxied_tls() {
    let manifest = r#"
        volumes "d"
        grafana { data "d"; tls cert="./tls/g.crt" key="./tls/g.key" }
        prometheus { data "d" }
        service "caddy" {
            image "caddy:2.10.2"; port 443
            site "g.example.com" { reverse_proxy to="grafana" }
            site "p.example.com" { reverse_proxy "/p/*" to="prometheus" }
        }"#;
    let sites = file_of(manifest, "compose", "Caddyfile");
    let wanted = "\t\treverse_proxy https://grafana:3000 {\n\t\t\ttransport http {\n\
                  \t\t\t\ttls_trust_pool file /run/tls/tls-g.crt\n\t\t\t}\n\t\t}\n";
    assert!(sites.contains(wanted), "{sites}");
    assert!(sites.contains("\t\treverse_proxy prometheus:9090\n"), "{sites}");
    let compose = file_of(manifest, "compose", "compose.yaml");
    let caddy =
        &compose[compose.find("image: caddy").unwrap()..compose.find("image: prom").unwrap()];
    assert!(caddy.contains("/tls/g.crt:/run/tls/tls-g.crt:ro"), "{caddy}");
    let objects = file_of(manifest, "kubernetes", "kubernetes/caddy.yaml");
    assert!(objects.contains("mountPath: /run/tls\n"), "{objects}");
    assert!(objects.contains("name: tls-g-crt\n"), "{objects}");
}

fn refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("stack.kdl"),
        "stack \"t\" manifest=1\nservice \"my_app\" { image \"x:1.0\"; port 80 }\n",
    )
    .unwrap();
    let (code, said) = command(folder.path(), &["--target", "kubernetes", "-o", "out"]);
    assert_eq!(code, 1, "{said}");
    for part in ["S809", "`my_app` is no host name in Kubernetes", "stack.kdl:2:9", "`my-app`"] {
        assert!(said.contains(part), "{part} is missing:\n{said}");
    }
    assert!(!folder.path().join("out").exists(), "something was written");
    let (code, said) = command(folder.path(), &["--target", "compose", "-o", "out"]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = command(folder.path(), &["--target", "nomad"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("kubernetes-operator"), "{said}");
}

fn drift() {
    for target in render::TARGETS.map(RenderTarget::name) {
        let folder = tempfile::tempdir().unwrap();
        let manifest = repository(QUICKSTART).display().to_string();
        let out = folder.path().join("out").display().to_string();
        let run = |more: &[&str]| {
            let mut arguments = vec![manifest.as_str(), "--target", target, "-o", &out];
            arguments.extend(more);
            command(folder.path(), &arguments)
        };
        assert_eq!(run(&[]).0, 0, "{target}");
        assert_eq!(run(&["--check"]).0, 0, "{target}");
        let edited = folder.path().join("out/monitoring/alerts.yml");
        let edited =
            if edited.exists() { edited } else { folder.path().join("out/kustomization.yaml") };
        fs::write(&edited, "# by hand\n").unwrap();
        assert_eq!(run(&["--check"]).0, 1, "{target}");
        assert_eq!(run(&[]).0, 1, "{target}: the edit was thrown away");
        assert_eq!(run(&["--overwrite"]).0, 0, "{target}");
        assert_eq!(run(&["--check"]).0, 0, "{target}");
        // Another target in the same folder takes away what it has no use for.
        let (code, said) = command(folder.path(), &[&manifest, "--target", "compose", "-o", &out]);
        assert_eq!(code, 0, "{said}");
        let left = files_below(&folder.path().join("out"));
        assert!(!left.iter().any(|path| path.contains("kubernetes/") || path.contains("systemd/")));
    }
}

fn said_in_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("stack.kdl"),
        "stack \"t\" manifest=1 target=\"kubernetes\"\nprometheus\n",
    )
    .unwrap();
    assert_eq!(command(folder.path(), &["-o", "out"]).0, 0);
    assert!(folder.path().join("out/kustomization.yaml").exists());
    assert_eq!(command(folder.path(), &["-o", "two", "--target", "systemd"]).0, 0);
    assert!(folder.path().join("two/systemd/stackctl-t.target").exists());
    fs::write(folder.path().join("bad.kdl"), "stack \"t\" manifest=1 target=\"nomad\"\n").unwrap();
    let (code, said) = command(folder.path(), &["bad.kdl", "-o", "three"]);
    assert_eq!(code, 1, "{said}");
}
