//! One line of JSON.

use std::collections::BTreeMap;
use std::fmt;

use bongsu_model::SampleBuffer;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

/// A line without its samples.
pub(super) struct Line {
    pub(super) metric: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Raw {
    metric: BTreeMap<String, String>,
    values: Vec<Value>,
    timestamps: Vec<i64>,
}

struct Value(f64);

impl Line {
    /// Reads a line and appends its samples.
    pub(super) fn parse(text: &str, samples: &mut SampleBuffer) -> Result<Self, String> {
        let raw: Raw = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if raw.metric.values().all(String::is_empty) {
            return Err("expected labels in \"metric\", found none".to_owned());
        }
        if raw.values.len() != raw.timestamps.len() {
            let (values, times) = (raw.values.len(), raw.timestamps.len());
            return Err(format!("expected as many timestamps as values, found {times} and {values}"));
        }
        samples.timestamps_ms.extend(raw.timestamps);
        samples.values.extend(raw.values.iter().map(|value| value.0));
        Ok(Self { metric: raw.metric })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, null or \"Infinity\"")
            }

            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Value(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value(value as f64))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(Value(value as f64))
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value(f64::NAN))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
                let value = bongsu_model::parse_float(text).or_else(|| (text == "null").then_some(f64::NAN));
                value.map(Value).ok_or_else(|| E::custom(format!("expected a number, found {text:?}")))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
