//! The agent: scrapes, runs built-in exporters, and pushes everything outward through one durable queue per destination.
//!
//! ```text
//! Config (prometheus.yml) ─► scrape::Manager ─► Outlets ─► forward::Forward (queue on disk) ─► net::Client ─► centre
//!                              ▲ Fetcher: net::Client for http(s), in-process exporters for exporter://
//! ```
//!
//! A built-in exporter is one more target: same loop, same relabelling, same `up`; only its body comes from this process.

mod agent;
mod config;
mod fetch;
mod http;
mod outlets;
mod readings;

pub use agent::Agent;
pub use config::{Config, ConfigError, NodeSection};
pub use readings::Readings;
