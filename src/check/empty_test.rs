//! A test that asks nothing.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule =
    Rule { code: "S433", name: "empty-test", severity: Severity::Warning, explain: EXPLAIN, check };

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    const HELP: &str = "say what is so at a moment: `at \"5m\" { fires \"Name\" }`";
    for test in &stack.tests {
        if test.at.is_empty() {
            findings.push(
                RULE.says(format!("test `{}` asks nothing and always passes", test.name))
                    .at(test.name.span, "no `at`")
                    .help(HELP),
            );
        }
        for at in &test.at {
            if at.fires.is_empty() && at.silent.is_none() && at.query.is_empty() {
                findings.push(
                    RULE.says(format!("test `{}` asks nothing at {}", test.name, at.time.text))
                        .at(at.time.span, "nothing is expected")
                        .help(HELP),
                );
            }
        }
    }
}

const EXPLAIN: &str = r#"A test without an expectation passes whatever the rules do.

    test "down" { series "up" "0x5"; at "3m" }

Say what fires, what is silent, or what a query gives."#;
