//! Tests of the whole log.

mod appending;
