//! Where alerts go at a moment: the routes, inhibitions and quiet times of an Alertmanager.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use super::expect::{Delivery, Fate, Muted};
use crate::alerting::{Inhibition, Quiet, Settings, Tree};
use crate::model::{Labels, Timestamp};
use crate::wire::alertmanager as wire;

const MINUTE: i64 = 60_000;

/// Minutes after which nobody looks for the end of a quiet time: a week.
const FURTHEST: i64 = 7 * 24 * 60;

/// What an Alertmanager does with alerts.
pub struct Routing {
    tree: Tree,
    quiet: Quiet,
    inhibitions: Vec<Inhibition>,
    external_labels: Labels,
    /// The time zone of each quiet time, for messages.
    zones: HashMap<String, TimeZone>,
}

impl Routing {
    /// Settles a configuration. Alerts arrive with the labels of their server. The error is what
    /// Alertmanager would refuse.
    pub fn new(config: &wire::Config, external_labels: Labels) -> Result<Self, String> {
        let tree = Tree::new(&config.route).map_err(|error| error.to_string())?;
        let quiet = Quiet::new(&config.time_intervals).map_err(|error| error.to_string())?;
        let inhibitions: Result<_, _> = config.inhibit_rules.iter().map(Inhibition::new).collect();
        let zone = |interval: &wire::TimeInterval| {
            let name = interval.time_intervals.iter().find_map(|spec| spec.location.as_deref());
            let zone = name.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
            (interval.name.clone(), zone)
        };
        Ok(Self {
            tree,
            quiet,
            inhibitions: inhibitions.map_err(|error| error.to_string())?,
            external_labels,
            zones: config.time_intervals.iter().map(zone).collect(),
        })
    }

    /// What becomes of an alert while others fire. Without a time of the clock nothing is muted.
    pub fn fate<'a>(
        &self,
        alert: &Labels,
        firing: impl IntoIterator<Item = &'a Labels>,
        time: Option<Timestamp>,
    ) -> Fate {
        let alert = self.sent(alert);
        let inhibits = |source: &&Labels| {
            let source = self.sent(source);
            self.inhibitions.iter().any(|rule| rule.silences(&source, &alert))
        };
        let deliver = |index: usize| {
            let settings = &self.tree.node(index).settings;
            let muted = time.and_then(|time| {
                let by = self.quiet.mutes(settings, time)?;
                Some(Muted { by: by.to_owned(), until: self.end(settings, by, time) })
            });
            Delivery { receiver: settings.receiver.clone(), muted }
        };
        Fate {
            deliveries: self.tree.route(&alert).into_iter().map(deliver).collect(),
            inhibited_by: firing.into_iter().find(inhibits).cloned(),
        }
    }

    /// The labels of an alert as Alertmanager gets it.
    fn sent(&self, alert: &Labels) -> Labels {
        let mut labels = alert.to_builder();
        for (name, value) in self.external_labels.iter() {
            if labels.get(name).is_none() {
                labels.set(name, value);
            }
        }
        labels.build()
    }

    /// When the route is no longer quiet, on the clock of the quiet time: quiet times begin and end with
    /// whole minutes.
    fn end(&self, settings: &Settings, by: &str, time: Timestamp) -> Option<String> {
        let minute = time.div_euclid(MINUTE);
        let end = (1..=FURTHEST)
            .map(|later| (minute + later) * MINUTE)
            .find(|time| self.quiet.mutes(settings, *time).is_none())?;
        let zone = self.zones.get(by).cloned().unwrap_or(TimeZone::UTC);
        let local = |time: Timestamp| {
            let instant = jiff::Timestamp::from_millisecond(time).ok()?;
            Some(instant.to_zoned(zone.clone()))
        };
        let (now, end) = (local(time)?, local(end)?);
        let form = if now.date() == end.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
        Some(end.strftime(form).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(labels: &[(&str, &str)], firing: &[&[(&str, &str)]], time: &str) -> Fate {
        let config = serde_yaml::from_str(
            "
route:
  receiver: ops
  routes:
  - {receiver: night, matchers: ['severity=low'], mute_time_intervals: [nights], continue: true}
  - {receiver: pager, matchers: ['dc=eu1', 'severity=~\"low|high\"']}
inhibit_rules: [{source_matchers: [alertname=Down], target_matchers: [severity=low], equal: [job]}]
time_intervals:
- name: nights
  time_intervals:
  - {times: [{start_time: '22:00', end_time: '24:00'}], location: Asia/Jakarta}
  - {times: [{start_time: '00:00', end_time: '06:00'}], location: Asia/Jakarta}
receivers: [{name: ops}, {name: night}, {name: pager}]
",
        )
        .unwrap();
        let routing = Routing::new(&config, Labels::from_pairs([("dc", "eu1")])).unwrap();
        let set = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        let firing: Vec<Labels> = firing.iter().map(|pairs| set(pairs)).collect();
        let time = time.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
        routing.fate(&set(labels), &firing, time)
    }

    /// Receivers, a muted one with its mute.
    fn heard(labels: &[(&str, &str)], time: &str) -> Vec<String> {
        let shown = |delivery: Delivery| match delivery.muted {
            None => delivery.receiver,
            Some(Muted { by, until }) => {
                format!("{} ({by} until {})", delivery.receiver, until.unwrap_or_default())
            }
        };
        fate(labels, &[], time).deliveries.into_iter().map(shown).collect()
    }

    #[test]
    fn an_alert_goes_where_its_labels_and_those_of_the_server_lead() {
        assert_eq!(heard(&[("severity", "none")], ""), ["ops"]);
        assert_eq!(heard(&[("severity", "high")], ""), ["pager"]);
        assert_eq!(heard(&[("severity", "high"), ("dc", "us")], ""), ["ops"]);
        assert_eq!(heard(&[("severity", "low")], ""), ["night", "pager"]);
    }

    #[test]
    fn a_mute_is_told_with_its_end_on_its_own_clock() {
        let low = [("severity", "low"), ("dc", "us")];
        // Jakarta is seven hours ahead.
        assert_eq!(heard(&low, "2026-03-01T17:30:00Z"), ["night (nights until 06:00)"]);
        assert_eq!(heard(&low, "2026-03-01T15:30:30Z"), ["night (nights until 2026-03-02 06:00)"]);
        assert_eq!(heard(&low, "2026-03-01T23:00:00Z"), ["night"]);
        assert_eq!(heard(&low, "not known"), ["night"]);
    }

    #[test]
    fn what_fires_beside_it_may_inhibit() {
        let low = [("alertname", "Slow"), ("severity", "low"), ("job", "a")];
        let down = |job| [("alertname", "Down"), ("job", job)];
        let by = |fate: Fate| fate.inhibited_by.map(|labels| labels.to_string());
        assert_eq!(by(fate(&low, &[&low, &down("b")], "")), None);
        let found = by(fate(&low, &[&low, &down("a")], ""));
        assert_eq!(found.as_deref(), Some(r#"{alertname="Down", job="a"}"#));
    }
}
