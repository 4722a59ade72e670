//! Prometheus' test language for PromQL: series are loaded, queries evaluated, results and remarks compared.
//!
//! ```text
//! file ─► script (commands) ─► run: storage + engine ─► compare ─► report
//! ```
//!
//! The language is that of Prometheus' `promql/promqltest/README.md`, with the older `eval_fail` forms. As there, every instant query is asked
//! again as one step of a range query, and with its selectors fixed in time at other times.

mod at;
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
