//! Opening the log: what it holds comes back into the heads. Limits are not asked again: what was taken stays.
//!
//! ```text
//! this thread:  segments ─► records ─► requests, decoded ──┐ a few at a time
//! another one:                                             └─► series table ─► heads ─► label index at the end
//! ```

use std::panic;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;

use bongsu_log::{Log, Position};
use bongsu_model::TenantId;
use hashbrown::HashMap;

use crate::batch::{Batch, TimeBounds};
use crate::departure::{self, Departure};
use crate::error::{Error, Rejections};
use crate::files::Files;
use crate::options::Options;
use crate::record::{self, Content, Record};
use crate::refs::samples::Samples;
use crate::refs::{KnownRefs, LostRefs, RefRange};
use crate::store::OpenReport;
use crate::tenants::Tenants;

/// Requests that wait to be applied: what they take is the memory of a start.
const QUEUED_MAX: usize = 4;
/// Messages that an [`OpenReport`] keeps.
const REPORTED_MAX: usize = 100;
/// What was taken stays, whatever the clock says at boot. Retention deletes it with its block.
const ALL_TIMES: TimeBounds = TimeBounds { min_ms: i64::MIN, max_ms: i64::MAX };

/// A log that was read.
pub(crate) struct Replayed {
    pub(crate) log: Log,
    pub(crate) report: OpenReport,
    /// Deletions of tenants that a crash interrupted.
    pub(crate) departures: Vec<Departure>,
    /// The highest number of a flush, of the tenants in the log.
    pub(crate) last_flush: Option<u64>,
}

/// Opens the log of a store and brings its requests back.
///
/// # Errors
/// When another process has the directory, when files cannot be read, and when they are of a later version.
pub(crate) fn open_log(options: &Options, files: &Files, tenants: &Tenants) -> Result<Replayed, Error> {
    let (to_apply, queued) = mpsc::sync_channel(QUEUED_MAX);
    let (to_reuse, spare) = mpsc::channel();
    thread::scope(|scope| {
        let applier = thread::Builder::new().name("replay".to_owned());
        let applier = applier.spawn_scoped(scope, move || Applier::new(options, tenants).run(queued, &to_reuse));
        let applier = applier.map_err(Error::io("start a thread for", &options.dir))?;
        let mut records = Records::new(files, options, to_apply, spare);
        let dir = options.dir.join("log");
        let opened = Log::open(&dir, options.log.clone(), &mut |position, bytes| records.take(position, bytes));
        // A log without records.
        records.load_departures();
        let Records { departures, mut report, failure, to_apply, .. } = records;
        drop(to_apply);
        let applied = applier.join().unwrap_or_else(|cause| panic::resume_unwind(cause));
        let (log, recovery) = opened?;
        failure.or(applied.failure).map_or(Ok(()), Err)?;
        report.log = recovery;
        report.replayed_samples = applied.report.replayed_samples;
        report.unusable_records += applied.report.unusable_records;
        report.damaged.extend(applied.report.damaged);
        if let Some((records, reason)) = applied.lost_refs.missed(log.start()) {
            report.leave_out(records, &reason);
        }
        Ok(Replayed { log, report, departures: departures.unwrap_or_default(), last_flush: applied.last_flush })
    })
}

/// A record that can be applied.
struct Task {
    tenant: TenantId,
    received_ms: i64,
    /// Decoded, or empty when there are samples by ref.
    batch: Batch,
    content: TaskContent,
}

enum TaskContent {
    Request(Option<RefRange>),
    Samples(Vec<u8>),
}

/// Makes tasks of records.
struct Records<'a> {
    files: &'a Files,
    options: &'a Options,
    to_apply: SyncSender<Task>,
    spare: Receiver<Batch>,
    /// Looked up once the log has its lock.
    departures: Option<Vec<Departure>>,
    report: OpenReport,
    failure: Option<Error>,
}

impl<'a> Records<'a> {
    fn new(files: &'a Files, options: &'a Options, to_apply: SyncSender<Task>, spare: Receiver<Batch>) -> Self {
        let (departures, report, failure) = (None, OpenReport::default(), None);
        Self { files, options, to_apply, spare, departures, report, failure }
    }

    fn load_departures(&mut self) {
        if self.departures.is_none() && self.failure.is_none() {
            match departure::open_all(self.files, &self.options.dir, &mut self.report.damaged) {
                Ok(departures) => self.departures = Some(departures),
                Err(error) => self.failure = Some(error),
            }
        }
    }

    fn take(&mut self, position: Position, bytes: &[u8]) {
        self.load_departures();
        if record::is_newer(bytes) {
            // Left out, it would be gone for good with the next flush.
            let newer = || Error::Newer { what: format!("the write-ahead log at position {}", position.0) };
            self.failure.get_or_insert_with(newer);
        }
        if self.failure.is_some() {
            return;
        }
        match self.task(position, bytes) {
            // That nobody takes it any more is told when the other thread is joined.
            Ok(task) => task.into_iter().for_each(|task| _ = self.to_apply.send(task)),
            Err(reason) => self.report.leave_out(1, &reason),
        }
    }

    /// Nothing for a record of a tenant that was deleted after it.
    fn task(&self, position: Position, bytes: &[u8]) -> Result<Option<Task>, String> {
        let Record { content, received_ms, tenant, body } = record::decode(bytes)?;
        if self.departures.iter().flatten().any(|departure| departure.takes(&tenant, position)) {
            return Ok(None);
        }
        let mut batch = self.spare.try_recv().unwrap_or_default();
        let content = match content {
            Content::Request(protocol, refs) => {
                let decoded = batch.decode(protocol, body, usize::MAX, ALL_TIMES, &mut Rejections::default());
                decoded.map_err(|error| error.to_string())?;
                TaskContent::Request(refs)
            }
            Content::Samples => {
                batch.clear();
                TaskContent::Samples(body.to_vec())
            }
        };
        Ok(Some(Task { tenant, received_ms, batch, content }))
    }
}

/// Applies tasks in their order.
struct Applier<'a> {
    options: &'a Options,
    tenants: &'a Tenants,
    refs: HashMap<TenantId, KnownRefs>,
    lost_refs: LostRefs,
    report: OpenReport,
    last_flush: Option<u64>,
    failure: Option<Error>,
}

impl<'a> Applier<'a> {
    fn new(options: &'a Options, tenants: &'a Tenants) -> Self {
        let (refs, lost_refs, report) = (HashMap::new(), LostRefs::default(), OpenReport::default());
        Self { options, tenants, refs, lost_refs, report, last_flush: None, failure: None }
    }

    /// Goes on until there are no more.
    fn run(mut self, tasks: Receiver<Task>, to_reuse: &Sender<Batch>) -> Self {
        for mut task in tasks {
            if self.failure.is_none() {
                match self.apply(&mut task) {
                    Ok(None) => {}
                    Ok(Some(reason)) => self.report.leave_out(1, &reason),
                    Err(error) => self.failure = Some(error),
                }
            }
            // The other thread may be done.
            _ = to_reuse.send(task.batch);
        }
        self.tenants.all().iter().for_each(|tenant| tenant.catch_up_index());
        self
    }

    /// Returns what is wrong with the record, or part of it.
    fn apply(&mut self, task: &mut Task) -> Result<Option<String>, Error> {
        let Task { tenant: id, received_ms, batch, content } = task;
        let limits = self.options.limits_of(id);
        let (tenant, last_flush) = self.tenants.open(id, limits, &mut self.report.damaged)?;
        self.last_flush = self.last_flush.max(last_flush);
        let refs = self.refs.entry_ref(id).or_insert_with(|| {
            tenant.put_off_index();
            KnownRefs::default()
        });
        let wrong = match content {
            TaskContent::Request(range) => {
                tenant.resolve(batch, None, &mut Rejections::default());
                range.map_or(Ok(()), |range| refs.take(range, batch))
            }
            TaskContent::Samples(body) => Samples::parse(body).map(|samples| match samples.fill(refs, batch) {
                0 => {}
                unknown => self.lost_refs.add(samples.generation, unknown),
            }),
        };
        let applied = tenant.apply(batch, *received_ms, limits);
        self.report.replayed_samples += applied.samples + applied.histograms;
        Ok(wrong.err())
    }
}

impl OpenReport {
    /// Counts records of which not all could be used.
    fn leave_out(&mut self, records: u64, reason: &str) {
        self.unusable_records += records;
        if self.damaged.len() < REPORTED_MAX {
            self.damaged.push(format!("log record: {reason}"));
        }
    }
}
