//! The routing tree against amtool: random trees, random label sets, the same receivers.

use std::process::Command;

use fastrand::Rng;
use stackctl::alerting::Tree;
use stackctl::model::Labels;
use stackctl::render::to_yaml;
use stackctl::wire::alertmanager::{Config, Receiver, Route};

use crate::support::{Needs, Test, find_program};

pub const TESTS: &[Test] =
    &[("amtool_routes_alike", Needs::Program("amtool"), amtool_routes_alike)];

const NAMES: [&str; 4] = ["severity", "team", "job", "alertname"];
const VALUES: [&str; 6] = ["critical", "warning", "a", "b c", "a,\"b\"", "ä\\"];
/// Matchers as somebody writes them, quoted and not.
const MATCHERS: [&str; 14] = [
    "=critical",
    "=\"warning\"",
    "!=critical",
    " = a ",
    "=\"\"",
    "!=\"\"",
    "=~\"crit.*|warning\"",
    "=~a|b c",
    "!~\"(a|b).*\"",
    "!~.+",
    "=~\".*\"",
    "=\"a,\\\"b\\\"\"",
    "=ä\\",
    "=~\".\"",
];

fn matchers(rng: &mut Rng) -> Vec<String> {
    let one = |rng: &mut Rng| {
        format!("{}{}", NAMES[rng.usize(..NAMES.len())], MATCHERS[rng.usize(..MATCHERS.len())])
    };
    match rng.u8(..6) {
        0 => Vec::new(),
        1 => vec![format!("{{{},{}}}", one(rng), one(rng))],
        2 => vec![one(rng), one(rng)],
        _ => vec![one(rng)],
    }
}

/// A random tree; every route that names a receiver has one of its own, so that an answer tells where
/// an alert ended.
fn route(rng: &mut Rng, depth: u8, receivers: &mut Vec<Receiver>) -> Route {
    let root = receivers.is_empty();
    let receiver = (root || rng.u8(..4) > 0).then(|| {
        let name = format!("r{}", receivers.len());
        receivers.push(Receiver { name: name.clone(), ..Receiver::default() });
        name
    });
    let children = if depth == 0 { 0 } else { rng.usize(1..6) };
    Route {
        receiver,
        matchers: if root { Vec::new() } else { matchers(rng) },
        go_on: !root && rng.bool(),
        routes: (0..children).map(|_| route(rng, depth - 1, receivers)).collect(),
        ..Route::default()
    }
}

fn labels(rng: &mut Rng) -> Labels {
    let mut pairs = Vec::new();
    for name in NAMES {
        if rng.bool() {
            pairs.push((name, VALUES[rng.usize(..VALUES.len())]));
        }
    }
    Labels::from_pairs(pairs)
}

fn amtool_routes_alike() {
    let amtool = find_program("amtool").expect("it was looked for");
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("alertmanager.yml");
    let mut rng = Rng::with_seed(20);
    let (mut several, mut below_root) = (0, 0);
    for _ in 0..80 {
        let mut receivers = Vec::new();
        let route = route(&mut rng, 3, &mut receivers);
        let config = Config { route, receivers, ..Config::default() };
        std::fs::write(&file, to_yaml(&config)).expect("written");
        let tree = Tree::new(&config.route).expect("amtool takes it, too");
        for _ in 0..4 {
            let labels = labels(&mut rng);
            let output = Command::new(&amtool)
                .args(["config", "routes", "test", "--config.file"])
                .arg(&file)
                .args(labels.iter().map(|(name, value)| format!("{name}={value:?}")))
                .output()
                .expect("it runs");
            let theirs = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}\n{}", to_yaml(&config));
            let ends = tree.route(&labels);
            let ours: Vec<&str> =
                ends.iter().map(|end| tree.node(*end).settings.receiver.as_str()).collect();
            several += usize::from(ours.len() > 1);
            below_root += usize::from(ends != [0]);
            assert_eq!(ours.join(","), theirs, "{labels}\n{}", to_yaml(&config));
        }
    }
    assert!(several > 20 && below_root > 100, "{several} {below_root}: the trees are too dull");
}
