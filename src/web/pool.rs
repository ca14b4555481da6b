//! Where queries run: a bounded number at once, off the I/O threads, cancelled with their client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::promql::QueryError;

/// Runs queries.
pub(super) struct Pool {
    permits: Arc<Semaphore>,
    size: usize,
    running: AtomicU64,
    finished: AtomicU64,
    /// Microseconds that all finished queries took together.
    busy_micros: AtomicU64,
    /// Samples that all queries looked at.
    pub samples: AtomicU64,
}

/// What a query that runs knows of its surroundings.
pub(super) struct Turn {
    /// Set once nobody waits any more.
    pub cancel: Arc<AtomicBool>,
    /// When it must have ended.
    pub deadline: Instant,
    /// How long it waited for its turn.
    pub queued: Duration,
}

/// Sets the flag when the client goes away, which drops the future that holds this.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Pool {
    /// A pool for so many queries at once, at least one.
    pub fn new(size: usize) -> Self {
        let size = size.max(1);
        Self {
            permits: Arc::new(Semaphore::new(size)),
            size,
            running: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            busy_micros: AtomicU64::new(0),
            samples: AtomicU64::new(0),
        }
    }

    /// Waits for a turn and runs the job on a computing thread.
    pub async fn run<T, E>(
        self: &Arc<Self>,
        timeout: Duration,
        job: impl FnOnce(Turn) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<QueryError> + Send + 'static,
    {
        let asked = Instant::now();
        let deadline = asked + timeout;
        let cancel = CancelOnDrop(Arc::default());
        let permit = Arc::clone(&self.permits).acquire_owned();
        let permit = match tokio::time::timeout(timeout, permit).await {
            Ok(permit) => permit.expect("the semaphore is never closed"),
            Err(_) => return Err(QueryError::Timeout.into()),
        };
        let turn = Turn { cancel: Arc::clone(&cancel.0), deadline, queued: asked.elapsed() };
        let pool = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            // The permit goes back when the work ends, not when the client does.
            let _permit = permit;
            pool.running.fetch_add(1, Ordering::Relaxed);
            let begun = Instant::now();
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(turn)));
            let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            pool.busy_micros.fetch_add(micros, Ordering::Relaxed);
            pool.finished.fetch_add(1, Ordering::Relaxed);
            pool.running.fetch_sub(1, Ordering::Relaxed);
            result
        });
        let broken = || QueryError::Execution("the query failed inside the server".to_owned());
        match task.await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(broken().into()),
        }
    }

    /// Queries at once.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Queries that run now.
    pub fn running(&self) -> u64 {
        self.running.load(Ordering::Relaxed)
    }

    /// Queries that have ended, and the seconds they took together.
    pub fn finished(&self) -> (u64, f64) {
        let micros = self.busy_micros.load(Ordering::Relaxed);
        (self.finished.load(Ordering::Relaxed), micros as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_query_that_waits_too_long_times_out() {
        let pool = Arc::new(Pool::new(1));
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let first = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move {
                pool.run(Duration::from_secs(9), move |_| {
                    wait.recv().ok();
                    Ok::<_, QueryError>(1)
                })
                .await
            }
        });
        while pool.running() == 0 {
            tokio::task::yield_now().await;
        }
        let second = pool.run(Duration::from_millis(1), |_| Ok::<_, QueryError>(2)).await;
        assert!(matches!(second, Err(QueryError::Timeout)));
        release.send(()).unwrap();
        assert_eq!(first.await.unwrap().unwrap(), 1);
        assert_eq!(pool.finished().0, 1);
    }

    #[tokio::test]
    async fn a_client_that_goes_away_cancels_its_query() {
        let pool = Arc::new(Pool::new(1));
        let (tell, told) = tokio::sync::oneshot::channel();
        let job = move |turn: Turn| {
            tell.send(Arc::clone(&turn.cancel)).ok();
            while !turn.cancel.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            Ok::<_, QueryError>(())
        };
        let client = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(Duration::from_secs(9), job).await }
        });
        let cancel = told.await.unwrap();
        assert!(!cancel.load(Ordering::Relaxed));
        client.abort();
        while pool.finished().0 == 0 {
            tokio::task::yield_now().await;
        }
        assert!(cancel.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_frees_the_place() {
        let pool = Arc::new(Pool::new(1));
        for _ in 0..2 {
            let result =
                pool.run(Duration::from_secs(9), |_| -> Result<(), QueryError> { panic!("x") });
            assert!(matches!(result.await, Err(QueryError::Execution(_))));
        }
    }
}
