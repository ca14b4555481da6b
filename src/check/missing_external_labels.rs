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
    for write in &prometheus.remote_write {
        // A store of this stack may have this one writer.
        if stack.store(&write.url).is_some() {
            continue;
        }
        let adds = |step: &crate::manifest::Relabel| step.target_label.is_some();
        if write.write_relabel.iter().any(|step| adds(step)) {
            continue;
        }
        findings.push(
            RULE.says(format!("samples go to `{}` without a label of this server", write.url))
                .at(write.url.span, "others may write there as well")
                .help("say which site it is: `external_labels dc=\"eu\"`"),
        );
    }
}

const EXPLAIN: &str = r##"A store that several servers write to tells their series apart by their external labels. Two sites whose exporters have
the same names write one series in turns: samples are refused as out of order, and graphs jump.

    prometheus { remote_write "https://store.example.com/api/v1/write" }

Give each server labels of its own: `external_labels dc="eu" replica="a"`."##;
