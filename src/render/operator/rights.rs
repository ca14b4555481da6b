//! What the operator's Prometheus may ask the API server: for the pods behind Services of its own
//! namespace, since the operator lets it look up its Alertmanagers there.

use crate::manifest::Stack;
use crate::render::kubernetes::names::label;
use crate::render::kubernetes::objects::{document, joined};
use crate::render::to_yaml;
use crate::wire::kubernetes::{Role, RoleBinding, RoleRef, Rule, Subject};

use super::named;

const RBAC: &str = "rbac.authorization.k8s.io";

/// The account, its role, and the bond between them.
pub(super) fn documents(stack: &Stack, name: &str) -> String {
    let account = document::<()>("v1", "ServiceAccount", named(stack, name), None);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let look = |group: &str, kinds: &[&str]| Rule {
        api_groups: words(&[group]),
        resources: words(kinds),
        verbs: words(&["get", "list", "watch"]),
    };
    let role = to_yaml(&Role {
        api_version: format!("{RBAC}/v1"),
        kind: "Role".to_owned(),
        metadata: named(stack, name),
        rules: vec![
            look("", &["services", "endpoints", "pods"]),
            look("discovery.k8s.io", &["endpointslices"]),
        ],
    });
    let binding = to_yaml(&RoleBinding {
        api_version: format!("{RBAC}/v1"),
        kind: "RoleBinding".to_owned(),
        metadata: named(stack, name),
        role_ref: RoleRef {
            api_group: RBAC.to_owned(),
            kind: "Role".to_owned(),
            name: name.to_owned(),
        },
        subjects: vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: name.to_owned(),
            namespace: label(stack.name()),
        }],
    });
    joined(&[account, role, binding])
}
