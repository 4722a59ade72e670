//! Kept answers to range queries: a panel that is drawn anew every few seconds has only its last steps calculated.
//!
//! ```text
//! query ─► may it be kept? ─► the kept stretch, cut back to what has not changed since
//!                             ├─ before it: evaluated
//!                             ├─ itself:    copied
//!                             └─ after it:  evaluated ─► kept, but for the recent steps
//! ```
//!
//! A kept answer never makes an answer differ. Kept are only values that depend on nothing but their time and the samples up to
//! it ([`reach`]), and only until one of these samples changes, which the store records. An answer with remarks is kept in
//! [`pieces`].

mod extent;
mod pieces;
mod reach;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bongsu_model::TenantId;
use bongsu_promql::{Engine, QueryContext, QueryError, QueryOutput, Value};
use bongsu_syntax::Expr;
use bongsu_tsdb::Reader;
use parking_lot::Mutex;

use crate::metrics;
use extent::Extent;
use pieces::Pieces;
use reach::{Habits, Reach};

/// The most steps of one kept answer; of more, those of the last query are kept.
const STEPS_MAX: i64 = 11_001;
/// One answer may take this part of the memory.
const SHARE: usize = 4;
/// What an entry takes beside its answer and its text.
const ENTRY_BYTES: usize = 256;

/// The answers, bounded in bytes; those that were not asked for the longest go first.
pub(crate) struct Cache {
    bytes_max: usize,
    /// Steps that see samples newer than so long ago are not kept: these may still change.
    recent_ms: i64,
    kept: Mutex<Kept>,
}

/// A range query.
pub(crate) struct RangeQuery<'q> {
    pub(crate) engine: &'q Engine,
    pub(crate) expr: &'q Expr,
    /// What the expression was parsed from: remarks point into it.
    pub(crate) text: &'q str,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) step_ms: i64,
    pub(crate) reader: &'q Reader,
    pub(crate) context: &'q QueryContext,
    /// The time of day.
    pub(crate) now_ms: i64,
}

/// What answers have in common that may be parts of each other.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    /// Printed from the tree, so that spaces make no difference.
    text: String,
    step_ms: i64,
    /// The start of the query within a step.
    phase_ms: i64,
    lookback_ms: i64,
}

#[derive(Clone)]
enum Answer {
    /// True for samples as they were at `mark`.
    Steps { extent: Arc<Extent>, mark: u64 },
    /// Had remarks the last time. Places in this text, true for samples as they were at `mark`.
    Remarked { pieces: Pieces, text: Arc<str>, mark: u64 },
}

#[derive(Default)]
struct Kept {
    answers: HashMap<Arc<Key>, Entry>,
    /// By when they were asked for.
    order: BTreeMap<u64, Arc<Key>>,
    last: u64,
    bytes: usize,
}

struct Entry {
    answer: Answer,
    bytes: usize,
    used: u64,
}

/// What can be kept of one query.
struct Plan {
    reach: Reach,
    key: Arc<Key>,
    /// The last step that is kept.
    last_kept_ms: i64,
    /// Where the samples are recorded from that this query's answer is made of.
    mark: u64,
}

impl Cache {
    /// A cache of so many bytes; none when there are no bytes.
    pub(crate) fn new(bytes_max: usize, recent_ms: i64) -> Option<Self> {
        (bytes_max > 0).then(|| Self { bytes_max, recent_ms, kept: Mutex::default() })
    }

    /// The answer to a range query, made of a kept one as far as there is one.
    pub(crate) fn range(&self, query: &RangeQuery<'_>) -> Result<QueryOutput, QueryError> {
        let Some(plan) = self.plan(query) else {
            count("bypass");
            return query.evaluate(query.start_ms, query.end_ms);
        };
        let answer = self.kept.lock().get(&plan.key);
        let known = match answer {
            Some(Answer::Remarked { pieces, text, mark }) if *text == *query.text && pieces.fit(query) => {
                return self.range_of_pieces(query, &plan, pieces, mark);
            }
            Some(Answer::Steps { extent, mark }) => {
                let changed_ms = query.reader.changed_since(mark);
                let is_true = plan.reach.until_ms < changed_ms;
                // The last step that sees nothing of what has changed.
                let last_ms = changed_ms.saturating_sub(1).saturating_sub(plan.reach.ahead_ms);
                is_true.then_some((extent, last_ms))
            }
            _ => None,
        };
        let usable =
            known.as_ref().and_then(|(extent, last_ms)| extent.slice(query.start_ms, query.end_ms.min(*last_ms)));
        let Some(usable) = usable else {
            count("miss");
            let output = query.evaluate(query.start_ms, query.end_ms)?;
            self.keep_output(query, &plan, &output);
            return Ok(output);
        };
        self.complete(query, &plan, usable, known)
    }

    /// Evaluates what is missing before and after the usable part.
    fn complete(
        &self,
        query: &RangeQuery<'_>,
        plan: &Plan,
        usable: Extent,
        known: Option<(Arc<Extent>, i64)>,
    ) -> Result<QueryOutput, QueryError> {
        let step_ms = query.step_ms;
        let (first_ms, last_ms) = (usable.first_ms, query.last_step_before(usable.last_ms));
        let mut whole: Option<Extent> = None;
        let mut add = |part: Extent| match &mut whole {
            Some(whole) => whole.append(part),
            None => whole = Some(part),
        };
        if first_ms > query.start_ms {
            let Some(head) = query.part(query.start_ms, first_ms - step_ms)? else { return self.remarked(query, plan) };
            add(head);
        }
        add(Extent { last_ms, ..usable });
        let is_hit = first_ms == query.start_ms && last_ms.saturating_add(step_ms) > query.end_ms;
        if last_ms.saturating_add(step_ms) <= query.end_ms {
            let Some(tail) = query.part(last_ms + step_ms, query.end_ms)? else { return self.remarked(query, plan) };
            add(tail);
        }
        count(if is_hit { "hit" } else { "partial" });
        let whole = whole.unwrap_or(Extent { first_ms, last_ms, series: Vec::new() });
        if !is_hit {
            self.keep(plan, &whole, known, step_ms);
        }
        Ok(QueryOutput {
            value: Value::Matrix(whole.series),
            annotations: Vec::new(),
            stats: query.context.progress.stats(),
            counts: None,
        })
    }

    /// A part had remarks: whether the whole has is only known from the whole.
    fn remarked(&self, query: &RangeQuery<'_>, plan: &Plan) -> Result<QueryOutput, QueryError> {
        count("miss");
        self.keep_pieces(query, plan, Pieces::for_queries_like(query));
        query.evaluate(query.start_ms, query.end_ms)
    }

    /// The answer with its remarks.
    fn range_of_pieces(
        &self,
        query: &RangeQuery<'_>,
        plan: &Plan,
        mut pieces: Pieces,
        mark: u64,
    ) -> Result<QueryOutput, QueryError> {
        let changed_ms = query.reader.changed_since(mark);
        let is_true = plan.reach.until_ms < changed_ms;
        pieces.retain_before(if is_true { changed_ms } else { i64::MIN }, plan.reach.ahead_ms);
        let Some((output, any_known)) = pieces.answer(query, plan)? else {
            count("bypass");
            return query.evaluate(query.start_ms, query.end_ms);
        };
        count(if any_known { "partial" } else { "miss" });
        self.keep_pieces(query, plan, pieces);
        Ok(output)
    }

    fn keep_pieces(&self, query: &RangeQuery<'_>, plan: &Plan, pieces: Pieces) {
        let bytes = pieces.size_bytes() + query.text.len();
        self.put(&plan.key, Answer::Remarked { pieces, text: query.text.into(), mark: plan.mark }, bytes);
    }

    /// What this query may take from the cache and leave there.
    fn plan(&self, query: &RangeQuery<'_>) -> Option<Plan> {
        let lookback_ms = query.context.lookback_ms.unwrap_or(query.engine.options().lookback_ms);
        let reach = Reach::of(query.expr, Habits { step_ms: query.step_ms, lookback_ms })?;
        // What the retention is about to take changes by the clock alone.
        let oldest_ms = query.start_ms.saturating_sub(reach.behind_ms).min(reach.from_ms);
        if oldest_ms <= query.reader.oldest_ms() {
            return None;
        }
        let settled_ms = query.now_ms.saturating_sub(self.recent_ms);
        let last_kept_ms = query.last_step_before(settled_ms.saturating_sub(reach.ahead_ms).min(query.end_ms));
        if last_kept_ms < query.start_ms || reach.until_ms > settled_ms {
            return None;
        }
        // Before anything is read.
        let mark = query.reader.rely_until(last_kept_ms.saturating_add(reach.ahead_ms).max(reach.until_ms))?;
        let key = Key {
            tenant: query.reader.tenant().clone(),
            text: query.expr.to_string(),
            step_ms: query.step_ms,
            phase_ms: query.start_ms.rem_euclid(query.step_ms),
            lookback_ms,
        };
        Some(Plan { reach, key: Arc::new(key), last_kept_ms, mark })
    }

    fn keep_output(&self, query: &RangeQuery<'_>, plan: &Plan, output: &QueryOutput) {
        let Value::Matrix(series) = &output.value else { return };
        if !output.annotations.is_empty() {
            self.keep_pieces(query, plan, Pieces::for_queries_like(query));
            return;
        }
        // Not after the last step of the query.
        if let Some(extent) = extent::slice(series, query.start_ms, plan.last_kept_ms) {
            self.put_steps(plan, extent);
        }
    }

    /// Keeps the steps of a query that are old enough, and with them what was known before and after them.
    fn keep(&self, plan: &Plan, whole: &Extent, known: Option<(Arc<Extent>, i64)>, step_ms: i64) {
        let Some(middle) = whole.slice(i64::MIN, plan.last_kept_ms) else { return };
        let Some((known, known_last_ms)) = known else { return self.put_steps(plan, middle) };
        let known_last_ms = known_last_ms.min(known.last_ms);
        let first_ms = known.first_ms.min(middle.first_ms);
        let last_ms = known_last_ms.max(middle.last_ms);
        if (last_ms - first_ms) / step_ms >= STEPS_MAX {
            return self.put_steps(plan, middle);
        }
        let (from_ms, to_ms) = (middle.first_ms, middle.last_ms);
        let mut all = match known.slice(i64::MIN, from_ms.saturating_sub(1)) {
            Some(mut before) => {
                before.append(middle);
                before
            }
            None => middle,
        };
        // There may be a gap when the clock was set back and less is old enough than the last time.
        if known.first_ms <= to_ms.saturating_add(step_ms)
            && let Some(after) = known.slice(to_ms.saturating_add(1), known_last_ms)
        {
            all.append(after);
        }
        self.put_steps(plan, all);
    }

    fn put_steps(&self, plan: &Plan, extent: Extent) {
        let bytes = extent.size_bytes();
        self.put(&plan.key, Answer::Steps { extent: Arc::new(extent), mark: plan.mark }, bytes);
    }

    fn put(&self, key: &Arc<Key>, answer: Answer, answer_bytes: usize) {
        let bytes = answer_bytes + key.text.len() + ENTRY_BYTES;
        let mut kept = self.kept.lock();
        kept.remove(key);
        if bytes <= self.bytes_max / SHARE {
            kept.insert(Arc::clone(key), answer, bytes);
            while kept.bytes > self.bytes_max {
                let Some(oldest) = kept.order.first_key_value().map(|(_, key)| Arc::clone(key)) else { break };
                kept.remove(&oldest);
                metrics::QUERY_CACHE_EVICTIONS.inc();
            }
        }
        metrics::QUERY_CACHE_BYTES.set(i64::try_from(kept.bytes).unwrap_or(i64::MAX));
    }
}

impl Kept {
    /// An answer; it counts as asked for.
    fn get(&mut self, key: &Key) -> Option<Answer> {
        self.last += 1;
        let entry = self.answers.get_mut(key)?;
        let key = self.order.remove(&entry.used)?;
        entry.used = self.last;
        self.order.insert(self.last, key);
        Some(entry.answer.clone())
    }

    fn insert(&mut self, key: Arc<Key>, answer: Answer, bytes: usize) {
        self.last += 1;
        self.bytes += bytes;
        self.order.insert(self.last, Arc::clone(&key));
        self.answers.insert(key, Entry { answer, bytes, used: self.last });
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.answers.remove(key) {
            self.bytes -= entry.bytes;
            self.order.remove(&entry.used);
        }
    }
}

impl RangeQuery<'_> {
    fn evaluate(&self, start_ms: i64, end_ms: i64) -> Result<QueryOutput, QueryError> {
        self.engine.range(self.expr, start_ms, end_ms, self.step_ms, self.reader, self.context)
    }

    /// Some steps of the query; `None` when there are remarks.
    fn part(&self, first_ms: i64, end_ms: i64) -> Result<Option<Extent>, QueryError> {
        let output = self.evaluate(first_ms, end_ms)?;
        let last_ms = self.last_step_before(end_ms);
        Ok(match output.value {
            Value::Matrix(series) if output.annotations.is_empty() => Some(Extent { first_ms, last_ms, series }),
            _ => None,
        })
    }

    /// How many steps there are, about.
    fn steps(&self) -> i64 {
        self.end_ms.saturating_sub(self.start_ms) / self.step_ms + 1
    }

    /// The last step of the query's grid at a time or before it; it may lie before the query.
    fn last_step_before(&self, time_ms: i64) -> i64 {
        let phase_ms = self.start_ms.rem_euclid(self.step_ms);
        time_ms.saturating_sub(time_ms.saturating_sub(phase_ms).rem_euclid(self.step_ms))
    }
}

fn count(result: &'static str) {
    metrics::QUERY_CACHE.add([result], 1);
}
