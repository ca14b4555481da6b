//! Names outside of the nodes that declare them: in matchers, labels, dashboards; and files beside the
//! manifest that count as the editor has them.

use serde_json::{Value, json};

use super::client::Client;
use super::{STACK, has};

const BOARD: &str = r#"{"title": "Own", "uid": "own", "panels": [{
    "type": "timeseries", "title": "A", "gridPos": {"x": 0, "y": 0, "w": 8, "h": 8},
    "datasource": {"type": "prometheus", "uid": "prometheus"},
    "targets": [{"refId": "A", "expr": "sum(rate(shop_orders_total{job=\"app\"}[5m]))"}]
}]}"#;

fn stack() -> String {
    let text = STACK.replace(
        "        when #\"severity=\"critical\"\"# to=\"pager\"\n",
        "        when #\"alertname=~\"NoOrders|CpuBusy\", job!=\"app\"\"# to=\"pager\"\n",
    );
    let text = text.replace(
        "    route \"mail\" {",
        "    inhibit source=\"alertname=NoOrders\" target=#\"alertname=\"CpuBusy\"\"#\n    \
         mute \"night\" when=#\"alertname=\"NoOrders\"\"# from=\"01:00\" to=\"02:00\"\n    \
         route \"mail\" {",
    );
    format!(
        "{text}grafana {{\n    datasource \"prometheus\" default=#true\n    \
         dashboard \"Own\" from=\"own.json\"\n}}\n"
    )
}

/// The edits of a new name for what stands at a place.
fn renamed(client: &mut Client, needle: &str, behind: usize, new: &str) -> Value {
    let mut at = client.at("stack.kdl", needle, behind);
    at["newName"] = json!(new);
    client.ask("textDocument/rename", at).expect("an answer")["changes"].clone()
}

pub fn rename() {
    let mut client = Client::new();
    let text = stack();
    client.save("own.json", BOARD);
    client.open("stack.kdl", &text);
    let (uri, board) = (client.uri("stack.kdl"), client.uri("own.json"));

    let changes = renamed(&mut client, "alert \"NoOrders\"", 9, "NoSales");
    assert_eq!(client.applied(&text, &changes[&uri]), text.replace("NoOrders", "NoSales"));
    // From a matcher it is the same.
    assert_eq!(renamed(&mut client, "=~\"NoOrders", 5, "NoSales"), changes);

    let changes = renamed(&mut client, "counter \"shop_orders_total\"", 12, "shop_sales_total");
    let after = client.applied(&text, &changes[&uri]);
    assert_eq!(after, text.replace("shop_orders_total", "shop_sales_total"));
    let after = client.applied(BOARD, &changes[&board]);
    assert_eq!(after, BOARD.replace("shop_orders_total", "shop_sales_total"));

    // A service is the job that scrapes it, in every label of that name; its image is none.
    let changes = renamed(&mut client, "service \"app\"", 10, "web");
    let after = client.applied(&text, &changes[&uri]);
    let expected = text.replace("service \"app\"", "service \"web\"");
    let expected =
        expected.replace("job=\"app\"", "job=\"web\"").replace("job!=\"app\"", "job!=\"web\"");
    assert_eq!(after, expected);
    let after = client.applied(BOARD, &changes[&board]);
    assert_eq!(after, BOARD.replace("\\\"app\\\"", "\\\"web\\\""));
    // The host of a URL is its name as well, a path that begins like it is not.
    let hooked = text.replace(
        "receiver \"mail\" {",
        "receiver \"hook\" { webhook \"http://app:80/app\" }\n    receiver \"mail\" {",
    );
    assert_ne!(hooked, text);
    client.replace(
        "stack.kdl",
        "receiver \"mail\" {",
        "receiver \"hook\" { webhook \"http://app:80/app\" }\n    receiver \"mail\" {",
    );
    let changes = renamed(&mut client, "service \"app\"", 10, "web");
    let after = client.applied(&hooked, &changes[&uri]);
    assert!(after.contains("webhook \"http://web:80/app\""), "{after}");
    client.end();
}

pub fn references() {
    let mut client = Client::new();
    client.save("own.json", BOARD);
    client.open("stack.kdl", &stack());
    let mut at = client.at("stack.kdl", "counter \"shop_orders_total\"", 12);
    at["context"] = json!({"includeDeclaration": false});
    let found = client.ask("textDocument/references", at).expect("an answer");
    let board = client.uri("own.json");
    let found = found.as_array().expect("places");
    let inside: Vec<&Value> = found.iter().filter(|one| one["uri"] == board.as_str()).collect();
    assert_eq!(inside.len(), 1, "{found:#?}");
    client.open("own.json", BOARD);
    assert_eq!(client.covered("own.json", &inside[0]["range"]), "shop_orders_total");
    client.end();
}

/// A saved page counts as the editor has it, and as it lies on disk once it is closed.
pub fn page() {
    let mut client = Client::new();
    let text = STACK.replace(
        "        counter \"shop_orders_total\" \"route\" help=\"Orders that came in.\"\n        \
         histogram \"shop_seconds\" \"route\"\n",
        "        from \"page.txt\"\n",
    );
    assert!(text.contains("page.txt"));
    let page = "# TYPE shop_orders_total counter\nshop_orders_total{route=\"/\"} 1\n";
    client.save("page.txt", page);
    client.open("stack.kdl", &text);
    assert!(!has(&client.findings("stack.kdl", Some(1)), "S303"));
    client.open("page.txt", page);
    client.findings("page.txt", Some(1));
    client.replace("page.txt", "\nshop_orders_total", "\nshop_sales_total");
    let unknown = |said: &Value| said["diagnostics"].to_string().contains("\"S303\"");
    let stack = client.uri("stack.kdl");
    client.wait("textDocument/publishDiagnostics", |said| {
        said["uri"] == stack.as_str() && unknown(said)
    });
    client.close("page.txt");
    client.wait("textDocument/publishDiagnostics", |said| {
        said["uri"] == stack.as_str() && !unknown(said)
    });
    client.end();
}
