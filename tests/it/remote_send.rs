//! Remote write to other servers: to ours, to Prometheus, to one that is away or says no.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use prost::Message;
use stackctl::wire::remote::WriteRequest;

use super::remote::{FLAG, Prometheus, V1, post, sample, values};
use super::run::Server;
use super::support::{Needs, Test, free_port, get_json};

pub const TESTS: &[Test] = &[
    ("nothing_is_lost_while_the_receiver_is_away_and_the_sender_is_killed", Needs::Nothing, away),
    ("version_2_is_relabelled_and_labelled", Needs::Nothing, version_2),
    ("answers_decide_what_is_sent_again", Needs::Nothing, answers),
    ("a_reload_keeps_the_place", Needs::Nothing, reload),
    ("prometheus_takes_it", Needs::Program("prometheus"), prometheus),
];

fn config(port: u16, more: &str) -> String {
    format!(
        "global: {{scrape_interval: 15s, external_labels: {{dc: eu}}}}\nremote_write:\n- url: \
         http://127.0.0.1:{port}/api/v1/write\n  queue_config: {{batch_send_deadline: 100ms, \
         max_backoff: 200ms, max_samples_per_send: 3}}\n{more}"
    )
}

/// Has samples with these numbers stored, a second apart.
fn store(server: &Server, from: i64, numbers: std::ops::RangeInclusive<i64>) {
    for number in numbers {
        let body = sample(from + number * 1000, number as f64);
        let (status, _, body) = post(server.port, V1, "snappy", &body);
        assert_eq!(status, 204, "{body}");
    }
}

fn begin() -> i64 {
    jiff::Timestamp::now().as_millisecond() - 600_000
}

fn texts(numbers: std::ops::RangeInclusive<i64>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

/// Waits until another server has exactly these numbers in `selector`.
fn arrive(sender: &Server, port: u16, selector: &str, numbers: std::ops::RangeInclusive<i64>) {
    let expected = texts(numbers);
    let mut found = Vec::new();
    let now = jiff::Timestamp::now().as_second();
    sender.wait(&format!("arrival of {expected:?}"), || {
        get_json(port, "/api/v1/status/buildinfo")?;
        found = values(port, selector, now);
        (found == expected).then_some(())
    });
}

const SELECTOR: &str = "jobs_total%7Bdc=%22eu%22,job=%22a%22%7D[1h]";

fn away() {
    let port = free_port();
    let mut sender = Server::start(&config(port, ""), "", &[FLAG]);
    sender.is_ready();
    let from = begin();
    store(&sender, from, 1..=20);
    sender.wait("a failed request", || {
        let page = super::support::get(sender.port, "/metrics")?.1;
        let line = page
            .lines()
            .find(|line| line.starts_with("prometheus_remote_storage_samples_retried_total{"))?;
        (!line.ends_with(" 0")).then_some(())
    });
    sender.kill_and_start(&[FLAG]);
    store(&sender, from, 21..=30);
    let receiver = Server::start_at(port, "global: {}\n", "", &[FLAG]);
    arrive(&sender, receiver.port, SELECTOR, 1..=30);
    store(&sender, from, 31..=33);
    arrive(&sender, receiver.port, SELECTOR, 1..=33);
    // What has been taken is not sent again.
    sender.kill_and_start(&[FLAG]);
    store(&sender, from, 34..=35);
    arrive(&sender, receiver.port, SELECTOR, 1..=35);
}

fn version_2() {
    let receiver = Server::start("global: {}\n", "", &[FLAG]);
    receiver.is_ready();
    let more = "  protobuf_message: io.prometheus.write.v2.Request\n  write_relabel_configs:\n  - \
                {source_labels: [job], target_label: job, replacement: 'is $1'}\n";
    let sender = Server::start(&config(receiver.port, more), "", &[FLAG]);
    sender.is_ready();
    store(&sender, begin(), 1..=7);
    arrive(&sender, receiver.port, "jobs_total%7Bdc=%22eu%22,job=%22is%20a%22%7D[1h]", 1..=7);
    drop(sender);
    let more = "  write_relabel_configs:\n  - {source_labels: [job], regex: a, action: drop}\n";
    let sender = Server::start(&config(receiver.port, more), "", &[FLAG]);
    sender.is_ready();
    store(&sender, begin(), 1..=7);
    let dropped = "prometheus_remote_storage_samples_dropped_total{";
    sender.wait("samples that are dropped", || {
        let (_, page) = super::support::get(sender.port, "/metrics")?;
        let line = page
            .lines()
            .find(|line| line.starts_with(dropped) && line.contains("\"dropped_series\""))?;
        line.ends_with(" 7").then_some(())
    });
}

/// Answers with one status after the other, the last again and again; hands out the bodies.
fn scripted(statuses: &'static [&'static str]) -> (u16, Receiver<(String, Vec<f64>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has ports");
    let port = listener.local_addr().expect("it is bound").port();
    let (give, take) = channel();
    std::thread::spawn(move || {
        let mut at = 0;
        for stream in listener.incoming().flatten() {
            while let Some((head, values)) = read(&stream) {
                let status = statuses[at.min(statuses.len() - 1)];
                at += 1;
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                if give.send((head, values)).is_err()
                    || (&stream).write_all(answer.as_bytes()).is_err()
                {
                    break;
                }
            }
        }
    });
    (port, take)
}

fn read(stream: &TcpStream) -> Option<(String, Vec<f64>)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.trim().parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let body = snap::raw::Decoder::new().decompress_vec(&body).ok()?;
    let request = WriteRequest::decode(&body[..]).ok()?;
    let samples = request.timeseries.iter().flat_map(|series| &series.samples);
    Some((head.clone(), samples.map(|sample| sample.value).collect()))
}

fn answers() {
    let (port, requests) = scripted(&[
        "500 Internal Server Error",
        "429 Too Many Requests\r\nRetry-After: 1",
        "204 No Content",
        "400 Bad Request",
        "204 No Content",
    ]);
    let more = "  headers: {X-Tenant: t1}\n  basic_auth: {username: u, password: p}\n  \
                metadata_config: {send: false}\n";
    let sender = Server::start(&config(port, more), "", &[FLAG]);
    sender.is_ready();
    store(&sender, begin(), 1..=1);
    let next = || requests.recv_timeout(std::time::Duration::from_secs(30)).expect("a request");
    let (head, first) = next();
    for line in [
        "content-encoding: snappy",
        "content-type: application/x-protobuf\r",
        "x-prometheus-remote-write-version: 0.1.0",
        "x-tenant: t1",
        "authorization: basic",
    ] {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert_eq!((first, next().1), (vec![1.0], vec![1.0]));
    let waited = std::time::Instant::now();
    assert_eq!(next().1, [1.0]);
    assert!(waited.elapsed().as_millis() > 900, "Retry-After is obeyed");
    // Refused for good: what comes next is sent, this is not.
    store(&sender, begin(), 2..=2);
    assert_eq!(next().1, [2.0]);
    store(&sender, begin(), 3..=3);
    assert_eq!(next().1, [3.0]);
    let failed = "prometheus_remote_storage_samples_failed_total{";
    sender.wait("the figure", || {
        let (_, page) = super::support::get(sender.port, "/metrics")?;
        let line = page.lines().find(|line| line.starts_with(failed))?;
        line.ends_with(" 1").then_some(())
    });
}

fn reload() {
    let port = free_port();
    let sender = Server::start(&config(port, ""), "", &[FLAG, "--web.enable-lifecycle"]);
    sender.is_ready();
    let from = begin();
    store(&sender, from, 1..=10);
    let reload = |config: &str| {
        std::fs::write(sender.folder.path().join("p.yml"), config).expect("it is writable");
        let mut stream = TcpStream::connect(("127.0.0.1", sender.port)).expect("it listens");
        stream.write_all(b"POST /-/reload HTTP/1.0\r\nContent-Length: 0\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.contains(" 200 "), "{answer}");
    };
    // The same place with other settings, while it is away.
    reload(&config(port, "  send_exemplars: true\n"));
    let receiver = Server::start_at(port, "global: {}\n", "", &[FLAG]);
    arrive(&sender, receiver.port, SELECTOR, 1..=10);
    // One that is gone is forgotten, and the folder with it.
    reload("global: {}\n");
    assert!(!sender.folder.path().join("data/stackctl/remote-write").exists());
    store(&sender, from, 11..=12);
    reload(&config(port, ""));
    store(&sender, from, 13..=13);
    let expected: Vec<String> = texts(1..=10).into_iter().chain(texts(13..=13)).collect();
    let now = jiff::Timestamp::now().as_second();
    sender.wait("what came after it was back", || {
        (values(receiver.port, SELECTOR, now) == expected).then_some(())
    });
}

fn prometheus() {
    let port = free_port();
    let _receiver = Prometheus::start(port, "global: {}\n", &[FLAG]);
    let own = free_port();
    let text = format!(
        "{}scrape_configs:\n- job_name: self\n  scrape_interval: 1s\n  static_configs:\n  - targets: \
         ['127.0.0.1:{own}']\n",
        config(port, "").replace("max_samples_per_send: 3", "max_samples_per_send: 500")
    );
    let sender = Server::start_at(own, &text, "", &[FLAG]);
    sender.is_ready();
    let from = begin();
    store(&sender, from, 1..=40);
    arrive(&sender, port, SELECTOR, 1..=40);
    let series = |port: u16| {
        let answer = get_json(port, "/api/v1/series?match[]=%7Bjob=%22self%22%7D")?;
        // The order of labels in an object means nothing.
        let mut all: Vec<BTreeMap<String, String>> =
            serde_json::from_value(answer["data"].clone()).ok()?;
        for labels in &mut all {
            labels.remove("dc");
        }
        all.sort();
        Some(all)
    };
    sender.wait("every series of a scrape", || {
        let (ours, theirs) = (series(sender.port)?, series(port)?);
        (ours.len() > 50 && ours == theirs).then_some(())
    });
}
