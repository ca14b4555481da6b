//! The node exporter against the reference program's recorded output and the installed reference.
//!
//! Of the recording there is one trial for each collector, so that a report says whose families differ.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use stackctl::exporters::{Start, node};

use crate::exporters::{Child, Server, eventually, get, reference_page};
use crate::exposition::{Exposition, read_exposition, text_of};
use crate::support::{Needs, Test, find_program, free_port, shared, stackctl, trial};
use crate::ttar::unpack;

const TESTS: &[Test] = &[
    (
        "the_recording_is_covered",
        Needs::Shared("conformance/node_exporter"),
        the_recording_is_covered,
    ),
    (
        "the_program_answers_as_recorded",
        Needs::Shared("conformance/node_exporter"),
        the_program_answers_as_recorded,
    ),
    (
        "text_files_are_merged_as_recorded",
        Needs::Shared("conformance/node_exporter"),
        text_files_are_merged_as_recorded,
    ),
    (
        "names_of_pci_devices_are_as_recorded",
        Needs::Shared("conformance/node_exporter"),
        names_of_pci_devices_are_as_recorded,
    ),
    (
        "flags_of_the_installed_reference_are_known",
        Needs::Program("prometheus-node-exporter"),
        flags_of_the_installed_reference_are_known,
    ),
    ("answers_over_http", Needs::Nothing, answers_over_http),
    ("a_hanging_file_costs_one_collector", Needs::Nothing, a_hanging_file_costs_one_collector),
    ("scrapes_in_parallel_leak_nothing", Needs::Nothing, scrapes_in_parallel_leak_nothing),
    ("its_own_metrics_can_be_left_out", Needs::Nothing, own_metrics),
    ("in_a_container_it_asks_for_the_root", Needs::Nothing, warns_in_a_container),
    ("many_scrapes_at_once_wait_once_for_a_fifo", Needs::Nothing, many_scrapes_at_once),
    (
        "metrics_equal_those_of_the_installed_reference",
        Needs::Program("prometheus-node-exporter"),
        metrics_equal_those_of_the_installed_reference,
    ),
    (
        "metrics_on_request_equal_those_of_the_installed_reference",
        Needs::Program("prometheus-node-exporter"),
        metrics_on_request_equal_those_of_the_installed_reference,
    ),
    (
        "settings_equal_those_of_the_installed_reference",
        Needs::Program("prometheus-node-exporter"),
        settings_equal_those_of_the_installed_reference,
    ),
    (
        "promtool_finds_no_more_than_in_the_reference",
        Needs::Programs(&["promtool", "prometheus-node-exporter"]),
        promtool_finds_no_more_than_in_the_reference,
    ),
    (
        "promtool_finds_no_more_than_in_the_recording",
        Needs::Shared("conformance/node_exporter"),
        promtool_finds_no_more_than_in_the_recording,
    ),
];

/// The tests above, and one trial for each collector that the recorded run had.
pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = TESTS.iter().map(|test| trial("node_exporter", *test)).collect();
    let needs = Needs::Shared("conformance/node_exporter");
    trials.extend(node::collector_names().filter(|name| !SWITCHED_OFF.contains(name)).map(
        |name| {
            let part = "node_exporter::recorded";
            trial(part, (name, needs, move || equals_the_recording(name)))
        },
    ));
    trials
}

/// Collectors that the recorded run switched off: what they show is the machine's own.
const SWITCHED_OFF: [&str; 4] = ["filesystem", "selinux", "timex", "uname"];

/// Settings of the recorded run, besides the paths.
const SETTINGS: &[&str] = &[
    "--collector.arp.device-exclude=nope",
    "--collector.bcache.priorityStats",
    "--collector.cpu.info",
    "--collector.cpu.info.bugs-include=^(cpu_meltdown|spectre_.*|mds)$",
    "--collector.cpu.info.flags-include=^(aes|avx.?|constant_tsc)$",
    "--collector.hwmon.chip-include=(applesmc|asus_nb_wmi|coretemp|hwmon4|ieee80211|nct6779)",
    "--collector.netclass.ignore-invalid-speed",
    "--collector.netclass.ignored-devices=(dmz|int)",
    "--collector.netdev.device-include=lo",
    "--collector.qdisc.device-include=(wlan0|eth0)",
    "--collector.stat.softirq",
    "--collector.sysctl.include-info=kernel.seccomp.actions_avail",
    "--collector.sysctl.include=fs.file-nr",
    "--collector.sysctl.include=fs.file-nr:total,current,max",
    "--collector.sysctl.include=kernel.threads-max",
    "--no-collector.arp.netlink",
];

/// The unpacked input trees and what both programs make of them.
struct Recording {
    exporter: node::Exporter,
    expected: Exposition,
    /// Family to the collector that shows it, from runs of each collector alone.
    owners: BTreeMap<String, &'static str>,
    unpacked: tempfile::TempDir,
}

fn recording() -> &'static Recording {
    static RECORDING: OnceLock<Recording> = OnceLock::new();
    RECORDING.get_or_init(|| {
        let folder = shared("conformance/node_exporter");
        let unpacked = tempfile::tempdir().expect("a temporary folder");
        unpack(&folder.join("sys.ttar"), unpacked.path());
        unpack(&folder.join("udev.ttar"), unpacked.path());
        let arguments = arguments(&folder, unpacked.path());
        let config = node::Config::from_args(&arguments).expect("well-formed");
        let exporter = node::Exporter::new(&config).expect("well-formed");
        let text = std::fs::read_to_string(folder.join("e2e-output.txt")).expect("recorded");
        // Some labels are paths.
        let sys = unpacked.path().join("sys").display().to_string();
        let mut expected = read_exposition(&text.replace("collector/fixtures/sys", &sys));
        expected.types.retain(|family, _| comparable(family));
        expected.samples.retain(|family, _| comparable(family));
        let mut owners = BTreeMap::new();
        for collector in exporter.enabled() {
            let only = [collector.to_owned()];
            for (family, _) in exporter.collect(Some(&only)).iter() {
                owners.entry(family.to_owned()).or_insert(collector);
            }
        }
        Recording { exporter, expected, owners, unpacked }
    })
}

fn arguments(folder: &Path, unpacked: &Path) -> Vec<String> {
    let path = |flag: &str, path: PathBuf| format!("--{flag}={}", path.display());
    let mut arguments = vec![
        path("path.procfs", folder.join("proc")),
        path("path.sysfs", unpacked.join("sys")),
        path("path.rootfs", folder.to_owned()),
        path("path.udev.data", unpacked.join("udev/data")),
        path("collector.textfile.directory", folder.join("textfile/two_metric_files")),
    ];
    arguments.extend(SETTINGS.iter().map(|&setting| setting.to_owned()));
    arguments.push(path("collector.qdisc.fixtures", folder.join("qdisc")));
    arguments.push(path("collector.wifi.fixtures", folder.join("wifi")));
    arguments.extend(node::collector_names().map(|name| {
        let no = if SWITCHED_OFF.contains(&name) { "no-" } else { "" };
        format!("--{no}collector.{name}")
    }));
    arguments
}

/// What the recorded run left out because it changes from run to run, and Go's own.
fn comparable(family: &str) -> bool {
    let left_out = [
        "go_",
        "process_",
        "promhttp_",
        "node_exporter_build_info",
        "node_scrape_collector",
        "node_textfile_mtime",
        "node_time_zone",
        "node_time_seconds",
        "node_network_receive_bytes_total",
        "node_network_receive_packets_total",
        "node_network_transmit_bytes_total",
        "node_network_transmit_packets_total",
    ];
    !left_out.iter().any(|name| family.starts_with(name))
}

/// Every family that this collector shows and that is recorded is the same, sample for sample.
fn equals_the_recording(collector: &str) {
    let recording = recording();
    let families = recording.exporter.collect(Some(&[collector.to_owned()]));
    let ours = read_exposition(&text_of(&families));
    let success = format!("node_scrape_collector_success{{collector=\"{collector}\"}}");
    let got = ours.samples["node_scrape_collector_success"][&success].as_str();
    // The recording leaves out collectors that were off.
    if is_recorded(collector) {
        assert_eq!(got, "1", "{collector} failed");
    }
    let mut wrong = Vec::new();
    for (family, samples) in &recording.expected.samples {
        let Some(mine) = ours.samples.get(family) else { continue };
        differences(family, &ours, samples, mine, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

fn differences(
    family: &str,
    ours: &Exposition,
    samples: &BTreeMap<String, String>,
    mine: &BTreeMap<String, String>,
    wrong: &mut Vec<String>,
) {
    let (kind, expected) = (ours.types.get(family), recording().expected.types.get(family));
    if kind != expected {
        wrong.push(format!("{family}: type {kind:?} instead of {expected:?}"));
    }
    for (series, value) in samples {
        match mine.get(series) {
            Some(got) if got == value => {}
            got => wrong.push(format!("{series}: {got:?} instead of {value}")),
        }
    }
    wrong.extend(
        mine.keys()
            .filter(|series| !samples.contains_key(*series))
            .map(|series| format!("{series}: not recorded")),
    );
}

/// Whether the recorded run had this collector and it succeeded.
fn is_recorded(collector: &str) -> bool {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| {
        let path = shared("conformance/node_exporter/e2e-output.txt");
        std::fs::read_to_string(path).expect("recorded")
    });
    text.contains(&format!("node_scrape_collector_success{{collector=\"{collector}\"}} 1\n"))
}

/// No recorded collector and none of their families is missing.
fn the_recording_is_covered() {
    let recording = recording();
    let known: Vec<&str> = node::collector_names().collect();
    let text = std::fs::read_to_string(shared("conformance/node_exporter/e2e-output.txt"));
    let text = text.expect("recorded");
    let missing: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("node_scrape_collector_success{collector=\""))
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| !known.contains(name))
        .collect();
    assert!(missing.is_empty(), "collectors that do not exist: {missing:?}");
    let families: Vec<&String> = recording
        .expected
        .samples
        .keys()
        .filter(|family| !recording.owners.contains_key(*family))
        .collect();
    assert!(families.is_empty(), "recorded and not shown: {families:#?}");
}

/// The names of PCI devices, which the recorded run above did not ask for.
fn names_of_pci_devices_are_as_recorded() {
    let folder = shared("conformance/node_exporter");
    let unpacked = tempfile::tempdir().expect("a temporary folder");
    unpack(&folder.join("sys.ttar"), unpacked.path());
    let arguments = [
        "--collector.disable-defaults".to_owned(),
        "--collector.pcidevice".to_owned(),
        "--collector.pcidevice.names".to_owned(),
        format!("--path.sysfs={}", unpacked.path().join("sys").display()),
        format!("--collector.pcidevice.idsfile={}", folder.join("pci.ids").display()),
    ];
    let config = node::Config::from_args(&arguments).expect("well-formed");
    let exporter = node::Exporter::new(&config).expect("well-formed");
    let mut ours = read_exposition(&text_of(&exporter.collect(None)));
    ours.samples.retain(|family, _| family.starts_with("node_pcidevice_"));
    let text = std::fs::read_to_string(folder.join("pcidevice-names-output.txt"));
    let recorded = read_exposition(&text.expect("recorded"));
    assert_eq!(ours.samples, recorded.samples);
}

/// All collectors at once, over HTTP: no two of them get in each other's way.
fn the_program_answers_as_recorded() {
    let recording = recording();
    let folder = shared("conformance/node_exporter");
    let port = free_port();
    let mut command = stackctl();
    command
        .args(["run", "node-exporter", &format!("--web.listen-address=127.0.0.1:{port}")])
        .args(arguments(&folder, recording.unpacked.path()));
    let (_child, page) = reference_page(&mut command, port);
    let ours = read_exposition(&page);
    let mut wrong = Vec::new();
    for (family, samples) in &recording.expected.samples {
        let nothing = BTreeMap::new();
        let mine = ours.samples.get(family).unwrap_or(&nothing);
        differences(family, &ours, samples, mine, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
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

/// Each flag that the reference's help names is one of ours.
fn flags_of_the_installed_reference_are_known() {
    // Made by the command line itself; and another spelling of the help.
    let left_out = ["help", "help-long", "version"];
    let program = find_program("prometheus-node-exporter").expect("installed");
    let output = std::process::Command::new(program).arg("--help").output().expect("it runs");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let command = node::command();
    let known: BTreeSet<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
    let flags = text.lines().filter_map(|line| {
        let line = line.trim_start();
        let flag = line.strip_prefix("-h, ").unwrap_or(line).strip_prefix("--")?;
        let flag = flag.strip_prefix("[no-]").unwrap_or(flag);
        flag.split([' ', '=']).next()
    });
    let unknown: Vec<&str> =
        flags.filter(|flag| !known.contains(flag) && !left_out.contains(flag)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/host").join(name)
}

fn answers_over_http() {
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

/// A small procfs with a FIFO, which nobody writes to, where the load average is.
fn procfs_with_a_fifo() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in ["stat", "meminfo"] {
        std::fs::copy(fixture("proc").join(file), folder.path().join(file)).expect("copied");
    }
    let fifo = folder.path().join("loadavg");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs");
    assert!(made.success());
    (folder, fifo)
}

fn a_hanging_file_costs_one_collector() {
    let (folder, fifo) = procfs_with_a_fifo();
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
    threads_of("self")
}

fn threads_of(process: &str) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("procfs");
    tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
        .filter(|name| name.starts_with("node-collector") || name.starts_with("node-statfs"))
        .count()
}

fn own_metrics() {
    let page = |flags: &[&str]| {
        let port = free_port();
        let mut command = stackctl();
        command.args(["run", "node-exporter", "--collector.disable-defaults"]);
        command.arg("--collector.loadavg").args(flags);
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        reference_page(&mut command, port).1
    };
    let own = |page: &str| {
        let names = ["process_", "go_", "promhttp_"];
        page.lines().filter(|line| names.iter().any(|name| line.starts_with(name))).count()
    };
    let (with, without) = (page(&[]), page(&["--web.disable-exporter-metrics"]));
    assert!(own(&with) > 3, "{with}");
    assert_eq!(own(&without), 0, "{without}");
    assert!(without.contains("node_load1 "), "{without}");
}

/// The environment is what container runtimes set; the root may be the machine's, bound elsewhere.
fn warns_in_a_container() {
    let said = |flags: &[&str]| {
        let mut command = stackctl();
        command.args(["run", "node-exporter", "--web.listen-address=127.0.0.1:0"]).args(flags);
        command.env("container", "podman").stderr(Stdio::piped());
        let mut child = Child(command.spawn().expect("it starts"));
        let log = BufReader::new(child.0.stderr.take().expect("piped")).lines();
        log.map_while(Result::ok).take_while(|line| !line.contains("ready")).collect::<String>()
    };
    let warning = "in a container without --path.rootfs";
    assert!(said(&[]).contains(warning), "{}", said(&[]));
    assert!(!said(&["--path.rootfs=/usr/.."]).contains(warning));
}

/// 200 scrapes of the program at one time, of which each meets the FIFO.
fn many_scrapes_at_once() {
    let (folder, fifo) = procfs_with_a_fifo();
    let port = free_port();
    let mut command = stackctl();
    command.args(["run", "node-exporter", "--collector.disable-defaults"]);
    command.args(["--collector.loadavg", "--collector.meminfo", "--collector.stat"]);
    command.args(["--collector.deadline=1s", "--web.max-requests=0"]);
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    command.arg(format!("--path.procfs={}", folder.path().display()));
    let (child, page) = reference_page(&mut command, port);
    assert!(page.contains("success{collector=\"loadavg\"} 0"), "{page}");
    let process = child.0.id().to_string();
    let descriptors = || {
        let folder = format!("/proc/{process}/fd");
        std::fs::read_dir(folder).expect("procfs").count()
    };
    assert!(eventually(|| threads_of(&process) == 1), "one thread waits for the FIFO");
    let before = descriptors();
    let start = Instant::now();
    let address = ([127, 0, 0, 1], port).into();
    let clients: Vec<_> =
        (0..200).map(|_| std::thread::spawn(move || get(address, "/metrics", ""))).collect();
    for client in clients {
        let (status, _, body) = client.join().expect("it ran");
        let page = String::from_utf8(body).expect("text");
        assert_eq!(status, 200);
        assert!(page.contains("success{collector=\"loadavg\"} 0"), "{page}");
        assert!(page.contains("success{collector=\"meminfo\"} 1"), "{page}");
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(eventually(|| threads_of(&process) == 1), "{} threads", threads_of(&process));
    assert!(eventually(|| descriptors() <= before), "{} of {before} files", descriptors());
    drop(std::fs::OpenOptions::new().write(true).open(&fifo).expect("a reader waits"));
    assert!(eventually(|| threads_of(&process) == 0), "{} threads", threads_of(&process));
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

/// Collectors that Debian's node exporter, 1.5, does not have.
const NEWER: [&str; 4] = ["bcachefs", "dmmultipath", "kernel_hung", "watchdog"];

/// Debian's node exporter is 1.5: what changed until 1.12 is named here, family by family.
fn metrics_equal_those_of_the_installed_reference() {
    let by_default = node::COLLECTORS.iter().filter(|collector| collector.start == Start::On);
    let collectors: Vec<&str> =
        by_default.map(|collector| collector.name).filter(|name| !NEWER.contains(name)).collect();
    let settings = ["--collector.netdev.address-info", "--collector.cpu.info"];
    let (ours, theirs) = both(&collectors, &settings);
    let mut wrong = Vec::new();
    // What a collector found here it found there.
    for (series, success) in &theirs.samples["node_scrape_collector_success"] {
        let got = &ours.samples["node_scrape_collector_success"][series];
        if got != success {
            wrong.push(format!("{series}: {got} instead of {success}"));
        }
    }
    compare(&ours, &theirs, &mut wrong);
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// The same for settings that change where values come from or what they are called.
fn settings_equal_those_of_the_installed_reference() {
    let variants: &[(&str, &[&str])] = &[
        ("netclass", &["--collector.netclass.netlink"]),
        ("netclass", &["--collector.netclass.ignored-devices=^lo$"]),
        ("netclass", &["--collector.netclass.ignore-invalid-speed"]),
        ("netdev", &["--no-collector.netdev.netlink"]),
        ("netdev", &["--collector.netdev.enable-detailed-metrics"]),
        (
            "netdev",
            &["--no-collector.netdev.netlink", "--collector.netdev.enable-detailed-metrics"],
        ),
        (
            "netdev",
            &["--collector.netdev.device-include=^lo$", "--collector.netdev.device-exclude="],
        ),
        ("cpu", &["--no-collector.cpu.guest"]),
        ("cpu", &["--collector.cpu.info.flags-include=^(aes|avx.?)$"]),
        (
            "diskstats",
            &[
                "--collector.diskstats.device-include=^(vd|dm|loop)",
                "--collector.diskstats.device-exclude=",
            ],
        ),
        ("filesystem", &["--collector.filesystem.fs-types-exclude=^(tmpfs|proc|sysfs)$"]),
        ("filesystem", &["--collector.filesystem.mount-points-exclude=^/($|dev|proc|sys)"]),
        ("netstat", &["--collector.netstat.fields=^(Tcp_.*|TcpExt_TCP.*)$"]),
        ("vmstat", &["--collector.vmstat.fields=^nr_"]),
    ];
    let mut wrong = Vec::new();
    for (collector, settings) in variants {
        let (ours, theirs) = both(&[collector], settings);
        let before = wrong.len();
        compare(&ours, &theirs, &mut wrong);
        wrong[before..].iter_mut().for_each(|line| *line = format!("{settings:?}: {line}"));
    }
    // An unknown speed is 2^32-1 there and nothing here; the others came with 1.6.
    let netlink = [
        "node_network_speed_bytes: missing",
        "node_network_address_assign_type: too much",
        "node_network_device_id: too much",
        "node_network_name_assign_type: too much",
    ];
    wrong.retain(|line| {
        !(line.contains("netclass.netlink") && netlink.iter().any(|known| line.ends_with(known)))
    });
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// What this host looks like to us and to the installed reference.
fn both(collectors: &[&str], settings: &[&str]) -> (Exposition, Exposition) {
    let (ours, theirs) = both_pages(collectors, settings);
    (read_exposition(&ours), read_exposition(&theirs))
}

fn both_pages(collectors: &[&str], settings: &[&str]) -> (String, String) {
    // Defaults of 1.12 that differ in 1.5.
    let defaults = [
        "--collector.netdev.device-exclude=^$",
        "--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
        "--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$",
    ];
    let replaced = |default: &&str| {
        let name = default.split('=').next().unwrap_or_default();
        let name = name.trim_end_matches("-exclude");
        !settings.iter().any(|setting| setting.starts_with(name))
    };
    let mut arguments: Vec<String> = vec!["--collector.disable-defaults".to_owned()];
    arguments.extend(collectors.iter().map(|name| format!("--collector.{name}")));
    arguments.extend(settings.iter().map(|&setting| setting.to_owned()));
    let port = free_port();
    let program = find_program("prometheus-node-exporter").expect("installed");
    let mut command = std::process::Command::new(program);
    command
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(defaults.into_iter().filter(replaced))
        .args(&arguments);
    let (_child, theirs) = reference_page(&mut command, port);
    arguments.push("--collector.textfile.directory=/var/lib/prometheus/node-exporter".to_owned());
    let config = node::Config::from_args(&arguments).expect("well-formed");
    let exporter = node::Exporter::new(&config).expect("well-formed");
    (text_of(&exporter.collect(None)), theirs)
}

/// Families, their types and their series are the same, but for what changed since 1.5.
fn compare(ours: &Exposition, theirs: &Exposition, wrong: &mut Vec<String>) {
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
        "node_cpu_frequency_hertz",
        "node_cpu_online",
        "node_cpu_isolated",
        "node_filesystem_mount_info",
        "node_kernel_hung_tasks_total",
        "node_netstat_TcpExt_TCPOFOQueue",
        "node_netstat_TcpExt_TCPRcvQDrop",
        "node_network_altnames_info",
        "node_os_support_end_timestamp_seconds",
        "node_pressure_irq_stalled_seconds_total",
        "node_softnet_backlog_len",
        "node_softnet_cpu_collision_total",
        "node_softnet_flow_limit_count_total",
        "node_softnet_received_rps_total",
        "node_timex_offset_overflow_total",
    ];
    let names = |all: &Exposition| {
        all.types.keys().filter(|name| own(name)).cloned().collect::<BTreeSet<_>>()
    };
    let (mine, reference) = (names(ours), names(theirs));
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
        let series = |all: &Exposition| {
            let keys = all.samples[name].keys();
            keys.map(|key| if relabelled(name) { without_new_labels(key) } else { key.clone() })
                .collect::<BTreeSet<_>>()
        };
        wrong.extend(series(ours).symmetric_difference(&series(theirs)).cloned());
    }
}

/// A series without the labels that came after 1.5.
fn without_new_labels(series: &str) -> String {
    let Some((name, labels)) = series.split_once('{') else { return series.to_owned() };
    let new = ["device_error=", "rotational=", "adminstate=", "cntlid="];
    let labels = labels.trim_end_matches('}').split("\",");
    let labels: Vec<&str> = labels
        .map(|label| label.trim_end_matches('"'))
        .filter(|label| !new.iter().any(|new| label.starts_with(new)))
        .collect();
    format!("{name}{{{}}}", labels.join("\","))
}

/// Collectors that both have and that show what does not change while one looks.
const ON_REQUEST: [&str; 14] = [
    "buddyinfo",
    "cgroups",
    "drm",
    "interrupts",
    "ksmd",
    "lnstat",
    "meminfo_numa",
    "mountstats",
    "network_route",
    "processes",
    "qdisc",
    "slabinfo",
    "sysctl",
    "zoneinfo",
];

fn metrics_on_request_equal_those_of_the_installed_reference() {
    let settings = [
        "--collector.sysctl.include=vm.swappiness",
        "--collector.sysctl.include=net.ipv4.tcp_rmem",
        "--collector.sysctl.include-info=kernel.seccomp.actions_avail",
    ];
    let (ours, theirs) = both(&ON_REQUEST, &settings);
    let all = [ours, theirs];
    // Processes change their state at any time, and caches come with those who need them.
    let host = |family: &&String| {
        family.starts_with("node_")
            && !["node_processes_state", "node_processes_threads_state", "node_exporter_build_info"]
                .contains(&family.as_str())
    };
    let [ours, theirs] = all.each_ref().map(|all| {
        all.samples
            .iter()
            .filter(|(family, _)| host(family))
            .flat_map(|(family, series)| series.keys().map(move |key| (family, key)))
            .filter(|(family, _)| !family.starts_with("node_slabinfo_"))
            .map(|(family, series)| format!("{series} {:?}", all.types.get(family)))
            .collect::<BTreeSet<String>>()
    });
    let wrong: Vec<&String> = ours.symmetric_difference(&theirs).collect();
    assert!(wrong.is_empty(), "{} differences:\n{wrong:#?}", wrong.len());
    let sizes = |all: &Exposition| all.samples["node_slabinfo_object_size_bytes"].clone();
    let [ours, theirs] = all.each_ref().map(sizes);
    let same = ours.iter().filter(|(slab, size)| theirs.get(*slab) == Some(*size)).count();
    assert!(same * 10 > ours.len() * 9, "{same} of {} caches are the same", ours.len());
}

/// What promtool says of our page it says of the reference's, too: names are what they are.
fn promtool_finds_no_more_than_in_the_reference() {
    let defaults: Vec<&str> = node::COLLECTORS
        .iter()
        .filter(|collector| collector.start == Start::On && !NEWER.contains(&collector.name))
        .map(|collector| collector.name)
        .collect();
    let (ours, theirs) = both_pages(&defaults, &[]);
    let theirs = complaints(&theirs);
    // Families that 1.5 did not have.
    let newer = [
        "node_softnet_backlog_len",
        "node_netstat_TcpExt_TCPOFOQueue",
        "node_netstat_TcpExt_TCPRcvQDrop",
    ];
    let more: Vec<String> = complaints(&ours)
        .difference(&theirs)
        .filter(|line| !newer.iter().any(|name| line.starts_with(name)))
        .cloned()
        .collect();
    assert!(more.is_empty(), "{more:#?}");
}

/// The same on the recorded page, as far as its families are there.
fn promtool_finds_no_more_than_in_the_recording() {
    if find_program("promtool").is_none() {
        return;
    }
    let recording = recording();
    let path = shared("conformance/node_exporter/e2e-output.txt");
    let theirs = complaints(&(std::fs::read_to_string(path).expect("recorded") + "\n"));
    let more: Vec<String> = complaints(&text_of(&recording.exporter.collect(None)))
        .difference(&theirs)
        .filter(|line| {
            let name = line.split(' ').next().unwrap_or_default();
            recording.expected.types.contains_key(name)
        })
        .cloned()
        .collect();
    assert!(more.is_empty(), "{more:#?}");
}

/// What `promtool check metrics` has to say.
fn complaints(page: &str) -> BTreeSet<String> {
    let said = crate::support::check_metrics(page);
    said.lines().filter(|line| line.starts_with("node_")).map(str::to_owned).collect()
}
