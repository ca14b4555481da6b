//! One scrape for all who ask the same: who asks while it is under way gets what the next one shows,
//! so that any number of scrapers costs a server one scrape at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// When the last answer was begun, and what it is.
type Latest<T> = Arc<tokio::sync::Mutex<Option<(Instant, T)>>>;

/// Questions that are being answered.
#[derive(Debug)]
pub(super) struct Shared<T> {
    running: Mutex<BTreeMap<String, Latest<T>>>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { running: Mutex::default() }
    }
}

impl<T: Clone> Shared<T> {
    /// Answers a question, or shares an answer that was begun after it was asked. `answer` is told how
    /// much of the deadline is left: nothing, when the one under way took all of it.
    pub(super) async fn ask<F: Future<Output = T>>(
        &self,
        question: &str,
        deadline: Duration,
        answer: impl FnOnce(Duration) -> F,
    ) -> T {
        let asked = Instant::now();
        let latest = Arc::clone(self.running.lock().entry(question.to_owned()).or_default());
        // Whoever is the last to ask takes the question from the list, also when the asker goes away.
        let entry = Entry { shared: self, question, latest };
        let Ok(mut latest) = tokio::time::timeout(deadline, entry.latest.lock()).await else {
            return answer(Duration::ZERO).await;
        };
        if let Some((_, known)) = latest.as_ref().filter(|(began, _)| *began >= asked) {
            return known.clone();
        }
        let began = Instant::now();
        let new = answer(deadline.saturating_sub(asked.elapsed())).await;
        *latest = Some((began, new.clone()));
        new
    }
}

struct Entry<'a, T> {
    shared: &'a Shared<T>,
    question: &'a str,
    latest: Latest<T>,
}

impl<T> Drop for Entry<'_, T> {
    fn drop(&mut self) {
        let mut running = self.shared.running.lock();
        // The list's and ours.
        if Arc::strong_count(&self.latest) == 2 {
            running.remove(self.question);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn many_who_ask_the_same_share_answers() {
        let shared = Shared::default();
        let count = AtomicUsize::new(0);
        let ask = |question| {
            shared.ask(question, Duration::from_secs(5), |_| async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                count.fetch_add(1, Ordering::Relaxed)
            })
        };
        tokio::join!(ask("a"), ask("a"), ask("a"), ask("a"), ask("b"));
        assert_eq!(count.into_inner(), 3, "the first of `a`, one for the others, and `b`");
        assert!(shared.running.lock().is_empty());
    }

    #[tokio::test]
    async fn who_waits_too_long_is_told_so() {
        let shared = Shared::default();
        let slow = shared.ask("a", Duration::from_secs(5), |left| async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            left
        });
        let hasty = shared.ask("a", Duration::from_millis(10), |left| async move { left });
        let (_, left) = tokio::join!(slow, hasty);
        assert_eq!(left, Duration::ZERO);
    }
}
