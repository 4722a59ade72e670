//! What can still be read of a damaged block, into a sound one.

use std::path::Path;

use bongsu_model::{Labels, SampleBuffer};

use crate::buckets::Coarse;
use crate::error::Error;
use crate::footer::BlockMeta;
use crate::reader::Block;
use crate::writer::{BlockWriter, WriteOptions};

/// Messages that are kept.
const REASONS_MAX: usize = 10;

/// What became of a damaged block.
#[derive(Debug)]
pub struct Salvaged {
    /// The new block.
    pub meta: BlockMeta,
    /// Series that could not be read, or whose labels could not.
    pub lost_series: u64,
    /// Samples that the damaged block said it had, and the new one has not.
    pub lost_samples: u64,
    /// Why the first ones were lost.
    pub reasons: Vec<String>,
}

/// Copies the series of a block that can be read to a new one at `path`: damage costs the series that it meets. Calls
/// `each` after every series.
///
/// # Errors
/// When the index of the block cannot be read, so that no series can, and when the new one cannot be written.
pub fn salvage(
    block: &Block,
    path: &Path,
    options: WriteOptions,
    each: &mut dyn FnMut(u32),
) -> Result<Salvaged, Error> {
    let meta = block.meta();
    if meta.series_count > 0 {
        // Without these no series has labels or a place: then there is nothing to copy.
        block.series().and_then(|_| block.dictionary())?;
    }
    let resolution_secs = u32::try_from(meta.resolution_ms / 1000).unwrap_or(0);
    let mut writer = BlockWriter::create(path, WriteOptions { resolution_secs, ..options })?;
    let (mut lost_series, mut reasons) = (0, Vec::new());
    let (mut samples, mut coarse) = (SampleBuffer::default(), Coarse::default());
    for series in 0..meta.series_count {
        samples.clear();
        coarse.clear();
        let read = match resolution_secs {
            0 => block.read(series, i64::MIN, i64::MAX, &mut samples),
            _ => block.read_coarse(series, i64::MIN, i64::MAX, &mut coarse),
        };
        let read = read.and_then(|()| block.labels(series));
        let copied = match read {
            // What is out of order was damaged too.
            Ok(labels) => match push(&mut writer, &labels, &samples, &coarse) {
                Err(error @ Error::Input { .. }) => Some(error),
                outcome => outcome.map(|()| None)?,
            },
            Err(error) => Some(error),
        };
        if let Some(error) = copied {
            lost_series += 1;
            if reasons.len() < REASONS_MAX {
                reasons.push(error.to_string());
            }
        }
        each(series);
    }
    let new = writer.finish()?;
    let lost_samples = meta.sample_count.saturating_sub(new.sample_count);
    Ok(Salvaged { meta: new, lost_series, lost_samples, reasons })
}

/// A series of samples, or of buckets.
fn push(writer: &mut BlockWriter, labels: &Labels, samples: &SampleBuffer, coarse: &Coarse) -> Result<(), Error> {
    if coarse.is_empty() { writer.push(labels, samples) } else { writer.push_coarse(labels, coarse) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_costs_the_series_that_it_meets() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.block");
        let mut writer = BlockWriter::create(&path, WriteOptions::default()).unwrap();
        // Floats that no codec makes small, so that there are several pages.
        for series in 0..64_u32 {
            let labels = Labels::from_pairs([("__name__", "m"), ("n", &format!("{series:03}"))]);
            let mut samples = SampleBuffer::default();
            (0..200_i64).for_each(|n| samples.push(n * 1000, f64::from(series).sqrt() * (n as f64).sin()));
            writer.push(&labels, &samples).unwrap();
        }
        let whole = writer.finish().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20_000] ^= 1;
        let damaged = Block::from_bytes(&path, bytes.clone()).unwrap();
        assert!(damaged.verify().is_err());
        let mut seen = 0;
        let out = dir.path().join("b.block");
        let salvaged = salvage(&damaged, &out, WriteOptions::default(), &mut |_| seen += 1).unwrap();
        assert_eq!(seen, 64);
        assert!((1..64).contains(&salvaged.lost_series), "{salvaged:?}");
        assert_eq!(salvaged.lost_samples, salvaged.lost_series * 200);
        assert_eq!(salvaged.meta.sample_count + salvaged.lost_samples, whole.sample_count);
        assert!(salvaged.reasons[0].contains("checksum mismatch"), "{:?}", salvaged.reasons);
        Block::open(&out).unwrap().verify().unwrap();

        // Without the dictionary nothing has a name.
        let parts = Block::open(&path).unwrap().inspect().unwrap().parts;
        let before = parts.iter().take_while(|part| part.name != "dictionary");
        let dictionary: u64 = before.map(|part| part.stored_bytes).sum();
        bytes[dictionary as usize] ^= 1;
        let nameless = Block::from_bytes(&path, bytes).unwrap();
        let error = salvage(&nameless, &out, WriteOptions::default(), &mut |_| ()).unwrap_err();
        assert!(error.to_string().contains("section dictionary"), "{error}");
    }

    #[test]
    fn an_inspection_accounts_for_every_byte() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.block");
        let mut writer = BlockWriter::create(&path, WriteOptions::default()).unwrap();
        for (name, step) in [("constant", 0.0), ("counter", 3.0), ("float", 0.123_456_789_012_345_6)] {
            let labels = Labels::from_pairs([("__name__", name), ("job", "node")]);
            let mut samples = SampleBuffer::default();
            (0..100_i64)
                .for_each(|n| samples.push(n * 1000, (n as f64 * step).sin().mul_add(step.fract(), n as f64 * step)));
            writer.push(&labels, &samples).unwrap();
        }
        let meta = writer.finish().unwrap();
        let found = Block::open(&path).unwrap().inspect().unwrap();
        assert_eq!(found.parts.iter().map(|part| part.stored_bytes).sum::<u64>(), meta.size_bytes);
        assert_eq!(found.codecs.iter().map(|codec| codec.samples).sum::<u64>(), 300);
        assert_eq!((found.time_columns, found.chunk_samples.as_slice()), (1, [(128, 3)].as_slice()));
        let names: Vec<&str> = found.codecs.iter().map(|codec| codec.name.as_str()).collect();
        assert!(names.contains(&"constant, decimal") && names.contains(&"packed deltas, decimal"), "{names:?}");
        let labels: Vec<_> = found.labels.iter().map(|label| (label.name.as_str(), label.values)).collect();
        assert_eq!(labels, [("__name__", 3), ("job", 1)]);
    }
}
