//! The exporters: what a host and a MySQL server look like as metrics.
//!
//! Each has its collectors in files of their own, declares its metrics as data, reads the reference
//! program's flags into a `Config`, and answers over HTTP through [`http`].

pub mod flags;
pub mod footprint;
pub mod http;
pub mod mysql;
pub mod node;
pub mod process;
pub mod serving;
pub mod watched;

/// Whether a collector runs when no flag says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Runs unless `--no-collector.NAME` is given.
    On,
    /// Runs only with `--collector.NAME`.
    Off,
}
