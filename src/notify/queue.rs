//! Alerts that wait to be sent: bounded, the oldest make room.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::model::Alert;

/// See the module.
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Alert>>,
    capacity: usize,
    more: Notify,
}

impl Queue {
    pub fn new(capacity: usize) -> Self {
        Self { waiting: Mutex::default(), capacity, more: Notify::new() }
    }

    /// Puts alerts at the end; returns how many of the oldest had to go.
    pub fn put(&self, alerts: Vec<Alert>) -> usize {
        let mut waiting = self.waiting.lock();
        waiting.extend(alerts);
        let dropped = waiting.len().saturating_sub(self.capacity);
        waiting.drain(..dropped);
        if !waiting.is_empty() {
            self.more.notify_one();
        }
        dropped
    }

    /// The next alerts, at most `most`; waits for the first.
    pub async fn take(&self, most: usize) -> Vec<Alert> {
        loop {
            if let Some(batch) = self.take_now(most) {
                return batch;
            }
            self.more.notified().await;
        }
    }

    /// The next alerts, if there are any.
    pub fn take_now(&self, most: usize) -> Option<Vec<Alert>> {
        let mut waiting = self.waiting.lock();
        let count = waiting.len().min(most.max(1));
        (count > 0).then(|| waiting.drain(..count).collect())
    }

    pub fn len(&self) -> usize {
        self.waiting.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Labels;

    fn alert(number: usize) -> Alert {
        Alert {
            labels: Labels::from_pairs([("number", number.to_string().as_str())]),
            annotations: Labels::empty(),
            starts_at: 0,
            ends_at: 0,
            generator_url: String::new(),
        }
    }

    #[tokio::test]
    async fn the_oldest_make_room_and_batches_are_bounded() {
        let queue = Queue::new(3);
        assert_eq!(queue.put((0..2).map(alert).collect()), 0);
        assert_eq!(queue.put((2..5).map(alert).collect()), 2);
        assert_eq!(queue.take(2).await, [alert(2), alert(3)]);
        assert_eq!(queue.take_now(2).unwrap(), [alert(4)]);
        assert_eq!((queue.take_now(2), queue.len()), (None, 0));
        assert_eq!(queue.put((0..9).map(alert).collect()), 6);
    }
}
