//! A label of an alert holds the value, and so is another one at each evaluation.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::place_in;
use crate::template::{ReferenceKind, references};

pub(super) const RULE: Rule = Rule {
    code: "S404",
    name: "value-in-label",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    for group in &stack.rules {
        for alert in group.alerts() {
            let own = alert.labels.iter().map(|(name, text)| (name.as_str(), text));
            let severity = alert.severity.iter().map(|text| ("severity", text));
            // A label of the alert hides that of the group.
            let of_group = group
                .labels
                .iter()
                .map(|(name, text)| (name.as_str(), text))
                .filter(|(name, _)| alert.labels.get(name).is_none());
            for (name, text) in own.chain(severity).chain(of_group) {
                let value = references(text).into_iter().find(|found| {
                    found.kind == ReferenceKind::Value && !decides(text, found.offset)
                });
                let Some(value) = value else { continue };
                let place = place_in(files, text, value.offset..value.offset + value.len);
                findings.push(
                    RULE.says(format!(
                        "label `{name}` of alert `{}` changes with every value, and then it is \
                         another alert",
                        alert.name
                    ))
                    .at(place, "the value")
                    .help("say the value in an annotation: `summary` or `description`"),
                );
            }
        }
    }
}

/// Whether the reference only chooses what is said: `{{ if gt $value 90.0 }}critical{{ end }}`.
fn decides(text: &str, offset: usize) -> bool {
    let Some(open) = text[..offset].rfind("{{") else { return false };
    let action = text[open + 2..].trim_start_matches('-').trim_start();
    action.starts_with("if ") || action.starts_with("else if ")
}

const EXPLAIN: &str = r##"An alert is known by its labels. With the value in one of them each evaluation gives another alert: `for` is
never over, the old alert is resolved and a new one sent, and silences do not fit any more.

    alert "DiskFull" for="5m" { expr "disk_used > 80"; labels used="{{ $value }}" }
    alert "DiskFull" for="5m" { expr "disk_used > 80"; summary "{{ $value }} percent are used" }

A label that is only chosen by the value is well: `{{ if gt $value 95.0 }}critical{{ else }}warning{{ end }}`."##;
