//! A remote write queue cannot send what is scraped.

use super::capacity::{Basis, Capacity};
use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S908",
    name: "queue-too-small",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// What Prometheus has when nothing is said.
const MAX_SHARDS: u64 = 50;
const MAX_SAMPLES_PER_SEND: u64 = 2000;
/// Requests a second of one connection to a receiver on another machine.
const REQUESTS_PER_SECOND: f64 = 10.0;

fn check(Input { stack, known, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    if prometheus.remote_write.iter().all(|write| write.queue.is_none()) {
        return;
    }
    let capacity = Capacity::from(stack, known);
    let rate = capacity.samples_per_second / capacity.shards as f64;
    let guessed = capacity.jobs.first().is_some_and(|job| job.basis == Basis::Guess);
    for write in &prometheus.remote_write {
        let Some(queue) = &write.queue else { continue };
        let number = |said: &Option<crate::diag::Spanned<u64>>, usual: u64| {
            said.as_ref().map_or(usual, |said| said.value)
        };
        let connections = number(&queue.max_shards, MAX_SHARDS);
        let batch = number(&queue.max_samples_per_send, MAX_SAMPLES_PER_SEND);
        let most = connections as f64 * batch as f64 * REQUESTS_PER_SECOND;
        // Steps that leave series out may be what makes it enough.
        if rate <= most || most == 0.0 || !write.write_relabel.is_empty() {
            continue;
        }
        let said = [&queue.max_shards, &queue.max_samples_per_send].into_iter().flatten();
        let Some(place) = said.map(|said| said.span).next() else { continue };
        let mut finding = RULE
            .says(format!(
                "remote write to `{}` sends at most about {most:.0} samples a second, and about {rate:.0} come",
                write.url
            ))
            .at(place, format!("{connections} connections with {batch} samples in a request"))
            .help("allow more: `max_shards` and `max_samples_per_send`; `stackctl capacity` shows what comes");
        if guessed {
            finding.severity = Severity::Info;
        }
        findings.push(finding);
    }
}

const EXPLAIN: &str = r##"A queue sends as many requests at once as it has shards, each with `max_samples_per_send` samples; a connection to
another machine makes about ten requests a second. What comes faster waits in the log, and is lost two hours later.

    prometheus {
        scrape "machines" { target "a:9100"; series 40000; interval "10s" }
        remote_write "https://store.example.com/api/v1/write" { queue max_shards=1 max_samples_per_send=100 }
    }

Allow more connections or larger requests; with neither written Prometheus has 50 and 2,000."##;
