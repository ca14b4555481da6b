//! Grafana Mimir's configuration, as far as a single process needs it.
//! Source: <https://grafana.com/docs/mimir/latest/configure/configuration-parameters/>.

use serde::Serialize;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// Whether each request has to say whose samples it is about.
    pub multitenancy_enabled: bool,
    /// Where it listens.
    pub server: Server,
    /// What it was asked lately, for the time after a crash.
    pub activity_tracker: File,
    /// Reports to the makers.
    pub usage_stats: Switch,
    /// Where blocks lie, whichever part of it asks.
    pub common: Common,
    /// Samples.
    pub blocks_storage: Blocks,
    /// Joins blocks, and removes old ones.
    pub compactor: Compactor,
    /// Takes samples in.
    pub ingester: Ingester,
    /// Reads blocks.
    pub store_gateway: StoreGateway,
    /// Evaluates rules.
    pub ruler: Ruler,
    /// Where rules lie.
    pub ruler_storage: Prefixed,
    /// What a tenant may do.
    pub limits: Limits,
}

/// Ports.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Server {
    /// Port for HTTP.
    pub http_listen_port: u16,
    /// Certificate for HTTPS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_tls_config: Option<ServerTls>,
    /// Oldest version of TLS that is spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_min_version: Option<String>,
    /// How much is said.
    pub log_level: &'static str,
}

/// Certificate for HTTPS.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServerTls {
    /// Path of the certificate.
    pub cert_file: String,
    /// Path of its key.
    pub key_file: String,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct File {
    /// Its path.
    pub filepath: String,
}

/// Something that is on or off.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Switch {
    /// Whether it is on.
    pub enabled: bool,
}

/// What several parts have in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Common {
    /// Where blocks lie.
    pub storage: Storage,
}

/// An object store, or a folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Storage {
    /// `s3` or `filesystem`.
    pub backend: &'static str,
    /// The folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<Folder>,
    /// The object store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3>,
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Folder {
    /// Its path.
    pub dir: String,
}

/// An object store.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct S3 {
    /// `host:port`.
    pub endpoint: String,
    /// Its bucket.
    pub bucket_name: String,
    /// Its region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Name of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// The key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_access_key: Option<String>,
    /// Whether plain HTTP is spoken.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
}

/// Samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Blocks {
    /// Beginning of the objects' names.
    pub storage_prefix: &'static str,
    /// The newest samples.
    pub tsdb: Folder,
    /// What is known of blocks.
    pub bucket_store: SyncFolder,
}

/// A folder for what is fetched.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SyncFolder {
    /// Its path.
    pub sync_dir: String,
}

/// A folder of scratch data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compactor {
    /// Its path.
    pub data_dir: String,
}

/// The part that takes samples in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ingester {
    /// Those that share the work.
    pub ring: Ring,
}

/// The part that reads blocks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoreGateway {
    /// Those that share the work.
    pub sharding_ring: Ring,
}

/// Programs that share work.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ring {
    /// How many have each sample.
    pub replication_factor: u64,
}

/// The part that evaluates rules.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ruler {
    /// Folder of scratch data.
    pub rule_path: String,
}

/// Names of objects.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prefixed {
    /// Their beginning.
    pub storage_prefix: &'static str,
}

/// What a tenant may do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Limits {
    /// How long blocks are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compactor_blocks_retention_period: Option<String>,
    /// The most series; 0 is no limit.
    pub max_global_series_per_user: u64,
    /// Samples a second.
    pub ingestion_rate: u64,
    /// Samples at once.
    pub ingestion_burst_size: u64,
}
