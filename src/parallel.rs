//! One function over many things, on all processors.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// More threads than this wait for each other's memory.
const MOST: usize = 8;

/// Bytes of a thread's stack.
const STACK: usize = 8 << 20;

/// What `work` makes of each item, in the items' order. The calling thread does its part of it; further
/// ones are started only where there is `much` to do, since starting one costs as much as a small stack.
pub fn map<T: Sync, R: Send>(items: &[T], much: bool, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let processors = if much { thread::available_parallelism().map_or(1, NonZero::get) } else { 1 };
    on_threads(items, processors.min(MOST), work)
}

fn on_threads<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    if threads < 2 || items.len() < 2 {
        return items.iter().map(work).collect();
    }
    // Small pieces, so that nobody waits long for the last one.
    let piece = (items.len() / (threads * 16)).max(1);
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(items) = items.chunks(piece).nth(number) else { return done };
            done.push((number, items.iter().map(&work).collect::<Vec<R>>()));
        }
    };
    let mut done = thread::scope(|scope| {
        // Trees are gone through by recursion, with as much room as the first thread has. Where no more
        // threads are to be had, this one does it all.
        let start = |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, take).ok();
        let others: Vec<_> = (1..threads).filter_map(start).collect();
        let mut done = take();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().flat_map(|(_, results)| results).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_items() {
        for items in [0, 1, 2, 3, 31, 1000] {
            let items: Vec<usize> = (0..items).collect();
            let expected: Vec<usize> = items.iter().map(|item| item * 3).collect();
            for threads in 1..5 {
                assert_eq!(on_threads(&items, threads, |item| item * 3), expected);
            }
        }
    }

    #[test]
    #[should_panic(expected = "at 7")]
    fn a_panic_comes_through() {
        on_threads(&(0..100).collect::<Vec<_>>(), 2, |item| assert!(*item != 7, "at {item}"));
    }
}
