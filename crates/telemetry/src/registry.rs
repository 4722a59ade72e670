//! All metrics of the process, and their text form.

use std::borrow::Cow;
use std::fmt::Write;

use crate::metric::Metric;

/// One sample, read from a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    name: Cow<'static, str>,
    labels: Vec<(&'static str, String)>,
    value: f64,
}

impl Reading {
    /// A sample without labels.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, value: f64) -> Self {
        Self { name: name.into(), labels: Vec::new(), value }
    }

    /// With one more label.
    #[must_use]
    pub fn label(mut self, name: &'static str, value: &str) -> Self {
        self.labels.push((name, value.to_owned()));
        self
    }
}

type ReadFn = dyn Fn(&mut Vec<Reading>) + Send + Sync;

/// Name, help, type and the function that reads it.
struct Entry {
    name: &'static str,
    help: &'static str,
    type_word: &'static str,
    read: Box<ReadFn>,
}

/// The metrics of one process: made at start, handed to the `/metrics` route.
#[derive(Default)]
pub struct Registry {
    entries: Vec<Entry>,
}

impl Registry {
    /// Adds the statics of a crate.
    pub fn add(&mut self, metrics: &'static [&'static dyn Metric]) {
        for metric in metrics {
            let read = Box::new(|out: &mut Vec<Reading>| metric.read(out));
            self.entries.push(Entry { name: metric.name(), help: metric.help(), type_word: metric.type_word(), read });
        }
    }

    /// Adds a counter (name ending in `_total`) or gauge whose value an engine knows; it is asked at each scrape.
    pub fn add_reading(
        &mut self,
        name: &'static str,
        help: &'static str,
        read: impl Fn(&mut Vec<Reading>) + Send + Sync + 'static,
    ) {
        let type_word = if name.ends_with("_total") { "counter" } else { "gauge" };
        self.entries.push(Entry { name, help, type_word, read: Box::new(read) });
    }

    /// Every metric's name, type and help, sorted by name: the reference page.
    #[must_use]
    pub fn inventory(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let mut all: Vec<_> = self.entries.iter().map(|e| (e.name, e.type_word, e.help)).collect();
        all.sort_unstable();
        all
    }

    /// The text exposition format 0.0.4.
    #[must_use]
    pub fn expose(&self) -> String {
        let (mut text, mut readings) = (String::with_capacity(8192), Vec::new());
        for entry in &self.entries {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# HELP {} {}", entry.name, entry.help);
            let _ = writeln!(text, "# TYPE {} {}", entry.name, entry.type_word);
            readings.clear();
            (entry.read)(&mut readings);
            for reading in &readings {
                write_reading(&mut text, reading);
            }
        }
        text
    }
}

fn write_reading(text: &mut String, reading: &Reading) {
    text.push_str(&reading.name);
    for (index, (name, value)) in reading.labels.iter().enumerate() {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(text, "{}{name}=\"{value}\"", if index == 0 { '{' } else { ',' });
    }
    if !reading.labels.is_empty() {
        text.push('}');
    }
    let _ = writeln!(text, " {}", reading.value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Counter, Family, Gauge, Histogram};

    static PUSHES: Counter = Counter::new("pushes_total", "Pushes.");
    static OPEN: Gauge = Gauge::new("open", "Open connections.");
    static CODES: Family<1> = Family::new("codes_total", "By code.", ["code"]);
    static SECONDS: Histogram<2> = Histogram::new("seconds", "Time.", [0.5, 1.0]);
    static METRICS: &[&dyn Metric] = &[&PUSHES, &OPEN, &CODES, &SECONDS];

    #[test]
    fn writes_the_text_format() {
        PUSHES.add(3);
        OPEN.set(-1);
        CODES.add(["2\"0"], 2);
        SECONDS.observe(0.75);
        let mut registry = Registry::default();
        registry.add(METRICS);
        registry.add_reading("heap_bytes", "Heap.", |out| out.push(Reading::new("heap_bytes", 7.0)));
        let text = registry.expose();
        let expected = "# HELP pushes_total Pushes.\n# TYPE pushes_total counter\npushes_total 3\n\
            # HELP open Open connections.\n# TYPE open gauge\nopen -1\n\
            # HELP codes_total By code.\n# TYPE codes_total counter\ncodes_total{code=\"2\\\"0\"} 2\n\
            # HELP seconds Time.\n# TYPE seconds histogram\nseconds_bucket{le=\"0.5\"} 0\nseconds_bucket{le=\"1\"} 1\n\
            seconds_bucket{le=\"+Inf\"} 1\nseconds_sum 0.75\nseconds_count 1\n\
            # HELP heap_bytes Heap.\n# TYPE heap_bytes gauge\nheap_bytes 7\n";
        assert_eq!(text, expected);
        assert_eq!(registry.inventory()[0], ("codes_total", "counter", "By code."));
    }
}
