//! Alert templates against promtool, which expands them in its rule unit tests.

use std::fmt::Write as _;
use std::process::Command;

use stackctl::model::{Labels, Timestamp};
use stackctl::promql::quote::quote;
use stackctl::template::{AlertData, Expander, check};

use crate::support::{self, Needs, Test};

pub const TESTS: &[Test] = &[
    ("expansions_are_those_of_promtool", Needs::Program("promtool"), expansions),
    ("promtool_refuses_what_the_check_refuses", Needs::Program("promtool"), refusals),
];

/// Every one gives a text, and in both programs the same.
const GOOD: &[&str] = &[
    "plain",
    "{{ $value }}",
    "{{ .Value }} {{ $labels.a }} {{ .Labels.instance }}",
    "[{{ $labels.nothing }}]",
    "{{ .Labels }}",
    "{{ $externalLabels.site }}",
    "{{ printf \"%.2f|%v|%d|%s|%q|%5.1f|%e|%g\" $value $value 5 \"x\" \"y\" $value $value $value }}",
    "{{ print $value \"x\" 1 2.5 3 }}",
    "{{ println 1 \"a\" 2.5 }}",
    "{{ 1e6 }} {{ 100000.0 }} {{ 0.00001 }} {{ 1e21 }} {{ 0.1 }}",
    "{{ humanize $value }} {{ humanize 0.00012345 }} {{ humanize 0.0 }} {{ humanize -1500 }}",
    "{{ humanize1024 $value }} {{ humanize1024 0.5 }} {{ humanize1024 1048576 }}",
    "{{ humanizeDuration $value }} {{ humanizeDuration 0.0015 }} {{ humanizeDuration 59.5 }} {{ humanizeDuration -61 }}",
    "{{ humanizePercentage 0.1234567 }} {{ humanizePercentage 1.0 }}",
    "{{ humanizeTimestamp 1435065584.128 }} {{ humanizeTimestamp $value }}",
    "{{ \"disk is full\" | title }} {{ \"aB\" | toUpper }} {{ \"aB\" | toLower }}",
    "{{ $labels.instance | stripPort }} {{ $labels.instance | stripDomain }} {{ stripPort \"[::1]:80\" }} {{ stripDomain \"10.1.2.3:80\" }}",
    "{{ reReplaceAll \"(w)(e)b\" \"$2-$1\" $labels.instance }} {{ match \"^web\" $labels.instance }}",
    "{{ graphLink \"up == 0\" }} {{ tableLink \"a{b=\\\"c\\\"}\" }}",
    "{{ parseDuration \"1h30m\" }}",
    "{{ safeHtml \"<b>\" }} {{ \"<b>\" }} {{ html \"<b>&\" }} {{ urlquery \"a b&c\" }} {{ js \"it's\" }}",
    "{{ query \"up\" | len }} {{ with query \"up{instance='b'}\" }}{{ . | first | value }}{{ end }}",
    "{{ range query \"up\" | sortByLabel \"instance\" }}{{ .Labels.instance }}={{ .Value }},{{ end }}",
    "{{ query \"up{instance='b'}\" | first | label \"instance\" }}",
    "{{ range query \"nope\" }}x{{ else }}none{{ end }}",
    "{{ define \"x\" }}<{{ .arg0 }} {{ .arg1 }}>{{ end }}{{ template \"x\" (args 1 \"b\") }}",
    "{{ if gt $value 100.0 }}high{{ else if gt $value 10.0 }}middle{{ else }}low{{ end }}",
    "{{ if and (eq $labels.a \"b\") (ne .Value 0.0) }}yes{{ end }} {{ not true }} {{ or 0 \"x\" }}",
    "{{ range $k, $v := .Labels }}{{ $k }}={{ $v }};{{ end }}",
    "a {{- \" b \" -}} c {{/* comment */}} {{ `raw \"x\"` }} {{ 'a' }}",
    "{{ with $x := 5 }}{{ $x }}{{ end }} {{ $y := \"z\" }}{{ $y }}",
    "{{ index .Labels \"a\" }} {{ len .Labels }} {{ slice \"abcdef\" 1 3 }}",
    "{{ if eq $labels.nope \"\" }}none{{ end }} {{ $labels.nope | toUpper }} {{ printf \"%s|%v\" $labels.nope $labels.nope }}",
    "{{ len $labels.nope }} {{ match \"x\" $labels.nope }} {{ title .Labels.nope }} {{ print $labels.nope 1 }}",
    "{{ with $labels.nope }}x{{ else }}y{{ end }} {{ if $labels.nope }}x{{ else }}y{{ end }} {{ or $labels.nope \"z\" }}",
    "{{ range query \"sort(up)\" }}[{{ .Labels.nope }}]{{ .Labels.instance | toUpper }}{{ end }}",
    "{{ html $value }} {{ urlquery $value }} {{ $value | printf \"%.0f\" }} {{ $value | print }} {{ (print $value) | len }}",
    "{{ $value | humanize | printf \"%s!\" }} {{ humanize \"5\" }} {{ humanize 5 }}",
    "{{ range $i, $e := query \"sort(up)\" }}{{ $i }}:{{ $e.Value }}{{ if eq $i 0 }}, {{ end }}{{ end }}",
    "{{ (index (query \"sort(up)\") 1).Labels.instance }} {{ (query \"sort(up)\" | first).Value }}",
    "{{ lt 1 2 }} {{ eq \"a\" \"b\" \"a\" }} {{ and 1 0 }} {{ le 1.5 1.5 }} {{ true }} {{ -5 }} {{ 0x10 }} {{ 1_000 }}",
    "{{ printf \"%t %x %c %U %08.3f %+d %-5s| %5s %%\" true 255 65 65 3.14159 5 \"ab\" \"cd\" }}",
    "{{ if not (match \"a\" \"b\") }}{{ \"x\" -}}   {{ end }}y",
    "{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}",
    "{{ block \"b\" .Value }}{{ . }}{{ end }}",
    "{{ .ExternalLabels.site }} {{ $externalLabels }}",
    "{{ range $i := query \"sort(up)\" }}{{ if eq .Value 1.0 }}{{ break }}{{ end }}{{ .Value }}{{ end }}",
    "{{ \"\\u00e9\\n\" }}|{{ `a\nb` }}|ü",
    "{{ $labels.a | printf \"%s-%s\" \"p\" }}",
    "{{ query \"up{instance='a'} + 0.5\" | first | value | humanizePercentage }}",
];

/// Neither program takes them.
const BAD: &[&str] = &[
    "{{ $labels.a",
    "{{ nope }}",
    "{{ $nope }}",
    "{{ if $value }}x",
    "{{ end }}",
    "{{ else }}",
    "{{ if 1 }}{{ else }}{{ else }}{{ end }}",
    "{{ template \"nope\" }}",
    "{{ .Nope }}",
    "{{ \"a }}",
    "{{ }}",
    "{{ break }}",
    "{{ range $x := query \"up\" }}{{ end }}{{ $x }}",
    "{{ ( }}",
    "{{ $value }",
];

fn answer(expr: &str, _: Timestamp) -> Result<Vec<(Labels, f64)>, String> {
    let up = |instance: &str, value| {
        (Labels::from_pairs([("__name__", "up"), ("instance", instance)]), value)
    };
    Ok(match expr {
        // A plain `up` comes in any order.
        "up" | "sort(up)" => vec![up("a", 0.0), up("b", 1.0)],
        "up{instance='b'}" => vec![up("b", 1.0)],
        "up{instance='a'} + 0.5" => vec![(Labels::from_pairs([("instance", "a")]), 0.5)],
        "nope" => Vec::new(),
        _ => return Err(format!("the test has no answer to {expr}")),
    })
}

fn expand(text: &str) -> String {
    let labels =
        Labels::from_pairs([("__name__", "m"), ("a", "b"), ("instance", "web.example.org:9100")]);
    let external_labels = Labels::from_pairs([("site", "north")]);
    let data = AlertData {
        labels: &labels,
        external_labels: &external_labels,
        external_url: "",
        value: 1_234_567.5,
    };
    let expander = Expander { query: &answer, now: 60_000 };
    expander.expand(text, &data).unwrap_or_else(|err| panic!("{text}: {err}"))
}

/// What promtool says when it tests one alert for each template.
fn promtool(templates: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut rules = String::from("groups:\n- name: g\n  rules:\n");
    let mut tests = String::from(
        "rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n- interval: 1m\n  \
         external_labels: {site: north}\n  input_series:\n  \
         - {series: 'm{a=\"b\", instance=\"web.example.org:9100\"}', values: '1234567.5x5'}\n  \
         - {series: 'up{instance=\"a\"}', values: '0x5'}\n  \
         - {series: 'up{instance=\"b\"}', values: '1x5'}\n  alert_rule_test:\n",
    );
    for (index, template) in templates.iter().enumerate() {
        let template = serde_json::to_string(template).expect("a string is JSON");
        write!(rules, "  - alert: a{index}\n    expr: m > 0\n    annotations: {{v: {template}}}\n")
            .and_then(|()| {
                writeln!(tests, "  - {{eval_time: 1m, alertname: a{index}, exp_alerts: []}}")
            })
            .expect("a String takes everything");
    }
    for (name, text) in [("rules.yml", &rules), ("test.yml", &tests)] {
        std::fs::write(folder.path().join(name), text).expect("the folder is writable");
    }
    let program = support::find_program("promtool").expect("it was there a moment ago");
    let output = Command::new(program)
        .args(["test", "rules"])
        .arg(folder.path().join("test.yml"))
        .output()
        .expect("promtool runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said + &String::from_utf8_lossy(&output.stderr)
}

fn expansions() {
    let said = promtool(GOOD);
    let mut complaints = String::new();
    for (index, template) in GOOD.iter().enumerate() {
        let ours = format!("Annotations:{{v={}}}", quote(&expand(template)));
        let marker = format!("alertname=\"a{index}\"");
        let theirs = said
            .lines()
            .skip_while(|line| !line.contains(&marker))
            .find(|line| line.contains("Annotations:"))
            .map(str::trim);
        if theirs != Some(&*ours) {
            writeln!(complaints, "{template}\n  ours:   {ours}\n  theirs: {theirs:?}")
                .expect("a String takes everything");
        }
    }
    assert!(complaints.is_empty(), "{complaints}{said}");
}

fn refusals() {
    for template in GOOD {
        assert_eq!(check(template), Ok(()), "{template}");
    }
    for template in BAD {
        assert!(check(template).is_err(), "{template} is taken");
        let said = promtool(&[template]);
        let refused =
            said.contains("template: __alert_a0") || said.contains("error expanding template");
        assert!(refused, "promtool takes {template}: {said}");
    }
}
