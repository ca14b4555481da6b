//! The numbers of a remote write queue contradict each other.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};
use crate::manifest::RemoteWrite;

pub(super) const RULE: Rule = Rule {
    code: "S909",
    name: "invalid-queue",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(prometheus) = &stack.prometheus else { return };
    for write in &prometheus.remote_write {
        check_one(write, findings);
    }
}

fn check_one(write: &RemoteWrite, findings: &mut Findings) {
    let Some(queue) = &write.queue else { return };
    let mut says = |what: String, at: Span, label: &str, also: Option<Span>, help: &str| {
        let finding =
            RULE.says(format!("remote write to `{}`: {what}", write.url)).at(at, label).help(help);
        findings.push(match also {
            Some(place) => finding.also(place, "together with this"),
            None => finding,
        });
    };
    let numbers = [
        (&queue.capacity, "capacity"),
        (&queue.max_shards, "max_shards"),
        (&queue.min_shards, "min_shards"),
        (&queue.max_samples_per_send, "max_samples_per_send"),
    ];
    for (said, name) in numbers {
        if let Some(said) = said.as_ref().filter(|said| said.value == 0) {
            says(
                format!("`{name}` is 0"),
                said.span,
                "nothing would be sent",
                None,
                "write at least 1",
            );
        }
    }
    if let (Some(least), most) = (&queue.min_shards, &queue.max_shards) {
        let limit = most.as_ref().map_or(50, |most| most.value);
        if least.value > limit {
            let what = format!("at least {least} shards, and at most {limit}");
            let also = most.as_ref().map(|most| most.span);
            says(what, least.span, "more than the most", also, "raise `max_shards`, or lower this");
        }
    }
    if let Some(batch) = &queue.max_samples_per_send {
        let room = queue.capacity.as_ref();
        let holds = room.map_or(10_000, |room| room.value);
        if batch.value > holds && holds > 0 {
            let what = format!("a request of {batch} samples never fills, a shard holds {holds}");
            let help = "let `capacity` be three to ten times `max_samples_per_send`";
            says(what, batch.span, "more than a shard holds", room.map(|room| room.span), help);
        }
    }
    if let (Some(least), most) = (&queue.min_backoff, &queue.max_backoff) {
        let limit = most.as_ref().map_or(5000, |most| most.ms);
        if least.ms > limit {
            let also = most.as_ref().map(|most| most.span);
            let help = "raise `max_backoff`, which is 5s when nothing is said";
            says(
                "the first wait is longer than the longest".to_owned(),
                least.span,
                "longer",
                also,
                help,
            );
        }
    }
}

const EXPLAIN: &str = r##"A queue has between `min_shards` and `max_shards` connections. Each gathers samples until there are
`max_samples_per_send` or `batch_send_deadline` is over, and holds `capacity` of them.

    prometheus { remote_write "https://store.example.com/api/v1/write" {
        queue min_shards=100 max_shards=50 capacity=1000 max_samples_per_send=5000 min_backoff="10s"
    } }

Without a word there are 1 to 50 shards, 10,000 samples in each, 2,000 in a request, and waits of 30ms to 5s after a
failure. Let `capacity` be three to ten times `max_samples_per_send`."##;
