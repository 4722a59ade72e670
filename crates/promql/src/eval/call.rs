//! Function calls: which function gets what.

use bongsu_model::Labels;
use bongsu_syntax::{Call, Expr, ExprKind, FunctionId};

use super::pipeline::is_stage;
use super::{Evaluated, Evaluator};
use crate::error::QueryError;
use crate::functions::{LabelChange, LabelEdit, date, math, presence};
use crate::grid::Grid;
use crate::number::{ABSENT, is_present};
use crate::range::matrix_place;
use crate::series::{Scalar, Series, Vector};

impl Evaluator<'_> {
    pub(super) fn eval_call(&self, node: &Expr, call: &Call, grid: Grid) -> Result<Evaluated, QueryError> {
        use FunctionId as F;
        let seconds = |ms: i64| ms as f64 / 1000.0;
        let constant = |value: f64| self.constant(value, grid).map(Evaluated::Scalar);
        match call.function.id {
            F::Time => return self.scalar(grid.times_ms().map(seconds), grid).map(Evaluated::Scalar),
            F::Pi => return constant(std::f64::consts::PI),
            F::Step => return constant(seconds(self.window.step_ms)),
            F::Range => return constant(seconds(self.window.range_ms)),
            F::Start => return constant(seconds(self.start_ms)),
            F::End => return constant(seconds(self.end_ms)),
            F::Now => return constant(seconds(self.now_ms)),
            F::MinOf => return self.eval_pair(call, grid, math::min),
            F::MaxOf => return self.eval_pair(call, grid, math::max),
            F::Scalar => return self.eval_only_value(&call.args[0], grid).map(Evaluated::Scalar),
            _ => {}
        }
        let vector = if call.function.id == F::AbsentOverTime {
            let present = self.presence_over_time(call, grid)?;
            self.absence(&call.args[0], &present, grid)
        } else if let Some(place) = matrix_place(call) {
            self.eval_range_call(call, &call.args[place], grid)
        } else if is_stage(node) {
            let vector = self.eval_vector(&call.args[0], grid)?;
            match self.stage(node, grid)? {
                Some(stage) => self.apply(&stage, vector),
                None => Ok(vector),
            }
        } else {
            self.eval_vector_call(node, call, grid)
        };
        vector.map(Evaluated::Vector)
    }

    /// A function of two scalars.
    fn eval_pair(&self, call: &Call, grid: Grid, f: fn(f64, f64) -> f64) -> Result<Evaluated, QueryError> {
        let (mut left, right) = (self.eval_scalar(&call.args[0], grid)?, self.eval_scalar(&call.args[1], grid)?);
        left.values.iter_mut().zip(&*right).for_each(|(left, &right)| *left = f(*left, right));
        Ok(Evaluated::Scalar(left))
    }

    /// `scalar`: the value of the only series; NaN when there is none or more than one.
    fn eval_only_value(&self, arg: &Expr, grid: Grid) -> Result<Scalar, QueryError> {
        let vector = self.eval_vector(arg, grid)?;
        let mut scalar = self.constant(ABSENT, grid)?;
        for series in &vector.series {
            for (cell, &value) in scalar.values.iter_mut().zip(&series.values) {
                if is_present(value) {
                    *cell = if is_present(*cell) { f64::NAN } else { value };
                }
            }
        }
        scalar.values.iter_mut().filter(|cell| !is_present(**cell)).for_each(|cell| *cell = f64::NAN);
        Ok(scalar)
    }

    /// Functions that look at all series of a vector, or make one.
    fn eval_vector_call(&self, node: &Expr, call: &Call, grid: Grid) -> Result<Vector, QueryError> {
        use FunctionId as F;
        let args = &call.args;
        let argument = |place: usize| self.eval_vector(&args[place], grid);
        match call.function.id {
            F::Vector => {
                let Scalar { values, charge } = self.eval_scalar(&args[0], grid)?;
                Ok(Vector { series: vec![Series::new(Labels::empty(), values)], charge })
            }
            F::Absent => {
                let vector = argument(0)?;
                self.absence(&args[0], &presence(&vector.series, grid.count), grid)
            }
            F::Sort | F::SortDesc | F::SortByLabel | F::SortByLabelDesc => self.eval_sort(node, call, grid),
            F::LabelReplace | F::LabelJoin => self.edit_labels(argument(0)?, &self.label_edit(call)?),
            F::Info => self.info(call, grid),
            F::Union => self.union(call, grid),
            F::HistogramQuantile => {
                let quantiles = self.eval_scalar(&args[0], grid)?;
                let [first, second] = [0, 1].map(|place: usize| args[place].unparen().span);
                self.histogram_quantile((&*quantiles, first), &argument(1)?, second, grid)
            }
            F::HistogramFraction => {
                let (lower, upper) = (self.eval_scalar(&args[0], grid)?, self.eval_scalar(&args[1], grid)?);
                self.histogram_fraction((&*lower, &*upper), &argument(2)?, args[2].unparen().span, grid)
            }
            F::HistogramQuantiles => {
                let label = self.eval_string(&args[1])?;
                let mut quantiles = Vec::new();
                for arg in &args[2..] {
                    quantiles.push((self.eval_scalar(arg, grid)?, arg.unparen().span));
                }
                self.histogram_quantiles(&argument(0)?, args[0].unparen().span, &label, &quantiles, grid)
            }
            _ if LabelChange::is_for(call) => {
                let texts = self.strings(&args[1..])?;
                self.change_labels(argument(0)?, &LabelChange::of(call.function, texts)?)
            }
            id => match (date::function(id), args.is_empty()) {
                (Some(part), true) => {
                    let column = grid.times_ms().map(|time_ms| part(time_ms as f64 / 1000.0)).collect();
                    self.vector(vec![Series::new(Labels::empty(), column)], grid)
                }
                _ => Err(QueryError::bad_data(format!("function {} is not supported", call.function.name))),
            },
        }
    }

    fn eval_sort(&self, node: &Expr, call: &Call, grid: Grid) -> Result<Vector, QueryError> {
        use FunctionId as F;
        let mut vector = self.eval_vector(&call.args[0], grid)?;
        if matches!(call.function.id, F::Sort | F::SortDesc) {
            // Histograms have no order.
            vector.series.iter_mut().for_each(Series::remove_histograms);
            vector.series.retain(|series| !series.is_absent());
        }
        // A range of one step only is a range, too.
        let is_range = self.start_ms != self.end_ms && grid.step_ms == self.window.step_ms;
        if grid.count != 1 || is_range {
            self.annotations.sort_ineffective(node.span);
            return Ok(vector);
        }
        let names = self.strings(&call.args[1..])?;
        Ok(match call.function.id {
            F::Sort => self.sort_by_value(vector, false),
            F::SortDesc => self.sort_by_value(vector, true),
            F::SortByLabel => self.sort_by_label(vector, &names, false),
            _ => self.sort_by_label(vector, &names, true),
        })
    }

    fn strings(&self, args: &[Expr]) -> Result<Vec<String>, QueryError> {
        args.iter().map(|arg| self.eval_string(arg)).collect()
    }

    fn label_edit(&self, call: &Call) -> Result<LabelEdit, QueryError> {
        let mut texts = self.strings(&call.args[1..])?;
        if call.function.id == FunctionId::LabelJoin {
            let sources = texts.split_off(2);
            let [target, separator] = <[String; 2]>::try_from(texts).unwrap_or_default();
            return LabelEdit::join(target, separator, sources);
        }
        let [target, replacement, source, pattern] = <[String; 4]>::try_from(texts).unwrap_or_default();
        LabelEdit::replace(target, replacement, source, &pattern)
    }

    /// At which steps a range vector has any sample.
    fn presence_over_time(&self, call: &Call, grid: Grid) -> Result<Vec<bool>, QueryError> {
        if let ExprKind::Subquery(_) = &call.args[0].unparen().kind {
            let vector = self.eval_range_call(call, &call.args[0], grid)?;
            return Ok(presence(&vector.series, grid.count));
        }
        let mut all = vec![false; grid.count];
        let leaf = self.call_leaf(call, grid)?;
        self.scan(
            &leaf,
            &[],
            |batch| Ok(presence(&batch.series, grid.count)),
            |present| {
                all.iter_mut().zip(present).for_each(|(seen, one)| *seen |= one);
                Ok(())
            },
        )?;
        Ok(all)
    }
}
