//! What connections are doing, from `information_schema.processlist`.

use std::collections::BTreeMap;

use super::server::Server;
use super::settings::Setting;
use super::value::{number, text};
use super::{Collect, Collecting, Collector, Families, Metric};

const THREADS: Metric =
    Metric::gauge("mysql_info_schema_processlist_threads", "Connections, by command and state.")
        .with(&["command", "state"]);
const SECONDS: Metric = Metric::gauge(
    "mysql_info_schema_processlist_seconds",
    "Time that connections have been in their state, by command and state.",
)
.with(&["command", "state"]);
const BY_USER: Metric =
    Metric::gauge("mysql_info_schema_processlist_processes_by_user", "Connections, by account.")
        .with(&["mysql_user"]);
const BY_HOST: Metric = Metric::gauge(
    "mysql_info_schema_processlist_processes_by_host",
    "Connections, by the client's host.",
)
.with(&["client_host"]);

const MIN_TIME: Setting = Setting::number(
    "collect.info_schema.processlist.min_time",
    "0",
    "Seconds that a connection must have been in its state to be counted.",
);
const USERS: Setting = Setting::switch(
    "collect.info_schema.processlist.processes_by_user",
    true,
    "Count connections by account, too.",
);
const HOSTS: Setting = Setting::switch(
    "collect.info_schema.processlist.processes_by_host",
    true,
    "Count connections by the client's host, too.",
);

pub(super) const COLLECTOR: Collector = Collector::new(
    "info_schema.processlist",
    &[THREADS, SECONDS, BY_USER, BY_HOST],
    Collect::Own(collect),
)
.with(&[MIN_TIME, USERS, HOSTS]);

fn collect<'a>(server: &'a mut Server, out: &'a mut Families) -> Collecting<'a> {
    Box::pin(async move {
        let settings = server.settings.clone();
        let sql = format!(
            "SELECT user, SUBSTRING_INDEX(host, ':', 1) AS client, command, state, COUNT(*), \
             SUM(time) FROM information_schema.processlist \
             WHERE id != CONNECTION_ID() AND time >= {} \
             GROUP BY user, SUBSTRING_INDEX(host, ':', 1), command, state",
            settings.of(&MIN_TIME)
        );
        let mut states: BTreeMap<(String, String), (f64, f64)> = BTreeMap::new();
        let mut users: BTreeMap<String, f64> = BTreeMap::new();
        let mut hosts: BTreeMap<String, f64> = BTreeMap::new();
        for row in server.rows(sql).await? {
            let (count, seconds) = (number(&row, 4), number(&row, 5));
            let state = states.entry((word(&text(&row, 2)), word(&text(&row, 3)))).or_default();
            state.0 += count;
            state.1 += seconds;
            *users.entry(text(&row, 0)).or_default() += count;
            let host = Some(text(&row, 1)).filter(|host| !host.is_empty());
            *hosts.entry(host.unwrap_or_else(|| "unknown".to_owned())).or_default() += count;
        }
        for ((command, state), (count, seconds)) in &states {
            out.put(&THREADS, &[command, state], *count);
            out.put(&SECONDS, &[command, state], *seconds);
        }
        for (setting, metric, counts) in [(&USERS, &BY_USER, &users), (&HOSTS, &BY_HOST, &hosts)] {
            for (name, count) in counts.iter().filter(|_| settings.on(setting)) {
                out.put(metric, &[name], *count);
            }
        }
        Ok(())
    })
}

/// A state as one plain word: `Waiting for table (x)` is `waiting_for_table_x`.
fn word(state: &str) -> String {
    if state.is_empty() {
        return "unknown".to_owned();
    }
    let kept = state.to_lowercase();
    let kept = kept.chars().filter(|c| !";,:.()".contains(*c));
    kept.map(|c| if c == ' ' || c == '-' { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_plain_words() {
        assert_eq!(word("Waiting for handler commit"), "waiting_for_handler_commit");
        assert_eq!(word("Slave has read all; waiting (x-y)."), "slave_has_read_all_waiting_x_y");
        assert_eq!(word(""), "unknown");
    }
}
