//! Operators between two expressions: arithmetic, comparison, set operators; pairing of series.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::super::QueryError;
use super::super::ast::{Binary, BinaryOp, Cardinality, Span, Unary, VectorMatching};
use super::hist::Hist;
use super::matrix::{ABSENT, Cell, Head, Matrix, Row, Steps};
use super::{Evaluated, Evaluator, Result, labels};
use crate::model::{Histogram, is_stale};
use crate::storage::{LabelSet, Symbol};

/// Result of an operator on two samples.
enum Outcome {
    Float(f64),
    Hist(Hist),
    /// A comparison holds: the left sample stays.
    Left,
    /// A comparison does not hold.
    Filtered,
    /// The operator has no meaning for these kinds of samples.
    Nothing,
}

/// Comparisons and trimming leave the samples' names alone.
fn keeps_name(op: BinaryOp) -> bool {
    op.is_comparison() || matches!(op, BinaryOp::TrimLower | BinaryOp::TrimUpper)
}

/// Arithmetic on floats.
fn arithmetic(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        _ => a.atan2(b),
    }
}

fn compares(op: BinaryOp, a: f64, b: f64) -> bool {
    match op {
        BinaryOp::Equal => a == b,
        BinaryOp::NotEqual => a != b,
        BinaryOp::Greater => a > b,
        BinaryOp::Less => a < b,
        BinaryOp::GreaterEqual => a >= b,
        _ => a <= b,
    }
}

impl Evaluator<'_> {
    /// `-x` and `+x`.
    pub(super) fn unary(&mut self, unary: &Unary, steps: Steps) -> Result<Evaluated> {
        let value = self.eval(&unary.expr, steps)?;
        if !unary.negative {
            return Ok(value);
        }
        Ok(match value {
            Evaluated::Scalar(mut values) => {
                for value in &mut values {
                    *value = -*value;
                }
                Evaluated::Scalar(values)
            }
            Evaluated::Vector(mut matrix) => {
                for value in &mut matrix.values {
                    if !is_stale(*value) {
                        *value = -*value;
                    }
                }
                for cell in matrix.hists.iter_mut().flatten().flatten() {
                    let mut hist = Hist::from(&**cell);
                    hist.scale(-1.0);
                    *cell = Arc::new(Histogram::from(&hist));
                }
                matrix.heads.iter_mut().for_each(|head| head.drop_name = true);
                Evaluated::Vector(matrix)
            }
            Evaluated::String(text) => Evaluated::String(text),
        })
    }

    /// Any operator between two expressions.
    pub(super) fn binary(&mut self, binary: &Binary, steps: Steps) -> Result<Evaluated> {
        let left = self.eval(&binary.lhs, steps)?;
        let right = self.eval(&binary.rhs, steps)?;
        let op = binary.op;
        Ok(match (left, right) {
            (Evaluated::Scalar(mut left), Evaluated::Scalar(right)) => {
                for (a, b) in left.iter_mut().zip(right) {
                    *a = if op.is_comparison() {
                        f64::from(u8::from(compares(op, *a, b)))
                    } else {
                        arithmetic(op, *a, b)
                    };
                }
                Evaluated::Scalar(left)
            }
            (Evaluated::Vector(vector), Evaluated::Scalar(scalar)) => {
                Evaluated::Vector(self.with_scalar(binary, vector, &scalar, false))
            }
            (Evaluated::Scalar(scalar), Evaluated::Vector(vector)) => {
                Evaluated::Vector(self.with_scalar(binary, vector, &scalar, true))
            }
            (Evaluated::Vector(left), Evaluated::Vector(right)) => {
                let default = VectorMatching::default();
                let matching = binary.matching.as_ref().unwrap_or(&default);
                let held = [left.len(), right.len()];
                let result = if op.is_set() {
                    self.set_operator(op, &left, &right, matching)
                } else {
                    self.pair(binary, &left, &right, matching)?
                };
                for rows in held {
                    self.release(rows, steps.count);
                }
                self.charge(result.len(), steps.count)?;
                Evaluated::Vector(result)
            }
            _ => {
                let message = "operators do not work on strings";
                return Err(QueryError::Execution(message.to_owned()));
            }
        })
    }

    /// One operator on two samples, with its annotations.
    fn element(&mut self, op: BinaryOp, left: Cell, right: Cell, span: Span) -> Outcome {
        let kinds = match (left, right) {
            (Cell::Float(a), Cell::Float(b)) if op.is_comparison() => {
                return if compares(op, a, b) { Outcome::Left } else { Outcome::Filtered };
            }
            (Cell::Float(a), Cell::Float(b))
                if !matches!(op, BinaryOp::TrimLower | BinaryOp::TrimUpper) =>
            {
                return Outcome::Float(arithmetic(op, a, b));
            }
            (Cell::Float(_), Cell::Float(_)) => ["float", "float"],
            (Cell::Hist(a), Cell::Float(b)) => {
                let mut hist = Hist::from(&**a);
                match op {
                    BinaryOp::Mul => hist.scale(b),
                    BinaryOp::Div => hist.divide(b),
                    BinaryOp::TrimUpper => hist.trim(b, true),
                    BinaryOp::TrimLower => hist.trim(b, false),
                    _ => return self.unfit(op, ["histogram", "float"], span),
                }
                return Outcome::Hist(hist);
            }
            (Cell::Float(a), Cell::Hist(b)) if op == BinaryOp::Mul => {
                let mut hist = Hist::from(&**b);
                hist.scale(a);
                return Outcome::Hist(hist);
            }
            (Cell::Float(_), Cell::Hist(_)) => ["float", "histogram"],
            (Cell::Hist(a), Cell::Hist(b)) => {
                let (mut left, right) = (Hist::from(&**a), Hist::from(&**b));
                let (combined, during) = match op {
                    BinaryOp::Equal | BinaryOp::NotEqual => {
                        let holds = left.same(&right) == (op == BinaryOp::Equal);
                        return if holds { Outcome::Left } else { Outcome::Filtered };
                    }
                    BinaryOp::Add => (left.add(&right), "addition"),
                    BinaryOp::Sub => (left.subtract(&right), "subtraction"),
                    _ => return self.unfit(op, ["histogram", "histogram"], span),
                };
                match combined {
                    Ok(combined) => {
                        if combined.reconciled {
                            self.notes.reconciled(span, during);
                        }
                        if combined.collision {
                            self.notes.reset_collision(span, during);
                        }
                        return Outcome::Hist(left);
                    }
                    Err(_) => {
                        let op = op.as_str();
                        let message = format!(
                            "incompatible bucket layout encountered for binary operator {op}"
                        );
                        self.notes.warn(span, message);
                        return Outcome::Nothing;
                    }
                }
            }
            _ => return Outcome::Nothing,
        };
        self.unfit(op, kinds, span)
    }

    fn unfit(&mut self, op: BinaryOp, [left, right]: [&str; 2], span: Span) -> Outcome {
        let op = op.as_str();
        let message = format!(
            "incompatible sample types encountered for binary operator {op:?}: {left} {op} {right}"
        );
        self.notes.inform(span, message);
        Outcome::Nothing
    }

    /// A vector with a scalar; a comparison keeps the vector's sample on whichever side it stands.
    fn with_scalar(
        &mut self,
        binary: &Binary,
        mut vector: Matrix,
        scalar: &[f64],
        swapped: bool,
    ) -> Matrix {
        let (op, span) = (binary.op, binary.span);
        let compare = op.is_comparison();
        if !keeps_name(op) || binary.return_bool {
            vector.heads.iter_mut().for_each(|head| head.drop_name = true);
        }
        if vector.has_hists() || matches!(op, BinaryOp::TrimLower | BinaryOp::TrimUpper) {
            let mut result = Matrix::new(vector.steps);
            for row in vector.rows() {
                let index = result.push_absent(row.head.clone());
                for (step, &number) in scalar.iter().enumerate() {
                    let cell = row.cell(step);
                    if !cell.is_present() {
                        continue;
                    }
                    let number = Cell::Float(number);
                    let (left, right) = if swapped { (number, cell) } else { (cell, number) };
                    let outcome = self.element(op, left, right, span);
                    store(&mut result, index, step, outcome, binary.return_bool, cell);
                }
            }
            result.drop_empty_rows();
            return result;
        }
        let steps = vector.steps;
        let mut apply = |value: &mut dyn FnMut(f64, f64) -> f64| {
            for row in vector.values.chunks_exact_mut(steps.max(1)) {
                for (cell, &number) in row.iter_mut().zip(scalar) {
                    if !is_stale(*cell) {
                        *cell = value(*cell, number);
                    }
                }
            }
        };
        let holds = |value: f64, number: f64| {
            if swapped { compares(op, number, value) } else { compares(op, value, number) }
        };
        if compare && binary.return_bool {
            apply(&mut |value, number| f64::from(u8::from(holds(value, number))));
        } else if compare {
            apply(&mut |value, number| if holds(value, number) { value } else { ABSENT });
            vector.drop_empty_rows();
        } else if swapped {
            apply(&mut |value, number| arithmetic(op, number, value));
        } else {
            apply(&mut |value, number| arithmetic(op, value, number));
        }
        vector
    }

    /// Names of labels as symbols.
    pub(super) fn label_symbols(&self, names: &[super::super::ast::LabelName]) -> Vec<Symbol> {
        names.iter().map(|name| self.symbols.intern(&name.name)).collect()
    }

    fn groups(&self, left: &Matrix, right: &Matrix, matching: &VectorMatching) -> Groups {
        let names = self.label_symbols(&matching.labels);
        let mut groups = Groups::default();
        let mut index: HashMap<Vec<(Symbol, Symbol)>, usize> = HashMap::new();
        for (side, matrix) in [left, right].into_iter().enumerate() {
            for (row, head) in matrix.heads.iter().enumerate() {
                let key: Vec<_> = if matching.on {
                    names.iter().map(|name| (*name, head.labels.get(*name))).collect()
                } else {
                    let pairs = head.labels.pairs().iter().copied();
                    let counts = |pair: &(Symbol, Symbol)| {
                        pair.0 != Symbol::METRIC_NAME && !names.contains(&pair.0)
                    };
                    pairs.filter(counts).collect()
                };
                let next = groups.0.len();
                let group = *index.entry(key).or_insert(next);
                if group == next {
                    groups.0.push(Default::default());
                }
                groups.0[group][side].push(row);
            }
        }
        groups
    }

    fn set_operator(
        &mut self,
        op: BinaryOp,
        left: &Matrix,
        right: &Matrix,
        matching: &VectorMatching,
    ) -> Matrix {
        let steps = left.steps;
        let groups = self.groups(left, right, matching);
        let mut result = Matrix::new(steps);
        let (mine, others, other_side) = match op {
            BinaryOp::Or => (right, left, 0),
            _ => (left, right, 1),
        };
        // The rows of one side, without the steps at which the other side has (`or`, `unless`) or
        // has not (`and`) a sample in the same group.
        let mut kept = mine.clone();
        let mut present = vec![false; steps];
        for group in &groups.0 {
            present.fill(false);
            for &row in &group[other_side] {
                let row = others.row(row);
                for (step, present) in present.iter_mut().enumerate() {
                    *present |= row.is_present(step);
                }
            }
            for &row in &group[1 - other_side] {
                for (step, present) in present.iter().enumerate() {
                    if *present != (op == BinaryOp::And) {
                        kept.set(row, step, Cell::Absent);
                    }
                }
            }
        }
        if op != BinaryOp::Or {
            kept.drop_empty_rows();
            return kept;
        }
        let mut merger = Merger::new(&mut result, HashMap::new());
        for matrix in [left, &kept] {
            for row in matrix.rows() {
                if !row.is_empty() {
                    merger.push(row);
                }
            }
        }
        result
    }

    /// Pairs the series of two vectors and applies the operator.
    fn pair(
        &mut self,
        binary: &Binary,
        left: &Matrix,
        right: &Matrix,
        matching: &VectorMatching,
    ) -> Result<Matrix> {
        let steps = left.steps;
        let mut result = Matrix::new(steps);
        // With `group_right` the sides are swapped before anything is filled: "left" is then the
        // right operand.
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        let (fill_many, fill_one) = (matching.fill_left, matching.fill_right);
        if many.is_empty() && fill_many.is_none() || one.is_empty() && fill_one.is_none() {
            return Ok(result);
        }
        let groups = self.groups(left, right, matching);
        let mut pairing = Pairing {
            binary,
            matching,
            swapped,
            many,
            one,
            fill_many,
            fill_one,
            names: self.label_symbols(&matching.labels),
            include: self.label_symbols(&matching.include),
            heads: HashMap::new(),
        };
        let plain = (fill_many, fill_one) == (None, None)
            && !left.has_hists()
            && !right.has_hists()
            && !matches!(binary.op, BinaryOp::TrimLower | BinaryOp::TrimUpper);
        let mut index = HashMap::new();
        let mut buffer = vec![ABSENT; steps];
        for group in &groups.0 {
            let (many, one) = if swapped { (&group[1], &group[0]) } else { (&group[0], &group[1]) };
            if one.len() <= 1 && plain && pairing.are_apart(self, many, one) {
                for &row in many {
                    let Some(&partner) = one.first() else { break };
                    let (a, b) = (pairing.many.row(row).values, pairing.one.row(partner).values);
                    let (a, b) = if swapped { (b, a) } else { (a, b) };
                    if columns(binary, a, b, &mut buffer) {
                        let head = pairing.head(self, Some(row), Some(partner));
                        let mut merger = Merger::new(&mut result, index);
                        merger.push(Row { head: &head, values: &buffer, hists: &[] });
                        self.may_collide |= merger.collided;
                        index = merger.index;
                    }
                }
                continue;
            }
            let mut merger = Merger::new(&mut result, index);
            for step in 0..steps {
                pairing.step(self, many, one, step, &mut merger)?;
            }
            self.may_collide |= merger.collided;
            index = merger.index;
        }
        result.drop_empty_rows();
        Ok(result)
    }
}

/// Rows of both sides by match group.
#[derive(Default)]
struct Groups(Vec<[Vec<usize>; 2]>);

/// The operator on two columns of floats; false if nothing is left.
fn columns(binary: &Binary, left: &[f64], right: &[f64], out: &mut [f64]) -> bool {
    fn run(left: &[f64], right: &[f64], out: &mut [f64], f: impl Fn(f64, f64) -> f64) -> bool {
        let mut any = false;
        for ((a, b), slot) in left.iter().zip(right).zip(out) {
            *slot = if is_stale(*a) || is_stale(*b) { ABSENT } else { f(*a, *b) };
            any |= !is_stale(*slot);
        }
        any
    }
    let op = binary.op;
    match op {
        BinaryOp::Add => run(left, right, out, |a, b| a + b),
        BinaryOp::Sub => run(left, right, out, |a, b| a - b),
        BinaryOp::Mul => run(left, right, out, |a, b| a * b),
        BinaryOp::Div => run(left, right, out, |a, b| a / b),
        _ if !op.is_comparison() => run(left, right, out, |a, b| arithmetic(op, a, b)),
        _ if binary.return_bool => {
            run(left, right, out, |a, b| f64::from(u8::from(compares(op, a, b))))
        }
        _ => run(left, right, out, |a, b| if compares(op, a, b) { a } else { ABSENT }),
    }
}

/// Writes an outcome into a cell; `kept` is the sample that a comparison leaves.
fn store(
    matrix: &mut Matrix,
    row: usize,
    step: usize,
    outcome: Outcome,
    return_bool: bool,
    kept: Cell,
) {
    match outcome {
        Outcome::Float(value) => matrix.set(row, step, Cell::Float(value)),
        Outcome::Hist(hist) => matrix.set_hist(row, step, Arc::new(Histogram::from(&hist))),
        Outcome::Left if return_bool => matrix.set(row, step, Cell::Float(1.0)),
        Outcome::Filtered if return_bool => matrix.set(row, step, Cell::Float(0.0)),
        Outcome::Left => matrix.set(row, step, kept),
        Outcome::Filtered | Outcome::Nothing => {}
    }
}

/// Finds rows of a result by their labels, so that what different steps yield becomes one series.
struct Merger<'a> {
    matrix: &'a mut Matrix,
    index: HashMap<LabelSet, usize>,
    /// Two samples met in one cell; both are kept, in rows of the same labels.
    collided: bool,
}

impl<'a> Merger<'a> {
    fn new(matrix: &'a mut Matrix, index: HashMap<LabelSet, usize>) -> Self {
        Self { matrix, index, collided: false }
    }

    /// The row for these labels, with room at the given steps.
    fn row(&mut self, head: &Head, mut taken: impl FnMut(Row) -> bool) -> usize {
        if let Some(&row) = self.index.get(&head.labels) {
            if !taken(self.matrix.row(row)) {
                self.matrix.heads[row].drop_name |= head.drop_name;
                return row;
            }
            self.collided = true;
        }
        let row = self.matrix.push_absent(head.clone());
        self.index.insert(head.labels.clone(), row);
        row
    }

    fn push(&mut self, from: Row) {
        let overlaps = |row: Row| {
            (0..from.values.len()).any(|step| row.is_present(step) && from.is_present(step))
        };
        let row = self.row(from.head, overlaps);
        for step in 0..from.values.len() {
            let cell = from.cell(step);
            if cell.is_present() {
                self.matrix.set(row, step, cell);
            }
        }
    }
}

/// One operator between two vectors. "Many" and "one" are the left and the right side unless
/// `group_right` swaps them.
struct Pairing<'a> {
    binary: &'a Binary,
    matching: &'a VectorMatching,
    swapped: bool,
    many: &'a Matrix,
    one: &'a Matrix,
    fill_many: Option<f64>,
    fill_one: Option<f64>,
    names: Vec<Symbol>,
    include: Vec<Symbol>,
    heads: HashMap<(Option<usize>, Option<usize>), Head>,
}

impl Pairing<'_> {
    /// Labels of the result of a pair; one side may be missing where it is filled.
    fn head(&mut self, evaluator: &Evaluator, many: Option<usize>, one: Option<usize>) -> Head {
        if let Some(head) = self.heads.get(&(many, one)) {
            return head.clone();
        }
        let (matching, names) = (self.matching, &self.names);
        let one_labels = one.map(|row| &self.one.heads[row].labels);
        let drop_pending = many.is_some_and(|row| self.many.heads[row].drop_name);
        let mut result = match many {
            Some(row) => self.many.heads[row].labels.clone(),
            None => {
                let group = one_labels.cloned().unwrap_or_default();
                let kept = labels::retain(&group, |name| names.contains(&name) == matching.on);
                labels::retain(&kept, |name| name != Symbol::METRIC_NAME)
            }
        };
        let compare = keeps_name(self.binary.op);
        if !compare {
            result = evaluator.reserved.strip(&result);
        }
        if matching.cardinality == Cardinality::OneToOne {
            result = labels::retain(&result, |name| names.contains(&name) == matching.on);
        }
        for &name in &self.include {
            let value = one_labels.map_or(Symbol::EMPTY, |labels| labels.get(name));
            result = labels::with(&result, name, value, &evaluator.symbols);
        }
        let drop_name = compare && (self.binary.return_bool || drop_pending);
        let head = Head { labels: result, drop_name };
        self.heads.insert((many, one), head.clone());
        head
    }

    /// Whether no two of the pairs give the same labels, and none may meet in a one-to-one match.
    fn are_apart(&mut self, evaluator: &Evaluator, many: &[usize], one: &[usize]) -> bool {
        if many.len() <= 1 || one.is_empty() {
            return true;
        }
        if self.matching.cardinality == Cardinality::OneToOne {
            return false;
        }
        let mut seen = HashSet::with_capacity(many.len());
        many.iter().all(|row| {
            let head = self.head(evaluator, Some(*row), one.first().copied());
            seen.insert(head.labels)
        })
    }

    fn any_at(matrix: &Matrix, step: usize) -> bool {
        matrix.rows().any(|row| row.is_present(step))
    }

    /// One match group at one step.
    fn step(
        &mut self,
        evaluator: &mut Evaluator,
        many: &[usize],
        one: &[usize],
        step: usize,
        merger: &mut Merger,
    ) -> Result<()> {
        let mut present = one.iter().copied().filter(|row| self.one.row(*row).is_present(step));
        let found = present.next();
        if let (Some(first), Some(second)) = (found, present.next()) {
            // Without a sample on the other side Prometheus does not even look.
            if Self::any_at(self.many, step) || self.fill_many.is_some() {
                return Err(self.many_to_many(evaluator, first, second));
            }
            return Ok(());
        }
        let span = self.binary.span;
        let single = self.matching.cardinality == Cardinality::OneToOne;
        let mut matched: Vec<LabelSet> = Vec::new();
        let mut any = false;
        let one_cell = match (found, self.fill_one) {
            (Some(row), _) => self.one.row(row).cell(step),
            (None, Some(fill)) => Cell::Float(fill),
            (None, None) => return Ok(()),
        };
        for &row in many {
            let cell = self.many.row(row).cell(step);
            if !cell.is_present() {
                continue;
            }
            let head = self.head(evaluator, Some(row), found);
            if single && any {
                return Err(QueryError::Execution(
                    "multiple matches for labels: many-to-one matching must be explicit \
                     (group_left/group_right)"
                        .to_owned(),
                ));
            }
            if !single {
                if matched.contains(&head.labels) {
                    return Err(QueryError::Execution(
                        "multiple matches for labels: grouping labels must ensure unique matches"
                            .to_owned(),
                    ));
                }
                matched.push(head.labels.clone());
            }
            any = true;
            let (left, right) = if self.swapped { (one_cell, cell) } else { (cell, one_cell) };
            let outcome = evaluator.element(self.binary.op, left, right, span);
            self.write(&head, step, outcome, left, merger);
        }
        if let (false, Some(_), Some(fill)) = (any, found, self.fill_many) {
            let head = self.head(evaluator, None, found);
            let fill = Cell::Float(fill);
            let (left, right) = if self.swapped { (one_cell, fill) } else { (fill, one_cell) };
            let outcome = evaluator.element(self.binary.op, left, right, span);
            self.write(&head, step, outcome, left, merger);
        }
        Ok(())
    }

    fn write(&self, head: &Head, step: usize, outcome: Outcome, left: Cell, merger: &mut Merger) {
        let nothing = match outcome {
            Outcome::Nothing => true,
            Outcome::Filtered => !self.binary.return_bool,
            _ => false,
        };
        if !nothing {
            let row = merger.row(head, |row| row.is_present(step));
            store(merger.matrix, row, step, outcome, self.binary.return_bool, left);
        }
    }

    fn many_to_many(&self, evaluator: &Evaluator, first: usize, second: usize) -> QueryError {
        let series = [first, second].map(|row| &self.one.heads[row].labels);
        let (names, on) = (&self.names, self.matching.on);
        let group = labels::retain(series[0], |name| {
            names.contains(&name) == on && (on || name != Symbol::METRIC_NAME)
        });
        let mut shown = series.map(|labels| labels::show(labels, &evaluator.symbols));
        shown.sort();
        let side = if self.swapped { "left" } else { "right" };
        QueryError::Execution(format!(
            "found duplicate series for the match group {} on the {side} hand-side of the \
             operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique \
             on one side",
            labels::show(&group, &evaluator.symbols),
            shown[0],
            shown[1]
        ))
    }
}
