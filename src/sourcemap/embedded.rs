//! Files inside of files: the blocks of a ConfigMap hold whole configuration files.

use std::ops::Range;

/// A text that stands in a block of YAML (`prometheus.yml: |`).
#[derive(Debug)]
pub struct Embedded {
    /// The key of the block, which is a file's name.
    pub name: String,
    /// The text as it is read.
    pub text: String,
    /// Where each of its lines begins: in the text, and in the file around it.
    starts: Vec<(usize, usize)>,
}

impl Embedded {
    /// Bytes of the text as bytes of the file around it.
    pub fn outside(&self, range: &Range<usize>) -> Range<usize> {
        let outside = |at: usize| {
            let line = self.starts.partition_point(|(inside, _)| *inside <= at).saturating_sub(1);
            self.starts.get(line).map_or(0, |(inside, outside)| outside + (at - inside))
        };
        // The end belongs to the line of the last byte.
        let last = range.end.saturating_sub(1).max(range.start);
        outside(range.start)..outside(last) + (range.end - last)
    }
}

/// The blocks of a file whose keys are names of files.
pub fn find(file: &str) -> Vec<Embedded> {
    let mut found: Vec<Embedded> = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    let mut start = 0;
    for line in file.split_inclusive('\n') {
        let bare = line.trim_end();
        let indent = bare.len() - bare.trim_start().len();
        if let Some((outer, inner)) = open {
            let inner = if inner == 0 { indent } else { inner };
            if bare.is_empty() || indent > outer {
                open = Some((outer, inner));
                if let Some(block) = found.last_mut() {
                    let cut = inner.min(bare.len());
                    block.starts.push((block.text.len(), start + cut));
                    block.text.push_str(&line[cut..]);
                }
                start += line.len();
                continue;
            }
            open = None;
        }
        if let Some((name, "|" | "|-" | "|+")) = bare.trim_start().split_once(": ") {
            let name = name.trim_matches(['\'', '"']);
            if name.contains('.') || name.starts_with("Caddyfile") {
                let (name, text) = (name.to_owned(), String::new());
                found.push(Embedded { name, text, starts: Vec::new() });
                open = Some((indent, 0));
            }
        }
        start += line.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_with_their_places() {
        let file = "kind: ConfigMap\ndata:\n  a.yml: |\n    x:\n      ö: 1\n\n    y: 2\n  other: |\n    no\n";
        let [block] = &find(file)[..] else { panic!("one block") };
        assert_eq!((block.name.as_str(), block.text.as_str()), ("a.yml", "x:\n  ö: 1\n\ny: 2\n"));
        let at = block.text.find("y: 2").expect("there");
        let outside = block.outside(&(at..at + 4));
        assert_eq!(&file[outside], "y: 2");
        let whole = block.outside(&(0..block.text.len()));
        assert_eq!(&file[whole], "x:\n      ö: 1\n\n    y: 2\n");
    }
}
