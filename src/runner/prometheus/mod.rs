//! The monitoring server as one part: store, scraping, rules, API and pages, wired together from the
//! flags and the configuration file, as Prometheus is. `up` and `stackctl run prometheus` share it.

mod flags;
mod ignored;
mod store;

use std::collections::HashSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, warn};

pub use flags::Flags;

use crate::model::{format_duration, now};
use crate::promql::QueryOptions;
use crate::rules::{self, RuleText};
use crate::scrape;
use crate::storage::{Append, Select};
use crate::tsdb::{self, Tsdb};
use crate::web;

/// Time between two looks at what the store has to do.
const MAINTENANCE: Duration = Duration::from_secs(5);

/// A request to read the configuration again: where the outcome goes.
pub type Asked = tokio::sync::oneshot::Sender<Result<(), String>>;

/// Finds a path of the configuration on this machine; `None` for one that stays as it is.
pub type Locate = Arc<dyn Fn(&str) -> Option<PathBuf> + Send + Sync>;

/// What the part needs from outside beside its flags.
pub struct Surroundings {
    /// Bound listeners, one for each address.
    pub listeners: Vec<TcpListener>,
    /// Who may use the pages and the API.
    pub guard: web::Guard,
    /// Where `host:port` of a target is.
    pub resolver: scrape::Resolver,
    /// Where the paths of the configuration lie.
    pub locate: Locate,
    /// Requests to read the configuration again; they outlive a part that is started again.
    pub reloads: Arc<tokio::sync::Mutex<mpsc::Receiver<Asked>>>,
    /// Called once when queries are answered.
    pub ready: Box<dyn FnOnce() + Send>,
    /// Cancelled when the part is to stop; cancelled by `/-/quit` as well.
    pub stop: CancellationToken,
}

/// A handle to ask a running part to read its configuration again.
#[derive(Clone)]
pub struct Reloader(pub mpsc::Sender<Asked>);

impl Reloader {
    /// Reads the configuration again; the error says why what was in force stays.
    pub async fn reload(&self) -> Result<(), String> {
        let (done, outcome) = tokio::sync::oneshot::channel();
        let gone = || "the server is stopping".to_owned();
        self.0.send(done).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }

    /// Has it read its configuration again when it gets to it.
    pub fn ask_later(&self) {
        // With a full queue it will do so anyway.
        let _ = self.0.try_send(tokio::sync::oneshot::channel().0);
    }
}

/// Whether the configuration and the rule files would be taken; the error is what is wrong.
pub fn check(
    flags: &Flags,
    locate: &(dyn Fn(&str) -> Option<PathBuf> + Send + Sync),
) -> Result<(), String> {
    load(flags, locate).map(drop)
}

/// A configuration that was read and checked, with everything it refers to.
struct Configuration {
    scrape: scrape::config::Config,
    groups: Vec<rules::Group>,
}

/// Runs until `stop`; everything acknowledged is on disk when it returns.
pub async fn run(flags: Flags, surroundings: Surroundings) -> anyhow::Result<()> {
    let Surroundings { listeners, guard, resolver, locate, reloads, ready, stop: asked_to_stop } =
        surroundings;
    // Servers and clocks end with this run, even if it ends with a panic: the next one needs their
    // listeners and the store.
    let stop = asked_to_stop.child_token();
    let _ends_with_us = stop.clone().drop_guard();
    flags.ignored.warn();
    let configuration = load(&flags, &*locate).map_err(anyhow::Error::msg)?;
    let store = {
        let config = store_config(&flags);
        // Replaying the log is work, not waiting.
        let opened = tokio::task::spawn_blocking(move || Tsdb::open(config)).await?;
        Arc::new(opened.with_context(|| format!("opening {}", flags.storage_path.display()))?)
    };
    let query = QueryOptions {
        lookback: flags.lookback,
        default_step: configuration.scrape.evaluation_interval,
        max_samples: flags.query_max_samples,
        ..QueryOptions::default()
    };
    let external_url = external_url(&flags, &listeners);
    let rule_options = |configuration: &Configuration| rules::Options {
        external_url: external_url.clone(),
        external_labels: configuration.scrape.external_labels.clone(),
        query: query.clone(),
        timeout: flags.query_timeout,
        resend_delay: flags.resend_delay,
        for_outage_tolerance: flags.outage_tolerance,
        for_grace_period: flags.grace_period,
    };
    let (rules, alerts) = rules::Manager::new(
        Arc::clone(&store) as Arc<dyn rules::Store>,
        rule_options(&configuration),
    );
    let rules = Arc::new(rules);
    let scraper = Arc::new(scrape::Manager::new(
        Arc::clone(&store) as Arc<dyn Append>,
        scrape::Options { resolver, ..scrape::Options::default() },
    ));
    let (wanted, mut asked) = mpsc::channel(4);
    let state =
        Arc::new(web_state(&flags, &external_url, &store, &rules, &scraper, Reloader(wanted))?);

    let part = Running { flags: &flags, rules, scraper, store, state, locate };
    part.apply(configuration, &rule_options).await;
    part.state.set_ready(true);
    let served = serve(listeners, Arc::clone(&part.state), &guard, &stop)?;
    let mut clocks = JoinSet::new();
    clocks.spawn(maintain(Arc::clone(&part.store), stop.clone()).in_current_span());
    clocks.spawn(report_alerts(alerts, stop.clone()).in_current_span());
    clocks.spawn({
        let (rules, stop) = (Arc::clone(&part.rules), stop.clone());
        async move { rules.run(stop).await }.in_current_span()
    });
    ready();
    let mut reloads = reloads.lock().await;
    let broken = loop {
        let reply = tokio::select! {
            () = stop.cancelled() => break None,
            () = part.state.quit.cancelled() => {
                asked_to_stop.cancel();
                break None;
            }
            Some(ended) = clocks.join_next() => {
                // Rules that stand still must not look well.
                let why = ended.err().map_or("ended by itself".to_owned(), |err| err.to_string());
                break Some(why);
            }
            Some(reply) = asked.recv() => reply,
            Some(reply) = reloads.recv() => reply,
        };
        // Whoever asked may have gone away.
        let _ = reply.send(part.reload(&rule_options).await);
    };
    stop.cancel();
    part.scraper.shutdown().await;
    for server in served {
        let _ = server.await;
    }
    clocks.shutdown().await;
    let store = Arc::clone(&part.store);
    tokio::task::spawn_blocking(move || store.close()).await?.context("closing the store")?;
    broken.map_or(Ok(()), |why| Err(anyhow::anyhow!("a clock of the server stopped: {why}")))
}

struct Running<'a> {
    flags: &'a Flags,
    rules: Arc<rules::Manager>,
    scraper: Arc<scrape::Manager>,
    store: Arc<Tsdb>,
    state: Arc<web::Prometheus>,
    locate: Locate,
}

impl Running<'_> {
    async fn reload(
        &self,
        rule_options: &(impl Fn(&Configuration) -> rules::Options + Sync),
    ) -> Result<(), String> {
        match load(self.flags, &*self.locate) {
            Ok(configuration) => {
                self.apply(configuration, rule_options).await;
                info!("configuration loaded again");
                Ok(())
            }
            Err(reason) => {
                warn!("the configuration in force stays: {reason}");
                self.state.set_reload_failed();
                Err(reason)
            }
        }
    }

    async fn apply(
        &self,
        configuration: Configuration,
        rule_options: &(impl Fn(&Configuration) -> rules::Options + Sync),
    ) {
        self.rules.configure(rule_options(&configuration));
        let Configuration { scrape, groups } = configuration;
        self.state.set_loaded(web::Loaded {
            config_yaml: scrape.to_yaml(),
            external_labels: scrape.external_labels.clone(),
            evaluation_interval: scrape.evaluation_interval,
            // Nothing is sent yet, so no alert manager is in use.
            alertmanagers: Vec::new(),
            reload_successful: true,
            loaded_at: now(),
        });
        let rules = Arc::clone(&self.rules);
        // Ends series of groups that are gone, which writes to the store.
        if let Err(err) = tokio::task::spawn_blocking(move || rules.apply(groups, now())).await {
            error!("applying the rule groups failed: {err}");
        }
        self.scraper.apply(&scrape).await;
    }
}

/// Reads the configuration file and the rule files it names.
fn load(
    flags: &Flags,
    locate: &(dyn Fn(&str) -> Option<PathBuf> + Send + Sync),
) -> Result<Configuration, String> {
    let scrape =
        scrape::config::load_located(&flags.config_file, locate).map_err(|err| err.to_string())?;
    let patterns: Vec<String> =
        scrape.rule_files.iter().map(|path| path.display().to_string()).collect();
    let mut texts = Vec::new();
    for path in rules::find_files(Path::new("/"), &patterns) {
        let text = std::fs::read_to_string(&path)
            .map_err(|err| format!("reading rule file {}: {err}", path.display()))?;
        texts.push(RuleText { name: path.display().to_string(), text });
    }
    let defaults = rules::Defaults {
        interval: scrape.evaluation_interval,
        query_offset: scrape.rule_query_offset,
    };
    let groups = rules::load(&texts, defaults).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })?;
    Ok(Configuration { scrape, groups })
}

fn store_config(flags: &Flags) -> tsdb::Config {
    let mut config = tsdb::Config::new(&flags.storage_path);
    config.retention_time = flags.retention();
    config.retention_size = flags.retention_size;
    config.sync = flags.sync;
    config
}

fn external_url(flags: &Flags, listeners: &[TcpListener]) -> String {
    let own = || {
        // What is bound: `up` may have moved the port.
        let bound = listeners.first().and_then(|listener| listener.local_addr().ok());
        let address = bound.or_else(|| flags.listen.first().copied());
        format!("http://localhost:{}", address.map_or(9090, |address| address.port()))
    };
    flags.external_url.clone().unwrap_or_else(own).trim_end_matches('/').to_owned()
}

fn web_state(
    flags: &Flags,
    external_url: &str,
    store: &Arc<Tsdb>,
    rules: &Arc<rules::Manager>,
    scraper: &Arc<scrape::Manager>,
    reloader: Reloader,
) -> anyhow::Result<web::Prometheus> {
    let options = web::Options {
        external_url: external_url.to_owned(),
        cors_origin: regex::Regex::new(&format!("^(?:{})$", flags.cors_origin))
            .context("--web.cors.origin")?,
        enable_lifecycle: flags.lifecycle,
        max_concurrency: flags.query_concurrency,
        query_timeout: flags.query_timeout,
        max_samples: flags.query_max_samples,
        lookback: flags.lookback,
        flags: flags.to_map(),
        retention: flags.retention().map(format_duration).unwrap_or_default(),
        ..web::Options::default()
    };
    let targets = Arc::clone(scraper);
    let (scrape_metrics, store_metrics) = (Arc::clone(scraper), Arc::clone(store));
    Ok(web::Prometheus::new(
        Arc::clone(store) as Arc<dyn Select>,
        Arc::clone(rules),
        Arc::new(move || targets.status()),
        options,
    )
    .on_reload(Arc::new(move || {
        let reloader = reloader.clone();
        Box::pin(async move { reloader.reload().await })
    }))
    .with_metrics(Arc::new(move |out| scrape_metrics.expose(out)))
    .with_metrics(Arc::new(move |out| store::expose(&store_metrics.metrics(), out))))
}

fn serve(
    listeners: Vec<TcpListener>,
    state: Arc<web::Prometheus>,
    guard: &web::Guard,
    stop: &CancellationToken,
) -> anyhow::Result<Vec<tokio::task::JoinHandle<()>>> {
    let router = web::router(state);
    listeners
        .into_iter()
        .map(|listener| {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            Ok(tokio::spawn(web::serve(listener, router.clone(), guard.clone(), stop.clone())))
        })
        .collect()
}

/// Seals, merges and forgets as time goes on.
async fn maintain(store: Arc<Tsdb>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(MAINTENANCE) => {}
        }
        let store = Arc::clone(&store);
        let done = tokio::task::spawn_blocking(move || store.maintain(now())).await;
        match done {
            Ok(Ok(_)) => {}
            Ok(Err(err)) => error!("the store could not do its work, and tries again: {err}"),
            Err(err) => error!("the store's maintenance ended early: {err}"),
        }
    }
}

/// Nobody is told of alerts yet: the log says when one starts and when it ends.
async fn report_alerts(
    mut alerts: mpsc::UnboundedReceiver<Vec<crate::model::Alert>>,
    stop: CancellationToken,
) {
    let mut firing = HashSet::new();
    loop {
        let told = tokio::select! {
            () = stop.cancelled() => return,
            told = alerts.recv() => match told {
                Some(told) => told,
                // Rules have ended, and whoever watches this clock is to know.
                None => return,
            },
        };
        for alert in told {
            let labels = alert.labels.to_string();
            if alert.is_resolved(now()) {
                if firing.remove(&labels) {
                    info!(%labels, "alert resolved");
                }
            } else if !firing.contains(&labels) {
                info!(%labels, "alert fires");
                firing.insert(labels);
            }
        }
    }
}
