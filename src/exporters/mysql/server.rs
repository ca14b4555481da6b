//! One connection to a server, as collectors see it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use mysql_async::{
    ClientIdentity, Conn, DriverError, Error, IoError, Opts, OptsBuilder, Row, SslOpts,
};

use super::config::Config;
use super::my_cnf::{Login, Tls, split_address};
use super::settings::Settings;
use super::value::text;
use super::version::Version;

/// Why a collector has nothing to show.
#[derive(Debug, thiserror::Error)]
pub(super) enum CollectError {
    /// The server refused a statement, or the connection to it is lost.
    #[error(transparent)]
    Mysql(#[from] Error),
    /// The answer is not what was asked for.
    #[error("{0}")]
    Answer(String),
}

impl CollectError {
    /// Whether the connection can be used on: the server answered, if only with an error.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, Self::Answer(_) | Self::Mysql(Error::Server(_)))
    }

    /// What went wrong, for the log.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Mysql(err) => describe(err),
            Self::Answer(answer) => answer.clone(),
        }
    }

    /// The number of the server's error; 0 when it is another's.
    pub(super) fn code(&self) -> u16 {
        match self {
            Self::Mysql(Error::Server(err)) => err.code,
            _ => 0,
        }
    }

    /// Whether the server ended the statement since it took too long.
    pub(super) fn is_timeout(&self) -> bool {
        // MariaDB's max_statement_time, MySQL's max_execution_time, and a KILL QUERY.
        [1969, 3024, 1317].contains(&self.code())
    }
}

/// The driver puts its own name of the kind before the cause, and twice.
fn describe(err: &Error) -> String {
    match err {
        Error::Io(IoError::Io(cause)) => format!("the connection was lost: {cause}"),
        other => other.to_string(),
    }
}

/// A server that is connected to.
#[derive(Debug)]
pub(super) struct Server {
    connection: Conn,
    /// Make and version.
    pub(super) version: Version,
    /// The collectors' settings.
    pub(super) settings: Arc<Settings>,
    /// How long the server lets a statement run; zero when it has not been told.
    limit: Duration,
}

impl Server {
    /// Connects and asks for the version; the error is a reason for the log, without the password.
    pub(super) async fn connect(
        reach: &Reach,
        config: &Config,
        deadline: Instant,
    ) -> Result<Self, String> {
        let connecting = async {
            let mut connection = match Conn::new(reach.options.clone()).await {
                Err(Error::Driver(DriverError::NoClientSslFlagFromServer)) if reach.or_plain => {
                    let plain = OptsBuilder::from_opts(reach.options.clone());
                    Conn::new(plain.ssl_opts(None::<SslOpts>)).await?
                }
                connection => connection?,
            };
            let version: Option<Row> = connection.query_first("SELECT @@version").await?;
            let version = version.map(|row| text(&row, 0)).unwrap_or_default();
            Ok::<_, Error>((connection, Version::parse(&version)))
        };
        match tokio::time::timeout_at(deadline.into(), connecting).await {
            Ok(Ok((connection, version))) => Ok(Self {
                connection,
                version,
                settings: Arc::clone(&config.settings),
                limit: Duration::ZERO,
            }),
            Ok(Err(err)) => Err(describe(&err)),
            Err(_) => Err("no connection in time".to_owned()),
        }
    }

    /// Number of the connection, for [`Self::kill`].
    pub(super) fn id(&self) -> u32 {
        self.connection.id()
    }

    /// The rows of a query, in the text protocol.
    pub(super) async fn rows(&mut self, sql: impl AsRef<str>) -> Result<Vec<Row>, CollectError> {
        Ok(self.connection.query(sql.as_ref()).await?)
    }

    /// The first row of a query.
    pub(super) async fn first(&mut self, sql: &str) -> Result<Option<Row>, CollectError> {
        Ok(self.connection.query_first(sql).await?)
    }

    /// Has the server itself end statements that take longer than this, so that the connection stays
    /// of use. Servers that know no such limit are let be.
    pub(super) async fn limit(&mut self, limit: Duration) -> Result<(), CollectError> {
        // A little shorter than said is as good, and saves a statement for each collector.
        if self.limit <= limit && self.limit >= limit.mul_f64(0.8) {
            return Ok(());
        }
        let sql = if self.version.is_maria(10, 1) {
            format!("SET SESSION max_statement_time={:.3}", limit.as_secs_f64())
        } else if self.version.is_mysql(5, 7, 8) {
            format!("SET SESSION max_execution_time={}", limit.as_millis().max(1))
        } else {
            return Ok(());
        };
        self.connection.query_drop(sql).await?;
        self.limit = limit;
        Ok(())
    }

    /// Ends another connection of the same account; one that has ended by itself is no error.
    pub(super) async fn kill(&mut self, id: u32) -> Result<(), CollectError> {
        const NO_SUCH_THREAD: u16 = 1094;
        match self.connection.query_drop(format!("KILL CONNECTION {id}")).await {
            Err(Error::Server(err)) if err.code == NO_SUCH_THREAD => Ok(()),
            other => Ok(other?),
        }
    }

    /// Leaves a connection that does not answer, without waiting.
    pub(super) async fn cut(self) {
        let goodbye = self.connection.disconnect();
        let _ = tokio::time::timeout(Duration::from_millis(50), goodbye).await;
    }

    /// Says goodbye; a server that does not listen is not waited for.
    pub(super) async fn close(self) {
        let goodbye = self.connection.disconnect();
        let goodbye = tokio::time::timeout(Duration::from_secs(1), goodbye).await;
        if !matches!(goodbye, Ok(Ok(()))) {
            tracing::debug!("the connection was cut instead of closed");
        }
    }
}

/// A text as a literal of SQL.
pub(super) fn quoted(text: &str) -> String {
    mysql_async::Value::from(text).as_sql(false)
}

/// How a login reaches its server.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    options: Opts,
    /// Whether a server without encryption is spoken to as well.
    or_plain: bool,
}

impl Reach {
    /// Works the options out; settings of the session are among them.
    pub(super) fn new(login: &Login, config: &Config) -> Self {
        let mut session = Vec::new();
        if config.limit_lock_wait {
            session.push(format!("lock_wait_timeout={}", config.lock_wait_timeout));
        }
        if config.log_slow_filter {
            session.push("log_slow_filter='tmp_table_on_disk,filesort_on_disk'".to_owned());
        }
        let init = if session.is_empty() {
            Vec::new()
        } else {
            vec![format!("SET SESSION {}", session.join(", "))]
        };
        let mut builder = OptsBuilder::default()
            .user(Some(login.user.clone()))
            .pass(Some(login.password.0.clone()))
            .init(init)
            .prefer_socket(false)
            .stmt_cache_size(0)
            .max_allowed_packet(Some(64 * 1024 * 1024))
            .wait_timeout(Some(60))
            .tcp_nodelay(true);
        builder = if login.socket.is_empty() {
            let known = config.hosts.get(&login.target());
            let (host, port) = known
                .and_then(|address| split_address(address).ok())
                .unwrap_or_else(|| (login.host.clone(), login.port));
            builder.ip_or_hostname(host).tcp_port(port)
        } else {
            builder.socket(Some(login.socket.clone()))
        };
        let options = builder.ssl_opts(encryption(login)).into();
        Self { options, or_plain: login.tls == Tls::Preferred }
    }
}

/// TLS as soon as it is asked for, or an authority or a certificate of our own is given.
fn encryption(login: &Login) -> Option<SslOpts> {
    let own = !login.certificate.is_empty() && !login.key.is_empty();
    let trusting = matches!(login.tls, Tls::Preferred | Tls::SkipVerify);
    if login.tls == Tls::Off && login.ca.is_empty() && !own {
        return None;
    }
    let path = |text: &str| std::path::PathBuf::from(text).into();
    let mut options = SslOpts::default()
        .with_danger_accept_invalid_certs(trusting)
        .with_danger_skip_domain_validation(trusting);
    if !login.ca.is_empty() {
        options = options.with_root_certs(vec![path(&login.ca)]).with_disable_built_in_roots(true);
    }
    if own {
        let identity = ClientIdentity::new(path(&login.certificate), path(&login.key));
        options = options.with_client_identity(Some(identity));
    }
    Some(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_is_said_once() {
        let cause = std::io::Error::other("reset by peer");
        let err = CollectError::from(Error::Io(IoError::Io(cause)));
        assert_eq!(err.reason(), "the connection was lost: reset by peer");
    }

    #[test]
    fn texts_of_the_user_stay_texts() {
        assert_eq!(quoted("it's \\ \"x\""), r#"'it\'s \\ \"x\"'"#);
    }
}
