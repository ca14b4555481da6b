//! The state of every part of a running stack, for the table, `ps` and the pages.

use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// What a part is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "reason")]
pub enum State {
    /// On its way up.
    Starting,
    /// Answers.
    Ready,
    /// Runs outside of this process and answers its probe.
    External,
    /// Declared metrics are made up (`--simulate`).
    Simulated,
    /// Ended with an error; the reason. It is started again after a pause.
    Failed(String),
    /// `up` does not run it; the reason.
    NotRun(String),
    /// Ended on purpose.
    Stopped,
}

impl State {
    /// The word for the table.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::External => "external",
            Self::Simulated => "simulated",
            Self::Failed(_) => "failed",
            Self::NotRun(_) => "not run",
            Self::Stopped => "stopped",
        }
    }

    /// The reason of those states that have one.
    pub fn reason(&self) -> &str {
        match self {
            Self::Failed(reason) | Self::NotRun(reason) => reason,
            _ => "",
        }
    }

    /// Whether there is something to say about it; a part that failed may come back.
    pub fn is_settled(&self) -> bool {
        !matches!(self, Self::Starting)
    }
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Service name, as on the compose network.
    pub name: String,
    /// What it is: `tsdb`, `node exporter`, `process` …
    pub kind: String,
    /// What it is doing.
    #[serde(flatten)]
    pub state: State,
    /// Where it answers: a URL, or `host:port` where we do not know what is spoken there.
    pub url: Option<String>,
    /// How often it was started again after an error.
    pub restarts: u32,
}

/// All parts, shared by everyone who changes or shows them.
#[derive(Clone)]
pub struct Board {
    parts: Arc<Mutex<Vec<Part>>>,
    changed: watch::Sender<()>,
}

impl Default for Board {
    fn default() -> Self {
        Self { parts: Arc::default(), changed: watch::Sender::new(()) }
    }
}

impl Board {
    /// Adds a row, or replaces the one of that name.
    pub fn put(&self, part: Part) {
        let mut parts = self.parts.lock();
        match parts.iter_mut().find(|known| known.name == part.name) {
            Some(known) => *known = part,
            None => parts.push(part),
        }
        drop(parts);
        self.changed.send_replace(());
    }

    /// Changes the state of a part; a name that is not there is ignored.
    pub fn set(&self, name: &str, state: State) {
        self.update(name, |part| part.state = state);
    }

    /// Notes that a part was started once more.
    pub fn restarted(&self, name: &str) {
        self.update(name, |part| part.restarts += 1);
    }

    /// Keeps the rows of these names, in this order.
    pub fn arrange(&self, names: &[String]) {
        let place = |part: &Part| names.iter().position(|name| *name == part.name);
        let mut parts = self.parts.lock();
        parts.retain(|part| place(part).is_some());
        parts.sort_by_key(place);
        drop(parts);
        self.changed.send_replace(());
    }

    /// All rows in the order of the plan.
    pub fn rows(&self) -> Vec<Part> {
        self.parts.lock().clone()
    }

    /// Returns when every part is settled (ready, external, failed, not run …).
    pub async fn settled(&self) {
        let mut changed = self.changed.subscribe();
        while !self.rows().iter().all(|part| part.state.is_settled()) {
            // The sender lives as long as `self`.
            let _ = changed.changed().await;
        }
    }

    fn update(&self, name: &str, change: impl FnOnce(&mut Part)) {
        if let Some(part) = self.parts.lock().iter_mut().find(|part| part.name == name) {
            change(part);
        }
        self.changed.send_replace(());
    }
}
