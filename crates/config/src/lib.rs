//! Typed YAML: a file becomes a value, or an error that names file, line and column and what was expected.
//!
//! This crate knows nothing of what sections mean: each engine owns the types of its own section and derives
//! `serde::Deserialize` for them; [`load`] reads them. Durations, sizes and secrets have types here, so that every
//! section writes them the same way.

mod env;
mod load;
mod scalar;

pub use env::{EnvError, expand_env};
pub use load::{ConfigError, FILE_BYTES_MAX, load, parse};
pub use scalar::{ByteSize, Duration, Secret};
