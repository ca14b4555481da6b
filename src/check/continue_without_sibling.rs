//! A route lets alerts go on to later siblings, and there is none.

use super::{Input, Rule};
use crate::diag::{Files, Findings, Severity};
use crate::manifest::{Block, When};

pub(super) const RULE: Rule = Rule {
    code: "S417",
    name: "continue-without-sibling",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    if let Some(route) = stack.alertmanager.as_ref().and_then(|known| known.route.as_ref()) {
        last_of(&route.when, files, findings);
    }
}

fn last_of(whens: &[Block<When>], files: &Files, findings: &mut Findings) {
    if let Some(last) = whens.last()
        && let Some(flag) = last.go_on.as_ref().filter(|flag| flag.value)
    {
        let finding = RULE
            .says("`continue` has no effect: no route follows")
            .at(flag.span, "alerts end here")
            .also(last.matchers.span, "the last route")
            .help(
                "remove it; if the receiver above is to hear of it, too, add a route to it: \
                 `when \"\" to=…`",
            );
        findings.push(match files.text(flag.span) {
            "#true" => finding.replace("do not go on", flag.span, "#false"),
            "true" => finding.replace("do not go on", flag.span, "false"),
            _ => finding,
        });
    }
    for when in whens {
        last_of(&when.when, files, findings);
    }
}

const EXPLAIN: &str = r##"`continue` lets an alert go on to the routes after this one, on the same level. On the last one it does
nothing; above all, it does not send the alert to the receiver of the route above.

    route "ops" {
        when #"severity="critical""# to="pager" continue=#true
    }

Remove it, or add the route that was meant: `when "" to="ops"` takes every alert."##;
