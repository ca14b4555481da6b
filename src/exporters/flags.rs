//! Command line flags as data, in the manner of the reference exporters: long names only, a switch
//! `--x` has its `--no-x`, and a flag that takes one value may not be repeated.

use clap::{Arg, ArgAction, ArgMatches, Command};

/// Whose version it is: the names of the programs are those of the reference.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (stackctl)");

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// One value.
    Value,
    /// One value each time it is given.
    Values,
    /// Nothing: `--x` switches on and `--no-x` off.
    Nothing,
}

/// One flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Name without the dashes.
    pub name: String,
    /// What it takes.
    pub takes: Takes,
    /// Value when it is not given; for a switch `true` or `false`, for [`Takes::Values`] one element
    /// or nothing.
    pub default: &'static str,
    /// One sentence of our own.
    pub help: String,
}

impl Flag {
    /// A flag with one value.
    pub fn value(name: &str, default: &'static str, help: &str) -> Self {
        Self { name: name.to_owned(), takes: Takes::Value, default, help: help.to_owned() }
    }

    /// A flag that may be given several times.
    pub fn values(name: &str, default: &'static str, help: &str) -> Self {
        Self { takes: Takes::Values, ..Self::value(name, default, help) }
    }

    /// A switch.
    pub fn switch(name: &str, on: bool, help: &str) -> Self {
        let default = if on { "true" } else { "false" };
        Self { takes: Takes::Nothing, ..Self::value(name, default, help) }
    }
}

/// A command line that cannot be followed; the text names the flag and what is wrong.
#[derive(Debug, thiserror::Error)]
pub enum FlagError {
    /// An unknown flag, a missing or a repeated value.
    #[error("{0}")]
    Usage(String),
    /// A value that does not parse.
    #[error("--{flag}={value}: {problem}")]
    Value {
        /// Name without the dashes.
        flag: String,
        /// What was given.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Two flags that exclude each other.
    #[error("--{0} and --{1} cannot be given together")]
    Together(String, String),
}

/// Makes the command that reads these flags; `stackctl run` hangs it in as it is.
pub fn command(name: &'static str, about: &'static str, flags: Vec<Flag>) -> Command {
    let mut command = Command::new(name).about(about).version(VERSION);
    for Flag { name, takes, default, help } in flags {
        let arg = Arg::new(name.clone()).long(name.clone()).help(help);
        command = match takes {
            Takes::Value => command.arg(arg.action(ArgAction::Set).default_value(default)),
            Takes::Values => {
                let arg = arg.action(ArgAction::Append).num_args(1);
                command.arg(if default.is_empty() { arg } else { arg.default_value(default) })
            }
            Takes::Nothing => {
                let negation = format!("no-{name}");
                let off = Arg::new(negation.clone())
                    .long(negation.clone())
                    .action(ArgAction::SetTrue)
                    .hide(true)
                    .conflicts_with(name);
                command.arg(arg.action(ArgAction::SetTrue)).arg(off)
            }
        };
    }
    command
}

/// Reads arguments without a program name.
pub fn parse(command: Command, arguments: &[String]) -> Result<ArgMatches, FlagError> {
    command
        .no_binary_name(true)
        .color(clap::ColorChoice::Never)
        .try_get_matches_from(arguments)
        .map_err(|err| FlagError::Usage(err.to_string().trim_end().to_owned()))
}

/// The values of a parsed command line, by flag name.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a>(pub &'a ArgMatches);

impl<'a> Values<'a> {
    /// The value of a flag; empty when it has none.
    pub fn text(&self, name: &str) -> &'a str {
        self.0.get_one::<String>(name).map_or("", String::as_str)
    }

    /// All values of a flag that may be given several times.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.0.get_many::<String>(name).map(|values| values.cloned().collect()).unwrap_or_default()
    }

    /// Where a switch stands; `default` when neither it nor its negation was given.
    pub fn on(&self, name: &str, default: bool) -> bool {
        if self.0.get_flag(name) {
            return true;
        }
        if self.0.get_flag(&format!("no-{name}")) {
            return false;
        }
        default
    }

    /// Whether the flag was written on the command line.
    pub fn given(&self, name: &str) -> bool {
        self.0.value_source(name) == Some(clap::parser::ValueSource::CommandLine)
    }

    /// The value of a flag, parsed.
    pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<T, FlagError> {
        let value = self.text(name);
        value.parse().map_err(|err: T::Err| bad(name, value, &err.to_string()))
    }

    /// The value of a flag as a regular expression; `None` when it is empty.
    pub fn regex(&self, name: &str) -> Result<Option<regex::Regex>, FlagError> {
        let value = self.text(name);
        if value.is_empty() {
            return Ok(None);
        }
        match regex::Regex::new(value) {
            Ok(regex) => Ok(Some(regex)),
            Err(err) => Err(bad(name, value, &err.to_string())),
        }
    }

    /// The value of a flag as a duration in Go's notation: `5s`, `250ms`, `1m30s`.
    pub fn duration(&self, name: &str) -> Result<std::time::Duration, FlagError> {
        let value = self.text(name);
        go_duration(value).ok_or_else(|| bad(name, value, "not a duration such as `5s`"))
    }
}

/// An error about a flag's value.
pub fn bad(flag: &str, value: &str, problem: &str) -> FlagError {
    FlagError::Value { flag: flag.into(), value: value.into(), problem: problem.into() }
}

fn go_duration(text: &str) -> Option<std::time::Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    if text == "0" {
        return Some(std::time::Duration::ZERO);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        seconds += number
            * match &rest[..unit] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    if text.is_empty() { None } else { std::time::Duration::try_from_secs_f64(seconds).ok() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn example() -> Command {
        let flags = vec![
            Flag::value("one", "a", "One value."),
            Flag::values("many", "", "Many values."),
            Flag::switch("collector.x", true, "A switch."),
        ];
        command("example", "An example.", flags)
    }

    fn read(arguments: &[&str]) -> Result<ArgMatches, FlagError> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        parse(example(), &arguments)
    }

    #[test]
    fn switches_have_a_negation_and_values_a_default() {
        let matches = read(&["--no-collector.x", "--many=1", "--many", "2"]).expect("well-formed");
        let values = Values(&matches);
        assert!(!values.on("collector.x", true));
        assert_eq!(values.text("one"), "a");
        assert!(!values.given("one"));
        assert_eq!(values.list("many"), ["1", "2"]);
    }

    #[test]
    fn unknown_and_repeated_flags_are_refused() {
        assert!(read(&["--nothing"]).is_err());
        assert!(read(&["--one=1", "--one=2"]).is_err());
        assert!(read(&["stray"]).is_err());
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        assert_eq!(go_duration("5s"), Some(Duration::from_secs(5)));
        assert_eq!(go_duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(go_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(go_duration("5"), None);
        assert_eq!(go_duration(""), None);
    }
}
