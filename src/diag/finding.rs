//! A finding and an ordered collection of them.

use serde::{Serialize, Serializer};

use super::span::Span;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The stack cannot be rendered or will not work.
    Error,
    /// It works, and most likely not as meant.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// `error`, `warning` or `info`.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A kind of finding: what `stackctl explain` knows.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// `S003`.
    pub code: &'static str,
    /// What is wrong, as a word: `unknown-node`.
    pub name: &'static str,
    /// How bad it is unless the stack says otherwise.
    pub severity: Severity,
    /// What it means, why it matters, and how to mend it, with an example.
    pub explain: &'static str,
}

impl Code {
    /// A finding of this kind.
    pub fn says(&self, message: impl Into<String>) -> Finding {
        Finding {
            code: self.code,
            name: self.name,
            severity: self.severity,
            message: message.into(),
            label: None,
            labels: Vec::new(),
            help: None,
            fix: None,
        }
    }
}

/// A place with what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// A few words; may be empty.
    pub text: String,
}

/// Edits that mend a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// What the edits do.
    pub title: String,
    /// The edits; they do not overlap.
    pub replacements: Vec<Replacement>,
    /// Whether there are other ways as good: it is offered to whoever asks, and not made by itself.
    pub choice: bool,
}

/// One edit: the text of a span is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// What is replaced; an empty span inserts.
    pub span: Span,
    /// By what.
    pub text: String,
}

impl Serialize for Replacement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.span.start, self.span.end(), &self.text).serialize(serializer)
    }
}

/// Something that the user can mend.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Finding {
    /// `S003`.
    pub code: &'static str,
    /// `unknown-node`.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// The place that it is about; `None` when it is about the whole.
    pub label: Option<Label>,
    /// Further places.
    pub labels: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
    /// Edits that do it.
    pub fix: Option<Fix>,
}

impl Finding {
    /// Moves all places to where so many files stand before those that it knows.
    pub fn shift(&mut self, files: u32) {
        let labels = self.label.iter_mut().chain(&mut self.labels);
        labels.for_each(|label| label.span = label.span.behind(files));
        for edit in self.fix.iter_mut().flat_map(|fix| &mut fix.replacements) {
            edit.span = edit.span.behind(files);
        }
    }

    /// Sets the place that the finding is about.
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.label = Some(Label { span, text: text.into() });
        self
    }

    /// Adds a further place.
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Says what to do.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Offers an edit; a second call adds to the first.
    pub fn replace(mut self, title: &str, span: Span, text: impl Into<String>) -> Self {
        let fix = self.fix.get_or_insert_with(|| Fix {
            title: title.to_owned(),
            replacements: Vec::new(),
            choice: false,
        });
        fix.replacements.push(Replacement { span, text: text.into() });
        self
    }

    /// Takes over the places and edits of another finding that says the same.
    pub fn join(&mut self, other: Self) {
        self.labels.extend(other.label);
        self.labels.extend(other.labels);
        let (Some(fix), Some(more)) = (&mut self.fix, other.fix) else { return };
        for edit in more.replacements {
            let apart = |own: &Replacement| {
                own.span.end() <= edit.span.start as usize
                    || edit.span.end() <= own.span.start as usize
            };
            // What overlaps is mended in the next round.
            if fix.replacements.iter().all(apart) {
                fix.replacements.push(edit);
            }
        }
    }

    /// Says that the offered edit, if there is one, is one way of several.
    pub fn as_a_choice(mut self) -> Self {
        if let Some(fix) = &mut self.fix {
            fix.choice = true;
        }
        self
    }

    /// Adds the finding to a collection.
    pub fn push(self, findings: &mut Findings) {
        findings.push(self);
    }

    /// The place that the finding is about; the start of the first file when it has none.
    pub fn span(&self) -> Span {
        self.label.as_ref().map_or(Span::default(), |label| label.span)
    }
}

/// Findings in the order they were made; shown in the order of their places.
#[derive(Clone, Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Adds all of another collection.
    pub fn extend(&mut self, others: Findings) {
        self.0.extend(others.0);
    }

    /// Sorts by place, then code, and leaves out what was said twice.
    pub fn settle(&mut self) {
        self.0.sort_by(|a, b| (a.span(), a.code, &a.message).cmp(&(b.span(), b.code, &b.message)));
        self.0.dedup_by(|a, b| a.code == b.code && a.span() == b.span() && a.message == b.message);
    }

    /// Keeps those that `keep` is true for.
    pub fn retain(&mut self, keep: impl FnMut(&Finding) -> bool) {
        self.0.retain(keep);
    }

    /// Changes each, for instance its severity.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Finding> {
        self.0.iter_mut()
    }

    /// All findings.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|finding| finding.severity == severity).count()
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl IntoIterator for Findings {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<Finding> for Findings {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Self {
        Self(findings.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::FileId;

    const CODE: Code = Code { code: "S1", name: "n", severity: Severity::Error, explain: "" };

    #[test]
    fn settled_findings_stand_in_reading_order_and_once() {
        let at = |start: usize| Span::new(FileId(0), start..start + 1);
        let mut findings: Findings =
            [9, 2, 9].into_iter().map(|start| CODE.says("m").at(at(start), "")).collect();
        findings.settle();
        let starts: Vec<u32> = findings.iter().map(|finding| finding.span().start).collect();
        assert_eq!(starts, [2, 9]);
        assert_eq!(findings.count(Severity::Error), 2);
    }
}
