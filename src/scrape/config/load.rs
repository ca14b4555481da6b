//! From the file to the settled structs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::check;
use super::{
    Alerting, Alertmanagers, Config, DEFAULT_INTERVAL, DEFAULT_TIMEOUT, Discovery, Job, Limits,
    RemoteWrite,
};
use crate::model::Labels;
use crate::scrape::relabel::{RelabelError, Rule};
use crate::scrape::text::Format;
use crate::wire::prometheus as wire;

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("couldn't load configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// The file is not YAML, or has a field or a value that does not belong there.
    #[error("parsing YAML file {}: {}{reason}", path.display(), place(*.line, *.column))]
    Yaml {
        /// The file.
        path: PathBuf,
        /// Counted from 1; 0 where it is unknown.
        line: usize,
        /// Counted from 1; 0 where it is unknown.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// What the file says cannot be.
    #[error("parsing YAML file {}: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, in Prometheus' words.
        reason: String,
    },
}

fn place(line: usize, column: usize) -> String {
    if line == 0 { String::new() } else { format!("line {line}, column {column}: ") }
}

/// Says where a path that the file names lies; `None` for one that is what it says.
pub type Locate<'a> = &'a dyn Fn(&str) -> Option<PathBuf>;

/// Reads and settles a file. Relative paths in it are relative to its folder.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    load_located(path, &|_| None)
}

/// The same for a file that was written for another place, such as a container.
pub fn load_located(path: &Path, locate: Locate<'_>) -> Result<Config, ConfigError> {
    let written: wire::Config = read(path)?;
    settle_located(written, path, locate)
}

fn read<T: serde::de::DeserializeOwned + Default>(path: &Path) -> Result<T, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(T::default());
    }
    serde_yaml::from_str(&text).map_err(|err| {
        let (line, column) = err.location().map_or((0, 0), |at| (at.line(), at.column()));
        ConfigError::Yaml { path: path.to_owned(), line, column, reason: explain(&err.to_string()) }
    })
}

/// Serde's message without the place, the list of forty expected fields made into one suggestion.
pub fn explain(message: &str) -> String {
    let message = message.rfind(" at line ").map_or(message, |at| &message[..at]);
    let Some((before, rest)) = message.split_once("unknown field `") else {
        return message.to_owned();
    };
    let Some((field, expected)) = rest.split_once('`') else { return message.to_owned() };
    if let Some(kind) = field.strip_suffix("_sd_configs") {
        return format!(
            "{before}service discovery {kind:?} is not supported: static, file, http and dns are"
        );
    }
    let known = expected.split('`').skip(1).step_by(2);
    let nearest = known
        .map(|name| (strsim::damerau_levenshtein(name, field), name))
        .min()
        .filter(|(distance, _)| *distance <= 3.min(field.len() / 2));
    let hint = nearest.map_or(String::new(), |(_, name)| format!(", did you mean {name:?}?"));
    format!("{before}unknown field {field:?}{hint}")
}

/// Checks a file that was read and applies its defaults. `path` names it in errors, and its folder is
/// the base of relative paths.
pub fn settle(written: wire::Config, path: &Path) -> Result<Config, ConfigError> {
    settle_located(written, path, &|_| None)
}

fn settle_located(
    mut written: wire::Config,
    path: &Path,
    locate: Locate<'_>,
) -> Result<Config, ConfigError> {
    let invalid = |reason: String| ConfigError::Invalid { path: path.to_owned(), reason };
    let folder = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let base = Base { folder: folder.parent().unwrap_or(Path::new("/")), locate };

    for pattern in &written.scrape_config_files.clone() {
        let pattern = base.path(pattern);
        let files = crate::model::glob(&pattern);
        for file in files.map_err(|err| invalid(err.to_string()))? {
            let more: wire::ScrapeConfigFile = read(&file)?;
            written.scrape_configs.extend(more.scrape_configs);
        }
    }

    let global = &written.global;
    let scrape_interval = nonzero(global.scrape_interval).unwrap_or(DEFAULT_INTERVAL);
    if nonzero(global.scrape_timeout).is_some_and(|timeout| timeout > scrape_interval) {
        return Err(invalid("global scrape timeout greater than scrape interval".to_owned()));
    }
    check::labels(&global.external_labels).map_err(invalid)?;
    let external_labels = Labels::from_pairs(
        global
            .external_labels
            .iter()
            .map(|(name, value)| (name.as_str(), expand_environment(value))),
    );
    check::other_parts(&written).map_err(invalid)?;

    let mut jobs: Vec<Job> = Vec::new();
    for scrape in &written.scrape_configs {
        let job = settle_job(scrape, global, scrape_interval, &base).map_err(invalid)?;
        if jobs.iter().any(|other| other.name == job.name) {
            let reason = format!("found multiple scrape configs with job name {:?}", job.name);
            return Err(invalid(reason));
        }
        jobs.push(job);
    }
    let remote_write = written.remote_write.iter().map(|write| settle_remote_write(write, &base));
    let remote_write = remote_write.collect::<Result<_, _>>().map_err(invalid)?;
    let alerting = written.alerting.as_ref().map(|alerting| settle_alerting(alerting, &base));
    Ok(Config {
        jobs,
        alerting: alerting.transpose().map_err(invalid)?.unwrap_or_default(),
        scrape_interval,
        evaluation_interval: nonzero(global.evaluation_interval).unwrap_or(DEFAULT_INTERVAL),
        rule_query_offset: nonzero(global.rule_query_offset).unwrap_or_default(),
        external_labels,
        rule_files: written.rule_files.iter().map(|file| base.path(file)).collect(),
        remote_write,
        written,
    })
}

fn nonzero(duration: Option<crate::model::PromDuration>) -> Option<Duration> {
    duration.map(Duration::from).filter(|duration| !duration.is_zero())
}

/// `$NAME` and `${NAME}`; `$$` is a dollar.
fn expand_environment(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(tail) = rest.strip_prefix('$') {
            out.push('$');
            rest = tail;
            continue;
        }
        let (name, tail) = match rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some(braced) => braced,
            None => {
                let end = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                rest.split_at(end)
            }
        };
        out.push_str(&std::env::var(name).unwrap_or_default());
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn settle_job(
    scrape: &wire::ScrapeConfig,
    global: &wire::Global,
    global_interval: Duration,
    base: &Base<'_>,
) -> Result<Job, String> {
    if scrape.job_name.is_empty() {
        return Err("job_name is empty".to_owned());
    }
    let name = &scrape.job_name;
    let of_job = |reason: String| format!("{reason} (job {name:?})");
    let interval = nonzero(scrape.scrape_interval).unwrap_or(global_interval);
    let timeout = match nonzero(scrape.scrape_timeout) {
        Some(timeout) if timeout > interval => {
            return Err(format!(
                "scrape timeout greater than scrape interval for scrape config with job name {name:?}"
            ));
        }
        Some(timeout) => timeout,
        None => nonzero(global.scrape_timeout).unwrap_or(DEFAULT_TIMEOUT).min(interval),
    };
    let protocols = scrape
        .scrape_protocols
        .clone()
        .or_else(|| global.scrape_protocols.clone())
        .unwrap_or_else(|| check::DEFAULT_PROTOCOLS.to_vec());
    check::protocols(&protocols).map_err(of_job)?;
    let rules = |configs: &[wire::RelabelConfig]| -> Result<Vec<Rule>, String> {
        let rules: Result<_, RelabelError> = configs.iter().map(Rule::new).collect();
        rules.map_err(|err| of_job(err.to_string()))
    };
    let limit = |own: Option<u64>, global: Option<u64>| {
        own.filter(|limit| *limit > 0).or(global).unwrap_or(0)
    };
    let bytes = |size: Option<wire::ByteSize>| size.map(|size| size.0);
    let mut http = scrape.http_client();
    check::http_client(&http).map_err(of_job)?;
    resolve_paths(&mut http, base);
    let discovery = Discovery {
        fixed: scrape.static_configs.clone(),
        file: scrape.file_sd_configs.clone(),
        http: scrape.http_sd_configs.clone(),
        dns: scrape.dns_sd_configs.clone(),
    };
    let discovery =
        settle_discovery(discovery, base, !scrape.relabel_configs.is_empty()).map_err(of_job)?;
    let legacy = scrape.metric_name_validation_scheme.or(global.metric_name_validation_scheme);
    Ok(Job {
        name: name.clone(),
        interval,
        timeout,
        protocols,
        fallback_format: scrape
            .fallback_scrape_protocol
            .map(|protocol| check::format(protocol).map_err(of_job))
            .transpose()?,
        metrics_path: scrape.metrics_path.clone().unwrap_or_else(|| "/metrics".to_owned()),
        scheme: scrape.scheme.unwrap_or_default(),
        params: scrape.params.clone(),
        honor_labels: scrape.honor_labels,
        honor_timestamps: scrape.honor_timestamps.unwrap_or(true),
        track_timestamps_staleness: scrape.track_timestamps_staleness,
        enable_compression: scrape.enable_compression,
        extra_scrape_metrics: scrape
            .extra_scrape_metrics
            .or(global.extra_scrape_metrics)
            .unwrap_or(false),
        legacy_names: legacy == Some(wire::NameValidation::Legacy),
        limits: Limits {
            body_size: limit(bytes(scrape.body_size_limit), bytes(global.body_size_limit)),
            samples: limit(scrape.sample_limit, global.sample_limit),
            targets: limit(scrape.target_limit, global.target_limit),
            labels: limit(scrape.label_limit, global.label_limit),
            label_name_length: limit(
                scrape.label_name_length_limit,
                global.label_name_length_limit,
            ),
            label_value_length: limit(
                scrape.label_value_length_limit,
                global.label_value_length_limit,
            ),
            keep_dropped_targets: limit(scrape.keep_dropped_targets, global.keep_dropped_targets),
        },
        http,
        discovery,
        relabel: rules(&scrape.relabel_configs)?,
        metric_relabel: rules(&scrape.metric_relabel_configs)?,
    })
}

/// The rest of the section was checked with the other parts of the file.
fn settle_alerting(alerting: &wire::Alerting, base: &Base<'_>) -> Result<Alerting, String> {
    let rules = |configs: &[wire::RelabelConfig]| -> Result<Vec<Rule>, String> {
        let rules: Result<_, RelabelError> = configs.iter().map(Rule::new).collect();
        rules.map_err(|err| err.to_string())
    };
    let managers = alerting.alertmanagers.iter().map(|group| {
        let mut http = group.http_client();
        resolve_paths(&mut http, base);
        let discovery = Discovery {
            fixed: group.static_configs.clone(),
            file: group.file_sd_configs.clone(),
            http: group.http_sd_configs.clone(),
            dns: group.dns_sd_configs.clone(),
        };
        let prefix = group.path_prefix.as_deref().unwrap_or_default().trim_matches('/');
        let slash = if prefix.is_empty() { "" } else { "/" };
        Ok(Alertmanagers {
            scheme: group.scheme.unwrap_or_default(),
            path: format!("{slash}{prefix}/api/v2/alerts"),
            timeout: nonzero(group.timeout).unwrap_or(DEFAULT_TIMEOUT),
            http,
            discovery: settle_discovery(discovery, base, !group.relabel_configs.is_empty())?,
            relabel: rules(&group.relabel_configs)?,
            alert_relabel: rules(&group.alert_relabel_configs)?,
        })
    });
    Ok(Alerting {
        relabel: rules(&alerting.alert_relabel_configs)?,
        managers: managers.collect::<Result<_, String>>()?,
    })
}

fn settle_remote_write(
    written: &wire::RemoteWrite,
    base: &Base<'_>,
) -> Result<RemoteWrite, String> {
    let mut http = written.http_client();
    resolve_paths(&mut http, base);
    let rules: Result<_, RelabelError> =
        written.write_relabel_configs.iter().map(Rule::new).collect();
    RemoteWrite::new(written, http, rules.map_err(|err| err.to_string())?)
}

fn settle_discovery(
    mut discovery: Discovery,
    base: &Base<'_>,
    relabelled: bool,
) -> Result<Discovery, String> {
    check::discovery(&discovery, relabelled)?;
    for source in &mut discovery.file {
        source.files.iter_mut().for_each(|file| base.settle(file));
    }
    for source in &mut discovery.http {
        let mut client = source.http_client();
        check::http_client(&client)?;
        resolve_paths(&mut client, base);
        source.basic_auth = client.basic_auth;
        source.authorization = client.authorization;
        source.bearer_token_file = client.bearer_token_file;
        source.oauth2 = client.oauth2;
        source.tls_config = client.tls_config;
        source.http_headers = client.http_headers;
    }
    Ok(discovery)
}

/// What paths in the file are relative to.
struct Base<'a> {
    folder: &'a Path,
    locate: Locate<'a>,
}

impl Base<'_> {
    fn path(&self, written: &str) -> PathBuf {
        (self.locate)(written).unwrap_or_else(|| self.folder.join(written))
    }

    fn settle(&self, path: &mut String) {
        *path = self.path(path).to_string_lossy().into_owned();
    }
}

fn resolve_paths(client: &mut wire::HttpClient, base: &Base<'_>) {
    let tls = |tls: &mut Option<wire::TlsConfig>| {
        if let Some(tls) = tls {
            for file in
                [&mut tls.ca_file, &mut tls.cert_file, &mut tls.key_file].into_iter().flatten()
            {
                base.settle(file);
            }
        }
    };
    tls(&mut client.tls_config);
    let mut files: Vec<&mut String> = Vec::new();
    files.extend(&mut client.bearer_token_file);
    if let Some(auth) = &mut client.basic_auth {
        files.extend(&mut auth.username_file);
        files.extend(&mut auth.password_file);
    }
    if let Some(auth) = &mut client.authorization {
        files.extend(&mut auth.credentials_file);
    }
    if let Some(oauth) = &mut client.oauth2 {
        tls(&mut oauth.tls_config);
        files.extend(&mut oauth.client_secret_file);
    }
    files.extend(client.http_headers.values_mut().flat_map(|header| &mut header.files));
    for file in files {
        base.settle(file);
    }
}

impl Job {
    /// A job with Prometheus' defaults and nothing to scrape: a start for tests and for callers that
    /// have no file.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            interval: DEFAULT_INTERVAL,
            timeout: DEFAULT_TIMEOUT,
            protocols: check::DEFAULT_PROTOCOLS.to_vec(),
            fallback_format: None::<Format>,
            metrics_path: "/metrics".to_owned(),
            scheme: wire::Scheme::Http,
            params: BTreeMap::new(),
            honor_labels: false,
            honor_timestamps: true,
            track_timestamps_staleness: false,
            enable_compression: None,
            extra_scrape_metrics: false,
            legacy_names: false,
            limits: Limits::default(),
            http: wire::HttpClient::default(),
            discovery: Discovery::default(),
            relabel: Vec::new(),
            metric_relabel: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prometheus.yml");
        std::fs::write(&path, text).unwrap();
        load(&path).map_err(|err| {
            let prefix = format!("parsing YAML file {}: ", path.display());
            let message = err.to_string();
            message.strip_prefix(&prefix).map(str::to_owned).unwrap_or(message)
        })
    }

    #[test]
    fn defaults_are_applied() {
        let config = load_text(
            "global: {scrape_interval: 5s, external_labels: {dc: 'a$$b'}}\n\
             rule_files: [rules/*.yml]\nscrape_configs:\n- job_name: a\n- job_name: b\n  scrape_interval: 30s\n",
        )
        .unwrap();
        assert_eq!(config.jobs[0].interval, Duration::from_secs(5));
        assert_eq!(
            config.jobs[0].timeout,
            Duration::from_secs(5),
            "never longer than the interval"
        );
        assert_eq!(config.jobs[1].timeout, Duration::from_secs(10));
        assert_eq!(config.evaluation_interval, Duration::from_secs(60));
        assert_eq!(config.external_labels.get("dc"), Some("a$b"));
        assert!(
            config.rule_files[0].is_absolute() && config.rule_files[0].ends_with("rules/*.yml")
        );
        let shown = config.to_yaml();
        assert!(shown.contains("metrics_path: /metrics") && shown.contains("scrape_timeout: 5s"));
    }

    #[test]
    fn an_empty_file_is_a_configuration() {
        assert_eq!(load_text("").unwrap().jobs, []);
        assert_eq!(load_text("# nothing\n").unwrap().jobs, []);
    }

    #[test]
    fn mistakes_are_told_in_words_users_know() {
        let check = |text: &str, message: &str| assert_eq!(load_text(text).unwrap_err(), message);
        check(
            "scrape_configs:\n- job_name: a\n- job_name: a\n",
            "found multiple scrape configs with job name \"a\"",
        );
        check("scrape_configs:\n- scrape_interval: 5s\n", "job_name is empty");
        check(
            "scrape_configs:\n- job_name: a\n  scrape_interval: 5s\n  scrape_timeout: 6s\n",
            "scrape timeout greater than scrape interval for scrape config with job name \"a\"",
        );
        check(
            "global:\n  scrape_interval: 5s\n  scrape_timeout: 6s\n",
            "global scrape timeout greater than scrape interval",
        );
        check(
            "scrape_configs:\n- job_name: a\n  scrape_intervall: 5s\n",
            "line 3, column 3: scrape_configs[0]: unknown field \"scrape_intervall\", did you mean \"scrape_interval\"?",
        );
        check(
            "scrape_configs:\n- job_name: a\n  kubernetes_sd_configs: []\n",
            "line 3, column 3: scrape_configs[0]: service discovery \"kubernetes\" is not supported: static, file, http and dns are",
        );
        check(
            "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - action: rename\n",
            "unknown relabel action \"rename\" (job \"a\")",
        );
        check(
            "scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: ['http://x']\n",
            "\"http://x\" is not a valid hostname (job \"a\")",
        );
        check(
            "scrape_configs:\n- job_name: a\n  file_sd_configs:\n  - files: [a.txt]\n",
            "path name \"a.txt\" is not valid for file discovery (job \"a\")",
        );
        check(
            "scrape_configs:\n- job_name: a\n  bearer_token: x\n  basic_auth: {username: u}\n",
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured (job \"a\")",
        );
        check(
            "global:\n  scrape_interval: fast\n",
            "line 2, column 20: global.scrape_interval: not a valid duration string: \"fast\"",
        );
    }

    #[test]
    fn a_url_is_a_target_where_steps_put_something_in_its_place() {
        let text = "scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: ['http://x']\n  \
                    relabel_configs: [{target_label: __address__, replacement: 'probe:9115'}]\n";
        assert_eq!(load_text(text).unwrap().jobs.len(), 1);
    }

    #[test]
    fn jobs_of_other_files_join() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prometheus.yml");
        std::fs::write(
            &path,
            "scrape_config_files: [more/*.yml]\nscrape_configs:\n- job_name: a\n",
        )
        .unwrap();
        std::fs::create_dir(folder.path().join("more")).unwrap();
        std::fs::write(folder.path().join("more/b.yml"), "scrape_configs:\n- job_name: b\n")
            .unwrap();
        let names: Vec<_> = load(&path).unwrap().jobs.into_iter().map(|job| job.name).collect();
        assert_eq!(names, ["a", "b"]);
    }
}
