//! Where `alertmanager.yml` comes from.

use super::item::Item;
use super::marks::{Marks, Origin};
use super::place::Place;
use super::prometheus::client;
use crate::manifest::matchers::matchers;

/// Marks alertmanager.yml.
pub fn config(marks: &mut Marks, file: &Item, root: Place) {
    let Some(manager) = root.one("alertmanager") else { return };
    marks.object(file, manager, "alertmanager.yml");
    let from = [manager];
    for item in file.items() {
        match item.key() {
            "global" => {
                marks.put(item, Origin::derived(manager));
                for item in item.items() {
                    global(marks, item, manager);
                }
            }
            "route" => {
                let mutes: Vec<Place> = manager.all("mute").collect();
                let when = manager.one("route");
                let route = when.unwrap_or(manager);
                marks.object(item, route, "the first route");
                self::route(marks, item, route, route, &mutes);
            }
            "inhibit_rules" => marks.each(item, &from, "inhibit", |marks, item, node| {
                for item in item.items() {
                    match item.key() {
                        "source_matchers" => matching(marks, item, node, "source"),
                        "target_matchers" => matching(marks, item, node, "target"),
                        key => marks.setting(item, &[node], &[key]),
                    }
                }
            }),
            "time_intervals" => {
                marks.setting(item, &from, &["mute"]);
                for item in item.items() {
                    if let Some(mute) = manager.named("mute", item.str("name").unwrap_or_default())
                    {
                        interval(marks, item, mute);
                    }
                }
            }
            "receivers" => {
                marks.put(item, Origin::derived(manager));
                for item in item.items() {
                    receiver(marks, item, manager);
                }
            }
            key => marks.setting(item, &from, &[key]),
        }
    }
}

fn global(marks: &mut Marks, item: &Item, manager: Place) {
    let smtp = manager.one("smtp");
    match (item.key(), smtp) {
        ("slack_api_url" | "slack_api_url_file", _) => {
            marks.setting(item, &[manager], &["slack_api_url"]);
        }
        (key, Some(smtp)) if key.starts_with("smtp_") => {
            let key = match &key["smtp_".len()..] {
                "auth_username" => "user",
                "auth_password" | "auth_password_file" => "password",
                other => other,
            };
            marks.setting(item, &[smtp], &[key]);
        }
        (key, _) => marks.setting(item, &[manager], &[key]),
    }
}

/// A list of matchers that was one text.
fn matching(marks: &mut Marks, list: &Item, node: Place, key: &str) {
    marks.setting(list, &[node], &[key]);
    for item in list.items() {
        marks.setting(item, &[node], &[key]);
    }
}

/// Marks a route and those below: `when` nodes in their order, and branches that mutes have added.
fn route(marks: &mut Marks, item: &Item, node: Place, parent: Place, mutes: &[Place]) {
    for item in item.items() {
        match item.key() {
            "receiver" => match node.said("to").or(node.said("receiver")) {
                Some(_) => marks.setting(item, &[node], &["to", "receiver"]),
                None => marks.put(item, Origin::derived(node)),
            },
            "matchers" => matching(marks, item, node, "match"),
            "mute_time_intervals" | "active_time_intervals" => {
                let key = if item.key().starts_with("mute") { "mute" } else { "active" };
                marks.setting(item, &[node], &[key]);
                for name in item.items() {
                    interval_name(marks, name, node, key, mutes);
                }
            }
            "routes" => {
                marks.put(item, Origin::derived(node));
                branches(marks, item, node, parent, mutes);
            }
            key => marks.setting(item, &[node], &[key]),
        }
    }
}

/// The name of a quiet time: as a route says it, else from the `mute` that applies by itself.
fn interval_name(marks: &mut Marks, item: &Item, node: Place, key: &str, mutes: &[Place]) {
    let said = node.said(key).map(|said| said.values).unwrap_or_default();
    let here = said.into_iter().find(|(text, _)| item.text() == Some(text));
    let mute = mutes.iter().find(|mute| mute.name() == item.text());
    match (here, mute) {
        (Some((_, span)), mute) => {
            let also = mute.map(|mute| mute.span()).into_iter().collect();
            marks.put(item, Origin { span, whole: span, also, ..Origin::named(node) });
        }
        (None, Some(mute)) => marks.put(item, Origin::named(*mute)),
        (None, None) => marks.put(item, Origin::derived(node)),
    }
}

fn branches(marks: &mut Marks, list: &Item, node: Place, parent: Place, mutes: &[Place]) {
    // Copies of a route's branches stand below a branch that a mute has added.
    let whens: Vec<Place> = node.all("when").collect();
    let whens = if whens.is_empty() { parent.all("when").collect() } else { whens };
    for item in list.items() {
        let texts: Vec<&str> = item
            .get("matchers")
            .map_or(&[][..], Item::items)
            .iter()
            .filter_map(Item::text)
            .collect();
        let receiver = item.str("receiver");
        let said = |place: &Place, key: &str| {
            place.said(key).and_then(|said| said.values.first().map(|value| value.0.clone()))
        };
        let fits = |place: &&Place, key: &str| {
            said(place, key).map_or_else(Vec::new, |text| matchers(&text)) == texts
        };
        let when = whens
            .iter()
            .filter(|when| fits(when, "match"))
            .find(|when| said(when, "to").as_deref() == receiver);
        let mute = mutes.iter().find(|mute| fits(mute, "when"));
        // One whose receiver was changed by hand.
        let alike = || whens.iter().find(|when| fits(when, "match"));
        let when = when.or_else(|| if mute.is_none() { alike() } else { None });
        match (when, mute) {
            (Some(when), _) => {
                let words =
                    if texts.is_empty() { "all others".to_owned() } else { texts.join(", ") };
                marks.object(item, *when, format!("route for {words}"));
                route(marks, item, *when, *when, mutes);
            }
            (None, Some(mute)) => {
                marks.object(
                    item,
                    *mute,
                    format!("branch of mute `{}`", mute.name().unwrap_or("")),
                );
                for item in item.items() {
                    match item.key() {
                        "matchers" => matching(marks, item, *mute, "when"),
                        "mute_time_intervals" | "active_time_intervals" => {
                            marks.put(item, Origin::derived(*mute));
                            for name in item.items() {
                                interval_name(marks, name, *mute, "", mutes);
                            }
                        }
                        "routes" => {
                            marks.put(item, Origin::derived(*mute));
                            branches(marks, item, node, parent, mutes);
                        }
                        _ => marks.put(item, Origin::derived(*mute)),
                    }
                }
            }
            (None, None) => marks.put(item, Origin::derived(node)),
        }
    }
}

fn interval(marks: &mut Marks, item: &Item, mute: Place) {
    marks.object(item, mute, format!("quiet time `{}`", mute.name().unwrap_or_default()));
    for item in item.items() {
        match item.key() {
            "name" => marks.name(item, mute),
            _ => {
                marks.put(item, Origin::derived(mute));
                for (span, said) in item.items().iter().zip(spans(mute)) {
                    for item in span.items() {
                        times(marks, item, &[said, mute]);
                    }
                }
            }
        }
    }
}

/// For each span of a quiet time the node that says it: the `mute` itself, unless it has only `during`,
/// and those; one that goes over midnight makes two.
fn spans(mute: Place) -> Vec<Place> {
    const TIMES: [&str; 6] = ["on", "from", "to", "days_of_month", "months", "years"];
    let own = TIMES.iter().any(|key| mute.said(key).is_some()) || mute.one("during").is_none();
    let all = own.then_some(mute).into_iter().chain(mute.all("during"));
    all.flat_map(|node| {
        let minutes = |key: &str, default: &str| {
            let said = node.said(key).and_then(|said| Some(said.values.first()?.0.clone()));
            format!("{:0>5}", said.unwrap_or_else(|| default.to_owned()))
        };
        let (start, end) = (minutes("from", "00:00"), minutes("to", "24:00"));
        let night = start >= end && end != "00:00";
        std::iter::repeat_n(node, if night { 2 } else { 1 })
    })
    .collect()
}

fn times(marks: &mut Marks, item: &Item, from: &[Place; 2]) {
    let [said_here, _] = *from;
    match item.key() {
        "times" => {
            marks.setting(item, from, &["from", "to"]);
            for item in item.items().iter().flat_map(Item::items) {
                // A night is two spans of time, of which each has one end at midnight.
                let midnight = matches!(item.text(), Some("00:00" | "24:00"));
                let (own, other) = match item.key() {
                    "start_time" => ("from", "to"),
                    _ => ("to", "from"),
                };
                let said = |key: &str| {
                    said_here.said(key).is_some_and(|said| {
                        let time = said.values.first().map_or("", |value| value.0.as_str());
                        item.text().is_some_and(|text| text.ends_with(time))
                    })
                };
                match (said(own), midnight && said_here.said(other).is_some()) {
                    (false, true) => marks.setting(item, from, &[other]),
                    _ => marks.setting(item, from, &[own]),
                }
            }
        }
        "weekdays" => {
            marks.setting(item, from, &["on"]);
        }
        "location" => marks.setting(item, from, &["timezone"]),
        key => marks.setting(item, from, &[key]),
    }
}

fn receiver(marks: &mut Marks, item: &Item, manager: Place) {
    let name = item.str("name").unwrap_or_default();
    let Some(node) = manager.named("receiver", name) else {
        return marks.object(item, manager, format!("receiver `{name}`"));
    };
    marks.object(item, node, format!("receiver `{name}`"));
    for item in item.items() {
        let kind = item.key().strip_suffix("_configs");
        let Some(kind) = kind else {
            marks.name(item, node);
            continue;
        };
        marks.setting(item, &[node], &[kind]);
        marks.each(item, &[node], kind, |marks, item, integration| {
            for item in item.items() {
                if client(marks, item, &[integration]) {
                    continue;
                }
                let key = item.key().strip_suffix("_file").unwrap_or(item.key());
                let key = key.strip_prefix("auth_").map_or(key, |key| match key {
                    "username" => "user",
                    other => other,
                });
                marks.setting(item, &[integration], &[key]);
            }
        });
    }
}
