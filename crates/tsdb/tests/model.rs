//! Random lives of a store against a map in memory.

mod common;

use std::collections::BTreeMap;

use common::{HOUR_MS, STALE_NUMBER, START_MS, TestStore, Value, labels, text};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// Samples of some series, at minutes from the start of the story, and maybe the minute when all of them began.
    Write(Vec<(u8, Vec<(i64, Value)>)>, Option<i64>),
    Flush,
    Merge,
    Maintain,
    Kill,
    Close,
    Wait {
        minutes: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let minute = prop_oneof![4 => 0..300_i64, 1 => -4000..4000_i64];
    let value = prop_oneof![
        2 => (0..100_u32).prop_map(|value| Value::Float(f64::from(value))),
        1 => (0..=STALE_NUMBER).prop_map(Value::Histogram),
    ];
    let samples = prop::collection::vec((minute, value), 1..8);
    let request = prop::collection::vec((0..6_u8, samples), 1..5);
    prop_oneof![
        10 => (request, prop::option::of(-100..0_i64)).prop_map(|(request, start)| Step::Write(request, start)),
        3 => Just(Step::Flush),
        2 => Just(Step::Merge),
        2 => Just(Step::Maintain),
        2 => Just(Step::Kill),
        1 => Just(Step::Close),
        2 => (1..600_i64).prop_map(|minutes| Step::Wait { minutes }),
    ]
}

fn series(number: u8) -> String {
    format!("m{} job={}", number % 2, number / 2)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_store_is_a_map_from_series_and_time_to_the_last_value(steps in prop::collection::vec(step(), 1..40)) {
        let mut store = TestStore::with(|options| options.retention_ms = 10_000 * HOUR_MS);
        let mut model: BTreeMap<_, BTreeMap<i64, String>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Write(request, start) => {
                    let start_ms = start.map(|minute| START_MS + minute * 60_000);
                    let mut batch = Vec::new();
                    for (number, mut samples) in request {
                        let labels = labels(&series(number));
                        samples.iter_mut().for_each(|(time, _)| *time = START_MS + *time * 60_000);
                        // As the message has them.
                        samples.sort_by_key(|(_, value)| matches!(value, Value::Histogram(_)));
                        let texts = samples.iter().map(|(time, value)| (*time, text(*value, start_ms.unwrap_or(0))));
                        model.entry(labels.clone()).or_default().extend(texts);
                        batch.push((labels, samples));
                    }
                    store.write_mixed(&batch, start_ms);
                }
                Step::Flush => store.flush().unwrap(),
                Step::Merge => { store.merge().unwrap(); }
                Step::Maintain => { store.maintain().unwrap(); store.merge_once().unwrap(); }
                Step::Kill => store.kill_and_reopen(),
                Step::Close => { store.close(); store.open_again(); }
                Step::Wait { minutes } => store.clock.advance_ms(minutes * 60_000),
            }
            prop_assert_eq!(&store.select_texts(i64::MIN, i64::MAX), &model);
            let (start, end) = (START_MS + 60 * 60_000, START_MS + 200 * 60_000);
            let mut some = model.clone();
            some.values_mut().for_each(|samples| samples.retain(|time, _| (start..=end).contains(time)));
            some.retain(|_, samples| !samples.is_empty());
            let mut found = store.select_texts(start, end);
            found.retain(|_, samples| !samples.is_empty());
            prop_assert_eq!(found, some);
        }
        prop_assert!(store.report.damaged.is_empty(), "{:?}", store.report.damaged);
    }
}
