//! A dashboard still has a placeholder that only an import by hand would fill in.

use super::boards::Resolved;
use super::{Input, Rule};
use crate::dashboards::variables;
use crate::diag::{Findings, Severity, quoted_list};
use crate::manifest::place_in;

pub(super) const RULE: Rule = Rule {
    code: "S502",
    name: "unresolved-input",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { boards, files, .. }: &Input<'_>, findings: &mut Findings) {
    for board in &boards.all {
        let mut told: Vec<&str> = Vec::new();
        for (reference, what) in board.references() {
            let Some(name) = &reference.name else { continue };
            let placeholder = variables::mentions(name).iter().any(|it| it.name.starts_with("DS_"));
            if !placeholder
                || boards.resolve(board, reference) != Resolved::Nothing
                || told.contains(&name.as_str())
            {
                continue;
            }
            told.push(name);
            let kind = reference.kind.as_ref().map(|kind| kind.as_str());
            let fitting: Vec<_> = boards
                .sources
                .iter()
                .filter(|source| kind.is_none_or(|kind| source.kind == kind))
                .collect();
            let mut finding = RULE
                .says(format!("{what} still has the placeholder `{name}`"))
                .at(name.span, "nothing fills it in");
            finding = match &fitting[..] {
                [only] => finding.help(format!("name the data source: `{}`", only.uid)).replace(
                    "name the data source",
                    place_in(files, name, 0..name.len()),
                    only.uid.clone(),
                ),
                _ => {
                    let known =
                        quoted_list(boards.sources.iter().map(|source| source.uid.as_str()));
                    finding.help(format!("name a data source: {known}"))
                }
            };
            findings.push(finding);
        }
        for input in &board.content.inputs {
            // An input of a data source is bound when the dashboard is rendered.
            if input.kind != "datasource" && input.value.as_ref().is_none_or(String::is_empty) {
                let name = &input.name;
                findings.push(
                    RULE.says(format!(
                        "input `{name}`{} of dashboard `{}` has no value",
                        board.pointer(&input.pointer),
                        board.title()
                    ))
                    .at(name.span, "nobody is asked for it")
                    .help("write its `value` beside the name, or take the input out"),
                );
            }
        }
    }
}

const EXPLAIN: &str = r##"A dashboard that was exported to be shared has placeholders for data sources, `${DS_PROMETHEUS}`, and a
list `__inputs` that says what they stand for. Grafana asks for them when somebody imports it by hand; a provisioned
dashboard shows "datasource not found". `render` fills in what `__inputs` describes: here that is missing.

    { "datasource": { "type": "prometheus", "uid": "${DS_PROMETHEUS}" } }     // and no `__inputs`

Write the identifier of a data source, or export the dashboard again. An input that is no data source needs
its `value`."##;
