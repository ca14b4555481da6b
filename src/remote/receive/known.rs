//! Which series a hash of label bytes stands for.

use std::time::{Duration, Instant};

use hashbrown::HashTable;

use crate::storage::SeriesId;

/// Series that nobody wrote to for this long, at most twice as long, are forgotten.
const TURN: Duration = Duration::from_secs(1800);

type Entry = ([u64; 2], SeriesId);

/// Two generations: what is used moves to the new one, and the old one goes away as a whole.
pub struct Known {
    now: HashTable<Entry>,
    before: HashTable<Entry>,
    turned: Instant,
}

impl Default for Known {
    fn default() -> Self {
        Self { now: HashTable::new(), before: HashTable::new(), turned: Instant::now() }
    }
}

fn split(key: u128) -> [u64; 2] {
    [key as u64, (key >> 64) as u64]
}

impl Known {
    /// Begins a new generation when it is time.
    pub fn turn(&mut self) {
        if self.turned.elapsed() >= TURN {
            self.turn_now();
        }
    }

    fn turn_now(&mut self) {
        self.before = std::mem::take(&mut self.now);
        self.turned = Instant::now();
    }

    /// The series of a key.
    pub fn get(&mut self, key: u128) -> Option<SeriesId> {
        let key = split(key);
        if let Some((_, id)) = self.now.find(key[0], |entry| entry.0 == key) {
            return Some(*id);
        }
        if self.before.is_empty() {
            return None;
        }
        let entry = self.before.find_entry(key[0], |entry| entry.0 == key).ok()?;
        let (entry, _) = entry.remove();
        self.now.insert_unique(key[0], entry, |entry| entry.0[0]);
        Some(entry.1)
    }

    /// Remembers a series, also in the place of another one.
    pub fn insert(&mut self, key: u128, id: SeriesId) {
        let key = split(key);
        match self.now.find_mut(key[0], |entry| entry.0 == key) {
            Some(entry) => entry.1 = id,
            None => {
                self.now.insert_unique(key[0], (key, id), |entry| entry.0[0]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_used_for_two_turns_is_forgotten() {
        let mut known = Known::default();
        known.insert(1, SeriesId(10));
        known.insert(1 << 64 | 1, SeriesId(11));
        known.turn_now();
        assert_eq!(known.get(1), Some(SeriesId(10)));
        known.turn_now();
        assert_eq!(known.get(1), Some(SeriesId(10)));
        assert_eq!(known.get(1 << 64 | 1), None);
        known.insert(1, SeriesId(12));
        assert_eq!(known.get(1), Some(SeriesId(12)));
    }
}
