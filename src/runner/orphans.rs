//! Child processes never outlive the runner, however it ends. Every child carries a mark in its
//! environment, which whatever it starts inherits. A guard, a second process of this program, waits for
//! the end of the runner and ends all that is marked; a stack that starts first ends what an earlier
//! run left behind even so (its guard was killed too).

use std::collections::HashSet;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

/// Environment variable of all children: control socket of the stack, a colon, process id of the run.
const MARK: &str = "STACKCTL_PART_OF";
/// How long processes may take to end after SIGTERM before they get SIGKILL.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time between two looks for those that are left.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What the children of one run are known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    stack: String,
    run: String,
}

impl Mark {
    /// The mark of this process's run; `socket` tells one stack from another.
    pub fn new(socket: &Path) -> Self {
        let socket = std::path::absolute(socket).unwrap_or_else(|_| socket.to_owned());
        Self { stack: socket.display().to_string(), run: std::process::id().to_string() }
    }

    /// Name and value of the environment variable.
    pub fn variable(&self) -> (String, String) {
        (MARK.to_owned(), format!("{}:{}", self.stack, self.run))
    }

    /// Ends what earlier runs of this stack left behind; returns how many processes. Call it only
    /// while no other runner of the stack lives. Blocks until they have ended.
    pub fn end_leftovers(&self) -> usize {
        let (_, ours) = self.variable();
        end(|mark| mark != ours && mark.rsplit_once(':').is_some_and(|(of, _)| of == self.stack))
    }
}

/// Ends everything with a mark of that kind: SIGTERM, and SIGKILL after [`PATIENCE`].
fn end(is_meant: impl Fn(&str) -> bool) -> usize {
    let began = Instant::now();
    let mut told = HashSet::new();
    loop {
        // Looked for each time: one that starts another just now must not escape.
        let left = marked(&is_meant);
        if left.is_empty() {
            return told.len();
        }
        let too_slow = began.elapsed() > PATIENCE;
        for pid in left {
            if told.insert(pid) || too_slow {
                let signal = if too_slow { Signal::KILL } else { Signal::TERM };
                // It may have ended by itself.
                let _ = kill_process(pid, signal);
            }
        }
        if began.elapsed() > 2 * PATIENCE {
            return told.len();
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Processes with such a mark, we ourselves excepted. Those of other users cannot be seen.
fn marked(is_meant: impl Fn(&str) -> bool) -> Vec<Pid> {
    let own = std::process::id() as i32;
    let Ok(processes) = procfs::process::all_processes() else { return Vec::new() };
    processes
        .flatten()
        .filter(|process| process.pid != own)
        .filter(|process| {
            // Those that wait to be buried have no environment any more.
            process.environ().is_ok_and(|environment| {
                let mark = environment.get(std::ffi::OsStr::new(MARK));
                mark.and_then(|mark| mark.to_str()).is_some_and(&is_meant)
            })
        })
        .filter_map(|process| Pid::from_raw(process.pid))
        .collect()
}

/// The process that watches over the children of a run. When this is dropped, or the runner ends in
/// any other way, it ends them.
pub struct Guard {
    _alive: ChildStdin,
}

impl Guard {
    /// Starts it. `program` is this program with the arguments that lead to [`watch`].
    pub fn start(mut program: Command, mark: &Mark) -> anyhow::Result<Self> {
        let (_, value) = mark.variable();
        let mut child = program
            .arg(value)
            // We alone hold the other end: it closes when we end.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            // Ctrl-C and signals to our group are for us alone.
            .process_group(0)
            .spawn()
            .context("starting the process that guards the stack's child processes")?;
        let alive = child.stdin.take().context("the guard has no standard input")?;
        Ok(Self { _alive: alive })
    }
}

/// What the guard does: waits until the runner is gone, and ends what carries its mark.
pub fn watch(mark: &str) {
    let mut ignored = Vec::new();
    // Nothing is ever written; the end of the pipe is the end of the runner.
    let _ = std::io::stdin().read_to_end(&mut ignored);
    end(|other| other == mark);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_of_this_stack_end_with_all_they_started_and_others_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let mark = Mark::new(&folder.path().join("a.sock"));
        let other = Mark::new(&folder.path().join("b.sock"));
        let start = |stack: &str, run: &str| {
            // The second has a session, so a group, of its own.
            let script = "setsid sleep 600 & exec sleep 600";
            let mut shell = Command::new("sh");
            shell.args(["-c", script]).env(MARK, format!("{stack}:{run}")).spawn().unwrap()
        };
        let mut left = start(&mark.stack, "before");
        let mut ours = start(&mark.stack, &mark.run);
        let mut foreign = start(&other.stack, "before");
        let count = |mark: &Mark| marked(|found| found.starts_with(&mark.stack)).len();
        while count(&mark) < 4 || count(&other) < 2 {
            std::thread::sleep(LOOK_AGAIN);
        }

        // The leftover is our child here and stays in the table until it is waited for.
        let waited = std::thread::spawn(move || left.wait());
        assert_eq!(mark.end_leftovers(), 2);
        waited.join().unwrap().unwrap();
        assert_eq!((count(&mark), count(&other)), (2, 2));
        for (mark, child) in [(&mark, &mut ours), (&other, &mut foreign)] {
            let stack = mark.stack.clone();
            assert_eq!(end(|found| found.starts_with(&stack)), 2);
            child.wait().unwrap();
        }
    }
}
