//! Any bytes as a block: opening, asking and checking it may fail, never panic. Checksums count as right when fuzzing.
#![no_main]

use std::path::Path;

use bongsu_block::Block;
use bongsu_model::{MatchOp, Matcher, SampleBuffer};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(block) = Block::from_bytes(Path::new("fuzz.block"), bytes.to_vec()) else { return };
    let _ = block.verify();
    let _ = block.label_names();
    let not_up = Matcher::new("__name__", MatchOp::NotRegex, "u.*").expect("a valid pattern");
    let mut samples = SampleBuffer::default();
    for series in block.select(&[not_up]).unwrap_or_default() {
        samples.clear();
        let _ = block.labels(series);
        let _ = block.read(series, 0, i64::MAX, &mut samples);
    }
});
