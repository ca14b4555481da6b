//! Going through a tree: every node with those above it, every selector with what surrounds it.

use smallvec::{SmallVec, smallvec};

use crate::model::{METRIC_NAME, MatchOp};

use super::ast::{Call, DurationExpr, Expr, Span, VectorSelector};

/// A selector and where it is used.
#[derive(Debug, Clone)]
pub struct SelectorUse<'e> {
    /// The selector.
    pub selector: &'e VectorSelector,
    /// Its window, if it has one: `[5m]`.
    pub range: Option<&'e DurationExpr>,
    /// The call whose argument it is, through parentheses and subqueries, and signs.
    pub function: Option<&'e Call>,
    /// The nodes around it, from the root inward; the selector's own node is not among them.
    pub path: SmallVec<[&'e Expr; 8]>,
}

impl<'e> SelectorUse<'e> {
    /// The metric name it asks for, if it asks for exactly one, and where that is written.
    pub fn metric(&self) -> Option<(&'e str, Span)> {
        self.selector.metric()
    }
}

impl VectorSelector {
    /// The metric name it asks for, if it asks for exactly one, and where that is written.
    pub fn metric(&self) -> Option<(&str, Span)> {
        self.matchers
            .iter()
            .find(|entry| {
                let matcher = &entry.matcher;
                matcher.name == METRIC_NAME
                    && matcher.op == MatchOp::Equal
                    && !matcher.value.is_empty()
            })
            .map(|entry| (&*entry.matcher.value, entry.value_span))
    }
}

impl Expr {
    /// The nodes directly below this one, in the order of the text (the parameter of an aggregation
    /// before its series). A range selector has none.
    pub fn children(&self) -> SmallVec<[&Self; 4]> {
        match self {
            Self::Number(_) | Self::String(_) | Self::Vector(_) | Self::Matrix(_) => {
                SmallVec::new()
            }
            Self::Subquery(node) => smallvec![&*node.expr],
            Self::Call(node) => node.args.iter().collect(),
            Self::Aggregate(node) => {
                node.param.iter().map(|param| &**param).chain([&*node.expr]).collect()
            }
            Self::Binary(node) => smallvec![&*node.lhs, &*node.rhs],
            Self::Unary(node) => smallvec![&*node.expr],
            Self::Paren(node) => smallvec![&*node.expr],
            Self::Broken(node) => node.children.iter().collect(),
        }
    }

    /// Calls the visitor with every node, a parent before its children, and with the nodes above it
    /// from the root inward.
    pub fn walk<'e>(&'e self, visit: &mut dyn FnMut(&'e Self, &[&'e Self])) {
        self.walk_below(&mut Vec::new(), visit);
    }

    fn walk_below<'e>(
        &'e self,
        path: &mut Vec<&'e Self>,
        visit: &mut dyn FnMut(&'e Self, &[&'e Self]),
    ) {
        visit(self, path);
        path.push(self);
        for child in self.children() {
            child.walk_below(path, visit);
        }
        path.pop();
    }

    /// All selectors in the order of the text.
    pub fn selectors(&self) -> Vec<SelectorUse<'_>> {
        let mut found = Vec::new();
        self.walk(&mut |node, path| {
            let (selector, range) = match node {
                Self::Vector(selector) => (selector, None),
                Self::Matrix(matrix) => (&matrix.selector, Some(&matrix.range)),
                _ => return,
            };
            let around = path.iter().rev().find(|above| {
                !matches!(above, Self::Paren(_) | Self::Unary(_) | Self::Subquery(_))
            });
            let function = match around {
                Some(Self::Call(call)) => Some(call),
                _ => None,
            };
            found.push(SelectorUse { selector, range, function, path: path.into() });
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    #[test]
    fn selectors_know_their_function_and_window() {
        let text = "sum(rate(a[5m])) / on (x) (b + -max_over_time((c)[1h:1m])) > {__name__=\"d\"}";
        let expr = parse(text).unwrap();
        let uses: Vec<_> = expr
            .selectors()
            .into_iter()
            .map(|found| {
                (
                    found.metric().map(|(name, span)| (name, &text[span.start..span.end])),
                    found.range.and_then(super::super::ast::DurationExpr::constant),
                    found.function.map(|call| call.function.name),
                    found.path.len(),
                )
            })
            .collect();
        assert_eq!(
            uses,
            [
                (Some(("a", "a")), Some(300_000), Some("rate"), 4),
                (Some(("b", "b")), None, None, 4),
                (Some(("c", "c")), None, Some("max_over_time"), 8),
                (Some(("d", "\"d\"")), None, None, 1),
            ]
        );
    }
}
