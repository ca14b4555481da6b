//! Unit test files of `promtool test rules`, as of Prometheus 3 (docs: "Unit testing for rules").
//! Durations, series and expressions stay text here; `ruletest` settles them.

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer};

use super::rules::null_is_default;

/// A unit test file.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitTestFile {
    /// Glob patterns of rule files, seen from the folder of this file.
    #[serde(default, deserialize_with = "null_is_default")]
    pub rule_files: Vec<String>,
    /// Time between two evaluations of every group; one minute where it is missing.
    #[serde(default)]
    pub evaluation_interval: Option<String>,
    /// Names of groups in the order of their evaluation; others may stand anywhere.
    #[serde(default, deserialize_with = "null_is_default")]
    pub group_eval_order: Vec<String>,
    /// The tests.
    #[serde(default, deserialize_with = "null_is_default")]
    pub tests: Vec<TestGroup>,
    /// Whether numbers that are neighbours of each other count as equal.
    #[serde(default, deserialize_with = "null_is_default")]
    pub fuzzy_compare: bool,
}

/// Series, and what is asked of them.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestGroup {
    /// Its name, for messages.
    #[serde(default)]
    pub name: Option<String>,
    /// Time between two values; the evaluation interval where it is missing.
    #[serde(default)]
    pub interval: Option<String>,
    /// Series with their values.
    #[serde(default, deserialize_with = "null_is_default")]
    pub input_series: Vec<InputSeries>,
    /// What alerts fire.
    #[serde(default, deserialize_with = "null_is_default")]
    pub alert_rule_test: Vec<AlertTest>,
    /// What expressions give.
    #[serde(default, deserialize_with = "null_is_default")]
    pub promql_expr_test: Vec<ExprTest>,
    /// Labels that templates know as `$externalLabels`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub external_labels: IndexMap<String, String>,
    /// What templates know as `$externalURL`.
    #[serde(default)]
    pub external_url: Option<String>,
    /// Time of the first values: seconds since 1970, or RFC 3339.
    #[serde(default, deserialize_with = "number_or_text")]
    pub start_timestamp: Option<String>,
}

/// A series with its values.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSeries {
    /// The series: `up{job="node"}`.
    #[serde(default)]
    pub series: String,
    /// Its values in the expanding notation: `0+10x5 _ stale`.
    #[serde(default)]
    pub values: String,
}

/// The alerts of one name that fire at a time: these and no others.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertTest {
    /// Time since the first values.
    #[serde(default)]
    pub eval_time: Option<String>,
    /// The alerts' name.
    #[serde(default)]
    pub alertname: String,
    /// The alerts.
    #[serde(default, deserialize_with = "null_is_default")]
    pub exp_alerts: Vec<ExpectedAlert>,
}

/// An alert that fires.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedAlert {
    /// All its labels but `alertname`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub exp_labels: IndexMap<String, String>,
    /// All its annotations.
    #[serde(default, deserialize_with = "null_is_default")]
    pub exp_annotations: IndexMap<String, String>,
}

/// What an expression gives at a time.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExprTest {
    /// PromQL.
    #[serde(default)]
    pub expr: String,
    /// Time since the first values.
    #[serde(default)]
    pub eval_time: Option<String>,
    /// Its samples.
    #[serde(default, deserialize_with = "null_is_default")]
    pub exp_samples: Vec<ExpectedSample>,
}

/// A sample of a result.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedSample {
    /// Its labels: `up{job="node"}`.
    #[serde(default)]
    pub labels: String,
    /// Its value.
    #[serde(default, deserialize_with = "null_is_default")]
    pub value: f64,
    /// Its value if that is a native histogram: `{{schema:1 sum:2 count:3 buckets:[1 2]}}`.
    #[serde(default)]
    pub histogram: Option<String>,
}

/// `1609459200`, `"1609459200"` and `"2021-01-01T00:00:00Z"` alike.
fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Whole(i64),
        Broken(f64),
        Text(String),
    }
    Ok(Option::<Either>::deserialize(deserializer)?.map(|either| match either {
        Either::Whole(number) => number.to_string(),
        Either::Broken(number) => number.to_string(),
        Either::Text(text) => text,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_known() {
        let file: UnitTestFile = serde_yaml::from_str(
            r#"
rule_files: [alerts.yml]
evaluation_interval: 1m
group_eval_order: [a]
fuzzy_compare: true
tests:
- name: first
  interval: 30s
  input_series: [{series: up, values: 1 1}]
  alert_rule_test:
  - eval_time: 5m
    alertname: Down
    exp_alerts: [{exp_labels: {tier: 1}, exp_annotations: {summary: x}}]
  promql_expr_test:
  - {expr: up, eval_time: 5m, exp_samples: [{labels: up, value: 1}, {histogram: '{{}}'}]}
  external_labels: {dc: eu1}
  external_url: http://here
  start_timestamp: 1609459200
- {start_timestamp: "2021-01-01T00:00:00Z", input_series: }
"#,
        )
        .unwrap();
        assert_eq!(file.tests[0].alert_rule_test[0].exp_alerts[0].exp_labels["tier"], "1");
        assert_eq!(file.tests[0].start_timestamp.as_deref(), Some("1609459200"));
        assert_eq!(file.tests[1].start_timestamp.as_deref(), Some("2021-01-01T00:00:00Z"));
        assert!(file.tests[1].input_series.is_empty());
    }

    #[test]
    fn an_unknown_field_is_named() {
        let error = serde_yaml::from_str::<UnitTestFile>("tests: [{intervall: 1m}]").unwrap_err();
        assert!(error.to_string().contains("unknown field `intervall`"), "{error}");
    }
}
