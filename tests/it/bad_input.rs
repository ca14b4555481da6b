//! Bad input, driven on the built program: every mistake in its place, every refusal with a clear word
//! and the right exit code, nothing half-written.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::support::{Needs, Test, repository, stackctl};

pub const TESTS: &[Test] = &[
    ("ten_mistakes_have_ten_findings_in_kdl", Needs::Nothing, ten_in_kdl),
    ("ten_mistakes_have_ten_findings_in_yaml", Needs::Nothing, ten_in_yaml),
    ("the_reports_of_ten_mistakes_are_golden", Needs::Nothing, ten_drawn),
    ("exit_codes_tell_well_from_wrong_from_unable", Needs::Nothing, exit_codes),
    ("what_is_no_text_is_called_so", Needs::Nothing, no_text),
    ("a_file_of_100_mb_is_refused_at_once", Needs::Nothing, too_large),
    ("files_that_include_one_another_are_named", Needs::Nothing, include_cycle),
    ("deep_nesting_is_refused_briefly", Needs::Nothing, deep_nesting),
    ("an_empty_manifest_is_told_what_a_small_one_is", Needs::Nothing, empty),
    ("one_mistake_makes_one_finding", Needs::Nothing, one_mistake),
    ("what_cannot_be_read_is_exit_code_2", Needs::Nothing, cannot_be_read),
    ("an_unknown_profile_or_rule_gets_a_suggestion", Needs::Nothing, suggestions),
    ("a_stray_quote_is_not_followed_by_counting_values", Needs::Nothing, stray_quote),
    ("secret_files_need_not_be_there", Needs::Nothing, missing_secret_file),
    ("a_manifest_with_errors_renders_nothing", Needs::Nothing, errors_render_nothing),
    ("an_output_folder_that_is_none_stays_as_it_was", Needs::Nothing, unwritable),
    ("a_second_render_writes_nothing", Needs::Nothing, second_render),
    ("a_hand_edit_is_kept_until_somebody_decides", Needs::Nothing, hand_edit),
    ("a_reader_that_leaves_is_no_error", Needs::Nothing, closed_pipe),
    ("every_example_is_without_a_finding", Needs::Nothing, examples),
    ("a_manifest_comes_from_standard_input", Needs::Nothing, standard_input),
    ("quiet_commands_tell_of_errors_alone", Needs::Nothing, quiet),
    ("kdl_and_yaml_render_alike_by_command", Needs::Nothing, rendered_alike),
];

struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// Runs the program in a folder.
fn run(dir: &Path, arguments: &[&str]) -> Ran {
    let ran = stackctl().args(arguments).current_dir(dir).output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("the program speaks UTF-8");
    let ran = Ran {
        code: ran.status.code().expect("it ended by itself"),
        out: text(ran.stdout),
        err: text(ran.stderr),
    };
    assert!(!ran.err.contains("panicked"), "{arguments:?}:\n{}", ran.err);
    ran
}

/// Runs the program, which is to end with this exit code.
#[track_caller]
fn run_to(code: i32, dir: &Path, arguments: &[&str]) -> Ran {
    let ran = run(dir, arguments);
    assert_eq!(ran.code, code, "{arguments:?}:\n{}{}", ran.out, ran.err);
    ran
}

/// A folder with files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// All files below a folder with their content and time.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Option<(Vec<u8>, SystemTime)>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(dir).unwrap().to_owned();
            if path.is_dir() {
                all.insert(name, None);
                folders.push(path);
            } else {
                let modified = path.metadata().unwrap().modified().unwrap();
                all.insert(name, Some((fs::read(&path).unwrap(), modified)));
            }
        }
    }
    all
}

fn bad_input() -> PathBuf {
    repository("tests/fixtures/bad_input")
}

/// The mistakes of `ten.kdl` and `ten.yaml`, in reading order: the code, and the text around the place
/// with the place behind `^`. Two texts where the notations differ.
const MISTAKES: [(&str, &str, &str); 10] = [
    ("S107", "expose ^70000", "expose: [^70000"),
    ("S008", "^\"db_rot\"", "^db_rot"),
    ("S205", "^\"10 sec\"", "^10 sec"),
    ("S004", "^\"allways\"", "^allways"),
    ("S101", "prometheus port=^9090", "port: ^9090 #"),
    ("S003", "^scrape_intervall", "^scrape_intervall"),
    ("S007", "^\"prometheus_data\"", "^prometheus_data"),
    ("S301", "== ^== 0", "== ^== 0"),
    ("S405", "als ^{{ $labels.job", "als ^{{ $labels.job"),
    ("S409", "^\"pagre\"", "^pagre"),
];

/// Line and column of each mistake, found by searching the text.
fn expected(text: &str, yaml: bool) -> Vec<(String, usize, usize)> {
    let places = MISTAKES.iter().map(|(code, in_kdl, in_yaml)| {
        let around = if yaml { in_yaml } else { in_kdl };
        let (before, behind) = around.split_once('^').unwrap();
        let around = format!("{before}{behind}");
        let mut found = text.match_indices(&around).map(|(at, _)| at);
        let at = found.next().unwrap_or_else(|| panic!("no {around} in the text"));
        assert_eq!(found.next(), None, "{around} stands there twice");
        let above = &text[..at + before.len()];
        let line = above.matches('\n').count() + 1;
        let column = above.rsplit('\n').next().unwrap().chars().count() + 1;
        ((*code).to_owned(), line, column)
    });
    places.collect()
}

fn ten(name: &str, yaml: bool) {
    let text = fs::read_to_string(bad_input().join(name)).unwrap();
    let ran = run_to(1, &bad_input(), &["validate", "--format", "json", name]);
    let findings: Vec<Json> = serde_json::from_str(&ran.out).unwrap();
    let number = |finding: &Json, key: &str| finding[key].as_u64().unwrap() as usize;
    let places: Vec<(String, usize, usize)> = findings
        .iter()
        .map(|finding| {
            assert_eq!(finding["file"], name);
            let code = finding["code"].as_str().unwrap().to_owned();
            (code, number(finding, "line"), number(finding, "column"))
        })
        .collect();
    assert_eq!(places, expected(&text, yaml), "{}", ran.out);
    // The offsets say the same as lines and columns.
    for (finding, (_, line, column)) in findings.iter().zip(expected(&text, yaml)) {
        let start = number(finding, "start");
        let above = &text[..start];
        assert_eq!(above.matches('\n').count() + 1, line);
        assert_eq!(above.rsplit('\n').next().unwrap().chars().count() + 1, column);
    }
}

fn ten_in_kdl() {
    ten("ten.kdl", false);
}

fn ten_in_yaml() {
    ten("ten.yaml", true);
}

fn golden(name: &str, text: &str) {
    let path = bad_input().join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let diff = similar::TextDiff::from_lines(expected.as_str(), text);
    assert!(expected == text, "{name} differs:\n{}", diff.unified_diff());
}

fn ten_drawn() {
    for (name, yaml) in [("ten.kdl", false), ("ten.yaml", true)] {
        let text = fs::read_to_string(bad_input().join(name)).unwrap();
        let concise = run_to(1, &bad_input(), &["validate", "--format", "concise", name]);
        assert_eq!(concise.err, "");
        let full = run_to(1, &bad_input(), &["validate", name]);
        assert_eq!(full.err, "10 errors\n");
        // First each place is looked for, so that no mistake can be blessed.
        let lines: Vec<&str> = concise.out.lines().collect();
        let drawn: Vec<&str> = full.out.split("\nS").collect();
        assert_eq!((lines.len(), drawn.len()), (10, 10), "{}{}", concise.out, full.out);
        for ((line, drawn), (code, row, column)) in
            lines.iter().zip(drawn).zip(expected(&text, yaml))
        {
            let start = format!("{name}:{row}:{column}: error[{code}]: ");
            assert!(line.starts_with(&start), "{line} is not at {start}");
            assert!(drawn.trim_start_matches('S').starts_with(&code[1..]), "{drawn}");
            let header = drawn.lines().find(|line| line.contains("╭─[")).unwrap();
            assert!(header.ends_with(&format!("╭─[{name}:{row}:{column}]")), "{drawn}");
        }
        golden(&format!("{name}.concise.txt"), &concise.out);
        golden(&format!("{name}.full.txt"), &full.out);
    }
}

fn exit_codes() {
    let dir = folder(&[
        ("well.kdl", "stack \"well\"\nservice \"a\" { image \"a:1\"; expose 80 }\n"),
        (
            "warned.kdl",
            "stack \"warned\"\nservice \"a\" { image \"a:1\"; expose 80 }\nvolumes \"v\"\n",
        ),
        ("wrong.kdl", "service \"a\" { image \"a:1\"; port 70000 }\n"),
    ]);
    let dir = dir.path();
    assert_eq!(run_to(0, dir, &["validate", "well.kdl"]).out, "");
    assert!(run_to(0, dir, &["validate", "warned.kdl"]).out.contains("S010"));
    run_to(1, dir, &["validate", "--deny", "S010", "warned.kdl"]);
    run_to(1, dir, &["validate", "--deny", "unused-declaration", "warned.kdl"]);
    run_to(1, dir, &["validate", "wrong.kdl"]);
    run_to(2, dir, &["validate", "nowhere.kdl"]);
    run_to(2, dir, &["validate", "--format", "drawn", "well.kdl"]);
    run_to(2, dir, &["valdiate"]);
    run_to(0, dir, &["--help"]);
}

/// The only finding of a manifest, in the concise form.
#[track_caller]
fn only_finding(dir: &Path, manifest: &str) -> String {
    let ran = run_to(1, dir, &["validate", "--format", "concise", manifest]);
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    let drawn = run_to(1, dir, &["validate", manifest]);
    assert!(drawn.out.len() < 2000, "{} bytes drawn", drawn.out.len());
    ran.out.trim_end().to_owned()
}

fn no_text() {
    let dir = tempfile::tempdir().unwrap();
    // A program, a picture, Latin-1 behind two good lines.
    let junk: [(&str, Vec<u8>, &str); 5] = [
        ("program.kdl", b"\x7fELF\x02\x01\x01\x00\x00\x00".to_vec(), "1:8"),
        ("picture.yaml", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR".to_vec(), "1:1"),
        (
            "noise.json",
            (0..100_000_u32).map(|n| (n.wrapping_mul(n) >> 3) as u8 | 0x80).collect(),
            "1:1",
        ),
        ("latin1.kdl", b"stack \"a\"\nnetwork \"n\"\nnetwork \"gr\xfcn\"\n".to_vec(), "3:12"),
        ("latin1.yaml", b"stack: a\nnetwork: gr\xfcn\n".to_vec(), "2:12"),
    ];
    for (name, bytes, place) in junk {
        fs::write(dir.path().join(name), bytes).unwrap();
        let expected = format!("{name}:{place}: error[S001]: `{name}` is not a text in UTF-8");
        assert_eq!(only_finding(dir.path(), name), expected);
    }
}

fn too_large() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["large.kdl", "large.yaml", "large.json"] {
        fs::File::create(dir.path().join(name)).unwrap().set_len(100 << 20).unwrap();
        let expected = format!("{name}:1:1: error[S014]: `{name}` has more than 16 MB");
        assert_eq!(only_finding(dir.path(), name), expected);
    }
    fs::write(dir.path().join("stack.kdl"), "include \"large.kdl\"\n").unwrap();
    let found = only_finding(dir.path(), "stack.kdl");
    assert!(found.contains("large.kdl") && found.contains("16 MB"), "{found}");
}

fn include_cycle() {
    let dir = folder(&[
        ("a.kdl", "include \"b.yaml\"\n"),
        ("b.yaml", "include: [c.kdl]\n"),
        ("c.kdl", "// back again\ninclude \"a.kdl\"\n"),
        ("self.kdl", "include \"./self.kdl\"\n"),
    ]);
    let found = only_finding(dir.path(), "a.kdl");
    assert!(found.starts_with("c.kdl:2:9: error[S013]"), "{found}");
    assert!(found.ends_with("`a.kdl` -> `b.yaml` -> `c.kdl` -> `a.kdl`"), "{found}");
    let found = only_finding(dir.path(), "self.kdl");
    assert_eq!(found, "self.kdl:1:9: error[S013]: `./self.kdl` includes itself");
}

fn deep_nesting() {
    for (name, text) in [
        ("one_line.kdl", "service \"a\" { ".repeat(50_000)),
        ("lines.kdl", "service \"a\" {\n".repeat(50_000)),
        ("list.yaml", "[".repeat(100_000)),
        ("map.yaml", "{a: ".repeat(50_000)),
        ("map.json", "{\"a\":".repeat(50_000)),
    ] {
        let dir = folder(&[(name, &text)]);
        let ran = run_to(1, dir.path(), &["validate", "--format", "concise", name]);
        assert!(ran.out.contains("error[S014]"), "{}", ran.out);
        assert!(ran.out.contains("levels deep"), "{}", ran.out);
        let drawn = run_to(1, dir.path(), &["validate", name]);
        assert!(drawn.out.len() < 5000, "{name}: {} bytes are drawn", drawn.out.len());
    }
}

fn empty() {
    let dir = folder(&[("e.kdl", ""), ("e.yaml", ""), ("e.json", " \n"), ("c.kdl", "// later\n")]);
    for name in ["e.kdl", "e.yaml", "e.json", "c.kdl"] {
        let told = run_to(1, dir.path(), &["validate", name]).out;
        assert!(told.contains("the manifest is empty") && told.contains("smallest"), "{told}");
        let one = run_to(1, dir.path(), &["validate", "--format", "concise", name]).out;
        assert_eq!(one, format!("{name}:1:1: error[S016]: the manifest is empty\n"));
    }
}

/// Each line is one mistake, and nothing follows from it elsewhere.
fn one_mistake() {
    let mistakes = [
        ("a.kdl", "prometheus { scrape \"x\" { targets \"10.0.0.1:80\" } }", "2:27: error[S003]"),
        (
            "b.kdl",
            "prometheus { scrape \"x\" { target \"10.0.0.1:80\"; param module=\"m\" } }",
            "2:49: error[S012]",
        ),
        ("c.yaml", "grafana: {admin: {name: root}}", "2:11: error[S012]"),
        (
            "d.kdl",
            "service \"a\" { image \"a:1; expose 80 }\nprometheus { scrape \"a\" port=80 }",
            "2:21: error[S001]",
        ),
        (
            "e.kdl",
            "rules \"g\" { alert \"X\" { expr \"up == 0 } }\nprometheus",
            "2:30: error[S001]",
        ),
        (
            "s.kdl",
            "secret \"p\" file=\"./p\"\nvolumes \"v\"\nscrape \"x\" { password (secret)\"p\" }",
            "4:1: error[S003]",
        ),
        ("p.yaml", "profile: {prod: prometheus}", "2:17: error[S004]: profile `prod` takes nodes"),
        ("r.yaml", "prometheus: {retention: 30d}", "2:25: error[S004]"),
        (
            "r.kdl",
            "prometheus { remote_write \"somewhere\" }",
            "2:27: error[S214]: remote write to `somewhere`",
        ),
        (
            "s.yaml",
            "secret: {p: {file: ./p}}\nscrape: {x: {password: {secret: p}}}",
            "3:1: error[S003]",
        ),
        (
            "f.kdl",
            "prometheus { scrape \"x\" { target \"10.0.0.1:80\"; relabel { source \"a\"; target_label \"b\" } } }",
            "2:59: error[S003]",
        ),
    ];
    for (name, line, expected) in mistakes {
        let stack = if name.ends_with("kdl") { "stack \"one\"" } else { "stack: one" };
        let dir = folder(&[(name, &format!("{stack}\n{line}\n"))]);
        // None of these fragments keeps its samples.
        let arguments = ["validate", "--format", "concise", "--allow", "S702", name];
        let told = run_to(1, dir.path(), &arguments).out;
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.starts_with(&format!("{name}:{expected}")), "{told}");
    }
    let dir = folder(&[(
        "f.kdl",
        "stack \"f\"\nprometheus { scrape \"x\" { relabel { source \"a\" } } }\n",
    )]);
    let told = run_to(1, dir.path(), &["validate", "f.kdl"]).out;
    assert!(told.contains("did you mean `source_labels`?"), "{told}");
    // What is suggested is in the notation of the file, and names the setting that was meant.
    for (name, text, help) in [
        ("h.yaml", "stack: h\nprometheus: {retention: 30d}\n", "`retention: {time: 30d}`"),
        ("i.yaml", "stack: h\nprometheus: {retention: 20GB}\n", "`retention: {size: 20GB}`"),
        ("j.kdl", "stack \"h\"\nprometheus { retention \"30d\" }\n", "`retention time=\"30d\"`"),
        (
            "k.yaml",
            "stack: h\nalertmanager: {receiver: {a: {pagerduty: [{severity: x}]}}, route: {a: {}}}\n",
            "`routing_key: {secret: pagerduty}`",
        ),
    ] {
        let dir = folder(&[(name, text)]);
        let told = run_to(1, dir.path(), &["validate", name]).out;
        assert!(told.contains(help), "{told}");
    }
}

fn cannot_be_read() {
    let dir = folder(&[("stack.toml", "a = 1\n"), ("stack", "network \"n\"\n")]);
    fs::create_dir(dir.path().join("folder.kdl")).unwrap();
    for command in ["validate", "render"] {
        for (name, words) in [
            ("nowhere.kdl", "cannot read `nowhere.kdl`"),
            ("folder.kdl", "cannot read `folder.kdl`"),
            ("stack.toml", "`stack.toml` is not called .kdl, .yaml, .yml or .json"),
            ("stack", "`stack` is not called .kdl, .yaml, .yml or .json"),
        ] {
            let ran = run_to(2, dir.path(), &[command, name]);
            assert_eq!(ran.out, "");
            assert!(ran.err.starts_with(&format!("error: {words}")), "{}", ran.err);
        }
    }
}

fn suggestions() {
    let dir = folder(&[("stack.kdl", "stack \"s\"\nprofile \"prod\" { network \"n\" }\n")]);
    for (arguments, words) in [
        (&["validate", "--profile", "prdo"][..], "no profile `prdo`: did you mean `prod`?"),
        (&["render", "--profile", "prdo"], "no profile `prdo`: did you mean `prod`?"),
        (&["validate", "--deny", "defautl-password"], "did you mean `default-password`?"),
        (&["validate", "--allow", "secruity"], "did you mean `security`?"),
        (&["render", "--warn", "inline-secrets"], "did you mean `inline-secret`?"),
    ] {
        let ran = run_to(2, dir.path(), arguments);
        assert!(ran.err.contains(words), "{arguments:?}: {}", ran.err);
    }
    assert_eq!(tree(dir.path()).len(), 1, "nothing was rendered");
}

fn stray_quote() {
    let text = "rules \"r\" {\n    alert \"A\" {\n        expr \"up == 0\"\n        \
                summary \"the \"old\" host is gone\"\n    }\n}\n";
    let dir = folder(&[("stack.kdl", text)]);
    let found = only_finding(dir.path(), "stack.kdl");
    assert_eq!(found, "stack.kdl:4:23: error[S001]: a space is missing");
}

/// A copy of the reference stack, in a folder without the secrets it names.
fn reference() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("dashboards")).unwrap();
    for name in ["skincare.kdl", "skincare.yaml", "dashboards/hosts.json"] {
        fs::copy(repository("examples").join(name), dir.path().join(name)).unwrap();
    }
    dir
}

fn missing_secret_file() {
    let dir = reference();
    assert!(!dir.path().join("secrets").exists());
    for profile in [&[][..], &["--profile", "prod"]] {
        run_to(0, dir.path(), &[&["validate", "skincare.kdl"][..], profile].concat());
        let render = ["render", "skincare.kdl", "--overwrite", "-o", "out"];
        run_to(0, dir.path(), &[&render[..], profile].concat());
    }
}

fn errors_render_nothing() {
    let dir = reference();
    let path = dir.path().join("skincare.kdl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("to=\"pager\"", "to=\"pagre\"")).unwrap();
    let ran = run_to(1, dir.path(), &["render", "skincare.kdl", "-o", "out"]);
    assert!(ran.err.contains("S409 undefined-receiver"), "{}", ran.err);
    assert!(!dir.path().join("out").exists());
    // Nor is anything of an earlier render touched.
    fs::write(&path, text).unwrap();
    run_to(0, dir.path(), &["render", "skincare.kdl", "-o", "out"]);
    let before = tree(&dir.path().join("out"));
    fs::write(&path, "service \"a\" {\n").unwrap();
    for how in [&[][..], &["--overwrite"], &["--check"], &["--diff"], &["--adopt"]] {
        run_to(1, dir.path(), &[&["render", "skincare.kdl", "-o", "out"][..], how].concat());
        assert_eq!(tree(&dir.path().join("out")), before);
    }
}

fn unwritable() {
    let dir = reference();
    fs::write(dir.path().join("file"), "precious").unwrap();
    let before = tree(dir.path());
    for output in ["file", "file/out", "file/deep/er/out"] {
        let ran = run_to(2, dir.path(), &["render", "skincare.kdl", "-o", output]);
        assert!(ran.err.ends_with("error: file is not a folder\n"), "{}", ran.err);
        assert!(tree(dir.path()) == before, "something was written for {output}");
    }
    // A file where a folder of the outputs is to be, and a folder where a file is to be.
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("monitoring"), "precious").unwrap();
    let ran = run_to(2, dir.path(), &["render", "skincare.kdl", "-o", "out"]);
    assert!(ran.err.ends_with("error: out/monitoring is not a folder\n"), "{}", ran.err);
    assert_eq!(tree(&out).len(), 1, "{:?}", tree(&out).keys());
    fs::remove_file(out.join("monitoring")).unwrap();
    fs::create_dir(out.join("compose.yaml")).unwrap();
    for how in [&[][..], &["--overwrite"]] {
        let arguments = [&["render", "skincare.kdl", "-o", "out"][..], how].concat();
        let ran = run_to(2, dir.path(), &arguments);
        assert!(ran.err.contains("out/compose.yaml"), "{}", ran.err);
        assert_eq!(tree(&out).len(), 1, "{:?}", tree(&out).keys());
    }
}

fn second_render() {
    let dir = reference();
    let out = dir.path().join("out");
    let first = run_to(0, dir.path(), &["render", "skincare.kdl", "-o", "out"]);
    assert!(first.err.contains("wrote monitoring/prometheus.yml\n"), "{}", first.err);
    let before = tree(&out);
    let second = run_to(0, dir.path(), &["render", "skincare.kdl", "-o", "out"]);
    assert!(second.err.starts_with("nothing to write: "), "{}", second.err);
    assert!(tree(&out) == before, "the second render wrote");
    let check = run_to(0, dir.path(), &["render", "skincare.kdl", "-o", "out", "--check"]);
    assert!(check.err.starts_with("clean: "), "{}", check.err);
    assert_eq!(run_to(0, dir.path(), &["render", "skincare.kdl", "-o", "out", "--diff"]).out, "");
    assert!(tree(&out) == before, "looking wrote");
}

fn hand_edit() {
    let dir = reference();
    let out = dir.path().join("out");
    let edited = out.join("monitoring/prometheus.yml");
    let render = |code, how: &[&str]| {
        run_to(code, dir.path(), &[&["render", "skincare.kdl", "-o", "out"][..], how].concat())
    };
    render(0, &[]);
    let rendered = fs::read(&edited).unwrap();
    let mut mine = rendered.clone();
    let at = mine.windows(3).position(|part| part == b"15s").unwrap();
    mine[at] = b'2';
    fs::write(&edited, &mine).unwrap();
    // The manifest asks for something new in another file: that is not written either.
    let manifest = dir.path().join("skincare.kdl");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("has to be opened again", "is closed")).unwrap();
    let before = tree(&out);

    let refused = render(1, &[]);
    assert!(
        refused.err.starts_with(
            "error: changed by hand since they were rendered: monitoring/prometheus.yml\n"
        ),
        "{}",
        refused.err
    );
    assert!(refused.err.contains("--adopt") && refused.err.contains("--overwrite"));
    let check = render(1, &["--check"]);
    assert_eq!(
        check.out,
        "monitoring/alerts.yml: stale\nmonitoring/prometheus.yml: edited by hand\n"
    );
    let diff = render(1, &["--diff"]);
    for line in
        ["--- a/monitoring/prometheus.yml", "25s", "+++ b/monitoring/alerts.yml", "is closed"]
    {
        assert!(diff.out.contains(line), "{line} is missing in\n{}", diff.out);
    }
    assert!(tree(&out) == before, "something was written");

    let adopted = render(0, &["--adopt"]);
    assert!(adopted.err.contains("kept monitoring/prometheus.yml"), "{}", adopted.err);
    assert!(adopted.err.contains("wrote monitoring/alerts.yml"), "{}", adopted.err);
    assert_eq!(fs::read(&edited).unwrap(), mine);
    render(0, &["--check"]);
    render(0, &[]);
    assert_eq!(fs::read(&edited).unwrap(), mine);

    let replaced = render(0, &["--overwrite"]);
    assert!(replaced.err.contains("wrote monitoring/prometheus.yml"), "{}", replaced.err);
    assert_eq!(fs::read(&edited).unwrap(), rendered);
    render(0, &["--check"]);
    // A file of somebody else's is not ours to replace, in a folder that was never rendered into.
    let foreign = dir.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("Makefile"), "all:\n").unwrap();
    let refused = run_to(1, dir.path(), &["render", "skincare.kdl", "-o", "foreign"]);
    assert!(refused.err.contains("Makefile"), "{}", refused.err);
    assert_eq!(tree(&foreign).len(), 1, "{:?}", tree(&foreign).keys());
}

fn closed_pipe() {
    // Far more than a pipe holds, so that the program is still writing when the reader has gone.
    let text = "service \"a\" { image \"a:1\"; port 70000; prot 1 }\n".repeat(3000);
    let dir = folder(&[("stack.kdl", &text)]);
    for format in ["full", "concise", "json"] {
        let mut child = stackctl()
            .args(["validate", "--format", format])
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let mut first = [0];
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{format}");
    }
}

/// Runs the program with a text as its standard input.
fn piped(dir: &Path, arguments: &[&str], text: &str) -> (i32, String) {
    let mut child = stackctl()
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    (ended.status.code().unwrap(), String::from_utf8(said).unwrap())
}

fn standard_input() {
    let dir = folder(&[("t.j2", "{{ name }}\n")]);
    let kdl = "stack \"s\" manifest=1\nservice \"a\" { image \"a:1\"; prot 1 }\n";
    let yaml = "stack: s\nservice:\n  a: {image: \"a:1\", prot: 1}\n";
    let json = r#"{"stack": "s", "service": {"a": {"image": "a:1", "prot": 1}}}"#;
    for (text, place) in
        [(kdl, "stdin.kdl:2:28"), (yaml, "stdin.yaml:3:21"), (json, "stdin.json:1:50")]
    {
        let (code, said) = piped(dir.path(), &["validate", "-", "--format", "concise"], text);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(place), "{place} is not in\n{said}");
    }
    let well = "stack \"s\" manifest=1\ntemplate \"t.j2\" to=\"t.txt\"\n";
    let (code, said) = piped(dir.path(), &["render", "-", "--stdout", "t.txt"], well);
    assert_eq!((code, said.as_str()), (0, "s\n"));
    let (code, said) = piped(dir.path(), &["render", "-", "-o", "out"], well);
    assert_eq!(code, 0, "{said}");
    assert_eq!(fs::read_to_string(dir.path().join("out/t.txt")).unwrap(), "s\n");
    for refused in [&["validate", "-", "--fix"][..], &["up", "-"]] {
        let (code, said) = piped(dir.path(), refused, well);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("standard input"), "{said}");
    }
}

fn quiet() {
    let warned = "stack \"s\" manifest=1\nservice \"a\" { image \"a\" }\n";
    let dir = folder(&[("stack.kdl", warned)]);
    let said = run_to(0, dir.path(), &["render", "-o", "out"]).err;
    assert!(said.contains("S801"), "{said}");
    let said = run_to(0, dir.path(), &["-q", "render", "-o", "out2"]);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", ""));
    // What was asked for is the report.
    let said = run_to(0, dir.path(), &["-q", "validate"]);
    assert!(said.out.contains("S801") && said.err.is_empty(), "{}{}", said.out, said.err);
    fs::write(dir.path().join("stack.kdl"), format!("{warned}x 1\n")).unwrap();
    let said = run_to(1, dir.path(), &["-q", "render", "-o", "out2"]).err;
    assert!(said.contains("S003") && !said.contains("S801"), "{said}");
}

fn examples() {
    for arguments in [
        &["quickstart.kdl"][..],
        &["skincare.kdl"],
        &["skincare.kdl", "--profile", "prod"],
        &["skincare.yaml"],
        &["skincare.yaml", "--profile", "prod"],
        &["federation/eu.kdl"],
        &["federation/us.kdl"],
        &["federation/central.kdl"],
    ] {
        let arguments = [&["validate", "--format", "json"][..], arguments].concat();
        let ran = run_to(0, &repository("examples"), &arguments);
        assert_eq!(ran.out, "[]\n", "{arguments:?}");
    }
    let count = |dir: &str| {
        let entries = fs::read_dir(repository(dir)).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|e| e == "kdl" || e == "yaml")).count()
    };
    assert_eq!(
        (count("examples"), count("examples/federation")),
        (3, 3),
        "each is validated above"
    );
}

fn rendered_alike() {
    let dir = reference();
    for profile in [&[][..], &["--profile", "prod"]] {
        let of = |manifest: &str, output: &str| {
            let arguments = [&["render", manifest, "-o", output][..], profile].concat();
            run_to(0, dir.path(), &arguments);
            let files: BTreeMap<PathBuf, Vec<u8>> = tree(&dir.path().join(output))
                .into_iter()
                .filter(|(path, _)| !path.starts_with(".stackctl"))
                .filter_map(|(path, file)| Some((path, file?.0)))
                .collect();
            files
        };
        let suffix = profile.concat();
        let (kdl, yaml) =
            (of("skincare.kdl", &format!("k{suffix}")), of("skincare.yaml", &format!("y{suffix}")));
        assert!(kdl.len() > 10, "{:?}", kdl.keys());
        assert_eq!(kdl.keys().collect::<Vec<_>>(), yaml.keys().collect::<Vec<_>>());
        for (path, bytes) in &kdl {
            assert!(yaml[path] == *bytes, "{} differs", path.display());
        }
    }
}
