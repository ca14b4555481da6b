//! Members of a replication group, from `performance_schema.replication_group_members`.

use super::server::Server;
use super::value::text;
use super::{Collect, Collecting, Collector, Families, Metric};

/// The labels are the columns, which differ between servers; these are MySQL 8.4's.
const INFO: Metric = Metric::gauge(
    "mysql_perf_schema_replication_group_member_info",
    "Member of a replication group, with its state and role; always 1.",
)
.with(&[
    "channel_name",
    "member_id",
    "member_host",
    "member_port",
    "member_state",
    "member_role",
    "member_version",
    "member_communication_stack",
]);

pub(super) const COLLECTOR: Collector =
    Collector::new("perf_schema.replication_group_members", &[INFO], Collect::Own(collect))
        .since(5, 7);

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let sql = "SELECT * FROM performance_schema.replication_group_members";
        for row in server.rows(sql).await? {
            let columns = row.columns_ref().iter().enumerate();
            let labels: Vec<(String, String)> = columns
                .map(|(at, column)| (column.name_str().to_ascii_lowercase(), text(&row, at)))
                .collect();
            let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            out.put_dynamic(INFO.name, INFO.kind, INFO.help, labels, 1.0);
        }
        Ok(())
    })
}
