//! Interned strings. Stores share one append-only table, so that a query compares and groups labels
//! by number and touches a string only when the answer is written.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use parking_lot::RwLock;

use crate::model::{Labels, METRIC_NAME};

/// Number of an interned string; only meaningful with its table. 0 is the empty string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Symbol(pub u32);

impl Symbol {
    /// The empty string, in every table.
    pub const EMPTY: Self = Self(0);
    /// `__name__`, in every table.
    pub const METRIC_NAME: Self = Self(1);
    /// Ids from here on belong to one query's overlay.
    const LOCAL: u32 = 1 << 31;
}

/// Append-only table of strings, shared by stores and queries. Reading never locks.
pub struct Symbols {
    strings: boxcar::Vec<Box<str>>,
    ids: RwLock<HashTable<u32>>,
    hasher: RandomState,
}

impl Default for Symbols {
    fn default() -> Self {
        let table = Self {
            strings: boxcar::Vec::new(),
            ids: RwLock::new(HashTable::new()),
            hasher: RandomState::new(),
        };
        assert_eq!(table.intern(""), Symbol::EMPTY);
        assert_eq!(table.intern(METRIC_NAME), Symbol::METRIC_NAME);
        table
    }
}

impl Symbols {
    /// Number of the string, adding it if it is new.
    pub fn intern(&self, text: &str) -> Symbol {
        if let Some(symbol) = self.lookup(text) {
            return symbol;
        }
        let hash = self.hasher.hash_one(text);
        let mut ids = self.ids.write();
        // Another thread may have been faster between the two locks.
        if let Some(&id) = ids.find(hash, |&id| self.get(id) == text) {
            return Symbol(id);
        }
        let id = u32::try_from(self.strings.push(text.into())).expect("fewer than 2^31 strings");
        assert!(id < Symbol::LOCAL, "fewer than 2^31 strings");
        ids.insert_unique(hash, id, |&id| self.hasher.hash_one(self.get(id)));
        Symbol(id)
    }

    /// Number of the string if it is known.
    pub fn lookup(&self, text: &str) -> Option<Symbol> {
        let hash = self.hasher.hash_one(text);
        self.ids.read().find(hash, |&id| self.get(id) == text).map(|&id| Symbol(id))
    }

    /// The string; panics for a symbol of another table.
    pub fn resolve(&self, symbol: Symbol) -> &str {
        self.get(symbol.0)
    }

    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.strings.count()
    }

    /// Never true: the empty string is always there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn get(&self, id: u32) -> &str {
        &self.strings[id as usize]
    }
}

/// A query's view: the shared table, and an overlay for what the query itself makes up
/// (`label_replace`, `count_values` …), which goes away with the query.
#[derive(Clone)]
pub struct QuerySymbols {
    shared: Arc<Symbols>,
    local: Arc<Symbols>,
}

impl QuerySymbols {
    /// An empty overlay over the shared table.
    pub fn new(shared: Arc<Symbols>) -> Self {
        Self { shared, local: Arc::default() }
    }

    /// Number of the string; a string unknown to the shared table goes into the overlay.
    pub fn intern(&self, text: &str) -> Symbol {
        self.lookup(text).unwrap_or_else(|| Symbol(self.local.intern(text).0 | Symbol::LOCAL))
    }

    /// Number of the string if either table has it.
    pub fn lookup(&self, text: &str) -> Option<Symbol> {
        // The two fixed strings are in both tables and count as shared.
        let local = self.local.lookup(text).filter(|symbol| *symbol > Symbol::METRIC_NAME);
        local.map(|symbol| Symbol(symbol.0 | Symbol::LOCAL)).or_else(|| self.shared.lookup(text))
    }

    /// The string.
    pub fn resolve(&self, symbol: Symbol) -> &str {
        if symbol.0 & Symbol::LOCAL == 0 {
            self.shared.resolve(symbol)
        } else {
            self.local.resolve(Symbol(symbol.0 & !Symbol::LOCAL))
        }
    }
}

/// A label set of symbols, sorted by the labels' names as strings. Cloning is cheap. Two sets of one
/// query are equal if their strings are; the one exception is a text that the query made up before
/// the store learnt it from a sample that arrived during the same query.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct LabelSet(Arc<[(Symbol, Symbol)]>);

impl LabelSet {
    /// From pairs that are already sorted by name, without repetition or empty values.
    pub fn from_sorted(pairs: impl Into<Arc<[(Symbol, Symbol)]>>) -> Self {
        Self(pairs.into())
    }

    /// Interns an owned label set.
    pub fn intern(labels: &Labels, mut intern: impl FnMut(&str) -> Symbol) -> Self {
        Self(labels.iter().map(|(name, value)| (intern(name), intern(value))).collect())
    }

    /// Value of a label; [`Symbol::EMPTY`] where it is missing.
    pub fn get(&self, name: Symbol) -> Symbol {
        self.0.iter().find(|(candidate, _)| *candidate == name).map_or(Symbol::EMPTY, |pair| pair.1)
    }

    /// The pairs, sorted by name.
    pub fn pairs(&self) -> &[(Symbol, Symbol)] {
        &self.0
    }

    /// The set with its strings.
    pub fn to_labels(&self, symbols: &QuerySymbols) -> Labels {
        Labels::from_pairs(
            self.0.iter().map(|&(name, value)| (symbols.resolve(name), symbols.resolve(value))),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_has_one_number() {
        let symbols = Symbols::default();
        let job = symbols.intern("job");
        assert_eq!(symbols.intern("job"), job);
        assert_eq!(symbols.resolve(job), "job");
        assert_eq!(symbols.lookup("instance"), None);
    }

    #[test]
    fn the_overlay_leaves_the_shared_table_alone() {
        let shared = Arc::new(Symbols::default());
        let query = QuerySymbols::new(Arc::clone(&shared));
        let made_up = query.intern("made up");
        assert_eq!(query.resolve(made_up), "made up");
        assert_eq!(shared.lookup("made up"), None);
        assert_eq!(query.intern("__name__"), Symbol::METRIC_NAME);
    }
}
