//! Scraping: targets, discovery, relabelling, one loop per target.
//!
//! [`config::load`] reads prometheus.yml, [`Manager::apply`] makes the running jobs those of the file.
//! A [job](Job) is a pool: its discovery finds groups of labels, relabelling makes targets of them, and
//! each target has a loop of its own that fetches, reads ([`text`]) into its [`Page`] and stores.
//!
//! ```no_run
//! # async fn example() -> Result<(), stackctl::scrape::ConfigError> {
//! use std::sync::Arc;
//! use stackctl::scrape::{Manager, Options, Resolution, Resolver, config};
//! use stackctl::storage::MemoryStore;
//!
//! let resolver = Resolver::new(|host_port| match host_port {
//!     "mysql-exporter:9104" => Resolution::Address(([127, 0, 0, 1], 9104).into()),
//!     "whatsapp:5555" => Resolution::Absent("service whatsapp is not run here".into()),
//!     _ => Resolution::System,
//! });
//! let store = Arc::new(MemoryStore::default());
//! let manager = Manager::new(store, Options { resolver, ..Options::default() });
//! manager.apply(&config::load("monitoring/prometheus.yml".as_ref())?).await;
//! for pool in manager.status() {
//!     println!("{}: {} targets", pool.job, pool.active.len());
//! }
//! manager.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod buffers;
pub mod config;
pub mod discover;
pub(crate) mod http;
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
mod thread;

pub use config::{Config, ConfigError, Job};
pub use http::{FetchError, Resolution, Resolver};
pub use manager::{Manager, Options};
pub use metrics::{Counter, Counters, METRICS};
pub use page::{Counts, Page, PageError, Rejected, Report};
pub use status::{DroppedTarget, Health, PoolStatus, TargetStatus};
