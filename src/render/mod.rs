//! `Stack` -> files: one renderer per product, and the folder they are written into.

mod drift;
mod error;
mod index;
mod output;
mod write;
mod yaml;

pub use drift::{Drift, DriftKind, check, diff};
pub use error::RenderError;
pub use output::{Beside, Output, Sources};
pub use write::{HandEdits, Report, WriteOptions, write};
pub use yaml::to_yaml;
