//! Rendered units: systemd itself reads them, says how exposed they are, and install.sh puts them and
//! their files where they look for them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use stackctl::manifest::RenderTarget;

use crate::render::assert_accepted;
use crate::support::{Needs, Test, find_program};
use crate::targets::{CASES, Case};

pub const TESTS: &[Test] = &[
    ("systemd_accepts_every_unit", Needs::Program("systemd-analyze"), verify),
    ("units_are_hardly_exposed", Needs::Program("systemd-analyze"), exposure),
    ("the_machine_stays_in_sight_of_the_node_exporter", Needs::Nothing, node_exporter),
    ("install_puts_files_where_units_look", Needs::Nothing, install),
    ("a_web_configuration_is_put_together_at_the_start", Needs::Nothing, start_script),
    ("targets_are_addresses_of_this_machine_with_their_names", Needs::Nothing, targets),
];

fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(|case| case.target == RenderTarget::Systemd)
}

/// The units of a case in a folder, with programs that are there.
fn units(case: &Case, folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for output in case.outputs().iter().filter(|output| output.path.starts_with("systemd/")) {
        let name = output.path.rsplit('/').next().unwrap();
        if !name.ends_with(".service") && !name.ends_with(".target") {
            continue;
        }
        let text = std::str::from_utf8(&output.bytes).unwrap();
        let text =
            text.replace("/usr/local/bin/stackctl", "/bin/true").replace("=php-fpm", "=/bin/true");
        fs::write(folder.join(name), text).unwrap();
        names.push(name.to_owned());
    }
    assert!(names.len() > 1, "{}", case.name);
    names
}

fn verify() {
    for case in cases() {
        let dir = tempfile::tempdir().unwrap();
        let names = units(case, dir.path());
        let mut command = Command::new(find_program("systemd-analyze").unwrap());
        let ran = command.arg("verify").args(&names).current_dir(dir.path()).output().unwrap();
        assert_accepted(case.name, &ran);
        // It also says in passing what it makes of other units; ours are not among them.
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(!said.contains("stackctl-"), "{}:\n{said}", case.name);
    }
}

/// At most these exposures, of 10: the node exporter has no file system of its own, programs of the
/// user are unknown.
fn exposure() {
    let mut seen = 0;
    for case in cases() {
        let dir = tempfile::tempdir().unwrap();
        for name in units(case, dir.path()).iter().filter(|name| name.ends_with(".service")) {
            let own = !name.ends_with("-app.service");
            let most = match (own, name.contains("node-exporter") || name.contains("host-exporter"))
            {
                (false, _) => "75",
                (true, true) => "40",
                (true, false) => "15",
            };
            let mut command = Command::new(find_program("systemd-analyze").unwrap());
            command.args([
                "security",
                "--offline=true",
                &format!("--threshold={most}"),
                name.as_str(),
            ]);
            assert_accepted(case.name, &command.current_dir(dir.path()).output().unwrap());
            seen += 1;
        }
    }
    assert!(seen > 5, "{seen}");
}

fn text(case: &Case, path: &str) -> String {
    let outputs = case.outputs();
    let output = outputs.iter().find(|output| output.path == path);
    String::from_utf8(output.unwrap_or_else(|| panic!("no {path}")).bytes.clone()).unwrap()
}

fn skincare() -> &'static Case {
    CASES.iter().find(|case| case.name == "skincare-systemd").unwrap()
}

/// Nothing that gives it other mounts, processes or clocks than the machine's.
fn node_exporter() {
    let unit = text(skincare(), "systemd/stackctl-skincare-node-exporter.service");
    for blind in
        ["DynamicUser", "Protect", "Private", "ProcSubset", "ReadOnlyPaths", "RootDirectory"]
    {
        assert!(!unit.lines().any(|line| line.starts_with(blind)), "{blind}:\n{unit}");
    }
    let filters: Vec<&str> =
        unit.lines().filter(|line| line.starts_with("SystemCallFilter=")).collect();
    assert!(filters.last().unwrap().contains("adjtimex"), "{filters:?}");
    assert!(unit.contains("--path.rootfs=/ ") && unit.contains("--path.procfs=/proc "), "{unit}");
}

fn install() {
    let dir = tempfile::tempdir().unwrap();
    let case = skincare();
    case.write(dir.path());
    let root = dir.path().join("root");
    let script = text(case, "install.sh");
    for path in script
        .split_whitespace()
        .filter(|word| word.starts_with("./secrets/") || word.starts_with("./tls/"))
    {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "content").unwrap();
    }
    let run = |hook: Option<&str>| {
        let mut command = Command::new("sh");
        command.arg("install.sh").current_dir(dir.path()).env("DESTDIR", &root);
        match hook {
            Some(hook) => command.env("SLACK_WEBHOOK_URL", hook),
            None => command.env_remove("SLACK_WEBHOOK_URL"),
        };
        command.output().unwrap()
    };
    assert!(!run(None).status.success());
    assert!(!root.exists(), "something was done without the variable");
    let old = root.join("etc/systemd/system/stackctl-skincare-gone.service");
    let others = root.join("etc/systemd/system/stackctl-skincare-2-app.service");
    fs::create_dir_all(old.parent().unwrap()).unwrap();
    fs::write(&old, "[Unit]\nPartOf=stackctl-skincare.target\n").unwrap();
    fs::write(&others, "[Unit]\nPartOf=stackctl-skincare-2.target\n").unwrap();
    assert_accepted("install.sh", &run(Some("https://hook")));
    assert_accepted("install.sh again", &run(Some("https://hook")));
    assert!(!old.exists() && others.exists());
    let etc = root.join("etc/stackctl/skincare");
    assert_eq!(fs::read_to_string(etc.join("secrets/slack_hook")).unwrap(), "https://hook");
    // Every file that a unit names is there now.
    let mut seen = 0;
    for entry in fs::read_dir(old.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(entry).unwrap();
        let words = text.split(|c: char| c.is_whitespace() || "=:;\"".contains(c));
        for path in
            words.filter(|word| word.starts_with("/etc/stackctl/") && !word.contains("/here/"))
        {
            assert!(root.join(&path[1..]).exists(), "{path} is not there");
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
    assert!(etc.join("here").join("secrets").is_dir());
    for file in ["secrets/slack_hook", "secrets/prom_web"] {
        let mode = fs::metadata(etc.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

/// The command of `ExecStartPre`, as systemd would hand it to the shell.
fn start_script() {
    let unit = text(skincare(), "systemd/stackctl-skincare-prometheus.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStartPre=")).unwrap();
    let line = line.replace("%%", "%").replace("$$", "$");
    let words = shlex::split(&line).unwrap();
    assert_eq!(words[..2], ["/bin/sh", "-ec"]);
    let dir = tempfile::tempdir().unwrap();
    let script = words[2]
        .replace("/etc/stackctl/skincare/monitoring/web.yml", "rendered.yml")
        .replace("/run/credentials/stackctl-skincare-prometheus.service/prom_web", "hash")
        .replace("/run/stackctl-skincare-prometheus/web.yml", "web.yml");
    fs::write(dir.path().join("rendered.yml"), text(skincare(), "monitoring/web.yml")).unwrap();
    fs::write(dir.path().join("hash"), "ops:$2y$10$abc\n").unwrap();
    let ran =
        Command::new("/bin/sh").args(["-ec", &script]).current_dir(dir.path()).output().unwrap();
    assert_accepted("ExecStartPre", &ran);
    let yaml: serde_yaml::Value =
        serde_yaml::from_str(&fs::read_to_string(dir.path().join("web.yml")).unwrap()).unwrap();
    assert_eq!(yaml["basic_auth_users"]["ops"], "$2y$10$abc");
    assert!(
        yaml["tls_server_config"]["cert_file"].as_str().unwrap().starts_with("/run/credentials/")
    );
}

fn targets() {
    let yaml: serde_yaml::Value =
        serde_yaml::from_str(&text(skincare(), "monitoring/prometheus.yml")).unwrap();
    let mut seen = 0;
    for job in yaml["scrape_configs"].as_sequence().unwrap() {
        for group in job["static_configs"].as_sequence().into_iter().flatten() {
            let target = group["targets"][0].as_str().unwrap();
            // What runs elsewhere keeps its name.
            if target.starts_with("prom-us:") {
                continue;
            }
            assert!(target.starts_with("127.0.0.1:"), "{target}");
            let instance = group["labels"]["instance"].as_str().unwrap();
            assert!(!instance.starts_with("127."), "{instance}");
            seen += 1;
        }
    }
    assert!(seen >= 7, "{seen}");
    assert_eq!(
        yaml["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"][0],
        "127.0.0.1:9093"
    );
}
