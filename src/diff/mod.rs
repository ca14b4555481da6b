//! What differs between two stacks, by meaning: two manifests, or a manifest and a folder of
//! configuration.
//!
//! Both sides become the files that the products read, a manifest by rendering it. The files become
//! things with names and attributes ([`model`]), in one spelling: what a setting is without a word about
//! it, lists without an order, durations, expressions. Only then they are compared ([`changes`]), so
//! that nothing is told of layout, comments, the order of what has none, or where a file lies.

mod alertmanager;
mod changes;
mod cluster;
mod compose;
mod fields;
mod folder;
mod grafana;
mod manifest;
mod model;
mod prometheus;
mod reach;
mod read;
pub mod report;
mod risks;
mod rules;
mod spans;
mod units;

pub use changes::{Change, Difference, Fate, changes};
pub use folder::{others, target};
pub use manifest::{Beside, model as of_manifest};
pub use model::{Kind, Model, REACHES, Thing, Value};
pub use read::{Document, Extent, ReadError, read as of_documents};
pub use risks::{Risk, risks};
