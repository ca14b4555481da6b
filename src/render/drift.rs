//! What differs between a folder and what would be rendered into it, without writing.

use std::path::Path;

use similar::TextDiff;

use super::error::RenderError;
use super::index::Found;
use super::output::{Output, sha256};
use super::write::{State, read, sane, state};

/// How a file deviates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriftKind {
    /// Rendered, but not there.
    Missing,
    /// As an earlier manifest had it.
    Stale,
    /// Changed by hand, or never rendered.
    HandEdited,
    /// There, but no longer rendered.
    Extra,
}

impl DriftKind {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::HandEdited => "edited by hand",
            Self::Extra => "no longer rendered",
        }
    }
}

/// A file that is not as it would be rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Path below the output folder.
    pub path: String,
    /// How it deviates.
    pub kind: DriftKind,
}

/// All files of the folder that are not as they would be rendered, ordered by path. Reads only.
pub fn check(outputs: &[Output], dir: &Path) -> Result<Vec<Drift>, RenderError> {
    sane(outputs)?;
    let found = Found::load(dir)?;
    let mut drifts = Vec::new();
    for output in outputs {
        let kind = match state(&found, dir, output)?.0 {
            State::Same => continue,
            State::Missing => DriftKind::Missing,
            State::Stale => DriftKind::Stale,
            State::Edited => DriftKind::HandEdited,
        };
        drifts.push(Drift { path: output.path.clone(), kind });
    }
    for path in orphans(&found, outputs) {
        // One that was edited will be kept, so there is nothing to do about it.
        if read(dir, path)?.is_some_and(|disk| found.is_ours(path, &sha256(&disk))) {
            drifts.push(Drift { path: path.to_owned(), kind: DriftKind::Extra });
        }
    }
    drifts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(drifts)
}

/// Path, content on disk, content to be.
type Change<'a> = (&'a str, Option<Vec<u8>>, Option<&'a [u8]>);

/// The unified diff from the folder to what would be rendered; empty when they agree. Reads only.
pub fn diff(outputs: &[Output], dir: &Path) -> Result<String, RenderError> {
    sane(outputs)?;
    let found = Found::load(dir)?;
    let mut changes: Vec<Change> = Vec::new();
    for output in outputs {
        let (state, disk) = state(&found, dir, output)?;
        if state != State::Same {
            changes.push((&output.path, disk, Some(&output.bytes)));
        }
    }
    for path in orphans(&found, outputs) {
        if let Some(disk) = read(dir, path)?.filter(|disk| found.is_ours(path, &sha256(disk))) {
            changes.push((path, Some(disk), None));
        }
    }
    changes.sort_by_key(|(path, ..)| *path);
    let mut text = String::new();
    for (path, old, new) in changes {
        let heading = |side: char, there: bool| match there {
            true => format!("{side}/{path}"),
            false => "/dev/null".to_owned(),
        };
        let headings = (heading('a', old.is_some()), heading('b', new.is_some()));
        let old = old.unwrap_or_default();
        let (old, new) =
            (String::from_utf8_lossy(&old), String::from_utf8_lossy(new.unwrap_or_default()));
        let diff = TextDiff::from_lines(old.as_ref(), new.as_ref());
        text.push_str(
            &diff.unified_diff().context_radius(3).header(&headings.0, &headings.1).to_string(),
        );
    }
    Ok(text)
}

fn orphans<'a>(found: &'a Found, outputs: &'a [Output]) -> impl Iterator<Item = &'a str> {
    found.paths().filter(|path| outputs.iter().all(|output| output.path != *path))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::write::{WriteOptions, write};
    use super::*;

    #[test]
    fn every_kind_of_drift_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let old = ["same", "stale", "edited", "extra", "missing"]
            .map(|name| Output::text(name, format!("{name}\n")));
        write(&old, dir.path(), &WriteOptions::default()).unwrap();
        fs::write(dir.path().join("edited"), "mine\n").unwrap();
        fs::remove_file(dir.path().join("missing")).unwrap();
        let mut new: Vec<_> = old.iter().filter(|output| output.path != "extra").cloned().collect();
        new[1].bytes = b"newer\n".to_vec();
        let drifts = check(&new, dir.path()).unwrap();
        let kinds: Vec<_> = drifts.iter().map(|drift| (drift.path.as_str(), drift.kind)).collect();
        assert_eq!(
            kinds,
            [
                ("edited", DriftKind::HandEdited),
                ("extra", DriftKind::Extra),
                ("missing", DriftKind::Missing),
                ("stale", DriftKind::Stale),
            ]
        );
        let text = diff(&new, dir.path()).unwrap();
        for line in [
            "--- a/stale",
            "+++ b/stale",
            "-stale",
            "+newer",
            "-mine",
            "+edited",
            "+++ /dev/null",
            "--- /dev/null",
            "+missing",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(!text.contains("same"));
    }

    #[test]
    fn a_clean_folder_has_no_drift() {
        let dir = tempfile::tempdir().unwrap();
        let outputs = [Output::text("a/b", "c")];
        write(&outputs, dir.path(), &WriteOptions::default()).unwrap();
        assert_eq!(check(&outputs, dir.path()).unwrap(), []);
        assert_eq!(diff(&outputs, dir.path()).unwrap(), "");
    }

    #[test]
    fn looking_at_a_folder_that_is_not_there_makes_none() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("none");
        let drifts = check(&[Output::text("a", "")], &out).unwrap();
        assert_eq!(drifts, [Drift { path: "a".into(), kind: DriftKind::Missing }]);
        assert!(!out.exists());
    }
}
