//! The index `.stackctl/outputs.json` of an output folder: what was rendered into it. It tells a hand
//! edit from a stale file, and knows which files the manifest no longer has.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::RenderError;

/// The folder of our own below the output folder.
pub(super) const FOLDER: &str = ".stackctl";
const CURRENT: &str = "outputs.json";
const NEXT: &str = "outputs.next.json";

/// What was rendered into a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Index {
    /// Path of the manifest as it was given.
    pub manifest: String,
    /// Profile that was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Word of the target, where it is not compose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Files by path.
    pub outputs: BTreeMap<String, Entry>,
}

/// One rendered file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Entry {
    /// SHA-256 of the file as it was left on disk.
    pub sha256: String,
    /// For a hand-edited file that was adopted: SHA-256 of the rendered text it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_for: Option<String>,
}

impl Index {
    /// Whether a folder has an index: it was rendered to.
    pub fn is_in(dir: &Path) -> bool {
        path(dir, CURRENT).is_file()
    }

    /// The index of a folder; `None` for one that nothing was rendered to.
    pub fn read(dir: &Path) -> Result<Option<Self>, RenderError> {
        read(&path(dir, CURRENT))
    }
}

/// The index as found: the current one, and the one of a render that did not come to its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    current: Index,
    interrupted: Option<Index>,
}

impl Found {
    /// Reads the index; a folder without one has none of our files.
    pub(super) fn load(dir: &Path) -> Result<Self, RenderError> {
        Ok(Self {
            current: read(&path(dir, CURRENT))?.unwrap_or_default(),
            interrupted: read(&path(dir, NEXT))?,
        })
    }

    /// Entry of a file.
    pub(super) fn entry(&self, path: &str) -> Option<&Entry> {
        self.current.outputs.get(path)
    }

    /// Whether the file on disk is just what a render left there.
    pub(super) fn is_ours(&self, path: &str, sha256: &str) -> bool {
        let unedited = |index: &Index| {
            index
                .outputs
                .get(path)
                .is_some_and(|entry| entry.sha256 == sha256 && entry.adopted_for.is_none())
        };
        unedited(&self.current) || self.interrupted.as_ref().is_some_and(unedited)
    }

    /// All files that a render left, in order.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        let interrupted = self.interrupted.iter().flat_map(|index| index.outputs.keys());
        let mut paths: Vec<&str> =
            self.current.outputs.keys().chain(interrupted).map(String::as_str).collect();
        paths.sort_unstable();
        paths.dedup();
        paths.into_iter()
    }

    /// Whether nothing has to be written to have this index on disk.
    pub(super) fn is(&self, index: &Index) -> bool {
        self.interrupted.is_none() && self.current == *index
    }
}

/// Where the index that announces a render is written before its files are moved into place.
pub(super) fn next(dir: &Path) -> PathBuf {
    path(dir, NEXT)
}

/// Makes the announced index the current one.
pub(super) fn commit(dir: &Path) -> Result<(), RenderError> {
    let target = path(dir, CURRENT);
    fs::rename(path(dir, NEXT), &target)
        .map_err(|source| RenderError::Unwritable { path: target, source })
}

fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(FOLDER).join(name)
}

fn read(path: &Path) -> Result<Option<Index>, RenderError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(source) => return Err(RenderError::Unreadable { path: path.to_owned(), source }),
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|source| RenderError::BrokenIndex { path: path.to_owned(), source })
}
