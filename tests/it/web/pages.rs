//! The pages as HTML.

use super::server::Server;

pub fn pages() {
    let server = Server::start();
    let check = |path: &str, wanted: &[&str]| {
        let answer = server.get(path);
        let text = answer.text();
        assert_eq!(answer.status, 200, "{path}: {text}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        for part in wanted {
            assert!(text.contains(part), "{path} lacks {part}:\n{text}");
        }
        assert!(!text.contains("<down>") && !text.contains("<refused>"), "{path} is not escaped");
    };
    check("/", &["0 / 2", "connection &lt;refused&gt;", "alerts firing, 1 pending"]);
    check("/targets", &["connection &lt;refused&gt;", "http://db:9104/metrics", "1 dropped"]);
    check("/alerts", &["is &lt;down&gt;", "severity=", "pending", "2026-03-02 09:00:00 UTC"]);
    check("/rules", &["job:up:sum", "many-to-many", "sum by (job) (up)", "every 30s"]);
    check("/config", &["scrape_interval: 15s # &lt;&amp;&gt;"]);
    check("/status", &["Series in memory", "http://127.0.0.1:9093"]);
    check(
        "/graph?expr=up&end=2026-03-02+09:00:00",
        &["2 series", "up{instance=&quot;a&lt;b&gt;\\&quot;c&quot;, job=&quot;prom&quot;}"],
    );
    check(
        "/graph?g0.expr=rate(requests_total%5B1m%5D)&g0.tab=0&end=1772442000&range=10m",
        &["<svg class=\"chart\"", "<polyline", "a point every 5s"],
    );
    check("/query?expr=%22%3Cscript%3E%22", &["&lt;script&gt;"]);
    let missing = server.get("/nope%3Cb%3E");
    assert_eq!(missing.status, 404);
    assert!(missing.text().contains("There is no such page"));
}

pub fn page_of_a_bad_query() {
    let server = Server::start();
    let page = server.get("/graph?expr=sum(up)+%2B+xyz(up)").text();
    assert!(
        page.contains("1:11: parse error: unknown function with name &quot;xyz&quot;"),
        "{page}"
    );
    assert!(page.contains("sum(up) + xyz(up)\n          ^^^"), "{page}");
    let page = server.get("/graph?expr=up&range=x").text();
    assert!(page.contains("&quot;x&quot; is not a length of time"), "{page}");
    let page = server.get("/graph?expr=up+*+on()+up&end=1772442000").text();
    assert!(page.contains("many-to-many matching not allowed"), "{page}");
}
