//! The store as a whole, on a folder of its own: restarts, damage, upkeep, and the comparison with
//! the plain store in memory.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::{Clock, Config, Disk, Files, LogFile, Maintained, Settings, Tsdb, TsdbError};
use crate::model::{
    BucketSpan, Exemplar, Histogram, Labels, MatchOp, Matcher, Metadata, MetricType, STALE_NAN,
    TimeRange,
};
use crate::storage::{
    Append, AppendError, Batch, Columns, ExemplarRow, FloatRow, HistogramRow, MemoryStore,
    MetadataRow, Outcome, QuerySymbols, Reject, Select, SelectError, SeriesId,
};

/// A window of the tests: 100 seconds.
const WINDOW: i64 = 100_000;

struct Fixed(AtomicI64);

impl Clock for Fixed {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn config(folder: &Path) -> Config {
    Config {
        window: Duration::from_millis(WINDOW as u64),
        future_limit: None,
        ..Config::new(folder)
    }
}

fn open(folder: &Path) -> Tsdb {
    Tsdb::open(config(folder)).unwrap()
}

fn labels(job: &str) -> Labels {
    Labels::from_pairs([("__name__", "up"), ("job", job), ("instance", "a:1")])
}

fn push(store: &dyn Append, job: &str, samples: &[(i64, f64)]) -> Outcome {
    let series = store.register(&labels(job)).unwrap();
    let row = |&(time, value)| FloatRow { series, time, start_time: 0, value };
    let batch = Batch { floats: samples.iter().map(row).collect(), ..Batch::default() };
    store.append(&batch).unwrap()
}

type Samples = BTreeMap<String, Vec<(i64, u64)>>;

fn query(
    store: &dyn Select,
    matchers: &[Matcher],
    range: TimeRange,
) -> Result<Samples, SelectError> {
    let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
    let found = store.select(matchers, range, &symbols)?;
    let mut columns = Columns::default();
    let mut samples = Samples::new();
    for index in 0..found.len() {
        found.read(index, range, &mut columns)?;
        if columns.is_empty() {
            continue;
        }
        let floats = columns.times.iter().zip(&columns.values).map(|(&t, v)| (t, v.to_bits()));
        let histograms = columns.histogram_times.iter().zip(&columns.histograms);
        let histograms = histograms.map(|(&t, h)| (t, h.sum.to_bits() ^ h.count.to_bits()));
        let name = found.labels(index).to_labels(&symbols).to_string();
        let before = samples.insert(name, floats.chain(histograms).collect());
        assert!(before.is_none(), "a label set was found twice");
    }
    Ok(samples)
}

fn all(store: &dyn Select) -> Samples {
    query(store, &[], TimeRange::ALL).unwrap()
}

fn times(store: &dyn Select, job: &str) -> Vec<i64> {
    let found = query(store, &[Matcher::equal("job", job)], TimeRange::ALL).unwrap();
    found.into_values().flatten().map(|(time, _)| time).collect()
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|other| other == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn filled(store: &dyn Append, jobs: &[&str], range: std::ops::Range<i64>) {
    for time in range {
        for (offset, job) in (0..).zip(jobs) {
            let value =
                if time % 17 == 3 { STALE_NAN } else { f64::from(offset) + time as f64 / 4.0 };
            push(store, job, &[(time * 5000 + i64::from(offset), value)]);
        }
    }
}

#[test]
fn a_restart_loses_nothing_even_without_a_close() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    filled(&store, &["a", "b"], 0..70);
    let before = all(&store);
    assert_eq!(before.values().map(Vec::len).sum::<usize>(), 140);
    drop(store);
    let store = open(folder.path());
    assert_eq!(all(&store), before);
    assert_eq!(store.metrics().damaged_frames, 0);
    // In order and duplicate are judged as before the restart.
    let last = times(&store, "a").pop().unwrap();
    let outcome = push(&store, "a", &[(last - 1, 0.0), (last, 1e9)]);
    assert_eq!(outcome.rejected_floats, [(0, Reject::OutOfOrder), (1, Reject::DuplicateTimestamp)]);
    filled(&store, &["a", "b"], 70..80);
    store.close().unwrap();
    let after = all(&store);
    drop(store);
    assert_eq!(all(&open(folder.path())), after);
}

#[test]
fn rows_are_rejected_for_their_own_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Fixed(AtomicI64::new(1_000_000)));
    let config = Config {
        future_limit: Some(Duration::from_secs(600)),
        out_of_order: Duration::from_secs(10),
        ..config(folder.path())
    };
    let store = Tsdb::open_with(config, Arc::new(Files), clock).unwrap();
    assert_eq!(push(&store, "a", &[(1_600_000, 1.0)]).rejected_floats, []);
    let outcome = push(
        &store,
        "a",
        &[(1_600_001, 1.0), (1_600_000, 2.0), (1_600_000, 1.0), (1_590_000, 1.0), (1_589_999, 1.0)],
    );
    let expected =
        [(0, Reject::TooFarInFuture), (1, Reject::DuplicateTimestamp), (4, Reject::TooOld)];
    assert_eq!(outcome.rejected_floats, expected);
    assert_eq!(outcome.appended, 2);
    assert_eq!(times(&store, "a"), [1_590_000, 1_600_000]);
    let row = FloatRow { series: SeriesId(99), time: 0, start_time: 0, value: 0.0 };
    let batch = Batch { floats: vec![row], ..Batch::default() };
    assert_eq!(store.append(&batch).unwrap().rejected_floats, [(0, Reject::UnknownSeries)]);
    let series = store.register(&labels("h")).unwrap();
    let value = Arc::new(Histogram { positive: vec![1.0], ..Histogram::default() });
    let row = HistogramRow { series, time: 5, start_time: 0, value };
    let batch = Batch { histograms: vec![row], ..Batch::default() };
    assert_eq!(store.append(&batch).unwrap().rejected_histograms, [(0, Reject::Invalid)]);
}

/// A clock long after all samples.
const LONG_AFTER: i64 = 1 << 50;

/// The last window of all is sealed too, by the clock, but not while somebody writes to it.
#[test]
fn a_window_that_is_past_is_sealed_when_nobody_writes_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    push(&store, "a", &[(0, 1.0)]);
    assert_eq!(store.maintain(WINDOW + 59_999).unwrap().sealed, 0, "a scrape may be late");
    assert_eq!(store.maintain(WINDOW + 60_000).unwrap().sealed, 0, "who knows");
    push(&store, "a", &[(1000, 1.0)]);
    assert_eq!(store.maintain(WINDOW + 65_000).unwrap().sealed, 0, "it was written to");
    assert_eq!(store.maintain(WINDOW + 70_000).unwrap().sealed, 1);
    // Writing without a pause does not put it off for ever.
    let begin = WINDOW + 100_000;
    let sealed: usize = (0..)
        .map_while(|call| {
            push(&store, "a", &[(2000 + call, 1.0)]);
            let now = begin + call * 10_000;
            (now <= begin + 3_600_000).then(|| store.maintain(now).unwrap().sealed)
        })
        .sum();
    assert_eq!(sealed, 1);
}

#[test]
fn a_series_is_never_refused_for_the_later_samples_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    filled(&store, &["late"], 0..200);
    store.maintain(i64::MAX).unwrap();
    assert_eq!(push(&store, "early", &[(0, 1.0), (5000, 2.0)]).appended, 2);
    assert_eq!(times(&store, "early"), [0, 5000]);
    // Its window is sealed once more when nothing more seems to come, and the two partitions become one.
    assert_eq!(store.maintain(LONG_AFTER).unwrap(), Maintained::default());
    push(&store, "early", &[(6000, 3.0)]);
    assert_eq!(store.maintain(LONG_AFTER + 599_999).unwrap(), Maintained::default());
    assert_eq!(store.maintain(LONG_AFTER + 1_199_998).unwrap(), Maintained::default());
    let done = store.maintain(LONG_AFTER + 1_199_999).unwrap();
    assert_eq!((done.sealed, done.merged), (1, 1));
    assert_eq!(times(&store, "early"), [0, 5000, 6000]);
    assert_eq!(times(&store, "late").len(), 200);
}

#[test]
fn late_samples_outlive_sealing_however_wide_their_window_is() {
    let folder = tempfile::tempdir().unwrap();
    let wide = Config { out_of_order: Duration::from_secs(8_640_000), ..config(folder.path()) };
    let store = Tsdb::open(wide.clone()).unwrap();
    filled(&store, &["a"], 0..200);
    let newest = *times(&store, "a").last().unwrap();
    // The window for late samples keeps nothing in memory.
    assert!(store.maintain(newest).unwrap().sealed > 5);
    let outcome = push(&store, "a", &[(2, 7.0), (3, 8.0), (newest - 1, 9.0)]);
    assert_eq!(outcome.rejected_floats, []);
    assert_eq!(store.metrics().late, [3, 0]);
    let expected = all(&store);
    assert!(times(&store, "a").is_sorted());
    assert_eq!(times(&store, "a").len(), 203);
    // Gathered first, and then sealed together.
    assert_eq!(store.maintain(newest).unwrap(), Maintained::default());
    assert_eq!(push(&store, "a", &[(4, 1.0)]).appended, 1);
    drop(store);
    let store = Tsdb::open(wide).unwrap();
    assert_eq!(times(&store, "a").len(), 204);
    store.maintain(newest).unwrap();
    let done = store.maintain(newest + 600_000).unwrap();
    assert_eq!((done.sealed, done.merged), (1, 1));
    let found = all(&store);
    assert_eq!(times(&store, "a").len(), 204);
    for (job, samples) in &expected {
        assert!(samples.iter().all(|sample| found[job].contains(sample)));
    }
    drop(store);
    assert_eq!(all(&open(folder.path())), found);
}

#[test]
fn settings_change_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    push(&store, "a", &[(100_000, 1.0)]);
    assert_eq!(push(&store, "a", &[(99_000, 1.0)]).rejected_floats, [(0, Reject::OutOfOrder)]);
    let settings = config(folder.path()).settings();
    store.configure(Settings { out_of_order: Duration::from_secs(1), ..settings });
    let outcome = push(&store, "a", &[(98_000, 1.0), (99_000, 1.0)]);
    assert_eq!(outcome.rejected_floats, [(0, Reject::TooOld)]);
    let figures = store.metrics();
    assert_eq!((figures.late, figures.refused_late, figures.too_old), ([1, 0], [1, 0], [1, 0]));
    filled(&store, &["b"], 100..400);
    store.maintain(i64::MAX).unwrap();
    let retention_time = Some(Duration::from_secs(500));
    store.configure(Settings { retention_time, ..settings });
    assert!(store.maintain(i64::MAX).unwrap().removed > 0);
    assert_eq!(store.metrics().retention_seconds, 500);
}

#[test]
fn sealing_and_merging_change_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let plain = MemoryStore::default();
    let mut maintained = Maintained::default();
    for step in 0..30 {
        let range = step * 20..(step + 1) * 20;
        filled(&store, &["a", "b", "c"], range.clone());
        filled(&plain, &["a", "b", "c"], range);
        let done = store.maintain(i64::MAX).unwrap();
        maintained.sealed += done.sealed;
        maintained.merged += done.merged;
        assert_eq!(all(&store), all(&plain), "step {step}");
    }
    assert_eq!(maintained, Maintained { sealed: 29, merged: 2, removed: 0 });
    let metrics = store.metrics();
    assert_eq!(metrics.partitions, 2 + 29 - 24);
    assert!(metrics.log_bytes < 20_000, "{}", metrics.log_bytes);
    for range in [TimeRange::new(99_999, 100_003), TimeRange::new(-5, 1_250_000)] {
        let matchers = [Matcher::new("job", MatchOp::NotRegex, "b.*").unwrap()];
        assert_eq!(
            query(&store, &matchers, range).unwrap(),
            query(&plain, &matchers, range).unwrap()
        );
    }
    let before = all(&store);
    drop(store);
    let store = open(folder.path());
    assert_eq!(all(&store), before);
    let values = store.label_values("job", &[], TimeRange::ALL).unwrap();
    assert_eq!(values, ["a", "b", "c"]);
    let some = [vec![Matcher::equal("job", "c")], vec![Matcher::equal("job", "nobody")]];
    assert_eq!(store.label_values("job", &some, TimeRange::ALL).unwrap(), ["c"]);
    let names = store.label_names(&[], TimeRange::new(0, 10)).unwrap();
    assert_eq!(names, ["__name__", "instance", "job"]);
    assert!(store.label_names(&[], TimeRange::new(-10, -1)).unwrap().is_empty());
}

#[test]
fn a_query_keeps_what_upkeep_takes_away() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    filled(&store, &["a"], 0..100);
    let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
    let read = |found: &dyn crate::storage::SeriesSet| {
        let mut columns = Columns::default();
        found.read(0, TimeRange::ALL, &mut columns).unwrap();
        columns.times
    };
    let from_memory = store.select(&[], TimeRange::ALL, &symbols).unwrap();
    let expected = read(&*from_memory);
    filled(&store, &["a"], 100..400);
    store.maintain(i64::MAX).unwrap();
    let from_windows = store.select(&[], TimeRange::ALL, &symbols).unwrap();
    let expected_later = read(&*from_windows);
    filled(&store, &["a"], 400..800);
    store.maintain(i64::MAX).unwrap();
    store.maintain(i64::MAX).unwrap();
    assert_eq!(read(&*from_memory), expected);
    assert_eq!(read(&*from_windows), expected_later);
    assert_eq!(expected_later.len(), 400);
    assert_eq!(times(&store, "a").len(), 800);
}

#[test]
fn retention_removes_files_by_age_and_by_size() {
    let folder = tempfile::tempdir().unwrap();
    let limited =
        Config { retention_time: Some(Duration::from_secs(350)), ..config(folder.path()) };
    let store = Tsdb::open(limited).unwrap();
    filled(&store, &["a", "b"], 0..200);
    let done = store.maintain(i64::MAX).unwrap();
    assert_eq!((done.sealed, done.removed), (9, 6));
    assert_eq!(times(&store, "a").first(), Some(&600_000));
    let bytes = store.metrics().partition_bytes;
    drop(store);
    let limited = Config { retention_size: Some(bytes / 2), ..config(folder.path()) };
    let store = Tsdb::open(limited).unwrap();
    assert_eq!(store.maintain(i64::MAX).unwrap().removed, 2);
    assert_eq!(files(folder.path(), "redb").len(), 1);
    // A clock that stands before all samples ages nothing.
    assert_eq!(store.maintain(0).unwrap(), Maintained::default());
}

#[test]
fn series_without_recent_samples_leave_the_memory_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    push(&store, "gone", &[(1000, 1.0)]);
    let old = store.register(&labels("gone")).unwrap();
    filled(&store, &["a"], 1..100);
    store.maintain(i64::MAX).unwrap();
    assert_eq!(store.metrics().head_series, 1);
    assert_eq!(times(&store, "gone"), [1000]);
    let row = FloatRow { series: old, time: 600_000, start_time: 0, value: 2.0 };
    let batch = Batch { floats: vec![row], ..Batch::default() };
    assert_eq!(store.append(&batch).unwrap().rejected_floats, [(0, Reject::UnknownSeries)]);
    assert_ne!(store.register(&labels("gone")).unwrap(), old);
    push(&store, "gone", &[(600_000, 2.0)]);
    assert_eq!(times(&store, "gone"), [1000, 600_000]);
}

#[test]
fn a_torn_log_keeps_every_whole_frame() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for time in 0..20 {
        push(&store, "a", &[(time, 1.0)]);
    }
    drop(store);
    let [segment] = files(folder.path(), "log").try_into().unwrap();
    let whole = fs::read(&segment).unwrap();
    fs::write(&segment, &whole[..whole.len() - 3]).unwrap();
    let store = open(folder.path());
    assert_eq!(times(&store, "a"), (0..19).collect::<Vec<_>>());
    assert_eq!(store.metrics().damaged_frames, 1);
    push(&store, "a", &[(50, 1.0)]);
    drop(store);
    // The torn end was cut off, so the next start finds nothing wrong.
    let store = open(folder.path());
    assert_eq!(store.metrics().damaged_frames, 0);
    assert_eq!(times(&store, "a").last(), Some(&50));
}

#[test]
fn a_flipped_bit_in_the_log_costs_one_frame_and_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for time in 0..20 {
        push(&store, "a", &[(time, 1.0)]);
    }
    drop(store);
    let [segment] = files(folder.path(), "log").try_into().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() * 3 / 4;
    bytes[middle] ^= 4;
    fs::write(&segment, &bytes).unwrap();
    let store = open(folder.path());
    assert_eq!(times(&store, "a").len(), 19);
    assert_eq!(store.metrics().damaged_frames, 1);
    assert_eq!(files(folder.path(), "bin").len(), 1);
}

#[test]
fn flipped_bits_in_a_partition_are_noticed_and_served_around() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    // Values without a pattern, so that the file is more than redb's own books.
    let mut noise = fastrand::Rng::with_seed(3);
    for job in 0..60 {
        let samples: Vec<_> = (0..50).map(|time| (time * 5000, noise.f64())).collect();
        push(&store, &job.to_string(), &samples);
    }
    store.maintain(i64::MAX).unwrap();
    let intact = all(&store);
    drop(store);
    let partitions = files(folder.path(), "redb");
    assert_eq!(partitions.len(), 2);
    let bytes = fs::read(&partitions[0]).unwrap();
    let (mut noticed, mut places) = (0, fastrand::Rng::with_seed(7));
    // Most of a small file is unused room.
    let used: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at] != 0).collect();
    for _ in 0..200 {
        let mut damaged = bytes.clone();
        let at = used[places.usize(..used.len())];
        damaged[at] ^= 1 << places.u8(..8);
        fs::write(&partitions[0], &damaged).unwrap();
        let store = open(folder.path());
        let first = query(&store, &[], TimeRange::ALL);
        let second = query(&store, &[], TimeRange::ALL);
        let metrics = store.metrics();
        if metrics.damaged_partitions + metrics.damaged_blocks > 0 {
            noticed += 1;
            // Who finds the damage hears of it; who comes later is served what is left.
            assert!(first.is_err() || metrics.damaged_partitions > 0, "byte {at}");
        }
        for (name, samples) in second.unwrap_or_default() {
            let expected = &intact[&name];
            assert!(samples.iter().all(|sample| expected.contains(sample)), "byte {at}");
            let rest = expected.iter().filter(|(time, _)| *time >= WINDOW);
            assert!(rest.clone().all(|sample| samples.contains(sample)), "byte {at}");
        }
        if metrics.damaged_partitions + metrics.damaged_blocks == 0 {
            // Unused room, or redb's own books: the answer must be whole.
            assert_eq!(first.unwrap(), intact, "byte {at}");
        }
    }
    assert!(noticed > 15, "{noticed}");
}

#[test]
fn what_a_crash_leaves_behind_is_cleared_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    filled(&store, &["a"], 0..120);
    // The log as it was before sealing, and the sources of a merge that was not finished.
    let segments: Vec<_> = files(folder.path(), "log")
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    store.maintain(200_000).unwrap();
    let sources: Vec<_> = files(folder.path(), "redb")
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    filled(&store, &["a"], 120..300);
    store.maintain(i64::MAX).unwrap();
    let before = all(&store);
    drop(store);
    for (path, bytes) in segments.iter().chain(&sources) {
        fs::write(path, bytes).unwrap();
    }
    let half = folder.path().join("stackctl/partitions/p-0-100000-99.tmp");
    fs::write(&half, b"half").unwrap();
    let store = open(folder.path());
    assert_eq!(all(&store), before);
    assert!(!half.exists());
    assert!(sources.iter().all(|(path, _)| !path.exists()));
    assert!(segments.iter().all(|(path, _)| !path.exists()));
}

#[test]
fn everything_a_batch_carries_survives_log_and_partition() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let series = store.register(&labels("h")).unwrap();
    let histogram = |count: u32| {
        Arc::new(Histogram {
            schema: 1,
            count: f64::from(count),
            sum: 0.5,
            positive_spans: vec![BucketSpan { offset: 0, length: 2 }],
            positive: vec![f64::from(count), 1.0],
            ..Histogram::default()
        })
    };
    let histograms = (0..40).map(|i| HistogramRow {
        series,
        time: i64::from(i) * 5000,
        start_time: 7,
        value: if i == 30 { Arc::new(Histogram::stale()) } else { histogram(i) },
    });
    let metadata = Metadata {
        kind: MetricType::Histogram,
        help: "how long".to_owned(),
        unit: "seconds".to_owned(),
    };
    let exemplar =
        Exemplar { labels: Labels::from_pairs([("trace_id", "x")]), value: 0.1, time: 150_000 };
    let batch = Batch {
        histograms: histograms.collect(),
        exemplars: vec![ExemplarRow { series, exemplar }],
        metadata: vec![MetadataRow { family: "up".to_owned(), metadata }],
        ..Batch::default()
    };
    assert_eq!(store.append(&batch).unwrap().appended, 40);
    assert_eq!(store.append(&batch).unwrap().appended, 1, "only the newest is a known duplicate");
    let read = |store: &Tsdb| {
        let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
        let found = store.select(&[], TimeRange::ALL, &symbols).unwrap();
        let mut columns = Columns::default();
        found.read(0, TimeRange::ALL, &mut columns).unwrap();
        assert!(columns.histograms.remove(30).is_stale());
        columns
    };
    let check = |store: &Tsdb| {
        let columns = read(store);
        assert_eq!(columns.histogram_start_times, [7; 40]);
        assert_eq!(columns.histograms[33], histogram(34));
        let exemplars = store.exemplars(&[vec![Matcher::equal("job", "h")]], TimeRange::ALL);
        assert_eq!(exemplars.unwrap()[0].exemplars.len(), 1);
        assert_eq!(store.metadata(Some("up"))[0].metadata[0].unit, "seconds");
        assert!(store.metadata(Some("down")).is_empty());
    };
    check(&store);
    drop(store);
    let store = open(folder.path());
    check(&store);
    assert_eq!(store.maintain(i64::MAX).unwrap().sealed, 1);
    check(&store);
}

#[test]
fn a_second_process_is_refused_and_foreign_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("wal/00000001");
    fs::create_dir_all(foreign.parent().unwrap()).unwrap();
    fs::write(&foreign, b"another server's").unwrap();
    let store = open(folder.path());
    filled(&store, &["a"], 0..100);
    store.maintain(i64::MAX).unwrap();
    let refused = Tsdb::open(config(folder.path())).err().unwrap();
    assert!(matches!(&refused, TsdbError::InUse { owner, .. }
        if *owner == format!("process {}", std::process::id())));
    drop(store);
    let entries = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!((entries, fs::read(foreign).unwrap()), (2, b"another server's".to_vec()));
}

#[test]
fn an_impossible_folder_is_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let refused = Tsdb::open(config(&file)).err().unwrap();
    assert!(refused.to_string().contains("file"), "{refused}");
}

#[test]
fn a_closed_store_answers_and_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let store = Tsdb::open(Config { sync: true, ..config(folder.path()) }).unwrap();
    push(&store, "a", &[(1, 1.0)]);
    store.close().unwrap();
    store.close().unwrap();
    assert_eq!(times(&store, "a"), [1]);
    let row = FloatRow { series: SeriesId(0), time: 2, start_time: 0, value: 1.0 };
    let batch = Batch { floats: vec![row], ..Batch::default() };
    assert!(matches!(store.append(&batch), Err(AppendError::Closed)));
}

/// A disk that is full when told so: half of the bytes still fit.
struct Full(Arc<AtomicBool>);

struct FullFile(Arc<dyn LogFile>, Arc<AtomicBool>);

impl Disk for Full {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn LogFile>> {
        Ok(Arc::new(FullFile(Files.create(path)?, Arc::clone(&self.0))))
    }
}

impl LogFile for FullFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        if self.1.load(Ordering::Relaxed) {
            self.0.append(&bytes[..bytes.len() / 2])?;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.0.append(bytes)
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.0.cut(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

#[test]
fn a_full_disk_refuses_batches_whole_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(true));
    let disk = || Arc::new(Full(Arc::clone(&full)));
    let clock = || Arc::new(Fixed(AtomicI64::new(0)));
    let store = Tsdb::open_with(config(folder.path()), disk(), clock()).unwrap();
    let series = store.register(&labels("a")).unwrap();
    let append = |time| {
        let row = FloatRow { series, time, start_time: 0, value: 1.0 };
        store.append(&Batch { floats: vec![row], ..Batch::default() })
    };
    for _ in 0..3 {
        assert!(matches!(append(1), Err(AppendError::Log(_))));
    }
    assert!(files(folder.path(), "log").is_empty(), "no litter on a full disk");
    full.store(false, Ordering::Relaxed);
    append(1).unwrap();
    full.store(true, Ordering::Relaxed);
    assert!(append(2).is_err());
    assert_eq!(times(&store, "a"), [1]);
    full.store(false, Ordering::Relaxed);
    assert_eq!(append(2).unwrap().appended, 1);
    append(3).unwrap();
    assert_eq!(store.metrics().log_failures, 4);
    drop(store);
    let store = open(folder.path());
    assert_eq!(times(&store, "a"), [1, 2, 3]);
    assert_eq!(store.metrics().damaged_frames, 0);
}

#[test]
fn a_window_that_cannot_be_sealed_stays_and_is_sealed_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    filled(&store, &["a"], 0..50);
    let before = all(&store);
    let partitions = folder.path().join("stackctl/partitions");
    fs::remove_dir(&partitions).unwrap();
    fs::write(&partitions, b"in the way").unwrap();
    assert!(store.maintain(i64::MAX).is_err());
    assert_eq!(all(&store), before);
    fs::remove_file(&partitions).unwrap();
    fs::create_dir(&partitions).unwrap();
    assert_eq!(store.maintain(i64::MAX).unwrap().sealed, 2);
    assert_eq!(all(&store), before);
    drop(store);
    assert_eq!(all(&open(folder.path())), before);
}

#[test]
fn writers_queries_and_upkeep_run_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let jobs = ["a", "b", "c", "d"];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let series = jobs.map(|job| store.register(&labels(job)).unwrap());
            for time in 0..3000 {
                let row =
                    |series| FloatRow { series, time: time * 1000, start_time: 0, value: 1.0 };
                let batch = Batch { floats: series.map(row).to_vec(), ..Batch::default() };
                assert_eq!(store.append(&batch).unwrap().appended, 4);
            }
            done.store(true, Ordering::Relaxed);
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                store.maintain(i64::MAX).unwrap();
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let found = all(&store);
                let counts: Vec<usize> = found.values().map(Vec::len).collect();
                // A batch is seen whole or not at all, and nothing is missing in between.
                assert!(counts.windows(2).all(|pair| pair[0] == pair[1]), "{counts:?}");
                for samples in found.values() {
                    assert!((0..).zip(samples).all(|(i, (time, _))| *time == i * 1000));
                }
            }
        });
    });
    assert_eq!(times(&store, "d").len(), 3000);
}

#[test]
fn figures_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    filled(&store, &["a", "b"], 0..50);
    let stats = store.stats(1);
    assert_eq!((stats.head_series, stats.samples_appended), (2, 100));
    assert_eq!((stats.head_min_time, stats.head_max_time), (Some(0), Some(245_001)));
    assert_eq!(stats.series_by_metric, [("up".to_owned(), 2)]);
    assert_eq!(stats.values_by_label, [("job".to_owned(), 2)]);
    assert_eq!(stats.series_by_pair, [("__name__=up".to_owned(), 2)]);
    assert_eq!(stats.head_label_pairs, 4);
    store.maintain(i64::MAX).unwrap();
    let stats = store.stats(10);
    assert_eq!((stats.partitions, stats.min_time), (2, Some(0)));
    assert!(stats.head_min_time >= Some(200_000));
    assert!(stats.disk_bytes > stats.log_bytes);
}

#[derive(Debug, Clone)]
enum Step {
    /// Series, distance to its newest sample in seconds, values.
    Append(Vec<(u8, i64, f64)>),
    /// Whether the clock says that all of it is long ago.
    Maintain(bool),
    Restart,
    Query(i64, i64, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value =
        prop_oneof![any::<i16>().prop_map(f64::from), any::<f64>(), Just(STALE_NAN), Just(0.1),];
    let rows = prop::collection::vec((0u8..6, -1i64..45, value), 1..12);
    let step = prop_oneof![
        12 => rows.prop_map(Step::Append),
        2 => any::<bool>().prop_map(Step::Maintain),
        1 => Just(Step::Restart),
        4 => (-50i64..1500, -50i64..1500, 0usize..5).prop_map(|(a, b, m)| Step::Query(a, b, m)),
    ];
    prop::collection::vec(step, 1..50)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_store_answers_as_the_plain_one_does(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let plain = MemoryStore::default();
        let mut newest = [0i64; 6];
        for step in steps {
            match step {
                Step::Append(rows) => {
                    for (series, distance, value) in rows {
                        let newest = &mut newest[usize::from(series)];
                        let time = *newest + distance * 1000;
                        *newest = time.max(*newest);
                        let job = series.to_string();
                        let outcome = push(&store, &job, &[(time, value)]);
                        prop_assert_eq!(outcome, push(&plain, &job, &[(time, value)]));
                    }
                }
                Step::Maintain(long_ago) => {
                    let last = newest.into_iter().max().unwrap_or_default();
                    store.maintain(if long_ago { i64::MAX } else { last }).unwrap();
                    // What left the memory forgets how new it was: later samples only, from here.
                    for series in 0..6u8 {
                        let time = &mut newest[usize::from(series)];
                        if long_ago || *time < last - WINDOW {
                            *time += 1000;
                            let (job, row) = (series.to_string(), [(*time, 1.0)]);
                            prop_assert_eq!(push(&store, &job, &row), push(&plain, &job, &row));
                        }
                    }
                }
                Step::Restart => {
                    drop(store);
                    store = open(folder.path());
                    for series in 0..6u8 {
                        let time = &mut newest[usize::from(series)];
                        *time += 1000;
                        let job = series.to_string();
                        let row = [(*time, 2.0)];
                        prop_assert_eq!(push(&store, &job, &row), push(&plain, &job, &row));
                    }
                }
                Step::Query(start, end, which) => {
                    let range = TimeRange::new(start * 1000, end * 1000);
                    let matchers = match which {
                        0 => vec![],
                        1 => vec![Matcher::equal("job", "3")],
                        2 => vec![Matcher::new("job", MatchOp::Regex, "[0-2]").unwrap()],
                        3 => vec![Matcher::new("job", MatchOp::NotRegex, "1|2").unwrap()],
                        _ => vec![Matcher::new("none", MatchOp::Equal, "").unwrap()],
                    };
                    prop_assert_eq!(
                        query(&store, &matchers, range).unwrap(),
                        query(&plain, &matchers, range).unwrap()
                    );
                }
            }
        }
        prop_assert_eq!(all(&store), all(&plain));
    }
}

#[test]
fn a_partition_is_hardly_larger_than_its_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (mut noise, mut chunks) = (fastrand::Rng::with_seed(3), Vec::new());
    for job in 0..400 {
        let values: Vec<f64> = (0..500).map(|_| noise.f64()).collect();
        super::codec::floats::put(&mut chunks, &values, &mut super::codec::Scratch::default());
        let samples: Vec<_> = (0..500).map(|time| time * 200).zip(values).collect();
        push(&store, &job.to_string(), &samples);
    }
    push(&store, "0", &[(10 * WINDOW, 1.0)]);
    store.maintain(i64::MAX).unwrap();
    let ratio = store.metrics().partition_bytes as f64 / chunks.len() as f64;
    assert!((1.0..1.1).contains(&ratio), "{ratio}");
}

#[test]
fn of_two_values_for_one_time_the_first_stored_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    push(&store, "a", &[(50_000, 1.0)]);
    push(&store, "b", &[(10 * WINDOW, 0.0)]);
    store.maintain(i64::MAX).unwrap();
    assert_eq!(store.metrics().head_series, 1);
    // The series is new to the memory, so an older and a different sample are taken.
    assert_eq!(push(&store, "a", &[(10_000, 2.0), (50_000, 3.0), (60_000, 4.0)]).appended, 3);
    let expected = [(10_000, 2.0f64), (50_000, 1.0), (60_000, 4.0)].map(|(t, v)| (t, v.to_bits()));
    let found = || query(&store, &[Matcher::equal("job", "a")], TimeRange::ALL).unwrap();
    assert_eq!(found().into_values().next().unwrap(), expected);
    store.maintain(LONG_AFTER).unwrap();
    let done = store.maintain(LONG_AFTER + 600_000).unwrap();
    assert_eq!((done.sealed, done.merged), (1, 1));
    assert_eq!(found().into_values().next().unwrap(), expected);
}

#[test]
fn the_series_limit_refuses_only_new_series() {
    let folder = tempfile::tempdir().unwrap();
    let store = Tsdb::open(Config { series_limit: Some(1), ..config(folder.path()) }).unwrap();
    let known = store.register(&labels("a")).unwrap();
    assert!(matches!(store.register(&labels("b")), Err(AppendError::SeriesLimit { limit: 1 })));
    assert_eq!(store.register(&labels("a")).unwrap(), known);
}
