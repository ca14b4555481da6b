//! Rendered files as ConfigMaps. They are made by kustomize of the very files that lie beside
//! kustomization.yaml, and have a hash of their content in their names: what reads them is started
//! anew when they change, and an old state can be rolled back to.

use crate::render::output::Output;
use crate::wire::kubernetes::Generator;

/// Bytes of a ConfigMap: the server takes 1 MiB with everything around it, and `kubectl apply` keeps a
/// copy in an annotation, of which all together may have 256 KiB.
const BEST: usize = 200 * 1024;
/// A file that is larger than this fits into no ConfigMap.
pub(super) const MOST: usize = 1000 * 1024;

/// One file of a ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Key in the ConfigMap.
    pub key: String,
    /// Path below the mount.
    pub path: String,
    /// Path below the output folder.
    pub output: String,
    /// Bytes as they are sent, in JSON.
    bytes: usize,
}

/// The files that lie behind a mount: the file itself, or those below the folder that are wanted.
pub(super) fn behind(outputs: &[Output], path: &str, wanted: impl Fn(&str) -> bool) -> Vec<Entry> {
    let mut entries = Vec::new();
    for output in outputs {
        let rest = output.path.strip_prefix(path);
        let below = match rest {
            Some("") => output.path.rsplit('/').next().unwrap_or(&output.path),
            Some(rest) if rest.starts_with('/') && wanted(&rest[1..]) => &rest[1..],
            _ => continue,
        };
        let text = String::from_utf8_lossy(&output.bytes);
        let escapes = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\t'));
        entries.push(Entry {
            key: key(below, &entries),
            path: below.to_owned(),
            output: output.path.clone(),
            bytes: output.bytes.len() + escapes.count(),
        });
    }
    entries
}

/// A key holds letters, digits, `-`, `_` and `.`; paths of folders get theirs of the same.
fn key(path: &str, others: &[Entry]) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let key: String = path.chars().map(plain).collect();
    super::names::numbered(&key, |key| others.iter().any(|other| other.key == key))
}

/// ConfigMaps for some files: one, or as many as they need. A file that is larger than [`MOST`] is
/// given back.
pub(super) fn split(name: &str, entries: &[Entry]) -> Result<Vec<(String, Vec<Entry>)>, Entry> {
    let mut maps: Vec<(String, Vec<Entry>)> = Vec::new();
    let mut room = 0;
    for entry in entries {
        if entry.bytes > MOST {
            return Err(entry.clone());
        }
        if maps.is_empty() || entry.bytes > room {
            let number = maps.len() + 1;
            let name = if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
            maps.push((name, Vec::new()));
            room = BEST;
        }
        room = room.saturating_sub(entry.bytes);
        if let Some((_, files)) = maps.last_mut() {
            files.push(entry.clone());
        }
    }
    Ok(maps)
}

/// What makes a ConfigMap of files.
pub(super) fn generator(name: &str, entries: &[Entry]) -> Generator {
    let files = entries.iter().map(|entry| match entry.output.rsplit('/').next() {
        // A key that is the file's own name need not be said.
        Some(own) if own == entry.key => entry.output.clone(),
        _ => format!("{}={}", entry.key, entry.output),
    });
    Generator { name: name.to_owned(), files: files.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(sizes: &[(&str, usize)]) -> Vec<Output> {
        sizes.iter().map(|(path, size)| Output::text(*path, "x".repeat(*size))).collect()
    }

    #[test]
    fn a_folder_is_flattened_into_keys() {
        let outputs = outputs(&[("a/b.json", 1), ("a/c/b.json", 1), ("a/c_b.json", 1), ("ab", 1)]);
        let entries = behind(&outputs, "a", |_| true);
        let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["b.json", "c_b.json", "c_b.json-2"]);
        assert_eq!(entries[1].path, "c/b.json");
        assert_eq!(behind(&outputs, "ab", |_| false)[0].key, "ab");
    }

    #[test]
    fn what_is_too_much_for_one_map_is_split() {
        let few = behind(&outputs(&[("d/a", 10), ("d/b", 20)]), "d", |_| true);
        assert_eq!(split("x", &few).unwrap().len(), 1);
        let many = [("d/a", 150_000), ("d/b", 100_000), ("d/c", 50_000), ("d/d", 900_000)];
        let maps = split("x", &behind(&outputs(&many), "d", |_| true)).unwrap();
        let names: Vec<(&str, usize)> =
            maps.iter().map(|(name, files)| (name.as_str(), files.len())).collect();
        assert_eq!(names, [("x", 1), ("x-2", 2), ("x-3", 1)]);
        let huge = behind(&outputs(&[("d/a", 10), ("d/huge", 1_100_000)]), "d", |_| true);
        assert_eq!(split("x", &huge).unwrap_err().output, "d/huge");
    }
}
