//! Series in, requests out; a transport that answers as it is told.

use bongsu_model::SampleBuffer;
use bongsu_wire::remote_write::{Item, WriteRequest, decompress};

use super::*;

#[derive(Default)]
struct Script {
    answers: Vec<Sent>,
    bodies: Vec<Vec<u8>>,
    waits_ms: Vec<u64>,
}

impl Transport for Script {
    fn send(&mut self, _: Protocol, body: &[u8]) -> Sent {
        self.bodies.push(body.to_vec());
        if self.answers.is_empty() { Sent::Taken { written: None } } else { self.answers.remove(0) }
    }

    fn wait(&mut self, ms: u64) -> bool {
        self.waits_ms.push(ms);
        true
    }
}

fn options(protocol: Protocol) -> UploadOptions {
    UploadOptions { protocol, samples_per_request: 10, give_up_after_ms: 1_000 }
}

fn upload(uploader: &mut Uploader<'_>, series: u64, samples: i64) -> Result<(), Error> {
    for number in 0..series {
        let labels = Labels::from_pairs([("__name__", "up"), ("n", &number.to_string())]);
        let mut buffer = SampleBuffer::default();
        (0..samples).for_each(|time_ms| buffer.push(time_ms, 1.0));
        uploader.piece(Piece { labels: &labels, samples: &buffer, exemplars: &[] })?;
        uploader.reached(&Point { part: "p".to_owned(), done: number + 1 })?;
    }
    uploader.flush()
}

/// Times of each request, of protocol 1.
fn times(body: &[u8]) -> Vec<i64> {
    let mut decoded = Vec::new();
    let mut all = Vec::new();
    for item in WriteRequest::new(decompress(body, 1 << 20, &mut decoded).unwrap()) {
        if let Item::Series(series) = item.unwrap() {
            all.extend(series.samples().map(|sample| sample.unwrap().timestamp_ms));
        }
    }
    all
}

#[test]
fn long_series_go_in_several_requests_in_the_order_of_time() {
    let mut script = Script::default();
    let mut uploader = Uploader::new(&mut script, options(Protocol::RemoteWrite1));
    upload(&mut uploader, 2, 12).unwrap();
    assert_eq!(uploader.counts().samples, 24);
    assert_eq!(uploader.acked().unwrap().to_string(), "p:2");
    let requests = uploader.counts().requests;
    assert_eq!(requests, script.bodies.len() as u64);
    let sent: Vec<i64> = script.bodies.iter().flat_map(|body| times(body)).collect();
    assert_eq!(sent, (0..12).chain(0..12).collect::<Vec<_>>());
    assert!(script.bodies.len() >= 3 && script.bodies.iter().all(|body| times(body).len() <= 10));
}

#[test]
fn tries_again_in_growing_pauses_and_names_the_last_point_when_it_gives_up() {
    let again = || Sent::Again { reason: "busy".to_owned(), after_ms: None };
    let mut script = Script { answers: vec![Sent::Taken { written: None }, again(), again()], ..Script::default() };
    let mut uploader = Uploader::new(&mut script, options(Protocol::RemoteWrite2));
    upload(&mut uploader, 3, 10).unwrap();
    assert_eq!(uploader.counts().retries, 2);
    assert_eq!(script.waits_ms, [100, 200]);

    let mut script = Script { answers: vec![Sent::Taken { written: None }], ..Script::default() };
    script.answers.extend((0..20).map(|_| again()));
    let mut uploader = Uploader::new(&mut script, options(Protocol::RemoteWrite2));
    let error = upload(&mut uploader, 5, 10).unwrap_err();
    assert_eq!(error.to_string(), "busy (given up after 1 s)");
    // The first request went out in the middle of the first series: before its point was told.
    assert_eq!(uploader.acked(), None);
}

#[test]
fn what_is_refused_is_counted_by_reason() {
    let partly = |written, reason: &str| Sent::Partly { written, reason: reason.to_owned() };
    let answers = vec![
        partly(Some(7), "sample_too_old: up: text\n"),
        partly(None, "Nothing at all"),
        Sent::Taken { written: Some(6) },
    ];
    let mut script = Script { answers, ..Script::default() };
    let mut uploader = Uploader::new(&mut script, options(Protocol::RemoteWrite2));
    upload(&mut uploader, 3, 10).unwrap();
    let counts = uploader.counts();
    assert_eq!(counts.refused["not_written"].count, 4);
    assert_eq!(counts.refused["sample_too_old"].count, 3);
    assert_eq!(counts.refused["sample_too_old"].example, "sample_too_old: up: text");
    assert_eq!((counts.refused["refused"].count, counts.refused_samples()), (10, 17));
}

#[test]
fn starts_of_counting_and_metadata_go_with_the_series() {
    let mut script = Script::default();
    let mut uploader = Uploader::new(&mut script, UploadOptions::default());
    let known = MetricMetadata { help: "Help.".to_owned(), ..MetricMetadata::default() };
    uploader.metadata("up", &known).unwrap();
    let mut buffer = SampleBuffer::default();
    for (time_ms, start_ms) in [(1, 0), (2, 1), (3, 1), (4, 3)] {
        buffer.push(time_ms, 1.0);
        buffer.set_last_start(start_ms);
    }
    buffer.histograms.push((9, std::sync::Arc::default()));
    let labels = Labels::from_pairs([("__name__", "up_total")]);
    uploader.piece(Piece { labels: &labels, samples: &buffer, exemplars: &[] }).unwrap();
    uploader.flush().unwrap();
    let mut decoded = Vec::new();
    let bytes = decompress(&script.bodies[0], 1 << 20, &mut decoded).unwrap();
    let request = v2::Request::parse(bytes, 1 << 20).unwrap();
    let (mut starts, mut helps) = (Vec::new(), Vec::new());
    for series in request.series() {
        let series = series.unwrap();
        starts.extend(series.samples().map(|sample| sample.unwrap().start_ms));
        helps.push(series.metadata().unwrap().1);
    }
    assert_eq!(starts, [None, Some(1), Some(1), Some(3)]);
    assert_eq!(helps, ["Help."; 4]);
}
