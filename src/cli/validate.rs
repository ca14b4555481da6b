//! `validate`: all findings of a manifest in one run.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::edit;
use super::printer::{self, out};
use super::{several, stdin, usual};
use crate::check::{self, Fixed, Level, Levels};
use crate::diag::{self, Code, Finding, Report, Severity, report};
use crate::manifest::{self, Loaded, codes};

/// Which manifest, and how it is read; shared by all commands that read one.
#[derive(Debug, Clone, Args)]
pub struct Source {
    /// The manifest: KDL, YAML or JSON by its extension; `-` is standard input, whose notation its first
    /// line tells. When nothing is said, the stack.kdl, stack.yaml, stack.yml or stack.json of this folder.
    pub manifest: Option<PathBuf>,
    /// Overlay this profile of the manifest.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// How findings are to be weighed.
    #[command(flatten)]
    pub words: Words,
}

/// `--deny`, `--allow` and `--warn` with what they name, in the order in which they were written.
#[derive(Debug, Clone, Default)]
pub struct Words(Vec<(String, Level)>);

/// The options, with what is said of them.
const OPTIONS: [(&str, Level, &str); 3] = [
    (
        "deny",
        Level::Deny,
        "Treat findings of this code, name or group as errors; may be repeated. A code or name counts \
         more than a group, of equal words the later one",
    ),
    ("allow", Level::Allow, "Leave out findings of this code, name or group; may be repeated"),
    (
        "warn",
        Level::Warn,
        "Treat findings of this code, name or group as warnings; may be repeated",
    ),
];

impl Words {
    /// What they ask for.
    pub fn levels(&self) -> Result<Levels, check::UnknownRule> {
        Levels::in_order(self.0.iter().cloned())
    }
}

impl FromArgMatches for Words {
    fn from_arg_matches(found: &ArgMatches) -> Result<Self, clap::Error> {
        let mut words = Vec::new();
        for (name, level, _) in OPTIONS {
            let places = found.indices_of(name).into_iter().flatten();
            let values = found.get_many::<String>(name).into_iter().flatten();
            words.extend(places.zip(values).map(|(place, word)| (place, (word.clone(), level))));
        }
        words.sort_by_key(|(place, _)| *place);
        Ok(Self(words.into_iter().map(|(_, word)| word).collect()))
    }

    fn update_from_arg_matches(&mut self, found: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(found)?;
        Ok(())
    }
}

impl Args for Words {
    fn augment_args(command: Command) -> Command {
        OPTIONS.into_iter().fold(command, |command, (name, _, help)| {
            let option = Arg::new(name).long(name).value_name("RULE").help(help);
            command.arg(option.action(ArgAction::Append))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl Source {
    /// Path of the manifest: the one that was named, or the one that is here.
    pub fn path(&self) -> anyhow::Result<PathBuf> {
        match &self.manifest {
            Some(path) if stdin::is_meant(path) => stdin::path(),
            Some(path) => Ok(path.clone()),
            None => usual::here(),
        }
    }

    /// Reads and checks the manifest. Findings are settled: levels are applied, nothing is left to
    /// decide but whether one of them is an error.
    pub fn load(&self) -> anyhow::Result<Loaded> {
        self.load_with(&stdin::read_file)
    }

    /// As [`Source::load`], with files read by `read`.
    pub fn load_with(&self, read: &check::Read<'_>) -> anyhow::Result<Loaded> {
        let levels = self.words.levels()?;
        Ok(check::load(&self.path()?, self.profile.as_deref(), &levels, read)?)
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
        if self.fix && self.source.manifest.as_deref().is_some_and(stdin::is_meant) {
            bail!("what comes from standard input cannot be mended in place: name a file");
        }
        let loaded = if self.fix {
            let Fixed { loaded, changes, mended, refused } =
                check::fix(&|read| self.source.load_with(read), &manifest::read_file)?;
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

/// Whether errors keep the manifest from being rendered or run. What is wrong within a `test` changes
/// nothing of that: it fails the test, and `validate`.
pub fn is_hindered(Loaded { stack, findings, .. }: &Loaded) -> bool {
    let errors = || findings.iter().filter(|finding| finding.severity == Severity::Error);
    // Where a brace is missing, a test may go on into what stands behind it.
    let in_test =
        |finding: &Finding| stack.tests.iter().any(|it| it.whole.contains(finding.span()));
    let text = errors().any(|finding| finding.code == codes::SYNTAX.code);
    text || errors().any(|finding| !in_test(finding))
}

/// 1 if a finding is an error, else 0.
pub fn exit_code(loaded: &Loaded) -> ExitCode {
    ExitCode::from(u8::from(loaded.findings.count(Severity::Error) > 0))
}

/// Shows the findings on stderr, for commands whose stdout is something else; those who want it quiet
/// are told of errors alone.
pub fn show(loaded: &Loaded) {
    let mut findings = loaded.findings.clone();
    if super::quiet() {
        findings.retain(|finding| finding.severity == Severity::Error);
    }
    let mut report = String::new();
    if diag::print_full(&mut report, &findings, &loaded.files, printer::color_stderr()).is_ok() {
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
