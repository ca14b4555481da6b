//! Limits and privileges of accounts, from `mysql.user`.

use super::server::Server;
use super::settings::Setting;
use super::value::{number, text};
use super::{Collect, Collecting, Collector, Families, Metric};

const LABELS: &[&str] = &["mysql_user", "hostmask"];

macro_rules! metrics {
    ($($name:literal, $help:literal;)*) => {
        &[$(Metric::gauge(concat!("mysql_mysql_", $name), $help).with(LABELS)),*]
    };
}

/// In the order of the columns; the limits come first.
const METRICS: &[Metric] = metrics! {
    "max_questions", "Statements an hour that an account may make; 0 is any number.";
    "max_updates", "Changing statements an hour that an account may make; 0 is any number.";
    "max_connections", "Connections an hour that an account may make; 0 is any number.";
    "max_user_connections", "Connections that an account may have at once; 0 is any number.";
    "select_priv", "Whether an account may read all tables.";
    "insert_priv", "Whether an account may insert into all tables.";
    "update_priv", "Whether an account may change all tables.";
    "delete_priv", "Whether an account may delete from all tables.";
    "create_priv", "Whether an account may create databases and tables.";
    "drop_priv", "Whether an account may drop databases and tables.";
    "reload_priv", "Whether an account may flush and reload.";
    "shutdown_priv", "Whether an account may stop the server.";
    "process_priv", "Whether an account may see others' connections.";
    "file_priv", "Whether an account may read and write files of the server.";
    "grant_priv", "Whether an account may pass its privileges on.";
    "references_priv", "Whether an account may create foreign keys.";
    "index_priv", "Whether an account may create and drop indexes.";
    "alter_priv", "Whether an account may alter tables.";
    "show_db_priv", "Whether an account may see all databases.";
    "super_priv", "Whether an account may administrate the server.";
    "create_tmp_table_priv", "Whether an account may create temporary tables.";
    "lock_tables_priv", "Whether an account may lock tables.";
    "execute_priv", "Whether an account may run stored routines.";
    "repl_slave_priv", "Whether an account may replicate from the server.";
    "repl_client_priv", "Whether an account may ask for the state of replication.";
    "create_view_priv", "Whether an account may create views.";
    "show_view_priv", "Whether an account may see how views are made.";
    "create_routine_priv", "Whether an account may create stored routines.";
    "alter_routine_priv", "Whether an account may alter stored routines.";
    "create_user_priv", "Whether an account may manage accounts.";
    "event_priv", "Whether an account may manage scheduled events.";
    "trigger_priv", "Whether an account may create and drop triggers.";
    "create_tablespace_priv", "Whether an account may create tablespaces.";
};
const LIMITS: usize = 4;

const PRIVILEGES: Setting =
    Setting::switch("collect.mysql.user.privileges", false, "Show privileges, too.");

pub(super) const COLLECTOR: Collector =
    Collector::new("mysql.user", METRICS, Collect::Own(collect)).with(&[PRIVILEGES]);

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let all = server.settings.on(&PRIVILEGES);
        let metrics = if all { METRICS } else { &METRICS[..LIMITS] };
        let columns: Vec<&str> =
            metrics.iter().filter_map(|metric| metric.name.strip_prefix("mysql_mysql_")).collect();
        let sql = format!("SELECT user, host, {} FROM mysql.user", columns.join(", "));
        for row in server.rows(sql).await? {
            let (user, host) = (text(&row, 0), text(&row, 1));
            for (at, metric) in metrics.iter().enumerate() {
                let value = match &*text(&row, at + 2) {
                    "Y" => 1.0,
                    "N" => 0.0,
                    _ if at >= LIMITS => continue,
                    _ => number(&row, at + 2),
                };
                out.put(metric, &[&user, &host], value);
            }
        }
        Ok(())
    })
}
