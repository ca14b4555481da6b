//! Service level objectives as rules: error ratios over several windows, and alerts that compare two
//! of them with how fast the error budget may burn.
//!
//! The scheme is the one of Google's SRE workbook, chapter 5: an alert needs both a long window (it
//! matters) and a short one (it is still going on). With an objective over 30 days the factors are
//! 14.4, 6, 3 and 1; for another window they are scaled so that an alert stands for the same part of
//! the budget.

use indexmap::IndexMap;

use crate::diag::Spanned;
use crate::manifest::{DurationText, Slo, Stack};
use crate::model::format_duration;
use crate::wire::rules as wire;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Seconds of the windows that error ratios are recorded over.
const WINDOWS: [u64; 7] = [5 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, DAY, 3 * DAY];

/// A condition: that much of the budget goes within the long window.
struct Burn {
    long: u64,
    short: u64,
    /// Part of the whole budget.
    budget: f64,
}

const PAGE: [Burn; 2] = [
    Burn { long: HOUR, short: 5 * MINUTE, budget: 0.02 },
    Burn { long: 6 * HOUR, short: 30 * MINUTE, budget: 0.05 },
];
const TICKET: [Burn; 2] = [
    Burn { long: DAY, short: 2 * HOUR, budget: 0.1 },
    Burn { long: 3 * DAY, short: 6 * HOUR, budget: 0.1 },
];

/// From this window on, a ratio hardly moves between two evaluations, and each costs the more.
const LONG: u64 = 6 * HOUR;
/// How often such a ratio is evaluated: often enough that it never goes stale (5 minutes), eight times
/// less than at the usual 15 seconds.
const LONG_INTERVAL: u64 = 2 * MINUTE;

/// How often groups of long windows are evaluated; `None` where that is as often as all others.
fn long_interval(stack: &Stack) -> Option<String> {
    let prometheus = stack.prometheus.as_ref()?;
    let seconds = |text: &Option<Spanned<DurationText>>, usual: u64| {
        text.as_ref().map_or(usual, |text| text.ms.unsigned_abs() / 1000)
    };
    let usual = seconds(&prometheus.evaluation_interval, MINUTE);
    let lookback = prometheus
        .query
        .as_ref()
        .map_or(5 * MINUTE, |query| seconds(&query.lookback_delta, 5 * MINUTE));
    (usual < LONG_INTERVAL && LONG_INTERVAL < lookback).then(|| short(LONG_INTERVAL))
}

/// The rules of one objective, in two groups: the long windows apart, which are evaluated less often.
pub(super) fn groups(stack: &Stack, slo: &Slo) -> [wire::RuleGroup; 2] {
    let Slo {
        name,
        objective,
        window,
        total,
        errors,
        description,
        labels,
        page_severity,
        ticket_severity,
    } = slo;
    let window = window.as_ref().map_or(30 * DAY, |window| window.ms.unsigned_abs() / 1000).max(1);
    let budget = (100.0 - objective.value) / 100.0;
    let selector = format!("{{slo={:?}}}", name.value);
    let mut common = IndexMap::from([("slo".to_owned(), name.value.clone())]);
    common.extend(labels.iter().map(|(name, value)| (name.value.clone(), value.value.clone())));

    let record = |name: String, expr: String| wire::Rule {
        record: Some(name),
        expr,
        labels: common.clone(),
        ..wire::Rule::default()
    };
    let (mut rules, mut long) = (Vec::new(), Vec::new());
    for range in WINDOWS.into_iter().filter(|range| *range <= window) {
        let group = if range < LONG { &mut rules } else { &mut long };
        let range = short(range);
        // Without a single error there is no error series; without traffic there is no ratio.
        let expr = format!(
            "(sum(rate({}[{range}])) or vector(0))\n  / (sum(rate({}[{range}])) > 0)",
            errors.value, total.value
        );
        group.push(record(format!("slo:error_ratio:rate{range}"), expr));
    }
    rules.push(record(
        "slo:objective:ratio".to_owned(),
        format!("vector({})", number(1.0 - budget)),
    ));
    rules.push(record("slo:error_budget:ratio".to_owned(), format!("vector({})", number(budget))));
    long.push(record(
        "slo:error_budget_remaining:ratio".to_owned(),
        format!(
            "1 - avg_over_time(slo:error_ratio:rate5m{selector}[{}]) / {}",
            short(window),
            number(budget)
        ),
    ));

    let [fast, slow] = Slo::ALERTS;
    let alert = |name: &str, speed: &str, burns: &[Burn], severity: &str| {
        let condition = |burn: &Burn| {
            let factor = burn.budget * window as f64 / burn.long as f64;
            // Above 1 every single request would have to fail more than once.
            let can_fire = burn.long <= window && factor * budget < 1.0;
            can_fire.then(|| {
                let limit = format!("{} * {}", number(factor), number(budget));
                format!(
                    "(\n  slo:error_ratio:rate{}{selector} > {limit}\n  and\n  slo:error_ratio:rate{}{selector} > {limit}\n)",
                    short(burn.long),
                    short(burn.short),
                )
            })
        };
        let conditions: Vec<String> = burns.iter().filter_map(condition).collect();
        let mut labels = common.clone();
        labels.insert("severity".to_owned(), severity.to_owned());
        let mut annotations = IndexMap::from([(
            "summary".to_owned(),
            format!("{{{{ $labels.slo }}}} uses up its error budget {speed}"),
        )]);
        let promise = description.as_ref().map_or_else(
            || {
                format!(
                    "{} % of requests are to succeed over {}.",
                    number(objective.value),
                    short(window)
                )
            },
            |description| description.value.clone(),
        );
        annotations.insert(
            "description".to_owned(),
            format!("{promise} Right now {{{{ $value | humanizePercentage }}}} fail."),
        );
        (!conditions.is_empty()).then(|| wire::Rule {
            alert: Some(name.to_owned()),
            expr: conditions.join("\nor\n"),
            labels,
            annotations,
            ..wire::Rule::default()
        })
    };
    let word = |severity: &Option<crate::diag::Spanned<String>>, default: &str| {
        severity.as_ref().map_or_else(|| default.to_owned(), |severity| severity.value.clone())
    };
    rules.extend(alert(fast, "fast", &PAGE, &word(page_severity, "critical")));
    rules.extend(alert(slow, "slowly", &TICKET, &word(ticket_severity, "warning")));
    let [name, long_name] = slo.groups();
    [
        wire::RuleGroup { name, rules, ..wire::RuleGroup::default() },
        wire::RuleGroup {
            name: long_name,
            interval: long_interval(stack),
            rules: long,
            ..wire::RuleGroup::default()
        },
    ]
}

fn short(seconds: u64) -> String {
    // `1w` and `1y` read worse than days in the name of a series.
    if seconds.is_multiple_of(DAY) {
        format!("{}d", seconds / DAY)
    } else {
        format_duration(std::time::Duration::from_secs(seconds))
    }
}

/// A number without the noise of binary fractions: 0.001, not 0.0010000000000000009.
fn number(value: f64) -> String {
    let text = format!("{value:.10}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Spanned;
    use crate::manifest::{Format, parse};

    fn slo(objective: f64, days: Option<i64>) -> Slo {
        let text = |text: &str| Spanned::new(text.to_owned(), crate::diag::Span::default());
        Slo {
            name: text("web"),
            objective: Spanned::new(objective, crate::diag::Span::default()),
            window: days.map(|days| {
                let window = DurationText { text: format!("{days}d"), ms: days * 86_400_000 };
                Spanned::new(window, crate::diag::Span::default())
            }),
            total: text("all"),
            errors: text("bad"),
            ..Slo::default()
        }
    }

    fn factors(objective: f64, days: Option<i64>) -> Vec<String> {
        let [group, _] = groups(&Stack::default(), &slo(objective, days));
        let alerts = group.rules.iter().filter(|rule| rule.alert.is_some());
        let limits = alerts.flat_map(|rule| rule.expr.lines().filter(|line| line.contains(" > ")));
        let mut factors: Vec<String> =
            limits.map(|line| line.rsplit_once(" > ").unwrap().1.to_owned()).collect();
        factors.dedup();
        factors
    }

    #[test]
    fn thirty_days_have_the_standard_factors() {
        assert_eq!(factors(99.9, None), ["14.4 * 0.001", "6 * 0.001", "3 * 0.001", "1 * 0.001"]);
    }

    #[test]
    fn another_window_stands_for_the_same_part_of_the_budget() {
        assert_eq!(
            factors(99.0, Some(7)),
            ["3.36 * 0.01", "1.4 * 0.01", "0.7 * 0.01", "0.2333333333 * 0.01"]
        );
    }

    #[test]
    fn what_can_never_fire_is_left_out() {
        // 14.4 * 0.1 is above 1.
        assert_eq!(factors(90.0, None), ["6 * 0.1", "3 * 0.1", "1 * 0.1"]);
        // Windows longer than the objective's own.
        assert_eq!(factors(99.0, Some(1)), ["0.48 * 0.01", "0.2 * 0.01", "0.1 * 0.01"]);
    }

    #[test]
    fn long_windows_are_evaluated_every_two_minutes_unless_that_is_no_gain_or_too_rare() {
        let check = |text: &str, expected: Option<&str>| {
            let text = format!("stack \"s\"\nprometheus {{ {text} }}\n");
            let stack = parse("stack.kdl", &text, Format::Kdl, None).unwrap().stack;
            let [usual, long] = groups(&stack, &slo(99.9, None));
            assert_eq!((usual.interval, long.interval.as_deref()), (None, expected), "{text}");
            assert!(long.rules.iter().all(|rule| !rule.expr.contains("[30m]")));
        };
        check("evaluation_interval \"15s\"", Some("2m"));
        check("", Some("2m"));
        check("evaluation_interval \"2m\"", None);
        check("query lookback_delta=\"1m\"", None);
    }

    #[test]
    fn every_window_is_recorded() {
        let groups = groups(&Stack::default(), &slo(99.9, None));
        let rules = groups.iter().flat_map(|group| &group.rules);
        let names: Vec<_> = rules.filter_map(|rule| rule.record.as_deref()).collect();
        for window in ["5m", "30m", "1h", "2h", "6h", "1d", "3d"] {
            assert!(names.contains(&format!("slo:error_ratio:rate{window}").as_str()), "{names:?}");
        }
    }
}
