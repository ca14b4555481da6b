//! `routes`: where the alerts of a stack go.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::printer::out;
use super::validate::{self, Source};
use crate::alerting::{Grouping, Tree};
use crate::check::routing::{Answer, Declared, Routing};
use crate::diag::{Files, Spanned};
use crate::manifest::{Alertmanager, Mute, MuteMode, Receiver, Stack, Times};
use crate::model::{Labels, format_duration};
use crate::render;

/// Shows the routes with the alerts that end in each, or answers where an alert with some labels goes.
#[derive(Debug, Args)]
pub struct Routes {
    #[command(flatten)]
    source: Source,
    /// Labels of an alert: prints the receivers that hear of it, separated by commas.
    #[arg(value_name = "LABEL=VALUE")]
    labels: Vec<String>,
    /// Form of the answer.
    #[arg(long, value_name = "FORM", default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Routes {
    /// Exit code 1 if the manifest has errors.
    pub fn run(mut self) -> anyhow::Result<ExitCode> {
        // The manifest may be left out before labels, too.
        let label = |first: &mut PathBuf| {
            first.to_str().is_some_and(|text| text.contains('=')) && !first.exists()
        };
        if let Some(first) = self.source.manifest.take_if(label) {
            self.labels.insert(0, first.to_string_lossy().into_owned());
        }
        let loaded = self.source.load()?;
        if validate::is_hindered(&loaded) {
            validate::show(&loaded);
            return Ok(ExitCode::from(1));
        }
        let stack = &loaded.stack;
        let Some(alertmanager) = &stack.alertmanager else {
            bail!(
                "the stack `{}` has no alertmanager, so nobody hears of its alerts",
                stack.name()
            );
        };
        let config = render::alertmanager_config(stack, alertmanager);
        let tree = Tree::new(&config.route).context("the routes cannot be settled")?;
        let text = if self.labels.is_empty() {
            let seen = Seen::of(stack, &loaded.files, alertmanager);
            match self.format {
                Format::Text => seen.text(),
                Format::Json => json(&seen)?,
            }
        } else {
            let labels = labels(&self.labels)?;
            let ends: Vec<End> =
                tree.route(&labels).into_iter().map(|end| end_of(&tree, end)).collect();
            match self.format {
                Format::Text => {
                    let names: Vec<&str> = ends.iter().map(|end| end.receiver.as_str()).collect();
                    format!("{}\n", names.join(","))
                }
                Format::Json => json(&ends)?,
            }
        };
        out().write_all(text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

fn json(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(value)?))
}

fn labels(said: &[String]) -> anyhow::Result<Labels> {
    let mut pairs = Vec::new();
    for text in said {
        let Some((name, value)) = text.split_once('=') else {
            bail!("`{text}` is no label: write `name=value`");
        };
        let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        pairs.push((name.trim().to_owned(), quoted.unwrap_or(value).to_owned()));
    }
    Ok(Labels::from_pairs(pairs))
}

/// A route in which an alert ends, as Alertmanager has it.
#[derive(Serialize)]
struct End {
    receiver: String,
    /// Matchers of the routes on the way, from the outermost to the innermost.
    path: Vec<String>,
    group_by: Vec<String>,
    group_wait: String,
    group_interval: String,
    repeat_interval: String,
    mute: Vec<String>,
    active: Vec<String>,
}

fn end_of(tree: &Tree, end: usize) -> End {
    let settings = &tree.node(end).settings;
    let matchers = |index: &usize| {
        let all = tree.node(*index).matchers.iter().map(ToString::to_string);
        all.collect::<Vec<_>>().join(", ")
    };
    End {
        receiver: settings.receiver.clone(),
        path: tree.path(end).iter().skip(1).map(matchers).collect(),
        group_by: match &settings.group_by {
            Grouping::All => vec!["...".to_owned()],
            Grouping::By(labels) => labels.clone(),
        },
        group_wait: format_duration(settings.group_wait),
        group_interval: format_duration(settings.group_interval),
        repeat_interval: format_duration(settings.repeat_interval),
        mute: settings.mute.clone(),
        active: settings.active.clone(),
    }
}

/// Everything that is shown of a stack.
#[derive(Serialize)]
struct Seen {
    routes: Vec<SeenRoute>,
    receivers: Vec<SeenReceiver>,
    mutes: Vec<SeenMute>,
}

#[derive(Serialize)]
struct SeenRoute {
    /// How many routes are above it.
    depth: usize,
    /// What it asks for; empty for the first route.
    matchers: String,
    receiver: Option<String>,
    #[serde(rename = "continue")]
    go_on: bool,
    mute: Vec<String>,
    active: Vec<String>,
    alerts: Vec<SeenAlert>,
    /// Whether no alert ends here or further below.
    unreached: bool,
}

#[derive(Serialize)]
struct SeenReceiver {
    name: String,
    integrations: Vec<String>,
    alerts: Vec<SeenAlert>,
}

#[derive(Serialize, Clone, PartialEq)]
struct SeenAlert {
    name: String,
    severity: Option<String>,
    /// Whether it depends on labels of the series that nothing is known of.
    perhaps: bool,
}

#[derive(Serialize)]
struct SeenMute {
    name: String,
    /// The times in words.
    times: String,
    /// Matchers of the alerts it is for.
    when: Option<String>,
}

impl Seen {
    fn of(stack: &Stack, files: &Files, alertmanager: &Alertmanager) -> Self {
        let routing = Routing::learned(stack, files);
        let mut ended: Vec<Vec<SeenAlert>> = routing.routes.iter().map(|_| Vec::new()).collect();
        for alert in &routing.alerts {
            for (end, answer) in routing.ends(alert) {
                ended[end].push(seen_alert(alert, answer));
            }
        }
        let mut reached: Vec<bool> = ended.iter().map(|alerts| !alerts.is_empty()).collect();
        for index in (1..reached.len()).rev() {
            if let Some(parent) = routing.routes[index].parent.filter(|_| reached[index]) {
                reached[parent] = true;
            }
        }
        let names = |list: &[Spanned<String>]| list.iter().map(|name| name.value.clone()).collect();
        let routes: Vec<SeenRoute> = routing
            .routes
            .iter()
            .enumerate()
            .map(|(index, route)| SeenRoute {
                depth: routing.path(index).len(),
                matchers: route.when.map_or_else(String::new, |when| when.matchers.value.clone()),
                receiver: route.receiver.map(|receiver| receiver.value.clone()),
                go_on: route.goes_on(),
                mute: route.when.map_or_else(Vec::new, |when| names(&when.mute)),
                active: route.when.map_or_else(Vec::new, |when| names(&when.active)),
                alerts: ended[index].clone(),
                unreached: !reached[index],
            })
            .collect();
        let receivers = alertmanager.receivers.iter().map(|receiver| {
            let here = |route: &&SeenRoute| route.receiver.as_ref() == Some(&receiver.name.value);
            let mut alerts: Vec<SeenAlert> = Vec::new();
            for alert in routes.iter().filter(here).flat_map(|route| &route.alerts) {
                match alerts
                    .iter_mut()
                    .find(|known| known.name == alert.name && known.severity == alert.severity)
                {
                    Some(known) => known.perhaps &= alert.perhaps,
                    None => alerts.push(alert.clone()),
                }
            }
            SeenReceiver {
                name: receiver.name.value.clone(),
                integrations: integrations(receiver),
                alerts,
            }
        });
        let receivers = receivers.collect();
        let mutes = alertmanager.mutes.iter().map(|mute| SeenMute {
            name: mute.name.value.clone(),
            times: times(mute),
            when: mute.when.as_ref().map(|when| when.value.clone()),
        });
        Self { routes, receivers, mutes: mutes.collect() }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (index, route) in self.routes.iter().enumerate() {
            let (branch, below) = self.lines(index);
            let matchers = match route.matchers.trim() {
                "" if route.depth == 0 => "all alerts",
                "" | "{}" => "all others",
                matchers => matchers,
            };
            let receiver = route.receiver.as_deref().unwrap_or("nobody");
            let _ = write!(text, "{branch}{matchers} -> {receiver}");
            for (flag, remark) in
                [(route.go_on, ", continue"), (route.unreached, "  (no alert ends here)")]
            {
                text.push_str(if flag { remark } else { "" });
            }
            for (names, word) in [(&route.mute, "mute"), (&route.active, "active")] {
                if !names.is_empty() {
                    let _ = write!(text, ", {word} {}", names.join(", "));
                }
            }
            text.push('\n');
            for alert in &route.alerts {
                let _ = writeln!(text, "{below}{}", alert.line());
            }
        }
        text.push_str("\nreceivers\n");
        for SeenReceiver { name, integrations, alerts } in &self.receivers {
            let integrations = match &integrations[..] {
                [] => "tells nobody".to_owned(),
                some => some.join(", "),
            };
            let _ = write!(text, "  {name}: {integrations}");
            match alerts.len() {
                0 => text.push_str("  (no alert reaches it)\n"),
                1 => text.push_str("; 1 alert\n"),
                some => _ = writeln!(text, "; {some} alerts"),
            }
        }
        if !self.mutes.is_empty() {
            text.push_str("\nquiet times\n");
        }
        for SeenMute { name, times, when } in &self.mutes {
            let _ = write!(text, "  {name}: {times}");
            match when {
                Some(when) => _ = writeln!(text, ", for {when}"),
                None => text.push('\n'),
            }
        }
        text
    }

    /// What stands before a route, and before what ends in it.
    fn lines(&self, index: usize) -> (String, String) {
        let depth = self.routes[index].depth;
        // Whether a sibling follows on some level, further down and before anything above it.
        let goes_on = |level: usize| {
            let after = self.routes[index + 1..].iter().map(|route| route.depth);
            after.take_while(|depth| *depth >= level).any(|depth| depth == level)
        };
        let bar = |level: usize| if goes_on(level) { "│   " } else { "    " };
        let above: String = (1..depth).map(bar).collect();
        let branch = match depth {
            0 => String::new(),
            depth if goes_on(depth) => format!("{above}├── "),
            _ => format!("{above}└── "),
        };
        let own = if depth > 0 { bar(depth) } else { "" };
        let children = if goes_on(depth + 1) { "│     " } else { "      " };
        (branch, format!("{above}{own}{children}"))
    }
}

impl SeenAlert {
    fn line(&self) -> String {
        let Self { name, severity, perhaps } = self;
        let severity = severity.as_ref().map_or_else(String::new, |said| format!(" ({said})"));
        let perhaps = if *perhaps { ", perhaps" } else { "" };
        format!("{name}{severity}{perhaps}")
    }
}

fn seen_alert(alert: &Declared<'_>, answer: Answer) -> SeenAlert {
    let severity = alert.label("severity").filter(|severity| !severity.is_empty());
    SeenAlert {
        name: alert.name.clone(),
        severity: severity.map(str::to_owned),
        perhaps: answer != Answer::Yes,
    }
}

/// What a receiver sends with; what is told there is never a secret.
fn integrations(receiver: &Receiver) -> Vec<String> {
    let Receiver { name: _, slack, webhook, email, pagerduty, telegram, discord } = receiver;
    let slack = slack.iter().map(|slack| {
        slack.channel.as_ref().map_or_else(|| "slack".to_owned(), |it| format!("slack {it}"))
    });
    slack
        .chain(webhook.iter().map(|_| "webhook".to_owned()))
        .chain(email.iter().map(|email| format!("email {}", email.to)))
        .chain(pagerduty.iter().map(|_| "pagerduty".to_owned()))
        .chain(telegram.iter().map(|telegram| format!("telegram {}", telegram.chat_id)))
        .chain(discord.iter().map(|_| "discord".to_owned()))
        .collect()
}

fn times(mute: &Mute) -> String {
    let list = |list: &[Spanned<String>]| {
        list.iter().map(|text| text.value.as_str()).collect::<Vec<_>>().join(" ")
    };
    let one = |times: &Times| {
        let Times { on, from, to, days_of_month, months, years, timezone } = *times;
        let mut parts = Vec::new();
        let said = [(on, ""), (days_of_month, "days "), (months, "months "), (years, "years ")];
        for (said, word) in said.into_iter().filter(|(said, _)| !said.is_empty()) {
            parts.push(format!("{word}{}", list(said)));
        }
        if from.is_some() || to.is_some() {
            let text = |time: Option<&Spanned<String>>, default: &str| {
                time.map_or_else(|| default.to_owned(), |time| time.value.clone())
            };
            parts.push(format!("{} to {}", text(from, "00:00"), text(to, "24:00")));
        }
        parts.push(timezone.map_or("UTC", |zone| zone.as_str()).to_owned());
        parts.join(" ")
    };
    let active = mute.mode.as_ref().is_some_and(|mode| mode.value == MuteMode::Active);
    let all: Vec<String> = mute.times().iter().map(one).collect();
    format!("{}{}", if active { "but for " } else { "" }, all.join(" and "))
}
