//! Answers with remarks: kept in pieces, because which step a remark is about is not known. A piece is a fixed stretch of steps that
//! was evaluated by itself; it takes part in an answer as a whole, with all its remarks, or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_promql::{Annotation, QueryError, QueryOutput, Severity, Value};

use super::extent::Extent;
use super::{Plan, RangeQuery};

/// A query is divided into about so many pieces.
const PIECES: i64 = 8;
/// Shorter pieces are not worth their evaluation.
const STEPS_MIN: i64 = 16;
/// With more remarks than this, only the whole query can say which of them are shown.
const REMARKS_MAX: usize = 200;

/// The pieces of the answers to one expression.
#[derive(Clone)]
pub(super) struct Pieces {
    /// Steps of each.
    steps: i64,
    /// By first step.
    known: BTreeMap<i64, Arc<Piece>>,
}

struct Piece {
    extent: Extent,
    remarks: Vec<Annotation>,
}

impl Pieces {
    /// None yet, for queries like this one.
    pub(super) fn for_queries_like(query: &RangeQuery<'_>) -> Self {
        Self { steps: (query.steps() / PIECES).max(STEPS_MIN), known: BTreeMap::new() }
    }

    /// Whether the pieces are neither too many nor too long for a query.
    pub(super) fn fit(&self, query: &RangeQuery<'_>) -> bool {
        let count = query.steps() / self.steps;
        (1..=PIECES * 4).contains(&count)
    }

    /// Forgets what sees samples of `changed_ms` or later.
    pub(super) fn retain_before(&mut self, changed_ms: i64, ahead_ms: i64) {
        self.known.retain(|_, piece| piece.extent.last_ms.saturating_add(ahead_ms) < changed_ms);
    }

    pub(super) fn size_bytes(&self) -> usize {
        let size = |piece: &Arc<Piece>| {
            let remarks = piece.remarks.iter().map(|remark| remark.message.len() + size_of::<Annotation>());
            piece.extent.size_bytes() + remarks.sum::<usize>() + 64
        };
        self.known.values().map(size).sum()
    }

    /// The answer, made of known pieces and of new ones, of which those that are old enough become known. `None` when there are
    /// too many remarks. Also says whether any piece was known.
    pub(super) fn answer(
        &mut self,
        query: &RangeQuery<'_>,
        plan: &Plan,
    ) -> Result<Option<(QueryOutput, bool)>, QueryError> {
        let (mut whole, mut remarks, mut any_known): (Option<Extent>, Vec<Annotation>, bool) =
            (None, Vec::new(), false);
        let mut first_ms = query.start_ms;
        let mut used = BTreeMap::new();
        while first_ms <= query.end_ms {
            let piece = match self.known.get(&first_ms).filter(|piece| piece.extent.last_ms <= query.end_ms) {
                Some(known) => {
                    any_known = true;
                    used.insert(first_ms, Arc::clone(known));
                    Arc::clone(known)
                }
                None => {
                    let (last_ms, is_whole) = self.end_of_piece(query, plan, first_ms);
                    let piece = Arc::new(evaluate(query, first_ms, last_ms)?);
                    if is_whole {
                        used.insert(first_ms, Arc::clone(&piece));
                    }
                    piece
                }
            };
            first_ms = piece.extent.last_ms.saturating_add(query.step_ms);
            remarks.extend(piece.remarks.iter().cloned());
            match &mut whole {
                Some(whole) => whole.append(piece.extent.clone()),
                None => whole = Some(piece.extent.clone()),
            }
        }
        if remarks.len() > REMARKS_MAX {
            return Ok(None);
        }
        // Those outside of this query have been left behind by a range that moves on.
        self.known = used;
        let series = whole.map(|whole| whole.series).unwrap_or_default();
        let stats = query.context.progress.stats();
        Ok(Some((
            QueryOutput { value: Value::Matrix(series), annotations: in_order(remarks), stats, counts: None },
            any_known,
        )))
    }

    /// Where a piece ends that begins at a step, and whether it is one that may be kept: pieces begin at multiples of their length,
    /// so that they are the same when the range moves on. What is too recent is one piece however long.
    fn end_of_piece(&self, query: &RangeQuery<'_>, plan: &Plan, first_ms: i64) -> (i64, bool) {
        let end_ms = query.last_step_before(query.end_ms);
        let length_ms = self.steps.saturating_mul(query.step_ms);
        let phase_ms = query.start_ms.rem_euclid(query.step_ms);
        let into_ms = (first_ms - phase_ms).rem_euclid(length_ms);
        let last_ms = first_ms.saturating_add(length_ms - into_ms - query.step_ms);
        if last_ms > plan.last_kept_ms || last_ms > end_ms {
            return (end_ms, false);
        }
        (last_ms, into_ms == 0)
    }
}

fn evaluate(query: &RangeQuery<'_>, first_ms: i64, last_ms: i64) -> Result<Piece, QueryError> {
    let QueryOutput { value, annotations: remarks, .. } = query.evaluate(first_ms, last_ms)?;
    let series = if let Value::Matrix(series) = value { series } else { Vec::new() };
    Ok(Piece { extent: Extent { first_ms, last_ms, series }, remarks })
}

/// Each remark once, in the order in which the evaluator gives them.
fn in_order(mut remarks: Vec<Annotation>) -> Vec<Annotation> {
    let key = |remark: &Annotation| (remark.severity == Severity::Info, remark.span.start);
    remarks.sort_by(|a, b| {
        key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message)).then_with(|| a.span.end.cmp(&b.span.end))
    });
    remarks.dedup();
    remarks
}
