//! What the log needs of the outside world: files that append, and the time. Tests put a failing disk
//! and a clock of their own in here.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::model::Timestamp;

/// An open segment of the log; written by one thread, synced by another.
pub trait LogFile: Send + Sync {
    /// Appends all bytes, or fails and may leave a part of them.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file back to a length, so that a part of a frame does not stay.
    fn cut(&self, length: u64) -> io::Result<()>;

    /// Returns when everything written so far is on the disk.
    fn sync(&self) -> io::Result<()>;
}

/// Makes segments.
pub trait Disk: Send + Sync {
    /// Makes a new, empty segment; it is an error if the file exists.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn LogFile>>;
}

/// The time, in milliseconds since 1970.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The real files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Files;

impl Disk for Files {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn LogFile>> {
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Arc::new(AppendFile(file)))
    }
}

struct AppendFile(File);

impl LogFile for AppendFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0).write_all(bytes)
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        crate::model::now()
    }
}

/// Makes the names in a folder durable: new, renamed and removed files.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
