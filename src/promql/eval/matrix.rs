//! What the evaluator passes around: a matrix of series × steps, a flat column of floats per series
//! and, only where there are any, histograms beside it.

use std::sync::Arc;

use crate::model::{Histogram, STALE_NAN, Timestamp, is_stale};
use crate::storage::LabelSet;

/// Fills the cells without a float. A stale marker cannot be a result, so its bits are free.
pub(super) const ABSENT: f64 = STALE_NAN;

/// A histogram of one cell.
pub(super) type HistCell = Option<Arc<Histogram>>;

/// The times an expression is evaluated at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps {
    pub start: Timestamp,
    /// Milliseconds; greater than 0.
    pub step: i64,
    pub count: usize,
}

impl Steps {
    pub fn once(at: Timestamp) -> Self {
        Self { start: at, step: 1, count: 1 }
    }

    #[inline]
    pub fn time(&self, index: usize) -> Timestamp {
        self.start.saturating_add((index as i64).saturating_mul(self.step))
    }

    pub fn end(&self) -> Timestamp {
        self.time(self.count.saturating_sub(1))
    }

    pub fn times(self) -> impl ExactSizeIterator<Item = Timestamp> {
        (0..self.count).map(move |index| self.time(index))
    }
}

/// Labels of a row, and whether its name goes when the query ends. Until then functions such as
/// `label_replace` still see the name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    pub labels: LabelSet,
    pub drop_name: bool,
}

/// One sample.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Absent,
    Float(f64),
    Hist(&'a Arc<Histogram>),
}

impl Cell<'_> {
    pub fn is_present(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

/// One row of a matrix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub head: &'a Head,
    pub values: &'a [f64],
    /// Empty, or one cell per step.
    pub hists: &'a [HistCell],
}

impl<'a> Row<'a> {
    #[inline]
    pub fn cell(&self, step: usize) -> Cell<'a> {
        let value = self.values[step];
        if !is_stale(value) {
            return Cell::Float(value);
        }
        match self.hists.get(step) {
            Some(Some(histogram)) => Cell::Hist(histogram),
            _ => Cell::Absent,
        }
    }

    #[inline]
    pub fn is_present(&self, step: usize) -> bool {
        !is_stale(self.values[step]) || self.hists.get(step).is_some_and(Option::is_some)
    }

    pub fn is_empty(&self) -> bool {
        self.values.iter().all(|value| is_stale(*value)) && self.hists.iter().all(Option::is_none)
    }
}

/// Series × steps.
#[derive(Debug, Clone, Default)]
pub(super) struct Matrix {
    pub steps: usize,
    pub heads: Vec<Head>,
    /// Row by row.
    pub values: Vec<f64>,
    /// Empty, or one entry per row, which is empty or has one cell per step.
    pub hists: Vec<Vec<HistCell>>,
}

impl Matrix {
    pub fn new(steps: usize) -> Self {
        Self { steps, ..Self::default() }
    }

    pub fn with_capacity(steps: usize, rows: usize) -> Self {
        Self {
            steps,
            heads: Vec::with_capacity(rows),
            values: Vec::with_capacity(rows.saturating_mul(steps)),
            hists: Vec::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.heads.len()
    }

    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    pub fn has_hists(&self) -> bool {
        self.hists.iter().any(|row| !row.is_empty())
    }

    pub fn row(&self, index: usize) -> Row<'_> {
        Row {
            head: &self.heads[index],
            values: &self.values[index * self.steps..(index + 1) * self.steps],
            hists: self.hists.get(index).map_or(&[], Vec::as_slice),
        }
    }

    pub fn values_mut(&mut self, index: usize) -> &mut [f64] {
        &mut self.values[index * self.steps..(index + 1) * self.steps]
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).map(|index| self.row(index))
    }

    /// Appends a row without samples.
    pub fn push_absent(&mut self, head: Head) -> usize {
        self.heads.push(head);
        self.values.resize(self.heads.len() * self.steps, ABSENT);
        if !self.hists.is_empty() {
            self.hists.push(Vec::new());
        }
        self.heads.len() - 1
    }

    /// Appends a row; `hists` is empty or one cell per step.
    pub fn push(&mut self, head: Head, values: &[f64], hists: Vec<HistCell>) {
        debug_assert_eq!(values.len(), self.steps);
        if !hists.is_empty() && self.hists.is_empty() {
            self.hists.resize(self.heads.len(), Vec::new());
        }
        self.heads.push(head);
        self.values.extend_from_slice(values);
        if !hists.is_empty() || !self.hists.is_empty() {
            self.hists.push(hists);
        }
    }

    pub fn set_hist(&mut self, row: usize, step: usize, histogram: Arc<Histogram>) {
        if self.hists.is_empty() {
            self.hists.resize(self.heads.len(), Vec::new());
        }
        let cells = &mut self.hists[row];
        if cells.is_empty() {
            cells.resize(self.steps, None);
        }
        cells[step] = Some(histogram);
        self.values[row * self.steps + step] = ABSENT;
    }

    pub fn set(&mut self, row: usize, step: usize, cell: Cell<'_>) {
        match cell {
            Cell::Absent => {
                self.values[row * self.steps + step] = ABSENT;
                if let Some(hist) = self.hists.get_mut(row).and_then(|row| row.get_mut(step)) {
                    *hist = None;
                }
            }
            Cell::Float(value) => {
                self.values[row * self.steps + step] = value;
                if let Some(hist) = self.hists.get_mut(row).and_then(|row| row.get_mut(step)) {
                    *hist = None;
                }
            }
            Cell::Hist(histogram) => self.set_hist(row, step, Arc::clone(histogram)),
        }
    }

    /// Leaves out the histograms, and the rows that have nothing else.
    pub fn retain_floats(&mut self) {
        if self.has_hists() {
            self.hists.clear();
            self.drop_empty_rows();
        }
    }

    /// Leaves out the rows without any sample.
    pub fn drop_empty_rows(&mut self) {
        if self.rows().any(|row| row.is_empty()) {
            let mut kept = Self::new(self.steps);
            for index in 0..self.len() {
                let row = self.row(index);
                if !row.is_empty() {
                    let (head, hists) = (row.head.clone(), row.hists.to_vec());
                    kept.push(head, row.values, hists);
                }
            }
            *self = kept;
        }
    }

    /// Repeats a matrix of one step.
    pub fn broadcast(self, steps: usize) -> Self {
        if steps == 1 {
            return self;
        }
        let mut wide = Self::with_capacity(steps, self.len());
        for row in self.rows() {
            let hists = row.hists.first().map_or(Vec::new(), |cell| vec![cell.clone(); steps]);
            wide.push(row.head.clone(), &vec![row.values[0]; steps], hists);
        }
        wide
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_take_no_room_until_one_comes() {
        let head = Head { labels: LabelSet::default(), drop_name: false };
        let mut matrix = Matrix::new(2);
        matrix.push(head.clone(), &[1.0, ABSENT], Vec::new());
        assert!(matrix.hists.is_empty());
        matrix.set_hist(0, 1, Arc::default());
        matrix.push_absent(head);
        assert!(matches!(matrix.row(0).cell(0), Cell::Float(_)));
        assert!(matches!(matrix.row(0).cell(1), Cell::Hist(_)));
        assert!(!matrix.row(1).is_present(1));
        matrix.drop_empty_rows();
        assert_eq!(matrix.len(), 1);
        matrix.retain_floats();
        assert!(!matrix.row(0).is_present(1));
    }
}
