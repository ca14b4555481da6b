//! Groups over a small store in memory, evaluated at given times.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::{AlertState, Defaults, Group, Manager, Options, RuleHealth, RuleKind, RuleText, load};
use crate::model::{self, Labels, Matcher, TimeRange, Timestamp, is_stale};
use crate::storage::{Append, Batch, Columns, FloatRow, MemoryStore, QuerySymbols, Select};

const MINUTE: Timestamp = 60_000;

struct Bench {
    store: Arc<MemoryStore>,
    manager: Manager,
    alerts: UnboundedReceiver<Vec<model::Alert>>,
}

fn groups(text: &str) -> Vec<Group> {
    let defaults = Defaults { interval: Duration::from_secs(60), query_offset: Duration::ZERO };
    let file = RuleText { name: "rules.yml".to_owned(), text: text.to_owned() };
    load(&[file], defaults).unwrap_or_else(|errors| panic!("{errors:?}"))
}

impl Bench {
    fn new(rules: &str) -> Self {
        Self::over(Arc::default(), rules)
    }

    fn over(store: Arc<MemoryStore>, rules: &str) -> Self {
        let options = Options {
            external_labels: Labels::from_pairs([("dc", "eu1")]),
            external_url: "http://here:9090".to_owned(),
            ..Options::default()
        };
        let (manager, alerts) = Manager::new(Arc::clone(&store) as _, options);
        manager.apply(groups(rules), 0);
        Self { store, manager, alerts }
    }

    fn put(&self, series: &[(&str, &str)], time: Timestamp, value: f64) {
        let series = self.store.register(&Labels::from_pairs(series.iter().copied())).unwrap();
        let row = FloatRow { series, time, start_time: 0, value };
        self.store.append(&Batch { floats: vec![row], ..Batch::default() }).unwrap();
    }

    fn evaluate(&self, now: Timestamp) {
        for group in self.manager.groups() {
            group.evaluate(now);
        }
    }

    /// Series of a metric as `labels: time=value …`, the stale marker as `stale`.
    fn series(&self, metric: &str) -> Vec<String> {
        let symbols = QuerySymbols::new(Arc::clone(self.store.symbols()));
        let matchers = [Matcher::equal("__name__", metric)];
        let found = self.store.select(&matchers, TimeRange::ALL, &symbols).unwrap();
        let mut columns = Columns::default();
        let mut lines = Vec::new();
        for index in 0..found.len() {
            found.read(index, TimeRange::ALL, &mut columns).unwrap();
            let mut line = format!("{}:", found.labels(index).to_labels(&symbols));
            for (time, value) in columns.times.iter().zip(&columns.values) {
                let value = if is_stale(*value) { "stale".to_owned() } else { value.to_string() };
                write!(line, " {}={value}", time / MINUTE).unwrap();
            }
            lines.push(line);
        }
        lines.sort();
        lines
    }

    fn received(&mut self) -> Vec<model::Alert> {
        std::iter::from_fn(|| self.alerts.try_recv().ok()).flatten().collect()
    }

    fn state(&self) -> AlertState {
        self.manager.groups().iter().map(|group| group.state()).max().unwrap_or_default()
    }

    /// Health and last error of each rule.
    fn healths(&self) -> Vec<(RuleHealth, String)> {
        let groups = self.manager.status();
        let rules = groups.into_iter().flat_map(|group| group.rules);
        rules.map(|rule| (rule.health, rule.last_error)).collect()
    }
}

const DOWN: &str = r"
groups:
- name: g
  rules:
  - alert: Down
    expr: up == 0
    for: 2m
    labels: {severity: page}
    annotations: {summary: plain text}
";

#[test]
fn a_recording_rule_writes_its_result_and_ends_what_is_gone() {
    let bench = Bench::new(
        "groups: [{name: g, rules: [{record: 'job:up:sum', expr: sum by (job) (up), \
         labels: {site: a, job_kind: ''}}, {record: twice, expr: '2 * job:up:sum'}]}]",
    );
    for (job, instance) in [("a", "1"), ("a", "2"), ("b", "3")] {
        bench.put(&[("__name__", "up"), ("job", job), ("instance", instance)], 0, 1.0);
    }
    bench.evaluate(MINUTE);
    bench.put(&[("__name__", "up"), ("job", "b"), ("instance", "3")], MINUTE + 1, model::STALE_NAN);
    bench.evaluate(2 * MINUTE);
    bench.evaluate(3 * MINUTE);
    assert_eq!(
        bench.series("job:up:sum"),
        [
            r#"job:up:sum{job="a", site="a"}: 1=2 2=2 3=2"#,
            r#"job:up:sum{job="b", site="a"}: 1=1 2=stale"#,
        ]
    );
    // A later rule of the group sees what an earlier one wrote at the same instant.
    assert_eq!(bench.series("twice")[1], r#"twice{job="b", site="a"}: 1=2 2=stale"#);
}

#[test]
fn a_scalar_is_recorded_as_a_series_without_labels() {
    let bench = Bench::new("groups: [{name: g, rules: [{record: one, expr: 1}]}]");
    bench.evaluate(MINUTE);
    assert_eq!(bench.series("one"), ["one: 1=1"]);
}

#[test]
fn an_alert_is_pending_then_fires_then_ends() {
    let mut bench = Bench::new(DOWN);
    // The first two evaluations after a start write no ALERTS: they restore.
    let up = [("__name__", "up"), ("instance", "x:1")];
    bench.put(&up, 0, 1.0);
    bench.evaluate(1);
    bench.evaluate(2);
    for (minute, value) in [(1, 0.0), (2, 0.0), (3, 0.0), (4, 1.0)] {
        bench.put(&up, minute * MINUTE, value);
        bench.evaluate(minute * MINUTE);
    }
    assert_eq!(
        bench.series("ALERTS"),
        [
            r#"ALERTS{alertname="Down", alertstate="firing", instance="x:1", severity="page"}: 3=1 4=stale"#,
            r#"ALERTS{alertname="Down", alertstate="pending", instance="x:1", severity="page"}: 1=1 2=1 3=stale"#,
        ]
    );
    assert_eq!(
        bench.series("ALERTS_FOR_STATE"),
        [
            r#"ALERTS_FOR_STATE{alertname="Down", instance="x:1", severity="page"}: 1=60 2=60 3=60 4=stale"#
        ]
    );
    let received = bench.received();
    assert_eq!(received.len(), 2);
    assert_eq!((received[0].starts_at, received[0].ends_at), (3 * MINUTE, 7 * MINUTE));
    assert_eq!(received[1].ends_at, 4 * MINUTE);
    assert_eq!(
        received[0].labels.to_string(),
        r#"{alertname="Down", dc="eu1", instance="x:1", severity="page"}"#
    );
    assert_eq!(received[0].annotations.get("summary"), Some("plain text"));
    assert_eq!(received[0].generator_url, "http://here:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1");
}

#[test]
fn a_rule_that_fails_says_why_and_the_others_go_on() {
    let bench = Bench::new(
        "groups: [{name: g, limit: 1, rules: [\
         {record: a, expr: 'up * on () group_left () up'}, \
         {record: b, expr: 'sum without (x) (up)', labels: {instance: same}}, \
         {record: c, expr: 'up'}, \
         {record: d, expr: 'count(up)'}, \
         {alert: e, expr: 'up', labels: {instance: same}}]}]",
    );
    bench.put(&[("__name__", "up"), ("instance", "1")], 0, 1.0);
    bench.put(&[("__name__", "up"), ("instance", "2")], 0, 1.0);
    assert_eq!(bench.healths()[0].0, RuleHealth::Unknown);
    bench.evaluate(MINUTE);
    let healths = bench.healths();
    assert!(healths[0].1.contains("many-to-many matching not allowed"), "{healths:?}");
    assert!(healths[1].1.contains("same labelset after applying rule labels"), "{healths:?}");
    assert_eq!(healths[2].1, "exceeded limit of 1 with 2 series");
    assert_eq!(healths[3], (RuleHealth::Ok, String::new()));
    assert!(healths[4].1.contains("same labelset after applying alert labels"), "{healths:?}");
    assert_eq!(bench.series("d"), ["d: 1=2"]);
    assert!(bench.series("c").is_empty());
    let status = &bench.manager.status()[0];
    assert_eq!((status.evaluations, status.failures, status.limit), (5, 4, 1));
}

#[test]
fn a_failing_rule_leaves_its_series_as_they_are() {
    let bench = Bench::new("groups: [{name: g, limit: 1, rules: [{record: r, expr: up}]}]");
    bench.put(&[("__name__", "up"), ("instance", "1")], 0, 1.0);
    bench.evaluate(MINUTE);
    bench.put(&[("__name__", "up"), ("instance", "2")], MINUTE + 1, 1.0);
    bench.evaluate(2 * MINUTE);
    assert_eq!(bench.series("r"), [r#"r{instance="1"}: 1=1"#]);
}

#[test]
fn the_query_offset_moves_question_and_answer() {
    let bench = Bench::new("groups: [{name: g, query_offset: 1m, rules: [{record: r, expr: up}]}]");
    bench.put(&[("__name__", "up")], MINUTE, 1.0);
    bench.put(&[("__name__", "up")], 2 * MINUTE, 2.0);
    bench.evaluate(2 * MINUTE);
    assert_eq!(bench.series("r"), ["r: 1=1"]);
}

#[test]
fn a_reload_keeps_alerts_and_ends_the_series_of_removed_rules() {
    let mut bench = Bench::new(
        "groups: [{name: g, rules: [{alert: Down, expr: up == 0}, {record: r, expr: up}, \
         {record: s, expr: up}]}, {name: h, rules: [{record: t, expr: up}]}]",
    );
    bench.put(&[("__name__", "up")], 0, 0.0);
    bench.evaluate(MINUTE);
    let before = bench.manager.groups();
    bench.manager.apply(
        groups(
            "groups: [{name: g, rules: [{record: s, expr: up}, \
             {alert: Down, expr: up < 1, annotations: {a: b}}]}]",
        ),
        MINUTE + 1,
    );
    assert_eq!(bench.series("t"), ["t: 1=0 1=stale"]);
    assert_eq!(bench.state(), AlertState::Firing);
    bench.evaluate(2 * MINUTE);
    assert_eq!(bench.series("r"), ["r: 1=0 2=stale"]);
    assert_eq!(bench.series("s"), ["s: 1=0 2=0"]);
    let RuleKind::Alert { alerts, .. } = &bench.manager.status()[0].rules[1].kind else {
        panic!("the second rule alerts");
    };
    assert_eq!(alerts[0].active_at, MINUTE);
    // Sent once when it fired; the replaced group is over.
    assert_eq!(bench.received().len(), 1);
    before[0].evaluate(3 * MINUTE);
    assert_eq!(bench.series("s"), ["s: 1=0 2=0"]);
}

#[test]
fn a_group_that_is_the_same_goes_on_undisturbed() {
    let bench = Bench::new(DOWN);
    let before = bench.manager.groups();
    bench.manager.apply(groups(DOWN), MINUTE);
    assert!(Arc::ptr_eq(&before[0], &bench.manager.groups()[0]));
}

#[test]
fn restart_keeps_pending_alerts() {
    let hour = 60 * MINUTE;
    let rules = "groups: [{name: g, rules: [{alert: Down, expr: up == 0, for: 2h}]}]";
    let store = Arc::new(MemoryStore::default());
    let up = [("__name__", "up"), ("instance", "1")];
    let bench = Bench::over(Arc::clone(&store), rules);
    for minutes in (0..=60).step_by(20) {
        bench.put(&up, minutes * MINUTE, 0.0);
        bench.evaluate(minutes * MINUTE);
    }
    assert_eq!(bench.state(), AlertState::Pending);
    let alerts_before = bench.series("ALERTS");
    drop(bench);

    // Half an hour away, then back.
    let bench = Bench::over(Arc::clone(&store), rules);
    let back = hour + hour / 2;
    bench.put(&up, back, 0.0);
    bench.evaluate(back);
    assert_eq!(bench.series("ALERTS"), alerts_before);
    bench.put(&up, back + MINUTE, 0.0);
    bench.evaluate(back + MINUTE);
    let status = bench.manager.status();
    let RuleKind::Alert { alerts, .. } = &status[0].rules[0].kind else { panic!("an alert") };
    // An hour was spent waiting; the time away does not count.
    let expected = back + MINUTE - hour;
    assert_eq!(alerts[0].active_at, expected);
    bench.put(&up, back + 2 * MINUTE, 0.0);
    bench.evaluate(back + 2 * MINUTE);
    assert_eq!(bench.series("ALERTS").len(), 1);
    assert_ne!(bench.series("ALERTS"), alerts_before);
}

#[test]
fn instants_are_aligned_and_differ_from_group_to_group() {
    let bench = Bench::new("groups: [{name: a}, {name: b}, {name: c, interval: 7s}]");
    let groups = bench.manager.groups();
    let now = 1_700_000_012_345;
    let slots: Vec<Timestamp> = groups.iter().map(|group| group.slot(now)).collect();
    for (group, slot) in groups.iter().zip(&slots) {
        let interval = group.definition().interval.as_millis() as i64;
        assert!(now - interval < *slot && *slot <= now);
        assert_eq!(group.slot(*slot), *slot);
        assert_eq!(group.slot(now + interval), slot + interval);
    }
    assert_ne!(slots[0], slots[1]);
}

#[tokio::test]
async fn the_clock_evaluates_groups_until_it_is_stopped() {
    let bench = Bench::new("groups: [{name: g, interval: 50ms, rules: [{record: r, expr: 1}]}]");
    let manager = Arc::new(bench.manager);
    let shutdown = tokio_util::sync::CancellationToken::new();
    let clock = tokio::spawn({
        let (manager, shutdown) = (Arc::clone(&manager), shutdown.clone());
        async move { manager.run(shutdown).await }
    });
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while manager.status()[0].iterations < 3 {
        assert!(tokio::time::Instant::now() < deadline, "three evaluations in 20 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    shutdown.cancel();
    clock.await.unwrap();
}

#[test]
fn templates_see_labels_value_and_the_store() {
    let mut bench = Bench::new(
        r#"
groups:
- name: g
  rules:
  - alert: Slow
    expr: latency > 1
    labels:
      where: '{{ $labels.instance }} in {{ $externalLabels.dc }}'
      nothing: '{{ $labels.absent }}'
    annotations:
      summary: '{{ $value | humanizeDuration }}, {{ query "sum(latency)" | first | value }} in all'
      broken: '{{ query "sum(" }}'
"#,
    );
    bench.put(&[("__name__", "latency"), ("instance", "a")], 0, 90.0);
    bench.put(&[("__name__", "latency"), ("instance", "b")], 0, 0.5);
    bench.evaluate(MINUTE);
    let alerts = bench.received();
    assert_eq!(alerts.len(), 1);
    assert_eq!(
        alerts[0].labels.to_string(),
        r#"{alertname="Slow", dc="eu1", instance="a", where="a in eu1"}"#
    );
    assert_eq!(alerts[0].annotations.get("summary"), Some("1m 30s, 90.5 in all"));
    let broken = alerts[0].annotations.get("broken").unwrap();
    assert!(broken.starts_with("<error expanding template: "), "{broken}");
    assert_eq!(bench.healths()[0].0, RuleHealth::Ok);
}

#[test]
fn a_template_that_is_none_is_told_when_rules_are_loaded() {
    let text = "groups: [{name: g, rules: [{alert: a, expr: up, annotations: {s: '{{ $x }}'}}]}]";
    let file = RuleText { name: "r.yml".to_owned(), text: text.to_owned() };
    let defaults = Defaults { interval: Duration::from_secs(60), query_offset: Duration::ZERO };
    let errors = load(&[file], defaults).unwrap_err();
    assert!(errors[0].to_string().contains("template of \"s\": "), "{}", errors[0]);
}
