//! A store as it is written cannot work.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};
use crate::manifest::{Store, StoreKind};

pub(super) const RULE: Rule = Rule {
    code: "S913",
    name: "invalid-store",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

const DAY_MS: i64 = 86_400_000;
/// Oldest versions of TLS that can be asked for.
const TLS: [&str; 4] = ["TLS10", "TLS11", "TLS12", "TLS13"];

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for store in &stack.stores {
        let mut says = |what: &str, at: Span, label: &str, help: &str| {
            let what = format!("store `{}`: {what}", store.name);
            findings.push(RULE.says(what).at(at, label).help(help));
        };
        let Some(kind) = store.what() else {
            let help = "say it: `kind=\"victoriametrics\"`, `\"mimir\"` or `\"thanos\"`";
            says("what it is was not said", store.name.span, "no `kind`", help);
            continue;
        };
        of_kind(store, kind, &mut says);
        cluster(store, &mut says);
        guard(store, kind, &mut says);
        if let Some(s3) = &store.s3 {
            match (&s3.access_key, &s3.secret_key) {
                (Some(one), None) | (None, Some(one)) => {
                    let help = "write both, or none where the machine has a role";
                    says("a key has two parts", one.span, "only one of them", help);
                }
                _ => {}
            }
        }
    }
}

fn of_kind(store: &Store, kind: StoreKind, says: &mut dyn FnMut(&str, Span, &str, &str)) {
    match kind {
        StoreKind::Victoriametrics => {
            if let Some(s3) = &store.s3 {
                let help = "give it a volume: `data`";
                says(
                    "VictoriaMetrics keeps samples on disks only",
                    s3.span(),
                    "not possible",
                    help,
                );
            }
            if let Some(tenant) = &store.tenant {
                let number = |text: &str| text.parse::<u32>().is_ok();
                if !tenant.split(':').all(number) || tenant.split(':').count() > 2 {
                    let help = "write `tenant=\"1\"`, or `\"1:2\"` with a project";
                    says("a tenant is a number here", tenant.span, "not a number", help);
                } else if !store.is_cluster() {
                    let help = "leave it out, or write `mode=\"cluster\"`";
                    says("one program has no tenants", tenant.span, "not known", help);
                }
            }
            if let Some(kept) = store.retention.as_ref().filter(|kept| kept.ms < DAY_MS) {
                says(
                    "samples are kept a day at least",
                    kept.span,
                    "too short",
                    "write `1d` or more",
                );
            }
        }
        StoreKind::Mimir => {
            if let Some(mode) = store.mode.as_ref().filter(|_| store.is_cluster()) {
                let help = "leave `mode` out for one process; Mimir in several is set up by its makers' \
                            chart, and written to by its address";
                says("Mimir is rendered as one process", mode.span, "not known", help);
            }
        }
        StoreKind::Thanos => {}
    }
}

/// Who may write and read.
fn guard(store: &Store, kind: StoreKind, says: &mut dyn FnMut(&str, Span, &str, &str)) {
    let login = [
        store.user.as_ref().map(|user| (user.span, "user")),
        store.password.as_ref().map(|password| (password.span, "password")),
    ];
    let mut said = login.into_iter().flatten();
    match (said.next(), said.next()) {
        (Some((span, word)), _) if kind != StoreKind::Victoriametrics => {
            let what = format!("{} has no login of its own", kind.name());
            let help = "leave it out, and keep the store to its network or put a proxy before it that asks";
            says(&what, span, &format!("`{word}` is not known"), help);
        }
        (Some((span, _)), None) => {
            let help = "write `user` and `password`, or neither";
            says("a login has a name and a password", span, "only one of them", help);
        }
        _ => {}
    }
    if let Some(authority) = store.tls.as_ref().and_then(|tls| tls.client_ca.as_ref()) {
        let help = "leave `client_ca` out, and keep the store to its network or put a proxy before it that asks";
        says(
            "clients cannot show a certificate: Grafana has none",
            authority.span,
            "not possible",
            help,
        );
    }
    let version = store.tls.as_ref().and_then(|tls| tls.min_version.as_ref());
    if let Some(version) = version.filter(|said| !TLS.contains(&said.as_str())) {
        let help = "write `TLS12` or `TLS13`";
        says(
            "an oldest version of TLS was said that nobody knows",
            version.span,
            "not known",
            help,
        );
    }
}

fn cluster(store: &Store, says: &mut dyn FnMut(&str, Span, &str, &str)) {
    let nodes = store.nodes.as_ref();
    for (said, word) in [(nodes, "nodes"), (store.replication.as_ref(), "replication")] {
        let Some(said) = said else { continue };
        if !store.is_cluster() {
            let what = format!("`{word}` is for a cluster");
            says(&what, said.span, "one program", "write `mode=\"cluster\"`, or leave it out");
        } else if said.value == 0 {
            says(&format!("`{word}` is 0"), said.span, "nothing is left", "write at least 1");
        }
    }
    let number = nodes.map_or(2, |nodes| nodes.value);
    if let Some(copies) = store.replication.as_ref().filter(|copies| copies.value > number) {
        let what =
            format!("{copies} copies of each sample need as many nodes, and there are {number}");
        says(&what, copies.span, "more than nodes", "add `nodes`, or keep fewer copies");
    }
}

const EXPLAIN: &str = r##"A store is VictoriaMetrics, Mimir or Thanos, by its name or its `kind`, and each can do something else.

    store "long" mode="cluster" nodes=2 replication=3

VictoriaMetrics: one program, or a cluster with `nodes` for storage, `replication`, and tenants that are numbers. Mimir:
one process, tenants by name, blocks in its volume or in `s3`. Thanos: Receive and Query, with `s3` also a gateway and
the compactor; a cluster has several receivers.

Each speaks HTTPS with a `tls` certificate; only VictoriaMetrics knows a `user` with a `password`."##;
