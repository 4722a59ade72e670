//! Plain tables for people, and the words for numbers in them.

/// Rows of cells, printed in columns: the first `left` ones to the left, numbers to the right.
#[derive(Debug)]
pub(crate) struct Table {
    left: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a first row of words.
    pub(crate) fn new(left: usize, head: &[&str]) -> Self {
        Self { left, rows: vec![head.iter().map(|&word| word.to_owned()).collect()] }
    }

    pub(crate) fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// The lines, without spaces at their ends.
    pub(crate) fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let (gap, width) = (if column == 0 { "" } else { "  " }, widths[column]);
                // The last cell may be long, and nothing stands behind it.
                line += gap;
                line += &if column < self.left { format!("{cell:<width$}") } else { format!("{cell:>width$}") };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes with a unit.
pub(crate) fn bytes(number: u64) -> String {
    indicatif::BinaryBytes(number).to_string()
}

/// A part in percent.
pub(crate) fn share(part: u64, whole: u64) -> String {
    format!("{:.1}%", if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 })
}

/// A quotient, "-" without a divisor.
pub(crate) fn per(part: u64, of: u64) -> String {
    if of == 0 { "-".to_owned() } else { format!("{:.2}", part as f64 / of as f64) }
}

/// A time in UTC, to the second.
pub(crate) fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| format!("{ms} ms"), |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::new(1, &["who", "samples"]);
        table.push(vec!["team-a".to_owned(), count(1_234_567)]);
        table.push(vec!["b".to_owned(), count(12)]);
        assert_eq!(table.text(), "who       samples\nteam-a  1,234,567\nb              12\n");
        assert_eq!([count(0), count(999), count(1000)], ["0", "999", "1,000"]);
        assert_eq!(
            (per(1, 0), share(1, 8), time(0)),
            ("-".to_owned(), "12.5%".to_owned(), "1970-01-01 00:00:00".to_owned())
        );
    }
}
