//! `union` of MetricsQL: the series of all arguments.

use bongsu_model::Labels;
use bongsu_syntax::Call;
use hashbrown::HashMap;

use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::grid::Grid;
use crate::series::Vector;

impl Evaluator<'_> {
    /// Of series with equal labels, the name included, that of the first argument that has a sample at a step counts there.
    pub(crate) fn union(&self, call: &Call, grid: Grid) -> Result<Vector, QueryError> {
        let mut all = self.vector(Vec::new(), grid)?;
        let mut places: HashMap<(Labels, bool), usize> = HashMap::new();
        for arg in &call.args {
            let vector = self.eval_vector(arg, grid)?;
            all.charge.absorb(vector.charge);
            for series in vector.series {
                self.budget.check()?;
                match places.entry((series.labels.clone(), series.drop_name)) {
                    hashbrown::hash_map::Entry::Vacant(vacant) => {
                        vacant.insert(all.series.len());
                        all.series.push(series);
                    }
                    hashbrown::hash_map::Entry::Occupied(place) => all.series[*place.get()].fill_from(&series),
                }
            }
        }
        Ok(all)
    }
}
