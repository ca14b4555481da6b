//! Where targets come from: written down, in files, over HTTP, from DNS. A source that fails keeps
//! the targets it found before.

mod dns;
mod file;
mod fixed;
mod http;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::config::Discovery;
use super::manager::Options;
use crate::model::Labels;
use crate::wire::prometheus::StaticConfig;

/// Targets that were found together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Labels of each target, `__address__` among them.
    pub targets: Vec<Labels>,
    /// Labels of all of them; those of a target win.
    pub labels: Labels,
}

impl Group {
    /// From the form of static configuration, files and HTTP answers, with further labels.
    fn from_wire(group: &StaticConfig, more: &[(&str, &str)]) -> Self {
        let address = |target: &String| Labels::from_pairs([("__address__", target.as_str())]);
        let own = group.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Self {
            targets: group.targets.iter().map(address).collect(),
            labels: Labels::from_pairs(own.chain(more.iter().copied())),
        }
    }
}

/// What the sources of one job have found so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    slots: Mutex<Vec<Vec<Group>>>,
    changed: Notify,
}

impl Found {
    /// Groups of all sources, in the order of the configuration.
    pub fn groups(&self) -> Vec<Group> {
        self.slots.lock().iter().flatten().cloned().collect()
    }

    /// Waits until a source finds something else than before.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn put(&self, slot: usize, groups: Vec<Group>) {
        let mut slots = self.slots.lock();
        if slots[slot] != groups {
            slots[slot] = groups;
            self.changed.notify_one();
        }
    }
}

/// Starts the sources of a job; they end with the returned set.
pub(super) fn start(config: &Discovery, options: &Options) -> (Arc<Found>, JoinSet<()>) {
    let Discovery { fixed, file, http, dns } = config;
    let found = Arc::new(Found::default());
    found.slots.lock().resize(1 + file.len() + http.len() + dns.len(), Vec::new());
    found.put(0, fixed::groups(fixed));
    let mut tasks = JoinSet::new();
    let mut slot = 0;
    let mut publish = || {
        slot += 1;
        let (slot, found) = (slot, Arc::clone(&found));
        move |groups| found.put(slot, groups)
    };
    for source in file {
        // The first look is taken at once, so that targets in files are there from the start.
        tasks.spawn(file::Source::new(source).watch(publish()));
    }
    for source in http {
        tasks.spawn(http::watch(source.clone(), options.clone(), publish()));
    }
    for source in dns {
        tasks.spawn(dns::watch(source.clone(), options.dns_server, publish()));
    }
    (found, tasks)
}

/// Files that a path matches; `*`, `?` and `[abc]` stand in any part of it. Sorted; a path without
/// them is returned if it exists.
pub fn glob(pattern: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let text = part.as_os_str().to_string_lossy();
        if !text.contains(['*', '?', '[']) {
            for path in &mut found {
                path.push(part);
            }
            continue;
        }
        let regex = part_regex(&text).ok_or_else(|| {
            std::io::Error::other(format!("{}: syntax error in pattern", pattern.display()))
        })?;
        let mut next = Vec::new();
        for folder in found {
            let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
            // What is no folder, or may not be read, matches nothing.
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            let names = entries.flatten().map(|entry| entry.file_name());
            next.extend(
                names.filter(|n| regex.is_match(&n.to_string_lossy())).map(|n| folder.join(n)),
            );
        }
        found = next;
    }
    found.retain(|path| path.exists());
    found.sort();
    Ok(found)
}

fn part_regex(part: &str) -> Option<regex::Regex> {
    let mut pattern = String::from("^(?s:");
    let mut chars = part.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            '[' => {
                let class: String = chars.by_ref().take_while(|c| *c != ']').collect();
                pattern.extend(["[", &class.replace('[', "\\[").replace("&&", "&"), "]"]);
            }
            c => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    pattern.push_str(")$");
    regex::Regex::new(&pattern).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_in_every_part() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a/1.yml", "b/2.yml", "b/3.json", "b/x.yml"] {
            std::fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let check = |pattern: &str, expected: &[&str]| {
            let found = glob(&folder.path().join(pattern)).unwrap();
            let expected: Vec<_> = expected.iter().map(|file| folder.path().join(file)).collect();
            assert_eq!(found, expected, "{pattern}");
        };
        check("a/1.yml", &["a/1.yml"]);
        check("a/none.yml", &[]);
        check("*/*.yml", &["a/1.yml", "b/2.yml", "b/x.yml"]);
        check("b/[0-9].*", &["b/2.yml", "b/3.json"]);
        check("?/2.yml", &["b/2.yml"]);
        assert!(glob(Path::new("/tmp/[")).is_err());
    }
}
