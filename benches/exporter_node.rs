//! What one full scrape of this host costs. The reference, node_exporter 1.5, takes 7.9 ms of CPU on a
//! 2-core machine; the budget is a third of that.

use std::time::Instant;

use stackctl::catalogue::write_text;
use stackctl::exporters::node::{COLLECTORS, Config, Exporter};

fn main() {
    cpu_time();
    divan::main();
}

const SCRAPES: u32 = 300;

/// CPU time of the whole process, all collector threads included.
fn cpu_time() {
    let exporter = exporter(|_| {});
    let cpu = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
    };
    let mut bytes = scrape(&exporter);
    let (start, before) = (Instant::now(), cpu());
    for _ in 0..SCRAPES {
        bytes = scrape(&exporter);
    }
    let (used, took) = (cpu() - before, start.elapsed().as_secs_f64() * 1e3);
    let each = |total: f64| total / f64::from(SCRAPES);
    println!("{:.2} ms CPU and {:.2} ms a scrape of {bytes} bytes", each(used), each(took));
}

fn exporter(change: impl FnOnce(&mut Config)) -> Exporter {
    let mut config = Config::default();
    change(&mut config);
    Exporter::new(&config).expect("the defaults are well-formed")
}

fn scrape(exporter: &Exporter) -> usize {
    let mut text = String::with_capacity(128 * 1024);
    write_text(&exporter.collect(None), &mut text);
    text.len()
}

/// All collectors that run by themselves, and the text of the answer.
#[divan::bench]
fn collection_and_text(bencher: divan::Bencher) {
    let exporter = exporter(|_| {});
    bencher.bench_local(|| scrape(&exporter));
}

/// One collector alone; the thread it runs on is part of it.
#[divan::bench(args = COLLECTORS.iter().map(|collector| collector.name))]
fn one_collector(bencher: divan::Bencher, name: &'static str) {
    let exporter = exporter(|config| config.collectors = [name].into_iter().collect());
    bencher.bench_local(|| exporter.collect(None));
}
