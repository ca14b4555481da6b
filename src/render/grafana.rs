//! Grafana: its process, and the provisioning of data sources and dashboard folders.

use indexmap::IndexMap;

use crate::manifest::address::{ALERTMANAGER_PORT, GRAFANA_PORT, PROMETHEUS_PORT};
use crate::manifest::{Datasource, Grafana, Oauth, OauthProvider, Stack, Value};
use crate::wire::grafana as wire;

use super::parts::{
    Access, Common, EnvValue, HostPath, MountPoint, Part, PartKind, part as new, tls_path,
};
use super::secrets::{SecretRef, slug};
use super::stores::{self, query_url, tenant_header};
use super::versions::{Product, Version};
use super::{Output, Plan, RenderError, Renderer, alertmanager, header, prometheus, to_yaml};

pub(super) const RENDERER: Renderer = Renderer { name: "grafana provisioning", render };

pub(super) const NAME: &str = "grafana";
/// Where dashboards lie inside of the container, and below the output folder.
pub(super) const DASHBOARDS: (&str, &str) = ("/etc/grafana/dashboards", "monitoring/dashboards");
/// The same for dashboards that are listed in a folder of their own.
pub(super) const FOLDERS: (&str, &str) =
    ("/etc/grafana/dashboard-folders", "monitoring/dashboard-folders");

/// The folder of Grafana that dashboards are listed in, as a path below [`FOLDERS`].
pub(super) fn folder_path(folder: &str) -> String {
    slug(folder)
}

fn folders(grafana: &Grafana) -> Vec<&str> {
    let mut folders: Vec<&str> = Vec::new();
    for folder in grafana.dashboards.iter().filter_map(|dashboard| dashboard.folder.as_ref()) {
        if !folders.contains(&folder.as_str()) {
            folders.push(folder.as_str());
        }
    }
    folders
}

pub(super) fn part(stack: &Stack) -> Option<Part> {
    let grafana = stack.grafana.as_ref()?;
    let common = Common {
        product: Product::Grafana,
        version: &grafana.version,
        image: &grafana.image,
        port: &grafana.port,
        bind: &grafana.bind,
        networks: &grafana.networks,
    };
    let mut part = new(stack, PartKind::Grafana, NAME, GRAFANA_PORT, &common);
    let mut mount = |inside: &str, outside: &str| {
        part.mounts.push(MountPoint::read_only(inside, HostPath::Output(outside.to_owned())));
    };
    mount(
        "/etc/grafana/provisioning/datasources/stackctl.yml",
        "monitoring/grafana-datasources.yml",
    );
    if !grafana.dashboards.is_empty() {
        mount(
            "/etc/grafana/provisioning/dashboards/stackctl.yml",
            "monitoring/grafana-dashboards.yml",
        );
        if grafana.dashboards.iter().any(|dashboard| dashboard.folder.is_none()) {
            mount(DASHBOARDS.0, DASHBOARDS.1);
        }
        if grafana.dashboards.iter().any(|dashboard| dashboard.folder.is_some()) {
            mount(FOLDERS.0, FOLDERS.1);
        }
    }
    if let Some(volume) = &grafana.data {
        part.mounts.push(MountPoint {
            inside: "/var/lib/grafana".to_owned(),
            outside: HostPath::Volume(volume.value.clone()),
            access: Access::ReadWrite,
        });
    }
    let text = |part: &mut Part, name: &str, value: &str| {
        part.env.push((name.to_owned(), EnvValue::Text(value.to_owned())));
    };
    if let Some(admin) = &grafana.admin {
        text(&mut part, "GF_SECURITY_ADMIN_USER", admin.user.as_str());
        if let Some(password) = &admin.password {
            set_password(&mut part, stack, "GF_SECURITY_ADMIN_PASSWORD", &password.value);
        }
    }
    if let Some(anonymous) = &grafana.anonymous {
        text(
            &mut part,
            "GF_AUTH_ANONYMOUS_ENABLED",
            if anonymous.value { "true" } else { "false" },
        );
    }
    if let Some(url) = &grafana.root_url {
        text(&mut part, "GF_SERVER_ROOT_URL", url.as_str());
    }
    if let Some(tls) = &grafana.tls {
        part.encrypted = true;
        text(&mut part, "GF_SERVER_PROTOCOL", "https");
        text(&mut part, "GF_SERVER_CERT_FILE", &tls_path(tls.cert.as_str()));
        text(&mut part, "GF_SERVER_CERT_KEY", &tls_path(tls.key.as_str()));
        for path in [&tls.cert, &tls.key] {
            super::parts::add_tls_file(&mut part, path.as_str());
        }
        if let Some(version) = &tls.min_version {
            let number = version.as_str().trim_start_matches("TLS1");
            text(&mut part, "GF_SERVER_MIN_TLS_VERSION", &format!("TLS1.{number}"));
        }
    }
    // A cookie that may only go over HTTPS: right when that is all that people use.
    if grafana.tls.is_some()
        || grafana.root_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    {
        text(&mut part, "GF_SECURITY_COOKIE_SECURE", "true");
    }
    if let Some(gravatar) = &grafana.gravatar {
        let disabled = if gravatar.value { "false" } else { "true" };
        text(&mut part, "GF_SECURITY_DISABLE_GRAVATAR", disabled);
    }
    if let Some(analytics) = &grafana.analytics {
        let on = if analytics.value { "true" } else { "false" };
        for what in ["REPORTING_ENABLED", "CHECK_FOR_UPDATES", "CHECK_FOR_PLUGIN_UPDATES"] {
            text(&mut part, &format!("GF_ANALYTICS_{what}"), on);
        }
        text(&mut part, "GF_NEWS_NEWS_FEED_ENABLED", on);
    }
    for oauth in &grafana.oauth {
        add_oauth(&mut part, stack, oauth);
    }
    if !grafana.plugins.is_empty() {
        let plugins: Vec<&str> = grafana.plugins.iter().map(|plugin| plugin.as_str()).collect();
        let version = Product::Grafana.version(
            grafana.version.as_ref().map(|version| version.as_str()),
            grafana.image.as_ref().map(|image| image.as_str()),
        );
        let variable = if version >= Version(12, 0, 0) {
            "GF_PLUGINS_PREINSTALL"
        } else {
            "GF_INSTALL_PLUGINS"
        };
        text(&mut part, variable, &plugins.join(","));
    }
    for (name, value) in &grafana.env {
        part.set_env(stack, &name.value, &value.value);
    }
    for datasource in &grafana.datasources {
        if let Some(secret) =
            datasource.password.as_ref().and_then(|password| SecretRef::of(stack, &password.value))
        {
            part.grant(&secret);
        }
    }
    let certificates = [
        stack.prometheus.as_ref().and_then(|prometheus| prometheus.tls.as_ref()),
        stack.alertmanager.as_ref().and_then(|alertmanager| alertmanager.tls.as_ref()),
    ];
    for tls in certificates.into_iter().flatten() {
        super::parts::add_tls_file(&mut part, tls.cert.as_str());
    }
    stores::know(&mut part, stack, stack.stores.iter().map(|store| &store.value));
    if stack.prometheus.is_some() {
        part.after.push(prometheus::NAME.to_owned());
    }
    part.ready_path = Some("/api/health");
    Some(part)
}

/// The variables of a provider that people log in with.
fn add_oauth(part: &mut Part, stack: &Stack, oauth: &Oauth) {
    let Oauth {
        provider,
        client_id,
        client_secret,
        name,
        scopes,
        allowed_domains,
        allowed_organizations,
        auth_url,
        token_url,
        api_url,
        role_attribute_path,
        allow_sign_up,
    } = oauth;
    let section = match provider.value {
        OauthProvider::Generic => "GENERIC_OAUTH".to_owned(),
        other => other.name().to_ascii_uppercase(),
    };
    let variable = |setting: &str| format!("GF_AUTH_{section}_{setting}");
    let text = |setting: &str, value: &str| (variable(setting), EnvValue::Text(value.to_owned()));
    part.env.push(text("ENABLED", "true"));
    set_password(part, stack, &variable("CLIENT_ID"), &client_id.value);
    set_password(part, stack, &variable("CLIENT_SECRET"), &client_secret.value);
    let lists = [
        ("SCOPES", scopes),
        ("ALLOWED_DOMAINS", allowed_domains),
        ("ALLOWED_ORGANIZATIONS", allowed_organizations),
    ];
    for (setting, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        let words: Vec<&str> = list.iter().map(|word| word.as_str()).collect();
        part.env.push(text(setting, &words.join(" ")));
    }
    let texts = [
        ("NAME", name),
        ("AUTH_URL", auth_url),
        ("TOKEN_URL", token_url),
        ("API_URL", api_url),
        ("ROLE_ATTRIBUTE_PATH", role_attribute_path),
    ];
    for (setting, said) in texts {
        part.env.extend(said.as_ref().map(|said| text(setting, said.as_str())));
    }
    if let Some(allowed) = allow_sign_up {
        part.env.push(text("ALLOW_SIGN_UP", if allowed.value { "true" } else { "false" }));
    }
}

/// Grafana reads any setting from a file when its variable ends in `__FILE`.
fn set_password(part: &mut Part, stack: &Stack, name: &str, value: &Value) {
    match SecretRef::of(stack, value) {
        Some(secret) if super::parts::in_file(&secret) => {
            part.env.push((format!("{name}__FILE"), EnvValue::Text(secret.path())));
            part.grant(&secret);
        }
        Some(secret) => part.env.push((name.to_owned(), EnvValue::FromCaller(secret.variable()))),
        None => part.env.push((name.to_owned(), EnvValue::Text(value.text().to_owned()))),
    }
}

fn render(plan: &Plan, out: &mut Vec<Output>) -> Result<(), RenderError> {
    let stack = plan.stack;
    let Some(grafana) = &stack.grafana else { return Ok(()) };
    let text = format!("{}{}", header(stack), to_yaml(&datasources(stack, grafana)));
    out.push(Output::text("monitoring/grafana-datasources.yml", text));
    if grafana.dashboards.is_empty() {
        return Ok(());
    }
    let provider = |name: String, folder: &str, path: String| wire::DashboardProvider {
        name,
        org_id: 1,
        folder: folder.to_owned(),
        kind: "file".to_owned(),
        disable_deletion: true,
        update_interval_seconds: 10,
        allow_ui_updates: false,
        options: wire::DashboardPath { path },
    };
    let mut providers = Vec::new();
    if grafana.dashboards.iter().any(|dashboard| dashboard.folder.is_none()) {
        providers.push(provider(super::secrets::slug(stack.name()), "", DASHBOARDS.0.to_owned()));
    }
    for folder in folders(grafana) {
        let path = folder_path(folder);
        providers.push(provider(path.clone(), folder, format!("{}/{path}", FOLDERS.0)));
    }
    let providers = wire::DashboardProviders { api_version: 1, providers };
    let text = format!("{}{}", header(stack), to_yaml(&providers));
    out.push(Output::text("monitoring/grafana-dashboards.yml", text));
    Ok(())
}

/// A data source as dashboards refer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Name in the manifest.
    pub name: String,
    /// Plugin id.
    pub kind: String,
    /// What dashboards refer to.
    pub uid: String,
    /// Whether panels use it that name none.
    pub default: bool,
}

impl Source {
    pub(super) fn reference(&self) -> wire::DatasourceRef {
        wire::DatasourceRef { kind: self.kind.clone(), uid: self.uid.clone() }
    }
}

/// Type of the data sources that understand PromQL.
pub(super) const PROMQL: &str = "prometheus";

/// The data sources of the stack: those written, and its Prometheus unless one of that type is written.
/// One of them is the default, of Prometheus' type unless another was said to be.
pub fn sources(stack: &Stack) -> Vec<Source> {
    let Some(grafana) = &stack.grafana else { return Vec::new() };
    let mut sources: Vec<Source> = grafana
        .datasources
        .iter()
        .map(|datasource| {
            let name = &datasource.name.value;
            Source {
                name: name.clone(),
                kind: datasource.plugin().to_owned(),
                uid: datasource.identifier(),
                default: datasource.default.as_ref().is_some_and(|default| default.value),
            }
        })
        .collect();
    if stack.prometheus.is_some() && sources.iter().all(|source| source.kind != PROMQL) {
        let name = free_name(&sources);
        let (kind, uid) = (PROMQL.to_owned(), name.clone());
        sources.insert(0, Source { name, kind, uid, default: false });
    }
    for store in stack.stores.iter().filter(|store| store.what().is_some()) {
        let name = &store.name.value;
        if sources.iter().all(|source| source.name != *name && source.uid != slug(name)) {
            let (kind, uid) = (PROMQL.to_owned(), slug(name));
            sources.push(Source { name: name.clone(), kind, uid, default: false });
        }
    }
    if !sources.is_empty() && sources.iter().all(|source| !source.default) {
        let first = sources.iter().position(|source| source.kind == PROMQL).unwrap_or(0);
        sources[first].default = true;
    }
    sources
}

/// `prometheus`, or with a number behind it where a source of another type has taken that.
fn free_name(sources: &[Source]) -> String {
    let mut name = prometheus::NAME.to_owned();
    let mut number = 2;
    while sources.iter().any(|source| source.name == name || source.uid == name) {
        name = format!("{}-{number}", prometheus::NAME);
        number += 1;
    }
    name
}

/// The source of a type for whoever names none: the default one if it is of that type, else the first.
pub(super) fn of_type<'a>(sources: &'a [Source], kind: &str) -> Option<&'a Source> {
    let mut fitting = sources.iter().filter(|source| source.kind == kind);
    fitting.clone().find(|source| source.default).or(fitting.next())
}

fn datasources(stack: &Stack, grafana: &Grafana) -> wire::Datasources {
    let said = |name: &str| grafana.datasources.iter().find(|said| said.name.value == name);
    let datasources = sources(stack)
        .iter()
        .map(|source| datasource(stack, source, said(&source.name).map(|said| &said.value)))
        .collect();
    wire::Datasources { api_version: 1, prune: true, datasources }
}

fn datasource(stack: &Stack, source: &Source, said: Option<&Datasource>) -> wire::Datasource {
    let mut json = IndexMap::new();
    let mut secure = IndexMap::new();
    let text = |text: &str| wire::Json::Text(text.to_owned());
    let store = stack.store(&source.name).filter(|_| source.kind == PROMQL);
    let certificate = match source.kind.as_str() {
        _ if store.is_some() => {
            store.and_then(|store| store.tls.as_ref()).map(|tls| tls_path(tls.cert.as_str()))
        }
        "prometheus" => stack
            .prometheus
            .as_ref()
            .and_then(|prometheus| prometheus.tls.as_ref())
            .map(|tls| tls_path(tls.cert.as_str())),
        "alertmanager" => {
            stack.alertmanager.as_ref().and_then(|part| alertmanager::certificate(part))
        }
        _ => None,
    };
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let derived = match source.kind.as_str() {
        _ if store.is_some() => store.and_then(|store| query_url(store)).unwrap_or_default(),
        "prometheus" => format!("{scheme}://{}:{PROMETHEUS_PORT}", prometheus::NAME),
        "alertmanager" => format!("{scheme}://{}:{ALERTMANAGER_PORT}", alertmanager::NAME),
        _ => String::new(),
    };
    let own_url = said.and_then(|said| said.url.as_ref()).map(|url| url.value.clone());
    match source.kind.as_str() {
        "prometheus" => {
            json.insert("httpMethod".to_owned(), text("POST"));
            let interval = said.and_then(|said| said.interval.as_ref()).or_else(|| {
                stack.prometheus.as_ref().and_then(|prometheus| prometheus.scrape_interval.as_ref())
            });
            if let Some(interval) = interval {
                json.insert("timeInterval".to_owned(), text(&interval.text));
            }
            if stack.alertmanager.is_some() && store.is_none() {
                json.insert("manageAlerts".to_owned(), wire::Json::Bool(true));
            }
        }
        "alertmanager" => {
            json.insert("implementation".to_owned(), text("prometheus"));
        }
        _ => {}
    }
    if let Some((header, tenant)) = store.and_then(|store| tenant_header(store)) {
        json.insert("httpHeaderName1".to_owned(), text(header));
        secure.insert("httpHeaderValue1".to_owned(), tenant.replace('$', "$$"));
    }
    if let Some(path) = certificate.filter(|_| own_url.is_none()) {
        json.insert("tlsAuthWithCACert".to_owned(), wire::Json::Bool(true));
        secure.insert("tlsCACert".to_owned(), format!("$__file{{{path}}}"));
    }
    for (name, value) in said.iter().flat_map(|said| &said.options) {
        json.insert(name.value.clone(), json_value(&value.value));
    }
    let said_user = said.and_then(|said| said.user.as_ref());
    // The store's own login goes to the store only.
    let known = store.filter(|_| said_user.is_none() && own_url.is_none());
    let user = said_user.or(known.and_then(|store| store.user.as_ref()));
    let password = said.and_then(|said| said.password.as_ref());
    if let Some(password) = password.or(known.and_then(|store| store.password.as_ref())) {
        let value = match SecretRef::of(stack, &password.value) {
            Some(secret) => format!("$__file{{{}}}", secret.path()),
            // `$` is Grafana's own mark for variables.
            None => password.value.text().replace('$', "$$"),
        };
        secure.insert("basicAuthPassword".to_owned(), value);
    }
    wire::Datasource {
        name: source.name.clone(),
        uid: source.uid.clone(),
        kind: source.kind.clone(),
        access: "proxy".to_owned(),
        url: own_url.unwrap_or(derived),
        is_default: source.default,
        basic_auth: user.is_some(),
        basic_auth_user: user.map(|user| user.value.clone()),
        editable: false,
        json_data: json,
        secure_json_data: secure,
    }
}

/// A setting whose type Grafana knows and the manifest does not: `true` and `12` are what they look
/// like.
pub(super) fn json_value(text: &str) -> wire::Json {
    match text {
        "true" => wire::Json::Bool(true),
        "false" => wire::Json::Bool(false),
        text => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => wire::Json::Number(wire::Number(number)),
            _ => wire::Json::Text(text.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Format, parse};

    /// Name, type, identifier and default of all sources.
    fn said(grafana: &str) -> Vec<String> {
        let text = format!("stack \"s\"\nprometheus\ngrafana {{ {grafana} }}");
        let loaded = parse("stack.kdl", &text, Format::Kdl, None).unwrap();
        assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
        let say = |Source { name, kind, uid, default }: Source| {
            format!("{name} {kind} {uid}{}", if default { " default" } else { "" })
        };
        sources(&loaded.stack).into_iter().map(say).collect()
    }

    #[test]
    fn another_source_leaves_the_derived_prometheus_and_its_default() {
        assert_eq!(said(""), ["prometheus prometheus prometheus default"]);
        assert_eq!(
            said("datasource \"loki\" url=\"http://logs.example.org\""),
            ["prometheus prometheus prometheus default", "loki loki loki"]
        );
        assert_eq!(
            said("datasource \"loki\" default=#true"),
            ["prometheus prometheus prometheus", "loki loki loki default"]
        );
        assert_eq!(
            said("datasource \"loki\"; datasource \"Main\" type=\"prometheus\""),
            ["loki loki loki", "Main prometheus main default"]
        );
    }

    #[test]
    fn the_derived_source_gives_way_to_a_taken_name() {
        assert_eq!(
            said(
                "datasource \"prometheus\" type=\"loki\"; datasource \"x\" type=\"tempo\" uid=\"prometheus-2\""
            ),
            [
                "prometheus-3 prometheus prometheus-3 default",
                "prometheus loki prometheus",
                "x tempo prometheus-2"
            ]
        );
    }
}
