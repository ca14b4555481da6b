//! Allowances in comments: `// stackctl: allow S306 reason="…"`. Where a comment stands says what it is
//! about, see [`crate::manifest::comments`].

use crate::diag::{Files, Finding, Findings, Spanned};
use crate::manifest::comments::{Comment, comments};

use super::levels::is_essential;

/// A comment that allows something.
#[derive(Debug)]
pub(super) struct Allowance {
    /// The comment.
    pub comment: Comment,
    /// Codes, names or groups.
    pub words: Vec<Spanned<String>>,
    /// What is wrong with the way it is written, if anything.
    pub fault: Option<Fault>,
}

/// Why a comment is no proper allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Something else than `allow` stands behind the mark.
    NotAllow,
    /// It names nothing.
    NoRule,
    /// It gives no reason, or an empty one.
    NoReason,
}

/// All of a manifest's files.
pub(super) fn read(files: &Files) -> Vec<Allowance> {
    comments(files).into_iter().map(|comment| parse(files, comment)).collect()
}

fn parse(files: &Files, comment: Comment) -> Allowance {
    let body = files.text(comment.body);
    let (names, reason) = match body.split_once("reason=") {
        Some((names, reason)) => (names, reason.trim().trim_matches('"').trim()),
        None => (body, ""),
    };
    let mut words = Vec::new();
    let mut at = 0;
    for word in names.split([' ', '\t', ',']) {
        if !word.is_empty() {
            words.push(Spanned::new(word.to_owned(), comment.body.part(at..at + word.len())));
        }
        at += word.len() + 1;
    }
    let allows = words.first().is_some_and(|word| word.as_str() == "allow");
    if allows {
        words.remove(0);
    }
    let fault = match (allows, words.is_empty(), reason.is_empty()) {
        (false, ..) => Some(Fault::NotAllow),
        (_, true, _) => Some(Fault::NoRule),
        (_, _, true) => Some(Fault::NoReason),
        _ => None,
    };
    if fault == Some(Fault::NotAllow) {
        words.clear();
    }
    Allowance { comment, words, fault }
}

impl Allowance {
    /// Whether the finding lies where this comment speaks of.
    pub fn is_about(&self, finding: &Finding) -> bool {
        let (about, place) = (self.comment.about, finding.label.as_ref().map(|label| label.span));
        place.is_some_and(|place| {
            place.file == about.file
                && about.start <= place.start
                && (place.start as usize) < about.end()
        })
    }
}

/// Takes out what the comments allow.
pub(super) fn apply(files: &Files, findings: &mut Findings) {
    let allowances = read(files);
    findings.retain(|finding| {
        is_essential(finding)
            || !allowances.iter().any(|allowance| {
                allowance.is_about(finding)
                    && allowance.words.iter().any(|word| super::levels::matches(word, finding))
            })
    });
}
