//! The engine as Prometheus' own tests set it up.

use bongsu_promql::{Engine, EngineOptions, QueryContext, QueryError, QueryOutput};
use bongsu_syntax::{Expr, ParseOptions};

use super::script::Times;
use super::storage::Storage;

/// Parses and evaluates.
pub struct TestEngine {
    engine: Engine,
    parse: ParseOptions,
}

impl TestEngine {
    pub fn new() -> Result<Self, QueryError> {
        let options = EngineOptions {
            delayed_name_removal: true,
            start_timestamps: true,
            threads: 1,
            ..EngineOptions::default()
        };
        Ok(Self { engine: Engine::new(options)?, parse: ParseOptions::default() })
    }

    pub fn parse(&self, query: &str) -> Result<Expr, String> {
        bongsu_syntax::parse(query, &self.parse).map_err(|error| error.to_string())
    }

    pub fn evaluate(&self, expr: &Expr, times: Times, storage: &Storage) -> Result<QueryOutput, String> {
        let context = QueryContext::default();
        match times {
            Times::Instant(at_ms) => self.engine.instant(expr, at_ms, storage, &context),
            Times::Range(range) => {
                self.engine.range(expr, range.start_ms, range.end_ms, range.step_ms, storage, &context)
            }
        }
        .map_err(|error| error.to_string())
    }
}
