//! How Bongsu watches itself: its own metrics and its log.
//!
//! A crate declares each metric once, as a static with name and help ([`Counter`], [`Gauge`], [`Histogram`] and their
//! labelled forms), and lists them in one `METRICS` slice. The process registers those slices in one [`Registry`], which
//! writes them at `/metrics` and lists them for the reference page. What an engine counts itself is added at the time of
//! the scrape by a collector function.

mod logging;
mod metric;
mod process;
mod registry;

pub use logging::{LogFormat, init_logging};
pub use metric::{Counter, Family, Gauge, Histogram, Metric};
pub use process::process_metrics;
pub use registry::{Reading, Registry};
