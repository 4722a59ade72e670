//! `label_replace` and `label_join`: change one label of every series.

use bongsu_model::{Labels, LabelsBuilder, compile_re2};
use regex::Regex;

use crate::error::{QueryError, QueryErrorKind};
use crate::eval::Evaluator;
use crate::series::{Vector, merge_same_labels};

/// How much longer than a value may be what `label_replace` may have to write to find the value: references to captures that turn
/// out to be short.
pub(super) const EXPANSION_FACTOR: usize = 64;

/// Bytes of labels that weigh as much as one point.
pub(super) const POINT_BYTES: usize = size_of::<f64>();

/// How a label's new value is made.
pub(crate) enum LabelEdit {
    /// From the captures of a pattern that must match the whole source label; no match leaves the label alone.
    Replace {
        /// Label that is set.
        target: String,
        /// Label that is matched.
        source: String,
        /// Anchored.
        pattern: Regex,
        /// With `$1` and `${name}`.
        replacement: String,
    },
    /// From the values of labels with a separator between them.
    Join {
        /// Label that is set.
        target: String,
        /// Goes between the values.
        separator: String,
        /// Labels whose values are taken.
        sources: Vec<String>,
    },
}

impl LabelEdit {
    /// `label_replace` with its four texts.
    pub(crate) fn replace(
        target: String,
        replacement: String,
        source: String,
        pattern: &str,
    ) -> Result<Self, QueryError> {
        check_label_name(&target, "label_replace", "destination")?;
        let pattern = compile_re2(pattern)
            .map_err(|_| QueryError::execution(format!("invalid regular expression in label_replace(): {pattern}")))?;
        Ok(Self::Replace { target, source, pattern, replacement })
    }

    /// `label_join` with its texts.
    pub(crate) fn join(target: String, separator: String, sources: Vec<String>) -> Result<Self, QueryError> {
        for source in &sources {
            check_label_name(source, "label_join", "source")?;
        }
        check_label_name(&target, "label_join", "destination")?;
        Ok(Self::Join { target, separator, sources })
    }

    /// The labels with the new value, which may have `bytes_max`; `None` when they stay as they are.
    fn apply(&self, labels: &Labels, bytes_max: usize) -> Result<Option<Labels>, QueryError> {
        let value_of = |name: &str| labels.get(name).unwrap_or("");
        let (target, value) = match self {
            Self::Replace { target, source, pattern, replacement } => {
                let Some(captures) = pattern.captures(value_of(source)) else { return Ok(None) };
                // What every reference could be at most, so that a long text of many references is never made.
                let references = replacement.matches('$').count();
                let longest = replacement.len().saturating_add(references.saturating_mul(value_of(source).len()));
                self.check_length(longest, bytes_max.saturating_mul(EXPANSION_FACTOR))?;
                let mut value = String::new();
                captures.expand(replacement, &mut value);
                (target, value)
            }
            Self::Join { target, separator, sources } => {
                let values: Vec<&str> = sources.iter().map(|source| value_of(source)).collect();
                let bytes = values.iter().map(|value| value.len() + separator.len()).sum::<usize>();
                self.check_length(bytes.saturating_sub(separator.len()), bytes_max)?;
                (target, values.join(separator))
            }
        };
        self.check_length(value.len(), bytes_max)?;
        let mut builder = LabelsBuilder::from_labels(labels);
        builder.set(target, &value);
        Ok(Some(builder.build()))
    }

    fn check_length(&self, bytes: usize, bytes_max: usize) -> Result<(), QueryError> {
        if bytes <= bytes_max {
            return Ok(());
        }
        let function = if matches!(self, Self::Replace { .. }) { "label_replace" } else { "label_join" };
        let target = self.target();
        let message = format!(
            "{function}() makes a value of {bytes} bytes for label {target:?}; at most {bytes_max} bytes are allowed"
        );
        Err(QueryError::new(QueryErrorKind::Limit, message))
    }

    fn target(&self) -> &str {
        match self {
            Self::Replace { target, .. } | Self::Join { target, .. } => target,
        }
    }
}

/// Any UTF-8 text but the empty one is a label's name.
pub(super) fn check_label_name(name: &str, function: &str, what: &str) -> Result<(), QueryError> {
    if name.is_empty() || !bongsu_syntax::is_utf8_text(name) {
        return Err(QueryError::execution(format!("invalid {what} label name in {function}(): {name}")));
    }
    Ok(())
}

impl Evaluator<'_> {
    pub(crate) fn edit_labels(&self, mut vector: Vector, edit: &LabelEdit) -> Result<Vector, QueryError> {
        for series in &mut vector.series {
            self.budget.check()?;
            let Some(labels) = edit.apply(&series.labels, self.label_value_bytes_max)? else { continue };
            let growth = labels.packed().len().saturating_sub(series.labels.packed().len());
            vector.charge.grow(growth.div_ceil(POINT_BYTES))?;
            if edit.target() == bongsu_model::METRIC_NAME {
                // A name that is set on purpose stays.
                series.drop_name = false;
            }
            series.labels = labels;
        }
        merge_same_labels(&mut vector.series)?;
        Ok(vector)
    }
}
