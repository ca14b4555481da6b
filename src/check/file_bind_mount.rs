//! One file of the host is mounted, where its folder should be.

use super::{Input, Rule, mending};
use crate::diag::{Findings, Severity};
use crate::manifest::Mount;

pub(super) const RULE: Rule = Rule {
    code: "S803",
    name: "file-bind-mount",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// Endings of files that are edited while the program runs.
const CONFIGURATION: [&str; 14] = [
    "yml",
    "yaml",
    "json",
    "toml",
    "conf",
    "cnf",
    "cfg",
    "ini",
    "properties",
    "env",
    "xml",
    "rules",
    "tmpl",
    "hcl",
];

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    let services = stack.services.iter().map(|s| (format!("service `{}`", s.name), &s.volumes));
    let exporters = stack.exporters.iter().map(|e| (format!("exporter `{}`", e.name), &e.volumes));
    for (owner, mounts) in services.chain(exporters) {
        for mount in mounts.iter().filter(|mount| is_configuration(mount)) {
            let file = mount.name.rsplit('/').next().unwrap_or(&mount.name);
            let folder = |path: &str| {
                let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
                if folder.is_empty() { "/".to_owned() } else { folder.to_owned() }
            };
            let (from, to) = (folder(&mount.name), folder(&mount.to));
            let help = match from.as_str() {
                // Everything beside the manifest would be mounted as well.
                "." | "/" => format!(
                    "put it into a folder of its own and mount that: `volume \"./config\" to=\"{to}\"`"
                ),
                _ => format!("mount its folder: `volume \"{from}\" to=\"{to}\"`"),
            };
            let mut finding = RULE
                .says(format!("{owner} would not see a new version of `{file}`"))
                .at(mount.name.span, "a single file")
                .help(help);
            // Under another name the program would not find it, and two mounts cannot be at one place.
            let same_name = mount.to.rsplit('/').next() == Some(file);
            let taken = mounts.iter().any(|other| folder(&other.to) == to && *other != *mount);
            let top =
                matches!(from.as_str(), "." | "/" | "~") || matches!(to.as_str(), "/" | "/etc");
            if same_name && !taken && !top {
                for (said, folder) in [(&mount.name, &from), (&mount.to, &to)] {
                    let alone = mending::rename(RULE.says(""), files, said.span, said, folder);
                    let edits = alone.fix.map(|fix| fix.replacements).unwrap_or_default();
                    for edit in edits {
                        finding = finding.replace("mount the folder", edit.span, edit.text);
                    }
                }
                // The folder hides what the image has there.
                let both = finding.fix.as_ref().is_some_and(|fix| fix.replacements.len() == 2);
                finding.fix = finding.fix.filter(|_| both);
            }
            findings.push(finding.as_a_choice());
        }
    }
}

fn is_configuration(mount: &Mount) -> bool {
    let path = mount.name.as_str();
    let file = path.rsplit('/').next().unwrap_or(path);
    let is_path = path.starts_with(['.', '/', '~']) && !path.ends_with('/');
    // Endings of both sides: a folder may be called `conf.d`, and be mounted as such.
    let ending = |path: &str| path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let known = |path: &str| {
        ending(path).is_some_and(|ending| CONFIGURATION.contains(&ending.as_str()))
            || path.rsplit('/').next() == Some("Caddyfile")
    };
    // What is read once, when a database is made, has no new versions; nor have the machine's own files.
    let once = mount.to.starts_with("/docker-entrypoint");
    let machine = ["/proc", "/sys", "/dev", "/run", "/var/run", "/etc"]
        .iter()
        .any(|folder| path.starts_with(&format!("{folder}/")));
    is_path && known(file) && known(&mount.to) && !once && !machine
}

const EXPLAIN: &str = r##"Editors and deployment tools write a new file and rename it over the old one. A mount of a single file goes on
showing the old one, so a reload reads yesterday's settings until the container is made anew.

    volume "./nginx/nginx.conf" to="/etc/nginx/nginx.conf"

Mount the folder: `volume "./nginx" to="/etc/nginx"`. The rule looks at files whose ending is that of a configuration;
what is only read when a database is made (`/docker-entrypoint-initdb.d/`) may be a file."##;
