//! The user's own queries, as `mysqld-exporter --exporter.custom-queries` reads them: a format of ours.

use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queries {
    /// The queries.
    pub queries: Vec<Query>,
}

/// One query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Its name; its metrics' names begin with it.
    pub name: String,
    /// A statement that answers rows.
    pub sql: String,
    /// Columns that are labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Columns that are values.
    pub values: Vec<Value>,
}

/// One column that is a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// Name of the column.
    pub column: String,
    /// What kind of metric it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Its help text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only goes up.
    Counter,
}
