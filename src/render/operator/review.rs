//! What the Prometheus operator does not have, besides what a cluster lacks.

use crate::manifest::{Images, Stack};
use crate::render::target::Remark;

use super::alerting;

/// Everything that there is to say.
pub(in crate::render) fn review(stack: &Stack) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let images = stack.header.as_ref().and_then(|header| header.images.as_ref());
    if let Some(images) = images.filter(|images| images.value == Images::Stackctl) {
        remarks.push(Remark::error(
            images.span,
            "the Prometheus operator starts Prometheus' own image",
            "leave out `images`, or render for `kubernetes`",
        ));
    }
    let prometheus =
        stack.prometheus.iter().flat_map(|part| &part.web).map(|user| ("Prometheus", user));
    let alertmanager =
        stack.alertmanager.iter().flat_map(|part| &part.web).map(|user| ("Alertmanager", user));
    for (whose, user) in prometheus.chain(alertmanager) {
        remarks.push(Remark::error(
            user.keyword,
            format!("the Prometheus operator knows no users for the pages of {whose}"),
            "put a proxy that asks for a login before it and leave out `web`, or render for `kubernetes`",
        ));
    }
    for scrape in stack.prometheus.iter().flat_map(|part| &part.scrapes) {
        let limit = scrape.body_size_limit.as_ref().map(|limit| (limit.span, "body_size_limit"));
        let follow =
            scrape.follow_redirects.as_ref().map(|follow| (follow.span, "follow_redirects"));
        for (span, what) in limit.into_iter().chain(follow) {
            remarks.push(Remark::error(
                span,
                format!("a ScrapeConfig has no `{what}`"),
                "leave it out, or render for `kubernetes`",
            ));
        }
    }
    if let Some(alertmanager) = &stack.alertmanager {
        for (span, what) in alerting::unknown(alertmanager) {
            remarks.push(Remark::warning(
                span,
                format!("an AlertmanagerConfig does not know {what}"),
                "alertmanager.yml is handed to the operator as it is, in the Secret `alertmanager-config`",
            ));
        }
    }
    remarks
}
