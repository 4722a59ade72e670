//! Scraping: from the `scrape_configs` of a prometheus.yml to batches of samples, as Prometheus does it.
//!
//! ```text
//!  config ──► Job ──► discovery ──► relabel ──► Target ─┐ one loop per target, at its own offset in the interval
//!                                                       ▼
//!                         Fetch (plugged in) ──► body ──► ScrapeCache ──► Batch ──► Sink (plugged in)
//! ```
//!
//! [`ScrapeCache`] is the core: synchronous, without clock or network, it turns a body into samples, stale markers and the
//! report series (`up` and the like). [`Manager`] is the thin asynchronous shell around it. HTTP is behind [`Fetch`], so
//! that the agent can plug in its client, and exporters that live in the same process.

mod cache;
pub mod config;
pub mod discovery;
mod error;
mod families;
mod fetch;
mod manager;
mod pool;
mod relabel;
mod report;
mod target;
#[cfg(test)]
mod tests;
mod worker;

pub use cache::{Counts, ScrapeCache, Scraped};
pub use config::{ConfigError, GlobalConfig, HttpConfig, Job, ScrapeConfig, resolve};
pub use error::ScrapeError;
pub use fetch::{Fetch, FetchError, FetchFuture, Request, Response};
pub use manager::{DroppedTarget, Health, Manager, TargetStatus, Targets};
pub use target::{Target, TargetError};
