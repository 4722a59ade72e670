//! Prometheus' test language for PromQL: series are loaded, queries evaluated, results and remarks compared.
//!
//! ```text
//! file ─► script (commands) ─► run: storage + engine ─► compare ─► report
//! ```
//!
//! The language is that of Prometheus' `promql/promqltest/README.md`, with the older `eval_fail` forms. Native histograms
//! are read as notation only: a case that expects or selects them counts as [`Outcome::NeedsNativeHistograms`].

mod compare;
mod engine;
mod histogram;
mod nhcb;
mod run;
mod script;
mod series;
mod storage;

pub use run::{Case, Outcome, Report, RunError, run};
pub use script::ScriptError;
