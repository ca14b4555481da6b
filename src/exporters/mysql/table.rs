//! Rows as metrics: the first columns are labels, the others values.

use mysql_async::Row;

use super::value::{number, text};
use super::{Families, Metric};

/// Picoseconds in a second: the performance schema's unit of time.
pub(super) const PICOSECONDS: f64 = 1e12;

/// What a column of values is shown as.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    metric: Metric,
    /// Value of the metric's last label, where the columns of one metric are told apart by it.
    last: Option<&'static str>,
    /// How many of the column's units are one of the metric's.
    divisor: f64,
}

impl Column {
    /// A column that is a metric of its own.
    pub(super) const fn of(metric: Metric) -> Self {
        Self { metric, last: None, divisor: 1.0 }
    }

    /// One of several columns of a metric: `last` is the value of its last label.
    pub(super) const fn part(metric: Metric, last: &'static str) -> Self {
        Self { metric, last: Some(last), divisor: 1.0 }
    }

    /// The same in picoseconds.
    pub(super) const fn picoseconds(self) -> Self {
        self.per(PICOSECONDS)
    }

    /// The same in a smaller unit: `divisor` of them are one of the metric's.
    pub(super) const fn per(self, divisor: f64) -> Self {
        Self { divisor, ..self }
    }
}

/// A query whose rows are metrics.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    /// The query; its first columns are labels.
    pub sql: &'static str,
    /// How many columns are labels.
    pub labels: usize,
    /// What the columns behind them are.
    pub columns: &'static [Column],
}

/// Shows each row: `labels` columns of labels, then one value for each of `columns`.
pub(super) fn show(rows: &[Row], labels: usize, columns: &[Column], out: &mut Families) {
    for row in rows {
        let words: Vec<String> = (0..labels).map(|at| text(row, at)).collect();
        let mut values: Vec<&str> = words.iter().map(String::as_str).collect();
        for (at, column) in columns.iter().enumerate() {
            values.truncate(labels);
            values.extend(column.last);
            out.put(&column.metric, &values, number(row, labels + at) / column.divisor);
        }
    }
}
