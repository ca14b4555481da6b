//! `stackctl lsp`: scripted sessions of an editor with the built program.

mod client;

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Needs, Test, repository, stackctl};
use client::{Client, modern};

pub const TESTS: &[Test] = &[
    ("it_lives_and_ends_as_the_protocol_wants", Needs::Nothing, life),
    ("it_ends_when_the_editor_is_gone", Needs::Nothing, gone),
    ("what_is_no_request_is_answered_and_harms_nothing", Needs::Nothing, hostile),
    ("findings_come_while_typing", Needs::Nothing, typing),
    ("findings_are_those_of_validate", Needs::Nothing, like_validate),
    ("a_burst_of_keystrokes_costs_one_check", Needs::Nothing, burst),
    ("places_are_counted_as_agreed_upon", Needs::Nothing, encodings),
    ("any_edits_lead_to_the_same_text", Needs::Nothing, edits),
    ("an_included_file_is_checked_with_what_includes_it", Needs::Nothing, included),
    ("a_dashboard_counts_as_the_editor_has_it", Needs::Nothing, dashboard),
    ("other_files_are_left_alone", Needs::Nothing, strangers),
    ("a_profile_can_be_asked_for", Needs::Nothing, profile),
    ("a_fix_is_one_click", Needs::Nothing, quick_fix),
    ("all_fixes_are_those_of_validate_fix", Needs::Nothing, fix_all),
    ("an_allowance_silences_its_finding", Needs::Nothing, allowance),
    ("a_document_is_formatted_as_fmt_does", Needs::Nothing, formatting),
    ("hover_tells_what_is_known", Needs::Nothing, hover),
    ("hover_works_in_yaml", Needs::Nothing, hover_yaml),
    ("completion_knows_the_language", Needs::Nothing, complete_language),
    ("completion_knows_the_stack", Needs::Nothing, complete_stack),
    ("completion_knows_metrics_and_labels", Needs::Nothing, complete_expressions),
    ("completion_works_in_yaml_and_json", Needs::Nothing, complete_yaml),
    ("completion_fits_what_the_client_can", Needs::Nothing, complete_plain),
    ("what_is_offered_can_be_written", Needs::Nothing, offers_fit),
    ("a_name_leads_to_its_declaration", Needs::Nothing, definition),
    ("a_name_is_changed_everywhere", Needs::Nothing, rename),
    ("a_document_shows_its_nodes", Needs::Nothing, symbols),
];

/// A stack with a bit of everything, without findings that matter here.
const STACK: &str = r##"stack "shop" manifest=1
volumes "prom_data"
network "inner"
secret "hook" env="HOOK"
service "app" {
    image "app:1.0"
    port 8080
    depends_on "db" condition="started"
    metrics {
        counter "shop_orders_total" "route" help="Orders that came in."
        histogram "shop_seconds" "route"
    }
}
service "db" {
    image "mysql:8.4.6"
    port 3306
    env MYSQL_DATABASE="shop"
}
exporter "node"
prometheus port=9090 {
    data "prom_data"
    scrape_interval "15s"
}
rules "shop" {
    record "job:shop_orders:rate5m" {
        expr #"sum by (job) (rate(shop_orders_total{job="app"}[5m]))"#
    }
    alert "NoOrders" severity="critical" for="5m" {
        expr "job:shop_orders:rate5m == 0"
        summary "nobody buys"
    }
    alert "CpuBusy" severity="warning" for="5m" {
        expr "sum by (instance) (rate(node_cpu_seconds_total[5m])) > 1"
        summary "busy"
    }
}
test "no orders" {
    series #"shop_orders_total{job="app"}"# "0x30"
    at "20m" { fires "NoOrders" job="app" severity="critical" routed_to="pager" }
}
alertmanager {
    receiver "mail" { webhook "http://mail.example.org/" }
    receiver "pager" { webhook (secret)"hook" }
    route "mail" {
        when #"severity="critical""# to="pager"
    }
}
"##;

const YAML: &str = r#"stack: {name: shop, manifest: 1}
service:
  app:
    image: app:1.0
    port: 8080
    depends_on: {db: {condition: started}}
    metrics:
      counter: {shop_orders_total: [route]}
  db:
    image: mysql:8.4.6
    port: 3306
prometheus: {port: 9090, scrape_interval: 15s}
exporter:
  node:
rules:
  shop:
    alert:
      Grüße:
        severity: critical
        for: 5m
        expr: sum by (job) (rate(shop_orders_total[5m])) == 0
        summary: "🚀 nobody buys"
alertmanager:
  receiver:
    mail: {webhook: {url: "http://mail.example.org/"}}
  route: {mail: }
"#;

/// The codes of findings.
fn codes(findings: &[Value]) -> Vec<&str> {
    findings.iter().map(|finding| finding["code"].as_str().expect("a code")).collect()
}

fn has(findings: &[Value], code: &str) -> bool {
    codes(findings).contains(&code)
}

/// The findings of a text that is opened as it is.
fn checked(name: &str, text: &str) -> Vec<Value> {
    let mut client = Client::new();
    client.open(name, text);
    let findings = client.findings(name, Some(1));
    client.end();
    findings
}

#[track_caller]
fn assert_offers(offered: &[String], wanted: &[&str]) {
    for name in wanted {
        let shown = &offered[..offered.len().min(40)];
        assert!(offered.iter().any(|one| one == name), "{name} is not among {shown:?} …");
    }
}

fn life() {
    let mut early = Client::raw();
    let failed = early.ask("textDocument/hover", json!({})).expect_err("it is too early");
    assert_eq!(failed["code"], -32002);
    early.notify("exit", Value::Null);
    assert_eq!(early.status().code(), Some(1));

    let mut client = Client::new();
    assert_eq!(client.hello["serverInfo"]["name"], "stackctl");
    assert_eq!(client.hello["capabilities"]["textDocumentSync"]["change"], 2);
    let again = client.ask("initialize", json!({"capabilities": {}})).expect_err("a second time");
    assert_eq!(again["code"], -32600);
    assert_eq!(client.ask("shutdown", Value::Null), Ok(Value::Null));
    let late = client.ask("textDocument/hover", json!({})).expect_err("it is too late");
    assert_eq!(late["code"], -32600);
    client.notify("exit", Value::Null);
    assert_eq!(client.status().code(), Some(0));

    let mut rude = Client::new();
    rude.notify("exit", Value::Null);
    assert_eq!(rude.status().code(), Some(1));
}

fn gone() {
    let mut client = Client::new();
    client.open("stack.kdl", STACK);
    client.hang_up();
    assert_eq!(client.status().code(), Some(1));
}

fn hostile() {
    let mut client = Client::new();
    client.open("stack.kdl", STACK);
    client.send_raw(b"Content-Length: 9\r\n\r\n{nonsense");
    assert_eq!(client.answer(&Value::Null).expect_err("no JSON")["code"], -32700);
    client.send_raw(b"Content-Length: 2\r\n\r\n[]");
    assert_eq!(client.answer(&Value::Null).expect_err("no object")["code"], -32600);
    let unknown = client.ask("textDocument/nonsense", json!({})).expect_err("unknown");
    assert_eq!(unknown["code"], -32601);
    for params in [Value::Null, json!([]), json!({"textDocument": 7}), json!("x")] {
        for method in ["hover", "completion", "definition", "codeAction", "rename", "formatting"] {
            let method = format!("textDocument/{method}");
            let failed = client.ask(&method, params.clone()).expect_err("nonsense");
            assert_eq!(failed["code"], -32602, "{method} {params}");
        }
        for method in ["didOpen", "didChange", "didClose"] {
            client.notify(&format!("textDocument/{method}"), params.clone());
        }
    }
    let uri = client.uri("other.kdl");
    let closed = json!({"textDocument": {"uri": uri}, "position": {"line": 0, "character": 0}});
    let failed = client.ask("textDocument/hover", closed).expect_err("it is not open");
    assert_eq!(failed["code"], -32602);
    let uri = client.uri("stack.kdl");
    let far = json!({"textDocument": {"uri": uri}, "position": {"line": 9999, "character": 9999}});
    for method in ["hover", "completion", "definition"] {
        client.ask(&format!("textDocument/{method}"), far.clone()).expect("an answer");
    }
    // A request that is not wanted any more, behind one that takes a while.
    let first = client.begin("textDocument/documentSymbol", json!({"textDocument": {"uri": uri}}));
    let second = client.begin("textDocument/hover", far);
    client.notify("$/cancelRequest", json!({"id": second}));
    client.answer(&json!(first)).expect("an answer");
    if let Err(failed) = client.answer(&json!(second)) {
        assert_eq!(failed["code"], -32800);
    }
    assert!(client.hover("stack.kdl", "scrape_interval", 3).contains("scrape_interval"));
    client.end();
}

fn typing() {
    for (name, text, old, new) in [
        ("stack.kdl", STACK, "depends_on \"db\"", "depends_on \"bd\""),
        ("stack.yaml", YAML, "depends_on: {db:", "depends_on: {bd:"),
    ] {
        let mut client = Client::new();
        client.open(name, text);
        assert!(!has(&client.findings(name, Some(1)), "S006"), "{name}");
        let version = client.replace(name, old, new);
        let findings = client.findings(name, Some(version));
        let found = findings.iter().find(|one| one["code"] == "S006").expect("it is found");
        assert_eq!((&found["severity"], &found["source"]), (&json!(1), &json!("stackctl")));
        let place = client.covered(name, &found["range"]);
        assert_eq!(place.trim_matches('"'), "bd");
        assert!(found["message"].as_str().is_some_and(|text| text.contains("did you mean `db`")));
        let version = client.replace(name, new, old);
        assert!(!has(&client.findings(name, Some(version)), "S006"));
        // A text that is broken still has its findings, and a place for the break.
        let broken =
            client.edit(name, 0..0, if name.ends_with("kdl") { "x \"\n" } else { "x: {\n" });
        assert!(has(&client.findings(name, Some(broken)), "S001"));
        client.close(name);
        assert_eq!(client.findings(name, None), Vec::<Value>::new());
        client.end();
    }
}

fn like_validate() {
    for name in ["examples/skincare.kdl", "examples/skincare.yaml", "tests/fixtures/planted.kdl"] {
        let path = repository(name);
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        // Below the folder of the original, so that what it names is found.
        let file = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let mut client = Client::new();
        client.save(file, &text);
        let output = stackctl()
            .args(["validate", "--format", "json"])
            .arg(client.path(file))
            .output()
            .expect("it runs");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let list = report.as_array().or(report["findings"].as_array()).expect("a list").clone();
        let mut wanted: Vec<String> = codes(&list).iter().map(|code| (*code).to_owned()).collect();
        client.open(file, &text);
        let findings = client.findings(file, Some(1));
        let mut found: Vec<String> =
            codes(&findings).iter().map(|code| (*code).to_owned()).collect();
        wanted.sort();
        found.sort();
        assert_eq!(found, wanted, "{name}");
        client.end();
    }
}

fn burst() {
    let mut client = Client::new();
    client.open("stack.kdl", STACK);
    client.findings("stack.kdl", Some(1));
    let mut version = 0;
    let at = STACK.find("nobody").expect("there");
    for letter in 0..40 {
        version = client.edit("stack.kdl", at + letter..at + letter, "x");
    }
    client.findings("stack.kdl", Some(version));
    // At most one check fell into the burst, however slow the machine is.
    let uri = client.uri("stack.kdl");
    let told = client.told("textDocument/publishDiagnostics");
    assert!(told.iter().filter(|params| params["uri"] == uri.as_str()).count() <= 20);
    client.end();
}

fn encodings() {
    let mut with_bytes = modern();
    with_bytes["general"] = json!({"positionEncodings": ["utf-16", "utf-8"]});
    for (capabilities, agreed) in [(modern(), "utf-16"), (with_bytes, "utf-8")] {
        for newline in ["\n", "\r\n"] {
            let mut client = Client::with(capabilities.clone(), Value::Null);
            assert_eq!(client.hello["capabilities"]["positionEncoding"], agreed);
            let text = STACK.replace(
                "alert \"NoOrders\" severity",
                "/* 🚀 größer */ alert \"NoOrders\" foo=\"ü🚀\" severity",
            );
            let text = text.replace('\n', newline);
            client.open("stack.kdl", &text);
            let findings = client.findings("stack.kdl", Some(1));
            let found = findings.iter().find(|one| one["code"] == "S003").expect("it is found");
            assert_eq!(client.covered("stack.kdl", &found["range"]), "foo");
            let hover = client.hover("stack.kdl", "NoOrders\" foo", 2);
            assert!(hover.contains("alert"), "{hover}");
            // An edit behind it is where it belongs.
            let version = client.replace("stack.kdl", "🚀\" severity", "\" severitx");
            let findings = client.findings("stack.kdl", Some(version));
            let places: Vec<String> = findings
                .iter()
                .filter(|one| one["code"] == "S003")
                .map(|one| client.covered("stack.kdl", &one["range"]))
                .collect();
            assert_eq!(places, ["foo", "severitx"]);
            client.end();
        }
    }
}

/// Random edits, by a fixed row of numbers, and what the server's text has become: its layout shows it.
fn edits() {
    let mut client = Client::new();
    let head = "// ä🚀\nstack \"s\"\n";
    client.open("stack.kdl", head);
    let mut seed = 7_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below.max(1)
    };
    let pieces = ["x", "ü", "🚀", "\n", "// ö\n", "a \"🚀\" b=1\n", "", "c {\n", "}\n", "\r\n"];
    for round in 0..60 {
        let text = client.text("stack.kdl").to_owned();
        let fit = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at)
                || text[..at].ends_with('\r') && text[at..].starts_with('\n')
            {
                at -= 1;
            }
            at
        };
        let start = fit(random(text.len() + 1));
        let end = fit(start + random(6)).max(start);
        client.edit("stack.kdl", start..end, pieces[random(pieces.len())]);
        if round % 20 != 19 {
            continue;
        }
        // The symbols of the server's text are those of a text that was opened as a whole.
        let whole = client.text("stack.kdl").to_owned();
        client.open("fresh.stack.kdl", &whole);
        let ask = |client: &mut Client, name: &str| {
            let params = json!({"textDocument": {"uri": client.uri(name)}, "options": {"tabSize": 4, "insertSpaces": true}});
            let symbols = client.ask("textDocument/documentSymbol", params.clone());
            (symbols.expect("an answer"), client.ask("textDocument/formatting", params))
        };
        assert_eq!(ask(&mut client, "stack.kdl"), ask(&mut client, "fresh.stack.kdl"), "{whole}");
    }
    // One whole text in the place of all.
    let uri = client.uri("stack.kdl");
    let wrong = "stack \"s\"\nprometheus {\n  scrape_interval 15s\n}\n";
    client.notify(
        "textDocument/didChange",
        json!({"textDocument": {"uri": uri, "version": 99}, "contentChanges": [{"text": wrong}]}),
    );
    assert!(has(&client.findings("stack.kdl", Some(99)), "S002"));
    client.end();
}

fn included() {
    let mut client = Client::new();
    let (head, tail) = STACK.split_at(STACK.find("alertmanager {").expect("there"));
    let whole = format!("{head}include \"who.kdl\"\n");
    client.save("stack.kdl", &whole);
    client.save("who.kdl", tail);
    // Alone it would lack a route's receivers; the manifest around it is found on disk.
    client.open("who.kdl", tail);
    let findings = client.findings("who.kdl", Some(1));
    assert_eq!(codes(&findings), [""; 0]);
    // Open as well, the unsaved text of the one counts for the other.
    client.open("stack.kdl", &whole);
    client.findings("stack.kdl", Some(1));
    let version = client.replace("who.kdl", "receiver \"pager\"", "receiver \"pagr\"");
    let findings = client.findings("who.kdl", Some(version));
    let found = findings.iter().find(|one| one["code"] == "S409").expect("it is found");
    assert_eq!(client.covered("who.kdl", &found["range"]).trim_matches('"'), "pager");
    // The test in the other file names it, too.
    let version = client.replace("stack.kdl", "summary \"busy\"", "summary \"very busy\"");
    let findings = client.findings("stack.kdl", Some(version));
    assert!(!findings.is_empty(), "{findings:?}");
    let at = client.at("stack.kdl", "\"who.kdl\"", 2);
    let found = client.ask("textDocument/definition", at).expect("an answer");
    assert_eq!(found[0]["uri"], client.uri("who.kdl").as_str());
    client.end();
}

fn dashboard() {
    let mut client = Client::new();
    let board =
        std::fs::read_to_string(repository("examples/dashboards/hosts.json")).expect("read");
    client.save("hosts.json", &board);
    let text = format!(
        "{STACK}grafana {{\n    datasource \"prometheus\" default=#true\n    \
         dashboard \"Hosts\" from=\"hosts.json\"\n}}\n"
    );
    client.open("stack.kdl", &text);
    client.findings("stack.kdl", Some(1));
    client.open("hosts.json", &board);
    client.findings("hosts.json", Some(1));
    let version = client.replace("hosts.json", "node_load15", "node_laod15");
    let findings = client.findings("hosts.json", Some(version));
    let found = findings.iter().find(|one| one["code"] == "S501").expect("it is found");
    assert_eq!(client.covered("hosts.json", &found["range"]), "node_laod15");
    let related = found["relatedInformation"].as_array().expect("further places");
    assert!(related.iter().any(|one| one["location"]["uri"] == client.uri("stack.kdl").as_str()));
    // Closed without saving, the text on disk counts again.
    client.close("hosts.json");
    assert!(!has(&client.findings("hosts.json", None), "S501"));
    client.end();
}

fn strangers() {
    let mut client = Client::new();
    for (name, text) in [
        ("compose.yaml", "services: {a: {image: b}}\nvolumes: {x: }\nnetworks: {y: }\n"),
        ("package.json", "{\"name\": \"x\", \"version\": 7}"),
        ("zellij.kdl", "keybinds {\n  normal { bind \"a\" { x; } }\n}\n"),
    ] {
        client.open(name, text);
        assert_eq!(client.findings(name, Some(1)), Vec::<Value>::new(), "{name}");
        assert_eq!(client.hover(name, &text[..3], 1), "");
    }
    client.end();
}

fn profile() {
    let text = format!(
        "{STACK}profile \"prod\" {{\n    service \"app\" {{ depends_on \"nobody\" }}\n}}\n"
    );
    let mut client = Client::with(modern(), json!({"profile": "prod"}));
    client.open("stack.kdl", &text);
    assert!(has(&client.findings("stack.kdl", Some(1)), "S006"));
    client.notify("workspace/didChangeConfiguration", json!({"settings": {"stackctl": {}}}));
    assert!(!has(&client.findings("stack.kdl", Some(1)), "S006"));
    let settings = json!({"settings": {"stackctl": {"profile": "prd"}}});
    client.notify("workspace/didChangeConfiguration", settings);
    let note = client.wait("window/showMessage", |_| true);
    assert!(note["message"].as_str().is_some_and(|text| text.contains("prod")), "{note}");
    let settings = json!({"settings": {"stackctl": {"deny": ["secruity"]}}});
    client.notify("workspace/didChangeConfiguration", settings);
    let note = client.wait("window/showMessage", |_| true);
    assert!(note["message"].as_str().is_some_and(|text| text.contains("security")), "{note}");
    client.end();
}

/// The only file's edits of an action.
fn edits_of(action: &Value) -> Value {
    let changes = action["edit"]["changes"].as_object().expect("changes");
    assert_eq!(changes.len(), 1, "{action}");
    changes.values().next().expect("just counted").clone()
}

fn quick_fix() {
    for (name, text, old, new) in [
        ("stack.kdl", STACK, "scrape_interval \"15s\"", "scrape_interval 15s"),
        ("stack.yaml", YAML, "scrape_interval: 15s", "scrape_interval: 15"),
    ] {
        let mut client = Client::new();
        client.open(name, &text.replace(old, new));
        let place = if name.ends_with("kdl") { "15s" } else { "15}" };
        let actions = client.actions(name, place, None);
        let fix = actions.iter().find(|one| one["isPreferred"] == true).expect("a fix");
        assert_eq!(fix["kind"], "quickfix");
        assert!(fix["diagnostics"][0]["code"].is_string());
        let mended = client.applied(client.text(name), &edits_of(fix));
        assert!(mended.contains("15s"), "{mended}");
        client.end();
        let findings = checked(name, &mended);
        assert!(!has(&findings, "S002") && !has(&findings, "S205"), "{findings:?}");
    }
}

fn fix_all() {
    let wrong = STACK
        .replace("scrape_interval \"15s\"", "scrape_intervall \"15s\"")
        .replace("for=\"5m\"", "for=5m")
        .replace("depends_on \"db\"", "depend_on \"db\"");
    let yaml =
        YAML.replace("scrape_interval:", "scrape_intervall:").replace("depends_on", "depend_on");
    for (name, text) in [("stack.kdl", wrong.as_str()), ("stack.yaml", yaml.as_str())] {
        let mut client = Client::new();
        client.open(name, text);
        let actions = client.actions(name, "stack", Some("source.fixAll"));
        let [all] = actions.as_slice() else { panic!("{actions:?}") };
        assert_eq!(all["kind"], "source.fixAll");
        let here = client.applied(text, &edits_of(all));
        client.save(name, text);
        let status = stackctl()
            .args(["validate", "--fix"])
            .arg(client.path(name))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("it runs");
        assert!(status.code().is_some());
        let there = std::fs::read_to_string(client.path(name)).expect("read");
        assert_eq!(here, there);
        assert_ne!(here, text);
        // Nobody pays for it who did not ask.
        let kinds = client.actions(name, "stack", None);
        assert!(kinds.iter().all(|one| one["kind"] != "source.fixAll"));
        client.end();
    }
}

fn allowance() {
    for (name, text, rule) in [
        (
            "stack.kdl",
            STACK.replace(" for=\"5m\" {\n        expr \"job", " for=\"1s\" {\n        expr \"job"),
            "S424",
        ),
        ("stack.yaml", YAML.replace("image: mysql:8.4.6", "image: mysql:latest"), "S801"),
    ] {
        let mut client = Client::new();
        client.open(name, &text);
        let findings = client.findings(name, Some(1));
        let allowed = findings.iter().find(|one| one["severity"] != 1).unwrap_or_else(|| {
            panic!("something that can be allowed, such as {rule}: {findings:?}")
        });
        let code = allowed["code"].as_str().expect("a code").to_owned();
        let uri = client.uri(name);
        let params = json!({
            "textDocument": {"uri": uri},
            "range": allowed["range"],
            "context": {"diagnostics": [allowed]},
        });
        let actions = client.ask("textDocument/codeAction", params).expect("an answer");
        let actions = actions.as_array().expect("a list");
        let title = |one: &&Value| {
            one["title"].as_str().is_some_and(|t| t.starts_with(&format!("Allow {code} ")))
        };
        let action = actions.iter().find(title).expect("an allowance");
        let after = client.applied(&text, &edits_of(action));
        assert!(after.contains(&format!("stackctl: allow {code} reason=")), "{after}");
        client.end();
        let count =
            |findings: &[Value]| findings.iter().filter(|one| one["code"] == code.as_str()).count();
        let left = checked(name, &after);
        assert!(count(&left) < count(&findings), "{left:?}");
        assert!(!has(&left, "S018") && !has(&left, "S019"), "{left:?}");
    }
}

fn formatting() {
    let mut client = Client::new();
    let text =
        STACK.replace("    image", "  image").replace("service \"db\" {", "service   \"db\"   {");
    client.open("stack.kdl", &text);
    let params = json!({
        "textDocument": {"uri": client.uri("stack.kdl")},
        "options": {"tabSize": 4, "insertSpaces": true},
    });
    let edits = client.ask("textDocument/formatting", params.clone()).expect("an answer");
    assert!(edits.as_array().is_some_and(|edits| edits.len() >= 2), "{edits}");
    let here = client.applied(&text, &edits);
    client.save("stack.kdl", &text);
    let status = stackctl().arg("fmt").arg(client.path("stack.kdl")).stderr(Stdio::null()).status();
    assert!(status.expect("it runs").success());
    assert_eq!(here, std::fs::read_to_string(client.path("stack.kdl")).expect("read"));
    // A text with mistakes stays as it is, and that is said.
    client.edit("stack.kdl", 0..0, "\"\n");
    let failed = client.ask("textDocument/formatting", params).expect_err("it has no layout");
    assert_eq!(failed["code"], -32803);
    client.end();
}

fn hover() {
    let mut client = Client::new();
    let name = "stack.kdl";
    client.open(name, STACK);
    let check = |client: &mut Client, needle: &str, behind: usize, wanted: &[&str]| {
        let text = client.hover(name, needle, behind);
        for part in wanted {
            assert!(text.contains(part), "{needle}: {part} is not in: {text}");
        }
    };
    let metric = ["counter", "Orders that came in.", "`route`", "`app`"];
    check(&mut client, "shop_orders_total{job", 3, &metric);
    check(&mut client, "node_cpu_seconds_total", 3, &["counter", "`mode`", "exporter `node`"]);
    check(&mut client, "job:shop_orders:rate5m == 0", 3, &["recording rule", "`shop`"]);
    check(&mut client, "rate(shop", 1, &["rate(range vector) → vector"]);
    check(&mut client, "sum by (job", 1, &["sum by (labels)"]);
    check(&mut client, "job=\"app\"}[5m]", 1, &["label", "`app`"]);
    check(&mut client, "instance) (rate", 1, &["label"]);
    check(&mut client, "scrape_interval", 1, &["scrape_interval", "Takes a duration"]);
    check(&mut client, "condition=", 1, &["\"healthy\""]);
    check(&mut client, "service \"app\"", 1, &["service", "Takes: `name`"]);
    check(&mut client, "\"db\" condition", 1, &["service", "mysql:8.4.6", "3306"]);
    check(&mut client, "to=\"pager\"", 5, &["receiver", "webhook"]);
    check(&mut client, "(secret)\"hook\"", 10, &["secret", "`HOOK`"]);
    check(&mut client, "\"NoOrders\" job", 2, &["critical", "== 0"]);
    let at = STACK.find("summary \"busy\"").expect("there");
    client.edit(name, at..at, "// stackctl: allow S306 reason=\"x\"\n        ");
    check(&mut client, "S306", 1, &["S306"]);
    assert_eq!(client.hover(name, "reason=", 1), "");
    client.end();

    let mut plain = Client::with(json!({}), Value::Null);
    plain.open(name, STACK);
    let text = plain.hover(name, "scrape_interval", 1);
    assert!(text.starts_with("scrape_interval") && !text.contains("**"), "{text}");
    plain.end();
}

fn hover_yaml() {
    let mut client = Client::new();
    let name = "stack.yaml";
    client.open(name, YAML);
    let found = client.hover(name, "shop_orders_total[5m]", 3);
    assert!(found.contains("counter"), "{found}");
    let found = client.hover(name, "db: {condition", 1);
    assert!(found.contains("mysql:8.4.6"), "{found}");
    let found = client.hover(name, "scrape_interval", 1);
    assert!(found.contains("Takes a duration"), "{found}");
    let found = client.hover(name, "depends_on", 1);
    assert!(found.contains("depends_on"), "{found}");
    client.end();
}

fn complete_language() {
    let mut client = Client::new();
    let name = "stack.kdl";
    client.open(name, STACK);
    client.findings(name, Some(1));
    let write = |client: &mut Client, behind: &str, put: &str| -> Vec<String> {
        let at = client.text(name).find(behind).expect("there") + behind.len();
        client.edit(name, at..at, put);
        let needle = format!("{behind}{put}");
        let offered = client.offered(name, &needle);
        client.edit(name, at..at + put.len(), "");
        offered
    };
    let offered = write(&mut client, "port 3306\n", "    hea");
    assert_offers(&offered, &["healthcheck", "image", "depends_on"]);
    assert!(!offered.iter().any(|name| name == "alert"));
    let offered = write(&mut client, "exporter \"node\"\n", "gra");
    assert_offers(&offered, &["grafana", "service", "profile", "include"]);
    let offered = write(&mut client, "port 3306\n", "    restart \"");
    assert_offers(&offered, &["always", "unless-stopped"]);
    let offered = write(&mut client, "depends_on \"db\" condition=\"started\"", "\n    port 81 b");
    assert_offers(&offered, &["bind", "host", "protocol"]);
    let offered = write(&mut client, "scrape_interval \"15s\"\n", "    enable_lifecycle ");
    assert_offers(&offered, &["#true", "#false"]);
    let offered = write(&mut client, "exporter \"node\"\n", "lint allow=\"");
    assert_offers(&offered, &["S306", "missing-severity"]);
    assert_eq!(write(&mut client, "exporter \"node\"\n", "// gra"), [""; 0]);
    // Snippets have a place for what comes next.
    let at = client.text(name).find("exporter \"node\"").expect("there");
    client.edit(name, at..at, "serv\n");
    let items = client.offers(name, "serv\nexporter".split('\n').next().expect("a line"));
    drop(items);
    let position = client.position(name, at + 4);
    let params = json!({"textDocument": {"uri": client.uri(name)}, "position": position});
    let found = client.ask("textDocument/completion", params).expect("an answer");
    let items = found["items"].as_array().expect("a list");
    let service = items.iter().find(|item| item["label"] == "service").expect("offered");
    assert_eq!(service["insertTextFormat"], 2);
    assert_eq!(service["textEdit"]["newText"], "service \"${1:name}\" {\n\t$0\n}");
    assert_eq!(client.covered(name, &service["textEdit"]["range"]), "serv");
    client.end();
}

fn complete_stack() {
    let mut client = Client::new();
    let name = "stack.kdl";
    client.open(name, STACK);
    client.findings(name, Some(1));
    for (old, new, needle, wanted) in [
        ("depends_on \"db\"", "depends_on \"\"", "depends_on \"", &["app", "db"][..]),
        ("to=\"pager\"", "to=\"\"", "to=\"", &["mail", "pager"]),
        ("(secret)\"hook\"", "(secret)\"\"", "(secret)\"", &["hook"]),
        ("data \"prom_data\"", "data \"p\"", "data \"p", &["prom_data"]),
        ("fires \"NoOrders\"", "fires \"N", "fires \"N", &["NoOrders", "CpuBusy"]),
        ("routed_to=\"pager\"", "routed_to=\"", "routed_to=\"", &["pager"]),
        ("image \"mysql:8.4.6\"", "networks \"", "networks \"", &["inner"]),
        ("severity=\"warning\"", "severity=\"", "CpuBusy\" severity=\"", &["critical", "info"]),
        ("#\"severity=\"critical\"\"#", "#\"severity=\"", "#\"severity=\"", &["critical"]),
        ("#\"severity=\"critical\"\"#", "#\"al", "when #\"al", &["alertname", "job"]),
        ("scrape_interval \"15s\"", "scrape \"a", "scrape \"a", &["app", "node"]),
    ] {
        client.replace(name, old, new);
        assert_offers(&client.offered(name, needle), wanted);
        client.replace(name, new, old);
    }
    client.end();
}

fn complete_expressions() {
    let mut client = Client::new();
    let name = "stack.kdl";
    client.open(name, STACK);
    client.findings(name, Some(1));
    let old = "expr \"job:shop_orders:rate5m == 0\"";
    for (new, wanted) in [
        ("expr \"sho", &["shop_orders_total", "shop_seconds_bucket"][..]),
        ("expr \"", &["node_load1", "job:shop_orders:rate5m", "rate", "sum", "up"]),
        ("expr \"sum(ra", &["rate", "irate"]),
        ("expr \"shop_orders_total{", &["route", "job", "instance"]),
        ("expr \"shop_orders_total{job=\\\"", &["app"]),
        ("expr #\"node_cpu_seconds_total{mode=\"i", &["idle", "iowait"]),
        ("expr #\"up{job=~\"node|a", &["app"]),
        ("expr \"sum by (", &["job", "instance"]),
        ("expr \"rate(up[", &["5m"]),
        ("expr \"up and o", &["on", "or"]),
    ] {
        client.replace(name, old, new);
        assert_offers(&client.offered(name, new), wanted);
        client.replace(name, new, old);
    }
    // What is offered of a metric says what it is.
    client.replace(name, old, "expr \"shop_ord");
    let offers = client.offers(name, "expr \"shop_ord");
    let metric = offers.iter().find(|one| one["label"] == "shop_orders_total").expect("offered");
    assert_eq!(metric["detail"], "counter");
    assert!(metric["documentation"]["value"].as_str().is_some_and(|t| t.contains("came in")));
    assert_eq!(client.covered(name, &metric["textEdit"]["range"]), "shop_ord");
    client.end();
}

fn complete_yaml() {
    let mut client = Client::new();
    client.open("stack.yaml", YAML);
    client.findings("stack.yaml", Some(1));
    for (old, new, needle, wanted) in [
        ("{db: {condition: started}}", "{d", "{d", &["db", "app"][..]),
        ("{db: {condition: started}}", "{db: {condition: ", "condition: ", &["healthy"]),
        ("    port: 3306", "    he", "8.4.6\n    he", &["healthcheck", "port"]),
        ("expr: sum by", "expr: shop_orders_total{ro", "{ro", &["route"]),
        ("expr: sum by", "expr: ra", "expr: ra", &["rate"]),
        (
            "        for: 5m",
            "        sum",
            "critical\n        sum",
            &["summary", "keep_firing_for"],
        ),
        ("route: {mail: }", "route: {ma", "route: {ma", &["mail"]),
        ("exporter:\n", "lint:\n  allow: [S3\nexporter:\n", "[S3", &["S306"]),
    ] {
        client.replace("stack.yaml", old, new);
        assert_offers(&client.offered("stack.yaml", needle), wanted);
        client.replace("stack.yaml", new, old);
    }
    client.end();

    let mut client = Client::new();
    client.open("stack.json", "{\"stack\": {\"name\": \"s\"}, \"prometheus\": {\"scr\": 1}}");
    let offered = client.offers("stack.json", "{\"scr");
    let item = offered.iter().find(|one| one["label"] == "scrape_interval").expect("offered");
    assert_eq!(item["textEdit"]["newText"], "scrape_interval");
    assert_eq!(client.covered("stack.json", &item["textEdit"]["range"]), "scr");
    client.end();
}

fn complete_plain() {
    let mut client = Client::with(json!({}), Value::Null);
    client.open("stack.kdl", STACK);
    let at = STACK.find("exporter").expect("there");
    client.edit("stack.kdl", at..at, "\n");
    let position = client.position("stack.kdl", at);
    let params = json!({"textDocument": {"uri": client.uri("stack.kdl")}, "position": position});
    let found = client.ask("textDocument/completion", params).expect("an answer");
    for item in found["items"].as_array().expect("a list") {
        assert!(item["insertTextFormat"].is_null(), "{item}");
        assert!(item["textEdit"]["newText"].as_str().is_some_and(|text| !text.contains('$')));
        assert_ne!(item["documentation"]["kind"], "markdown");
    }
    client.end();
}

/// At every place of the stack, what is offered lies at that place and in one line.
fn offers_fit() {
    let mut client = Client::new();
    for (name, text) in [("stack.kdl", STACK), ("stack.yaml", YAML)] {
        client.open(name, text);
        let places = text.char_indices().map(|(at, _)| at).step_by(23);
        for at in places {
            let position = client.position(name, at);
            let uri = client.uri(name);
            let params = json!({"textDocument": {"uri": uri}, "position": position});
            let found = client.ask("textDocument/completion", params.clone()).expect("an answer");
            for item in found["items"].as_array().expect("a list") {
                let range = &item["textEdit"]["range"];
                let line = &position["line"];
                assert!(range["start"]["line"] == *line && range["end"]["line"] == *line, "{item}");
                let number = |value: &Value| value["character"].as_u64().expect("a number");
                let here = number(&position);
                let (from, to) = (number(&range["start"]), number(&range["end"]));
                assert!(from <= here && here <= to, "{item} at {position}");
            }
            for method in ["hover", "definition", "documentHighlight", "prepareRename"] {
                let method = format!("textDocument/{method}");
                client.ask(&method, params.clone()).expect("an answer");
            }
        }
    }
    client.end();
}

fn definition() {
    let mut client = Client::new();
    client.open("stack.kdl", STACK);
    client.open("stack.yaml", YAML);
    for (name, needle, behind, wanted, before) in [
        ("stack.kdl", "depends_on \"db\"", 13, "db", "service \""),
        ("stack.kdl", "to=\"pager\"", 6, "pager", "receiver \""),
        ("stack.kdl", "routed_to=\"pager\"", 13, "pager", "receiver \""),
        ("stack.kdl", "(secret)\"hook\"", 10, "hook", "secret \""),
        ("stack.kdl", "data \"prom_data\"", 8, "prom_data", "volumes \""),
        ("stack.kdl", "fires \"NoOrders\"", 9, "NoOrders", "alert \""),
        ("stack.kdl", "job:shop_orders:rate5m == 0", 4, "job:shop_orders:rate5m", "record \""),
        ("stack.kdl", "shop_orders_total{job=\"app\"}[", 4, "shop_orders_total", "counter \""),
        ("stack.kdl", "node_cpu_seconds_total", 4, "node", "exporter \""),
        ("stack.yaml", "{db: {cond", 2, "db", "\n  "),
        ("stack.yaml", "shop_orders_total[5m]", 2, "shop_orders_total", "counter: {"),
        ("stack.yaml", "route: {mail: }", 9, "mail", "receiver:\n    "),
    ] {
        let at = client.at(name, needle, behind);
        let found = client.ask("textDocument/definition", at).expect("an answer");
        let [place] = found.as_array().expect("a list").as_slice() else {
            panic!("{needle}: {found}");
        };
        assert_eq!(client.covered(name, &place["range"]), wanted, "{needle}");
        let offset = client.text(name).find(&format!("{before}{wanted}")).expect("declared");
        let start = client.position(name, offset + before.len());
        assert_eq!(place["range"]["start"], start, "{needle}");
    }
    let mut at = client.at("stack.kdl", "service \"db\"", 10);
    at["context"] = json!({"includeDeclaration": true});
    let found = client.ask("textDocument/references", at).expect("an answer");
    assert_eq!(found.as_array().map(Vec::len), Some(2), "{found}");
    client.end();
}

fn rename() {
    let mut client = Client::new();
    client.open("stack.kdl", STACK);
    let mut at = client.at("stack.kdl", "to=\"pager\"", 6);
    let prepared = client.ask("textDocument/prepareRename", at.clone()).expect("an answer");
    assert_eq!(prepared["placeholder"], "pager");
    at["newName"] = json!("night");
    let edit = client.ask("textDocument/rename", at.clone()).expect("an answer");
    let uri = client.uri("stack.kdl");
    let after = client.applied(STACK, &edit["changes"][uri.as_str()]);
    assert_eq!(after, STACK.replace("\"pager\"", "\"night\""));
    for wrong in ["mail", "a b", "", "\"x"] {
        at["newName"] = json!(wrong);
        let failed = client.ask("textDocument/rename", at.clone()).expect_err("refused");
        assert_eq!(failed["code"], -32803, "{wrong}");
    }
    // A metric with its series.
    let mut at = client.at("stack.kdl", "shop_orders_total{job=\"app\"}[", 3);
    at["newName"] = json!("shop_sales_total");
    let edit = client.ask("textDocument/rename", at).expect("an answer");
    let after = client.applied(STACK, &edit["changes"][uri.as_str()]);
    assert_eq!(after, STACK.replace("shop_orders_total", "shop_sales_total"));
    let up = client.at("stack.kdl", "node_cpu_seconds_total", 3);
    assert_eq!(client.ask("textDocument/prepareRename", up), Ok(Value::Null));
    client.end();
}

fn symbols() {
    let mut client = Client::new();
    client.open("stack.kdl", STACK);
    client.open("stack.yaml", YAML);
    for (name, wanted) in [
        ("stack.kdl", &["shop", "app", "db", "node", "prometheus", "alertmanager"][..]),
        ("stack.yaml", &["app", "db", "node", "shop", "alertmanager"]),
    ] {
        let params = json!({"textDocument": {"uri": client.uri(name)}});
        let found = client.ask("textDocument/documentSymbol", params).expect("an answer");
        let found = found.as_array().expect("a list");
        let names: Vec<String> =
            found.iter().map(|one| one["name"].as_str().expect("a name").to_owned()).collect();
        assert_offers(&names, wanted);
        let rules = found.iter().find(|one| one["detail"] == "rules").expect("a group");
        let alerts = rules["children"].as_array().expect("children");
        assert!(alerts.iter().all(|one| {
            let whole = client.covered(name, &one["range"]);
            whole.contains(one["name"].as_str().expect("a name"))
        }));
    }
    client.end();
}
