//! `compose.yaml`, and `.env.example` with the variables that it wants.

use std::fmt::Write;

use indexmap::IndexMap;
use serde_yaml::Value as Yaml;

use crate::diag::Spanned;
use crate::manifest::address::{LOOPBACK, host_of};
use crate::manifest::{Condition, Healthcheck, Logging, Protocol, Resources, Service, Stack};
use crate::wire::compose as wire;

use super::parts::{
    Access, EnvValue, HostPath, MountPoint, Part, PartKind, derived_volumes, env_value, granted,
    host_path, mount_source, origin_order, parts,
};
use super::secrets::{Origin, SecretRef};
use super::template::shell_word;
use super::versions::{Product, Version};
use super::{Output, Plan, RenderError, Renderer, caddy, header, mysql, to_yaml};

pub(super) const RENDERER: Renderer = Renderer { name: "compose.yaml", render };

/// Stands for the `$` of an interpolation while all other `$` are still to be doubled. It is a
/// private use character: nobody has it in a manifest.
const INTERPOLATION: char = '\u{e000}';

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    let compose = compose(plan);
    if compose.services.is_empty() {
        return Ok(());
    }
    let mut value = serde_yaml::to_value(&compose).expect("compose has text keys");
    let mut variables = Vec::new();
    escape(&mut value, &mut variables);
    variables.extend(compose.secrets.values().filter_map(|secret| secret.environment.clone()));
    out.push(Output::text("compose.yaml", format!("{}{}", header(plan.stack), to_yaml(&value))));
    variables.sort_unstable();
    variables.dedup();
    if !variables.is_empty() {
        out.push(env_example(plan.stack, &variables));
    }
    Ok(())
}

/// Doubles every `$`, since compose replaces `$X` everywhere, and writes the marked ones. Gathers the
/// variables that are asked for.
fn escape(value: &mut Yaml, variables: &mut Vec<String>) {
    match value {
        Yaml::String(text) if text.contains(['$', INTERPOLATION]) => {
            for part in text.split(INTERPOLATION).skip(1) {
                let name = part.trim_start_matches('{').split(':').next().unwrap_or_default();
                variables.push(name.to_owned());
            }
            *text = text.replace('$', "$$").replace(INTERPOLATION, "$");
        }
        Yaml::Sequence(list) => list.iter_mut().for_each(|item| escape(item, variables)),
        Yaml::Mapping(map) => map.iter_mut().for_each(|(_, item)| escape(item, variables)),
        _ => {}
    }
}

/// A variable of the caller's environment that has to be set.
fn from_caller(variable: &str) -> String {
    format!("{INTERPOLATION}{{{variable}:?{variable} is not set, see .env.example}}")
}

fn env_example(stack: &Stack, variables: &[String]) -> Output {
    let mut text = header(stack);
    text.push_str("# Copy to .env, which stays out of version control, and fill in.\n");
    for variable in variables {
        let secret = stack
            .secrets
            .iter()
            .find(|secret| secret.env.as_ref().is_some_and(|env| env.value == *variable));
        text.push('\n');
        if let Some(secret) = secret {
            let _ = writeln!(text, "# secret `{}`", secret.name.value);
        }
        let _ = writeln!(text, "{variable}=");
    }
    Output::text(".env.example", text)
}

fn compose(plan: &Plan) -> wire::Compose {
    let stack = plan.stack;
    let mut secrets: Vec<SecretRef> = Vec::new();
    let mut services = IndexMap::new();
    for service in &stack.services {
        if service.image.is_none() && service.build.is_none() {
            // Only runs natively.
            continue;
        }
        let (entry, granted) = own_service(plan, service);
        secrets.extend(granted);
        services.insert(service.name.value.clone(), entry);
    }
    for part in parts(stack) {
        secrets.extend(part.secrets.iter().cloned());
        services.insert(part.name.clone(), monitoring(plan, &part));
    }
    let flag = |flag: &Option<Spanned<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    wire::Compose {
        name: Some(project_name(stack)),
        services,
        networks: stack
            .networks
            .iter()
            .map(|network| {
                let settings = match flag(&network.external) {
                    true => wire::Network { external: true, ..wire::Network::default() },
                    false => wire::Network {
                        driver: text(&network.driver),
                        external: false,
                        internal: flag(&network.internal),
                        ipam: network.subnet.as_ref().map(|subnet| wire::Ipam {
                            config: vec![wire::Subnet { subnet: subnet.value.clone() }],
                        }),
                    },
                };
                (network.name.value.clone(), settings)
            })
            .collect(),
        volumes: stack
            .volume_names
            .iter()
            .map(|name| (name.value.clone(), wire::Volume::default()))
            .chain(stack.volume_blocks.iter().map(|volume| {
                // Nothing else may be said of what somebody else makes.
                let settings = match flag(&volume.external) {
                    true => wire::Volume { external: true, ..wire::Volume::default() },
                    false => wire::Volume {
                        driver: text(&volume.driver),
                        driver_opts: pairs(&volume.driver_opts),
                        external: false,
                    },
                };
                (volume.name.value.clone(), settings)
            }))
            .chain(derived_volumes(stack).into_iter().map(|name| (name, wire::Volume::default())))
            .collect(),
        secrets: origin_order(secrets)
            .into_iter()
            .map(|secret| {
                let source = match &secret.origin {
                    Origin::File(path) => {
                        wire::Secret { file: Some(host_path(plan.base, path)), environment: None }
                    }
                    Origin::Env(name) => {
                        wire::Secret { file: None, environment: Some(name.clone()) }
                    }
                };
                (secret.name, source)
            })
            .collect(),
    }
}

/// A project name is made of lower-case letters, digits, `-` and `_`.
fn project_name(stack: &Stack) -> String {
    super::secrets::slug(stack.name()).replace('.', "-").trim_matches(['-', '_']).to_owned()
}

#[expect(clippy::ref_option, reason = "called with fields of the manifest as they are")]
fn text(text: &Option<Spanned<String>>) -> Option<String> {
    text.as_ref().map(|text| text.value.clone())
}

fn pairs(map: &crate::manifest::Map<String>) -> IndexMap<String, String> {
    map.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect()
}

fn strings(list: &[Spanned<String>]) -> Vec<String> {
    list.iter().map(|text| text.value.clone()).collect()
}

/// Networks of a service: those said, or all.
fn networks(stack: &Stack, said: &[String]) -> Vec<String> {
    if said.is_empty() {
        stack.networks.iter().map(|network| network.name.value.clone()).collect()
    } else {
        said.to_vec()
    }
}

fn mount(plan: &Plan, mount: &MountPoint) -> wire::Mount {
    let outside = match &mount.outside {
        HostPath::Output(path) => format!("./{path}"),
        HostPath::Manifest(path) => host_path(plan.base, path),
        HostPath::Volume(name) => name.clone(),
        HostPath::Machine(path) => path.clone(),
        HostPath::Secret(secret) => secret.path(),
    };
    let inside = &mount.inside;
    match mount.access {
        Access::ReadWrite => wire::Mount::Short(format!("{outside}:{inside}")),
        Access::ReadOnly => wire::Mount::Short(format!("{outside}:{inside}:ro")),
        Access::Follow => wire::Mount::Long(wire::LongMount {
            kind: "bind".to_owned(),
            source: outside,
            target: inside.clone(),
            read_only: true,
            bind: Some(wire::Bind { propagation: "rslave".to_owned() }),
        }),
    }
}

fn published(bind: &str, host: u16, inside: u16, protocol: Option<Protocol>) -> String {
    let bind = if bind.contains(':') && !bind.starts_with('[') {
        format!("[{bind}]")
    } else {
        bind.to_owned()
    };
    let udp = if protocol == Some(Protocol::Udp) { "/udp" } else { "" };
    format!("{bind}:{host}:{inside}{udp}")
}

/// What has to be up before; a service with a healthcheck has to be well.
fn dependency(stack: &Stack, name: &str, said: Option<Condition>) -> wire::Dependency {
    let checked = stack.service(name).is_some_and(|service| service.healthcheck.is_some());
    let condition = match (said, checked) {
        (Some(Condition::Healthy), _) | (None, true) => "service_healthy",
        (Some(Condition::Completed), _) => "service_completed_successfully",
        (Some(Condition::Started), _) | (None, false) => "service_started",
    };
    wire::Dependency { condition: condition.to_owned() }
}

fn healthcheck(check: &Healthcheck) -> wire::Healthcheck {
    let Healthcheck { command, interval, timeout, retries, start_period } = check;
    wire::Healthcheck {
        test: vec!["CMD-SHELL".to_owned(), command.value.clone()],
        interval: interval.as_ref().map(|d| go_duration(d.ms)),
        timeout: timeout.as_ref().map(|d| go_duration(d.ms)),
        retries: retries.as_ref().map(|n| n.value),
        start_period: start_period.as_ref().map(|d| go_duration(d.ms)),
    }
}

/// A service of the user's own, with the secrets that it reads.
fn own_service(plan: &Plan, service: &Service) -> (wire::Service, Vec<SecretRef>) {
    let stack = plan.stack;
    let name = service.name.as_str();
    let mut secrets = Vec::new();
    let mut environment = IndexMap::new();
    for (variable, value) in &service.env {
        let setting = match env_value(stack, &variable.value, &value.value) {
            EnvValue::Text(text) => text,
            EnvValue::FromCaller(caller) => from_caller(&caller),
            EnvValue::Content(secret) => secret.path(),
        };
        secrets.extend(granted(stack, &variable.value, &value.value));
        environment.insert(variable.value.clone(), setting);
    }
    let mut volumes: Vec<wire::Mount> = Vec::new();
    for said in &service.volumes {
        let read_only = said.read_only.as_ref().is_some_and(|flag| flag.value);
        let point = MountPoint {
            inside: said.to.value.clone(),
            outside: mount_source(said.name.as_str()),
            access: if read_only { Access::ReadOnly } else { Access::ReadWrite },
        };
        volumes.push(mount(plan, &point));
    }
    if let Some(file) = caddy::file(stack, name) {
        volumes.push(wire::Mount::Short(format!("./{file}:/etc/caddy/Caddyfile:ro")));
        volumes.extend(caddy::certificates(stack, name).iter().map(|point| mount(plan, point)));
    }
    for exporter in stack.exporters.iter().filter(|exporter| exporter.is_mysql()) {
        let target = exporter.target.as_ref().map(|target| host_of(&target.value));
        if target == Some(name)
            && let Some((script, secret)) = mysql::init_script(stack, exporter)
        {
            volumes.push(mount(plan, &script));
            secrets.push(secret);
        }
    }
    let ports = service.ports.iter().filter(|port| service.published(port).is_some());
    let entry = wire::Service {
        image: text(&service.image),
        build: service.build.as_ref().map(|build| wire::Build {
            context: host_path(plan.base, build.context.as_str()),
            dockerfile: text(&build.dockerfile),
            target: text(&build.target),
            args: pairs(&build.args),
        }),
        restart: Some(
            service.restart.as_ref().map_or("unless-stopped", |restart| restart.name()).to_owned(),
        ),
        entrypoint: strings(&service.entrypoint),
        command: strings(&service.command),
        user: text(&service.user),
        working_dir: text(&service.working_dir),
        hostname: text(&service.hostname),
        environment,
        env_file: service.env_file.iter().map(|file| host_path(plan.base, file.as_str())).collect(),
        secrets: origin_order(secrets.clone()).into_iter().map(|secret| secret.name).collect(),
        expose: service.exposes.iter().map(|port| port.number.value.to_string()).collect(),
        ports: ports
            .map(|port| {
                let bind = port.bind.as_ref().map_or(LOOPBACK, |bind| bind.as_str());
                let host = port.host.as_ref().map_or(port.number.value, |host| host.value);
                let protocol = port.protocol.as_ref().map(|protocol| protocol.value);
                published(bind, host, port.number.value, protocol)
            })
            .collect(),
        volumes,
        tmpfs: strings(&service.tmpfs),
        networks: networks(stack, &strings(&service.networks)),
        extra_hosts: service
            .extra_hosts
            .iter()
            .map(|(name, address)| format!("{}:{}", name.value, address.value))
            .collect(),
        depends_on: service
            .depends_on
            .iter()
            .map(|other| {
                let condition = other.condition.as_ref().map(|condition| condition.value);
                let host = service_name(stack, other.name.as_str());
                let dependency = dependency(stack, &host, condition);
                (host, dependency)
            })
            .collect(),
        healthcheck: service.healthcheck.as_ref().map(|check| healthcheck(check)),
        deploy: deploy(
            service.replicas.as_ref(),
            service.resources.as_deref().or(stack.resources.as_deref()),
        ),
        cap_add: strings(&service.cap_add),
        cap_drop: strings(&service.cap_drop),
        read_only: service.read_only.as_ref().is_some_and(|flag| flag.value),
        privileged: service.privileged.as_ref().is_some_and(|flag| flag.value),
        init: service.init.as_ref().map(|flag| flag.value),
        logging: logging(service.logging.as_deref().or(stack.logging.as_deref())),
        labels: pairs(&service.labels),
        stop_grace_period: service.stop_grace_period.as_ref().map(|d| go_duration(d.ms)),
        ..wire::Service::default()
    };
    (entry, secrets)
}

/// Name in compose of what the manifest calls by name: exporters have another one.
fn service_name(stack: &Stack, name: &str) -> String {
    let exporter = stack.exporters.iter().find(|exporter| exporter.name.value == name);
    match exporter {
        Some(exporter) if stack.service(name).is_none() => exporter.host(),
        _ => name.to_owned(),
    }
}

fn logging(logging: Option<&Logging>) -> Option<wire::Logging> {
    logging.map(|Logging { driver, options }| wire::Logging {
        driver: text(driver),
        options: pairs(options),
    })
}

/// Limits and output of a monitoring part: its own, or those of all containers.
pub(super) fn settings_of<'a>(
    stack: &'a Stack,
    part: &Part,
) -> (Option<&'a Resources>, Option<&'a Logging>) {
    macro_rules! own {
        ($part:expr) => {
            $part.map_or((None, None), |part| (part.resources.as_deref(), part.logging.as_deref()))
        };
    }
    let (resources, logging) = match part.kind {
        PartKind::Prometheus => own!(stack.prometheus.as_ref()),
        PartKind::Alertmanager => own!(stack.alertmanager.as_ref()),
        PartKind::Grafana => own!(stack.grafana.as_ref()),
        PartKind::Pushgateway => own!(stack.pushgateway.as_ref()),
        PartKind::Custom if part.store.is_some() => {
            own!(part.store.map(|index| &stack.stores[index]))
        }
        PartKind::NodeExporter | PartKind::MysqldExporter | PartKind::Custom => {
            own!(part.exporter.map(|index| &stack.exporters[index]))
        }
    };
    (resources.or(stack.resources.as_deref()), logging.or(stack.logging.as_deref()))
}

fn deploy(replicas: Option<&Spanned<u64>>, resources: Option<&Resources>) -> Option<wire::Deploy> {
    let deploy = wire::Deploy {
        replicas: replicas.map(|replicas| replicas.value),
        resources: resources.map(|resources| wire::Resources {
            limits: wire::Limits {
                cpus: resources.cpus.as_ref().map(|cpus| cpus.value.to_string()),
                memory: resources.memory.as_ref().map(|memory| bytes(memory.bytes)),
                pids: resources.pids.as_ref().map(|pids| pids.value),
            },
        }),
    };
    (deploy != wire::Deploy::default()).then_some(deploy)
}

/// A duration as compose writes it: Go's units, the largest of which is the hour.
fn go_duration(ms: i64) -> String {
    let ms = ms.unsigned_abs();
    let units = [(3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let unit = units.iter().find(|(length, _)| ms != 0 && ms.is_multiple_of(*length));
    unit.map_or_else(|| format!("{ms}ms"), |(length, name)| format!("{}{name}", ms / length))
}

/// An amount of bytes as compose writes it: units are small letters and powers of 1024.
fn bytes(bytes: u64) -> String {
    let units = [(30, "g"), (20, "m"), (10, "k")];
    let unit = units.iter().find(|(shift, _)| bytes != 0 && bytes.is_multiple_of(1 << shift));
    unit.map_or_else(|| format!("{bytes}b"), |(shift, name)| format!("{}{name}", bytes >> shift))
}

/// The environment of a part's container: its own, and for programs in Go with a limit of memory where
/// they begin to save. Nine tenths leave room for what Go does not count; Prometheus sees to it by itself
/// since version 3, and exporters need too little for it to matter.
pub(super) fn environment_of(stack: &Stack, part: &Part) -> Vec<(String, EnvValue)> {
    let mut env = part.env.clone();
    let saves = match part.kind {
        PartKind::Alertmanager | PartKind::Grafana | PartKind::Pushgateway => !part.own,
        PartKind::Prometheus => !part.own && Product::prometheus_of(stack) < Version(3, 0, 0),
        _ => false,
    };
    let limit = settings_of(stack, part).0.and_then(|resources| resources.memory.as_ref());
    if let (true, Some(limit)) = (saves, limit) {
        let text = format!("{}B", limit.value.bytes / 10 * 9);
        env.push(("GOMEMLIMIT".to_owned(), EnvValue::Text(text)));
    }
    env
}

/// A monitoring part.
pub(super) fn monitoring(plan: &Plan, part: &Part) -> wire::Service {
    let stack = plan.stack;
    let own = part.own;
    let mut command = part.argv.clone();
    let run_word = part.kind.run_word().filter(|_| own);
    if let Some(word) = run_word {
        command.splice(0..0, ["run".to_owned(), word.to_owned()]);
    }
    let mut environment = IndexMap::new();
    let mut script = Vec::new();
    for (name, value) in environment_of(stack, part) {
        match &value {
            EnvValue::Text(text) => {
                environment.insert(name.clone(), text.clone());
            }
            EnvValue::FromCaller(variable) => {
                environment.insert(name.clone(), from_caller(variable));
            }
            // The program has no setting for a file: a shell reads it just before.
            EnvValue::Content(secret) => {
                script.push(format!("{name}=\"$(cat {})\"; export {name}", secret.path()));
            }
        }
    }
    let exporter = part.exporter.map(|index| &stack.exporters[index]);
    if let Some(name) = exporter
        .filter(|_| part.kind == PartKind::MysqldExporter && !own)
        .and_then(|exporter| mysql::data_source_name(stack, exporter))
    {
        script.push(format!("export DATA_SOURCE_NAME=\"{name}\""));
    }
    if let (Some(web), false) = (&part.web_config, part.web_users.is_empty()) {
        let rendered = web.output.rsplit('/').next().unwrap_or(&web.output);
        let rendered = format!("/etc/{}/{rendered}", part.name);
        script.push(web_script(&part.web_users, &rendered, &web.inside, SecretRef::path));
    }
    let program = match run_word {
        Some(_) => "stackctl",
        None => match part.kind {
            PartKind::Prometheus => "/bin/prometheus",
            PartKind::Alertmanager => "/bin/alertmanager",
            PartKind::Pushgateway => "/bin/pushgateway",
            PartKind::NodeExporter => "/bin/node_exporter",
            PartKind::MysqldExporter => "/bin/mysqld_exporter",
            PartKind::Grafana | PartKind::Custom => "/run.sh",
        },
    };
    let entrypoint = match script.is_empty() {
        true => Vec::new(),
        false => {
            script.push(format!("exec {program} \"$@\""));
            vec!["/bin/sh".to_owned(), "-ec".to_owned(), script.join("; "), part.name.clone()]
        }
    };
    let mut depends_on: IndexMap<String, wire::Dependency> = IndexMap::new();
    for name in &part.after {
        depends_on.insert(name.clone(), dependency(stack, name, None));
    }
    let (resources, logs) = settings_of(stack, part);
    let said = exporter.and_then(|exporter| exporter.healthcheck.as_deref());
    wire::Service {
        image: Some(part.image.clone()),
        restart: Some("unless-stopped".to_owned()),
        entrypoint,
        command,
        pid: (part.kind == PartKind::NodeExporter).then(|| "host".to_owned()),
        environment,
        secrets: origin_order(part.secrets.clone()).into_iter().map(|s| s.name).collect(),
        user: part.user.clone(),
        ports: part
            .publish
            .then_some((part.host_port, part.port))
            .into_iter()
            .chain(part.further_published.iter().map(|port| (*port, *port)))
            .map(|(outside, inside)| published(&part.bind, outside, inside, None))
            .collect(),
        expose: exporter
            .iter()
            .flat_map(|exporter| exporter.exposes.iter().map(|port| port.number.value))
            .chain(part.further_ports.iter().copied())
            .map(|port| port.to_string())
            .collect(),
        volumes: part.mounts.iter().map(|point| mount(plan, point)).collect(),
        networks: networks(stack, &part.networks),
        depends_on,
        healthcheck: said.map(healthcheck).or_else(|| readiness(part, own)),
        deploy: deploy(None, resources),
        logging: logging(logs),
        ..wire::Service::default()
    }
}

/// Commands of a shell that put a web configuration together: the rendered file, and users with the
/// hashes that lie in secrets.
pub(super) fn web_script(
    users: &[(String, SecretRef)],
    rendered: &str,
    into: &str,
    place: impl Fn(&SecretRef) -> String,
) -> String {
    let mut lines = format!("{{ cat {rendered}; echo basic_auth_users:");
    for (user, secret) in users {
        // The file holds the hash, or `user:hash`.
        let line = format!(
            "; printf \"  '%s': '%s'\\n\" {} \"$(sed '1!d;s/.*://' {})\"",
            shell_word(&user.replace('\'', "''")),
            place(secret)
        );
        lines.push_str(&line);
    }
    format!("umask 077; {lines}; }} > {into}")
}

fn readiness(part: &Part, own: bool) -> Option<wire::Healthcheck> {
    let path = part.ready_path.filter(|_| !part.bare)?;
    let command: Vec<String> = if own {
        // Our image has no wget; a port that answers is enough.
        let probe = format!("</dev/tcp/127.0.0.1/{}", part.port);
        ["CMD", "bash", "-c", &probe].map(str::to_owned).to_vec()
    } else if part.web_config.is_some() || part.encrypted {
        ["CMD", "nc", "-z", "127.0.0.1", &part.port.to_string()].map(str::to_owned).to_vec()
    } else {
        let url = format!("http://127.0.0.1:{}{path}", part.port);
        ["CMD", "wget", "-q", "--spider", &url].map(str::to_owned).to_vec()
    };
    Some(wire::Healthcheck {
        test: command,
        interval: Some("10s".to_owned()),
        timeout: Some("3s".to_owned()),
        retries: Some(5),
        start_period: Some("10s".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marked_dollars_are_interpolated() {
        let mut value = Yaml::from(format!("a$b ${{c}} {}", from_caller("PASS")));
        let mut variables = Vec::new();
        escape(&mut value, &mut variables);
        assert_eq!(value.as_str(), Some("a$$b $${c} ${PASS:?PASS is not set, see .env.example}"));
        assert_eq!(variables, ["PASS"]);
    }

    #[test]
    fn amounts_have_composes_units() {
        assert_eq!([86_400_000, 90_000, 1500, 0].map(go_duration), ["24h", "90s", "1500ms", "0ms"]);
        assert_eq!([256 << 20, 3 << 30, 1000, 0].map(bytes), ["256m", "3g", "1000b", "0b"]);
    }

    #[test]
    fn ports_are_written_with_their_address() {
        assert_eq!(published("127.0.0.1", 3001, 3000, None), "127.0.0.1:3001:3000");
        assert_eq!(published("::1", 53, 53, Some(Protocol::Udp)), "[::1]:53:53/udp");
    }
}
