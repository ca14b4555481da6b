//! The monitoring parts of a stack as processes: image, command line, ports, mounts, secrets. One
//! list fills compose.yaml and tells the runner what to start, so the two cannot differ.

use crate::diag::Spanned;
use crate::manifest::address::{LOOPBACK, host_of};
use crate::manifest::{Block, Exporter, Images, ServerTls, Stack, Value, WebUser};

use super::secrets::{Origin, SecretRef, slug};
use super::versions::{Product, Version};
use super::{alertmanager, grafana, mysql, node, prometheus, pushgateway, shards, stores};

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartKind {
    /// The time series database.
    Prometheus,
    /// The alert router.
    Alertmanager,
    /// The dashboards.
    Grafana,
    /// The push gateway.
    Pushgateway,
    /// An exporter of the machine.
    NodeExporter,
    /// An exporter of a MySQL server.
    MysqldExporter,
    /// Another program: an exporter of the user's own, or one of a store.
    Custom,
}

impl PartKind {
    /// The word behind `stackctl run`; a custom exporter has none.
    pub fn run_word(self) -> Option<&'static str> {
        match self {
            Self::Prometheus => Some("prometheus"),
            Self::Alertmanager => Some("alertmanager"),
            Self::Grafana => Some("grafana"),
            Self::Pushgateway => Some("pushgateway"),
            Self::NodeExporter => Some("node-exporter"),
            Self::MysqldExporter => Some("mysqld-exporter"),
            Self::Custom => None,
        }
    }
}

/// What lies behind a path inside of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPath {
    /// A rendered file or folder, relative to the output folder.
    Output(String),
    /// A file or folder of the user, relative to the manifest's folder.
    Manifest(String),
    /// A named volume.
    Volume(String),
    /// A path of the machine.
    Machine(String),
    /// A secret, by name.
    Secret(SecretRef),
}

/// A path inside of a container and what lies behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountPoint {
    /// Path inside.
    pub inside: String,
    /// What lies there.
    pub outside: HostPath,
    /// What the container may do there.
    pub access: Access,
}

/// What a container may do in a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read and write.
    ReadWrite,
    /// Read.
    ReadOnly,
    /// Read, and see what is mounted below later on.
    Follow,
}

impl MountPoint {
    /// A mount that the container only reads.
    pub(super) fn read_only(inside: impl Into<String>, outside: HostPath) -> Self {
        Self { inside: inside.into(), outside, access: Access::ReadOnly }
    }
}

/// One monitoring part, settled.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Service name in compose, and host name on the networks.
    pub name: String,
    /// What it is.
    pub kind: PartKind,
    /// Image it runs as.
    pub image: String,
    /// Whether the image is our own binary.
    pub own: bool,
    /// Port it listens on inside of its network.
    pub port: u16,
    /// Port on the host.
    pub host_port: u16,
    /// Address of the host that the port is published on.
    pub bind: String,
    /// Arguments with the reference program's own flags; paths are those inside of the container.
    pub argv: Vec<String>,
    /// What lies behind paths inside; the longest matching one counts.
    pub mounts: Vec<MountPoint>,
    /// Secrets it reads as files under `/run/secrets`.
    pub secrets: Vec<SecretRef>,
    /// Environment in the clear, or to be taken from the caller's environment.
    pub env: Vec<(String, EnvValue)>,
    /// Users of its web pages with the secrets that hold their bcrypt hashes (`hash` or
    /// `user:hash`); they are added to its web configuration at the start.
    pub web_users: Vec<(String, SecretRef)>,
    /// The web configuration that is read: put together at the start where there are `web_users`.
    pub web_config: Option<WebConfig>,
    /// Networks said in the manifest; none said is all of them.
    pub networks: Vec<String>,
    /// Services that have to be up first.
    pub after: Vec<String>,
    /// Path that answers with 200 when the part is ready.
    pub ready_path: Option<&'static str>,
    /// Index of the exporter in the stack.
    pub exporter: Option<usize>,
    /// Index of the store that it is a program of.
    pub store: Option<usize>,
    /// Whether its port is published on the host.
    pub publish: bool,
    /// Ports besides, for other programs only.
    pub further_ports: Vec<u16>,
    /// Those of them that are published as well, on the same number.
    pub further_published: Vec<u16>,
    /// User (and group) to run as, where the image's own cannot write to a new volume.
    pub user: Option<String>,
    /// Whether it speaks HTTPS by settings of its own, without a web configuration.
    pub encrypted: bool,
    /// Whether the image has nothing but the program: no shell, nothing to ask it with.
    pub bare: bool,
}

/// The web configuration of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebConfig {
    /// The rendered file, without users; relative to the output folder.
    pub output: String,
    /// Where it lies inside of the container.
    pub inside: String,
    /// Whether HTTPS is spoken.
    pub tls: bool,
}

/// Value of an environment variable of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvValue {
    /// As it is.
    Text(String),
    /// Taken from this variable of the caller's environment, which must be set.
    FromCaller(String),
    /// Content of a secret's file: read at the start, by an entry point in containers.
    Content(SecretRef),
}

impl Part {
    /// Runs the part as our own binary: what it is set up for is unknown to the reference program. An
    /// image that the manifest names stays.
    pub(super) fn run_ourselves(&mut self, unnamed: bool) {
        if unnamed {
            OWN_IMAGE.clone_into(&mut self.image);
            self.own = true;
        }
    }

    /// What lies behind a path inside of the container: the mount and the rest of the path below it.
    pub fn locate(&self, inside: &str) -> Option<(HostPath, String)> {
        if let Some(secret) = self.secrets.iter().find(|secret| secret.path() == inside) {
            return Some((HostPath::Secret(secret.clone()), String::new()));
        }
        let below = |mount: &&MountPoint| {
            inside
                .strip_prefix(mount.inside.trim_end_matches('/'))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mount = self.mounts.iter().filter(below).max_by_key(|mount| mount.inside.len())?;
        let rest = &inside[mount.inside.trim_end_matches('/').len()..];
        Some((mount.outside.clone(), rest.trim_start_matches('/').to_owned()))
    }

    /// Whether its own port speaks HTTPS.
    pub(super) fn speaks_tls(&self) -> bool {
        self.encrypted || self.web_config.as_ref().is_some_and(|web| web.tls)
    }

    /// Adds a secret once.
    pub(super) fn grant(&mut self, secret: &SecretRef) {
        if !self.secrets.contains(secret) {
            self.secrets.push(secret.clone());
        }
    }

    /// Sets a variable from a value of the manifest.
    pub(super) fn set_env(&mut self, stack: &Stack, name: &str, value: &Value) {
        let setting = env_value(stack, name, value);
        if let Some(secret) = granted(stack, name, value) {
            self.grant(&secret);
        }
        self.env.push((name.to_owned(), setting));
    }
}

/// What becomes of an environment variable: `X_FILE=(secret)` is the mounted path, any other
/// reference has to come from the caller's environment.
pub(super) fn env_value(stack: &Stack, name: &str, value: &Value) -> EnvValue {
    match (SecretRef::of(stack, value), value) {
        (None, _) => EnvValue::Text(value.text().to_owned()),
        (Some(secret), Value::Secret(_) | Value::File(_)) if name.ends_with("_FILE") => {
            EnvValue::Text(secret.path())
        }
        (Some(secret), _) => EnvValue::FromCaller(secret.variable()),
    }
}

/// The secret that has to be mounted for an environment variable.
pub(super) fn granted(stack: &Stack, name: &str, value: &Value) -> Option<SecretRef> {
    let mounted = name.ends_with("_FILE") && matches!(value, Value::Secret(_) | Value::File(_));
    SecretRef::of(stack, value).filter(|_| mounted)
}

/// Settings that most parts have in common.
pub(super) struct Common<'a> {
    pub product: Product,
    pub version: &'a Option<Spanned<String>>,
    pub image: &'a Option<Spanned<String>>,
    pub port: &'a Option<Spanned<u16>>,
    pub bind: &'a Option<Spanned<String>>,
    pub networks: &'a [Spanned<String>],
}

/// A part with its defaults.
pub(super) fn part(
    stack: &Stack,
    kind: PartKind,
    name: &str,
    inside: u16,
    common: &Common,
) -> Part {
    let image = match (common.image, own_images(stack)) {
        (Some(image), _) => image.value.clone(),
        (None, true) => OWN_IMAGE.to_owned(),
        (None, false) => common.product.image(common.version.as_ref().map(|v| v.as_str())),
    };
    Part {
        name: name.to_owned(),
        kind,
        image,
        own: own_images(stack) && kind != PartKind::Custom,
        port: inside,
        host_port: common.port.as_ref().map_or(inside, |port| port.value),
        bind: common.bind.as_ref().map_or_else(|| LOOPBACK.to_owned(), |bind| bind.value.clone()),
        argv: Vec::new(),
        mounts: Vec::new(),
        secrets: Vec::new(),
        env: Vec::new(),
        web_users: Vec::new(),
        web_config: None,
        networks: common.networks.iter().map(|network| network.value.clone()).collect(),
        after: Vec::new(),
        ready_path: None,
        exporter: None,
        store: None,
        publish: true,
        further_ports: Vec::new(),
        further_published: Vec::new(),
        user: None,
        encrypted: false,
        bare: false,
    }
}

/// The image of our own binary, built from the repository's Dockerfile; see `own_images`.
pub(super) const OWN_IMAGE: &str = "stackctl:local";

/// Whether the monitoring parts run as our own binary.
pub(super) fn own_images(stack: &Stack) -> bool {
    stack
        .header
        .as_ref()
        .and_then(|header| header.images.as_ref())
        .is_some_and(|images| images.value == Images::Stackctl)
}

/// The route prefix that goes with an external address. One with a path would move every page below
/// that path, inside of the network as well; so the pages stay at the root, and whatever answers at
/// the external address takes the path away.
pub(super) fn route_prefix(external_url: &str) -> Option<&'static str> {
    let (_, rest) = external_url.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    (!path.trim_matches('/').is_empty()).then_some("/")
}

/// Adds certificate and users to a part, and the flag that reads them.
pub(super) fn add_web(
    part: &mut Part,
    stack: &Stack,
    output: &str,
    users: &[Block<WebUser>],
    tls: Option<&ServerTls>,
) {
    if users.is_empty() && tls.is_none() {
        return;
    }
    for user in users {
        if let Some(secret) = SecretRef::of(stack, &user.password.value) {
            part.grant(&secret);
            part.web_users.push((user.user.value.clone(), secret));
        }
    }
    let inside = match part.web_users.is_empty() {
        true => format!("/etc/{}/{}", part.name, output.rsplit('/').next().unwrap_or(output)),
        // Put together by the entry point: the rendered file may not hold hashes.
        false => "/tmp/web.yml".to_owned(),
    };
    if let Some(tls) = tls {
        let paths = [Some(&tls.cert), Some(&tls.key), tls.client_ca.as_ref()];
        for path in paths.into_iter().flatten() {
            add_tls_file(part, path.as_str());
        }
    }
    part.argv.push(format!("--web.config.file={inside}"));
    part.web_config = Some(WebConfig { output: output.to_owned(), inside, tls: tls.is_some() });
}

/// Mounts a certificate or key of the user and gives its path inside.
pub(super) fn add_tls_file(part: &mut Part, path: &str) -> String {
    let inside = tls_path(path);
    let mount = MountPoint::read_only(inside.clone(), HostPath::Manifest(path.to_owned()));
    if !part.mounts.contains(&mount) {
        part.mounts.push(mount);
    }
    inside
}

/// The certificate of a part that has one.
pub(super) fn certificate<'a>(stack: &'a Stack, part: &Part) -> Option<&'a str> {
    let tls = match part.kind {
        PartKind::Prometheus => stack.prometheus.as_ref()?.tls.as_deref(),
        PartKind::Alertmanager => stack.alertmanager.as_ref()?.tls.as_deref(),
        PartKind::Grafana => stack.grafana.as_ref()?.tls.as_deref(),
        PartKind::Pushgateway => stack.pushgateway.as_ref()?.tls.as_deref(),
        _ => match part.store {
            Some(index) => stack.stores[index].tls.as_deref(),
            None => stack.exporters[part.exporter?].tls.as_deref(),
        },
    };
    tls.map(|tls| tls.cert.as_str())
}

/// Where a certificate or key of the user lies inside of containers.
pub(super) fn tls_path(path: &str) -> String {
    format!("/run/tls/{}", slug(path))
}

/// The exporter's version, for what it can be asked.
pub(super) fn exporter_version(product: Product, exporter: &Exporter) -> Version {
    product.version(
        exporter.version.as_ref().map(|v| v.as_str()),
        exporter.image.as_ref().map(|i| i.as_str()),
    )
}

/// All monitoring parts: prometheus, exporters as written, push gateway, alertmanager, grafana.
pub fn parts(stack: &Stack) -> Vec<Part> {
    let mut parts: Vec<Part> = prometheus::part(stack).into_iter().collect();
    parts.extend(shards::parts(stack));
    for (index, exporter) in stack.exporters.iter().enumerate() {
        let mut part = match exporter.kind() {
            "node" => node::part(stack, exporter),
            "mysql" | "mysqld" => mysql::part(stack, exporter),
            _ => custom(stack, exporter),
        };
        add_exporter_settings(&mut part, stack, exporter);
        part.exporter = Some(index);
        parts.push(part);
    }
    parts.extend(pushgateway::part(stack));
    parts.extend(alertmanager::part(stack));
    parts.extend(grafana::part(stack));
    parts.extend(stores::parts(stack));
    parts
}

/// Volumes that parts mount and nobody declared: further nodes have one each.
pub fn derived_volumes(stack: &Stack) -> Vec<String> {
    let mut volumes: Vec<String> = Vec::new();
    for mount in parts(stack).into_iter().flat_map(|part| part.mounts) {
        if let HostPath::Volume(name) = mount.outside
            && stack.volumes().all(|declared| declared.value != name)
            && !volumes.contains(&name)
        {
            volumes.push(name);
        }
    }
    volumes
}

/// Command line of one part, by its service name.
pub fn argv(stack: &Stack, name: &str) -> Option<Vec<String>> {
    parts(stack).into_iter().find(|part| part.name == name).map(|part| part.argv)
}

fn custom(stack: &Stack, exporter: &Exporter) -> Part {
    let first_exposed = exporter.exposes.first().map(|expose| expose.number.value);
    let inside = exporter.port.as_ref().map(|port| port.value).or(first_exposed).unwrap_or(80);
    let common = Common {
        // Only its image is asked for, and a custom exporter has one of its own.
        product: Product::NodeExporter,
        version: &exporter.version,
        image: &exporter.image,
        port: &None,
        bind: &exporter.bind,
        networks: &exporter.networks,
    };
    part(stack, PartKind::Custom, &exporter.host(), inside, &common)
}

fn add_exporter_settings(part: &mut Part, stack: &Stack, exporter: &Exporter) {
    for (name, value) in &exporter.env {
        part.set_env(stack, &name.value, &value.value);
    }
    for mount in &exporter.volumes {
        let outside = mount_source(&mount.name.value);
        let read_only = mount.read_only.as_ref().is_some_and(|flag| flag.value);
        let access = if read_only { Access::ReadOnly } else { Access::ReadWrite };
        part.mounts.push(MountPoint { inside: mount.to.value.clone(), outside, access });
    }
    part.argv.extend(exporter.args.iter().map(|arg| arg.value.clone()));
    let target = exporter.target.as_ref().map(|target| host_of(&target.value).to_owned());
    part.after.extend(target.filter(|target| stack.service(target).is_some()));
}

/// What the left side of a mount means: a path begins with `.`, `/` or `~`.
pub(super) fn mount_source(name: &str) -> HostPath {
    match name.chars().next() {
        Some('/' | '~') => HostPath::Machine(name.to_owned()),
        Some('.') => HostPath::Manifest(name.to_owned()),
        _ => HostPath::Volume(name.to_owned()),
    }
}

/// All secrets that some file or container refers to, each once, ordered by name.
pub(super) fn origin_order(secrets: impl IntoIterator<Item = SecretRef>) -> Vec<SecretRef> {
    let mut secrets: Vec<SecretRef> = secrets.into_iter().collect();
    secrets.sort();
    secrets.dedup_by(|a, b| a.name == b.name);
    secrets
}

/// A path of the user as seen from the output folder, written so that compose takes it for a path.
pub(super) fn host_path(base: &str, path: &str) -> String {
    if path.starts_with(['/', '~']) {
        return path.to_owned();
    }
    let mut path = path;
    while let Some(rest) = path.strip_prefix("./") {
        path = rest.trim_start_matches('/');
    }
    let path = if path == "." { "" } else { path };
    match (base, path) {
        ("" | ".", "") => ".".to_owned(),
        ("" | ".", path) if path.starts_with("../") || path == ".." => path.to_owned(),
        ("" | ".", path) => format!("./{path}"),
        (base, "") => base.to_owned(),
        (base, path) => format!("{}/{path}", base.trim_end_matches('/')),
    }
}

/// Whether the secret lies in a file.
pub(super) fn in_file(secret: &SecretRef) -> bool {
    matches!(secret.origin, Origin::File(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_output_folder() {
        let check = |base, path, expected: &str| assert_eq!(host_path(base, path), expected);
        check(".", "./app", "./app");
        check(".", "app", "./app");
        check(".", "../app", "../app");
        check("../examples", "./app", "../examples/app");
        check("/srv/x", "secrets/a", "/srv/x/secrets/a");
        check("..", "/etc/a", "/etc/a");
        check(".", "./", ".");
        check("..", ".", "..");
    }

    #[test]
    fn pages_stay_at_the_root_inside() {
        assert_eq!(route_prefix("https://example.com/prometheus/"), Some("/"));
        for url in ["https://example.com", "https://example.com/", "nonsense"] {
            assert_eq!(route_prefix(url), None, "{url}");
        }
    }

    #[test]
    fn the_longest_mount_counts() {
        let stack = Stack::default();
        let common = Common {
            product: Product::Prometheus,
            version: &None,
            image: &None,
            port: &None,
            bind: &None,
            networks: &[],
        };
        let mut part = part(&stack, PartKind::Prometheus, "prometheus", 9090, &common);
        part.mounts = vec![
            MountPoint::read_only("/etc/prometheus", HostPath::Output("monitoring".into())),
            MountPoint::read_only("/etc/prometheus/tls", HostPath::Manifest("./tls".into())),
            MountPoint::read_only("/host", HostPath::Machine("/".into())),
        ];
        let at = |path| part.locate(path);
        assert_eq!(
            at("/etc/prometheus/prometheus.yml"),
            Some((HostPath::Output("monitoring".into()), "prometheus.yml".into()))
        );
        assert_eq!(
            at("/etc/prometheus/tls/a"),
            Some((HostPath::Manifest("./tls".into()), "a".into()))
        );
        assert_eq!(at("/host/proc"), Some((HostPath::Machine("/".into()), "proc".into())));
        assert_eq!(at("/etc/prometheus2"), None);
    }
}
