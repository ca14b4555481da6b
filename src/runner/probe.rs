//! `native external=`: a service that runs outside of this process and is only watched.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tracing::{info, info_span, warn};

use super::board::{Board, State};

const PAUSE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(2);

/// Tries to connect to `address` (`host:port`) every five seconds and keeps the board up to date.
pub async fn watch(name: String, address: String, board: Board, stop: CancellationToken) {
    let span = info_span!("part", name = name.as_str());
    let mut before: Option<State> = None;
    loop {
        let state = match tokio::time::timeout(PATIENCE, TcpStream::connect(&address)).await {
            Ok(Ok(_)) => State::External,
            Ok(Err(err)) => State::Failed(format!("{address} does not answer: {err}")),
            Err(_) => State::Failed(format!("{address} does not answer within {PATIENCE:?}")),
        };
        if before.as_ref() != Some(&state) {
            span.in_scope(|| match &state {
                State::Failed(reason) => warn!("{reason}"),
                _ => info!(%address, "external service answers"),
            });
            board.set(&name, state.clone());
            before = Some(state);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
