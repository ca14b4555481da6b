//! Jobs: targets, relabelling, limits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::http::{hide, http_client};
use super::{
    Authorization, BasicAuth, ByteSize, HttpClient, HttpHeader, LabelMap, NameValidation, OAuth2,
    PromDuration, Scheme, ScrapeProtocol, Secret, TlsConfig, is_false, is_zero,
};

http_client! {
    /// One job.
    pub struct ScrapeConfig {
        /// Name of the job, its series' `job` label.
        #[serde(default)]
        pub job_name: String,
        /// Whether labels of the page win over those of the target.
        #[serde(default, skip_serializing_if = "is_false")]
        pub honor_labels: bool,
        /// Whether timestamps of the page are used; yes where it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub honor_timestamps: Option<bool>,
        /// Whether series with their own timestamps get stale markers.
        #[serde(default, skip_serializing_if = "is_false")]
        pub track_timestamps_staleness: bool,
        /// Time between two scrapes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub scrape_interval: Option<PromDuration>,
        /// Longest time of a scrape.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub scrape_timeout: Option<PromDuration>,
        /// Formats to ask for, best first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
        /// Format of a page without a usable Content-Type.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub fallback_scrape_protocol: Option<ScrapeProtocol>,
        /// Whether native histograms are taken in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub scrape_native_histograms: Option<bool>,
        /// Whether classic buckets are kept beside a native histogram.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub always_scrape_classic_histograms: Option<bool>,
        /// Whether classic histograms become native ones with custom bounds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub convert_classic_histograms_to_nhcb: Option<bool>,
        /// Whether the additional `scrape_*` series are made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub extra_scrape_metrics: Option<bool>,
        /// Path of the page; `/metrics` where it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub metrics_path: Option<String>,
        /// `http` where it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub scheme: Option<Scheme>,
        /// Query parameters.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub params: BTreeMap<String, Vec<String>>,
        /// Whether gzip is asked for; yes where it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub enable_compression: Option<bool>,
        /// Longest body after decompression; 0 is no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub body_size_limit: Option<ByteSize>,
        /// Most samples after relabelling; 0 is no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub sample_limit: Option<u64>,
        /// Most targets; 0 is no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub target_limit: Option<u64>,
        /// Most labels of a sample; 0 is no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub label_limit: Option<u64>,
        /// Longest label name in bytes; 0 is no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub label_name_length_limit: Option<u64>,
        /// Longest label value in bytes; 0 is no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub label_value_length_limit: Option<u64>,
        /// Most dropped targets that are remembered; 0 is no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub keep_dropped_targets: Option<u64>,
        /// Most buckets of a native histogram; 0 is no limit.
        #[serde(default, skip_serializing_if = "is_zero")]
        pub native_histogram_bucket_limit: u64,
        /// Least growth between two buckets of a native histogram.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub native_histogram_min_bucket_factor: Option<f64>,
        /// `utf8` or `legacy`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub metric_name_validation_scheme: Option<NameValidation>,
        /// How names are asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub metric_name_escaping_scheme: Option<String>,
        /// File that gets one line a failed scrape.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub scrape_failure_log_file: Option<String>,
        /// Targets written down here.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub static_configs: Vec<StaticConfig>,
        /// Targets in files.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub file_sd_configs: Vec<FileSd>,
        /// Targets over HTTP.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub http_sd_configs: Vec<HttpSd>,
        /// Targets from DNS.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub dns_sd_configs: Vec<DnsSd>,
        /// Relabelling of targets.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub relabel_configs: Vec<RelabelConfig>,
        /// Relabelling of samples.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub metric_relabel_configs: Vec<RelabelConfig>,
    }
}

/// One rule of relabelling.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelabelConfig {
    /// Labels whose values are joined.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_labels: Vec<String>,
    /// What stands between the values; `;` where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// Anchored regular expression; `(.*)` where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// Divisor of `hashmod`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modulus: Option<u64>,
    /// Label that is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_label: Option<String>,
    /// What it is set to; `$1` where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
    /// What is done; `replace` where it is missing. In any case of letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

/// Targets with common labels. Also an element of file and HTTP discovery.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticConfig {
    /// `host:port` each.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Labels of all of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: LabelMap,
}

/// Discovery in files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSd {
    /// Paths, a glob only in the last part; `.json`, `.yml` or `.yaml`.
    pub files: Vec<String>,
    /// How often the files are read even if nothing was noticed; 5m where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_interval: Option<PromDuration>,
}

http_client! {
    /// Discovery over HTTP.
    pub struct HttpSd {
        /// Where the list is fetched.
        pub url: String,
        /// How often; 60s where it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub refresh_interval: Option<PromDuration>,
    }
}

/// Kind of DNS record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DnsRecord {
    /// Host and port.
    #[default]
    #[serde(alias = "srv")]
    Srv,
    /// IPv4 address.
    #[serde(alias = "a")]
    A,
    /// IPv6 address.
    #[serde(alias = "aaaa")]
    Aaaa,
    /// Mail server.
    #[serde(alias = "mx")]
    Mx,
    /// Name server.
    #[serde(alias = "ns")]
    Ns,
}

/// Discovery through DNS.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsSd {
    /// Names that are looked up.
    pub names: Vec<String>,
    /// SRV where it is missing.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<DnsRecord>,
    /// Port of every target; SRV brings its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How often; 30s where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_interval: Option<PromDuration>,
}
