//! A running stack: starts the planned parts, keeps them alive, follows the manifest, stops.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use parking_lot::RwLock;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::board::{self, Board, State};
use super::control::{Control, Ends, Status};
use super::logs::Logs;
use super::orphans::{Guard, Mark};
use super::place::{self, Place};
use super::plan::{self, Endpoint, Kind, Plan, Planned, Wishes};
use super::prometheus::{self, Flags, Reloader, Surroundings};
use super::supervise::{FIRST_PAUSE, supervise};
use super::{door, ports, probe, process, simulate};
use crate::exporters::{mysql, node};
use crate::manifest::Stack;
use crate::render::{self, Beside, HandEdits, Output, Setting, WriteOptions};
use crate::{scrape, web};

/// Time between two looks at the manifest's files.
const WATCH: Duration = Duration::from_secs(1);
/// How long the table waits for parts that are slow to start.
const SETTLE: Duration = Duration::from_secs(10);
/// How long a server may take to apply a new configuration.
const APPLY: Duration = Duration::from_secs(60);

/// A manifest that was read.
pub struct Source {
    /// The stack, or why there is none.
    pub stack: anyhow::Result<Stack>,
    /// Files that were read or looked for, even if there is no stack: mending one of them helps.
    pub files: Vec<PathBuf>,
}

/// Reads the manifest; the error is what the user sees.
pub type Read = Box<dyn Fn() -> anyhow::Result<Source> + Send + Sync>;

/// Called with the stack's name and the table of its parts.
pub type Started = Box<dyn FnOnce(&str, &[board::Part]) + Send>;

/// What to run and how.
pub struct Settings {
    /// The manifest.
    pub manifest: PathBuf,
    /// The profile that is laid over it.
    pub profile: Option<String>,
    /// How it is read.
    pub read: Read,
    /// Where things are kept.
    pub place: Place,
    /// How the user wants it to run.
    pub wishes: Wishes,
    /// What the parts say.
    pub logs: Logs,
    /// Called once every part is settled, or slow.
    pub started: Started,
    /// This program with the arguments that make it a guard of child processes.
    pub guard: fn() -> std::process::Command,
}

/// Runs the stack until it is told to stop: by a signal, or through its control socket.
pub async fn up(settings: Settings) -> anyhow::Result<()> {
    let Settings { manifest, profile, read, place, wishes, logs, started, guard } = settings;
    let folder = match manifest.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::path::absolute(folder)?,
        _ => std::env::current_dir()?,
    };
    // From here on a signal stops what has started, however little that is.
    let mut signals = Signals::new()?;
    let mut watched = Watched::default();
    let source = read()?;
    watched.follow(source.files);
    let stack = source.stack?;
    let control = Control::bind(place::socket(&manifest))?;
    let name = stack.name().to_owned();
    let (outputs, plan) = prepare(&stack, &folder, &place, &wishes)?;
    let mark = Mark::new(&place::socket(&manifest));
    let sweeper = mark.clone();
    // What is left of a killed run may hold our ports.
    match tokio::task::spawn_blocking(move || sweeper.end_leftovers()).await? {
        0 => {}
        ended => warn!("{ended} processes that an earlier run left behind were ended"),
    }
    let mut up = Up {
        manifest: manifest.clone(),
        profile,
        folder,
        place,
        wishes,
        board: Board::default(),
        logs,
        listeners: HashMap::new(),
        endpoints: Arc::default(),
        running: HashMap::new(),
        outputs: Vec::new(),
        mark,
        guard: None,
        make_guard: guard,
    };
    up.listeners = up.bind(&plan)?;
    up.write(&outputs)?;
    up.watch_over(&plan)?;
    up.start_all(plan);

    // The socket answers until all parts have ended: `ps` and `logs -f` see them drain.
    let (stop, over) = (CancellationToken::new(), CancellationToken::new());
    let (ask, mut asked) = mpsc::channel(4);
    let status = {
        let (stack, pid) = (name.clone(), std::process::id());
        let manifest = std::path::absolute(&manifest).unwrap_or(manifest);
        let rendered = up.place.rendered();
        let rendered = Some(std::path::absolute(&rendered).unwrap_or(rendered));
        move |parts| Status {
            stack: stack.clone(),
            manifest: manifest.clone(),
            rendered: rendered.clone(),
            pid,
            parts,
        }
    };
    let served = tokio::spawn(control.serve(
        status,
        up.board.clone(),
        up.logs.clone(),
        ask,
        Ends { stop: stop.clone(), over: over.clone() },
    ));
    let board = up.board.clone();
    let settled = tokio::time::timeout(SETTLE, board.settled());
    tokio::pin!(settled);
    let mut started = Some(started);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = &mut settled, if started.is_some() => if let Some(started) = started.take() {
                started(&name, &up.board.rows());
            },
            signal = signals.next() => match signal {
                Signal::Stop => break,
                Signal::Reload => { let _ = up.reload(&read, &mut watched).await; }
            },
            Some(reply) = asked.recv() => {
                let _ = reply.send(up.reload(&read, &mut watched).await);
            }
            () = tokio::time::sleep(WATCH) => if watched.changed() {
                let _ = up.reload(&read, &mut watched).await;
            },
        }
    }
    info!("stopping");
    // Whoever asks for a reload now is told that the stack stops.
    drop(asked);
    let drained = tokio::select! {
        () = up.stop_all() => true,
        () = signals.stop() => false,
    };
    over.cancel();
    let _ = served.await;
    if !drained {
        bail!("told to stop a second time: ended before every part had drained");
    }
    Ok(())
}

fn prepare(
    stack: &Stack,
    folder: &Path,
    place: &Place,
    wishes: &Wishes,
) -> anyhow::Result<(Vec<Output>, Plan)> {
    let base = folder.display().to_string();
    let sources = Beside(folder.to_owned());
    let outputs = render::plan(stack, &Setting { base: &base, sources: &sources })?;
    let prometheus = outputs.iter().find(|output| output.path == "monitoring/prometheus.yml");
    let text = prometheus.and_then(|output| std::str::from_utf8(&output.bytes).ok());
    let plan = plan::plan(stack, text, folder, place, wishes)?;
    Ok((outputs, plan))
}

struct Up {
    manifest: PathBuf,
    profile: Option<String>,
    folder: PathBuf,
    place: Place,
    wishes: Wishes,
    board: Board,
    logs: Logs,
    listeners: HashMap<SocketAddr, TcpListener>,
    endpoints: Arc<RwLock<HashMap<String, Endpoint>>>,
    running: HashMap<String, Running>,
    /// What the parts in force were started from.
    outputs: Vec<Output>,
    /// What child processes carry.
    mark: Mark,
    /// Ends them if we cannot; there once there is one to watch over.
    guard: Option<Guard>,
    make_guard: fn() -> std::process::Command,
}

struct Running {
    planned: Planned,
    stop: CancellationToken,
    task: JoinHandle<()>,
    reloader: Option<Reloader>,
}

impl Up {
    /// Binds every address of the plan that is not bound already; all that are taken are named.
    fn bind(&self, plan: &Plan) -> anyhow::Result<HashMap<SocketAddr, TcpListener>> {
        let mut bound = HashMap::new();
        let mut taken = Vec::new();
        for part in &plan.parts {
            let Some(address) = part.listen else { continue };
            let listener = match self.listeners.get(&address) {
                Some(listener) => listener.try_clone()?,
                None => match ports::bind(&part.name, address) {
                    Ok(listener) => listener,
                    Err(err) => {
                        taken.push(err.to_string());
                        continue;
                    }
                },
            };
            bound.insert(address, listener);
        }
        if !taken.is_empty() {
            let offset = match self.wishes.port_offset {
                0 => "\n`--port-offset 10000` moves all ports of the stack",
                _ => "",
            };
            bail!("{}{offset}", taken.join("\n"));
        }
        Ok(bound)
    }

    fn write(&mut self, outputs: &[Output]) -> anyhow::Result<()> {
        let options = WriteOptions {
            manifest: self.manifest.display().to_string(),
            profile: self.profile.clone(),
            target: None,
            // The folder is the runner's own.
            hand_edits: HandEdits::Overwrite,
        };
        render::write(outputs, &self.place.rendered(), &options)?;
        self.outputs = outputs.to_vec();
        Ok(())
    }

    /// Starts the guard before the first child process.
    fn watch_over(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let has_children = plan.parts.iter().any(|part| matches!(part.kind, Kind::Process(_)));
        if has_children && self.guard.is_none() {
            self.guard = Some(Guard::start((self.make_guard)(), &self.mark)?);
        }
        Ok(())
    }

    fn start_all(&mut self, plan: Plan) {
        *self.endpoints.write() = plan.endpoints;
        for planned in plan.parts {
            self.start(planned);
        }
    }

    fn start(&mut self, planned: Planned) {
        let Planned { name, listen, reached, kind } = &planned;
        let state = match kind {
            Kind::NotRun(reason) => State::NotRun(reason.clone()),
            _ => State::Starting,
        };
        self.board.put(board::Part {
            name: name.clone(),
            kind: kind.word().to_owned(),
            state,
            url: listen.map(|address| format!("http://{address}")).or_else(|| reached.clone()),
            restarts: 0,
        });
        let stop = CancellationToken::new();
        let mut reloader = None;
        let (board, logs, token) = (self.board.clone(), self.logs.clone(), stop.clone());
        let listener = listen.and_then(|address| self.listeners.get(&address)?.try_clone().ok());
        let task = match kind.clone() {
            Kind::NotRun(_) => tokio::spawn(async {}),
            Kind::External(address) => {
                tokio::spawn(probe::watch(name.clone(), address, board, token))
            }
            Kind::Process(mut process) => {
                process.env.push(self.mark.variable());
                let run = move || {
                    process::run(process.clone(), board.clone(), logs.clone(), token.clone())
                };
                self.supervised(name, &stop, run)
            }
            Kind::Prometheus { argv, locator } => {
                let (ask, asked) = mpsc::channel(4);
                reloader = Some(Reloader(ask));
                let asked = Arc::new(tokio::sync::Mutex::new(asked));
                let endpoints = Arc::clone(&self.endpoints);
                let name = name.clone();
                let run = move || {
                    let (board, name) = (board.clone(), name.clone());
                    let surroundings = door::guard(&locator).map(|guard| Surroundings {
                        listeners: listener.iter().flat_map(TcpListener::try_clone).collect(),
                        guard,
                        resolver: resolver(Arc::clone(&endpoints)),
                        locate: {
                            let locator = locator.clone();
                            Arc::new(move |path| locator.locate(path).ok().flatten())
                        },
                        reloads: Arc::clone(&asked),
                        ready: Box::new(move || board.set(&name, State::Ready)),
                        stop: token.clone(),
                    });
                    let flags = Flags::from_args(&argv).context("the rendered command line");
                    async move { prometheus::run(flags?, surroundings?).await }
                };
                self.supervised(&planned.name, &stop, run)
            }
            Kind::NodeExporter { argv, locator } => {
                self.served(&planned, &stop, listener, move || {
                    let config = node::Config::from_args(&argv)?;
                    Ok((node::Exporter::new(&config)?.router(), door::guard(&locator)?))
                })
            }
            Kind::MysqldExporter { argv, env, hosts, locator } => {
                self.served(&planned, &stop, listener, move || {
                    let config = mysql::Config::from_args(&argv)?;
                    let password = env.iter().find(|(name, _)| name == mysql::PASSWORD_VARIABLE);
                    let password = password.map(|(_, text)| mysql::Secret(text.clone()));
                    let password = password.unwrap_or_default();
                    let config = mysql::Config { password, hosts: hosts.clone(), ..config };
                    Ok((mysql::Exporter::new(&config)?.router(), door::guard(&locator)?))
                })
            }
            Kind::Simulated(pages) => self.served(&planned, &stop, listener, move || {
                let routers = pages.iter().map(|(path, (service, metrics))| {
                    simulate::router(service, path, metrics.clone())
                });
                let router = routers.fold(axum::Router::new(), axum::Router::merge);
                Ok((router, web::Guard::default()))
            }),
        };
        let name = planned.name.clone();
        self.running.insert(name, Running { planned, stop, task, reloader });
    }

    fn supervised<F>(
        &self,
        name: &str,
        stop: &CancellationToken,
        run: impl FnMut() -> F + Send + 'static,
    ) -> JoinHandle<()>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        tokio::spawn(supervise(self.board.clone(), name.to_owned(), stop.clone(), FIRST_PAUSE, run))
    }

    /// A part that is a router on a listener, and who may use it.
    fn served(
        &self,
        planned: &Planned,
        stop: &CancellationToken,
        listener: Option<TcpListener>,
        make: impl Fn() -> anyhow::Result<(axum::Router, web::Guard)> + Send + Sync + 'static,
    ) -> JoinHandle<()> {
        let (board, name, token) = (self.board.clone(), planned.name.clone(), stop.clone());
        let ready = match planned.kind {
            Kind::Simulated(_) => State::Simulated,
            _ => State::Ready,
        };
        let make = Arc::new(make);
        self.supervised(&planned.name, stop, move || {
            let (board, name, token) = (board.clone(), name.clone(), token.clone());
            let (make, ready) = (Arc::clone(&make), ready.clone());
            let listener = listener.as_ref().map(TcpListener::try_clone);
            async move {
                let listener = listener.context("the part has no listener")??;
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let (router, guard) = make()?;
                board.set(&name, ready);
                web::serve(listener, router, guard, token).await;
                Ok(())
            }
        })
    }

    /// Reads the manifest again and changes what differs. What is wrong changes nothing.
    async fn reload(&mut self, read: &Read, watched: &mut Watched) -> Result<String, String> {
        let outcome = self.try_reload(read, watched).await;
        match &outcome {
            Ok(what) => info!("manifest read again: {what}"),
            Err(why) => warn!("the running stack stays as it is: {why}"),
        }
        outcome
    }

    async fn try_reload(&mut self, read: &Read, watched: &mut Watched) -> Result<String, String> {
        let text = |err: anyhow::Error| crate::diag::chain(err.as_ref());
        // What changes from here on is another change.
        watched.changed();
        let source = read().map_err(text)?;
        watched.follow(source.files);
        let stack = source.stack.map_err(text)?;
        let (outputs, plan) =
            prepare(&stack, &self.folder, &self.place, &self.wishes).map_err(text)?;
        let listeners = self.bind(&plan).map_err(text)?;
        self.watch_over(&plan).map_err(text)?;
        let before = self.outputs.clone();
        let same_files = before == outputs;
        self.write(&outputs).map_err(text)?;
        // Before anything is touched, so that a server that has to move keeps what it has as well.
        if let Err(reason) = check(&plan) {
            self.write(&before).map_err(text)?;
            return Err(reason);
        }

        let states: HashMap<String, State> =
            self.board.rows().into_iter().map(|part| (part.name, part.state)).collect();
        // One that failed is started again at once: the change may be what it needs.
        let differs = |running: &Running| {
            let Planned { name, .. } = &running.planned;
            let failed = matches!(states.get(name), Some(State::Failed(_)));
            let ours = !matches!(running.planned.kind, Kind::External(_) | Kind::NotRun(_));
            !plan.parts.contains(&running.planned) || (ours && failed)
        };
        let stale: Vec<String> = self
            .running
            .iter()
            .filter(|(_, running)| differs(running))
            .map(|(name, _)| name.clone())
            .collect();
        // A server that goes on has the last word on its new configuration.
        if !same_files {
            let endpoints = std::mem::replace(&mut *self.endpoints.write(), plan.endpoints.clone());
            for running in self.running.values().filter(|running| !differs(running)) {
                let Some(reloader) = &running.reloader else { continue };
                if states.get(&running.planned.name) != Some(&State::Ready) {
                    // It may be replaying its log, and gets to it afterwards.
                    reloader.ask_later();
                    continue;
                }
                let outcome = tokio::time::timeout(APPLY, reloader.reload()).await;
                let outcome = outcome
                    .unwrap_or_else(|_| Err(format!("{} does not answer", running.planned.name)));
                if let Err(reason) = outcome {
                    *self.endpoints.write() = endpoints;
                    self.write(&before).map_err(text)?;
                    return Err(reason);
                }
            }
        }
        self.stop(&stale).await;
        self.listeners = listeners;
        let names: Vec<String> = plan.parts.iter().map(|part| part.name.clone()).collect();
        *self.endpoints.write() = plan.endpoints;
        let mut started = 0;
        for planned in plan.parts {
            if !self.running.contains_key(&planned.name) {
                started += 1;
                self.start(planned);
            }
        }
        self.board.arrange(&names);
        Ok(match (stale.len(), started, same_files) {
            (0, 0, true) => "nothing changed".to_owned(),
            (0, 0, false) => "configuration files changed".to_owned(),
            (stopped, started, _) => {
                let parts = if stopped == 1 { "part" } else { "parts" };
                format!("{stopped} {parts} stopped, {started} started")
            }
        })
    }

    async fn stop(&mut self, names: &[String]) {
        let parts: Vec<Running> =
            names.iter().filter_map(|name| self.running.remove(name)).collect();
        for part in &parts {
            part.stop.cancel();
        }
        for part in parts {
            let _ = part.task.await;
        }
    }

    async fn stop_all(&mut self) {
        let names: Vec<String> = self.running.keys().cloned().collect();
        self.stop(&names).await;
    }
}

/// Whether the servers of the plan would take the rendered files; the error is what is wrong.
fn check(plan: &Plan) -> Result<(), String> {
    for part in &plan.parts {
        if let Kind::Prometheus { argv, locator } = &part.kind {
            let flags = Flags::from_args(argv).map_err(|err| err.to_string())?;
            prometheus::check(&flags, &|path| locator.locate(path).ok().flatten())?;
        }
    }
    Ok(())
}

/// Service names as on the compose network, then the system.
fn resolver(endpoints: Arc<RwLock<HashMap<String, Endpoint>>>) -> scrape::Resolver {
    scrape::Resolver::new(move |name| match endpoints.read().get(name) {
        None => scrape::Resolution::System,
        Some(Endpoint::Nowhere(reason)) => scrape::Resolution::Absent(reason.clone()),
        Some(Endpoint::At(address)) => match address.parse() {
            Ok(address) => scrape::Resolution::Address(address),
            Err(_) => scrape::Resolution::System,
        },
    })
}

/// What tells one state of a file from another: time of change, size, inode.
type Stamp = (SystemTime, u64, u64);

/// Files and the state in which they were last seen.
#[derive(Default)]
struct Watched(Vec<(PathBuf, Option<Stamp>)>);

impl Watched {
    /// Looks at these files from now on; those that are known keep the state they were seen in.
    fn follow(&mut self, files: Vec<PathBuf>) {
        let before = std::mem::take(&mut self.0);
        let known = |file: &PathBuf| before.iter().find(|(known, _)| known == file);
        self.0 = files
            .into_iter()
            .map(|file| {
                let stamp = known(&file).map_or_else(|| stamp(&file), |(_, stamp)| *stamp);
                (file, stamp)
            })
            .collect();
    }

    /// Whether a file changed since the last look. One that is gone is being replaced: wait for it.
    fn changed(&mut self) -> bool {
        let mut changed = false;
        for (file, known) in &mut self.0 {
            let now = stamp(file);
            if now.is_some() && now != *known {
                *known = now;
                changed = true;
            }
        }
        changed
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}

enum Signal {
    Stop,
    Reload,
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Returns at the next signal to stop.
    async fn stop(&mut self) {
        while matches!(self.next().await, Signal::Reload) {}
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.hang_up.recv() => Signal::Reload,
        }
    }
}
