//! The store as a whole: registering, appending, replaying, sealing, selecting.
//! `cargo bench --bench tsdb_append`; items are series or samples. Sizes are printed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use divan::Bencher;
use divan::counter::ItemsCount;
use stackctl::model::{Labels, Matcher, TimeRange};
use stackctl::storage::{Append, Batch, Columns, FloatRow, QuerySymbols, Select, SeriesId};
use stackctl::tsdb::{Config, Tsdb};

const SERIES: usize = 10_000;
const START: i64 = 1_700_006_400_000;

fn labels(index: usize) -> Labels {
    let (host, metric) = (index / 1000, index % 1000);
    Labels::from_pairs([
        ("__name__", format!("metric_{}_total", metric / 8)),
        ("instance", format!("host-{host:03}.example.net:9100")),
        ("job", "node".to_owned()),
        ("cpu", (metric % 8).to_string()),
        ("datacenter", "eu-west-1".to_owned()),
        ("environment", "production".to_owned()),
        ("team", format!("team-{}", host % 4)),
    ])
}

fn open(folder: &Path) -> (Tsdb, Vec<SeriesId>) {
    let store = Tsdb::open(Config { future_limit: None, ..Config::new(folder) }).unwrap();
    let series = (0..SERIES).map(|index| store.register(&labels(index)).unwrap()).collect();
    (store, series)
}

/// One scrape of every host: mostly counters, some constants, a few floats with all digits.
fn scrape(batch: &mut Batch, series: &[SeriesId], step: i64) {
    batch.clear();
    batch.floats.extend(series.iter().map(|&series| {
        let id = series.0;
        let value = match id % 16 {
            0..=2 => id as f64,
            3 => ((id as i64 + step) as f64).sqrt(),
            4..=6 => (step * 7 + id as i64 * 31 % 40) as f64 / 100.0,
            _ => (step * (id as i64 % 50) + (step * id as i64) % 7) as f64,
        };
        FloatRow { series, time: START + step * 15_000, start_time: 0, value }
    }));
}

fn fill(store: &Tsdb, series: &[SeriesId], steps: std::ops::Range<i64>) {
    let mut batch = Batch::default();
    for step in steps {
        scrape(&mut batch, series, step);
        store.append(&batch).unwrap();
    }
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn register(bencher: Bencher) {
    let all: Vec<Labels> = (0..SERIES).map(labels).collect();
    bencher
        .counter(ItemsCount::new(SERIES))
        .with_inputs(|| tempfile::tempdir().unwrap())
        .bench_values(|folder| {
            let store = Tsdb::open(Config::new(folder.path())).unwrap();
            for labels in &all {
                store.register(labels).unwrap();
            }
            (store, folder)
        });
}

#[divan::bench]
fn register_known(bencher: Bencher) {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(folder.path());
    let known = labels(4711);
    bencher.bench_local(|| store.register(&known).unwrap());
}

#[divan::bench(sample_count = 200, sample_size = 1)]
fn append(bencher: Bencher) {
    let folder = tempfile::tempdir().unwrap();
    let (store, series) = open(folder.path());
    let step = AtomicI64::new(0);
    let mut batch = Batch::default();
    bencher.counter(ItemsCount::new(SERIES)).bench_local(|| {
        scrape(&mut batch, &series, step.fetch_add(1, Ordering::Relaxed));
        store.append(&batch).unwrap()
    });
    let metrics = store.metrics();
    println!(
        "log: {:.2} bytes a sample",
        metrics.log_bytes as f64 / metrics.samples_appended as f64
    );
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn replay(bencher: Bencher) {
    let folder = tempfile::tempdir().unwrap();
    let (store, series) = open(folder.path());
    fill(&store, &series, 0..120);
    drop(store);
    bencher.counter(ItemsCount::new(SERIES * 120)).bench_local(|| {
        Tsdb::open(Config { future_limit: None, ..Config::new(folder.path()) }).unwrap()
    });
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn seal(bencher: Bencher) {
    bencher
        .counter(ItemsCount::new(SERIES * 480))
        .with_inputs(|| {
            let folder = tempfile::tempdir().unwrap();
            let (store, series) = open(folder.path());
            fill(&store, &series, 0..480);
            fill(&store, &series[..1], 480..700);
            (folder, store)
        })
        .bench_values(|(folder, store)| {
            let done = store.maintain(i64::MAX).unwrap();
            assert_eq!(done.sealed, 1);
            let bytes = store.metrics().partition_bytes;
            println!("partition: {:.3} bytes a sample", bytes as f64 / (SERIES * 480) as f64);
            (folder, store)
        });
}

fn read_all(store: &Tsdb, columns: &mut Columns) -> usize {
    let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
    let found = store.select(&[Matcher::equal("job", "node")], TimeRange::ALL, &symbols).unwrap();
    let mut samples = 0;
    for index in 0..found.len() {
        found.read(index, TimeRange::ALL, columns).unwrap();
        samples += columns.len();
    }
    samples
}

#[divan::bench(sample_count = 10, sample_size = 1, args = ["head", "sealed"])]
fn select_and_read_480(bencher: Bencher, place: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (store, series) = open(folder.path());
    fill(&store, &series, 0..480);
    if place == "sealed" {
        fill(&store, &series[..1], 480..700);
        store.maintain(i64::MAX).unwrap();
    }
    let mut columns = Columns::default();
    bencher.counter(ItemsCount::new(SERIES * 480)).bench_local(|| read_all(&store, &mut columns));
}

#[divan::bench(sample_count = 10, sample_size = 1, args = ["head", "sealed"])]
fn select_only(bencher: Bencher, place: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (store, series) = open(folder.path());
    fill(&store, &series, 0..20);
    if place == "sealed" {
        fill(&store, &series[..1], 480..700);
        store.maintain(i64::MAX).unwrap();
    }
    let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
    let matchers = [Matcher::equal("job", "node")];
    bencher
        .counter(ItemsCount::new(SERIES))
        .bench_local(|| store.select(&matchers, TimeRange::ALL, &symbols).unwrap().len());
}

fn main() {
    divan::main();
}
