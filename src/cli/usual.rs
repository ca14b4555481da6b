//! The manifest that is meant where none is named: the one that lies in the folder.

use std::path::{Path, PathBuf};

use anyhow::bail;

/// What a manifest is called.
const NAMES: [&str; 4] = ["stack.kdl", "stack.yaml", "stack.yml", "stack.json"];

/// The manifests of a folder that have the usual names.
pub fn all(folder: &Path) -> Vec<PathBuf> {
    // Nothing joined with a name is the name: paths are shown as people would write them.
    NAMES.iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect()
}

/// The manifest of the current folder. Which of several is meant is for people to say.
pub fn here() -> anyhow::Result<PathBuf> {
    match &all(Path::new(""))[..] {
        [one] => Ok(one.clone()),
        [] => bail!(
            "there is no {} here; name the manifest, or write a first one with `stackctl init`",
            NAMES.join(", ")
        ),
        several => bail!("{}: say which manifest is meant", are_here(several)),
    }
}

/// Refuses to write a manifest of a usual name beside one of another: nobody would know which is meant.
pub fn alone(path: &Path) -> anyhow::Result<()> {
    let found = all(path.parent().unwrap_or(Path::new("")));
    let usual = path.file_name().is_some_and(|name| NAMES.iter().any(|known| name == *known));
    match found.iter().find(|other| other.file_name() != path.file_name()) {
        Some(other) if usual => bail!(
            "`{}` is there already, and with `{}` beside it nobody would know which is meant; `--force` \
             writes it all the same, `-o FILE` under another name",
            other.display(),
            path.display()
        ),
        _ => Ok(()),
    }
}

/// `a` and `b` are both here.
fn are_here(several: &[PathBuf]) -> String {
    let names: Vec<String> = several.iter().map(|path| format!("`{}`", path.display())).collect();
    match &names[..] {
        [first, second] => format!("{first} and {second} are both here"),
        names => format!("{} are all here", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_found_by_their_usual_names() {
        let dir = tempfile::tempdir().unwrap();
        assert!(all(dir.path()).is_empty());
        for name in ["stack.yml", "other.kdl", "stack.json"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let found = all(dir.path());
        assert_eq!(found, [dir.path().join("stack.yml"), dir.path().join("stack.json")]);
        let named = are_here(&["a".into(), "b".into()]);
        assert_eq!(named, "`a` and `b` are both here");
        let named = are_here(&["a".into(), "b".into(), "c".into()]);
        assert_eq!(named, "`a`, `b`, `c` are all here");
    }
}
