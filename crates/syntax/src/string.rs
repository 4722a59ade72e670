//! String literals and their escapes, as in Go.
//!
//! A Go string may hold any bytes, ours are UTF-8. A byte that an escape names and that is part of no character is kept as
//! one of the last code points of the last private plane: no label holds these, so such a text matches nothing, prints
//! back as it was written, and is told as an invalid name where a name is wanted.

use std::fmt::{self, Display, Formatter};

/// This code point and the byte together are what stands for a byte; only bytes from 0x80 on can be part of no character.
const STRAY_BYTES_START: u32 = 0x10_ff00;

/// The byte that a character stands for, when it stands for one that is part of no UTF-8 character.
fn stray_byte(c: char) -> Option<u8> {
    u32::from(c).checked_sub(STRAY_BYTES_START).and_then(|byte| u8::try_from(byte).ok()).filter(|byte| *byte >= 0x80)
}

/// Whether a text can be a label's name or value: not when its literal named bytes that are not UTF-8.
#[must_use]
pub fn is_utf8_text(text: &str) -> bool {
    text.chars().all(|c| stray_byte(c).is_none())
}

/// A string literal with the escapes of Go.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '\r' => f.write_str("\\r")?,
                c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                c => match stray_byte(c) {
                    Some(byte) => write!(f, "\\x{byte:02x}")?,
                    None => write!(f, "{c}")?,
                },
            }
        }
        f.write_str("\"")
    }
}

/// The text of a literal that still has its quotes. Between backticks nothing is escaped.
///
/// # Errors
/// What is wrong with an escape, or a code point that is not allowed.
pub(crate) fn unquote(literal: &str) -> Result<String, String> {
    let quote = literal.chars().next().unwrap_or('"');
    let inner = &literal[1..literal.len() - 1];
    if quote == '`' || !inner.contains('\\') {
        return checked(inner).map(str::to_owned);
    }
    // Escapes name single bytes, so that the text is put together from bytes and checked in the end.
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        rest = take_escape(&rest[at + 1..], quote, &mut bytes)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(checked(chunk.valid())?);
        text.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(STRAY_BYTES_START + u32::from(*byte))));
    }
    Ok(text)
}

/// The code points that stand for bytes cannot be written themselves: the two could not be told apart.
fn checked(text: &str) -> Result<&str, String> {
    match text.chars().find(|c| stray_byte(*c).is_some()) {
        Some(c) => Err(format!("code point U+{:04X} is not allowed", u32::from(c))),
        None => Ok(text),
    }
}

/// Reads one escape after its backslash and returns what follows it.
fn take_escape<'a>(text: &'a str, quote: char, bytes: &mut Vec<u8>) -> Result<&'a str, String> {
    let Some(letter) = text.chars().next() else { return Err("escape sequence not terminated".to_owned()) };
    let rest = &text[letter.len_utf8()..];
    let byte = match letter {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' => b'\\',
        c if c == quote => c as u8,
        '0'..='7' => return take_byte(text, 3, 8, bytes),
        'x' => return take_byte(rest, 2, 16, bytes),
        'u' => return take_code_point(rest, 4, bytes),
        'U' => return take_code_point(rest, 8, bytes),
        c => return Err(format!("unknown escape sequence {}", code_point(c))),
    };
    bytes.push(byte);
    Ok(rest)
}

fn take_byte<'a>(text: &'a str, digits: usize, radix: u32, bytes: &mut Vec<u8>) -> Result<&'a str, String> {
    let (value, rest) = take_digits(text, digits, radix)?;
    bytes.push(u8::try_from(value).map_err(|_| "octal escape is beyond 255".to_owned())?);
    Ok(rest)
}

fn take_code_point<'a>(text: &'a str, digits: usize, bytes: &mut Vec<u8>) -> Result<&'a str, String> {
    let (value, rest) = take_digits(text, digits, 16)?;
    let c = char::from_u32(value).ok_or("escape sequence is an invalid Unicode code point")?;
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(rest)
}

fn take_digits(text: &str, digits: usize, radix: u32) -> Result<(u32, &str), String> {
    let mut value = 0_u32;
    for place in 0..digits {
        // All digits so far are one byte long, so that `place` is a character's border.
        let c = text[place..].chars().next().ok_or("escape sequence not terminated")?;
        let digit =
            c.to_digit(radix).ok_or_else(|| format!("illegal character {} in escape sequence", code_point(c)))?;
        value = value.checked_mul(radix).and_then(|v| v.checked_add(digit)).ok_or("escape sequence is out of range")?;
    }
    Ok((value, &text[digits..]))
}

/// `U+0071 'q'`
fn code_point(c: char) -> String {
    format!("U+{:04X} '{c}'", u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_escapes_of_go() {
        for (literal, text) in [
            (r#""a\tb\"c'""#, "a\tb\"c'"),
            (r#"'it\'s "x"'"#, "it's \"x\""),
            (r"`raw\n`", "raw\\n"),
            (r#""\x41\101\u00e4\U0001F600""#, "AAä😀"),
            (r#""\xc3\xa4""#, "ä"),
            (r#""""#, ""),
        ] {
            assert_eq!(unquote(literal).as_deref(), Ok(text), "{literal}");
        }
    }

    #[test]
    fn says_what_is_wrong_with_an_escape() {
        for (literal, error) in [
            (r#""\q""#, "unknown escape sequence U+0071 'q'"),
            (r#""\'""#, "unknown escape sequence U+0027 '\''"),
            (r#""\x4""#, "escape sequence not terminated"),
            (r#""\xzz""#, "illegal character U+007A 'z' in escape sequence"),
            (r#""\ud800""#, "escape sequence is an invalid Unicode code point"),
            (r#""\777""#, "octal escape is beyond 255"),
        ] {
            assert_eq!(unquote(literal), Err(error.to_owned()), "{literal}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_print_back_and_are_told() {
        let text = unquote(r#""a\xc5z\xff""#).unwrap();
        assert_eq!(Quoted(&text).to_string(), r#""a\xc5z\xff""#);
        assert!(!is_utf8_text(&text) && is_utf8_text("aäz"));
    }
}
