//! Grafana: its server, data sources and list of dashboards.

use crate::diag::Spanned;
use crate::manifest::block::{Block, DurationText, Map, Value};
use crate::manifest::shape::{keywords, settings};
use crate::manifest::stack::{Dashboard, Logging, Resources, ServerTls};
use crate::model::slug;

settings! {
    /// Dashboards and their data sources.
    pub struct Grafana {
        /// Version to render for.
        pub version: Option<Spanned<String>>,
        /// Container image with its tag.
        pub image: Option<Spanned<String>>,
        /// Port on the host.
        pub port: Option<Spanned<u16>>,
        /// Address of the host to publish on; 127.0.0.1 when nothing is said.
        pub bind: Option<Spanned<String>>,
        /// Address under which people reach it.
        pub root_url: Option<Spanned<String>>,
        /// The first user.
        pub admin: Option<Block<Admin>>,
        /// Whether people may look without logging in.
        pub anonymous: Option<Spanned<bool>>,
        /// Volume to keep its database in.
        pub data: Option<Spanned<String>>,
        /// Plugins to install.
        @set pub plugins: Vec<Spanned<String>>,
        /// Environment variables: `GF_SECTION_NAME`.
        pub env: Map<Value>,
        /// Where dashboards take their data from.
        pub datasources as "datasource": Vec<Block<Datasource>>,
        /// A dashboard, from panels or from a file.
        pub dashboards as "dashboard": Vec<Block<Dashboard>>,
        /// Networks to attach to; all declared ones when nothing is said.
        @set pub networks: Vec<Spanned<String>>,
        /// Certificate for HTTPS.
        pub tls: Option<Block<ServerTls>>,
        /// A provider that people log in with.
        pub oauth: Vec<Block<Oauth>>,
        /// Whether pictures of people come from gravatar.com; Grafana's answer is yes.
        pub gravatar: Option<Spanned<bool>>,
        /// Whether usage is reported, and news and updates are asked for; Grafana's answer is yes.
        pub analytics: Option<Spanned<bool>>,
        /// The most that it may use.
        pub resources: Option<Block<Resources>>,
        /// Where its output goes.
        pub logging: Option<Block<Logging>>,
    }
}

settings! {
    /// A provider that people log in with.
    pub struct Oauth {
        /// Who it is.
        @argument pub provider: Spanned<OauthProvider>,
        /// What the provider knows this Grafana by.
        pub client_id: Spanned<Value>,
        /// What this Grafana shows the provider.
        pub client_secret: Spanned<Value>,
        /// Name on the button, of a generic provider.
        pub name: Option<Spanned<String>>,
        /// What Grafana asks to know.
        pub scopes: Vec<Spanned<String>>,
        /// Domains of the mail addresses that may come in; all when nothing is said.
        pub allowed_domains: Vec<Spanned<String>>,
        /// Organizations whose members may come in; all when nothing is said.
        pub allowed_organizations: Vec<Spanned<String>>,
        /// Where people log in; for a generic provider.
        pub auth_url: Option<Spanned<String>>,
        /// Where Grafana gets its token; for a generic provider.
        pub token_url: Option<Spanned<String>>,
        /// Where Grafana asks who it is; for a generic provider.
        pub api_url: Option<Spanned<String>>,
        /// JMESPath expression that gives the role: `Admin`, `Editor` or `Viewer`.
        pub role_attribute_path: Option<Spanned<String>>,
        /// Whether somebody who is new here may come in.
        pub allow_sign_up: Option<Spanned<bool>>,
    }
}

keywords! {
    /// A provider that people log in with.
    pub enum OauthProvider {
        /// GitHub.
        Github = "github",
        /// Google.
        Google = "google",
        /// GitLab.
        Gitlab = "gitlab",
        /// Any other that speaks OAuth 2 or OpenID Connect: say its addresses.
        Generic = "generic",
    }
}

settings! {
    /// The first user.
    @named
    pub struct Admin {
        /// User name.
        @argument pub user: Spanned<String>,
        /// Password.
        pub password: Option<Spanned<Value>>,
    }
}

settings! {
    /// Where dashboards take their data from.
    @named
    pub struct Datasource {
        /// Name of the data source.
        @argument pub name: Spanned<String>,
        /// Its type; the name when nothing is said.
        pub kind as "type": Option<Spanned<String>>,
        /// Address; derived for the stack's own parts.
        pub url: Option<Spanned<String>>,
        /// Identifier that dashboards refer to; the name when nothing is said.
        pub uid: Option<Spanned<String>>,
        /// Whether panels use it that name none.
        pub default: Option<Spanned<bool>>,
        /// Time between two samples, as a least step.
        pub interval: Option<Spanned<DurationText>>,
        /// User name.
        pub user: Option<Spanned<String>>,
        /// Password.
        pub password: Option<Spanned<Value>>,
        /// Further settings of its type, as in `jsonData`.
        pub options: Map<String>,
    }
}

impl Datasource {
    /// Id of the plugin that reads it: its type, or its name when none was said.
    pub fn plugin(&self) -> &str {
        self.kind.as_ref().unwrap_or(&self.name).as_str()
    }

    /// What dashboards refer to it by: its `uid`, or one made of its name.
    pub fn identifier(&self) -> String {
        self.uid.as_ref().map_or_else(|| slug(&self.name), |uid| uid.value.clone())
    }
}
