//! The centre: a store, a query engine and the API over them, started and stopped as one.
//!
//! ```text
//! Options ─► Server::start ─► opens the store (replays the log) ─► listens ─► ready
//!                              └ maintenance thread: flush, merge, retention
//! Server::stop ─► not ready ─► requests under way finish ─► flush ─► closed
//! ```

mod bucket_readings;
mod config;
mod describe;
mod disk;
mod maintenance;
mod readings;
mod server;

pub use config::{
    Config, Downsample, Ha, Limits, Merges, RetentionRule, SeriesSelector, StoreConfig, TenantConfig, TenantLimits,
};
pub use server::{Server, open_store};
