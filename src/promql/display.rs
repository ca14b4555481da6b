//! Expressions as text: on one line as Prometheus prints them, and over several lines for reading.

use std::fmt::{self, Write};

use crate::model::{METRIC_NAME, MatchOp};

use super::ast::{
    Aggregate, At, Binary, BinaryOp, Cardinality, DurationExpr, Edges, Expr, LabelName,
    NumberLiteral, Subquery, VectorMatching, VectorSelector,
};
use super::lexer::{is_alpha, is_alphanumeric};
use super::number::{format_duration, format_float};
use super::quote::quote;

/// Longest line that [`Expr::pretty`] leaves in one piece.
const LINE: usize = 100;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::String(string) => f.write_str(&quote(&string.value)),
            Self::Vector(selector) => {
                write_series(f, selector)?;
                write_at(f, selector.at)?;
                write_edges(f, selector.edges)?;
                write_offset(f, selector.offset.as_ref())
            }
            Self::Matrix(matrix) => {
                write_series(f, &matrix.selector)?;
                write!(f, "[{}]", matrix.range)?;
                write_edges(f, matrix.selector.edges)?;
                write_at(f, matrix.selector.at)?;
                write_offset(f, matrix.selector.offset.as_ref())
            }
            Self::Subquery(subquery) => {
                write!(f, "{}", subquery.expr)?;
                write_brackets(f, subquery)
            }
            Self::Call(call) => {
                write!(f, "{}(", call.function.name)?;
                write_list(f, &call.args)?;
                f.write_char(')')
            }
            Self::Aggregate(aggregate) => {
                write_aggregator(f, aggregate)?;
                f.write_char('(')?;
                if let Some(param) = &aggregate.param {
                    write!(f, "{param}, ")?;
                }
                write!(f, "{})", aggregate.expr)
            }
            Self::Binary(binary) => {
                match infinite_base(binary) {
                    Some(base) => write!(f, "{base} ")?,
                    None => write!(f, "{} ", binary.lhs)?,
                }
                write_operator(f, binary)?;
                write!(f, " {}", binary.rhs)
            }
            Self::Unary(unary) => {
                write!(f, "{}{}", if unary.negative { '-' } else { '+' }, unary.expr)
            }
            Self::Paren(paren) => write!(f, "({})", paren.expr),
            Self::Broken(broken) => {
                f.write_str("<broken: ")?;
                write_list(f, &broken.children)?;
                f.write_char('>')
            }
        }
    }
}

/// How infinity is written as the base of a power. With its usual sign, `+Inf ^ x`, the sign would be
/// that of the whole power; Prometheus writes it so, and reads something else back.
fn infinite_base(binary: &Binary) -> Option<&'static str> {
    match &*binary.lhs {
        Expr::Number(number) if binary.op == BinaryOp::Pow && number.value == f64::INFINITY => {
            Some("Inf")
        }
        _ => None,
    }
}

impl fmt::Display for NumberLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.duration {
            return f.write_str(&format_float(self.value));
        }
        let sign = if self.value < 0.0 { "-" } else { "" };
        let millis = (self.value.abs() * 1000.0).round();
        write!(f, "{sign}{}", format_duration(millis as u64))
    }
}

impl fmt::Display for DurationExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Step(_) => f.write_str("step()"),
            Self::Range(_) => f.write_str("range()"),
            Self::Unary { negative, expr, .. } => {
                write!(f, "{}{expr}", if *negative { "-" } else { "" })
            }
            Self::Binary { op, lhs, rhs } => write!(f, "{lhs} {} {rhs}", op.as_str()),
            Self::Choice { max, lhs, rhs, .. } => {
                write!(f, "{}({lhs}, {rhs})", if *max { "max_of" } else { "min_of" })
            }
            Self::Paren { expr, .. } => write!(f, "({expr})"),
        }
    }
}

impl Expr {
    /// The expression over several lines where one would be longer than 100 characters, indented by
    /// two blanks, as the API's `format_query` gives it.
    pub fn pretty(&self) -> String {
        self.pretty_at(0)
    }

    fn pretty_at(&self, level: usize) -> String {
        let indent = "  ".repeat(level);
        let line = self.to_string();
        let splits = match self {
            // Prometheus does not indent a short subquery.
            Self::Subquery(_) if line.len() <= LINE => return line,
            Self::Aggregate(_) | Self::Binary(_) | Self::Call(_) | Self::Paren(_) => {
                line.len() > LINE
            }
            Self::Subquery(_) | Self::Unary(_) => true,
            _ => false,
        };
        if !splits {
            return format!("{indent}{line}");
        }
        match self {
            Self::Aggregate(aggregate) => {
                let mut head = String::new();
                write_aggregator(&mut head, aggregate).expect("a String takes everything");
                let param = aggregate
                    .param
                    .as_ref()
                    .map(|param| format!("{},\n", param.pretty_at(level + 1)))
                    .unwrap_or_default();
                let body = aggregate.expr.pretty_at(level + 1);
                format!("{indent}{head}(\n{param}{body}\n{indent})")
            }
            Self::Binary(binary) => {
                let mut operator = String::new();
                write_operator(&mut operator, binary).expect("a String takes everything");
                let lhs = match infinite_base(binary) {
                    Some(base) => format!("{indent}  {base}"),
                    None => binary.lhs.pretty_at(level + 1),
                };
                let rhs = binary.rhs.pretty_at(level + 1);
                format!("{lhs}\n{indent}{operator}\n{rhs}")
            }
            Self::Call(call) => {
                let args: Vec<String> =
                    call.args.iter().map(|arg| arg.pretty_at(level + 1)).collect();
                format!("{indent}{}(\n{}\n{indent})", call.function.name, args.join(",\n"))
            }
            Self::Paren(paren) => {
                format!("{indent}(\n{}\n{indent})", paren.expr.pretty_at(level + 1))
            }
            Self::Subquery(subquery) => {
                let mut out = subquery.expr.pretty_at(level);
                write_brackets(&mut out, subquery).expect("a String takes everything");
                out
            }
            Self::Unary(unary) => {
                let sign = if unary.negative { '-' } else { '+' };
                format!("{indent}{sign}{}", unary.expr.pretty_at(level).trim())
            }
            _ => format!("{indent}{line}"),
        }
    }
}

/// The selector without its modifiers: name, then the matchers sorted by their text.
fn write_series(f: &mut impl Write, selector: &VectorSelector) -> fmt::Result {
    let name = selector.name.as_deref();
    f.write_str(name.unwrap_or_default())?;
    let mut matchers: Vec<String> = selector
        .plain_matchers()
        .filter(|matcher| {
            let is_name = matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal;
            !(is_name && name == Some(&*matcher.value))
        })
        .map(|matcher| {
            format!("{}{}{}", label(&matcher.name), matcher.op.as_str(), quote(&matcher.value))
        })
        .collect();
    matchers.sort_unstable();
    if !matchers.is_empty() || name.is_none() {
        write!(f, "{{{}}}", matchers.join(","))?;
    }
    Ok(())
}

/// A label's name, quoted where it is no plain word.
fn label(name: &str) -> String {
    let plain = name.starts_with(is_alpha) && name.chars().all(is_alphanumeric);
    if plain { name.to_owned() } else { quote(name) }
}

fn write_labels(f: &mut impl Write, labels: &[LabelName]) -> fmt::Result {
    let names: Vec<String> = labels.iter().map(|entry| label(&entry.name)).collect();
    f.write_str(&names.join(", "))
}

fn write_at(f: &mut impl Write, at: Option<At>) -> fmt::Result {
    match at {
        None => Ok(()),
        Some(At::Start) => f.write_str(" @ start()"),
        Some(At::End) => f.write_str(" @ end()"),
        Some(At::Time(millis)) => {
            let sign = if millis < 0 { "-" } else { "" };
            let millis = millis.unsigned_abs();
            write!(f, " @ {sign}{}.{:03}", millis / 1000, millis % 1000)
        }
    }
}

fn write_edges(f: &mut impl Write, edges: Edges) -> fmt::Result {
    f.write_str(match edges {
        Edges::Plain => "",
        Edges::Anchored => " anchored",
        Edges::Smoothed => " smoothed",
    })
}

fn write_offset(f: &mut impl Write, offset: Option<&DurationExpr>) -> fmt::Result {
    match offset {
        // An offset of nothing is none.
        Some(DurationExpr::Number(number)) if number.value == 0.0 => Ok(()),
        Some(offset) => write!(f, " offset {offset}"),
        None => Ok(()),
    }
}

fn write_brackets(f: &mut impl Write, subquery: &Subquery) -> fmt::Result {
    write!(f, "[{}:", subquery.range)?;
    if let Some(step) = &subquery.step {
        write!(f, "{step}")?;
    }
    f.write_char(']')?;
    write_at(f, subquery.at)?;
    write_offset(f, subquery.offset.as_ref())
}

fn write_list(f: &mut impl Write, expressions: &[Expr]) -> fmt::Result {
    for (index, expr) in expressions.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{expr}")?;
    }
    Ok(())
}

/// `sum by (job) `, up to the parenthesis
fn write_aggregator(f: &mut impl Write, aggregate: &Aggregate) -> fmt::Result {
    f.write_str(aggregate.op.as_str())?;
    let grouping = &aggregate.grouping;
    if grouping.without || !grouping.labels.is_empty() {
        f.write_str(if grouping.without { " without (" } else { " by (" })?;
        write_labels(f, &grouping.labels)?;
        f.write_str(") ")?;
    }
    Ok(())
}

/// `/ on (job) group_left ()`
fn write_operator(f: &mut impl Write, binary: &Binary) -> fmt::Result {
    f.write_str(binary.op.as_str())?;
    if binary.return_bool {
        f.write_str(" bool")?;
    }
    let Some(matching) = &binary.matching else { return Ok(()) };
    let VectorMatching { cardinality, labels, on, include, fill_left, fill_right } = matching;
    let grouped = match cardinality {
        Cardinality::ManyToOne => Some(" group_left ("),
        Cardinality::OneToMany => Some(" group_right ("),
        Cardinality::OneToOne | Cardinality::ManyToMany => None,
    };
    if *on || !labels.is_empty() || grouped.is_some() {
        f.write_str(if *on { " on (" } else { " ignoring (" })?;
        write_labels(f, labels)?;
        f.write_char(')')?;
    }
    if let Some(word) = grouped {
        f.write_str(word)?;
        write_labels(f, include)?;
        f.write_char(')')?;
    }
    match (fill_left, fill_right) {
        (Some(left), Some(right)) if left.to_bits() == right.to_bits() => {
            write!(f, " fill ({})", format_float(*left))
        }
        (left, right) => {
            for (word, value) in [("fill_left", left), ("fill_right", right)] {
                if let Some(value) = value {
                    write!(f, " {word} ({})", format_float(*value))?;
                }
            }
            Ok(())
        }
    }
}

impl fmt::Display for BinaryOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    fn printed(text: &str) -> String {
        parse(text).expect(text).to_string()
    }

    #[test]
    fn expressions_are_printed_in_prometheus_form() {
        for (text, expected) in [
            ("1e3", "1000"),
            ("-1.5", "-1.5"),
            ("+Inf", "+Inf"),
            ("'it'", "\"it\""),
            ("5m", "5m"),
            ("up{ b = 'x' , a =~ \"y\" }", "up{a=~\"y\",b=\"x\"}"),
            ("{__name__='up'}", "{__name__=\"up\"}"),
            ("{'a.b', 'c.d'='e'}", "{\"c.d\"=\"e\",__name__=\"a.b\"}"),
            ("sum(x)by(a,b)", "sum by (a, b) (x)"),
            ("sum by () (x)", "sum(x)"),
            ("sum without () (x)", "sum without () (x)"),
            ("sum by ('a.b') (x)", "sum by (\"a.b\") (x)"),
            ("topk(3,x)", "topk(3, x)"),
            ("rate(x[300])", "rate(x[5m])"),
            ("x offset -90s @ 1.5", "x @ 1.500 offset -1m30s"),
            ("x[5m] @ start() offset 1w", "x[5m] @ start() offset 1w"),
            ("x offset 0s", "x"),
            ("rate(x[5m])[1h:]", "rate(x[5m])[1h:]"),
            ("x[5m:1m] offset 5m @ end()", "x[5m:1m] @ end() offset 5m"),
            ("a+on()b", "a + on () b"),
            ("a==bool 1", "a == bool 1"),
            ("a/ignoring(x)group_left b", "a / ignoring (x) group_left () b"),
            ("a and b", "a and b"),
            ("inf^a", "Inf ^ a"),
            ("inf*a", "+Inf * a"),
            ("a+fill(0)b", "a + fill (0) b"),
            ("a+fill_right(1)fill_left(-Inf)b", "a + fill_left (-Inf) fill_right (1) b"),
            ("-(a)", "-(a)"),
            ("a[5m*2]", "a[5m * 2]"),
            ("a[min_of(step(),1m)+-range()]", "a[min_of(step(), 1m) + -range()]"),
            ("a[5m]smoothed", "a[5m] smoothed"),
            ("a anchored offset 5m", "a anchored offset 5m"),
            ("a </ 1", "a </ 1"),
        ] {
            assert_eq!(printed(text), expected);
            assert_eq!(printed(expected), expected);
        }
    }

    #[test]
    fn long_expressions_are_split() {
        let text = "sum by (job) (rate(http_requests_total{job=\"a_rather_long_job_name\"}[5m])) / on (job) group_left () count(up{job=\"a_rather_long_job_name\"})";
        let pretty = parse(text).unwrap().pretty();
        let expected = "  sum by (job) (rate(http_requests_total{job=\"a_rather_long_job_name\"}[5m]))\n/ on (job) group_left ()\n  count(up{job=\"a_rather_long_job_name\"})";
        assert_eq!(pretty, expected);
        let nested = format!("sum(abs(-({text})))");
        let pretty = parse(&nested).unwrap().pretty();
        assert_eq!(parse(&pretty).unwrap().to_string(), nested);
        assert!(pretty.starts_with("sum(\n  abs(\n    -(\n"), "{pretty}");
    }
}
