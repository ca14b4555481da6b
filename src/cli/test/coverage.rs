//! Which alerts and receivers of a manifest no test covers.

use std::collections::HashSet;
use std::fmt::{self, Write};

use serde::Serialize;

use crate::diag::{Files, Span};
use crate::manifest::{Block, Stack, Test};
use crate::render;

/// An alert or a receiver.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Item {
    pub name: String,
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub tested: bool,
}

/// Alerts and receivers, each with whether a test that does not fail names it.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Coverage {
    /// An alert counts as tested if a test expects it to fire.
    pub alerts: Vec<Item>,
    /// A receiver counts as tested if an alert is expected to go to it.
    pub receivers: Vec<Item>,
}

impl Coverage {
    /// Of the tests of the manifest that hold: those that failed show nothing. Those that were not asked
    /// for count as they are written.
    pub fn of(stack: &Stack, files: &Files, holds: &dyn Fn(&Block<Test>) -> bool) -> Self {
        let tests = || stack.tests.iter().filter(|test| holds(test));
        let fires = || tests().flat_map(|test| &test.at).flat_map(|at| &at.fires);
        let firing: HashSet<&str> = fires().map(|fires| fires.alert.as_str()).collect();
        let routed: HashSet<&str> = fires()
            .filter_map(|fires| fires.routed_to.as_ref())
            .map(|receiver| receiver.as_str())
            .collect();
        let item = |name: &str, span: Span, tested: &HashSet<&str>| {
            let place = files.start(span);
            Item {
                name: name.to_owned(),
                file: files.name(span.file).to_owned(),
                line: place.line,
                column: place.column,
                tested: tested.contains(name),
            }
        };
        let mut alerts: Vec<Item> =
            stack.alerts().map(|alert| item(&alert.name, alert.name.span, &firing)).collect();
        // Those of objectives stand in the rendered file only.
        let groups = render::rule_file(stack).groups;
        for slo in &stack.slos {
            let own = slo.groups();
            let rules = groups.iter().filter(|group| own.contains(&group.name));
            for name in rules.flat_map(|group| &group.rules).filter_map(|rule| rule.alert.as_ref())
            {
                alerts.push(item(name, slo.name.span, &firing));
            }
        }
        let mut seen = HashSet::new();
        alerts.retain(|alert| seen.insert(alert.name.clone()));
        let receivers = stack.alertmanager.iter().flat_map(|manager| &manager.receivers);
        let receivers =
            receivers.map(|receiver| item(&receiver.name, receiver.name.span, &routed)).collect();
        Self { alerts, receivers }
    }

    /// Tested alerts and receivers, of all of them, in percent; 100 where there are none.
    pub fn percent(all: &[&Self]) -> f64 {
        let items = || all.iter().flat_map(|one| one.alerts.iter().chain(&one.receivers));
        let tested = items().filter(|item| item.tested).count();
        match items().count() {
            0 => 100.0,
            count => 100.0 * tested as f64 / count as f64,
        }
    }

    /// `3 of 5 alerts, 1 of 2 receivers`.
    pub fn figure(all: &[&Self]) -> String {
        let part = |what: &str, items: Vec<&Item>| {
            let tested = items.iter().filter(|item| item.tested).count();
            format!("{tested} of {} {what}", items.len())
        };
        let alerts = all.iter().flat_map(|one| &one.alerts).collect();
        let receivers: Vec<&Item> = all.iter().flat_map(|one| &one.receivers).collect();
        let mut text = part("alerts", alerts);
        if !receivers.is_empty() {
            text.push_str(", ");
            text.push_str(&part("receivers", receivers));
        }
        text
    }

    /// What no test names, a line each.
    pub fn list(&self, out: &mut String) -> fmt::Result {
        for (what, items) in [("alert", &self.alerts), ("receiver", &self.receivers)] {
            for Item { name, file, line, column, .. } in items.iter().filter(|item| !item.tested) {
                writeln!(out, "{file}:{line}:{column}: {what} `{name}` has no test that passes")?;
            }
        }
        Ok(())
    }
}
