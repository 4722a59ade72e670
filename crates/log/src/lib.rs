//! Written with the crate's first module.
