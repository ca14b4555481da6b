//! Log lines: logfmt and JSON, as Go's programs write them, with the name of a container before them.

use super::pattern;

/// A log line.
#[derive(Debug)]
pub struct Entry {
    /// What went wrong; else what is said.
    pub text: String,
    /// All fields in their order.
    pub fields: Vec<(String, String)>,
}

impl Entry {
    /// The value of a field.
    fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Whether it tells of nothing bad.
    pub fn is_calm(&self) -> bool {
        let level = self.get("level").or(self.get("lvl")).unwrap_or_default();
        matches!(level.to_ascii_lowercase().as_str(), "info" | "debug" | "dbug" | "trace")
    }
}

/// Reads a log line; `None` for any other text.
pub fn read(line: &str) -> Option<Entry> {
    // `docker compose logs` puts the container's name in front.
    let line = match line.split_once(" | ") {
        Some((container, rest)) if !container.trim().contains(' ') => rest,
        _ => line,
    }
    .trim();
    let fields = if line.starts_with('{') { json(line)? } else { logfmt(line)? };
    let mut entry = Entry { text: String::new(), fields };
    let known =
        ["level", "lvl", "msg", "err", "error"].iter().any(|name| entry.get(name).is_some());
    if !known {
        return None;
    }
    let text = ["err", "error", "errors", "msg", "message"].iter().find_map(|name| entry.get(name));
    entry.text = text.unwrap_or(line).to_owned();
    Some(entry)
}

fn json(line: &str) -> Option<Vec<(String, String)>> {
    let serde_json::Value::Object(fields) = serde_json::from_str(line).ok()? else { return None };
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    Some(fields.into_iter().map(|(name, value)| (name, text(value))).collect())
}

/// `name=value name="value with \"quotes\""`; a text without two such pairs is none.
fn logfmt(line: &str) -> Option<Vec<(String, String)>> {
    let pairs = pattern!(r#"(?:^|\s)([\w.]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))"#);
    let fields: Vec<(String, String)> = pairs
        .captures_iter(line)
        .map(|pair| {
            let value = match (pair.get(2), pair.get(3)) {
                (Some(quoted), _) => unquoted(quoted.as_str()),
                (None, bare) => bare.map_or(String::new(), |bare| bare.as_str().to_owned()),
            };
            (pair[1].to_owned(), value)
        })
        .collect();
    let begins = line.split('=').next().is_some_and(|name| !name.contains(' '));
    (begins && fields.len() > 1).then_some(fields)
}

fn unquoted(text: &str) -> String {
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_taken_out_of_log_lines() {
        let text = |line: &str| read(line).map(|entry| entry.text);
        assert_eq!(
            text(r#"prometheus-1  | ts=2026 level=error msg="no" err="a: \"b\"\n  line 3: c""#)
                .as_deref(),
            Some("a: \"b\"\n  line 3: c")
        );
        assert_eq!(text(r#"{"level":"error","msg":"m","err":"e"}"#).as_deref(), Some("e"));
        assert_eq!(text("  FAILED: x=1 is not y"), None);
        assert_eq!(text("Checking prometheus.yml"), None);
        assert!(read(r#"level=info msg="error loading""#).is_some_and(|entry| entry.is_calm()));
    }
}
