//! The disk that the store gets.

use std::sync::Arc;

use anyhow::Context;
use bongsu_disk::{CrashDisk, Disk, OsDisk};

/// Names the operation of the disk at which the process ends: see [`bongsu_disk::CrashPoint`]. For tests of what a crash
/// leaves behind.
const CRASH_AT: &str = "BONGSU_CRASH_AT";

/// The machine's, or one that ends the process when the environment says so.
pub(crate) fn from_environment() -> anyhow::Result<Arc<dyn Disk>> {
    let Ok(text) = std::env::var(CRASH_AT) else { return Ok(Arc::new(OsDisk)) };
    let point = text.parse().with_context(|| format!("environment variable {CRASH_AT}"))?;
    tracing::warn!(at = text, "{CRASH_AT} is set: this process ends by itself, as by kill -9");
    Ok(Arc::new(CrashDisk::new(point)))
}
