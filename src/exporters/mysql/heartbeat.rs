//! Delay of replication, from a table that a heartbeat writes to (`pt-heartbeat`).

use super::server::Server;
use super::settings::Setting;
use super::value::{number, text};
use super::{Collect, Collecting, Collector, Families, Metric};

const NOW: Metric = Metric::gauge(
    "mysql_heartbeat_now_timestamp_seconds",
    "Time of the server that was asked, in Unix time.",
)
.with(&["server_id"]);
const STORED: Metric = Metric::gauge(
    "mysql_heartbeat_stored_timestamp_seconds",
    "Time of a server's last heartbeat, in Unix time.",
)
.with(&["server_id"]);

const DATABASE: Setting = Setting::text(
    "collect.heartbeat.database",
    "heartbeat",
    "Database that the heartbeat's table is in.",
);
const TABLE: Setting =
    Setting::text("collect.heartbeat.table", "heartbeat", "Table that the heartbeat writes to.");
const UTC: Setting =
    Setting::switch("collect.heartbeat.utc", false, "The heartbeat writes its times in UTC.");

pub(super) const COLLECTOR: Collector =
    Collector::new("heartbeat", &[NOW, STORED], Collect::Own(collect))
        .with(&[DATABASE, TABLE, UTC]);

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let settings = &server.settings;
        let now = if settings.on(&UTC) { "UTC_TIMESTAMP(6)" } else { "NOW(6)" };
        let name = |setting| format!("`{}`", settings.of(setting).replace('`', "``"));
        let sql = format!(
            "SELECT server_id, UNIX_TIMESTAMP(ts), UNIX_TIMESTAMP({now}) FROM {}.{}",
            name(&DATABASE),
            name(&TABLE),
        );
        for row in server.rows(sql).await? {
            let id = text(&row, 0);
            out.put(&STORED, &[&id], number(&row, 1));
            out.put(&NOW, &[&id], number(&row, 2));
        }
        Ok(())
    })
}
