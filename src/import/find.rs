//! Which files of a folder are whose configuration: told by what stands in them, not by their names.

use std::fs;
use std::path::Path;

use super::source::{entries, get};
use super::{ImportError, overrides};
use crate::diag::{Files, Findings, Severity};
use crate::manifest::yaml::{Data, Yaml, read_tree};

/// Folders are looked into this deep.
const MAX_DEPTH: usize = 6;
/// Files may have this many bytes.
const MAX_BYTES: u64 = 16 << 20;
/// Folders that hold nothing of interest, and plenty of it.
const SKIPPED: [&str; 4] = ["node_modules", "vendor", "target", "__pycache__"];

/// Whose configuration a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A compose file.
    Compose,
    /// What compose lays over its file.
    Override,
    /// prometheus.yml.
    Prometheus,
    /// A rule file.
    Rules,
    /// alertmanager.yml.
    Alertmanager,
    /// Data sources of Grafana.
    Datasources,
    /// Dashboard providers of Grafana.
    Providers,
    /// A dashboard.
    Dashboard,
}

/// A file that can be imported.
#[derive(Debug)]
pub struct Found {
    /// Path relative to the folder, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
    /// What it is.
    pub kind: Kind,
}

/// All files of a folder that can be imported, by path; compose files in the order that compose looks
/// for them.
pub fn all(folder: &Path) -> Result<Vec<Found>, ImportError> {
    let mut found = Vec::new();
    texts(folder, &["yml", "yaml", "json", "rules"], &mut |path, text| {
        let kind = kind(&path, &text);
        found.extend(kind.map(|kind| Found { path, text, kind }));
    })?;
    found.sort_by(|a, b| (rank(&a.path), &a.path).cmp(&(rank(&b.path), &b.path)));
    Ok(found)
}

/// Hands on the files of a folder that have one of these endings, with their paths below it.
pub fn texts(
    folder: &Path,
    endings: &[&str],
    each: &mut dyn FnMut(String, String),
) -> Result<(), ImportError> {
    walk(folder, "", 0, endings, each)
}

/// Names that compose prefers come first, and files nearer to the folder.
fn rank(path: &str) -> (usize, usize) {
    let name = path.rsplit('/').next().unwrap_or(path);
    (
        path.matches('/').count(),
        COMPOSE.iter().position(|known| *known == name).unwrap_or(COMPOSE.len()),
    )
}

fn walk(
    root: &Path,
    below: &str,
    depth: usize,
    endings: &[&str],
    each: &mut dyn FnMut(String, String),
) -> Result<(), ImportError> {
    let folder = root.join(below);
    let read = |path: &Path, source| ImportError::Read { path: path.display().to_string(), source };
    let listed = fs::read_dir(&folder).map_err(|err| read(&folder, err))?;
    for entry in listed {
        let entry = entry.map_err(|err| read(&folder, err))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let metadata = fs::metadata(entry.path());
        let Ok(metadata) = metadata else { continue };
        if metadata.is_dir() {
            let hidden = name.starts_with('.') || SKIPPED.contains(&name.as_str());
            // A link to a folder may lead in a circle.
            let link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            // What cannot be looked into (a database's files) has no configuration for us.
            if !hidden && !link && depth < MAX_DEPTH && fs::read_dir(entry.path()).is_ok() {
                walk(root, &path, depth + 1, endings, each)?;
            }
        } else if metadata.is_file() && metadata.len() <= MAX_BYTES {
            let Some(extension) = Path::new(&name).extension().and_then(|e| e.to_str()) else {
                continue;
            };
            if !endings.contains(&extension) {
                continue;
            }
            // One that is not ours to read, or no text, is nobody's configuration.
            let Ok(text) = fs::read_to_string(entry.path()) else { continue };
            each(path, text);
        }
    }
    Ok(())
}

/// Whose configuration a text is, if it is any that is known.
pub fn kind(path: &str, text: &str) -> Option<Kind> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if is_json(path) {
        json(path, text)
    } else if overrides::NAMES.contains(&name) {
        Some(Kind::Override)
    } else {
        yaml(name, text)
    }
}

/// Names of compose files, the preferred one first.
const COMPOSE: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

/// What a file is called tells what it is where its text is broken.
fn by_name(name: &str) -> Option<Kind> {
    match name {
        name if COMPOSE.contains(&name) => Some(Kind::Compose),
        "prometheus.yml" | "prometheus.yaml" => Some(Kind::Prometheus),
        "alertmanager.yml" | "alertmanager.yaml" => Some(Kind::Alertmanager),
        _ => None,
    }
}

/// Whether a file is called .json.
pub fn is_json(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "json")
}

fn json(path: &str, text: &str) -> Option<Kind> {
    super::grafana::Dashboard::of(path, text).map(|_| Kind::Dashboard)
}

fn yaml(name: &str, text: &str) -> Option<Kind> {
    let file = Files::default().add("", "");
    let mut findings = Findings::default();
    let tree = read_tree(text, file, &mut findings);
    let broken = findings.count(Severity::Error) > 0;
    // Objects of a cluster stand several in a file, which is no mistake of theirs.
    let objects = text.lines().any(|line| line.starts_with("apiVersion:"));
    tree.and_then(|tree| by_keys(&tree)).or_else(|| by_name(name).filter(|_| broken && !objects))
}

fn by_keys(tree: &Yaml) -> Option<Kind> {
    let has = |key: &str| get(tree, key);
    let list = |key: &str| has(key).is_some_and(|value| matches!(value.data, Data::List(_)));
    let map = |key: &str| has(key).is_some_and(|value| matches!(value.data, Data::Map(_)));
    if list("receivers") && map("route") {
        Some(Kind::Alertmanager)
    } else if list("scrape_configs") || list("rule_files") {
        Some(Kind::Prometheus)
    } else if list("groups") {
        Some(Kind::Rules)
    } else if list("datasources") {
        Some(Kind::Datasources)
    } else if list("providers") {
        Some(Kind::Providers)
    } else if has("services").is_some_and(|services| {
        entries(services)
            .iter()
            .any(|(_, service)| get(service, "image").is_some() || get(service, "build").is_some())
    }) {
        Some(Kind::Compose)
    } else {
        None
    }
}
