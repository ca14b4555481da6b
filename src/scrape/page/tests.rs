//! A target's pages, one after the other, on the store in memory.

use std::fmt::Write;

use super::*;
use crate::model::{Matcher, TimeRange, is_stale};
use crate::storage::{Columns, MemoryStore, QuerySymbols, Select};

/// A target with its page and store; each scrape is ten seconds after the one before.
struct Fixture {
    store: MemoryStore,
    page: Page,
    time: Timestamp,
}

fn fixture(job: Job) -> Fixture {
    let target = Labels::from_pairs([("instance", "i")]);
    let page = Page::new(Arc::new(job), target, Vec::new());
    Fixture { store: MemoryStore::default(), page, time: 0 }
}

impl Fixture {
    fn scrape(&mut self, body: &str) -> (Counts, Option<String>) {
        self.time += 10_000;
        let format = Format::Prometheus;
        let (counts, result) =
            self.page.read(body.as_bytes(), format, self.time, self.time, &self.store);
        if result.is_err() {
            self.page.fail(self.time, &self.store);
        }
        let report = Report { up: result.is_ok(), seconds: 0.5, counts, extra: None };
        self.page.store(&report, self.time, (body.as_bytes(), format), &self.store).unwrap();
        (counts, result.err().map(|err| err.to_string()))
    }

    /// Values by time in seconds, in a short notation.
    fn series(&self, name: &str) -> String {
        let symbols = QuerySymbols::new(Arc::clone(self.store.symbols()));
        let matchers = [Matcher::equal("__name__", name)];
        let found = self.store.select(&matchers, TimeRange::ALL, &symbols).unwrap();
        let mut lines = Vec::new();
        for index in 0..found.len() {
            let mut columns = Columns::default();
            found.read(index, TimeRange::ALL, &mut columns).unwrap();
            let labels = found.labels(index).to_labels(&symbols);
            let labels = labels.iter().filter(|(n, _)| !matches!(*n, "__name__" | "instance"));
            let labels: Vec<_> = labels.map(|(name, value)| format!("{name}={value} ")).collect();
            let values = columns.times.iter().zip(&columns.values).map(|(time, value)| {
                let value = if is_stale(*value) { "stale".to_owned() } else { value.to_string() };
                format!("{}:{value}", time / 1000)
            });
            lines.push(format!("{}{}", labels.concat(), values.collect::<Vec<_>>().join(" ")));
        }
        lines.sort();
        lines.join(" | ")
    }
}

fn counts(scraped: u64, kept: u64, added: u64) -> Counts {
    Counts { scraped, kept, added, ..Counts::default() }
}

#[test]
fn a_series_that_disappears_gets_a_stale_marker() {
    let mut f = fixture(Job::named("j"));
    assert_eq!(f.scrape("a 1\nb 2\nc 3\n").0, counts(3, 3, 3));
    assert_eq!(f.scrape("a 1\nc 3\n").0, counts(2, 2, 0));
    f.scrape("a 1\nc 3\n");
    assert_eq!(f.scrape("c 4\nb 5\na 6\n").0, counts(3, 3, 0), "b is remembered for a while");
    assert_eq!(f.series("a"), "10:1 20:1 30:1 40:6");
    assert_eq!(f.series("b"), "10:2 20:stale 40:5");
    assert_eq!(f.series("up"), "10:1 20:1 30:1 40:1");
    assert_eq!(f.series("scrape_series_added"), "10:3 20:0 30:0 40:0");
}

#[test]
fn a_failed_scrape_ends_all_series() {
    let mut f = fixture(Job::named("j"));
    f.scrape("a 1\nb 2\n");
    let (_, error) = f.scrape("a 1\nb 2\nnonsense\n");
    assert_eq!(
        error.as_deref(),
        Some("line 3: expected a value after the series, found the end of the line")
    );
    f.scrape("a 3\nb 4\n");
    assert_eq!(f.series("a"), "10:1 20:stale 30:3");
    assert_eq!(f.series("up"), "10:1 20:0 30:1");
}

#[test]
fn own_timestamps_need_no_stale_marker() {
    let mut f = fixture(Job::named("j"));
    f.scrape("a 1 5000\nb 2\n");
    f.scrape("");
    assert_eq!(f.series("a"), "5:1");
    assert_eq!(f.series("b"), "10:2 20:stale");
    f.scrape("a 1 6000\na 2 7000\na 0 1000\n");
    assert_eq!(f.series("a"), "5:1 6:1 7:2", "one page may bring several; old ones are dropped");
    let (brought, _) = f.scrape("a 9 99999999999\n");
    assert_eq!(brought.ahead, 1, "far in the future");

    let mut job = Job::named("j");
    job.honor_timestamps = false;
    let mut f = fixture(job);
    f.scrape("a 1 5000\n");
    f.scrape("");
    assert_eq!(f.series("a"), "10:1 20:stale");
}

#[test]
fn the_first_of_two_samples_wins() {
    let mut f = fixture(Job::named("j"));
    let (brought, error) = f.scrape("a 1\na 2\na{x=\"\"} 3\n");
    assert_eq!((brought.duplicates, error), (1, None));
    assert_eq!(f.series("a"), "10:1");
}

#[test]
fn another_text_of_the_same_series_keeps_it_alive() {
    let mut f = fixture(Job::named("j"));
    f.scrape("a{x=\"1\",y=\"2\"} 1\n");
    f.scrape("a{y=\"2\",x=\"1\"} 2\n");
    assert_eq!(f.series("a"), "x=1 y=2 10:1 20:2");
}

#[test]
fn a_limit_stores_nothing_and_still_counts() {
    let mut job = Job::named("j");
    job.limits.samples = 2;
    let mut f = fixture(job);
    f.scrape("a 1\nb 2\n");
    let (brought, error) = f.scrape("a 1\nb 2\nc 3\n");
    assert_eq!(error.as_deref(), Some("sample limit exceeded"));
    assert_eq!(brought.kept, 3);
    assert_eq!(f.series("a"), "10:1 20:stale");
    assert_eq!(f.series("scrape_samples_post_metric_relabeling"), "10:2 20:3");
}

#[test]
fn bounds_follow_the_declared_type() {
    let mut f = fixture(Job::named("j"));
    f.scrape("# TYPE h histogram\nh_bucket{le=\"1\"} 1\n# TYPE g gauge\ng{le=\"1\"} 1\n");
    assert_eq!(f.series("h_bucket"), "le=1.0 10:1");
    assert_eq!(f.series("g"), "le=1 10:1");
}

#[test]
fn metadata_is_told_once() {
    let mut f = fixture(Job::named("j"));
    let page = "# HELP a What.\n# TYPE a counter\na 1\n";
    f.page.read(page.as_bytes(), Format::Prometheus, 1, 1, &f.store).1.unwrap();
    let row = MetadataRow {
        family: "a".to_owned(),
        metadata: Metadata {
            kind: MetricType::Counter,
            help: "What.".to_owned(),
            unit: String::new(),
        },
    };
    assert_eq!(f.page.rows.batch.metadata, [row]);
    f.page.read(page.as_bytes(), Format::Prometheus, 2, 2, &f.store).1.unwrap();
    assert_eq!(f.page.rows.batch.metadata, []);
}

#[test]
fn a_former_life_goes_on() {
    let mut f = fixture(Job::named("j"));
    f.scrape("a 1\nb 2\n");
    let Fixture { store, page, time } = f;
    let live = page.into_live();
    let target = Labels::from_pairs([("instance", "i")]);
    let page = Page::new(Arc::new(Job::named("j")), target, live);
    let mut f = Fixture { store, page, time };
    f.scrape("a 3\n");
    assert_eq!(f.series("a"), "10:1 20:3");
    assert_eq!(f.series("b"), "10:2 20:stale");
    assert_eq!(f.series("up"), "10:1 20:1");
}

#[test]
fn changing_pages_do_not_grow_the_cache() {
    let mut f = fixture(Job::named("j"));
    for round in 0..50 {
        let line = |n| format!("m{{id=\"{round}-{n}\"}} 1\n");
        let body = (0..50).map(line).collect::<Vec<_>>().concat();
        f.scrape(&format!("{body}steady {round}\n"));
        assert!(f.page.known.len() <= 2 * 51 + 64 + 51, "{}", f.page.known.len());
    }
    assert_eq!(f.series("steady").matches(' ').count(), 49);
}

/// A store that forgets a series once.
struct Forgetful(MemoryStore, parking_lot::Mutex<HashSet<SeriesId>>);

impl Append for Forgetful {
    fn register(&self, labels: &Labels) -> Result<SeriesId, AppendError> {
        let SeriesId(id) = self.0.register(labels)?;
        let lives = self.1.lock();
        Ok(SeriesId(if lives.contains(&SeriesId(id)) { id + 1000 } else { id }))
    }

    fn append(&self, batch: &Batch) -> Result<Outcome, AppendError> {
        let gone = self.1.lock();
        let mut batch = batch.clone();
        for row in &mut batch.floats {
            row.series = match row.series {
                SeriesId(id) if id >= 1000 => SeriesId(id - 1000),
                id if gone.contains(&id) => SeriesId(u64::MAX),
                id => id,
            };
        }
        self.0.append(&batch)
    }
}

#[test]
fn a_series_that_the_store_forgot_is_registered_again() {
    let store = Forgetful(MemoryStore::default(), parking_lot::Mutex::default());
    let target = Labels::from_pairs([("instance", "i")]);
    let mut page = Page::new(Arc::new(Job::named("j")), target, Vec::new());
    let report = Report { up: true, seconds: 0.1, counts: Counts::default(), extra: None };
    for time in [1, 2, 3] {
        let (body, format) = (b"a{x=\"1\"} 1\n", Format::Prometheus);
        page.read(body, format, time, time, &store).1.unwrap();
        page.store(&report, time, (body, format), &store).unwrap();
        store.1.lock().extend([SeriesId(0), SeriesId(1)]);
    }
    let f = Fixture { store: store.0, page, time: 0 };
    assert_eq!(f.series("a"), "x=1 0:1 0:1 0:1");
    assert_eq!(f.series("up"), "0:1 0:1 0:1");
}

proptest::proptest! {
    #[test]
    fn pages_in_any_order_store_what_they_say(
        pages in proptest::collection::vec(
            proptest::collection::vec((0_u8..12, 0_u8..100), 0..12), 1..8)
    ) {
        let mut f = fixture(Job::named("j"));
        let mut expected = vec![Vec::new(); 12];
        for (round, page) in pages.iter().enumerate() {
            let mut body = String::new();
            let mut said = HashSet::new();
            for (series, value) in page {
                writeln!(body, "m{{n=\"{series:02}\"}} {value}").unwrap();
                if said.insert(*series) {
                    expected[*series as usize].push(format!("{}:{value}", (round + 1) * 10));
                }
            }
            for (series, lines) in expected.iter_mut().enumerate() {
                if !said.contains(&(series as u8)) && lines.last().is_some_and(|l| !l.ends_with("stale")) {
                    lines.push(format!("{}:stale", (round + 1) * 10));
                }
            }
            f.scrape(&body);
        }
        let expected: Vec<String> = expected
            .into_iter()
            .enumerate()
            .filter(|(_, lines)| !lines.is_empty())
            .map(|(series, lines)| format!("n={series:02} {}", lines.join(" ")))
            .collect();
        proptest::prop_assert_eq!(f.series("m"), expected.join(" | "));
    }
}
