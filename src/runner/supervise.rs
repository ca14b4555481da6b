//! Keeps a part alive: an error or a panic is shown, and the part starts again after a pause.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info_span};

use super::board::{Board, State};

/// Pause before a part is started again for the first time; doubled up to [`LONGEST_PAUSE`].
pub const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A part that ran this long is taken to be well again.
const WELL_AFTER: Duration = Duration::from_secs(60);

/// Runs `start` again and again until `stop`; each run ends with `Ok` only if it was asked to stop.
pub async fn supervise<F>(
    board: Board,
    name: String,
    stop: CancellationToken,
    first_pause: Duration,
    mut start: impl FnMut() -> F,
) where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let span = info_span!("part", name = name.as_str());
    let mut pause = first_pause;
    loop {
        let began = tokio::time::Instant::now();
        // A task of its own, so that a panic ends the run and not the supervisor.
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut start));
        let ended = match run {
            Ok(run) => tokio::spawn(run.instrument(span.clone())).await.map_err(panic_text),
            Err(payload) => Err(payload_text(&*payload)),
        };
        if stop.is_cancelled() {
            board.set(&name, State::Stopped);
            return;
        }
        let reason = match ended {
            Ok(Ok(())) => "ended by itself".to_owned(),
            Ok(Err(err)) => crate::diag::chain(err.as_ref()),
            Err(text) => format!("panicked: {text}"),
        };
        span.in_scope(|| error!("part failed: {reason}"));
        board.set(&name, State::Failed(reason));
        if began.elapsed() > WELL_AFTER {
            pause = first_pause;
        }
        tokio::select! {
            () = stop.cancelled() => {
                board.set(&name, State::Stopped);
                return;
            }
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
        board.restarted(&name);
        board.set(&name, State::Starting);
    }
}

fn panic_text(join: tokio::task::JoinError) -> String {
    let Ok(payload) = join.try_into_panic() else { return "cancelled".to_owned() };
    payload_text(&*payload)
}

fn payload_text(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "unknown panic".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::super::board::Part;
    use super::*;

    #[tokio::test]
    async fn a_panic_restarts_the_part() {
        let board = Board::default();
        board.put(Part {
            name: "a".into(),
            kind: "test".into(),
            state: State::Starting,
            url: None,
            restarts: 0,
        });
        let stop = CancellationToken::new();
        let runs = Arc::new(AtomicU32::new(0));
        let (counter, token) = (Arc::clone(&runs), stop.clone());
        supervise(board.clone(), "a".into(), stop, Duration::ZERO, move || {
            let (run, token) = (counter.fetch_add(1, Ordering::Relaxed), token.clone());
            async move {
                assert!(run != 0, "first run");
                if run == 2 {
                    token.cancel();
                    return Ok(());
                }
                anyhow::bail!("second run")
            }
        })
        .await;
        assert_eq!(runs.load(Ordering::Relaxed), 3);
        assert_eq!(board.rows()[0].restarts, 2);
        assert_eq!(board.rows()[0].state, State::Stopped);
    }
}
