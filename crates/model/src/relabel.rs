//! Relabel rules: how targets and series get, change and lose labels. Source: Prometheus' `relabel_config`.

mod action;
mod template;
#[cfg(test)]
mod tests;

use regex::Regex;

use crate::{LabelsBuilder, RegexError, compile_re2};

pub use action::RelabelAction;
use template::Template;

const DEFAULT_REGEX: &str = "(.*)";
const DEFAULT_REPLACEMENT: &str = "$1";
const DEFAULT_SEPARATOR: &str = ";";

/// A rule as it is written down. [`compile`](Self::compile) checks it and makes it ready.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(deny_unknown_fields, default))]
pub struct RelabelConfig {
    /// The labels whose values are looked at, joined by the separator. None given is not the same as an empty list only
    /// for the actions that allow no source labels.
    pub source_labels: Option<Vec<String>>,
    /// Stands between the values; default `;`.
    pub separator: String,
    /// In Go's dialect. Has to match as a whole; default `(.*)`, and the empty pattern when the key is there without a value.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "null_is_empty"))]
    pub regex: String,
    /// For `hashmod`.
    pub modulus: u64,
    /// The label that is set; may refer to groups of the pattern for `replace`.
    pub target_label: String,
    /// The new value, or for `labelmap` the new name; default `$1`.
    pub replacement: String,
    /// What to do; default `replace`.
    pub action: RelabelAction,
}

impl Default for RelabelConfig {
    fn default() -> Self {
        Self {
            source_labels: None,
            separator: DEFAULT_SEPARATOR.to_owned(),
            regex: DEFAULT_REGEX.to_owned(),
            modulus: 0,
            target_label: String::new(),
            replacement: DEFAULT_REPLACEMENT.to_owned(),
            action: RelabelAction::default(),
        }
    }
}

/// Why a rule makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelabelError {
    /// No action has this name.
    #[error("unknown relabel action {0:?}; expected one of {names}", names = action::names())]
    UnknownAction(String),
    /// `hashmod` without a modulus.
    #[error("relabel configuration for hashmod requires non-zero modulus")]
    ModulusMissing,
    /// The action needs a target label.
    #[error("relabel configuration for {0} action requires 'target_label' value")]
    TargetLabelMissing(RelabelAction),
    /// `labelmap` would give a label no name.
    #[error("{replacement:?} is invalid 'replacement' for {action} action")]
    ReplacementInvalid {
        /// The text.
        replacement: String,
        /// The action.
        action: RelabelAction,
    },
    /// The action takes no replacement.
    #[error("'replacement' can not be set for {0} action")]
    ReplacementNotAllowed(RelabelAction),
    /// `keepequal`, `dropequal`.
    #[error("{0} action requires only 'source_labels' and 'target_label', and no other fields")]
    OnlyLabels(RelabelAction),
    /// `labeldrop`, `labelkeep`.
    #[error("{0} action requires only 'regex', and no other fields")]
    OnlyRegex(RelabelAction),
    /// Not a regular expression.
    #[error(transparent)]
    Regex(#[from] RegexError),
}

impl RelabelConfig {
    /// The rule, checked.
    ///
    /// # Errors
    /// Where Prometheus refuses the rule too.
    pub fn compile(&self) -> Result<RelabelRule, RelabelError> {
        self.validate()?;
        let regex = compile_re2(&self.regex)?;
        Ok(RelabelRule {
            source_labels: self.source_labels.clone().unwrap_or_default(),
            separator: self.separator.clone(),
            modulus: self.modulus,
            target_label: Template::parse(&self.target_label, &regex),
            target_label_text: self.target_label.clone(),
            replacement: Template::parse(&self.replacement, &regex),
            action: self.action,
            regex,
        })
    }

    fn validate(&self) -> Result<(), RelabelError> {
        use RelabelAction::{
            DropEqual, HashMod, KeepEqual, LabelDrop, LabelKeep, LabelMap, Lowercase, Replace, Uppercase,
        };
        let action = self.action;
        let default_replacement = self.replacement == DEFAULT_REPLACEMENT;
        let plain = self.modulus == 0 && self.separator == DEFAULT_SEPARATOR && default_replacement;
        match action {
            HashMod if self.modulus == 0 => Err(RelabelError::ModulusMissing),
            Replace | HashMod | Lowercase | Uppercase | KeepEqual | DropEqual if self.target_label.is_empty() => {
                Err(RelabelError::TargetLabelMissing(action))
            }
            Lowercase | Uppercase | KeepEqual | DropEqual if !default_replacement => {
                Err(RelabelError::ReplacementNotAllowed(action))
            }
            LabelMap if self.replacement.is_empty() => {
                Err(RelabelError::ReplacementInvalid { replacement: self.replacement.clone(), action })
            }
            KeepEqual | DropEqual if !plain || self.regex != DEFAULT_REGEX => Err(RelabelError::OnlyLabels(action)),
            LabelDrop | LabelKeep if !plain || self.source_labels.is_some() || !self.target_label.is_empty() => {
                Err(RelabelError::OnlyRegex(action))
            }
            _ => Ok(()),
        }
    }
}

/// A rule that is ready to run.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(try_from = "RelabelConfig"))]
pub struct RelabelRule {
    source_labels: Vec<String>,
    separator: String,
    modulus: u64,
    /// The target label with references to groups.
    target_label: Template,
    /// The same, as written, for the actions that take it literally.
    target_label_text: String,
    replacement: Template,
    action: RelabelAction,
    regex: Regex,
}

/// Rules are equal when they do the same by the same words.
impl PartialEq for RelabelRule {
    fn eq(&self, other: &Self) -> bool {
        let key = |rule: &Self| (rule.action, rule.modulus, rule.target_label_text.clone(), rule.replacement.clone());
        key(self) == key(other)
            && self.source_labels == other.source_labels
            && self.separator == other.separator
            && self.regex.as_str() == other.regex.as_str()
    }
}

impl TryFrom<RelabelConfig> for RelabelRule {
    type Error = RelabelError;
    fn try_from(config: RelabelConfig) -> Result<Self, RelabelError> {
        config.compile()
    }
}

/// Runs the rules in order over the labels. `false`: a rule dropped the target or series, and the labels mean nothing.
#[must_use]
pub fn relabel(rules: &[RelabelRule], labels: &mut LabelsBuilder) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

impl RelabelRule {
    /// Runs this rule; `false`: dropped.
    fn apply(&self, labels: &mut LabelsBuilder) -> bool {
        let source = self.source(labels);
        let target = &self.target_label_text;
        match self.action {
            RelabelAction::Drop => return !self.regex.is_match(&source),
            RelabelAction::Keep => return self.regex.is_match(&source),
            RelabelAction::DropEqual => return labels.get(target).unwrap_or_default() != source,
            RelabelAction::KeepEqual => return labels.get(target).unwrap_or_default() == source,
            RelabelAction::Replace => self.replace(&source, labels),
            RelabelAction::Lowercase => {
                labels.set(target, &source.to_lowercase());
            }
            RelabelAction::Uppercase => {
                labels.set(target, &source.to_uppercase());
            }
            RelabelAction::HashMod => {
                labels.set(target, &(hash(&source) % self.modulus).to_string());
            }
            RelabelAction::LabelMap => self.map_names(labels),
            RelabelAction::LabelDrop => {
                labels.retain(|name| !self.regex.is_match(name));
            }
            RelabelAction::LabelKeep => {
                labels.retain(|name| self.regex.is_match(name));
            }
        }
        true
    }

    fn source(&self, labels: &LabelsBuilder) -> String {
        let mut joined = String::new();
        for (place, name) in self.source_labels.iter().enumerate() {
            if place > 0 {
                joined.push_str(&self.separator);
            }
            joined.push_str(labels.get(name).unwrap_or_default());
        }
        joined
    }

    fn replace(&self, source: &str, labels: &mut LabelsBuilder) {
        let Some(captures) = self.regex.captures(source) else { return };
        let target = self.target_label.expand(&captures);
        if !target.is_empty() {
            labels.set(&target, &self.replacement.expand(&captures));
        }
    }

    fn map_names(&self, labels: &mut LabelsBuilder) {
        let renamed: Vec<(String, String)> = labels
            .iter()
            .filter_map(|(name, value)| {
                let captures = self.regex.captures(name)?;
                Some((self.replacement.expand(&captures), value.to_owned()))
            })
            .collect();
        for (name, value) in renamed.iter().filter(|(name, _)| !name.is_empty()) {
            labels.set(name, value);
        }
    }
}

/// A key without a value as the empty text.
#[cfg(feature = "serde")]
fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    <Option<String> as serde::Deserialize>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The last eight bytes of the MD5 sum, as Prometheus takes them, so that shards fall the same way.
fn hash(text: &str) -> u64 {
    use md5::Digest;
    let sum: [u8; 16] = md5::Md5::digest(text.as_bytes()).into();
    // The low half of the 128 bits is their last eight bytes.
    u128::from_be_bytes(sum) as u64
}
