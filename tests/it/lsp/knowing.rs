//! What the server knows of a place: hover, completion, definition, rename, symbols.

use serde_json::{Value, json};

use super::client::Client;
use super::{STACK, YAML};

#[track_caller]
fn assert_offers(offered: &[String], wanted: &[&str]) {
    for name in wanted {
        let shown = &offered[..offered.len().min(40)];
        assert!(offered.iter().any(|one| one == name), "{name} is not among {shown:?} …");
    }
}

pub fn hover() {
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

pub fn hover_yaml() {
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

pub fn complete_language() {
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

pub fn complete_stack() {
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

pub fn complete_expressions() {
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
    // A template shows what its alert's expression gives.
    let old = "expr \"job:shop_orders:rate5m == 0\"";
    let sum = "expr \"sum by (route) (shop_orders_total) == 0\"\n        ";
    for (new, wanted, not) in [
        ("summary \"{{ $labels.\"", "route", "instance"),
        ("description \"{{ .Labels.ro\"", "route", "job"),
        ("summary \"{{ $\"", "$labels", "humanize"),
        ("summary \"{{ $value | hu\"", "humanizePercentage", "$value"),
        ("annotations a=\"{{ $labels.\"", "route", "instance"),
    ] {
        client.replace(name, old, &format!("{sum}{new}"));
        let offered = client.offered(name, new.trim_end_matches('"'));
        assert_offers(&offered, &[wanted]);
        assert!(!offered.iter().any(|one| one == not), "{new}: {offered:?}");
        client.replace(name, &format!("{sum}{new}"), old);
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

pub fn complete_yaml() {
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

pub fn complete_plain() {
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
pub fn offers_fit() {
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

pub fn definition() {
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

pub fn rename() {
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

pub fn symbols() {
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
