//! Scrape jobs: those that follow from the stack's parts, changed by `scrape` nodes of their name;
//! then jobs of the user's own, then federation.

use crate::diag::Spanned;
use crate::manifest::address::host_of;
use crate::manifest::{
    DnsSd, DurationText, Federate, Metrics, Prometheus, Protocol, Scrape, ServerTls, Service, Stack,
};
use crate::model::PromDuration;
use crate::wire::prometheus as wire;

use super::endpoints::{address, speaks_http};
use super::parts::{PartKind, parts};
use super::prometheus::{
    basic_auth, bearer, client_tls, duration, file_sd_folder, label_map, relabel, split_pattern,
    trust_as_said, trust_own,
};
use super::{shards, stores};

/// All scrape jobs of the stack in their order: Prometheus itself, exporters, services, push
/// gateway, Alertmanager, Grafana, jobs of one's own, federation.
pub fn jobs(stack: &Stack) -> Vec<wire::ScrapeConfig> {
    let Some(prometheus) = &stack.prometheus else { return Vec::new() };
    let mut jobs = derived(stack, prometheus);
    for scrape in &prometheus.scrapes {
        let name = scrape.job.value.as_str();
        let index = jobs.iter().position(|job| job.job_name == name).unwrap_or_else(|| {
            jobs.push(wire::ScrapeConfig { job_name: name.to_owned(), ..Default::default() });
            jobs.len() - 1
        });
        apply(stack, scrape, &mut jobs[index]);
    }
    let switched_off = |job: &wire::ScrapeConfig| {
        prometheus.scrapes.iter().any(|scrape| {
            scrape.job.value == job.job_name && scrape.enabled.as_ref().is_some_and(|on| !on.value)
        })
    };
    jobs.retain(|job| !switched_off(job));
    jobs.extend(prometheus.federate.iter().map(|federate| federation(stack, federate)));
    jobs
}

fn derived(stack: &Stack, prometheus: &Prometheus) -> Vec<wire::ScrapeConfig> {
    let parts = parts(stack);
    let (own, others): (Vec<_>, Vec<_>) =
        parts.iter().partition(|part| part.kind == PartKind::Prometheus || part.exporter.is_some());
    let mut jobs = Vec::new();
    for part in own {
        if shards::add_target(&mut jobs, part) {
            continue;
        }
        let mut job = simple(&part.name, &format!("{}:{}", part.name, part.port));
        if let Some(exporter) = part.exporter.map(|index| &stack.exporters[index]) {
            if exporter.scrape.as_ref().is_some_and(|wanted| !wanted.value) {
                continue;
            }
            job.job_name.clone_from(&exporter.name.value);
            job.scrape_interval = exporter.interval.as_ref().map(duration);
            job.scrape_timeout = exporter.timeout.as_ref().map(duration);
            job.metrics_path = exporter.path.as_ref().map(|path| path.value.clone());
            job.static_configs[0].labels = label_map(&exporter.labels);
            encrypt(&mut job, exporter.tls.as_deref());
            if let Some(metrics) = &exporter.metrics {
                set_path(&mut job, metrics);
                if let Some(port) = &metrics.port {
                    job.static_configs[0].targets = vec![format!("{}:{}", part.name, port.value)];
                }
            }
        } else {
            encrypt(&mut job, prometheus.tls.as_deref());
        }
        jobs.push(job);
    }
    for service in &stack.services {
        jobs.extend(service.metrics.as_ref().map(|metrics| of_service(stack, service, metrics)));
    }
    for part in others.iter().filter(|part| part.store.is_none()) {
        let mut job = simple(&part.name, &format!("{}:{}", part.name, part.port));
        match part.kind {
            PartKind::Pushgateway => {
                let Some(gateway) = &stack.pushgateway else { continue };
                if gateway.scrape.as_ref().is_some_and(|wanted| !wanted.value) {
                    continue;
                }
                // Pushed series carry the labels of the job that pushed them.
                job.honor_labels = true;
                job.scrape_interval = gateway.interval.as_ref().map(duration);
                job.scrape_timeout = gateway.timeout.as_ref().map(duration);
                encrypt(&mut job, gateway.tls.as_deref());
            }
            PartKind::Alertmanager => {
                encrypt(&mut job, stack.alertmanager.as_ref().and_then(|part| part.tls.as_deref()));
            }
            PartKind::Grafana => {
                encrypt(&mut job, stack.grafana.as_ref().and_then(|part| part.tls.as_deref()));
            }
            _ => {}
        }
        jobs.push(job);
    }
    for (index, store) in stack.stores.iter().enumerate() {
        let own: Vec<_> = others.iter().copied().filter(|part| part.store == Some(index)).collect();
        if !own.is_empty() {
            jobs.push(stores::job(stack, store, &own));
        }
    }
    jobs
}

/// Asks a part of the stack over HTTPS, if it has a certificate.
fn encrypt(job: &mut wire::ScrapeConfig, tls: Option<&ServerTls>) {
    job.scheme = tls.map(|_| wire::Scheme::Https);
    job.tls_config = tls.map(|tls| trust_own(tls.cert.as_str()));
}

fn simple(name: &str, target: &str) -> wire::ScrapeConfig {
    wire::ScrapeConfig {
        job_name: name.to_owned(),
        static_configs: vec![wire::StaticConfig {
            targets: vec![target.to_owned()],
            ..wire::StaticConfig::default()
        }],
        ..wire::ScrapeConfig::default()
    }
}

fn set_path(job: &mut wire::ScrapeConfig, metrics: &Metrics) {
    let path = metrics.path.as_ref().map(|path| path.value.as_str());
    job.metrics_path = path.filter(|path| *path != "/metrics").map(str::to_owned);
    if let Some(scheme) = &metrics.scheme {
        job.scheme = self::scheme(scheme.as_str());
    }
}

fn scheme(text: &str) -> Option<wire::Scheme> {
    text.eq_ignore_ascii_case("https").then_some(wire::Scheme::Https)
}

/// Port of a service's metrics page: said, or the first that may speak HTTP, or the first.
pub(super) fn metrics_port(service: &Service) -> u16 {
    let said = service.metrics.as_ref().and_then(|metrics| metrics.port.as_ref());
    let ports = || {
        let published =
            service.ports.iter().map(|port| (port.number.value, port.protocol.as_ref()));
        let exposed =
            service.exposes.iter().map(|port| (port.number.value, port.protocol.as_ref()));
        published.chain(exposed)
    };
    let http = |(_, protocol): &(u16, Option<&Spanned<Protocol>>)| {
        protocol.is_none_or(|protocol| speaks_http(protocol.value))
    };
    said.map(|port| port.value)
        .or_else(|| ports().find(http).or(ports().next()).map(|(port, _)| port))
        .unwrap_or(80)
}

/// The plain HTTP port of a service that passes requests on.
pub(super) fn proxy_port(service: &Service) -> u16 {
    let mut ports = service.ports.iter().map(|port| port.number.value);
    match ports.clone().any(|port| port == 80) {
        true => 80,
        false => ports.find(|port| *port != 443).unwrap_or(80),
    }
}

fn of_service(stack: &Stack, service: &Service, metrics: &Metrics) -> wire::ScrapeConfig {
    let name = &service.name.value;
    let via = metrics.via.as_ref().map(|via| {
        let port = stack.service(via.as_str()).map_or(80, |proxy| proxy_port(proxy));
        format!("{}:{port}", via.value)
    });
    let port = metrics_port(service);
    let mut job = simple(name, &via.clone().unwrap_or_else(|| format!("{name}:{port}")));
    set_path(&mut job, metrics);
    if service.replicas.as_ref().is_none_or(|replicas| replicas.value <= 1) {
        return job;
    }
    // The network's DNS answers with the address of every replica.
    let behind = stack.service(name).and_then(|service| service.exposes.first());
    let port = behind.filter(|_| via.is_some()).map_or(port, |expose| expose.number.value);
    job.static_configs.clear();
    job.dns_sd_configs = vec![wire::DnsSd {
        names: vec![name.clone()],
        kind: Some(wire::DnsRecord::A),
        port: Some(port),
        refresh_interval: None,
    }];
    if let Some(via) = via {
        // Each is asked for through the proxy, which is told whom to ask.
        let step = |target: &str, replacement: Option<&str>| wire::RelabelConfig {
            source_labels: match replacement {
                Some(_) => Vec::new(),
                None => vec!["__address__".to_owned()],
            },
            target_label: Some(target.to_owned()),
            replacement: replacement.map(str::to_owned),
            ..wire::RelabelConfig::default()
        };
        job.relabel_configs = vec![
            step("instance", None),
            step("__param_replica", None),
            step("__address__", Some(&via)),
        ];
    }
    job
}

/// Changes a job by what a `scrape` node says.
fn apply(stack: &Stack, scrape: &Scrape, job: &mut wire::ScrapeConfig) {
    let Scrape {
        job: _,
        interval,
        timeout,
        port,
        path,
        scheme,
        targets,
        file_sd,
        dns_sd,
        http_sd,
        params,
        labels,
        honor_labels,
        honor_timestamps,
        relabel: relabel_steps,
        metric_relabel,
        sample_limit,
        label_limit,
        target_limit,
        body_size_limit,
        user,
        password,
        bearer_token,
        tls,
        follow_redirects,
        series: _,
        expected_targets: _,
        sharded: _,
        enabled: _,
    } = scrape;
    set(&mut job.scrape_interval, interval.as_ref().map(duration));
    set(&mut job.scrape_timeout, timeout.as_ref().map(duration));
    set(&mut job.metrics_path, path.as_ref().map(|path| path.value.clone()));
    if let Some(scheme) = scheme {
        job.scheme = self::scheme(scheme.as_str());
    }
    if let Some(port) = port {
        let targets = job.static_configs.iter_mut().flat_map(|group| &mut group.targets);
        for target in targets {
            let host = host_of(target);
            *target = format!("{host}:{}", port.value);
        }
        for discovery in &mut job.dns_sd_configs {
            discovery.port = Some(port.value);
        }
    }
    if !(targets.is_empty() && file_sd.is_none() && dns_sd.is_empty() && http_sd.is_empty()) {
        job.static_configs.clear();
        job.dns_sd_configs.clear();
    }
    for group in targets {
        let port = port.as_ref().map(|port| port.value);
        let target = |text: &Spanned<String>| match (port, text.contains(':')) {
            // What another is asked about is the user's to say.
            _ if scrape.asks_another() => text.value.clone(),
            (Some(port), false) => {
                let host = address(stack, text.as_str(), true);
                format!("{}:{port}", host_of(&host))
            }
            _ => address(stack, text.as_str(), true),
        };
        job.static_configs.push(wire::StaticConfig {
            targets: group.addresses.iter().map(target).collect(),
            labels: label_map(&group.labels),
        });
    }
    if let Some(discovery) = file_sd {
        let inside = |pattern: &Spanned<String>| {
            let (folder, file) = split_pattern(pattern.as_str());
            format!("{}/{file}", file_sd_folder(folder))
        };
        job.file_sd_configs.push(wire::FileSd {
            files: discovery.files.iter().map(inside).collect(),
            refresh_interval: discovery.refresh_interval.as_ref().map(duration),
        });
    }
    job.dns_sd_configs.extend(dns_sd.iter().map(|discovery| dns(discovery)));
    job.http_sd_configs.extend(http_sd.iter().map(|discovery| wire::HttpSd {
        url: discovery.url.value.clone(),
        refresh_interval: discovery.refresh_interval.as_ref().map(duration),
        ..wire::HttpSd::default()
    }));
    for param in params {
        let values = param.values.iter().map(|value| value.value.clone()).collect();
        job.params.insert(param.name.value.clone(), values);
    }
    for (name, value) in labels {
        for group in &mut job.static_configs {
            group.labels.insert(name.value.clone(), value.value.clone());
        }
        if job.static_configs.is_empty() {
            // Discovered targets get their labels by relabelling.
            job.relabel_configs.push(wire::RelabelConfig {
                target_label: Some(name.value.clone()),
                replacement: Some(value.value.clone()),
                ..wire::RelabelConfig::default()
            });
        }
    }
    if let Some(honor) = honor_labels {
        job.honor_labels = honor.value;
    }
    set(&mut job.honor_timestamps, honor_timestamps.as_ref().map(|flag| flag.value));
    job.relabel_configs.extend(relabel_steps.iter().map(relabel));
    job.metric_relabel_configs.extend(metric_relabel.iter().map(relabel));
    set(&mut job.sample_limit, sample_limit.as_ref().map(|limit| limit.value));
    set(&mut job.label_limit, label_limit.as_ref().map(|limit| limit.value));
    set(&mut job.target_limit, target_limit.as_ref().map(|limit| limit.value));
    set(&mut job.body_size_limit, body_size_limit.as_ref().map(|size| wire::ByteSize(size.bytes)));
    set(&mut job.basic_auth, basic_auth(stack, user.as_ref(), password.as_ref()));
    if bearer_token.is_some() && user.is_none() {
        // One way to log in: the one that is said.
        job.basic_auth = None;
    }
    set(&mut job.authorization, bearer(stack, bearer_token.as_ref()));
    job.tls_config = trust_as_said(job.tls_config.take(), tls.as_deref());
    set(&mut job.follow_redirects, follow_redirects.as_ref().map(|flag| flag.value));
}

fn set<T>(setting: &mut Option<T>, said: Option<T>) {
    if said.is_some() {
        *setting = said;
    }
}

fn dns(discovery: &DnsSd) -> wire::DnsSd {
    let kind = discovery.kind.as_ref().map(|kind| kind.to_ascii_uppercase());
    wire::DnsSd {
        names: discovery.names.iter().map(|name| name.value.clone()).collect(),
        kind: match kind.as_deref() {
            Some("A") => Some(wire::DnsRecord::A),
            Some("AAAA") => Some(wire::DnsRecord::Aaaa),
            Some("MX") => Some(wire::DnsRecord::Mx),
            Some("NS") => Some(wire::DnsRecord::Ns),
            _ => None,
        },
        port: discovery.port.as_ref().map(|port| port.value),
        refresh_interval: discovery.refresh_interval.as_ref().map(duration),
    }
}

fn federation(stack: &Stack, federate: &Federate) -> wire::ScrapeConfig {
    let Federate {
        job,
        target,
        matches,
        interval,
        timeout,
        path,
        scheme,
        honor_labels,
        labels,
        user,
        password,
        tls,
        series: _,
    } = federate;
    let path = path.as_ref().map_or("/federate", |path| path.as_str());
    let mut config = simple(job.as_str(), &address(stack, target.as_str(), true));
    config.static_configs[0].labels = label_map(labels);
    config.metrics_path = Some(path.to_owned());
    config.honor_labels = honor_labels.as_ref().is_none_or(|honor| honor.value);
    config.scrape_interval = interval.as_ref().map(duration);
    config.scrape_timeout = timeout.as_ref().map(duration);
    config.scheme = scheme.as_ref().and_then(|scheme| self::scheme(scheme.as_str()));
    config.params.insert(
        "match[]".to_owned(),
        matches.iter().map(|selector| selector.value.clone()).collect(),
    );
    config.basic_auth = basic_auth(stack, user.as_ref(), password.as_ref());
    config.tls_config = tls.as_ref().map(|tls| client_tls(tls));
    config
}

/// How often a job is scraped: its own interval, or the common one, or Prometheus' minute.
pub fn interval_of(job: &wire::ScrapeConfig, prometheus: &Prometheus) -> PromDuration {
    let common = |text: &Spanned<DurationText>| duration(text);
    job.scrape_interval
        .or_else(|| prometheus.scrape_interval.as_ref().map(common))
        .unwrap_or(PromDuration::from_secs(60))
}
