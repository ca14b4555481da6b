//! A whole stack: `up`, its parts, its control socket, reloads, kills and restarts.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::mariadb::MariaDb;
use crate::support::{self, Needs, Test, stackctl};

pub const TESTS: &[Test] = &[
    ("the_quickstart_is_green_and_survives_sigkill", Needs::Nothing, quickstart),
    ("a_taken_port_is_named_with_its_owner_before_anything_starts", Needs::Nothing, taken_port),
    ("a_broken_edit_keeps_the_stack_running", Needs::Nothing, broken_edit),
    ("a_native_service_is_supervised_and_its_output_kept", Needs::Nothing, native_service),
    ("simulated_metrics_are_scraped_and_marked", Needs::Nothing, simulated),
    ("a_missing_secret_file_stops_up_and_nothing_else", Needs::Nothing, missing_secret),
    ("mysql_is_watched_through_the_native_store", Needs::Program("mariadbd"), mysql),
];

/// Longest time that anything may take here; far above what is expected.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a manifest of its own and, once started, a stack that runs from it.
struct Stack {
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl Stack {
    fn new(manifest: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("stack.kdl"), manifest).expect("the folder is writable");
        Self { folder, child: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = stackctl();
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .stdin(Stdio::null());
        command
    }

    fn start(&mut self, arguments: &[&str]) {
        let log = std::fs::File::create(self.path("up.log")).expect("the folder is writable");
        let child = self
            .command(&["up", "stack.kdl"])
            .args(arguments)
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the binary runs");
        self.child = Some(child);
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("up.log")).unwrap_or_default()
    }

    /// Runs a command to its end: exit code, standard output, standard error.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = self.command(arguments).output().expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Waits until the check gives something.
    fn wait<T>(&self, what: &str, mut check: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = check() {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "{what} did not happen:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // A stop lets it end its children; SIGKILL would leave them behind.
        if self.child.is_some() {
            let _ = self.run(&["down"]);
        }
        self.kill();
    }
}

/// Body of a GET, if it is answered with 200.
fn get(port: u16, path: &str) -> Option<String> {
    support::get(port, path).filter(|(status, _)| *status == 200).map(|(_, body)| body)
}

/// Results of an instant query: labels and value of each series.
fn query(port: u16, expr: &str) -> Option<Vec<(serde_json::Value, f64)>> {
    let encoded: String = url::form_urlencoded::byte_serialize(expr.as_bytes()).collect();
    let body = get(port, &format!("/api/v1/query?query={encoded}"))?;
    // The answer may be chunked; the JSON is one line of it.
    let json = &body[body.find('{')?..=body.rfind('}')?];
    let answer: serde_json::Value = serde_json::from_str(json).ok()?;
    let result = answer["data"]["result"].as_array()?;
    let series = result.iter().map(|element| {
        let value = element["value"][1].as_str().unwrap_or_default().parse().unwrap_or(f64::NAN);
        (element["metric"].clone(), value)
    });
    Some(series.collect())
}

/// Two ports for the two listeners of [`small`].
fn ports() -> (u16, u16) {
    (support::free_port(), support::free_port())
}

/// Prometheus and a node exporter on ports of their own.
fn small(prometheus: u16, node: u16, more: &str) -> String {
    format!(
        "stack \"small\" manifest=1\nexporter \"node\" port={node}\n\
         prometheus port={prometheus} {{ scrape_interval \"1s\"; evaluation_interval \"1s\" }}\n{more}\n"
    )
}

fn quickstart() {
    let (prometheus, node) = ports();
    let text = std::fs::read_to_string(support::repository("examples/quickstart.kdl")).unwrap();
    let text = text
        .replace("prometheus port=9090", &format!("prometheus port={prometheus}"))
        .replace("exporter \"node\"", &format!("exporter \"node\" port={node}"))
        .replace("scrape_interval \"5s\"", "scrape_interval \"1s\"");
    let mut stack = Stack::new(&text);
    stack.start(&[]);
    let up = stack.wait("every target is up", || {
        let up = query(prometheus, "up")?;
        (up.len() == 2 && up.iter().all(|(_, value)| *value == 1.0)).then_some(up)
    });
    let instance = up.iter().find(|(labels, _)| labels["job"] == "node").expect("the job `node`");
    assert_eq!(instance.0["instance"], format!("node-exporter:{node}"));
    stack.wait("the rate of the CPU time has values", || {
        query(prometheus, "rate(node_cpu_seconds_total[1m])").filter(|series| !series.is_empty())
    });
    let (code, table, _) = stack.run(&["ps"]);
    assert_eq!(code, Some(0));
    assert!(table.contains("prometheus") && table.contains("ready"), "{table}");
    assert!(table.contains("does not run it yet"), "{table}");

    // What was answered before the kill is answered after it.
    let counted = "count_over_time(up{job=\"node\"}[10m])";
    let before = stack.wait("some samples are there", || {
        query(prometheus, counted)?.first().map(|(_, count)| *count).filter(|count| *count >= 3.0)
    });
    let fixed = query(prometheus, "up{job=\"node\"} @ start()").expect("an answer");
    assert_eq!(fixed.len(), 1);
    stack.kill();
    stack.start(&[]);
    let after = stack.wait("the samples are there again", || {
        query(prometheus, counted)?.first().map(|(_, count)| *count)
    });
    assert!(after >= before, "{after} samples after the kill, {before} before");

    let (code, _, said) = stack.run(&["down"]);
    assert_eq!(code, Some(0), "{said}");
    let status = stack.child.take().expect("it was started").wait().expect("it can be waited for");
    assert!(status.success(), "{status}: {}", stack.log());
    assert_eq!(stack.run(&["ps"]).0, Some(1));
}

fn taken_port() {
    let (prometheus, node) = ports();
    let _holder = std::net::TcpListener::bind(("127.0.0.1", node)).expect("it was free");
    let stack = Stack::new(&small(prometheus, node, ""));
    let (code, _, said) = stack.run(&["up", "stack.kdl"]);
    assert_eq!(code, Some(2));
    let pid = std::process::id();
    assert!(said.contains(&format!("node-exporter needs 127.0.0.1:{node}")), "{said}");
    assert!(said.contains(&format!("process {pid} ")), "{said}");
    assert!(said.contains("--port-offset"), "{said}");
    assert!(get(prometheus, "/-/healthy").is_none());
}

fn broken_edit() {
    let (prometheus, node) = ports();
    let mut stack = Stack::new(&small(prometheus, node, ""));
    stack.start(&[]);
    stack.wait("it answers", || {
        query(prometheus, "up{job=\"node\"} == 1").filter(|s| !s.is_empty())
    });

    std::fs::write(stack.path("stack.kdl"), small(prometheus, node, "grafanna port=3000")).unwrap();
    let (code, _, said) = stack.run(&["reload"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("validate"), "{said}");
    assert!(query(prometheus, "up").is_some());

    // A good edit is noticed without being told.
    let rules = "rules \"r\" { record \"small:up:count\" { expr \"count(up)\" } }";
    std::fs::write(stack.path("stack.kdl"), small(prometheus, node, rules)).unwrap();
    let recorded = stack.wait("the new rule is evaluated", || {
        query(prometheus, "small:up:count")?.first().map(|(_, value)| *value)
    });
    assert_eq!(recorded, 2.0);
}

fn native_service() {
    let (prometheus, node) = ports();
    let service = "service \"worker\" {\n  native { run \"sh\" \"-c\" \"echo at work: $MOOD; sleep 1; exit 3\" }\n  \
                   env MOOD=\"fine\"\n}";
    let mut stack = Stack::new(&small(prometheus, node, service));
    stack.start(&[]);
    stack.wait("the worker was started again", || {
        let (_, table, _) = stack.run(&["ps"]);
        table.lines().find(|line| line.contains("worker") && line.contains("restarted")).map(drop)
    });
    let (code, lines, _) = stack.run(&["logs", "worker"]);
    assert_eq!(code, Some(0));
    assert!(lines.contains("at work: fine"), "{lines}");
    assert!(lines.contains("exit status: 3"), "{lines}");
}

fn simulated() {
    let (prometheus, node) = ports();
    let port = support::free_port();
    let service = format!(
        "service \"shop\" {{\n  image \"shop:1\"\n  port {port}\n  \
         metrics {{ counter \"orders_total\" \"status\" }}\n}}"
    );
    let mut stack = Stack::new(&small(prometheus, node, &service));
    stack.start(&["--simulate", "shop"]);
    let orders = stack.wait("orders are counted", || {
        query(prometheus, "orders_total").filter(|series| !series.is_empty())
    });
    assert_eq!(orders[0].0["instance"], format!("shop:{port}"));
    let marked = query(prometheus, "stackctl_simulated").expect("an answer");
    assert_eq!(marked[0].0["service"], "shop");
}

fn missing_secret() {
    let (prometheus, node) = ports();
    let more = "secret \"db\" file=\"./secrets/db\"\nservice \"db\" { image \"mysql:8.4.6\"; port 3306 }\n\
                exporter \"mysql\" { target \"db\"; user \"exporter\"; password (secret)\"db\" }";
    let stack = Stack::new(&small(prometheus, node, more));
    let (code, _, said) = stack.run(&["validate", "stack.kdl"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, _, said) = stack.run(&["render", "stack.kdl", "-o", "out"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, _, said) = stack.run(&["up", "stack.kdl"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("secrets/db"), "{said}");
    assert!(!Path::new(&stack.path("run")).join("stackctl").join("stack.sock").exists());
}

fn mysql() {
    let database = MariaDb::start();
    // Any character may be in a password.
    let password = "p#a\"s s'w\\ord;";
    database.create_exporter(password);
    let (prometheus, node) = ports();
    let exporter = support::free_port();
    let more = format!(
        "secret \"db\" file=\"./db-password\"\n\
         service \"db\" {{ image \"mysql:8.4.6\"; port 3306; native external=\"127.0.0.1:{}\" }}\n\
         exporter \"mysql\" port={exporter} {{ target \"db\"; user \"exporter\"; password (secret)\"db\" }}",
        database.port
    );
    let mut stack = Stack::new(&small(prometheus, node, &more));
    std::fs::write(stack.path("db-password"), password).unwrap();
    stack.start(&[]);
    stack.wait("mysql_up is 1", || {
        query(prometheus, "mysql_up == 1").filter(|series| !series.is_empty())
    });
    let count = query(prometheus, "count({__name__=~\"mysql_global_.*\"})").expect("an answer");
    assert!(count[0].1 > 300.0, "{count:?}");
    let (_, table, _) = stack.run(&["ps"]);
    let line =
        table.lines().find(|line| line.trim_start().starts_with("db ")).expect("the row of db");
    assert!(line.contains("external"), "{table}");
}
