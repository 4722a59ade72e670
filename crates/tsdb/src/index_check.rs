//! Blocks that a start has opened and not read: it looks at their last bytes only.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bongsu_block::Block;
use bongsu_model::{Matcher, SampleBuffer};

use crate::store::Store;

impl Store {
    /// Reads the indexes of all blocks on the disk and tells which are damaged, so that nobody has to find out by a query. Such a
    /// block stays: queries that meet it fail and name it. For a thread of its own, once after a start.
    pub fn check_indexes(&self, tell: &mut dyn FnMut(&str)) {
        for tenant in self.inner.tenants.all() {
            let blocks = Arc::clone(&tenant.state.read().blocks);
            for block in blocks.iter().filter(|block| block.far.is_none()) {
                if self.inner.merges_stopped.load(Ordering::Relaxed) {
                    return;
                }
                // What is not there any more, or cannot be read now, is not what this is about.
                if let Err(error @ bongsu_block::Error::Corrupt { .. }) = check_index(&block.path) {
                    self.inner.counters.damaged_indexes.add(1);
                    tell(&error.to_string());
                }
            }
        }
    }
}

/// Opens it anew, so that what was unpacked goes when this is done.
fn check_index(path: &Path) -> Result<(), bongsu_block::Error> {
    let block = Block::open(path)?;
    block.label_walk()?;
    // A section is checked as a whole when the first is asked for.
    if let Some(name) = block.label_names()?.first()
        && let Some(value) = block.label_values(name)?.first()
    {
        block.select(&[Matcher::equal(*name, *value)])?;
    }
    if block.meta().series_count > 0 {
        let mut first = SampleBuffer::default();
        if block.meta().resolution_ms == 0 {
            block.read(0, i64::MAX, i64::MIN, &mut first)?;
        }
    }
    Ok(())
}
