//! A plugin that this version of Grafana no longer loads.

use super::boards::plugin_id;
use super::{Input, Rule, mending};
use crate::dashboards::panel_types;
use crate::dashboards::plugins::{self, Dead, GONE_SINCE};
use crate::diag::{Finding, Findings, Severity, Span};

pub(super) const RULE: Rule =
    Rule { code: "S505", name: "dead-plugin", severity: Severity::Error, explain: EXPLAIN, check };

fn check(Input { stack, boards, files, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(grafana) = &stack.grafana else { return };
    let find = |id: &str| plugins::find(id).filter(|_| boards.plugin_is_dead(stack, id));
    let version = boards.version.0;
    for plugin in &grafana.plugins {
        if let Some(dead) = find(plugin_id(plugin)) {
            let finding = says(&format!("plugin `{}`", dead.id), dead, version, plugin.span);
            findings.push(if is_plugin(dead.instead) {
                mending::rename(finding, files, plugin.span, plugin, dead.instead).as_a_choice()
            } else {
                // It is not loaded either way.
                match mending::word(files, plugin.span) {
                    Some(gone) => finding.replace("remove it", gone, ""),
                    None => finding,
                }
            });
        }
    }
    for source in &grafana.datasources {
        if let Some(dead) = find(source.plugin()) {
            let place = source.kind.as_ref().unwrap_or(&source.name).span;
            let what = format!("plugin `{}` of data source `{}`", dead.id, source.name);
            let finding = says(&what, dead, version, place);
            findings.push(if is_plugin(dead.instead) {
                let said = source.plugin();
                mending::rename(finding, files, place, said, dead.instead).as_a_choice()
            } else {
                finding
            });
        }
    }
    for board in &boards.all {
        for panel in &board.content.panels {
            let Some(kind) = &panel.kind else { continue };
            let Some(dead) = find(kind) else { continue };
            let what =
                format!("type `{kind}` of {} is a plugin that", board.panel(panel, &panel.pointer));
            let mut finding = says(&what, dead, version, kind.span);
            if dead.migrates {
                finding.severity = Severity::Warning;
                // Grafana translates the old settings only while the old type stands there.
                finding =
                    mending::rename(finding, files, kind.span, kind, dead.instead).as_a_choice();
            }
            findings.push(finding);
        }
        let mut told: Vec<&str> = Vec::new();
        for (reference, what) in board.references() {
            let Some(kind) = &reference.kind else { continue };
            if let Some(dead) = find(kind).filter(|dead| !told.contains(&dead.id)) {
                told.push(dead.id);
                let what = format!("{what} reads from plugin `{kind}`, which");
                findings.push(says(&what, dead, version, kind.span));
            }
        }
    }
}

/// Whether a successor is a plugin that has to be installed, rather than a part of Grafana.
fn is_plugin(successor: &str) -> bool {
    !successor.is_empty() && panel_types::since(successor).is_none()
}

fn says(what: &str, dead: &Dead, version: u32, place: Span) -> Finding {
    let why = if version >= GONE_SINCE {
        format!("needs AngularJS, which Grafana has no longer since version {GONE_SINCE}")
    } else {
        format!("needs AngularJS, which Grafana {version} does not load any more")
    };
    let Dead { id: _, instead, migrates } = *dead;
    let help = match panel_types::since(instead) {
        Some(_) if migrates => {
            format!("Grafana shows its own `{instead}` instead: save the dashboard with that")
        }
        Some(_) => format!("Grafana's own panel `{instead}` does most of it"),
        None if instead.is_empty() => "nothing is known that takes its place".to_owned(),
        None => format!("its successor is `{instead}`"),
    };
    RULE.says(format!("{what} {why}")).at(place, "is not loaded").help(help)
}

const EXPLAIN: &str = r##"Plugins that were made with AngularJS are not loaded by Grafana 11 unless it is told to, and not at all since
Grafana 12: their panels show an error, their data sources give nothing. The list of such plugins is
Grafana's own; what has a newer version without AngularJS is not on it.

    plugins "grafana-piechart-panel" "grafana-simple-json-datasource"

The pie chart is built in (`piechart`), and so are successors of many others; Infinity
(`yesoreyeram-infinity-datasource`) reads what SimpleJson read. A panel that Grafana replaces by itself is a
warning only."##;
