//! Queries: the head as it was when the query began, and the partitions of that moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::codec::chunk::settle;
use super::head::{Cut, Registry, Series};
use super::matching::find;
use super::partition::{Partition, Recent};
use super::store::{Inner, PartitionSet, Tsdb};
use crate::model::{Matcher, TimeRange};
use crate::storage::{
    Columns, ExemplarSeries, FamilyMetadata, LabelSet, QuerySymbols, Select, SelectError,
    SeriesSet, StoreStats, Symbol, Symbols,
};

/// The series of a selection.
struct Found {
    window: i64,
    set: Arc<PartitionSet>,
    series: Vec<FoundSeries>,
    /// For each partition what the last reader used there; one who reads beside it does without.
    recent: Mutex<Vec<Recent>>,
}

struct FoundSeries {
    labels: LabelSet,
    head: Option<(Arc<Series>, Cut)>,
    /// Place in the set and ordinal.
    sealed: SmallVec<[(u32, u32); 2]>,
}

impl SeriesSet for Found {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, index: usize) -> &LabelSet {
        &self.series[index].labels
    }

    fn read(&self, index: usize, range: TimeRange, into: &mut Columns) -> Result<(), SelectError> {
        into.clear();
        let FoundSeries { head, sealed, .. } = &self.series[index];
        if !sealed.is_empty() {
            let mut none = Vec::new();
            let mut recent = self.recent.try_lock();
            let recent = recent.as_deref_mut().unwrap_or(&mut none);
            recent.resize_with(self.set.all.len(), Recent::default);
            for &(place, ordinal) in sealed {
                let place = place as usize;
                self.set.all[place].read(ordinal, range, &mut recent[place], into)?;
            }
        }
        if let Some((series, cut)) = head {
            series.read(self.window, range, *cut, into).map_err(|err| SelectError::Corrupt {
                what: "the samples in memory".to_owned(),
                reason: err.to_string(),
            })?;
        }
        settle(into);
        Ok(())
    }
}

impl Inner {
    /// Series in memory that pass and have samples in the range.
    fn select_head(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        last_partition: u64,
    ) -> Vec<FoundSeries> {
        let registry = self.registry.read();
        let _gate = self.gate.read();
        let Ok(ids) = find(&registry.postings(&self.symbols), matchers);
        let visible = |id: u32| {
            let series = registry.get(id)?;
            let last = series.visible(range, last_partition)?;
            let cut = Cut { last, partition: last_partition };
            Some(FoundSeries {
                labels: series.labels.clone(),
                head: Some((Arc::clone(series), cut)),
                sealed: SmallVec::new(),
            })
        };
        ids.into_iter().filter_map(visible).collect()
    }

    fn select(&self, matchers: &[Matcher], range: TimeRange) -> Result<Found, SelectError> {
        // The set first: what is sealed after this moment is still read from memory.
        let set = self.partitions();
        let mut series = self.select_head(matchers, range, set.last);
        let mut places: HashMap<LabelSet, usize> = HashMap::new();
        for (place, partition) in (0..).zip(&set.all) {
            if !usable(partition, range) {
                continue;
            }
            let ordinals = partition.select(matchers)?;
            if ordinals.is_empty() {
                continue;
            }
            let new = |labels: &LabelSet| FoundSeries {
                labels: labels.clone(),
                head: None,
                sealed: SmallVec::new(),
            };
            if series.is_empty() {
                // The first ones need not be looked for.
                series.reserve_exact(ordinals.len());
                partition.each_labels(&ordinals, |ordinal, labels| {
                    let mut found = new(labels);
                    found.sealed.push((place, ordinal));
                    series.push(found);
                })?;
                continue;
            }
            if places.is_empty() {
                let labels = series.iter().map(|found| found.labels.clone());
                places = labels.zip(0..).collect();
            }
            partition.each_labels(&ordinals, |ordinal, labels| {
                let index = *places.entry(labels.clone()).or_insert_with(|| {
                    series.push(new(labels));
                    series.len() - 1
                });
                series[index].sealed.push((place, ordinal));
            })?;
        }
        Ok(Found { window: self.window, set, series, recent: Mutex::default() })
    }

    /// Label sets of the series that pass any of the lists.
    fn any_of(
        &self,
        any_of: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<HashSet<LabelSet>, SelectError> {
        let mut found = HashSet::new();
        for matchers in any_of {
            found.extend(self.select(matchers, range)?.series.into_iter().map(|one| one.labels));
        }
        Ok(found)
    }

    /// Whether a series that has this pair has samples in the range.
    fn any_visible(registry: &Registry, pair: (Symbol, Symbol), range: TimeRange) -> bool {
        registry.having(pair).iter().any(|&id| {
            let bounds = registry.get(id).and_then(|series| series.bounds());
            bounds.is_some_and(|bounds| bounds.overlaps(range))
        })
    }
}

fn usable(partition: &Partition, range: TimeRange) -> bool {
    partition.range().overlaps(range) && !partition.is_broken()
}

impl Select for Tsdb {
    fn symbols(&self) -> &Arc<Symbols> {
        &self.inner.symbols
    }

    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        _symbols: &QuerySymbols,
    ) -> Result<Box<dyn SeriesSet>, SelectError> {
        Ok(Box::new(self.inner.select(matchers, range)?))
    }

    fn label_names(
        &self,
        any_of: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<String>, SelectError> {
        let inner = &*self.inner;
        let mut names = BTreeSet::new();
        if any_of.is_empty() {
            let registry = inner.registry.read();
            for (name, values) in registry.values() {
                let visible = |&value: &Symbol| Inner::any_visible(&registry, (name, value), range);
                if values.iter().any(visible) {
                    names.insert(inner.symbols.resolve(name).to_owned());
                }
            }
            drop(registry);
            for partition in inner.partitions().all.iter().filter(|p| usable(p, range)) {
                partition.label_names(|name| {
                    names.insert(name.to_owned());
                })?;
            }
        } else {
            for labels in inner.any_of(any_of, range)? {
                let pairs = labels.pairs().iter();
                names.extend(pairs.map(|pair| inner.symbols.resolve(pair.0).to_owned()));
            }
        }
        Ok(names.into_iter().collect())
    }

    fn label_values(
        &self,
        name: &str,
        any_of: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<String>, SelectError> {
        let inner = &*self.inner;
        let mut values: Vec<String> = Vec::new();
        let symbol = inner.symbols.lookup(name);
        if any_of.is_empty() {
            let registry = inner.registry.read();
            let of_name = registry.values().find(|(other, _)| Some(*other) == symbol);
            for &value in of_name.iter().flat_map(|(_, values)| values.iter()) {
                if symbol.is_some_and(|name| Inner::any_visible(&registry, (name, value), range)) {
                    values.push(inner.symbols.resolve(value).to_owned());
                }
            }
            drop(registry);
            for partition in inner.partitions().all.iter().filter(|p| usable(p, range)) {
                partition.label_values(name, |value| values.push(value.to_owned()))?;
            }
        } else {
            let found = inner.any_of(any_of, range)?;
            // Reading labels may have taught us the name.
            if let Some(symbol) = inner.symbols.lookup(name) {
                let found = found.iter().map(|labels| labels.get(symbol));
                let found = found.filter(|&value| value != Symbol::EMPTY);
                values.extend(found.map(|value| inner.symbols.resolve(value).to_owned()));
            }
        }
        // Those of a partition are in order already, which this sort makes use of.
        values.sort();
        values.dedup();
        Ok(values)
    }

    fn exemplars(
        &self,
        any_of: &[Vec<Matcher>],
        range: TimeRange,
    ) -> Result<Vec<ExemplarSeries>, SelectError> {
        let inner = &*self.inner;
        let registry = inner.registry.read();
        let postings = registry.postings(&inner.symbols);
        let mut wanted = HashSet::new();
        for matchers in any_of {
            let Ok(ids) = find(&postings, matchers);
            wanted.extend(ids);
        }
        let symbols = QuerySymbols::new(Arc::clone(&inner.symbols));
        let mut found = BTreeMap::new();
        for (id, exemplar) in inner.exemplars.lock().within(range) {
            if (any_of.is_empty() || wanted.contains(id))
                && let Some(series) = registry.get(*id)
            {
                let of_series = found.entry(series.labels.to_labels(&symbols));
                of_series.or_insert_with(Vec::new).push(exemplar.clone());
            }
        }
        let series = |(labels, exemplars)| ExemplarSeries { labels, exemplars };
        Ok(found.into_iter().map(series).collect())
    }

    fn metadata(&self, family: Option<&str>) -> Vec<FamilyMetadata> {
        let stored = self.inner.metadata.read();
        stored
            .iter()
            .filter(|(name, _)| family.is_none_or(|family| family == name.as_str()))
            .map(|(family, metadata)| FamilyMetadata {
                family: family.clone(),
                metadata: metadata.clone(),
            })
            .collect()
    }

    fn stats(&self, top: usize) -> StoreStats {
        let inner = &*self.inner;
        let head = inner.head_range();
        let metrics = self.metrics();
        let oldest = inner.partitions().all.iter().map(|partition| partition.meta().oldest).min();
        let registry = inner.registry.read();
        let text = |symbol: Symbol| inner.symbols.resolve(symbol);
        let largest = |mut all: Vec<(String, u64)>| {
            all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            all.truncate(top);
            all
        };
        let of_name = |pair: &((Symbol, Symbol), &[u32])| pair.0.0 == Symbol::METRIC_NAME;
        let by_metric = registry.pairs().filter(of_name);
        StoreStats {
            head_series: registry.len() as u64,
            head_chunks: registry.iter().map(|series| series.frames()).sum(),
            head_label_pairs: registry.pairs().len() as u64,
            head_min_time: head.map(|range| range.start),
            head_max_time: head.map(|range| range.end),
            samples_appended: inner.counters.appended.load(Ordering::Relaxed),
            partitions: metrics.partitions,
            disk_bytes: metrics.partition_bytes + metrics.log_bytes,
            log_bytes: metrics.log_bytes,
            min_time: oldest.into_iter().chain(head.map(|range| range.start)).min(),
            series_by_metric: largest(
                by_metric.map(|(pair, ids)| (text(pair.1).to_owned(), ids.len() as u64)).collect(),
            ),
            values_by_label: largest(
                registry
                    .values()
                    .map(|(name, values)| (text(name).to_owned(), values.len() as u64))
                    .collect(),
            ),
            bytes_by_label: largest(
                registry
                    .values()
                    .map(|(name, values)| {
                        let bytes = values.iter().map(|&value| text(value).len() as u64).sum();
                        (text(name).to_owned(), bytes)
                    })
                    .collect(),
            ),
            series_by_pair: largest(
                registry
                    .pairs()
                    .map(|(pair, ids)| {
                        (format!("{}={}", text(pair.0), text(pair.1)), ids.len() as u64)
                    })
                    .collect(),
            ),
        }
    }
}
