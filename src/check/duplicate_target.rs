//! Two jobs scrape one page.

use std::collections::HashMap;

use super::topology::Topology;
use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};
use crate::manifest::address::split_address;
use crate::manifest::{Block, Scrape, Stack};

pub(super) const RULE: Rule = Rule {
    code: "S204",
    name: "duplicate-target",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// A page that a job asks for.
struct Page<'a> {
    job: &'a str,
    host: String,
    port: u16,
    path: &'a str,
    span: Span,
}

const METRICS: &str = "/metrics";

fn check(Input { stack, topology, .. }: &Input<'_>, findings: &mut Findings) {
    let pages = pages(stack, topology);
    // Of each page the first that asks for it, and the first of another job.
    let mut asked: HashMap<(&str, u16, &str), Vec<&Page<'_>>> = HashMap::new();
    for page in &pages {
        let before = asked.entry((&page.host, page.port, page.path)).or_default();
        let first = before.iter().find(|other| other.job != page.job).copied();
        if before.len() < 2 && before.iter().all(|other| other.job != page.job) {
            before.push(page);
        }
        let Some(first) = first else { continue };
        let Page { job, host, port, path, span } = page;
        findings.push(
            RULE.says(format!(
                "{host}:{port}{path} is scraped twice: by `{}` and by `{job}`",
                first.job
            ))
            .at(*span, "again here")
            .also(first.span, "first here")
            .help(format!(
                "sums over both jobs count everything twice; keep one of them, or change the \
                     derived one: `scrape \"{}\" …`",
                first.job
            )),
        );
    }
}

/// Pages of derived jobs, then those of jobs of the user's own. Jobs whose requests have parameters
/// or whose targets are relabelled may ask one address for different things: they are left out.
fn pages<'a>(stack: &'a Stack, topology: &Topology<'_>) -> Vec<Page<'a>> {
    let Some(prometheus) = &stack.prometheus else { return Vec::new() };
    let mut pages = Vec::new();
    let changed = |job: &str| prometheus.scrapes.iter().find(|scrape| scrape.job.value == job);
    let mut derived = |job: &'a str, host: String, port: Option<u16>, path: &'a str, span: Span| {
        let scrape = changed(job);
        if scrape.is_some_and(|scrape| !is_plain(scrape) || !scrape.targets.is_empty()) {
            return;
        }
        let port = scrape.and_then(|scrape| scrape.port.as_ref()).map(|port| port.value).or(port);
        let path =
            scrape.and_then(|scrape| scrape.path.as_ref()).map_or(path, |path| path.as_str());
        if let Some(port) = port {
            pages.push(Page { job, host, port, path, span });
        }
    };
    let first = |host: &str| topology.host(host)?.listens.first().map(|listen| listen.port);
    derived("prometheus", "prometheus".to_owned(), first("prometheus"), METRICS, prometheus.span());
    for exporter in &stack.exporters {
        let metrics = exporter.metrics.as_ref();
        let port = metrics.and_then(|metrics| metrics.port.as_ref()).map(|port| port.value);
        let path = metrics.and_then(|metrics| metrics.path.as_ref()).or(exporter.path.as_ref());
        let path = path.map_or(METRICS, |path| path.as_str());
        let port = port.or_else(|| first(&exporter.host()));
        if exporter.scrape.as_ref().is_none_or(|wanted| wanted.value) {
            derived(&exporter.name, exporter.host(), port, path, exporter.name.span);
        }
    }
    for service in &stack.services {
        let Some(metrics) = &service.metrics else { continue };
        // Replicas are asked one by one, and what another service passes on is asked of that.
        if metrics.via.is_some() || service.replicas.as_ref().is_some_and(|number| number.value > 1)
        {
            continue;
        }
        let port = metrics.port.as_ref().map(|port| port.value).or_else(|| first(&service.name));
        let path = metrics.path.as_ref().map_or(METRICS, |path| path.as_str());
        derived(&service.name, service.name.value.clone(), port, path, service.name.span);
    }
    let parts = [
        (stack.pushgateway.as_ref().map(Block::span), "pushgateway"),
        (stack.alertmanager.as_ref().map(Block::span), "alertmanager"),
        (stack.grafana.as_ref().map(Block::span), "grafana"),
    ];
    let gateway = stack.pushgateway.as_ref().and_then(|gateway| gateway.scrape.as_ref());
    for (span, name) in parts {
        let off = name == "pushgateway" && gateway.is_some_and(|wanted| !wanted.value);
        if let Some(span) = span.filter(|_| !off) {
            derived(name, name.to_owned(), first(name), METRICS, span);
        }
    }
    for scrape in prometheus.scrapes.iter().filter(|scrape| is_plain(scrape)) {
        let path = scrape.path.as_ref().map_or(METRICS, |path| path.as_str());
        for address in scrape.targets.iter().flat_map(|target| &target.addresses) {
            let Some((host, port)) = split_address(address) else { continue };
            let known = topology.resolve(host);
            let port = port
                .or(scrape.port.as_ref().map(|port| port.value))
                .or_else(|| known?.listens.first().map(|listen| listen.port));
            let host = known.map_or_else(|| host.to_owned(), |known| known.name.clone());
            if let Some(port) = port {
                pages.push(Page { job: &scrape.job, host, port, path, span: address.span });
            }
        }
    }
    pages
}

fn is_plain(scrape: &Scrape) -> bool {
    scrape.params.is_empty()
        && scrape.relabel.is_empty()
        && scrape.enabled.as_ref().is_none_or(|wanted| wanted.value)
}

const EXPLAIN: &str = r##"A page that two jobs scrape gives every series twice, under two names of `job`: sums count double, an alert fires
twice, and the store holds everything two times. Jobs of exporters, of services with `metrics` and of the
monitoring parts are derived; nobody has to write them.

    exporter "node"
    prometheus { scrape "machines" { target "node-exporter:9100" } }

Leave one of them out. To change a derived job, write a `scrape` node of its name: `scrape "node" interval="30s"`.
Jobs with `param` or `relabel` ask one address for different things and are not compared."##;
