//! What changes the user's files: `validate --fix` and `fmt`. Both are tried on every manifest of the
//! repository: a second run changes nothing, no comment is lost, nothing gets worse.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use stackctl::manifest::{Refusal, format};
use tempfile::TempDir;

use crate::support::{Needs, Test, repository, stackctl};

pub const TESTS: &[Test] = &[
    ("every_manifest_is_formatted_once_and_keeps_its_comments", Needs::Nothing, formats),
    ("every_manifest_is_fixed_once_and_keeps_its_comments", Needs::Nothing, fixes),
    ("every_offered_edit_mends_its_finding", Needs::Nothing, edits_mend),
    ("kdl_yaml_and_json_are_fixed_in_their_own_words", Needs::Nothing, in_every_notation),
    ("a_fix_reaches_into_included_files", Needs::Nothing, included),
    ("a_fix_that_is_only_shown_writes_nothing", Needs::Nothing, shown),
    ("fmt_checks_shows_and_writes", Needs::Nothing, fmt_modes),
    ("fmt_reads_stdin", Needs::Nothing, fmt_stdin),
    ("fmt_leaves_what_it_cannot_read", Needs::Nothing, fmt_refuses),
    ("a_fix_follows_links_and_keeps_permissions", Needs::Nothing, links),
];

/// All manifests of the repository with one of these extensions.
fn manifests(extensions: &[&str]) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        ["examples", "golden", "tests/fixtures"].map(repository).to_vec();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
            // What was rendered is no manifest, nor is the file tree of a host.
            if path.is_dir() && !path.is_symlink() && name != "out" && name != "host" {
                folders.push(path);
            } else if extensions.contains(&extension.as_str()) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Texts of all comments: of a line behind its sign. Signs inside of texts are taken as well, which does
/// no harm: what stands there has to stay, too.
fn comments(text: &str, yaml: bool) -> Vec<String> {
    let sign = if yaml { "# " } else { "//" };
    let of_line = |line: &str| {
        let mut signs = line.match_indices(sign).map(|(at, _)| at);
        let at =
            signs.find(|at| line[..*at].is_empty() || line[..*at].ends_with([' ', '\t', ';']))?;
        Some(line[at..].trim_end().to_owned())
    };
    text.lines().filter_map(of_line).collect()
}

fn formats() {
    let all = manifests(&["kdl"]);
    assert!(all.len() > 60, "{} manifests", all.len());
    let mut formatted = 0;
    for path in all {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        match format(&text) {
            Ok(once) => {
                formatted += 1;
                assert_eq!(format(&once).expect("it was formatted"), once, "{}", path.display());
                assert_eq!(comments(&once, false), comments(&text, false), "{}", path.display());
            }
            // Cases about mistakes of syntax stay as they are.
            Err(Refusal::Mistake(finding)) => assert!(finding.code < "S100", "{finding:?}"),
            Err(refusal) => panic!("{}: {refusal:?}", path.display()),
        }
    }
    assert!(formatted > 50, "{formatted} of them have a layout");
}

/// A copy of a manifest's folder, without what was rendered.
fn copy(manifest: &Path) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for entry in fs::read_dir(manifest.parent().expect("a folder")).expect("a folder").flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("copied");
        }
    }
    let copied = folder.path().join(manifest.file_name().expect("a name"));
    (folder, copied)
}

fn texts(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    files
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let ran = stackctl().args(arguments).current_dir(folder).output().expect("the binary runs");
    assert!(!String::from_utf8_lossy(&ran.stderr).contains("panicked"), "{ran:?}");
    ran
}

fn errors(folder: &Path, name: &str) -> usize {
    let ran = run(folder, &["validate", "--format", "concise", name]);
    String::from_utf8_lossy(&ran.stdout).matches(": error[").count()
}

fn fixes() {
    let mut mended = 0;
    for path in manifests(&["kdl", "yaml", "json"]) {
        // JSON that is no manifest lies beside.
        let shown = path.display().to_string();
        if path.extension().is_some_and(|e| e == "json") && !shown.contains("golden/rules") {
            continue;
        }
        let (folder, copied) = copy(&path);
        let name = copied.file_name().unwrap().to_str().unwrap().to_owned();
        let before = texts(folder.path());
        let wrong = errors(folder.path(), &name);
        let ran = run(folder.path(), &["validate", "--fix", "--format", "concise", &name]);
        assert!(matches!(ran.status.code(), Some(0 | 1)), "{shown}: {ran:?}");
        assert!(errors(folder.path(), &name) <= wrong, "{shown} got worse");
        let once = texts(folder.path());
        run(folder.path(), &["validate", "--fix", "--format", "concise", &name]);
        assert_eq!(texts(folder.path()), once, "{shown} changes again");
        if before == once {
            continue;
        }
        mended += 1;
        for (file, text) in &before {
            let (text, after) = (String::from_utf8_lossy(text), &once[file]);
            let after = String::from_utf8_lossy(after);
            let yaml = file.extension().is_none_or(|extension| extension != "kdl");
            for comment in comments(&text, yaml) {
                // A comment for stackctl may itself be what is mended.
                let kept = comment.contains("stackctl:") || after.contains(&comment);
                assert!(kept, "{shown}: {comment} is lost in\n{after}");
            }
        }
    }
    assert!(mended > 10, "{mended} manifests were mended");
}

/// One after the other: with the edits of a finding alone, that finding is gone.
fn edits_mend() {
    let mut tried = 0;
    for path in manifests(&["kdl", "yaml"]) {
        let (folder, copied) = copy(&path);
        let name = copied.file_name().unwrap().to_str().unwrap().to_owned();
        let report = || -> Vec<serde_json::Value> {
            let ran = run(folder.path(), &["validate", "--format", "json", &name]);
            serde_json::from_slice(&ran.stdout).unwrap_or_default()
        };
        let before = texts(folder.path());
        for finding in report() {
            let Some(edits) = finding["fix"]["edits"].as_array() else { continue };
            tried += 1;
            for edit in edits.iter().rev() {
                let file = folder.path().join(edit["file"].as_str().expect("a name"));
                let mut text = fs::read_to_string(&file).expect("read");
                let at = |key: &str| edit[key].as_u64().expect("an offset") as usize;
                text.replace_range(at("start")..at("end"), edit["text"].as_str().expect("a text"));
                fs::write(&file, text).expect("written");
            }
            let same = |other: &serde_json::Value| {
                ["code", "message", "start"].iter().all(|key| other[key] == finding[key])
            };
            let left = report();
            assert!(!left.iter().any(same), "{}: {finding} is still there", path.display());
            for (file, text) in &before {
                fs::write(file, text).expect("written");
            }
        }
    }
    assert!(tried > 15, "{tried} edits");
}

/// Fixes a text; what is left of it, and what is still found.
#[track_caller]
fn fixed(name: &str, text: &str, expected: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join(name), text).expect("written");
    let ran =
        run(folder.path(), &["validate", "--fix", "--allow", "S702", "--format", "concise", name]);
    let after = fs::read_to_string(folder.path().join(name)).expect("read");
    assert_eq!(after, expected, "{}", String::from_utf8_lossy(&ran.stdout));
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "", "is still found");
}

fn in_every_notation() {
    fixed(
        "stack.kdl",
        "stack \"s\" // the name\nprometheus {\n    scrape_intervall 15s // how often\n    \
         \"evaluation_intervall\" \"15 sec\"\n    retention tme=#\"30d\"#\n}\n\
         service \"a\" { image \"b:1\"; depends_on \"c\" condition=\"helthy\" }\n\
         service \"c\" { image \"d:1\"; healthcheck \"true\" interval=\"5 minutes\" retries=\"3\" }\n",
        "stack \"s\" // the name\nprometheus {\n    scrape_interval \"15s\" // how often\n    \
         \"evaluation_interval\" \"15s\"\n    retention time=#\"30d\"#\n}\n\
         service \"a\" { image \"b:1\"; depends_on \"c\" condition=\"healthy\" }\n\
         service \"c\" { image \"d:1\"; healthcheck \"true\" interval=\"5m\" retries=3 }\n",
    );
    fixed(
        "stack.yaml",
        "stack: s # the name\nprometheus:\n  scrape_intervall: 15 sec # how often\n  \
         \"evaluation_intervall\": '15 sec'\nservice:\n  c:\n    image: d:1\n    \
         healthcheck: {command: \"true\", interval: \"5 minutes\", retries: \"3\"}\n",
        "stack: s # the name\nprometheus:\n  scrape_interval: \"15s\" # how often\n  \
         \"evaluation_interval\": \"15s\"\nservice:\n  c:\n    image: d:1\n    \
         healthcheck: {command: \"true\", interval: \"5m\", retries: 3}\n",
    );
    fixed(
        "stack.json",
        "{\"stack\": \"s\", \"prometheus\": {\"scrape_intervall\": \"15 sec\"}}\n",
        "{\"stack\": \"s\", \"prometheus\": {\"scrape_interval\": \"15s\"}}\n",
    );
}

fn included() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("parts")).expect("a folder");
    let part = folder.path().join("parts/base.yaml");
    fs::write(&part, "prometheus:\n  scrape_intervall: 15s # often\n").expect("written");
    let main = folder.path().join("stack.kdl");
    fs::write(&main, "stack \"s\"\ninclude \"./parts/../parts/base.yaml\"\nnetwrk \"n\"\n")
        .expect("written");
    let ran = run(folder.path(), &["validate", "--fix", "--format", "concise"]);
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    let read = |path: &Path| fs::read_to_string(path).expect("read");
    assert_eq!(read(&part), "prometheus:\n  scrape_interval: 15s # often\n");
    assert!(read(&main).ends_with("network \"n\"\n"), "{}", read(&main));
}

fn shown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = "stack \"s\"\nprometheus {\n    scrape_intervall \"15s\"\n}\n";
    fs::write(folder.path().join("stack.kdl"), text).expect("written");
    let before = texts(folder.path());
    let ran = run(folder.path(), &["validate", "--fix", "--diff"]);
    assert_eq!(ran.status.code(), Some(1));
    assert_eq!(texts(folder.path()), before);
    let out = String::from_utf8_lossy(&ran.stdout);
    for line in ["--- a/stack.kdl", "-    scrape_intervall \"15s\"", "+    scrape_interval \"15s\""]
    {
        assert!(out.lines().any(|found| found == line), "{line} is missing in\n{out}");
    }
    run(folder.path(), &["validate", "--fix"]);
    let ran = run(folder.path(), &["validate", "--fix", "--diff"]);
    assert_eq!((ran.status.code(), ran.stdout.as_slice()), (Some(0), &b""[..]));
}

fn fmt_modes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (ugly, neat) =
        ("stack   \"s\"\n\n\n  network \"n\"  // x", "stack \"s\"\n\nnetwork \"n\"  // x\n");
    let path = folder.path().join("stack.kdl");
    fs::write(&path, ugly).expect("written");
    let ran = run(folder.path(), &["fmt", "--check"]);
    assert_eq!((ran.status.code(), ran.stdout.as_slice()), (Some(1), &b"stack.kdl\n"[..]));
    let ran = run(folder.path(), &["fmt", "--diff", "stack.kdl"]);
    assert_eq!(ran.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ran.stdout).contains("+stack \"s\""), "{ran:?}");
    assert_eq!(fs::read_to_string(&path).expect("read"), ugly);
    assert_eq!(run(folder.path(), &["fmt"]).status.code(), Some(0));
    assert_eq!(fs::read_to_string(&path).expect("read"), neat);
    let ran = run(folder.path(), &["fmt", "--check", "--diff"]);
    assert_eq!((ran.status.code(), ran.stdout.as_slice()), (Some(0), &b""[..]));
}

fn fmt_stdin() {
    let mut child = stackctl()
        .args(["fmt", "--stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    child.stdin.take().expect("a pipe").write_all(b"a  { b;c }").expect("written");
    let ran = child.wait_with_output().expect("it ends");
    assert_eq!((ran.status.code(), ran.stdout.as_slice()), (Some(0), &b"a { b; c }\n"[..]));
}

fn fmt_refuses() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    put("broken.kdl", "a  {\n");
    put("neat.kdl", "a  1\n");
    put("other.yaml", "a:   1\n");
    let before = texts(folder.path());
    for (name, word) in
        [("broken.kdl", "broken.kdl:1:4"), ("other.yaml", "not KDL"), ("no.kdl", "no.kdl")]
    {
        let ran = run(folder.path(), &["fmt", name]);
        assert_eq!(ran.status.code(), Some(2), "{ran:?}");
        assert!(String::from_utf8_lossy(&ran.stderr).contains(word), "{ran:?}");
    }
    assert_eq!(texts(folder.path()), before);
    // The others get their layout all the same.
    assert_eq!(run(folder.path(), &["fmt", "broken.kdl", "neat.kdl"]).status.code(), Some(2));
    assert_eq!(fs::read_to_string(folder.path().join("neat.kdl")).expect("read"), "a 1\n");
}

fn links() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (real, link) = (folder.path().join("real.kdl"), folder.path().join("stack.kdl"));
    fs::write(&real, "stack \"s\"\nnetwrk \"n\"\n").expect("written");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("permitted");
    symlink(&real, &link).expect("linked");
    assert_eq!(run(folder.path(), &["validate", "--fix"]).status.code(), Some(0));
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(&real).expect("read"), "stack \"s\"\nnetwork \"n\"\n");
    assert_eq!(fs::metadata(&real).expect("there").permissions().mode() & 0o777, 0o640);
}
