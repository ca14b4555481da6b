//! `init`: a starter manifest of what runs here.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use super::printer::{self, out};
use super::{edit, small_runtime, usual};
use crate::init;
use crate::manifest::Format;

/// Writes a commented starter manifest of what runs on this machine and lies in this folder; asks
/// nothing, changes nothing.
#[derive(Debug, Args)]
pub struct Init {
    /// Where to write the manifest, `-` for stdout; `stack.kdl` when nothing is said.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write YAML.
    #[arg(long)]
    yaml: bool,
    /// Replace a manifest that is there already.
    #[arg(long)]
    force: bool,
    /// Do not ask the ports of this machine for metrics; only look who listens.
    #[arg(long)]
    no_probe: bool,
}

impl Init {
    /// Exit code 0 also when nothing was found: then the machine itself is watched.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let usual = if self.yaml { "stack.yaml" } else { "stack.kdl" };
        let path = self.output.unwrap_or_else(|| usual.into());
        let stdout = path.as_os_str() == "-";
        let format = match Format::of(&path) {
            _ if stdout && self.yaml => Format::Yaml,
            _ if stdout => Format::Kdl,
            Some(Format::Kdl) if self.yaml => bail!("`{}` is not called .yaml", path.display()),
            Some(format @ (Format::Kdl | Format::Yaml)) => format,
            _ => bail!("`{}` is not called .kdl or .yaml", path.display()),
        };
        let shown = path.display();
        if !stdout && !self.force && path.try_exists().unwrap_or(true) {
            bail!(
                "`{shown}` is there already; `--force` replaces it, `-o FILE` writes another one"
            );
        }
        if !stdout && !self.force {
            usual::alone(&path)?;
        }
        let parent = path.parent().filter(|folder| !stdout && !folder.as_os_str().is_empty());
        let folder = parent.unwrap_or(Path::new("."));
        let seen = init::look_into(folder)?;
        let machine = small_runtime()?.block_on(init::look_around(!self.no_probe));
        let at = if stdout { Path::new(usual) } else { &path };
        let starter = init::starter(&machine, &seen, at, format);
        for note in &starter.notes {
            printer::note(note);
        }
        if stdout {
            out().write_all(starter.text.as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        edit::create(&path, &starter.text, self.force)
            .with_context(|| format!("cannot write `{shown}`"))?;
        printer::note(&format!("wrote {shown}; `stackctl up {shown}` starts it"));
        Ok(ExitCode::SUCCESS)
    }
}
