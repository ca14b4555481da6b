//! A group of Alertmanagers: where its members are, and how they are spoken to.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::HeaderMap;
use tokio::task::JoinSet;

use crate::model::LabelsBuilder;
use crate::scrape::config::Alertmanagers;
use crate::scrape::discover::{self, Found};
use crate::scrape::http::Client;
use crate::scrape::relabel::relabel;
use crate::scrape::{FetchError, Options};

/// URLs of Alertmanagers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Those that alerts are sent to.
    pub active: Vec<String>,
    /// Those that relabelling dropped.
    pub dropped: Vec<String>,
}

/// A group with its connections and its discovery, which ends with it.
pub(super) struct Group {
    pub config: Alertmanagers,
    client: Client,
    found: Arc<Found>,
    _discovery: JoinSet<()>,
}

impl Group {
    pub fn start(config: Alertmanagers, options: &Options) -> Result<Self, FetchError> {
        let client = Client::new(&config.http, &options.resolver)?;
        let (found, discovery) = discover::start(&config.discovery, options);
        Ok(Self { config, client, found, _discovery: discovery })
    }

    /// Whether it was started from these settings.
    pub fn is(&self, config: &Alertmanagers) -> bool {
        self.config == *config
    }

    /// Where its members are, each once.
    pub fn addresses(&self) -> Addresses {
        let Alertmanagers { scheme, path, relabel: rules, .. } = &self.config;
        let mut all = Addresses::default();
        for group in self.found.groups() {
            for own in &group.targets {
                let mut labels = group.labels.to_builder();
                labels.set("__scheme__", scheme.as_str()).set("__alerts_path__", path.as_str());
                for (name, value) in own.iter() {
                    labels.set(name, value);
                }
                let written = url(&labels);
                let (list, url) = match relabel(labels, rules) {
                    Some(labels) => (&mut all.active, url(&labels)),
                    None => (&mut all.dropped, written),
                };
                if let Some(url) = url.filter(|url| !list.contains(url)) {
                    list.push(url);
                }
            }
        }
        all
    }

    /// Sends a body to one of its members; anything but a 2xx is an error.
    pub async fn post(
        &self,
        url: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<(), FetchError> {
        let late = || FetchError::Request {
            verb: "Post",
            url: url.to_owned(),
            reason: format!("no answer within {:?}", self.config.timeout),
        };
        let asked = self.client.post(url, headers, body);
        let response =
            tokio::time::timeout(self.config.timeout, asked).await.map_err(|_| late())??;
        let status = response.status();
        if status.is_success() { Ok(()) } else { Err(FetchError::Status(status)) }
    }
}

/// `None` without an address.
fn url(labels: &LabelsBuilder) -> Option<String> {
    let label = |name: &str| labels.get(name).unwrap_or_default();
    let address = labels.get("__address__").filter(|address| !address.is_empty())?;
    Some(format!("{}://{address}{}", label("__scheme__"), label("__alerts_path__")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrape::config;

    #[tokio::test]
    async fn addresses_come_from_the_group_and_its_relabelling() {
        let text = "alerting:
  alertmanagers:
  - scheme: https
    path_prefix: /am/
    static_configs: [{targets: ['a:9093', 'b:9093', 'a:9093', 'c:9093'], labels: {env: prod}}]
    relabel_configs:
    - {action: drop, source_labels: [__address__], regex: 'b:.*'}
    - {action: replace, source_labels: [__address__], regex: 'c:.*', target_label: __alerts_path__, replacement: /c}
";
        let written = serde_yaml::from_str(text).unwrap();
        let config = config::settle(written, "p.yml".as_ref()).unwrap();
        let group = config.alerting.managers.into_iter().next().unwrap();
        let group = Group::start(group, &Options::default()).unwrap();
        assert_eq!(
            group.addresses(),
            Addresses {
                active: vec!["https://a:9093/am/api/v2/alerts".into(), "https://c:9093/c".into()],
                dropped: vec!["https://b:9093/am/api/v2/alerts".into()],
            }
        );
    }
}
