//! The label functions of MetricsQL: `label_set`, `label_del` and their kin.

use bongsu_model::{Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher, compile_re2_anywhere};
use bongsu_syntax::{Call, Function, FunctionId};
use regex::Regex;

use super::label::{EXPANSION_FACTOR, POINT_BYTES, check_label_name};
use crate::error::{QueryError, QueryErrorKind};
use crate::eval::Evaluator;
use crate::number::{ABSENT, is_present};
use crate::series::{Vector, merge_same_labels};

/// What becomes of a series' labels.
enum Change {
    /// Labels get these values; an empty one takes the label away.
    Set(Vec<(String, String)>),
    Delete(Vec<String>),
    /// All others go.
    Keep(Vec<String>),
    /// Values of the first labels go to the second ones, unless they are empty.
    Copy {
        pairs: Vec<(String, String)>,
        /// The first ones go.
        moved: bool,
    },
    /// Values of a label are replaced by others.
    Map {
        label: String,
        pairs: Vec<(String, String)>,
    },
    Case {
        labels: Vec<String>,
        upper: bool,
    },
    /// Every match of a pattern within a label's value is replaced.
    Transform {
        label: String,
        pattern: Regex,
        replacement: String,
    },
    /// The series stays when its label matches.
    Match(Matcher),
    /// The number in a label's value becomes the series' value.
    Value(String),
}

/// A call of a label function.
pub(crate) struct LabelChange {
    function: &'static str,
    change: Change,
}

impl LabelChange {
    /// Whether a call is one of these functions.
    pub(crate) fn is_for(call: &Call) -> bool {
        use FunctionId as F;
        matches!(
            call.function.id,
            F::LabelCopy
                | F::LabelDel
                | F::LabelKeep
                | F::LabelLowercase
                | F::LabelMap
                | F::LabelMatch
                | F::LabelMismatch
                | F::LabelMove
                | F::LabelSet
                | F::LabelTransform
                | F::LabelUppercase
                | F::LabelValue
        )
    }

    /// A function with its texts; the parser has counted them.
    pub(crate) fn of(function: &Function, mut texts: Vec<String>) -> Result<Self, QueryError> {
        use FunctionId as F;
        let name = function.name;
        let change = match function.id {
            F::LabelSet => Change::Set(pairs(texts)),
            F::LabelDel => Change::Delete(texts),
            F::LabelKeep => Change::Keep(texts),
            F::LabelCopy | F::LabelMove => Change::Copy { pairs: pairs(texts), moved: function.id == F::LabelMove },
            F::LabelLowercase | F::LabelUppercase => {
                Change::Case { labels: texts, upper: function.id == F::LabelUppercase }
            }
            F::LabelMap => {
                let mapped = texts.split_off(1);
                Change::Map { label: texts.pop().unwrap_or_default(), pairs: pairs(mapped) }
            }
            F::LabelMatch | F::LabelMismatch => {
                let [label, pattern] = <[String; 2]>::try_from(texts).unwrap_or_default();
                let op = if function.id == F::LabelMatch { MatchOp::Regex } else { MatchOp::NotRegex };
                let matcher = Matcher::new(&label, op, &pattern).map_err(|error| bad_pattern(name, &error))?;
                Change::Match(matcher)
            }
            F::LabelTransform => {
                let [label, pattern, replacement] = <[String; 3]>::try_from(texts).unwrap_or_default();
                let pattern = compile_re2_anywhere(&pattern).map_err(|error| bad_pattern(name, &error))?;
                Change::Transform { label, pattern, replacement }
            }
            _ => Change::Value(texts.pop().unwrap_or_default()),
        };
        let change = Self { function: name, change };
        change.targets().try_for_each(|label| check_label_name(label, name, "destination"))?;
        Ok(change)
    }

    /// Labels that may be set.
    fn targets(&self) -> Box<dyn Iterator<Item = &String> + '_> {
        match &self.change {
            Change::Set(pairs) => Box::new(pairs.iter().map(|(label, _)| label)),
            Change::Copy { pairs, .. } => Box::new(pairs.iter().map(|(_, label)| label)),
            Change::Case { labels, .. } => Box::new(labels.iter()),
            Change::Map { label, .. } | Change::Transform { label, .. } => Box::new(std::iter::once(label)),
            Change::Delete(_) | Change::Keep(_) | Change::Match(_) | Change::Value(_) => Box::new(std::iter::empty()),
        }
    }

    /// The labels after the change; no value may be longer than `bytes_max`.
    fn apply(&self, labels: &Labels, bytes_max: usize) -> Result<Labels, QueryError> {
        let mut builder = LabelsBuilder::from_labels(labels);
        match &self.change {
            Change::Set(pairs) => {
                for (label, value) in pairs {
                    builder.set(label, value);
                }
            }
            Change::Delete(names) => {
                builder.retain(|name| !names.iter().any(|one| one == name));
            }
            Change::Keep(names) => {
                builder.retain(|name| names.iter().any(|one| one == name));
            }
            Change::Copy { pairs, moved } => return Ok(copied(labels, pairs, *moved)),
            Change::Map { label, pairs } => {
                let value = labels.get(label).unwrap_or("");
                if let Some((_, new)) = pairs.iter().rev().find(|(old, _)| old == value) {
                    builder.set(label, new);
                }
            }
            Change::Case { labels: names, upper } => {
                for name in names {
                    let value = labels.get(name).unwrap_or("");
                    let value = if *upper { value.to_uppercase() } else { value.to_lowercase() };
                    self.check_length(name, value.len(), bytes_max)?;
                    builder.set(name, &value);
                }
            }
            Change::Transform { label, pattern, replacement } => {
                let value = labels.get(label).unwrap_or("");
                builder.set(label, &self.replaced(label, value, pattern, replacement, bytes_max)?);
            }
            Change::Match(_) | Change::Value(_) => return Ok(labels.clone()),
        }
        Ok(builder.build())
    }

    /// A value with every match of the pattern replaced.
    fn replaced(
        &self,
        label: &str,
        value: &str,
        pattern: &Regex,
        replacement: &str,
        bytes_max: usize,
    ) -> Result<String, QueryError> {
        // What each match could be replaced by at most, so that a long text of many references is never made.
        let references = replacement.matches('$').count();
        let longest = replacement.len().saturating_add(references.saturating_mul(value.len()));
        let (mut out, mut rest_at) = (String::new(), 0);
        for captures in pattern.captures_iter(value) {
            let Some(whole) = captures.get(0) else { continue };
            self.check_length(label, out.len().saturating_add(longest), bytes_max.saturating_mul(EXPANSION_FACTOR))?;
            out.push_str(&value[rest_at..whole.start()]);
            captures.expand(replacement, &mut out);
            self.check_length(label, out.len(), bytes_max)?;
            rest_at = whole.end();
        }
        out.push_str(&value[rest_at..]);
        self.check_length(label, out.len(), bytes_max)?;
        Ok(out)
    }

    fn check_length(&self, label: &str, bytes: usize, bytes_max: usize) -> Result<(), QueryError> {
        if bytes <= bytes_max {
            return Ok(());
        }
        let message = format!(
            "{}() makes a value of {bytes} bytes for label {label:?}; at most {bytes_max} bytes are allowed",
            self.function
        );
        Err(QueryError::new(QueryErrorKind::Limit, message))
    }
}

/// Later pairs see what earlier ones have done.
fn copied(labels: &Labels, pairs: &[(String, String)], moved: bool) -> Labels {
    let mut labels = labels.clone();
    for (from, to) in pairs {
        let mut builder = LabelsBuilder::from_labels(&labels);
        if let Some(value) = labels.get(from).filter(|value| !value.is_empty()) {
            builder.set(to, value);
        }
        if moved && from != to {
            builder.retain(|name| name != from);
        }
        labels = builder.build();
    }
    labels
}

fn pairs(texts: Vec<String>) -> Vec<(String, String)> {
    let mut texts = texts.into_iter();
    std::iter::from_fn(|| Some((texts.next()?, texts.next()?))).collect()
}

fn bad_pattern(function: &str, error: &impl std::fmt::Display) -> QueryError {
    QueryError::execution(format!("invalid regular expression in {function}(): {error}"))
}

impl Evaluator<'_> {
    pub(crate) fn change_labels(&self, mut vector: Vector, change: &LabelChange) -> Result<Vector, QueryError> {
        match &change.change {
            Change::Match(matcher) => {
                vector.series.retain(|series| matcher.matches(series.labels.get(matcher.name()).unwrap_or("")));
                return Ok(vector);
            }
            Change::Value(label) => return self.label_values(vector, label),
            _ => {}
        }
        for series in &mut vector.series {
            self.budget.check()?;
            let labels = change.apply(&series.labels, self.label_value_bytes_max)?;
            let growth = labels.packed().len().saturating_sub(series.labels.packed().len());
            vector.charge.grow(growth.div_ceil(POINT_BYTES))?;
            if labels.get(METRIC_NAME) != series.labels.get(METRIC_NAME) {
                // A name that is set on purpose stays.
                series.drop_name = false;
            }
            series.labels = labels;
        }
        merge_same_labels(&mut vector.series)?;
        Ok(vector)
    }

    /// `label_value`: where the series has a sample, the number in its label. A series whose label holds none goes.
    fn label_values(&self, mut vector: Vector, label: &str) -> Result<Vector, QueryError> {
        for series in &mut vector.series {
            self.budget.check()?;
            let number = bongsu_model::parse_float(series.labels.get(label).unwrap_or("")).filter(|n| !n.is_nan());
            let number = number.unwrap_or(ABSENT);
            for step in 0..series.values.len() {
                if series.has(step) {
                    series.remove(step);
                    series.values[step] = number;
                }
            }
        }
        vector.series.retain(|series| series.values.iter().any(|&value| is_present(value)));
        self.drop_names(&mut vector.series)?;
        Ok(vector)
    }
}
