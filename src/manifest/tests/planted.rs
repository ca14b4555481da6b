//! Ten mistakes planted in a manifest: ten findings, each in its place.

use super::super::Format;
use super::{read, said};

const KDL: &str = r#"stack "shop" manifest=1
secret "db_root" file="./secrets/db_root"

service "db" {
    image "mysql:8.4.6"
    port 70000
    env MYSQL_ROOT_PASSWORD_FILE=(secret)"db_root"
    healthcheck "mysqladmin ping" interval="10 sec"
    restart "allways"
}
service "caddy" {
    image "caddy:2.10.2"
    port "80a"
}
service "db" {
    image "redis:8"
}
prometheus port=9090 {
    scrape_intervall "15s"
    retention time=30d
    data "prometheus_data
}
rules "shop" {
    alert "TargetDown" severity="critical" for="2m" {
        summary "{{ $labels.job }} is down"
    }
}
profile "prod" {
    service "cady" { replicas 2 }
}
"#;

const YAML: &str = r#"stack: {name: shop, manifest: 1}
secret:
  db_root: {file: ./secrets/db_root}
service:
  db:
    image: mysql:8.4.6
    port: [{number: 70000}]
    env: {MYSQL_ROOT_PASSWORD_FILE: {secret: db_root}}
    healthcheck: {command: mysqladmin ping, interval: 10 sec}
    restart: allways
  caddy:
    image: caddy:2.10.2
    port: [{number: 80a}]
  db:
    image: redis:8
prometheus:
  port: 9090
  scrape_intervall: 15s
  retention: {time: [30d]}
  data: {nested: true}
rules:
  shop:
    alert:
      TargetDown:
        severity: critical
        for: 2m
        summary: "{{ $labels.job }} is down"
profile:
  prod:
    service: {cady: {replicas: 2}}
"#;

#[test]
fn ten_planted_mistakes_give_ten_findings_in_kdl() {
    let expected = [
        "6:10: error[S107]: `port` is 70000, and ports go from 1 to 65535",
        "8:44: error[S205]: `interval` must be a duration, found \"10 sec\"",
        "9:13: error[S004]: `restart` must be \"no\", \"on-failure\", \"unless-stopped\" or \
         \"always\", found \"allways\"",
        "13:10: error[S004]: `port` must be a port from 1 to 65535, found \"80a\"",
        "15:9: error[S005]: `service \"db\"` is defined twice",
        "19:5: error[S003]: there is no `scrape_intervall` in `prometheus`",
        "20:20: error[S002]: the duration `30d` needs quotes",
        "21:10: error[S001]: this text is not closed",
        "24:11: error[S012]: `alert \"TargetDown\"` lacks `expr`",
        "29:13: warning[S011]: the stack has no service of this name to change",
    ];
    let shown = said(&read(KDL, Format::Kdl)).replace("stack.kdl:", "");
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn ten_planted_mistakes_give_ten_findings_in_yaml() {
    let expected = [
        "7:21: error[S107]: `port` is 70000, and ports go from 1 to 65535",
        "9:55: error[S205]: `interval` must be a duration, found \"10 sec\"",
        "10:14: error[S004]: `restart` must be \"no\", \"on-failure\", \"unless-stopped\" or \
         \"always\", found \"allways\"",
        "13:21: error[S004]: `port` must be a port from 1 to 65535, found \"80a\"",
        "14:3: error[S005]: `db` is given twice",
        "18:3: error[S003]: there is no `scrape_intervall` in `prometheus`",
        "19:21: error[S004]: `time` must be a duration such as \"30s\", found a list",
        "20:9: error[S004]: `data` must be a text, found a map",
        "24:7: error[S012]: `alert \"TargetDown\"` lacks `expr`",
        "30:15: warning[S011]: the stack has no service of this name to change",
    ];
    let shown = said(&read(YAML, Format::Yaml)).replace("stack.yaml:", "");
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn every_offered_fix_mends_its_finding() {
    for (text, format) in [(KDL, Format::Kdl), (YAML, Format::Yaml)] {
        let loaded = read(text, format);
        let mut fixed = 0;
        for finding in &loaded.findings {
            let Some(fix) = &finding.fix else { continue };
            let mut mended = text.to_owned();
            for edit in fix.replacements.iter().rev() {
                mended.replace_range(edit.span.range(), &edit.text);
            }
            let after = read(&mended, format);
            assert_eq!(after.findings.len(), loaded.findings.len() - 1, "{}", said(&after));
            fixed += 1;
        }
        assert!(fixed >= 4, "{fixed}");
    }
}
