//! A setting is younger than the version that is pinned.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};
use crate::manifest::versions::{
    DISCORD_URL_FILE, KEEP_FIRING_FOR, PROTOBUF_MESSAGE, Product, QUERY_OFFSET, ROUND_ROBIN_DNS,
    SAMPLE_AGE_LIMIT, TELEGRAM_TOKEN_FILE, Version, WEBHOOK_URL_FILE, pinned,
};
use crate::manifest::{Images, RelabelAction, Stack, Value};

pub(super) const RULE: Rule = Rule {
    code: "S807",
    name: "version-capability",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

/// A setting that not every version knows.
struct Use {
    what: &'static str,
    product: Product,
    since: Version,
    span: Span,
}

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let images = stack.header.as_ref().and_then(|header| header.images.as_ref());
    // Ours knows all that can be written.
    if images.is_some_and(|images| images.value == Images::Stackctl) {
        return;
    }
    for Use { what, product, since, span } in uses(stack) {
        let Some((version, place)) = pinned(stack, product) else { continue };
        if version >= since {
            continue;
        }
        let name = match product {
            Product::Alertmanager => "Alertmanager",
            _ => "Prometheus",
        };
        findings.push(
            RULE.says(format!("{what} needs {name} {since}, and {version} is pinned"))
                .at(span, format!("not known to {version}"))
                .also(place, "the version")
                .help(format!("pin {since} or newer, or leave this out")),
        );
    }
}

fn uses(stack: &Stack) -> Vec<Use> {
    let mut uses = Vec::new();
    let mut add = |what, product, since, span: Option<Span>| {
        uses.extend(span.map(|span| Use { what, product, since, span }));
    };
    let on = Product::Prometheus;
    for group in &stack.rules {
        let span = group.query_offset.as_ref().map(|offset| offset.span);
        add("`query_offset`", on, QUERY_OFFSET.since, span);
    }
    for alert in stack.alerts() {
        let span = alert.keep_firing_for.as_ref().map(|keep| keep.span);
        add("`keep_firing_for`", on, KEEP_FIRING_FOR.since, span);
    }
    if let Some(prometheus) = &stack.prometheus {
        let window = prometheus.out_of_order_time_window.as_ref().map(|window| window.span);
        add("`out_of_order_time_window`", on, Version(2, 39, 0), window);
        let scrapes =
            prometheus.scrapes.iter().flat_map(|job| job.relabel.iter().chain(&job.metric_relabel));
        let writes = prometheus.remote_write.iter().flat_map(|write| &write.write_relabel);
        for action in scrapes.chain(writes).filter_map(|step| step.action.as_ref()) {
            let since = match action.value {
                RelabelAction::Lowercase | RelabelAction::Uppercase => Version(2, 36, 0),
                RelabelAction::Keepequal | RelabelAction::Dropequal => Version(2, 41, 0),
                _ => continue,
            };
            add("this action", on, since, Some(action.span));
        }
        for write in &prometheus.remote_write {
            let histograms = write.send_native_histograms.as_ref().filter(|wanted| wanted.value);
            let span = histograms.map(|wanted| wanted.span);
            add("`send_native_histograms`", on, Version(2, 40, 0), span);
            let format = write.protobuf_message.as_ref().map(|format| format.span);
            add("`protobuf_message`", on, PROTOBUF_MESSAGE.since, format);
            let robin = write.round_robin_dns.as_ref().map(|robin| robin.span);
            add("`round_robin_dns`", on, ROUND_ROBIN_DNS.since, robin);
            let queue = write.queue.as_ref();
            let limit = queue.and_then(|queue| queue.sample_age_limit.as_ref());
            add("`sample_age_limit`", on, SAMPLE_AGE_LIMIT.since, limit.map(|limit| limit.span));
        }
    }
    let on = Product::Alertmanager;
    for receiver in stack.alertmanager.iter().flat_map(|part| &part.receivers) {
        for hook in receiver.webhook.iter().filter(|hook| is_file(&hook.url.value)) {
            add("a webhook address in a secret", on, WEBHOOK_URL_FILE.since, Some(hook.url.span));
        }
        for telegram in &receiver.telegram {
            add("`telegram`", on, Version(0, 24, 0), Some(telegram.span()));
            let token = is_file(&telegram.bot_token.value).then_some(telegram.bot_token.span);
            add("a Telegram token in a secret", on, TELEGRAM_TOKEN_FILE.since, token);
        }
        for discord in &receiver.discord {
            add("`discord`", on, Version(0, 25, 0), Some(discord.span()));
            let url = is_file(&discord.webhook_url.value).then_some(discord.webhook_url.span);
            add("a Discord address in a secret", on, DISCORD_URL_FILE.since, url);
        }
    }
    uses
}

/// Whether the value is written as the path of a file.
fn is_file(value: &Value) -> bool {
    value.literal().is_none()
}

const EXPLAIN: &str = r##"The version that is pinned (`version`, or the tag of `image`) does not know the setting. A program refuses a file with
a key that it does not know, so render would have to leave out what was asked for.

    prometheus version="2.41"
    rules "shop" { alert "Down" keep_firing_for="5m" { expr "up == 0" } }

Pin a newer version or leave the setting out. Where no version is pinned, files are rendered for a recent one."##;
