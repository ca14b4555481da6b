//! Something is mounted at a path that does not begin at the root.

use super::{Input, Rule};
use crate::diag::{Findings, Severity, Span};

pub(super) const RULE: Rule = Rule {
    code: "S811",
    name: "relative-mount",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, files, .. }: &Input<'_>, findings: &mut Findings) {
    let services = stack.services.iter().map(|it| (format!("service `{}`", it.name), &it.volumes));
    let exporters =
        stack.exporters.iter().map(|it| (format!("exporter `{}`", it.name), &it.volumes));
    for (owner, mounts) in services.chain(exporters) {
        for mount in mounts {
            let to = mount.to.as_str();
            // Variables are filled in by compose, and Windows has paths of its own.
            let drive = to.as_bytes().get(1) == Some(&b':');
            if to.is_empty() || to.starts_with(['/', '$']) || drive {
                continue;
            }
            let path = to.trim_start_matches("./");
            let finding = RULE
                .says(format!(
                    "{owner} mounts `{}` at `{to}`, which is no absolute path",
                    mount.name
                ))
                .at(mount.to.span, "does not begin with `/`")
                .help(format!("write `to=\"/{path}\"`"));
            let written = files.text(mount.to.span);
            let at = written.find(to).filter(|_| !path.is_empty());
            findings.push(match at {
                Some(at) => {
                    let start = mount.to.span.start as usize + at;
                    let inner = Span::new(mount.to.span.file, start..start + to.len());
                    finding.replace("begin at the root", inner, format!("/{path}"))
                }
                None => finding,
            });
        }
    }
}

const EXPLAIN: &str = r##"Docker takes absolute paths only inside of a container, and refuses the whole stack otherwise.

    service "api" { image "api:1"; volume "cache" to="cache" }

Begin at the root:

    service "api" { image "api:1"; volume "cache" to="/cache" }"##;
