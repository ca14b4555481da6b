//! What a rule may look at, and which expressions it asks.

use super::boards::Boards;
use super::expressions::{Expression, Site};
use super::known::Known;
use super::panel_unknown_metric::asks_others;
use super::routing::Routing;
use super::topology::Topology;
use crate::diag::{Files, Findings, Severity};
use crate::manifest::Stack;
use crate::promql::Expr;

/// What a rule may look at.
pub(super) struct Input<'a> {
    pub stack: &'a Stack,
    /// Hosts, ports and connections of the stack.
    pub topology: Topology<'a>,
    /// Every PromQL expression, parsed.
    pub expressions: Vec<Expression<'a>>,
    /// Which metrics exist, with their labels.
    pub known: Known<'a>,
    /// Routes, and the alerts that go along them.
    pub routing: Routing<'a>,
    /// Every dashboard, in one form.
    pub boards: &'a Boards<'a>,
    /// The text of all files, to point inside of strings.
    pub files: &'a Files,
}

impl<'a> Input<'a> {
    /// The expressions of rules and objectives that are without mistakes, with their trees: what they
    /// read comes from this stack. Tests bring their own series, federation reads others'.
    pub fn judged(&self) -> impl Iterator<Item = (&Expression<'a>, &Expr)> {
        self.expressions.iter().filter_map(|expression| {
            let own = matches!(
                expression.site,
                Site::Record(..) | Site::Alert(..) | Site::SloTotal(_) | Site::SloErrors(_)
            );
            expression.sound().filter(|_| own).map(|tree| (expression, tree))
        })
    }

    /// Looks at the same, and at the queries of dashboards that read this Prometheus. What is wrong there
    /// is a panel without data and no error.
    pub fn look_everywhere(
        &self,
        findings: &mut Findings,
        look: fn(&Self, &Expression<'a>, &Expr, &mut Findings),
    ) {
        for (expression, tree) in self.judged() {
            look(self, expression, tree, findings);
        }
        if self.stack.prometheus.is_none() || asks_others(self) {
            return;
        }
        let panels = self.expressions.iter().filter(|it| matches!(it.site, Site::Panel(..)));
        for expression in panels.filter(|expression| expression.varies_in_values_alone()) {
            let Some(tree) = expression.sound() else { continue };
            let mut found = Findings::default();
            look(self, expression, tree, &mut found);
            for mut finding in found.iter().cloned() {
                finding.severity = finding.severity.max(Severity::Warning);
                findings.push(finding);
            }
        }
    }
}
