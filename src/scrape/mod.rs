//! Scraping: targets, discovery, relabelling, one loop per target.

mod status;

pub use status::{DroppedTarget, Health, PoolStatus, TargetStatus};
