//! The local control socket: `ps`, `logs`, `reload` and `down` talk to a running stack through it.
//! One JSON request a connection, answered by JSON lines.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::board::{Board, Part};
use super::logs::{Line, Logs};

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ask")]
pub enum Request {
    /// The table of parts.
    Ps,
    /// Lines of one part or all.
    Logs {
        /// Which part; all if it is not said.
        part: Option<String>,
        /// How many of the newest lines.
        lines: usize,
        /// Whether to go on with new lines.
        follow: bool,
    },
    /// Read the manifest again.
    Reload,
    /// Drain and stop.
    Down,
}

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer", content = "with")]
pub enum Response {
    /// The stack and its parts.
    Ps(Status),
    /// One log line.
    Line(Line),
    /// Done; a sentence that says what.
    Done(String),
    /// Not done; the reason.
    Refused(String),
}

/// A running stack at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The stack's name.
    pub stack: String,
    /// The manifest it was started from.
    pub manifest: PathBuf,
    /// The folder of its rendered files; older runners do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rendered: Option<PathBuf>,
    /// Process id of the runner.
    pub pid: u32,
    /// Its parts.
    pub parts: Vec<Part>,
}

/// A control socket could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The folder or the socket in it cannot be made.
    #[error("cannot make the control socket {path}: {source}")]
    Bind {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process serves this stack already.
    #[error("this stack is running already (control socket {path}); `stackctl down` stops it")]
    Running {
        /// Where.
        path: PathBuf,
    },
    /// Nobody answers.
    #[error("no running stack answers at {path}: {source}")]
    Silent {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The answer is no answer of ours.
    #[error("the running stack at {path} gave an answer that cannot be read: {source}")]
    Garbled {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// The folder of this user's control sockets: `$XDG_RUNTIME_DIR/stackctl`, else a private folder in
/// the system's temporary folder (socket paths may have no more than 107 bytes).
pub fn socket_folder() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder).join("stackctl"),
        _ => {
            let user = rustix::process::getuid().as_raw();
            std::env::temp_dir().join(format!("stackctl-{user}"))
        }
    }
}

/// Sockets of the stacks that may be running, sorted by name.
pub fn sockets() -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(socket_folder()) else { return Vec::new() };
    let mut sockets: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sock"))
        .collect();
    sockets.sort();
    sockets
}

/// How a stack ends.
#[derive(Debug, Clone, Default)]
pub struct Ends {
    /// Cancelled when it is told to stop.
    pub stop: CancellationToken,
    /// Cancelled when all of its parts have ended.
    pub over: CancellationToken,
}

/// The control socket of a running stack; removed when it is dropped.
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
    /// Held as long as the stack runs, so that two that start at once do not both take the socket.
    _lock: std::fs::File,
}

/// Time before accepting is tried again after it failed.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

impl Control {
    /// Takes the socket; a leftover of a process that is gone is replaced.
    pub fn bind(path: PathBuf) -> Result<Self, ControlError> {
        let bound = (|| {
            if let Some(folder) = path.parent() {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
                only_ours(folder)?;
            }
            let lock = std::fs::File::create(path.with_extension("lock"))?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
                Err(std::fs::TryLockError::Error(err)) => return Err(err),
            }
            match std::fs::remove_file(&path) {
                Err(err) if err.kind() != std::io::ErrorKind::NotFound => return Err(err),
                _ => {}
            }
            Ok(Some((UnixListener::bind(&path)?, lock)))
        })();
        match bound {
            Ok(Some((listener, lock))) => Ok(Self { listener, path, _lock: lock }),
            Ok(None) => Err(ControlError::Running { path }),
            Err(source) => Err(ControlError::Bind { path, source }),
        }
    }

    /// Answers requests until the stack is over; `reload` reads the manifest again and says what
    /// came of it.
    pub async fn serve(
        self,
        status: impl Fn(Vec<Part>) -> Status + Send + Sync + 'static,
        board: Board,
        logs: Logs,
        reload: tokio::sync::mpsc::Sender<tokio::sync::oneshot::Sender<Result<String, String>>>,
        ends: Ends,
    ) {
        let status = Arc::new(status);
        loop {
            let stream = tokio::select! {
                () = ends.over.cancelled() => return,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(err) => {
                        // Out of file descriptors or the like: it passes.
                        warn!("the control socket cannot accept a connection: {err}");
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                },
            };
            let (status, board, logs) = (Arc::clone(&status), board.clone(), logs.clone());
            let (reload, ends) = (reload.clone(), ends.clone());
            tokio::spawn(async move {
                let answered = answer(stream, &*status, &board, &logs, &reload, &ends).await;
                if let Err(err) = answered {
                    debug!("control connection ended: {err}");
                }
            });
        }
    }
}

/// Refuses a folder that someone else could put a socket into.
fn only_ours(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(folder)?;
    if metadata.uid() == rustix::process::getuid().as_raw() && metadata.mode() & 0o022 == 0 {
        return Ok(());
    }
    let why = "the folder belongs to another user, or others may write into it";
    Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, why))
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn answer(
    stream: UnixStream,
    status: &(impl Fn(Vec<Part>) -> Status + Sync),
    board: &Board,
    logs: &Logs,
    reload: &tokio::sync::mpsc::Sender<tokio::sync::oneshot::Sender<Result<String, String>>>,
    Ends { stop, over }: &Ends,
) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read).read_line(&mut line).await?;
    let request = match serde_json::from_str(&line) {
        Ok(request) => request,
        Err(err) => return say(&mut write, &Response::Refused(err.to_string())).await,
    };
    match request {
        Request::Ps => say(&mut write, &Response::Ps(status(board.rows()))).await,
        Request::Down => {
            say(&mut write, &Response::Done("stopping".to_owned())).await?;
            stop.cancel();
            Ok(())
        }
        Request::Reload => {
            let (done, outcome) = tokio::sync::oneshot::channel();
            let response = match reload.send(done).await {
                Err(_) => Response::Refused("the stack is stopping".to_owned()),
                Ok(()) => match outcome.await {
                    Ok(Ok(what)) => Response::Done(what),
                    Ok(Err(why)) => Response::Refused(why),
                    Err(_) => Response::Refused("the stack is stopping".to_owned()),
                },
            };
            say(&mut write, &response).await
        }
        Request::Logs { part, lines, follow } => {
            let known = |part: &String| {
                board.rows().iter().any(|row| row.name == *part)
                    || !logs.tail(Some(part), 1).is_empty()
            };
            if let Some(part) = part.as_ref().filter(|part| !known(part)) {
                let parts: Vec<String> = board.rows().into_iter().map(|row| row.name).collect();
                let why = format!("no part is called `{part}`; there are {}", parts.join(", "));
                return say(&mut write, &Response::Refused(why)).await;
            }
            let mut live = logs.follow();
            for line in logs.tail(part.as_deref(), lines) {
                say(&mut write, &Response::Line(line)).await?;
            }
            if !follow {
                return Ok(());
            }
            loop {
                let line = tokio::select! {
                    // What was said until the end comes first.
                    biased;
                    line = live.recv() => match line {
                        Ok(line) => line,
                        // Too slow: some lines are lost to this reader, the rest goes on.
                        Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => continue,
                        Err(tokio::sync::broadcast::error::RecvError::Closed) => return Ok(()),
                    },
                    () = over.cancelled() => return Ok(()),
                };
                if part.as_ref().is_none_or(|part| *part == line.part) {
                    say(&mut write, &Response::Line(line)).await?;
                }
            }
        }
    }
}

async fn say(
    write: &mut tokio::net::unix::OwnedWriteHalf,
    response: &Response,
) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(response)?;
    line.push(b'\n');
    write.write_all(&line).await
}

/// Asks a running stack, and hands each line of its answer to `each`; ends with the answer.
pub async fn ask(
    path: &Path,
    request: &Request,
    mut each: impl FnMut(Response),
) -> Result<(), ControlError> {
    let silent = |source| ControlError::Silent { path: path.to_owned(), source };
    let garbled = |source| ControlError::Garbled { path: path.to_owned(), source };
    let stream = UnixStream::connect(path).await.map_err(silent)?;
    let (read, mut write) = stream.into_split();
    let mut line = serde_json::to_vec(request).map_err(garbled)?;
    line.push(b'\n');
    write.write_all(&line).await.map_err(silent)?;
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await.map_err(silent)? {
        each(serde_json::from_str(&line).map_err(garbled)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::board::State;
    use super::*;

    #[tokio::test]
    async fn a_running_stack_answers_and_cannot_be_started_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/stack.sock");
        let control = Control::bind(path.clone()).unwrap();
        let (board, logs, ends) = (Board::default(), Logs::default(), Ends::default());
        board.put(Part {
            name: "prometheus".into(),
            kind: "tsdb".into(),
            state: State::Ready,
            url: None,
            restarts: 0,
        });
        logs.push("prometheus", "ready");
        let (reload, mut asked) = tokio::sync::mpsc::channel(1);
        let status = |parts| Status {
            stack: "demo".into(),
            manifest: "stack.kdl".into(),
            rendered: None,
            pid: 1,
            parts,
        };
        let served = tokio::spawn(control.serve(status, board, logs, reload, ends.clone()));
        assert!(matches!(Control::bind(path.clone()), Err(ControlError::Running { .. })));

        let mut answers = Vec::new();
        ask(&path, &Request::Ps, |answer| answers.push(answer)).await.unwrap();
        assert!(matches!(&answers[..], [Response::Ps(status)] if status.parts.len() == 1));

        tokio::spawn(async move {
            asked.recv().await.unwrap().send(Err("line 3 is wrong".to_owned())).unwrap();
        });
        ask(&path, &Request::Reload, |answer| answers.push(answer)).await.unwrap();
        assert_eq!(answers[1], Response::Refused("line 3 is wrong".into()));

        ask(&path, &Request::Down, |_| {}).await.unwrap();
        assert!(ends.stop.is_cancelled() && path.exists());
        ends.over.cancel();
        served.await.unwrap();
        assert!(!path.exists());
    }
}
