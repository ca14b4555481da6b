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
    ("a_reload_touches_only_what_changed", Needs::Nothing, reload_in_parts),
    ("a_broken_include_is_said_once_and_mended", Needs::Nothing, broken_include),
    ("a_stack_runs_once_and_a_leftover_socket_is_replaced", Needs::Nothing, runs_once),
    ("a_stop_leaves_no_process_and_no_socket", Needs::Nothing, clean_stop),
    ("a_detached_stack_that_cannot_start_says_why", Needs::Nothing, detached_failure),
    ("a_part_that_fails_is_shown_and_the_others_run", Needs::Nothing, failing_part),
    ("only_what_was_asked_for_runs_and_the_offset_moves_it", Needs::Nothing, only_with_offset),
    ("sigkill_leaves_no_child_behind", Needs::Nothing, sigkill_and_children),
    ("a_detached_start_with_a_failed_part_says_so", Needs::Nothing, detached_failed_part),
    ("a_reload_that_cannot_be_carried_out_changes_nothing", Needs::Nothing, refused_reload),
    ("shards_run_as_one_server", Needs::Nothing, shards_as_one),
    ("services_show_where_they_answer", Needs::Nothing, addresses),
    ("mysql_is_watched_through_the_native_store", Needs::Program("mariadbd"), mysql),
];

/// Longest time that anything may take here; far above what is expected.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with a manifest of its own and, once started, a stack that runs from it.
pub struct Stack {
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl Stack {
    pub fn new(manifest: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("stack.kdl"), manifest).expect("the folder is writable");
        Self { folder, child: None }
    }

    pub fn path(&self, name: &str) -> PathBuf {
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

    pub fn start(&mut self, arguments: &[&str]) {
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
    pub fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
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
pub fn query(port: u16, expr: &str) -> Option<Vec<(serde_json::Value, f64)>> {
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

/// The row of a part in `ps --json`.
fn row(stack: &Stack, name: &str) -> Option<serde_json::Value> {
    let (_, json, _) = stack.run(&["ps", "--json"]);
    let stacks: serde_json::Value = serde_json::from_str(&json).ok()?;
    stacks[0]["parts"].as_array()?.iter().find(|part| part["name"] == name).cloned()
}

fn signal(pid: u32, name: &str) {
    let kill = format!("kill -{name} {pid}");
    let sent = std::process::Command::new("sh").args(["-c", &kill]).status().expect("a shell");
    assert!(sent.success());
}

fn reload_in_parts() {
    let (prometheus, node) = ports();
    let moved = support::free_port();
    let worker =
        "service \"worker\" { native { run \"sh\" \"-c\" \"echo pid=$$; exec sleep 600\" } }";
    let other = "service \"other\" { native { run \"sleep\" \"600\" } }";
    let mut stack = Stack::new(&small(prometheus, node, &format!("{worker}\n{other}")));
    stack.start(&[]);
    let said = |stack: &Stack| stack.run(&["logs", "worker"]).1;
    stack.wait("the worker runs", || said(&stack).contains("pid=").then_some(()));
    let before = said(&stack);

    // SIGHUP: one part moves, one goes, one comes.
    let added = "service \"added\" { native { run \"sleep\" \"600\" } }";
    std::fs::write(
        stack.path("stack.kdl"),
        small(prometheus, moved, &format!("{worker}\n{added}")),
    )
    .unwrap();
    signal(stack.child.as_ref().expect("it runs").id(), "HUP");
    stack.wait("the exporter moves", || get(moved, "/metrics"));
    stack.wait("the row goes away", || row(&stack, "other").is_none().then_some(()));
    assert!(get(node, "/metrics").is_none());
    assert_eq!(stack.wait("it comes", || row(&stack, "added"))["state"], "ready");
    assert_eq!(row(&stack, "worker").expect("it stays")["restarts"], 0);
    assert_eq!(said(&stack), before, "the worker was started once");
    let expr = format!("up{{instance=\"node-exporter:{moved}\"}} == 1");
    stack.wait("the target follows", || query(prometheus, &expr).filter(|s| !s.is_empty()));
}

fn broken_include() {
    let (prometheus, node) = ports();
    let before = small(prometheus, node, "include \"more.kdl\"");
    let mut stack = Stack::new(&before);
    let good = "rules \"r\" { record \"small:one\" { expr \"vector(1)\" } }";
    std::fs::write(stack.path("more.kdl"), good).unwrap();
    stack.start(&["--data-dir", "data"]);
    stack.wait("it evaluates", || query(prometheus, "small:one").filter(|s| !s.is_empty()));
    let rendered = |stack: &Stack| {
        std::fs::read_to_string(stack.path("data/rendered/monitoring/prometheus.yml")).unwrap()
    };
    let files = rendered(&stack);

    std::fs::write(stack.path("more.kdl"), format!("{good}\nrules \"r\" {{")).unwrap();
    let complaints = |stack: &Stack| stack.log().matches("stays as it is").count();
    stack.wait("the broken include is noticed", || (complaints(&stack) == 1).then_some(()));
    std::thread::sleep(Duration::from_millis(2_200));
    assert_eq!(complaints(&stack), 1, "said once per change:\n{}", stack.log());
    assert_eq!(rendered(&stack), files);

    let other = good.replace("small:one", "small:two");
    std::fs::write(stack.path("more.kdl"), other).unwrap();
    stack.wait("the mended include is noticed", || {
        query(prometheus, "small:two").filter(|series| !series.is_empty())
    });
}

fn runs_once() {
    let (prometheus, node) = ports();
    let mut stack = Stack::new(&small(prometheus, node, ""));
    stack.start(&[]);
    stack.wait("it answers", || get(prometheus, "/-/ready"));
    let (code, _, said) = stack.run(&["up", "stack.kdl"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("running already"), "{said}");
    assert!(row(&stack, "prometheus").is_some());
    let (code, value, said) = stack.run(&["query", "vector(42)"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(value.contains("42"), "{value}");
    assert_eq!(stack.run(&["query", "sum("]).0, Some(1));
    assert_eq!(stack.run(&["logs", "nobody"]).0, Some(1));

    stack.kill();
    assert!(sockets(&stack) > 0, "SIGKILL leaves the socket");
    assert_eq!(stack.run(&["ps"]).0, Some(1));
    stack.start(&[]);
    stack.wait("it answers again", || row(&stack, "prometheus"));
}

fn sockets(stack: &Stack) -> usize {
    let entries = std::fs::read_dir(stack.path("run/stackctl")).expect("the folder is there");
    entries.flatten().filter(|entry| entry.path().extension().is_some_and(|e| e == "sock")).count()
}

fn clean_stop() {
    let (prometheus, node) = ports();
    // Grandchildren too: the shell ends at SIGTERM, what it started would go on.
    let worker =
        "service \"worker\" { native { run \"sh\" \"-c\" \"sleep 600 & echo pid=$!; wait\" } }";
    let mut stack = Stack::new(&small(prometheus, node, worker));
    stack.start(&[]);
    let pid = stack.wait("the worker runs", || {
        let (_, lines, _) = stack.run(&["logs", "worker"]);
        Some(lines.split_once("pid=")?.1.trim().to_owned())
    });
    let mut child = stack.child.take().expect("it runs");
    signal(child.id(), "INT");
    let status = child.wait().expect("it can be waited for");
    assert_eq!(status.code(), Some(0), "{}", stack.log());
    assert_eq!(sockets(&stack), 0);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    assert!(stat.map_or(true, |stat| stat.contains(") Z ")), "process {pid} still runs");
}

fn detached_failure() {
    let (prometheus, node) = ports();
    let holder = std::net::TcpListener::bind(("127.0.0.1", node)).expect("it was free");
    let stack = Stack::new(&small(prometheus, node, ""));
    let (code, _, said) = stack.run(&["up", "stack.kdl", "-d"]);
    assert_eq!(code, Some(2));
    assert!(said.contains(&format!("node-exporter needs 127.0.0.1:{node}")), "{said}");
    drop(holder);
    // Flags in one word: the child must not detach in turn.
    let (code, table, said) = stack.run(&["up", "stack.kdl", "-qd"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(table.contains("ready"), "{table}");
    assert_eq!(stack.run(&["down"]).0, Some(0));
    assert!(get(prometheus, "/-/healthy").is_none());
}

fn failing_part() {
    let (prometheus, node) = ports();
    let mut stack = Stack::new(&small(prometheus, node, ""));
    // A file where the store wants a folder.
    std::fs::create_dir_all(stack.path("data/data")).unwrap();
    std::fs::write(stack.path("data/data/prometheus"), "").unwrap();
    stack.start(&["--data-dir", "data"]);
    let failed = stack
        .wait("it is shown", || row(&stack, "prometheus").filter(|part| part["state"] == "failed"));
    assert!(failed["reason"].as_str().is_some_and(|why| why.contains("opening")), "{failed}");
    assert!(get(node, "/metrics").is_some());
    std::fs::remove_file(stack.path("data/data/prometheus")).unwrap();
    let ready = stack.wait("it is tried again", || {
        row(&stack, "prometheus").filter(|part| part["state"] == "ready")
    });
    assert!(ready["restarts"].as_u64() >= Some(1), "{ready}");
}

fn only_with_offset() {
    let (prometheus, node) = ports();
    // Down by one, so that the port that was free is the one that is used.
    let mut stack = Stack::new(&small(prometheus - 1, node - 1, ""));
    stack.start(&["--only", "prometheus", "--port-offset", "1"]);
    stack.wait("its own target is up under its own name", || {
        let up = query(prometheus, "up{job=\"prometheus\"} == 1")?.first()?.0.clone();
        (up["instance"] != format!("prometheus:{prometheus}")).then_some(())
    });
    assert!(get(node, "/metrics").is_none());
    let targets = get(prometheus, "/api/v1/targets").expect("an answer");
    assert!(targets.contains("leaves it out"), "{targets}");
    assert!(row(&stack, "node-exporter").is_none());
}

fn shards_as_one() {
    let (prometheus, node) = ports();
    let more = "rules \"r\" interval=\"1s\" evaluate=\"shards\" { record \"instance:up\" { expr \"up * 1\" } }";
    let manifest = small(prometheus, node, more)
        .replace("scrape_interval \"1s\"", "shards 3; scrape_interval \"1s\"");
    let mut stack = Stack::new(&manifest);
    stack.start(&[]);
    stack.wait("the one server has both targets, and what shards would record", || {
        let recorded = query(prometheus, "instance:up == 1")?;
        (recorded.len() == 2).then_some(())
    });
    let (code, out, err) =
        stack.run(&["capacity", "--measure", &format!("http://127.0.0.1:{prometheus}")]);
    assert_eq!(code, Some(0), "{err}");
    let row: Vec<&str> = out
        .lines()
        .skip_while(|line| !line.starts_with("MEASURED"))
        .find(|line| line.starts_with("node "))
        .expect("the job `node`")
        .split_whitespace()
        .collect();
    // One target, with hundreds of series; how many were expected stands beside them.
    assert_eq!(row[1], "1", "{out}");
    assert!(row[2].parse::<f64>().is_ok_and(|series| series > 100.0), "{out}");
    assert!(stack.log().contains("shards are for containers"), "{}", stack.log());
    assert!(self::row(&stack, "prometheus-0").is_none());
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

/// Whether a process runs; one that waits to be buried does not.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

fn sigkill_and_children() {
    let (prometheus, node) = ports();
    // A grandchild with a session of its own, which no signal to a group reaches.
    let script = "setsid sleep 600 & echo pids=$$ $!; wait";
    let worker = format!("service \"worker\" {{ native {{ run \"sh\" \"-c\" \"{script}\" }} }}");
    let mut stack = Stack::new(&small(prometheus, node, &worker));
    let started = |stack: &Stack, after: &[String]| {
        stack.wait("the worker runs", || {
            let (_, lines, _) = stack.run(&["logs", "worker"]);
            let pids = lines.lines().rev().find_map(|line| line.split_once("pids="))?.1;
            let pids: Vec<String> = pids.split_whitespace().map(str::to_owned).collect();
            (pids.len() == 2 && pids != after).then_some(pids)
        })
    };
    stack.start(&[]);
    let first = started(&stack, &[]);
    stack.kill();
    stack.wait("all of it ends", || first.iter().all(|pid| !runs(pid)).then_some(()));

    // The same while the guard is gone as well: the next run ends them.
    stack.start(&[]);
    let second = started(&stack, &first);
    let parent = stack.child.as_ref().expect("it runs").id();
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let guard = procfs::process::all_processes()
        .expect("/proc is there")
        .flatten()
        .find(|process| {
            process.stat().is_ok_and(|stat| stat.ppid == parent as i32)
                && process.cmdline().is_ok_and(|line| line.iter().any(|word| word == "guard"))
        })
        .unwrap_or_else(|| panic!("no guard among {children:?}"));
    signal(guard.pid as u32, "KILL");
    stack.kill();
    std::thread::sleep(Duration::from_millis(300));
    assert!(second.iter().all(|pid| runs(pid)), "nobody was there to end them");
    stack.start(&[]);
    let third = started(&stack, &second);
    assert!(second.iter().all(|pid| !runs(pid)), "the next run has ended them");
    assert!(stack.log().contains("an earlier run left behind"), "{}", stack.log());
    assert!(third.iter().all(|pid| runs(pid)));
}

fn detached_failed_part() {
    let (prometheus, node) = ports();
    let worker = "service \"worker\" { native { run \"sh\" \"-c\" \"exit 3\" } }";
    let stack = Stack::new(&small(prometheus, node, worker));
    std::fs::create_dir_all(stack.path("data/data")).unwrap();
    std::fs::write(stack.path("data/data/prometheus"), "").unwrap();
    let began = Instant::now();
    let (code, table, said) = stack.run(&["up", "stack.kdl", "-d", "--data-dir", "data"]);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("prometheus does not start: opening"), "{said}");
    assert!(table.contains("failed"), "{table}");
    assert!(get(node, "/metrics").is_some(), "the others run");
    assert_eq!(stack.run(&["down"]).0, Some(0));
}

fn refused_reload() {
    let (prometheus, node) = ports();
    let night = "profile \"night\" { prometheus { external_labels shift=\"night\" } }";
    let mut stack = Stack::new(&small(prometheus, node, night));
    stack.start(&["--data-dir", "data", "--profile", "night"]);
    stack.wait("it answers", || get(prometheus, "/-/ready"));
    // A refusal is explained from what was rendered: with which profile, and where it lies, is told.
    let index = std::fs::read_to_string(stack.path("data/rendered/.stackctl/outputs.json"));
    assert!(index.unwrap().contains(r#""profile": "night""#));
    let (_, answer, _) = stack.run(&["ps", "--json"]);
    assert!(answer.contains("data/rendered"), "{answer}");
    let rendered = |stack: &Stack| {
        std::fs::read_to_string(stack.path("data/rendered/monitoring/prometheus.yml")).unwrap()
    };
    let before = rendered(&stack);
    // Well written, and yet not to be had: somebody else listens there.
    let holder = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("the loopback has ports");
    let taken = holder.local_addr().expect("it is bound").port();
    let next = format!("rules \"r\" {{ record \"small:two\" {{ expr \"vector(2)\" }} }}\n{night}");
    let next = small(prometheus, taken, &next);
    std::fs::write(stack.path("next.kdl"), &next).unwrap();
    assert_eq!(stack.run(&["validate", "next.kdl"]).0, Some(0));
    std::fs::write(stack.path("stack.kdl"), next).unwrap();
    let (code, _, said) = stack.run(&["reload"]);
    assert_ne!(code, Some(0), "{said}");
    assert!(said.contains(&format!("node-exporter needs 127.0.0.1:{taken}")), "{said}");
    assert_eq!(rendered(&stack), before);
    assert!(get(node, "/metrics").is_some() && get(prometheus, "/-/ready").is_some());
    assert_eq!(query(prometheus, "small:two"), Some(Vec::new()));
    drop(holder);
    let (code, _, said) = stack.run(&["reload"]);
    assert_eq!(code, Some(0), "{said}");
    stack.wait("it moves", || get(taken, "/metrics"));
}

fn addresses() {
    let (prometheus, node) = ports();
    let (one, two) = (support::free_port(), support::free_port());
    let services = format!(
        "service \"worker\" {{ port {one}; native {{ run \"sleep\" \"600\" }} }}\n\
         service \"db\" {{ port {two}; native external=\"127.0.0.1:{two}\" }}"
    );
    let mut stack = Stack::new(&small(prometheus, node, &services));
    stack.start(&[]);
    let url = |name: &str| stack.wait("the row is there", || row(&stack, name))["url"].clone();
    assert_eq!(url("worker"), format!("127.0.0.1:{one}"));
    assert_eq!(url("db"), format!("127.0.0.1:{two}"));
}
