//! Single values: what kinds there are, and how each is read from the tree.

use super::block::{DurationText, SizeText, Value as Reference};
use super::duration;
use super::tree::{Data, Value};

/// A kind of value, as the schema and messages tell it.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Any text; numbers are taken as written.
    Text,
    /// A text, or a reference to a secret, an environment variable or a file.
    Reference,
    /// `true` or `false`.
    Bool,
    /// A whole number from 0.
    Count,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// A port: 1 to 65535.
    Port,
    /// `15s`, `1m30s`.
    Duration,
    /// `512MB`, `20GB`.
    Size,
    /// One of these words.
    Word(&'static [&'static str]),
}

impl Type {
    /// What a value of this kind is, for a message.
    pub fn describe(&self) -> String {
        match self {
            Type::Text => "a text".to_owned(),
            Type::Reference => "a text or a reference such as `(secret)\"name\"`".to_owned(),
            Type::Bool => "true or false".to_owned(),
            Type::Count | Type::Integer => "a whole number".to_owned(),
            Type::Number => "a number".to_owned(),
            Type::Port => "a port from 1 to 65535".to_owned(),
            Type::Duration => "a duration such as \"30s\"".to_owned(),
            Type::Size => "a size such as \"20GB\"".to_owned(),
            Type::Word(words) => match words.split_last() {
                Some((last, rest)) if !rest.is_empty() => {
                    let rest: Vec<String> = rest.iter().map(|word| format!("\"{word}\"")).collect();
                    format!("{} or \"{last}\"", rest.join(", "))
                }
                _ => format!("\"{}\"", words.concat()),
            },
        }
    }
}

/// Why a value was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is of another kind: S004.
    Type,
    /// It is of another kind, and this is what was most likely meant.
    Rather(String),
    /// A number that is no port: S107.
    Port,
    /// A text that is no duration: S205, with the duration that was most likely meant.
    Duration(Option<String>),
}

/// A kind of value that settings can have.
pub trait Scalar: Sized + Default {
    /// What kind it is.
    const TYPE: &'static Type;
    /// Whether a reference is taken.
    const REFERENCE: bool = false;
    /// Reads it. `what` is the name of the setting.
    fn read(value: &Value, what: &str) -> Result<Self, Refusal>;
    /// The value when only the setting's name was written.
    fn alone() -> Option<Self> {
        None
    }
}

impl Scalar for String {
    const TYPE: &'static Type = &Type::Text;
    fn read(value: &Value, _what: &str) -> Result<Self, Refusal> {
        match &value.data {
            Data::Text(text) | Data::Number(text) => Ok(text.clone()),
            Data::Bool(_) | Data::Null | Data::Compound(_) => Err(Refusal::Type),
        }
    }
}

impl Scalar for Reference {
    const TYPE: &'static Type = &Type::Reference;
    const REFERENCE: bool = true;
    fn read(value: &Value, _what: &str) -> Result<Self, Refusal> {
        let text = match &value.data {
            Data::Text(text) | Data::Number(text) => text.clone(),
            Data::Bool(yes) if value.tag.is_none() => yes.to_string(),
            Data::Bool(_) | Data::Null | Data::Compound(_) => return Err(Refusal::Type),
        };
        match value.tag.as_ref().map(|tag| tag.as_str()) {
            None => Ok(Reference::Literal(text)),
            Some("secret") => Ok(Reference::Secret(text)),
            Some("env") => Ok(Reference::Env(text)),
            Some("file") => Ok(Reference::File(text)),
            Some(_) => Err(Refusal::Type),
        }
    }
}

impl Scalar for bool {
    const TYPE: &'static Type = &Type::Bool;
    fn read(value: &Value, _what: &str) -> Result<Self, Refusal> {
        match &value.data {
            Data::Bool(yes) => Ok(*yes),
            Data::Text(text) if matches!(text.as_str(), "true" | "yes" | "on") => {
                Err(Refusal::Rather("true".to_owned()))
            }
            Data::Text(text) if matches!(text.as_str(), "false" | "no" | "off") => {
                Err(Refusal::Rather("false".to_owned()))
            }
            _ => Err(Refusal::Type),
        }
    }
    fn alone() -> Option<Self> {
        Some(true)
    }
}

impl Scalar for u16 {
    const TYPE: &'static Type = &Type::Port;
    fn read(value: &Value, _what: &str) -> Result<Self, Refusal> {
        match integer(value)? {
            Some(number @ 1..=65535) => Ok(number as u16),
            Some(_) => Err(Refusal::Port),
            None => Err(Refusal::Type),
        }
    }
}

impl Scalar for u64 {
    const TYPE: &'static Type = &Type::Count;
    fn read(value: &Value, _what: &str) -> Result<Self, Refusal> {
        integer(value)?.and_then(|number| u64::try_from(number).ok()).ok_or(Refusal::Type)
    }
}

impl Scalar for i64 {
    const TYPE: &'static Type = &Type::Integer;
    fn read(value: &Value, _what: &str) -> Result<Self, Refusal> {
        integer(value)?.and_then(|number| i64::try_from(number).ok()).ok_or(Refusal::Type)
    }
}

impl Scalar for f64 {
    const TYPE: &'static Type = &Type::Number;
    fn read(value: &Value, _what: &str) -> Result<Self, Refusal> {
        match &value.data {
            Data::Number(text) => float(text).ok_or(Refusal::Type),
            Data::Text(text) if float(text).is_some() => Err(Refusal::Rather(text.clone())),
            _ => Err(Refusal::Type),
        }
    }
}

impl Scalar for DurationText {
    const TYPE: &'static Type = &Type::Duration;
    fn read(value: &Value, _what: &str) -> Result<Self, Refusal> {
        match &value.data {
            Data::Text(text) => match duration::parse(text) {
                Some(ms) => Ok(DurationText { text: text.clone(), ms }),
                None => Err(Refusal::Duration(duration::guess(text))),
            },
            // Prometheus writes zero without a unit.
            Data::Number(text) if text == "0" => Ok(DurationText { text: text.clone(), ms: 0 }),
            Data::Number(text) => Err(Refusal::Duration(duration::guess(text))),
            _ => Err(Refusal::Type),
        }
    }
}

impl Scalar for SizeText {
    const TYPE: &'static Type = &Type::Size;
    fn read(value: &Value, _what: &str) -> Result<Self, Refusal> {
        match &value.data {
            Data::Text(text) | Data::Number(text) => {
                let bytes = duration::parse_size(text).ok_or(Refusal::Type)?;
                Ok(SizeText { text: text.clone(), bytes })
            }
            _ => Err(Refusal::Type),
        }
    }
}

/// The whole number that a value is; the number without quotes as refusal when it was quoted.
fn integer(value: &Value) -> Result<Option<i128>, Refusal> {
    match &value.data {
        Data::Number(text) => Ok(whole(text)),
        Data::Text(text) if whole(text).is_some() => Err(Refusal::Rather(text.clone())),
        _ => Err(Refusal::Type),
    }
}

/// Reads a whole number: decimal, `0x`, `0o` or `0b`, with `_` between digits, or `3.0` and `1e3`.
fn whole(text: &str) -> Option<i128> {
    let clean = text.replace('_', "");
    let (sign, digits) = match clean.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, clean.strip_prefix('+').unwrap_or(&clean)),
    };
    let radix = |prefix, radix| {
        digits.strip_prefix(prefix).and_then(|digits| i128::from_str_radix(digits, radix).ok())
    };
    radix("0x", 16)
        .or_else(|| radix("0o", 8))
        .or_else(|| radix("0b", 2))
        .or_else(|| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?)
        .map(|number: i128| sign * number)
        .or_else(|| {
            let float: f64 = float(&clean)?;
            (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i128)
        })
}

/// Reads any number; those that are not finite are refused.
fn float(text: &str) -> Option<f64> {
    let clean = text.replace('_', "");
    if clean.contains(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E')) {
        return if clean.contains('x') || clean.contains('o') || clean.contains('b') {
            None
        } else {
            clean.parse().ok().filter(|number: &f64| number.is_finite())
        };
    }
    clean.parse().ok().filter(|number: &f64| number.is_finite())
}
