//! `import`: a manifest out of configuration that exists.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use super::printer::{self, out};
use super::{edit, usual};
use crate::diag;
use crate::import;

/// Makes a manifest out of a folder with prometheus.yml, rule files, alertmanager.yml, a compose file,
/// Grafana's provisioning and dashboards, or some of them.
#[derive(Debug, Args)]
pub struct Import {
    /// The folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where to write the manifest; paths in it are relative to the folder. `FOLDER/stack.kdl` when
    /// nothing is said, `-` for stdout.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace a manifest that is there already.
    #[arg(long)]
    force: bool,
}

impl Import {
    /// Exit code 0 also when something could not be carried over: it is named on stderr.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let import = import::import(&self.folder)?;
        let mut report = String::new();
        diag::print_full(&mut report, &import.notes, &import.files, printer::color_stderr())?;
        std::io::stderr().write_all(report.as_bytes())?;
        let lost = import.notes.len();
        let things = if lost == 1 { "thing" } else { "things" };
        printer::note(&format!(
            "read {}; {lost} {things} could not be carried over as written",
            import.read.join(", ")
        ));
        let path = self.output.unwrap_or_else(|| self.folder.join("stack.kdl"));
        if path.as_os_str() == "-" {
            out().write_all(import.manifest.as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        if path.exists() && !self.force {
            bail!("`{}` is there already; `--force` replaces it", path.display());
        }
        if !self.force {
            usual::alone(&path)?;
        }
        edit::create(&path, &import.manifest, self.force)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        printer::note(&format!(
            "wrote {}; `stackctl validate {0}` checks it, `stackctl render {0} -o DIR` renders it",
            path.display()
        ));
        Ok(ExitCode::SUCCESS)
    }
}
