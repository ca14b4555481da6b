//! What rendering yields, and the files it may read.

use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

/// One file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Path below the output folder, parts joined by `/`.
    pub path: String,
    /// The content.
    pub bytes: Vec<u8>,
}

impl Output {
    /// A text file.
    pub fn text(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), bytes: text.into().into_bytes() }
    }

    /// SHA-256 of the content, in hexadecimal.
    pub fn sha256(&self) -> String {
        sha256(&self.bytes)
    }

    /// Whether the path stays inside the folder: only plain names, not our own `.stackctl`.
    pub(super) fn stays_inside(&self) -> bool {
        let mut parts = Path::new(&self.path).components();
        let first = Path::new(&self.path).components().next();
        !self.path.is_empty()
            && !self.path.ends_with('/')
            && parts.all(|part| matches!(part, Component::Normal(_)))
            && first != Some(Component::Normal(".stackctl".as_ref()))
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads the files a manifest refers to: dashboards taken over, user templates. Never a secret.
pub trait Sources {
    /// The text of a file named in the manifest.
    fn read(&self, path: &str) -> std::io::Result<String>;
}

/// Files relative to the manifest's folder.
#[derive(Debug, Clone)]
pub struct Beside(pub PathBuf);

impl Sources for Beside {
    fn read(&self, path: &str) -> std::io::Result<String> {
        std::fs::read_to_string(self.0.join(path))
    }
}
