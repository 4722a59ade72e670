//! The protobuf oracle is `prost`, by messages declared here from the specification.

use bongsu_model::{Exemplar, FloatHistogram, Labels, MetricMetadata, MetricType};
use proptest::prelude::*;
use prost::Message;

use super::super::{DecodeError, ExemplarError, SeriesData};
use super::*;

#[derive(Clone, PartialEq, Message)]
struct PbRequest {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<PbSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct PbSeries {
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<PbSample>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    histograms: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "4")]
    exemplars: Vec<PbExemplar>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<PbMetadata>,
    #[prost(int64, tag = "6")]
    created_timestamp: i64,
    #[prost(fixed32, tag = "90")]
    unknown: u32,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PbSample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
    #[prost(int64, tag = "3")]
    start_timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct PbExemplar {
    #[prost(uint32, repeated, packed = "false", tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PbMetadata {
    #[prost(int32, tag = "1")]
    metric_type: i32,
    #[prost(uint32, tag = "3")]
    help_ref: u32,
    #[prost(uint32, tag = "4")]
    unit_ref: u32,
}

/// Everything that a walk sees.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    labels: Vec<(String, String)>,
    samples: Vec<Sample>,
    exemplars: Vec<Exemplar>,
    metadata: MetricMetadata,
}

fn walk(bytes: &[u8]) -> Result<Vec<Result<Seen, String>>, DecodeError> {
    let request = Request::parse(bytes, 1 << 20)?;
    request.series().map(|series| see(&series?)).collect()
}

/// Outside: broken framing. Inside: references that lead nowhere.
fn see(series: &TimeSeries<'_, '_>) -> Result<Result<Seen, String>, DecodeError> {
    let samples = series.samples().collect::<Result<_, _>>()?;
    let exemplars: Vec<_> = series.exemplars().collect::<Result<_, _>>()?;
    for histogram in series.histograms() {
        histogram?;
    }
    let look_up = || {
        let labels = series.labels()?.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (metric_type, help, unit) = series.metadata()?;
        let metadata = MetricMetadata { metric_type, help: help.to_owned(), unit: unit.to_owned() };
        Ok::<_, SymbolError>((labels, metadata))
    };
    let looked_up = look_up().map_err(|error| error.to_string());
    Ok(looked_up.and_then(|(labels, metadata)| {
        let exemplars =
            exemplars.into_iter().collect::<Result<_, ExemplarError>>().map_err(|error| error.to_string())?;
        Ok(Seen { labels, samples, exemplars, metadata })
    }))
}

/// What a walk should see of a message.
fn expected(request: &PbRequest, series: &PbSeries) -> Seen {
    let text = |at: u32| request.symbols[at as usize].clone();
    let pairs = |refs: &[u32]| refs.chunks(2).map(|pair| (text(pair[0]), text(pair[1]))).collect::<Vec<_>>();
    let start_ms = |own: i64| [own, series.created_timestamp].into_iter().find(|start| *start != 0);
    let exemplar = |e: &PbExemplar| Exemplar {
        labels: Labels::from_pairs(pairs(&e.labels_refs)),
        value: e.value,
        timestamp_ms: e.timestamp,
    };
    let sample =
        |s: &PbSample| Sample { timestamp_ms: s.timestamp, value: s.value, start_ms: start_ms(s.start_timestamp) };
    let metadata = series.metadata.unwrap_or_default();
    Seen {
        labels: pairs(&series.labels_refs),
        samples: series.samples.iter().map(sample).collect(),
        exemplars: series.exemplars.iter().map(exemplar).collect(),
        metadata: MetricMetadata {
            metric_type: super::super::metadata::METRIC_TYPES[metadata.metric_type as usize],
            help: text(metadata.help_ref),
            unit: text(metadata.unit_ref),
        },
    }
}

fn refs(pairs: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(prop::array::uniform2(0..4_u32), pairs).prop_map(|pairs| pairs.concat())
}

fn series() -> impl Strategy<Value = PbSeries> {
    let sample = (-1e300..1e300_f64, any::<i64>(), 0..3_i64).prop_map(|(value, timestamp, start_timestamp)| PbSample {
        value,
        timestamp,
        start_timestamp,
    });
    let exemplar = (refs(0..3), any::<i64>()).prop_map(|(labels_refs, timestamp)| PbExemplar {
        labels_refs,
        value: 0.25,
        timestamp,
    });
    let metadata = (0..8_i32, 0..4_u32, 0..4_u32).prop_map(|(metric_type, help_ref, unit_ref)| PbMetadata {
        metric_type,
        help_ref,
        unit_ref,
    });
    (
        refs(0..5),
        prop::collection::vec(sample, 0..4),
        prop::collection::vec(exemplar, 0..3),
        prop::option::of(metadata),
        0..2_i64,
        any::<u32>(),
    )
        .prop_map(|(labels_refs, samples, exemplars, metadata, created_timestamp, unknown)| PbSeries {
            labels_refs,
            samples,
            histograms: vec![],
            exemplars,
            metadata,
            created_timestamp,
            unknown,
        })
}

fn request() -> impl Strategy<Value = PbRequest> {
    (prop::collection::vec("\\PC{0,20}", 3), prop::collection::vec(series(), 0..5)).prop_map(|(texts, timeseries)| {
        PbRequest { symbols: std::iter::once(String::new()).chain(texts).collect(), timeseries }
    })
}

proptest! {
    #[test]
    fn reads_what_prost_writes(request in request()) {
        let seen: Result<Vec<_>, _> = walk(&request.encode_to_vec()).unwrap().into_iter().collect();
        let expected: Vec<_> = request.timeseries.iter().map(|series| expected(&request, series)).collect();
        prop_assert_eq!(seen.unwrap(), expected);
    }

    #[test]
    fn series_may_stand_in_front_of_the_symbols(request in request()) {
        let series = PbRequest { symbols: vec![], ..request.clone() }.encode_to_vec();
        let symbols = PbRequest { timeseries: vec![], ..request.clone() }.encode_to_vec();
        let turned = walk(&[series, symbols].concat()).unwrap();
        prop_assert_eq!(turned, walk(&request.encode_to_vec()).unwrap());
    }

    #[test]
    fn the_builder_writes_what_is_read_back(request in request(), start_ms in prop::option::of(1..9_i64)) {
        let mut builder = RequestBuilder::new();
        let mut sent = Vec::new();
        for series in &request.timeseries {
            let mut seen = expected(&request, series);
            seen.samples.iter_mut().for_each(|sample| sample.start_ms = start_ms);
            let samples: Vec<_> = seen
                .samples
                .iter()
                .map(|s| bongsu_model::Sample { timestamp_ms: s.timestamp_ms, value: s.value })
                .collect();
            let data = SeriesData { samples: &samples, exemplars: &seen.exemplars, histograms: &[] };
            let labels = seen.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            builder.push_series(labels, &data, &seen.metadata, start_ms);
            sent.push(seen);
        }
        let bytes = builder.finish();
        let seen: Result<Vec<_>, _> = walk(&bytes).unwrap().into_iter().collect();
        prop_assert_eq!(seen.unwrap(), sent);
        let mut symbols = PbRequest::decode(&*bytes).unwrap().symbols;
        let count = symbols.len();
        prop_assert_eq!(symbols.first().map(String::as_str), Some(""));
        symbols.sort();
        symbols.dedup();
        prop_assert_eq!(symbols.len(), count, "each text stands once");
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = walk(&bytes);
    }

    #[test]
    fn a_torn_request_is_answered(request in request(), cut in 0_usize..500) {
        let bytes = request.encode_to_vec();
        let _ = walk(&bytes[..cut.min(bytes.len())]);
    }
}

fn pb(symbols: &[&str], series: PbSeries) -> Vec<u8> {
    let symbols = symbols.iter().copied().map(str::to_owned).collect();
    PbRequest { symbols, timeseries: vec![series] }.encode_to_vec()
}

#[test]
fn references_that_lead_nowhere_are_named_and_cost_their_series_only() {
    let series = |labels_refs: &[u32]| PbSeries { labels_refs: labels_refs.to_vec(), ..PbSeries::default() };
    let metadata =
        |help_ref| PbSeries { metadata: Some(PbMetadata { metric_type: 1, help_ref, unit_ref: 0 }), ..series(&[1, 2]) };
    let exemplar = PbExemplar { labels_refs: vec![1], value: 0.0, timestamp: 0 };
    let with_exemplar = PbSeries { exemplars: vec![exemplar], ..series(&[1, 2]) };
    for (bad, text) in [
        (series(&[1, 2, 1]), "labels_refs has 3 entries, which is no even number"),
        (series(&[1, 3]), "reference 3 is beyond the table of 3 symbols"),
        (metadata(9), "reference 9 is beyond the table of 3 symbols"),
        (with_exemplar, "exemplar: labels_refs has 1 entries, which is no even number"),
    ] {
        let mut request = PbRequest::decode(&*pb(&["", "__name__", "up"], bad)).unwrap();
        request.timeseries.push(series(&[1, 2]));
        let seen = walk(&request.encode_to_vec()).unwrap();
        assert_eq!(seen[0].as_ref().unwrap_err(), text);
        assert_eq!(seen[1].as_ref().unwrap().labels, [("__name__".to_owned(), "up".to_owned())]);
    }
}

#[test]
fn the_table_begins_with_the_empty_text_and_has_a_bound() {
    let error = walk(&pb(&["up"], PbSeries::default())).unwrap_err();
    assert_eq!(error.to_string(), "table of symbols does not begin with the empty text at byte 4 of the decoded body");
    let bytes = pb(&["", "a", "b"], PbSeries::default());
    assert!(Request::parse(&bytes, 48).is_ok());
    assert!(matches!(Request::parse(&bytes, 47), Err(DecodeError::TooLarge { declared_bytes: 48, bytes_max: 47 })));
    // Bytes of a 1.0 request hold fields that 2.0 does not know.
    let mut old = super::super::WriteRequestBuilder::new();
    old.push_series([("__name__", "up")], &[bongsu_model::Sample { timestamp_ms: 1, value: 1.0 }]);
    assert!(walk(old.as_bytes()).unwrap().is_empty());
}

#[test]
fn histograms_carry_their_start() {
    let histogram = FloatHistogram { count: 1.0, zero_count: 1.0, ..FloatHistogram::default() };
    let data = SeriesData { histograms: &[(7, histogram.clone())], ..SeriesData::default() };
    let metadata = MetricMetadata { metric_type: MetricType::Histogram, ..MetricMetadata::default() };
    let mut builder = RequestBuilder::new();
    builder.push_series([("__name__", "latency")], &data, &metadata, Some(3));
    let bytes = builder.finish();
    let request = Request::parse(&bytes, 1 << 20).unwrap();
    let series = request.series().next().unwrap().unwrap();
    let read = series.histograms().next().unwrap().unwrap();
    assert_eq!((read.timestamp_ms, read.start_ms, read.histogram), (7, Some(3), Ok(histogram)));
    assert_eq!((series.histogram_count(), series.sample_count()), (1, 0));

    // Drafts of 2.0 had one for the whole series: 5, where the histogram has none of its own.
    for (own, expected) in [(None, 5), (Some(3), 3)] {
        let mut message = Vec::new();
        super::super::histogram::push_histogram(&mut message, 7, own, &FloatHistogram::default());
        let histograms = vec![message];
        let bytes = pb(&[""], PbSeries { histograms, created_timestamp: 5, ..PbSeries::default() });
        let request = Request::parse(&bytes, 1 << 20).unwrap();
        let series = request.series().next().unwrap().unwrap();
        assert_eq!(series.histograms().next().unwrap().unwrap().start_ms, Some(expected));
    }
}
