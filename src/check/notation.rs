//! What messages and help texts quote is said in the notation of the file that they are about: rules
//! write KDL, and for YAML and JSON settings and references are turned here, in one place.

use std::path::Path;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::diag::{FileId, Files, Findings, Span};
use crate::manifest::Format;

/// A setting or a reference: `bind="::1"`, `modulus=4`, `password=(secret)"x"`, `(secret)"x"`.
const ONE: &str = r#"(?:(\w+)=)?(?:\((secret|env|file)\))?("[^"{}]*"|#?[a-z0-9.]+)"#;
static ALL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!("^{ONE}(?: {ONE})*$")).expect("a constant expression is valid")
});
static EACH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(ONE).expect("a constant expression is valid"));

/// Turns all findings about files in YAML or JSON.
pub(super) fn speak(files: &Files, findings: &mut Findings) {
    for finding in findings.iter_mut() {
        // What is wrong in a dashboard's file is mended there or in the manifest; settings are its.
        let id = finding.span().file;
        let id = if files.naming(id).next().is_some() { FileId(0) } else { id };
        let Some(file) = files.get(id) else { continue };
        let json = match Format::of(Path::new(&file.name)) {
            Some(Format::Json) => true,
            Some(Format::Yaml) => false,
            Some(Format::Kdl) | None => continue,
        };
        finding.message = turned(&finding.message, json);
        finding.help = finding.help.as_ref().map(|help| turned(help, json));
    }
}

/// Yes or no as it is written in the file that a span lies in: what a fix puts there.
pub(super) fn switch(files: &Files, span: Span, on: bool) -> &'static str {
    let name = files.name(span.file);
    match (Format::of(Path::new(name)), on) {
        (Some(Format::Yaml | Format::Json), true) => "true",
        (Some(Format::Yaml | Format::Json), false) => "false",
        (_, true) => "#true",
        (_, false) => "#false",
    }
}

/// The text with what stands between backticks turned, where that is nothing but settings.
fn turned(text: &str, json: bool) -> String {
    let parts = text.split('`').enumerate().map(|(at, part)| match at % 2 {
        1 => snippet(part, json),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("`")
}

fn snippet(text: &str, json: bool) -> String {
    let settings = text.split(' ').all(|word| word.contains('=')) && !text.contains("==");
    let reference = text.starts_with('(') && !text.contains(' ');
    if !(settings || reference) || !ALL.is_match(text) {
        return text.to_owned();
    }
    let key = |name: &str| if json { format!("\"{name}\": ") } else { format!("{name}: ") };
    let one = |found: &Captures<'_>| {
        let value = found[3].trim_start_matches('#');
        let name = found.get(1).map_or(String::new(), |name| key(name.as_str()));
        match found.get(2) {
            Some(tag) if json => format!("{name}{{{}{value}}}", key(tag.as_str())),
            Some(tag) => format!("{name}{{{}{}}}", key(tag.as_str()), value.trim_matches('"')),
            None => format!("{name}{value}"),
        }
    };
    EACH.captures_iter(text).map(|found| one(&found)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_and_references_are_turned_and_nothing_else() {
        let check = |text: &str, yaml: &str, json: &str| {
            assert_eq!((turned(text, false).as_str(), turned(text, true).as_str()), (yaml, json));
        };
        check("add `bind=\"::1\"`", "add `bind: \"::1\"`", "add `\"bind\": \"::1\"`");
        check("`(secret)\"ab\"`", "`{secret: ab}`", "`{\"secret\": \"ab\"}`");
        check(
            "`user=\"o\" password=(secret)\"p\"`",
            "`user: \"o\", password: {secret: p}`",
            "`\"user\": \"o\", \"password\": {\"secret\": \"p\"}`",
        );
        check("`on=#true`", "`on: true`", "`\"on\": true`");
        for other in
            ["x=\"1\"", "`up == 0`", "`x{a=\"b\"}`", "`port 80`", "`node`", "`=`", "`a!=b`"]
        {
            check(other, other, other);
        }
    }
}
