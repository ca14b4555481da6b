//! A starter manifest by asking nothing: what runs on this machine and lies in a folder becomes a stack
//! that validates without a finding and that `up` starts as it is, with a comment on why each thing is
//! there and on what to uncomment next.

mod folder;
mod look;
mod rules;
mod starter;
mod yaml;

pub use folder::{Folder, look as look_into};
pub use look::{Found, Known, Machine, What, look as look_around};

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::check::{self, Levels};
use crate::diag::{Finding, Findings, Severity};
use crate::import::ComposeFile;
use crate::import::kdl::{self, Node};
use crate::manifest::{self, Format};

/// A starter manifest.
#[derive(Debug)]
pub struct Starter {
    /// Its text.
    pub text: String,
    /// What there is to know besides: a line each.
    pub notes: Vec<String>,
}

/// Writes the manifest of what was found, for a file at `path`, whose name tells the notation.
pub fn starter(machine: &Machine, folder: &Folder, path: &Path, format: Format) -> Starter {
    let mut notes = Vec::new();
    if !folder.configuration.is_empty() {
        notes.push(format!(
            "{} {} there already: `stackctl import` makes a manifest of what {}",
            folder.configuration.join(", "),
            if folder.configuration.len() == 1 { "is" } else { "are" },
            if folder.configuration.len() == 1 { "it says" } else { "they say" },
        ));
    }
    let mut folder = folder.clone();
    if let Some(ComposeFile { path, broken: Some(broken), .. }) = &folder.compose {
        notes.push(format!("{path} cannot be read, so its services are left out: {broken}"));
        folder.compose = None;
    }
    let folder = &folder;
    let mut nodes = starter::nodes(machine, folder);
    let mut found = findings(path, &nodes);
    if let Some(compose) = &folder.compose {
        if let Some(broken) = &compose.broken {
            notes.push(format!(
                "{}:{broken}; what stands behind it was not read: mend it and run this again",
                compose.path
            ));
        }
        if let Some(first) = found.iter().find(|finding| is_mistake(finding)) {
            // A starter that does not start is none: what the services need is for people to say.
            notes.push(format!(
                "the services of {} are left out, since {}; `stackctl import` carries them over",
                compose.path, first.message
            ));
            let without = Folder { compose: None, ..folder.clone() };
            nodes = starter::nodes(machine, &without);
            found = findings(path, &nodes);
        } else if compose.lost > 0 {
            notes.push(format!(
                "{} of {} {} no place in a manifest; `stackctl import` names {}",
                if compose.lost == 1 {
                    "1 setting".to_owned()
                } else {
                    format!("{} settings", compose.lost)
                },
                compose.path,
                if compose.lost == 1 { "has" } else { "have" },
                if compose.lost == 1 { "it" } else { "them" },
            ));
        }
    }
    allow(&found, &mut nodes);
    let text = match format {
        Format::Kdl => {
            let text = kdl::document(&nodes);
            manifest::format(&text).unwrap_or(text)
        }
        Format::Yaml | Format::Json => yaml::document(&nodes),
    };
    Starter { text, notes }
}

/// What the lint thinks of the nodes.
fn findings(path: &Path, nodes: &[Node]) -> Findings {
    let text = kdl::document(nodes);
    let here = path.with_extension("kdl");
    let read = |file: &Path| {
        if file == here { Ok(text.clone().into_bytes()) } else { manifest::read_file(file) }
    };
    let Ok(mut loaded) = manifest::load_with(&here, None, &read) else {
        return Findings::default();
    };
    check::run(&loaded.stack, &loaded.files, &mut loaded.findings, &Levels::default());
    loaded.findings
}

/// The rule that what runs on this machine breaks on purpose.
const LOCAL: &str = "localhost-in-container";

/// Whether a stack with this finding does not start.
fn is_mistake(finding: &Finding) -> bool {
    finding.severity == Severity::Error && finding.name != LOCAL
}

/// Allows what the lint warns of, each with its reason to be taken away one day.
fn allow(findings: &Findings, nodes: &mut Vec<Node>) {
    let mut codes: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| !is_mistake(finding)) {
        let message = match finding.name {
            LOCAL => "natively 127.0.0.1 is this machine; in containers each needs a name for it",
            _ => finding.message.as_str(),
        };
        codes.entry(finding.name).or_insert((message, 0)).1 += 1;
    }
    if codes.is_empty() {
        return;
    }
    let mut comment = String::from(
        "What the lint would warn of. Take a name away once it is no longer true;\n\
         `stackctl explain NAME` says why it matters.\n",
    );
    for (name, (message, count)) in &codes {
        let more = match count - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        // A comment is one line.
        let message: String =
            message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(comment, "  {name}: {message}{more}");
    }
    let allowed = codes.keys().map(|name| (*name).to_owned());
    let node =
        Node::new("lint").child(Node::new("allow").args(allowed)).comment(comment.trim_end());
    // Behind the head of the file.
    nodes.insert(1, node);
}
