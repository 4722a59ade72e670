//! Text with references to groups of a pattern: `$1`, `${1}`, `${name}`, `$$`. Source: Go's `Regexp.Expand`.

use regex::{Captures, Regex};

/// A text whose references are resolved to group numbers; what refers to no group is nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Group(usize),
}

impl Template {
    pub(super) fn parse(text: &str, regex: &Regex) -> Self {
        let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find('$') {
            literal.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(tail) = rest.strip_prefix('$') {
                literal.push('$');
                rest = tail;
            } else if let Some((name, tail)) = reference(rest) {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                pieces.extend(group(name, regex).map(Piece::Group));
                rest = tail;
            } else {
                literal.push('$');
            }
        }
        literal.push_str(rest);
        pieces.push(Piece::Literal(literal));
        pieces.retain(|piece| *piece != Piece::Literal(String::new()));
        Self(pieces)
    }

    pub(super) fn expand(&self, captures: &Captures<'_>) -> String {
        let mut expanded = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => expanded.push_str(text),
                Piece::Group(group) => expanded.push_str(captures.get(*group).map_or("", |found| found.as_str())),
            }
        }
        expanded
    }
}

/// The name behind a `$` and what follows it. A bare name is as long as it can be: `$1x` is the group named `1x`.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (braced, name_on) = text.strip_prefix('{').map_or((false, text), |inside| (true, inside));
    let len = name_on.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name_on.len());
    let (name, tail) = name_on.split_at(len);
    let tail = if braced { tail.strip_prefix('}')? } else { tail };
    (!name.is_empty()).then_some((name, tail))
}

fn group(name: &str, regex: &Regex) -> Option<usize> {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    if is_number {
        name.parse().ok().filter(|group| *group < regex.captures_len())
    } else {
        regex.capture_names().position(|candidate| candidate == Some(name))
    }
}
