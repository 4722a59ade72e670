//! One life of a store: random steps, and what goes wrong meanwhile.

use std::path::Path;
use std::sync::Arc;

use bongsu_disk::{Fault, SimDisk};
use bongsu_model::{Clock, ManualClock, MatchOp, Matcher};
use bongsu_tsdb::{Options, Protocol, Store, WriteErrorKind, Written};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::common::{HOUR_MS, START_MS, body, tenant};
use crate::content::{Request, SERIES, cutoff_ms, found};
use crate::expected::{Expected, Place};
use crate::objects::{Objects, Outage};

pub const TENANTS: [&str; 2] = ["a", "b"];
pub const MINUTE_MS: i64 = 60_000;
pub const RETENTION_MS: i64 = 240 * HOUR_MS;

/// See the module's text.
pub struct Life {
    random: StdRng,
    dir: tempfile::TempDir,
    disk: SimDisk,
    first_disk_operations: Option<u64>,
    clock: Arc<ManualClock>,
    /// Objects that other machines have had before.
    objects: Option<Objects>,
    store: Option<Store>,
    expected: Expected,
    /// The next value to write.
    value: u64,
    /// What goes wrong now.
    trouble: Trouble,
    outage: Outage,
    /// Since the last start operations failed for no reason, which may have been those that tidy up.
    had_errors: bool,
    /// The deletion of a tenant was interrupted and is not finished.
    is_leaving: bool,
    /// Steps until it is over.
    trouble_left: u32,
    /// For messages.
    last_step: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    /// The disk is full.
    Full,
    /// An operation fails some time.
    Error,
    /// The power goes some time.
    PowerCut,
    /// A part of the log cannot be read some time.
    Unreadable,
}

impl Life {
    pub fn new(seed: u64) -> Self {
        Self::begin(StdRng::seed_from_u64(seed), None)
    }

    pub fn with_bucket(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let objects = Objects::new(&mut random);
        Self::begin(random, Some(objects))
    }

    fn begin(random: StdRng, objects: Option<Objects>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk = SimDisk::new(dir.path()).unwrap();
        let mut life = Self {
            random,
            dir,
            disk,
            first_disk_operations: None,
            clock: Arc::new(ManualClock::new(START_MS)),
            objects,
            store: None,
            expected: Expected::default(),
            value: 0,
            trouble: Trouble::None,
            outage: Outage::None,
            had_errors: false,
            is_leaving: false,
            trouble_left: 0,
            last_step: String::new(),
        };
        life.open();
        life
    }

    /// Of the first machine.
    pub fn operations(&self) -> u64 {
        self.first_disk_operations.unwrap_or_else(|| self.disk.operations())
    }

    pub fn cut_power_after(&mut self, operations: u64) {
        self.disk.fail_after(operations, Fault::PowerCut);
        (self.trouble, self.trouble_left) = (Trouble::PowerCut, u32::MAX);
    }

    /// All that happens to samples, in one go.
    pub fn story(&mut self) {
        for hour in 0..3 {
            for minute in 0..3 {
                self.act("write", |life| life.write(0, hour * 60 + minute));
            }
            self.act("write", |life| life.write(1, hour));
            self.act("flush", Life::flush);
            self.act("tend", Life::tend);
            self.clock.advance_ms(HOUR_MS);
        }
        self.act("merge", Life::merge);
        self.act("delete", |life| life.delete(0, 1, 0..60));
        self.act("write", |life| life.write(0, 61));
        self.act("merge", Life::merge);
        self.clock.advance_ms(3 * HOUR_MS);
        self.act("clean", Life::clean);
        self.act("merge", Life::merge);
        self.act("tend", Life::tend);
        self.act("delete", |life| life.delete(1, 0, 0..600));
        self.act("clean", Life::clean);
        self.act("write", |life| life.write(1, 3));
        self.act("delete tenant", |life| life.delete_tenant(1));
        self.act("write", |life| life.write(1, 4));
        self.act("tend", Life::tend);
        self.clock.advance_ms(RETENTION_MS - 4 * HOUR_MS);
        self.act("write", |life| life.write(0, 200 * 60));
        self.act("maintain", Life::maintain);
        self.act("merge", Life::merge);
        self.act("tend", Life::tend);
        self.act("restart", Life::close);
    }

    /// One random step.
    pub fn step(&mut self) {
        self.change_trouble();
        match self.random.random_range(0..100) {
            0..10 if self.objects.is_some() => {
                if self.random.random_ratio(1, 6) {
                    self.act("take over", Life::take_over);
                } else {
                    self.act("tend", Life::tend);
                }
            }
            0..45 => {
                let minute = self.random_minute();
                let tenant = usize::from(self.random.random_ratio(1, 4));
                self.act("write", |life| life.write(tenant, minute));
            }
            45..57 => self.act("flush", Life::flush),
            57..65 => self.act("merge", Life::merge),
            65..71 => self.act("maintain", Life::maintain),
            71..77 => {
                let (tenant, series) = (self.random.random_range(0..2), self.random.random_range(0..SERIES));
                let (start, end) = (self.random_minute(), self.random_minute());
                self.act("delete", |life| life.delete(tenant, series, start.min(end)..start.max(end)));
            }
            77..80 => self.act("clean", Life::clean),
            80 => self.act("snapshot", Life::snapshot),
            81 => {
                let tenant = self.random.random_range(0..2);
                self.act("delete tenant", |life| life.delete_tenant(tenant));
            }
            82..88 => {
                let minutes = self.random.random_range(1..400);
                self.act("wait", |life| life.clock.advance_ms(minutes * MINUTE_MS));
            }
            88..91 => {
                let minutes = self.random.random_range(-20_000..20_000);
                self.act("clock", |life| life.clock.set_ms(START_MS + minutes * MINUTE_MS));
            }
            91..94 => self.act("kill", Life::kill),
            94..96 => self.act("close", Life::close),
            _ => self.act("power cut", |life| life.disk.fail_after(0, Fault::PowerCut)),
        }
    }

    /// Everything works again, and everything is there.
    pub fn end(&mut self) {
        self.last_step = "end".to_owned();
        self.recover();
        self.heal_all();
        self.check();
        self.act("maintain", Life::maintain);
        (0..2).for_each(|tenant| self.act("write", |life| life.write(tenant, 1)));
        self.act("flush", Life::flush);
        self.act("merge", Life::merge);
        self.act("clean", Life::clean);
        self.act("tend", Life::tend);
        self.act("kill", Life::kill);
        self.act("take over", Life::take_over);
        if let Some(objects) = &self.objects {
            let objects = objects.block_keys();
            assert_eq!(objects.len(), self.store().stats().blocks, "{objects:?}");
        }
    }

    /// A minute from the start of the story: most of them lie near the clock.
    fn random_minute(&mut self) -> i64 {
        let now = (self.clock.now_ms() - START_MS) / MINUTE_MS;
        if self.random.random_ratio(3, 4) {
            now - self.random.random_range(0..200)
        } else {
            now - self.random.random_range(0..16_000)
        }
    }

    fn change_outage(&mut self) {
        let Some(objects) = self.objects.as_ref().filter(|_| self.random.random_ratio(1, 4)) else { return };
        self.outage = Outage::random(&mut self.random);
        objects.suffer(self.outage, &mut self.random);
    }

    fn change_trouble(&mut self) {
        self.change_outage();
        self.trouble_left = self.trouble_left.saturating_sub(1);
        if self.trouble_left > 0 {
            return;
        }
        self.heal();
        self.trouble_left = self.random.random_range(1..8);
        self.trouble = match self.random.random_range(0..8) {
            0..2 => {
                self.disk.leave_space(self.random.random_range(0..3000));
                Trouble::Full
            }
            2 => {
                self.disk.fail_after(self.random.random_range(0..40), Fault::Error);
                self.had_errors = true;
                Trouble::Error
            }
            3 => {
                self.disk.fail_after(self.random.random_range(0..80), Fault::PowerCut);
                Trouble::PowerCut
            }
            4 => {
                self.disk.fail_read_after(self.random.random_range(0..8));
                Trouble::Unreadable
            }
            _ => Trouble::None,
        };
    }

    fn heal(&mut self) {
        self.disk.heal();
        self.trouble = Trouble::None;
    }

    /// The bucket, too.
    fn heal_all(&mut self) {
        self.heal();
        self.objects.iter().for_each(Objects::heal);
        self.outage = Outage::None;
    }

    /// With `BONGSU_SIM_TRACE`, says what happens when.
    fn trace(&self, what: &str) {
        if std::env::var_os("BONGSU_SIM_TRACE").is_some() {
            println!("{:>10} min: {what}", (self.clock.now_ms() - START_MS) / MINUTE_MS);
        }
    }

    /// Does something, starts again if the power has gone, and looks at everything.
    fn act(&mut self, what: &str, action: impl FnOnce(&mut Self)) {
        self.last_step = format!("{what} with {:?}, {:?}", self.trouble, self.outage);
        self.trace(&self.last_step);
        action(self);
        self.recover();
        self.check();
    }

    /// Turns the power on again if it is off.
    fn recover(&mut self) {
        while self.disk.is_off() || self.store.is_none() {
            self.store = None;
            if self.disk.is_off() {
                self.disk.restart(self.random.random()).unwrap();
                self.trouble = Trouble::None;
                if self.random.random_ratio(1, 3) {
                    self.disk.fail_after(self.random.random_range(0..20), Fault::PowerCut);
                    self.trouble = Trouble::PowerCut;
                }
            } else {
                self.heal_all();
            }
            self.open();
        }
    }

    /// Opens the store, which only fails when something is wrong with the disk.
    fn open(&mut self) {
        self.expected.restart();
        match Store::open(self.options()) {
            Ok((store, report)) => {
                assert_eq!(
                    (report.damaged.as_slice(), report.unusable_records),
                    ([].as_slice(), 0),
                    "{}",
                    self.last_step
                );
                self.store = Some(store);
                self.had_errors = self.trouble == Trouble::Error;
            }
            Err(error) => {
                assert!(self.is_troubled(), "{error}, {}", self.last_step);
                let is_read = error.to_string().contains("Input/output error");
                assert!(!is_read || error.to_string().contains(".log"), "names no file: {error}");
            }
        }
    }

    fn is_troubled(&self) -> bool {
        self.trouble != Trouble::None || self.disk.is_off() || !self.outage.is_harmless()
    }

    fn options(&self) -> Options {
        let mut options = options(self.dir.path(), &self.disk, &self.clock);
        options.bucket = self.objects.as_ref().map(Objects::options);
        options
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Whether something was done. It fails when something is wrong only.
    fn succeeds<T, E: std::fmt::Display>(&self, outcome: Result<T, E>) -> bool {
        if let Err(error) = &outcome {
            self.trace(&format!("    {error}"));
            // Maintenance ends a deletion that was interrupted; until then writes are refused.
            let is_leaving = self.is_leaving && error.to_string().ends_with("is being deleted");
            let is_excused = is_leaving || self.is_cache_full(error);
            assert!(self.is_troubled() || is_excused, "{error}, {}", self.last_step);
            let is_full = self.trouble == Trouble::Full && self.outage.is_harmless();
            if is_full && !is_excused && !self.disk.is_off() {
                assert!(error.to_string().contains("No space left on device"), "{error}");
            }
        }
        outcome.is_ok()
    }

    /// A small cache has no room for everything at once.
    fn is_cache_full(&self, error: &impl std::fmt::Display) -> bool {
        self.objects.is_some()
            && error.to_string().contains("the cache is full with what is being read of bucket objects")
    }

    fn write(&mut self, tenant_number: usize, minute: i64) {
        let tenant_name = TENANTS[tenant_number];
        let cutoff_ms = cutoff_ms(self.clock.now_ms());
        let request = Request::random(&mut self.random, &mut self.value, tenant_name, minute, cutoff_ms);
        let written = self.store().write(&tenant(tenant_name), Protocol::RemoteWrite1, &body(&request.builder));
        let outcome = written.and_then(Written::wait);
        if let Err(error) = &outcome {
            assert_eq!(error.kind, WriteErrorKind::Unavailable, "{error}");
        }
        let is_acked = self.succeeds(outcome);
        request.said.into_iter().for_each(|(place, content)| self.expected.write(place, content, is_acked));
    }

    fn delete(&mut self, tenant_number: usize, series: u8, minutes: std::ops::Range<i64>) {
        let tenant_name = TENANTS[tenant_number];
        let (start_ms, end_ms) = (START_MS + minutes.start * MINUTE_MS, START_MS + minutes.end * MINUTE_MS);
        let matcher = Matcher::new("series", MatchOp::Equal, series.to_string()).unwrap();
        self.trace(&format!("    {series} of {tenant_name}, minutes {minutes:?}"));
        let outcome = self.store().delete_series(&tenant(tenant_name), &[matcher], start_ms, end_ms);
        let is_acked = self.succeeds(outcome);
        let is_hit =
            |place: &Place| (place.0, place.1) == (tenant_name, series) && (start_ms..=end_ms).contains(&place.2);
        self.expected.delete(is_hit, is_acked);
    }

    fn delete_tenant(&mut self, tenant_number: usize) {
        let tenant_name = TENANTS[tenant_number];
        let outcome = self.store().delete_tenant(&tenant(tenant_name));
        let is_acked = self.succeeds(outcome);
        self.is_leaving |= !is_acked;
        self.expected.delete(|place| place.0 == tenant_name, is_acked);
    }

    fn flush(&mut self) {
        let outcome = self.store().flush();
        self.succeeds(outcome);
    }

    fn merge(&mut self) {
        let outcome = self.store().merge();
        self.succeeds(outcome);
    }

    fn maintain(&mut self) {
        let outcome = self.store().maintain();
        self.is_leaving &= !self.succeeds(outcome);
    }

    fn tend(&mut self) {
        let outcome = self.store().sync_bucket();
        self.succeeds(outcome);
    }

    /// The machine burns down once the bucket has everything, and a new one takes over.
    fn take_over(&mut self) {
        if self.objects.is_none() || self.is_leaving {
            return;
        }
        let flushed = self.store().flush();
        let sent = self.store().sync_bucket();
        if !(self.succeeds(flushed) && self.succeeds(sent)) {
            return;
        }
        self.store = None;
        self.first_disk_operations = Some(self.operations());
        self.dir = tempfile::tempdir().unwrap();
        self.disk = SimDisk::new(self.dir.path()).unwrap();
        if self.random.random_ratio(1, 3) {
            self.disk.fail_after(self.random.random_range(0..40), Fault::PowerCut);
            self.trouble = Trouble::PowerCut;
        } else {
            self.trouble = Trouble::None;
        }
        self.open();
    }

    fn clean(&mut self) {
        let outcome = self.store().clean_tombstones();
        self.succeeds(outcome);
    }

    /// A snapshot answers as the store does.
    fn snapshot(&mut self) {
        self.value += 1;
        let target = self.dir.path().join("snapshots").join(self.value.to_string());
        let outcome = self.store().snapshot(&target, true);
        if self.succeeds(outcome) {
            if self.store().stats().bucket.is_some_and(|bucket| bucket.remote_blocks > 0) {
                // Those are no part of it.
                return;
            }
            let disk = SimDisk::new(&target).unwrap();
            let (copy, report) = Store::open(options(&target, &disk, &self.clock)).unwrap();
            assert_eq!(report.damaged, Vec::<String>::new());
            assert_eq!(
                found(&copy).unwrap(),
                found(self.store()).unwrap(),
                "a snapshot has other samples than its store"
            );
        }
    }

    /// The end of the process without a clean stop, and a new start.
    fn kill(&mut self) {
        self.store = None;
        self.open();
    }

    fn close(&mut self) {
        let outcome = self.store.take().unwrap().close();
        self.succeeds(outcome);
        self.open();
    }

    /// Reads everything.
    #[track_caller]
    fn check(&mut self) {
        let cutoff_ms = cutoff_ms(self.clock.now_ms());
        self.expected.expire(cutoff_ms);
        match found(self.store()) {
            Ok(found) => self.expected.check(&found, cutoff_ms, &format!("after {}", self.last_step)),
            Err(error) => {
                let text = error.to_string();
                assert!(!self.outage.is_harmless() || self.is_cache_full(&text), "{text}, after {}", self.last_step);
                assert!(text.contains(".block"), "names no file: {text}");
            }
        }
        if !self.had_errors {
            let halves = halves(self.dir.path());
            assert!(halves.is_empty(), "{halves:?} stay behind after {}", self.last_step);
        }
    }
}

fn options(dir: &Path, disk: &SimDisk, clock: &Arc<ManualClock>) -> Options {
    let mut options = Options::new(dir);
    options.disk = Arc::new(disk.clone());
    options.clock = clock.clone();
    options.retention_ms = RETENTION_MS;
    options.limits.future_ms_max = None;
    // Several segments between two flushes.
    options.log.segment_bytes_max = 600;
    options
}

/// Files that are not whole.
fn halves(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut halves = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.extension().is_none() {
            halves.append(&mut self::halves(&path));
        } else if path.extension().is_some_and(|extension| extension == "tmp") {
            halves.push(path);
        }
    }
    halves
}
