//! The protobuf oracle is `prost`, by messages declared here from the specification.

use bongsu_model::{Exemplar, FloatHistogram, MetricMetadata, MetricType, Sample};
use proptest::prelude::*;
use prost::Message;

use super::*;

#[derive(Clone, PartialEq, Message)]
struct PbRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<PbSeries>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<PbMetadata>,
}

#[derive(Clone, PartialEq, Message)]
struct PbSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<PbLabel>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<PbSample>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    exemplars: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "4")]
    histograms: Vec<Vec<u8>>,
    #[prost(fixed32, tag = "90")]
    unknown: u32,
}

#[derive(Clone, PartialEq, Message)]
struct PbLabel {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct PbSample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct PbMetadata {
    #[prost(int32, tag = "1")]
    metric_type: i32,
    #[prost(string, tag = "2")]
    metric_family_name: String,
    #[prost(string, tag = "4")]
    help: String,
    #[prost(string, tag = "5")]
    unit: String,
}

/// What our walk sees, in the oracle's words.
fn walk(bytes: &[u8]) -> Result<PbRequest, DecodeError> {
    let mut request = PbRequest::default();
    for item in WriteRequest::new(bytes) {
        match item? {
            Item::Series(series) => request.timeseries.push(PbSeries {
                labels: series.labels().map(pb_label).collect::<Result<_, _>>()?,
                samples: series
                    .samples()
                    .map(|sample| sample.map(|s| PbSample { value: s.value, timestamp: s.timestamp_ms }))
                    .collect::<Result<_, _>>()?,
                exemplars: vec![Vec::new(); series.exemplar_count()],
                histograms: vec![Vec::new(); series.histogram_count()],
                unknown: 0,
            }),
            Item::Metadata(metadata) => request.metadata.push(PbMetadata {
                metric_type: metadata.metric_type as i32,
                metric_family_name: metadata.metric.to_owned(),
                help: metadata.help.to_owned(),
                unit: metadata.unit.to_owned(),
            }),
        }
    }
    Ok(request)
}

fn pb_label(label: Result<(&str, &str), DecodeError>) -> Result<PbLabel, DecodeError> {
    label.map(|(name, value)| PbLabel { name: name.to_owned(), value: value.to_owned() })
}

/// Contents that our walk does not look into are not compared.
fn without_opaque(mut request: PbRequest) -> PbRequest {
    for series in &mut request.timeseries {
        series.exemplars.iter_mut().chain(&mut series.histograms).for_each(Vec::clear);
        series.unknown = 0;
    }
    request
}

fn series() -> impl Strategy<Value = PbSeries> {
    let label = ("[a-z_]{0,12}", "\\PC{0,200}").prop_map(|(name, value)| PbLabel { name, value });
    let sample = (-1e300..1e300_f64, any::<i64>()).prop_map(|(value, timestamp)| PbSample { value, timestamp });
    let opaque = || prop::collection::vec(prop::collection::vec(any::<u8>(), 0..8), 0..3);
    (prop::collection::vec(label, 0..8), prop::collection::vec(sample, 0..5), opaque(), opaque(), any::<u32>())
        .prop_map(|(labels, samples, exemplars, histograms, unknown)| PbSeries {
            labels,
            samples,
            exemplars,
            histograms,
            unknown,
        })
}

fn request() -> impl Strategy<Value = PbRequest> {
    let metadata = (0..8_i32, "[a-z_]{1,9}", "\\PC{0,30}", "[a-z]{0,5}").prop_map(
        |(metric_type, metric_family_name, help, unit)| PbMetadata { metric_type, metric_family_name, help, unit },
    );
    (prop::collection::vec(series(), 0..6), prop::collection::vec(metadata, 0..3))
        .prop_map(|(timeseries, metadata)| PbRequest { timeseries, metadata })
}

proptest! {
    #[test]
    fn reads_what_prost_writes(request in request()) {
        prop_assert_eq!(walk(&request.encode_to_vec()).unwrap(), without_opaque(request));
    }

    #[test]
    fn prost_reads_what_the_builder_writes(request in request()) {
        let mut builder = WriteRequestBuilder::new();
        for series in &request.timeseries {
            let samples: Vec<Sample> =
                series.samples.iter().map(|s| Sample { timestamp_ms: s.timestamp, value: s.value }).collect();
            builder.push_series(series.labels.iter().map(|l| (l.name.as_str(), l.value.as_str())), &samples);
        }
        for m in &request.metadata {
            let metric_type = metadata::METRIC_TYPES[m.metric_type as usize];
            let metadata = MetricMetadata { metric_type, help: m.help.clone(), unit: m.unit.clone() };
            builder.push_metadata(&m.metric_family_name, &metadata);
        }
        let mut compressed = Vec::new();
        compress(builder.as_bytes(), &mut compressed).unwrap();
        let mut raw = Vec::new();
        let decoded = decompress(&compressed, 1 << 20, &mut raw).unwrap();
        prop_assert_eq!(decoded, builder.as_bytes());
        let mut expected = request;
        for series in &mut expected.timeseries {
            (series.exemplars, series.histograms, series.unknown) = (Vec::new(), Vec::new(), 0);
        }
        prop_assert_eq!(PbRequest::decode(decoded).unwrap(), expected);
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = walk(&bytes);
        for item in WriteRequest::new(&bytes).flatten() {
            if let Item::Series(series) = item {
                prop_assert!(series.exemplars().filter(Result::is_ok).count() <= series.exemplar_count());
                prop_assert!(series.histograms().filter(Result::is_ok).count() <= series.histogram_count());
            }
        }
        let _ = labels_of_span(&bytes).count();
        let _ = decompress(&bytes, 1 << 20, &mut Vec::new());
    }

    #[test]
    fn a_torn_request_never_panics_and_what_stands_before_the_tear_is_read(request in request(), cut in 0_usize..500) {
        let bytes = request.encode_to_vec();
        let cut = cut.min(bytes.len());
        let whole = WriteRequest::new(&bytes[..cut]).filter(Result::is_ok).count();
        prop_assert!(whole <= request.timeseries.len() + request.metadata.len());
        let mut torn = WriteRequest::new(&bytes[..cut]);
        if torn.by_ref().any(|item| item.is_err()) {
            prop_assert!(torn.next().is_none(), "the walk is over after an error");
        }
    }
}

fn only_series(bytes: &[u8]) -> TimeSeries<'_> {
    match WriteRequest::new(bytes).next() {
        Some(Ok(Item::Series(series))) => series,
        other => panic!("expected a series, got {other:?}"),
    }
}

#[test]
fn the_label_span_is_kept_as_it_came_and_reads_again() {
    let mut builder = WriteRequestBuilder::new();
    builder.push_series([("__name__", "up"), ("job", "node")], &[Sample { timestamp_ms: 7, value: 1.0 }]);
    let bytes = builder.finish();
    let series = only_series(&bytes);
    let pairs: Vec<_> = labels_of_span(series.label_span()).collect::<Result<_, _>>().unwrap();
    assert_eq!(pairs, [("__name__", "up"), ("job", "node")]);
    assert_eq!((series.label_count(), series.sample_count(), series.histogram_count()), (2, 1, 0));

    let mut again = WriteRequestBuilder::new();
    let samples = &[Sample { timestamp_ms: 7, value: 1.0 }];
    again.push_span(series.label_span(), &SeriesData { samples, ..SeriesData::default() });
    assert_eq!(again.as_bytes(), bytes);
}

#[test]
fn labels_with_a_sample_between_them_have_no_span_but_are_all_read() {
    // label a=b, an empty sample, label c=d
    let series = b"\x0a\x06\x0a\x01a\x12\x01b\x12\x00\x0a\x06\x0a\x01c\x12\x01d";
    let mut bytes = vec![0x0a, series.len() as u8];
    bytes.extend_from_slice(series);
    let series = only_series(&bytes);
    assert_eq!(series.label_span(), b"");
    assert_eq!(series.labels().collect::<Result<Vec<_>, _>>().unwrap(), [("a", "b"), ("c", "d")]);
    assert_eq!(series.samples().map(Result::unwrap).collect::<Vec<_>>(), [Sample { timestamp_ms: 0, value: 0.0 }]);
}

#[test]
fn errors_say_where() {
    for (bytes, text) in [
        (&b"\x0a\x80"[..], "truncated varint at byte 1 of the decoded body"),
        (b"\x0a\x05\x0a", "length beyond the end of the message at byte 2 of the decoded body"),
        (b"\x0a\x02\x0a\x09", "length beyond the end of the message at byte 4 of the decoded body"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "varint of more than 64 bits at byte 0 of the decoded body"),
        (b"\x0b", "unsupported wire type at byte 1 of the decoded body"),
        (b"\x00\x00", "field number 0 at byte 1 of the decoded body"),
        (b"\x0a\x05\x0a\x03\x0a\x01\xff", "invalid UTF-8 at byte 6 of the decoded body"),
        (b"\x0a\x05\x12\x03\x09\x01\x02", "truncated 8-byte value at byte 5 of the decoded body"),
    ] {
        assert_eq!(walk(bytes).unwrap_err().to_string(), text, "{bytes:?}");
    }
}

#[test]
fn a_declared_length_is_checked_before_it_is_believed() {
    let mut out = vec![1, 2, 3];
    let mut compressed = Vec::new();
    compress(&[7; 1000], &mut compressed).unwrap();
    assert_eq!(decompress(&compressed, 1000, &mut out).unwrap(), [7; 1000]);
    assert_eq!(
        decompress(&compressed, 999, &mut out).unwrap_err().to_string(),
        "request body of 1000 bytes after decompression is larger than the limit of 999 bytes"
    );
    assert!(out.is_empty());
    // A header of 2 GiB with nothing behind it.
    let bomb = [0x80, 0x80, 0x80, 0x80, 0x08];
    let error = decompress(&bomb, usize::MAX, &mut out).unwrap_err();
    assert!(matches!(error, DecodeError::Snappy { .. }), "{error}");
    assert!(out.capacity() < 4096);
}

#[test]
fn metadata_of_an_unknown_kind_is_unknown() {
    let item = WriteRequest::new(b"\x1a\x06\x08\x63\x12\x02up").next().unwrap().unwrap();
    let Item::Metadata(metadata) = item else { panic!("expected metadata, got {item:?}") };
    assert_eq!((metadata.metric, metadata.metric_type), ("up", MetricType::Unknown));
}

#[test]
fn exemplars_and_histograms_are_read_back() {
    let exemplar = |id: &str, timestamp_ms| Exemplar {
        labels: bongsu_model::Labels::from_pairs([("trace_id", id)]),
        value: 0.5,
        timestamp_ms,
    };
    let histogram = FloatHistogram { sum: 2.5, count: 3.0, zero_count: 3.0, schema: 1, ..FloatHistogram::default() };
    let data = SeriesData {
        samples: &[Sample { timestamp_ms: 5, value: 1.0 }],
        histograms: &[(6, histogram.clone())],
        exemplars: &[exemplar("a", 1), exemplar("b", 2)],
    };
    let mut builder = WriteRequestBuilder::new();
    builder.push_series_data([("__name__", "latency")], &data);
    let bytes = builder.finish();
    let series = only_series(&bytes);
    let read: Vec<_> = series.exemplars().map(|read| read.unwrap().unwrap()).collect();
    assert_eq!(read, data.exemplars);
    let read: Vec<_> = series.histograms().map(Result::unwrap).collect();
    assert_eq!(read.len(), 1);
    assert_eq!((read[0].timestamp_ms, &read[0].histogram), (6, &Ok(histogram)));
    assert_eq!(series.samples().map(Result::unwrap).collect::<Vec<_>>(), data.samples);

    // 128 characters of labels are taken, one more is not.
    for (chars, expected) in [(120, Ok(())), (121, Err(ExemplarError::LabelsTooLong))] {
        let mut builder = WriteRequestBuilder::new();
        let exemplars = &[exemplar(&"한".repeat(chars), 1)];
        builder.push_series_data([("a", "b")], &SeriesData { exemplars, ..SeriesData::default() });
        let bytes = builder.finish();
        let read = only_series(&bytes).exemplars().next().unwrap().unwrap();
        assert_eq!(read.map(drop), expected, "{chars}");
    }
}
