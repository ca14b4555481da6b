//! The exporters against the reference programs' recorded output and against real servers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stackctl::catalogue::{Families, write_text};
use stackctl::exporters::node;

use crate::support::{Needs, Test, shared};

pub const TESTS: &[Test] = &[
    (
        "node_samples_equal_the_recorded_ones",
        Needs::Shared("conformance/node_exporter"),
        node_samples_equal_the_recorded_ones,
    ),
    (
        "text_files_are_merged_as_recorded",
        Needs::Shared("conformance/node_exporter"),
        text_files_are_merged_as_recorded,
    ),
    ("node_exporter_answers_over_http", Needs::Nothing, node_exporter_answers_over_http),
    ("a_hanging_file_costs_one_collector", Needs::Nothing, a_hanging_file_costs_one_collector),
    ("scrapes_in_parallel_leak_nothing", Needs::Nothing, scrapes_in_parallel_leak_nothing),
    (
        "node_metrics_equal_those_of_the_installed_reference",
        Needs::Program("prometheus-node-exporter"),
        node_metrics_equal_those_of_the_installed_reference,
    ),
    ("promtool_finds_nothing_in_our_own_metrics", Needs::Program("promtool"), promtool_is_content),
];

/// A server on the loopback with its own runtime; it ends with the test.
pub struct Server {
    pub address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    pub fn start(router: axum::Router) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = stackctl::exporters::http::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { address, _runtime: runtime }
    }

    /// Status, headers and body of a GET.
    pub fn get(&self, path: &str, headers: &str) -> (u16, String, Vec<u8>) {
        get(self.address, path, headers)
    }
}

pub fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let at = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..at]).into_owned();
    let body = answer.split_off(at + 4);
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (status, head, body)
}

pub fn text_of(families: &Families) -> String {
    let mut text = String::new();
    write_text(families, &mut text);
    text
}

/// Families of an exposition: name to type and samples.
#[derive(Debug, Default, PartialEq)]
pub struct Exposition {
    pub types: BTreeMap<String, String>,
    /// Family to samples as `name{labels}` with labels sorted, and the value.
    pub samples: BTreeMap<String, BTreeMap<String, String>>,
}

pub fn read_exposition(text: &str) -> Exposition {
    let mut all = Exposition::default();
    let mut family = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            all.types.insert(name.to_owned(), kind.to_owned());
            name.clone_into(&mut family);
        } else if !line.starts_with('#') && !line.is_empty() {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let samples = all.samples.entry(family.clone()).or_default();
            samples.insert(sorted(series), value.to_owned());
        }
    }
    all
}

fn sorted(series: &str) -> String {
    let Some((name, labels)) = series.split_once('{') else { return series.to_owned() };
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    let labels = labels.strip_suffix('}').expect("a closing bracket");
    for (at, c) in labels.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&labels[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&labels[start..]);
    parts.sort_unstable();
    format!("{name}{{{}}}", parts.join(","))
}

/// Unpacks a ttar archive, a plain text form of a folder.
fn unpack(archive: &Path, into: &Path) {
    let bytes = std::fs::read(archive).expect("the archive is there");
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut path = PathBuf::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix(b"Path: ") {
            path = into.join(text(name));
        } else if let Some(name) = line.strip_prefix(b"Directory: ") {
            std::fs::create_dir_all(into.join(text(name))).expect("created");
        } else if let Some(target) = line.strip_prefix(b"SymlinkTo: ") {
            std::os::unix::fs::symlink(text(target), &path).expect("linked");
        } else if let Some(count) = line.strip_prefix(b"Lines: ") {
            let count: usize = text(count).parse().expect("a number");
            let mut body = Vec::new();
            for _ in 0..count {
                body.extend_from_slice(lines.next().expect("a line"));
                body.push(b'\n');
            }
            // A last line without its end is marked so.
            if body.ends_with(b"EOF\n") {
                body.truncate(body.len() - 4);
            }
            std::fs::write(&path, replace(&body, b"NULLBYTE", &[0])).expect("written");
        }
    }
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(from) {
            out.extend_from_slice(to);
            at += from.len();
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

/// What the recorded run left out, or what is not a collector of ours yet.
fn comparable(series: &str) -> bool {
    let left_out = ["node_exporter_build_info", "node_scrape_collector", "node_textfile_mtime"];
    !left_out.iter().any(|name| series.starts_with(name))
}

fn node_samples_equal_the_recorded_ones() {
    let folder = shared("conformance/node_exporter");
    let unpacked = tempfile::tempdir().expect("a temporary folder");
    unpack(&folder.join("sys.ttar"), unpacked.path());
    unpack(&folder.join("udev.ttar"), unpacked.path());
    let argument = |flag: &str, path: PathBuf| format!("--{flag}={}", path.display());
    let mut arguments = vec![
        argument("path.procfs", folder.join("proc")),
        argument("path.sysfs", unpacked.path().join("sys")),
        argument("path.rootfs", folder.clone()),
        argument("path.udev.data", unpacked.path().join("udev/data")),
        argument("collector.textfile.directory", folder.join("textfile/two_metric_files")),
    ];
    arguments.extend(
        [
            "--no-collector.selinux",
            "--no-collector.filesystem",
            "--no-collector.timex",
            "--no-collector.uname",
            "--no-collector.arp.netlink",
            "--collector.cpu.info",
            "--collector.cpu.info.flags-include=^(aes|avx.?|constant_tsc)$",
            "--collector.cpu.info.bugs-include=^(cpu_meltdown|spectre_.*|mds)$",
            "--collector.stat.softirq",
            "--collector.netclass.ignored-devices=(dmz|int)",
            "--collector.netclass.ignore-invalid-speed",
        ]
        .map(str::to_owned),
    );
    let config = node::Config::from_args(&arguments).expect("well-formed");
    let exporter = node::Exporter::new(&config).expect("well-formed");
    let ours = read_exposition(&text_of(&exporter.collect(None)));
    let text = std::fs::read_to_string(folder.join("e2e-output.txt")).expect("recorded");
    let recorded = read_exposition(&text);

    let success = |all: &Exposition| all.samples["node_scrape_collector_success"].clone();
    let theirs = success(&recorded);
    for (series, value) in success(&ours) {
        if let Some(expected) = theirs.get(&series) {
            assert_eq!(&value, expected, "{series}");
        }
    }

    // A recorded family belongs to us when one of the collectors that run declares it. Some families
    // are kept back from the recording, so ours may have more.
    let declared: Vec<_> = node::COLLECTORS
        .iter()
        .filter(|collector| config.collectors.contains(collector.name))
        .flat_map(|collector| collector.metrics)
        .collect();
    let foreign = ["node_memory_numa_", "node_cpu_vulnerabilities_info", "node_network_route"];
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (family, samples) in &recorded.samples {
        let ours_to_show = declared.iter().any(|metric| metric.covers(family));
        if !ours_to_show
            || foreign.iter().any(|name| family.starts_with(name))
            || !comparable(family)
        {
            continue;
        }
        // Which of the loopback's counters move is up to the machine.
        let moving =
            family.starts_with("node_network_") && samples.keys().any(|key| key.contains("\"lo\""));
        let kind = ours.types.get(family);
        if kind != recorded.types.get(family) {
            wrong.push(format!("{family}: type {kind:?}"));
            continue;
        }
        let mine = &ours.samples[family];
        for (series, value) in samples {
            compared += 1;
            match mine.get(series) {
                Some(got) if got == value || moving => {}
                got => wrong.push(format!("{series}: {got:?} instead of {value}")),
            }
        }
        for series in mine.keys().filter(|series| !samples.contains_key(*series) && !moving) {
            wrong.push(format!("{series}: not recorded"));
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 350, "only {compared} samples were compared");
}

fn text_files_are_merged_as_recorded() {
    let folder = shared("conformance/node_exporter/textfile");
    let cases: Vec<(String, &str)> = [
        "different_metric_types",
        "client_side_timestamp",
        "histogram",
        "histogram_extra_dimension",
        "inconsistent_metrics",
        "metrics_merge_different_help",
        "metrics_merge_empty_help",
        "metrics_merge_no_help",
        "metrics_merge_same_help",
        "no_metric_files",
        "nonexistent_path",
        "summary",
        "summary_extra_dimension",
        "two_metric_files",
    ]
    .map(|case| (case.to_owned(), case))
    .into_iter()
    .chain([("*_extra_dimension".to_owned(), "glob_extra_dimension")])
    .collect();
    for (directory, case) in cases {
        let flag = format!("--collector.textfile.directory={}/{directory}", folder.display());
        let arguments = ["--collector.disable-defaults", "--collector.textfile", &flag];
        let config = node::Config::from_args(&arguments.map(str::to_owned)).expect("well-formed");
        let exporter = node::Exporter::new(&config).expect("well-formed");
        let mut ours = read_exposition(&text_of(&exporter.collect(None)));
        let text = std::fs::read_to_string(folder.join(format!("{case}.out"))).expect("recorded");
        let mut recorded = read_exposition(&text);
        for all in [&mut ours, &mut recorded] {
            all.samples.retain(|family, _| comparable(family));
            all.types.retain(|family, _| comparable(family));
        }
        assert_eq!(ours, recorded, "{case}");
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/host").join(name)
}

fn node_exporter_answers_over_http() {
    let exporter = node::Exporter::new(&node::Config::default()).expect("the defaults are fine");
    let server = Server::start(exporter.router());
    let (status, head, body) = server.get("/metrics", "");
    assert_eq!(status, 200);
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    let page = String::from_utf8(body).expect("text");
    for name in ["node_cpu_seconds_total{", "node_scrape_collector_success{", "process_open_fds "] {
        assert!(page.contains(name), "{name} is missing");
    }
    let (_, head, body) = server.get("/metrics", "Accept-Encoding: gzip\r\n");
    assert!(head.to_ascii_lowercase().contains("content-encoding: gzip"), "{head}");
    let mut plain = String::new();
    flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut plain).expect("gzip");
    assert!(plain.contains("node_load1 "));
    let (status, _, body) = server.get("/metrics?collect[]=loadavg", "");
    let only = String::from_utf8(body).expect("text");
    assert!(status == 200 && only.contains("node_load1 ") && !only.contains("node_cpu_seconds"));
    let (_, _, body) = server.get("/metrics?exclude[]=loadavg", "");
    assert!(!String::from_utf8_lossy(&body).contains("node_load1 "));
    for bad in ["collect[]=cpu&exclude[]=arp", "collect[]=nonsense"] {
        assert_eq!(server.get(&format!("/metrics?{bad}"), "").0, 400, "{bad}");
    }
    let (status, _, body) = server.get("/", "");
    assert!(status == 200 && String::from_utf8_lossy(&body).contains("href=\"/metrics\""));
    assert_eq!(server.get("/elsewhere", "").0, 404);
}

/// Copies the small fixture tree and puts a FIFO, which nobody writes to, where the load average is.
fn a_hanging_file_costs_one_collector() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in ["stat", "loadavg", "meminfo"] {
        std::fs::copy(fixture("proc").join(file), folder.path().join(file)).expect("copied");
    }
    let fifo = folder.path().join("loadavg");
    std::fs::remove_file(&fifo).expect("removed");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs");
    assert!(made.success());
    let config = node::Config {
        procfs: folder.path().to_owned(),
        collectors: ["loadavg", "meminfo", "stat"].into_iter().collect(),
        deadline: Duration::from_millis(600),
        ..node::Config::default()
    };
    let exporter = node::Exporter::new(&config).expect("well-formed");
    let before = threads();
    for _ in 0..3 {
        let start = Instant::now();
        let text = text_of(&exporter.collect(None));
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        assert!(text.contains("node_memory_MemTotal_bytes "), "{text}");
        assert!(text.contains("node_intr_total "));
        assert!(text.contains("success{collector=\"loadavg\"} 0"), "{text}");
        assert!(text.contains("success{collector=\"stat\"} 1"));
    }
    let waiting = eventually(|| threads() <= before + 1);
    assert!(waiting, "one thread waits for the FIFO, not one for each scrape");
    // The writer that opens and goes lets the waiting thread end.
    drop(std::fs::OpenOptions::new().write(true).open(&fifo).expect("a reader waits"));
    assert!(eventually(|| threads() <= before), "{} threads, {before} before", threads());
}

/// Threads of the collectors in this process.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("procfs");
    tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
        .filter(|name| name.starts_with("node-collector") || name.starts_with("node-statfs"))
        .count()
}

pub fn eventually(condition: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

fn scrapes_in_parallel_leak_nothing() {
    let exporter = node::Exporter::new(&node::Config::default()).expect("the defaults are fine");
    let server = Server::start(exporter.router());
    let address = server.address;
    let clients: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(move || {
                (0..25).map(|_| get(address, "/metrics", "").0).collect::<Vec<_>>()
            })
        })
        .collect();
    for client in clients {
        assert!(client.join().expect("it ran").into_iter().all(|status| status == 200));
    }
    assert!(eventually(|| threads() == 0), "{} collector threads are left", threads());
    let page = String::from_utf8(server.get("/metrics", "").2).expect("text");
    assert!(page.contains("promhttp_metric_handler_requests_total{code=\"200\"} 200\n"));
    assert!(page.contains("promhttp_metric_handler_requests_in_flight 1\n"));
}

/// A child process that is ended with the test.
pub struct Child(pub std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The page of a reference exporter started on a free port.
pub fn reference_page(command: &mut std::process::Command, port: u16) -> (Child, String) {
    let null = std::process::Stdio::null;
    let child = command.stdin(null()).stdout(null()).stderr(null()).spawn().expect("it starts");
    let child = Child(child);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    assert!(eventually(|| TcpStream::connect(address).is_ok()), "it listens");
    let page = String::from_utf8(get(address, "/metrics", "").2).expect("text");
    (child, page)
}

/// Debian's node exporter is 1.5: what changed until 1.12 is named here, family by family.
fn node_metrics_equal_those_of_the_installed_reference() {
    let port = crate::support::free_port();
    let program = crate::support::find_program("prometheus-node-exporter").expect("installed");
    let mut command = std::process::Command::new(program);
    command.arg(format!("--web.listen-address=127.0.0.1:{port}")).args([
        "--collector.disable-defaults",
        // Defaults of 1.12 that differ in 1.5.
        "--collector.netdev.device-exclude=^$",
        "--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
        "--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$",
    ]);
    let newer = ["kernel_hung"];
    for collector in node::collector_names().filter(|name| !newer.contains(name)) {
        command.arg(format!("--collector.{collector}"));
    }
    let (_child, page) = reference_page(&mut command, port);
    let theirs = read_exposition(&page);
    let config = node::Config::from_args(&[
        "--collector.textfile.directory=/var/lib/prometheus/node-exporter".to_owned(),
    ])
    .expect("well-formed");
    let exporter = node::Exporter::new(&config).expect("well-formed");
    let ours = read_exposition(&text_of(&exporter.collect(None)));

    let own = |family: &str| {
        let not_host = ["go_", "process_", "promhttp_", "node_exporter_build_info"];
        !not_host.iter().any(|prefix| family.starts_with(prefix))
    };
    // Families that gained a label since: device_error, rotational, adminstate, cntlid.
    let relabelled = |family: &str| {
        family.starts_with("node_filesystem_")
            || ["node_disk_info", "node_network_info", "node_nvme_info"].contains(&family)
    };
    // Families that came after 1.5, or counters its filters did not have yet.
    let since = [
        "node_arp_states",
        "node_cpu_online",
        "node_cpu_isolated",
        "node_filesystem_mount_info",
        "node_kernel_hung_task_detect_count",
        "node_netstat_TcpExt_TCPOFOQueue",
        "node_netstat_TcpExt_TCPRcvQDrop",
        "node_os_support_end_timestamp_seconds",
        "node_pressure_irq_stalled_seconds_total",
        "node_softnet_backlog_len",
        "node_softnet_cpu_collision_total",
        "node_softnet_flow_limit_count_total",
        "node_softnet_received_rps_total",
        "node_timex_offset_overflow_total",
    ];
    let mut wrong = Vec::new();
    let names = |all: &Exposition| {
        all.types.keys().filter(|name| own(name)).cloned().collect::<BTreeSet<_>>()
    };
    let (mine, reference) = (names(&ours), names(&theirs));
    wrong.extend(reference.difference(&mine).map(|name| format!("{name}: missing")));
    wrong.extend(
        mine.difference(&reference)
            .filter(|name| {
                !since.contains(&name.as_str()) && !name.starts_with("node_nvme_namespace")
            })
            .map(|name| format!("{name}: too much")),
    );
    for name in mine.intersection(&reference) {
        if ours.types[name] != theirs.types[name] {
            wrong.push(format!("{name}: {} instead of {}", ours.types[name], theirs.types[name]));
        }
        if relabelled(name) {
            continue;
        }
        let series = |all: &Exposition| {
            let keys = all.samples[name].keys().filter(|key| !key.contains("\"kernel_hung\""));
            keys.cloned().collect::<BTreeSet<_>>()
        };
        wrong.extend(series(&ours).symmetric_difference(&series(&theirs)).cloned());
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// What promtool says of each of our metrics, it says of the reference's, too: names that are what they
/// are. Help texts are our own, so none may be missing.
fn promtool_is_content() {
    let exporter = node::Exporter::new(&node::Config::default()).expect("the defaults are fine");
    let page = text_of(&exporter.collect(None));
    let program = crate::support::find_program("promtool").expect("installed");
    let mut child = std::process::Command::new(program)
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("a pipe").write_all(page.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let unusual = |line: &str| {
        // Names of the reference that its own checker does not like.
        let known = ["node_netstat_", "node_memory_", "node_vmstat_", "node_sockstat_"];
        let names = [
            "node_kernel_hung_task_detect_count",
            "node_softnet_backlog_len",
            "node_filefd_maximum",
            "node_disk_ata_rotation_rate_rpm",
            "node_entropy_pool_size_bits",
            "node_entropy_available_bits",
            "node_cpu_frequency",
            "node_cpu_scaling_frequency",
        ];
        !known.iter().chain(&names).any(|name| line.contains(name))
    };
    let complaints: Vec<&str> =
        said.lines().filter(|line| line.starts_with("node_") && unusual(line)).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert!(!said.contains("error while linting"), "{said}");
}
