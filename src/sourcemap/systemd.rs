//! Where units come from: sections, and keys with their words; and the script that installs them.

use std::ops::Range;

use super::compose::{self, container};
use super::item::{Data, Item};
use super::kubernetes;
use super::marks::{Marks, Origin};
use super::place::Place;
use super::text::lines;

/// Marks a unit, by the name of its file.
pub fn unit(marks: &mut Marks, name: &str, file: &str, root: Place) {
    let stack = root.one("stack").unwrap_or(root);
    let called = stack.name().unwrap_or_default();
    let host = name
        .strip_prefix(&format!("stackctl-{called}-"))
        .and_then(|rest| rest.strip_suffix(".service"));
    let node = host.and_then(|host| container(root, host)).unwrap_or(stack);
    let what = match host {
        Some(host) => format!("unit of `{host}`"),
        None => "unit of the stack".to_owned(),
    };
    let whole = Item { key: None, range: 0..file.len(), data: Data::Map(Vec::new()) };
    marks.object(&whole, node, what);
    for (range, line) in lines(file) {
        let Some((key, value)) = line.split_once('=') else { continue };
        let item = Item {
            key: Some(key.to_owned()),
            range: range.clone(),
            data: Data::Scalar(value.to_owned()),
        };
        match key {
            "PartOf" | "WantedBy" if node.node.name.value != stack.node.name.value => {
                marks.name(&item, stack);
            }
            "Description" | "StateDirectory" | "RuntimeDirectory" => {
                also(marks, &item, node, &[stack]);
            }
            "After" | "Wants" | "Requires" | "BindsTo" => {
                marks.setting(&item, &[node], &["depends_on"]);
            }
            "LoadCredential" => {
                let credential = value.split(':').next().unwrap_or(value);
                kubernetes::secret_key(marks, &item, credential, node, root);
                add(marks, stack);
            }
            "ExecStart" | "ExecStartPre" => command(marks, &item, file, node, stack),
            "CPUQuota" => limit(marks, &item, node, root, "cpus"),
            "MemoryMax" | "MemoryHigh" => limit(marks, &item, node, root, "memory"),
            "TasksMax" => limit(marks, &item, node, root, "pids"),
            "Restart" => marks.setting(&item, &[node], &["restart"]),
            "User" | "Group" => marks.setting(&item, &[node], &["user"]),
            "WorkingDirectory" => marks.setting(&item, &[node], &["working_dir", "native"]),
            "Environment" => {
                let pair = value.trim_matches('"');
                let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
                let pair = item.as_text(Some(name.to_owned()), text.to_owned());
                let map = Item { key: None, range, data: Data::Map(vec![pair]) };
                compose::environment(marks, &map, node, root);
            }
            _ => marks.put(&item, Origin::derived(node)),
        }
    }
}

/// A limit: what the part says, or the stack for all.
fn limit(marks: &mut Marks, item: &Item, node: Place, root: Place, key: &str) {
    match node.one("resources").or(root.one("resources")) {
        Some(block) => marks.setting(item, &[block], &[key]),
        None => marks.setting(item, &[node], &["resources"]),
    }
}

fn also(marks: &mut Marks, item: &Item, node: Place, others: &[Place]) {
    marks.put(item, Origin::derived(node));
    for other in others {
        add(marks, *other);
    }
}

fn add(marks: &mut Marks, other: Place) {
    if let Some(mark) = marks.0.last_mut() {
        mark.origin.also.push(other.span());
    }
}

/// A command line: as a whole it follows from the node, and each of its words from a setting.
fn command(marks: &mut Marks, item: &Item, file: &str, node: Place, stack: Place) {
    let (start, text) = (item.range.start, &file[item.range.clone()]);
    marks.put(item, Origin::derived(node));
    let own = marks.0.len() - 1;
    let mut parts = Vec::new();
    for range in words(text) {
        let word = &text[range.clone()];
        let place = start + range.start..start + range.end;
        let flag = Item { key: None, range: place, data: Data::Scalar(word.to_owned()) };
        if !word.starts_with("--") {
            continue;
        }
        compose::flag(marks, &flag, node);
        if let Some(mark) = marks.0.last_mut() {
            // Paths have the stack's name in them.
            if word.contains("/stackctl") {
                mark.origin.also.push(stack.span());
            }
            parts.push(mark.origin.span);
        }
    }
    let others = ["native", "command", "web"].iter().filter_map(|key| Some(node.said(key)?.span));
    let also = &mut marks.0[own].origin.also;
    also.extend(others.chain(parts).chain([stack.span()]));
    let own_span = node.span();
    also.retain(|span| *span != own_span);
    also.dedup();
}

/// The words of a line with their places.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    text.split(' ').map(move |word| {
        let range = start..start + word.len();
        start += word.len() + 1;
        range
    })
}

/// Marks a shell script of a target: lines that handle a secret or a file of the user's, the rest is
/// the stack's.
pub fn script(marks: &mut Marks, file: &str, root: Place) {
    let stack = root.one("stack").unwrap_or(root);
    marks.stretch(0..file.len(), Origin::named(stack));
    for (range, line) in lines(file) {
        let item = Item { key: None, range, data: Data::Scalar(line.to_owned()) };
        if line.starts_with('#') {
            continue;
        }
        let secret = root.all("secret").find(|secret| {
            let settings = ["file", "env"].iter().filter_map(|key| secret.said(key));
            let mut values = settings.flat_map(|said| said.values);
            values.any(|(value, _)| holds(line, value.trim_start_matches("./")))
        });
        let name = |place: &Place| place.name().is_some_and(|name| holds(line, name));
        if let Some(secret) = secret.or_else(|| root.all("secret").find(name)) {
            marks.put(&item, Origin::derived(secret));
            continue;
        }
        let files = line.split([' ', '"', '\'', '=']).filter(|word| word.contains('.'));
        for word in files {
            let key = word.trim_start_matches("./");
            kubernetes::certificate(marks, &item, key, root);
            volume_file(marks, &item, key, root);
        }
        if line.contains(".service") && !line.contains('*') {
            let parts = line.split(' ').filter_map(|word| {
                let prefix = format!("stackctl-{}-", stack.name().unwrap_or_default());
                container(root, word.strip_prefix(&prefix)?.strip_suffix(".service")?)
            });
            let parts: Vec<Place> = parts.collect();
            also(marks, &item, stack, &parts);
        }
    }
}

/// A file or folder of the user's that some container mounts.
fn volume_file(marks: &mut Marks, item: &Item, path: &str, root: Place) {
    let all = root.children().flat_map(|part| part.all("volume").collect::<Vec<_>>());
    let mut mounted = all
        .filter(|volume| volume.name().is_some_and(|name| name.trim_start_matches("./") == path));
    if let Some(volume) = mounted.next() {
        marks.put(item, Origin::named(volume));
    }
}

/// Whether a name stands in a line as a word of its own.
fn holds(line: &str, name: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        !line[..at].ends_with(part_of_word) && !line[at + name.len()..].starts_with(part_of_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_words() {
        assert!(holds("install ./secrets/db_root \"$etc\"", "secrets/db_root"));
        assert!(holds(": \"${HOOK_URL:?is not set}\"", "HOOK_URL"));
        assert!(!holds("install db_root_2", "db_root"));
    }

    #[test]
    fn words_know_their_places() {
        let text = "ExecStart=/a --b=c --d";
        let found: Vec<&str> = words(text).map(|range| &text[range]).collect();
        assert_eq!(found, ["ExecStart=/a", "--b=c", "--d"]);
    }
}
