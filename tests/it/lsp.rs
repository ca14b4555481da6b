//! `stackctl lsp`: scripted sessions of an editor with the built program.

mod client;
mod everywhere;
mod knowing;

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
    ("hover_tells_what_is_known", Needs::Nothing, knowing::hover),
    ("hover_works_in_yaml", Needs::Nothing, knowing::hover_yaml),
    ("completion_knows_the_language", Needs::Nothing, knowing::complete_language),
    ("completion_knows_the_stack", Needs::Nothing, knowing::complete_stack),
    ("completion_knows_metrics_and_labels", Needs::Nothing, knowing::complete_expressions),
    ("completion_works_in_yaml_and_json", Needs::Nothing, knowing::complete_yaml),
    ("completion_fits_what_the_client_can", Needs::Nothing, knowing::complete_plain),
    ("what_is_offered_can_be_written", Needs::Nothing, knowing::offers_fit),
    ("a_name_leads_to_its_declaration", Needs::Nothing, knowing::definition),
    ("a_name_is_changed_everywhere", Needs::Nothing, knowing::rename),
    ("a_name_is_changed_in_matchers_labels_and_dashboards", Needs::Nothing, everywhere::rename),
    ("uses_in_dashboards_are_found", Needs::Nothing, everywhere::references),
    ("a_saved_page_counts_as_the_editor_has_it", Needs::Nothing, everywhere::page),
    ("a_document_shows_its_nodes", Needs::Nothing, knowing::symbols),
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
