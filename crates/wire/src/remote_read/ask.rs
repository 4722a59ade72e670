//! The client's side: writes a `ReadRequest`.

use bongsu_model::{MatchOp, Matcher};

use super::{Query, ResponseType};
use crate::remote_write::cursor::varint;
use crate::remote_write::encode::{push_bytes, push_varint};

/// The bytes of a request with one query, not compressed yet. `accepted` are the ways to be answered, the best first.
#[must_use]
pub fn encode_request(query: &Query, accepted: &[ResponseType]) -> Vec<u8> {
    let (mut request, mut nested) = (Vec::new(), Vec::new());
    for (field, time_ms) in [(1, query.start_ms), (2, query.end_ms)] {
        push_varint(&mut nested, varint(field));
        push_varint(&mut nested, time_ms.cast_unsigned());
    }
    for matcher in &query.matchers {
        push_bytes(&mut nested, 3, &encode_matcher(matcher));
    }
    push_bytes(&mut request, 1, &nested);
    for kind in accepted {
        push_varint(&mut request, varint(2));
        push_varint(
            &mut request,
            match kind {
                ResponseType::Samples => 0,
                ResponseType::StreamedXorChunks => 1,
                ResponseType::Unknown(number) => *number,
            },
        );
    }
    request
}

fn encode_matcher(matcher: &Matcher) -> Vec<u8> {
    let kind = match matcher.op() {
        MatchOp::Equal => 0,
        MatchOp::NotEqual => 1,
        MatchOp::Regex => 2,
        MatchOp::NotRegex => 3,
    };
    let mut out = Vec::new();
    push_varint(&mut out, varint(1));
    push_varint(&mut out, kind);
    push_bytes(&mut out, 2, matcher.name().as_bytes());
    push_bytes(&mut out, 3, matcher.value().as_bytes());
    out
}
