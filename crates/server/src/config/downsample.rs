//! What becomes of old samples.

use bongsu_config::Duration;
use serde::{Deserialize, Deserializer, de};

/// An element of `downsample`: old samples as buckets of a few numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Downsample {
    /// How old samples are that get buckets, by whole days.
    pub after: Duration,
    /// How long a bucket is.
    pub resolution: Duration,
}

impl Downsample {
    /// As YAML in one line.
    pub(crate) fn list_yaml(all: &[Self]) -> String {
        let one = |one: &Self| format!("{{after: {}, resolution: {}}}", one.after, one.resolution);
        format!("[{}]", all.iter().map(one).collect::<Vec<_>>().join(", "))
    }
}

/// Reads the list: finer resolutions come first, and each divides the next one and a day.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Downsample>, D::Error> {
    const DAY_MS: i64 = 24 * 3_600_000;
    let all = Vec::<Downsample>::deserialize(deserializer)?;
    let divides = |finer: i64, coarser: i64| finer > 0 && coarser % finer == 0;
    for one in &all {
        let resolution_ms = one.resolution.as_ms();
        if resolution_ms % 1000 != 0 || !divides(resolution_ms, DAY_MS) {
            let message =
                format!("expected a resolution of whole seconds that divides a day, found {}", one.resolution);
            return Err(de::Error::custom(message));
        }
    }
    for pair in all.windows(2) {
        let [finer, coarser] = [pair[0].resolution, pair[1].resolution];
        if finer >= coarser || !divides(finer.as_ms(), coarser.as_ms()) {
            return Err(de::Error::custom(format!("expected a multiple of the resolution {finer}, found {coarser}")));
        }
    }
    Ok(all)
}
