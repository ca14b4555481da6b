//! `explain`: what a rule finds, why it matters, how to mend it.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use super::printer::out;
use crate::{check, import};

/// Explains a rule; lists all rules if none is named.
#[derive(Debug, Args)]
pub struct Explain {
    /// Code or name: `S101`, `host-port-clash`.
    rule: Option<String>,
}

impl Explain {
    /// Exit code 2 if no rule has that code or name.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Some(wanted) = self.rule else {
            for rule in check::rules() {
                writeln!(out(), "{}  {:<8} {}", rule.code, rule.severity, rule.name)?;
            }
            return Ok(ExitCode::SUCCESS);
        };
        // What an import says is no rule of manifests, and not listed with them.
        let found = check::rules()
            .chain([import::NOT_CARRIED])
            .find(|rule| rule.code.eq_ignore_ascii_case(&wanted) || rule.name == wanted);
        let Some(rule) = found else {
            let names = check::rules().flat_map(|rule| [rule.code, rule.name]);
            bail!("no rule `{wanted}`; {}", check::did_you_mean(&wanted, names, "rules"));
        };
        writeln!(out(), "{} {} ({})\n\n{}", rule.code, rule.name, rule.severity, rule.explain)?;
        Ok(ExitCode::SUCCESS)
    }
}
