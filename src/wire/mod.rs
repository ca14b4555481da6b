//! Other people's formats, bare serde: read and written to the letter, without logic.

pub mod prometheus;
pub mod rules;
