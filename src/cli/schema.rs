//! `schema`: the JSON Schema of the manifest's YAML form.

use std::io::Write;
use std::process::ExitCode;

use super::printer::out;
use crate::manifest;

/// Prints the schema that editors use for completion.
pub fn run() -> anyhow::Result<ExitCode> {
    out().write_all(manifest::schema::text().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
