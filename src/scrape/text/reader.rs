//! The walk over a page, line by line.

use std::borrow::Cow;

use super::series::{Broken, bare_name, quoted, unescape, walk};
use super::{Event, Format, Key, Point, RawExemplar, Sample, TextError, parse_value};
use crate::model::{MetricType, Timestamp};

/// What the walk comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item<'a> {
    /// A sample of the series that was expected.
    Expected(Point<'a>),
    /// A sample of another series.
    Sample(Sample<'a>),
    /// A line that begins with `#`, without its newline; [`Reader::describe`] reads it.
    Comment(&'a [u8]),
}

/// A place in a page.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    format: Format,
}

type Fallible<T> = Result<T, String>;

impl<'a> Reader<'a> {
    /// At the start of the page.
    pub fn new(page: &'a [u8], format: Format) -> Self {
        Self { bytes: page, at: 0, line: 1, format }
    }

    /// The next line that says something; `None` at the end. `expected` stands for the series text that
    /// probably comes next: it must be of one that was returned as [`Sample::series`] before.
    #[inline]
    pub fn next(&mut self, expected: Option<Key>) -> Result<Option<Item<'a>>, TextError> {
        let line = self.line;
        self.advance(expected).map_err(|reason| TextError { line: line.max(self.line), reason })
    }

    fn advance(&mut self, expected: Option<Key>) -> Fallible<Option<Item<'a>>> {
        loop {
            let rest = &self.bytes[self.at..];
            if let Some(key) = expected
                && let Some((text, [b' ' | b'\t', ..])) = rest.split_at_checked(key.length as usize)
                && Key::of(text) == key
            {
                let end = self.at + text.len();
                // `name {label="x"}` is another series than `name`.
                if self.bytes.get(self.blanks(end)) != Some(&b'{') {
                    return self.point(end).map(|point| Some(Item::Expected(point)));
                }
            }
            match rest.first() {
                None if self.format == Format::OpenMetrics => {
                    return Err("data does not end with # EOF".to_owned());
                }
                None => return Ok(None),
                Some(b'\n') if self.format == Format::OpenMetrics => {
                    return Err("an empty line is not allowed".to_owned());
                }
                Some(b'\n') => {
                    self.at += 1;
                    self.line += 1;
                }
                Some(b' ' | b'\t') if self.format == Format::Prometheus => {
                    self.at = self.blanks(self.at);
                    if !self.is_line_end(self.at) {
                        return Err(self.expected("a line without a blank in front", self.at));
                    }
                }
                Some(b'#') => {
                    let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                    let comment = &rest[..length];
                    self.at = (self.at + length + 1).min(self.bytes.len());
                    self.line += 1;
                    if self.format == Format::OpenMetrics && comment == b"# EOF" {
                        return match self.bytes.len() - self.at {
                            0 => Ok(None),
                            _ => Err("unexpected data after # EOF".to_owned()),
                        };
                    }
                    return Ok(Some(Item::Comment(comment)));
                }
                Some(_) => return self.sample().map(|sample| Some(Item::Sample(sample))),
            }
        }
    }

    fn sample(&mut self) -> Fallible<Sample<'a>> {
        let strict = self.format == Format::OpenMetrics;
        let rest = &self.bytes[self.at..];
        let length = walk(rest, strict, |_| {}).map_err(|broken| self.broken(self.at, &broken))?;
        let series = std::str::from_utf8(&rest[..length])
            .map_err(|_| "the labels are not valid UTF-8".to_owned())?;
        self.line += memchr::memchr_iter(b'\n', series.as_bytes()).count();
        let point = self.point(self.at + length)?;
        Ok(Sample { series, point })
    }

    /// Reads what follows the series, to the end of the line, and goes to the next.
    fn point(&mut self, at: usize) -> Fallible<Point<'a>> {
        let point = match self.format {
            Format::Prometheus => self.plain_point(at)?,
            Format::OpenMetrics => self.open_point(at)?,
        };
        self.line += 1;
        Ok(point)
    }

    fn plain_point(&mut self, at: usize) -> Fallible<Point<'a>> {
        let start = self.blanks(at);
        let end = self.word(start);
        if start == end {
            return Err(self.expected("a value after the series", start));
        }
        let value = self.number(start, end)?;
        let mut at = self.blanks(end);
        let mut time = None;
        if !self.is_line_end(at) {
            let end = self.word(at);
            time = Some(
                parse_integer(&self.bytes[at..end])
                    .ok_or_else(|| self.expected("a timestamp in milliseconds", at))?,
            );
            at = self.blanks(end);
            if !self.is_line_end(at) {
                return Err(self.expected("the end of the line", at));
            }
        }
        self.at = (at + 1).min(self.bytes.len());
        Ok(Point { value, time, exemplar: None })
    }

    fn open_point(&mut self, at: usize) -> Fallible<Point<'a>> {
        let (value, mut at) = self.open_number(at, "a value after the series")?;
        let mut time = None;
        if self.bytes.get(at) == Some(&b' ') && self.bytes.get(at + 1) != Some(&b'#') {
            (time, at) = self.open_time(at)?;
        }
        let mut exemplar = None;
        if self.bytes[at..].starts_with(b" # {") {
            let start = at + 3;
            let rest = &self.bytes[start..];
            let length = walk_braces(rest).map_err(|broken| self.broken(start, &broken))?;
            let labels = std::str::from_utf8(&rest[..length])
                .map_err(|_| "the exemplar's labels are not valid UTF-8".to_owned())?;
            self.line += memchr::memchr_iter(b'\n', labels.as_bytes()).count();
            let (value, end) =
                self.open_number(start + length, "a value after the exemplar's labels")?;
            let mut time = None;
            at = end;
            if self.bytes.get(at) == Some(&b' ') {
                (time, at) = self.open_time(at)?;
            }
            exemplar = Some(RawExemplar { labels, value, time });
        }
        if !self.is_line_end(at) {
            return Err(self.expected("the end of the line", at));
        }
        self.at = (at + 1).min(self.bytes.len());
        Ok(Point { value, time, exemplar })
    }

    /// One blank and a number.
    fn open_number(&self, at: usize, what: &str) -> Fallible<(f64, usize)> {
        if self.bytes.get(at) != Some(&b' ') {
            return Err(self.expected(what, at));
        }
        let end = self.word(at + 1);
        if end == at + 1 {
            return Err(self.expected(what, at + 1));
        }
        Ok((self.number(at + 1, end)?, end))
    }

    /// One blank and a timestamp in seconds.
    fn open_time(&self, at: usize) -> Fallible<(Option<Timestamp>, usize)> {
        let end = self.word(at + 1);
        let seconds = parse_value(&self.bytes[at + 1..end]).filter(|seconds| seconds.is_finite());
        let seconds = seconds.ok_or_else(|| self.expected("a timestamp in seconds", at + 1))?;
        Ok((Some((seconds * 1000.0) as Timestamp), end))
    }

    fn number(&self, start: usize, end: usize) -> Fallible<f64> {
        let text = &self.bytes[start..end];
        parse_value(text).ok_or_else(|| format!("cannot read {} as a number", shown(text)))
    }

    fn blanks(&self, mut at: usize) -> usize {
        while matches!(self.bytes.get(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        at
    }

    /// End of the word that starts here.
    fn word(&self, start: usize) -> usize {
        let rest = &self.bytes[start..];
        let is_end = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n');
        start + rest.iter().position(is_end).unwrap_or(rest.len())
    }

    fn is_line_end(&self, at: usize) -> bool {
        self.bytes.get(at).is_none_or(|byte| *byte == b'\n')
    }

    fn broken(&self, base: usize, broken: &Broken) -> String {
        match broken {
            Broken::Expected(what, at) => self.expected(what, base + at),
            Broken::Because(reason) => (*reason).to_owned(),
        }
    }

    #[cold]
    fn expected(&self, what: &str, at: usize) -> String {
        let rest = &self.bytes[at..];
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        match line {
            [] => format!("expected {what}, found the end of the line"),
            line => format!("expected {what}, found {}", shown(line)),
        }
    }

    /// Reads the line that [`Self::next`] returned last as a comment; `None` where it says nothing.
    pub fn describe(&self, comment: &'a [u8]) -> Result<Option<Event<'a>>, TextError> {
        let described = match self.format {
            Format::Prometheus => plain_comment(comment),
            Format::OpenMetrics => open_comment(comment),
        };
        described.map_err(|reason| TextError { line: self.line - 1, reason })
    }
}

/// The labels of an exemplar; a name in there is an error.
fn walk_braces(bytes: &[u8]) -> Result<usize, Broken> {
    let mut named = false;
    let length = walk(bytes, true, |part| named |= matches!(part, super::series::Part::Name(_)))?;
    if named { Err(Broken::Because("an exemplar has no name")) } else { Ok(length) }
}

fn plain_comment(comment: &[u8]) -> Fallible<Option<Event<'_>>> {
    let rest = &comment[1..];
    let text = rest.trim_ascii_start();
    // `#HELP` is an ordinary comment, and so is a `HELP` that nothing follows.
    let keyword = text.split(|byte| matches!(byte, b' ' | b'\t')).next().unwrap_or_default();
    let tail = text[keyword.len()..].trim_ascii_start();
    if text.len() == rest.len() || keyword.len() == text.len() {
        return Ok(None);
    }
    match keyword {
        b"HELP" | b"TYPE" => {
            let (family, tail) = family(tail, if keyword == b"HELP" { "HELP" } else { "TYPE" })?;
            // Exactly one byte stands between, whatever it is: so does Prometheus read it.
            let text = tail.get(1..).unwrap_or_default();
            if keyword == b"HELP" {
                return Ok(Some(help(family, text)));
            }
            let kind = match text {
                b"counter" => MetricType::Counter,
                b"gauge" => MetricType::Gauge,
                b"histogram" => MetricType::Histogram,
                b"summary" => MetricType::Summary,
                b"untyped" => MetricType::Unknown,
                other => return Err(format!("invalid metric type {}", shown(other))),
            };
            Ok(Some(Event::Type { family, kind }))
        }
        _ => Ok(None),
    }
}

fn open_comment(comment: &[u8]) -> Fallible<Option<Event<'_>>> {
    let Some((keyword, rest)) =
        [&b"# HELP "[..], b"# TYPE ", b"# UNIT "].into_iter().find_map(|keyword| {
            comment.strip_prefix(keyword).map(|rest| (&keyword[2..keyword.len() - 1], rest))
        })
    else {
        return Err("expected HELP, TYPE, UNIT or EOF after #".to_owned());
    };
    let (family, tail) = family(rest, std::str::from_utf8(keyword).unwrap_or_default())?;
    let Some((b' ', text)) = tail.split_first() else {
        return Err(format!("expected a blank after the metric name, found {}", shown(tail)));
    };
    match keyword {
        b"HELP" => Ok(Some(help(family, text))),
        b"UNIT" => {
            let unit =
                std::str::from_utf8(text).map_err(|_| "the unit is not valid UTF-8".to_owned())?;
            let base = family.strip_suffix(unit);
            if !unit.is_empty() && !base.is_some_and(|base| base.ends_with('_')) {
                return Err(format!("unit {unit:?} is not a suffix of metric {family:?}"));
            }
            Ok(Some(Event::Unit { family, unit }))
        }
        _ => {
            let kind = match text {
                b"counter" => MetricType::Counter,
                b"gauge" => MetricType::Gauge,
                b"histogram" => MetricType::Histogram,
                b"gaugehistogram" => MetricType::GaugeHistogram,
                b"summary" => MetricType::Summary,
                b"info" => MetricType::Info,
                b"stateset" => MetricType::StateSet,
                b"unknown" => MetricType::Unknown,
                other => return Err(format!("invalid metric type {}", shown(other))),
            };
            Ok(Some(Event::Type { family, kind }))
        }
    }
}

/// The name, bare or quoted, and what follows it.
fn family<'a>(text: &'a [u8], keyword: &str) -> Fallible<(Cow<'a, str>, &'a [u8])> {
    let utf8 = |bytes| {
        std::str::from_utf8(bytes).map_err(|_| "the metric name is not valid UTF-8".to_owned())
    };
    if text.first() == Some(&b'"') {
        let (length, escaped) = quoted(text).ok_or("the quoted text does not end")?;
        let name = utf8(&text[1..length - 1])?;
        let name = if escaped { Cow::Owned(unescape(name)) } else { Cow::Borrowed(name) };
        return Ok((name, &text[length..]));
    }
    match bare_name(text) {
        0 => Err(format!("expected a metric name after {keyword}, found {}", shown(text))),
        length => Ok((Cow::Borrowed(utf8(&text[..length])?), &text[length..])),
    }
}

fn help<'a>(family: Cow<'a, str>, text: &'a [u8]) -> Event<'a> {
    let text = String::from_utf8_lossy(text);
    let help = if text.contains('\\') { Cow::Owned(unescape(&text)) } else { text };
    Event::Help { family, help }
}

fn parse_integer(text: &[u8]) -> Option<Timestamp> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// At most fifty characters, quoted.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
    let mut short: String = text.chars().take(50).collect();
    if short.len() < text.len() || bytes.len() > 200 {
        short.push('…');
    }
    format!("{short:?}")
}
