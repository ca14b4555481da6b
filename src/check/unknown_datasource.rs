//! A query goes to a data source that Grafana will not have.

use super::boards::{Board, Resolved};
use super::{Input, Rule, did_you_mean, mending};
use crate::dashboards::plugins;
use crate::diag::{Findings, Severity, Span};

pub(super) const RULE: Rule = Rule {
    code: "S503",
    name: "unknown-datasource",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    let boards = input.boards;
    let known = || boards.sources.iter().map(|source| source.name.as_str());
    for board in &boards.all {
        let mut missing = Missing { input, board, told: Vec::new() };
        for (reference, what) in board.references() {
            let place = reference.kind.as_ref().or(reference.name.as_ref()).map(|text| text.span);
            match boards.resolve(board, reference) {
                Resolved::Unknown(Some(kind)) => {
                    missing.kind(kind, place, &format!("{what} reads a data source"), findings);
                }
                Resolved::Input(Some(kind)) => {
                    let asks = board.content.inputs.iter().find(|input| {
                        reference.name.as_ref().is_some_and(|name| name.contains(&input.name.value))
                    });
                    let place =
                        asks.and_then(|input| input.plugin.as_ref()).map(|it| it.span).or(place);
                    missing.kind(kind, place, &format!("{what} reads a data source"), findings);
                }
                // The name of a source of somebody else's Grafana is bound to the default one.
                Resolved::Unknown(None) if board.file.is_none() => {
                    let Some(name) = &reference.name else { continue };
                    if missing.told.contains(&name.value) {
                        continue;
                    }
                    missing.told.push(name.value.clone());
                    let finding = RULE
                        .says(format!("{what} reads `{name}`, and no data source is called that"))
                        .at(name.span, "not defined")
                        .help(did_you_mean(name, known(), "data sources here"));
                    let (files, place) = (input.files, name.span);
                    findings.push(mending::rename_to_similar(finding, files, place, name, known()));
                }
                _ => {}
            }
        }
        for variable in board.content.variables.iter().filter(|it| it.kind == "datasource") {
            let Some(plugin) = &variable.query else { continue };
            let what = format!(
                "variable `{}`{} chooses among data sources",
                variable.name,
                board.pointer(&variable.pointer)
            );
            missing.kind(plugin, Some(plugin.span), &what, findings);
        }
    }
}

/// What a dashboard was already told to miss.
struct Missing<'a> {
    input: &'a Input<'a>,
    board: &'a Board<'a>,
    told: Vec<String>,
}

impl Missing<'_> {
    /// A source of this plugin is wanted: is there one?
    fn kind(&mut self, kind: &str, place: Option<Span>, does: &str, findings: &mut Findings) {
        let sources = &self.input.boards.sources;
        let dead = self.input.boards.plugin_is_dead(self.input.stack, kind);
        if sources.iter().any(|source| source.kind == kind)
            || dead && plugins::find(kind).is_some()
            || self.told.iter().any(|told| told == kind)
        {
            return;
        }
        self.told.push(kind.to_owned());
        let help = match self.board.file {
            Some(_) => format!("add one to `grafana`: `datasource \"{kind}\" url=\"…\"`"),
            None => did_you_mean(kind, sources.iter().map(|it| it.kind.as_str()), "types here"),
        };
        let mut finding =
            RULE.says(format!("{does} of type `{kind}`, and there is none")).help(help);
        if let Some(place) = place {
            finding = finding.at(place, "no such data source");
        }
        findings.push(finding);
    }
}

const EXPLAIN: &str = r##"A panel, a variable or an annotation asks a data source that the stack does not have: it will show "datasource
not found", or ask the wrong one.

    dashboard "Shop" datasource="promethues" { … }        // a slip: `prometheus`
    { "datasource": { "type": "loki", "uid": "logs" } }   // in a file, and the stack has no Loki

An identifier in a file that the stack does not know is bound to its data source of that type when rendering, so
dashboards of others can be taken as they are; what counts is that there is one of the type."##;
