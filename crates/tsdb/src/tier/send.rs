//! Sending: blocks that the bucket does not have, and small files that changed.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::stub::{State, Stub};
use super::{SentFile, Tending, Tier, block_key, in_parallel, key};
use crate::blocks::StoredBlock;
use crate::error::Error;
use crate::store::Inner;
use crate::tenant::Tenant;

/// What a tenant has besides blocks.
pub(super) const SMALL_FILES: [&str; 3] = [TOMBSTONES, "metadata", "exemplars"];
const TOMBSTONES: &str = "tombstones";
/// Two changes of a file that lie further apart have different times.
const SETTLES_AFTER: Duration = Duration::from_secs(2);

/// A block on its way.
pub(super) type Pending = (Arc<Tenant>, Arc<StoredBlock>);

impl Inner {
    /// The blocks that the bucket does not have, the oldest first.
    pub(super) fn pending_blocks(&self) -> Vec<Pending> {
        let mut pending = Vec::new();
        for tenant in self.tenants.all() {
            let blocks = Arc::clone(&tenant.state.read().blocks);
            let missing = blocks.iter().filter(|block| !block.is_in_bucket());
            pending.extend(missing.map(|block| (Arc::clone(&tenant), Arc::clone(block))));
        }
        pending
    }

    /// Sends some of the blocks. Returns whether there are more. One that cannot be sent keeps back no other.
    pub(super) fn send_blocks(
        &self,
        tier: &Tier,
        tending: &mut Tending,
        mut pending: Vec<Pending>,
    ) -> Result<bool, Error> {
        let has_more = pending.len() > tier.parallel();
        let first = tending.passed_over % pending.len().max(1);
        pending.rotate_left(first);
        pending.truncate(tier.parallel());
        let sent = in_parallel(tier.parallel(), &pending, |(tenant, block)| self.send_block(tier, tenant, block));
        let outcome = sent.into_iter().fold(Ok(()), Result::and);
        tending.passed_over = if outcome.is_ok() { 0 } else { first + tier.parallel() };
        outcome.map(|()| has_more && !tier.is_stopped())
    }

    fn send_block(&self, tier: &Tier, tenant: &Tenant, block: &Arc<StoredBlock>) -> Result<(), Error> {
        // What the bucket may have from now on is known after a crash, too.
        if !self
            .while_in_store(tenant, block, || Stub::of(&block.block, State::Sending).write(&self.files, &block.path))?
        {
            return Ok(());
        }
        let sent = tier.bucket().put_file(&block_key(&tenant.id, block.name), &block.path);
        if sent.is_err() && !self.is_in_store(tenant, block) {
            // Its file went while it was read: it was merged, or its time was over.
            return Ok(());
        }
        sent?;
        self.while_in_store(tenant, block, || {
            Stub::of(&block.block, State::Copied).write(&self.files, &block.path)?;
            block.in_bucket.store(true, Ordering::Relaxed);
            tier.sent_blocks.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })?;
        Ok(())
    }

    pub(super) fn is_in_store(&self, tenant: &Tenant, block: &Arc<StoredBlock>) -> bool {
        let is_leaving = tenant.is_leaving.load(Ordering::Relaxed);
        !is_leaving && tenant.state.read().blocks.iter().any(|other| Arc::ptr_eq(other, block))
    }

    /// Does something with a block while it cannot leave; returns whether it has not left before.
    fn while_in_store(
        &self,
        tenant: &Tenant,
        block: &Arc<StoredBlock>,
        work: impl FnOnce() -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let _leaving = self.leaving.lock();
        let is_in_store = self.is_in_store(tenant, block);
        if is_in_store {
            work()?;
        }
        Ok(is_in_store)
    }

    /// Sends metadata, exemplars and tombstones that changed.
    pub(super) fn send_files(&self, tier: &Tier, tending: &mut Tending) -> Result<(), Error> {
        for tenant in self.tenants.all() {
            for file in SMALL_FILES {
                self.send_file(tier, tending, &tenant, file)?;
            }
        }
        Ok(())
    }

    fn send_file(&self, tier: &Tier, tending: &mut Tending, tenant: &Tenant, file: &'static str) -> Result<(), Error> {
        let path = tenant.dir.join(file);
        let stamp = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            meta => {
                let meta = meta.map_err(Error::io("look at", &path))?;
                Some((meta.modified().map_err(Error::io("look at", &path))?, meta.len()))
            }
        };
        let place = (tenant.id.clone(), file);
        let sent = tending.sent_files.get(&place);
        let is_known = sent.is_some_and(|sent| sent.is_settled && sent.stamp == stamp);
        if is_known || (sent.is_none() && stamp.is_none() && file != TOMBSTONES) {
            return Ok(());
        }
        let content = match stamp {
            Some(_) => Some(fs::read(&path).map_err(Error::io("read", &path))?),
            None => None,
        };
        // Deletions that were carried out are forgotten there when the blocks without their samples are there.
        let blocks = Arc::clone(&tenant.state.read().blocks);
        if file == TOMBSTONES && !blocks.iter().all(|block| block.is_in_bucket()) {
            return Ok(());
        }
        let crc = content.as_deref().map_or(0, crc32c::crc32c);
        if sent.is_none_or(|sent| (sent.stamp.is_some(), sent.crc) != (stamp.is_some(), crc)) {
            match content {
                Some(content) => tier.bucket().put(&key(&tenant.id, file), &content)?,
                None => tier.bucket().delete(&key(&tenant.id, file))?,
            }
        }
        let is_settled = stamp.is_none_or(|(changed, _)| changed.elapsed().is_ok_and(|age| age > SETTLES_AFTER));
        tending.sent_files.insert(place, SentFile { stamp, crc, is_settled });
        Ok(())
    }
}
