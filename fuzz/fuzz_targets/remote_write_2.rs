//! Any bytes as a remote write 2.0 message: answered, never a panic, within the counts that the framing announced.
#![no_main]

use bongsu_wire::remote_write::v2::Request;
use libfuzzer_sys::fuzz_target;

const TABLE_BYTES_MAX: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Ok(request) = Request::parse(bytes, TABLE_BYTES_MAX) else { return };
    for series in request.series().flatten() {
        if let Ok(labels) = series.labels() {
            assert!(labels.count() <= bytes.len());
        }
        let _ = series.metadata();
        assert!(series.samples().filter(Result::is_ok).count() <= series.sample_count());
        assert!(series.exemplars().filter(Result::is_ok).count() <= series.exemplar_count());
        for histogram in series.histograms().flatten().filter_map(|sample| sample.histogram.ok()) {
            let buckets: u32 = histogram.negative_spans.iter().map(|span| span.length).sum();
            assert_eq!(buckets as usize, histogram.negative_buckets.len());
        }
    }
});
