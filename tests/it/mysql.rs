//! The MySQL exporter against real servers and the installed reference program.

use std::collections::BTreeSet;
use std::path::Path;

use stackctl::exporters::mysql;

use crate::exporters::{
    Exposition, Server, eventually, get, read_exposition, reference_page,
};
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

fn exporter(server: &MariaDb, password: &str) -> mysql::Exporter {
    let mut config = mysql::Config::from_args(&[
        "--config.my-cnf=".to_owned(),
        format!("--mysqld.address=127.0.0.1:{}", server.port),
        format!("--mysqld.username={EXPORTER}"),
    ])
    .expect("well-formed");
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
    let exporter = Server::start(exporter(&server, PASSWORD).router());
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
    let wrong = Server::start(exporter(&server, "wr0ng-one").router());
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

/// Debian's mysqld_exporter is 0.14: what changed until 0.20 is named here.
fn metrics_equal_those_of_the_installed_reference() {
    let server = MariaDb::start_with(&["--log-bin=test", "--server-id=7"]);
    server.create_exporter("secret");
    // A replica whose primary is away: the columns are there.
    server.sql(
        "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='x'; START SLAVE;",
    );
    let port = crate::support::free_port();
    let program = crate::support::find_program("prometheus-mysqld-exporter").expect("installed");
    let mut command = std::process::Command::new(program);
    command
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .env("DATA_SOURCE_NAME", format!("{EXPORTER}:secret@(127.0.0.1:{})/", server.port));
    let (_child, page) = reference_page(&mut command, port);
    let theirs = read_exposition(&page);
    let exporter = Server::start(exporter(&server, "secret").router());
    let page = String::from_utf8(exporter.get("/metrics", "").2).expect("text");
    let ours = read_exposition(&page);
    let since = [
        "mysql_exporter_collector_success",
        "mysqld_exporter_config_last_reload_successful",
        "mysqld_exporter_config_last_reload_success_timestamp_seconds",
    ];
    let own = |name: &&String| name.starts_with("mysql");
    let mut wrong = Vec::new();
    let names = |all: &Exposition| all.types.keys().filter(own).cloned().collect::<BTreeSet<_>>();
    let (mine, reference) = (names(&ours), names(&theirs));
    wrong.extend(reference.difference(&mine).map(|name| format!("{name}: missing")));
    wrong.extend(
        mine.difference(&reference)
            .filter(|name| !since.contains(&name.as_str()))
            .map(|name| format!("{name}: too much")),
    );
    for name in mine.intersection(&reference).filter(|name| *name != "mysqld_exporter_build_info") {
        if ours.types[name] != theirs.types[name] {
            wrong.push(format!("{name}: {} instead of {}", ours.types[name], theirs.types[name]));
        }
        let (left, right) = (&ours.samples[name], &theirs.samples[name]);
        let keys = |all: &BTreeMap<String, String>| all.keys().cloned().collect::<BTreeSet<_>>();
        wrong.extend(keys(left).symmetric_difference(&keys(right)).cloned());
        // Settings stand still, so their values are the same.
        if name.starts_with("mysql_global_variables_") && left != right {
            wrong.push(format!("{left:?} instead of {right:?}"));
        }
    }
    assert!(mine.iter().any(|name| name.starts_with("mysql_slave_status_")));
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
