//! An allowance that allows nothing. Found last, when all other findings are known.

use std::collections::HashSet;

use super::allowances::{self, Allowance};
use super::levels::{is_essential, is_known, matches};
use super::{Input, Rule, mending, unused_declaration};
use crate::diag::{Findings, Severity, Span, Spanned};
use crate::manifest::Stack;

pub(super) const RULE: Rule = Rule {
    code: "S018",
    name: "unused-allowance",
    severity: Severity::Warning,
    explain: EXPLAIN,
    // What is allowed is known when all other rules have had their say: see `find`.
    check: |_, _| {},
};

/// Codes of the findings about what is there for nothing, in the profile that was looked at.
pub const UNUSED: [&str; 2] = [unused_declaration::RULE.code, RULE.code];

/// Places in a stack that such a finding can be about, those in comments left out.
pub fn idle_places(stack: &Stack) -> HashSet<Span> {
    let Stack { secrets, networks, externals, lint, .. } = stack;
    let names = secrets.iter().map(|secret| secret.name.span);
    names
        .chain(stack.volumes().map(|volume| volume.span))
        .chain(networks.iter().map(|network| network.name.span))
        .chain(externals.iter().map(|external| external.name.span))
        .chain(lint.iter().flat_map(|lint| &lint.allow).map(|word| word.span))
        .collect()
}

/// Adds a finding for each allowance that none of the findings needs.
pub(super) fn find(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    // Behind an error of reading most rules have nothing to look at.
    if findings.iter().any(is_essential) {
        return;
    }
    let allowances = allowances::read(files);
    let mut unused = Findings::default();
    for allowance in allowances.iter().filter(|allowance| allowance.fault.is_none()) {
        let Allowance { comment, words, .. } = allowance;
        let idle = |word: &&Spanned<String>| {
            is_known(word)
                && !findings
                    .iter()
                    .any(|finding| allowance.is_about(finding) && matches(word, finding))
        };
        let idle: Vec<&Spanned<String>> = words.iter().filter(idle).collect();
        let whole = idle.len() == words.len();
        for (at, word) in idle.iter().enumerate() {
            let finding = RULE
                .says(format!("nothing is found here that `{word}` would allow"))
                .at(word.span, "allows nothing");
            let help = if whole { "remove the comment" } else { "remove the word" };
            let finding = finding.help(help);
            unused.push(match (whole, at) {
                (true, 0) => finding.replace(help, comment.removal, ""),
                (true, _) => finding,
                (false, _) => {
                    // With the space before it.
                    let before = Span { start: word.span.start - 1, len: 1, ..word.span };
                    finding.replace(help, before.to(word.span), "")
                }
            });
        }
    }
    let lint = stack.lint.iter().flat_map(|lint| &lint.allow);
    for word in lint.filter(|word| is_known(word)) {
        if !findings.iter().chain(&unused).any(|finding| matches(word, finding)) {
            let finding = RULE
                .says(format!("nothing is found that `{word}` would allow"))
                .at(word.span, "allows nothing")
                .help("remove it, so that it does not hide a later mistake");
            unused.push(match mending::word(files, word.span) {
                Some(removed) => finding.replace("remove it", removed, ""),
                None => finding,
            });
        }
    }
    findings.extend(unused);
}

const EXPLAIN: &str = r##"A rule is allowed where it finds nothing. What was allowed has been mended, or the comment stands in the wrong place;
either way it would hide the next mistake.

    retention time="30d" // stackctl: allow S108 reason="a leftover"
    retention time="30d"

An allowance is a comment, `// stackctl: allow S108 reason="behind a firewall"` in KDL and `# stackctl: allow …` in YAML, with one or
several codes, names or groups. Behind something it holds for what begins on its line; on a line of its own it holds for what follows
with everything in it: the next node in KDL, the next line with all that is indented further in YAML. `lint allow="S108"` holds for the
whole stack. Errors of reading (`S0…`) cannot be allowed. Where a stack has profiles, only what no profile needs is reported."##;
