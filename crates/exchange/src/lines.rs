//! Whole lines of a stream, in pieces of bounded size.

use std::io::Read;

use crate::error::Error;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;

/// Cuts a stream at the ends of lines.
pub struct Lines<R> {
    input: R,
    name: String,
    line_bytes_max: usize,
    buffer: Vec<u8>,
    /// What was handed out of the buffer.
    used: usize,
    /// The number of the first line behind that, from 1.
    line: u64,
    ended: bool,
}

impl<R: Read> Lines<R> {
    /// Lines of `input`, which errors call `name`; longer ones than `line_bytes_max` are refused.
    pub fn new(input: R, name: impl Into<String>, line_bytes_max: usize) -> Self {
        Self { input, name: name.into(), line_bytes_max, buffer: Vec::new(), used: 0, line: 1, ended: false }
    }

    /// The next whole lines, about `bytes` of them or one if that is longer, with the number of the first; `None` at the end.
    /// The last line may lack its end.
    ///
    /// # Errors
    /// The stream cannot be read, a line is too long, or a line is not UTF-8.
    pub fn next_block(&mut self, bytes: usize) -> Result<Option<(u64, &str)>, Error> {
        self.buffer.drain(..self.used);
        self.used = 0;
        let mut end = last_line_end(&self.buffer);
        while !self.ended && (end.is_none() || self.buffer.len() < bytes) {
            if end.is_none() && self.buffer.len() > self.line_bytes_max {
                let message = format!("longer than {} bytes", self.line_bytes_max);
                return Err(Error::Line { line: self.line, message });
            }
            let before = self.buffer.len();
            self.fill()?;
            end = last_line_end(&self.buffer[before..]).map(|end| before + end).or(end);
        }
        let end = if self.ended { self.buffer.len() } else { end.unwrap_or(self.buffer.len()) };
        if end == 0 {
            return Ok(None);
        }
        let first = self.line;
        self.used = end;
        let block = &self.buffer[..end];
        let text = std::str::from_utf8(block).map_err(|error| {
            let line = first + count_lines(&block[..error.valid_up_to()]);
            Error::Line { line, message: "not UTF-8".to_owned() }
        })?;
        self.line += count_lines(block) + u64::from(!text.ends_with('\n'));
        Ok(Some((first, text)))
    }

    fn fill(&mut self) -> Result<(), Error> {
        let before = self.buffer.len();
        self.buffer.resize(before + READ_BYTES, 0);
        let read = loop {
            match self.input.read(&mut self.buffer[before..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                outcome => break outcome,
            }
        };
        self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
        let read = read.map_err(|source| Error::Io { action: "read", place: self.name.clone(), source })?;
        self.ended = read == 0;
        Ok(())
    }
}

/// The place behind the last line end.
fn last_line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|byte| *byte == b'\n').map(|place| place + 1)
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str, bytes: usize) -> Vec<(u64, String)> {
        let mut lines = Lines::new(text.as_bytes(), "test", 1 << 20);
        let mut all = Vec::new();
        while let Some((line, text)) = lines.next_block(bytes).unwrap() {
            all.push((line, text.to_owned()));
        }
        all
    }

    #[test]
    fn cuts_at_line_ends_and_knows_the_numbers() {
        assert_eq!(blocks("a\nb\n", 100), [(1, "a\nb\n".to_owned())]);
        assert_eq!(blocks("a\nb", 100), [(1, "a\nb".to_owned())]);
        assert_eq!(blocks("", 100), []);
        let long: String = (0..20_000).map(|i| format!("line {i}\n")).collect();
        let all = blocks(&long, 1);
        assert!(all.len() > 1);
        assert_eq!(all.iter().map(|(_, text)| text.as_str()).collect::<String>(), long);
        for (first, text) in &all {
            assert!(text.starts_with(&format!("line {}\n", first - 1)), "{first}");
        }
    }

    #[test]
    fn refuses_lines_that_are_too_long_or_no_text() {
        let long = format!("a\n{}\n", "b".repeat(300_000));
        let mut lines = Lines::new(long.as_bytes(), "test", 100_000);
        assert_eq!(lines.next_block(1).unwrap().unwrap(), (1, "a\n"));
        assert_eq!(lines.next_block(1).unwrap_err().to_string(), "line 2: longer than 100000 bytes");
        let mut lines = Lines::new(&b"a\n\xff\n"[..], "test", 100);
        assert_eq!(lines.next_block(1).unwrap_err().to_string(), "line 2: not UTF-8");
    }
}
