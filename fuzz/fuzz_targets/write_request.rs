//! Any bytes as a remote write body, compressed and not: answered, never a panic.
#![no_main]

use bongsu_wire::remote_write::{Item, WriteRequest, decompress, labels_of_span};
use libfuzzer_sys::fuzz_target;

const DECODED_BYTES_MAX: usize = 1 << 20;

fn walk(bytes: &[u8]) {
    for item in WriteRequest::new(bytes) {
        let Ok(Item::Series(series)) = item else { continue };
        let labels = series.labels().filter(Result::is_ok).count();
        assert!(labels <= series.label_count());
        assert!(series.samples().filter(Result::is_ok).count() <= series.sample_count());
        assert!(series.exemplars().filter(Result::is_ok).count() <= series.exemplar_count());
        for histogram in series.histograms().flatten().filter_map(|sample| sample.histogram.ok()) {
            let buckets: u32 = histogram.positive_spans.iter().map(|span| span.length).sum();
            assert_eq!(buckets as usize, histogram.positive_buckets.len());
        }
        if !series.label_span().is_empty() {
            assert_eq!(labels_of_span(series.label_span()).filter(Result::is_ok).count(), labels);
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    walk(bytes);
    let mut out = Vec::new();
    if let Ok(decoded) = decompress(bytes, DECODED_BYTES_MAX, &mut out) {
        assert!(decoded.len() <= DECODED_BYTES_MAX);
        walk(decoded);
    }
});
