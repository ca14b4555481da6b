//! What is known of the rules right now, for the API and the pages.

use std::time::Duration;

use super::AlertState;
use crate::model::{Labels, Timestamp};

/// Outcome of a rule's last evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RuleHealth {
    /// Not evaluated yet.
    #[default]
    Unknown,
    /// The last evaluation succeeded.
    Ok,
    /// The last evaluation failed.
    Err,
}

impl RuleHealth {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Err => "err",
        }
    }
}

/// One alert of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertStatus {
    /// What identifies it, `alertname` included.
    pub labels: Labels,
    /// Texts for people.
    pub annotations: Labels,
    /// Pending or firing.
    pub state: AlertState,
    /// Since when its series is there.
    pub active_at: Timestamp,
    /// Since when its series has gone, while `keep_firing_for` keeps it firing.
    pub keep_firing_since: Option<Timestamp>,
    /// Value of its series at the last evaluation that had it.
    pub value: f64,
}

/// What only one kind of rule has.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleKind {
    /// A recording rule.
    Record,
    /// An alerting rule.
    Alert {
        /// The furthest state of its alerts.
        state: AlertState,
        /// How long an alert is pending before it fires.
        hold: Duration,
        /// How long an alert goes on firing after its series has gone.
        keep_firing_for: Duration,
        /// Templates of its annotations, sorted by name.
        annotations: Vec<(String, String)>,
        /// Pending and firing alerts, ordered by labels.
        alerts: Vec<AlertStatus>,
    },
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleStatus {
    /// Name of the metric or of the alert.
    pub name: String,
    /// The expression.
    pub query: String,
    /// Labels as written, sorted by name.
    pub labels: Vec<(String, String)>,
    /// Outcome of the last evaluation.
    pub health: RuleHealth,
    /// Why the last evaluation failed; empty if it did not.
    pub last_error: String,
    /// How long the last evaluation took.
    pub evaluation_time: Duration,
    /// When the last evaluation began; `None` before the first.
    pub last_evaluation: Option<Timestamp>,
    /// What only its kind has.
    pub kind: RuleKind,
}

/// One group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupStatus {
    /// Name, unique within its file.
    pub name: String,
    /// File it comes from.
    pub file: String,
    /// Time between two evaluations.
    pub interval: Duration,
    /// Most alerts or series that one rule may give; 0 for no limit.
    pub limit: usize,
    /// How long the last evaluation took.
    pub evaluation_time: Duration,
    /// When the last evaluation began; `None` before the first.
    pub last_evaluation: Option<Timestamp>,
    /// Evaluations since the start.
    pub iterations: u64,
    /// Evaluations that fell out because the one before took too long.
    pub missed: u64,
    /// Rule evaluations since the start.
    pub evaluations: u64,
    /// Rule evaluations that failed.
    pub failures: u64,
    /// Samples that the last evaluation gave.
    pub samples: u64,
    /// The rules in the order of their evaluation.
    pub rules: Vec<RuleStatus>,
}
