//! Services with `native { run … }`: child processes with their logs, restarts and a clean stop.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::board::{Board, State};
use super::logs::Logs;

/// How long a child may take to end after SIGTERM before it gets SIGKILL.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Time between two looks for what is left of a group.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Bytes of an output line that are kept as one; a longer one is cut into several.
const LONGEST_LINE: u64 = 8 << 10;

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
    let group = Group(child.id().and_then(|id| Pid::from_raw(id as i32)));
    let readers = [
        child.stdout.take().map(|pipe| tokio::spawn(copy_lines(pipe, name.clone(), logs.clone()))),
        child.stderr.take().map(|pipe| tokio::spawn(copy_lines(pipe, name.clone(), logs.clone()))),
    ];
    board.set(&name, State::Ready);
    let ended = tokio::select! {
        status = child.wait() => Some(status.context("waiting for the process")?),
        () = stop.cancelled() => None,
    };
    // What it has started goes with it: the next run may need its ports.
    group.terminate(&mut child).await;
    for reader in readers.into_iter().flatten() {
        let _ = tokio::time::timeout(Duration::from_secs(1), reader).await;
    }
    let Some(status) = ended else { return Ok(()) };
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

/// The child's process group; what is left of it is killed when this is dropped.
struct Group(Option<Pid>);

impl Group {
    /// SIGTERM to the whole group, SIGKILL after [`STOP_TIMEOUT`].
    async fn terminate(mut self, child: &mut Child) {
        let Some(group) = self.0 else { return };
        // Fails if nobody is left.
        let signalled = kill_process_group(group, Signal::TERM).is_ok();
        let gone =
            !signalled || tokio::time::timeout(STOP_TIMEOUT, ended(child, group)).await.is_ok();
        if gone {
            // The kernel may give the number to someone else now.
            self.0 = None;
        }
        drop(self);
        let _ = child.wait().await;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

async fn ended(child: &mut Child, group: Pid) {
    let _ = child.wait().await;
    while has_members(group) {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Whether a process of the group runs; those that wait to be buried do not count.
fn has_members(group: Pid) -> bool {
    let group = group.as_raw_nonzero().get();
    procfs::process::all_processes().is_ok_and(|processes| {
        processes
            .flatten()
            .filter_map(|process| process.stat().ok())
            .any(|stat| stat.pgrp == group && stat.state != 'Z')
    })
}

async fn copy_lines(pipe: impl AsyncRead + Unpin, name: String, logs: Logs) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut pipe).take(LONGEST_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                logs.push(&name, String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
            }
        }
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
    async fn endless_and_binary_lines_are_cut_and_kept() {
        let logs = Logs::default();
        let command =
            ["sh", "-c", r"head -c 20000 /dev/zero | tr '\0' x; printf '\377\nend\n'; exit 3"];
        let _ =
            run(process(&command), Board::default(), logs.clone(), CancellationToken::new()).await;
        let lines: Vec<String> = logs.tail(None, 9).into_iter().map(|line| line.text).collect();
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [8192, 8192, 3619, 3]);
        assert!(lines[2].ends_with('\u{fffd}'), "{}", lines[2]);
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
