//! The samples of the retention's time do not fit into its size.

use super::capacity::{Basis, Capacity};
use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S701",
    name: "disk-estimate",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, known, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(retention) = stack.prometheus.as_ref().and_then(|part| part.retention.as_ref()) else {
        return;
    };
    let (Some(time), Some(size)) = (&retention.time, &retention.size) else { return };
    let capacity = Capacity::from(stack, known);
    let engine = Capacity::engine(stack);
    let (limit, kept) = (size.bytes as f64, time.ms);
    let needed = engine.disk(capacity.samples_per_second / capacity.shards as f64, kept);
    if needed <= limit || time.ms <= 0 || size.bytes == 0 {
        return;
    }
    let Some(first) = capacity.jobs.first() else { return };
    let lasts = kept as f64 * limit / needed;
    let mut finding = RULE
        .says(format!(
            "{} of samples need about {}, and {} are allowed: the oldest go after about {}",
            time.text,
            amount(needed),
            size.text,
            days(lasts)
        ))
        .at(size.span, "less than the samples of that time need")
        .also(time.span, "kept so long")
        .help(format!(
            "about {:.0} series give {:.0} samples a second of {} B; the costliest job is `{}` with {:.0} %; \
             allow more, keep less, or see `stackctl capacity`",
            capacity.series,
            capacity.samples_per_second,
            engine.sample_bytes[0],
            first.job,
            100.0 * first.samples_per_second / capacity.samples_per_second
        ));
    if let Some(place) = first.place {
        finding = finding.also(place, "the costliest job");
    }
    // What rests on guesses alone is worth knowing and no more.
    let sure: f64 = capacity
        .jobs
        .iter()
        .map(|job| {
            let known = job.shares.iter().filter(|share| share.basis != Basis::Guess);
            let part: f64 = known.map(|share| share.series).sum();
            job.samples_per_second * part / job.series_per_target.max(1.0)
        })
        .sum();
    if engine.disk(sure / capacity.shards as f64, kept) <= limit {
        finding.severity = Severity::Info;
    }
    findings.push(finding);
}

fn amount(bytes: f64) -> String {
    let (value, unit) = match bytes {
        bytes if bytes >= 0.1 * 1024.0_f64.powi(4) => (bytes / 1024.0_f64.powi(4), "TB"),
        bytes if bytes >= 0.1 * 1024.0_f64.powi(3) => (bytes / 1024.0_f64.powi(3), "GB"),
        bytes => (bytes / 1024.0_f64.powi(2), "MB"),
    };
    format!("{value:.1} {unit}")
}

fn days(ms: f64) -> String {
    let days = ms / 86_400_000.0;
    if days < 1.5 { format!("{:.0} hours", days * 24.0) } else { format!("{days:.0} days") }
}

const EXPLAIN: &str = r##"Of the two limits of the retention the one that is reached first counts. Where the size is, samples are gone long
before the time that was asked for, and graphs and objectives end too early.

    exporter "node"
    prometheus { scrape_interval "15s"; retention time="30d" size="200MB" }

About 1,700 series of the node exporter and 800 of Prometheus itself, every 15 seconds, at 1.5 bytes a sample, are
0.6 GB in 30 days. Allow more (`size="1GB"`), keep less, scrape less often, or drop what nobody looks at with
`metric_relabel`. `stackctl capacity` shows what costs most; where it guesses, `series=` at the metric, the exporter or
the scrape job tells it better."##;
