//! The terminal: machine output goes to stdout, everything said to people to stderr.

use std::io::{IsTerminal, Stdout, Write};

use comfy_table::{Table, presets};

use crate::runner::board::Part;

/// Where machine output goes.
pub fn out() -> Stdout {
    std::io::stdout()
}

/// Says something on stderr, unless the user asked for quiet.
pub fn note(text: &str) {
    if !super::quiet() {
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

/// Says on stderr that something went wrong.
pub fn error(text: &str) {
    let _ = writeln!(std::io::stderr(), "{} {text}", paint("error:", "\x1b[1;31m", color_stderr()));
}

/// Whether colours are wanted on stderr.
pub fn color_stderr() -> bool {
    super::color(std::io::stderr().is_terminal())
}

/// Whether colours are wanted on stdout.
pub fn color_stdout() -> bool {
    super::color(std::io::stdout().is_terminal())
}

/// Whether colours are wanted in a file.
pub fn color_file() -> bool {
    super::color(false)
}

fn paint(text: &str, code: &str, color: bool) -> String {
    if color { format!("{code}{text}\x1b[0m") } else { text.to_owned() }
}

/// The table of parts: name, kind, state, URL and what there is to say.
pub fn parts_table(parts: &[Part]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["PART", "KIND", "STATE", "URL", ""]);
    for Part { name, kind, state, url, restarts } in parts {
        let remark = match (state.reason(), *restarts) {
            (reason, 0) => reason.to_owned(),
            ("", restarts) => format!("restarted {restarts} times"),
            (reason, restarts) => format!("{reason}; restarted {restarts} times"),
        };
        table.add_row([name, kind, state.word(), url.as_deref().unwrap_or("-"), &remark]);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
