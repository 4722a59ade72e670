//! Chains of "one series in, one series out": a selector with functions, signs and scalar operators around it.
//!
//! They run batch by batch on the thread that has decoded the samples, so that an aggregation over such a chain never holds
//! more than a few batches of series.

use std::sync::Arc;

use bongsu_model::{FloatHistogram, METRIC_NAME, MatchOp};
use bongsu_syntax::{
    BinaryExpr, BinaryOp, Call, Expr, ExprKind, Extent, FunctionId, UnaryOp, ValueType, VectorSelector,
};
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSliceMut;

use super::select::{Leaf, Reading};
use super::{Evaluated, Evaluator};
use crate::binary::{Arithmetic, Operator};
use crate::error::QueryError;
use crate::functions::{date, math, native};
use crate::grid::Grid;
use crate::number::{ABSENT, is_present};
use crate::range::{RangeCall, keeps_name, matrix_place};
use crate::series::{Cell, Scalar, Series, SharedHistogram, Vector, merge_same_labels, refuse_same_labels};

/// What is not more than this is not worth another thread.
const SERIES_OF_ONE_THREAD: usize = 64;

type ColumnMap<'e> = dyn Fn(&mut [f64]) + Send + Sync + 'e;
type HistogramMap<'e> = dyn Fn(usize, &SharedHistogram) -> Cell + Send + Sync + 'e;

/// Changes a column in place.
pub(crate) struct Stage<'e> {
    map: Box<ColumnMap<'e>>,
    /// What becomes of the histogram at a step; without it, there is none left.
    histograms: Option<Box<HistogramMap<'e>>>,
    pub(super) drops_name: bool,
    /// It may take away samples.
    pub(crate) filters: bool,
}

impl<'e> Stage<'e> {
    /// A function of each value alone.
    pub(crate) fn of_values(f: impl Fn(f64) -> f64 + Send + Sync + 'e) -> Self {
        Self::of_steps(move |_, value| f(value))
    }

    /// A function of each value and the number of its step; it may answer [`ABSENT`].
    pub(crate) fn of_steps(f: impl Fn(usize, f64) -> f64 + Send + Sync + 'e) -> Self {
        let map = move |column: &mut [f64]| {
            for (step, cell) in column.iter_mut().enumerate() {
                if is_present(*cell) {
                    *cell = f(step, *cell);
                }
            }
        };
        Self { map: Box::new(map), histograms: None, drops_name: true, filters: false }
    }

    /// A function of each histogram alone; floats have no such value.
    pub(crate) fn of_histograms(f: impl Fn(&FloatHistogram) -> f64 + Send + Sync + 'e) -> Self {
        let map = |column: &mut [f64]| column.fill(ABSENT);
        Self { filters: true, map: Box::new(map), ..Self::of_values(|value| value) }
            .with_histograms(move |_, histogram| Cell::Float(f(histogram)))
    }

    /// The same for floats; histograms are not lost but mapped.
    fn with_histograms(mut self, f: impl Fn(usize, &SharedHistogram) -> Cell + Send + Sync + 'e) -> Self {
        self.histograms = Some(Box::new(f));
        self
    }

    pub(crate) fn negation() -> Self {
        let floats = Self::of_values(|value| -value);
        floats.with_histograms(|_, histogram| {
            let mut negative = FloatHistogram::clone(histogram);
            negative.multiply(-1.0);
            Cell::of(negative)
        })
    }

    /// An operator with a scalar on one side.
    pub(crate) fn with_scalar(arithmetic: Arithmetic<'e>, scalar: Scalar, scalar_is_left: bool) -> Self {
        let operator = arithmetic.operator;
        let numbers: Arc<[f64]> = scalar.values.into();
        let of_floats = Arc::clone(&numbers);
        let mut stage = match scalar_is_left {
            true => Self::of_steps(move |step, value| operator.apply(of_floats[step], value, value)),
            false => Self::of_steps(move |step, value| operator.apply(value, of_floats[step], value)),
        };
        if operator.trims() {
            stage.map = Box::new(move |column| {
                arithmetic.remark_on_floats(column);
                column.fill(ABSENT);
            });
        }
        stage.filters = operator.filters() || operator.trims();
        stage.drops_name = operator.drops_name();
        // The column of the scalar is charged as long as the stage lives.
        let charge = scalar.charge;
        stage.with_histograms(move |step, histogram| {
            let _charged = &charge;
            let (number, histogram) = (Cell::Float(numbers[step]), Cell::Histogram(Arc::clone(histogram)));
            let (left, right) = if scalar_is_left { (&number, &histogram) } else { (&histogram, &number) };
            arithmetic.apply(left, right, ABSENT)
        })
    }
}

impl Stage<'_> {
    #[cold]
    fn apply_to_histograms(&self, series: &mut Series) {
        let histograms = std::mem::take(&mut series.histograms);
        if let Some(map) = &self.histograms {
            histograms.iter().for_each(|(step, histogram)| series.set(step, map(step, histogram)));
        }
    }
}

/// How an expression looks from outside.
enum Layer<'e> {
    /// A selector, or a function directly on one.
    Leaf,
    /// Something around an expression for which a [`Stage`] can stand.
    Around(&'e Expr),
    /// Anything else.
    Other,
}

impl Evaluator<'_> {
    /// Whether the expression is a selector with stages around it.
    pub(super) fn is_pipeline(&self, expr: &Expr, grid: Grid) -> bool {
        if self.account.is_some() {
            // Each node has a value of its own there.
            return matches!(layer(expr), Layer::Leaf);
        }
        let mut node = expr;
        loop {
            match layer(node) {
                _ if grid.count > 1 && self.invariant.contains(node) => return false,
                Layer::Leaf => return true,
                Layer::Around(inner) => node = inner,
                Layer::Other => return false,
            }
        }
    }

    /// Whether an aggregation may take the series of this pipeline one by one: no two of them may become the same when
    /// their names go.
    pub(crate) fn streams(&self, expr: &Expr, grid: Grid) -> bool {
        if self.account.is_some() || !self.is_pipeline(expr, grid) {
            return false;
        }
        let (mut node, mut names_dropped) = (expr, drops_name(expr));
        while let Layer::Around(inner) = layer(node) {
            node = inner;
            names_dropped |= drops_name(node);
        }
        let selector = match &node.kind {
            ExprKind::Vector(selector) => Some(selector),
            ExprKind::Call(call) => call.args.iter().find_map(selector_of),
            _ => None,
        };
        let pinned = |selector: &VectorSelector| {
            selector.matchers.iter().any(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal)
        };
        self.delayed_name_removal || !names_dropped || selector.is_some_and(pinned)
    }

    /// Runs a pipeline into memory.
    pub(super) fn collect_pipeline(&self, expr: &Expr, grid: Grid) -> Result<Vector, QueryError> {
        let (leaf, stages) = self.pipeline(expr, grid)?;
        let mut all = self.collect(&leaf, &stages, grid)?;
        if !self.delayed_name_removal {
            // Names go once, so the first to take them decides.
            match leaf.joins().or_else(|| stages.iter().any(|stage| stage.drops_name).then_some(true)) {
                Some(true) => merge_same_labels(&mut all.series)?,
                Some(false) => refuse_same_labels(&all.series)?,
                None => {}
            }
        }
        Ok(all)
    }

    /// When each selected series had its last sample, at every step, in seconds. Only samples within the bounds are seen.
    pub(crate) fn sample_times(
        &self,
        selector: &VectorSelector,
        bounds_ms: (i64, i64),
        grid: Grid,
    ) -> Result<Vector, QueryError> {
        let windows = self.instant_windows(selector, grid)?;
        let leaf = Leaf::new(selector, windows, Reading::SampleTime);
        self.collect(&Leaf { bounds_ms: Some(bounds_ms), ..leaf }, &[], grid)
    }

    fn collect(&self, leaf: &Leaf<'_>, stages: &[Stage<'_>], grid: Grid) -> Result<Vector, QueryError> {
        let mut all = self.vector(Vec::new(), grid)?;
        self.scan(leaf, stages, Ok, |batch| {
            all.series.extend(batch.series);
            all.charge.absorb(batch.charge);
            Ok(())
        })?;
        Ok(all)
    }

    /// Runs a pipeline that [`streams`](Self::streams) batch by batch, and tells whether that was right. It was not when series of
    /// different types or units have lost these with their names, so that some may be the same now: what `sink` got is void then.
    pub(crate) fn stream<R: Send>(
        &self,
        expr: &Expr,
        grid: Grid,
        map: impl Fn(Vector) -> Result<R, QueryError> + Sync,
        sink: impl FnMut(R) -> Result<(), QueryError>,
    ) -> Result<bool, QueryError> {
        let (leaf, stages) = self.pipeline(expr, grid)?;
        self.scan(&leaf, &stages, map, sink)?;
        Ok(self.delayed_name_removal || !leaf.lost_types.differ())
    }

    fn pipeline<'e>(&'e self, expr: &'e Expr, grid: Grid) -> Result<(Leaf<'e>, Vec<Stage<'e>>), QueryError> {
        let (mut node, mut stages) = (expr, Vec::new());
        while let Layer::Around(inner) = layer(node) {
            stages.extend(self.stage(node, grid)?);
            node = inner;
        }
        stages.reverse();
        Ok((self.leaf(node, grid)?, stages))
    }

    fn leaf<'e>(&'e self, node: &'e Expr, grid: Grid) -> Result<Leaf<'e>, QueryError> {
        match &node.kind {
            ExprKind::Vector(selector) => {
                let reading = match selector.extent {
                    Extent::Smoothed => Reading::Smoothed { annotations: &self.annotations, span: node.span },
                    _ => Reading::Value,
                };
                Ok(Leaf::new(selector, self.instant_windows(selector, grid)?, reading))
            }
            ExprKind::Call(call) => self.call_leaf(call, grid),
            _ => Err(QueryError::bad_data("expected a selector")),
        }
    }

    pub(super) fn call_leaf<'e>(&'e self, call: &'e Call, grid: Grid) -> Result<Leaf<'e>, QueryError> {
        match call.args.iter().find_map(|arg| leaf_arg(arg)) {
            Some(ExprKind::Matrix(matrix)) => {
                let reading = Reading::Function(self.range_call(call, grid)?);
                Ok(Leaf::new(&matrix.selector, self.range_windows(matrix, grid)?, reading))
            }
            Some(ExprKind::Vector(selector)) => {
                let reading = match call.function.id {
                    FunctionId::StartTimestamp => Reading::StartTimestamp { looked_at: self.start_timestamps },
                    _ => Reading::Timestamp,
                };
                let mut windows = self.instant_windows(selector, grid)?;
                let bounds_ms = windows.bounds_ms();
                if windows.at_ms.is_some() {
                    // Prometheus reads where the offset says, and then forgets it.
                    windows.offset_ms = 0;
                }
                Ok(Leaf { bounds_ms: Some(bounds_ms), ..Leaf::new(selector, windows, reading) })
            }
            _ => Err(QueryError::bad_data("expected a selector")),
        }
    }

    /// The call of a range function with its scalar arguments evaluated.
    pub(super) fn range_call<'e>(&'e self, call: &Call, grid: Grid) -> Result<RangeCall<'e>, QueryError> {
        let scalars = call.args.iter().filter(|arg| arg.value_type == ValueType::Scalar);
        let params = scalars.map(|arg| self.eval_scalar(arg, grid)).collect::<Result<_, _>>()?;
        RangeCall::new(call, params, &self.annotations, &self.budget)
    }

    /// The stage that stands for a node; none for parentheses and plus signs.
    pub(super) fn stage<'e>(&'e self, node: &'e Expr, grid: Grid) -> Result<Option<Stage<'e>>, QueryError> {
        Ok(match &node.kind {
            ExprKind::Unary(unary) if unary.op == UnaryOp::Minus => Some(Stage::negation()),
            ExprKind::Binary(binary) => {
                let scalar_is_left = binary.lhs.value_type == ValueType::Scalar;
                let scalar = if scalar_is_left { &binary.lhs } else { &binary.rhs };
                let Evaluated::Scalar(column) = self.eval(scalar, grid)? else { return Ok(None) };
                Some(Stage::with_scalar(Arithmetic::of(binary, &self.annotations), column, scalar_is_left))
            }
            ExprKind::Call(call) => {
                let stage = self.call_stage(call, grid)?;
                Some(Stage { drops_name: stage.drops_name && !call.keep_name, ..stage })
            }
            _ => None,
        })
    }

    fn call_stage<'e>(&'e self, call: &'e Call, grid: Grid) -> Result<Stage<'e>, QueryError> {
        if let Some(f) = math::function(call.function.id).or_else(|| date::function(call.function.id)) {
            return Ok(Stage::of_values(f));
        }
        if let Some(f) = native::function(call.function.id) {
            return Ok(Stage::of_histograms(f));
        }
        let mut params = Vec::new();
        for arg in &call.args[1..] {
            params.push(self.eval_scalar(arg, grid)?);
        }
        let mut params = params.into_iter();
        Ok(match (call.function.id, params.next(), params.next()) {
            (FunctionId::ClampMin, Some(min), _) => Stage::of_steps(move |step, value| math::max(min[step], value)),
            (FunctionId::ClampMax, Some(max), _) => Stage::of_steps(move |step, value| math::min(max[step], value)),
            (FunctionId::Clamp, Some(min), Some(max)) => {
                let mut stage = Stage::of_steps(move |step, value| {
                    if max[step] < min[step] { ABSENT } else { math::max(min[step], math::min(max[step], value)) }
                });
                stage.filters = true;
                stage
            }
            (FunctionId::Round, Some(to), _) => Stage::of_steps(move |step, value| math::round_to(value, to[step])),
            (FunctionId::Round, ..) => Stage::of_values(|value| math::round_to(value, 1.0)),
            // What was calculated has no start.
            (FunctionId::StartTimestamp, ..) => Stage { filters: true, ..Stage::of_values(|_| ABSENT) },
            // What is left is `timestamp` of a vector that was calculated just now.
            _ => Stage::of_steps(move |step, _| grid.time_ms(step) as f64 / 1000.0)
                .with_histograms(move |step, _| Cell::Float(grid.time_ms(step) as f64 / 1000.0)),
        })
    }

    /// A stage on series that are in memory already.
    pub(crate) fn apply(&self, stage: &Stage<'_>, mut vector: Vector) -> Result<Vector, QueryError> {
        let may_vanish = stage.filters || vector.series.iter().any(|series| !series.histograms.is_empty());
        let work = |chunk: &mut [Series]| {
            let mut pace = self.budget.pace();
            for series in chunk {
                pace.advance(series.values.len())?;
                self.apply_to(stage, series);
            }
            Ok::<(), QueryError>(())
        };
        match vector.series.len() {
            0..=SERIES_OF_ONE_THREAD => work(&mut vector.series)?,
            _ => self.threads.install(|| vector.series.par_chunks_mut(SERIES_OF_ONE_THREAD).try_for_each(work))?,
        }
        if may_vanish {
            vector.series.retain(|series| !series.is_absent());
        }
        if stage.drops_name && !self.delayed_name_removal {
            merge_same_labels(&mut vector.series)?;
        }
        Ok(vector)
    }

    pub(super) fn apply_to(&self, stage: &Stage<'_>, series: &mut Series) {
        (stage.map)(&mut series.values);
        if !series.histograms.is_empty() {
            stage.apply_to_histograms(series);
        }
        if stage.drops_name {
            self.drop_name(series);
        }
    }
}

/// Whether [`Evaluator::stage`] stands for the call.
pub(super) fn is_stage(expr: &Expr) -> bool {
    matches!(layer(expr), Layer::Around(_))
}

fn layer(expr: &Expr) -> Layer<'_> {
    match &expr.kind {
        ExprKind::Vector(_) => Layer::Leaf,
        ExprKind::Paren(inner) if inner.value_type == ValueType::Vector => Layer::Around(inner),
        ExprKind::Unary(unary) if unary.expr.value_type == ValueType::Vector => Layer::Around(&unary.expr),
        ExprKind::Binary(binary) => binary_layer(binary),
        ExprKind::Call(call) => call_layer(call),
        _ => Layer::Other,
    }
}

/// Whether a layer of a pipeline takes the metric's name away.
fn drops_name(node: &Expr) -> bool {
    match &node.kind {
        ExprKind::Unary(unary) => unary.op == UnaryOp::Minus,
        ExprKind::Binary(binary) => Operator::of(binary).drops_name(),
        ExprKind::Call(call) => !call.keep_name && !keeps_name(call.function.id),
        _ => false,
    }
}

fn binary_layer(binary: &BinaryExpr) -> Layer<'_> {
    if binary.op.is_set() || binary.op.is_presence() || matches!(binary.op, BinaryOp::TrimLower | BinaryOp::TrimUpper) {
        return Layer::Other;
    }
    match (binary.lhs.value_type, binary.rhs.value_type) {
        (ValueType::Vector, ValueType::Scalar) => Layer::Around(&binary.lhs),
        (ValueType::Scalar, ValueType::Vector) => Layer::Around(&binary.rhs),
        _ => Layer::Other,
    }
}

fn call_layer(call: &Call) -> Layer<'_> {
    use FunctionId as F;
    let id = call.function.id;
    if id == F::AbsentOverTime {
        return Layer::Other;
    }
    if matrix_place(call).is_some() || matches!(id, F::Timestamp | F::StartTimestamp) {
        let on_selector = call.args.iter().any(|arg| leaf_arg(arg).is_some());
        return match (on_selector, id) {
            (true, _) => Layer::Leaf,
            (false, F::Timestamp | F::StartTimestamp) => Layer::Around(&call.args[0]),
            (false, _) => Layer::Other,
        };
    }
    let per_value = math::function(id).is_some() || (date::function(id).is_some() && !call.args.is_empty());
    if per_value || native::function(id).is_some() || matches!(id, F::Clamp | F::ClampMax | F::ClampMin | F::Round) {
        return Layer::Around(&call.args[0]);
    }
    Layer::Other
}

/// The selector that an argument is, parentheses opened.
fn leaf_arg(arg: &Expr) -> Option<&ExprKind> {
    let kind = &arg.unparen().kind;
    matches!(kind, ExprKind::Vector(_) | ExprKind::Matrix(_)).then_some(kind)
}

/// The selector inside an argument.
fn selector_of(arg: &Expr) -> Option<&VectorSelector> {
    match leaf_arg(arg)? {
        ExprKind::Vector(selector) => Some(selector),
        ExprKind::Matrix(matrix) => Some(&matrix.selector),
        _ => None,
    }
}
