//! Where alerts go: matchers, the tree of routes, quiet times and inhibitions, with exactly the meaning
//! that Alertmanager gives them.
//!
//! Everything is built from the types of [`crate::wire::alertmanager`]; instants and label sets come in
//! as arguments.

mod inhibit;
pub mod matchers;
pub mod quiet;
mod tree;

pub use inhibit::Inhibition;
pub use quiet::{Quiet, Span, SpanError};
pub use tree::{Grouping, Node, Settings, Tree, TreeError};
