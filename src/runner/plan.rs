//! What `up` starts: a stack becomes a list of native parts, each with its address. Comparing two
//! plans tells what a reload has to touch.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::place::Place;
use super::process::{Process, Restart};
use super::simulate;
use crate::manifest::{self, Block, Service, Stack, Value};
use crate::model::MetricType;
use crate::render::{self, EnvValue, HostPath, Origin, PartKind, SecretRef};
use crate::wire;

/// How the user wants the stack to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Added to every port that the runner itself listens on.
    pub port_offset: u16,
    /// Only these services; all if there is none.
    pub only: Vec<String>,
    /// Services whose declared metrics are made up.
    pub simulate: Vec<String>,
}

/// One part of the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// Service name.
    pub name: String,
    /// Where it listens, if the runner itself does.
    pub listen: Option<SocketAddr>,
    /// Where it answers, if somebody else listens: `host:port`, by commas.
    pub reached: Option<String>,
    /// What it is.
    pub kind: Kind,
}

/// What a part of the plan is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// The time series database.
    Prometheus {
        /// Flags of its command line.
        argv: Vec<String>,
        /// Finds what its configuration refers to.
        locator: Box<Locator>,
    },
    /// The node exporter.
    NodeExporter {
        /// Flags of its command line.
        argv: Vec<String>,
        /// Finds what its web configuration refers to.
        locator: Box<Locator>,
    },
    /// The MySQL exporter.
    MysqldExporter {
        /// Flags of its command line.
        argv: Vec<String>,
        /// Environment of the part.
        env: Vec<(String, String)>,
        /// Where the servers of its settings are, by `host:port`.
        hosts: BTreeMap<String, String>,
        /// Finds what its web configuration refers to.
        locator: Box<Locator>,
    },
    /// A child process.
    Process(Process),
    /// A program that runs elsewhere: `host:port`.
    External(String),
    /// Made-up metrics, by path.
    Simulated(BTreeMap<String, (String, Vec<simulate::Declared>)>),
    /// Not run here; the reason.
    NotRun(String),
}

/// The word for what runs elsewhere.
pub const EXTERNAL: &str = "external";

impl Kind {
    /// The word for the table.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Prometheus { .. } => "tsdb",
            Self::NodeExporter { .. } => "node exporter",
            Self::MysqldExporter { .. } => "mysql exporter",
            Self::Process(_) => "process",
            Self::External(_) => EXTERNAL,
            Self::Simulated(_) => "simulated",
            Self::NotRun(_) => "-",
        }
    }
}

/// What a service's address means natively.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// An address on this machine, or a name that the system resolves.
    At(String),
    /// Nobody listens; the reason.
    Nowhere(String),
}

/// Everything that `up` starts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// The parts in the order of the table.
    pub parts: Vec<Planned>,
    /// `host:port` as on the compose network, and what it is here.
    pub endpoints: HashMap<String, Endpoint>,
}

/// Plans the stack. `prometheus_yml` is the rendered file, `folder` the manifest's.
pub fn plan(
    stack: &Stack,
    prometheus_yml: Option<&str>,
    folder: &Path,
    place: &Place,
    wishes: &Wishes,
) -> anyhow::Result<Plan> {
    let mut plan = Plan::default();
    let context = Planner { stack, folder, place, wishes };
    let parts = render::parts(stack);
    for name in wishes.only.iter().chain(&wishes.simulate) {
        let part = parts.iter().any(|part| part.name == *name);
        if !part && stack.service(name).is_none() {
            bail!("the stack has no service or part `{name}`");
        }
    }
    for part in &parts {
        if context.is_wanted(&part.name) {
            context.add_part(part, &mut plan)?;
        } else {
            left_out(&part.name, part.port, &mut plan);
        }
    }
    for service in &stack.services {
        let simulated = wishes.simulate.contains(&service.name.value);
        if !simulated && context.is_wanted(&service.name.value) {
            context.add_service(service, &mut plan)?;
        } else {
            for port in ports(service) {
                left_out(&service.name, port, &mut plan);
            }
        }
    }
    context.add_simulated(prometheus_yml, &mut plan)?;
    // The monitoring parts are no MySQL servers: when one of them moves, the exporter goes on.
    let own = |name: &str| {
        let host = name.rsplit_once(':').map_or(name, |(host, _)| host);
        parts.iter().any(|part| part.name == host)
    };
    let hosts: BTreeMap<String, String> = plan
        .endpoints
        .iter()
        .filter_map(|(name, endpoint)| match endpoint {
            Endpoint::At(address) if !own(name) => Some((name.clone(), address.clone())),
            _ => None,
        })
        .collect();
    for part in &mut plan.parts {
        if let Kind::MysqldExporter { hosts: known, .. } = &mut part.kind {
            known.clone_from(&hosts);
        }
    }
    Ok(plan)
}

/// A target of something that was not asked for is down, and says so.
fn left_out(name: &str, port: u16, plan: &mut Plan) {
    let reason = format!("`{name}` was not asked for: `--only` leaves it out");
    plan.endpoints.insert(format!("{name}:{port}"), Endpoint::Nowhere(reason));
}

/// The ports on which a service listens.
fn ports(service: &Service) -> Vec<u16> {
    let published = service.ports.iter().map(|port| port.number.value);
    published.chain(service.exposes.iter().map(|expose| expose.number.value)).collect()
}

struct Planner<'a> {
    stack: &'a Stack,
    folder: &'a Path,
    place: &'a Place,
    wishes: &'a Wishes,
}

/// Finds paths inside of a part's container on this machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Locator {
    pub(super) part: render::Part,
    folder: PathBuf,
    pub(super) place: Place,
}

impl Locator {
    /// Where a path lies; `None` for one that is the same everywhere. Fails if it is a secret that
    /// the environment does not give.
    pub fn locate(&self, inside: &str) -> anyhow::Result<Option<PathBuf>> {
        let Some((outside, rest)) = self.part.locate(inside) else { return Ok(None) };
        let root = match outside {
            HostPath::Output(path) => self.place.rendered().join(path),
            HostPath::Manifest(path) => self.folder.join(path),
            HostPath::Volume(name) => self.place.data(&name),
            HostPath::Machine(path) => PathBuf::from(path),
            HostPath::Secret(secret) => secret_file(&secret, &self.folder, &self.place)?,
        };
        Ok(Some(if rest.is_empty() { root } else { root.join(rest) }))
    }

    /// A flag of a container's command line with the paths of this machine.
    fn flag(&self, flag: &str) -> anyhow::Result<String> {
        let Some((name, value)) = flag.split_once('=') else { return Ok(flag.to_owned()) };
        let located = match (value.starts_with('/'), name) {
            (false, _) => None,
            // Without a volume a container keeps its samples until it is made anew; we keep them.
            (true, "--storage.tsdb.path") => {
                Some(self.locate(value)?.unwrap_or_else(|| self.place.data(&self.part.name)))
            }
            (true, _) => self.locate(value)?,
        };
        Ok(located.map_or(flag.to_owned(), |path| format!("{name}={}", path.display())))
    }
}

/// The file that holds a secret; one from the environment is put into a private file.
fn secret_file(secret: &SecretRef, folder: &Path, place: &Place) -> anyhow::Result<PathBuf> {
    match &secret.origin {
        Origin::File(path) => {
            let file = folder.join(path);
            // A part would only say that it cannot read some path; say it here, by name.
            read_secret(&file).with_context(|| format!("secret `{}`", secret.name))?;
            Ok(file)
        }
        Origin::Env(variable) => {
            let private = place.root.join("secrets");
            let file = private.join(&secret.name);
            let text = from_environment(variable)?;
            write_private(&private, &file, &text)
                .with_context(|| format!("keeping the secret `{}`", secret.name))?;
            Ok(file)
        }
    }
}

impl Planner<'_> {
    fn is_wanted(&self, name: &str) -> bool {
        let Wishes { only, .. } = self.wishes;
        only.is_empty() || only.iter().any(|wanted| wanted == name)
    }

    fn add_part(&self, part: &render::Part, plan: &mut Plan) -> anyhow::Result<()> {
        let bind: IpAddr = part.bind.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let port = part
            .host_port
            .checked_add(self.wishes.port_offset)
            .with_context(|| format!("{} would need a port above 65535", part.name))?;
        let listen = SocketAddr::new(bind, port);
        let locator = Locator {
            part: part.clone(),
            folder: self.folder.to_owned(),
            place: self.place.clone(),
        };
        let argv = || -> anyhow::Result<Vec<String>> {
            // The web configuration is put together anew, see `door`.
            let flags = part.argv.iter().filter(|flag| !flag.starts_with("--web.config.file="));
            flags.map(|flag| locator.flag(flag)).collect()
        };
        let kind = match part.kind {
            PartKind::Prometheus => Kind::Prometheus { argv: argv()?, locator: Box::new(locator) },
            PartKind::NodeExporter => {
                Kind::NodeExporter { argv: argv()?, locator: Box::new(locator) }
            }
            PartKind::MysqldExporter => {
                let env = part.env.iter().map(|(name, value)| {
                    Ok((name.clone(), self.env_value(value).with_context(|| name.clone())?))
                });
                Kind::MysqldExporter {
                    argv: argv()?,
                    hosts: BTreeMap::new(),
                    env: env
                        .collect::<anyhow::Result<_>>()
                        .with_context(|| format!("environment of {}", part.name))?,
                    locator: Box::new(locator),
                }
            }
            PartKind::Alertmanager | PartKind::Grafana | PartKind::Pushgateway => {
                Kind::NotRun("rendered; `up` does not run it yet".to_owned())
            }
            PartKind::Custom if part.store.is_some() => {
                Kind::NotRun("a store: it runs in containers only".to_owned())
            }
            PartKind::Custom => {
                let exporter = part.exporter.and_then(|index| self.stack.exporters.get(index));
                let native = exporter.and_then(|exporter| exporter.native.as_ref());
                self.native(&part.name, native, &[part.port], plan);
                let Some(Planned { kind: Kind::Process(process), .. }) = plan.parts.last_mut()
                else {
                    return Ok(());
                };
                for (name, value) in &part.env {
                    let value = self.env_value(value).with_context(|| name.clone())?;
                    process.env.push((name.clone(), value));
                }
                let run = native.and_then(|native| native.run.as_ref());
                for (name, value) in run.iter().flat_map(|run| run.env.iter()) {
                    let value =
                        self.service_env(name, value).with_context(|| name.value.clone())?;
                    process.env.push((name.value.clone(), value));
                }
                return Ok(());
            }
        };
        let inside = format!("{}:{}", part.name, part.port);
        let runs = !matches!(kind, Kind::NotRun(_));
        let endpoint = match &kind {
            Kind::NotRun(reason) => Endpoint::Nowhere(format!("{}: {reason}", part.name)),
            _ => Endpoint::At(loopback(listen).to_string()),
        };
        plan.endpoints.insert(inside, endpoint);
        let listen = runs.then_some(listen);
        plan.parts.push(Planned { name: part.name.clone(), listen, reached: None, kind });
        Ok(())
    }

    fn add_service(&self, service: &Service, plan: &mut Plan) -> anyhow::Result<()> {
        self.native(&service.name, service.native.as_ref(), &ports(service), plan);
        if let Some(Planned { kind: Kind::Process(process), .. }) = plan.parts.last_mut() {
            let mut env = Vec::new();
            let own = service.native.as_ref().and_then(|native| native.run.as_ref());
            let pairs = service.env.iter().chain(own.iter().flat_map(|run| run.env.iter()));
            for (name, value) in pairs {
                let value = self
                    .service_env(name, value)
                    .with_context(|| format!("environment variable {name} of {}", service.name))?;
                env.push((name.value.clone(), value));
            }
            process.env = env;
            process.restart = match service.restart.as_ref().map(|restart| restart.value) {
                Some(manifest::Restart::No) => Restart::No,
                Some(manifest::Restart::OnFailure) => Restart::OnFailure,
                _ => Restart::Always,
            };
        }
        Ok(())
    }

    /// A service or exporter of the user's own, by its `native` block.
    fn native(
        &self,
        name: &str,
        native: Option<&Block<manifest::Native>>,
        ports: &[u16],
        plan: &mut Plan,
    ) {
        let run = native.and_then(|native| native.run.as_ref());
        let external = native.and_then(|native| native.external.as_ref());
        let kind = match (run, external) {
            (Some(run), _) => Kind::Process(Process {
                name: name.to_owned(),
                command: run.command.iter().map(|word| word.value.clone()).collect(),
                folder: run
                    .cwd
                    .as_ref()
                    .map_or(self.folder.to_owned(), |cwd| self.folder.join(&cwd.value)),
                env: Vec::new(),
                restart: Restart::Always,
            }),
            (None, Some(address)) => Kind::External(address.value.clone()),
            (None, None) => Kind::NotRun("container only: no `native` block".to_owned()),
        };
        for port in ports {
            let endpoint = match &kind {
                Kind::Process(_) => Endpoint::At(format!("127.0.0.1:{port}")),
                Kind::External(address) => Endpoint::At(address.clone()),
                _ => Endpoint::Nowhere(format!(
                    "service `{name}` is not run here: it has no `native` block"
                )),
            };
            plan.endpoints.insert(format!("{name}:{port}"), endpoint);
        }
        let reached = match &kind {
            Kind::Process(_) if !ports.is_empty() => {
                let own: Vec<String> =
                    ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
                Some(own.join(", "))
            }
            Kind::External(address) => Some(address.clone()),
            _ => None,
        };
        plan.parts.push(Planned { name: name.to_owned(), listen: None, reached, kind });
    }

    /// Simulated services answer at the address that their scrape job asks.
    fn add_simulated(&self, prometheus_yml: Option<&str>, plan: &mut Plan) -> anyhow::Result<()> {
        if self.wishes.simulate.is_empty() {
            return Ok(());
        }
        let text = prometheus_yml.context("`--simulate` needs a stack with prometheus")?;
        let config: wire::prometheus::Config =
            serde_yaml::from_str(text).context("reading the rendered prometheus.yml")?;
        for name in &self.wishes.simulate {
            let Some(service) = self.stack.service(name) else {
                bail!("`--simulate {name}`: only services have declared metrics");
            };
            let metrics = declared(service);
            if metrics.is_empty() {
                bail!("`--simulate {name}`: the service declares no metrics");
            }
            let job = config.scrape_configs.iter().find(|job| job.job_name == *name);
            let job = job.with_context(|| format!("no scrape job asks service `{name}`"))?;
            let path = job.metrics_path.clone().unwrap_or_else(|| "/metrics".to_owned());
            let target = job.static_configs.iter().flat_map(|group| &group.targets).next();
            let target = target
                .with_context(|| format!("the scrape job of `{name}` has no fixed target"))?;
            let port = target.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            let port = port.unwrap_or(80);
            // Low ports would need rights that made-up data is not worth.
            let free = if port < 1024 { port + 20_000 } else { port };
            let listen = SocketAddr::new(
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                free.checked_add(self.wishes.port_offset)
                    .with_context(|| format!("{name} would need a port above 65535"))?,
            );
            let page = (path, (name.clone(), metrics));
            let known = plan.parts.iter_mut().find(|part| part.listen == Some(listen));
            match known {
                Some(Planned { kind: Kind::Simulated(pages), name: label, .. }) => {
                    label.push('+');
                    label.push_str(name);
                    pages.insert(page.0, page.1);
                }
                _ => plan.parts.push(Planned {
                    name: name.clone(),
                    listen: Some(listen),
                    reached: None,
                    kind: Kind::Simulated(BTreeMap::from([page])),
                }),
            }
            plan.endpoints.insert(target.clone(), Endpoint::At(listen.to_string()));
        }
        Ok(())
    }

    fn env_value(&self, value: &EnvValue) -> anyhow::Result<String> {
        match value {
            EnvValue::Text(text) => Ok(text.clone()),
            EnvValue::FromCaller(variable) => from_environment(variable),
            EnvValue::Content(secret) => match &secret.origin {
                Origin::Env(variable) => from_environment(variable),
                Origin::File(path) => read_secret(&self.folder.join(path)),
            },
        }
    }

    /// A variable of a service: `X_FILE` gets the path of the secret's file, anything else its text.
    fn service_env(&self, name: &str, value: &Value) -> anyhow::Result<String> {
        let Some(secret) = SecretRef::of(self.stack, value) else {
            return Ok(value.text().to_owned());
        };
        if name.ends_with("_FILE") {
            let file = secret_file(&secret, self.folder, self.place)?;
            return Ok(file.display().to_string());
        }
        match &secret.origin {
            Origin::Env(variable) => from_environment(variable),
            Origin::File(path) => read_secret(&self.folder.join(path)),
        }
    }
}

/// The loopback for an address that means every interface.
fn loopback(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port())
    } else {
        address
    }
}

fn from_environment(variable: &str) -> anyhow::Result<String> {
    std::env::var(variable)
        .with_context(|| format!("the environment variable {variable} must be set for this stack"))
}

fn read_secret(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the secret file {} must be there", path.display()))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

fn write_private(folder: &Path, file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
    file.write_all(text.as_bytes())
}

fn declared(service: &Service) -> Vec<simulate::Declared> {
    let Some(metrics) = &service.metrics else { return Vec::new() };
    let kinds = [
        (&metrics.counters, MetricType::Counter),
        (&metrics.gauges, MetricType::Gauge),
        (&metrics.histograms, MetricType::Histogram),
        (&metrics.summaries, MetricType::Summary),
    ];
    kinds
        .into_iter()
        .flat_map(|(metrics, kind)| metrics.iter().map(move |metric| (metric, kind)))
        .map(|(metric, kind)| simulate::Declared {
            name: metric.name.value.clone(),
            kind,
            labels: metric.labels.iter().map(|label| label.value.clone()).collect(),
        })
        .collect()
}
