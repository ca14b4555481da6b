//! A level or an allowance names a rule that does not exist.

use super::levels::{is_known, known_words, what_is_meant};
use super::{Input, Rule, allowances};
use crate::diag::{Findings, Severity, Spanned, most_similar};

pub(super) const RULE: Rule =
    Rule { code: "S017", name: "unknown-rule", severity: Severity::Error, explain: EXPLAIN, check };

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    let allowances = allowances::read(files);
    let lint =
        stack.lint.iter().flat_map(|lint| lint.allow.iter().chain(&lint.deny).chain(&lint.warn));
    let comments = allowances.iter().flat_map(|allowance| &allowance.words);
    for word in lint.chain(comments).filter(|word| !is_known(word)) {
        let Spanned { value, span } = word;
        let finding = RULE
            .says(format!("there is no rule or group `{value}`"))
            .at(*span, "unknown")
            .help(what_is_meant(value));
        findings.push(match most_similar(value, known_words()) {
            // The quotes around it, if there are any, stay.
            Some(near) => {
                let written = files.text(*span);
                let start = written.find(value.as_str()).unwrap_or_default();
                let place = span.part(start..start + value.len());
                finding.replace(&format!("write `{near}`"), place, near)
            }
            None => finding,
        });
    }
}

const EXPLAIN: &str = r##"`lint allow=`, `deny=`, `warn=` and allowances in comments name rules: by code (`S108`), name
(`published-to-all-interfaces`) or group (`security`). A name that does not exist changes nothing, and what was to be refused passes.

    lint deny="securty"
    lint deny="security"

`stackctl explain` lists all rules. Groups are `structure`, `network`, `scrape`, `promql`, `alerts`, `dashboards`, `security`,
`storage`, `compose` and `scale`, after the first digit of the codes, and `warnings`: everything that is a warning.

Where several words mean one finding, the most precise one counts: a code or a name over a group, a group over `warnings`. Of equal
ones it is the later: what the command line says over what the manifest says, there the later option, and here `deny` over `warn` over `allow`.

    lint deny="security" allow="S601"           // all of the group but S601"##;
