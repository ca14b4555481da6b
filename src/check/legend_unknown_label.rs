//! The legend of a panel names a label that the query's result does not have.

use super::expressions::{Expression, Site};
use super::panel_unknown_metric::asks_others;
use super::{Input, Rule};
use crate::diag::{Findings, Severity, Spanned, most_similar, quoted_list};
use crate::manifest::place_in;

pub(super) const RULE: Rule = Rule {
    code: "S516",
    name: "legend-unknown-label",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(input: &Input<'_>, findings: &mut Findings) {
    if input.stack.prometheus.is_none() || asks_others(input) {
        return;
    }
    for expression in &input.expressions {
        let Site::Panel(_, _, target) = expression.site else { continue };
        if let Some(legend) = &target.legend
            && expression.varies_in_values_alone()
        {
            look(input, expression, legend, findings);
        }
    }
}

fn look(
    input: &Input<'_>,
    expression: &Expression<'_>,
    legend: &Spanned<String>,
    findings: &mut Findings,
) {
    let flows = expression.flows(&input.known);
    let flow = flows.result();
    let mut from = 0;
    while let Some(opened) = legend[from..].find("{{").map(|at| from + at + 2) {
        let Some(closed) = legend[opened..].find("}}").map(|at| opened + at) else { return };
        from = closed + 2;
        let inside = &legend[opened..closed];
        let label = inside.trim();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if label.is_empty() || !label.chars().all(is_name) || flow.can_have(label) {
            continue;
        }
        let start = opened + (inside.len() - inside.trim_start().len());
        let place = place_in(input.files, legend, start..start + label.len());
        let what = expression.site.what();
        let mut finding = RULE
            .says(format!("{what}: the legend names `{label}`, which the result does not have"))
            .at(place, "stays empty");
        let names = flow.may.iter().map(String::as_str);
        if let Some(loss) = flow.lost(label) {
            if loss.record.is_none() {
                let lost = expression.place(input.files, loss.at);
                finding = finding.also(lost, format!("`{label}` is lost here"));
            }
            finding = finding.help("keep the label in the query, or leave it out of the legend");
        } else if let Some(near) = most_similar(label, names.clone()) {
            finding = finding.help(format!("did you mean `{near}`?"));
            if input.files.text(place) == label {
                finding = finding.replace(&format!("write `{near}`"), place, near);
            }
        } else if flow.may.is_empty() {
            finding = finding.help("the result has no labels at all");
        } else {
            finding = finding.help(format!("labels of the result: {}", quoted_list(names)));
        }
        findings.push(finding);
    }
}

const EXPLAIN: &str = r##"A legend such as `{{instance}}` is filled in from the labels of each series of the result. A label that the result does
not have leaves a gap, and all lines of the panel are called the same.

    timeseries "CPU" { query "sum by (job) (rate(node_cpu_seconds_total[$__rate_interval]))" legend="{{instance}}" }

Keep the label, or name one that is there:

    timeseries "CPU" { query "sum by (instance) (rate(node_cpu_seconds_total[$__rate_interval]))" legend="{{instance}}" }"##;
