//! A service that `up` cannot start, since nothing tells how it runs without a container.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};

pub(super) const RULE: Rule = Rule {
    code: "S806",
    name: "no-native-command",
    severity: Severity::Info,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for service in stack.services.iter().filter(|service| service.native.is_none()) {
        findings.push(
            RULE.says(format!("`up` does not start service `{}`", service.name))
                .at(service.name.span, "no `native`")
                .help(
                    "say how it runs without a container: `native { run \"./program\" }`, or where it runs \
                     already: `native external=\"127.0.0.1:8080\"`",
                ),
        );
    }
}

const EXPLAIN: &str = r##"`stackctl up` runs the stack without containers. A service that only has an image cannot be part of that; `up` shows it
as not run here, and its target as down.

    service "shop" { image "example/shop:1.4.0"; port 8080; metrics }

Say how it runs, or where it runs already:

    service "shop" { port 8080; metrics; native { run "./shop" "--port" "8080" } }
    service "shop" { port 8080; metrics; native external="127.0.0.1:8080" }

Only said when asked for, by `--warn S806` or `lint warn="S806"`: most stacks of containers mean it so."##;
