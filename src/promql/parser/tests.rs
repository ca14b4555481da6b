use super::super::ast::{At, DurationContext, Edges, ValueType};
use super::*;

/// The first mistake as Prometheus prints it.
fn error(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

/// All mistakes: the text they point at, and what they say.
fn errors(text: &str) -> Vec<(&str, String)> {
    let (_, errors) = parse_recovering(text, ParseOptions::ALL);
    errors
        .into_iter()
        .map(|error| (&text[error.span.start..error.span.end], error.message))
        .collect()
}

#[test]
fn mistakes_read_as_prometheus_says_them() {
    for (text, message) in [
        ("", "1:1: parse error: no expression found in input"),
        ("foo bar", "1:5: parse error: unexpected identifier \"bar\""),
        ("a +\n  b c", "2:5: parse error: unexpected identifier \"c\""),
        (
            "foo offset x",
            "1:12: parse error: unexpected identifier \"x\" in offset, expected number, duration, step(), or range()",
        ),
        (
            "foo[]",
            "1:5: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()",
        ),
        ("foo[0]", "1:5: parse error: duration must be greater than 0"),
        ("foo[-5m]", "1:5: parse error: duration must be greater than 0"),
        ("foo[5m:0]", "1:8: parse error: duration must be greater than 0"),
        ("foo[5m/0]", "1:7: parse error: division by zero"),
        ("foo[5h5d]", "1:5: parse error: not a valid duration string: \"5h5d\""),
        ("foo[1e20]", "1:5: parse error: duration out of range"),
        (
            "holt_winters(a[5m], 1, 1)",
            "1:1: parse error: unknown function with name \"holt_winters\"",
        ),
        ("RATE(a[5m])", "1:1: parse error: unknown function with name \"RATE\""),
        (
            "foo anchored smoothed",
            "1:1: parse error: anchored and smoothed modifiers cannot be used together",
        ),
        (
            "foo[1m:] smoothed",
            "1:1: parse error: smoothed modifier is not supported for subqueries",
        ),
        (
            "a and fill(0) b",
            "1:1: parse error: filling in missing series not allowed for set operators",
        ),
        (
            "a + fill(0) 1",
            "1:1: parse error: filling in missing series only allowed between instant vectors",
        ),
        (
            "info(a, b)",
            "1:9: parse error: expected label selectors only, got vector selector instead",
        ),
        ("info(a, sum(b))", "1:9: parse error: expected label selectors only"),
        (
            "{a=~\"x|\"}",
            "1:1: parse error: vector selector must contain at least one non-empty matcher",
        ),
        (
            "limitk(a)",
            "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
        ),
    ] {
        assert_eq!(error(text), message, "{text}");
    }
}

#[test]
fn several_mistakes_are_told_at_once() {
    assert_eq!(
        errors("clamp(rate(a b), 1, scalar(sum(c d))) + {e=\"f\", x=y} + nope(abs(1))"),
        [
            ("b", "unexpected identifier \"b\"".to_owned()),
            ("d", "unexpected identifier \"d\" in aggregation".to_owned()),
            ("y", "unexpected identifier \"y\" in label matching, expected string".to_owned()),
            ("nope", "unknown function with name \"nope\"".to_owned()),
            (
                "a",
                "expected type range vector in call to function \"rate\", got instant vector"
                    .to_owned()
            ),
            (
                "1",
                "expected type instant vector in call to function \"abs\", got scalar".to_owned()
            ),
        ]
    );
}

#[test]
fn a_mistake_in_one_element_of_a_list_is_contained() {
    let contained = |text| -> Vec<bool> {
        let (_, errors) = parse_recovering(text, ParseOptions::ALL);
        errors.iter().map(|error| error.contained).collect()
    };
    assert_eq!(contained("a{b=c, d=~\"[\", e=f}"), [true, true, true]);
    assert_eq!(contained("sum by (a-b, c, d-e, ) (f)"), [true, true]);
    assert_eq!(contained("a / on (b-c) d{e=f} g"), [true, true, false]);
    assert_eq!(contained("sum by (a (b)"), [false]);
    assert_eq!(contained("a{b=\"c"), [false]);
}

#[test]
fn what_is_broken_causes_no_other_mistake() {
    assert_eq!(errors("rate(nope(a))").len(), 1);
    assert_eq!(errors("sum(nope(a) + 1) > bool 5").len(), 1);
    assert_eq!(errors("(a b)[5m:] offset 5m").len(), 1);
}

#[test]
fn an_open_bracket_is_pointed_at() {
    let (_, errors) = parse_recovering("sum(rate(x[5m])", ParseOptions::ALL);
    assert_eq!(errors[0].opened, Some(Span::new(3, 4)));
    assert_eq!(errors[0].message, "unclosed left parenthesis");
    assert_eq!(errors[0].kind, ParseErrorKind::Syntax);
}

#[test]
fn syntax_and_types_are_told_apart() {
    let kind = |text| parse(text).expect_err(text).first().kind;
    assert_eq!(kind("a b"), ParseErrorKind::Syntax);
    assert_eq!(kind("rate(a)"), ParseErrorKind::Type);
    assert_eq!(kind("nope(a)"), ParseErrorKind::Type);
    assert_eq!(kind("topk(a)"), ParseErrorKind::Type);
}

#[test]
fn experimental_parts_can_be_switched_off() {
    let stable = |text| parse_with(text, ParseOptions::STABLE).expect_err(text).to_string();
    for (text, message) in [
        ("mad_over_time(a[5m])", "1:1: parse error: function \"mad_over_time\" is not enabled"),
        (
            "limitk(1, a)",
            "1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
        ),
        ("a[5m*2]", "1:3: parse error: experimental duration expression is not enabled"),
        ("a offset step()", "1:10: parse error: experimental duration expression is not enabled"),
        ("a anchored", "1:1: parse error: anchored modifier is experimental and not enabled"),
        (
            "a + fill(0) b",
            "1:5: parse error: binop fill modifiers are experimental and not enabled",
        ),
    ] {
        assert_eq!(stable(text), message);
        assert!(parse(text).is_ok(), "{text}");
    }
    assert!(parse_with("a[300] offset -5", ParseOptions::STABLE).is_ok());
}

#[test]
fn signs_and_powers_group_as_in_mathematics() {
    let grouped = |text: &str| group(&parse(text).expect(text));
    for (text, expected) in [
        ("-1^2", "-(1^2)"),
        ("-a*b", "(-a*b)"),
        ("2^3^2", "(2^(3^2))"),
        ("a-b-c", "((a-b)-c)"),
        ("a+b*c", "(a+(b*c))"),
        ("a or b and c unless d", "(a or((b and c)unless d))"),
        ("a > b + c atan2 d", "(a>(b+(c atan2 d)))"),
        ("a </ b + c", "(a</(b+c))"),
        ("a^-b*c", "((a^-b)*c)"),
        ("- -1", "1"),
        ("a offset 5m ^ 2", "(a offset 5m^2)"),
        ("a offset -2 * 2", "(a offset -2s*2)"),
        ("-a offset 5m", "-a offset 5m"),
    ] {
        assert_eq!(grouped(text), expected, "{text}");
    }
}

/// The expression with a parenthesis around every operator.
fn group(expr: &Expr) -> String {
    match expr {
        Expr::Binary(node) => {
            let (lhs, rhs) = (group(&node.lhs), group(&node.rhs));
            let word = node.op.as_str().starts_with(|c: char| c.is_alphabetic());
            let glue =
                |side: &str| if word && side.contains(char::is_alphanumeric) { " " } else { "" };
            let (before, after) = (
                if lhs.ends_with(')') { "" } else { glue(&lhs) },
                if rhs.starts_with('(') { "" } else { glue(&rhs) },
            );
            format!("({lhs}{before}{}{after}{rhs})", node.op.as_str())
        }
        Expr::Unary(node) => format!("-{}", group(&node.expr)),
        other => other.to_string(),
    }
}

#[test]
fn keywords_may_name_metrics_and_labels() {
    for text in [
        "sum",
        "sum{by=\"x\"}",
        "offset offset 5m",
        "or or or",
        "start + end + step + range",
        "fill + fill(0) fill",
        "min_of + max_of",
        "anchored anchored",
        "sum by (by, on, sum, bool, offset, start) (count)",
        "a + on (and, or) group_left (unless) b",
    ] {
        assert!(parse(text).is_ok(), "{text}: {}", error(text));
    }
}

#[test]
fn nodes_know_their_place() {
    let text = " sum by (a) ( rate(x{b=\"c\"}[5m] offset 1m) ) > bool 5";
    let expr = parse(text).unwrap();
    let mut spans = Vec::new();
    expr.walk(&mut |node, _| spans.push(&text[node.span().start..node.span().end]));
    assert_eq!(
        spans,
        [
            text.trim_start(),
            "sum by (a) ( rate(x{b=\"c\"}[5m] offset 1m) )",
            "rate(x{b=\"c\"}[5m] offset 1m)",
            "x{b=\"c\"}[5m] offset 1m",
            "5",
        ]
    );
    let uses = expr.selectors();
    let matchers = &uses[0].selector.matchers;
    let place = |span: Span| &text[span.start..span.end];
    assert_eq!(place(matchers[1].span), "b=\"c\"");
    assert_eq!(place(matchers[1].value_span), "\"c\"");
}

#[test]
fn modifiers_land_on_their_selector() {
    let Ok(Expr::Matrix(matrix)) = parse("x[5m] anchored @ 1.5 offset -step()") else {
        panic!("a range selector")
    };
    assert_eq!(matrix.selector.edges, Edges::Anchored);
    assert_eq!(matrix.selector.at, Some(At::Time(1500)));
    assert_eq!(matrix.range.constant(), Some(300_000));
    let context = DurationContext { step: 15_000, range: 60_000 };
    assert_eq!(matrix.selector.offset.unwrap().resolve(context), Ok(-15_000));
}

#[test]
fn duration_expressions_are_computed() {
    let context = DurationContext { step: 10_000, range: 60_000 };
    for (text, millis) in [
        ("5m", 300_000),
        ("300", 300_000),
        ("1h30m % 1h", 1_800_000),
        ("2m*(10+5)", 1_800_000),
        ("24m+((1.5*2m)+2m)", 1_740_000),
        ("-5m+35m", 1_800_000),
        ("2^3", 8_000),
        ("step()+1", 11_000),
        ("range()/2", 30_000),
        ("max_of(min_of(step()+1,((1h))),1ms)", 11_000),
    ] {
        let Ok(Expr::Matrix(matrix)) = parse(&format!("x[{text}]")) else { panic!("{text}") };
        assert_eq!(matrix.range.resolve_positive(context), Ok(millis), "{text}");
    }
    let Ok(Expr::Matrix(matrix)) = parse("x[step()-10]") else { panic!("a range selector") };
    let problem = matrix.range.resolve_positive(context).unwrap_err();
    assert_eq!(problem.message, "duration must be greater than 0");
}

#[test]
fn types_follow_the_operands() {
    for (text, expected) in [
        ("1 + 1", ValueType::Scalar),
        ("1 + a", ValueType::Vector),
        ("(\"x\")", ValueType::String),
        ("a[5m]", ValueType::Matrix),
        ("time()", ValueType::Scalar),
        ("-scalar(a)", ValueType::Scalar),
    ] {
        assert_eq!(parse(text).unwrap().value_type(), expected, "{text}");
    }
}

#[test]
fn scalars_have_no_matching_and_set_operators_are_many_to_many() {
    use super::super::ast::Cardinality;
    let matching = |text| match parse(text).unwrap() {
        Expr::Binary(binary) => binary.matching.map(|matching| matching.cardinality),
        _ => panic!("an operator"),
    };
    assert_eq!(matching("a + 1"), None);
    assert_eq!(matching("a + b"), Some(Cardinality::OneToOne));
    assert_eq!(matching("a and b"), Some(Cardinality::ManyToMany));
    assert_eq!(matching("a + on(x) group_right b"), Some(Cardinality::OneToMany));
}

#[test]
fn selectors_of_the_api_are_read() {
    assert_eq!(parse_selector("up{job=\"x\"}").unwrap().matchers.len(), 2);
    assert_eq!(parse_selector("{}").unwrap().matchers.len(), 0);
    for text in ["up[5m]", "up + 1", "sum(up)", ""] {
        assert!(parse_selector(text).is_err(), "{text}");
    }
}

#[test]
fn newer_notations_are_read() {
    for text in [
        "x @ 100s",
        "x @ -1h",
        "x[step()]",
        "x offset -(5m)",
        "x[5m] @ end() offset step()",
        "x[max_of(step(), 5s):min_of(1m, range())]",
        "x[5m:]",
        "x[100:10] offset 1.5",
        "sum by (\"a.b\", c,) (x)",
        "{\"foo.bar\", \"a.b\"=\"c\", d!~\"e\",}",
        "{__name__=~\"a.+\", __name__!=\"b\"}",
        "a == bool on (x) group_left (\"y.z\") b",
        "a % ignoring () fill_left (-1) fill_right (+0x2) b",
        "limit_ratio(-0.5, x) or limitk(2, x)",
        "x smoothed @ 5 offset 1m",
        "increase(x[5m] anchored offset 1m)",
        "predict_linear(x[50m], 1h) + 1h30m",
        "min_of(1, max_of(start(), end() - range() / step()))",
        "histogram_quantiles(x, \"q\", 0.1, 0.5, 0.9)",
        "info(x, {a=~\".*\"}) + info(x)",
        "sort_by_label(x, \"a\", \"b\")",
        "first_over_time(x[5m]) - ts_of_last_over_time(x[5m]) + start_timestamp(x)",
        "h </ 5 >/ -Inf",
        "1 atan2 2 ^ -INF",
        "'\\u0041' ",
        "# a comment\nx # another\n+ y",
    ] {
        let expr = parse(text).unwrap_or_else(|err| panic!("{text}: {err}"));
        let printed = expr.to_string();
        assert_eq!(parse(&printed).expect(&printed).to_string(), printed, "{text}");
    }
}
