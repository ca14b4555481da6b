//! The thread that scrapes. A scrape is a few milliseconds of waiting and half a millisecond of work, for
//! every target at another moment: handing its parts around between the threads that also answer queries
//! would cost more than the work itself. Long pages, names and files are left to threads of their own.

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

/// Where the loops of all jobs run; ends when it is dropped.
pub(super) struct Thread {
    handle: Handle,
    _stop: DropGuard,
}

impl Thread {
    /// Starts it. Without one more thread scrapes go on in the caller's runtime.
    pub fn start() -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let started = Builder::new_current_thread().enable_all().build().and_then(|runtime| {
            let handle = runtime.handle().clone();
            let run = move || runtime.block_on(stopped.cancelled());
            std::thread::Builder::new().name("scrape".to_owned()).spawn(run).map(|_| handle)
        });
        let handle = started.unwrap_or_else(|err| {
            warn!("no thread of their own for scrapes: {err}");
            Handle::current()
        });
        Self { handle, _stop: stop.drop_guard() }
    }

    /// The runtime of the loops.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}
