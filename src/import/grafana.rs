//! Grafana's provisioning -> data sources and dashboards.

use serde_json::Value as Json;

use super::context::{Context, dotted, join, normal};
use super::kdl::{Node, Value};
use super::source::{Fields, entries, get, scalar};
use crate::manifest::yaml::Yaml;
use crate::model::slug;

/// A dashboard that lies in the folder.
#[derive(Debug)]
pub struct Dashboard {
    /// Path relative to the folder that is imported.
    pub path: String,
    /// Its title.
    pub title: String,
}

impl Dashboard {
    /// A file that is a dashboard; `None` for other JSON.
    pub fn of(path: &str, text: &str) -> Option<Self> {
        let json: Json = serde_json::from_str(text).ok()?;
        let known = ["panels", "rows", "schemaVersion", "templating"];
        known.iter().any(|key| json.get(key).is_some()).then_some(())?;
        let title = json.get("title")?.as_str()?.to_owned();
        Some(Self { path: path.to_owned(), title })
    }
}

/// Adds the data sources of a file.
pub fn datasources(file: &Yaml, node: &mut Node, context: &mut Context) {
    let mut fields = Fields::of("the data sources", file, &mut context.notes);
    fields.take("apiVersion");
    for source in fields.items("datasources") {
        let name = get(source, "name").and_then(scalar).unwrap_or_default().to_owned();
        let mut fields = Fields::of(format!("data source `{name}`"), source, &mut context.notes);
        fields.take("name");
        let kind = fields.text("type").unwrap_or_default();
        let url = fields.text("url").map(|url| context.renamed(url.trim_end_matches('/')));
        // What the stack's own parts are reached at is derived.
        let derived = match kind.as_str() {
            "prometheus" => Some("http://prometheus:9090"),
            "alertmanager" => Some("http://alertmanager:9093"),
            _ => None,
        };
        let uid = fields.text("uid").filter(|uid| *uid != slug(&name));
        let mut one = Node::new("datasource")
            .arg(name.as_str())
            .prop("type", Some(kind.as_str()).filter(|kind| *kind != name))
            .prop("uid", uid)
            .prop("url", url.filter(|url| Some(url.as_str()) != derived))
            .prop("default", fields.flag("isDefault").filter(|default| *default));
        let login = fields.flag("basicAuth") == Some(true);
        let user = fields.text("basicAuthUser").filter(|_| login);
        one = one.prop("user", user);
        if let Some(secure) = fields.take("secureJsonData") {
            let mut fields = Fields::of("`secureJsonData`", secure, &mut context.notes);
            let password = fields.text("basicAuthPassword").filter(|_| login);
            one = one.prop("password", password.map(|text| env_or_text(&text)));
            fields.finish(&mut context.notes);
        }
        if let Some(json) = fields.take("jsonData") {
            let mut options = Vec::new();
            for (key, value) in entries(json) {
                match (key.as_str(), scalar(value)) {
                    ("timeInterval", Some(interval)) => one.set("interval", Some(interval)),
                    (_, Some(text)) => options.push((key.value.clone(), text.to_owned())),
                    (_, None) => {
                        let lost = format!("`jsonData.{}` of data source `{name}`", key.value);
                        context.notes.lost(key.span, &lost);
                    }
                }
            }
            one.map("options", options);
        }
        match fields.text("access").as_deref() {
            None | Some("proxy") => {}
            Some(_) => {
                context.notes.lost(source.span, &format!("`access` of data source `{name}`"));
            }
        }
        // Provisioned sources are what the file says, and belong to the first organisation.
        for key in ["editable", "version"] {
            fields.take(key);
        }
        if get(source, "orgId").and_then(scalar) == Some("1") {
            fields.take("orgId");
        }
        fields.finish(&mut context.notes);
        node.push(one);
    }
    fields.finish(&mut context.notes);
}

/// `$X` and `${X}` are replaced by Grafana, too.
fn env_or_text(text: &str) -> Value {
    let name = text.strip_prefix('$').map(|rest| rest.trim_matches(['{', '}']));
    match name.filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')) {
        Some(name) => Value::Tagged("env", name.to_owned()),
        None => Value::from(text),
    }
}

/// Folders of Grafana that files are shown in: the path of the files, and the folder.
pub fn providers(file: &Yaml, context: &mut Context) -> Vec<(String, Option<String>)> {
    let mut fields = Fields::of("the dashboard providers", file, &mut context.notes);
    fields.take("apiVersion");
    let mut folders = Vec::new();
    for provider in fields.items("providers") {
        let mut fields = Fields::of("the dashboard provider", provider, &mut context.notes);
        let folder = fields.text("folder").filter(|folder| !folder.is_empty());
        if let Some(options) = fields.take("options") {
            let mut options = Fields::of("`options`", options, &mut context.notes);
            if let Some(path) = options.text("path") {
                folders.push((normal(&context.host_path("grafana", &path)), folder));
            }
            options.finish(&mut context.notes);
        }
        // They come back as they are rendered for every folder.
        for key in [
            "name",
            "orgId",
            "type",
            "disableDeletion",
            "updateIntervalSeconds",
            "allowUiUpdates",
            "editable",
        ] {
            fields.take(key);
        }
        fields.finish(&mut context.notes);
    }
    fields.finish(&mut context.notes);
    folders
}

/// Adds the dashboards, each in the folder whose provider finds its file.
pub fn dashboards(found: &[Dashboard], folders: &[(String, Option<String>)], node: &mut Node) {
    for dashboard in found {
        let path = normal(&join("", &dashboard.path));
        let inside = |folder: &str| folder.is_empty() || path.starts_with(&format!("{folder}/"));
        let folder = folders
            .iter()
            .filter(|(folder, _)| inside(folder))
            .max_by_key(|(folder, _)| folder.len())
            .and_then(|(_, folder)| folder.clone());
        node.push(
            Node::new("dashboard")
                .arg(dashboard.title.as_str())
                .prop("from", Some(dotted(&path)))
                .prop("folder", folder),
        );
    }
}
