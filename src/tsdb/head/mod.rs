//! The open windows in memory.

mod exemplars;
mod index;
mod series;
mod times;

pub use exemplars::Exemplars;
pub use index::Registry;
pub use series::{Cut, Hand, Series};
