//! OpenMetrics 1.0 out.
//!
//! The format wants the samples of a family to stand together: callers hand over series family by family. It has no native
//! histograms and no stale markers.

use std::collections::BTreeMap;
use std::io::Write;

use bongsu_model::{
    Labels, METRIC_NAME, MetricMetadata, MetricType, is_legacy_label_name, is_legacy_metric_name, is_stale,
};
use bongsu_wire::exposition::format_go_float;

use crate::error::Error;
use crate::jsonl::write_all;
use crate::receiver::{Piece, Receiver};

/// Writes a text; [`finish`](Self::finish) ends it.
pub struct OpenMetricsWriter<W> {
    out: W,
    metadata: BTreeMap<String, MetricMetadata>,
    /// The family whose lines are being written.
    family: Option<String>,
    text: String,
    /// Samples that were written.
    pub samples: u64,
    /// Native histograms, which the format cannot carry.
    pub left_out_histograms: u64,
    /// Stale markers, which it cannot carry either.
    pub left_out_stale: u64,
}

impl<W: Write> OpenMetricsWriter<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            metadata: BTreeMap::new(),
            family: None,
            text: String::new(),
            samples: 0,
            left_out_histograms: 0,
            left_out_stale: 0,
        }
    }

    /// The family of a metric: hand over its series before those of another one.
    #[must_use]
    pub fn family<'s>(&'s self, name: &'s str) -> &'s str {
        family_of(&self.metadata, name).0
    }

    /// Writes the end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<W, Error> {
        write_all(&mut self.out, b"# EOF\n")?;
        Ok(self.out)
    }

    fn begin_family(&mut self, name: &str) {
        let (family, metadata) = family_of(&self.metadata, name);
        if self.family.as_deref() == Some(family) {
            return;
        }
        if let Some(metadata) = metadata {
            push_metadata(&mut self.text, family, metadata);
        }
        self.family = Some(family.to_owned());
    }
}

impl<W: Write> Receiver for OpenMetricsWriter<W> {
    fn piece(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        self.left_out_histograms += piece.samples.histograms.len() as u64;
        let name = piece.labels.metric_name();
        let mut series = String::new();
        push_series(&mut series, piece.labels);
        self.text.clear();
        for (time_ms, value) in piece.samples.timestamps_ms.iter().zip(&piece.samples.values) {
            if is_stale(*value) {
                self.left_out_stale += 1;
                continue;
            }
            if self.text.is_empty() {
                self.begin_family(name);
            }
            self.text.extend([&series, " ", &format_go_float(*value), " "]);
            push_seconds(&mut self.text, *time_ms);
            self.text.push('\n');
            self.samples += 1;
            if self.text.len() > 1 << 20 {
                write_all(&mut self.out, self.text.as_bytes())?;
                self.text.clear();
            }
        }
        write_all(&mut self.out, self.text.as_bytes())
    }

    fn metadata(&mut self, family: &str, metadata: &MetricMetadata) -> Result<(), Error> {
        self.metadata.insert(family.to_owned(), metadata.clone());
        Ok(())
    }
}

/// The family of a metric name, and what is known of it. A family whose names do not follow the format's rules for its type is
/// written without a type: as one of unknown type every name is allowed.
fn family_of<'m>(known: &'m BTreeMap<String, MetricMetadata>, name: &'m str) -> (&'m str, Option<&'m MetricMetadata>) {
    let stems: [(&str, &[MetricType]); 6] = [
        ("_total", &[MetricType::Counter]),
        ("_bucket", &[MetricType::Histogram, MetricType::GaugeHistogram]),
        ("_sum", &[MetricType::Histogram, MetricType::Summary]),
        ("_count", &[MetricType::Histogram, MetricType::Summary]),
        ("_gsum", &[MetricType::GaugeHistogram]),
        ("_gcount", &[MetricType::GaugeHistogram]),
    ];
    for (suffix, types) in stems {
        let Some(stem) = name.strip_suffix(suffix) else { continue };
        // Counters of the text format are known by their whole name.
        for key in [stem, name] {
            if let Some(metadata) = known.get(key).filter(|metadata| types.contains(&metadata.metric_type)) {
                return (stem, Some(metadata));
            }
        }
    }
    let plain = [MetricType::Gauge, MetricType::Unknown, MetricType::Summary];
    (name, known.get(name).filter(|metadata| plain.contains(&metadata.metric_type)))
}

fn push_metadata(out: &mut String, family: &str, metadata: &MetricMetadata) {
    let mut name = String::new();
    if is_legacy_metric_name(family) {
        name.push_str(family);
    } else {
        push_quoted(&mut name, family);
    }
    out.extend(["# TYPE ", &name, " ", metadata.metric_type.as_str(), "\n"]);
    if !metadata.unit.is_empty() && family.strip_suffix(&metadata.unit).is_some_and(|stem| stem.ends_with('_')) {
        out.extend(["# UNIT ", &name, " ", &metadata.unit, "\n"]);
    }
    if !metadata.help.is_empty() {
        out.extend(["# HELP ", &name, " "]);
        push_escaped(out, &metadata.help);
        out.push('\n');
    }
}

fn push_series(out: &mut String, labels: &Labels) {
    let name = labels.metric_name();
    let bare = is_legacy_metric_name(name);
    if bare {
        out.push_str(name);
    }
    let mut open = false;
    let mut separate = |out: &mut String| {
        out.push(if std::mem::replace(&mut open, true) { ',' } else { '{' });
    };
    if !bare && !name.is_empty() {
        separate(out);
        push_quoted(out, name);
    }
    for (label, value) in labels.iter().filter(|(label, _)| *label != METRIC_NAME) {
        separate(out);
        if is_legacy_label_name(label) {
            out.push_str(label);
        } else {
            push_quoted(out, label);
        }
        out.push('=');
        push_quoted(out, value);
    }
    if open {
        out.push('}');
    }
}

fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    push_escaped(out, text);
    out.push('"');
}

fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

/// Milliseconds as seconds, without zeros at the end. Prometheus and others cut what is behind the third digit after they have
/// multiplied a float by a thousand: a time that would lose a millisecond by that gets a fourth digit.
fn push_seconds(out: &mut String, ms: i64) {
    let start = out.len();
    if ms < 0 {
        out.push('-');
    }
    let digits = ms.unsigned_abs();
    out.push_str(&(digits / 1000).to_string());
    if !digits.is_multiple_of(1000) {
        let fraction = format!(".{:03}", digits % 1000);
        out.push_str(fraction.trim_end_matches('0'));
        let read = out[start..].parse::<f64>().map_or(ms, |seconds| (seconds * 1000.0) as i64);
        if read != ms {
            let zeros = fraction.len() - fraction.trim_end_matches('0').len();
            out.extend(std::iter::repeat_n('0', zeros));
            out.push('2');
        }
    }
}

#[cfg(test)]
mod tests;
