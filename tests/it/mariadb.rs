//! A private MariaDB: its own folder, socket and port, gone with the test.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{find_program, free_port};

/// Name of the account that an exporter logs in with; see [`MariaDb::create_exporter`].
pub const EXPORTER: &str = "exporter";

/// A running server. Dropping it kills the server and removes its folder.
pub struct MariaDb {
    child: Child,
    folder: tempfile::TempDir,
    /// Port on 127.0.0.1.
    pub port: u16,
}

impl MariaDb {
    /// Creates the system tables and starts a server; returns when it answers. Needs the programs
    /// `mariadbd`, `mariadb-install-db` and `mariadb`. As root the server stays root.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further options of `mariadbd`.
    pub fn start_with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        let user = String::from_utf8(output(Command::new("id").arg("-un"))).expect("a user name");
        let user = format!("--user={}", user.trim());
        // A server that starts clears the temporary tables it finds, those of others as well.
        let temporary = folder.path().join("tmp");
        std::fs::create_dir(&temporary).expect("created");
        output(
            program("mariadb-install-db")
                .env("TMPDIR", &temporary)
                .args([
                    "--no-defaults",
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                ])
                .arg(format!("--datadir={}", data.display()))
                .arg(&user),
        );
        let port = free_port();
        let log = std::fs::File::create(folder.path().join("server.log")).expect("created");
        let child = program("mariadbd")
            .env("TMPDIR", &temporary)
            .args(["--no-defaults", "--bind-address=127.0.0.1", "--innodb-fast-shutdown=2"])
            .arg(user)
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--socket={}", folder.path().join("socket").display()))
            .arg(format!("--pid-file={}", folder.path().join("pid").display()))
            .arg(format!("--port={port}"))
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("mariadbd starts");
        let server = Self { child, folder, port };
        let start = Instant::now();
        while server.try_sql("SELECT 1").is_none() {
            if start.elapsed() > Duration::from_secs(60) {
                let log = std::fs::read_to_string(server.folder.path().join("server.log"));
                panic!("mariadbd does not answer: {}", log.unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Path of the server's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Runs statements as root and returns what the client prints, one tab-separated line a row.
    pub fn sql(&self, statements: &str) -> String {
        self.try_sql(statements).unwrap_or_else(|| panic!("refused: {statements}"))
    }

    /// Starts a client as root that runs statements in the background.
    pub fn client(&self, statements: &str) -> Child {
        program("mariadb")
            .args(["--no-defaults", "--user=root", "--execute", statements])
            .arg(format!("--socket={}", self.socket().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the client runs")
    }

    fn try_sql(&self, statements: &str) -> Option<String> {
        let output = program("mariadb")
            .args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"])
            .arg(format!("--socket={}", self.socket().display()))
            .args(["--execute", statements])
            .stdin(Stdio::null())
            .output()
            .expect("the client runs");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Creates the account [`EXPORTER`] with this password and the rights an exporter needs.
    pub fn create_exporter(&self, password: &str) {
        let password = password.replace('\\', "\\\\").replace('\'', "\\'");
        self.sql(&format!(
            "CREATE USER {EXPORTER}@'127.0.0.1' IDENTIFIED BY '{password}', \
             {EXPORTER}@'localhost' IDENTIFIED BY '{password}'; \
             GRANT PROCESS, REPLICATION CLIENT, SLAVE MONITOR, SELECT ON *.* TO \
             {EXPORTER}@'127.0.0.1', {EXPORTER}@'localhost';"
        ));
    }

    /// Starts a replica of this server, which needs `--log-bin` and `--server-id=1`; returns when both
    /// of its threads run.
    pub fn start_replica(&self, options: &[&str]) -> Self {
        self.sql(
            "CREATE USER replica@'127.0.0.1' IDENTIFIED BY 'replica'; \
             GRANT REPLICATION SLAVE ON *.* TO replica@'127.0.0.1';",
        );
        let mut all = vec!["--server-id=2", "--report-host=replica-1", "--relay-log=relay"];
        all.extend(options);
        let replica = Self::start_with(&all);
        replica.sql(&format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={}, MASTER_USER='replica', \
             MASTER_PASSWORD='replica', MASTER_USE_GTID=slave_pos; START SLAVE;",
            self.port
        ));
        let start = Instant::now();
        while !replica.sql("SHOW GLOBAL STATUS LIKE 'Slave_running'").contains("ON") {
            let status = || replica.sql("SHOW SLAVE STATUS");
            assert!(start.elapsed() < Duration::from_secs(30), "{}", status());
            std::thread::sleep(Duration::from_millis(50));
        }
        replica
    }

    /// Folder of the server's files, with a slash at its end.
    pub fn data(&self) -> String {
        format!("{}/", self.folder.path().join("data").display())
    }

    /// Stops the server's process in its tracks, or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("kill runs").success());
    }

    /// Ends the server as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn program(name: &str) -> Command {
    Command::new(find_program(name).unwrap_or_else(|| panic!("{name} is not installed")))
}

fn output(command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    output.stdout
}
