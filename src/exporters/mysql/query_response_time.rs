//! How long statements take, from the plugin's tables `information_schema.query_response_time*`.

use super::server::Server;
use super::value::{number, text};
use super::{Collect, Collecting, Collector, Families, Metric};
use crate::catalogue::write_go_float;
use crate::model::MetricType;

const fn histogram(name: &'static str, help: &'static str) -> Metric {
    Metric { kind: MetricType::Histogram, ..Metric::gauge(name, help) }
}

const ALL: Metric =
    histogram("mysql_info_schema_query_response_time_seconds", "Statements by the time they took.");
const READ: Metric = histogram(
    "mysql_info_schema_read_query_response_time_seconds",
    "Reading statements by the time they took.",
);
const WRITE: Metric = histogram(
    "mysql_info_schema_write_query_response_time_seconds",
    "Writing statements by the time they took.",
);

pub(super) const COLLECTOR: Collector =
    Collector::new("info_schema.query_response_time", &[ALL, READ, WRITE], Collect::Own(collect))
        .since(5, 5)
        .on();

/// In capitals, since otherwise some servers answer with the whole for each part.
const TABLES: [(&str, Metric); 3] = [
    ("QUERY_RESPONSE_TIME", ALL),
    ("QUERY_RESPONSE_TIME_READ", READ),
    ("QUERY_RESPONSE_TIME_WRITE", WRITE),
];

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        // Without the plugin there is no such variable.
        let on = match server.first("SELECT @@query_response_time_stats").await {
            Ok(row) => row.is_some_and(|row| number(&row, 0) != 0.0),
            Err(err) if err.is_answer() => false,
            Err(err) => return Err(err),
        };
        if !on {
            return Ok(());
        }
        for (table, metric) in &TABLES {
            let query = format!("SELECT TIME, COUNT, TOTAL FROM INFORMATION_SCHEMA.{table}");
            match server.rows(query).await {
                Ok(rows) => {
                    let rows =
                        rows.iter().map(|row| (text(row, 0), number(row, 1), number(row, 2)));
                    show(metric, rows, out);
                }
                // Only Percona Server tells reading and writing apart.
                Err(err) if err.is_answer() && metric.name != ALL.name => {}
                Err(err) => return Err(err),
            }
        }
        Ok(())
    })
}

/// The last row, `TOO LONG`, counts in the sum and has no bucket of its own.
fn show(metric: &Metric, rows: impl Iterator<Item = (String, f64, f64)>, out: &mut Families) {
    let (mut count, mut sum) = (0.0, 0.0);
    let mut put = |suffix, label: Option<&str>, value| {
        let labels = label.map(|le| ("le", le));
        out.put_part(metric.name, metric.kind, metric.help, suffix, labels, value);
    };
    for (limit, statements, total) in rows {
        count += statements;
        sum += total;
        if let Some(limit) = limit.trim().parse::<f64>().ok().filter(|limit| *limit != 0.0) {
            let mut le = String::new();
            write_go_float(&mut le, limit);
            put("_bucket", Some(&le), count);
        }
    }
    put("_bucket", Some("+Inf"), count);
    put("_sum", None, sum);
    put("_count", None, count);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::write_text;

    #[test]
    fn buckets_are_cumulative() {
        let rows =
            [("      0.000001", 3.0, 0.0), ("      1.000000", 2.0, 1.5), ("TOO LONG", 1.0, 0.0)];
        let mut out = Families::default();
        show(&ALL, rows.into_iter().map(|(limit, n, sum)| (limit.into(), n, sum)), &mut out);
        let mut text = String::new();
        write_text(&out, &mut text);
        let name = ALL.name;
        let expected = format!(
            "{name}_bucket{{le=\"1e-06\"}} 3\n{name}_bucket{{le=\"1\"}} 5\n\
             {name}_bucket{{le=\"+Inf\"}} 6\n{name}_sum 1.5\n{name}_count 6\n"
        );
        assert!(text.ends_with(&expected), "{text}");
    }
}
