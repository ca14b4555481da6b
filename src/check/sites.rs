//! What several manifests say that belong together: sites that write to one store, or that one of them
//! reads. Each is checked by itself; here is what only their comparison shows.

use std::collections::BTreeMap;

use super::federation_label_clash::RULE;
use crate::diag::{Findings, Span};
use crate::manifest::{Prometheus, Stack};

/// Finds servers whose samples meet under the same labels. With each stack comes how many files stand
/// before its own where all are shown together.
pub fn compare(stacks: &[(Stack, u32)], findings: &mut Findings) {
    let servers: Vec<(&Stack, &Prometheus, u32)> = stacks
        .iter()
        .filter_map(|(stack, before)| Some((stack, &stack.prometheus.as_ref()?.value, *before)))
        .collect();
    let federated = servers.iter().any(|(_, server, _)| !server.federate.is_empty());
    for (at, (stack, server, before)) in servers.iter().enumerate() {
        for (other, first, first_before) in &servers[..at] {
            let place = meeting(first, server);
            if labels(first) != labels(server) || place.is_none() && !federated {
                continue;
            }
            let said: Vec<String> =
                labels(server).iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
            let what = if said.is_empty() {
                "no external labels".to_owned()
            } else {
                format!("the external labels {}", said.join(", "))
            };
            let how = match place {
                Some((_, url)) => format!("both write to `{url}`"),
                None => "a third one reads both".to_owned(),
            };
            findings.push(
                RULE.says(format!(
                    "`{}` and `{}` have {what}, and {how}",
                    other.name(),
                    stack.name()
                ))
                .at(place_of(stack, server).behind(*before), "the same here")
                .also(place_of(other, first).behind(*first_before), "first here")
                .help("give each its own: `external_labels dc=\"…\"`, and a `replica` for copies"),
            );
            break;
        }
    }
}

fn labels(server: &Prometheus) -> BTreeMap<&str, &str> {
    let labels = server.external_labels.iter();
    labels.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// An address that both write to, and where the second says so.
fn meeting<'a>(first: &Prometheus, second: &'a Prometheus) -> Option<(Span, &'a str)> {
    let same = |url: &str| first.remote_write.iter().any(|write| write.url.value == url);
    // A store of the stack is another one in each of them.
    let outside = second.remote_write.iter().filter(|write| write.url.contains("://"));
    outside.map(|write| (write.url.span, write.url.as_str())).find(|(_, url)| same(url))
}

fn place_of(stack: &Stack, server: &Prometheus) -> Span {
    let written = server.external_labels.iter().next().map(|(_, value)| value.span);
    written.or(stack.prometheus.as_ref().map(crate::manifest::Block::span)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Format, parse};

    fn clashes(manifests: &[&str]) -> Vec<String> {
        let loaded: Vec<(Stack, u32)> = manifests
            .iter()
            .enumerate()
            .map(|(number, text)| {
                let text = format!("stack \"s{number}\"\n{text}");
                (parse("stack.kdl", &text, Format::Kdl, None).unwrap().stack, 0)
            })
            .collect();
        let mut findings = Findings::default();
        compare(&loaded, &mut findings);
        findings.iter().map(|finding| finding.message.clone()).collect()
    }

    #[test]
    fn servers_that_meet_need_labels_of_their_own() {
        let write = "remote_write \"https://store.example.net/api/v1/write\"";
        let site = |labels: &str| format!("prometheus {{ {labels}; {write} }}");
        let (eu, us) = (site("external_labels dc=\"eu\""), site("external_labels dc=\"us\""));
        assert_eq!(clashes(&[&eu, &us]), [""; 0]);
        assert_eq!(
            clashes(&[&eu, &us, &eu]),
            [
                "`s0` and `s2` have the external labels dc=\"eu\", and both write to `https://store.example.net/api/v1/write`"
            ]
        );
        assert_eq!(clashes(&[&site(""), &site("")]).len(), 1);
        let plain = "prometheus { external_labels dc=\"eu\" }";
        assert_eq!(clashes(&[plain, plain]), [""; 0]);
        let central = "external \"a\" port=9090\nprometheus { external_labels dc=\"c\"; federate \"a\" target=\"a\" match=\"up\" }";
        assert_eq!(clashes(&[plain, plain, central]).len(), 1);
    }
}
