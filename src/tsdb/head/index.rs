//! The registry of the head: label sets to series, and postings per label pair.

use std::convert::Infallible;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use smallvec::SmallVec;

use super::Series;
use crate::model::Labels;
use crate::storage::{LabelSet, Symbol, Symbols};
use crate::tsdb::matching::Postings;

type Numbers = SmallVec<[u32; 4]>;

/// All series in memory.
#[derive(Default)]
pub struct Registry {
    hasher: DefaultHashBuilder,
    /// Hash of the label set and number of the series; the labels are compared on a hit.
    table: HashTable<(u64, u32)>,
    /// By number; a forgotten series leaves a hole, for numbers are never used twice.
    series: Vec<Option<Arc<Series>>>,
    live: usize,
    pairs: HashMap<(Symbol, Symbol), Numbers>,
    values: HashMap<Symbol, Vec<Symbol>>,
}

impl Registry {
    /// Hash of a label set, whether it is owned or interned.
    pub fn hash<'a>(&self, labels: impl Iterator<Item = (&'a str, &'a str)>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for pair in labels {
            pair.hash(&mut hasher);
        }
        hasher.finish()
    }

    /// The series with these labels.
    pub fn find(&self, hash: u64, labels: &Labels, symbols: &Symbols) -> Option<&Arc<Series>> {
        self.find_by(hash, |set| {
            set.pairs().len() == labels.len()
                && set.pairs().iter().zip(labels.iter()).all(|(pair, (name, value))| {
                    symbols.resolve(pair.0) == name && symbols.resolve(pair.1) == value
                })
        })
    }

    /// The series with this hash and a label set that is the wanted one.
    pub fn find_by(&self, hash: u64, is_it: impl Fn(&LabelSet) -> bool) -> Option<&Arc<Series>> {
        let same = |&(other, id): &(u64, u32)| {
            other == hash && self.get(id).is_some_and(|series| is_it(&series.labels))
        };
        self.table.find(hash, same).and_then(|&(_, id)| self.get(id))
    }

    /// Adds a series that is not there yet.
    pub fn insert(&mut self, hash: u64, set: LabelSet) -> Arc<Series> {
        let id = self.series.len() as u32;
        for &pair in set.pairs() {
            let numbers = self.pairs.entry(pair).or_default();
            if numbers.is_empty() {
                self.values.entry(pair.0).or_default().push(pair.1);
            }
            numbers.push(id);
        }
        let series = Arc::new(Series::new(id, set));
        self.series.push(Some(Arc::clone(&series)));
        self.table.insert_unique(hash, (hash, id), |&(hash, _)| hash);
        self.live += 1;
        series
    }

    /// A series by its number.
    pub fn get(&self, id: u32) -> Option<&Arc<Series>> {
        self.series.get(id as usize).and_then(Option::as_ref)
    }

    /// Series that are there, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Series>> {
        self.series.iter().flatten()
    }

    /// Numbers given out so far.
    pub fn numbers(&self) -> usize {
        self.series.len()
    }

    /// Series that are there.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Removes series for good; their numbers are not used again.
    pub fn remove(&mut self, ids: &[u32]) {
        for &id in ids {
            if self.series.get_mut(id as usize).and_then(Option::take).is_some() {
                self.live -= 1;
            }
        }
        let Self { table, series, pairs, values, .. } = self;
        let is_there = |id: u32| series[id as usize].is_some();
        table.retain(|&mut (_, id)| is_there(id));
        pairs.retain(|_, numbers| {
            numbers.retain(|id| is_there(*id));
            !numbers.is_empty()
        });
        values.retain(|&name, values| {
            values.retain(|&value| pairs.contains_key(&(name, value)));
            !values.is_empty()
        });
    }

    /// Names of labels and the values that each has.
    pub fn values(&self) -> impl Iterator<Item = (Symbol, &[Symbol])> {
        self.values.iter().map(|(&name, values)| (name, values.as_slice()))
    }

    /// Label pairs and the numbers of the series that have each.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = ((Symbol, Symbol), &[u32])> {
        self.pairs.iter().map(|(&pair, numbers)| (pair, numbers.as_slice()))
    }

    /// Numbers of the series that have a pair.
    pub fn having(&self, pair: (Symbol, Symbol)) -> &[u32] {
        self.pairs.get(&pair).map_or(&[], |numbers| numbers.as_slice())
    }

    /// The index as matchers need it.
    pub fn postings<'a>(&'a self, symbols: &'a Symbols) -> impl Postings<Error = Infallible> + 'a {
        View { registry: self, symbols }
    }
}

struct View<'a> {
    registry: &'a Registry,
    symbols: &'a Symbols,
}

impl Postings for View<'_> {
    type Error = Infallible;

    fn all(&self) -> Result<Vec<u32>, Infallible> {
        Ok(self.registry.iter().map(|series| series.id).collect())
    }

    fn having(&self, name: &str, value: &str) -> Result<Vec<u32>, Infallible> {
        let pair = self.symbols.lookup(name).zip(self.symbols.lookup(value));
        Ok(pair.map_or_else(Vec::new, |pair| self.registry.having(pair).to_vec()))
    }

    fn passing(
        &self,
        name: &str,
        passes: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Vec<u32>, Infallible> {
        let mut found = Vec::new();
        let name = self.symbols.lookup(name);
        let values = name.and_then(|name| Some((name, self.registry.values.get(&name)?)));
        if let Some((name, values)) = values {
            for &value in values {
                if passes(self.symbols.resolve(value)) {
                    found.extend_from_slice(self.registry.having((name, value)));
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Matcher;
    use crate::tsdb::matching::find;

    fn insert(registry: &mut Registry, symbols: &Symbols, job: &str) -> u32 {
        let labels = Labels::from_pairs([("__name__", "up"), ("job", job)]);
        let hash = registry.hash(labels.iter());
        registry.insert(hash, LabelSet::intern(&labels, |text| symbols.intern(text))).id
    }

    #[test]
    fn a_removed_series_is_found_no_more_and_its_number_is_not_used_again() {
        let (mut registry, symbols) = (Registry::default(), Symbols::default());
        let ids = ["a", "b", "c"].map(|job| insert(&mut registry, &symbols, job));
        registry.remove(&[ids[1]]);
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "b")]);
        assert!(registry.find(registry.hash(labels.iter()), &labels, &symbols).is_none());
        let Ok(found) = find(&registry.postings(&symbols), &[Matcher::equal("__name__", "up")]);
        assert_eq!(found, [ids[0], ids[2]]);
        assert_eq!(registry.len(), 2);
        assert_eq!(insert(&mut registry, &symbols, "b"), 3);
        let label = symbols.lookup("job").unwrap();
        let (_, values) = registry.values().find(|(name, _)| *name == label).unwrap();
        assert_eq!(values.len(), 3);
    }
}
