//! Label sets, packed into one shared slice.
//!
//! A set is stored as `(varint name length, name, varint value length, value)*`, sorted by name, so that a set costs one
//! allocation, a clone is one reference count, and equality and hashing are over one slice.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// The label that carries a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// A sorted label set. Names are unique; a label with an empty value is the same as no label and is never stored.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Labels(Arc<[u8]>);

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
    }
}

impl Labels {
    /// The set without labels.
    #[must_use]
    pub fn empty() -> Self {
        Self(Arc::from(&[][..]))
    }

    /// A set of the given pairs, in any order. Of a name given twice the last value counts; empty values are left out.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.set(name.as_ref(), value.as_ref());
        }
        builder.build()
    }

    /// A set of pairs that are already sorted by name, unique and without empty values; the cheap way in for decoders.
    pub fn from_sorted<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut packed = Vec::with_capacity(128);
        for (name, value) in pairs {
            push_str(&mut packed, name);
            push_str(&mut packed, value);
        }
        Self(Arc::from(packed))
    }

    /// The value of `name`, if the set has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        for (candidate, value) in self {
            match candidate.cmp(name) {
                Ordering::Less => {}
                Ordering::Equal => return Some(value),
                Ordering::Greater => return None,
            }
        }
        None
    }

    /// The metric name, or "" without one.
    #[must_use]
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or("")
    }

    /// The pairs, sorted by name.
    #[must_use]
    pub fn iter(&self) -> LabelsIter<'_> {
        LabelsIter(&self.0)
    }

    /// The number of labels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The packed bytes (see the module's text): equal sets have equal bytes. Their order is not the order of the sets.
    #[must_use]
    pub fn packed(&self) -> &[u8] {
        &self.0
    }

    /// A 64-bit hash of the set, the same in every process.
    #[must_use]
    pub fn hash64(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&self.0)
    }

    /// The set with `name` left out.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        if self.get(name).is_none() {
            return self.clone();
        }
        Self::from_sorted(self.iter().filter(|(n, _)| *n != name))
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = LabelsIter<'a>;
    fn into_iter(self) -> LabelsIter<'a> {
        self.iter()
    }
}

/// Pairs in order of their names, then of their values; as Prometheus sorts series.
impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The Prometheus notation with the name in front: `up{job="node"}`; `{}` without labels.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.metric_name();
        let plain_name = is_legacy_metric_name(name);
        if plain_name {
            f.write_str(name)?;
        }
        let mut first = true;
        for (label, value) in self {
            if plain_name && label == METRIC_NAME {
                continue;
            }
            f.write_str(if first { "{" } else { ", " })?;
            first = false;
            if is_legacy_label_name(label) {
                f.write_str(label)?;
            } else {
                write!(f, "{label:?}")?;
            }
            write!(f, "={}", Quoted(value))?;
        }
        match (first, plain_name) {
            (false, _) => f.write_str("}"),
            (true, false) => f.write_str("{}"),
            (true, true) => Ok(()),
        }
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A string in double quotes with `\`, `"` and line breaks escaped.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

/// The pairs of a [`Labels`], sorted by name.
#[derive(Clone)]
pub struct LabelsIter<'a>(&'a [u8]);

impl<'a> Iterator for LabelsIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let name = take_str(&mut self.0);
        let value = take_str(&mut self.0);
        Some((name, value))
    }
}

/// A label set that is written anew again and again, in the same memory: for who looks at many sets and keeps few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelsBuffer(Vec<u8>);

impl LabelsBuffer {
    /// Puts other pairs in place: sorted by name, unique and without empty values.
    pub fn set<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.clear();
        pairs.into_iter().for_each(|(name, value)| self.push(name, value));
    }

    /// Forgets the pairs.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Appends a pair; its name comes after all others, and its value is not empty.
    pub fn push(&mut self, name: &str, value: &str) {
        push_str(&mut self.0, name);
        push_str(&mut self.0, value);
    }

    /// The set, to be kept.
    #[must_use]
    pub fn to_labels(&self) -> Labels {
        Labels(Arc::from(&*self.0))
    }
}

/// As [`Labels`].
impl Ord for LabelsBuffer {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl PartialOrd for LabelsBuffer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Builds a label set by setting and deleting labels in any order.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    /// Sorted by name.
    pairs: Vec<(String, String)>,
}

impl LabelsBuilder {
    /// A builder that starts from `labels`.
    #[must_use]
    pub fn from_labels(labels: &Labels) -> Self {
        Self { pairs: labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect() }
    }

    /// Sets a label; an empty value deletes it.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        match self.find(name) {
            Ok(at) if value.is_empty() => {
                self.pairs.remove(at);
            }
            Ok(at) => value.clone_into(&mut self.pairs[at].1),
            Err(_) if value.is_empty() => {}
            Err(at) => self.pairs.insert(at, (name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Deletes a label; nothing happens when it is not there.
    pub fn del(&mut self, name: &str) -> &mut Self {
        self.set(name, "")
    }

    /// Keeps only the labels whose name passes.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) -> &mut Self {
        self.pairs.retain(|(name, _)| keep(name));
        self
    }

    /// The value of a label, if set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).ok().map(|at| self.pairs[at].1.as_str())
    }

    /// The pairs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// The finished set.
    #[must_use]
    pub fn build(&self) -> Labels {
        Labels::from_sorted(self.iter())
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.pairs.binary_search_by(|(candidate, _)| candidate.as_str().cmp(name))
    }
}

/// Whether `name` is a label name of the classic grammar, `[a-zA-Z_][a-zA-Z0-9_]*`; other UTF-8 names need quotes.
#[must_use]
pub fn is_legacy_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether `name` is a metric name of the classic grammar: a label name that may also hold colons.
#[must_use]
pub fn is_legacy_metric_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b':')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
}

fn push_str(packed: &mut Vec<u8>, text: &str) {
    let mut len = text.len();
    while len >= 0x80 {
        packed.push((len as u8 & 0x7f) | 0x80);
        len >>= 7;
    }
    packed.push(len as u8);
    packed.extend_from_slice(text.as_bytes());
}

/// Compares two sets by their pairs, given their packed bytes.
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let Some(differs) = first_difference(a, b) else { return a.len().cmp(&b.len()) };
    // All strings that end before the first different byte are the same; the next one decides.
    let (mut rest, mut at) = (a, 0);
    loop {
        let text = take_str(&mut rest);
        let end = a.len() - rest.len();
        if end > differs {
            return text.cmp(take_str(&mut &b[at..]));
        }
        at = end;
    }
}

/// The place of the first byte in which two slices differ, as far as both go.
fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    let same_words = words.take_while(|(a, b)| a == b).count() * 8;
    let rest = a[same_words..].iter().zip(&b[same_words..]);
    rest.into_iter().position(|(a, b)| a != b).map(|place| same_words + place)
}

fn take_str<'a>(packed: &mut &'a [u8]) -> &'a str {
    let (mut len, mut shift) = (0_usize, 0);
    loop {
        let byte = packed[0];
        *packed = &packed[1..];
        len |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
        shift += 7;
    }
    let (text, rest) = packed.split_at(len);
    *packed = rest;
    #[expect(
        unsafe_code,
        reason = "labels are read far more often than made; checking UTF-8 again would double the cost"
    )]
    // SAFETY: only this module makes packed bytes, and `push_str` wrote these from a `&str` of exactly this length.
    unsafe {
        std::str::from_utf8_unchecked(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_drops_empty_values_and_keeps_the_last_of_a_name() {
        let labels = Labels::from_pairs([("job", "a"), ("__name__", "up"), ("gone", ""), ("job", "b"), ("a", "1")]);
        assert_eq!(labels.to_string(), r#"up{a="1", job="b"}"#);
        assert_eq!(labels.get("job"), Some("b"));
        assert_eq!(labels.get("gone"), None);
        assert_eq!(labels.len(), 3);
        assert_eq!(labels.without("__name__").to_string(), r#"{a="1", job="b"}"#);
    }

    #[test]
    fn prints_names_that_need_quotes() {
        assert_eq!(Labels::from_pairs([("__name__", "my.metric")]).to_string(), r#"{__name__="my.metric"}"#);
        assert_eq!(Labels::from_pairs([("a b", "c\"\n")]).to_string(), r#"{"a b"="c\"\n"}"#);
        assert_eq!(Labels::empty().to_string(), "{}");
        assert_eq!(Labels::from_pairs([("__name__", "up")]).to_string(), "up");
    }

    #[test]
    fn orders_by_pairs_not_by_bytes() {
        let a = Labels::from_pairs([("a", "10")]);
        let b = Labels::from_pairs([("a", "9")]);
        let c = Labels::from_pairs([("a", "9"), ("b", "1")]);
        assert!(a < b && b < c);
    }

    proptest::proptest! {
        #[test]
        fn packs_any_strings(pairs in proptest::collection::btree_map(".{0,200}", ".{1,300}", 0..6)) {
            let labels = Labels::from_pairs(&pairs);
            let back: Vec<_> = labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            proptest::prop_assert_eq!(back, pairs.into_iter().collect::<Vec<_>>());
        }
    }
}
