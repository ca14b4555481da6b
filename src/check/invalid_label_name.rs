//! A label or an annotation has a name that Prometheus does not take, or keeps for itself.

use super::names::{is_plain_label, weigh};
use super::{Input, Rule};
use crate::diag::{Findings, Severity, Spanned};
use crate::manifest::{Map, Relabel, Rule as Recorded, Stack};

pub(super) const RULE: Rule = Rule {
    code: "S209",
    name: "invalid-label-name",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

/// What labels are for, and so which of them are kept for Prometheus itself.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    /// Put on what a rule gives, or on all that leaves the server.
    Series,
    /// Put on targets: `__address__` and its like are how relabelling works.
    Target,
    /// Text for people.
    Annotation,
}

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let mut all = |map: &Map<String>, role: Use, owner: &str| {
        for (name, _) in map {
            name_of(stack, name, role, owner, findings);
        }
    };
    if let Some(prometheus) = &stack.prometheus {
        all(&prometheus.external_labels, Use::Series, "external labels");
        for scrape in &prometheus.scrapes {
            let owner = format!("scrape job `{}`", scrape.job);
            all(&scrape.labels, Use::Target, &owner);
            for target in &scrape.targets {
                all(&target.labels, Use::Target, &owner);
            }
        }
        for federate in &prometheus.federate {
            all(&federate.labels, Use::Target, &format!("federation job `{}`", federate.job));
        }
    }
    for group in &stack.rules {
        all(&group.labels, Use::Series, &format!("rules `{}`", group.name));
        for rule in &*group.rules {
            match rule {
                Recorded::Record(record) => {
                    all(&record.labels, Use::Series, &format!("recording rule `{}`", record.name));
                }
                Recorded::Alert(alert) => {
                    let owner = format!("alert `{}`", alert.name);
                    all(&alert.labels, Use::Series, &owner);
                    all(&alert.annotations, Use::Annotation, &owner);
                }
            }
        }
    }
    for slo in &stack.slos {
        all(&slo.labels, Use::Series, &format!("slo `{}`", slo.name));
    }
    if let Some(prometheus) = &stack.prometheus {
        for scrape in &prometheus.scrapes {
            let owner = format!("scrape job `{}`", scrape.job);
            let steps = scrape.relabel.iter().chain(&scrape.metric_relabel);
            steps.for_each(|step| relabelling(stack, step, &owner, findings));
        }
        for write in &prometheus.remote_write {
            let owner = format!("remote write to `{}`", write.url);
            write.write_relabel.iter().for_each(|step| relabelling(stack, step, &owner, findings));
        }
    }
}

fn relabelling(stack: &Stack, step: &Relabel, owner: &str, findings: &mut Findings) {
    // `$1` stands for a part of the match.
    let target = step.target_label.iter().filter(|label| !label.contains('$'));
    for name in step.source_labels.iter().chain(target) {
        name_of(stack, name, Use::Target, owner, findings);
    }
}

fn name_of(stack: &Stack, name: &Spanned<String>, role: Use, owner: &str, findings: &mut Findings) {
    let what = if role == Use::Annotation { "an annotation" } else { "a label" };
    let says = |message: &str| RULE.says(format!("{owner}: {message}"));
    if name.is_empty() {
        findings.push(says(&format!("an empty text is no name of {what}")).at(name.span, "empty"));
    } else if role == Use::Series && name.value == "__name__" {
        findings.push(
            says("`__name__` is the metric's own name and cannot be set here")
                .at(name.span, "not a label to set")
                .help("name the series behind `record`"),
        );
    } else if role == Use::Series && name.starts_with("__") {
        let mut finding = says(&format!("Prometheus keeps labels such as `{name}` for itself"))
            .at(name.span, "begins with two underscores")
            .help(format!("write `{}`", name.trim_matches('_')));
        finding.severity = Severity::Warning;
        findings.push(finding);
    } else if !is_plain_label(name) {
        let plain: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let first = plain.starts_with(|c: char| c.is_ascii_digit());
        let plain = format!("{}{plain}", if first { "_" } else { "" });
        let finding = says(&format!("`{name}` is no plain name of {what}"))
            .at(name.span, "only letters, digits and `_`")
            .help(format!(
                "write `{plain}`; Prometheus before version 3 refuses any other character"
            ));
        findings.push(weigh(stack, finding));
    }
}

const EXPLAIN: &str = r##"The name of a label or of an annotation is made of letters, digits and underscores, and does not begin with
a digit. Prometheus before version 3 refuses the whole file otherwise; later versions take any text, which
then has to stand in quotes in every query, so it is a warning there. Names with two underscores in front
are kept for Prometheus itself.

    external_labels data-center="eu1"
    external_labels data_center="eu1""##;
