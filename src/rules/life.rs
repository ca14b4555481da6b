//! The life of an alert: pending while its series is there, firing after the hold time, kept for a
//! while after it was resolved. Pure state; time and samples come in as arguments.

use std::collections::BTreeMap;
use std::time::Duration;

use super::AlertStatus;
use crate::model::{self, Labels, METRIC_NAME, Timestamp};

/// How long a resolved alert is remembered, so that its end is sent again if sending failed.
const RESOLVED_RETENTION: i64 = 15 * 60_000;

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum AlertState {
    /// It was resolved.
    #[default]
    Inactive,
    /// Its series is there, the hold time has not passed.
    Pending,
    /// It fires.
    Firing,
}

impl AlertState {
    /// The API's word, and the value of `alertstate`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// A series that an alerting rule gave, with its templates expanded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub labels: Labels,
    pub annotations: Labels,
    pub value: f64,
}

/// Two series of one result became the same alert.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("vector contains metrics with the same labelset after applying alert labels")]
pub(super) struct DuplicateAlert;

#[derive(Debug, Clone)]
struct Entry {
    annotations: Labels,
    state: AlertState,
    value: f64,
    active_at: Timestamp,
    fired_at: Timestamp,
    resolved_at: Option<Timestamp>,
    sent_at: Option<Timestamp>,
    keep_firing_since: Option<Timestamp>,
}

/// How an alert passes through its states.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub hold: Duration,
    pub keep_firing_for: Duration,
}

/// What restoration needs to know; all but `now` are settings of the manager.
#[derive(Debug, Clone, Copy)]
pub(super) struct Restoration {
    pub now: Timestamp,
    pub grace: Duration,
}

/// How alerts are sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending<'a> {
    pub resend_delay: Duration,
    pub interval: Duration,
    pub external_labels: &'a Labels,
    pub generator_url: &'a str,
}

/// All alerts of one rule.
#[derive(Debug, Clone, Default)]
pub(super) struct Life {
    entries: BTreeMap<Labels, Entry>,
}

impl Life {
    /// Takes in the result of an evaluation. Returns how many alerts are pending or firing.
    pub fn step(
        &mut self,
        now: Timestamp,
        found: Vec<Found>,
        pace: Pace,
    ) -> Result<usize, DuplicateAlert> {
        let mut current = BTreeMap::new();
        for Found { labels, annotations, value } in found {
            if current.insert(labels, (annotations, value)).is_some() {
                return Err(DuplicateAlert);
            }
        }
        let (hold, keep) = (millis(pace.hold), millis(pace.keep_firing_for));
        let is_there: Vec<Labels> = current.keys().cloned().collect();
        for (labels, (annotations, value)) in current {
            match self.entries.get_mut(&labels) {
                Some(entry) if entry.state != AlertState::Inactive => {
                    entry.annotations = annotations;
                    entry.value = value;
                }
                // A resolved alert that comes back begins anew.
                _ => {
                    let entry = Entry {
                        annotations,
                        state: AlertState::Pending,
                        value,
                        active_at: now,
                        fired_at: now,
                        resolved_at: None,
                        sent_at: None,
                        keep_firing_since: None,
                    };
                    self.entries.insert(labels, entry);
                }
            }
        }
        self.entries.retain(|labels, entry| {
            if is_there.binary_search(labels).is_ok() {
                entry.keep_firing_since = None;
                return true;
            }
            match entry.state {
                AlertState::Pending => false,
                AlertState::Inactive => {
                    entry.resolved_at.is_some_and(|at| now - at <= RESOLVED_RETENTION)
                }
                AlertState::Firing => {
                    let since = *entry.keep_firing_since.get_or_insert(now);
                    if keep == 0 || now - since >= keep {
                        entry.state = AlertState::Inactive;
                        entry.resolved_at = Some(now);
                    }
                    true
                }
            }
        });
        let mut active = 0;
        for entry in self.entries.values_mut() {
            active += usize::from(entry.state != AlertState::Inactive);
            if entry.state == AlertState::Pending && now - entry.active_at >= hold {
                entry.state = AlertState::Firing;
                entry.fired_at = now;
            }
        }
        Ok(active)
    }

    /// Forgets every alert, resolved ones too.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The series that tell of this rule: `ALERTS` and `ALERTS_FOR_STATE` of each active alert.
    pub fn samples(&self, alert: &str) -> Vec<(Labels, f64)> {
        let mut samples = Vec::new();
        for (labels, entry) in self.active() {
            let mut series = labels.to_builder();
            series.set(METRIC_NAME, "ALERTS_FOR_STATE").set("alertname", alert);
            let for_state = series.clone().build();
            series.set(METRIC_NAME, "ALERTS").set("alertstate", entry.state.as_str());
            samples.push((series.build(), 1.0));
            samples.push((for_state, entry.active_at.div_euclid(1000) as f64));
        }
        samples
    }

    /// The alerts that are to be sent now: new and ended ones at once, the others again and again.
    pub fn take_due(&mut self, now: Timestamp, sending: Sending<'_>) -> Vec<model::Alert> {
        let resend = millis(sending.resend_delay);
        let lasting = 4 * resend.max(millis(sending.interval));
        let mut alerts = Vec::new();
        for (labels, entry) in &mut self.entries {
            let is_due = match (entry.state, entry.sent_at, entry.resolved_at) {
                (AlertState::Pending, ..) => false,
                (_, None, _) => true,
                (_, Some(sent), Some(resolved)) if resolved > sent => true,
                (_, Some(sent), _) => sent + resend < now,
            };
            if !is_due {
                continue;
            }
            entry.sent_at = Some(now);
            let mut all = labels.to_builder();
            for (name, value) in sending.external_labels.iter() {
                if all.get(name).is_none() {
                    all.set(name, value);
                }
            }
            alerts.push(model::Alert {
                labels: all.build(),
                annotations: entry.annotations.clone(),
                starts_at: entry.fired_at,
                ends_at: entry.resolved_at.unwrap_or(now + lasting),
                generator_url: sending.generator_url.to_owned(),
            });
        }
        alerts
    }

    /// Moves the beginning of each active alert back to what `ALERTS_FOR_STATE` said before the
    /// restart. `before` gives for an alert's labels the last sample: when it was written, and since
    /// when the alert was active then (milliseconds). Time without us does not count as pending.
    pub fn restore(
        &mut self,
        pace: Pace,
        restoration: Restoration,
        before: impl Fn(&Labels) -> Option<(Timestamp, Timestamp)>,
    ) {
        let Restoration { now, grace } = restoration;
        let (hold, grace) = (millis(pace.hold), millis(grace));
        for (labels, entry) in &mut self.entries {
            let Some((last_seen, active_at)) = before(labels) else { continue };
            let remaining = hold - (last_seen - active_at);
            entry.active_at = if remaining <= 0 {
                // It fired when we went down: the next evaluation lets it fire again.
                active_at
            } else if remaining < grace {
                now + grace - hold
            } else {
                active_at + (now - last_seen)
            };
        }
    }

    /// The furthest state of the alerts.
    pub fn state(&self) -> AlertState {
        self.entries.values().map(|entry| entry.state).max().unwrap_or_default()
    }

    /// Pending and firing alerts, ordered by labels.
    pub fn status(&self) -> Vec<AlertStatus> {
        self.active()
            .map(|(labels, entry)| AlertStatus {
                labels: labels.clone(),
                annotations: entry.annotations.clone(),
                state: entry.state,
                active_at: entry.active_at,
                keep_firing_since: entry.keep_firing_since,
                value: entry.value,
            })
            .collect()
    }

    fn active(&self) -> impl Iterator<Item = (&Labels, &Entry)> {
        self.entries.iter().filter(|(_, entry)| entry.state != AlertState::Inactive)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace =
        Pace { hold: Duration::from_secs(120), keep_firing_for: Duration::from_secs(0) };

    fn found(instance: &str, value: f64) -> Found {
        Found {
            labels: Labels::from_pairs([("alertname", "Down"), ("instance", instance)]),
            annotations: Labels::empty(),
            value,
        }
    }

    fn sending(external_labels: &Labels) -> Sending<'_> {
        Sending {
            resend_delay: Duration::from_secs(60),
            interval: Duration::from_secs(30),
            external_labels,
            generator_url: "http://here/graph",
        }
    }

    #[test]
    fn an_alert_fires_after_its_hold_time_and_ends_with_its_series() {
        let mut life = Life::default();
        let minute = 60_000;
        assert_eq!(life.step(0, vec![found("a", 0.0)], PACE), Ok(1));
        assert_eq!(life.state(), AlertState::Pending);
        life.step(minute, vec![found("a", 0.0)], PACE).unwrap();
        assert_eq!(life.state(), AlertState::Pending);
        life.step(2 * minute, vec![found("a", 0.0)], PACE).unwrap();
        assert_eq!(life.state(), AlertState::Firing);
        assert_eq!(life.step(3 * minute, vec![], PACE), Ok(0));
        assert_eq!(life.state(), AlertState::Inactive);
        assert!(life.status().is_empty() && life.samples("Down").is_empty());
    }

    #[test]
    fn a_pending_alert_without_its_series_is_forgotten_and_begins_anew() {
        let mut life = Life::default();
        life.step(0, vec![found("a", 0.0)], PACE).unwrap();
        life.step(60_000, vec![], PACE).unwrap();
        life.step(120_000, vec![found("a", 0.0)], PACE).unwrap();
        assert_eq!(life.status()[0].active_at, 120_000);
        assert_eq!(life.state(), AlertState::Pending);
    }

    #[test]
    fn keep_firing_for_bridges_a_gap() {
        let pace = Pace { hold: Duration::ZERO, keep_firing_for: Duration::from_secs(120) };
        let mut life = Life::default();
        life.step(0, vec![found("a", 1.0)], pace).unwrap();
        assert_eq!(life.step(60_000, vec![], pace), Ok(1));
        assert_eq!(life.status()[0].keep_firing_since, Some(60_000));
        life.step(120_000, vec![found("a", 1.0)], pace).unwrap();
        assert_eq!(life.status()[0].keep_firing_since, None);
        life.step(180_000, vec![], pace).unwrap();
        assert_eq!(life.step(240_000, vec![], pace), Ok(1));
        assert_eq!(life.step(300_000, vec![], pace), Ok(0));
    }

    #[test]
    fn alerts_are_sent_when_new_when_ended_and_again_after_the_delay() {
        let pace = Pace { hold: Duration::ZERO, ..PACE };
        let external = Labels::from_pairs([("dc", "eu1"), ("instance", "not me")]);
        let mut life = Life::default();
        life.step(0, vec![found("a", 1.0)], pace).unwrap();
        let alerts = life.take_due(0, sending(&external));
        assert_eq!((alerts[0].starts_at, alerts[0].ends_at), (0, 240_000));
        assert_eq!(alerts[0].labels.to_string(), r#"{alertname="Down", dc="eu1", instance="a"}"#);
        life.step(60_000, vec![found("a", 1.0)], pace).unwrap();
        assert!(life.take_due(60_000, sending(&external)).is_empty());
        assert_eq!(life.take_due(60_001, sending(&external)).len(), 1);
        life.step(90_000, vec![], pace).unwrap();
        let ended = life.take_due(90_000, sending(&external));
        assert_eq!(ended[0].ends_at, 90_000);
        assert!(ended[0].is_resolved(90_000));
    }

    #[test]
    fn a_resolved_alert_is_sent_for_fifteen_minutes() {
        let pace = Pace { hold: Duration::ZERO, ..PACE };
        let none = Labels::empty();
        let mut life = Life::default();
        life.step(0, vec![found("a", 1.0)], pace).unwrap();
        life.step(60_000, vec![], pace).unwrap();
        let minutes = |minute: i64, life: &mut Life| {
            life.step(minute * 60_000, vec![], pace).unwrap();
            life.take_due(minute * 60_000, sending(&none)).len()
        };
        assert_eq!(minutes(16, &mut life), 1);
        assert_eq!(minutes(17, &mut life), 0);
        assert!(life.entries.is_empty());
    }

    #[test]
    fn the_same_labels_twice_are_an_error_and_change_nothing() {
        let mut life = Life::default();
        life.step(0, vec![found("a", 1.0)], PACE).unwrap();
        assert_eq!(life.step(1, vec![found("b", 1.0), found("b", 2.0)], PACE), Err(DuplicateAlert));
        assert_eq!(life.status().len(), 1);
    }

    #[test]
    fn samples_name_state_and_beginning() {
        let mut life = Life::default();
        life.step(5_500, vec![found("a", 7.0)], PACE).unwrap();
        let samples: Vec<_> =
            life.samples("Down").into_iter().map(|(l, v)| (l.to_string(), v)).collect();
        assert_eq!(
            samples,
            [
                (r#"ALERTS{alertname="Down", alertstate="pending", instance="a"}"#.to_owned(), 1.0),
                (r#"ALERTS_FOR_STATE{alertname="Down", instance="a"}"#.to_owned(), 5.0),
            ]
        );
    }

    #[test]
    fn restoration_continues_the_hold_time() {
        let hour = 3_600_000;
        let pace = Pace { hold: Duration::from_secs(3600), ..PACE };
        let check = |last_seen, active_at, expected| {
            let mut life = Life::default();
            life.step(10 * hour, vec![found("a", 1.0)], pace).unwrap();
            let now = 10 * hour;
            let restoration = Restoration { now, grace: Duration::from_secs(600) };
            life.restore(pace, restoration, |_| Some((last_seen, active_at)));
            assert_eq!(life.status()[0].active_at, expected);
        };
        // Fired before.
        check(9 * hour, 7 * hour, 7 * hour);
        // Half of the hold time passed: the time away is added.
        check(9 * hour, 9 * hour - hour / 2, 9 * hour - hour / 2 + hour);
        // A minute was missing: at least the grace period.
        check(9 * hour, 8 * hour + 60_000, 10 * hour + 600_000 - hour);
    }
}
