//! Which server is asked, and how new it is.

/// Make and version of a server, from `SELECT @@version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    /// Whether it is MariaDB, which counts its versions for itself.
    pub maria: bool,
    /// Its numbers; they compare as numbers, so that 10.11 is newer than 10.2.
    pub number: (u16, u16, u16),
}

impl Version {
    /// Reads `8.4.6`, `10.11.19-MariaDB-0+deb12u1` or `8.0.36-28.1`.
    pub(super) fn parse(text: &str) -> Self {
        // Replication slaves of old had to be told a version they knew: `5.5.5-10.11.19-MariaDB`.
        let plain = text.strip_prefix("5.5.5-").unwrap_or(text);
        let end = plain.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(plain.len());
        let mut numbers = plain[..end].split('.').map(|part| part.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self {
            maria: text.to_ascii_lowercase().contains("mariadb"),
            number: (next(), next(), next()),
        }
    }

    /// Whether it is MySQL (or Percona Server) of at least this version.
    pub(super) fn is_mysql(self, major: u16, minor: u16, patch: u16) -> bool {
        !self.maria && self.number >= (major, minor, patch)
    }

    /// Whether it is MariaDB of at least this version.
    pub(super) fn is_maria(self, major: u16, minor: u16) -> bool {
        self.maria && self.number >= (major, minor, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        let of = |text| Version::parse(text);
        assert_eq!(of("8.4.6"), Version { maria: false, number: (8, 4, 6) });
        assert_eq!(of("8.0.36-28.1").number, (8, 0, 36));
        assert_eq!(of("5.5.5-10.11.19-MariaDB-log").number, (10, 11, 19));
        assert_eq!(of("11.4-rc").number, (11, 4, 0));
        assert!(of("10.11.19-MariaDB").is_maria(10, 2));
        assert!(!of("10.2.1-MariaDB").is_maria(10, 11));
        assert!(!of("10.11.19-MariaDB").is_mysql(8, 0, 28));
        assert!(of("8.0.100").is_mysql(8, 0, 28));
    }
}
