//! The stack in a cluster, as plain objects: kustomization.yaml and what it names. `kubectl apply -k`
//! makes them; the configuration files are the very same that containers get, and become ConfigMaps.

mod configs;
pub(super) mod discovery;
pub(super) mod names;
pub(super) mod objects;
mod pods;
mod policies;
pub(super) mod review;
pub(super) mod secrets;
pub(super) mod workload;

use std::collections::BTreeMap;

use crate::diag::Spanned;
use crate::manifest::address::is_localhost;
use crate::manifest::{Service, Stack};
use crate::wire::kubernetes::{ClaimTemplate, Generator, GeneratorOptions, Kustomization, PodSpec};

use super::parts::{HostPath, Part, PartKind, mount_source, parts};
use super::{Output, Plan, RenderError, Renderer, header, to_yaml};
use names::Labels;
pub(super) use pods::{ends, tls_file};
pub(super) use policies::labels as network_labels;
use secrets::Wanted;
use workload::{Port, Shape};

pub(super) const RENDERER: Renderer = Renderer { name: "kubernetes", render };

/// Folder of the objects below the output folder.
const FOLDER: &str = "kubernetes";

/// What is gathered while workloads are made.
pub(super) struct Context<'a> {
    /// The files rendered so far.
    pub outputs: &'a [Output],
    /// What the user has to make.
    pub wanted: Wanted,
    /// Names of volumes as labels.
    pub volumes: Labels,
    /// ConfigMaps.
    pub configs: Vec<Generator>,
    /// Volumes that exist already or that several workloads mount, and how many do.
    shared: BTreeMap<String, usize>,
    /// Sizes that the manifest says.
    sizes: BTreeMap<String, String>,
}

impl<'a> Context<'a> {
    /// Nothing gathered yet.
    pub fn new(stack: &Stack, outputs: &'a [Output]) -> Self {
        let mut uses: BTreeMap<String, usize> = BTreeMap::new();
        for volume in volumes_in_use(stack) {
            *uses.entry(volume).or_default() += 1;
        }
        let external = stack
            .volume_blocks
            .iter()
            .filter(|volume| volume.external.as_ref().is_some_and(|flag| flag.value))
            .map(|volume| (volume.name.value.clone(), 0));
        let shared = uses.into_iter().filter(|(_, uses)| *uses > 1).chain(external).collect();
        let sizes = stack.volume_blocks.iter().filter_map(|volume| {
            let bytes = volume.size.as_ref()?.value.bytes;
            Some((volume.name.value.clone(), workload::bytes(bytes)))
        });
        Self {
            outputs,
            wanted: Wanted::default(),
            volumes: Labels::of(stack.volumes().map(|name| name.as_str())),
            configs: Vec::new(),
            shared,
            sizes: sizes.collect(),
        }
    }

    fn is_shared(&self, volume: &str) -> bool {
        self.shared.contains_key(volume)
    }

    fn size_of(&self, volume: &str, default: &str) -> String {
        self.sizes.get(volume).map_or_else(|| default.to_owned(), Clone::clone)
    }

    fn has_config(&self, name: &str) -> bool {
        self.configs.iter().any(|config| config.name == name)
    }
}

/// Volumes in the order of their mounts, one for each workload that mounts them.
fn volumes_in_use(stack: &Stack) -> Vec<String> {
    let mut volumes = Vec::new();
    for service in stack.services.iter().filter(|service| runs_in_container(service)) {
        let mut own: Vec<String> = Vec::new();
        for mount in &service.volumes {
            if let HostPath::Volume(name) = mount_source(mount.name.as_str())
                && !own.contains(&name)
            {
                own.push(name);
            }
        }
        volumes.extend(own);
    }
    for part in parts(stack) {
        volumes.extend(part.mounts.into_iter().filter_map(|mount| match mount.outside {
            HostPath::Volume(name) => Some(name),
            _ => None,
        }));
    }
    volumes
}

/// Whether a service has a container.
fn runs_in_container(service: &Service) -> bool {
    service.image.is_some() || service.build.is_some()
}

/// One workload, ready to be written.
#[derive(Debug)]
pub(super) struct Workload {
    pub name: String,
    pub shape: Shape,
    pub replicas: u64,
    pub spec: PodSpec,
    pub claims: Vec<ClaimTemplate>,
    pub ports: Vec<Port>,
    /// Networks said; none said is all.
    pub networks: Vec<String>,
    /// Notes on the pods.
    pub annotations: Vec<(String, String)>,
    /// The object to write in place of the usual one: the operator's.
    pub object: Option<String>,
    /// Host name in the outside world, if requests for it may come through an Ingress; whether they
    /// come encrypted.
    pub host: Option<(String, bool)>,
}

/// Whether an address lets in others than this machine.
pub(super) fn is_open(bind: &str) -> bool {
    !is_localhost(bind) || matches!(bind, "0.0.0.0")
}

/// The host under which people reach a part, if an Ingress can lead there: the part is published, has
/// no certificate of its own, and no path is to be taken away.
fn external_host(stack: &Stack, part: &Part) -> Option<(String, bool)> {
    let url = url::Url::parse(external_url(stack, part)?.as_str()).ok()?;
    let host = url.domain()?.to_owned();
    (is_open(&part.bind) && !part.speaks_tls() && url.path() == "/" && url.port().is_none())
        .then(|| (host, url.scheme() == "https"))
}

/// The address under which people reach a part.
fn external_url<'a>(stack: &'a Stack, part: &Part) -> Option<&'a Spanned<String>> {
    match part.kind {
        PartKind::Prometheus => stack.prometheus.as_ref()?.external_url.as_ref(),
        PartKind::Alertmanager => stack.alertmanager.as_ref()?.external_url.as_ref(),
        PartKind::Grafana => stack.grafana.as_ref()?.root_url.as_ref(),
        _ => None,
    }
}

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    let stack = plan.stack;
    let rendered = out.clone();
    let mut context = Context::new(stack, &rendered);
    let mut workloads = services(plan, &mut context)?;
    for part in parts(stack) {
        workloads.push(pods::of_part(plan, &mut context, &part)?);
    }
    write(plan, context, &workloads, Vec::new(), out);
    Ok(())
}

/// The services of the user.
pub(super) fn services(plan: &Plan, context: &mut Context) -> Result<Vec<Workload>, RenderError> {
    let mut workloads = Vec::new();
    for service in &plan.stack.services {
        workloads.extend(pods::of_service(plan, context, service)?);
    }
    Ok(workloads)
}

/// A monitoring part as a workload.
pub(super) fn part(
    plan: &Plan,
    context: &mut Context,
    part: &Part,
) -> Result<Workload, RenderError> {
    pods::of_part(plan, context, part)
}

/// Writes workloads with their Services, policies, storage and kustomization.yaml. `others` are
/// further files with objects, by name.
pub(super) fn write(
    plan: &Plan,
    mut context: Context,
    workloads: &[Workload],
    others: Vec<(String, String)>,
    out: &mut Vec<Output>,
) {
    let stack = plan.stack;
    let namespace = names::label(stack.name());
    let mut files = vec![("namespace".to_owned(), objects::namespace(&namespace))];
    if let Some(text) = objects::claims(stack, &context) {
        files.push(("volumes".to_owned(), text));
    }
    for workload in workloads {
        files.push((workload.name.clone(), objects::documents(stack, workload)));
    }
    files.extend(others);
    files.push(("network-policies".to_owned(), policies::documents(stack, workloads)));
    let mut resources = Vec::new();
    for (name, text) in files {
        let path = names::numbered(&format!("{FOLDER}/{name}"), |path| {
            resources.contains(&format!("{path}.yaml"))
        });
        let path = format!("{path}.yaml");
        out.push(Output::text(path.clone(), format!("{}{text}", header(stack))));
        resources.push(path);
    }
    let kustomization = Kustomization {
        api_version: "kustomize.config.k8s.io/v1beta1".to_owned(),
        kind: "Kustomization".to_owned(),
        namespace: Some(namespace.clone()),
        generator_options: GeneratorOptions { labels: objects::managed_by() },
        resources,
        config_map_generator: std::mem::take(&mut context.configs),
    };
    let script = context.wanted.script(stack, plan.base, &namespace);
    let mut text = header(stack);
    if script.is_some() {
        text.push_str("# `sh prepare.sh` makes the Secrets; then\n");
    }
    text.push_str("# `kubectl apply --server-side -k .` makes the rest.\n");
    text.push_str(&to_yaml(&kustomization));
    out.push(Output::text("kustomization.yaml", text));
    out.extend(script);
}
