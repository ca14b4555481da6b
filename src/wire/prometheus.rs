//! prometheus.yml as Prometheus 3.x documents it. What was not written is `None` or empty and is not
//! written back; defaults are applied where the file is used, not here. Unknown fields are errors.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_yaml::Value;

pub use crate::model::ByteSize;
use crate::model::PromDuration;

/// Labels by name.
pub type LabelMap = BTreeMap<String, String>;

/// A text that is never shown: `Debug` prints `***`. Serialising writes it as it is; see
/// [`Config::redact`] for what is shown to users.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

// serde hands over references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !flag
}

// serde hands over references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Defaults for the rest.
    #[serde(default, skip_serializing_if = "Global::is_default")]
    pub global: Global,
    /// Settings of Go's runtime; read and ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Value>,
    /// Alertmanagers and the relabelling of alerts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerting: Option<Alerting>,
    /// Paths or globs of rule files, relative to this file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rule_files: Vec<String>,
    /// Paths or globs of files with more `scrape_configs`, relative to this file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scrape_config_files: Vec<String>,
    /// Jobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scrape_configs: Vec<ScrapeConfig>,
    /// The store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// Trace export; opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Value>,
    /// Where samples are sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remote_write: Vec<RemoteWrite>,
    /// Where samples are fetched from in queries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remote_read: Vec<RemoteRead>,
    /// OTLP receiver; opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otlp: Option<Value>,
}

/// A file named in `scrape_config_files`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScrapeConfigFile {
    /// Jobs.
    #[serde(default)]
    pub scrape_configs: Vec<ScrapeConfig>,
}

/// Defaults for scrapes and rules.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Global {
    /// Time between two scrapes; 1m where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrape_interval: Option<PromDuration>,
    /// Longest time of a scrape; 10s where it is missing, or the interval if that is shorter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrape_timeout: Option<PromDuration>,
    /// Formats to ask for, best first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
    /// Time between two evaluations of a rule group; 1m where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation_interval: Option<PromDuration>,
    /// How far in the past rules are evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_query_offset: Option<PromDuration>,
    /// File that gets one line a query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_log_file: Option<String>,
    /// File that gets one line a failed scrape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrape_failure_log_file: Option<String>,
    /// Labels added when samples or alerts leave this server.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external_labels: LabelMap,
    /// Longest body after decompression; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_size_limit: Option<ByteSize>,
    /// Most samples a scrape may have after relabelling; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_limit: Option<u64>,
    /// Most targets a job may have; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_limit: Option<u64>,
    /// Most labels a sample may have; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_limit: Option<u64>,
    /// Longest label name in bytes; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_name_length_limit: Option<u64>,
    /// Longest label value in bytes; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_value_length_limit: Option<u64>,
    /// Most dropped targets that are remembered for a job; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_dropped_targets: Option<u64>,
    /// `utf8` or `legacy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_name_validation_scheme: Option<NameValidation>,
    /// How names are asked for: `allow-utf-8`, `underscores`, `dots`, `values`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_name_escaping_scheme: Option<String>,
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
}

impl Global {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Which metric and label names are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NameValidation {
    /// Any UTF-8.
    Utf8,
    /// Letters, digits, underscore and (metrics) colon.
    Legacy,
}

/// A format that targets may answer in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ScrapeProtocol {
    /// Protocol buffers.
    PrometheusProto,
    /// Text 0.0.4.
    #[serde(rename = "PrometheusText0.0.4")]
    PrometheusText0_0_4,
    /// Text 1.0.0: UTF-8 names in quotes.
    #[serde(rename = "PrometheusText1.0.0")]
    PrometheusText1_0_0,
    /// OpenMetrics 0.0.1.
    #[serde(rename = "OpenMetricsText0.0.1")]
    OpenMetricsText0_0_1,
    /// OpenMetrics 1.0.0.
    #[serde(rename = "OpenMetricsText1.0.0")]
    OpenMetricsText1_0_0,
}

/// `http` or `https`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Plain.
    #[default]
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// As in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Adds the settings of an HTTP client to a struct. They are fields of the file's own objects, and
/// `serde(flatten)` would lose the line numbers of errors.
macro_rules! http_client {
    ($(#[$attribute:meta])* pub struct $name:ident { $($fields:tt)* }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($fields)*
            /// User name and password.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub basic_auth: Option<BasicAuth>,
            /// The `Authorization` header.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub authorization: Option<Authorization>,
            /// Old form of `authorization` with a token.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub bearer_token: Option<Secret>,
            /// Old form of `authorization` with a token's file.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub bearer_token_file: Option<String>,
            /// Client credentials flow.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub oauth2: Option<OAuth2>,
            /// Certificates and verification.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub tls_config: Option<TlsConfig>,
            /// Whether redirects are followed; yes where it is missing.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub follow_redirects: Option<bool>,
            /// Whether HTTP/2 may be used; yes where it is missing.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub enable_http2: Option<bool>,
            /// Proxy for all requests.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub proxy_url: Option<String>,
            /// Hosts, domains and networks that are reached without the proxy, by commas.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub no_proxy: Option<String>,
            /// Whether `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` are obeyed.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub proxy_from_environment: Option<bool>,
            /// Headers of CONNECT requests to the proxy.
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            pub proxy_connect_header: BTreeMap<String, Vec<Secret>>,
            /// Headers added to each request.
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            pub http_headers: BTreeMap<String, HttpHeader>,
        }

        impl $name {
            /// The settings of the HTTP client among the fields.
            pub fn http_client(&self) -> HttpClient {
                HttpClient {
                    basic_auth: self.basic_auth.clone(),
                    authorization: self.authorization.clone(),
                    bearer_token: self.bearer_token.clone(),
                    bearer_token_file: self.bearer_token_file.clone(),
                    oauth2: self.oauth2.clone(),
                    tls_config: self.tls_config.clone(),
                    follow_redirects: self.follow_redirects,
                    enable_http2: self.enable_http2,
                    proxy_url: self.proxy_url.clone(),
                    no_proxy: self.no_proxy.clone(),
                    proxy_from_environment: self.proxy_from_environment,
                    proxy_connect_header: self.proxy_connect_header.clone(),
                    http_headers: self.http_headers.clone(),
                }
            }

            /// Replaces the client's secrets by `<secret>`.
            pub fn redact_client(&mut self) {
                if let Some(auth) = &mut self.basic_auth {
                    hide(&mut auth.password);
                }
                if let Some(auth) = &mut self.authorization {
                    hide(&mut auth.credentials);
                }
                if let Some(oauth) = &mut self.oauth2 {
                    hide(&mut oauth.client_secret);
                    oauth.tls_config.iter_mut().for_each(|tls| hide(&mut tls.key));
                }
                if let Some(tls) = &mut self.tls_config {
                    hide(&mut tls.key);
                }
                hide(&mut self.bearer_token);
                for secret in self.proxy_connect_header.values_mut().flatten() {
                    *secret = Secret("<secret>".to_owned());
                }
                for secret in self.http_headers.values_mut().flat_map(|header| &mut header.secrets) {
                    *secret = Secret("<secret>".to_owned());
                }
            }
        }
    };
}

fn hide(secret: &mut Option<Secret>) {
    if let Some(secret) = secret {
        *secret = Secret("<secret>".to_owned());
    }
}

http_client! {
    /// Settings of an HTTP client on their own.
    pub struct HttpClient {}
}

/// User name and password of HTTP basic authentication.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// User name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// File with the user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_file: Option<String>,
    /// Password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// File with the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<String>,
}

/// An `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    /// First word of the header; `Bearer` where it is missing.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The rest of the header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Secret>,
    /// File with the rest of the header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<String>,
}

/// OAuth 2.0 client credentials.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuth2 {
    /// Client id.
    #[serde(default)]
    pub client_id: String,
    /// Client secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// File with the client secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<String>,
    /// Scopes that are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Where tokens are fetched.
    #[serde(default)]
    pub token_url: String,
    /// Further parameters of the token request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoint_params: BTreeMap<String, String>,
    /// TLS of the token request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<TlsConfig>,
    /// Proxy of the token request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<String>,
    /// Hosts reached without the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<String>,
    /// Whether the environment names the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_from_environment: Option<bool>,
    /// Headers of CONNECT requests to the proxy.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub proxy_connect_header: BTreeMap<String, Vec<Secret>>,
}

/// TLS of a client.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Authority's certificate, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// File with the authority's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// Client certificate, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert: Option<String>,
    /// File with the client certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<String>,
    /// Key of the client certificate, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    /// File with the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
    /// Name that the server's certificate must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Whether any certificate is accepted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub insecure_skip_verify: bool,
    /// `TLS10` … `TLS13`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version: Option<String>,
    /// `TLS10` … `TLS13`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_version: Option<String>,
}

/// Values of one header.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpHeader {
    /// Values that may be shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Values that are hidden.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Secret>,
    /// Files with values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

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
    Srv,
    /// IPv4 address.
    A,
    /// IPv6 address.
    Aaaa,
    /// Mail server.
    Mx,
    /// Name server.
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

/// Settings of the store that can change while it runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tsdb: Option<Tsdb>,
    /// Exemplars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemplars: Option<Exemplars>,
}

/// Settings of the sample store.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tsdb {
    /// How far behind the newest sample others are still taken; 0s where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_order_time_window: Option<PromDuration>,
    /// Share of stale series that starts an early compaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_series_compaction_threshold: Option<f64>,
    /// How long and how much is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
}

/// How long and how much is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<PromDuration>,
    /// Bytes on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<ByteSize>,
}

/// Settings of the exemplar store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exemplars {
    /// How many are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_exemplars: Option<i64>,
}

impl Config {
    /// The same with every secret replaced by `<secret>`: what users and the API are shown.
    pub fn redact(&self) -> Self {
        let mut config = self.clone();
        let discover = |sources: &mut Vec<HttpSd>| {
            sources.iter_mut().for_each(HttpSd::redact_client);
        };
        for scrape in &mut config.scrape_configs {
            scrape.redact_client();
            discover(&mut scrape.http_sd_configs);
        }
        for group in config.alerting.iter_mut().flat_map(|alerting| &mut alerting.alertmanagers) {
            group.redact_client();
            discover(&mut group.http_sd_configs);
        }
        config.remote_write.iter_mut().for_each(RemoteWrite::redact_client);
        config.remote_read.iter_mut().for_each(RemoteRead::redact_client);
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "\
global:
  scrape_interval: 15s
  external_labels:
    dc: eu1
alerting:
  alertmanagers:
  - static_configs:
    - targets:
      - alertmanager:9093
rule_files:
- alerts.yml
scrape_configs:
- job_name: node
  body_size_limit: 16MiB
  static_configs:
  - targets:
    - node-exporter:9100
  relabel_configs:
  - target_label: site
    replacement: ''
  basic_auth:
    username: u
    password: hush
storage:
  tsdb:
    retention:
      time: 30d
      size: 20GiB
";

    #[test]
    fn what_is_read_is_written_back() {
        let config: Config = serde_yaml::from_str(SMALL).unwrap();
        assert_eq!(config.global.scrape_interval, Some(PromDuration::from_secs(15)));
        assert_eq!(config.scrape_configs[0].body_size_limit, Some(ByteSize(16 << 20)));
        assert_eq!(
            config.scrape_configs[0].relabel_configs[0].replacement.as_deref(),
            Some(""),
            "an empty replacement is not a missing one"
        );
        let written = serde_yaml::to_string(&config).unwrap();
        assert_eq!(serde_yaml::from_str::<Config>(&written).unwrap(), config);
        for line in ["job_name: node", "scrape_interval: 15s", "time: 30d"] {
            assert!(written.contains(line), "{written}");
        }
        assert!(!written.contains("null") && !written.contains("scrape_timeout"), "{written}");
    }

    #[test]
    fn an_unknown_field_is_named_with_its_line() {
        let error =
            serde_yaml::from_str::<Config>("scrape_configs:\n- job_name: a\n  intervall: 5s\n")
                .unwrap_err()
                .to_string();
        assert!(error.contains("unknown field `intervall`"), "{error}");
        assert!(error.contains("line 3"), "{error}");
    }

    #[test]
    fn empty_sections_are_as_good_as_missing_ones() {
        let text = "global:\nrule_files:\nscrape_configs:\nremote_write:\nalerting:\n";
        assert_eq!(serde_yaml::from_str::<Config>(text).unwrap(), Config::default());
    }

    #[test]
    fn secrets_are_not_shown() {
        let config: Config = serde_yaml::from_str(SMALL).unwrap();
        assert!(!format!("{config:?}").contains("hush"));
        let shown = serde_yaml::to_string(&config.redact()).unwrap();
        assert!(shown.contains("<secret>") && !shown.contains("hush"), "{shown}");
    }
}
