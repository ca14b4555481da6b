//! Quiet times: `mute` nodes as Alertmanager's time intervals and as branches of its routes.

use crate::manifest::{Mute, Times};
use crate::wire::alertmanager as wire;

/// A mute that is to apply to alerts wherever they are routed.
pub(super) struct Quiet<'a> {
    pub name: &'a str,
    /// None is every alert.
    pub matchers: &'a [String],
    /// Whether it is loud at these times only.
    pub active: bool,
}

impl Quiet<'_> {
    fn hush(&self, route: &mut wire::Route) {
        let list = if self.active {
            &mut route.active_time_intervals
        } else {
            &mut route.mute_time_intervals
        };
        if !list.iter().any(|name| name == self.name) {
            list.push(self.name.to_owned());
        }
    }
}

/// Applies a mute to a whole tree of routes without changing who hears of what.
///
/// Alertmanager mutes at the route that an alert ends in, never at its children, and never at the
/// root. So each route gets a last child for the alerts of the mute, which takes those that no other
/// child took. Where a child lets alerts go on to its siblings this last child would take too many:
/// such a route gets a first child instead, with a muted copy of all the others.
pub(super) fn apply(root: &mut wire::Route, quiet: &Quiet) {
    below(root, quiet, true);
}

fn below(route: &mut wire::Route, quiet: &Quiet, is_root: bool) {
    let goes_on = route.routes.iter().any(|child| child.go_on);
    let before = if goes_on { route.routes.clone() } else { Vec::new() };
    for child in &mut route.routes {
        below(child, quiet, false);
    }
    if quiet.matchers.is_empty() && !is_root {
        quiet.hush(route);
        return;
    }
    let mut child = wire::Route {
        matchers: quiet.matchers.to_vec(),
        mute_time_intervals: route.mute_time_intervals.clone(),
        active_time_intervals: route.active_time_intervals.clone(),
        ..wire::Route::default()
    };
    quiet.hush(&mut child);
    if goes_on {
        child.routes = before;
        child.routes.iter_mut().for_each(|copy| hush_all(copy, quiet));
        route.routes.insert(0, child);
    } else {
        route.routes.push(child);
    }
}

fn hush_all(route: &mut wire::Route, quiet: &Quiet) {
    quiet.hush(route);
    route.routes.iter_mut().for_each(|child| hush_all(child, quiet));
}

const DAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// The time interval of a mute.
pub(super) fn interval(mute: &Mute) -> wire::TimeInterval {
    let spans = mute.times().iter().flat_map(spans).collect();
    wire::TimeInterval { name: mute.name.value.clone(), time_intervals: spans }
}

/// A time of a mute. One that goes over midnight becomes two, the second on the day after.
fn spans(said: &Times) -> Vec<wire::TimeSpec> {
    let Times { on, from, to, days_of_month, months, years, timezone } = *said;
    let strings = |list: &[crate::diag::Spanned<String>]| -> Vec<String> {
        list.iter().map(|text| text.value.clone()).collect()
    };
    let span = |times: Option<(&str, &str)>, weekdays: Vec<String>| wire::TimeSpec {
        times: times
            .map(|(start, end)| wire::TimeOfDay {
                start_time: start.to_owned(),
                end_time: end.to_owned(),
            })
            .into_iter()
            .collect(),
        weekdays,
        days_of_month: strings(days_of_month),
        months: strings(months),
        years: strings(years),
        location: timezone.map(|zone| zone.value.clone()),
    };
    let days: Vec<String> = on.iter().flat_map(|days| within_week(days.as_str())).collect();
    let start = from.map_or_else(|| "00:00".to_owned(), |time| padded(time.as_str()));
    let end = to.map_or_else(|| "24:00".to_owned(), |time| padded(time.as_str()));
    if from.is_none() && to.is_none() {
        return vec![span(None, days)];
    }
    if start < end {
        return vec![span(Some((&start, &end)), days)];
    }
    let mut spans = vec![span(Some((&start, "24:00")), days.clone())];
    if end != "00:00" {
        let next = days.iter().flat_map(|day| day_after(day)).collect();
        spans.push(span(Some(("00:00", &end)), next));
    }
    spans
}

fn day_index(day: &str) -> Option<usize> {
    DAYS.iter().position(|name| name.eq_ignore_ascii_case(day.trim()))
}

/// Days as they are; `saturday:sunday`, a range over the end of Alertmanager's week, which begins on
/// Sunday, day by day.
fn within_week(days: &str) -> Vec<String> {
    match days.split_once(':').map(|(first, last)| (day_index(first), day_index(last))) {
        Some((Some(first), Some(last))) if first > last => {
            (first..=last + 7).map(|day| DAYS[day % 7].to_owned()).collect()
        }
        _ => vec![days.to_owned()],
    }
}

/// `2:00` as `02:00`.
fn padded(time: &str) -> String {
    if time.find(':') == Some(1) { format!("0{time}") } else { time.to_owned() }
}

/// `monday` -> `tuesday`, `monday:friday` -> `tuesday:saturday`. Alertmanager's weeks begin on Sunday:
/// a range that would pass the end of the week is written day by day.
fn day_after(days: &str) -> Vec<String> {
    let (first, last) = days.split_once(':').unwrap_or((days, days));
    match (day_index(first), day_index(last)) {
        (Some(first), Some(last)) if first == last => vec![DAYS[(first + 1) % 7].to_owned()],
        (Some(first), Some(last)) if first < last && last < 6 => {
            vec![format!("{}:{}", DAYS[first + 1], DAYS[last + 1])]
        }
        (Some(first), Some(last)) if first < last => {
            (first..=last).map(|day| DAYS[(day + 1) % 7].to_owned()).collect()
        }
        // Not days of the week at all: a finding elsewhere.
        _ => vec![days.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Span, Spanned};
    use crate::manifest::{Block, During};

    fn route(receiver: &str, go_on: bool, routes: Vec<wire::Route>) -> wire::Route {
        wire::Route { receiver: Some(receiver.to_owned()), go_on, routes, ..wire::Route::default() }
    }

    fn quiet<'a>(name: &'a str, matchers: &'a [String]) -> Quiet<'a> {
        Quiet { name, matchers, active: false }
    }

    #[test]
    fn a_mute_adds_a_last_child_everywhere() {
        let mut root = route("ops", false, vec![route("pager", false, vec![])]);
        let matchers = [r#"job="mysql""#.to_owned()];
        apply(&mut root, &quiet("backup", &matchers));
        let last = &root.routes[1];
        assert_eq!((last.matchers.as_slice(), &last.receiver), (&matchers[..], &None));
        assert_eq!(last.mute_time_intervals, ["backup"]);
        assert_eq!(root.routes[0].routes[0].mute_time_intervals, ["backup"]);
        assert!(
            root.mute_time_intervals.is_empty() && root.routes[0].mute_time_intervals.is_empty()
        );
    }

    #[test]
    fn two_mutes_add_up() {
        let mut root = route("ops", false, vec![]);
        let (one, two) = ([r#"a="1""#.to_owned()], [r#"b="2""#.to_owned()]);
        apply(&mut root, &quiet("first", &one));
        apply(&mut root, &quiet("second", &two));
        assert_eq!(root.routes[0].routes[0].mute_time_intervals, ["first", "second"]);
        assert_eq!(root.routes[1].mute_time_intervals, ["second"]);
    }

    #[test]
    fn going_on_gets_a_muted_copy_in_front() {
        let mut root = route("ops", false, vec![route("log", true, vec![])]);
        let matchers = [r#"a="1""#.to_owned()];
        apply(&mut root, &quiet("q", &matchers));
        assert_eq!(root.routes.len(), 2);
        assert_eq!(root.routes[0].matchers, matchers);
        assert_eq!(root.routes[0].routes[0].mute_time_intervals, ["q"]);
        assert!(root.routes[1].go_on);
    }

    #[test]
    fn a_mute_of_everything_spares_the_root() {
        let mut root = route("ops", false, vec![route("pager", false, vec![])]);
        apply(&mut root, &quiet("night", &[]));
        assert!(root.mute_time_intervals.is_empty());
        assert_eq!(root.routes[0].mute_time_intervals, ["night"]);
        assert!(root.routes[1].matchers.is_empty());
    }

    fn mute(on: &[&str], from: &str, to: &str) -> wire::TimeInterval {
        let text = |text: &str| Spanned::new(text.to_owned(), Span::default());
        interval(&Mute {
            name: text("m"),
            on: on.iter().map(|day| text(day)).collect(),
            from: Some(text(from)),
            to: Some(text(to)),
            ..Mute::default()
        })
    }

    #[test]
    fn times_of_a_mute_add_up() {
        let text = |text: &str| Spanned::new(text.to_owned(), Span::default());
        let during = |day: &str| Block {
            value: During { on: vec![text(day)], ..During::default() },
            ..Block::default()
        };
        let mut mute = Mute {
            name: text("off"),
            timezone: Some(text("Asia/Jakarta")),
            during: vec![during("sunday"), during("saturday")],
            ..Mute::default()
        };
        let days = |mute: &Mute| -> Vec<Vec<String>> {
            let spans = interval(mute).time_intervals;
            assert!(spans.iter().all(|span| span.location.as_deref() == Some("Asia/Jakarta")));
            spans.into_iter().map(|span| span.weekdays).collect()
        };
        assert_eq!(days(&mute), [["sunday"], ["saturday"]]);
        mute.on = vec![text("monday")];
        assert_eq!(days(&mute), [["monday"], ["sunday"], ["saturday"]]);
    }

    #[test]
    fn a_night_becomes_two_spans() {
        let night = mute(&["monday:friday", "saturday"], "22:00", "6:00").time_intervals;
        assert_eq!(night.len(), 2);
        assert_eq!(night[0].times[0].end_time, "24:00");
        assert_eq!(
            (night[1].times[0].start_time.as_str(), night[1].times[0].end_time.as_str()),
            ("00:00", "06:00")
        );
        assert_eq!(night[1].weekdays, ["tuesday:saturday", "sunday"]);
        let weekend = mute(&["friday:saturday"], "22:00", "06:00").time_intervals;
        assert_eq!(weekend[1].weekdays, ["saturday", "sunday"]);
        let days = mute(&["saturday:monday"], "1:00", "2:00").time_intervals;
        assert_eq!(days[0].weekdays, ["saturday", "sunday", "monday"]);
        assert_eq!(mute(&[], "02:00", "04:00").time_intervals.len(), 1);
        assert_eq!(mute(&[], "20:00", "00:00").time_intervals.len(), 1);
    }
}
