//! The MySQL exporter against real servers and the installed reference program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use stackctl::exporters::mysql;

use crate::exporters::{Child, Server, eventually, get, reference_page};
use crate::exposition::{Exposition, read_exposition};
use crate::mariadb::{EXPORTER, MariaDb};
use crate::support::{Needs, Test, free_port, stackctl};

pub const TESTS: &[Test] = &[
    ("server_is_shown_while_it_runs", Needs::Program("mariadbd"), server_is_shown),
    ("probe_asks_other_servers", Needs::Program("mariadbd"), probe_asks_other_servers),
    ("servers_are_asked_over_tls", Needs::Program("openssl"), servers_are_asked_over_tls),
    ("slow_queries_cost_only_themselves", Needs::Program("mariadbd"), slow_queries),
    ("the_environment_has_the_password", Needs::Program("mariadbd"), password_of_environment),
    ("the_offset_is_left_of_the_scrapers_time", Needs::Program("mariadbd"), timeout_offset),
    ("the_session_is_set_up_as_told", Needs::Program("mariadbd"), the_session_is_set_up_as_told),
    (
        "a_server_that_hangs_or_dies_in_mid_scrape_costs_no_more_than_the_deadline",
        Needs::Program("mariadbd"),
        a_server_that_hangs_or_dies,
    ),
    (
        "queries_of_the_manifest_reach_the_server",
        Needs::Program("mariadbd"),
        queries_of_the_manifest,
    ),
    ("many_scrapes_leave_nothing_open", Needs::Program("mariadbd"), many_scrapes),
    (
        "promtool_finds_nothing_that_the_reference_does_not_have_too",
        Needs::Program("promtool"),
        promtool_is_content,
    ),
    (
        "metrics_equal_those_of_the_installed_reference",
        Needs::Program("prometheus-mysqld-exporter"),
        metrics_equal_those_of_the_installed_reference,
    ),
];

/// A password with everything that has been misread somewhere.
const PASSWORD: &str = "p#a;s's@:/%$ \\w";

fn exporter_of(server: &MariaDb, password: &str) -> mysql::Exporter {
    exporter_with(server, password, &[])
}

fn exporter_with(server: &MariaDb, password: &str, flags: &[String]) -> mysql::Exporter {
    let mut arguments = vec![
        "--config.my-cnf=".to_owned(),
        format!("--mysqld.address=127.0.0.1:{}", server.port),
        format!("--mysqld.username={EXPORTER}"),
    ];
    arguments.extend_from_slice(flags);
    let mut config = mysql::Config::from_args(&arguments).expect("well-formed");
    config.password = mysql::Secret(password.to_owned());
    mysql::Exporter::new(&config).expect("complete")
}

fn value(page: &str, series: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok())
}

fn server_is_shown() {
    let mut server = MariaDb::start();
    server.create_exporter(PASSWORD);
    let exporter = Server::start(exporter_of(&server, PASSWORD).router());
    let scrape = |path: &str| {
        let (status, _, body) = exporter.get(path, "");
        assert_eq!(status, 200);
        String::from_utf8(body).expect("text")
    };
    let page = scrape("/metrics");
    assert_eq!(value(&page, "mysql_up"), Some(1.0), "{page}");
    assert_eq!(value(&page, "mysql_exporter_last_scrape_error"), Some(0.0), "{page}");
    let samples = page.lines().filter(|line| line.starts_with("mysql_global_")).count();
    assert!(samples > 800, "only {samples} samples");
    let declared = |name: &str| mysql::declared_metrics().any(|metric| metric.covers(name));
    for name in read_exposition(&page).types.keys() {
        assert!(declared(name), "{name} is not declared");
    }
    let only = scrape("/metrics?collect[]=global_variables");
    assert!(only.contains("mysql_global_variables_") && !only.contains("mysql_global_status_"));

    // Each scrape opens one connection and closes it.
    let connections = "SHOW GLOBAL STATUS LIKE 'Connections'";
    let count = |line: String| line.trim().rsplit('\t').next().and_then(|n| n.parse::<u64>().ok());
    let before = count(server.sql(connections)).expect("a number");
    for _ in 0..5 {
        scrape("/metrics");
    }
    let after = count(server.sql(connections)).expect("a number");
    assert_eq!(after - before, 5 + 1, "five scrapes and the question");
    let users =
        format!("SELECT COUNT(*) FROM information_schema.processlist WHERE user='{EXPORTER}'");
    assert!(eventually(|| server.sql(&users).trim() == "0"), "a connection was left open");
    let aborted = server.sql("SHOW GLOBAL STATUS LIKE 'Aborted_clients'");
    assert_eq!(count(aborted), Some(0), "connections were closed, not cut");

    // Many scrapers at once share what the server is asked.
    let before = count(server.sql(connections)).expect("a number");
    let address = exporter.address;
    let clients: Vec<_> =
        (0..60).map(|_| std::thread::spawn(move || get(address, "/metrics", ""))).collect();
    for client in clients {
        let (status, _, body) = client.join().expect("it ran");
        let page = String::from_utf8(body).expect("text");
        assert_eq!((status, value(&page, "mysql_up")), (200, Some(1.0)));
    }
    let after = count(server.sql(connections)).expect("a number");
    assert!(after - before < 50, "{} connections for 60 scrapes", after - before);
    assert!(eventually(|| server.sql(&users).trim() == "0"), "a connection was left open");

    // A wrong password is a reason, not an error of the exporter, and is never shown.
    let wrong = Server::start(exporter_of(&server, "wr0ng-one").router());
    let page = String::from_utf8(wrong.get("/metrics", "").2).expect("text");
    assert_eq!(value(&page, "mysql_up"), Some(0.0));
    assert_eq!(value(&page, "mysql_exporter_last_scrape_error"), Some(1.0));
    assert!(!page.contains("mysql_exporter_collector_success"));
    let first = String::from_utf8(wrong.get("/", "").2).expect("text");
    assert!(first.contains("Access denied for user") && !first.contains("wr0ng-one"), "{first}");

    server.kill();
    let page = scrape("/metrics");
    assert_eq!(value(&page, "mysql_up"), Some(0.0), "{page}");
    assert!(page.lines().all(|line| !line.starts_with("mysql_global_")));
}

fn probe_asks_other_servers() {
    let server = MariaDb::start();
    server.create_exporter(PASSWORD);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let my_cnf = folder.path().join("my.cnf");
    let text = format!(
        "[client]\nuser = nobody\npassword = none\nhost = 127.0.0.1\nport = {}\n\n\
         [client.shop]\nuser = {EXPORTER}\npassword = \"{PASSWORD}\"\n",
        server.port
    );
    std::fs::write(&my_cnf, text).expect("written");
    let arguments = [format!("--config.my-cnf={}", my_cnf.display())];
    let config = mysql::Config::from_args(&arguments).expect("well-formed");
    let exporter = mysql::Exporter::new(&config).expect("complete");
    let exporter = Server::start(exporter.router());
    let probe = |query: &str| {
        let (status, _, body) = exporter.get(&format!("/probe?{query}"), "");
        (status, String::from_utf8(body).expect("text"))
    };
    assert_eq!(probe(""), (400, "target is required\n".to_owned()));
    let target = format!("target=127.0.0.1:{}", server.port);
    assert_eq!(probe(&format!("{target}&auth_module=client.none")).0, 400);
    assert_eq!(probe("target=no-port&auth_module=client.shop").0, 400);
    let (status, page) = probe(&format!("{target}&auth_module=client.shop"));
    assert_eq!((status, value(&page, "mysql_up")), (200, Some(1.0)), "{page}");
    assert!(!page.contains("process_"), "a probe tells of its target only");
    let socket = format!("target=unix://{}&auth_module=client.shop", server.socket().display());
    assert_eq!(value(&probe(&socket).1, "mysql_up"), Some(1.0));
    let (status, page) = probe(&target);
    assert_eq!((status, value(&page, "mysql_up")), (200, Some(0.0)));
    assert_eq!(exporter.get("/-/reload", "").0, 200);
}

fn openssl(folder: &Path, arguments: &str) {
    let output = std::process::Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn servers_are_asked_over_tls() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for name in ["ca", "other"] {
        let request = format!("req -x509 {key} -keyout {name}.key -out {name}.pem -days 2");
        openssl(folder.path(), &format!("{request} -subj /CN={name}"));
    }
    let request = format!("req {key} -keyout server.key -out server.csr -subj /CN=server");
    openssl(folder.path(), &format!("{request} -addext subjectAltName=IP:127.0.0.1"));
    let sign = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2";
    openssl(folder.path(), &format!("{sign} -copy_extensions copy -out server.pem"));
    let request = format!("req {key} -keyout client.key -out client.csr -subj /CN=exporter");
    openssl(folder.path(), &format!("{request} -addext extendedKeyUsage=clientAuth"));
    let sign = "x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2";
    openssl(folder.path(), &format!("{sign} -copy_extensions copy -out client.pem"));
    let path = |name: &str| folder.path().join(name).display().to_string();
    let server = MariaDb::start_with(&[
        &format!("--ssl-cert={}", path("server.pem")),
        &format!("--ssl-key={}", path("server.key")),
        &format!("--ssl-ca={}", path("ca.pem")),
    ]);
    server.create_exporter("secret");
    for host in ["127.0.0.1", "localhost"] {
        server.sql(&format!("ALTER USER {EXPORTER}@'{host}' REQUIRE SSL;"));
    }
    let up = |options: &str| {
        let my_cnf = folder.path().join("my.cnf");
        let port = server.port;
        let text = format!(
            "[client]\nuser={EXPORTER}\npassword=secret\nhost=127.0.0.1\nport={port}\n{options}"
        );
        std::fs::write(&my_cnf, text).expect("written");
        let arguments = [format!("--config.my-cnf={}", my_cnf.display())];
        let config = mysql::Config::from_args(&arguments).expect("well-formed");
        let exporter = mysql::Exporter::new(&config).expect("complete");
        let page = Server::start(exporter.router()).get("/metrics", "").2;
        let page = String::from_utf8(page).expect("text");
        (value(&page, "mysql_up"), exporter.trouble())
    };
    let (ca, other) = (path("ca.pem"), path("other.pem"));
    assert_eq!(up(&format!("ssl-ca={ca}\n")), (Some(1.0), None));
    assert_eq!(up("").0, Some(0.0), "the account requires encryption");
    let (state, trouble) = up(&format!("ssl-ca={other}\n"));
    assert_eq!(state, Some(0.0), "another authority's certificate");
    assert!(trouble.is_some_and(|trouble| trouble.contains("certificate")));
    for skipping in ["ssl-skip-verfication=true", "ssl-skip-verification", "tls=skip-verify"] {
        assert_eq!(up(&format!("ssl-ca={other}\n{skipping}\n")), (Some(1.0), None), "{skipping}");
        assert_eq!(up(&format!("{skipping}\n")), (Some(1.0), None), "{skipping} alone");
    }
    assert_eq!(up("tls=preferred\n"), (Some(1.0), None));
    assert_eq!(up(&format!("tls=true\nssl-ca={ca}\n")), (Some(1.0), None));
    let (state, trouble) = up("tls=true\n");
    assert_eq!(state, Some(0.0), "nobody known has signed it");
    assert!(trouble.is_some_and(|trouble| trouble.contains("certificate")));
    // The certificate is for the address, not for the name.
    let (state, trouble) = up(&format!("ssl-ca={ca}\nhost=localhost\n"));
    assert_eq!(state, Some(0.0), "{trouble:?}");
    assert!(trouble.is_some_and(|trouble| trouble.contains("certificate")));

    // The server wants to see a certificate of ours.
    for host in ["127.0.0.1", "localhost"] {
        server.sql(&format!("ALTER USER {EXPORTER}@'{host}' REQUIRE X509;"));
    }
    assert_eq!(up(&format!("ssl-ca={ca}\n")).0, Some(0.0), "no certificate was shown");
    let (own, key) = (path("client.pem"), path("client.key"));
    let shown = up(&format!("ssl-ca={ca}\nssl-cert={own}\nssl-key={key}\n"));
    assert_eq!(shown, (Some(1.0), None));
    let foreign = format!("ssl-cert={other}\nssl-key={}\n", path("other.key"));
    assert_eq!(up(&format!("ssl-ca={ca}\n{foreign}")).0, Some(0.0), "another authority's");
}

/// Debian's mysqld_exporter is 0.14: what changed until 0.20 is named here, family by family.
const SINCE: &[&str] = &[
    "mysql_exporter_collector_success",
    "mysql_perf_schema_events_statements_cpu_time_seconds_total",
    "mysql_perf_schema_events_statements_latency",
    "mysql_perf_schema_events_statements_lock_time_seconds_total",
    "mysql_slave_status_gtid_io_pos",
    "mysql_slave_status_gtid_slave_pos",
    "mysqld_exporter_config_last_reload_success_timestamp_seconds",
    "mysqld_exporter_config_last_reload_successful",
    // 0.14 asks for columns that MariaDB does not have any more.
    "mysql_info_schema_innodb_tablespace_allocated_size_bytes",
    "mysql_info_schema_innodb_tablespace_file_size_bytes",
    "mysql_info_schema_innodb_tablespace_space_info",
];

/// Families whose series come and go from one scrape to the next.
const MOVING: &[&str] = &[
    "mysql_exporter_collector_duration_seconds",
    "mysql_exporter_scrape_errors_total",
    "mysql_info_schema_processlist_",
    "mysql_perf_schema_file_instances_",
    "mysql_perf_schema_memory_events_",
    "mysqld_exporter_build_info",
];

/// Families whose values stand still.
const STILL: &[&str] = &[
    "mysql_binlog_file",
    "mysql_global_variables_",
    "mysql_heartbeat_mysql_slave_hosts_info",
    "mysql_heartbeat_stored_",
    "mysql_info_schema_auto_increment_",
    "mysql_info_schema_innodb_cmp",
    "mysql_info_schema_table_rows",
    "mysql_info_schema_table_size",
    "mysql_info_schema_table_version",
    "mysql_mysql_",
    "mysql_version_info",
];

fn differences(ours: &Exposition, theirs: &Exposition) -> Vec<String> {
    let is = |list: &[&str], name: &str| list.iter().any(|prefix| name.starts_with(prefix));
    let mut wrong = Vec::new();
    let names = |all: &Exposition| {
        let own = all.types.keys().filter(|name| name.starts_with("mysql"));
        own.cloned().collect::<BTreeSet<_>>()
    };
    let (mine, reference) = (names(ours), names(theirs));
    wrong.extend(reference.difference(&mine).map(|name| format!("{name}: missing")));
    let new = mine.difference(&reference).filter(|name| !SINCE.contains(&name.as_str()));
    wrong.extend(new.map(|name| format!("{name}: too much")));
    for name in mine.intersection(&reference) {
        let (kind, known) = (&ours.types[name], &theirs.types[name]);
        if kind != known {
            wrong.push(format!("{name}: {kind} instead of {known}"));
        }
        if is(MOVING, name) {
            continue;
        }
        let (left, right) = (&ours.samples[name], &theirs.samples[name]);
        let keys = |all: &BTreeMap<String, String>| all.keys().cloned().collect::<BTreeSet<_>>();
        wrong.extend(keys(left).difference(&keys(right)).map(|key| format!("{key}: too much")));
        wrong.extend(keys(right).difference(&keys(left)).map(|key| format!("{key}: missing")));
        if is(STILL, name) && left != right {
            wrong.push(format!("{left:?} instead of {right:?}"));
        }
    }
    wrong
}

/// The pages of the reference and of ours, for the same server and flags.
fn both_pages(server: &MariaDb, flags: &[String]) -> (Exposition, Exposition) {
    let exporter = Server::start(exporter_with(server, "secret", flags).router());
    let ours = || {
        let page = String::from_utf8(exporter.get("/metrics", "").2).expect("text");
        read_exposition(&page)
    };
    // Asking opens tables, which are shown from then on.
    ours();
    let (_child, page) = reference(server, flags);
    (ours(), read_exposition(&page))
}

/// The reference, started for a server, and its page.
fn reference(server: &MariaDb, flags: &[String]) -> (Child, String) {
    let port = free_port();
    let program = crate::support::find_program("prometheus-mysqld-exporter").expect("installed");
    let mut command = std::process::Command::new(program);
    command
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(flags)
        .env("DATA_SOURCE_NAME", format!("{EXPORTER}:secret@(127.0.0.1:{})/", server.port));
    reference_page(&mut command, port)
}

/// A primary with something to show for every collector, and its replica.
fn pair() -> (MariaDb, MariaDb) {
    let options = [
        "--performance-schema=ON",
        "--performance-schema-instrument=%=ON",
        "--performance-schema-consumer-events-waits-current=ON",
        "--userstat=ON",
        "--plugin-maturity=alpha",
        "--plugin-load-add=query_response_time",
        "--query-response-time-stats=ON",
    ];
    let mut primary = vec!["--log-bin=test", "--server-id=1"];
    primary.extend(options);
    let primary = MariaDb::start_with(&primary);
    let replica = primary.start_replica(&options);
    primary.create_exporter("secret");
    primary.sql(
        &format!(
            "GRANT REPLICATION MASTER ADMIN ON *.* TO {EXPORTER}@'127.0.0.1', {EXPORTER}@'localhost'; \
         CREATE DATABASE heartbeat; CREATE TABLE heartbeat.heartbeat (ts VARCHAR(26) NOT NULL, \
         server_id INT UNSIGNED NOT NULL PRIMARY KEY); \
         INSERT INTO heartbeat.heartbeat VALUES ('2026-11-22 10:00:00.5', 1); \
         CREATE DATABASE shop; USE shop; CREATE TABLE orders (id SMALLINT UNSIGNED NOT NULL \
         AUTO_INCREMENT PRIMARY KEY, status VARCHAR(9), KEY by_status (status)); \
         INSERT INTO orders (status) VALUES ('open'), ('open'), ('paid'); \
         SELECT COUNT(*) FROM orders WHERE status = 'open';"
        )
        .replace("", ""),
    );
    let arrived = || replica.sql("SHOW DATABASES").lines().any(|line| line == "shop");
    assert!(eventually(arrived), "the replica does not follow");
    (primary, replica)
}

fn metrics_equal_those_of_the_installed_reference() {
    let (primary, replica) = pair();
    for (what, server) in [("primary", &primary), ("replica", &replica)] {
        let (ours, theirs) = both_pages(server, &[]);
        let wrong = differences(&ours, &theirs);
        assert!(wrong.is_empty(), "{what}: {} differences:\n{}", wrong.len(), wrong.join("\n"));
        // What came after 0.14.
        let mut flags: Vec<String> = mysql::collector_names()
            .filter(|name| *name != "sys.user_summary")
            .map(|name| format!("--collect.{name}"))
            .collect();
        flags.push("--collect.mysql.user.privileges".to_owned());
        flags.push("--collect.info_schema.tables.databases=shop,heartbeat".to_owned());
        let prefix = server.data();
        flags.push(format!("--collect.perf_schema.file_instances.remove_prefix={prefix}"));
        let (ours, theirs) = both_pages(server, &flags);
        let wrong = differences(&ours, &theirs);
        assert!(wrong.is_empty(), "{what}: {} differences:\n{}", wrong.len(), wrong.join("\n"));
        let failed: Vec<&str> = ours.samples["mysql_exporter_collector_success"]
            .iter()
            .filter(|(_, value)| *value == "0")
            .filter_map(|(series, _)| series.split('"').nth(1)?.strip_prefix("collect."))
            .collect();
        // MariaDB 10.11 has neither TokuDB nor group replication, and other columns.
        let impossible = [
            "engine_tokudb_status",
            "perf_schema.replication_applier_status_by_worker",
            "perf_schema.replication_group_member_stats",
            "perf_schema.replication_group_members",
        ];
        assert_eq!(failed, impossible, "{what}");
        for family in [
            "mysql_info_schema_innodb_tablespace_file_size_bytes",
            "mysql_slave_status_gtid_slave_pos",
        ] {
            assert_eq!(
                ours.types.contains_key(family),
                what == "replica" || !family.contains("gtid")
            );
        }
    }
}

/// An exporter with queries of its own, given as (name, SQL): each answers a column `n`.
fn asking(
    server: &MariaDb,
    queries: &[(&str, &str)],
    flags: &[&str],
) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("queries.yml");
    let queries: Vec<String> = queries
        .iter()
        .map(|(name, sql)| {
            format!("- {{name: {name}, sql: \"{sql}\", values: [{{column: n, type: gauge}}]}}\n")
        })
        .collect();
    std::fs::write(&file, format!("queries:\n{}", queries.concat())).expect("written");
    let mut flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
    flags.push(format!("--exporter.custom-queries={}", file.display()));
    let exporter = exporter_with(server, PASSWORD, &flags);
    (folder, Server::start(exporter.router()))
}

/// A scrape by someone who waits that many seconds, and how long it took.
fn scrape_within(exporter: &Server, seconds: f64, path: &str) -> (String, Duration) {
    let begin = Instant::now();
    let header = format!("X-Prometheus-Scrape-Timeout-Seconds: {seconds}\r\n");
    let (status, _, body) = exporter.get(path, &header);
    assert_eq!(status, 200);
    (String::from_utf8(body).expect("text"), begin.elapsed())
}

fn succeeded(page: &str, collector: &str) -> Option<f64> {
    value(page, &format!("mysql_exporter_collector_success{{collector=\"collect.{collector}\"}}"))
}

/// How many connections the exporter's account has.
fn connections(server: &MariaDb) -> u64 {
    let sql =
        format!("SELECT COUNT(*) FROM information_schema.processlist WHERE user='{EXPORTER}'");
    server.sql(&sql).trim().parse().expect("a number")
}

/// Sockets of this machine that are connected to a port on the loopback.
fn sockets(port: u16) -> usize {
    const ESTABLISHED: &str = "01";
    let table = std::fs::read_to_string("/proc/net/tcp").expect("procfs");
    let end = format!(":{port:04X}");
    let connected = |line: &&str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        columns.len() > 3 && columns[2].ends_with(&end) && columns[3] == ESTABLISHED
    };
    table.lines().filter(connected).count()
}

fn password_of_environment() {
    let server = MariaDb::start();
    server.create_exporter(PASSWORD);
    let up = |password: &str| {
        let port = free_port();
        let mut command = stackctl();
        command
            .args(["run", "mysqld-exporter", "--config.my-cnf="])
            .arg(format!("--mysqld.address=127.0.0.1:{}", server.port))
            .arg(format!("--mysqld.username={EXPORTER}"))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .env("MYSQLD_EXPORTER_PASSWORD", password);
        let (_child, page) = reference_page(&mut command, port);
        value(&page, "mysql_up")
    };
    assert_eq!((up(PASSWORD), up("another")), (Some(1.0), Some(0.0)));
}

/// Of thirty seconds that the scraper waits, twenty-eight are to be left.
fn timeout_offset() {
    let server = MariaDb::start();
    server.create_exporter(PASSWORD);
    let queries = [("slow", "SELECT SLEEP(60) AS n")];
    let (_folder, exporter) = asking(&server, &queries, &["--timeout-offset=28"]);
    let (page, took) = scrape_within(&exporter, 30.0, "/metrics?collect[]=custom.slow");
    assert_eq!(succeeded(&page, "custom.slow"), Some(0.0), "{page}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}

fn slow_queries() {
    let server = MariaDb::start();
    server.create_exporter(PASSWORD);
    let queries = [
        ("a_slow", "SELECT SLEEP(30) AS n"),
        ("b_slow", "SELECT SLEEP(31) AS n"),
        ("c_slow", "SELECT SLEEP(32) AS n"),
        ("d_fast", "SELECT 7 AS n"),
        ("e_wrong", "SELECT n FROM nowhere.nothing"),
        ("f_named_otherwise", "SELECT 1 AS m"),
        ("g_no_number", "SELECT 'seven' AS n"),
        ("h_fast", "SELECT 8 AS n"),
    ];
    let (_folder, exporter) = asking(&server, &queries, &[]);
    let port = server.port;
    let (over, watched) = std::sync::mpsc::channel::<()>();
    // Never more than two connections, and one more that ends a stuck one.
    let watcher = std::thread::spawn(move || {
        let mut most = 0;
        while watched.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            most = most.max(sockets(port));
            std::thread::sleep(Duration::from_millis(10));
        }
        most
    });
    let (page, took) = scrape_within(&exporter, 4.25, "/metrics");
    over.send(()).expect("it watches");
    let most = watcher.join().expect("it ran");
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(most, 2, "connections at once");
    for slow in ["a_slow", "b_slow", "c_slow", "e_wrong", "f_named_otherwise", "g_no_number"] {
        assert_eq!(succeeded(&page, &format!("custom.{slow}")), Some(0.0), "{slow}: {page}");
    }
    assert_eq!(value(&page, "d_fast_n"), Some(7.0));
    assert_eq!(value(&page, "h_fast_n"), Some(8.0));
    assert_eq!(succeeded(&page, "global_status"), Some(1.0));
    assert_eq!(value(&page, "mysql_exporter_last_scrape_error"), Some(1.0));
    let first = String::from_utf8(exporter.get("/", "").2).expect("text");
    for reason in [
        "custom.a_slow: no answer in time",
        "custom.f_named_otherwise: the query answers no column `n`",
        "custom.g_no_number: `seven` of `n` is no number",
    ] {
        assert!(first.contains(reason), "{first}");
    }
    // The server does not go on with what nobody waits for.
    assert!(eventually(|| connections(&server) == 0), "a connection was left open");
    let (page, _) = scrape_within(&exporter, 5.0, "/metrics?collect[]=custom.d_fast");
    assert_eq!(value(&page, "d_fast_n"), Some(7.0));
    assert!(!page.contains("mysql_global_status_"));
}

fn the_session_is_set_up_as_told() {
    let server = MariaDb::start();
    server.create_exporter(PASSWORD);
    server.sql(
        "CREATE DATABASE shop; CREATE TABLE shop.orders (n INT); SET GLOBAL lock_wait_timeout=99;",
    );
    let queries = [
        ("lock_wait", "SELECT @@SESSION.lock_wait_timeout AS n"),
        ("log_filter", "SELECT LENGTH(@@SESSION.log_slow_filter) AS n"),
        ("orders", "SELECT COUNT(*) AS n FROM shop.orders"),
    ];
    let read = |flags: &[&str]| {
        let (_folder, exporter) = asking(&server, &queries, flags);
        let (page, _) = scrape_within(&exporter, 10.0, "/metrics");
        let of = |name: &str| value(&page, &format!("{name}_n"));
        (of("lock_wait"), of("log_filter"), of("orders"))
    };
    let everything = server.sql("SELECT LENGTH(@@GLOBAL.log_slow_filter)").trim().parse().ok();
    assert_eq!(read(&[]), (Some(2.0), everything, Some(0.0)));
    let filter = "tmp_table_on_disk,filesort_on_disk".len() as f64;
    let flags = ["--exporter.log_slow_filter", "--exporter.lock_wait_timeout=1"];
    assert_eq!(read(&flags), (Some(1.0), Some(filter), Some(0.0)));
    assert_eq!(read(&["--no-exporter.enable_lock_wait_timeout"]).0, Some(99.0));

    // Somebody holds the table: its collector gives up, the others do not wait.
    let mut holder = server.client("LOCK TABLES shop.orders WRITE; SELECT SLEEP(20);");
    let held = || server.sql("SHOW PROCESSLIST").contains("SLEEP(20)");
    assert!(eventually(held), "the lock is not held");
    let begin = Instant::now();
    let (wait, _, orders) = read(&flags);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert_eq!((wait, orders), (Some(1.0), None));
    holder.kill().expect("it runs");
    holder.wait().expect("it ends");
}

fn a_server_that_hangs_or_dies() {
    let mut server = MariaDb::start();
    server.create_exporter(PASSWORD);
    let (_folder, exporter) = asking(&server, &[("nap", "SELECT SLEEP(1) AS n")], &[]);
    let address = exporter.address;
    let begin = |seconds: f64| {
        std::thread::spawn(move || {
            let header = format!("X-Prometheus-Scrape-Timeout-Seconds: {seconds}\r\n");
            let begin = Instant::now();
            let (status, _, body) = get(address, "/metrics", &header);
            (status, String::from_utf8(body).expect("text"), begin.elapsed())
        })
    };
    let napping = || server.sql("SHOW PROCESSLIST").contains("SLEEP(1)");
    let scraping = begin(3.0);
    assert!(eventually(napping), "the scrape is under way");
    server.freeze(true);
    let (status, page, took) = scraping.join().expect("it ran");
    assert_eq!((status, succeeded(&page, "custom.nap")), (200, Some(0.0)), "{page}");
    assert_eq!(
        (succeeded(&page, "global_status"), value(&page, "mysql_up")),
        (Some(1.0), Some(1.0))
    );
    assert!(took < Duration::from_secs(3), "{took:?}");
    // A server that is frozen from the start is down, in time as well.
    let (_, page, took) = begin(1.0).join().expect("it ran");
    assert_eq!(value(&page, "mysql_up"), Some(0.0), "{page}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    server.freeze(false);
    assert!(eventually(|| connections(&server) == 0), "a connection was left open");
    assert!(eventually(|| sockets(server.port) == 0), "a socket was left open");

    let scraping = begin(10.0);
    let napping = || server.sql("SHOW PROCESSLIST").contains("SLEEP(1)");
    assert!(eventually(napping), "the scrape is under way");
    server.kill();
    let (status, page, took) = scraping.join().expect("it ran");
    assert_eq!((status, succeeded(&page, "custom.nap")), (200, Some(0.0)), "{page}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    let (_, page, _) = begin(10.0).join().expect("it ran");
    assert_eq!(value(&page, "mysql_up"), Some(0.0), "{page}");
    assert!(eventually(|| sockets(server.port) == 0), "a socket was left open");
}

fn many_scrapes() {
    let server = MariaDb::start();
    server.create_exporter(PASSWORD);
    let exporter = Server::start(exporter_of(&server, PASSWORD).router());
    let address = exporter.address;
    let threads = || std::fs::read_dir("/proc/self/task").expect("procfs").count();
    let before = threads();
    let target = format!("/probe?target=127.0.0.1:{}", server.port);
    for path in ["/metrics", "/metrics?collect[]=slave_status", &target] {
        let clients: Vec<_> = (0..200)
            .map(|_| {
                let path = path.to_owned();
                std::thread::spawn(move || get(address, &path, ""))
            })
            .collect();
        for client in clients {
            let (status, _, body) = client.join().expect("it ran");
            let page = String::from_utf8(body).expect("text");
            assert_eq!((status, value(&page, "mysql_up")), (200, Some(1.0)), "{path}");
        }
    }
    assert!(eventually(|| connections(&server) == 0), "a connection was left open");
    assert!(eventually(|| sockets(server.port) == 0), "a socket was left open");
    let most = server.sql("SHOW GLOBAL STATUS LIKE 'Max_used_connections'");
    let most: u64 = most.trim().rsplit('\t').next().and_then(|n| n.parse().ok()).expect("a number");
    assert!(most <= 4, "{most} connections at once");
    // Other tests run in this process, too: a thread for each scrape would still stand out.
    assert!(eventually(|| threads() < before + 100), "{} threads, {before} before", threads());
}

/// Needs the installed reference as well, which comes with promtool where this is checked.
fn promtool_is_content() {
    let (primary, _replica) = pair();
    let flags: Vec<String> =
        mysql::collector_names().map(|name| format!("--collect.{name}")).collect();
    let exporter = Server::start(exporter_with(&primary, "secret", &flags).router());
    let page = String::from_utf8(exporter.get("/metrics", "").2).expect("text");
    let declared = |name: &str| mysql::declared_metrics().any(|metric| metric.covers(name));
    for name in read_exposition(&page).types.keys() {
        assert!(declared(name), "{name} is not declared");
    }
    let said = complaints(&page);
    let flags: Vec<String> = flags.into_iter().filter(|flag| !flag.contains("sys.user")).collect();
    let theirs: BTreeSet<String> = complaints(&reference(&primary, &flags).1).into_iter().collect();
    // What 0.14 does not have yet is called so by 0.20.
    let newer = ["mysql_sys_statement_latency"];
    let more: Vec<String> = said
        .into_iter()
        .filter(|line| !theirs.contains(line) && !newer.iter().any(|name| line.starts_with(name)))
        .collect();
    assert_eq!(more, [] as [String; 0]);
}

fn complaints(page: &str) -> Vec<String> {
    let said = crate::support::check_metrics(page);
    said.lines().filter(|line| line.starts_with("mysql")).map(str::to_owned).collect()
}

fn queries_of_the_manifest() {
    let server = MariaDb::start();
    server.create_exporter(PASSWORD);
    server.sql(
        "CREATE DATABASE shop; USE shop; CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, \
         status VARCHAR(9)); INSERT INTO orders (status) VALUES ('open'), ('open'), ('it''s');",
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |extra: &str| {
        let manifest = format!(
            "stack \"s\" manifest=1\nservice \"db\" {{ image \"mariadb:11.4.5\"; port 3306 }}\n\
             exporter \"mysql\" {{\n    target \"db\"; user \"exporter\"\n    \
             query \"shop_orders\" sql=\"SELECT status, COUNT(*) AS Number, MAX(id) AS last \
             FROM shop.orders GROUP BY status\" {{\n        label \"status\"\n        \
             gauge \"Number\" help=\"Orders, by status.\"\n        counter \"last\"\n    }}\n{extra}}}\n"
        );
        std::fs::write(folder.path().join("stack.kdl"), manifest).expect("written");
        let rendered = crate::support::stackctl()
            .args(["render", "stack.kdl", "-o", "out"])
            .current_dir(folder.path())
            .output()
            .expect("the binary runs");
        let said = String::from_utf8_lossy(&rendered.stderr).into_owned();
        assert!(rendered.status.success(), "{said}");
    };
    write("");
    let compose =
        std::fs::read_to_string(folder.path().join("out/compose.yaml")).expect("rendered");
    // The reference program knows no queries, so the image is ours.
    for line in
        ["image: stackctl:local", "--exporter.custom-queries=/etc/mysqld-exporter/queries.yml"]
    {
        assert!(compose.contains(line), "{compose}");
    }
    let file = folder.path().join("out/monitoring/mysql-exporter/queries.yml");
    let flag = format!("--exporter.custom-queries={}", file.display());
    let exporter = Server::start(exporter_with(&server, PASSWORD, &[flag]).router());
    let page = || String::from_utf8(exporter.get("/metrics", "").2).expect("text");
    let shown = page();
    assert_eq!(value(&shown, "shop_orders_number{status=\"open\"}"), Some(2.0), "{shown}");
    assert_eq!(value(&shown, "shop_orders_last{status=\"it's\"}"), Some(3.0));
    assert!(shown.contains(
        "# HELP shop_orders_number Orders, by status.\n# TYPE shop_orders_number gauge\n"
    ));
    assert!(shown.contains("# TYPE shop_orders_last counter\n"));
    assert_eq!(succeeded(&shown, "custom.shop_orders"), Some(1.0));

    // An edit is there at the next scrape; a broken one leaves what was.
    write("    query \"one\" sql=\"SELECT 1 AS n\" { gauge \"n\" }\n");
    assert_eq!(value(&page(), "one_n"), Some(1.0));
    std::fs::write(&file, "queries: nonsense").expect("written");
    let shown = page();
    assert_eq!(value(&shown, "one_n"), Some(1.0));
    assert_eq!(value(&shown, "mysqld_exporter_config_last_reload_successful"), Some(0.0));
    assert_eq!(exporter.get("/-/reload", "").0, 500);
}
