//! Load of hosts that look like those of a node exporter: 1000 series each, by kind of value as measured on real ones.
//!
//! The same arguments give the same bytes, so that programs are compared on equal data.

mod shape;

use bongsu_model::{Labels, LabelsBuilder, METRIC_NAME, Sample};
use bongsu_wire::remote_write::{self, DecodeError, WriteRequestBuilder};

use crate::random::Random;
use shape::{GROUPS, Kind};

/// Series of one host.
pub const SERIES_PER_HOST: usize = 1000;
/// Hosts of one request, which so carries 2000 samples.
const HOSTS_PER_REQUEST: usize = 2;
/// Time between two scrapes of a host.
pub const INTERVAL_MS: i64 = 15_000;

const CUSTOMERS: u64 = 8;
const REGIONS: [&str; 4] = ["eu-central", "eu-west", "kr-central", "us-east"];
/// Of 1000 scrapes so many come late, by at most so many milliseconds.
const LATE_PER_MILLE: u64 = 30;
const LATE_MS_MAX: u64 = 8;

/// One remote write request, ready to send.
pub struct Request {
    /// The compressed body.
    pub body: Vec<u8>,
    /// Samples in it.
    pub samples: u64,
}

/// Makes one scrape of all hosts after the other.
pub struct Generator {
    hosts: Vec<Host>,
    next_ms: i64,
    interval_ms: i64,
    random: Random,
    builder: WriteRequestBuilder,
}

struct Host {
    /// When in the interval it is scraped.
    offset_ms: i64,
    series: Vec<Series>,
}

struct Series {
    labels: Labels,
    kind: Kind,
    value: f64,
    /// How fast the value moves in one interval.
    rate: f64,
}

impl Generator {
    /// Hosts whose first scrape is at `start_ms`, each a little later in the interval.
    #[must_use]
    pub fn new(host_count: u32, start_ms: i64) -> Self {
        Self::of_hosts(0..host_count, start_ms, INTERVAL_MS)
    }

    /// Hosts of these numbers, scraped at another interval.
    #[must_use]
    pub fn of_hosts(numbers: std::ops::Range<u32>, start_ms: i64, interval_ms: i64) -> Self {
        let mut random = Random::new(0x5eed + u64::from(numbers.start));
        let hosts = numbers.map(|number| Host::new(number, &mut random)).collect();
        Self { hosts, next_ms: start_ms, interval_ms, random, builder: WriteRequestBuilder::new() }
    }

    /// When the next scrape begins.
    #[must_use]
    pub fn next_ms(&self) -> i64 {
        self.next_ms
    }

    /// The next scrape of each host, two hosts a request; series stand in the same order every time.
    ///
    /// # Errors
    /// A body too long to compress, which 2000 samples are not.
    pub fn next_scrape(&mut self) -> Result<Vec<Request>, DecodeError> {
        let mut requests = Vec::with_capacity(self.hosts.len().div_ceil(HOSTS_PER_REQUEST));
        for hosts in self.hosts.chunks_mut(HOSTS_PER_REQUEST) {
            self.builder.clear();
            for host in &mut *hosts {
                host.scrape(self.next_ms, &mut self.random, &mut self.builder);
            }
            let mut body = Vec::new();
            remote_write::compress(self.builder.as_bytes(), &mut body)?;
            body.shrink_to_fit();
            requests.push(Request { body, samples: (hosts.len() * SERIES_PER_HOST) as u64 });
        }
        self.next_ms += self.interval_ms;
        Ok(requests)
    }
}

impl Host {
    fn new(number: u32, random: &mut Random) -> Self {
        let region = REGIONS[random.below(REGIONS.len() as u64) as usize];
        let customer = format!("customer-{:02}", random.below(CUSTOMERS));
        let instance = format!("host-{number:05}.{region}.example.com:9100");
        let env = if random.below(10) < 7 { "production" } else { "staging" };
        let mut target = LabelsBuilder::default();
        for (name, value) in
            [("customer", &*customer), ("env", env), ("instance", &instance), ("job", "node"), ("region", region)]
        {
            target.set(name, value);
        }
        let mut series = Vec::with_capacity(SERIES_PER_HOST);
        for group in GROUPS {
            for name in group.names {
                for at in 0..group.count {
                    let mut labels = target.clone();
                    labels.set(METRIC_NAME, name);
                    for (label, value) in group.labels.of(at) {
                        labels.set(label, &value);
                    }
                    let (value, rate) = group.kind.start(random);
                    series.push(Series { labels: labels.build(), kind: group.kind, value, rate });
                }
            }
        }
        Self { offset_ms: random.below(INTERVAL_MS as u64) as i64, series }
    }

    fn scrape(&mut self, scrape_ms: i64, random: &mut Random, builder: &mut WriteRequestBuilder) {
        let late_ms = if random.below(1000) < LATE_PER_MILLE { 1 + random.below(LATE_MS_MAX) as i64 } else { 0 };
        let timestamp_ms = scrape_ms + self.offset_ms + late_ms;
        for series in &mut self.series {
            series.value = series.kind.next(series.value, series.rate, random);
            builder.push_series(series.labels.iter(), &[Sample { timestamp_ms, value: series.value }]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use bongsu_wire::remote_write::{Item, WriteRequest};

    use super::*;

    #[test]
    fn a_host_has_the_measured_mix_of_kinds() {
        let host = Host::new(7, &mut Random::new(1));
        let mut counts = BTreeMap::new();
        for series in &host.series {
            *counts.entry(series.kind).or_insert(0) += 1;
        }
        let expected = [
            (Kind::Constant, 441),
            (Kind::Counter, 243),
            (Kind::Seconds, 117),
            (Kind::IntegerGauge, 98),
            (Kind::DecimalGauge, 52),
            (Kind::FloatSum, 44),
            (Kind::Float, 5),
        ];
        assert_eq!(counts, BTreeMap::from(expected));
        assert_eq!(host.series.iter().map(|series| &series.labels).collect::<BTreeSet<_>>().len(), SERIES_PER_HOST);
    }

    #[test]
    fn scrapes_follow_each_other_and_counters_never_fall() {
        let mut generator = Generator::new(3, 1_000_000);
        let [first, second] = [0, 1].map(|_| decode(&generator.next_scrape().expect("short")));
        assert_eq!(first.len(), 3 * SERIES_PER_HOST);
        for ((labels, before), (labels_again, after)) in first.iter().zip(&second) {
            assert_eq!(labels, labels_again);
            assert!((after.timestamp_ms - before.timestamp_ms - INTERVAL_MS).unsigned_abs() <= LATE_MS_MAX);
            if labels.contains("cpu_seconds_total") {
                assert!(before.value <= after.value, "{labels}");
            }
        }
    }

    fn decode(requests: &[Request]) -> Vec<(String, Sample)> {
        let mut samples = Vec::new();
        for request in requests {
            let mut raw = Vec::new();
            remote_write::decompress(&request.body, 1 << 24, &mut raw).expect("snappy");
            for item in WriteRequest::new(&raw) {
                let Ok(Item::Series(series)) = item else { panic!("only series are sent") };
                let labels = Labels::from_sorted(series.labels().map(|label| label.expect("UTF-8")));
                samples.extend(series.samples().map(|sample| (labels.to_string(), sample.expect("whole"))));
            }
        }
        samples
    }
}
