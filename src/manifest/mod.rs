//! A manifest: KDL, YAML or JSON text becomes a [`Stack`] in which every value knows its place.

pub mod block;
pub mod codes;
pub mod decode;
pub mod duration;
pub mod scalar;
pub mod shape;
pub mod stack;
pub mod tree;

pub use block::{Block, DurationText, Map, Ordered, SizeText, Value};
pub use stack::*;
