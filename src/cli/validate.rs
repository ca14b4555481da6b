//! `validate`: all findings of a manifest in one run.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::printer::{self, out};
use crate::check::{self, Levels};
use crate::diag::{self, Severity};
use crate::manifest::{self, Loaded};

/// Which manifest, and how it is read; shared by all commands that read one.
#[derive(Debug, Clone, Args)]
pub struct Source {
    /// The manifest: KDL, YAML or JSON by its extension.
    #[arg(default_value = "stack.kdl")]
    pub manifest: PathBuf,
    /// Overlay this profile of the manifest.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Treat findings of this code, name or group as errors; may be repeated.
    #[arg(long, value_name = "RULE")]
    pub deny: Vec<String>,
    /// Leave out findings of this code, name or group; may be repeated.
    #[arg(long, value_name = "RULE")]
    pub allow: Vec<String>,
    /// Treat findings of this code, name or group as warnings; may be repeated.
    #[arg(long, value_name = "RULE")]
    pub warn: Vec<String>,
}

impl Source {
    /// Reads and checks the manifest. Findings are settled: levels are applied, nothing is left to
    /// decide but whether one of them is an error.
    pub fn load(&self) -> anyhow::Result<Loaded> {
        let mut loaded = manifest::load(&self.manifest, self.profile.as_deref())?;
        let levels = Levels::new(&self.allow, &self.warn, &self.deny)?;
        let Loaded { stack, files, findings, .. } = &mut loaded;
        check::run(stack, files, findings, &levels);
        Ok(loaded)
    }
}

/// Checks a manifest and explains every mistake at its line and column.
#[derive(Debug, Args)]
pub struct Validate {
    #[command(flatten)]
    source: Source,
    /// Form of the report.
    #[arg(long, value_name = "FORM", default_value = "full")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Drawn with the source.
    Full,
    /// One line each.
    Concise,
    /// For programs.
    Json,
}

impl Validate {
    /// Exit code 1 if a finding is an error.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let loaded = self.source.load()?;
        let Loaded { files, findings, .. } = &loaded;
        let mut report = String::new();
        match self.format {
            Format::Full => diag::print_full(&mut report, findings, files, printer::color_stdout()),
            Format::Concise => diag::print_concise(&mut report, findings, files),
            Format::Json => diag::print_json(&mut report, findings, files),
        }?;
        out().write_all(report.as_bytes())?;
        if self.format == Format::Full {
            printer::note(&summary(&loaded));
        }
        Ok(exit_code(&loaded))
    }
}

/// 1 if a finding is an error, else 0.
pub fn exit_code(loaded: &Loaded) -> ExitCode {
    ExitCode::from(u8::from(loaded.findings.count(Severity::Error) > 0))
}

/// Shows the findings on stderr, for commands whose stdout is something else.
pub fn show(loaded: &Loaded) {
    let mut report = String::new();
    if diag::print_full(&mut report, &loaded.findings, &loaded.files, printer::color_stderr())
        .is_ok()
    {
        let _ = std::io::stderr().write_all(report.as_bytes());
    }
}

fn summary(loaded: &Loaded) -> String {
    let count = |severity| loaded.findings.count(severity);
    let parts: Vec<String> = [
        (count(Severity::Error), "error"),
        (count(Severity::Warning), "warning"),
        (count(Severity::Info), "note"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
    .collect();
    match &parts[..] {
        [] => format!("stack `{}` is well: no findings", loaded.stack.name()),
        parts => parts.join(", "),
    }
}
