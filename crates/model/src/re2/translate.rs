//! Go's dialect to that of the `regex` crate, from left to right, with Go's errors.

use super::{REPEAT_MAX, RegexError};

type Result<T> = std::result::Result<T, RegexError>;

/// The pattern in the words of the `regex` crate. Whatever it says is said explicitly: literals are escaped, flags are
/// listed once, classes are spelled out.
///
/// # Errors
/// When the pattern is not of Go's dialect.
pub(super) fn translate(pattern: &str) -> Result<String> {
    let last_named_end = pattern.rfind(NAMED_END);
    let out = String::with_capacity(pattern.len());
    Translator { pattern, at: 0, out, open_groups: 0, last: Last::Nothing, last_named_end, class_chars: 0 }.run()
}

struct Translator<'a> {
    pattern: &'a str,
    /// What is read, in bytes.
    at: usize,
    out: String,
    open_groups: usize,
    last: Last,
    /// Where the last `:]` is, so that looking for one never runs through the pattern in vain.
    last_named_end: Option<usize>,
    /// Roughly the characters that wide classes have held so far.
    class_chars: u32,
}

/// What stands before a repetition operator.
#[derive(Clone, Copy)]
enum Last {
    /// Nothing that could be repeated.
    Nothing,
    Item,
    /// A repetition, and where its operator starts.
    Repetition(usize),
}

const NAMED_END: &str = ":]";
/// Names in `[[:alpha:]]`.
const NAMED_CLASSES: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];
/// Wide classes take memory and time (folding case looks at each character): Go bounds them, too.
const CLASS_CHARS_MAX: u32 = 16 << 20;
/// What a Unicode class such as `\pL` counts for.
const UNICODE_CLASS_CHARS: u32 = 1 << 17;
/// What the negation of a small class within a class counts for.
const NEGATED_CLASS_CHARS: u32 = 1 << 20;

const BAD_RANGE: &str = "invalid character class range";

impl<'a> Translator<'a> {
    fn run(mut self) -> Result<String> {
        while let Some(c) = self.peek() {
            match c {
                '(' => self.group()?,
                ')' => self.group_end()?,
                '|' => self.copy(1, Last::Nothing),
                '*' | '+' | '?' => self.repetition(1)?,
                '{' => self.brace()?,
                '[' => self.class()?,
                '\\' => self.escape()?,
                '^' | '$' | '.' => self.copy(1, Last::Item),
                c => {
                    self.at += c.len_utf8();
                    self.literal(c);
                }
            }
        }
        if self.open_groups > 0 {
            return Err(RegexError::new("missing closing )", self.pattern));
        }
        Ok(self.out)
    }

    fn rest(&self) -> &'a str {
        &self.pattern[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Takes bytes over as they are.
    fn copy(&mut self, len: usize, last: Last) {
        self.out.push_str(&self.rest()[..len]);
        self.at += len;
        self.last = last;
    }

    fn literal(&mut self, c: char) {
        self.push_escaped(c);
        self.last = Last::Item;
    }

    /// A character that means itself, within classes and outside.
    fn push_escaped(&mut self, c: char) {
        if regex_syntax::is_meta_character(c) {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    /// An operator of `len` bytes, perhaps with a `?`.
    fn repetition(&mut self, len: usize) -> Result<()> {
        let start = self.at;
        let len = len + usize::from(self.rest()[len..].starts_with('?'));
        match self.last {
            Last::Nothing => {
                Err(RegexError::new("missing argument to repetition operator", &self.pattern[start..start + len]))
            }
            Last::Repetition(first) => {
                Err(RegexError::new("invalid nested repetition operator", &self.pattern[first..start + len]))
            }
            Last::Item => {
                self.copy(len, Last::Repetition(start));
                Ok(())
            }
        }
    }

    /// A counted repetition, or just a brace.
    fn brace(&mut self) -> Result<()> {
        match counts(self.rest()) {
            Some((len, true)) => self.repetition(len),
            Some((len, false)) => Err(RegexError::new("invalid repeat count", &self.rest()[..len])),
            None => {
                self.at += 1;
                self.literal('{');
                Ok(())
            }
        }
    }

    fn group(&mut self) -> Result<()> {
        let rest = self.rest();
        if !rest.starts_with("(?") {
            self.open_groups += 1;
            self.copy(1, Last::Nothing);
            return Ok(());
        }
        match rest.strip_prefix("(?P<").or_else(|| rest.strip_prefix("(?<")) {
            Some(name_on) => self.named_group(name_on),
            None => self.flags(),
        }
    }

    fn named_group(&mut self, name_on: &str) -> Result<()> {
        const BAD_NAME: &str = "invalid named capture";
        let rest = self.rest();
        let Some(name_len) = name_on.find('>') else { return Err(RegexError::new(BAD_NAME, rest)) };
        let (name, len) = (&name_on[..name_len], rest.len() - name_on.len() + name_len + 1);
        // Go allows a digit in front, too; the regex crate does not.
        let valid = !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !valid {
            return Err(RegexError::new(BAD_NAME, &rest[..len]));
        }
        self.open_groups += 1;
        self.copy(len, Last::Nothing);
        Ok(())
    }

    /// `(?i)`, `(?i-s:`; of several settings of one flag the last one counts.
    fn flags(&mut self) -> Result<()> {
        let rest = self.rest();
        let (mut on, mut off) = (String::new(), String::new());
        let (mut negative, mut flag_seen) = (false, false);
        for (at, c) in rest.char_indices().skip(2) {
            match c {
                'i' | 'm' | 's' | 'U' => {
                    on.retain(|flag| flag != c);
                    off.retain(|flag| flag != c);
                    let set = if negative { &mut off } else { &mut on };
                    set.push(c);
                    flag_seen = true;
                }
                '-' if !negative => (negative, flag_seen) = (true, false),
                ':' | ')' if flag_seen || !negative => {
                    self.at += at + 1;
                    self.push_flags(&on, &off, c);
                    return Ok(());
                }
                c => return Err(RegexError::new(BAD_PERL, &rest[..at + c.len_utf8()])),
            }
        }
        Err(RegexError::new(BAD_PERL, rest))
    }

    fn push_flags(&mut self, on: &str, off: &str, end: char) {
        self.last = Last::Nothing;
        self.open_groups += usize::from(end == ':');
        // `(?)` says nothing, and the regex crate does not know it.
        if end == ':' || !(on.is_empty() && off.is_empty()) {
            let dash = if off.is_empty() { "" } else { "-" };
            self.out += &format!("(?{on}{dash}{off}{end}");
        }
    }

    fn group_end(&mut self) -> Result<()> {
        let unexpected = || RegexError::new("unexpected )", self.pattern);
        self.open_groups = self.open_groups.checked_sub(1).ok_or_else(unexpected)?;
        self.copy(1, Last::Item);
        Ok(())
    }

    fn escape(&mut self) -> Result<()> {
        match self.rest()[1..].chars().next() {
            Some('A' | 'z') => self.copy(2, Last::Item),
            Some(edge @ ('b' | 'B')) => {
                self.at += 2;
                self.out += &format!(r"(?-u:\{edge})");
                self.last = Last::Item;
            }
            Some('Q') => {
                let quoted = &self.rest()[2..];
                let (text, end_len) = quoted.split_once(r"\E").map_or((quoted, 0), |(text, _)| (text, 2));
                text.chars().for_each(|c| self.literal(c));
                self.at += 2 + text.len() + end_len;
            }
            _ => {
                if !self.escaped_class(false)? {
                    let c = self.escaped_char()?;
                    self.literal(c);
                }
                self.last = Last::Item;
            }
        }
        Ok(())
    }

    /// `\d`, `\pL` and the like, if there is one.
    fn escaped_class(&mut self, within_class: bool) -> Result<bool> {
        let class = match self.rest().as_bytes() {
            [b'\\', b'd', ..] => "[0-9]",
            [b'\\', b'D', ..] => "[^0-9]",
            [b'\\', b's', ..] => r"[\t\n\f\r ]",
            [b'\\', b'S', ..] => r"[^\t\n\f\r ]",
            [b'\\', b'w', ..] => "[0-9A-Za-z_]",
            [b'\\', b'W', ..] => "[^0-9A-Za-z_]",
            [b'\\', b'p' | b'P', ..] => return self.unicode_class().map(|()| true),
            _ => return Ok(false),
        };
        if within_class && class.starts_with("[^") {
            self.count_class_chars(NEGATED_CLASS_CHARS)?;
        }
        self.out.push_str(class);
        self.at += 2;
        Ok(true)
    }

    /// `\pL`, `\p{Greek}`, `\P{^Greek}`
    fn unicode_class(&mut self) -> Result<()> {
        let rest = self.rest();
        let unknown = |len: usize| RegexError::new(BAD_RANGE, &rest[..len]);
        let (name, len) = match rest[2..].chars().next() {
            None => return Err(unknown(rest.len())),
            Some('{') => {
                let end = rest.find('}').ok_or_else(|| unknown(rest.len()))?;
                (&rest[3..end], end + 1)
            }
            Some(c) => (&rest[2..2 + c.len_utf8()], 2 + c.len_utf8()),
        };
        let (plain, negated) = name.strip_prefix('^').map_or((name, false), |plain| (plain, true));
        let letter = if rest.starts_with(r"\P") != negated { 'P' } else { 'p' };
        let class = format!(r"\{letter}{{{plain}}}");
        self.count_class_chars(UNICODE_CLASS_CHARS)?;
        let well_formed = plain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !well_formed || regex_syntax::parse(&class).is_err() {
            return Err(unknown(len));
        }
        self.out.push_str(&class);
        self.at += len;
        Ok(())
    }

    fn count_class_chars(&mut self, chars: u32) -> Result<()> {
        self.class_chars = self.class_chars.saturating_add(chars);
        if self.class_chars > CLASS_CHARS_MAX {
            return Err(RegexError::new("expression too large", self.pattern));
        }
        Ok(())
    }

    /// A backslash and what stands for one character.
    fn escaped_char(&mut self) -> Result<char> {
        let start = self.at;
        self.at += 1;
        let Some(c) = self.next() else {
            return Err(RegexError::new("trailing backslash at end of expression", ""));
        };
        let value = match c {
            'a' => Some('\x07'),
            'f' => Some('\x0C'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0B'),
            'x' => self.hexadecimal(),
            // One digit would be a backreference.
            '1'..='7' if !matches!(self.peek(), Some('0'..='7')) => None,
            '0'..='7' => self.octal(c),
            c => (c.is_ascii() && !c.is_ascii_alphanumeric()).then_some(c),
        };
        value.ok_or_else(|| RegexError::new("invalid escape sequence", &self.pattern[start..self.at]))
    }

    /// Up to two more digits.
    fn octal(&mut self, first: char) -> Option<char> {
        let mut value = first.to_digit(8)?;
        for _ in 0..2 {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
            value = value * 8 + digit;
            self.at += 1;
        }
        char::from_u32(value)
    }

    /// `41` or `{1F600}`
    fn hexadecimal(&mut self) -> Option<char> {
        let first = self.next()?;
        if first != '{' {
            let second = self.next()?;
            return char::from_u32(first.to_digit(16)? * 16 + second.to_digit(16)?);
        }
        let (mut value, mut digits) = (0_u32, 0);
        loop {
            match self.next()? {
                '}' if digits > 0 => return char::from_u32(value),
                c => value = value.checked_mul(16)?.checked_add(c.to_digit(16)?)?,
            }
            digits += 1;
        }
    }

    /// `[a-z]`; only `\`, `]`, `^` and `-` have a meaning there, and `[:` in front of a name.
    fn class(&mut self) -> Result<()> {
        let whole = self.rest();
        let head = if whole.starts_with("[^") { 2 } else { 1 };
        self.copy(head, Last::Item);
        let mut first = true;
        while first || !self.rest().starts_with(']') {
            if self.rest().is_empty() {
                return Err(RegexError::new("missing closing ]", whole));
            }
            first = false;
            if !self.named_class()? && !self.escaped_class(true)? {
                self.class_range(whole)?;
            }
        }
        self.copy(1, Last::Item);
        Ok(())
    }

    /// `[:alpha:]` or `[:^alpha:]`, if there is one.
    fn named_class(&mut self) -> Result<bool> {
        let rest = self.rest();
        if !rest.starts_with("[:") || self.last_named_end.is_none_or(|end| end < self.at + 2) {
            return Ok(false);
        }
        let Some(name_len) = rest[2..].find(NAMED_END) else { return Ok(false) };
        let (name, len) = (&rest[2..2 + name_len], 2 + name_len + NAMED_END.len());
        let plain = name.strip_prefix('^');
        if !NAMED_CLASSES.contains(&plain.unwrap_or(name)) {
            return Err(RegexError::new(BAD_RANGE, &rest[..len]));
        }
        if plain.is_some() {
            self.count_class_chars(NEGATED_CLASS_CHARS)?;
        }
        self.copy(len, Last::Item);
        Ok(true)
    }

    /// `a` or `a-z`
    fn class_range(&mut self, whole: &str) -> Result<()> {
        let start = self.at;
        let low = self.class_char(whole)?;
        self.push_escaped(low);
        let rest = self.rest();
        // A dash in front of the end means itself.
        if rest.len() < 2 || !rest.starts_with('-') || rest.starts_with("-]") {
            return Ok(());
        }
        self.at += 1;
        let high = self.class_char(whole)?;
        if high < low {
            return Err(RegexError::new(BAD_RANGE, &self.pattern[start..self.at]));
        }
        self.count_class_chars(u32::from(high) - u32::from(low))?;
        self.out.push('-');
        self.push_escaped(high);
        Ok(())
    }

    fn class_char(&mut self, whole: &str) -> Result<char> {
        if self.rest().starts_with('\\') {
            return self.escaped_char();
        }
        self.next().ok_or_else(|| RegexError::new("missing closing ]", whole))
    }
}

const BAD_PERL: &str = "invalid or unsupported Perl syntax";

/// The length of `{n}`, `{n,}` or `{n,m}` at the start of a text, and whether the numbers are allowed; `None` when the
/// brace is a literal.
fn counts(text: &str) -> Option<(usize, bool)> {
    let body = text.strip_prefix('{')?;
    let body = &body[..body.find(|c: char| !c.is_ascii_digit() && c != ',')?];
    text[1 + body.len()..].starts_with('}').then_some(())?;
    let (min, max) = body.split_once(',').map_or((body, body), |(min, max)| (min, max));
    let well_formed = |number: &str| {
        let leading_zero = number.len() > 1 && number.starts_with('0');
        !number.is_empty() && !leading_zero && !number.contains(',')
    };
    let unbounded = max.is_empty();
    if !well_formed(min) || !(unbounded || well_formed(max)) {
        return None;
    }
    let count = |number: &str| number.parse::<u32>().ok().filter(|count| *count <= REPEAT_MAX);
    let allowed = count(min).is_some_and(|min| unbounded || count(max).is_some_and(|max| min <= max));
    Some((body.len() + 2, allowed))
}
