//! The text format and OpenMetrics, with timestamps: what exporters show, and what tools write for `promtool`.

use std::collections::HashMap;
use std::io::Read;

use bongsu_model::{Exemplar, Labels, LabelsBuilder, MetricMetadata, SampleBuffer};
use bongsu_wire::exposition::{Entry, Format, Parser, SampleEntry};

use crate::error::Error;
use crate::lines::Lines;
use crate::receiver::{Piece, Point, Receiver};

/// Text that is read at once: its series are gathered, so that samples of one series stand together.
const BLOCK_BYTES: usize = 4 << 20;
/// A sample line has a series and numbers.
const LINE_BYTES_MAX: usize = 16 << 20;

/// How a text is read.
#[derive(Clone, Debug)]
pub struct TextOptions {
    /// Which of the two formats.
    pub format: Format,
    /// The time of samples that have none, milliseconds; without it they are refused.
    pub default_ms: Option<i64>,
    /// What points call the text.
    pub part: String,
}

/// What was read.
#[derive(Debug, Default)]
pub struct TextReader {
    /// Sample lines that were handed on.
    pub samples: u64,
    /// Lines that make no sense, or lack a time.
    pub bad_lines: u64,
    /// The first of them.
    pub first_bad: Option<Error>,
    metadata: HashMap<String, MetricMetadata>,
}

/// Series of a block of text.
struct Gathered {
    labels: Labels,
    samples: SampleBuffer,
    exemplars: Vec<Exemplar>,
    /// Whether a sample is older than the one before.
    unordered: bool,
}

impl TextReader {
    /// Reads a whole text and hands on its samples; the first `skip` lines are passed over. Lines that make no sense are counted.
    ///
    /// # Errors
    /// The text cannot be read, an OpenMetrics text has no end, or the receiver takes no more.
    pub fn read(
        input: impl Read,
        options: &TextOptions,
        skip: u64,
        receiver: &mut dyn Receiver,
    ) -> Result<Self, Error> {
        let mut lines = Lines::new(input, options.part.as_str(), LINE_BYTES_MAX);
        let (mut reader, mut done, mut at_end) = (Self::default(), 0, false);
        while let Some((first, text)) = lines.next_block(BLOCK_BYTES)? {
            let count = text.lines().count() as u64;
            done = first + count - 1;
            if done <= skip {
                continue;
            }
            at_end = text.trim_end().ends_with("# EOF");
            reader.read_block(first, text, options, receiver)?;
            receiver.reached(&Point { part: options.part.clone(), done })?;
        }
        if options.format == Format::OpenMetrics && !at_end {
            let message = "expected # EOF: the text is cut, or is no OpenMetrics".to_owned();
            return Err(Error::Line { line: done + 1, message });
        }
        Ok(reader)
    }

    fn read_block(
        &mut self,
        first_line: u64,
        text: &str,
        options: &TextOptions,
        receiver: &mut dyn Receiver,
    ) -> Result<(), Error> {
        let mut series: Vec<Gathered> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut whole = String::new();
        let (mut rest, mut line) = (text, first_line);
        while !rest.is_empty() {
            // Every block but the last one lacks the end that the format asks for.
            let closed = options.format == Format::Text || rest.trim_end().ends_with("# EOF");
            let body = if closed {
                rest
            } else {
                whole.clear();
                whole.extend([rest, if rest.ends_with('\n') { "" } else { "\n" }, "# EOF\n"]);
                &whole
            };
            let mut parser = Parser::new(body, options.format);
            let bad = loop {
                match parser.next() {
                    None => break None,
                    Some(Err(error)) => break Some(error),
                    Some(Ok(Entry::Sample(sample))) => {
                        self.gather(&sample, options, line, &mut series, &mut places);
                    }
                    Some(Ok(other)) => self.learn(&other, receiver)?,
                }
            };
            let Some(bad) = bad else { break };
            self.refuse(line + bad.line as u64 - 1, bad.message);
            (rest, line) = behind_line(rest, bad.line, line);
        }
        hand_on(series, receiver)
    }

    fn refuse(&mut self, line: u64, message: String) {
        self.bad_lines += 1;
        self.first_bad.get_or_insert(Error::Line { line, message });
    }

    fn gather(
        &mut self,
        entry: &SampleEntry<'_>,
        options: &TextOptions,
        block_line: u64,
        series: &mut Vec<Gathered>,
        places: &mut HashMap<String, usize>,
    ) {
        let Some(timestamp_ms) = entry.timestamp_ms.or(options.default_ms) else {
            let message = format!("sample of {} has no timestamp (in the text that begins here)", entry.series.text());
            return self.refuse(block_line, message);
        };
        let place = match places.get(entry.series.text()) {
            Some(place) => *place,
            None => {
                places.insert(entry.series.text().to_owned(), series.len());
                series.push(Gathered {
                    labels: labels(entry),
                    samples: SampleBuffer::default(),
                    exemplars: Vec::new(),
                    unordered: false,
                });
                series.len() - 1
            }
        };
        let of = &mut series[place];
        of.unordered |= of.samples.timestamps_ms.last().is_some_and(|last| *last >= timestamp_ms);
        of.samples.push(timestamp_ms, entry.value);
        if let Some(exemplar) = &entry.exemplar {
            of.exemplars.push(Exemplar {
                labels: Labels::from_pairs(exemplar.labels.clone()),
                value: exemplar.value,
                timestamp_ms: exemplar.timestamp_ms.unwrap_or(timestamp_ms),
            });
        }
        self.samples += 1;
    }

    fn learn(&mut self, entry: &Entry<'_>, receiver: &mut dyn Receiver) -> Result<(), Error> {
        let metric = match entry {
            Entry::Type { metric, .. } | Entry::Help { metric, .. } | Entry::Unit { metric, .. } => metric,
            _ => return Ok(()),
        };
        let known = self.metadata.entry(metric.as_ref().to_owned()).or_default();
        match entry {
            Entry::Type { metric_type, .. } => known.metric_type = *metric_type,
            Entry::Help { help, .. } => help.as_ref().clone_into(&mut known.help),
            Entry::Unit { unit, .. } => (*unit).clone_into(&mut known.unit),
            _ => {}
        }
        receiver.metadata(metric, known)
    }
}

/// The text behind a line, counted from 1, and the number of its first line.
fn behind_line(text: &str, line: usize, first: u64) -> (&str, u64) {
    let end = text.match_indices('\n').nth(line.saturating_sub(1)).map_or(text.len(), |(place, _)| place + 1);
    (&text[end..], first + line as u64)
}

fn labels(entry: &SampleEntry<'_>) -> Labels {
    let mut builder = LabelsBuilder::default();
    for (name, value) in entry.series.labels() {
        builder.set(&name, &value);
    }
    builder.build()
}

fn hand_on(series: Vec<Gathered>, receiver: &mut dyn Receiver) -> Result<(), Error> {
    for mut of in series {
        if of.unordered {
            sort(&mut of.samples);
            of.exemplars.sort_by_key(|exemplar| exemplar.timestamp_ms);
        }
        receiver.piece(Piece { labels: &of.labels, samples: &of.samples, exemplars: &of.exemplars })?;
    }
    Ok(())
}

/// By time; of samples with the same time the last one stays.
pub(crate) fn sort(samples: &mut SampleBuffer) {
    let mut pairs: Vec<(i64, f64)> =
        samples.timestamps_ms.iter().copied().zip(samples.values.iter().copied()).collect();
    pairs.sort_by_key(|(time_ms, _)| *time_ms);
    samples.timestamps_ms.clear();
    samples.values.clear();
    for (time_ms, value) in pairs {
        if samples.timestamps_ms.last() == Some(&time_ms) {
            samples.values.pop();
            samples.values.push(value);
        } else {
            samples.push(time_ms, value);
        }
    }
}

#[cfg(test)]
mod tests;
