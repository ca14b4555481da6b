//! `run`: one part alone, with the flags of the reference program.

mod check;
mod document;

use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, bail};
use axum::response::Response;
use clap::{Args, Subcommand};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::info;
use tracing_subscriber::filter::LevelFilter;

use super::{telemetry, why};
use crate::exporters::serving::Serving;
use crate::exporters::{footprint, http, mysql, node};
use crate::runner::ports;
use crate::runner::prometheus::{self, Flags, Reloader, Surroundings};
use crate::{scrape, web};

/// Which part.
#[derive(Debug, Subcommand)]
pub enum Run {
    /// Scrape, store, answer queries and evaluate rules, as Prometheus does.
    Prometheus(Box<Server>),
    /// Expose the machine's metrics, as node_exporter does.
    #[command(disable_help_flag = true)]
    NodeExporter(Rest),
    /// Expose a MySQL server's metrics, as mysqld_exporter does.
    #[command(disable_help_flag = true)]
    MysqldExporter(Rest),
}

/// The monitoring server.
#[derive(Debug, Args)]
pub struct Server {
    /// Load the configuration with all that it refers to, name every fault with its place, and start
    /// nothing; exits with 1 if Prometheus would refuse it.
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    flags: Flags,
}

/// Flags that the part itself reads.
#[derive(Debug, Args)]
pub struct Rest {
    /// Flags of the part; `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
    arguments: Vec<String>,
}

impl Run {
    /// Runs until SIGTERM or Ctrl-C; SIGHUP reads the configuration again.
    pub fn run(self, verbose: u8) -> anyhow::Result<ExitCode> {
        match self {
            Self::Prometheus(server) if server.check => Ok(check::run(&server.flags)),
            Self::Prometheus(server) => {
                let flags = server.flags;
                start_logging(&flags.log_level, "logfmt", verbose)?;
                let config = flags.config_file.clone();
                let ended = tokio::runtime::Runtime::new()?.block_on(run_prometheus(flags));
                // A rendered file is mended in its manifest.
                ended.inspect_err(|err| {
                    why::explain(&why::Wanted::default(), Some(&config), &format!("{err:#}"));
                })
            }
            Self::NodeExporter(Rest { arguments }) => {
                let Some(matches) = matches(node::command(), &arguments)? else {
                    return Ok(ExitCode::SUCCESS);
                };
                let config = node::Config::from_matches(&matches)?;
                start_logging(&config.serving.log_level, &config.serving.log_format, verbose)?;
                let exporter = node::Exporter::new(&config)?;
                run_exporter(exporter.router(), &config.serving)
            }
            Self::MysqldExporter(Rest { arguments }) => {
                let Some(matches) = matches(mysql::command(), &arguments)? else {
                    return Ok(ExitCode::SUCCESS);
                };
                let config = mysql::Config::from_matches(&matches)?.with_environment();
                start_logging(&config.serving.log_level, &config.serving.log_format, verbose)?;
                let exporter = mysql::Exporter::new(&config)?;
                run_exporter(exporter.router(), &config.serving)
            }
        }
    }
}

/// Reads a part's own flags; `None` after `--help` was answered.
fn matches(
    command: clap::Command,
    arguments: &[String],
) -> anyhow::Result<Option<clap::ArgMatches>> {
    match command.no_binary_name(true).try_get_matches_from(arguments) {
        Ok(matches) => Ok(Some(matches)),
        Err(err) if !err.use_stderr() => {
            err.print()?;
            Ok(None)
        }
        Err(err) => bail!("{}", err.to_string().trim_start_matches("error: ").trim_end()),
    }
}

fn start_logging(level: &str, format: &str, verbose: u8) -> anyhow::Result<()> {
    let level = LevelFilter::from_str(level)
        .with_context(|| format!("--log.level: `{level}` is none of debug, info, warn, error"))?;
    let format = match format {
        "json" => telemetry::Format::Json,
        _ => telemetry::Format::Text,
    };
    telemetry::init(telemetry::level(level, verbose), format, None);
    Ok(())
}

async fn run_prometheus(flags: Flags) -> anyhow::Result<ExitCode> {
    let web_config = flags.web_config.as_deref().unwrap_or(Path::new(""));
    let guard = web::Guard::from_flag(web_config).map_err(anyhow::Error::msg)?;
    let bound: Result<Vec<_>, _> =
        flags.listen.iter().map(|address| ports::bind("prometheus", *address)).collect();
    let (ask, asked) = tokio::sync::mpsc::channel(4);
    let stop = stop_on_signals()?;
    tokio::spawn(reload_on_hang_up(Reloader(ask))?);
    let surroundings = Surroundings {
        listeners: bound?,
        guard,
        resolver: scrape::Resolver::default(),
        locate: Arc::new(|_| None),
        reloads: Arc::new(tokio::sync::Mutex::new(asked)),
        ready: {
            let addresses: Vec<String> = flags.listen.iter().map(ToString::to_string).collect();
            Box::new(move || info!(address = addresses.join(","), "ready"))
        },
        stop,
    };
    prometheus::run(flags, surroundings).await?;
    Ok(ExitCode::SUCCESS)
}

/// Serves an exporter from one thread: it answers a scrape now and then, and collects on threads of
/// its own where it has to wait.
fn run_exporter(router: axum::Router, serving: &Serving) -> anyhow::Result<ExitCode> {
    let guard = web::Guard::from_flag(&serving.config_file).map_err(anyhow::Error::msg)?;
    let listeners = listeners(serving)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = stop_on_signals()?;
        let scraped = Arc::new(Notify::new());
        let answered = Arc::clone(&scraped);
        let router = router.layer(axum::middleware::map_response(move |response: Response| {
            answered.notify_one();
            std::future::ready(response)
        }));
        let mut servers = tokio::task::JoinSet::new();
        for listener in listeners {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            info!(address = %listener.local_addr()?, "ready");
            servers.spawn(web::serve(listener, router.clone(), guard.clone(), stop.clone()));
        }
        tokio::spawn(footprint::settle(scraped));
        servers.join_all().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Binds the addresses, or takes the sockets that systemd hands over (sd_listen_fds(3)).
fn listeners(serving: &Serving) -> anyhow::Result<Vec<TcpListener>> {
    if !serving.systemd_socket {
        let bind = |address: &String| {
            http::bind(address).with_context(|| format!("listening on {address}"))
        };
        return serving.listen.iter().map(bind).collect();
    }
    let mut handed = listenfd::ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..handed.len() {
        let listener = handed.take_tcp_listener(index).with_context(|| {
            format!("--web.systemd-socket: socket {index} is not a TCP socket that listens")
        })?;
        listeners.extend(listener);
    }
    if listeners.is_empty() {
        bail!("--web.systemd-socket: no socket was handed over; is this started by a socket unit?");
    }
    Ok(listeners)
}

/// Cancelled by SIGTERM or Ctrl-C.
fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        token.cancel();
    });
    Ok(stop)
}

fn reload_on_hang_up(reloader: Reloader) -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        while hang_up.recv().await.is_some() {
            // The server itself logs what came of it.
            let _ = reloader.reload().await;
        }
    })
}
