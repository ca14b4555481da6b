//! A federation job takes every series of the other Prometheus.

use super::expressions::Site;
use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::promql::{ast::VectorSelector, parse_selector};

pub(super) const RULE: Rule = Rule {
    code: "S901",
    name: "federate-everything",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { expressions, .. }: &Input<'_>, findings: &mut Findings) {
    for expression in expressions {
        let Site::Federate(federate) = expression.site else { continue };
        if !parse_selector(expression.text).is_ok_and(|selector| takes_all(&selector)) {
            continue;
        }
        findings.push(
            RULE.says(format!("federation job `{}` takes every series", federate.job))
                .at(expression.text.span, "no series is left out")
                .help(
                    "take aggregates only, by a rule of names: `match=#\"{__name__=~\"job:.*\"}\"#`; whole \
                     servers are copied with `remote_write`",
                ),
        );
    }
}

/// Whether no series of a usual server is left out: nothing is asked of names and jobs but that they
/// are there.
fn takes_all(selector: &VectorSelector) -> bool {
    let unlikely = ["a", "up", "node_load1", "job:x:y", "0", "x y", "\u{2603}"];
    selector.plain_matchers().all(|matcher| {
        let always = matches!(matcher.name.as_str(), "__name__" | "job" | "instance");
        // Any other label is missing somewhere.
        let missing = always || matcher.matches("");
        missing && unlikely.iter().all(|value| matcher.matches(value))
    })
}

const EXPLAIN: &str = r##"Federation is one page with all series that are asked for, made and read anew at each scrape. With everything on it
the other server spends its memory on the page, the scrape takes longer than its interval, and samples are lost.

    federate "dc-us" target="prom-us:9090" match=#"{job=~".+"}"#

Let the other site record what is of interest here, and take that: `match=#"{__name__=~"job:.*"}"#`. To have every
sample in one place, let each site write there: `remote_write "https://store.example.com/api/v1/write"`."##;

#[cfg(test)]
mod tests {
    use super::{parse_selector, takes_all};

    #[test]
    fn only_selectors_without_a_choice_take_all() {
        let check = |text: &str| takes_all(&parse_selector(text).unwrap());
        for all in [r#"{__name__=~".+"}"#, r#"{job!=""}"#, r#"{__name__!="",job=~".+"}"#] {
            assert!(check(all), "{all}");
        }
        for some in ["up", r#"{__name__=~"job:.+"}"#, r#"{job="node"}"#, r#"{team!=""}"#] {
            assert!(!check(some), "{some}");
        }
    }
}
