//! Where targets come from: written down, in files, over HTTP, from DNS. A source that fails keeps
//! the targets it found before.

mod dns;
mod file;
mod fixed;
mod http;

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
pub(crate) struct Found {
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
pub(crate) fn start(config: &Discovery, options: &Options) -> (Arc<Found>, JoinSet<()>) {
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
