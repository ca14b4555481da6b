//! Rule groups on a clock: recording rules, and the life of an alert from pending to resolved.
//!
//! [`load`] settles rule files into [`Group`]s; a [`Manager`] evaluates them over a store, writes
//! what they record back into it, and sends alerts into a channel without knowing who listens.

mod definition;
mod group;
mod life;
mod load;
mod manager;
mod status;
#[cfg(test)]
mod tests;
mod write;

pub use definition::{Alert, Group, Query, Record, Rule};
pub use group::RunningGroup;
pub use life::AlertState;
pub use load::{Defaults, LoadError, RuleText, doubts, find_files, load};
pub use manager::{Manager, Options, Store};
pub use status::{AlertStatus, GroupStatus, RuleHealth, RuleKind, RuleStatus};
