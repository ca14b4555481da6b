//! `monitoring/alertmanager.yml`, its web configuration, and the command line.

use crate::diag::Spanned;
use crate::manifest::address::ALERTMANAGER_PORT;
use crate::manifest::matchers::matchers;
use crate::manifest::{
    self, Alertmanager, Block, ClientTls, Mute, MuteMode, Receiver, Stack, Value, When,
};
use crate::wire::alertmanager as wire;

use super::alerts::text;
use super::mutes;
use super::parts::{
    Access, Common, HostPath, MountPoint, Part, PartKind, add_tls_file, add_web, part as new,
    route_prefix, tls_path,
};
use super::secrets::{SecretRef, slug};
use super::versions::Product;
use super::web::web_config;
use super::{Output, Plan, RenderError, Renderer, header, target, to_yaml};

pub(super) const RENDERER: Renderer = Renderer { name: "alertmanager.yml", render };

pub(super) const NAME: &str = "alertmanager";
const WEB: &str = "monitoring/alertmanager-web.yml";

pub(super) fn part(stack: &Stack) -> Option<Part> {
    let alertmanager = stack.alertmanager.as_ref()?;
    let common = Common {
        product: Product::Alertmanager,
        version: &alertmanager.version,
        image: &alertmanager.image,
        port: &alertmanager.port,
        bind: &alertmanager.bind,
        networks: &alertmanager.networks,
    };
    let mut part = new(stack, PartKind::Alertmanager, NAME, ALERTMANAGER_PORT, &common);
    part.mounts.push(MountPoint::read_only(
        "/etc/alertmanager",
        HostPath::Output("monitoring".to_owned()),
    ));
    if let Some(volume) = &alertmanager.data {
        part.mounts.push(MountPoint {
            inside: "/alertmanager".to_owned(),
            outside: HostPath::Volume(volume.value.clone()),
            access: Access::ReadWrite,
        });
    }
    for path in &alertmanager.templates {
        let inside = template_path(path.as_str());
        part.mounts.push(MountPoint::read_only(inside, HostPath::Manifest(path.value.clone())));
    }
    part.argv = vec![
        "--config.file=/etc/alertmanager/alertmanager.yml".to_owned(),
        "--storage.path=/alertmanager".to_owned(),
    ];
    if let Some(retention) = &alertmanager.retention {
        part.argv.push(format!("--data.retention={}", go_duration(retention.ms)));
    }
    if let Some(url) = &alertmanager.external_url {
        part.argv.push(format!("--web.external-url={}", url.value));
        part.argv.extend(
            route_prefix(url.as_str()).map(|prefix| format!("--web.route-prefix={prefix}")),
        );
    }
    add_web(&mut part, stack, WEB, &alertmanager.web, alertmanager.tls.as_deref());
    for secret in values(alertmanager).filter_map(|value| SecretRef::of(stack, value)) {
        part.grant(&secret);
    }
    let trusts = alertmanager
        .receivers
        .iter()
        .flat_map(|receiver| receiver.webhook.iter().filter_map(|hook| hook.tls.as_deref()));
    for trust in trusts {
        let ClientTls { ca, cert, key, server_name: _, insecure_skip_verify: _ } = trust;
        for path in [ca, cert, key].into_iter().flatten() {
            add_tls_file(&mut part, path.as_str());
        }
    }
    part.ready_path = Some("/-/ready");
    Some(part)
}

/// Go's own notation, which has no days.
fn go_duration(ms: i64) -> String {
    let seconds = ms.unsigned_abs() / 1000;
    match seconds.is_multiple_of(3600) {
        true => format!("{}h", seconds / 3600),
        false => format!("{seconds}s"),
    }
}

fn template_path(path: &str) -> String {
    format!("/etc/alertmanager-templates/{}", slug(path))
}

/// Every value that may be secret.
fn values(alertmanager: &Alertmanager) -> impl Iterator<Item = &Value> {
    let global = alertmanager
        .slack_api_url
        .iter()
        .chain(alertmanager.smtp.iter().filter_map(|smtp| smtp.password.as_ref()));
    let receivers = alertmanager.receivers.iter().flat_map(|receiver| {
        let slack = receiver.slack.iter().filter_map(|slack| slack.api_url.as_ref());
        let webhook = receiver.webhook.iter().flat_map(|hook| {
            std::iter::once(&hook.url).chain(&hook.password).chain(&hook.bearer_token)
        });
        let email = receiver.email.iter().filter_map(|email| email.password.as_ref());
        let pager = receiver
            .pagerduty
            .iter()
            .flat_map(|pager| pager.routing_key.iter().chain(&pager.service_key));
        let telegram = receiver.telegram.iter().map(|telegram| &telegram.bot_token);
        let discord = receiver.discord.iter().map(|discord| &discord.webhook_url);
        slack.chain(webhook).chain(email).chain(pager).chain(telegram).chain(discord)
    });
    global.chain(receivers).map(|value| &value.value)
}

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    let stack = plan.stack;
    let Some(alertmanager) = &stack.alertmanager else { return Ok(()) };
    let mut config = config(stack, alertmanager);
    target::adapt_receivers(plan, &mut config);
    let text = format!("{}{}", header(stack), to_yaml(&config));
    out.push(Output::text("monitoring/alertmanager.yml", text));
    if !alertmanager.web.is_empty() || alertmanager.tls.is_some() {
        let text = web_config(stack, alertmanager.tls.as_deref(), &alertmanager.web);
        out.push(Output::text(WEB, text));
    }
    Ok(())
}

/// The content of alertmanager.yml.
pub fn config(stack: &Stack, alertmanager: &Alertmanager) -> wire::Config {
    let secret = |value: &Option<Spanned<Value>>| Place::of(stack, value.as_ref());
    let smtp = alertmanager.smtp.as_ref();
    let password = smtp.map_or_else(Place::default, |smtp| secret(&smtp.password));
    let slack = secret(&alertmanager.slack_api_url);
    let global = wire::Global {
        resolve_timeout: alertmanager.resolve_timeout.as_ref().map(text),
        smtp_smarthost: smtp.map(|smtp| smtp.smarthost.value.clone()),
        smtp_from: smtp.and_then(|smtp| plain(&smtp.from)),
        smtp_hello: smtp.and_then(|smtp| plain(&smtp.hello)),
        smtp_auth_username: smtp.and_then(|smtp| plain(&smtp.user)),
        smtp_auth_password: password.literal,
        smtp_auth_password_file: password.file,
        smtp_require_tls: smtp.and_then(|smtp| smtp.require_tls.as_ref()).map(|flag| flag.value),
        slack_api_url: slack.literal,
        slack_api_url_file: slack.file,
    };
    let mut receivers: Vec<wire::Receiver> =
        alertmanager.receivers.iter().map(|said| receiver(stack, said)).collect();
    let first = receivers.first().map(|receiver| receiver.name.clone());
    let mut route = alertmanager.route.as_ref().map_or_else(
        || wire::Route { receiver: first, ..wire::Route::default() },
        |route| root(route),
    );
    if route.receiver.is_none() {
        // Alertmanager insists on a receiver; this one tells nobody.
        receivers.push(wire::Receiver { name: "nobody".to_owned(), ..wire::Receiver::default() });
        route.receiver = Some("nobody".to_owned());
    }
    for mute in alertmanager.mutes.iter().filter(|mute| applies_by_itself(alertmanager, mute)) {
        let matchers = mute.when.as_ref().map_or_else(Vec::new, |when| matchers(when.as_str()));
        let active = mute.mode.as_ref().is_some_and(|mode| mode.value == MuteMode::Active);
        mutes::apply(
            &mut route,
            &mutes::Quiet { name: mute.name.as_str(), matchers: &matchers, active },
        );
    }
    wire::Config {
        global: (global != wire::Global::default()).then_some(global),
        templates: alertmanager.templates.iter().map(|path| template_path(path.as_str())).collect(),
        route,
        inhibit_rules: alertmanager
            .inhibit
            .iter()
            .map(|inhibit| wire::InhibitRule {
                source_matchers: matchers(inhibit.source.as_str()),
                target_matchers: matchers(inhibit.target.as_str()),
                equal: strings(&inhibit.equal),
            })
            .collect(),
        time_intervals: alertmanager.mutes.iter().map(|mute| mutes::interval(mute)).collect(),
        receivers,
    }
}

/// A mute without matchers that some route names is meant for that route alone.
fn applies_by_itself(alertmanager: &Alertmanager, mute: &Mute) -> bool {
    fn named(whens: &[Block<When>], name: &str) -> bool {
        whens.iter().any(|when| {
            when.mute.iter().chain(&when.active).any(|said| said.value == name)
                || named(&when.when, name)
        })
    }
    let routes = alertmanager.route.as_ref().map_or(&[][..], |route| &route.when);
    mute.when.is_some() || !named(routes, mute.name.as_str())
}

fn root(route: &manifest::Route) -> wire::Route {
    let manifest::Route { receiver, group_by, group_wait, group_interval, repeat_interval, when } =
        route;
    wire::Route {
        receiver: Some(receiver.value.clone()),
        group_by: strings(group_by),
        group_wait: group_wait.as_ref().map(text),
        group_interval: group_interval.as_ref().map(text),
        repeat_interval: repeat_interval.as_ref().map(text),
        routes: when.iter().map(|when| branch(when)).collect(),
        ..wire::Route::default()
    }
}

fn branch(when: &When) -> wire::Route {
    let When {
        matchers: said,
        to,
        group_by,
        group_wait,
        group_interval,
        repeat_interval,
        go_on,
        mute,
        active,
        when,
    } = when;
    wire::Route {
        receiver: plain(to),
        group_by: strings(group_by),
        matchers: matchers(said.as_str()),
        go_on: go_on.as_ref().is_some_and(|flag| flag.value),
        group_wait: group_wait.as_ref().map(text),
        group_interval: group_interval.as_ref().map(text),
        repeat_interval: repeat_interval.as_ref().map(text),
        mute_time_intervals: strings(mute),
        active_time_intervals: strings(active),
        routes: when.iter().map(|when| branch(when)).collect(),
    }
}

/// Where a value that may be secret is written.
#[derive(Default)]
struct Place {
    literal: Option<String>,
    file: Option<String>,
}

impl Place {
    fn of(stack: &Stack, value: Option<&Spanned<Value>>) -> Self {
        let Some(value) = value else { return Self::default() };
        Self {
            literal: value.value.literal().map(str::to_owned),
            file: SecretRef::of(stack, &value.value).map(|secret| secret.path()),
        }
    }
}

fn receiver(stack: &Stack, receiver: &Receiver) -> wire::Receiver {
    let Receiver { name, slack, webhook, email, pagerduty, telegram, discord } = receiver;
    let place = |value: &Option<Spanned<Value>>| Place::of(stack, value.as_ref());
    let flag = |flag: &Option<Spanned<bool>>| flag.as_ref().map(|flag| flag.value);
    wire::Receiver {
        name: name.value.clone(),
        slack_configs: slack
            .iter()
            .map(|slack| {
                let url = place(&slack.api_url);
                wire::Slack {
                    send_resolved: flag(&slack.send_resolved),
                    api_url: url.literal,
                    api_url_file: url.file,
                    channel: plain(&slack.channel),
                    username: plain(&slack.username),
                    title: plain(&slack.title),
                    text: plain(&slack.text),
                    color: plain(&slack.color),
                }
            })
            .collect(),
        webhook_configs: webhook.iter().map(|webhook| self::webhook(stack, webhook)).collect(),
        email_configs: email
            .iter()
            .map(|email| {
                let password = place(&email.password);
                wire::Email {
                    send_resolved: flag(&email.send_resolved),
                    to: email.to.value.clone(),
                    from: plain(&email.from),
                    smarthost: plain(&email.smarthost),
                    auth_username: plain(&email.user),
                    auth_password: password.literal,
                    auth_password_file: password.file,
                    require_tls: flag(&email.require_tls),
                    headers: pairs(&email.headers),
                    html: plain(&email.html),
                    text: plain(&email.text),
                }
            })
            .collect(),
        pagerduty_configs: pagerduty
            .iter()
            .map(|pager| {
                let (routing, service) = (place(&pager.routing_key), place(&pager.service_key));
                wire::PagerDuty {
                    send_resolved: flag(&pager.send_resolved),
                    routing_key: routing.literal,
                    routing_key_file: routing.file,
                    service_key: service.literal,
                    service_key_file: service.file,
                    description: plain(&pager.description),
                    severity: plain(&pager.severity),
                    details: pairs(&pager.details),
                }
            })
            .collect(),
        telegram_configs: telegram
            .iter()
            .map(|telegram| {
                let token = Place::of(stack, Some(&telegram.bot_token));
                wire::Telegram {
                    send_resolved: flag(&telegram.send_resolved),
                    bot_token: token.literal,
                    bot_token_file: token.file,
                    chat_id: telegram.chat_id.value,
                    message: plain(&telegram.message),
                    parse_mode: plain(&telegram.parse_mode),
                }
            })
            .collect(),
        discord_configs: discord
            .iter()
            .map(|discord| {
                let url = Place::of(stack, Some(&discord.webhook_url));
                wire::Discord {
                    send_resolved: flag(&discord.send_resolved),
                    webhook_url: url.literal,
                    webhook_url_file: url.file,
                    title: plain(&discord.title),
                    message: plain(&discord.message),
                }
            })
            .collect(),
    }
}

fn webhook(stack: &Stack, webhook: &manifest::Webhook) -> wire::Webhook {
    let manifest::Webhook { url, max_alerts, user, password, bearer_token, tls, send_resolved } =
        webhook;
    let place = Place::of(stack, Some(url));
    let http = wire::HttpConfig {
        basic_auth: super::prometheus::basic_auth(stack, user.as_ref(), password.as_ref()),
        authorization: super::prometheus::bearer(stack, bearer_token.as_ref()),
        tls_config: tls.as_ref().map(|tls| super::prometheus::client_tls(tls)),
    };
    wire::Webhook {
        send_resolved: send_resolved.as_ref().map(|flag| flag.value),
        url: place.literal,
        url_file: place.file,
        max_alerts: max_alerts.as_ref().map(|number| number.value),
        http_config: (http != wire::HttpConfig::default()).then_some(http),
    }
}

#[expect(clippy::ref_option, reason = "called with fields of the manifest as they are")]
fn plain(text: &Option<Spanned<String>>) -> Option<String> {
    text.as_ref().map(|text| text.value.clone())
}

fn strings(list: &[Spanned<String>]) -> Vec<String> {
    list.iter().map(|text| text.value.clone()).collect()
}

fn pairs(map: &crate::manifest::Map<String>) -> indexmap::IndexMap<String, String> {
    map.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect()
}

/// Where the certificate of Alertmanager lies inside of other containers.
pub(super) fn certificate(alertmanager: &Alertmanager) -> Option<String> {
    alertmanager.tls.as_ref().map(|tls| tls_path(tls.cert.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_written_as_go_reads_it() {
        assert_eq!(go_duration(5 * 86_400_000), "120h");
        assert_eq!(go_duration(90_000), "90s");
    }
}
