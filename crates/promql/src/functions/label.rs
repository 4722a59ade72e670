//! `label_replace` and `label_join`: change one label of every series.

use bongsu_model::{Labels, LabelsBuilder, compile_re2};
use regex::Regex;

use crate::error::QueryError;
use crate::eval::Evaluator;
use crate::series::{Vector, merge_same_labels};

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

    fn apply(&self, labels: &Labels) -> Option<Labels> {
        let value_of = |name: &str| labels.get(name).unwrap_or("");
        let (target, value) = match self {
            Self::Replace { target, source, pattern, replacement } => {
                let captures = pattern.captures(value_of(source))?;
                let mut value = String::new();
                captures.expand(replacement, &mut value);
                (target, value)
            }
            Self::Join { target, separator, sources } => {
                let values: Vec<&str> = sources.iter().map(|source| value_of(source)).collect();
                (target, values.join(separator))
            }
        };
        let mut builder = LabelsBuilder::from_labels(labels);
        builder.set(target, &value);
        Some(builder.build())
    }

    fn target(&self) -> &str {
        match self {
            Self::Replace { target, .. } | Self::Join { target, .. } => target,
        }
    }
}

/// Any text without a replacement character is a label's name; that character stands for bytes that were no UTF-8.
fn check_label_name(name: &str, function: &str, what: &str) -> Result<(), QueryError> {
    if name.is_empty() || name.contains(char::REPLACEMENT_CHARACTER) {
        return Err(QueryError::execution(format!("invalid {what} label name in {function}(): {name}")));
    }
    Ok(())
}

impl Evaluator<'_> {
    pub(crate) fn edit_labels(&self, mut vector: Vector, edit: &LabelEdit) -> Result<Vector, QueryError> {
        for series in &mut vector.series {
            let Some(labels) = edit.apply(&series.labels) else { continue };
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
