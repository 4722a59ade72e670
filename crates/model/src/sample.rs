//! Float samples and the stale marker.

/// The bit pattern of the NaN that says "this series has ended here". Source: Prometheus' `model/value`.
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The stale marker as a float. Compare with [`is_stale`]; NaN never equals itself.
pub const STALE_NAN: f64 = f64::from_bits(STALE_NAN_BITS);

/// Whether a value is the stale marker, as opposed to any other NaN.
#[must_use]
#[inline]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// One float value at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The value; any bit pattern, NaN payloads are kept.
    pub value: f64,
}
