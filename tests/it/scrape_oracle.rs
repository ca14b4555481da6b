//! Scraping beside Prometheus itself: the same pages, the same configurations, the same verdicts.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Path;
use axum::http::header;
use axum::routing::get;
use stackctl::model::{Labels, Matcher, TimeRange};
use stackctl::scrape::config::load;
use stackctl::scrape::{Health, Manager, Options};
use stackctl::storage::{Append, Columns, MemoryStore, QuerySymbols, Select};

use super::support::{Needs, Test, find_program, free_port, get_json};

pub const TESTS: &[Test] = &[
    (
        "pages_are_taken_as_prometheus_takes_them",
        Needs::Program("prometheus"),
        pages_are_taken_as_prometheus_takes_them,
    ),
    (
        "configurations_are_judged_as_promtool_judges_them",
        Needs::Program("promtool"),
        configurations_are_judged_as_promtool_judges_them,
    ),
];

const TEXT: &str = "text/plain; version=0.0.4";
const OPEN: &str = "application/openmetrics-text; version=1.0.0";

/// Pages that are well, odd or broken. Left out is what changed after Prometheus 2.42: quoted names,
/// `le` as a float, `created` lines.
const PAGES: &[(&str, &str)] = &[
    (TEXT, "a 1\nb{x=\"1\"} 2.5e3\nc{x=\"a\\\\b\\\"c\\nd\",y=\"é\"} -Inf\n"),
    (TEXT, "a 1"),
    (TEXT, "\n\na 1\n\n"),
    (TEXT, " a 1\n"),
    (TEXT, "\ta 1\n"),
    (TEXT, "a 1\n \nb 2\n"),
    (TEXT, "a\t1\n"),
    (TEXT, "a  1  \n"),
    (TEXT, "a 1\t\n"),
    (TEXT, "a{x=\"1\" y=\"2\"} 1\n"),
    (TEXT, "a{,} 1\n"),
    (TEXT, "a{x=\"1\",,} 1\n"),
    (TEXT, " # TYPE a blob\na 1\n"),
    (TEXT, "# TYPE a counter \na 1\n"),
    (TEXT, "#  TYPE a blob\na 1\n"),
    (TEXT, "# TYPE  a blob\na 1\n"),
    (TEXT, "# TYPE\ta\tgauge\na 1\n"),
    (TEXT, "# TYPE 1a gauge\na 1\n"),
    (TEXT, "# HELP 1a x\na 1\n"),
    (TEXT, "# HELP a-b x\na 1\n"),
    (TEXT, "# TYPES a blob\na 1\n"),
    (TEXT, "a 1 -5\n"),
    (TEXT, "a 1 +5\n"),
    (TEXT, "a{ 1\n"),
    (TEXT, "a{x=\"1\"} 1 # {id=\"x\"} 0.5\n"),
    (TEXT, "a{x=\"1\",} 1\nb{ x = \"1\" , y=\"2\" } 2\nc{} 3\n"),
    (TEXT, "a{x=\"1\"}1\n"),
    (TEXT, "a {x=\"1\"} 1\n"),
    (TEXT, "a 1\r\n"),
    (TEXT, "a 1 \n# anything\n#\n#x\n# HELP\n# HELP a\n# TYPE a gauge\n"),
    (TEXT, "# TYPE a\na 1\n"),
    (TEXT, "# TYPE a blob\na 1\n"),
    (TEXT, "# TYPE a  counter\na 1\n"),
    (TEXT, "# HELP a some \\n \\\\ text\n# TYPE a untyped\na NaN\n"),
    (TEXT, "a +Inf\nb -inf\nc infinity\nd nan\ne .5\nf 5.\ng +1\n"),
    (TEXT, "a 0x10\n"),
    (TEXT, "a 1_0\n"),
    (TEXT, "a +nan\n"),
    (TEXT, "a 1e999\n"),
    (TEXT, "a\n"),
    (TEXT, "a{x=\"1\" 1\n"),
    (TEXT, "a{x=\"1\"y=\"2\"} 1\n"),
    (TEXT, "a{x=1} 1\n"),
    (TEXT, "a{1x=\"1\"} 1\n"),
    (TEXT, "a{x=\"1\",x=\"2\"} 1\n"),
    (TEXT, "a{x:y=\"1\"} 1\n"),
    (TEXT, "a:b 1\n"),
    (TEXT, "a-b 1\n"),
    (TEXT, "{x=\"1\"} 1\n"),
    (TEXT, "a{x=\"line\nbreak\"} 1\nb 2\n"),
    (TEXT, "a{x=\"\\q\\\"} 1\"} 1\n"),
    (TEXT, "a 1 2 3\n"),
    (TEXT, "a 1 1.5\n"),
    (TEXT, "a 1\na 2\n"),
    (TEXT, "a{job=\"x\",instance=\"y\"} 1\nb{exported_job=\"x\",job=\"y\"} 2\nc{x=\"\"} 3\n"),
    (TEXT, "a{__name__=\"b\"} 1\n"),
    (TEXT, ""),
    (OPEN, "# TYPE a counter\na_total 1\n# EOF\n"),
    (OPEN, "# TYPE a counter\na_total 1\n# EOF"),
    (OPEN, "a 1\n"),
    (OPEN, "a 1\n# EOF\n\n"),
    (OPEN, "a 1\n\n# EOF\n"),
    (OPEN, "a  1\n# EOF\n"),
    (OPEN, "a 1 \n# EOF\n"),
    (OPEN, "# some words\na 1\n# EOF\n"),
    (OPEN, "# TYPE a untyped\na 1\n# EOF\n"),
    (OPEN, "# TYPE a stateset\n# TYPE b info\n# TYPE c gaugehistogram\na 1\n# EOF\n"),
    (OPEN, "# UNIT a_seconds seconds\na_seconds 1\n# EOF\n"),
    (OPEN, "# UNIT a seconds\na 1\n# EOF\n"),
    (OPEN, "# HELP a a \\\"b\\\"\na{x=\"1\"} 1\n# EOF\n"),
    (OPEN, "a{x=\"1\",} 1\n# EOF\n"),
    (OPEN, "a{x=\"1\", y=\"2\"} 1\n# EOF\n"),
    (OPEN, "a_total 1 # {id=\"x\"} 0.5\n# EOF\n"),
    (OPEN, "# TYPE a counter\na_total 1 # {id=\"x\"}\n# EOF\n"),
    (OPEN, "# TYPE a counter\na_total 1 # {}  0.5\n# EOF\n"),
    (OPEN, "# TYPE a counter\na_total 1 # 0.5\n# EOF\n"),
];

/// The same page under settings that change its labels.
const LABELLED: &str = "a{job=\"x\",exported_job=\"y\",instance=\"\",Zone=\"EU-1\",k8s_app=\"shop\"} 1\n\
                        b{path=\"/a/b/c?d\",code=\"404\"} 2\nc 3\n";

const SETTINGS: &[&str] = &[
    "honor_labels: true",
    "honor_labels: false",
    "sample_limit: 2",
    "sample_limit: 3",
    "label_limit: 5",
    "label_name_length_limit: 10",
    "label_value_length_limit: 8",
    "relabel_configs: [{target_label: zone, replacement: z}, {regex: zone, action: labeldrop}]",
    "relabel_configs: [{source_labels: [__address__], regex: '(.*):(.*)', target_label: port, replacement: 'p${2}x$1y'}, {regex: port, action: labeldrop}]",
    "relabel_configs: [{regex: '__(scheme)__', replacement: 'my_$1', action: labelmap}]",
    "relabel_configs: [{source_labels: [__metrics_path__, __scheme__], separator: '|', target_label: both}, {regex: instance|job|case|__.*, action: labelkeep}, {target_label: job, replacement: JOB}]",
    "metric_relabel_configs: [{source_labels: [__name__], regex: 'a|c', action: keep}]",
    "metric_relabel_configs: [{source_labels: [__name__], regex: 'a|c', action: drop}]",
    "metric_relabel_configs: [{source_labels: [path], regex: '/([^/]+)/.*', target_label: first, replacement: '${1}'}]",
    "metric_relabel_configs: [{source_labels: [path], regex: '/([^/]+)/.*', target_label: first, replacement: '$1_x'}]",
    "metric_relabel_configs: [{source_labels: [code, path], target_label: both}]",
    "metric_relabel_configs: [{source_labels: [code], modulus: 7, target_label: shard, action: hashmod}]",
    "metric_relabel_configs: [{source_labels: [missing], modulus: 7, target_label: shard, action: hashmod}]",
    "metric_relabel_configs: [{source_labels: [Zone], target_label: low, action: lowercase}]",
    "metric_relabel_configs: [{source_labels: [k8s_app], target_label: up, action: uppercase}]",
    "metric_relabel_configs: [{regex: 'k8s_(.+)', action: labelmap}]",
    "metric_relabel_configs: [{regex: 'k8s_(.+)', replacement: 'x_${1}_y', action: labelmap}]",
    "metric_relabel_configs: [{regex: 'path|code', action: labeldrop}]",
    "metric_relabel_configs: [{regex: '__name__|job|instance|code|case', action: labelkeep}]",
    "metric_relabel_configs: [{regex: '__name__', action: labeldrop}]",
    "metric_relabel_configs: [{source_labels: [exported_job], target_label: job, action: keepequal}]",
    "metric_relabel_configs: [{source_labels: [job], target_label: job, action: dropequal}]",
    "metric_relabel_configs: [{source_labels: [__name__], target_label: __name__, replacement: 'x_$1'}]",
    "metric_relabel_configs: [{source_labels: [code], target_label: code, replacement: ''}]",
    "metric_relabel_configs: [{source_labels: [code], regex: '4(.)(.)', target_label: 'c_${2}', replacement: '$1'}]",
    "metric_relabel_configs: [{target_label: __tmp, replacement: x}]",
];

/// All cases: Content-Type, body, settings of the job.
fn cases() -> Vec<(&'static str, &'static str, &'static str)> {
    let pages = PAGES.iter().map(|(kind, body)| (*kind, *body, ""));
    pages.chain(SETTINGS.iter().map(|settings| (TEXT, LABELLED, *settings))).collect()
}

/// A page's fate: why it was refused, or its series with their values.
type Fate = Option<BTreeSet<String>>;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn show(labels: &Labels, value: f64) -> String {
    let own = labels.iter().filter(|(name, _)| *name != "case");
    format!("{} {value}", Labels::from_pairs(own))
}

fn wait<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(40), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn theirs(config: &std::path::Path, data: &std::path::Path) -> Vec<Fate> {
    let port = free_port();
    let program = find_program("prometheus").unwrap();
    let server = Command::new(program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", data.display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _server = Server(server);
    let up = wait("the first scrapes of Prometheus", || {
        let answer = get_json(port, "/api/v1/query?query=up")?;
        let up = answer["data"]["result"].as_array()?.clone();
        (up.len() == cases().len()).then_some(up)
    });
    let is_up = |case: &str| {
        let found = up.iter().find(|series| series["metric"]["case"] == case);
        found.is_some_and(|series| series["value"][1] == "1")
    };
    (0..cases().len())
        .map(|page| {
            let case = page.to_string();
            let path = format!("/api/v1/query?query=%7Bcase%3D%22{case}%22%7D");
            let answer = get_json(port, &path).unwrap();
            is_up(&case).then(|| {
                let found = answer["data"]["result"].as_array().unwrap().iter();
                let series = found.map(|series| {
                    let labels = series["metric"].as_object().unwrap().iter();
                    let labels =
                        labels.map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
                    let value = series["value"][1].as_str().unwrap().parse::<f64>().unwrap();
                    (Labels::from_pairs(labels), value)
                });
                series.filter(not_synthetic).map(|(labels, value)| show(&labels, value)).collect()
            })
        })
        .collect()
}

fn not_synthetic((labels, _): &(Labels, f64)) -> bool {
    labels.metric_name() != "up" && !labels.metric_name().starts_with("scrape_")
}

async fn ours(config: &std::path::Path) -> Vec<(Fate, String)> {
    let store = Arc::new(MemoryStore::default());
    let manager = Manager::new(Arc::clone(&store) as Arc<dyn Append>, Options::default());
    manager.apply(&load(config).unwrap()).await;
    let mut fates = Vec::new();
    for page in 0..cases().len() {
        let job = format!("page{page}");
        let start = Instant::now();
        let target = loop {
            let pools = manager.status();
            let pool = pools.iter().find(|pool| pool.job == job).unwrap();
            match pool.active.first().filter(|target| target.health != Health::Unknown) {
                Some(target) => break target.clone(),
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
            assert!(start.elapsed() < Duration::from_secs(20));
        };
        let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
        let matchers = [Matcher::equal("case", page.to_string())];
        let found = store.select(&matchers, TimeRange::ALL, &symbols).unwrap();
        let series = (0..found.len()).map(|index| {
            let mut columns = Columns::default();
            found.read(index, TimeRange::ALL, &mut columns).unwrap();
            (found.labels(index).to_labels(&symbols), columns.values[0])
        });
        let series = series.filter(not_synthetic).map(|(labels, value)| show(&labels, value));
        let fate = (target.health == Health::Up).then(|| series.collect());
        fates.push((fate, target.last_error));
    }
    manager.shutdown().await;
    fates
}

fn pages_are_taken_as_prometheus_takes_them() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    let ours = runtime.block_on(async {
        let handler = |Path(page): Path<usize>| async move {
            let (kind, body, _) = cases()[page];
            ([(header::CONTENT_TYPE, kind)], body)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let router = Router::new().route("/{page}", get(handler));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut yaml = "global: {scrape_interval: 1s}\nscrape_configs:\n".to_owned();
        for (page, (_, _, settings)) in cases().into_iter().enumerate() {
            let targets = format!("{{targets: ['{address}'], labels: {{case: '{page}'}}}}");
            let line = format!(
                "- {{job_name: page{page}, metrics_path: /{page}, static_configs: [{targets}], {settings}}}\n"
            );
            yaml.push_str(&line);
        }
        std::fs::write(&config, yaml).unwrap();
        ours(&config).await
    });
    let theirs = theirs(&config, &folder.path().join("data"));
    let mut differences = Vec::new();
    for (page, ((ours, error), theirs)) in ours.iter().zip(&theirs).enumerate() {
        if ours != theirs {
            differences
                .push(format!("{:?}\n  ours {ours:?} {error}\n  theirs {theirs:?}", cases()[page]));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// One job with these settings.
fn with(settings: &str) -> String {
    format!("scrape_configs:\n- job_name: a\n  {settings}\n")
}

fn configurations_are_judged_as_promtool_judges_them() {
    let relabel = |rule: &str| with(&format!("relabel_configs: [{{{rule}}}]"));
    let cases = [
        String::new(),
        "global:\n".to_owned(),
        "global: {scrape_interval: 15s, evaluation_interval: 1m30s}\n".to_owned(),
        "global: {scrape_interval: 15}\n".to_owned(),
        "global: {scrape_interval: 1.5s}\n".to_owned(),
        "global: {scrape_timeout: 2m}\n".to_owned(),
        "global: {external_labels: {a: b}}\n".to_owned(),
        "nonsense: 1\n".to_owned(),
        "scrape_configs: 5\n".to_owned(),
        "scrape_configs:\n- job_name: a\n- job_name: a\n".to_owned(),
        "scrape_configs:\n- scrape_interval: 5s\n".to_owned(),
        with("scrape_interval: 5s"),
        with("scrape_timeout: 2m"),
        with("metrics_path: 5"),
        with("job: b"),
        with("scheme: http"),
        with("params: {a: [b, c]}"),
        with("params: {a: b}"),
        with("honor_labels: maybe"),
        with("sample_limit: -1"),
        with("sample_limit: 10"),
        with("body_size_limit: 10MB"),
        with("body_size_limit: 10"),
        with("body_size_limit: 1.5GiB"),
        with("static_configs: [{targets: [a]}]"),
        with("static_configs: [{targets: ['http://a']}]"),
        with("static_configs: [{targets: [a], label: {}}]"),
        with("file_sd_configs: [{files: ['*.json']}]"),
        with("file_sd_configs: [{files: ['a*b/c.json']}]"),
        with("file_sd_configs: [{files: [a.txt]}]"),
        with("file_sd_configs: [{}]"),
        with("http_sd_configs: [{url: 'http://a/b'}]"),
        with("http_sd_configs: [{url: 'ftp://a/b'}]"),
        with("http_sd_configs: [{}]"),
        with("dns_sd_configs: [{names: [a]}]"),
        with("dns_sd_configs: [{names: [a], type: A}]"),
        with("dns_sd_configs: [{names: [a], type: A, port: 80}]"),
        with("dns_sd_configs: [{names: []}]"),
        with("dns_sd_configs: [{names: [a], type: TXT, port: 80}]"),
        with("basic_auth: {username: a, password: b}"),
        with("basic_auth: {username: a, password: b, password_file: c}"),
        with("basic_auth: {username: a}\n  bearer_token: b"),
        with("authorization: {type: Basic, credentials: a}"),
        with("authorization: {credentials: a}"),
        with("oauth2: {client_id: a, client_secret: b, token_url: 'http://c'}"),
        with("tls_config: {insecure_skip_verify: true}"),
        with("tls_config: {min_version: TLS12}"),
        relabel("target_label: a"),
        relabel(""),
        relabel("action: hashmod, target_label: a"),
        relabel("action: hashmod, target_label: a, modulus: 5"),
        relabel("action: rename"),
        relabel("action: DROP, regex: a"),
        relabel("action: labeldrop, source_labels: [a]"),
        relabel("action: labeldrop, regex: a"),
        relabel("action: labelmap, regex: '(a)'"),
        relabel("action: labelmap, replacement: b"),
        relabel("action: keepequal, source_labels: [a], target_label: b"),
        relabel("action: keepequal, source_labels: [a], target_label: b, regex: c"),
        relabel("action: keepequal, source_labels: [a]"),
        relabel("action: lowercase, source_labels: [a]"),
        relabel("action: uppercase, source_labels: [a], target_label: b"),
        relabel("regex: '(', target_label: a"),
        relabel("regex: 'a)(b', target_label: a"),
        relabel("target_label: '${1}_x'"),
        "remote_write: [{url: 'http://a'}]\n".to_owned(),
        "remote_write: [{name: a}]\n".to_owned(),
        "remote_write: [{url: 'http://a', name: n}, {url: 'http://b', name: n}]\n".to_owned(),
        "remote_read: [{url: 'http://a', read_recent: true}]\n".to_owned(),
        "alerting: {alertmanagers: [{static_configs: [{targets: [a]}]}]}\n".to_owned(),
        "alerting: {alertmanagers: [{api_version: v9}]}\n".to_owned(),
        "storage: {tsdb: {out_of_order_time_window: 30m}, exemplars: {max_exemplars: 5}}\n"
            .to_owned(),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prometheus.yml");
    let promtool = find_program("promtool").unwrap();
    let mut differences = Vec::new();
    for case in &cases {
        std::fs::write(&path, case).unwrap();
        let output = Command::new(&promtool)
            .args(["check", "config", "--syntax-only"])
            .arg(&path)
            .output()
            .unwrap();
        let ours = load(&path).map(drop).map_err(|err| err.to_string());
        if ours.is_ok() != output.status.success() {
            let theirs = String::from_utf8_lossy(&output.stderr).into_owned();
            differences.push(format!("{case}  ours {ours:?}\n  theirs {theirs}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
