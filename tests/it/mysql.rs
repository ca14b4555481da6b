//! The MySQL exporter against real servers and the installed reference program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use stackctl::exporters::mysql;

use crate::exporters::{Exposition, Server, eventually, get, read_exposition, reference_page};
use crate::mariadb::{EXPORTER, MariaDb};
use crate::support::{Needs, Test};

pub const TESTS: &[Test] = &[
    ("server_is_shown_while_it_runs", Needs::Program("mariadbd"), server_is_shown),
    ("probe_asks_other_servers", Needs::Program("mariadbd"), probe_asks_other_servers),
    ("servers_are_asked_over_tls", Needs::Program("openssl"), servers_are_asked_over_tls),
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
    let skipped = up(&format!("ssl-ca={other}\nssl-skip-verfication=true\n"));
    assert_eq!(skipped, (Some(1.0), None));
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
    let port = crate::support::free_port();
    let program = crate::support::find_program("prometheus-mysqld-exporter").expect("installed");
    let mut command = std::process::Command::new(program);
    command
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(flags)
        .env("DATA_SOURCE_NAME", format!("{EXPORTER}:secret@(127.0.0.1:{})/", server.port));
    let exporter = Server::start(exporter_with(server, "secret", flags).router());
    let ours = || {
        let page = String::from_utf8(exporter.get("/metrics", "").2).expect("text");
        read_exposition(&page)
    };
    // Asking opens tables, which are shown from then on.
    ours();
    let (_child, page) = reference_page(&mut command, port);
    (ours(), read_exposition(&page))
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
            "GRANT REPLICATION MASTER ADMIN ON *.* TO {EXPORTER}@'127.0.0.1'; \
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
