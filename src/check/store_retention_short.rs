//! A store forgets earlier than those who rely on it.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S914",
    name: "store-retention-short",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let own = stack.prometheus.as_ref().and_then(|prometheus| prometheus.retention.as_ref());
    let own = own.and_then(|retention| retention.time.as_ref());
    for store in &stack.stores {
        let Some(kept) = &store.retention else { continue };
        if let Some(own) = own.filter(|own| own.ms > kept.ms) {
            findings.push(
                RULE.says(format!(
                    "store `{}` keeps samples {}, and prometheus {}",
                    store.name, kept.text, own.text
                ))
                .at(kept.span, "shorter than without it")
                .also(own.span, "kept here")
                .help("keep them longer in the store, or shorter in prometheus"),
            );
        }
        let windows = stack.slos.iter().filter_map(|slo| Some((slo, slo.window.as_ref()?)));
        for (slo, window) in windows.filter(|(_, window)| window.ms > kept.ms) {
            findings.push(
                RULE.says(format!(
                    "store `{}` keeps samples {}, and slo `{}` looks {} back",
                    store.name, kept.text, slo.name, window.text
                ))
                .at(kept.span, "shorter than the window")
                .also(window.span, "the window")
                .help(format!("keep them at least `{}`", window.text)),
            );
        }
    }
}

const EXPLAIN: &str = r##"A store is there for what Prometheus no longer has. Where it keeps less, dashboards that ask it end earlier than those
that ask Prometheus, and the budget of an objective cannot be computed from it.

    prometheus { retention time="90d" }
    store "victoriametrics" retention="30d"

Let the store keep at least what the longest window asks for, and Prometheus only what alerts need."##;
