//! Requests in, answers out; prost is the oracle of the messages, and a chunk of Prometheus' own of the encoding.

use std::sync::Arc;

use bongsu_model::{FloatHistogram, MatchOp, SampleBuffer};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::remote_read::xor;

#[derive(Clone, PartialEq, Message)]
struct ProtoRequest {
    #[prost(message, repeated, tag = "1")]
    queries: Vec<ProtoQuery>,
    #[prost(int32, repeated, tag = "2")]
    accepted: Vec<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct ProtoQuery {
    #[prost(int64, tag = "1")]
    start: i64,
    #[prost(int64, tag = "2")]
    end: i64,
    #[prost(message, repeated, tag = "3")]
    matchers: Vec<ProtoMatcher>,
}

#[derive(Clone, PartialEq, Message)]
struct ProtoMatcher {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct ProtoLabel {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct ProtoSample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ProtoSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<ProtoLabel>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<ProtoSample>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<ProtoHistogram>,
}

#[derive(Clone, PartialEq, Message)]
struct ProtoHistogram {
    #[prost(double, tag = "2")]
    count: f64,
    #[prost(int64, tag = "15")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ProtoResult {
    #[prost(message, repeated, tag = "1")]
    series: Vec<ProtoSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct ProtoResponse {
    #[prost(message, repeated, tag = "1")]
    results: Vec<ProtoResult>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ProtoChunk {
    #[prost(int64, tag = "1")]
    min_time: i64,
    #[prost(int64, tag = "2")]
    max_time: i64,
    #[prost(int32, tag = "3")]
    pub(super) encoding: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ProtoChunkedSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<ProtoLabel>,
    #[prost(message, repeated, tag = "2")]
    pub(super) chunks: Vec<ProtoChunk>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ProtoChunked {
    #[prost(message, repeated, tag = "1")]
    pub(super) series: Vec<ProtoChunkedSeries>,
    #[prost(int64, tag = "2")]
    query_index: i64,
}

fn matcher(kind: i32, name: &str, value: &str) -> ProtoMatcher {
    ProtoMatcher { kind, name: name.to_owned(), value: value.to_owned() }
}

#[test]
fn a_request_is_read() {
    let matchers = vec![matcher(0, "__name__", "up"), matcher(3, "job", "a|b")];
    let proto = ProtoRequest { queries: vec![ProtoQuery { start: -5, end: 1000, matchers }], accepted: vec![7, 1, 0] };
    let request = ReadRequest::decode(&proto.encode_to_vec()).unwrap();
    let query = &request.queries[0];
    assert_eq!((query.start_ms, query.end_ms), (-5, 1000));
    assert_eq!(query.matchers[1].op(), MatchOp::NotRegex);
    assert!(query.matchers[1].matches("c") && !query.matchers[1].matches("a"));
    assert_eq!(request.response_type(), Some(ResponseType::StreamedXorChunks));
    assert_eq!(ReadRequest::decode(&[]).unwrap().response_type(), Some(ResponseType::Samples));
    assert_eq!(ReadRequest::decode(&[0x10, 9]).unwrap().response_type(), None, "not packed, and not known");
}

#[test]
fn what_a_client_asks_is_what_the_server_reads() {
    let matcher = |op, name, value| bongsu_model::Matcher::new(name, op, value).unwrap();
    let matchers = vec![matcher(MatchOp::Regex, "__name__", "up|down"), matcher(MatchOp::NotEqual, "job", "")];
    let query = Query { start_ms: -5, end_ms: 7, matchers };
    let accepted = [ResponseType::StreamedXorChunks, ResponseType::Samples];
    let request = ReadRequest::decode(&encode_request(&query, &accepted)).unwrap();
    assert_eq!((request.queries[0].start_ms, request.queries[0].end_ms), (-5, 7));
    assert_eq!(format!("{:?}", request.queries[0].matchers), format!("{:?}", query.matchers));
    assert_eq!(request.accepted, accepted);
}

#[test]
fn a_client_reads_both_kinds_of_answers() {
    let mut samples = SampleBuffer::default();
    samples.push(-1, 1.5);
    samples.push(1000, f64::INFINITY);
    let mut frame = Vec::new();
    StreamedSeries::new().write(0, [("a", "b")], &samples, &mut frame);
    // One byte of length, four of checksum.
    let (checksum, message) = (frame[1..5].try_into().unwrap(), &frame[5..]);
    check_frame(message, checksum).unwrap();
    assert!(check_frame(&message[1..], checksum).is_err());
    let (mut read, mut buffer) = (Vec::new(), SampleBuffer::default());
    read_frame::<AnswerError>(message, &mut buffer, |labels, samples| {
        read.push((labels, samples.timestamps_ms.clone(), samples.values.clone()));
        Ok(())
    })
    .unwrap();
    assert_eq!(read, [(vec![("a", "b")], vec![-1, 1000], vec![1.5, f64::INFINITY])]);

    let mut response = ReadResponseBuilder::new();
    samples.histograms.push((2000, Arc::new(FloatHistogram { count: 7.0, ..FloatHistogram::default() })));
    response.push_series([("a", "b")], &samples);
    response.finish_result();
    let (bytes, mut read) = (response.finish(), Vec::new());
    read_response::<AnswerError>(&bytes, |series| {
        let labels: Vec<_> = series.labels().map(Result::unwrap).collect();
        let times: Vec<_> = series.samples().map(|sample| sample.unwrap().timestamp_ms).collect();
        let counts: Vec<_> = series.histograms().map(|h| h.unwrap().histogram.unwrap().count).collect();
        read.push((labels, times, counts));
        Ok(())
    })
    .unwrap();
    assert_eq!(read, [(vec![("a", "b")], vec![-1, 1000], vec![7.0])]);
}

#[test]
fn bad_requests_say_what_is_wrong() {
    let request = |matcher: ProtoMatcher| {
        let query = ProtoQuery { start: 0, end: 0, matchers: vec![matcher] };
        ReadRequest::decode(&ProtoRequest { queries: vec![query], accepted: Vec::new() }.encode_to_vec())
    };
    let error = |outcome: Result<ReadRequest, RequestError>| outcome.unwrap_err().to_string();
    assert_eq!(error(request(matcher(4, "a", "b"))), "invalid matcher type 4");
    assert!(error(request(matcher(2, "a", "("))).starts_with("matcher of label \"a\": error parsing regexp"));
    assert_eq!(
        error(ReadRequest::decode(&[0x0a, 5])),
        "length beyond the end of the message at byte 2 of the decoded body"
    );
    let many = ProtoRequest { queries: vec![ProtoQuery::default(); 101], accepted: Vec::new() };
    assert_eq!(error(ReadRequest::decode(&many.encode_to_vec())), "read request has more than 100 queries");
    let accepted = ProtoRequest { queries: Vec::new(), accepted: vec![1; 17] };
    assert_eq!(
        error(ReadRequest::decode(&accepted.encode_to_vec())),
        "read request has more than 16 accepted response types"
    );
}

#[test]
fn samples_stand_under_their_query() {
    let mut response = ReadResponseBuilder::new();
    assert!(response.is_empty());
    let mut samples = SampleBuffer::default();
    samples.push(-1, 1.5);
    samples.push(1000, f64::INFINITY);
    samples.histograms.push((2000, Arc::new(FloatHistogram { count: 7.0, ..FloatHistogram::default() })));
    response.push_series([("__name__", "up"), ("job", "a")], &samples);
    response.finish_result();
    response.finish_result();
    let decoded = ProtoResponse::decode(response.finish().as_slice()).unwrap();
    assert_eq!(decoded.results.len(), 2);
    let series = &decoded.results[0].series[0];
    assert_eq!((series.labels[1].name.as_str(), series.labels[1].value.as_str()), ("job", "a"));
    assert_eq!((series.samples[0].timestamp, series.samples[0].value), (-1, 1.5));
    assert_eq!((series.histograms[0].timestamp, series.histograms[0].count), (2000, 7.0));
    assert!(decoded.results[1].series.is_empty());
}

/// Takes frames apart and checks their checksums.
pub(super) fn frames(mut bytes: &[u8]) -> Vec<ProtoChunked> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let len = prost::decode_length_delimiter(&mut bytes).unwrap();
        let (checksum, rest) = bytes.split_at(4);
        let (message, rest) = rest.split_at(len);
        assert_eq!(checksum, crc32c::crc32c(message).to_be_bytes());
        all.push(ProtoChunked::decode(message).unwrap());
        bytes = rest;
    }
    all
}

fn floats(timestamps_ms: Vec<i64>, values: Vec<f64>) -> SampleBuffer {
    SampleBuffer { timestamps_ms, values, ..SampleBuffer::default() }
}

#[test]
fn a_series_is_streamed_in_chunks_and_frames() {
    let times: Vec<i64> = (0..250).map(|i| i * 15_000).collect();
    let values: Vec<f64> = (0..250).map(f64::from).collect();
    let mut out = Vec::new();
    StreamedSeries::new().write(3, [("a", "b")], &floats(times, values), &mut out);
    let frames_read = frames(&out);
    assert_eq!((frames_read.len(), frames_read[0].query_index), (1, 3));
    let chunks = &frames_read[0].series[0].chunks;
    let counts: Vec<usize> = chunks.iter().map(|chunk| xor::decode(&chunk.data).0.len()).collect();
    assert_eq!(counts, [120, 120, 10]);
    assert_eq!((chunks[1].min_time, chunks[1].max_time, chunks[1].encoding), (120 * 15_000, 239 * 15_000, 1));

    out.clear();
    StreamedSeries::new().write(0, [("a", "b")], &SampleBuffer::default(), &mut out);
    assert!(out.is_empty(), "no samples, no frame");

    // Random bits do not shrink: two hundred thousand values are more than a frame holds.
    let times: Vec<i64> = (0..200_000).collect();
    let values: Vec<f64> = (0..200_000_u64).map(|i| f64::from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    StreamedSeries::new().write(0, [("a", "b")], &floats(times.clone(), values), &mut out);
    let frames = frames(&out);
    assert!(frames.len() > 1);
    let read: Vec<i64> =
        frames.iter().flat_map(|frame| &frame.series[0].chunks).flat_map(|chunk| xor::decode(&chunk.data).0).collect();
    assert_eq!(read, times);
}

proptest! {
    #[test]
    fn chunks_read_back(
        deltas in prop::collection::vec(prop_oneof![Just(15_000_i64), 0..20_000_i64, 0..i64::MAX / 1000], 0..200),
        start in any::<i64>().prop_map(|t| t / 4),
        values in prop::collection::vec(prop_oneof![Just(1.0), any::<f64>(), (0..100_i32).prop_map(f64::from)], 200),
    ) {
        let times: Vec<i64> = deltas.iter().scan(start, |time, delta| { *time += delta; Some(*time) }).collect();
        let (read_times, read_values) = xor::decode(&xor::encode(&times, &values[..times.len()]));
        prop_assert_eq!(read_times, times.clone());
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&read_values), bits(&values[..times.len()]));
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ReadRequest::decode(&bytes);
        let _ = read_response::<AnswerError>(&bytes, |_| Ok(()));
        let _ = read_frame::<AnswerError>(&bytes, &mut SampleBuffer::default(), |_, _| Ok(()));
    }
}
