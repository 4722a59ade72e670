//! Blocks with series that are past their time while others of the block are not: they are written anew without them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::blocks::StoredBlock;
use crate::error::Error;
use crate::retention::Expiry;

/// Whether the block has a series of which nothing may be shown any more. What was looked for and not found is not
/// looked for again.
pub(crate) fn is_due(block: &StoredBlock, expiry: &Expiry) -> Result<bool, Error> {
    let is_over = |keep_ms: i64| block.max_time_ms() < expiry.start_ms(keep_ms);
    let over = expiry.policy().keeps_ms().iter().filter(|keep_ms| is_over(**keep_ms)).count();
    if over <= block.keeps_looked_for.load(Ordering::Relaxed) {
        return Ok(false);
    }
    if has_series(block, expiry, &is_over)? {
        return Ok(true);
    }
    block.keeps_looked_for.store(over, Ordering::Relaxed);
    Ok(false)
}

/// By the index alone: a series belongs to the first rule that it fulfils.
fn has_series(block: &StoredBlock, expiry: &Expiry, is_over: &dyn Fn(i64) -> bool) -> Result<bool, Error> {
    let (rules, keep_ms) = expiry.policy().rules();
    let mut seen = vec![false; block.block.meta().series_count as usize];
    for rule in rules {
        for series in block.block.select(&rule.matchers)? {
            if !std::mem::replace(&mut seen[series as usize], true) && is_over(rule.keep_ms) {
                return Ok(true);
            }
        }
    }
    Ok(is_over(keep_ms) && seen.contains(&false))
}

/// The first block to write anew.
pub(crate) fn next(
    blocks: &[Arc<StoredBlock>],
    expiry: &Expiry,
    is_put_off: impl Fn(&StoredBlock) -> bool,
) -> Option<Arc<StoredBlock>> {
    if expiry.policy().keeps_ms().len() < 2 {
        return None;
    }
    // A block that cannot be read is told when it is merged or read.
    let is_due = |block: &&Arc<StoredBlock>| !is_put_off(block) && is_due(block, expiry).unwrap_or(false);
    blocks.iter().find(is_due).cloned()
}
