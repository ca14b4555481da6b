//! Configuration files -> a model.

use serde::Deserialize as _;
use serde_json::Value as Json;

use super::cluster::{self, Cluster};
use super::model::{Kind as What, Model, Thing, Value};
use super::{alertmanager, compose, grafana, prometheus, reach, rules, units};
use crate::diag::{Files, Findings};
use crate::import::find::{self, Kind};
use crate::import::overrides;
use crate::manifest::yaml::{Data, Yaml, read_tree};
use crate::model::glob_matches;

/// A file of a side.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its path below the folder, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A file that is not what it looks like.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{path}`: {message}")]
pub struct ReadError {
    /// The file.
    pub path: String,
    /// What is wrong with it, and where.
    pub message: String,
}

/// Which files belong to a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Those that are given: files of other forms are compared, too.
    Rendered,
    /// Whatever was found in a folder.
    Found,
}

/// Files of one side in the order of their kinds.
#[derive(Default)]
struct Sorted {
    prometheus: Vec<(String, Json)>,
    rules: Vec<(String, Json)>,
    alertmanager: Vec<Json>,
    composes: Vec<(Document, Json)>,
    overrides: Vec<Document>,
    datasources: Vec<Json>,
    folders: Vec<(String, String)>,
    dashboards: Vec<(String, Json)>,
}

/// What the files say; of several files that a stack has one of, the first.
pub fn read(documents: &[Document], extent: Extent) -> Result<Model, ReadError> {
    let mut sorted = Sorted::default();
    let mut model = Model::default();
    let mut objects = Vec::new();
    let mut files = Vec::new();
    for document in documents {
        match cluster::objects(document)? {
            Some(more) => objects.extend(more),
            None => files.push(document),
        }
    }
    let mut cluster = Cluster::of(objects);
    // What objects hold is what the cluster reads, whatever lies beside them.
    let inside = std::mem::take(&mut cluster.files);
    for document in inside.iter().chain(files) {
        let Document { path, text } = document;
        if units::is_unit(document) {
            units::read(document, &mut model);
            continue;
        }
        let Some(kind) = find::kind(path, text) else {
            if extent == Extent::Rendered {
                model.push(file(path, text));
            }
            continue;
        };
        let json = parse(path, text)?;
        match kind {
            Kind::Override => sorted.overrides.push(document.clone()),
            Kind::Prometheus => sorted.prometheus.push((path.clone(), json)),
            Kind::Rules => sorted.rules.push((path.clone(), json)),
            Kind::Alertmanager => sorted.alertmanager.push(json),
            Kind::Compose => sorted.composes.push((document.clone(), json)),
            Kind::Datasources => sorted.datasources.push(json),
            Kind::Providers => sorted.folders.extend(grafana::folders(json)),
            Kind::Dashboard => sorted.dashboards.push((path.clone(), json)),
        }
    }
    let Sorted {
        prometheus,
        rules,
        alertmanager,
        composes,
        mut overrides,
        datasources,
        folders,
        dashboards,
    } = sorted;
    let own = cluster.prometheus.take().map(|file| (String::new(), file));
    let prometheus = own.or_else(|| prometheus.into_iter().next());
    let folder =
        prometheus.as_ref().and_then(|(path, _)| Some(path.rsplit_once('/')?.0.to_owned()));
    let folder = folder.as_deref().unwrap_or_default();
    let global = prometheus.map(|(_, file)| prometheus::read(file, &mut model));
    let interval = global.as_ref().map_or("1m", |global| global.evaluation_interval.as_str());
    let paths: Vec<&str> = rules.iter().map(|(path, _)| path.as_str()).collect();
    let used: Vec<bool> = match &global {
        Some(global) => named(&paths, folder, &global.rule_files),
        None => vec![true; paths.len()],
    };
    for ((_, file), _) in rules.into_iter().zip(used).filter(|(_, used)| *used) {
        rules::read(file, interval, &mut model);
    }
    for file in std::mem::take(&mut cluster.rules) {
        rules::read(file, interval, &mut model);
    }
    let alertmanager = with(cluster.alertmanager.take(), alertmanager.into_iter().next());
    let route = alertmanager.as_ref().and_then(|file| file.get("route").cloned());
    if let Some(file) = alertmanager {
        alertmanager::read(file, &mut model);
    }
    let sends = global.as_ref().is_none_or(|global| global.sends_alerts);
    reach::settle(route.as_ref(), sends, &mut model);
    rules::tell_apart(&mut model);
    for file in datasources {
        grafana::datasources(file, &mut model);
    }
    for (path, file) in dashboards {
        grafana::dashboard(&path, file, &folders, &mut model);
    }
    if let Some((document, json)) = composes.into_iter().next() {
        let above = laid(&document, &mut overrides);
        compose::read(above.unwrap_or(json), &mut model);
    }
    for Document { path, text } in overrides {
        model.push(file(&path, &text));
    }
    cluster.read(&mut model);
    Ok(model)
}

/// What the operator's object says besides the file that it uses.
fn with(object: Option<Json>, file: Option<Json>) -> Option<Json> {
    match (object, file) {
        (Some(Json::Object(mut object)), Some(Json::Object(file))) => {
            object.extend(file);
            Some(Json::Object(object))
        }
        (object, file) => file.or(object),
    }
}

/// A compose file with what compose lays over it without being told, which is taken away.
fn laid(lower: &Document, uppers: &mut Vec<Document>) -> Option<Json> {
    let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let (at, _) = uppers
        .iter()
        .enumerate()
        .filter(|(_, upper)| folder(&upper.path) == folder(&lower.path))
        .min_by_key(|(_, upper)| overrides::rank(&upper.path))?;
    let upper = uppers.remove(at);
    let read = |document: &Document| {
        let file = Files::default().add(document.path.clone(), document.text.clone());
        read_tree(&document.text, file, &mut Findings::default())
    };
    let mut tree = read(lower)?;
    overrides::lay(&mut tree, read(&upper)?);
    Some(untold(&tree))
}

/// A value without its places.
fn untold(value: &Yaml) -> Json {
    match &value.data {
        Data::Scalar { text, plain: true } => serde_yaml::from_str(text)
            .ok()
            .and_then(|single| json(single).ok())
            .filter(|single| !single.is_object() && !single.is_array())
            .unwrap_or_else(|| Json::String(text.clone())),
        Data::Scalar { text, .. } => Json::String(text.clone()),
        Data::List(items) => items.iter().map(untold).collect(),
        Data::Map(entries) => {
            entries.iter().map(|(key, value)| (key.value.clone(), untold(value))).collect()
        }
    }
}

/// Which files the patterns of a prometheus.yml in `folder` name.
fn named(paths: &[&str], folder: &str, patterns: &[String]) -> Vec<bool> {
    let mut used = vec![false; paths.len()];
    let last = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    for pattern in patterns {
        let whole = format!("{folder}/{}", pattern.trim_start_matches("./"));
        let whole = whole.trim_start_matches('/');
        // Paths differ inside and outside of containers; what a file is called does not.
        let by_path = paths.iter().any(|path| glob_matches(whole, path));
        for (path, used) in paths.iter().zip(&mut used) {
            *used |= if by_path {
                glob_matches(whole, path)
            } else {
                glob_matches(&last(pattern), &last(path))
            };
        }
    }
    used
}

fn parse(path: &str, text: &str) -> Result<Json, ReadError> {
    let failed = |message: String| ReadError { path: path.to_owned(), message };
    if find::is_json(path) {
        return serde_json::from_str(text).map_err(|err| failed(err.to_string()));
    }
    let mut yaml: serde_yaml::Value =
        serde_yaml::from_str(text).map_err(|err| failed(err.to_string()))?;
    yaml.apply_merge().map_err(|err| failed(err.to_string()))?;
    json(yaml).map_err(failed)
}

/// All documents of a file.
pub fn stream(path: &str, text: &str) -> Result<Vec<Json>, ReadError> {
    let failed = |message: String| ReadError { path: path.to_owned(), message };
    let document = |document| {
        let mut yaml = serde_yaml::Value::deserialize(document)
            .map_err(|err: serde_yaml::Error| failed(err.to_string()))?;
        yaml.apply_merge().map_err(|err| failed(err.to_string()))?;
        json(yaml).map_err(failed)
    };
    serde_yaml::Deserializer::from_str(text).map(document).collect()
}

/// As JSON, whose keys are texts.
fn json(yaml: serde_yaml::Value) -> Result<Json, String> {
    use serde_yaml::Value as Yaml;
    Ok(match yaml {
        Yaml::Null => Json::Null,
        Yaml::Bool(flag) => Json::Bool(flag),
        Yaml::Number(number) => serde_json::to_value(number).map_err(|err| err.to_string())?,
        Yaml::String(text) => Json::String(text),
        Yaml::Sequence(items) => {
            Json::Array(items.into_iter().map(json).collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(map) => {
            let entry = |(key, value)| {
                let key = match json(key)? {
                    Json::String(text) => text,
                    other => other.to_string(),
                };
                Ok((key, json(value)?))
            };
            Json::Object(map.into_iter().map(entry).collect::<Result<_, String>>()?)
        }
        Yaml::Tagged(tagged) => json(tagged.value)?,
    })
}

/// A file of another form: its lines without comments and layout, which are never shown.
fn file(path: &str, text: &str) -> Thing {
    let lines = text.lines().map(str::trim);
    let lines: Vec<&str> =
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let mut thing = Thing::new(What::File, path);
    thing.set("contents", Value::Hidden(lines.join("\n")));
    thing
}
