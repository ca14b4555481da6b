//! Buffers for bodies, shared by all targets: memory is needed for the pages that are read at the same
//! moment, not for every target.

use parking_lot::Mutex;

const KEPT: usize = 8;
const LARGEST_KEPT: usize = 2 << 20;

#[derive(Debug, Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    pub fn take(&self) -> Vec<u8> {
        self.0.lock().pop().unwrap_or_default()
    }

    /// Takes a buffer back; exceptionally large ones are freed.
    pub fn give(&self, buffer: Vec<u8>) {
        let mut kept = self.0.lock();
        if kept.len() < KEPT && buffer.capacity() <= LARGEST_KEPT {
            kept.push(buffer);
        }
    }
}
