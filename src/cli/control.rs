//! `ps`, `logs`, `reload`, `down`: they talk to a running stack through its control socket.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use super::printer::{self, out};
use super::why;
use crate::runner::control::{self, ControlError, Request, Response, Status};
use crate::runner::place::Place;

/// Which running stack.
#[derive(Debug, Args)]
pub struct Which {
    /// Name of the stack, or its manifest; not needed while only one runs.
    stack: Option<String>,
}

/// Shows the parts of the running stacks.
#[derive(Debug, Args)]
pub struct Ps {
    #[command(flatten)]
    which: Which,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Prints what the parts said.
#[derive(Debug, Args)]
pub struct Logs {
    /// Only this part.
    part: Option<String>,
    /// How many of the newest lines.
    #[arg(short = 'n', long, default_value_t = 100)]
    lines: usize,
    /// Go on with new lines.
    #[arg(short, long)]
    follow: bool,
    /// Name of the stack, or its manifest; not needed while only one runs.
    #[arg(long)]
    stack: Option<String>,
}

impl Ps {
    /// Exit code 1 if nothing runs.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let mut running = Vec::new();
        for socket in candidates(self.which.stack.as_deref()) {
            match status(&socket).await {
                Ok(status) => running.push(status),
                // A leftover of a process that was killed.
                Err(ControlError::Silent { .. }) => {}
                Err(err) => return Err(err.into()),
            }
        }
        if self.json {
            serde_json::to_writer(out(), &running)?;
            writeln!(out())?;
        } else {
            for status in &running {
                let Status { stack, manifest, pid, parts, rendered: _ } = status;
                writeln!(out(), "{stack} (process {pid}, {})", manifest.display())?;
                writeln!(out(), "{}", printer::parts_table(parts))?;
            }
        }
        if running.is_empty() {
            printer::note("no stack runs here");
            return Ok(ExitCode::from(1));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Logs {
    /// Exit code 1 if there is no such part.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let socket = only(self.stack.as_deref()).await?;
        let request = Request::Logs { part: self.part, lines: self.lines, follow: self.follow };
        let mut failed = None;
        let mut code = ExitCode::SUCCESS;
        control::ask(&socket, &request, |response| {
            if let Response::Refused(why) = &response {
                printer::error(why);
                code = ExitCode::from(1);
            }
            if let Response::Line(line) = response
                && let Err(err) = writeln!(out(), "{} {:<16} {}", line.time, line.part, line.text)
            {
                // The only way to stop a stream that goes on is to end.
                if err.kind() == std::io::ErrorKind::BrokenPipe {
                    std::process::exit(0);
                }
                failed = Some(err);
            }
        })
        .await?;
        failed.map_or(Ok(code), |err| Err(err.into()))
    }
}

/// Reads the manifest of a running stack again.
pub async fn reload(which: Which) -> anyhow::Result<ExitCode> {
    command(which, &Request::Reload).await
}

/// Drains and stops a running stack; returns when it is gone.
pub async fn down(which: Which) -> anyhow::Result<ExitCode> {
    let socket = only(which.stack.as_deref()).await?;
    let pid = status(&socket).await?.pid;
    let code = command(Which { stack: Some(socket.display().to_string()) }, &Request::Down).await?;
    while alive(pid) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Ok(code)
}

/// Whether the process runs; one that waits to be buried by its parent does not.
fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

async fn command(which: Which, request: &Request) -> anyhow::Result<ExitCode> {
    let socket = only(which.stack.as_deref()).await?;
    let mut refused = None;
    control::ask(&socket, request, |response| match response {
        Response::Done(what) => printer::note(&what),
        Response::Refused(why) => refused = Some(why),
        Response::Ps(_) | Response::Line(_) => {}
    })
    .await?;
    let Some(reason) = refused else { return Ok(ExitCode::SUCCESS) };
    // What is wrong with a rendered file is mended in the manifest.
    if let Ok(Status { manifest, rendered, .. }) = status(&socket).await {
        let output = Some(rendered.unwrap_or_else(|| Place::of(&manifest, None).rendered()));
        // Its index knows the profile.
        let wanted = why::Wanted { manifest: Some(manifest), output, profile: None };
        why::explain(&wanted, None, &reason);
    }
    printer::error(&reason);
    Ok(ExitCode::from(1))
}

/// Where the server of the only running stack answers.
pub async fn server_url() -> Option<String> {
    let status = status(&only(None).await.ok()?).await.ok()?;
    status.parts.into_iter().find(|part| part.kind == "tsdb")?.url
}

async fn status(socket: &Path) -> Result<Status, ControlError> {
    let mut status = None;
    control::ask(socket, &Request::Ps, |response| {
        if let Response::Ps(answer) = response {
            status = Some(answer);
        }
    })
    .await?;
    status.ok_or_else(|| ControlError::Silent {
        path: socket.to_owned(),
        source: std::io::ErrorKind::UnexpectedEof.into(),
    })
}

/// Sockets that fit what the user named: a socket, a stack's name, or a manifest.
fn candidates(named: Option<&str>) -> Vec<PathBuf> {
    let Some(named) = named else { return control::sockets() };
    let path = Path::new(named);
    if path.extension().is_some_and(|extension| extension == "sock") {
        return vec![path.to_owned()];
    }
    if path.is_file() {
        return vec![crate::runner::place::socket(path)];
    }
    let prefix = format!("{named}-");
    let fits = |socket: &PathBuf| {
        socket.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
    };
    control::sockets().into_iter().filter(fits).collect()
}

async fn only(named: Option<&str>) -> anyhow::Result<PathBuf> {
    let mut running = Vec::new();
    for socket in candidates(named) {
        if let Ok(status) = status(&socket).await {
            running.push((socket, status.stack));
        }
    }
    match &running[..] {
        [(socket, _)] => Ok(socket.clone()),
        [] => match named {
            Some(named) => bail!("no running stack is called `{named}`; `stackctl ps` lists them"),
            None => bail!("no stack runs here; `stackctl up MANIFEST` starts one"),
        },
        several => {
            let names: Vec<&str> = several.iter().map(|(_, name)| name.as_str()).collect();
            Err(anyhow::anyhow!("several stacks run here: {}", names.join(", ")))
                .context("say which one")
        }
    }
}
