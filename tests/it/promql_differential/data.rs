//! Random series: counters with resets, gauges, classic histograms; with gaps, stale markers and, now
//! and then, numbers that are none.

use std::collections::BTreeMap;
use std::fmt;

use stackctl::model::{STALE_NAN, is_stale};
use stackctl::storage::{Append, Batch, FloatRow};

/// Labels as plain strings.
pub type Labels = BTreeMap<String, String>;

/// Series with their samples, ascending in time.
#[derive(Clone, Default)]
pub struct Data {
    pub series: Vec<(Labels, Vec<(i64, f64)>)>,
}

/// All samples lie before this time.
pub const END: i64 = 1_500_000;

impl Data {
    pub fn random(rng: &mut fastrand::Rng) -> Self {
        let mut data = Self::default();
        // Shared by most series, as a scrape has it, so that differences and ratios meet.
        let interval = *rng.choice(&[10_000, 15_000, 30_000, 60_000]).expect("not empty");
        for metric in ["c", "d", "g", "k"] {
            for job in ["a", "b"] {
                for inst in ["0", "1", "2"] {
                    if rng.u8(..4) > 0 {
                        let mut pairs = vec![("__name__", metric), ("job", job), ("inst", inst)];
                        if metric == "d" {
                            pairs.push(("mode", *rng.choice(&["x", "y"]).expect("not empty")));
                        }
                        let counter = matches!(metric, "c" | "d");
                        data.series.push((labels(&pairs), samples(rng, interval, counter)));
                    }
                }
            }
        }
        for job in ["a", "b"] {
            histogram(&mut data, rng, interval, job);
        }
        data
    }

    /// Appends everything.
    pub fn store_in(&self, store: &dyn Append) {
        let mut batch = Batch::default();
        for (labels, points) in &self.series {
            let pairs = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let labels = stackctl::model::Labels::from_pairs(pairs);
            let series = store.register(&labels).expect("the store takes any series");
            let rows = points.iter();
            batch.floats.extend(rows.map(|&(time, value)| FloatRow {
                series,
                time,
                start_time: 0,
                value,
            }));
        }
        let outcome = store.append(&batch).expect("the store takes any batch");
        assert_eq!(outcome.rejected_floats, []);
    }
}

/// A line for each series: labels, and each sample as `value@seconds`.
impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (labels, points) in &self.series {
            write!(f, "{labels:?}")?;
            for &(time, value) in points {
                let value = if is_stale(value) { "stale".to_owned() } else { value.to_string() };
                write!(f, " {value}@{}", time as f64 / 1000.0)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn samples(rng: &mut fastrand::Rng, interval: i64, counter: bool) -> Vec<(i64, f64)> {
    let mut points = Vec::new();
    let mut value = f64::from(rng.u32(..200)) / 4.0;
    let odd = rng.u8(..6) == 0;
    let mut time = rng.i64(0..3) * interval + if rng.bool() { rng.i64(0..interval) } else { 0 };
    while time < END {
        match rng.u8(..40) {
            // A gap, after which a series may have been marked as gone.
            0 => {
                if rng.bool() {
                    points.push((time, STALE_NAN));
                }
                time += rng.i64(1..40) * interval;
                continue;
            }
            1 if counter => value = f64::from(rng.u32(..4)),
            _ if counter => value += f64::from(rng.u32(..40)) / 4.0,
            _ if rng.bool() => value = f64::from(rng.i32(-400..400)) / 4.0,
            _ => {}
        }
        let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0];
        let odd_now = odd && rng.u8(..12) == 0;
        points.push((time, if odd_now { *rng.choice(&special).expect("some") } else { value }));
        time += interval;
        if rng.u8(..8) == 0 {
            time += rng.i64(0..interval / 4);
        }
    }
    points
}

fn histogram(data: &mut Data, rng: &mut fastrand::Rng, interval: i64, job: &str) {
    let bounds = ["0.5", "1", "2.5", "+Inf"];
    let mut counts = [0.0; 4];
    let mut points: [Vec<(i64, f64)>; 4] = Default::default();
    let mut time = 0;
    while time < END {
        let mut more = 0.0;
        for (count, points) in counts.iter_mut().zip(&mut points) {
            more += f64::from(rng.u8(..6));
            *count += more;
            points.push((time, *count));
        }
        time += interval;
    }
    for (bound, points) in bounds.into_iter().zip(points) {
        if rng.u8(..12) > 0 {
            let pairs = [("__name__", "h_bucket"), ("job", job), ("le", bound)];
            data.series.push((labels(&pairs), points));
        }
    }
}
