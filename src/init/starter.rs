//! The nodes of a starter manifest.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Folder, Found, Known, Machine, What, rules};
use crate::import::kdl::{Node, Value};
use crate::manifest::address::{MYSQLD_EXPORTER_PORT, NODE_EXPORTER_PORT};

/// Where the MySQL server is that the exporter watches.
enum Mysql {
    /// On this machine.
    Here(u16),
    /// A service of the compose file.
    Service(String),
}

/// Everything, in the order of the file.
pub fn nodes(machine: &Machine, folder: &Folder) -> Vec<Node> {
    let mut services = services(machine, folder);
    let published: BTreeSet<u16> =
        services.iter().flat_map(|service| service.ports.clone()).collect();
    let mut taken: BTreeSet<u16> = machine.taken.union(&published).copied().collect();
    let mut free = |usual: u16| -> (u16, bool) {
        let port = (usual..=u16::MAX).find(|port| !taken.contains(port)).unwrap_or(usual);
        taken.insert(port);
        (port, port == usual)
    };
    // What a container publishes is seen as its service, not as a program of the machine.
    let found: Vec<&Found> =
        machine.found.iter().filter(|found| !published.contains(&found.port)).collect();
    let theirs = found.iter().any(|found| is(found, Known::MysqldExporter));
    let in_containers = services.iter().filter(|service| service.mysql && service.runs);
    let in_containers = in_containers.map(|service| Mysql::Service(service.name.clone()));
    let here = found.iter().filter(|found| found.what == What::Mysql);
    let here = here.map(|found| Mysql::Here(found.port));
    // An exporter that runs has a user already.
    let mysql: Vec<Mysql> = if theirs { Vec::new() } else { in_containers.chain(here).collect() };

    let mut nodes = vec![head(folder)];
    let mut volumes = Node::new("volumes").arg("prometheus_data").arg("grafana_data");
    if let Some(compose) = &folder.compose {
        for place in &compose.places {
            match place.name.as_str() {
                "volumes" => volumes.args.extend(place.args.clone()),
                _ => nodes.push(place.clone()),
            }
        }
    }
    nodes.push(volumes);
    nodes.push(
        Node::new("secret")
            .arg("slack_hook")
            .prop("env", Some("SLACK_WEBHOOK_URL"))
            .comment("A secret is named here and never read by `validate` or `render`.")
            .off(),
    );
    if !mysql.is_empty() {
        nodes.push(
            Node::new("secret")
                .arg("mysql_exporter")
                .prop("file", Some("./secrets/mysql_exporter"))
                .comment("The password of the MySQL exporter.")
                .off(),
        );
    }
    nodes.extend(
        services.iter_mut().map(|service| std::mem::replace(&mut service.node, Node::new(""))),
    );
    let (port, usual) = free(NODE_EXPORTER_PORT);
    let mut comment = "The machine: processors, memory, disks, network.".to_owned();
    if !usual {
        let _ = write!(comment, "\nPort {NODE_EXPORTER_PORT} is taken, so it listens on {port}.");
    }
    let mut node = Node::new("exporter").arg("node").comment(comment);
    if !usual {
        node = node.prop("port", Some(u64::from(port)));
    }
    nodes.push(node);
    for (at, mysql) in mysql.iter().enumerate() {
        nodes.push(exporter(mysql, at == 0, free(MYSQLD_EXPORTER_PORT)));
    }
    let (port, usual) = free(9090);
    nodes.push(prometheus(&found, folder, port, usual));
    nodes.push(rules::machine());
    if theirs || !mysql.is_empty() {
        nodes.push(rules::mysql());
    }
    nodes.push(rules::test());
    nodes.push(alertmanager());
    nodes.push(grafana(free(3000), !mysql.is_empty()));
    nodes.push(
        Node::new("profile")
            .arg("prod")
            .child(Node::new("lint").prop("deny", Some("security")))
            .comment(
                "Production: `stackctl validate --profile prod` then says what is lacking, and what to \
                 write: TLS, users,\nlimits, health checks.",
            )
            .off(),
    );
    nodes
}

fn head(folder: &Folder) -> Node {
    let mut comment = String::from(
        "Made by `stackctl init` of what runs here. Next:\n\n    stackctl validate       what is wrong, \
         and where\n    stackctl up             the whole stack, natively\n    stackctl render -o out  \
         configuration for containers",
    );
    if !folder.configuration.is_empty() {
        let _ = write!(
            comment,
            "\n\nThere is configuration already: {}.\n`stackctl import` carries it over.",
            folder.configuration.join(", ")
        );
    }
    if let Some(compose) = folder.compose.as_ref().filter(|compose| !compose.parts.is_empty()) {
        let _ = write!(
            comment,
            "\n\n{} has monitoring of its own ({}), which this stack takes the place of;\n`stackctl \
             import` carries its settings over.",
            compose.path,
            compose.parts.join(", ")
        );
    }
    Node::new("stack")
        .arg(crate::model::slug(&folder.name))
        .prop("manifest", Some(1_u64))
        .comment(comment)
}

fn is(found: &Found, wanted: Known) -> bool {
    matches!(&found.what, What::Metrics { known: Some(known), .. } if *known == wanted)
}

/// A service of the compose file.
struct Service {
    name: String,
    node: Node,
    /// Its ports on the host.
    ports: Vec<u16>,
    mysql: bool,
    /// Whether one of its ports answers now.
    runs: bool,
}

fn services(machine: &Machine, folder: &Folder) -> Vec<Service> {
    let Some(compose) = &folder.compose else { return Vec::new() };
    let mut services: Vec<Service> =
        compose.services.iter().map(|node| service(node, machine)).collect();
    if let Some(first) = services.first_mut() {
        first.node.comment = Some(format!("The services of {}.", compose.path));
    }
    services
}

fn service(node: &Node, machine: &Machine) -> Service {
    let mut node = node.clone();
    let name = text(node.args.first()).unwrap_or_default().to_owned();
    let image = node.children.iter().find(|child| child.name == "image");
    let image = image.and_then(|image| text(image.args.first())).unwrap_or_default();
    let image = image.split([':', '@']).next().unwrap_or_default();
    let mysql = ["mysql", "mariadb", "percona", "mysql-server"]
        .contains(&image.rsplit('/').next().unwrap_or_default());
    // Inside and outside.
    let ports: Vec<(u16, u16)> = node
        .children
        .iter()
        .filter(|child| child.name == "port")
        .filter_map(|port| {
            let inside = number(port.args.first())?;
            let host = port.props.iter().find(|(name, _)| name == "host");
            Some((inside, host.and_then(|(_, value)| number(Some(value))).unwrap_or(inside)))
        })
        .collect();
    let running = ports.iter().find(|(_, host)| machine.taken.contains(host));
    let page = ports.iter().find(|(_, host)| {
        machine
            .found
            .iter()
            .any(|found| found.port == *host && matches!(found.what, What::Metrics { .. }))
    });
    if let Some((inside, _)) = page {
        let metrics = Node::new("metrics")
            .prop("port", Some(u64::from(*inside)).filter(|_| ports.len() > 1))
            .prop("open", Some(true))
            .comment("It answers /metrics; name its metrics here, and the lint knows them.");
        node.push(metrics);
    }
    if let Some((_, host)) = page.or(running) {
        node.push(
            Node::new("native")
                .prop("external", Some(format!("127.0.0.1:{host}")))
                .comment("It runs: `up` watches it and does not start it."),
        );
    }
    let runs = running.is_some();
    Service { name, node, ports: ports.into_iter().map(|(_, host)| host).collect(), mysql, runs }
}

fn text(value: Option<&Value>) -> Option<&str> {
    match value? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn number(value: Option<&Value>) -> Option<u16> {
    match value? {
        Value::Number(number) => number.parse().ok(),
        _ => None,
    }
}

fn exporter(mysql: &Mysql, first: bool, (port, usual): (u16, bool)) -> Node {
    let (target, whence, name) = match mysql {
        Mysql::Here(port) => (format!("127.0.0.1:{port}"), "127.0.0.1", format!("mysql-{port}")),
        Mysql::Service(name) => (name.clone(), "%", format!("mysql-{name}")),
    };
    let mut comment = if first {
        format!(
            "MySQL. The exporter logs in as the user `exporter`, who may look and not touch:\n\n    CREATE \
             USER 'exporter'@'{whence}' IDENTIFIED BY '…' WITH MAX_USER_CONNECTIONS 3;\n    GRANT \
             PROCESS, REPLICATION CLIENT, SELECT ON *.* TO 'exporter'@'{whence}';\n\nPut the password \
             into ./secrets/mysql_exporter, and uncomment the secret above and `password` here."
        )
    } else {
        "Another MySQL server; it needs such a user, too.".to_owned()
    };
    if !usual && first {
        let _ = write!(comment, "\nPort {MYSQLD_EXPORTER_PORT} is taken, so it listens on {port}.");
    }
    let mut node = Node::new("exporter").comment(comment);
    node = if first { node.arg("mysql") } else { node.arg(name).prop("kind", Some("mysql")) };
    if !usual {
        node = node.prop("port", Some(u64::from(port)));
    }
    node.set("target", Some(target));
    node.set("user", Some("exporter"));
    node.push(
        Node::new("password").arg(Value::Tagged("secret", "mysql_exporter".to_owned())).off(),
    );
    node
}

fn prometheus(found: &[&Found], folder: &Folder, port: u16, usual: bool) -> Node {
    let mut node = Node::new("prometheus").prop("port", Some(u64::from(port)));
    if !usual {
        node = node.comment(format!("Port 9090 is taken, so it listens on {port}."));
    }
    node.set("scrape_interval", Some("15s"));
    node.set("evaluation_interval", Some("15s"));
    node.push(Node::new("retention").prop("time", Some("15d")).prop("size", Some("5GB")));
    node.set("data", Some("prometheus_data"));
    node.push(Node::new("scrape").arg("grafana").prop("enabled", Some(false)).comment(
        "Grafana runs in containers only: natively its job would show a target that is down.",
    ));
    for found in found {
        node.children.extend(job(found));
    }
    // An application that answers already needs no advice.
    let own = found.iter().any(|found| matches!(found.what, What::Metrics { known: None, .. }));
    if !folder.hints.is_empty() && !own {
        node.push(
            Node::new("scrape")
                .arg("app")
                .child(Node::new("target").arg("127.0.0.1:8000"))
                .comment(format!(
                    "This folder has {}. Once the application answers /metrics:",
                    folder.hints.join(", ")
                ))
                .off(),
        );
    }
    node
}

/// A job for something that was found, or how there could be one.
fn job(found: &Found) -> Option<Node> {
    let port = found.port;
    let target = |port: u16| Node::new("target").arg(format!("127.0.0.1:{port}"));
    let program = found.program.as_deref();
    let beside = |name: &str, exporter: &str, port: u16, what: &str| {
        let comment = format!(
            "{what} listens on port {}. With {exporter} beside it there is something to scrape:",
            found.port
        );
        Some(Node::new("scrape").arg(name).child(target(port)).comment(comment).off())
    };
    match &found.what {
        What::Metrics { known, families } => {
            let name = known.map_or_else(
                || format!("{}-{port}", application(program)),
                |known| format!("{}-{port}", known.name()),
            );
            let who = program.map_or_else(String::new, |program| format!(" ({program})"));
            let plural = if *families == 1 { "y" } else { "ies" };
            let comment =
                format!("Port {port}{who} answers /metrics with {families} metric famil{plural}.");
            Some(Node::new("scrape").arg(name).child(target(port)).comment(comment))
        }
        What::Postgres => beside("postgres", "postgres_exporter", 9187, "PostgreSQL"),
        What::Redis => beside("redis", "redis_exporter", 9121, "Redis"),
        What::Nginx => beside("nginx", "nginx-prometheus-exporter", 9113, "nginx"),
        What::Mysql => None,
    }
}

/// What an application is called: its program, unless that only runs other people's.
fn application(program: Option<&str>) -> String {
    let name = crate::model::slug(program.unwrap_or("app"));
    let runs_others =
        ["python", "node", "php", "ruby", "java", "perl", "deno", "bun", "docker", "rootless"];
    if runs_others.iter().any(|start| name.starts_with(start)) { "app".to_owned() } else { name }
}

fn alertmanager() -> Node {
    let slack = Node::new("slack")
        .prop("channel", Some("#ops"))
        .prop("api_url", Some(Value::Tagged("secret", "slack_hook".to_owned())));
    Node::new("alertmanager")
        .child(Node::new("receiver").arg("ops").child(slack))
        .child(Node::new("route").arg("ops").child(Node::new("group_by").arg("alertname").arg("job")))
        .comment(
            "Who hears of an alert. Until then alerts are seen at /alerts. Uncomment it together with the \
             secret\n`slack_hook`, and take `alertmanager-missing` out of `lint`; a receiver may also be \
             a `webhook`, `email`,\n`pagerduty`, `telegram` or `discord`.",
        )
        .off()
}

fn grafana((port, usual): (u16, bool), mysql: bool) -> Node {
    let mut node = Node::new("grafana").prop("port", Some(u64::from(port)));
    if !usual {
        node = node.comment(format!("Port 3000 is taken, so it listens on {port}."));
    }
    node.push(
        Node::new("admin")
            .arg("admin")
            .prop("password", Some(Value::Tagged("env", "GRAFANA_ADMIN_PASSWORD".to_owned()))),
    );
    node.set("data", Some("grafana_data"));
    let board = |title: &str, row: &str, page: &str| {
        Node::new("dashboard")
            .arg(title)
            .prop("refresh", Some("30s"))
            .child(Node::new("row").arg(row).child(Node::new("use").arg(page)))
    };
    node.push(board("Machine", "Overview", "node/overview"));
    if mysql {
        node.push(board("MySQL", "Overview", "mysql/overview"));
    }
    node.push(board("Monitoring", "Prometheus", "prometheus/overview"));
    node
}

#[cfg(test)]
mod tests {
    use super::super::starter;
    use super::*;
    use crate::diag::Findings;
    use crate::manifest::{self, Format};
    use crate::{check, import::ComposeFile};

    fn found(port: u16, what: What) -> Found {
        Found { port, what, program: None }
    }

    fn machine(found: Vec<Found>) -> Machine {
        let taken = found.iter().map(|found| found.port).collect();
        Machine { found, taken }
    }

    /// The text in both notations; neither has a finding, and both mean the same.
    #[track_caller]
    fn checked(machine: &Machine, folder: &Folder) -> String {
        let stack = |name: &str, format| {
            let text = starter(machine, folder, name.as_ref(), format).text;
            let mut loaded = manifest::parse(name, &text, format, None).unwrap();
            let levels = check::Levels::default();
            check::run(&loaded.stack, &loaded.files, &mut loaded.findings, &levels);
            let said: Findings = loaded.findings;
            assert!(said.is_empty(), "{text}\n{said:?}");
            (text, loaded.stack)
        };
        let (text, kdl) = stack("stack.kdl", Format::Kdl);
        let (_, yaml) = stack("stack.yaml", Format::Yaml);
        assert_eq!(kdl, yaml, "{text}");
        assert_eq!(manifest::format(&text).ok().as_deref(), Some(&*text));
        text
    }

    #[test]
    fn an_empty_machine_gets_a_good_starter() {
        let text =
            checked(&Machine::default(), &Folder { name: "My Shop".into(), ..Folder::default() });
        assert!(text.contains("stack \"my-shop\"") && text.contains("exporter \"node\""), "{text}");
        assert!(text.contains("prometheus port=9090"), "{text}");
    }

    #[test]
    fn everything_that_can_be_found_at_once() {
        let page = |known| What::Metrics { known, families: 3 };
        let all = machine(vec![
            found(80, What::Nginx),
            found(2019, page(Some(Known::Caddy))),
            found(3000, page(Some(Known::Grafana))),
            found(3306, What::Mysql),
            found(3307, What::Mysql),
            found(5432, What::Postgres),
            found(6379, What::Redis),
            found(8000, page(None)),
            found(9090, page(Some(Known::Prometheus))),
            found(9091, page(Some(Known::Pushgateway))),
            found(9093, page(Some(Known::Alertmanager))),
            found(9100, page(Some(Known::NodeExporter))),
        ]);
        let folder = Folder {
            name: "x".into(),
            configuration: vec!["prometheus/prometheus.yml".into()],
            hints: vec!["a Dockerfile"],
            ..Folder::default()
        };
        let text = checked(&all, &folder);
        for part in [
            "`stackctl import` carries it over",
            "prometheus port=9092",
            "exporter \"node\" port=9101",
            "grafana port=3001",
            "exporter \"mysql\" {\n    target \"127.0.0.1:3306\"",
            "exporter \"mysql-3307\" kind=\"mysql\" port=9105 {\n    target \"127.0.0.1:3307\"",
            "scrape \"app-8000\" {\n        target \"127.0.0.1:8000\"",
            "scrape \"caddy-2019\"",
            "// scrape \"postgres\" {",
            "alert \"MysqlDown\"",
            "use \"mysql/overview\"",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        // One that has an exporter already needs none of ours.
        let theirs =
            machine(vec![found(3306, What::Mysql), found(9104, page(Some(Known::MysqldExporter)))]);
        let text = checked(&theirs, &folder);
        assert!(text.contains("scrape \"mysqld-exporter-9104\""), "{text}");
        assert!(!text.contains("exporter \"mysql\"") && text.contains("MysqlDown"), "{text}");
    }

    #[test]
    fn ports_of_services_are_left_to_them() {
        let port = Node::new("port").arg(8000_u64).prop("host", Some(9090_u64));
        let image = Node::new("image").arg("shop/app:1");
        let service = Node::new("service").arg("app").child(image).child(port);
        let compose = ComposeFile {
            path: "compose.yaml".into(),
            services: vec![service],
            ..ComposeFile::default()
        };
        let folder = Folder { name: "x".into(), compose: Some(compose), ..Folder::default() };
        let text = checked(&Machine::default(), &folder);
        assert!(text.contains("prometheus port=9091"), "{text}");
        assert!(!text.contains("native external"), "it does not run\n{text}");
        let what = What::Metrics { known: None, families: 1 };
        let text = checked(&machine(vec![found(9090, what)]), &folder);
        assert!(text.contains("metrics open=#true"), "{text}");
        assert!(text.contains("native external=\"127.0.0.1:9090\""), "{text}");
    }
}
