//! The monitoring server as one part: store, scraping, rules, API and pages, wired together from the
//! flags and the configuration file, as Prometheus is. `up` and `stackctl run prometheus` share it.

mod features;
mod flags;
mod ignored;
mod settings;
mod store;

use std::collections::HashSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, warn};

pub use flags::Flags;

use crate::memory;
use crate::model::{Alert, now};
use crate::notify::{self, Notifier};
use crate::promql::QueryOptions;
use crate::remote;
use crate::rules::{self, RuleText};
use crate::scrape;
use crate::storage::{Append, Select};
use crate::tsdb::{self, Tsdb};
use crate::web;

/// Time between two looks at what the store has to do.
const MAINTENANCE: Duration = Duration::from_secs(5);
/// Most bytes that wait for receivers of remote write and that the store itself is done with.
const REMOTE_WRITE_BYTES: u64 = 4 << 30;

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
    features::explain(&flags.features);
    let configuration = load(&flags, &*locate).map_err(anyhow::Error::msg)?;
    // Replaying the log may take a while: whoever asks is told so.
    let opened = Arc::new(OnceLock::new());
    let external_url = external_url(&flags, &listeners);
    let served =
        serve(listeners, &web::starting(&flags.prefix(), Arc::clone(&opened)), &guard, &stop)?;
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
    let scrape_options = scrape::Options { resolver, ..scrape::Options::default() };
    let notifier = Arc::new(Notifier::new(notify::Options {
        capacity: flags.notification_capacity,
        batch: flags.notification_batch,
        drain: flags.drains_notifications(),
        scrape: scrape_options.clone(),
    }));
    let sender = Arc::new(remote::Sender::new(
        store.follow(),
        Arc::clone(&store) as Arc<dyn Select>,
        remote::SendOptions { scrape: scrape_options.clone(), limit: REMOTE_WRITE_BYTES },
    ));
    let scraper =
        Arc::new(scrape::Manager::new(Arc::clone(&store) as Arc<dyn Append>, scrape_options));
    let (wanted, mut asked) = mpsc::channel(4);
    let engines = Engines { rules, scraper, store, notifier, sender };
    let state = Arc::new(web_state(&flags, &external_url, &engines, Reloader(wanted))?);

    let part = Running { flags: &flags, engines, state, locate };
    part.apply(configuration, &rule_options).await.map_err(anyhow::Error::msg)?;
    part.state.set_ready(true);
    // It was empty: nobody else fills it.
    let _ = opened.set(web::router(Arc::clone(&part.state)));
    // It goes on when the rules have ended, so that the last alerts leave.
    let notifying = CancellationToken::new();
    let sending = tokio::spawn({
        let (notifier, notifying) = (Arc::clone(&part.engines.notifier), notifying.clone());
        async move { notifier.run(notifying).await }.in_current_span()
    });
    let _sending_ends_with_us = notifying.clone().drop_guard();
    let mut clocks = JoinSet::new();
    clocks.spawn(maintain(Arc::clone(&part.engines.store), stop.clone()).in_current_span());
    clocks.spawn(Arc::clone(&part.engines.sender).run(stop.clone()).in_current_span());
    let notifier = Arc::clone(&part.engines.notifier);
    clocks.spawn(pass_on_alerts(alerts, notifier, stop.clone()).in_current_span());
    clocks.spawn({
        let (rules, stop) = (Arc::clone(&part.engines.rules), stop.clone());
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
    part.engines.scraper.shutdown().await;
    for server in served {
        let _ = server.await;
    }
    clocks.shutdown().await;
    notifying.cancel();
    let _ = sending.await;
    // Nothing comes any more: what the receivers take now they need not be sent later.
    part.engines.sender.shutdown().await;
    let store = Arc::clone(&part.engines.store);
    tokio::task::spawn_blocking(move || store.close()).await?.context("closing the store")?;
    broken.map_or(Ok(()), |why| Err(anyhow::anyhow!("a clock of the server stopped: {why}")))
}

/// What the configuration and the pages reach.
struct Engines {
    rules: Arc<rules::Manager>,
    scraper: Arc<scrape::Manager>,
    store: Arc<Tsdb>,
    notifier: Arc<Notifier>,
    sender: Arc<remote::Sender>,
}

struct Running<'a> {
    flags: &'a Flags,
    engines: Engines,
    state: Arc<web::Prometheus>,
    locate: Locate,
}

impl Running<'_> {
    async fn reload(
        &self,
        rule_options: &(impl Fn(&Configuration) -> rules::Options + Sync),
    ) -> Result<(), String> {
        let applied = match load(self.flags, &*self.locate) {
            Ok(configuration) => self.apply(configuration, rule_options).await,
            Err(reason) => Err(reason),
        };
        match applied {
            Ok(()) => {
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

    /// Fails before anything is changed.
    async fn apply(
        &self,
        configuration: Configuration,
        rule_options: &(impl Fn(&Configuration) -> rules::Options + Sync),
    ) -> Result<(), String> {
        let Engines { rules, scraper, store, notifier, sender } = &self.engines;
        sender
            .check(&configuration.scrape.remote_write)
            .map_err(|err| format!("remote_write: {err}"))?;
        notifier
            .apply(&configuration.scrape.alerting)
            .map_err(|err| format!("alerting.alertmanagers: {err}"))?;
        for doubt in rules::doubts(&configuration.groups) {
            warn!("{doubt}");
        }
        rules.configure(rule_options(&configuration));
        let settings =
            settings::of_store(self.flags, configuration.scrape.written.storage.as_ref());
        store.configure(settings);
        let Configuration { scrape, groups } = configuration;
        self.state.set_loaded(web::Loaded {
            config_yaml: scrape.to_yaml(),
            external_labels: scrape.external_labels.clone(),
            evaluation_interval: scrape.evaluation_interval,
            reload_successful: true,
            loaded_at: now(),
            retention: settings::retention_in_words(&settings),
        });
        // Before anything is stored that it is to send.
        sender.apply(&scrape.remote_write, &scrape.external_labels).await;
        let rules = Arc::clone(rules);
        // Ends series of groups that are gone, which writes to the store.
        if let Err(err) = tokio::task::spawn_blocking(move || rules.apply(groups, now())).await {
            error!("applying the rule groups failed: {err}");
        }
        scraper.apply(&scrape).await;
        Ok(())
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
    engines: &Engines,
    reloader: Reloader,
) -> anyhow::Result<web::Prometheus> {
    let Engines { rules, scraper, store, notifier, sender } = engines;
    let sender = Arc::clone(sender);
    let options = web::Options {
        external_url: external_url.to_owned(),
        route_prefix: flags.prefix(),
        page_title: flags.page_title.clone(),
        cors_origin: regex::Regex::new(&format!("^(?:{})$", flags.cors_origin))
            .context("--web.cors.origin")?,
        enable_lifecycle: flags.lifecycle,
        max_concurrency: flags.query_concurrency,
        query_timeout: flags.query_timeout,
        max_samples: flags.query_max_samples,
        lookback: flags.lookback,
        flags: flags.to_map(),
        remote_read: remote::ReadLimits { samples: flags.read_samples, frame: flags.read_frame },
        ..web::Options::default()
    };
    let targets = Arc::clone(scraper);
    let (scrape_metrics, store_metrics) = (Arc::clone(scraper), Arc::clone(store));
    let (alertmanagers, notifications) = (Arc::clone(notifier), Arc::clone(notifier));
    let state = web::Prometheus::new(
        Arc::clone(store) as Arc<dyn Select>,
        Arc::clone(rules),
        Arc::new(move || targets.status()),
        options,
    )
    .on_reload(Arc::new(move || {
        let reloader = reloader.clone();
        Box::pin(async move { reloader.reload().await })
    }))
    .with_alertmanagers(Arc::new(move || alertmanagers.addresses()))
    .with_metrics(Arc::new(move |out| notifications.expose(out)))
    .with_metrics(Arc::new(move |out| sender.expose(out)))
    .with_metrics(Arc::new(move |out| scrape_metrics.expose(out)))
    .with_metrics(Arc::new(move |out| store::expose(&store_metrics.metrics(), out)));
    Ok(if flags.remote_write_receiver {
        state.with_receiver(remote::Receiver::new(Arc::clone(store) as Arc<dyn Append>))
    } else {
        state
    })
}

fn serve(
    listeners: Vec<TcpListener>,
    router: &axum::Router,
    guard: &web::Guard,
    stop: &CancellationToken,
) -> anyhow::Result<Vec<tokio::task::JoinHandle<()>>> {
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
        let done = tokio::task::spawn_blocking(move || {
            let done = store.maintain(now())?;
            if done != tsdb::Maintained::default() {
                // What lay in memory bit by bit lies in partitions now.
                memory::give_back();
            }
            Ok::<_, tsdb::TsdbError>(())
        });
        match done.await {
            Ok(Ok(())) => {}
            Ok(Err(err)) => error!("the store could not do its work, and tries again: {err}"),
            Err(err) => error!("the store's maintenance ended early: {err}"),
        }
    }
}

/// From the rules to the Alertmanagers; the log says when an alert starts and when it ends.
async fn pass_on_alerts(
    mut alerts: mpsc::UnboundedReceiver<Vec<Alert>>,
    notifier: Arc<Notifier>,
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
        for alert in &told {
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
        notifier.send(told);
    }
}
