//! The PromQL parser against what is known to be right: Prometheus' own test scripts, promtool, and the
//! crate `promql-parser`.

use std::fmt::Write as _;
use std::process::Command;

use stackctl::promql::ast::{DurationExpr, Expr, NumberLiteral, Span, VectorSelector};
use stackctl::promql::series_notation::parse_line;
use stackctl::promql::{ParseOptions, parse, parse_recovering, parse_with};

use crate::support::{self, Needs, Test};

pub const TESTS: &[Test] = &[
    ("conformance_expressions_parse", Needs::Shared("conformance"), conformance_expressions_parse),
    ("conformance_series_parse", Needs::Shared("conformance"), conformance_series_parse),
    ("printing_and_parsing_give_the_same", Needs::Shared("conformance"), round_trip),
    ("a_second_parser_agrees", Needs::Shared("conformance"), second_parser_agrees),
    ("mistakes_are_worded_as_by_promtool", Needs::Program("promtool"), promtool_wording),
    ("printing_is_that_of_prometheus", Needs::Program("prometheus"), prometheus_printing),
    ("any_text_is_read_without_panic", Needs::Nothing, any_text),
    ("deep_nesting_is_a_mistake", Needs::Nothing, deep_nesting),
];

/// An `eval` of a test script.
struct Case {
    place: String,
    expr: String,
    fails: bool,
}

fn scripts() -> Vec<(String, String)> {
    let folder = support::shared("conformance/promql");
    let mut scripts: Vec<(String, String)> = std::fs::read_dir(folder)
        .expect("the folder was there a moment ago")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "test"))
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).expect("a readable script"))
        })
        .collect();
    scripts.sort();
    scripts
}

/// Everything between `words[0]` and the expression is an argument of one word.
fn expression(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    if !words.next()?.starts_with("eval") {
        return None;
    }
    let skip = match words.next()? {
        "instant" if words.next()? == "at" => 4,
        "instant" => 2,
        _ => 8,
    };
    let mut rest = line;
    for _ in 0..skip {
        rest = rest.trim_start();
        rest = &rest[rest.find(char::is_whitespace)?..];
    }
    Some(rest.trim())
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (name, text) in scripts() {
        for (number, line) in text.lines().map(str::trim).enumerate() {
            if let Some(expr) = expression(line) {
                let fails = line.starts_with("eval_fail");
                let place = format!("{name}:{}", number + 1);
                cases.push(Case { place, expr: expr.to_owned(), fails });
            } else if line.starts_with("expect fail") {
                cases.last_mut().expect("an eval comes first").fails = true;
            }
        }
    }
    assert!(cases.len() > 1000, "only {} cases found", cases.len());
    cases
}

fn conformance_expressions_parse() {
    let mut complaints = String::new();
    for Case { place, expr, fails } in cases() {
        if let (Err(err), false) = (parse(&expr), fails) {
            writeln!(complaints, "{place}: {expr}\n    {err}").expect("a String takes everything");
        }
    }
    assert!(complaints.is_empty(), "{complaints}");
}

fn conformance_series_parse() {
    let mut series = 0;
    for (name, text) in scripts() {
        let mut in_load = false;
        for (number, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            match trimmed {
                _ if trimmed.starts_with("load") => in_load = true,
                "" => in_load = false,
                _ if in_load && !trimmed.starts_with('#') => {
                    let place = format!("{name}:{}", number + 1);
                    parse_line(trimmed).unwrap_or_else(|err| panic!("{place}: {trimmed}\n{err}"));
                    series += 1;
                }
                _ => {}
            }
        }
    }
    assert!(series > 500, "only {series} series found");
}

/// Sets every span to nothing and sorts the matchers, which printing does too.
fn strip(expr: &mut Expr) {
    const NOWHERE: Span = Span::new(0, 0);
    match expr {
        Expr::Number(NumberLiteral { span, .. }) => *span = NOWHERE,
        Expr::String(node) => node.span = NOWHERE,
        Expr::Vector(selector) => strip_selector(selector),
        Expr::Matrix(matrix) => {
            strip_selector(&mut matrix.selector);
            strip_duration(&mut matrix.range);
            (matrix.range_span, matrix.span) = (NOWHERE, NOWHERE);
        }
        Expr::Subquery(node) => {
            strip_duration(&mut node.range);
            node.step.iter_mut().chain(&mut node.offset).for_each(strip_duration);
            (node.range_span, node.span) = (NOWHERE, NOWHERE);
        }
        Expr::Call(node) => (node.name_span, node.span) = (NOWHERE, NOWHERE),
        Expr::Aggregate(node) => {
            (node.op_span, node.span) = (NOWHERE, NOWHERE);
            node.grouping.labels.iter_mut().for_each(|label| label.span = NOWHERE);
        }
        Expr::Binary(node) => {
            (node.op_span, node.span) = (NOWHERE, NOWHERE);
            if let Some(matching) = &mut node.matching {
                let labels = matching.labels.iter_mut().chain(&mut matching.include);
                labels.for_each(|label| label.span = NOWHERE);
                // NaN equals nothing, not even itself.
                for fill in [&mut matching.fill_left, &mut matching.fill_right] {
                    *fill = fill.filter(|value| !value.is_nan());
                }
            }
        }
        Expr::Unary(node) => node.span = NOWHERE,
        Expr::Paren(node) => node.span = NOWHERE,
        Expr::Broken(_) => panic!("the expression is whole"),
    }
    if let Expr::Number(number) = expr
        && number.value.is_nan()
    {
        number.value = 0.5;
    }
    for child in children(expr) {
        strip(child);
    }
}

fn children(expr: &mut Expr) -> Vec<&mut Expr> {
    match expr {
        Expr::Number(_) | Expr::String(_) | Expr::Vector(_) | Expr::Matrix(_) => Vec::new(),
        Expr::Subquery(node) => vec![&mut node.expr],
        Expr::Call(node) => node.args.iter_mut().collect(),
        Expr::Aggregate(node) => {
            node.param.iter_mut().map(|param| &mut **param).chain([&mut *node.expr]).collect()
        }
        Expr::Binary(node) => vec![&mut node.lhs, &mut node.rhs],
        Expr::Unary(node) => vec![&mut node.expr],
        Expr::Paren(node) => vec![&mut node.expr],
        Expr::Broken(node) => node.children.iter_mut().collect(),
    }
}

fn strip_selector(selector: &mut VectorSelector) {
    let VectorSelector { matchers, offset, span, .. } = selector;
    *span = Span::default();
    for entry in matchers.iter_mut() {
        (entry.span, entry.value_span) = (Span::default(), Span::default());
    }
    matchers.sort_by_key(|entry| entry.matcher.to_string());
    offset.iter_mut().for_each(strip_duration);
    if offset.as_ref().is_some_and(|offset| offset.constant() == Some(0)) {
        *offset = None;
    }
}

fn strip_duration(duration: &mut DurationExpr) {
    match duration {
        DurationExpr::Number(number) => number.span = Span::default(),
        DurationExpr::Step(span) | DurationExpr::Range(span) => *span = Span::default(),
        DurationExpr::Unary { expr, span, .. } | DurationExpr::Paren { expr, span } => {
            *span = Span::default();
            strip_duration(expr);
        }
        DurationExpr::Binary { lhs, rhs, .. } => {
            strip_duration(lhs);
            strip_duration(rhs);
        }
        DurationExpr::Choice { lhs, rhs, span, .. } => {
            *span = Span::default();
            strip_duration(lhs);
            strip_duration(rhs);
        }
    }
}

fn round_trip() {
    for Case { place, expr: text, .. } in cases() {
        let Ok(mut expr) = parse(&text) else { continue };
        strip(&mut expr);
        for printed in [expr.to_string(), expr.pretty()] {
            let mut again =
                parse(&printed).unwrap_or_else(|err| panic!("{place}: {text}\n{printed}\n{err}"));
            strip(&mut again);
            assert_eq!(expr, again, "{place}: {text}\n{printed}");
            assert_eq!(again.to_string(), expr.to_string(), "{place}");
        }
    }
}

/// Where both parsers take an expression they must understand it alike: the second one's printing, read
/// by ours, is our tree. The second one is of an older language, so what it refuses counts for nothing.
fn second_parser_agrees() {
    let mut compared = 0;
    for Case { place, expr: text, .. } in cases() {
        // The second one reads `"\xff"` as Latin-1.
        if text.contains("\\x") {
            continue;
        }
        let (Ok(mut ours), Ok(theirs)) = (parse(&text), promql_parser::parser::parse(&text)) else {
            continue;
        };
        let printed = theirs.to_string();
        let Ok(mut theirs) = parse(&printed) else { continue };
        strip(&mut ours);
        strip(&mut theirs);
        // Numbers are printed differently (durations as seconds); the structure is what counts.
        assert_eq!(
            skeleton(&ours),
            skeleton(&theirs),
            "{place}: {text}\nours:   {ours}\ntheirs: {printed}"
        );
        compared += 1;
    }
    assert!(compared > 1000, "only {compared} expressions were compared");
}

/// The shape of a tree: kinds of nodes, operators and names.
fn skeleton(expr: &Expr) -> String {
    let own = match expr.unwrap_parens() {
        // The second parser drops it.
        Expr::Unary(node) if !node.negative => return skeleton(&node.expr),
        Expr::Number(_) => "number".to_owned(),
        Expr::String(node) => node.value.clone(),
        Expr::Vector(selector) => format!("{:?}", selector.matchers),
        Expr::Matrix(matrix) => format!("{:?}[]", matrix.selector.matchers),
        Expr::Subquery(_) => "subquery".to_owned(),
        Expr::Call(node) => node.function.name.to_owned(),
        Expr::Aggregate(node) => format!("{:?}{:?}", node.op, node.grouping),
        Expr::Binary(node) => {
            let labels = node.matching.as_ref().map(|matching| {
                (
                    matching.on,
                    matching.labels.clone(),
                    matching.include.clone(),
                    matching.cardinality,
                )
            });
            format!("{}{:?}{}", node.op.as_str(), labels, node.return_bool)
        }
        Expr::Unary(node) => format!("sign{}", node.negative),
        Expr::Paren(_) | Expr::Broken(_) => panic!("neither remains"),
    };
    let children: Vec<String> = expr.unwrap_parens().children().into_iter().map(skeleton).collect();
    format!("{own}({})", children.join(" "))
}

/// The first mistake is the one that promtool names, at its place and in its words.
fn promtool_wording() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("rules.yml");
    let mut rules = String::from("groups:\n- name: g\n  rules:\n");
    for (index, text) in COMMON.iter().enumerate() {
        let text = serde_json::to_string(text).expect("a string is JSON");
        writeln!(rules, "  - record: r{index}\n    expr: {text}")
            .expect("a String takes everything");
    }
    std::fs::write(&file, rules).expect("the folder is writable");
    let promtool = support::find_program("promtool").expect("it was there a moment ago");
    let output =
        Command::new(promtool).args(["check", "rules"]).arg(&file).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    let mut complaints = String::new();
    let mut refused = 0;
    for (index, text) in COMMON.iter().enumerate() {
        let marker = format!("\"r{index}\": could not parse expression: ");
        let theirs = said.split_once(&marker).and_then(|(_, rest)| rest.lines().next());
        let ours = parse_with(text, ParseOptions::STABLE).err().map(|err| err.to_string());
        refused += usize::from(theirs.is_some());
        if ours.as_deref() != theirs {
            writeln!(complaints, "{text}\n  ours:   {ours:?}\n  theirs: {theirs:?}")
                .expect("a String takes everything");
        }
    }
    assert!(refused > 100, "promtool refused only {refused}: {said}");
    assert!(complaints.is_empty(), "{complaints}");
}

/// A server that is stopped when the test ends, however it ends.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to stop.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One line and several lines are those of the API's `format_query`.
fn prometheus_printing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("prometheus.yml");
    std::fs::write(&config, "global: {}\n").expect("the folder is writable");
    let port = support::free_port();
    let program = support::find_program("prometheus").expect("it was there a moment ago");
    let _server = Server(
        Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("prometheus starts"),
    );
    let formatted = |text: &str| {
        let query: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        support::get_json(port, &format!("/api/v1/format_query?query={query}"))
    };
    let mut patience = (0..300).map(|_| std::thread::sleep(std::time::Duration::from_millis(50)));
    while formatted("1").is_none() {
        patience.next().expect("prometheus is ready within 15 seconds");
    }
    let whole = COMMON.iter().filter(|text| parse(text).is_ok());
    for text in whole.chain(PRINTED) {
        let answer = formatted(text).unwrap_or_else(|| panic!("no answer to {text}"));
        let expr = parse(text).unwrap_or_else(|err| panic!("{text}: {err}"));
        assert_eq!(answer["data"].as_str(), Some(&*expr.pretty()), "{text}");
    }
}

fn any_text() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    let fragments = prop::sample::select(vec![
        "sum",
        "by",
        "without",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "a",
        "rate",
        "5m",
        "1",
        "-",
        "+",
        "*",
        "/",
        "^",
        "==",
        "=~",
        "!=",
        "=",
        "\"x\"",
        "'",
        "`",
        "offset",
        "@",
        "start()",
        "step()",
        "on",
        "group_left",
        "bool",
        "and",
        "or",
        "fill",
        "topk",
        "min_of",
        "#",
        "\n",
        "\\",
        "0x",
        "1e",
        "é",
        "</",
        ">/",
        "anchored",
        "info",
        "unless",
        "atan2",
        "inf",
        "5m:1m",
    ]);
    let made = prop::collection::vec((fragments, prop::bool::ANY), 0..40).prop_map(|parts| {
        parts
            .into_iter()
            .fold(String::new(), |text, (part, blank)| text + part + if blank { " " } else { "" })
    });
    let texts = prop_oneof![any::<String>(), "\\PC{0,60}", made];
    let mut runner =
        TestRunner::new(Config { cases: 3000, failure_persistence: None, ..Config::default() });
    runner
        .run(&texts, |text| {
            let (expr, errors) = parse_recovering(&text, ParseOptions::ALL);
            for error in &errors {
                prop_assert!(error.span.start <= error.span.end);
                prop_assert!(error.span.end <= text.len(), "{error:?} in {text:?}");
                prop_assert!(text.is_char_boundary(error.span.start), "{error:?} in {text:?}");
                prop_assert!(text.is_char_boundary(error.span.end), "{error:?} in {text:?}");
            }
            let Some(expr) = expr else {
                prop_assert!(!errors.is_empty());
                return Ok(());
            };
            expr.walk(&mut |node, path| {
                let span = node.span();
                assert!(span.start <= span.end && span.end <= text.len(), "{node:?} in {text:?}");
                assert!(text.get(span.start..span.end).is_some(), "{node:?} in {text:?}");
                if let Some(above) = path.last() {
                    let above = above.span();
                    assert!(
                        above.start <= span.start && span.end <= above.end,
                        "{node:?} in {text:?}"
                    );
                }
            });
            if errors.is_empty() {
                let printed = expr.to_string();
                let again = parse(&printed);
                prop_assert!(again.is_ok(), "{text:?} printed as {printed:?}: {again:?}");
                prop_assert_eq!(again.map(|again| again.to_string()), Ok(printed));
            }
            Ok(())
        })
        .unwrap_or_else(|err| panic!("{err}"));
}

fn deep_nesting() {
    let many = 100_000;
    for text in [
        "(".repeat(many),
        "-".repeat(many) + "a",
        "a^".repeat(many) + "a",
        "a+".repeat(many) + "a",
        "abs(".repeat(many) + "a" + &")".repeat(many),
        "sum(".repeat(many),
        "a[".to_owned() + &"(".repeat(many) + "5m",
        "a[".to_owned() + &"5m+".repeat(many) + "5m]",
        "a".to_owned() + &"[5m:]".repeat(many),
        "{".repeat(many),
    ] {
        let (_, errors) = parse_recovering(&text, ParseOptions::ALL);
        assert!(!errors.is_empty(), "{}", &text[..20]);
    }
    let fine = "(".repeat(90) + "a" + &")".repeat(90);
    assert_eq!(parse(&fine).expect("90 levels are fine").to_string(), fine);
    let chain = "a + ".repeat(200) + "a";
    assert_eq!(parse(&chain).expect("200 operators are fine").to_string(), chain);
}

/// Texts that Prometheus 2.42 and 3.14 print alike.
const PRINTED: &[&str] = &[
    "sum(x)by(b,a)",
    "sum without()(x)>bool 5 and on()y unless ignoring(z)w",
    "a{b='c\\nd\\u00e9\\x01', a!~`x`}@1.2345 offset -1h30m",
    "x[1w1d]@end()",
    "{__name__='up'}",
    "0x1F + 1e3 - -Inf",
    "x[90m:] offset 5s",
    "a*on(b)group_left c ^ -2",
    "count_values('a', x)",
    "sum by (job, instance) (rate(http_requests_total{job=\"a_rather_long_job_name\",code=~\"5..\"}[5m])) / on (job) group_left (version) count(up{job=\"a_rather_long_job_name\"})",
    "histogram_quantile(0.99, sum by (le, job, instance) (rate(http_request_duration_seconds_bucket{job=\"api\", code!~\"5..\"}[5m] offset 1h)))",
    "topk(10, sum by (aaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, cccccccccccccccccccccccccccccccccc) (x))",
    "-(sum(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) + sum(bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb))",
    "max_over_time((sum(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) + sum(bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb))[1h:5m] offset 5m)",
    "sum_over_time(sum_over_time(sum_over_time(metric{job=\"1\"}[100s] @ 100)[100s:25s] @ 50)[3s:1s] @ 3000)",
    "label_replace(up{job=\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}, \"a\", \"$1\", \"b\", \"(.*)\")",
    "-up{job=\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"} > bool 1",
];

/// Texts in which Prometheus 2.42 and 3.14 see the same mistake, and some without any.
const COMMON: &[&str] = &[
    "foo bar",
    "1+",
    "*1",
    "(1",
    "1 and 1",
    "1 == 1",
    "1 offset 1d",
    "foo offset 1d offset 2d",
    "foo @",
    "foo @ bar",
    "foo @ start",
    "foo @ 1 @ 2",
    "foo[5m",
    "foo[5m:",
    "foo[5m:1m",
    "foo[5m:1m:1m]",
    "foo[5m 5m]",
    "foo[5m][5m]",
    "(foo + bar)[5m]",
    "foo offset 5m[5m]",
    "foo @ 5[5m]",
    "sum",
    "sum(",
    "sum()",
    "sum(foo",
    "sum(foo,bar)",
    "sum foo",
    "sum by",
    "sum by foo",
    "sum by (foo",
    "sum by (foo bar) (x)",
    "sum by (1) (x)",
    "sum by (a,,b) (x)",
    "sum(a b)",
    "sum(rate(x y))",
    "rate(x y)",
    "rate(foo)",
    "rate(foo[5m], 1)",
    "rate()",
    "rate",
    "foo(1)",
    "sum by (a)",
    "sum(x) by (a) by (b)",
    "sum(x) b",
    "topk(x)",
    "topk(1,2,3)",
    r#"topk("a", x)"#,
    "count_values(1, x)",
    "quantile(foo, bar)",
    r#"sum("x")"#,
    "sum(foo[5m])",
    "-foo[5m]",
    r#"-"a""#,
    r#"+"a""#,
    r#""a" + "b""#,
    r#"foo + "b""#,
    "foo + bar[5m]",
    "foo == bool",
    "foo + bool bar",
    "1 == bool 1 ==  1",
    "foo and on() group_left bar",
    "foo or group_left bar",
    "foo + on(a) group_left(a) bar",
    "foo + on bar",
    "foo + on(a bar",
    "foo + ignoring(a) group_right(b) 1",
    "foo + on(a) 1",
    "foo and 1",
    "foo{",
    "foo{a",
    "foo{a=",
    "foo{a=b}",
    r#"foo{a="b""#,
    r#"foo{a="b",,}"#,
    "foo{,}",
    r#"foo{a="b" c="d"}"#,
    r#"foo{__name__="bar"}"#,
    "{}",
    r#"{a=""}"#,
    r#"{a=~".*"}"#,
    r#"{a!="x"}"#,
    "foo}",
    "foo]",
    "foo)",
    "foo{a==b}",
    r#"foo{1="a"}"#,
    "foo{a!b}",
    "foo!bar",
    "foo=bar",
    r#"foo=~"a""#,
    "foo $ bar",
    r#""abc"#,
    "'abc",
    "`abc",
    r#""\q""#,
    r#""\xzz""#,
    "0x",
    "0xg",
    "5mm",
    "foo[0s]",
    "foo[5h5d]",
    "min_over_time(foo)",
    "absent(foo[5m])",
    r#"label_replace(foo, "a")"#,
    r#"label_join(foo, "a")"#,
    "round(foo, 1, 2)",
    "hour(1,2)",
    "vector(foo)",
    "scalar(1)",
    r#"scalar("a")"#,
    "time(1)",
    "sum(rate(foo[5m])",
    "rate(foo[5m]))",
    "rate(foo[5m],)",
    "sum(foo,)",
    "(foo bar)",
    "()",
    r#"foo{a="b"}{c="d"}"#,
    "foo[5m] + bar",
    "(foo[5m]) + 1",
    "-(foo[5m])",
    "foo[5m:1m] > 1",
    "sum(foo)[5m]",
    r#""a"[5m]"#,
    "1[5m]",
    "foo ^ ^ bar",
    "foo + + + ",
    "a or",
    "or",
    "and",
    "foo by (a)",
    "bool",
    "on",
    "ignoring(a)",
    "group_left",
    "foo unless",
    r#"foo < bool "a""#,
    "min(1)",
    "predict_linear(foo, 1)",
    "histogram_quantile(foo, bar)",
    "rate(sum(foo)[5m])",
    "rate(1[5m:1m])",
    "1 offset 5m",
    "sum(foo) offset 5m",
    r#"foo{a="b"} offset 5m offset 5m"#,
    "foo @ 1e30",
    "foo @ NaN",
    "foo @ Inf",
    r#""a" @ 1"#,
    "a:b(1)",
    "atan2",
    "foo atan2",
    "sum without foo",
    "sum without (a) foo",
    "avg()",
    "avg(foo) without",
    "x[5m]offset 5m[5m]",
    "clamp(foo, 1)",
    "a + b c",
    "a + (b c) + d",
    r#"a{b="c} + d"#,
    "a # comment",
    "# only",
    r#""foo" bar"#,
    r#"rate(foo{a="b"}[5m]) by (a)"#,
];
