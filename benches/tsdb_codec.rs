//! The chunk codec: nanoseconds a sample. `cargo bench --bench tsdb_codec`; items are samples.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::ItemsCount;
use stackctl::tsdb::codec::{Reader, Scratch, floats, times};

const SAMPLES: usize = 480;

/// Columns as exporters make them.
const KINDS: [&str; 5] = ["constant", "counter", "gauge_2_decimals", "pages", "full_precision"];

fn column(kind: &str) -> Vec<f64> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut state = 1000.0;
    (0..SAMPLES)
        .map(|_| match kind {
            "constant" => 42.0,
            "counter" => {
                state += f64::from(random.u8(..) % 40);
                state
            }
            "gauge_2_decimals" => f64::from(random.u16(..2000)) / 100.0,
            "pages" => {
                state += f64::from(random.u8(..) % 16) - 7.5;
                state.trunc() * 4096.0
            }
            _ => random.f64() * 100.0,
        })
        .collect()
}

#[divan::bench(args = KINDS)]
fn encode(bencher: Bencher, kind: &str) {
    let values = column(kind);
    let (mut out, mut scratch) = (Vec::new(), Scratch::default());
    floats::put(&mut out, &values, &mut scratch);
    println!("{kind}: {:.3} bytes a sample", out.len() as f64 / SAMPLES as f64);
    bencher.counter(ItemsCount::new(SAMPLES)).bench_local(|| {
        out.clear();
        floats::put(&mut out, black_box(&values), &mut scratch);
        out.len()
    });
}

#[divan::bench(args = KINDS)]
fn decode(bencher: Bencher, kind: &str) {
    let mut bytes = Vec::new();
    floats::put(&mut bytes, &column(kind), &mut Scratch::default());
    let mut out = Vec::with_capacity(SAMPLES);
    bencher.counter(ItemsCount::new(SAMPLES)).bench_local(|| {
        out.clear();
        floats::read(&mut Reader::new(black_box(&bytes)), SAMPLES, 0..SAMPLES, &mut out).unwrap();
        out.len()
    });
}

#[divan::bench]
fn decode_regular_times(bencher: Bencher) {
    let column: Vec<i64> = (0..SAMPLES as i64).map(|i| 1_700_000_000_123 + i * 15_000).collect();
    let mut bytes = Vec::new();
    times::put(&mut bytes, &column, 0);
    let mut out = Vec::with_capacity(SAMPLES);
    bencher.counter(ItemsCount::new(SAMPLES)).bench_local(|| {
        out.clear();
        times::read(&mut Reader::new(black_box(&bytes)), SAMPLES, 0, &mut out).unwrap();
        out.len()
    });
}

fn main() {
    divan::main();
}
