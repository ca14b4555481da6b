//! `fmt`: the canonical layout of KDL manifests.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use super::printer::{self, out};
use super::{COULD_NOT, edit, usual};
use crate::diag::{FileId, Files, Finding, Place, Span};
use crate::manifest::{self, Format, Refusal};

/// Brings KDL manifests into their canonical layout; comments stay. YAML and JSON have formatters of
/// their own: such a file is named, with exit code 2, and the KDL ones beside it are formatted.
#[derive(Debug, Args)]
pub struct Fmt {
    /// The files; only KDL has a layout. When nothing is said, the stack.kdl of this folder.
    files: Vec<PathBuf>,
    /// Write nothing; name the files that would change, with exit code 1.
    #[arg(long)]
    check: bool,
    /// Write nothing; show what would change, with exit code 1.
    #[arg(long)]
    diff: bool,
    /// Read the text from stdin and write it to stdout.
    #[arg(long, conflicts_with_all = ["check", "diff", "files"])]
    stdin: bool,
}

impl Fmt {
    /// Exit code 1 if `--check` or `--diff` found something to change, 2 if a file has mistakes or is no
    /// KDL; the others are formatted all the same.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if self.stdin {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("cannot read stdin")?;
            let text = formatted("stdin", &text)?;
            out().write_all(text.as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        let (mut differs, mut failed) = (false, false);
        // One file with a mistake does not keep the others from their layout.
        let files = match &self.files[..] {
            [] => vec![kdl_here()?],
            files => files.to_vec(),
        };
        for path in &files {
            match self.one(path) {
                Ok(changed) => differs |= changed && (self.check || self.diff),
                Err(err) => {
                    failed = true;
                    printer::error(&crate::diag::chain(err.as_ref()));
                }
            }
        }
        Ok(ExitCode::from(if failed { COULD_NOT } else { u8::from(differs) }))
    }

    /// Whether the layout of a file was, or is to be, changed.
    fn one(&self, path: &Path) -> anyhow::Result<bool> {
        let name = path.display().to_string();
        match Format::of(path) {
            Some(Format::Kdl) => {}
            Some(Format::Yaml | Format::Json) => {
                bail!(
                    "`{name}` is not KDL: `fmt` has a layout for KDL alone, so leave this file out and \
                     format it with a formatter of its own language"
                )
            }
            None => bail!("`{name}` is not called .kdl"),
        }
        let before =
            std::fs::read_to_string(path).with_context(|| format!("cannot read `{name}`"))?;
        let after = formatted(&name, &before)?;
        if before == after {
            return Ok(false);
        }
        if self.diff {
            write!(out(), "{}", edit::diff(&name, &before, &after))?;
        } else if self.check {
            writeln!(out(), "{name}")?;
        } else {
            edit::replace(path, &before, &after)?;
            printer::note(&format!("formatted {name}"));
        }
        Ok(true)
    }
}

/// The KDL manifest of this folder.
fn kdl_here() -> anyhow::Result<PathBuf> {
    let all = usual::all(Path::new(""));
    match all.iter().find(|path| Format::of(path) == Some(Format::Kdl)) {
        Some(path) => Ok(path.clone()),
        // Says that there is none, or that what is there is no KDL.
        None => usual::here(),
    }
}

fn formatted(name: &str, text: &str) -> anyhow::Result<String> {
    let mut files = Files::default();
    files.add(name, text);
    let place = |at: usize| {
        let Place { line, column } = files.start(Span::new(FileId(0), at..at));
        format!("{name}:{line}:{column}")
    };
    match manifest::format(text) {
        Ok(text) => Ok(text),
        Err(Refusal::Mistake(finding)) => {
            let Finding { code, message, .. } = &*finding;
            let place = place(finding.span().start as usize);
            bail!("{place}: {code}: {message}; `stackctl validate` shows all mistakes")
        }
        Err(Refusal::Comment(at)) => {
            bail!("{}: a comment cannot stay here; put it on a line of its own", place(at))
        }
        Err(Refusal::Changed) => bail!("`{name}` would not mean the same; it stays as it is"),
    }
}
