//! Jobs that may hang: each is run under a watch, and one that hangs costs neither the others nor a
//! second thread.
//!
//! A thread works through the jobs in order. When a job takes long, the rest goes on in another thread
//! while the first keeps waiting; at the deadline the answers that are there are taken. A [`Gate`]
//! keeps a job that still hangs from being entered again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
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
    let now = Instant::now();
    let state = State {
        answers: (0..count).map(|_| None).collect(),
        missing: count,
        next: 0,
        shift: 0,
        progress: now,
    };
    let work = Arc::new(Work { state: Mutex::new(state), finished: Condvar::new(), job });
    if count == 0 || !spawn(name, &work, 0) {
        return work.state.lock().close();
    }
    let deadline = now + patience.deadline;
    let mut state = work.state.lock();
    while state.missing > 0 && Instant::now() < deadline {
        // With nothing left to take, only the deadline counts.
        let waiting = state.next < count;
        let slow = state.progress + patience.slow;
        let until = if waiting { deadline.min(slow) } else { deadline };
        work.finished.wait_until(&mut state, until);
        if waiting && state.next < count && state.progress.elapsed() >= patience.slow {
            state.shift += 1;
            state.progress = Instant::now();
            let shift = state.shift;
            if !spawn(name, &work, shift) {
                break;
            }
        }
    }
    state.close()
}

struct Work<T, F> {
    state: Mutex<State<T>>,
    /// Told once, when no answer is missing: a wake-up for each job would cost more than most jobs.
    finished: Condvar,
    job: F,
}

struct State<T> {
    answers: Vec<Option<T>>,
    missing: usize,
    /// The job to be taken next.
    next: usize,
    /// Number of the thread that takes jobs now; earlier ones end after the job they are in.
    shift: usize,
    /// When a job last began or ended.
    progress: Instant,
}

impl<T> State<T> {
    /// Takes the answers; whoever still runs takes no further job and its answer is dropped.
    fn close(&mut self) -> Vec<Option<T>> {
        self.shift = usize::MAX;
        std::mem::take(&mut self.answers)
    }
}

fn spawn<T, F>(name: &str, work: &Arc<Work<T, F>>, shift: usize) -> bool
where
    T: Send + 'static,
    F: Fn(usize) -> T + Send + Sync + 'static,
{
    let work = Arc::clone(work);
    let body = move || {
        let mut state = work.state.lock();
        while state.shift == shift && state.next < state.answers.len() {
            let index = state.next;
            state.next += 1;
            state.progress = Instant::now();
            drop(state);
            let answer = catch_unwind(AssertUnwindSafe(|| (work.job)(index))).ok();
            state = work.state.lock();
            if let Some(slot) = state.answers.get_mut(index) {
                *slot = answer;
                state.missing -= 1;
                state.progress = Instant::now();
            }
        }
        if state.missing == 0 {
            work.finished.notify_one();
        }
    };
    match std::thread::Builder::new().name(name.to_owned()).stack_size(512 * 1024).spawn(body) {
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
    use std::sync::mpsc;

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
