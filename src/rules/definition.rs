//! Rules as they run: parsed expressions, settled durations.

use std::time::Duration;

use crate::promql::Expr;

/// A parsed expression with its text.
#[derive(Debug, Clone)]
pub struct Query {
    /// As it was written; errors count their columns in it.
    pub text: String,
    /// As it is shown: on one line, in the usual layout.
    pub shown: String,
    /// The tree.
    pub expr: Expr,
}

/// Two queries are the same if their texts are.
impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Rules that are evaluated one after the other, at the same time.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Name, unique within its file.
    pub name: String,
    /// File it comes from, as it was named.
    pub file: String,
    /// Time between two evaluations, greater than 0.
    pub interval: Duration,
    /// How far in the past the rules are evaluated.
    pub query_offset: Duration,
    /// Most alerts or series that one rule may give.
    pub limit: Option<usize>,
    /// The rules in the order of their evaluation.
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// Its result is written into the store.
    Record(Record),
    /// Each series of its result is an alert.
    Alert(Alert),
}

impl Rule {
    /// Name of the metric or of the alert.
    pub fn name(&self) -> &str {
        match self {
            Self::Record(record) => &record.name,
            Self::Alert(alert) => &alert.name,
        }
    }

    /// What is evaluated.
    pub fn query(&self) -> &Query {
        match self {
            Self::Record(record) => &record.query,
            Self::Alert(alert) => &alert.query,
        }
    }

    /// Labels as written.
    pub fn labels(&self) -> &[(String, String)] {
        match self {
            Self::Record(record) => &record.labels,
            Self::Alert(alert) => &alert.labels,
        }
    }
}

/// A recording rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Name of the recorded metric.
    pub name: String,
    /// What is recorded.
    pub query: Query,
    /// Labels to add or overwrite, sorted by name; an empty value removes the label.
    pub labels: Vec<(String, String)>,
}

/// An alerting rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Value of `alertname`.
    pub name: String,
    /// Each series that this gives is an alert.
    pub query: Query,
    /// How long an alert must be pending before it fires.
    pub hold: Duration,
    /// How long an alert goes on firing after its series has gone.
    pub keep_firing_for: Duration,
    /// Templates of labels to add or overwrite, sorted by name.
    pub labels: Vec<(String, String)>,
    /// Templates of texts for people, sorted by name.
    pub annotations: Vec<(String, String)>,
}
