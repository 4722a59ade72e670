//! The names of what a rule does.

use std::fmt;
use std::str::FromStr;

use super::RelabelError;

/// What a rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(try_from = "String"))]
pub enum RelabelAction {
    /// Sets the target label to the replacement when the pattern matches.
    #[default]
    Replace,
    /// Drops what the pattern does not match.
    Keep,
    /// Drops what the pattern matches.
    Drop,
    /// Drops what has another value in the target label than in the source labels.
    KeepEqual,
    /// Drops what has the same value in the target label and in the source labels.
    DropEqual,
    /// Sets the target label to a hash of the source labels, modulo `modulus`.
    HashMod,
    /// Copies labels whose name matches to a new name.
    LabelMap,
    /// Removes labels whose name matches.
    LabelDrop,
    /// Removes labels whose name does not match.
    LabelKeep,
    /// Sets the target label to the source labels in lower case.
    Lowercase,
    /// Sets the target label to the source labels in upper case.
    Uppercase,
}

const ACTIONS: [(&str, RelabelAction); 11] = [
    ("replace", RelabelAction::Replace),
    ("keep", RelabelAction::Keep),
    ("drop", RelabelAction::Drop),
    ("keepequal", RelabelAction::KeepEqual),
    ("dropequal", RelabelAction::DropEqual),
    ("hashmod", RelabelAction::HashMod),
    ("labelmap", RelabelAction::LabelMap),
    ("labeldrop", RelabelAction::LabelDrop),
    ("labelkeep", RelabelAction::LabelKeep),
    ("lowercase", RelabelAction::Lowercase),
    ("uppercase", RelabelAction::Uppercase),
];

/// All names, for errors.
pub(super) fn names() -> String {
    ACTIONS.map(|(name, _)| name).join(", ")
}

impl fmt::Display for RelabelAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ACTIONS.iter().find(|(_, action)| action == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

/// In any case, as in Prometheus.
impl FromStr for RelabelAction {
    type Err = RelabelError;
    fn from_str(text: &str) -> Result<Self, RelabelError> {
        let known = ACTIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        known.map(|(_, action)| *action).ok_or_else(|| RelabelError::UnknownAction(text.to_owned()))
    }
}

impl TryFrom<String> for RelabelAction {
    type Error = RelabelError;
    fn try_from(text: String) -> Result<Self, RelabelError> {
        text.parse()
    }
}
