//! Expectations that name only what matters: an alert fires with these labels among others, goes to this
//! receiver among others. What is not met says which part of it is not, and what was there instead.

use super::hints::{self, show_point, without_name};
use super::show_millis;
use super::simulate::{Point, Run, Setting};
use crate::diag::most_similar;
use crate::model::{Labels, METRIC_NAME, Timestamp};
use crate::promql::Expr;
use crate::rules::{AlertState, AlertStatus};

/// An alert that is to fire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fires {
    /// Its name.
    pub alert: String,
    /// Labels that it has, among others.
    pub labels: Vec<(String, String)>,
    /// Annotations that it has, among others.
    pub annotations: Vec<(String, String)>,
    /// A receiver that hears of it, or would if it were not kept quiet as expected.
    pub routed_to: Option<String>,
    /// The mute that keeps it quiet; nobody else does.
    pub muted_by: Option<String>,
    /// Name of the alert that inhibits it.
    pub inhibited_by: Option<String>,
}

/// What becomes of an alert that fires.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fate {
    /// Who is to hear of it.
    pub deliveries: Vec<Delivery>,
    /// The alert that keeps it quiet.
    pub inhibited_by: Option<Labels>,
}

/// A route in which an alert ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Its receiver.
    pub receiver: String,
    /// The mute because of which nothing is sent now.
    pub muted: Option<Muted>,
}

/// A route is quiet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Muted {
    /// Name of the mute.
    pub by: String,
    /// When it ends, as it is shown; `None` if that is far away.
    pub until: Option<String>,
}

/// A part of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it, or the name of the alert.
    Whole,
    /// One of the labels, by its place.
    Label(usize),
    /// One of the annotations, by its place.
    Annotation(usize),
    /// The receiver.
    RoutedTo,
    /// The mute.
    MutedBy,
    /// The alert that inhibits.
    InhibitedBy,
    /// One of the samples, by its place.
    Sample(usize),
}

/// An expectation is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// Which part of it.
    pub part: Part,
    /// One sentence.
    pub message: String,
    /// What may help, a line each.
    pub notes: Vec<String>,
}

impl Miss {
    fn new(part: Part, message: String) -> Self {
        Self { part, message, notes: Vec::new() }
    }
}

/// Gives the fate of an alert with these labels at a time; `None` where nothing is known of routes.
pub type Fates<'a> = dyn Fn(&Labels, Timestamp) -> Option<Fate> + 'a;

/// Everything that fires at a moment.
pub fn firing(run: &Run, moment: Timestamp) -> Vec<&AlertStatus> {
    let alerts = run.seen(moment).iter().flat_map(|seen| &seen.alerts);
    alerts.filter(|alert| alert.state == AlertState::Firing).collect()
}

/// Whether an alert fires as expected. Of several the one that comes nearest is told of.
pub fn fires(
    setting: &Setting,
    run: &Run,
    moment: Timestamp,
    expected: &Fires,
    fates: &Fates<'_>,
) -> Option<Miss> {
    let when = show_millis(moment - run.start());
    let name = &expected.alert;
    let found: Vec<&AlertStatus> = firing(run, moment)
        .into_iter()
        .filter(|alert| alert.labels.get("alertname") == Some(name))
        .collect();
    if found.is_empty() {
        let pending = run.seen(moment).iter().any(|seen| {
            seen.alert == *name && seen.alerts.iter().any(|a| a.state == AlertState::Pending)
        });
        let message = if pending {
            format!("at {when} `{name}` is pending and does not fire yet")
        } else {
            format!("at {when} `{name}` does not fire")
        };
        let notes = hints::why_silent(setting, run, name, moment);
        return Some(Miss { part: Part::Whole, message, notes });
    }
    // How far each alert fulfils the expectation: the later its first miss, the nearer.
    let mut nearest: Option<(usize, Miss)> = None;
    for alert in &found {
        match first_miss(&when, moment, expected, alert, fates) {
            None => return None,
            Some((rank, miss)) => {
                if nearest.as_ref().is_none_or(|(known, _)| rank > *known) {
                    nearest = Some((rank, miss));
                }
            }
        }
    }
    nearest.map(|(_, mut miss)| {
        if found.len() > 1 {
            let others = found
                .iter()
                .take(5)
                .map(|alert| format!("it fires with `{}`", without_name(&alert.labels)));
            miss.notes.extend(others);
        }
        miss
    })
}

/// What an alert lacks first, and how much of the expectation it fulfils.
fn first_miss(
    when: &str,
    moment: Timestamp,
    expected: &Fires,
    alert: &AlertStatus,
    fates: &Fates<'_>,
) -> Option<(usize, Miss)> {
    let Fires { alert: name, labels, annotations, routed_to: _, muted_by: _, inhibited_by: _ } =
        expected;
    let lacking = |wanted: &[(String, String)], has: &Labels| -> (usize, Option<usize>) {
        let fits = |(key, value): &(String, String)| has.get(key).unwrap_or_default() == value;
        let good = wanted.iter().filter(|pair| fits(pair)).count();
        (good, wanted.iter().position(|pair| !fits(pair)))
    };
    let (good, bad) = lacking(labels, &alert.labels);
    if let Some(place) = bad {
        let (key, _) = &labels[place];
        let message = match alert.labels.get(key) {
            Some(value) => format!("at {when} `{name}` fires with `{key}={value:?}`"),
            None => format!("at {when} `{name}` fires without a label `{key}`"),
        };
        let mut miss = Miss::new(Part::Label(place), message);
        let shown = without_name(&alert.labels);
        if alert.labels.get(key).is_none() {
            let known = alert.labels.iter().map(|(known, _)| known);
            let similar = most_similar(key, known);
            miss.notes.extend(similar.map(|similar| format!("did you mean `{similar}`?")));
        }
        miss.notes.push(format!("its labels are `{shown}`"));
        return Some((good, miss));
    }
    let rank = good;
    let (good, bad) = lacking(annotations, &alert.annotations);
    if let Some(place) = bad {
        let (key, _) = &annotations[place];
        let message = match alert.annotations.get(key) {
            Some(value) => format!("at {when} the annotation `{key}` of `{name}` is {value:?}"),
            None => format!("at {when} `{name}` fires without an annotation `{key}`"),
        };
        return Some((rank + good, Miss::new(Part::Annotation(place), message)));
    }
    let fate = fates(&alert.labels, moment)?;
    let miss = against_fate(when, expected, &fate)?;
    Some((rank + good + 1, miss))
}

fn against_fate(when: &str, expected: &Fires, fate: &Fate) -> Option<Miss> {
    let Fires { alert: name, routed_to, muted_by, inhibited_by, labels: _, annotations: _ } =
        expected;
    let Fate { deliveries, inhibited_by: inhibitor } = fate;
    match (inhibited_by, inhibitor) {
        (None, Some(by)) => {
            let source = by.get("alertname").unwrap_or_default();
            let mut miss = Miss::new(
                Part::Whole,
                format!("at {when} `{name}` fires, but is inhibited by `{source}`"),
            );
            miss.notes.push(format!("`{source}` fires with `{}`", without_name(by)));
            miss.notes.push(format!("if that is meant: `inhibited_by={source:?}`"));
            return Some(miss);
        }
        (Some(_), None) => {
            let message = format!("at {when} nothing inhibits `{name}`");
            return Some(Miss::new(Part::InhibitedBy, message));
        }
        (Some(wanted), Some(by)) if by.get("alertname") != Some(wanted) => {
            let source = by.get("alertname").unwrap_or_default();
            let message = format!("at {when} `{name}` is inhibited by `{source}`");
            return Some(Miss::new(Part::InhibitedBy, message));
        }
        (None, None) | (Some(_), Some(_)) => {}
    }
    let concerned: Vec<&Delivery> = deliveries
        .iter()
        .filter(|delivery| routed_to.as_ref().is_none_or(|to| delivery.receiver == *to))
        .collect();
    if concerned.is_empty() {
        let receivers: Vec<String> =
            deliveries.iter().map(|delivery| format!("`{}`", delivery.receiver)).collect();
        let message = format!("at {when} `{name}` goes to {}", receivers.join(" and "));
        return Some(Miss::new(Part::RoutedTo, message));
    }
    match muted_by {
        Some(wanted) => {
            let loud = concerned
                .iter()
                .find(|delivery| delivery.muted.as_ref().is_none_or(|muted| muted.by != *wanted))?;
            let message = match &loud.muted {
                Some(Muted { by, .. }) => format!("at {when} `{name}` is muted by `{by}`"),
                None => format!("at {when} `{name}` is not muted: `{}` hears of it", loud.receiver),
            };
            Some(Miss::new(Part::MutedBy, message))
        }
        // A receiver that hears of it is enough.
        None => {
            let quiet: Option<Vec<&Muted>> =
                concerned.iter().map(|delivery| delivery.muted.as_ref()).collect();
            let Muted { by, until } = quiet?.first().copied()?;
            let until = until.as_ref().map_or(String::new(), |until| format!(" until {until}"));
            let part = if routed_to.is_some() { Part::RoutedTo } else { Part::Whole };
            let mut miss =
                Miss::new(part, format!("at {when} `{name}` fires, but muted by `{by}`{until}"));
            miss.notes.push(format!("if that is meant: `muted_by={by:?}`"));
            Some(miss)
        }
    }
}

/// The alerts that fire although they should not: all, or those of one name.
pub fn silent(run: &Run, moment: Timestamp, name: Option<&str>, fates: &Fates<'_>) -> Vec<Miss> {
    let when = show_millis(moment - run.start());
    let unwanted = firing(run, moment)
        .into_iter()
        .filter(|alert| name.is_none_or(|name| alert.labels.get("alertname") == Some(name)));
    unwanted
        .map(|alert| {
            let name = alert.labels.get("alertname").unwrap_or_default();
            let mut miss = Miss::new(Part::Whole, format!("at {when} `{name}` fires"));
            miss.notes.push(format!("it fires with `{}`", without_name(&alert.labels)));
            if let Some(fate) = fates(&alert.labels, moment) {
                let muted = fate.deliveries.iter().find_map(|delivery| delivery.muted.as_ref());
                let by = fate.inhibited_by.as_ref().and_then(|by| by.get("alertname"));
                miss.notes.extend(by.map(|by| {
                    format!("`{by}` inhibits it: say `fires` with `inhibited_by={by:?}`")
                }));
                miss.notes.extend(muted.map(|Muted { by, .. }| {
                    format!("`{by}` mutes it: say `fires` with `muted_by={by:?}`")
                }));
            }
            miss
        })
        .collect()
}

/// Whether an expression gives these samples and no others. Labels that a sample does not name do not
/// matter, but for one that names none: it stands for a result without labels.
pub fn samples(
    setting: &Setting,
    run: &Run,
    moment: Timestamp,
    (text, expr): (&str, &Expr),
    expected: &[(Labels, f64)],
) -> Option<Miss> {
    let when = show_millis(moment - run.start());
    let mut found = match run.query(text, expr, moment) {
        Ok(found) => found,
        Err(error) => return Some(Miss::new(Part::Whole, format!("at {when}: {error}"))),
    };
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let mut free = vec![true; found.len()];
    for (place, (labels, value)) in expected.iter().enumerate() {
        let candidates: Vec<usize> = (0..found.len())
            .filter(|index| free[*index] && names(labels, &found[*index].0))
            .collect();
        let same = candidates.iter().find(
            |index| matches!(found[**index].1, Point::Float(there) if is_near(there, *value)),
        );
        if let Some(index) = same {
            free[*index] = false;
            continue;
        }
        let mut miss = match candidates.first() {
            Some(index) => Miss::new(
                Part::Sample(place),
                format!("at {when} `{labels}` is {}", show_point(&found[*index].1)),
            ),
            None => Miss::new(Part::Sample(place), format!("at {when} there is no `{labels}`")),
        };
        if found.is_empty() {
            miss.notes = hints::why_empty(setting, run, text, expr, moment);
        } else {
            miss.notes = found.iter().take(5).map(shown).collect();
        }
        return Some(miss);
    }
    let surplus: Vec<String> = free
        .iter()
        .zip(&found)
        .filter(|(is_free, _)| **is_free)
        .map(|(_, sample)| shown(sample))
        .take(5)
        .collect();
    if surplus.is_empty() {
        return None;
    }
    let message = match expected.len() {
        0 => format!("at {when} the query gives something"),
        _ => format!("at {when} the query gives more than that"),
    };
    Some(Miss { part: Part::Whole, message, notes: surplus })
}

fn shown((labels, point): &(Labels, Point)) -> String {
    format!("it gives `{labels}` {}", show_point(point))
}

/// Whether the labels that are named are those of a sample.
fn names(wanted: &Labels, labels: &Labels) -> bool {
    if wanted.is_empty() {
        return labels.iter().all(|(name, _)| name == METRIC_NAME);
    }
    wanted.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// Equal but for what arithmetic with binary fractions adds.
fn is_near(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::promql::series_notation::parse_series;
    use crate::rules::{Defaults, RuleText, load};
    use crate::ruletest::{Pace, Questions, Timeline, simulate};

    const MINUTE: i64 = 60_000;

    fn setting() -> Setting {
        let text = "
groups:
- name: g
  rules:
  - {record: job:up:sum, expr: sum by (job) (up)}
  - {alert: Down, expr: up == 0, for: 2m, labels: {severity: page}, annotations: {s: '{{ $labels.job }}'}}
  - {alert: Few, expr: 'job:up:sum{job=\"db\"} < 2'}
";
        let defaults = Defaults { interval: Duration::from_secs(30), query_offset: Duration::ZERO };
        let file = RuleText { name: "r".to_owned(), text: text.to_owned() };
        Setting {
            groups: load(&[file], defaults).unwrap(),
            pace: Pace::Own,
            external_labels: Labels::empty(),
            external_url: String::new(),
            lookback: Duration::from_secs(300),
            default_step: Duration::from_secs(30),
        }
    }

    fn played(setting: &Setting, series: &[&str], minutes: &[i64]) -> Run {
        let timeline = Timeline {
            start: 0,
            interval: Duration::from_secs(60),
            series: series.iter().map(|text| parse_series(text).unwrap()).collect(),
        };
        let moments = minutes.iter().map(|minute| minute * MINUTE).collect();
        simulate(setting, &timeline, &Questions { moments, ..Questions::default() })
    }

    fn told(series: &[&str], minute: i64, expected: &Fires) -> Option<(Part, String)> {
        let setting = setting();
        let run = played(&setting, series, &[minute]);
        let miss = fires(&setting, &run, minute * MINUTE, expected, &|_, _| None)?;
        Some((miss.part, [vec![miss.message], miss.notes].concat().join("; ")))
    }

    fn down(labels: &[(&str, &str)]) -> Fires {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let labels = labels.iter().map(own).collect();
        Fires { alert: "Down".to_owned(), labels, ..Fires::default() }
    }

    const SERIES: [&str; 2] = [r#"up{job="db"} 1 0x9"#, r#"up{job="web"} 1x9"#];

    #[test]
    fn only_what_is_named_matters() {
        assert_eq!(told(&SERIES, 3, &down(&[])), None);
        assert_eq!(told(&SERIES, 3, &down(&[("job", "db"), ("severity", "page")])), None);
        let (part, text) =
            told(&SERIES, 3, &down(&[("severity", "page"), ("job", "web")])).unwrap();
        assert_eq!(part, Part::Label(1));
        assert!(text.starts_with(r#"at 3m `Down` fires with `job="db"`"#), "{text}");
        let (_, text) = told(&SERIES, 3, &down(&[("jbo", "db")])).unwrap();
        assert!(text.contains("without a label `jbo`; did you mean `job`?"), "{text}");
        let mut expected = down(&[]);
        expected.annotations = vec![("s".to_owned(), "web".to_owned())];
        let (part, text) = told(&SERIES, 3, &expected).unwrap();
        assert_eq!(
            (part, text.as_str()),
            (Part::Annotation(0), "at 3m the annotation `s` of `Down` is \"db\"")
        );
    }

    #[test]
    fn an_alert_that_does_not_fire_says_why() {
        let check = |series: &[&str], minute, alert: &str, expected: &str| {
            let wanted = Fires { alert: alert.to_owned(), ..Fires::default() };
            let (_, text) = told(series, minute, &wanted).expect("it does not fire");
            assert!(text.contains(expected), "{text}");
        };
        check(&SERIES, 2, "Down", "is pending and does not fire yet");
        check(
            &SERIES,
            2,
            "Down",
            r#"`{job="db", severity="page"}` was pending since 1m, and `for` is 2m"#,
        );
        check(
            &SERIES,
            0,
            "Down",
            r#"`up` is 1 for `up{job="db"}`, 1 for `up{job="web"}`, and not `==` 0"#,
        );
        check(&["upp 0x9"], 3, "Down", "there is no series `up`; did you mean `upp`?");
        check(&["up 0"], 9, "Down", "`up` has its last value at 0s");
        check(&["up _x7 0"], 3, "Down", "`up` has its first value at 7m");
        check(&[r#"up{job="dbs"} 0x9"#], 3, "Few", r#"has `job="dbs"`; did you mean that?"#);
        check(
            &["other 0x9"],
            3,
            "Few",
            "the recording rule `job:up:sum` gives nothing; there is no series `up`",
        );
    }

    fn fate(deliveries: &[(&str, Option<&str>)], inhibited_by: Option<&str>) -> Fate {
        let delivery = |(receiver, by): &(&str, Option<&str>)| Delivery {
            receiver: (*receiver).to_owned(),
            muted: by.map(|by| Muted { by: by.to_owned(), until: Some("04:00".to_owned()) }),
        };
        Fate {
            deliveries: deliveries.iter().map(delivery).collect(),
            inhibited_by: inhibited_by.map(|by| Labels::from_pairs([("alertname", by)])),
        }
    }

    #[test]
    fn routes_mutes_and_inhibitions_are_compared() {
        let check = |to: Option<&str>,
                     mute: Option<&str>,
                     by: Option<&str>,
                     fate: Fate,
                     expected: Option<&str>| {
            let own = |text: Option<&str>| text.map(str::to_owned);
            let wanted = Fires {
                alert: "A".to_owned(),
                routed_to: own(to),
                muted_by: own(mute),
                inhibited_by: own(by),
                ..Fires::default()
            };
            let message = against_fate("1m", &wanted, &fate).map(|miss| miss.message);
            assert_eq!(message.as_deref(), expected);
        };
        let both = || fate(&[("ops", Some("night")), ("pager", None)], None);
        check(None, None, None, both(), None);
        check(Some("pager"), None, None, both(), None);
        check(Some("ops"), Some("night"), None, both(), None);
        check(
            Some("ops"),
            None,
            None,
            both(),
            Some("at 1m `A` fires, but muted by `night` until 04:00"),
        );
        check(Some("mail"), None, None, both(), Some("at 1m `A` goes to `ops` and `pager`"));
        check(
            None,
            Some("night"),
            None,
            both(),
            Some("at 1m `A` is not muted: `pager` hears of it"),
        );
        check(Some("ops"), Some("backup"), None, both(), Some("at 1m `A` is muted by `night`"));
        let quiet = || fate(&[("ops", None)], Some("B"));
        check(None, None, None, quiet(), Some("at 1m `A` fires, but is inhibited by `B`"));
        check(None, None, Some("B"), quiet(), None);
        check(None, None, Some("C"), quiet(), Some("at 1m `A` is inhibited by `B`"));
        check(None, None, Some("B"), both(), Some("at 1m nothing inhibits `A`"));
    }

    #[test]
    fn silence_is_broken_by_what_fires_and_not_by_what_is_pending() {
        let setting = setting();
        let run = played(&setting, &SERIES, &[2, 3]);
        let names = |minute: i64, name| -> Vec<String> {
            let misses = silent(&run, minute * MINUTE, name, &|_, _| None);
            misses.into_iter().map(|miss| miss.message).collect()
        };
        assert_eq!(names(2, Some("Down")), [""; 0]);
        assert_eq!(names(2, None), ["at 2m `Few` fires"]);
        assert_eq!(names(3, None), ["at 3m `Down` fires", "at 3m `Few` fires"]);
    }

    #[test]
    fn samples_may_leave_out_labels_and_nothing_may_be_left_over() {
        let setting = setting();
        let timeline = Timeline {
            start: 0,
            interval: Duration::from_secs(60),
            series: SERIES.iter().map(|text| parse_series(text).unwrap()).collect(),
        };
        let check = |text: &str, expected: &[(&str, f64)], miss: Option<&str>| {
            let expr = crate::promql::parse(text).unwrap();
            let questions =
                Questions { queries: vec![(MINUTE, expr.clone())], ..Questions::default() };
            let run = simulate(&setting, &timeline, &questions);
            let expected: Vec<(Labels, f64)> = expected
                .iter()
                .map(|(labels, value)| {
                    (crate::promql::series_notation::parse_metric(labels).unwrap(), *value)
                })
                .collect();
            let found = samples(&setting, &run, MINUTE, (text, &expr), &expected);
            assert_eq!(found.map(|miss| miss.message).as_deref(), miss, "{text}");
        };
        check("sum(up)", &[("{}", 1.0)], None);
        check("up", &[("{job=\"db\"}", 0.0), ("up", 1.0)], None);
        check("up", &[("up", 1.0)], Some("at 1m the query gives more than that"));
        check("up > 1", &[], None);
        check("0.1 + 0.2", &[("{}", 0.3)], None);
        check("up", &[("{}", 1.0)], Some("at 1m there is no `{}`"));
        check("job:up:sum", &[("{job=\"db\"}", 2.0)], Some("at 1m `{job=\"db\"}` is 0"));
    }
}
