//! `run prometheus --check`: the configuration and all that it refers to, every fault with its place.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::document::{Document, Fault, entries, get, parts, remove, value, write};
use crate::diag::Spanned;
use crate::manifest::yaml::{Data, Yaml};
use crate::model::glob;
use crate::rules::{self, LoadError, RuleText};
use crate::runner::prometheus::Flags;
use crate::scrape::config::{self, Config, ConfigError};
use crate::web;
use crate::wire::prometheus as wire;
use crate::wire::rules::RuleFile;

/// Discoveries that Prometheus has and stackctl has not.
const FOREIGN: &[&str] = &[
    "aws",
    "azure",
    "consul",
    "digitalocean",
    "docker",
    "dockerswarm",
    "ec2",
    "eureka",
    "gce",
    "hetzner",
    "ionos",
    "kubernetes",
    "kuma",
    "lightsail",
    "linode",
    "marathon",
    "nerve",
    "nomad",
    "openstack",
    "ovhcloud",
    "puppetdb",
    "scaleway",
    "serverset",
    "stackit",
    "triton",
    "uyuni",
    "vultr",
];

/// Faults of one job or one receiver at most, after the file's form is right.
const MOST: usize = 20;

/// Says what is wrong; the exit code says whether Prometheus would refuse it.
pub(super) fn run(flags: &Flags) -> ExitCode {
    let mut faults = Vec::new();
    let counted = configuration(&flags.config_file, &mut faults);
    if let Some(path) = &flags.web_config
        && let Err(message) = web::Guard::from_flag(path)
    {
        let prefix = format!("--web.config.file={}: ", path.display());
        let message = message.strip_prefix(&prefix).unwrap_or(&message).to_owned();
        let file = path.display().to_string();
        faults.push(Fault { file, place: place_in(&message), message, harmless: false });
    }
    faults.dedup();
    for Fault { file, place, message, harmless } in &faults {
        let place = place.map_or(String::new(), |(line, column)| format!("{line}:{column}:"));
        let kind = if *harmless { "warning" } else { "error" };
        println!("{file}:{place} {kind}: {message}");
    }
    let refused = faults.iter().filter(|fault| !fault.harmless).count();
    if refused == 0 {
        let (jobs, rules) = counted;
        println!("{}: valid, {jobs} jobs, {rules} rules", flags.config_file.display());
        return ExitCode::SUCCESS;
    }
    println!("{}: {refused} errors", flags.config_file.display());
    ExitCode::FAILURE
}

/// The place that a reader of YAML names.
fn place_in(message: &str) -> Option<(usize, usize)> {
    let (_, rest) = message.rsplit_once(" at line ")?;
    let (line, column) = rest.split_once(" column ")?;
    let column: String = column.chars().take_while(char::is_ascii_digit).collect();
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// Serde's words made Prometheus', and whether stackctl alone objects.
fn explain(message: &str) -> (String, bool) {
    let kind = message
        .split_once("unknown field `")
        .and_then(|(_, rest)| rest.split('`').next()?.strip_suffix("_sd_configs"));
    match kind {
        Some(kind) if FOREIGN.contains(&kind) => {
            (format!("stackctl has no service discovery {kind:?}: its targets are not found"), true)
        }
        Some(kind) => (format!("unknown field \"{kind}_sd_configs\""), false),
        // It takes any scheme, and no target of the job can be asked.
        None => (config::explain(message), message.contains("scheme: unknown variant")),
    }
}

/// Checks the file; gives how many jobs and rules there are.
fn configuration(path: &Path, faults: &mut Vec<Fault>) -> (usize, usize) {
    let name = path.display().to_string();
    let Some(mut main) = Document::open(path, &name, faults) else { return (0, 0) };
    let _: wire::Config = main.read(faults, explain);
    let context = Context { path, global: global(&main, path, faults) };
    let mut names: Vec<String> = Vec::new();
    for section in ["remote_write", "remote_read"] {
        let list = entries(value(&main.root, section));
        for item in list {
            context.check(&main, section, item.clone(), faults);
        }
        duplicates(&main, list, section, faults);
    }
    if let Some(alerting) = value(&main.root, "alerting")
        && let Some(settled) = context.check(&main, "alerting", alerting.clone(), faults)
    {
        let groups = settled.written.alerting.iter().flat_map(|part| &part.alertmanagers);
        for (group, item) in groups.zip(entries(value(alerting, "alertmanagers"))) {
            context.files_of_client(&main, item, &group.http_client(), faults);
        }
    }
    let mut rest = main.root.clone();
    if let Data::Map(sections) = &mut rest.data {
        const OTHERS: &[&str] = &["scrape_configs", "remote_write", "remote_read", "alerting"];
        sections.retain(|(key, _)| !OTHERS.contains(&key.value.as_str()));
    }
    let settled = context.others(&main, rest, faults);
    let mut jobs = context.jobs(&main, &mut names, faults);
    for pattern in entries(value(&main.root, "scrape_config_files")) {
        for file in context.matching(&main, pattern, faults) {
            let shown = file.display().to_string();
            if let Some(mut more) = Document::open(&file, &shown, faults) {
                let _: wire::ScrapeConfigFile = more.read(faults, explain);
                jobs += context.jobs(&more, &mut names, faults);
            }
        }
    }
    let defaults = rules::Defaults {
        interval: settled.as_ref().map_or(Duration::from_secs(60), |s| s.evaluation_interval),
        query_offset: settled.map(|settled| settled.rule_query_offset).unwrap_or_default(),
    };
    let mut rules = 0;
    for pattern in entries(value(&main.root, "rule_files")) {
        for file in context.matching(&main, pattern, faults) {
            rules += rule_file(&file, defaults, faults);
        }
    }
    (jobs, rules)
}

/// Names that stand at several receivers.
fn duplicates(main: &Document, list: &[Yaml], section: &str, faults: &mut Vec<Fault>) {
    let mut seen = Vec::new();
    for item in list {
        let Some(name) = value(item, "name") else { continue };
        let Data::Scalar { text, .. } = &name.data else { continue };
        if !text.is_empty() && seen.contains(&text) {
            let what = section.replace('_', " ");
            let message = format!("found multiple {what} configs with job name {text:?}");
            faults.push(main.fault(name, message));
        }
        seen.push(text);
    }
}

/// The defaults of the file, once they are right.
fn global(main: &Document, path: &Path, faults: &mut Vec<Fault>) -> Option<Yaml> {
    let global = value(&main.root, "global")?;
    let context = Context { path, global: None };
    context.check(main, "global", global.clone(), faults).map(|_| global.clone())
}

struct Context<'a> {
    /// The main file: paths are relative to its folder.
    path: &'a Path,
    global: Option<Yaml>,
}

impl Context<'_> {
    /// Reads and settles a tree: what is wrong with it, or `None` for one that is no configuration.
    fn settle(&self, tree: &Yaml) -> Result<Option<Config>, String> {
        let Ok(written) = serde_yaml::from_str::<wire::Config>(&write(tree).0) else {
            return Ok(None);
        };
        match config::settle(written, self.path) {
            Ok(settled) => Ok(Some(settled)),
            Err(ConfigError::Invalid { reason, .. }) => Err(reason),
            Err(other) => Err(other.to_string()),
        }
    }

    /// Settles one part of the file beside the defaults; what is wrong is taken away, and the rest is
    /// looked at again. Gives what was settled if nothing was wrong.
    fn check(
        &self,
        file: &Document,
        section: &str,
        mut part: Yaml,
        faults: &mut Vec<Fault>,
    ) -> Option<Config> {
        let is_list = !matches!(section, "global" | "alerting");
        let before = faults.len();
        for _ in 0..MOST {
            let mut tree = part.clone();
            if is_list {
                tree.data = Data::List(vec![part.clone()]);
            }
            let key = |name: &str| Spanned::new(name.to_owned(), part.span);
            let mut sections = vec![(key(section), tree)];
            sections.extend(self.global.iter().map(|global| (key("global"), global.clone())));
            let root = with(&part, Data::Map(sections));
            let reason = match self.settle(&root) {
                Ok(settled) if faults.len() == before => return settled,
                Ok(_) => return None,
                Err(reason) => reason,
            };
            // What follows from what was taken away is no fault of its own.
            let follows = ["empty", "missing", "must be configured", "must contain", "requires"];
            if faults.len() > before && follows.iter().any(|word| reason.contains(word)) {
                return None;
            }
            let route = told(&part, &reason);
            let place = get(&part, &route).unwrap_or(&part);
            let mut fault = file.fault(place, reason);
            // The place of the key says more than that of a list behind it.
            fault.place = fault.place.or(Some((1, 1)));
            faults.push(fault);
            if !remove(&mut part, &route) {
                return None;
            }
        }
        None
    }

    /// The parts of the file that are no lists of jobs or receivers.
    fn others(&self, file: &Document, mut rest: Yaml, faults: &mut Vec<Fault>) -> Option<Config> {
        for _ in 0..MOST {
            let reason = match self.settle(&rest) {
                Ok(settled) => return settled,
                Err(reason) => reason,
            };
            let route = told(&rest, &reason);
            // The defaults of the file were told of.
            let of_global = |route: &[usize]| matches!((&rest.data, route), (Data::Map(sections), [first, ..]) if sections[*first].0.value == "global");
            if !of_global(&route) {
                faults.push(file.fault(get(&rest, &route).unwrap_or(&rest), reason));
            }
            if !remove(&mut rest, &route) {
                return None;
            }
        }
        None
    }

    /// The jobs of a file.
    fn jobs(&self, file: &Document, names: &mut Vec<String>, faults: &mut Vec<Fault>) -> usize {
        let jobs = entries(value(&file.root, "scrape_configs"));
        for item in jobs {
            if let Some(Data::Scalar { text, .. }) = value(item, "job_name").map(|name| &name.data)
            {
                if names.contains(text) {
                    let message = format!("found multiple scrape configs with job name {text:?}");
                    faults.push(file.fault(value(item, "job_name").unwrap_or(item), message));
                }
                names.push(text.clone());
            }
            let Some(settled) = self.check(file, "scrape_configs", item.clone(), faults) else {
                continue;
            };
            for job in &settled.jobs {
                self.files_of_client(file, item, &job.http, faults);
                for pattern in job.discovery.file.iter().flat_map(|source| &source.files) {
                    self.targets(file, item, pattern, faults);
                }
            }
        }
        jobs.len()
    }

    /// The files of one `file_sd_configs`.
    fn targets(&self, file: &Document, item: &Yaml, pattern: &str, faults: &mut Vec<Fault>) {
        let found = glob(Path::new(pattern)).unwrap_or_default();
        let found: Vec<PathBuf> = found.into_iter().filter(|path| path.exists()).collect();
        if found.is_empty() {
            let place = ending(item, pattern).unwrap_or(item);
            let message = format!("file {pattern:?} for file_sd does not exist");
            faults.push(Fault { harmless: true, ..file.fault(place, message) });
        }
        for path in found {
            let shown = path.display().to_string();
            if let Some(mut targets) = Document::open(&path, &shown, faults) {
                let _: Vec<wire::StaticConfig> = targets.read(faults, explain);
                let key = |name: &str| Spanned::new(name.to_owned(), targets.root.span);
                let name = Data::Scalar { text: "file_sd".to_owned(), plain: false };
                let name = with(&targets.root, name);
                let fields =
                    vec![(key("job_name"), name), (key("static_configs"), targets.root.clone())];
                let job = with(&targets.root, Data::Map(fields));
                self.check(&targets, "scrape_configs", job, faults);
            }
        }
    }

    /// Certificates, keys and credentials must be there.
    fn files_of_client(
        &self,
        file: &Document,
        item: &Yaml,
        client: &wire::HttpClient,
        faults: &mut Vec<Fault>,
    ) {
        let tls = client.tls_config.iter();
        let paths = tls
            .flat_map(|tls| [&tls.cert_file, &tls.key_file])
            .chain([&client.bearer_token_file])
            .chain(client.authorization.iter().map(|auth| &auth.credentials_file))
            .flatten();
        let folder = self.path.parent().unwrap_or(Path::new(""));
        for path in paths.filter(|path| !path.is_empty()) {
            if let Err(err) = std::fs::metadata(folder.join(path)) {
                let place = ending(item, path).unwrap_or(item);
                faults.push(file.fault(place, format!("{path:?}: {err}")));
            }
        }
    }

    /// The files that a pattern of the file names; one without a star must be there.
    fn matching(&self, file: &Document, pattern: &Yaml, faults: &mut Vec<Fault>) -> Vec<PathBuf> {
        let Data::Scalar { text, .. } = &pattern.data else { return Vec::new() };
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let found = match glob(&folder.join(text)) {
            Ok(found) => found,
            Err(err) => {
                faults.push(file.fault(pattern, err.to_string()));
                return Vec::new();
            }
        };
        let found: Vec<PathBuf> = found.into_iter().filter(|path| path.exists()).collect();
        if found.is_empty() && !text.contains('*') {
            faults
                .push(file.fault(pattern, format!("{text:?} does not point to an existing file")));
        }
        found
    }
}

/// A tree in the place of another.
fn with(place: &Yaml, data: Data) -> Yaml {
    let mut made = place.clone();
    made.data = data;
    made
}

/// The value that is the end of a path.
fn ending<'a>(item: &'a Yaml, path: &str) -> Option<&'a Yaml> {
    let mut found = None;
    parts(item, &mut |_, _, part| {
        if let Data::Scalar { text, .. } = &part.data
            && !text.is_empty()
            && Path::new(path).ends_with(text)
        {
            found = Some(part);
        }
    });
    found
}

/// Which part a message is about: one whose text it quotes, or else one whose key it names.
fn told(part: &Yaml, message: &str) -> Vec<usize> {
    let mut best: (usize, Vec<usize>) = (0, Vec::new());
    let message = message.rsplit_once(" (job ").map_or(message, |(message, _)| message);
    let spaced = message.replace('_', " ").to_lowercase();
    let named = |name: &str| {
        let name = name.replace('_', " ").to_lowercase();
        spaced.match_indices(&name).any(|(at, _)| {
            let before = spaced[..at].chars().next_back();
            let after = spaced[at + name.len()..].chars().next();
            !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
        })
    };
    parts(part, &mut |route, key, value| {
        let quoted = match &value.data {
            Data::Scalar { text, .. } if key != "job_name" && !text.is_empty() => {
                message.contains(&format!("{text:?}")) || message.ends_with(&format!(" {text}"))
            }
            _ => false,
        };
        let weight = match () {
            () if quoted => 1_000,
            () if !key.is_empty() && named(key) => key.len(),
            () => 0,
        };
        if weight > best.0 {
            best = (weight, route.to_vec());
        }
    });
    best.1
}

/// Checks one rule file; gives how many rules there are.
fn rule_file(path: &Path, defaults: rules::Defaults, faults: &mut Vec<Fault>) -> usize {
    let name = path.display().to_string();
    let Some(mut file) = Document::open(path, &name, faults) else { return 0 };
    let read: RuleFile = file.read(faults, explain);
    let text = RuleText { name, text: write(&file.root).0 };
    let groups = entries(value(&file.root, "groups"));
    let is = |group: &Yaml, wanted: &str| matches!(value(group, "name").map(|name| &name.data), Some(Data::Scalar { text, .. }) if text == wanted);
    for error in rules::load(&[text], defaults).err().unwrap_or_default() {
        let fault = match error {
            LoadError::Malformed { message, .. } => file.fault(&file.root, message),
            LoadError::Group { group, message, .. } => {
                let group = groups.iter().rfind(|item| is(item, &group)).unwrap_or(&file.root);
                let place = get(group, &told(group, &message)).unwrap_or(group);
                file.fault(place, message)
            }
            LoadError::Rule { group, number, message, .. } => {
                let group = groups.iter().find(|item| is(item, &group)).unwrap_or(&file.root);
                let rule = entries(value(group, "rules")).get(number - 1).unwrap_or(group);
                rule_fault(&file, rule, message)
            }
        };
        faults.push(fault);
    }
    read.groups.iter().map(|group| group.rules.len()).sum()
}

/// A mistake in an expression stands where it is, if the expression is written in one line.
fn rule_fault(file: &Document, rule: &Yaml, message: String) -> Fault {
    let expr = value(rule, "expr");
    if let (Some(rest), Some(expr)) = (message.strip_prefix("cannot parse the expression: "), expr)
    {
        let mut numbers = rest.splitn(3, ':').map(str::parse);
        if let (Some(Ok(line)), Some(Ok(column))) = (numbers.next(), numbers.next()) {
            let place = Some(file.in_line(expr, (line, column)));
            return Fault { place, ..file.fault(expr, message) };
        }
    }
    let place = get(rule, &told(rule, &message)).unwrap_or(rule);
    file.fault(place, message)
}
