//! Every dashboard of a stack in one form, written in the manifest or taken from a file, and the data
//! sources that their queries go to.

use super::expressions::MUCH;
use crate::dashboards::{
    self, Annotation, Link, LinkTarget, Panel, Reference, Target, Variable, json, plugins,
    variables,
};
use crate::diag::{FileId, Files, Span, Spanned};
use crate::manifest::{Block, Dashboard, Grafana, PanelKind, Stack, VariableKind};
use crate::parallel;
use crate::render::versions::{Product, Version};
use crate::render::{DatasourceSource as Source, dashboard_uid, datasources};

/// All dashboards of a stack.
pub struct Boards<'a> {
    /// Those that could be read.
    pub all: Vec<Board<'a>>,
    /// Those that could not.
    pub broken: Vec<Broken<'a>>,
    /// The data sources that Grafana will have.
    pub sources: Vec<Source>,
    /// The version of Grafana that the stack asks for.
    pub version: Version,
}

/// A dashboard.
pub struct Board<'a> {
    /// What the manifest says of it.
    pub declared: &'a Block<Dashboard>,
    /// Its panels, variables and links.
    pub content: dashboards::Dashboard,
    /// The file that it is taken from.
    pub file: Option<FileId>,
    /// Identifier in addresses, and where it was said or what it was made of.
    pub uid: Spanned<String>,
}

/// A dashboard that cannot be read.
pub struct Broken<'a> {
    /// What the manifest says of it.
    pub declared: &'a Block<Dashboard>,
    /// Why.
    pub reason: String,
    /// Where its file is wrong; `None` when there is no text at all.
    pub place: Option<Span>,
}

/// What a reference to a data source comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Resolved<'r> {
    /// A data source of the stack.
    Known(&'r Source),
    /// One that Grafana has by itself: `-- Mixed --`.
    BuiltIn,
    /// What a variable of the dashboard chooses, which gives sources of this plugin.
    Variable(Option<&'r str>),
    /// What the file leaves open: `${DS_NAME}`; the plugin that it asks for.
    Input(Option<&'r str>),
    /// A variable that does not exist.
    Nothing,
    /// None of the stack's; the plugin, where it is said.
    Unknown(Option<&'r str>),
}

impl<'a> Boards<'a> {
    /// The dashboards of a stack, whose files were read with it.
    pub fn of(stack: &'a Stack, files: &Files) -> Self {
        let mut boards = Self {
            all: Vec::new(),
            broken: Vec::new(),
            sources: datasources(stack),
            version: Version(0, 0, 0),
        };
        let Some(grafana) = &stack.grafana else { return boards };
        let said = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.value.clone());
        let (version, image) = (said(&grafana.version), said(&grafana.image));
        boards.version = Product::Grafana.version(version.as_deref(), image.as_deref());
        let much = grafana.dashboards.len() > MUCH;
        let contents = parallel::map(&grafana.dashboards, much, |declared| match &declared.from {
            None => Some(Ok((written(declared), None))),
            Some(from) => taken(from, files),
        });
        for (declared, content) in grafana.dashboards.iter().zip(contents) {
            let (content, file) = match content {
                Some(Ok(content)) => content,
                Some(Err((reason, place))) => {
                    boards.broken.push(Broken { declared, reason, place });
                    continue;
                }
                None => continue,
            };
            let uid = content
                .uid
                .clone()
                .filter(|uid| declared.uid.is_none() && !uid.value.is_empty())
                .unwrap_or_else(|| {
                    let place = declared.uid.as_ref().unwrap_or(&declared.title).span;
                    Spanned::new(dashboard_uid(declared), place)
                });
            boards.all.push(Board { declared, content, file, uid });
        }
        boards
    }

    /// What a reference of a dashboard comes to.
    pub fn resolve<'r>(&'r self, board: &'r Board<'_>, reference: &'r Reference) -> Resolved<'r> {
        let kind = reference.kind.as_ref().map(|kind| kind.as_str());
        let Some(name) = &reference.name else {
            let fitting = |source: &&Source| Some(source.kind.as_str()) == kind;
            return match self.sources.iter().find(fitting) {
                Some(source) => Resolved::Known(source),
                None => Resolved::Unknown(kind),
            };
        };
        let name = name.as_str();
        if let Some(source) =
            self.sources.iter().find(|source| source.uid == name || source.name == name)
        {
            return Resolved::Known(source);
        }
        let of_grafana =
            |kind: &str| matches!(kind, "datasource" | "dashboard" | "mixed" | "__expr__");
        if name.starts_with("-- ")
            || matches!(name, "grafana" | "__expr__" | "-100")
            || kind.is_some_and(of_grafana)
        {
            return Resolved::BuiltIn;
        }
        let mentions = variables::mentions(name);
        let Some(mention) = mentions.first() else { return Resolved::Unknown(kind) };
        if let Some(variable) =
            board.content.variables.iter().find(|it| it.name.value == mention.name)
        {
            let plugin = variable.query.as_ref().map(|plugin| plugin.as_str());
            return Resolved::Variable(plugin.filter(|_| variable.kind == "datasource").or(kind));
        }
        if let Some(input) = board.content.inputs.iter().find(|it| it.name.value == mention.name) {
            return Resolved::Input(input.plugin.as_ref().map(|plugin| plugin.as_str()).or(kind));
        }
        if variables::is_built_in(mention.name) { Resolved::BuiltIn } else { Resolved::Nothing }
    }

    /// Whether Grafana refuses this plugin: it needs AngularJS, and that is gone or not switched on.
    pub fn plugin_is_dead(&self, stack: &Stack, id: &str) -> bool {
        let switch = "GF_SECURITY_ANGULAR_SUPPORT_ENABLED";
        let mut grafana = stack.grafana.iter();
        let on = grafana.any(|it| it.env.get(switch).is_some_and(|value| value.text() == "true"));
        let dead = plugins::find(id).is_some();
        dead && (self.version.0 >= plugins::GONE_SINCE
            || self.version.0 >= plugins::OFF_SINCE && !on)
    }

    /// Whether queries to a data source are PromQL; of what is not known it is supposed.
    pub fn speaks_promql(&self, board: &Board<'_>, reference: Option<&Reference>) -> bool {
        let default = || self.sources.iter().find(|source| source.default);
        let Some(reference) = reference else {
            return default().is_none_or(|source| is_promql(&source.kind));
        };
        let said = reference.kind.as_ref().map(|kind| kind.as_str());
        match self.resolve(board, reference) {
            Resolved::Known(source) => is_promql(&source.kind),
            Resolved::BuiltIn => false,
            Resolved::Variable(kind) | Resolved::Input(kind) | Resolved::Unknown(kind) => {
                kind.is_none_or(is_promql)
            }
            Resolved::Nothing => said.is_none_or(is_promql),
        }
    }
}

impl Board<'_> {
    /// Title of the dashboard, as Grafana will show it.
    pub fn title(&self) -> &str {
        self.declared.title.as_str()
    }

    /// `(/panels/3)` behind what a message says of something in a file; nothing for what was written.
    pub fn pointer(&self, pointer: &str) -> String {
        if self.file.is_some() { format!(" ({pointer})") } else { String::new() }
    }

    /// ``panel `CPU` (/panels/3)``, for messages.
    pub fn panel(&self, panel: &Panel, pointer: &str) -> String {
        let title = panel.title.value.trim();
        match title {
            "" => format!("a panel without title{}", self.pointer(pointer)),
            title => format!("panel `{title}`{}", self.pointer(pointer)),
        }
    }

    /// Every reference to a data source, with who makes it.
    pub fn references(&self) -> Vec<(&Reference, String)> {
        let dashboards::Dashboard { panels, variables, annotations, .. } = &self.content;
        let mut found = Vec::new();
        for variable in variables.iter().filter(|it| it.kind == "query" || it.kind == "adhoc") {
            let what = format!("variable `{}`{}", variable.name, self.pointer(&variable.pointer));
            found.extend(variable.datasource.iter().map(|it| (it, what.clone())));
        }
        for annotation in annotations {
            let what =
                format!("annotation `{}`{}", annotation.name, self.pointer(&annotation.pointer));
            found.extend(annotation.datasource.iter().map(|it| (it, what.clone())));
        }
        for panel in panels {
            // A text or a row remembers a source that it does not ask.
            if panel.targets.is_empty() {
                continue;
            }
            let all_say = panel.targets.iter().all(|target| target.datasource.is_some());
            let own = panel.datasource.iter().filter(|_| !all_say);
            found.extend(own.map(|it| (it, self.panel(panel, &panel.pointer))));
            for target in &panel.targets {
                let what = || self.panel(panel, &target.pointer);
                found.extend(target.datasource.iter().map(|it| (it, what())));
            }
        }
        found
    }

    /// The source that a query goes to, where it or its panel says.
    pub fn source_of<'t>(panel: &'t Panel, target: &'t Target) -> Option<&'t Reference> {
        let mixed =
            |it: &&Reference| it.name.as_ref().is_none_or(|name| name.value != "-- Mixed --");
        target.datasource.as_ref().or(panel.datasource.as_ref().filter(mixed))
    }
}

/// The id in an entry of a list of plugins: `id 1.0.1`, `id@1.0.1`, `https://…/x.zip;id`.
pub fn plugin_id(entry: &str) -> &str {
    let entry = entry.trim();
    let entry = entry.rsplit_once(';').map_or(entry, |(_, folder)| folder);
    entry.split([' ', '@']).next().unwrap_or(entry)
}

/// The plugins that Grafana is told to install, by the manifest's list or by its environment.
pub fn installed(grafana: &Grafana) -> Vec<&str> {
    const VARIABLES: [&str; 3] =
        ["GF_INSTALL_PLUGINS", "GF_PLUGINS_PREINSTALL", "GF_PLUGINS_PREINSTALL_SYNC"];
    let listed = grafana.plugins.iter().map(|plugin| plugin.as_str());
    let env = VARIABLES.iter().filter_map(|name| grafana.env.get(name));
    let env = env.flat_map(|value| value.value.text().split(','));
    listed.chain(env).map(plugin_id).collect()
}

/// Plugins whose queries are PromQL.
fn is_promql(kind: &str) -> bool {
    matches!(
        kind,
        "prometheus" | "grafana-amazonprometheus-datasource" | "grafana-azureprometheus-datasource"
    )
}

/// The dashboard of a file; `None` where no file was looked for.
#[allow(clippy::type_complexity)]
fn taken(
    from: &Spanned<String>,
    files: &Files,
) -> Option<Result<(dashboards::Dashboard, Option<FileId>), (String, Option<Span>)>> {
    let file = match files.named_at(from.span)? {
        Ok(file) => *file,
        Err(reason) => return Some(Err((reason.clone(), None))),
    };
    let text = files.get(file).map_or("", |file| file.text.as_str());
    let json = match json::read(text, file) {
        Ok(json) => json,
        Err(err) => return Some(Err((err.message, Some(err.span)))),
    };
    let read = dashboards::read(&json).map_err(|(reason, place)| (reason, Some(place)));
    Some(read.map(|content| (content, Some(file))))
}

/// The form of a dashboard that is written in the manifest.
fn written(dashboard: &Dashboard) -> dashboards::Dashboard {
    let named = |name: &Option<Spanned<String>>| {
        name.as_ref().map(|name| Reference {
            kind: None,
            name: Some(name.clone()),
            pointer: String::new(),
        })
    };
    let default = named(&dashboard.datasource);
    let links = |links: &[Block<crate::manifest::Link>]| -> Vec<Link> {
        links
            .iter()
            .map(|link| Link {
                title: link.title.value.clone(),
                target: LinkTarget::Url(link.url.clone()),
                pointer: String::new(),
            })
            .collect()
    };
    let panels = dashboard.panels().map(|panel| {
        let kind = panel.kind.value;
        let logs = || Reference {
            kind: Some(Spanned::new("loki".to_owned(), panel.kind.span)),
            name: None,
            pointer: String::new(),
        };
        let source = named(&panel.datasource).or_else(|| default.clone());
        Panel {
            title: panel.title.clone(),
            kind: Some(panel.kind.map(|kind| kind.grafana_type().to_owned())),
            pointer: String::new(),
            datasource: source.or_else(|| (kind == PanelKind::Logs).then(logs)),
            targets: panel
                .queries
                .iter()
                .map(|query| Target {
                    expr: Some(query.expr.clone()),
                    legend: query.legend.clone(),
                    datasource: named(&query.datasource),
                    instant: query
                        .instant
                        .as_ref()
                        .map_or_else(|| shows_newest(kind), |instant| instant.value),
                    interval: query
                        .interval
                        .as_ref()
                        .map(|it| Spanned::new(it.text.clone(), it.span)),
                    pointer: String::new(),
                })
                .collect(),
            unit: panel.unit.clone(),
            reworked: panel.calc.as_ref().is_some_and(|calc| {
                matches!(calc.as_str(), "count" | "changeCount" | "distinctCount")
            }),
            repeat: panel.repeat.clone(),
            links: links(&panel.links),
        }
    });
    let variables = dashboard.variables.iter().map(|variable| {
        let said = variable.kind.as_ref().map(|kind| kind.value);
        let derived =
            if variable.query.is_some() { VariableKind::Query } else { VariableKind::Custom };
        Variable {
            name: variable.name.clone(),
            kind: said.unwrap_or(derived).name().to_owned(),
            query: variable.query.clone(),
            datasource: named(&variable.datasource).or_else(|| default.clone()),
            regex: variable.regex.clone(),
            pointer: String::new(),
        }
    });
    dashboards::Dashboard {
        uid: dashboard.uid.clone(),
        tags: dashboard.tags.clone(),
        panels: panels.collect(),
        variables: variables.collect(),
        annotations: Vec::<Annotation>::new(),
        links: links(&dashboard.links),
        inputs: Vec::new(),
    }
}

/// Panels that show one value for each series ask for the newest only, unless they say otherwise.
fn shows_newest(kind: PanelKind) -> bool {
    matches!(kind, PanelKind::Gauge | PanelKind::Bargauge | PanelKind::Piechart | PanelKind::Table)
}
