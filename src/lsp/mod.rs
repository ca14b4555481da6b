//! The editor's server: the language server protocol over a pair of streams.
//!
//! One thread reads messages, one does everything else, in the order of the messages. Texts that are
//! open in the editor count before those on disk, in manifests, what they include, and the dashboards
//! that they name. After a change a short while passes before findings are made, so that a burst of
//! keystrokes costs one check; what is asked for (hover, completion …) is answered from the newest text.
//!
//! The messages themselves are read and written here ([`transport`]): a message that is no message
//! must be answered and not end the server.

mod actions;
mod complete;
mod describe;
mod diagnostics;
mod documents;
mod expression;
mod format;
mod functions;
mod hover;
mod names;
mod navigate;
mod position;
mod server;
mod settings;
mod symbols;
mod transport;
mod uri;
mod workspace;

pub use server::serve;
