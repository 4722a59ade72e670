//! VictoriaMetrics' lines of JSON: `{"metric":{"__name__":"up"},"values":[1,0],"timestamps":[1000,2000]}`, one series or a
//! part of one on each line. Source: its documentation of `/api/v1/import` and `/api/v1/export`.
//!
//! The format has no native histograms, no stale markers and no metadata. NaN is `null`, infinities are `"Infinity"` and
//! `"-Infinity"`.

mod line;

use std::io::{Read, Write};

use bongsu_model::{LabelsBuilder, METRIC_NAME, SampleBuffer, is_stale, push_float};

use crate::error::Error;
use crate::lines::Lines;
use crate::receiver::{Piece, Point, Receiver};
use crate::text::sort;
use line::Line;

/// Lines are read in blocks of about this size.
const BLOCK_BYTES: usize = 1 << 20;

/// What was read.
#[derive(Debug, Default)]
pub struct JsonLinesReader {
    /// Samples that were handed on.
    pub samples: u64,
    /// Lines that make no sense.
    pub bad_lines: u64,
    /// The first of them.
    pub first_bad: Option<Error>,
}

impl JsonLinesReader {
    /// Reads lines and hands on their samples; the first `skip` lines are passed over. Lines that make no sense are counted.
    /// Points call the text as errors of `lines` do.
    ///
    /// # Errors
    /// The lines cannot be read, or the receiver takes no more.
    pub fn read<R: Read>(
        lines: &mut Lines<R>,
        part: &str,
        skip: u64,
        receiver: &mut dyn Receiver,
    ) -> Result<Self, Error> {
        let (mut reader, mut samples) = (Self::default(), SampleBuffer::default());
        while let Some((first, text)) = lines.next_block(BLOCK_BYTES)? {
            for (number, text) in (first..).zip(text.lines()) {
                if number <= skip || text.trim().is_empty() {
                    continue;
                }
                samples.clear();
                match Line::parse(text, &mut samples) {
                    Ok(line) => {
                        let mut labels = LabelsBuilder::default();
                        for (name, value) in &line.metric {
                            labels.set(name, value);
                        }
                        if !samples.timestamps_ms.is_sorted_by(|a, b| a < b) {
                            sort(&mut samples);
                        }
                        reader.samples += samples.len() as u64;
                        receiver.piece(Piece { labels: &labels.build(), samples: &samples, exemplars: &[] })?;
                    }
                    Err(message) => {
                        reader.bad_lines += 1;
                        reader.first_bad.get_or_insert(Error::Line { line: number, message });
                    }
                }
                receiver.reached(&Point { part: part.to_owned(), done: number })?;
            }
        }
        Ok(reader)
    }
}

/// Writes lines.
pub struct JsonLinesWriter<W> {
    out: W,
    rows_per_line: usize,
    line: String,
    /// Native histograms and stale markers, which the format cannot carry.
    pub left_out_histograms: u64,
    /// See [`left_out_histograms`](Self::left_out_histograms).
    pub left_out_stale: u64,
    /// Samples that were written.
    pub samples: u64,
}

impl<W: Write> JsonLinesWriter<W> {
    /// Writes to `out`; a line has at most so many samples.
    pub fn new(out: W, rows_per_line: usize) -> Self {
        let rows_per_line = rows_per_line.max(1);
        Self { out, rows_per_line, line: String::new(), left_out_histograms: 0, left_out_stale: 0, samples: 0 }
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn write_line(&mut self, piece: &Piece<'_>, rows: &[(i64, f64)]) -> Result<(), Error> {
        let line = &mut self.line;
        line.clear();
        line.push_str("{\"metric\":{");
        // The name comes first, as VictoriaMetrics has it.
        let name = piece.labels.iter().filter(|(name, _)| *name == METRIC_NAME);
        let others = piece.labels.iter().filter(|(name, _)| *name != METRIC_NAME);
        for (index, (name, value)) in name.chain(others).enumerate() {
            if index > 0 {
                line.push(',');
            }
            push_json_text(line, name);
            line.push(':');
            push_json_text(line, value);
        }
        line.push_str("},\"values\":[");
        for (index, (_, value)) in rows.iter().enumerate() {
            if index > 0 {
                line.push(',');
            }
            push_json_value(line, *value);
        }
        line.push_str("],\"timestamps\":[");
        for (index, (time_ms, _)) in rows.iter().enumerate() {
            if index > 0 {
                line.push(',');
            }
            line.push_str(&time_ms.to_string());
        }
        line.push_str("]}\n");
        write_all(&mut self.out, line.as_bytes())
    }
}

impl<W: Write> Receiver for JsonLinesWriter<W> {
    fn piece(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        let buffer = piece.samples;
        self.left_out_histograms += buffer.histograms.len() as u64;
        let mut rows: Vec<(i64, f64)> = Vec::with_capacity(buffer.timestamps_ms.len());
        rows.extend(buffer.timestamps_ms.iter().copied().zip(buffer.values.iter().copied()));
        rows.retain(|(_, value)| !is_stale(*value));
        self.left_out_stale += (buffer.timestamps_ms.len() - rows.len()) as u64;
        self.samples += rows.len() as u64;
        for rows in rows.chunks(self.rows_per_line) {
            self.write_line(&piece, rows)?;
        }
        Ok(())
    }
}

pub(crate) fn write_all(out: &mut impl Write, bytes: &[u8]) -> Result<(), Error> {
    out.write_all(bytes).map_err(|source| Error::Io { action: "write", place: "the output".to_owned(), source })
}

/// A string in double quotes.
pub(crate) fn push_json_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn push_json_value(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("null");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    } else {
        push_float(out, value);
    }
}

#[cfg(test)]
mod tests;
