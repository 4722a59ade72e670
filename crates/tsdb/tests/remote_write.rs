//! Stories of what requests can hold besides floats: native histograms, exemplars, and all of remote write 2.0.
#![allow(clippy::unwrap_used, reason = "a panic in a test is the failure message")]

mod common;

use bongsu_model::{
    BucketSpan, Exemplar, FloatHistogram, Labels, MatchOp, Matcher, MetricMetadata, MetricType, Sample, SampleBuffer,
    Selection, Source,
};
use bongsu_tsdb::{Protocol, RejectReason, WriteErrorKind, Written};
use bongsu_wire::remote_write::{SeriesData, WriteRequestBuilder, compress, v2};
use common::{START_MS, TestStore, labels, tenant};

/// `count` observations of 1, each in bucket 0.
fn histogram(count: f64) -> FloatHistogram {
    FloatHistogram {
        count,
        sum: count,
        positive_spans: vec![BucketSpan { offset: 0, length: 1 }],
        positive_buckets: vec![count],
        ..FloatHistogram::default()
    }
}

fn exemplar(at_ms: i64, value: f64, id: &str) -> Exemplar {
    Exemplar { labels: Labels::from_pairs([("trace_id", id)]), value, timestamp_ms: START_MS + at_ms }
}

/// A series of exemplars alone.
fn only(exemplars: &[Exemplar]) -> SeriesData<'_> {
    SeriesData { exemplars, ..SeriesData::default() }
}

fn sample(at_ms: i64, value: f64) -> Sample {
    Sample { timestamp_ms: START_MS + at_ms, value }
}

fn send(store: &TestStore, protocol: Protocol, raw: &[u8]) -> Written {
    let mut body = Vec::new();
    compress(raw, &mut body).unwrap();
    let mut written = (**store).write(&tenant("a"), protocol, &body).unwrap();
    if let Some(commit) = written.commit.take() {
        commit.wait().unwrap();
    }
    written
}

/// One series by remote write 1.0.
fn push(store: &TestStore, series: &str, data: SeriesData<'_>) -> Written {
    let mut request = WriteRequestBuilder::new();
    request.push_series_data(&labels(series), &data);
    send(store, Protocol::RemoteWrite1, request.as_bytes())
}

/// Series by remote write 2.0, each with metadata.
fn push_2(store: &TestStore, series: &[(&str, SeriesData<'_>, MetricMetadata)]) -> Written {
    let mut request = v2::RequestBuilder::new();
    for (labels_text, data, metadata) in series {
        request.push_series(&labels(labels_text), data, metadata, Some(START_MS - 1));
    }
    send(store, Protocol::RemoteWrite2, &request.finish())
}

fn metadata(metric_type: MetricType, help: &str) -> MetricMetadata {
    MetricMetadata { metric_type, help: help.to_owned(), unit: String::new() }
}

/// The samples of both kinds of a series: `time:value` and `time:count/sum`, relative to the start.
fn all_of(store: &TestStore, series: &str) -> String {
    let wanted = labels(series);
    let selection = Selection { matchers: vec![], start_ms: i64::MIN, end_ms: i64::MAX, series_max: 100 };
    let reader = store.reader(&tenant("a"));
    let set = reader.select(&selection).unwrap();
    let mut buffer = SampleBuffer::default();
    if let Some(place) = (0..set.len()).find(|place| set.labels(*place).unwrap() == wanted) {
        set.read(place, &mut buffer).unwrap();
    }
    let floats = buffer.timestamps_ms.iter().zip(&buffer.values).map(|(time, value)| (*time, value.to_string()));
    let histograms = buffer.histograms.iter().map(|(time, h)| (*time, format!("{}/{}", h.count, h.sum)));
    let mut all: Vec<_> = floats.chain(histograms).collect();
    all.sort();
    all.iter().map(|(time, text)| format!("{}:{text}", time - START_MS)).collect::<Vec<_>>().join(" ")
}

/// `series: time/id …` of the exemplars of a metric.
fn exemplars_of(store: &TestStore, metric: &str) -> Vec<String> {
    let sets = [vec![Matcher::new("__name__", MatchOp::Equal, metric).unwrap()]];
    let found = store.reader(&tenant("a")).exemplars(&sets, i64::MIN, i64::MAX);
    let text = |e: &Exemplar| format!("{}/{}", e.timestamp_ms - START_MS, e.labels.get("trace_id").unwrap_or("-"));
    let texts = |(series, all): &(Labels, Vec<Exemplar>)| {
        format!("{series}: {}", all.iter().map(text).collect::<Vec<_>>().join(" "))
    };
    found.iter().map(texts).collect()
}

#[test]
fn histograms_are_taken_beside_floats_and_come_back_after_a_restart() {
    let mut store = TestStore::new();
    let written = push(
        &store,
        "latency",
        SeriesData {
            samples: &[sample(0, 0.5)],
            histograms: &[(START_MS + 10, histogram(1.0)), (START_MS + 20, histogram(3.0))],
            exemplars: &[],
        },
    );
    assert_eq!((written.samples, written.histograms), (1, 2));
    // The last write of a time wins, of whatever kind.
    push(&store, "latency", SeriesData { samples: &[sample(10, 7.0)], ..SeriesData::default() });
    for _ in 0..2 {
        assert_eq!(all_of(&store, "latency"), "0:0.5 10:7 20:3/3");
        store.kill_and_reopen();
    }
    assert_eq!(store.report.replayed_samples, 4);
}

#[test]
fn a_bad_histogram_costs_itself_only_and_stays_away_after_a_restart() {
    let mut store = TestStore::with(|options| options.limits.series_per_tenant_max = 1);
    let mismatch = FloatHistogram { positive_buckets: vec![1.0, 1.0], ..histogram(2.0) };
    let year_ms = 365 * 24 * 3_600_000;
    let written = push(
        &store,
        "latency",
        SeriesData {
            histograms: &[
                (START_MS, histogram(1.0)),
                (START_MS + 1, mismatch),
                (START_MS - year_ms, histogram(1.0)),
                (START_MS + year_ms, histogram(1.0)),
            ],
            samples: &[sample(5, 5.0)],
            exemplars: &[exemplar(5, 1.0, "x")],
        },
    );
    let rejected = written.rejected.unwrap();
    assert_eq!((written.samples, written.histograms, written.exemplars, rejected.count), (1, 1, 1, 3));
    assert_eq!((rejected.reason, rejected.series.as_str()), (RejectReason::InvalidHistogram, "latency"));
    assert!(
        rejected.message.starts_with("positive spans need 1 buckets, there are 2, at byte "),
        "{}",
        rejected.message
    );
    let beyond =
        push(&store, "other", SeriesData { histograms: &[(START_MS, histogram(1.0))], ..SeriesData::default() });
    let rejected = beyond.rejected.unwrap();
    assert_eq!((rejected.reason, rejected.count), (RejectReason::SeriesLimit, 1));
    for _ in 0..2 {
        assert_eq!(all_of(&store, "latency"), "0:1/1 5:5");
        assert_eq!(all_of(&store, "other"), "");
        assert_eq!(exemplars_of(&store, "latency"), ["latency: 5/x"]);
        store.kill_and_reopen();
    }
}

#[test]
fn exemplars_are_kept_found_and_forgotten() {
    let mut store = TestStore::with(|options| options.limits.exemplars_per_tenant_max = 3);
    // Prometheus sends exemplars as series of their own, and again after a lost answer.
    push(&store, "m job=b", SeriesData { samples: &[sample(0, 1.0)], ..SeriesData::default() });
    let first = [exemplar(0, 1.0, "x"), exemplar(5, 1.0, "y")];
    assert_eq!(push(&store, "m job=b", only(&first)).exemplars, 2);
    assert_eq!(push(&store, "m job=b", only(&first)).exemplars, 2);
    let late = push(&store, "m job=b", only(&[exemplar(2, 1.0, "late")]));
    assert_eq!((late.exemplars, late.out_of_order_exemplars, late.rejected.is_none()), (0, 1, true));
    let far = push(&store, "m job=b", only(&[exemplar(1 << 40, 1.0, "far"), exemplar(9, 1.0, &"long".repeat(40))]));
    assert_eq!((far.exemplars, far.commit.is_none()), (0, true));
    push(&store, "m job=a", only(&[exemplar(1, 1.0, "z")]));
    push(&store, "other", only(&[]));
    for _ in 0..2 {
        assert_eq!(exemplars_of(&store, "m"), [r#"m{job="a"}: 1/z"#, r#"m{job="b"}: 0/x 5/y"#]);
        store.kill_and_reopen();
    }
    push(&store, "m job=a", only(&[exemplar(3, 1.0, "w")]));
    assert_eq!(exemplars_of(&store, "m"), [r#"m{job="a"}: 1/z 3/w"#, r#"m{job="b"}: 5/y"#]);
    assert_eq!((store.stats().held_exemplars, store.stats().exemplars), (3, 1));
    // When the log is cut, a file has them.
    store.flush().unwrap();
    push(&store, "m job=a", only(&[exemplar(4, 1.0, "v")]));
    for _ in 0..2 {
        assert_eq!(exemplars_of(&store, "m"), [r#"m{job="a"}: 1/z 3/w 4/v"#]);
        store.close();
        store.open_again();
    }
    std::fs::write(store.tenant_dir("a").join("exemplars"), b"BGSEXEM1 damaged").unwrap();
    store.kill_and_reopen();
    assert!(store.report.damaged[0].ends_with("exemplars: checksum mismatch"), "{:?}", store.report.damaged);
    assert!(exemplars_of(&store, "m").is_empty());
    let none = store.reader(&tenant("a")).exemplars(&[vec![]], START_MS + 6, i64::MAX);
    assert!(none.is_empty(), "{none:?}");
}

#[test]
fn remote_write_2_goes_the_same_way_as_1() {
    let mut store = TestStore::new();
    let help = |text| metadata(MetricType::Histogram, text);
    push(&store, "m_sum job=a", SeriesData { samples: &[sample(0, 1.0)], ..SeriesData::default() });
    let written = push_2(
        &store,
        &[
            ("m_sum job=a", SeriesData { samples: &[sample(1, 2.0)], ..SeriesData::default() }, help("how long")),
            ("m_count job=a", SeriesData { samples: &[sample(1, 3.0)], ..SeriesData::default() }, help("how long")),
            (
                "m job=a",
                SeriesData { histograms: &[(START_MS + 1, histogram(2.0))], ..SeriesData::default() },
                help("how long"),
            ),
            ("m job=a", SeriesData { exemplars: &[exemplar(1, 1.0, "x")], ..SeriesData::default() }, help("how long")),
            ("up", SeriesData { samples: &[sample(1, 1.0)], ..SeriesData::default() }, MetricMetadata::default()),
        ],
    );
    assert_eq!((written.samples, written.histograms, written.exemplars), (3, 1, 1));
    assert!(written.rejected.is_none());
    assert_eq!(store.stats().head_series, 4, "the same labels are the same series in both");
    for _ in 0..2 {
        assert_eq!(all_of(&store, "m_sum job=a"), "0:1 1:2");
        assert_eq!(all_of(&store, "m_count job=a"), "1:3");
        assert_eq!(all_of(&store, "m job=a"), "1:2/2");
        assert_eq!(exemplars_of(&store, "m"), [r#"m{job="a"}: 1/x"#]);
        let known = store.reader(&tenant("a")).metadata();
        assert_eq!(known.into_iter().collect::<Vec<_>>(), [("m".to_owned(), vec![help("how long")])]);
        store.kill_and_reopen();
    }
}

#[test]
fn a_partly_bad_request_of_2_keeps_its_good_part() {
    let mut store = TestStore::new();
    let one = |at| [sample(at, 1.0)];
    let mut request = v2::RequestBuilder::new();
    let none = MetricMetadata::default();
    let counter = metadata(MetricType::Counter, "how many");
    let samples = &one(0);
    request.push_series(&labels("good job=a"), &SeriesData { samples, ..SeriesData::default() }, &counter, None);
    // Names need not be sorted, but may not stand twice.
    let unsorted = [("job", "a"), ("__name__", "turned"), ("empty", "")];
    let exemplars = &[exemplar(0, 1.0, "x")];
    request.push_series(unsorted, &SeriesData { samples, exemplars, ..SeriesData::default() }, &none, None);
    request.push_series([("a", "1"), ("a", "2")], &SeriesData { samples, ..SeriesData::default() }, &none, None);
    request.push_series([], &SeriesData { samples, ..SeriesData::default() }, &none, None);
    let mut raw = request.finish();
    // A series of one sample whose labels lead nowhere: references 100 and 101.
    raw.extend_from_slice(b"\x2a\x06\x0a\x02\x64\x65\x12\x00");
    let written = send(&store, Protocol::RemoteWrite2, &raw);
    let rejected = written.rejected.unwrap();
    assert_eq!((written.samples, written.exemplars, rejected.count), (2, 1, 3));
    assert_eq!(rejected.message, "reference 101 is beyond the table of 12 symbols");
    for _ in 0..2 {
        assert_eq!((all_of(&store, "good job=a"), all_of(&store, "turned job=a")), ("0:1".into(), "0:1".into()));
        assert_eq!(exemplars_of(&store, "turned"), [r#"turned{job="a"}: 0/x"#]);
        assert_eq!(store.reader(&tenant("a")).metadata()["good"], std::slice::from_ref(&counter));
        store.kill_and_reopen();
    }
}

#[test]
fn short_references_to_long_texts_have_a_bound() {
    let store = TestStore::with(|options| options.limits.request_decoded_bytes_max = 1 << 20);
    let mut request = v2::RequestBuilder::new();
    let long = "x".repeat(10_000);
    for place in 0..200 {
        let labels = [("__name__", long.as_str()), ("place", &place.to_string())];
        let data = SeriesData { samples: &[sample(0, 1.0)], ..SeriesData::default() };
        request.push_series(labels, &data, &MetricMetadata::default(), None);
    }
    let mut body = Vec::new();
    compress(&request.finish(), &mut body).unwrap();
    let error = (*store).write(&tenant("a"), Protocol::RemoteWrite2, &body).unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::TooLarge);
    // The body of one protocol is not one of the other.
    let error = (*store).write(&tenant("a"), Protocol::RemoteWrite2, b"\x02\x00\x22\x01").unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Malformed);
}
