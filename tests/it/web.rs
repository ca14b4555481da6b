//! The API of Prometheus and the plain pages, over real HTTP.

mod pages;
mod programs;
mod server;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use stackctl::model::Labels;
use stackctl::storage::{Append, Batch, FloatRow};
use stackctl::web::{self, Options};
use tokio_util::sync::CancellationToken;

use crate::support::{Needs, Test};
use server::Server;

pub const TESTS: &[Test] = &[
    ("a_server_that_opens_its_store_is_alive_and_not_ready", Needs::Nothing, starting),
    ("an_instant_query_has_prometheus_shape", Needs::Nothing, instant_query),
    ("a_range_query_has_prometheus_shape", Needs::Nothing, range_query),
    ("a_native_histogram_lists_its_buckets", Needs::Nothing, histogram_query),
    ("wrong_parameters_are_told_in_prometheus_words", Needs::Nothing, wrong_parameters),
    ("limits_cut_and_warn", Needs::Nothing, limits),
    ("series_and_labels_are_listed", Needs::Nothing, series_and_labels),
    ("exemplars_and_metadata_are_listed", Needs::Nothing, exemplars_and_metadata),
    ("targets_have_prometheus_shape", Needs::Nothing, targets),
    ("rules_and_alerts_have_prometheus_shape", Needs::Nothing, rules_and_alerts),
    ("rules_are_filtered_and_paged", Needs::Nothing, rule_filters),
    ("status_is_told", Needs::Nothing, status),
    ("expressions_are_formatted_and_parsed", Needs::Nothing, format_and_parse),
    ("lifecycle_endpoints_need_their_flag_and_method", Needs::Nothing, lifecycle),
    ("nothing_is_answered_before_the_store_is_ready", Needs::Nothing, readiness),
    ("answers_are_compressed_and_open_to_other_origins", Needs::Nothing, headers),
    ("federation_gives_the_newest_samples", Needs::Nothing, federation),
    ("self_metrics_are_well_formed", Needs::Program("promtool"), programs::self_metrics),
    ("every_page_is_html_with_its_texts_escaped", Needs::Nothing, pages::pages),
    ("a_bad_query_is_shown_with_a_caret", Needs::Nothing, pages::page_of_a_bad_query),
    ("a_route_prefix_moves_everything", Needs::Nothing, route_prefix),
    ("a_shutdown_lets_open_requests_finish", Needs::Nothing, graceful_shutdown),
    (
        "promtool_asks_instant_range_series_and_labels",
        Needs::Program("promtool"),
        programs::promtool,
    ),
    ("chromium_draws_the_chart", Needs::Program("chromium"), programs::chromium),
];

fn instant_query() {
    let server = Server::start();
    let answer = server.get("/api/v1/query?query=up&time=1772442000.5");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.text(),
        concat!(
            r#"{"status":"success","data":{"resultType":"vector","result":["#,
            r#"{"metric":{"__name__":"up","instance":"127.0.0.1:1","job":"bad"},"value":[1772442000.500,"0"]},"#,
            r#"{"metric":{"__name__":"up","instance":"a<b>\"c","job":"prom"},"value":[1772442000.500,"1"]}]}}"#
        )
    );
    let posted = server.post("/api/v1/query", "query=up&time=1772442000.5");
    assert_eq!(posted.text(), answer.text());
    // The form comes before the URL.
    let both = server.post("/api/v1/query?query=nothing", "query=up&time=1772442000.5");
    assert_eq!(both.text(), answer.text());
    assert_eq!(
        server.get("/api/v1/query?query=1e-7*3&time=2026-03-02T09:00:00Z").text(),
        r#"{"status":"success","data":{"resultType":"scalar","result":[1772442000,"3e-07"]}}"#
    );
    assert_eq!(
        server.get("/api/v1/query?query=%22a%5Cn%3C%22&time=-1.5").text(),
        r#"{"status":"success","data":{"resultType":"string","result":[-1.500,"a\n<"]}}"#
    );
    let matrix = server.data("/api/v1/query?query=requests_total%5B30s%5D&time=1772442000");
    assert_eq!(matrix["resultType"], "matrix");
    assert_eq!(
        matrix["result"][0]["values"],
        json!([[1_772_441_985, "57"], [1_772_442_000, "58.5"]])
    );
    let stats = server.data("/api/v1/query?query=up&time=1772442000&stats=all")["stats"].take();
    assert_eq!(stats["samples"]["totalQueryableSamples"], 2);
    assert!(stats["timings"]["evalTotalTime"].as_f64().expect("a number") > 0.0);
    // Without a time it is now, where nothing is left of these samples.
    let now = server.data("/api/v1/query?query=up");
    assert_eq!(now, json!({"resultType": "vector", "result": []}));
}

fn range_query() {
    let server = Server::start();
    let path = "/api/v1/query_range?query=requests_total&start=1772441970&end=1772442000&step=15s";
    assert_eq!(
        server.get(path).text(),
        concat!(
            r#"{"status":"success","data":{"resultType":"matrix","result":["#,
            r#"{"metric":{"__name__":"requests_total","code":"200"},"#,
            r#""values":[[1772441970,"55.5"],[1772441985,"57"],[1772442000,"58.5"]]}]}}"#
        )
    );
    let form = "query=vector(1)&start=0&end=0.002&step=0.001";
    assert_eq!(
        server.post("/api/v1/query_range", form).json()["data"]["result"],
        json!([{"metric": {}, "values": [[0, "1"], [0.001, "1"], [0.002, "1"]]}])
    );
    let increase = "/api/v1/query_range?query=increase(requests_total%5B1m%5D)&start=1772441940&end=1772442000&step=60";
    assert_eq!(
        server.data(increase)["result"],
        json!([{"metric": {"code": "200"}, "values": [[1_772_441_940, "6"], [1_772_442_000, "6"]]}])
    );
}

fn histogram_query() {
    let server = Server::start();
    assert_eq!(
        server.data("/api/v1/query?query=size&time=1772442000")["result"],
        json!([{
            "metric": {"__name__": "size", "unit": "x"},
            "histogram": [1_772_442_000, {
                "count": "4",
                "sum": "9.5",
                "buckets": [[3, "-0.5", "0.5", "1"], [0, "0.5", "1", "1"], [0, "2", "4", "2"]],
            }],
        }])
    );
}

fn wrong_parameters() {
    let server = Server::start();
    let check = |path: &str, status: u16, kind: &str, error: &str| {
        let answer = server.get(path);
        assert_eq!(
            (answer.status, answer.json()),
            (status, json!({"status": "error", "errorType": kind, "error": error})),
            "{path}"
        );
    };
    let bad = |path: &str, error: &str| check(path, 400, "bad_data", error);
    bad(
        "/api/v1/query?query=up%2B(",
        "invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis",
    );
    bad(
        "/api/v1/query?query=",
        "invalid parameter \"query\": 1:1: parse error: no expression found in input",
    );
    bad(
        "/api/v1/query?query=up&time=x",
        "invalid parameter \"time\": Invalid time value for 'time': cannot parse \"x\" to a valid timestamp",
    );
    bad(
        "/api/v1/query?query=up&timeout=x",
        "invalid parameter \"timeout\": cannot parse \"x\" to a valid duration",
    );
    bad(
        "/api/v1/query?query=up&lookback_delta=x",
        "error parsing lookback delta duration: cannot parse \"x\" to a valid duration",
    );
    bad(
        "/api/v1/query_range?query=up&start=1&end=2",
        "invalid parameter \"step\": cannot parse \"\" to a valid duration",
    );
    bad(
        "/api/v1/query_range?query=up&start=1&end=2&step=0",
        "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
    );
    bad(
        "/api/v1/query_range?query=up&start=1&end=0&step=1",
        "invalid parameter \"end\": end timestamp must not be before start time",
    );
    bad(
        "/api/v1/query_range?query=up&start=1&end=11002&step=1",
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
    );
    bad(
        "/api/v1/query_range?query=up%5B1m%5D&start=1&end=2&step=1",
        "invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be Scalar or instant Vector",
    );
    bad("/api/v1/series", "no match[] parameter provided");
    bad("/api/v1/metadata?limit=x", "limit must be a number");
    bad("/api/v1/rules?type=x", "invalid parameter \"type\": not supported value \"x\"");
    bad(
        "/api/v1/label/job/values?start=x",
        "invalid parameter \"start\": Invalid time value for 'start': cannot parse \"x\" to a valid timestamp",
    );
    for path in ["/api/v1/labels", "/api/v1/series", "/api/v1/label/job/values"] {
        bad(
            &format!("{path}?match[]=%7Bx%3D%22%22%7D"),
            "invalid parameter \"match[]\": match[] must contain at least one non-empty matcher",
        );
    }
    check(
        "/api/v1/query?query=up+*+on()+up&time=1772442000",
        422,
        "execution",
        "found duplicate series for the match group {} on the right hand-side of the operation: \
         [{__name__=\"up\", instance=\"127.0.0.1:1\", job=\"bad\"}, \
         {__name__=\"up\", instance=\"a<b>\\\"c\", job=\"prom\"}];many-to-many matching not \
         allowed: matching labels must be unique on one side",
    );
    check(
        "/api/v1/query?query=up&timeout=0",
        503,
        "timeout",
        "query timed out in expression evaluation",
    );
    let missing = server.get("/api/v1/nope");
    assert_eq!((missing.status, missing.text().as_str()), (404, "404 page not found\n"));
    assert_eq!(server.send("DELETE", "/api/v1/query", "").status, 405);
}

fn limits() {
    let server = Server::start();
    let check = |path: &str, pointer: &str| {
        let json = server.get(path).json();
        assert_eq!(json.pointer(pointer).and_then(Value::as_array).expect("a list").len(), 1);
        assert_eq!(json["warnings"], json!(["results truncated due to limit"]), "{path}");
    };
    check("/api/v1/query?query=up&time=1772442000&limit=1", "/data/result");
    check(
        "/api/v1/query_range?query=up&start=1772442000&end=1772442000&step=1&limit=1",
        "/data/result",
    );
    check("/api/v1/series?match[]=up&limit=1", "/data");
    check("/api/v1/labels?limit=1", "/data");
    check("/api/v1/label/job/values?limit=1", "/data");
    let unlimited = server.get("/api/v1/labels?limit=0").json();
    assert!(unlimited.get("warnings").is_none());
    assert_eq!(server.get("/api/v1/labels?limit=-1").status, 400);
}

fn series_and_labels() {
    let server = Server::start();
    assert_eq!(
        server.data("/api/v1/series?match[]=up&match[]=%7Bjob%3D%22bad%22%7D"),
        json!([
            {"__name__": "job:up:sum", "job": "bad", "site": "a"},
            {"__name__": "up", "instance": "127.0.0.1:1", "job": "bad"},
            {"__name__": "up", "instance": "a<b>\"c", "job": "prom"},
        ])
    );
    assert_eq!(
        server.post("/api/v1/series", "match[]=requests_total").json()["data"],
        json!([{"__name__": "requests_total", "code": "200"}])
    );
    assert_eq!(server.data("/api/v1/labels?match[]=up"), json!(["__name__", "instance", "job"]));
    assert_eq!(server.data("/api/v1/label/job/values"), json!(["bad", "prom"]));
    assert_eq!(server.data("/api/v1/label/U__job/values"), json!(["bad", "prom"]));
    assert_eq!(server.data("/api/v1/label/nothing/values"), json!([]));
    assert_eq!(server.data("/api/v1/series?match[]=up&end=5"), json!([]));
}

fn exemplars_and_metadata() {
    let server = Server::start();
    assert_eq!(
        server.data("/api/v1/query_exemplars?query=rate(requests_total%5B1m%5D)+%2F+up"),
        json!([{
            "seriesLabels": {"__name__": "requests_total", "code": "200"},
            "exemplars": [
                {"labels": {"trace_id": "abc"}, "value": "6", "timestamp": 1_772_441_999.5},
            ],
        }])
    );
    assert_eq!(server.data("/api/v1/query_exemplars?query=up&start=1&end=2"), json!([]));
    let declared = json!([{"type": "counter", "help": "Requests \"served\".", "unit": ""}]);
    assert_eq!(server.data("/api/v1/metadata"), json!({"requests_total": declared}));
    assert_eq!(
        server.data("/api/v1/metadata?metric=requests_total"),
        json!({"requests_total": declared})
    );
    assert_eq!(server.data("/api/v1/metadata?metric=nope"), json!({}));
    assert_eq!(server.data("/api/v1/metadata?limit=0"), json!({}));
}

fn targets() {
    let server = Server::start();
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    let all = server.data("/api/v1/targets");
    assert_eq!(
        all["activeTargets"][0],
        json!({
            "discoveredLabels": {"__address__": "127.0.0.1:1", "job": "bad"},
            "labels": {"instance": "127.0.0.1:1", "job": "bad"},
            "scrapePool": "bad",
            "scrapeUrl": "http://127.0.0.1:1/metrics",
            "globalUrl": format!("http://{host}:1/metrics"),
            "lastError": "connection <refused>",
            "lastScrape": "2026-03-02T09:00:00.25Z",
            "lastScrapeDuration": 0.0015,
            "health": "down",
            "scrapeInterval": "1m",
            "scrapeTimeout": "10s",
        })
    );
    assert_eq!(all["activeTargets"][1]["lastScrape"], "0001-01-01T00:00:00Z");
    assert_eq!(all["activeTargets"][1]["health"], "unknown");
    assert_eq!(
        all["droppedTargets"],
        json!([{"discoveredLabels": {"__address__": "127.0.0.1:2"}, "scrapePool": "new"}])
    );
    assert_eq!(all["droppedTargetCounts"], json!({"bad": 0, "new": 3}));
    let active = server.data("/api/v1/targets?state=active&scrapePool=bad");
    assert_eq!(active["activeTargets"].as_array().expect("a list").len(), 1);
    assert_eq!(active["droppedTargets"], json!([]));
    assert_eq!(server.data("/api/v1/targets?state=dropped")["activeTargets"], json!([]));
    assert_eq!(server.data("/api/v1/scrape_pools"), json!({"scrapePools": ["bad", "new"]}));
    assert_eq!(
        server.data("/api/v1/alertmanagers"),
        json!({
            "activeAlertmanagers": [{"url": "http://127.0.0.1:9093/api/v2/alerts"}],
            "droppedAlertmanagers": [{"url": "http://127.0.0.1:9094/api/v2/alerts"}],
        })
    );
    assert_eq!(server.data("/api/v1/targets/metadata"), json!([]));
    let wrong = server.get("/api/v1/targets/metadata?match_target=x%3D");
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains(r#"invalid parameter \"match_target\": 1:2: parse error"#));
}

fn starting() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let bound = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
    let listener = bound.expect("the loopback has ports");
    let port = listener.local_addr().expect("it is bound").port();
    let stop = CancellationToken::new();
    let opened = Arc::new(std::sync::OnceLock::new());
    let served = runtime.spawn(web::serve(
        listener,
        web::starting("/p", Arc::clone(&opened)),
        web::Guard::default(),
        stop.clone(),
    ));
    let status = |path: &str| crate::support::get(port, path).map(|(status, _)| status);
    assert_eq!(status("/p/-/healthy"), Some(200));
    for path in ["/p/-/ready", "/p/api/v1/query?query=up", "/p/metrics", "/p/"] {
        assert_eq!(status(path), Some(503), "{path}");
    }
    opened.set(axum::Router::new().fallback(async || "opened")).expect("it was empty");
    assert_eq!(status("/p/-/ready"), Some(200));
    stop.cancel();
    runtime.block_on(served).expect("it ends");
}

/// Takes out what differs from run to run, after a look at it.
fn settle(rule: &mut Value) {
    assert!(rule["evaluationTime"].as_f64().expect("seconds") > 0.0);
    rule["evaluationTime"] = json!(0);
}

fn rules_and_alerts() {
    let server = Server::start();
    let mut data = server.data("/api/v1/rules");
    for group in data["groups"].as_array_mut().expect("a list") {
        settle(group);
        group["rules"].as_array_mut().expect("a list").iter_mut().for_each(settle);
    }
    let pending = json!({
        "labels": {"alertname": "Down", "instance": "127.0.0.1:1", "job": "bad", "severity": "page"},
        "annotations": {"summary": "is <down>"},
        "state": "pending",
        "activeAt": "2026-03-02T09:00:00Z",
        "value": "0e+00",
    });
    assert_eq!(
        data["groups"][0],
        json!({
            "name": "g",
            "file": "rules.yml",
            "rules": [
                {
                    "name": "job:up:sum",
                    "query": "sum by (job) (up)",
                    "labels": {"site": "a"},
                    "health": "ok",
                    "evaluationTime": 0,
                    "lastEvaluation": "2026-03-02T09:00:00Z",
                    "type": "recording",
                },
                {
                    "state": "pending",
                    "name": "Down",
                    "query": "up == 0",
                    "duration": 300,
                    "keepFiringFor": 60,
                    "labels": {"severity": "page"},
                    "annotations": {"summary": "is <down>"},
                    "alerts": [pending],
                    "health": "ok",
                    "evaluationTime": 0,
                    "lastEvaluation": "2026-03-02T09:00:00Z",
                    "type": "alerting",
                },
            ],
            "interval": 30,
            "limit": 0,
            "evaluationTime": 0,
            "lastEvaluation": "2026-03-02T09:00:00Z",
        })
    );
    let broken = &data["groups"][1]["rules"][0];
    assert_eq!(broken["health"], "err");
    assert!(broken["lastError"].as_str().expect("text").contains("many-to-many"), "{broken}");
    assert!(broken.get("labels").is_none());
    assert_eq!(
        server.data("/api/v1/alerts"),
        json!({"alerts": [pending, {
            "labels": {"alertname": "Always"},
            "annotations": {},
            "state": "firing",
            "activeAt": "2026-03-02T09:00:00Z",
            "value": "3e+00",
        }]})
    );
}

fn rule_filters() {
    let server = Server::start();
    let names = |query: &str| -> Vec<String> {
        let data = server.data(&format!("/api/v1/rules?{query}"));
        let groups = data["groups"].as_array().expect("a list").clone();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().expect("a list"));
        rules.map(|rule| rule["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names("type=alert"), ["Down", "Always"]);
    assert_eq!(names("type=record&rule_group[]=g"), ["job:up:sum"]);
    assert_eq!(names("rule_name[]=broken&rule_name[]=Down"), ["Down", "broken"]);
    assert_eq!(names("file[]=other.yml"), Vec::<String>::new());
    assert_eq!(names("match[]=%7Bseverity%3D%22page%22%7D"), ["Down"]);
    let without = server.data("/api/v1/rules?exclude_alerts=true");
    assert_eq!(without["groups"][0]["rules"][1]["alerts"], json!([]));
    let first = server.data("/api/v1/rules?group_limit=1");
    assert_eq!(first["groups"].as_array().expect("a list").len(), 1);
    let token = first["groupNextToken"].as_str().expect("there is more");
    let second = server.data(&format!("/api/v1/rules?group_limit=1&group_next_token={token}"));
    assert_eq!(second["groups"][0]["name"], "h");
    assert!(second.get("groupNextToken").is_none());
}

fn status() {
    let server = Server::start();
    assert_eq!(
        server.data("/api/v1/status/config"),
        json!({"yaml": "global:\n  scrape_interval: 15s # <&>\n"})
    );
    assert_eq!(server.data("/api/v1/status/flags"), json!({}));
    let runtime = server.data("/api/v1/status/runtimeinfo");
    assert_eq!(runtime["reloadConfigSuccess"], true);
    assert_eq!(runtime["lastConfigTime"], "2026-03-02T09:00:00Z");
    assert!(runtime["startTime"].as_str().expect("a time").ends_with('Z'));
    assert_eq!(
        server.data("/api/v1/status/buildinfo"),
        json!({"version": env!("CARGO_PKG_VERSION")})
    );
    let tsdb = server.data("/api/v1/status/tsdb");
    assert!(tsdb["headStats"]["numSeries"].as_u64().expect("a number") >= 4);
    assert!(tsdb["seriesCountByMetricName"].is_array());
    assert_eq!(server.data("/api/v1/status/walreplay"), json!({"min": 0, "max": 0, "current": 0}));
}

fn format_and_parse() {
    let server = Server::start();
    assert_eq!(server.data("/api/v1/format_query?query=sum(up)by(job)"), "sum by (job) (up)");
    assert_eq!(server.get("/api/v1/format_query?query=").status, 400);
    assert_eq!(
        server.data(
            "/api/v1/parse_query?query=rate(up%7Bjob%3D~%22a%22%7D%5B5m%5D+offset+1m)+%3E+bool+2"
        ),
        json!({
            "type": "binaryExpr",
            "op": ">",
            "lhs": {
                "type": "call",
                "func": {"name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector"},
                "args": [{
                    "type": "matrixSelector",
                    "name": "up",
                    "range": 300_000,
                    "offset": 60_000,
                    "matchers": [
                        {"name": "__name__", "value": "up", "type": "="},
                        {"name": "job", "value": "a", "type": "=~"},
                    ],
                    "timestamp": null,
                    "startOrEnd": null,
                    "anchored": false,
                    "smoothed": false,
                }],
            },
            "rhs": {"type": "numberLiteral", "val": "2"},
            "matching": null,
            "bool": true,
        })
    );
}

fn lifecycle() {
    let server = Server::start();
    assert_eq!(server.get("/-/healthy").text(), "Prometheus Server is Healthy.\n");
    assert_eq!(server.get("/-/ready").text(), "Prometheus Server is Ready.\n");
    let refused = server.get("/-/reload");
    assert_eq!(
        (refused.status, refused.text().as_str()),
        (405, "Only POST or PUT requests allowed")
    );
    assert_eq!(server.post("/-/reload", "").status, 200);
    server.reloads.store(false, Ordering::Relaxed);
    let failed = server.send("PUT", "/-/reload", "Content-Length: 0\r\n");
    assert_eq!(
        (failed.status, failed.text().as_str()),
        (500, "failed to reload config: no such file\n")
    );
    assert!(!server.web.quit.is_cancelled());
    assert_eq!(server.post("/-/quit", "").status, 200);
    assert!(server.web.quit.is_cancelled());

    let locked = Server::with(Options::default());
    for path in ["/-/reload", "/-/quit"] {
        let answer = locked.post(path, "");
        assert_eq!((answer.status, answer.text().as_str()), (403, "Lifecycle API is not enabled."));
    }
    assert!(!locked.web.quit.is_cancelled());
}

fn readiness() {
    let server = Server::start();
    server.web.set_ready(false);
    for path in ["/api/v1/query?query=up", "/-/ready", "/targets", "/federate"] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.text().as_str()), (503, "Service Unavailable"), "{path}");
    }
    assert_eq!(server.get("/-/healthy").status, 200);
    assert!(server.get("/metrics").text().contains("\nprometheus_ready 0\n"));
}

fn headers() {
    let server = Server::start();
    let path = "/api/v1/query_range?query=requests_total&start=1772440000&end=1772442000&step=5";
    let plain = server.get(path);
    assert!(plain.header("content-encoding").is_none());
    let check = |encoding: &str, unpack: fn(&[u8]) -> Vec<u8>| {
        let packed = server.send("GET", path, &format!("Accept-Encoding: {encoding}\r\n"));
        assert_eq!(packed.header("content-encoding"), Some(encoding));
        assert!(packed.body.len() < plain.body.len() / 2);
        assert_eq!(unpack(&packed.body), plain.body);
    };
    check("gzip", |packed| {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(packed).read_to_end(&mut text).expect("it is gzip");
        text
    });
    check("zstd", |packed| zstd::stream::decode_all(packed).expect("it is zstd"));

    let foreign = server.send("GET", "/api/v1/labels", "Origin: http://x\r\n");
    assert_eq!(foreign.header("access-control-allow-origin"), Some("*"));
    assert_eq!(foreign.header("access-control-allow-methods"), Some("GET, POST, OPTIONS"));
    assert_eq!(foreign.header("access-control-expose-headers"), Some("Date"));
    assert!(foreign.header("date").is_some());
    let asked = server.send("OPTIONS", "/api/v1/query", "Origin: http://x\r\n");
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, Some("*")));
    assert!(plain.header("access-control-allow-origin").is_none());

    let cors_origin = regex::Regex::new("^(?:https?://(a|b)\\.test)$").expect("a pattern");
    let strict = Server::with(Options { cors_origin, ..Options::default() });
    let allowed = |origin: &str| {
        let answer = strict.send("GET", "/api/v1/labels", &format!("Origin: {origin}\r\n"));
        answer.header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(allowed("http://a.test").as_deref(), Some("http://a.test"));
    assert_eq!(allowed("http://evil.test"), None);
}

fn federation() {
    let server = Server::start();
    // Federation answers of now: put a sample there.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("after 1970").as_millis() as i64;
    let series = Labels::from_pairs([("__name__", "up"), ("job", "prom"), ("instance", "a<b>\"c")]);
    let series = server.store.register(&series).expect("room");
    let row = FloatRow { series, time: now - 1000, start_time: 0, value: 1.0 };
    server.store.append(&Batch { floats: vec![row], ..Batch::default() }).expect("open");
    let answer = server.get("/federate?match[]=up");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(
        answer.text(),
        format!(
            "# TYPE up untyped\nup{{instance=\"a<b>\\\"c\",job=\"prom\",dc=\"eu1\"}} 1 {}\n",
            now - 1000
        )
    );
    assert_eq!(server.get("/federate").text(), "");
    assert_eq!(server.get("/federate?match[]=%28").status, 400);
}

fn route_prefix() {
    let server = Server::with(Options { route_prefix: "/prom".to_owned(), ..Options::default() });
    assert_eq!(server.get("/prom/-/healthy").status, 200);
    assert_eq!(server.get("/-/healthy").status, 404);
    server.data("/prom/api/v1/labels");
    let home = server.get("/");
    assert_eq!((home.status, home.header("location")), (303, Some("/prom/")));
    let page = server.get("/prom/").text();
    assert!(page.contains("href=\"/prom/targets\""), "{page}");
}

fn graceful_shutdown() {
    let server = Server::start();
    // A request whose head has come in part is under way.
    let mut stream = TcpStream::connect(server.address).expect("the server listens");
    stream
        .write_all(
            b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\
              Content-Type: application/x-www-form-urlencoded\r\n\r\nquery",
        )
        .expect("it is taken");
    std::thread::sleep(Duration::from_millis(100));
    server.shutdown.cancel();
    std::thread::sleep(Duration::from_millis(100));
    assert!(TcpStream::connect(server.address).is_err(), "nothing new is accepted");
    stream.write_all(b"=1%2B1").expect("the connection is open");
    let mut answer = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    stream.read_to_string(&mut answer).expect("the answer ends");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.runtime.shutdown_timeout(Duration::from_secs(5));
}
