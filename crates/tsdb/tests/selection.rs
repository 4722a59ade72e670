//! A selection over all sources at once, and one that goes on while the store moves on.
#![allow(clippy::unwrap_used, reason = "a panic in a test is the failure message")]

mod common;

use bongsu_model::{Labels, Matcher, SampleBuffer, Selection, SeriesSet, Source};
use common::{START_MS, TestStore, labels, tenant};

/// More than labels are kept of, and more than are sorted without the table's order.
const SERIES: usize = 20_000;

fn series(number: usize) -> Labels {
    labels(&format!("m n={},i={number}", number % 7))
}

/// Series of every `step`th number get a sample.
fn put(store: &TestStore, step: usize, time_ms: i64, value: f64) {
    let all: Vec<_> = (0..SERIES).step_by(step).map(|number| (series(number), vec![(time_ms, value)])).collect();
    store.write("a", &all).unwrap().wait().unwrap();
}

fn everything() -> Selection {
    Selection {
        matchers: vec![Matcher::equal("__name__", "m")],
        start_ms: START_MS,
        end_ms: START_MS + 100_000,
        series_max: SERIES,
    }
}

/// Of each place: the labels, asked for in two ways, and the samples.
fn check(set: &dyn SeriesSet, expected: impl Fn(usize) -> Vec<(i64, f64)>) {
    let mut wanted: Vec<_> = (0..SERIES).map(|number| (series(number), expected(number))).collect();
    wanted.retain(|(_, samples)| !samples.is_empty());
    wanted.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(set.len(), wanted.len());
    let all = set.labels_of(0..set.len()).unwrap();
    let mut buffer = SampleBuffer::default();
    for (place, (labels, samples)) in wanted.iter().enumerate() {
        assert_eq!(all[place], *labels, "at place {place}");
        if place.is_multiple_of(97) {
            assert_eq!(set.labels(place).unwrap(), *labels, "at place {place}");
            assert_eq!(set.labels_of(place..wanted.len().min(place + 2)).unwrap()[0], *labels);
        }
        buffer.clear();
        set.read(place, &mut buffer).unwrap();
        let found = buffer.timestamps_ms.iter().zip(&buffer.values).map(|(t, v)| (t - START_MS, *v));
        assert_eq!(found.collect::<Vec<_>>(), *samples, "of {labels}");
    }
}

#[test]
fn series_of_blocks_and_memory_are_one_list_in_the_order_of_their_labels() {
    let store = TestStore::new();
    put(&store, 3, START_MS + 1, 1.0);
    store.flush().unwrap();
    put(&store, 2, START_MS + 1, 2.0);
    put(&store, 2, START_MS + 2, 2.0);
    store.flush().unwrap();
    put(&store, 5, START_MS + 3, 3.0);
    store.write("a", &[(series(1), vec![(START_MS + 4, 4.0)])]).unwrap().wait().unwrap();
    let reader = store.reader(&tenant("a"));
    let set = reader.select(&everything()).unwrap();
    check(&*set, |number| {
        let mut samples = Vec::new();
        samples.extend((number % 3 == 0 && number % 2 != 0).then_some((1, 1.0)));
        samples.extend((number % 2 == 0).then_some((1, 2.0)));
        samples.extend((number % 2 == 0).then_some((2, 2.0)));
        samples.extend((number % 5 == 0).then_some((3, 3.0)));
        samples.extend((number == 1).then_some((4, 4.0)));
        samples
    });
    let few = Selection { series_max: 10, ..everything() };
    assert!(reader.select(&few).map(|set| set.len()).unwrap_err().message.contains("more than 10 series"));
}

#[test]
fn a_selection_answers_from_its_sources_while_they_are_flushed_and_merged_away() {
    let store = TestStore::new();
    put(&store, 4, START_MS + 1, 1.0);
    store.flush().unwrap();
    put(&store, 1, START_MS + 2, 2.0);
    let reader = store.reader(&tenant("a"));
    let set = reader.select(&everything()).unwrap();
    store.flush().unwrap();
    put(&store, 1, START_MS + 3, 3.0);
    store.flush().unwrap();
    store.merge().unwrap();
    check(&*set, |number| {
        let mut samples = vec![(2, 2.0)];
        if number % 4 == 0 {
            samples.insert(0, (1, 1.0));
        }
        samples
    });
}

#[test]
fn deleted_series_are_not_selected_and_the_others_keep_their_labels() {
    let store = TestStore::new();
    put(&store, 1, START_MS + 1, 1.0);
    let third = [Matcher::equal("__name__", "m"), Matcher::equal("n", "3")];
    store.delete_series(&tenant("a"), &third, START_MS, START_MS + 10).unwrap();
    put(&store, 2, START_MS + 2, 2.0);
    let reader = store.reader(&tenant("a"));
    check(&*reader.select(&everything()).unwrap(), |number| {
        let mut samples = Vec::new();
        samples.extend((number % 7 != 3).then_some((1, 1.0)));
        samples.extend((number % 2 == 0).then_some((2, 2.0)));
        samples
    });
}
