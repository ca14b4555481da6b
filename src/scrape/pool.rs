//! One job: its discovery, and a loop for each of its targets.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{self, HeaderMap, HeaderValue};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use super::buffers::Buffers;
use super::config::Job;
use super::discover::{self, Found};
use super::http::Client;
use super::manager::Options;
use super::metrics::Counters;
use super::run::{End, Runner, Shared, State, accept, shutdown, stopped};
use super::status::{DroppedTarget, Health, PoolStatus, TargetStatus};
use super::target::{Target, Verdict, targets};
use crate::model::Labels;
use crate::storage::{Append, SeriesId};

/// Live series of the targets of a job's former life.
pub(super) type Carried = HashMap<Labels, Vec<SeriesId>>;

/// Beyond this many, first scrapes are spread a little.
const AT_ONCE: usize = 50;

struct Loop {
    target: Arc<Target>,
    state: Arc<Mutex<State>>,
    stop: watch::Sender<Option<End>>,
    task: JoinHandle<Vec<SeriesId>>,
}

#[derive(Default)]
struct Table {
    active: Vec<(Arc<Target>, Arc<Mutex<State>>)>,
    dropped: Vec<Labels>,
    dropped_count: usize,
}

/// A running job.
pub(super) struct Pool {
    pub job: Arc<Job>,
    table: Arc<Mutex<Table>>,
    stop: watch::Sender<Option<End>>,
    task: JoinHandle<Carried>,
}

impl Pool {
    /// Starts discovery and, as soon as targets are known, their loops.
    pub fn start(
        job: Job,
        store: &Arc<dyn Append>,
        options: &Options,
        counters: &Arc<Counters>,
        buffers: &Arc<Buffers>,
        carried: Carried,
    ) -> Self {
        let job = Arc::new(job);
        let client = Client::new(&job.http, &options.resolver);
        counters.pools.increment();
        if let Err(err) = &client {
            counters.pools_failed.increment();
            error!(job = %job.name, "the job's HTTP client cannot be made: {err}");
        }
        let mut headers = HeaderMap::new();
        if let Ok(accept) = HeaderValue::try_from(accept(&job.protocols)) {
            headers.insert(header::ACCEPT, accept);
        }
        headers.insert(header::USER_AGENT, options.user_agent.clone());
        let shared = Arc::new(Shared {
            job: Arc::clone(&job),
            client,
            headers,
            store: Arc::clone(store),
            counters: Arc::clone(counters),
            buffers: Arc::clone(buffers),
            max_body: options.max_body,
            timestamp_tolerance: options.timestamp_tolerance,
            forced_error: Mutex::new(None),
        });
        let table = Arc::new(Mutex::new(Table::default()));
        let (stop, stopped) = watch::channel(None);
        let worker = Worker {
            shared,
            table: Arc::clone(&table),
            batch: options.discovery_batch,
            carried,
            loops: HashMap::new(),
            ending: Vec::new(),
        };
        let (found, sources) = discover::start(&job.discovery, options);
        let task = tokio::spawn(async move {
            // Dropped with the worker: discovery ends when the job does.
            let _sources = sources;
            worker.run(&found, stopped).await
        });
        Self { job, table, stop, task }
    }

    /// Tells the job how to end; it goes on doing so by itself.
    pub fn stop(&self, end: End) {
        self.stop.send_replace(Some(end));
    }

    /// Waits for the end; the live series after [`End::Handover`].
    pub async fn ended(self) -> Carried {
        self.task.await.unwrap_or_default()
    }

    /// Whether the end is reached.
    pub fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// How many targets are scraped.
    pub fn active_count(&self) -> usize {
        self.table.lock().active.len()
    }

    pub fn status(&self) -> PoolStatus {
        let table = self.table.lock();
        let mut active: Vec<TargetStatus> = table
            .active
            .iter()
            .map(|(target, state)| {
                let State { health, error, began, took } = state.lock().clone();
                TargetStatus {
                    discovered_labels: target.discovered.clone(),
                    labels: target.labels.clone(),
                    scrape_url: target.url.clone(),
                    health,
                    last_error: error,
                    last_scrape: began,
                    last_duration: took,
                    interval: target.interval,
                    timeout: target.timeout,
                }
            })
            .collect();
        active
            .sort_by(|a, b| a.labels.cmp(&b.labels).then_with(|| a.scrape_url.cmp(&b.scrape_url)));
        let dropped = table.dropped.iter();
        let dropped = dropped.map(|labels| DroppedTarget { discovered_labels: labels.clone() });
        PoolStatus {
            job: self.job.name.clone(),
            active,
            dropped: dropped.collect(),
            dropped_count: table.dropped_count,
        }
    }
}

struct Worker {
    shared: Arc<Shared>,
    table: Arc<Mutex<Table>>,
    batch: Duration,
    carried: Carried,
    loops: HashMap<(Labels, String), Loop>,
    ending: Vec<Loop>,
}

impl Worker {
    async fn run(mut self, found: &Found, mut stop: watch::Receiver<Option<End>>) -> Carried {
        // What the former life leaves is settled when its targets had time to come back.
        let mut leftover = (!self.carried.is_empty())
            .then(|| Box::pin(tokio::time::sleep(self.batch + self.shared.job.interval)));
        let end = loop {
            self.sync(found);
            tokio::select! {
                biased;
                end = stopped(&mut stop) => break end,
                () = async {
                    match &mut leftover {
                        Some(sleep) => sleep.await,
                        None => std::future::pending().await,
                    }
                } => {
                    leftover = None;
                    self.end_leftover();
                    continue;
                }
                () = found.changed() => {}
            }
            // Several changes at once make one synchronisation.
            tokio::select! {
                biased;
                end = stopped(&mut stop) => break end,
                () = tokio::time::sleep(self.pause()) => {}
            }
        };
        self.finish(end, stop).await
    }

    /// The first targets are not kept waiting.
    fn pause(&self) -> Duration {
        if self.loops.is_empty() { Duration::from_millis(10).min(self.batch) } else { self.batch }
    }

    fn sync(&mut self, found: &Found) {
        let job = &self.shared.job;
        let mut wanted = HashMap::new();
        let mut dropped = Vec::new();
        let mut dropped_count = 0;
        for verdict in targets(job, &found.groups()) {
            match verdict {
                Verdict::Active(target) => {
                    wanted.entry((target.labels.clone(), target.url.clone())).or_insert(target);
                }
                Verdict::Dropped(labels) => {
                    dropped_count += 1;
                    let limit = job.limits.keep_dropped_targets;
                    if limit == 0 || dropped.len() < limit as usize {
                        dropped.push(labels);
                    }
                }
                Verdict::Invalid(reason) => {
                    error!(job = %job.name, "a target cannot be scraped: {reason}");
                }
            }
        }
        let (count, limit) = (wanted.len(), job.limits.targets);
        let exceeded = limit > 0 && count as u64 > limit;
        if exceeded {
            self.shared.counters.exceeded_target_limit.increment();
        }
        *self.shared.forced_error.lock() = exceeded
            .then(|| format!("target_limit exceeded (number of targets: {count}, limit: {limit})"));
        let gone: Vec<_> =
            self.loops.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
        for gone in gone {
            if let Some(ending) = self.loops.remove(&gone) {
                ending.stop.send_replace(Some(End::Gone));
                self.ending.push(ending);
            }
        }
        self.ending.retain(|ending| !ending.task.is_finished());
        let window = Duration::from_millis(count as u64 * 2).min(job.interval);
        for (key, target) in wanted {
            if let Some(known) = self.loops.get_mut(&key) {
                // A change of interval is a new loop; else only what is shown may differ, `__meta_…`.
                let same = known.target.interval == target.interval;
                if same && known.target.timeout == target.timeout {
                    known.target = Arc::new(target);
                    continue;
                }
                known.stop.send_replace(Some(End::Shutdown));
            }
            let spread = target.spread() % (window.as_millis() as u64).max(1);
            let first_delay =
                if count > AT_ONCE { Duration::from_millis(spread) } else { Duration::ZERO };
            let carried = self.carried.remove(&key.0).unwrap_or_default();
            let started = start_loop(&self.shared, target, first_delay, carried);
            self.loops.insert(key, started);
        }
        let active = self.loops.values().map(|l| (Arc::clone(&l.target), Arc::clone(&l.state)));
        *self.table.lock() = Table { active: active.collect(), dropped, dropped_count };
        self.shared.counters.pool_syncs.increment();
    }

    /// Targets of the former life that did not come back get their stale markers.
    fn end_leftover(&mut self) {
        use crate::model::STALE_NAN;
        use crate::storage::{Batch, FloatRow};
        let time = crate::model::now();
        let row = |series| FloatRow { series, time, start_time: 0, value: STALE_NAN };
        let floats: Vec<_> = self.carried.drain().flat_map(|(_, live)| live).map(row).collect();
        if floats.is_empty() {
            return;
        }
        if let Err(err) = self.shared.store.append(&Batch { floats, ..Batch::default() }) {
            warn!(job = %self.shared.job.name, "the end of series is not stored: {err}");
        }
    }

    async fn finish(mut self, end: End, mut stop: watch::Receiver<Option<End>>) -> Carried {
        for running in self.loops.values() {
            running.stop.send_replace(Some(end));
        }
        let mut live = std::mem::take(&mut self.carried);
        if end == End::Handover {
            for running in std::mem::take(&mut self.loops).into_values() {
                let series = running.task.await.unwrap_or_default();
                live.entry(running.target.labels.clone()).or_default().extend(series);
            }
        }
        *self.table.lock() = Table::default();
        let remaining: Vec<Loop> =
            self.ending.drain(..).chain(self.loops.drain().map(|(_, running)| running)).collect();
        if end == End::Handover {
            // Targets that were ending before go on ending while the next life has begun.
            tokio::spawn(async move {
                for ending in remaining {
                    let _ = ending.task.await;
                }
            });
            return live;
        }
        if end == End::Gone {
            info!(job = %self.shared.job.name, "the job is gone");
        }
        let stops: Vec<_> = remaining.iter().map(|ending| ending.stop.clone()).collect();
        let all = async {
            for ending in remaining {
                let _ = ending.task.await;
            }
        };
        tokio::pin!(all);
        tokio::select! {
            () = &mut all => {}
            () = shutdown(&mut stop) => {
                for stop in &stops {
                    stop.send_replace(Some(End::Shutdown));
                }
                all.await;
            }
        }
        Carried::new()
    }
}

fn start_loop(
    shared: &Arc<Shared>,
    target: Target,
    first_delay: Duration,
    carried: Vec<SeriesId>,
) -> Loop {
    let target = Arc::new(target);
    let state = State { health: Health::Unknown, error: String::new(), began: None, took: None };
    let state = Arc::new(Mutex::new(state));
    let (stop, stopped) = watch::channel(None);
    let runner = Runner {
        shared: Arc::clone(shared),
        target: Arc::clone(&target),
        state: Arc::clone(&state),
        stop: stopped,
        first_delay,
        carried,
    };
    Loop { target, state, stop, task: tokio::spawn(runner.run()) }
}
