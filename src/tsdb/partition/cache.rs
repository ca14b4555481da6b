//! Decoded blocks of all partitions, up to a number of bytes. What was not used since the last sweep
//! goes first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashMap;
use parking_lot::RwLock;

use super::items::Items;
use super::meta::Table;
use crate::storage::LabelSet;

/// What is kept.
#[derive(Debug, Clone)]
pub enum Cached {
    /// A block.
    Items(Arc<Items>),
    /// The label sets of a block of series.
    Labels(Arc<[LabelSet]>),
}

/// Partition, table and first key.
pub type Key = (u64, Table, u64);

#[derive(Debug)]
struct Entry {
    value: Cached,
    size: usize,
    used: AtomicBool,
}

/// The cache.
#[derive(Debug)]
pub struct Cache {
    budget: usize,
    state: RwLock<(HashMap<Key, Entry>, usize)>,
}

impl Cache {
    /// A cache of so many bytes.
    pub fn new(budget: usize) -> Self {
        Self { budget, state: RwLock::default() }
    }

    /// What is kept under a key.
    pub fn get(&self, key: Key) -> Option<Cached> {
        let state = self.state.read();
        let entry = state.0.get(&key)?;
        entry.used.store(true, Ordering::Relaxed);
        Some(entry.value.clone())
    }

    /// Keeps a value.
    pub fn put(&self, key: Key, value: Cached, size: usize) {
        let (entries, total) = &mut *self.state.write();
        if *total + size > self.budget {
            let mut excess = (*total + size).saturating_sub(self.budget * 3 / 4);
            // The second round finds everyone unused.
            for _ in 0..2 {
                entries.retain(|_, entry| {
                    let drop_it = excess > 0 && !entry.used.swap(false, Ordering::Relaxed);
                    if drop_it {
                        excess = excess.saturating_sub(entry.size);
                        *total -= entry.size;
                    }
                    !drop_it
                });
            }
        }
        let entry = Entry { value, size, used: AtomicBool::new(false) };
        *total += size;
        if let Some(old) = entries.insert(key, entry) {
            *total -= old.size;
        }
    }

    /// Forgets everything of a partition.
    pub fn forget(&self, partition: u64) {
        let (entries, total) = &mut *self.state.write();
        entries.retain(|key, entry| {
            let keep = key.0 != partition;
            if !keep {
                *total -= entry.size;
            }
            keep
        });
    }

    /// Bytes kept.
    pub fn bytes(&self) -> usize {
        self.state.read().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_outlives_what_is_not() {
        let cache = Cache::new(1000);
        let value = || Cached::Labels(Arc::from([]));
        for key in 0..200 {
            cache.put((1, Table::Series, key), value(), 100);
            cache.get((1, Table::Series, 0));
            assert!(cache.bytes() <= 1000);
        }
        assert!(cache.get((1, Table::Series, 0)).is_some());
        assert!(cache.get((1, Table::Series, 100)).is_none());
        cache.forget(1);
        assert_eq!(cache.bytes(), 0);
    }
}
