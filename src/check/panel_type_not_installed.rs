//! A panel of a type that neither Grafana nor a declared plugin brings.

use super::boards::{installed, plugin_id};
use super::{Input, Rule};
use crate::dashboards::{panel_types, plugins};
use crate::diag::{Findings, Severity, most_similar};

pub(super) const RULE: Rule = Rule {
    code: "S506",
    name: "panel-type-not-installed",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, boards, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(grafana) = &stack.grafana else { return };
    let version = (boards.version.0, boards.version.1);
    // An image of one's own may have any plugin in it.
    if grafana.image.as_ref().is_some_and(|image| !is_reference(image)) {
        return;
    }
    let plugins_here = installed(grafana);
    for board in &boards.all {
        let mut told: Vec<&str> = Vec::new();
        for panel in &board.content.panels {
            let Some(kind) = &panel.kind else { continue };
            if kind.value.is_empty() || told.contains(&kind.as_str()) {
                continue;
            }
            let what = board.panel(panel, &panel.pointer);
            match panel_types::since(kind) {
                Some(since) if since <= version => {}
                Some((major, minor)) => {
                    told.push(kind);
                    findings.push(
                        RULE.says(format!(
                            "{what} is of type `{kind}`, which Grafana {}.{} does not have",
                            version.0, version.1
                        ))
                        .at(kind.span, format!("since Grafana {major}.{minor}"))
                        .help("choose a newer `version` of Grafana, or another panel"),
                    );
                }
                None if plugins::find(kind).is_some_and(|_| boards.plugin_is_dead(stack, kind)) => {
                }
                None if plugins_here.iter().any(|id| brings(id, kind)) => {}
                None => {
                    told.push(kind);
                    let mut finding = RULE
                        .says(format!("{what} is of type `{kind}`, which is not installed"))
                        .at(kind.span, "unknown to this Grafana");
                    let own = panel_types::core(version).collect::<Vec<&str>>();
                    let known = own.iter().chain(&plugins_here).copied();
                    let similar = most_similar(kind, known);
                    finding = match similar {
                        Some(similar) => finding.help(format!("did you mean `{similar}`?")),
                        None => finding
                            .help(format!("add the plugin to `grafana`: `plugins \"{kind}\"`")),
                    };
                    if let Some(plugins) = grafana.plugins.first() {
                        finding = finding.also(plugins.span, "the plugins are listed here");
                    }
                    findings.push(finding);
                }
            }
        }
    }
}

/// Whether Grafana's own image, without plugins of others.
fn is_reference(image: &str) -> bool {
    let repository = image.rsplit('/').next().unwrap_or(image).split([':', '@']).next();
    matches!(repository, Some("grafana" | "grafana-oss" | "grafana-enterprise"))
        && image.contains("grafana/grafana")
}

/// Whether a plugin brings panels of this type: its own, or an app those of its maker.
fn brings(plugin: &str, kind: &str) -> bool {
    let id = plugin_id(plugin);
    if id == kind {
        return true;
    }
    let maker = |id: &str| id.split('-').next().map(str::to_owned);
    id.ends_with("-app") && maker(id) == maker(kind)
}

const EXPLAIN: &str = r##"A panel needs a plugin that nobody installs: Grafana shows "Panel plugin not found". Plugins are declared in
`grafana` and installed when its container starts.

    grafana { plugins "grafana-clock-panel"; dashboard "Wall" from="./wall.json" }
    { "type": "volkovlabs-echarts-panel" }                // in wall.json

Add its id to `plugins`. Types of Grafana's own that are younger than the `version` of the stack are found as
well. With an `image` of your own nothing is said: it may have plugins in it."##;
