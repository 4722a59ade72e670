//! The front door: takes an expression, a time and a source, and gives back a value.

use std::sync::Arc;

use bongsu_model::{Sample, SampleBuffer, Source};
use bongsu_syntax::{Expr, ExprKind, Extent, MatrixSelector, QueryWindow, SubqueryExpr, ValueType};

use crate::account::{Account, histogram_size};
use crate::annotation::Annotations;
use crate::budget::Budget;
use crate::durations::check_durations;
use crate::error::{QueryError, QueryErrorKind};
use crate::eval::{Evaluated, Evaluator, InvariantRoots, TotalsOnly};
use crate::grid::Grid;
use crate::narrow::narrow;
use crate::number::is_present;
use crate::options::{EngineOptions, QueryContext};
use crate::range::{Samples, shown};
use crate::series::{Cell, Series, Vector};
use crate::value::{MatrixSeries, QueryOutput, SampleValue, Value, VectorSample};

/// Evaluates expressions on threads of its own. One engine serves all queries of a process.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    threads: rayon::ThreadPool,
}

/// Up to this depth evaluation needs no more than a thread's usual stack.
const SHALLOW_DEPTH: usize = 24;

/// Expressions nest, so evaluation recurses; the parser bounds how deep. Only touched pages cost memory.
const STACK_BYTES: usize = 32 << 20;

impl Engine {
    /// An engine with its threads.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(options: EngineOptions) -> Result<Self, QueryError> {
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(options.threads)
            .stack_size(STACK_BYTES)
            .thread_name(|number| format!("promql-{number}"))
            .build()
            .map_err(|error| {
                QueryError::new(QueryErrorKind::Unavailable, format!("cannot start evaluation threads: {error}"))
            })?;
        Ok(Self { options, threads })
    }

    /// The settings.
    #[must_use]
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// The value of an expression at one time.
    ///
    /// # Errors
    /// See [`QueryErrorKind`].
    pub fn instant(
        &self,
        expr: &Expr,
        at_ms: i64,
        source: &dyn Source,
        context: &QueryContext,
    ) -> Result<QueryOutput, QueryError> {
        check_durations(expr, QueryWindow::default())?;
        self.run(expr, context, |expr| {
            let evaluator = self.evaluator(expr, at_ms, at_ms, 0, source, context);
            let value = evaluator.instant_value(expr, at_ms)?;
            evaluator.output(value, Grid::at(at_ms))
        })
    }

    /// The values of an expression at `start_ms`, `start_ms + step_ms` and so on up to `end_ms`.
    ///
    /// # Errors
    /// See [`QueryErrorKind`].
    pub fn range(
        &self,
        expr: &Expr,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
        source: &dyn Source,
        context: &QueryContext,
    ) -> Result<QueryOutput, QueryError> {
        let grid = self.checked_grid(expr, start_ms, end_ms, step_ms)?;
        check_durations(expr, QueryWindow { step_ms, range_ms: end_ms.saturating_sub(start_ms) })?;
        self.run(expr, context, |expr| {
            let evaluator = self.evaluator(expr, start_ms, end_ms, step_ms, source, context);
            let value = evaluator.range_value(expr, grid)?;
            evaluator.output(value, grid)
        })
    }

    /// Evaluates where it is asked for, and on a thread with a deeper stack what nests deep: going to another thread and back takes
    /// longer than most small queries.
    fn run(
        &self,
        expr: &Expr,
        context: &QueryContext,
        evaluate: impl FnOnce(&Expr) -> Result<QueryOutput, QueryError> + Send,
    ) -> Result<QueryOutput, QueryError> {
        // Who counts samples wants those of what was asked for.
        let narrowed = if context.counts_samples { None } else { narrow(expr) };
        let expr = narrowed.as_ref().unwrap_or(expr);
        if nests_deeper_than(expr, SHALLOW_DEPTH) { self.threads.install(|| evaluate(expr)) } else { evaluate(expr) }
    }

    fn checked_grid(&self, expr: &Expr, start_ms: i64, end_ms: i64, step_ms: i64) -> Result<Grid, QueryError> {
        if !matches!(expr.value_type, ValueType::Scalar | ValueType::Vector) {
            return Err(QueryError::bad_data(format!(
                "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                expr.value_type.documented()
            )));
        }
        if step_ms <= 0 {
            return Err(QueryError::bad_data(
                "zero or negative query resolution step widths are not accepted. Try a positive integer",
            ));
        }
        if end_ms < start_ms {
            return Err(QueryError::bad_data("end timestamp must not be before start time"));
        }
        let grid = Grid::new(start_ms, end_ms, step_ms);
        // As Prometheus counts: a point for each whole step, the first point is free.
        if grid.count - 1 > self.options.points_per_series_max {
            let most = crate::number::group_thousands(self.options.points_per_series_max);
            return Err(QueryError::bad_data(format!(
                "exceeded maximum resolution of {most} points per timeseries. Try decreasing the query resolution (?step=XX)"
            )));
        }
        Ok(grid)
    }

    fn evaluator<'q>(
        &'q self,
        expr: &Expr,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
        source: &'q dyn Source,
        context: &QueryContext,
    ) -> Evaluator<'q> {
        let points_max = context.samples_max.unwrap_or(self.options.samples_max);
        let budget = Budget::new(Arc::clone(&context.cancel), context.deadline, points_max);
        Evaluator {
            threads: &self.threads,
            source,
            budget: Arc::new(budget.counted_by(&context.progress)),
            annotations: Annotations::default(),
            invariant: InvariantRoots::of(expr),
            totals: TotalsOnly::of(expr),
            start_ms,
            end_ms,
            now_ms: context.now_ms.unwrap_or(end_ms),
            window: QueryWindow { step_ms, range_ms: end_ms.saturating_sub(start_ms) },
            lookback_ms: context.lookback_ms.unwrap_or(self.options.lookback_ms),
            series_max: context.series_max.unwrap_or(self.options.series_max),
            subquery_default_step_ms: self.options.subquery_default_step_ms,
            label_value_bytes_max: self.options.label_value_bytes_max,
            delayed_name_removal: self.options.delayed_name_removal,
            start_timestamps: self.options.start_timestamps,
            account: context.counts_samples.then(|| Account::new(Grid::new(start_ms, end_ms, step_ms), end_ms)),
        }
    }
}

/// Whether expressions stand within each other more often than this. Left operands do not count: they are followed in a loop.
fn nests_deeper_than(expr: &Expr, depth_max: usize) -> bool {
    let mut todo = vec![(expr, 0)];
    while let Some((expr, depth)) = todo.pop() {
        if depth > depth_max {
            return true;
        }
        let is_binary = matches!(expr.kind, ExprKind::Binary(_));
        let children = expr.children().into_iter().enumerate();
        todo.extend(children.map(|(place, child)| (child, if is_binary && place == 0 { depth } else { depth + 1 })));
    }
    false
}

impl Evaluator<'_> {
    /// The answer, when it is still wanted.
    fn output(&self, value: Value, grid: Grid) -> Result<QueryOutput, QueryError> {
        self.budget.check()?;
        let counts = self.account.as_ref().map(|account| account.counts(grid));
        Ok(QueryOutput { value, annotations: self.annotations.take(), stats: self.budget.stats(), counts })
    }

    fn instant_value(&self, expr: &Expr, at_ms: i64) -> Result<Value, QueryError> {
        let grid = Grid::at(at_ms);
        match &expr.unparen().kind {
            ExprKind::Matrix(matrix) => return self.instant_matrix(matrix, grid),
            ExprKind::Subquery(subquery) => return self.instant_subquery(subquery, grid),
            _ => {}
        }
        Ok(match self.eval(expr, grid)? {
            Evaluated::Scalar(column) => Value::Scalar(Sample { timestamp_ms: at_ms, value: column[0] }),
            Evaluated::String(text) => Value::String { timestamp_ms: at_ms, text },
            Evaluated::Vector(Vector { mut series, .. }) => {
                self.finish(&mut series)?;
                let sample = |series: Series| {
                    let value = match series.cell(0) {
                        Cell::Absent => return None,
                        Cell::Float(value) => SampleValue::Float(value),
                        Cell::Histogram(histogram) => SampleValue::Histogram(histogram),
                    };
                    Some(VectorSample { labels: series.labels, timestamp_ms: at_ms, value })
                };
                Value::Vector(series.into_iter().filter_map(sample).collect())
            }
        })
    }

    /// The stored samples in a range, without stale markers.
    fn instant_matrix(&self, matrix: &MatrixSelector, grid: Grid) -> Result<Value, QueryError> {
        let windows = self.range_windows(matrix, grid)?;
        let set = self.select(&matrix.selector, &windows)?;
        let mut charge = self.budget.charge(0)?;
        let mut all = Vec::new();
        for place in 0..set.len() {
            self.budget.check()?;
            let mut buffer = SampleBuffer::default();
            set.read(place, &mut buffer)?;
            self.budget.count_read(buffer.len())?;
            charge.grow(buffer.len())?;
            let samples = Samples::of(&mut buffer);
            if matrix.selector.extent != Extent::Plain {
                if !samples.histograms.is_empty() {
                    let modifier = match matrix.selector.extent {
                        Extent::Anchored => "anchored",
                        _ => "smoothed",
                    };
                    return Err(QueryError::execution(format!("{modifier} modifier is not supported with histograms")));
                }
                (buffer.timestamps_ms, buffer.values) = shown(matrix.selector.extent, &windows, samples);
            }
            if let Some(account) = &self.account {
                let histograms: u64 = buffer.histograms.iter().map(|(_, histogram)| histogram_size(histogram)).sum();
                account.hold(buffer.timestamps_ms.len() as u64 + histograms);
                account.look_at(0, buffer.timestamps_ms.len() as u64 + histograms);
            }
            if !buffer.is_empty() {
                let SampleBuffer { timestamps_ms, values, histograms, .. } = buffer;
                all.push(MatrixSeries { labels: set.labels(place)?, timestamps_ms, values, histograms });
            }
        }
        Ok(Value::Matrix(all))
    }

    fn instant_subquery(&self, subquery: &SubqueryExpr, grid: Grid) -> Result<Value, QueryError> {
        let evaluation = self.eval_subquery(subquery, grid)?;
        if let Some(account) = &self.account {
            account.look_at(0, evaluation.samples);
        }
        let (inner, inner_grid) = evaluation.into_inner();
        let Vector { mut series, .. } = inner;
        self.finish(&mut series)?;
        Ok(Value::Matrix(matrix(series, inner_grid)))
    }

    fn range_value(&self, expr: &Expr, grid: Grid) -> Result<Value, QueryError> {
        let mut series = match self.eval(expr, grid)? {
            Evaluated::Scalar(column) => vec![Series::new(bongsu_model::Labels::empty(), column.values)],
            Evaluated::Vector(Vector { series, .. }) => series,
            Evaluated::String(_) => return Err(QueryError::bad_data("a string has no range")),
        };
        self.finish(&mut series)?;
        Ok(Value::Matrix(matrix(series, grid)))
    }
}

/// Columns as samples, sorted by labels.
fn matrix(series: Vec<Series>, grid: Grid) -> Vec<MatrixSeries> {
    let mut all: Vec<MatrixSeries> = series.into_iter().filter_map(|one| points(one, grid)).collect();
    all.sort_by(|a, b| a.labels.cmp(&b.labels));
    all
}

fn points(series: Series, grid: Grid) -> Option<MatrixSeries> {
    let Series { labels, values, histograms, .. } = series;
    if values.iter().all(|&value| is_present(value)) {
        return Some(MatrixSeries { labels, timestamps_ms: grid.times_ms().collect(), values, histograms: Vec::new() });
    }
    let histograms: Vec<_> = histograms.iter().map(|(step, one)| (grid.time_ms(step), Arc::clone(one))).collect();
    let times = grid.times_ms().zip(&values).filter(|(_, value)| is_present(**value));
    let timestamps_ms: Vec<i64> = times.map(|(time_ms, _)| time_ms).collect();
    let values: Vec<f64> = values.into_iter().filter(|&value| is_present(value)).collect();
    let is_empty = values.is_empty() && histograms.is_empty();
    (!is_empty).then_some(MatrixSeries { labels, timestamps_ms, values, histograms })
}
