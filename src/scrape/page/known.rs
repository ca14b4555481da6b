//! The series texts of a target's last pages. Only their hashes are kept: a text is some hundred bytes,
//! and there is one for each series of each target.

use hashbrown::HashTable;

use crate::model::MetricType;
use crate::scrape::text::Key;
use crate::storage::SeriesId;

/// What is known of a text.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The text.
    pub key: Key,
    /// Generation of the last page it stood on.
    pub seen: u32,
    /// Place on the last page.
    pub place: u32,
    /// `None` where relabelling drops it.
    pub series: Option<SeriesId>,
    /// Whether it gets a stale marker when it is gone.
    pub tracked: bool,
    /// Type that the page declared when the text was new: the form of bounds depends on it.
    pub kind: MetricType,
}

/// Texts by their number, and numbers by text.
#[derive(Default)]
pub struct Known {
    entries: Vec<Entry>,
    index: HashTable<u32>,
}

impl Known {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry of a number.
    pub fn get(&self, number: u32) -> &Entry {
        &self.entries[number as usize]
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, number: u32) -> &mut Entry {
        &mut self.entries[number as usize]
    }

    /// The number of a text.
    pub fn find(&self, key: Key) -> Option<u32> {
        let same = |number: &u32| self.entries[*number as usize].key == key;
        self.index.find(key.short(), same).copied()
    }

    /// Adds a text that is not there; gives its number.
    pub fn add(&mut self, entry: Entry) -> u32 {
        if self.entries.len() == self.entries.capacity() {
            // Little by little: a page is learned once and kept for long.
            self.entries.reserve_exact(self.entries.len() / 8 + 16);
        }
        let number = self.entries.len() as u32;
        self.entries.push(entry);
        let entries = &self.entries;
        let hash = |number: &u32| entries[*number as usize].key.short();
        self.index.insert_unique(entry.key.short(), number, hash);
        number
    }

    /// Drops the texts that `keep` does not want; gives the new number of each old one, `u32::MAX` for
    /// those that are gone.
    pub fn retain(&mut self, keep: impl Fn(&Entry) -> bool) -> Vec<u32> {
        let before = std::mem::take(&mut self.entries);
        let kept = before.iter().filter(|entry| keep(entry)).count();
        (self.entries, self.index) = (Vec::with_capacity(kept), HashTable::with_capacity(kept));
        let number = |entry: &Entry| if keep(entry) { self.add(*entry) } else { u32::MAX };
        before.iter().map(number).collect()
    }
}
