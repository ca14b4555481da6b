//! What runs on this machine: who listens on the loopback, and what answers there.
//!
//! Nothing is changed and nothing leaves the machine. A port is asked once, with a GET, and only if it
//! is not known to be somebody who does not speak HTTP: a database counts whoever talks nonsense.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::runner::ports::{self, Listening};
use crate::scrape::text::{Event, Format, parse};

/// How long a port may take to be connected, and to begin its answer.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long the whole answer may take.
const WHOLE: Duration = Duration::from_secs(1);
/// Answers are read so far.
const MAX_BYTES: usize = 4 << 20;
/// No more ports than this are asked.
const MAX_PORTS: usize = 256;
/// Ports of services that do not speak HTTP.
const NOT_HTTP: [u16; 25] = [
    21, 22, 23, 25, 53, 110, 111, 139, 143, 445, 465, 587, 631, 993, 995, 1433, 1521, 2049, 3306,
    3389, 5432, 6379, 11211, 27017, 33060,
];

/// What listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// MySQL or MariaDB.
    Mysql,
    /// PostgreSQL.
    Postgres,
    /// Redis or one of its kind.
    Redis,
    /// nginx, which has no metrics of its own.
    Nginx,
    /// Something with a page of metrics; how many families there are.
    Metrics {
        /// What it is, if its metrics tell.
        known: Option<Known>,
        /// Number of metric families.
        families: usize,
    },
}

/// A program that its metrics tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Prometheus.
    Prometheus,
    /// Alertmanager.
    Alertmanager,
    /// Grafana.
    Grafana,
    /// The node exporter.
    NodeExporter,
    /// The MySQL exporter.
    MysqldExporter,
    /// The push gateway.
    Pushgateway,
    /// Caddy.
    Caddy,
}

impl Known {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Alertmanager => "alertmanager",
            Self::Grafana => "grafana",
            Self::NodeExporter => "node-exporter",
            Self::MysqldExporter => "mysqld-exporter",
            Self::Pushgateway => "pushgateway",
            Self::Caddy => "caddy",
        }
    }
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its port on the loopback.
    pub port: u16,
    /// What it is.
    pub what: What,
    /// The program that listens, if it can be seen.
    pub program: Option<String>,
}

/// What runs on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// What was recognised, by port.
    pub found: Vec<Found>,
    /// Ports that are taken, on whatever address.
    pub taken: BTreeSet<u16>,
}

/// Looks at this machine; `probe` is whether ports may be asked.
pub async fn look(probe: bool) -> Machine {
    let listening = ports::listening();
    let taken = listening.iter().map(|one| one.address.port()).collect();
    let mut local: BTreeMap<u16, (SocketAddr, Option<String>)> = BTreeMap::new();
    for Listening { address, owner } in &listening {
        // The loopback is asked, whatever else is listened on as well.
        let ip = match address.ip() {
            ip if ip.is_loopback() => ip,
            ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            _ => continue,
        };
        let program = owner.as_ref().and_then(|owner| program(&owner.command));
        let entry = local
            .entry(address.port())
            .or_insert_with(|| (SocketAddr::new(ip, address.port()), None));
        entry.1 = entry.1.take().or(program);
    }
    let mut asked = tokio::task::JoinSet::new();
    let mut found = Vec::new();
    for (port, (address, program)) in local {
        if let Some(what) = told(port, program.as_deref()) {
            found.push(Found { port, what, program });
        } else if probe && !NOT_HTTP.contains(&port) && asked.len() < MAX_PORTS {
            asked
                .spawn(async move { Some(Found { port, what: metrics(address).await?, program }) });
        }
    }
    while let Some(answer) = asked.join_next().await {
        found.extend(answer.ok().flatten());
    }
    found.sort_by_key(|one| one.port);
    Machine { found, taken }
}

/// The name of the program in a command line.
fn program(command: &str) -> Option<String> {
    let first = command.split(' ').next()?;
    let name = first.rsplit('/').next()?.trim_end_matches(':');
    (!name.is_empty()).then(|| name.to_owned())
}

/// What needs no question: the program says it, or the port.
fn told(port: u16, program: Option<&str>) -> Option<What> {
    match program {
        // The other ports of a server are for its own protocols.
        Some("mysqld" | "mariadbd") => (port != 33060).then_some(What::Mysql),
        Some("postgres" | "postmaster") => Some(What::Postgres),
        Some("redis-server" | "valkey-server" | "keydb-server") => Some(What::Redis),
        Some("nginx") => Some(What::Nginx),
        Some(_) => None,
        None => match port {
            3306 => Some(What::Mysql),
            5432 => Some(What::Postgres),
            6379 => Some(What::Redis),
            _ => None,
        },
    }
}

/// What the page of metrics at an address tells; `None` without one.
async fn metrics(address: SocketAddr) -> Option<What> {
    let answer = tokio::time::timeout(WHOLE, ask(address)).await.ok()??;
    // A MySQL server speaks first: four bytes of length and number, then version 10 of its protocol.
    if answer.get(3..5) == Some(&[0, 10]) {
        return Some(What::Mysql);
    }
    page(&answer)
}

async fn ask(address: SocketAddr) -> Option<Vec<u8>> {
    let connect = TcpStream::connect(address);
    let mut stream = tokio::time::timeout(PATIENCE, connect).await.ok()?.ok()?;
    let request = format!(
        "GET /metrics HTTP/1.0\r\nHost: {address}\r\nAccept: text/plain;version=0.0.4\r\nUser-Agent: \
         stackctl-init\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = vec![0; 64 << 10];
    let first = tokio::time::timeout(PATIENCE, stream.read(&mut answer)).await.ok()?.ok()?;
    answer.truncate(first);
    // Whoever hangs up has said all there is.
    let _ = stream.take(MAX_BYTES as u64).read_to_end(&mut answer).await;
    Some(answer)
}

/// What an HTTP answer with a page of metrics tells.
fn page(answer: &[u8]) -> Option<What> {
    let split = memchr::memmem::find(answer, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..split]).ok()?;
    let mut status = head.lines().next()?.split(' ');
    if !status.next()?.starts_with("HTTP/1.") || status.next()? != "200" {
        return None;
    }
    let mut families = BTreeSet::new();
    let mut samples = 0;
    let body = answer.get(split + 4..)?;
    parse(body, Format::Prometheus, |event| match event {
        Event::Type { family, .. } => {
            families.insert(family.into_owned());
        }
        Event::Sample(sample) => {
            samples += 1;
            let name = sample.series.split('{').next().unwrap_or_default();
            if let Some(info) = name.strip_suffix("_build_info") {
                families.insert(format!("{info}_build_info"));
            }
        }
        _ => {}
    })
    .ok()?;
    if samples == 0 {
        return None;
    }
    let has = |name: &str| families.contains(name);
    let begins = |start: &str| families.iter().any(|family| family.starts_with(start));
    let known = [
        // Programs that carry others within them are told by what only they have.
        (has("alertmanager_build_info"), Known::Alertmanager),
        (has("grafana_build_info"), Known::Grafana),
        (has("pushgateway_build_info"), Known::Pushgateway),
        (has("prometheus_build_info"), Known::Prometheus),
        (has("node_exporter_build_info"), Known::NodeExporter),
        (has("mysqld_exporter_build_info") || has("mysql_up"), Known::MysqldExporter),
        (begins("caddy_"), Known::Caddy),
    ];
    let known = known.into_iter().find(|(is, _)| *is).map(|(_, known)| known);
    Some(What::Metrics { known, families: families.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{body}").into_bytes()
    }

    #[test]
    fn pages_of_metrics_tell_who_they_are_of() {
        let known = |body: &str| match page(&answer(body)) {
            Some(What::Metrics { known, families }) => Some((known, families)),
            _ => None,
        };
        assert_eq!(known("# TYPE a counter\na 1\n# TYPE b gauge\nb{x=\"y\"} 2\n"), Some((None, 2)));
        assert_eq!(
            known("# TYPE prometheus_build_info gauge\nprometheus_build_info{v=\"1\"} 1\n"),
            Some((Some(Known::Prometheus), 1))
        );
        assert_eq!(
            known("# TYPE mysql_up gauge\nmysql_up 1\n"),
            Some((Some(Known::MysqldExporter), 1))
        );
        assert_eq!(known("<html>metrics</html>\n"), None);
        assert_eq!(known(""), None);
        assert_eq!(page(b"HTTP/1.1 401 Unauthorized\r\n\r\na 1\n"), None);
        assert_eq!(page(b"-ERR unknown command\r\n"), None);
    }

    #[test]
    fn programs_and_ports_tell_what_needs_no_question() {
        assert_eq!(program("/usr/sbin/mariadbd --port=1"), Some("mariadbd".to_owned()));
        assert_eq!(program("nginx: master process"), Some("nginx".to_owned()));
        assert_eq!(program(""), None);
        assert_eq!(told(13306, Some("mysqld")), Some(What::Mysql));
        assert_eq!(told(33060, Some("mysqld")), None);
        assert_eq!(told(3306, None), Some(What::Mysql));
        assert_eq!(told(3306, Some("my-own")), None);
    }
}
