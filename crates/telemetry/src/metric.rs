//! Metrics as statics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::registry::Reading;

/// Something that can be registered: it has a name and help, and can be read.
pub trait Metric: Sync {
    /// Full name with unit and, for counters, `_total`.
    fn name(&self) -> &'static str;
    /// One sentence for people.
    fn help(&self) -> &'static str;
    /// The type word of the exposition format.
    fn type_word(&self) -> &'static str;
    /// The current samples.
    fn read(&self, out: &mut Vec<Reading>);
}

/// Only goes up.
pub struct Counter {
    name: &'static str,
    help: &'static str,
    value: AtomicU64,
}

impl Counter {
    /// A counter at zero; the name ends in `_total`.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, value: AtomicU64::new(0) }
    }

    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.value.fetch_add(n, Ordering::Relaxed);
    }

    /// The count so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}

impl Metric for Counter {
    fn name(&self) -> &'static str {
        self.name
    }
    fn help(&self) -> &'static str {
        self.help
    }
    fn type_word(&self) -> &'static str {
        "counter"
    }
    fn read(&self, out: &mut Vec<Reading>) {
        out.push(Reading::new(self.name, self.get() as f64));
    }
}

/// Goes up and down.
pub struct Gauge {
    name: &'static str,
    help: &'static str,
    value: AtomicI64,
}

impl Gauge {
    /// A gauge at zero.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, value: AtomicI64::new(0) }
    }

    /// Sets the value.
    pub fn set(&self, value: i64) {
        self.value.store(value, Ordering::Relaxed);
    }

    /// Adds `n`, which may be negative.
    pub fn add(&self, n: i64) {
        self.value.fetch_add(n, Ordering::Relaxed);
    }
}

impl Metric for Gauge {
    fn name(&self) -> &'static str {
        self.name
    }
    fn help(&self) -> &'static str {
        self.help
    }
    fn type_word(&self) -> &'static str {
        "gauge"
    }
    fn read(&self, out: &mut Vec<Reading>) {
        out.push(Reading::new(self.name, self.value.load(Ordering::Relaxed) as f64));
    }
}

/// Counters by the values of fixed labels. At most [`Family::CHILDREN_MAX`] label combinations are kept; more are counted
/// under the label value `other`.
pub struct Family<const N: usize> {
    name: &'static str,
    help: &'static str,
    labels: [&'static str; N],
    children: RwLock<BTreeMap<[String; N], Arc<AtomicU64>>>,
}

impl<const N: usize> Family<N> {
    /// The bound on label combinations.
    pub const CHILDREN_MAX: usize = 1000;

    /// An empty family; the name ends in `_total`.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Self {
        Self { name, help, labels, children: RwLock::new(BTreeMap::new()) }
    }

    /// Adds `n` to the counter of these label values.
    pub fn add(&self, values: [&str; N], n: u64) {
        self.child(values).fetch_add(n, Ordering::Relaxed);
    }

    fn child(&self, values: [&str; N]) -> Arc<AtomicU64> {
        let key = values.map(str::to_owned);
        let known = self.children.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        known.unwrap_or_else(|| {
            let mut children = self.children.write().unwrap_or_else(PoisonError::into_inner);
            let key = if children.len() < Self::CHILDREN_MAX { key } else { [(); N].map(|()| "other".to_owned()) };
            Arc::clone(children.entry(key).or_default())
        })
    }
}

impl<const N: usize> Metric for Family<N> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn help(&self) -> &'static str {
        self.help
    }
    fn type_word(&self) -> &'static str {
        "counter"
    }
    fn read(&self, out: &mut Vec<Reading>) {
        for (values, count) in self.children.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let mut reading = Reading::new(self.name, count.load(Ordering::Relaxed) as f64);
            for (label, value) in self.labels.iter().zip(values) {
                reading = reading.label(label, value);
            }
            out.push(reading);
        }
    }
}

/// Observations counted in buckets, with their sum.
pub struct Histogram<const N: usize> {
    name: &'static str,
    help: &'static str,
    bounds: [f64; N],
    counts: [AtomicU64; N],
    count: AtomicU64,
    /// Sum in millionths, so that it fits an atomic integer.
    sum_micros: AtomicU64,
}

impl<const N: usize> Histogram<N> {
    /// An empty histogram; `bounds` are upper bounds, ascending, without +Inf.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str, bounds: [f64; N]) -> Self {
        Self {
            name,
            help,
            bounds,
            counts: [const { AtomicU64::new(0) }; N],
            count: AtomicU64::new(0),
            sum_micros: AtomicU64::new(0),
        }
    }

    /// Counts one observation; negative ones count as zero.
    pub fn observe(&self, value: f64) {
        if let Some(bucket) = self.bounds.iter().position(|bound| value <= *bound) {
            self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_micros.fetch_add((value.max(0.0) * 1e6) as u64, Ordering::Relaxed);
    }
}

impl<const N: usize> Metric for Histogram<N> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn help(&self) -> &'static str {
        self.help
    }
    fn type_word(&self) -> &'static str {
        "histogram"
    }
    fn read(&self, out: &mut Vec<Reading>) {
        let mut total = 0;
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            total += count.load(Ordering::Relaxed);
            out.push(Reading::new(format!("{}_bucket", self.name), total as f64).label("le", &bound.to_string()));
        }
        let count = self.count.load(Ordering::Relaxed) as f64;
        out.push(Reading::new(format!("{}_bucket", self.name), count).label("le", "+Inf"));
        out.push(Reading::new(format!("{}_sum", self.name), self.sum_micros.load(Ordering::Relaxed) as f64 / 1e6));
        out.push(Reading::new(format!("{}_count", self.name), count));
    }
}
