//! What the tests of both exporters share: a server, a client, and the reference programs' pages.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A server on the loopback with its own runtime; it ends with the test.
pub struct Server {
    pub address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    pub fn start(router: axum::Router) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = stackctl::exporters::http::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { address, _runtime: runtime }
    }

    /// Status, headers and body of a GET.
    pub fn get(&self, path: &str, headers: &str) -> (u16, String, Vec<u8>) {
        get(self.address, path, headers)
    }
}

pub fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let at = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..at]).into_owned();
    let body = answer.split_off(at + 4);
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (status, head, body)
}

pub fn eventually(condition: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// A child process that is ended with the test.
pub struct Child(pub std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The page of a reference exporter started on a free port.
pub fn reference_page(command: &mut std::process::Command, port: u16) -> (Child, String) {
    let null = std::process::Stdio::null;
    let child = command.stdin(null()).stdout(null()).stderr(null()).spawn().expect("it starts");
    let child = Child(child);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    assert!(eventually(|| TcpStream::connect(address).is_ok()), "it listens");
    let page = String::from_utf8(get(address, "/metrics", "").2).expect("text");
    (child, page)
}
