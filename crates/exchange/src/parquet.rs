//! Parquet out: one row a sample, in the long form that data frames and SQL engines take.
//!
//! ```text
//!  metric      string
//!  labels      map of string to string, without the name
//!  timestamp   milliseconds, UTC
//!  value       double
//! ```
//!
//! Texts repeat from row to row and cost next to nothing: columns are written with dictionaries. There are no native histograms
//! and no stale markers in it.

use std::io::Write;
use std::sync::Arc;

use bongsu_model::{METRIC_NAME, is_stale};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::error::Error;
use crate::receiver::{Piece, Receiver};

const SCHEMA: &str = "message samples {
    required binary metric (STRING);
    required group labels (MAP) {
        repeated group key_value {
            required binary key (STRING);
            required binary value (STRING);
        }
    }
    required int64 timestamp (TIMESTAMP(MILLIS, true));
    required double value;
}";

/// Rows of a group, which is in memory until it is written.
const ROWS_PER_GROUP: usize = 1 << 17;

/// Writes a file; [`finish`](Self::finish) ends it, without which it cannot be read.
pub struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    rows: Rows,
    /// Samples that were taken.
    pub samples: u64,
    /// Native histograms, which have no column.
    pub left_out_histograms: u64,
    /// Stale markers, which other programs do not know.
    pub left_out_stale: u64,
}

/// The columns of the group that is being gathered.
#[derive(Default)]
struct Rows {
    metrics: Vec<ByteArray>,
    keys: Vec<ByteArray>,
    values_of_keys: Vec<ByteArray>,
    /// Of each label, or of a row without labels: whether there is one, and whether the row had one before.
    defined: Vec<i16>,
    repeated: Vec<i16>,
    times_ms: Vec<i64>,
    values: Vec<f64>,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Writes to `out`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(out: W) -> Result<Self, Error> {
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(failed)?);
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let file = SerializedFileWriter::new(out, schema, Arc::new(properties)).map_err(failed)?;
        Ok(Self { file, rows: Rows::default(), samples: 0, left_out_histograms: 0, left_out_stale: 0 })
    }

    /// Writes the last rows and the end.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn finish(mut self) -> Result<W, Error> {
        self.write_group()?;
        self.file.into_inner().map_err(failed)
    }

    fn write_group(&mut self) -> Result<(), Error> {
        if self.rows.values.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group().map_err(failed)?;
        self.rows.write(&mut group).and_then(|()| group.close().map(drop)).map_err(failed)?;
        self.rows = Rows::default();
        Ok(())
    }
}

impl Rows {
    /// Each column in the order of the schema.
    fn write<W: Write + Send>(&self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<(), ParquetError> {
        let levels = (Some(self.defined.as_slice()), Some(self.repeated.as_slice()));
        for (texts, (defined, repeated)) in
            [(&self.metrics, (None, None)), (&self.keys, levels), (&self.values_of_keys, levels)]
        {
            let Some(mut column) = group.next_column()? else { break };
            column.typed::<ByteArrayType>().write_batch(texts, defined, repeated)?;
            column.close()?;
        }
        if let Some(mut column) = group.next_column()? {
            column.typed::<Int64Type>().write_batch(&self.times_ms, None, None)?;
            column.close()?;
        }
        if let Some(mut column) = group.next_column()? {
            column.typed::<DoubleType>().write_batch(&self.values, None, None)?;
            column.close()?;
        }
        Ok(())
    }

    fn push(&mut self, metric: &ByteArray, labels: &[(ByteArray, ByteArray)], time_ms: i64, value: f64) {
        self.metrics.push(metric.clone());
        for (place, (name, text)) in labels.iter().enumerate() {
            self.keys.push(name.clone());
            self.values_of_keys.push(text.clone());
            self.defined.push(1);
            self.repeated.push(i16::from(place > 0));
        }
        if labels.is_empty() {
            self.defined.push(0);
            self.repeated.push(0);
        }
        self.times_ms.push(time_ms);
        self.values.push(value);
    }
}

impl<W: Write + Send> Receiver for ParquetWriter<W> {
    fn piece(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        self.left_out_histograms += piece.samples.histograms.len() as u64;
        let metric = ByteArray::from(piece.labels.metric_name());
        let others = piece.labels.iter().filter(|(name, _)| *name != METRIC_NAME);
        let labels: Vec<_> = others.map(|(name, value)| (ByteArray::from(name), ByteArray::from(value))).collect();
        for (time_ms, value) in piece.samples.timestamps_ms.iter().zip(&piece.samples.values) {
            if is_stale(*value) {
                self.left_out_stale += 1;
                continue;
            }
            self.rows.push(&metric, &labels, *time_ms, *value);
            self.samples += 1;
            if self.rows.values.len() >= ROWS_PER_GROUP {
                self.write_group()?;
            }
        }
        Ok(())
    }
}

fn failed(error: ParquetError) -> Error {
    Error::Io { action: "write", place: "the Parquet file".to_owned(), source: std::io::Error::other(error) }
}

#[cfg(test)]
mod tests {
    use bongsu_model::{Labels, SampleBuffer};
    use parquet::file::metadata::RowGroupMetaData;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;

    #[test]
    fn every_sample_is_a_row_with_its_labels() {
        let mut writer = ParquetWriter::new(Vec::new()).unwrap();
        for labels in
            [Labels::from_pairs([("__name__", "up"), ("a", "1"), ("b", "ü")]), Labels::from_pairs([("__name__", "x")])]
        {
            let mut samples = SampleBuffer::default();
            samples.push(1_000, 0.1);
            samples.push(2_000, bongsu_model::STALE_NAN);
            samples.push(3_000, f64::INFINITY);
            writer.piece(Piece { labels: &labels, samples: &samples, exemplars: &[] }).unwrap();
        }
        assert_eq!((writer.samples, writer.left_out_stale), (4, 2));
        let file = writer.finish().unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
        let rows: Vec<String> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        assert_eq!(rows.len(), 4);
        assert!(
            rows[0].contains("metric: \"up\"") && rows[0].contains("\"a\" -> \"1\", \"b\" -> \"ü\""),
            "{}",
            rows[0]
        );
        assert!(rows[0].contains("value: 0.1") && rows[0].contains("1970-01-01 00:00:01"), "{}", rows[0]);
        assert!(rows[3].contains("labels: {}") && rows[3].contains("1970-01-01 00:00:03"), "{}", rows[3]);
    }

    #[test]
    fn many_rows_become_several_groups() {
        let mut writer = ParquetWriter::new(Vec::new()).unwrap();
        let mut samples = SampleBuffer::default();
        (0..150_000).for_each(|time_ms| samples.push(time_ms, 1.0));
        let labels = Labels::from_pairs([("__name__", "up")]);
        writer.piece(Piece { labels: &labels, samples: &samples, exemplars: &[] }).unwrap();
        let file = writer.finish().unwrap();
        assert!(file.len() < 1_000_000, "{} bytes", file.len());
        let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
        let groups: Vec<i64> = reader.metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect();
        assert_eq!(groups, [1 << 17, 150_000 - (1 << 17)]);
    }
}
