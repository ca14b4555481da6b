//! Addresses as manifests write them, and those that nobody has to write: the usual port of every part.

/// Where ports are published when nothing is said.
pub const LOOPBACK: &str = "127.0.0.1";

/// Port of Prometheus inside of the networks.
pub const PROMETHEUS_PORT: u16 = 9090;
/// Port of Alertmanager inside of the networks.
pub const ALERTMANAGER_PORT: u16 = 9093;
/// Port of the push gateway inside of the networks.
pub const PUSHGATEWAY_PORT: u16 = 9091;
/// Port of Grafana inside of the networks.
pub const GRAFANA_PORT: u16 = 3000;
/// Port of the node exporter when none is said.
pub const NODE_EXPORTER_PORT: u16 = 9100;
/// Port of the MySQL exporter when none is said.
pub const MYSQLD_EXPORTER_PORT: u16 = 9104;

/// Whether the name means the machine or container itself.
pub fn is_localhost(name: &str) -> bool {
    matches!(name, "localhost" | "127.0.0.1" | "::1" | "[::1]" | "0.0.0.0")
}

/// Host and port of `host`, `host:port` or a URL; `None` for a variable or an empty text.
pub fn split_address(text: &str) -> Option<(&str, Option<u16>)> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if authority.is_empty() || authority.contains(['$', '{']) {
        return None;
    }
    if authority.starts_with('[') {
        let (host, port) = authority.split_once(']')?;
        return Some((&authority[..=host.len()], port.strip_prefix(':')?.parse().ok()));
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => Some((host, port.parse().ok())),
        None => Some((authority, None)),
    }
}

/// `db` of `db:3306`.
pub fn host_of(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_into_host_and_port() {
        assert_eq!(split_address("db"), Some(("db", None)));
        assert_eq!(split_address("db:3306"), Some(("db", Some(3306))));
        assert_eq!(split_address("http://u:p@prom:9090/api?x=a:1"), Some(("prom", Some(9090))));
        assert_eq!(split_address("[::1]:9090"), Some(("[::1]", Some(9090))));
        assert_eq!(split_address("${HOST}:1"), None);
        assert_eq!(split_address(""), None);
    }
}
