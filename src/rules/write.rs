//! Writing the series that a rule gives into the store, and ending those it gives no more.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Histogram, Labels, STALE_NAN, Timestamp};
use crate::storage::{
    Append, AppendError, Batch, FloatRow, HistogramRow, Outcome, Reject, SeriesId,
};

/// One point of a rule's result.
#[derive(Debug, Clone)]
pub(super) enum Point {
    Float(f64),
    Histogram(Arc<Histogram>),
}

/// Series that the last successful evaluation of a rule wrote.
pub(super) type Written = HashMap<Labels, SeriesId>;

/// Why a rule's result is not, or not wholly, in the store.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error("{count} of the samples were rejected: {reason}")]
    Rejected { count: usize, reason: &'static str },
}

/// Writes the rows at one time, and a stale marker for each series of `written` that is not among
/// them. Afterwards `written` holds the series of these rows.
pub(super) fn write(
    store: &dyn Append,
    rows: Vec<(Labels, Point)>,
    at: Timestamp,
    written: &mut Written,
) -> Result<(), WriteError> {
    let mut now = Written::with_capacity(rows.len());
    let mut batch = Batch::default();
    let mut owners = Vec::with_capacity(rows.len());
    for (labels, point) in rows {
        let series = match written.get(&labels) {
            Some(series) => *series,
            None => store.register(&labels)?,
        };
        match point {
            Point::Float(value) => {
                batch.floats.push(FloatRow { series, time: at, start_time: 0, value });
            }
            Point::Histogram(value) => {
                batch.histograms.push(HistogramRow { series, time: at, start_time: 0, value });
            }
        }
        owners.push((series, labels.clone()));
        now.insert(labels, series);
    }
    let results = batch.floats.len();
    for (labels, series) in written.iter() {
        if !now.contains_key(labels) {
            let row = FloatRow { series: *series, time: at, start_time: 0, value: STALE_NAN };
            batch.floats.push(row);
        }
    }
    let outcome = store.append(&batch)?;
    // A stale marker that is not taken (the store forgot the series, another rule goes on writing
    // it) is not missed: only results count.
    let floats = outcome.rejected_floats.iter().filter(|(row, _)| (*row as usize) < results);
    let rejected = floats.chain(&outcome.rejected_histograms).map(|(_, reason)| *reason);
    let (forgotten, mut lost): (Vec<_>, Vec<_>) =
        rejected.partition(|reason| *reason == Reject::UnknownSeries);
    if !forgotten.is_empty() {
        // The store forgets series that were silent for long: register them again, once.
        let again = register_again(store, &batch, &outcome, &owners, &mut now)?;
        let outcome = store.append(&again)?;
        let rejected = outcome.rejected_floats.iter().chain(&outcome.rejected_histograms);
        lost.extend(rejected.map(|(_, reason)| *reason));
    }
    *written = now;
    match lost.first() {
        None => Ok(()),
        Some(first) => Err(WriteError::Rejected { count: lost.len(), reason: sentence(*first) }),
    }
}

/// Ends the series at the given time.
pub(super) fn end(store: &dyn Append, written: &mut Written, at: Timestamp) {
    if let Err(error) = write(store, Vec::new(), at, written) {
        tracing::warn!(%at, "cannot mark the series of removed rules as ended: {error}");
    }
}

fn register_again(
    store: &dyn Append,
    batch: &Batch,
    outcome: &Outcome,
    owners: &[(SeriesId, Labels)],
    now: &mut Written,
) -> Result<Batch, AppendError> {
    let owner: HashMap<SeriesId, &Labels> =
        owners.iter().map(|(id, labels)| (*id, labels)).collect();
    let mut again = Batch::default();
    let mut register = |series: SeriesId| -> Result<Option<SeriesId>, AppendError> {
        let Some(labels) = owner.get(&series) else { return Ok(None) };
        let series = store.register(labels)?;
        now.insert((*labels).clone(), series);
        Ok(Some(series))
    };
    for (index, reason) in &outcome.rejected_floats {
        let row = batch.floats[*index as usize];
        if *reason == Reject::UnknownSeries
            && let Some(series) = register(row.series)?
        {
            again.floats.push(FloatRow { series, ..row });
        }
    }
    for (index, reason) in &outcome.rejected_histograms {
        let row = batch.histograms[*index as usize].clone();
        if *reason == Reject::UnknownSeries
            && let Some(series) = register(row.series)?
        {
            again.histograms.push(HistogramRow { series, ..row });
        }
    }
    Ok(again)
}

fn sentence(reason: Reject) -> &'static str {
    match reason {
        Reject::OutOfOrder => "out of order sample",
        Reject::DuplicateTimestamp => "duplicate sample for timestamp",
        Reject::TooOld => "too old sample",
        Reject::TooFarInFuture => "sample too far in the future",
        Reject::UnknownSeries => "unknown series",
        Reject::Invalid => "invalid sample",
    }
}
