//! The way to one receiver, in rounds: read what the log has, spread it over shards, send each shard's
//! rows in order, and begin the next round when all have been answered. So a series never overtakes
//! itself, and the number of shards changes between rounds.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::header::HeaderMap;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, warn};

use super::cursor::{Cursor, Round};
use super::encode::{self, Families, Row, Value};
use super::metrics::{Counters, Kind, Reason};
use super::post::{self, Outcome};
use super::reader::Reader;
use crate::model::{Timestamp, now};
use crate::scrape::config::{Protocol, RemoteWrite};
use crate::scrape::http::Client;
use crate::storage::Select;

/// Time between two looks at a log that had nothing new.
const POLL: Duration = Duration::from_millis(200);
/// How old what is known of families may be in requests that carry it.
const FAMILIES: Duration = Duration::from_secs(15);

/// What the tasks of a receiver share.
pub struct Queue {
    pub config: Arc<RemoteWrite>,
    /// Name in metrics and logs.
    pub name: String,
    pub client: Client,
    pub headers: HeaderMap,
    pub counters: Arc<Counters>,
    pub store: Arc<dyn Select>,
    /// File of the cursor.
    pub file: PathBuf,
    /// The oldest segment that it needs.
    pub segment: AtomicU64,
    pub stop: CancellationToken,
    /// Why the last request failed.
    pub failure: Mutex<Option<String>>,
    /// What families are, and since when that is known.
    pub families: Mutex<Option<(Arc<Families>, Instant)>>,
}

impl Queue {
    /// Sends until it is stopped, and then what is left if the receiver takes it at once.
    pub async fn run(self: Arc<Self>, mut reader: Reader, mut cursor: Cursor) {
        let mut shards = self.config.min_shards;
        loop {
            self.counters.desired.store(shards as u64, Ordering::Relaxed);
            let under_way = cursor.round.take();
            let count = under_way.as_ref().map_or(shards, |round| round.done.len()).max(1);
            self.counters.shards.store(count as u64, Ordering::Relaxed);
            let collected = self.collect(reader, count, under_way.as_ref()).await;
            // Only a panic loses the reader, and it is in the log.
            let Some((back, rows, full)) = collected else { return };
            reader = back;
            let end = reader.tail.place();
            if end > cursor.place {
                let done = under_way.map_or_else(|| vec![0; count], |round| round.done);
                let waiting: usize = rows.iter().map(Vec::len).sum();
                self.counters.pending.store(waiting as u64, Ordering::Relaxed);
                cursor.round = Some(Round { end, done });
                let shared = Arc::new(Mutex::new(cursor.clone()));
                if !self.send(rows, &shared).await {
                    return;
                }
                cursor = Cursor { place: end, round: None, ..cursor };
                self.keep(&cursor);
                self.segment.store(end.segment, Ordering::Relaxed);
            }
            if self.stop.is_cancelled() && !full {
                return;
            }
            // More shards where one round is not enough for what came in during the last.
            let RemoteWrite { min_shards, max_shards, .. } = *self.config;
            shards = if full { shards * 2 } else { shards - shards.div_ceil(8).min(shards - 1) };
            shards = shards.clamp(min_shards, max_shards);
        }
    }

    fn keep(&self, cursor: &Cursor) {
        if let Err(err) = cursor.write(&self.file) {
            error!(receiver = self.name, file = %self.file.display(),
                "how far the receiver is cannot be written down: {err}");
        }
    }

    /// Reads a round: a whole request for each shard, or what came until the deadline. Says whether
    /// there may be more.
    async fn collect(
        &self,
        mut reader: Reader,
        count: usize,
        under_way: Option<&Round>,
    ) -> Option<(Reader, Vec<Vec<Row>>, bool)> {
        let most = self.config.capacity.saturating_mul(count);
        let enough = self.config.max_samples.saturating_mul(count).min(most);
        let until = under_way.map(|round| round.end);
        let mut rows: Vec<Vec<Row>> = vec![Vec::new(); count];
        let (mut total, mut begun) = (0, None);
        loop {
            let room = if until.is_some() { usize::MAX } else { most - total };
            let before = reader.tail.losses();
            let task = tokio::task::spawn_blocking(move || {
                let added = reader.read(&mut rows, room, until);
                (reader, rows, added)
            });
            let (back, more, added) = match task.await {
                Ok(done) => done,
                Err(err) => {
                    error!(receiver = self.name, "reading the log ended early: {err}");
                    return None;
                }
            };
            (reader, rows) = (back, more);
            match added {
                Ok(added) => total += added,
                Err(err) => error!(receiver = self.name, "cannot read the log: {err}"),
            }
            let after = reader.tail.losses();
            if after != before {
                error!(
                    receiver = self.name,
                    segments = after.0 - before.0,
                    damaged = after.1 - before.1,
                    "a part of the log is lost to the receiver"
                );
            }
            if total > 0 {
                begun.get_or_insert_with(Instant::now);
            }
            let late = begun.is_some_and(|begun: Instant| begun.elapsed() >= self.config.deadline);
            if until.is_some() || total >= enough || late || self.stop.is_cancelled() {
                return Some((reader, rows, total >= most));
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Sends the rows of all shards; false if it was stopped before all were answered.
    async fn send(self: &Arc<Self>, rows: Vec<Vec<Row>>, cursor: &Arc<Mutex<Cursor>>) -> bool {
        let families = self.families().await;
        let mut tasks = JoinSet::new();
        for (shard, rows) in rows.into_iter().enumerate() {
            let (queue, cursor, families) =
                (Arc::clone(self), Arc::clone(cursor), Arc::clone(&families));
            let task = async move {
                let done = |cursor: &Cursor| {
                    cursor.round.as_ref().and_then(|round| round.done.get(shard).copied())
                };
                let mut at = done(&cursor.lock()).unwrap_or_default().min(rows.len());
                queue.counters.pending.fetch_sub(at as u64, Ordering::Relaxed);
                while at < rows.len() {
                    let end = rows.len().min(at + queue.config.max_samples);
                    if !queue.deliver(&rows[at..end], &families).await {
                        return false;
                    }
                    queue.counters.pending.fetch_sub((end - at) as u64, Ordering::Relaxed);
                    at = end;
                    let mut cursor = cursor.lock();
                    if let Some(slot) =
                        cursor.round.as_mut().and_then(|round| round.done.get_mut(shard))
                    {
                        *slot = at;
                    }
                    queue.keep(&cursor);
                }
                true
            };
            tasks.spawn(task.in_current_span());
        }
        let mut all = true;
        while let Some(ended) = tasks.join_next().await {
            all &= ended.unwrap_or(false);
        }
        all
    }

    async fn families(&self) -> Arc<Families> {
        if self.config.protocol == Protocol::V1 {
            return Arc::default();
        }
        if let Some((families, since)) = &*self.families.lock()
            && since.elapsed() < FAMILIES
        {
            return Arc::clone(families);
        }
        let store = Arc::clone(&self.store);
        let read = tokio::task::spawn_blocking(move || encode::families(store.metadata(None)));
        let families = Arc::new(read.await.unwrap_or_default());
        *self.families.lock() = Some((Arc::clone(&families), Instant::now()));
        families
    }

    /// Sends one request until it is answered for good; false if it was stopped before.
    async fn deliver(&self, rows: &[Row], families: &Families) -> bool {
        let config = &self.config;
        let mut backoff = config.min_backoff;
        let oldest = || match config.age_limit.as_millis() {
            0 => Timestamp::MIN,
            limit => now().saturating_sub(i64::try_from(limit).unwrap_or(i64::MAX)),
        };
        let mut rows: Vec<Row> = rows.iter().filter(|row| row.labels.is_some()).cloned().collect();
        loop {
            let (before, oldest) = (rows.len(), oldest());
            rows.retain(|row| row.time >= oldest);
            self.counters.dropped(Reason::TooOld, before - rows.len());
            if rows.is_empty() {
                return true;
            }
            let kinds: Vec<Kind> = rows.iter().map(|row| kind_of(&row.value)).collect();
            let body = encode::request(config.protocol, &rows, families);
            let (bytes, began) = (body.len(), Instant::now());
            let wait = match post::post(&self.client, config, &self.headers, body.into()).await {
                Outcome::Taken => {
                    let newest = rows.iter().map(|row| row.time).max().unwrap_or_default();
                    self.counters.sent(&kinds, bytes, began.elapsed(), newest);
                    if self.failure.lock().take().is_some() {
                        info!(receiver = self.name, url = config.url, "samples are taken again");
                    }
                    return true;
                }
                Outcome::Refused(reason) => {
                    self.counters.failed(&kinds);
                    error!(
                        receiver = self.name,
                        url = config.url,
                        rows = rows.len(),
                        "samples were refused and are not sent again: {reason}"
                    );
                    return true;
                }
                Outcome::Again(reason, wait) => {
                    self.counters.retried(&kinds);
                    let before = self.failure.lock().replace(reason.clone());
                    // Said when it begins to fail, and when it fails for another reason.
                    if before.as_ref() != Some(&reason) {
                        warn!(
                            receiver = self.name,
                            url = config.url,
                            "samples were not taken, they wait: {reason}"
                        );
                    }
                    wait
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = tokio::time::sleep(wait.unwrap_or_default().max(backoff)) => {}
            }
            backoff =
                (backoff * 2).clamp(config.min_backoff, config.max_backoff.max(config.min_backoff));
        }
    }

    /// Tells the receiver what families are, in messages of their own.
    pub async fn report_metadata(self: Arc<Self>) {
        let Some(every) = self.config.metadata.filter(|_| self.config.protocol == Protocol::V1)
        else {
            return;
        };
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            let store = Arc::clone(&self.store);
            let read = tokio::task::spawn_blocking(move || encode::families(store.metadata(None)));
            let families = read.await.unwrap_or_default();
            let all: Vec<_> = families.iter().collect();
            for part in all.chunks(self.config.max_metadata) {
                let kinds = vec![Kind::Metadata; part.len()];
                let body = encode::metadata(part);
                let (bytes, began) = (body.len(), Instant::now());
                let posted = post::post(&self.client, &self.config, &self.headers, body.into());
                match posted.await {
                    Outcome::Taken => self.counters.sent(&kinds, bytes, began.elapsed(), 0),
                    // The next report has all of it again.
                    Outcome::Refused(reason) | Outcome::Again(reason, _) => {
                        self.counters.failed(&kinds);
                        warn!(receiver = self.name, "metadata was not taken: {reason}");
                    }
                }
            }
        }
    }
}

fn kind_of(value: &Value) -> Kind {
    match value {
        Value::Float { .. } => Kind::Samples,
        Value::Histogram { .. } => Kind::Histograms,
        Value::Exemplar(_) => Kind::Exemplars,
    }
}
