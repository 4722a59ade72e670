//! What is written and read: samples of both kinds, stale markers, exemplars and metadata, as texts.

use std::collections::BTreeMap;

use bongsu_model::{
    Exemplar, FloatHistogram, Labels, MetricMetadata, MetricType, STALE_NAN, Sample, SampleBuffer, Selection, Source,
    SourceError, is_stale,
};
use bongsu_tsdb::Store;
use bongsu_wire::remote_write::{SeriesData, WriteRequestBuilder};
use rand::Rng;
use rand::rngs::StdRng;

use crate::common::{START_MS, histogram, tenant};
use crate::expected::Place;
use crate::life::{MINUTE_MS, RETENTION_MS, TENANTS};

pub const SERIES: u8 = 6;
/// Exemplars of a series are at the place of the series with this added.
const EXEMPLARS: u8 = 100;
/// What the newest metadata of the metric is.
const METADATA: u8 = 200;
/// Later than any time that a clock is set to: no exemplar expires, and none is older than one before.
const EXEMPLARS_FROM_MS: i64 = START_MS + 60_000 * MINUTE_MS;

/// A request, and what it says of each place within the retention.
#[derive(Default)]
pub struct Request {
    pub builder: WriteRequestBuilder,
    pub said: Vec<(Place, String)>,
}

impl Request {
    /// Samples of some series of a tenant from a time on, and now and then what else a request carries.
    pub fn random(random: &mut StdRng, value: &mut u64, tenant: &'static str, minute: i64, cutoff_ms: i64) -> Self {
        let mut request = Self::default();
        // One sample of each, as of a scrape, goes to the log in another way than several.
        let steps_max = if random.random_ratio(2, 3) { 2 } else { 5 };
        for series in 0..SERIES {
            if random.random_ratio(1, 2) {
                continue;
            }
            let steps = random.random_range(1..steps_max);
            let times: Vec<i64> = (0..steps).map(|step| START_MS + (minute + step) * MINUTE_MS).collect();
            request.push_series(random, value, (tenant, series), &times, cutoff_ms);
        }
        if random.random_ratio(1, 8) {
            *value += 1;
            let help = format!("help {value}");
            request.said.push(((tenant, METADATA, i64::MAX), help.clone()));
            let metadata = MetricMetadata { metric_type: MetricType::Gauge, help, unit: String::new() };
            request.builder.push_metadata("m", &metadata);
        }
        request
    }

    fn push_series(
        &mut self,
        random: &mut StdRng,
        value: &mut u64,
        (tenant, series): (&'static str, u8),
        times_ms: &[i64],
        cutoff_ms: i64,
    ) {
        let (mut samples, mut histograms, mut exemplars) = (Vec::new(), Vec::new(), Vec::new());
        for timestamp_ms in times_ms.iter().copied() {
            *value += 1;
            let content = match random.random_range(0..12) {
                0 => push_float(&mut samples, timestamp_ms, STALE_NAN),
                1 => push_histogram(&mut histograms, timestamp_ms, FloatHistogram::stale()),
                2..5 => push_histogram(&mut histograms, timestamp_ms, histogram(*value as u32 + 1000)),
                _ => push_float(&mut samples, timestamp_ms, *value as f64),
            };
            if timestamp_ms >= cutoff_ms {
                self.said.push(((tenant, series, timestamp_ms), content));
            }
        }
        // Exemplars of a series of which nothing is taken are not taken either.
        if random.random_ratio(1, 6) && times_ms.iter().all(|time_ms| *time_ms >= cutoff_ms) {
            *value += 1;
            let timestamp_ms = EXEMPLARS_FROM_MS + *value as i64;
            let labels = Labels::from_pairs([("trace_id", value.to_string())]);
            self.said.push(((tenant, EXEMPLARS + series, timestamp_ms), format!("trace {value}")));
            exemplars.push(Exemplar { labels, value: *value as f64, timestamp_ms });
        }
        let data = SeriesData { samples: &samples, histograms: &histograms, exemplars: &exemplars };
        self.builder.push_series_data(&labels(series), &data);
    }
}

fn push_float(samples: &mut Vec<Sample>, timestamp_ms: i64, value: f64) -> String {
    samples.push(Sample { timestamp_ms, value });
    float_text(value)
}

fn push_histogram(histograms: &mut Vec<(i64, FloatHistogram)>, timestamp_ms: i64, value: FloatHistogram) -> String {
    let text = histogram_text(&value);
    histograms.push((timestamp_ms, value));
    text
}

fn float_text(value: f64) -> String {
    if is_stale(value) { "stale".to_owned() } else { value.to_string() }
}

/// Of one that is not as it was written, all of it.
fn histogram_text(value: &FloatHistogram) -> String {
    match value {
        value if value.is_stale() => "stale histogram".to_owned(),
        value if format!("{value:?}") == format!("{:?}", histogram(value.sum as u32)) => format!("h{}", value.sum),
        value => format!("{value:?}"),
    }
}

fn labels(series: u8) -> Labels {
    Labels::from_pairs([("__name__", "m".to_owned()), ("series", series.to_string())])
}

fn series_of(labels: &Labels) -> u8 {
    labels.get("series").unwrap().parse().unwrap()
}

/// All that the tenants have.
pub fn found(store: &Store) -> Result<BTreeMap<Place, String>, SourceError> {
    let mut found = BTreeMap::new();
    for tenant_name in TENANTS {
        let selection = Selection { matchers: Vec::new(), start_ms: i64::MIN, end_ms: i64::MAX, series_max: 1000 };
        let reader = store.reader(&tenant(tenant_name));
        let set = reader.select(&selection)?;
        for place in 0..set.len() {
            let mut buffer = SampleBuffer::default();
            set.read(place, &mut buffer)?;
            let series = series_of(&set.labels(place)?);
            let floats = buffer.timestamps_ms.iter().zip(&buffer.values);
            let floats = floats.map(|(time_ms, value)| (*time_ms, float_text(*value)));
            let histograms = buffer.histograms.iter().map(|(time_ms, value)| (*time_ms, histogram_text(value)));
            for (time_ms, text) in floats.chain(histograms) {
                let other = found.insert((tenant_name, series, time_ms), text);
                assert_eq!(other, None, "two samples of one time");
            }
        }
        for (labels, exemplars) in reader.exemplars(&[Vec::new()], i64::MIN, i64::MAX) {
            for exemplar in exemplars {
                let text = format!("trace {}", exemplar.labels.get("trace_id").unwrap());
                found.insert((tenant_name, EXEMPLARS + series_of(&labels), exemplar.timestamp_ms), text);
            }
        }
        let newest = reader.metadata().remove("m").and_then(|mut variants| variants.pop());
        found.extend(newest.map(|metadata| ((tenant_name, METADATA, i64::MAX), metadata.help)));
    }
    Ok(found)
}

/// Nothing of this may be missing: it is within the retention.
pub fn cutoff_ms(now_ms: i64) -> i64 {
    now_ms - RETENTION_MS
}
