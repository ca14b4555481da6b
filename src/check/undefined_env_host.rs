//! A variable of a service names a host that the network of the stack does not have.

use super::{Input, Rule, did_you_mean, mending};
use crate::diag::{Findings, Severity};
use crate::manifest::address::split_address;
use crate::manifest::place_in;

pub(super) const RULE: Rule = Rule {
    code: "S112",
    name: "undefined-env-host",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// Parts of names of variables that say where a program listens, or whom it answers.
const OWN: [&str; 7] = ["BIND", "LISTEN", "VIRTUAL", "ALLOWED", "SERVER", "PUBLIC", "PROXY"];
/// Schemes without a host.
const LOCAL: [&str; 6] = ["file", "unix", "sqlite", "sqlite3", "data", "memory"];

fn check(Input { stack, topology, files, .. }: &Input<'_>, findings: &mut Findings) {
    for service in stack.services.iter().filter(|service| service.image.is_some()) {
        let own = service.hostname.as_ref().map(|name| name.as_str());
        let is_there = |host: &str| {
            topology.resolve(host).is_some()
                || topology.is_outside(host)
                || service.extra_hosts.get(host).is_some()
                || own == Some(host)
        };
        for (name, value) in &service.env {
            let Some(host) = value.literal().and_then(|text| host(name, text)) else { continue };
            if is_there(host) {
                continue;
            }
            let names = topology.names();
            let known = did_you_mean(host, names.iter().copied(), "hosts here");
            let text = value.as_ref().map(|value| value.text().to_owned());
            let at = text.rfind(host).unwrap_or_default();
            let place = place_in(files, &text, at..at + host.len());
            let finding = RULE
                .says(format!(
                    "`{name}` of service `{}` names the host `{host}`, and nothing in the stack is \
                     called that",
                    service.name
                ))
                .at(place, "no host of the network")
                .help(format!(
                    "{known}; a host outside of the stack has a full name, or an address in \
                     `extra_hosts`"
                ));
            let known = names.iter().copied();
            findings.push(mending::rename_to_similar(finding, files, place, host, known));
        }
    }
}

/// The host that a variable names, where that is certainly one of a container network: a single word.
fn host<'t>(name: &str, text: &'t str) -> Option<&'t str> {
    let name = name.to_ascii_uppercase();
    let url = name.ends_with("_URL") || name.ends_with("_URI");
    if !(url || name.ends_with("_HOST")) || OWN.iter().any(|part| name.contains(part)) {
        return None;
    }
    match text.split_once("://") {
        Some((scheme, _)) if LOCAL.contains(&scheme) => return None,
        // `/metrics` is an address, too, and has no host.
        None if url => return None,
        _ => {}
    }
    let (host, _) = split_address(text)?;
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let is_word = host.starts_with(|c: char| c.is_ascii_lowercase()) && host.chars().all(word);
    // Words that switch something instead of naming it.
    let says_no_host = matches!(host, "true" | "false" | "none" | "null" | "all" | "any" | "auto");
    (is_word && !says_no_host).then_some(host)
}

const EXPLAIN: &str = r##"In the network of a compose project services find each other by their names. A variable whose name ends with `_HOST`,
`_URL` or `_URI` says where a program goes; a name there that nothing in the stack has cannot be looked up.

    service "db" { image "mysql:8.4.6" }
    service "shop" { image "shop:1"; env DB_HOST="databse" CACHE_URL="redis://cache:6379/0" }

Write the name of a service, or say where a host outside of the stack is:

    extra_hosts cache="10.0.0.7"

Only single words are judged: names with a dot, addresses, `localhost`, variables and names in `extra_hosts` are left alone, and
so are variables that say where a program listens (`BIND_HOST`, `LISTEN_HOST`, `VIRTUAL_HOST`)."##;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_single_words_behind_telling_names_are_hosts() {
        let check = |name: &str, text: &str, expected: Option<&str>| {
            assert_eq!(host(name, text), expected, "{name}={text}");
        };
        check("DB_HOST", "db", Some("db"));
        check("DB_HOST", "db:3306", Some("db"));
        check("CACHE_URL", "redis://:secret@cache:6379/0", Some("cache"));
        check("SPRING_DATASOURCE_URL", "jdbc:mysql://db:3306/shop", Some("db"));
        for (name, text) in [
            ("DB_NAME", "db"),
            ("HOST", "db"),
            ("DB_HOST", "db.example.org"),
            ("DB_HOST", "$DB"),
            ("DB_HOST", "10.0.0.1"),
            ("DB_HOST", ""),
            ("LISTEN_HOST", "all"),
            ("DB_URL", "mysql://u@tcp(db:3306)/x"),
            ("DB_URL", "postgres://a,b/x"),
            ("DB_URL", "sqlite://data"),
            ("METRICS_URL", "/metrics"),
        ] {
            check(name, text, None);
        }
    }
}
