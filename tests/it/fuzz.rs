//! Fuzz loops: what comes over the network or lies on the disk may be anything. Inputs are made from
//! random bytes by the crate `arbitrary`: well-formed ones, damaged ones and mere noise.
//!
//! `STACKCTL_FUZZ_RUNS` multiplies the number of runs, `STACKCTL_FUZZ_SEED` starts elsewhere; a failure
//! names the seed of its input.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Result, Unstructured};
use prost::Message;
use stackctl::model::{BucketSpan, CounterReset, Histogram, TimeRange};
use stackctl::promql::{self, QueryError, QueryOptions};
use stackctl::remote::{Protocol, Receiver};
use stackctl::scrape::text::{self, Event, Format};
use stackctl::storage::{Append, Batch, Columns, FloatRow, MemoryStore};
use stackctl::tsdb::codec::{self, Reader, Scratch, Values, chunk, floats, histograms, times};
use stackctl::wire::remote as wire;

use crate::support::{Needs, Test};

pub const TESTS: &[Test] = &[
    ("exposition_pages_are_read_or_refused", Needs::Nothing, pages),
    ("remote_writes_are_stored_or_refused", Needs::Nothing, remote_writes),
    ("damaged_chunks_neither_panic_nor_grow", Needs::Nothing, damaged_chunks),
    ("chunks_give_back_every_bit", Needs::Nothing, chunks_round_trip),
    ("expressions_are_evaluated_or_refused", Needs::Nothing, expressions),
];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Runs the body on inputs made of up to `bytes` random bytes.
fn fuzz(runs: u64, bytes: usize, mut body: impl FnMut(&mut Unstructured<'_>) -> Result<()>) {
    /// Names the seed when the body panics.
    struct Running(u64);
    impl Drop for Running {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("the input has STACKCTL_FUZZ_SEED={}", self.0);
            }
        }
    }
    let first = setting("STACKCTL_FUZZ_SEED", 1);
    for seed in first..first + runs * setting("STACKCTL_FUZZ_RUNS", 1) {
        let running = Running(seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        let length = rng.usize(..bytes);
        let noise: Vec<u8> = (0..length).map(|_| rng.u8(..)).collect();
        // Too few bytes for what was begun is no finding.
        let _ = body(&mut Unstructured::new(&noise));
        drop(running);
    }
}

/// Some bytes changed, taken out or put in.
fn damage(bytes: &mut Vec<u8>, u: &mut Unstructured<'_>) -> Result<()> {
    for _ in 0..u.int_in_range(0..=4)? {
        let at = u.int_in_range(0..=bytes.len())?;
        match u.int_in_range(0..=3)? {
            0 => bytes.insert(at, u8::arbitrary(u)?),
            1 => bytes.truncate(at),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ if at < bytes.len() => bytes[at] ^= u8::arbitrary(u)?,
            _ => {}
        }
    }
    Ok(())
}

fn concat(u: &mut Unstructured<'_>, pieces: &[&str], most: usize) -> Result<String> {
    let mut text = String::new();
    for _ in 0..u.int_in_range(0..=most)? {
        if u.ratio(1, 16)? {
            text.push(char::arbitrary(u)?);
        } else {
            text += u.choose(pieces)?;
        }
    }
    Ok(text)
}

fn pages() {
    const PIECES: &[&str] = &[
        "a",
        "up",
        "{",
        "}",
        "job=\"x\"",
        "le=\"1\"",
        ",",
        " 1",
        " 1.5e3",
        " NaN",
        " +Inf",
        " 1700000000",
        " 1700000000.123",
        "\n",
        "\n",
        "\n",
        "# HELP up text \\n \\\\",
        "# TYPE up counter",
        "# TYPE a histogram",
        "# UNIT a_seconds seconds",
        "# EOF",
        "# EOF\n",
        "{\"quoted.name\"",
        "=",
        "\"",
        "\\",
        "\\\"",
        "#",
        " # {trace=\"1\"} 2 3",
        "_total",
        "_bucket",
        "_created",
        "\t",
        " ",
        "0x1p4",
        "-",
        "_",
        "é",
        "\u{0}",
        "\r\n",
        "up{job=\"x\",instance=\"y\"} 1 1700000000\n",
    ];
    fuzz(6_000, 400, |u| {
        let mut page = concat(u, PIECES, 40)?.into_bytes();
        damage(&mut page, u)?;
        for format in [Format::Prometheus, Format::OpenMetrics] {
            let mut samples = Vec::new();
            let read = text::parse(&page, format, |event| {
                if let Event::Sample(sample) = event {
                    if let Some(exemplar) = sample.point.exemplar {
                        let _ = exemplar.to_exemplar(0);
                    }
                    samples.push((sample.labels(), sample.point.value.to_bits()));
                }
            });
            // What one reading took, lines on their own are taken for as well: a scrape compares lines.
            if read.is_ok() && format == Format::Prometheus {
                let mut one_by_one = Vec::new();
                for line in page.split_inclusive(|&byte| byte == b'\n') {
                    text::parse(line, format, |event| {
                        if let Event::Sample(sample) = event {
                            one_by_one.push((sample.labels(), sample.point.value.to_bits()));
                        }
                    })
                    .unwrap_or_else(|err| panic!("{:?}: {err}", String::from_utf8_lossy(line)));
                }
                assert_eq!(samples, one_by_one, "{:?}", String::from_utf8_lossy(&page));
            }
        }
        Ok(())
    });
}

/// `io.prometheus.write.v2.Request`, as far as it is made here.
#[derive(Clone, PartialEq, Message)]
struct Request2 {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<Series2>,
}

#[derive(Clone, PartialEq, Message)]
struct Series2 {
    #[prost(uint32, repeated, tag = "1")]
    labels: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample2>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<Metadata2>,
}

#[derive(Clone, PartialEq, Message)]
struct Sample2 {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata2 {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint32, tag = "3")]
    help: u32,
    #[prost(uint32, tag = "4")]
    unit: u32,
}

const WORDS: &[&str] = &["__name__", "up", "job", "instance", "a", "b", "le", "0.5", ""];

fn request1(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut request = wire::WriteRequest::default();
    for _ in 0..u.int_in_range(0..=4)? {
        let mut series = wire::TimeSeries::default();
        for _ in 0..u.int_in_range(0..=4)? {
            let (name, value) = (*u.choose(WORDS)?, *u.choose(WORDS)?);
            series.labels.push(wire::Label { name: name.into(), value: value.into() });
        }
        for _ in 0..u.int_in_range(0..=4)? {
            let (value, timestamp) = (f64::from_bits(u.arbitrary()?), u.arbitrary()?);
            series.samples.push(wire::Sample { value, timestamp, start_timestamp: 0 });
        }
        request.timeseries.push(series);
    }
    Ok(request.encode_to_vec())
}

fn request2(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let symbols = [""].iter().chain(WORDS).map(|&word| word.to_owned()).collect();
    let mut request = Request2 { symbols, timeseries: Vec::new() };
    for _ in 0..u.int_in_range(0..=4)? {
        let mut series = Series2::default();
        for _ in 0..u.int_in_range(0..=8)? {
            series.labels.push(u.int_in_range(0..=WORDS.len() as u32 + 1)?);
        }
        for _ in 0..u.int_in_range(0..=4)? {
            let (value, timestamp) = (f64::from_bits(u.arbitrary()?), u.arbitrary()?);
            series.samples.push(Sample2 { value, timestamp });
        }
        if u.arbitrary()? {
            series.metadata =
                Some(Metadata2 { kind: u.arbitrary()?, help: u.int_in_range(0..=12)?, unit: 0 });
        }
        request.timeseries.push(series);
    }
    Ok(request.encode_to_vec())
}

fn packed(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).expect("a small message")
}

fn remote_writes() {
    let store = Arc::new(MemoryStore::default());
    let receiver = Receiver::new(Arc::clone(&store) as Arc<dyn Append>);
    let mut time = 0;
    fuzz(5_000, 400, |u| {
        let (protocol, mut message) = if u.arbitrary()? {
            (Protocol::V1, request1(u)?)
        } else {
            (Protocol::V2, request2(u)?)
        };
        damage(&mut message, u)?;
        let mut body = packed(&message);
        if u.ratio(1, 4)? {
            damage(&mut body, u)?;
        }
        // Each body under either name.
        for named in [protocol, Protocol::V1, Protocol::V2] {
            let _ = receiver.receive(named, &body);
        }
        // Nothing of it stays behind: a right request is stored whole.
        time += 1;
        let label =
            |name: &str, value: &str| wire::Label { name: name.into(), value: value.into() };
        let series = wire::TimeSeries {
            labels: vec![label("__name__", "probe"), label("of", "fuzz")],
            samples: vec![wire::Sample { value: 1.0, timestamp: time, start_timestamp: 0 }],
            ..wire::TimeSeries::default()
        };
        let right = wire::WriteRequest { timeseries: vec![series], metadata: Vec::new() };
        let received = receiver.receive(Protocol::V1, &packed(&right.encode_to_vec()));
        assert_eq!(received.expect("it is right").written.samples, 1);
        Ok(())
    });
}

/// Numbers of all kinds: whole ones, decimals, any bits.
fn number(u: &mut Unstructured<'_>) -> Result<f64> {
    Ok(match u.int_in_range(0..=5)? {
        0 | 1 => f64::from(i16::arbitrary(u)?),
        2 => f64::from(i32::arbitrary(u)?) / 1000.0,
        3 => f64::arbitrary(u)?,
        4 => *u.choose(&[0.0, -0.0, f64::NAN, f64::INFINITY, f64::MAX, 5e-324, 1e22])?,
        _ => f64::from_bits(u.arbitrary()?),
    })
}

fn histogram(u: &mut Unstructured<'_>) -> Result<Histogram> {
    let side = |u: &mut Unstructured<'_>| -> Result<(Vec<BucketSpan>, Vec<f64>)> {
        let (mut spans, mut counts) = (Vec::new(), Vec::new());
        for _ in 0..u.int_in_range(0..=3)? {
            let length = u.int_in_range(1..=5)?;
            spans.push(BucketSpan { offset: u.int_in_range(-20..=20)?, length });
            for _ in 0..length {
                counts.push(number(u)?);
            }
        }
        Ok((spans, counts))
    };
    let (positive_spans, positive) = side(u)?;
    let (negative_spans, negative) = side(u)?;
    let custom = u.ratio(1, 4)?;
    let custom_values =
        if custom { (0..4).map(|_| number(u)).collect::<Result<Vec<_>>>()? } else { Vec::new() };
    let resets = [CounterReset::Unknown, CounterReset::Reset, CounterReset::NotReset];
    Ok(Histogram {
        schema: if custom { Histogram::CUSTOM } else { u.int_in_range(-4..=8)? },
        counter_reset: *u.choose(&resets)?,
        zero_threshold: number(u)?,
        zero_count: number(u)?,
        count: number(u)?,
        sum: number(u)?,
        positive_spans,
        positive,
        negative_spans,
        negative,
        custom_values,
    })
}

fn numbers(u: &mut Unstructured<'_>) -> Result<Vec<f64>> {
    let length = u.int_in_range(0..=200)?;
    (0..length).map(|_| number(u)).collect()
}

fn moments(u: &mut Unstructured<'_>, length: usize) -> Result<Vec<i64>> {
    let (mut time, step): (i64, i64) = (u.arbitrary()?, u.int_in_range(1..=60_000)?);
    let mut times = Vec::new();
    for _ in 0..length {
        times.push(time);
        time = match u.int_in_range(0..=9)? {
            0 => u.arbitrary()?,
            1 => time.wrapping_add(i64::from(i16::arbitrary(u)?)),
            _ => time.wrapping_add(step),
        };
    }
    Ok(times)
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// All numbers of a histogram, as bits.
fn histogram_bits(histogram: &Histogram) -> Vec<u64> {
    let Histogram { zero_threshold, zero_count, count, sum, .. } = histogram;
    let single = [*zero_threshold, *zero_count, *count, *sum];
    let lists = [&histogram.positive, &histogram.negative, &histogram.custom_values];
    lists.into_iter().flatten().chain(&single).map(|value| value.to_bits()).collect()
}

fn chunks_round_trip() {
    fuzz(4_000, 3_000, |u| {
        let values = numbers(u)?;
        let mut bytes = Vec::new();
        floats::put(&mut bytes, &values, &mut Scratch::default());
        let (mut reader, mut back) = (Reader::new(&bytes), Vec::new());
        floats::read(&mut reader, values.len(), 0..values.len(), &mut back)
            .expect("what was written");
        assert_eq!(bits(&back), bits(&values));
        assert!(reader.is_empty());

        let moments = moments(u, values.len())?;
        let (mut bytes, base) = (Vec::new(), u.arbitrary()?);
        times::put(&mut bytes, &moments, base);
        let (mut reader, mut back) = (Reader::new(&bytes), Vec::new());
        times::read(&mut reader, moments.len(), base, &mut back).expect("what was written");
        assert_eq!(back, moments);
        assert!(reader.is_empty());

        let mut column: Vec<Arc<Histogram>> = Vec::new();
        for _ in 0..u.int_in_range(0..=6)? {
            // Often the same layout, as a series has it.
            let next = match column.last() {
                Some(last) if u.arbitrary()? => {
                    let mut next = Histogram::clone(last);
                    next.count = number(u)?;
                    next.positive.iter_mut().for_each(|count| *count += 1.0);
                    next
                }
                _ => histogram(u)?,
            };
            column.push(Arc::new(next));
        }
        let mut bytes = Vec::new();
        histograms::put(&mut bytes, &column, &mut Scratch::default());
        let (mut reader, mut back) = (Reader::new(&bytes), Vec::new());
        histograms::read(&mut reader, column.len(), &mut back).expect("what was written");
        assert_eq!(back.len(), column.len());
        for (found, expected) in back.iter().zip(&column) {
            assert_eq!(histogram_bits(found), histogram_bits(expected), "{expected:?}");
            assert_eq!(found.positive_spans, expected.positive_spans);
            assert_eq!(found.negative_spans, expected.negative_spans);
            assert_eq!(
                (found.schema, found.counter_reset),
                (expected.schema, expected.counter_reset)
            );
        }
        assert!(reader.is_empty());
        Ok(())
    });
}

fn damaged_chunks() {
    fuzz(8_000, 1_500, |u| {
        let (mut bytes, starts) = (Vec::new(), Vec::new());
        let (kind, count) = match u.int_in_range(0..=2)? {
            0 => {
                let values = numbers(u)?;
                let values = Values::Floats(&values);
                let moments = moments(u, 100)?;
                times::put(&mut bytes, &moments, 0);
                chunk::put(&mut bytes, &starts, values, &mut Scratch::default());
                (chunk::kind(&starts, values), 100)
            }
            1 => {
                let column = vec![Arc::new(histogram(u)?), Arc::new(histogram(u)?)];
                let values = Values::Histograms(&column);
                times::put(&mut bytes, &[1, 2], 0);
                chunk::put(&mut bytes, &starts, values, &mut Scratch::default());
                (chunk::kind(&starts, values), 2)
            }
            _ => {
                bytes = u.bytes(u.len() / 2)?.to_vec();
                (u.int_in_range(0..=5)?, 10)
            }
        };
        damage(&mut bytes, u)?;
        // What the index says may be damaged as well.
        let count = if u.ratio(1, 3)? { u.int_in_range(0..=2_000_000)? } else { count };
        let mut columns = Columns::default();
        let (mut reader, mut moments) = (Reader::new(&bytes), Vec::new());
        let read_times = |reader: &mut Reader<'_>| match count {
            0..=codec::MOST_SAMPLES => times::read(reader, count, 0, &mut moments),
            _ => Err(codec::Damaged("more samples than there can be")),
        };
        let read = { read_times }(&mut reader)
            .and_then(|()| chunk::read(kind, &moments, &mut reader, TimeRange::ALL, &mut columns));
        if read.is_ok() {
            let floats = columns.times.len() == columns.values.len();
            assert!(floats && columns.histogram_times.len() == columns.histograms.len());
        }
        let Columns { times, values, histograms, .. } = &columns;
        let room = times.capacity().max(values.capacity()).max(histograms.capacity());
        assert!(room <= codec::MOST_SAMPLES * 2, "{room} places from {} bytes", bytes.len());
        Ok(())
    });
}

fn expressions() {
    const PIECES: &[&str] = &[
        "m",
        "m{i=\"1\"}",
        "{i=~\"1|2\"}",
        "h",
        "(",
        ")",
        "(",
        ")",
        "[5m]",
        "[1m:]",
        "[10m:1s]",
        "[1y:1ms]",
        "[9999y]",
        " offset 5m",
        " offset -9y",
        " @ 100",
        " @ start()",
        " @ -9e18",
        " @ 1e300",
        "sum",
        "sum by (i) (",
        "topk(",
        "quantile(",
        "count_values(\"x\", ",
        "rate(",
        "rate(m[5m])",
        "histogram_quantile(0.9, ",
        "label_replace(",
        "predict_linear(",
        "holt_winters(",
        "info(",
        "limit_ratio(",
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "==",
        "bool ",
        ">=",
        "and ",
        "or ",
        "unless ",
        "on(i) ",
        "ignoring(i) ",
        "group_left ",
        "1",
        "0.5",
        "1e308",
        "NaN",
        "Inf",
        "-Inf",
        "0x7fffffffffffffff",
        "\"x\"",
        "'(('",
        "`$1`",
        ",",
        " ",
        "step()",
        "vector(",
        "time()",
        "absent(",
        "clamp(",
        "round(",
        "days_in_month(",
        "smoothed ",
        "anchored ",
        "[step()*1e9]",
        "[m:m]",
        "min_of(",
        "fill(1) ",
    ];
    const WHOLE: &[&str] = &[
        "m",
        "rate(m[5m])",
        "sum by (i) (m)",
        "m @ end()",
        "(m offset 1m)",
        "topk(1, m)",
        "1e308",
        "h",
        "-m",
        "max_over_time(m[10m:10s])",
        "count_over_time(m[1w:1s])",
        "label_replace(m, \"x\", \"$1\", \"i\", \"(.*)\")",
        "days_in_month(m * 1e300)",
        "m[1y:1ms]",
        "quantile_over_time(Inf, m[9m])",
        "histogram_fraction(-Inf, NaN, h)",
        "deriv(m[2m:100ms])",
        "m > bool m",
        "m ^ 1e9",
        "scalar(m)",
        "predict_linear(m[9m], 1e300)",
        "double_exponential_smoothing(m[9m], 0.5, 0.5)",
        "round(m, 0)",
        "limitk(1e18, m)",
        "limit_ratio(0.5, m)",
    ];
    let store = small_store();
    let mut evaluated = 0;
    fuzz(4_000, 300, |u| {
        let text = if u.arbitrary()? {
            concat(u, PIECES, 14)?
        } else {
            let operators =
                [" + ", " and ", " or on(i) ", " / on(i) group_left ", " == ", " % ", " ^ "];
            format!("{}{}{}", u.choose(WHOLE)?, u.choose(&operators)?, u.choose(WHOLE)?)
        };
        let Ok(expr) = promql::parse(&text) else { return Ok(()) };
        let begun = Instant::now();
        let options = QueryOptions {
            max_samples: 200_000,
            deadline: Some(begun + Duration::from_millis(300)),
            text: text.as_str().into(),
            ..QueryOptions::default()
        };
        let at = *u.choose(&[0, 600_000, i64::MIN, i64::MAX, -1, 1_700_000_000_000])?;
        evaluated += 1;
        let _ = promql::instant(&store, &expr, at, &options);
        let (start, step) = (at.saturating_sub(600_000), Duration::from_secs(60));
        match promql::range(&store, &expr, start, at, step, &options) {
            Err(QueryError::Store(err)) => panic!("{text}: {err}"),
            _ => assert!(begun.elapsed() < Duration::from_secs(20), "{text} does not end"),
        }
        Ok(())
    });
    assert!(evaluated > 1_000, "only {evaluated} expressions were expressions");
}

/// Two counters and a histogram, ten minutes of them.
fn small_store() -> MemoryStore {
    let store = MemoryStore::default();
    let mut batch = Batch::default();
    for i in ["1", "2"] {
        let labels = stackctl::model::Labels::from_pairs([("__name__", "m"), ("i", i)]);
        let series = store.register(&labels).expect("a memory store takes any series");
        for at in 0..40 {
            let value = if at == 20 { f64::NAN } else { at as f64 };
            batch.floats.push(FloatRow { series, time: at * 15_000, start_time: 0, value });
        }
    }
    let labels = stackctl::model::Labels::from_pairs([("__name__", "h"), ("i", "1")]);
    let series = store.register(&labels).expect("a memory store takes any series");
    for at in 0..40 {
        let value = Arc::new(Histogram {
            count: at as f64,
            sum: at as f64,
            positive_spans: vec![BucketSpan { offset: 0, length: 1 }],
            positive: vec![at as f64],
            ..Histogram::default()
        });
        let time = at * 15_000;
        batch.histograms.push(stackctl::storage::HistogramRow {
            series,
            time,
            start_time: 0,
            value,
        });
    }
    store.append(&batch).expect("a memory store takes any batch");
    store
}
