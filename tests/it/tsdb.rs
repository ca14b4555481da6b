//! The store under a process that is killed: a child appends and says what was acknowledged.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use stackctl::model::{Labels, TimeRange};
use stackctl::storage::{Append, Batch, Columns, FloatRow, QuerySymbols, Select};
use stackctl::tsdb::{Config, Tsdb};

use crate::support::{Needs, Test};

/// What `main` runs.
pub const TESTS: &[Test] = &[(NAME, Needs::Nothing, a_killed_process_loses_nothing_acknowledged)];

const NAME: &str = "a_killed_process_loses_nothing_acknowledged";
/// Set for the child: the folder of its store.
const FOLDER: &str = "STACKCTL_TEST_TSDB_FOLDER";

fn open(folder: &Path) -> Tsdb {
    let window = std::time::Duration::from_secs(60);
    Tsdb::open(Config { window, future_limit: None, ..Config::new(folder) }).unwrap()
}

fn a_killed_process_loses_nothing_acknowledged() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        append_until_killed(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("tsdb::{NAME}"), "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let times = lines.map_while(Result::ok).filter_map(|line| line.parse::<i64>().ok());
        let goal = acknowledged + 300;
        for time in times {
            acknowledged = time;
            if time >= goal {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let times = stored(&open(folder.path()));
        assert!(acknowledged >= goal, "the child ended by itself at {acknowledged}");
        // What was written and not yet acknowledged may be there as well.
        assert!(times.len() as i64 >= acknowledged, "{} < {acknowledged}", times.len());
        assert!((1..).zip(&times).all(|(i, &time)| time == i * 1000));
        acknowledged = times.len() as i64;
    }
}

fn stored(store: &Tsdb) -> Vec<i64> {
    let symbols = QuerySymbols::new(Arc::clone(store.symbols()));
    let found = store.select(&[], TimeRange::ALL, &symbols).unwrap();
    let mut columns = Columns::default();
    if !found.is_empty() {
        found.read(0, TimeRange::ALL, &mut columns).unwrap();
    }
    columns.times
}

/// Appends a sample a second of its own time, sealing and merging meanwhile.
fn append_until_killed(folder: &Path) -> ! {
    let store = Arc::new(open(folder));
    let mut time = stored(&store).len() as i64;
    let series = store.register(&Labels::from_pairs([("__name__", "up")])).unwrap();
    let upkeep = Arc::clone(&store);
    std::thread::spawn(move || {
        loop {
            upkeep.maintain(i64::MAX).unwrap();
        }
    });
    loop {
        time += 1;
        let row = FloatRow { series, time: time * 1000, start_time: 0, value: 1.0 };
        let batch = Batch { floats: vec![row], ..Batch::default() };
        assert_eq!(store.append(&batch).unwrap().appended, 1);
        println!("{time}");
    }
}
