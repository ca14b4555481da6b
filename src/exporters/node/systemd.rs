//! The state of systemd and its units, asked over D-Bus (org.freedesktop.systemd1(5)).

use std::collections::BTreeMap;
use std::path::Path;

use super::dbus::{Bus, Value};
use super::opt_in::Settings;
use super::{CollectError, Collector, Families, Host, Metric, Off};

const NAME: &[&str] = &["name"];
const STATE: Metric = Metric::gauge("node_systemd_unit_state", "Whether a unit is in a state.")
    .with(&["name", "state", "type"]);
const START: Metric = Metric::gauge(
    "node_systemd_unit_start_time_seconds",
    "Since when a unit is active, in Unix time; 0 if it is not.",
)
.with(NAME);
const TASKS: Metric =
    Metric::gauge("node_systemd_unit_tasks_current", "Tasks of a service.").with(NAME);
const MAX_TASKS: Metric =
    Metric::gauge("node_systemd_unit_tasks_max", "Tasks a service may have.").with(NAME);
const RUNNING: Metric = Metric::gauge(
    "node_systemd_system_running",
    "Whether the system is up and no unit has failed.",
);
const UNITS: Metric = Metric::gauge("node_systemd_units", "Units in each state.").with(&["state"]);
const RESTARTS: Metric =
    Metric::counter("node_systemd_service_restart_total", "How often a service was restarted.")
        .with(NAME);
const TRIGGER: Metric = Metric::gauge(
    "node_systemd_timer_last_trigger_seconds",
    "When a timer last went off, in Unix time.",
)
.with(NAME);
const ACCEPTED: Metric = Metric::counter(
    "node_systemd_socket_accepted_connections_total",
    "Connections that a socket has accepted.",
)
.with(NAME);
const CURRENT: Metric =
    Metric::gauge("node_systemd_socket_current_connections", "Connections of a socket.").with(NAME);
const REFUSED: Metric = Metric::gauge(
    "node_systemd_socket_refused_connections_total",
    "Connections that a socket has refused.",
)
.with(NAME);
const VERSION: Metric =
    Metric::gauge("node_systemd_version", "Version of systemd.").with(&["version"]);
const VIRTUALIZATION: Metric = Metric::gauge(
    "node_systemd_virtualization_info",
    "What the system runs in, as systemd sees it; always 1.",
)
.with(&["virtualization_type"]);

pub(super) const COLLECTOR: Collector = Collector {
    name: "systemd",
    start: Off,
    metrics: &[
        STATE,
        START,
        TASKS,
        MAX_TASKS,
        RUNNING,
        UNITS,
        RESTARTS,
        TRIGGER,
        ACCEPTED,
        CURRENT,
        REFUSED,
        VERSION,
        VIRTUALIZATION,
    ],
    collect,
};

const SERVICE: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PATH: &str = "/org/freedesktop/systemd1";
const PRIVATE_SOCKET: &str = "/run/systemd/private";
const STATES: [&str; 5] = ["active", "activating", "deactivating", "inactive", "failed"];
/// systemd tells the state of the whole system and of its timers since this version.
const TELLS_STATE: f64 = 212.0;

fn collect(host: &Host, out: &mut Families) -> Result<(), CollectError> {
    let settings = &host.settings.opt_in;
    // Without a bus systemd can still be asked by root.
    let private = || Bus::connect(Path::new(PRIVATE_SOCKET));
    let mut bus = if settings.plain.systemd.private {
        private()?
    } else {
        Bus::system().or_else(|err| private().map_err(|_| err))?
    };
    show(&mut bus, settings, out)
}

/// What systemd lists about a unit.
struct Unit<'a> {
    name: &'a str,
    active: &'a str,
    path: &'a str,
}

fn show(bus: &mut Bus, settings: &Settings, out: &mut Families) -> Result<(), CollectError> {
    let text = |value: Result<Value, CollectError>| Some(value.ok()?.text()?.to_owned());
    let version = text(bus.property(SERVICE, PATH, MANAGER, "Version"));
    let (number, version) = match version.as_deref().and_then(number) {
        Some(number) => (number, version.unwrap_or_default()),
        None => (0.0, String::new()),
    };
    out.put(&VERSION, &[&version], number);
    let virtualization = text(bus.property(SERVICE, PATH, MANAGER, "Virtualization"));
    let virtualization = match virtualization.as_deref() {
        None => "unknown",
        Some("") => "none",
        Some(kind) => kind,
    };
    out.put(&VIRTUALIZATION, &[virtualization], 1.0);
    let listed = bus.call(SERVICE, PATH, MANAGER, "ListUnits", &[])?;
    let mut counts: BTreeMap<&str, u64> = STATES.iter().map(|state| (*state, 0)).collect();
    let mut units = Vec::new();
    for unit in listed.first().map(Value::list).unwrap_or_default() {
        // Name, description, load state, active state, sub state, follower, path, job …
        let texts: Vec<&str> = unit.list().iter().filter_map(Value::text).collect();
        let [name, _, load, active, _, _, path, ..] = texts[..] else { continue };
        *counts.entry(active).or_default() += 1;
        if load == "loaded" && settings.units.takes(name) {
            units.push(Unit { name, active, path });
        }
    }
    for (state, count) in counts {
        out.put(&UNITS, &[state], count as f64);
    }
    for unit in &units {
        show_unit(bus, settings, unit, number >= TELLS_STATE, out);
    }
    if number >= TELLS_STATE {
        let state = bus.property(SERVICE, PATH, MANAGER, "SystemState")?;
        let running = state.text() == Some("running");
        out.put(&RUNNING, &[], f64::from(u8::from(running)));
    }
    Ok(())
}

/// A unit may go while it is looked at, and older versions know fewer properties: what cannot be told is
/// left out.
fn show_unit(
    bus: &mut Bus,
    settings: &Settings,
    unit: &Unit<'_>,
    timers: bool,
    out: &mut Families,
) {
    let Unit { name, active, path } = *unit;
    let wanted = &settings.plain.systemd;
    let kind = name.rsplit_once('.').map_or("", |(_, kind)| kind);
    let mut get = |interface: &str, property: &str| {
        let interface = format!("{SERVICE}.{interface}");
        bus.property(SERVICE, path, &interface, property).ok()
    };
    let interface = match kind {
        "service" => Some("Service"),
        "mount" => Some("Mount"),
        _ => None,
    };
    let unit_type = interface.and_then(|interface| get(interface, "Type"));
    let unit_type = unit_type.as_ref().and_then(Value::text).unwrap_or_default();
    for state in STATES {
        let value = f64::from(u8::from(state == active));
        out.put(&STATE, &[name, state, unit_type], value);
    }
    if wanted.start_times {
        let since = match active {
            "active" => get("Unit", "ActiveEnterTimestamp").and_then(|value| value.unsigned()),
            _ => Some(0),
        };
        if let Some(microseconds) = since {
            out.put(&START, &[name], microseconds as f64 / 1e6);
        }
    }
    let mut number = |metric: &Metric, interface: &str, property: &str, unit: f64| {
        let value = get(interface, property).and_then(|value| value.unsigned());
        // The largest number stands for none.
        if let Some(value) = value.filter(|value| *value != u64::MAX) {
            out.put(metric, &[name], value as f64 / unit);
        }
    };
    match kind {
        "service" => {
            if wanted.restarts {
                number(&RESTARTS, "Service", "NRestarts", 1.0);
            }
            if wanted.tasks {
                number(&TASKS, "Service", "TasksCurrent", 1.0);
                number(&MAX_TASKS, "Service", "TasksMax", 1.0);
            }
        }
        "timer" if timers => number(&TRIGGER, "Timer", "LastTriggerUSec", 1e6),
        "socket" => {
            number(&ACCEPTED, "Socket", "NAccepted", 1.0);
            number(&CURRENT, "Socket", "NConnections", 1.0);
            number(&REFUSED, "Socket", "NRefused", 1.0);
        }
        _ => {}
    }
}

/// The first three or more digits with what is behind a dot: `systemd 252.22-1~deb12u1` is 252.22.
fn number(version: &str) -> Option<f64> {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let mut rest = version;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        rest = &rest[start..];
        let major = digits(rest);
        if major >= 3 {
            let minor = rest[major..].strip_prefix('.').map_or(0, digits);
            let end = if minor > 0 { major + 1 + minor } else { major };
            return rest[..end].parse().ok();
        }
        rest = &rest[major..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::dbus::mock;
    use crate::exporters::node::host::fixture;

    #[test]
    fn versions_are_numbers() {
        assert_eq!(number("252.22-1~deb12u1"), Some(252.22));
        assert_eq!(number("v249"), Some(249.0));
        assert_eq!(number("12"), None);
    }

    fn answer(path: &str, method: &str, arguments: &[&str]) -> Option<Vec<Value>> {
        let text = |text: &str| Value::Text(text.to_owned());
        let unit = |name: &str, load: &str, active: &str| {
            let path = format!("/unit/{name}");
            let texts = [name, "A unit", load, active, "sub", "", &path];
            let mut fields: Vec<Value> = texts.iter().map(|field| text(field)).collect();
            fields.extend([Value::Unsigned(0), text(""), text("/")]);
            Value::List(fields)
        };
        let value = match (method, arguments) {
            ("ListUnits", _) => Value::List(vec![
                unit("ssh.service", "loaded", "active"),
                unit("gone.service", "not-found", "inactive"),
                unit("backup.timer", "loaded", "active"),
                unit("ssh.socket", "loaded", "failed"),
                unit("dev-sda.device", "loaded", "active"),
            ]),
            ("Get", [MANAGER, "Version"]) => text("252.22-1"),
            ("Get", [MANAGER, "Virtualization"]) => text(""),
            ("Get", [MANAGER, "SystemState"]) => text("degraded"),
            ("Get", [_, "Type"]) if path == "/unit/ssh.service" => text("notify"),
            ("Get", [_, "ActiveEnterTimestamp"]) => Value::Unsigned(1_700_000_000_500_000),
            ("Get", [_, "NRestarts"]) => Value::Unsigned(3),
            ("Get", [_, "TasksCurrent"]) => Value::Unsigned(u64::MAX),
            ("Get", [_, "TasksMax"]) => Value::Unsigned(4915),
            ("Get", [_, "LastTriggerUSec"]) => Value::Unsigned(1_700_000_000_000_000),
            ("Get", [_, "NAccepted"]) => Value::Unsigned(5),
            ("Get", [_, "NConnections"]) => Value::Unsigned(1),
            _ => return None,
        };
        Some(vec![value])
    }

    fn samples(flags: &[&str]) -> String {
        let folder = mock::service(answer);
        let mut bus = Bus::connect(&folder.path().join("bus")).expect("connected");
        let flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
        let config = crate::exporters::node::Config::from_args(&flags).expect("well-formed");
        let host = fixture::host_with(|known| known.opt_in = config.opt_in.clone());
        let mut out = Families::default();
        show(&mut bus, &host.settings.opt_in, &mut out).expect("answered");
        let mut all = String::new();
        crate::catalogue::write_text(&out, &mut all);
        all.lines().filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect()
    }

    #[test]
    fn units_are_shown_by_what_they_are() {
        let samples = samples(&[]);
        for line in [
            "node_systemd_socket_accepted_connections_total{name=\"ssh.socket\"} 5",
            "node_systemd_socket_current_connections{name=\"ssh.socket\"} 1",
            "node_systemd_system_running 0",
            "node_systemd_timer_last_trigger_seconds{name=\"backup.timer\"} 1.7e+09",
            "node_systemd_unit_state{name=\"ssh.service\",state=\"active\",type=\"notify\"} 1",
            "node_systemd_unit_state{name=\"ssh.socket\",state=\"failed\",type=\"\"} 1",
            "node_systemd_units{state=\"active\"} 3",
            "node_systemd_units{state=\"inactive\"} 1",
            "node_systemd_version{version=\"252.22-1\"} 252.22",
            "node_systemd_virtualization_info{virtualization_type=\"none\"} 1",
        ] {
            assert!(samples.contains(&format!("{line}\n")), "{line}\n{samples}");
        }
        assert_eq!(samples.lines().count(), 3 * STATES.len() + STATES.len() + 6, "{samples}");
    }

    #[test]
    fn more_is_shown_when_it_is_asked_for() {
        let samples = samples(&[
            "--collector.systemd.unit-include=ssh\\.service",
            "--collector.systemd.enable-task-metrics",
            "--collector.systemd.enable-restarts-metrics",
            "--collector.systemd.enable-start-time-metrics",
        ]);
        for line in [
            "node_systemd_service_restart_total{name=\"ssh.service\"} 3",
            "node_systemd_unit_start_time_seconds{name=\"ssh.service\"} 1.7000000005e+09",
            "node_systemd_unit_tasks_max{name=\"ssh.service\"} 4915",
        ] {
            assert!(samples.contains(&format!("{line}\n")), "{line}\n{samples}");
        }
        assert!(!samples.contains("tasks_current") && !samples.contains("backup.timer"));
    }
}
