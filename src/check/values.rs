//! Every place of a stack that may hold a secret, in one list: rules about secrets share it, so a new
//! setting is added once.

use crate::diag::Spanned;
use crate::manifest::{Alertmanager, Map, Receiver, Smtp, Stack, Value};

/// A setting that may refer to a secret.
#[derive(Debug, Clone)]
pub struct Site<'a> {
    /// What was written.
    pub value: &'a Spanned<Value>,
    /// What it is, as a reader would say it: `password of exporter `mysql``.
    pub what: String,
    /// Whether it should not be readable: a password, a token, the address of a hook.
    pub sensitive: bool,
    /// Whether containers read it from a file, whatever it refers to; what others refer to is filled in
    /// from the caller's environment.
    pub in_file: bool,
}

/// All such settings in the order of the manifest's parts.
pub fn sites(stack: &Stack) -> Vec<Site<'_>> {
    let mut sites = Sites::default();
    for service in &stack.services {
        let owner = format!("service `{}`", service.name);
        sites.env(&service.env, &owner);
        if let Some(run) = service.native.as_ref().and_then(|native| native.run.as_ref()) {
            sites.env(&run.env, &owner);
        }
    }
    for exporter in &stack.exporters {
        let owner = format!("exporter `{}`", exporter.name);
        sites.filled_in(exporter.password.as_ref(), "password", &owner);
        sites.env(&exporter.env, &owner);
    }
    if let Some(prometheus) = &stack.prometheus {
        for user in &prometheus.web {
            sites.reference(&user.password, "password of a `web` user of prometheus");
        }
        if let Some(alerting) = &prometheus.alerting {
            sites.secret(alerting.password.as_ref(), "password", "prometheus at alertmanager");
        }
        if let Some(shards) = &prometheus.shards {
            sites.secret(shards.password.as_ref(), "password", "prometheus at its shards");
        }
        for scrape in &prometheus.scrapes {
            let owner = format!("scrape job `{}`", scrape.job);
            sites.secret(scrape.password.as_ref(), "password", &owner);
            sites.secret(scrape.bearer_token.as_ref(), "token", &owner);
        }
        for write in &prometheus.remote_write {
            let owner = format!("remote write to `{}`", write.url);
            sites.secret(write.password.as_ref(), "password", &owner);
            sites.secret(write.bearer_token.as_ref(), "token", &owner);
        }
        for federate in &prometheus.federate {
            let owner = format!("federation job `{}`", federate.job);
            sites.secret(federate.password.as_ref(), "password", &owner);
        }
    }
    for store in &stack.stores {
        let owner = format!("store `{}`", store.name);
        sites.secret(store.password.as_ref(), "password", &owner);
        let Some(s3) = &store.s3 else { continue };
        if let Some(name) = &s3.access_key {
            sites.reference(name, &format!("name of the key of {owner}"));
        }
        sites.filled_in(s3.secret_key.as_ref(), "key", &owner);
    }
    let exporters = stack.exporters.iter().map(|exporter| (exporter.name.as_str(), &exporter.web));
    let gateway = stack.pushgateway.iter().map(|gateway| ("pushgateway", &gateway.web));
    for (name, users) in exporters.chain(gateway) {
        for user in users {
            sites.reference(&user.password, &format!("password of a `web` user of {name}"));
        }
    }
    if let Some(alertmanager) = &stack.alertmanager {
        sites.alertmanager(alertmanager);
    }
    if let Some(grafana) = &stack.grafana {
        if let Some(admin) = &grafana.admin {
            sites.filled_in(admin.password.as_ref(), "admin password", "grafana");
        }
        sites.env(&grafana.env, "grafana");
        for oauth in &grafana.oauth {
            let owner = format!("oauth `{}` of grafana", oauth.provider.value.name());
            sites.filled_in(Some(&oauth.client_secret), "secret", &owner);
            sites.reference(&oauth.client_id, &format!("client_id of {owner}"));
        }
        for datasource in &grafana.datasources {
            let owner = format!("data source `{}`", datasource.name);
            sites.secret(datasource.password.as_ref(), "password", &owner);
        }
    }
    sites.0
}

/// Whether an environment variable of this name holds a secret itself (not the path of a file).
pub fn is_sensitive_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    // Switches of images: `MARIADB_RANDOM_ROOT_PASSWORD=1`.
    if name.contains("RANDOM_ROOT") || name.contains("ALLOW_EMPTY") {
        return false;
    }
    let secret = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "PRIVATE_KEY"];
    // What is said about a secret, and where it lies, is none.
    let about = ["_FILE", "_PATH", "_LENGTH", "_TTL", "_EXPIRY", "_LIFETIME", "_ENABLED"];
    secret.iter().any(|word| name.contains(word)) && !about.iter().any(|end| name.ends_with(end))
}

#[derive(Default)]
struct Sites<'a>(Vec<Site<'a>>);

impl<'a> Sites<'a> {
    fn secret(&mut self, value: Option<&'a Spanned<Value>>, what: &str, owner: &str) {
        if let Some(value) = value {
            let what = format!("{what} of {owner}");
            self.0.push(Site { value, what, sensitive: true, in_file: true });
        }
    }

    /// A secret that a program takes from a variable.
    fn filled_in(&mut self, value: Option<&'a Spanned<Value>>, what: &str, owner: &str) {
        if let Some(value) = value {
            let what = format!("{what} of {owner}");
            self.0.push(Site { value, what, sensitive: true, in_file: false });
        }
    }

    /// A setting that names a secret but whose literal text gives nothing away.
    fn reference(&mut self, value: &'a Spanned<Value>, what: &str) {
        self.0.push(Site { value, what: what.to_owned(), sensitive: false, in_file: true });
    }

    fn env(&mut self, env: &'a Map<Value>, owner: &str) {
        for (name, value) in env {
            let what = format!("environment variable `{name}` of {owner}");
            let sensitive = is_sensitive_name(name);
            self.0.push(Site { value, what, sensitive, in_file: false });
        }
    }

    fn alertmanager(&mut self, alertmanager: &'a Alertmanager) {
        if let Some(Smtp { password, .. }) = alertmanager.smtp.as_deref() {
            self.secret(password.as_ref(), "password", "the mail server");
        }
        self.secret(alertmanager.slack_api_url.as_ref(), "Slack hook", "alertmanager");
        for user in &alertmanager.web {
            self.reference(&user.password, "password of a `web` user of alertmanager");
        }
        for receiver in &alertmanager.receivers {
            self.receiver(receiver);
        }
    }

    fn receiver(&mut self, receiver: &'a Receiver) {
        let Receiver { name, slack, webhook, email, pagerduty, telegram, discord } = receiver;
        let owner = format!("receiver `{name}`");
        for slack in slack {
            self.secret(slack.api_url.as_ref(), "Slack hook", &owner);
        }
        for webhook in webhook {
            // An address inside of the stack is no secret.
            self.reference(&webhook.url, &format!("webhook address of {owner}"));
            self.secret(webhook.password.as_ref(), "password", &owner);
            self.secret(webhook.bearer_token.as_ref(), "token", &owner);
        }
        for email in email {
            self.secret(email.password.as_ref(), "mail password", &owner);
        }
        for pagerduty in pagerduty {
            self.secret(pagerduty.routing_key.as_ref(), "routing key", &owner);
            self.secret(pagerduty.service_key.as_ref(), "service key", &owner);
        }
        for telegram in telegram {
            self.secret(Some(&telegram.bot_token), "bot token", &owner);
        }
        for discord in discord {
            self.secret(Some(&discord.webhook_url), "Discord hook", &owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_secret_file_is_no_secret() {
        assert!(is_sensitive_name("MYSQL_ROOT_PASSWORD"));
        assert!(is_sensitive_name("slack_token"));
        assert!(!is_sensitive_name("MYSQL_ROOT_PASSWORD_FILE"));
        assert!(!is_sensitive_name("MYSQL_DATABASE"));
        assert!(!is_sensitive_name("PASSWORD_MIN_LENGTH"));
        assert!(!is_sensitive_name("MARIADB_RANDOM_ROOT_PASSWORD"));
    }
}
