//! Reports, read back by programs' own rules: SARIF by the schema of OASIS
//! (tests/fixtures/sarif/sarif-schema-2.1.0.json, unchanged), XML by a reader, edits by applying them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use quick_xml::events::Event;
use serde_json::{Value, json};
use stackctl::diag::report::FORMS;

use crate::support::{Needs, Test, repository, stackctl};

pub const TESTS: &[Test] = &[
    ("sarif_follows_the_schema_for_every_rule", Needs::Nothing, sarif),
    ("the_schema_refuses_what_is_no_sarif", Needs::Nothing, schema_refuses),
    ("sarif_regions_are_where_the_finding_is", Needs::Nothing, regions),
    ("xml_reports_are_xml_whatever_was_written", Needs::Nothing, xml),
    ("github_commands_are_one_line_each", Needs::Nothing, github),
    ("gitlab_fingerprints_stay_when_lines_move", Needs::Nothing, gitlab),
    ("a_report_goes_into_a_file", Needs::Nothing, output),
    ("forms_agree_on_how_many_findings_there_are", Needs::Nothing, agree),
];

/// Manifests with mistakes: every case of every rule, in both notations.
fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir(repository("golden/rules"))
        .expect("golden/rules/ is part of the repository")
        .flatten()
        .flat_map(|entry| ["stack.kdl", "stack.yaml"].map(|name| entry.path().join(name)))
        .filter(|path| path.is_file())
        .collect();
    cases.sort();
    assert!(cases.len() > 100, "{} cases", cases.len());
    cases
}

/// What `validate` prints of a manifest, by its path from the root of the checkout.
fn report(manifest: &Path, form: &str) -> String {
    let root = repository("");
    let path = manifest.strip_prefix(&root).unwrap_or(manifest);
    let ran = stackctl()
        .args(["--quiet", "validate", "--format", form])
        .arg(path)
        .current_dir(&root)
        .output()
        .expect("the binary runs");
    assert!(matches!(ran.status.code(), Some(0 | 1)), "{}: {ran:?}", path.display());
    String::from_utf8(ran.stdout).expect("the program speaks UTF-8")
}

fn json_report(manifest: &Path, form: &str) -> Value {
    let text = report(manifest, form);
    serde_json::from_str(&text).unwrap_or_else(|err| panic!("{}: {err}", manifest.display()))
}

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let path = repository("tests/fixtures/sarif/sarif-schema-2.1.0.json");
    let text = fs::read_to_string(path).expect("a fixture");
    // A bracket of the schema's own has no partner, which strict regular expressions refuse.
    let text = text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}\\\\]?$");
    let schema = serde_json::from_str(&text).expect("a schema");
    jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
});

fn complaints(log: &Value) -> Vec<String> {
    SCHEMA.iter_errors(log).map(|err| format!("{}: {err}", err.instance_path())).collect()
}

fn sarif() {
    for case in cases() {
        let log = json_report(&case, "sarif");
        assert_eq!(complaints(&log), [] as [String; 0], "{}", case.display());
        let results = log["runs"][0]["results"].as_array().expect("results");
        assert!(!results.is_empty(), "{} has a mistake", case.display());
        for result in results {
            let index = result["ruleIndex"].as_u64().expect("every rule is listed") as usize;
            assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        }
    }
}

fn schema_refuses() {
    let mut log = json_report(&repository("golden/rules/unknown-node/stack.kdl"), "sarif");
    assert!(complaints(&log).is_empty());
    log["runs"][0]["results"][0]["level"] = json!("fatal");
    assert_eq!(complaints(&log).len(), 1);
}

/// Cuts the text of a SARIF region out of a file.
fn cut(text: &str, region: &Value) -> String {
    let number = |key: &str| region[key].as_u64().expect("a number") as usize;
    let lines: Vec<&str> = text.split('\n').collect();
    let offset = |line: usize, column: usize| {
        let before: usize = lines[..line - 1].iter().map(|line| line.len() + 1).sum();
        let units: Vec<u16> = lines[line - 1].encode_utf16().take(column - 1).collect();
        before + String::from_utf16(&units).expect("whole characters").len()
    };
    let from = offset(number("startLine"), number("startColumn"));
    text[from..offset(number("endLine"), number("endColumn"))].to_owned()
}

fn regions() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a b.kdl");
    let text = "stack \"𝄞\"; network \"ä𝄞\" { drvier \"x\" }\n";
    fs::write(&path, text).expect("written");
    let log = json_report(&path, "sarif");
    assert_eq!(complaints(&log), [] as [String; 0]);
    let result = &log["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(cut(text, &place["region"]), "drvier", "{result}");
    let uri = place["artifactLocation"]["uri"].as_str().expect("a URI");
    assert!(uri.starts_with("file:///") && uri.ends_with("/a%20b.kdl"), "{uri}");
    let change = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(cut(text, &change["deletedRegion"]), "drvier");
    assert_eq!(change["insertedContent"]["text"], "driver");
}

/// Names of the elements of a text, which has to be well-formed, and the values of an attribute.
fn elements(text: &str, attribute: &str) -> (Vec<String>, Vec<String>) {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let (mut names, mut values) = (Vec::new(), Vec::new());
    loop {
        match reader.read_event().unwrap_or_else(|err| panic!("{err} in\n{text}")) {
            Event::Eof => return (names, values),
            Event::Start(element) | Event::Empty(element) => {
                names.push(element.name().as_ref().to_owned());
                for pair in element.attributes() {
                    let pair = pair.expect("an attribute");
                    if pair.key.as_ref() == attribute {
                        let value = quick_xml::escape::unescape(&pair.value);
                        values.push(value.expect("escaped").into_owned());
                    }
                }
            }
            _ => {}
        }
    }
}

fn xml() {
    for case in cases() {
        let count = json_report(&case, "json").as_array().expect("a list").len();
        let (names, _) = elements(&report(&case, "checkstyle"), "message");
        assert_eq!(names.iter().filter(|name| *name == "error").count(), count);
        let (names, _) = elements(&report(&case, "junit"), "message");
        assert!(names.iter().filter(|name| *name == "testcase").count() >= count);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a & <b>.kdl");
    fs::write(&path, "stack \"s\"\n\"a<b>&'\\u{1b}\\\"]]>\" 1\n").expect("written");
    for form in ["checkstyle", "junit"] {
        let (_, messages) = elements(&report(&path, form), "message");
        assert!(messages[0].contains("a<b>&'\u{fffd}\"]]>"), "{form}: {messages:?}");
    }
}

fn github() {
    for case in cases() {
        let count = json_report(&case, "json").as_array().expect("a list").len();
        let text = report(&case, "github");
        assert_eq!(text.lines().count(), count, "{text}");
        for line in text.lines() {
            let known = ["::error ", "::warning ", "::notice "];
            assert!(known.iter().any(|start| line.starts_with(start)), "{line}");
            assert!(line.contains("file=golden/rules/"), "{line}");
        }
    }
}

fn gitlab() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let prints = |text: &str| -> Vec<Value> {
        let path = folder.path().join("stack.kdl");
        fs::write(&path, text).expect("written");
        let issues = json_report(&path, "gitlab");
        issues.as_array().expect("a list").iter().map(|one| one["fingerprint"].clone()).collect()
    };
    let text =
        "stack \"s\"\nnetwork \"n\" { drvier \"x\" }\nservice \"a\" { image \"b:1\"; imgae 1 }\n";
    let before = prints(text);
    assert!(before.len() >= 2, "{before:?}");
    assert_eq!(prints(&format!("// one\n\n{text}")), before);
    assert_ne!(prints(&text.replace("drvier", "dirver")), before);
}

fn output() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("report.sarif");
    let manifest = repository("golden/rules/unknown-node/stack.kdl");
    let ran = stackctl()
        .args(["validate", "--format", "sarif", "--output"])
        .args([&path, &manifest])
        .output()
        .expect("the binary runs");
    assert_eq!(ran.status.code(), Some(1));
    assert!(ran.stdout.is_empty());
    assert!(String::from_utf8_lossy(&ran.stderr).contains("error"), "{ran:?}");
    let log: Value = serde_json::from_slice(&fs::read(&path).expect("written")).expect("JSON");
    assert_eq!(log["version"], "2.1.0");
    let ran = stackctl()
        .args(["validate", "--output", "/nowhere/report"])
        .arg(&manifest)
        .output()
        .expect("the binary runs");
    assert_eq!(ran.status.code(), Some(2));
}

fn agree() {
    let manifest = repository("golden/rules/invalid-route/stack.yaml");
    let count = json_report(&manifest, "json").as_array().expect("a list").len();
    let length = |value: &Value| value.as_array().map_or(0, Vec::len);
    for form in FORMS {
        let text = report(&manifest, form.name);
        let json = || -> Value { serde_json::from_str(&text).expect("JSON") };
        let found = match form.name {
            "full" => text.matches("S411 invalid-route").count(),
            "concise" | "json-lines" | "github" => text.lines().count(),
            "json" | "gitlab" => length(&json()),
            "sarif" => length(&json()["runs"][0]["results"]),
            "rdjson" => length(&json()["diagnostics"]),
            "junit" => text.matches("<testcase").count(),
            "checkstyle" => text.matches("<error").count(),
            other => panic!("how many findings does {other} have?"),
        };
        assert!(found == count || form.name == "full", "{}: {found} of {count}\n{text}", form.name);
    }
}
