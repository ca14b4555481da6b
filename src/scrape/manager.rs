//! All jobs together.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::header::HeaderValue;
use parking_lot::Mutex;
use tracing::info;

use super::buffers::Buffers;
use super::config::Config;
use super::http::Resolver;
use super::metrics::{Counters, POOL_TARGETS};
use super::pool::{Carried, Pool};
use super::run::End;
use super::status::PoolStatus;
use super::thread::Thread;
use crate::catalogue::Families;
use crate::storage::Append;

/// What scraping is told from outside its configuration file.
#[derive(Debug, Clone)]
pub struct Options {
    /// Looked at before the system's name service.
    pub resolver: Resolver,
    /// Sent with each request.
    pub user_agent: HeaderValue,
    /// Longest body where the configuration sets no limit, in bytes.
    pub max_body: u64,
    /// A sample that is late by no more than this, and by no more than a hundredth of the interval,
    /// gets the time it should have had (Prometheus' `--scrape.timestamp-tolerance`).
    pub timestamp_tolerance: Duration,
    /// Changes of targets within this time are applied together.
    pub discovery_batch: Duration,
    /// Name server of `dns_sd_configs`; the system's where it is missing.
    pub dns_server: Option<SocketAddr>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            resolver: Resolver::default(),
            user_agent: HeaderValue::from_static(concat!("stackctl/", env!("CARGO_PKG_VERSION"))),
            max_body: 128 << 20,
            timestamp_tolerance: Duration::from_millis(2),
            discovery_batch: Duration::from_secs(5),
            dns_server: None,
        }
    }
}

/// Runs the jobs of a configuration. All methods need a tokio runtime around them.
pub struct Manager {
    store: Arc<dyn Append>,
    options: Options,
    counters: Arc<Counters>,
    buffers: Arc<Buffers>,
    thread: OnceLock<Thread>,
    pools: Mutex<Vec<Pool>>,
    /// Jobs that are gone and still write their stale markers.
    ending: Mutex<Vec<Pool>>,
    /// One change of the configuration at a time.
    applying: tokio::sync::Mutex<()>,
}

impl Manager {
    /// Without jobs; [`Self::apply`] starts them.
    pub fn new(store: Arc<dyn Append>, options: Options) -> Self {
        Self {
            store,
            options,
            counters: Arc::default(),
            buffers: Arc::default(),
            thread: OnceLock::new(),
            pools: Mutex::default(),
            ending: Mutex::default(),
            applying: tokio::sync::Mutex::default(),
        }
    }

    /// Makes the running jobs those of the configuration. Unchanged jobs go on undisturbed; the targets
    /// of a changed one keep their series.
    pub async fn apply(&self, config: &Config) {
        let _one_at_a_time = self.applying.lock().await;
        let mut old: HashMap<String, Pool> = {
            let mut pools = self.pools.lock();
            pools.drain(..).map(|pool| (pool.job.name.clone(), pool)).collect()
        };
        let runtime = self.thread.get_or_init(Thread::start).handle();
        let mut started = 0;
        for job in &config.jobs {
            let pool = match old.remove(&job.name) {
                Some(pool) if *pool.job == *job => pool,
                other => {
                    let carried = match other {
                        None => Carried::new(),
                        Some(pool) => {
                            self.counters.pool_reloads.increment();
                            pool.stop(End::Handover);
                            pool.ended().await
                        }
                    };
                    started += 1;
                    // What a job spawns runs where it was started.
                    let _inside = runtime.enter();
                    Pool::start(
                        job.clone(),
                        &self.store,
                        &self.options,
                        &self.counters,
                        &self.buffers,
                        carried,
                    )
                }
            };
            self.pools.lock().push(pool);
        }
        let removed = old.len();
        let mut ending = self.ending.lock();
        ending.retain(|pool| !pool.has_ended());
        for pool in old.into_values() {
            pool.stop(End::Gone);
            ending.push(pool);
        }
        info!(jobs = config.jobs.len(), started, removed, "scrape configuration applied");
    }

    /// Jobs and their targets right now, in the order of the configuration.
    pub fn status(&self) -> Vec<PoolStatus> {
        self.pools.lock().iter().map(Pool::status).collect()
    }

    /// Counters of this part.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Adds this part's own metrics to an exposition.
    pub fn expose(&self, out: &mut Families) {
        self.counters.expose(out);
        for pool in self.pools.lock().iter() {
            out.put(&POOL_TARGETS, &[&pool.job.name], pool.active_count() as f64);
        }
    }

    /// Ends all jobs; scrapes under way are given up, what was fetched is stored. Writes no stale
    /// markers: after a restart the series go on.
    pub async fn shutdown(&self) {
        let _one_at_a_time = self.applying.lock().await;
        let pools: Vec<Pool> = self.pools.lock().drain(..).collect();
        let ending: Vec<Pool> = self.ending.lock().drain(..).collect();
        let all: Vec<Pool> = pools.into_iter().chain(ending).collect();
        for pool in &all {
            pool.stop(End::Shutdown);
        }
        for pool in all {
            pool.ended().await;
        }
    }
}
