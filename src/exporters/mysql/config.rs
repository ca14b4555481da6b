//! The MySQL exporter's settings as plain values, and the reference program's flags that fill them in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgMatches, Command};

use super::COLLECTORS;
use super::my_cnf::{self, ConfigError, Login, Sections, Tls};
use super::settings::{Setting, Settings};
use crate::exporters::Start;
use crate::exporters::flags::{self, Flag, FlagError, Values, bad};
use crate::exporters::serving::Serving;

/// The environment variable that holds the password where the option file has none.
pub const PASSWORD_VARIABLE: &str = "MYSQLD_EXPORTER_PASSWORD";

/// A password; it prints as `***`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How the MySQL exporter is set up.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where and how it serves, and how it logs.
    pub serving: Serving,
    /// `--config.my-cnf`: option file; it need not exist.
    pub my_cnf: PathBuf,
    /// `--mysqld.address`: host and port where the option file names none.
    pub address: String,
    /// `--mysqld.username`: user where the option file names none.
    pub user: String,
    /// Password where the option file has none; the environment's `MYSQLD_EXPORTER_PASSWORD`.
    pub password: Secret,
    /// `--mysqld.password-file`, ours: a file whose content, without the last line end, is the
    /// password where the option file has none. It is read again for each scrape.
    pub password_file: Option<PathBuf>,
    /// `--tls.insecure-skip-verify`: the server's certificate may be anyone's.
    pub tls_skip_verify: bool,
    /// `--exporter.enable_lock_wait_timeout`: whether the next one is told to the server.
    pub limit_lock_wait: bool,
    /// `--exporter.lock_wait_timeout`, in seconds.
    pub lock_wait_timeout: u64,
    /// `--exporter.log_slow_filter`: keeps the exporter's queries out of MariaDB's slow log.
    pub log_slow_filter: bool,
    /// `--timeout-offset`: taken off the time a scraper says it waits, in seconds.
    pub timeout_offset: f64,
    /// How long a scrape may take when the scraper does not say how long it waits.
    pub deadline: Duration,
    /// Names of the collectors that run.
    pub collectors: BTreeSet<&'static str>,
    /// What single collectors are told.
    pub settings: Arc<Settings>,
    /// `--exporter.custom-queries`, ours: a file with the user's own queries.
    pub queries: Option<PathBuf>,
    /// Where servers really are, by the `host:port` that the settings know them under: a runner
    /// outside of the services' network fills it in.
    pub hosts: BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Self {
        Self::from_args(&[]).expect("the defaults are well-formed")
    }
}

fn collector_settings() -> impl Iterator<Item = &'static Setting> {
    COLLECTORS.iter().flat_map(|collector| collector.settings)
}

fn all_flags() -> Vec<Flag> {
    let mut all = Serving::flags("127.0.0.1:9104");
    all.extend([
        Flag::value("config.my-cnf", ".my.cnf", "Option file with the login."),
        Flag::value(
            "mysqld.address",
            "localhost:3306",
            "Server, where the option file names none.",
        ),
        Flag::value("mysqld.username", "", "User, where the option file names none."),
        Flag::value("mysqld.password-file", "", "File with the password; else the environment."),
        Flag::switch("tls.insecure-skip-verify", false, "Accept any certificate of the server."),
        Flag::switch("exporter.enable_lock_wait_timeout", true, "Limit waiting for a lock."),
        Flag::value("exporter.lock_wait_timeout", "2", "Seconds the server may wait for a lock."),
        Flag::switch("exporter.log_slow_filter", false, "Keep out of MariaDB's slow log."),
        Flag::value("timeout-offset", "0.25", "Seconds taken off the scraper's own timeout."),
        Flag::value("exporter.deadline", "10s", "How long a scrape may take by itself."),
        Flag::value("exporter.custom-queries", "", "File with queries of your own, YAML."),
    ]);
    all.extend(COLLECTORS.iter().map(|collector| {
        let on = collector.start == Start::On;
        let default = if on { "on" } else { "off" };
        let help = format!("Collector `{}` (by itself {default}).", collector.name);
        Flag::switch(&format!("collect.{}", collector.name), on, &help)
    }));
    all.extend(collector_settings().map(Setting::flag));
    all
}

/// The command that reads the MySQL exporter's flags.
pub fn command() -> Command {
    flags::command("mysqld-exporter", "Exposes a MySQL server's metrics.", all_flags())
}

impl Config {
    /// Reads a command line without the program's name, as compose and units give it. The password is
    /// not on it: it comes from the option file, from `password` or from `password_file`.
    pub fn from_args(arguments: &[String]) -> Result<Self, FlagError> {
        Self::from_matches(&flags::parse(command(), arguments)?)
    }

    /// Reads what [`command`] parsed.
    pub fn from_matches(matches: &ArgMatches) -> Result<Self, FlagError> {
        let values = Values(matches);
        let text = |name: &str| values.text(name).to_owned();
        let collectors = COLLECTORS
            .iter()
            .filter(|collector| {
                values.on(&format!("collect.{}", collector.name), collector.start == Start::On)
            })
            .map(|collector| collector.name)
            .collect();
        let address = text("mysqld.address");
        my_cnf::split_address(&address)
            .map_err(|err| bad("mysqld.address", &address, &err.to_string()))?;
        let path = |name: &str| Some(text(name)).filter(|text| !text.is_empty()).map(PathBuf::from);
        Ok(Self {
            serving: Serving::read(values)?,
            my_cnf: PathBuf::from(text("config.my-cnf")),
            address,
            user: text("mysqld.username"),
            password: Secret::default(),
            password_file: path("mysqld.password-file"),
            tls_skip_verify: values.on("tls.insecure-skip-verify", false),
            limit_lock_wait: values.on("exporter.enable_lock_wait_timeout", true),
            lock_wait_timeout: values.parsed("exporter.lock_wait_timeout")?,
            log_slow_filter: values.on("exporter.log_slow_filter", false),
            timeout_offset: values.parsed("timeout-offset")?,
            deadline: values.duration("exporter.deadline")?,
            collectors,
            settings: Arc::new(Settings::read(collector_settings(), values)?),
            queries: path("exporter.custom-queries"),
            hosts: BTreeMap::new(),
        })
    }

    /// The same with the password of the environment, [`PASSWORD_VARIABLE`].
    pub fn with_environment(self) -> Self {
        match std::env::var(PASSWORD_VARIABLE) {
            Ok(password) => Self { password: Secret(password), ..self },
            Err(_) => self,
        }
    }

    /// The sections of the option file; none when there is no file.
    pub(super) fn read_my_cnf(&self) -> Result<Sections, ConfigError> {
        let path = &self.my_cnf;
        if path.as_os_str().is_empty() {
            return Ok(Sections::new());
        }
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(Sections::new()),
            Err(source) => return Err(ConfigError::Read { path: path.clone(), source }),
        };
        my_cnf::parse(&text).map_err(|line| ConfigError::Line { path: path.clone(), line })
    }

    /// The login of a section. `client.x` takes from `client` what it does not say itself, and so does
    /// every section from the flags.
    pub(super) fn login(&self, sections: &Sections, section: &str) -> Result<Login, ConfigError> {
        if section != "client" && !sections.contains_key(section) {
            return Err(ConfigError::NoSection(section.to_owned()));
        }
        let parents = section.match_indices('.').map(|(at, _)| &section[..at]);
        let mut chain: Vec<&str> = parents.chain([section]).collect();
        chain.reverse();
        let written = |name: &str| {
            let found = chain.iter().find_map(|section| sections.get(*section)?.get(name));
            found.map(|value| expand(value)).filter(|value| !value.is_empty())
        };
        let named = |name: &str| written(name).unwrap_or_default();
        let is_set = |name: &str| {
            let value = chain.iter().find_map(|section| sections.get(*section)?.get(name));
            value.is_some_and(|value| !["0", "false", "off"].contains(&value.as_str()))
        };
        let (host, port) = my_cnf::split_address(&self.address)?;
        let port = match written("port") {
            Some(port) => port.parse().map_err(|_| ConfigError::Address(port))?,
            None => port,
        };
        let login = Login {
            user: written("user").unwrap_or_else(|| self.user.clone()),
            password: match written("password") {
                Some(password) => Secret(password),
                None => self.outside_password()?,
            },
            host: written("host").unwrap_or(host),
            port,
            socket: named("socket"),
            ca: named("ssl-ca"),
            certificate: named("ssl-cert"),
            key: named("ssl-key"),
            // The reference program's spelling, and the right one.
            tls: if self.tls_skip_verify
                || is_set("ssl-skip-verfication")
                || is_set("ssl-skip-verification")
            {
                Tls::SkipVerify
            } else {
                Tls::parse(&named("tls"))?
            },
        };
        if login.user.is_empty() {
            return Err(ConfigError::NoUser(section.to_owned()));
        }
        Ok(login)
    }

    fn outside_password(&self) -> Result<Secret, ConfigError> {
        let Some(path) = &self.password_file else { return Ok(self.password.clone()) };
        read_secret(path)
    }
}

fn read_secret(path: &Path) -> Result<Secret, ConfigError> {
    let text = fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

/// A value that is `${NAME}` as a whole stands for the environment's; others are taken as they are, so
/// that a password may have any character.
fn expand(value: &str) -> String {
    let name = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    match name {
        Some(name) => std::env::var(name).unwrap_or_default(),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(my_cnf: &str, section: &str, arguments: &[&str]) -> Result<Login, ConfigError> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let config = Config::from_args(&arguments).expect("well-formed");
        config.login(&my_cnf::parse(my_cnf).expect("well-formed"), section)
    }

    #[test]
    fn the_option_file_comes_before_the_flags() {
        let found = login(
            "[client]\nuser=a\npassword=p$x\nport=3307\n[client.two]\nhost=two\n",
            "client.two",
            &["--mysqld.address=one:3306", "--mysqld.username=b"],
        )
        .expect("complete");
        assert_eq!((&*found.user, &*found.host, found.port), ("a", "two", 3307));
        assert_eq!(found.password, Secret("p$x".into()));
        assert!(!format!("{found:?}").contains("p$x"));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(matches!(login("", "client", &[]), Err(ConfigError::NoUser(_))));
        let other = login("[client]\nuser=a\n", "other", &[]);
        assert!(matches!(other, Err(ConfigError::NoSection(_))));
        assert!(Config::from_args(&["--mysqld.address=db".to_owned()]).is_err());
    }

    #[test]
    fn the_password_may_be_in_a_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("secret");
        fs::write(&file, "se cret\n").expect("written");
        let flag = format!("--mysqld.password-file={}", file.display());
        let found = login("[client]\nuser=a\n", "client", &[&flag]).expect("complete");
        assert_eq!(found.password, Secret("se cret".into()));
        fs::remove_file(&file).expect("removed");
        let missing = login("[client]\nuser=a\n", "client", &[&flag]);
        assert!(matches!(missing, Err(ConfigError::Read { .. })));
    }

    #[test]
    fn collectors_are_chosen_by_flags() {
        let arguments = ["--no-collect.slave_status".to_owned()];
        let config = Config::from_args(&arguments).expect("well-formed");
        assert!(!config.collectors.contains("slave_status"));
        assert!(config.collectors.contains("info_schema.innodb_cmp"));
        assert!(!config.collectors.contains("heartbeat"));
    }

    #[test]
    fn collectors_have_settings_with_the_references_defaults() {
        let of = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            Config::from_args(&arguments).map(|config| config.settings)
        };
        let settings = of(&["--collect.heartbeat.table=beat", "--collect.heartbeat.utc"]);
        let settings = settings.expect("well-formed");
        let value = |name: &str| {
            let setting = collector_settings().find(|setting| setting.name == name);
            settings.of(setting.expect("it is declared")).to_owned()
        };
        for (name, expected) in [
            ("collect.heartbeat.database", "heartbeat"),
            ("collect.heartbeat.table", "beat"),
            ("collect.heartbeat.utc", "true"),
            ("collect.info_schema.processlist.min_time", "0"),
            ("collect.info_schema.processlist.processes_by_user", "true"),
            ("collect.info_schema.tables.databases", "*"),
            ("collect.mysql.user.privileges", "false"),
            ("collect.perf_schema.eventsstatements.limit", "250"),
            ("collect.perf_schema.eventsstatements.timelimit", "86400"),
            ("collect.perf_schema.eventsstatements.digest_text_limit", "120"),
            ("collect.perf_schema.file_instances.filter", ".*"),
            ("collect.perf_schema.file_instances.remove_prefix", "/var/lib/mysql/"),
            ("collect.perf_schema.memory_events.remove_prefix", "memory/"),
        ] {
            assert_eq!(value(name), expected, "{name}");
        }
        assert!(of(&["--collect.info_schema.processlist.min_time=-1"]).is_err());
        assert!(of(&["--collect.perf_schema.eventsstatements.limit=many"]).is_err());
    }
}
