//! What a node exporter says of two hosts for a while, in memory.

use bongsu_model::{
    Labels, LabelsBuilder, METRIC_NAME, Sample, SampleBuffer, Selection, SeriesSet, Source, SourceError,
};
use bongsu_testkit::generator::{Generator, INTERVAL_MS, SERIES_PER_HOST};
use bongsu_wire::remote_write::{self, Item, WriteRequest};

/// When the data begins: a day of February 2024.
const START_MS: i64 = 1_709_164_800_000;
/// Scrapes of each host: 12 minutes.
const SCRAPES: i64 = 48;
/// The last time of which there is data.
pub const END_MS: i64 = START_MS + (SCRAPES - 1) * INTERVAL_MS;

/// The series of both hosts, sorted by their labels.
pub struct Nodes(Vec<(Labels, Vec<Sample>)>);

impl Nodes {
    pub fn new() -> Self {
        let mut series = std::collections::BTreeMap::<Labels, Vec<Sample>>::new();
        let mut generator = Generator::new(2, START_MS);
        for _ in 0..SCRAPES {
            for request in generator.next_scrape().expect("short enough") {
                let mut raw = Vec::new();
                remote_write::decompress(&request.body, 1 << 24, &mut raw).expect("snappy");
                for item in WriteRequest::new(&raw) {
                    let Ok(Item::Series(one)) = item else { panic!("only series are made") };
                    let labels = Labels::from_sorted(one.labels().map(|label| label.expect("UTF-8")));
                    series.entry(labels).or_default().extend(one.samples().map(|sample| sample.expect("whole")));
                }
            }
        }
        let ups: Vec<_> = series.iter().filter(|(labels, _)| labels.get(METRIC_NAME) == Some("node_load1")).collect();
        let ups: Vec<_> = ups.into_iter().map(|(labels, samples)| (up(labels), ones(samples))).collect();
        series.extend(ups);
        assert_eq!(series.len(), 2 * (SERIES_PER_HOST + 1));
        Self(series.into_iter().collect())
    }

    /// A value that the label has, if any.
    pub fn value_of(&self, label: &str) -> Option<&str> {
        self.0.iter().find_map(|(labels, _)| labels.get(label))
    }
}

fn up(labels: &Labels) -> Labels {
    let mut up = LabelsBuilder::default();
    for (name, value) in labels {
        up.set(name, if name == METRIC_NAME { "up" } else { value });
    }
    up.build()
}

fn ones(samples: &[Sample]) -> Vec<Sample> {
    samples.iter().map(|sample| Sample { value: 1.0, ..*sample }).collect()
}

impl Source for Nodes {
    fn select(&self, selection: &Selection) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        let fulfils = |labels: &Labels| {
            selection.matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
        };
        let series = self.0.iter().filter(|(labels, _)| fulfils(labels)).collect();
        Ok(Box::new(Selected { series, range: selection.start_ms..=selection.end_ms }))
    }
}

struct Selected<'a> {
    series: Vec<&'a (Labels, Vec<Sample>)>,
    range: std::ops::RangeInclusive<i64>,
}

impl SeriesSet for Selected<'_> {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, place: usize) -> Result<Labels, SourceError> {
        Ok(self.series[place].0.clone())
    }

    fn read(&self, place: usize, buffer: &mut SampleBuffer) -> Result<(), SourceError> {
        for sample in self.series[place].1.iter().filter(|sample| self.range.contains(&sample.timestamp_ms)) {
            buffer.push(sample.timestamp_ms, sample.value);
        }
        Ok(())
    }
}
