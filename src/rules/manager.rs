//! Which groups run, and the clock that drives them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{Group, GroupStatus, RunningGroup};
use crate::model::{self, Labels, Timestamp, now};
use crate::promql::QueryOptions;
use crate::storage::{Append, Select};

/// A store that rules read from and write to.
pub trait Store: Append + Select {}

impl<T: Append + Select + ?Sized> Store for T {}

/// Settings of a [`Manager`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Where users reach the pages; for `generatorURL` and templates.
    pub external_url: String,
    /// Labels of this server: added to alerts that are sent, and known to templates.
    pub external_labels: Labels,
    /// Lookback and limits of each evaluation; its deadline is set from `timeout`.
    pub query: QueryOptions,
    /// Longest time an evaluation may take.
    pub timeout: Duration,
    /// How often a firing alert is sent again.
    pub resend_delay: Duration,
    /// How old `ALERTS_FOR_STATE` may be to be restored after a restart.
    pub for_outage_tolerance: Duration,
    /// Least time between a restart and an alert that was pending before it.
    pub for_grace_period: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            external_url: String::new(),
            external_labels: Labels::empty(),
            query: QueryOptions::default(),
            timeout: Duration::from_secs(120),
            resend_delay: Duration::from_secs(60),
            for_outage_tolerance: Duration::from_secs(3600),
            for_grace_period: Duration::from_secs(600),
        }
    }
}

/// What every group shares.
pub(super) struct Context {
    pub store: Arc<dyn Store>,
    pub options: Options,
    pub alerts: mpsc::UnboundedSender<Vec<model::Alert>>,
}

/// Runs rule groups over a store.
pub struct Manager {
    context: Mutex<Arc<Context>>,
    groups: Mutex<Vec<Arc<RunningGroup>>>,
    /// One `apply` after the other.
    applying: Mutex<()>,
    changed: Notify,
    /// Groups of the first `apply` take up what the store says of their alerts.
    started: AtomicBool,
}

impl Manager {
    /// A manager without groups, and where its alerts arrive: each message holds the alerts of one
    /// rule that are to be told now.
    pub fn new(
        store: Arc<dyn Store>,
        options: Options,
    ) -> (Self, mpsc::UnboundedReceiver<Vec<model::Alert>>) {
        let (alerts, receiver) = mpsc::unbounded_channel();
        let manager = Self {
            context: Mutex::new(Arc::new(Context { store, options, alerts })),
            groups: Mutex::default(),
            applying: Mutex::default(),
            changed: Notify::new(),
            started: AtomicBool::new(false),
        };
        (manager, receiver)
    }

    /// Changes the settings; they hold from the next [`Self::apply`] on.
    pub fn configure(&self, options: Options) {
        let mut context = self.context.lock();
        let (store, alerts) = (Arc::clone(&context.store), context.alerts.clone());
        *context = Arc::new(Context { store, options, alerts });
    }

    /// The groups in their order.
    pub fn groups(&self) -> Vec<Arc<RunningGroup>> {
        self.groups.lock().clone()
    }

    /// What is known of all groups right now, in their order.
    pub fn status(&self) -> Vec<GroupStatus> {
        self.groups().iter().map(|group| group.status()).collect()
    }

    /// Replaces the groups. A group that is the same goes on undisturbed, one that changed keeps the
    /// state of the rules it still has, and the series of what is gone end now. Blocks until changed
    /// groups have finished the evaluation they are in: call it from a computing thread.
    pub fn apply(&self, groups: Vec<Group>, now: Timestamp) {
        let _one_at_a_time = self.applying.lock();
        let context = Arc::clone(&*self.context.lock());
        let is_first = !self.started.swap(true, Ordering::Relaxed);
        let mut before: HashMap<(String, String), Arc<RunningGroup>> =
            self.groups().into_iter().map(|group| (key(group.definition()), group)).collect();
        let mut running = Vec::with_capacity(groups.len());
        for group in groups {
            running.push(match before.remove(&key(&group)) {
                Some(old) if *old.definition() == group && old.shares(&context) => old,
                Some(old) => {
                    let next = RunningGroup::new(group, Arc::clone(&context), false);
                    next.take_over(&old);
                    Arc::new(next)
                }
                None => Arc::new(RunningGroup::new(group, Arc::clone(&context), is_first)),
            });
        }
        *self.groups.lock() = running;
        for gone in before.into_values() {
            gone.retire(now);
        }
        self.changed.notify_one();
    }

    /// Evaluates each group at its instants until the token is cancelled. An evaluation that takes
    /// longer than the interval lets the missed ones fall out.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut started: HashMap<(String, String), Timestamp> = HashMap::new();
        loop {
            let time = now();
            let mut wake = time + 3_600_000;
            let groups = self.groups();
            started.retain(|known, _| groups.iter().any(|group| key(group.definition()) == *known));
            for group in groups {
                let slot = group.slot(time);
                wake = wake.min(slot + group.interval_ms());
                let last = started.entry(key(group.definition())).or_insert(time - 1);
                if slot <= *last {
                    // A clock that was set back must not stop the rules until it catches up.
                    if *last - slot > 2 * group.interval_ms() {
                        *last = slot;
                    }
                    continue;
                }
                let Some(turn) = group.begin_turn() else {
                    // Still busy with an earlier instant.
                    continue;
                };
                let missed = (slot - *last) / group.interval_ms() - 1;
                group.count_missed(u64::try_from(missed).unwrap_or(0));
                *last = slot;
                tokio::task::spawn_blocking(move || {
                    group.evaluate(slot);
                    drop(turn);
                });
            }
            let pause = Duration::from_millis(u64::try_from(wake - now()).unwrap_or(0).max(1));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.changed.notified() => debug!("rule groups changed"),
                () = shutdown.cancelled() => return,
            }
        }
    }
}

fn key(group: &Group) -> (String, String) {
    (group.file.clone(), group.name.clone())
}
