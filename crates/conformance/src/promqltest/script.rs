//! Test files to commands.

use bongsu_model::parse_duration_ms;
use regex::Regex;

use super::series::Series;

/// A line that does not belong to the test language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ScriptError {
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// What a file asks to do.
#[derive(Debug)]
pub enum Command {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
}

/// Adds series.
#[derive(Debug)]
pub struct Load {
    pub step_ms: i64,
    /// Whether classic histograms are loaded as native ones with custom buckets, too.
    pub with_nhcb: bool,
    pub series: Vec<Series>,
    /// What was said of the series in the next line.
    starts: Option<Series>,
    /// What was said of all series in the lines to come; it begins anew where it ends.
    all_starts: Vec<Option<i64>>,
}

/// Evaluates a query.
#[derive(Clone, Debug)]
pub struct Eval {
    pub line: usize,
    pub query: String,
    pub times: Times,
    pub expected: Expected,
}

/// When a query is evaluated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Times {
    Instant(i64),
    Range(Range),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub start_ms: i64,
    pub end_ms: i64,
    pub step_ms: i64,
}

/// What should come out.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    pub fail: Option<Text>,
    pub warnings: Remarks,
    pub infos: Remarks,
    /// Whether the order of the series counts.
    pub ordered: bool,
    pub string: Option<String>,
    pub scalar: Option<f64>,
    /// The times of a range vector that an instant query gives.
    pub range_vector: Option<Range>,
    pub series: Vec<Series>,
}

/// Expected remarks of one severity.
#[derive(Clone, Debug, Default)]
pub struct Remarks {
    pub forbidden: bool,
    pub texts: Vec<Text>,
}

/// An expected text.
#[derive(Clone, Debug)]
pub enum Text {
    Any,
    Exactly(String),
    /// The same, whatever place in the query it points to.
    Anywhere(String),
    Matching(Box<Regex>),
}

impl Text {
    pub fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(expected) => expected == text,
            Self::Anywhere(expected) => expected == without_place(text),
            Self::Matching(regex) => regex.is_match(text),
        }
    }

    /// What is expected of the same query when it is written differently, so that other places are pointed to.
    fn anywhere(&self) -> Self {
        match self {
            Self::Exactly(text) | Self::Anywhere(text) => Self::Anywhere(without_place(text).to_owned()),
            Self::Any | Self::Matching(_) => Self::Any,
        }
    }
}

/// A remark without the place that it ends with, such as ` (1:5)`.
fn without_place(text: &str) -> &str {
    let place = |place: &str| {
        place.ends_with(')') && place.trim_end_matches(')').bytes().all(|byte| byte == b':' || byte.is_ascii_digit())
    };
    text.rsplit_once(" (").filter(|(_, end)| place(end)).map_or(text, |(start, _)| start)
}

impl Expected {
    /// The same, wherever remarks point to.
    pub fn anywhere(&self) -> Self {
        let mut expected = self.clone();
        for remarks in [&mut expected.warnings, &mut expected.infos] {
            remarks.texts.iter_mut().for_each(|text| *text = text.anywhere());
        }
        expected
    }
}

type Result<T> = std::result::Result<T, String>;

/// Reads a file. A block ends at an empty line or a comment.
pub fn parse(text: &str) -> std::result::Result<Vec<Command>, ScriptError> {
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.trim()))
        .map(|(number, line)| (number, if line.starts_with('#') { "" } else { line }));
    let mut commands = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let fail = |message| ScriptError { line: number, message };
        let mut command = parse_head(line, number).map_err(fail)?;
        if !matches!(command, Command::Clear) {
            for (number, line) in lines.by_ref().take_while(|(_, line)| !line.is_empty()) {
                parse_body(&mut command, line).map_err(|message| ScriptError { line: number, message })?;
            }
        }
        commands.push(command);
    }
    Ok(commands)
}

fn parse_head(line: &str, number: usize) -> Result<Command> {
    let (word, rest) = split_word(line);
    match word {
        "clear" => Ok(Command::Clear),
        "load" | "load_with_nhcb" => {
            let (step_ms, with_nhcb) = (duration_ms(rest)?, word == "load_with_nhcb");
            Ok(Command::Load(Load { step_ms, with_nhcb, series: Vec::new(), starts: None, all_starts: Vec::new() }))
        }
        _ => {
            let old_form = word.strip_prefix("eval").ok_or_else(|| format!("unknown command {word:?}"))?;
            let (times, query) = parse_times(rest)?;
            let expected = old_expectation(old_form)?;
            Ok(Command::Eval(Box::new(Eval { line: number, query: query.to_owned(), times, expected })))
        }
    }
}

/// `eval_fail` and its kin.
fn old_expectation(suffix: &str) -> Result<Expected> {
    let mut expected = Expected::default();
    match suffix {
        "" => {}
        "_fail" => expected.fail = Some(Text::Any),
        "_warn" => expected.warnings.texts.push(Text::Any),
        "_info" => expected.infos.texts.push(Text::Any),
        "_ordered" => expected.ordered = true,
        _ => return Err(format!("unknown command \"eval{suffix}\"")),
    }
    Ok(expected)
}

/// `instant at 5m QUERY` or `range from 0 to 5m step 1m QUERY`
fn parse_times(text: &str) -> Result<(Times, &str)> {
    let (kind, rest) = split_word(text);
    match kind {
        "instant" => {
            let (at, query) = take_time(rest, "at")?;
            Ok((Times::Instant(at), query))
        }
        "range" => {
            let (range, query) = parse_range(rest)?;
            Ok((Times::Range(range), query))
        }
        _ => Err(format!("expected \"instant\" or \"range\", found {kind:?}")),
    }
}

/// `from 0 to 5m step 1m`, and what follows.
fn parse_range(text: &str) -> Result<(Range, &str)> {
    let (start_ms, rest) = take_time(text, "from")?;
    let (end_ms, rest) = take_time(rest, "to")?;
    let (step_ms, rest) = take_time(rest, "step")?;
    if step_ms <= 0 || end_ms < start_ms {
        return Err("a range needs a step and an end that is not before its start".to_owned());
    }
    Ok((Range { start_ms, end_ms, step_ms }, rest))
}

fn take_time<'a>(text: &'a str, keyword: &str) -> Result<(i64, &'a str)> {
    let (word, rest) = split_word(text);
    if word != keyword {
        return Err(format!("expected {keyword:?}, found {word:?}"));
    }
    let (time, rest) = split_word(rest);
    Ok((duration_ms(time)?, rest))
}

fn duration_ms(text: &str) -> Result<i64> {
    let (sign, magnitude) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    parse_duration_ms(magnitude).map(|ms| sign * ms).map_err(|error| error.to_string())
}

fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    (word, rest.trim_start())
}

fn parse_body(command: &mut Command, line: &str) -> Result<()> {
    match command {
        Command::Clear => {}
        Command::Load(load) => load.parse_line(line)?,
        Command::Eval(eval) => parse_expectation(&mut eval.expected, line)?,
    }
    Ok(())
}

impl Load {
    fn parse_line(&mut self, line: &str) -> Result<()> {
        match Series::parse_starts(line)? {
            Some(said) if said.labels.is_empty() => self.all_starts = said.starts,
            Some(said) => self.starts = Some(said),
            None => {
                let mut series = Series::parse(line)?;
                if let Some(said) = self.starts.take() {
                    if said.labels != series.labels || said.starts.len() != series.points.len() {
                        return Err(format!("the line before is not about the samples of {}", series.labels));
                    }
                    series.starts = said.starts;
                } else {
                    series.starts = self.all_starts.iter().copied().cycle().take(series.points.len()).collect();
                }
                self.series.push(series);
            }
        }
        Ok(())
    }
}

fn parse_expectation(expected: &mut Expected, line: &str) -> Result<()> {
    let (word, rest) = split_word(line);
    match word {
        "expect" => return parse_expect(expected, rest),
        "expected_fail_message" => expected.fail = Some(Text::Exactly(rest.to_owned())),
        "expected_fail_regexp" => expected.fail = Some(matching(rest)?),
        _ => match bongsu_model::parse_float(line) {
            Some(value) => expected.scalar = Some(value),
            None => expected.series.push(Series::parse(line)?),
        },
    }
    Ok(())
}

/// What follows `expect`.
fn parse_expect(expected: &mut Expected, text: &str) -> Result<()> {
    let (what, rest) = split_word(text);
    match what {
        "fail" => expected.fail = Some(parse_text(rest)?),
        "warn" => expected.warnings.texts.push(parse_text(rest)?),
        "info" => expected.infos.texts.push(parse_text(rest)?),
        "no_warn" => expected.warnings.forbidden = true,
        "no_info" => expected.infos.forbidden = true,
        "ordered" => expected.ordered = true,
        "string" => expected.string = Some(parse_string(rest)?),
        "range" => {
            let (_, rest) = split_word(rest);
            expected.range_vector = Some(parse_range(rest)?.0);
        }
        _ => return Err(format!("unknown expectation {what:?}")),
    }
    Ok(())
}

/// `msg: …`, `regex: …` or nothing
fn parse_text(text: &str) -> Result<Text> {
    if let Some(message) = text.strip_prefix("msg:") {
        Ok(Text::Exactly(message.trim().to_owned()))
    } else if let Some(pattern) = text.strip_prefix("regex:") {
        matching(pattern.trim())
    } else if text.is_empty() {
        Ok(Text::Any)
    } else {
        Err(format!("expected \"msg:\" or \"regex:\", found {text:?}"))
    }
}

fn matching(pattern: &str) -> Result<Text> {
    Regex::new(pattern).map(|regex| Text::Matching(Box::new(regex))).map_err(|error| error.to_string())
}

fn parse_string(literal: &str) -> Result<String> {
    let expr = bongsu_syntax::parse(literal, &bongsu_syntax::ParseOptions::default()).map_err(|e| e.to_string())?;
    match &expr.kind {
        bongsu_syntax::ExprKind::String(text) => Ok(text.clone()),
        _ => Err(format!("expected a string, found {literal}")),
    }
}
