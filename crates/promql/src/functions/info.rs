//! `info(v, {k8s_cluster_name=~".+"})`: adds labels of info series, `target_info` by default, to the series of the same target.
//!
//! Source: Prometheus' documentation of `info`.

use bongsu_model::{Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher};
use bongsu_syntax::{Call, Duration, Expr, ExprKind, Extent, VectorSelector};
use hashbrown::{HashMap, HashSet};

use crate::account::Shape;
use crate::binary::braced;
use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::grid::Grid;
use crate::keys::{KeyNumbers, LabelChoice};
use crate::number::is_present;
use crate::series::{Series, Vector, merge_same_labels};

/// Labels that say which target a series is of.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// What the second argument asks for.
struct Wanted {
    /// Conditions on the info metric's name.
    names: Vec<Matcher>,
    /// Conditions on data labels; only these labels are added, all of them when there is no condition.
    data: Vec<Matcher>,
}

impl Wanted {
    fn of(call: &Call) -> Result<Self, QueryError> {
        let matchers = match call.args.get(1).map(|arg| &arg.unparen().kind) {
            Some(ExprKind::Vector(selector)) => selector.matchers.clone(),
            Some(_) => {
                return Err(QueryError::bad_data("the second argument of info must be label matchers in braces"));
            }
            None => Vec::new(),
        };
        let (mut names, data): (Vec<_>, Vec<_>) =
            matchers.into_iter().partition(|matcher| matcher.name() == METRIC_NAME);
        let picks_some = |matcher: &Matcher| matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex);
        if names.is_empty() {
            names.push(Matcher::equal(METRIC_NAME, "target_info"));
        } else if !names.iter().any(picks_some) {
            let all = Matcher::new(METRIC_NAME, MatchOp::Regex, ".+_info");
            names.push(all.map_err(|error| QueryError::bad_data(error.to_string()))?);
        }
        Ok(Self { names, data })
    }

    fn is_info(&self, labels: &Labels) -> bool {
        self.names.iter().all(|matcher| matcher.matches(labels.metric_name()))
    }

    /// Whether series without a match stay.
    fn is_optional(&self) -> bool {
        self.data.iter().all(Matcher::matches_empty)
    }

    fn takes(&self, label: &str) -> bool {
        label != METRIC_NAME
            && !IDENTIFYING.contains(&label)
            && (self.data.is_empty() || self.data.iter().any(|matcher| matcher.name() == label))
    }

    fn selector(&self) -> VectorSelector {
        let matchers = self.data.iter().chain(&self.names).cloned().collect();
        VectorSelector { name: None, matchers, offset: Duration::ZERO, at: None, extent: Extent::Plain }
    }
}

impl Evaluator<'_> {
    /// Where samples of info series are looked for: where those of the first selector are, though info series are not moved in time
    /// themselves.
    fn info_bounds_ms(&self, arg: &Expr, grid: Grid) -> Result<(i64, i64), QueryError> {
        let mut first: Option<&VectorSelector> = None;
        arg.walk(&mut |expr| first = first.or(expr.selector()));
        let (mut start_ms, mut end_ms) = (grid.start_ms, grid.time_ms(grid.count.saturating_sub(1)));
        if let Some(selector) = first {
            let offset_ms = self.offset_ms(&selector.offset)?;
            if let Some(at) = selector.at {
                (start_ms, end_ms) = (self.at_ms(at), self.at_ms(at));
            }
            (start_ms, end_ms) = (start_ms.saturating_sub(offset_ms), end_ms.saturating_sub(offset_ms));
        }
        Ok((start_ms.saturating_sub(self.lookback_ms).saturating_add(1), end_ms))
    }

    pub(crate) fn info(&self, call: &Call, grid: Grid) -> Result<Vector, QueryError> {
        let wanted = Wanted::of(call)?;
        let base = self.eval_vector(&call.args[0], grid)?;
        let infos = self.sample_times(&wanted.selector(), self.info_bounds_ms(&call.args[0], grid)?, grid)?;
        if let Some(account) = &self.account {
            let shape = Shape::of_series(&infos.series, grid);
            account.selected(&shape, true);
            account.give(shape);
        }
        let mut targets = {
            let known = Identities::of(base.series.iter().filter(|series| !wanted.is_info(&series.labels)));
            Targets::of(&infos.series, &known)
        };
        let mut result = self.vector(Vec::new(), grid)?;
        for step in (0..grid.count).filter(|&step| base.series.iter().any(|series| series.has(step))) {
            self.budget.check()?;
            // Info series that contradict each other are an error also where nobody asks for them.
            targets.groups.iter().try_for_each(|group| newest(group, &infos.series, step).map(|_| ()))?;
        }
        for series in base.series {
            self.budget.check()?;
            if wanted.is_info(&series.labels) {
                result.charge.grow(grid.count)?;
                result.series.push(series);
                continue;
            }
            let before = result.series.len();
            enrich(&series, &wanted, targets.of_series(&series), &infos.series, &mut result.series)?;
            result.charge.grow((result.series.len() - before) * grid.count)?;
        }
        merge_same_labels(&mut result.series)?;
        Ok(result)
    }
}

/// The values of the identifying labels of series, by which of these labels they have.
#[derive(Default)]
struct Identities<'s>(HashMap<[bool; 2], [HashSet<&'s str>; 2]>);

impl<'s> Identities<'s> {
    fn of(all: impl Iterator<Item = &'s Series>) -> Self {
        let mut known = Self::default();
        for series in all {
            let values = identity(&series.labels);
            let group = known.0.entry(values.map(|value| value.is_some())).or_default();
            group.iter_mut().zip(values).for_each(|(set, value)| set.extend(value));
        }
        known.0.remove(&[false; 2]);
        known
    }

    /// Whether an info series can be of any of their targets: some of the series have the same identifying labels, and each value.
    fn allow(&self, info: &Labels) -> bool {
        let values = identity(info);
        self.0.get(&values.map(|value| value.is_some())).is_some_and(|group| {
            group.iter().zip(values).all(|(set, value)| value.is_none_or(|value| set.contains(value)))
        })
    }
}

fn identity(labels: &Labels) -> [Option<&str>; 2] {
    IDENTIFYING.map(|name| labels.get(name))
}

/// Places of info series by the target that they are of.
struct Targets {
    identifying: [String; 2],
    keys: KeyNumbers,
    groups: Vec<Vec<usize>>,
}

impl Targets {
    fn of(infos: &[Series], known: &Identities<'_>) -> Self {
        let mut targets =
            Self { identifying: IDENTIFYING.map(str::to_owned), keys: KeyNumbers::default(), groups: Vec::new() };
        let choice = LabelChoice { names: &targets.identifying, only_these: true };
        for (place, info) in infos.iter().enumerate().filter(|(_, info)| known.allow(&info.labels)) {
            let (number, _) = targets.keys.number(choice, &info.labels);
            targets.groups.resize_with(targets.keys.len(), Vec::new);
            targets.groups[number].push(place);
        }
        targets
    }

    fn of_series(&mut self, series: &Series) -> &[usize] {
        let choice = LabelChoice { names: &self.identifying, only_these: true };
        self.keys.find(choice, &series.labels).map_or(&[][..], |number| &self.groups[number])
    }
}

/// Adds to `results` the series with the labels of its info series: one for each set of labels that it has over time.
fn enrich(
    series: &Series,
    wanted: &Wanted,
    candidates: &[usize],
    infos: &[Series],
    results: &mut Vec<Series>,
) -> Result<(), QueryError> {
    let mut outputs: HashMap<Vec<usize>, usize> = HashMap::new();
    for step in (0..series.values.len()).filter(|&step| series.has(step)) {
        let chosen = newest(candidates, infos, step)?;
        if chosen.is_empty() && !wanted.is_optional() {
            continue;
        }
        let at = match outputs.get(&chosen) {
            Some(&at) => at,
            None => {
                let labels = with_data(&series.labels, wanted, chosen.iter().map(|&place| &infos[place].labels))?;
                let absent = Series::absent(labels, series.values.len());
                results.push(Series { drop_name: series.drop_name, ..absent });
                outputs.insert(chosen, results.len() - 1);
                results.len() - 1
            }
        };
        results[at].set(step, series.cell(step));
    }
    Ok(())
}

/// Of each info metric the series with the newest sample.
fn newest(candidates: &[usize], infos: &[Series], step: usize) -> Result<Vec<usize>, QueryError> {
    let mut chosen: Vec<usize> = Vec::new();
    for &place in candidates.iter().filter(|&&place| is_present(infos[place].values[step])) {
        let rival =
            chosen.iter().position(|&other| infos[other].labels.metric_name() == infos[place].labels.metric_name());
        let Some(at) = rival else {
            chosen.push(place);
            continue;
        };
        let (known, new) = (&infos[chosen[at]], &infos[place]);
        if known.values[step] == new.values[step] {
            return Err(QueryError::execution(format!(
                "found duplicate series for info metric: existing {} @ {}, new {} @ {}",
                braced(&known.labels),
                known.values[step] * 1000.0,
                braced(&new.labels),
                new.values[step] * 1000.0
            )));
        }
        if new.values[step] > known.values[step] {
            chosen[at] = place;
        }
    }
    Ok(chosen)
}

/// The labels with the wanted data labels of info series; what the series has already stays.
fn with_data<'l>(
    base: &Labels,
    wanted: &Wanted,
    infos: impl Iterator<Item = &'l Labels>,
) -> Result<Labels, QueryError> {
    let mut builder = LabelsBuilder::from_labels(base);
    for info in infos {
        for (name, value) in info.iter().filter(|(name, _)| wanted.takes(name) && base.get(name).is_none()) {
            if builder.get(name).is_some_and(|known| known != value) {
                return Err(QueryError::execution(format!("conflicting label: {name}")));
            }
            builder.set(name, value);
        }
    }
    Ok(builder.build())
}
