//! Variables in the texts of a dashboard: `$job`, `${job:regex}`, `[[job]]`.

use std::ops::Range;

/// A place where a text refers to a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention<'t> {
    /// Name of the variable.
    pub name: &'t str,
    /// All of it, in bytes of the text.
    pub whole: Range<usize>,
    /// The name alone.
    pub place: Range<usize>,
}

/// The variables that a text refers to, in their order. What has no name of letters is left out: `$1`
/// of a replacement, `$` at the end of a regular expression.
pub fn mentions(text: &str) -> Vec<Mention<'_>> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(step) = memchr::memchr2(b'$', b'[', &bytes[at..]) {
        at += step;
        match mention(text, at) {
            Some(mention) => {
                at = mention.whole.end;
                found.push(mention);
            }
            None => at += 1,
        }
    }
    found
}

fn mention(text: &str, at: usize) -> Option<Mention<'_>> {
    let rest = &text[at..];
    let (open, close) = match rest.as_bytes() {
        [b'$', b'{', ..] => (2, "}"),
        [b'[', b'[', ..] => (2, "]]"),
        [b'$', ..] => (1, ""),
        _ => return None,
    };
    let len = rest[open..]
        .find(|c: char| c != '_' && !c.is_ascii_alphanumeric())
        .unwrap_or(rest.len() - open);
    let place = at + open..at + open + len;
    let name = &text[place.clone()];
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let end = match close {
        "" => place.end,
        close => {
            // A path into the value and its format: `${x.text:csv}`.
            let behind = &text[place.end..];
            let end = behind.find(close)?;
            let format = |c: char| c.is_ascii_alphanumeric() || "_.:-,[]".contains(c);
            if !behind[..end].chars().all(format) {
                return None;
            }
            place.end + end + close.len()
        }
    };
    Some(Mention { name, whole: at..end, place })
}

/// Whether Grafana knows the variable by itself.
pub fn is_built_in(name: &str) -> bool {
    name.starts_with("__") || matches!(name, "timeFilter" | "interval" | "interval_ms")
}

/// Puts something of the same length in the place of variables, so that the rest can be parsed as PromQL
/// and offsets stay right: a duration where one belongs, else letters `v`.
pub fn masked(text: &str, mentions: &[Mention<'_>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_range = false;
    let mut done = 0;
    for Mention { whole, .. } in mentions {
        let between = &text[done..whole.start];
        for c in between.chars() {
            match c {
                '[' => in_range = true,
                ']' => in_range = false,
                _ => {}
            }
        }
        out.push_str(between);
        let len = whole.len();
        done = whole.end;
        let unit = text[done..].starts_with(|c: char| c.is_ascii_alphabetic());
        if !in_range && !out.trim_end().ends_with("offset") {
            out.extend(std::iter::repeat_n('v', len));
        } else if unit {
            // `${__range_s}s`: a number, whose unit follows.
            out.extend(std::iter::repeat_n('0', len - 1));
            out.push('1');
        } else {
            out.push_str("1m");
            out.extend(std::iter::repeat_n(' ', len - 2));
        }
    }
    out.push_str(&text[done..]);
    out
}

/// The part of a variable's query that is PromQL: of `label_values(up{job="x"}, instance)` the selector,
/// of `query_result(…)` the expression. `None` for queries that name a label only or none.
pub fn expression_of(query: &str) -> Option<Range<usize>> {
    let trimmed = query.trim_end();
    let inner = |name: &str| {
        let start = query.len() - query.trim_start().len();
        let rest = trimmed[start..].strip_prefix(name)?.trim_start().strip_prefix('(')?;
        let end = trimmed.strip_suffix(')')?.len();
        (end + 1 >= trimmed.len() - rest.len()).then_some(trimmed.len() - rest.len()..end)
    };
    if let Some(range) = inner("query_result") {
        return (!query[range.clone()].trim().is_empty()).then_some(range);
    }
    let range = inner("label_values")?;
    let comma = range.start + query[range.clone()].rfind(',')?;
    let label = query[comma + 1..range.end].trim();
    let is_name = !label.is_empty()
        && label.chars().all(|c| c == '_' || c == '$' || c.is_ascii_alphanumeric());
    (is_name && !query[range.start..comma].trim().is_empty()).then_some(range.start..comma)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_come_in_three_forms() {
        let text = "a$job ${b:regex} [[c]] [[d:csv]] ${e.f} $1 ^x$ [[1]] ${ x[5m] $$g ü$h";
        let found: Vec<&str> = mentions(text).iter().map(|mention| mention.name).collect();
        assert_eq!(found, ["job", "b", "c", "d", "e", "g", "h"]);
        for mention in mentions(text) {
            assert_eq!(&text[mention.place.clone()], mention.name);
        }
        assert_eq!(&text[mentions(text)[1].whole.clone()], "${b:regex}");
    }

    #[test]
    fn masks_keep_the_length() {
        let check = |text: &str, expected: &str| {
            let masked = masked(text, &mentions(text));
            assert_eq!(masked, expected);
            assert_eq!(text.len(), masked.len());
        };
        check("rate(x[$__rate_interval])", "rate(x[1m              ])");
        check("x{job=~\"$job\"}", "x{job=~\"vvvv\"}");
        check("x{job=~\"[[job]]\"}", "x{job=~\"vvvvvvv\"}");
        check("topk($n, x)", "topk(vv, x)");
        check("x[1h:${step}]", "x[1h:1m     ]");
        check("x offset $back", "x offset 1m   ");
        check("x[${__range_s}s]", "x[000000000001s]");
    }

    #[test]
    fn the_expression_of_a_variable_query_is_found() {
        let check = |query: &str, expected: Option<&str>| {
            assert_eq!(expression_of(query).map(|range| &query[range]), expected, "{query}");
        };
        check("label_values(up{a=\"b\",c=\"d\"}, job)", Some("up{a=\"b\",c=\"d\"}"));
        check(" label_values( up ,job) ", Some(" up "));
        check("query_result(topk(3, up))", Some("topk(3, up)"));
        check("label_values(job)", None);
        check("label_values(up, $label)", Some("up"));
        check("label_values(, job)", None);
        check("label_values()", None);
        check("label_values(", None);
        check("metrics(node_.*)", None);
        check("a,b", None);
    }
}
