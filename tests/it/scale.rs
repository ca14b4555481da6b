//! What a stack will have to carry, and several manifests that belong together.

use std::path::Path;

use crate::support::{Needs, Test, repository, stackctl};

pub const TESTS: &[Test] = &[
    ("capacity_counts_what_a_saved_page_has", Needs::Nothing, saved_page),
    ("capacity_of_a_stack_that_scrapes_nothing_cannot_be_told", Needs::Nothing, no_prometheus),
    ("capacity_shows_errors_instead", Needs::Nothing, errors),
    ("sites_with_the_same_labels_are_found_across_manifests", Needs::Nothing, same_labels),
    ("the_sites_of_the_example_belong_together", Needs::Nothing, example),
];

/// Exit code, standard output, standard error.
fn run(dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = stackctl().args(arguments).current_dir(dir).output().expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).expect("the folder is writable");
    }
    dir
}

fn saved_page() {
    let page = "# TYPE shop_requests_total counter\nshop_requests_total{route=\"/\"} 1\n\
                shop_requests_total{route=\"/cart\"} 1\n# TYPE process_open_fds gauge\nprocess_open_fds 3\n";
    let manifest = r#"stack "s" manifest=1
service "shop" { image "shop:1"; port 80; metrics from="page.txt" }
prometheus { scrape_interval "10s"; scrape "shop" { target "10.0.0.1:80" "10.0.0.2:80" "10.0.0.3:80" } }
"#;
    let dir = folder(&[("stack.kdl", manifest), ("page.txt", page)]);
    let (code, out, err) = run(dir.path(), &["capacity", "--format", "json"]);
    assert_eq!(code, Some(0), "{err}");
    let answer: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let jobs = answer["jobs"].as_array().expect("a list");
    let shop = jobs.iter().find(|job| job["job"] == "shop").expect("the job");
    // Three series of the page and five of the scrape, at three targets, every ten seconds.
    assert_eq!(shop["series"], 24.0);
    assert_eq!(shop["samples_per_second"], 2.4);
    assert_eq!(shop["basis"], "exact");
    let sum: f64 = jobs.iter().filter_map(|job| job["series"].as_f64()).sum();
    assert_eq!(answer["series"].as_f64(), Some(sum));
    let disk = answer["engines"][0]["disk_bytes"].as_f64().expect("a number");
    let rate = answer["samples_per_second"].as_f64().expect("a number");
    assert!((disk - rate * 1.5 * 15.0 * 86_400.0).abs() < 1.0, "{disk}");
}

fn no_prometheus() {
    let dir = folder(&[("stack.kdl", "stack \"s\" manifest=1\nexporter \"node\"\n")]);
    let (code, out, err) = run(dir.path(), &["capacity"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("the stack `s` has no prometheus"), "{err}");
}

fn errors() {
    let dir = folder(&[("stack.kdl", "stack \"s\" manifest=1\nprometheus { shards 0 }\n")]);
    let (code, out, err) = run(dir.path(), &["capacity"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("S910"), "{err}");
}

fn same_labels() {
    let site = |name: &str, dc: &str| {
        format!(
            "stack \"{name}\" manifest=1\nprometheus {{\n    external_labels dc=\"{dc}\"\n    \
             remote_write \"https://store.example.net/api/v1/write\"\n}}\n"
        )
    };
    let dir = folder(&[
        ("eu.kdl", &site("eu", "eu")),
        ("us.kdl", &site("us", "us")),
        ("copy.kdl", &site("copy", "eu")),
    ]);
    let (code, out, _) = run(dir.path(), &["validate", "--format", "concise", "eu.kdl", "us.kdl"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(!out.contains("S902"), "{out}");
    // Each manifest's own findings are there, in its own file.
    assert!(out.contains("eu.kdl:2:1: warning[S702]"), "{out}");
    assert!(out.contains("us.kdl:2:1: warning[S702]"), "{out}");
    let all = ["validate", "--format", "concise", "eu.kdl", "us.kdl", "copy.kdl"];
    let (code, out, _) = run(dir.path(), &all);
    assert_eq!(code, Some(1), "{out}");
    let clash = "copy.kdl:3:24: error[S902]: `eu` and `copy` have the external labels dc=\"eu\", and both \
                 write to `https://store.example.net/api/v1/write`";
    assert!(out.contains(clash), "{out}");
    let (code, out, _) = run(dir.path(), &[&all[..], &["--allow", "S902"]].concat());
    assert_eq!(code, Some(0), "{out}");
}

fn example() {
    let all = ["validate", "--format", "concise", "central.kdl", "eu.kdl", "us.kdl"];
    let (code, out, err) = run(&repository("examples/scale"), &all);
    assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
}
