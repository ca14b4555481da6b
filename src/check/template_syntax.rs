//! An annotation or label is a Go template that cannot be read.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::place_in;
use crate::template;

pub(super) const RULE: Rule = Rule {
    code: "S405",
    name: "template-syntax",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    for alert in stack.alerts() {
        let named = [
            ("summary", &alert.summary),
            ("description", &alert.description),
            ("runbook_url", &alert.runbook_url),
        ];
        let named = named.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
        let maps = alert.annotations.iter().chain(&alert.labels);
        let free = maps.map(|(name, text)| (name.as_str(), text));
        for (name, text) in named.chain(free) {
            for err in template::faults(text) {
                let span = place_in(files, text, err.offset..err.offset + err.len);
                findings.push(
                    RULE.says(format!("`{name}` of alert `{}`: {}", alert.name, err.message))
                        .at(span, "here")
                        .help("for example `{{ $labels.instance }}` or `{{ $value | humanize }}`"),
                );
            }
        }
    }
}

const EXPLAIN: &str = r##"Annotations and labels of alerts are Go templates. One that cannot be read makes Prometheus refuse the
rule file, and one that calls an unknown function shows its error in place of the text.

    summary "{{ $labels.instance is down"      // the action is not closed
    summary "{{ $labels.instance }} is down""##;
