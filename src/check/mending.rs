//! Edits that several rules offer: another name, a setting more, an entry less. Each looks at how the
//! place is written, in KDL, YAML or JSON, and is not offered where that is not seen.

use std::path::Path;

use crate::diag::{Files, Finding, Span, most_similar};
use crate::manifest::Format;

/// Offers the known name that was most likely meant by `written`, which stands at `place` alone or as a
/// part of something longer.
pub(super) fn rename_to_similar<'a>(
    finding: Finding,
    files: &Files,
    place: Span,
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Finding {
    match most_similar(written, known) {
        Some(near) => rename(finding, files, place, written, near),
        None => finding,
    }
}

/// Offers to write `meant` for `written`, which stands at `place` alone or as a part of something longer.
/// Quotes, and whatever else is around it, stay.
pub(super) fn rename(
    finding: Finding,
    files: &Files,
    place: Span,
    written: &str,
    meant: &str,
) -> Finding {
    let text = files.text(place);
    let in_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let alone = |at: &usize| {
        !text[..*at].ends_with(in_word) && !text[at + written.len()..].starts_with(in_word)
    };
    let mut found = text.match_indices(written).map(|(at, _)| at).filter(alone);
    let (Some(at), None) = (found.next(), found.next()) else { return finding };
    // Without quotes a word may turn out to be a number or a yes.
    let quoted = text.starts_with(['"', '\'', '#']);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
    let quotable = |c: char| !matches!(c, '"' | '\'' | '\\') && !c.is_control();
    // An address is none, with its three dots.
    let reads_as_itself = meant.parse::<std::net::Ipv4Addr>().is_ok()
        || meant.starts_with(|c: char| c.is_ascii_alphabetic())
            && !matches!(
                meant,
                "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "inf" | "nan"
            );
    let readable = if quoted {
        meant.chars().all(quotable)
    } else {
        reads_as_itself && meant.chars().all(plain)
    };
    if written.is_empty() || !readable {
        return finding;
    }
    finding.replace(&format!("write `{meant}`"), place.part(at..at + written.len()), meant)
}

/// The notation of a file.
fn format(files: &Files, place: Span) -> Option<Format> {
    Format::of(Path::new(files.name(place.file)))
}

/// The whole text of a place's file, and the offsets of the line that the place begins in, without the
/// end of the line.
fn line(files: &Files, place: Span) -> Option<(&str, std::ops::Range<usize>)> {
    let text = files.get(place.file)?.text.as_str();
    let range = place.range();
    let start = text.get(..range.start)?.rfind('\n').map_or(0, |at| at + 1);
    let end = text.get(range.end..)?.find('\n').map_or(text.len(), |at| range.end + at);
    Some((text, start..end))
}

/// The lines of a place with the end of the last one, if nothing else stands on them.
fn own_lines(files: &Files, place: Span) -> Option<Span> {
    let (text, lines) = line(files, place)?;
    let own = place.range();
    let around = format!("{}{}", &text[lines.start..own.start], &text[own.end..lines.end]);
    let comment = ["//", "/*", "/-", "#"].iter().any(|sign| files.text(place).contains(sign));
    (around.trim_matches([' ', '\t', '\r', ';']).is_empty() && !comment)
        .then(|| Span::new(place.file, lines.start..(lines.end + 1).min(text.len())))
}

/// What to remove so that a whole node is gone; nothing where it stands on lines with others, or has
/// comments in it. In YAML one that is `alone` among its kind would leave a key without a value.
pub(super) fn node(files: &Files, whole: Span, alone: bool) -> Option<Span> {
    match format(files, whole)? {
        Format::Kdl => own_lines(files, whole),
        Format::Yaml if !alone => own_lines(files, whole),
        _ => None,
    }
}

/// What to remove so that one of several words is gone, or, if it is the only one, what says them.
pub(super) fn word(files: &Files, place: Span) -> Option<Span> {
    let (text, line) = line(files, place)?;
    let (before, after) = (&text[line.start..place.range().start], &text[place.end()..line.end]);
    let here = |range: std::ops::Range<usize>| Some(Span::new(place.file, range));
    let whole_line = || here(line.start..(line.end + 1).min(text.len()));
    let is_word = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    };
    let start = line.start;
    match format(files, place)? {
        // `lint allow="S602"`
        Format::Kdl if before.ends_with('=') => {
            let node = before.trim_end_matches(|c: char| !c.is_whitespace()).trim_end();
            if is_word(node.trim()) && after.trim().is_empty() {
                return whole_line();
            }
            here(start + node.len()..place.end())
        }
        Format::Kdl => {
            if is_word(before.trim()) && after.trim().is_empty() {
                return whole_line();
            }
            let kept = before.trim_end();
            (kept.len() < before.len() && !kept.ends_with(['{', ';']))
                .then(|| here(start + kept.len()..place.end()))?
        }
        Format::Yaml | Format::Json => {
            let kept = before.trim_end();
            if kept.ends_with(['[', ',']) && after.trim_start().starts_with(',') {
                let rest = after.trim_start()[1..].trim_start();
                return here(place.range().start..line.end - rest.len());
            }
            if let Some(kept) = kept.strip_suffix(',') {
                return here(start + kept.len()..place.end());
            }
            // `volumes: [data]`, a key of the manifest itself
            let key = kept.strip_suffix('[').filter(|_| after.trim() == "]").map(str::trim_end);
            let key = key.or(Some(kept).filter(|_| after.trim().is_empty()))?;
            key.strip_suffix(':').filter(|key| is_word(key)).and_then(|_| whole_line())
        }
    }
}

/// A setting of a node: what is inserted behind `head`, its name or its keyword, if it is seen how.
pub(super) fn setting(
    files: &Files,
    head: Span,
    key: &str,
    kdl: &str,
    yaml: &str,
) -> Option<(Span, String)> {
    let text = files.get(head.file)?.text.as_str();
    let behind = text.get(head.end()..)?;
    let at = |offset: usize| Span::new(head.file, head.end() + offset..head.end() + offset);
    let format = format(files, head)?;
    let quote = if format == Format::Json { "\"" } else { "" };
    if format == Format::Kdl {
        return Some((at(0), format!(" {key}={kdl}")));
    }
    let value = behind.trim_start().strip_prefix(':')?;
    let value = value.trim_start_matches([' ', '\t']);
    let offset = behind.len() - value.len();
    if let Some(inside) = value.strip_prefix('{') {
        let comma = if inside.trim_start().starts_with('}') { "" } else { ", " };
        return Some((at(offset + 1), format!("{quote}{key}{quote}: {yaml}{comma}")));
    }
    // The indentation of what follows, if that is inside.
    let (_, next) = value
        .strip_prefix('\r')
        .unwrap_or(value)
        .split_once('\n')
        .filter(|(rest, _)| rest.is_empty())?;
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let (_, own) = line(files, head)?;
    let first = next.lines().next().filter(|line| !line.trim_start().starts_with(['#', '-']))?;
    if indent(first) <= indent(&text[own]) {
        return None;
    }
    let offset = behind.len() - next.len();
    Some((at(offset), format!("{}{key}: {yaml}\n", " ".repeat(indent(first)))))
}

/// A node inside of another one whose name or keyword is `head`: what is inserted, if it is seen where.
/// `kdl` is the whole node, `yaml` its value in a form that JSON has as well.
pub(super) fn child(
    files: &Files,
    head: Span,
    key: &str,
    kdl: &str,
    yaml: &str,
) -> Option<(Span, String)> {
    if format(files, head)? != Format::Kdl {
        return setting(files, head, key, yaml, yaml);
    }
    let text = files.get(head.file)?.text.as_str();
    let behind = text.get(head.end()..)?;
    let brace = behind.find('{').filter(|at| behind[..*at].trim().is_empty())?;
    let inside = &behind[brace + 1..];
    let (rest, below) = inside.split_once('\n').unwrap_or((inside, ""));
    let at = head.end() + brace + 1;
    let here = Span::new(head.file, at..at);
    match rest.trim() {
        "" => {
            let next = below.lines().find(|line| !line.trim().is_empty())?;
            let indent = &next[..next.len() - next.trim_start().len()];
            let (_, own) = line(files, head)?;
            let deeper = indent.len() > text[own.clone()].len() - text[own].trim_start().len();
            deeper.then(|| (here, format!("\n{indent}{kdl}")))
        }
        rest if rest.starts_with('/') => None,
        _ => Some((here, format!(" {kdl};"))),
    }
}

/// The edits that put a node with the comments above it before another one, its sibling further up, if
/// both have their lines for themselves.
pub(super) fn move_before(files: &Files, node: Span, sibling: Span) -> Option<[(Span, String); 2]> {
    // The marker of a list's entry goes with it.
    let lines = |place: Span| {
        let place = place.part(0..files.text(place).trim_end().len());
        let (text, lines) = line(files, place)?;
        let before = &text[lines.start..place.range().start];
        let after = text[place.end()..lines.end].trim();
        let alone = matches!(before.trim(), "" | "-") && matches!(after, "" | ";");
        let end = lines.end + 1;
        (alone && end <= text.len()).then_some((text, lines.start..end, before))
    };
    let (text, own, indent) = lines(node)?;
    let (_, target, other) = lines(sibling)?;
    if node.file != sibling.file || target.end > own.start || indent != other {
        return None;
    }
    let commented = |start: usize| {
        let mut start = start;
        while let Some(above) = text[..start].strip_suffix('\n') {
            let line = above.rfind('\n').map_or(0, |at| at + 1);
            let written = text[line..start].trim_start();
            if !written.starts_with("//") && !written.starts_with('#') {
                break;
            }
            start = line;
        }
        start
    };
    let (own, target) = (commented(own.start)..own.end, commented(target.start));
    let moved = text[own.clone()].to_owned();
    Some([
        (Span::new(node.file, target..target), moved),
        (Span::new(node.file, own), String::new()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Code, FileId, Severity};

    const CODE: Code = Code { code: "S1", name: "n", severity: Severity::Error, explain: "" };

    /// A text with the place between two `^`.
    fn place(name: &str, marked: &str) -> (Files, Span) {
        let parts: Vec<&str> = marked.split('^').collect();
        let start = parts[0].len();
        let mut files = Files::default();
        let id: FileId = files.add(name, parts.concat());
        (files, Span::new(id, start..start + parts[1].len()))
    }

    #[track_caller]
    fn removes(name: &str, marked: &str, how: fn(&Files, Span) -> Option<Span>, left: &str) {
        let (files, span) = place(name, marked);
        let mut text = marked.replace('^', "");
        if let Some(removed) = how(&files, span) {
            text.replace_range(removed.range(), "");
        }
        assert_eq!(text, left);
    }

    #[test]
    fn a_word_goes_with_what_separates_it() {
        for (marked, left) in [
            ("volumes ^\"a\"^ \"b\"\n", "volumes \"b\"\n"),
            ("volumes \"a\" ^\"b\"^ // c\n", "volumes \"a\" // c\n"),
            ("x\nvolumes ^\"a\"^\ny\n", "x\ny\n"),
            ("lint allow=^\"S1\"^\n", ""),
            ("lint allow=^\"S1\"^ deny=\"S2\"\n", "lint deny=\"S2\"\n"),
            ("lint { allow ^\"S1\"^ \"S2\" }\n", "lint { allow \"S2\" }\n"),
        ] {
            removes("a.kdl", marked, word, left);
        }
        for (marked, left) in [
            ("volumes: [^a^, b]\n", "volumes: [b]\n"),
            ("volumes: [a, ^b^]\n", "volumes: [a]\n"),
            ("volumes: [^a^]\nx: 1\n", "x: 1\n"),
            ("volumes: ^a^\n", ""),
            ("lint:\n  allow: [^a^]\n", "lint:\n  allow: [a]\n"),
            ("lint: {allow: ^a^}\n", "lint: {allow: a}\n"),
            ("volumes: ^a^ # why\n", "volumes: a # why\n"),
        ] {
            removes("a.yaml", marked, word, left);
        }
    }

    #[test]
    fn a_node_goes_if_its_lines_are_its_own() {
        let alone = |files: &Files, span| node(files, span, true);
        let one_of_many = |files: &Files, span| node(files, span, false);
        removes("a.kdl", "a\n  ^b {\n c\n}^\nd\n", alone, "a\nd\n");
        removes("a.kdl", "a; ^b^\n", alone, "a; b\n");
        removes("a.kdl", "^b { // why\n}^\n", alone, "b { // why\n}\n");
        removes("a.yaml", "s:\n  ^b: {x: y}^\n  c: {}\n", one_of_many, "s:\n  c: {}\n");
        removes("a.yaml", "s:\n  ^b: {x: y}^\n", alone, "s:\n  b: {x: y}\n");
        removes("a.yaml", "s: {^b: {}^, c: {}}\n", one_of_many, "s: {b: {}, c: {}}\n");
    }

    #[test]
    fn a_setting_is_written_as_the_others_are() {
        for (name, marked, expected) in [
            ("a.kdl", "prometheus ^\"a\"^ { b }\n", "prometheus \"a\" k=1 { b }\n"),
            ("a.yaml", "x:\n  ^a^: {b: c}\n", "x:\n  a: {k: 2, b: c}\n"),
            ("a.yaml", "x: {^a^: {}}\n", "x: {a: {k: 2}}\n"),
            ("a.yaml", "^a^:\n  b: c\n", "a:\n  k: 2\n  b: c\n"),
            ("a.yaml", "^a^:\nb: c\n", "a:\nb: c\n"),
            ("a.yaml", "^a^:\n  # why\n  b: c\n", "a:\n  # why\n  b: c\n"),
            ("a.json", "{^\"a\"^: {\"b\": 1}}", "{\"a\": {\"k\": 2, \"b\": 1}}"),
        ] {
            let (files, span) = place(name, marked);
            let mut text = marked.replace('^', "");
            if let Some((at, new)) = setting(&files, span, "k", "1", "2") {
                text.replace_range(at.range(), &new);
            }
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn a_node_is_written_first_into_a_block() {
        for (name, marked, expected) in [
            ("a.kdl", "s ^\"a\"^ { b; }\n", "s \"a\" { k \"v\"; b; }\n"),
            ("a.kdl", "s ^\"a\"^ {\n    b\n}\n", "s \"a\" {\n    k \"v\"\n    b\n}\n"),
            ("a.kdl", "s ^\"a\"^ { // why\n    b\n}\n", "s \"a\" { // why\n    b\n}\n"),
            ("a.kdl", "s ^\"a\"^\nt { b }\n", "s \"a\"\nt { b }\n"),
            ("a.yaml", "^a^:\n  b: c\n", "a:\n  k: {}\n  b: c\n"),
        ] {
            let (files, span) = place(name, marked);
            let mut text = marked.replace('^', "");
            if let Some((at, new)) = child(&files, span, "k", "k \"v\"", "{}") {
                text.replace_range(at.range(), &new);
            }
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn a_node_moves_with_the_comments_above_it() {
        for (name, text, first, second, expected) in [
            (
                "a.kdl",
                "a {\n  // x\n  b 1\n  // y\n  c {\n  }\n}\n",
                "b 1",
                "c {\n  }",
                "a {\n  // y\n  c {\n  }\n  // x\n  b 1\n}\n",
            ),
            (
                "a.yaml",
                "a:\n  - {b: 1}\n  - {c: 2}\n",
                "{b: 1}",
                "{c: 2}",
                "a:\n  - {c: 2}\n  - {b: 1}\n",
            ),
            ("a.yaml", "a: [{b: 1}, {c: 2}]\n", "{b: 1}", "{c: 2}", "a: [{b: 1}, {c: 2}]\n"),
            ("a.kdl", "b; c\n", "b", "c", "b; c\n"),
        ] {
            let mut files = Files::default();
            let id: FileId = files.add(name, text.to_owned());
            let at = |part: &str| text.find(part).map(|at| Span::new(id, at..at + part.len()));
            let (first, second) = (at(first).unwrap(), at(second).unwrap());
            let mut text = text.to_owned();
            for (at, new) in move_before(&files, second, first).into_iter().flatten().rev() {
                text.replace_range(at.range(), &new);
            }
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn a_name_keeps_what_is_around_it() {
        for (marked, expected) in [
            ("^\"http://bd:80\"^", "\"http://db:80\""),
            ("^bd^", "db"),
            ("^'bd'^", "'db'"),
            // Which of both is not known.
            ("^\"bd:bd\"^", "\"bd:bd\""),
            ("^abd^", "abd"),
        ] {
            let (files, span) = place("a.yaml", marked);
            let finding = rename_to_similar(CODE.says(""), &files, span, "bd", ["app", "db"]);
            let mut text = marked.replace('^', "");
            for edit in finding.fix.iter().flat_map(|fix| &fix.replacements) {
                text.replace_range(edit.span.range(), &edit.text);
            }
            assert_eq!(text, expected);
        }
    }
}
