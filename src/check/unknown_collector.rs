//! A collector that the exporter does not have.

use super::{Input, Rule, did_you_mean, mending};
use crate::diag::{Findings, Severity};
use crate::exporters::{mysql, node};

pub(super) const RULE: Rule = Rule {
    code: "S219",
    name: "unknown-collector",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    for exporter in &stack.exporters {
        let known: Vec<&str> = match exporter.kind() {
            "node" => node::COLLECTORS.iter().map(|collector| collector.name).collect(),
            "mysql" | "mysqld" => {
                mysql::COLLECTORS.iter().map(|collector| collector.name).collect()
            }
            _ => continue,
        };
        let Some(chosen) = &exporter.collectors else { continue };
        for said in chosen.enable.iter().chain(&chosen.disable).chain(&chosen.only) {
            if known.contains(&said.as_str()) {
                continue;
            }
            let known = known.iter().copied();
            let finding = RULE
                .says(format!("exporter `{}` has no collector `{said}`", exporter.name))
                .at(said.span, "not known")
                .help(did_you_mean(said, known.clone(), "collectors"));
            findings.push(mending::rename_to_similar(finding, files, said.span, said, known));
        }
    }
}

const EXPLAIN: &str = r##"`enable`, `disable` and `only` of `collectors` become flags of the exporter, and the reference exporters do not start
with a flag that they do not know.

    exporter "node" { collectors { disable "filesytem" } }

Write the name as the exporter does:

    exporter "node" { collectors { disable "filesystem" } }

A collector that only a version of your own has is given as a flag: `args "--collector.own"`."##;
