//! The reference stack, in both notations.

use super::super::{Format, Loaded, PanelKind, Value, parse};
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

#[test]
fn values_arrive_with_their_places() {
    let [kdl, yaml] = both(Some("prod"));
    for loaded in [&kdl, &yaml] {
        let stack = &loaded.stack;
        assert_eq!(stack.name(), "skincare");
        assert_eq!(stack.volumes().count(), 5);
        let app = stack.service("app").expect("defined");
        assert_eq!(app.replicas.as_ref().map(|n| n.value), Some(3));
        let password = app.env.get("DB_PASSWORD_FILE").expect("set");
        assert_eq!(password.value, Value::Secret("db_root".to_owned()));
        assert!(loaded.files.text(password.span).contains("db_root"));
        let alert = stack.alerts().next().expect("one alert");
        assert!(loaded.files.text(alert.name.span).contains("TargetDown"));
        assert!(loaded.files.text(alert.whole).contains("summary"));
        assert_eq!(alert.hold.as_ref().map(|hold| hold.ms), Some(120_000));
        let fires = &stack.tests[0].at[1].fires[0];
        assert_eq!(fires.routed_to.as_ref().map(|to| to.as_str()), Some("pager"));
        assert_eq!(fires.labels.get("job").map(|job| job.as_str()), Some("mysql"));
        let grafana = stack.grafana.as_ref().expect("defined");
        let panel = grafana.dashboards[1].panels().next().expect("a panel");
        assert_eq!(panel.kind.value, PanelKind::Timeseries);
        assert_eq!(panel.queries[0].legend.as_ref().map(|l| l.as_str()), Some("{{status}}"));
        let prometheus = stack.prometheus.as_ref().expect("defined");
        assert_eq!(prometheus.remote_write.len(), 1);
        assert_eq!(prometheus.federate[0].matches[0].value, "{__name__=~\"job:.*\"}");
        assert!(prometheus.tls.is_some());
    }
}
