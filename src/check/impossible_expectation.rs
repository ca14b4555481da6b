//! A test expects what can never be.

use super::{Input, Rule};
use crate::diag::{Finding, Findings, Severity, Spanned};
use crate::manifest::{Alert, At, Block, DurationText, Fires, RuleGroup};

pub(super) const RULE: Rule = Rule {
    code: "S432",
    name: "impossible-expectation",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

/// An alert and the group it stands in.
type Defined<'a> = (&'a RuleGroup, &'a Block<Alert>);

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let defined: Vec<Defined<'_>> = stack
        .rules
        .iter()
        .flat_map(|group| group.alerts().map(move |alert| (&**group, alert)))
        .collect();
    for at in stack.tests.iter().flat_map(|test| &test.at) {
        for fires in &at.fires {
            findings.extend(silent_and_firing(at, fires).into_iter().collect());
            let own: Vec<Defined<'_>> = defined
                .iter()
                .copied()
                .filter(|(_, alert)| alert.name.value == fires.alert.value)
                .collect();
            if !own.is_empty() {
                findings.extend(too_early(&at.time, fires, &own).into_iter().collect());
                findings.extend(other_labels(fires, &own));
            }
        }
    }
}

fn silent_and_firing(at: &At, fires: &Fires) -> Option<Finding> {
    let silent = at.silent.as_ref()?;
    let name = silent.alerts.iter().find(|name| name.value == fires.alert.value);
    if name.is_none() && !silent.alerts.is_empty() {
        return None;
    }
    let place = name.map_or(silent.span(), |name| name.span);
    let message = format!("at {} `{}` is to fire and to be silent", at.time.text, fires.alert);
    Some(RULE.says(message).at(fires.alert.span, "fires").also(place, "silent"))
}

/// An alert waits for its hold time from the first evaluation on, which is at the start.
fn too_early(time: &Spanned<DurationText>, fires: &Fires, own: &[Defined<'_>]) -> Option<Finding> {
    let holds = own.iter().map(|(_, alert)| alert.hold.as_ref());
    let shortest = holds.min_by_key(|hold| hold.map_or(0, |hold| hold.ms))??;
    (time.ms < shortest.ms).then(|| {
        RULE.says(format!("`{}` cannot fire {} after the start", fires.alert, time.text))
            .at(time.span, "too early")
            .also(shortest.span, "the alert is pending for so long")
            .help(format!("ask at {} or later", shortest.text))
    })
}

/// Labels that are written out in the alert are the same whenever it fires.
fn other_labels(fires: &Fires, own: &[Defined<'_>]) -> Findings {
    let mut findings = Findings::default();
    for (name, wanted) in &fires.labels {
        let fixed: Option<Vec<&Spanned<String>>> =
            own.iter().map(|(group, alert)| fixed(group, alert, name)).collect();
        let Some(fixed) = fixed else { continue };
        if fixed.iter().any(|value| value.value == wanted.value) {
            continue;
        }
        let mut finding = RULE
            .says(format!("`{}` never has `{name}={:?}`", fires.alert, wanted.value))
            .at(wanted.span, "never");
        for value in fixed {
            finding = finding.also(value.span, "always this");
        }
        findings.push(finding);
    }
    findings
}

/// The value of a label if the alert sets it to the same always.
fn fixed<'a>(group: &'a RuleGroup, alert: &'a Alert, name: &str) -> Option<&'a Spanned<String>> {
    let severity = alert.severity.as_ref().filter(|_| name == "severity");
    let value = alert.labels.get(name).or(severity).or_else(|| group.labels.get(name))?;
    (!value.contains("{{")).then_some(value)
}

const EXPLAIN: &str = r#"The expectation contradicts the alert as it is written, or another expectation at the same moment. Either the test or
the alert is not what was meant.

    alert "TargetDown" severity="critical" for="2m" { expr "up == 0" }
    test "down" {
        series "up" "0x5"
        at "1m" { fires "TargetDown" }
        at "3m" { fires "TargetDown" severity="warning" }
    }

Rules are evaluated at the start of a test for the first time, so an alert with `for="2m"` fires after two minutes at the
earliest."#;
