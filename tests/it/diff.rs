//! `diff`: what differs between two stacks is said, each thing on its line, and nothing else is.

mod targets;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use stackctl::diff::{self, Document, Extent};
use stackctl::manifest::{self, RenderTarget};
use stackctl::render::{self, Beside, Setting, WriteOptions};

use crate::support::{Needs, Test, find_program, repository, stackctl};

pub const TESTS: &[Test] = &[
    ("nothing_differs_from_itself_nor_from_what_is_rendered", Needs::Nothing, itself),
    ("every_case_of_the_lint_is_what_is_rendered_from_it", Needs::Nothing, cases),
    ("kdl_and_yaml_mean_the_same", Needs::Nothing, kdl_and_yaml),
    ("layout_comments_and_order_are_no_difference", Needs::Nothing, layout),
    ("each_change_gives_its_line", Needs::Nothing, lines),
    ("the_other_way_round_the_marks_are_swapped", Needs::Nothing, symmetric),
    ("risks_stand_at_the_top", Needs::Nothing, risks),
    ("secrets_are_never_shown", Needs::Nothing, secrets),
    ("classic_folders_are_compared", Needs::Nothing, folders),
    ("a_rendered_folder_with_hand_edits", Needs::Nothing, hand_edits),
    ("profiles_and_revisions", Needs::Program("git"), revisions),
    ("what_cannot_be_compared_is_named", Needs::Nothing, refusals),
    ("what_is_rendered_for_other_targets_is_no_difference", Needs::Nothing, targets::golden),
    ("a_folder_is_compared_as_its_target_has_it", Needs::Nothing, targets::folders),
    ("each_change_of_another_target_gives_its_line", Needs::Nothing, targets::changes),
    ("what_compose_lays_over_its_file_counts", Needs::Nothing, targets::overrides),
    ("quiet_times_are_compared_by_what_they_mean", Needs::Nothing, targets::quiet_times),
];

/// A stack with one of each.
const BASE: &str = r##"stack "shop" manifest=1
network "back"
network "front"
volumes "samples" "db"
secret "db_password" file="./db_password"
secret "hook" env="HOOK"

service "db" {
    image "mysql:8.4.6"
    port 3306
    volume "db" to="/var/lib/mysql"
    env MYSQL_DATABASE="shop" MYSQL_ROOT_PASSWORD_FILE=(secret)"db_password"
    resources cpus=1 memory="512MB"
    native external="127.0.0.1:3306"
}
service "app" {
    image "shop/app:1"
    port 8080
    depends_on "db"
    metrics { counter "orders_total" "status" }
    native { run "./app" "--serve" }
}
exporter "node"

prometheus {
    scrape_interval "15s"
    retention time="30d" size="20GB"
    external_labels dc="eu"
    data "samples"
    scrape "shops" interval="30s" path="/internal" {
        target "one:80" "two:80"
        relabel { source_labels "__address__"; target_label "shop" }
        relabel { regex "tmp"; action "labeldrop" }
    }
    remote_write "http://store:8428/api/v1/write"
}
external "store" port=8428
external "one" port=80
external "two" port=80
rules "shop" interval="30s" {
    record "job:orders:rate5m" { expr "sum by (job, status) (rate(orders_total[5m]))" }
    alert "TargetDown" severity="critical" for="2m" {
        expr #"up{job="app", instance!=""} == 0"#
        summary "{{ $labels.job }} is down"
    }
    alert "Quiet" severity="warning" for="10m" { expr "job:orders:rate5m < 1" }
}
alertmanager {
    receiver "ops" { slack channel="#ops" api_url=(secret)"hook" }
    receiver "pager" { webhook "http://hooks.example.org/pager" }
    route "ops" repeat_interval="4h" {
        group_by "alertname" "job"
        when #"severity="critical""# to="pager"
        when #"team="shop""# to="ops"
    }
    inhibit source=#"alertname="TargetDown""# target=#"severity="warning""# equal="job"
    mute "nights" from="22:00" to="23:00" when=#"job="app""#
}
grafana {
    admin "admin" password=(env)"GRAFANA_ADMIN_PASSWORD"
    datasource "prometheus" default=#true
    dashboard "Shop" refresh="30s" {
        variable "job" type="query" { query "label_values(up, job)" }
        row "Orders" {
            timeseries "Orders" unit="reqps" { query "sum(rate(orders_total[5m]))" legend="all" }
            stat "Targets" { query #"sum(up{job="$job"})"# }
        }
    }
}
test "down" interval="1m" {
    series #"up{job="app", instance="app:8080"}"# "1 0 0 0 0"
    at "4m" { fires "TargetDown" job="app" }
}
"##;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What a command says, with its exit code.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let ran = stackctl().args(arguments).current_dir(self.path()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (ran.status.code().unwrap(), text(ran.stdout), text(ran.stderr))
    }

    /// What `diff` prints.
    #[track_caller]
    fn diff(&self, a: &str, b: &str) -> String {
        let (code, out, err) = self.run(&["diff", a, b]);
        assert_eq!(code, i32::from(out != "no difference\n"), "{out}{err}");
        out
    }
}

/// The base with some texts replaced; each has to be there.
#[track_caller]
fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(BASE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

fn itself() {
    let dir = Folder::new();
    let kdl = |folder: &str| -> Vec<PathBuf> {
        let listed = fs::read_dir(repository(folder)).unwrap();
        let paths = listed.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|end| end == "kdl")).collect()
    };
    let mut stacks: Vec<(PathBuf, Option<&str>)> = ["examples", "examples/federation"]
        .iter()
        .flat_map(|folder| kdl(folder))
        .map(|path| (path, None))
        .collect();
    stacks.push((repository("examples/skincare.kdl"), Some("prod")));
    stacks.push((repository("golden/everything/stack.kdl"), None));
    stacks.push((repository("golden/own-images/stack.kdl"), None));
    assert!(stacks.len() >= 8, "{stacks:?}");
    for (at, (path, profile)) in stacks.iter().enumerate() {
        let said = path.to_str().unwrap();
        let name = profile.map_or(said.to_owned(), |profile| format!("{said}@{profile}"));
        assert_eq!(dir.diff(&name, &name), "no difference\n");
        // Not every one of them is without findings, which `render` asks for.
        let out = dir.path().join(format!("out{at}"));
        let loaded = manifest::load(path, *profile).unwrap();
        let sources = Beside(path.parent().unwrap().to_owned());
        let base = render::base_between(path, &out);
        let outputs =
            render::plan(&loaded.stack, &Setting { base: &base, sources: &sources }).unwrap();
        render::write(&outputs, &out, &WriteOptions::default()).unwrap();
        let out = out.to_str().unwrap();
        assert_eq!(dir.diff(&name, out), "no difference\n", "{name}");
        assert_eq!(dir.diff(out, &name), "no difference\n", "{name}");
        assert_eq!(dir.diff(out, out), "no difference\n", "{name}");
    }
}

/// Every manifest of the lint's cases that can be read, against what is rendered from it.
fn cases() {
    let mut compared = 0;
    for entry in fs::read_dir(repository("golden/rules")).unwrap() {
        let folder = entry.unwrap().path();
        for name in ["stack.kdl", "stack.yaml", "quiet.kdl", "quiet.yaml"] {
            let path = folder.join(name);
            let Ok(loaded) = manifest::load(&path, None) else { continue };
            let sources = Beside(folder.clone());
            let setting = Setting { base: ".", sources: &sources };
            let Ok(outputs) = render::plan(&loaded.stack, &setting) else { continue };
            let text = |bytes| String::from_utf8(bytes).unwrap();
            let documents: Vec<Document> = outputs
                .into_iter()
                .map(|output| Document { path: output.path, text: text(output.bytes) })
                .collect();
            // A dashboard that is none is refused on both sides.
            let Ok(rendered) = diff::of_documents(&documents, Extent::Rendered) else { continue };
            let model = diff::of_manifest(
                &loaded.stack,
                &setting,
                diff::Beside::Rendered(RenderTarget::Compose),
            )
            .unwrap();
            let changes = diff::changes(&model, &rendered);
            assert!(changes.is_empty(), "{}: {changes:#?}", path.display());
            compared += 1;
        }
    }
    assert!(compared > 400, "{compared}");
}

fn kdl_and_yaml() {
    let path = |name: &str| repository(name).to_str().unwrap().to_owned();
    let dir = Folder::new();
    let (kdl, yaml) = (path("examples/skincare.kdl"), path("examples/skincare.yaml"));
    assert_eq!(dir.diff(&kdl, &yaml), "no difference\n");
    assert_eq!(dir.diff(&format!("{kdl}@prod"), &format!("{yaml}@prod")), "no difference\n");
}

/// A manifest that says the same in other words and another order.
fn layout() {
    let dir = Folder::new();
    dir.put("a.kdl", BASE);
    let rearranged = edited(&[
        ("exporter \"node\"\n", ""),
        ("network \"back\"\n", "// the machine\nexporter   \"node\"\nnetwork \"back\" /* one */\n"),
        ("    port 8080\n", ""),
        ("    depends_on \"db\"\n", "    depends_on \"db\"\n    port 8080 bind=\"127.0.0.1\"\n"),
        ("target \"one:80\" \"two:80\"", "target \"two:80\" \"one:80\""),
        ("for=\"2m\"", "for=\"120s\""),
        (
            "sum by (job, status) (rate(orders_total[5m]))",
            "sum(rate(orders_total[300s]))  by(status, job)",
        ),
        (
            r##"#"up{job="app", instance!=""} == 0"#"##,
            r##"#"(up{instance!="", job='app'}) == 0"#"##,
        ),
        ("group_by \"alertname\" \"job\"", "group_by \"job\" \"alertname\""),
        (
            "scrape_interval \"15s\"\n    retention time=\"30d\" size=\"20GB\"",
            "retention size=\"20GB\" time=\"30d\"\n    scrape_interval \"15s\"",
        ),
    ]);
    dir.put("b.kdl", &rearranged);
    assert_eq!(dir.diff("a.kdl", "b.kdl"), "no difference\n");
    // Rules in another order, and receivers.
    let quiet =
        "    alert \"Quiet\" severity=\"warning\" for=\"10m\" { expr \"job:orders:rate5m < 1\" }\n";
    let pager = "    receiver \"pager\" { webhook \"http://hooks.example.org/pager\" }\n";
    let moved = edited(&[
        (quiet, ""),
        (
            "rules \"shop\" interval=\"30s\" {\n",
            &format!("rules \"shop\" interval=\"30s\" {{\n{quiet}"),
        ),
        (pager, ""),
        ("alertmanager {\n", &format!("alertmanager {{\n{pager}")),
    ]);
    dir.put("c.kdl", &moved);
    assert_eq!(dir.diff("a.kdl", "c.kdl"), "no difference\n");
}

/// Edits, and the lines that they give: without places, which `risks_stand_at_the_top` looks at.
const CASES: &[(&str, &str, &str)] = &[
    ("stack \"shop\"", "stack \"store\"", "~ stack: name shop -> store"),
    (
        "scrape_interval \"15s\"",
        "scrape_interval \"30s\"",
        "~ prometheus: scrape_interval 15s -> 30s\n\n~ datasource prometheus: jsonData.timeInterval 15s -> 30s",
    ),
    ("time=\"30d\"", "time=\"60d\"", "~ prometheus: retention time 30d -> 60d"),
    ("size=\"20GB\"", "size=\"30GB\"", "~ prometheus: retention size 20GB -> 30GB"),
    ("dc=\"eu\"", "dc=\"us\"", "~ prometheus: external label dc eu -> us"),
    ("interval=\"30s\" path", "interval=\"45s\" path", "~ job shops: scrape_interval 30s -> 45s"),
    ("/internal", "/metrics", "~ job shops: metrics_path /internal removed"),
    ("\"two:80\"", "\"three:80\"", "~ job shops: targets +three:80 -two:80"),
    (
        "target_label \"shop\"",
        "target_label \"store\"",
        "~ job shops\n    relabel_configs\n      - source_labels: [__address__], target_label: shop\n      \
         + source_labels: [__address__], target_label: store",
    ),
    (
        "        relabel { source_labels \"__address__\"; target_label \"shop\" }\n        relabel { regex \"tmp\"; action \"labeldrop\" }",
        "        relabel { regex \"tmp\"; action \"labeldrop\" }\n        relabel { source_labels \"__address__\"; target_label \"shop\" }",
        "~ job shops: relabel_configs in another order",
    ),
    (
        "    remote_write",
        "    scrape \"new\" { target \"one:81\" }\n    remote_write",
        "+ job new: targets one:81; scrape_interval 15s",
    ),
    (
        "    remote_write \"http://store:8428/api/v1/write\"\n",
        "",
        "- remote write http://store:8428/api/v1/write",
    ),
    ("interval=\"30s\" {", "interval=\"1m\" {", "~ rule group shop: interval 30s -> 1m"),
    (
        "rate(orders_total[5m]))\" }",
        "rate(orders_total[10m]))\" }",
        "~ record job:orders:rate5m: expr sum by (job, status) (rate(orders_total[5m])) -> sum by (job, \
         status) (rate(orders_total[10m]))",
    ),
    ("for=\"2m\"", "for=\"5m\"", "~ alert TargetDown: for 2m -> 5m"),
    (
        "for=\"2m\"",
        "for=\"2m\" keep_firing_for=\"1m\"",
        "~ alert TargetDown: keep_firing_for 1m added",
    ),
    (
        "severity=\"critical\" for",
        "severity=\"warning\" for",
        "~ alert TargetDown: label severity critical -> warning; now reaches ops; no longer reaches pager",
    ),
    (
        "is down\"",
        "is gone\"",
        "~ alert TargetDown: annotation summary {{ $labels.job }} is down -> {{ $labels.job }} is gone",
    ),
    (
        "for=\"10m\" { expr",
        "for=\"10m\" { labels team=\"shop\"; expr",
        "~ alert Quiet: label team shop added",
    ),
    (
        "alert \"Quiet\" severity=\"warning\" for=\"10m\"",
        "alert \"Silent\" severity=\"warning\" for=\"10m\"",
        "- alert Quiet: job:orders:rate5m < 1; for 10m; severity warning; reaches ops\n\
         + alert Silent: job:orders:rate5m < 1; for 10m; severity warning; reaches ops",
    ),
    ("channel=\"#ops\"", "channel=\"#shop\"", "~ receiver ops: slack.channel #ops -> #shop"),
    (
        "{ webhook \"http://hooks.example.org/pager\" }",
        "{ webhook \"http://hooks.example.org/pager\"; email \"a@example.com\" from=\"b@example.com\" smarthost=\"mail:25\" }",
        "~ receiver pager\n    email.from b@example.com added\n    email.smarthost mail:25 added\n    \
         email.to a@example.com added\n    integrations +email",
    ),
    (
        "repeat_interval=\"4h\"",
        "repeat_interval=\"8h\"",
        "~ route all alerts: repeat_interval 4h -> 8h",
    ),
    (
        "group_by \"alertname\" \"job\"",
        "group_by \"alertname\"",
        "~ route all alerts: group_by -job",
    ),
    (
        "        when #\"severity=\"critical\"\"# to=\"pager\"\n",
        "",
        "~ alert TargetDown: now reaches ops; no longer reaches pager\n\
         \n- route severity=\"critical\": receiver pager",
    ),
    (
        "        when #\"severity=\"critical\"\"# to=\"pager\"\n        when #\"team=\"shop\"\"# to=\"ops\"",
        "        when #\"team=\"shop\"\"# to=\"ops\"\n        when #\"severity=\"critical\"\"# to=\"pager\"",
        "~ alert TargetDown: may now reach ops; now reaches pager only perhaps\n\
         \n~ route all alerts: team=\"shop\" is now tried before severity=\"critical\"",
    ),
    (
        "equal=\"job\"",
        "equal=\"instance\"",
        "~ inhibition alertname=\"TargetDown\" silences severity=\"warning\": equal +instance -job",
    ),
    ("to=\"23:00\"", "to=\"24:00\"", "~ mute nights: times +22:00-24:00 UTC -22:00-23:00 UTC"),
    (
        "    mute \"nights\" from=\"22:00\" to=\"23:00\" when=#\"job=\"app\"\"#\n",
        "",
        "- mute nights: times 22:00-23:00 UTC",
    ),
    (
        "datasource \"prometheus\" default=#true",
        "datasource \"prometheus\" default=#true interval=\"30s\"",
        "~ datasource prometheus: jsonData.timeInterval 15s -> 30s",
    ),
    ("refresh=\"30s\"", "refresh=\"1m\"", "~ dashboard Shop: refresh 30s -> 1m"),
    (
        "label_values(up, job)",
        "label_values(up, instance)",
        "~ variable Shop / job: query label_values(up, job) -> label_values(up, instance)",
    ),
    (
        "unit=\"reqps\"",
        "unit=\"short\"",
        "~ panel Shop / Orders: fieldConfig.defaults.unit reqps -> short",
    ),
    (
        "sum(rate(orders_total[5m]))\"",
        "sum(rate(orders_total[10m]))\"",
        "~ panel Shop / Orders: query A sum(rate(orders_total[5m])) -> sum(rate(orders_total[10m]))",
    ),
    (
        "            stat \"Targets\" { query #\"sum(up{job=\"$job\"})\"# }\n",
        "",
        "- panel Shop / Targets: type stat",
    ),
    (
        "    dashboard \"Shop\" refresh",
        "    dashboard \"More\" { stat \"Up\" { query \"sum(up)\" } }\n    dashboard \"Shop\" refresh",
        "+ dashboard More: 1 panel",
    ),
    ("mysql:8.4.6", "mysql:8.4.7", "~ service db: image mysql:8.4.6 -> mysql:8.4.7"),
    ("port 3306", "port 3307", "~ service db: ports +127.0.0.1:3307:3307 -127.0.0.1:3306:3306"),
    (
        "MYSQL_DATABASE=\"shop\"",
        "MYSQL_DATABASE=\"store\"",
        "~ service db: env MYSQL_DATABASE shop -> store",
    ),
    (
        "to=\"/var/lib/mysql\"",
        "to=\"/data\"",
        "~ service db: mount /data db added; mount /var/lib/mysql db removed",
    ),
    (
        "memory=\"512MB\"",
        "memory=\"1GB\"",
        "~ service db: deploy.resources.limits.memory 512m -> 1g",
    ),
    (
        "    depends_on \"db\"\n",
        "    depends_on \"db\"\n    networks \"back\"\n",
        "~ service app: networks -front",
    ),
    (
        "\"--serve\"",
        "\"--listen\"",
        "~ native app\n    run.command\n      - --serve\n      + --listen",
    ),
    ("volumes \"samples\" \"db\"", "volumes \"samples\" \"db\" \"more\"", "+ volume more"),
    ("network \"back\"", "network \"back\" internal=#true", "~ network back: internal true added"),
    (
        "file=\"./db_password\"",
        "file=\"./root_password\"",
        "~ secret db_password: file ./db_password -> ./root_password",
    ),
    (
        "at \"4m\"",
        "at \"3m\"",
        "~ test down\n    at\n      - {fires: [{alert: TargetDown, labels: {job: app}}], time: 4m}\n      \
         + {fires: [{alert: TargetDown, labels: {job: app}}], time: 3m}",
    ),
];

fn without_places(text: &str) -> String {
    let line = |line: &str| match line.split_once("  (") {
        Some((before, _)) if !line.starts_with(' ') => before.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn lines() {
    let dir = Folder::new();
    dir.put("a.kdl", BASE);
    let mut wrong = Vec::new();
    for (from, to, expected) in CASES {
        dir.put("b.kdl", &edited(&[(from, to)]));
        let out = dir.diff("a.kdl", "b.kdl");
        let mut said = without_places(&out);
        // Risks have a test of their own.
        if let Some((_, changes)) =
            said.split_once("\n\n").filter(|(risks, _)| risks.starts_with('!'))
        {
            said = changes.to_owned();
        }
        if said != *expected {
            wrong.push(format!("{from} => {to}\n--- expected\n{expected}\n--- said\n{said}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn symmetric() {
    let dir = Folder::new();
    dir.put("a.kdl", BASE);
    for (from, to, _) in CASES {
        dir.put("b.kdl", &edited(&[(from, to)]));
        let read = |a: &str, b: &str| -> Vec<Json> {
            let (_, out, err) = dir.run(&["diff", a, b, "--format", "json"]);
            let report: Json = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"));
            report["changes"].as_array().unwrap().clone()
        };
        let mut there = read("a.kdl", "b.kdl");
        for change in &mut there {
            let swapped = match change["change"].as_str().unwrap() {
                "added" => "removed",
                "removed" => "added",
                same => same,
            };
            change["change"] = swapped.into();
            swap(change);
            change["attributes"].as_array_mut().unwrap().iter_mut().for_each(swap);
        }
        let key = |change: &Json| format!("{} {}", change["kind"], change["name"]);
        let mut back = read("b.kdl", "a.kdl");
        there.sort_by_key(key);
        back.sort_by_key(key);
        assert_eq!(there, back, "{from} => {to}");
    }
}

fn swap(value: &mut Json) {
    let before = value["before"].take();
    value["before"] = value["after"].take();
    value["after"] = before;
}

fn risks() {
    let dir = Folder::new();
    dir.put("a.kdl", BASE);
    let text = edited(&[
        ("scrape_interval \"15s\"", "scrape_interval \"3m\""),
        ("retention time=\"30d\" size=\"20GB\"", "retention time=\"7d\" size=\"10GB\""),
        ("port 8080", "port 8080 bind=\"0.0.0.0\""),
        ("image \"shop/app:1\"", "image \"shop/app:1\"\n    privileged #true"),
        ("{ webhook \"http://hooks.example.org/pager\" }", ""),
        (
            "remote_write \"http://store:8428/api/v1/write\"",
            "remote_write \"https://store:8428/api/v1/write\" { tls insecure_skip_verify=#true }",
        ),
    ]);
    dir.put("b.kdl", &text);
    let out = dir.diff("a.kdl", "b.kdl");
    let (risks, changes) = out.split_once("\n\n").unwrap();
    assert_eq!(
        risks,
        "! prometheus keeps samples for 7d instead of 30d: what is older is deleted\n\
         ! prometheus keeps 10GB of samples instead of 20GB: the oldest beyond it are deleted\n\
         ! prometheus scrapes every 3m: the window [5m] of record `job:orders:rate5m` no longer holds two \
         samples\n\
         ! remote write https://store:8428/api/v1/write trusts any certificate\n\
         ! alert TargetDown no longer reaches anyone\n\
         ! service app is published beyond this machine: 0.0.0.0:8080:8080\n\
         ! service app has all rights of the host"
    );
    // Each change stands at its place in the second manifest, what is gone at that in the first.
    let line = 1 + text.lines().position(|line| line.contains("alert \"TargetDown\"")).unwrap();
    let alert = changes.lines().find(|line| line.starts_with("~ alert")).unwrap();
    assert_eq!(alert, format!("~ alert TargetDown: no longer reaches anyone  (b.kdl:{line}:11)"));
    // An alert that is new and reaches nobody is one, too; none of these is a risk the other way round.
    let (_, out, _) = dir.run(&["diff", "b.kdl", "a.kdl"]);
    assert!(!out.starts_with('!'), "{out}");
    dir.put("c.kdl", &edited(&[("{ slack channel=\"#ops\" api_url=(secret)\"hook\" }", "")]));
    let more = edited(&[
        ("{ slack channel=\"#ops\" api_url=(secret)\"hook\" }", ""),
        (
            "    alert \"Quiet\"",
            "    alert \"New\" for=\"5m\" { expr \"up == 2\" }\n    alert \"Quiet\"",
        ),
    ]);
    dir.put("d.kdl", &more);
    let out = dir.diff("c.kdl", "d.kdl");
    assert!(out.contains("+ alert New: up == 2; for 5m; reaches perhaps pager"), "{out}");
}

fn secrets() {
    let folder = |word: &str| {
        let dir = Folder::new();
        dir.put(
            "prometheus.yml",
            &format!(
                "scrape_configs:\n- job_name: a\n  basic_auth: {{username: u, password: {word}1}}\n  \
                 static_configs: [{{targets: ['a:1']}}]\nremote_write:\n- url: \
                 http://me:{word}2@store/write\n  bearer_token: {word}3\n"
            ),
        );
        dir.put(
            "alertmanager.yml",
            &format!(
                "route: {{receiver: a}}\nreceivers:\n- name: a\n  slack_configs:\n  - {{api_url: \
                 'https://hooks/{word}4'}}\n  webhook_configs: [{{url: 'http://hook/{word}5'}}]\n"
            ),
        );
        dir.put(
            "compose.yaml",
            &format!(
                "services:\n  db:\n    image: mysql\n    environment: {{MYSQL_PASSWORD: {word}6}}\n"
            ),
        );
        dir.put(
            "datasources.yml",
            &format!(
                "datasources:\n- name: p\n  type: prometheus\n  secureJsonData: {{basicAuthPassword: \
                 {word}7}}\n"
            ),
        );
        dir
    };
    let (a, b) = (folder("apple"), folder("pear"));
    let both = [a.path().to_str().unwrap(), b.path().to_str().unwrap()];
    for form in ["text", "json", "markdown"] {
        let (code, out, err) = a.run(&["diff", both[0], both[1], "--format", form]);
        assert_eq!(code, 1, "{err}");
        assert!(!out.contains("apple") && !out.contains("pear"), "{form}: {out}");
    }
    let (_, out, _) = a.run(&["diff", both[0], both[1]]);
    for line in [
        "~ job a: basic_auth.password changed",
        "~ remote write http://me:***@store/write: bearer_token changed",
        "~ receiver a: slack.api_url changed; webhook.url changed",
        "~ datasource p: secureJsonData.basicAuthPassword changed",
        "~ service db: env MYSQL_PASSWORD changed",
    ] {
        assert!(out.lines().any(|said| said == line), "{line}\n{out}");
    }
}

fn folders() {
    let classic = repository("tests/fixtures/classic");
    let dir = Folder::new();
    let classic = classic.to_str().unwrap();
    assert_eq!(dir.diff(classic, classic), "no difference\n");
    dir.put(
        "old/prometheus.yml",
        "global: {scrape_interval: 30s}\nrule_files: ['rules/*.yml']\nalerting: {alertmanagers: \
         [{static_configs: [{targets: ['am:9093']}]}]}\nscrape_configs:\n- job_name: a\n  \
         static_configs: [{targets: ['a:1', 'b:1']}]\n",
    );
    dir.put(
        "old/rules/x.yml",
        "groups:\n- name: g\n  rules:\n  - {alert: Down, expr: up == 0, labels: {severity: page}}\n",
    );
    dir.put("old/unused.yml", "groups:\n- name: h\n  rules:\n  - {alert: Never, expr: up == 1}\n");
    dir.put(
        "old/alertmanager.yml",
        "route:\n  receiver: a\n  routes: [{match: {severity: page}, receiver: b}]\nreceivers:\n- name: \
         a\n  webhook_configs: [{url: 'http://a/'}]\n- name: b\n  webhook_configs: [{url: 'http://b/'}]\n",
    );
    dir.put(
        "old/docker-compose.yml",
        "version: '3'\nservices:\n  web:\n    image: nginx:1\n    ports: ['127.0.0.1:80:80']\n    \
         environment: ['A=1']\n    depends_on: [db]\n    command: --x=1 --y\n  db: {image: 'mysql:8'}\n",
    );
    // The same in other words, with one thing changed in each file.
    dir.put(
        "new/prometheus.yml",
        "global:\n  scrape_interval: 30s\n  evaluation_interval: 60s\nrule_files: ['x.yml']\nalerting: \
         {alertmanagers: [{static_configs: [{targets: ['am:9093']}]}]}\nscrape_configs:\n- job_name: \
         a\n  metrics_path: /metrics\n  scrape_interval: 30s\n  static_configs:\n  - targets: ['b:1']\n  \
         - targets: ['a:1', 'c:1']\n",
    );
    dir.put(
        "new/x.yml",
        "groups:\n- name: g\n  interval: 1m\n  labels: {severity: page}\n  rules:\n  - alert: Down\n    \
         expr: (up == 0)\n    for: 1m\n",
    );
    dir.put(
        "new/alertmanager.yml",
        "route:\n  receiver: a\n  group_wait: 30s\n  routes:\n  - matchers: [severity=page]\n    receiver: \
         a\nreceivers:\n- name: b\n  webhook_configs: [{url: 'http://b/', send_resolved: true}]\n- name: \
         a\n  webhook_configs: [{url: 'http://a/'}]\n",
    );
    dir.put(
        "new/compose.yaml",
        "x-all: &all {restart: 'no'}\nservices:\n  db: {<<: *all, image: 'mysql:8'}\n  web:\n    <<: *all\n    image: nginx:1\n    ports: \
         [{target: 80, published: 80}]\n    environment: {A: 1}\n    depends_on: {db: {condition: \
         service_started}}\n    command: [--y, --x=1]\n",
    );
    assert_eq!(
        dir.diff("old", "new"),
        "! service web is published beyond this machine: 0.0.0.0:80:80\n\n\
         ~ job a: targets +c:1\n\n\
         ~ alert Down: for 1m added; now reaches a; no longer reaches b\n\n\
         ~ route severity=\"page\": receiver b -> a\n\n\
         ~ service web: ports +0.0.0.0:80:80 -127.0.0.1:80:80\n"
    );
}

fn hand_edits() {
    let dir = Folder::new();
    dir.put("a.kdl", BASE);
    let (code, _, err) = dir.run(&["render", "a.kdl", "-o", "out"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(dir.diff("a.kdl", "out"), "no difference\n");
    let alerts = dir.path().join("out/monitoring/alerts.yml");
    let text = fs::read_to_string(&alerts).unwrap();
    fs::write(&alerts, text.replace("for: 2m", "for: 9m # longer")).unwrap();
    let compose = dir.path().join("out/compose.yaml");
    let text = fs::read_to_string(&compose).unwrap();
    fs::write(&compose, format!("# a comment\n{text}")).unwrap();
    fs::remove_file(dir.path().join("out/Makefile")).unwrap();
    let out = dir.diff("a.kdl", "out");
    let line = 1 + BASE.lines().position(|line| line.contains("alert \"TargetDown\"")).unwrap();
    let makefile = out.lines().last().unwrap();
    assert_eq!(makefile, "- file Makefile", "{out}");
    assert!(
        out.starts_with(&format!("~ alert TargetDown: for 2m -> 9m  (a.kdl:{line}:11)\n")),
        "{out}"
    );
    assert_eq!(out.lines().filter(|line| !line.is_empty()).count(), 2, "{out}");
}

fn revisions() {
    let dir = Folder::new();
    let git = |arguments: &[&str]| {
        let program = find_program("git").unwrap();
        let mut command = Command::new(program);
        command.args([
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@example.com",
            "-c",
            "commit.gpgsign=false",
        ]);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        let ran = command.args(arguments).current_dir(dir.path()).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
    };
    git(&["init", "-q"]);
    let board = r#"{"title": "Own", "uid": "own", "panels": [{"type": "stat", "title": "A"}]}"#;
    dir.put("in/board.json", board);
    let text = edited(&[(
        "    dashboard \"Shop\"",
        "    dashboard \"Own\" from=\"board.json\"\n    dashboard \"Shop\"",
    )]);
    let text = format!(
        "include \"more.kdl\"\n{text}profile \"prod\" {{ service \"app\" {{ replicas 2; unpublish 8080; expose 8080 }} }}\n"
    );
    dir.put("in/stack.kdl", &text);
    dir.put("in/more.kdl", "volumes \"extra\"\n");
    git(&["add", "."]);
    git(&["commit", "-qm", "first"]);
    assert_eq!(dir.diff("HEAD:in/stack.kdl", "in/stack.kdl"), "no difference\n");
    // What the manifest names is of the revision, too.
    dir.put("in/board.json", &board.replace("\"A\"", "\"B\""));
    dir.put("in/more.kdl", "volumes \"extra\" \"spare\"\n");
    let out = without_places(&dir.diff("HEAD:in/stack.kdl", "in/stack.kdl"));
    assert_eq!(out, "- panel Own / A: type stat\n+ panel Own / B: type stat\n\n+ volume spare");
    let out = without_places(&dir.diff("in/stack.kdl", "in/stack.kdl@prod"));
    assert!(out.starts_with("~ ") && out.contains("deploy.replicas 2 added"), "{out}");
    let (code, out, err) =
        dir.run(&["diff", "in/stack.kdl@prod", "in/stack.kdl", "--profile", "prod"]);
    assert_eq!((code, &*out), (0, "no difference\n"), "{err}");
    let (code, _, err) = dir.run(&["diff", "v1:in/stack.kdl", "in/stack.kdl"]);
    assert_eq!(code, 2);
    assert!(err.contains("in/stack.kdl") && err.contains("v1"), "{err}");
}

fn refusals() {
    let dir = Folder::new();
    dir.put("a.kdl", BASE);
    dir.put("wrong.kdl", "stack \"x\" manifest=1\nservise \"y\"\n");
    dir.put("text.txt", "");
    dir.put("empty/readme.md", "");
    dir.put("project/stack.kdl", BASE);
    dir.put("broken/prometheus.yml", "scrape_configs: []\nscrape_configs: []\n");
    for (other, expected) in [
        ("missing.kdl", "there is no file or folder `missing.kdl`"),
        ("wrong.kdl", "`wrong.kdl` cannot be read as a whole"),
        ("text.txt", "`text.txt` is not called .kdl, .yaml, .yml or .json"),
        ("empty", "`empty` has no prometheus.yml"),
        ("project", "did you mean `project/stack.kdl`?"),
        ("--output=x:a.kdl", "`--output=x` is no revision"),
        ("a.kdl@nope", "the stack has no profile `nope`"),
    ] {
        let (code, out, err) = dir.run(&["diff", "--", "a.kdl", other]);
        assert_eq!((code, &*out), (2, ""), "{other}: {err}");
        assert!(err.contains(expected), "{other}: {err}");
    }
    let (code, out, err) = dir.run(&["diff", "a.kdl", "broken"]);
    assert_eq!((code, &*out), (2, ""), "{err}");
    assert!(err.contains("prometheus.yml"), "{err}");
}
