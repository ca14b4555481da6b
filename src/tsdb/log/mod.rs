//! The log of the open windows: append-only segments, written before a batch is acknowledged.

mod frame;
mod segment;
mod sync;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{error, warn};

pub use frame::{Frame, put};
pub use segment::{Next, parse_next, put_frame};
pub use sync::{Progress, Syncer};

use super::TsdbError;
use super::disk::{Disk, LogFile, sync_folder};

/// A segment that has grown beyond this gets a successor.
const SEGMENT_BYTES: u64 = 64 << 20;

/// Segments that readers still need when the store is done with them.
pub struct Held {
    /// Where they go; nobody reads along where it is missing.
    pub folder: PathBuf,
    /// Segments from this number on are kept.
    pub first: AtomicU64,
}

impl Held {
    /// Until readers say otherwise everything is kept, if there were any.
    fn new(folder: PathBuf) -> Self {
        let first = AtomicU64::new(if folder.is_dir() { 0 } else { u64::MAX });
        Self { folder, first }
    }

    /// Of a segment.
    pub fn path(&self, number: u64) -> PathBuf {
        self.folder.join(name_of(number))
    }
}

/// File name of a segment.
pub fn name_of(number: u64) -> String {
    format!("{number:08}.log")
}

/// The segment that has this file name.
pub fn number_of(name: &OsStr) -> Option<u64> {
    name.to_str()?.strip_suffix(".log")?.parse().ok()
}

/// All segments; the newest is written to.
pub struct Log {
    folder: PathBuf,
    damaged: PathBuf,
    held: Arc<Held>,
    disk: Arc<dyn Disk>,
    progress: Arc<Progress>,
    next: u64,
    current: Option<Current>,
    closed: BTreeMap<u64, Closed>,
}

struct Current {
    number: u64,
    file: Arc<dyn LogFile>,
    length: u64,
    windows: BTreeSet<i64>,
}

struct Closed {
    length: u64,
    windows: BTreeSet<i64>,
}

/// What replaying the log found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Sound frames.
    pub frames: u64,
    /// Stretches of damaged bytes, torn tails included.
    pub damaged: u64,
}

impl Log {
    /// Opens the folder and hands every sound frame, with the number of its segment, to `each`,
    /// which says in which windows it has samples. New frames go into a new segment.
    pub fn open(
        root: &Path,
        disk: Arc<dyn Disk>,
        progress: Arc<Progress>,
        mut each: impl FnMut(u64, &Frame) -> BTreeSet<i64>,
    ) -> Result<(Self, Replayed), TsdbError> {
        let folder = root.join("log");
        let io = |what, path: &Path| {
            let path = path.to_owned();
            move |source| TsdbError::Io { what, path, source }
        };
        fs::create_dir_all(&folder).map_err(io("create", &folder))?;
        let held = Held::new(root.join("remote-write"));
        let mut numbers = BTreeSet::new();
        for entry in fs::read_dir(&folder).map_err(io("read", &folder))? {
            numbers.extend(number_of(&entry.map_err(io("read", &folder))?.file_name()));
        }
        // Numbers are not used again while a reader may know them.
        let others = fs::read_dir(&held.folder).into_iter().flatten().flatten();
        let others = others.filter_map(|entry| number_of(&entry.file_name()));
        let last = others.chain(numbers.last().copied()).max();
        let mut log = Self {
            damaged: root.join("damaged"),
            folder,
            disk,
            progress,
            next: last.map_or(1, |last| last + 1),
            held: Arc::new(held),
            current: None,
            closed: BTreeMap::new(),
        };
        let mut replayed = Replayed::default();
        let mut frame = Frame::default();
        for number in numbers {
            let path = log.path(number);
            let bytes = fs::read(&path).map_err(io("read", &path))?;
            let mut windows = BTreeSet::new();
            let found = segment::read(&bytes, |payload| {
                let sound = frame.read(payload).is_ok();
                if sound {
                    windows.extend(each(number, &frame));
                }
                sound
            });
            replayed.frames += found.frames as u64;
            replayed.damaged += found.damaged.len() as u64 + u64::from(found.torn.is_some());
            let mut length = bytes.len() as u64;
            for range in found.damaged {
                let aside = log.damaged.join(format!("{number:08}-{}.bin", range.start));
                error!(segment = %path.display(), at = range.start, bytes = range.len(),
                    aside = %aside.display(), "damaged frames in the log are set aside");
                log.set_aside(&aside, &bytes[range]);
            }
            if let Some(at) = found.torn {
                warn!(segment = %path.display(), at, bytes = bytes.len() - at,
                    "the log ends in a torn frame, which is cut off");
                match fs::OpenOptions::new().write(true).open(&path) {
                    Ok(file) if file.set_len(at as u64).is_ok() => length = at as u64,
                    _ => warn!(segment = %path.display(), "the torn frame could not be cut off"),
                }
            }
            log.closed.insert(number, Closed { length, windows });
        }
        Ok((log, replayed))
    }

    fn set_aside(&self, path: &Path, bytes: &[u8]) {
        let written = fs::create_dir_all(&self.damaged).and_then(|()| fs::write(path, bytes));
        if let Err(err) = written {
            warn!(path = %path.display(), "damaged bytes could not be set aside: {err}");
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(name_of(number))
    }

    /// Number of the segment that the next frame goes into; makes it if need be.
    pub fn segment(&mut self) -> io::Result<u64> {
        if self.current.as_ref().is_some_and(|current| current.length > SEGMENT_BYTES) {
            self.rotate();
        }
        if let Some(current) = &self.current {
            return Ok(current.number);
        }
        let number = self.next;
        let path = self.path(number);
        let file = self.disk.create(&path)?;
        let begun = file.append(segment::HEADER).and_then(|()| sync_folder(&self.folder));
        if let Err(err) = begun {
            // On a full disk every batch would leave an empty file behind.
            let _ = fs::remove_file(&path);
            return Err(err);
        }
        self.next += 1;
        let length = segment::HEADER.len() as u64;
        self.current = Some(Current { number, file, length, windows: BTreeSet::new() });
        Ok(number)
    }

    /// Writes frames with samples in these windows, all or nothing; gives what to wait for if they
    /// must be on the disk.
    pub fn append(&mut self, frames: &[u8], windows: impl Iterator<Item = i64>) -> io::Result<u64> {
        self.segment()?;
        let Some(current) = &mut self.current else {
            return Err(io::Error::other("the log has no segment"));
        };
        if let Err(err) = current.file.append(frames) {
            if current.file.cut(current.length).is_err() {
                // A part of a frame stays: nothing may come behind it.
                self.rotate();
            }
            return Err(err);
        }
        current.length += frames.len() as u64;
        current.windows.extend(windows);
        Ok(self.progress.written(&current.file))
    }

    /// Ends the current segment; gives the number of the newest that has ended.
    pub fn rotate(&mut self) -> u64 {
        if let Some(Current { number, length, windows, .. }) = self.current.take() {
            self.closed.insert(number, Closed { length, windows });
        }
        self.next - 1
    }

    /// Removes the ended segments whose windows have all been sealed with them. `sealed` says up to
    /// which segment a window is in a partition.
    pub fn remove_sealed(&mut self, sealed: &BTreeMap<i64, u64>) {
        let done: Vec<u64> = self
            .closed
            .iter()
            .filter(|(number, segment)| {
                let is_sealed = |window| sealed.get(window).is_some_and(|until| *until >= **number);
                segment.windows.iter().all(is_sealed)
            })
            .map(|(&number, _)| number)
            .collect();
        for number in done {
            let path = self.path(number);
            let kept = number >= self.held.first.load(Ordering::SeqCst);
            let done = if kept {
                fs::create_dir_all(&self.held.folder)
                    .and_then(|()| fs::rename(&path, self.held.path(number)))
            } else {
                fs::remove_file(&path)
            };
            match done {
                Ok(()) => drop(self.closed.remove(&number)),
                Err(err) if err.kind() == io::ErrorKind::NotFound => {
                    self.closed.remove(&number);
                }
                Err(err) => warn!(segment = %path.display(), kept, "cannot remove: {err}"),
            }
        }
    }

    /// The folder, and what is kept of it for readers.
    pub fn places(&self) -> (PathBuf, Arc<Held>) {
        (self.folder.clone(), Arc::clone(&self.held))
    }

    /// Segment and offset of the next frame.
    pub fn end(&mut self) -> io::Result<(u64, u64)> {
        let number = self.segment()?;
        Ok((number, self.current.as_ref().map_or(0, |current| current.length)))
    }

    /// Number of the oldest segment there is, or of the next.
    pub fn oldest(&self) -> u64 {
        let current = self.current.as_ref().map(|current| current.number);
        self.closed.keys().next().copied().or(current).unwrap_or(self.next)
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.current.as_ref().map_or(0, |current| current.length)
            + self.closed.values().map(|segment| segment.length).sum::<u64>()
    }

    /// Segments on the disk.
    pub fn segments(&self) -> u64 {
        self.closed.len() as u64 + u64::from(self.current.is_some())
    }
}
