//! Random expressions that the parser must take, over the metrics of [`super::data`].

use fastrand::Rng;

const MATHS: &[&str] = &[
    "abs",
    "ceil",
    "floor",
    "exp",
    "ln",
    "log2",
    "log10",
    "sqrt",
    "sgn",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "deg",
    "rad",
    "round",
    "timestamp",
    "sort",
    "sort_desc",
    "minute",
    "hour",
    "day_of_week",
    "day_of_month",
    "day_of_year",
    "days_in_month",
    "month",
    "year",
];

const OVER_TIME: &[&str] = &[
    "rate",
    "rate",
    "rate",
    "increase",
    "increase",
    "delta",
    "irate",
    "idelta",
    "changes",
    "resets",
    "deriv",
    "avg_over_time",
    "sum_over_time",
    "min_over_time",
    "max_over_time",
    "count_over_time",
    "last_over_time",
    "first_over_time",
    "present_over_time",
    "absent_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "mad_over_time",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
];

const AGGREGATES: &[&str] =
    &["sum", "sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"];

pub struct Generator<'a> {
    pub rng: &'a mut Rng,
}

impl Generator<'_> {
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        *self.rng.choice(of).expect("something to choose from")
    }

    fn chance(&mut self, one_in: u8) -> bool {
        self.rng.u8(..one_in) == 0
    }

    /// An instant vector, mostly, or a number.
    pub fn query(&mut self) -> String {
        let depth = self.rng.usize(1..5);
        if self.chance(15) { self.scalar(depth) } else { self.vector(depth) }
    }

    fn matchers(&mut self) -> String {
        let choices = [
            "",
            "",
            "",
            "{job=\"a\"}",
            "{job!=\"a\"}",
            "{inst=~\"0|1\"}",
            "{inst!~\"[12]\"}",
            "{mode=\"x\"}",
            "{mode=\"\"}",
            "{job=~\".+\",inst=\"2\"}",
            "{job=\"none\"}",
        ];
        self.pick(&choices).to_owned()
    }

    fn selector(&mut self) -> String {
        if self.chance(12) {
            let names = [
                "{__name__=~\"c|d\"}",
                "{__name__=~\"g|k\",job=\"b\"}",
                "{__name__!~\"h.*\",job=\"a\"}",
            ];
            return self.pick(&names).to_owned();
        }
        let name = self.pick(&["c", "c", "d", "g", "g", "k", "none"]);
        format!("{name}{}", self.matchers())
    }

    fn modifiers(&mut self) -> String {
        let mut text = String::new();
        if self.chance(6) {
            text += self.pick(&[
                " offset 1m",
                " offset 37s",
                " offset -2m",
                " offset 7m",
                " offset 500ms",
            ]);
        }
        if self.chance(8) {
            text += self.pick(&[" @ 600", " @ 123.456", " @ start()", " @ end()", " @ 1490"]);
        }
        text
    }

    fn range(&mut self, depth: usize) -> String {
        if depth > 1 && self.chance(3) {
            let inner = self.vector(depth - 2);
            let window = self.pick(&["[5m:]", "[5m:30s]", "[3m:45s]", "[10m:1m]", "[70s:20s]"]);
            return format!("({inner}){window}{}", self.modifiers());
        }
        let window = self.pick(&["[30s]", "[1m]", "[95s]", "[2m]", "[5m]", "[10m]", "[7m30s]"]);
        format!("{}{window}{}", self.selector(), self.modifiers())
    }

    fn number(&mut self) -> String {
        let numbers = ["0", "1", "2", "-1", "0.5", "10", "3.25", "100", "-7", "NaN", "Inf", "-Inf"];
        let known = if self.chance(6) { 12 } else { 9 };
        self.pick(&numbers[..known]).to_owned()
    }

    fn scalar(&mut self, depth: usize) -> String {
        match self.rng.u8(..if depth == 0 { 3 } else { 7 }) {
            0 | 1 => self.number(),
            2 => self.pick(&["time()", "pi()"]).to_owned(),
            3 | 4 => format!("scalar({})", self.vector(depth - 1)),
            5 => {
                let op = self.pick(&["+", "-", "*", "/", "%", "== bool", "> bool"]);
                format!("({} {op} {})", self.scalar(depth - 1), self.scalar(depth - 1))
            }
            _ => format!("-({})", self.scalar(depth - 1)),
        }
    }

    fn labels(&mut self) -> String {
        let choices =
            ["job", "inst", "job, inst", "mode", "inst, mode", "", "__name__", "job, mode"];
        self.pick(&choices).to_owned()
    }

    fn vector(&mut self, depth: usize) -> String {
        if depth == 0 {
            return format!("{}{}", self.selector(), self.modifiers());
        }
        let next = depth - 1;
        match self.rng.u8(..20) {
            0 => format!("{}{}", self.selector(), self.modifiers()),
            1..=5 => self.over_time(depth),
            6 | 7 => format!("{}({})", self.pick(MATHS), self.vector(next)),
            8..=10 => self.aggregate(next),
            11 | 12 => self.with_scalar(next),
            13..=15 => self.pair(next),
            16 => match self.rng.u8(..4) {
                0 => format!("-{}", wrapped(&self.vector(next))),
                1 => format!("vector({})", self.scalar(next)),
                2 => format!("absent({})", self.vector(next)),
                _ => format!("({})", self.vector(next)),
            },
            17 => self.relabelled(next),
            18 => self.bounded(next),
            _ => self.histogram(next),
        }
    }

    fn over_time(&mut self, depth: usize) -> String {
        match self.rng.u8(..9) {
            0 => format!("quantile_over_time({}, {})", self.quantile(), self.range(depth)),
            1 => format!("predict_linear({}, {})", self.range(depth), self.number()),
            _ => format!("{}({})", self.pick(OVER_TIME), self.range(depth)),
        }
    }

    fn quantile(&mut self) -> String {
        self.pick(&["0", "0.1", "0.5", "0.75", "0.9", "0.99", "1", "-1", "2", "NaN"]).to_owned()
    }

    fn aggregate(&mut self, depth: usize) -> String {
        let grouping = match self.rng.u8(..5) {
            0 => String::new(),
            1 | 2 => format!(" without ({})", self.labels()),
            _ => format!(" by ({})", self.labels()),
        };
        let inner = self.vector(depth);
        match self.rng.u8(..10) {
            0 | 1 => {
                let name = self.pick(&["topk", "bottomk"]);
                let count = if self.chance(8) {
                    self.scalar(1)
                } else {
                    self.pick(&["1", "2", "3"]).to_owned()
                };
                format!("{name}{grouping} ({count}, {inner})")
            }
            2 => format!("quantile{grouping} ({}, {inner})", self.quantile()),
            3 => {
                let name = self.pick(&["value", "job"]);
                format!("count_values{grouping} (\"{name}\", {inner})")
            }
            _ => format!("{}{grouping} ({inner})", self.pick(AGGREGATES)),
        }
    }

    fn operator(&mut self) -> String {
        self.pick(&[
            "+", "+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<", ">=", "<=",
            "== bool", "!= bool", "> bool", "<= bool",
        ])
        .to_owned()
    }

    fn with_scalar(&mut self, depth: usize) -> String {
        let op = self.operator();
        let (vector, scalar) = (wrapped(&self.vector(depth)), wrapped(&self.scalar(1)));
        if self.rng.bool() {
            format!("{vector} {op} {scalar}")
        } else {
            format!("{scalar} {op} {vector}")
        }
    }

    fn pair(&mut self, depth: usize) -> String {
        let left = self.vector(depth);
        // Operands that resemble each other meet more often.
        let right = if self.chance(4) { left.clone() } else { self.vector(depth) };
        let (left, right) = (wrapped(&left), wrapped(&right));
        let matching = match self.rng.u8(..4) {
            0 | 1 => String::new(),
            2 => format!(" on ({})", self.labels()),
            _ => format!(" ignoring ({})", self.labels()),
        };
        if self.chance(3) {
            let op = self.pick(&["and", "or", "unless"]);
            return format!("{left} {op}{matching} {right}");
        }
        let op = self.operator();
        if matching.is_empty() || self.chance(3) {
            return format!("{left} {op}{matching} {right}");
        }
        let (side, include) = (self.pick(&["group_left", "group_right"]), self.include(&matching));
        let aggregated = |text: &str, by: &str| format!("(max by ({by}) {text})");
        let by = self.pick(&["job", "inst", "job, mode"]);
        let (left, right) = match side {
            _ if self.chance(4) => (left, right),
            "group_left" => (left, aggregated(&right, by)),
            _ => (aggregated(&left, by), right),
        };
        format!("{left} {op}{matching} {side} {include} {right}")
    }

    /// A label must not be in both lists of `on (…) group_left (…)`.
    fn include(&mut self, matching: &str) -> String {
        let label = self.pick(&["mode", "inst", "job", "extra"]);
        if matching.contains(label) || self.rng.bool() {
            "()".to_owned()
        } else {
            format!("({label})")
        }
    }

    fn relabelled(&mut self, depth: usize) -> String {
        let inner = self.vector(depth);
        if self.chance(3) {
            let to = self.pick(&["extra", "job", "inst", "__name__"]);
            let from = self.pick(&["\"job\", \"inst\"", "\"inst\"", "\"mode\", \"none\", \"job\""]);
            return format!("label_join({inner}, \"{to}\", \"-\", {from})");
        }
        let to = self.pick(&["extra", "job", "inst", "mode", "__name__"]);
        let from = self.pick(&["job", "inst", "mode", "__name__", "none"]);
        let (put, pattern) = self.pick(&[
            ("$1", "(.*)"),
            ("x$1", "(a|1)"),
            ("", ".*"),
            ("fixed", "b"),
            ("${1}_$2", "(.)(.?)"),
            ("$0!", "[0-9]+"),
        ]);
        format!("label_replace({inner}, \"{to}\", \"{put}\", \"{from}\", \"{pattern}\")")
    }

    fn bounded(&mut self, depth: usize) -> String {
        let inner = self.vector(depth);
        let (a, b) = (self.scalar(1), self.scalar(0));
        match self.rng.u8(..4) {
            0 => format!("clamp({inner}, {a}, {b})"),
            1 => format!("clamp_min({inner}, {a})"),
            2 => format!("clamp_max({inner}, {a})"),
            _ => format!("round({inner}, {})", self.pick(&["1", "5", "0.25", "10"])),
        }
    }

    fn histogram(&mut self, depth: usize) -> String {
        let window = self.pick(&["[1m]", "[2m]", "[5m]"]);
        let buckets = match self.rng.u8(..6) {
            0 => "h_bucket".to_owned(),
            1 => format!("rate(h_bucket{window})"),
            2 => format!("sum by (le) (rate(h_bucket{window}))"),
            3 => format!("sum by (le, job) (increase(h_bucket{window}))"),
            4 => format!("sum without (inst) (delta(h_bucket{window}))"),
            _ => format!("({} or h_bucket)", self.vector(depth.min(1))),
        };
        format!("histogram_quantile({}, {buckets})", self.quantile())
    }
}

fn wrapped(text: &str) -> String {
    format!("({text})")
}
