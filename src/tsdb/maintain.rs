//! Upkeep: sealing windows that are over, merging partitions, retention. One at a time, beside
//! ingest and queries; whatever step it is interrupted at, the next start or call goes on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use hashbrown::HashMap;
use smallvec::SmallVec;
use tracing::{debug, error, info};

use super::TsdbError;
use super::codec::Scratch;
use super::head::Series;
use super::partition::{Content, Meta, Order, Partition, Recent, write};
use super::store::{Inner, PartitionSet, remove};
use crate::model::{TimeRange, Timestamp};
use crate::storage::{LabelSet, SelectError};

/// Windows in a merged partition.
const MERGED: i64 = 12;

/// A window that the clock has left behind this long is over, whatever the samples say: answers to
/// scrapes that began in it are there by then.
const LATE: i64 = 60_000;

/// Samples that came after their window was sealed are kept in memory this long after the last of them:
/// most senders of old samples send several times, and each sealing costs a merge.
const LATER_STILL: i64 = 600_000;

/// What a call of [`super::Tsdb::maintain`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Windows sealed into partitions.
    pub sealed: usize,
    /// Partitions written by merging others.
    pub merged: usize,
    /// Partitions removed by retention.
    pub removed: usize,
}

/// What upkeep remembers from call to call.
pub(super) struct Upkeep {
    /// Up to which segment of the log a window lies in a partition.
    sealed: BTreeMap<i64, u64>,
    /// Number of the next partition.
    next: u64,
    /// Sealed samples still in memory, because a query that began before may need them.
    leaving: Vec<Leaving>,
    /// Sets of partitions that queries may still hold.
    past: Vec<Weak<PartitionSet>>,
    /// Windows that are over and still have samples in memory.
    watched: BTreeMap<i64, Watched>,
}

/// How a window that is over was found by earlier calls.
struct Watched {
    /// Number of the batch that wrote to it last.
    touched: u64,
    /// Since when that is so.
    since: Timestamp,
    /// When the window was first found to be over.
    first: Timestamp,
}

struct Leaving {
    number: u64,
    series: Vec<Arc<Series>>,
}

impl Upkeep {
    pub fn new(sealed: BTreeMap<i64, u64>, next: u64) -> Self {
        Self { sealed, next, leaving: Vec::new(), past: Vec::new(), watched: BTreeMap::new() }
    }
}

impl Upkeep {
    /// Whether nobody writes to a window any more, as far as one can tell. `touched` is the batch that
    /// wrote to it last, `again` tells that the window has a partition already.
    fn is_quiet(
        &mut self,
        window: i64,
        touched: u64,
        again: bool,
        now: Timestamp,
        length: i64,
    ) -> bool {
        let watched =
            self.watched.entry(window).or_insert(Watched { touched, since: now, first: now });
        if watched.touched != touched {
            (watched.touched, watched.since) = (touched, now);
        }
        let patience = if again { LATER_STILL } else { 1 };
        now - watched.since >= patience || now - watched.first >= length.max(6 * LATER_STILL)
    }
}

fn select_failed(partition: &Partition, err: SelectError) -> TsdbError {
    let path = partition.path().to_owned();
    match err {
        SelectError::Io { source, .. } => TsdbError::Io { what: "read", path, source },
        SelectError::Corrupt { reason, .. } => TsdbError::Damaged { path, reason },
        SelectError::Closed => TsdbError::Closed,
    }
}

impl Inner {
    pub fn maintain(&self, now: Timestamp) -> Result<Maintained, TsdbError> {
        let upkeep = &mut *self.upkeep.lock();
        let newest = self.newest.load(Ordering::Relaxed).min(now);
        let mut done = Maintained::default();
        let result = self.upkeep(upkeep, newest, now, &mut done);
        self.let_go(upkeep, now);
        if done != Maintained::default() {
            info!(done.sealed, done.merged, done.removed, "store maintained");
        }
        result.map(|()| done)
    }

    fn upkeep(
        &self,
        upkeep: &mut Upkeep,
        newest: Timestamp,
        now: Timestamp,
        done: &mut Maintained,
    ) -> Result<(), TsdbError> {
        // What the samples say: they have gone on, so nobody needs to be waited for.
        let grace = self.window / 4;
        let end = |window: i64| (window + 1).saturating_mul(self.window);
        let left = |window: i64| end(window).saturating_add(grace) <= newest;
        // What the clock says: the last samples of all are also sealed one day, and old ones are that
        // somebody brings in later.
        let past = |window: i64| end(window).saturating_add(LATE) <= now;
        let partitions = self.partitions();
        let again =
            |window: i64| partitions.all.iter().any(|it| it.meta().has_window(self.window, window));
        let open = self.writer.lock().windows.clone();
        upkeep.watched.retain(|window, _| open.contains_key(window));
        let windows: Vec<i64> = open
            .into_iter()
            .filter(|&(window, touched)| {
                let again = again(window);
                (left(window) && !again)
                    || ((left(window) || past(window))
                        && upkeep.is_quiet(window, touched, again, now, self.window))
            })
            .map(|(window, _)| window)
            .collect();
        drop(partitions);
        let mut failed = None;
        for window in windows {
            match self.seal(upkeep, window) {
                Ok(sealed) => done.sealed += usize::from(sealed),
                Err(err) => {
                    failed = Some(err);
                    break;
                }
            }
        }
        // Retention makes room, so it runs even where sealing failed for want of it.
        done.removed = self.retain(upkeep, newest);
        if let Some(err) = failed {
            return Err(err);
        }
        done.merged = self.merge(upkeep, |window| left(window) || past(window))?;
        Ok(())
    }

    /// Seals one window; says whether there was anything to seal.
    fn seal(&self, upkeep: &mut Upkeep, window: i64) -> Result<bool, TsdbError> {
        let number = upkeep.next;
        upkeep.next += 1;
        let segment = {
            let mut writer = self.writer.lock();
            writer.windows.remove(&window);
            let oldest = writer.log.oldest();
            upkeep.sealed.retain(|_, until| *until >= oldest);
            writer.log.rotate()
        };
        // With the other windows that the log still has: their partitions may be gone before it is.
        let mut sealed = upkeep.sealed.clone();
        sealed.insert(window, segment);
        let mut series: Vec<Arc<Series>> = self.registry.read().iter().cloned().collect();
        let mut scratch = Scratch::default();
        series.retain(|series| series.seal(self.window, window, number, &mut scratch));
        let order = Order::new(&self.symbols);
        series.sort_by(|a, b| order.compare(&a.labels, &b.labels));
        let result = if series.is_empty() {
            Ok(None)
        } else {
            let labels: Vec<LabelSet> = series.iter().map(|series| series.labels.clone()).collect();
            let meta = Meta {
                number,
                window: self.window,
                first_window: window,
                slots: 1,
                sealed: sealed.into_iter().collect(),
                ..Meta::default()
            };
            let content = Content { meta, symbols: &self.symbols, series: &labels };
            write(&self.folder, content, |_, ordinal, columns| {
                let read = series[ordinal as usize].read_sealed(self.window, number, columns);
                read.map_err(|err| TsdbError::Damaged {
                    path: self.folder.clone(),
                    reason: format!("series in memory: {err}"),
                })
            })
            .and_then(|path| {
                Partition::open(&path, self.shared.clone())
                    .map(Some)
                    .map_err(|err| TsdbError::Seal { path, reason: err.to_string() })
            })
        };
        match result {
            Ok(partition) => {
                let any = partition.is_some();
                if let Some(partition) = partition {
                    self.publish(upkeep, number, Some(Arc::new(partition)), &[]);
                    upkeep.leaving.push(Leaving { number, series });
                    self.counters.sealed.fetch_add(1, Ordering::Relaxed);
                }
                upkeep.sealed.insert(window, segment);
                upkeep.watched.remove(&window);
                self.writer.lock().log.remove_sealed(&upkeep.sealed);
                Ok(any)
            }
            Err(err) => {
                for series in &series {
                    series.unseal(number);
                }
                self.writer.lock().keep_window(window);
                error!(window, "a window cannot be sealed, its samples stay in the log: {err}");
                Err(err)
            }
        }
    }

    /// Opens what was just written; what cannot be read again is removed, for its samples are still
    /// where they came from.
    fn open_written(&self, path: &Path) -> Result<Partition, TsdbError> {
        Partition::open(path, self.shared.clone()).map_err(|err| {
            remove(path, "unreadable");
            TsdbError::Seal { path: path.to_owned(), reason: err.to_string() }
        })
    }

    /// Adds a partition and takes others out.
    fn publish(
        &self,
        upkeep: &mut Upkeep,
        number: u64,
        add: Option<Arc<Partition>>,
        take_out: &[u64],
    ) {
        let mut partitions = self.partitions.write();
        let stay = |partition: &&Arc<Partition>| !take_out.contains(&partition.meta().number);
        let all = partitions.all.iter().filter(stay).cloned().chain(add).collect();
        let last = partitions.last.max(number);
        let before = std::mem::replace(&mut *partitions, Arc::new(PartitionSet::new(last, all)));
        upkeep.past.push(Arc::downgrade(&before));
    }

    /// Forgets sealed samples that no query needs any more, and series that have no others.
    fn let_go(&self, upkeep: &mut Upkeep, now: Timestamp) {
        let mut empty = Vec::new();
        upkeep.past.retain(|set| set.strong_count() > 0);
        let oldest = upkeep.past.iter().filter_map(|set| Some(set.upgrade()?.last)).min();
        upkeep.leaving.retain(|leaving| {
            let wait = oldest.is_some_and(|last| last < leaving.number);
            if !wait {
                let gone = leaving.series.iter().filter(|series| series.forget(leaving.number));
                empty.extend(gone.map(|series| series.id));
            }
            wait
        });
        if empty.is_empty() {
            return;
        }
        // Under the lock of the writer no sample can arrive in between.
        let writer = self.writer.lock();
        let mut registry = self.registry.write();
        empty.retain(|&id| {
            let idle = writer.last(id) < now.saturating_sub(self.window);
            let empty = registry.get(id).is_some_and(|series| series.bounds().is_none());
            idle && empty
        });
        if !empty.is_empty() {
            debug!(series = empty.len(), "series without recent samples leave the memory");
            registry.remove(&empty);
        }
    }

    /// Removes partitions by age and by size; gives how many.
    fn retain(&self, upkeep: &mut Upkeep, newest: Timestamp) -> usize {
        let partitions = self.partitions();
        let mut oldest_kept = i64::MIN;
        let settings = *self.settings.read();
        if let Some(time) = settings.retention_time {
            let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
            oldest_kept = newest.saturating_sub(time);
        }
        let mut kept: Vec<&Arc<Partition>> = partitions.all.iter().collect();
        kept.sort_by_key(|partition| partition.meta().newest);
        let mut gone: Vec<&Arc<Partition>> = Vec::new();
        kept.retain(|partition| {
            let keep = partition.meta().newest >= oldest_kept;
            if !keep {
                gone.push(*partition);
            }
            keep
        });
        if let Some(limit) = settings.retention_size {
            let (_, log) = self.writer.lock().log_size();
            let mut bytes = log + kept.iter().map(|partition| partition.bytes()).sum::<u64>();
            for partition in kept {
                if bytes <= limit {
                    break;
                }
                bytes -= partition.bytes();
                gone.push(partition);
            }
        }
        self.take_out(upkeep, &gone, "outdated");
        self.counters.removed.fetch_add(gone.len() as u64, Ordering::Relaxed);
        gone.len()
    }

    /// Takes partitions out of the set and removes their files; open queries keep them readable.
    fn take_out(&self, upkeep: &mut Upkeep, gone: &[&Arc<Partition>], why: &str) {
        if gone.is_empty() {
            return;
        }
        let numbers: Vec<u64> = gone.iter().map(|partition| partition.meta().number).collect();
        self.publish(upkeep, 0, None, &numbers);
        for partition in gone {
            remove(partition.path(), why);
            self.shared.cache.forget(partition.meta().number);
        }
    }

    /// Merges the partitions of days that are over, and several of the same window; gives how many
    /// were written.
    fn merge(&self, upkeep: &mut Upkeep, over: impl Fn(i64) -> bool) -> Result<usize, TsdbError> {
        let mut days: BTreeMap<i64, Vec<Arc<Partition>>> = BTreeMap::new();
        for partition in &self.partitions().all {
            let Meta { window, first_window, .. } = *partition.meta();
            if window == self.window && !partition.is_damaged() {
                let day = first_window.div_euclid(MERGED);
                days.entry(day).or_default().push(Arc::clone(partition));
            }
        }
        let open: Vec<i64> = self.writer.lock().windows.keys().copied().collect();
        let mut merged = 0;
        for (day, partitions) in days {
            let complete = over((day + 1) * MERGED - 1)
                && !open.iter().any(|window| window.div_euclid(MERGED) == day);
            if complete && partitions.len() > 1 {
                self.merge_some(upkeep, &partitions)?;
                merged += 1;
                continue;
            }
            let mut by_window: BTreeMap<(i64, u32), Vec<Arc<Partition>>> = BTreeMap::new();
            for partition in partitions {
                let Meta { first_window, slots, .. } = *partition.meta();
                by_window.entry((first_window, slots)).or_default().push(partition);
            }
            for same in by_window.into_values().filter(|same| same.len() > 1) {
                self.merge_some(upkeep, &same)?;
                merged += 1;
            }
        }
        Ok(merged)
    }

    fn merge_some(
        &self,
        upkeep: &mut Upkeep,
        partitions: &[Arc<Partition>],
    ) -> Result<(), TsdbError> {
        let number = upkeep.next;
        upkeep.next += 1;
        // What was stored first is read first, and wins where two samples have the same time.
        let mut sources: Vec<&Arc<Partition>> = partitions.iter().collect();
        sources.sort_by_key(|partition| partition.meta().number);
        let mut union: HashMap<LabelSet, SmallVec<[(usize, u32); 2]>> = HashMap::new();
        for (index, source) in sources.iter().enumerate() {
            let ordinals: Vec<u32> = (0..source.meta().series).collect();
            let add = |ordinal, labels: &LabelSet| {
                union.entry(labels.clone()).or_default().push((index, ordinal));
            };
            source.each_labels(&ordinals, add).map_err(|err| select_failed(source, err))?;
        }
        let order = Order::new(&self.symbols);
        let mut union: Vec<_> = union.into_iter().collect();
        union.sort_by(|a, b| order.compare(&a.0, &b.0));
        let (labels, places): (Vec<LabelSet>, Vec<_>) = union.into_iter().unzip();
        let metas = || sources.iter().map(|source| source.meta());
        let first = metas().map(|meta| meta.first_window).min().unwrap_or_default();
        let end = metas().map(|meta| meta.first_window + i64::from(meta.slots)).max();
        let mut sealed: BTreeMap<i64, u64> = BTreeMap::new();
        for &(window, segment) in metas().flat_map(|meta| &meta.sealed) {
            let until = sealed.entry(window).or_default();
            *until = segment.max(*until);
        }
        let numbers: Vec<u64> = metas().map(|meta| meta.number).collect();
        let meta = Meta {
            number,
            window: self.window,
            first_window: first,
            slots: (end.unwrap_or(first) - first) as u32,
            sealed: sealed.into_iter().collect(),
            replaces: numbers.clone(),
            ..Meta::default()
        };
        let content = Content { meta, symbols: &self.symbols, series: &labels };
        let mut recent: Vec<Recent> = Vec::new();
        recent.resize_with(sources.len(), Recent::default);
        let path = write(&self.folder, content, |window, ordinal, columns| {
            let start = window.saturating_mul(self.window);
            let range = TimeRange::new(start, start.saturating_add(self.window - 1));
            for &(index, ordinal) in &places[ordinal as usize] {
                let source = sources[index];
                let read = source.read(ordinal, range, &mut recent[index], columns);
                read.map_err(|err| select_failed(source, err))?;
            }
            Ok(())
        })?;
        let merged = self.open_written(&path)?;
        self.publish(upkeep, number, Some(Arc::new(merged)), &numbers);
        for source in sources {
            remove(source.path(), "merged");
            self.shared.cache.forget(source.meta().number);
        }
        self.counters.merged.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
