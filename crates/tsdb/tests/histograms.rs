//! Stories of native histograms and of known starts, from the request to the block and back.
#![allow(clippy::unwrap_used, reason = "a panic in a test is the failure message")]

mod common;

use bongsu_model::{BucketSpan, FloatHistogram, MetricMetadata, MetricType, Sample, SampleBuffer, Selection, Source};
use bongsu_tsdb::Protocol;
use bongsu_wire::remote_write::v2::RequestBuilder;
use bongsu_wire::remote_write::{SeriesData, WriteRequestBuilder, compress};
use common::Value::{Float, Histogram};
use common::{HOUR_MS, STALE_NUMBER, START_MS, TestStore, labels, tenant};

#[test]
fn histograms_are_read_from_head_and_block_and_after_a_restart() {
    let mut store = TestStore::new();
    store.put_mixed("m", &[(START_MS, Histogram(1)), (START_MS + 1, Histogram(2))], None);
    let expected = "0:h1 1:h2";
    assert_eq!(store.get("m"), expected);
    store.kill_and_reopen();
    assert_eq!((store.get("m").as_str(), store.report.replayed_samples), (expected, 2));
    store.flush().unwrap();
    assert_eq!((store.get("m").as_str(), store.stats().blocks, store.stats().head_samples), (expected, 1, 0));
    store.close();
    store.open_again();
    store.put_mixed("m", &[(START_MS + 2, Histogram(STALE_NUMBER)), (START_MS + 3, Float(5.0))], None);
    let expected = "0:h1 1:h2 2:stale 3:5";
    assert_eq!(store.get("m"), expected);
    store.flush().unwrap();
    store.clock.advance_ms(3 * HOUR_MS);
    assert_eq!((store.merge().unwrap(), store.stats().blocks), (1, 1));
    assert_eq!(store.get("m"), expected);
    store.kill_and_reopen();
    assert_eq!((store.get("m").as_str(), store.stats().block_samples), (expected, 4));
    assert!(store.report.damaged.is_empty());
}

/// Each write overrules the one before, whatever the kinds are and wherever the samples have got to.
#[test]
fn the_last_write_of_a_time_wins_over_both_kinds() {
    for flushes in 0..8 {
        let mut store = TestStore::new();
        for (number, (early, late)) in [
            (Float(1.0), Histogram(2)),
            (Histogram(3), Float(4.0)),
            (Histogram(5), Histogram(6)),
            (Float(7.0), Float(8.0)),
        ]
        .into_iter()
        .enumerate()
        {
            store.put_mixed("m", &[(START_MS, early)], None);
            store.put_mixed("m", &[(START_MS + 10, late)], None);
            if flushes >> number & 1 == 1 {
                store.flush().unwrap();
            }
            let text = |value| common::text(value, 0);
            let expected = format!("0:{} 10:{}", text(early), text(late));
            assert_eq!(store.get("m"), expected, "flushes {flushes:b}, step {number}");
            if number % 2 == 1 {
                store.kill_and_reopen();
                assert_eq!(store.get("m"), expected, "flushes {flushes:b}, step {number}, after a restart");
            }
        }
        store.clock.advance_ms(3 * HOUR_MS);
        store.flush().unwrap();
        store.merge().unwrap();
        assert_eq!((store.get("m").as_str(), store.stats().block_samples), ("0:7 10:8", 2));
    }
}

#[test]
fn a_series_of_histograms_over_days_goes_to_a_block_for_each() {
    let store = TestStore::with(|options| options.retention_ms = 1000 * HOUR_MS);
    let days: Vec<_> = (0..5).map(|day| (START_MS - 24 * HOUR_MS * day, Histogram(day as u32))).collect();
    store.put_mixed("m", &days, None);
    store.flush().unwrap();
    assert_eq!((store.stats().blocks, store.stats().block_samples), (5, 5));
    assert_eq!(store.get("m"), "-345600000:h4 -259200000:h3 -172800000:h2 -86400000:h1 0:h0");
    let one_day = store.select_texts(START_MS - 30 * HOUR_MS, START_MS - 1);
    assert_eq!(
        format!("{:?}", one_day.values().collect::<Vec<_>>()),
        format!("[{{{}: \"h1\"}}]", START_MS - 24 * HOUR_MS)
    );
}

#[test]
fn memory_of_histograms_is_counted_and_given_back() {
    let store = TestStore::new();
    store.put("m", &[(START_MS, 1.0)]);
    let before = store.stats().head_bytes;
    let late: Vec<_> = (0..100).map(|i| (START_MS - i * 1000, Histogram(i as u32 % 50))).collect();
    store.put_mixed("m", &late, None);
    let stats = store.stats();
    assert_eq!(stats.head_samples, 101);
    // What came late is kept as it is: numbers, spans and what is around them.
    assert!((100 * 200..100 * 400).contains(&(stats.head_bytes - before)), "{} bytes", stats.head_bytes - before);
    store.put_mixed("m", &late, None);
    assert_eq!(store.stats().head_bytes, stats.head_bytes, "the same samples again take the place of the first ones");
    store.flush().unwrap();
    assert_eq!(store.stats().head_bytes, 0);
}

#[test]
fn the_largest_histogram_that_is_taken_fits_a_block() {
    let store = TestStore::new();
    let count = 1 << 16;
    let spans = vec![BucketSpan { offset: 0, length: count }];
    let buckets: Vec<f64> = (0..count).map(|bucket| f64::from(bucket % 100)).collect();
    let largest = FloatHistogram {
        count: 2.0 * buckets.iter().sum::<f64>(),
        positive_spans: spans.clone(),
        positive_buckets: buckets.clone(),
        negative_spans: spans,
        negative_buckets: buckets,
        ..FloatHistogram::default()
    };
    let samples: Vec<_> = (0..5).map(|i| (START_MS + i, largest.clone())).collect();
    let mut request = WriteRequestBuilder::new();
    request.push_series_data(&labels("m"), &SeriesData { histograms: &samples, ..SeriesData::default() });
    let written = (*store).write(&tenant("a"), Protocol::RemoteWrite1, &common::body(&request)).unwrap();
    assert_eq!((written.histograms, written.rejected.is_none()), (5, true));
    for _ in 0..2 {
        let selection = Selection { matchers: vec![], start_ms: 0, end_ms: i64::MAX, series_max: 1 };
        let reader = store.reader(&tenant("a"));
        let mut found = SampleBuffer::default();
        reader.select(&selection).unwrap().read(0, &mut found).unwrap();
        assert!(found.histograms.iter().all(|(_, histogram)| **histogram == largest));
        assert_eq!(found.len(), 5);
        store.flush().unwrap();
    }
    assert_eq!(store.stats().head_samples, 0);
}

#[test]
fn starts_are_kept_in_head_log_and_block() {
    let mut store = TestStore::new();
    let start_ms = START_MS - 1000;
    store.put_mixed("m", &[(START_MS, Float(1.0)), (START_MS + 1, Histogram(2))], Some(start_ms));
    store.put_mixed("m", &[(START_MS + 2, Float(3.0)), (START_MS + 3, Histogram(4))], None);
    store.put_mixed("m", &[(START_MS + 1, Histogram(5)), (START_MS + 2, Float(6.0))], Some(START_MS - 5));
    let expected = "0:1^-1000 1:h5^-5 2:6^-5 3:h4";
    assert_eq!(store.get("m"), expected);
    store.kill_and_reopen();
    assert_eq!(store.get("m"), expected);
    store.flush().unwrap();
    assert_eq!(store.get("m"), expected);
    // The last write of a time says when the counting began, also when it does not know.
    store.put_mixed("m", &[(START_MS, Float(7.0))], None);
    let expected = "0:7 1:h5^-5 2:6^-5 3:h4";
    assert_eq!(store.get("m"), expected);
    store.flush().unwrap();
    store.clock.advance_ms(3 * HOUR_MS);
    assert_eq!(store.merge().unwrap(), 1);
    store.kill_and_reopen();
    assert_eq!(store.get("m"), expected);
}

/// What is refused is left out of the log; the rest comes back with all that it had.
#[test]
fn the_good_part_of_a_request_comes_back_with_its_starts_and_metadata() {
    let mut store = TestStore::new();
    let metadata =
        MetricMetadata { metric_type: MetricType::Counter, help: "Things.".to_owned(), ..Default::default() };
    let sample = |after_ms: i64| Sample { timestamp_ms: START_MS + after_ms, value: 1.0 };
    let mut request = RequestBuilder::new();
    let floats = [sample(0), sample(-100_000 * HOUR_MS), sample(2)];
    let histograms = [(START_MS - 100_000 * HOUR_MS, common::histogram(1)), (START_MS + 3, common::histogram(2))];
    let data = SeriesData { samples: &floats, histograms: &histograms, exemplars: &[] };
    request.push_series(&labels("m"), &data, &metadata, Some(START_MS - 9));
    let more = SeriesData { samples: &[sample(4)], ..SeriesData::default() };
    request.push_series(&labels("m"), &more, &metadata, None);
    let mut body = Vec::new();
    compress(&request.finish(), &mut body).unwrap();
    let written = (*store).write(&tenant("a"), Protocol::RemoteWrite2, &body).unwrap();
    assert_eq!((written.samples, written.histograms, written.rejected.as_ref().unwrap().count), (3, 1, 2));
    written.wait().unwrap();
    for _ in 0..2 {
        assert_eq!(store.get("m"), "0:1^-9 2:1^-9 3:h2^-9 4:1");
        assert_eq!(store.reader(&tenant("a")).metadata()["m"], std::slice::from_ref(&metadata));
        store.kill_and_reopen();
    }
    assert_eq!((store.report.replayed_samples, store.stats().head_series), (4, 1));
}
