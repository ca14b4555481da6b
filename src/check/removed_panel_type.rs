//! A panel of a type that this version of Grafana no longer has.

use super::{Input, Rule, mending};
use crate::dashboards::panel_types;
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S504",
    name: "removed-panel-type",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { boards, files, .. }: &Input<'_>, findings: &mut Findings) {
    for board in &boards.all {
        for panel in &board.content.panels {
            let Some(kind) = &panel.kind else { continue };
            let Some((gone, instead)) = panel_types::removed(kind) else { continue };
            if boards.version.0 < gone {
                continue;
            }
            let finding = RULE
                .says(format!(
                    "{} is of type `{kind}`, which Grafana {gone} no longer has",
                    board.panel(panel, &panel.pointer)
                ))
                .at(kind.span, format!("shown as `{instead}`"))
                .help(format!(
                    "open the dashboard in Grafana, look whether `{instead}` shows what is meant, and \
                     export it again"
                ));
            // Grafana translates the old settings only while the old type stands there.
            let finding = mending::rename(finding, files, kind.span, kind, instead);
            findings.push(finding.as_a_choice());
        }
    }
}

const EXPLAIN: &str = r##"The panels `graph`, `singlestat` and `table-old` were made with AngularJS, which Grafana 12 does not have any
more. It shows such a panel as its successor and translates what it can; thresholds, second axes, overrides
and styles of columns may look otherwise or get lost, at each look anew.

    { "type": "graph", "title": "Load", "yaxes": [ … ] }  // since 7.4: `timeseries`

An editor offers to write the new type into the file; what the old panel had set is then not translated any
more, so that is for panels with little of it. Save the migrated dashboard once and take that file. `version=` of `grafana` says which version counts."##;
