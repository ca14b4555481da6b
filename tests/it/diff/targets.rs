//! Folders that were rendered for a cluster or for systemd.

use std::fs;
use std::path::Path;

use stackctl::diff::{self, Document, Extent, report};
use stackctl::manifest::{self, RenderTarget};
use stackctl::render::{self, Beside, Setting, WriteOptions};

use super::{BASE, Folder};
use crate::support::repository;
use crate::targets::{CASES, Case};

/// What differs between the manifest of a case and its files, one of them changed.
fn difference(case: &Case, extent: Extent, from: &str, to: &str) -> String {
    let path = repository(case.manifest);
    let loaded = manifest::load(&path, case.profile).unwrap();
    let sources = Beside(path.parent().unwrap().to_owned());
    let setting = Setting { base: ".", sources: &sources };
    let mut changed = from.is_empty();
    let golden = crate::render::golden(case.name);
    let documents: Vec<Document> = case
        .outputs()
        .into_iter()
        .map(|output| {
            let mut text = fs::read_to_string(golden.join(&output.path)).unwrap();
            if !changed && text.contains(from) {
                text = text.replacen(from, to, 1);
                changed = true;
            }
            Document { path: output.path, text }
        })
        .collect();
    assert!(changed, "{}: no file has `{from}`", case.name);
    let beside = match extent {
        Extent::Rendered => diff::Beside::Rendered(case.target),
        Extent::Found => diff::Beside::Folder(case.target),
    };
    let before = diff::of_manifest(&loaded.stack, &setting, beside).unwrap();
    let after = diff::of_documents(&documents, extent).unwrap();
    let changes = diff::changes(&before, &after);
    report::text(
        &report::Report {
            before: "a",
            after: "b",
            risks: &diff::risks(&changes, &after),
            changes: &changes,
            files_before: &loaded.files,
            files_after: &manifest::load(&path, case.profile).unwrap().files,
        },
        false,
    )
}

pub fn golden() {
    for case in CASES {
        for extent in [Extent::Rendered, Extent::Found] {
            assert_eq!(difference(case, extent, "", ""), "no difference\n", "{}", case.name);
        }
    }
}

fn put(case: &Case, out: &Path, index: bool) {
    let path = repository(case.manifest);
    let loaded = manifest::load(&path, case.profile).unwrap();
    let sources = Beside(path.parent().unwrap().to_owned());
    let base = render::base_between(&path, out);
    let setting = Setting { base: &base, sources: &sources };
    let outputs = render::plan_for(&loaded.stack, &setting, case.target).unwrap();
    if index {
        let options = WriteOptions { target: Some(case.target), ..WriteOptions::default() };
        render::write(&outputs, out, &options).unwrap();
    } else {
        crate::targets::write(&outputs, out);
    }
}

/// The target is read from the index, and found out where there is none.
pub fn folders() {
    let dir = Folder::new();
    for case in CASES {
        let said = repository(case.manifest).to_str().unwrap().to_owned();
        let said = case.profile.map_or(said.clone(), |profile| format!("{said}@{profile}"));
        for index in [true, false] {
            let out = dir.path().join(format!("{}-{index}", case.name));
            put(case, &out, index);
            let out = out.to_str().unwrap();
            assert_eq!(dir.diff(&said, out), "no difference\n", "{} {index}", case.name);
            assert_eq!(dir.diff(out, &said), "no difference\n", "{} {index}", case.name);
        }
    }
    // Beside a compose file, what is there for a cluster is another deployment.
    dir.put("a.kdl", BASE);
    let (code, _, err) = dir.run(&["render", "a.kdl", "-o", "out"]);
    assert_eq!(code, 0, "{err}");
    fs::remove_dir_all(dir.path().join("out/.stackctl")).unwrap();
    dir.put("out/k8s/x.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n");
    assert_eq!(dir.diff("a.kdl", "out"), "no difference\n");
    let index = "quickstart-kubernetes-true/.stackctl/outputs.json";
    let text = fs::read_to_string(dir.path().join(index)).unwrap();
    dir.put(index, &text.replace("\"kubernetes\"", "\"moon\""));
    let (code, _, err) = dir.run(&["diff", "a.kdl", "quickstart-kubernetes-true"]);
    assert_eq!(code, 2);
    assert!(err.contains("rendered for `moon`"), "{err}");
}

pub fn changes() {
    let of = |name: &str| CASES.iter().find(|case| case.name == name).unwrap();
    for (name, from, to, expected) in [
        (
            "skincare-kubernetes",
            "image: skincare-app",
            "image: skincare-app:2",
            "~ service app: image skincare-app -> skincare-app:2",
        ),
        ("skincare-kubernetes", "replicas: 3", "replicas: 4", "~ service app: replicas 3 -> 4"),
        (
            "skincare-kubernetes",
            "containerPort: 9000",
            "containerPort: 9001",
            "~ service app: container ports +tcp-9000 9001 -tcp-9000 9000",
        ),
        (
            "skincare-kubernetes",
            "scrape_interval: 30s",
            "scrape_interval: 20s",
            "~ job whatsapp: scrape_interval 30s -> 20s",
        ),
        ("skincare-kubernetes", "for: 2m", "for: 3m", "~ alert TargetDown: for 2m -> 3m"),
        (
            "skincare-kubernetes",
            "--storage.tsdb.retention.time=30d",
            "--storage.tsdb.retention.time=60d",
            "~ prometheus: retention time 30d -> 60d",
        ),
        (
            "skincare-operator",
            "image: prom/prometheus:v3.5.0",
            "image: prom/prometheus:v3.6.0",
            "~ service prometheus: image prom/prometheus:v3.5.0 -> prom/prometheus:v3.6.0",
        ),
        (
            "skincare-operator",
            "scrapeInterval: 30s",
            "scrapeInterval: 20s",
            "~ job whatsapp: scrape_interval 30s -> 20s",
        ),
        ("skincare-operator", "for: 2m", "for: 3m", "~ alert TargetDown: for 2m -> 3m"),
        (
            "skincare-operator",
            "- receiver: pager\n          matchers:\n            - severity=\"critical\"",
            "- receiver: ops\n          matchers:\n            - severity=\"critical\"",
            "~ route severity=\"critical\": receiver pager -> ops",
        ),
        (
            "operator-operator",
            "receiver: log\n        matchers:\n          - name: severity\n            value: page|critical",
            "receiver: all\n        matchers:\n          - name: severity\n            value: page|critical",
            "receiver log -> all",
        ),
        ("skincare-systemd", "for: 2m", "for: 3m", "~ alert TargetDown: for 2m -> 3m"),
        (
            "skincare-systemd",
            "--storage.tsdb.retention.time=30d",
            "--storage.tsdb.retention.time=60d",
            "~ prometheus: retention time 30d -> 60d",
        ),
        (
            "skincare-systemd",
            "MemoryMax=2147483648",
            "MemoryMax=1073741824",
            "~ service prometheus: MemoryMax 2147483648 -> 1073741824",
        ),
    ] {
        let out = difference(of(name), Extent::Found, from, to);
        assert!(out.contains(expected), "{name}: {expected}\n{out}");
        assert!(!out.contains("\n- service") && !out.starts_with("- service"), "{name}\n{out}");
    }
    assert_eq!(of("skincare-systemd").target, RenderTarget::Systemd);
}

/// What compose lays over its file counts.
pub fn overrides() {
    let dir = Folder::new();
    let lower = "services:\n  web:\n    image: nginx:1\n    cpus: 0.50\n    environment: [A=1]\n";
    dir.put("plain/compose.yaml", lower);
    dir.put("both/compose.yaml", lower);
    dir.put(
        "both/compose.override.yaml",
        "services:\n  web:\n    image: nginx:2\n    environment: {B: 2}\n  db: {image: 'mysql:8'}\n",
    );
    dir.put(
        "one/compose.yaml",
        "services:\n  web:\n    image: nginx:2\n    cpus: 0.5\n    environment: {A: 1, B: 2}\n  db: {image: \
         'mysql:8'}\n",
    );
    assert_eq!(dir.diff("both", "one"), "no difference\n");
    let out = dir.diff("plain", "both");
    assert!(out.contains("image nginx:1 -> nginx:2") && out.contains("+ service db"), "{out}");
    assert!(!out.contains("compose.override.yaml"), "{out}");
    // One in another folder is laid over nothing, and compared as it is.
    dir.put("far/compose.yaml", lower);
    dir.put("far/old/compose.override.yaml", "services: {web: {image: 'nginx:9'}}\n");
    assert_eq!(dir.diff("plain", "far").trim_end(), "+ file old/compose.override.yaml");
}

/// Quiet times that mean the same are told in no other words.
pub fn quiet_times() {
    let dir = Folder::new();
    let file = |spans: &str| {
        format!(
            "route: {{receiver: a}}\nreceivers: [{{name: a}}]\ntime_intervals:\n- name: night\n  \
             time_intervals: {spans}\n"
        )
    };
    let split = "[{times: [{start_time: '02:00', end_time: '03:00'}]}, {times: [{start_time: \
                 '03:00', end_time: '04:00'}]}]";
    dir.put("a/alertmanager.yml", &file(split));
    dir.put(
        "b/alertmanager.yml",
        &file("[{times: [{start_time: '02:00', end_time: '04:00'}], location: UTC}]"),
    );
    dir.put("c/alertmanager.yml", &file(&split.replace("'04:00'", "'05:00'")));
    assert_eq!(dir.diff("a", "b"), "no difference\n");
    let out = dir.diff("a", "c");
    assert!(out.contains("times +02:00-05:00 UTC -02:00-04:00 UTC"), "{out}");
}
