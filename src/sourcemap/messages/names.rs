//! Places that messages tell by names and values alone.

use std::ops::Range;

use super::super::item::{Data, Item};
use super::pattern;

/// Names of the files that a message may speak of when it names none.
pub fn kinds(text: &str, fields: &[(String, String)]) -> &'static [&'static str] {
    let has = |name: &str| fields.iter().any(|(field, _)| field == name);
    if has("scrape_pool") || text.contains("scrape config") || text.contains("scrape job") {
        &["prometheus.yml"]
    } else if text.contains("Kustomization") || text.contains("accumulating resources") {
        &["kustomization.yaml"]
    } else if has("receiver") || text.contains("receiver") || integration(text).is_some() {
        &["alertmanager.yml"]
    } else if text.contains("group \"") || text.contains("groupname") || has("group") {
        &["alerts.yml", ".rules.yml", "rules.yml"]
    } else if text.contains("services.") || text.contains("service \"") {
        &["compose.yaml"]
    } else {
        &[]
    }
}

/// The bytes of what a message speaks of: inside of the job, rule, receiver or service that it names, the
/// value or setting that it names.
pub fn find(file: &Item, text: &str, fields: &[(String, String)]) -> Option<Range<usize>> {
    let (scope, used) = match scope(file, text, fields) {
        Some((item, used)) => (Some(item), used),
        None => (None, Vec::new()),
    };
    let inside = scope.unwrap_or(file);
    let bad = pattern!(
        r"(?i)fail|error|invalid|not |unknown|undefined|couldn't|cannot|multiple|greater|must|unexpected|repeated|missing"
    );
    let values: Vec<String> = if bad.is_match(text) { told(text) } else { Vec::new() };
    let values: Vec<&str> = values
        .iter()
        .map(String::as_str)
        .filter(|value| !used.iter().any(|it| it == value))
        .collect();
    let exact = |item: &Item, value: &str| item.text() == Some(value) || item.key() == value;
    let part = |item: &Item, value: &str| {
        value.len() > 2 && item.text().is_some_and(|text| text.contains(value))
    };
    let found = values
        .iter()
        .find_map(|value| search(inside, &|item| exact(item, value)))
        .or_else(|| values.iter().find_map(|value| search(inside, &|item| part(item, value))));
    let found = found
        .or_else(|| if bad.is_match(text) { by_key(inside, text) } else { None })
        .or(scope.map(|scope| first_line(scope, text)));
    found.map(|item| item.range.clone())
}

/// What programs say without a name or a value, and the settings that it is about, the first that there
/// is. An empty value is looked for as such.
const ABOUT: &[(&str, &[&str])] = &[
    ("global scrape timeout", &["scrape_timeout", "scrape_interval", "global"]),
    ("syntax error in pattern", &["rule_files", "files"]),
    ("oot route", &["route"]),
    ("route provided", &["route"]),
    ("Slack API URL", &["slack_configs"]),
    ("SMTP smarthost", &["email_configs"]),
    ("SMTP from", &["email_configs"]),
    ("missing to address", &["to", "email_configs"]),
    ("missing URL in webhook", &["url", "webhook_configs"]),
    ("missing name in receiver", &["name", "receivers"]),
    ("matcher", &["matchers", "source_matchers", "target_matchers"]),
    ("wildcard group_by", &["group_by"]),
    ("duplicated label", &["group_by"]),
    ("unsupported scheme", &["url", "api_url"]),
    ("missing host for URL", &["url", "api_url"]),
    ("missing kind", &["apiVersion"]),
    ("missing metadata.name", &["metadata"]),
    ("already registered id", &["resources"]),
];

/// What a message is about where it names a setting (`job_name is empty`) or speaks of one in words.
fn by_key<'a>(inside: &'a Item, text: &str) -> Option<&'a Item> {
    let empty = text.contains("empty") || text.contains("\"\"") || text.contains("missing");
    let of = |key: &str| {
        let blank = |item: &Item| item.key() == key && item.text().is_some_and(str::is_empty);
        let first = if empty { search(inside, &blank) } else { None };
        first.or_else(|| search(inside, &|item| item.key() == key))
    };
    let about = ABOUT.iter().filter(|(words, _)| text.contains(words));
    let told = about.flat_map(|(_, keys)| *keys).find_map(|key| of(key));
    told.or_else(|| {
        let settings = pattern!(r"\b[a-z]+(?:_[a-z]+)+\b");
        settings.find_iter(text).find_map(|key| of(key.as_str()))
    })
}

/// The line of a text without structure that has what a message names.
pub fn in_lines(file: &str, text: &str) -> Option<Range<usize>> {
    let command = pattern!(r"Command (\S+) is not executable|Unit (\S+) not found").captures(text);
    let named = command.and_then(|found| found.iter().skip(1).flatten().next());
    let values = named.map(|name| name.as_str().to_owned()).into_iter().chain(told(text));
    let values: Vec<String> = values.filter(|value| value.len() > 2).collect();
    let mut lines = super::super::text::lines(file);
    lines.find_map(|(range, line)| {
        let comment = line.starts_with('#');
        let held = !comment && values.iter().any(|value| line.contains(value.as_str()));
        held.then_some(range)
    })
}

/// Of a rule, the setting that is spoken of; else its first line.
fn first_line<'a>(scope: &'a Item, text: &str) -> &'a Item {
    let keys: &[&str] = if text.contains("expression") || text.contains("expr") {
        &["expr"]
    } else if text.contains("scrape timeout greater") {
        &["scrape_timeout", "job_name"]
    } else {
        &["record", "alert", "name", "job_name"]
    };
    keys.iter().find_map(|key| scope.get(key)).unwrap_or(scope)
}

/// The object that a message is about, and the names that were used up to find it.
fn scope<'a>(
    file: &'a Item,
    text: &str,
    fields: &[(String, String)],
) -> Option<(&'a Item, Vec<String>)> {
    let field =
        |name: &str| fields.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone());
    let quoted = |words: &regex::Regex| words.captures(text).map(|found| found[1].to_owned());
    if let Some(groups) = file.get("groups") {
        let group = quoted(pattern!(r#"group(?:name)?:? "([^"]*)""#)).or(field("group"))?;
        // The last one: the first of two with one name is as it should be.
        let found = groups.items().iter().rev().find(|item| item.str("name") == Some(&group))?;
        let told = pattern!(r#"rule (\d+), "([^"]*)""#).captures(text);
        let number = told.as_ref().and_then(|told| told[1].parse::<usize>().ok());
        let name = told.map(|told| told[2].to_owned()).or(field("name"));
        let rules = found.get("rules").map_or(&[][..], Item::items);
        let called = |rule: &&Item| rule.str("alert").or(rule.str("record")) == name.as_deref();
        // Old programs count from 0.
        let at = |number: usize| number.checked_sub(1).and_then(|at| rules.get(at));
        let by_number = number.and_then(|number| {
            at(number).filter(called).or(rules.get(number).filter(called)).or(at(number))
        });
        let rule = by_number.or_else(|| name.as_ref().and_then(|_| rules.iter().find(called)));
        let used = std::iter::once(group).chain(name.filter(|_| rule.is_some())).collect();
        return Some((rule.unwrap_or(found), used));
    }
    if let Some(jobs) = file.get("scrape_configs") {
        let name = quoted(pattern!(r#"(?:job name|scrape job|scrape config) "([^"]*)""#))
            .or(field("scrape_pool"))?;
        let job = jobs.items().iter().rev().find(|item| item.str("job_name") == Some(&name))?;
        return Some((job, vec![name]));
    }
    if let Some(receivers) = file.get("receivers") {
        let called =
            |name: &str| receivers.items().iter().rev().find(|item| item.str("name") == Some(name));
        if let Some((name, kind, at)) = integration(text) {
            let receiver = called(&name)?;
            let list = receiver.get(&format!("{kind}_configs"));
            let config = list.and_then(|list| list.items().get(at));
            return Some((config.or(list).unwrap_or(receiver), vec![name]));
        }
        let name =
            quoted(pattern!(r#"(?:config name|receiver) "([^"]*)""#)).or(field("receiver"))?;
        return called(&name).map(|receiver| (receiver, vec![name]));
    }
    if let Some(services) = file.get("services") {
        let dotted = pattern!(r"services\.([\w.-]+)").captures(text);
        if let Some(dotted) = dotted {
            let mut used = Vec::new();
            let mut item = services;
            for step in dotted[1].trim_end_matches('.').split('.') {
                let next = item.get(step).or_else(|| item.items().get(step.parse::<usize>().ok()?));
                let Some(next) = next else { break };
                used.push(step.to_owned());
                item = next;
            }
            return (!used.is_empty()).then_some((item, used));
        }
        let name = quoted(pattern!(r#"[Ss]ervice ["']([^"']*)["']"#))?;
        return services.get(&name).map(|service| (service, vec![name]));
    }
    let name = field("name").filter(|_| file.get("datasources").is_some())?;
    let source =
        file.get("datasources")?.items().iter().find(|it| it.str("name") == Some(&name))?;
    Some((source, vec![name]))
}

/// `ops/webhook[0]: notify retry canceled`: receiver, kind and number of an integration.
fn integration(text: &str) -> Option<(String, String, usize)> {
    let found = pattern!(r"([^\s/]+)/([a-z]+)\[(\d+)\]:").captures(text)?;
    Some((found[1].to_owned(), found[2].to_owned(), found[3].parse().ok()?))
}

/// Everything that a message puts in quotes, and what it names without, the most telling first.
fn told(text: &str) -> Vec<String> {
    let mut told = Vec::new();
    let quotes = pattern!(r#""((?:[^"\\]|\\.)*)"|'([^']*)'|`([^`]*)`"#);
    for quoted in quotes.captures_iter(text) {
        let value = quoted.iter().skip(1).flatten().next().map_or("", |value| value.as_str());
        // Regular expressions are anchored before they are read.
        let bare = value.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$"));
        told.extend(bare.map(str::to_owned));
        told.push(value.replace("\\\"", "\""));
    }
    let words = [
        pattern!(r#"unescaped double quote: "(.+)"$"#),
        pattern!(r"bad matcher format: (.+)$"),
        pattern!(r"label name:? (.+)$"),
        pattern!(r"rule name:? (.+)$"),
        pattern!(r"records type (\S+)"),
        pattern!(r"time ?zone (\S+)"),
        pattern!(r"(\S+) is not a valid"),
        pattern!(r"timestamp ([^,\s]+)"),
        pattern!(r"propert(?:y|ies) (\S+)"),
        pattern!(r"field (\w+) not found"),
        pattern!(r"(?:undefined|unknown) (?:network|volume|secret|service) (\S+)"),
    ];
    let found = words.iter().filter_map(|word| word.captures(text));
    told.extend(found.map(|found| found[1].trim_end_matches([':', '.', ',']).to_owned()));
    told.retain(|value| !value.is_empty());
    told
}

/// The first value, from the outside to the inside, that is looked for.
pub fn search<'a>(item: &'a Item, wanted: &dyn Fn(&Item) -> bool) -> Option<&'a Item> {
    match &item.data {
        Data::Scalar(_) => None,
        Data::List(items) | Data::Map(items) => items
            .iter()
            .find_map(|item| if wanted(item) { Some(item) } else { search(item, wanted) }),
    }
}
