//! `format_query` and `parse_query`.

use axum::response::Response;
use serde_json::{Value, json};

use super::reply::Reply;
use super::{ApiError, Params};
use crate::model::Matcher;
use crate::promql::ast::{At, DurationExpr, LabelName, VectorMatching, VectorSelector};
use crate::promql::{self, Arity, Expr, Function};
use crate::web::json::write_float;

/// The query in its usual layout.
pub(super) async fn format(params: Params) -> Result<Response, ApiError> {
    Ok(Reply::data(&parsed(&params)?.pretty()).finish(params.accepts))
}

/// The query's syntax tree.
pub(super) async fn parse(params: Params) -> Result<Response, ApiError> {
    Ok(Reply::data(&tree(&parsed(&params)?)).finish(params.accepts))
}

fn parsed(params: &Params) -> Result<Expr, ApiError> {
    promql::parse(params.get("query")).map_err(|error| ApiError::parameter("query", error))
}

fn tree(expr: &Expr) -> Value {
    match expr {
        Expr::Number(node) => {
            let mut text = Vec::new();
            write_float(&mut text, node.value);
            json!({ "type": "numberLiteral", "val": String::from_utf8_lossy(&text) })
        }
        Expr::String(node) => json!({ "type": "stringLiteral", "val": node.value }),
        Expr::Vector(node) => selector("vectorSelector", node),
        Expr::Matrix(node) => {
            let mut value = selector("matrixSelector", &node.selector);
            value["range"] = json!(millis(&node.range));
            value
        }
        Expr::Subquery(node) => {
            let (timestamp, start_or_end) = at(node.at);
            json!({
                "type": "subquery",
                "expr": tree(&node.expr),
                "range": millis(&node.range),
                "offset": node.offset.as_ref().map_or(0, millis),
                "step": node.step.as_ref().map_or(0, millis),
                "timestamp": timestamp,
                "startOrEnd": start_or_end,
            })
        }
        Expr::Call(node) => json!({
            "type": "call",
            "func": function(node.function),
            "args": node.args.iter().map(tree).collect::<Vec<_>>(),
        }),
        Expr::Aggregate(node) => json!({
            "type": "aggregation",
            "op": node.op.as_str(),
            "expr": tree(&node.expr),
            "param": node.param.as_deref().map(tree),
            "grouping": names(&node.grouping.labels),
            "without": node.grouping.without,
        }),
        Expr::Binary(node) => json!({
            "type": "binaryExpr",
            "op": node.op.as_str(),
            "lhs": tree(&node.lhs),
            "rhs": tree(&node.rhs),
            "matching": node.matching.as_ref().map(matching),
            "bool": node.return_bool,
        }),
        Expr::Unary(node) => json!({
            "type": "unaryExpr",
            "op": if node.negative { "-" } else { "+" },
            "expr": tree(&node.expr),
        }),
        Expr::Paren(node) => json!({ "type": "parenExpr", "expr": tree(&node.expr) }),
        // A text that was parsed without error has no such node.
        Expr::Broken(_) => Value::Null,
    }
}

fn selector(kind: &str, node: &VectorSelector) -> Value {
    let (timestamp, start_or_end) = at(node.at);
    let matcher = |matcher: &Matcher| {
        let Matcher { name, value, op, .. } = matcher;
        json!({ "name": name, "value": value, "type": op.as_str() })
    };
    json!({
        "type": kind,
        "name": node.name.as_deref().unwrap_or_default(),
        "offset": node.offset.as_ref().map_or(0, millis),
        "matchers": node.plain_matchers().map(matcher).collect::<Vec<_>>(),
        "timestamp": timestamp,
        "startOrEnd": start_or_end,
    })
}

/// A duration that depends on the query's step or range has no value of its own.
fn millis(duration: &DurationExpr) -> i64 {
    duration.constant().unwrap_or(0)
}

fn at(at: Option<At>) -> (Option<i64>, Option<&'static str>) {
    match at {
        None => (None, None),
        Some(At::Time(time)) => (Some(time), None),
        Some(At::Start) => (None, Some("start")),
        Some(At::End) => (None, Some("end")),
    }
}

fn matching(matching: &VectorMatching) -> Value {
    json!({
        "card": matching.cardinality.as_str(),
        "labels": names(&matching.labels),
        "on": matching.on,
        "include": names(&matching.include),
    })
}

fn names(labels: &[LabelName]) -> Vec<&str> {
    labels.iter().map(|label| label.name.as_str()).collect()
}

fn function(function: &Function) -> Value {
    let kinds: Vec<&str> = function.arg_types.iter().map(|kind| kind.api_name()).collect();
    let variadic = match function.arity {
        Arity::Exact => 0,
        Arity::Between { min, max } => (max - min) as i64,
        Arity::AtLeast(_) => -1,
    };
    json!({
        "name": function.name,
        "argTypes": kinds,
        "variadic": variadic,
        "returnType": function.return_type.api_name(),
    })
}
