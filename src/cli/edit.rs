//! Changing the user's files: all of a file or nothing, and how a change is shown.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use similar::TextDiff;
use tempfile::NamedTempFile;

/// Replaces a file's text in one step. Refuses when it is not `before` any more: somebody else wrote to
/// it. Links are followed, permissions stay.
pub fn replace(path: &Path, before: &str, after: &str) -> anyhow::Result<()> {
    let shown = path.display();
    let path = path.canonicalize().with_context(|| format!("cannot find `{shown}`"))?;
    if fs::read(&path).with_context(|| format!("cannot read `{shown}`"))? != before.as_bytes() {
        bail!("`{shown}` was changed meanwhile; it stays as it is");
    }
    let cannot = || format!("cannot write `{shown}`");
    let folder = path.parent().context("a file is in a folder")?;
    let mut file = NamedTempFile::new_in(folder).with_context(cannot)?;
    file.write_all(after.as_bytes()).with_context(cannot)?;
    file.as_file().sync_all().with_context(cannot)?;
    fs::set_permissions(file.path(), fs::metadata(&path)?.permissions()).with_context(cannot)?;
    file.persist(&path).with_context(cannot)?;
    Ok(())
}

/// Writes a new file in one step; `replace` is whether one that is there may go.
pub fn create(path: &Path, text: &str, replace: bool) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    // The temporary file's own default is for its owner alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    if replace {
        file.persist(path)?;
    } else {
        file.persist_noclobber(path)?;
    }
    Ok(())
}

/// What a change does to a file, as `diff -u` shows it.
pub fn diff(name: &str, before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after)
        .unified_diff()
        .header(&format!("a/{name}"), &format!("b/{name}"))
        .to_string()
}
