//! Whom Prometheus sends to: Alertmanagers, receivers of samples, and stores that it reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_yaml::Value;

use super::http::{hide, http_client};
use super::{
    Authorization, BasicAuth, DnsSd, FileSd, HttpClient, HttpHeader, HttpSd, OAuth2, PromDuration,
    RelabelConfig, Scheme, Secret, StaticConfig, TlsConfig,
};

/// Where alerts go.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerting {
    /// Relabelling of alerts before they are sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alert_relabel_configs: Vec<RelabelConfig>,
    /// The Alertmanagers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alertmanagers: Vec<AlertmanagerConfig>,
}

http_client! {
    /// A group of Alertmanagers.
    pub struct AlertmanagerConfig {
        /// `http` where it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub scheme: Option<Scheme>,
        /// Put before `/api/v2/alerts`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub path_prefix: Option<String>,
        /// Longest time of a push; 10s where it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub timeout: Option<PromDuration>,
        /// Only `v2` is left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub api_version: Option<String>,
        /// Alertmanagers written down here.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub static_configs: Vec<StaticConfig>,
        /// Alertmanagers in files.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub file_sd_configs: Vec<FileSd>,
        /// Alertmanagers over HTTP.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub http_sd_configs: Vec<HttpSd>,
        /// Alertmanagers from DNS.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub dns_sd_configs: Vec<DnsSd>,
        /// Relabelling of the Alertmanagers' addresses.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub relabel_configs: Vec<RelabelConfig>,
        /// Relabelling of alerts for this group.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub alert_relabel_configs: Vec<RelabelConfig>,
    }
}

http_client! {
    /// A receiver of samples.
    pub struct RemoteWrite {
        /// Where requests go.
        pub url: String,
        /// Longest time of a request; 30s where it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub remote_timeout: Option<PromDuration>,
        /// Further headers.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub headers: BTreeMap<String, String>,
        /// Relabelling of what is sent.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub write_relabel_configs: Vec<RelabelConfig>,
        /// Name in metrics and logs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
        /// `prometheus.WriteRequest` or `io.prometheus.write.v2.Request`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub protobuf_message: Option<String>,
        /// Whether exemplars are sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub send_exemplars: Option<bool>,
        /// Whether native histograms are sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub send_native_histograms: Option<bool>,
        /// Whether each connection takes another address of the name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub round_robin_dns: Option<bool>,
        /// Batches, shards and waiting.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub queue_config: Option<QueueConfig>,
        /// Sending of metadata.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub metadata_config: Option<MetadataConfig>,
        /// AWS signing; opaque.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub sigv4: Option<Value>,
        /// Azure sign-in; opaque.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub azuread: Option<Value>,
        /// Google sign-in; opaque.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub google_iam: Option<Value>,
    }
}

/// Queue of a remote write receiver.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueConfig {
    /// Samples buffered per shard; 10000 where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u64>,
    /// Most shards; 50 where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_shards: Option<u64>,
    /// Fewest shards; 1 where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_shards: Option<u64>,
    /// Most samples of a request; 2000 where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_samples_per_send: Option<u64>,
    /// Longest time a sample waits; 5s where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_send_deadline: Option<PromDuration>,
    /// First wait after a failure; 30ms where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_backoff: Option<PromDuration>,
    /// Longest wait after a failure; 5s where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_backoff: Option<PromDuration>,
    /// Whether 429 is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_on_http_429: Option<bool>,
    /// Samples older than this are dropped; 0s is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_age_limit: Option<PromDuration>,
}

/// Metadata to a remote write receiver.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataConfig {
    /// Whether it is sent; yes where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<bool>,
    /// How often; 1m where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_interval: Option<PromDuration>,
    /// Most families of a request; 2000 where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_samples_per_send: Option<u64>,
}

http_client! {
    /// A source of samples for queries.
    pub struct RemoteRead {
        /// Where requests go.
        pub url: String,
        /// Name in metrics and logs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
        /// Only queries with these matchers ask this source.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub required_matchers: BTreeMap<String, String>,
        /// Longest time of a request; 1m where it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub remote_timeout: Option<PromDuration>,
        /// Further headers.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub headers: BTreeMap<String, String>,
        /// Whether it is asked for what the local store has in full.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub read_recent: Option<bool>,
        /// Longest frame of a streamed answer in bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub chunked_read_limit: Option<u64>,
        /// Whether the external labels are matched too; yes where it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub filter_external_labels: Option<bool>,
    }
}
