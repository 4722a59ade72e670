//! `sort`, `sort_desc`, `sort_by_label`, `sort_by_label_desc`: the order of an instant query's result.

use std::cmp::Ordering;

use bongsu_model::Labels;

use crate::eval::Evaluator;
use crate::series::Vector;

impl Evaluator<'_> {
    /// By the values of the only step, none of which is a histogram; NaN comes last either way.
    pub(crate) fn sort_by_value(&self, mut vector: Vector, descending: bool) -> Vector {
        vector.series.sort_by(|a, b| {
            let (a, b) = (a.values[0], b.values[0]);
            let order = if descending { b.partial_cmp(&a) } else { a.partial_cmp(&b) };
            order.unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
        });
        vector
    }

    /// By the values of labels, numbers within them as numbers; equal ones by all their labels.
    pub(crate) fn sort_by_label(&self, mut vector: Vector, names: &[String], descending: bool) -> Vector {
        vector.series.sort_by(|a, b| {
            let order = compare_labels(&a.labels, &b.labels, names);
            if descending { order.reverse() } else { order }
        });
        vector
    }
}

fn compare_labels(a: &Labels, b: &Labels, names: &[String]) -> Ordering {
    for name in names {
        let (left, right) = (a.get(name).unwrap_or(""), b.get(name).unwrap_or(""));
        let order = natural_order(left, right);
        if order != Ordering::Equal {
            return order;
        }
    }
    a.cmp(b)
}

/// Text with the numbers in it compared as numbers: `m5` before `m10`.
fn natural_order(mut a: &str, mut b: &str) -> Ordering {
    while !a.is_empty() && !b.is_empty() {
        let (left, right) = (take_chunk(&mut a), take_chunk(&mut b));
        let order = match (is_number(left), is_number(right)) {
            (true, true) => {
                let (x, y) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
                x.len().cmp(&y.len()).then_with(|| x.cmp(y)).then_with(|| left.len().cmp(&right.len()))
            }
            _ => left.cmp(right),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// A run of digits or of other characters.
fn take_chunk<'a>(text: &mut &'a str) -> &'a str {
    let digits = is_number(text);
    let end = text.bytes().position(|byte| byte.is_ascii_digit() != digits).unwrap_or(text.len());
    let (chunk, rest) = text.split_at(end);
    *text = rest;
    chunk
}

fn is_number(chunk: &str) -> bool {
    chunk.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_count_as_numbers() {
        let mut texts = ["4m1000", "10", "4m5", "b", "2", "1.111.3", "1.2.3", "", "010"];
        texts.sort_by(|a, b| natural_order(a, b));
        assert_eq!(texts, ["", "1.2.3", "1.111.3", "2", "4m5", "4m1000", "10", "010", "b"]);
    }
}
