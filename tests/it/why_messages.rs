//! What promtool, amtool and other programs say of rendered files, and the manifest's place for it.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use crate::support::{Needs, Test, find_program, stackctl};
use crate::why::{json, line_of, rendered};

pub const TESTS: &[Test] = &[
    ("promtools_complaints_find_their_place", Needs::Program("promtool"), promtool),
    ("amtools_complaints_find_their_place", Needs::Program("amtool"), amtool),
    ("complaints_of_other_programs_find_their_place", Needs::Nothing, other_programs),
    ("a_part_that_does_not_start_names_the_manifests_place", Needs::Nothing, own_errors),
    ("what_cannot_be_placed_is_passed_on", Needs::Nothing, passed_on),
];

/// What `why -` makes of a text: each message that it placed, with what it points at.
fn translated(dir: &Path, text: &str) -> Vec<(String, String, String)> {
    let mut child = stackctl()
        .args(["why", "-", "--format", "json"])
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    let answer = json(&child.wait_with_output().expect("it ends"));
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
