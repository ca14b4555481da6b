//! How far counters of keys have come, from `information_schema.tables` and `.columns`.

use super::server::Server;
use super::value::{number, text};
use super::{Collect, Collecting, Collector, Families, Metric};

const LABELS: &[&str] = &["schema", "table", "column"];
const CURRENT: Metric = Metric::gauge(
    "mysql_info_schema_auto_increment_column",
    "Next value of a column that counts by itself.",
)
.with(LABELS);
const LARGEST: Metric = Metric::gauge(
    "mysql_info_schema_auto_increment_column_max",
    "Largest value that a column that counts by itself can hold.",
)
.with(LABELS);

pub(super) const COLLECTOR: Collector =
    Collector::new("auto_increment.columns", &[CURRENT, LARGEST], Collect::Own(collect));

const SQL: &str = "SELECT c.table_schema, c.table_name, c.column_name, t.auto_increment, \
                   c.data_type, c.column_type FROM information_schema.columns c \
                   JOIN information_schema.tables t ON t.table_schema = c.table_schema \
                   AND t.table_name = c.table_name \
                   WHERE c.extra = 'auto_increment' AND t.auto_increment IS NOT NULL";

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        for row in server.rows(SQL).await? {
            let (schema, table, column) = (text(&row, 0), text(&row, 1), text(&row, 2));
            let labels = [schema.as_str(), &table, &column];
            out.put(&CURRENT, &labels, number(&row, 3));
            if let Some(largest) = largest(&text(&row, 4), &text(&row, 5)) {
                out.put(&LARGEST, &labels, largest);
            }
        }
        Ok(())
    })
}

/// Largest value of `int` as in `int(11) unsigned`; `None` for types that do not end.
fn largest(kind: &str, written: &str) -> Option<f64> {
    let bits = match kind {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        _ => return None,
    };
    let sign = i32::from(!written.contains("unsigned"));
    Some(2_f64.powi(bits - sign) - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_tells_the_largest_value() {
        assert_eq!(largest("tinyint", "tinyint(4)"), Some(127.0));
        assert_eq!(largest("int", "int(10) unsigned"), Some(4_294_967_295.0));
        assert_eq!(largest("bigint", "bigint"), Some(9.223_372_036_854_776e18));
        assert_eq!(largest("double", "double"), None);
    }
}
