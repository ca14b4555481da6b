//! The password of a `web` user is written out, so that nobody asks for it.

use super::{Input, Rule, guarded};
use crate::diag::{Findings, Severity};
use crate::manifest::Value;

pub(super) const RULE: Rule = Rule {
    code: "S620",
    name: "literal-web-password",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for part in guarded::all(stack) {
        for user in part.web {
            if let Value::Literal(_) = user.password.value {
                findings.push(
                    RULE.says(format!("the password of user `{}` of {} is written out", user.user, part.what))
                        .at(user.password.span, "has to be a secret")
                        .help(format!(
                            "put what `stackctl hash-password` prints into a file, declare it, and refer to it: \
                             `password=(secret)\"{}_hash\"`",
                            part.job.replace('-', "_")
                        )),
                );
            }
        }
    }
}

const EXPLAIN: &str = r##"The users of a part are added to its web configuration when it starts, from files with the hashes of their passwords:
rendered files hold none. A password or hash that is written out would reach no such file.

    prometheus { web user="ops" password="$2y$10$Yq5E…" }

Keep the hash in a file:

    secret "prometheus_hash" file="./secrets/prometheus_hash"
    prometheus { web user="ops" password=(secret)"prometheus_hash" }"##;
