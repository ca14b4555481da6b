//! The loop of one target: wait for its place in the interval, fetch, read, store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::{debug, error, warn};

use super::buffers::Buffers;
use super::config::Job;
use super::http::{Client, FetchError, gunzip, read_body};
use super::metrics::Counters;
use super::page::{Counts, Page, PageError, Rejected, Report};
use super::status::Health;
use super::target::Target;
use super::text::Format;
use crate::model::{Timestamp, now};
use crate::storage::{Append, SeriesId};
use crate::wire::prometheus::ScrapeProtocol;

/// Pages up to this length, some five thousand samples, are read on the I/O worker: it takes about a
/// millisecond, and handing them to another thread costs more than it gains.
const INLINE: usize = 512 << 10;

/// How a loop ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The target is gone: its series get stale markers when the next scrape would have been.
    Gone,
    /// Another loop goes on with the target: it gets the live series.
    Handover,
    /// The program ends: nothing is written.
    Shutdown,
}

/// What a target's last scrape brought.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub health: Health,
    pub error: String,
    pub began: Option<Timestamp>,
    pub took: Option<Duration>,
}

/// What all loops of a job share.
pub(super) struct Shared {
    pub job: Arc<Job>,
    pub client: Result<Client, FetchError>,
    pub headers: HeaderMap,
    pub store: Arc<dyn Append>,
    pub counters: Arc<Counters>,
    pub buffers: Arc<Buffers>,
    pub max_body: u64,
    pub timestamp_tolerance: Duration,
    /// Why no target of the job is scraped at the moment.
    pub forced_error: Mutex<Option<String>>,
}

/// The `Accept` header: formats in their order with falling weights, as Prometheus sends it.
pub(super) fn accept(protocols: &[ScrapeProtocol]) -> String {
    let mut weight = 6_i32;
    let mut out = String::new();
    for protocol in protocols {
        let text = match protocol {
            ScrapeProtocol::OpenMetricsText1_0_0 => {
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8"
            }
            ScrapeProtocol::OpenMetricsText0_0_1 => "application/openmetrics-text;version=0.0.1",
            ScrapeProtocol::PrometheusText1_0_0 => "text/plain;version=1.0.0;escaping=allow-utf-8",
            ScrapeProtocol::PrometheusText0_0_4 => "text/plain;version=0.0.4",
            // Not read here, so not asked for.
            ScrapeProtocol::PrometheusProto => continue,
        };
        out.extend([text, ";q=0.", itoa::Buffer::new().format(weight), ","]);
        weight -= 1;
    }
    out.extend(["*/*;q=0.", itoa::Buffer::new().format(weight)]);
    out
}

/// Which format a Content-Type stands for; without a usable one the job's fallback.
fn format_of(content_type: Option<&str>, fallback: Option<Format>) -> Result<Format, String> {
    let kind = content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
    match (kind.trim().to_ascii_lowercase().as_str(), fallback) {
        ("application/openmetrics-text", _) => Ok(Format::OpenMetrics),
        ("text/plain", _) => Ok(Format::Prometheus),
        (_, Some(fallback)) => Ok(fallback),
        ("", None) => Err("non-compliant scrape target sending blank Content-Type and no \
             fallback_scrape_protocol specified for target"
            .to_owned()),
        (_, None) => Err(format!(
            "received unsupported Content-Type {:?} and no fallback_scrape_protocol specified for target",
            content_type.unwrap_or_default()
        )),
    }
}

struct Fetched {
    body: Vec<u8>,
    gzip: bool,
    format: Format,
    limit: u64,
}

/// What reading a fetched page needs besides the page cache, so that it can go to another thread.
struct Digest {
    shared: Arc<Shared>,
    fetched: Result<Fetched, String>,
    time: Timestamp,
    start: Instant,
    timeout: Duration,
}

/// One target's loop.
pub(super) struct Runner {
    pub shared: Arc<Shared>,
    pub target: Arc<Target>,
    pub state: Arc<Mutex<State>>,
    pub stop: watch::Receiver<Option<End>>,
    /// Before the first scrape; zero unless very many targets start together.
    pub first_delay: Duration,
    pub carried: Vec<SeriesId>,
}

/// A target's places in time: one each interval, shifted so that targets spread evenly.
#[derive(Debug, Clone, Copy)]
struct Slots {
    interval: Timestamp,
    offset: Timestamp,
    tolerance: Timestamp,
}

impl Slots {
    fn new(target: &Target, tolerance: Duration) -> Self {
        let interval = (target.interval.as_millis() as Timestamp).max(1);
        let offset = (target.spread() % interval as u64) as Timestamp;
        let tolerance = (tolerance.as_millis() as Timestamp).min(interval / 100);
        Self { interval, offset, tolerance }
    }

    /// The next place in time.
    fn after(self, time: Timestamp) -> Timestamp {
        let next = time - (time - self.offset).rem_euclid(self.interval) + self.interval;
        // Right after the first scrape another one says nothing new.
        let close = (self.interval / 10).min(1000);
        if next - time < close { next + self.interval } else { next }
    }

    /// The slot itself if the clock is near enough, so that samples keep an even distance.
    fn align(self, slot: Timestamp, now: Timestamp) -> Timestamp {
        if (now - slot).abs() <= self.tolerance { slot } else { now }
    }
}

impl Runner {
    /// Runs until it is told to stop. Returns the live series for [`End::Handover`].
    pub async fn run(mut self) -> Vec<SeriesId> {
        let labels = self.target.labels.clone();
        let carried = std::mem::take(&mut self.carried);
        let mut page = Page::new(Arc::clone(&self.shared.job), labels, carried);
        let slots = Slots::new(&self.target, self.shared.timestamp_tolerance);
        let mut stop = self.stop.clone();
        let mut slot = now() + self.first_delay.as_millis() as Timestamp;
        loop {
            let end = tokio::select! {
                biased;
                end = stopped(&mut stop) => Some(end),
                () = sleep_until(slot) => None,
            };
            if let Some(end) = end {
                return self.end(page, end).await;
            }
            let (time, start) = (slots.align(slot, now()), Instant::now());
            let fetched = tokio::select! {
                biased;
                end = stopped(&mut stop) => Err(end),
                fetched = self.fetch() => Ok(fetched),
            };
            let fetched = match fetched {
                Ok(fetched) => fetched,
                Err(end) => return self.end(page, end).await,
            };
            page = self.digest(page, fetched, time, start).await;
            // From the clock, not from the slot: a clock that is set back must not stop the scrapes.
            slot = slots.after(now());
        }
    }

    async fn fetch(&self) -> Result<Fetched, String> {
        let forced = self.shared.forced_error.lock().clone();
        if let Some(error) = forced {
            return Err(error);
        }
        let timeout = self.target.timeout;
        match tokio::time::timeout(timeout, self.fetch_unbounded()).await {
            Ok(Ok(fetched)) => Ok(fetched),
            Ok(Err(err)) => {
                if matches!(err, FetchError::TooLarge) {
                    self.shared.counters.exceeded_body_size_limit.increment();
                }
                Err(err.to_string())
            }
            Err(_) => Err(format!("Get {:?}: context deadline exceeded", self.target.url)),
        }
    }

    async fn fetch_unbounded(&self) -> Result<Fetched, FetchError> {
        let shared = &self.shared;
        let client = shared.client.as_ref().map_err(|err| FetchError::Setting(err.to_string()))?;
        let mut headers = shared.headers.clone();
        // A page that stays on the machine is copied in a fraction of the time that packing it takes on
        // the one side and unpacking it on the other.
        let packed =
            shared.job.enable_compression.unwrap_or_else(|| !client.stays_here(&self.target.url));
        let encoding = if packed { "gzip" } else { "identity" };
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        let seconds = self.target.timeout.as_secs_f64().to_string();
        if let Ok(seconds) = HeaderValue::try_from(seconds) {
            headers.insert("x-prometheus-scrape-timeout-seconds", seconds);
        }
        let response = client.get(&self.target.url, &headers).await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let text =
            |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let format = format_of(text(header::CONTENT_TYPE), shared.job.fallback_format)
            .map_err(FetchError::Body)?;
        let gzip = text(header::CONTENT_ENCODING)
            .is_some_and(|encoding| encoding.trim().eq_ignore_ascii_case("gzip"));
        let limit = match shared.job.limits.body_size {
            0 => shared.max_body,
            limit => limit,
        };
        let mut body = shared.buffers.take();
        match read_body(response.into_body(), limit, &mut body).await {
            Ok(()) => Ok(Fetched { body, gzip, format, limit }),
            Err(err) => {
                shared.buffers.give(body);
                Err(err)
            }
        }
    }

    /// Reads and stores; large pages on a computing thread.
    async fn digest(
        &self,
        page: Page,
        fetched: Result<Fetched, String>,
        time: Timestamp,
        start: Instant,
    ) -> Page {
        let shared = Arc::clone(&self.shared);
        let large =
            fetched.as_ref().is_ok_and(|f| f.body.len() > INLINE / if f.gzip { 8 } else { 1 });
        let timeout = self.target.timeout;
        let digest = Digest { shared, fetched, time, start, timeout };
        let mut page = page;
        let (page, error) = if large {
            let task = tokio::task::spawn_blocking(move || {
                let error = digest.run(&mut page);
                (page, error)
            });
            match task.await {
                Ok(done) => done,
                Err(err) => {
                    // A mistake of ours in one page must not end the target.
                    error!(url = %self.target.url, "reading a page failed: {err}");
                    let labels = self.target.labels.clone();
                    let page = Page::new(Arc::clone(&self.shared.job), labels, Vec::new());
                    (page, Some("internal error while reading the page".to_owned()))
                }
            }
        } else {
            let error = digest.run(&mut page);
            (page, error)
        };
        let (job, target) = (&self.shared.job.name, &self.target.url);
        let took = start.elapsed();
        match &error {
            Some(err) => debug!(%job, %target, ?took, "scrape failed: {err}"),
            None => debug!(%job, %target, ?took, "scraped"),
        }
        *self.state.lock() = State {
            health: if error.is_some() { Health::Down } else { Health::Up },
            error: error.unwrap_or_default(),
            began: Some(time),
            took: Some(took),
        };
        self.shared.counters.scrapes.increment();
        page
    }

    async fn end(mut self, mut page: Page, end: End) -> Vec<SeriesId> {
        match end {
            End::Handover => return page.into_live(),
            End::Shutdown => return Vec::new(),
            End::Gone => {}
        }
        // The target may only have moved to another job: its samples there come first.
        let slot = Slots::new(&self.target, Duration::ZERO).after(now());
        let wait = self.target.interval.as_millis() as Timestamp / 10;
        tokio::select! {
            () = sleep_until(slot + wait) => {}
            () = shutdown(&mut self.stop) => return Vec::new(),
        }
        let store = &*self.shared.store;
        if let Err(err) = page.end(slot, store) {
            warn!(target = %self.target.url, "the end of a target's series is not stored: {err}");
        }
        Vec::new()
    }
}

impl Digest {
    /// Returns why the scrape failed.
    fn run(self, page: &mut Page) -> Option<String> {
        let Self { shared, fetched, time, start, timeout } = self;
        let store = &*shared.store;
        let mut counts = Counts::default();
        let (mut body, mut format) = (Vec::new(), Format::Prometheus);
        page.take_rows(shared.buffers.take_rows());
        let error = match fetched {
            Err(error) => Some(error),
            Ok(fetched) => {
                let result;
                (body, result) = unpack(fetched.body, fetched.gzip, fetched.limit, &shared);
                format = fetched.format;
                match result {
                    Err(err) => Some(err),
                    Ok(()) => {
                        let (read, result) = page.read(&body, format, time, now(), store);
                        counts = read;
                        result.err().map(|err| {
                            if matches!(err, PageError::SampleLimit) {
                                shared.counters.exceeded_sample_limit.increment();
                            }
                            err.to_string()
                        })
                    }
                }
            }
        };
        if error.is_some() {
            page.fail(time, store);
            counts.added = 0;
        }
        let extra = shared.job.extra_scrape_metrics.then_some([
            timeout.as_secs_f64(),
            shared.job.limits.samples as f64,
            body.len() as f64,
        ]);
        let seconds = start.elapsed().as_secs_f64();
        let report = Report { up: error.is_none(), seconds, counts, extra };
        let stored = page.store(&report, time, (&body, format), store);
        shared.buffers.give_rows(page.give_rows());
        shared.buffers.give(body);
        match stored {
            Ok(rejected) => self::count(&shared, counts, rejected),
            Err(err) => {
                shared.counters.append_failures.increment();
                error!(job = %shared.job.name, "a scrape could not be stored: {err}");
                return Some(error.unwrap_or_else(|| err.to_string()));
            }
        }
        error
    }
}

/// The body as it is to be read, in a buffer that goes back to the others.
fn unpack(body: Vec<u8>, gzip: bool, limit: u64, shared: &Shared) -> (Vec<u8>, Result<(), String>) {
    if !gzip {
        return (body, Ok(()));
    }
    let mut plain = shared.buffers.take();
    let result = gunzip(&body, limit, &mut plain).map_err(|err| {
        if matches!(err, FetchError::TooLarge) {
            shared.counters.exceeded_body_size_limit.increment();
        }
        err.to_string()
    });
    shared.buffers.give(body);
    (plain, result)
}

fn count(shared: &Shared, counts: Counts, rejected: Rejected) {
    let counters = &shared.counters;
    let duplicates = counts.duplicates + rejected.duplicates;
    let out_of_bounds = counts.ahead + rejected.out_of_bounds;
    counters.duplicate_timestamp.add(duplicates);
    counters.out_of_order.add(rejected.out_of_order);
    counters.out_of_bounds.add(out_of_bounds);
    let dropped = duplicates + out_of_bounds + rejected.out_of_order + rejected.other;
    if dropped > 0 {
        warn!(
            job = %shared.job.name,
            duplicates,
            out_of_order = rejected.out_of_order,
            out_of_bounds,
            "samples of a scrape were dropped"
        );
    }
}

async fn sleep_until(time: Timestamp) {
    let wait = time - now();
    if wait > 0 {
        tokio::time::sleep(Duration::from_millis(wait as u64)).await;
    }
}

/// Waits for the word to stop. A sender that is gone means that the program ends.
pub(super) async fn stopped(stop: &mut watch::Receiver<Option<End>>) -> End {
    match stop.wait_for(Option::is_some).await {
        Ok(end) => end.unwrap_or(End::Shutdown),
        Err(_) => End::Shutdown,
    }
}

pub(super) async fn shutdown(stop: &mut watch::Receiver<Option<End>>) {
    let _ = stop.wait_for(|end| *end == Some(End::Shutdown)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_asked_for_as_prometheus_does() {
        let protocols = Job::named("a").protocols;
        assert_eq!(
            accept(&protocols),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        );
    }

    #[test]
    fn samples_keep_an_even_distance() {
        let slots = Slots { interval: 15_000, offset: 4_000, tolerance: 2 };
        assert_eq!(slots.after(0), 4_000);
        assert_eq!(slots.after(4_000), 19_000);
        assert_eq!(slots.after(18_999), 34_000, "two scrapes do not follow one another at once");
        assert_eq!(slots.after(-1), 4_000);
        assert_eq!(slots.align(19_000, 19_002), 19_000);
        assert_eq!(slots.align(19_000, 19_003), 19_003, "too late to pretend");
    }

    #[test]
    fn a_content_type_is_required() {
        assert_eq!(format_of(Some("text/plain; version=0.0.4"), None), Ok(Format::Prometheus));
        assert_eq!(format_of(Some("application/openmetrics-text"), None), Ok(Format::OpenMetrics));
        assert_eq!(format_of(None, Some(Format::Prometheus)), Ok(Format::Prometheus));
        assert!(format_of(None, None).unwrap_err().contains("blank Content-Type"));
        assert!(format_of(Some("text/html"), None).unwrap_err().contains("\"text/html\""));
    }
}
