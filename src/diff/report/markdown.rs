//! For a comment below a pull request.

use std::fmt::Write as _;

use super::text::area;
use super::words::{Words, subject, words};
use super::{Report, mark};

/// The report in GitHub's Markdown.
pub fn markdown(report: &Report<'_>) -> String {
    let (before, after) = (code(report.before), code(report.after));
    if report.changes.is_empty() {
        return format!("**{before} → {after}:** no difference\n");
    }
    let mut out = format!("**{before} → {after}:** {}\n", report.summary());
    if !report.risks.is_empty() {
        out.push_str("\n> [!WARNING]\n");
        for risk in report.risks {
            let name = if risk.name.is_empty() { String::new() } else { code(&risk.name) + " " };
            let _ = writeln!(out, "> - {} {name}{}", risk.kind.word(), escaped(&risk.message));
        }
    }
    let mut last = None;
    for change in report.changes {
        let area = area(change.thing().kind);
        if last != Some(area) {
            let _ = write!(out, "\n### {area}\n\n");
        }
        last = Some(area);
        let (kind, name) = subject(change.thing(), &change.within);
        let _ = write!(out, "- **{}** {kind}", mark(change.fate));
        if !name.is_empty() {
            let _ = write!(out, " {}", code(&name));
        }
        let Words { short, long } = words(change);
        if !short.is_empty() {
            let short: Vec<String> = short.iter().map(|text| escaped(text)).collect();
            let _ = write!(out, ": {}", short.join("; "));
        }
        if let Some(at) = report.at_after(change).or_else(|| report.at_before(change)) {
            let _ = write!(out, " ({at})");
        }
        out.push('\n');
        for long in long {
            let all = long.before.iter().chain(&long.after);
            // More backticks than there are in what stands between them.
            let fence = "`".repeat(all.map(|line| longest_run(line)).max().unwrap_or(0).max(2) + 1);
            let _ = writeln!(out, "  - {}\n    {fence}diff", escaped(&long.name));
            for (mark, lines) in [('-', &long.before), ('+', &long.after)] {
                for line in lines {
                    let _ = writeln!(out, "    {mark} {line}");
                }
            }
            let _ = writeln!(out, "    {fence}");
        }
    }
    out
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A span of code that ends where it should.
fn code(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A text without any meaning of its own.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]<>|~#".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out.replace("-\\>", "→")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_is_markdown() {
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`x`"), "`` `x` ``");
        assert_eq!(escaped("for 2m -> 5m; a_b *c*"), "for 2m → 5m; a\\_b \\*c\\*");
    }
}
