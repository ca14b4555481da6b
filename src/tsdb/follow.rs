//! Reading along with the log: what was stored, in the order in which it was, frame by frame. This is
//! the queue of those who pass samples on. A segment that the store is done with is not removed while
//! a reader is not past it, but moved to `remote-write/` (docs/format/log.md).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::log::{Frame, Held, Next, number_of, parse_next};
use super::store::{Inner, Tsdb};
use crate::model::{Labels, Timestamp};
use crate::storage::{AppendError, Batch, SeriesId};

/// Bytes read at a time; a larger frame is read as a whole.
const READ: usize = 1 << 20;

/// Between two frames of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Number of the segment.
    pub segment: u64,
    /// Bytes before it.
    pub offset: u64,
}

/// The log as a queue.
#[derive(Clone)]
pub struct Follow {
    inner: Arc<Inner>,
    log: PathBuf,
    held: Arc<Held>,
}

impl Tsdb {
    /// The log as a queue.
    pub fn follow(&self) -> Follow {
        let inner = Arc::clone(&self.inner);
        let (log, held) = inner.writer.lock().log.places();
        Follow { inner, log, held }
    }
}

impl Follow {
    /// Where the next frame will be; makes the segment if need be.
    pub fn end(&self) -> Result<Place, AppendError> {
        let (segment, offset) = self.inner.writer.lock().log.end().map_err(AppendError::Log)?;
        Ok(Place { segment, offset })
    }

    /// The folder of the segments that only readers need; readers keep their own files there.
    pub fn folder(&self) -> &Path {
        &self.held.folder
    }

    /// Newest sample of the store.
    pub fn newest(&self) -> Option<Timestamp> {
        let newest = self.inner.newest.load(Ordering::Relaxed);
        (newest != Timestamp::MIN).then_some(newest)
    }

    /// Keeps segments from this one on, and removes older ones that the store is done with; `None`
    /// keeps none.
    pub fn keep_from(&self, segment: Option<u64>) {
        let first = segment.unwrap_or(u64::MAX);
        self.held.first.store(first, Ordering::SeqCst);
        for number in numbers(&self.held.folder).range(..first) {
            remove(&self.held.path(*number));
        }
    }

    /// Bytes of the segments that only readers need.
    pub fn held_bytes(&self) -> u64 {
        let numbers = numbers(&self.held.folder);
        numbers.iter().map(|number| length(&self.held.path(*number))).sum()
    }

    /// Removes the oldest of those until they take no more than `limit` bytes; gives how many.
    pub fn shorten(&self, limit: u64) -> usize {
        let mut bytes = self.held_bytes();
        let mut removed = 0;
        for number in numbers(&self.held.folder) {
            if bytes <= limit {
                break;
            }
            let path = self.held.path(number);
            bytes = bytes.saturating_sub(length(&path));
            remove(&path);
            removed += 1;
        }
        removed
    }

    fn open(&self, segment: u64) -> io::Result<Option<File>> {
        // In this order: a segment moves from the first folder to the second.
        for path in [self.log.join(super::log::name_of(segment)), self.held.path(segment)] {
            match File::open(path) {
                Ok(file) => return Ok(Some(file)),
                Err(err) if err.kind() == io::ErrorKind::NotFound => {}
                Err(err) => return Err(err),
            }
        }
        Ok(None)
    }

    /// The oldest segment from this number on.
    fn from(&self, segment: u64) -> Option<u64> {
        let both = [&self.log, &self.held.folder].map(|folder| numbers(folder));
        both.iter().filter_map(|all| all.range(segment..).next().copied()).min()
    }
}

fn numbers(folder: &Path) -> BTreeSet<u64> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| number_of(&entry.file_name())).collect()
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

fn remove(path: &Path) {
    if let Err(err) = fs::remove_file(path)
        && err.kind() != io::ErrorKind::NotFound
    {
        warn!(segment = %path.display(), "cannot remove: {err}");
    }
}

/// A reader of the log.
pub struct Tail {
    follow: Follow,
    place: Place,
    file: Option<File>,
    bytes: Vec<u8>,
    /// How much of `bytes` has been read.
    at: usize,
    frame: Frame,
    /// Series that the segment has named so far.
    series: HashMap<SeriesId, Arc<Labels>>,
    lost_segments: u64,
    damaged: u64,
}

impl Tail {
    /// Reads on from a place that a tail gave.
    pub fn new(follow: Follow, place: Place) -> Self {
        Self {
            follow,
            place,
            file: None,
            bytes: Vec::new(),
            at: 0,
            frame: Frame::default(),
            series: HashMap::new(),
            lost_segments: 0,
            damaged: 0,
        }
    }

    /// Behind the newest frame that was read.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Rows of the newest frame that was read.
    pub fn batch(&self) -> &Batch {
        &self.frame.batch
    }

    /// Labels of a series of that frame; `None` if only a damaged frame named it.
    pub fn labels(&self, series: SeriesId) -> Option<&Arc<Labels>> {
        self.series.get(&series)
    }

    /// Segments that were gone before they were read, and stretches of damage that were passed over.
    pub fn losses(&self) -> (u64, u64) {
        (self.lost_segments, self.damaged)
    }

    /// Reads the next frame; false if there is none yet.
    pub fn advance(&mut self) -> io::Result<bool> {
        loop {
            if self.file.is_none() && !self.open()? {
                return Ok(false);
            }
            // Looked at first: whatever the segment has now, it will not get more.
            let followed = self.follow.from(self.place.segment + 1);
            if self.step(followed.is_some())? {
                return Ok(true);
            }
            let Some(segment) = followed else { return Ok(false) };
            self.lost_segments += segment - self.place.segment - 1;
            self.go(Place { segment, offset: 0 });
        }
    }

    fn go(&mut self, place: Place) {
        self.place = place;
        self.file = None;
        self.series.clear();
        self.forget();
    }

    fn forget(&mut self) {
        self.bytes.clear();
        self.at = 0;
    }

    /// Opens the segment, and learns its series up to the place.
    fn open(&mut self) -> io::Result<bool> {
        let Place { segment, offset } = self.place;
        self.file = self.follow.open(segment)?;
        if self.file.is_none() {
            let Some(next) = self.follow.from(segment) else { return Ok(false) };
            self.lost_segments += next - segment;
            self.go(Place { segment: next, offset: 0 });
            self.file = self.follow.open(next)?;
            return Ok(self.file.is_some());
        }
        self.place.offset = 0;
        let before = self.damaged;
        while self.place.offset < offset && self.step(true)? {}
        self.place.offset = offset;
        self.damaged = before;
        self.forget();
        Ok(true)
    }

    /// Reads one frame of the segment; passes over damage if the segment gets no more frames, or if
    /// there is a sound one behind it.
    fn step(&mut self, ended: bool) -> io::Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        loop {
            let start = self.place.offset == 0;
            match parse_next(&self.bytes[self.at..], start) {
                Next::Frame { skipped, payload, length } => {
                    self.damaged += u64::from(skipped > 0);
                    let payload = self.at + payload.start..self.at + payload.end;
                    let sound = self.frame.read(&self.bytes[payload]).is_ok();
                    self.at += length;
                    self.place.offset += length as u64;
                    if sound {
                        for (id, labels) in self.frame.series.labels() {
                            self.series.insert(id, Arc::new(labels));
                        }
                        return Ok(true);
                    }
                    self.damaged += 1;
                }
                Next::More(needed) => {
                    // All of it anew: a write that failed half-way is taken back and made again.
                    let have = self.bytes.len() - self.at;
                    self.at = 0;
                    self.bytes.resize(needed.max(have + READ), 0);
                    let read = read_at(file, &mut self.bytes, self.place.offset)?;
                    self.bytes.truncate(read);
                    if read <= have {
                        self.damaged += u64::from(ended && read > 0 && self.place.offset > 0);
                        self.forget();
                        return Ok(false);
                    }
                }
            }
        }
    }
}

/// Fills the buffer as far as the file goes.
fn read_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < into.len() {
        match file.read_at(&mut into[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Append, FloatRow};
    use crate::tsdb::Config;

    fn append(store: &Tsdb, time: i64) {
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "a")]);
        let series = store.register(&labels).unwrap();
        let row = FloatRow { series, time, start_time: 0, value: time as f64 };
        store.append(&Batch { floats: vec![row], ..Batch::default() }).unwrap();
    }

    fn times(tail: &mut Tail) -> Vec<i64> {
        let mut all = Vec::new();
        while tail.advance().unwrap() {
            for row in &tail.batch().floats {
                assert_eq!(tail.labels(row.series).unwrap().get("job"), Some("a"));
                all.push(row.time);
            }
        }
        all
    }

    fn config(folder: &tempfile::TempDir) -> Config {
        Config { retention_time: None, ..Config::new(folder.path()) }
    }

    /// Seals what the clock has left behind.
    fn seal(store: &Tsdb, now: i64) {
        store.maintain(now).unwrap();
        store.maintain(now + 1).unwrap();
    }

    #[test]
    fn a_tail_goes_on_where_it_was_over_segments_and_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let store = Tsdb::open(config(&folder)).unwrap();
        append(&store, 1);
        let begin = store.follow().end().unwrap();
        assert_eq!(times(&mut Tail::new(store.follow(), begin)), [0; 0]);
        append(&store, 2);
        append(&store, 3);
        let mut tail = Tail::new(store.follow(), begin);
        assert!(tail.advance().unwrap());
        assert_eq!(tail.batch().floats[0].time, 2);
        let place = tail.place();
        assert_eq!(times(&mut tail), [3]);
        append(&store, 4);
        assert_eq!(times(&mut tail), [4]);
        drop(tail);
        drop(store);
        let store = Tsdb::open(config(&folder)).unwrap();
        append(&store, 5);
        let mut tail = Tail::new(store.follow(), place);
        assert_eq!((times(&mut tail), tail.losses()), (vec![3, 4, 5], (0, 0)));
    }

    #[test]
    fn what_the_store_is_done_with_stays_for_readers_until_they_are_past_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Tsdb::open(config(&folder)).unwrap();
        let follow = store.follow();
        let begin = follow.end().unwrap();
        fs::create_dir_all(follow.folder()).unwrap();
        follow.keep_from(Some(begin.segment));
        let window = 2 * 3600 * 1000;
        append(&store, 1);
        append(&store, 3 * window);
        store.maintain(4 * window).unwrap();
        append(&store, 3 * window + 1);
        seal(&store, 9 * window);
        assert!(follow.held_bytes() > 0);
        let expected = [1, 3 * window, 3 * window + 1];
        assert_eq!(times(&mut Tail::new(follow.clone(), begin)), expected);
        drop(follow);
        drop(store);
        // Numbers go on behind those that are only held.
        let store = Tsdb::open(config(&folder)).unwrap();
        let follow = store.follow();
        append(&store, 5 * window);
        let mut tail = Tail::new(follow.clone(), begin);
        assert_eq!(times(&mut tail), [&expected[..], &[5 * window]].concat());
        follow.keep_from(Some(tail.place().segment));
        assert_eq!(follow.held_bytes(), 0);
    }

    #[test]
    fn the_oldest_go_first_and_readers_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = Tsdb::open(config(&folder)).unwrap();
        let follow = store.follow();
        let begin = follow.end().unwrap();
        fs::create_dir_all(follow.folder()).unwrap();
        follow.keep_from(Some(begin.segment));
        append(&store, 1);
        seal(&store, 9 * 7_200_000);
        append(&store, 9 * 7_200_000);
        assert_eq!(follow.shorten(0), 1);
        let mut tail = Tail::new(follow, begin);
        assert_eq!((times(&mut tail), tail.losses().0), (vec![9 * 7_200_000], 1));
    }

    #[test]
    fn a_torn_end_waits_and_a_flipped_bit_costs_one_frame() {
        let folder = tempfile::tempdir().unwrap();
        let store = Tsdb::open(config(&folder)).unwrap();
        let begin = store.follow().end().unwrap();
        let ends: Vec<u64> = (1..=4)
            .map(|time| {
                append(&store, time);
                store.follow().end().unwrap().offset
            })
            .collect();
        let path = folder.path().join("stackctl/log/00000001.log");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..ends[3] as usize - 3]).unwrap();
        let mut tail = Tail::new(store.follow(), begin);
        assert_eq!(times(&mut tail), [1, 2, 3]);
        assert_eq!((tail.place().offset, tail.losses()), (ends[2], (0, 0)));
        fs::write(&path, &whole).unwrap();
        assert_eq!(times(&mut tail), [4]);
        let mut flipped = whole;
        flipped[ends[1] as usize + 14] ^= 4;
        fs::write(&path, &flipped).unwrap();
        let mut tail = Tail::new(store.follow(), begin);
        assert_eq!((times(&mut tail), tail.losses()), (vec![1, 2, 4], (0, 1)));
    }
}
