//! In which order blocks go when they are beyond the size.

use std::collections::HashMap;

use bongsu_model::TenantId;

use super::Candidate;

/// The oldest samples first, and those of a time before their buckets. But a block never goes before one that was written
/// earlier and has samples of the same times: values that it has replaced would show again.
pub(super) fn sort(all: &mut Vec<Candidate>) {
    let mut by_tenant: HashMap<TenantId, Vec<Candidate>> = HashMap::new();
    for one in all.drain(..) {
        by_tenant.entry(one.tenant.id.clone()).or_default().push(one);
    }
    let mut ranked = Vec::new();
    for candidates in by_tenant.into_values() {
        // They are in order of writing.
        let ranges: Vec<_> = candidates.iter().map(Candidate::range).collect();
        let ranks = ranks(&ranges);
        ranked.extend(candidates.into_iter().enumerate().map(|(place, one)| {
            let resolution_secs = one.block.name.resolution_secs;
            ((ranks[place], resolution_secs, one.tenant.id.clone(), place), one)
        }));
    }
    ranked.sort_by(|a, b| a.0.cmp(&b.0));
    all.extend(ranked.into_iter().map(|(_, one)| one));
}

/// Whether the second block may have replaced values of the first one.
pub(super) fn is_written_over(older: &Candidate, newer: &Candidate) -> bool {
    older.tenant.id == newer.tenant.id
        && older.block.name.last_flush <= newer.block.name.last_flush
        && older.range().overlaps(&newer.range())
}

impl Candidate {
    fn range(&self) -> Range {
        let meta = self.block.block.meta();
        let resolution_secs = self.block.name.resolution_secs;
        Range { min_ms: meta.min_time_ms, max_ms: meta.max_time_ms, resolution_secs }
    }
}

/// The times that a block has samples, or buckets, of.
#[derive(Clone, Copy)]
struct Range {
    min_ms: i64,
    max_ms: i64,
    resolution_secs: u32,
}

impl Range {
    fn overlaps(&self, other: &Self) -> bool {
        self.resolution_secs == other.resolution_secs && self.min_ms <= other.max_ms && other.min_ms <= self.max_ms
    }
}

/// For each of the blocks of a tenant, in order of writing, the time of the newest sample that has to go before it or with it.
fn ranks(ranges: &[Range]) -> Vec<i64> {
    let mut ranks: Vec<i64> = Vec::with_capacity(ranges.len());
    for (place, range) in ranges.iter().enumerate() {
        let before = ranges[..place].iter().zip(&ranks).filter(|(other, _)| other.overlaps(range));
        ranks.push(before.map(|(_, rank)| *rank).fold(range.max_ms, i64::max));
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks_of(ranges: &[(i64, i64, u32)]) -> Vec<i64> {
        let range = |&(min_ms, max_ms, resolution_secs): &_| Range { min_ms, max_ms, resolution_secs };
        ranks(&ranges.iter().map(range).collect::<Vec<_>>())
    }

    #[test]
    fn a_block_waits_for_those_that_it_wrote_over_and_for_what_they_wait_for() {
        assert_eq!(ranks_of(&[(0, 10, 0), (20, 30, 0), (40, 50, 0)]), [10, 30, 50], "none has to wait");
        assert_eq!(ranks_of(&[(0, 100, 0), (5, 10, 0)]), [100, 100], "late samples in the middle of a day");
        assert_eq!(ranks_of(&[(5, 10, 0), (0, 100, 0)]), [10, 100]);
        assert_eq!(ranks_of(&[(50, 100, 0), (20, 60, 0), (0, 30, 0)]), [100, 100, 100], "one through the other");
        assert_eq!(ranks_of(&[(0, 100, 0), (5, 10, 300)]), [100, 10], "buckets are apart");
    }
}
