//! The command line: one file per command.

mod capacity;
mod control;
mod diff;
mod edit;
mod explain;
mod fmt;
mod hash_password;
mod import;
mod init;
mod lsp;
mod printer;
mod query;
mod render;
mod routes;
mod run;
mod schema;
mod several;
mod stdin;
mod telemetry;
mod test;
mod up;
mod usual;
mod validate;
mod why;

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

/// Exit code of a command that could not do its work.
const COULD_NOT: u8 = 2;

/// One manifest in, a running monitoring stack out.
#[derive(Debug, Parser)]
#[command(name = "stackctl", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// Say less: only errors, and what was asked for (the report of `validate` is).
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// When to use colours; `NO_COLOR` is respected.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
    /// Set by `up --detach` for the process that it starts.
    #[arg(long, hide = true)]
    in_background: bool,
    #[command(subcommand)]
    command: Command,
}

/// See [`Cli::in_background`].
const IN_BACKGROUND: &str = "--in-background";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a manifest and explain every mistake at its line and column.
    Validate(validate::Validate),
    /// Bring KDL manifests into their canonical layout.
    Fmt(fmt::Fmt),
    /// Write the configuration files of every product.
    Render(render::Render),
    /// Show which place of the manifest a rendered line comes from, and what a place becomes.
    Why(why::Why),
    /// Show where alerts go: the routes, with the alerts that end at each receiver.
    Routes(routes::Routes),
    /// Estimate series, samples a second, disk and memory of every job.
    Capacity(capacity::CapacityCommand),
    /// Validate, render and run the whole stack natively, in one process.
    Up(up::Up),
    /// Show the parts of the running stacks.
    Ps(control::Ps),
    /// Print what the parts of a running stack said.
    Logs(control::Logs),
    /// Make a running stack read its manifest again.
    Reload(control::Which),
    /// Drain and stop a running stack.
    Down(control::Which),
    /// Run one part alone, with the flags of the reference program.
    #[command(subcommand)]
    Run(run::Run),
    /// Started by `up`: waits for its end and ends the child processes that it left behind.
    #[command(hide = true)]
    Guard {
        /// What their environment says.
        mark: String,
    },
    /// Run the tests of a manifest from series to receiver, and unit test files of promtool.
    Test(test::Test),
    /// Ask a running Prometheus-compatible server.
    Query(query::Query),
    /// Make a manifest out of configuration that exists.
    Import(import::Import),
    /// Write a commented starter manifest of what runs here, asking nothing.
    Init(init::Init),
    /// Show what differs between two stacks by meaning: manifests, or folders of configuration.
    Diff(diff::Diff),
    /// Explain a rule: what it finds, why it matters, how to mend it.
    Explain(explain::Explain),
    /// Print the JSON Schema of the manifest's YAML form.
    Schema,
    /// Hash a password for the `web` users of a part.
    HashPassword(hash_password::HashPassword),
    /// Speak the language server protocol on stdin and stdout, for editors.
    Lsp(lsp::Lsp),
    /// Print shell completions.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

struct Terminal {
    quiet: bool,
    color: Color,
    in_background: bool,
}

static TERMINAL: OnceLock<Terminal> = OnceLock::new();

/// This program as [`Command::Guard`]; the one that runs, even if its file was replaced since.
fn guard() -> std::process::Command {
    let mut program = std::process::Command::new("/proc/self/exe");
    program.arg0("stackctl").arg("guard");
    program
}

fn quiet() -> bool {
    TERMINAL.get().is_some_and(|terminal| terminal.quiet)
}

/// Whether this process was started by `up --detach`.
fn in_background() -> bool {
    TERMINAL.get().is_some_and(|terminal| terminal.in_background)
}

/// Whether colours are wanted on a stream that is, or is not, a terminal.
fn color(terminal: bool) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match TERMINAL.get().map_or(Color::Auto, |terminal| terminal.color) {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && !no_color,
    }
}

/// Runs the command of the arguments. 0 well, 1 a finding that counts, 2 could not do its work; a
/// closed pipe is a quiet 0.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(err) => {
            // `--help` and `--version` are no errors and go to stdout.
            let _ = err.print();
            return if err.use_stderr() { ExitCode::from(COULD_NOT) } else { ExitCode::SUCCESS };
        }
    };
    let Cli { quiet, verbose, color, in_background, command } = cli;
    let _ = TERMINAL.set(Terminal { quiet, color, in_background });
    // One provider for everybody, whatever features the dependencies turn on; a second call keeps it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match dispatch(command, verbose) {
        Ok(code) => code,
        Err(err) if is_closed_pipe(&err) => ExitCode::SUCCESS,
        Err(err) => {
            printer::error(&crate::diag::chain(err.as_ref()));
            ExitCode::from(COULD_NOT)
        }
    }
}

fn dispatch(command: Command, verbose: u8) -> anyhow::Result<ExitCode> {
    match command {
        Command::Validate(validate) => validate.run(),
        Command::Fmt(fmt) => fmt.run(),
        Command::Render(render) => render.run(),
        Command::Why(why) => why.run(),
        Command::Routes(routes) => routes.run(),
        Command::Capacity(capacity) => capacity.run(),
        Command::Up(up) => up.run(verbose),
        Command::Ps(ps) => small_runtime()?.block_on(ps.run()),
        Command::Logs(logs) => small_runtime()?.block_on(logs.run()),
        Command::Reload(which) => small_runtime()?.block_on(control::reload(which)),
        Command::Down(which) => small_runtime()?.block_on(control::down(which)),
        Command::Run(run) => run.run(verbose),
        Command::Guard { mark } => {
            crate::runner::orphans::watch(&mark);
            Ok(ExitCode::SUCCESS)
        }
        Command::Test(test) => test.run(),
        Command::Query(query) => small_runtime()?.block_on(query.run()),
        Command::Import(import) => import.run(),
        Command::Init(init) => init.run(),
        Command::Diff(diff) => diff.run(),
        Command::Explain(explain) => explain.run(),
        Command::Schema => schema::run(),
        Command::HashPassword(hash) => hash.run(),
        Command::Lsp(lsp) => Ok(lsp.run()),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "stackctl", &mut text);
            printer::out().write_all(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Man => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut text)?;
            printer::out().write_all(&text)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// For commands that only talk: no worker threads.
fn small_runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn is_closed_pipe(err: &anyhow::Error) -> bool {
    err.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|err| err.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
