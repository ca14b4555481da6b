//! What the client can do, and what its user wants.

use lsp_types::{ClientCapabilities, MarkupKind};
use serde::Deserialize;
use serde_json::Value;

use super::position::Encoding;
use crate::check::Levels;

/// What the client can do, as far as it matters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Client {
    /// What a character of a position counts.
    pub encoding: Encoding,
    /// Further places of a finding.
    pub related: bool,
    /// Completions with places to fill in.
    pub snippets: bool,
    /// Hover and documentation in Markdown.
    pub markdown: bool,
    /// Symbols as a tree.
    pub tree: bool,
    /// Code actions with kinds; commands otherwise, which there are none of.
    pub actions: bool,
    /// Edits with the version of the document they are for.
    pub versions: bool,
    /// Files can be watched on demand.
    pub watch: bool,
    /// The process that started the server.
    pub process: Option<u32>,
}

impl Client {
    /// Reads the capabilities.
    pub fn of(capabilities: &ClientCapabilities) -> Self {
        let general = capabilities.general.as_ref();
        let offered = general.and_then(|general| general.position_encodings.as_deref());
        let text = capabilities.text_document.as_ref();
        let workspace = capabilities.workspace.as_ref();
        let hover = text.and_then(|text| text.hover.as_ref());
        let formats = hover.and_then(|hover| hover.content_format.as_ref());
        let item = text
            .and_then(|text| text.completion.as_ref())
            .and_then(|completion| completion.completion_item.as_ref());
        let symbols = text.and_then(|text| text.document_symbol.as_ref());
        let actions = text.and_then(|text| text.code_action.as_ref());
        let edits = workspace.and_then(|workspace| workspace.workspace_edit.as_ref());
        let watch = workspace.and_then(|workspace| workspace.did_change_watched_files);
        Self {
            encoding: Encoding::choose(offered),
            related: text
                .and_then(|text| text.publish_diagnostics.as_ref())
                .and_then(|publish| publish.related_information)
                .unwrap_or(false),
            snippets: item.and_then(|item| item.snippet_support).unwrap_or(false),
            markdown: formats.is_some_and(|formats| formats.contains(&MarkupKind::Markdown)),
            tree: symbols
                .and_then(|symbols| symbols.hierarchical_document_symbol_support)
                .unwrap_or(false),
            actions: actions.is_some_and(|actions| actions.code_action_literal_support.is_some()),
            versions: edits.and_then(|edits| edits.document_changes).unwrap_or(false),
            watch: watch.and_then(|watch| watch.dynamic_registration).unwrap_or(false),
            process: None,
        }
    }
}

/// What the user wants: `initializationOptions`, or the section `stackctl` of the settings.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Wishes {
    /// The profile to overlay.
    pub profile: Option<String>,
    /// Findings to leave out.
    pub allow: Vec<String>,
    /// Findings to treat as warnings.
    pub warn: Vec<String>,
    /// Findings to treat as errors.
    pub deny: Vec<String>,
}

impl Wishes {
    /// Reads them; an error says what is wrong. Nothing at all is no wish.
    pub fn read(value: &Value) -> Result<Self, String> {
        let own = value.get("stackctl").unwrap_or(value);
        if own.is_null() {
            return Ok(Self::default());
        }
        let mut wishes =
            Self::deserialize(own).map_err(|err| format!("stackctl's settings: {err}"))?;
        wishes.profile = wishes.profile.filter(|profile| !profile.is_empty());
        wishes.levels()?;
        Ok(wishes)
    }

    /// How findings are weighed.
    pub fn levels(&self) -> Result<Levels, String> {
        Levels::new(&self.allow, &self.warn, &self.deny).map_err(|err| err.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wishes_come_with_or_without_their_section() {
        for value in [json!({"profile": "prod"}), json!({"stackctl": {"profile": "prod"}})] {
            assert_eq!(Wishes::read(&value).map(|it| it.profile), Ok(Some("prod".to_owned())));
        }
        assert_eq!(Wishes::read(&json!(null)), Ok(Wishes::default()));
        assert!(
            Wishes::read(&json!({"deny": ["secruity"]})).is_err_and(|e| e.contains("security"))
        );
        assert!(Wishes::read(&json!({"profile": 7})).is_err());
    }
}
