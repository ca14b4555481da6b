//! What is particular to YAML.

use super::super::{Format, RowItem, Rule, Value};
use super::{read, said};

#[test]
fn anchors_and_merge_keys_are_resolved_and_own_keys_win() {
    let loaded = read(
        "service:\n  a: &base\n    image: x\n    restart: always\n  b:\n    <<: *base\n    image: y\n",
        Format::Yaml,
    );
    assert_eq!(said(&loaded), "");
    let b = loaded.stack.service("b").expect("defined");
    assert_eq!(b.image.as_ref().map(|image| image.as_str()), Some("y"));
    assert!(b.restart.is_some());
}

#[test]
fn references_are_written_as_maps_or_tags() {
    let loaded = read(
        "service:\n  a: {image: x, env: {A: {secret: s}, B: !env X, C: {file: ./f}, D: 5, E: yes}}\n",
        Format::Yaml,
    );
    assert_eq!(said(&loaded), "");
    let env = &loaded.stack.services[0].env;
    let values: Vec<&Value> = env.iter().map(|(_, value)| &value.value).collect();
    let expected = [
        Value::Secret("s".into()),
        Value::Env("X".into()),
        Value::File("./f".into()),
        Value::Literal("5".into()),
        Value::Literal("yes".into()),
    ];
    assert_eq!(values, expected.iter().collect::<Vec<_>>());
}

#[test]
fn rules_and_panels_of_several_kinds_keep_their_order_in_a_list() {
    let loaded = read(
        "rules:\n  g:\n    rules:\n      - alert: {A: {expr: a}}\n      - record: {r: {expr: b}}\n      - alert: {B: {expr: c}}\n\
         grafana:\n  dashboard:\n    D:\n      row:\n        R:\n          panels:\n            - stat: {S: }\n            - use: x/y\n            - stat: {T: {unit: s}}\n",
        Format::Yaml,
    );
    assert_eq!(said(&loaded), "");
    let kinds: Vec<&str> = loaded.stack.rules[0]
        .rules
        .iter()
        .map(|rule| match rule {
            Rule::Record(record) => record.name.as_str(),
            Rule::Alert(alert) => alert.name.as_str(),
        })
        .collect();
    assert_eq!(kinds, ["A", "r", "B"]);
    let dashboard = &loaded.stack.grafana.as_ref().expect("defined").dashboards[0];
    let super::super::DashboardItem::Row(row) = &dashboard.items[0] else { panic!("a row") };
    assert!(matches!(row.panels[1], RowItem::Use(_)));
    assert_eq!(row.panels.len(), 3);
}

#[test]
fn numbers_stand_where_texts_are_wanted() {
    let loaded = read("exporter: {node: {version: 1.9, path: 5}}\n", Format::Yaml);
    assert_eq!(said(&loaded), "");
    let node = &loaded.stack.exporters[0];
    assert_eq!(node.version.as_ref().map(|version| version.as_str()), Some("1.9"));
}
