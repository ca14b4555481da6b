//! What the importers of all files share: renamed hosts, paths inside of containers, secrets.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::kdl::{Node, Value};
use super::source::{Fields, Notes, get, scalar, texts};
use crate::diag::Span;
use crate::manifest::yaml::Yaml;

/// What the importers share.
#[derive(Debug, Default)]
pub struct Context {
    /// What is not carried over.
    pub notes: Notes,
    /// Host names that change: the parts of a stack have fixed ones.
    pub hosts: BTreeMap<String, String>,
    /// Where the paths inside of a part's container lie, relative to the folder that is imported; by
    /// the part's host name.
    pub mounts: BTreeMap<String, Vec<Mount>>,
    /// Folders of configuration files, which their relative paths begin in; by the part's host name.
    pub folders: BTreeMap<String, String>,
    /// Secrets that files were made: name and path.
    pub secrets: BTreeMap<String, String>,
    /// Hosts that something is reached at, under their new names.
    pub reached: BTreeSet<String>,
    /// Whether the stack has an Alertmanager, which alerts go to without a word.
    pub alertmanager: bool,
    /// Whether the stack runs in containers.
    pub in_containers: bool,
}

/// A path inside of a container, and what lies there.
#[derive(Debug, Clone)]
pub struct Mount {
    /// Path inside.
    pub inside: String,
    /// Path relative to the folder that is imported, or an absolute one.
    pub outside: String,
    /// Where it is written.
    pub span: Span,
    /// Whether configuration that is read asks for something in it.
    pub used: Cell<bool>,
}

impl Context {
    /// The path of a file as the manifest says it, for one that a part's configuration names.
    pub fn host_path(&self, part: &str, path: &str) -> String {
        if !path.starts_with('/') {
            let folder = self.folders.get(part).map_or("", String::as_str);
            return dotted(&normal(&join(folder, path)));
        }
        let mounts = self.mounts.get(part).map_or(&[][..], Vec::as_slice);
        let longest = mounts
            .iter()
            .filter_map(|mount| {
                let rest = path.strip_prefix(mount.inside.trim_end_matches('/'))?;
                (rest.is_empty() || rest.starts_with('/')).then_some((mount, rest))
            })
            .max_by_key(|(mount, _)| mount.inside.len());
        match longest {
            Some((mount, rest)) => {
                mount.used.set(true);
                dotted(&normal(&join(&mount.outside, rest.trim_start_matches('/'))))
            }
            None => path.to_owned(),
        }
    }

    /// Names folders and files in containers of parts that no configuration asks for: they stay outside.
    pub fn name_unused_mounts(&mut self) {
        for (part, mounts) in &self.mounts {
            // Where configuration lies when nothing is said, and the exporter's view of the machine.
            let usual = [format!("/etc/{part}"), "/var/lib/grafana/dashboards".to_owned()];
            let unused = mounts.iter().filter(|mount| {
                let path = mount.outside.starts_with(['.', '/']) && part != "node-exporter";
                let inside = |folder: &String| {
                    mount
                        .inside
                        .strip_prefix(folder.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                path && !mount.used.get() && !usual.iter().any(inside)
            });
            for mount in unused {
                let lost = format!("the mount `{}` of `{part}`", mount.inside);
                self.notes.lost(mount.span, &lost);
            }
        }
    }

    /// A reference to a secret that is read from this file.
    pub fn secret(&mut self, part: &str, path: &str) -> Value {
        if let Some(name) = path.strip_prefix("/run/secrets/")
            && self.secrets.contains_key(name)
        {
            return Value::Tagged("secret", name.to_owned());
        }
        let path = self.host_path(part, path);
        if let Some((name, _)) = self.secrets.iter().find(|(_, known)| **known == path) {
            return Value::Tagged("secret", name.clone());
        }
        let stem = path.rsplit('/').next().unwrap_or(&path);
        let stem = stem.split('.').find(|part| !part.is_empty()).unwrap_or("secret").to_owned();
        let mut name = stem.clone();
        let mut number = 2;
        while self.secrets.contains_key(&name) {
            name = format!("{stem}_{number}");
            number += 1;
        }
        self.secrets.insert(name.clone(), path);
        Value::Tagged("secret", name)
    }

    /// An address or a URL that the stack connects to, with its host renamed.
    pub fn renamed(&mut self, address: &str) -> String {
        let renamed = self.called(address);
        let (start, end) = host_in(&renamed);
        self.reached.insert(renamed[start..end].to_owned());
        renamed
    }

    /// An address or a URL with its host renamed, where the manifest declares no host for it.
    pub fn called(&self, address: &str) -> String {
        let (start, end) = host_in(address);
        match self.hosts.get(&address[start..end]) {
            Some(host) => format!("{}{host}{}", &address[..start], &address[end..]),
            None => address.to_owned(),
        }
    }

    /// The hosts of addresses that are neither names on the stack's networks nor full names.
    pub fn outside(&self, own: &BTreeSet<String>) -> Vec<&str> {
        let reached = self.reached.iter().map(String::as_str);
        let outside = reached.filter(|host| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            !host.is_empty()
                && *host != "localhost"
                && host.chars().all(plain)
                && !own.contains(*host)
        });
        outside.collect()
    }

    /// User, password, token and certificates of a client that stand in a map of their own
    /// (`http_config`) or among the fields of what they are for.
    pub fn http_client(&mut self, part: &str, what: &str, from: &Yaml, node: &mut Node) {
        let mut fields = Fields::of(what, from, &mut self.notes);
        self.client(part, what, &mut fields, node);
        fields.finish(&mut self.notes);
    }

    /// See [`http_client`](Self::http_client).
    pub fn client(&mut self, part: &str, what: &str, fields: &mut Fields<'_>, node: &mut Node) {
        if let Some(basic) = fields.take("basic_auth") {
            let mut basic = Fields::of(format!("`basic_auth` of {what}"), basic, &mut self.notes);
            node.set("user", basic.text("username"));
            let file = basic.text("password_file").map(|path| self.secret(part, &path));
            node.set("password", file.or(basic.text("password").map(Value::from)));
            basic.finish(&mut self.notes);
        }
        if let Some(authorization) = fields.take("authorization") {
            let what = format!("`authorization` of {what}");
            let mut header = Fields::of(what.as_str(), authorization, &mut self.notes);
            let kind = header.text("type").unwrap_or_else(|| "Bearer".to_owned());
            let file = header.text("credentials_file").map(|path| self.secret(part, &path));
            let token = file.or(header.text("credentials").map(Value::from));
            if kind.eq_ignore_ascii_case("bearer") {
                node.set("bearer_token", token);
            } else {
                self.notes.lost(authorization.span, &format!("{what} with `type: {kind}`"));
            }
            header.finish(&mut self.notes);
        }
        let file = fields.text("bearer_token_file").map(|path| self.secret(part, &path));
        node.set("bearer_token", file.or(fields.text("bearer_token").map(Value::from)));
        if let Some(tls) = fields.take("tls_config") {
            let mut tls = Fields::of(format!("`tls_config` of {what}"), tls, &mut self.notes);
            let mut path = |key: &str| tls.text(key).map(|path| self.host_path(part, &path));
            let (ca, cert, key) = (path("ca_file"), path("cert_file"), path("key_file"));
            let one = Node::new("tls")
                .prop("ca", ca)
                .prop("cert", cert)
                .prop("key", key)
                .prop("server_name", tls.text("server_name"))
                .prop(
                    "insecure_skip_verify",
                    tls.flag("insecure_skip_verify").filter(|skip| *skip),
                );
            tls.finish(&mut self.notes);
            if !one.is_bare() {
                node.push(one);
            }
        }
    }

    /// Labels of a relabelling step and what it does.
    pub fn relabel(&mut self, name: &str, step: &Yaml) -> Node {
        let mut fields = Fields::of("the relabelling step", step, &mut self.notes);
        let mut node = Node::new(name);
        node.list("source_labels", fields.take("source_labels").map(texts).unwrap_or_default());
        for key in ["separator", "regex", "target_label"] {
            node.set(key, fields.text(key));
        }
        let replacement = fields.text("replacement").map(|text| match fixed_address(step) {
            Some(_) => self.renamed(&text),
            None => text,
        });
        node.set("replacement", replacement);
        node.set("modulus", fields.number("modulus"));
        node.set("action", fields.text("action").map(|action| action.to_ascii_lowercase()));
        fields.finish(&mut self.notes);
        node
    }
}

/// Where the host of an address or a URL stands in it.
fn host_in(address: &str) -> (usize, usize) {
    let start = address.find("://").map_or(0, |at| at + 3);
    let rest = &address[start..];
    (start, start + rest.find([':', '/']).unwrap_or(rest.len()))
}

/// The address that a relabelling step writes over that of every target, as for an exporter that is
/// asked about them.
pub fn fixed_address(step: &Yaml) -> Option<&str> {
    let text = |key: &str| get(step, key).and_then(scalar);
    let writes = text("target_label") == Some("__address__");
    let replaces = text("action").is_none_or(|action| action.eq_ignore_ascii_case("replace"));
    text("replacement").filter(|address| writes && replaces && !address.contains('$'))
}

/// A path below a folder; an absolute one stays what it is.
pub fn join(folder: &str, path: &str) -> String {
    match (folder, path) {
        (_, path) if path.starts_with('/') => path.to_owned(),
        ("" | ".", path) => path.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, path) => format!("{}/{path}", folder.trim_end_matches('/')),
    }
}

/// Without `.` and, as far as it goes, without `..`.
pub fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// With `./` in front, as paths are told from names of volumes.
pub fn dotted(path: &str) -> String {
    if path.starts_with(['/', '.']) { path.to_owned() } else { format!("./{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_inside_of_containers_are_found_outside() {
        let mut context = Context::default();
        let mount = |inside: &str, outside: &str| Mount {
            inside: inside.to_owned(),
            outside: outside.to_owned(),
            span: Span::default(),
            used: Cell::default(),
        };
        let mounts =
            vec![mount("/etc/prometheus", "prom"), mount("/etc/prometheus/tls", "./certs/")];
        context.mounts.insert("prometheus".to_owned(), mounts);
        context.folders.insert("prometheus".to_owned(), "prom".to_owned());
        let path = |path: &str| context.host_path("prometheus", path);
        assert_eq!(path("/etc/prometheus/rules/a.yml"), "./prom/rules/a.yml");
        assert_eq!(path("/etc/prometheus/tls/ca.crt"), "./certs/ca.crt");
        assert_eq!(path("/etc/prometheus2/x"), "/etc/prometheus2/x");
        assert_eq!(path("../x"), "./x");
    }

    #[test]
    fn hosts_are_renamed_in_addresses_and_urls() {
        let mut context = Context::default();
        context.hosts.insert("prom".to_owned(), "prometheus".to_owned());
        for (before, after) in [
            ("prom:9090", "prometheus:9090"),
            ("prom", "prometheus"),
            ("http://prom:9090/x", "http://prometheus:9090/x"),
            ("prom2:1", "prom2:1"),
        ] {
            assert_eq!(context.renamed(before), after);
        }
    }
}
