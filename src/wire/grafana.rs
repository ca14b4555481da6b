//! Grafana 12: provisioning files and the dashboard JSON (schema version 41, "classic" model).
//! Source: <https://grafana.com/docs/grafana/v12.0/administration/provisioning/> and
//! <https://grafana.com/docs/grafana/v12.0/dashboards/build-dashboards/view-dashboard-json-model/>.

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// `provisioning/datasources/*.yml`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Datasources {
    /// 1.
    pub api_version: u32,
    /// Whether datasources that were provisioned and are no longer listed are removed.
    pub prune: bool,
    /// The datasources.
    pub datasources: Vec<Datasource>,
}

/// One datasource.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Datasource {
    /// Shown name.
    pub name: String,
    /// What dashboards refer to.
    pub uid: String,
    /// Plugin id.
    #[serde(rename = "type")]
    pub kind: String,
    /// `proxy`: the server asks, not the browser.
    pub access: String,
    /// Address as Grafana reaches it.
    pub url: String,
    /// Whether panels without a datasource use it.
    #[serde(skip_serializing_if = "is_false")]
    pub is_default: bool,
    /// Whether a user name and password are sent.
    #[serde(skip_serializing_if = "is_false")]
    pub basic_auth: bool,
    /// The user name sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth_user: Option<String>,
    /// Whether it may be changed in the page.
    pub editable: bool,
    /// Settings of the plugin.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub json_data: IndexMap<String, Json>,
    /// Settings that Grafana encrypts; `$__file{…}` and `$VAR` are expanded.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub secure_json_data: IndexMap<String, String>,
}

/// A setting of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Json {
    /// A switch.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
}

/// `provisioning/dashboards/*.yml`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DashboardProviders {
    /// 1.
    pub api_version: u32,
    /// The folders that are read.
    pub providers: Vec<DashboardProvider>,
}

/// A folder of dashboards.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DashboardProvider {
    /// Unique name.
    pub name: String,
    /// 1.
    pub org_id: u32,
    /// Folder shown in Grafana; the empty one is the top.
    pub folder: String,
    /// `file`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether dashboards without a file may not be deleted in the page.
    pub disable_deletion: bool,
    /// Seconds between two looks at the folder.
    pub update_interval_seconds: u32,
    /// Whether changes in the page may be saved.
    pub allow_ui_updates: bool,
    /// Where the files are.
    pub options: DashboardPath,
}

/// Where dashboard files are.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct DashboardPath {
    /// Folder inside the container.
    pub path: String,
}

/// A number as JavaScript prints it: whole values have no `.0`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // 2^53: beyond, a double no longer holds every whole number.
        if self.0.fract() == 0.0 && self.0.abs() < 9_007_199_254_740_992.0 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

/// A dashboard.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dashboard {
    /// Always null in a provisioned file.
    pub id: Option<u64>,
    /// What links refer to, at most 40 characters.
    pub uid: String,
    /// Shown name.
    pub title: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// `browser`, `utc` or an IANA zone.
    pub timezone: String,
    /// Whether it may be changed in the page.
    pub editable: bool,
    /// Cursor shared between panels: 0 no, 1 cross hair, 2 tooltip.
    pub graph_tooltip: u8,
    /// Reloaded that often; the empty text is never.
    pub refresh: String,
    /// Version of this JSON.
    pub schema_version: u32,
    /// Version of the dashboard.
    pub version: u32,
    /// Shown range.
    pub time: TimeSpan,
    /// Marks on the time axis.
    pub annotations: ListOf<Annotation>,
    /// Variables.
    pub templating: ListOf<Variable>,
    /// Links to other pages.
    pub links: Vec<Link>,
    /// Panels and row headings.
    pub panels: Vec<Panel>,
}

/// A range relative to now.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TimeSpan {
    /// `now-1h`.
    pub from: String,
    /// `now`.
    pub to: String,
}

/// Grafana's `{"list": […]}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListOf<T> {
    /// The members.
    pub list: Vec<T>,
}

impl<T> Default for ListOf<T> {
    fn default() -> Self {
        Self { list: Vec::new() }
    }
}

/// Marks on the time axis, from a query.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotation {
    /// Shown name.
    pub name: String,
    /// Where the query goes.
    pub datasource: DatasourceRef,
    /// Whether it is on.
    pub enable: bool,
    /// PromQL.
    pub expr: String,
    /// Colour of the marks.
    pub icon_color: String,
    /// Title of a mark, `{{label}}` is replaced.
    pub title_format: String,
}

/// A link to another page.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Link {
    /// Shown text.
    pub title: String,
    /// Address.
    pub url: String,
    /// `link` or `dashboards`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A reference to a datasource.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct DatasourceRef {
    /// Plugin id.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its uid, or `${variable}`.
    pub uid: String,
}

/// A variable of a dashboard.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Variable {
    /// Used as `$name`.
    pub name: String,
    /// `query`, `custom`, `interval`, `textbox`, `constant`, `datasource`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Shown name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Where the query goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datasource: Option<DatasourceRef>,
    /// The query, or the values by commas.
    pub query: VariableQuery,
    /// The query once more, as the editor shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// When it is asked again: 1 on load, 2 when the range changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<u8>,
    /// Narrows the values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// Order of the values, 1 is alphabetical.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<u8>,
    /// Whether several values can be picked.
    pub multi: bool,
    /// Whether "All" is offered.
    pub include_all: bool,
    /// What "All" stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_value: Option<String>,
    /// 0 shown, 2 hidden.
    pub hide: u8,
    /// The value at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<Current>,
    /// The values of a custom variable.
    pub options: Vec<Current>,
}

/// Query of a variable: Prometheus wants an object, the other kinds a text.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum VariableQuery {
    /// Values by commas, or a constant.
    Text(String),
    /// A query of Prometheus' labels or series.
    Prometheus {
        /// `label_values(up, job)`.
        query: String,
        /// Identity of the query.
        #[serde(rename = "refId")]
        ref_id: String,
    },
}

impl Default for VariableQuery {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

/// A value of a variable.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Current {
    /// Whether it is picked.
    pub selected: bool,
    /// Shown text.
    pub text: String,
    /// Value.
    pub value: String,
}

/// A panel, or the heading of a row (`type` is `row`).
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Panel {
    /// Unique in the dashboard.
    pub id: u32,
    /// Kind: `timeseries`, `stat`, `row` …
    #[serde(rename = "type")]
    pub kind: String,
    /// Shown name.
    pub title: String,
    /// Shown behind the i.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Place on the grid of 24 columns.
    pub grid_pos: GridPos,
    /// Whether a row is folded; its panels are then inside of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collapsed: Option<bool>,
    /// Where the queries go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datasource: Option<DatasourceRef>,
    /// How values look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field_config: Option<FieldConfig>,
    /// Settings of the kind; see [`Options`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Map<String, Value>>,
    /// Variable that the panel or row is repeated for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
    /// Direction of repeated panels: `h`, `v`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat_direction: Option<String>,
    /// Links in the menu.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Queries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// What is done to the answers before they are shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transformations: Vec<Transformation>,
    /// Shortest step, a duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Panels of a folded row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub panels: Option<Vec<Panel>>,
}

/// Place on the grid of 24 columns; a unit of height is 30 pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct GridPos {
    /// Height.
    pub h: u32,
    /// Width.
    pub w: u32,
    /// Column.
    pub x: u32,
    /// Line.
    pub y: u32,
}

/// How values look.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct FieldConfig {
    /// For all fields.
    pub defaults: FieldDefaults,
    /// For some of them.
    pub overrides: Vec<Override>,
}

/// How the values of all fields look.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldDefaults {
    /// Grafana's unit id: `reqps`, `bytes`, `s`, `percentunit` …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Digits after the point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u32>,
    /// Lower end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Number>,
    /// Upper end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Number>,
    /// Shown where there is no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_value: Option<String>,
    /// Where colours come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
    /// Limits and their colours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Thresholds>,
    /// Words for values.
    pub mappings: Vec<Mapping>,
    /// Settings of the kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom: Option<Custom>,
}

/// Where colours come from.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Color {
    /// `palette-classic`, `thresholds` …
    pub mode: String,
}

/// Limits and their colours.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Thresholds {
    /// `absolute` or `percentage`.
    pub mode: String,
    /// Ascending; the first has no value.
    pub steps: Vec<Step>,
}

/// One limit.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Step {
    /// Colour from here on.
    pub color: String,
    /// Where it begins; null is minus infinity.
    pub value: Option<Number>,
}

/// Words for single values.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Mapping {
    /// One word for each value.
    Value {
        /// By the value as a text.
        options: IndexMap<String, MappingResult>,
    },
}

/// What a value is shown as.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct MappingResult {
    /// Shown word.
    pub text: String,
    /// Colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Order in legends.
    pub index: u32,
}

/// Settings of the panel's kind for each field: of time series and tables.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Custom {
    /// `line`, `bars`, `points`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw_style: Option<String>,
    /// Pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_width: Option<u32>,
    /// Percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill_opacity: Option<u32>,
    /// `auto`, `never`, `always`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_points: Option<String>,
    /// Whether gaps are bridged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_nulls: Option<bool>,
    /// Piling up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stacking: Option<Stacking>,
    /// How limits are drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds_style: Option<ThresholdsStyle>,
    /// Alignment of a table's cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub align: Option<String>,
}

/// Piling up of lines.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Stacking {
    /// `none`, `normal`, `percent`.
    pub mode: String,
    /// Which lines belong together.
    pub group: String,
}

/// How limits are drawn.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ThresholdsStyle {
    /// `off`, `line`, `area`, `dashed`.
    pub mode: String,
}

/// A look for some fields.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Override {
    /// Which fields.
    pub matcher: FieldMatcher,
    /// What is different.
    pub properties: Vec<Property>,
}

/// Which fields.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct FieldMatcher {
    /// `byName`, `byRegexp`, `byFrameRefID`.
    pub id: String,
    /// Name, pattern or refId.
    pub options: String,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Property {
    /// Its path: `unit`, `displayName`, `custom.width` …
    pub id: String,
    /// Its value.
    pub value: Json,
}

/// A query.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// `A`, `B` …
    pub ref_id: String,
    /// Where it goes.
    pub datasource: DatasourceRef,
    /// PromQL, with `$variables`.
    pub expr: String,
    /// Name in legends, `{{label}}` is replaced; `__auto` leaves it to Grafana.
    pub legend_format: String,
    /// Whether the newest value is asked for.
    pub instant: bool,
    /// Whether the whole range is asked for.
    pub range: bool,
    /// `time_series`, `table`, `heatmap`.
    pub format: String,
    /// `code`.
    pub editor_mode: String,
    /// Shortest step, a duration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Whether exemplars are asked for.
    #[serde(skip_serializing_if = "is_false")]
    pub exemplar: bool,
    /// Whether it is asked but not shown.
    #[serde(skip_serializing_if = "is_false")]
    pub hide: bool,
}

/// What is done to answers before they are shown.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Transformation {
    /// `organize`, `merge`, `labelsToFields` …
    pub id: String,
    /// Its settings.
    pub options: TransformationOptions,
}

/// Settings of `organize`; empty for the others.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransformationOptions {
    /// Fields left out.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub exclude_by_name: IndexMap<String, bool>,
    /// Fields with another name.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub rename_by_name: IndexMap<String, String>,
}

/// Settings of a panel, by kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Options {
    /// `timeseries`.
    Timeseries(TimeseriesOptions),
    /// `stat`.
    Stat(StatOptions),
    /// `gauge`.
    Gauge(GaugeOptions),
    /// `bargauge`.
    BarGauge(BarGaugeOptions),
    /// `table`.
    Table(TableOptions),
    /// `heatmap`.
    Heatmap(HeatmapOptions),
    /// `text`.
    Text(TextOptions),
    /// `piechart`.
    Pie(PieOptions),
    /// Kinds whose settings are all Grafana's own defaults.
    None(NoOptions),
}

/// No settings.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct NoOptions {}

/// Settings of `timeseries`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TimeseriesOptions {
    /// Names of the lines.
    pub legend: Legend,
    /// What the pointer shows.
    pub tooltip: Tooltip,
}

/// Names of lines or slices.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Legend {
    /// `list`, `table`.
    pub display_mode: String,
    /// `bottom`, `right`.
    pub placement: String,
    /// Whether it is there.
    pub show_legend: bool,
    /// Figures beside the names: `lastNotNull`, `max` …
    pub calcs: Vec<String>,
    /// Figures beside the names of slices: `value`, `percent`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// What the pointer shows.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Tooltip {
    /// `single`, `multi`, `none`.
    pub mode: String,
    /// `none`, `asc`, `desc`.
    pub sort: String,
}

/// How a series becomes one value.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Reduce {
    /// `lastNotNull`, `mean`, `max` …
    pub calcs: Vec<String>,
    /// Which fields; the empty text is the numeric ones.
    pub fields: String,
    /// Whether every row is shown instead.
    pub values: bool,
}

/// Settings of `stat`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatOptions {
    /// How a series becomes one value.
    pub reduce_options: Reduce,
    /// `auto`, `horizontal`, `vertical`.
    pub orientation: String,
    /// `none`, `value`, `background`.
    pub color_mode: String,
    /// `none`, `area`.
    pub graph_mode: String,
    /// `auto`, `center`.
    pub justify_mode: String,
    /// `auto`, `value`, `value_and_name`, `name`.
    pub text_mode: String,
}

/// Settings of `gauge`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GaugeOptions {
    /// How a series becomes one value.
    pub reduce_options: Reduce,
    /// `auto`, `horizontal`, `vertical`.
    pub orientation: String,
    /// Whether the limits are written at the arc.
    pub show_threshold_labels: bool,
    /// Whether the limits are drawn as an outer arc.
    pub show_threshold_markers: bool,
}

/// Settings of `bargauge`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BarGaugeOptions {
    /// How a series becomes one value.
    pub reduce_options: Reduce,
    /// `auto`, `horizontal`, `vertical`.
    pub orientation: String,
    /// `basic`, `gradient`, `lcd`.
    pub display_mode: String,
    /// `color`, `text`, `hidden`.
    pub value_mode: String,
    /// Whether the rest of the bar is drawn.
    pub show_unfilled: bool,
}

/// Settings of `table`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableOptions {
    /// Whether the headings are shown.
    pub show_header: bool,
    /// `sm`, `md`, `lg`.
    pub cell_height: String,
}

/// Settings of `heatmap`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeatmapOptions {
    /// Whether buckets are computed here (false: the query gives them).
    pub calculate: bool,
    /// Colours.
    pub color: HeatmapColor,
    /// Pixels between two cells.
    pub cell_gap: u32,
    /// Values below are not drawn.
    pub filter_values: HeatmapFilter,
    /// The axis of the buckets.
    pub y_axis: HeatmapAxis,
    /// What the pointer shows.
    pub tooltip: HeatmapTooltip,
    /// Scale of colours.
    pub legend: HeatmapLegend,
}

/// Colours of a heat map.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct HeatmapColor {
    /// `scheme`, `opacity`.
    pub mode: String,
    /// Name of the scheme.
    pub scheme: String,
    /// How many colours.
    pub steps: u32,
}

/// Values of a heat map that are not drawn.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct HeatmapFilter {
    /// Lower end.
    pub le: Number,
}

/// The axis of the buckets.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeatmapAxis {
    /// `left`, `right`.
    pub axis_placement: String,
    /// Unit id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// What the pointer shows on a heat map.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeatmapTooltip {
    /// `single`, `multi`, `none`.
    pub mode: String,
    /// Whether the distribution is drawn as well.
    pub y_histogram: bool,
}

/// Scale of colours.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct HeatmapLegend {
    /// Whether it is shown.
    pub show: bool,
}

/// Settings of `text`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TextOptions {
    /// `markdown`, `html`, `code`.
    pub mode: String,
    /// The text.
    pub content: String,
}

/// Settings of `piechart`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PieOptions {
    /// How a series becomes one value.
    pub reduce_options: Reduce,
    /// `pie`, `donut`.
    pub pie_type: String,
    /// Names of the slices.
    pub legend: Legend,
    /// What the pointer shows.
    pub tooltip: Tooltip,
    /// Words on the slices: `name`, `value`, `percent`.
    pub display_labels: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}
