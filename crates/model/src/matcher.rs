//! Label matchers of selectors.

use std::fmt;
use std::sync::Arc;

use regex::Regex;
use regex_syntax::hir::{Hir, HirKind};

use crate::labels::is_legacy_label_name;
use crate::re2::{Re2, RegexError};

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl fmt::Display for MatchOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        })
    }
}

/// A condition on one label. A label that is absent has the value "". Regular expressions are in Go's dialect, anchored at
/// both ends, and `.` matches line breaks, as in Prometheus 3. Clones share what is compiled.
#[derive(Clone, Debug)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    test: Test,
}

/// What is run for each value; regular expressions that are no more than literals never reach the regex engine.
#[derive(Clone, Debug)]
enum Test {
    Literal,
    /// Sorted.
    Set(Arc<[String]>),
    Prefix(String),
    Anything,
    NonEmpty,
    Regex(Arc<Regex>),
}

/// A pattern with more alternatives than this stays a regular expression.
const SET_SIZE_MAX: usize = 10_000;
/// The same for strings that are put together from alternatives, as `(a|b)(c|d)` does it: a short pattern makes many of
/// them. Counted over the whole pattern.
const PRODUCTS_MAX: usize = 256;
/// And for the bytes of all that is put together.
const PRODUCTS_MAX_BYTES: usize = 128 << 10;

impl Matcher {
    /// A matcher; `value` is the pattern when `op` is of the regular expression kind.
    ///
    /// # Errors
    /// When the pattern is not a valid regular expression of Go's dialect or compiles to something too large.
    pub fn new(name: impl Into<String>, op: MatchOp, value: impl Into<String>) -> Result<Self, RegexError> {
        let (name, value) = (name.into(), value.into());
        let test = match op {
            MatchOp::Equal | MatchOp::NotEqual => Test::Literal,
            MatchOp::Regex | MatchOp::NotRegex => Test::compile(&value)?,
        };
        Ok(Self { name, op, value, test })
    }

    /// A `name="value"` matcher.
    #[must_use]
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), op: MatchOp::Equal, value: value.into(), test: Test::Literal }
    }

    /// The label's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    #[must_use]
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// The value, or the pattern.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label value ("" for an absent label) fulfils the condition.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        match self.op {
            MatchOp::Equal | MatchOp::Regex => self.hits(value),
            MatchOp::NotEqual | MatchOp::NotRegex => !self.hits(value),
        }
    }

    /// Whether a series without the label fulfils the condition.
    #[must_use]
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// The values that fulfil a positive matcher, sorted, when they are a known finite set: an index looks them up one by
    /// one. `None` for negative matchers and for open patterns.
    #[must_use]
    pub fn literal_set(&self) -> Option<Vec<&str>> {
        match (self.op, &self.test) {
            (MatchOp::Equal, _) => Some(vec![self.value.as_str()]),
            (MatchOp::Regex, Test::Set(set)) => Some(set.iter().map(String::as_str).collect()),
            _ => None,
        }
    }

    /// The prefix that every value that fulfils a positive matcher starts with ("" when unknown): an index seeks to it.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match (self.op, &self.test) {
            (MatchOp::Equal, _) => &self.value,
            (MatchOp::Regex, Test::Prefix(prefix)) => prefix,
            _ => "",
        }
    }

    /// The condition with the opposite outcome.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let op = match self.op {
            MatchOp::Equal => MatchOp::NotEqual,
            MatchOp::NotEqual => MatchOp::Equal,
            MatchOp::Regex => MatchOp::NotRegex,
            MatchOp::NotRegex => MatchOp::Regex,
        };
        Self { op, ..self.clone() }
    }

    /// Whether the value equals the literal or matches the pattern, before any negation.
    fn hits(&self, value: &str) -> bool {
        match &self.test {
            Test::Literal => self.value == value,
            Test::Set(set) => set.binary_search_by(|candidate| candidate.as_str().cmp(value)).is_ok(),
            Test::Prefix(prefix) => value.starts_with(prefix.as_str()),
            Test::Anything => true,
            Test::NonEmpty => !value.is_empty(),
            Test::Regex(regex) => regex.is_match(value),
        }
    }
}

impl Test {
    fn compile(pattern: &str) -> Result<Self, RegexError> {
        let re2 = Re2::parse(pattern)?;
        if let Some(mut set) = (Literals { products: 0, product_bytes: 0 }).of(&re2.hir) {
            set.sort_unstable();
            set.dedup();
            return Ok(Self::Set(set.into()));
        }
        Ok(match open_tail(&re2.hir) {
            Some((prefix, 0)) if prefix.is_empty() => Self::Anything,
            Some((prefix, 1)) if prefix.is_empty() => Self::NonEmpty,
            Some((prefix, 0)) => Self::Prefix(prefix),
            _ => Self::Regex(Arc::new(re2.compile()?)),
        })
    }
}

/// Looks for the finite set of strings that an expression matches and counts what it puts together.
struct Literals {
    products: usize,
    product_bytes: usize,
}

impl Literals {
    /// The set, if it is one and small.
    fn of(&mut self, hir: &Hir) -> Option<Vec<String>> {
        match hir.kind() {
            HirKind::Empty => Some(vec![String::new()]),
            HirKind::Literal(literal) => Some(vec![String::from_utf8(literal.0.to_vec()).ok()?]),
            HirKind::Capture(capture) => self.of(&capture.sub),
            HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => {
                let size: usize = class.iter().map(|r| (r.end() as usize) - (r.start() as usize) + 1).sum();
                (size <= 64).then(|| class.iter().flat_map(|r| r.start()..=r.end()).map(String::from).collect())
            }
            HirKind::Alternation(branches) => {
                let mut all = Vec::new();
                for branch in branches {
                    all.extend(self.of(branch)?);
                    if all.len() > SET_SIZE_MAX {
                        return None;
                    }
                }
                Some(all)
            }
            HirKind::Repetition(repeat) if repeat.min == 0 && repeat.max == Some(1) => {
                let mut all = self.of(&repeat.sub)?;
                all.push(String::new());
                Some(all)
            }
            HirKind::Concat(parts) => {
                let (first, rest) = parts.split_first()?;
                let mut all = self.of(first)?;
                for part in rest {
                    let tails = self.of(part)?;
                    all = self.product(&all, &tails)?;
                }
                Some(all)
            }
            _ => None,
        }
    }

    /// Every head with every tail.
    fn product(&mut self, heads: &[String], tails: &[String]) -> Option<Vec<String>> {
        let bytes = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
        // One head or one tail makes no more of them than the pattern spells out.
        self.products += if heads.len() > 1 && tails.len() > 1 { heads.len() * tails.len() } else { 0 };
        self.product_bytes += bytes(heads) * tails.len() + bytes(tails) * heads.len();
        (self.products <= PRODUCTS_MAX && self.product_bytes <= PRODUCTS_MAX_BYTES).then_some(())?;
        Some(heads.iter().flat_map(|head| tails.iter().map(move |tail| format!("{head}{tail}"))).collect())
    }
}

/// For `literal.*` and `literal.+`: the literal and how many characters must follow it.
fn open_tail(hir: &Hir) -> Option<(String, u32)> {
    match hir.kind() {
        HirKind::Capture(capture) => open_tail(&capture.sub),
        HirKind::Repetition(repeat) if repeat.max.is_none() && repeat.min <= 1 && is_any_char(&repeat.sub) => {
            Some((String::new(), repeat.min))
        }
        HirKind::Concat(parts) if parts.len() == 2 => {
            let (HirKind::Literal(literal), (tail, min)) = (parts[0].kind(), open_tail(&parts[1])?) else {
                return None;
            };
            tail.is_empty().then_some(())?;
            Some((String::from_utf8(literal.0.to_vec()).ok()?, min))
        }
        _ => None,
    }
}

fn is_any_char(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => {
            matches!(class.ranges(), [range] if range.start() == '\0' && range.end() == char::MAX)
        }
        _ => false,
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

/// PromQL notation: `job=~"a|b"`.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_legacy_label_name(&self.name) {
            write!(f, "{}{}{:?}", self.name, self.op, self.value)
        } else {
            write!(f, "{:?}{}{:?}", self.name, self.op, self.value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regex(pattern: &str) -> Matcher {
        Matcher::new("l", MatchOp::Regex, pattern).unwrap()
    }

    #[test]
    fn literals_become_sets() {
        assert_eq!(regex("a|b|c").literal_set(), Some(vec!["a", "b", "c"]));
        assert_eq!(regex("(GET|POST)_x?").literal_set(), Some(vec!["GET_", "GET_x", "POST_", "POST_x"]));
        assert_eq!(regex("5[0-2]").literal_set(), Some(vec!["50", "51", "52"]));
        assert_eq!(regex("").literal_set(), Some(vec![""]));
        assert_eq!(regex("a.*").literal_set(), None);
    }

    #[test]
    fn tails_become_prefixes() {
        assert_eq!(regex("node_.*").prefix(), "node_");
        assert!(regex("node_.*").matches("node_\n") && !regex("node_.*").matches("xnode_"));
        assert!(regex(".*").matches("") && regex(".+").matches("x") && !regex(".+").matches(""));
    }

    #[test]
    fn patterns_are_anchored_and_dots_match_line_breaks() {
        assert!(!regex("b[a-z]+").matches("ab"));
        assert!(regex("(a.b)+").matches("a\nb"));
        assert!(regex("(?i)get|post").matches("GeT"));
        let negative = Matcher::new("l", MatchOp::NotRegex, "a.+").unwrap();
        assert!(negative.matches("b") && negative.matches_empty() && !negative.matches("ab"));
    }

    #[test]
    fn bad_patterns_say_why() {
        let error = Matcher::new("l", MatchOp::Regex, "a(").unwrap_err();
        assert_eq!(error.to_string(), "error parsing regexp: missing closing ): `a(`");
    }

    #[test]
    fn shortcuts_speak_the_dialect_of_go() {
        assert_eq!(regex(r"/api/{id}").literal_set(), Some(vec!["/api/{id}"]));
        assert_eq!(regex(r"x\<y|\Qa.b\E").literal_set(), Some(vec!["a.b", "x<y"]));
        assert_eq!(regex("(?i)ab").literal_set(), Some(vec!["AB", "Ab", "aB", "ab"]));
        assert_eq!(regex(r"\Qa.\E.*").prefix(), "a.");
        assert!(!regex(r"\w+").matches("한글") && regex("[a&&b]+").matches("a&b"));
    }

    #[test]
    fn sets_are_bounded_and_shared() {
        let hosts: Vec<String> = (0..SET_SIZE_MAX).map(|n| format!("host-{n:05}")).collect();
        let alternatives = regex(&hosts.join("|"));
        assert_eq!(alternatives.literal_set().map(|set| set.len()), Some(SET_SIZE_MAX));
        let (Test::Set(one), Test::Set(other)) = (&alternatives.test, &alternatives.clone().test) else {
            panic!("no sets")
        };
        assert!(Arc::ptr_eq(one, other));
        assert_eq!(regex("[0-9a-f][0-9a-f]").literal_set().map(|set| set.len()), Some(PRODUCTS_MAX));
        assert_eq!(regex("[0-9][0-9][0-9]").literal_set(), None);
        assert_eq!(regex("a[0-9][0-9]|b[0-9][0-9]|c[0-9][0-9]").literal_set(), None);
        let ports = regex(&format!("({}):9100", hosts[..1000].join("|")));
        assert_eq!(ports.literal_set().map(|set| set.len()), Some(1000));
        let long = regex(&format!("{}(11|{})", "x".repeat(PRODUCTS_MAX_BYTES / 16), hosts[..20].join("|")));
        assert_eq!(long.literal_set(), None);
        assert!(regex("[0-9][0-9][0-9]").matches("042"));
    }

    proptest::proptest! {
        #[test]
        fn shortcuts_agree_with_the_regex_engine(pattern in r"([ab.?*+|()\[\]-]|\\w|\(\?i\)){0,8}", value in "[abB\n]{0,4}") {
            if let Ok(matcher) = Matcher::new("l", MatchOp::Regex, &pattern) {
                let plain = crate::compile_re2(&pattern).unwrap();
                proptest::prop_assert_eq!(matcher.matches(&value), plain.is_match(&value));
            }
        }
    }
}
