//! The thread that makes the log durable: once a second, or at once for appenders that wait.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tracing::error;

use crate::tsdb::disk::LogFile;

/// What is written and what is on the disk, counted in appended frames.
#[derive(Default)]
pub struct Progress {
    state: Mutex<State>,
    wake: Condvar,
    done: Condvar,
}

#[derive(Default)]
struct State {
    unsynced: Vec<Arc<dyn LogFile>>,
    written: u64,
    synced: u64,
    failed: u64,
    failures: u64,
    waiting: bool,
    stop: bool,
}

impl Progress {
    /// A frame was written to this file; gives its number.
    pub fn written(&self, file: &Arc<dyn LogFile>) -> u64 {
        let mut state = self.state.lock();
        state.written += 1;
        if !state.unsynced.last().is_some_and(|last| Arc::ptr_eq(last, file)) {
            state.unsynced.push(Arc::clone(file));
        }
        state.written
    }

    /// Returns when the frame of this number is on the disk; an error if that failed.
    pub fn wait(&self, number: u64) -> std::io::Result<()> {
        let mut state = self.state.lock();
        while state.synced < number && state.failed < number && !state.stop {
            state.waiting = true;
            self.wake.notify_one();
            self.done.wait(&mut state);
        }
        if state.synced >= number {
            Ok(())
        } else {
            Err(std::io::Error::other("the log could not be synced"))
        }
    }

    /// Syncs everything that is written by now, on the calling thread.
    pub fn sync(&self) -> std::io::Result<()> {
        let (files, target) = {
            let mut state = self.state.lock();
            state.waiting = false;
            (std::mem::take(&mut state.unsynced), state.written)
        };
        let result = files.iter().try_for_each(|file| file.sync());
        let mut state = self.state.lock();
        match &result {
            Ok(()) => state.synced = state.synced.max(target),
            Err(_) => {
                state.failed = state.failed.max(target);
                state.failures += 1;
            }
        }
        self.done.notify_all();
        result
    }

    /// How often syncing failed.
    pub fn failures(&self) -> u64 {
        self.state.lock().failures
    }
}

/// The thread; ends when it is dropped, without a last sync.
pub struct Syncer {
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    /// Starts the thread.
    pub fn start(progress: Arc<Progress>) -> std::io::Result<Self> {
        let shared = Arc::clone(&progress);
        let thread =
            std::thread::Builder::new().name("tsdb-sync".to_owned()).spawn(move || run(&shared))?;
        Ok(Self { progress, thread: Some(thread) })
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.progress.state.lock().stop = true;
        self.progress.wake.notify_all();
        self.progress.done.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the thread that syncs the log has panicked");
        }
    }
}

fn run(progress: &Progress) {
    loop {
        {
            let mut state = progress.state.lock();
            let second = Instant::now() + Duration::from_secs(1);
            while !state.stop && !state.waiting {
                if progress.wake.wait_until(&mut state, second).timed_out() {
                    break;
                }
            }
            if state.stop {
                return;
            }
            if state.unsynced.is_empty() && !state.waiting {
                continue;
            }
        }
        if let Err(err) = progress.sync() {
            error!("cannot sync the log: {err}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicUsize, bool);

    impl LogFile for Counting {
        fn append(&self, _: &[u8]) -> std::io::Result<()> {
            Ok(())
        }

        fn cut(&self, _: u64) -> std::io::Result<()> {
            Ok(())
        }

        fn sync(&self) -> std::io::Result<()> {
            self.0.fetch_add(1, Ordering::Relaxed);
            if self.1 { Err(std::io::Error::other("broken")) } else { Ok(()) }
        }
    }

    #[test]
    fn who_waits_is_served_by_the_thread() {
        let progress = Arc::new(Progress::default());
        let _syncer = Syncer::start(Arc::clone(&progress)).unwrap();
        let counting = Arc::new(Counting::default());
        let file: Arc<dyn LogFile> = counting.clone();
        progress.written(&file);
        let number = progress.written(&file);
        progress.wait(number).unwrap();
        assert_eq!(counting.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_failed_sync_reaches_who_waits() {
        let progress = Arc::new(Progress::default());
        let _syncer = Syncer::start(Arc::clone(&progress)).unwrap();
        let file: Arc<dyn LogFile> = Arc::new(Counting(AtomicUsize::new(0), true));
        let number = progress.written(&file);
        assert!(progress.wait(number).is_err());
        assert!(progress.failures() >= 1);
    }
}
