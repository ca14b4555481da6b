//! Scraping: targets, discovery, relabelling, one loop per target.

mod buffers;
pub mod config;
pub mod discover;
mod http;
mod labels;
mod manager;
mod metrics;
mod page;
mod pool;
pub mod relabel;
mod run;
mod status;
mod target;
pub mod text;

pub use config::{Config, ConfigError, Job};
pub use http::{FetchError, Resolution, Resolver};
pub use manager::{Manager, Options};
pub use metrics::{Counter, Counters, METRICS};
pub use page::{Counts, Page, PageError, Rejected, Report};
pub use status::{DroppedTarget, Health, PoolStatus, TargetStatus};
