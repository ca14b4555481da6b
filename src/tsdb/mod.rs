//! The time series database: an open window in memory and in a log, sealed windows in redb files.

pub mod codec;
mod config;

pub use config::{Config, TsdbError};
