//! A query whose columns cannot be the metrics that it says.

use std::collections::BTreeMap;

use super::names::is_plain_label;
use super::{Input, Rule};
use crate::catalogue::query_metric;
use crate::diag::{Findings, Severity, Span};
use crate::exporters::mysql;

pub(super) const RULE: Rule = Rule {
    code: "S215",
    name: "invalid-query",
    severity: Severity::Error,
    explain: EXPLAIN,
    check,
};

fn check(Input { stack, .. }: &Input<'_>, findings: &mut Findings) {
    for exporter in &stack.exporters {
        let mut metrics: BTreeMap<String, Span> = BTreeMap::new();
        for query in &exporter.queries {
            let name = &query.name;
            let says = |message: String| RULE.says(format!("query `{name}`: {message}"));
            if query.sql.trim().is_empty() {
                findings.push(says("nothing is asked".to_owned()).at(query.sql.span, "empty"));
            }
            if query.values().next().is_none() {
                findings.push(
                    says("no column is a value".to_owned())
                        .at(name.span, "needs a `gauge` or a `counter`")
                        .help("name a column: `gauge \"open\" help=\"Open orders.\"`"),
                );
            }
            let mut columns: BTreeMap<String, Span> = BTreeMap::new();
            for label in &query.labels {
                if !is_plain_label(label) {
                    findings.push(
                        says(format!("column `{label}` cannot be a label"))
                            .at(label.span, "only letters, digits and `_`")
                            .help("give the column another name: `… AS status`"),
                    );
                }
                if let Some(before) = columns.insert(label.to_ascii_lowercase(), label.span) {
                    findings.push(
                        says(format!("label `{label}` is there twice"))
                            .at(label.span, "again")
                            .also(before, "first here"),
                    );
                }
            }
            for (column, _) in query.values() {
                let span = column.name.span;
                if let Some(label) = columns.get(&column.name.to_ascii_lowercase()) {
                    findings.push(
                        says(format!("column `{}` is a label and a value", column.name))
                            .at(span, "a value")
                            .also(*label, "a label"),
                    );
                }
                let metric = query_metric(name, &column.name);
                if let Some(problem) = mysql::wrong_name(&metric) {
                    let help = "choose another name for the query: its metrics begin with it";
                    findings.push(says(problem).at(name.span, "begins with this").help(help));
                }
                if let Some(before) = metrics.insert(metric.clone(), span) {
                    findings.push(
                        says(format!("metric `{metric}` is there twice"))
                            .at(span, "again")
                            .also(before, "first here"),
                    );
                }
            }
        }
    }
}

const EXPLAIN: &str = r##"Each row of a query is a sample, each column that is named `gauge` or `counter` a metric called
`QUERY_COLUMN`, and each column that is named `label` a label of it. So names have to be plain, and no
metric may be there twice, or be one that the exporter shows by itself.

    query "mysql_global_status" sql="SELECT 1 AS up" { gauge "up" }

Choose a name of your own:

    query "shop_orders" sql="SELECT status, COUNT(*) AS number FROM shop.orders GROUP BY status" {
        label "status"
        gauge "number" help="Orders, by status."
    }"##;
