//! Panels of the library, versioned with the binary: `use "mysql/overview"`.
//!
//! A page of the library is a list of rows of a table. Its expressions select series by `<sel>`,
//! which becomes `job="…"` and what else the `use` node says, such as `instance="$host"`.

mod alertmanager;
mod mysql;
mod node;
mod prometheus;

use crate::diag::Spanned;
use crate::manifest::{Block, Panel, PanelKind, Query, Stack, Stacking, Threshold, Use};

use self::PanelKind::{Bargauge, Gauge, Stat, Table, Timeseries};

/// A page of the library.
#[derive(Debug)]
pub struct Library {
    /// As `use` names it.
    pub path: &'static str,
    /// Kind of the exporter or part whose metrics it shows; its scrape job is the default.
    pub subject: &'static str,
    /// The panels in their order.
    pub panels: &'static [Entry],
}

/// A panel of the library.
#[derive(Debug)]
pub struct Entry {
    /// What it is.
    pub kind: PanelKind,
    /// Title.
    pub title: &'static str,
    /// Grafana's unit.
    pub unit: &'static str,
    /// Expression and legend of each query.
    pub queries: &'static [(&'static str, &'static str)],
    /// Value and colour from which on; ascending.
    pub thresholds: &'static [(f64, &'static str)],
    /// Whether series are stacked.
    pub stacked: bool,
}

const fn entry(
    kind: PanelKind,
    title: &'static str,
    unit: &'static str,
    queries: &'static [(&'static str, &'static str)],
) -> Entry {
    Entry { kind, title, unit, queries, thresholds: &[], stacked: false }
}

impl Entry {
    const fn limits(mut self, thresholds: &'static [(f64, &'static str)]) -> Self {
        self.thresholds = thresholds;
        self
    }

    const fn stacked(mut self) -> Self {
        self.stacked = true;
        self
    }
}

/// All pages of the library.
pub const LIBRARY: &[Library] =
    &[alertmanager::OVERVIEW, mysql::OVERVIEW, node::OVERVIEW, prometheus::OVERVIEW];

/// The paths of all pages.
pub fn library() -> impl Iterator<Item = &'static str> {
    LIBRARY.iter().map(|library| library.path)
}

/// The page of this path.
pub fn find(path: &str) -> Option<&'static Library> {
    LIBRARY.iter().find(|library| library.path == path)
}

/// The panels of a page as if they had been written in the manifest; none for an unknown page.
pub fn instantiate(stack: &Stack, page: &Block<Use>) -> Vec<Panel> {
    let Some(library) = find(page.path.as_str()) else { return Vec::new() };
    let span = page.path.span;
    let text = |text: String| Spanned::new(text, span);
    let selector = selector(stack, library, page);
    library
        .panels
        .iter()
        .map(|entry| {
            let Entry { kind, title, unit, queries, thresholds, stacked } = entry;
            Panel {
                kind: Spanned::new(*kind, span),
                title: text((*title).to_owned()),
                unit: (!unit.is_empty()).then(|| text((*unit).to_owned())),
                min: (*kind == Gauge).then(|| Spanned::new(0.0, span)),
                max: (*kind == Gauge && *unit == "percentunit").then(|| Spanned::new(1.0, span)),
                queries: queries
                    .iter()
                    .map(|(expr, legend)| Block {
                        value: Query {
                            expr: text(expr.replace("<sel>", &selector)),
                            legend: (!legend.is_empty()).then(|| text((*legend).to_owned())),
                            ..Query::default()
                        },
                        ..Block::default()
                    })
                    .collect(),
                thresholds: thresholds
                    .iter()
                    .map(|(value, color)| Block {
                        value: Threshold {
                            value: Some(Spanned::new(*value, span)),
                            color: text((*color).to_owned()),
                        },
                        ..Block::default()
                    })
                    .collect(),
                stack: stacked.then(|| Spanned::new(Stacking::Normal, span)),
                ..Panel::default()
            }
        })
        .collect()
}

fn selector(stack: &Stack, library: &Library, page: &Use) -> String {
    let said = |name: &str| page.with.get(name).map(|value| value.value.as_str());
    let exporter = stack.exporters.iter().find(|exporter| exporter.kind() == library.subject);
    let derived = exporter.map_or(library.subject, |exporter| exporter.name.as_str());
    let mut parts = vec![format!("job={:?}", said("job").unwrap_or(derived))];
    for (name, value) in &page.with {
        if name.value == "job" {
            continue;
        }
        // A variable may stand for several values at once.
        let operator = if value.value.starts_with('$') { "=~" } else { "=" };
        parts.push(format!("{}{operator}{:?}", name.value, value.value));
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_selects_by_the_use_node() {
        for library in LIBRARY {
            for entry in library.panels {
                assert!(!entry.queries.is_empty(), "{} {}", library.path, entry.title);
                for (expr, _) in entry.queries {
                    assert!(expr.contains("<sel>"), "{} {}: {expr}", library.path, entry.title);
                }
            }
        }
    }

    #[test]
    fn the_selector_names_the_job_and_what_was_said() {
        let text = |text: &str| Spanned::new(text.to_owned(), crate::diag::Span::default());
        let page = Use {
            path: text("node/overview"),
            with: crate::manifest::Map(vec![(text("instance"), text("$host"))]),
        };
        let library = find("node/overview").unwrap();
        assert_eq!(selector(&Stack::default(), library, &page), r#"job="node",instance=~"$host""#);
    }

    #[test]
    fn expressions_are_promql() {
        for library in LIBRARY {
            for (expr, _) in library.panels.iter().flat_map(|entry| entry.queries) {
                let expr = expr.replace("<sel>", "job=\"x\"").replace("$__rate_interval", "5m");
                promql_parser::parser::parse(&expr)
                    .unwrap_or_else(|err| panic!("{}: {expr}: {err}", library.path));
            }
        }
    }
}
