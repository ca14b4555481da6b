//! The notation of rule unit tests and of Prometheus' own test scripts for the samples of a series:
//! `metric{a="b"} 1+2x3 _ stale {{schema:0 sum:1 count:1 buckets:[1]}}x2`.
//!
//! `ax3` is a value and three repetitions, `a+bx3` four values in steps of b, `_` a missing one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{
    BucketSpan, CounterReset, Histogram, Labels, LabelsBuilder, METRIC_NAME, STALE_NAN,
};

use super::ast::Span;
use super::error::{ParseError, ParseErrorKind, ParseErrors};
use super::lexer::{is_alpha, is_alphanumeric};
use super::number::{parse_duration, parse_number};
use super::quote::{quote, quote_char, read_escape, unquote};

/// More samples than this in one line are a mistake.
const MAX_VALUES: usize = 1_000_000;

/// One position in a sequence of samples.
#[derive(Debug, Clone, PartialEq)]
pub enum SeriesValue {
    /// `_`: no sample.
    Missing,
    /// A number; `stale` is [`STALE_NAN`].
    Float(f64),
    /// A native histogram.
    Histogram {
        /// The sample.
        histogram: Arc<Histogram>,
        /// Whether its `counter_reset_hint` was written, and so is to be compared.
        hint_given: bool,
    },
}

/// A series and its samples, one per interval.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesDescription {
    /// The series.
    pub labels: Labels,
    /// Its samples.
    pub values: Vec<SeriesValue>,
}

/// A line of a test script: samples, or (with `@st` behind the series) the start timestamps of the
/// samples in the next line.
#[derive(Debug, Clone, PartialEq)]
pub enum SeriesLine {
    /// A series with its samples.
    Samples(SeriesDescription),
    /// Milliseconds between each sample's time and its start timestamp; `None` has none.
    StartTimes {
        /// The series.
        labels: Labels,
        /// One for each sample.
        offsets: Vec<Option<i64>>,
    },
}

/// Reads a series and its samples.
pub fn parse_series(text: &str) -> Result<SeriesDescription, ParseErrors> {
    let mut reader = Reader { text, at: 0 };
    let read = |reader: &mut Reader<'_>| {
        let labels = reader.labels()?;
        let values = reader.values()?;
        Ok(SeriesDescription { labels, values })
    };
    read(&mut reader)
}

/// Reads a line of a `load` block.
pub fn parse_line(text: &str) -> Result<SeriesLine, ParseErrors> {
    let mut reader = Reader { text, at: 0 };
    let labels = reader.labels()?;
    if reader.rest().starts_with("@st") {
        reader.at += 3;
        return Ok(SeriesLine::StartTimes { labels, offsets: reader.start_times()? });
    }
    Ok(SeriesLine::Samples(SeriesDescription { labels, values: reader.values()? }))
}

/// Reads a series without samples: `metric{a="b"}`.
pub fn parse_metric(text: &str) -> Result<Labels, ParseErrors> {
    let mut reader = Reader { text, at: 0 };
    reader.skip_blanks();
    let labels = reader.labels()?;
    reader.skip_blanks();
    match reader.peek() {
        None => Ok(labels),
        Some(c) => Err(reader.error(format!("unexpected character: {}", quote_char(c)))),
    }
}

/// Reads samples alone.
pub fn parse_values(text: &str) -> Result<Vec<SeriesValue>, ParseErrors> {
    Reader { text, at: 0 }.values()
}

type Read<T> = Result<T, ParseErrors>;

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn labels(&mut self) -> Read<Labels> {
        let mut labels = LabelsBuilder::default();
        let name = self.take_while(|c| is_alphanumeric(c) || c == ':');
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            self.at -= name.len();
            return Err(self.error(format!("unexpected number {}", quote(name))));
        }
        labels.set(METRIC_NAME, name);
        let before = self.at;
        self.skip_blanks();
        if self.rest().starts_with('{') && !self.rest().starts_with("{{") {
            self.at += 1;
            self.label_list(&mut labels)?;
        } else {
            self.at = before;
        }
        Ok(labels.build())
    }

    fn label_list(&mut self, labels: &mut LabelsBuilder) -> Read<()> {
        loop {
            self.skip_blanks();
            if self.take('}') {
                return Ok(());
            }
            let quoted = self.peek().is_some_and(|c| matches!(c, '"' | '\'' | '`'));
            let name = if quoted {
                self.string()?
            } else {
                let name = self.take_while(is_alphanumeric);
                if !name.starts_with(is_alpha) {
                    return Err(self.unexpected("label set", "identifier or \"}\""));
                }
                name.to_owned()
            };
            self.skip_blanks();
            if self.take('=') {
                self.skip_blanks();
                let value = self.string()?;
                labels.set(name, value);
            } else if quoted {
                labels.set(METRIC_NAME, name);
            } else {
                return Err(self.unexpected("label set", "\"=\""));
            }
            self.skip_blanks();
            if !self.take(',') && self.peek() != Some('}') {
                return Err(self.unexpected("label set", "\",\" or \"}\""));
            }
        }
    }

    fn string(&mut self) -> Read<String> {
        let start = self.at;
        let Some(delimiter @ ('"' | '\'' | '`')) = self.peek() else {
            return Err(self.unexpected("label set", "string"));
        };
        self.at += 1;
        loop {
            match self.peek() {
                None => {
                    self.at = start;
                    return Err(self.error("unterminated quoted string".to_owned()));
                }
                Some(c) if c == delimiter => break self.at += 1,
                Some('\\') if delimiter != '`' => {
                    let escape = read_escape(&self.text[self.at + 1..], delimiter, &mut Vec::new());
                    self.at += 1 + escape.map_err(|message| self.error(message))?;
                }
                Some(c) => self.at += c.len_utf8(),
            }
        }
        unquote(&self.text[start..self.at]).map_err(|message| self.error(message))
    }

    fn values(&mut self) -> Read<Vec<SeriesValue>> {
        let mut values = Vec::new();
        loop {
            self.skip_blanks();
            if self.at == self.text.len() {
                return Ok(values);
            }
            self.item(&mut values)?;
            if self.peek().is_some_and(|c| !is_blank(c)) {
                return Err(self.unexpected("series values", ""));
            }
            if values.len() > MAX_VALUES {
                return Err(self.error(format!("more than {MAX_VALUES} values in a series")));
            }
        }
    }

    fn item(&mut self, values: &mut Vec<SeriesValue>) -> Read<()> {
        if self.take('_') {
            let count = self.repetitions()?.unwrap_or(1);
            values.extend(std::iter::repeat_n(SeriesValue::Missing, count));
            return Ok(());
        }
        if self.rest().starts_with("{{") {
            return self.histogram_item(values);
        }
        if self.rest().starts_with("stale") {
            self.at += 5;
            let count = self.repetitions()?.unwrap_or(0);
            values.extend(std::iter::repeat_n(SeriesValue::Float(STALE_NAN), count + 1));
            return Ok(());
        }
        let mut value = self.signed_number()?;
        let step = match self.peek() {
            Some('+' | '-') => Some(self.signed_number()?),
            _ => None,
        };
        let Some(count) = self.repetitions()? else {
            if step.is_some() {
                return Err(self.unexpected("series values", "\"x\""));
            }
            values.push(SeriesValue::Float(value));
            return Ok(());
        };
        for _ in 0..=count {
            values.push(SeriesValue::Float(value));
            value += step.unwrap_or(0.0);
        }
        Ok(())
    }

    fn histogram_item(&mut self, values: &mut Vec<SeriesValue>) -> Read<()> {
        let mut current = self.histogram()?;
        let mut hint_given = current.hint.is_some();
        let subtract = match self.peek() {
            Some('+') => Some(false),
            Some('-') => Some(true),
            _ => None,
        };
        let step = match subtract {
            None => None,
            Some(_) => {
                self.at += 1;
                let step = self.histogram()?;
                hint_given = step.hint.is_some();
                Some(step)
            }
        };
        let count = self.repetitions()?;
        if step.is_some() && count.is_none() {
            return Err(self.unexpected("series values", "\"x\""));
        }
        let count = count.unwrap_or(0);
        for index in 0..=count {
            let histogram = Arc::new(current.build());
            match &step {
                None => {
                    let value = SeriesValue::Histogram { histogram, hint_given };
                    values.extend(std::iter::repeat_n(value, count + 1));
                    break;
                }
                Some(step) => {
                    values.push(SeriesValue::Histogram { histogram, hint_given });
                    if index < count {
                        current
                            .add(step, if subtract == Some(true) { -1.0 } else { 1.0 })
                            .map_err(|message| self.error(message))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// `{{schema:0 sum:5 buckets:[1 2]}}`
    fn histogram(&mut self) -> Read<Description> {
        const CONTEXT: &str = "histogram description";
        if !self.rest().starts_with("{{") {
            return Err(self.unexpected("series values", "\"{{\""));
        }
        self.at += 2;
        let mut result = Description::default();
        let mut seen: Vec<&str> = Vec::new();
        let mut lists: [(Vec<f64>, i32); 2] = Default::default();
        loop {
            self.skip_blanks();
            if self.rest().starts_with("}}") {
                self.at += 2;
                break;
            }
            let start = self.at;
            let key = self.take_while(is_alphanumeric);
            if key.is_empty() {
                return Err(
                    self.unexpected(CONTEXT, "histogram description key, e.g. buckets:[5 10 7]")
                );
            }
            if !self.take(':') {
                return Err(self.error("missing `:` for histogram descriptor".to_owned()));
            }
            if seen.contains(&key) {
                return Err(self.error(format!("duplicate key {} in histogram", quote(key))));
            }
            seen.push(key);
            match key {
                "schema" => {
                    result.schema = i8::try_from(self.integer()?)
                        .map_err(|_| self.error("schema out of range".to_owned()))?;
                }
                "sum" => result.sum = self.signed_number()?,
                "count" => result.count = self.signed_number()?,
                "z_bucket" => result.zero_count = self.signed_number()?,
                "z_bucket_w" => result.zero_threshold = self.signed_number()?,
                "custom_values" => result.custom_values = self.number_list()?,
                "buckets" => lists[0].0 = self.number_list()?,
                "n_buckets" => lists[1].0 = self.number_list()?,
                "offset" => lists[0].1 = self.integer()?,
                "n_offset" => lists[1].1 = self.integer()?,
                "counter_reset_hint" => result.hint = Some(self.hint()?),
                _ => {
                    self.at = start;
                    let key = quote(key);
                    return Err(self.error(format!("bad histogram descriptor found: {key}")));
                }
            }
        }
        let [positive, negative] = lists;
        for ((counts, offset), side) in
            [(positive, &mut result.positive), (negative, &mut result.negative)]
        {
            if i32::try_from(counts.len()).ok().and_then(|n| offset.checked_add(n)).is_none() {
                return Err(self.error("bucket offset out of range".to_owned()));
            }
            side.extend((offset..).zip(counts));
        }
        Ok(result)
    }

    fn hint(&mut self) -> Read<CounterReset> {
        let word = self.take_while(is_alphanumeric);
        match word {
            "unknown" => Ok(CounterReset::Unknown),
            "reset" => Ok(CounterReset::Reset),
            "not_reset" => Ok(CounterReset::NotReset),
            "gauge" => Ok(CounterReset::Gauge),
            _ => Err(self.error(format!("bad histogram descriptor found: {}", quote(word)))),
        }
    }

    /// `[1 2 3]`
    fn number_list(&mut self) -> Read<Vec<f64>> {
        if !self.take('[') {
            return Err(self.unexpected("histogram description", "\"[\""));
        }
        let mut numbers = Vec::new();
        loop {
            self.skip_blanks();
            if self.take(']') {
                return Ok(numbers);
            }
            numbers.push(self.signed_number()?);
        }
    }

    fn integer(&mut self) -> Read<i32> {
        let start = self.at;
        self.take('-');
        self.take_while(|c| c.is_ascii_digit());
        self.text[start..self.at].parse().map_err(|_| {
            let text = quote(&self.text[start..self.at]);
            self.error(format!("error parsing number: {text}"))
        })
    }

    fn signed_number(&mut self) -> Read<f64> {
        let negative = match self.peek() {
            Some(sign @ ('+' | '-')) => {
                self.at += 1;
                sign == '-'
            }
            _ => false,
        };
        let start = self.at;
        let word = self.rest().get(..3).unwrap_or_default();
        if word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("nan") {
            self.at += 3;
        } else {
            self.take_while(|c| c.is_ascii_digit() || c == '_');
            if self.take('.') {
                self.take_while(|c| c.is_ascii_digit());
            }
            if self.at > start && matches!(self.peek(), Some('e' | 'E')) {
                self.at += 1;
                if matches!(self.peek(), Some('+' | '-')) {
                    self.at += 1;
                }
                self.take_while(|c| c.is_ascii_digit());
            }
        }
        let text = &self.text[start..self.at];
        if text.is_empty() {
            return Err(self.unexpected("series values", "number or \"stale\""));
        }
        let value = parse_number(text).map_err(|message| self.error(message))?;
        Ok(if negative { -value } else { value })
    }

    /// `x5`
    fn repetitions(&mut self) -> Read<Option<usize>> {
        if !self.take('x') {
            return Ok(None);
        }
        let digits = self.take_while(|c| c.is_ascii_digit());
        match digits.parse::<usize>() {
            Ok(count) if count <= MAX_VALUES => Ok(Some(count)),
            _ => Err(self.error(format!("invalid repetition in series values: {}", quote(digits)))),
        }
    }

    fn start_times(&mut self) -> Read<Vec<Option<i64>>> {
        let mut offsets = Vec::new();
        loop {
            self.skip_blanks();
            if self.at == self.text.len() {
                return Ok(offsets);
            }
            if self.take('_') {
                let count = self.repetitions()?.unwrap_or(1);
                offsets.extend(std::iter::repeat_n(None, count));
            } else {
                let mut offset = self.signed_duration()?;
                let step = match self.peek() {
                    Some('+' | '-') => self.signed_duration()?,
                    _ => 0,
                };
                for _ in 0..=self.repetitions()?.unwrap_or(0) {
                    offsets.push(Some(offset));
                    offset = offset.saturating_add(step);
                }
            }
            if self.peek().is_some_and(|c| !is_blank(c)) {
                return Err(self.unexpected("start timestamps", ""));
            }
            if offsets.len() > MAX_VALUES {
                return Err(self.error(format!("more than {MAX_VALUES} values in a series")));
            }
        }
    }

    fn signed_duration(&mut self) -> Read<i64> {
        let negative = self.take('-');
        if !negative {
            self.take('+');
        }
        let text = self.take_while(|c| c.is_ascii_digit() || matches!(c, 'a'..='w' | 'y' | 'z'));
        let millis = parse_duration(text).map_err(|message| self.error(message))? as i64;
        Ok(if negative { -millis } else { millis })
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn take_while(&mut self, test: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c| !test(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn skip_blanks(&mut self) {
        self.take_while(is_blank);
    }

    fn unexpected(&self, context: &str, expected: &str) -> ParseErrors {
        let found = match self.peek() {
            None => "end of input".to_owned(),
            Some(c) => format!("character {}", quote_char(c)),
        };
        let expected =
            if expected.is_empty() { String::new() } else { format!(", expected {expected}") };
        self.error(format!("unexpected {found} in {context}{expected}"))
    }

    fn error(&self, message: String) -> ParseErrors {
        let end = self.peek().map_or(self.at, |c| self.at + c.len_utf8());
        let span = Span::new(self.at, end);
        ParseErrors(vec![ParseError::new(self.text, span, message, ParseErrorKind::Syntax)])
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// A histogram while it is put together: buckets by index.
#[derive(Debug, Clone, Default)]
struct Description {
    schema: i8,
    sum: f64,
    count: f64,
    zero_count: f64,
    zero_threshold: f64,
    custom_values: Vec<f64>,
    hint: Option<CounterReset>,
    positive: BTreeMap<i32, f64>,
    negative: BTreeMap<i32, f64>,
}

impl Description {
    /// Adds the other one, times `sign`, in the resolution of this one.
    fn add(&mut self, other: &Self, sign: f64) -> Result<(), String> {
        let custom = self.schema == Histogram::CUSTOM;
        if self.schema > other.schema || custom != (other.schema == Histogram::CUSTOM) {
            return Err(format!(
                "error combining histograms: cannot merge from schema {} to {}",
                other.schema, self.schema
            ));
        }
        if self.custom_values != other.custom_values {
            return Err("error combining histograms: custom values differ".to_owned());
        }
        let other_has_zero = other.zero_count != 0.0 || other.zero_threshold != 0.0;
        if other_has_zero && self.zero_threshold != other.zero_threshold {
            return Err("error combining histograms: zero thresholds differ".to_owned());
        }
        self.sum += sign * other.sum;
        self.count += sign * other.count;
        self.zero_count += sign * other.zero_count;
        let shift = if custom { 0 } else { u32::from((other.schema - self.schema).unsigned_abs()) };
        let sides = [(&mut self.positive, &other.positive), (&mut self.negative, &other.negative)];
        for (mine, theirs) in sides {
            for (index, count) in theirs {
                // Bucket i of the finer schema lies in bucket ceil(i / 2^shift) of the coarser one.
                let index = if shift == 0 { *index } else { ((index - 1) >> shift.min(31)) + 1 };
                *mine.entry(index).or_default() += sign * count;
            }
        }
        let (mine, theirs) = (self.hint.unwrap_or_default(), other.hint.unwrap_or_default());
        if mine != theirs {
            let gauge = mine == CounterReset::Gauge || theirs == CounterReset::Gauge;
            self.hint = Some(if gauge { CounterReset::Gauge } else { CounterReset::Unknown });
        }
        Ok(())
    }

    fn build(&self) -> Histogram {
        let (positive_spans, positive) = spans(&self.positive);
        let (negative_spans, negative) = spans(&self.negative);
        Histogram {
            schema: self.schema,
            counter_reset: self.hint.unwrap_or_default(),
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count,
            count: self.count,
            sum: self.sum,
            positive_spans,
            positive,
            negative_spans,
            negative,
            custom_values: self.custom_values.clone(),
        }
    }
}

fn spans(buckets: &BTreeMap<i32, f64>) -> (Vec<BucketSpan>, Vec<f64>) {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut next = 0;
    for index in buckets.keys() {
        match spans.last_mut() {
            Some(span) if *index == next => span.length += 1,
            _ => spans.push(BucketSpan { offset: index - next, length: 1 }),
        }
        next = index.saturating_add(1);
    }
    (spans, buckets.values().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(text: &str) -> Vec<Option<f64>> {
        let read = |value| match value {
            SeriesValue::Missing => None,
            SeriesValue::Float(value) => Some(value),
            SeriesValue::Histogram { .. } => panic!("a histogram in {text}"),
        };
        parse_values(text).expect(text).into_iter().map(read).collect()
    }

    #[test]
    fn sequences_are_written_out() {
        assert_eq!(floats("1 2.5 -3e2"), [Some(1.0), Some(2.5), Some(-300.0)]);
        assert_eq!(
            floats("0+10x2 _ 5-1x1"),
            [Some(0.0), Some(10.0), Some(20.0), None, Some(5.0), Some(4.0)]
        );
        assert_eq!(
            floats("_x3 0x2 +Inf"),
            [None, None, None, Some(0.0), Some(0.0), Some(0.0), Some(f64::INFINITY)]
        );
        assert_eq!(floats(""), []);
        assert!(crate::model::is_stale(floats("stale")[0].unwrap()));
    }

    #[test]
    fn series_have_labels_and_samples() {
        let series = parse_series("http_requests{job=\"a b\", 'x.y'=`z`,} 1 2").unwrap();
        assert_eq!(series.labels.to_string(), "http_requests{job=\"a b\", x.y=\"z\"}");
        assert_eq!(series.values.len(), 2);
        assert_eq!(parse_metric("{\"a.b\", c=\"d\"}").unwrap().metric_name(), "a.b");
        assert_eq!(parse_series("up 1").unwrap().labels.metric_name(), "up");
        let bare = parse_series("{} {{sum:1}}").unwrap();
        assert!(bare.labels.is_empty());
        let histogram = parse_series("h {{}}").unwrap();
        assert_eq!(histogram.labels.metric_name(), "h");
    }

    #[test]
    fn histograms_are_built_and_added() {
        let text = "{{schema:1 sum:-0.3 count:3.1 z_bucket:7.1 z_bucket_w:0.05 buckets:[5.1 10 7] \
                    offset:-3 n_buckets:[4.1 5] n_offset:5}}";
        let values = parse_values(text).unwrap();
        let [SeriesValue::Histogram { histogram, hint_given: false }] = &*values else {
            panic!("{values:?}")
        };
        assert_eq!(
            **histogram,
            Histogram {
                schema: 1,
                sum: -0.3,
                count: 3.1,
                zero_count: 7.1,
                zero_threshold: 0.05,
                positive_spans: vec![BucketSpan { offset: -3, length: 3 }],
                positive: vec![5.1, 10.0, 7.0],
                negative_spans: vec![BucketSpan { offset: 5, length: 2 }],
                negative: vec![4.1, 5.0],
                ..Histogram::default()
            }
        );
        let text = "{{sum:4 count:4 buckets:[1 2]}}+{{schema:1 sum:2 count:1 buckets:[1] offset:3 \
                    counter_reset_hint:gauge}}x2";
        let values = parse_values(text).unwrap();
        assert_eq!(values.len(), 3);
        let SeriesValue::Histogram { histogram, hint_given: true } = &values[2] else {
            panic!("{values:?}")
        };
        assert_eq!(histogram.count, 6.0);
        assert_eq!(histogram.positive_spans, [BucketSpan { offset: 0, length: 3 }]);
        assert_eq!(histogram.positive, [1.0, 2.0, 2.0]);
        assert_eq!(histogram.counter_reset, CounterReset::Gauge);
    }

    #[test]
    fn start_timestamps_have_lines_of_their_own() {
        let line = parse_line("a{x=\"y\"}@st  _ -30s-1mx1 _x2 0 1ms").unwrap();
        let SeriesLine::StartTimes { offsets, .. } = line else { panic!("{line:?}") };
        assert_eq!(offsets, [None, Some(-30_000), Some(-90_000), None, None, Some(0), Some(1)]);
        assert!(matches!(parse_line("a 1 2").unwrap(), SeriesLine::Samples(_)));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, message) in [
            (
                "a 1 b",
                "1:5: parse error: unexpected character 'b' in series values, expected number or \"stale\"",
            ),
            ("a 1+1", "1:6: parse error: unexpected end of input in series values, expected \"x\""),
            ("a{b} 1", "1:4: parse error: unexpected character '}' in label set, expected \"=\""),
            ("a {{foo:1}}", "1:5: parse error: bad histogram descriptor found: \"foo\""),
            (
                "a 1x99999999999999",
                "1:19: parse error: invalid repetition in series values: \"99999999999999\"",
            ),
        ] {
            assert_eq!(parse_series(text).expect_err(text).to_string(), message, "{text}");
        }
    }
}
