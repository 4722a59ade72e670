use bongsu_model::{Labels, ManualClock, Matcher, STALE_NAN, Sample};
use bongsu_promql::EngineOptions;
use bongsu_tsdb::{Options, Protocol, Store};
use bongsu_wire::remote_write::{WriteRequestBuilder, compress};
use proptest::prelude::*;

use super::*;
use crate::prom::json::write_value;

/// The time of day at which a story begins.
const BEGIN_MS: i64 = 1_700_000_000_000;
const RECENT_MS: i64 = 60_000;

/// A store, an engine and a cache over them.
struct World {
    store: Store,
    engine: Engine,
    cache: Cache,
    clock: Arc<ManualClock>,
    tenant: TenantId,
    _dir: tempfile::TempDir,
}

impl World {
    fn new(bytes_max: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(BEGIN_MS));
        let options = Options { clock: Arc::clone(&clock) as _, ..Options::new(dir.path()) };
        let (store, _) = Store::open(options).unwrap();
        let engine = Engine::new(EngineOptions { threads: 2, ..EngineOptions::default() }).unwrap();
        let cache = Cache::new(bytes_max, RECENT_MS).unwrap();
        Self { store, engine, cache, clock, tenant: TenantId::anonymous(), _dir: dir }
    }

    fn now_ms(&self) -> i64 {
        bongsu_model::Clock::now_ms(&*self.clock)
    }

    fn write(&self, label: &str, samples: &[(i64, f64)]) {
        let samples: Vec<Sample> =
            samples.iter().map(|&(timestamp_ms, value)| Sample { timestamp_ms, value }).collect();
        let mut request = WriteRequestBuilder::new();
        for name in ["m_total", "odd"] {
            request.push_series(Labels::from_pairs([("__name__", name), ("a", label)]).iter(), &samples);
        }
        let mut body = Vec::new();
        compress(&request.finish(), &mut body).unwrap();
        self.store.write(&self.tenant, Protocol::RemoteWrite1, &body).unwrap();
    }

    /// The answer as JSON with its remarks, and how many samples were read for it.
    fn ask(&self, text: &str, (start_ms, end_ms, step_ms): (i64, i64, i64), cached: bool) -> (String, u64) {
        let expr = bongsu_syntax::parse(text, &bongsu_syntax::ParseOptions::default()).unwrap();
        let (reader, context) = (self.store.reader(&self.tenant), QueryContext::default());
        let query = RangeQuery {
            engine: &self.engine,
            expr: &expr,
            text,
            start_ms,
            end_ms,
            step_ms,
            reader: &reader,
            context: &context,
            now_ms: self.now_ms(),
        };
        let output = if cached { self.cache.range(&query) } else { query.evaluate(start_ms, end_ms) };
        let mut out = String::new();
        match output {
            Ok(output) => {
                write_value(&mut out, &output.value, usize::MAX);
                output.annotations.iter().for_each(|remark| out.push_str(&remark.render(text)));
            }
            Err(error) => out.push_str(&error.message),
        }
        (out, context.progress.stats().samples_read)
    }

    fn check(&self, text: &str, range: (i64, i64, i64)) -> u64 {
        let (plain, _) = self.ask(text, range, false);
        let (cached, read) = self.ask(text, range, true);
        assert_eq!(cached, plain, "{text} {range:?}");
        read
    }
}

/// A sample every 15 s for an hour before the beginning.
fn an_hour(world: &World) {
    for (label, factor) in [("x", 1.0), ("y", 0.1)] {
        let samples: Vec<_> = (0..240).map(|at| (BEGIN_MS - 3_600_000 + at * 15_000, at as f64 * factor)).collect();
        world.write(label, &samples);
    }
}

#[test]
fn only_missing_ends_are_evaluated() {
    let world = World::new(1 << 20);
    an_hour(&world);
    let text = "sum(rate(m_total[1m]))";
    let hour = (BEGIN_MS - 3_600_000, BEGIN_MS, 15_000);
    let all = world.check(text, hour);
    assert_eq!(all, 480);
    let again = world.check(text, hour);
    assert!((1..40).contains(&again), "only what is recent is read again: {again}");
    assert_eq!(world.check(text, (hour.0, BEGIN_MS - 120_000, 15_000)), 0, "nothing is");
    world.clock.advance_ms(30_000);
    world.write("x", &[(BEGIN_MS + 15_000, 1.0), (BEGIN_MS + 30_000, 2.0)]);
    let moved = (hour.0 + 30_000, BEGIN_MS + 30_000, 15_000);
    assert!((1..40).contains(&world.check(text, moved)), "the window moves on");
    assert!(world.check("sum (rate(m_total[60s]))", moved) < 40, "the same in other words");
    assert!(world.check(text, (moved.0 + 1, moved.1, 15_000)) > 400, "other steps");
    world.check("max(m_total)", (BEGIN_MS - 1_800_000, BEGIN_MS - 60_000, 15_000));
    let earlier = world.check("max(m_total)", (hour.0, BEGIN_MS - 60_000, 15_000));
    assert!((200..300).contains(&earlier), "half of it was known: {earlier}");
}

#[test]
fn late_samples_and_deletions_take_back_what_they_touch() {
    let world = World::new(1 << 20);
    an_hour(&world);
    let hour = (BEGIN_MS - 3_600_000, BEGIN_MS - 60_000, 15_000);
    assert!(world.check("m_total", hour) > 400);
    assert_eq!(world.check("m_total", hour), 0);
    world.write("x", &[(BEGIN_MS - 600_000, 77.0)]);
    let read = world.check("m_total", hour);
    assert!((1..200).contains(&read), "half of it is still true: {read}");
    assert_eq!(world.check("m_total", hour), 0);
    world.store.flush().unwrap();
    world.store.merge().unwrap();
    assert_eq!(world.check("m_total", hour), 0, "where samples are makes no difference");
    let everything = [Matcher::equal("a", "x")];
    world.store.delete_series(&world.tenant, &everything, BEGIN_MS - 1_000_000, BEGIN_MS - 900_000).unwrap();
    assert!(world.check("m_total", hour) > 400);
}

#[test]
fn remarks_are_always_those_of_the_whole_query() {
    let world = World::new(1 << 20);
    an_hour(&world);
    let hour = (BEGIN_MS - 3_600_000, BEGIN_MS, 15_000);
    for text in ["rate(odd[1m])", "quantile(2, m_total)", "sort(m_total)"] {
        assert!(world.ask(text, hour, false).0.contains("PromQL"), "{text} is remarked on");
        let all = world.check(text, hour);
        let in_pieces = world.check(text, hour);
        assert!(in_pieces > all / 2, "now each piece by itself");
        let again = world.check(text, hour);
        assert!(again < all / 3, "{text}: {again} of {all}");
    }
    world.clock.advance_ms(30_000);
    assert!(world.check("rate(odd[1m])", (hour.0 + 30_000, BEGIN_MS + 30_000, 15_000)) < 250);
    assert!(world.check(" rate(odd[1m])", hour) > 400, "places of remarks differ");
    world.write("x", &[(BEGIN_MS - 1_800_000, 5.0)]);
    world.check("rate(odd[1m])", hour);
    world.check("rate(odd[1m])", hour);
}

#[test]
fn sums_over_many_batches_of_series_are_the_same_however_they_are_divided() {
    let world = World::new(8 << 20);
    for number in 0..700 {
        let from = BEGIN_MS - 3_600_000 + number % 40 * 60_000;
        let value = |at: i64| ((number * 7919 + at * 104_729) % 1_000_003) as f64 / 997.0;
        let samples: Vec<_> = (0..60).map(|at| (from + at * 15_000, value(at))).collect();
        world.write(&format!("s{number}"), &samples);
    }
    for text in ["sum(m_total)", "avg(m_total * 0.1)", "sum(rate(m_total[1m]))", "sum(m_total) / count(m_total)"] {
        for (behind, steps) in [(3_600_000, 60), (3_600_000, 120), (3_000_000, 150), (3_600_000, 230), (3_300_000, 200)]
        {
            let start_ms = BEGIN_MS - behind;
            world.check(text, (start_ms, start_ms + steps * 15_000, 15_000));
        }
    }
}

#[test]
fn memory_is_bounded_and_the_oldest_goes_first() {
    let world = World::new(40_000);
    an_hour(&world);
    let range = (BEGIN_MS - 3_600_000, BEGIN_MS - 60_000, 15_000);
    for number in 0..20 {
        world.check(&format!("m_total + {number}"), range);
        world.check("m_total * 2", range);
        assert!(world.cache.kept.lock().bytes <= 40_000);
    }
    assert_eq!(world.check("m_total * 2", range), 0, "what is asked for stays");
    assert!(world.check("m_total + 0", range) > 0);
    let kept = world.cache.kept.lock();
    assert_eq!(kept.order.len(), kept.answers.len());
    assert_eq!(kept.bytes, kept.answers.values().map(|entry| entry.bytes).sum::<usize>());
}

const TEXTS: [&str; 36] = [
    "m_total",
    "sum(m_total)",
    "sum by (a) (rate(m_total[1m]))",
    "avg(m_total) / count(m_total)",
    "m_total > 3",
    "topk(2, m_total)",
    "limitk(2, m_total)",
    "max_over_time(m_total[5m:30s])",
    "m_total offset 1m",
    "m_total offset -2m",
    "rate(m_total[2m] smoothed)",
    "increase(m_total[2m] anchored)",
    "m_total - m_total @ 1699999800",
    "sum_over_time(rate(m_total[1m])[3m:20s] offset 30s)",
    "absent(m_total{a=\"0\"})",
    "count_values(\"v\", m_total)",
    "m_total or on () vector(1)",
    "quantile(0.5, m_total)",
    "minute() + time()",
    "label_replace(m_total, \"b\", \"$1\", \"a\", \"(.*)\")",
    "rate(m_total[range()])",
    "m_total @ end()",
    "stddev(m_total)",
    "m_total{a=\"1\"} / on () m_total{a=\"2\"}",
    "scalar(m_total{a=\"1\"})",
    "m_total unless m_total > 5",
    "predict_linear(m_total[2m], 60)",
    "m_total + on (a) group_left () sum by (a) (m_total)",
    "rate(m_total[step() * 3])",
    "rate(odd[1m])",
    "sum by (a) (rate(odd[1m]) > 0.05)",
    "quantile(1.5, m_total > 4)",
    "sort(m_total)",
    "histogram_quantile(0.9, label_replace(m_total, \"le\", \"$1\", \"a\", \"(.*)\"))",
    "histogram_quantile(0.5, m_total) + rate(odd[30s])",
    "quantile(scalar(m_total{a=\"1\"}) / 8, m_total)",
];

#[derive(Clone, Debug)]
enum Act {
    Write { label: u8, behind: i64, value: f64 },
    Ask { text: usize, behind: i64, steps: i64, step: usize },
    Wait(i64),
    Flush,
    Delete { behind: i64 },
}

fn act() -> impl Strategy<Value = Act> {
    let value = prop_oneof![
        8 => (0..12).prop_map(f64::from),
        2 => prop::num::f64::NORMAL,
        1 => Just(f64::NAN),
        1 => Just(STALE_NAN),
        1 => Just(f64::INFINITY),
    ];
    let behind = prop_oneof![6 => 0..5_000i64, 1 => 0..600_000i64];
    prop_oneof![
        20 => (0..4u8, behind, value).prop_map(|(label, behind, value)| Act::Write { label, behind, value }),
        12 => (0..TEXTS.len(), -60_000..500_000i64, 0..60i64, 0..3usize)
            .prop_map(|(text, behind, steps, step)| Act::Ask { text, behind, steps, step }),
        8 => (-1_000..40_000i64).prop_map(Act::Wait),
        1 => Just(Act::Flush),
        1 => (0..600_000i64).prop_map(|behind| Act::Delete { behind }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_cached_answer_is_the_answer(few in prop::collection::vec(0..TEXTS.len(), 3), acts in prop::collection::vec(act(), 40..160)) {
        let world = World::new(1 << 20);
        for label in 0..3 {
            let samples: Vec<_> = (0..40).map(|at| (BEGIN_MS - 600_000 + at * 15_000, (at % 7 * (label + 1)) as f64)).collect();
            world.write(&label.to_string(), &samples);
        }
        for act in acts {
            match act {
                Act::Write { label, behind, value } => world.write(&label.to_string(), &[(world.now_ms() - behind, value)]),
                Act::Wait(ms) => { world.clock.advance_ms(ms); }
                Act::Flush => world.store.flush().unwrap(),
                Act::Delete { behind } => {
                    let matchers = [Matcher::equal("a", "1")];
                    let from = world.now_ms() - behind;
                    world.store.delete_series(&world.tenant, &matchers, from, from + 30_000).unwrap();
                }
                Act::Ask { text, behind, steps, step } => {
                    let step_ms = [5_000, 15_000, 17_123][step];
                    // Mostly the same grid, as dashboards do, and few texts: else no two queries have anything in common.
                    let start_ms = (world.now_ms() - behind).div_euclid(step_ms) * step_ms;
                    let text = TEXTS[few[text % few.len()]];
                    world.check(text, (start_ms, start_ms + steps * step_ms, step_ms));
                }
            }
        }
    }
}
