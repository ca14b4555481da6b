//! How long reading PromQL takes: `cargo bench --bench promql_parse`.

use divan::{Bencher, black_box};
use stackctl::promql::parse;

fn main() {
    divan::main();
}

const SHORT: &str = "up == 0";
const ALERT: &str =
    "100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode=\"idle\"}[5m]))) > 85";
const LONG: &str = "histogram_quantile(0.99, sum by (le, job, instance) (rate(http_request_duration_seconds_bucket{job=\"api\", code!~\"5..\", handler=\"/query\"}[5m] offset 1h))) / on (job, instance) group_left (version) (max_over_time(build_info{job=\"api\"}[1h:1m] @ end()) > bool 0 or vector(1))";

#[divan::bench(args = ["short", "alert", "long"])]
fn expression(bencher: Bencher, name: &str) {
    let text = match name {
        "short" => SHORT,
        "alert" => ALERT,
        _ => LONG,
    };
    bencher.bench(|| parse(black_box(text)).expect("it is PromQL"));
}

/// What a check of a thousand alerts costs.
#[divan::bench]
fn thousand_alerts(bencher: Bencher) {
    let texts: Vec<String> =
        (0..1000).map(|n| ALERT.replace("node_cpu", &format!("node{n}_cpu"))).collect();
    bencher.bench(|| {
        texts.iter().map(|text| parse(text).map_or(0, |expr| expr.span().len())).sum::<usize>()
    });
}
