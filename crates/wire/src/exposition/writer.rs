//! Writes the text format 0.0.4.

use bongsu_model::{METRIC_NAME, MetricMetadata, MetricType, is_legacy_label_name, is_legacy_metric_name};

use super::float::format_go_float;

/// Appends metric families to a text: first [`family`](Self::family), then its samples.
#[derive(Clone, Debug, Default)]
pub struct TextWriter {
    out: String,
}

impl TextWriter {
    /// An empty exposition.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The `# HELP` (unless there is no help) and `# TYPE` lines of a family.
    pub fn family(&mut self, name: &str, metadata: &MetricMetadata) {
        if !metadata.help.is_empty() {
            self.out.push_str("# HELP ");
            self.family_name(name);
            self.out.push(' ');
            self.escaped(&metadata.help, false);
            self.out.push('\n');
        }
        self.out.push_str("# TYPE ");
        self.family_name(name);
        self.out.push(' ');
        self.out.push_str(type_word(metadata.metric_type));
        self.out.push('\n');
    }

    /// A sample line. `name` is the metric's; a `__name__` among the labels is left out.
    pub fn sample<'l>(
        &mut self,
        name: &str,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        value: f64,
        timestamp_ms: Option<i64>,
    ) {
        let bare = is_legacy_metric_name(name);
        if bare {
            self.out.push_str(name);
        } else {
            self.out.push('{');
            self.quoted(name);
        }
        let mut open = !bare;
        for (label, value) in labels.into_iter().filter(|(label, _)| *label != METRIC_NAME) {
            self.out.push(if open { ',' } else { '{' });
            open = true;
            if is_legacy_label_name(label) {
                self.out.push_str(label);
            } else {
                self.quoted(label);
            }
            self.out.push('=');
            self.quoted(value);
        }
        self.out.push_str(if open { "} " } else { " " });
        self.out.push_str(&format_go_float(value));
        if let Some(timestamp_ms) = timestamp_ms {
            self.out.push(' ');
            self.out.push_str(&timestamp_ms.to_string());
        }
        self.out.push('\n');
    }

    /// The finished text.
    #[must_use]
    pub fn finish(self) -> String {
        self.out
    }

    fn family_name(&mut self, name: &str) {
        if is_legacy_metric_name(name) {
            self.out.push_str(name);
        } else {
            self.quoted(name);
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        self.escaped(text, true);
        self.out.push('"');
    }

    fn escaped(&mut self, text: &str, quotes: bool) {
        for c in text.chars() {
            match c {
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '"' if quotes => self.out.push_str("\\\""),
                c => self.out.push(c),
            }
        }
    }
}

/// The format has five types; the others become the one that queries treat alike.
fn type_word(metric_type: MetricType) -> &'static str {
    match metric_type {
        MetricType::Unknown => "untyped",
        MetricType::Counter => "counter",
        MetricType::Gauge | MetricType::Info | MetricType::StateSet => "gauge",
        MetricType::Histogram | MetricType::GaugeHistogram => "histogram",
        MetricType::Summary => "summary",
    }
}
