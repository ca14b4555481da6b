//! Label sets made from other label sets: all on symbol ids; a string is only looked at to keep the
//! pairs in the order of their names.

use std::cmp::Ordering;

use crate::storage::{LabelSet, QuerySymbols, Symbol};

type Pair = (Symbol, Symbol);

/// The labels that describe the metric itself and go together with its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reserved {
    kind: Symbol,
    unit: Symbol,
}

impl Reserved {
    pub fn new(symbols: &QuerySymbols) -> Self {
        Self { kind: symbols.intern("__type__"), unit: symbols.intern("__unit__") }
    }

    pub fn contains(self, name: Symbol) -> bool {
        name == Symbol::METRIC_NAME || name == self.kind || name == self.unit
    }

    /// The set without name, type and unit.
    pub fn strip(self, labels: &LabelSet) -> LabelSet {
        retain(labels, |name| !self.contains(name))
    }
}

/// The labels for which the test holds.
pub(super) fn retain(labels: &LabelSet, keep: impl Fn(Symbol) -> bool) -> LabelSet {
    if labels.pairs().iter().all(|pair| keep(pair.0)) {
        return labels.clone();
    }
    let pairs: Vec<Pair> = labels.pairs().iter().filter(|pair| keep(pair.0)).copied().collect();
    LabelSet::from_sorted(pairs)
}

/// The set with one label changed; the empty value removes it.
pub(super) fn with(
    labels: &LabelSet,
    name: Symbol,
    value: Symbol,
    symbols: &QuerySymbols,
) -> LabelSet {
    let mut pairs = labels.pairs().to_vec();
    set(&mut pairs, name, value, symbols);
    LabelSet::from_sorted(pairs)
}

/// Changes one label of sorted pairs; the empty value removes it.
pub(super) fn set(pairs: &mut Vec<Pair>, name: Symbol, value: Symbol, symbols: &QuerySymbols) {
    match pairs.iter().position(|pair| pair.0 == name) {
        Some(index) if value == Symbol::EMPTY => drop(pairs.remove(index)),
        Some(index) => pairs[index].1 = value,
        None if value == Symbol::EMPTY => {}
        None => {
            let text = symbols.resolve(name);
            let index = pairs.partition_point(|pair| symbols.resolve(pair.0) < text);
            pairs.insert(index, (name, value));
        }
    }
}

/// Order of the label sets' strings: first difference in a name or a value decides.
pub(super) fn compare(a: &LabelSet, b: &LabelSet, symbols: &QuerySymbols) -> Ordering {
    let text = |symbol| symbols.resolve(symbol);
    for (left, right) in a.pairs().iter().zip(b.pairs()) {
        if left == right {
            continue;
        }
        return text(left.0).cmp(text(right.0)).then_with(|| text(left.1).cmp(text(right.1)));
    }
    a.pairs().len().cmp(&b.pairs().len())
}

/// `{a="1", b="2"}` with the name as a label, as errors about matching write series.
pub(super) fn show(labels: &LabelSet, symbols: &QuerySymbols) -> String {
    let pairs: Vec<String> = labels
        .pairs()
        .iter()
        .map(|pair| format!("{}={:?}", symbols.resolve(pair.0), symbols.resolve(pair.1)))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

/// The metric name; empty where there is none.
pub(super) fn metric_name<'a>(labels: &LabelSet, symbols: &'a QuerySymbols) -> &'a str {
    symbols.resolve(labels.get(Symbol::METRIC_NAME))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::Labels;

    fn labels(pairs: &[(&str, &str)], symbols: &QuerySymbols) -> LabelSet {
        let owned = Labels::from_pairs(pairs.iter().copied());
        LabelSet::intern(&owned, |text| symbols.intern(text))
    }

    #[test]
    fn a_changed_set_stays_sorted_by_name() {
        let symbols = QuerySymbols::new(Arc::default());
        let (z, value) = (symbols.intern("b"), symbols.intern("2"));
        let before = labels(&[("a", "1"), ("c", "3")], &symbols);
        let after = with(&before, z, value, &symbols);
        assert_eq!(show(&after, &symbols), r#"{a="1", b="2", c="3"}"#);
        assert_eq!(with(&after, z, Symbol::EMPTY, &symbols), before);
    }

    #[test]
    fn type_and_unit_go_with_the_name() {
        let symbols = QuerySymbols::new(Arc::default());
        let full = [("__name__", "m"), ("__type__", "gauge"), ("__unit__", "s"), ("a", "1")];
        let stripped = Reserved::new(&symbols).strip(&labels(&full, &symbols));
        assert_eq!(stripped, labels(&[("a", "1")], &symbols));
    }

    #[test]
    fn label_sets_are_ordered_by_their_strings() {
        let symbols = QuerySymbols::new(Arc::default());
        let later = labels(&[("a", "2")], &symbols);
        let earlier = labels(&[("a", "1"), ("b", "1")], &symbols);
        assert_eq!(compare(&earlier, &later, &symbols), Ordering::Less);
        assert_eq!(compare(&LabelSet::default(), &later, &symbols), Ordering::Less);
    }
}
