//! One connection to a server, for one scrape.

use std::time::Duration;

use mysql_async::{ClientIdentity, Conn, Opts, OptsBuilder, SslOpts};

use super::config::Config;
use super::my_cnf::{Login, split_address};

/// How a login reaches its server. Settings that would cost a query at the start are given here.
pub(super) fn options(login: &Login, config: &Config) -> Opts {
    let mut init = vec![format!("SET SESSION lock_wait_timeout={}", config.lock_wait_timeout)];
    if config.log_slow_filter {
        init.push("SET SESSION log_slow_filter='tmp_table_on_disk,filesort_on_disk'".to_owned());
    }
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
    builder.ssl_opts(encryption(login)).into()
}

/// TLS as soon as an authority or a certificate of our own is given.
fn encryption(login: &Login) -> Option<SslOpts> {
    let own = !login.certificate.is_empty() && !login.key.is_empty();
    if login.ca.is_empty() && !own {
        return None;
    }
    let path = |text: &str| std::path::PathBuf::from(text).into();
    let mut options = SslOpts::default().with_danger_accept_invalid_certs(login.skip_verify);
    if login.skip_verify {
        options = options.with_danger_skip_domain_validation(true);
    }
    if !login.ca.is_empty() {
        options = options.with_root_certs(vec![path(&login.ca)]).with_disable_built_in_roots(true);
    }
    if own {
        let identity = ClientIdentity::new(path(&login.certificate), path(&login.key));
        options = options.with_client_identity(Some(identity));
    }
    Some(options)
}

/// Opens a connection; the error is a reason for the log, without the password.
pub(super) async fn open(options: Opts, deadline: Duration) -> Result<Conn, String> {
    match tokio::time::timeout(deadline, Conn::new(options)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(err)) => Err(err.to_string()),
        Err(_) => Err(format!("no connection within {:.1} s", deadline.as_secs_f64())),
    }
}

/// Says goodbye; a server that does not listen is not waited for.
pub(super) async fn close(connection: Conn) {
    let goodbye = tokio::time::timeout(Duration::from_secs(1), connection.disconnect()).await;
    if !matches!(goodbye, Ok(Ok(()))) {
        tracing::debug!("the connection was cut instead of closed");
    }
}
