//! How far a receiver is, in a file that is replaced after each answer.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::tsdb::Place;

/// A round under way. Rows are counted as the log has them, before relabelling, and shards are told
/// apart by the labels of the store: so the round is divided in the same way after a restart with
/// other settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// Behind the last frame of the round.
    pub end: Place,
    /// Rows that need not be sent again, by shard.
    pub done: Vec<usize>,
}

/// What is kept of a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Where it sends, for a receiver without a name that gets other settings.
    pub url: String,
    /// Behind the last frame that has been sent as a whole.
    pub place: Place,
    /// What is between that and the next.
    pub round: Option<Round>,
}

/// Where the cursor of a receiver lies.
pub fn path(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("cursor-{id}.json"))
}

impl Cursor {
    /// Reads one; a damaged file is as good as none.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Replaces the file.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let beside = path.with_extension("new");
        fs::write(&beside, serde_json::to_vec(self)?)?;
        fs::rename(beside, path)
    }
}

/// All cursors of a folder, with their files.
pub fn all(folder: &Path) -> Vec<(PathBuf, Option<Cursor>)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_prefix("cursor-").is_some_and(|rest| rest.strip_suffix(".json").is_some())
    };
    paths.filter(ours).map(|path| (path.clone(), Cursor::read(&path))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_a_damaged_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = path(folder.path(), "abc");
        let place = Place { segment: 3, offset: 8 };
        let end = Place { segment: 4, offset: 100 };
        let round = Some(Round { end, done: vec![5, 0] });
        let cursor = Cursor { url: "http://a".into(), place, round };
        cursor.write(&file).unwrap();
        assert_eq!(all(folder.path()), [(file.clone(), Some(cursor))]);
        fs::write(&file, b"{").unwrap();
        assert_eq!(Cursor::read(&file), None);
    }
}
