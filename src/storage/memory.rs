//! A small store in memory, plain and obvious: the engines' tests run on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::{
    Append, AppendError, Batch, Columns, ExemplarSeries, FamilyMetadata, LabelSet, Outcome,
    QuerySymbols, Reject, Select, SelectError, SeriesId, SeriesSet, StoreStats, Symbols,
};
use crate::model::{Exemplar, Labels, Matcher, Metadata, TimeRange};

/// Series in a vector, matched one by one.
#[derive(Default)]
pub struct MemoryStore {
    symbols: Arc<Symbols>,
    state: RwLock<State>,
}

#[derive(Clone, Default)]
struct State {
    ids: BTreeMap<Labels, usize>,
    series: Vec<Series>,
    metadata: BTreeMap<String, Vec<Metadata>>,
    appended: u64,
}

#[derive(Clone)]
struct Series {
    owned: Labels,
    labels: LabelSet,
    /// Shared with running queries; an append copies only while one reads.
    columns: Arc<Columns>,
    exemplars: Vec<Exemplar>,
}

impl Series {
    fn passes(&self, matchers: &[Matcher]) -> bool {
        matchers
            .iter()
            .all(|matcher| matcher.matches(self.owned.get(&matcher.name).unwrap_or_default()))
    }

    fn passes_any(&self, any_of: &[Vec<Matcher>], range: TimeRange) -> bool {
        let Columns { times, histogram_times, .. } = &*self.columns;
        let any_inside = |times: &[i64]| {
            let first = times.partition_point(|&time| time < range.start);
            times.get(first).is_some_and(|&time| time <= range.end)
        };
        (any_inside(times) || any_inside(histogram_times))
            && (any_of.is_empty() || any_of.iter().any(|matchers| self.passes(matchers)))
    }
}

impl Append for MemoryStore {
    fn register(&self, labels: &Labels) -> Result<SeriesId, AppendError> {
        let mut state = self.state.write();
        if let Some(&index) = state.ids.get(labels) {
            return Ok(SeriesId(index as u64));
        }
        let index = state.series.len();
        state.ids.insert(labels.clone(), index);
        state.series.push(Series {
            owned: labels.clone(),
            labels: LabelSet::intern(labels, |text| self.symbols.intern(text)),
            columns: Arc::default(),
            exemplars: Vec::new(),
        });
        Ok(SeriesId(index as u64))
    }

    fn append(&self, batch: &Batch) -> Result<Outcome, AppendError> {
        let mut state = self.state.write();
        let before = batch.whole.then(|| state.clone());
        let mut outcome = Outcome::default();
        for (row, sample) in batch.floats.iter().enumerate() {
            let columns = state
                .series
                .get_mut(sample.series.0 as usize)
                .map(|s| Arc::make_mut(&mut s.columns));
            let verdict = match columns {
                None => Err(Reject::UnknownSeries),
                Some(columns) => match columns.times.last() {
                    Some(&last) if last > sample.time => Err(Reject::OutOfOrder),
                    Some(&last) if last == sample.time => {
                        let same = columns.values.last().map(|v| v.to_bits())
                            == Some(sample.value.to_bits());
                        if same { Ok(()) } else { Err(Reject::DuplicateTimestamp) }
                    }
                    _ => {
                        pad(&mut columns.start_times, columns.times.len(), sample.start_time);
                        columns.times.push(sample.time);
                        columns.values.push(sample.value);
                        Ok(())
                    }
                },
            };
            match verdict {
                Ok(()) => outcome.appended += 1,
                Err(reason) => outcome.rejected_floats.push((row as u32, reason)),
            }
        }
        for (row, sample) in batch.histograms.iter().enumerate() {
            let columns = state
                .series
                .get_mut(sample.series.0 as usize)
                .map(|s| Arc::make_mut(&mut s.columns));
            let verdict = match columns {
                None => Err(Reject::UnknownSeries),
                Some(columns) => match columns.histogram_times.last() {
                    Some(&last) if last > sample.time => Err(Reject::OutOfOrder),
                    Some(&last) if last == sample.time => {
                        let same = columns.histograms.last() == Some(&sample.value);
                        if same { Ok(()) } else { Err(Reject::DuplicateTimestamp) }
                    }
                    _ => {
                        let len = columns.histogram_times.len();
                        pad(&mut columns.histogram_start_times, len, sample.start_time);
                        columns.histogram_times.push(sample.time);
                        columns.histograms.push(Arc::clone(&sample.value));
                        Ok(())
                    }
                },
            };
            match verdict {
                Ok(()) => outcome.appended += 1,
                Err(reason) => outcome.rejected_histograms.push((row as u32, reason)),
            }
        }
        if let Some(before) = before
            && outcome.has_rejected()
        {
            *state = before;
            outcome.appended = 0;
            return Ok(outcome);
        }
        for row in &batch.exemplars {
            if let Some(series) = state.series.get_mut(row.series.0 as usize) {
                series.exemplars.push(row.exemplar.clone());
            }
        }
        for row in &batch.metadata {
            let known = state.metadata.entry(row.family.clone()).or_default();
            if !known.contains(&row.metadata) {
                known.push(row.metadata.clone());
            }
        }
        state.appended += outcome.appended as u64;
        Ok(outcome)
    }
}

/// Start timestamps take room only from the first sample on that has one.
fn pad(column: &mut Vec<i64>, len: usize, start_time: i64) {
    if start_time != 0 && column.is_empty() {
        column.resize(len, 0);
    }
    if start_time != 0 || !column.is_empty() {
        column.push(start_time);
    }
}

struct Found(Vec<(LabelSet, Arc<Columns>)>);

impl SeriesSet for Found {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, index: usize) -> &LabelSet {
        &self.0[index].0
    }

    fn read(&self, index: usize, range: TimeRange, into: &mut Columns) -> Result<(), SelectError> {
        let from = &self.0[index].1;
        into.clear();
        let inside = |times: &[i64]| {
            times.partition_point(|&t| t < range.start)..times.partition_point(|&t| t <= range.end)
        };
        let floats = inside(&from.times);
        into.times.extend_from_slice(&from.times[floats.clone()]);
        into.values.extend_from_slice(&from.values[floats.clone()]);
        if !from.start_times.is_empty() {
            into.start_times.extend_from_slice(&from.start_times[floats]);
        }
        let histograms = inside(&from.histogram_times);
        into.histogram_times.extend_from_slice(&from.histogram_times[histograms.clone()]);
        into.histograms.extend_from_slice(&from.histograms[histograms.clone()]);
        if !from.histogram_start_times.is_empty() {
            into.histogram_start_times.extend_from_slice(&from.histogram_start_times[histograms]);
        }
        Ok(())
    }
}

impl Select for MemoryStore {
    fn symbols(&self) -> &Arc<Symbols> {
        &self.symbols
    }

    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        _symbols: &QuerySymbols,
    ) -> Result<Box<dyn SeriesSet>, SelectError> {
        let state = self.state.read();
        let any_of = [matchers.to_vec()];
        Ok(Box::new(Found(
            state
                .series
                .iter()
                .filter(|series| series.passes_any(&any_of, range))
                .map(|series| (series.labels.clone(), Arc::clone(&series.columns)))
                .collect(),
        )))
    }

    fn label_names(
        &self,
        any_of: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<String>, SelectError> {
        let state = self.state.read();
        let found = state.series.iter().filter(|series| series.passes_any(any_of, range));
        Ok(sorted(found.flat_map(|series| series.owned.iter().map(|(name, _)| name))))
    }

    fn label_values(
        &self,
        name: &str,
        any_of: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<String>, SelectError> {
        let state = self.state.read();
        let found = state.series.iter().filter(|series| series.passes_any(any_of, range));
        Ok(sorted(found.filter_map(|series| series.owned.get(name))))
    }

    fn exemplars(
        &self,
        any_of: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<ExemplarSeries>, SelectError> {
        let state = self.state.read();
        let mut found: Vec<_> = state
            .series
            .iter()
            .filter(|series| series.passes_any(any_of, TimeRange::ALL))
            .filter_map(|series| {
                let inside = series.exemplars.iter().filter(|e| range.contains(e.time));
                let exemplars: Vec<_> = inside.cloned().collect();
                let labels = series.owned.clone();
                (!exemplars.is_empty()).then_some(ExemplarSeries { labels, exemplars })
            })
            .collect();
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(found)
    }

    fn metadata(&self, family: Option<&str>) -> Vec<FamilyMetadata> {
        let state = self.state.read();
        let wanted = |name: &&String| family.is_none_or(|family| family == name.as_str());
        let families = state.metadata.iter().filter(|(name, _)| wanted(name));
        families
            .map(|(family, metadata)| FamilyMetadata {
                family: family.clone(),
                metadata: metadata.clone(),
            })
            .collect()
    }

    fn stats(&self, _top: usize) -> StoreStats {
        let state = self.state.read();
        StoreStats {
            head_series: state.series.len() as u64,
            samples_appended: state.appended,
            ..StoreStats::default()
        }
    }
}

fn sorted<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let unique: std::collections::BTreeSet<&str> = texts.collect();
    unique.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::FloatRow;

    #[test]
    fn what_was_appended_is_selected() {
        let store = MemoryStore::default();
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "node")]);
        let series = store.register(&labels).unwrap();
        let row = |time, value| FloatRow { series, time, start_time: 0, value };
        let batch =
            Batch { floats: vec![row(1, 1.0), row(2, 2.0), row(2, 3.0)], ..Batch::default() };
        let outcome = store.append(&batch).unwrap();
        assert_eq!(outcome.appended, 2);
        assert_eq!(outcome.rejected_floats, [(2, Reject::DuplicateTimestamp)]);

        let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
        let found =
            store.select(&[Matcher::equal("job", "node")], TimeRange::new(2, 9), &symbols).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found.labels(0).to_labels(&symbols), labels);
        let mut columns = Columns::default();
        found.read(0, TimeRange::new(2, 9), &mut columns).unwrap();
        assert_eq!((columns.times, columns.values), (vec![2], vec![2.0]));
    }
}
