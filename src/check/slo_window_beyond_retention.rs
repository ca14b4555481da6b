//! An objective looks further back than samples are kept.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S703",
    name: "slo-window-beyond-retention",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

const DAY_MS: i64 = 86_400_000;
/// What an objective looks back when nothing is said.
const WINDOW: (i64, &str) = (30 * DAY_MS, "30d");
/// How long Prometheus keeps samples when nothing is said.
const RETENTION: (i64, &str) = (15 * DAY_MS, "15d");

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    let retention = prometheus.retention.as_ref();
    let time = retention.and_then(|retention| retention.time.as_ref());
    // With a size alone there is no limit in time.
    if time.is_none() && retention.is_some_and(|retention| retention.size.is_some()) {
        return;
    }
    let (kept, kept_text) = time.map_or(RETENTION, |time| (time.ms, time.text.as_str()));
    let kept_span = time.map_or(prometheus.span(), |time| time.span);
    for slo in &stack.slos {
        let said = slo.window.as_ref();
        let (window, text) = said.map_or(WINDOW, |window| (window.ms, window.text.as_str()));
        if window <= kept {
            continue;
        }
        findings.push(
            RULE.says(format!(
                "slo `{}` looks {text} back, and samples are kept {kept_text}",
                slo.name
            ))
            .at(said.map_or(slo.name.span, |window| window.span), "longer than anything is kept")
            .also(kept_span, format!("kept {kept_text}"))
            .help(format!(
                "keep them as long: `retention time=\"{text}\"`, or give the objective a shorter `window`"
            )),
        );
    }
}

const EXPLAIN: &str = r##"What is left of an error budget is computed from all samples of the objective's window. Where they are thrown away
earlier, an incident is forgotten before the window is over, and the budget looks fuller than it is.

    prometheus { retention time="15d" }
    slo "availability" objective=99.9 window="30d" { total "requests_total"; errors "errors_total" }

Keep samples at least as long as the window (`retention time="30d"`), or choose a shorter one. An objective without a
window looks 30 days back; without `retention` samples are kept 15 days."##;
