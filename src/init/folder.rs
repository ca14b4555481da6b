//! What lies in the folder: a compose file, configuration that exists, the application's own files.

use std::path::Path;

use crate::import::find::{self, Kind};
use crate::import::{ComposeFile, ImportError, compose_file};

/// What lies in a folder.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    /// Its name.
    pub name: String,
    /// What its compose file says.
    pub compose: Option<ComposeFile>,
    /// Paths of configuration that `import` carries over.
    pub configuration: Vec<String>,
    /// What the application is made with: `Laravel (artisan)`.
    pub hints: Vec<&'static str>,
}

/// Files that tell what an application is made with; the first of a kind counts.
const HINTS: [(&str, &str); 8] = [
    ("artisan", "Laravel (artisan)"),
    ("composer.json", "PHP (composer.json)"),
    ("package.json", "Node.js (package.json)"),
    ("go.mod", "Go (go.mod)"),
    ("Cargo.toml", "Rust (Cargo.toml)"),
    ("pyproject.toml", "Python (pyproject.toml)"),
    ("requirements.txt", "Python (requirements.txt)"),
    ("Dockerfile", "a Dockerfile"),
];

/// Looks into a folder.
pub fn look(path: &Path) -> Result<Folder, ImportError> {
    let found = find::all(path)?;
    let own = |kind: &Kind| {
        matches!(
            kind,
            Kind::Prometheus
                | Kind::Rules
                | Kind::Alertmanager
                | Kind::Datasources
                | Kind::Providers
        )
    };
    let configuration = found.iter().filter(|file| own(&file.kind)).map(|file| file.path.clone());
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(Folder {
        name: name.unwrap_or_else(|| "stack".to_owned()),
        compose: compose_file(&found),
        configuration: configuration.collect(),
        hints: HINTS
            .iter()
            .filter(|(file, _)| path.join(file).is_file())
            .map(|(_, hint)| *hint)
            .collect(),
    })
}
