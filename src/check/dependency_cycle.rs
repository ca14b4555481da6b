//! Services wait for each other, so none of them would ever start.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::Stack;

pub(super) const RULE: Rule = Rule {
    code: "S009",
    name: "dependency-cycle",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let services = &stack.services;
    let mut seen = vec![State::New; services.len()];
    for start in 0..services.len() {
        let mut path = Vec::new();
        visit(stack, start, &mut seen, &mut path, findings);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    OnPath,
    Done,
}

fn visit(
    stack: &Stack,
    at: usize,
    seen: &mut [State],
    path: &mut Vec<usize>,
    findings: &mut Findings,
) {
    if seen[at] != State::New {
        return;
    }
    seen[at] = State::OnPath;
    path.push(at);
    for dependency in &stack.services[at].depends_on {
        let next = stack.services.iter().position(|s| s.name.value == dependency.name.value);
        match next {
            Some(next) if seen[next] == State::OnPath => {
                let from = path.iter().position(|&index| index == next).unwrap_or(0);
                let mut names: Vec<&str> =
                    path[from..].iter().map(|&index| stack.services[index].name.as_str()).collect();
                names.push(&stack.services[next].name);
                findings.push(
                    RULE.says(format!("services wait for each other: {}", names.join(" -> ")))
                        .at(dependency.name.span, "closes the circle")
                        .help("leave out one of these dependencies"),
                );
            }
            Some(next) => visit(stack, next, seen, path, findings),
            None => {}
        }
    }
    path.pop();
    seen[at] = State::Done;
}

const EXPLAIN: &str = r##"Each service in a circle of `depends_on` waits for the next one, so none of them ever starts; compose
refuses such a file.

    service "app" { depends_on "db" }
    service "db"  { depends_on "app" }

Leave out the dependency that is not needed for the start."##;
