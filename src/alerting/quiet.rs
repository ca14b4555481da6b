//! Quiet times: whether an instant lies in a named span of time.
//!
//! Weekdays begin with Sunday, days of the month are counted from its end where they are negative, and
//! everything is read off the clock of the span's location (UTC where none is named).

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::model::Timestamp;
use crate::wire::alertmanager as wire;

/// Days of the week, as Alertmanager counts them.
pub const DAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
/// Months, which may be written as numbers as well.
pub const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const MINUTES_OF_DAY: i32 = 24 * 60;

/// A span of time that Alertmanager would not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}")]
pub struct SpanError {
    /// What was written.
    pub text: String,
    /// What it should be: `day of the week`, `range of months` …
    pub what: &'static str,
}

/// First and last of a range, both inside.
type Range = (i32, i32);

/// A span of time; every condition narrows it, and one without a range is none.
#[derive(Debug, Clone)]
pub struct Span {
    /// Minutes of the day; the second is not inside.
    times: Vec<Range>,
    weekdays: Vec<Range>,
    days_of_month: Vec<Range>,
    months: Vec<Range>,
    years: Vec<Range>,
    location: TimeZone,
}

impl Span {
    /// Settles a span as it is written.
    pub fn new(said: &wire::TimeSpec) -> Result<Self, SpanError> {
        let wire::TimeSpec { times, weekdays, days_of_month, months, years, location } = said;
        let ranges = |said: &[String], what, read: &dyn Fn(&str) -> Option<i32>| {
            let one = |text: &String| range(text, read).ok_or_else(|| wrong(text, what));
            said.iter().map(one).collect::<Result<Vec<Range>, SpanError>>()
        };
        let number = |text: &str| text.parse().ok();
        let days = ranges(days_of_month, "range of days of a month", &number)?;
        if let Some(at) = days.iter().position(|range| !is_range_of_days(*range)) {
            return Err(wrong(&days_of_month[at], "range of days of a month"));
        }
        let weekdays = ranges(weekdays, "range of weekdays", &|text| position(&DAYS, text))?;
        let months = ranges(months, "range of months", &|text| {
            let number = number(text).filter(|month| (1..=12).contains(month));
            number.or_else(|| Some(position(&MONTHS, text)? + 1))
        })?;
        let years = ranges(years, "range of years", &number)?;
        let ordered = [
            (&weekdays, &said.weekdays, "range of weekdays"),
            (&months, &said.months, "range of months"),
            (&years, &said.years, "range of years"),
        ];
        for (ranges, texts, what) in ordered {
            if let Some(at) = ranges.iter().position(|(first, last)| first > last) {
                return Err(wrong(&texts[at], what));
            }
        }
        Ok(Self {
            times: times.iter().map(time_range).collect::<Result<_, _>>()?,
            weekdays,
            days_of_month: days,
            months,
            years,
            location: location.as_deref().map_or(Ok(TimeZone::UTC), zone)?,
        })
    }

    /// Whether there ever is such a time: `days_of_month 30` and `months february` have none in common.
    pub fn ever(&self) -> bool {
        self.days().any(|day| self.has_day(day))
    }

    /// Days enough to meet each combination of month, length and weekday, in the years that are asked for.
    fn days(&self) -> impl Iterator<Item = Date> {
        let years = |(first, last): &Range| *first..=(*last).min(first.saturating_add(27));
        let asked: Vec<i32> = self.years.iter().flat_map(years).collect();
        days_of(if asked.is_empty() { (2001..2029).collect() } else { asked })
    }

    /// Whether an instant (milliseconds) lies inside.
    pub fn contains(&self, time: Timestamp) -> bool {
        let Ok(time) = jiff::Timestamp::from_millisecond(time) else { return false };
        self.contains_local(time.to_zoned(self.location.clone()).datetime())
    }

    fn contains_local(&self, time: DateTime) -> bool {
        self.has_minute(i32::from(time.hour()) * 60 + i32::from(time.minute()))
            && self.has_day(time.date())
    }

    /// Whether a minute of the day is not left out.
    fn has_minute(&self, minute: i32) -> bool {
        self.times.is_empty() || self.times.iter().any(|(from, to)| (*from..*to).contains(&minute))
    }

    /// Whether something of a day lies inside.
    fn has_day(&self, time: Date) -> bool {
        let length = i32::from(time.days_in_month());
        let from_start = |day: i32| if day < 0 { length + day + 1 } else { day };
        let within = |ranges: &[Range], value: i32| {
            ranges.is_empty()
                || ranges.iter().any(|(first, last)| (*first..=*last).contains(&value))
        };
        let day = i32::from(time.day());
        let days = &self.days_of_month;
        within(&self.weekdays, i32::from(time.weekday().to_sunday_zero_offset()))
            && (days.is_empty()
                || days
                    .iter()
                    .any(|(first, last)| (from_start(*first)..=from_start(*last)).contains(&day)))
            && within(&self.months, i32::from(time.month()))
            && within(&self.years, i32::from(time.year()))
    }
}

/// All days of these years.
fn days_of(years: Vec<i32>) -> impl Iterator<Item = Date> {
    let first =
        years.into_iter().filter_map(|year| Date::new(i16::try_from(year).ok()?, 1, 1).ok());
    first.flat_map(|first| first.series(1.day()).take_while(move |day| day.year() == first.year()))
}

/// Whether the spans leave out no time at all; `false` where that is not seen.
pub fn cover_everything(spans: &[Span]) -> bool {
    let Some(first) = spans.first() else { return false };
    let forever: Vec<&Span> = spans.iter().filter(|span| span.years.is_empty()).collect();
    // What one leaves out begins with the day or where another ends.
    let ends = forever.iter().flat_map(|span| &span.times).map(|(_, end)| *end);
    let minutes: Vec<i32> = ends.filter(|end| *end < MINUTES_OF_DAY).chain([0]).collect();
    let one_clock = spans.iter().all(|span| span.location == first.location);
    one_clock
        && days_of((2001..2029).collect()).all(|day| {
            let today: Vec<&&Span> = forever.iter().filter(|span| span.has_day(day)).collect();
            minutes.iter().all(|minute| today.iter().any(|span| span.has_minute(*minute)))
        })
}

/// The named quiet times of an Alertmanager.
#[derive(Debug, Clone, Default)]
pub struct Quiet(Vec<(String, Vec<Span>)>);

impl Quiet {
    /// Settles all intervals.
    pub fn new(intervals: &[wire::TimeInterval]) -> Result<Self, SpanError> {
        let one = |interval: &wire::TimeInterval| {
            let spans = interval.time_intervals.iter().map(Span::new).collect::<Result<_, _>>()?;
            Ok((interval.name.clone(), spans))
        };
        intervals.iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an instant lies in one of the spans of this name. No spans have an unknown name.
    pub fn contains(&self, name: &str, time: Timestamp) -> bool {
        let found = self.0.iter().filter(|(known, _)| known == name);
        found.flat_map(|(_, spans)| spans).any(|span| span.contains(time))
    }

    /// Whether a route sends nothing at this instant; gives the quiet time that is to blame. Where the
    /// instant is outside of all the times at which the route is active, that is the first of them.
    pub fn mutes<'a>(&self, settings: &'a super::Settings, time: Timestamp) -> Option<&'a str> {
        let inside = |name: &&String| self.contains(name, time);
        if let Some(name) = settings.mute.iter().find(inside) {
            return Some(name);
        }
        let active = settings.active.iter().any(|name| self.contains(name, time));
        settings.active.first().filter(|_| !active).map(String::as_str)
    }
}

fn wrong(text: &str, what: &'static str) -> SpanError {
    SpanError { text: text.to_owned(), what }
}

/// `first:last`, or one that is both.
fn range(text: &str, read: &dyn Fn(&str) -> Option<i32>) -> Option<Range> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    Some((read(first)?, read(last)?))
}

fn position(names: &[&str], text: &str) -> Option<i32> {
    names.iter().position(|name| name.eq_ignore_ascii_case(text)).map(|at| at as i32)
}

/// Days from 1 to 31 or from -31 to -1, such that the first is not behind the last in a month of 31.
fn is_range_of_days((first, last): Range) -> bool {
    let fits = |day: i32| day != 0 && (-31..=31).contains(&day);
    let in_month = |day: i32| if day < 0 { 32 + day } else { day };
    fits(first) && fits(last) && (first > 0 || last < 0) && in_month(first) <= in_month(last)
}

fn time_range(said: &wire::TimeOfDay) -> Result<Range, SpanError> {
    let read = |text: &String| minute_of_day(text).ok_or_else(|| wrong(text, "time of day"));
    let (from, to) = (read(&said.start_time)?, read(&said.end_time)?);
    if from < to {
        return Ok((from, to));
    }
    Err(wrong(&format!("{} to {}", said.start_time, said.end_time), "range of times"))
}

/// `HH:MM`, up to `24:00`, as minutes since midnight.
pub fn minute_of_day(text: &str) -> Option<i32> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let (hour, minute): (i32, i32) = (number(hour)?, number(minute)?);
    let at = hour * 60 + minute;
    (minute < 60 && at <= MINUTES_OF_DAY).then_some(at)
}

/// A zone by its name. The zones within the program come first: the machine's are found by going through
/// all their folders, which takes longer than all rules do.
fn zone(name: &str) -> Result<TimeZone, SpanError> {
    match name {
        "" | "UTC" => Ok(TimeZone::UTC),
        "Local" => Ok(TimeZone::system()),
        name => TimeZoneDatabase::bundled()
            .get(name)
            .or_else(|_| TimeZone::get(name))
            .map_err(|_| wrong(name, "time zone")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(yaml: &str) -> Result<Span, SpanError> {
        Span::new(&serde_yaml::from_str(yaml).expect("the test writes YAML"))
    }

    fn check(yaml: &str, inside: &[&str], outside: &[&str]) {
        let span = span(yaml).unwrap();
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        for text in inside {
            assert!(span.contains(at(text)), "{yaml} has {text}");
        }
        for text in outside {
            assert!(!span.contains(at(text)), "{yaml} has not {text}");
        }
    }

    #[test]
    fn the_end_of_a_time_is_outside() {
        check(
            "{times: [{start_time: '02:00', end_time: '04:00'}, {start_time: '23:30', end_time: '24:00'}]}",
            &["2026-03-01T02:00:00Z", "2026-03-01T03:59:59Z", "2026-03-01T23:59:59Z"],
            &["2026-03-01T01:59:59Z", "2026-03-01T04:00:00Z", "2026-03-01T23:29:00Z"],
        );
    }

    #[test]
    fn some_times_never_come_and_some_are_all_there_are() {
        for (yaml, ever) in [
            ("{days_of_month: ['30'], months: [february]}", false),
            ("{days_of_month: ['31'], months: ['april', '6', september]}", false),
            ("{days_of_month: ['29'], months: [february]}", true),
            ("{days_of_month: ['29'], months: [february], years: ['2026:2027']}", false),
            ("{days_of_month: ['-31'], months: [february]}", false),
            ("{weekdays: [monday], days_of_month: ['29'], months: [february]}", true),
        ] {
            assert_eq!(span(yaml).unwrap().ever(), ever, "{yaml}");
        }
        for (yaml, all) in [
            ("[{}]", true),
            ("[{weekdays: ['sunday:saturday']}]", true),
            ("[{weekdays: ['monday:friday']}, {weekdays: [saturday, sunday]}]", true),
            ("[{weekdays: ['monday:friday']}, {weekdays: [saturday]}]", false),
            (
                "[{times: [{start_time: '00:00', end_time: '08:00'}]}, \
             {times: [{start_time: '08:00', end_time: '24:00'}]}]",
                true,
            ),
            (
                "[{times: [{start_time: '00:00', end_time: '08:00'}]}, \
             {times: [{start_time: '08:01', end_time: '24:00'}]}]",
                false,
            ),
            ("[{days_of_month: ['1:28']}]", false),
            ("[{days_of_month: ['1:28', '29:31']}]", true),
            ("[{years: ['2026:2030']}]", false),
            (
                "[{weekdays: ['monday:friday']}, {weekdays: [saturday, sunday], location: Europe/Berlin}]",
                false,
            ),
            ("[]", false),
        ] {
            let specs: Vec<wire::TimeSpec> = serde_yaml::from_str(yaml).unwrap();
            let spans: Vec<Span> = specs.iter().map(|spec| Span::new(spec).unwrap()).collect();
            assert_eq!(cover_everything(&spans), all, "{yaml}");
        }
    }

    #[test]
    fn weeks_begin_on_sunday() {
        // 1 March 2026 is a Sunday.
        check(
            "{weekdays: ['sunday:Tuesday', friday]}",
            &["2026-03-01T12:00:00Z", "2026-03-03T12:00:00Z", "2026-03-06T12:00:00Z"],
            &["2026-03-04T12:00:00Z", "2026-03-05T12:00:00Z", "2026-03-07T12:00:00Z"],
        );
    }

    #[test]
    fn days_are_counted_from_both_ends_of_the_month() {
        check(
            "{days_of_month: ['-2:-1', '1:3', '30:31']}",
            &["2026-02-27T00:00:00Z", "2026-02-01T00:00:00Z", "2024-02-29T00:00:00Z"],
            &["2026-02-26T00:00:00Z", "2024-02-27T00:00:00Z", "2026-02-04T00:00:00Z"],
        );
        // From the first day to the last but one, however long the month is.
        check("{days_of_month: ['1:-2']}", &["2026-02-27T00:00:00Z"], &["2026-02-28T00:00:00Z"]);
        // A month of 28 days has none but 28 from here on.
        check("{days_of_month: ['-31:-28']}", &["2026-02-01T00:00:00Z"], &["2026-02-02T00:00:00Z"]);
    }

    #[test]
    fn months_and_years_narrow_each_other() {
        check(
            "{months: ['december', '1:3'], years: ['2026', '2028:2030']}",
            &["2026-12-31T23:59:59Z", "2029-02-01T00:00:00Z"],
            &["2027-01-01T00:00:00Z", "2026-04-01T00:00:00Z"],
        );
    }

    #[test]
    fn the_clock_is_that_of_the_location() {
        check(
            "{times: [{start_time: '02:00', end_time: '04:00'}], weekdays: [sunday], location: Asia/Jakarta}",
            &["2026-02-28T19:00:00Z"],
            &["2026-03-01T02:00:00Z"],
        );
        // The hour that is skipped in spring never comes, the one that comes twice in autumn counts twice.
        let night = "{times: [{start_time: '02:00', end_time: '03:00'}], location: Europe/Berlin}";
        check(night, &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"], &["2026-03-29T01:00:00Z"]);
    }

    #[test]
    fn what_alertmanager_refuses_is_an_error() {
        let check = |yaml: &str, expected: &str| {
            assert_eq!(span(yaml).unwrap_err().to_string(), expected);
        };
        check("{weekdays: ['saturday:sunday']}", "`saturday:sunday` is no range of weekdays");
        check("{weekdays: ['6']}", "`6` is no range of weekdays");
        check("{months: ['0']}", "`0` is no range of months");
        check("{months: ['march:january']}", "`march:january` is no range of months");
        check("{days_of_month: ['0:3']}", "`0:3` is no range of days of a month");
        check("{days_of_month: ['-3:1']}", "`-3:1` is no range of days of a month");
        check("{days_of_month: ['20:-20']}", "`20:-20` is no range of days of a month");
        check("{years: ['2026:2025']}", "`2026:2025` is no range of years");
        check(
            "{times: [{start_time: '22:00', end_time: '04:00'}]}",
            "`22:00 to 04:00` is no range of times",
        );
        check("{times: [{start_time: '2:00', end_time: '04:00'}]}", "`2:00` is no time of day");
        check("{times: [{start_time: '02:00', end_time: '24:01'}]}", "`24:01` is no time of day");
        check("{location: Mars}", "`Mars` is no time zone");
        assert!(span("{}").unwrap().contains(0));
    }
}
