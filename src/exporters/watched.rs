//! Jobs that may hang: each is run under a watch, and one that hangs costs neither the others nor a
//! second thread.
//!
//! A thread works through the jobs in order. When a job takes long, the rest goes on in another thread
//! while the first keeps waiting; at the deadline the answers that are there are taken. A [`Gate`]
//! keeps a job that still hangs from being entered again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How long jobs may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// After this time in one job the rest goes on in another thread.
    pub slow: Duration,
    /// After this time from the start the answers are taken as they are.
    pub deadline: Duration,
}

/// Runs `count` jobs in order and returns their answers; `None` for those that panicked or were not
/// ready at the deadline. Those go on in their threads and their answers are dropped.
pub fn run<T: Send + 'static>(
    name: &str,
    count: usize,
    patience: Patience,
    job: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Vec<Option<T>> {
    let start = Instant::now();
    let mut answers: Vec<Option<T>> = (0..count).map(|_| None).collect();
    let mut missing = count;
    let queue =
        Arc::new(Queue { next: AtomicUsize::new(0), count, shift: AtomicUsize::new(0), job });
    let (sender, receiver) = mpsc::channel();
    let mut shift = 0;
    if count == 0 || !spawn(name, &queue, &sender, shift) {
        return answers;
    }
    let mut progress = start;
    while missing > 0 {
        let deadline = patience.deadline.saturating_sub(start.elapsed());
        if deadline.is_zero() {
            break;
        }
        let slow = patience.slow.saturating_sub(progress.elapsed());
        // With nothing left to take, only the deadline counts.
        let waiting = queue.next.load(Ordering::Acquire) < count;
        let wait = if waiting { deadline.min(slow) } else { deadline };
        match receiver.recv_timeout(wait) {
            Ok((index, answer)) => {
                progress = Instant::now();
                missing -= 1;
                answers[index] = answer;
            }
            Err(RecvTimeoutError::Timeout) => {
                if waiting && progress.elapsed() >= patience.slow {
                    shift += 1;
                    queue.shift.store(shift, Ordering::Release);
                    progress = Instant::now();
                    if !spawn(name, &queue, &sender, shift) {
                        break;
                    }
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    // Whoever still runs takes no further job.
    queue.next.store(count, Ordering::Release);
    answers
}

struct Queue<F> {
    next: AtomicUsize,
    count: usize,
    /// Number of the thread that takes jobs now; earlier ones end after the job they are in.
    shift: AtomicUsize,
    job: F,
}

/// A job's number and its answer, as it comes back from the thread.
type Answer<T> = (usize, Option<T>);

fn spawn<T, F>(
    name: &str,
    queue: &Arc<Queue<F>>,
    sender: &mpsc::Sender<Answer<T>>,
    shift: usize,
) -> bool
where
    T: Send + 'static,
    F: Fn(usize) -> T + Send + Sync + 'static,
{
    let queue = Arc::clone(queue);
    let sender = sender.clone();
    let work = move || {
        while queue.shift.load(Ordering::Acquire) == shift {
            let index = queue.next.fetch_add(1, Ordering::AcqRel);
            if index >= queue.count {
                break;
            }
            let answer = catch_unwind(AssertUnwindSafe(|| (queue.job)(index))).ok();
            if sender.send((index, answer)).is_err() {
                break;
            }
        }
    };
    match std::thread::Builder::new().name(name.to_owned()).stack_size(512 * 1024).spawn(work) {
        Ok(_) => true,
        Err(err) => {
            tracing::error!("no thread could be started for {name}: {err}");
            false
        }
    }
}

/// Lets one in at a time, and nobody while the one inside is overdue.
#[derive(Debug, Default)]
pub struct Gate {
    since: Mutex<Option<Instant>>,
    freed: Condvar,
}

impl Gate {
    /// Enters, after waiting for the one inside; `None` when that one has been in for longer than
    /// `deadline` or does not come out within it.
    pub fn enter(&self, deadline: Duration) -> Option<Pass<'_>> {
        let mut since = self.since.lock();
        let until = Instant::now() + deadline;
        while let Some(entered) = *since {
            if entered.elapsed() >= deadline || self.freed.wait_until(&mut since, until).timed_out()
            {
                return None;
            }
        }
        *since = Some(Instant::now());
        Some(Pass { gate: self })
    }

    /// How long somebody has been inside; `None` when it is free.
    pub fn occupied(&self) -> Option<Duration> {
        self.since.lock().map(|since| since.elapsed())
    }
}

/// The right to be inside a [`Gate`]; dropping it lets the next one in.
#[derive(Debug)]
pub struct Pass<'a> {
    gate: &'a Gate,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        *self.gate.since.lock() = None;
        self.gate.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { slow: Duration::from_millis(20), deadline: Duration::from_millis(300) };

    #[test]
    fn hanging_jobs_cost_only_themselves() {
        let (hold, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let start = Instant::now();
        let answers = run("test", 5, PATIENCE, move |index| {
            if index == 1 {
                held.lock().recv().ok();
            }
            assert_ne!(index, 3, "a job that panics");
            index * 10
        });
        assert_eq!(answers, [Some(0), None, Some(20), None, Some(40)]);
        assert!(start.elapsed() < Duration::from_secs(2));
        drop(hold);
    }

    #[test]
    fn a_gate_refuses_while_the_one_inside_is_overdue() {
        let gate = Gate::default();
        let pass = gate.enter(Duration::ZERO).expect("it is free");
        assert!(gate.enter(Duration::from_millis(10)).is_none());
        assert!(gate.occupied().is_some());
        drop(pass);
        assert!(gate.enter(Duration::ZERO).is_some());
    }
}
