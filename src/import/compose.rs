//! A compose file -> services, exporters and parts, networks, volumes and secrets.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::context::{Context, Mount, dotted, join, normal};
use super::kdl::{Node, Value};
use super::limits::deploy;
use super::parts;
use super::reach::{Mounted, mount_options, mounted, port_options, published};
use super::source::{Fields, entries, get, items, pairs, scalar, texts};
use crate::diag::{Span, Spanned};
use crate::manifest::yaml::{Data, Yaml};

/// What a compose file comes to.
#[derive(Debug, Default)]
pub struct Composed {
    /// Name of the project, if it has one.
    pub name: Option<String>,
    /// `network` and `volumes` nodes.
    pub places: Vec<Node>,
    /// `service` nodes.
    pub services: Vec<Node>,
    /// Host names of all services, as the stack calls them.
    pub hosts: BTreeSet<String>,
    /// The stack's parts by what they are; an exporter is a node of its own.
    pub parts: BTreeMap<parts::Kind, Node>,
}

/// A service of the file with what other files need to know of it first.
struct Found<'a> {
    name: &'a str,
    service: &'a Yaml,
    kind: Option<parts::Kind>,
}

/// Reads the file, which lies in `folder`.
pub fn read(file: &Yaml, folder: &str, context: &mut Context) -> Composed {
    let mut composed = Composed::default();
    let mut fields = Fields::of("the compose file", file, &mut context.notes);
    // It has meant nothing for years.
    fields.take("version");
    fields.pass_over_extensions();
    composed.name = fields.text("name");
    let declared: Vec<&str> = fields
        .take("networks")
        .map_or(&[][..], entries)
        .iter()
        .map(|(name, network)| {
            composed.places.push(self::network(name.as_str(), network, context));
            name.as_str()
        })
        .collect();
    let mut plain = Vec::new();
    for (name, volume) in fields.take("volumes").map_or(&[][..], entries) {
        match self::volume(name.as_str(), volume, context) {
            Some(node) => composed.places.push(node),
            None => plain.push(name.value.clone()),
        }
    }
    if !plain.is_empty() {
        composed.places.push(Node::new("volumes").args(plain));
    }
    for (name, secret) in fields.take("secrets").map_or(&[][..], entries) {
        let mut fields = Fields::of(format!("secret `{}`", name.value), secret, &mut context.notes);
        let path = fields.text("file").map(|path| dotted(&normal(&join(folder, &path))));
        let env = fields.text("environment").map(|variable| format!("${variable}"));
        context.secrets.extend(path.or(env).map(|source| (name.value.clone(), source)));
        fields.finish(&mut context.notes);
    }
    let mut seen = Vec::new();
    let services: Vec<Found<'_>> = fields
        .take("services")
        .map_or(&[][..], entries)
        .iter()
        .map(|(name, service)| {
            let image = get(service, "image").and_then(scalar).unwrap_or_default();
            // The second of a kind is a service like any other.
            let kind = parts::Kind::of(image).filter(|kind| !seen.contains(kind));
            seen.extend(kind);
            Found { name: name.as_str(), service, kind }
        })
        .collect();
    for Found { name, service, kind } in &services {
        let host = kind.map_or(*name, |kind| kind.host());
        composed.hosts.insert(host.to_owned());
        if kind.is_none() {
            continue;
        }
        if *name != host {
            let message = format!("service `{name}` is called `{host}` in a stack");
            context
                .notes
                .changed(get(service, "image").map_or(service.span, |image| image.span), message);
            context.hosts.insert((*name).to_owned(), host.to_owned());
        }
        let mounts = get(service, "volumes").map_or(&[][..], items).iter().filter_map(|volume| {
            let Mounted { source, inside, .. } = mounted(volume, folder)?;
            Some(Mount { inside, outside: source, span: volume.span, used: Cell::default() })
        });
        context.mounts.insert(host.to_owned(), mounts.collect());
    }
    let attached = services.iter().any(|found| get(found.service, "networks").is_some());
    // Beside services that name their networks, one that names none is alone on a default one.
    let default = attached
        && !declared.contains(&"default")
        && services.iter().any(|found| {
            get(found.service, "networks").is_none() && get(found.service, "network_mode").is_none()
        });
    let scope = Scope { folder, declared: &declared, default };
    for Found { name, service, kind } in services {
        let mut fields = Fields::of(format!("service `{name}`"), service, &mut context.notes);
        fields.pass_over_extensions();
        match kind {
            Some(kind) => {
                let node = parts::read(kind, &mut fields, &scope, context);
                composed.parts.insert(kind, node);
            }
            None => composed.services.push(self::service(name, &mut fields, &scope, context)),
        }
        fields.finish(&mut context.notes);
    }
    if default {
        composed.places.insert(0, Node::new("network").arg("default"));
    }
    fields.finish(&mut context.notes);
    composed
}

/// What the services of a file have around them.
pub struct Scope<'a> {
    /// Folder of the compose file, relative to the one that is imported.
    pub folder: &'a str,
    /// Networks of the file.
    pub declared: &'a [&'a str],
    /// Whether a service without networks is attached to a default one that the others are not on.
    pub default: bool,
}

fn network(name: &str, network: &Yaml, context: &mut Context) -> Node {
    let mut fields = Fields::of(format!("network `{name}`"), network, &mut context.notes);
    let mut node = Node::new("network").arg(name);
    node = node
        .prop("driver", fields.text("driver"))
        .prop("internal", fields.flag("internal").filter(|flag| *flag))
        .prop("external", fields.flag("external").filter(|flag| *flag));
    if let Some(ipam) = fields.take("ipam") {
        let what = format!("`ipam` of network `{name}`");
        let mut ipam = Fields::of(what.as_str(), ipam, &mut context.notes);
        if let Some(driver) = ipam.take("driver").filter(|driver| scalar(driver) != Some("default"))
        {
            context.notes.lost(driver.span, &format!("`driver` of {what}"));
        }
        for (at, config) in ipam.items("config").iter().enumerate() {
            if at > 0 {
                context.notes.lost(config.span, &format!("a second range of addresses in {what}"));
                continue;
            }
            let mut config = Fields::of(what.as_str(), config, &mut context.notes);
            node = node.prop("subnet", config.text("subnet"));
            config.finish(&mut context.notes);
        }
        ipam.finish(&mut context.notes);
    }
    fields.finish(&mut context.notes);
    node
}

/// A volume with settings; `None` for one that has only its name.
fn volume(name: &str, volume: &Yaml, context: &mut Context) -> Option<Node> {
    let mut fields = Fields::of(format!("volume `{name}`"), volume, &mut context.notes);
    let mut node = Node::new("volume").arg(name);
    node = node
        .prop("driver", fields.text("driver").filter(|driver| driver != "local"))
        .prop("external", fields.flag("external").filter(|flag| *flag));
    node.map("driver_opts", fields.pairs("driver_opts"));
    fields.finish(&mut context.notes);
    (!node.is_bare()).then_some(node)
}

/// A text of compose in which variables are replaced.
pub enum Text {
    /// Nothing is replaced; `$$` is a `$`.
    Plain(String),
    /// It is a variable and nothing else.
    Variable(String),
    /// A variable that has a default, and the text with it.
    Default(String),
    /// Variables inside of a text.
    Mixed,
}

/// Reads a text with variables.
pub fn read_text(text: &str) -> Text {
    let mut out = String::new();
    let mut rest = text;
    let mut defaulted = false;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix('$') {
            out.push('$');
            rest = behind;
            continue;
        }
        let (name, default, behind) = match rest.strip_prefix('{') {
            Some(inner) => {
                let Some(end) = inner.find('}') else { return Text::Mixed };
                let len = inner[..end]
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(end);
                let operator = &inner[len..end];
                let default = operator.strip_prefix(":-").or(operator.strip_prefix('-'));
                (&inner[..len], default, &inner[end + 1..])
            }
            None => {
                let len = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                (&rest[..len], None, &rest[len..])
            }
        };
        match default {
            Some(default) => {
                out.push_str(default);
                defaulted = true;
            }
            None if out.is_empty() && behind.is_empty() && !name.is_empty() => {
                return Text::Variable(name.to_owned());
            }
            None => return Text::Mixed,
        }
        rest = behind;
    }
    out.push_str(rest);
    if defaulted { Text::Default(out) } else { Text::Plain(out) }
}

/// A text where the manifest takes no variable.
pub fn settled(text: &str, what: &str, span: Span, context: &mut Context) -> Option<String> {
    match read_text(text) {
        Text::Plain(text) => Some(text),
        Text::Default(text) => {
            context
                .notes
                .changed(span, format!("{what} is no variable any more: its default is taken"));
            Some(text)
        }
        Text::Variable(_) | Text::Mixed => {
            context.notes.lost(span, &format!("{what}, which a variable decides,"));
            None
        }
    }
}

/// Environment variables with their values.
pub fn environment(what: &str, env: &Yaml, context: &mut Context) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    let single = |(_, value): &&(Spanned<String>, Yaml)| scalar(value).is_some();
    for (name, _) in entries(env).iter().filter(|entry| !single(entry)) {
        context.notes.lost(name.span, &format!("`{}` of {what}", name.value));
    }
    let mut spans = entries(env).iter().filter(single).map(|(name, it)| name.span.to(it.span));
    for (at, (name, value)) in pairs(env).into_iter().enumerate() {
        let span = match &env.data {
            Data::List(list) => list.get(at).map_or(env.span, |item| item.span),
            _ => spans.next().unwrap_or(env.span),
        };
        let secret =
            value.strip_prefix("/run/secrets/").filter(|name| context.secrets.contains_key(*name));
        let from_caller = matches!(&env.data, Data::List(list)
            if list.iter().any(|item| scalar(item) == Some(name.as_str())));
        let value = match secret {
            Some(secret) => Value::Tagged("secret", secret.to_owned()),
            None if from_caller => Value::Tagged("env", name.clone()),
            None => match read_text(&value) {
                Text::Plain(text) => Value::Text(text),
                Text::Variable(variable) => Value::Tagged("env", variable),
                Text::Default(text) => {
                    let message =
                        format!("`{name}` of {what} is no variable any more: its default is taken");
                    context.notes.changed(span, message);
                    Value::Text(text)
                }
                Text::Mixed => {
                    let lost =
                        format!("`{name}` of {what}, which has a variable inside of a text,");
                    context.notes.lost(span, &lost);
                    continue;
                }
            },
        };
        all.push((name, value));
    }
    all
}

/// A command line: a list, or a text that is split as a shell does.
pub fn command(value: &Yaml) -> Vec<String> {
    let words = match scalar(value) {
        Some(text) => shlex::split(text).unwrap_or_else(|| vec![text.to_owned()]),
        None => texts(value),
    };
    words.into_iter().map(|word| word.replace("$$", "$")).collect()
}

fn service(name: &str, fields: &mut Fields<'_>, scope: &Scope<'_>, context: &mut Context) -> Node {
    let what = format!("service `{name}`");
    let mut node = Node::new("service").arg(name);
    if let Some(image) = fields.take("image") {
        let image = scalar(image).and_then(|text| settled(text, "the image", image.span, context));
        node.set("image", image);
    }
    if let Some(build) = fields.take("build") {
        node.push(self::build(build, scope, context));
    }
    for port in fields.items("ports") {
        match published(port) {
            Some(one) => {
                node.push(one.node("port"));
                port_options(&what, port, context);
            }
            None => context.notes.lost(port.span, &format!("this port of {what}")),
        }
    }
    for port in fields.items("expose") {
        let text = scalar(port).unwrap_or_default();
        match text.strip_suffix("/tcp").unwrap_or(text).parse::<u16>() {
            Ok(number) => node.set("expose", Some(u64::from(number))),
            Err(_) => context.notes.lost(port.span, &format!("`expose {text}` of {what}")),
        }
    }
    if let Some(env) = fields.take("environment") {
        let env = environment(&what, env, context);
        node.map("env", env);
    }
    let files =
        fields.take("env_file").map_or_else(Vec::new, |files| env_files(&what, files, context));
    node.list(
        "env_file",
        files.iter().map(|path| dotted(&normal(&join(scope.folder, path)))).collect(),
    );
    for volume in fields.items("volumes") {
        match mounted(volume, scope.folder) {
            Some(Mounted { source, inside, read_only }) => {
                node.push(
                    Node::new("volume")
                        .arg(source)
                        .prop("to", Some(inside))
                        .prop("read_only", Some(true).filter(|_| read_only)),
                );
                mount_options(&what, volume, context);
            }
            None => context.notes.lost(volume.span, &format!("this mount of {what}")),
        }
    }
    depends_on(fields, &mut node, context);
    if let Some(check) = fields.take("healthcheck")
        && let Some(check) = healthcheck(&what, check, context)
    {
        node.push(check);
    }
    for key in ["command", "entrypoint"] {
        let words = fields.take(key).map(command).unwrap_or_default();
        node.list(key, words);
    }
    attach(fields, &mut node, scope, context);
    node.map("labels", fields.pairs("labels"));
    for key in ["user", "working_dir", "hostname", "stop_grace_period"] {
        node.set(key, fields.text(key));
    }
    let hosts = fields.take("extra_hosts").map(|hosts| match &hosts.data {
        Data::List(_) => texts(hosts)
            .iter()
            .filter_map(|host| host.split_once(['=', ':']))
            .map(|(name, address)| (name.to_owned(), address.to_owned()))
            .collect(),
        _ => pairs(hosts),
    });
    node.map("extra_hosts", hosts.unwrap_or_default());
    for key in ["cap_add", "cap_drop", "tmpfs"] {
        node.list(key, fields.texts(key));
    }
    for key in ["read_only", "privileged", "init"] {
        node.set(key, fields.flag(key).filter(|flag| *flag));
    }
    // Compose starts nothing again by itself; a stack does.
    let restart = fields.text("restart").unwrap_or_else(|| "no".to_owned());
    let (restart, times) =
        restart.split_once(':').map_or((restart.as_str(), None), |(a, b)| (a, Some(b)));
    if let Some(times) = times {
        context
            .notes
            .lost(fields.span, &format!("that {what} is started again {times} times at most"));
    }
    node.set("restart", Some(restart).filter(|restart| *restart != "unless-stopped"));
    deploy(&what, fields, &mut node, context);
    if let Some(logging) = fields.take("logging") {
        let mut fields = Fields::of(format!("`logging` of {what}"), logging, &mut context.notes);
        let mut logging = Node::new("logging").args(fields.text("driver"));
        logging.map("options", fields.pairs("options"));
        fields.finish(&mut context.notes);
        node.push(logging);
    }
    granted(&what, fields, context);
    node
}

/// Secrets come with the settings that name them; one that nothing names cannot be said.
fn granted(what: &str, fields: &mut Fields<'_>, context: &mut Context) {
    let used: Vec<String> = fields
        .take("environment")
        .map(pairs)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(_, value)| value.strip_prefix("/run/secrets/").map(str::to_owned))
        .collect();
    for secret in fields.items("secrets") {
        let name = scalar(secret).or_else(|| get(secret, "source").and_then(scalar));
        if !name.is_some_and(|name| used.iter().any(|known| known == name)) {
            let lost = format!("a secret of {what} that no environment variable names");
            context.notes.lost(secret.span, &lost);
        } else if scalar(secret).is_none() {
            let mut fields =
                Fields::of(format!("this secret of {what}"), secret, &mut context.notes);
            fields.take("source");
            fields.finish(&mut context.notes);
        }
    }
}

/// Paths of files with variables, which may have settings of their own.
fn env_files(what: &str, files: &Yaml, context: &mut Context) -> Vec<String> {
    if let Some(path) = scalar(files) {
        return vec![path.to_owned()];
    }
    let mut paths = Vec::new();
    for file in items(files) {
        if let Some(path) = scalar(file) {
            paths.push(path.to_owned());
            continue;
        }
        let mut fields = Fields::of(format!("`env_file` of {what}"), file, &mut context.notes);
        paths.extend(fields.text("path"));
        if get(file, "required").and_then(scalar) == Some("true") {
            fields.take("required");
        }
        fields.finish(&mut context.notes);
    }
    paths
}

fn build(build: &Yaml, scope: &Scope<'_>, context: &mut Context) -> Node {
    let place = |path: &str| dotted(&normal(&join(scope.folder, path)));
    if let Some(path) = scalar(build) {
        return Node::new("build").arg(place(path));
    }
    let mut fields = Fields::of("`build`", build, &mut context.notes);
    let mut node = Node::new("build")
        .arg(place(&fields.text("context").unwrap_or_else(|| ".".to_owned())))
        .prop("dockerfile", fields.text("dockerfile"))
        .prop("target", fields.text("target"));
    node.map("args", fields.pairs("args"));
    fields.finish(&mut context.notes);
    node
}

/// Services to wait for.
pub fn depends_on(fields: &mut Fields<'_>, node: &mut Node, context: &mut Context) {
    let Some(on) = fields.take("depends_on") else { return };
    for name in texts(on) {
        node.push(Node::new("depends_on").arg(context.renamed(&name)));
    }
    for (name, settings) in entries(on) {
        let mut fields =
            Fields::of(format!("`depends_on {}`", name.value), settings, &mut context.notes);
        let said = fields.take("condition");
        let condition = match said.and_then(scalar) {
            Some("service_healthy") => Some("healthy"),
            Some("service_completed_successfully") => Some("completed"),
            None | Some("service_started") => None,
            Some(other) => {
                let lost = format!("`condition: {other}` of `depends_on {}`", name.value);
                context.notes.lost(said.map_or(settings.span, |said| said.span), &lost);
                None
            }
        };
        fields.finish(&mut context.notes);
        let name = context.renamed(name.as_str());
        node.push(Node::new("depends_on").arg(name).prop("condition", condition));
    }
}

fn healthcheck(what: &str, check: &Yaml, context: &mut Context) -> Option<Node> {
    let mut fields = Fields::of(format!("the health check of {what}"), check, &mut context.notes);
    if fields.flag("disable") == Some(true) {
        context.notes.lost(check.span, &format!("that {what} has no health check"));
        return None;
    }
    let Some(test) = fields.take("test") else {
        context
            .notes
            .lost(check.span, &format!("when the image's own health check of {what} runs"));
        return None;
    };
    let command = match scalar(test) {
        Some(text) => text.to_owned(),
        None => {
            let words = texts(test);
            let (kind, words) = words.split_first()?;
            match (kind.as_str(), words) {
                ("CMD-SHELL", [text]) => text.clone(),
                ("CMD", words) => shlex::try_join(words.iter().map(String::as_str))
                    .unwrap_or_else(|_| words.join(" ")),
                _ => {
                    context.notes.lost(test.span, &format!("the health check of {what}"));
                    return None;
                }
            }
        }
    };
    let mut node = Node::new("healthcheck").arg(command.replace("$$", "$"));
    for key in ["interval", "timeout"] {
        node = node.prop(key, fields.text(key));
    }
    node = node.prop("retries", fields.number("retries"));
    node = node.prop("start_period", fields.text("start_period"));
    fields.finish(&mut context.notes);
    Some(node)
}

/// Networks of a service; nothing is said where it is on all of them.
pub fn attach(fields: &mut Fields<'_>, node: &mut Node, scope: &Scope<'_>, context: &mut Context) {
    let Some(said) = fields.take("networks") else {
        if scope.default {
            node.list("networks", vec!["default".to_owned()]);
        }
        return;
    };
    let mut names = texts(said);
    for (name, settings) in entries(said) {
        names.push(name.value.clone());
        let settings =
            Fields::of(format!("network `{}`", name.value), settings, &mut context.notes);
        settings.finish(&mut context.notes);
    }
    let all = scope.declared.iter().all(|name| names.iter().any(|said| said == name));
    if !all || scope.default {
        node.list("networks", names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_told_from_texts() {
        let said = |text: &str| match read_text(text) {
            Text::Plain(text) => format!("plain {text}"),
            Text::Variable(name) => format!("variable {name}"),
            Text::Default(text) => format!("default {text}"),
            Text::Mixed => "mixed".to_owned(),
        };
        for (text, expected) in [
            ("a$$b", "plain a$b"),
            ("${A}", "variable A"),
            ("$A_1", "variable A_1"),
            ("${A:?must be set}", "variable A"),
            ("${A:-x}", "default x"),
            ("http://${A-h}:80", "default http://h:80"),
            ("x${A}", "mixed"),
            ("${A}x", "mixed"),
            ("${A", "mixed"),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }
}
