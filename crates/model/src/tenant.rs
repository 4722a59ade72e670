//! Tenants.

use std::fmt;
use std::sync::Arc;

/// The name of a tenant: 1 to 150 bytes of `a-z A-Z 0-9 ! - _ . * ' ( )`, and not `.` or `..`, the rules of Mimir's
/// `X-Scope-OrgID`. Safe as a folder name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(Arc<str>);

/// Why a text is not a tenant id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TenantIdError {
    /// Empty, `.` or `..`.
    #[error("tenant id {0:?} is not allowed")]
    Reserved(String),
    /// Too long.
    #[error("tenant id is {0} bytes long, at most 150 are allowed")]
    TooLong(usize),
    /// A character outside the allowed ones.
    #[error("tenant id has the character {character:?} at byte {at}; allowed are a-z A-Z 0-9 ! - _ . * ' ( )")]
    Character {
        /// The first bad one.
        character: char,
        /// Its byte offset.
        at: usize,
    },
}

impl TenantId {
    /// The tenant of requests that name none.
    #[must_use]
    pub fn anonymous() -> Self {
        Self(Arc::from("anonymous"))
    }

    /// A tenant id from text.
    ///
    /// # Errors
    /// When the text breaks the rules of [`TenantId`].
    pub fn parse(text: &str) -> Result<Self, TenantIdError> {
        if matches!(text, "" | "." | "..") {
            return Err(TenantIdError::Reserved(text.to_owned()));
        }
        if text.len() > 150 {
            return Err(TenantIdError::TooLong(text.len()));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "!-_.*'()".contains(c);
        match text.char_indices().find(|(_, c)| !allowed(*c)) {
            Some((at, character)) => Err(TenantIdError::Character { character, at }),
            None => Ok(Self(Arc::from(text))),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_could_leave_its_folder() {
        assert!(TenantId::parse("team-1.kr").is_ok());
        for bad in ["", ".", "..", "a/b", "a b", "a\0", "한"] {
            assert!(TenantId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(TenantId::parse(&"x".repeat(150)).is_ok());
        assert_eq!(TenantId::parse(&"x".repeat(151)), Err(TenantIdError::TooLong(151)));
    }
}
