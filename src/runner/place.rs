//! Where a running stack keeps its things: rendered files, data, logs, control socket.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The folders of one stack on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Everything but the control socket.
    pub root: PathBuf,
}

impl Place {
    /// `--data-dir`, or a folder of this manifest's own below the user's state folder
    /// (`$XDG_STATE_HOME`, else `~/.local/state`).
    pub fn of(manifest: &Path, data_dir: Option<&Path>) -> Self {
        let root = match data_dir {
            Some(folder) => folder.to_owned(),
            None => state_folder().join("stackctl").join(key(manifest)),
        };
        Self { root }
    }

    /// The rendered files that the engines read.
    pub fn rendered(&self) -> PathBuf {
        self.root.join("rendered")
    }

    /// The data folder of a part.
    pub fn data(&self, part: &str) -> PathBuf {
        self.root.join("data").join(part)
    }

    /// What the runner prints when it is detached.
    pub fn log(&self) -> PathBuf {
        self.root.join("stackctl.log")
    }
}

/// The control socket of the stack that runs from this manifest.
pub fn socket(manifest: &Path) -> PathBuf {
    super::control::socket_folder().join(key(manifest)).with_extension("sock")
}

fn state_folder() -> PathBuf {
    let named =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("XDG_STATE_HOME")
        .or_else(|| named("HOME").map(|home| home.join(".local/state")))
        .unwrap_or_else(std::env::temp_dir)
}

/// The manifest's file name and a hash of its full path, so that equal names do not meet.
fn key(manifest: &Path) -> String {
    let full = std::fs::canonicalize(manifest).unwrap_or_else(|_| manifest.to_owned());
    let stem = full.file_stem().unwrap_or_default().to_string_lossy();
    let digest = Sha256::digest(full.as_os_str().as_encoded_bytes());
    format!("{stem}-{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_in_different_folders_have_different_places() {
        let (a, b) = (Path::new("/a/stack.kdl"), Path::new("/b/stack.kdl"));
        assert_ne!(Place::of(a, None), Place::of(b, None));
        assert_ne!(socket(a), socket(b));
        assert_eq!(Place::of(a, Some(Path::new("/data"))).rendered(), Path::new("/data/rendered"));
    }
}
