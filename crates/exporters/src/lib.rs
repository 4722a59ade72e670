//! Exporters that run inside the agent, one folder each, with the metric names, labels and types of the well-known
//! exporter of the same name, so that its dashboards and alerts work unchanged.
//!
//! An exporter is asked for its families and knows nothing of scraping, of HTTP or of where samples go.
//!
//! ```text
//! agent ──► Exporter::collect ──► Vec<Family> ──► scrape loop, or text at a local /metrics
//!              └ node: /proc, /sys, statfs
//! ```

mod family;
pub mod node;

pub use family::{Exporter, Family};
