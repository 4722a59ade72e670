//! Series that are hard on an evaluator: gaps, resets, stale markers, NaN, infinities, -0, huge and tiny values, irregular
//! times, series that come and go, classic histograms.
//!
//! Values of ordinary series are multiples of 1/8 below 2^40, so that sums of them are exact in whatever order they are
//! added. Times lie 101 to 401 ms after a whole second, so that no window's edge meets a sample as long as the edges lie
//! elsewhere: Prometheus 2 counts a sample on the left edge in, Prometheus 3 does not.
//!
//! Prometheus 2 and 3 continue a counter to the left of its first sample differently when a small value that is not 0 comes
//! after a gap. So a counter with gaps begins high and loses a part only at each reset, and one without begins at 0.

use bongsu_model::{Labels, LabelsBuilder, METRIC_NAME, STALE_NAN, Sample};

use crate::random::Random;

/// How long the series go on, milliseconds: less than the hour of which Prometheus takes samples in any order.
pub const SPAN_MS: i64 = 50 * 60_000;
/// The time between two samples, more or less, milliseconds.
const INTERVAL_MS: i64 = 15_000;
/// The offset of samples within a second.
const WITHIN_SECOND_MS: i64 = 101;
/// Upper bounds of the histogram's buckets.
pub const BOUNDS: [&str; 6] = ["0.1", "0.5", "1", "2.5", "10", "+Inf"];
/// Jobs of every metric.
pub const JOBS: [&str; 3] = ["api", "db", "web"];
/// Instances of each job.
pub const INSTANCES: [&str; 3] = ["a:1", "b:1", "c:1"];

/// How the values of a metric go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Counts regularly, goes back to 0.
    Counter,
    /// Counts irregularly with gaps, is reset to large values.
    GappedCounter,
    /// Goes up and down, with gaps and stale markers.
    Gauge,
    /// Is there for a while, ends with a stale marker, comes back.
    Visitor,
    /// Numbers that are none, or are not finite, or are 0 of either sign.
    Special,
    /// Huge or tiny, of one sign and magnitude in each series.
    Extreme,
    /// Always 1.
    Info,
}

/// A metric: its name, its values, and the label that it has beside job and instance.
const METRICS: [(&str, Kind, &str, &[&str]); 7] = [
    ("requests_total", Kind::Counter, "code", &["200", "404", "500"]),
    ("bytes_total", Kind::GappedCounter, "", &[""]),
    ("temperature", Kind::Gauge, "", &[""]),
    ("sessions", Kind::Visitor, "", &[""]),
    ("special", Kind::Special, "kind", &["x \"y\"\\z", "ü"]),
    ("extreme", Kind::Extreme, "size", &["huge", "tiny"]),
    ("build_info", Kind::Info, "version", &["1.2"]),
];

/// All series, sorted by their labels; the same seed and start give the same.
#[must_use]
pub fn series(seed: u64, start_ms: i64) -> Vec<(Labels, Vec<Sample>)> {
    let random = &mut Random::new(seed);
    let mut all = Vec::new();
    for job in JOBS {
        for instance in INSTANCES {
            let labels = |name: &str, (label, value): (&str, &str)| {
                let mut labels = LabelsBuilder::default();
                for (label, value) in [(METRIC_NAME, name), ("job", job), ("instance", instance), (label, value)] {
                    if !label.is_empty() {
                        labels.set(label, value);
                    }
                }
                labels.build()
            };
            for (name, kind, label, values) in METRICS {
                all.extend(values.iter().map(|value| (labels(name, (label, value)), samples(kind, start_ms, random))));
            }
            all.extend(histogram(start_ms, random).into_iter().map(|(le, samples)| match le {
                "count" => (labels("latency_seconds_count", ("", "")), samples),
                "sum" => (labels("latency_seconds_sum", ("", "")), samples),
                le => (labels("latency_seconds_bucket", ("le", le)), samples),
            }));
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// When a series of this kind has samples: ascending.
fn times(kind: Kind, start_ms: i64, random: &mut Random) -> Vec<i64> {
    let mut at_ms = random.below(INTERVAL_MS as u64) as i64 / 1000 * 1000;
    let mut times = Vec::new();
    while at_ms < SPAN_MS {
        let late_ms = if kind == Kind::Info { 0 } else { random.below(300) as i64 };
        times.push(start_ms + at_ms + WITHIN_SECOND_MS + late_ms);
        at_ms += match kind {
            Kind::Counter | Kind::Info | Kind::Visitor => INTERVAL_MS,
            // Now and then longer than the lookback.
            _ if random.percent(2) => random.below(500) as i64 * 1000 + INTERVAL_MS,
            _ if random.percent(20) => (1 + random.below(30)) as i64 * 1000,
            _ => INTERVAL_MS,
        };
    }
    times
}

fn samples(kind: Kind, start_ms: i64, random: &mut Random) -> Vec<Sample> {
    let mut value = first_value(kind, random);
    let mut present = random.percent(50);
    let mut samples = Vec::new();
    for timestamp_ms in times(kind, start_ms, random) {
        if kind == Kind::Visitor && random.percent(4) {
            if present {
                samples.push(Sample { timestamp_ms, value: STALE_NAN });
            }
            present = !present;
            continue;
        }
        if !samples.is_empty() {
            value = next_value(kind, value, random);
        }
        let stale = kind == Kind::Gauge && random.percent(2);
        if kind != Kind::Visitor || present {
            samples.push(Sample { timestamp_ms, value: if stale { STALE_NAN } else { value } });
        }
    }
    samples
}

fn first_value(kind: Kind, random: &mut Random) -> f64 {
    match kind {
        Kind::Counter => 0.0,
        Kind::GappedCounter => 1e9 + eighths(random, 1 << 34),
        Kind::Extreme => random.pick(&[1e300, 1e-300, 1e18, 1e-9]) * (1.0 + random.unit()),
        Kind::Info => 1.0,
        Kind::Gauge | Kind::Visitor | Kind::Special => eighths(random, 4000),
    }
}

fn next_value(kind: Kind, value: f64, random: &mut Random) -> f64 {
    match kind {
        Kind::Counter if random.percent(3) => 0.0,
        Kind::GappedCounter if random.percent(3) => (value * (4.0 + 2.4 * random.unit())).floor() / 8.0,
        Kind::Counter | Kind::GappedCounter => value + eighths(random, 800),
        Kind::Gauge | Kind::Visitor => value + eighths(random, 400) - 25.0,
        Kind::Special if random.percent(30) => random.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0]),
        Kind::Special => eighths(random, 4000) - 250.0,
        Kind::Extreme => value * (0.9 + 0.2 * random.unit()),
        Kind::Info => 1.0,
    }
}

/// A multiple of 1/8 below `end`/8.
fn eighths(random: &mut Random, end: u64) -> f64 {
    random.below(end) as f64 / 8.0
}

/// The series of a histogram by bound, and its count and its sum, at the same times.
fn histogram(start_ms: i64, random: &mut Random) -> Vec<(&'static str, Vec<Sample>)> {
    let names: Vec<_> = BOUNDS.into_iter().chain(["count", "sum"]).collect();
    let mut series: Vec<_> = names.into_iter().map(|name| (name, Vec::new())).collect();
    let mut values = [0.0; BOUNDS.len() + 2];
    for timestamp_ms in times(Kind::Counter, start_ms, random) {
        if series[0].1.is_empty() || random.percent(2) {
            values = [0.0; BOUNDS.len() + 2];
        } else {
            let mut counted = 0.0;
            for value in &mut values[..BOUNDS.len()] {
                counted += random.below(5) as f64;
                *value += counted;
            }
            values[BOUNDS.len()] += counted;
            values[BOUNDS.len() + 1] += counted * 0.75;
        }
        for ((_, samples), value) in series.iter_mut().zip(values) {
            samples.push(Sample { timestamp_ms, value });
        }
    }
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_some_of_everything() {
        let all = series(1, 0);
        assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0), "sorted, and no series twice");
        let samples: Vec<Sample> = all.iter().flat_map(|(_, samples)| samples.iter().copied()).collect();
        let some = |what: &str, is: &dyn Fn(f64) -> bool| {
            assert!(samples.iter().any(|sample| is(sample.value)), "no {what}");
        };
        some("stale marker", &bongsu_model::is_stale);
        some("NaN", &|v| v.is_nan() && !bongsu_model::is_stale(v));
        some("+Inf", &|v| v == f64::INFINITY);
        some("-Inf", &|v| v == f64::NEG_INFINITY);
        some("-0", &|v| v == 0.0 && v.is_sign_negative());
        some("huge value", &|v| v.is_finite() && v > 1e299);
        some("tiny value", &|v| v > 0.0 && v < 1e-299);
        let (mut gaps, mut resets) = (0, 0);
        for (labels, samples) in &all {
            assert!(samples.windows(2).all(|pair| pair[0].timestamp_ms < pair[1].timestamp_ms), "{labels}");
            gaps += samples.windows(2).filter(|pair| pair[1].timestamp_ms - pair[0].timestamp_ms > 300_000).count();
            let is_counter = labels.get(METRIC_NAME).is_some_and(|name| name.ends_with("_total"));
            resets += samples.windows(2).filter(|pair| is_counter && pair[1].value < pair[0].value).count();
        }
        assert!(gaps > 10 && resets > 50, "{gaps} gaps, {resets} resets");
        assert!(samples.iter().all(|sample| (101..=401).contains(&(sample.timestamp_ms % 1000))));
    }

    #[test]
    fn a_seed_tells_it_all() {
        let text = |seed| format!("{:?}", series(seed, 5));
        assert!(text(1) == text(1) && text(1) != text(2));
    }
}
