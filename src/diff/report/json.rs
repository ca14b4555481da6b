//! For programs; the form is stable.

use serde_json::{Value as Json, json as object};

use super::super::{Fate, Value};
use super::{At, Report};

/// The report as JSON.
pub fn json(report: &Report<'_>) -> Json {
    let risks = report.risks.iter().map(
        |risk| object!({ "kind": risk.kind.word(), "name": risk.name, "message": risk.message }),
    );
    let changes = report.changes.iter().map(|change| {
        let thing = change.thing();
        let attributes = change.differences.iter().map(|difference| {
            object!({
                "name": difference.name,
                "before": difference.before.map(value),
                "after": difference.after.map(value),
            })
        });
        object!({
            "change": match change.fate {
                Fate::Added => "added",
                Fate::Removed => "removed",
                Fate::Changed => "changed",
            },
            "kind": thing.kind.word(),
            "name": thing.name,
            "within": change.within,
            "before": report.at_before(change).as_ref().map(place),
            "after": report.at_after(change).as_ref().map(place),
            "attributes": attributes.collect::<Vec<_>>(),
        })
    });
    object!({
        "before": report.before,
        "after": report.after,
        "same": report.changes.is_empty(),
        "risks": risks.collect::<Vec<_>>(),
        "changes": changes.collect::<Vec<_>>(),
    })
}

fn place(at: &At) -> Json {
    object!({ "file": at.file, "line": at.line, "column": at.column })
}

/// A value; nothing of one that is hidden but that it is there.
fn value(value: &Value) -> Json {
    match value {
        Value::Text(text) | Value::Inherited(text) | Value::Expr(text) => object!(text),
        Value::Set(set) => object!(set),
        Value::List(list) => object!(list),
        Value::Before(pairs) => {
            object!(pairs.iter().map(|(a, b)| format!("{a} before {b}")).collect::<Vec<_>>())
        }
        Value::Hidden(_) => object!("***"),
    }
}
