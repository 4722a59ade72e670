//! What MetricsQL has beside PromQL and the lexer must know. Its grammar is in `parser/metricsql`.

pub(crate) mod number;
#[cfg(test)]
mod tests;
