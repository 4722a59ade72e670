//! Instant and range queries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::Response;
use bongsu_model::TenantId;
use bongsu_promql::{Engine, QueryContext, QueryError, QueryErrorKind, QueryOutput, Severity, Value};
use bongsu_syntax::{Expr, ParseOptions};
use bongsu_tsdb::Reader;

use super::dialect::parse_options;
use super::json::write_value;
use super::stats::{self, Detail, Timings};
use super::{blocking, json_response, take_slot};
use crate::cache::RangeQuery;
use crate::error::{ApiError, ErrorType};
use crate::metrics;
use crate::params::Params;
use crate::state::Api;
use crate::tenant::Tenant;

/// Steps that a range query may ask for, as in Prometheus: one point less than it may answer.
const STEPS_MAX: i64 = 11_000;

pub(super) async fn instant(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, ApiError> {
    answer_instant(&api, &tenant, &params).await.map(json_response)
}

/// The body of the answer to an instant query.
pub(super) async fn answer_instant(api: &Arc<Api>, tenant: &TenantId, params: &Params) -> Result<String, ApiError> {
    let at_ms = params.time_ms("time")?.unwrap_or_else(|| api.clock.now_ms());
    let job = Job::prepare(params, api)?;
    job.run(api, tenant, "instant", move |engine, expr, reader, context| engine.instant(expr, at_ms, reader, context))
        .await
}

pub(super) async fn range(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, ApiError> {
    answer_range(&api, &tenant, &params).await.map(json_response)
}

/// The body of the answer to a range query.
pub(super) async fn answer_range(api: &Arc<Api>, tenant: &TenantId, params: &Params) -> Result<String, ApiError> {
    let (start_ms, end_ms) = (params.required_time_ms("start")?, params.required_time_ms("end")?);
    if end_ms < start_ms {
        return Err(ApiError::bad_parameter("end", "end timestamp must not be before start time"));
    }
    let step_ms = params.required_duration_ms("step")?;
    if step_ms <= 0 {
        let reason = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(ApiError::bad_parameter("step", reason));
    }
    if end_ms.saturating_sub(start_ms) / step_ms > STEPS_MAX {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution \
             (?step=XX)",
        ));
    }
    let job = Job::prepare(params, api)?;
    // Who asks what a query uses wants to know it of the whole; `nocache` is the name that VictoriaMetrics has for it.
    let may_be_kept = job.stats.is_none() && params.get("nocache") != Some("1");
    let (state, query_text) = (Arc::clone(api), job.text.clone());
    let work = move |engine: &Engine, expr: &Expr, reader: &Reader, context: &QueryContext| match &state.cache {
        Some(cache) if may_be_kept => {
            let now_ms = state.clock.now_ms();
            let text = query_text.as_str();
            cache.range(&RangeQuery { engine, expr, text, start_ms, end_ms, step_ms, reader, context, now_ms })
        }
        _ => engine.range(expr, start_ms, end_ms, step_ms, reader, context),
    };
    job.run(api, tenant, "range", work).await
}

/// One query with its parameters, not parsed yet: that may take a while and is done in the query's own slot.
struct Job {
    text: String,
    parse: ParseOptions,
    timeout: Duration,
    lookback_ms: Option<i64>,
    limit: usize,
    /// Whether the answer tells what the query has used.
    stats: Option<Detail>,
}

impl Job {
    fn prepare(params: &Params, api: &Api) -> Result<Self, ApiError> {
        let timeout_ms = params.duration_ms("timeout")?.unwrap_or(i64::MAX);
        Ok(Self {
            text: params.text("query").to_owned(),
            parse: parse_options(params, api)?,
            timeout: Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0)).min(api.limits.query_timeout),
            lookback_ms: params.lookback_ms()?,
            limit: params.limit()?,
            stats: params.get("stats").map(Detail::of),
        })
    }

    /// Waits for a slot, evaluates and writes the answer. When the client goes away, this future is dropped and the
    /// evaluation told to stop; it keeps its slot until it has.
    async fn run(
        self,
        api: &Arc<Api>,
        tenant: &TenantId,
        kind: &'static str,
        evaluate: impl FnOnce(&Engine, &Expr, &Reader, &QueryContext) -> Result<QueryOutput, QueryError> + Send + 'static,
    ) -> Result<String, ApiError> {
        let stop = StopOnDrop(Arc::new(AtomicBool::new(false)));
        let asked = Instant::now();
        let now_ms = api.clock.now_ms();
        let watched = api.queries.register(tenant, kind, &self.text, now_ms, &stop.0);
        let context = QueryContext {
            cancel: Arc::clone(&stop.0),
            deadline: Some(asked + self.timeout),
            lookback_ms: self.lookback_ms,
            progress: watched.progress(),
            now_ms: Some(now_ms),
            counts_samples: self.stats.is_some(),
            ..QueryContext::default()
        };
        let outcome = match take_slot(api, tenant, self.timeout).await {
            Ok(slot) => {
                let (api, reader) = (Arc::clone(api), api.store.reader(tenant));
                blocking(move || {
                    let _slot = slot;
                    watched.begin();
                    let outcome = self.answer(asked, &api, |expr| evaluate(&api.engine, expr, &reader, &context));
                    watched.end(outcome.as_ref().err().map(|error| error.message.as_str()));
                    outcome
                })
                .await
            }
            Err(error) => {
                watched.end(Some(&error.message));
                Err(error)
            }
        };
        metrics::QUERIES.add([if outcome.is_ok() { "success" } else { "error" }], 1);
        outcome
    }

    /// Parses, evaluates and writes the answer; the query was asked at `asked`.
    fn answer(
        &self,
        asked: Instant,
        api: &Api,
        evaluate: impl FnOnce(&Expr) -> Result<QueryOutput, QueryError>,
    ) -> Result<String, ApiError> {
        let start = Instant::now();
        let expr = parse(&self.text, &self.parse)?;
        let preparation = start.elapsed();
        let output = evaluate(&expr);
        metrics::QUERY_SECONDS.observe(start.elapsed().as_secs_f64());
        let timings = Timings { queue: start - asked, preparation, total: asked.elapsed() };
        render(output.map_err(failed)?, self, &timings, api.limits.query_response_bytes_max)
    }
}

/// What is wrong with the expression itself is told as of the parameter, as Prometheus does.
fn failed(error: QueryError) -> ApiError {
    match error.kind {
        QueryErrorKind::BadData => ApiError::bad_parameter("query", error),
        _ => error.into(),
    }
}

/// Tells running work to stop when its request is over, however that came.
pub(super) struct StopOnDrop(pub(super) Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(super) fn parse(text: &str, options: &ParseOptions) -> Result<Expr, ApiError> {
    bongsu_syntax::parse(text, options).map_err(|error| ApiError::bad_parameter("query", error))
}

/// How long an answer mostly is: growing it by and by would copy it several times.
fn likely_bytes(value: &Value) -> usize {
    const POINT: usize = 30;
    const SERIES: usize = 200;
    let results = match value {
        Value::Vector(samples) => samples.len() * (SERIES + POINT),
        Value::Matrix(series) => series.iter().map(|one| SERIES + one.values.len() * POINT).sum(),
        _ => 0,
    };
    results + 1024
}

/// The whole answer as text.
fn render(mut output: QueryOutput, job: &Job, timings: &Timings, bytes_max: usize) -> Result<String, ApiError> {
    let mut warnings: Vec<String> = Vec::new();
    let mut infos = Vec::new();
    if truncate(&mut output.value, job.limit) {
        warnings.push("results truncated due to limit".to_owned());
    }
    for annotation in &output.annotations {
        let list = if annotation.severity == Severity::Warning { &mut warnings } else { &mut infos };
        list.push(annotation.render(&job.text));
    }
    let mut out = String::with_capacity(likely_bytes(&output.value).min(bytes_max));
    out.push_str("{\"status\":\"success\",\"data\":");
    if !write_value(&mut out, &output.value, bytes_max) {
        let text = format!(
            "the answer is larger than {bytes_max} bytes, the limit (setting limits.query_response_size): ask for fewer \
             series or steps, or raise it"
        );
        return Err(ApiError::new(ErrorType::Execution, text));
    }
    if let Some(detail) = job.stats {
        stats::append(&mut out, timings, detail, &output);
    }
    for (name, list) in [("warnings", warnings), ("infos", infos)] {
        if !list.is_empty() {
            out.push_str(&format!(",\"{name}\":{}", serde_json::json!(list)));
        }
    }
    out.push('}');
    Ok(out)
}

fn truncate(value: &mut Value, limit: usize) -> bool {
    match value {
        Value::Vector(samples) if samples.len() > limit => samples.truncate(limit),
        Value::Matrix(series) if series.len() > limit => series.truncate(limit),
        _ => return false,
    }
    true
}
