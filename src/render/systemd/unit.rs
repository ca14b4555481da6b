//! Text of units: systemd.syntax(7), systemd.service(5). Settings in their order, values escaped.

use std::fmt::Write;

/// A unit while it is put together.
#[derive(Debug, Default)]
pub(super) struct Unit {
    text: String,
}

impl Unit {
    /// A unit that begins with some lines of comment.
    pub fn new(header: &str) -> Self {
        Self { text: header.to_owned() }
    }

    /// Begins a section.
    pub fn section(&mut self, name: &str) {
        let _ = writeln!(self.text, "{}[{name}]", if self.text.is_empty() { "" } else { "\n" });
    }

    /// Adds a setting whose value is ours: nothing in it is escaped.
    pub fn set(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.text, "{name}={value}");
    }

    /// Adds a setting whose value is somebody's text: `%` stands for itself.
    pub fn text(&mut self, name: &str, value: &str) {
        self.set(name, &plain(value));
    }

    /// The unit.
    pub fn finish(self) -> String {
        self.text
    }
}

/// A text on one line in which no specifier is replaced.
fn plain(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.replace('%', "%%")
}

/// A command line: words in which nothing is replaced.
pub(super) fn command(words: &[String]) -> String {
    words.iter().map(|word| quoted(&word.replace('$', "$$"))).collect::<Vec<_>>().join(" ")
}

/// An assignment for `Environment=`.
pub(super) fn assignment(name: &str, value: &str) -> String {
    quoted(&format!("{name}={value}"))
}

/// One word: in quotes where it would not be one without. `$` is special in commands only.
pub(super) fn quoted(word: &str) -> String {
    let word = word.replace('%', "%%");
    let bare = |c: char| !c.is_whitespace() && !c.is_control() && !"\"'\\;#".contains(c);
    if !word.is_empty() && word.chars().all(bare) {
        return word;
    }
    let mut text = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => {
                text.push('\\');
                text.push(c);
            }
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(text, "\\x{:02x}", c as u32);
            }
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words() {
        let check = |word: &str, expected: &str| assert_eq!(command(&[word.to_owned()]), expected);
        check("--a=b", "--a=b");
        check("", "\"\"");
        check("a b", "\"a b\"");
        check("50%", "50%%");
        check("$HOME", "$$HOME");
        check(r#"say "it's" \o/"#, r#""say \"it's\" \\o/""#);
        check("two\nlines", "\"two\\nlines\"");
        check("a;b", "\"a;b\"");
        assert_eq!(assignment("PRICE", "5$ 10%"), "\"PRICE=5$ 10%%\"");
    }

    #[test]
    fn descriptions_stay_on_their_line() {
        let mut unit = Unit::default();
        unit.section("Unit");
        unit.text("Description", "100% \"x\"\n[Service]");
        assert_eq!(unit.finish(), "[Unit]\nDescription=100%% \"x\" [Service]\n");
    }
}
