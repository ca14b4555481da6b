//! Targets in YAML or JSON files. The files' times and sizes are looked at every second; a broken
//! file keeps its old targets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tracing::warn;

use super::Group;
use crate::wire::prometheus::{FileSd, StaticConfig};

const LOOK: Duration = Duration::from_secs(1);
const DEFAULT_REFRESH: Duration = Duration::from_secs(300);

/// Time of change and size.
type Stamp = (Option<SystemTime>, u64);

pub(super) struct Source {
    patterns: Vec<PathBuf>,
    refresh: Duration,
    seen: BTreeMap<PathBuf, Stamp>,
    groups: BTreeMap<PathBuf, Vec<Group>>,
}

impl Source {
    pub fn new(config: &FileSd) -> Self {
        Self {
            patterns: config.files.iter().map(PathBuf::from).collect(),
            refresh: config.refresh_interval.map_or(DEFAULT_REFRESH, Duration::from),
            seen: BTreeMap::new(),
            groups: BTreeMap::new(),
        }
    }

    pub async fn watch(mut self, publish: impl Fn(Vec<Group>) + Send + 'static) {
        let mut since_refresh = Duration::ZERO;
        loop {
            // Reading is not for the I/O workers.
            let look = move || {
                let groups = self.look();
                (self, groups)
            };
            let Ok((source, groups)) = tokio::task::spawn_blocking(look).await else { return };
            self = source;
            publish(groups);
            tokio::time::sleep(LOOK).await;
            since_refresh += LOOK;
            if since_refresh >= self.refresh {
                // Some file systems do not tell of changes: read all again.
                since_refresh = Duration::ZERO;
                self.seen.clear();
            }
        }
    }

    /// Reads the files that changed, forgets those that are gone.
    fn look(&mut self) -> Vec<Group> {
        let mut present = BTreeMap::new();
        for pattern in &self.patterns {
            // The pattern's form was checked with the configuration.
            for path in crate::model::glob(pattern).unwrap_or_default() {
                let stamp = std::fs::metadata(&path)
                    .map_or((None, 0), |metadata| (metadata.modified().ok(), metadata.len()));
                present.insert(path, stamp);
            }
        }
        for (path, stamp) in &present {
            if self.seen.get(path) == Some(stamp) {
                continue;
            }
            match read(path) {
                Ok(groups) => drop(self.groups.insert(path.clone(), groups)),
                Err(reason) => {
                    warn!(path = %path.display(), "target file keeps its old targets: {reason}");
                }
            }
        }
        self.groups.retain(|path, _| present.contains_key(path));
        self.seen = present;
        self.groups.values().flatten().cloned().collect()
    }
}

fn read(path: &Path) -> Result<Vec<Group>, String> {
    let text = std::fs::read_to_string(path).map_err(|err| err.to_string())?;
    let json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let groups: Vec<StaticConfig> = if json {
        serde_json::from_str(&text).map_err(|err| err.to_string())?
    } else if text.trim().is_empty() {
        Vec::new()
    } else {
        serde_yaml::from_str(&text).map_err(|err| err.to_string())?
    };
    let file = path.to_string_lossy();
    Ok(groups.iter().map(|group| Group::from_wire(group, &[("__meta_filepath", &file)])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_keeps_its_old_targets_and_a_removed_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let config = FileSd {
            files: vec![folder.path().join("*.yml").to_string_lossy().into_owned()],
            refresh_interval: None,
        };
        let mut source = Source::new(&config);
        assert_eq!(source.look(), []);
        let file = folder.path().join("a.yml");
        std::fs::write(&file, "- targets: ['a:1', 'b:2']\n  labels: {env: test}\n").unwrap();
        let groups = source.look();
        assert_eq!(groups[0].targets.len(), 2);
        assert_eq!(groups[0].labels.get("env"), Some("test"));
        assert_eq!(groups[0].labels.get("__meta_filepath"), file.to_str());
        std::fs::write(&file, "- targets: [").unwrap();
        assert_eq!(source.look(), groups);
        std::fs::write(&file, "- targets: ['c:3']\n  colour: red\n").unwrap();
        assert_eq!(source.look(), groups, "an unknown field is a mistake");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(source.look(), []);
    }
}
