//! What metric families are, as remote write 1.0 sends it.

use bongsu_model::MetricType;

use super::DecodeError;
use super::cursor::{Cursor, length_delimited, varint};

/// Type, help and unit of a metric family, as sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metadata<'a> {
    /// The family's name.
    pub metric: &'a str,
    /// Its kind; numbers that are not known read as unknown.
    pub metric_type: MetricType,
    /// A sentence for people.
    pub help: &'a str,
    /// The unit, or "".
    pub unit: &'a str,
}

impl<'a> Metadata<'a> {
    pub(super) fn parse(bytes: &'a [u8], base: usize) -> Result<Self, DecodeError> {
        const TYPE: u64 = varint(1);
        const METRIC: u64 = length_delimited(2);
        const HELP: u64 = length_delimited(4);
        const UNIT: u64 = length_delimited(5);
        let mut cursor = Cursor::new(bytes, base);
        let mut metadata = Self::default();
        while !cursor.at_end() {
            match cursor.varint()? {
                TYPE => metadata.metric_type = metric_type(cursor.varint()?),
                METRIC => metadata.metric = cursor.text()?,
                HELP => metadata.help = cursor.text()?,
                UNIT => metadata.unit = cursor.text()?,
                other => cursor.skip(other)?,
            }
        }
        Ok(metadata)
    }
}

/// The kinds in the order of their protobuf numbers.
pub(super) const METRIC_TYPES: [MetricType; 8] = [
    MetricType::Unknown,
    MetricType::Counter,
    MetricType::Gauge,
    MetricType::Histogram,
    MetricType::GaugeHistogram,
    MetricType::Summary,
    MetricType::Info,
    MetricType::StateSet,
];

pub(super) fn metric_type(number: u64) -> MetricType {
    usize::try_from(number).ok().and_then(|place| METRIC_TYPES.get(place)).copied().unwrap_or_default()
}
