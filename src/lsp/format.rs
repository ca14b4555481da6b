//! Formatting: the layout of `fmt`.

use lsp_types::TextEdit;

use super::documents::edits;
use super::position::Encoding;
use super::transport::{ErrorCode, Failure};
use crate::diag::Finding;
use crate::manifest::{self, Format, Refusal};

/// The edits that bring a text into its layout; none for YAML and JSON, which keep theirs.
pub fn format(text: &str, format: Format, encoding: Encoding) -> Result<Vec<TextEdit>, Failure> {
    if format != Format::Kdl {
        return Ok(Vec::new());
    }
    let refused = |message: String| Failure::new(ErrorCode::Failed, message);
    match manifest::format(text) {
        Ok(after) => Ok(edits(text, &after, encoding)),
        Err(Refusal::Mistake(finding)) => {
            let Finding { code, message, .. } = &*finding;
            Err(refused(format!("a text with mistakes has no layout: {code}: {message}")))
        }
        Err(Refusal::Comment(_)) => Err(refused(
            "a comment stands where the layout has no place for it; put it on a line of its own"
                .to_owned(),
        )),
        Err(Refusal::Changed) => {
            Err(refused("it would not mean the same; the text stays as it is".to_owned()))
        }
    }
}
