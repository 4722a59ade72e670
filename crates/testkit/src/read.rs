//! Remote read for tests.

use crate::http::Connection;
use crate::push::compressed;

/// A `ReadRequest` for the series of a metric, compressed. `accepted` is the number of a response type: 0 samples, 1 streamed chunks.
#[must_use]
pub fn request(metric: &str, (start_ms, end_ms): (i64, i64), accepted: u8) -> Vec<u8> {
    let field = |number: u8, content: &[u8]| [&[number << 3 | 2, content.len() as u8], content].concat();
    let varint = |number: u8, mut value: u64| {
        let mut out = vec![number << 3];
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
        out
    };
    let matcher = [field(2, b"__name__"), field(3, metric.as_bytes())].concat();
    let query = [varint(1, start_ms.cast_unsigned()), varint(2, end_ms.cast_unsigned()), field(3, &matcher)].concat();
    compressed(&[field(1, &query), vec![2 << 3, accepted]].concat())
}

/// Asks `url` and gives back the answer's bytes.
///
/// # Panics
/// Unless it is answered with 2xx.
#[must_use]
#[track_caller]
pub fn send(url: &str, path: &str, request: &[u8]) -> Vec<u8> {
    let mut connection = Connection::open(url.trim_start_matches("http://")).expect("a server");
    let headers = "Content-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n";
    let answer = connection.post(path, headers, request).expect("an answer");
    answer.ok().expect("a good answer")
}
