//! Services of a compose file that are parts of a monitoring stack: what they are is told by their
//! images, what they do by their command lines.

use super::compose::{Scope, attach, command, environment, settled};
use super::context::Context;
use super::kdl::{Node, Value};
use super::reach::{mounted, port_options, published};
use super::source::{Fields, get, items, scalar};
use crate::diag::Span;
use crate::manifest::yaml::Yaml;
use crate::render::versions::Product;

/// A part of a monitoring stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// node_exporter.
    Node,
    /// mysqld_exporter.
    Mysql,
    /// Pushgateway.
    Pushgateway,
    /// Prometheus.
    Prometheus,
    /// Alertmanager.
    Alertmanager,
    /// Grafana.
    Grafana,
}

/// What a kind of part is made of.
struct Known {
    product: Product,
    /// Last parts of the names of its images.
    images: &'static [&'static str],
    host: &'static str,
    port: u16,
    /// Where it keeps its data.
    data: Option<&'static str>,
    /// The node of a manifest.
    node: &'static str,
    argument: Option<&'static str>,
}

impl Kind {
    /// The part that runs from an image.
    pub fn of(image: &str) -> Option<Self> {
        let image = image.split('@').next().unwrap_or(image);
        let end = image.rfind('/').map_or(0, |at| at + 1);
        let repository = image[end..].find(':').map_or(image, |at| &image[..end + at]);
        let all = [
            Self::Node,
            Self::Mysql,
            Self::Pushgateway,
            Self::Prometheus,
            Self::Alertmanager,
            Self::Grafana,
        ];
        all.into_iter().find(|kind| {
            let fits = |name: &str| repository == name || repository.ends_with(&format!("/{name}"));
            kind.known().images.iter().any(|name| fits(name))
        })
    }

    /// Host name on the networks of a stack.
    pub fn host(self) -> &'static str {
        self.known().host
    }

    /// The port it listens on inside of its container.
    pub fn port(self) -> u16 {
        self.known().port
    }

    fn known(self) -> Known {
        match self {
            Self::Node => Known {
                product: Product::NodeExporter,
                images: &["prom/node-exporter", "prometheus/node-exporter"],
                host: "node-exporter",
                port: 9100,
                data: None,
                node: "exporter",
                argument: Some("node"),
            },
            Self::Mysql => Known {
                product: Product::MysqldExporter,
                images: &["prom/mysqld-exporter", "prometheus/mysqld-exporter"],
                host: "mysql-exporter",
                port: 9104,
                data: None,
                node: "exporter",
                argument: Some("mysql"),
            },
            Self::Pushgateway => Known {
                product: Product::Pushgateway,
                images: &["prom/pushgateway", "prometheus/pushgateway"],
                host: "pushgateway",
                port: 9091,
                data: None,
                node: "pushgateway",
                argument: None,
            },
            Self::Prometheus => Known {
                product: Product::Prometheus,
                images: &["prom/prometheus", "prometheus/prometheus"],
                host: "prometheus",
                port: 9090,
                data: Some("/prometheus"),
                node: "prometheus",
                argument: None,
            },
            Self::Alertmanager => Known {
                product: Product::Alertmanager,
                images: &["prom/alertmanager", "prometheus/alertmanager"],
                host: "alertmanager",
                port: 9093,
                data: Some("/alertmanager"),
                node: "alertmanager",
                argument: None,
            },
            Self::Grafana => Known {
                product: Product::Grafana,
                images: &["grafana/grafana", "grafana/grafana-oss", "grafana/grafana-enterprise"],
                host: "grafana",
                port: 3000,
                data: Some("/var/lib/grafana"),
                node: "grafana",
                argument: None,
            },
        }
    }

    /// A node for the part with nothing said of it.
    pub fn node(self) -> Node {
        let known = self.known();
        Node::new(known.node).args(known.argument)
    }
}

/// Reads a service that is a part.
pub fn read(kind: Kind, fields: &mut Fields<'_>, scope: &Scope<'_>, context: &mut Context) -> Node {
    let known = kind.known();
    let what = format!("`{}`", known.host);
    let mut node = kind.node();
    if let Some(image) = fields.take("image") {
        let text = scalar(image).and_then(|text| settled(text, "the image", image.span, context));
        if let Some(text) = text {
            let version = text.rsplit_once(':').map(|(_, tag)| tag.trim_start_matches('v'));
            match version.filter(|version| known.product.image(Some(version)) == text) {
                Some(version) => node = node.prop("version", Some(version)),
                None => node.set("image", Some(text)),
            }
        }
    }
    let mut said = false;
    for port in fields.items("ports") {
        match published(port) {
            Some(one) if one.inside == kind.port() && !said => {
                said = true;
                let other = one.outside != kind.port();
                node = node.prop("port", Some(u64::from(one.outside)).filter(|_| other));
                port_options(&what, port, context);
                node = node.prop("bind", Some(one.bind).filter(|bind| bind != "127.0.0.1"));
            }
            _ => context.notes.lost(port.span, &format!("this port of {what}")),
        }
    }
    if !said {
        let message = format!("{what} was not published, and is now, to 127.0.0.1");
        context.notes.changed(fields.span, message);
    }
    for volume in fields.items("volumes") {
        let Some(mount) = mounted(volume, scope.folder) else {
            context.notes.lost(volume.span, &format!("this mount of {what}"));
            continue;
        };
        let named = !mount.source.starts_with(['.', '/']);
        match known.data {
            Some(data) if mount.inside == data && named => node.set("data", Some(mount.source)),
            // The machine's own files belong to the exporter. Configuration comes out of the manifest:
            // what lies elsewhere is named, unless some configuration asks for it.
            _ if kind == Kind::Node && !named => {}
            _ if !named && known.data.is_none_or(|data| mount.inside != data) => {}
            _ => context.notes.lost(volume.span, &format!("this mount of {what}")),
        }
    }
    attach(fields, &mut node, scope, context);
    if let Some(line) = fields.take("command") {
        let mut flags = Flags::of(line);
        flags.read(kind, &mut node, context);
        flags.finish(&what, context);
    }
    if let Some(env) = fields.take("environment") {
        let env = environment(&what, env, context);
        match kind {
            Kind::Grafana => grafana_env(env, &mut node),
            Kind::Mysql => mysql_env(env, &mut node),
            _ => {
                for (name, _) in env {
                    context.notes.lost(fields.span, &format!("`{name}` of {what}"));
                }
            }
        }
    }
    own_ways(kind, fields, &what, context);
    // A part waits for what it needs, and has the secrets that its configuration names.
    for key in ["depends_on", "secrets", "expose"] {
        fields.take(key);
    }
    node
}

/// Every part is started again and asked for its health in a way of its own, and the node exporter sees
/// all of the machine: where that was different it is named.
fn own_ways(kind: Kind, fields: &mut Fields<'_>, what: &str, context: &mut Context) {
    if let Some(restart) = fields.take("restart")
        && !matches!(scalar(restart), Some("unless-stopped" | "always"))
    {
        let message = format!("{what} is started again whenever it ends");
        context.notes.changed(restart.span, message);
    }
    if let Some(check) = fields.take("healthcheck") {
        let test = get(check, "test").map(command).unwrap_or_default().join(" ");
        let usual = ["/-/ready", "/-/healthy", "/api/health", "/metrics"];
        if !usual.iter().any(|page| test.contains(page)) {
            let message =
                format!("the health check of {what} is the one that the stack has for it");
            context.notes.changed(check.span, message);
        }
    }
    if kind != Kind::Node {
        return;
    }
    let pid = fields.take("pid").and_then(scalar) == Some("host");
    let root = fields
        .items("volumes")
        .iter()
        .any(|volume| mounted(volume, "").is_some_and(|mount| mount.source == "/"));
    let more = match (pid, root) {
        (true, true) => return,
        (true, false) => "all files of the machine (`/`, read-only)",
        (false, true) => "all processes of the machine (`pid: host`)",
        (false, false) => {
            "all processes and files of the machine (`pid: host`, and `/`, read-only)"
        }
    };
    context.notes.changed(fields.span, format!("{what} sees {more} from now on"));
}

/// A command line whose flags are taken one by one.
struct Flags {
    words: Vec<(String, Span)>,
}

impl Flags {
    fn of(line: &Yaml) -> Self {
        // Words of one text have the place of the whole.
        let place = |at: usize| items(line).get(at).map_or(line.span, |word| word.span);
        let words = command(line).into_iter().enumerate().map(|(at, word)| (word, place(at)));
        Self { words: words.collect() }
    }

    /// The value of `--name=value` or `--name value`; empty for a flag alone.
    fn take(&mut self, name: &str) -> Option<String> {
        let flag = format!("--{name}");
        let at = self.words.iter().position(|(word, _)| {
            word.strip_prefix(&flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })?;
        let (word, _) = self.words.remove(at);
        if let Some((_, value)) = word.split_once('=') {
            return Some(value.to_owned());
        }
        let value = self.words.get(at).is_some_and(|(next, _)| !next.starts_with("--"));
        Some(if value { self.words.remove(at).0 } else { String::new() })
    }

    fn read(&mut self, kind: Kind, node: &mut Node, context: &mut Context) {
        match kind {
            Kind::Prometheus => {
                if let Some(file) = self.take("config.file") {
                    context.host_path("prometheus", &file);
                }
                self.prometheus(node);
            }
            Kind::Alertmanager => {
                self.take("storage.path");
                if let Some(file) = self.take("config.file") {
                    context.host_path("alertmanager", &file);
                }
                node.set("retention", self.take("data.retention"));
                node.set("external_url", self.take("web.external-url"));
            }
            Kind::Node => {
                for name in ["path.procfs", "path.sysfs", "path.rootfs"] {
                    self.take(name);
                }
                self.collectors("collector.", "no-collector.", node);
                let rest = std::mem::take(&mut self.words);
                node.list("args", rest.into_iter().map(|(word, _)| word).collect());
            }
            Kind::Mysql => {
                if let Some(address) = self.take("mysqld.address") {
                    node.set("target", Some(context.renamed(&address)));
                }
                node.set("user", self.take("mysqld.username"));
                self.collectors("collect.", "no-collect.", node);
            }
            Kind::Pushgateway | Kind::Grafana => {}
        }
    }

    fn prometheus(&mut self, node: &mut Node) {
        self.take("storage.tsdb.path");
        let time = self
            .take("storage.tsdb.retention.time")
            .or_else(|| self.take("storage.tsdb.retention"));
        let retention = Node::new("retention")
            .prop("time", time)
            .prop("size", self.take("storage.tsdb.retention.size"));
        if !retention.is_bare() {
            node.push(retention);
        }
        node.set("external_url", self.take("web.external-url"));
        for (flag, name) in [
            ("web.enable-lifecycle", "enable_lifecycle"),
            ("web.enable-admin-api", "enable_admin_api"),
            ("web.enable-remote-write-receiver", "enable_remote_write_receiver"),
        ] {
            node.set(name, self.take(flag).map(|value| value != "false"));
        }
        let query = Node::new("query")
            .prop("timeout", self.take("query.timeout"))
            .prop("max_samples", self.take("query.max-samples").map(Value::Number))
            .prop("max_concurrency", self.take("query.max-concurrency").map(Value::Number))
            .prop("lookback_delta", self.take("query.lookback-delta"));
        if !query.is_bare() {
            node.push(query);
        }
        let mut features = Vec::new();
        while let Some(more) = self.take("enable-feature") {
            features.extend(more.split(',').map(str::to_owned));
        }
        node.list("features", features);
    }

    /// Flags that switch collectors on and off; those with settings stay.
    fn collectors(&mut self, on: &str, off: &str, node: &mut Node) {
        let mut collectors = Node::new("collectors");
        for (prefix, name) in [(on, "enable"), (off, "disable")] {
            let prefix = format!("--{prefix}");
            let mut names = Vec::new();
            self.words.retain(|(word, _)| {
                let plain = |rest: &str| {
                    rest.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c))
                };
                match word.strip_prefix(&prefix) {
                    // `--collector.filesystem.mount-points-exclude` has another word behind it.
                    Some(rest) if plain(rest) && !(on == "collector." && rest.contains('.')) => {
                        names.push(rest.to_owned());
                        false
                    }
                    _ => true,
                }
            });
            collectors.list(name, names);
        }
        if !collectors.is_bare() {
            node.push(collectors);
        }
    }

    fn finish(self, what: &str, context: &mut Context) {
        for (word, span) in self.words.iter().filter(|(word, _)| word.starts_with("--")) {
            context.notes.lost(*span, &format!("the flag `{word}` of {what}"));
        }
    }
}

fn grafana_env(env: Vec<(String, Value)>, node: &mut Node) {
    let (mut user, mut password, mut rest) = ("admin".to_owned(), None, Vec::new());
    for (name, value) in env {
        match (name.as_str(), value) {
            ("GF_SECURITY_ADMIN_USER", Value::Text(text)) => user = text,
            ("GF_SECURITY_ADMIN_PASSWORD" | "GF_SECURITY_ADMIN_PASSWORD__FILE", value) => {
                password = Some(value);
            }
            ("GF_AUTH_ANONYMOUS_ENABLED", Value::Text(text)) => {
                node.set("anonymous", Some(text == "true"));
            }
            ("GF_SERVER_ROOT_URL", Value::Text(text)) => node.set("root_url", Some(text)),
            ("GF_INSTALL_PLUGINS" | "GF_PLUGINS_PREINSTALL", Value::Text(text)) => {
                let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
                node.list("plugins", names.map(str::to_owned).collect());
            }
            (_, value) => rest.push((name, value)),
        }
    }
    if password.is_some() || user != "admin" {
        node.push(Node::new("admin").arg(user).prop("password", password));
    }
    node.map("env", rest);
}

/// The old data source name: `user:password@(host:3306)/`.
fn mysql_env(env: Vec<(String, Value)>, node: &mut Node) {
    let mut rest = Vec::new();
    for (name, value) in env {
        match (name.as_str(), value) {
            ("MYSQLD_EXPORTER_PASSWORD", value) => node.set("password", Some(value)),
            ("DATA_SOURCE_NAME", Value::Text(text)) => {
                let (login, place) = text.rsplit_once('@').unwrap_or(("", &text));
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                let host = place.trim_start_matches("tcp").trim_start_matches('(');
                let host = host.split([')', '/']).next().unwrap_or_default();
                for (name, text) in [("target", host), ("user", user), ("password", password)] {
                    node.set(name, Some(text).filter(|text| !text.is_empty()));
                }
            }
            (_, value) => rest.push((name, value)),
        }
    }
    node.map("env", rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_their_images() {
        for (image, kind) in [
            ("prom/prometheus:v2.53.0", Some(Kind::Prometheus)),
            ("quay.io/prometheus/node-exporter:latest", Some(Kind::Node)),
            ("docker.io/grafana/grafana-oss@sha256:abc", Some(Kind::Grafana)),
            ("localhost:5000/prom/pushgateway", Some(Kind::Pushgateway)),
            ("example/prometheus-thing:1", None),
            ("mysql:8.4", None),
        ] {
            assert_eq!(Kind::of(image), kind, "{image}");
        }
    }
}
