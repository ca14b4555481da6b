//! Times of open frames that keep no even distance. The series of one scrape have them all the same, so
//! they share one column: a quarter of a kilobyte for a target, not for each of its series.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use super::series::FRAME;
use crate::model::Timestamp;

/// A column that only grows. Each series knows by itself how much of it is its own.
#[derive(Debug)]
pub struct Times {
    // Read and written under the locks of the series, of which there are several: hence atomic, and
    // relaxed, because a series is told of a time only after it was written.
    all: [AtomicI64; FRAME],
    count: AtomicUsize,
}

/// The column that was written to last: whoever comes next most likely has the same times.
#[derive(Debug, Default)]
pub struct LastTimes(Option<Arc<Times>>);

impl Times {
    fn of(times: impl Iterator<Item = Timestamp>) -> Self {
        let column = Self { all: Default::default(), count: AtomicUsize::new(0) };
        for (index, time) in times.enumerate() {
            column.put(index, time);
        }
        column
    }

    fn put(&self, index: usize, time: Timestamp) {
        self.all[index].store(time, Ordering::Relaxed);
        self.count.store(index + 1, Ordering::Relaxed);
    }

    /// The time at a place; only those that the series was told of mean anything.
    pub fn at(&self, index: usize) -> Timestamp {
        self.all[index].load(Ordering::Relaxed)
    }

    /// Makes the column have this time at this place, if it is free or has it already.
    fn take(&self, index: usize, time: Timestamp) -> bool {
        let count = self.count.load(Ordering::Relaxed);
        if index == count {
            self.put(index, time);
        }
        index <= count && self.at(index) == time
    }
}

impl LastTimes {
    /// A column with `count` times and then one more, `time`; the last one, if it fits. To be called
    /// by one thread at a time.
    pub fn column(
        &mut self,
        count: usize,
        at: impl Fn(usize) -> Timestamp,
        time: Timestamp,
    ) -> Arc<Times> {
        let same = |column: &Arc<Times>| {
            column.count.load(Ordering::Relaxed) >= count
                && (0..count).rev().all(|index| column.at(index) == at(index))
                && column.take(count, time)
        };
        if let Some(column) = self.0.as_ref().filter(|column| same(column)) {
            return Arc::clone(column);
        }
        let column = Arc::new(Times::of((0..count).map(at).chain([time])));
        self.0 = Some(Arc::clone(&column));
        column
    }

    /// Adds a time to a series' column; gives another column where its own goes on otherwise.
    pub fn push(&mut self, own: &Arc<Times>, count: usize, time: Timestamp) -> Option<Arc<Times>> {
        if own.take(count, time) {
            return None;
        }
        Some(self.column(count, |index| own.at(index), time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_with_the_same_times_share_them_until_they_differ() {
        let mut last = LastTimes::default();
        let before = [10, 21];
        let a = last.column(2, |index| before[index], 29);
        let b = last.column(2, |index| before[index], 29);
        assert!(Arc::ptr_eq(&a, &b));
        assert!(last.push(&a, 3, 41).is_none());
        assert!(last.push(&b, 3, 41).is_none());
        // One of them misses what the other has.
        assert!(last.push(&a, 4, 50).is_none());
        let b = last.push(&b, 4, 61).unwrap();
        assert_eq!((0..5).map(|index| b.at(index)).collect::<Vec<_>>(), [10, 21, 29, 41, 61]);
        assert_eq!((3..5).map(|index| a.at(index)).collect::<Vec<_>>(), [41, 50]);
        // Whoever misses the same goes along.
        let c = last.push(&a, 4, 61).unwrap();
        assert!(Arc::ptr_eq(&b, &c));
    }
}
