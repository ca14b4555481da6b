//! The source map: from rendered lines to the manifest and back.
//!
//! The strongest witness is a change: whatever value of a manifest is changed, the rendered lines that
//! change with it must be those that the map says come from there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output as Ran;

use serde_json::Value as Json;
use similar::{ChangeTag, TextDiff};
use stackctl::diag::{Severity, Span};
use stackctl::manifest::tree::{Data, Node, Value};
use stackctl::manifest::{self, Loaded, RenderTarget};
use stackctl::render::{self, Beside, Output, Setting};
use stackctl::sourcemap::{self, FileMap, How, Mark};

use crate::support::{Needs, Test, repository, stackctl};

pub const TESTS: &[Test] = &[
    ("every_line_of_every_file_has_an_origin_in_the_manifest", Needs::Nothing, every_line),
    ("names_lead_to_where_they_are_written", Needs::Nothing, names),
    ("files_in_blocks_of_other_files_are_known", Needs::Nothing, blocks),
    ("values_lead_to_where_they_are_written", Needs::Nothing, values),
    ("what_changes_with_a_value_comes_from_it", Needs::Nothing, changes),
    ("on_other_targets_what_changes_comes_from_the_value", Needs::Nothing, changes_of_targets),
    ("the_way_back_leads_to_the_same_line", Needs::Nothing, round_trip),
    ("the_built_program_knows_the_origin_of_each_line", Needs::Nothing, built_program),
    ("kdl_and_yaml_lead_to_the_same_settings", Needs::Nothing, kdl_and_yaml),
    ("a_profile_and_an_include_are_named_where_they_set_a_value", Needs::Nothing, overlays),
    ("what_is_not_said_names_the_setting_that_would", Needs::Nothing, defaults),
    ("places_that_are_not_there_are_called_so", Needs::Nothing, no_place),
    ("a_file_changed_by_hand_is_explained_as_far_as_it_goes", Needs::Nothing, by_hand),
];

/// Manifests and their profiles.
const CASES: &[(&str, Option<&str>)] = &[
    ("examples/quickstart.kdl", None),
    ("examples/skincare.kdl", None),
    ("examples/skincare.kdl", Some("prod")),
    ("examples/skincare.yaml", None),
    ("examples/federation/eu.kdl", None),
    ("examples/federation/us.kdl", None),
    ("examples/federation/central.kdl", None),
    ("golden/everything/stack.kdl", None),
    ("golden/own-images/stack.kdl", None),
];

/// Those of other targets.
const TARGETS: &[(&str, Option<&str>, RenderTarget)] = &[
    ("examples/quickstart.kdl", None, RenderTarget::Kubernetes),
    ("examples/skincare.kdl", Some("prod"), RenderTarget::Kubernetes),
    ("golden/everything/stack.kdl", None, RenderTarget::Kubernetes),
    ("golden/operator/stack.kdl", None, RenderTarget::Kubernetes),
    ("golden/stores/stack.kdl", None, RenderTarget::Kubernetes),
    ("examples/skincare.kdl", None, RenderTarget::KubernetesOperator),
    ("golden/operator/stack.kdl", None, RenderTarget::KubernetesOperator),
    ("examples/quickstart.kdl", None, RenderTarget::Systemd),
    ("examples/skincare.kdl", Some("prod"), RenderTarget::Systemd),
    ("golden/everything/stack.kdl", None, RenderTarget::Systemd),
];

struct Case {
    name: String,
    path: String,
    profile: Option<String>,
    target: RenderTarget,
    loaded: Loaded,
    outputs: Vec<Output>,
}

fn render(loaded: &Loaded, path: &str, target: RenderTarget) -> Option<Vec<Output>> {
    let folder = repository(path).parent().expect("it has one").to_owned();
    let setting = Setting { base: ".", sources: &Beside(folder) };
    render::plan_for(&loaded.stack, &setting, target).ok()
}

fn case(path: &str, profile: Option<&str>) -> Case {
    case_of(path, profile, RenderTarget::Compose)
}

fn case_of(path: &str, profile: Option<&str>, target: RenderTarget) -> Case {
    let loaded = manifest::load(&repository(path), profile).expect("it is there");
    let outputs = render(&loaded, path, target).expect("it renders");
    let (path, profile) = (path.to_owned(), profile.map(str::to_owned));
    let name = format!("{path} ({profile:?}, {})", target.name());
    Case { name, path, profile, target, loaded, outputs }
}

fn cases() -> impl Iterator<Item = Case> {
    CASES.iter().map(|(path, profile)| case(path, *profile))
}

fn target_cases() -> impl Iterator<Item = Case> {
    TARGETS.iter().map(|(path, profile, target)| case_of(path, *profile, *target))
}

impl Case {
    fn maps(&self) -> impl Iterator<Item = FileMap> {
        self.outputs.iter().map(|output| {
            FileMap::new(
                &self.loaded,
                &output.path,
                std::str::from_utf8(&output.bytes).expect("text"),
            )
        })
    }

    fn text(&self, span: Span) -> &str {
        self.loaded.files.text(span)
    }
}

/// Whether a line is more than a comment.
fn says_something(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(['#', '/'])
}

fn every_line() {
    let mut count = 0;
    for case in cases().chain(target_cases()) {
        for map in case.maps() {
            for (at, mark) in map.by_line().into_iter().enumerate() {
                let line = map.line(at + 1).expect("one of its lines");
                if !says_something(line) {
                    continue;
                }
                let place = format!("{} {}:{} `{line}`", case.name, map.path, at + 1);
                let mark = mark.unwrap_or_else(|| panic!("{place} has no origin"));
                for span in std::iter::once(&mark.origin.span).chain(&mark.origin.also) {
                    let file = case.loaded.files.get(span.file).expect("a file of the manifest");
                    assert!(span.end() <= file.text.len(), "{place}: {span:?}");
                    assert!(!case.text(*span).trim().is_empty(), "{place}: {span:?}");
                }
                assert!(mark.origin.whole.contains(mark.origin.span), "{place}: {:?}", mark.origin);
                count += 1;
            }
        }
    }
    assert!(count > 5000, "only {count} lines");
}

fn is_yaml(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|it| it == "yml" || it == "yaml")
}

/// The value of `key: value` or `- key: value` without its quotes.
fn entry(line: &str) -> Option<(&str, String)> {
    let (key, value) = line.trim_start_matches("- ").split_once(": ")?;
    let value = value.trim();
    let bare = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
    Some((key, bare.map_or_else(|| value.to_owned(), |bare| bare.replace("''", "'"))))
}

fn names() {
    let mut count = 0;
    for case in cases() {
        for map in case.maps().filter(|map| is_yaml(&map.path)) {
            for (at, mark) in map.by_line().into_iter().enumerate() {
                let line = map.line(at + 1).expect("one of its lines");
                let Some((key, value)) = entry(line) else { continue };
                if !["job_name", "alert", "record", "name"].contains(&key) {
                    continue;
                }
                let mark = mark.expect("it has an origin");
                let said = case.text(mark.origin.span);
                // The names of a part, of an objective and of what is made of them stand nowhere.
                let derived = value.starts_with("slo") || value.starts_with("ErrorBudget");
                let part = said == value;
                let slug = key == "name" && !map.path.contains("alert");
                assert!(
                    part || said.trim_matches('"') == value
                        || derived && mark.origin.node.starts_with("slo ")
                        || slug,
                    "{} {}:{} `{line}` is said to come from {said}",
                    case.name,
                    map.path,
                    at + 1
                );
                count += 1;
            }
        }
        // Containers, whose name is the key.
        for map in case.maps().filter(|map| map.path == "compose.yaml") {
            let compose: serde_yaml::Value = serde_yaml::from_str(&map.text).expect("YAML");
            for name in compose["services"].as_mapping().expect("a map").keys() {
                let name = name.as_str().expect("a text");
                let line = map.text.lines().position(|line| line == format!("  {name}:"));
                let marks = map.at(line.expect("its line") + 1, None);
                let node = &marks.last().expect("an origin").origin.node;
                let host = node.replace('"', "").replace("exporter ", "").replace("service ", "");
                assert!(name == host || name == format!("{host}-exporter"), "{name}: {node}");
                count += 1;
            }
        }
    }
    assert!(count > 200, "only {count} names");
}

/// Keys whose value is taken as it is written.
const LITERAL: &[&str] = &[
    "expr",
    "for",
    "keep_firing_for",
    "summary",
    "runbook_url",
    "severity",
    "scrape_timeout",
    "regex",
    "target_label",
    "replacement",
    "action",
    "username",
    "send_resolved",
    "channel",
    "max_alerts",
    "group_wait",
    "group_interval",
    "repeat_interval",
    "resolve_timeout",
    "smtp_from",
    "location",
    "sample_limit",
    "out_of_order_time_window",
    "capacity",
    "max_shards",
    "batch_send_deadline",
    "server_name",
    "query_offset",
    "limit",
    "evaluation_interval",
    "scrape_interval",
    "subnet",
    "dockerfile",
    "context",
    "restart",
    "user",
    "receiver",
    "chat_id",
    "refresh_interval",
    "folder",
];

/// What kubernetes gets: configuration files in the blocks of a ConfigMap.
fn blocks() {
    let case = case("examples/skincare.kdl", None);
    let file = |path: &str| {
        let output = case.outputs.iter().find(|output| output.path == path).expect("rendered");
        String::from_utf8(output.bytes.clone()).expect("text")
    };
    let inner = file("monitoring/prometheus.yml");
    let indented = format!("    {}\n", inner.trim_end().replace('\n', "\n    "));
    let text = format!(
        "kind: ConfigMap\nmetadata:\n  name: prometheus\ndata:\n  prometheus.yml: |\n{indented}"
    );
    let outer = FileMap::new(&case.loaded, "kubernetes/prometheus.yaml", &text);
    let inner = FileMap::new(&case.loaded, "monitoring/prometheus.yml", &inner);
    for (at, mark) in inner.by_line().into_iter().enumerate() {
        let Some(mark) = mark.filter(|_| at > 0) else { continue };
        let marks = outer.at(at + 6, None);
        assert_eq!(marks.last().expect("an origin").origin, mark.origin, "line {}", at + 1);
    }
    assert_eq!(outer.at(3, None).last().expect("an origin").origin.node, "prometheus");
}

fn values() {
    let mut count = 0;
    for case in cases() {
        for map in case.maps().filter(|map| is_yaml(&map.path)) {
            for (at, mark) in map.by_line().into_iter().enumerate() {
                let line = map.line(at + 1).expect("one of its lines");
                let Some((key, value)) = entry(line) else { continue };
                let Some(Mark { origin, .. }) = mark else { continue };
                if !LITERAL.contains(&key)
                    || origin.node.starts_with("slo ")
                    || value.starts_with('|')
                {
                    continue;
                }
                if let How::Default(_) | How::Derived = origin.how {
                    continue;
                }
                let said = case.text(origin.span);
                let same = said.trim_matches(['"', '#']) == value
                    || said.replace("\\\"", "\"").contains(&value)
                    || said.trim_start_matches("./") == value.trim_start_matches("./")
                    || value.contains(said.trim_matches(['"', '.', '/']));
                assert!(same, "{} {}:{} `{line}` comes from {said}", case.name, map.path, at + 1);
                count += 1;
            }
        }
    }
    assert!(count > 150, "only {count} values");
}

/// All values of a manifest that are written out.
fn written<'a>(node: &'a Node, found: &mut Vec<&'a Value>) {
    let values = node.args.iter().chain(node.props.iter().map(|prop| &prop.value));
    found.extend(values.filter(|value| matches!(value.data, Data::Text(_) | Data::Number(_))));
    node.children.iter().for_each(|child| written(child, found));
}

/// The manifest with one value changed, if there is another value that makes sense there.
fn with_other_value(case: &Case, value: &Value) -> Option<Vec<Output>> {
    let source = case.loaded.files.get(value.span.file)?;
    let text = case.text(value.span);
    let inner = text.trim_end_matches('#').trim_end_matches('"');
    let close = &text[inner.len()..];
    let starts = text.find(|c: char| c.is_ascii_digit()).filter(|at| *at <= 1);
    let others = [
        starts.map(|at| format!("{}1{}", &text[..at], &text[at..])),
        Some(format!("{inner}x{close}")),
        Some(format!("{inner}1{close}")),
    ];
    others.into_iter().flatten().find_map(|other| {
        let mut edited = source.text.clone();
        edited.replace_range(value.span.range(), &other);
        let name = Path::new(&source.name).file_name().expect("a file");
        let read = |file: &Path| {
            if file.ends_with(name) { Ok(edited.clone().into_bytes()) } else { fs::read(file) }
        };
        let path = repository(&case.path);
        let loaded = manifest::load_with(&path, case.profile.as_deref(), &read).ok()?;
        let reads = loaded.findings.count(Severity::Error) == 0;
        reads.then(|| render(&loaded, &case.path, case.target)).flatten()
    })
}

/// The lines of a text that another one has not.
fn changed(before: &str, after: &str) -> Vec<usize> {
    let diff = TextDiff::from_lines(before, after);
    let gone = diff.iter_all_changes().filter(|change| change.tag() == ChangeTag::Delete);
    gone.filter_map(|change| change.old_index()).map(|index| index + 1).collect()
}

fn meets(one: Span, other: Span) -> bool {
    one.contains(other) || other.contains(one)
}

/// What a change of each value changes: lines, and how many the map leads to that value.
#[derive(Default)]
struct Measured {
    lines: usize,
    /// By the origin of the line itself.
    exact: usize,
    unexplained: BTreeMap<String, usize>,
}

impl Measured {
    fn case(&mut self, case: &Case, counts: &dyn Fn(&str) -> bool) {
        let maps: Vec<FileMap> = case.maps().filter(|map| counts(&map.path)).collect();
        let mut values = Vec::new();
        written(&case.loaded.tree, &mut values);
        for value in values {
            let Some(outputs) = with_other_value(case, value) else { continue };
            for map in &maps {
                let Some(after) = outputs.iter().find(|output| output.path == map.path) else {
                    continue;
                };
                for line in changed(&map.text, std::str::from_utf8(&after.bytes).expect("text")) {
                    self.line(case, map, line, value.span);
                }
            }
        }
    }

    fn line(&mut self, case: &Case, map: &FileMap, line: usize, value: Span) {
        let text = map.line(line).expect("a line");
        if !says_something(text) {
            return;
        }
        let from = |mark: &&Mark| {
            let origin = &mark.origin;
            meets(origin.span, value)
                || meets(origin.whole, value)
                || origin.also.iter().any(|span| meets(*span, value))
        };
        self.lines += 1;
        if map.at(line, None).last().is_some_and(from) {
            self.exact += 1;
        } else {
            let says = format!("{}: {text} <- {}", map.path, case.text(value));
            *self.unexplained.entry(says).or_default() += 1;
        }
    }

    fn check(&self, lines: usize, percent: usize) {
        if std::env::var_os("WHY_SHOW").is_some() {
            for (says, count) in &self.unexplained {
                println!("{count:4} {says}");
            }
        }
        println!("{} changed lines; {} by their own origin", self.lines, self.exact);
        assert!(self.lines > lines, "only {} lines changed", self.lines);
        let Self { lines, exact, unexplained } = self;
        assert!(exact * 100 >= lines * percent, "{exact} of {lines} lines: {unexplained:#?}");
    }
}

fn changes() {
    let mut measured = Measured::default();
    for case in
        cases().filter(|case| Path::new(&case.path).extension().is_some_and(|it| it == "kdl"))
    {
        measured.case(&case, &|_| true);
    }
    measured.check(3000, 91);
}

/// Of each further target: its own files, without those that all targets share.
fn changes_of_targets() {
    for (target, percent) in [(RenderTarget::Kubernetes, 77)] {
        let mut measured = Measured::default();
        for (path, profile, _) in TARGETS.iter().filter(|case| case.2 == target) {
            let case = case_of(path, *profile, target);
            measured.case(&case, &|path| !path.starts_with("monitoring/") && path != "Caddyfile");
        }
        println!("{}", target.name());
        measured.check(1000, percent);
    }
}

fn round_trip() {
    for case in cases().chain(target_cases()) {
        for map in case.maps() {
            let mut known: BTreeMap<(u32, usize), Vec<(usize, usize)>> = BTreeMap::new();
            for (at, mark) in map.by_line().into_iter().enumerate() {
                let Some(mark) = mark else { continue };
                let span = mark.origin.span;
                let line = case.loaded.files.start(span).line;
                let back = known.entry((span.file.0, line)).or_insert_with(|| {
                    let Loaded { tree, files, .. } = &case.loaded;
                    let asked = sourcemap::asked(tree, files, span.file, line, None);
                    map.from(asked.expect("a line of the manifest"))
                });
                assert!(
                    back.iter().any(|(from, to)| (*from..=*to).contains(&(at + 1))),
                    "{} {}:{} comes from line {line}, which becomes {back:?}",
                    case.name,
                    map.path,
                    at + 1,
                );
            }
        }
    }
}

/// A folder that a manifest was rendered to.
pub fn rendered(manifest: &str, profile: Option<&str>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = stackctl();
    command.arg("render").arg(repository(manifest)).arg("-o").arg(dir.path());
    command.args(profile.iter().flat_map(|profile| ["--profile", profile]));
    let ran = command.output().expect("it runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    dir
}

fn why(dir: &Path, arguments: &[&str]) -> Ran {
    stackctl().arg("why").args(arguments).current_dir(dir).output().expect("it runs")
}

pub fn json(ran: &Ran) -> Json {
    let text = String::from_utf8_lossy(&ran.stdout);
    serde_json::from_str(&text)
        .unwrap_or_else(|err| panic!("{err}: {text}{}", String::from_utf8_lossy(&ran.stderr)))
}

/// Line of a text in a file below a folder.
pub fn line_of(dir: &Path, file: &str, text: &str) -> usize {
    let content = fs::read_to_string(dir.join(file)).expect("it is there");
    content
        .lines()
        .position(|line| line.contains(text))
        .unwrap_or_else(|| panic!("{text} in {file}"))
        + 1
}

fn built_program() {
    for (manifest, profile) in
        [("examples/skincare.kdl", Some("prod")), ("golden/own-images/stack.kdl", None)]
    {
        let dir = rendered(manifest, profile);
        let source = fs::read_to_string(repository(manifest)).expect("it is there");
        for file in ["compose.yaml", "monitoring/prometheus.yml", "monitoring/alertmanager.yml"] {
            let answer = json(&why(dir.path(), &[file, "--format", "json"]));
            let lines = answer.as_array().expect("a list");
            let text = fs::read_to_string(dir.path().join(file)).expect("it is there");
            assert_eq!(lines.len(), text.lines().filter(|line| !line.trim().is_empty()).count());
            for line in lines {
                let place = &line["origin"]["place"];
                let number =
                    usize::try_from(place["line"].as_u64().expect("a number")).expect("small");
                let there = source.lines().nth(number - 1).expect("a line of the manifest");
                let said = place["text"].as_str().expect("a text");
                assert!(there.contains(said.lines().next().unwrap_or_default()), "{line} {there}");
            }
        }
        // Back again, through the index of the folder.
        let line = line_of(dir.path(), "monitoring/prometheus.yml", "job_name: node");
        let place = format!("prometheus.yml:{line}");
        let answer = json(&why(&dir.path().join("monitoring"), &[&place, "--format", "json"]));
        assert_eq!(answer["as_rendered"], true, "{answer}");
        let from = &answer["origin"]["place"];
        let place = format!("{}:{}", from["file"].as_str().expect("a path"), from["line"]);
        let back = json(&why(dir.path(), &[&place, "--format", "json"]));
        let lines = back.as_array().expect("a list").iter();
        let mut here = lines.filter(|range| range["file"] == "monitoring/prometheus.yml");
        assert!(
            here.any(|range| range["from"].as_u64() <= Some(line as u64)
                && range["to"].as_u64() >= Some(line as u64)),
            "{place} becomes {back}"
        );
    }
}

fn kdl_and_yaml() {
    let (kdl, yaml) = (case("examples/skincare.kdl", None), case("examples/skincare.yaml", None));
    let mut count = 0;
    for (one, other) in kdl.maps().zip(yaml.maps()) {
        assert_eq!(one.path, other.path);
        for (at, (left, right)) in one.by_line().into_iter().zip(other.by_line()).enumerate() {
            let (Some(left), Some(right)) = (left, right) else { continue };
            let place =
                format!("{}:{} `{}`", one.path, at + 1, one.line(at + 1).unwrap_or_default());
            assert_eq!(left.origin.node, right.origin.node, "{place}");
            assert_eq!(left.origin.how, right.origin.how, "{place}");
            let bare = |text: &str| -> String {
                text.chars().filter(|c| !" \n'\"#\\|".contains(*c)).collect()
            };
            let (left, right) = (kdl.text(left.origin.span), yaml.text(right.origin.span));
            // A value that is written in both is the same one; a word may have another form.
            if left.starts_with(['"', '#']) && !left.contains('\\') {
                assert_eq!(
                    bare(left).trim_start_matches('-'),
                    bare(right).trim_start_matches('-'),
                    "{place}"
                );
                count += 1;
            }
        }
    }
    assert!(count > 300, "only {count} values");
}

fn overlays() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("written");
    write("base.kdl", "exporter \"node\" {\n    interval \"30s\"\n}\n");
    write(
        "stack.kdl",
        "stack \"s\" manifest=1\ninclude \"base.kdl\"\nprometheus {\n    scrape_interval \"15s\"\n}\n\
         profile \"prod\" {\n    prometheus {\n        scrape_interval \"45s\"\n    }\n}\n",
    );
    let place = |profile: &[&str], text: &str| {
        let ran =
            stackctl().args(["render", "-o", "out"]).args(profile).current_dir(dir.path()).output();
        assert!(ran.expect("it runs").status.success());
        let line = line_of(dir.path(), "out/monitoring/prometheus.yml", text);
        let file = format!("out/monitoring/prometheus.yml:{line}");
        let answer = json(&why(dir.path(), &[&file, "--format", "json"]));
        let place = &answer["origin"]["place"];
        // A profile is named where it is the one that says it.
        let said = answer["origin"]["profile"].as_str();
        assert_eq!(said, (text == "45s").then_some("prod"), "{answer}");
        format!("{}:{} {}", place["file"].as_str().expect("a path"), place["line"], place["text"])
    };
    assert_eq!(place(&[], "15s"), r#"stack.kdl:4 "\"15s\"""#);
    assert_eq!(place(&["--profile", "prod"], "45s"), r#"stack.kdl:8 "\"45s\"""#);
    assert_eq!(place(&[], "30s"), r#"base.kdl:2 "\"30s\"""#);
    assert_eq!(place(&[], "job_name: node"), r#"base.kdl:1 "\"node\"""#);
    let back = why(dir.path(), &["base.kdl:2", "-m", "stack.kdl", "-o", "out"]);
    let line = line_of(dir.path(), "out/monitoring/prometheus.yml", "30s");
    assert_eq!(
        String::from_utf8_lossy(&back.stdout),
        format!("monitoring/prometheus.yml:{line}\n")
    );
}

fn defaults() {
    let dir = rendered("examples/skincare.kdl", None);
    let answer = |file: &str, text: &str| {
        let place = format!("{file}:{}", line_of(dir.path(), file, text));
        json(&why(dir.path(), &[&place, "--format", "json"]))
    };
    let restart = answer("compose.yaml", "restart: unless-stopped");
    assert_eq!(
        (&restart["origin"]["how"], &restart["origin"]["setting"]),
        (&Json::from("default"), &Json::from("restart"))
    );
    let job = answer("monitoring/prometheus.yml", "job_name: node");
    assert_eq!(job["origin"]["node"], "exporter \"node\"");
    assert_eq!(job["chain"][0]["what"], "scrape job `node`");
    let ran = why(
        dir.path(),
        &[&format!("compose.yaml:{}", line_of(dir.path(), "compose.yaml", "restart: "))],
    );
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(text.contains("say something else with `restart` in `service \"app\"`"), "{text}");
}

fn no_place() {
    let dir = rendered("examples/skincare.kdl", None);
    let source = repository("examples/skincare.kdl").display().to_string();
    let of = |place: &str| format!("{source}:{place}");
    for (place, said) in [
        ("compose.yaml:2:900".to_owned(), "columns, and no column 900"),
        ("compose.yaml:99999".to_owned(), "lines, and no line 99999"),
        ("monitoring".to_owned(), "`monitoring` is a folder: say a file in it"),
        ("absent.yml:3".to_owned(), "`absent.yml` is not there"),
        (of("99999"), "lines, and no line 99999"),
        (of("1:900"), "columns, and no column 900"),
    ] {
        let ran = why(dir.path(), &[&place]);
        let error = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(!ran.status.success() && error.contains(said), "{place}: {error}");
    }
    // Without anything rendered, the missing file is what is told first.
    let empty = tempfile::tempdir().expect("a folder");
    let ran = why(empty.path(), &["absent.yml:3"]);
    let error = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(error.contains("`absent.yml` is not there"), "{error}");
}

fn by_hand() {
    let dir = rendered("examples/skincare.kdl", None);
    let path = dir.path().join("monitoring/alerts.yml");
    let text = fs::read_to_string(&path).expect("it is there");
    fs::write(
        &path,
        text.replacen("for: 2m", "for: 7m", 1).replacen("groups:", "# mine\ngroups:", 1),
    )
    .expect("written");
    let line = line_of(dir.path(), "monitoring/alerts.yml", "for: 7m");
    let place = format!("monitoring/alerts.yml:{line}");
    let ran = why(dir.path(), &[&place]);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(said.contains("this line is none of its own"), "{said}");
    let answer = json(&why(dir.path(), &[&place, "--format", "json"]));
    assert_eq!(answer["as_rendered"], false);
    assert_eq!(answer["origin"]["place"]["text"], "\"2m\"");
    let other = line_of(dir.path(), "monitoring/alerts.yml", "alert: TargetDown");
    let answer = json(&why(dir.path(), &[&format!("alerts.yml:{other}"), "--format", "json"]));
    assert_eq!(
        (&answer["as_rendered"], &answer["origin"]["place"]["text"]),
        (&Json::from(true), &Json::from("\"TargetDown\""))
    );
}
