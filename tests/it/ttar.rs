//! ttar archives: a folder as plain text. Of each entry there is a line `Path:` or `Directory:`, then
//! `SymlinkTo:` or `Lines:` with that many lines, then `Mode:`.

use std::path::{Path, PathBuf};

/// Unpacks a ttar archive, a plain text form of a folder.
pub fn unpack(archive: &Path, into: &Path) {
    let bytes = std::fs::read(archive).expect("the archive is there");
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut path = PathBuf::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix(b"Path: ") {
            path = into.join(text(name));
        } else if let Some(name) = line.strip_prefix(b"Directory: ") {
            std::fs::create_dir_all(into.join(text(name))).expect("created");
        } else if let Some(target) = line.strip_prefix(b"SymlinkTo: ") {
            std::os::unix::fs::symlink(text(target), &path).expect("linked");
        } else if let Some(count) = line.strip_prefix(b"Lines: ") {
            let count: usize = text(count).parse().expect("a number");
            let mut body = Vec::new();
            for _ in 0..count {
                body.extend_from_slice(lines.next().expect("a line"));
                body.push(b'\n');
            }
            // A last line without its end is marked so.
            if body.ends_with(b"EOF\n") {
                body.truncate(body.len() - 4);
            }
            std::fs::write(&path, replace(&body, b"NULLBYTE", &[0])).expect("written");
        }
    }
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(from) {
            out.extend_from_slice(to);
            at += from.len();
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}
