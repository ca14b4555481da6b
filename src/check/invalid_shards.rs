//! Shards as they are written cannot work.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};
use crate::manifest::Evaluate;
use crate::render;

pub(super) const RULE: Rule = Rule {
    code: "S910",
    name: "invalid-shards",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

/// More than anybody wants to read through one central server.
const MOST: u64 = 256;

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    let mut says = |what: String, at: Span, label: &str, help: &str| {
        findings.push(RULE.says(what).at(at, label).help(help));
    };
    let Some(shards) = &prometheus.shards else {
        for group in &stack.rules {
            if let Some(said) = group.evaluate.as_ref().filter(|on| on.value == Evaluate::Shards) {
                let what = format!("group `{}` is for shards, and there are none", group.name);
                says(
                    what,
                    said.span,
                    "no `shards`",
                    "leave this out, or write `shards` in `prometheus`",
                );
            }
        }
        for scrape in &prometheus.scrapes {
            if let Some(said) = &scrape.sharded {
                let what =
                    format!("scrape job `{}` speaks of shards, and there are none", scrape.job);
                says(
                    what,
                    said.span,
                    "no `shards`",
                    "leave this out, or write `shards` in `prometheus`",
                );
            }
        }
        return;
    };
    let number = &shards.number;
    if number.value < 2 || number.value > MOST {
        let what = format!("{number} shards cannot share the scrape jobs");
        let help = format!("write a number from 2 to {MOST}, or leave `shards` out");
        says(what, number.span, "not a number of shards", &help);
        return;
    }
    if let Some(port) = &shards.port
        && u64::from(port.value) + number.value - 1 > u64::from(u16::MAX)
    {
        let what = format!("the last of {number} shards would have no port");
        says(what, port.span, "too high", "begin lower: each shard takes the next port");
    }
    if let Some(user) = prometheus.web.first().filter(|_| render::shard_login(prometheus).is_none())
    {
        says(
            "the central server cannot log in at its shards".to_owned(),
            user.span(),
            "only a hash of the password is known here",
            &format!(
                "write `scrape \"prometheus\" user=\"{0}\" password=(secret)\"prometheus_password\"`, or the same \
                 behind `shards`; the secret holds the password itself",
                user.user
            ),
        );
    }
    if let Some(label) = &shards.label
        && let Some((name, _)) =
            prometheus.external_labels.iter().find(|(name, _)| name.value == label.value)
    {
        let what = format!("external label `{label}` would be overwritten with the shard's number");
        says(what, name.span, "written here", "give the label of the shards another name");
    }
    let jobs = render::jobs(stack);
    if jobs.iter().all(|job| render::is_central(prometheus, &job.job_name)) {
        let what =
            format!("{number} shards have nothing to share: every job is the central server's");
        says(what, number.span, "nothing to scrape", "leave `sharded=#false` out, or the shards");
    }
}

const EXPLAIN: &str = r##"`shards 4` makes four servers that share the targets of all jobs by their address, and the central one, `prometheus`,
which reads them over remote read and evaluates the rules.

    prometheus { shards 1; scrape "node" sharded=#false }

From two shards on there is something to share. Jobs with `sharded=#false` and the servers' own pages are the central
one's. Where `web` users guard the servers it logs in as `scrape "prometheus"` does, or by the `user` and `password` behind
`shards`: `web` has only hashes. Groups with `evaluate="shards"` and jobs with `sharded` need shards."##;
