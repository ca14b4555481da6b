//! A map of a configuration file whose keys are taken one by one; what nobody took becomes attributes as
//! it is, so that a setting this program has never heard of is compared all the same.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::model::{Thing, Value};
use crate::model::{format_duration, parse_duration};

/// Lists whose order means nothing, by their key.
const SETS: [&str; 34] = [
    "active_time_intervals",
    "cap_add",
    "cap_drop",
    "days_of_month",
    "dns",
    "equal",
    "expose",
    "extra_hosts",
    "files",
    "group_by",
    "labelnames",
    "match[]",
    "matchers",
    "months",
    "mute_time_intervals",
    "names",
    "networks",
    "profiles",
    "rule_files",
    "scrape_config_files",
    "scopes",
    "secrets",
    "security_opt",
    "sourceLabels",
    "source_matchers",
    "tags",
    "target_matchers",
    "targets",
    "templates",
    "times",
    "tmpfs",
    "ulimits",
    "weekdays",
    "years",
];

/// Keys of durations, and how they end.
const DURATIONS: [&str; 16] = [
    "_interval",
    "_timeout",
    "_wait",
    "_deadline",
    "_backoff",
    "_window",
    "_offset",
    "_period",
    "_age",
    "_delay",
    "for",
    "keep_firing_for",
    "interval",
    "timeout",
    "minBackoff",
    "timeInterval",
];

/// Keys of what may be a secret when it stands in a file.
const SECRETS: [&str; 24] = [
    "api_key",
    "api_secret",
    "api_token",
    "api_url",
    "app_secret",
    "auth_identity",
    "auth_password",
    "auth_secret",
    "basicAuthPassword",
    "bearer_token",
    "bot_token",
    "client_secret",
    "credentials",
    "opsgenie_api_key",
    "pagerduty_url",
    "password",
    "routing_key",
    "secret_key",
    "service_key",
    "slack_api_url",
    "smtp_auth_password",
    "token",
    "user_key",
    "webhook_url",
];

const DAY: Duration = Duration::from_secs(86_400);

/// The keys of a map that nobody took yet.
pub struct Fields(Map<String, Json>);

impl Fields {
    /// Of a map; of nothing, if it is something else.
    pub fn of(value: Json) -> Self {
        match value {
            Json::Object(map) => Self(map),
            _ => Self(Map::new()),
        }
    }

    /// The value of a key; `None` where it is missing or empty.
    pub fn take(&mut self, key: &str) -> Option<Json> {
        self.0.remove(key).filter(|value| !value.is_null())
    }

    /// A single value as text.
    pub fn text(&mut self, key: &str) -> Option<String> {
        self.take(key).and_then(|value| scalar(&value))
    }

    /// As [`text`](Self::text); a value that is no single one stays.
    pub fn text_only(&mut self, key: &str) -> Option<String> {
        let text = self.0.get(key).and_then(scalar)?;
        self.0.remove(key);
        Some(text)
    }

    /// The items of a list; one value alone is a list of one.
    pub fn items(&mut self, key: &str) -> Vec<Json> {
        match self.take(key) {
            Some(Json::Array(items)) => items,
            Some(one) => vec![one],
            None => Vec::new(),
        }
    }

    /// The single values of a list.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        self.items(key).iter().filter_map(scalar).collect()
    }

    /// A map in the order written.
    pub fn entries(&mut self, key: &str) -> Vec<(String, Json)> {
        match self.take(key) {
            Some(Json::Object(map)) => map.into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// A map of single values; compose writes a list of `name=value`, too.
    pub fn pairs(&mut self, key: &str) -> Vec<(String, String)> {
        match self.take(key) {
            Some(Json::Object(map)) => map
                .into_iter()
                .map(|(name, value)| (name, scalar(&value).unwrap_or_default()))
                .collect(),
            Some(Json::Array(list)) => list
                .iter()
                .filter_map(scalar)
                .map(|text| match text.split_once('=') {
                    Some((name, value)) => (name.to_owned(), value.to_owned()),
                    None => (text, String::new()),
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// All that is left.
    pub fn whole(self) -> Json {
        Json::Object(self.0)
    }

    /// Makes attributes of all that is left; values that say no more than their absence are left out.
    pub fn rest(self, usual: &[(&str, &str)], thing: &mut Thing) {
        for (key, value) in self.0 {
            let said = scalar(&value).map(|text| normal(&key, &text));
            if !usual.iter().any(|(name, usual)| *name == key && said.as_deref() == Some(*usual)) {
                flatten(thing, &key, &key, value);
            }
        }
    }
}

/// A single value as text, whatever it was written as.
pub fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A single value in one spelling.
pub fn normal(key: &str, text: &str) -> String {
    let duration =
        DURATIONS.iter().any(|end| key == *end || (end.starts_with('_') && key.ends_with(end)));
    match parse_duration(text) {
        // Weeks and years are how Prometheus prints what people count in days.
        Ok(value) if duration && value >= DAY && value.as_secs().is_multiple_of(DAY.as_secs()) => {
            format!("{}d", value.as_secs() / DAY.as_secs())
        }
        Ok(value) if duration => format_duration(value),
        _ => text.trim_end().to_owned(),
    }
}

/// A single value as an attribute: hidden, if it may be a secret.
pub fn value(key: &str, text: String) -> Value {
    // What the program puts in later is no secret itself.
    if may_be_secret(key) && !text.is_empty() && !text.starts_with('$') {
        Value::Hidden(text)
    } else {
        Value::Text(without_password(normal(key, &text)))
    }
}

/// Whether the value of a key, or of a variable of the environment, may be a secret.
fn may_be_secret(key: &str) -> bool {
    let words = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "PRIVATE_KEY", "DSN"];
    let variable = !key.contains(|c: char| c.is_ascii_lowercase());
    SECRETS.contains(&key)
        || variable && !key.ends_with("_FILE") && words.iter().any(|word| key.contains(word))
}

/// An address without the password in it.
fn without_password(text: String) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text };
    let end = rest.find(['/', '?', ' ']).unwrap_or(rest.len());
    match rest[..end].rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?, host)))
    {
        Some(((user, _), host)) => format!("{scheme}://{user}:***@{host}{}", &rest[end..]),
        None => text,
    }
}

/// Whether it says nothing.
fn is_empty(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Makes attributes of a value: `name` is the path to it, `key` the last part of it.
pub fn flatten(thing: &mut Thing, name: &str, key: &str, json: Json) {
    match json {
        Json::Null => {}
        Json::Object(map) => {
            for (key, value) in map {
                flatten(thing, &format!("{name}.{key}"), &key, value);
            }
        }
        Json::Array(items) => {
            let texts: Vec<String> = items.iter().map(|item| compact(key, item)).collect();
            if texts.is_empty() {
            } else if SETS.contains(&key) {
                thing.set(name, Value::Set(texts.into_iter().collect()));
            } else {
                thing.set(name, Value::List(texts));
            }
        }
        single => {
            if let Some(text) = scalar(&single) {
                thing.set(name, value(key, text));
            }
        }
    }
}

/// A value on one line, maps ordered by key, secrets hidden.
pub fn compact(key: &str, json: &Json) -> String {
    match json {
        Json::Object(map) => {
            let sorted: BTreeSet<String> = map
                .iter()
                .filter(|(_, value)| !is_empty(value))
                .map(|(key, value)| format!("{key}: {}", compact(key, value)))
                .collect();
            format!("{{{}}}", sorted.into_iter().collect::<Vec<_>>().join(", "))
        }
        Json::Array(items) => {
            let mut texts: Vec<String> = items.iter().map(|item| compact(key, item)).collect();
            if SETS.contains(&key) {
                texts.sort_unstable();
            }
            format!("[{}]", texts.join(", "))
        }
        single => match value(key, scalar(single).unwrap_or_default()) {
            Value::Text(text) => text,
            _ => "***".to_owned(),
        },
    }
}
