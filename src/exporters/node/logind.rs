//! Sessions of users, asked of logind over D-Bus (org.freedesktop.login1(5)).

use std::collections::BTreeMap;

use super::dbus::{Bus, Value};
use super::{CollectError, Collector, Families, Host, Metric, Off};

const SESSIONS: Metric = Metric::gauge("node_logind_sessions", "Sessions of users.")
    .with(&["seat", "remote", "type", "class"]);

pub(super) const COLLECTOR: Collector =
    Collector { name: "logind", start: Off, metrics: &[SESSIONS], collect };

const SERVICE: &str = "org.freedesktop.login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
const PATH: &str = "/org/freedesktop/login1";

const REMOTE: [&str; 2] = ["true", "false"];
/// The kinds of sessions that are told apart; any other is the first.
const TYPES: [&str; 7] = ["other", "unspecified", "tty", "x11", "wayland", "mir", "web"];
const CLASSES: [&str; 5] = ["other", "user", "greeter", "lock-screen", "background"];

fn collect(_: &Host, out: &mut Families) -> Result<(), CollectError> {
    show(&mut Bus::system()?, out)
}

fn show(bus: &mut Bus, out: &mut Families) -> Result<(), CollectError> {
    // Pairs of a seat's name and path.
    let seats = bus.call(SERVICE, PATH, MANAGER, "ListSeats", &[])?;
    let seats = seats.first().map(Value::list).unwrap_or_default();
    let seats = seats.iter().filter_map(|seat| seat.list().first()?.text());
    // Sessions over the network have no seat.
    let seats: Vec<&str> = seats.chain([""]).collect();
    // Session, user's number, user's name, seat, path.
    let sessions = bus.call(SERVICE, PATH, MANAGER, "ListSessions", &[])?;
    let mut counts: BTreeMap<[String; 4], u64> = BTreeMap::new();
    for session in sessions.first().map(Value::list).unwrap_or_default() {
        let [.., seat, path] = session.list() else { continue };
        let (Some(seat), Some(path)) = (seat.text(), path.text()) else { continue };
        // A session may end while it is looked at.
        let Some([remote, kind, class]) = attributes(bus, path) else { continue };
        *counts.entry([seat.to_owned(), remote, kind, class]).or_default() += 1;
    }
    for remote in REMOTE {
        for kind in TYPES {
            for class in CLASSES {
                for seat in &seats {
                    let key = [*seat, remote, kind, class].map(str::to_owned);
                    let count = counts.get(&key).copied().unwrap_or(0);
                    out.put(&SESSIONS, &[seat, remote, kind, class], count as f64);
                }
            }
        }
    }
    Ok(())
}

/// Whether a session is remote, its type and its class.
fn attributes(bus: &mut Bus, path: &str) -> Option<[String; 3]> {
    let mut get = |name: &str| bus.property(SERVICE, path, SESSION, name).ok();
    let Some(Value::Bool(remote)) = get("Remote") else { return None };
    let known = |value: Value, known: &[&str]| {
        let text = value.text()?;
        Some(if known.contains(&text) { text.to_owned() } else { known[0].to_owned() })
    };
    let kind = known(get("Type")?, &TYPES)?;
    let class = known(get("Class")?, &CLASSES)?;
    Some([remote.to_string(), kind, class])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporters::node::dbus::mock;

    #[test]
    fn sessions_are_counted_by_seat_and_kind() {
        let text = |text: &str| Value::Text(text.to_owned());
        let folder = mock::service(move |path, method, arguments| {
            let session = |name: &str, seat: &str| {
                let path = format!("/session/{name}");
                Value::List(vec![
                    text(name),
                    Value::Unsigned(1000),
                    text("me"),
                    text(seat),
                    text(&path),
                ])
            };
            match (method, arguments) {
                ("ListSeats", _) => {
                    Some(vec![Value::List(vec![Value::List(vec![text("seat0"), text("/seat")])])])
                }
                ("ListSessions", _) => {
                    let sessions = [("1", "seat0"), ("2", ""), ("gone", "")];
                    let sessions = sessions.map(|(name, seat)| session(name, seat));
                    Some(vec![Value::List(sessions.to_vec())])
                }
                ("Get", _) if path == "/session/gone" => None,
                ("Get", [_, "Remote"]) => Some(vec![Value::Bool(path == "/session/2")]),
                ("Get", [_, "Type"]) if path == "/session/1" => Some(vec![text("hologram")]),
                ("Get", [_, "Type"]) => Some(vec![text("tty")]),
                ("Get", [_, "Class"]) => Some(vec![text("user")]),
                _ => None,
            }
        });
        let mut bus = Bus::connect(&folder.path().join("bus")).expect("connected");
        let mut out = Families::default();
        show(&mut bus, &mut out).expect("answered");
        let mut all = String::new();
        crate::catalogue::write_text(&out, &mut all);
        let counted: Vec<&str> = all.lines().filter(|line| line.ends_with(" 1")).collect();
        assert_eq!(
            counted,
            [
                "node_logind_sessions{class=\"user\",remote=\"false\",seat=\"seat0\",type=\"other\"} 1",
                "node_logind_sessions{class=\"user\",remote=\"true\",seat=\"\",type=\"tty\"} 1",
            ]
        );
        assert_eq!(out.iter().map(|(_, family)| family.samples.len()).sum::<usize>(), 140);
    }
}
