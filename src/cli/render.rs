//! `render`: writes the configuration files of every product.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use clap::builder::PossibleValuesParser;

use super::printer::{self, out};
use super::validate::{self, Source};
use crate::check::{self, GENERATED_FILE_EDITED};
use crate::manifest::{Loaded, RenderTarget};
use crate::render::{self, Beside, HandEdits, Output, RenderError, Setting, WriteOptions};

/// Writes every configuration file of the stack; only what changed, and all or nothing.
#[derive(Debug, Args)]
pub struct Render {
    #[command(flatten)]
    source: Source,
    /// What to render for; what the manifest says (`stack "…" target="…"`), or compose.
    #[arg(long, value_name = "TARGET", value_parser = targets())]
    target: Option<String>,
    /// Folder to write to.
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    /// Write nothing; exit code 1 if the folder is not what would be rendered.
    #[arg(long, conflicts_with_all = ["diff", "stdout"])]
    check: bool,
    /// Write nothing; show what would change. Exit code 1 if anything would.
    #[arg(long, conflicts_with = "stdout")]
    diff: bool,
    /// Write nothing; print this one file.
    #[arg(long, value_name = "FILE")]
    stdout: Option<String>,
    /// Replace files that were changed by hand.
    #[arg(long, conflicts_with = "adopt")]
    overwrite: bool,
    /// Keep files that were changed by hand, and be content with them from now on.
    #[arg(long)]
    adopt: bool,
}

impl Render {
    /// Exit code 1 if the manifest has errors, a file was changed by hand, or the folder differs
    /// (`--check`, `--diff`).
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut loaded = self.source.load()?;
        let said = render::TARGETS.into_iter().find(|t| self.target.as_deref() == Some(t.name()));
        let target = said.unwrap_or_else(|| render::target_of(&loaded.stack));
        let levels = self.source.words.levels()?;
        let Loaded { stack, files, findings, .. } = &mut loaded;
        check::review_target(stack, files, target, findings, &levels);
        validate::show(&loaded);
        if validate::is_hindered(&loaded) {
            return Ok(ExitCode::from(1));
        }
        let manifest = self.source.path()?;
        let outputs = plan(&loaded, target, &manifest, &self.output)?;
        if let Some(wanted) = &self.stdout {
            let Some(output) = outputs.iter().find(|output| output.path == *wanted) else {
                let paths: Vec<&str> = outputs.iter().map(|output| output.path.as_str()).collect();
                bail!("no output is called `{wanted}`; there are {}", paths.join(", "));
            };
            out().write_all(&output.bytes)?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.check {
            let drifts = render::check(&outputs, &self.output)?;
            for drift in &drifts {
                writeln!(out(), "{}: {}", drift.path, drift.kind.as_str())?;
            }
            if drifts.is_empty() {
                printer::note(&format!("clean: {} files are as rendered", outputs.len()));
            }
            return Ok(ExitCode::from(u8::from(!drifts.is_empty())));
        }
        if self.diff {
            let diff = render::diff(&outputs, &self.output)?;
            out().write_all(diff.as_bytes())?;
            return Ok(ExitCode::from(u8::from(!diff.is_empty())));
        }
        let hand_edits = match (self.overwrite, self.adopt) {
            (true, _) => HandEdits::Overwrite,
            (false, true) => HandEdits::Adopt,
            (false, false) => HandEdits::Refuse,
        };
        let options = WriteOptions {
            manifest: manifest.display().to_string(),
            profile: self.source.profile.clone(),
            target: Some(target),
            hand_edits,
        };
        let report = match render::write(&outputs, &self.output, &options) {
            // Nothing is out of order; the user has to decide.
            Err(err @ RenderError::HandEdited { .. }) => {
                printer::error(&err.to_string());
                printer::note(&format!(
                    "nothing was written; `--diff` shows what would change, `--adopt` keeps these \
                     files, `--overwrite` replaces them; see `stackctl explain {}`",
                    GENERATED_FILE_EDITED.code
                ));
                return Ok(ExitCode::from(1));
            }
            report => report?,
        };
        for path in &report.written {
            printer::note(&format!("wrote {path}"));
        }
        for path in &report.removed {
            printer::note(&format!("removed {path}"));
        }
        for path in &report.kept {
            printer::note(&format!("kept {path}, changed by hand"));
        }
        if report.is_clean() {
            printer::note(&format!("nothing to write: {} files are as rendered", report.unchanged));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The words of all targets.
fn targets() -> PossibleValuesParser {
    render::TARGETS.map(RenderTarget::name).into()
}

/// All outputs of a manifest for an output folder.
fn plan(
    loaded: &Loaded,
    target: RenderTarget,
    manifest: &Path,
    output: &Path,
) -> anyhow::Result<Vec<Output>> {
    let folder = match manifest.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let setting = Setting {
        base: &render::base_between(manifest, output),
        sources: &Beside(folder.to_owned()),
    };
    Ok(render::plan_for(&loaded.stack, &setting, target)?)
}
