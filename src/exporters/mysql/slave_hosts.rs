//! Replicas that are connected, from `SHOW SLAVE HOSTS` or, as new servers say, `SHOW REPLICAS`.

use mysql_async::Row;

use super::server::Server;
use super::slave_status::older_name;
use super::value::text;
use super::{Collect, Collecting, Collector, Families, Metric};

/// The odd name is the reference's.
const INFO: Metric = Metric::gauge(
    "mysql_heartbeat_mysql_slave_hosts_info",
    "A replica that is registered at this server; always 1.",
)
.with(&["server_id", "slave_host", "port", "master_id", "slave_uuid"]);

pub(super) const COLLECTOR: Collector =
    Collector::new("slave_hosts", &[INFO], Collect::Own(collect));

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let new = server.version.is_mysql(8, 0, 22);
        let sql = if new { "SHOW REPLICAS" } else { "SHOW SLAVE HOSTS" };
        for row in server.rows(sql).await? {
            show(&row, out);
        }
        Ok(())
    })
}

/// Which columns there are depends on the server; a label without one is empty.
fn show(row: &Row, out: &mut Families) {
    let of = |label: &str| {
        let name = if label == "slave_host" { "host" } else { label };
        let columns = row.columns_ref();
        let at = columns.iter().position(|column| older_name(&column.name_str()) == name);
        at.map(|at| text(row, at)).unwrap_or_default()
    };
    let values: Vec<String> = INFO.labels.iter().map(|label| of(label)).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    out.put(&INFO, &values, 1.0);
}
