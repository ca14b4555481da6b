//! A saved metrics page cannot be read.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S216",
    name: "unreadable-page",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { known, files, .. }: &Input<'_>, findings: &mut Findings) {
    for (place, reason) in &known.unreadable {
        let name = files.text(*place).trim_matches(['"', '#', '\'']);
        findings.push(
            RULE.says(format!("the saved page `{name}` cannot be read: {reason}"))
                .at(*place, "this file")
                .help("save one with `curl`: what a service answers under `/metrics`"),
        );
    }
}

const EXPLAIN: &str = r##"`metrics from=` names a saved metrics page, relative to the manifest, from which the lint learns which
metrics a service has. The file is not there, or it is no page in the format of Prometheus or
OpenMetrics.

    service "api" { image "api:1"; metrics from="api-metrics.txt" }

    $ curl -s http://localhost:8080/metrics > api-metrics.txt"##;
