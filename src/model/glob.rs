//! Patterns of paths, as `rule_files`, `scrape_config_files`, `file_sd` and the text file collector
//! take them.

use std::path::{Path, PathBuf};

/// Files that a path matches; `*`, `?` and `[abc]` stand in any part of it. Sorted; a path without
/// them is returned if it exists.
pub fn glob(pattern: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let text = part.as_os_str().to_string_lossy();
        if !text.contains(['*', '?', '[']) {
            for path in &mut found {
                path.push(part);
            }
            continue;
        }
        let regex = part_regex(&text).ok_or_else(|| {
            std::io::Error::other(format!("{}: syntax error in pattern", pattern.display()))
        })?;
        let mut next = Vec::new();
        for folder in found {
            let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
            // What is no folder, or may not be read, matches nothing.
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            let names = entries.flatten().map(|entry| entry.file_name());
            next.extend(
                names.filter(|n| regex.is_match(&n.to_string_lossy())).map(|n| folder.join(n)),
            );
        }
        found = next;
    }
    found.retain(|path| path.exists());
    found.sort();
    Ok(found)
}

/// Whether a path, with `/`, matches a pattern part by part; what is no pattern matches nothing.
pub fn glob_matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) =
        (pattern.split('/').collect(), path.split('/').collect());
    let fits = |(pattern, part): (&&str, &&str)| {
        part_regex(pattern).is_some_and(|regex| regex.is_match(part))
    };
    pattern.len() == path.len() && pattern.iter().zip(&path).all(fits)
}

fn part_regex(part: &str) -> Option<regex::Regex> {
    let mut pattern = String::from("^(?s:");
    let mut chars = part.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            '[' => {
                let class: String = chars.by_ref().take_while(|c| *c != ']').collect();
                pattern.extend(["[", &class.replace('[', "\\[").replace("&&", "&"), "]"]);
            }
            c => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    pattern.push_str(")$");
    regex::Regex::new(&pattern).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_in_every_part() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a/1.yml", "b/2.yml", "b/3.json", "b/x.yml"] {
            std::fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let check = |pattern: &str, expected: &[&str]| {
            let found = glob(&folder.path().join(pattern)).unwrap();
            let expected: Vec<_> = expected.iter().map(|file| folder.path().join(file)).collect();
            assert_eq!(found, expected, "{pattern}");
        };
        check("a/1.yml", &["a/1.yml"]);
        check("a/none.yml", &[]);
        check("*/*.yml", &["a/1.yml", "b/2.yml", "b/x.yml"]);
        check("b/[0-9].*", &["b/2.yml", "b/3.json"]);
        check("?/2.yml", &["b/2.yml"]);
        assert!(glob(Path::new("/tmp/[")).is_err());
    }
}
