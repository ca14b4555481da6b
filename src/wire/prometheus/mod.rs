//! prometheus.yml as Prometheus 3.x documents it. What was not written is `None` or empty and is not
//! written back; defaults are applied where the file is used, not here. Unknown fields are errors.

mod http;
mod remote;
mod scrape;

pub use http::*;
pub use remote::*;
pub use scrape::*;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_yaml::Value;

pub use crate::model::ByteSize;
use crate::model::PromDuration;

/// Labels by name.
pub type LabelMap = BTreeMap<String, String>;

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !flag
}

// serde hands over references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Defaults for the rest.
    #[serde(default, skip_serializing_if = "Global::is_default")]
    pub global: Global,
    /// Settings of Go's runtime; read and ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Value>,
    /// Alertmanagers and the relabelling of alerts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerting: Option<Alerting>,
    /// Paths or globs of rule files, relative to this file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rule_files: Vec<String>,
    /// Paths or globs of files with more `scrape_configs`, relative to this file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scrape_config_files: Vec<String>,
    /// Jobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scrape_configs: Vec<ScrapeConfig>,
    /// The store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// Trace export; opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Value>,
    /// Where samples are sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remote_write: Vec<RemoteWrite>,
    /// Where samples are fetched from in queries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remote_read: Vec<RemoteRead>,
    /// OTLP receiver; opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otlp: Option<Value>,
}

/// A file named in `scrape_config_files`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScrapeConfigFile {
    /// Jobs.
    #[serde(default)]
    pub scrape_configs: Vec<ScrapeConfig>,
}

/// Defaults for scrapes and rules.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Global {
    /// Time between two scrapes; 1m where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrape_interval: Option<PromDuration>,
    /// Longest time of a scrape; 10s where it is missing, or the interval if that is shorter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrape_timeout: Option<PromDuration>,
    /// Formats to ask for, best first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
    /// Time between two evaluations of a rule group; 1m where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation_interval: Option<PromDuration>,
    /// How far in the past rules are evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_query_offset: Option<PromDuration>,
    /// File that gets one line a query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_log_file: Option<String>,
    /// File that gets one line a failed scrape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrape_failure_log_file: Option<String>,
    /// Labels added when samples or alerts leave this server.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external_labels: LabelMap,
    /// Longest body after decompression; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_size_limit: Option<ByteSize>,
    /// Most samples a scrape may have after relabelling; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_limit: Option<u64>,
    /// Most targets a job may have; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_limit: Option<u64>,
    /// Most labels a sample may have; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_limit: Option<u64>,
    /// Longest label name in bytes; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_name_length_limit: Option<u64>,
    /// Longest label value in bytes; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_value_length_limit: Option<u64>,
    /// Most dropped targets that are remembered for a job; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_dropped_targets: Option<u64>,
    /// `utf8` or `legacy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_name_validation_scheme: Option<NameValidation>,
    /// How names are asked for: `allow-utf-8`, `underscores`, `dots`, `values`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_name_escaping_scheme: Option<String>,
    /// Whether native histograms are taken in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrape_native_histograms: Option<bool>,
    /// Whether classic buckets are kept beside a native histogram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub always_scrape_classic_histograms: Option<bool>,
    /// Whether classic histograms become native ones with custom bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub convert_classic_histograms_to_nhcb: Option<bool>,
    /// Whether the additional `scrape_*` series are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_scrape_metrics: Option<bool>,
}

impl Global {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Which metric and label names are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NameValidation {
    /// Any UTF-8.
    Utf8,
    /// Letters, digits, underscore and (metrics) colon.
    Legacy,
}

/// A format that targets may answer in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ScrapeProtocol {
    /// Protocol buffers.
    PrometheusProto,
    /// Text 0.0.4.
    #[serde(rename = "PrometheusText0.0.4")]
    PrometheusText0_0_4,
    /// Text 1.0.0: UTF-8 names in quotes.
    #[serde(rename = "PrometheusText1.0.0")]
    PrometheusText1_0_0,
    /// OpenMetrics 0.0.1.
    #[serde(rename = "OpenMetricsText0.0.1")]
    OpenMetricsText0_0_1,
    /// OpenMetrics 1.0.0.
    #[serde(rename = "OpenMetricsText1.0.0")]
    OpenMetricsText1_0_0,
}

/// Settings of the store that can change while it runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tsdb: Option<Tsdb>,
    /// Exemplars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exemplars: Option<Exemplars>,
}

/// Settings of the sample store.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tsdb {
    /// How far behind the newest sample others are still taken; 0s where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_order_time_window: Option<PromDuration>,
    /// Share of stale series that starts an early compaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_series_compaction_threshold: Option<f64>,
    /// How long and how much is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
}

/// How long and how much is kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<PromDuration>,
    /// Bytes on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<ByteSize>,
    /// Share of the disk, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentage: Option<f64>,
}

/// Settings of the exemplar store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exemplars {
    /// How many are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_exemplars: Option<i64>,
}

impl Config {
    /// The same with every secret replaced by `<secret>`: what users and the API are shown.
    pub fn redact(&self) -> Self {
        let mut config = self.clone();
        let discover = |sources: &mut Vec<HttpSd>| {
            sources.iter_mut().for_each(HttpSd::redact_client);
        };
        for scrape in &mut config.scrape_configs {
            scrape.redact_client();
            discover(&mut scrape.http_sd_configs);
        }
        for group in config.alerting.iter_mut().flat_map(|alerting| &mut alerting.alertmanagers) {
            group.redact_client();
            discover(&mut group.http_sd_configs);
        }
        config.remote_write.iter_mut().for_each(RemoteWrite::redact_client);
        config.remote_read.iter_mut().for_each(RemoteRead::redact_client);
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "\
global:
  scrape_interval: 15s
  external_labels:
    dc: eu1
alerting:
  alertmanagers:
  - static_configs:
    - targets:
      - alertmanager:9093
rule_files:
- alerts.yml
scrape_configs:
- job_name: node
  body_size_limit: 16MiB
  static_configs:
  - targets:
    - node-exporter:9100
  relabel_configs:
  - target_label: site
    replacement: ''
  basic_auth:
    username: u
    password: hush
storage:
  tsdb:
    retention:
      time: 30d
      size: 20GiB
";

    #[test]
    fn what_is_read_is_written_back() {
        let config: Config = serde_yaml::from_str(SMALL).unwrap();
        assert_eq!(config.global.scrape_interval, Some(PromDuration::from_secs(15)));
        assert_eq!(config.scrape_configs[0].body_size_limit, Some(ByteSize(16 << 20)));
        assert_eq!(
            config.scrape_configs[0].relabel_configs[0].replacement.as_deref(),
            Some(""),
            "an empty replacement is not a missing one"
        );
        let written = serde_yaml::to_string(&config).unwrap();
        assert_eq!(serde_yaml::from_str::<Config>(&written).unwrap(), config);
        for line in ["job_name: node", "scrape_interval: 15s", "time: 30d"] {
            assert!(written.contains(line), "{written}");
        }
        assert!(!written.contains("null") && !written.contains("scrape_timeout"), "{written}");
    }

    #[test]
    fn an_unknown_field_is_named_with_its_line() {
        let error =
            serde_yaml::from_str::<Config>("scrape_configs:\n- job_name: a\n  intervall: 5s\n")
                .unwrap_err()
                .to_string();
        assert!(error.contains("unknown field `intervall`"), "{error}");
        assert!(error.contains("line 3"), "{error}");
    }

    #[test]
    fn empty_sections_are_as_good_as_missing_ones() {
        let text = "global:\nrule_files:\nscrape_configs:\nremote_write:\nalerting:\n";
        assert_eq!(serde_yaml::from_str::<Config>(text).unwrap(), Config::default());
    }

    #[test]
    fn secrets_are_not_shown() {
        let config: Config = serde_yaml::from_str(SMALL).unwrap();
        assert!(!format!("{config:?}").contains("hush"));
        let shown = serde_yaml::to_string(&config.redact()).unwrap();
        assert!(shown.contains("<secret>") && !shown.contains("hush"), "{shown}");
    }
}
