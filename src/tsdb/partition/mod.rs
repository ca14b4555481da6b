//! Sealed windows: redb files of their own, written once, then only read
//! (docs/format/partition.md).

mod cache;
mod items;
mod meta;
mod order;
mod read;
mod write;

pub use cache::Cache;
pub use meta::Meta;
pub use order::Order;
pub use read::{Partition, Recent, Shared};
pub use write::{Content, write};
