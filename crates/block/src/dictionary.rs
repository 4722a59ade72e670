//! The label pairs of a block, sorted and numbered; a series is a list of such numbers.
//!
//! ```text
//! names (varint) │ (name bytes (varint) │ values (varint))* │ value bytes (varint)* │ postings bytes (varint)* │ text
//! ```
//!
//! The text is that of all names and then that of all values. Pairs are sorted by name, then by value.

use std::ops::Range;

use hashbrown::{HashMap, HashTable};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::bytes::{Cursor, put_varint};
use crate::error::Damage;

/// Collects pairs in the order in which they are met; one number for each.
#[derive(Debug, Default)]
pub(crate) struct PairInterner {
    names: Vec<String>,
    name_bytes: usize,
    name_numbers: HashMap<String, u32>,
    pairs: Vec<Interned>,
    text: String,
    table: HashTable<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Interned {
    name: u32,
    value_start: usize,
    value_end: usize,
    hash: u64,
}

impl PairInterner {
    /// The number of a pair. `guess`, the pair at the same place of the series before, saves most lookups.
    pub(crate) fn intern(&mut self, name: &str, value: &str, guess: Option<u32>) -> u32 {
        let guessed = guess.map(|pair| self.pairs[pair as usize]).filter(|pair| self.names[pair.name as usize] == name);
        if let (Some(pair), Some(number)) = (guessed, guess)
            && &self.text[pair.value_start..pair.value_end] == value
        {
            return number;
        }
        let name = guessed.map_or_else(|| self.intern_name(name), |pair| pair.name);
        let hash = xxh3_64_with_seed(value.as_bytes(), u64::from(name));
        let same = |number: &u32| self.pairs[*number as usize].name == name && self.pair(*number).1 == value;
        if let Some(number) = self.table.find(hash, same) {
            return *number;
        }
        let number = self.pairs.len() as u32;
        let value_start = self.text.len();
        self.text.push_str(value);
        self.pairs.push(Interned { name, value_start, value_end: self.text.len(), hash });
        self.table.insert_unique(hash, number, |number| self.pairs[*number as usize].hash);
        number
    }

    fn intern_name(&mut self, name: &str) -> u32 {
        if let Some(number) = self.name_numbers.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.name_bytes += name.len();
        self.name_numbers.insert(name.to_owned(), number);
        number
    }

    /// How many pairs there are.
    pub(crate) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Bytes of all names and values.
    pub(crate) fn text_bytes(&self) -> usize {
        self.text.len() + self.name_bytes
    }

    /// The numbers of all pairs, in the order of names and values.
    pub(crate) fn sorted(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.pairs.len() as u32).collect();
        order.sort_unstable_by_key(|number| self.pair(*number));
        order
    }

    fn pair(&self, number: u32) -> (&str, &str) {
        let pair = self.pairs[number as usize];
        (&self.names[pair.name as usize], &self.text[pair.value_start..pair.value_end])
    }

    /// The section's bytes: `order` as from [`Self::sorted`], `postings_bytes` in that order.
    pub(crate) fn encode(&self, order: &[u32], postings_bytes: &[u32]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text_bytes() + order.len() * 3 + 64);
        let by_name = || order.chunk_by(|a, b| self.pairs[*a as usize].name == self.pairs[*b as usize].name);
        put_varint(&mut out, by_name().count() as u64);
        for group in by_name() {
            put_varint(&mut out, self.pair(group[0]).0.len() as u64);
            put_varint(&mut out, group.len() as u64);
        }
        order.iter().for_each(|number| put_varint(&mut out, self.pair(*number).1.len() as u64));
        postings_bytes.iter().for_each(|bytes| put_varint(&mut out, u64::from(*bytes)));
        by_name().for_each(|group| out.extend_from_slice(self.pair(group[0]).0.as_bytes()));
        order.iter().for_each(|number| out.extend_from_slice(self.pair(*number).1.as_bytes()));
        out
    }
}

/// The pairs of a block, read.
#[derive(Debug)]
pub(crate) struct Dictionary {
    text: String,
    /// Sorted by name.
    names: Vec<Name>,
    /// Where the value of each pair ends in the text; it starts where the one before ends.
    value_ends: Vec<u32>,
    values_start: u32,
    /// The same for the postings section.
    postings_ends: Vec<u32>,
}

#[derive(Debug)]
struct Name {
    text: Range<u32>,
    pairs: Range<u32>,
}

impl Dictionary {
    /// Reads the section.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let mut cursor = Cursor::new(bytes);
        let name_count = cursor.count(bytes.len(), "expected fewer names than bytes")?;
        let mut names = Vec::with_capacity(name_count.min(1 << 12));
        let (mut name_end, mut pair_end) = (0_u32, 0_u32);
        for _ in 0..name_count {
            let text = name_end..add(&mut cursor, name_end, bytes.len())?;
            let pairs = pair_end..add(&mut cursor, pair_end, bytes.len())?;
            (name_end, pair_end) = (text.end, pairs.end);
            names.push(Name { text, pairs });
        }
        let value_ends = read_ends(&mut cursor, pair_end, name_end, bytes.len())?;
        let postings_ends = read_ends(&mut cursor, pair_end, 0, u32::MAX as usize)?;
        let text_end = value_ends.last().map_or(name_end, |end| *end);
        let damage = cursor.damage("expected UTF-8 text of all names and values");
        let text = std::str::from_utf8(cursor.rest()).map_err(|_| damage)?.to_owned();
        let cuts = names.iter().map(|name| &name.text.end).chain(&value_ends);
        if text.len() != text_end as usize || !{ cuts }.all(|end| text.is_char_boundary(*end as usize)) {
            return Err(damage);
        }
        Ok(Self { text, names, value_ends, values_start: name_end, postings_ends })
    }

    /// All names, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| self.name_text(name))
    }

    fn name_text(&self, name: &Name) -> &str {
        &self.text[name.text.start as usize..name.text.end as usize]
    }

    /// The pairs of a name; none when no series has it.
    pub(crate) fn pairs_of(&self, name: &str) -> Range<u32> {
        match self.names.binary_search_by(|candidate| self.name_text(candidate).cmp(name)) {
            Ok(place) => self.names[place].pairs.clone(),
            Err(_) => 0..0,
        }
    }

    /// Those of `pairs`, all of one name, whose values start with `prefix`.
    pub(crate) fn with_prefix(&self, pairs: Range<u32>, prefix: &str) -> Range<u32> {
        let start = self.partition(pairs.clone(), |value| value < prefix);
        let end = self.partition(start..pairs.end, |value| value.starts_with(prefix));
        start..end
    }

    /// The one of `pairs`, all of one name, that has the value.
    pub(crate) fn find(&self, pairs: Range<u32>, value: &str) -> Option<u32> {
        let place = self.partition(pairs.clone(), |candidate| candidate < value);
        (place < pairs.end && self.value(place) == value).then_some(place)
    }

    /// The first of `pairs` for which `before` is false.
    fn partition(&self, pairs: Range<u32>, before: impl Fn(&str) -> bool) -> u32 {
        let (mut low, mut high) = (pairs.start, pairs.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(self.value(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The value of a pair that exists.
    pub(crate) fn value(&self, pair: u32) -> &str {
        let start = pair.checked_sub(1).map_or(self.values_start, |before| self.value_ends[before as usize]);
        &self.text[start as usize..self.value_ends[pair as usize] as usize]
    }

    /// The place of a pair's name among the names, and name and value; `None` when there is no such pair.
    pub(crate) fn pair(&self, pair: u32) -> Option<(usize, &str, &str)> {
        let place = self.names.partition_point(|name| name.pairs.end <= pair);
        self.names.get(place).map(|name| (place, self.name_text(name), self.value(pair)))
    }

    /// Where the postings of a pair that exists stand in their section.
    pub(crate) fn postings(&self, pair: u32) -> Range<usize> {
        let start = pair.checked_sub(1).map_or(0, |before| self.postings_ends[before as usize]);
        start as usize..self.postings_ends[pair as usize] as usize
    }
}

/// `base` and a varint, together at most `max`.
fn add(cursor: &mut Cursor<'_>, base: u32, max: usize) -> Result<u32, Damage> {
    let max = max.min(u32::MAX as usize);
    let len = cursor.count(max, "expected a length within the section")?;
    let end = base as usize + len;
    if end > max { Err(cursor.damage("expected lengths within the section")) } else { Ok(end as u32) }
}

/// `count` lengths, summed up from `base`.
fn read_ends(cursor: &mut Cursor<'_>, count: u32, base: u32, max: usize) -> Result<Vec<u32>, Damage> {
    let mut ends = Vec::with_capacity(count as usize);
    let mut end = base;
    for _ in 0..count {
        end = add(cursor, end, max)?;
        ends.push(end);
    }
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_sorted_and_found() {
        let mut interner = PairInterner::default();
        let numbers: Vec<u32> = [("job", "b"), ("up", "ä"), ("job", "a"), ("job", "b"), ("job", "ab")]
            .iter()
            .map(|(name, value)| interner.intern(name, value, None))
            .collect();
        assert_eq!(numbers, [0, 1, 2, 0, 3]);
        assert_eq!(interner.intern("job", "b", Some(0)), 0);
        assert_eq!(interner.intern("job", "ab", Some(0)), 3);
        let order = interner.sorted();
        assert_eq!(order, [2, 3, 0, 1]);
        let bytes = interner.encode(&order, &[5, 6, 7, 8]);
        let dictionary = Dictionary::decode(&bytes).unwrap();
        assert_eq!(dictionary.names().collect::<Vec<_>>(), ["job", "up"]);
        assert_eq!(dictionary.pairs_of("job"), 0..3);
        assert_eq!(dictionary.pairs_of("x"), 0..0);
        assert_eq!(dictionary.with_prefix(0..3, "a"), 0..2);
        assert_eq!(dictionary.find(0..3, "b"), Some(2));
        assert_eq!(dictionary.find(0..3, "c"), None);
        assert_eq!(dictionary.pair(3), Some((1, "up", "ä")));
        assert_eq!(dictionary.pair(4), None);
        assert_eq!(dictionary.postings(2), 11..18);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(0_u8..8, 0..60)) {
            if let Ok(dictionary) = Dictionary::decode(&bytes) {
                for pair in 0..70 {
                    if dictionary.pair(pair).is_some() {
                        dictionary.postings(pair);
                    }
                }
            }
        }
    }
}
