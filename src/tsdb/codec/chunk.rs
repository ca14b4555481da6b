//! The body of a chunk: start timestamps and values of one kind; and what reading several chunks of
//! one series into the same columns needs.

use std::sync::Arc;

use super::bytes::{Damaged, Reader};
use super::floats::{self, Scratch};
use super::{MOST_SAMPLES, histograms, times};
use crate::model::{Histogram, TimeRange};
use crate::storage::Columns;

/// Bit of the kind byte: histograms instead of floats.
const HISTOGRAMS: u8 = 1;
/// Bit of the kind byte: a column of start timestamps comes first.
const STARTS: u8 = 2;

/// Values of one chunk.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Float samples.
    Floats(&'a [f64]),
    /// Native histograms.
    Histograms(&'a [Arc<Histogram>]),
}

/// Kind byte of a chunk.
pub fn kind(starts: &[i64], values: Values<'_>) -> u8 {
    let histograms = if matches!(values, Values::Histograms(_)) { HISTOGRAMS } else { 0 };
    if has_starts(starts) { histograms | STARTS } else { histograms }
}

fn has_starts(starts: &[i64]) -> bool {
    starts.iter().any(|&start| start != 0)
}

/// Appends the body: start timestamps where there are any, then the values.
pub fn put(out: &mut Vec<u8>, starts: &[i64], values: Values<'_>, scratch: &mut Scratch) {
    if has_starts(starts) {
        times::put(out, starts, 0);
    }
    match values {
        Values::Floats(values) => floats::put(out, values, scratch),
        Values::Histograms(values) => histograms::put(out, values, scratch),
    }
}

/// Reads a chunk with samples at these times, and appends those in the range to the columns. After an error
/// the columns are of different lengths.
pub fn read(
    kind: u8,
    times: &[i64],
    reader: &mut Reader<'_>,
    range: TimeRange,
    into: &mut Columns,
) -> Result<(), Damaged> {
    if kind > HISTOGRAMS | STARTS {
        return Err(Damaged("an unknown kind of chunk"));
    }
    let count = times.len();
    if count > MOST_SAMPLES {
        return Err(Damaged("a chunk has too many samples"));
    }
    let from = times.partition_point(|&time| time < range.start);
    let to = times.partition_point(|&time| time <= range.end).max(from);
    let (known, starts) = if kind & HISTOGRAMS != 0 {
        (&mut into.histogram_times, &mut into.histogram_start_times)
    } else {
        (&mut into.times, &mut into.start_times)
    };
    let before = known.len();
    known.extend_from_slice(&times[from..to]);
    if kind & STARTS != 0 {
        starts.resize(before, 0);
        times::read(reader, count, 0, starts)?;
        keep(starts, before, from, to);
    } else if !starts.is_empty() {
        starts.resize(before + (to - from), 0);
    }
    if kind & HISTOGRAMS != 0 {
        histograms::read(reader, count, &mut into.histograms)?;
        keep(&mut into.histograms, before, from, to);
    } else {
        floats::read(reader, count, from..to, &mut into.values)?;
    }
    Ok(())
}

/// Keeps what lies before `before`, and of the rest what is at the places `from..to`.
fn keep<T>(column: &mut Vec<T>, before: usize, from: usize, to: usize) {
    column.truncate(before + to);
    column.drain(before..before + from);
}

/// Sorts by time and drops repeated times; of samples with the same time the first one read stays.
pub fn settle(columns: &mut Columns) {
    let Columns { times, values, start_times, histogram_times, histograms, histogram_start_times } =
        columns;
    settle_one(times, start_times, values);
    settle_one(histogram_times, histogram_start_times, histograms);
}

fn settle_one<T: Clone>(times: &mut Vec<i64>, starts: &mut Vec<i64>, values: &mut Vec<T>) {
    if times.is_sorted_by(|a, b| a < b) {
        return;
    }
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by_key(|&index| times[index]);
    order.dedup_by_key(|index| times[*index]);
    *values = order.iter().map(|&index| values[index].clone()).collect();
    if !starts.is_empty() {
        *starts = order.iter().map(|&index| starts[index]).collect();
    }
    *times = order.iter().map(|&index| times[index]).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(columns: &mut Columns, times: &[i64], starts: &[i64], range: TimeRange) {
        let values: Vec<f64> = times.iter().map(|&time| time as f64).collect();
        let mut bytes = Vec::new();
        put(&mut bytes, starts, Values::Floats(&values), &mut Scratch::default());
        let kind = kind(starts, Values::Floats(&values));
        read(kind, times, &mut Reader::new(&bytes), range, columns).unwrap();
    }

    #[test]
    fn only_the_range_is_kept() {
        let mut columns = Columns::default();
        append(&mut columns, &[1, 2, 3, 4], &[], TimeRange::new(2, 3));
        append(&mut columns, &[5, 6], &[], TimeRange::new(7, 9));
        assert_eq!(columns.times, [2, 3]);
        assert_eq!(columns.values, [2.0, 3.0]);
    }

    #[test]
    fn start_timestamps_are_padded_on_both_sides() {
        let mut columns = Columns::default();
        append(&mut columns, &[1, 2], &[], TimeRange::ALL);
        append(&mut columns, &[3, 4], &[1, 1], TimeRange::ALL);
        append(&mut columns, &[5], &[0], TimeRange::ALL);
        assert_eq!(columns.start_times, [0, 0, 1, 1, 0]);
    }

    #[test]
    fn of_equal_times_the_first_stays() {
        let mut columns = Columns {
            times: vec![3, 1, 3, 2],
            values: vec![0.0, 1.0, 2.0, 3.0],
            ..Columns::default()
        };
        settle(&mut columns);
        assert_eq!((columns.times, columns.values), (vec![1, 2, 3], vec![1.0, 3.0, 0.0]));
    }
}
