//! `stackctl run`: flags, foreign configurations, and alerts on their way to Alertmanagers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stackctl::runner::prometheus::Flags;

use crate::support::{self, Needs, Test, stackctl};

pub const TESTS: &[Test] = &[
    ("every_flag_of_the_installed_prometheus_is_taken", Needs::Program("prometheus"), all_flags),
    ("every_rendered_command_line_is_taken", Needs::Nothing, rendered_command_lines),
    ("flags_without_effect_are_named_in_the_log", Needs::Nothing, explained_flags),
    ("a_template_that_prometheus_takes_does_not_stop_the_server", Needs::Nothing, odd_template),
    ("alerts_are_posted_to_every_alertmanager_and_resolved", Needs::Nothing, alerts),
    ("the_real_alertmanager_takes_alerts", Needs::Program("prometheus-alertmanager"), alertmanager),
    ("pages_and_api_lie_under_the_route_prefix", Needs::Nothing, route_prefix),
    ("exporters_serve_on_sockets_that_are_handed_over", Needs::Nothing, handed_over),
    ("exporters_tell_their_version_and_log_in_json", Needs::Nothing, version_and_json),
];

/// Longest time that anything may take here; far above what is expected.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server in a folder of its own; stopped when it is dropped.
pub struct Server {
    pub folder: tempfile::TempDir,
    pub port: u16,
    pub child: Child,
}

impl Server {
    pub fn start(config: &str, rules: &str, flags: &[&str]) -> Self {
        Self::start_at(support::free_port(), config, rules, flags)
    }

    /// At a port that others may know already.
    pub fn start_at(port: u16, config: &str, rules: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("p.yml"), config).expect("the folder is writable");
        std::fs::write(folder.path().join("r.yml"), rules).expect("the folder is writable");
        let child = Self::spawn(&folder, port, flags);
        Self { folder, port, child }
    }

    fn spawn(folder: &tempfile::TempDir, port: u16, flags: &[&str]) -> Child {
        let log = std::fs::File::create(folder.path().join("log")).expect("the folder is writable");
        stackctl()
            .args(["run", "prometheus", "--config.file=p.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(flags)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the binary runs")
    }

    /// Kills it in the middle of what it does, and starts it in the same folder.
    pub fn kill_and_start(&mut self, flags: &[&str]) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        self.child = Self::spawn(&self.folder, self.port, flags);
        self.is_ready();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub fn wait<T>(&self, what: &str, mut check: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = check() {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "{what} did not happen:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn is_ready(&self) {
        self.wait("ready", || {
            support::get(self.port, "/-/ready").filter(|(status, _)| *status == 200)
        });
    }

    /// A metric of its own, by the beginning of its line.
    pub fn figure(&self, series: &str) -> Option<f64> {
        let (_, page) = support::get(self.port, "/metrics")?;
        let line = page.lines().find_map(|line| line.strip_prefix(series))?;
        line.trim().parse().ok()
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes requests, hands out their heads and JSON bodies, and answers with the status.
fn receiver(status: &'static str) -> (u16, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has ports");
    let port = listener.local_addr().expect("it is bound").port();
    let (give, take) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let give = give.clone();
            std::thread::spawn(move || {
                while let Some(request) = read_request(&stream) {
                    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                    if give.send(request).is_err()
                        || (&stream).write_all(answer.as_bytes()).is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    (port, take)
}

fn read_request(stream: &TcpStream) -> Option<(String, Value)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.trim().parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some((head, serde_json::from_slice(&body).ok()?))
}

fn all_flags() {
    let help = Command::new(support::find_program("prometheus").expect("it is needed"))
        .arg("--help-long")
        .output()
        .expect("it runs");
    let help = [help.stdout, help.stderr].concat();
    let help = String::from_utf8_lossy(&help);
    let mut tried = 0;
    for line in help.lines() {
        // Column 0 or more of blanks, perhaps `-h, `, then the flag; texts are further right.
        let Some(flag) = line.trim_start().strip_prefix("--") else { continue };
        if line.len() - line.trim_start().len() > 6 {
            continue;
        }
        let flag = flag.split_whitespace().next().unwrap_or_default();
        let name = flag.split('=').next().unwrap_or_default();
        // Answered by the program itself.
        if name == "version" {
            continue;
        }
        let value = match name {
            _ if !flag.contains('=') => String::new(),
            "web.listen-address" => "=127.0.0.1:1".to_owned(),
            "web.external-url" => "=http://localhost/".to_owned(),
            "storage.tsdb.retention.size" => "=1GB".to_owned(),
            name if name.contains("retention") => "=1d".to_owned(),
            _ => match flag.split_once('=') {
                Some((_, value)) if !value.is_empty() && !value.starts_with('<') => {
                    format!("={}", value.trim_matches('"'))
                }
                _ => "=x".to_owned(),
            },
        };
        let argument = format!("--{name}{value}");
        let read = Flags::from_args(std::slice::from_ref(&argument));
        assert!(read.is_ok(), "{argument}: {}", read.unwrap_err());
        tried += 1;
    }
    assert!(tried > 30, "{tried} flags in\n{help}");
}

fn rendered_command_lines() {
    let mut tried = 0;
    for folder in std::fs::read_dir(support::repository("golden")).expect("it is there").flatten() {
        let Ok(text) = std::fs::read_to_string(folder.path().join("out/compose.yaml")) else {
            continue;
        };
        let compose: serde_yaml::Value = serde_yaml::from_str(&text).expect("compose.yaml is YAML");
        let services = compose["services"].as_mapping().expect("a mapping");
        for service in services.values() {
            let image = service["image"].as_str().unwrap_or_default();
            let Some(command) =
                service["command"].as_sequence().filter(|_| image.contains("prom/prometheus"))
            else {
                continue;
            };
            let command: Vec<String> =
                command.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect();
            let read = Flags::from_args(&command);
            assert!(read.is_ok(), "{}: {}", folder.path().display(), read.unwrap_err());
            tried += 1;
        }
    }
    assert!(tried >= 5, "{tried} command lines");
}

fn explained_flags() {
    let flags = [
        "--web.enable-admin-api",
        "--web.enable-otlp-receiver",
        "--log.level=warn",
        "--log.format=json",
        "--config.auto-reload-interval=30s",
        "--enable-feature=native-histograms,auto-reload-config,nonsense",
        "--agent",
    ];
    let server = Server::start("", "", &flags);
    server.is_ready();
    let log = server.log();
    for said in [
        "--web.enable-admin-api has no effect",
        "--web.enable-otlp-receiver has no effect",
        "--log.format has no effect",
        "--config.auto-reload-interval has no effect",
        "--enable-feature=auto-reload-config has no effect",
        "--enable-feature=nonsense has no effect: no feature has this name",
        "--agent has no effect: there is no agent mode",
    ] {
        assert!(log.contains(said), "{said}:\n{log}");
    }
    assert!(!log.contains("native-histograms") && !log.contains(" INFO "), "{log}");
}

const RULE: &str = "groups:
- name: g
  interval: 1s
  rules:
  - alert: Always
    expr: vector(1) > 0 unless on () (vector(time()) > END)
    labels: {severity: page}
    annotations: {summary: 'is {{ $value }}', odd: '{{ .Nope }}'}
";

fn odd_template() {
    let rules = RULE.replace("END", "9e99");
    let server = Server::start("rule_files: [r.yml]\n", &rules, &[]);
    server.is_ready();
    assert!(server.log().contains("template of \"odd\" will fail"), "{}", server.log());
    let annotations = server.wait("the alert fires", || {
        let alerts = support::get_json(server.port, "/api/v1/alerts")?;
        alerts["data"]["alerts"].get(0).map(|alert| alert["annotations"].clone())
    });
    assert_eq!(annotations["summary"], "is 1");
    let odd = annotations["odd"].as_str().unwrap_or_default();
    assert!(odd.starts_with("<error expanding template: "), "{odd}");
    let (_, groups) = support::get(server.port, "/api/v1/rules").expect("an answer");
    assert!(groups.contains(r#""interval":1,"#), "{groups}");
    assert!(groups.contains(r#""duration":0,"keepFiringFor":0,"#), "{groups}");
}

fn alerts() {
    let (good, taken) = receiver("200 OK");
    let (bad, refused) = receiver("500 Internal Server Error");
    let config = format!(
        "global: {{external_labels: {{dc: eu1, replica: a}}}}
rule_files: [r.yml]
alerting:
  alert_relabel_configs: [{{action: labeldrop, regex: replica}}]
  alertmanagers:
  - path_prefix: /am/
    basic_auth: {{username: me, password: secret}}
    static_configs: [{{targets: ['127.0.0.1:{good}']}}]
    alert_relabel_configs: [{{target_label: group, replacement: first}}]
  - authorization: {{credentials: token}}
    static_configs: [{{targets: ['127.0.0.1:{bad}']}}]
"
    );
    let ends = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let rules = RULE.replace("END", &(ends.as_secs() + 6).to_string());
    let flags = ["--rules.alert.resend-delay=2s", "--web.external-url=http://me:9090/p/"];
    let server = Server::start(&config, &rules, &[&flags[..], &["--web.route-prefix=/"]].concat());
    let (head, alerts) = taken.recv_timeout(PATIENCE).expect("an alert arrives");
    assert!(head.starts_with("POST /am/api/v2/alerts HTTP/1.1\r\n"), "{head}");
    let head = head.to_ascii_lowercase();
    assert!(head.contains("content-type: application/json"), "{head}");
    assert!(head.contains("authorization: basic bwu6c2vjcmv0"), "{head}");
    let alert = &alerts[0];
    assert_eq!(
        alert["labels"],
        json!({"alertname": "Always", "dc": "eu1", "group": "first", "severity": "page"})
    );
    assert_eq!(alert["annotations"]["summary"], "is 1");
    let url = alert["generatorURL"].as_str().unwrap_or_default();
    assert!(url.starts_with("http://me:9090/p/graph?g0.expr=vector"), "{url}");
    let time = |name: &str| -> jiff::Timestamp { alert[name].as_str().unwrap().parse().unwrap() };
    let lasting = time("endsAt").duration_since(time("startsAt"));
    assert_eq!(lasting.as_secs(), 8, "four times the resend delay");

    let (head, alerts) = refused.recv_timeout(PATIENCE).expect("the other one is told as well");
    assert!(head.starts_with("POST /api/v2/alerts HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("authorization: bearer token"), "{head}");
    assert_eq!(alerts[0]["labels"].get("group"), None);

    let known = support::get_json(server.port, "/api/v1/alertmanagers").expect("an answer");
    assert_eq!(
        known["data"]["activeAlertmanagers"],
        json!([
            {"url": format!("http://127.0.0.1:{good}/am/api/v2/alerts")},
            {"url": format!("http://127.0.0.1:{bad}/api/v2/alerts")},
        ])
    );
    // Sent again, and at last as ended.
    let ended = |alert: &Value| {
        let end: jiff::Timestamp = alert["endsAt"].as_str().unwrap().parse().unwrap();
        end <= jiff::Timestamp::now()
    };
    let mut firing = 1;
    loop {
        let (_, alerts) = taken.recv_timeout(PATIENCE).expect("it is sent again");
        if ended(&alerts[0]) {
            break;
        }
        firing += 1;
    }
    assert!((2..=5).contains(&firing), "{firing} times in 6 seconds");
    let bad = format!(
        "prometheus_notifications_errors_total{{alertmanager=\"http://127.0.0.1:{bad}/api/v2/alerts\"}} "
    );
    server.wait("failures are counted", || server.figure(&bad).filter(|count| *count >= 2.0));
    assert_eq!(server.figure("prometheus_notifications_dropped_total "), Some(0.0));
    assert_eq!(server.figure("prometheus_notifications_alertmanagers_discovered "), Some(2.0));
    assert_eq!(server.figure("prometheus_notifications_queue_capacity "), Some(10_000.0));
    let log = server.log();
    assert_eq!(log.matches("alerts were not taken").count(), 1, "said once:\n{log}");

    // A configuration without them sends nothing more.
    std::fs::write(server.folder.path().join("p.yml"), "rule_files: [r.yml]\n").unwrap();
    server.signal("HUP");
    server.wait("nobody is left", || {
        let known = support::get_json(server.port, "/api/v1/alertmanagers")?;
        known["data"]["activeAlertmanagers"].as_array()?.is_empty().then_some(())
    });
}

fn alertmanager() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = support::find_program("prometheus-alertmanager").expect("it is needed");
    let port = support::free_port();
    let config = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
    std::fs::write(folder.path().join("am.yml"), config).unwrap();
    let mut child = Command::new(program)
        .args(["--config.file=am.yml", "--storage.path=data", "--cluster.listen-address="])
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let config = format!(
        "rule_files: [r.yml]\nalerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]}}\n"
    );
    let flags = ["--rules.alert.resend-delay=1s"];
    let server = Server::start(&config, &RULE.replace("END", "9e99"), &flags);
    let alert = server.wait("the alert is there", || {
        let alerts = support::get_json(port, "/api/v2/alerts")?;
        alerts.get(0).cloned()
    });
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(alert["labels"], json!({"alertname": "Always", "severity": "page"}));
    assert_eq!(alert["status"]["state"], "active");
}

fn route_prefix() {
    let server = Server::start("", "", &["--web.external-url=http://example.org/prom/"]);
    server.wait("ready", || {
        support::get(server.port, "/prom/-/ready").filter(|(status, _)| *status == 200)
    });
    assert_eq!(support::get(server.port, "/prom/api/v1/query?query=1").expect("an answer").0, 200);
    assert_eq!(support::get(server.port, "/-/ready").expect("an answer").0, 404);
}

/// As systemd does: the socket is descriptor 3, and two variables say so.
fn handed_over() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = socket.local_addr().expect("bound").port();
    let run = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" \"$@\"";
    let arguments = ["run", "node-exporter", "--web.systemd-socket", "--log.level=error"];
    let mut child = Command::new("sh")
        .args(["-c", run, env!("CARGO_BIN_EXE_stackctl")])
        .args(arguments)
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(socket)))
        .spawn()
        .expect("a shell");
    let answer = support::get(port, "/metrics");
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(answer.map(|(status, _)| status), Some(200));

    let refused = stackctl().args(arguments).output().expect("it ends by itself");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("no socket was handed over"), "{said}");
}

fn version_and_json() {
    for part in ["node-exporter", "mysqld-exporter"] {
        let output = stackctl().args(["run", part, "--version"]).output().expect("it ends");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains(env!("CARGO_PKG_VERSION")), "{text}");
    }
    let port = support::free_port();
    let mut child = stackctl()
        .args(["run", "node-exporter", "--log.format=json"])
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let ready = lines
        .map_while(Result::ok)
        .map(|line| serde_json::from_str::<Value>(&line).expect("JSON on each line"))
        .find(|event| event["message"] == "ready")
        .expect("it gets ready");
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(ready["address"], format!("127.0.0.1:{port}"));
}
