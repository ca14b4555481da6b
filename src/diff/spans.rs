//! Quiet times in one spelling: days of the week with the minutes of each, however many spans say it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::fields::Fields;

const DAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// Minutes from the first, up to the second.
type Span = (u32, u32);

/// What a list of spans means, one text for each sort of days: `monday:friday 22:00-24:00 UTC`.
pub fn texts(intervals: Vec<Json>) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    // Spans of the same dates and place add up; those of others do not.
    let mut same: BTreeMap<String, [Vec<Span>; 7]> = BTreeMap::new();
    for interval in intervals {
        let mut fields = Fields::of(interval);
        let (times, weekdays) = (fields.items("times"), fields.texts("weekdays"));
        let dates = dates(fields);
        match (spans(&times), days(&weekdays)) {
            (Some(spans), Some(days)) => {
                let week = same.entry(dates).or_default();
                for day in days {
                    week[day].extend(&spans);
                }
            }
            // What Alertmanager would refuse is compared as it is written.
            _ => {
                let times: Vec<String> = times.iter().map(ToString::to_string).collect();
                texts.insert(format!("{} {} {dates}", weekdays.join(","), times.join(",")));
            }
        }
    }
    for (dates, week) in same {
        let mut sorts: BTreeMap<Vec<Span>, Vec<usize>> = BTreeMap::new();
        for (day, spans) in week.into_iter().enumerate().filter(|(_, spans)| !spans.is_empty()) {
            sorts.entry(merged(spans)).or_default().push(day);
        }
        for (spans, days) in sorts {
            let mut parts = vec![clock(&spans), weekdays(&days), dates.clone()];
            parts.retain(|part| !part.is_empty());
            texts.insert(parts.join(" "));
        }
    }
    texts
}

/// Days of the month, months, years and the place.
fn dates(mut fields: Fields) -> String {
    let mut parts = Vec::new();
    for (key, word) in [("days_of_month", "days"), ("months", "months"), ("years", "years")] {
        let mut said = fields.texts(key);
        said.sort_unstable();
        said.dedup();
        if !said.is_empty() {
            parts.push(format!("{word} {}", said.join(",")));
        }
    }
    parts.push(fields.text("location").unwrap_or_else(|| "UTC".to_owned()));
    parts.join(" ")
}

/// The spans of a day; all of it where nothing is said.
fn spans(times: &[Json]) -> Option<Vec<Span>> {
    if times.is_empty() {
        return Some(vec![(0, DAY)]);
    }
    let span = |range: &Json| {
        let mut range = Fields::of(range.clone());
        let mut minutes = |key: &str| {
            let text = range.text(key)?;
            let (hour, minute) = text.split_once(':')?;
            Some(hour.parse::<u32>().ok()? * 60 + minute.parse::<u32>().ok()?)
        };
        Some((minutes("start_time")?, minutes("end_time")?)).filter(|(from, to)| from < to)
    };
    times.iter().map(span).collect()
}

/// The days of ranges; all of them where nothing is said.
fn days(ranges: &[String]) -> Option<BTreeSet<usize>> {
    if ranges.is_empty() {
        return Some((0..DAYS.len()).collect());
    }
    let day = |text: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(text.trim()));
    let mut days = BTreeSet::new();
    for range in ranges {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        days.extend(day(first)?..=day(last)?);
    }
    Some(days)
}

/// Spans that touch are one.
fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// `22:00-24:00`; nothing for a whole day.
fn clock(spans: &[Span]) -> String {
    let time = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let text = |(from, to): &Span| format!("{}-{}", time(*from), time(*to));
    match spans {
        [(0, DAY)] => String::new(),
        spans => spans.iter().map(text).collect::<Vec<_>>().join(","),
    }
}

/// `monday:friday`; nothing for every day.
fn weekdays(days: &[usize]) -> String {
    if days.len() == DAYS.len() {
        return String::new();
    }
    let text = |run: &[usize]| match run {
        [day] => DAYS[*day].to_owned(),
        run => format!("{}:{}", DAYS[run[0]], DAYS[run[run.len() - 1]]),
    };
    let runs = days.chunk_by(|one, next| one + 1 == *next);
    runs.map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(yaml: &str) -> Vec<String> {
        texts(serde_yaml::from_str(yaml).expect("a list of spans")).into_iter().collect()
    }

    #[test]
    fn spans_that_touch_are_one() {
        let once = said("[{times: [{start_time: '02:00', end_time: '04:00'}]}]");
        assert_eq!(once, ["02:00-04:00 UTC"]);
        for split in [
            "[{times: [{start_time: '02:00', end_time: '03:00'}, {start_time: '03:00', end_time: '04:00'}]}]",
            "[{times: [{start_time: '03:00', end_time: '04:00'}]}, {times: [{start_time: '02:00', end_time: '03:30'}]}]",
            "[{times: [{start_time: '02:00', end_time: '04:00'}], weekdays: ['sunday:saturday'], location: UTC}]",
            "[{times: [{start_time: '02:00', end_time: '04:00'}], weekdays: ['monday:friday']},
              {times: [{start_time: '02:00', end_time: '04:00'}], weekdays: [Saturday, sunday]}]",
        ] {
            assert_eq!(said(split), once, "{split}");
        }
    }

    #[test]
    fn days_with_other_times_stay_apart() {
        assert_eq!(
            said(
                "[{weekdays: [saturday, sunday]}, {times: [{start_time: '00:00', end_time: '06:00'}], \
                 weekdays: [monday, 'monday:wednesday', friday], months: [may]}]"
            ),
            ["00:00-06:00 monday:wednesday,friday months may UTC", "sunday,saturday UTC"]
        );
        let berlin = said("[{location: Europe/Berlin}, {location: UTC}]");
        assert_eq!(berlin, ["Europe/Berlin", "UTC"]);
    }

    #[test]
    fn what_cannot_be_read_is_told_as_written() {
        assert_ne!(said("[{weekdays: [someday]}]"), said("[{weekdays: [otherday]}]"));
        assert_eq!(said("[{weekdays: [someday]}]"), ["someday  UTC"]);
    }
}
