//! `/federate`: the last samples in the text format, for another Prometheus to scrape. Source: Prometheus'
//! `web/federate.go`.
//!
//! The text format only. It has no native histograms: their series are left out. Names outside the classic grammar are
//! quoted, as every Prometheus 3 reads them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bongsu_model::{Labels, MetricMetadata, SampleBuffer, Selection, Source, SourceError, is_stale};
use bongsu_tsdb::Reader;
use bongsu_wire::exposition::TextWriter;
use http::header;

use super::queued;
use crate::error::ApiError;
use crate::params::Params;
use crate::state::Api;
use crate::tenant::Tenant;

/// The last sample of one series.
struct Last {
    labels: Labels,
    timestamp_ms: i64,
    value: f64,
}

pub(crate) async fn federate(State(api): State<Arc<Api>>, Tenant(tenant): Tenant, params: Params) -> Response {
    let reader = api.store.reader(&tenant);
    let (end_ms, series_max) = (api.clock.now_ms(), api.limits.query_series_max);
    let start_ms = end_ms.saturating_sub(api.engine.options().lookback_ms);
    let text = queued(&api, &tenant, api.limits.query_timeout, move || {
        let selections = params.all("match[]").map(crate::params::parse_selector).collect::<Result<Vec<_>, _>>();
        let selections = selections.map_err(ApiError::bad_data)?.into_iter();
        let selections = selections.map(|matchers| Selection { matchers, start_ms, end_ms, series_max });
        Ok(write(last_samples(&reader, selections)?))
    });
    match text.await {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        // Errors are for the log of the one who scrapes.
        Err(error) => error.into_plain_response(),
    }
}

/// By name, and each series once however many selectors it fulfils.
fn last_samples(reader: &Reader, selections: impl Iterator<Item = Selection>) -> Result<Vec<Last>, SourceError> {
    let (mut found, mut known, mut buffer) = (Vec::new(), BTreeSet::new(), SampleBuffer::default());
    for selection in selections {
        let set = reader.select(&selection)?;
        for place in 0..set.len() {
            let labels = set.labels(place)?;
            if !known.insert(labels.clone()) {
                continue;
            }
            buffer.clear();
            set.read(place, &mut buffer)?;
            let Some((timestamp_ms, value)) = last_float(&buffer) else { continue };
            if !is_stale(value) && !labels.metric_name().is_empty() {
                found.push(Last { labels, timestamp_ms, value });
            }
        }
    }
    found.sort_by(|a, b| a.labels.metric_name().cmp(b.labels.metric_name()).then_with(|| a.labels.cmp(&b.labels)));
    Ok(found)
}

/// The last sample, unless it is a histogram.
fn last_float(buffer: &SampleBuffer) -> Option<(i64, f64)> {
    let time_ms = *buffer.timestamps_ms.last()?;
    let is_histogram = buffer.histograms.last().is_some_and(|(histogram_ms, _)| *histogram_ms > time_ms);
    (!is_histogram).then_some((time_ms, *buffer.values.last()?))
}

fn write(samples: Vec<Last>) -> String {
    let (mut writer, mut family) = (TextWriter::new(), String::new());
    for Last { labels, timestamp_ms, value } in samples {
        let name = labels.metric_name();
        if family != name {
            name.clone_into(&mut family);
            writer.family(name, &MetricMetadata::default());
        }
        // Else the one who scrapes would put its own target's name there.
        let instance = labels.get("instance").is_none().then_some(("instance", ""));
        writer.sample(name, labels.iter().chain(instance), value, Some(timestamp_ms));
    }
    writer.finish()
}
