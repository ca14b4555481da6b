//! A feature flag that no Prometheus knows.

use super::{Input, Rule, did_you_mean, mending};
use crate::diag::{Findings, Severity, most_similar};

pub(super) const RULE: Rule = Rule {
    code: "S218",
    name: "unknown-feature",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// Names that `--enable-feature` of Prometheus has or had.
const FEATURES: [&str; 36] = [
    "agent",
    "auto-gomaxprocs",
    "auto-gomemlimit",
    "auto-reload-config",
    "concurrent-rule-eval",
    "created-timestamp-zero-ingestion",
    "delayed-compaction",
    "exemplar-storage",
    "expand-external-labels",
    "extra-scrape-metrics",
    "fast-startup",
    "memory-snapshot-on-shutdown",
    "metadata-wal-records",
    "native-histograms",
    "new-service-discovery-manager",
    "no-default-scrape-port",
    "old-ui",
    "otlp-deltatocumulative",
    "otlp-native-delta-ingestion",
    "otlp-write-receiver",
    "promql-at-modifier",
    "promql-binop-fill-modifiers",
    "promql-delayed-name-removal",
    "promql-duration-expr",
    "promql-experimental-functions",
    "promql-extended-range-selectors",
    "promql-negative-offset",
    "promql-per-step-stats",
    "remote-write-receiver",
    "st-storage",
    "start-timestamp-zero-ingestion",
    "type-and-unit-labels",
    "use-start-timestamps",
    "use-uncached-io",
    "utf8-names",
    "xor2-encoding",
];

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    for said in &prometheus.features {
        for name in said.split(',').map(str::trim) {
            if FEATURES.contains(&name) {
                continue;
            }
            let finding = RULE
                .says(format!("Prometheus has no feature flag `{name}`"))
                .at(said.span, "not known")
                .help(match most_similar(name, FEATURES) {
                    Some(similar) => format!("did you mean `{similar}`?"),
                    None => did_you_mean(name, FEATURES, "feature flags"),
                });
            let place = said.span;
            findings.push(mending::rename_to_similar(finding, files, place, name, FEATURES));
        }
    }
}

const EXPLAIN: &str = r##"Prometheus starts with an unknown feature flag, and says so in one line of its log: what the flag was to
switch on stays off.

    prometheus { features "promql-experimental-function" }
    prometheus { features "promql-experimental-functions" }"##;
