//! Dashboards as JSON: built from rows and panels, or taken from a file with its data source bound.

use serde_json::{Map, Value};

use crate::diag::Spanned;
use crate::manifest::{
    Block, Dashboard, DashboardItem, DurationText, Panel, PanelKind, Query, QueryFormat, RowItem,
    Stack, Stacking, Use, Variable, VariableKind,
};
use crate::wire::grafana as wire;

use super::grafana::{
    DASHBOARDS, FOLDERS, PROMQL, Source, folder_path, json_value, of_type, sources,
};
use super::panels;
use super::secrets::slug;
use super::{Output, Plan, RenderError, Renderer};

pub(super) const RENDERER: Renderer = Renderer { name: "dashboards", render };

/// The dashboard schema of Grafana 12.
const SCHEMA_VERSION: u32 = 41;
/// Columns of a dashboard.
const COLUMNS: u32 = 24;

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    let Some(grafana) = &plan.stack.grafana else { return Ok(()) };
    let sources = sources(plan.stack);
    for dashboard in &grafana.dashboards {
        let json = match &dashboard.from {
            Some(path) => taken_over(plan, dashboard, path.as_str(), &sources)?,
            None => serde_json::to_value(built(plan.stack, dashboard, &sources))
                .expect("a dashboard has text keys"),
        };
        let mut text = serde_json::to_string_pretty(&json).expect("JSON values serialise");
        text.push('\n');
        let name = slug(&dashboard.title.value);
        let path = match &dashboard.folder {
            Some(folder) => format!("{}/{}/{name}.json", FOLDERS.1, folder_path(folder.as_str())),
            None => format!("{}/{name}.json", DASHBOARDS.1),
        };
        out.push(Output::text(path, text));
    }
    Ok(())
}

/// Identifier of a dashboard in addresses: said, or made from the title; at most 40 characters.
pub fn uid(dashboard: &Dashboard) -> String {
    dashboard.uid.as_ref().map_or_else(
        || {
            let mut uid = slug(&dashboard.title.value).replace('.', "-");
            uid.truncate(40);
            uid.truncate(uid.trim_end_matches('-').len());
            uid
        },
        |uid| uid.value.clone(),
    )
}

/// The source of PromQL; the default of another type where there is none.
fn promql(sources: &[Source]) -> wire::DatasourceRef {
    let default = || sources.iter().find(|source| source.default);
    of_type(sources, PROMQL)
        .or_else(default)
        .map_or_else(wire::DatasourceRef::default, Source::reference)
}

fn reference(sources: &[Source], named: Option<&Spanned<String>>) -> wire::DatasourceRef {
    let Some(named) = named else { return promql(sources) };
    let known =
        sources.iter().find(|source| source.name == named.value || source.uid == named.value);
    known.map_or_else(
        // Most likely a variable of the dashboard.
        || wire::DatasourceRef { kind: PROMQL.to_owned(), uid: named.value.clone() },
        Source::reference,
    )
}

fn built(stack: &Stack, dashboard: &Dashboard, sources: &[Source]) -> wire::Dashboard {
    let default = reference(sources, dashboard.datasource.as_ref());
    let mut layout =
        Layout { stack, sources, default: default.clone(), ..Layout::new(stack, sources) };
    if dashboard.datasource.is_none() {
        layout.logs = of_type(sources, "loki").map(Source::reference);
    }
    for item in &dashboard.items {
        match item {
            DashboardItem::Panel(panel) => {
                let panel = layout.panel(panel);
                layout.place(panel);
            }
            DashboardItem::Use(path) => layout.library(path),
            DashboardItem::Row(row) => {
                let collapsed = row.collapsed.as_ref().is_some_and(|flag| flag.value);
                layout.row(row.title.as_str(), collapsed, row.repeat.as_ref().map(|r| r.as_str()));
                for item in &row.panels {
                    match item {
                        RowItem::Panel(panel) => {
                            let panel = layout.panel(panel);
                            layout.place(panel);
                        }
                        RowItem::Use(path) => layout.library(path),
                    }
                }
            }
        }
    }
    let annotations = if stack.rules.is_empty() && stack.slos.is_empty() {
        Vec::new()
    } else {
        vec![wire::Annotation {
            name: "Alerts".to_owned(),
            datasource: promql(sources),
            enable: false,
            expr: "ALERTS{alertstate=\"firing\"}".to_owned(),
            icon_color: "red".to_owned(),
            title_format: "{{alertname}}".to_owned(),
        }]
    };
    wire::Dashboard {
        id: None,
        uid: uid(dashboard),
        title: dashboard.title.value.clone(),
        description: dashboard.description.as_ref().map(|text| text.value.clone()),
        tags: dashboard.tags.iter().map(|tag| tag.value.clone()).collect(),
        timezone: dashboard.timezone.as_ref().map_or("browser", |zone| zone.as_str()).to_owned(),
        editable: dashboard.editable.as_ref().is_some_and(|flag| flag.value),
        graph_tooltip: 1,
        refresh: duration_text(dashboard.refresh.as_ref(), ""),
        schema_version: SCHEMA_VERSION,
        version: 1,
        time: wire::TimeSpan {
            from: format!("now-{}", duration_text(dashboard.range.as_ref(), "1h")),
            to: "now".to_owned(),
        },
        annotations: wire::ListOf { list: annotations },
        templating: wire::ListOf {
            list: dashboard
                .variables
                .iter()
                .map(|variable| self::variable(variable, &default, sources))
                .collect(),
        },
        links: dashboard
            .links
            .iter()
            .map(|link| wire::Link {
                title: link.title.value.clone(),
                url: link.url.value.clone(),
                kind: "link".to_owned(),
            })
            .collect(),
        panels: layout.finish(),
    }
}

fn duration_text(duration: Option<&Spanned<DurationText>>, default: &str) -> String {
    duration.map_or_else(|| default.to_owned(), |duration| duration.text.clone())
}

fn variable(
    variable: &Variable,
    default: &wire::DatasourceRef,
    sources: &[Source],
) -> wire::Variable {
    let Variable {
        name,
        kind,
        label,
        query,
        values,
        regex,
        default: chosen,
        multi,
        include_all,
        hide,
        datasource,
    } = variable;
    let kind = kind
        .as_ref()
        .map_or(if query.is_some() { VariableKind::Query } else { VariableKind::Custom }, |kind| {
            kind.value
        });
    let flag = |flag: &Option<Spanned<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    let is_query = kind == VariableKind::Query;
    let query_text = query.as_ref().map_or_else(
        || values.iter().map(|value| value.as_str()).collect::<Vec<_>>().join(","),
        |query| query.value.clone(),
    );
    let option = |text: &str, selected: bool| wire::Current {
        selected,
        text: text.to_owned(),
        value: text.to_owned(),
    };
    let first = values.first().filter(|_| !is_query);
    let current = chosen.as_ref().or(first).map(|chosen| option(chosen.as_str(), true));
    wire::Variable {
        name: name.value.clone(),
        kind: kind.name().to_owned(),
        label: label.as_ref().map(|label| label.value.clone()),
        datasource: is_query.then(|| match datasource {
            Some(_) => reference(sources, datasource.as_ref()),
            None => default.clone(),
        }),
        query: match is_query {
            true => wire::VariableQuery::Prometheus {
                query: query_text.clone(),
                ref_id: format!("variable-{}", name.value),
            },
            false => wire::VariableQuery::Text(query_text.clone()),
        },
        definition: is_query.then_some(query_text),
        refresh: is_query.then_some(2),
        regex: regex.as_ref().map(|regex| regex.value.clone()),
        sort: is_query.then_some(1),
        multi: flag(multi),
        include_all: flag(include_all),
        all_value: None,
        hide: if flag(hide) || kind == VariableKind::Constant { 2 } else { 0 },
        options: match kind {
            VariableKind::Custom | VariableKind::Interval => values
                .iter()
                .map(|value| {
                    let selected = current.as_ref().is_some_and(|c| c.value == value.value);
                    option(value.as_str(), selected)
                })
                .collect(),
            _ => Vec::new(),
        },
        current,
    }
}

/// Puts panels from left to right and from top to bottom.
struct Layout<'a> {
    stack: &'a Stack,
    sources: &'a [Source],
    default: wire::DatasourceRef,
    /// For panels of logs, where the dashboard says nothing.
    logs: Option<wire::DatasourceRef>,
    panels: Vec<wire::Panel>,
    /// Index of the folded row that takes the next panels.
    folded: Option<usize>,
    next_id: u32,
    x: u32,
    y: u32,
    /// Height of the tallest panel on the current line.
    line: u32,
}

impl<'a> Layout<'a> {
    fn new(stack: &'a Stack, sources: &'a [Source]) -> Self {
        Self {
            stack,
            sources,
            default: wire::DatasourceRef::default(),
            logs: None,
            panels: Vec::new(),
            folded: None,
            next_id: 1,
            x: 0,
            y: 0,
            line: 0,
        }
    }

    fn new_line(&mut self) {
        self.y += self.line;
        self.x = 0;
        self.line = 0;
    }

    fn id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id - 1
    }

    fn row(&mut self, title: &str, collapsed: bool, repeat: Option<&str>) {
        self.new_line();
        let id = self.id();
        self.panels.push(wire::Panel {
            id,
            kind: "row".to_owned(),
            title: title.to_owned(),
            grid_pos: wire::GridPos { h: 1, w: COLUMNS, x: 0, y: self.y },
            collapsed: Some(collapsed),
            repeat: repeat.map(str::to_owned),
            panels: Some(Vec::new()),
            ..wire::Panel::default()
        });
        self.folded = collapsed.then_some(self.panels.len() - 1);
        self.y += 1;
    }

    fn place(&mut self, mut panel: wire::Panel) {
        let (width, height) = (panel.grid_pos.w.clamp(1, COLUMNS), panel.grid_pos.h.max(1));
        if self.x + width > COLUMNS {
            self.new_line();
        }
        panel.grid_pos = wire::GridPos { h: height, w: width, x: self.x, y: self.y };
        panel.id = self.id();
        self.x += width;
        self.line = self.line.max(height);
        match self.folded.map(|index| &mut self.panels[index].panels) {
            Some(Some(inside)) => inside.push(panel),
            _ => self.panels.push(panel),
        }
    }

    fn library(&mut self, path: &Block<Use>) {
        // The library is written in PromQL, whatever the rest of the dashboard reads.
        let own = self.default.clone();
        if own.kind != PROMQL {
            self.default = promql(self.sources);
        }
        for panel in panels::instantiate(self.stack, path) {
            let panel = self.panel(&panel);
            self.place(panel);
        }
        self.default = own;
    }

    fn panel(&self, panel: &Panel) -> wire::Panel {
        let kind = panel.kind.value;
        let datasource = match &panel.datasource {
            Some(_) => reference(self.sources, panel.datasource.as_ref()),
            None if kind == PanelKind::Logs => {
                self.logs.clone().unwrap_or_else(|| self.default.clone())
            }
            None => self.default.clone(),
        };
        let (width, height) = size(kind);
        let text = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.value.clone());
        let has_data = !matches!(kind, PanelKind::Text | PanelKind::Alertlist);
        wire::Panel {
            id: 0,
            kind: kind.grafana_type().to_owned(),
            title: panel.title.value.clone(),
            description: text(&panel.description),
            grid_pos: wire::GridPos {
                w: panel.width.as_ref().map_or(width, |width| width.value as u32),
                h: panel.height.as_ref().map_or(height, |height| height.value as u32),
                x: 0,
                y: 0,
            },
            datasource: has_data.then(|| datasource.clone()),
            field_config: has_data.then(|| field_config(panel)),
            options: Some(options(panel)),
            repeat: text(&panel.repeat),
            repeat_direction: panel.repeat.is_some().then(|| "h".to_owned()),
            links: panel
                .links
                .iter()
                .map(|link| wire::Link {
                    title: link.title.value.clone(),
                    url: link.url.value.clone(),
                    kind: "link".to_owned(),
                })
                .collect(),
            targets: targets(panel, &datasource, self.sources),
            ..wire::Panel::default()
        }
    }

    fn finish(self) -> Vec<wire::Panel> {
        self.panels
    }
}

/// Width and height when nothing is said.
fn size(kind: PanelKind) -> (u32, u32) {
    match kind {
        PanelKind::Stat => (4, 4),
        PanelKind::Gauge => (6, 6),
        PanelKind::Text => (24, 3),
        PanelKind::Table | PanelKind::Logs => (24, 8),
        PanelKind::Bargauge | PanelKind::Piechart => (8, 8),
        _ => (12, 8),
    }
}

fn targets(
    panel: &Panel,
    datasource: &wire::DatasourceRef,
    sources: &[Source],
) -> Vec<wire::Target> {
    let taken: Vec<&str> = panel
        .queries
        .iter()
        .filter_map(|query| query.ref_id.as_ref())
        .map(|id| id.as_str())
        .collect();
    let mut letters = ('A'..='Z')
        .map(String::from)
        .chain((1..).map(|n| format!("Q{n}")))
        .filter(|letter| !taken.contains(&letter.as_str()));
    panel
        .queries
        .iter()
        .map(|query| {
            let ref_id = query.ref_id.as_ref().map(|id| id.value.clone());
            let ref_id = ref_id.or_else(|| letters.next()).unwrap_or_default();
            target(panel.kind.value, query, ref_id, datasource, sources)
        })
        .collect()
}

fn target(
    kind: PanelKind,
    query: &Query,
    ref_id: String,
    datasource: &wire::DatasourceRef,
    sources: &[Source],
) -> wire::Target {
    let Query {
        expr,
        legend,
        format,
        instant,
        interval,
        datasource: own,
        ref_id: _,
        exemplar,
        hide,
    } = query;
    // These show one value for each series: the newest is enough.
    let newest = matches!(
        kind,
        PanelKind::Gauge | PanelKind::Bargauge | PanelKind::Piechart | PanelKind::Table
    );
    let instant = instant.as_ref().map_or(newest, |instant| instant.value);
    let format = format.as_ref().map_or(
        match kind {
            PanelKind::Table => QueryFormat::Table,
            PanelKind::Heatmap => QueryFormat::Heatmap,
            _ => QueryFormat::TimeSeries,
        },
        |format| format.value,
    );
    wire::Target {
        ref_id,
        datasource: match own {
            Some(_) => reference(sources, own.as_ref()),
            None => datasource.clone(),
        },
        expr: expr.value.clone(),
        legend_format: legend.as_ref().map_or("__auto", |legend| legend.as_str()).to_owned(),
        instant,
        range: !instant,
        format: format.name().to_owned(),
        editor_mode: "code".to_owned(),
        interval: interval.as_ref().map(|interval| interval.text.clone()),
        exemplar: exemplar.as_ref().is_some_and(|flag| flag.value),
        hide: hide.as_ref().is_some_and(|flag| flag.value),
    }
}

fn field_config(panel: &Panel) -> wire::FieldConfig {
    let kind = panel.kind.value;
    let number =
        |value: &Option<Spanned<f64>>| value.as_ref().map(|value| wire::Number(value.value));
    let by_threshold = matches!(kind, PanelKind::Stat | PanelKind::Gauge | PanelKind::Bargauge)
        || (!panel.thresholds.is_empty() && kind != PanelKind::Timeseries);
    let mut steps: Vec<wire::Step> = panel
        .thresholds
        .iter()
        .map(|threshold| wire::Step {
            color: threshold.color.value.clone(),
            value: threshold.value.value.as_ref().map(|value| wire::Number(value.value)),
        })
        .collect();
    if steps.iter().all(|step| step.value.is_some()) {
        steps.insert(0, wire::Step { color: "green".to_owned(), value: None });
    }
    let at = |step: &wire::Step| step.value.map_or(f64::NEG_INFINITY, |value| value.0);
    steps.sort_by(|a, b| at(a).total_cmp(&at(b)));
    let mappings = if panel.mappings.is_empty() {
        Vec::new()
    } else {
        let options = panel.mappings.iter().enumerate().map(|(index, mapping)| {
            let mapping = &mapping.value;
            let text = mapping.text.as_ref().unwrap_or(&mapping.value).value.clone();
            let color = mapping.color.as_ref().map(|color| color.value.clone());
            (mapping.value.value.clone(), wire::MappingResult { text, color, index: index as u32 })
        });
        vec![wire::Mapping::Value { options: options.collect() }]
    };
    wire::FieldConfig {
        defaults: wire::FieldDefaults {
            unit: panel.unit.as_ref().map(|unit| unit.value.clone()),
            decimals: panel.decimals.as_ref().map(|decimals| decimals.value as u32),
            min: number(&panel.min),
            max: number(&panel.max),
            no_value: None,
            color: Some(wire::Color {
                mode: if by_threshold { "thresholds" } else { "palette-classic" }.to_owned(),
            }),
            thresholds: Some(wire::Thresholds { mode: "absolute".to_owned(), steps }),
            mappings,
            custom: custom(panel),
        },
        overrides: Vec::new(),
    }
}

fn custom(panel: &Panel) -> Option<wire::Custom> {
    let text = |text: &str| Some(text.to_owned());
    match panel.kind.value {
        PanelKind::Timeseries => {
            let stacking = panel.stack.as_ref().map_or(Stacking::None, |stacking| stacking.value);
            let fill = if stacking == Stacking::None { 10 } else { 40 };
            let limits = if panel.thresholds.is_empty() { "off" } else { "line" };
            Some(wire::Custom {
                draw_style: text("line"),
                line_width: Some(1),
                fill_opacity: Some(panel.fill.as_ref().map_or(fill, |fill| fill.value as u32)),
                show_points: text("never"),
                span_nulls: Some(false),
                stacking: Some(wire::Stacking {
                    mode: stacking.name().to_owned(),
                    group: "A".to_owned(),
                }),
                thresholds_style: Some(wire::ThresholdsStyle { mode: limits.to_owned() }),
                align: None,
            })
        }
        PanelKind::Table => Some(wire::Custom { align: text("auto"), ..wire::Custom::default() }),
        _ => None,
    }
}

fn options(panel: &Panel) -> Map<String, Value> {
    let kind = panel.kind.value;
    let word = |text: &str| text.to_owned();
    let calc = panel.calc.as_ref().map_or("lastNotNull", |calc| calc.as_str()).to_owned();
    let reduce =
        || wire::Reduce { calcs: vec![calc.clone()], fields: String::new(), values: false };
    let placement = panel.legend.as_ref().map_or("bottom", |legend| legend.as_str());
    let legend = |values: &[&str]| wire::Legend {
        display_mode: word("list"),
        placement: word(if placement == "right" { "right" } else { "bottom" }),
        show_legend: placement != "hidden",
        calcs: Vec::new(),
        values: values.iter().map(|value| word(value)).collect(),
    };
    let tooltip = || wire::Tooltip { mode: word("multi"), sort: word("desc") };
    let typed = match kind {
        PanelKind::Timeseries
        | PanelKind::Histogram
        | PanelKind::Barchart
        | PanelKind::StateTimeline
        | PanelKind::StatusHistory => wire::Options::Timeseries(wire::TimeseriesOptions {
            legend: legend(&[]),
            tooltip: tooltip(),
        }),
        PanelKind::Stat => wire::Options::Stat(wire::StatOptions {
            reduce_options: reduce(),
            orientation: word("auto"),
            color_mode: word("value"),
            graph_mode: word("area"),
            justify_mode: word("auto"),
            text_mode: word("auto"),
        }),
        PanelKind::Gauge => wire::Options::Gauge(wire::GaugeOptions {
            reduce_options: reduce(),
            orientation: word("auto"),
            show_threshold_labels: false,
            show_threshold_markers: true,
        }),
        PanelKind::Bargauge => wire::Options::BarGauge(wire::BarGaugeOptions {
            reduce_options: reduce(),
            orientation: word("horizontal"),
            display_mode: word("gradient"),
            value_mode: word("color"),
            show_unfilled: true,
        }),
        PanelKind::Table => {
            wire::Options::Table(wire::TableOptions { show_header: true, cell_height: word("sm") })
        }
        PanelKind::Heatmap => wire::Options::Heatmap(wire::HeatmapOptions {
            calculate: false,
            color: wire::HeatmapColor { mode: word("scheme"), scheme: word("Oranges"), steps: 64 },
            cell_gap: 1,
            filter_values: wire::HeatmapFilter { le: wire::Number(1e-9) },
            y_axis: wire::HeatmapAxis {
                axis_placement: word("left"),
                unit: panel.unit.as_ref().map(|unit| unit.value.clone()),
            },
            tooltip: wire::HeatmapTooltip { mode: word("single"), y_histogram: false },
            legend: wire::HeatmapLegend { show: placement != "hidden" },
        }),
        PanelKind::Text => wire::Options::Text(wire::TextOptions {
            mode: word("markdown"),
            content: panel.content.as_ref().map_or_else(String::new, |text| text.value.clone()),
        }),
        PanelKind::Piechart => wire::Options::Pie(wire::PieOptions {
            reduce_options: reduce(),
            pie_type: word("pie"),
            legend: legend(&["value", "percent"]),
            tooltip: tooltip(),
            display_labels: vec![word("percent")],
        }),
        PanelKind::Logs | PanelKind::Alertlist => wire::Options::None(wire::NoOptions::default()),
    };
    let typed = serde_json::to_value(typed).expect("options have text keys");
    let Value::Object(mut options) = typed else { return Map::new() };
    for (name, value) in &panel.options {
        let value = serde_json::to_value(json_value(&value.value)).unwrap_or_default();
        options.insert(name.value.clone(), value);
    }
    options
}

/// A dashboard from a file: its own JSON, without what only matters for imports, and every reference
/// to a data source that this stack does not have bound to one that it has.
fn taken_over(
    plan: &Plan,
    dashboard: &Dashboard,
    path: &str,
    sources: &[Source],
) -> Result<Value, RenderError> {
    let text = plan.read(path, "a dashboard")?;
    let mut json: Value = serde_json::from_str(&text)
        .map_err(|source| RenderError::Dashboard { path: path.to_owned(), source })?;
    // As Grafana's API and some sites hand them out.
    if let Some(inner) = json.get_mut("dashboard").filter(|inner| inner.is_object()) {
        json = inner.take();
    }
    let default = reference(sources, dashboard.datasource.as_ref());
    let constants: Vec<(String, String)> = json
        .get("__inputs")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|input| input.get("type").and_then(Value::as_str) != Some("datasource"))
        .filter_map(|input| {
            let placeholder = format!("${{{}}}", input.get("name")?.as_str()?);
            Some((placeholder, input.get("value")?.as_str()?.to_owned()))
        })
        .collect();
    let inputs: Vec<Input> = json
        .get("__inputs")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|input| input.get("type").and_then(Value::as_str) == Some("datasource"))
        .filter_map(|input| {
            let plugin = input.get("pluginId").and_then(Value::as_str).unwrap_or_default();
            let placeholder = format!("${{{}}}", input.get("name")?.as_str()?);
            Some(Input { placeholder, bound: bound(plugin, &default, sources) })
        })
        .collect();
    bind(&mut json, &default, sources, &inputs);
    if !constants.is_empty() {
        fill_in(&mut json, &constants);
    }
    if let Value::Object(fields) = &mut json {
        for import_only in ["__inputs", "__requires", "__elements"] {
            fields.shift_remove(import_only);
        }
        fields.insert("id".to_owned(), Value::Null);
        let has_uid = fields.get("uid").and_then(Value::as_str).is_some_and(|uid| !uid.is_empty());
        if dashboard.uid.is_some() || !has_uid {
            fields.insert("uid".to_owned(), Value::String(uid(dashboard)));
        }
        fields.insert("title".to_owned(), Value::String(dashboard.title.value.clone()));
        let refresh = dashboard.refresh.as_ref().map(|refresh| refresh.text.clone());
        if let Some(refresh) = refresh {
            fields.insert("refresh".to_owned(), Value::String(refresh));
        }
    }
    Ok(json)
}

/// Puts the values of constants in the place of their placeholders, in all texts.
fn fill_in(json: &mut Value, constants: &[(String, String)]) {
    match json {
        Value::Array(list) => list.iter_mut().for_each(|item| fill_in(item, constants)),
        Value::Object(fields) => fields.values_mut().for_each(|value| fill_in(value, constants)),
        Value::String(text) => {
            for (placeholder, value) in constants {
                if text.contains(placeholder) {
                    *text = text.replace(placeholder, value);
                }
            }
        }
        _ => {}
    }
}

/// A data source that an exported dashboard leaves open.
struct Input {
    /// How the dashboard refers to it: `${DS_NAME}`.
    placeholder: String,
    /// The source of this stack that takes its place.
    bound: wire::DatasourceRef,
}

/// The source for a reference that only tells a plugin: one of that plugin, else the default.
fn bound(plugin: &str, default: &wire::DatasourceRef, sources: &[Source]) -> wire::DatasourceRef {
    match of_type(sources, plugin) {
        Some(source) if plugin != default.kind => source.reference(),
        _ => default.clone(),
    }
}

fn bind(json: &mut Value, default: &wire::DatasourceRef, sources: &[Source], inputs: &[Input]) {
    match json {
        Value::Array(list) => list.iter_mut().for_each(|item| bind(item, default, sources, inputs)),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if name == "datasource" {
                    bind_reference(value, default, sources, inputs);
                } else {
                    bind(value, default, sources, inputs);
                }
            }
        }
        Value::String(text) => {
            if let Some(input) = inputs.iter().find(|input| input.placeholder == *text) {
                text.clone_from(&input.bound.uid);
            }
        }
        _ => {}
    }
}

fn bind_reference(
    value: &mut Value,
    default: &wire::DatasourceRef,
    sources: &[Source],
    inputs: &[Input],
) {
    let known = |uid: &str| sources.iter().find(|source| source.uid == uid || source.name == uid);
    let built_in =
        |uid: &str| matches!(uid, "grafana" | "__expr__" | "-100") || uid.starts_with("-- ");
    let input = |uid: &str| inputs.iter().find(|input| input.placeholder == uid);
    let variable = |uid: &str| uid.starts_with('$') && input(uid).is_none();
    let object = |reference: &wire::DatasourceRef| {
        serde_json::to_value(reference).expect("a reference has text keys")
    };
    match value {
        Value::String(text) if built_in(text) || variable(text) => {}
        Value::String(text) => {
            let bound = known(text).map(Source::reference);
            let bound = bound.or_else(|| input(text).map(|input| input.bound.clone()));
            *value = object(bound.as_ref().unwrap_or(default));
        }
        Value::Object(fields) => {
            let uid = fields.get("uid").and_then(Value::as_str).unwrap_or_default();
            let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
            if known(uid).is_some() || built_in(uid) || variable(uid) {
                return;
            }
            *value = match input(uid).filter(|_| kind.is_empty()) {
                Some(input) => object(&input.bound),
                None => object(&bound(kind, default, sources)),
            };
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn source(name: &str, kind: &str, default: bool) -> Source {
        Source { name: name.into(), kind: kind.into(), uid: name.into(), default }
    }

    #[test]
    fn unknown_datasources_are_bound_and_variables_left() {
        let sources = [source("prometheus", "prometheus", true), source("loki", "loki", false)];
        let mut json = json!({
            "panels": [
                {"datasource": "${DS_PROMETHEUS}"},
                {"datasource": "Some Old Name", "targets": [{"datasource": {"type": "loki", "uid": "abc"}}]},
                {"datasource": {"type": "prometheus", "uid": "$datasource"}},
                {"datasource": {"type": "datasource", "uid": "grafana"}},
                {"datasource": null},
                {"datasource": "${DS_LOGS}"},
                {"datasource": {"uid": "${DS_LOGS}"}},
            ],
            "templating": {"list": [{"current": {"value": "${DS_PROMETHEUS}"}}]},
        });
        let input = |name: &str, source: &Source| Input {
            placeholder: name.to_owned(),
            bound: source.reference(),
        };
        let inputs = [input("${DS_PROMETHEUS}", &sources[0]), input("${DS_LOGS}", &sources[1])];
        bind(&mut json, &sources[0].reference(), &sources, &inputs);
        let bound = json!({"type": "prometheus", "uid": "prometheus"});
        assert_eq!(json["panels"][0]["datasource"], bound);
        assert_eq!(json["panels"][1]["datasource"], bound);
        assert_eq!(json["panels"][1]["targets"][0]["datasource"]["uid"], "loki");
        assert_eq!(json["panels"][2]["datasource"]["uid"], "$datasource");
        assert_eq!(json["panels"][3]["datasource"]["uid"], "grafana");
        assert_eq!(json["panels"][4]["datasource"], Value::Null);
        assert_eq!(json["panels"][5]["datasource"]["uid"], "loki");
        assert_eq!(json["panels"][6]["datasource"]["uid"], "loki");
        assert_eq!(json["templating"]["list"][0]["current"]["value"], "prometheus");
    }

    #[test]
    fn constants_are_filled_in_and_expressions_of_grafana_left() {
        let mut json = json!({"a": ["up{x=\"${VAR_X}\"}", {"b": "${VAR_Y}"}]});
        fill_in(&mut json, &[("${VAR_X}".to_owned(), "eu".to_owned())]);
        assert_eq!(json, json!({"a": ["up{x=\"eu\"}", {"b": "${VAR_Y}"}]}));
        let sources = [source("prometheus", "prometheus", true)];
        let expression = json!({"datasource": {"type": "__expr__", "uid": "__expr__"}});
        let mut json = expression.clone();
        bind(&mut json, &sources[0].reference(), &sources, &[]);
        assert_eq!(json, expression);
    }

    #[test]
    fn panels_of_promql_read_prometheus_and_panels_of_logs_loki() {
        use crate::manifest::{Format, parse};
        let text = "stack \"s\"\nprometheus\nrules \"g\" { alert \"A\" { expr \"up == 0\" } }\n\
            grafana { datasource \"loki\" default=#true\n\
            dashboard \"D\" { timeseries \"T\" { query \"up\" }; logs \"L\" { query \"{a=\\\"b\\\"}\" } }\n\
            dashboard \"E\" datasource=\"loki\" { timeseries \"T\" { query \"x\" }; use \"node/overview\" } }";
        let stack = parse("stack.kdl", text, Format::Kdl, None).unwrap().stack;
        let sources = sources(&stack);
        let kinds = |index: usize| {
            let dashboard = &stack.grafana.as_ref().unwrap().dashboards[index];
            let built = built(&stack, dashboard, &sources);
            let mut kinds = vec![built.annotations.list[0].datasource.kind.clone()];
            let panels = built.panels.iter().filter_map(|panel| panel.datasource.as_ref());
            kinds.extend(panels.map(|source| source.kind.clone()));
            kinds.dedup();
            kinds
        };
        assert_eq!(kinds(0), ["prometheus", "loki"]);
        assert_eq!(kinds(1), ["prometheus", "loki", "prometheus"]);
    }
}
