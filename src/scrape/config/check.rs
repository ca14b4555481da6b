//! What Prometheus refuses when it loads its configuration, in its words.

use super::{Discovery, remote};
use crate::scrape::relabel::Rule;
use crate::scrape::text::Format;
use crate::wire::prometheus as wire;
use crate::wire::prometheus::ScrapeProtocol;

pub(super) type Checked = Result<(), String>;

/// Asked for where the file does not say.
pub(super) const DEFAULT_PROTOCOLS: [ScrapeProtocol; 4] = [
    ScrapeProtocol::OpenMetricsText1_0_0,
    ScrapeProtocol::OpenMetricsText0_0_1,
    ScrapeProtocol::PrometheusText1_0_0,
    ScrapeProtocol::PrometheusText0_0_4,
];

pub(super) fn format(protocol: ScrapeProtocol) -> Result<Format, String> {
    match protocol {
        ScrapeProtocol::PrometheusText0_0_4 | ScrapeProtocol::PrometheusText1_0_0 => {
            Ok(Format::Prometheus)
        }
        ScrapeProtocol::OpenMetricsText0_0_1 | ScrapeProtocol::OpenMetricsText1_0_0 => {
            Ok(Format::OpenMetrics)
        }
        ScrapeProtocol::PrometheusProto => {
            Err("fallback_scrape_protocol PrometheusProto is not supported, use a text format"
                .into())
        }
    }
}

pub(super) fn protocols(protocols: &[ScrapeProtocol]) -> Checked {
    if protocols.is_empty() {
        return Err("scrape_protocols cannot be empty".to_owned());
    }
    for (index, protocol) in protocols.iter().enumerate() {
        if protocols[..index].contains(protocol) {
            return Err(format!("duplicated protocol in scrape_protocols, got {protocols:?}"));
        }
    }
    Ok(())
}

pub(super) fn labels(labels: &wire::LabelMap) -> Checked {
    match labels.keys().find(|name| name.is_empty()) {
        Some(name) => Err(format!("{name:?} is not a valid label name")),
        None => Ok(()),
    }
}

pub(super) fn http_client(client: &wire::HttpClient) -> Checked {
    let wire::HttpClient {
        basic_auth, authorization, bearer_token, bearer_token_file, oauth2, ..
    } = client;
    if bearer_token.is_some() && bearer_token_file.is_some() {
        return Err("at most one of bearer_token & bearer_token_file must be configured".into());
    }
    let bearer = bearer_token.is_some() || bearer_token_file.is_some();
    if (basic_auth.is_some() || oauth2.is_some()) && bearer {
        return Err("at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured".into());
    }
    if let Some(auth) = basic_auth {
        if auth.username.is_some() && auth.username_file.is_some() {
            return Err(
                "at most one of basic_auth username & username_file must be configured".into()
            );
        }
        if auth.password.is_some() && auth.password_file.is_some() {
            return Err(
                "at most one of basic_auth password & password_file must be configured".into()
            );
        }
    }
    if let Some(auth) = authorization {
        if bearer {
            return Err(
                "authorization is not compatible with bearer_token & bearer_token_file".into()
            );
        }
        if auth.credentials.is_some() && auth.credentials_file.is_some() {
            return Err(
                "at most one of authorization credentials & credentials_file must be configured"
                    .into(),
            );
        }
        if auth.kind.as_deref().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("basic")) {
            return Err(
                "authorization type cannot be set to \"basic\", use \"basic_auth\" instead".into(),
            );
        }
        if basic_auth.is_some() || oauth2.is_some() {
            return Err(
                "at most one of basic_auth, oauth2 & authorization must be configured".into()
            );
        }
    }
    if let Some(oauth) = oauth2 {
        if basic_auth.is_some() {
            return Err(
                "at most one of basic_auth, oauth2 & authorization must be configured".into()
            );
        }
        if oauth.client_id.is_empty() {
            return Err("oauth2 client_id must be configured".into());
        }
        if oauth.token_url.is_empty() {
            return Err("oauth2 token_url must be configured".into());
        }
        if oauth.client_secret.is_some() && oauth.client_secret_file.is_some() {
            return Err("at most one of oauth2 client_secret & client_secret_file must be configured using oauth2".into());
        }
    }
    if let Some(tls) = &client.tls_config {
        let pairs = [
            (tls.ca.is_some(), tls.ca_file.is_some(), "ca"),
            (tls.cert.is_some(), tls.cert_file.is_some(), "cert"),
            (tls.key.is_some(), tls.key_file.is_some(), "key"),
        ];
        if let Some((.., name)) = pairs.iter().find(|(text, file, _)| *text && *file) {
            return Err(format!("at most one of {name} and {name}_file must be configured"));
        }
        remote::tls_versions(tls)?;
        let cert = tls.cert.is_some() || tls.cert_file.is_some();
        let key = tls.key.is_some() || tls.key_file.is_some();
        if cert && !key {
            return Err("exactly one of key or key_file must be configured when a client certificate is configured".into());
        }
        if key && !cert {
            return Err("exactly one of cert or cert_file must be configured when a client key is configured".into());
        }
    }
    if let Some(url) = &client.proxy_url {
        remote::url(url)?;
    }
    if client.proxy_url.is_some() && client.proxy_from_environment == Some(true) {
        return Err(
            "if proxy_from_environment is configured, proxy_url must not be configured".into()
        );
    }
    Ok(())
}

/// `relabelled` is whether steps come between a target and the address that is asked.
pub(super) fn discovery(discovery: &Discovery, relabelled: bool) -> Checked {
    let Discovery { fixed, file, http, dns } = discovery;
    for group in fixed {
        labels(&group.labels)?;
        // A URL is a mistake, but for a probe, which steps put in its place and tell of it.
        let url = |target: &&String| !relabelled && target.contains('/');
        if let Some(target) = group.targets.iter().find(url) {
            return Err(format!("{target:?} is not a valid hostname"));
        }
    }
    for source in file {
        if source.files.is_empty() {
            return Err("file service discovery config must contain at least one path name".into());
        }
        if let Some(path) = source.files.iter().find(|path| !is_discovery_file(path)) {
            return Err(format!("path name {path:?} is not valid for file discovery"));
        }
    }
    for source in http {
        if source.url.is_empty() {
            return Err("URL is missing".into());
        }
        let url = url::Url::parse(&source.url).map_err(|err| format!("{:?}: {err}", source.url))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("URL scheme must be 'http' or 'https'".into());
        }
    }
    for source in dns {
        if source.names.is_empty() {
            return Err("DNS-SD config must contain at least one SRV record name".into());
        }
        let kind = source.kind.unwrap_or_default();
        if kind != wire::DnsRecord::Srv && source.port.unwrap_or(0) == 0 {
            return Err(
                "a port is required in DNS-SD configs for all record types except SRV".into()
            );
        }
    }
    Ok(())
}

/// A star only in the last part of the path, and an ending that says the format.
fn is_discovery_file(path: &str) -> bool {
    let ending = path.rsplit_once('.').map(|(_, ending)| ending);
    let known = matches!(ending, Some("json" | "yml" | "yaml" | "JSON" | "YML" | "YAML"));
    known && path.find('*').is_none_or(|star| !path[star..].contains('/'))
}

/// The parts of the file that do not scrape.
pub(super) fn other_parts(config: &wire::Config) -> Checked {
    let rules = |configs: &[wire::RelabelConfig]| -> Checked {
        configs
            .iter()
            .try_for_each(|config| Rule::new(config).map(drop))
            .map_err(|err| err.to_string())
    };
    if let Some(alerting) = &config.alerting {
        rules(&alerting.alert_relabel_configs)?;
        for group in &alerting.alertmanagers {
            http_client(&group.http_client())?;
            rules(&group.relabel_configs)?;
            rules(&group.alert_relabel_configs)?;
            if let Some(version) = group.api_version.as_deref().filter(|version| *version != "v2") {
                return Err(format!(
                    "expected Alertmanager api version to be one of [v2] but got {version}"
                ));
            }
        }
    }
    let tsdb = config.storage.as_ref().and_then(|storage| storage.tsdb.as_ref());
    let share = tsdb.and_then(|tsdb| tsdb.retention.as_ref()?.percentage);
    if share.is_some_and(|share| !(0.0..=100.0).contains(&share)) {
        return Err("storage.tsdb.retention.percentage must be between 0 and 100".into());
    }
    let patterns =
        [("rule file", &config.rule_files), ("scrape config file", &config.scrape_config_files)];
    for (what, files) in patterns {
        files.iter().try_for_each(|pattern| remote::pattern(what, pattern))?;
    }
    remote::tracing(config.tracing.as_ref())?;
    let mut names: Vec<&str> = Vec::new();
    for write in &config.remote_write {
        if write.url.is_empty() {
            return Err("url for remote_write is empty".into());
        }
        remote::url(&write.url)?;
        remote::headers(write.headers.keys())?;
        rules(&write.write_relabel_configs)?;
        http_client(&write.http_client())?;
        if let Some(name) = write.name.as_deref().filter(|name| !name.is_empty()) {
            if names.contains(&name) {
                return Err(format!("found multiple remote write configs with job name {name:?}"));
            }
            names.push(name);
        }
    }
    for read in &config.remote_read {
        if read.url.is_empty() {
            return Err("url for remote_read is empty".into());
        }
        remote::url(&read.url)?;
        remote::headers(read.headers.keys())?;
        http_client(&read.http_client())?;
    }
    Ok(())
}
