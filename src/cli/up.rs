//! `up`: validate, render and run the whole stack natively.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use tracing_subscriber::filter::LevelFilter;

use super::printer::{self, out};
use super::validate::{self, Source};
use super::{stdin, telemetry, why};
use crate::diag::{self, Severity};
use crate::manifest::Stack;
use crate::runner::board::{Part, State};
use crate::runner::control::{self, Request, Response};
use crate::runner::logs::Logs;
use crate::runner::place::{self, Place};
use crate::runner::plan::{EXTERNAL, Wishes};
use crate::runner::up::{self, Settings};

/// How long a detached stack may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the process waits for what is left when it ends.
const LAST_MOMENT: Duration = Duration::from_millis(500);
/// Lines of the log that are shown when a detached stack could not be started.
const LAST_WORDS: usize = 20;

/// Validates, renders and runs the whole stack natively, in one process.
#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    source: Source,
    /// Go on in the background; `stackctl down` stops it.
    #[arg(short, long)]
    detach: bool,
    /// Add this to every port that stackctl itself listens on.
    #[arg(long, value_name = "N", default_value_t = 0)]
    port_offset: u16,
    /// Run only these services and parts.
    #[arg(long, value_name = "SERVICE", value_delimiter = ',')]
    only: Vec<String>,
    /// Make up the declared metrics of these services.
    #[arg(long, value_name = "SERVICE", value_delimiter = ',')]
    simulate: Vec<String>,
    /// Where samples, rendered files and logs are kept; a folder of this manifest's own below
    /// ~/.local/state/stackctl if it is not said.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Up {
    /// Exit code 1 if the manifest has errors; 2 if the stack could not be started.
    pub fn run(mut self, verbose: u8) -> anyhow::Result<ExitCode> {
        if self.source.manifest.as_deref().is_some_and(stdin::is_meant) {
            bail!("`up` watches the manifest: name a file, standard input cannot change");
        }
        // What lies here later does not change which manifest this is.
        let manifest = self.source.path()?;
        self.source.manifest = Some(manifest.clone());
        let loaded = self.source.load()?;
        if !super::in_background() {
            validate::show(&loaded);
        }
        if validate::is_hindered(&loaded) {
            return Ok(ExitCode::from(1));
        }
        let place = Place::of(&manifest, self.data_dir.as_deref());
        std::fs::create_dir_all(&place.root)
            .with_context(|| format!("making the data folder {}", place.root.display()))?;
        if self.detach && !super::in_background() {
            return detach(&self.source, &manifest, &place);
        }
        let logs = Logs::default();
        let level = telemetry::level(LevelFilter::INFO, verbose);
        telemetry::init(level, telemetry::Format::Text, Some(&logs));
        let source = self.source.clone();
        let wanted = wanted(&self.source, &place);
        let settings = Settings {
            manifest,
            profile: self.source.profile,
            read: Box::new(move || read(&source)),
            place,
            wishes: Wishes {
                port_offset: self.port_offset,
                only: self.only,
                simulate: self.simulate,
            },
            logs,
            started: Box::new(move |stack, parts| show(stack, parts, &wanted)),
            guard: super::guard,
        };
        let runtime = tokio::runtime::Runtime::new()?;
        let ended = runtime.block_on(up::up(settings));
        // Whatever is left after a second Ctrl-C may not hold up the end.
        runtime.shutdown_timeout(LAST_MOMENT);
        ended.map(|()| ExitCode::SUCCESS)
    }
}

/// Reads the manifest for the runner; findings that are errors stop it.
fn read(source: &Source) -> anyhow::Result<up::Source> {
    let mut loaded = source.load()?;
    let stack = if validate::is_hindered(&loaded) {
        let errors = loaded.findings.count(Severity::Error);
        let mut report = String::new();
        let _ = diag::print_concise(&mut report, &loaded.findings, &loaded.files);
        let plural = if errors == 1 { "" } else { "s" };
        let manifest = source.path()?;
        let manifest = manifest.display();
        Err(anyhow::anyhow!(
            "{manifest} has {errors} error{plural}: `stackctl validate` explains\n{}",
            report.trim_end()
        ))
    } else {
        alone(&mut loaded.stack);
        Ok(loaded.stack)
    };
    Ok(up::Source { files: loaded.paths, stack })
}

/// On one machine shards would only share its processors: one server does what they and the central one
/// do together, and says so.
fn alone(stack: &mut Stack) {
    let Some(shards) = stack.prometheus.as_mut().and_then(|part| part.value.shards.take()) else {
        return;
    };
    tracing::warn!(
        shards = shards.number.value,
        "one native prometheus scrapes all targets and evaluates all rules: shards are for containers"
    );
}

fn show(stack: &str, parts: &[Part], wanted: &why::Wanted) {
    let text = format!("\n{stack}\n{}\n\n", printer::parts_table(parts));
    let _ = out().write_all(text.as_bytes());
    // A rendered file is mended in the manifest.
    for part in parts.iter().filter(|part| matches!(part.state, State::Failed(_))) {
        why::explain(wanted, None, part.state.reason());
    }
}

/// What the running stack was rendered from, and where to.
fn wanted(source: &Source, place: &Place) -> why::Wanted {
    why::Wanted {
        manifest: source.manifest.clone(),
        output: Some(place.rendered()),
        profile: source.profile.clone(),
    }
}

/// Exit code of a stack that goes on in the background: parts that failed at their start are tried again,
/// and whoever started it is to know. What runs elsewhere is not ours to start.
fn verdict(parts: &[Part]) -> ExitCode {
    let ours = parts.iter().filter(|part| part.kind != EXTERNAL);
    let failed: Vec<String> = ours
        .filter(|part| matches!(part.state, State::Failed(_)))
        .map(|part| format!("{} does not start: {}", part.name, part.state.reason()))
        .collect();
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    printer::error(&failed.join("\n"));
    ExitCode::from(super::COULD_NOT)
}

/// Starts the same command again in the background, and waits until it answers.
fn detach(source: &Source, manifest: &Path, place: &Place) -> anyhow::Result<ExitCode> {
    let log = place.log();
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .with_context(|| format!("opening {}", log.display()))?;
    let said_before = file.metadata()?.len();
    let mut child = Command::new(std::env::current_exe()?)
        .arg(super::IN_BACKGROUND)
        .args(std::env::args_os().skip(1))
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        // Ctrl-C in this terminal is not meant for it.
        .process_group(0)
        .spawn()
        .context("starting in the background")?;
    let socket = place::socket(manifest);
    let runtime = super::small_runtime()?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait()? {
            let said = std::fs::read(&log).unwrap_or_default();
            let said = said.get(said_before as usize..).unwrap_or_default();
            let said = String::from_utf8_lossy(said);
            let lines: Vec<&str> = said.lines().collect();
            for line in &lines[lines.len().saturating_sub(LAST_WORDS)..] {
                let _ = writeln!(std::io::stderr(), "{line}");
            }
            bail!("the stack did not start ({status}); the log is {}", log.display());
        }
        let mut answered = None;
        let asked = control::ask(&socket, &Request::Ps, |response| {
            if let Response::Ps(status) = response {
                answered = Some(status);
            }
        });
        if runtime.block_on(asked).is_ok()
            && let Some(status) = answered
            && status.pid == child.id()
            && status.parts.iter().all(|part| part.state.is_settled())
        {
            show(&status.stack, &status.parts, &wanted(source, place));
            printer::note(&format!(
                "runs in the background as process {}; `stackctl down` stops it",
                status.pid
            ));
            return Ok(verdict(&status.parts));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    printer::note(&format!("some parts are slow to start: `stackctl ps`, {}", log.display()));
    Ok(ExitCode::SUCCESS)
}
