//! The typed model of a manifest: what was written, with the place of every value.
//!
//! Each struct here is at once the declaration of the language: its fields are the settings of a
//! node, their types say how the setting is written, and their doc comments are what the JSON
//! Schema, the editor and the messages show. See [`super::shape`] for how that works.
//! `Option` and empty lists mean that nothing was said; no default is filled in.

mod alertmanager;
mod dashboard;
mod exporter;
mod grafana;
mod prometheus;
mod rules;
mod service;
mod store;
mod tests_and_slos;

pub use alertmanager::*;
pub use dashboard::*;
pub use exporter::*;
pub use grafana::*;
pub use prometheus::*;
pub use rules::*;
pub use service::*;
pub use store::*;
pub use tests_and_slos::*;

use super::block::{Block, Map, SizeText};
use super::decode::Fields;
use super::shape::{keywords, settings};
use crate::diag::Spanned;

settings! {
    /// A whole manifest: everything that is rendered and run is a function of it.
    pub struct Stack {
        /// Name of the stack and version of the manifest language.
        pub header as "stack": Option<Block<Header>>,
        /// A network that services can be attached to.
        pub networks as "network": Vec<Block<Network>>,
        /// Names of volumes without further settings.
        @set pub volume_names as "volumes": Vec<Spanned<String>>,
        /// A volume with settings of its own.
        pub volume_blocks as "volume": Vec<Block<Volume>>,
        /// A secret, read from a file or an environment variable when the stack starts.
        pub secrets as "secret": Vec<Block<Secret>>,
        /// A service of your own: a container, a native process, or both.
        pub services as "service": Vec<Block<Service>>,
        /// A host outside of the stack that services may be pointed at.
        pub externals as "external": Vec<Block<External>>,
        /// An exporter: `node`, `mysql`, or one of your own.
        pub exporters as "exporter": Vec<Block<Exporter>>,
        /// The push gateway.
        pub pushgateway: Option<Block<Pushgateway>>,
        /// The time series database: storage, scraping, remote write and federation.
        pub prometheus: Option<Block<Prometheus>>,
        /// A store that Prometheus writes to: `victoriametrics`, `mimir` or `thanos`.
        pub stores as "store": Vec<Block<Store>>,
        /// A group of recording and alerting rules that are evaluated together.
        pub rules: Vec<Block<RuleGroup>>,
        /// A unit test of rules and routes.
        pub tests as "test": Vec<Block<Test>>,
        /// A service level objective; becomes recording rules and burn-rate alerts.
        pub slos as "slo": Vec<Block<Slo>>,
        /// Who hears of an alert, and how.
        pub alertmanager: Option<Block<Alertmanager>>,
        /// Dashboards and their data sources.
        pub grafana: Option<Block<Grafana>>,
        /// The most that each container may use that says nothing itself.
        pub resources: Option<Block<Resources>>,
        /// Where the output of each container goes that says nothing itself.
        pub logging: Option<Block<Logging>>,
        /// A template of your own that is rendered with the whole stack as context.
        pub templates as "template": Vec<Block<Template>>,
        /// Which findings to silence, to refuse or only to warn about.
        pub lint: Option<Block<Lint>>,
    }
}

impl Stack {
    /// The name of the stack; `stack` when none was written.
    pub fn name(&self) -> &str {
        self.header.as_ref().map_or("stack", |header| header.name.as_str())
    }

    /// Names of all declared volumes, in the order `volumes`, then `volume` nodes.
    pub fn volumes(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.volume_names.iter().chain(self.volume_blocks.iter().map(|volume| &volume.name))
    }

    /// All alerts of all rule groups.
    pub fn alerts(&self) -> impl Iterator<Item = &Block<Alert>> {
        self.rules.iter().flat_map(|group| group.alerts())
    }

    /// All recording rules of all rule groups.
    pub fn records(&self) -> impl Iterator<Item = &Block<Record>> {
        self.rules.iter().flat_map(|group| group.records())
    }

    /// The service called `name`.
    pub fn service(&self, name: &str) -> Option<&Block<Service>> {
        self.services.iter().find(|service| service.name.value == name)
    }

    /// The store called `name`.
    pub fn store(&self, name: &str) -> Option<&Block<Store>> {
        self.stores.iter().find(|store| store.name.value == name)
    }

    /// The secret called `name`.
    pub fn secret(&self, name: &str) -> Option<&Block<Secret>> {
        self.secrets.iter().find(|secret| secret.name.value == name)
    }
}

settings! {
    /// Name of the stack and version of the manifest language.
    @named
    pub struct Header {
        /// Name of the stack; also the project name in compose.
        @argument pub name: Spanned<String>,
        /// Version of the manifest language: 1.
        pub manifest: Option<Spanned<u64>>,
        /// Which images the monitoring parts run as in compose.
        pub images: Option<Spanned<Images>>,
        /// What `render` renders for when it is not told.
        pub target: Option<Spanned<RenderTarget>>,
    }
}

keywords! {
    /// What files are rendered for.
    pub enum RenderTarget {
        /// Containers on one machine: compose.yaml.
        Compose = "compose",
        /// A cluster: plain manifests and a kustomization.
        Kubernetes = "kubernetes",
        /// A cluster with the Prometheus operator.
        KubernetesOperator = "kubernetes-operator",
        /// The native binary as units of systemd.
        Systemd = "systemd",
    }
}

keywords! {
    /// Which images the monitoring parts run as in compose.
    pub enum Images {
        /// The reference programs' own images.
        Reference = "reference",
        /// One image with stackctl, for every part.
        Stackctl = "stackctl",
    }
}

settings! {
    /// A network that services can be attached to.
    @named
    pub struct Network {
        /// Name of the network.
        @argument pub name: Spanned<String>,
        /// Network driver.
        pub driver: Option<Spanned<String>>,
        /// Whether the network has no way out.
        pub internal: Option<Spanned<bool>>,
        /// Whether the network exists already and is not made by compose.
        pub external: Option<Spanned<bool>>,
        /// Address range in CIDR notation.
        pub subnet: Option<Spanned<String>>,
    }
}

settings! {
    /// A volume with settings of its own.
    @named
    pub struct Volume {
        /// Name of the volume.
        @argument pub name: Spanned<String>,
        /// Volume driver.
        pub driver: Option<Spanned<String>>,
        /// Options of the driver.
        pub driver_opts: Map<String>,
        /// Whether the volume exists already and is not made by compose.
        pub external: Option<Spanned<bool>>,
        /// How much room it has, where that has to be said: the claim in Kubernetes.
        pub size: Option<Spanned<SizeText>>,
    }
}

settings! {
    /// A secret, read from a file or an environment variable when the stack starts.
    @named
    @check(needs_a_source)
    pub struct Secret {
        /// Name that `(secret)"…"` refers to.
        @argument pub name: Spanned<String>,
        /// Path of a file that holds it, relative to the manifest.
        pub file: Option<Spanned<String>>,
        /// Environment variable that holds it.
        pub env: Option<Spanned<String>>,
    }
}

/// A secret has to come from somewhere.
fn needs_a_source(fields: &mut Fields<'_>) {
    if !fields.said("file") && !fields.said("env") {
        fields.missing("comes from nowhere", "say where it is with `file` or `env`");
    }
}

settings! {
    /// A host outside of the stack that services may be pointed at.
    @named
    pub struct External {
        /// Host name or address.
        @argument pub name: Spanned<String>,
        /// The port it listens on.
        pub port: Option<Spanned<u16>>,
        /// Address to use instead of the name when the stack runs natively.
        pub address: Option<Spanned<String>>,
    }
}

settings! {
    /// A template of your own that is rendered with the whole stack as context.
    @named
    pub struct Template {
        /// Path of the minijinja template, relative to the manifest.
        @argument pub from: Spanned<String>,
        /// Path of the output, relative to the output folder.
        pub to: Spanned<String>,
    }
}

settings! {
    /// Which findings to silence, to refuse or only to warn about: codes, names or groups.
    pub struct Lint {
        /// Findings to leave out.
        @set pub allow: Vec<Spanned<String>>,
        /// Findings to treat as errors.
        @set pub deny: Vec<Spanned<String>>,
        /// Findings to treat as warnings.
        @set pub warn: Vec<Spanned<String>>,
    }
}
