//! Whether two expressions ask for the same thing, wherever and however they are written.

use super::ast::{
    Aggregate, Binary, Call, DurationExpr, Expr, Grouping, LabelName, SelectorMatcher, Subquery,
    VectorMatching, VectorSelector,
};

impl Expr {
    /// Whether both mean the same to the letter: spans, parentheses and the order of matchers and of
    /// labels do not count. `false` where it is not certain.
    pub fn same(&self, other: &Self) -> bool {
        match (self.unwrap_parens(), other.unwrap_parens()) {
            (Self::Number(a), Self::Number(b)) => a.value.to_bits() == b.value.to_bits(),
            (Self::String(a), Self::String(b)) => a.value == b.value,
            (Self::Vector(a), Self::Vector(b)) => same_selector(a, b),
            (Self::Matrix(a), Self::Matrix(b)) => {
                same_duration(&a.range, &b.range) && same_selector(&a.selector, &b.selector)
            }
            (Self::Subquery(a), Self::Subquery(b)) => same_subquery(a, b),
            (Self::Call(a), Self::Call(b)) => same_call(a, b),
            (Self::Aggregate(a), Self::Aggregate(b)) => same_aggregate(a, b),
            (Self::Binary(a), Self::Binary(b)) => same_binary(a, b),
            (Self::Unary(a), Self::Unary(b)) => a.negative == b.negative && a.expr.same(&b.expr),
            _ => false,
        }
    }
}

fn same_selector(a: &VectorSelector, b: &VectorSelector) -> bool {
    let matchers = |one: &VectorSelector, other: &VectorSelector| {
        let has = |wanted: &SelectorMatcher| {
            other.matchers.iter().any(|entry| entry.matcher == wanted.matcher)
        };
        one.matchers.iter().all(has)
    };
    a.at == b.at
        && a.edges == b.edges
        && a.info_labels == b.info_labels
        && same_optional(a.offset.as_ref(), b.offset.as_ref())
        && matchers(a, b)
        && matchers(b, a)
}

fn same_subquery(a: &Subquery, b: &Subquery) -> bool {
    a.at == b.at
        && same_duration(&a.range, &b.range)
        && same_optional(a.step.as_ref(), b.step.as_ref())
        && same_optional(a.offset.as_ref(), b.offset.as_ref())
        && a.expr.same(&b.expr)
}

fn same_call(a: &Call, b: &Call) -> bool {
    a.function.name == b.function.name
        && a.args.len() == b.args.len()
        && a.args.iter().zip(&b.args).all(|(a, b)| a.same(b))
}

fn same_aggregate(a: &Aggregate, b: &Aggregate) -> bool {
    let param = match (&a.param, &b.param) {
        (None, None) => true,
        (Some(a), Some(b)) => a.same(b),
        _ => false,
    };
    a.op == b.op && param && same_grouping(&a.grouping, &b.grouping) && a.expr.same(&b.expr)
}

fn same_grouping(a: &Grouping, b: &Grouping) -> bool {
    a.without == b.without && same_labels(&a.labels, &b.labels)
}

fn same_binary(a: &Binary, b: &Binary) -> bool {
    let matching = match (&a.matching, &b.matching) {
        (None, None) => true,
        (Some(a), Some(b)) => same_matching(a, b),
        _ => false,
    };
    a.op == b.op
        && a.return_bool == b.return_bool
        && matching
        && a.lhs.same(&b.lhs)
        && a.rhs.same(&b.rhs)
}

fn same_matching(a: &VectorMatching, b: &VectorMatching) -> bool {
    let bits = |value: Option<f64>| value.map(f64::to_bits);
    a.cardinality == b.cardinality
        && a.on == b.on
        && same_labels(&a.labels, &b.labels)
        && same_labels(&a.include, &b.include)
        && bits(a.fill_left) == bits(b.fill_left)
        && bits(a.fill_right) == bits(b.fill_right)
}

fn same_labels(a: &[LabelName], b: &[LabelName]) -> bool {
    let within = |one: &[LabelName], other: &[LabelName]| {
        one.iter().all(|label| other.iter().any(|known| known.name == label.name))
    };
    within(a, b) && within(b, a)
}

fn same_optional(a: Option<&DurationExpr>, b: Option<&DurationExpr>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same_duration(a, b),
        // An offset of nothing is none.
        (Some(one), None) | (None, Some(one)) => one.constant() == Some(0),
    }
}

fn same_duration(a: &DurationExpr, b: &DurationExpr) -> bool {
    match (a.constant(), b.constant()) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.to_string() == b.to_string(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    #[test]
    fn spelling_does_not_count_and_meaning_does() {
        let check = |a: &str, b: &str, expected: bool| {
            assert_eq!(parse(a).unwrap().same(&parse(b).unwrap()), expected, "{a} | {b}");
        };
        check("sum(x) by (a, b)", "sum by (b,a) ((x))", true);
        check("x{a=\"1\",b=~'2'}", "x{b=~\"2\",a='1'}", true);
        check("{__name__=\"x\"}", "x", true);
        check("rate(x[300s])", "rate( x[5m] offset 0s )", true);
        check("max_over_time(x[1h:])", "max_over_time(x[1h:])", true);
        check("x[step()]", "x[step()]", true);
        check("a + on (x) b", "a + on(x) b", true);
        check("rate(x[5m])", "rate(x[4m])", false);
        check("max_over_time(x[1h:])", "max_over_time(x[1h:1m])", false);
        check("sum by (a) (x)", "sum without (a) (x)", false);
        check("x offset 1m", "x", false);
        check("x @ end()", "x", false);
        check("a + b", "b + a", false);
        check("a > b", "a > bool b", false);
        check("a + on (x) b", "a + ignoring (x) b", false);
        check("topk(3, x)", "topk(4, x)", false);
    }
}
