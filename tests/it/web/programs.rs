//! Programs that use what is served: promtool and a browser.

use std::io::Write;
use std::process::Command;

use super::server::Server;
use crate::support::find_program;

pub fn self_metrics() {
    let server = Server::start();
    server.get("/api/v1/query?query=up");
    server.get("/api/v1/query?query=%28");
    let text = server.get("/metrics").text();
    for line in [
        r#"prometheus_http_requests_total{code="200",handler="/api/v1/query"} 1"#,
        r#"prometheus_http_requests_total{code="400",handler="/api/v1/query"} 1"#,
        r#"prometheus_http_request_duration_seconds_bucket{handler="/api/v1/query",le="+Inf"} 2"#,
        r#"prometheus_rule_group_rules{rule_group="rules.yml;g"} 2"#,
        r#"prometheus_rule_evaluation_failures_total{rule_group="rules.yml;h"} 1"#,
        r#"prometheus_target_scrape_pool_targets{scrape_job="bad"} 1"#,
        "prometheus_engine_queries 0",
        "prometheus_engine_queries_concurrent_max 20",
        "prometheus_config_last_reload_successful 1",
        "stackctl_queries_total 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    assert!(text.contains("\nprocess_resident_memory_bytes ") && !text.contains("\ngo_"));
    let mut lint = Command::new(find_program("promtool").expect("the test needs it"))
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("promtool starts");
    lint.stdin.take().expect("piped").write_all(text.as_bytes()).expect("promtool reads");
    let output = lint.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    // Its style advice about Prometheus' own names aside, the page must parse.
    assert!(!said.contains("error while linting"), "{said}");
}

pub fn promtool() {
    let server = Server::start();
    let run = |arguments: &[&str]| {
        let output = Command::new(find_program("promtool").expect("the test needs it"))
            .arg("query")
            .args(arguments)
            .output()
            .expect("promtool starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).expect("promtool writes UTF-8")
    };
    let url = server.url();
    assert_eq!(
        run(&["instant", "--time=1772442000", &url, "up"]),
        "up{instance=\"127.0.0.1:1\", job=\"bad\"} => 0 @[1772442000]\n\
         up{instance=\"a<b>\\\"c\", job=\"prom\"} => 1 @[1772442000]\n"
    );
    let range = run(&[
        "range",
        "--start=1772441970",
        "--end=1772442000",
        "--step=15s",
        &url,
        "requests_total",
    ]);
    assert_eq!(
        range,
        "requests_total{code=\"200\"} =>\n55.5 @[1772441970]\n57 @[1772441985]\n58.5 @[1772442000]\n"
    );
    let window = ["--start=1772438400", "--end=1772442000"];
    assert_eq!(
        run(&["series", "--match=requests_total", window[0], window[1], &url]),
        "{__name__=\"requests_total\", code=\"200\"}\n"
    );
    assert_eq!(run(&["labels", window[0], window[1], &url, "job"]), "bad\nprom\n");
}

pub fn chromium() {
    let server = Server::start();
    let dir = tempfile::tempdir().expect("a folder");
    let picture = dir.path().join("page.png");
    let status = Command::new(find_program("chromium").expect("the test needs it"))
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1000,900",
        ])
        .arg(format!("--user-data-dir={}", dir.path().join("profile").display()))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(format!(
            "{}/graph?expr=requests_total&tab=graph&range=10m&end=1772442000",
            server.url()
        ))
        .output()
        .expect("chromium starts");
    let png = std::fs::read(&picture)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&status.stderr)));
    assert!(png.starts_with(b"\x89PNG"));
    // An empty page of this size takes about 5 kB.
    assert!(png.len() > 15_000, "the picture is empty: {} bytes", png.len());
}
