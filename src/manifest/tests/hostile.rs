//! Input that is no manifest: never a panic, always a clear word.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::super::{Format, Loaded, ManifestError, load, parse};
use super::{read, said};
use crate::diag::{print_full, print_json};

/// Every place lies in its file, and every printer copes.
fn sound(loaded: &Loaded) {
    let places = loaded.findings.iter().flat_map(|finding| {
        let fixes = finding.fix.iter().flat_map(|fix| &fix.replacements).map(|edit| edit.span);
        finding.label.iter().chain(&finding.labels).map(|label| label.span).chain(fixes)
    });
    for span in places {
        let file = loaded.files.get(span.file).expect("a file of this manifest");
        assert!(file.text.get(span.range()).is_some(), "{span:?} of {:?}", file.text);
    }
    let mut out = String::new();
    print_full(&mut out, &loaded.findings, &loaded.files, false).expect("drawn");
    print_json(&mut out, &loaded.findings, &loaded.files).expect("written");
    out.push_str(&said(loaded));
    assert!(!out.is_empty());
}

fn file(name: &str, bytes: &[u8]) -> Result<Loaded, ManifestError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("written");
    load(&path, None)
}

fn messages(loaded: &Loaded) -> Vec<String> {
    sound(loaded);
    loaded.findings.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect()
}

#[test]
fn binary_files_are_called_what_they_are() {
    for (name, bytes) in [
        ("a.kdl", &b"\x7fELF\x02\x01\x00\x00"[..]),
        ("a.yaml", b"\x89PNG\r\n\x1a\n\x00\x00"),
        ("a.json", b"{\"a\": \"\xff\xfe\"}"),
    ] {
        let loaded = file(name, bytes).expect("it can be read");
        let [message] = messages(&loaded).try_into().expect("one finding");
        assert!(message.ends_with("is not a text in UTF-8"), "{message}");
    }
}

#[test]
fn a_file_of_100_mb_is_refused_without_being_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.kdl");
    let sparse = std::fs::File::create(&path).expect("created");
    sparse.set_len(100 << 20).expect("a sparse file");
    let loaded = load(&path, None).expect("findings");
    let [message] = messages(&loaded).try_into().expect("one finding");
    assert!(message.starts_with("S014"), "{message}");
}

#[test]
fn deep_nesting_ends_with_a_finding() {
    for (format, text) in [
        (Format::Kdl, "a {\n".repeat(100_000)),
        (Format::Kdl, format!("{}{}", "a { ".repeat(50_000), "}".repeat(50_000))),
        (Format::Yaml, "[".repeat(50_000)),
        (Format::Yaml, "{a: ".repeat(20_000)),
        (Format::Json, "{\"a\":".repeat(20_000)),
        (Format::Yaml, (0..300).fold(String::new(), |text, n| text + &" ".repeat(n) + "a:\n")),
    ] {
        let loaded = read(&text, format);
        let messages = messages(&loaded);
        assert!(messages.iter().any(|message| message.starts_with("S014")), "{messages:?}");
        assert!(messages.len() < 5, "{messages:?}");
    }
}

#[test]
fn an_expansion_bomb_is_stopped() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        let list = vec![format!("*a{before}"); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{list}]").expect("a String takes everything");
    }
    let messages = messages(&read(&text, Format::Yaml));
    assert!(messages.iter().any(|message| message.starts_with("S014")), "{messages:?}");
}

#[test]
fn empty_files_byte_order_marks_and_carriage_returns_are_fine() {
    for format in [Format::Kdl, Format::Yaml, Format::Json] {
        for text in ["", "\n\n", "\u{feff}", "  "] {
            assert_eq!(said(&read(text, format)), "", "{text:?} as {format:?}");
        }
    }
    let kdl = read("\u{feff}prometheus {\r\n    prot 80\r\n}\r\n", Format::Kdl);
    assert!(said(&kdl).starts_with("stack.kdl:2:5: error[S003]"), "{}", said(&kdl));
    let yaml = read("\u{feff}prometheus:\r\n  prot: 80\r\n", Format::Yaml);
    assert!(said(&yaml).starts_with("stack.yaml:2:3: error[S003]"), "{}", said(&yaml));
}

#[test]
fn json_with_tabs_escapes_and_slashes_is_read() {
    let text =
        "{\n\t\"service\": {\n\t\t\"a\": {\"image\":\"x\\/y\\u00e4\", \"port\":[80]}\n\t}\n}\n";
    let loaded = read(text, Format::Json);
    assert_eq!(said(&loaded), "");
    let service = loaded.stack.service("a").expect("defined");
    assert_eq!(service.image.as_ref().unwrap().value, "x/yä");
    assert_eq!(service.ports[0].number.value, 80);
}

#[test]
fn what_cannot_be_read_is_an_error_with_its_path() {
    let missing = load(Path::new("/nowhere/stack.kdl"), None).expect_err("there is no such file");
    assert_eq!(missing.to_string(), "cannot read `/nowhere/stack.kdl`");
    let unknown = load(Path::new("stack.toml"), None).expect_err("no notation");
    assert!(matches!(unknown, ManifestError::UnknownFormat { .. }));
}

#[test]
fn a_page_of_noise_makes_a_bounded_number_of_findings() {
    let text = "] [ ) ( \\x \"\n".repeat(10_000);
    let loaded = read(&text, Format::Kdl);
    sound(&loaded);
    assert!(loaded.findings.len() < 500, "{}", loaded.findings.len());
}

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Kdl), Just(Format::Yaml), Just(Format::Json)]
}

const KDL: &str = include_str!("../../../tests/fixtures/manifest/reference.kdl");
const YAML: &str = include_str!("../../../tests/fixtures/manifest/reference.yaml");

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,200}", format in format()) {
        sound_or_empty(&parse("m", &text, format, None).expect("no profile is asked for"));
    }

    #[test]
    fn any_text_of_telling_characters_is_read_without_panic(
        text in "[ \n\t{}()\\[\\]\"#'=:;,/\\*\\\\a1sä|>&!%@`?~-]{0,120}",
        format in format(),
    ) {
        sound_or_empty(&parse("m", &text, format, None).expect("no profile is asked for"));
    }

    #[test]
    fn a_damaged_reference_stack_is_read_without_panic(
        at in 0_usize..6000,
        len in 0_usize..40,
        put in "[ \n{}()\"#=:/\\\\a1ä-]{0,4}",
        yaml in any::<bool>(),
    ) {
        let (text, format) = if yaml { (YAML, Format::Yaml) } else { (KDL, Format::Kdl) };
        let start = text.floor_char_boundary(at);
        let end = text.floor_char_boundary(start + len);
        let text = format!("{}{put}{}", &text[..start], &text[end..]);
        sound_or_empty(&parse("m", &text, format, None).expect("no profile is asked for"));
    }
}

fn sound_or_empty(loaded: &Loaded) {
    if !loaded.findings.is_empty() {
        sound(loaded);
    }
}
