//! How long reading, checking and rendering take, on inputs made here: `cargo bench --bench check`.
//! Benches named `program_…` start the program as a user does; docs/performance.md has the figures.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use divan::Bencher;
use stackctl::check::{self, Levels};
use stackctl::manifest::{self, Loaded};
use tempfile::TempDir;

fn main() {
    divan::main();
}

const ALERTS: usize = 955;
const DASHBOARDS: usize = 322;

/// A manifest and what lies beside it.
struct Input {
    manifest: PathBuf,
    /// Removed with it.
    folder: TempDir,
}

impl Input {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let manifest = folder.path().join("stack.kdl");
        std::fs::write(&manifest, text).expect("the folder is writable");
        Self { manifest, folder }
    }

    /// 955 alerts, and 322 dashboards of ten panels in files.
    fn large() -> Self {
        let input = Self::new(&(alerts(ALERTS) + &dashboards(DASHBOARDS)));
        for at in 0..DASHBOARDS {
            let file = input.folder.path().join(format!("{at}.json"));
            std::fs::write(file, dashboard(at)).expect("the folder is writable");
        }
        input
    }

    /// 10,000 targets in a hundred jobs.
    fn targets() -> Self {
        let mut text =
            "stack \"targets\" manifest=1\nvolumes \"data\"\nprometheus {\n    data \"data\"\n"
                .to_owned();
        for job in 0..100 {
            let _ = write!(text, "scrape \"job{job}\" {{ target");
            for target in 0..100 {
                let _ = write!(text, " \"10.{job}.0.{target}:9100\"");
            }
            text.push_str(" }\n");
        }
        text.push_str("}\n");
        Self::new(&text)
    }

    fn read(&self) -> Loaded {
        manifest::load_with(&self.manifest, None, &manifest::read_file).expect("it is there")
    }
}

/// A stack with this many alerts, 20 a group, in the manner of community rule sets.
fn alerts(count: usize) -> String {
    let mut text = "stack \"large\" manifest=1\nvolumes \"data\" \"boards\"\nexporter \"node\"\nprometheus { scrape_interval \"15s\"; data \"data\" }\n".to_owned();
    for at in 0..count {
        if at % 20 == 0 {
            let close = if at == 0 { "" } else { "}\n" };
            let _ = writeln!(text, "{close}rules \"group{at}\" interval=\"30s\" {{");
            let _ = writeln!(
                text,
                "record \"instance:cpu{at}:rate5m\" {{ expr #\"sum by (instance) (rate(node_cpu_seconds_total{{mode!=\"idle\"}}[5m]))\"# }}"
            );
        }
        let expr = match at % 5 {
            0 => "100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode=\"idle\"}[5m]))) > 85".to_owned(),
            1 => "node_filesystem_avail_bytes{fstype!~\"tmpfs|ramfs\"} / node_filesystem_size_bytes < 0.1 and predict_linear(node_filesystem_avail_bytes[6h], 86400) < 0".to_owned(),
            2 => format!("up{{job=\"node\", instance=~\"host{at}.*\"}} == 0"),
            3 => "rate(node_network_receive_errs_total[2m]) / rate(node_network_receive_packets_total[2m]) > 0.01".to_owned(),
            _ => format!("instance:cpu{}:rate5m * on (instance) group_left (nodename) node_uname_info > 0.9", at - at % 20),
        };
        let _ = writeln!(
            text,
            "alert \"Alert{at}\" severity=\"warning\" for=\"5m\" {{ expr #\"{expr}\"#; summary \"{{{{ $labels.instance }}}} has {{{{ $value | humanize }}}}\" }}"
        );
    }
    text.push_str("}\n");
    text
}

fn dashboards(count: usize) -> String {
    let mut text = "grafana {\n    data \"boards\"\n".to_owned();
    for at in 0..count {
        let _ = writeln!(text, "    dashboard \"Board {at}\" from=\"{at}.json\"");
    }
    text.push_str("}\n");
    text
}

/// A dashboard as Grafana exports it, of ten panels with a variable in each.
fn dashboard(number: usize) -> String {
    let panels: Vec<serde_json::Value> = (0..10)
        .map(|panel| {
            let expr = format!(
                "sum by (instance, mode) (rate(node_cpu_seconds_total{{instance=~\"$instance\", cpu=\"{panel}\"}}[$__rate_interval]))"
            );
            serde_json::json!({
                "id": panel + 1, "type": "timeseries", "title": format!("Panel {panel}"),
                "gridPos": { "x": 0, "y": panel * 8, "w": 12, "h": 8 },
                "datasource": { "type": "prometheus", "uid": "prometheus" },
                "fieldConfig": { "defaults": { "unit": "percentunit" }, "overrides": [] },
                "targets": [{ "refId": "A", "expr": expr, "legendFormat": "{{mode}}" }],
            })
        })
        .collect();
    let dashboard = serde_json::json!({
        "uid": format!("board-{number}"), "title": format!("Board {number}"), "schemaVersion": 39,
        "templating": { "list": [{
            "name": "instance", "type": "query", "query": "label_values(up, instance)",
            "datasource": { "type": "prometheus", "uid": "prometheus" },
        }] },
        "panels": panels,
    });
    serde_json::to_string_pretty(&dashboard).expect("plain values")
}

/// Runs the program from its start to its end.
fn program(arguments: &[&str], manifest: &Path) {
    let status = Command::new(env!("CARGO_BIN_EXE_stackctl"))
        .args(arguments)
        .arg(manifest)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the program runs");
    assert!(status.code() == Some(0), "{arguments:?} ends with {status}");
}

/// Reading the large stack with its dashboards, the part that all rules share.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn reading(bencher: Bencher) {
    let input = Input::large();
    bencher.bench(|| input.read().stack.rules.len());
}

/// All rules over the large stack, read before.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn all_rules(bencher: Bencher) {
    let input = Input::large();
    let Loaded { stack, files, findings, .. } = input.read();
    bencher.bench(|| {
        let mut findings = findings.clone();
        check::run(&stack, &files, &mut findings, &Levels::default());
        findings.len()
    });
}

/// The large stack; the budget is 0.33 s on two processors.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn program_validates_large_stack(bencher: Bencher) {
    let input = Input::large();
    bencher.bench(|| program(&["validate"], &input.manifest));
}

/// 10,000 targets; the budget is 0.5 s together with rendering.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn program_validates_ten_thousand_targets(bencher: Bencher) {
    let input = Input::targets();
    bencher.bench(|| program(&["validate"], &input.manifest));
}

/// Rendering checks as well, and waits for the disk.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn program_renders_ten_thousand_targets(bencher: Bencher) {
    let input = Input::targets();
    let output = input.folder.path().join("out");
    let output = output.to_str().expect("temporary folders have plain names");
    bencher.bench(|| program(&["render", "--overwrite", "--output", output], &input.manifest));
}

/// The example with everything; the budget is 10 ms.
#[divan::bench(sample_count = 100, sample_size = 1)]
fn program_validates_skincare(bencher: Bencher) {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/skincare.kdl");
    bencher.bench(|| program(&["validate"], &manifest));
}
