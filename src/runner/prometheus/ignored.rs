//! Flags of the reference program that have no effect here. They are accepted, so that an existing unit
//! file goes on to work, and each is named in the log.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use tracing::warn;

/// Name, and what happens instead.
struct Known(&'static str, &'static str);

const OWN_PAGES: &str = "the pages are inside of the program";
const OWN_STORE: &str = "the store has a format of its own";
const NOT_YET: &str = "stackctl does not have it yet, requests to it are refused";
const NO_AGENT: &str = "there is no agent mode: samples are stored, and queries answered";
const ONE_STORE: &str = "two servers never share a store";
const NO_LIMIT: &str = "there is no such limit";

/// Flags without a value; each has a `--no-` form.
const SWITCHES: &[Known] = &[
    Known("agent", NO_AGENT),
    Known("storage.agent.wal-compression", NO_AGENT),
    Known("storage.agent.use-lockfile", NO_AGENT),
    Known("storage.agent.no-lockfile", NO_AGENT),
    Known("storage.tsdb.use-lockfile", ONE_STORE),
    Known("web.enable-admin-api", NOT_YET),
    Known("web.enable-otlp-receiver", NOT_YET),
    Known("storage.tsdb.no-lockfile", ONE_STORE),
    Known("storage.tsdb.wal-compression", OWN_STORE),
    Known("storage.tsdb.allow-overlapping-blocks", OWN_STORE),
    Known("storage.tsdb.allow-overlapping-compaction", OWN_STORE),
    Known("scrape.adjust-timestamps", "timestamps are aligned always"),
    Known("auto-gomaxprocs", "the program is not written in Go"),
    Known("auto-gomemlimit", "the program is not written in Go"),
];

/// Flags with a value.
const SETTINGS: &[Known] = &[
    Known("web.console.libraries", OWN_PAGES),
    Known("web.console.templates", OWN_PAGES),
    Known("web.user-assets", OWN_PAGES),
    Known("web.local-assets", OWN_PAGES),
    Known("web.read-timeout", "idle connections have a fixed limit"),
    Known("web.max-connections", NO_LIMIT),
    Known("web.max-notifications-subscribers", NO_LIMIT),
    Known("storage.tsdb.wal-compression-type", OWN_STORE),
    Known("storage.tsdb.wal-segment-size", OWN_STORE),
    Known("storage.tsdb.min-block-duration", OWN_STORE),
    Known("storage.tsdb.max-block-duration", OWN_STORE),
    Known("storage.tsdb.max-block-chunk-segment-size", OWN_STORE),
    Known("storage.tsdb.head-chunks-write-queue-size", OWN_STORE),
    Known("storage.tsdb.samples-per-chunk", OWN_STORE),
    Known("storage.tsdb.block-reload-interval", OWN_STORE),
    Known("storage.tsdb.delay-compact-file.path", OWN_STORE),
    Known("storage.tsdb.delayed-compaction.max-percent", OWN_STORE),
    Known("storage.tsdb.retention.percentage", "give a time or a size in bytes"),
    Known("storage.agent.path", NO_AGENT),
    Known("storage.agent.retention.min-time", NO_AGENT),
    Known("storage.agent.retention.max-time", NO_AGENT),
    Known("storage.agent.wal-compression-type", NO_AGENT),
    Known("storage.agent.wal-segment-size", NO_AGENT),
    Known("storage.agent.wal-truncate-frequency", NO_AGENT),
    Known(
        "config.auto-reload-interval",
        "SIGHUP and `/-/reload` have the configuration read again",
    ),
    Known("web.remote-write-receiver.accepted-protobuf-messages", "both versions are accepted"),
    Known("scrape.discovery-reload-interval", "changes of targets are applied within 5s"),
    Known("alertmanager.timeout", "`timeout` in the configuration file does it"),
    Known("storage.remote.flush-deadline", "what is not sent in 5s waits on the disk"),
    Known("storage.remote.read-concurrent-limit", "--query.max-concurrency limits them as well"),
    Known("rules.max-concurrent-evals", NO_LIMIT),
    Known("scrape.timestamp-tolerance", "timestamps are aligned always"),
    Known("log.format", "the log has one form"),
    Known("auto-gomemlimit.ratio", "the program is not written in Go"),
];

/// Those that were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignored(Vec<&'static str>);

impl Ignored {
    /// Says in the log which flags change nothing, and why.
    pub fn warn(&self) {
        for Known(name, instead) in SWITCHES.iter().chain(SETTINGS) {
            if self.0.contains(name) {
                warn!("--{name} has no effect: {instead}");
            }
        }
    }
}

impl FromArgMatches for Ignored {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |name: &&str| {
            matches.value_source(name) == Some(clap::parser::ValueSource::CommandLine)
        };
        Ok(Self(
            SWITCHES.iter().chain(SETTINGS).map(|Known(name, _)| *name).filter(given).collect(),
        ))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Ignored {
    fn augment_args(command: Command) -> Command {
        let heading = "Accepted and without effect";
        let switches = SWITCHES.iter().flat_map(|Known(name, instead)| {
            let flag = Arg::new(*name).long(*name).help(*instead).help_heading(heading);
            let off = Arg::new(format!("no-{name}")).long(format!("no-{name}")).hide(true);
            // Repeating them does no harm.
            [flag.action(ArgAction::Count), off.action(ArgAction::Count)]
        });
        let settings = SETTINGS.iter().map(|Known(name, instead)| {
            let flag = Arg::new(*name).long(*name).help(*instead).help_heading(heading);
            flag.value_name("VALUE").action(ArgAction::Append)
        });
        command.args(switches.chain(settings))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Flags;

    fn parse(arguments: &[&str]) -> Result<Flags, clap::Error> {
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        Flags::from_args(&arguments)
    }

    #[test]
    fn a_unit_file_of_the_reference_program_goes_on_to_work() {
        let flags = parse(&[
            "--web.console.libraries=/usr/share/prometheus/console_libraries",
            "--web.console.templates",
            "/usr/share/prometheus/consoles",
            "--storage.tsdb.wal-compression",
            "--no-storage.tsdb.no-lockfile",
            "--web.max-connections=512",
            "--log.format=json",
        ])
        .unwrap();
        let given = [
            "storage.tsdb.wal-compression",
            "web.console.libraries",
            "web.console.templates",
            "web.max-connections",
            "log.format",
        ];
        assert_eq!(flags.ignored.0, given);
    }

    #[test]
    fn unknown_flags_are_refused() {
        for flag in ["--no-such-flag", "--web.enable-admin-apis", "--storage.tsdb.path"] {
            assert!(parse(&[flag]).is_err(), "{flag}");
        }
    }
}
