//! The flags of `stackctl run prometheus`, named as the reference program names them. `up` parses the
//! same flags from the rendered command line.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::TypedValueParser;

use super::ignored::Ignored;
use crate::model::{ByteSize, format_duration, parse_duration};

/// Scrapes, stores, answers queries and evaluates rules, as Prometheus does.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct Flags {
    /// Configuration file.
    #[arg(long = "config.file", value_name = "FILE", default_value = "prometheus.yml")]
    pub config_file: PathBuf,

    /// Addresses to listen on; may be repeated.
    #[arg(
        long = "web.listen-address",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:9090",
        value_parser = parse_listen
    )]
    pub listen: Vec<SocketAddr>,

    /// File that turns on TLS or users for the web server.
    // An empty name, the default of the reference program, is no file.
    #[arg(
        long = "web.config.file",
        value_name = "FILE",
        value_parser = clap::builder::OsStringValueParser::new().map(PathBuf::from)
    )]
    pub web_config: Option<PathBuf>,

    /// URL under which the server is reached from outside, for links in alerts.
    #[arg(long = "web.external-url", value_name = "URL")]
    pub external_url: Option<String>,

    /// Path under which pages and API lie; that of the external URL if it is not said.
    #[arg(long = "web.route-prefix", value_name = "PATH")]
    pub route_prefix: Option<String>,

    /// Title of the pages.
    #[arg(long = "web.page-title", value_name = "TEXT", default_value = "stackctl")]
    pub page_title: String,

    /// Allow `/-/reload` and `/-/quit`.
    #[arg(long = "web.enable-lifecycle", overrides_with = "no_lifecycle")]
    pub lifecycle: bool,
    #[arg(long = "no-web.enable-lifecycle", overrides_with = "lifecycle", hide = true)]
    no_lifecycle: bool,

    /// Accept samples by remote write at `/api/v1/write`.
    #[arg(long = "web.enable-remote-write-receiver", overrides_with = "no_remote_write_receiver")]
    pub remote_write_receiver: bool,
    #[arg(
        long = "no-web.enable-remote-write-receiver",
        overrides_with = "remote_write_receiver",
        hide = true
    )]
    no_remote_write_receiver: bool,

    /// Regular expression of the origins that browsers may query from.
    #[arg(long = "web.cors.origin", value_name = "REGEX", default_value = ".*")]
    pub cors_origin: String,

    /// Folder of the store; our files lie in a subfolder of their own.
    #[arg(long = "storage.tsdb.path", value_name = "DIR", default_value = "data/")]
    pub storage_path: PathBuf,

    /// How long samples are kept; counted from the newest one. 15d unless a size is given.
    // The alias is its old name.
    #[arg(long = "storage.tsdb.retention.time", alias = "storage.tsdb.retention", value_name = "DURATION", value_parser = parse_duration)]
    pub retention_time: Option<Duration>,

    /// How many bytes the store may take, for instance 20GB.
    #[arg(long = "storage.tsdb.retention.size", value_name = "SIZE", value_parser = parse_size)]
    pub retention_size: Option<u64>,

    /// Most samples that a remote read answers in one message; 0 is no limit.
    #[arg(
        long = "storage.remote.read-sample-limit",
        value_name = "N",
        default_value_t = 50_000_000,
        value_parser = parse_count
    )]
    pub read_samples: usize,

    /// Most bytes of one message of a streamed remote read.
    #[arg(
        long = "storage.remote.read-max-bytes-in-frame",
        value_name = "BYTES",
        default_value_t = 1 << 20
    )]
    pub read_frame: usize,

    /// How far an instant selector looks back.
    #[arg(long = "query.lookback-delta", value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    pub lookback: Duration,

    /// Longest time a query may take.
    #[arg(long = "query.timeout", value_name = "DURATION", default_value = "2m", value_parser = parse_duration)]
    pub query_timeout: Duration,

    /// Queries that run at once.
    #[arg(long = "query.max-concurrency", value_name = "N", default_value_t = 20)]
    pub query_concurrency: usize,

    /// Most samples one query may hold.
    #[arg(long = "query.max-samples", value_name = "N", default_value_t = 50_000_000)]
    pub query_max_samples: u64,

    /// Shortest time between two notifications of the same alert to the alert managers.
    #[arg(long = "rules.alert.resend-delay", value_name = "DURATION", default_value = "1m", value_parser = parse_duration)]
    pub resend_delay: Duration,

    /// How long an outage may last for the pending time of alerts to be restored.
    #[arg(long = "rules.alert.for-outage-tolerance", value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    pub outage_tolerance: Duration,

    /// Shortest pending time that is left to a restored alert.
    #[arg(long = "rules.alert.for-grace-period", value_name = "DURATION", default_value = "10m", value_parser = parse_duration)]
    pub grace_period: Duration,

    /// Most alerts that wait to be sent; the oldest make room.
    #[arg(
        long = "alertmanager.notification-queue-capacity",
        value_name = "N",
        default_value_t = 10_000
    )]
    pub notification_capacity: usize,

    /// Most alerts of one request to an alert manager.
    #[arg(long = "alertmanager.notification-batch-size", value_name = "N", default_value_t = 64)]
    pub notification_batch: usize,

    /// Send the alerts that wait before the end; this is the default.
    #[arg(
        long = "alertmanager.drain-notification-queue-on-shutdown",
        overrides_with = "no_notification_drain"
    )]
    notification_drain: bool,
    #[arg(
        long = "no-alertmanager.drain-notification-queue-on-shutdown",
        overrides_with = "notification_drain",
        hide = true
    )]
    no_notification_drain: bool,

    /// Least severity to log: debug, info, warn or error. Below `up` the runner's own counts.
    #[arg(long = "log.level", value_name = "LEVEL", default_value = "info")]
    pub log_level: String,

    /// Sync the log before samples are acknowledged: nothing is lost even without power.
    #[arg(long = "sync")]
    pub sync: bool,

    /// Features that the reference program keeps behind a flag; those that are here are always on.
    #[arg(long = "enable-feature", value_name = "NAME", value_delimiter = ',')]
    pub features: Vec<String>,

    /// Flags of the reference program that change nothing here.
    #[command(flatten)]
    pub ignored: Ignored,
}

/// For command lines that are not the process's own.
#[derive(clap::Parser)]
#[command(name = "prometheus", no_binary_name = true)]
struct CommandLine {
    #[command(flatten)]
    flags: Flags,
}

/// How long samples are kept when neither time nor size is given.
const DEFAULT_RETENTION: Duration = Duration::from_secs(15 * 86_400);

impl Flags {
    /// Reads the flags of a rendered command line.
    pub fn from_args(arguments: &[String]) -> Result<Self, clap::Error> {
        <CommandLine as clap::Parser>::try_parse_from(arguments).map(|line| line.flags)
    }

    /// How long samples are kept if the configuration file does not say; `None` if only their size
    /// counts, which `sized` says.
    pub fn retention(&self, sized: bool) -> Option<Duration> {
        match (self.retention_time, sized) {
            (Some(time), _) => Some(time).filter(|time| !time.is_zero()),
            (None, true) => None,
            (None, false) => Some(DEFAULT_RETENTION),
        }
    }

    /// Path under which pages and API lie: `/`, or a path without a slash at its end.
    pub fn prefix(&self) -> String {
        let external = || {
            let url = url::Url::parse(self.external_url.as_deref()?).ok()?;
            Some(url.path().to_owned())
        };
        let path = self.route_prefix.clone().or_else(external).unwrap_or_default();
        format!("/{}", path.trim_matches('/'))
    }

    /// Whether the alerts that wait are sent before the end.
    pub fn drains_notifications(&self) -> bool {
        !self.no_notification_drain
    }

    /// Names and values as `/api/v1/status/flags` shows them.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let Self {
            config_file,
            listen,
            web_config,
            external_url,
            route_prefix: _,
            page_title,
            lifecycle,
            no_lifecycle: _,
            remote_write_receiver,
            no_remote_write_receiver: _,
            cors_origin,
            storage_path,
            retention_time,
            retention_size,
            read_samples,
            read_frame,
            lookback,
            query_timeout,
            query_concurrency,
            query_max_samples,
            resend_delay,
            outage_tolerance,
            grace_period,
            notification_capacity,
            notification_batch,
            notification_drain: _,
            no_notification_drain,
            log_level,
            sync,
            features,
            ignored: _,
        } = self;
        let path = |path: &PathBuf| path.display().to_string();
        let listen: Vec<String> = listen.iter().map(ToString::to_string).collect();
        [
            ("config.file", path(config_file)),
            ("web.listen-address", listen.join(",")),
            ("web.config.file", web_config.as_ref().map(path).unwrap_or_default()),
            ("web.external-url", external_url.clone().unwrap_or_default()),
            ("web.route-prefix", self.prefix()),
            ("web.page-title", page_title.clone()),
            ("web.enable-lifecycle", lifecycle.to_string()),
            ("web.enable-remote-write-receiver", remote_write_receiver.to_string()),
            ("web.cors.origin", cors_origin.clone()),
            ("storage.tsdb.path", path(storage_path)),
            (
                "storage.tsdb.retention.time",
                retention_time.map_or_else(|| "0s".to_owned(), format_duration),
            ),
            ("storage.tsdb.retention.size", format!("{}B", retention_size.unwrap_or(0))),
            ("storage.remote.read-sample-limit", read_samples.to_string()),
            ("storage.remote.read-max-bytes-in-frame", read_frame.to_string()),
            ("query.lookback-delta", format_duration(*lookback)),
            ("query.timeout", format_duration(*query_timeout)),
            ("query.max-concurrency", query_concurrency.to_string()),
            ("query.max-samples", query_max_samples.to_string()),
            ("rules.alert.resend-delay", format_duration(*resend_delay)),
            ("rules.alert.for-outage-tolerance", format_duration(*outage_tolerance)),
            ("rules.alert.for-grace-period", format_duration(*grace_period)),
            ("alertmanager.notification-queue-capacity", notification_capacity.to_string()),
            ("alertmanager.notification-batch-size", notification_batch.to_string()),
            (
                "alertmanager.drain-notification-queue-on-shutdown",
                (!no_notification_drain).to_string(),
            ),
            ("log.level", log_level.clone()),
            ("sync", sync.to_string()),
            ("enable-feature", features.join(",")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

/// `host:port`; without a host every interface is meant, as in the reference programs.
fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    full.to_socket_addrs()
        .map_err(|err| format!("{err}; an address looks like 127.0.0.1:9090"))?
        .next()
        .ok_or_else(|| "the name has no address".to_owned())
}

/// A count, also as the reference program's help writes it: `5e7`.
fn parse_count(text: &str) -> Result<usize, String> {
    if let Ok(count) = text.parse() {
        return Ok(count);
    }
    let number: f64 = text.parse().map_err(|_| "a count is a number".to_owned())?;
    if number.fract() == 0.0 && (0.0..=9e15).contains(&number) {
        Ok(number as usize)
    } else {
        Err("a count is a whole number".to_owned())
    }
}

fn parse_size(text: &str) -> Result<u64, String> {
    text.parse().map(|ByteSize(bytes)| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_those_of_the_reference_program() {
        let command = [
            "--config.file=/etc/p.yml",
            "--storage.tsdb.retention.time=30d",
            "--storage.tsdb.retention.size=20GB",
            "--web.listen-address=:9091",
            "--web.enable-lifecycle",
        ];
        let flags = Flags::from_args(&command.map(str::to_owned)).unwrap();
        assert_eq!(flags.retention_time, Some(Duration::from_secs(30 * 86_400)));
        assert_eq!(flags.listen, [SocketAddr::from(([0, 0, 0, 0], 9091))]);
        assert_eq!(flags.to_map()["storage.tsdb.retention.size"], "21474836480B");
        assert!(flags.lifecycle);
        for size in ["20", "GB"] {
            let flag = format!("--storage.tsdb.retention.size={size}");
            assert!(Flags::from_args(&[flag]).is_err(), "{size}");
        }
        assert!(Flags::from_args(&["--no-such-flag".to_owned()]).is_err());
        let prefix = |flags: &[&str]| {
            let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
            Flags::from_args(&flags).unwrap().prefix()
        };
        let external = "--web.external-url=https://example.org/prometheus/";
        assert_eq!(prefix(&[]), "/");
        assert_eq!(prefix(&[external]), "/prometheus");
        assert_eq!(prefix(&[external, "--web.route-prefix=/"]), "/");
        assert_eq!(prefix(&["--web.route-prefix=p/"]), "/p");
        let off = ["--web.enable-lifecycle", "--no-web.enable-lifecycle"];
        assert!(!Flags::from_args(&off.map(str::to_owned)).unwrap().lifecycle);
    }
}
