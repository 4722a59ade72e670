//! Writes a `Request`.

use std::collections::HashMap;

use bongsu_model::MetricMetadata;

use super::super::cursor::{fixed64, length_delimited, varint};
use super::super::encode::{SeriesData, push_bytes, push_exemplar_point, push_metric_type, push_varint};
use super::super::histogram::push_histogram;

/// Appends series to a request and keeps each text once.
#[derive(Clone, Debug, Default)]
pub struct RequestBuilder {
    places: HashMap<String, u64>,
    /// The fields of the texts behind the first one, which is "".
    symbols: Vec<u8>,
    series: Vec<u8>,
    /// The series that is being written, a message in it, and a list in that.
    scratch: Vec<u8>,
    nested: Vec<u8>,
    refs: Vec<u8>,
}

impl RequestBuilder {
    /// A request without series.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a series. Receivers expect the pairs sorted by name and the rest by time. `start_ms` is when the counting of
    /// all its samples began, if that is known.
    pub fn push_series<'a>(
        &mut self,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        data: &SeriesData<'_>,
        metadata: &MetricMetadata,
        start_ms: Option<i64>,
    ) {
        self.scratch.clear();
        self.collect_refs(labels);
        push_bytes(&mut self.scratch, 1, &self.refs);
        for sample in data.samples {
            self.nested.clear();
            push_varint(&mut self.nested, fixed64(1));
            self.nested.extend_from_slice(&sample.value.to_le_bytes());
            push_varint(&mut self.nested, varint(2));
            push_varint(&mut self.nested, sample.timestamp_ms.cast_unsigned());
            if let Some(start_ms) = start_ms {
                push_varint(&mut self.nested, varint(3));
                push_varint(&mut self.nested, start_ms.cast_unsigned());
            }
            push_bytes(&mut self.scratch, 2, &self.nested);
        }
        for (timestamp_ms, histogram) in data.histograms {
            self.nested.clear();
            push_histogram(&mut self.nested, *timestamp_ms, start_ms, histogram);
            push_bytes(&mut self.scratch, 3, &self.nested);
        }
        for exemplar in data.exemplars {
            self.collect_refs(&exemplar.labels);
            self.nested.clear();
            push_bytes(&mut self.nested, 1, &self.refs);
            push_exemplar_point(&mut self.nested, exemplar);
            push_bytes(&mut self.scratch, 4, &self.nested);
        }
        self.push_metadata(metadata);
        push_bytes(&mut self.series, 5, &self.scratch);
    }

    fn push_metadata(&mut self, metadata: &MetricMetadata) {
        let (help, unit) = (self.place_of(&metadata.help), self.place_of(&metadata.unit));
        self.nested.clear();
        push_metric_type(&mut self.nested, metadata.metric_type);
        for (field, place) in [(3, help), (4, unit)] {
            push_varint(&mut self.nested, varint(field));
            push_varint(&mut self.nested, place);
        }
        push_bytes(&mut self.scratch, 5, &self.nested);
    }

    fn collect_refs<'a>(&mut self, labels: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.refs.clear();
        for (name, value) in labels {
            for text in [name, value] {
                let place = self.place_of(text);
                push_varint(&mut self.refs, place);
            }
        }
    }

    fn place_of(&mut self, text: &str) -> u64 {
        if text.is_empty() {
            return 0;
        }
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.places.len() as u64 + 1;
        self.places.insert(text.to_owned(), place);
        push_bytes(&mut self.symbols, 4, text.as_bytes());
        place
    }

    /// The finished request, not compressed yet.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 + self.symbols.len() + self.series.len());
        push_varint(&mut bytes, length_delimited(4));
        bytes.push(0);
        bytes.extend_from_slice(&self.symbols);
        bytes.extend_from_slice(&self.series);
        bytes
    }
}
