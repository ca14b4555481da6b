//! One series in memory: an open frame of raw values, and sealed frames by window.

use std::sync::Arc;

use parking_lot::Mutex;

use super::times::{LastTimes, Times};
use crate::model::{Histogram, TimeRange, Timestamp};
use crate::storage::{Columns, LabelSet};
use crate::tsdb::codec::{self, Damaged, Reader, Scratch, Values, put_varint, put_zigzag};

/// Samples in an open frame; a full one is compressed.
pub(super) const FRAME: usize = 32;

/// A registered series.
#[derive(Debug)]
pub struct Series {
    /// Its number, also its place in the registry.
    pub id: u32,
    /// Its labels.
    pub labels: LabelSet,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Newest sample of any kind in order; `Timestamp::MIN` before the first.
    last: Timestamp,
    first: Timestamp,
    step: i64,
    /// Times of the open frame as soon as they are not `first + n * step`.
    irregular: Option<Arc<Times>>,
    values: Vec<f64>,
    rare: Option<Box<Rare>>,
    runs: Vec<Run>,
}

/// What most series do not have.
#[derive(Debug, Default)]
struct Rare {
    starts: Vec<Timestamp>,
    histogram_times: Vec<Timestamp>,
    histogram_starts: Vec<Timestamp>,
    histograms: Vec<Arc<Histogram>>,
}

/// Compressed frames of one window, one behind the other.
#[derive(Debug)]
struct Run {
    window: i64,
    /// Number of the partition that these frames go into; 0 as long as frames may be added.
    sealed: u64,
    oldest: Timestamp,
    newest: Timestamp,
    count: u32,
    frames: Vec<u8>,
}

/// What the one writer uses again from sample to sample.
#[derive(Debug, Default)]
pub struct Hand {
    /// Of the codec.
    pub scratch: Scratch,
    times: LastTimes,
}

/// What a query has to know of a series when it begins: later samples stay invisible to it.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// Newest visible sample.
    pub last: Timestamp,
    /// Partitions up to this number are read by the query itself.
    pub partition: u64,
}

impl State {
    fn time_at(&self, index: usize) -> Timestamp {
        match &self.irregular {
            Some(times) => times.at(index),
            None => self.first.wrapping_add(self.step.wrapping_mul(index as i64)),
        }
    }

    fn push_time(&mut self, time: Timestamp, last: &mut LastTimes) {
        let count = self.values.len();
        if let Some(times) = &self.irregular {
            if let Some(others) = last.push(times, count, time) {
                self.irregular = Some(others);
            }
        } else if count == 0 {
            self.first = time;
        } else if count == 1 {
            self.step = time.wrapping_sub(self.first);
        } else if self.time_at(count) != time {
            self.irregular = Some(last.column(count, |index| self.time_at(index), time));
        }
    }

    fn run(&mut self, window: i64) -> &mut Run {
        let open = |run: &Run| run.window == window && run.sealed == 0;
        let index = self.runs.iter().rposition(open).unwrap_or_else(|| {
            let (oldest, newest) = (Timestamp::MAX, Timestamp::MIN);
            // There are one or two, and the usual growth makes room for four.
            self.runs.reserve_exact(1);
            self.runs.push(Run { window, sealed: 0, oldest, newest, count: 0, frames: vec![] });
            self.runs.len() - 1
        });
        &mut self.runs[index]
    }

    fn close_floats(&mut self, length: i64, scratch: &mut Scratch) {
        if self.values.is_empty() {
            return;
        }
        let times: Vec<_> = (0..self.values.len()).map(|index| self.time_at(index)).collect();
        let values = std::mem::take(&mut self.values);
        let starts = self.rare.as_mut().map(|rare| std::mem::take(&mut rare.starts));
        let starts = starts.unwrap_or_default();
        self.run(times[0].div_euclid(length)).push(
            length,
            &times,
            &starts,
            Values::Floats(&values),
            scratch,
        );
        self.values = values;
        self.values.clear();
        self.irregular = None;
        self.step = 0;
    }

    fn close_histograms(&mut self, length: i64, scratch: &mut Scratch) {
        let Some(rare) = &mut self.rare else { return };
        if rare.histograms.is_empty() {
            return;
        }
        let times = std::mem::take(&mut rare.histogram_times);
        let starts = std::mem::take(&mut rare.histogram_starts);
        let histograms = std::mem::take(&mut rare.histograms);
        self.run(times[0].div_euclid(length)).push(
            length,
            &times,
            &starts,
            Values::Histograms(&histograms),
            scratch,
        );
    }
}

impl Run {
    fn push(
        &mut self,
        length: i64,
        times: &[Timestamp],
        starts: &[Timestamp],
        values: Values<'_>,
        scratch: &mut Scratch,
    ) {
        let (first, last) = (times[0], times[times.len() - 1]);
        self.oldest = self.oldest.min(first);
        self.newest = self.newest.max(last);
        self.count += 1;
        let mut body = Vec::with_capacity(64);
        codec::times::put(&mut body, times, first);
        codec::chunk::put(&mut body, starts, values, scratch);
        // Grown by a quarter only: these buffers are most of what a series takes.
        let needed = body.len() + 24;
        if self.frames.capacity() - self.frames.len() < needed {
            self.frames.reserve_exact(needed.max(self.frames.len() / 4));
        }
        let out = &mut self.frames;
        out.push(codec::chunk::kind(starts, values));
        put_varint(out, times.len() as u64);
        put_zigzag(out, first.wrapping_sub(self.window.wrapping_mul(length)));
        put_varint(out, last.wrapping_sub(first) as u64);
        put_varint(out, body.len() as u64);
        out.extend_from_slice(&body);
    }

    fn read(&self, length: i64, range: TimeRange, into: &mut Columns) -> Result<u64, Damaged> {
        let (mut decoded, mut times) = (0, Vec::new());
        let mut reader = Reader::new(&self.frames);
        while !reader.is_empty() {
            let kind = reader.byte()?;
            let count = reader.count(codec::MOST_SAMPLES)?;
            let first = self.window.wrapping_mul(length).wrapping_add(reader.zigzag()?);
            let last = first.wrapping_add(reader.varint()? as i64);
            let size = reader.count(reader.rest().len())?;
            let mut body = Reader::new(reader.take(size)?);
            if range.overlaps(TimeRange::new(first, last)) {
                times.clear();
                codec::times::read(&mut body, count, first, &mut times)?;
                codec::chunk::read(kind, &times, &mut body, range, into)?;
                decoded += 1;
            }
        }
        Ok(decoded)
    }
}

impl Series {
    /// A series without samples.
    pub fn new(id: u32, labels: LabelSet) -> Self {
        let state = State {
            last: Timestamp::MIN,
            first: 0,
            step: 0,
            irregular: None,
            values: Vec::new(),
            rare: None,
            runs: Vec::new(),
        };
        Self { id, labels, state: Mutex::new(state) }
    }

    /// Adds a float; one that is not newer than the newest becomes a frame of its own.
    pub fn push_float(
        &self,
        length: i64,
        time: Timestamp,
        start: Timestamp,
        value: f64,
        hand: &mut Hand,
    ) {
        let Hand { scratch, times } = hand;
        let state = &mut *self.state.lock();
        if time <= state.last {
            let run = state.run(time.div_euclid(length));
            run.push(length, &[time], &[start], Values::Floats(&[value]), scratch);
            return;
        }
        let full = state.values.len() == FRAME;
        if full
            || (!state.values.is_empty()
                && state.first.div_euclid(length) != time.div_euclid(length))
        {
            state.close_floats(length, scratch);
        }
        state.push_time(time, times);
        let count = state.values.len();
        // Grown by hand: the usual doubling would start at four and end above the frame.
        if count == state.values.capacity() {
            state.values.reserve_exact(if count < 8 { 8 } else { FRAME - count });
        }
        state.values.push(value);
        state.last = time;
        if start != 0 || state.rare.as_ref().is_some_and(|rare| !rare.starts.is_empty()) {
            let rare = state.rare.get_or_insert_default();
            rare.starts.resize(count, 0);
            rare.starts.push(start);
        }
    }

    /// Adds a histogram; one that is not newer than the newest becomes a frame of its own.
    pub fn push_histogram(
        &self,
        length: i64,
        time: Timestamp,
        start: Timestamp,
        value: &Arc<Histogram>,
        scratch: &mut Scratch,
    ) {
        let state = &mut *self.state.lock();
        if time <= state.last {
            let values = Values::Histograms(std::slice::from_ref(value));
            state.run(time.div_euclid(length)).push(length, &[time], &[start], values, scratch);
            return;
        }
        let window = time.div_euclid(length);
        let close = state.rare.as_ref().is_some_and(|rare| {
            let first = rare.histogram_times.first();
            rare.histograms.len() == FRAME
                || first.is_some_and(|first| first.div_euclid(length) != window)
        });
        if close {
            state.close_histograms(length, scratch);
        }
        let rare = state.rare.get_or_insert_default();
        rare.histogram_times.push(time);
        rare.histogram_starts.push(start);
        rare.histograms.push(Arc::clone(value));
        state.last = time;
    }

    /// The newest histogram, if that is what the series ended with.
    pub fn last_histogram(&self) -> Option<Arc<Histogram>> {
        let state = self.state.lock();
        state.rare.as_ref().and_then(|rare| rare.histograms.last().cloned())
    }

    /// Oldest and newest sample in memory; `None` where there is none.
    pub fn bounds(&self) -> Option<TimeRange> {
        let state = self.state.lock();
        let runs = state.runs.iter().map(|run| TimeRange::new(run.oldest, run.newest));
        let open = (!state.values.is_empty())
            .then(|| TimeRange::new(state.first, state.time_at(state.values.len() - 1)));
        let histograms = state.rare.as_ref().and_then(|rare| {
            let times = &rare.histogram_times;
            Some(TimeRange::new(*times.first()?, *times.last()?))
        });
        runs.chain(open)
            .chain(histograms)
            .reduce(|a, b| TimeRange::new(a.start.min(b.start), a.end.max(b.end)))
    }

    /// Newest sample in order, if a query that reads the partitions up to this number finds samples
    /// of the range in memory.
    pub fn visible(&self, range: TimeRange, partition: u64) -> Option<Timestamp> {
        let state = self.state.lock();
        let open = || {
            let count = state.values.len();
            count > 0 && range.overlaps(TimeRange::new(state.first, state.time_at(count - 1)))
        };
        let sealed = || {
            state.runs.iter().any(|run| {
                let elsewhere = run.sealed != 0 && run.sealed <= partition;
                !elsewhere && range.overlaps(TimeRange::new(run.oldest, run.newest))
            })
        };
        let histograms = || {
            let times = state.rare.as_ref().map(|rare| &rare.histogram_times);
            let ends = times.and_then(|times| Some((*times.first()?, *times.last()?)));
            ends.is_some_and(|(first, last)| range.overlaps(TimeRange::new(first, last)))
        };
        (open() || sealed() || histograms()).then_some(state.last)
    }

    /// Frames in memory, sealed and open.
    pub fn frames(&self) -> u64 {
        let state = self.state.lock();
        let open = u64::from(!state.values.is_empty());
        state.runs.iter().map(|run| u64::from(run.count)).sum::<u64>() + open
    }

    /// Appends what a query may see of the range to the columns, in the order in which it was stored;
    /// gives the number of decoded frames.
    pub fn read(
        &self,
        length: i64,
        range: TimeRange,
        cut: Cut,
        into: &mut Columns,
    ) -> Result<u64, Damaged> {
        let range = TimeRange::new(range.start, range.end.min(cut.last));
        let state = self.state.lock();
        let mut decoded = 0;
        for run in &state.runs {
            let elsewhere = run.sealed != 0 && run.sealed <= cut.partition;
            if !elsewhere && range.overlaps(TimeRange::new(run.oldest, run.newest)) {
                decoded += run.read(length, range, into)?;
            }
        }
        let starts = state.rare.as_ref().map_or(&[][..], |rare| &rare.starts);
        for (index, &value) in state.values.iter().enumerate() {
            let time = state.time_at(index);
            if range.contains(time) {
                let start = starts.get(index).copied().unwrap_or_default();
                pad(&mut into.start_times, into.times.len(), start);
                into.times.push(time);
                into.values.push(value);
            }
        }
        if let Some(rare) = &state.rare {
            for (index, &time) in rare.histogram_times.iter().enumerate() {
                if range.contains(time) {
                    let count = into.histogram_times.len();
                    pad(&mut into.histogram_start_times, count, rare.histogram_starts[index]);
                    into.histogram_times.push(time);
                    into.histograms.push(Arc::clone(&rare.histograms[index]));
                }
            }
        }
        Ok(decoded)
    }

    /// Assigns what there is of a window to a partition; says whether there is anything.
    pub fn seal(&self, length: i64, window: i64, partition: u64, scratch: &mut Scratch) -> bool {
        let state = &mut *self.state.lock();
        if state.first.div_euclid(length) == window {
            state.close_floats(length, scratch);
            // Whoever brings in old samples may not bring more.
            state.values = Vec::new();
        }
        let open = state.rare.as_ref().and_then(|rare| rare.histogram_times.first());
        if open.is_some_and(|first| first.div_euclid(length) == window) {
            state.close_histograms(length, scratch);
        }
        let mut any = false;
        for run in &mut state.runs {
            if run.window == window && run.sealed == 0 {
                run.sealed = partition;
                any = true;
            }
        }
        any
    }

    /// Appends what was assigned to a partition to the columns.
    pub fn read_sealed(
        &self,
        length: i64,
        partition: u64,
        into: &mut Columns,
    ) -> Result<(), Damaged> {
        let state = self.state.lock();
        for run in state.runs.iter().filter(|run| run.sealed == partition) {
            run.read(length, TimeRange::ALL, into)?;
        }
        Ok(())
    }

    /// Takes an assignment back: the partition could not be written.
    pub fn unseal(&self, partition: u64) {
        for run in self.state.lock().runs.iter_mut().filter(|run| run.sealed == partition) {
            run.sealed = 0;
        }
    }

    /// Forgets what lies in a partition; says whether nothing is left.
    pub fn forget(&self, partition: u64) -> bool {
        let state = &mut *self.state.lock();
        state.runs.retain(|run| run.sealed != partition);
        if state.values.is_empty() {
            state.values.shrink_to_fit();
        }
        let open = state.rare.as_ref().is_some_and(|rare| !rare.histograms.is_empty());
        state.runs.is_empty() && state.values.is_empty() && !open
    }
}

/// Start timestamps take room only from the first sample on that has one.
fn pad(column: &mut Vec<i64>, count: usize, start: i64) {
    if start != 0 && column.is_empty() {
        column.resize(count, 0);
    }
    if start != 0 || !column.is_empty() {
        column.push(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: i64 = 1000;

    fn read(series: &Series, range: TimeRange, partition: u64) -> Columns {
        let mut columns = Columns::default();
        let cut = Cut { last: i64::MAX, partition };
        series.read(LENGTH, range, cut, &mut columns).unwrap();
        codec::chunk::settle(&mut columns);
        columns
    }

    fn filled(times: impl IntoIterator<Item = i64>) -> Series {
        let series = Series::new(0, LabelSet::default());
        for time in times {
            series.push_float(LENGTH, time, 0, time as f64, &mut Hand::default());
        }
        series
    }

    #[test]
    fn frames_and_windows_are_one_column() {
        let times: Vec<i64> = (-50..200).map(|i| i * 15 + i % 3 / 2).collect();
        let series = filled(times.iter().copied());
        let columns = read(&series, TimeRange::ALL, 0);
        assert_eq!(columns.times, times);
        assert_eq!(columns.values, times.iter().map(|&t| t as f64).collect::<Vec<_>>());
        assert_eq!(series.bounds(), Some(TimeRange::new(times[0], times[249])));
    }

    #[test]
    fn late_samples_find_their_place() {
        let series = filled([10, 20, 30, 15, 1010, 25, 20]);
        assert_eq!(read(&series, TimeRange::ALL, 0).times, [10, 15, 20, 25, 30, 1010]);
        assert_eq!(series.visible(TimeRange::ALL, 0), Some(1010));
    }

    #[test]
    fn a_query_does_not_see_what_came_after_it_began() {
        let series = filled([10, 20]);
        let last = series.visible(TimeRange::ALL, 0).unwrap();
        let cut = Cut { last, partition: 0 };
        series.push_float(LENGTH, 30, 0, 30.0, &mut Hand::default());
        let mut columns = Columns::default();
        series.read(LENGTH, TimeRange::ALL, cut, &mut columns).unwrap();
        assert_eq!(columns.times, [10, 20]);
    }

    #[test]
    fn a_sealed_window_is_read_until_the_query_reads_its_partition() {
        let series = filled([10, 20, 1010]);
        assert!(series.seal(LENGTH, 0, 7, &mut Scratch::default()));
        assert!(!series.seal(LENGTH, 5, 8, &mut Scratch::default()));
        assert_eq!(read(&series, TimeRange::ALL, 6).times, [10, 20, 1010]);
        assert_eq!(read(&series, TimeRange::ALL, 7).times, [1010]);
        series.unseal(7);
        assert_eq!(read(&series, TimeRange::ALL, 7).times, [10, 20, 1010]);
        assert!(series.seal(LENGTH, 0, 8, &mut Scratch::default()));
        assert!(!series.forget(8));
        assert_eq!(read(&series, TimeRange::ALL, 0).times, [1010]);
    }

    #[test]
    fn start_timestamps_and_histograms_are_kept() {
        let series = filled([10, 20]);
        let scratch = &mut Scratch::default();
        series.push_float(LENGTH, 30, 5, 1.0, &mut Hand::default());
        let histogram = Arc::new(Histogram { count: 3.0, ..Histogram::default() });
        series.push_histogram(LENGTH, 40, 6, &histogram, scratch);
        series.push_histogram(LENGTH, 2040, 0, &histogram, scratch);
        let columns = read(&series, TimeRange::ALL, 0);
        assert_eq!(columns.start_times, [0, 0, 5]);
        assert_eq!(columns.histogram_times, [40, 2040]);
        assert_eq!(columns.histogram_start_times, [6, 0]);
        assert_eq!(columns.histograms[0], histogram);
    }
}
