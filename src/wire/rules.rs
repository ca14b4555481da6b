//! Rule files of Prometheus, to the letter (docs: "Defining recording rules", "Alerting rules").
//! Durations and expressions stay text here; `rules` settles them.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A rule file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleFile {
    /// Groups; their names are unique within the file.
    #[serde(default, deserialize_with = "null_is_default")]
    pub groups: Vec<RuleGroup>,
}

/// Rules that are evaluated one after the other at one time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleGroup {
    /// Name of the group.
    pub name: String,
    /// Time between evaluations; the global `evaluation_interval` where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// How far in the past the rules are evaluated; the global `rule_query_offset` where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_offset: Option<String>,
    /// Most alerts or series one rule may give; 0 or missing for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Labels that every rule of the group gets unless it sets them itself.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "IndexMap::is_empty"
    )]
    pub labels: IndexMap<String, String>,
    /// The rules in the order of their evaluation.
    #[serde(default, deserialize_with = "null_is_default")]
    pub rules: Vec<Rule>,
}

/// A recording rule (`record` is set) or an alerting rule (`alert` is set).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name of the recorded metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// Name of the alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// PromQL.
    pub expr: String,
    /// How long the expression must give a series before its alert fires.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// How long an alert goes on firing after its expression gave nothing more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_firing_for: Option<String>,
    /// Labels to add or overwrite; templates in alerting rules.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "IndexMap::is_empty"
    )]
    pub labels: IndexMap<String, String>,
    /// Texts for people, templates; only in alerting rules.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "IndexMap::is_empty"
    )]
    pub annotations: IndexMap<String, String>,
}

/// A key that is written without a value (`rules:`) means the empty value.
pub(super) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_survives_a_round_trip() {
        let text = "\
groups:
- name: skincare
  interval: 30s
  query_offset: 5s
  limit: 100
  labels:
    team: web
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
  - alert: TargetDown
    expr: up == 0
    for: 2m
    keep_firing_for: 1m
    labels:
      severity: critical
    annotations:
      summary: '{{ $labels.job }} is down'
";
        let file: RuleFile = serde_yaml::from_str(text).unwrap();
        assert_eq!(file.groups[0].rules[1].hold.as_deref(), Some("2m"));
        assert_eq!(serde_yaml::to_string(&file).unwrap(), text);
    }

    #[test]
    fn plain_numbers_are_text_as_in_go() {
        let text = "groups: [{name: 1, rules: [{alert: a, expr: 1, for: 0, labels: {tier: 1}}]}]";
        let file: RuleFile = serde_yaml::from_str(text).unwrap();
        let rule = &file.groups[0].rules[0];
        assert_eq!((rule.expr.as_str(), rule.hold.as_deref()), ("1", Some("0")));
        assert_eq!(rule.labels["tier"], "1");
    }

    #[test]
    fn an_unknown_field_is_named() {
        let text = "groups: [{name: a, rules: [{alert: a, expr: b, fro: 1m}]}]";
        let error = serde_yaml::from_str::<RuleFile>(text).unwrap_err().to_string();
        assert!(error.contains("unknown field `fro`"), "{error}");
    }

    #[test]
    fn keys_without_a_value_are_empty() {
        let file: RuleFile =
            serde_yaml::from_str("groups:\n- name: a\n  rules:\n  labels:\n").unwrap();
        assert!(file.groups[0].rules.is_empty());
        assert!(serde_yaml::from_str::<RuleFile>("groups:\n").unwrap().groups.is_empty());
    }
}
