//! Which metrics exist. Exporters and parts declare each metric once, as data; the exposition, the
//! lint, completion and the reference page all read that declaration.

mod families;
mod fields;
pub mod figures;
mod number;
pub mod parts;
mod query;
mod renames;
mod values;

pub use families::{Families, Family, FamilySample, write_text};
pub use fields::known_fields;
pub use number::write_go_float;
pub use query::query_metric;
pub use renames::{Rename, renamed};
pub use values::known_values;

use crate::model::MetricType;

/// Content type of the text format 0.0.4, which [`write_text`] writes.
pub const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A declared metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Full name as exposed.
    pub name: &'static str,
    /// What kind it is.
    pub kind: MetricType,
    /// One clear sentence of our own.
    pub help: &'static str,
    /// Label names in the order of the values given to [`Families::put`]; without `job`, `instance`.
    pub labels: &'static [&'static str],
    /// The name is a prefix: what follows comes from the kernel or the server (`node_vmstat_…`), so
    /// that any name beginning with it may exist, and may carry labels beyond the declared ones.
    pub open: bool,
}

impl Metric {
    /// A gauge without labels.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: MetricType::Gauge, help, labels: &[], open: false }
    }

    /// A counter without labels.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: MetricType::Counter, help, labels: &[], open: false }
    }

    /// A histogram without labels: its series are `_bucket` with `le`, `_sum` and `_count`.
    pub const fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: MetricType::Histogram, help, labels: &[], open: false }
    }

    /// A summary without labels: its series carry `quantile`, besides `_sum` and `_count`.
    pub const fn summary(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: MetricType::Summary, help, labels: &[], open: false }
    }

    /// A metric of unknown type (`untyped` in the text format) without labels.
    pub const fn untyped(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: MetricType::Unknown, help, labels: &[], open: false }
    }

    /// The same as a prefix of names that are only known at run time.
    pub const fn open(self) -> Self {
        Self { open: true, ..self }
    }

    /// Whether this declaration covers a metric of that name.
    pub fn covers(&self, name: &str) -> bool {
        if self.open { name.starts_with(self.name) } else { name == self.name }
    }

    /// The same with labels.
    pub const fn with(self, labels: &'static [&'static str]) -> Self {
        Self { labels, ..self }
    }
}
