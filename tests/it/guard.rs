//! Certificates and users of the built servers, from the web configuration file of the Prometheus
//! programs; and request targets as browsers and curl send them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use crate::support::{Needs, Test, find_program, free_port, get, get_json, repository, stackctl};

pub const TESTS: &[Test] = &[
    ("an_exporter_is_guarded_by_tls_and_users", Needs::Nothing, ours_is_guarded),
    (
        "the_reference_answers_the_same",
        Needs::Program("prometheus-node-exporter"),
        the_reference_answers_the_same,
    ),
    ("clients_show_a_certificate", Needs::Program("openssl"), clients_show_a_certificate),
    ("a_file_that_cannot_be_used_stops_the_start", Needs::Nothing, unusable_files),
    ("a_stack_serves_the_tls_and_users_of_its_manifest", Needs::Nothing, guarded_stack),
    ("quotes_in_a_url_reach_the_query", Needs::Nothing, quotes_in_a_url),
];

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server that listens on `port`, and waits until it does.
fn start(mut command: Command, port: u16) -> Running {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(quiet.spawn().expect("the program starts"));
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begin.elapsed() < Duration::from_secs(20), "nothing listens on {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
    running
}

fn node_exporter(mut command: Command, web: &Path, port: u16) -> Running {
    command
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg(format!("--web.config.file={}", web.display()))
        .args(["--collector.disable-defaults", "--collector.loadavg"]);
    start(command, port)
}

/// The answer to a request over TLS, from the status line on; an error where no TLS was agreed on.
fn https(port: u16, path: &str, extra: &str, identity: Option<&Path>) -> std::io::Result<String> {
    let mut roots = rustls::RootCertStore::empty();
    let ca = repository("tests/fixtures/tls/ca.pem");
    roots.add(CertificateDer::from_pem_file(ca).expect("a certificate")).expect("it is one");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(folder) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_file(folder.join("client.pem")).expect("made")],
                PrivateKeyDer::from_pem_file(folder.join("client.key")).expect("made"),
            )
            .expect("a pair"),
    };
    let name = ServerName::try_from("target.test").expect("a name");
    let client = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut stream = rustls::StreamOwned::new(client, stream);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{extra}\r\n")?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(err) if err.kind() != std::io::ErrorKind::UnexpectedEof => Err(err),
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn login(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let text = format!("{user}:{password}");
    format!("Authorization: Basic {}\r\n", base64::engine::general_purpose::STANDARD.encode(text))
}

fn write_config(folder: &Path, password: &str, more: &str) -> std::path::PathBuf {
    let fixtures = repository("tests/fixtures/tls");
    let hash = bcrypt::hash(password, 4).expect("a cost that is allowed");
    let text = format!(
        "tls_server_config:\n  cert_file: {0}/server.pem\n  key_file: {0}/server.key\n{more}\
         http_server_config:\n  headers:\n    X-Frame-Options: deny\n\
         basic_auth_users:\n  ann: {hash}\n",
        fixtures.display()
    );
    let file = folder.join("web.yml");
    std::fs::write(&file, text).expect("writable");
    file
}

/// What a server that is guarded by `folder/web.yml` must do, whoever wrote it.
fn guards(port: u16, folder: &Path) {
    let refused = https(port, "/metrics", "", None).expect("TLS");
    assert_eq!(status(&refused), "401", "{refused}");
    let head = refused.to_ascii_lowercase();
    assert!(head.contains("www-authenticate: basic"), "{head}");
    assert!(head.contains("x-frame-options: deny"), "{head}");
    assert_eq!(status(&https(port, "/metrics", &login("ann", "wrong"), None).expect("TLS")), "401");
    assert_eq!(status(&https(port, "/metrics", &login("bob", "first"), None).expect("TLS")), "401");
    let let_in = https(port, "/metrics", &login("ann", "first"), None).expect("TLS");
    assert_eq!(status(&let_in), "200");
    assert!(let_in.contains("node_load1"));

    let mut clear = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    clear.write_all(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n").expect("sent");
    let mut answer = String::new();
    clear.read_to_string(&mut answer).expect("an answer");
    assert_eq!(status(&answer), "400", "{answer}");

    write_config(folder, "second one", "");
    assert_eq!(status(&https(port, "/metrics", &login("ann", "first"), None).expect("TLS")), "401");
    assert_eq!(
        status(&https(port, "/metrics", &login("ann", "second one"), None).expect("TLS")),
        "200"
    );
}

fn ours_is_guarded() {
    let folder = tempfile::tempdir().expect("a folder");
    let (web, port) = (write_config(folder.path(), "first", ""), free_port());
    let mut command = stackctl();
    command.args(["run", "node-exporter"]);
    let _running = node_exporter(command, &web, port);
    guards(port, folder.path());
}

fn the_reference_answers_the_same() {
    let program = find_program("prometheus-node-exporter").expect("it was looked for");
    let folder = tempfile::tempdir().expect("a folder");
    let (web, port) = (write_config(folder.path(), "first", ""), free_port());
    let _running = node_exporter(Command::new(program), &web, port);
    guards(port, folder.path());
}

fn openssl(folder: &Path, arguments: &str) {
    let done = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("openssl runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn clients_show_a_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (known, unknown) = (folder.join("known"), folder.join("unknown"));
    for authority in [&known, &unknown] {
        std::fs::create_dir(authority).expect("a new folder");
        openssl(
            authority,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem \
             -subj /CN=clients -days 2",
        );
        openssl(
            authority,
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout client.key -out client.csr \
             -subj /CN=client",
        );
        std::fs::write(authority.join("x"), "extendedKeyUsage=clientAuth").expect("writable");
        openssl(
            authority,
            "x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile x -days 2 \
             -out client.pem",
        );
    }
    let ask = |auth: &str| {
        let mut more = format!("  client_auth_type: {auth}\n");
        if auth.contains("Verify") {
            more.push_str("  client_ca_file: known/ca.pem\n");
        }
        let (web, port) = (write_config(folder, "first", &more), free_port());
        let mut command = stackctl();
        command.args(["run", "node-exporter"]);
        let _running = node_exporter(command, &web, port);
        [None, Some(known.as_path()), Some(unknown.as_path())].map(|identity| {
            https(port, "/metrics", &login("ann", "first"), identity)
                .is_ok_and(|answer| status(&answer) == "200")
        })
    };
    // Without a certificate, with one of a known authority, with one of another.
    assert_eq!(ask("RequireAndVerifyClientCert"), [false, true, false]);
    assert_eq!(ask("VerifyClientCertIfGiven"), [true, true, false]);
    assert_eq!(ask("RequireAnyClientCert"), [false, true, true]);
    assert_eq!(ask("RequestClientCert"), [true, true, true]);
    assert_eq!(ask("NoClientCert"), [true, true, true]);
}

fn unusable_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let web = folder.path().join("web.yml");
    std::fs::write(&web, "basic_auth_users: {ann: secret}").expect("writable");
    for part in ["node-exporter", "prometheus"] {
        let mut command = stackctl();
        command.current_dir(folder.path()).args(["run", part]);
        let listen = format!("--web.listen-address=127.0.0.1:{}", free_port());
        let done = command
            .args([listen, format!("--web.config.file={}", web.display())])
            .output()
            .expect("it ends by itself");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(!done.status.success(), "{part}: {said}");
        assert!(said.contains("web.yml: basic_auth_users: `ann` has no bcrypt hash"), "{said}");
    }
}

fn guarded_stack() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (port, fixtures) = (free_port(), repository("tests/fixtures/tls"));
    for (file, text) in [
        ("hash.txt", bcrypt::hash("first", 4).expect("a cost that is allowed")),
        ("password.txt", "first".to_owned()),
        (
            "stack.kdl",
            format!(
                r#"
                stack "guarded"
                secret "hash" file="hash.txt"
                secret "password" file="password.txt"
                prometheus port={port} {{
                    scrape_interval "1s"
                    tls cert="{0}/server.pem" key="{0}/server.key"
                    web user="ann" password=(secret)"hash"
                    scrape "prometheus" {{
                        user "ann"
                        password (secret)"password"
                        tls ca="{0}/ca.pem" server_name="target.test"
                    }}
                }}
                "#,
                fixtures.display()
            ),
        ),
    ] {
        std::fs::write(folder.join(file), text).expect("writable");
    }
    let mut command = stackctl();
    command
        .args(["up", "stack.kdl"])
        .current_dir(folder)
        .env("XDG_STATE_HOME", folder.join("state"))
        .env("XDG_RUNTIME_DIR", folder.join("run"));
    let _running = start(command, port);
    let ask = |login: &str| {
        https(port, "/api/v1/query?query=up", login, None).expect("TLS with our certificate")
    };
    assert_eq!(status(&ask("")), "401");
    let begin = Instant::now();
    while !ask(&login("ann", "first")).contains(r#","1"]"#) {
        let answer = ask(&login("ann", "first"));
        assert!(begin.elapsed() < Duration::from_secs(20), "its own target is not up: {answer}");
        std::thread::sleep(Duration::from_millis(50));
    }
    let hash = bcrypt::hash("second", 4).expect("a cost that is allowed");
    std::fs::write(folder.join("hash.txt"), hash).expect("writable");
    assert_eq!(status(&ask(&login("ann", "first"))), "401");
    assert_eq!(status(&ask(&login("ann", "second"))), "200");
}

fn quotes_in_a_url() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("prometheus.yml"), "scrape_configs: []").expect("writable");
    let port = free_port();
    let mut command = stackctl();
    command
        .current_dir(folder.path())
        .args(["run", "prometheus"])
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let _running = start(command, port);
    let begin = Instant::now();
    while get(port, "/-/ready").is_none_or(|(status, _)| status != 200) {
        assert!(begin.elapsed() < Duration::from_secs(20), "it is not ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    let query = r#"label_replace(vector(2)>1,"a","<b>","","")"#;
    let answer = get_json(port, &format!("/api/v1/query?query={query}")).expect("JSON");
    assert_eq!(answer["data"]["result"][0]["metric"]["a"], "<b>", "{answer}");
}
