//! How a request that was taken in goes to the log, in the shortest way.

use std::borrow::Cow;

use bongsu_log::{Commit, Era, Log};

use crate::batch::Batch;
use crate::error::WriteError;
use crate::record::{Content, Protocol, RecordHeader};
use crate::refs::{Refs, samples};
use crate::tenant::Tenant;

/// A request with something to log. Its series are resolved, its samples not yet applied.
pub(crate) struct Entry<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) received_ms: i64,
    pub(crate) batch: &'a Batch,
    /// The body, if all of it is taken.
    pub(crate) as_it_came: Option<(Protocol, &'a [u8])>,
}

impl Entry<'_> {
    /// Appends it, while it is the tenant's turn.
    pub(crate) fn append(&self, log: &Log, refs: &mut Refs) -> Result<Commit, WriteError> {
        if !self.batch.is_one_float_each() || !self.tenant.knows_metadata_of(self.batch) {
            return Ok(self.append_request(log, None)?.0);
        }
        let era = log.era();
        refs.go_on(era, log.end(), self.batch.series.len());
        let mut body = Vec::new();
        let has_refs = samples::encode(refs, self.batch, &mut body);
        if has_refs && self.as_it_came.is_some_and(|(_, request)| request.len() <= body.len()) {
            return Ok(self.append_request(log, None)?.0);
        }
        if has_refs {
            let header = RecordHeader::new(Content::Samples, self.received_ms, &self.tenant.id);
            if let Some((_, commit)) = log.append_in(era, &[header.as_bytes(), &body])? {
                return Ok(commit);
            }
        }
        let (commit, gives_refs) = self.append_request(log, Some((era, refs)))?;
        if gives_refs {
            refs.give(self.batch);
        }
        Ok(commit)
    }

    /// Appends the request with its labels. Returns whether it gives refs there: not when the log has lost something just now.
    fn append_request(&self, log: &Log, refs: Option<(Era, &Refs)>) -> Result<(Commit, bool), WriteError> {
        let (protocol, body) = match self.as_it_came {
            Some((protocol, body)) => (protocol, Cow::Borrowed(body)),
            None => self.batch.encode_taken().map(|(protocol, body)| (protocol, Cow::Owned(body)))?,
        };
        let header = |range| RecordHeader::new(Content::Request(protocol, range), self.received_ms, &self.tenant.id);
        if let Some((era, refs)) = refs
            && let Some((_, commit)) = log.append_in(era, &[header(Some(refs.next())).as_bytes(), &body])?
        {
            return Ok((commit, true));
        }
        Ok((log.append(&[header(None).as_bytes(), &body])?.1, false))
    }
}
