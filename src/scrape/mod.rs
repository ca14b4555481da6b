//! Scraping: targets, discovery, relabelling, one loop per target.

mod status;
pub mod text;

pub use status::{DroppedTarget, Health, PoolStatus, TargetStatus};
