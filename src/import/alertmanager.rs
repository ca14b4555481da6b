//! `alertmanager.yml` -> `alertmanager`.

use std::collections::BTreeSet;

use super::context::Context;
use super::kdl::{Node, Value};
use super::source::{Fields, get, items, pairs, scalar, texts};
use crate::manifest::yaml::Yaml;

/// Adds what the file says to a node that has what compose says of the part.
pub fn read(file: &Yaml, node: &mut Node, context: &mut Context) {
    let mut fields = Fields::of("alertmanager.yml", file, &mut context.notes);
    if let Some(global) = fields.take("global") {
        self::global(global, node, context);
    }
    if let Some(templates) = fields.take("templates") {
        let paths = texts(templates);
        if paths.iter().any(|path| path.contains(['*', '?', '['])) {
            context.notes.lost(templates.span, "a pattern of template files");
        }
        let plain = paths.into_iter().filter(|path| !path.contains(['*', '?', '[']));
        node.list(
            "templates",
            plain.map(|path| context.host_path("alertmanager", &path)).collect(),
        );
    }
    for receiver in fields.items("receivers") {
        let receiver = self::receiver(receiver, context);
        node.push(receiver);
    }
    let mut used = BTreeSet::new();
    if let Some(route) = fields.take("route") {
        let mut fields = Fields::of("the first route", route, &mut context.notes);
        let mut first = Node::new("route").arg(fields.text("receiver").unwrap_or_default());
        times(&mut fields, &mut first);
        for route in fields.items("routes") {
            let branch = self::branch(route, &mut used, context);
            first.push(branch);
        }
        // No branch after the root: it changes nothing there.
        fields.take("continue");
        fields.finish(&mut context.notes);
        node.push(first);
    }
    for inhibit in fields.items("inhibit_rules") {
        let mut fields = Fields::of("the inhibition", inhibit, &mut context.notes);
        let source = matchers(&mut fields, ["source_matchers", "source_match", "source_match_re"]);
        let target = matchers(&mut fields, ["target_matchers", "target_match", "target_match_re"]);
        let mut inhibit =
            Node::new("inhibit").prop("source", Some(source)).prop("target", Some(target));
        let equal = fields.texts("equal");
        inhibit = match &equal[..] {
            [one] => inhibit.prop("equal", Some(one.as_str())),
            _ => {
                inhibit.list("equal", equal);
                inhibit
            }
        };
        fields.finish(&mut context.notes);
        node.push(inhibit);
    }
    let intervals = [fields.items("time_intervals"), fields.items("mute_time_intervals")];
    for interval in intervals.into_iter().flatten() {
        if let Some(mute) = self::mute(interval, &used, context) {
            node.push(mute);
        }
    }
    fields.finish(&mut context.notes);
}

fn global(global: &Yaml, node: &mut Node, context: &mut Context) {
    let mut fields = Fields::of("`global`", global, &mut context.notes);
    node.set("resolve_timeout", fields.text("resolve_timeout"));
    let password = secret(&mut fields, "smtp_auth_password", context);
    let smtp = [
        ("from", fields.text("smtp_from").map(Value::from)),
        ("hello", fields.text("smtp_hello").map(Value::from)),
        ("user", fields.text("smtp_auth_username").map(Value::from)),
        ("password", password),
        ("require_tls", fields.flag("smtp_require_tls").map(Value::from)),
    ];
    if let Some(host) = fields.text("smtp_smarthost") {
        let smtp = smtp
            .into_iter()
            .fold(Node::new("smtp").arg(host), |node, (name, value)| node.prop(name, value));
        node.push(smtp);
    }
    let slack = secret(&mut fields, "slack_api_url", context);
    node.set("slack_api_url", slack);
    fields.finish(&mut context.notes);
}

/// A value that stands in the file, or in a file of its own.
fn secret(fields: &mut Fields<'_>, name: &str, context: &mut Context) -> Option<Value> {
    let literal = fields.text(name);
    let file = fields.text(&format!("{name}_file"));
    file.map(|path| context.secret("alertmanager", &path)).or(literal.map(Value::from))
}

fn receiver(receiver: &Yaml, context: &mut Context) -> Node {
    let named = get(receiver, "name").and_then(scalar).unwrap_or_default();
    let mut fields = Fields::of(format!("receiver `{named}`"), receiver, &mut context.notes);
    let name = fields.text("name").unwrap_or_default();
    let mut node = Node::new("receiver").arg(name.as_str());
    let what = |kind: &str| format!("the {kind} of receiver `{name}`");
    for slack in fields.items("slack_configs") {
        let mut fields = Fields::of(what("Slack channel"), slack, &mut context.notes);
        let mut one = Node::new("slack");
        let url = secret(&mut fields, "api_url", context);
        one = one.prop("channel", fields.text("channel")).prop("api_url", url);
        for key in ["username", "title", "text", "color"] {
            one.set(key, fields.text(key));
        }
        finish(fields, one, &mut node, context);
    }
    for hook in fields.items("webhook_configs") {
        let mut fields = Fields::of(what("webhook"), hook, &mut context.notes);
        let url = secret(&mut fields, "url", context).map(|url| match url {
            Value::Text(url) => Value::Text(context.called(&url)),
            other => other,
        });
        let mut one = Node::new("webhook").args(url);
        one = one.prop("max_alerts", fields.number("max_alerts").filter(|most| *most > 0));
        if let Some(http) = fields.take("http_config") {
            context.http_client("alertmanager", &what("webhook"), http, &mut one);
        }
        finish(fields, one, &mut node, context);
    }
    for mail in fields.items("email_configs") {
        let mut fields = Fields::of(what("mail address"), mail, &mut context.notes);
        let mut one = Node::new("email").arg(fields.text("to").unwrap_or_default());
        one = one
            .prop("from", fields.text("from"))
            .prop("smarthost", fields.text("smarthost"))
            .prop("user", fields.text("auth_username"));
        let password = secret(&mut fields, "auth_password", context);
        one = one.prop("password", password).prop("require_tls", fields.flag("require_tls"));
        one.map("headers", fields.pairs("headers"));
        for key in ["html", "text"] {
            one.set(key, fields.text(key));
        }
        finish(fields, one, &mut node, context);
    }
    for pager in fields.items("pagerduty_configs") {
        let mut fields = Fields::of(what("PagerDuty service"), pager, &mut context.notes);
        let mut one = Node::new("pagerduty");
        for key in ["routing_key", "service_key"] {
            let value = secret(&mut fields, key, context);
            one = one.prop(key, value);
        }
        for key in ["description", "severity"] {
            one.set(key, fields.text(key));
        }
        one.map("details", fields.pairs("details"));
        finish(fields, one, &mut node, context);
    }
    for telegram in fields.items("telegram_configs") {
        let mut fields = Fields::of(what("Telegram chat"), telegram, &mut context.notes);
        let token = secret(&mut fields, "bot_token", context);
        let mut one = Node::new("telegram")
            .prop("bot_token", token)
            .prop("chat_id", fields.text("chat_id").map(Value::Number));
        one.set("message", fields.text("message"));
        one = one.prop("parse_mode", fields.text("parse_mode"));
        finish(fields, one, &mut node, context);
    }
    for discord in fields.items("discord_configs") {
        let mut fields = Fields::of(what("Discord channel"), discord, &mut context.notes);
        let url = secret(&mut fields, "webhook_url", context);
        let mut one = Node::new("discord").prop("webhook_url", url);
        for key in ["title", "message"] {
            one.set(key, fields.text(key));
        }
        finish(fields, one, &mut node, context);
    }
    fields.finish(&mut context.notes);
    node
}

/// What all kinds of receivers have.
fn finish(mut fields: Fields<'_>, one: Node, receiver: &mut Node, context: &mut Context) {
    receiver.push(one.prop("send_resolved", fields.flag("send_resolved")));
    fields.finish(&mut context.notes);
}

fn times(fields: &mut Fields<'_>, node: &mut Node) {
    node.list("group_by", fields.texts("group_by"));
    for name in ["group_wait", "group_interval", "repeat_interval"] {
        node.set(name, fields.text(name));
    }
}

fn branch(route: &Yaml, used: &mut BTreeSet<String>, context: &mut Context) -> Node {
    let mut fields = Fields::of("the route", route, &mut context.notes);
    let said = matchers(&mut fields, ["matchers", "match", "match_re"]);
    let mut node = Node::new("when")
        .arg(said)
        .prop("to", fields.text("receiver"))
        .prop("continue", fields.flag("continue").filter(|go_on| *go_on));
    times(&mut fields, &mut node);
    for (key, name) in [("mute_time_intervals", "mute"), ("active_time_intervals", "active")] {
        let names = fields.texts(key);
        used.extend(names.iter().cloned());
        node.list(name, names);
    }
    for route in fields.items("routes") {
        let branch = self::branch(route, used, context);
        node.push(branch);
    }
    fields.finish(&mut context.notes);
    node
}

/// Matchers as they are written today, and the two old maps: equal texts, and regular expressions.
fn matchers(fields: &mut Fields<'_>, [now, equal, regex]: [&str; 3]) -> String {
    let mut all = fields.take(now).map(texts).unwrap_or_default();
    for (key, op) in [(equal, "="), (regex, "=~")] {
        let old = fields.take(key).map(pairs).unwrap_or_default();
        all.extend(old.into_iter().map(|(name, value)| format!("{name}{op}{value:?}")));
    }
    all.join(", ")
}

/// A span of time that some route names.
fn mute(interval: &Yaml, used: &BTreeSet<String>, context: &mut Context) -> Option<Node> {
    let mut fields = Fields::of("the time interval", interval, &mut context.notes);
    let name = fields.text("name").unwrap_or_default();
    let spans = fields.take("time_intervals").map_or(&[][..], items);
    if !used.contains(&name) {
        // In a manifest a mute without a route would hold for all of them.
        context
            .notes
            .lost(interval.span, &format!("the time interval `{name}`, which no route names,"));
        return None;
    }
    let mut node = Node::new("mute").arg(name.as_str());
    match &spans.iter().flat_map(|span| times_of(&name, span, context)).collect::<Vec<_>>()[..] {
        [] => {
            let what = format!("the time interval `{name}`, which has no times,");
            context.notes.lost(interval.span, &what);
            return None;
        }
        [one] => one.clone().onto(&mut node),
        several => several.iter().for_each(|one| {
            let mut during = Node::new("during");
            one.clone().onto(&mut during);
            node.push(during);
        }),
    }
    Some(node)
}

/// One time of a `mute`.
#[derive(Clone, Default)]
struct Time {
    lists: Vec<(&'static str, Vec<String>)>,
    from: Option<String>,
    to: Option<String>,
    timezone: Option<String>,
}

impl Time {
    fn onto(self, node: &mut Node) {
        for (name, values) in self.lists {
            node.list(name, values);
        }
        node.set("from", self.from);
        node.set("to", self.to);
        node.set("timezone", self.timezone);
    }
}

/// A span: as many times as it has times of day, since a manifest says one in each.
fn times_of(name: &str, span: &Yaml, context: &mut Context) -> Vec<Time> {
    let mut fields = Fields::of(format!("the time interval `{name}`"), span, &mut context.notes);
    let lists = [
        ("weekdays", "on"),
        ("days_of_month", "days_of_month"),
        ("months", "months"),
        ("years", "years"),
    ];
    let whole = Time {
        lists: lists.map(|(key, name)| (name, fields.texts(key))).into(),
        timezone: fields.text("location"),
        ..Time::default()
    };
    let mut times: Vec<Time> = Vec::new();
    for one in fields.items("times") {
        let mut of_day = Fields::of("the time of day", one, &mut context.notes);
        let (from, to) = (of_day.text("start_time"), of_day.text("end_time"));
        times.push(Time { from, to, ..whole.clone() });
        of_day.finish(&mut context.notes);
    }
    fields.finish(&mut context.notes);
    if times.is_empty() { vec![whole] } else { times }
}
