//! How long all lint rules take on a large stack: `cargo bench --bench check`.

use std::fmt::Write;

use divan::Bencher;
use stackctl::check::{self, Levels};
use stackctl::manifest::{Format, Loaded, parse};

fn main() {
    divan::main();
}

const ALERTS: usize = 955;
const DASHBOARDS: usize = 322;

/// A stack with this many alerts, 20 a group, in the manner of community rule sets.
fn alerts(count: usize) -> String {
    let mut text =
        "stack \"large\"\nexporter \"node\"\nprometheus { scrape_interval \"15s\" }\n".to_owned();
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

/// Dashboards of ten panels each.
fn dashboards(count: usize) -> String {
    let mut text = "grafana {\n".to_owned();
    for at in 0..count {
        let _ = writeln!(text, "dashboard \"Board {at}\" {{");
        for panel in 0..10 {
            let _ = writeln!(
                text,
                "timeseries \"Panel {panel}\" {{ query #\"sum by (instance, mode) (rate(node_cpu_seconds_total{{instance=~\"$instance\", cpu=\"{panel}\"}}[$__rate_interval]))\"# legend=\"{{{{mode}}}}\" }}"
            );
        }
        text.push_str("}\n");
    }
    text.push_str("}\n");
    text
}

fn loaded(text: &str) -> Loaded {
    parse("stack.kdl", text, Format::Kdl, None).expect("no profile is asked for")
}

/// Reading the manifest alone, the part that all rules share.
#[divan::bench]
fn reading(bencher: Bencher) {
    let text = alerts(ALERTS) + &dashboards(DASHBOARDS);
    bencher.bench(|| loaded(&text).stack.rules.len());
}

/// 955 alerts and 322 dashboards, all rules: the budget is 0.33 s together with reading.
#[divan::bench]
fn all_rules(bencher: Bencher) {
    let text = alerts(ALERTS) + &dashboards(DASHBOARDS);
    let Loaded { stack, files, findings, .. } = loaded(&text);
    bencher.bench(|| {
        let mut findings = findings.clone();
        check::run(&stack, &files, &mut findings, &Levels::default());
        findings.len()
    });
}

/// 10,000 targets in a hundred jobs: the budget is 0.5 s together with rendering.
#[divan::bench]
fn ten_thousand_targets(bencher: Bencher) {
    let mut text = "stack \"large\"\nprometheus {\n".to_owned();
    for job in 0..100 {
        let _ = writeln!(text, "scrape \"job{job}\" {{");
        for target in 0..100 {
            let _ = writeln!(text, "target \"10.{job}.0.{target}:9100\"");
        }
        text.push_str("}\n");
    }
    text.push_str("}\n");
    bencher.bench(|| {
        let Loaded { stack, files, mut findings, .. } = loaded(&text);
        check::run(&stack, &files, &mut findings, &Levels::default());
        findings.len()
    });
}
