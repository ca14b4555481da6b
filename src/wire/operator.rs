//! Objects of the Prometheus operator, as of 0.80.
//! Source: <https://prometheus-operator.dev/docs/api-reference/api/>.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::absent::{Absent, objects};
use super::kubernetes::{
    ClaimTemplate, KeyRef, PodSecurity, Resources, Selector, Volume, VolumeMount, Words,
};
use super::prometheus::LabelMap;

impl<K, V> Absent for BTreeMap<K, V> {
    fn absent(&self) -> bool {
        self.is_empty()
    }
}

objects! {
    /// A Prometheus (`monitoring.coreos.com/v1`).
    pub struct Prometheus {
        /// Image.
        pub image: Option<String>,
        /// Version, which decides what the operator writes.
        pub version: Option<String>,
        /// How many.
        pub replicas: Option<u64>,
        /// Labels of the pods.
        pub pod_metadata: Option<PodMetadata>,
        /// Name of the pods' port.
        pub port_name: Option<String>,
        /// Whose rights the pods have at the API server.
        pub service_account_name: Option<String>,
        /// Whether the pods may ask the API server.
        pub automount_service_account_token: Option<bool>,
        /// Time between two scrapes.
        pub scrape_interval: Option<String>,
        /// Longest time of a scrape.
        pub scrape_timeout: Option<String>,
        /// Time between two evaluations.
        pub evaluation_interval: Option<String>,
        /// Labels added when samples or alerts leave this server.
        pub external_labels: LabelMap,
        /// Label that says which Prometheus it is; an empty text is none.
        pub prometheus_external_label_name: Option<String>,
        /// Label that says which replica it is; an empty text is none.
        pub replica_external_label_name: Option<String>,
        /// Address for people.
        pub external_url: Option<String>,
        /// Path that all pages begin with.
        pub route_prefix: Option<String>,
        /// Which rules are its own.
        pub rule_selector: Option<Selector>,
        /// Which jobs are its own.
        pub scrape_config_selector: Option<Selector>,
        /// How long samples are kept.
        pub retention: Option<String>,
        /// How much room they may take.
        pub retention_size: Option<String>,
        /// Where samples are kept.
        pub storage: Option<Storage>,
        /// What it may use.
        pub resources: Option<Resources>,
        /// Rights.
        pub security_context: Option<PodSecurity>,
        /// Feature flags.
        pub enable_features: Vec<String>,
        /// Whether series can be deleted over HTTP.
        #[serde(rename = "enableAdminAPI")]
        pub enable_admin_api: bool,
        /// Whether others may write to it.
        pub enable_remote_write_receiver: bool,
        /// Limits on queries.
        pub query: Option<Query>,
        /// Settings of the store.
        pub tsdb: Option<Tsdb>,
        /// Certificate of its pages.
        pub web: Option<Web>,
        /// Where alerts go.
        pub alerting: Option<Alerting>,
        /// Where samples are sent.
        pub remote_write: Vec<RemoteWrite>,
        /// Further flags.
        pub additional_args: Vec<Argument>,
        /// Further volumes.
        pub volumes: Vec<Volume>,
        /// Where they are mounted.
        pub volume_mounts: Vec<VolumeMount>,
    }

    /// An Alertmanager (`monitoring.coreos.com/v1`).
    pub struct Alertmanager {
        /// Image.
        pub image: Option<String>,
        /// Version, which decides what the operator writes.
        pub version: Option<String>,
        /// How many.
        pub replicas: Option<u64>,
        /// Labels of the pods.
        pub pod_metadata: Option<PodMetadata>,
        /// Name of the pods' port.
        pub port_name: Option<String>,
        /// Whether the pods may ask the API server.
        pub automount_service_account_token: Option<bool>,
        /// Address for people.
        pub external_url: Option<String>,
        /// Path that all pages begin with.
        pub route_prefix: Option<String>,
        /// How long silences and the notification log are kept.
        pub retention: Option<String>,
        /// Where they are kept.
        pub storage: Option<Storage>,
        /// What it may use.
        pub resources: Option<Resources>,
        /// Rights.
        pub security_context: Option<PodSecurity>,
        /// Certificate of its pages.
        pub web: Option<Web>,
        /// The AlertmanagerConfig that is the whole configuration.
        pub alertmanager_configuration: Option<Configuration>,
        /// The Secret with alertmanager.yaml, in place of it.
        pub config_secret: Option<String>,
        /// Further volumes.
        pub volumes: Vec<Volume>,
        /// Where they are mounted.
        pub volume_mounts: Vec<VolumeMount>,
    }

    /// The AlertmanagerConfig that is the whole configuration.
    pub struct Configuration {
        /// Its name.
        pub name: String,
        /// Defaults of all receivers.
        pub global: Option<Global>,
        /// Files with message templates.
        pub templates: Vec<SecretOrConfigMap>,
    }

    /// Defaults of all receivers.
    pub struct Global {
        /// How long an alert lives on that nobody sends any more.
        pub resolve_timeout: Option<String>,
        /// Slack webhook.
        pub slack_api_url: Option<KeyRef>,
        /// Mail server.
        pub smtp: Option<Smtp>,
    }

    /// A mail server.
    pub struct Smtp {
        /// Sender.
        pub from: Option<String>,
        /// Host and port.
        pub smart_host: Option<HostPort>,
        /// Name in the greeting.
        pub hello: Option<String>,
        /// Login.
        pub auth_username: Option<String>,
        /// Password.
        pub auth_password: Option<KeyRef>,
        /// Whether STARTTLS is demanded.
        #[serde(rename = "requireTLS")]
        pub require_tls: Option<bool>,
    }

    /// Host and port.
    pub struct HostPort {
        /// Host.
        pub host: String,
        /// Port, a text.
        pub port: String,
    }

    /// Labels of pods.
    pub struct PodMetadata {
        /// The labels.
        pub labels: Words,
    }

    /// Where data are kept.
    pub struct Storage {
        /// Storage of each pod.
        pub volume_claim_template: Option<ClaimTemplate>,
    }

    /// Limits on queries.
    pub struct Query {
        /// How far back a sample counts.
        pub lookback_delta: Option<String>,
        /// Most queries at once.
        pub max_concurrency: Option<u64>,
        /// Most samples in memory.
        pub max_samples: Option<u64>,
        /// Longest time.
        pub timeout: Option<String>,
    }

    /// Settings of the store.
    pub struct Tsdb {
        /// How far back a late sample is taken.
        pub out_of_order_time_window: Option<String>,
    }

    /// Pages.
    pub struct Web {
        /// Certificate.
        pub tls_config: Option<WebTls>,
    }

    /// Certificate of pages.
    pub struct WebTls {
        /// Key.
        pub key_secret: Option<KeyRef>,
        /// Certificate.
        pub cert: Option<SecretOrConfigMap>,
        /// Who signs the certificates of clients.
        #[serde(rename = "client_ca")]
        pub client_ca: Option<SecretOrConfigMap>,
        /// Whether clients need a certificate.
        pub client_auth_type: Option<String>,
        /// Oldest version.
        pub min_version: Option<String>,
    }

    /// A key of a Secret or a ConfigMap.
    pub struct SecretOrConfigMap {
        /// Of a Secret.
        pub secret: Option<KeyRef>,
        /// Of a ConfigMap.
        pub config_map: Option<KeyRef>,
    }

    /// Where alerts go.
    pub struct Alerting {
        /// The Alertmanagers.
        pub alertmanagers: Vec<Endpoints>,
    }

    /// An Alertmanager by its Service.
    pub struct Endpoints {
        /// Name of the Service.
        pub name: String,
        /// Name of its port.
        pub port: String,
        /// `https` or `http`.
        pub scheme: Option<String>,
        /// How it is trusted.
        pub tls_config: Option<Tls>,
        /// Login.
        pub basic_auth: Option<BasicAuth>,
    }

    /// How another side is trusted.
    pub struct Tls {
        /// Who signs.
        pub ca: Option<SecretOrConfigMap>,
        /// Own certificate.
        pub cert: Option<SecretOrConfigMap>,
        /// Key of the own certificate.
        pub key_secret: Option<KeyRef>,
        /// Name that its certificate has.
        pub server_name: Option<String>,
        /// Whether nothing is verified.
        pub insecure_skip_verify: bool,
        /// Oldest version.
        pub min_version: Option<String>,
        /// Newest version.
        pub max_version: Option<String>,
    }

    /// Login; the user's name is in a Secret as well.
    pub struct BasicAuth {
        /// Name.
        pub username: Option<KeyRef>,
        /// Password.
        pub password: Option<KeyRef>,
    }

    /// The `Authorization` header.
    pub struct Authorization {
        /// `Bearer` and others.
        #[serde(rename = "type")]
        pub kind: Option<String>,
        /// What follows it.
        pub credentials: Option<KeyRef>,
    }

    /// Where samples are sent.
    pub struct RemoteWrite {
        /// Address.
        pub url: String,
        /// Name for logs.
        pub name: Option<String>,
        /// Longest time of a request.
        pub remote_timeout: Option<String>,
        /// Headers.
        pub headers: BTreeMap<String, String>,
        /// Whether exemplars are sent.
        pub send_exemplars: Option<bool>,
        /// Whether native histograms are sent.
        pub send_native_histograms: Option<bool>,
        /// Steps of relabelling.
        pub write_relabel_configs: Vec<Relabel>,
        /// Login.
        pub basic_auth: Option<BasicAuth>,
        /// The `Authorization` header.
        pub authorization: Option<Authorization>,
        /// How it is trusted.
        pub tls_config: Option<Tls>,
        /// The queue.
        pub queue_config: Option<Queue>,
    }

    /// The queue of a remote write.
    pub struct Queue {
        /// Samples in a shard.
        pub capacity: Option<u64>,
        /// Most shards.
        pub max_shards: Option<u64>,
        /// Fewest shards.
        pub min_shards: Option<u64>,
        /// Most samples of a request.
        pub max_samples_per_send: Option<u64>,
        /// Longest wait.
        pub batch_send_deadline: Option<String>,
        /// First wait after a failure.
        pub min_backoff: Option<String>,
        /// Longest wait after a failure.
        pub max_backoff: Option<String>,
        /// Oldest sample that is sent.
        pub sample_age_limit: Option<String>,
        /// Whether 429 is tried again.
        pub retry_on_rate_limit: Option<bool>,
    }

    /// A flag.
    pub struct Argument {
        /// Without dashes.
        pub name: String,
        /// Its value.
        pub value: Option<String>,
    }

    /// A job (`monitoring.coreos.com/v1alpha1`).
    pub struct ScrapeConfig {
        /// Value of the label `job`.
        pub job_name: Option<String>,
        /// Targets.
        pub static_configs: Vec<Static>,
        /// Targets from files.
        #[serde(rename = "fileSDConfigs")]
        pub file_sd_configs: Vec<FileSd>,
        /// Targets from addresses.
        #[serde(rename = "httpSDConfigs")]
        pub http_sd_configs: Vec<HttpSd>,
        /// Targets from names.
        #[serde(rename = "dnsSDConfigs")]
        pub dns_sd_configs: Vec<DnsSd>,
        /// Steps of relabelling for targets.
        pub relabelings: Vec<Relabel>,
        /// Steps of relabelling for samples.
        pub metric_relabelings: Vec<Relabel>,
        /// Path.
        pub metrics_path: Option<String>,
        /// Time between two scrapes.
        pub scrape_interval: Option<String>,
        /// Longest time of a scrape.
        pub scrape_timeout: Option<String>,
        /// Whether the samples' own labels win.
        pub honor_labels: bool,
        /// Whether the samples' own times count.
        pub honor_timestamps: Option<bool>,
        /// Parameters of the request.
        pub params: BTreeMap<String, Vec<String>>,
        /// `HTTPS`; HTTP where absent.
        pub scheme: Option<String>,
        /// Login.
        pub basic_auth: Option<BasicAuth>,
        /// The `Authorization` header.
        pub authorization: Option<Authorization>,
        /// How it is trusted.
        pub tls_config: Option<Tls>,
        /// Most samples.
        pub sample_limit: Option<u64>,
        /// Most targets.
        pub target_limit: Option<u64>,
        /// Most labels.
        pub label_limit: Option<u64>,
    }

    /// Targets with common labels.
    pub struct Static {
        /// `host:port` each.
        pub targets: Vec<String>,
        /// Their labels.
        pub labels: LabelMap,
    }

    /// Targets from files.
    pub struct FileSd {
        /// Patterns.
        pub files: Vec<String>,
        /// Time between two looks.
        pub refresh_interval: Option<String>,
    }

    /// Targets from an address.
    pub struct HttpSd {
        /// The address.
        pub url: String,
        /// Time between two questions.
        pub refresh_interval: Option<String>,
    }

    /// Targets from names.
    pub struct DnsSd {
        /// The names.
        pub names: Vec<String>,
        /// Kind of record.
        #[serde(rename = "type")]
        pub kind: Option<String>,
        /// Port, where the record has none.
        pub port: Option<u16>,
        /// Time between two questions.
        pub refresh_interval: Option<String>,
    }

    /// A step of relabelling.
    pub struct Relabel {
        /// Labels whose values are joined.
        pub source_labels: Vec<String>,
        /// What stands between them.
        pub separator: Option<String>,
        /// Anchored regular expression.
        pub regex: Option<String>,
        /// Divisor of `hashmod`.
        pub modulus: Option<u64>,
        /// Label that is set.
        pub target_label: Option<String>,
        /// What it is set to.
        pub replacement: Option<String>,
        /// What is done.
        pub action: Option<String>,
    }

    /// Routes, receivers, inhibitions and quiet times (`monitoring.coreos.com/v1alpha1`).
    pub struct AlertmanagerConfig {
        /// Root of the routes.
        pub route: Route,
        /// Which alerts silence which.
        pub inhibit_rules: Vec<InhibitRule>,
        /// Who hears of alerts.
        pub receivers: Vec<Receiver>,
        /// Quiet times.
        pub mute_time_intervals: Vec<TimeInterval>,
    }

    /// A node of the routes.
    pub struct Route {
        /// Who hears of it.
        pub receiver: Option<String>,
        /// Labels that make up a group.
        pub group_by: Vec<String>,
        /// Wait before the first notification.
        pub group_wait: Option<String>,
        /// Wait before a changed group is sent again.
        pub group_interval: Option<String>,
        /// Wait before an unchanged group is sent again.
        pub repeat_interval: Option<String>,
        /// Conditions.
        pub matchers: Vec<Matcher>,
        /// Whether later siblings are tried as well.
        #[serde(rename = "continue")]
        pub go_on: bool,
        /// Children.
        pub routes: Vec<Route>,
        /// When nothing is sent.
        pub mute_time_intervals: Vec<String>,
        /// When something is sent.
        pub active_time_intervals: Vec<String>,
    }

    /// A condition on a label.
    pub struct Matcher {
        /// Name of the label.
        pub name: String,
        /// Its value.
        pub value: String,
        /// `=`, `!=`, `=~`, `!~`.
        pub match_type: Option<String>,
    }

    /// While a source alert fires, target alerts are not notified.
    pub struct InhibitRule {
        /// Conditions on the source.
        pub source_match: Vec<Matcher>,
        /// Conditions on the target.
        pub target_match: Vec<Matcher>,
        /// Labels that must be equal.
        pub equal: Vec<String>,
    }

    /// A name for spans of time.
    pub struct TimeInterval {
        /// The name.
        pub name: String,
        /// The spans.
        pub time_intervals: Vec<TimeSpec>,
    }

    /// One span of time, in UTC.
    pub struct TimeSpec {
        /// Times of the day.
        pub times: Vec<TimeRange>,
        /// Days of the week.
        pub weekdays: Vec<String>,
        /// Days of the month.
        pub days_of_month: Vec<DayRange>,
        /// Months.
        pub months: Vec<String>,
        /// Years.
        pub years: Vec<String>,
    }

    /// A range of the day.
    pub struct TimeRange {
        /// `HH:MM`.
        pub start_time: String,
        /// `HH:MM`.
        pub end_time: String,
    }

    /// Days of the month; negative ones count from its end.
    pub struct DayRange {
        /// First.
        pub start: Option<i64>,
        /// Last.
        pub end: Option<i64>,
    }

    /// Who hears of alerts.
    pub struct Receiver {
        /// Name.
        pub name: String,
        /// Slack channels.
        pub slack_configs: Vec<Slack>,
        /// HTTP endpoints.
        pub webhook_configs: Vec<Webhook>,
        /// Mail addresses.
        pub email_configs: Vec<Email>,
        /// PagerDuty services.
        pub pagerduty_configs: Vec<PagerDuty>,
        /// Telegram chats.
        pub telegram_configs: Vec<Telegram>,
        /// Discord channels.
        pub discord_configs: Vec<Discord>,
    }

    /// A Slack channel.
    pub struct Slack {
        /// Whether the end is told.
        pub send_resolved: Option<bool>,
        /// Webhook.
        #[serde(rename = "apiURL")]
        pub api_url: Option<KeyRef>,
        /// Channel.
        pub channel: Option<String>,
        /// Name to write under.
        pub username: Option<String>,
        /// Title.
        pub title: Option<String>,
        /// Body.
        pub text: Option<String>,
        /// Bar colour.
        pub color: Option<String>,
    }

    /// An HTTP endpoint.
    pub struct Webhook {
        /// Whether the end is told.
        pub send_resolved: Option<bool>,
        /// Address in the clear.
        pub url: Option<String>,
        /// Address in a Secret.
        pub url_secret: Option<KeyRef>,
        /// Most alerts of a message.
        pub max_alerts: Option<u64>,
        /// How it is asked.
        pub http_config: Option<Http>,
    }

    /// How an address is asked.
    pub struct Http {
        /// Login.
        pub basic_auth: Option<BasicAuth>,
        /// The `Authorization` header.
        pub authorization: Option<Authorization>,
        /// How it is trusted.
        pub tls_config: Option<Tls>,
    }

    /// A mail address.
    pub struct Email {
        /// Whether the end is told.
        pub send_resolved: Option<bool>,
        /// Recipient.
        pub to: Option<String>,
        /// Sender.
        pub from: Option<String>,
        /// Mail server.
        pub smarthost: Option<String>,
        /// Login.
        pub auth_username: Option<String>,
        /// Password.
        pub auth_password: Option<KeyRef>,
        /// Whether STARTTLS is demanded.
        #[serde(rename = "requireTLS")]
        pub require_tls: Option<bool>,
        /// Headers.
        pub headers: Vec<KeyValue>,
        /// HTML body.
        pub html: Option<String>,
        /// Plain body.
        pub text: Option<String>,
    }

    /// A key and its value.
    pub struct KeyValue {
        /// Key.
        pub key: String,
        /// Value.
        pub value: String,
    }

    /// A PagerDuty service.
    pub struct PagerDuty {
        /// Whether the end is told.
        pub send_resolved: Option<bool>,
        /// Key of the Events API v2.
        pub routing_key: Option<KeyRef>,
        /// Key of the integration "Prometheus".
        pub service_key: Option<KeyRef>,
        /// What happened.
        pub description: Option<String>,
        /// How bad it is.
        pub severity: Option<String>,
        /// Details.
        pub details: Vec<KeyValue>,
    }

    /// A Telegram chat.
    pub struct Telegram {
        /// Whether the end is told.
        pub send_resolved: Option<bool>,
        /// Token of the bot.
        pub bot_token: Option<KeyRef>,
        /// Number of the chat.
        #[serde(rename = "chatID")]
        pub chat_id: Option<i64>,
        /// Text.
        pub message: Option<String>,
        /// How it is read.
        pub parse_mode: Option<String>,
    }

    /// A Discord channel.
    pub struct Discord {
        /// Whether the end is told.
        pub send_resolved: Option<bool>,
        /// Webhook.
        #[serde(rename = "apiURL")]
        pub api_url: Option<KeyRef>,
        /// Title.
        pub title: Option<String>,
        /// Text.
        pub message: Option<String>,
    }
}

/// A Secret with texts in the clear: names of users, which are no secrets, and alertmanager.yaml,
/// which names files only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlainSecret {
    /// `v1`.
    pub api_version: String,
    /// `Secret`.
    pub kind: String,
    /// Name.
    pub metadata: super::kubernetes::Metadata,
    /// The texts.
    pub string_data: Words,
}
