//! A comment for stackctl that says nothing, or not why.

use super::allowances::{self, Allowance, Fault};
use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S019",
    name: "invalid-allowance",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { files, .. }: &Input<'_>, findings: &mut Findings) {
    for Allowance { comment, fault, .. } in allowances::read(files) {
        let Some(fault) = fault else { continue };
        let (message, label) = match fault {
            Fault::NotAllow => ("a comment for stackctl begins with `allow`", "something else"),
            Fault::NoRule => ("this allowance names no rule", "allows what?"),
            Fault::NoReason => ("this allowance gives no reason", "allowed why?"),
        };
        let help = "write `stackctl: allow CODE reason=\"why it is meant\"`";
        findings.push(RULE.says(message).at(comment.body, label).help(help));
    }
}

const EXPLAIN: &str = r##"A comment that begins with `stackctl:` allows a finding at its place. It names what it allows, by code, name or group,
and says why: whoever reads it next has to be able to tell whether the reason still holds.

    port 3306 bind="0.0.0.0" // stackctl: allow S108
    port 3306 bind="0.0.0.0" // stackctl: allow S108 reason="only reachable through the VPN"

`stackctl explain S018` tells what an allowance holds for."##;
