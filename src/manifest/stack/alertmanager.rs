//! Who hears of an alert, and how.

use crate::diag::Spanned;
use crate::manifest::block::{Block, DurationText, Map, Value};
use crate::manifest::shape::{keywords, settings};
use crate::manifest::stack::{ClientTls, Logging, Resources, ServerTls, WebUser};

settings! {
    /// Who hears of an alert, and how.
    pub struct Alertmanager {
        /// Version to render for.
        pub version: Option<Spanned<String>>,
        /// Container image with its tag.
        pub image: Option<Spanned<String>>,
        /// Port on the host.
        pub port: Option<Spanned<u16>>,
        /// Address of the host to publish on; 127.0.0.1 when nothing is said.
        pub bind: Option<Spanned<String>>,
        /// Address under which people reach it, for links in messages.
        pub external_url: Option<Spanned<String>>,
        /// Volume to keep silences and the notification log in.
        pub data: Option<Spanned<String>>,
        /// How long silences and the notification log are kept.
        pub retention: Option<Spanned<DurationText>>,
        /// How long an alert lives on that nobody sends any more.
        pub resolve_timeout: Option<Spanned<DurationText>>,
        /// Mail server for all receivers.
        pub smtp: Option<Block<Smtp>>,
        /// Address of the Slack hook for all receivers.
        pub slack_api_url: Option<Spanned<Value>>,
        /// A user who may log in; without one everybody may.
        pub web: Vec<Block<WebUser>>,
        /// Certificate for HTTPS.
        pub tls: Option<Block<ServerTls>>,
        /// Files with message templates, relative to the manifest.
        @set pub templates: Vec<Spanned<String>>,
        /// Somebody who hears of alerts.
        pub receivers as "receiver": Vec<Block<Receiver>>,
        /// The first route: its receiver hears of every alert that no branch takes.
        pub route: Option<Block<Route>>,
        /// Alerts that are not sent while others fire.
        pub inhibit: Vec<Block<Inhibit>>,
        /// Alerts that are not sent at certain times.
        pub mutes as "mute": Vec<Block<Mute>>,
        /// Networks to attach to; all declared ones when nothing is said.
        @set pub networks: Vec<Spanned<String>>,
        /// The most that it may use.
        pub resources: Option<Block<Resources>>,
        /// Where its output goes.
        pub logging: Option<Block<Logging>>,
    }
}

settings! {
    /// A mail server.
    pub struct Smtp {
        /// `host:port`.
        @argument pub smarthost: Spanned<String>,
        /// Sender of the mails.
        pub from: Option<Spanned<String>>,
        /// Name to greet the mail server with.
        pub hello: Option<Spanned<String>>,
        /// User name.
        pub user: Option<Spanned<String>>,
        /// Password.
        pub password: Option<Spanned<Value>>,
        /// Whether the connection must be encrypted.
        pub require_tls: Option<Spanned<bool>>,
    }
}

settings! {
    /// Somebody who hears of alerts.
    @named
    pub struct Receiver {
        /// Name that routes refer to.
        @argument pub name: Spanned<String>,
        /// A Slack channel.
        pub slack: Vec<Block<Slack>>,
        /// An address that the alerts are posted to as JSON.
        pub webhook: Vec<Block<Webhook>>,
        /// A mail address.
        pub email: Vec<Block<Email>>,
        /// A PagerDuty service.
        pub pagerduty: Vec<Block<Pagerduty>>,
        /// A Telegram chat.
        pub telegram: Vec<Block<Telegram>>,
        /// A Discord channel.
        pub discord: Vec<Block<Discord>>,
    }
}

impl Receiver {
    /// Whether anybody is told anything.
    pub fn is_empty(&self) -> bool {
        let Receiver { name: _, slack, webhook, email, pagerduty, telegram, discord } = self;
        slack.is_empty()
            && webhook.is_empty()
            && email.is_empty()
            && pagerduty.is_empty()
            && telegram.is_empty()
            && discord.is_empty()
    }
}

settings! {
    /// A Slack channel.
    pub struct Slack {
        /// The channel, with `#`.
        pub channel: Option<Spanned<String>>,
        /// Address of the hook.
        pub api_url: Option<Spanned<Value>>,
        /// Name to write under.
        pub username: Option<Spanned<String>>,
        /// Title of the message.
        pub title: Option<Spanned<String>>,
        /// Text of the message.
        pub text: Option<Spanned<String>>,
        /// Colour of the bar beside the message.
        pub color: Option<Spanned<String>>,
        /// Whether the end of an alert is told as well.
        pub send_resolved: Option<Spanned<bool>>,
    }
}

settings! {
    /// An address that the alerts are posted to as JSON.
    pub struct Webhook {
        /// The address.
        @argument pub url: Spanned<Value>,
        /// The most alerts in one message; all when nothing is said.
        pub max_alerts: Option<Spanned<u64>>,
        /// User name.
        pub user: Option<Spanned<String>>,
        /// Password.
        pub password: Option<Spanned<Value>>,
        /// Token.
        pub bearer_token: Option<Spanned<Value>>,
        /// How the server is trusted.
        pub tls: Option<Block<ClientTls>>,
        /// Whether the end of an alert is told as well.
        pub send_resolved: Option<Spanned<bool>>,
    }
}

settings! {
    /// A mail address.
    pub struct Email {
        /// Mail addresses, separated by commas.
        @argument pub to: Spanned<String>,
        /// Sender, when it differs from the common one.
        pub from: Option<Spanned<String>>,
        /// Mail server, when it differs from the common one.
        pub smarthost: Option<Spanned<String>>,
        /// User name, when it differs from the common one.
        pub user: Option<Spanned<String>>,
        /// Password, when it differs from the common one.
        pub password: Option<Spanned<Value>>,
        /// Whether the connection must be encrypted.
        pub require_tls: Option<Spanned<bool>>,
        /// Headers of the mail.
        pub headers: Map<String>,
        /// Body of the mail as HTML.
        pub html: Option<Spanned<String>>,
        /// Body of the mail as plain text.
        pub text: Option<Spanned<String>>,
        /// Whether the end of an alert is told as well.
        pub send_resolved: Option<Spanned<bool>>,
    }
}

settings! {
    /// A PagerDuty service.
    pub struct Pagerduty {
        /// Key of an integration of the type `Events API v2`.
        pub routing_key: Option<Spanned<Value>>,
        /// Key of an integration of the type `Prometheus`.
        pub service_key: Option<Spanned<Value>>,
        /// What happened.
        pub description: Option<Spanned<String>>,
        /// How bad it is.
        pub severity: Option<Spanned<String>>,
        /// Further details.
        pub details: Map<String>,
        /// Whether the end of an alert is told as well.
        pub send_resolved: Option<Spanned<bool>>,
    }
}

settings! {
    /// A Telegram chat.
    pub struct Telegram {
        /// Token of the bot.
        pub bot_token: Spanned<Value>,
        /// Number of the chat.
        pub chat_id: Spanned<i64>,
        /// Text of the message.
        pub message: Option<Spanned<String>>,
        /// Notation of the text: `MarkdownV2`, `Markdown` or `HTML`.
        pub parse_mode: Option<Spanned<String>>,
        /// Whether the end of an alert is told as well.
        pub send_resolved: Option<Spanned<bool>>,
    }
}

settings! {
    /// A Discord channel.
    pub struct Discord {
        /// Address of the hook.
        pub webhook_url: Spanned<Value>,
        /// Title of the message.
        pub title: Option<Spanned<String>>,
        /// Text of the message.
        pub message: Option<Spanned<String>>,
        /// Whether the end of an alert is told as well.
        pub send_resolved: Option<Spanned<bool>>,
    }
}

settings! {
    /// The first route: its receiver hears of every alert that no branch takes.
    @named
    pub struct Route {
        /// Receiver of what no branch takes.
        @argument pub receiver: Spanned<String>,
        /// Labels whose values make a group; `...` for all.
        pub group_by: Vec<Spanned<String>>,
        /// How long the first message of a group waits for further alerts.
        pub group_wait: Option<Spanned<DurationText>>,
        /// Time between two messages of a group that has changed.
        pub group_interval: Option<Spanned<DurationText>>,
        /// Time after which a message is sent again.
        pub repeat_interval: Option<Spanned<DurationText>>,
        /// A branch for some of the alerts.
        pub when: Vec<Block<When>>,
    }
}

settings! {
    /// A branch of the routes, for alerts that match.
    pub struct When {
        /// Matchers that an alert must meet: `severity="critical", team=~"a|b"`.
        @argument pub matchers as "match": Spanned<String>,
        /// Receiver; that of the route above when nothing is said.
        pub to: Option<Spanned<String>>,
        /// Labels whose values make a group; `...` for all.
        pub group_by: Vec<Spanned<String>>,
        /// How long the first message of a group waits for further alerts.
        pub group_wait: Option<Spanned<DurationText>>,
        /// Time between two messages of a group that has changed.
        pub group_interval: Option<Spanned<DurationText>>,
        /// Time after which a message is sent again.
        pub repeat_interval: Option<Spanned<DurationText>>,
        /// Whether later branches see the alert as well.
        pub go_on as "continue": Option<Spanned<bool>>,
        /// Names of `mute` nodes: nothing is sent at these times.
        @set pub mute: Vec<Spanned<String>>,
        /// Names of `mute` nodes: something is sent at these times only.
        @set pub active: Vec<Spanned<String>>,
        /// A branch of this branch.
        pub when: Vec<Block<When>>,
    }
}

settings! {
    /// Alerts that are not sent while others fire.
    pub struct Inhibit {
        /// Matchers of the alert that keeps others quiet.
        pub source: Spanned<String>,
        /// Matchers of the alerts that are kept quiet.
        pub target: Spanned<String>,
        /// Labels that must be equal on both.
        pub equal: Vec<Spanned<String>>,
    }
}

settings! {
    /// Alerts that are not sent at certain times.
    @named
    pub struct Mute {
        /// Name that routes can refer to.
        @argument pub name: Spanned<String>,
        /// Days of the week: `sunday`, `monday:friday`.
        pub on: Vec<Spanned<String>>,
        /// Start of the time of day: `02:00`.
        pub from: Option<Spanned<String>>,
        /// End of the time of day: `04:00`.
        pub to: Option<Spanned<String>>,
        /// Days of the month: `1:5`, `-3:-1`.
        pub days_of_month: Vec<Spanned<String>>,
        /// Months: `december`, `1:3`.
        pub months: Vec<Spanned<String>>,
        /// Years: `2026`, `2026:2028`.
        pub years: Vec<Spanned<String>>,
        /// Time zone: `Asia/Jakarta`; UTC when nothing is said.
        pub timezone: Option<Spanned<String>>,
        /// Matchers of the alerts it is for.
        pub when: Option<Spanned<String>>,
        /// Whether the alerts are quiet at these times, or at all others.
        pub mode: Option<Spanned<MuteMode>>,
        /// More times that count as well.
        pub during: Vec<Block<During>>,
    }
}

settings! {
    /// One of the times of a mute; what is said narrows it.
    pub struct During {
        /// Days of the week: `sunday`, `monday:friday`.
        pub on: Vec<Spanned<String>>,
        /// Start of the time of day: `02:00`.
        pub from: Option<Spanned<String>>,
        /// End of the time of day: `04:00`.
        pub to: Option<Spanned<String>>,
        /// Days of the month: `1:5`, `-3:-1`.
        pub days_of_month: Vec<Spanned<String>>,
        /// Months: `december`, `1:3`.
        pub months: Vec<Spanned<String>>,
        /// Years: `2026`, `2026:2028`.
        pub years: Vec<Spanned<String>>,
        /// Time zone: `Asia/Jakarta`; that of the mute when nothing is said.
        pub timezone: Option<Spanned<String>>,
    }
}

/// One of the times of a mute, wherever it is written.
#[derive(Debug, Clone, Copy)]
pub struct Times<'a> {
    /// Days of the week.
    pub on: &'a [Spanned<String>],
    /// Start of the time of day.
    pub from: Option<&'a Spanned<String>>,
    /// End of the time of day.
    pub to: Option<&'a Spanned<String>>,
    /// Days of the month.
    pub days_of_month: &'a [Spanned<String>],
    /// Months.
    pub months: &'a [Spanned<String>],
    /// Years.
    pub years: &'a [Spanned<String>],
    /// Time zone; UTC when nothing is said.
    pub timezone: Option<&'a Spanned<String>>,
}

impl Mute {
    /// All times that it holds at: that of its own settings, unless it has only `during`, and those.
    pub fn times(&self) -> Vec<Times<'_>> {
        let Self {
            name: _,
            on,
            from,
            to,
            days_of_month,
            months,
            years,
            timezone,
            when: _,
            mode: _,
            during,
        } = self;
        let (from, to, timezone) = (from.as_ref(), to.as_ref(), timezone.as_ref());
        let own = Times { on, from, to, days_of_month, months, years, timezone };
        let says =
            !(on.is_empty() && days_of_month.is_empty() && months.is_empty() && years.is_empty())
                || from.is_some()
                || to.is_some();
        let also = during.iter().map(|more| Times {
            on: &more.on,
            from: more.from.as_ref(),
            to: more.to.as_ref(),
            days_of_month: &more.days_of_month,
            months: &more.months,
            years: &more.years,
            timezone: more.timezone.as_ref().or(timezone),
        });
        (says || during.is_empty()).then_some(own).into_iter().chain(also).collect()
    }
}

keywords! {
    /// Whether a time is quiet, or the only one that is not.
    pub enum MuteMode {
        /// Nothing is sent at these times.
        Mute = "mute",
        /// Something is sent at these times only.
        Active = "active",
    }
}
