//! A target's page from scrape to scrape: which text stands for which series, what is new, what is
//! gone.
//!
//! The series texts of the last page are known in their order. A line that begins with the text that
//! stood at the same place costs a hash, one that moved a look into a table too; only a new one is taken
//! apart, relabelled and registered.

mod known;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use self::known::{Entry, Known};
use super::config::Job;
use super::labels::series_labels;
use super::text::{Event, Format, Item, Key, Point, Reader, Sample, TextError};
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

/// Where a row of the batch comes from.
#[derive(Clone, Copy)]
enum Origin {
    Entry(u32),
    Report(u8),
    Stale,
}

/// The samples of a page on their way to the store; used again for page after page.
#[derive(Default)]
pub struct Rows {
    batch: Batch,
    origins: Vec<Origin>,
}

impl Rows {
    fn clear(&mut self) {
        self.batch.clear();
        self.origins.clear();
    }

    /// Rows that there is room for.
    pub fn capacity(&self) -> usize {
        self.origins.capacity()
    }
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
    known: Known,
    /// Numbers of the texts on the last page.
    order: Vec<u32>,
    next_order: Vec<u32>,
    generation: u32,
    /// Hashes of the lines that begin with `#`, and the type that a line declares.
    comments: Vec<(u64, Option<MetricType>)>,
    /// Series of the target's former life, until the first page shows which go on.
    carried: Vec<SeriesId>,
    reports: [Option<SeriesId>; REPORTS.len()],
    rows: Rows,
}

impl Page {
    /// Empty. `carried` are live series of the same target under former settings.
    pub fn new(job: Arc<Job>, target: Labels, carried: Vec<SeriesId>) -> Self {
        Self {
            job,
            target,
            known: Known::default(),
            order: Vec::new(),
            next_order: Vec::new(),
            generation: 0,
            comments: Vec::new(),
            carried,
            reports: [None; REPORTS.len()],
            rows: Rows::default(),
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
            Err(_) => self.rows.clear(),
        }
        (counts, result)
    }

    /// Gives the page room for its rows, which [`Self::give_rows`] takes back when they are stored: pages
    /// that are read one after the other need it only once.
    pub fn take_rows(&mut self, rows: Rows) {
        self.rows = rows;
        self.rows.clear();
    }

    /// The room for the rows.
    pub fn give_rows(&mut self) -> Rows {
        std::mem::take(&mut self.rows)
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
        self.rows.clear();
        let mut reader = Reader::new(body, format);
        let mut cursor = 0;
        let mut comment = 0;
        let mut comments_changed = false;
        let mut kind = MetricType::Unknown;
        loop {
            let expected = self.order.get(cursor).copied();
            let key = expected.map(|entry| self.known.get(entry).key);
            match reader.next(key)? {
                None => break,
                Some(Item::Expected(point)) => {
                    // Only an expected text can be found again.
                    let Some(entry) = expected else { break };
                    cursor += 1;
                    self.take(entry, &point, time, now, counts);
                }
                Some(Item::Sample(sample)) => {
                    let entry = match self.known.find(Key::of(sample.series.as_bytes())) {
                        Some(entry) => {
                            let place = self.known.get(entry).place as usize;
                            if self.order.get(place) == Some(&entry) {
                                cursor = place + 1;
                            }
                            entry
                        }
                        None => {
                            let entry = self.learn(&sample, kind, store)?;
                            counts.added += u64::from(self.known.get(entry).series.is_some());
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
            self.rows.batch.metadata.extend(metadata(body, format));
        }
        Ok(())
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
        Ok(self.known.add(Entry {
            key: Key::of(sample.series.as_bytes()),
            seen: self.generation.wrapping_sub(1),
            place: u32::MAX,
            series,
            tracked: false,
            kind,
        }))
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
        let entry = self.known.get_mut(index);
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
        self.rows.batch.floats.push(FloatRow { series, time, start_time: 0, value: point.value });
        self.rows.origins.push(Origin::Entry(index));
        if let Some(exemplar) = &point.exemplar {
            self.rows
                .batch
                .exemplars
                .push(ExemplarRow { series, exemplar: exemplar.to_exemplar(time) });
        }
    }

    /// Marks what stood on the last page and not on this one, and makes this page the last.
    fn mark_gone(&mut self, time: Timestamp) {
        let gone: Vec<SeriesId> = self
            .order
            .iter()
            .map(|&entry| self.known.get(entry))
            .filter(|entry| entry.seen != self.generation && entry.tracked)
            .filter_map(|entry| entry.series)
            .chain(self.carried.drain(..))
            .collect();
        if !gone.is_empty() {
            // Another text, or a former life, may stand for a series that is still there.
            let here = self.next_order.iter().filter_map(|&entry| self.known.get(entry).series);
            let mut done: HashSet<SeriesId> =
                here.chain(self.reports.into_iter().flatten()).collect();
            for series in gone {
                if done.insert(series) {
                    self.push_stale(series, time);
                }
            }
        }
        std::mem::swap(&mut self.order, &mut self.next_order);
        if self.known.len() > 2 * self.order.len() + 64 {
            self.forget_unseen();
        }
    }

    fn push_stale(&mut self, series: SeriesId, time: Timestamp) {
        self.rows.batch.floats.push(FloatRow { series, time, start_time: 0, value: STALE_NAN });
        self.rows.origins.push(Origin::Stale);
    }

    /// Drops the texts that are not on the last page. Rows of the batch refer to entries, so they are
    /// renumbered with them.
    fn forget_unseen(&mut self) {
        let renumbered = self.known.retain(|entry| entry.seen == self.generation);
        self.order.iter_mut().for_each(|entry| *entry = renumbered[*entry as usize]);
        for origin in &mut self.rows.origins {
            if let Origin::Entry(entry) = origin {
                *entry = renumbered[*entry as usize];
            }
        }
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
        self.rows.clear();
        // Without the store's answer the markers could not be stored either.
        let _ = self.keep_reports(store);
        for series in self.take_live() {
            self.push_stale(series, time);
        }
    }

    /// Ends the page: stores stale markers of everything, the synthetic series included.
    pub fn end(&mut self, time: Timestamp, store: &dyn Append) -> Result<(), AppendError> {
        self.fail(time, store);
        for series in self.reports.into_iter().flatten() {
            self.push_stale(series, time);
        }
        // What the store has forgotten needs no marker.
        self.flush(store).map(|_| ())
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
            .map(|entry| self.known.get(entry))
            .filter(|entry| entry.tracked)
            .filter_map(|entry| entry.series)
            .chain(self.carried.drain(..))
            .filter(|series| done.insert(*series))
            .collect()
    }

    /// Adds the synthetic series and stores the rows; `body` is the page that they were read from.
    /// Returns what became of the samples themselves; the rows of `Outcome` are not meaningful outside.
    pub fn store(
        &mut self,
        report: &Report,
        time: Timestamp,
        body: (&[u8], Format),
        store: &dyn Append,
    ) -> Result<Rejected, AppendError> {
        for (index, value) in report.values().enumerate() {
            let series = self.report_series(index, store)?;
            self.rows.batch.floats.push(FloatRow { series, time, start_time: 0, value });
            self.rows.origins.push(Origin::Report(index as u8));
        }
        let (mut rejected, forgotten) = self.flush(store)?;
        if !forgotten.is_empty() {
            rejected.other += self.store_again(&forgotten, body, store)?;
        }
        self.rows.clear();
        Ok(rejected)
    }

    /// Stores the rows as they are; gives those of series that the store has forgotten.
    fn flush(&self, store: &dyn Append) -> Result<(Rejected, Vec<u32>), AppendError> {
        let outcome = store.append(&self.rows.batch)?;
        Ok(self.count(&outcome))
    }

    /// The store forgot series meanwhile: they are registered again, and only their rows stored once
    /// more. Gives how many were rejected again.
    fn store_again(
        &mut self,
        forgotten: &[u32],
        (body, format): (&[u8], Format),
        store: &dyn Append,
    ) -> Result<u64, AppendError> {
        let mut texts = HashMap::new();
        let mut reader = Reader::new(body, format);
        while let Ok(Some(item)) = reader.next(None) {
            if let Item::Sample(sample) = item
                && let Some(entry) = self.known.find(Key::of(sample.series.as_bytes()))
            {
                texts.insert(entry, sample);
            }
        }
        let mut again = Batch::default();
        for &row in forgotten {
            let mut float = self.rows.batch.floats[row as usize];
            let origin = self.rows.origins[row as usize];
            if let Some(series) = self.register_again(origin, &texts, store)? {
                float.series = series;
                again.floats.push(float);
            }
        }
        Ok(store.append(&again)?.rejected_floats.len() as u64)
    }

    fn count(&self, outcome: &Outcome) -> (Rejected, Vec<u32>) {
        let mut rejected = Rejected::default();
        let mut forgotten = Vec::new();
        for (row, reason) in &outcome.rejected_floats {
            match (reason, self.rows.origins[*row as usize]) {
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
        texts: &HashMap<u32, Sample<'_>>,
        store: &dyn Append,
    ) -> Result<Option<SeriesId>, AppendError> {
        match origin {
            Origin::Stale => Ok(None),
            Origin::Report(index) => {
                self.reports[index as usize] = None;
                self.report_series(index as usize, store).map(Some)
            }
            Origin::Entry(index) => {
                let Some(sample) = texts.get(&index) else { return Ok(None) };
                let kind = self.known.get(index).kind;
                let labels = series_labels(sample.pairs(), kind, &self.target, &self.job);
                let Ok(Some(labels)) = labels else { return Ok(None) };
                let series = store.register(&labels)?;
                self.known.get_mut(index).series = Some(series);
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
    while let Ok(Some(item)) = reader.next(None) {
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
