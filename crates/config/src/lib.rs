//! Typed YAML: a file becomes a value, or an error that names file, line and column and what was expected.
//!
//! This crate knows nothing of what sections mean: each engine owns the types of its own section and derives
//! `serde::Deserialize` for them; [`load`] reads them. Durations, sizes and secrets have types here, so that every
//! section writes them the same way; so have credentials and TLS, in [`http`].

mod env;
mod glob;
pub mod http;
mod load;
mod nullable;
mod reason;
mod scalar;

pub use env::{EnvError, expand_env};
pub use glob::glob;
pub use load::{ConfigError, FILE_BYTES_MAX, load, parse};
pub use nullable::nullable;
pub use scalar::{ByteSize, Duration, Secret};
