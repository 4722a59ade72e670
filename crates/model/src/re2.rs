//! Regular expressions in Go's dialect (RE2), run by the `regex` crate.
//!
//! Both engines run in linear time and know no look-around or backreferences, but their syntax differs in details that
//! dashboards and rules depend on, so that a pattern is translated before the crate sees it. Source: Go's `regexp/syntax`.

#[cfg(test)]
mod tests;
mod translate;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};

/// A compiled pattern takes at most about this many bytes: 1,000 hosts that end in `.*` take 1.7 MB.
const COMPILED_SIZE_MAX_BYTES: usize = 2 << 20;
/// The most copies that a repetition may make of what it repeats, nested repetitions multiplied; Go's bound.
const REPEAT_MAX: u32 = 1000;
/// Fragments of patterns in errors are cut to this length.
const FRAGMENT_MAX_BYTES: usize = 256;

/// Why a pattern is refused, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {reason}: `{fragment}`")]
pub struct RegexError {
    reason: String,
    /// The part of the pattern that is wrong.
    fragment: String,
}

impl RegexError {
    fn new(reason: impl Into<String>, fragment: &str) -> Self {
        let mut fragment = fragment.to_owned();
        if fragment.len() > FRAGMENT_MAX_BYTES {
            fragment.truncate(fragment.floor_char_boundary(FRAGMENT_MAX_BYTES));
            fragment.push('…');
        }
        Self { reason: reason.into(), fragment }
    }
}

/// Compiles a pattern in Go's dialect that has to match a whole text; `.` matches line breaks, as in Prometheus 3.
///
/// # Errors
/// When Go refuses the pattern too, or when it compiles to more than two mebibytes.
pub fn compile_re2(pattern: &str) -> Result<Regex, RegexError> {
    Re2::parse(pattern)?.compile()
}

/// The same for a pattern that may match anywhere in a text.
///
/// # Errors
/// As [`compile_re2`].
pub fn compile_re2_anywhere(pattern: &str) -> Result<Regex, RegexError> {
    let re2 = Re2::parse(pattern)?;
    re2.build(&format!("(?s:{})", re2.translated))
}

/// A pattern that is understood and not compiled yet: many need no engine.
pub(crate) struct Re2<'a> {
    pattern: &'a str,
    translated: String,
    /// The translation as a tree.
    pub(crate) hir: Hir,
}

impl<'a> Re2<'a> {
    pub(crate) fn parse(pattern: &'a str) -> Result<Self, RegexError> {
        let translated = translate::translate(pattern)?;
        let hir = regex_syntax::ParserBuilder::new()
            .dot_matches_new_line(true)
            .build()
            .parse(&translated)
            .map_err(|error| RegexError::new(last_line(&error.to_string()), pattern))?;
        if !repeats_at_most(&hir, REPEAT_MAX) {
            return Err(RegexError::new("invalid repeat count", pattern));
        }
        Ok(Self { pattern, translated, hir })
    }

    pub(crate) fn compile(&self) -> Result<Regex, RegexError> {
        self.build(&format!("^(?s:{})$", self.translated))
    }

    fn build(&self, whole: &str) -> Result<Regex, RegexError> {
        RegexBuilder::new(whole).size_limit(COMPILED_SIZE_MAX_BYTES).build().map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => RegexError::new("expression too large", self.pattern),
            error => RegexError::new(last_line(&error.to_string()), self.pattern),
        })
    }
}

/// Whether no part of an expression is copied more than `max` times.
fn repeats_at_most(hir: &Hir, max: u32) -> bool {
    let max = match hir.kind() {
        HirKind::Repetition(repeat) => match repeat.max.unwrap_or(repeat.min) {
            copies if copies > max => return false,
            copies => max / copies.max(1),
        },
        _ => max,
    };
    hir.kind().subs().iter().all(|sub| repeats_at_most(sub, max))
}

/// The regex crates draw a picture of the pattern over several lines; the last line holds the reason.
fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned()
}
