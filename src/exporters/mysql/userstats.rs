//! What accounts do, from `information_schema.user_statistics`.

use super::server::Server;
use super::statistics::{self, statistics};
use super::{Collect, Collecting, Collector, Families, Metric};

const METRICS: &[Metric] = statistics!("user");

pub(super) const COLLECTOR: Collector =
    Collector::new("info_schema.userstats", METRICS, Collect::Own(collect));

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    let sql = "SELECT * FROM information_schema.user_statistics";
    Box::pin(statistics::show(server, sql, METRICS, out))
}
