//! A stack has tests, and an alert that none of them names.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::Stack;

pub(super) const RULE: Rule = Rule {
    code: "S421",
    name: "untested-alert",
    severity: Severity::Info,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, routing, .. }: &Input<'_>, findings: &mut Findings) {
    if stack.tests.is_empty() {
        return;
    }
    let tested = names(stack);
    // A test that could not be read as a whole may be the one.
    let perhaps =
        |name: &str| routing.tests_lost.iter().any(|text| text.is_empty() || text.contains(name));
    let mut all: Vec<&str> = Vec::new();
    for alert in stack.alerts() {
        if !all.contains(&alert.name.as_str()) {
            all.push(&alert.name);
        }
    }
    let covered = all.iter().filter(|name| tested.contains(name)).count();
    let untested = stack.alerts().filter(|alert| !tested.contains(&alert.name.as_str()));
    for alert in untested.filter(|alert| !perhaps(&alert.name)) {
        findings.push(
            RULE.says(format!(
                "no test names the alert `{}`; tests name {covered} of {}",
                alert.name,
                all.len()
            ))
            .at(alert.name.span, "never tested")
            .help(format!(
                "write a `test` with a series that sets it off, and `at \"5m\" {{ fires \"{}\" }}`",
                alert.name
            )),
        );
    }
}

/// The alerts that tests expect to fire or to be silent.
fn names(stack: &Stack) -> Vec<&str> {
    let moments = stack.tests.iter().flat_map(|test| &test.at);
    let mut names = Vec::new();
    for at in moments {
        names.extend(at.fires.iter().map(|fires| fires.alert.as_str()));
        names.extend(at.silent.iter().flat_map(|silent| &silent.alerts).map(|name| name.as_str()));
    }
    names
}

const EXPLAIN: &str = r##"A stack that has tests of some alerts should have tests of all: `stackctl test` runs them, and an alert that
never fired in a test may never fire at all.

    alert "QueueFull" { expr "queue_length > 100" }
    test "the queue is empty" { series "queue_length" "0x5"; at "5m" { silent } }

Write a test with a series that sets it off."##;
