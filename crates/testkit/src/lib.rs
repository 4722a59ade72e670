//! What tests and benchmarks share: servers as real processes on free ports, a generator of load that looks like that
//! of many hosts, its replay over HTTP, and measurements from /proc.
//!
//! ```text
//! generator ──► requests ──► replay ──► a server (process) ──► measure: CPU, memory, disk
//! ```

pub mod awkward;
pub mod centre;
pub mod client;
pub mod generator;
pub mod http;
pub mod measure;
pub mod process;
pub mod prometheus;
pub mod push;
pub mod queries;
pub mod random;
pub mod read;
pub mod replay;
pub mod seaweed;
pub mod wait;
