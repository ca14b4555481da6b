//! Where `tracing` events go: to stderr for people, and to the runner's own log store.

use std::io::IsTerminal;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::runner::logs::{Logs, LogsLayer};

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A line for people, with `key=value` pairs.
    Text,
    /// A JSON object on each line.
    Json,
}

/// Sets up logging once for the process. `RUST_LOG` wins over `level`; events also go into `logs`.
pub fn init(level: LevelFilter, format: Format, logs: Option<&Logs>) {
    let filter = || {
        EnvFilter::builder()
            .with_default_directive(level.into())
            .from_env_lossy()
            // Chatty libraries: their warnings are enough.
            .add_directive("hyper=warn".parse().expect("a plain directive"))
            .add_directive("hickory_proto=warn".parse().expect("a plain directive"))
            .add_directive("hickory_resolver=warn".parse().expect("a plain directive"))
    };
    let stderr = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(super::color(std::io::stderr().is_terminal()))
        .with_target(false);
    let stderr = match format {
        Format::Text => stderr.with_filter(filter()).boxed(),
        Format::Json => stderr.json().flatten_event(true).with_filter(filter()).boxed(),
    };
    let kept = logs.map(|logs| LogsLayer(logs.clone()).with_filter(filter()));
    // A second call (a test) keeps the first.
    let _ = tracing_subscriber::registry().with(stderr).with(kept).try_init();
}

/// `-v` and `-q` as a level, starting from what a command says on its own.
pub fn level(usual: LevelFilter, verbose: u8) -> LevelFilter {
    match (super::quiet(), verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => usual,
        (false, 1) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    }
}
