//! What users and other programs write is read without a panic, without waiting, and with every place
//! inside of the text: random texts, damaged manifests of the repository, deep nesting, 16 MB.

use std::fs;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use stackctl::diag::report::FORMS;
use stackctl::diag::{Files, Report, Span};
use stackctl::manifest::{self, Format, Loaded};
use stackctl::{check, model, promql, template};

use crate::support::{Needs, Test, repository};

pub const TESTS: &[Test] = &[
    ("damaged_manifests_are_read_checked_and_reported", Needs::Nothing, damaged),
    ("what_can_be_formatted_means_the_same", Needs::Nothing, formatted),
    ("expressions_keep_their_places", Needs::Nothing, expressions),
    ("small_notations_refuse_without_a_panic", Needs::Nothing, small_notations),
    ("deep_nesting_is_refused_in_every_notation", Needs::Nothing, deep),
    ("sixteen_megabytes_are_read_or_refused", Needs::Nothing, large),
];

/// Manifests to damage: the examples, in their notations.
static SEEDS: LazyLock<Vec<(String, Format)>> = LazyLock::new(|| {
    let files = [
        ("examples/quickstart.kdl", Format::Kdl),
        ("examples/skincare.kdl", Format::Kdl),
        ("examples/skincare.yaml", Format::Yaml),
        ("golden/everything/stack.kdl", Format::Kdl),
        ("golden/rules/unused-allowance/stack.kdl", Format::Kdl),
        ("golden/rules/unused-allowance/stack.yaml", Format::Yaml),
    ];
    let mut seeds: Vec<(String, Format)> = files
        .into_iter()
        .map(|(path, format)| (fs::read_to_string(repository(path)).expect("read"), format))
        .collect();
    let json = "{\"stack\": \"s\", \"service\": {\"a\": {\"image\": \"b:1\", \"port\": [80, {\"number\": 81}]}}}";
    seeds.push((json.to_owned(), Format::Json));
    seeds
});

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// The last place between two characters up to this one.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// A seed with up to four stretches replaced, doubled or taken out.
fn mutation() -> impl Strategy<Value = (String, Format)> {
    let put = prop_oneof![
        "[ \\n\\t{}()\\[\\]\"#'=:;,/\\\\*a1sä|>&!-]{0,5}",
        Just("// stackctl: allow S108 reason=\"x\"\n".to_owned()),
        Just("# stackctl: allow".to_owned()),
        Just("\"\"\"\n".to_owned()),
        Just("𝄞\u{feff}\r\n".to_owned()),
    ];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0_usize..60, put), 1..5);
    (0..SEEDS.len(), edits).prop_map(|(seed, edits)| {
        let (mut text, format) = SEEDS[seed].clone();
        for (at, len, put) in edits {
            let start = boundary(&text, at.index(text.len() + 1));
            let end = boundary(&text, start.saturating_add(len).min(text.len()));
            text.replace_range(start..end.max(start), &put);
        }
        (text, format)
    })
}

fn inside(files: &Files, span: Span) -> bool {
    files.get(span.file).is_some_and(|file| file.text.get(span.range()).is_some())
}

fn sound(mut loaded: Loaded) -> Result<(), TestCaseError> {
    let levels = check::Levels::default();
    check::run(&loaded.stack, &loaded.files, &mut loaded.findings, &levels);
    for finding in &loaded.findings {
        let edits = finding.fix.iter().flat_map(|fix| &fix.replacements).map(|edit| edit.span);
        let labels = finding.label.iter().chain(&finding.labels).map(|label| label.span);
        for span in labels.chain(edits) {
            prop_assert!(inside(&loaded.files, span), "{finding:?}");
        }
    }
    let report =
        Report { findings: &loaded.findings, files: &loaded.files, rules: &[], color: false };
    for form in FORMS {
        let mut out = String::new();
        prop_assert!(form.print(&report, &mut out).is_ok(), "{}", form.name);
    }
    Ok(())
}

fn name(format: Format) -> &'static str {
    match format {
        Format::Kdl => "m.kdl",
        Format::Yaml => "m.yaml",
        Format::Json => "m.json",
    }
}

fn damaged() {
    runner(250)
        .run(&mutation(), |(text, format)| {
            sound(manifest::parse(name(format), &text, format, None).expect("no profile"))
        })
        .unwrap_or_else(|err| panic!("{err}"));
}

/// A text of KDL that is often free of mistakes, in an untidy layout.
fn untidy() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a",
        "b",
        " ",
        "  ",
        "\n",
        "\n\n\n",
        ";",
        "{",
        "}",
        " { c 1; d }",
        "\"x y\"",
        "#\"z\"#",
        "=",
        "k=1",
        "(t)\"v\"",
        "/-",
        "// c\n",
        "/* d */",
        " \\\n ",
        "\"\"\"\n  m\n  \"\"\"",
        "\t",
        "#true",
        "1.5",
        "\r\n",
    ]);
    prop::collection::vec(pieces, 0..25).prop_map(|pieces| pieces.concat())
}

fn formatted() {
    let seeds = mutation().prop_map(|(text, _)| text);
    runner(3000)
        .run(&prop_oneof![4 => untidy(), 1 => seeds], |text| {
            match manifest::format(&text) {
                Ok(once) => {
                    let twice = manifest::format(&once);
                    prop_assert_eq!(twice.ok(), Some(once.clone()), "of {:?}", text);
                }
                Err(manifest::Refusal::Changed) => {
                    prop_assert!(false, "the layout changes the meaning of {text:?}");
                }
                Err(_) => {}
            }
            Ok(())
        })
        .unwrap_or_else(|err| panic!("{err}"));
}

fn expressions() {
    let pieces = prop::sample::select(vec![
        "sum",
        " by ",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "up",
        "\"a\"",
        "'b'",
        "`c`",
        "=~",
        "!=",
        "=",
        ",",
        "5m",
        ":1m",
        "@ ",
        "offset ",
        "-",
        "+",
        "and ",
        "on",
        "ignoring",
        "group_left",
        "rate(",
        "ö",
        "𝄞",
        "\\",
        "#x\n",
        "1e3",
        "NaN",
        "$__rate_interval",
        "bool ",
        "==",
        "\n",
    ]);
    let made = prop::collection::vec(pieces, 0..30).prop_map(|parts| parts.concat());
    runner(3000)
        .run(&prop_oneof![made, "\\PC{0,60}"], |text| {
            let (tree, errors) = promql::parse_recovering(&text, promql::ParseOptions::default());
            for error in &errors {
                prop_assert!(
                    text.get(error.span.start..error.span.end).is_some(),
                    "{text:?}: {error:?}"
                );
            }
            prop_assert!(tree.is_some() || !errors.is_empty(), "{text:?}");
            let _ = promql::parse_selector(&text);
            let _ = promql::series_notation::parse_line(&text);
            Ok(())
        })
        .unwrap_or_else(|err| panic!("{err}"));
}

fn small_notations() {
    let telling = "[0-9a-z ={}\"'~!,.|\\\\$%-]{0,30}";
    runner(3000)
        .run(
            &prop_oneof![telling, "[0-9]{0,25}[a-zµ]{0,4}[0-9]{0,25}[smhdwy]?", "\\PC{0,30}"],
            |text| {
                let _ = model::parse_duration(&text);
                if let Some(ms) = manifest::duration::parse(&text) {
                    prop_assert!(ms >= 0, "{text:?} is {ms} ms");
                }
                let _ = manifest::duration::parse_size(&text);
                for matcher in manifest::matchers::matchers(&text) {
                    prop_assert!(!matcher.is_empty(), "{text:?}");
                }
                for wrapped in [text.clone(), format!("{{{{ {text} }}}}")] {
                    if let Err(error) = template::check(&wrapped) {
                        let place = error.offset..error.offset + error.len;
                        prop_assert!(wrapped.get(place).is_some(), "{wrapped:?}: {error:?}");
                    }
                }
                Ok(())
            },
        )
        .unwrap_or_else(|err| panic!("{err}"));
}

fn deep() {
    for n in [99, 101, 5_000, 100_000] {
        for (text, format) in [
            (format!("{}{}", "a { ".repeat(n), "}".repeat(n)), Format::Kdl),
            ("a {\n".repeat(n), Format::Kdl),
            ("/* ".repeat(n), Format::Kdl),
            ("(".repeat(n), Format::Kdl),
            ("/-".repeat(n), Format::Kdl),
            ("[".repeat(n), Format::Yaml),
            ("- ".repeat(n.min(5_000)), Format::Yaml),
            ("{\"a\":".repeat(n), Format::Json),
        ] {
            let loaded = manifest::parse(name(format), &text, format, None).expect("no profile");
            sound(loaded).expect("sound");
            let _ = manifest::format(&text);
        }
        for text in
            ["(".repeat(n), "-".repeat(n), "sum(".repeat(n), format!("a{}", "[1m:]".repeat(n))]
        {
            let _ = promql::parse(&text);
        }
        let _ = template::check(&"{{ if .a }}".repeat(n.min(5_000)));
    }
}

fn large() {
    let room = 16 << 20;
    let fill = |piece: &str| piece.repeat(room / piece.len());
    for (text, format) in [
        (fill("// a comment\n"), Format::Kdl),
        (format!("stack \"{}\"", "x".repeat(room - 20)), Format::Kdl),
        (fill("secret \"a\" env=\"B\"; "), Format::Kdl),
        (fill("\\\n"), Format::Kdl),
        (fill("# a comment\n"), Format::Yaml),
        (format!("stack: \"{}\"", "x".repeat(room - 20)), Format::Yaml),
        (format!("{{\"stack\": \"{}\"}}", "ä".repeat(room / 2 - 20)), Format::Json),
        (" ".repeat(room + 1), Format::Kdl),
    ] {
        let loaded = manifest::parse(name(format), &text, format, None).expect("no profile");
        for finding in &loaded.findings {
            assert!(inside(&loaded.files, finding.span()), "{finding:?}");
        }
        let too_large = loaded.findings.iter().any(|finding| finding.code == "S014");
        assert_eq!(too_large, text.len() > room);
    }
    let _ = promql::parse(&fill("a + "));
    let _ = promql::parse(&format!("{{a=\"{}\"}}", "x".repeat(room)));
    let _ = template::check(&fill("{{ .a }} "));
}
