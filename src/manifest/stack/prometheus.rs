//! The time series database: storage, scraping, remote write and federation.

use crate::diag::Spanned;
use crate::manifest::block::{Block, DurationText, Map, SizeText, Value};
use crate::manifest::shape::{keywords, settings};
use crate::manifest::stack::{Logging, Resources};

settings! {
    /// The time series database.
    pub struct Prometheus {
        /// Version to render for.
        pub version: Option<Spanned<String>>,
        /// Container image with its tag.
        pub image: Option<Spanned<String>>,
        /// Port on the host.
        pub port: Option<Spanned<u16>>,
        /// Address of the host to publish on; 127.0.0.1 when nothing is said.
        pub bind: Option<Spanned<String>>,
        /// Address under which people reach it, for links in alerts.
        pub external_url: Option<Spanned<String>>,
        /// Time between two scrapes.
        pub scrape_interval: Option<Spanned<DurationText>>,
        /// How long one scrape may take.
        pub scrape_timeout: Option<Spanned<DurationText>>,
        /// Time between two evaluations of a rule group.
        pub evaluation_interval: Option<Spanned<DurationText>>,
        /// How much is kept.
        pub retention: Option<Block<Retention>>,
        /// How far back a late sample is still taken.
        pub out_of_order_time_window: Option<Spanned<DurationText>>,
        /// Labels for whatever leaves this server: alerts, remote write, federation.
        pub external_labels: Map<String>,
        /// Volume to keep the samples in.
        pub data: Option<Spanned<String>>,
        /// How many servers share the scrape jobs; a central one reads them all and evaluates the rules.
        pub shards: Option<Block<Shards>>,
        /// A scrape job: settings for a derived one, or one of your own.
        pub scrapes as "scrape": Vec<Block<Scrape>>,
        /// Feature flags.
        @set pub features: Vec<Spanned<String>>,
        /// A user who may log in; without one everybody may.
        pub web: Vec<Block<WebUser>>,
        /// Certificate for HTTPS.
        pub tls: Option<Block<ServerTls>>,
        /// Whether `/-/reload` and `/-/quit` are answered.
        pub enable_lifecycle: Option<Spanned<bool>>,
        /// Whether series can be deleted over HTTP.
        pub enable_admin_api: Option<Spanned<bool>>,
        /// Whether other servers may write to this one.
        pub enable_remote_write_receiver: Option<Spanned<bool>>,
        /// Limits on queries.
        pub query: Option<Block<QueryLimits>>,
        /// A server that all samples are sent to as well.
        pub remote_write: Vec<Block<RemoteWrite>>,
        /// Another Prometheus to take selected series from.
        pub federate: Vec<Block<Federate>>,
        /// Who Prometheus is for an Alertmanager that asks.
        pub alerting: Option<Block<Alerting>>,
        /// Networks to attach to; all declared ones when nothing is said.
        @set pub networks: Vec<Spanned<String>>,
        /// The most that it may use.
        pub resources: Option<Block<Resources>>,
        /// Where its output goes.
        pub logging: Option<Block<Logging>>,
    }
}

settings! {
    /// Who Prometheus is for an Alertmanager that asks.
    pub struct Alerting {
        /// User name.
        pub user: Option<Spanned<String>>,
        /// Password.
        pub password: Option<Spanned<Value>>,
        /// How the Alertmanager is trusted; its own certificate is when nothing is said.
        pub tls: Option<Block<ClientTls>>,
    }
}

settings! {
    /// Servers that share the scrape jobs.
    pub struct Shards {
        /// How many they are.
        @argument pub number: Spanned<u64>,
        /// Port on the host of the first of them; the others follow. Not published when nothing is said.
        pub port: Option<Spanned<u16>>,
        /// External label for the number of the shard. Their series differ without it, and with it every
        /// series begins anew when the number of shards changes.
        pub label: Option<Spanned<String>>,
        /// Who the central server is for them; as in `scrape "prometheus"` when nothing is said.
        pub user: Option<Spanned<String>>,
        /// The user's password itself, no hash.
        pub password: Option<Spanned<Value>>,
    }
}

settings! {
    /// How much is kept: the older of the samples go when either limit is reached.
    pub struct Retention {
        /// How long samples are kept.
        pub time: Option<Spanned<DurationText>>,
        /// How much room they may take.
        pub size: Option<Spanned<SizeText>>,
    }
}

settings! {
    /// Limits on queries.
    pub struct QueryLimits {
        /// How long one query may take.
        pub timeout: Option<Spanned<DurationText>>,
        /// How many queries may run at once.
        pub max_concurrency: Option<Spanned<u64>>,
        /// How many samples one query may hold in memory.
        pub max_samples: Option<Spanned<u64>>,
        /// How far back a sample still counts as current.
        pub lookback_delta: Option<Spanned<DurationText>>,
    }
}

settings! {
    /// A user who may log in.
    pub struct WebUser {
        /// User name.
        pub user: Spanned<String>,
        /// Secret with the password's bcrypt hash, as `stackctl hash-password` makes it.
        pub password: Spanned<Value>,
    }
}

settings! {
    /// Certificate for HTTPS.
    pub struct ServerTls {
        /// Path of the certificate, relative to the manifest.
        pub cert: Spanned<String>,
        /// Path of its key, relative to the manifest.
        pub key: Spanned<String>,
        /// Path of the authority whose clients are let in.
        pub client_ca: Option<Spanned<String>>,
        /// Oldest version of TLS that is spoken: `TLS12` or `TLS13`.
        pub min_version: Option<Spanned<String>>,
    }
}

settings! {
    /// How a client trusts a server, and shows who it is.
    pub struct ClientTls {
        /// Path of the authority's certificate.
        pub ca: Option<Spanned<String>>,
        /// Path of the client's own certificate.
        pub cert: Option<Spanned<String>>,
        /// Path of its key.
        pub key: Option<Spanned<String>>,
        /// Name that the server's certificate must have.
        pub server_name: Option<Spanned<String>>,
        /// Whether any certificate will do.
        pub insecure_skip_verify: Option<Spanned<bool>>,
    }
}

settings! {
    /// A scrape job: settings for a derived one, or one of your own.
    @named
    pub struct Scrape {
        /// Name of the job; the name of a service or exporter changes its derived job.
        @argument pub job: Spanned<String>,
        /// Time between two scrapes.
        pub interval: Option<Spanned<DurationText>>,
        /// How long one scrape may take.
        pub timeout: Option<Spanned<DurationText>>,
        /// Port of the metrics page.
        pub port: Option<Spanned<u16>>,
        /// Path of the metrics page; `/metrics` when nothing is said.
        pub path: Option<Spanned<String>>,
        /// `http` or `https`.
        pub scheme: Option<Spanned<String>>,
        /// Targets as `host:port`, or names of services.
        pub targets as "target": Vec<Block<Target>>,
        /// Files with further targets.
        pub file_sd: Option<Block<FileSd>>,
        /// Names that are looked up for further targets.
        pub dns_sd: Vec<Block<DnsSd>>,
        /// An address that answers with further targets.
        pub http_sd: Vec<Block<HttpSd>>,
        /// Query parameters of the metrics page.
        pub params as "param": Vec<Block<Param>>,
        /// Labels to put on every series.
        pub labels: Map<String>,
        /// Whether labels of the page win over those of the job.
        pub honor_labels: Option<Spanned<bool>>,
        /// Whether timestamps of the page are taken.
        pub honor_timestamps: Option<Spanned<bool>>,
        /// A step that changes a target's labels before the scrape.
        pub relabel: Vec<Block<Relabel>>,
        /// A step that changes a series' labels after the scrape.
        pub metric_relabel: Vec<Block<Relabel>>,
        /// The most samples one scrape may give.
        pub sample_limit: Option<Spanned<u64>>,
        /// The most labels a series may have.
        pub label_limit: Option<Spanned<u64>>,
        /// The most targets the job may have.
        pub target_limit: Option<Spanned<u64>>,
        /// The most bytes one page may have.
        pub body_size_limit: Option<Spanned<SizeText>>,
        /// User name for the metrics page.
        pub user: Option<Spanned<String>>,
        /// Password for the metrics page.
        pub password: Option<Spanned<Value>>,
        /// Token for the metrics page.
        pub bearer_token: Option<Spanned<Value>>,
        /// How the server is trusted.
        pub tls: Option<Block<ClientTls>>,
        /// Whether redirections are followed.
        pub follow_redirects: Option<Spanned<bool>>,
        /// How many series one target has, for estimates of disk and memory.
        pub series: Option<Spanned<u64>>,
        /// How many targets are expected where they are discovered, for the same estimates.
        pub expected_targets: Option<Spanned<u64>>,
        /// Whether the shards share its targets; otherwise the central server scrapes them all.
        pub sharded: Option<Spanned<bool>>,
        /// Whether the job is scraped at all; for profiles.
        pub enabled: Option<Spanned<bool>>,
    }
}

impl Scrape {
    /// Whether a step writes the address that is asked, so that targets need not be any.
    pub fn writes_address(&self) -> bool {
        self.relabel.iter().any(|step| step.writes_address())
    }

    /// Whether somebody else is asked about every target, as an exporter that probes them is: then a
    /// target is a text of the user's, and no address.
    pub fn asks_another(&self) -> bool {
        self.relabel.iter().any(|step| step.regex.is_none() && step.fixed_address().is_some())
    }

    /// Addresses that are connected to: those of the targets, or those that steps put in their place.
    pub fn addresses(&self) -> Vec<&Spanned<String>> {
        if self.asks_another() {
            self.relabel.iter().filter_map(|step| step.fixed_address()).collect()
        } else {
            self.targets.iter().flat_map(|target| &target.addresses).collect()
        }
    }
}

impl Relabel {
    fn writes_address(&self) -> bool {
        self.target_label.as_ref().is_some_and(|label| label.value == "__address__")
    }

    /// The address that the step writes, if it is the same for all targets.
    fn fixed_address(&self) -> Option<&Spanned<String>> {
        let replaces = self.action.as_ref().is_none_or(|it| it.value == RelabelAction::Replace);
        let fixed = |text: &&Spanned<String>| !text.contains('$');
        self.replacement.as_ref().filter(|_| replaces && self.writes_address()).filter(fixed)
    }
}

settings! {
    /// Targets with common labels.
    pub struct Target {
        /// `host:port`, or the name of a service.
        @arguments pub addresses: Vec<Spanned<String>>,
        /// Labels for series of these targets.
        pub labels: Map<String>,
    }
}

settings! {
    /// Files with further targets.
    pub struct FileSd {
        /// Paths, with `*` for any name.
        @arguments pub files: Vec<Spanned<String>>,
        /// Time between two looks.
        pub refresh_interval: Option<Spanned<DurationText>>,
    }
}

settings! {
    /// Names that are looked up for further targets.
    pub struct DnsSd {
        /// Names to look up.
        @arguments pub names: Vec<Spanned<String>>,
        /// Record type: `SRV`, `A`, `AAAA`, `MX` or `NS`.
        pub kind as "type": Option<Spanned<String>>,
        /// Port of the targets, where the record has none.
        pub port: Option<Spanned<u16>>,
        /// Time between two looks.
        pub refresh_interval: Option<Spanned<DurationText>>,
    }
}

settings! {
    /// An address that answers with further targets.
    pub struct HttpSd {
        /// The address.
        @argument pub url: Spanned<String>,
        /// Time between two looks.
        pub refresh_interval: Option<Spanned<DurationText>>,
    }
}

settings! {
    /// A query parameter with its values.
    @named
    pub struct Param {
        /// Name of the parameter.
        @argument pub name: Spanned<String>,
        /// Its values.
        @arguments pub values: Vec<Spanned<String>>,
    }
}

settings! {
    /// A step that changes labels.
    pub struct Relabel {
        /// Labels whose values are joined and matched.
        pub source_labels: Vec<Spanned<String>>,
        /// What to join them with; `;` when nothing is said.
        pub separator: Option<Spanned<String>>,
        /// Regular expression, anchored at both ends; everything when nothing is said.
        pub regex: Option<Spanned<String>>,
        /// Label to write to.
        pub target_label: Option<Spanned<String>>,
        /// Text to write, with `$1` for the first group.
        pub replacement: Option<Spanned<String>>,
        /// Divisor of `hashmod`.
        pub modulus: Option<Spanned<u64>>,
        /// What to do on a match; `replace` when nothing is said.
        pub action: Option<Spanned<RelabelAction>>,
    }
}

keywords! {
    /// What a relabelling step does on a match.
    pub enum RelabelAction {
        /// Write the replacement to the target label.
        Replace = "replace",
        /// Write the joined text in lower case.
        Lowercase = "lowercase",
        /// Write the joined text in upper case.
        Uppercase = "uppercase",
        /// Leave out what does not match.
        Keep = "keep",
        /// Leave out what matches.
        Drop = "drop",
        /// Leave out what differs from the target label.
        Keepequal = "keepequal",
        /// Leave out what equals the target label.
        Dropequal = "dropequal",
        /// Write the hash of the joined text, modulo the modulus.
        Hashmod = "hashmod",
        /// Copy each label whose name matches to the replaced name.
        Labelmap = "labelmap",
        /// Remove each label whose name matches.
        Labeldrop = "labeldrop",
        /// Remove each label whose name does not match.
        Labelkeep = "labelkeep",
    }
}

settings! {
    /// A server that all samples are sent to as well.
    pub struct RemoteWrite {
        /// Address of the receiver, or the name of a store.
        @argument pub url: Spanned<String>,
        /// Name of the queue, for its own metrics.
        pub name: Option<Spanned<String>>,
        /// How long one request may take.
        pub remote_timeout: Option<Spanned<DurationText>>,
        /// HTTP headers.
        pub headers: Map<String>,
        /// User name.
        pub user: Option<Spanned<String>>,
        /// Password.
        pub password: Option<Spanned<Value>>,
        /// Token.
        pub bearer_token: Option<Spanned<Value>>,
        /// How the receiver is trusted.
        pub tls: Option<Block<ClientTls>>,
        /// A step that changes or leaves out series before they are sent.
        pub write_relabel: Vec<Block<Relabel>>,
        /// Whether exemplars are sent.
        pub send_exemplars: Option<Spanned<bool>>,
        /// Whether native histograms are sent.
        pub send_native_histograms: Option<Spanned<bool>>,
        /// How samples are written down for the way: version 1 or 2 of the format.
        pub protobuf_message: Option<Spanned<WriteFormat>>,
        /// Whether each connection takes another address of the receiver's name.
        pub round_robin_dns: Option<Spanned<bool>>,
        /// How samples are queued.
        pub queue: Option<Block<Queue>>,
        /// Whether and how often metadata is sent.
        pub metadata: Option<Block<WriteMetadata>>,
    }
}

settings! {
    /// How samples are queued before they are sent.
    pub struct Queue {
        /// Samples that one shard holds.
        pub capacity: Option<Spanned<u64>>,
        /// The most shards.
        pub max_shards: Option<Spanned<u64>>,
        /// The fewest shards.
        pub min_shards: Option<Spanned<u64>>,
        /// The most samples in one request.
        pub max_samples_per_send: Option<Spanned<u64>>,
        /// How long a sample waits for a full request.
        pub batch_send_deadline: Option<Spanned<DurationText>>,
        /// First wait after a failure.
        pub min_backoff: Option<Spanned<DurationText>>,
        /// Longest wait after failures.
        pub max_backoff: Option<Spanned<DurationText>>,
        /// Whether to try again when told to slow down.
        pub retry_on_http_429: Option<Spanned<bool>>,
        /// How old a sample may be that is still sent; any age when nothing is said.
        pub sample_age_limit: Option<Spanned<DurationText>>,
    }
}

settings! {
    /// Whether and how often metadata is sent.
    pub struct WriteMetadata {
        /// Whether it is sent.
        pub send: Option<Spanned<bool>>,
        /// Time between two times.
        pub send_interval: Option<Spanned<DurationText>>,
        /// The most in one request.
        pub max_samples_per_send: Option<Spanned<u64>>,
    }
}

keywords! {
    /// How samples are written down for the way.
    pub enum WriteFormat {
        /// Remote write 1.0.
        One = "1.0",
        /// Remote write 2.0.
        Two = "2.0",
    }
}

impl WriteFormat {
    /// The message's name in Prometheus' configuration.
    pub fn message(self) -> &'static str {
        match self {
            Self::One => "prometheus.WriteRequest",
            Self::Two => "io.prometheus.write.v2.Request",
        }
    }
}

settings! {
    /// Another Prometheus to take selected series from.
    @named
    pub struct Federate {
        /// Name of the scrape job.
        @argument pub job: Spanned<String>,
        /// `host:port`, or the name of an external host.
        pub target: Spanned<String>,
        /// Selectors of the series to take.
        pub matches as "match": Vec<Spanned<String>>,
        /// Time between two scrapes.
        pub interval: Option<Spanned<DurationText>>,
        /// How long one scrape may take.
        pub timeout: Option<Spanned<DurationText>>,
        /// Path; `/federate` when nothing is said.
        pub path: Option<Spanned<String>>,
        /// `http` or `https`.
        pub scheme: Option<Spanned<String>>,
        /// Whether labels of the other server win; yes when nothing is said.
        pub honor_labels: Option<Spanned<bool>>,
        /// Labels to put on every series.
        pub labels: Map<String>,
        /// User name.
        pub user: Option<Spanned<String>>,
        /// Password.
        pub password: Option<Spanned<Value>>,
        /// How the other server is trusted.
        pub tls: Option<Block<ClientTls>>,
        /// How many series are taken, for estimates of disk and memory.
        pub series: Option<Spanned<u64>>,
    }
}
