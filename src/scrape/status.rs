//! What is known of the targets right now, for the API and the pages.

use std::time::Duration;

use crate::model::{Labels, Timestamp};

/// Outcome of a target's last scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not scraped yet.
    Unknown,
    /// The last scrape succeeded.
    Up,
    /// The last scrape failed.
    Down,
}

/// One target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetStatus {
    /// Labels before relabelling, `__address__` and all.
    pub discovered_labels: Labels,
    /// Labels that its series get.
    pub labels: Labels,
    /// Full URL that is scraped.
    pub scrape_url: String,
    /// Outcome of the last scrape.
    pub health: Health,
    /// Why the last scrape failed; empty if it did not.
    pub last_error: String,
    /// When the last scrape began; `None` before the first.
    pub last_scrape: Option<Timestamp>,
    /// How long the last scrape took; `None` before the first.
    pub last_duration: Option<Duration>,
    /// Time between two scrapes.
    pub interval: Duration,
    /// Longest time a scrape may take.
    pub timeout: Duration,
}

/// A target that relabelling dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct DroppedTarget {
    /// Labels before relabelling.
    pub discovered_labels: Labels,
}

/// All targets of one scrape configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolStatus {
    /// The job's name.
    pub job: String,
    /// Targets that are scraped, ordered by labels.
    pub active: Vec<TargetStatus>,
    /// Targets that relabelling dropped, as many as are remembered (`keep_dropped_targets`).
    pub dropped: Vec<DroppedTarget>,
    /// How many relabelling dropped.
    pub dropped_count: usize,
}
