//! What the integration tests share: oracles, free ports, the built binary.

use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};

/// A program or folder that a test compares with. Missing on a newcomer's machine the test reports
/// itself as ignored; with `CI=true` it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Only the built binary.
    Nothing,
    /// A program on the PATH or in the usual sbin folders.
    Program(&'static str),
    /// Several programs.
    Programs(&'static [&'static str]),
    /// Something beside the checkout, `../shared/…`, that only the owner's machines have: ignored
    /// where the whole folder is missing, even in CI.
    Shared(&'static str),
}

/// One test: a name that states a fact, what it needs, and its body, which panics on failure.
pub type Test = (&'static str, Needs, fn());

impl Needs {
    fn missing(self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Program(name) => {
                find_program(name).is_none().then(|| format!("{name} is not installed"))
            }
            Self::Programs(names) => names.iter().find_map(|name| Self::Program(name).missing()),
            Self::Shared(path) => {
                (!shared(path).exists()).then(|| format!("../shared/{path} is not there"))
            }
        }
    }
}

/// Makes the trial of one test: ignored, failing or run, according to what it needs.
pub fn trial(
    part: &str,
    (name, needs, run): (&str, Needs, impl FnOnce() + Send + 'static),
) -> Trial {
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    let missing = needs.missing();
    let ignored =
        missing.is_some() && (!in_ci || matches!(needs, Needs::Shared(_)) && !shared("").exists());
    Trial::test(format!("{part}::{name}"), move || match missing {
        Some(reason) => Err(Failed::from(reason)),
        None => {
            run();
            Ok(())
        }
    })
    .with_ignored_flag(ignored)
}

/// Full path of an installed program.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// A path inside the folder beside the checkout.
pub fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path)
}

/// A path inside the checkout.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The built binary, ready for arguments.
pub fn stackctl() -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stackctl"));
    command.env("NO_COLOR", "1").env_remove("RUST_LOG");
    command
}

/// A port on the loopback that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("the loopback has ports");
    listener.local_addr().expect("a bound listener has an address").port()
}

/// Status and body of a page on the loopback; `None` while nothing answers.
pub fn get(port: u16, path: &str) -> Option<(u16, String)> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).ok()?;
    // HTTP/1.0, so that the answer has no chunks.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// The JSON of a page on the loopback, whatever its status.
pub fn get_json(port: u16, path: &str) -> Option<serde_json::Value> {
    serde_json::from_str(&get(port, path)?.1).ok()
}

/// What `promtool check metrics` says of a page, a complaint on each line.
pub fn check_metrics(page: &str) -> String {
    use std::io::Write as _;
    use std::process::Stdio;
    let program = find_program("promtool").expect("it was looked for");
    let mut child = std::process::Command::new(program)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("a pipe").write_all(page.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!said.contains("error while linting"), "{said}");
    said
}
