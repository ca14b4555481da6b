//! A served API over a store and rules of which everything is known.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use stackctl::model::{BucketSpan, Exemplar, Histogram, Labels, Metadata, MetricType, Timestamp};
use stackctl::notify::Addresses;
use stackctl::rules::{self, Defaults, RuleText};
use stackctl::scrape::{DroppedTarget, Health, PoolStatus, TargetStatus};
use stackctl::storage::{
    Append, Batch, ExemplarRow, FloatRow, HistogramRow, MemoryStore, MetadataRow,
};
use stackctl::web::{self, Loaded, Options, Prometheus};
use tokio_util::sync::CancellationToken;

/// 2026-03-02 09:00:00 UTC.
pub const NOON: Timestamp = 1_772_442_000_000;

pub struct Server {
    pub address: SocketAddr,
    pub web: Arc<Prometheus>,
    pub store: Arc<MemoryStore>,
    pub shutdown: CancellationToken,
    pub runtime: tokio::runtime::Runtime,
    pub reloads: Arc<AtomicBool>,
}

pub struct Answer {
    pub status: u16,
    pub headers: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Server {
    pub fn start() -> Self {
        Self::with(Options { enable_lifecycle: true, ..Options::default() })
    }

    pub fn with(options: Options) -> Self {
        let store = Arc::new(MemoryStore::default());
        fill(&store);
        let (manager, _alerts) =
            rules::Manager::new(Arc::clone(&store) as _, rules::Options::default());
        let file = RuleText { name: "rules.yml".to_owned(), text: RULES.to_owned() };
        let defaults = Defaults { interval: Duration::from_secs(30), query_offset: Duration::ZERO };
        manager.apply(rules::load(&[file], defaults).expect("the rules are right"), NOON);
        for group in manager.groups() {
            group.evaluate(NOON);
        }
        let reloads = Arc::new(AtomicBool::new(true));
        let outcome = Arc::clone(&reloads);
        let web =
            Prometheus::new(Arc::clone(&store) as _, Arc::new(manager), Arc::new(pools), options)
                .on_reload(Arc::new(move || {
                    let works = outcome.load(Ordering::Relaxed);
                    Box::pin(
                        async move { if works { Ok(()) } else { Err("no such file".to_owned()) } },
                    )
                }))
                .with_alertmanagers(Arc::new(|| Addresses {
                    active: vec!["http://127.0.0.1:9093/api/v2/alerts".to_owned()],
                    dropped: vec!["http://127.0.0.1:9094/api/v2/alerts".to_owned()],
                }));
        web.set_loaded(Loaded {
            config_yaml: "global:\n  scrape_interval: 15s # <&>\n".to_owned(),
            external_labels: Labels::from_pairs([("dc", "eu1")]),
            loaded_at: NOON,
            ..Loaded::default()
        });
        web.set_ready(true);
        let web = Arc::new(web);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime starts");
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .expect("the loopback has ports");
        let address = listener.local_addr().expect("it is bound");
        let shutdown = CancellationToken::new();
        runtime.spawn(web::serve(
            listener,
            web::router(Arc::clone(&web)),
            web::Guard::default(),
            shutdown.clone(),
        ));
        Self { address, web, store, shutdown, runtime, reloads }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn ask(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout can be set");
        stream.write_all(request.as_bytes()).expect("the request is taken");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the answer ends");
        let split = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(answer[..split].to_vec()).expect("a head is ASCII");
        let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
        Answer { status, headers: head, body: answer[split + 4..].to_vec() }
    }

    pub fn send(&self, method: &str, path: &str, headers: &str) -> Answer {
        let fixed = "Host: localhost\r\nConnection: close\r\n";
        self.ask(&format!("{method} {path} HTTP/1.1\r\n{fixed}{headers}\r\n"))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "")
    }

    pub fn post(&self, path: &str, form: &str) -> Answer {
        let length = form.len();
        self.ask(&format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        ))
    }

    pub fn data(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let mut json = answer.json();
        assert_eq!(json["status"], "success");
        json["data"].take()
    }
}

pub const RULES: &str = r"
groups:
- name: g
  interval: 30s
  rules:
  - record: job:up:sum
    expr: sum by(job)(up)
    labels: {site: a}
  - alert: Down
    expr: up == 0
    for: 5m
    keep_firing_for: 1m
    labels: {severity: page}
    annotations: {summary: 'is <down>'}
- name: h
  rules:
  - record: broken
    expr: up * on () up
  - alert: Always
    expr: vector(3) > 1
";

pub fn fill(store: &MemoryStore) {
    let mut batch = Batch::default();
    let mut put = |pairs: &[(&str, &str)], step: i64, values: &[f64]| {
        let series = store.register(&Labels::from_pairs(pairs.iter().copied())).expect("room");
        for (index, value) in values.iter().enumerate() {
            let time = NOON - (values.len() as i64 - 1 - index as i64) * step;
            batch.floats.push(FloatRow { series, time, start_time: 0, value: *value });
        }
        series
    };
    put(&[("__name__", "up"), ("instance", "127.0.0.1:1"), ("job", "bad")], 15_000, &[0.0]);
    put(&[("__name__", "up"), ("instance", "a<b>\"c"), ("job", "prom")], 15_000, &[1.0]);
    let counts: Vec<f64> = (0..40).map(|index| f64::from(index) * 1.5).collect();
    let requests = put(&[("__name__", "requests_total"), ("code", "200")], 15_000, &counts);
    let size = put(&[("__name__", "size"), ("unit", "x")], 15_000, &[]);
    batch.histograms.push(HistogramRow {
        series: size,
        time: NOON,
        start_time: 0,
        value: Arc::new(Histogram {
            schema: 0,
            zero_threshold: 0.5,
            zero_count: 1.0,
            count: 4.0,
            sum: 9.5,
            positive_spans: vec![BucketSpan { offset: 0, length: 3 }],
            positive: vec![1.0, 0.0, 2.0],
            ..Histogram::default()
        }),
    });
    batch.exemplars.push(ExemplarRow {
        series: requests,
        exemplar: Exemplar {
            labels: Labels::from_pairs([("trace_id", "abc")]),
            value: 6.0,
            time: NOON - 500,
        },
    });
    batch.metadata.push(MetadataRow {
        family: "requests_total".to_owned(),
        metadata: Metadata {
            kind: MetricType::Counter,
            help: "Requests \"served\".".to_owned(),
            unit: String::new(),
        },
    });
    let outcome = store.append(&batch).expect("the store is open");
    assert!(outcome.rejected_floats.is_empty() && outcome.rejected_histograms.is_empty());
}

pub fn pools() -> Vec<PoolStatus> {
    let labels = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
    let target = TargetStatus {
        discovered_labels: labels(&[("__address__", "127.0.0.1:1"), ("job", "bad")]),
        labels: labels(&[("instance", "127.0.0.1:1"), ("job", "bad")]),
        scrape_url: "http://127.0.0.1:1/metrics".to_owned(),
        health: Health::Down,
        last_error: "connection <refused>".to_owned(),
        last_scrape: Some(NOON + 250),
        last_duration: Some(Duration::from_micros(1500)),
        interval: Duration::from_secs(60),
        timeout: Duration::from_secs(10),
    };
    let new = TargetStatus {
        scrape_url: "http://db:9104/metrics".to_owned(),
        health: Health::Unknown,
        last_error: String::new(),
        last_scrape: None,
        last_duration: None,
        ..target.clone()
    };
    let dropped = DroppedTarget { discovered_labels: labels(&[("__address__", "127.0.0.1:2")]) };
    vec![
        PoolStatus {
            job: "new".to_owned(),
            active: vec![new],
            dropped: vec![dropped],
            dropped_count: 3,
        },
        PoolStatus {
            job: "bad".to_owned(),
            active: vec![target],
            dropped: vec![],
            dropped_count: 0,
        },
    ]
}
