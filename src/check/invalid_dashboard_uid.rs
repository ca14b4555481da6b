//! An identifier of a dashboard that Grafana refuses.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S515",
    name: "invalid-dashboard-uid",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

/// Most characters of an identifier.
const LONGEST: usize = 40;

fn check(Input { boards, .. }: &Input<'_>, findings: &mut Findings) {
    for board in &boards.all {
        let uid = &board.uid;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let length = uid.value.chars().count();
        let finding = if length > LONGEST {
            RULE.says(format!("the uid of dashboard `{}` has {length} characters", board.title()))
                .at(uid.span, format!("at most {LONGEST}"))
        } else if let Some(c) = uid.value.trim().chars().find(|c| !allowed(*c)) {
            RULE.says(format!("the uid of dashboard `{}` has a `{c}` in it", board.title()))
                .at(uid.span, "only letters, digits, `-` and `_`")
        } else {
            continue;
        };
        findings.push(finding.help("Grafana leaves such a dashboard out; choose another `uid`"));
    }
}

const EXPLAIN: &str = r##"Grafana takes identifiers of at most 40 characters: letters, digits, `-` and `_`. A dashboard with another
one is left out, and only Grafana's log says so.

    dashboard "Traffic" uid="shop/traffic"                // `/` is not allowed: `shop-traffic`

A `uid` in the manifest replaces the one in a file."##;
