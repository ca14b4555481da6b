//! Profiles and includes.

use std::io;
use std::path::Path;

use super::super::load::tidied;
use super::super::{Format, Loaded, ManifestError, load_with, parse};
use super::{read, said};

const BASE: &str = r#"
service "app" {
    image "app:1"
    port 80; port 443 bind="0.0.0.0"
    env A="1" B="2"
    networks "front"
    command "run" "fast"
    healthcheck "true" interval="10s"
}
service "db" { image "db:1" }
prometheus port=9090 { retention time="30d" size="20GB" }
rules "r" { alert "Down" for="5m" { expr "up == 0" }; alert "Slow" { expr "slow > 1" } }
"#;

fn with(profile: &str) -> Loaded {
    let text = format!("{BASE}\nprofile \"p\" {{\n{profile}\n}}\n");
    let loaded = parse("stack.kdl", &text, Format::Kdl, Some("p")).expect("the profile is there");
    assert_eq!(said(&loaded), "");
    loaded
}

#[test]
fn a_profile_replaces_settings_and_keeps_what_it_does_not_name() {
    let loaded = with(r#"service "app" image="app:2" { command "run"; restart "always" }"#);
    let app = loaded.stack.service("app").expect("defined");
    assert_eq!(app.image.as_ref().unwrap().value, "app:2");
    let command: Vec<&str> = app.command.iter().map(|word| word.as_str()).collect();
    assert_eq!(command, ["run"]);
    assert_eq!(app.ports.len(), 2);
    assert_eq!(app.healthcheck.as_ref().unwrap().interval.as_ref().unwrap().ms, 10_000);
    assert_eq!(loaded.stack.services.len(), 2);
}

#[test]
fn a_profile_joins_maps_sets_and_lists() {
    let loaded = with(
        r#"service "app" { env B="3" C="4"; networks "back"; port 443 bind="10.0.0.1"; port 8080 }"#,
    );
    let app = loaded.stack.service("app").expect("defined");
    let env: Vec<(&str, &str)> =
        app.env.iter().map(|(name, value)| (name.as_str(), value.text())).collect();
    assert_eq!(env, [("A", "1"), ("B", "3"), ("C", "4")]);
    let networks: Vec<&str> = app.networks.iter().map(|name| name.as_str()).collect();
    assert_eq!(networks, ["front", "back"]);
    let ports: Vec<(u16, Option<&str>)> = app
        .ports
        .iter()
        .map(|port| (port.number.value, port.bind.as_ref().map(|bind| bind.as_str())))
        .collect();
    assert_eq!(ports, [(80, None), (443, Some("10.0.0.1")), (8080, None)]);
}

#[test]
fn a_profile_reaches_into_blocks_and_rules() {
    let loaded = with(
        r#"prometheus { retention time="90d" }; prometheus { data "d" }
           rules "r" { alert "Down" { for "1m" } }"#,
    );
    let prometheus = loaded.stack.prometheus.as_ref().expect("defined");
    let retention = prometheus.retention.as_ref().expect("defined");
    assert_eq!(retention.time.as_ref().unwrap().text, "90d");
    assert_eq!(retention.size.as_ref().unwrap().text, "20GB");
    assert_eq!(prometheus.port.as_ref().unwrap().value, 9090);
    assert_eq!(prometheus.data.as_ref().unwrap().value, "d");
    let holds: Vec<Option<i64>> =
        loaded.stack.alerts().map(|alert| alert.hold.as_ref().map(|hold| hold.ms)).collect();
    assert_eq!(holds, [Some(60_000), None]);
}

#[test]
fn a_profile_chooses_between_alternatives() {
    let text = "secret \"s\" env=\"S\"\nservice \"a\" { build \"./a\"; native { run \"x\" } }\n\
                profile \"p\" { secret \"s\" file=\"/s\"; service \"a\" { image \"a:1\"; native external=\"h:1\" } }";
    let loaded = parse("m", text, Format::Kdl, Some("p")).expect("the profile is there");
    assert_eq!(said(&loaded), "");
    let secret = loaded.stack.secret("s").expect("defined");
    assert!(secret.env.is_none() && secret.file.is_some());
    let service = loaded.stack.service("a").expect("defined");
    assert!(service.build.is_none() && service.image.is_some());
    let native = service.native.as_ref().expect("defined");
    assert!(native.run.is_none() && native.external.is_some());
}

#[test]
fn mistakes_in_a_profile_that_was_not_chosen_are_found_once() {
    let text = "service \"a\" { image 1 2 }\nprofile \"p\" { service \"a\" { ports 1 } }\n\
                profile \"q\" { }";
    let expected = "stack.kdl:1:23: error[S004]: `image` takes one value, found 2\n\
                    stack.kdl:2:29: error[S003]: there is no `ports` in `service \"a\"`\n";
    assert_eq!(said(&read(text, Format::Kdl)), expected);
    let chosen = parse("stack.kdl", text, Format::Kdl, Some("p")).expect("the profile is there");
    assert_eq!(said(&chosen), expected);
}

#[test]
fn an_unknown_profile_is_an_error_with_a_suggestion() {
    let text = "profile \"prod\" { }";
    let err = parse("stack.kdl", text, Format::Kdl, Some("prd")).expect_err("there is none");
    assert!(matches!(err, ManifestError::UnknownProfile { .. }));
    assert_eq!(err.to_string(), "the stack has no profile `prd`: did you mean `prod`?");
}

fn files(files: &'static [(&'static str, &'static str)]) -> Loaded {
    let read = |path: &Path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == tidied(path));
        found
            .map(|(_, text)| text.as_bytes().to_vec())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    };
    load_with(Path::new(files[0].0), None, &read).expect("the first file is there")
}

#[test]
fn includes_are_relative_to_their_file_and_mix_notations() {
    let loaded = files(&[
        ("stack.kdl", "include \"parts/a.kdl\" \"parts/c.yaml\"\nnetwork \"top\""),
        ("parts/a.kdl", "network \"a\"\ninclude \"sub/b.kdl\""),
        ("parts/sub/b.kdl", "network \"b\"\ninclude \"../c.yaml\""),
        ("parts/c.yaml", "network: {c: {internal: true}}\ninclude: sub/b.kdl\n"),
    ]);
    // The circle b -> c -> b is reported; c is read where it is first needed.
    assert_eq!(
        said(&loaded),
        "parts/c.yaml:2:10: error[S013]: these files include one another: \
         `parts/sub/b.kdl` -> `parts/c.yaml` -> `parts/sub/b.kdl`\n"
    );
    let networks: Vec<&str> = loaded.stack.networks.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(networks, ["a", "b", "c", "top"]);
    assert_eq!(loaded.paths.len(), 4);
}

#[test]
fn a_missing_include_is_found_where_it_is_named() {
    let loaded = files(&[("d/stack.kdl", "network \"n\"\ninclude \"x.kdl\"; include \"y.txt\"\n")]);
    assert_eq!(
        said(&loaded),
        "d/stack.kdl:2:9: error[S013]: `x.kdl` cannot be included: there is no such file\n\
         d/stack.kdl:2:26: error[S013]: `y.txt` is not called .kdl, .yaml, .yml or .json\n"
    );
    assert_eq!(loaded.stack.networks.len(), 1);
    // A file that is not there yet is watched as well.
    assert_eq!(loaded.paths.len(), 3);
}

#[test]
fn a_file_that_includes_itself_is_reported_once() {
    let loaded = files(&[("s.kdl", "include \"./s.kdl\"\nnetwork \"n\"")]);
    assert_eq!(said(&loaded), "s.kdl:1:9: error[S013]: `./s.kdl` includes itself\n");
}
