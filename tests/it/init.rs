//! `init`: a starter manifest of what runs here, that validates and starts as it is. Whatever else runs
//! on the machine of the tests may be in it, too.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::mariadb::MariaDb;
use crate::support::{self, Needs, Test, stackctl};
use crate::up::{Stack, query};

pub const TESTS: &[Test] = &[
    ("an_empty_folder_gets_a_manifest_without_findings", Needs::Nothing, empty),
    ("services_of_a_compose_file_and_configuration_that_exists", Needs::Nothing, compose),
    ("services_that_need_what_is_not_there_are_left_out", Needs::Nothing, left_out),
    ("an_application_with_metrics_is_scraped_at_once", Needs::Nothing, application),
    ("mysql_is_found_and_watched", Needs::Program("mariadbd"), mysql),
    ("no_probe_asks_nobody_and_a_probe_asks_once", Needs::Nothing, probes),
    ("a_port_that_hangs_does_not_hold_it_up", Needs::Nothing, hangs),
    ("nothing_is_overwritten", Needs::Nothing, overwriting),
    ("a_broken_compose_file_is_named_with_its_mistake", Needs::Nothing, broken),
    ("a_manifest_that_is_not_named_is_found", Needs::Nothing, found),
    ("fmt_formats_kdl_and_names_the_rest", Needs::Nothing, formatted),
];

struct Said {
    code: i32,
    out: String,
    err: String,
}

fn run(dir: &Path, arguments: &[&str]) -> Said {
    let ran = stackctl().args(arguments).current_dir(dir).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: ran.status.code().unwrap(), out: text(ran.stdout), err: text(ran.stderr) }
}

/// Runs `init` for KDL and for YAML, and checks what holds of every starter. The text of the KDL.
#[track_caller]
fn init(dir: &Path, more: &[&str]) -> (String, String) {
    let mut notes = String::new();
    for (name, flags) in [("stack.yaml", &["--yaml"][..]), ("stack.kdl", &[])] {
        let said = run(dir, &[&["init"], flags, more].concat());
        assert_eq!(said.code, 0, "{}", said.err);
        notes.push_str(&said.err);
        let text = fs::read_to_string(dir.join(name)).unwrap();
        // As its first lines say: the name of the manifest need not be told.
        let said = run(dir, &["validate"]);
        assert_eq!((said.code, &*said.out), (0, ""), "{}\n{text}", said.err);
        assert!(said.err.contains("no findings"), "{}", said.err);
        if name == "stack.yaml" {
            let said = run(dir, &["init"]);
            assert_eq!(said.code, 2, "{}", said.err);
            assert!(said.err.contains("`stack.yaml` is there already"), "{}", said.err);
            fs::remove_file(dir.join(name)).unwrap();
        }
    }
    let said = run(dir, &["fmt", "--check", "stack.kdl"]);
    assert_eq!((said.code, &*said.out), (0, ""), "{}", said.err);
    (fs::read_to_string(dir.join("stack.kdl")).unwrap(), notes)
}

fn put(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A server that answers each request with this text; what it was asked is sent to the receiver.
fn serve(answer: String) -> (u16, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, questions) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = Vec::new();
            let mut buffer = [0; 1024];
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(count) if count > 0 => head.extend(&buffer[..count]),
                    _ => break,
                }
            }
            let _ = stream.write_all(answer.as_bytes());
            if asked.send(String::from_utf8_lossy(&head).into_owned()).is_err() {
                return;
            }
        }
    });
    (port, questions)
}

fn page(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: \
         {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

const PAGE: &str = "# HELP orders_total Orders.\n# TYPE orders_total counter\norders_total 7\n";

fn empty() {
    let dir = tempfile::tempdir().unwrap();
    let (text, _) = init(dir.path(), &["--no-probe"]);
    for part in
        ["exporter \"node\"", "alert \"TargetDown\"", "use \"node/overview\"", "// alertmanager {"]
    {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // It is rendered, its tests run, and the other notation means the same.
    assert_eq!(run(dir.path(), &["render", "stack.kdl", "-o", "out"]).code, 0);
    assert_eq!(run(dir.path(), &["diff", "stack.kdl", "out"]).out, "no difference\n");
    let said = run(dir.path(), &["init", "-o", "-", "--no-probe"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.starts_with("// Made by `stackctl init`"), "{}", said.out);
    // The test that is there to be uncommented passes.
    let on = uncommented(&text, "// test ");
    put(dir.path(), "tested.kdl", &on);
    let said = run(dir.path(), &["test", "tested.kdl"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}

/// The text with one block no longer commented out.
fn uncommented(text: &str, start: &str) -> String {
    let mut inside = false;
    let line = |line: &str| {
        inside |= line.starts_with(start);
        let on = if inside { line.strip_prefix("// ").unwrap_or(line) } else { line };
        inside &= line != "// }";
        format!("{on}\n")
    };
    text.lines().map(line).collect()
}

fn compose() {
    let dir = tempfile::tempdir().unwrap();
    let (app, _questions) = serve(page(PAGE));
    put(
        dir.path(),
        "compose.yaml",
        &format!(
            "services:\n  web:\n    image: nginx:latest\n    ports: ['80']\n  app:\n    build: .\n    ports: \
             ['127.0.0.1:{app}:8000']\n    environment: {{DB_HOST: db}}\n    depends_on: [db]\n  db:\n    \
             image: mysql:8.4.6\n    volumes: ['db:/var/lib/mysql']\n  prometheus:\n    image: \
             prom/prometheus:v3.5.0\nvolumes: {{db: {{}}}}\n"
        ),
    );
    put(dir.path(), "monitoring/prometheus.yml", "scrape_configs: []\n");
    put(dir.path(), "artisan", "");
    let (text, notes) = init(dir.path(), &[]);
    assert!(
        notes.contains("monitoring/prometheus.yml is there already: `stackctl import`"),
        "{notes}"
    );
    for part in [
        "// There is configuration already: monitoring/prometheus.yml.",
        "has monitoring of its own (prometheus)",
        "// The services of compose.yaml.\nservice \"web\" {\n    image \"nginx:latest\"",
        "//   floating-tag: the image of service `web` moves with its tag `latest`",
        "    metrics open=#true\n",
        &format!("    native external=\"127.0.0.1:{app}\"\n"),
        "service \"db\" {",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("service \"prometheus\""), "{text}");
}

fn left_out() {
    let dir = tempfile::tempdir().unwrap();
    put(
        dir.path(),
        "compose.yaml",
        "services:\n  app:\n    image: shop/app:1\n    depends_on: [nobody]\n",
    );
    let (text, notes) = init(dir.path(), &["--no-probe"]);
    assert!(notes.contains("the services of compose.yaml are left out"), "{notes}");
    assert!(notes.contains("nobody"), "{notes}");
    assert!(!text.contains("service \"app\""), "{text}");
}

/// Starts the manifest with ports that are free at this moment; the port of Prometheus.
fn start(stack: &mut Stack, text: &str) -> u16 {
    let usual: u16 = number(text, "prometheus port=");
    let free = support::free_port();
    let offset = free.checked_sub(usual).expect("free ports are high ones");
    stack.start(&["--port-offset", &offset.to_string()]);
    free
}

fn number(text: &str, behind: &str) -> u16 {
    let rest =
        &text[text.find(behind).unwrap_or_else(|| panic!("{behind}\n{text}")) + behind.len()..];
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

fn application() {
    let (app, _questions) = serve(page(PAGE));
    let mut stack = Stack::new("");
    fs::remove_file(stack.path("stack.kdl")).unwrap();
    let (text, _) = init(stack.path("").as_path(), &[]);
    let target = format!("target \"127.0.0.1:{app}\"");
    let (before, _) = text.split_once(&target).unwrap_or_else(|| panic!("{target}\n{text}"));
    let comment = before.lines().rev().nth(2).unwrap();
    assert!(comment.contains(&format!("Port {app} (")), "{comment}");
    assert!(comment.ends_with("answers /metrics with 1 metric family."), "{comment}");
    let prometheus = start(&mut stack, &text);
    stack.wait("the application and the machine are up", || {
        let here = format!("up{{instance=\"127.0.0.1:{app}\"}} == 1");
        let all = query(prometheus, &format!("{here} or up{{job=\"node\"}} == 1"))?;
        (all.len() == 2).then_some(())
    });
    stack.wait("its metrics are stored", || {
        query(prometheus, "orders_total == 7").filter(|series| !series.is_empty())
    });
}

fn mysql() {
    let database = MariaDb::start();
    database.create_exporter("");
    let mut stack = Stack::new("");
    fs::remove_file(stack.path("stack.kdl")).unwrap();
    let (text, _) = init(stack.path("").as_path(), &[]);
    let target = format!("target \"127.0.0.1:{}\"", database.port);
    let (before, _) = text.split_once(&target).unwrap_or_else(|| panic!("{target}\n{text}"));
    // Other tests have servers, too: the name of this one's exporter is also that of its job.
    let line = before.lines().rev().nth(1).unwrap();
    let job = line.split('"').nth(1).unwrap();
    assert!(line.starts_with("exporter \"mysql"), "{line}");
    assert!(text.contains("CREATE USER 'exporter'@'127.0.0.1'"), "{text}");
    let prometheus = start(&mut stack, &text);
    stack.wait("the exporter is in", || {
        query(
            prometheus,
            &format!("mysql_up{{job=\"{job}\"}} == 1 and on () up{{job=\"{job}\"}} == 1"),
        )
        .filter(|series| !series.is_empty())
    });
}

fn probes() {
    let dir = tempfile::tempdir().unwrap();
    let (app, questions) = serve(page(PAGE));
    let said = run(dir.path(), &["init", "-o", "-", "--no-probe"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(!said.out.contains(&format!("127.0.0.1:{app}")), "{}", said.out);
    assert!(questions.try_recv().is_err(), "somebody asked");
    let said = run(dir.path(), &["init", "-o", "-"]);
    assert!(said.out.contains(&format!("127.0.0.1:{app}")), "{}", said.out);
    // Another test's `init` may have asked as well: each with one GET of the page and no more.
    let question = questions.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(question.starts_with("GET /metrics HTTP/1."), "{question}");
    assert!(question.contains("stackctl-init"), "{question}");
}

fn hangs() {
    let dir = tempfile::tempdir().unwrap();
    // Takes connections and never says a word.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    // Begins an answer that never ends.
    let endless = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = endless.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut kept: Vec<TcpStream> = Vec::new();
        for stream in endless.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\na 1\n");
            kept.push(stream);
        }
    });
    let said = run(dir.path(), &["init", "-o", "-"]);
    assert_eq!(said.code, 0, "{}", said.err);
    for port in [silent.local_addr().unwrap().port(), port] {
        assert!(!said.out.contains(&format!("127.0.0.1:{port}\"")), "{}", said.out);
    }
}

fn overwriting() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "stack.kdl", "mine");
    let said = run(dir.path(), &["init", "--no-probe"]);
    assert_eq!((said.code, &*said.out), (2, ""));
    assert!(
        said.err.contains("`stack.kdl` is there already") && said.err.contains("`--force`"),
        "{}",
        said.err
    );
    assert_eq!(fs::read_to_string(dir.path().join("stack.kdl")).unwrap(), "mine");
    let said = run(dir.path(), &["init", "--no-probe", "--force"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(fs::read_to_string(dir.path().join("stack.kdl")).unwrap().starts_with("// Made by"));
    for (arguments, expected) in [
        (&["init", "-o", "stack.txt"][..], "`stack.txt` is not called .kdl or .yaml"),
        (&["init", "-o", "other.kdl", "--yaml"], "`other.kdl` is not called .yaml"),
        (&["init", "-o", "no/such/stack.kdl"], "no/such"),
    ] {
        let said = run(dir.path(), arguments);
        assert_eq!((said.code, &*said.out), (2, ""), "{arguments:?}");
        assert!(said.err.contains(expected), "{arguments:?}: {}", said.err);
    }
    let left: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["stack.kdl"]);
}

fn broken() {
    let dir = tempfile::tempdir().unwrap();
    for (text, place) in [
        ("services:\n  a: {image: x\n  b: [\n", "compose.yaml:3"),
        ("services:\n  a:\n   image: x\n    ports: []\n", "compose.yaml:4"),
        ("services:\n\ta: b\n", "compose.yaml:2"),
    ] {
        put(dir.path(), "compose.yaml", text);
        let said = run(dir.path(), &["init", "--no-probe", "-o", "-"]);
        assert_eq!(said.code, 0, "{}", said.err);
        let told = "compose.yaml cannot be read, so its services are left out: ";
        let line = said.err.lines().find(|line| line.contains(told));
        let line = line.unwrap_or_else(|| panic!("{text}\n{}", said.err));
        assert!(line.contains(place) && line.contains("error[S001]"), "{text}\n{line}");
        assert!(!said.out.contains("\nservice "), "{}", said.out);
    }
    put(dir.path(), "compose.yaml", "services:\n  a:\n    image: x:1\n    stdin_open: true\n");
    let said = run(dir.path(), &["init", "--no-probe", "-o", "-"]);
    assert!(said.err.contains("1 setting of compose.yaml has no place"), "{}", said.err);
}

fn found() {
    let dir = tempfile::tempdir().unwrap();
    let said = run(dir.path(), &["validate"]);
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("there is no stack.kdl, stack.yaml, stack.yml, stack.json here"),
        "{}",
        said.err
    );
    assert_eq!(run(dir.path(), &["init", "--yaml", "--no-probe"]).code, 0);
    for command in [
        &["validate"][..],
        &["render", "-o", "out"],
        &["routes"],
        &["capacity"],
        &["test"],
        &["why", "out/compose.yaml"],
    ] {
        let said = run(dir.path(), command);
        assert!(!said.err.contains("stack.kdl"), "{command:?}: {}", said.err);
        assert!(
            said.code < 2 || said.err.contains("has no alertmanager"),
            "{command:?}: {}",
            said.err
        );
    }
    // A second one is not written, and if there is one, it has to be said which is meant.
    let said = run(dir.path(), &["init", "--no-probe"]);
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("`stack.yaml` is there already, and with `stack.kdl` beside it"),
        "{}",
        said.err
    );
    assert!(!dir.path().join("stack.kdl").exists());
    assert_eq!(run(dir.path(), &["init", "--no-probe", "--force"]).code, 0);
    for command in ["validate", "render", "routes", "capacity", "test", "up"] {
        let said = run(dir.path(), &[command]);
        assert_eq!(said.code, 2, "{command}");
        assert!(
            said.err.contains("`stack.kdl` and `stack.yaml` are both here"),
            "{command}: {}",
            said.err
        );
    }
    assert_eq!(run(dir.path(), &["validate", "stack.yaml"]).code, 0);
}

fn formatted() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "stack.yaml", "stack: a\n");
    for arguments in [&["fmt", "--check", "stack.yaml"][..], &["fmt"]] {
        let said = run(dir.path(), arguments);
        assert_eq!(said.code, 2, "{arguments:?}");
        assert!(
            said.err.contains("`fmt` has a layout for KDL alone, so leave this file out"),
            "{}",
            said.err
        );
    }
    put(dir.path(), "a.kdl", "stack   \"a\"\n");
    let said = run(dir.path(), &["fmt", "stack.yaml", "a.kdl"]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert_eq!(fs::read_to_string(dir.path().join("a.kdl")).unwrap(), "stack \"a\"\n");
    assert_eq!(fs::read_to_string(dir.path().join("stack.yaml")).unwrap(), "stack: a\n");
}
