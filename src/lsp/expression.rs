//! What belongs at a place inside of an expression that may be half written: by the text before it.

use crate::manifest::cursor::Style;

/// What belongs at a place of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// A metric, a function, an operator.
    Operand,
    /// The name of a label in braces, of this metric if one stands before them.
    Label(Option<String>),
    /// The name of a label in `by (…)`, `on (…)`.
    Grouping,
    /// The value of a label: of which metric, which label.
    Value(Option<String>, String),
    /// A duration in brackets.
    Duration,
    /// A text, a comment: nothing that is known.
    Nothing,
}

/// A place and the part of a word that is written before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// What belongs there.
    pub spot: Spot,
    /// What is written of it.
    pub begun: String,
}

/// An open bracket.
enum Open {
    Paren { grouping: bool },
    Brace { metric: Option<String>, label: Option<String> },
    Bracket,
}

/// The text that a part of a file stands for.
pub fn decoded(text: &str, style: Style) -> String {
    if style != Style::Quoted {
        return text.to_owned();
    }
    let mut decoded = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n' | 't' | 'r') => decoded.push(' '),
                Some(other) => decoded.push(other),
                None => {}
            },
            other => decoded.push(other),
        }
    }
    decoded
}

/// What belongs behind this text.
pub fn spot(before: &str) -> At {
    let mut open: Vec<Open> = Vec::new();
    // The last word, and whether only space has followed it.
    let mut word = String::new();
    let mut letters = before.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '#' => {
                if letters.by_ref().all(|(_, letter)| letter != '\n') {
                    return At { spot: Spot::Nothing, begun: String::new() };
                }
            }
            '"' | '\'' | '`' => {
                let mut text = String::new();
                let mut closed = false;
                while let Some((_, inner)) = letters.next() {
                    if inner == '\\' && letter != '`' {
                        text.extend(letters.next().map(|(_, inner)| inner));
                    } else if inner == letter {
                        closed = true;
                        break;
                    } else {
                        text.push(inner);
                    }
                }
                if !closed {
                    let spot = match open.pop() {
                        Some(Open::Brace { metric, label: Some(label) }) => {
                            Spot::Value(metric, label)
                        }
                        _ => Spot::Nothing,
                    };
                    return At { spot, begun: text };
                }
                // A quoted name in braces: of a label when an operator follows, else the metric.
                if let Some(Open::Brace { metric, label }) = open.last_mut()
                    && label.take().is_none()
                {
                    if before[at + 1..].trim_start_matches(|c| c != letter)[1..]
                        .trim_start()
                        .starts_with(['=', '!'])
                    {
                        *label = Some(text);
                    } else {
                        *metric = Some(text);
                    }
                }
                word.clear();
            }
            '(' => {
                let grouping = matches!(
                    word.to_ascii_lowercase().as_str(),
                    "by" | "without" | "on" | "ignoring" | "group_left" | "group_right"
                );
                open.push(Open::Paren { grouping });
                word.clear();
            }
            '{' => {
                let metric = (!word.is_empty()).then(|| std::mem::take(&mut word));
                open.push(Open::Brace { metric, label: None });
            }
            '[' => {
                open.push(Open::Bracket);
                word.clear();
            }
            ')' | '}' | ']' => {
                open.pop();
                word.clear();
            }
            ',' => {
                if let Some(Open::Brace { label, .. }) = open.last_mut() {
                    *label = None;
                }
                word.clear();
            }
            '=' | '!' | '~' if matches!(open.last(), Some(Open::Brace { .. })) => {
                if let Some(Open::Brace { label, .. }) = open.last_mut()
                    && !word.is_empty()
                {
                    *label = Some(std::mem::take(&mut word));
                }
            }
            letter if is_name(letter) => {
                let begins = !before[..at].chars().next_back().is_some_and(is_name);
                if begins {
                    word.clear();
                }
                word.push(letter);
            }
            letter if letter.is_whitespace() => {}
            _ => word.clear(),
        }
    }
    let begun = if before.chars().next_back().is_some_and(is_name) { word } else { String::new() };
    let number = begun.starts_with(|letter: char| letter.is_ascii_digit());
    let spot = match open.pop() {
        Some(Open::Bracket) => Spot::Duration,
        Some(Open::Paren { grouping: true }) => Spot::Grouping,
        Some(Open::Brace { label: Some(_), .. }) => Spot::Nothing,
        Some(Open::Brace { metric, label: None }) => Spot::Label(metric),
        Some(Open::Paren { grouping: false }) | None if number => Spot::Nothing,
        Some(Open::Paren { grouping: false }) | None => Spot::Operand,
    };
    At { spot, begun }
}

/// Letters of names of metrics and functions.
pub fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, spot: Spot, begun: &str) {
        assert_eq!(super::spot(before), At { spot, begun: begun.to_owned() }, "{before}");
    }

    #[test]
    fn what_belongs_in_half_an_expression() {
        let some = |text: &str| Some(text.to_owned());
        check("", Spot::Operand, "");
        check("ra", Spot::Operand, "ra");
        check("sum(rate(node_", Spot::Operand, "node_");
        check("up{", Spot::Label(some("up")), "");
        check("up {jo", Spot::Label(some("up")), "jo");
        check("{__name__=\"a\", jo", Spot::Label(None), "jo");
        check("up{job=\"no", Spot::Value(some("up"), "job".into()), "no");
        check("up{a=\"b\",job=~\"x|", Spot::Value(some("up"), "job".into()), "x|");
        check("up{job!='", Spot::Value(some("up"), "job".into()), "");
        check(
            "{\"my.metric\", \"my.label\"=\"v",
            Spot::Value(some("my.metric"), "my.label".into()),
            "v",
        );
        check("sum by (jo", Spot::Grouping, "jo");
        check("sum by (job, ", Spot::Grouping, "");
        check("a * on(job) group_left(", Spot::Grouping, "");
        check("rate(x[5", Spot::Duration, "5");
        check("a + 5", Spot::Nothing, "5");
        check("a # co", Spot::Nothing, "");
        check("a # co\n b", Spot::Operand, "b");
        check("label_replace(a, \"b", Spot::Nothing, "b");
        check("up{job=\"a\"} / ", Spot::Operand, "");
        check("up{job=", Spot::Nothing, "");
    }

    #[test]
    fn escapes_of_the_manifest_are_none_of_the_expression() {
        assert_eq!(decoded(r#"up{job=\"no"#, Style::Quoted), "up{job=\"no");
        assert_eq!(decoded(r#"up{job=\"no"#, Style::Raw), r#"up{job=\"no"#);
    }
}
