//! A table of series in memory and a short way to ask it.

use bongsu_model::{Labels, SampleBuffer, Selection, SeriesSet, Source, SourceError};
use bongsu_syntax::ParseOptions;

use crate::{Engine, EngineOptions, QueryContext, QueryError, QueryOutput, SampleValue, Value};

/// Series with one sample for each step from 0 on.
#[derive(Default)]
pub(crate) struct Table {
    series: Vec<(Labels, SampleBuffer)>,
}

/// No sample at this step.
pub(crate) const GAP: f64 = f64::from_bits(0x7ff0_0000_0000_0bad);

impl Table {
    /// Adds a series; labels as `name,label=value,…`.
    pub(crate) fn with(mut self, labels: &str, step_ms: i64, values: impl IntoIterator<Item = f64>) -> Self {
        let pairs = labels.split(',').map(|pair| pair.split_once('=').unwrap_or(("__name__", pair)));
        let mut buffer = SampleBuffer::default();
        for (at, value) in values.into_iter().enumerate() {
            if value.to_bits() != GAP.to_bits() {
                buffer.push(at as i64 * step_ms, value);
            }
        }
        let labels = Labels::from_pairs(pairs);
        let place = self.series.partition_point(|(other, _)| *other < labels);
        self.series.insert(place, (labels, buffer));
        self
    }

    pub(crate) fn instant(&self, query: &str, at_ms: i64) -> Result<QueryOutput, QueryError> {
        engine().instant(&parse(query), at_ms, self, &QueryContext::default())
    }

    pub(crate) fn range(
        &self,
        query: &str,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
    ) -> Result<QueryOutput, QueryError> {
        engine().range(&parse(query), start_ms, end_ms, step_ms, self, &QueryContext::default())
    }

    /// The result of an instant query as text, or the error.
    pub(crate) fn ask(&self, query: &str, at_ms: i64) -> String {
        self.instant(query, at_ms).map_or_else(|error| format!("error: {error}"), |output| show(&output, query))
    }

    /// The same in the dialect of MetricsQL.
    pub(crate) fn ask_metricsql(&self, query: &str, at_ms: i64) -> String {
        let answer = parse_metricsql(query)
            .and_then(|expr| engine().instant(&expr, at_ms, self, &now()).map_err(|error| error.to_string()));
        answer.map_or_else(|error| format!("error: {error}"), |output| show(&output, query))
    }

    /// Over three steps of a minute.
    pub(crate) fn ask_range_metricsql(&self, query: &str, start_ms: i64) -> String {
        let (end_ms, step_ms) = (start_ms + 120_000, 60_000);
        let answer = parse_metricsql(query).and_then(|expr| {
            engine().range(&expr, start_ms, end_ms, step_ms, self, &now()).map_err(|error| error.to_string())
        });
        answer.map_or_else(|error| format!("error: {error}"), |output| show(&output, query))
    }

    /// The result of a range query as text, or the error.
    pub(crate) fn ask_range(&self, query: &str, start_ms: i64, end_ms: i64, step_ms: i64) -> String {
        self.range(query, start_ms, end_ms, step_ms)
            .map_or_else(|error| format!("error: {error}"), |output| show(&output, query))
    }
}

pub(crate) fn engine() -> Engine {
    Engine::new(EngineOptions { threads: 2, ..EngineOptions::default() }).unwrap()
}

/// Noon of the first day.
fn now() -> QueryContext {
    QueryContext { now_ms: Some(12 * 3_600_000), ..QueryContext::default() }
}

fn parse_metricsql(query: &str) -> Result<bongsu_syntax::Expr, String> {
    let options = ParseOptions { metricsql: true, ..ParseOptions::default() };
    bongsu_syntax::parse(query, &options).map_err(|error| error.to_string())
}

pub(crate) fn parse(query: &str) -> bongsu_syntax::Expr {
    bongsu_syntax::parse(query, &ParseOptions::default()).unwrap()
}

/// One line for each series, then one for each remark.
fn show(output: &QueryOutput, query: &str) -> String {
    let number = bongsu_model::format_float;
    let text = |value: &SampleValue| match value {
        SampleValue::Float(value) => number(*value),
        SampleValue::Histogram(histogram) => histogram.to_string(),
    };
    let mut lines: Vec<String> = match &output.value {
        Value::Scalar(sample) => vec![number(sample.value)],
        Value::String { text, .. } => vec![format!("{text:?}")],
        Value::Vector(samples) => {
            samples.iter().map(|sample| format!("{} {}", sample.labels, text(&sample.value))).collect()
        }
        Value::Matrix(series) => series
            .iter()
            .map(|one| {
                let points = one.timestamps_ms.iter().zip(&one.values);
                let points = points.map(|(time_ms, &value)| format!("{}@{}", number(value), time_ms / 1000));
                let histograms = one.histograms.iter().map(|(time_ms, one)| format!("{one}@{}", time_ms / 1000));
                let points: Vec<String> = points.chain(histograms).collect();
                format!("{} {}", one.labels, points.join(" "))
            })
            .collect(),
    };
    lines.extend(output.annotations.iter().map(|annotation| annotation.render(query)));
    lines.join("\n")
}

impl Source for Table {
    fn select(&self, selection: &Selection) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        let matches = |labels: &Labels| {
            selection.matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or("")))
        };
        let series = self.series.iter().filter(|(labels, _)| matches(labels)).collect();
        Ok(Box::new(Selected { series, start_ms: selection.start_ms, end_ms: selection.end_ms }))
    }
}

struct Selected<'t> {
    series: Vec<&'t (Labels, SampleBuffer)>,
    start_ms: i64,
    end_ms: i64,
}

impl SeriesSet for Selected<'_> {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, place: usize) -> Result<Labels, SourceError> {
        Ok(self.series[place].0.clone())
    }

    fn read(&self, place: usize, buffer: &mut SampleBuffer) -> Result<(), SourceError> {
        let samples = &self.series[place].1;
        for (&time_ms, &value) in samples.timestamps_ms.iter().zip(&samples.values) {
            if (self.start_ms..=self.end_ms).contains(&time_ms) {
                buffer.push(time_ms, value);
            }
        }
        Ok(())
    }
}
