//! The manifest `-`: standard input, read once. It lies in the current folder as far as paths in it are
//! concerned, and is called `stdin` with the ending of its notation.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::manifest::{self, Format, MAX_BYTES};

/// Its name and its bytes; one more than a manifest may have are too many.
static INPUT: OnceLock<(PathBuf, Vec<u8>)> = OnceLock::new();

/// Whether standard input is meant.
pub fn is_meant(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What it is called. The first call reads it.
pub fn path() -> anyhow::Result<PathBuf> {
    if let Some((path, _)) = INPUT.get() {
        return Ok(path.clone());
    }
    let mut bytes = Vec::new();
    io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    let name = match format(&String::from_utf8_lossy(&bytes)) {
        Format::Kdl => "stdin.kdl",
        Format::Yaml => "stdin.yaml",
        Format::Json => "stdin.json",
    };
    Ok(INPUT.get_or_init(|| (name.into(), bytes)).0.clone())
}

/// The bytes of a file, or what was read from standard input if that is asked for.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    match INPUT.get() {
        Some((name, bytes)) if name == path => Ok(bytes.clone()),
        _ => manifest::read_file(path),
    }
}

/// The notation: JSON begins with `{`; YAML with a comment, a mark or a `key:`; anything else is KDL.
fn format(text: &str) -> Format {
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let key_ends = || {
        let (key, rest) = first.split_once(':')?;
        let word = !key.is_empty() && !key.contains([' ', '=', '{', '/']);
        Some(word && (rest.is_empty() || rest.starts_with(' ')))
    };
    match first.as_bytes().first() {
        Some(b'{') => Format::Json,
        Some(b'#' | b'%') => Format::Yaml,
        _ if first.starts_with("---") || key_ends().unwrap_or(false) => Format::Yaml,
        _ => Format::Kdl,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_tells_the_notation() {
        let check = |text: &str, expected: Format| assert_eq!(format(text), expected, "{text}");
        check("", Format::Kdl);
        check("\n// a: b\nstack \"x\" manifest=1", Format::Kdl);
        check("stack \"a: b\" manifest=1", Format::Kdl);
        check("\u{feff}prometheus", Format::Kdl);
        check("/* x: y */ stack", Format::Kdl);
        check("\n{\"stack\": \"x\"}", Format::Json);
        check("stack: x\nmanifest: 1", Format::Yaml);
        check("\"stack\": x", Format::Yaml);
        check("volumes:\n  - a", Format::Yaml);
        check("# a comment\nstack: x", Format::Yaml);
        check("---\nstack: x", Format::Yaml);
    }
}
