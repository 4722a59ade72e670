//! Remote write bodies for tests.

use bongsu_model::{Labels, Sample};
use bongsu_wire::remote_write::{WriteRequestBuilder, compress};

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

/// Sends a body as a Prometheus server does; `tenant` may be empty.
///
/// # Errors
/// When there is no answer.
pub fn send(http: &Http, url: &str, tenant: &str, body: &[u8]) -> Result<Answer, String> {
    let mut headers = vec![
        ("content-encoding", "snappy"),
        ("content-type", "application/x-protobuf"),
        ("x-prometheus-remote-write-version", "0.1.0"),
    ];
    if !tenant.is_empty() {
        headers.push(("x-scope-orgid", tenant));
    }
    http.post(url, &headers, body)
}
