//! Comma-separated values: one sample a row, in columns that a format names. Source of the formats: VictoriaMetrics'
//! documentation of `/api/v1/import/csv` and `/api/v1/export/csv`.
//!
//! Our own long form has the columns `metric,labels,timestamp_ms,value` with a header; labels are a JSON object.

mod columns;

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};

use bongsu_model::{Labels, LabelsBuilder, METRIC_NAME, SampleBuffer, format_float, is_stale, parse_float};

use crate::error::Error;
use crate::jsonl::{push_json_text, write_all};
use crate::lines::Lines;
use crate::receiver::{Piece, Point, Receiver};
use crate::text::sort;
use columns::Column;
pub use columns::CsvColumns;

/// The header of the long form.
const LONG_HEADER: &str = "metric,labels,timestamp_ms,value";
/// Text that is read at once.
const BLOCK_BYTES: usize = 4 << 20;
const LINE_BYTES_MAX: usize = 1 << 20;

/// What was read.
#[derive(Debug, Default)]
pub struct CsvReader {
    /// Samples that were handed on.
    pub samples: u64,
    /// Lines that make no sense.
    pub bad_lines: u64,
    /// The first of them.
    pub first_bad: Option<Error>,
}

impl CsvReader {
    /// Reads rows and hands on their samples; the first `skip` lines are passed over. Rows without a time get `default_ms`.
    /// Lines that make no sense are counted.
    ///
    /// # Errors
    /// The text cannot be read, or the receiver takes no more.
    pub fn read(
        input: impl Read,
        (part, skip): (&str, u64),
        columns: &CsvColumns,
        default_ms: i64,
        receiver: &mut dyn Receiver,
    ) -> Result<Self, Error> {
        let mut lines = Lines::new(input, part, LINE_BYTES_MAX);
        let mut reader = Self::default();
        while let Some((first, text)) = lines.next_block(BLOCK_BYTES)? {
            let (mut places, mut series) = (HashMap::new(), Vec::<(Labels, SampleBuffer)>::new());
            let mut last = first;
            for (number, text) in (first..).zip(text.lines()) {
                last = number;
                if number <= skip || text.is_empty() || (number == 1 && text == LONG_HEADER) {
                    continue;
                }
                let mut add = |labels: Labels, time_ms: i64, value: f64| {
                    let place = *places.entry(labels).or_insert_with_key(|labels: &Labels| {
                        series.push((labels.clone(), SampleBuffer::default()));
                        series.len() - 1
                    });
                    series[place].1.push(time_ms, value);
                };
                match read_row(text, columns, default_ms, &mut add) {
                    Ok(samples) => reader.samples += samples,
                    Err(message) => {
                        reader.bad_lines += 1;
                        reader.first_bad.get_or_insert(Error::Line { line: number, message });
                    }
                }
            }
            for (labels, mut samples) in series {
                if !samples.timestamps_ms.is_sorted_by(|a, b| a < b) {
                    sort(&mut samples);
                }
                receiver.piece(Piece { labels: &labels, samples: &samples, exemplars: &[] })?;
            }
            receiver.reached(&Point { part: part.to_owned(), done: last })?;
        }
        Ok(reader)
    }
}

/// One row; a row may have samples of several metrics.
fn read_row(
    text: &str,
    columns: &CsvColumns,
    default_ms: i64,
    add: &mut dyn FnMut(Labels, i64, f64),
) -> Result<u64, String> {
    let fields = split(text)?;
    let (mut labels, mut time_ms, mut values) = (LabelsBuilder::default(), default_ms, Vec::new());
    for (place, column) in &columns.0 {
        let Some(field) = fields.get(*place) else {
            return Err(format!("expected at least {} columns, found {}", place + 1, fields.len()));
        };
        match column {
            // A row may lack the value of one metric.
            Column::Metric(_) | Column::Value if field.is_empty() => {}
            Column::Metric(name) => values.push((Some(name.as_str()), number(field)?)),
            Column::Value => values.push((None, number(field)?)),
            Column::Label(name) => {
                labels.set(name, field);
            }
            Column::Labels => {
                let pairs: BTreeMap<String, String> = serde_json::from_str(field).map_err(|error| error.to_string())?;
                for (name, value) in &pairs {
                    labels.set(name, value);
                }
            }
            Column::Time(form) => time_ms = form.read(field)?,
        }
    }
    for (name, value) in &values {
        if let Some(name) = name {
            labels.set(METRIC_NAME, name);
        }
        let labels = labels.build();
        if labels.is_empty() {
            return Err("expected a metric name or labels, found none".to_owned());
        }
        add(labels, time_ms, *value);
    }
    Ok(values.len() as u64)
}

fn number(field: &str) -> Result<f64, String> {
    parse_float(field).ok_or_else(|| format!("expected a number, found {field:?}"))
}

/// The fields of a row; those in quotes may hold commas, and quotes as two.
fn split(text: &str) -> Result<Vec<String>, String> {
    let (mut fields, mut rest) = (Vec::new(), text);
    loop {
        let field;
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut value = String::new();
            let mut chars = quoted.char_indices().peekable();
            let end = loop {
                match chars.next() {
                    None => return Err("expected a closing quote".to_owned()),
                    Some((_, '"')) if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                        chars.next();
                        value.push('"');
                    }
                    Some((place, '"')) => break place + 1,
                    Some((_, c)) => value.push(c),
                }
            };
            (field, rest) = (value, &quoted[end..]);
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            (field, rest) = (rest[..end].to_owned(), &rest[end..]);
        }
        fields.push(field);
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None if rest.is_empty() => return Ok(fields),
            None => return Err("expected a comma behind a quote".to_owned()),
        }
    }
}

/// Writes rows.
pub struct CsvWriter<W> {
    out: W,
    columns: CsvColumns,
    text: String,
    /// Samples that were written.
    pub samples: u64,
    /// Native histograms, which a row cannot carry.
    pub left_out_histograms: u64,
    /// Stale markers, which it cannot carry either.
    pub left_out_stale: u64,
}

impl<W: Write> CsvWriter<W> {
    /// Writes to `out`; the long form begins with its header.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(mut out: W, columns: CsvColumns) -> Result<Self, Error> {
        if columns.is_long() {
            write_all(&mut out, format!("{LONG_HEADER}\n").as_bytes())?;
        }
        let text = String::new();
        Ok(Self { out, columns, text, samples: 0, left_out_histograms: 0, left_out_stale: 0 })
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.out
    }
}

impl<W: Write> Receiver for CsvWriter<W> {
    fn piece(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        self.left_out_histograms += piece.samples.histograms.len() as u64;
        // What stands in all rows of the series is made once.
        let fixed: Vec<String> = self.columns.0.iter().map(|(_, column)| fixed_field(column, piece.labels)).collect();
        for (time_ms, value) in piece.samples.timestamps_ms.iter().zip(&piece.samples.values) {
            if is_stale(*value) {
                self.left_out_stale += 1;
                continue;
            }
            for (index, ((_, column), fixed)) in self.columns.0.iter().zip(&fixed).enumerate() {
                if index > 0 {
                    self.text.push(',');
                }
                match column {
                    Column::Time(form) => self.text.push_str(&form.write(*time_ms)),
                    Column::Value | Column::Metric(_) => self.text.push_str(&format_float(*value)),
                    _ => self.text.push_str(fixed),
                }
            }
            self.text.push('\n');
            self.samples += 1;
            if self.text.len() > 1 << 18 {
                write_all(&mut self.out, self.text.as_bytes())?;
                self.text.clear();
            }
        }
        write_all(&mut self.out, self.text.as_bytes())?;
        self.text.clear();
        Ok(())
    }
}

fn fixed_field(column: &Column, labels: &Labels) -> String {
    match column {
        Column::Label(name) => quoted(labels.get(name).unwrap_or("")),
        Column::Labels => {
            let mut object = String::from("{");
            for (name, value) in labels.iter().filter(|(name, _)| *name != METRIC_NAME) {
                if object.len() > 1 {
                    object.push(',');
                }
                push_json_text(&mut object, name);
                object.push(':');
                push_json_text(&mut object, value);
            }
            object.push('}');
            quoted(&object)
        }
        _ => String::new(),
    }
}

/// In quotes where the text has something that ends a field.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        // A line break would end the row: readers of lines could not tell.
        format!("\"{}\"", text.replace('"', "\"\"").replace(['\n', '\r'], " "))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests;
