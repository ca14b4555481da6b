//! What can go wrong while rendering that the manifest is not to blame for.

use std::path::PathBuf;

/// Rendering did not do its work; nothing was half-written.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The output folder is something else.
    #[error("{} is not a folder", path.display())]
    NotAFolder {
        /// The path given.
        path: PathBuf,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// What was to be written.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file that is there cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// What was to be read.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Files were changed by hand (or were there before the first render), and nobody said what is to
    /// become of them. Nothing was written.
    #[error("changed by hand since they were rendered: {}", paths.join(", "))]
    HandEdited {
        /// Their paths below the output folder.
        paths: Vec<String>,
    },
    /// The index of the folder is no longer JSON.
    #[error("{} is damaged ({source}); remove it, and files that differ will be asked about", path.display())]
    BrokenIndex {
        /// Path of the index.
        path: PathBuf,
        /// Where it is damaged.
        source: serde_json::Error,
    },
    /// A file that the manifest refers to cannot be read.
    #[error("{used_by} needs `{path}`: {source}")]
    Source {
        /// Path as written in the manifest.
        path: String,
        /// Which part of the manifest refers to it.
        used_by: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A dashboard that is taken over is not JSON.
    #[error("dashboard `{path}` is not JSON: {source}")]
    Dashboard {
        /// Path as written in the manifest.
        path: String,
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// A user template does not work.
    #[error("{message}")]
    Template {
        /// The template with line and column, and what is wrong there.
        message: String,
    },
    /// An output would be written outside of the folder, or over the index.
    #[error("`{path}` does not stay inside the output folder")]
    Outside {
        /// The path wanted.
        path: String,
    },
    /// Two outputs have one path.
    #[error("two outputs are called `{path}`")]
    SamePath {
        /// The path.
        path: String,
    },
    /// A rendered file does not fit into a ConfigMap.
    #[error(
        "`{path}` is too large for a ConfigMap, which takes {most} bytes; split it in the manifest"
    )]
    TooLarge {
        /// Path of the output.
        path: String,
        /// Bytes that a ConfigMap takes.
        most: usize,
    },
}
