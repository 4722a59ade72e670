//! Label spans: the protobuf bytes of a series' labels, kept as they came and used as its key.
//!
//! Canonical is the span that [`encode`] writes: sorted, names once, no empty values, shortest lengths. Nearly every sender
//! writes exactly that, so that the bytes in the table are at once the key and the only copy of the labels.

use std::cmp::Ordering;
use std::iter;
use std::sync::Arc;

use bongsu_model::Labels;
use bongsu_wire::remote_write::labels_of_span;

/// Fields of protobuf with a length: a pair in its series, and name and value in their pair.
const PAIR_TAG: u8 = 1 << 3 | 2;
const NAME_TAG: u8 = 1 << 3 | 2;
const VALUE_TAG: u8 = 2 << 3 | 2;

/// Appends the span of pairs that are sorted by name, unique and not empty.
pub(crate) fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>, out: &mut Vec<u8>) {
    for (name, value) in pairs {
        let field_bytes = |text: &str| 1 + varint_bytes(text.len()) + text.len();
        push_field(out, PAIR_TAG, field_bytes(name) + field_bytes(value));
        push_field(out, NAME_TAG, name.len());
        out.extend_from_slice(name.as_bytes());
        push_field(out, VALUE_TAG, value.len());
        out.extend_from_slice(value.as_bytes());
    }
}

/// The pairs of a canonical span.
pub(crate) fn pairs(span: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    labels_of_span(span).map_while(Result::ok)
}

/// The names and values of a canonical span, as bytes.
pub(crate) fn byte_pairs(mut span: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    iter::from_fn(move || {
        let mut pair = take_field(&mut span)?;
        Some((take_field(&mut pair)?, take_field(&mut pair)?))
    })
}

/// What limits are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) labels: usize,
    pub(crate) name_bytes_max: usize,
    pub(crate) value_bytes_max: usize,
}

/// The shape of a span if one look at its bytes shows that it is canonical: plain ASCII with lengths below 128, as nearly all
/// are. Nothing says that another one is not.
pub(crate) fn plain_shape(span: &[u8]) -> Option<Shape> {
    if span.is_empty() || !span.is_ascii() {
        return None;
    }
    let (mut rest, mut last, mut shape) = (span, &b""[..], Shape::default());
    while !rest.is_empty() {
        let [PAIR_TAG, len, after @ ..] = rest else { return None };
        let (pair, after) = after.split_at_checked(usize::from(*len))?;
        let [NAME_TAG, len, pair @ ..] = pair else { return None };
        let (name, pair) = pair.split_at_checked(usize::from(*len))?;
        let [VALUE_TAG, len, value @ ..] = pair else { return None };
        if value.is_empty() || value.len() != usize::from(*len) || name <= last {
            return None;
        }
        shape.labels += 1;
        shape.name_bytes_max = shape.name_bytes_max.max(name.len());
        shape.value_bytes_max = shape.value_bytes_max.max(value.len());
        (rest, last) = (after, name);
    }
    Some(shape)
}

/// The labels of a canonical span.
pub(crate) fn labels(span: &[u8]) -> Labels {
    Labels::from_sorted(pairs(span))
}

/// The labels of any span for a message, as far as they can be read.
pub(crate) fn text(span: &[u8]) -> String {
    Labels::from_pairs(pairs(span)).to_string()
}

/// Compares canonical spans by their labels. Sorting a million series is mostly this: pairs that are the same are passed by
/// their bytes, and only those that are not are taken apart.
pub(crate) fn compare(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        match (take_field(&mut a), take_field(&mut b)) {
            (Some(one), Some(other)) if one == other => {}
            (Some(one), Some(other)) => return compare_pairs(one, other),
            (one, other) => return one.is_some().cmp(&other.is_some()),
        }
    }
}

fn compare_pairs(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let names = take_field(&mut a).cmp(&take_field(&mut b));
    names.then_with(|| take_field(&mut a).cmp(&take_field(&mut b)))
}

/// Takes a length-delimited field, whose tag is one byte, off the front.
fn take_field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (mut len, mut at, mut shift) = (0, 1, 0);
    loop {
        let byte = *rest.get(at)?;
        len |= usize::from(byte & 0x7f) << shift;
        at += 1;
        if byte < 0x80 {
            break;
        }
        shift = (shift + 7) % usize::BITS;
    }
    let (field, after) = rest.get(at..)?.split_at_checked(len)?;
    *rest = after;
    Some(field)
}

fn push_field(out: &mut Vec<u8>, tag: u8, len: usize) {
    out.push(tag);
    let mut rest = len;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn varint_bytes(value: usize) -> usize {
    (usize::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// Where a span lies in [`Pages`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanRef {
    page: u32,
    offset: u32,
    len: u32,
}

const PAGE_BYTES: usize = 1 << 20;

/// Spans, packed into pages that never move: full ones are shared with whoever reads them without a lock.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    full: Vec<Arc<Vec<u8>>>,
    tail: Vec<u8>,
}

impl Pages {
    /// Keeps a copy.
    pub(crate) fn push(&mut self, span: &[u8]) -> SpanRef {
        if self.tail.capacity() - self.tail.len() < span.len() {
            self.seal();
            self.tail = Vec::with_capacity(PAGE_BYTES.max(span.len()));
        }
        let at = SpanRef { page: self.full.len() as u32, offset: self.tail.len() as u32, len: span.len() as u32 };
        self.tail.extend_from_slice(span);
        at
    }

    /// The bytes of a span.
    #[inline]
    pub(crate) fn get(&self, at: SpanRef) -> &[u8] {
        slice(self.full.get(at.page as usize).map_or(&self.tail, |page| page), at)
    }

    /// All pages so far, to be read without the table.
    pub(crate) fn share(&mut self) -> Vec<Arc<Vec<u8>>> {
        self.seal();
        self.full.clone()
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            let mut tail = std::mem::take(&mut self.tail);
            tail.shrink_to_fit();
            self.full.push(Arc::new(tail));
        }
    }
}

/// The canonical spans of the series of a table at one moment, readable without a lock.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    pages: Vec<Arc<Vec<u8>>>,
    refs: Vec<SpanRef>,
}

impl Spans {
    pub(crate) fn new(pages: Vec<Arc<Vec<u8>>>, refs: Vec<SpanRef>) -> Self {
        Self { pages, refs }
    }

    /// The span of a series.
    pub(crate) fn get(&self, series: u32) -> &[u8] {
        let at = self.refs[series as usize];
        slice(&self.pages[at.page as usize], at)
    }
}

#[inline]
fn slice(page: &[u8], at: SpanRef) -> &[u8] {
    &page[at.offset as usize..at.offset as usize + at.len as usize]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn pairs_of() -> impl Strategy<Value = BTreeMap<String, String>> {
        let value = prop_oneof!["[ab]{1,2}", "b{120,130}", "\\PC{1,3}"];
        prop::collection::btree_map("[a-c]{1,2}", value, 0..4)
    }

    fn encoded(labels: &BTreeMap<String, String>) -> Vec<u8> {
        let mut span = Vec::new();
        encode(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())), &mut span);
        span
    }

    proptest! {
        #[test]
        fn spans_compare_as_their_labels(a in pairs_of(), b in pairs_of()) {
            prop_assert_eq!(compare(&encoded(&a), &encoded(&b)), a.iter().cmp(b.iter()));
            prop_assert_eq!(compare(&encoded(&a), &encoded(&a)), Ordering::Equal);
        }

        #[test]
        fn a_plain_span_is_found_out_by_its_bytes(a in pairs_of()) {
            let is_plain = |(name, value): (&String, &String)| {
                name.is_ascii() && value.is_ascii() && 4 + name.len() + value.len() < 128
            };
            let plain = !a.is_empty() && a.iter().all(is_plain);
            let span = encoded(&a);
            let longest = |of: fn((&String, &String)) -> usize| a.iter().map(of).max().unwrap_or(0);
            let shape = Shape {
                labels: a.len(),
                name_bytes_max: longest(|(name, _)| name.len()),
                value_bytes_max: longest(|(_, value)| value.len()),
            };
            prop_assert_eq!(plain_shape(&span), plain.then_some(shape));
            prop_assert!(byte_pairs(&span).eq(a.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))));
            for len in 1..span.len() {
                let cut = plain_shape(&span[..len]);
                prop_assert!(cut.is_none_or(|cut| cut.labels < a.len()));
            }
        }

        #[test]
        fn what_is_plain_is_canonical(bytes in prop::collection::vec(prop::sample::select(&b"\n\x12\0\x01\x02\x05\x06\x07ab"[..]), 0..30)) {
            if plain_shape(&bytes).is_some() {
                let mut canonical = Vec::new();
                encode(pairs(&bytes), &mut canonical);
                prop_assert_eq!(&canonical, &bytes);
                prop_assert!(pairs(&bytes).is_sorted_by(|a, b| a.0 < b.0));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(a in prop::collection::vec(any::<u8>(), 0..40), b in prop::collection::vec(any::<u8>(), 0..40)) {
            compare(&a, &b);
            plain_shape(&a);
            byte_pairs(&a).count();
        }
    }
}
