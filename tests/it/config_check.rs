//! `run prometheus --check` over a corpus of small configurations: promtool is the judge where it is of
//! one mind with Prometheus 3, which Debian's version is not everywhere.

use std::path::Path;
use std::process::Command;

use crate::support::{self, Needs, Test, find_program};

pub const TESTS: &[Test] = &[
    ("verdicts_are_those_of_prometheus", Needs::Nothing, verdicts),
    ("promtool_is_of_the_same_mind", Needs::Program("promtool"), promtool),
    ("every_fault_is_told_with_its_place", Needs::Nothing, places),
    ("a_web_configuration_is_checked", Needs::Nothing, web_configuration),
];

/// Whether a configuration is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Taken,
    Refused,
    /// Prometheus 2.42 differs: it refuses other names than letters and digits, knows version 1 of the
    /// Alertmanager's API, wants a secret of OAuth2, has no `scrape_config_files`, and Debian's has few
    /// discoveries.
    TakenByThree,
    RefusedByThree,
}

use Verdict::{Refused, RefusedByThree, Taken, TakenByThree};

/// Files that the configurations name.
const FILES: &[(&str, &str)] = &[
    ("r_both.yml", "groups:\n- name: g\n  rules:\n  - record: a\n    alert: b\n    expr: up\n"),
    ("r_dup.yml", "groups:\n- name: g\n- name: g\n"),
    ("r_expr.yml", "groups:\n- name: g\n  rules:\n  - record: a\n    expr: sum(\n"),
    ("r_for.yml", "groups:\n- name: g\n  rules:\n  - alert: a\n    expr: up\n    for: soon\n"),
    (
        "r_label.yml",
        "groups:\n- name: g\n  rules:\n  - alert: a\n    expr: up\n    labels: {'a-b': c}\n",
    ),
    ("r_noname.yml", "groups:\n- rules: []\n"),
    ("r_none.yml", "groups:\n- name: g\n  rules:\n  - expr: up\n"),
    (
        "r_ok.yml",
        "groups:\n- name: g\n  rules:\n  - alert: a\n    expr: up == 0\n    for: 5m\n    labels: {s: x}\n    annotations: {x: '{{ $labels.job }}'}\n",
    ),
    ("r_recfor.yml", "groups:\n- name: g\n  rules:\n  - record: ab\n    for: 5m\n    expr: up\n"),
    ("r_recname.yml", "groups:\n- name: g\n  rules:\n  - record: a-b\n    expr: up\n"),
    (
        "r_tpl.yml",
        "groups:\n- name: g\n  rules:\n  - alert: a\n    expr: up\n    annotations: {x: '{{ .foo'}\n",
    ),
    ("r_unknown.yml", "groups:\n- name: g\n  foo: 1\n"),
    ("scf_bad.yml", "scrape_configs:\n- job_nam: a\n"),
    ("scf_ok.yml", "scrape_configs:\n- job_name: a\n"),
    ("sd_broken.yml", "- targets: ['x:1']\n  colour: red\n"),
    ("sd_ok.yml", "- targets: ['x:1']\n  labels: {a: b}\n"),
];

/// Name, text, and what becomes of it.
const CASES: &[(&str, &str, Verdict)] = &[
    (
        "am_ca_missing",
        "alerting:\n  alertmanagers:\n  - tls_config: {ca_file: nope}\n    static_configs: [{targets: ['x:1']}]\n",
        Taken,
    ),
    (
        "am_target_url",
        "alerting:\n  alertmanagers:\n  - static_configs: [{targets: ['http://x']}]\n",
        Refused,
    ),
    ("am_unknown", "alerting:\n  alertmanagers:\n  - foo: 1\n", Refused),
    (
        "am_v1",
        "alerting:\n  alertmanagers:\n  - api_version: v1\n    static_configs: [{targets: ['x:1']}]\n",
        RefusedByThree,
    ),
    (
        "am_v2",
        "alerting:\n  alertmanagers:\n  - api_version: v2\n    static_configs: [{targets: ['x:1']}]\n",
        Taken,
    ),
    ("am_v3", "alerting:\n  alertmanagers:\n  - api_version: v3\n", Refused),
    ("anchors", "x: &a 1\n", Refused),
    (
        "auth_basic",
        "scrape_configs:\n- job_name: a\n  authorization: {type: Basic, credentials: x}\n",
        Refused,
    ),
    (
        "auth_both",
        "scrape_configs:\n- job_name: a\n  authorization: {credentials: x, credentials_file: y}\n",
        Refused,
    ),
    (
        "bad_action",
        "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - action: rename\n",
        Refused,
    ),
    ("bad_dur", "global:\n  scrape_interval: fast\n", Refused),
    (
        "bad_label",
        "scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: ['x:1']\n    labels: {'a b': c}\n",
        TakenByThree,
    ),
    (
        "bad_regex",
        "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - regex: '('\n    target_label: x\n",
        Refused,
    ),
    (
        "bad_source_label",
        "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - source_labels: ['x y']\n    target_label: y\n",
        TakenByThree,
    ),
    (
        "bad_target_label",
        "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - source_labels: [x]\n    target_label: '0 y'\n",
        TakenByThree,
    ),
    (
        "basic_two",
        "scrape_configs:\n- job_name: a\n  basic_auth: {username: u, password: x, password_file: y}\n",
        Refused,
    ),
    ("body_size", "scrape_configs:\n- job_name: a\n  body_size_limit: 10XB\n", Refused),
    ("body_size_ok", "scrape_configs:\n- job_name: a\n  body_size_limit: 10MB\n", Taken),
    ("ca_missing", "scrape_configs:\n- job_name: a\n  tls_config: {ca_file: nope}\n", Taken),
    ("comment", "# x\n", Taken),
    (
        "cred_missing",
        "scrape_configs:\n- job_name: a\n  authorization: {credentials_file: nope}\n",
        Refused,
    ),
    (
        "dns_badtype",
        "scrape_configs:\n- job_name: a\n  dns_sd_configs: [{names: [x], type: Q, port: 1}]\n",
        Refused,
    ),
    (
        "dns_lower",
        "scrape_configs:\n- job_name: a\n  dns_sd_configs: [{names: [x], type: a, port: 1}]\n",
        Taken,
    ),
    ("dns_noname", "scrape_configs:\n- job_name: a\n  dns_sd_configs: [{names: []}]\n", Refused),
    (
        "dns_noport",
        "scrape_configs:\n- job_name: a\n  dns_sd_configs: [{names: [x], type: A}]\n",
        Refused,
    ),
    (
        "dns_ok",
        "scrape_configs:\n- job_name: a\n  dns_sd_configs: [{names: [x], type: A, port: 1}]\n",
        Taken,
    ),
    ("dup_jobs", "scrape_configs:\n- job_name: a\n- job_name: a\n", Refused),
    ("dur_no_unit", "global:\n  scrape_interval: 15\n", Refused),
    ("dur_zero", "scrape_configs:\n- job_name: a\n  scrape_interval: 0s\n", Taken),
    ("empty", "", Taken),
    ("eval_int", "global: {evaluation_interval: 1h}\n", Taken),
    ("exemplars", "storage: {exemplars: {max_exemplars: 10}}\n", Taken),
    ("ext_label_bad", "global:\n  external_labels: {'a-b': c}\n", TakenByThree),
    ("ext_label_ok", "global:\n  external_labels: {a: c}\n", Taken),
    (
        "file_sd_bad",
        "scrape_configs:\n- job_name: a\n  file_sd_configs:\n  - files: [a.txt]\n",
        Refused,
    ),
    (
        "file_sd_broken",
        "scrape_configs:\n- job_name: a\n  file_sd_configs:\n  - files: [sd_broken.yml]\n",
        Refused,
    ),
    (
        "file_sd_missing",
        "scrape_configs:\n- job_name: a\n  file_sd_configs:\n  - files: [nope.yml]\n",
        Taken,
    ),
    (
        "file_sd_none",
        "scrape_configs:\n- job_name: a\n  file_sd_configs:\n  - files: []\n",
        Refused,
    ),
    (
        "file_sd_ok",
        "scrape_configs:\n- job_name: a\n  file_sd_configs:\n  - files: [sd_ok.yml]\n",
        Taken,
    ),
    (
        "follow",
        "scrape_configs:\n- job_name: a\n  follow_redirects: false\n  enable_http2: false\n",
        Taken,
    ),
    ("gtimeout_gt", "global:\n  scrape_interval: 5s\n  scrape_timeout: 6s\n", Refused),
    (
        "hashmod0",
        "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - source_labels: [x]\n    target_label: y\n    action: hashmod\n",
        Refused,
    ),
    (
        "http_sd_ftp",
        "scrape_configs:\n- job_name: a\n  http_sd_configs: [{url: 'ftp://x'}]\n",
        Refused,
    ),
    (
        "http_sd_nourl",
        "scrape_configs:\n- job_name: a\n  http_sd_configs: [{refresh_interval: 5s}]\n",
        Refused,
    ),
    (
        "http_sd_ok",
        "scrape_configs:\n- job_name: a\n  http_sd_configs: [{url: 'http://x'}]\n",
        Taken,
    ),
    ("int_name", "scrape_configs:\n- job_name: 123\n", Taken),
    ("job_empty_name", "scrape_configs:\n- job_name: ''\n", Refused),
    (
        "keepequal_bad",
        "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - action: keepequal\n    source_labels: [x]\n    target_label: y\n    regex: z\n",
        Refused,
    ),
    (
        "labeldrop_extra",
        "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - action: labeldrop\n    regex: x\n    target_label: y\n",
        Refused,
    ),
    ("limit_neg", "scrape_configs:\n- job_name: a\n  sample_limit: -1\n", Refused),
    (
        "lowercase_repl",
        "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - source_labels: [x]\n    target_label: y\n    action: lowercase\n    replacement: z\n",
        Refused,
    ),
    ("metrics_path", "scrape_configs:\n- job_name: a\n  metrics_path: metrics\n", Taken),
    ("minimal", "scrape_configs:\n- job_name: a\n", Taken),
    ("neg_dur", "scrape_configs:\n- job_name: a\n  scrape_interval: -5s\n", Refused),
    ("no_name", "scrape_configs:\n- scrape_interval: 5s\n", Refused),
    (
        "no_target_label",
        "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - source_labels: [x]\n",
        Refused,
    ),
    ("null_job", "scrape_configs:\n-\n", Refused),
    ("null_relabel", "scrape_configs:\n- job_name: a\n  relabel_configs:\n  -\n", Refused),
    ("null_rw", "remote_write:\n-\n", Refused),
    ("null_static", "scrape_configs:\n- job_name: a\n  static_configs:\n  -\n", Refused),
    (
        "oauth_and_basic",
        "scrape_configs:\n- job_name: a\n  oauth2: {client_id: a, client_secret: b, token_url: 'http://x'}\n  basic_auth: {username: u}\n",
        Refused,
    ),
    (
        "oauth_noid",
        "scrape_configs:\n- job_name: a\n  oauth2: {client_secret: b, token_url: 'http://x'}\n",
        Refused,
    ),
    (
        "oauth_nosecret",
        "scrape_configs:\n- job_name: a\n  oauth2: {client_id: b, token_url: 'http://x'}\n",
        TakenByThree,
    ),
    (
        "oauth_ok",
        "scrape_configs:\n- job_name: a\n  oauth2: {client_id: a, client_secret: b, token_url: 'http://x'}\n",
        Taken,
    ),
    ("params_bad", "scrape_configs:\n- job_name: a\n  params: {a: b}\n", Refused),
    ("params_ok", "scrape_configs:\n- job_name: a\n  params: {a: [b]}\n", Taken),
    ("proxy_bad", "scrape_configs:\n- job_name: a\n  proxy_url: ':x'\n", Refused),
    (
        "pw_file_missing",
        "scrape_configs:\n- job_name: a\n  basic_auth: {username: u, password_file: nope}\n",
        Taken,
    ),
    ("query_log", "global: {query_log_file: q.log}\n", Taken),
    (
        "rr_bad_matcher",
        "remote_read:\n- url: http://x\n  required_matchers: {'a b': b}\n",
        TakenByThree,
    ),
    ("rr_dup", "remote_read:\n- url: http://x\n  name: a\n- url: http://x\n  name: a\n", Refused),
    ("rr_header", "remote_read:\n- url: http://x\n  headers: {Authorization: b}\n", Refused),
    ("rr_nourl", "remote_read:\n- read_recent: true\n", Refused),
    ("rr_ok", "remote_read:\n- url: http://x\n  required_matchers: {a: b}\n", Taken),
    ("rule_bad_expr", "rule_files: [r_expr.yml]\n", Refused),
    ("rule_bad_for", "rule_files: [r_for.yml]\n", Refused),
    ("rule_both", "rule_files: [r_both.yml]\n", Refused),
    ("rule_dup_group", "rule_files: [r_dup.yml]\n", Refused),
    ("rule_glob_dir", "rule_files: ['*/x/*.yml']\n", Refused),
    ("rule_glob_none", "rule_files: ['nope*.yml']\n", Taken),
    ("rule_label", "rule_files: [r_label.yml]\n", TakenByThree),
    ("rule_missing", "rule_files: [nope.yml]\n", Refused),
    ("rule_noname", "rule_files: [r_noname.yml]\n", Refused),
    ("rule_none", "rule_files: [r_none.yml]\n", Refused),
    ("rule_ok", "rule_files: [r_ok.yml]\n", Taken),
    ("rule_rec_for", "rule_files: [r_recfor.yml]\n", Refused),
    ("rule_recname", "rule_files: [r_recname.yml]\n", TakenByThree),
    ("rule_template", "rule_files: [r_tpl.yml]\n", Refused),
    ("rule_unknown", "rule_files: [r_unknown.yml]\n", Refused),
    ("rw_badurl", "remote_write:\n- url: 'http://[x'\n", Refused),
    (
        "rw_dup",
        "remote_write:\n- url: http://x/y\n  name: a\n- url: http://z\n  name: a\n",
        Refused,
    ),
    ("rw_dup_noname", "remote_write:\n- url: http://x/y\n- url: http://x/y\n", Taken),
    ("rw_header_ok", "remote_write:\n- url: http://x\n  headers: {X-Scope: x}\n", Taken),
    (
        "rw_header_reserved",
        "remote_write:\n- url: http://x\n  headers: {Authorization: x}\n",
        Refused,
    ),
    (
        "rw_header_reserved2",
        "remote_write:\n- url: http://x\n  headers: {Content-Type: x}\n",
        Refused,
    ),
    ("rw_nourl", "remote_write:\n- name: a\n", Refused),
    ("rw_ok", "remote_write:\n- url: http://x/y\n", Taken),
    (
        "rw_queue",
        "remote_write:\n- url: http://x\n  queue_config: {max_shards: 3, capacity: 10}\n",
        Taken,
    ),
    (
        "rw_queue_type",
        "remote_write:\n- url: http://x\n  queue_config: {max_shards: many}\n",
        Refused,
    ),
    ("rw_queue_unknown", "remote_write:\n- url: http://x\n  queue_config: {shards: 3}\n", Refused),
    (
        "rw_relabel",
        "remote_write:\n- url: http://x\n  write_relabel_configs:\n  - regex: '['\n",
        Refused,
    ),
    ("scf_bad", "scrape_config_files: ['scf_bad.yml']\n", Refused),
    ("scf_dup", "scrape_configs:\n- job_name: a\nscrape_config_files: ['scf_ok.yml']\n", Refused),
    ("scf_glob_ok", "scrape_config_files: ['scf_o*.yml']\n", TakenByThree),
    ("scf_missing", "scrape_config_files: [nope.yml]\n", Refused),
    ("scheme_bad", "scrape_configs:\n- job_name: a\n  scheme: ftp\n", Taken),
    (
        "sd_consul",
        "scrape_configs:\n- job_name: a\n  consul_sd_configs: [{server: 'x:1'}]\n",
        TakenByThree,
    ),
    (
        "sd_k8s",
        "scrape_configs:\n- job_name: a\n  kubernetes_sd_configs: [{role: pod}]\n",
        TakenByThree,
    ),
    ("sd_unknown", "scrape_configs:\n- job_name: a\n  foo_sd_configs: []\n", Refused),
    ("storage_bad", "storage: {tsdb: {out_of_order: 30m}}\n", Refused),
    ("storage_ok", "storage: {tsdb: {out_of_order_time_window: 30m}}\n", Taken),
    (
        "target_url",
        "scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: ['http://x']\n",
        Refused,
    ),
    (
        "timeout_gt",
        "scrape_configs:\n- job_name: a\n  scrape_interval: 5s\n  scrape_timeout: 6s\n",
        Refused,
    ),
    ("tls_cert_only", "scrape_configs:\n- job_name: a\n  tls_config: {cert_file: nope}\n", Refused),
    (
        "tls_missing",
        "scrape_configs:\n- job_name: a\n  tls_config: {cert_file: nope, key_file: nope2}\n",
        Refused,
    ),
    (
        "tls_version",
        "scrape_configs:\n- job_name: a\n  tls_config: {min_version: TLS14}\n",
        Refused,
    ),
    (
        "tls_version_ok",
        "scrape_configs:\n- job_name: a\n  tls_config: {min_version: TLS12}\n",
        Taken,
    ),
    ("tracing_bad", "tracing: {endpoint: x, foo: 1}\n", Refused),
    ("tracing_none", "tracing: {sampling_fraction: 1}\n", Refused),
    ("tracing_ok", "tracing: {endpoint: 'x:1'}\n", Taken),
    (
        "two_auth",
        "scrape_configs:\n- job_name: a\n  bearer_token: x\n  basic_auth: {username: u}\n",
        Refused,
    ),
    ("two_docs", "global: {}\n---\nglobal: {}\n", Taken),
    ("unknown_field", "scrape_configs:\n- job_name: a\n  scrape_intervall: 5s\n", Refused),
    ("unknown_top", "foo: 1\n", Refused),
    (
        "upper_action",
        "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - action: KEEP\n    source_labels: [x]\n    regex: a\n",
        Taken,
    ),
    ("wrong_type", "scrape_configs:\n- job_name: a\n  honor_labels: maybe\n", Refused),
    ("yaml_broken", "scrape_configs: [\n", Refused),
    ("yaml_dup", "global: {}\nglobal: {}\n", Refused),
    ("yaml_list", "- a\n", Refused),
    ("yaml_tab", "global:\n\tscrape_interval: 5s\n", Refused),
];

fn corpus() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in FILES {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    for (name, text, _) in CASES {
        std::fs::write(folder.path().join(format!("{name}.yml")), text).expect("written");
    }
    folder
}

/// Whether a program takes a configuration, and what it says.
fn ask(mut command: Command, folder: &Path) -> (bool, String) {
    let output = command.current_dir(folder).output().expect("it runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{said}");
    (output.status.success(), said)
}

fn check(folder: &Path, file: &str) -> (bool, String) {
    let mut command = support::stackctl();
    command.args(["run", "prometheus", "--check", "--config.file", file]);
    ask(command, folder)
}

fn verdicts() {
    let folder = corpus();
    let mut wrong = Vec::new();
    for (name, text, verdict) in CASES {
        let (taken, said) = check(folder.path(), &format!("{name}.yml"));
        if taken != matches!(verdict, Taken | TakenByThree) {
            wrong.push(format!("{name}: {verdict:?}, but\n{said}{text}"));
        }
        // A fault has a place; only what no file holds has none.
        let told = said.lines().filter(|line| line.contains(" error: "));
        for line in told {
            let mut parts = line.split(':');
            let place = parts.nth(1).is_some_and(|part| part.parse::<usize>().is_ok());
            assert!(place, "{name}: {line}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn promtool() {
    let folder = corpus();
    let program = find_program("promtool").expect("it was looked for");
    for (name, text, verdict) in CASES {
        let mut command = Command::new(&program);
        command.args(["check", "config", &format!("{name}.yml")]);
        let (taken, said) = ask(command, folder.path());
        assert_eq!(taken, matches!(verdict, Taken | RefusedByThree), "{name}: {said}{text}");
    }
}

fn places() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    write(
        "p.yml",
        "global:\n  scrape_interval: fast\n  evaluation_intervall: 5s\nrule_files:\n- r.yml\n- gone.yml\n\
         scrape_configs:\n- job_name: a\n  scrape_intervall: 5s\n  honor_labels: maybe\n  \
         kubernetes_sd_configs: [{role: pod}]\n  relabel_configs:\n  - regex: '('\n    target_label: x\n  \
         - action: rename\n- job_name: a\n  authorization:\n    credentials_file: gone\n  \
         file_sd_configs:\n  - files: [t.yml]\nremote_write:\n- url: http://x\n  headers: {Host: y}\n",
    );
    write(
        "r.yml",
        "groups:\n- name: g\n  rules:\n  - record: a\n    expr: sum(up) by )\n    for: 5m\n  \
         - alert: b\n    exprr: up\n    expr: up\n    for: soon\n- name: g\n",
    );
    write("t.yml", "- targets: ['x:1']\n  colour: red\n- targets: ['http://y']\n");
    let (taken, said) = check(folder.path(), "p.yml");
    assert!(!taken);
    let mut places: Vec<String> = said
        .lines()
        .filter_map(|line| {
            let (place, message) = line.split_once(": ")?;
            let place = place.rsplit('/').next()?.trim_end_matches(':');
            let word = message.split(": ").next()?;
            place.contains("yml:").then(|| format!("{place} {word}"))
        })
        .collect();
    places.sort();
    let expected = [
        "p.yml:10:17 error",
        "p.yml:11:26 warning",
        "p.yml:13:12 error",
        "p.yml:15:13 error",
        "p.yml:16:13 error",
        "p.yml:18:23 error",
        "p.yml:23:19 error",
        "p.yml:2:20 error",
        "p.yml:3:3 error",
        "p.yml:6:3 error",
        "p.yml:9:3 error",
        "r.yml:10:10 error",
        "r.yml:11:9 error",
        "r.yml:5:23 error",
        "r.yml:6:10 error",
        "r.yml:8:5 error",
        "t.yml:2:3 error",
        "t.yml:3:13 error",
    ];
    assert_eq!(places, expected, "{said}");
}

fn web_configuration() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("p.yml"), "scrape_configs: []\n").expect("written");
    let ask = |text: &str| {
        std::fs::write(folder.path().join("web.yml"), text).expect("written");
        let mut command = support::stackctl();
        command.args(["run", "prometheus", "--check", "--config.file=p.yml"]);
        command.arg("--web.config.file=web.yml");
        ask(command, folder.path())
    };
    assert!(ask("basic_auth_users: {}\n").0);
    let (taken, said) = ask("basic_auth_user: {}\n");
    assert!(!taken && said.contains("web.yml:"), "{said}");
    assert!(!ask("tls_server_config: {cert_file: gone, key_file: gone}\n").0);
}
