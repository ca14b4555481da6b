//! A relabelling step lacks what its action needs, has what it may not have, or its regular expression
//! does not parse.

use super::{Input, Rule};
use crate::diag::{Finding, Findings, Severity, Span, Spanned};
use crate::manifest::{Block, Relabel, RelabelAction};
use crate::model::{MatchOp, Matcher};

pub(super) const RULE: Rule = Rule {
    code: "S212",
    name: "invalid-relabel",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    for scrape in &prometheus.scrapes {
        let owner = format!("scrape job `{}`", scrape.job);
        for step in scrape.relabel.iter().chain(&scrape.metric_relabel) {
            refuse(step, &owner, findings);
        }
    }
    for write in &prometheus.remote_write {
        let owner = format!("remote write to `{}`", write.url);
        write.write_relabel.iter().for_each(|step| refuse(step, &owner, findings));
    }
}

/// What `model/relabel/relabel.go` of Prometheus refuses when it reads a configuration.
fn refuse(step: &Block<Relabel>, owner: &str, findings: &mut Findings) {
    use RelabelAction::{
        Dropequal, Hashmod, Keepequal, Labeldrop, Labelkeep, Lowercase, Replace, Uppercase,
    };
    let Relabel { source_labels, separator, regex, target_label, replacement, modulus, action } =
        &step.value;
    let kind = action.as_ref().map_or(Replace, |action| action.value);
    let word = kind.name();
    let place = action.as_ref().map_or(step.span(), |action| action.span);
    let mut says = |finding: Finding| findings.push(finding);

    if let Some(regex) = regex
        && let Err(err) = Matcher::new("", MatchOp::Regex, regex.as_str())
    {
        says(
            RULE.says(format!("{owner}: the regular expression does not parse: {err}"))
                .at(regex.span, "not a regular expression")
                .help("a sign of its own needs a backslash: `\\.`, `\\(`, `\\[`"),
        );
    }
    let sets = matches!(kind, Replace | Hashmod | Lowercase | Uppercase | Keepequal | Dropequal);
    if sets && target_label.is_none() {
        says(
            RULE.says(format!("{owner}: `{word}` lacks `target_label`"))
                .at(place, "no label to write to or compare with")
                .help("add the label's name: `target_label=\"instance\"`"),
        );
    }
    if kind == Hashmod && modulus.as_ref().is_none_or(|modulus| modulus.value == 0) {
        says(
            RULE.says(format!("{owner}: `hashmod` needs a `modulus` above 0"))
                .at(modulus.as_ref().map_or(place, |modulus| modulus.span), "by what to divide")
                .help("add the number of shards: `modulus=4`"),
        );
    }
    // A setting that is at its default is as good as none.
    let other = |text: &Option<Spanned<String>>, default: &str| -> Option<Span> {
        text.as_ref().filter(|text| text.as_str() != default).map(|text| text.span)
    };
    let mut unwanted: Vec<(&str, Option<Span>)> = Vec::new();
    if matches!(kind, Labeldrop | Labelkeep | Keepequal | Dropequal) {
        unwanted.push(("separator", other(separator, ";")));
        unwanted.push(("modulus", modulus.as_ref().filter(|m| m.value != 0).map(|m| m.span)));
    }
    if matches!(kind, Labeldrop | Labelkeep) {
        unwanted.push(("source_labels", source_labels.first().map(|label| label.span)));
        unwanted.push(("target_label", other(target_label, "")));
    }
    if matches!(kind, Labeldrop | Labelkeep | Keepequal | Dropequal | Lowercase | Uppercase) {
        unwanted.push(("replacement", other(replacement, "$1")));
    }
    if matches!(kind, Keepequal | Dropequal) {
        unwanted.push(("regex", other(regex, "(.*)")));
    }
    for (name, span) in unwanted {
        let Some(span) = span else { continue };
        says(
            RULE.says(format!("{owner}: `{word}` takes no `{name}`"))
                .at(span, "not read by this action")
                .help(match kind {
                    Labeldrop | Labelkeep => "it matches names of labels with `regex` alone",
                    _ => "it reads `source_labels` and `target_label` alone",
                }),
        );
    }
}

const EXPLAIN: &str = r##"Prometheus refuses a configuration with a relabelling step that its action cannot do: `replace`, `lowercase`,
`uppercase`, `hashmod`, `keepequal` and `dropequal` need a `target_label`, `hashmod` a `modulus`, `labeldrop` and
`labelkeep` read `regex` alone, and `regex` has to be a regular expression in the syntax of RE2.

    relabel { source_labels "__address__"; action "hashmod"; modulus 4 }

Write where the result goes: `target_label "shard"`."##;
