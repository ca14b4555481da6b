//! Signatures of all functions, as of Prometheus 3.14.

use super::ast::ValueType;

/// How many times the last argument type may occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arity {
    /// As many arguments as there are types.
    Exact,
    /// The last arguments may be left out or repeated: at least `min`, at most `max` arguments.
    Between {
        /// Fewest arguments.
        min: usize,
        /// Most arguments.
        max: usize,
    },
    /// At least this many; the last type repeats.
    AtLeast(usize),
}

/// Name and types of a function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Function {
    /// As it is written.
    pub name: &'static str,
    /// Types of the arguments; the last one stands for any further ones.
    pub arg_types: &'static [ValueType],
    /// How many arguments may be given.
    pub arity: Arity,
    /// What it gives.
    pub return_type: ValueType,
    /// Whether Prometheus wants `--enable-feature=promql-experimental-functions` for it.
    pub experimental: bool,
}

impl Function {
    /// The function of this name, in lower case.
    pub fn find(name: &str) -> Option<&'static Self> {
        FUNCTIONS
            .binary_search_by(|function| function.name.cmp(name))
            .ok()
            .map(|index| &FUNCTIONS[index])
    }

    /// Most arguments; `None` is any number.
    pub fn max_args(&self) -> Option<usize> {
        match self.arity {
            Arity::Exact => Some(self.arg_types.len()),
            Arity::Between { max, .. } => Some(max),
            Arity::AtLeast(_) => None,
        }
    }

    /// Type of the argument at this index, counted from 0.
    pub fn arg_type(&self, index: usize) -> Option<ValueType> {
        self.arg_types.get(index).or(self.arg_types.last()).copied()
    }

    const fn experimental(mut self) -> Self {
        self.experimental = true;
        self
    }

    const fn arity(mut self, arity: Arity) -> Self {
        self.arity = arity;
        self
    }
}

use ValueType::{Matrix as M, Scalar as N, String as S, Vector as V};

const fn gives(
    return_type: ValueType,
    name: &'static str,
    arg_types: &'static [ValueType],
) -> Function {
    Function { name, arg_types, arity: Arity::Exact, return_type, experimental: false }
}

const fn vector(name: &'static str, arg_types: &'static [ValueType]) -> Function {
    gives(V, name, arg_types)
}

const OPTIONAL: Arity = Arity::Between { min: 0, max: 1 };

/// All functions, sorted by name.
pub static FUNCTIONS: &[Function] = &[
    vector("abs", &[V]),
    vector("absent", &[V]),
    vector("absent_over_time", &[M]),
    vector("acos", &[V]),
    vector("acosh", &[V]),
    vector("asin", &[V]),
    vector("asinh", &[V]),
    vector("atan", &[V]),
    vector("atanh", &[V]),
    vector("avg_over_time", &[M]),
    vector("ceil", &[V]),
    vector("changes", &[M]),
    vector("clamp", &[V, N, N]),
    vector("clamp_max", &[V, N]),
    vector("clamp_min", &[V, N]),
    vector("cos", &[V]),
    vector("cosh", &[V]),
    vector("count_over_time", &[M]),
    vector("day_of_month", &[V]).arity(OPTIONAL),
    vector("day_of_week", &[V]).arity(OPTIONAL),
    vector("day_of_year", &[V]).arity(OPTIONAL),
    vector("days_in_month", &[V]).arity(OPTIONAL),
    vector("deg", &[V]),
    vector("delta", &[M]),
    vector("deriv", &[M]),
    vector("double_exponential_smoothing", &[M, N, N]).experimental(),
    gives(N, "end", &[]).experimental(),
    vector("exp", &[V]),
    vector("first_over_time", &[M]).experimental(),
    vector("floor", &[V]),
    vector("histogram_avg", &[V]),
    vector("histogram_count", &[V]),
    vector("histogram_fraction", &[N, N, V]),
    vector("histogram_quantile", &[N, V]),
    vector("histogram_quantiles", &[V, S, N, N])
        .arity(Arity::Between { min: 3, max: 12 })
        .experimental(),
    vector("histogram_stddev", &[V]),
    vector("histogram_stdvar", &[V]),
    vector("histogram_sum", &[V]),
    vector("hour", &[V]).arity(OPTIONAL),
    vector("idelta", &[M]),
    vector("increase", &[M]),
    vector("info", &[V, V]).arity(Arity::Between { min: 1, max: 2 }).experimental(),
    vector("irate", &[M]),
    vector("label_join", &[V, S, S, S]).arity(Arity::AtLeast(3)),
    vector("label_replace", &[V, S, S, S, S]),
    vector("last_over_time", &[M]),
    vector("ln", &[V]),
    vector("log10", &[V]),
    vector("log2", &[V]),
    vector("mad_over_time", &[M]).experimental(),
    gives(N, "max_of", &[N, N]).experimental(),
    vector("max_over_time", &[M]),
    gives(N, "min_of", &[N, N]).experimental(),
    vector("min_over_time", &[M]),
    vector("minute", &[V]).arity(OPTIONAL),
    vector("month", &[V]).arity(OPTIONAL),
    gives(N, "pi", &[]),
    vector("predict_linear", &[M, N]),
    vector("present_over_time", &[M]),
    vector("quantile_over_time", &[N, M]),
    vector("rad", &[V]),
    gives(N, "range", &[]).experimental(),
    vector("rate", &[M]),
    vector("resets", &[M]),
    vector("round", &[V, N]).arity(Arity::Between { min: 1, max: 2 }),
    gives(N, "scalar", &[V]),
    vector("sgn", &[V]),
    vector("sin", &[V]),
    vector("sinh", &[V]),
    vector("sort", &[V]),
    vector("sort_by_label", &[V, S]).arity(Arity::AtLeast(1)).experimental(),
    vector("sort_by_label_desc", &[V, S]).arity(Arity::AtLeast(1)).experimental(),
    vector("sort_desc", &[V]),
    vector("sqrt", &[V]),
    gives(N, "start", &[]).experimental(),
    vector("start_timestamp", &[V]).experimental(),
    vector("stddev_over_time", &[M]),
    vector("stdvar_over_time", &[M]),
    gives(N, "step", &[]).experimental(),
    vector("sum_over_time", &[M]),
    vector("tan", &[V]),
    vector("tanh", &[V]),
    gives(N, "time", &[]),
    vector("timestamp", &[V]),
    vector("ts_of_first_over_time", &[M]).experimental(),
    vector("ts_of_last_over_time", &[M]).experimental(),
    vector("ts_of_max_over_time", &[M]).experimental(),
    vector("ts_of_min_over_time", &[M]).experimental(),
    gives(V, "vector", &[N]),
    vector("year", &[V]).arity(OPTIONAL),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_every_function_is_found() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.name < b.name));
        for function in FUNCTIONS {
            assert_eq!(Function::find(function.name), Some(function));
        }
        assert_eq!(Function::find("holt_winters"), None);
    }

    #[test]
    fn argument_counts_follow_the_signature() {
        let most = |name| Function::find(name).unwrap().max_args();
        assert_eq!(most("rate"), Some(1));
        assert_eq!(most("hour"), Some(1));
        assert_eq!(most("round"), Some(2));
        assert_eq!(most("label_join"), None);
        assert_eq!(most("time"), Some(0));
        assert_eq!(Function::find("label_join").unwrap().arg_type(7), Some(ValueType::String));
        assert_eq!(Function::find("time").unwrap().arg_type(0), None);
    }
}
