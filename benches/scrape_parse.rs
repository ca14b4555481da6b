//! Reading a page of 1 MB (about ten thousand samples): the bare walk, the first scrape with labels
//! and registration, and a scrape like the one before.

use std::fmt::Write;
use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use stackctl::model::Labels;
use stackctl::scrape::text::{Format, Reader, parse};
use stackctl::scrape::{Job, Page};
use stackctl::storage::{Append, AppendError, Batch, Outcome, SeriesId};

fn main() {
    divan::main();
}

/// Takes everything and keeps nothing, so that only reading is measured.
#[derive(Default)]
struct Nowhere(std::sync::atomic::AtomicU64);

impl Append for Nowhere {
    fn register(&self, labels: &Labels) -> Result<SeriesId, AppendError> {
        black_box(labels);
        Ok(SeriesId(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed)))
    }

    fn append(&self, batch: &Batch) -> Result<Outcome, AppendError> {
        black_box(batch);
        Ok(Outcome::default())
    }
}

/// Histograms, counters and gauges as services expose them; values differ with the round.
fn page(round: u64) -> (Vec<u8>, usize) {
    let mut page = String::new();
    let mut samples = 0;
    for family in 0.. {
        if page.len() >= 1_000_000 {
            break;
        }
        let name = format!("http_request_duration_{family}_seconds");
        writeln!(page, "# HELP {name} How long requests took.\n# TYPE {name} histogram").unwrap();
        for path in 0..10 {
            for (place, bound) in ["0.005", "0.01", "0.1", "1", "10", "+Inf"].iter().enumerate() {
                let count = round * 17 + place as u64 * 1000 + path;
                writeln!(
                    page,
                    "{name}_bucket{{method=\"GET\",path=\"/api/v1/items/{path}\",status=\"200\",le=\"{bound}\"}} {count}"
                )
                .unwrap();
                samples += 1;
            }
            let sum = (round * 31 + path) as f64 / 7.0;
            writeln!(page, "{name}_sum{{method=\"GET\",path=\"/api/v1/items/{path}\"}} {sum}")
                .unwrap();
            samples += 1;
        }
    }
    (page.into_bytes(), samples)
}

fn counted<'a, 'b>(bencher: Bencher<'a, 'b>, page: &[u8], samples: usize) -> Bencher<'a, 'b> {
    bencher.counter(BytesCount::new(page.len())).counter(ItemsCount::new(samples))
}

#[divan::bench]
fn walk(bencher: Bencher<'_, '_>) {
    let (page, samples) = page(1);
    counted(bencher, &page, samples).bench_local(|| {
        let mut sum = 0.0;
        let mut reader = Reader::new(&page, Format::Prometheus);
        while let Some(item) = reader.next(None).unwrap() {
            if let stackctl::scrape::text::Item::Sample(sample) = item {
                sum += sample.point.value;
            }
        }
        sum
    });
}

#[divan::bench]
fn walk_with_labels(bencher: Bencher<'_, '_>) {
    let (page, samples) = page(1);
    counted(bencher, &page, samples).bench_local(|| {
        parse(&page, Format::Prometheus, |event| {
            if let stackctl::scrape::text::Event::Sample(sample) = event {
                black_box(sample.labels());
            }
        })
        .unwrap();
    });
}

fn target() -> Page {
    let labels = Labels::from_pairs([("instance", "app:9000"), ("job", "app")]);
    Page::new(Arc::new(Job::named("app")), labels, Vec::new())
}

#[divan::bench]
fn first_scrape(bencher: Bencher<'_, '_>) {
    let (body, samples) = page(1);
    counted(bencher, &body, samples).with_inputs(target).bench_local_values(|mut page| {
        page.read(&body, Format::Prometheus, 1, 1, &Nowhere::default()).1.unwrap();
        page
    });
}

#[divan::bench]
fn next_scrape(bencher: Bencher<'_, '_>) {
    let bodies = [page(1), page(2)];
    let store = Nowhere::default();
    let mut page = target();
    let mut time = 0;
    counted(bencher, &bodies[0].0, bodies[0].1).bench_local(|| {
        time += 1;
        let body = &bodies[time as usize % 2].0;
        page.read(body, Format::Prometheus, time, time, &store).1.unwrap();
    });
}
