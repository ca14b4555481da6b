//! Remote write to other servers. The store's log is the queue: each receiver has a cursor in it, which
//! is kept in a file, so that nothing is lost or overtakes itself while a receiver is away or this
//! program is. After a kill, what was under way is sent again in the same requests.

mod cursor;
mod encode;
mod metrics;
mod post;
mod queue;
mod reader;

use std::fmt::Write;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use md5::{Digest, Md5};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, warn};

use self::cursor::Cursor;
use self::queue::Queue;
use self::reader::Reader;
use crate::catalogue::Families;
use crate::model::Labels;
use crate::scrape;
use crate::scrape::config::RemoteWrite;
use crate::scrape::http::Client;
use crate::storage::Select;
use crate::tsdb::{Follow, Tail};

/// Time between two looks at how much of the log is held.
const UPKEEP: Duration = Duration::from_secs(2);
/// Longest time that a receiver gets to take what is left when it is stopped.
const LAST: Duration = Duration::from_secs(5);

/// What the sender is told from outside the configuration file.
#[derive(Debug, Clone)]
pub struct SendOptions {
    /// Where the names of the configuration are, and who we are.
    pub scrape: scrape::Options,
    /// Most bytes of the log that are held for receivers alone; the oldest go beyond it.
    pub limit: u64,
}

/// Writes what the store takes to receivers. All methods need a tokio runtime around them.
pub struct Sender {
    follow: Follow,
    store: Arc<dyn Select>,
    options: SendOptions,
    running: Mutex<Vec<Running>>,
    /// One change at a time.
    changing: tokio::sync::Mutex<()>,
    shortened: AtomicU64,
}

/// A receiver and its tasks.
struct Running {
    id: String,
    external: Labels,
    queue: Arc<Queue>,
    tasks: JoinSet<()>,
}

impl Sender {
    /// A sender that knows no receiver yet.
    pub fn new(follow: Follow, store: Arc<dyn Select>, options: SendOptions) -> Self {
        Self {
            follow,
            store,
            options,
            running: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
            shortened: AtomicU64::new(0),
        }
    }

    /// Whether the receivers could be used: certificates, keys, headers.
    pub fn check(&self, configs: &[RemoteWrite]) -> Result<(), String> {
        configs.iter().try_for_each(|config| {
            Client::new(&config.http, &self.options.scrape.resolver)
                .map_err(|err| err.to_string())?;
            post::headers(config, &self.options.scrape.user_agent).map(drop)
        })
    }

    /// Makes those of the configuration the ones that are written to. One that is the same goes on;
    /// one with other settings goes on where it was; one that is new begins with what comes next.
    pub async fn apply(&self, configs: &[RemoteWrite], external: &Labels) {
        let _one = self.changing.lock().await;
        let mut wanted: Vec<(String, &RemoteWrite)> = Vec::new();
        for config in configs {
            if let Some(way) = config.unsupported {
                error!(
                    url = config.url,
                    "remote_write with {way} is not supported: nothing is sent"
                );
                continue;
            }
            let id = identity(config);
            if wanted.iter().any(|(other, _)| *other == id) {
                error!(url = config.url, "two remote_write are the same: the second is left out");
                continue;
            }
            wanted.push((id, config));
        }
        let gone: Vec<Running> = {
            let mut running = self.running.lock();
            let same = |running: &Running| {
                wanted.iter().any(|(id, config)| {
                    running.id == *id
                        && *running.queue.config == **config
                        && running.external == *external
                })
            };
            let (stay, gone) = running.drain(..).partition(same);
            *running = stay;
            gone
        };
        end(gone).await;
        let folder = self.follow.folder().to_owned();
        if !wanted.is_empty() {
            if let Err(err) = fs::create_dir_all(&folder) {
                error!(folder = %folder.display(), "cannot make the folder of remote write: {err}");
                return;
            }
            // Until it is known how far each is.
            self.follow.keep_from(Some(0));
        }
        for (id, config) in &wanted {
            if !self.running.lock().iter().any(|running| running.id == *id) {
                let ids: Vec<&str> = wanted.iter().map(|(id, _)| id.as_str()).collect();
                match self.start(id, config, external, &ids) {
                    Ok(started) => self.running.lock().push(started),
                    Err(reason) => {
                        error!(url = config.url, "nothing can be sent to the receiver: {reason}");
                    }
                }
            }
        }
        for (path, _) in cursor::all(&folder) {
            if !wanted.iter().any(|(id, _)| cursor::path(&folder, id) == path) {
                let _ = fs::remove_file(path);
            }
        }
        self.release();
        if wanted.is_empty() {
            // Nothing of ours is in it any more.
            let _ = fs::remove_dir(folder);
        }
    }

    fn start(
        &self,
        id: &str,
        config: &RemoteWrite,
        external: &Labels,
        wanted: &[&str],
    ) -> Result<Running, String> {
        let folder = self.follow.folder();
        let file = cursor::path(folder, id);
        let mut cursor = Cursor::read(&file);
        if cursor.is_none() {
            // A receiver without a name is known by its settings; with others it is still the same.
            let orphan = cursor::all(folder).into_iter().find_map(|(path, cursor)| {
                let taken = wanted.iter().any(|id| cursor::path(folder, id) == path);
                cursor.filter(|cursor| !taken && cursor.url == config.url)
            });
            cursor = orphan;
        }
        let cursor = match cursor {
            Some(cursor) => Cursor { url: config.url.clone(), ..cursor },
            None => {
                let place = self.follow.end().map_err(|err| err.to_string())?;
                Cursor { url: config.url.clone(), place, round: None }
            }
        };
        cursor.write(&file).map_err(|err| format!("{}: {err}", file.display()))?;
        let scrape::Options { resolver, user_agent, .. } = &self.options.scrape;
        let client = Client::new(&config.http, resolver).map_err(|err| err.to_string())?;
        let name = if config.name.is_empty() { id[..6].to_owned() } else { config.name.clone() };
        let counters = Arc::default();
        let config = Arc::new(config.clone());
        let queue = Arc::new(Queue {
            headers: post::headers(&config, user_agent)?,
            config: Arc::clone(&config),
            name,
            client,
            counters: Arc::clone(&counters),
            store: Arc::clone(&self.store),
            file,
            segment: AtomicU64::new(cursor.place.segment),
            stop: CancellationToken::new(),
            failure: Mutex::default(),
            families: Mutex::default(),
        });
        let tail = Tail::new(self.follow.clone(), cursor.place);
        let reader = Reader::new(tail, config, external.clone(), counters);
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&queue).run(reader, cursor).in_current_span());
        tasks.spawn(Arc::clone(&queue).report_metadata().in_current_span());
        Ok(Running { id: id.to_owned(), external: external.clone(), queue, tasks })
    }

    /// Lets go of what every receiver is past.
    fn release(&self) {
        let running = self.running.lock();
        let needed = running.iter().map(|one| one.queue.segment.load(Ordering::Relaxed)).min();
        self.follow.keep_from(needed);
    }

    /// Watches how much is held, until it is stopped.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(UPKEEP) => {}
            }
            let _one = self.changing.lock().await;
            if self.running.lock().is_empty() {
                continue;
            }
            self.release();
            let removed = self.follow.shorten(self.options.limit);
            if removed > 0 {
                self.shortened.fetch_add(removed as u64, Ordering::Relaxed);
                warn!(
                    segments = removed,
                    limit = self.options.limit,
                    "the oldest samples that wait for receivers are given up, for want of room"
                );
            }
        }
    }

    /// Sends what receivers take at once, and ends.
    pub async fn shutdown(&self) {
        let _one = self.changing.lock().await;
        let all = std::mem::take(&mut *self.running.lock());
        end(all).await;
    }

    /// Writes the figures.
    pub fn expose(&self, out: &mut Families) {
        let running = self.running.lock();
        if running.is_empty() {
            return;
        }
        for Running { queue, .. } in &*running {
            let labels = [queue.name.as_str(), queue.config.url.as_str()];
            let shards = (queue.config.min_shards, queue.config.max_shards);
            queue.counters.expose(labels, shards, out);
        }
        let newest = self.follow.newest().unwrap_or_default() as f64 / 1000.0;
        out.put(&metrics::HIGHEST, &[], newest);
        out.put(&metrics::HELD, &[], self.follow.held_bytes() as f64);
        out.put(&metrics::SHORTENED, &[], self.shortened.load(Ordering::Relaxed) as f64);
    }
}

/// Ends receivers; a request that is not answered in time is sent again by whoever goes on.
async fn end(mut all: Vec<Running>) {
    for running in &all {
        running.queue.stop.cancel();
    }
    let ended = async {
        for running in &mut all {
            while running.tasks.join_next().await.is_some() {}
        }
    };
    // Those that are left end with their sets.
    let _ = tokio::time::timeout(LAST, ended).await;
    for mut running in all {
        running.tasks.shutdown().await;
    }
}

/// What a receiver is known by: its name, or else its settings.
fn identity(config: &RemoteWrite) -> String {
    let text = match config.name.as_str() {
        "" => format!("{config:?}"),
        name => format!("name {name}"),
    };
    Md5::digest(text.as_bytes()).iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
