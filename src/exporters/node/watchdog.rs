//! Watchdog timers, from `/sys/class/watchdog`.

use super::{CollectError, Collector, Families, Host, Metric, On, declared, joined};

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric::gauge(name, help).with(&["name"])
}

const FILES: [(Metric, &str); 7] = [
    (gauge("node_watchdog_bootstatus", "Why the system was last started, as bits."), "bootstatus"),
    (gauge("node_watchdog_fw_version", "Version of the watchdog's firmware."), "fw_version"),
    (gauge("node_watchdog_nowayout", "Whether the watchdog cannot be stopped."), "nowayout"),
    (gauge("node_watchdog_timeleft_seconds", "Time until the watchdog fires."), "timeleft"),
    (gauge("node_watchdog_timeout_seconds", "Time after which the watchdog fires."), "timeout"),
    (
        gauge("node_watchdog_pretimeout_seconds", "How long before firing the watchdog warns."),
        "pretimeout",
    ),
    (gauge("node_watchdog_access_cs0", "Whether the boot source is fixed."), "access_cs0"),
];
const INFO: Metric = gauge("node_watchdog_info", "What a watchdog is; always 1.").with(&[
    "name",
    "options",
    "identity",
    "state",
    "status",
    "pretimeout_governor",
]);

pub(super) const COLLECTOR: Collector = Collector {
    name: "watchdog",
    start: On,
    metrics: &joined::<7, 1, 8>(&declared(&FILES), &[INFO]),
    collect,
};

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    const CLASS: &str = "sys/class/watchdog";
    for name in host.list(CLASS)? {
        let Some(folder) = host.folder(&format!("{CLASS}/{name}")) else { continue };
        for (metric, file) in &FILES {
            if let Some(value) = folder.number(file) {
                out.put(metric, &[&name], value);
            }
        }
        let text = |file: &str| folder.line(file).unwrap_or_default();
        let labels = [
            &*name,
            &text("options"),
            &text("identity"),
            &text("state"),
            &text("status"),
            &text("pretimeout_governor"),
        ];
        out.put(&INFO, &labels, 1.0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::host::fixture;

    #[test]
    fn what_a_watchdog_does_not_tell_is_empty() {
        let samples = fixture::samples(&COLLECTOR, &fixture::host());
        assert_eq!(
            samples,
            "node_watchdog_info{identity=\"Software Watchdog\",name=\"watchdog0\",options=\"\",\
             pretimeout_governor=\"\",state=\"active\",status=\"\"} 1\n\
             node_watchdog_timeout_seconds{name=\"watchdog0\"} 60\n"
        );
    }
}
