//! Option files of MySQL's clients: where the server is and who asks.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::config::Secret;

/// A configuration that does not lead to a server.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file could not be read.
    #[error("reading {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of the option file is neither a section nor an option.
    #[error("{}:{line}: neither a [section] nor an option", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The file of the user's own queries is wrong.
    #[error("{}: {problem}", path.display())]
    Queries {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with the query's name.
        problem: String,
    },
    /// An address without a port, or with one that is none.
    #[error("`{0}` is not an address such as `db:3306` or `unix:///run/mysqld.sock`")]
    Address(String),
    /// A word for encryption that is none.
    #[error("tls={0}: there are true, false, skip-verify and preferred")]
    Tls(String),
    /// Nobody to log in as.
    #[error("section [{0}] names no user, and neither does --mysqld.username")]
    NoUser(String),
    /// A section that is asked for and is not there.
    #[error("there is no section [{0}] in the option file")]
    NoSection(String),
}

/// Options by section, as written.
pub(super) type Sections = BTreeMap<String, BTreeMap<String, String>>;

/// Reads an option file; `Err` is the number of the line that is wrong.
pub(super) fn parse(text: &str) -> Result<Sections, usize> {
    let mut sections = Sections::new();
    let mut current = String::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';', '!']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let name = rest.split_once(']').ok_or(at + 1)?.0;
            name.trim().clone_into(&mut current);
            sections.entry(current.clone()).or_default();
            continue;
        }
        if current.is_empty() {
            return Err(at + 1);
        }
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let section = sections.entry(current.clone()).or_default();
        section.insert(name.trim().replace('_', "-"), plain(value.trim()));
    }
    Ok(sections)
}

/// A value without its quotes; without quotes it ends before a comment that follows a blank.
fn plain(value: &str) -> String {
    for quote in ['"', '\''] {
        let inside = value.strip_prefix(quote).and_then(|rest| rest.rsplit_once(quote));
        if let Some((inside, _)) = inside {
            return inside.to_owned();
        }
    }
    let comment = [" #", " ;", "\t#", "\t;"].iter().filter_map(|mark| value.find(mark)).min();
    value[..comment.unwrap_or(value.len())].trim_end().to_owned()
}

/// Where a server is, who asks, and how the connection is secured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub user: String,
    pub password: Secret,
    pub host: String,
    pub port: u16,
    pub socket: String,
    pub ca: String,
    pub certificate: String,
    pub key: String,
    pub tls: Tls,
}

/// Whether the connection is encrypted; the option `tls` in the words of the reference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tls {
    /// `false`: only when an authority or a certificate is given.
    #[default]
    Off,
    /// `true`: yes, and the server's certificate is verified.
    On,
    /// `skip-verify`: yes, and anyone's certificate will do.
    SkipVerify,
    /// `preferred`: if the server can, and anyone's certificate will do.
    Preferred,
}

impl Tls {
    pub(super) fn parse(word: &str) -> Result<Self, ConfigError> {
        match word {
            "" | "false" => Ok(Self::Off),
            "true" => Ok(Self::On),
            "skip-verify" => Ok(Self::SkipVerify),
            "preferred" => Ok(Self::Preferred),
            _ => Err(ConfigError::Tls(word.to_owned())),
        }
    }
}

impl Login {
    /// The server's address for messages and the log.
    pub(super) fn target(&self) -> String {
        match &*self.socket {
            "" if self.host.contains(':') => format!("[{}]:{}", self.host, self.port),
            "" => format!("{}:{}", self.host, self.port),
            socket => format!("unix://{socket}"),
        }
    }

    /// The same login at another server.
    pub(super) fn at(self, target: &str) -> Result<Self, ConfigError> {
        if let Some(socket) = target.strip_prefix("unix://") {
            return Ok(Self { socket: socket.to_owned(), ..self });
        }
        let (host, port) = split_address(target)?;
        Ok(Self { host, port, socket: String::new(), ..self })
    }
}

/// Host and port of `db:3306` or `[::1]:3306`.
pub(super) fn split_address(address: &str) -> Result<(String, u16), ConfigError> {
    let wrong = || ConfigError::Address(address.to_owned());
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if bare.is_none() && host.contains(':') {
        return Err(wrong());
    }
    Ok((bare.unwrap_or(host).to_owned(), port.parse().map_err(|_| wrong())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_options_quotes_and_comments_are_read() {
        let text = "# a comment\n[client]\nuser = exporter\npassword=\"p#a;s's=\\\"\nssl_ca=/ca.pem # ours\n\
                    [client.two]\nhost=db ; there\nssl-skip-verfication\n";
        let sections = parse(text).expect("well-formed");
        assert_eq!(sections["client"]["password"], "p#a;s's=\\");
        assert_eq!(sections["client"]["ssl-ca"], "/ca.pem");
        assert_eq!(sections["client.two"]["host"], "db");
        assert_eq!(sections["client.two"]["ssl-skip-verfication"], "");
        assert_eq!(parse("user=x\n"), Err(1));
        assert_eq!(parse("[client\n"), Err(1));
    }

    #[test]
    fn addresses_have_a_port() {
        assert_eq!(split_address("db:3306").expect("fine"), ("db".to_owned(), 3306));
        assert_eq!(split_address("[::1]:3306").expect("fine"), ("::1".to_owned(), 3306));
        for bad in ["db", "db:x", "::1:3306x", "fe80::1:3306"] {
            assert!(split_address(bad).is_err(), "{bad}");
        }
    }
}
