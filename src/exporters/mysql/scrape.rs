//! One scrape of a server.
//!
//! The collectors take turns on one connection. While one of them is slow, a second connection goes on
//! with the others, so that a server is never asked over more than two. A collector may take
//! [`SHARE`] of the time that is left: the server itself is told to end its statement then, and stays
//! connected; a server that does not even do that is left for a new connection, which ends the old one.

use std::pin::pin;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{timeout, timeout_at};

use super::queries::Query;
use super::server::{CollectError, Reach, Server};
use super::{Collector, Config};
use crate::catalogue::Families;

/// What one collector may take of the time that is left.
const SHARE: f64 = 0.75;
/// What the server gets besides to end a statement that took its share.
const GRACE: f64 = 0.1;
/// From then on a collector is slow, and a second connection goes on with the others.
const SLOW: Duration = Duration::from_millis(500);

/// One thing to ask a server.
#[derive(Debug, Clone, Copy)]
pub(super) enum Job<'a> {
    /// A collector of ours.
    Collector(&'static Collector),
    /// A query of the user's.
    Query(&'a Query),
}

impl Job<'_> {
    /// What `collect[]` calls it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Collector(collector) => collector.name.to_owned(),
            Self::Query(query) => format!("custom.{}", query.name),
        }
    }

    fn fits(&self, server: &Server) -> bool {
        match self {
            Self::Collector(collector) => collector.fits(server),
            Self::Query(_) => true,
        }
    }

    async fn collect(&self, server: &mut Server, out: &mut Families) -> Result<(), CollectError> {
        match self {
            Self::Collector(collector) => collector.collect(server, out).await,
            Self::Query(query) => query.collect(server, out).await,
        }
    }
}

/// What came of one job.
#[derive(Debug)]
pub(super) struct Done {
    /// The job's name.
    pub name: String,
    /// How long it took.
    pub took: Duration,
    /// What it showed, or why it showed nothing; nobody came to it when there is no reason.
    pub outcome: Result<Families, Option<String>>,
}

/// What came of a scrape.
#[derive(Debug)]
pub(super) struct Scraped {
    /// How long the first connection took, or why there was none.
    pub connected: Result<Duration, String>,
    /// All jobs that are of use with the server, in the order in which they ended.
    pub done: Vec<Done>,
    /// Why nobody came to some of them.
    pub lost: Option<String>,
}

/// Asks a server; returns at the deadline at the latest.
pub(super) async fn scrape(
    jobs: &[Job<'_>],
    reach: &Reach,
    config: &Config,
    deadline: Instant,
) -> Scraped {
    let begin = Instant::now();
    let first = match Server::connect(reach, config, deadline).await {
        Ok(first) => first,
        Err(reason) => return Scraped { connected: Err(reason), done: Vec::new(), lost: None },
    };
    let connected = begin.elapsed();
    let work = Work {
        jobs,
        reach,
        config,
        deadline,
        state: Mutex::default(),
        slow: Notify::new(),
        over: Notify::new(),
    };
    let one = async {
        work.lane(first).await;
        work.over.notify_one();
    };
    let two = async {
        tokio::select! {
            biased;
            () = work.over.notified() => {}
            () = work.slow.notified() => match Server::connect(reach, config, deadline).await {
                Ok(second) => work.lane(second).await,
                Err(reason) => tracing::debug!("no second connection: {reason}"),
            }
        }
    };
    tokio::join!(one, two);
    let (done, lost) = work.finish();
    Scraped { connected: Ok(connected), done, lost }
}

/// A scrape under way.
struct Work<'a> {
    jobs: &'a [Job<'a>],
    reach: &'a Reach,
    config: &'a Config,
    deadline: Instant,
    state: Mutex<State>,
    /// A collector is slow.
    slow: Notify,
    /// The first connection has nothing left to do.
    over: Notify,
}

#[derive(Default)]
struct State {
    /// The job to be taken next.
    next: usize,
    done: Vec<Done>,
    /// Why the jobs that nobody took were not taken.
    lost: Option<String>,
}

/// A job that failed.
struct Failure {
    reason: String,
    /// Whether the server answers on this connection.
    connected: bool,
}

impl<'a> Work<'a> {
    fn take(&self) -> Option<Job<'a>> {
        let mut state = self.state.lock();
        let job = self.jobs.get(state.next).copied();
        state.next += 1;
        job
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Works through jobs until none is left to take.
    async fn lane(&self, mut server: Server) {
        while let Some(job) = self.take() {
            if !job.fits(&server) {
                continue;
            }
            let begin = Instant::now();
            let outcome = self.run(job, &mut server).await;
            let connected = outcome.as_ref().err().is_none_or(|failure| failure.connected);
            let outcome = outcome.map_err(|failure| Some(failure.reason));
            let done = Done { name: job.name(), took: begin.elapsed(), outcome };
            self.state.lock().done.push(done);
            if connected {
                continue;
            }
            let stuck = server.id();
            server.cut().await;
            server = match self.replace(stuck).await {
                Ok(server) => server,
                Err(reason) => {
                    self.state.lock().lost = Some(reason);
                    return;
                }
            };
        }
        server.close().await;
    }

    /// One job. What a collector that fails half-way has put is not shown.
    async fn run(&self, job: Job<'_>, server: &mut Server) -> Result<Families, Failure> {
        let left = self.left();
        let share = left.mul_f64(SHARE);
        let mut families = Families::default();
        let answer = {
            let asking = async {
                server.limit(share).await?;
                job.collect(server, &mut families).await
            };
            let mut asking = pin!(asking);
            match timeout(SLOW.min(share), &mut asking).await {
                Ok(answer) => Some(answer),
                Err(_) => {
                    self.slow.notify_one();
                    let until = self.deadline.checked_sub(left.mul_f64(1.0 - SHARE - GRACE));
                    timeout_at(until.unwrap_or(self.deadline).into(), asking).await.ok()
                }
            }
        };
        // Without figures: the log tells what is new.
        let too_long = || "no answer in time".to_owned();
        match answer {
            Some(Ok(())) => Ok(families),
            Some(Err(err)) if err.is_timeout() => {
                Err(Failure { reason: too_long(), connected: true })
            }
            Some(Err(err)) => Err(Failure { reason: err.reason(), connected: err.is_answer() }),
            None => Err(Failure { reason: too_long(), connected: false }),
        }
    }

    /// A new connection for one that is stuck or lost. The server may still be at work for the old one
    /// and would keep it open until then.
    async fn replace(&self, stuck: u32) -> Result<Server, String> {
        let mut server = match Server::connect(self.reach, self.config, self.deadline).await {
            Ok(server) => server,
            Err(reason) => {
                end_later(stuck, self.reach.clone(), self.config.clone());
                return Err(reason);
            }
        };
        match timeout_at(self.deadline.into(), server.kill(stuck)).await {
            Ok(Ok(())) => Ok(server),
            Ok(Err(err)) if err.is_answer() => {
                tracing::debug!("the old connection was not ended: {err}");
                Ok(server)
            }
            Ok(Err(err)) => Err(err.reason()),
            Err(_) => {
                server.cut().await;
                end_later(stuck, self.reach.clone(), self.config.clone());
                Err("no new connection in time".to_owned())
            }
        }
    }

    /// What came of all jobs, and why nobody came to some of them.
    fn finish(self) -> (Vec<Done>, Option<String>) {
        let State { next, mut done, lost } = self.state.into_inner();
        let alone = self.jobs.get(next..).unwrap_or_default();
        done.extend(alone.iter().map(|job| Done {
            name: job.name(),
            took: Duration::ZERO,
            outcome: Err(None),
        }));
        (done, lost.filter(|_| !alone.is_empty()))
    }
}

/// Ends a connection that is stuck when the scrape has no time left for it.
fn end_later(stuck: u32, reach: Reach, config: Config) {
    tokio::spawn(async move {
        let deadline = Instant::now() + Duration::from_secs(2);
        let Ok(mut server) = Server::connect(&reach, &config, deadline).await else { return };
        match timeout_at(deadline.into(), server.kill(stuck)).await {
            Ok(Ok(())) => server.close().await,
            _ => server.cut().await,
        }
    });
}
