//! Taking a batch: judge every row, write the accepted ones to the log, then let them be seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::head::{Hand, Registry};
use super::log::{self, Log};
use super::store::{Inner, Tsdb};
use crate::model::{BucketSpan, Histogram, Labels, Metadata, Timestamp};
use crate::storage::{Append, AppendError, Batch, MetadataRow, Outcome, Reject, SeriesId};

/// Times beyond it (36 million years) would overflow what is computed with them.
const FARTHEST: Timestamp = 1 << 60;

/// What the writer has to know of a series, in one column for all series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// Newest sample.
    pub last: Timestamp,
    /// Its bits, if it is a float.
    pub value: u64,
    /// The segment of the log that names the series; 0 for none.
    pub segment: u32,
    /// Whether the newest sample is a histogram.
    pub histogram: bool,
}

impl Default for Column {
    fn default() -> Self {
        Self { last: Timestamp::MIN, value: 0, segment: 0, histogram: false }
    }
}

/// The one writer: log and columns.
pub(super) struct Writer {
    pub log: Log,
    columns: Vec<Column>,
    /// Windows with samples in memory, each with the number of the batch that wrote to it last.
    pub windows: BTreeMap<i64, u64>,
    /// Number of the newest batch.
    batch: u64,
    /// The segment that has all metadata.
    metadata_segment: u64,
    closed: bool,
    /// Samples of the batch that are older than the newest of their series.
    late: u64,
    // Reused from batch to batch.
    accepted: Batch,
    before: Vec<(u32, Column)>,
    named: Vec<u32>,
    bytes: Vec<u8>,
    hand: Hand,
}

/// How long ago and how far ahead a sample may be.
#[derive(Clone, Copy)]
struct Limits {
    ahead: Timestamp,
    out_of_order: i64,
}

impl Writer {
    pub fn new(log: Log, columns: Vec<Column>, windows: &BTreeSet<i64>) -> Self {
        Self {
            log,
            columns,
            windows: windows.iter().map(|&window| (window, 0)).collect(),
            batch: 0,
            metadata_segment: 0,
            closed: false,
            late: 0,
            accepted: Batch::default(),
            before: Vec::new(),
            named: Vec::new(),
            bytes: Vec::new(),
            hand: Hand::default(),
        }
    }

    /// A window that could not be sealed has its samples in memory as before.
    pub fn keep_window(&mut self, window: i64) {
        self.windows.entry(window).or_insert(self.batch);
    }

    /// Refuses further batches.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Segments and bytes of the log.
    pub fn log_size(&self) -> (u64, u64) {
        (self.log.segments(), self.log.bytes())
    }

    /// Newest sample of a series.
    pub fn last(&self, series: u32) -> Timestamp {
        self.columns.get(series as usize).map_or(Timestamp::MIN, |column| column.last)
    }

    /// Decides on a row: `Ok(true)` stores it, `Ok(false)` has it already. Changes the column of the
    /// series, so that the next row of the batch is judged by this one.
    fn judge(
        &mut self,
        registry: &Registry,
        segment: u64,
        series: SeriesId,
        time: Timestamp,
        limits: Limits,
        same: impl FnOnce(&Column) -> bool,
    ) -> Result<(u32, bool), Reject> {
        let id = u32::try_from(series.0).map_err(|_| Reject::UnknownSeries)?;
        if registry.get(id).is_none() {
            return Err(Reject::UnknownSeries);
        }
        if !(-FARTHEST..=FARTHEST).contains(&time) {
            return Err(Reject::Invalid);
        }
        if time > limits.ahead {
            return Err(Reject::TooFarInFuture);
        }
        let column = &mut self.columns[id as usize];
        if time == column.last {
            return if same(column) { Ok((id, false)) } else { Err(Reject::DuplicateTimestamp) };
        }
        if time < column.last {
            if column.last - time > limits.out_of_order {
                let allowed = limits.out_of_order > 0;
                return Err(if allowed { Reject::TooOld } else { Reject::OutOfOrder });
            }
            self.late += 1;
        }
        self.before.push((id, *column));
        if u64::from(column.segment) != segment {
            column.segment = segment as u32;
            self.named.push(id);
        }
        Ok((id, true))
    }

    /// Takes back what judging a batch changed.
    fn undo(&mut self) {
        for (id, column) in self.before.drain(..).rev() {
            self.columns[id as usize] = column;
        }
    }
}

impl Inner {
    fn limits(&self) -> Limits {
        let millis =
            |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let limit = self.config.future_limit;
        let ahead = limit.map_or(i64::MAX, |limit| self.clock.now().saturating_add(millis(limit)));
        Limits { ahead, out_of_order: millis(self.settings.read().out_of_order) }
    }

    fn append(&self, batch: &Batch) -> Result<Outcome, AppendError> {
        let (outcome, number) = self.take(batch)?;
        // The writer is free again: others append while this one waits, and one sync serves all.
        if self.config.sync
            && let Some(number) = number
        {
            self.progress.wait(number).map_err(|err| self.log_failed(err))?;
        }
        Ok(outcome)
    }

    fn log_failed(&self, err: std::io::Error) -> AppendError {
        self.counters.log_failures.fetch_add(1, Ordering::Relaxed);
        AppendError::Log(err)
    }

    /// Stores a batch; gives what to wait for if it must be on the disk.
    fn take(&self, batch: &Batch) -> Result<(Outcome, Option<u64>), AppendError> {
        let limits = self.limits();
        let writer = &mut *self.writer.lock();
        if writer.closed {
            return Err(AppendError::Closed);
        }
        if batch.is_empty() {
            return Ok((Outcome::default(), None));
        }
        let registry = self.registry.read();
        let segment = writer.log.segment().map_err(|err| self.log_failed(err))?;
        writer.columns.resize(registry.numbers(), Column::default());
        writer.accepted.clear();
        writer.before.clear();
        writer.named.clear();
        let mut late = [0; 2];
        let mut outcome = judge_batch(writer, &registry, segment, batch, limits, &mut late);
        if batch.whole && outcome.has_rejected() {
            writer.undo();
            self.count_rejected(&outcome);
            outcome.appended = 0;
            return Ok((outcome, None));
        }
        self.take_rest(writer, &registry, segment, batch);
        let mut number = None;
        if !writer.accepted.is_empty() {
            match self.write(writer, &registry) {
                Ok(written) => number = Some(written),
                Err(err) => {
                    writer.undo();
                    return Err(self.log_failed(err));
                }
            }
            writer.metadata_segment = segment;
            self.show(writer, &registry);
        }
        self.counters.appended.fetch_add(outcome.appended as u64, Ordering::Relaxed);
        for (counter, late) in self.counters.late.iter().zip(late) {
            counter.fetch_add(late, Ordering::Relaxed);
        }
        self.count_rejected(&outcome);
        Ok((outcome, number))
    }

    fn count_rejected(&self, outcome: &Outcome) {
        let kinds = [&outcome.rejected_floats, &outcome.rejected_histograms];
        for (kind, rows) in kinds.into_iter().enumerate() {
            for (_, reason) in rows {
                match reason {
                    Reject::OutOfOrder => &self.counters.refused_late[kind],
                    Reject::TooOld => &self.counters.too_old[kind],
                    _ => continue,
                }
                .fetch_add(1, Ordering::Relaxed);
            }
        }
        let rejected = outcome.rejected_floats.len() + outcome.rejected_histograms.len();
        self.counters.rejected.fetch_add(rejected as u64, Ordering::Relaxed);
    }

    /// Exemplars of known series, and metadata: what is new, or all of it where a segment begins.
    fn take_rest(&self, writer: &mut Writer, registry: &Registry, segment: u64, batch: &Batch) {
        let known = |id: SeriesId| u32::try_from(id.0).is_ok_and(|id| registry.get(id).is_some());
        let Batch { exemplars, metadata, .. } = &mut writer.accepted;
        exemplars.extend(batch.exemplars.iter().filter(|row| known(row.series)).cloned());
        for row in &exemplars[..] {
            // An exemplar does not name its series in the log, a sample of the series does.
            let id = row.series.0 as u32;
            if let Some(column) = writer.columns.get_mut(id as usize)
                && u64::from(column.segment) != segment
            {
                writer.before.push((id, *column));
                column.segment = segment as u32;
                writer.named.push(id);
            }
        }
        let stored = self.metadata.read();
        if writer.metadata_segment != segment {
            metadata.extend(stored.iter().flat_map(|(family, all)| {
                let row = |metadata: &Metadata| MetadataRow {
                    family: family.clone(),
                    metadata: metadata.clone(),
                };
                all.iter().map(row)
            }));
        }
        let new = |row: &&MetadataRow| {
            stored.get(&row.family).is_none_or(|known| !known.contains(&row.metadata))
        };
        metadata.extend(batch.metadata.iter().filter(new).cloned());
    }

    fn write(&self, writer: &mut Writer, registry: &Registry) -> std::io::Result<u64> {
        let Writer { log, accepted, named, bytes, hand, .. } = writer;
        bytes.clear();
        let named: Vec<_> = named.iter().filter_map(|&id| registry.get(id)).collect();
        let named = named.iter().map(|series| (series.id, &series.labels));
        log::put_frame(bytes, |out| {
            log::put(out, named, &self.symbols, accepted, &mut hand.scratch);
        });
        let times = accepted.floats.iter().map(|row| row.time);
        let times = times.chain(accepted.histograms.iter().map(|row| row.time));
        let mut before = None;
        let windows: BTreeSet<i64> = times
            .map(|time| time.div_euclid(self.window))
            .filter(|&window| before.replace(window) != Some(window))
            .collect();
        let number = log.append(bytes, windows.iter().copied())?;
        writer.batch += 1;
        writer.windows.extend(windows.into_iter().map(|window| (window, writer.batch)));
        Ok(number)
    }

    /// Makes the accepted rows visible, all at once.
    fn show(&self, writer: &mut Writer, registry: &Registry) {
        let Writer { accepted, hand, .. } = writer;
        let Batch { floats, histograms, exemplars, metadata, whole: _ } = accepted;
        let mut newest = Timestamp::MIN;
        {
            let _gate = self.gate.write();
            for row in floats {
                if let Some(series) = registry.get(row.series.0 as u32) {
                    newest = newest.max(row.time);
                    let (start, value) = (row.start_time, row.value);
                    series.push_float(self.window, row.time, start, value, hand);
                }
            }
            for row in histograms {
                if let Some(series) = registry.get(row.series.0 as u32) {
                    newest = newest.max(row.time);
                    let (start, value) = (row.start_time, &row.value);
                    let scratch = &mut hand.scratch;
                    series.push_histogram(self.window, row.time, start, value, scratch);
                }
            }
        }
        self.newest.fetch_max(newest, Ordering::Relaxed);
        if !exemplars.is_empty() {
            let mut ring = self.exemplars.lock();
            for row in exemplars {
                ring.push(row.series.0 as u32, &row.exemplar);
            }
        }
        if !metadata.is_empty() {
            let mut stored = self.metadata.write();
            for row in metadata.drain(..) {
                let known = stored.entry(row.family).or_default();
                if !known.contains(&row.metadata) {
                    known.push(row.metadata);
                }
            }
        }
    }
}

/// Judges every sample; the accepted ones are left in the writer.
fn judge_batch(
    writer: &mut Writer,
    registry: &Registry,
    segment: u64,
    batch: &Batch,
    limits: Limits,
    late: &mut [u64; 2],
) -> Outcome {
    let mut outcome = Outcome::default();
    writer.late = 0;
    for (row, sample) in (0..).zip(&batch.floats) {
        let bits = sample.value.to_bits();
        let same = |column: &Column| !column.histogram && column.value == bits;
        match writer.judge(registry, segment, sample.series, sample.time, limits, same) {
            Ok((id, new)) => {
                outcome.appended += 1;
                if new {
                    let column = &mut writer.columns[id as usize];
                    if sample.time > column.last {
                        (column.last, column.value) = (sample.time, bits);
                        column.histogram = false;
                    }
                    writer.accepted.floats.push(*sample);
                }
            }
            Err(reason) => outcome.rejected_floats.push((row, reason)),
        }
    }
    late[0] = std::mem::take(&mut writer.late);
    for (row, sample) in (0..).zip(&batch.histograms) {
        if !is_valid(&sample.value) {
            outcome.rejected_histograms.push((row, Reject::Invalid));
            continue;
        }
        let pending = writer.accepted.histograms.iter().rfind(|row| row.series == sample.series);
        let newest = match pending {
            Some(row) => Some(Arc::clone(&row.value)),
            None => u32::try_from(sample.series.0)
                .ok()
                .and_then(|id| registry.get(id)?.last_histogram()),
        };
        let same =
            |column: &Column| column.histogram && newest.is_some_and(|n| equal(&n, &sample.value));
        match writer.judge(registry, segment, sample.series, sample.time, limits, same) {
            Ok((id, new)) => {
                outcome.appended += 1;
                if new {
                    let column = &mut writer.columns[id as usize];
                    if sample.time > column.last {
                        (column.last, column.histogram) = (sample.time, true);
                    }
                    writer.accepted.histograms.push(sample.clone());
                }
            }
            Err(reason) => outcome.rejected_histograms.push((row, reason)),
        }
    }
    late[1] = std::mem::take(&mut writer.late);
    outcome
}

/// Equal, where a NaN equals itself.
fn equal(a: &Histogram, b: &Histogram) -> bool {
    a == b || (a.is_stale() && b.is_stale())
}

/// Whether the layout fits the buckets.
fn is_valid(histogram: &Histogram) -> bool {
    let fits = |spans: &[BucketSpan], buckets: &[f64]| {
        let length: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
        length == buckets.len() as u64 && spans.iter().skip(1).all(|span| span.offset >= 0)
    };
    let custom = histogram.schema == Histogram::CUSTOM;
    fits(&histogram.positive_spans, &histogram.positive)
        && fits(&histogram.negative_spans, &histogram.negative)
        && histogram.positive.len().max(histogram.negative.len()) < 1 << 16
        && (custom || (-4..=8).contains(&histogram.schema))
        && (custom || histogram.custom_values.is_empty())
}

impl Append for Tsdb {
    fn register(&self, labels: &Labels) -> Result<SeriesId, AppendError> {
        self.inner.register(labels)
    }

    fn append(&self, batch: &Batch) -> Result<Outcome, AppendError> {
        self.inner.append(batch)
    }
}
