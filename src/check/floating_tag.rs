//! An image whose content changes under its name.

use super::{Input, Rule, mending};
use crate::diag::{Findings, Severity, Spanned};
use crate::manifest::Stack;
use crate::manifest::versions::Product;

pub(super) const RULE: Rule = Rule {
    code: "S801",
    name: "floating-tag",
    severity: Severity::Warning,
    explain: EXPLAIN,
    check,
};

/// Tags that move with every release.
const FLOATING: [&str; 13] = [
    "latest", "stable", "main", "master", "edge", "nightly", "dev", "develop", "canary", "beta",
    "rolling", "head", "unstable",
];

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    for (owner, image) in images(stack) {
        let Some((repository, tag)) = floating(image) else { continue };
        let what = match tag {
            Some(tag) => format!("the image of {owner} moves with its tag `{tag}`"),
            None => format!("the image of {owner} has no tag, so it is `latest`"),
        };
        let known = Product::ALL.iter().find(|product| product.reference().0 == repository);
        let help = match known {
            Some(product) => format!("name a version, for instance `{}`", product.image(None)),
            None => "name the version that you have tried, or a digest: `@sha256:…`".to_owned(),
        };
        let finding = RULE.says(what).at(image.span, "another image tomorrow").help(help);
        findings.push(match known {
            // What runs may be older or newer than the version that is known here.
            Some(product) => {
                let pinned = product.image(None);
                mending::rename(finding, files, image.span, image, &pinned).as_a_choice()
            }
            None => finding,
        });
    }
}

/// All images that are pulled, with whose they are. One that is built here is only named.
fn images(stack: &Stack) -> impl Iterator<Item = (String, &Spanned<String>)> {
    let services =
        stack.services.iter().filter(|service| service.build.is_none()).filter_map(|service| {
            Some((format!("service `{}`", service.name), service.image.as_ref()?))
        });
    let exporters = stack.exporters.iter().filter_map(|exporter| {
        Some((format!("exporter `{}`", exporter.name), exporter.image.as_ref()?))
    });
    let parts = [
        ("prometheus", stack.prometheus.as_ref().and_then(|part| part.image.as_ref())),
        ("alertmanager", stack.alertmanager.as_ref().and_then(|part| part.image.as_ref())),
        ("pushgateway", stack.pushgateway.as_ref().and_then(|part| part.image.as_ref())),
        ("grafana", stack.grafana.as_ref().and_then(|part| part.image.as_ref())),
    ];
    let parts = parts.into_iter().filter_map(|(name, image)| Some((name.to_owned(), image?)));
    services.chain(exporters).chain(parts)
}

/// Repository and tag of an image that is not pinned; `None` for one that is, and for one whose tag a
/// variable gives.
fn floating(image: &str) -> Option<(&str, Option<&str>)> {
    if image.contains(['@', '$']) || image.is_empty() {
        return None;
    }
    // A colon before the last slash belongs to the registry's port.
    let name = image.rfind('/').map_or(0, |slash| slash + 1);
    let Some(colon) = image[name..].find(':').map(|at| name + at) else {
        return Some((image, None));
    };
    let tag = &image[colon + 1..];
    let first = tag.split(['-', '_']).next().unwrap_or(tag);
    let moves = FLOATING.iter().any(|floating| first.eq_ignore_ascii_case(floating));
    moves.then_some((&image[..colon], Some(tag)))
}

const EXPLAIN: &str = r##"A tag such as `latest` is another image after every release: two machines run different programs, and a restart is an
upgrade that nobody asked for.

    service "store" { image "victoriametrics/victoria-metrics:latest" }

Name the version that you have tried: `image "victoriametrics/victoria-metrics:v1.122.0"`."##;

#[cfg(test)]
mod tests {
    use super::floating;

    #[test]
    fn versions_digests_and_variables_are_pinned() {
        assert_eq!(floating("redis"), Some(("redis", None)));
        assert_eq!(floating("host:5000/team/app"), Some(("host:5000/team/app", None)));
        assert_eq!(floating("a/b:latest-alpine"), Some(("a/b", Some("latest-alpine"))));
        for pinned in ["mysql:8.4.6", "a/b@sha256:0", "a:${TAG}", "host:5000/a:1", "php:8-fpm"] {
            assert_eq!(floating(pinned), None, "{pinned}");
        }
    }
}
