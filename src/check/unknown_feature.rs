//! A feature flag that no Prometheus knows.

use super::{Input, Rule, did_you_mean, mending};
use crate::diag::{Findings, Severity, most_similar};
use crate::manifest::versions::PROMETHEUS_FLAGS as FEATURES;

pub(super) const RULE: Rule = Rule {
    code: "S218",
    name: "unknown-feature",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

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
