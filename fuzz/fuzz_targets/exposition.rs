//! Any text as an exposition in both formats: answered, never a panic, and the same series text reads the same again.
#![no_main]

use bongsu_wire::exposition::{Entry, Format, Parser};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &str| {
    for format in [Format::Text, Format::OpenMetrics] {
        for entry in Parser::new(body, format) {
            let Ok(Entry::Sample(sample)) = entry else { continue };
            let labels = sample.series.labels().count();
            assert!(labels > 0, "a series has at least its name");
            assert!(sample.exemplar.is_none_or(|exemplar| exemplar.labels.count() <= body.len()));
        }
    }
});
