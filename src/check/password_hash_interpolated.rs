//! The dollars of a password's hash are doubled, as for a file of compose.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Spanned};
use crate::manifest::{Stack, Value};

pub(super) const RULE: Rule = Rule {
    code: "S611",
    name: "password-hash-interpolated",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    for (what, text, span) in texts(stack) {
        if !is_doubled_hash(text) {
            continue;
        }
        let written = files.text(span);
        let finding = RULE
            .says(format!("the hash in {what} has doubled dollars, and would fit no password"))
            .at(span, "`$$` stays `$$`")
            .help("write single ones: render doubles them for compose");
        findings.push(if written.contains("$$") {
            finding.replace("single dollars", span, written.replace("$$", "$"))
        } else {
            finding
        });
    }
}

/// Every literal text that reaches a program through compose.
fn texts(stack: &Stack) -> impl Iterator<Item = (String, &str, crate::diag::Span)> {
    let services = stack.services.iter().flat_map(|service| {
        let command = service.command.iter().map(move |word| {
            (format!("the command of service `{}`", service.name), word.as_str(), word.span)
        });
        let labels = service.labels.iter().map(move |(name, value)| {
            (format!("label `{name}` of service `{}`", service.name), value.as_str(), value.span)
        });
        command.chain(labels)
    });
    let of_services = stack.services.iter().flat_map(|service| &service.env);
    let of_exporters = stack.exporters.iter().flat_map(|exporter| &exporter.env);
    let of_grafana = stack.grafana.iter().flat_map(|grafana| &grafana.env);
    let variables = of_services.chain(of_exporters).chain(of_grafana);
    let env = variables.filter_map(|(name, value): &(Spanned<String>, Spanned<Value>)| {
        Some((format!("variable `{name}`"), value.value.literal()?, value.span))
    });
    services.chain(env)
}

/// `$$2y$$10$$…` and its like, also behind `user:`.
fn is_doubled_hash(text: &str) -> bool {
    let kinds = ["2a", "2b", "2y", "1", "5", "6", "apr1", "argon2id", "argon2i", "y"];
    kinds.iter().any(|kind| {
        let start = format!("$${kind}$$");
        text.find(&start).is_some_and(|at| at == 0 || text[..at].ends_with([':', '=', ' ']))
    })
}

const EXPLAIN: &str = r##"In a file of compose every `$` of a password's hash has to be doubled, since `$2a` would be a variable. Here it must
not be: render doubles what it writes, and a hash that was copied from such a file ends up with dollars that are no
part of it.

    env ADMIN_HASH="$$2y$$10$$Yq5E…"

Write the hash as it is: `env ADMIN_HASH="$2y$10$Yq5E…"`; better, keep it in a secret."##;

#[cfg(test)]
mod tests {
    use super::is_doubled_hash;

    #[test]
    fn only_whole_hashes_count() {
        assert!(is_doubled_hash("$$2y$$10$$abc"));
        assert!(is_doubled_hash("admin:$$apr1$$x$$y"));
        for other in ["$2y$10$abc", "costs $$2", "a$$1$$b", "$$HOME", ""] {
            assert!(!is_doubled_hash(other), "{other}");
        }
    }
}
