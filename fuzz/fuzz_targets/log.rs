//! Any bytes as a log segment: no panic, and every byte behind the header is either told as dropped or part of a record.
#![no_main]

use bongsu_log::{Position, scan_bytes};

const SEGMENT_HEADER_BYTES: u64 = 32;
const RECORD_HEADER_BYTES: u64 = 16;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut kept = 0;
    let dropped = scan_bytes(bytes, Position(0), &mut |_, payload| kept += RECORD_HEADER_BYTES + payload.len() as u64);
    let told: u64 = dropped.iter().map(|dropped| dropped.bytes).sum();
    assert_eq!(kept + told, (bytes.len() as u64).saturating_sub(SEGMENT_HEADER_BYTES));
});
