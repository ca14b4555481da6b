//! The order of the series in a partition: metric name, other labels, and `le` last and by number, so
//! that neighbours are alike and the buckets of a histogram lie side by side.

use std::cmp::Ordering;

use crate::storage::{LabelSet, Symbol, Symbols};

/// Compares label sets.
pub struct Order<'a> {
    symbols: &'a Symbols,
    bound: Option<Symbol>,
}

impl<'a> Order<'a> {
    /// Over this table of strings.
    pub fn new(symbols: &'a Symbols) -> Self {
        Self { symbols, bound: symbols.lookup("le") }
    }

    /// Which comes first.
    pub fn compare(&self, a: &LabelSet, b: &LabelSet) -> Ordering {
        let text = |a: Symbol, b: Symbol| {
            if a == b {
                Ordering::Equal
            } else {
                self.symbols.resolve(a).cmp(self.symbols.resolve(b))
            }
        };
        let name = |set: &LabelSet| set.get(Symbol::METRIC_NAME);
        text(name(a), name(b))
            .then_with(|| {
                let (mut left, mut right) = (self.others(a), self.others(b));
                loop {
                    match (left.next(), right.next()) {
                        (None, None) => return Ordering::Equal,
                        (None, _) => return Ordering::Less,
                        (_, None) => return Ordering::Greater,
                        (Some(a), Some(b)) => {
                            let order = text(a.0, b.0).then_with(|| text(a.1, b.1));
                            if order.is_ne() {
                                return order;
                            }
                        }
                    }
                }
            })
            .then_with(|| {
                let bound = |set: &LabelSet| {
                    let value = self.bound.map_or(Symbol::EMPTY, |bound| set.get(bound));
                    self.symbols.resolve(value).parse().unwrap_or(f64::NEG_INFINITY)
                };
                bound(a).total_cmp(&bound(b))
            })
            .then_with(|| {
                let bound =
                    |set: &LabelSet| self.bound.map_or(Symbol::EMPTY, |bound| set.get(bound));
                text(bound(a), bound(b))
            })
    }

    fn others<'b>(&self, set: &'b LabelSet) -> impl Iterator<Item = (Symbol, Symbol)> + 'b {
        let bound = self.bound;
        let aside = move |name| name == Symbol::METRIC_NAME || Some(name) == bound;
        set.pairs().iter().copied().filter(move |pair| !aside(pair.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Labels;

    #[test]
    fn buckets_lie_side_by_side_in_the_order_of_their_bounds() {
        let symbols = Symbols::default();
        let set = |pairs: &[(&str, &str)]| {
            let labels = Labels::from_pairs(pairs.iter().copied());
            LabelSet::intern(&labels, |text| symbols.intern(text))
        };
        let sorted = [
            set(&[("__name__", "a"), ("z", "1")]),
            set(&[("__name__", "b"), ("job", "x"), ("le", "5")]),
            set(&[("__name__", "b"), ("job", "x"), ("le", "10")]),
            set(&[("__name__", "b"), ("job", "x"), ("le", "+Inf")]),
            set(&[("__name__", "b"), ("job", "y"), ("le", "1")]),
            set(&[("__name__", "b"), ("job", "y"), ("le", "1"), ("zone", "e")]),
        ];
        let order = Order::new(&symbols);
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(order.compare(a, b), i.cmp(&j), "{i} {j}");
            }
        }
    }
}
