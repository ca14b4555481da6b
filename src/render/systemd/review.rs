//! What of a stack has no unit.

use crate::manifest::Stack;
use crate::render::parts::{PartKind, parts};
use crate::render::target::Remark;

use super::places::runs;

/// Everything that there is to say.
pub(in crate::render) fn review(stack: &Stack) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for part in parts(stack).into_iter().filter(|part| !runs(part.kind)) {
        let span = match part.kind {
            PartKind::Alertmanager => stack.alertmanager.as_ref().map(|part| part.keyword),
            PartKind::Grafana => stack.grafana.as_ref().map(|part| part.keyword),
            PartKind::Pushgateway => stack.pushgateway.as_ref().map(|part| part.keyword),
            _ => part.exporter.map(|index| &stack.exporters[index]).and_then(|exporter| {
                let runs = exporter.native.as_ref().is_some_and(|native| native.run.is_some());
                (!runs).then_some(exporter.keyword)
            }),
        };
        let Some(span) = span else { continue };
        remarks.push(Remark::warning(
            span,
            format!("{} has no unit: the native binary does not run it", part.name),
            format!(
                "start it from its own package; it is expected at {}:{}",
                part.bind, part.host_port
            ),
        ));
    }
    for service in &stack.services {
        if service.native.is_none() {
            remarks.push(Remark::warning(
                service.name.span,
                format!("service `{}` has no unit: it has no `native` block", service.name),
                "say how it runs without a container: `native { run \"…\" }`, or where: `native external=\"…\"`",
            ));
        }
        let run = service.native.as_ref().and_then(|native| native.run.as_ref());
        let Some(run) = run else { continue };
        let program = run.command.first().map(|word| word.as_str()).unwrap_or_default();
        if program.starts_with('.') || (program.contains('/') && !program.starts_with('/')) {
            let span = run.command.first().map_or(service.name.span, |word| word.span);
            remarks.push(Remark::error(
                span,
                format!("systemd does not find `{program}`"),
                "a program is a full path, or a name without `/` that lies in the usual folders",
            ));
        }
        for file in &service.env_file {
            remarks.push(Remark::error(
                file.span,
                format!("the variables of `{file}` do not reach the unit of `{}`", service.name),
                "write them in `env`",
            ));
        }
    }
    remarks
}
