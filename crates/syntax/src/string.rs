//! String literals and their escapes, as in Go.

/// The text of a literal that still has its quotes. Between backticks nothing is escaped.
///
/// # Errors
/// What is wrong with an escape, or that the text is not UTF-8.
pub(crate) fn unquote(literal: &str) -> Result<String, String> {
    let quote = literal.chars().next().unwrap_or('"');
    let inner = &literal[1..literal.len() - 1];
    if quote == '`' || !inner.contains('\\') {
        return Ok(inner.to_owned());
    }
    // Escapes name single bytes, so that the text is put together from bytes and checked in the end.
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        rest = take_escape(&rest[at + 1..], quote, &mut bytes)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| format!("string literal {literal} is not valid UTF-8"))
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
            (r#""a\xc5z""#, r#"string literal "a\xc5z" is not valid UTF-8"#),
        ] {
            assert_eq!(unquote(literal), Err(error.to_owned()), "{literal}");
        }
    }
}
