//! Random lives of a store against a map in memory.

mod common;

use std::collections::BTreeMap;

use common::{HOUR_MS, START_MS, TestStore, labels};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// Samples of some series, at minutes from the start of the story.
    Write(Vec<(u8, Vec<(i64, u32)>)>),
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
    let samples = prop::collection::vec((minute, 0..100_u32), 1..8);
    prop_oneof![
        10 => prop::collection::vec((0..6_u8, samples), 1..5).prop_map(Step::Write),
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
        let mut model: BTreeMap<_, BTreeMap<i64, f64>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Write(request) => {
                    let mut batch = Vec::new();
                    for (number, samples) in request {
                        let labels = labels(&series(number));
                        let samples: Vec<_> =
                            samples.into_iter().map(|(minute, v)| (START_MS + minute * 60_000, f64::from(v))).collect();
                        model.entry(labels.clone()).or_default().extend(samples.iter().copied());
                        batch.push((labels, samples));
                    }
                    store.write("a", &batch).unwrap().wait().unwrap();
                }
                Step::Flush => store.flush().unwrap(),
                Step::Merge => { store.merge().unwrap(); }
                Step::Maintain => { store.maintain().unwrap(); store.merge_once().unwrap(); }
                Step::Kill => store.kill_and_reopen(),
                Step::Close => { store.close(); store.open_again(); }
                Step::Wait { minutes } => store.clock.advance_ms(minutes * 60_000),
            }
            let expected: Vec<_> =
                model.iter().map(|(labels, samples)| (labels.clone(), samples.clone().into_iter().collect::<Vec<_>>())).collect();
            prop_assert_eq!(store.select("a", &[], i64::MIN, i64::MAX).unwrap(), expected);
            let (start, end) = (START_MS + 60 * 60_000, START_MS + 200 * 60_000);
            let found: usize = store.select("a", &[], start, end).unwrap().iter().map(|(_, samples)| samples.len()).sum();
            let expected: usize = model.values().map(|samples| samples.range(start..=end).count()).sum();
            prop_assert_eq!(found, expected);
        }
        prop_assert!(store.report.damaged.is_empty(), "{:?}", store.report.damaged);
    }
}
