//! A bounded ring of exemplars over all series: a new one takes the place of the oldest.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::model::{Exemplar, TimeRange};

/// The ring.
#[derive(Debug)]
pub struct Exemplars {
    most: usize,
    ring: VecDeque<(u32, Exemplar)>,
    /// Newest exemplar of a series and how many of it are in the ring.
    newest: HashMap<u32, (Exemplar, usize)>,
}

impl Exemplars {
    /// A ring for so many.
    pub fn new(most: usize) -> Self {
        Self { most, ring: VecDeque::new(), newest: HashMap::new() }
    }

    /// Room for another number; the oldest go first.
    pub fn resize(&mut self, most: usize) {
        self.most = most;
        while self.ring.len() > most {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((oldest, _)) = self.ring.pop_front()
            && let Some((_, count)) = self.newest.get_mut(&oldest)
        {
            *count -= 1;
            if *count == 0 {
                self.newest.remove(&oldest);
            }
        }
    }

    /// Adds one, unless the series had the same already or a newer one; says whether it did.
    pub fn push(&mut self, series: u32, exemplar: &Exemplar) -> bool {
        let known = self.newest.get(&series);
        if self.most == 0 || known.is_some_and(|(newest, _)| newest.time > exemplar.time) {
            return false;
        }
        let same = |newest: &Exemplar| {
            newest.labels == exemplar.labels && newest.value.to_bits() == exemplar.value.to_bits()
        };
        if known.is_some_and(|(newest, _)| same(newest)) {
            return false;
        }
        if self.ring.len() == self.most {
            self.drop_oldest();
        }
        self.ring.push_back((series, exemplar.clone()));
        let newest = self.newest.entry(series).or_insert_with(|| (exemplar.clone(), 0));
        newest.0.clone_from(exemplar);
        newest.1 += 1;
        true
    }

    /// Exemplars in a range, oldest first, with the number of their series.
    pub fn within(&self, range: TimeRange) -> impl Iterator<Item = &(u32, Exemplar)> {
        self.ring.iter().filter(move |(_, exemplar)| range.contains(exemplar.time))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ring.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Labels;

    #[test]
    fn the_oldest_makes_room_and_repetitions_take_none() {
        let mut ring = Exemplars::new(2);
        let exemplar = |time: i64| Exemplar {
            labels: Labels::from_pairs([("trace", time.to_string())]),
            value: 1.0,
            time,
        };
        assert!(ring.push(1, &exemplar(5)));
        assert!(!ring.push(1, &exemplar(5)));
        assert!(!ring.push(1, &exemplar(4)));
        assert!(ring.push(1, &exemplar(6)));
        assert!(ring.push(2, &exemplar(7)));
        let times: Vec<i64> = ring.within(TimeRange::ALL).map(|(_, e)| e.time).collect();
        assert_eq!(times, [6, 7]);
        assert_eq!(ring.newest.len(), 2);
        assert!(ring.push(2, &exemplar(8)));
        assert_eq!(ring.newest.len(), 1);
        assert_eq!(ring.len(), 2);
        ring.resize(1);
        let times: Vec<i64> = ring.within(TimeRange::ALL).map(|(_, e)| e.time).collect();
        assert_eq!(times, [8]);
        ring.resize(0);
        assert!(!ring.push(3, &exemplar(9)) && ring.newest.is_empty());
    }
}
