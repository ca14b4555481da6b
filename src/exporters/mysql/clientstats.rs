//! What clients do, from `information_schema.client_statistics`.

use super::server::Server;
use super::statistics::{self, statistics};
use super::{Collect, Collecting, Collector, Families, Metric};

const METRICS: &[Metric] = statistics!(
    "client",
    "max_statement_time_exceeded_total",
    "Statements that were ended since they took too long."
);

pub(super) const COLLECTOR: Collector =
    Collector::new("info_schema.clientstats", METRICS, Collect::Own(collect)).since(5, 5);

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    let sql = "SELECT * FROM information_schema.client_statistics";
    Box::pin(statistics::show(server, sql, METRICS, out))
}
