//! Two scrape jobs have one name.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};
use crate::manifest::{Block, Stack};

pub(super) const RULE: Rule = Rule {
    code: "S211",
    name: "duplicate-job",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

/// A scrape job with where it comes from.
struct Job<'a> {
    name: &'a str,
    what: &'static str,
    span: Span,
}

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let mut seen: Vec<Job<'_>> = Vec::new();
    for job in jobs(stack) {
        if let Some(first) = seen.iter().find(|known| known.name == job.name) {
            let help = match job.what {
                "service" => "rename one of them: the job of a service has its name",
                "exporter" => "rename the exporter, and say what it is with `kind`",
                _ => "rename the federation job",
            };
            findings.push(
                RULE.says(format!(
                    "two scrape jobs are called `{}`: that of this {} and that of the {}",
                    job.name, job.what, first.what
                ))
                .at(job.span, "again here")
                .also(first.span, "first here")
                .help(help),
            );
        } else {
            seen.push(job);
        }
    }
}

/// The jobs that have a name each; a `scrape` node of a derived job's name changes that one.
fn jobs(stack: &Stack) -> Vec<Job<'_>> {
    let Some(prometheus) = &stack.prometheus else { return Vec::new() };
    let mut jobs =
        vec![Job { name: "prometheus", what: "prometheus part", span: prometheus.span() }];
    let exporters = stack
        .exporters
        .iter()
        .filter(|exporter| exporter.scrape.as_ref().is_none_or(|wanted| wanted.value));
    jobs.extend(exporters.map(|exporter| Job {
        name: &exporter.name,
        what: "exporter",
        span: exporter.name.span,
    }));
    let services = stack.services.iter().filter(|service| service.metrics.is_some());
    jobs.extend(services.map(|service| Job {
        name: &service.name,
        what: "service",
        span: service.name.span,
    }));
    let scraped = |wanted: bool, name: &'static str, what: &'static str, span: Option<Span>| {
        span.filter(|_| wanted).map(|span| Job { name, what, span })
    };
    let gateway = stack.pushgateway.as_ref();
    let wanted = gateway.and_then(|part| part.scrape.as_ref()).is_none_or(|wanted| wanted.value);
    let span = gateway.map(Block::span);
    jobs.extend(scraped(wanted, "pushgateway", "pushgateway part", span));
    let span = stack.alertmanager.as_ref().map(Block::span);
    jobs.extend(scraped(true, "alertmanager", "alertmanager part", span));
    let span = stack.grafana.as_ref().map(Block::span);
    jobs.extend(scraped(true, "grafana", "grafana part", span));
    let mut off = Vec::new();
    for scrape in &prometheus.scrapes {
        let name = scrape.job.as_str();
        if scrape.enabled.as_ref().is_some_and(|wanted| !wanted.value) {
            off.push(name);
        } else if jobs.iter().all(|job| job.name != name) {
            jobs.push(Job { name, what: "scrape node", span: scrape.job.span });
        }
    }
    jobs.retain(|job| !off.contains(&job.name));
    jobs.extend(prometheus.federate.iter().map(|federate| Job {
        name: &federate.job,
        what: "federation node",
        span: federate.job.span,
    }));
    jobs
}

const EXPLAIN: &str = r##"Prometheus refuses two scrape jobs of one name. Jobs are derived from exporters, from services with `metrics`
and from the monitoring parts; a `scrape` node of such a name changes that job, a federation job does not.

    exporter "node"
    prometheus { federate "node" target="prom-eu:9090" match=#"{job="node"}"# }

Rename one of them."##;
