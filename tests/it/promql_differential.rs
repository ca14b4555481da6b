//! Random queries over random data: the engine against a slow evaluator that knows nothing of it.
//!
//! `STACKCTL_DIFFERENTIAL_QUERIES` sets how many queries are asked, `STACKCTL_DIFFERENTIAL_SEED` where
//! they begin; a failure names the seed of its data set, and shows the smallest query and data found
//! that still differ.

mod data;
mod functions;
mod generate;
mod numbers;
mod reference;

use std::collections::BTreeMap;
use std::time::Duration;

use stackctl::promql::{self, Expr, QueryError, QueryOptions, Value};
use stackctl::storage::{MemoryStore, Select};
use stackctl::tsdb::{self, Tsdb};

use self::data::{Data, END, Labels};
use self::generate::Generator;
use self::reference::{Fault, Reference};
use crate::support::{Needs, Test};

pub const TESTS: &[Test] =
    &[("random_queries_get_the_answers_of_the_reference", Needs::Nothing, random_queries)];

const QUERIES: u64 = 1_200;
const QUERIES_PER_DATA: u64 = 40;
/// Enough to see what they have in common.
const MOST_SHOWN: usize = 10;
/// Greatest relative difference of two numbers that are the same.
const TOLERANCE: f64 = 1e-9;

/// Points by series. A scalar is one series without labels.
type Points = BTreeMap<Labels, Vec<(i64, f64)>>;

/// Start, end and step; an instant query has step 0.
type Times = (i64, i64, i64);

/// What became of a query.
#[derive(Debug, PartialEq)]
enum Verdict {
    Same,
    /// The answer hangs on the rounding, or several are right.
    Undecided,
    Different(String),
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn random_queries() {
    let queries = setting("STACKCTL_DIFFERENTIAL_QUERIES", QUERIES);
    let first = setting("STACKCTL_DIFFERENTIAL_SEED", 1);
    let (mut undecided, mut failed, mut empty) = (0, 0, 0);
    let mut differences = Vec::new();
    let sets = queries.div_ceil(QUERIES_PER_DATA);
    for seed in first..first + sets {
        let mut rng = fastrand::Rng::with_seed(seed);
        let data = Data::random(&mut rng);
        let store = Store::of(&data, seed.is_multiple_of(8));
        for _ in 0..QUERIES_PER_DATA {
            let text = Generator { rng: &mut rng }.query();
            let times = times(&mut rng);
            let expr = promql::parse(&text).unwrap_or_else(|err| panic!("{text}\n{err}"));
            match compare(store.select(), &data, &expr, times) {
                Verdict::Same => {
                    let answer = engine(store.select(), &expr, times);
                    failed += u64::from(answer.is_err());
                    empty += u64::from(answer.is_ok_and(|points| points.is_empty()));
                }
                Verdict::Undecided => undecided += 1,
                Verdict::Different(_) => {
                    let smallest = smallest(data.clone(), expr, times);
                    differences.push(format!("seed {seed}: {text}\n{smallest}\n"));
                    assert!(differences.len() < MOST_SHOWN, "{}", differences.join("\n"));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let asked = sets * QUERIES_PER_DATA;
    let said = format!("{asked} queries: {undecided} undecided, {failed} errors, {empty} empty");
    eprintln!("{said}");
    // Otherwise nothing much was compared.
    assert!(undecided * 10 < asked && failed * 4 < asked && empty * 2 < asked, "{said}");
}

fn times(rng: &mut fastrand::Rng) -> Times {
    let start = match rng.u8(..3) {
        0 => rng.i64(0..END / 60_000) * 60_000,
        _ => rng.i64(-100_000..END + 300_000),
    };
    if rng.u8(..3) == 0 {
        return (start, start, 0);
    }
    let step = [15_000, 30_000, 60_000, 77_777, 240_000][rng.usize(..5)];
    (start, start + rng.i64(0..12) * step + rng.i64(0..step), step)
}

/// In memory, or the real one in a folder of its own.
enum Store {
    Memory(MemoryStore),
    Disk(Tsdb, tempfile::TempDir),
}

impl Store {
    fn of(data: &Data, on_disk: bool) -> Self {
        if on_disk {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let store = Tsdb::open(tsdb::Config::new(folder.path())).expect("a store");
            data.store_in(&store);
            Self::Disk(store, folder)
        } else {
            let store = MemoryStore::default();
            data.store_in(&store);
            Self::Memory(store)
        }
    }

    fn select(&self) -> &dyn Select {
        match self {
            Self::Memory(store) => store,
            Self::Disk(store, _) => store,
        }
    }
}

fn engine(store: &dyn Select, expr: &Expr, (start, end, step): Times) -> Result<Points, String> {
    let options = QueryOptions { default_step: Duration::from_secs(60), ..QueryOptions::default() };
    let answer = if step == 0 {
        promql::instant(store, expr, start, &options)
    } else {
        promql::range(store, expr, start, end, Duration::from_millis(step as u64), &options)
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(QueryError::Execution(message)) => return Err(message),
        Err(other) => panic!("{expr}: {other}"),
    };
    let labels = |set: &stackctl::storage::LabelSet| -> Labels {
        let owned = set.to_labels(&answer.symbols);
        owned.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let mut points = Points::new();
    let mut put = |labels: Labels, found: Vec<(i64, f64)>| {
        assert!(points.insert(labels, found).is_none(), "{expr}: a series comes twice");
    };
    match &answer.value {
        Value::Scalar(time, value) => put(Labels::new(), vec![(*time, *value)]),
        Value::Vector(samples) => {
            for sample in samples {
                put(labels(&sample.labels), vec![(sample.time, sample.value)]);
            }
        }
        Value::Matrix(series) => {
            for one in series {
                let found = one.times.iter().copied().zip(one.values.iter().copied());
                put(labels(&one.labels), found.collect());
            }
        }
        Value::String(..) => unreachable!("never generated"),
    }
    Ok(points)
}

/// The witness's answer: points, or the kinds of all faults met.
struct Expected {
    answer: Result<Points, Vec<Fault>>,
    ambiguous: bool,
    mixed_names: bool,
}

fn expected(data: &Data, expr: &Expr, (start, end, step): Times, noise: u64) -> Expected {
    let mut reference = Reference::new(data, start, end, step);
    reference.noise = noise;
    let mut points = Points::new();
    let mut faults = Vec::new();
    let mut time = start;
    loop {
        match reference.at(expr, time) {
            Ok(reference::Value::Vector(samples)) => {
                for sample in samples {
                    points.entry(sample.labels).or_default().push((time, sample.value));
                }
            }
            Ok(reference::Value::Scalar(value)) => {
                points.entry(Labels::new()).or_default().push((time, value));
            }
            Ok(reference::Value::Text(_)) => unreachable!("never generated"),
            Err(fault) => faults.push(fault),
        }
        time += step;
        if step == 0 || time > end {
            break;
        }
    }
    Expected {
        answer: if faults.is_empty() { Ok(points) } else { Err(faults) },
        ambiguous: reference.ambiguous,
        mixed_names: reference.mixed_names,
    }
}

fn kind(message: &str) -> Fault {
    if message.contains("same labelset") {
        Fault::SameLabels
    } else if message.contains("duplicate series") || message.contains("multiple matches") {
        Fault::Matching
    } else {
        Fault::Parameter
    }
}

fn close(a: f64, b: f64) -> bool {
    a.is_nan() && b.is_nan()
        || a == b
        || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
        || a.abs().max(b.abs()) < 1e-12
}

fn same(found: &Points, expected: &Points) -> bool {
    found.len() == expected.len()
        && found.iter().zip(expected).all(|((a, left), (b, right))| {
            a == b
                && left.len() == right.len()
                && left.iter().zip(right).all(|(a, b)| a.0 == b.0 && close(a.1, b.1))
        })
}

fn compare(store: &dyn Select, data: &Data, expr: &Expr, times: Times) -> Verdict {
    let (start, end, step) = times;
    let witness = expected(data, expr, times, 0);
    if witness.ambiguous {
        return Verdict::Undecided;
    }
    // A range query merges what has the same labels at different steps, so that names which go away at
    // one step are gone at all; one step at a time has no such ties.
    if witness.mixed_names && step != 0 {
        let mut time = start;
        while time <= end {
            match compare(store, data, expr, (time, time, 0)) {
                Verdict::Same => {}
                other => return other,
            }
            time += step;
        }
        return Verdict::Same;
    }
    let found = engine(store, expr, times);
    let agree = match (&found, &witness.answer) {
        (Ok(found), Ok(expected)) => same(found, expected),
        (Err(message), Err(faults)) => faults.contains(&kind(message)),
        // The engine evaluates a subquery at all times between the first and the last window, and
        // refuses a relabelling that makes two series one, be it at different steps.
        (Err(_), Ok(_)) if step != 0 => {
            let text = expr.to_string();
            if text.contains(':') || text.contains("label_") {
                return Verdict::Undecided;
            }
            false
        }
        _ => false,
    };
    if agree {
        return Verdict::Same;
    }
    for noise in 1..6_u64 {
        let blurred = expected(data, expr, times, noise.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let stable = match (&blurred.answer, &witness.answer) {
            (Ok(blurred), Ok(expected)) => same(blurred, expected),
            (Err(blurred), Err(expected)) => blurred == expected,
            _ => false,
        };
        if !stable {
            return Verdict::Undecided;
        }
    }
    Verdict::Different(format!("engine:    {found:?}\nreference: {:?}", witness.answer))
}

/// Parts of an expression that are queries themselves.
fn parts(expr: &Expr, into: &mut Vec<Expr>) {
    for child in expr.children() {
        if matches!(child.value_type(), promql::ValueType::Vector | promql::ValueType::Scalar) {
            into.push(child.clone());
        }
        parts(child, into);
    }
}

/// Takes away what is not needed for the difference: parts of the query, steps, series, samples.
fn smallest(mut data: Data, mut expr: Expr, mut times: Times) -> String {
    let differs = |data: &Data, expr: &Expr, times: Times| {
        let store = Store::of(data, false);
        matches!(compare(store.select(), data, expr, times), Verdict::Different(_))
    };
    loop {
        let mut candidates = Vec::new();
        parts(&expr, &mut candidates);
        let Some(smaller) = candidates.into_iter().find(|part| differs(&data, part, times)) else {
            break;
        };
        expr = smaller;
    }
    while times.2 > 0 && times.1 - times.2 >= times.0 {
        let shorter =
            [(times.0, times.1 - times.2, times.2), (times.0 + times.2, times.1, times.2)];
        let Some(shorter) = shorter.into_iter().find(|times| differs(&data, &expr, *times)) else {
            break;
        };
        times = shorter;
    }
    let mut at = 0;
    while at < data.series.len() {
        let mut fewer = data.clone();
        fewer.series.remove(at);
        if differs(&fewer, &expr, times) { data = fewer } else { at += 1 }
    }
    for index in 0..data.series.len() {
        let mut length = data.series[index].1.len();
        while length > 0 {
            let mut at = 0;
            while at < data.series[index].1.len() {
                let mut fewer = data.clone();
                let points = &mut fewer.series[index].1;
                points.drain(at..(at + length).min(points.len()));
                if differs(&fewer, &expr, times) { data = fewer } else { at += length }
            }
            length /= 2;
        }
    }
    let store = Store::of(&data, false);
    let verdict = compare(store.select(), &data, &expr, times);
    let Verdict::Different(difference) = verdict else { return format!("not again: {verdict:?}") };
    let (start, end, step) = times;
    format!("smallest: {expr}\nfrom {start} to {end} step {step}\n{data}{difference}")
}
