//! Services of the user and monitoring parts as workloads.

use crate::manifest::address::host_of;
use crate::manifest::{Protocol, Restart, Service, Stack};
use crate::render::jobs::{metrics_port, proxy_port};
use crate::render::parts::{
    Access, EnvValue, HostPath, MountPoint, Part, PartKind, env_value, granted, mount_source,
    origin_order,
};
use crate::render::secrets::{Origin, SecretRef};
use crate::render::{Plan, RenderError, caddy, compose, mysql};
use crate::wire::kubernetes::{
    Capabilities, ClaimRef, Container, EnvFrom, EnvVar, HostAlias, HttpGet, NameRef, PodSecurity,
    PodSpec, Probe, Seccomp, Security, TcpSocket, Toleration, Volume,
};

use super::workload::{
    Mounts, Owner, Port, Shape, env_field, env_secret, env_text, literal, probes, quantities, reads,
};
use super::{Context, Workload};

/// The user of the reference images, and of ours.
const NOBODY: i64 = 65534;
/// Grafana's user.
const GRAFANA: i64 = 472;

fn runtime_default() -> Option<Seccomp> {
    Some(Seccomp { kind: "RuntimeDefault".to_owned() })
}

/// What every pod has: no token of the API server, no variables for each Service.
fn pod(container: Container, mounts: &mut Mounts) -> PodSpec {
    PodSpec {
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        containers: vec![container],
        volumes: std::mem::take(&mut mounts.volumes),
        ..PodSpec::default()
    }
}

/// A service of the user; `None` for one that only runs natively.
pub(super) fn of_service(
    plan: &Plan,
    context: &mut Context,
    service: &Service,
) -> Result<Option<Workload>, RenderError> {
    let stack = plan.stack;
    let name = service.name.value.clone();
    if service.image.is_none() && service.build.is_none() {
        return Ok(None);
    }
    let mut mounts = Mounts::default();
    let mut env = Vec::new();
    let mut secrets = Vec::new();
    for (variable, value) in &service.env {
        let variable = variable.value.as_str();
        secrets.extend(granted(stack, variable, &value.value));
        env.push(match env_value(stack, variable, &value.value) {
            EnvValue::Text(text) => env_text(variable, &text),
            EnvValue::FromCaller(caller) => {
                env_secret(variable, context.wanted.variable(stack, &caller))
            }
            EnvValue::Content(secret) => env_text(variable, &secret.path()),
        });
    }
    let owner = Owner { name: &name, size: "10Gi", wanted: &|_, _| true };
    for said in &service.volumes {
        let read_only = said.read_only.as_ref().is_some_and(|flag| flag.value);
        let point = MountPoint {
            inside: said.to.value.clone(),
            outside: mount_source(said.name.as_str()),
            access: if read_only { Access::ReadOnly } else { Access::ReadWrite },
        };
        mounts.add(context, &owner, &point)?;
    }
    if let Some(file) = caddy::file(stack, &name) {
        let point = MountPoint::read_only("/etc/caddy/Caddyfile", HostPath::Output(file));
        mounts.add(context, &owner, &point)?;
        let tls: Vec<SecretRef> =
            caddy::certificates(stack, &name).iter().filter_map(tls_file).collect();
        mounts.secrets(context, "/run/tls", &tls, 0o444);
    }
    for exporter in stack.exporters.iter().filter(|exporter| exporter.is_mysql()) {
        let target = exporter.target.as_ref().map(|target| host_of(&target.value));
        if target == Some(&name)
            && let Some((script, secret)) = mysql::init_script(stack, exporter)
        {
            mounts.add(context, &owner, &script)?;
            secrets.push(secret);
        }
    }
    mounts.secrets(context, "/run/secrets", &origin_order(secrets), 0o444);
    for path in &service.tmpfs {
        let (path, options) = path.value.split_once(':').unwrap_or((&path.value, ""));
        let size = options.split(',').find_map(|option| option.strip_prefix("size="));
        mounts.empty("tmp", path, true, size.map(memory_size));
    }
    let check = service.healthcheck.as_deref().map(probes);
    let (startup, ready) = check.unwrap_or_default();
    let privileged = service.privileged.as_ref().is_some_and(|flag| flag.value);
    let list = |names: &[crate::diag::Spanned<String>]| -> Vec<String> {
        names
            .iter()
            .map(|name| name.value.to_ascii_uppercase().trim_start_matches("CAP_").to_owned())
            .collect()
    };
    let words = |words: &[crate::diag::Spanned<String>]| -> Vec<String> {
        words.iter().map(|word| literal(&word.value)).collect()
    };
    let capabilities = Capabilities { add: list(&service.cap_add), drop: list(&service.cap_drop) };
    let sys_admin = capabilities.add.iter().any(|name| name == "SYS_ADMIN" || name == "ALL");
    let ports = ports_of(stack, service);
    let container = Container {
        name: name.clone(),
        image: match &service.image {
            Some(image) => image.value.clone(),
            // What compose calls the image that it builds.
            None => built_image(plan, &name),
        },
        image_pull_policy: service.image.is_none().then(|| "IfNotPresent".to_owned()),
        command: words(&service.entrypoint),
        args: words(&service.command),
        working_dir: service.working_dir.as_ref().map(|dir| dir.value.clone()),
        ports: ports.iter().map(Port::of_container).collect(),
        env,
        env_from: service
            .env_file
            .iter()
            .map(|file| EnvFrom {
                secret_ref: Some(NameRef { name: context.wanted.env_file(file.as_str()) }),
            })
            .collect(),
        resources: quantities(service.resources.as_deref().or(stack.resources.as_deref())),
        volume_mounts: std::mem::take(&mut mounts.points),
        startup_probe: startup,
        readiness_probe: ready.clone(),
        liveness_probe: ready,
        security_context: Some(Security {
            // Refused together with what gives all rights.
            allow_privilege_escalation: (!privileged && !sys_admin).then_some(false),
            privileged,
            read_only_root_filesystem: service.read_only.as_ref().is_some_and(|flag| flag.value),
            capabilities: (capabilities != Capabilities::default()).then_some(capabilities),
        }),
    };
    let user = service.user.as_ref().and_then(|user| user_and_group(user.as_str()));
    let mut spec = pod(container, &mut mounts);
    spec.hostname = service.hostname.as_ref().map(|name| name.value.clone());
    spec.share_process_namespace = service.init.as_ref().is_some_and(|flag| flag.value);
    spec.host_aliases = service
        .extra_hosts
        .iter()
        .map(|(name, address)| HostAlias {
            ip: address.value.clone(),
            hostnames: vec![name.value.clone()],
        })
        .collect();
    spec.termination_grace_period_seconds =
        service.stop_grace_period.as_ref().map(|time| super::workload::seconds(time.value.ms));
    spec.security_context = Some(PodSecurity {
        run_as_user: user.map(|(user, _)| user),
        run_as_group: user.and_then(|(_, group)| group),
        // Storage belongs to the user that writes to it.
        fs_group: user
            .filter(|_| !mounts.claims.is_empty())
            .map(|(user, group)| group.unwrap_or(user)),
        seccomp_profile: runtime_default(),
        ..PodSecurity::default()
    });
    let once = ends(stack, service);
    let shape = match (once, mounts.claims.is_empty()) {
        (true, _) => Shape::Job,
        (false, true) => Shape::Deployment,
        (false, false) => Shape::StatefulSet,
    };
    if shape == Shape::Job {
        spec.restart_policy = Some("Never".to_owned());
        // Only sets make claims from templates: the one of a job is an object of its own.
        spec.volumes.extend(mounts.claims.iter().filter_map(|claim| {
            let name = claim.metadata.name.clone()?;
            let claim_name = super::objects::claim_of(&service.name, &name);
            let claim = Some(ClaimRef { claim_name });
            Some(Volume { name, persistent_volume_claim: claim, ..Volume::default() })
        }));
    }
    Ok(Some(Workload {
        shape,
        replicas: service.replicas.as_ref().map_or(1, |replicas| replicas.value),
        ports,
        networks: service.networks.iter().map(|network| network.value.clone()).collect(),
        annotations: service
            .labels
            .iter()
            .map(|(name, value)| (name.value.clone(), value.value.clone()))
            .collect(),
        claims: mounts.claims,
        spec,
        object: None,
        host: None,
        name,
    }))
}

/// Whether a service is not to be started again when it has ended. One that others reach is a server
/// all the same, and is kept running.
pub(super) fn runs_once(service: &Service) -> bool {
    service.restart.as_ref().is_some_and(|restart| restart.value == Restart::No)
}

/// Whether a service is a task that ends: it is not to be started again, and nobody reaches it.
pub(in crate::render) fn ends(stack: &Stack, service: &Service) -> bool {
    runs_once(service) && ports_of(stack, service).is_empty()
}

/// The image of a service that is built: its name in compose.
pub(super) fn built_image(plan: &Plan, service: &str) -> String {
    format!("{}-{service}", super::names::label(plan.stack.name()))
}

/// `1000`, `1000:1000`; names are not known outside of the image.
pub(super) fn user_and_group(text: &str) -> Option<(i64, Option<i64>)> {
    match text.split_once(':') {
        Some((user, group)) => Some((user.parse().ok()?, Some(group.parse().ok()?))),
        None => Some((text.parse().ok()?, None)),
    }
}

/// A size of a tmpfs (`64m`) as a quantity.
fn memory_size(text: &str) -> String {
    match text.strip_suffix(['k', 'K', 'm', 'M', 'g', 'G']) {
        Some(number) => {
            let unit = text[number.len()..].to_ascii_uppercase();
            format!("{number}{unit}i")
        }
        None => text.to_owned(),
    }
}

fn ports_of(stack: &Stack, service: &Service) -> Vec<Port> {
    let word = |protocol: Option<Protocol>| match protocol {
        Some(Protocol::Udp) => "udp",
        Some(Protocol::Http) => "http",
        Some(Protocol::Https) => "https",
        Some(Protocol::Grpc) => "grpc",
        Some(Protocol::Fastcgi | Protocol::Tcp) | None => "tcp",
    };
    let mut ports: Vec<Port> = Vec::new();
    for port in &service.ports {
        let open = service.published(port).filter(|(bind, _)| super::is_open(bind));
        let said = port.protocol.as_ref().map(|protocol| protocol.value);
        ports.push(Port::new(word(said), port.number.value, open.map(|(_, host)| host)));
    }
    for expose in &service.exposes {
        let said = expose.protocol.as_ref().map(|protocol| protocol.value);
        let port = Port::new(word(said), expose.number.value, None);
        if !ports.iter().any(|other| (other.number, other.udp) == (port.number, port.udp)) {
            ports.push(port);
        }
    }
    // In a cluster a name leads to listed ports only: those that are scraped are listed as well.
    let own = service.metrics.as_ref().filter(|metrics| metrics.via.is_none());
    let scraped = own.map(|_| metrics_port(service));
    let passed_on = caddy::passes_on(stack, service).then(|| proxy_port(service));
    for number in scraped.into_iter().chain(passed_on) {
        if !ports.iter().any(|other| other.number == number && !other.udp) {
            ports.push(Port::new("http", number, None));
        }
    }
    ports
}

/// A monitoring part.
pub(super) fn of_part(
    plan: &Plan,
    context: &mut Context,
    part: &Part,
) -> Result<Workload, RenderError> {
    let stack = plan.stack;
    let compose = compose::monitoring(plan, part);
    let known = part.kind != PartKind::Custom;
    let on_nodes = part.kind == PartKind::NodeExporter;
    let mut mounts = Mounts::default();
    let size = default_size(plan, part);
    let wanted = |folder: &str, file: &str| reads(stack, part.kind, folder, file);
    let owner = Owner { name: &part.name, size: &size, wanted: &wanted };
    let (tls, others): (Vec<&MountPoint>, Vec<&MountPoint>) =
        part.mounts.iter().partition(|mount| tls_file(mount).is_some());
    for mount in others {
        mounts.add(context, &owner, mount)?;
    }
    if let Some(data) = data_folder(part)
        .filter(|data| !mounts.points.iter().any(|mount| mount.mount_path == *data))
    {
        mounts.claim("data", data, &size, false);
    }
    mounts.secrets(context, "/run/secrets", &origin_order(part.secrets.clone()), 0o440);
    let tls: Vec<SecretRef> = tls.into_iter().filter_map(tls_file).collect();
    mounts.secrets(context, "/run/tls", &tls, 0o440);
    // The root file system is read-only: what is written needs a place.
    if !part.web_users.is_empty() || part.kind == PartKind::Grafana {
        mounts.empty("tmp", "/tmp", false, None);
    }
    if part.kind == PartKind::Grafana {
        mounts.empty("log", "/var/log/grafana", false, None);
    }
    let mut env: Vec<EnvVar> = compose::environment_of(stack, part)
        .iter()
        .filter_map(|(name, value)| match value {
            EnvValue::Text(text) => Some(env_text(name, text)),
            EnvValue::FromCaller(variable) => {
                Some(env_secret(name, context.wanted.variable(stack, variable)))
            }
            // The entry point reads it.
            EnvValue::Content(_) => None,
        })
        .collect();
    let exporter = part.exporter.map(|index| &stack.exporters[index]);
    let tls_spoken = part.speaks_tls();
    let open = super::is_open(&part.bind).then_some(part.host_port);
    let mut ports = vec![Port::new(if tls_spoken { "https" } else { "http" }, part.port, open)];
    for expose in exporter.iter().flat_map(|exporter| &exporter.exposes) {
        if expose.number.value != part.port {
            ports.push(Port::new("tcp", expose.number.value, None));
        }
    }
    // A Service passes on what it lists, and nothing else.
    ports.extend(part.further_ports.iter().map(|port| {
        let outside = open.filter(|_| part.further_published.contains(port)).map(|_| *port);
        Port::new("tcp", *port, outside)
    }));
    let said = exporter.and_then(|exporter| exporter.healthcheck.as_deref()).map(probes);
    let (startup, ready, alive) = match said {
        Some((startup, ready)) => (startup, ready.clone(), ready),
        None => questions(part, &ports[0].name),
    };
    let (resources, _) = compose::settings_of(stack, part);
    let list =
        |words: &[String]| -> Vec<String> { words.iter().map(|word| literal(word)).collect() };
    let mut args = list(&compose.command);
    if on_nodes && open.is_none() {
        // The node's network is the pod's: only the address at which Prometheus and the kubelet ask. In
        // brackets it may be of either family.
        args.retain(|flag| !flag.starts_with("--web.listen-address="));
        args.push(format!("--web.listen-address=[$(HOST_IP)]:{}", part.port));
        env.push(env_field("HOST_IP", "status.hostIP"));
    }
    let container = Container {
        name: part.name.clone(),
        image: part.image.clone(),
        command: list(&compose.entrypoint),
        args,
        ports: ports.iter().map(Port::of_container).collect(),
        env,
        resources: quantities(resources),
        volume_mounts: std::mem::take(&mut mounts.points),
        startup_probe: startup,
        readiness_probe: ready,
        liveness_probe: alive,
        security_context: Some(Security {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: known,
            capabilities: Some(Capabilities { add: Vec::new(), drop: vec!["ALL".to_owned()] }),
            ..Security::default()
        }),
        ..Container::default()
    };
    let store = part.store.map(|index| &stack.stores[index]);
    let user = match (part.kind, part.own) {
        // Without a volume it writes where only the image's own user may.
        (PartKind::Custom, _) => store.and_then(|store| store.data.as_ref()).map(|_| NOBODY),
        (PartKind::Grafana, false) => Some(GRAFANA),
        _ => Some(NOBODY),
    };
    let mut spec = pod(container, &mut mounts);
    spec.security_context = Some(PodSecurity {
        run_as_non_root: user.map(|_| true),
        run_as_user: user,
        // Also the one who may read the keys of its certificates.
        fs_group: user.or(store.map(|_| NOBODY)),
        seccomp_profile: runtime_default(),
        ..PodSecurity::default()
    });
    // Prometheus writes what it holds in memory before it goes.
    spec.termination_grace_period_seconds = (part.kind == PartKind::Prometheus).then_some(300);
    if on_nodes {
        spec.host_network = true;
        spec.host_pid = true;
        spec.dns_policy = Some("ClusterFirstWithHostNet".to_owned());
        // The machine matters, whatever else may run on it.
        spec.tolerations = vec![Toleration { operator: "Exists".to_owned() }];
    }
    let shape = match (on_nodes, mounts.claims.is_empty()) {
        (true, _) => Shape::DaemonSet,
        (false, true) => Shape::Deployment,
        (false, false) => Shape::StatefulSet,
    };
    Ok(Workload {
        shape,
        replicas: 1,
        ports,
        networks: part.networks.clone(),
        annotations: Vec::new(),
        claims: mounts.claims,
        spec,
        object: None,
        host: super::external_host(stack, part),
        name: part.name.clone(),
    })
}

/// The Secret behind a certificate or key that a part mounts.
pub(in crate::render) fn tls_file(mount: &MountPoint) -> Option<SecretRef> {
    let name = mount.inside.strip_prefix("/run/tls/")?;
    match &mount.outside {
        HostPath::Manifest(path) => {
            Some(SecretRef { name: name.to_owned(), origin: Origin::File(path.clone()) })
        }
        _ => None,
    }
}

/// Where a part keeps what must not be lost.
fn data_folder(part: &Part) -> Option<&'static str> {
    match part.kind {
        PartKind::Prometheus => Some("/prometheus"),
        PartKind::Alertmanager => Some("/alertmanager"),
        PartKind::Grafana => Some("/var/lib/grafana"),
        _ => None,
    }
}

/// Storage of a part of which nothing is said: what Prometheus may keep and a quarter more for its
/// log, or a usual size.
fn default_size(plan: &Plan, part: &Part) -> String {
    let retention =
        plan.stack.prometheus.as_ref().and_then(|prometheus| prometheus.retention.as_ref());
    match (part.kind, retention.and_then(|retention| retention.size.as_ref())) {
        (PartKind::Prometheus, Some(size)) => {
            let most = size.value.bytes.saturating_add(size.value.bytes / 4);
            format!("{}Gi", most.div_ceil(1 << 30).max(1))
        }
        (PartKind::Prometheus, None) => "10Gi".to_owned(),
        _ if part.store.is_some() => "10Gi".to_owned(),
        _ => "1Gi".to_owned(),
    }
}

/// Whether the part has started, is ready, is alive: asked by the kubelet, so no program in the image
/// is needed. Behind a login only the port can be asked.
fn questions(part: &Part, port: &str) -> (Option<Probe>, Option<Probe>, Option<Probe>) {
    let connects = Probe {
        tcp_socket: Some(TcpSocket { port: port.to_owned() }),
        period_seconds: Some(10),
        timeout_seconds: Some(3),
        failure_threshold: Some(5),
        ..Probe::default()
    };
    let asks = |path: &str| Probe {
        http_get: Some(HttpGet {
            path: path.to_owned(),
            port: port.to_owned(),
            scheme: port.starts_with("https").then(|| "HTTPS".to_owned()),
        }),
        tcp_socket: None,
        ..connects.clone()
    };
    let guarded = part.web_config.is_some();
    let ready = match part.ready_path {
        Some(path) if !guarded => asks(path),
        _ => connects.clone(),
    };
    // A long log is read before Prometheus answers.
    let startup = (part.kind == PartKind::Prometheus)
        .then(|| Probe { failure_threshold: Some(90), ..ready.clone() });
    (startup, Some(ready), Some(connects))
}
