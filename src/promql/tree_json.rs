//! The syntax tree as the HTTP API's `parse_query` gives it.

use serde_json::{Value, json};

use super::ast::{
    At, DurationExpr, Edges, Expr, LabelName, SelectorMatcher, VectorMatching, VectorSelector,
};
use super::function::{Arity, Function};
use super::number::format_float;

impl Expr {
    /// The node and all below it. Durations are in milliseconds; one that depends on the query's step or
    /// range is 0, and its text follows under `rangeExpr`, `stepExpr` or `offsetExpr`.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Number(node) => json!({"type": "numberLiteral", "val": format_float(node.value)}),
            Self::String(node) => json!({"type": "stringLiteral", "val": node.value}),
            Self::Vector(selector) => {
                let mut json = selector_json(selector);
                json["type"] = "vectorSelector".into();
                json
            }
            Self::Matrix(node) => {
                let mut json = selector_json(&node.selector);
                json["type"] = "matrixSelector".into();
                put_duration(&mut json, "range", Some(&node.range));
                json
            }
            Self::Subquery(node) => {
                let mut json = json!({"type": "subquery", "expr": node.expr.to_json()});
                put_duration(&mut json, "range", Some(&node.range));
                put_duration(&mut json, "step", node.step.as_ref());
                put_duration(&mut json, "offset", node.offset.as_ref());
                put_at(&mut json, node.at);
                json
            }
            Self::Call(node) => json!({
                "type": "call",
                "func": function_json(node.function),
                "args": list(&node.args),
            }),
            Self::Aggregate(node) => json!({
                "type": "aggregation",
                "op": node.op.as_str(),
                "expr": node.expr.to_json(),
                "param": node.param.as_ref().map(|param| param.to_json()),
                "grouping": names(&node.grouping.labels),
                "without": node.grouping.without,
            }),
            Self::Binary(node) => json!({
                "type": "binaryExpr",
                "op": node.op.as_str(),
                "lhs": node.lhs.to_json(),
                "rhs": node.rhs.to_json(),
                "matching": node.matching.as_ref().map(matching_json),
                "bool": node.return_bool,
            }),
            Self::Unary(node) => json!({
                "type": "unaryExpr",
                "op": if node.negative { "-" } else { "+" },
                "expr": node.expr.to_json(),
            }),
            Self::Paren(node) => json!({"type": "parenExpr", "expr": node.expr.to_json()}),
            Self::Broken(node) => json!({"type": "broken", "args": list(&node.children)}),
        }
    }
}

fn list(expressions: &[Expr]) -> Vec<Value> {
    expressions.iter().map(Expr::to_json).collect()
}

fn names(labels: &[LabelName]) -> Vec<&str> {
    labels.iter().map(|label| &*label.name).collect()
}

fn selector_json(selector: &VectorSelector) -> Value {
    let matcher = |SelectorMatcher { matcher, .. }: &SelectorMatcher| json!({"name": matcher.name, "value": matcher.value, "type": matcher.op.as_str()});
    let mut json = json!({
        "name": selector.name.as_deref().unwrap_or_default(),
        "matchers": selector.matchers.iter().map(matcher).collect::<Vec<_>>(),
        "anchored": selector.edges == Edges::Anchored,
        "smoothed": selector.edges == Edges::Smoothed,
    });
    put_duration(&mut json, "offset", selector.offset.as_ref());
    put_at(&mut json, selector.at);
    json
}

fn put_duration(json: &mut Value, key: &str, duration: Option<&DurationExpr>) {
    let constant = duration.and_then(DurationExpr::constant);
    json[key] = constant.unwrap_or(0).into();
    if let (Some(duration), None) = (duration, constant) {
        json[format!("{key}Expr")] = duration.to_string().into();
    }
}

fn put_at(json: &mut Value, at: Option<At>) {
    let (timestamp, word) = match at {
        None => (Value::Null, Value::Null),
        Some(At::Time(millis)) => (millis.into(), Value::Null),
        Some(At::Start) => (Value::Null, "start".into()),
        Some(At::End) => (Value::Null, "end".into()),
    };
    json["timestamp"] = timestamp;
    json["startOrEnd"] = word;
}

fn matching_json(matching: &VectorMatching) -> Value {
    json!({
        "card": matching.cardinality.as_str(),
        "labels": names(&matching.labels),
        "on": matching.on,
        "include": names(&matching.include),
        "fillValues": {
            "lhs": matching.fill_left.map(format_float),
            "rhs": matching.fill_right.map(format_float),
        },
    })
}

fn function_json(function: &Function) -> Value {
    let types = function.arg_types;
    // How often the last type may occur; −1 is without end, 0 exactly once.
    let variadic = match function.arity {
        Arity::Exact => 0,
        Arity::AtLeast(_) => -1,
        Arity::Between { max, .. } => max as i64 - (types.len() as i64 - 1),
    };
    json!({
        "name": function.name,
        "argTypes": types.iter().map(|kind| kind.api_name()).collect::<Vec<_>>(),
        "variadic": variadic,
        "returnType": function.return_type.api_name(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use serde_json::json;

    #[test]
    fn the_tree_has_the_shape_of_the_api() {
        let text = "sum by (a) (round(x{b!=\"c\"} offset 5m @ end())) + on (d) group_left (e) -y";
        assert_eq!(
            parse(text).unwrap().to_json(),
            json!({
                "type": "binaryExpr",
                "op": "+",
                "bool": false,
                "matching": {
                    "card": "many-to-one",
                    "labels": ["d"],
                    "on": true,
                    "include": ["e"],
                    "fillValues": {"lhs": null, "rhs": null},
                },
                "lhs": {
                    "type": "aggregation",
                    "op": "sum",
                    "param": null,
                    "grouping": ["a"],
                    "without": false,
                    "expr": {
                        "type": "call",
                        "func": {
                            "name": "round",
                            "argTypes": ["vector", "scalar"],
                            "variadic": 1,
                            "returnType": "vector",
                        },
                        "args": [{
                            "type": "vectorSelector",
                            "name": "x",
                            "offset": 300_000,
                            "timestamp": null,
                            "startOrEnd": "end",
                            "anchored": false,
                            "smoothed": false,
                            "matchers": [
                                {"name": "__name__", "value": "x", "type": "="},
                                {"name": "b", "value": "c", "type": "!="},
                            ],
                        }],
                    },
                },
                "rhs": {
                    "type": "unaryExpr",
                    "op": "-",
                    "expr": {
                        "type": "vectorSelector",
                        "name": "y",
                        "offset": 0,
                        "timestamp": null,
                        "startOrEnd": null,
                        "anchored": false,
                        "smoothed": false,
                        "matchers": [{"name": "__name__", "value": "y", "type": "="}],
                    },
                },
            })
        );
    }

    #[test]
    fn durations_are_milliseconds() {
        let json = parse("max_over_time(x[5m:step()] offset -30s @ 1.5)").unwrap().to_json();
        let subquery = &json["args"][0];
        assert_eq!(subquery["range"], 300_000);
        assert_eq!(subquery["step"], 0);
        assert_eq!(subquery["stepExpr"], "step()");
        assert_eq!(subquery["offset"], -30_000);
        assert_eq!(subquery["timestamp"], 1500);
        assert_eq!(parse("x[90s]").unwrap().to_json()["range"], 90_000);
    }
}
