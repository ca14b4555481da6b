//! An alert on its way from the rules to whoever tells people.

use super::{Labels, Timestamp};

/// One alert that fires or has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// What identifies it: `alertname`, the labels of its series and of its rule, external labels.
    pub labels: Labels,
    /// Texts for people.
    pub annotations: Labels,
    /// Since when it fires.
    pub starts_at: Timestamp,
    /// When it ended; for one that fires, when it counts as ended unless it is sent again.
    pub ends_at: Timestamp,
    /// Page that shows the expression.
    pub generator_url: String,
}

impl Alert {
    /// Whether it has ended by then.
    pub fn is_resolved(&self, now: Timestamp) -> bool {
        self.ends_at <= now
    }
}
