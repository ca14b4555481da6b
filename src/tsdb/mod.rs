//! The time series database: open windows in memory and in a log, sealed windows in redb files.
//!
//! A batch is judged row by row, written to the log (so that a killed process loses nothing
//! acknowledged), and shown to queries all at once. A window that is over is sealed into a partition
//! of its own, its log is removed, and twelve windows are merged into one partition later. The formats
//! are drawn in docs/format/.

mod append;
pub mod codec;
mod config;
mod disk;
mod follow;
mod head;
mod lock;
mod log;
mod maintain;
mod matching;
mod partition;
mod select;
mod store;
#[cfg(test)]
mod tests;

pub use config::{Config, Settings, TsdbError};
pub use disk::{Clock, Disk, Files, LogFile, SystemClock};
pub use follow::{Follow, Place, Tail};
pub use maintain::Maintained;
pub use store::{Metrics, Tsdb};
