//! `query_exemplars`: the exemplars of the series that an expression selects. Source: `queryExemplars` in Prometheus'
//! `web/api/v1`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bongsu_model::{Exemplar, Labels, Matcher};
use bongsu_syntax::ParseOptions;

use super::dialect::parse_options;
use super::json::{separated, write_float, write_labels, write_seconds};
use super::{json_response, queued, success};
use crate::error::ApiError;
use crate::params::Params;
use crate::state::Api;
use crate::tenant::Tenant;

pub(super) async fn exemplars(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, ApiError> {
    let (start_ms, end_ms) = params.time_range_ms()?;
    if end_ms < start_ms {
        return Err(ApiError::bad_data("end timestamp must not be before start timestamp"));
    }
    let (reader, options) = (api.store.reader(&tenant), parse_options(&params, &api)?);
    queued(&api, &tenant, api.limits.query_timeout, move || {
        let selectors = selectors(params.text("query"), &options)?;
        if selectors.is_empty() {
            // An expression that selects nothing is answered without data, not with an empty list.
            return Ok(json_response("{\"status\":\"success\"}".to_owned()));
        }
        let mut out = String::from("[");
        separated(&mut out, &reader.exemplars(&selectors, start_ms, end_ms), write_series);
        out.push(']');
        Ok(success(&out))
    })
    .await
}

/// The conditions of every selector of an expression.
fn selectors(text: &str, options: &ParseOptions) -> Result<Vec<Vec<Matcher>>, ApiError> {
    let expr = bongsu_syntax::parse(text, options);
    let expr = expr.map_err(|error| ApiError::bad_data(error.to_string()))?;
    let mut found = Vec::new();
    expr.walk(&mut |inner| found.extend(inner.selector().map(|selector| selector.matchers.clone())));
    Ok(found)
}

fn write_series(out: &mut String, (series, exemplars): &(Labels, Vec<Exemplar>)) {
    out.push_str("{\"seriesLabels\":");
    write_labels(out, series);
    out.push_str(",\"exemplars\":[");
    separated(out, exemplars, |out, exemplar| {
        out.push_str("{\"labels\":");
        write_labels(out, &exemplar.labels);
        out.push_str(",\"value\":\"");
        write_float(out, exemplar.value);
        out.push_str("\",\"timestamp\":");
        write_seconds(out, exemplar.timestamp_ms);
        out.push('}');
    });
    out.push_str("]}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_of_an_expression_counts() {
        let found =
            selectors("sum(rate(a[5m])) / b{job=\"x\"} + max_over_time(c[1h:1m]) > 2", &ParseOptions::default())
                .unwrap();
        let texts: Vec<String> =
            found.iter().map(|set| set.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")).collect();
        assert_eq!(texts, [r#"__name__="c""#, r#"job="x",__name__="b""#, r#"__name__="a""#]);
        assert!(selectors("1 + 1", &ParseOptions::default()).unwrap().is_empty());
        assert!(selectors("sum(", &ParseOptions::default()).unwrap_err().message.contains("parse error"));
    }

    #[test]
    fn written_as_prometheus_does() {
        let exemplar =
            |timestamp_ms| Exemplar { labels: Labels::from_pairs([("trace_id", "abc")]), value: 0.25, timestamp_ms };
        let mut out = String::new();
        write_series(&mut out, &(Labels::from_pairs([("__name__", "m")]), vec![exemplar(1500), exemplar(2000)]));
        expect_test::expect![[r#"{"seriesLabels":{"__name__":"m"},"exemplars":[{"labels":{"trace_id":"abc"},"value":"0.25","timestamp":1.500},{"labels":{"trace_id":"abc"},"value":"0.25","timestamp":2}]}"#]].assert_eq(&out);
    }
}
