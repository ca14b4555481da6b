//! A manifest: KDL, YAML or JSON text becomes a [`Stack`] in which every value knows its place.

pub mod address;
pub mod block;
pub mod codes;
pub mod comments;
pub mod cursor;
pub mod decode;
pub mod duration;
mod kdl;
mod load;
pub mod matchers;
mod merge;
pub mod outline;
pub mod scalar;
pub mod schema;
pub mod shape;
pub mod stack;
#[cfg(test)]
mod tests;
pub mod text;
pub mod tree;
pub mod versions;
pub mod yaml;

pub use block::{Block, DurationText, Map, Ordered, SizeText, Value};
pub use kdl::format::{Refusal, format};
pub use load::{
    Format, Loaded, MAX_BYTES, ManifestError, load, load_with, parse, read_file, tidied,
};
pub use stack::*;
pub use text::place_in;
