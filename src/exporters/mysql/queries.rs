//! The user's own queries: their rows are metrics, called `QUERY_COLUMN`.

use std::collections::BTreeSet;
use std::path::Path;

use super::server::{CollectError, Server};
use super::value::{column, parse, text};
use super::{ConfigError, Families, declared_metrics};
use crate::catalogue::query_metric;
use crate::model::MetricType;
use crate::wire::mysql::{Kind, Queries};

/// One query and what its columns are.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Its name; its metrics' names begin with it.
    pub name: String,
    /// A statement that answers rows.
    pub sql: String,
    /// Columns that are labels.
    pub labels: Vec<String>,
    /// Columns that are values.
    pub values: Vec<QueryValue>,
}

/// One column of a query that is a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryValue {
    /// Name of the column.
    pub column: String,
    /// Name of the metric.
    pub metric: String,
    /// What kind it is.
    pub kind: MetricType,
    /// Its help text.
    pub help: String,
}

/// What is wrong with a metric's name, if anything: it is none, or it is one of the exporter's own.
pub fn wrong_name(metric: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    if metric.is_empty()
        || !metric.chars().all(plain)
        || metric.starts_with(|c: char| c.is_ascii_digit())
    {
        return Some(format!("`{metric}` is not a name of a metric"));
    }
    let own = declared_metrics().find(|own| own.covers(metric));
    own.map(|own| {
        if own.open {
            format!("`{metric}` could be one of the exporter's own, `{}…`", own.name)
        } else {
            format!("`{metric}` is one of the exporter's own metrics")
        }
    })
}

/// Reads a file of queries.
pub(super) fn read(path: &Path) -> Result<Vec<Query>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    parse_file(&text).map_err(|problem| ConfigError::Queries { path: path.to_owned(), problem })
}

fn parse_file(text: &str) -> Result<Vec<Query>, String> {
    let file: Queries = serde_yaml::from_str(text).map_err(|err| err.to_string())?;
    let mut names = BTreeSet::new();
    let mut metrics = BTreeSet::new();
    let mut all = Vec::new();
    for query in file.queries {
        let name = query.name;
        let wrong = |problem: String| format!("query `{name}`: {problem}");
        if !names.insert(name.clone()) {
            return Err(wrong("the name is used twice".to_owned()));
        }
        if query.values.is_empty() {
            return Err(wrong("no column is a value".to_owned()));
        }
        let mut values = Vec::new();
        for value in query.values {
            let metric = query_metric(&name, &value.column);
            if let Some(problem) = wrong_name(&metric) {
                return Err(wrong(problem));
            }
            if !metrics.insert(metric.clone()) {
                return Err(wrong(format!("`{metric}` is there twice")));
            }
            let kind = match value.kind {
                Kind::Gauge => MetricType::Gauge,
                Kind::Counter => MetricType::Counter,
            };
            let help =
                value.help.unwrap_or_else(|| format!("Column {} of query {name}.", value.column));
            values.push(QueryValue { column: value.column, metric, kind, help });
        }
        all.push(Query { name, sql: query.sql, labels: query.labels, values });
    }
    Ok(all)
}

impl Query {
    /// Asks and shows. NULL is no value; a text that is no number is an error.
    pub(super) async fn collect(
        &self,
        server: &mut Server,
        out: &mut Families,
    ) -> Result<(), CollectError> {
        let rows = server.rows(&self.sql).await?;
        let Some(first) = rows.first() else { return Ok(()) };
        let find = |name: &str| {
            column(first, name).ok_or_else(|| {
                CollectError::Answer(format!("the query answers no column `{name}`"))
            })
        };
        let labels: Vec<usize> =
            self.labels.iter().map(|label| find(label)).collect::<Result<_, _>>()?;
        for value in &self.values {
            let at = find(&value.column)?;
            for row in &rows {
                let written = text(row, at);
                if written.is_empty() {
                    continue;
                }
                let number = parse(&written).ok_or_else(|| {
                    CollectError::Answer(format!("`{written}` of `{}` is no number", value.column))
                })?;
                let words: Vec<String> = labels.iter().map(|at| text(row, *at)).collect();
                let labels = self.labels.iter().zip(&words);
                let labels = labels.map(|(name, word)| (name.as_str(), word.as_str()));
                out.put_dynamic(&value.metric, value.kind, &value.help, labels, number);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_and_their_metrics_named() {
        let text = "queries:\n- name: shop_orders\n  sql: SELECT 1\n  labels: [status]\n  \
                    values:\n  - {column: Open, type: gauge, help: Open orders.}\n";
        let queries = parse_file(text).expect("well-formed");
        let value = &queries[0].values[0];
        assert_eq!((&*value.metric, value.kind), ("shop_orders_open", MetricType::Gauge));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let query = |name: &str, values: &str| {
            let text = format!("queries: [{{name: {name}, sql: SELECT 1, values: [{values}]}}]");
            parse_file(&text).expect_err("something is wrong")
        };
        let one = "{column: a, type: gauge}";
        assert!(query("x", "").contains("no column"));
        assert!(query("x", &format!("{one}, {one}")).contains("twice"));
        assert!(query("9x", one).contains("not a name"));
        assert!(query("mysql_global_status", one).contains("exporter's own"));
        assert!(query("x", "{column: a, type: histogram}").contains("histogram"));
    }
}
