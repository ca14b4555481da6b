//! The reference stack, in both notations.

use super::super::{Format, Loaded, parse};
use super::said;

const KDL: &str = include_str!("../../../tests/fixtures/manifest/reference.kdl");
const YAML: &str = include_str!("../../../tests/fixtures/manifest/reference.yaml");

fn both(profile: Option<&str>) -> [Loaded; 2] {
    [("reference.kdl", KDL, Format::Kdl), ("reference.yaml", YAML, Format::Yaml)].map(
        |(name, text, format)| parse(name, text, format, profile).expect("the profile is there"),
    )
}

#[test]
fn the_reference_stack_has_no_finding_in_either_notation() {
    for profile in [None, Some("prod")] {
        for loaded in both(profile) {
            assert_eq!(said(&loaded), "");
        }
    }
}

#[test]
fn kdl_and_yaml_give_the_same_stack() {
    for profile in [None, Some("prod")] {
        let [kdl, yaml] = both(profile);
        assert_eq!(format!("{:#?}", strip(&kdl)), format!("{:#?}", strip(&yaml)));
        assert_eq!(kdl.stack, yaml.stack);
    }
}

/// The stack without its places, for a readable difference.
fn strip(loaded: &Loaded) -> serde_json::Value {
    serde_json::to_value(&loaded.stack).expect("a stack is plain data")
}
