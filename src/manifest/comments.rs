//! Comments that speak to the program, and what they speak of.
//!
//! Behind something, a comment is about what begins on its line. On a line of its own it is about what
//! stands next, with everything in it: in KDL the next node of the same block, in YAML the next line
//! with all lines that are indented further. JSON has no comments.

use std::ops::Range;
use std::path::Path;

use super::kdl::tokens::{Kind, Token, tokens};
use super::{Format, yaml};
use crate::diag::{FileId, Files, Span};

/// How a comment begins that is meant for this program.
const MARK: &str = "stackctl:";

/// A comment with the mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// All of it.
    pub span: Span,
    /// What stands behind the mark.
    pub body: Span,
    /// What it is about; empty when nothing follows in its block.
    pub about: Span,
    /// What to remove so that it is gone: with its line where it stands alone, with the space before it
    /// where it does not.
    pub removal: Span,
}

/// All comments with the mark, file by file.
pub fn comments(files: &Files) -> Vec<Comment> {
    let mut found = Vec::new();
    for (id, file) in files.iter() {
        // Reading a file again costs time, so that only those with the mark are.
        if !file.text.contains(MARK) {
            continue;
        }
        match Format::of(Path::new(&file.name)) {
            Some(Format::Kdl) => in_kdl(&file.text, id, &mut found),
            Some(Format::Yaml) => in_yaml(&file.text, id, &mut found),
            Some(Format::Json) | None => {}
        }
    }
    found
}

fn in_kdl(text: &str, id: FileId, found: &mut Vec<Comment>) {
    let tokens = tokens(text);
    for (at, token) in tokens.iter().enumerate() {
        let all = &text[token.range.clone()];
        let inside = match token.kind {
            Kind::LineComment => token.range.start + 2..token.range.end,
            Kind::BlockComment => {
                token.range.start + 2..token.range.end - if all.ends_with("*/") { 2 } else { 0 }
            }
            _ => continue,
        };
        let about = if alone(text, token.range.start) {
            next_node(&tokens, at, token.range.end)
        } else {
            line_of(text, token.range.start)
        };
        found.extend(comment(text, id, token.range.clone(), inside, about));
    }
}

/// The node behind a comment, if one follows in the same block.
fn next_node(tokens: &[Token], comment: usize, behind: usize) -> Range<usize> {
    let is_space =
        |kind| matches!(kind, Kind::Space | Kind::Newline | Kind::LineComment | Kind::BlockComment);
    let Some(first) = tokens[comment..].iter().position(|token| !is_space(token.kind)) else {
        return behind..behind;
    };
    let first = comment + first;
    let (mut depth, mut joined, mut end) = (0_usize, false, tokens[first].range.start);
    for token in &tokens[first..] {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close | Kind::Semicolon if depth == 0 => break,
            Kind::Newline if depth == 0 && !joined => break,
            Kind::Close => depth -= 1,
            _ => {}
        }
        joined = token.kind == Kind::Continuation || joined && is_space(token.kind);
        joined &= token.kind != Kind::Newline;
        end = token.range.end;
    }
    tokens[first].range.start..end
}

fn in_yaml(text: &str, id: FileId, found: &mut Vec<Comment>) {
    let scalars = yaml::scalars(text);
    let mut at = 0;
    while let Some(next) = memchr::memchr(b'#', &text.as_bytes()[at..]) {
        let start = at + next;
        at = start + 1;
        let behind_space = text[..start].ends_with([' ', '\t', '\n', '\r']) || start == 0;
        let last = scalars.partition_point(|scalar| scalar.start <= start).checked_sub(1);
        let in_scalar = last.is_some_and(|last| scalars[last].end > start);
        if !behind_space || in_scalar {
            continue;
        }
        let end = line_of(text, start).end;
        at = end;
        let about = if alone(text, start) { next_entry(text, end) } else { line_of(text, start) };
        found.extend(comment(text, id, start..end, start + 1..end, about));
    }
}

/// The next line with something on it, and the lines that belong to it by their indentation.
fn next_entry(text: &str, behind: usize) -> Range<usize> {
    let mut about: Option<(Range<usize>, usize, bool)> = None;
    let mut at = behind;
    while at < text.len() {
        let line = line_of(text, at);
        let content = text[line.clone()].trim_start();
        let indent = text[line.clone()].len() - content.len();
        let item = content.starts_with("- ") || content == "-";
        if line.start > behind && !content.is_empty() && !content.starts_with('#') {
            match &mut about {
                None => about = Some((line.start + indent..line.end, indent, item)),
                // The items of a list may stand as far to the left as its key.
                Some((range, first, is_item)) => {
                    if indent <= *first && !(indent == *first && item && !*is_item) {
                        break;
                    }
                    range.end = line.end;
                }
            }
        }
        at = line.end + 1;
        // A line break of two bytes.
        if text[line.end.min(text.len())..].starts_with("\r\n") {
            at += 1;
        }
    }
    about.map_or(behind..behind, |(range, _, _)| range)
}

/// The comment when it has the mark. `inside` is what stands between its signs.
fn comment(
    text: &str,
    id: FileId,
    whole: Range<usize>,
    inside: Range<usize>,
    about: Range<usize>,
) -> Option<Comment> {
    let said = &text[inside.clone()];
    let behind_mark = said.trim_start().strip_prefix(MARK)?;
    let start = inside.end - behind_mark.trim_start().len();
    let body = start..start + behind_mark.trim().len();
    let span = |range: Range<usize>| Span::new(id, range);
    Some(Comment {
        removal: span(removal(text, &whole)),
        span: span(whole),
        body: span(body),
        about: span(about),
    })
}

fn removal(text: &str, comment: &Range<usize>) -> Range<usize> {
    let line = line_of(text, comment.start);
    let spaces = |text: &str| text.len() - text.trim_end_matches([' ', '\t']).len();
    let rest = &text[comment.end..line.end.max(comment.end)];
    if alone(text, comment.start) && rest.trim().is_empty() {
        let behind = &text[line.end..];
        let newline = ["\r\n", "\n"].iter().find(|newline| behind.starts_with(**newline));
        return line.start..line.end + newline.map_or(0, |newline| newline.len());
    }
    comment.start - spaces(&text[line.start..comment.start])..comment.end
}

/// Whether only space stands before this place in its line.
fn alone(text: &str, at: usize) -> bool {
    text[line_of(text, at).start..at].trim().is_empty()
}

/// The line around a place, without its line break.
fn line_of(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    let end = if text[start..end].ends_with('\r') { end - 1 } else { end };
    start..end.max(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each comment of a text says and what it is about, and the text without it.
    fn check(name: &str, text: &str, expected: &[(&str, &str, &str)]) {
        let mut files = Files::default();
        files.add(name, text);
        let found = comments(&files);
        let found: Vec<(&str, &str, String)> = found
            .iter()
            .map(|comment| {
                let Range { start, end } = comment.removal.range();
                let rest = format!("{}{}", &text[..start], &text[end..]);
                (files.text(comment.body), files.text(comment.about), rest)
            })
            .collect();
        let expected: Vec<(&str, &str, String)> = expected
            .iter()
            .map(|(body, about, rest)| (*body, *about, (*rest).to_owned()))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_comment_of_kdl_is_about_its_line_or_the_next_node() {
        check(
            "a.kdl",
            "a 1 // stackctl: x y\nb {\n  c\n}\n",
            &[("x y", "a 1 // stackctl: x y", "a 1\nb {\n  c\n}\n")],
        );
        check(
            "a.kdl",
            "// stackctl: x\n\n// why\nb {\n  c \"}\" \\\n    d\n}; e\n",
            &[("x", "b {\n  c \"}\" \\\n    d\n}", "\n// why\nb {\n  c \"}\" \\\n    d\n}; e\n")],
        );
        check("a.kdl", "b {\n  /* stackctl: x */\n}\nc", &[("x", "", "b {\n}\nc")]);
        check("a.kdl", "a \"// stackctl: x\"\n// stackctlx: y\n", &[]);
    }

    #[test]
    fn a_comment_of_yaml_is_about_its_line_or_the_next_entry() {
        check(
            "a.yaml",
            "a: 1 # stackctl: x\nb: '# stackctl: no'\nc: |\n  # stackctl: no\nd: e#f\n",
            &[(
                "x",
                "a: 1 # stackctl: x",
                "a: 1\nb: '# stackctl: no'\nc: |\n  # stackctl: no\nd: e#f\n",
            )],
        );
        check(
            "a.yml",
            "s:\n  # stackctl: x\n  k:\n  - a\n  - b: 1\n    c: 2\n  l: 3\n",
            &[(
                "x",
                "k:\n  - a\n  - b: 1\n    c: 2",
                "s:\n  k:\n  - a\n  - b: 1\n    c: 2\n  l: 3\n",
            )],
        );
        check(
            "a.yaml",
            "s:\n  # stackctl: x\n  - a: 1\n    b: 2\n  - c\n",
            &[("x", "- a: 1\n    b: 2", "s:\n  - a: 1\n    b: 2\n  - c\n")],
        );
        check("a.json", "{\"a\": \"# stackctl: x\"}", &[]);
    }
}
