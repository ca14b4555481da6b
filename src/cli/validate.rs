//! `validate`: all findings of a manifest in one run.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};

use super::edit;
use super::fix::{self, Fixed};
use super::printer::{self, out};
use super::several;
use crate::check::{self, Levels};
use crate::diag::{self, Code, Finding, Report, Severity, Span, report};
use crate::manifest::{self, Loaded};

/// How the bytes of a file are had.
pub type Read<'a> = dyn Fn(&Path) -> std::io::Result<Vec<u8>> + 'a;

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
        self.load_with(&manifest::read_file)
    }

    /// As [`Source::load`], with files read by `read`.
    pub fn load_with(&self, read: &Read<'_>) -> anyhow::Result<Loaded> {
        let mut loaded = manifest::load_with(&self.manifest, self.profile.as_deref(), read)?;
        let levels = Levels::new(&self.allow, &self.warn, &self.deny)?;
        let Loaded { stack, files, findings, .. } = &mut loaded;
        check::run(stack, files, findings, &levels);
        self.spare_other_profiles(&mut loaded, &levels, read)?;
        Ok(loaded)
    }

    /// What seems to be there for nothing, a declaration or an allowance, may be there for the sake of
    /// another profile: what any of them needs is no finding.
    fn spare_other_profiles(
        &self,
        loaded: &mut Loaded,
        levels: &Levels,
        read: &Read<'_>,
    ) -> anyhow::Result<()> {
        let is_unused = |finding: &Finding| check::UNUSED.contains(&finding.code);
        let names = loaded.profiles.iter().map(|name| Some(name.value.clone()));
        let others = std::iter::once(None).chain(names).filter(|name| *name != self.profile);
        for other in others.collect::<Vec<_>>() {
            if !loaded.findings.iter().any(is_unused) {
                break;
            }
            let mut other = manifest::load_with(&self.manifest, other.as_deref(), read)?;
            check::run(&other.stack, &other.files, &mut other.findings, levels);
            let unused: HashSet<Span> =
                other.findings.iter().filter(|one| is_unused(one)).map(Finding::span).collect();
            let Loaded { stack, findings, .. } = loaded;
            let (here, there) = (check::idle_places(stack), check::idle_places(&other.stack));
            findings.retain(|finding| {
                let place = finding.span();
                // What only this profile says is not there in the other one.
                let only_here = here.contains(&place) && !there.contains(&place);
                !is_unused(finding) || only_here || unused.contains(&place)
            });
        }
        Ok(())
    }
}

/// Checks a manifest and explains every mistake at its line and column.
#[derive(Debug, Args)]
pub struct Validate {
    #[command(flatten)]
    source: Source,
    /// Further manifests of the same federation: each is checked, and all are compared.
    #[arg(value_name = "MANIFEST", conflicts_with = "fix")]
    further: Vec<PathBuf>,
    /// Form of the report.
    #[arg(long, value_name = "FORM", default_value = "full", value_parser = forms())]
    format: String,
    /// Write the report into this file.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Apply the edits that findings offer, then report what is left.
    #[arg(long)]
    fix: bool,
    /// With `--fix`: write nothing and show what would change, with exit code 1.
    #[arg(long, requires = "fix")]
    diff: bool,
}

/// The forms of reports with a few words on each.
fn forms() -> PossibleValuesParser {
    let value = |form: &diag::Form| PossibleValue::new(form.name).help(form.about);
    report::FORMS.iter().map(value).collect::<Vec<_>>().into()
}

impl Validate {
    /// Exit code 1 if a finding is an error.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let loaded = if self.fix {
            let Fixed { loaded, changes, mended, refused } = fix::fix(&self.source)?;
            for line in &refused {
                printer::note(line);
            }
            if self.diff {
                for (path, before, after) in &changes {
                    let name = path.display().to_string();
                    write!(out(), "{}", edit::diff(&name, before, after))?;
                }
                let errors = loaded.findings.count(Severity::Error) > 0;
                return Ok(ExitCode::from(u8::from(errors || !changes.is_empty())));
            }
            for (path, before, after) in &changes {
                edit::replace(path, before, after)?;
                printer::note(&format!("changed {}", path.display()));
            }
            if mended > 0 {
                let plural = if mended == 1 { "" } else { "s" };
                printer::note(&format!("mended {mended} finding{plural}"));
            }
            loaded
        } else if self.further.is_empty() {
            self.source.load()?
        } else {
            several::load(&self.source, &self.further)?
        };
        let Loaded { files, findings, .. } = &loaded;
        let rules: Vec<Code> = check::rules().collect();
        let form = report::form(&self.format).context("clap lets no other form pass")?;
        let color = match self.output {
            Some(_) => printer::color_file(),
            None => printer::color_stdout(),
        };
        let mut text = String::new();
        form.print(&Report { findings, files, rules: &rules, color }, &mut text)?;
        match &self.output {
            Some(path) => fs::write(path, text)
                .with_context(|| format!("cannot write `{}`", path.display()))?,
            None => out().write_all(text.as_bytes())?,
        }
        if form.name == "full" || self.output.is_some() {
            printer::note(&summary(&loaded, self.further.len()));
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

fn summary(loaded: &Loaded, further: usize) -> String {
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
        [] if further > 0 => format!("{} stacks are well: no findings", further + 1),
        [] => format!("stack `{}` is well: no findings", loaded.stack.name()),
        parts => parts.join(", "),
    }
}
