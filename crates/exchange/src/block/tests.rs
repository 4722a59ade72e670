//! Blocks written byte by byte. Those of Prometheus itself are read in `crates/bongsu/tests/exchange.rs`.

use super::bytes::Windowed;
use super::chunks::{check_segment, read_chunk};
use super::index::Index;
use super::series::Series;
use super::tombstones::Tombstones;
use bongsu_model::SampleBuffer;

/// A block's files, made by hand.
#[derive(Default)]
struct Maker {
    index: Vec<u8>,
}

fn uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint(out: &mut Vec<u8>, value: i64) {
    uvarint(out, (value << 1 ^ value >> 63).cast_unsigned());
}

/// Content between its length and its checksum.
fn section(content: &[u8]) -> Vec<u8> {
    let len = (content.len() as u32).to_be_bytes();
    [&len, content, &crc32c::crc32c(content).to_be_bytes()].concat()
}

impl Maker {
    /// An index of one series `{name="value"}` with one chunk, as version 2 has it.
    fn index(version: u8) -> Vec<u8> {
        let mut maker = Self { index: [&0xBAAA_D700_u32.to_be_bytes()[..], &[version]].concat() };
        let mut symbols = 2_u32.to_be_bytes().to_vec();
        for text in ["name", "value"] {
            uvarint(&mut symbols, text.len() as u64);
            symbols.extend_from_slice(text.as_bytes());
        }
        let symbols_start = maker.push(&section(&symbols));
        while version == 2 && !maker.index.len().is_multiple_of(16) {
            maker.index.push(0);
        }
        let mut entry = Vec::new();
        // Version 1 names symbols by their place: behind length and count.
        let symbol = |number: u64| if version == 2 { number } else { symbols_start + 8 + number * 5 };
        for number in [1, symbol(0), symbol(1), 1] {
            uvarint(&mut entry, number);
        }
        varint(&mut entry, -5);
        uvarint(&mut entry, 15);
        uvarint(&mut entry, 8);
        let mut whole = Vec::new();
        uvarint(&mut whole, entry.len() as u64);
        whole.extend_from_slice(&entry);
        whole.extend_from_slice(&crc32c::crc32c(&entry).to_be_bytes());
        let series_start = maker.push(&whole);
        let reference = if version == 2 { series_start / 16 } else { series_start } as u32;
        let postings_start = maker.push(&section(&[1_u32.to_be_bytes(), reference.to_be_bytes()].concat()));
        let mut table = 1_u32.to_be_bytes().to_vec();
        table.extend_from_slice(&[2, 0, 0]);
        uvarint(&mut table, postings_start);
        let table_start = maker.push(&section(&table));
        let toc: Vec<u8> = [symbols_start, series_start, 0, 0, postings_start, table_start]
            .into_iter()
            .flat_map(u64::to_be_bytes)
            .collect();
        maker.push(&[&toc[..], &crc32c::crc32c(&toc).to_be_bytes()].concat());
        maker.index
    }

    fn push(&mut self, bytes: &[u8]) -> u64 {
        let start = self.index.len() as u64;
        self.index.extend_from_slice(bytes);
        start
    }
}

fn windowed(bytes: &[u8]) -> Windowed {
    Windowed::new("index".to_owned(), Box::new(bytes.to_vec()))
}

/// All that a file says, or its fault.
fn read(bytes: &[u8]) -> Result<Vec<String>, String> {
    let mut index = Index::open(windowed(bytes), windowed(bytes)).map_err(|error| error.to_string())?;
    let (mut series, mut all) = (Series::default(), Vec::new());
    for place in 0..index.series_count {
        let external = [("site", "x")].into_iter();
        index.series(place, &mut series, external).map_err(|error| error.to_string())?;
        all.push(format!("{} {:?}", series.labels, series.chunks));
    }
    Ok(all)
}

#[test]
fn both_versions_of_an_index_are_read() {
    let expected = "{name=\"value\", site=\"x\"} [ChunkPlace { min_ms: -5, max_ms: 10, reference: 8 }]";
    assert_eq!(read(&Maker::index(1)).unwrap(), [expected]);
    assert_eq!(read(&Maker::index(2)).unwrap(), [expected]);
    let error = read(&[&Maker::index(2)[..4], &[3], &Maker::index(2)[5..]].concat()).unwrap_err();
    assert_eq!(error, "index, byte 4: index version 3 is not known; expected 1 or 2");
}

#[test]
fn every_flipped_byte_is_found_or_does_no_harm() {
    let whole = Maker::index(2);
    let good = read(&whole).unwrap();
    let mut found = 0;
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x40;
        match read(&bytes) {
            Ok(series) => assert_eq!(series, good, "byte {place}"),
            Err(text) => {
                assert!(text.starts_with("index, byte ") || text.starts_with("cannot read"), "{text}");
                found += 1;
            }
        }
        assert!(read(&whole[..place]).is_err(), "cut at {place}");
    }
    // Padding and what is not read (older tables) may differ.
    assert!(found > whole.len() * 3 / 4, "{found} of {}", whole.len());
}

#[test]
fn a_chunk_is_checked_before_it_is_read() {
    // One sample: 2.5 at 1000 ms.
    let data = [&[0, 1, 0xd0, 0x0f][..], &2.5_f64.to_be_bytes()].concat();
    let content = [&[1][..], &data].concat();
    let mut file = [&0x85BD_40DD_u32.to_be_bytes()[..], &[1, 0, 0, 0], &[data.len() as u8], &content].concat();
    file.extend_from_slice(&crc32c::crc32c(&content).to_be_bytes());
    let chunk = |bytes: &[u8]| {
        let mut segment = check_segment(windowed(bytes)).map_err(|error| error.to_string())?;
        let mut out = SampleBuffer::default();
        read_chunk(&mut segment, 8, &mut out).map_err(|error| error.to_string())?;
        Ok::<_, String>((out.timestamps_ms, out.values))
    };
    assert_eq!(chunk(&file), Ok((vec![1_000], vec![2.5])));
    for place in 8..file.len() {
        let mut bytes = file.clone();
        bytes[place] ^= 1;
        let error = chunk(&bytes).unwrap_err();
        assert!(error.starts_with("index, byte "), "{place}: {error}");
    }
    let mut later = file.clone();
    later[9] = 5;
    assert!(chunk(&later).unwrap_err().contains("chunk has encoding 5; known are 1 (XOR)"));
}

#[test]
fn tombstones_take_samples_away() {
    let mut content = Vec::new();
    uvarint(&mut content, 7);
    varint(&mut content, -1);
    varint(&mut content, 2);
    let head = [&0x0130_BA30_u32.to_be_bytes()[..], &[1]].concat();
    let file = [&head[..], &content, &crc32c::crc32c(&content).to_be_bytes()].concat();
    let tombstones = Tombstones::decode(&file).unwrap();
    let mut samples = SampleBuffer::default();
    (0..5).for_each(|time_ms| samples.push(time_ms, 1.0));
    samples.set_last_start(9);
    samples.histograms.push((2, std::sync::Arc::default()));
    assert_eq!(tombstones.apply(8, &mut samples), 0);
    assert_eq!(tombstones.apply(7, &mut samples), 4);
    assert_eq!(samples.timestamps_ms, [3, 4]);
    assert_eq!(samples.start_timestamps_ms, [0, 9]);
    for cut in 0..file.len() {
        assert!(Tombstones::decode(&file[..cut]).is_err(), "cut at {cut}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(flips in proptest::collection::vec((0_usize..200, proptest::prelude::any::<u8>()), 1..8)) {
        let mut bytes = Maker::index(2);
        for (place, byte) in flips {
            let len = bytes.len();
            bytes[place % len] = byte;
        }
        // Only that it returns: with sums made good again by nobody, most are errors.
        let _ = read(&bytes);
        let _ = Tombstones::decode(&bytes);
    }
}
