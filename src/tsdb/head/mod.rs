//! The open windows in memory.

mod exemplars;
mod index;
mod series;

pub use exemplars::Exemplars;
pub use index::Registry;
pub use series::{Cut, Series};
