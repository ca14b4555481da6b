//! A template of the user does not work, or its output has no place of its own.

use super::{Input, Rule, read};
use crate::diag::{Files, Findings, Severity};
use crate::manifest::{RenderTarget, Stack};
use crate::render::{self, Setting, Sources, TemplateFault};

pub(super) const RULE: Rule = Rule {
    code: "S812",
    name: "broken-template",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    find(stack, files, render::target_of(stack), findings);
}

/// The same for another target than the manifest's.
pub(super) fn find(stack: &Stack, files: &Files, target: RenderTarget, findings: &mut Findings) {
    let sources = Named(files);
    let setting = Setting { base: ".", sources: &sources };
    for TemplateFault { span, message, help } in render::template_faults(stack, &setting, target) {
        let what = format!("not with `--target {}`", target.name());
        let mut finding = RULE.says(message).at(span, what);
        if !help.is_empty() {
            finding = finding.help(help);
        }
        findings.push(finding);
    }
}

/// Files that the manifest names, as an editor has them.
struct Named<'a>(&'a Files);

impl Sources for Named<'_> {
    fn read(&self, path: &str) -> std::io::Result<String> {
        read(self.0, path)
    }
}

const EXPLAIN: &str = r##"A `template` of the manifest is rendered to see whether it works: a mistake in its syntax, a filter that does not
exist, an include that is not there, a value that nobody set. The message has the line and column of the template.

    template "./nagios.cfg.j2" to="nagios.cfg"

    {{ service.healthcheck }}                     // nothing when the manifest has no health check
    {{ service.healthcheck | default("-") }}      // a text for that case
    {% if service.healthcheck %}…{% endif %}      // or ask before

Work without an end is stopped: five million steps, 16 MB of output. The path of the output has to stay inside of
the output folder, and must not be that of a file that is rendered anyway."##;
