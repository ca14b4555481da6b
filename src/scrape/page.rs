//! A target's page from scrape to scrape: which text stands for which series, what is new, what is
//! gone.
//!
//! The series texts of the last page are kept in their order. A line that begins with the text that
//! stood at the same place costs one comparison; one that moved costs a hash; only a new one is taken
//! apart, relabelled and registered.

use std::collections::HashSet;
use std::sync::Arc;

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::config::Job;
use super::labels::series_labels;
use super::text::{Event, Format, Item, Point, Reader, Sample, TextError};
use crate::model::{Labels, METRIC_NAME, Metadata, MetricType, STALE_NAN, Timestamp};
use crate::storage::{
    Append, AppendError, Batch, ExemplarRow, FloatRow, MetadataRow, Outcome, Reject, SeriesId,
};

/// Samples further ahead of the clock are not taken.
const MAX_AHEAD: i64 = 10 * 60_000;

/// A page that cannot be taken; nothing of it is stored.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A line cannot be read.
    #[error("{0}")]
    Text(#[from] TextError),
    /// A series is not allowed (label limits, no name, a name twice).
    #[error("{0}")]
    Series(String),
    /// More samples than allowed.
    #[error("sample limit exceeded")]
    SampleLimit,
    /// The store cannot register a series.
    #[error("{0}")]
    Store(#[from] AppendError),
}

/// What a scrape brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Sample lines.
    pub scraped: u64,
    /// Those that relabelling kept.
    pub kept: u64,
    /// Series not seen before.
    pub added: u64,
    /// Samples dropped for being a second one.
    pub duplicates: u64,
    /// Samples dropped for being too far in the future.
    pub ahead: u64,
}

struct Entry {
    start: u32,
    length: u32,
    /// Generation of the last page it stood on.
    seen: u32,
    /// Place on the last page.
    place: u32,
    /// `None` where relabelling drops it.
    series: Option<SeriesId>,
    /// Whether it gets a stale marker when it is gone.
    tracked: bool,
    /// Type that the page declared when the text was new: the form of bounds depends on it.
    kind: MetricType,
}

/// Where a row of the batch comes from.
#[derive(Clone, Copy)]
enum Origin {
    Entry(u32),
    Report(u8),
    Stale,
}

/// The synthetic series, in the order of [`Report::values`].
const REPORTS: [&str; 8] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
];

/// What is stored of every scrape, also of a failed one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Whether the scrape succeeded.
    pub up: bool,
    /// How long it took.
    pub seconds: f64,
    /// What it brought.
    pub counts: Counts,
    /// Timeout, sample limit and body size, where they are asked for.
    pub extra: Option<[f64; 3]>,
}

impl Report {
    fn values(&self) -> impl Iterator<Item = f64> {
        let Counts { scraped, kept, added, .. } = self.counts;
        let up = f64::from(u8::from(self.up));
        [up, self.seconds, scraped as f64, kept as f64, added as f64]
            .into_iter()
            .chain(self.extra.into_iter().flatten())
    }
}

/// Cache and batch of one target.
pub struct Page {
    job: Arc<Job>,
    target: Labels,
    text: Vec<u8>,
    entries: Vec<Entry>,
    index: HashTable<u32>,
    order: Vec<u32>,
    next_order: Vec<u32>,
    generation: u32,
    /// Hashes of the lines that begin with `#`, and the type that a line declares.
    comments: Vec<(u64, Option<MetricType>)>,
    /// Series of the target's former life, until the first page shows which go on.
    carried: Vec<SeriesId>,
    reports: [Option<SeriesId>; REPORTS.len()],
    batch: Batch,
    origins: Vec<Origin>,
}

impl Page {
    /// Empty. `carried` are live series of the same target under former settings.
    pub fn new(job: Arc<Job>, target: Labels, carried: Vec<SeriesId>) -> Self {
        Self {
            job,
            target,
            text: Vec::new(),
            entries: Vec::new(),
            index: HashTable::new(),
            order: Vec::new(),
            next_order: Vec::new(),
            generation: 0,
            comments: Vec::new(),
            carried,
            reports: [None; REPORTS.len()],
            batch: Batch::default(),
            origins: Vec::new(),
        }
    }

    /// Reads a page into the batch. `time` is the scrape's, `now` the clock's. On an error nothing is
    /// in the batch, and the counts are those reached.
    pub fn read(
        &mut self,
        body: &[u8],
        format: Format,
        time: Timestamp,
        now: Timestamp,
        store: &dyn Append,
    ) -> (Counts, Result<(), PageError>) {
        let mut counts = Counts::default();
        let result = self
            .keep_reports(store)
            .and_then(|()| self.read_lines(body, format, time, now, store, &mut counts));
        let limit = self.job.limits.samples;
        let result = match result {
            Ok(()) if limit > 0 && counts.kept > limit => Err(PageError::SampleLimit),
            result => result,
        };
        match result {
            Ok(()) => self.mark_gone(time),
            Err(_) => self.clear_batch(),
        }
        (counts, result)
    }

    fn clear_batch(&mut self) {
        self.batch.clear();
        self.origins.clear();
    }

    fn read_lines(
        &mut self,
        body: &[u8],
        format: Format,
        time: Timestamp,
        now: Timestamp,
        store: &dyn Append,
        counts: &mut Counts,
    ) -> Result<(), PageError> {
        self.generation = self.generation.wrapping_add(1);
        self.next_order.clear();
        self.clear_batch();
        let mut reader = Reader::new(body, format);
        let mut cursor = 0;
        let mut comment = 0;
        let mut comments_changed = false;
        let mut kind = MetricType::Unknown;
        loop {
            let expected = self.order.get(cursor).copied();
            let text = expected.map_or(&[][..], |entry| self.text_of(entry));
            match reader.next(text)? {
                None => break,
                Some(Item::Expected(point)) => {
                    // Only an expected text can be found again.
                    let Some(entry) = expected else { break };
                    cursor += 1;
                    self.take(entry, &point, time, now, counts);
                }
                Some(Item::Sample(sample)) => {
                    let entry = match self.find(sample.series) {
                        Some(entry) => {
                            let place = self.entries[entry as usize].place as usize;
                            if self.order.get(place) == Some(&entry) {
                                cursor = place + 1;
                            }
                            entry
                        }
                        None => {
                            let entry = self.learn(&sample, kind, store)?;
                            counts.added +=
                                u64::from(self.entries[entry as usize].series.is_some());
                            entry
                        }
                    };
                    self.take(entry, &sample.point, time, now, counts);
                }
                Some(Item::Comment(line)) => {
                    let hash = xxh3_64(line);
                    match self.comments.get(comment) {
                        Some((known, declared)) if *known == hash => {
                            kind = declared.unwrap_or(kind);
                        }
                        _ => {
                            let declared = match reader.describe(line)? {
                                Some(Event::Type { kind, .. }) => Some(kind),
                                _ => None,
                            };
                            kind = declared.unwrap_or(kind);
                            comments_changed = true;
                            match self.comments.get_mut(comment) {
                                Some(slot) => *slot = (hash, declared),
                                None => self.comments.push((hash, declared)),
                            }
                        }
                    }
                    comment += 1;
                }
            }
        }
        self.comments.truncate(comment);
        if comments_changed {
            self.batch.metadata.extend(metadata(body, format));
        }
        Ok(())
    }

    fn text_of(&self, entry: u32) -> &[u8] {
        let Entry { start, length, .. } = self.entries[entry as usize];
        &self.text[start as usize..(start + length) as usize]
    }

    fn find(&self, series: &str) -> Option<u32> {
        let hash = xxh3_64(series.as_bytes());
        self.index.find(hash, |&entry| self.text_of(entry) == series.as_bytes()).copied()
    }

    /// Takes apart, relabels and registers a series that was not on the last pages.
    fn learn(
        &mut self,
        sample: &Sample<'_>,
        kind: MetricType,
        store: &dyn Append,
    ) -> Result<u32, PageError> {
        let labels = series_labels(sample.pairs(), kind, &self.target, &self.job)
            .map_err(PageError::Series)?;
        let series = labels.map(|labels| store.register(&labels)).transpose()?;
        let text = sample.series.as_bytes();
        let index = self.entries.len() as u32;
        // Longer pages than 4 GiB are never read.
        let (start, length) = (self.text.len() as u32, text.len() as u32);
        self.text.extend_from_slice(text);
        let seen = self.generation.wrapping_sub(1);
        self.entries.push(Entry {
            start,
            length,
            seen,
            place: u32::MAX,
            series,
            tracked: false,
            kind,
        });
        let Self { index: table, entries, text: arena, .. } = self;
        table.insert_unique(xxh3_64(text), index, |&entry| {
            let Entry { start, length, .. } = entries[entry as usize];
            xxh3_64(&arena[start as usize..(start + length) as usize])
        });
        Ok(index)
    }

    #[inline]
    fn take(
        &mut self,
        index: u32,
        point: &Point<'_>,
        time: Timestamp,
        now: Timestamp,
        counts: &mut Counts,
    ) {
        counts.scraped += 1;
        let entry = &mut self.entries[index as usize];
        entry.place = self.next_order.len() as u32;
        self.next_order.push(index);
        let seen_before = entry.seen == self.generation;
        entry.seen = self.generation;
        let Some(series) = entry.series else { return };
        counts.kept += 1;
        let own_time = point.time.filter(|_| self.job.honor_timestamps);
        entry.tracked = own_time.is_none() || self.job.track_timestamps_staleness;
        if seen_before && own_time.is_none() {
            counts.duplicates += 1;
            return;
        }
        let time = own_time.unwrap_or(time);
        if time > now.saturating_add(MAX_AHEAD) {
            counts.ahead += 1;
            return;
        }
        self.batch.floats.push(FloatRow { series, time, start_time: 0, value: point.value });
        self.origins.push(Origin::Entry(index));
        if let Some(exemplar) = &point.exemplar {
            self.batch.exemplars.push(ExemplarRow { series, exemplar: exemplar.to_exemplar(time) });
        }
    }

    /// Marks what stood on the last page and not on this one, and makes this page the last.
    fn mark_gone(&mut self, time: Timestamp) {
        let gone: Vec<SeriesId> = self
            .order
            .iter()
            .map(|&entry| &self.entries[entry as usize])
            .filter(|entry| entry.seen != self.generation && entry.tracked)
            .filter_map(|entry| entry.series)
            .chain(self.carried.drain(..))
            .collect();
        if !gone.is_empty() {
            // Another text, or a former life, may stand for a series that is still there.
            let here =
                self.next_order.iter().filter_map(|&entry| self.entries[entry as usize].series);
            let mut done: HashSet<SeriesId> =
                here.chain(self.reports.into_iter().flatten()).collect();
            for series in gone {
                if done.insert(series) {
                    self.push_stale(series, time);
                }
            }
        }
        std::mem::swap(&mut self.order, &mut self.next_order);
        if self.entries.len() > 2 * self.order.len() + 64 {
            self.forget_unseen();
        }
    }

    fn push_stale(&mut self, series: SeriesId, time: Timestamp) {
        self.batch.floats.push(FloatRow { series, time, start_time: 0, value: STALE_NAN });
        self.origins.push(Origin::Stale);
    }

    /// Drops the texts that are not on the last page. Rows of the batch refer to entries, so they are
    /// renumbered with them.
    fn forget_unseen(&mut self) {
        let mut text = Vec::new();
        let mut renumbered = vec![u32::MAX; self.entries.len()];
        let mut entries = Vec::with_capacity(self.order.len());
        for (old, entry) in self.entries.iter().enumerate() {
            if entry.seen == self.generation {
                renumbered[old] = entries.len() as u32;
                let start = text.len() as u32;
                let from = entry.start as usize;
                text.extend_from_slice(&self.text[from..from + entry.length as usize]);
                entries.push(Entry { start, ..*entry });
            }
        }
        self.order.iter_mut().for_each(|entry| *entry = renumbered[*entry as usize]);
        for origin in &mut self.origins {
            if let Origin::Entry(entry) = origin {
                *entry = renumbered[*entry as usize];
            }
        }
        self.index.clear();
        let hash = |entry: &Entry| {
            xxh3_64(&text[entry.start as usize..(entry.start + entry.length) as usize])
        };
        for (index, entry) in entries.iter().enumerate() {
            self.index
                .insert_unique(hash(entry), index as u32, |&other| hash(&entries[other as usize]));
        }
        self.text = text;
        self.entries = entries;
    }

    /// A target's former life had the same synthetic series: they go on and are no stale ones.
    fn keep_reports(&mut self, store: &dyn Append) -> Result<(), PageError> {
        if !self.carried.is_empty() {
            for index in 0..REPORTS.len() {
                self.report_series(index, store)?;
            }
            let reports = self.reports;
            self.carried.retain(|series| !reports.contains(&Some(*series)));
        }
        Ok(())
    }

    /// Puts stale markers of everything that stood on the last page into the batch: the scrape failed.
    pub fn fail(&mut self, time: Timestamp, store: &dyn Append) {
        self.clear_batch();
        // Without the store's answer the markers could not be stored either.
        let _ = self.keep_reports(store);
        for series in self.take_live() {
            self.push_stale(series, time);
        }
    }

    /// Ends the page: stale markers of everything, the synthetic series included.
    pub fn end(&mut self, time: Timestamp, store: &dyn Append) {
        self.fail(time, store);
        for series in self.reports.into_iter().flatten() {
            self.push_stale(series, time);
        }
    }

    /// Series that would need a stale marker if the target ended now.
    pub fn into_live(mut self) -> Vec<SeriesId> {
        let mut live = self.take_live();
        live.extend(self.reports.into_iter().flatten());
        live
    }

    fn take_live(&mut self) -> Vec<SeriesId> {
        let order = std::mem::take(&mut self.order);
        let mut done = HashSet::new();
        order
            .into_iter()
            .map(|entry| &self.entries[entry as usize])
            .filter(|entry| entry.tracked)
            .filter_map(|entry| entry.series)
            .chain(self.carried.drain(..))
            .filter(|series| done.insert(*series))
            .collect()
    }

    /// Adds the synthetic series and stores the batch. Returns what became of the samples themselves;
    /// the rows of `Outcome` are not meaningful outside.
    pub fn store(
        &mut self,
        report: &Report,
        time: Timestamp,
        store: &dyn Append,
    ) -> Result<Rejected, AppendError> {
        for (index, value) in report.values().enumerate() {
            let series = self.report_series(index, store)?;
            self.batch.floats.push(FloatRow { series, time, start_time: 0, value });
            self.origins.push(Origin::Report(index as u8));
        }
        self.flush(store)
    }

    /// Stores the batch as it is.
    pub fn flush(&mut self, store: &dyn Append) -> Result<Rejected, AppendError> {
        let outcome = store.append(&self.batch)?;
        let (mut rejected, forgotten) = self.count(&outcome);
        if !forgotten.is_empty() {
            // The store forgot them meanwhile: register again, and only these rows once more.
            let mut again = Batch::default();
            for row in forgotten {
                let mut float = self.batch.floats[row as usize];
                if let Some(series) = self.register_again(self.origins[row as usize], store)? {
                    float.series = series;
                    again.floats.push(float);
                }
            }
            let outcome = store.append(&again)?;
            rejected.other += outcome.rejected_floats.len() as u64;
        }
        self.clear_batch();
        Ok(rejected)
    }

    fn count(&self, outcome: &Outcome) -> (Rejected, Vec<u32>) {
        let mut rejected = Rejected::default();
        let mut forgotten = Vec::new();
        for (row, reason) in &outcome.rejected_floats {
            match (reason, self.origins[*row as usize]) {
                (_, Origin::Stale) => {}
                (Reject::UnknownSeries, _) => forgotten.push(*row),
                (Reject::OutOfOrder, _) => rejected.out_of_order += 1,
                (Reject::DuplicateTimestamp, _) => rejected.duplicates += 1,
                (Reject::TooOld | Reject::TooFarInFuture, _) => rejected.out_of_bounds += 1,
                (Reject::Invalid, _) => rejected.other += 1,
            }
        }
        (rejected, forgotten)
    }

    fn register_again(
        &mut self,
        origin: Origin,
        store: &dyn Append,
    ) -> Result<Option<SeriesId>, AppendError> {
        match origin {
            Origin::Stale => Ok(None),
            Origin::Report(index) => {
                self.reports[index as usize] = None;
                self.report_series(index as usize, store).map(Some)
            }
            Origin::Entry(index) => {
                let series = std::str::from_utf8(self.text_of(index)).unwrap_or_default();
                let point = Point { value: 0.0, time: None, exemplar: None };
                let pairs = Sample { series, point }.pairs();
                let kind = self.entries[index as usize].kind;
                let labels = series_labels(pairs, kind, &self.target, &self.job);
                let Ok(Some(labels)) = labels else { return Ok(None) };
                let series = store.register(&labels)?;
                self.entries[index as usize].series = Some(series);
                Ok(Some(series))
            }
        }
    }

    fn report_series(&mut self, index: usize, store: &dyn Append) -> Result<SeriesId, AppendError> {
        if let Some(series) = self.reports[index] {
            return Ok(series);
        }
        let mut labels = self.target.to_builder();
        labels.set(METRIC_NAME, REPORTS[index]);
        let series = store.register(&labels.build())?;
        self.reports[index] = Some(series);
        Ok(series)
    }
}

/// Samples that the store did not take, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rejected {
    /// Older than the newest of their series.
    pub out_of_order: u64,
    /// Another value at the same time.
    pub duplicates: u64,
    /// Too old or too far in the future.
    pub out_of_bounds: u64,
    /// Malformed, or of a series that the store does not want.
    pub other: u64,
}

/// All metadata of a page that was read before.
fn metadata(body: &[u8], format: Format) -> Vec<MetadataRow> {
    let mut rows: Vec<MetadataRow> = Vec::new();
    let mut places: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    let mut reader = Reader::new(body, format);
    while let Ok(Some(item)) = reader.next(b"") {
        let Item::Comment(line) = item else { continue };
        let Ok(Some(event)) = reader.describe(line) else { continue };
        let family = match &event {
            Event::Help { family, .. }
            | Event::Type { family, .. }
            | Event::Unit { family, .. } => family,
            Event::Sample(_) => continue,
        };
        let place = *places.entry(family.to_string()).or_insert_with(|| {
            let metadata = Metadata::default();
            rows.push(MetadataRow { family: family.to_string(), metadata });
            rows.len() - 1
        });
        let metadata = &mut rows[place].metadata;
        match event {
            Event::Help { help, .. } => metadata.help = help.into_owned(),
            Event::Type { kind, .. } => metadata.kind = kind,
            Event::Unit { unit, .. } => unit.clone_into(&mut metadata.unit),
            Event::Sample(_) => {}
        }
    }
    rows
}

#[cfg(test)]
mod tests;
