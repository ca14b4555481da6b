//! Processes of supervisord, asked over XML-RPC (supervisord.org/api.html).

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use base64::Engine;
use url::Url;

use super::{CollectError, Collector, Families, Host, Metric, Off};

const PROCESS: &[&str] = &["name", "group"];
const UP: Metric =
    Metric::gauge("node_supervisord_up", "Whether a process is running.").with(PROCESS);
const STATE: Metric = Metric::gauge(
    "node_supervisord_state",
    "State of a process as supervisord numbers it; 20 is running.",
)
.with(PROCESS);
const EXIT: Metric =
    Metric::gauge("node_supervisord_exit_status", "Exit status of a process.").with(PROCESS);
const START: Metric = Metric::counter(
    "node_supervisord_start_time_seconds",
    "When a running process was started, in Unix time.",
)
.with(PROCESS);

pub(super) const COLLECTOR: Collector =
    Collector { name: "supervisord", start: Off, metrics: &[UP, STATE, EXIT, START], collect };

const CALL: &str = "<?xml version=\"1.0\"?><methodCall><methodName>\
    supervisor.getAllProcessInfo</methodName><params></params></methodCall>";
const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST: u64 = 16 << 20;
/// Starting, running and stopping: there is a process.
const RUNNING: [i64; 3] = [10, 20, 40];

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let url = &host.settings.opt_in.plain.supervisord_url;
    let wrong = |reason: String| CollectError::Other(format!("supervisord at {url}: {reason}"));
    let parsed = Url::parse(url).map_err(|err| wrong(err.to_string()))?;
    let answer = ask(&parsed).map_err(|err| wrong(err.to_string()))?;
    let processes = structs(&answer).map_err(wrong)?;
    for process in processes {
        let text = |name: &str| process.get(name).map_or("", String::as_str);
        let number = |name: &str| text(name).parse::<i64>().unwrap_or(0);
        let labels = [text("name"), text("group")];
        let state = number("state");
        let running = RUNNING.contains(&state);
        out.put(&STATE, &labels, state as f64);
        out.put(&EXIT, &labels, number("exitstatus") as f64);
        out.put(&UP, &labels, f64::from(u8::from(running)));
        if running {
            out.put(&START, &labels, number("start") as f64);
        }
    }
    Ok(())
}

/// The body of supervisord's answer. The call asks for HTTP/1.0, so that the answer ends with the
/// connection.
fn ask(url: &Url) -> io::Result<String> {
    let invalid = |reason: &str| io::Error::new(io::ErrorKind::InvalidInput, reason.to_owned());
    let path = if url.scheme() == "unix" { "/RPC2" } else { url.path() };
    let host = url.host_str().unwrap_or("localhost");
    let user = match (url.username(), url.password()) {
        ("", _) => String::new(),
        (name, password) => {
            let user = format!("{name}:{}", password.unwrap_or_default());
            let user = base64::engine::general_purpose::STANDARD.encode(user);
            format!("Authorization: Basic {user}\r\n")
        }
    };
    let length = CALL.len();
    let request = format!(
        "POST {path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: text/xml\r\n{user}\
         Content-Length: {length}\r\n\r\n{CALL}"
    );
    let mut answer = Vec::new();
    match url.scheme() {
        "unix" => {
            let mut stream = UnixStream::connect(url.path())?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(request.as_bytes())?;
            stream.take(LONGEST).read_to_end(&mut answer)?;
        }
        "http" => {
            let port = url.port_or_known_default().unwrap_or(80);
            let mut last = invalid("the host has no address");
            // `localhost` may be two addresses, of which supervisord uses one.
            let stream =
                (host.trim_matches(['[', ']']), port).to_socket_addrs()?.find_map(|address| {
                    TcpStream::connect_timeout(&address, PATIENCE).map_err(|err| last = err).ok()
                });
            let Some(mut stream) = stream else { return Err(last) };
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(request.as_bytes())?;
            stream.take(LONGEST).read_to_end(&mut answer)?;
        }
        _ => return Err(invalid("the URL begins with http:// or unix://")),
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(io::Error::other(status.to_owned()));
    }
    Ok(body.to_owned())
}

/// The structures of an answer with the texts of their members. Only what XML-RPC has is understood:
/// elements without attributes, and no comments between them.
fn structs(xml: &str) -> Result<Vec<BTreeMap<String, String>>, String> {
    let mut all = Vec::new();
    let (mut name, mut fault) = (None, false);
    for piece in xml.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').ok_or("the answer is cut")?;
        match tag.trim() {
            "fault" => fault = true,
            "struct" => all.push(BTreeMap::new()),
            "name" => name = Some(unescape(text)),
            // The text of a value, which is a string when it has no element of its own.
            "value" | "int" | "i4" | "string" | "boolean" | "double" => {
                if let (Some(name), Some(members)) = (&name, all.last_mut()) {
                    members.insert(name.clone(), unescape(text));
                }
            }
            "/member" => name = None,
            _ => {}
        }
    }
    if fault {
        let message = all.iter().find_map(|members| members.get("faultString"));
        return Err(message.cloned().unwrap_or_else(|| "it refuses the call".to_owned()));
    }
    Ok(all)
}

fn unescape(text: &str) -> String {
    let mut out = text.to_owned();
    for (code, plain) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")] {
        if out.contains(code) {
            out = out.replace(code, plain);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::exporters::node::host::fixture;

    const ANSWER: &str = "HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\n\r\n<?xml version='1.0'?>\n\
        <methodResponse>\n<params>\n<param>\n<value><array><data>\n<value><struct>\n<member>\n\
        <name>name</name>\n<value><string>web &amp; more</string></value>\n</member>\n<member>\n\
        <name>group</name>\n<value>site</value>\n</member>\n<member>\n<name>state</name>\n\
        <value><int>20</int></value>\n</member>\n<member>\n<name>start</name>\n\
        <value><int>1700000000</int></value>\n</member>\n</struct></value>\n<value><struct>\n<member>\n\
        <name>name</name>\n<value><string>job</string></value>\n</member>\n<member>\n<name>state</name>\n\
        <value><int>100</int></value>\n</member>\n<member>\n<name>exitstatus</name>\n\
        <value><int>-9</int></value>\n</member>\n</struct></value>\n</data></array></value>\n</param>\n\
        </params>\n</methodResponse>\n";

    fn serve(mut stream: impl Read + Write, answer: &str) -> String {
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"</methodCall>") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
            request.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).expect("sent");
        String::from_utf8(request).expect("text")
    }

    fn host(url: String) -> Host {
        fixture::host_with(|config| config.opt_in.supervisord_url = url)
    }

    #[test]
    fn processes_are_shown_over_tcp_with_the_password_of_the_url() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let server =
            std::thread::spawn(move || serve(listener.accept().expect("a connection").0, ANSWER));
        let url = format!("http://me:secret@127.0.0.1:{port}/RPC2");
        assert_eq!(
            fixture::samples(&COLLECTOR, &host(url)),
            "node_supervisord_exit_status{group=\"\",name=\"job\"} -9\n\
             node_supervisord_exit_status{group=\"site\",name=\"web & more\"} 0\n\
             node_supervisord_start_time_seconds{group=\"site\",name=\"web & more\"} 1.7e+09\n\
             node_supervisord_state{group=\"\",name=\"job\"} 100\n\
             node_supervisord_state{group=\"site\",name=\"web & more\"} 20\n\
             node_supervisord_up{group=\"\",name=\"job\"} 0\n\
             node_supervisord_up{group=\"site\",name=\"web & more\"} 1\n"
        );
        let request = server.join().expect("served");
        assert!(request.starts_with("POST /RPC2 HTTP/1.0\r\n"), "{request}");
        assert!(request.contains("Authorization: Basic bWU6c2VjcmV0\r\n"), "{request}");
    }

    #[test]
    fn a_socket_in_the_file_system_is_asked_and_its_refusal_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("supervisor.sock");
        let listener = UnixListener::bind(&path).expect("a socket");
        let server = std::thread::spawn(move || {
            let fault = "HTTP/1.0 200 OK\r\n\r\n<methodResponse><fault><value><struct><member>\
                <name>faultString</name><value><string>SHUTDOWN_STATE</string></value></member>\
                </struct></value></fault></methodResponse>";
            for answer in [fault, "HTTP/1.0 401 Unauthorized\r\n\r\n"] {
                serve(listener.accept().expect("a connection").0, answer);
            }
        });
        let host = host(format!("unix://{}", path.display()));
        for reason in ["SHUTDOWN_STATE", "401 Unauthorized"] {
            let err = collect(&host, &mut Families::default()).expect_err("refused").to_string();
            assert!(err.contains(reason), "{err}");
        }
        server.join().expect("served");
        assert!(collect(&host, &mut Families::default()).is_err(), "nobody listens any more");
    }
}
