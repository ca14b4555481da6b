//! Buffers for bodies and their samples, shared by all targets: memory is needed for the pages that are
//! read at the same moment, not for every target.

use parking_lot::Mutex;

use super::page::Rows;

const KEPT: usize = 8;
const LARGEST_KEPT: usize = 2 << 20;
/// Rows of samples of the largest room that is kept.
const MOST_ROWS: usize = 20_000;

#[derive(Default)]
pub(super) struct Buffers {
    bodies: Mutex<Vec<Vec<u8>>>,
    rows: Mutex<Vec<Rows>>,
}

impl Buffers {
    pub fn take(&self) -> Vec<u8> {
        self.bodies.lock().pop().unwrap_or_default()
    }

    /// Takes a buffer back; exceptionally large ones are freed.
    pub fn give(&self, buffer: Vec<u8>) {
        let mut kept = self.bodies.lock();
        if kept.len() < KEPT && (1..=LARGEST_KEPT).contains(&buffer.capacity()) {
            kept.push(buffer);
        }
    }

    pub fn take_rows(&self) -> Rows {
        self.rows.lock().pop().unwrap_or_default()
    }

    /// Takes room for rows back, likewise.
    pub fn give_rows(&self, rows: Rows) {
        let mut kept = self.rows.lock();
        if kept.len() < KEPT && rows.capacity() <= MOST_ROWS {
            kept.push(rows);
        }
    }
}
