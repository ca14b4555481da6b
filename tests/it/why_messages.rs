//! What promtool, amtool and other programs say of rendered files, and the manifest's place for it.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use crate::support::{Needs, Test, find_program, repository, stackctl};
use crate::why::{line_of, rendered};

pub const TESTS: &[Test] = &[
    ("promtools_complaints_find_their_place", Needs::Program("promtool"), promtool),
    ("amtools_complaints_find_their_place", Needs::Program("amtool"), amtool),
    ("what_is_said_without_a_line_finds_its_place", Needs::Nothing, without_lines),
    ("files_that_are_missed_lead_to_who_names_them", Needs::Nothing, missing_files),
    ("the_folder_is_known_by_the_path_in_a_message", Needs::Nothing, elsewhere),
    ("complaints_about_objects_and_units_find_their_place", Needs::Nothing, objects_and_units),
    ("complaints_of_other_programs_find_their_place", Needs::Nothing, other_programs),
    ("a_part_that_does_not_start_names_the_manifests_place", Needs::Nothing, own_errors),
    ("what_cannot_be_placed_is_passed_on", Needs::Nothing, passed_on),
];

/// What `why -` makes of a text: each message that it placed, with what it points at.
fn translated(dir: &Path, text: &str) -> Vec<(String, String, String)> {
    let (answer, error) = answers(dir, text, "json");
    let answer: Json =
        serde_json::from_str(&answer).unwrap_or_else(|err| panic!("{err}: {answer}{error}"));
    let text = |value: &Json| value.as_str().expect("a text").to_owned();
    let messages = answer.as_array().expect("a list").iter();
    messages
        .map(|said| {
            let place = &said["origin"]["place"];
            (text(&said["message"]), text(&said["origin"]["node"]), text(&place["text"]))
        })
        .collect()
}

/// Breaks a rendered file, lets its program say so, and looks at what that becomes.
fn complaint(
    dir: &Path,
    file: &str,
    from: &str,
    to: &str,
    program: &[&str],
) -> Vec<(String, String, String)> {
    let path = dir.join(file);
    let text = fs::read_to_string(&path).expect("it is there");
    assert!(text.contains(from), "{from} in {file}");
    fs::write(&path, text.replacen(from, to, 1)).expect("written");
    let ran = Command::new(find_program(program[0]).expect("the test asked for it"))
        .args(&program[1..])
        .current_dir(path.parent().expect("a folder"))
        .output()
        .expect("it runs");
    let said = [ran.stdout, ran.stderr].concat();
    let placed = translated(dir, &String::from_utf8_lossy(&said));
    fs::write(&path, text).expect("written");
    assert!(!placed.is_empty(), "not placed: {}", String::from_utf8_lossy(&said));
    placed
}

fn promtool() {
    let dir = rendered("examples/skincare.kdl", None);
    let rules = ["promtool", "check", "rules", "alerts.yml"];
    let config = ["promtool", "check", "config", "prometheus.yml"];
    let (alerts, prometheus) = ("monitoring/alerts.yml", "monitoring/prometheus.yml");
    for (file, program, from, to, node, text) in [
        (alerts, rules, "up == 0", "up == = 0", "alert \"TargetDown\"", "\"up == 0\""),
        (alerts, rules, "up == 0", "rate(up)", "alert \"TargetDown\"", "\"up == 0\""),
        (alerts, rules, "for: 2m", "for: 2x", "alert \"TargetDown\"", "\"2m\""),
        (
            alerts,
            rules,
            "severity: critical",
            "severity: [a]",
            "alert \"TargetDown\"",
            "\"critical\"",
        ),
        (
            alerts,
            rules,
            "severity: critical",
            "'sever ity': critical",
            "alert \"TargetDown\"",
            "TargetDown",
        ),
        (alerts, rules, "$labels.job }}", "$labels.job }", "alert \"TargetDown\"", "$labels.job"),
        (
            alerts,
            rules,
            "record: job:laravel_http_requests:rate5m",
            "record: a b",
            "record \"job:laravel_http_requests:rate5m\"",
            "\"job:laravel_http_requests:rate5m\"",
        ),
        (alerts, rules, "alert: TargetDown", "alertt: TargetDown", "alert \"TargetDown\"", ""),
        (prometheus, config, "job_name: node", "job_nam: node", "", ""),
        (
            prometheus,
            config,
            "job_name: node",
            "job_name: mysql",
            "exporter \"mysql\"",
            "\"mysql\"",
        ),
        (
            prometheus,
            config,
            "scrape_interval: 15s",
            "scrape_interval: 15x",
            "prometheus",
            "\"15s\"",
        ),
    ] {
        let placed = complaint(dir.path(), file, from, to, &program);
        let (message, found, said) = &placed[0];
        assert!(
            found.contains(node) && said.contains(text),
            "{from} -> {to}: {message}: {found} {said}"
        );
    }
    // With the expression as it is written, the very character.
    let message = "alerts.yml: 9:15: group \"skincare\", rule 2, \"TargetDown\": could not parse expression: 1:4: parse error: x";
    assert_eq!(translated(dir.path(), message)[0].2, "=");
}

fn amtool() {
    let dir = rendered("examples/skincare.kdl", None);
    let program = ["amtool", "check-config", "alertmanager.yml"];
    for (from, to, node, text) in [
        ("group_wait: 30s", "group_wait: 30x", "route \"ops\"", "\"30s\""),
        ("location: Asia/Jakarta", "location: Asia/Jakart", "mute \"backup\"", "Asia/Jakarta"),
        ("- sunday", "- sonday", "mute \"backup\"", "sunday"),
        ("channel:", "chanel:", "slack", ""),
        ("receiver: pager", "receiver: pagr", "when", "\"pager\""),
    ] {
        let placed = complaint(dir.path(), "monitoring/alertmanager.yml", from, to, &program);
        assert!(
            placed.iter().any(|(_, found, said)| found.contains(node) && said.contains(text)),
            "{from} -> {to}: {placed:#?}"
        );
    }
}

fn other_programs() {
    let dir = rendered("examples/skincare.kdl", None);
    let site = line_of(dir.path(), "Caddyfile", "skincare.localhost {");
    let port = line_of(dir.path(), "compose.yaml", "ports:");
    let caddy = format!(
        "Error: adapting config using caddyfile: /etc/caddy/Caddyfile:{site}: unrecognized directive: x"
    );
    let python = format!("  in \"./compose.yaml\", line {}, column 9", port + 1);
    for (said, node, text) in [
        (
            r#"prometheus-1  | time=2026-01-01T00:00:00Z level=ERROR source=manager.go:200 msg="loading groups failed" component="rule manager" err="/etc/prometheus/alerts.yml: 9:15: group \"skincare\", rule 2, \"TargetDown\": could not parse expression: 1:4: parse error: unexpected""#,
            "alert \"TargetDown\"",
            "=",
        ),
        (
            r#"ts=2026 level=error msg="Error loading config (--config.file=/etc/prometheus/prometheus.yml)" file=/etc/prometheus/prometheus.yml err="parsing YAML file /etc/prometheus/prometheus.yml: scrape timeout greater than scrape interval for scrape config with job name \"whatsapp\"""#,
            "",
            "\"whatsapp\"",
        ),
        (
            r#"ts=2026 level=warn component="rule manager" group=skincare name=WhatsAppLoggedOut msg="Evaluating rule failed" err="expanding series: context deadline exceeded""#,
            "alert \"WhatsAppLoggedOut\"",
            "",
        ),
        (
            r#"{"level":"ERROR","msg":"Notify for alerts failed","component":"dispatcher","err":"ops/slack[0]: notify retry canceled: channel not found"}"#,
            "slack",
            "slack",
        ),
        (caddy.as_str(), "site \"skincare.localhost\"", "\"skincare.localhost\""),
        (python.as_str(), "port", ""),
        (
            "services.whatsapp.ports contains an invalid type, it should be a number, or an object",
            "service \"whatsapp\"",
            "port",
        ),
        ("services.db Additional property restart is not allowed", "service \"db\"", ""),
        (
            r#"logger=provisioning.dashboard t=2026 level=error msg="failed to load dashboard from " file=/etc/grafana/dashboards/skincare.json error="invalid character at line 4""#,
            "dashboard \"Skincare\"",
            "\"Skincare\"",
        ),
    ] {
        let placed = translated(dir.path(), said);
        let Some((message, found, what)) = placed.first() else { panic!("not placed: {said}") };
        assert!(found.contains(node) && what.contains(text), "{message}: {found} {what}");
    }
}

/// What the programs say of a broken file, word by word as they print it; they say no line.
fn without_lines() {
    let dir = rendered("examples/skincare.kdl", None);
    let config = "Checking monitoring/prometheus.yml\n  FAILED: parsing YAML file monitoring/prometheus.yml: ";
    let routes = "Checking 'monitoring/alertmanager.yml'  FAILED: ";
    let (prometheus, alertmanager) = ("monitoring/prometheus.yml", "monitoring/alertmanager.yml");
    for (file, from, to, said, node, text) in [
        (prometheus, "job_name: mysql", "job_name: ''", [config, "job_name is empty"], "mysql", ""),
        (
            prometheus,
            "scrape_interval: 15s",
            "scrape_interval: 5s\n  scrape_timeout: 10s",
            [config, "global scrape timeout greater than scrape interval"],
            "prometheus",
            "",
        ),
        (
            prometheus,
            "alerts.yml",
            "aler[ts.yml",
            ["Checking monitoring/prometheus.yml\n", "  FAILED: syntax error in pattern"],
            "rules",
            "",
        ),
        (
            alertmanager,
            "severity=\"critical\"",
            "severity=\"cri\"tical\"",
            [routes, "matcher value contains unescaped double quote: \"cri\"tical\""],
            "route \"ops\"",
            "",
        ),
        (
            alertmanager,
            "repeat_interval: 4h",
            "repeat_interval: 0s",
            [routes, "repeat_interval cannot be zero"],
            "route \"ops\"",
            "\"4h\"",
        ),
        (
            alertmanager,
            "http://whatsapp:5555/alerts",
            "''",
            [routes, "unsupported scheme \"\" for URL"],
            "webhook",
            "http://whatsapp:5555/alerts",
        ),
        (
            alertmanager,
            "- alertname",
            "- '...'",
            [
                routes,
                "cannot have wildcard group_by (`...`) and other other labels at the same time",
            ],
            "route \"ops\"",
            "",
        ),
        (
            alertmanager,
            "receiver: ops",
            "receiver: ''",
            [routes, "root route must specify a default receiver"],
            "route \"ops\"",
            "",
        ),
        (
            alertmanager,
            "api_url_file",
            "send_resolved: true # api_url_file",
            [routes, "no global Slack API URL set either inline or in a file"],
            "receiver \"ops\"",
            "",
        ),
    ] {
        let path = dir.path().join(file);
        let whole = fs::read_to_string(&path).expect("it is there");
        assert!(whole.contains(from), "{from} in {file}");
        fs::write(&path, whole.replacen(from, to, 1)).expect("written");
        let said = said.concat();
        let placed = translated(dir.path(), &said);
        fs::write(&path, whole).expect("written");
        let Some((message, found, what)) = placed.first() else { panic!("not placed: {said}") };
        assert!(found.contains(node) && what.contains(text), "{message}: {found} {what}");
    }
    // Of a file that is in order again at least its part is named.
    let placed = translated(dir.path(), &format!("{routes}something new is wrong"));
    assert_eq!(placed[0].1, "alertmanager");
}

/// All of an answer of `why -`, from a folder of one's choice.
fn answers(from: &Path, text: &str, form: &str) -> (String, String) {
    let mut child = stackctl()
        .args(["why", "-", "--format", form])
        .current_dir(from)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    let ran = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&ran.stdout), text(&ran.stderr))
}

fn missing_files() {
    let dir = rendered("examples/skincare.kdl", None);
    fs::remove_file(dir.path().join("monitoring/alerts.yml")).expect("it was there");
    let said = "Checking monitoring/prometheus.yml\n  FAILED: \"monitoring/alerts.yml\" does not point to an existing file\n";
    let placed = translated(dir.path(), said);
    assert_eq!(placed[0].1, "rules \"skincare\"", "{placed:?}");
    fs::remove_file(dir.path().join("monitoring/alertmanager.yml")).expect("it was there");
    let (text, _) = answers(
        dir.path(),
        "Checking 'monitoring/alertmanager.yml'  FAILED: open monitoring/alertmanager.yml: no such file or directory\n",
        "text",
    );
    assert!(text.contains("is not on disk: `stackctl render` writes it"), "{text}");
}

/// A manifest of another name in another folder; the message tells where.
fn elsewhere() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("conf")).expect("made");
    fs::create_dir(dir.path().join("other")).expect("made");
    fs::write(
        dir.path().join("conf/shop.kdl"),
        "stack \"shop\" manifest=1\nprometheus { scrape_interval \"15s\" }\nexporter \"node\"\n",
    )
    .expect("written");
    let arguments = ["render", "conf/shop.kdl", "-o", "out"];
    let ran = stackctl().args(arguments).current_dir(dir.path()).output().expect("it runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let line = line_of(dir.path(), "out/monitoring/prometheus.yml", "scrape_interval");
    let file = dir.path().join("out/monitoring/prometheus.yml");
    for (from, path) in [
        ("other", file.display().to_string()),
        (".", "out/monitoring/prometheus.yml".to_owned()),
        ("other", "../out/monitoring/prometheus.yml".to_owned()),
    ] {
        let said = format!("{path}:{line}: not a valid duration string");
        let placed = translated(&dir.path().join(from), &said);
        assert_eq!(placed[0].2, "\"15s\"", "{from} {path}: {placed:?}");
    }
    // Who edits what is rendered is told so.
    let text = fs::read_to_string(&file).expect("it is there");
    fs::write(&file, text.replacen("15s", "15", 1)).expect("written");
    let said = format!("{}:{line}: not a valid duration string: \"15\"\n", file.display());
    let (text, error) = answers(&dir.path().join("other"), &said, "text");
    assert!(text.contains("changed by hand") && text.contains("shop.kdl:2:"), "{text}{error}");
    let (text, _) = answers(&dir.path().join("other"), &said, "json");
    let answer: Json = serde_json::from_str(&text).expect("JSON");
    assert_eq!(answer[0]["as_rendered"], false, "{answer}");
}

fn target(manifest: &str, target: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = stackctl();
    command.arg("render").arg(repository(manifest)).arg("--target").arg(target);
    let ran = command.arg("-o").arg(dir.path()).output().expect("it runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    dir
}

fn objects_and_units() {
    let dir = target("examples/skincare.kdl", "kubernetes");
    let check = |dir: &Path, said: &str, node: &str| {
        let placed = translated(dir, said);
        let Some((message, found, _)) = placed.first() else { panic!("not placed: {said}") };
        assert!(found.contains(node), "{message}: {found}");
    };
    let line = line_of(dir.path(), "kubernetes/db.yaml", "image: mysql");
    for (said, node) in [
        (
            format!(
                "error: error parsing {}/kubernetes/db.yaml: error converting YAML to JSON: yaml: line {line}: found character that cannot start any token",
                dir.path().display()
            ),
            "service \"db\"",
        ),
        (
            r#"E1123 03:08:35.763494    7038 run.go:72] "command failed" err="accumulating resources: accumulation err='accumulating resources from 'kubernetes/db.yaml': missing kind in object {{apps/v1 } {{db } map[] map[]}}'""#.to_owned(),
            "service \"db\"",
        ),
        (
            r#"E1123 03:08:34.828692    6927 run.go:72] "command failed" err="accumulating resources: accumulation err='accumulating resources from 'kubernetes/db.yaml': lstat kubernetes/db.yaml: no such file or directory'""#.to_owned(),
            "service \"db\"",
        ),
        (
            r#"E1123 03:08:36.423829    7150 run.go:72] "command failed" err="loading KV pairs: file sources: [monitoring/prometheus.yml monitoring/alerts.yml]: lstat monitoring/alerts.yml: no such file or directory""#.to_owned(),
            "rules \"skincare\"",
        ),
    ] {
        check(dir.path(), &said, node);
    }
    let dir = target("examples/skincare.kdl", "systemd");
    let unit = "systemd/stackctl-skincare-app.service";
    let line = line_of(dir.path(), unit, "Restart=");
    let said = format!(
        "{}/{unit}:{line}: Unknown key 'Restarts' in section [Service], ignoring.",
        dir.path().display()
    );
    check(dir.path(), &said, "service \"app\"");
    let said = "stackctl-skincare-app.service: Command php-fpm is not executable: No such file or directory";
    check(dir.path(), said, "service \"app\"");
}

fn own_errors() {
    let dir = rendered("examples/skincare.kdl", None);
    let path = dir.path().join("monitoring/prometheus.yml");
    let text = fs::read_to_string(&path).expect("it is there");
    fs::write(&path, text.replacen("job_name: node", "job_nam: node", 1)).expect("written");
    let ran = stackctl()
        .args(["run", "prometheus", "--config.file"])
        .arg(&path)
        .args(["--web.listen-address=127.0.0.1:0", "--storage.tsdb.path"])
        .arg(dir.path().join("data"))
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(!ran.status.success() && said.contains("unknown field \"job_nam\""), "{said}");
    assert!(said.contains("exporter \"node\""), "{said}");
}

fn passed_on() {
    let dir = rendered("examples/skincare.kdl", None);
    let text = "Checking prometheus.yml\n SUCCESS: prometheus.yml is valid prometheus config file syntax\n\n  \
                SUCCESS: 5 rules found\nsomething else happened\nlevel=info msg=\"job node line 3\"\n";
    let mut child = stackctl()
        .args(["why", "--stdin"])
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    let ran = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), text);
    assert!(ran.status.success());
}
