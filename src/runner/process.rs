//! Services with `native { run … }`: child processes with their logs, restarts and a clean stop.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::board::{Board, State};
use super::logs::Logs;

/// How long a child may take to end after SIGTERM before it gets SIGKILL.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// When a child that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// Whatever its exit code.
    #[default]
    Always,
    /// Only after a failure.
    OnFailure,
    /// Never.
    No,
}

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Service name.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Working folder.
    pub folder: PathBuf,
    /// Environment, beside that of the runner.
    pub env: Vec<(String, String)>,
    /// When to start it again.
    pub restart: Restart,
}

/// Starts the child and waits for its end; an error means that it should start again.
pub async fn run(
    process: Process,
    board: Board,
    logs: Logs,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let Process { name, command, folder, env, restart } = process;
    let [program, arguments @ ..] = &command[..] else { bail!("`native run` names no program") };
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(&folder)
        .envs(env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: Ctrl-C reaches the runner alone, and a stop reaches grandchildren too.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting `{program}` in {}", folder.display()))?;
    let readers = [
        child.stdout.take().map(|pipe| tokio::spawn(copy_lines(pipe, name.clone(), logs.clone()))),
        child.stderr.take().map(|pipe| tokio::spawn(copy_lines(pipe, name.clone(), logs.clone()))),
    ];
    board.set(&name, State::Ready);
    let ended = tokio::select! {
        status = child.wait() => Some(status.context("waiting for the process")?),
        () = stop.cancelled() => None,
    };
    let Some(status) = ended else {
        terminate(&mut child).await;
        return Ok(());
    };
    for reader in readers.into_iter().flatten() {
        let _ = tokio::time::timeout(Duration::from_secs(1), reader).await;
    }
    let again = match restart {
        Restart::Always => true,
        Restart::OnFailure => !status.success(),
        Restart::No => false,
    };
    if again {
        bail!("`{program}` ended with {status}");
    }
    board.set(
        &name,
        if status.success() { State::Stopped } else { State::Failed(status.to_string()) },
    );
    stop.cancelled().await;
    Ok(())
}

/// SIGTERM to the whole group, SIGKILL after [`STOP_TIMEOUT`].
async fn terminate(child: &mut Child) {
    let group = child.id().and_then(|id| Pid::from_raw(id as i32));
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::TERM);
    }
    if tokio::time::timeout(STOP_TIMEOUT, child.wait()).await.is_err() {
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = child.wait().await;
    }
}

async fn copy_lines(pipe: impl AsyncRead + Unpin, name: String, logs: Logs) {
    let mut lines = BufReader::new(pipe).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        logs.push(&name, String::from_utf8_lossy(&line).trim_end_matches('\r'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(command: &[&str]) -> Process {
        Process {
            name: "app".into(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            folder: std::env::temp_dir(),
            env: vec![("GREETING".into(), "hello".into())],
            restart: Restart::OnFailure,
        }
    }

    #[tokio::test]
    async fn output_is_kept_and_a_failure_asks_for_a_restart() {
        let logs = Logs::default();
        let command = ["sh", "-c", "echo $GREETING; exit 3"];
        let ended =
            run(process(&command), Board::default(), logs.clone(), CancellationToken::new()).await;
        assert!(ended.unwrap_err().to_string().contains("exit status: 3"));
        assert_eq!(logs.tail(Some("app"), 9)[0].text, "hello");
    }

    #[tokio::test]
    async fn a_stop_ends_the_child_and_its_children() {
        let (logs, stop) = (Logs::default(), CancellationToken::new());
        let mut live = logs.follow();
        let command = ["sh", "-c", "sleep 600 & echo $!; wait"];
        let running = tokio::spawn(run(process(&command), Board::default(), logs, stop.clone()));
        let grandchild = live.recv().await.unwrap().text;
        stop.cancel();
        running.await.unwrap().unwrap();
        // The signal is sent; the kernel may take a moment to bury the process.
        for _ in 0..200 {
            let stat = std::fs::read_to_string(format!("/proc/{grandchild}/stat"));
            if stat.map_or(true, |stat| stat.contains(") Z ")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the grandchild {grandchild} still runs");
    }
}
