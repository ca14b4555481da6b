//! A receiver does not know where to send.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span, Spanned};
use crate::manifest::Value;

pub(super) const RULE: Rule = Rule {
    code: "S419",
    name: "incomplete-receiver",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let Some(alertmanager) = &stack.alertmanager else { return };
    for receiver in &alertmanager.receivers {
        let mut says = |what: &str, span: Span, help: &str| {
            findings.push(
                RULE.says(format!("receiver `{}`: {what}", receiver.name))
                    .at(span, "cannot send")
                    .help(help),
            );
        };
        for slack in &receiver.slack {
            if slack.api_url.is_none() && alertmanager.slack_api_url.is_none() {
                let help = "add `api_url=(secret)\"slack_hook\"`, or `slack_api_url` in `alertmanager` for all";
                says("nothing says where Slack's hook is", slack.span(), help);
            }
        }
        let smtp = alertmanager.smtp.as_ref();
        for email in &receiver.email {
            let help =
                "add `smtp \"mail.example.com:587\" from=\"alerts@example.com\"` in `alertmanager`";
            if email.smarthost.is_none() && smtp.is_none() {
                says("nothing says which mail server sends", email.to.span, help);
            } else if email.from.is_none() && smtp.is_none_or(|smtp| smtp.from.is_none()) {
                says("nothing says who sends the mail", email.to.span, help);
            }
        }
        for pagerduty in &receiver.pagerduty {
            if pagerduty.routing_key.is_none() && pagerduty.service_key.is_none() {
                let help = "add `routing_key=(secret)\"pagerduty\"`";
                says("PagerDuty has no key", pagerduty.span(), help);
            }
        }
        for telegram in receiver.telegram.iter().filter(|telegram| telegram.chat_id.value == 0) {
            says("0 is no chat of Telegram", telegram.chat_id.span, "write the number of the chat");
        }
        let hooks = receiver.webhook.iter().map(|hook| &hook.url);
        let hooks = hooks.chain(receiver.discord.iter().map(|discord| &discord.webhook_url));
        let hooks = hooks.chain(receiver.slack.iter().filter_map(|slack| slack.api_url.as_ref()));
        for url in hooks.filter(|url| !is_address(url)) {
            let help = "write a whole address: `http://host:8080/path`";
            says("this is no address of the web", url.span, help);
        }
    }
}

/// Whether a hook's address may be one; of secrets nothing is known.
fn is_address(url: &Spanned<Value>) -> bool {
    let Value::Literal(text) = &url.value else { return true };
    url::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

const EXPLAIN: &str = r##"Alertmanager refuses a receiver that lacks what it needs to send: Slack's hook, a mail server and a sender,
PagerDuty's key, an address that begins with `http://` or `https://`.

    receiver "ops" { slack channel="#ops" }

Write it with the receiver (`api_url=(secret)"slack_hook"`), or once for all (`slack_api_url`, `smtp`)."##;
