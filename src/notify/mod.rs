//! Tells Alertmanagers of alerts, as Prometheus does: a bounded queue, batches, every Alertmanager of
//! the configuration gets all of them, over its API v2. What nobody took is not kept: firing alerts
//! come again after the resend delay.

mod managers;
mod message;
mod metrics;
mod queue;

use std::sync::Arc;
use std::time::Instant;

use hyper::header::{self, HeaderMap, HeaderValue};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, warn};

pub use managers::Addresses;

use self::managers::Group;
use self::metrics::Counters;
use self::queue::Queue;
use crate::catalogue::Families;
use crate::model::Alert;
use crate::scrape;
use crate::scrape::FetchError;
use crate::scrape::config::Alerting;
use crate::scrape::relabel::{Rule, relabel_labels};

/// What sending is told from outside the configuration file.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most alerts that wait (`--alertmanager.notification-queue-capacity`); the oldest make room.
    pub capacity: usize,
    /// Most alerts of one request (`--alertmanager.notification-batch-size`).
    pub batch: usize,
    /// Whether what waits is sent before the end
    /// (`--alertmanager.drain-notification-queue-on-shutdown`).
    pub drain: bool,
    /// Where the names of the configuration are, and who we are.
    pub scrape: scrape::Options,
}

/// Sends alerts. All methods need a tokio runtime around them.
pub struct Notifier {
    options: Options,
    queue: Queue,
    relabel: Mutex<Arc<[Rule]>>,
    groups: Mutex<Vec<Arc<Group>>>,
    counters: Arc<Counters>,
}

impl Notifier {
    /// A notifier that knows nobody yet.
    pub fn new(options: Options) -> Self {
        Self {
            queue: Queue::new(options.capacity),
            options,
            relabel: Mutex::new(Arc::new([])),
            groups: Mutex::default(),
            counters: Arc::default(),
        }
    }

    /// Makes those of the configuration the ones that are told. A group that is the same keeps its
    /// connections and what its discovery found. Fails if a certificate or key cannot be read; what was
    /// in force stays.
    pub fn apply(&self, config: &Alerting) -> Result<(), FetchError> {
        let mut groups = self.groups.lock();
        let next: Result<Vec<_>, FetchError> = config
            .managers
            .iter()
            .map(|wanted| match groups.iter().find(|group| group.is(wanted)) {
                Some(same) => Ok(Arc::clone(same)),
                None => Group::start(wanted.clone(), &self.options.scrape).map(Arc::new),
            })
            .collect();
        *groups = next?;
        *self.relabel.lock() = config.relabel.clone().into();
        Ok(())
    }

    /// Puts alerts into the queue. Without an Alertmanager there is nothing to wait for.
    pub fn send(&self, alerts: Vec<Alert>) {
        if self.groups.lock().is_empty() {
            return;
        }
        let rules = Arc::clone(&self.relabel.lock());
        let dropped = self.queue.put(relabelled(alerts, &rules));
        if dropped > 0 {
            warn!("the queue of alerts is full: {dropped} of the oldest are not sent");
            self.counters.lose(dropped);
        }
    }

    /// Sends until the token is cancelled, and then, if that is asked for, what is left: as long as
    /// somebody takes it.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            let batch = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                batch = self.queue.take(self.options.batch) => batch,
            };
            self.deliver(&batch).await;
        }
        while self.options.drain
            && let Some(batch) = self.queue.take_now(self.options.batch)
        {
            if !self.deliver(&batch).await {
                break;
            }
        }
    }

    /// Where alerts are sent.
    pub fn addresses(&self) -> Addresses {
        let mut all = Addresses::default();
        for group in &*self.groups.lock() {
            let Addresses { active, dropped } = group.addresses();
            all.active.extend(active);
            all.dropped.extend(dropped);
        }
        all
    }

    /// Writes the figures.
    pub fn expose(&self, out: &mut Families) {
        let known = self.addresses().active;
        self.counters.expose(&known, self.queue.len(), self.options.capacity, out);
    }

    /// Sends a batch to everybody at once; whether at least one took it.
    async fn deliver(&self, batch: &[Alert]) -> bool {
        let groups = self.groups.lock().clone();
        let mut requests = JoinSet::new();
        for group in &groups {
            let alerts = relabelled(batch.to_vec(), &group.config.alert_relabel);
            if alerts.is_empty() {
                continue;
            }
            let body = message::body(&alerts);
            for url in group.addresses().active {
                let request = Request {
                    group: Arc::clone(group),
                    url,
                    alerts: alerts.len(),
                    body: body.clone(),
                    user_agent: self.options.scrape.user_agent.clone(),
                };
                requests.spawn(request.send(Arc::clone(&self.counters)).in_current_span());
            }
        }
        if requests.is_empty() {
            // Relabelling left nothing, or discovery has found nobody yet.
            let nobody = self.addresses().active.is_empty();
            self.counters.lose(if nobody { batch.len() } else { 0 });
            return !nobody;
        }
        let taken = requests.join_all().await.contains(&true);
        if !taken {
            self.counters.lose(batch.len());
        }
        taken
    }
}

/// One batch on its way to one Alertmanager.
struct Request {
    group: Arc<Group>,
    url: String,
    alerts: usize,
    body: bytes::Bytes,
    user_agent: HeaderValue,
}

impl Request {
    /// Whether it was taken.
    async fn send(self, counters: Arc<Counters>) -> bool {
        let Self { group, url, alerts, body, user_agent } = self;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, user_agent);
        let began = Instant::now();
        let outcome = group.post(&url, &headers, body).await;
        let failure = outcome.err().map(|err| err.to_string());
        let before = counters.sent(&url, alerts, began.elapsed(), failure.clone());
        let taken = failure.is_none();
        // Said once when it begins to fail, and once when that is over.
        match (failure, before) {
            (Some(now), before) if before.as_ref() != Some(&now) => {
                warn!(alertmanager = %url, alerts, "alerts were not taken: {now}");
            }
            (None, Some(_)) => info!(alertmanager = %url, "alerts are taken again"),
            _ => {}
        }
        taken
    }
}

/// Alerts with their labels after relabelling; those that it drops are left out.
fn relabelled(alerts: Vec<Alert>, rules: &[Rule]) -> Vec<Alert> {
    if rules.is_empty() {
        return alerts;
    }
    let change = |alert: Alert| {
        let labels = relabel_labels(&alert.labels, rules)?;
        (!labels.is_empty()).then_some(Alert { labels, ..alert })
    };
    alerts.into_iter().filter_map(change).collect()
}
