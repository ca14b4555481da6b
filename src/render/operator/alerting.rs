//! alertmanager.yml as an AlertmanagerConfig, where that knows everything that is said. It is named as
//! the whole configuration of the Alertmanager, so that the operator adds no matcher for the namespace.

use crate::alerting::matchers::parse;
use crate::diag::{Span, Spanned};
use crate::manifest::{Alertmanager, Value};
use crate::wire::alertmanager as file;
use crate::wire::operator as wire;

use super::keys::Keys;

/// What an AlertmanagerConfig does not know: time zones, and secrets that are written out.
pub(super) fn unknown(alertmanager: &Alertmanager) -> Vec<(Span, String)> {
    let mut reasons: Vec<(Span, String)> = alertmanager
        .mutes
        .iter()
        .filter_map(|mute| mute.timezone.as_ref())
        .filter(|zone| !matches!(zone.as_str(), "UTC" | "Etc/UTC"))
        .map(|zone| (zone.span, "quiet times in a time zone".to_owned()))
        .collect();
    let literal = |value: &&Spanned<Value>| value.value.literal().is_some();
    let mut written = |value: Option<&Spanned<Value>>| {
        if let Some(value) = value.filter(literal) {
            reasons.push((value.span, "a secret that is written out".to_owned()));
        }
    };
    written(alertmanager.slack_api_url.as_ref());
    written(alertmanager.smtp.as_ref().and_then(|smtp| smtp.password.as_ref()));
    for receiver in &alertmanager.receivers {
        receiver.slack.iter().for_each(|slack| written(slack.api_url.as_ref()));
        receiver.email.iter().for_each(|email| written(email.password.as_ref()));
        receiver.discord.iter().for_each(|discord| written(Some(&discord.webhook_url)));
        receiver.telegram.iter().for_each(|telegram| written(Some(&telegram.bot_token)));
        for pager in &receiver.pagerduty {
            written(pager.routing_key.as_ref());
            written(pager.service_key.as_ref());
        }
        for hook in &receiver.webhook {
            written(hook.password.as_ref());
            written(hook.bearer_token.as_ref());
        }
    }
    reasons
}

/// The defaults of all receivers.
pub(super) fn global(keys: &mut Keys, global: &file::Global) -> wire::Global {
    let file::Global {
        resolve_timeout,
        smtp_from,
        smtp_smarthost,
        smtp_hello,
        smtp_auth_username,
        smtp_auth_password: _,
        smtp_auth_password_file,
        smtp_require_tls,
        slack_api_url: _,
        slack_api_url_file,
    } = global;
    wire::Global {
        resolve_timeout: resolve_timeout.clone(),
        slack_api_url: keys.maybe(slack_api_url_file.as_ref()),
        smtp: smtp_smarthost.as_ref().map(|smarthost| wire::Smtp {
            from: smtp_from.clone(),
            smart_host: smarthost.rsplit_once(':').map(|(host, port)| wire::HostPort {
                host: host.to_owned(),
                port: port.to_owned(),
            }),
            hello: smtp_hello.clone(),
            auth_username: smtp_auth_username.clone(),
            auth_password: keys.maybe(smtp_auth_password_file.as_ref()),
            require_tls: *smtp_require_tls,
        }),
    }
}

/// Routes, receivers, inhibitions and quiet times.
pub(super) fn config(keys: &mut Keys, config: &file::Config) -> wire::AlertmanagerConfig {
    wire::AlertmanagerConfig {
        route: route(&config.route),
        inhibit_rules: config
            .inhibit_rules
            .iter()
            .map(|rule| wire::InhibitRule {
                source_match: matchers(&rule.source_matchers),
                target_match: matchers(&rule.target_matchers),
                equal: rule.equal.clone(),
            })
            .collect(),
        receivers: config.receivers.iter().map(|said| receiver(keys, said)).collect(),
        mute_time_intervals: config.time_intervals.iter().map(interval).collect(),
    }
}

fn route(route: &file::Route) -> wire::Route {
    let file::Route {
        receiver,
        group_by,
        matchers: said,
        go_on,
        group_wait,
        group_interval,
        repeat_interval,
        mute_time_intervals,
        active_time_intervals,
        routes,
    } = route;
    wire::Route {
        receiver: receiver.clone(),
        group_by: group_by.clone(),
        group_wait: group_wait.clone(),
        group_interval: group_interval.clone(),
        repeat_interval: repeat_interval.clone(),
        matchers: matchers(said),
        go_on: *go_on,
        routes: routes.iter().map(self::route).collect(),
        mute_time_intervals: mute_time_intervals.clone(),
        active_time_intervals: active_time_intervals.clone(),
    }
}

/// Conditions in their parts. One that cannot be read is a finding elsewhere.
fn matchers(said: &[String]) -> Vec<wire::Matcher> {
    let all = said.iter().filter_map(|text| parse(text).ok()).flatten();
    all.map(|placed| wire::Matcher {
        name: placed.matcher.name.clone(),
        value: placed.matcher.value.clone(),
        match_type: Some(placed.matcher.op.as_str().to_owned()),
    })
    .collect()
}

fn interval(interval: &file::TimeInterval) -> wire::TimeInterval {
    let range = |days: &String| {
        let (first, last) = days.split_once(':').unwrap_or((days, days));
        wire::DayRange { start: first.trim().parse().ok(), end: last.trim().parse().ok() }
    };
    wire::TimeInterval {
        name: interval.name.clone(),
        time_intervals: interval
            .time_intervals
            .iter()
            .map(|span| wire::TimeSpec {
                times: span
                    .times
                    .iter()
                    .map(|time| wire::TimeRange {
                        start_time: time.start_time.clone(),
                        end_time: time.end_time.clone(),
                    })
                    .collect(),
                weekdays: span.weekdays.clone(),
                days_of_month: span.days_of_month.iter().map(range).collect(),
                months: span.months.clone(),
                years: span.years.clone(),
            })
            .collect(),
    }
}

fn pairs(map: &indexmap::IndexMap<String, String>) -> Vec<wire::KeyValue> {
    let pair = |(key, value): (&String, &String)| wire::KeyValue {
        key: key.clone(),
        value: value.clone(),
    };
    map.iter().map(pair).collect()
}

fn receiver(keys: &mut Keys, receiver: &file::Receiver) -> wire::Receiver {
    wire::Receiver {
        name: receiver.name.clone(),
        slack_configs: receiver
            .slack_configs
            .iter()
            .map(|slack| wire::Slack {
                send_resolved: slack.send_resolved,
                api_url: keys.maybe(slack.api_url_file.as_ref()),
                channel: slack.channel.clone(),
                username: slack.username.clone(),
                title: slack.title.clone(),
                text: slack.text.clone(),
                color: slack.color.clone(),
            })
            .collect(),
        webhook_configs: receiver
            .webhook_configs
            .iter()
            .map(|hook| wire::Webhook {
                send_resolved: hook.send_resolved,
                url: hook.url.clone(),
                url_secret: keys.maybe(hook.url_file.as_ref()),
                max_alerts: hook.max_alerts,
                http_config: hook.http_config.as_ref().map(|http| wire::Http {
                    basic_auth: keys.basic(http.basic_auth.as_ref()),
                    authorization: keys.authorization(http.authorization.as_ref()),
                    tls_config: keys.tls(http.tls_config.as_ref()),
                }),
            })
            .collect(),
        email_configs: receiver
            .email_configs
            .iter()
            .map(|email| wire::Email {
                send_resolved: email.send_resolved,
                to: Some(email.to.clone()),
                from: email.from.clone(),
                smarthost: email.smarthost.clone(),
                auth_username: email.auth_username.clone(),
                auth_password: keys.maybe(email.auth_password_file.as_ref()),
                require_tls: email.require_tls,
                headers: pairs(&email.headers),
                html: email.html.clone(),
                text: email.text.clone(),
            })
            .collect(),
        pagerduty_configs: receiver
            .pagerduty_configs
            .iter()
            .map(|pager| wire::PagerDuty {
                send_resolved: pager.send_resolved,
                routing_key: keys.maybe(pager.routing_key_file.as_ref()),
                service_key: keys.maybe(pager.service_key_file.as_ref()),
                description: pager.description.clone(),
                severity: pager.severity.clone(),
                details: pairs(&pager.details),
            })
            .collect(),
        telegram_configs: receiver
            .telegram_configs
            .iter()
            .map(|telegram| wire::Telegram {
                send_resolved: telegram.send_resolved,
                bot_token: keys.maybe(telegram.bot_token_file.as_ref()),
                chat_id: Some(telegram.chat_id),
                message: telegram.message.clone(),
                parse_mode: telegram.parse_mode.clone(),
            })
            .collect(),
        discord_configs: receiver
            .discord_configs
            .iter()
            .map(|discord| wire::Discord {
                send_resolved: discord.send_resolved,
                api_url: keys.maybe(discord.webhook_url_file.as_ref()),
                title: discord.title.clone(),
                message: discord.message.clone(),
            })
            .collect(),
    }
}
