//! Stores for the samples of several servers, or for longer than Prometheus keeps them.

use crate::diag::Spanned;
use crate::manifest::block::{Block, DurationText, Value};
use crate::manifest::shape::{keywords, settings};
use crate::manifest::stack::{Logging, Resources, ServerTls};

settings! {
    /// A store that Prometheus writes to: `victoriametrics`, `mimir` or `thanos`.
    @named
    pub struct Store {
        /// Name: also the host name, or its beginning where the store has several programs.
        @argument pub name: Spanned<String>,
        /// What it is when the name is another word.
        pub kind: Option<Spanned<StoreKind>>,
        /// Whether it is one program or several; one when nothing is said. Thanos is always several.
        pub mode: Option<Spanned<StoreMode>>,
        /// Version to render for.
        pub version: Option<Spanned<String>>,
        /// Port on the host that answers queries.
        pub port: Option<Spanned<u16>>,
        /// Address of the host to publish on; 127.0.0.1 when nothing is said.
        pub bind: Option<Spanned<String>>,
        /// Volume to keep the samples in; further programs add their name to it.
        pub data: Option<Spanned<String>>,
        /// How long samples are kept.
        pub retention: Option<Spanned<DurationText>>,
        /// How many storage nodes a cluster has; 2 when nothing is said.
        pub nodes: Option<Spanned<u64>>,
        /// On how many nodes of a cluster each sample lies; 1 when nothing is said.
        pub replication: Option<Spanned<u64>>,
        /// Whose samples this stack writes and reads; a number for VictoriaMetrics.
        pub tenant: Option<Spanned<String>>,
        /// User who writes and reads: VictoriaMetrics. This stack's Prometheus and Grafana log in by themselves.
        pub user: Option<Spanned<String>>,
        /// The user's password itself, no hash.
        pub password: Option<Spanned<Value>>,
        /// Certificate for HTTPS, with the host names of all its programs.
        pub tls: Option<Block<ServerTls>>,
        /// Whether this stack's Prometheus writes to it; yes when nothing is said.
        pub write: Option<Spanned<bool>>,
        /// Where blocks are kept for good, instead of in the volume: Mimir and Thanos.
        pub s3: Option<Block<ObjectStore>>,
        /// Networks to attach to; all declared ones when nothing is said.
        @set pub networks: Vec<Spanned<String>>,
        /// The most that each of its containers may use.
        pub resources: Option<Block<Resources>>,
        /// Where its output goes.
        pub logging: Option<Block<Logging>>,
    }
}

keywords! {
    /// What a store is.
    pub enum StoreKind {
        /// VictoriaMetrics.
        Victoriametrics = "victoriametrics",
        /// Grafana Mimir.
        Mimir = "mimir",
        /// Thanos, with Receive.
        Thanos = "thanos",
    }
}

keywords! {
    /// Whether a store is one program or several.
    pub enum StoreMode {
        /// One.
        Single = "single",
        /// One for each task, and several for storage.
        Cluster = "cluster",
    }
}

settings! {
    /// A bucket that speaks S3's language.
    pub struct ObjectStore {
        /// Name of the bucket; it has to exist.
        @argument pub bucket: Spanned<String>,
        /// `host:port` of the service.
        pub endpoint: Spanned<String>,
        /// Region.
        pub region: Option<Spanned<String>>,
        /// Name of the key.
        pub access_key: Option<Spanned<Value>>,
        /// The key.
        pub secret_key: Option<Spanned<Value>>,
        /// Whether it is asked over plain HTTP.
        pub insecure: Option<Spanned<bool>>,
    }
}

impl Store {
    /// What it is: `kind` where that is written, or the word that is its name.
    pub fn what(&self) -> Option<StoreKind> {
        let named = || match self.name.as_str() {
            "victoriametrics" => Some(StoreKind::Victoriametrics),
            "mimir" => Some(StoreKind::Mimir),
            "thanos" => Some(StoreKind::Thanos),
            _ => None,
        };
        self.kind.as_ref().map(|kind| kind.value).or_else(named)
    }

    /// Whether it has a program for each task.
    pub fn is_cluster(&self) -> bool {
        self.mode.as_ref().is_some_and(|mode| mode.value == StoreMode::Cluster)
    }

    /// Whether this stack's Prometheus writes to it.
    pub fn is_written(&self) -> bool {
        self.write.as_ref().is_none_or(|write| write.value)
    }
}
