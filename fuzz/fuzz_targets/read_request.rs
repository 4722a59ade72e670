//! Any bytes as a remote read body, compressed and not: answered, never a panic.
#![no_main]

use bongsu_wire::remote_read::{ReadRequest, decompress};
use libfuzzer_sys::fuzz_target;

const DECODED_BYTES_MAX: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = ReadRequest::decode(bytes) {
        assert!(request.queries.len() <= 100 && request.accepted.len() <= 16);
        let _ = request.response_type();
    }
    let mut out = Vec::new();
    if let Ok(decoded) = decompress(bytes, DECODED_BYTES_MAX, &mut out) {
        let _ = ReadRequest::decode(decoded);
    }
});
