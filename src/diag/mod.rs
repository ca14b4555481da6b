//! Findings: what the user can mend, with code, place, message and help; and how they are shown.

mod chain;
mod files;
mod finding;
mod mend;
pub mod report;
mod similar;
mod span;

pub use chain::chain;
pub use files::{File, Files, Place, Unit};
pub use finding::{Code, Finding, Findings, Fix, Label, Replacement, Severity};
pub use mend::mend;
pub use report::{Form, Report, print_concise, print_full, print_json, to_json};
pub use similar::{most_similar, quoted_list};
pub use span::{FileId, Span, Spanned};
