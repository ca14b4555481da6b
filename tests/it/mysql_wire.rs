//! What only MySQL 8.4 has, which is not packaged here: rows in the shape of its manual, served over
//! the wire protocol (classic, text) by a server of a hundred lines.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use stackctl::exporters::mysql;

use crate::exporters::Server;
use crate::exposition::read_exposition;
use crate::support::{Needs, Test};

pub const TESTS: &[Test] = &[
    ("what_only_mysql_8_4_has_is_shown", Needs::Nothing, what_only_mysql_8_4_has),
    ("old_mysql_is_asked_in_its_own_words", Needs::Nothing, old_mysql),
    ("an_old_server_is_not_asked_for_what_came_later", Needs::Nothing, version_gates),
];

/// An answer: the columns, and rows of texts or NULL.
struct Answer {
    columns: &'static [&'static str],
    rows: &'static [&'static [Option<&'static str>]],
}

/// A server that answers statements that contain one of these texts, and refuses all others.
struct Recorded {
    port: u16,
    statements: Arc<Mutex<Vec<String>>>,
}

impl Recorded {
    fn start(version: &'static str, answers: &'static [(&'static str, Answer)]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the loopback has ports");
        let port = listener.local_addr().expect("bound").port();
        let statements = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&statements);
        // Ends with the process; nobody connects after the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let heard = Arc::clone(&heard);
                std::thread::spawn(move || {
                    Session { stream, sequence: 0 }.serve(version, answers, &heard).ok();
                });
            }
        });
        Self { port, statements }
    }

    /// The page of an exporter with these collectors and no others.
    fn page(&self, collectors: &[&str]) -> String {
        let mut arguments = vec![
            "--config.my-cnf=".to_owned(),
            format!("--mysqld.address=127.0.0.1:{}", self.port),
            "--mysqld.username=exporter".to_owned(),
        ];
        arguments.extend(mysql::collector_names().map(|name| {
            let no = if collectors.contains(&name) { "" } else { "no-" };
            format!("--{no}collect.{name}")
        }));
        let config = mysql::Config::from_args(&arguments).expect("well-formed");
        let exporter = mysql::Exporter::new(&config).expect("complete");
        let (status, _, body) = Server::start(exporter.router()).get("/metrics", "");
        assert_eq!((status, exporter.trouble()), (200, None));
        String::from_utf8(body).expect("text")
    }
}

/// Command that a statement comes with.
const QUERY: u8 = 3;

/// One connection.
struct Session {
    stream: TcpStream,
    sequence: u8,
}

impl Session {
    fn serve(
        mut self,
        version: &str,
        answers: &[(&str, Answer)],
        heard: &Mutex<Vec<String>>,
    ) -> io::Result<()> {
        self.greet(version)?;
        loop {
            self.sequence = 0;
            let packet = self.read()?;
            let (command, text) = packet.split_first().ok_or(io::ErrorKind::UnexpectedEof)?;
            if *command != QUERY {
                return Ok(());
            }
            let sql = String::from_utf8_lossy(text).into_owned();
            heard.lock().expect("nobody panics").push(sql.clone());
            if sql == "SELECT @@version" {
                self.answer(&["@@version"], &[&[Some(version)]])?;
            } else if sql.starts_with("SET ") {
                self.ok()?;
            } else if let Some((_, answer)) = answers.iter().find(|(part, _)| sql.contains(part)) {
                self.answer(answer.columns, answer.rows)?;
            } else {
                // A syntax error.
                let mut error = vec![0xff];
                error.extend(1064_u16.to_le_bytes());
                error.extend(b"#42000You have an error in your SQL syntax");
                self.write(&error)?;
            }
        }
    }

    /// Version 10 of the greeting; whoever comes is let in, whatever the password.
    fn greet(&mut self, version: &str) -> io::Result<()> {
        // PROTOCOL_41, SECURE_CONNECTION, TRANSACTIONS, LONG_PASSWORD; then PLUGIN_AUTH.
        let (low, high) = (0xa201_u16, 0x0008_u16);
        let mut hello = vec![10];
        hello.extend(version.as_bytes());
        hello.push(0);
        hello.extend(7_u32.to_le_bytes());
        hello.extend(b"12345678\0");
        hello.extend(low.to_le_bytes());
        hello.push(45);
        hello.extend(2_u16.to_le_bytes());
        hello.extend(high.to_le_bytes());
        hello.push(21);
        hello.extend([0; 10]);
        hello.extend(b"123456789012\0caching_sha2_password\0");
        self.write(&hello)?;
        self.read()?;
        // The password was known already.
        self.write(&[1, 3])?;
        self.ok()
    }

    fn ok(&mut self) -> io::Result<()> {
        self.write(&[0, 0, 0, 2, 0, 0, 0])
    }

    fn answer(&mut self, columns: &[&str], rows: &[&[Option<&str>]]) -> io::Result<()> {
        let text = |out: &mut Vec<u8>, text: &str| {
            let length = u16::try_from(text.len()).expect("short texts");
            match u8::try_from(length) {
                Ok(length) if length < 251 => out.push(length),
                _ => {
                    out.push(0xfc);
                    out.extend(length.to_le_bytes());
                }
            }
            out.extend(text.as_bytes());
        };
        let end = [0xfe, 0, 0, 2, 0];
        self.write(&[u8::try_from(columns.len()).expect("few columns")])?;
        for column in columns {
            let mut packet = Vec::new();
            for part in ["def", "", "", "", column, column] {
                text(&mut packet, part);
            }
            packet.push(12);
            packet.extend(45_u16.to_le_bytes());
            packet.extend(1024_u32.to_le_bytes());
            // A VAR_STRING.
            packet.extend([0xfd, 0, 0, 0, 0, 0]);
            self.write(&packet)?;
        }
        self.write(&end)?;
        for row in rows {
            let mut packet = Vec::new();
            for value in *row {
                match value {
                    Some(value) => text(&mut packet, value),
                    None => packet.push(0xfb),
                }
            }
            self.write(&packet)?;
        }
        self.write(&end)
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut head = [0; 4];
        self.stream.read_exact(&mut head)?;
        self.sequence = head[3].wrapping_add(1);
        let length = u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize;
        let mut packet = vec![0; length];
        self.stream.read_exact(&mut packet)?;
        Ok(packet)
    }

    fn write(&mut self, packet: &[u8]) -> io::Result<()> {
        let length = u32::try_from(packet.len()).expect("short packets").to_le_bytes();
        let head = [length[0], length[1], length[2], self.sequence];
        self.sequence = self.sequence.wrapping_add(1);
        self.stream.write_all(&[&head, packet].concat())
    }
}

const MEMBER: &str = "5b6d1b9a-1c2f-11ef-8f5c-0242ac120002";

const MYSQL_8_4: &[(&str, Answer)] = &[
    (
        "SHOW REPLICA STATUS",
        Answer {
            columns: &[
                "Replica_IO_State",
                "Source_Host",
                "Source_Port",
                "Read_Source_Log_Pos",
                "Replica_IO_Running",
                "Replica_SQL_Running",
                "Seconds_Behind_Source",
                "Source_UUID",
                "Channel_Name",
                "Last_Errno",
            ],
            rows: &[&[
                Some("Waiting for source to send event"),
                Some("db-1"),
                Some("3306"),
                Some("157"),
                Some("Yes"),
                Some("No"),
                None,
                Some(MEMBER),
                Some("east"),
                Some("0"),
            ]],
        },
    ),
    (
        "SHOW REPLICAS",
        Answer {
            columns: &["Server_Id", "Host", "Port", "Source_Id", "Replica_UUID"],
            rows: &[&[Some("2"), Some("db-2"), Some("3307"), Some("1"), Some(MEMBER)]],
        },
    ),
    (
        "information_schema.innodb_tablespaces",
        Answer {
            columns: &["SPACE", "NAME", "ROW_FORMAT", "SPACE_TYPE", "FILE_SIZE", "ALLOCATED_SIZE"],
            rows: &[
                &[
                    Some("5"),
                    Some("shop/orders"),
                    Some("Dynamic"),
                    Some("Single"),
                    Some("114688"),
                    Some("114688"),
                ],
                &[
                    Some("4294967294"),
                    Some("mysql"),
                    Some("Any"),
                    Some("General"),
                    Some("25165824"),
                    Some("0"),
                ],
            ],
        },
    ),
    (
        "sum_cpu_time, quantile_95, quantile_99, quantile_999",
        Answer {
            columns: &[
                "schema",
                "digest",
                "text",
                "count",
                "wait",
                "lock",
                "errors",
                "warnings",
                "affected",
                "sent",
                "examined",
                "tmp",
                "disk",
                "passes",
                "sorted",
                "unindexed",
                "cpu",
                "q95",
                "q99",
                "q999",
            ],
            rows: &[&[
                Some("shop"),
                Some("1a2b"),
                Some("SELECT ?"),
                Some("4"),
                Some("2500000000000"),
                Some("1000000000"),
                Some("1"),
                Some("2"),
                Some("3"),
                Some("5"),
                Some("6"),
                Some("7"),
                Some("8"),
                Some("9"),
                Some("10"),
                Some("11"),
                Some("500000000000"),
                Some("95000000000"),
                Some("99000000000"),
                Some("999000000000"),
            ]],
        },
    ),
    (
        "replication_group_member_stats",
        Answer {
            columns: &[
                "CHANNEL_NAME",
                "VIEW_ID",
                "MEMBER_ID",
                "COUNT_TRANSACTIONS_IN_QUEUE",
                "COUNT_TRANSACTIONS_CHECKED",
                "COUNT_CONFLICTS_DETECTED",
                "COUNT_TRANSACTIONS_ROWS_VALIDATING",
                "TRANSACTIONS_COMMITTED_ALL_MEMBERS",
                "COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE",
                "COUNT_TRANSACTIONS_REMOTE_APPLIED",
                "COUNT_TRANSACTIONS_LOCAL_PROPOSED",
                "COUNT_TRANSACTIONS_LOCAL_ROLLBACK",
            ],
            rows: &[&[
                Some("group_replication_applier"),
                Some("1:3"),
                Some(MEMBER),
                Some("1"),
                Some("20"),
                Some("3"),
                Some("4"),
                Some("a:1-7"),
                Some("5"),
                Some("6"),
                Some("7"),
                Some("8"),
            ]],
        },
    ),
    (
        "replication_group_members",
        Answer {
            columns: &[
                "CHANNEL_NAME",
                "MEMBER_ID",
                "MEMBER_HOST",
                "MEMBER_PORT",
                "MEMBER_STATE",
                "MEMBER_ROLE",
                "MEMBER_VERSION",
                "MEMBER_COMMUNICATION_STACK",
            ],
            rows: &[&[
                Some("group_replication_applier"),
                Some(MEMBER),
                Some("db-1"),
                Some("3306"),
                Some("ONLINE"),
                Some("PRIMARY"),
                Some("8.4.6"),
                Some("XCom"),
            ]],
        },
    ),
    (
        "replication_applier_status_by_worker",
        Answer {
            columns: &["channel", "worker", "a", "b", "c", "d", "e", "f", "g"],
            rows: &[&[
                Some("east"),
                Some("1"),
                Some("2026-01-01 00:00:00.250000"),
                Some("2026-01-01 00:00:01.000000"),
                Some("2026-01-01 00:00:02.000000"),
                Some("2026-01-01 00:00:03.000000"),
                Some("0000-00-00 00:00:00.000000"),
                Some("0000-00-00 00:00:00.000000"),
                Some("0000-00-00 00:00:00.000000"),
            ]],
        },
    ),
    (
        "innodb_metrics WHERE status = 'enabled'",
        Answer {
            columns: &["SUBSYSTEM", "NAME", "TYPE", "COUNT"],
            rows: &[
                &[Some("buffer"), Some("buffer_pool_pages_data"), Some("value"), Some("301")],
                &[Some("lock"), Some("lock_deadlocks"), Some("counter"), Some("2")],
            ],
        },
    ),
];

/// Samples of a page that are the server's own, sorted by name.
fn samples(page: &str) -> Vec<&str> {
    let own = |line: &&str| {
        line.starts_with("mysql_")
            && !line.starts_with("mysql_exporter_")
            && !line.starts_with("mysql_up")
    };
    page.lines().filter(own).collect()
}

fn what_only_mysql_8_4_has() {
    let server = Recorded::start("8.4.6", MYSQL_8_4);
    let page = server.page(&[
        "slave_status",
        "slave_hosts",
        "info_schema.innodb_tablespaces",
        "info_schema.innodb_metrics",
        "perf_schema.eventsstatements",
        "perf_schema.replication_group_member_stats",
        "perf_schema.replication_group_members",
        "perf_schema.replication_applier_status_by_worker",
    ]);
    let samples = samples(&page).join("\n");
    let channel = format!(
        "{{channel_name=\"east\",connection_name=\"\",master_host=\"db-1\",master_uuid=\"{MEMBER}\"}}"
    );
    let digest = "{digest=\"1a2b\",digest_text=\"SELECT ?\",schema=\"shop\"}";
    let quantile = |q: &str| {
        format!("{{digest=\"1a2b\",digest_text=\"SELECT ?\",quantile=\"{q}\",schema=\"shop\"}}")
    };
    let worker = "{channel_name=\"east\",member_id=\"1\"}";
    let space = "mysql_info_schema_innodb_tablespace";
    let statements = "mysql_perf_schema_events_statements";
    let perf = "mysql_perf_schema";
    let expected = [
        format!(
            "mysql_heartbeat_mysql_slave_hosts_info{{master_id=\"1\",port=\"3307\",server_id=\"2\",slave_host=\"db-2\",slave_uuid=\"{MEMBER}\"}} 1"
        ),
        "mysql_info_schema_innodb_metrics_buffer_pool_pages{state=\"data\"} 301".to_owned(),
        "mysql_info_schema_innodb_metrics_lock_lock_deadlocks_total 2".to_owned(),
        format!("{space}_allocated_size_bytes{{tablespace_name=\"mysql\"}} 0"),
        format!("{space}_allocated_size_bytes{{tablespace_name=\"shop/orders\"}} 114688"),
        format!("{space}_file_size_bytes{{tablespace_name=\"mysql\"}} 2.5165824e+07"),
        format!("{space}_file_size_bytes{{tablespace_name=\"shop/orders\"}} 114688"),
        format!(
            "{space}_space_info{{file_format=\"NONE\",row_format=\"Any\",space_type=\"General\",tablespace_name=\"mysql\"}} 4.294967294e+09"
        ),
        format!(
            "{space}_space_info{{file_format=\"NONE\",row_format=\"Dynamic\",space_type=\"Single\",tablespace_name=\"shop/orders\"}} 5"
        ),
        format!("{perf}_applying_transaction_immediate_commit_timestamp_seconds{worker} 0"),
        format!("{perf}_applying_transaction_original_commit_timestamp_seconds{worker} 0"),
        format!("{perf}_applying_transaction_start_apply_timestamp_seconds{worker} 0"),
        format!("{perf}_conflicts_detected_total 3"),
        format!("{statements}_cpu_time_seconds_total{digest} 0.5"),
        format!("{statements}_errors_total{digest} 1"),
        format!("{statements}_latency{} 0.095", quantile("95")),
        format!("{statements}_latency{} 0.099", quantile("99")),
        format!("{statements}_latency{} 0.999", quantile("999")),
        format!("{statements}_latency_sum{digest} 2.5"),
        format!("{statements}_latency_count{digest} 4"),
        format!("{statements}_lock_time_seconds_total{digest} 0.001"),
        format!("{statements}_no_index_used_total{digest} 11"),
        format!("{statements}_rows_affected_total{digest} 3"),
        format!("{statements}_rows_examined_total{digest} 6"),
        format!("{statements}_rows_sent_total{digest} 5"),
        format!("{statements}_seconds_total{digest} 2.5"),
        format!("{statements}_sort_merge_passes_total{digest} 9"),
        format!("{statements}_sort_rows_total{digest} 10"),
        format!("{statements}_tmp_disk_tables_total{digest} 8"),
        format!("{statements}_tmp_tables_total{digest} 7"),
        format!("{statements}_total{digest} 4"),
        format!("{statements}_warnings_total{digest} 2"),
        format!(
            "{perf}_last_applied_transaction_end_apply_timestamp_seconds{worker} 1.767225603e+09"
        ),
        format!(
            "{perf}_last_applied_transaction_immediate_commit_timestamp_seconds{worker} 1.767225601e+09"
        ),
        format!(
            "{perf}_last_applied_transaction_original_commit_timestamp_seconds{worker} 1.76722560025e+09"
        ),
        format!(
            "{perf}_last_applied_transaction_start_apply_timestamp_seconds{worker} 1.767225602e+09"
        ),
        format!(
            "{perf}_replication_group_member_info{{channel_name=\"group_replication_applier\",member_communication_stack=\"XCom\",member_host=\"db-1\",member_id=\"{MEMBER}\",member_port=\"3306\",member_role=\"PRIMARY\",member_state=\"ONLINE\",member_version=\"8.4.6\"}} 1"
        ),
        format!("{perf}_transactions_checked_total 20"),
        format!("{perf}_transactions_in_queue 1"),
        format!("{perf}_transactions_local_proposed_total 7"),
        format!("{perf}_transactions_local_rollback_total 8"),
        format!("{perf}_transactions_remote_applied_total 6"),
        format!("{perf}_transactions_remote_in_applier_queue 5"),
        format!("{perf}_transactions_rows_validating_total 4"),
        format!("mysql_slave_status_last_errno{channel} 0"),
        format!("mysql_slave_status_master_port{channel} 3306"),
        format!("mysql_slave_status_read_master_log_pos{channel} 157"),
        format!("mysql_slave_status_slave_io_running{channel} 1"),
        format!("mysql_slave_status_slave_sql_running{channel} 0"),
    ];
    assert_eq!(samples, expected.join("\n"));
    let types = read_exposition(&page).types;
    assert_eq!(types["mysql_perf_schema_events_statements_latency"], "summary");
    assert_eq!(types["mysql_perf_schema_transactions_in_queue"], "gauge");
    assert_eq!(types["mysql_perf_schema_transactions_checked_total"], "counter");
    // MySQL has no limit in seconds, and nobody asks it for slaves any more.
    let statements = server.statements.lock().expect("nobody panics");
    let said = |text: &str| statements.iter().any(|sql| sql.contains(text));
    assert!(said("SET SESSION lock_wait_timeout=2") && said("SET SESSION max_execution_time="));
    assert!(!said("SLAVE") && !said("max_statement_time"), "{statements:?}");
}

const MYSQL_5_7: &[(&str, Answer)] = &[
    (
        // As an administrator's plugin forbids to wait for locks; older ones know only the plain form.
        "SHOW SLAVE STATUS",
        Answer {
            columns: &["Master_Host", "Seconds_Behind_Master", "Channel_Name"],
            rows: &[&[Some("db-1"), Some("12"), Some("")]],
        },
    ),
    (
        "SHOW SLAVE HOSTS",
        Answer {
            columns: &["Server_id", "Host", "Port", "Rpl_recovery_rank", "Master_id"],
            rows: &[&[Some("2"), Some("db-2"), Some("3307"), Some("0"), Some("1")]],
        },
    ),
    (
        "information_schema.innodb_sys_tablespaces",
        Answer {
            columns: &[
                "SPACE",
                "NAME",
                "FILE_FORMAT",
                "ROW_FORMAT",
                "SPACE_TYPE",
                "FILE_SIZE",
                "ALLOCATED_SIZE",
            ],
            rows: &[&[
                Some("5"),
                Some("shop/orders"),
                Some("Barracuda"),
                Some("Dynamic"),
                Some("Single"),
                Some("98304"),
                Some("98304"),
            ]],
        },
    ),
];

fn old_mysql() {
    let server = Recorded::start("5.7.44-log", MYSQL_5_7);
    let page = server.page(&["slave_status", "slave_hosts", "info_schema.innodb_tablespaces"]);
    let samples = samples(&page);
    for sample in [
        "mysql_slave_status_seconds_behind_master{channel_name=\"\",connection_name=\"\",master_host=\"db-1\",master_uuid=\"\"} 12",
        "mysql_heartbeat_mysql_slave_hosts_info{master_id=\"1\",port=\"3307\",server_id=\"2\",slave_host=\"db-2\",slave_uuid=\"\"} 1",
        "mysql_info_schema_innodb_tablespace_space_info{file_format=\"Barracuda\",row_format=\"Dynamic\",space_type=\"Single\",tablespace_name=\"shop/orders\"} 5",
    ] {
        assert!(samples.contains(&sample), "{samples:#?}");
    }
}

fn version_gates() {
    let server = Recorded::start("5.5.62", &[]);
    let newer = ["perf_schema.memory_events", "perf_schema.eventsstatements", "sys.user_summary"];
    let page = server.page(&newer);
    assert!(page.contains("mysql_up 1\n"), "{page}");
    assert!(!page.contains("mysql_exporter_collector_success"), "{page}");
    let statements = server.statements.lock().expect("nobody panics");
    assert!(statements.iter().all(|sql| !sql.contains("_schema")), "{statements:?}");
}
