//! `bongsu tsdb bench`: a load against a fresh store on this machine's disk, without HTTP.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bongsu_model::{Clock, Labels, ManualClock, Matcher, Sample, SampleBuffer, Selection, Source, TenantId};
use bongsu_tsdb::{Options, Protocol, Store};
use bongsu_wire::remote_write::{WriteRequestBuilder, compress};

use crate::cli::BenchArgs;
use crate::command::progress;
use crate::command::table::{count, per};

const INTERVAL_MS: i64 = 15_000;
const SERIES_PER_HOST: u32 = 1000;
const SERIES_PER_REQUEST: u32 = 2000;
/// Scrapes of one flush: five minutes.
const SCRAPES_PER_FLUSH: u32 = 20;
/// 2026-11-21 00:00:00 UTC: the same load every time.
const START_MS: i64 = 1_795_219_200_000;

pub(super) fn run(args: &BenchArgs) -> anyhow::Result<()> {
    anyhow::ensure!(args.series > 0 && args.scrapes > 0, "expected at least one series and one scrape");
    let place = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let dir = tempfile::Builder::new().prefix("bongsu-bench-").tempdir_in(&place)?;
    let clock = Arc::new(ManualClock::new(START_MS));
    let options = Options { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..Options::new(dir.path()) };
    let (store, _) = Store::open(options)?;
    let mut bench =
        Bench { store, clock, tenant: TenantId::anonymous(), load: Load::new(args.series), taken: [0.0; 2] };
    bench.write(args.scrapes)?;
    bench.merge()?;
    bench.read()?;
    bench.restart(dir.path())
}

struct Bench {
    store: Store,
    clock: Arc<ManualClock>,
    tenant: TenantId,
    load: Load,
    /// Seconds of writes, and of flushes.
    taken: [f64; 2],
}

impl Bench {
    fn write(&mut self, scrapes: u32) -> anyhow::Result<()> {
        let bar = progress::of_things(u64::from(scrapes), "writing");
        for scrape in 0..scrapes {
            for body in self.load.scrape(self.clock.now_ms()) {
                let begun = Instant::now();
                self.store.write(&self.tenant, Protocol::RemoteWrite1, &body)?.wait()?;
                self.taken[0] += begun.elapsed().as_secs_f64();
            }
            self.clock.advance_ms(INTERVAL_MS);
            if (scrape + 1) % SCRAPES_PER_FLUSH == 0 {
                self.flush()?;
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        let head_bytes = self.store.stats().head_bytes as u64;
        self.flush()?;
        let samples = self.load.samples;
        report("writes, each fsynced", samples, "samples", self.taken[0]);
        report("flushes", samples, "samples", self.taken[1]);
        if head_bytes > 0 {
            say("head", &format!("{} bytes before the last flush", count(head_bytes)));
        }
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        self.store.flush()?;
        self.taken[1] += begun.elapsed().as_secs_f64();
        Ok(())
    }

    fn merge(&self) -> anyhow::Result<()> {
        self.tell_size("size before merges");
        // So late that the day is over and all becomes one block.
        self.clock.advance_ms(2 * 24 * 3_600_000);
        let samples = self.store.stats().block_samples;
        let begun = Instant::now();
        let merges = self.store.merge()?;
        report(&format!("{merges} merges"), samples, "samples", begun.elapsed().as_secs_f64());
        self.tell_size("size after merges");
        Ok(())
    }

    fn tell_size(&self, what: &str) {
        let stats = self.store.stats();
        let (bytes, samples) = (stats.block_bytes, stats.block_samples);
        let text = format!("{} bytes in {} blocks, {} per sample", count(bytes), stats.blocks, per(bytes, samples));
        say(what, &text);
    }

    fn read(&self) -> anyhow::Result<()> {
        self.select("all of one metric", &[Matcher::equal("__name__", "bench_metric_7")])?;
        self.select("all of one host", &[Matcher::equal("instance", "host-00000:9100")])?;
        self.select("everything", &[])
    }

    fn select(&self, what: &str, matchers: &[Matcher]) -> anyhow::Result<()> {
        let selection =
            Selection { matchers: matchers.to_vec(), start_ms: i64::MIN, end_ms: i64::MAX, series_max: usize::MAX };
        let begun = Instant::now();
        let reader = self.store.reader(&self.tenant);
        let set = reader.select(&selection)?;
        let (mut buffer, mut samples) = (SampleBuffer::default(), 0);
        for place in 0..set.len() {
            buffer.clear();
            set.read(place, &mut buffer)?;
            samples += buffer.len() as u64;
        }
        report(&format!("read {what}"), samples, "samples", begun.elapsed().as_secs_f64());
        Ok(())
    }

    /// A start with samples in the log.
    fn restart(mut self, dir: &Path) -> anyhow::Result<()> {
        for body in self.load.scrape(self.clock.now_ms()) {
            self.store.write(&self.tenant, Protocol::RemoteWrite1, &body)?.wait()?;
        }
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        drop(self.store);
        let begun = Instant::now();
        let (_store, opened) = Store::open(Options { clock, ..Options::new(dir) })?;
        report("start with a log", opened.replayed_samples, "samples", begun.elapsed().as_secs_f64());
        Ok(())
    }
}

fn report(what: &str, number: u64, unit: &str, seconds: f64) {
    let rate = if seconds > 0.0 { number as f64 / seconds } else { 0.0 };
    say(what, &format!("{} {unit} in {seconds:.2} s, {:.2} million per second", count(number), rate / 1e6));
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
fn say(what: &str, text: &str) {
    println!("{what:<24}  {text}");
}

/// Hosts with a thousand series each: as on real ones, nearly half never change, most others count.
struct Load {
    series: Vec<(Labels, f64)>,
    samples: u64,
    /// Of a xorshift generator.
    random: u64,
}

impl Load {
    fn new(count: u32) -> Self {
        let labels = |number: u32| {
            let (host, metric) = (number / SERIES_PER_HOST, number % SERIES_PER_HOST);
            Labels::from_pairs([
                ("__name__", format!("bench_metric_{}", metric / 4)),
                ("device", format!("dev{}", metric % 4)),
                ("instance", format!("host-{host:05}:9100")),
                ("job", "node".to_owned()),
                ("region", format!("region-{}", host % 4)),
            ])
        };
        let series = (0..count).map(|number| (labels(number), f64::from(number % 97))).collect();
        Self { series, samples: 0, random: 0x5eed }
    }

    /// The requests of one scrape of all hosts.
    fn scrape(&mut self, now_ms: i64) -> Vec<Vec<u8>> {
        let mut bodies = Vec::new();
        let mut random = self.random;
        for (place, group) in self.series.chunks_mut(SERIES_PER_REQUEST as usize).enumerate() {
            let mut request = WriteRequestBuilder::new();
            for (number, (labels, value)) in group.iter_mut().enumerate() {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                match number % 100 {
                    0..44 => {}
                    44..95 => *value += (random % 100) as f64,
                    _ => *value = (random >> 11) as f64 / (1_u64 << 53) as f64,
                }
                let timestamp_ms = now_ms + place as i64 * 7 % INTERVAL_MS;
                request.push_series(labels.iter(), &[Sample { timestamp_ms, value: *value }]);
                self.samples += 1;
            }
            let mut body = Vec::new();
            // A body of two thousand series is far below what snappy takes.
            if compress(request.as_bytes(), &mut body).is_ok() {
                bodies.push(body);
            }
        }
        self.random = random;
        bodies
    }
}
