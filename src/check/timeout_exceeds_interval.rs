//! A scrape may take longer than the time to the next one.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Spanned};
use crate::manifest::DurationText;

pub(super) const RULE: Rule = Rule {
    code: "S201",
    name: "timeout-exceeds-interval",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let settings = stack.prometheus.as_ref();
    let interval = settings.and_then(|prometheus| prometheus.scrape_interval.as_ref());
    let mut compare = |timeout: Option<&Spanned<DurationText>>,
                       own: Option<&Spanned<DurationText>>,
                       what: &str| {
        let Some(timeout) = timeout else { return };
        let effective = own.or(interval);
        let (text, ms) =
            effective.map_or(("1m", 60_000), |interval| (interval.text.as_str(), interval.ms));
        if timeout.ms <= ms {
            return;
        }
        let mut finding = RULE
            .says(format!(
                "{what}: the timeout {} is longer than the interval {text}",
                timeout.text
            ))
            .at(timeout.span, "longer than the interval")
            .help(format!("at most `{text}`"));
        if let Some(interval) = effective {
            finding = finding.also(interval.span, "the interval");
        }
        findings.push(finding);
    };
    if let Some(prometheus) = settings {
        compare(prometheus.scrape_timeout.as_ref(), None, "prometheus");
        for scrape in &prometheus.scrapes {
            let what = format!("scrape job `{}`", scrape.job);
            compare(scrape.timeout.as_ref(), scrape.interval.as_ref(), &what);
        }
        for federate in &prometheus.federate {
            let what = format!("federation job `{}`", federate.job);
            compare(federate.timeout.as_ref(), federate.interval.as_ref(), &what);
        }
    }
    for exporter in &stack.exporters {
        let what = format!("exporter `{}`", exporter.name);
        compare(exporter.timeout.as_ref(), exporter.interval.as_ref(), &what);
    }
    if let Some(gateway) = &stack.pushgateway {
        compare(gateway.timeout.as_ref(), gateway.interval.as_ref(), "pushgateway");
    }
}

const EXPLAIN: &str = r##"Prometheus refuses a configuration in which a scrape may take longer than the time to the next scrape.

    scrape "app" interval="15s" timeout="30s"

Shorten the timeout, or scrape less often."##;
