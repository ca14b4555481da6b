//! An exporter is told something that its program does not know.

use super::{Input, Rule};
use crate::diag::{Findings, Severity};
use crate::manifest::Images;

pub(super) const RULE: Rule = Rule {
    code: "S206",
    name: "exporter-settings-unknown",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    let images = stack.header.as_ref().and_then(|header| header.images.as_ref());
    let ours = images.is_some_and(|images| images.value == Images::Stackctl);
    for exporter in &stack.exporters {
        let known = exporter.usual_port().is_some();
        let users = exporter.web.first().map(crate::manifest::Block::span);
        let door = users.or(exporter.tls.as_ref().map(crate::manifest::Block::span));
        if let Some(place) = door.filter(|_| !known) {
            findings.push(
                RULE.says(format!(
                    "exporter `{}` is of your own: nothing tells it of users",
                    exporter.name
                ))
                .at(place, "not known to its program")
                .help("give it its own settings by `args`, `env` and `volume`"),
            );
        }
        if let Some(check) = exporter.healthcheck.as_ref().filter(|_| known) {
            findings.push(
                RULE.says(format!("exporter `{}` has a healthcheck already", exporter.name))
                    .at(check.span(), "derived for known exporters")
                    .help("leave it out"),
            );
        }
        let Some(first) = exporter.queries.first() else { continue };
        let name = &exporter.name;
        if !exporter.is_mysql() {
            findings.push(
                RULE.says(format!("exporter `{name}` asks no database"))
                    .at(first.name.span, "a query of your own")
                    .help("queries belong to an exporter of `kind=\"mysql\"`"),
            );
        } else if let Some(image) = exporter.image.as_ref().filter(|_| !ours) {
            findings.push(
                RULE.says(format!("exporter `{name}`: its image knows no queries of your own"))
                    .at(first.name.span, "a query of your own")
                    .also(image.span, "the reference program's image")
                    .help(
                        "leave `image` out: then the exporter runs as stackctl, which does; or, if \
                         the image is stackctl, say `images=\"stackctl\"` behind `stack`",
                    ),
            );
        }
    }
}

const EXPLAIN: &str = r##"The reference mysqld_exporter shows what its collectors know and refuses any other setting.

    exporter "mysql" {
        target "db"; user "exporter"; password (secret)"db_exporter"
        image "prom/mysqld-exporter:v0.17.2"
        query "shop_orders" sql="SELECT COUNT(*) AS open FROM shop.orders" { gauge "open" }
    }

Leave `image` out: an exporter with queries runs as stackctl's own image in containers, and `up` runs it
anyway."##;
