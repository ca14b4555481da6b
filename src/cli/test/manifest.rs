//! The tests of a manifest as a suite: series, the rendered rules, routes; what is not as expected
//! becomes findings at its place.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::super::validate::is_hindered;
use super::{FAILED, Outcome, Suite};
use crate::diag::{Finding, Findings, Severity, Span};
use crate::manifest::{At, Block, Expectation, ExpectedSample, Fires, Loaded, Map, Stack, Test};
use crate::model::{Labels, Timestamp};
use crate::promql::series_notation::{SeriesDescription, parse_metric, parse_values};
use crate::promql::{self, Expr};
use crate::render;
use crate::rules::{Defaults, RuleText, load};
use crate::ruletest::expect::{self, Fate, Miss, Part};
use crate::ruletest::routing::Routing;
use crate::ruletest::{Pace, Questions, Run, Setting, Timeline, show_millis, simulate};

/// Runs the tests whose name is wanted. A manifest with errors has none: they are shown instead; but an
/// error within a test is that test's failure.
pub(super) fn run(name: &str, loaded: Loaded, wanted: &dyn Fn(&str) -> bool) -> Suite {
    let hindered = is_hindered(&loaded);
    let Loaded { stack, files, findings, .. } = loaded;
    let errors: Findings =
        findings.into_iter().filter(|finding| finding.severity == Severity::Error).collect();
    let mut suite = Suite { name: name.to_owned(), files, outcomes: Vec::new(), coverage: None };
    if hindered {
        let span = errors.iter().next().map_or(Span::default(), Finding::span);
        let name = "the manifest is well".to_owned();
        suite.outcomes.push(Outcome { name, span, failures: errors, took: Duration::ZERO });
        return suite;
    }
    let tests = stack.tests.iter().filter(|test| wanted(&test.name));
    match setting(&stack).and_then(|setting| Ok((routing(&stack, &setting)?, setting))) {
        Ok((routing, setting)) => {
            let routing = routing.as_ref();
            let broken = |test: &Block<Test>| -> Findings {
                let own = errors.iter().filter(|error| test.whole.contains(error.span()));
                own.cloned().collect()
            };
            let run = |test| outcome(&setting, routing, test, broken(test));
            suite.outcomes = tests.map(run).collect();
        }
        Err(message) => {
            let span = stack.rules.first().map_or(Span::default(), Block::span);
            suite.outcomes.push(Outcome {
                name: "rules and routes can be loaded".to_owned(),
                span,
                failures: Findings::from_iter([FAILED.says(message).at(span, "")]),
                took: Duration::ZERO,
            });
        }
    }
    // What a failing test says is not so, or not yet.
    let failed: Vec<Span> =
        suite.outcomes.iter().filter(|it| it.failed()).map(|it| it.span).collect();
    let holds = |test: &Block<Test>| !failed.contains(&test.name.span);
    suite.coverage = Some(super::coverage::Coverage::of(&stack, &suite.files, &holds));
    suite
}

/// The rules as they are rendered, read back as Prometheus would.
fn setting(stack: &Stack) -> Result<Setting, String> {
    let prometheus = stack.prometheus.as_ref();
    let seconds = |text: Option<i64>, usual: u64| {
        text.map_or(Duration::from_secs(usual), |ms| Duration::from_millis(ms.unsigned_abs()))
    };
    let interval = seconds(
        prometheus.and_then(|said| said.evaluation_interval.as_ref()).map(|text| text.ms),
        60,
    );
    let lookback = seconds(
        prometheus
            .and_then(|said| said.query.as_ref()?.lookback_delta.as_ref())
            .map(|text| text.ms),
        300,
    );
    let text = render::to_yaml(&render::rule_file(stack));
    let file = RuleText { name: "alerts.yml".to_owned(), text };
    let groups =
        load(&[file], Defaults { interval, query_offset: Duration::ZERO }).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            errors.join("; ")
        })?;
    let labels = prometheus.map(|said| pairs(&said.external_labels)).unwrap_or_default();
    let url = prometheus.and_then(|said| said.external_url.as_ref());
    Ok(Setting {
        groups,
        pace: Pace::Own,
        external_labels: Labels::from_pairs(labels),
        external_url: url.map_or_else(String::new, |url| url.value.clone()),
        lookback,
        default_step: interval,
    })
}

/// The routes as they are rendered; none without an Alertmanager.
fn routing(stack: &Stack, setting: &Setting) -> Result<Option<Routing>, String> {
    let Some(manager) = &stack.alertmanager else { return Ok(None) };
    let config = render::alertmanager_config(stack, manager);
    Routing::new(&config, setting.external_labels.clone()).map(Some)
}

fn pairs(map: &Map<String>) -> Vec<(String, String)> {
    map.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect()
}

/// An expectation about a query, with what could be read of it.
type Asked<'a> = (Timestamp, &'a Block<Expectation>, Expr);

fn outcome(
    setting: &Setting,
    routing: Option<&Routing>,
    test: &Block<Test>,
    broken: Findings,
) -> Outcome {
    let begun = Instant::now();
    let failures = if broken.is_empty() { failures(setting, routing, test) } else { broken };
    let (name, span) = (test.name.value.clone(), test.name.span);
    Outcome { name, span, failures, took: begun.elapsed() }
}

fn failures(setting: &Setting, routing: Option<&Routing>, test: &Test) -> Findings {
    let mut findings = Findings::default();
    let start = test.start.as_ref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let start = start.map_or(0, jiff::Timestamp::as_millisecond);
    let interval = test.interval.as_ref().map_or(60_000, |interval| interval.ms);
    let mut series = Vec::new();
    for written in &test.series {
        // What cannot be read is a finding of `validate`; errors end the command before.
        let (Ok(labels), Ok(values)) =
            (parse_metric(&written.series), parse_values(&written.values))
        else {
            continue;
        };
        series.push(SeriesDescription { labels, values });
    }
    let timeline =
        Timeline { start, interval: Duration::from_millis(interval.unsigned_abs()), series };
    let mut queries: Vec<Asked<'_>> = Vec::new();
    for at in &test.at {
        for query in &at.query {
            if let Ok(expr) = promql::parse(&query.expr) {
                queries.push((start + at.time.ms, query, expr));
            }
        }
    }
    let asks = |at: &&Block<At>| !at.fires.is_empty() || at.silent.is_some();
    let questions = Questions {
        moments: test.at.iter().filter(asks).map(|at| start + at.time.ms).collect(),
        queries: queries.iter().map(|(time, _, expr)| (*time, expr.clone())).collect(),
        thorough: false,
    };
    let run = simulate(setting, &timeline, &questions);
    let mut told = HashSet::new();
    for failure in run.failures() {
        // A rule that fails once fails at each evaluation.
        if told.insert((&failure.group, &failure.rule)) {
            let at = show_millis(failure.at - start);
            let message = format!("the rule `{}` fails at {at}: {}", failure.rule, failure.message);
            findings.push(FAILED.says(message).at(test.name.span, "in this test"));
        }
    }
    let fates = |alert: &Labels, moment: Timestamp| -> Option<Fate> {
        let firing = expect::firing(&run, moment).into_iter().map(|alert| &alert.labels);
        // Without a start nobody knows what the clock says.
        let clock = test.start.as_ref().map(|_| moment);
        Some(routing?.fate(alert, firing, clock))
    };
    for at in &test.at {
        alerts(setting, &run, start + at.time.ms, at, &fates, &mut findings);
    }
    for (time, query, expr) in &queries {
        samples(setting, &run, *time, query, expr, &mut findings);
    }
    findings.settle();
    findings
}

fn alerts(
    setting: &Setting,
    run: &Run,
    moment: Timestamp,
    at: &At,
    fates: &expect::Fates<'_>,
    findings: &mut Findings,
) {
    for fires in &at.fires {
        let Fires { alert, routed_to, muted_by, inhibited_by, annotations, labels } = &**fires;
        let text = |said: &Option<crate::diag::Spanned<String>>| {
            said.as_ref().map(|said| said.value.clone())
        };
        let expected = expect::Fires {
            alert: alert.value.clone(),
            labels: pairs(labels),
            annotations: pairs(annotations),
            routed_to: text(routed_to),
            muted_by: text(muted_by),
            inhibited_by: text(inhibited_by),
        };
        if let Some(miss) = expect::fires(setting, run, moment, &expected, fates) {
            let of = |said: &Option<crate::diag::Spanned<String>>| {
                said.as_ref().map_or(alert.span, |said| said.span)
            };
            let span = match miss.part {
                Part::Whole | Part::Sample(_) => alert.span,
                Part::Label(place) => labels.0[place].1.span,
                Part::Annotation(place) => annotations.0[place].1.span,
                Part::RoutedTo => of(routed_to),
                Part::MutedBy => of(muted_by),
                Part::InhibitedBy => of(inhibited_by),
            };
            findings.push(finding(miss, span, "expected here"));
        }
    }
    if let Some(silent) = &at.silent {
        let names = silent.alerts.iter().map(|name| (Some(name.as_str()), name.span));
        let all = silent.alerts.is_empty().then_some((None, silent.span()));
        for (name, span) in names.chain(all) {
            for miss in expect::silent(run, moment, name, fates) {
                findings.push(finding(miss, span, "not silent"));
            }
        }
    }
}

fn samples(
    setting: &Setting,
    run: &Run,
    moment: Timestamp,
    query: &Block<Expectation>,
    expr: &Expr,
    findings: &mut Findings,
) {
    let expected: Vec<(Labels, f64)> = query
        .samples
        .iter()
        .filter_map(|sample| {
            let ExpectedSample { labels, value } = &**sample;
            Some((parse_metric(labels).ok()?, value.value))
        })
        .collect();
    let asked = (query.expr.as_str(), expr);
    if let Some(miss) = expect::samples(setting, run, moment, asked, &expected) {
        let span = match miss.part {
            Part::Sample(place) => {
                let ExpectedSample { labels, value } = &*query.samples[place];
                labels.span.to(value.span)
            }
            _ => query.expr.span,
        };
        findings.push(finding(miss, span, "expected here"));
    }
}

fn finding(miss: Miss, span: Span, label: &str) -> Finding {
    let Miss { part: _, message, notes } = miss;
    let finding = FAILED.says(message).at(span, label);
    if notes.is_empty() { finding } else { finding.help(notes.join("\n")) }
}
