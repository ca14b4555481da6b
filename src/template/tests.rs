use super::*;

fn with(text: &str, query: Query<'_>) -> Result<String, TemplateError> {
    let labels = Labels::from_pairs([("instance", "web.example.org:9100"), ("job", "node")]);
    let external = Labels::from_pairs([("site", "north")]);
    let data = AlertData {
        labels: &labels,
        external_labels: &external,
        external_url: "http://localhost:9090/prom",
        value: 1_234_567.5,
    };
    Expander { query, now: 1_000_500 }.expand(text, &data)
}

fn expand(text: &str) -> String {
    let query = |expr: &str, time: Timestamp| match expr {
        "up" => Ok(vec![
            (Labels::from_pairs([("__name__", "up"), ("instance", "b")]), 1.0),
            (Labels::from_pairs([("__name__", "up"), ("instance", "a"), ("__value__", "x")]), 0.0),
        ]),
        "time()" => Ok(vec![(Labels::empty(), time as f64)]),
        "none" => Ok(Vec::new()),
        _ => Err(format!("cannot answer {expr}")),
    };
    with(text, &query).unwrap_or_else(|err| format!("error: {err}"))
}

#[test]
fn alerts_see_their_labels_and_value() {
    for (text, expected) in [
        ("plain text } {", "plain text } {"),
        ("{{ $labels.instance }} of {{ .Labels.job }}", "web.example.org:9100 of node"),
        ("{{ $value }}", "1.2345675e+06"),
        ("{{ .Value | humanize }}", "1.235M"),
        ("{{ printf \"%.1f\" $value }}", "1234567.5"),
        ("[{{ $labels.nothing }}]", "[]"),
        ("{{ $externalLabels.site }} {{ .ExternalLabels.site }}", "north north"),
        (
            "{{ $externalURL }} {{ externalURL }} {{ pathPrefix }}",
            "http://localhost:9090/prom http://localhost:9090/prom /prom",
        ),
        (
            "{{ with $labels.job }}{{ . }} at {{ $labels.instance }}{{ end }}",
            "node at web.example.org:9100",
        ),
        ("{{ if gt $value 5.0 }}high{{ else }}low{{ end }}", "high"),
        (
            "{{ range $name, $text := $labels }}{{ $name }}={{ $text }};{{ end }}",
            "instance=web.example.org:9100;job=node;",
        ),
    ] {
        assert_eq!(expand(text), expected, "{text}");
    }
}

#[test]
fn functions_are_prometheus_functions() {
    for (text, expected) in [
        ("{{ \"disk full\" | title }} {{ toUpper \"a\" }} {{ toLower \"B\" }}", "Disk Full A b"),
        (
            "{{ $labels.instance | stripPort }} {{ stripDomain $labels.instance }}",
            "web.example.org web:9100",
        ),
        (
            "{{ reReplaceAll \"(.*):(.*)\" \"$2 on $1\" $labels.instance }}",
            "9100 on web.example.org",
        ),
        ("{{ if match \"^web\" $labels.instance }}web{{ end }}", "web"),
        (
            "{{ humanizeDuration 3661 }} {{ humanizePercentage 0.5 }} {{ humanize1024 2048 }}",
            "1h 1m 1s 50% 2ki",
        ),
        ("{{ humanizeTimestamp 0 }}", "1970-01-01 00:00:00 +0000 UTC"),
        ("{{ \"90\" | humanizeDuration }}", "1m 30s"),
        ("{{ parseDuration \"1h30m\" }} {{ now }}", "5400 1000.5"),
        ("{{ toDuration 90.5 }} {{ toTime 1.5 }}", "1m30.5s 1970-01-01 00:00:01.5 +0000 UTC"),
        (
            "{{ graphLink \"up == 0\" }} {{ tableLink \"up\" }}",
            "/graph?g0.expr=up+%3D%3D+0&g0.tab=0 /graph?g0.expr=up&g0.tab=1",
        ),
        ("{{ safeHtml \"<b>\" }}{{ urlQueryEscape \"a b\" }}", "<b>a+b"),
        (
            "{{ define \"x\" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template \"x\" (args 1 \"b\") }}",
            "1-b",
        ),
        ("{{ define \"x\" }}<{{ . }}>{{ end }}{{ tmpl \"x\" $labels.job }}", "<node>"),
    ] {
        assert_eq!(expand(text), expected, "{text}");
    }
}

#[test]
fn queries_are_answered() {
    for (text, expected) in [
        ("{{ with query \"up\" }}{{ . | first | value }}{{ end }}", "1"),
        ("{{ query \"up\" | first | label \"instance\" }}", "b"),
        (
            "{{ range query \"up\" | sortByLabel \"instance\" }}{{ .Labels.instance }}={{ .Value }} {{ end }}",
            "a=0 b=1 ",
        ),
        ("{{ range query \"up\" }}{{ strvalue . }}|{{ end }}", "|x|"),
        ("{{ query \"time()\" | first | value }}", "1.0005e+06"),
        ("{{ range query \"none\" }}x{{ else }}nothing{{ end }}", "nothing"),
        (
            "{{ range query \"up\" }}{{ $i := .Labels.instance }}{{ range query \"up\" }}{{ $i }}{{ .Labels.instance }} {{ end }}{{ end }}",
            "bb ba ab aa ",
        ),
    ] {
        assert_eq!(expand(text), expected, "{text}");
    }
    assert!(
        expand("{{ query \"none\" | first }}")
            .contains("first() called on vector with no elements")
    );
    assert!(expand("{{ query \"nope\" }}").contains("cannot answer nope"));
}

#[test]
fn each_query_is_asked_once() {
    let asked = std::cell::Cell::new(0);
    let query = |_: &str, _: Timestamp| {
        asked.set(asked.get() + 1);
        Ok(Vec::new())
    };
    with("{{ query \"a\" }}{{ query \"a\" }}{{ query \"b\" }}", &query).unwrap();
    assert_eq!(asked.get(), 2);
}

#[test]
fn endless_templates_are_stopped() {
    assert!(
        expand("{{ define \"x\" }}{{ tmpl \"x\" . }}{{ end }}{{ tmpl \"x\" 1 }}")
            .starts_with("error: ")
    );
    assert!(
        expand("{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" 1 }}")
            .starts_with("error: ")
    );
    let many = "{{ range $i := 1000000000 }}{{ end }}";
    assert!(expand(many).starts_with("error: "));
}

#[test]
fn mistakes_have_a_place() {
    for (text, at, message) in [
        ("a {{ $labels.x", "{{ $labels.x", "unclosed action"),
        ("a {{ $labels.x\nb", "{{ $labels.x", "unclosed action"),
        ("ü {{ nope 1 }}", "nope", "function \"nope\" not defined"),
        ("{{ $value | humanise }}", "humanise", "function \"humanise\" not defined"),
        ("{{ $lables.x }}", "$lables", "undefined variable \"$lables\""),
        ("{{ if $value }}x", "{{ if $value }}", "unexpected end of template: `if` has no `end`"),
        ("{{ template \"y\" }}", "y", "template \"y\" not defined"),
        ("{{ range $x := query \"up\" }}{{ end }}{{ $x }}", "$x", "undefined variable \"$x\""),
    ] {
        let error = check(text).expect_err(text);
        assert_eq!(error.message, message, "{text}");
        assert_eq!(&text[error.offset..error.offset + error.len], at, "{text}");
    }
    for text in ["{{ end }}", "{{ }}", "{{ \"a }}", "{{ 1 | }}", "{{ . | 5x }}", "{{else}}"] {
        let error = check(text).expect_err(text);
        assert!(text.get(error.offset..error.offset + error.len).is_some(), "{text}: {error:?}");
    }
    for text in ["", "a", "{{ $x := 1 }}{{ $x }}", "{{/* c */}}", "{{- .Labels.a -}}"] {
        assert_eq!(check(text), Ok(()), "{text}");
    }
}

#[test]
fn every_broken_action_is_told() {
    let told = |text: &str| -> Vec<String> {
        let place = |error: &TemplateError| text[error.offset..error.offset + error.len].to_owned();
        faults(text).iter().map(place).collect()
    };
    assert_eq!(
        told("{{ nope }} {{ $lables.x }} {{ $value | humanise }} {{ .Nope }}"),
        ["nope", "$lables", "humanise", "Nope"]
    );
    // What cannot be read, and what stands before and behind it.
    assert_eq!(told("{{ nope }} {{ $labels.x is { }} {{ humanise 1 }}").len(), 3);
    assert_eq!(told("{{ $labels.x is down {{ humanise 1 }}").len(), 2);
    // What follows from it is not told.
    assert_eq!(told("{{ $x := 1 | }} {{ $x }}").len(), 1);
    assert_eq!(told("{{ if 1 | }} a {{ end }}").len(), 1);
    assert_eq!(told("{{ $value }} {{ end }} {{ nope }}").len(), 1);
    assert_eq!(told("{{ $value }}"), Vec::<String>::new());
}

#[test]
fn references_are_found() {
    let text = "{{ $labels.a }} {{ .Labels.b | title }} {{ range query \"up\" }}{{ .Labels.no }}{{ $labels.c }}{{ end }} {{ $value }} {{ $externalLabels.d }}";
    let found: Vec<_> = references(text)
        .into_iter()
        .map(|found| (found.kind, &text[found.offset..found.offset + found.len]))
        .collect();
    let label = |name: &str| ReferenceKind::Label(name.to_owned());
    assert_eq!(
        found,
        [
            (label("a"), "$labels.a"),
            (label("b"), ".Labels.b"),
            (label("c"), "$labels.c"),
            (ReferenceKind::Value, "$value"),
            (ReferenceKind::ExternalLabel("d".to_owned()), "$externalLabels.d"),
        ]
    );
}

#[test]
fn any_text_is_checked_without_panic() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};
    let fragments = prop::sample::select(vec![
        "{{", "}}", "{{-", "-}}", " ", "if", "end", "range", "with", "define", "\"x\"", "$x", ":=",
        "=", "|", ".", ".a", "$labels", "(", ")", "`", "'a'", "1", "0x", "/*", "*/", "ü", "\n",
        "template", "else", "nil", "break",
    ]);
    let made = prop::collection::vec(fragments, 0..30).prop_map(|parts| parts.concat());
    let config = Config { cases: 2000, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&prop_oneof![made, "\\PC{0,40}"], |text| {
            if let Err(error) = check(&text) {
                let found = text.get(error.offset..error.offset + error.len);
                prop_assert!(found.is_some(), "{text:?}: {error:?}");
            }
            for error in faults(&text) {
                let found = text.get(error.offset..error.offset + error.len);
                prop_assert!(found.is_some(), "{text:?}: {error:?}");
            }
            prop_assert_eq!(faults(&text).is_empty(), check(&text).is_ok());
            let _ = expand(&text);
            references(&text);
            Ok(())
        })
        .unwrap_or_else(|err| panic!("{err}"));
}
#[test]
fn prepared_templates_are_used_again() {
    let asked = std::cell::Cell::new(0.0);
    let query = |_: &str, _: Timestamp| {
        asked.set(asked.get() + 1.0);
        Ok(vec![(Labels::empty(), asked.get())])
    };
    let prepared =
        Prepared::new("{{ now }} {{ externalURL }} {{ query \"a\" | first | value }}").unwrap();
    let labels = Labels::empty();
    let expand = |now, external_url| {
        let data =
            AlertData { labels: &labels, external_labels: &labels, external_url, value: 0.0 };
        Expander { query: &query, now }.expand_prepared(&prepared, &data).unwrap()
    };
    assert_eq!(expand(1000, "http://a"), "1 http://a 1");
    assert_eq!(expand(2000, "http://b"), "2 http://b 2");
}
