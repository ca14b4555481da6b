//! Whether every `if`, `range`, `with`, `define` and `block` has its `end`.

use super::TemplateError;

/// An action `{{…}}`.
struct Action<'t> {
    offset: usize,
    len: usize,
    /// What stands in it, without delimiters, trim marks and blanks.
    inner: &'t str,
}

/// A block that waits for its `end`.
struct Open<'t> {
    keyword: &'t str,
    offset: usize,
    len: usize,
    has_else: bool,
}

/// Checks the blocks of a text whose actions are all closed.
pub(super) fn check_blocks(text: &str) -> Result<(), TemplateError> {
    let mut open: Vec<Open<'_>> = Vec::new();
    for Action { offset, len, inner } in actions(text) {
        let fail = |message: &str| Err(TemplateError { offset, len, message: message.to_owned() });
        let mut words = inner.split_whitespace();
        let keyword = words.next().unwrap_or_default();
        match keyword {
            "define" if !open.is_empty() => return fail("unexpected {{define}} inside a block"),
            "if" | "range" | "with" | "block" | "define" => {
                open.push(Open { keyword, offset, len, has_else: false });
            }
            "end" => match open.pop() {
                Some(_) => {}
                None => return fail("unexpected {{end}}"),
            },
            "else" => match open.last_mut() {
                Some(block) if matches!(block.keyword, "if" | "range" | "with") => {
                    if block.has_else {
                        return fail("expected end; found {{else}}");
                    }
                    block.has_else = words.next().is_none();
                }
                _ => return fail("unexpected {{else}}"),
            },
            _ => {}
        }
    }
    match open.pop() {
        None => Ok(()),
        Some(Open { keyword, offset, len, .. }) => {
            let message = format!("unexpected end of template: `{keyword}` has no `end`");
            Err(TemplateError { offset, len, message })
        }
    }
}

/// All actions but comments.
fn actions(text: &str) -> Vec<Action<'_>> {
    let mut actions = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("{{") {
        let offset = at + found;
        let mut start = offset + 2;
        let marked = text[start..]
            .strip_prefix('-')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_whitespace()));
        if marked {
            start += 1;
        }
        let end = action_end(text, start);
        at = (end + 2).min(text.len());
        let inner = text[start..end].trim();
        if !inner.starts_with("/*") {
            let inner = inner.strip_suffix('-').unwrap_or(inner).trim_end();
            actions.push(Action { offset, len: at - offset, inner });
        }
    }
    actions
}

/// Where the `}}` of the action stands whose inside starts here; strings and comments may hold one.
fn action_end(text: &str, start: usize) -> usize {
    if text[start..].trim_start().starts_with("/*") {
        let comment = text[start..].find("*/").map_or(text.len(), |end| start + end + 2);
        return text[comment..].find("}}").map_or(text.len(), |end| comment + end);
    }
    let bytes = text.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'}' if text[at..].starts_with("}}") => return at,
            quote @ (b'"' | b'\'' | b'`') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    // A backslash keeps the next character from ending the string.
                    at += if bytes[at] == b'\\' && quote != b'`' { 2 } else { 1 };
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> Option<(&str, String)> {
        let error = check_blocks(text).err()?;
        Some((&text[error.offset..error.offset + error.len], error.message))
    }

    #[test]
    fn every_block_needs_its_end() {
        for text in [
            "{{if .a}}x{{else if .b}}y{{else}}z{{end}}",
            "{{- range .x -}}{{ else }}{{- end -}}",
            "{{/* {{if}} */}}{{ \"{{if .x}}\" }}{{ `}}` }}{{ '}' }}",
            "{{define \"x\"}}{{with .}}{{end}}{{end}}",
        ] {
            assert_eq!(problem(text), None, "{text}");
        }
        for (text, at, message) in [
            (
                "a{{if .x}}b{{range .y}}c{{end}}",
                "{{if .x}}",
                "unexpected end of template: `if` has no `end`",
            ),
            ("a{{end}}b", "{{end}}", "unexpected {{end}}"),
            ("{{ else }}", "{{ else }}", "unexpected {{else}}"),
            ("{{if 1}}{{else}}{{else}}{{end}}", "{{else}}", "expected end; found {{else}}"),
            (
                "{{if 1}}{{define \"x\"}}{{end}}{{end}}",
                "{{define \"x\"}}",
                "unexpected {{define}} inside a block",
            ),
        ] {
            assert_eq!(problem(text), Some((at, message.to_owned())), "{text}");
        }
    }
}
