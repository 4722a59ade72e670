//! The notation of native histograms: `{{schema:1 count:3 sum:4.5 buckets:[1 2] offset:1}}`.

use bongsu_model::{FloatHistogram, ResetHint, STALE_NAN, parse_float};

/// Reads what stands between the double braces.
pub fn parse(text: &str) -> Result<FloatHistogram, String> {
    let mut histogram = FloatHistogram::default();
    let (mut positive, mut negative) = (Vec::new(), Vec::new());
    let (mut offset, mut negative_offset) = (0, 0);
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, tail) = rest.split_once(':').ok_or_else(|| format!("expected `name:value`, found {rest:?}"))?;
        let (value, tail) = take_value(tail.trim_start())?;
        let number = || parse_number(value);
        let integer = || value.parse::<i32>().map_err(|_| format!("expected an integer for {name}, found {value:?}"));
        match name.trim() {
            "schema" => histogram.schema = integer()?,
            "sum" => histogram.sum = number()?,
            "count" => histogram.count = number()?,
            "z_bucket" => histogram.zero_count = number()?,
            "z_bucket_w" => histogram.zero_threshold = number()?,
            "custom_values" => histogram.custom_bounds = parse_list(value)?,
            "buckets" => positive = parse_list(value)?,
            "n_buckets" => negative = parse_list(value)?,
            "offset" => offset = integer()?,
            "n_offset" => negative_offset = integer()?,
            "counter_reset_hint" => histogram.reset_hint = parse_hint(value)?,
            name => return Err(format!("unknown part {name:?} of a histogram")),
        }
        rest = tail.trim_start();
    }
    let side = |offset: i32, counts: Vec<f64>| (offset..).zip(counts).collect::<Vec<_>>();
    histogram.set_positive(&side(offset, positive));
    histogram.set_negative(&side(negative_offset, negative));
    Ok(histogram)
}

/// A list in brackets or a word.
fn take_value(text: &str) -> Result<(&str, &str), String> {
    if text.starts_with('[') {
        let end = text.find(']').ok_or_else(|| format!("list without end: {text:?}"))? + 1;
        return Ok(text.split_at(end));
    }
    Ok(text.split_at(text.find(char::is_whitespace).unwrap_or(text.len())))
}

fn parse_number(text: &str) -> Result<f64, String> {
    if text == "stale" {
        return Ok(STALE_NAN);
    }
    parse_float(text).ok_or_else(|| format!("expected a number, found {text:?}"))
}

fn parse_list(text: &str) -> Result<Vec<f64>, String> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inner.ok_or_else(|| format!("expected a list, found {text:?}"))?.split_whitespace().map(parse_number).collect()
}

fn parse_hint(text: &str) -> Result<ResetHint, String> {
    Ok(match text {
        "unknown" => ResetHint::Unknown,
        "reset" => ResetHint::Reset,
        "not_reset" => ResetHint::NotReset,
        "gauge" => ResetHint::Gauge,
        _ => return Err(format!("unknown counter reset hint {text:?}")),
    })
}
