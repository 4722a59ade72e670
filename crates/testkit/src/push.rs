//! Remote write bodies for tests.

use bongsu_model::{Labels, Sample};
use bongsu_wire::remote_write::compress;
pub use bongsu_wire::remote_write::{SeriesData, WriteRequestBuilder, v2};

use crate::client::{Answer, Http};

/// The snappy body of a request with these series.
///
/// # Panics
/// When the body would be too large for snappy.
#[must_use]
pub fn body(series: &[(Labels, Vec<Sample>)]) -> Vec<u8> {
    let mut request = WriteRequestBuilder::new();
    for (labels, samples) in series {
        request.push_series(labels.iter(), samples);
    }
    compressed(&request.finish())
}

/// Any bytes as a snappy block.
///
/// # Panics
/// When there are more bytes than snappy takes.
#[must_use]
pub fn compressed(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    compress(raw, &mut out).expect("a body that fits").to_vec()
}

/// Sends a body as a Prometheus server does by remote write 1.0; `tenant` may be empty.
///
/// # Errors
/// When there is no answer.
pub fn send(http: &Http, url: &str, tenant: &str, body: &[u8]) -> Result<Answer, String> {
    send_as(http, url, tenant, ("application/x-protobuf", "0.1.0"), body)
}

/// The same by remote write 2.0.
///
/// # Errors
/// When there is no answer.
pub fn send_2(http: &Http, url: &str, tenant: &str, body: &[u8]) -> Result<Answer, String> {
    send_as(http, url, tenant, ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0"), body)
}

fn send_as(
    http: &Http,
    url: &str,
    tenant: &str,
    (content_type, version): (&str, &str),
    body: &[u8],
) -> Result<Answer, String> {
    let mut headers = vec![
        ("content-encoding", "snappy"),
        ("content-type", content_type),
        ("x-prometheus-remote-write-version", version),
    ];
    if !tenant.is_empty() {
        headers.push(("x-scope-orgid", tenant));
    }
    http.post(url, &headers, body)
}
