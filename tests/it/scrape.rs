//! The scrape manager against real HTTP servers on the loopback, good and bad ones.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use stackctl::model::{Labels, Matcher, TimeRange, is_stale};
use stackctl::scrape::config::load;
use stackctl::scrape::{Health, Manager, Options, PoolStatus, Resolution, Resolver, TargetStatus};
use stackctl::storage::{Append, Columns, MemoryStore, QuerySymbols, Select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::support::{Needs, Test, repository};

pub const TESTS: &[Test] = &[
    ("first_scrape_is_at_once", Needs::Nothing, first_scrape_is_at_once),
    ("requests_look_like_prometheus", Needs::Nothing, requests_look_like_prometheus),
    ("openmetrics_and_exemplars_are_stored", Needs::Nothing, openmetrics_and_exemplars_are_stored),
    ("bad_targets_tell_why_and_harm_nobody", Needs::Nothing, bad_targets_tell_why_and_harm_nobody),
    ("redirects_are_followed_if_allowed", Needs::Nothing, redirects_are_followed_if_allowed),
    ("credentials_are_read_again", Needs::Nothing, credentials_are_read_again),
    ("tokens_are_fetched", Needs::Nothing, tokens_are_fetched),
    ("proxies_are_used", Needs::Nothing, proxies_are_used),
    ("certificates_are_checked", Needs::Nothing, certificates_are_checked),
    (
        "names_resolve_through_the_callers_map",
        Needs::Nothing,
        names_resolve_through_the_callers_map,
    ),
    ("a_target_that_is_gone_gets_stale_markers", Needs::Nothing, a_target_that_is_gone),
    ("a_changed_job_keeps_its_series", Needs::Nothing, a_changed_job_keeps_its_series),
    ("target_files_and_http_lists_are_followed", Needs::Nothing, discovery_is_followed),
    ("target_limit_fails_every_target", Needs::Nothing, target_limit_fails_every_target),
    ("shutdown_writes_no_stale_markers", Needs::Nothing, shutdown_writes_no_stale_markers),
];

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), test).await.expect("the test ends in time");
    });
    runtime.shutdown_background();
}

/// Serves on a port of the loopback.
async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn text(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], body.into()).into_response()
}

/// Serves one page at `/metrics`.
async fn page(body: &'static str) -> SocketAddr {
    serve(Router::new().route("/metrics", get(move || async move { text(body) }))).await
}

struct Fixture {
    folder: tempfile::TempDir,
    store: Arc<MemoryStore>,
    manager: Manager,
}

impl Fixture {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let store = Arc::new(MemoryStore::default());
        let options = Options { discovery_batch: Duration::from_millis(50), ..options };
        let manager = Manager::new(Arc::clone(&store) as Arc<dyn Append>, options);
        Self { folder: tempfile::tempdir().unwrap(), store, manager }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let mut file = std::fs::File::create(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    async fn apply(&self, yaml: &str) {
        self.write("prometheus.yml", yaml);
        self.manager.apply(&load(&self.path("prometheus.yml")).unwrap()).await;
    }

    fn pool(&self, job: &str) -> PoolStatus {
        self.manager.status().into_iter().find(|pool| pool.job == job).expect("the job runs")
    }

    /// Waits until the job's only target was scraped.
    async fn scraped(&self, job: &str) -> TargetStatus {
        eventually(job, || {
            let target = self.pool(job).active.into_iter().next()?;
            (target.health != Health::Unknown).then_some(target)
        })
        .await
    }

    async fn error(&self, job: &str) -> String {
        let target = self.scraped(job).await;
        assert_eq!(target.health, Health::Down, "{job}");
        target.last_error
    }

    /// All samples of a metric: labels, times, values.
    fn samples(&self, name: &str) -> Vec<(Labels, Vec<i64>, Vec<f64>)> {
        let symbols = QuerySymbols::new(Arc::clone(self.store.symbols()));
        let matchers = [Matcher::equal("__name__", name)];
        let found = self.store.select(&matchers, TimeRange::ALL, &symbols).unwrap();
        (0..found.len())
            .map(|index| {
                let mut columns = Columns::default();
                found.read(index, TimeRange::ALL, &mut columns).unwrap();
                (found.labels(index).to_labels(&symbols), columns.times, columns.values)
            })
            .collect()
    }
}

async fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn job(name: &str, target: SocketAddr, more: &str) -> String {
    let more = more.replace('\n', "\n  ");
    format!(
        "- job_name: {name}\n  scrape_interval: 1m\n  static_configs: [{{targets: ['{target}']}}]\n  {more}\n"
    )
}

fn first_scrape_is_at_once() {
    run(async {
        let f = Fixture::new();
        let target = page("# HELP a What.\n# TYPE a gauge\na{x=\"1\"} 42\n").await;
        let start = Instant::now();
        f.apply(&format!("scrape_configs:\n{}", job("one", target, ""))).await;
        let status = f.scraped("one").await;
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        assert_eq!((status.health, status.last_error.as_str()), (Health::Up, ""));
        assert_eq!(status.scrape_url, format!("http://{target}/metrics"));
        assert!(status.last_duration.is_some());
        let (labels, _, values) = &f.samples("a")[0];
        assert_eq!(labels.to_string(), format!("a{{instance=\"{target}\", job=\"one\", x=\"1\"}}"));
        assert_eq!(*values, [42.0]);
        for (name, value) in [
            ("up", 1.0),
            ("scrape_samples_scraped", 1.0),
            ("scrape_samples_post_metric_relabeling", 1.0),
            ("scrape_series_added", 1.0),
        ] {
            assert_eq!(f.samples(name)[0].2, [value], "{name}");
        }
        assert!(f.samples("scrape_duration_seconds")[0].2[0] > 0.0);
        assert_eq!(f.store.metadata(Some("a"))[0].metadata[0].help, "What.");
        assert_eq!(f.manager.counters().scrapes.get(), 1);
    });
}

fn requests_look_like_prometheus() {
    run(async {
        let f = Fixture::new();
        let seen: Arc<parking_lot::Mutex<Option<(String, HeaderMap)>>> = Arc::default();
        let record = Arc::clone(&seen);
        let handler = move |request: Request| async move {
            *record.lock() = Some((request.uri().to_string(), request.headers().clone()));
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(b"packed 7\n").unwrap();
            let headers =
                [(header::CONTENT_TYPE, "text/plain"), (header::CONTENT_ENCODING, "gzip")];
            (headers, gzip.finish().unwrap()).into_response()
        };
        let target = serve(Router::new().route("/probe", get(handler))).await;
        let more = "metrics_path: /probe\nscrape_timeout: 3s\nparams: {module: [a b, c]}\nhttp_headers: {X-Own: {values: [yes]}}\nenable_compression: true";
        f.apply(&format!("scrape_configs:\n{}", job("gzip", target, more))).await;
        f.scraped("gzip").await;
        assert_eq!(f.samples("packed")[0].2, [7.0]);
        let (uri, headers) = seen.lock().clone().unwrap();
        assert_eq!(uri, "/probe?module=a+b&module=c");
        assert_eq!(headers["x-prometheus-scrape-timeout-seconds"], "3");
        assert_eq!(headers["accept-encoding"], "gzip");
        assert_eq!(headers["x-own"], "yes");
        assert!(
            headers["accept"]
                .to_str()
                .unwrap()
                .starts_with("application/openmetrics-text;version=1.0.0")
        );
        assert!(headers["user-agent"].to_str().unwrap().starts_with("stackctl/"));

        // Unless it is said, nothing is packed only to be unpacked on the same machine.
        *seen.lock() = None;
        f.apply(&format!("scrape_configs:\n{}", job("near", target, "metrics_path: /probe"))).await;
        f.scraped("near").await;
        assert_eq!(seen.lock().clone().unwrap().1["accept-encoding"], "identity");
    });
}

fn openmetrics_and_exemplars_are_stored() {
    run(async {
        let f = Fixture::new();
        let handler = || async {
            let body = "# TYPE a counter\na_total 5 # {trace_id=\"x\"} 1 1000.5\n# EOF\n";
            ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0")], body)
        };
        let target = serve(Router::new().route("/metrics", get(handler))).await;
        f.apply(&format!("scrape_configs:\n{}", job("open", target, ""))).await;
        f.scraped("open").await;
        assert_eq!(f.samples("a_total")[0].2, [5.0]);
        let exemplars = f.store.exemplars(&[], TimeRange::ALL).unwrap();
        assert_eq!(exemplars[0].exemplars[0].time, 1_000_500);
        assert_eq!(exemplars[0].exemplars[0].labels.get("trace_id"), Some("x"));
    });
}

/// A server that speaks for itself: reads a request, writes what it is given, and then goes on
/// writing, keeps still, or hangs up.
async fn raw(answer: &'static [u8], then: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer).await;
                match then {
                    "more" => while stream.write_all(&[b'a'; 8192]).await.is_ok() {},
                    "hang" => std::future::pending().await,
                    _ => {}
                }
            });
        }
    });
    address
}

fn bad_targets_tell_why_and_harm_nobody() {
    run(async {
        let options = Options { max_body: 1 << 20, ..Options::default() };
        let f = Fixture::with(options);
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
        let short =
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\na 1\n";
        let refused = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        let html =
            serve(Router::new().route("/metrics", get(|| async { axum::response::Html("<p>") })))
                .await;
        let missing = serve(Router::new()).await;
        let bomb = || async {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            gzip.write_all(&vec![b'a'; 8 << 20]).unwrap();
            let headers =
                [(header::CONTENT_TYPE, "text/plain"), (header::CONTENT_ENCODING, "gzip")];
            (headers, gzip.finish().unwrap())
        };
        let bomb = serve(Router::new().route("/metrics", get(bomb))).await;
        let good = page("fine 1\n").await;
        let cases: Vec<(&str, SocketAddr, &str)> = vec![
            ("endless", raw(head, "more").await, "body size limit exceeded"),
            ("bomb", bomb, "body size limit exceeded"),
            ("hanging", raw(b"", "hang").await, "context deadline exceeded"),
            ("stalling", raw(head, "hang").await, "context deadline exceeded"),
            ("closing", raw(b"", "close").await, "unexpected EOF"),
            ("breaking", raw(short, "close").await, "unexpected EOF"),
            (
                "speaking_otherwise",
                raw(b"220 smtp.example.org ready\r\n", "close").await,
                "malformed HTTP response",
            ),
            ("garbage", page("\u{1f980}\u{1f980} crab\n").await, "line 1: expected a metric name"),
            ("web_page", html, "received unsupported Content-Type \"text/html; charset=utf-8\""),
            ("no_page", missing, "server returned HTTP status 404 Not Found"),
            ("refused", refused, "connect: connection refused"),
            (
                "half",
                page("a 1\nb 2\nc{\n").await,
                "line 3: expected a label name, found the end of the line",
            ),
        ];
        let jobs: Vec<String> = cases
            .iter()
            .map(|(name, target, _)| job(name, *target, "scrape_timeout: 1s"))
            .collect();
        let good = job("good", good, "");
        // Too long for DNS, so that the system refuses it without asking anyone.
        let nowhere = "n".repeat(64);
        let unknown = format!(
            "- job_name: unknown\n  static_configs: [{{targets: ['{nowhere}.invalid:80']}}]\n"
        );
        f.apply(&format!("scrape_configs:\n{}{good}{unknown}", jobs.concat())).await;
        assert_eq!(f.scraped("good").await.health, Health::Up);
        for (name, _, expected) in &cases {
            let error = f.error(name).await;
            assert!(error.contains(expected), "{name}: {error}");
        }
        let error = f.error("unknown").await;
        assert!(error.contains(&format!("lookup {nowhere}.invalid: ")), "{error}");
        let up = f.samples("up");
        assert_eq!(up.len(), cases.len() + 2);
        for (labels, _, values) in up {
            assert_eq!(
                values,
                [f64::from(u8::from(labels.get("job") == Some("good")))],
                "{labels}"
            );
        }
        assert_eq!(f.samples("a"), [], "nothing of a broken page is stored");
        assert_eq!(f.manager.counters().exceeded_body_size_limit.get(), 2);
    });
}

fn redirects_are_followed_if_allowed() {
    run(async {
        let f = Fixture::new();
        let router = Router::new()
            .route("/metrics", get(|| async { Redirect::temporary("/moved") }))
            .route("/moved", get(|| async { text("moved 1\n") }))
            .route("/circle", get(|| async { Redirect::temporary("/circle") }));
        let target = serve(router).await;
        f.apply(&format!(
            "scrape_configs:\n{}{}{}",
            job("follow", target, ""),
            job("stay", target, "follow_redirects: false"),
            job("circle", target, "metrics_path: /circle")
        ))
        .await;
        assert_eq!(f.scraped("follow").await.health, Health::Up);
        assert_eq!(f.error("stay").await, "server returned HTTP status 307 Temporary Redirect");
        assert!(f.error("circle").await.ends_with("stopped after 10 redirects"));
    });
}

fn credentials_are_read_again() {
    run(async {
        let f = Fixture::new();
        let handler = |headers: HeaderMap| async move {
            match headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) {
                Some("Basic dXNlcjpzZWNvbmQ=" | "Bearer token" | "Custom words") => text("in 1\n"),
                _ => StatusCode::UNAUTHORIZED.into_response(),
            }
        };
        let target = serve(Router::new().route("/metrics", get(handler))).await;
        f.write("password", "first\n");
        f.write("token", "token\n");
        let basic = "basic_auth: {username: user, password_file: password}";
        f.apply(&format!(
            "scrape_configs:\n{}{}{}{}",
            job("basic", target, basic).replace("1m", "200ms"),
            job("bearer", target, "authorization: {credentials_file: token}"),
            job("custom", target, "authorization: {type: Custom, credentials: words}"),
            job("lost", target, "bearer_token_file: nowhere")
        ))
        .await;
        assert_eq!(f.error("basic").await, "server returned HTTP status 401 Unauthorized");
        assert_eq!(f.scraped("bearer").await.health, Health::Up);
        assert_eq!(f.scraped("custom").await.health, Health::Up);
        assert!(f.error("lost").await.starts_with("unable to read file "));
        f.write("password", "second\n");
        eventually("the new password", || {
            (f.pool("basic").active[0].health == Health::Up).then_some(())
        })
        .await;
    });
}

fn tokens_are_fetched() {
    run(async {
        let f = Fixture::new();
        let fetched = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&fetched);
        let token = move |headers: HeaderMap, body: String| async move {
            // An endpoint that knows the form only.
            if headers.contains_key(header::AUTHORIZATION) || !body.contains("client_secret=hush") {
                return StatusCode::UNAUTHORIZED.into_response();
            }
            count.fetch_add(1, Ordering::SeqCst);
            axum::Json(serde_json::json!({"access_token": "t1", "expires_in": 3600}))
                .into_response()
        };
        let handler = |headers: HeaderMap| async move {
            match headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) {
                Some("Bearer t1") => text("in 1\n"),
                _ => StatusCode::UNAUTHORIZED.into_response(),
            }
        };
        let router = Router::new().route("/metrics", get(handler)).route("/token", post(token));
        let target = serve(router).await;
        let oauth = format!(
            "oauth2: {{client_id: me, client_secret: hush, token_url: 'http://{target}/token'}}"
        );
        let config = job("oauth", target, &oauth).replace("1m", "100ms");
        f.apply(&format!("scrape_configs:\n{config}")).await;
        assert_eq!(f.scraped("oauth").await.health, Health::Up);
        eventually("three scrapes", || (f.samples("in")[0].2.len() >= 3).then_some(())).await;
        assert_eq!(fetched.load(Ordering::SeqCst), 1, "a token is used until it expires");
    });
}

fn proxies_are_used() {
    run(async {
        let f = Fixture::new();
        let handler = |request: Request| async move {
            assert_eq!(request.uri().to_string(), "http://far.example.test:9/metrics");
            assert_eq!(request.headers()["proxy-authorization"], "Basic dTpw");
            text("proxied 1\n")
        };
        let proxy = serve(Router::new().fallback(handler)).await;
        let direct = page("direct 1\n").await;
        let settings = format!("proxy_url: 'http://u:p@{proxy}'\nno_proxy: '127.0.0.1'");
        let far = format!(
            "- job_name: far\n  static_configs: [{{targets: ['far.example.test:9']}}]\n  {}\n",
            settings.replace('\n', "\n  ")
        );
        f.apply(&format!("scrape_configs:\n{far}{}", job("near", direct, &settings))).await;
        let far = f.scraped("far").await;
        assert_eq!((far.health, far.last_error.as_str()), (Health::Up, ""));
        assert_eq!(f.scraped("near").await.health, Health::Up);
        assert_eq!(f.samples("proxied").len() + f.samples("direct").len(), 2);
    });
}

async fn serve_tls() -> SocketAddr {
    use rustls_pki_types::pem::PemObject;
    use rustls_pki_types::{CertificateDer, PrivateKeyDer};
    let file = |name: &str| repository("tests/fixtures/tls").join(name);
    let certificate = CertificateDer::from_pem_file(file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\ntls 1.5";
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

fn certificates_are_checked() {
    run(async {
        let f = Fixture::new();
        let target = serve_tls().await;
        let ca = repository("tests/fixtures/tls/ca.pem");
        let ca = ca.display();
        f.apply(&format!(
            "scrape_configs:\n{}{}{}{}{}",
            job("unknown", target, "scheme: https"),
            job("known", target, &format!("scheme: https\ntls_config: {{ca_file: '{ca}'}}")),
            job(
                "named",
                target,
                &format!(
                    "scheme: https\ntls_config: {{ca_file: '{ca}', server_name: target.test}}"
                )
            ),
            job(
                "misnamed",
                target,
                &format!("scheme: https\ntls_config: {{ca_file: '{ca}', server_name: other.test}}")
            ),
            job("trusting", target, "scheme: https\ntls_config: {insecure_skip_verify: true}"),
        ))
        .await;
        for good in ["known", "named", "trusting"] {
            let status = f.scraped(good).await;
            assert_eq!((status.health, status.last_error.as_str()), (Health::Up, ""), "{good}");
        }
        let error = f.error("unknown").await;
        assert!(error.contains("UnknownIssuer"), "{error}");
        let error = f.error("misnamed").await;
        assert!(error.contains("not valid for"), "{error}");
    });
}

fn names_resolve_through_the_callers_map() {
    run(async {
        let target = page("a 1\n").await;
        let resolver = Resolver::new(move |name| match name {
            "mysql-exporter:9104" | "caddy:80" => Resolution::Address(target),
            "whatsapp:5555" => Resolution::Absent("whatsapp is not run here".to_owned()),
            _ => Resolution::System,
        });
        let f = Fixture::with(Options { resolver, ..Options::default() });
        f.apply(
            "scrape_configs:\n- job_name: mysql\n  static_configs: [{targets: ['mysql-exporter:9104']}]\n\
             - job_name: caddy\n  static_configs: [{targets: ['caddy']}]\n\
             - job_name: whatsapp\n  static_configs: [{targets: ['whatsapp:5555']}]\n",
        )
        .await;
        let status = f.scraped("mysql").await;
        assert_eq!(status.health, Health::Up);
        assert_eq!(status.labels.get("instance"), Some("mysql-exporter:9104"));
        assert_eq!(f.scraped("caddy").await.health, Health::Up);
        assert!(f.error("whatsapp").await.ends_with("whatsapp is not run here"));
        let map = HashMap::from([("a:1".to_owned(), target)]);
        assert_eq!(Resolver::from_map(map).resolve("a:1"), Resolution::Address(target));
    });
}

fn a_target_that_is_gone() {
    run(async {
        let f = Fixture::new();
        let (one, two) = (page("a 1\n").await, page("a 2\n").await);
        let both = format!("'{one}', '{two}'");
        let config = |targets: &str| {
            format!(
                "scrape_configs:\n- job_name: j\n  scrape_interval: 300ms\n  static_configs: [{{targets: [{targets}]}}]\n"
            )
        };
        f.apply(&config(&both)).await;
        eventually("both", || (f.samples("a").len() == 2).then_some(())).await;
        f.apply(&config(&format!("'{one}'"))).await;
        let gone = two.to_string();
        let last = |name: &str| {
            let samples = f.samples(name);
            let series = samples.into_iter().find(|(l, ..)| l.get("instance") == Some(&gone))?;
            series.2.last().copied()
        };
        for name in ["a", "up", "scrape_samples_scraped"] {
            eventually(name, || last(name).filter(|value| is_stale(*value))).await;
        }
        let alive =
            f.samples("a").into_iter().find(|(l, ..)| l.get("instance") == Some(&one.to_string()));
        assert!(!alive.unwrap().2.iter().any(|value| is_stale(*value)));

        f.apply("scrape_configs: []\n").await;
        eventually("the last one", || {
            let ended = f.samples("up").iter().all(|s| s.2.last().is_some_and(|v| is_stale(*v)));
            ended.then_some(())
        })
        .await;
    });
}

fn a_changed_job_keeps_its_series() {
    run(async {
        let f = Fixture::new();
        let counted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&counted);
        let handler = move || async move {
            count.fetch_add(1, Ordering::SeqCst);
            text("a 1\nb 2\n")
        };
        let steady = serve(Router::new().route("/metrics", get(handler))).await;
        let changing = page("a 1\nb 2\n").await;
        let config = |more: &str| {
            format!(
                "scrape_configs:\n{}{}",
                job("steady", steady, ""),
                job("changing", changing, more)
            )
        };
        f.apply(&config("")).await;
        f.scraped("steady").await;
        f.scraped("changing").await;
        f.apply(&config(
            "metric_relabel_configs: [{source_labels: [__name__], regex: b, action: drop}]",
        ))
        .await;
        f.scraped("changing").await;
        assert_eq!(counted.load(Ordering::SeqCst), 1, "an unchanged job is left alone");
        let values = |name: &str| {
            let all = f.samples(name);
            all.into_iter().find(|s| s.0.get("job") == Some("changing")).unwrap().2
        };
        assert_eq!(values("a"), [1.0, 1.0]);
        assert_eq!(values("up"), [1.0, 1.0]);
        assert_eq!(values("b")[0], 2.0);
        assert!(is_stale(values("b")[1]), "what the new settings drop is ended");
        assert_eq!(f.manager.counters().pool_reloads.get(), 1);
    });
}

fn discovery_is_followed() {
    run(async {
        let f = Fixture::new();
        let (one, two) = (page("a 1\n").await, page("a 2\n").await);
        let list: Arc<parking_lot::Mutex<Result<String, StatusCode>>> =
            Arc::new(parking_lot::Mutex::new(Ok(format!(
                "[{{\"targets\": [\"{one}\"], \"labels\": {{\"from\": \"http\"}}}}]"
            ))));
        let answer = Arc::clone(&list);
        let handler = move || async move {
            let answer = answer.lock().clone();
            answer.map(|list| ([(header::CONTENT_TYPE, "application/json")], list))
        };
        let source = serve(Router::new().route("/sd", get(handler))).await;
        f.write("targets.yml", &format!("- targets: ['{one}']\n"));
        f.apply(&format!(
            "scrape_configs:\n- job_name: file\n  file_sd_configs: [{{files: ['*.targets.yml', targets.yml]}}]\n\
             - job_name: http\n  http_sd_configs: [{{url: 'http://{source}/sd', refresh_interval: 100ms}}]\n"
        ))
        .await;
        let status = f.scraped("http").await;
        assert_eq!(status.labels.get("from"), Some("http"));
        assert_eq!(
            status.discovered_labels.get("__meta_url"),
            Some(&*format!("http://{source}/sd"))
        );
        assert_eq!(f.scraped("file").await.health, Health::Up);

        *list.lock() = Err(StatusCode::INTERNAL_SERVER_ERROR);
        f.write("targets.yml", "- targets: [");
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(f.pool("http").active.len(), 1, "a failing list keeps its targets");
        assert_eq!(f.pool("file").active.len(), 1, "a broken file keeps its targets");

        *list.lock() = Ok(format!("[{{\"targets\": [\"{one}\", \"{two}\"]}}]"));
        f.write("targets.yml", &format!("- targets: ['{two}', '{one}']\n  labels: {{x: y}}\n"));
        for job in ["http", "file"] {
            eventually(job, || (f.pool(job).active.len() == 2).then_some(())).await;
        }
        assert_eq!(f.pool("file").active[0].labels.get("x"), Some("y"));
    });
}

fn target_limit_fails_every_target() {
    run(async {
        let f = Fixture::new();
        let (one, two) = (page("a 1\n").await, page("a 2\n").await);
        f.apply(&format!(
            "scrape_configs:\n- job_name: j\n  target_limit: 1\n  static_configs: [{{targets: ['{one}', '{two}']}}]\n\
             \x20 relabel_configs: []\n- job_name: d\n  static_configs: [{{targets: ['{one}', '{two}']}}]\n\
             \x20 relabel_configs: [{{source_labels: [__address__], regex: '{two}', action: drop}}]\n"
        ))
        .await;
        let errors = eventually("both", || {
            let active = f.pool("j").active;
            let done = active.len() == 2 && active.iter().all(|t| t.health == Health::Down);
            done.then(|| active.into_iter().map(|t| t.last_error).collect::<Vec<_>>())
        })
        .await;
        for error in errors {
            assert_eq!(error, "target_limit exceeded (number of targets: 2, limit: 1)");
        }
        f.scraped("d").await;
        assert_eq!(
            f.pool("d").dropped[0].discovered_labels.get("__address__"),
            Some(&*two.to_string())
        );
        assert_eq!((f.pool("j").dropped_count, f.pool("d").dropped_count), (0, 1));
    });
}

fn shutdown_writes_no_stale_markers() {
    run(async {
        let f = Fixture::new();
        let target = page("a 1\n").await;
        let slow = raw(b"", "hang").await;
        f.apply(&format!("scrape_configs:\n{}{}", job("quick", target, ""), job("slow", slow, "")))
            .await;
        f.scraped("quick").await;
        let start = Instant::now();
        f.manager.shutdown().await;
        assert!(start.elapsed() < Duration::from_secs(1), "a hanging target is not waited for");
        assert_eq!(f.samples("a")[0].2, [1.0]);
        assert!(f.manager.status().is_empty());
        assert!(Path::new(f.folder.path()).exists());
    });
}
