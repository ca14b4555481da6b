//! Scrapes are so far apart that series vanish between them.

use std::time::Duration;

use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::model::format_duration;

pub(super) const RULE: Rule = Rule {
    code: "S202",
    name: "interval-beyond-lookback",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// How far a query looks back for a sample, unless the stack says otherwise.
const LOOKBACK_MS: i64 = 5 * 60_000;

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    let own = prometheus.query.as_ref().and_then(|query| query.lookback_delta.as_ref());
    let (lookback, text) = own.map_or((LOOKBACK_MS, "5m"), |own| (own.ms, own.text.as_str()));
    let jobs = prometheus.scrapes.iter().map(|scrape| &scrape.interval);
    let federation = prometheus.federate.iter().map(|federate| &federate.interval);
    let exporters = stack.exporters.iter().map(|exporter| &exporter.interval);
    // What a group records is a series like any other.
    let groups = stack.rules.iter().filter(|group| group.records().next().is_some());
    let groups = groups.map(|group| &group.interval);
    let all = std::iter::once(&prometheus.scrape_interval)
        .chain(jobs)
        .chain(federation)
        .chain(exporters)
        .chain(groups)
        .flatten();
    for interval in all.filter(|interval| interval.ms >= lookback) {
        findings.push(
            RULE.says(format!("an interval of {} leaves gaps in every series", interval.text))
                .at(interval.span, "no shorter than the lookback")
                .help(format!(
                    "a query looks back {text}; scrape or record at least every `{}`, so that one lost \
                     scrape does no harm",
                    format_duration(Duration::from_millis(lookback.max(0).unsigned_abs() * 2 / 5))
                )),
        );
    }
}

const EXPLAIN: &str = r##"An instant query uses the newest sample of the last five minutes. With longer intervals each series
comes and goes, alerts flap and graphs have holes.

    prometheus { scrape_interval "10m" }

The same holds for groups of recording rules. Scrape every two minutes or more often, so that one lost scrape does no harm."##;
