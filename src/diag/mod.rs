//! Findings: what the user can mend, with code, place, message and help; and how they are shown.

mod files;
mod finding;
mod printer;
mod similar;
mod span;

pub use files::{File, Files, Place};
pub use finding::{Code, Finding, Findings, Fix, Label, Replacement, Severity};
pub use printer::{print_concise, print_full, print_json, to_json};
pub use similar::{most_similar, quoted_list};
pub use span::{FileId, Span, Spanned};
