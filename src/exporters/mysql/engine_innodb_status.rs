//! Queries inside of InnoDB, from the text of `SHOW ENGINE INNODB STATUS`.

use super::server::Server;
use super::value::text;
use super::{Collect, Collecting, Collector, Families, Metric};

const INSIDE: Metric = Metric::gauge(
    "mysql_engine_innodb_queries_inside_innodb",
    "Queries that run inside of InnoDB.",
);
const QUEUED: Metric =
    Metric::gauge("mysql_engine_innodb_queries_in_queue", "Queries that wait to enter InnoDB.");
const VIEWS: Metric = Metric::gauge(
    "mysql_engine_innodb_read_views_open_inside_innodb",
    "Read views that are open inside of InnoDB.",
);

pub(super) const COLLECTOR: Collector =
    Collector::new("engine_innodb_status", &[INSIDE, QUEUED, VIEWS], Collect::Own(collect));

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let row = server.first("SHOW ENGINE INNODB STATUS").await?;
        show(&row.map(|row| text(&row, 2)).unwrap_or_default(), out);
        Ok(())
    })
}

fn show(status: &str, out: &mut Families) {
    let before = |text: &str, mark: &str| -> Option<f64> {
        text.split_once(mark)?.0.split_whitespace().next_back()?.parse().ok()
    };
    for line in status.lines() {
        let both = (before(line, " queries inside InnoDB"), before(line, " queries in queue"));
        if let (Some(inside), Some(queued)) = both {
            out.put(&INSIDE, &[], inside);
            out.put(&QUEUED, &[], queued);
        } else if let Some(views) = before(line, " read views open inside InnoDB") {
            out.put(&VIEWS, &[], views);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lines_are_of_interest() {
        let status = "ROW OPERATIONS\n---\n3 queries inside InnoDB, 12 queries in queue\n\
                      5 read views open inside InnoDB\nProcess ID=0\n";
        let mut out = Families::default();
        show(status, &mut out);
        let values: Vec<f64> = out.iter().map(|(_, family)| family.samples[0].value).collect();
        assert_eq!(values, [12.0, 3.0, 5.0]);
    }
}
