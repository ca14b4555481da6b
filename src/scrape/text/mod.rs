//! The text expositions: Prometheus text 0.0.4 (with 1.0.0's quoted UTF-8 names) and OpenMetrics 1.0.
//!
//! [`parse`] walks a page with a closure and is what everyone but the scrape loop uses. [`Reader`] is
//! the walk itself: it works on bytes, allocates nothing for a sample line, and can be told which
//! series to expect next, so that a known series costs one hash.

mod number;
mod reader;
mod series;

use std::borrow::Cow;
use std::sync::LazyLock;

use xxhash_rust::xxh3::xxh3_128_with_seed;

pub use number::{NORMAL_NAN, normalise_float, parse_value};
pub use reader::{Item, Reader};
pub use series::LabelPairs;

use crate::model::{Exemplar, Labels, MetricType, Timestamp};

/// How a page is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text, 0.0.4 and 1.0.0.
    Prometheus,
    /// OpenMetrics text, 0.0.1 and 1.0.0.
    OpenMetrics,
}

/// A line that cannot be read; it spoils its whole page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct TextError {
    /// Counted from 1.
    pub line: usize,
    /// What was expected and what was there.
    pub reason: String,
}

/// Something that a page says.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// `# HELP family text`, unescaped.
    Help {
        /// Metric family name.
        family: Cow<'a, str>,
        /// The text.
        help: Cow<'a, str>,
    },
    /// `# TYPE family kind`.
    Type {
        /// Metric family name.
        family: Cow<'a, str>,
        /// The kind.
        kind: MetricType,
    },
    /// `# UNIT family unit`, OpenMetrics only.
    Unit {
        /// Metric family name.
        family: Cow<'a, str>,
        /// The unit.
        unit: &'a str,
    },
    /// A sample line.
    Sample(Sample<'a>),
}

/// One sample line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a> {
    /// Name and labels as they are written: `http_requests_total{code="200"}`.
    pub series: &'a str,
    /// What follows them.
    pub point: Point<'a>,
}

impl<'a> Sample<'a> {
    /// Label pairs in the order of the line, the metric name as `__name__`, values unescaped; empty
    /// values included.
    pub fn pairs(&self) -> LabelPairs<'a> {
        series::pairs(self.series)
    }

    /// The label set.
    pub fn labels(&self) -> Labels {
        Labels::from_pairs(self.pairs())
    }
}

/// Value, timestamp and exemplar of a sample line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<'a> {
    /// The value; every NaN is [`NORMAL_NAN`].
    pub value: f64,
    /// Milliseconds, if the line has a timestamp.
    pub time: Option<Timestamp>,
    /// OpenMetrics only.
    pub exemplar: Option<RawExemplar<'a>>,
}

/// Stands for a series text that was seen before. Hashes of 128 bits with a seed that nobody outside
/// knows: that two texts share one does not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    hash: [u64; 2],
    length: u32,
}

impl Key {
    /// Of a text.
    #[inline]
    pub fn of(text: &[u8]) -> Self {
        static SEED: LazyLock<u64> = LazyLock::new(|| fastrand::u64(..));
        let hash = xxh3_128_with_seed(text, *SEED);
        Self { hash: [hash as u64, (hash >> 64) as u64], length: text.len() as u32 }
    }

    /// Enough of the hash for a table.
    pub fn short(self) -> u64 {
        self.hash[0]
    }
}

/// An exemplar as it stands on the line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RawExemplar<'a> {
    /// `{trace_id="…"}` with its braces.
    pub labels: &'a str,
    /// The observed value.
    pub value: f64,
    /// Milliseconds, if it has a timestamp.
    pub time: Option<Timestamp>,
}

impl RawExemplar<'_> {
    /// The exemplar with its own strings; `sampled` stands in for a missing timestamp.
    pub fn to_exemplar(&self, sampled: Timestamp) -> Exemplar {
        Exemplar {
            labels: Labels::from_pairs(series::pairs(self.labels)),
            value: self.value,
            time: self.time.unwrap_or(sampled),
        }
    }
}

/// Walks a page line by line; stops at the first line that cannot be read. What was reported until
/// then should be thrown away: a page is taken whole or not at all.
pub fn parse<'a>(
    page: &'a [u8],
    format: Format,
    mut on: impl FnMut(Event<'a>),
) -> Result<(), TextError> {
    let mut reader = Reader::new(page, format);
    while let Some(item) = reader.next(None)? {
        match item {
            Item::Sample(sample) => on(Event::Sample(sample)),
            Item::Expected(_) => {}
            Item::Comment(line) => {
                if let Some(event) = reader.describe(line)? {
                    on(event);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page's events, one a line, in a short notation.
    fn events(page: &str, format: Format) -> Result<String, String> {
        let mut out = String::new();
        parse(page.as_bytes(), format, |event| {
            let line = match event {
                Event::Help { family, help } => format!("help {family} {help:?}"),
                Event::Type { family, kind } => format!("type {family} {}", kind.as_str()),
                Event::Unit { family, unit } => format!("unit {family} {unit}"),
                Event::Sample(sample) => {
                    let Point { value, time, exemplar } = sample.point;
                    let time = time.map_or(String::new(), |time| format!(" @{time}"));
                    let exemplar = exemplar.map_or(String::new(), |exemplar| {
                        let exemplar = exemplar.to_exemplar(-1);
                        format!(" # {} {} @{}", exemplar.labels, exemplar.value, exemplar.time)
                    });
                    format!("{} {value}{time}{exemplar}", sample.labels())
                }
            };
            out.push_str(&line);
            out.push('\n');
        })
        .map_err(|err| err.to_string())?;
        Ok(out)
    }

    fn text(page: &str) -> Result<String, String> {
        events(page, Format::Prometheus)
    }

    fn open(page: &str) -> Result<String, String> {
        events(page, Format::OpenMetrics)
    }

    #[test]
    fn a_page_of_text_is_read() {
        let page = "# HELP http_requests_total Requests \\\\ and\\nmore.\n# TYPE http_requests_total counter\n\
                    \n# just a comment\n#\n \nhttp_requests_total{code=\"200\",path=\"a\\\"b\\\\c\\nd\",} 1.5e3 1000\n\
                    up\t1\ntemp {a = \"1\" , b=\"2\"}-Inf\nx 0x\n";
        assert_eq!(
            text(&page.replace("x 0x\n", "")).unwrap(),
            "help http_requests_total \"Requests \\\\ and\\nmore.\"\n\
             type http_requests_total counter\n\
             http_requests_total{code=\"200\", path=\"a\\\"b\\\\c\\nd\"} 1500 @1000\n\
             up 1\ntemp{a=\"1\", b=\"2\"} -inf\n"
        );
        assert_eq!(text(page).unwrap_err(), "line 10: cannot read \"0x\" as a number");
    }

    #[test]
    fn quoted_names_are_read() {
        assert_eq!(
            text("# TYPE \"my.metric\" gauge\n{\"my.metric\",\"la bel\"=\"é\"} 1\n").unwrap(),
            "type my.metric gauge\nmy.metric{la bel=\"é\"} 1\n"
        );
    }

    #[test]
    fn a_missing_final_newline_is_fine_and_carriage_returns_are_not() {
        assert_eq!(text("a 1").unwrap(), "a 1\n");
        assert_eq!(text("a 1 5").unwrap(), "a 1 @5\n");
        assert!(text("a 1\r\nb 2\r\n").is_err());
        assert!(text("# TYPE a gauge\r\na 1\n").is_err());
    }

    #[test]
    fn bad_lines_are_refused_with_their_number() {
        let check = |page: &str, message: &str| assert_eq!(text(page).unwrap_err(), message);
        check("a 1\nb\n", "line 2: expected a value after the series, found the end of the line");
        check("a 1 1.5\n", "line 1: expected a timestamp in milliseconds, found \"1.5\"");
        check("a 1 1 1\n", "line 1: expected the end of the line, found \"1\"");
        check("a{b=\"c} 1\n", "line 1: the quoted text does not end");
        check("a{b=c} 1\n", "line 1: expected a quoted label value, found \"c} 1\"");
        check("a{b} 1\n", "line 1: expected = after the label name, found \"} 1\"");
        check("a{=\"b\"} 1\n", "line 1: expected a label name, found \"=\\\"b\\\"} 1\"");
        check("a{b=\"c\" 1} 1\n", "line 1: expected , or } after the label, found \"1} 1\"");
        check("1a 1\n", "line 1: expected a metric name, found \"1a 1\"");
        check("{\"a\",\"b\"} 1\n", "line 1: the metric name is given twice");
        check("a{\"b\"} 1\n", "line 1: the metric name is given twice");
        check("# TYPE a gouge\n", "line 1: invalid metric type \"gouge\"");
        check("a 1_000\n", "line 1: cannot read \"1_000\" as a number");
        check("<html>", "line 1: expected a metric name, found \"<html>\"");
        check("\u{1f980} 1", "line 1: expected a metric name, found \"\u{1f980} 1\"");
    }

    #[test]
    fn broken_utf8_is_refused() {
        let error = parse(b"a{b=\"\xff\"} 1\n", Format::Prometheus, |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "line 1: the labels are not valid UTF-8");
    }

    #[test]
    fn openmetrics_is_read() {
        let page = "# TYPE rpc_seconds histogram\n# UNIT rpc_seconds seconds\n# HELP rpc_seconds A \\\"b\\\".\n\
                    rpc_seconds_bucket{le=\"1\"} 5 1520879607.789 # {trace_id=\"KOO\"} 0.67 1520879606.5\n\
                    rpc_seconds_bucket{le=\"+Inf\"} 6 # {} 9\nrpc_seconds_count 6 1\n# EOF\n";
        assert_eq!(
            open(page).unwrap(),
            "type rpc_seconds histogram\nunit rpc_seconds seconds\nhelp rpc_seconds \"A \\\"b\\\".\"\n\
             rpc_seconds_bucket{le=\"1\"} 5 @1520879607789 # {trace_id=\"KOO\"} 0.67 @1520879606500\n\
             rpc_seconds_bucket{le=\"+Inf\"} 6 # {} 9 @-1\nrpc_seconds_count 6 @1000\n"
        );
        assert_eq!(open("# EOF").unwrap(), "");
    }

    #[test]
    fn openmetrics_is_strict() {
        let check = |page: &str, message: &str| assert_eq!(open(page).unwrap_err(), message);
        check("a 1\n", "line 2: data does not end with # EOF");
        check("", "line 1: data does not end with # EOF");
        check("# EOF\na 1\n", "line 2: unexpected data after # EOF");
        check("a 1\n\n# EOF\n", "line 2: an empty line is not allowed");
        check("# comment\n# EOF\n", "line 1: expected HELP, TYPE, UNIT or EOF after #");
        check("a  1\n# EOF\n", "line 1: expected a value after the series, found \" 1\"");
        check(
            "# UNIT a_bytes seconds\n# EOF\n",
            "line 1: unit \"seconds\" is not a suffix of metric \"a_bytes\"",
        );
        check("# TYPE a untyped\n# EOF\n", "line 1: invalid metric type \"untyped\"");
        check("a 1 NaN\n# EOF\n", "line 1: expected a timestamp in seconds, found \"NaN\"");
        check(
            "a 1 # {a=\"b\"}\n# EOF\n",
            "line 1: expected a value after the exemplar's labels, found the end of the line",
        );
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(page in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse(&page, Format::Prometheus, |_| {});
            let _ = parse(&page, Format::OpenMetrics, |_| {});
        }

        #[test]
        fn nearly_valid_pages_never_panic(page in "([a{}=\",# \\\\\n\t1.eENF+é_-]|# (HELP|TYPE|UNIT|EOF)|a\\{b=\"c\"\\} 1){0,30}") {
            for format in [Format::Prometheus, Format::OpenMetrics] {
                let _ = parse(page.as_bytes(), format, |event| {
                    if let Event::Sample(sample) = event {
                        sample.labels();
                        sample.point.exemplar.map(|exemplar| exemplar.to_exemplar(0));
                    }
                });
            }
        }
    }
}
