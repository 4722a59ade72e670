//! One shard's thread: reads records, makes requests of them, and sends each until it is settled.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bongsu_log::{Position, Reader};
use bongsu_wire::remote_write::{self, DecodeError};
use bytes::Bytes;

use crate::backoff::Backoff;
use crate::forward::Options;
use crate::queue::{Deadline, Queue};
use crate::record::{RAW_BYTES_MAX, Record, RecordHeader};
use crate::transport::{Request, Response, Transport, TransportError};

/// The most of an answer's text that goes to the log.
const EXCERPT_BYTES_MAX: usize = 300;

/// Bounds what a record may decompress to; records are closed long before.
const RECORD_DECODED_BYTES_MAX: usize = 16 * RAW_BYTES_MAX;

pub(crate) struct Sender {
    queue: Arc<Queue>,
    transport: Arc<dyn Transport>,
    options: Arc<Options>,
    shard: usize,
    reader: Reader,
    /// Read, and left over for the next request.
    carried: Option<Pending>,
    outgoing: Outgoing,
    backoff: Backoff,
    /// Whether the last try failed: only changes are worth a line in the log.
    is_failing: bool,
}

/// A record that was read and is not part of a request yet.
struct Pending {
    start: Position,
    next: Position,
    header: RecordHeader,
    body: Vec<u8>,
}

/// What becomes of a request.
enum Verdict {
    Taken,
    /// For good.
    Refused(String),
    Again {
        reason: String,
        retry_after_ms: Option<i64>,
    },
}

impl Sender {
    pub fn new(queue: Arc<Queue>, transport: Arc<dyn Transport>, options: Arc<Options>, shard: usize) -> Self {
        let reader = queue.log.read_from(queue.taken(shard));
        let seed = queue.clock.now_ms().cast_unsigned() ^ shard as u64;
        let backoff = Backoff::new(options.backoff_min_ms, options.backoff_max_ms, seed);
        let outgoing = Outgoing::default();
        Self { queue, transport, options, shard, reader, carried: None, outgoing, backoff, is_failing: false }
    }

    /// Sends until the queue is stopping.
    pub fn run(mut self) {
        while self.gather() && self.deliver() {}
    }

    /// Gathers records until the request is full or its first record has waited long enough. False: stopping.
    fn gather(&mut self) -> bool {
        self.outgoing.clear();
        let mut send_deadline = None;
        loop {
            let epoch = self.queue.epoch();
            let is_full = self.fill();
            let deadline = if self.outgoing.is_empty() {
                // Passed over: records of other shards, and records that are not to be sent.
                self.queue.settle(self.shard, self.read_position())
            } else {
                let now_ms = self.queue.clock.now_ms();
                let deadline =
                    send_deadline.get_or_insert_with(|| Deadline::new(now_ms, self.options.send_deadline_ms));
                if is_full || deadline.left_ms(now_ms) == 0 {
                    return !self.queue.is_stopping();
                }
                Some(*deadline)
            };
            if !self.queue.wait(epoch, deadline) {
                return false;
            }
        }
    }

    /// Adds what is in the queue to the request. True: it is full.
    fn fill(&mut self) -> bool {
        let samples_max = self.options.samples_per_send_max;
        loop {
            if self.outgoing.samples >= samples_max || self.outgoing.raw_bytes() >= RAW_BYTES_MAX {
                return true;
            }
            let Some(record) = self.next_record() else { return false };
            if !self.outgoing.is_empty() && self.outgoing.samples + record.header.samples > samples_max {
                self.carried = Some(record);
                return true;
            }
            if !self.queue.take(self.shard, record.start, record.next) {
                continue;
            }
            let (samples, next) = (u64::from(record.header.samples), record.next);
            let counters = &self.queue.counters;
            if self.is_too_old(record.header.samples, record.header.newest_ms) {
                counters.settle(&counters.samples_dropped_old, samples);
            } else if let Err(error) = self.outgoing.push(record) {
                tracing::warn!(queue = %self.options.name, %error, samples, "record of the queue cannot be read");
                counters.records_damaged.fetch_add(1, Ordering::Relaxed);
                counters.settle(&counters.samples_failed, samples);
            }
            self.outgoing.end = next;
        }
    }

    /// The next record of this shard, if there is one already.
    fn next_record(&mut self) -> Option<Pending> {
        if let Some(record) = self.carried.take() {
            return Some(record);
        }
        let taken = self.queue.taken(self.shard);
        if taken > self.reader.position() {
            self.reader = self.queue.log.read_from(taken);
        }
        let found = loop {
            match self.reader.read() {
                Ok(Some(entry)) => match Record::decode(entry.payload) {
                    Some(Record { header, body }) if usize::from(header.shard % self.options.shards) == self.shard => {
                        let (start, next) = (entry.position, entry.next);
                        break Some(Pending { start, next, header, body: body.to_vec() });
                    }
                    Some(_) => {}
                    None => drop(self.queue.counters.records_damaged.fetch_add(1, Ordering::Relaxed)),
                },
                Ok(None) => break None,
                Err(error) => {
                    tracing::warn!(queue = %self.options.name, %error, "queue cannot be read now");
                    break None;
                }
            }
        };
        for dropped in self.reader.take_dropped() {
            self.queue.counters.records_damaged.fetch_add(1, Ordering::Relaxed);
            let segment = dropped.segment.display();
            tracing::warn!(%segment, offset = dropped.offset_bytes, bytes = dropped.bytes, reason = dropped.reason, "queue is damaged");
        }
        found
    }

    /// Everything before is taken or passed over.
    fn read_position(&self) -> Position {
        self.carried.as_ref().map_or(self.reader.position(), |record| record.start)
    }

    /// Metadata does not age.
    fn is_too_old(&self, samples: u32, newest_ms: i64) -> bool {
        let age_ms = self.queue.clock.now_ms().saturating_sub(newest_ms);
        samples > 0 && self.options.age_max_ms.is_some_and(|age_max_ms| age_ms > age_max_ms)
    }

    /// Sends the request until it is settled. False: stopping, and it is not settled.
    fn deliver(&mut self) -> bool {
        let body = match self.outgoing.body() {
            Ok(body) => body,
            Err(error) => return self.give_up(&format!("request cannot be compressed: {error}")),
        };
        let mut tries = 0_u32;
        loop {
            if tries > 0 && self.is_too_old(self.outgoing.samples, self.outgoing.newest_ms) {
                let counters = &self.queue.counters;
                counters.settle(&counters.samples_dropped_old, u64::from(self.outgoing.samples));
                self.queue.settle(self.shard, self.outgoing.end);
                return true;
            }
            let request = Request { url: &self.options.url, headers: &self.options.headers, body: body.clone() };
            match judge(self.transport.send(request), self.options.retry_on_429) {
                Verdict::Taken => return self.count_sent(body.len()),
                Verdict::Refused(reason) => return self.give_up(&reason),
                Verdict::Again { reason, retry_after_ms } => {
                    if !self.retry_later(&reason, retry_after_ms) {
                        return false;
                    }
                }
            }
            tries = tries.saturating_add(1);
        }
    }

    fn count_sent(&mut self, body_bytes: usize) -> bool {
        let counters = &self.queue.counters;
        counters.settle(&counters.samples_sent, u64::from(self.outgoing.samples));
        counters.requests_sent.fetch_add(1, Ordering::Relaxed);
        counters.bytes_sent.fetch_add(body_bytes as u64, Ordering::Relaxed);
        counters.newest_sent_ms.fetch_max(self.outgoing.newest_ms, Ordering::Relaxed);
        if std::mem::take(&mut self.is_failing) {
            tracing::info!(queue = %self.options.name, "remote_write works again");
        }
        self.backoff.reset();
        self.queue.settle(self.shard, self.outgoing.end);
        true
    }

    /// Drops the request and goes on with the next one.
    fn give_up(&mut self, reason: &str) -> bool {
        let samples = self.outgoing.samples;
        tracing::warn!(queue = %self.options.name, samples, reason, "remote_write was refused; its samples are dropped");
        let counters = &self.queue.counters;
        counters.settle(&counters.samples_failed, u64::from(samples));
        self.backoff.reset();
        self.queue.settle(self.shard, self.outgoing.end);
        true
    }

    /// Waits for the next try. False: stopping.
    fn retry_later(&mut self, reason: &str, retry_after_ms: Option<i64>) -> bool {
        let wait_ms = self.backoff.wait_ms(retry_after_ms);
        let deadline = Deadline::new(self.queue.clock.now_ms(), wait_ms);
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(queue = %self.options.name, reason, wait_ms, "remote_write failed; trying again until it works");
        }
        self.queue.counters.samples_retried.fetch_add(u64::from(self.outgoing.samples), Ordering::Relaxed);
        self.queue.sleep(deadline)
    }
}

/// Tells what to do about an answer. Source: Prometheus' remote write 1.0 specification, "Retries & Backoff".
fn judge(answer: Result<Response, TransportError>, retry_on_429: bool) -> Verdict {
    let response = match answer {
        Ok(response) => response,
        Err(TransportError(reason)) => return Verdict::Again { reason, retry_after_ms: None },
    };
    let text = &response.body_excerpt;
    let excerpt = &text[..text.floor_char_boundary(EXCERPT_BYTES_MAX)];
    let reason = format!("status {}: {excerpt}", response.status);
    match response.status {
        200..=299 => Verdict::Taken,
        500..=599 => Verdict::Again { reason, retry_after_ms: response.retry_after_ms },
        429 if retry_on_429 => Verdict::Again { reason, retry_after_ms: response.retry_after_ms },
        _ => Verdict::Refused(reason),
    }
}

/// A request that is being put together. Protobuf messages that stand one behind the other are one message with the
/// fields of all: so records are joined without looking inside.
#[derive(Default)]
struct Outgoing {
    records: usize,
    samples: u32,
    newest_ms: i64,
    /// Behind the last record that was taken for it.
    end: Position,
    /// The first record's body: sent as it is when no second one comes.
    first: Vec<u8>,
    /// The uncompressed bodies, once there are two.
    raw: Vec<u8>,
    scratch: Vec<u8>,
}

impl Outgoing {
    fn clear(&mut self) {
        (self.records, self.samples, self.newest_ms) = (0, 0, i64::MIN);
        self.raw.clear();
    }

    fn is_empty(&self) -> bool {
        self.records == 0
    }

    fn raw_bytes(&self) -> usize {
        self.raw.len()
    }

    fn push(&mut self, record: Pending) -> Result<(), DecodeError> {
        match self.records {
            0 => self.first = record.body,
            1 => {
                // Both are read before either is taken: a record that cannot be read must not cost the one before it.
                let first = self.first.clone();
                self.append_raw(&first)?;
                if let Err(error) = self.append_raw(&record.body) {
                    self.raw.clear();
                    return Err(error);
                }
                self.first = Vec::new();
            }
            _ => self.append_raw(&record.body)?,
        }
        self.records += 1;
        self.samples += record.header.samples;
        self.newest_ms = self.newest_ms.max(record.header.newest_ms);
        Ok(())
    }

    fn append_raw(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let raw = remote_write::decompress(body, RECORD_DECODED_BYTES_MAX, &mut self.scratch)?;
        self.raw.extend_from_slice(raw);
        Ok(())
    }

    fn body(&mut self) -> Result<Bytes, DecodeError> {
        if self.records == 1 {
            return Ok(Bytes::from(std::mem::take(&mut self.first)));
        }
        let mut body = Vec::new();
        remote_write::compress(&self.raw, &mut body)?;
        Ok(Bytes::from(body))
    }
}
