//! Rule files of Prometheus (`alerts.yml`), as of version 3.
//! Source: <https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/>.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A whole rule file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleFile {
    /// Groups, evaluated independently of one another.
    #[serde(default)]
    pub groups: Vec<Group>,
}

/// Rules evaluated one after the other at one interval.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Unique in the file.
    pub name: String,
    /// A duration; the global evaluation interval where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// How far back evaluation is shifted, a duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_offset: Option<String>,
    /// Most series or alerts a rule may yield; 0 is no limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub limit: u64,
    /// Added to every rule of the group.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub labels: IndexMap<String, String>,
    /// In the order of evaluation.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// One rule: exactly one of `record` and `alert` is set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name of the series that is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// Name of the alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// PromQL.
    pub expr: String,
    /// How long the expression must hold before the alert fires, a duration.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// How long the alert goes on firing after the expression stopped to hold, a duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_firing_for: Option<String>,
    /// Labels; templates for alerts.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub labels: IndexMap<String, String>,
    /// Annotations, templates.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub annotations: IndexMap<String, String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}
