//! Samples leave the server without saying where they come from.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S911",
    name: "missing-external-labels",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    if !prometheus.external_labels.is_empty() {
        return;
    }
    let adds = |step: &crate::manifest::Relabel| step.target_label.is_some();
    let mut plain = prometheus.remote_write.iter().filter(|write| {
        // A store of this stack may have this one writer; what is no address is the business of S214.
        stack.store(&write.url).is_none()
            && write.url.contains("://")
            && !write.write_relabel.iter().any(|step| adds(step))
    });
    let Some(first) = plain.next() else { return };
    let mut finding = RULE
        .says(format!("samples go to `{}` without a label of this server", first.url))
        .at(first.url.span, "others may write there as well")
        .help("say which site it is: `external_labels dc=\"eu\"`");
    for further in plain {
        finding = finding.also(further.url.span, "and there");
    }
    findings.push(finding);
}

const EXPLAIN: &str = r##"A store that several servers write to tells their series apart by their external labels. Two sites whose exporters have
the same names write one series in turns: samples are refused as out of order, and graphs jump.

    prometheus { remote_write "https://store.example.com/api/v1/write" }

Give each server labels of its own: `external_labels dc="eu" replica="a"`."##;
