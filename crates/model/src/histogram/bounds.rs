//! Where the buckets of the exponential schemas end, as fractions of a power of two.
//!
//! The numbers are those of other implementations, bit for bit: they appear in texts that clients parse. They are up
//! to four units in the last place away from the correctly rounded powers, because each schema is refined from the one
//! before by a rounded multiplication; the same steps are taken here.

use std::f64::consts::SQRT_2;

/// 2^(2^-n) for n = 1 to 8, which is how far apart the boundaries of schema n are. The first is one unit in the last
/// place below the nearest number, as it is where the boundaries in use come from.
const STEPS: [f64; 8] = [
    SQRT_2.next_down(),
    1.189207115002721,
    1.0905077326652577,
    1.0442737824274138,
    1.0218971486541166,
    1.0108892860517005,
    1.0054299011128027,
    1.0027112750502025,
];

/// 2^(i/256 - 1) for schema 8; the boundaries of schema n < 8 are every 2^(8-n)th of them.
pub(super) const FRACTIONS: [f64; 256] = fractions();

/// Halves the distance between boundaries schema by schema: a new one is its left neighbour times the step.
const fn fractions() -> [f64; 256] {
    let mut fractions = [0.5; 256];
    let mut schema = 0;
    let mut gap = 256;
    while schema < STEPS.len() {
        let mut left = 0;
        while left < 256 {
            fractions[left + gap / 2] = fractions[left] * STEPS[schema];
            left += gap;
        }
        gap /= 2;
        schema += 1;
    }
    fractions
}
