//! Remote write over HTTP, by hand and by Prometheus itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use prost::Message;
use stackctl::wire::remote::{Label, Sample, TimeSeries, WriteRequest};

use super::run::Server;
use super::support::{Needs, Test, find_program, free_port, get_json};

pub const TESTS: &[Test] = &[
    ("acknowledged_samples_survive_a_kill", Needs::Nothing, acknowledged),
    ("requests_that_cannot_be_taken_are_answered_as_senders_expect", Needs::Nothing, refused),
    ("late_samples_are_taken_within_the_window", Needs::Nothing, late),
    ("version_2_is_told_how_much_was_written", Needs::Nothing, version_2),
    ("prometheus_writes_to_it", Needs::Program("prometheus"), prometheus_writes),
    ("prometheus_reads_from_it", Needs::Program("prometheus"), prometheus_reads),
];

const CONFIG: &str = "global: {scrape_interval: 15s}\n";
pub const FLAG: &str = "--web.enable-remote-write-receiver";
pub const V1: &str = "application/x-protobuf";
pub const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

/// Status, head and body of a write request.
pub fn post(port: u16, kind: &str, encoding: &str, body: &[u8]) -> (u16, String, String) {
    post_to(port, "/api/v1/write", kind, encoding, body)
}

/// The same of a request to another path.
pub fn post_to(
    port: u16,
    path: &str,
    kind: &str,
    encoding: &str,
    body: &[u8],
) -> (u16, String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    write!(
        stream,
        "POST {path} HTTP/1.0\r\nContent-Type: {kind}\r\nContent-Encoding: {encoding}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .and_then(|()| stream.write_all(body))
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    (status, head.to_ascii_lowercase(), body.to_owned())
}

pub fn packed(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).expect("it fits")
}

/// A request with one sample of `jobs_total{job="a"}`.
pub fn sample(timestamp: i64, value: f64) -> Vec<u8> {
    let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
    let series = TimeSeries {
        labels: vec![label("__name__", "jobs_total"), label("job", "a")],
        samples: vec![Sample { value, timestamp, start_timestamp: 0 }],
        ..TimeSeries::default()
    };
    let request = WriteRequest { timeseries: vec![series], metadata: Vec::new() };
    packed(&request.encode_to_vec())
}

/// Values of a range of the series, as the API writes them.
pub fn values(port: u16, selector: &str, at: i64) -> Vec<String> {
    let answer = get_json(port, &format!("/api/v1/query?query={selector}&time={at}"));
    let answer = answer.expect("an answer");
    let values = answer["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
    values.iter().filter_map(|pair| Some(pair[1].as_str()?.to_owned())).collect()
}

fn acknowledged() {
    let mut server = Server::start(CONFIG, "", &[FLAG]);
    server.is_ready();
    for step in 1..=20 {
        let (status, _, body) = post(server.port, V1, "snappy", &sample(step * 1000, step as f64));
        assert_eq!(status, 204, "{body}");
        // What was acknowledged is there at once.
        assert_eq!(values(server.port, "jobs_total[1h]", step).len(), step as usize);
    }
    server.kill_and_start(&[FLAG]);
    let expected: Vec<String> = (1..=20).map(|step| step.to_string()).collect();
    assert_eq!(values(server.port, "jobs_total[1h]", 20), expected);
}

fn refused() {
    let server = Server::start(CONFIG, "", &[FLAG]);
    server.is_ready();
    let port = server.port;
    assert_eq!(post(port, V1, "snappy", &sample(20_000, 1.0)).0, 204);
    let (status, _, body) = post(port, V1, "snappy", &sample(10_000, 1.0));
    assert_eq!(
        (status, body.as_str()),
        (400, "out of order sample for series jobs_total{job=\"a\"}\n")
    );
    assert_eq!(post(port, V1, "gzip", &sample(30_000, 1.0)).0, 415);
    assert_eq!(post(port, "application/json", "snappy", b"{}").0, 415);
    let (status, _, body) = post(port, V1, "snappy", b"no message");
    assert_eq!(status, 400, "{body}");
    // An hour ahead: the clock of the sender is wrong.
    let ahead = jiff::Timestamp::now().as_millisecond() + 3_600_000;
    assert_eq!(post(port, V1, "snappy", &sample(ahead, 1.0)).0, 400);
    assert_eq!(values(port, "jobs_total[1h]", 60), ["1"]);

    let closed = Server::start(CONFIG, "", &[]);
    closed.is_ready();
    let (status, _, body) = post(closed.port, V1, "snappy", &sample(20_000, 1.0));
    assert_eq!(status, 404);
    assert!(body.contains("--web.enable-remote-write-receiver"), "{body}");
}

fn late() {
    let config = |window: &str, retention: &str| {
        format!(
            "storage:\n  tsdb:\n    out_of_order_time_window: {window}\n    \
             retention: {{time: {retention}}}\n"
        )
    };
    let flags = [FLAG, "--web.enable-lifecycle"];
    let mut server = Server::start(&config("30m", "3d"), "", &flags);
    server.is_ready();
    let port = server.port;
    let write = |time: i64, value: f64| {
        let (status, _, body) = post(port, V1, "snappy", &sample(time * 1000, value));
        (status, body)
    };
    for (time, value) in [(3600, 4.0), (2000, 2.0), (1900, 1.0), (3000, 3.0), (3600, 4.0)] {
        assert_eq!(write(time, value).0, 204);
    }
    let too_old = "too old sample for series jobs_total{job=\"a\"}\n".to_owned();
    assert_eq!(write(1000, 0.0), (400, too_old));
    let expected = ["1", "2", "3", "4"];
    assert_eq!(values(port, "jobs_total[1h]", 3600), expected);
    server.kill_and_start(&flags);
    assert_eq!(values(port, "jobs_total[1h]", 3600), expected);
    let retention = || {
        let info = get_json(port, "/api/v1/status/runtimeinfo").expect("an answer");
        info["data"]["storageRetention"].as_str().map(str::to_owned)
    };
    assert_eq!(retention().as_deref(), Some("3d"));

    let path = server.folder.path().join("p.yml");
    std::fs::write(path, config("0s", "4d")).expect("the folder is writable");
    assert_eq!(post_to(port, "/-/reload", "", "", b"").0, 200);
    assert_eq!(retention().as_deref(), Some("4d"));
    let out_of_order = "out of order sample for series jobs_total{job=\"a\"}\n".to_owned();
    assert_eq!(write(3500, 0.0), (400, out_of_order));
    let (_, page) = super::support::get(port, "/metrics").expect("an answer");
    for line in [
        "prometheus_tsdb_out_of_order_samples_total{type=\"float\"} 1",
        "prometheus_tsdb_retention_limit_seconds 345600",
    ] {
        assert!(page.contains(line), "{line}");
    }
}

fn version_2() {
    use prost::encoding::{bytes, double, int64, string, uint32};
    let server = Server::start(CONFIG, "", &[FLAG]);
    server.is_ready();
    let request = |time: i64| {
        let (mut request, mut series, mut sample) = (Vec::new(), Vec::new(), Vec::new());
        for symbol in ["", "__name__", "jobs_total"] {
            string::encode(4, &symbol.to_owned(), &mut request);
        }
        uint32::encode_packed(1, &[1, 2], &mut series);
        double::encode(1, &1.5, &mut sample);
        int64::encode(2, &time, &mut sample);
        bytes::encode(2, &sample, &mut series);
        bytes::encode(5, &series, &mut request);
        packed(&request)
    };
    let (status, head, _) = post(server.port, V2, "snappy", &request(20_000));
    assert_eq!(status, 204);
    assert!(head.contains("x-prometheus-remote-write-samples-written: 1"), "{head}");
    let (status, head, body) = post(server.port, V2, "snappy", &request(10_000));
    assert_eq!(status, 400, "{body}");
    assert!(head.contains("x-prometheus-remote-write-samples-written: 0"), "{head}");
}

/// The reference program with its own folder; killed when it is dropped.
pub struct Prometheus {
    _folder: tempfile::TempDir,
    child: Child,
}

impl Prometheus {
    pub fn start(port: u16, config: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("p.yml"), config).expect("the folder is writable");
        let child = Command::new(find_program("prometheus").expect("it was looked for"))
            .args(["--config.file=p.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(flags)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        Self { _folder: folder, child }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The reference program scrapes itself and writes to ours; both then know the same.
fn prometheus_writes() {
    let server = Server::start(CONFIG, "", &[FLAG]);
    server.is_ready();
    let port = free_port();
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: self\n  static_configs:\n  \
         - targets: ['127.0.0.1:{port}']\nremote_write:\n- url: http://127.0.0.1:{}/api/v1/write\n  \
         metadata_config: {{send_interval: 1s}}\n  queue_config: {{batch_send_deadline: 1s}}\n",
        server.port
    );
    let _sender = Prometheus::start(port, &config, &[]);
    let series = |port: u16| {
        let answer = get_json(port, "/api/v1/series?match[]=%7Bjob=%22self%22%7D")?;
        let mut all: Vec<String> =
            answer["data"].as_array()?.iter().map(ToString::to_string).collect();
        all.sort();
        Some(all)
    };
    server.wait("every series of the sender", || {
        let (theirs, ours) = (series(port)?, series(server.port)?);
        (theirs.len() > 300 && theirs == ours).then_some(())
    });
    let kind = server.wait("its metadata", || {
        let answer = get_json(server.port, "/api/v1/metadata?metric=prometheus_build_info")?;
        answer["data"]["prometheus_build_info"][0]["type"].as_str().map(str::to_owned)
    });
    assert_eq!(kind, "gauge");
}

/// The reference program answers a query with samples that only ours has.
fn prometheus_reads() {
    let server = Server::start(
        "global: {scrape_interval: 15s, external_labels: {dc: eu}}\n",
        "",
        &[FLAG, "--storage.remote.read-max-bytes-in-frame=2000"],
    );
    server.is_ready();
    let now = jiff::Timestamp::now().as_millisecond();
    for step in 0..500 {
        let value = if step % 7 == 0 { 0.1 * step as f64 } else { step as f64 };
        let (status, _, body) =
            post(server.port, V1, "snappy", &sample(now - 500_000 + step * 1000, value));
        assert_eq!(status, 204, "{body}");
    }
    let config = format!(
        "remote_read:\n- url: http://127.0.0.1:{}/api/v1/read\n  read_recent: true\n",
        server.port
    );
    let port = free_port();
    let _reader = Prometheus::start(port, &config, &[]);
    let at = now / 1000;
    let selector = "jobs_total%7Bdc=%22eu%22,job=%22a%22%7D[10m]";
    let theirs = server.wait("an answer by remote read", || {
        let found = get_json(port, &format!("/api/v1/query?query={selector}&time={at}"))?;
        let found = &found["data"]["result"][0]["values"];
        found.is_array().then(|| found.clone())
    });
    let ours = get_json(server.port, &format!("/api/v1/query?query=jobs_total[10m]&time={at}"));
    let ours = &ours.expect("an answer")["data"]["result"][0]["values"];
    assert_eq!(ours.as_array().map(Vec::len), Some(500));
    assert_eq!(&theirs, ours);
}
