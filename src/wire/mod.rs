//! Other people's formats, bare serde without logic.

pub mod rules;
