//! A plugin that this version of Grafana no longer loads.

use super::boards::plugin_id;
use super::{Input, Rule};
use crate::dashboards::panel_types;
use crate::dashboards::plugins::{self, Dead, GONE_SINCE};
use crate::diag::{Finding, Findings, Severity, Span};

pub(super) const RULE: Rule =
    Rule { code: "S505", name: "dead-plugin", severity: Severity::Error, explain: EXPLAIN, check };

fn check(Input { stack, boards, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(grafana) = &stack.grafana else { return };
    let find = |id: &str| plugins::find(id).filter(|_| boards.plugin_is_dead(stack, id));
    let version = boards.version.0;
    for plugin in &grafana.plugins {
        if let Some(dead) = find(plugin_id(plugin)) {
            findings.push(says(&format!("plugin `{}`", dead.id), dead, version, plugin.span));
        }
    }
    for source in &grafana.datasources {
        if let Some(dead) = find(source.plugin()) {
            let place = source.kind.as_ref().unwrap_or(&source.name).span;
            let what = format!("plugin `{}` of data source `{}`", dead.id, source.name);
            findings.push(says(&what, dead, version, place));
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
