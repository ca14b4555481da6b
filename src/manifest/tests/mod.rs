//! Tests of the whole way from text to stack.

mod codes;
mod hostile;
mod official;
mod planted;
mod profiles;
mod reference;
mod yaml;

use super::{Format, Loaded, parse};
use crate::diag::print_concise;

/// Reads a text that has no profile chosen.
fn read(text: &str, format: Format) -> Loaded {
    let name = match format {
        Format::Kdl => "stack.kdl",
        Format::Yaml => "stack.yaml",
        Format::Json => "stack.json",
    };
    parse(name, text, format, None).expect("only an unknown profile fails")
}

/// The findings, one a line: `3:5 S003 message`.
fn said(loaded: &Loaded) -> String {
    let mut out = String::new();
    print_concise(&mut out, &loaded.findings, &loaded.files).expect("a String takes everything");
    out
}
