//! Runs the test suites of the projects whose formats and languages we speak.
//!
//! The suites themselves are other people's files: they stay outside of the project, in `../shared/conformance` or where
//! `BONGSU_CONFORMANCE_DIR` points, and nothing here copies them. Small files of our own in `tests/data` always run.

use std::path::PathBuf;

pub mod promqltest;

/// Where the suites are; `None` when this machine does not have them.
#[must_use]
pub fn suites_dir() -> Option<PathBuf> {
    let beside_the_project = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance");
    let dir = std::env::var_os("BONGSU_CONFORMANCE_DIR").map_or_else(|| beside_the_project.into(), PathBuf::from);
    dir.is_dir().then_some(dir)
}
