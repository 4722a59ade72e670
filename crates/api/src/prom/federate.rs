//! `/federate`: the last samples for another Prometheus to scrape, as text or as protobuf. Source: Prometheus' `web/federate.go`, and its
//! client library's choice of a format.
//!
//! The text format has no native histograms: their series are left out. Names outside the classic grammar are quoted, as every Prometheus 3
//! reads them. The protobuf format has those with exponential buckets.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bongsu_model::{FloatHistogram, Labels, MetricMetadata, SampleBuffer, Selection, Source, SourceError, is_stale};
use bongsu_tsdb::Reader;
use bongsu_wire::exposition::{PROTOBUF_CONTENT_TYPE, ProtobufWriter, TEXT_CONTENT_TYPE, TextWriter};
use http::{HeaderMap, header};

use super::queued;
use crate::error::ApiError;
use crate::params::Params;
use crate::state::Api;
use crate::tenant::Tenant;

/// The last sample of one series.
struct Last {
    labels: Labels,
    timestamp_ms: i64,
    value: LastValue,
}

enum LastValue {
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

pub(crate) async fn federate(
    State(api): State<Arc<Api>>,
    Tenant(tenant): Tenant,
    headers: HeaderMap,
    params: Params,
) -> Response {
    let reader = api.store.reader(&tenant);
    let (end_ms, series_max) = (api.clock.now_ms(), api.limits.query_series_max);
    let start_ms = end_ms.saturating_sub(api.engine.options().lookback_ms);
    let as_protobuf = prefers_protobuf(headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or(""));
    let body = queued(&api, &tenant, api.limits.query_timeout, move || {
        let selections = params.all("match[]").map(crate::params::parse_selector).collect::<Result<Vec<_>, _>>();
        let selections = selections.map_err(ApiError::bad_data)?.into_iter();
        let selections = selections.map(|matchers| Selection { matchers, start_ms, end_ms, series_max });
        let samples = last_samples(&reader, selections)?;
        Ok(if as_protobuf { protobuf(&samples) } else { text(&samples).into_bytes() })
    });
    let content_type = if as_protobuf { PROTOBUF_CONTENT_TYPE } else { TEXT_CONTENT_TYPE };
    match body.await {
        Ok(body) => ([(header::CONTENT_TYPE, content_type), (header::VARY, "Accept")], body).into_response(),
        // Errors are for the log of the one who scrapes.
        Err(error) => error.into_plain_response(),
    }
}

/// Whether an `Accept` header names the delimited protobuf format before the text format; without either, it is text.
fn prefers_protobuf(accept: &str) -> bool {
    let mut ranges: Vec<(f64, Option<bool>)> = accept.split(',').map(media_range).collect();
    // The sort is stable: of the same weight, the first counts.
    ranges.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranges.into_iter().find_map(|(_, is_protobuf)| is_protobuf).unwrap_or(false)
}

/// The weight of a media range, and which of both formats it is, if any.
fn media_range(range: &str) -> (f64, Option<bool>) {
    let mut parts = range.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or("");
    let (mut weight, mut version, mut proto, mut encoding) = (1.0, "", "", "");
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let value = value.trim().trim_matches('"');
        match name.trim() {
            "q" => weight = value.parse().unwrap_or(1.0),
            "version" => version = value,
            "proto" => proto = value,
            "encoding" => encoding = value,
            _ => {}
        }
    }
    let is_protobuf = match media_type {
        "application/vnd.google.protobuf"
            if (proto, encoding) == ("io.prometheus.client.MetricFamily", "delimited") =>
        {
            Some(true)
        }
        "text/plain" if ["", "0.0.4", "1.0.0"].contains(&version) => Some(false),
        _ => None,
    };
    (weight, is_protobuf)
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
            let Some((timestamp_ms, value)) = last(&buffer) else { continue };
            let ended = match &value {
                LastValue::Float(value) => is_stale(*value),
                LastValue::Histogram(histogram) => histogram.is_stale(),
            };
            if !ended && !labels.metric_name().is_empty() {
                found.push(Last { labels, timestamp_ms, value });
            }
        }
    }
    found.sort_by(|a, b| a.labels.metric_name().cmp(b.labels.metric_name()).then_with(|| a.labels.cmp(&b.labels)));
    Ok(found)
}

fn last(buffer: &SampleBuffer) -> Option<(i64, LastValue)> {
    let float = buffer.timestamps_ms.last().copied().zip(buffer.values.last().copied());
    match (float, buffer.histograms.last()) {
        (Some((time_ms, value)), Some((histogram_ms, _))) if time_ms > *histogram_ms => {
            Some((time_ms, LastValue::Float(value)))
        }
        (_, Some((time_ms, histogram))) => Some((*time_ms, LastValue::Histogram(Arc::clone(histogram)))),
        (float, None) => float.map(|(time_ms, value)| (time_ms, LastValue::Float(value))),
    }
}

/// With an empty instance where there is none: else the one who scrapes would put its own target's name there.
fn federated(labels: &Labels) -> impl Iterator<Item = (&str, &str)> {
    let instance = labels.get("instance").is_none().then_some(("instance", ""));
    labels.iter().chain(instance)
}

fn text(samples: &[Last]) -> String {
    let (mut writer, mut family) = (TextWriter::new(), "");
    for Last { labels, timestamp_ms, value } in samples {
        let LastValue::Float(value) = value else { continue };
        let name = labels.metric_name();
        if family != name {
            family = name;
            writer.family(name, &MetricMetadata::default());
        }
        writer.sample(name, federated(labels), *value, Some(*timestamp_ms));
    }
    writer.finish()
}

fn protobuf(samples: &[Last]) -> Vec<u8> {
    let mut writer = ProtobufWriter::new();
    for Last { labels, timestamp_ms, value } in samples {
        let name = labels.metric_name();
        match value {
            LastValue::Float(value) => writer.sample(name, federated(labels), *value, *timestamp_ms),
            // Without its bounds, which the format does not have, a reader would refuse the whole scrape.
            LastValue::Histogram(histogram) if histogram.has_custom_buckets() => {}
            LastValue::Histogram(histogram) => writer.histogram(name, federated(labels), histogram, *timestamp_ms),
        }
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::prefers_protobuf;

    #[test]
    fn the_format_is_what_the_scraper_likes_best() {
        const PROTOBUF: &str =
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        // As Prometheus asks when it looks for native histograms.
        let asked = format!(
            "{PROTOBUF};q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
        );
        assert!(prefers_protobuf(&asked));
        assert!(prefers_protobuf(PROTOBUF));
        assert!(prefers_protobuf(&format!("text/plain;version=2, {}", PROTOBUF.replace("delimited", "\"delimited\""))));
        assert!(!prefers_protobuf(&format!("text/plain, {PROTOBUF}")));
        assert!(!prefers_protobuf(&format!("{PROTOBUF};q=0.1,text/plain;version=0.0.4;q=0.2")));
        assert!(!prefers_protobuf(&PROTOBUF.replace("delimited", "text")));
        assert!(!prefers_protobuf("*/*") && !prefers_protobuf(""));
    }
}
