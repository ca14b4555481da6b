//! Serde values as YAML that YAML 1.1 and 1.2 readers understand alike.
//!
//! libyaml's own emitter quotes by the rules of 1.2 only; `22:22`, `1e3`, `0777`, `2026-01-01` and
//! `0x1F` then change their meaning in PyYAML or in Ruby. Here a text stays bare only where no
//! reader can take it for anything else. Blocks throughout, two spaces, lines are never folded.

use serde::Serialize;
use serde_yaml::Value;

/// Text of a value. Keys keep the order in which they are serialised.
///
/// # Panics
/// Never for the types of [`crate::wire`]: their maps have text keys.
pub fn to_yaml<T: Serialize>(value: &T) -> String {
    let value = serde_yaml::to_value(value).expect("wire types have text keys and finite depth");
    let mut out = String::new();
    match &value {
        Value::Mapping(map) if !map.is_empty() => block(&value, 0, &mut out),
        Value::Sequence(list) if !list.is_empty() => block(&value, 0, &mut out),
        _ => {
            inline(&value, 0, &mut out);
            out.push('\n');
        }
    }
    out
}

/// Writes a non-empty collection; the cursor stands where its first line begins.
fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Mapping(map) => {
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    pad(indent, out);
                }
                match key {
                    Value::String(text) => key_text(text, out),
                    other => inline(other, indent, out),
                }
                out.push(':');
                if is_block(value) {
                    out.push('\n');
                    pad(indent + 2, out);
                    block(value, indent + 2, out);
                } else {
                    out.push(' ');
                    inline(value, indent, out);
                    out.push('\n');
                }
            }
        }
        Value::Sequence(list) => {
            for (index, value) in list.iter().enumerate() {
                if index > 0 {
                    pad(indent, out);
                }
                out.push_str("- ");
                if is_block(value) {
                    block(value, indent + 2, out);
                } else {
                    inline(value, indent, out);
                    out.push('\n');
                }
            }
        }
        other => inline(other, indent, out),
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Mapping(map) => !map.is_empty(),
        Value::Sequence(list) => !list.is_empty(),
        _ => false,
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Writes a scalar or an empty collection, without the line's end.
fn inline(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => {
            let text = number.to_string();
            match text.split_once('e') {
                // YAML 1.1 knows a float with an exponent by its point and sign.
                Some((mantissa, exponent)) => {
                    out.push_str(mantissa);
                    if !mantissa.contains('.') {
                        out.push_str(".0");
                    }
                    out.push('e');
                    if !exponent.starts_with('-') {
                        out.push('+');
                    }
                    out.push_str(exponent);
                }
                None => out.push_str(&text),
            }
        }
        Value::String(text) if text.contains('\n') && fits_literal(text) => {
            out.push_str(if text.ends_with('\n') { "|" } else { "|-" });
            for line in text.trim_end_matches('\n').split('\n') {
                out.push('\n');
                if !line.is_empty() {
                    pad(indent + 2, out);
                    out.push_str(line);
                }
            }
        }
        Value::String(text) => key_text(text, out),
        Value::Sequence(_) => out.push_str("[]"),
        Value::Mapping(_) => out.push_str("{}"),
        Value::Tagged(tagged) => inline(&tagged.value, indent, out),
    }
}

/// Writes a text on one line, bare or quoted.
fn key_text(text: &str, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
    } else if text.chars().all(is_printable) {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
    } else {
        double_quoted(text, out);
    }
}

fn double_quoted(text: &str, out: &mut String) {
    use std::fmt::Write;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_printable(c) => out.push(c),
            c if (c as u32) <= 0xff => {
                let _ = write!(out, "\\x{:02X}", c as u32);
            }
            c if (c as u32) <= 0xffff => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => {
                let _ = write!(out, "\\U{:08X}", c as u32);
            }
        }
    }
    out.push('"');
}

/// Printable on one line in every version of YAML.
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// Whether a text of several lines can stand in a `|` block as it is.
fn fits_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    !body.is_empty()
        && !body.ends_with('\n')
        && !body.starts_with(['\n', ' ', '\t'])
        && body.split('\n').all(|line| {
            line.chars().all(|c| c == '\t' || is_printable(c))
                && (line.is_empty() || !line.trim_matches([' ', '\t']).is_empty())
        })
}

/// Whether every reader takes the bare text for this very text.
fn is_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let starts_well = match first {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '/' | '.' | '$' | '(' | '+' | '^' => true,
        '-' => text.len() > 1 && !text.starts_with("- ") && !text.starts_with("---"),
        c => c.is_alphabetic() && is_printable(c),
    };
    starts_well
        && text.chars().all(is_printable)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && text != "..."
        && !text.starts_with("... ")
        && !is_word(text)
        && !is_numeric(text)
}

/// Words that some version of YAML reads as a truth value or as nothing.
fn is_word(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Anything that looks like a number, a date or base 60 to some version of YAML; too much is quoted
/// rather than too little.
fn is_numeric(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    if matches!(lower.as_str(), ".inf" | ".nan" | "inf" | "nan" | "infinity") {
        return true;
    }
    let radix = |prefix: &str, digits: &str| {
        lower.strip_prefix(prefix).is_some_and(|rest| {
            !rest.is_empty() && rest.chars().all(|c| c == '_' || digits.contains(c))
        })
    };
    let only_numeric = lower.chars().all(|c| c.is_ascii_digit() || "_,.:e+-".contains(c));
    let has_digit = lower.contains(|c: char| c.is_ascii_digit());
    // 2026-01-01T00:00:00Z, 2026-1-1 10:00:00
    let date = || {
        let bytes = text.as_bytes();
        bytes.len() >= 8 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-'
    };
    (has_digit && only_numeric)
        || radix("0x", "0123456789abcdef")
        || radix("0o", "01234567")
        || radix("0b", "01")
        || date()
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;

    fn check(text: &str, expected: &str) {
        let written = to_yaml(&text);
        assert_eq!(written.trim_end_matches('\n'), expected);
        assert_eq!(serde_yaml::from_str::<Value>(&written).unwrap(), Value::from(text));
    }

    #[test]
    fn what_yaml_1_1_misreads_is_quoted() {
        for text in [
            "no",
            "No",
            "NO",
            "yes",
            "on",
            "Off",
            "y",
            "N",
            "true",
            "null",
            "~",
            "22:22",
            "1e3",
            "0777",
            "0o17",
            "0x1F",
            "0b101",
            "1_000",
            "1.5",
            ".5",
            ".inf",
            "-.INF",
            ".NaN",
            "+12",
            "-7",
            "2026-01-01",
            "2026-01-01T10:00:00Z",
            "127.0.0.1:3306:3306",
            "1:2:3",
            "=",
            "<<",
            "",
            " ",
            "a ",
            "- a",
            "a: b",
            "a #b",
            "a:",
            "#a",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a`",
            "{a}",
            "[a]",
            "'",
            "\"",
            "?",
            ":",
            "---",
            "...",
            "é: ü",
            "12e03",
            "190:20:30",
        ] {
            let written = to_yaml(&text);
            assert!(written.starts_with(['\'', '"']), "{text:?} came out as {written}");
            assert_eq!(serde_yaml::from_str::<Value>(&written).unwrap(), Value::from(text));
        }
    }

    #[test]
    fn ordinary_texts_stay_bare() {
        for text in [
            "node-exporter:9100",
            "15s",
            "1h30m",
            "up == 0",
            "up{job=\"node\"} > 1",
            "/metrics",
            "--web.listen-address=:9090",
            "(a + b) / c",
            "$__rate_interval",
            "monday",
            "é",
            "30d",
            "mysql:8.4.6",
            "service_healthy",
            "./monitoring:/etc/prometheus:ro",
            "a,b",
            "a\\b",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn lines_go_into_a_block() {
        let map = IndexMap::from([("expr", "sum(\n  rate(x[5m])\n)"), ("next", "a\n\nb\n")]);
        let written = to_yaml(&map);
        assert_eq!(written, "expr: |-\n  sum(\n    rate(x[5m])\n  )\nnext: |\n  a\n\n  b\n");
        assert_eq!(
            serde_yaml::from_str::<IndexMap<&str, String>>(&written).unwrap()["next"],
            "a\n\nb\n"
        );
    }

    #[test]
    fn nested_blocks_are_indented_by_two() {
        let value: Value = serde_yaml::from_str(
            "{a: [{b: 1, c: [x, 'no']}, [], [[1], {}]], d: {e: null, f: 1.0e+20}, g: true}",
        )
        .unwrap();
        let written = to_yaml(&value);
        assert_eq!(
            written,
            "a:\n  - b: 1\n    c:\n      - x\n      - 'no'\n  - []\n  - - - 1\n    - {}\nd:\n  e: null\n  f: 1.0e+20\ng: true\n"
        );
        assert_eq!(serde_yaml::from_str::<Value>(&written).unwrap(), value);
    }

    proptest::proptest! {
        #[test]
        fn any_text_survives(text in "(?s).{0,24}", key in "[ -~\u{85}\u{2028}\n\t]{0,6}") {
            let map = IndexMap::from([(key.clone(), vec![text.clone()])]);
            let written = to_yaml(&map);
            let read: IndexMap<String, Vec<String>> = serde_yaml::from_str(&written).unwrap();
            proptest::prop_assert_eq!(read, map);
        }

        #[test]
        fn any_collision_with_numbers_survives(text in "[-+0-9eE_.:xob]{1,8}") {
            let written = to_yaml(&text);
            let read: Value = serde_yaml::from_str(&written).unwrap();
            proptest::prop_assert_eq!(read, Value::from(text));
        }
    }
}
