//! No text may make the parser panic, and what it prints must parse to the same tree.
#![no_main]

use bongsu_syntax::{ParseOptions, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for metricsql in [false, true] {
        check(text, &ParseOptions { metricsql, ..ParseOptions::default() });
    }
});

fn check(text: &str, options: &ParseOptions) {
    if let Ok(expr) = parse(text, options) {
        let printed = expr.to_string();
        // Printing spells names out, so that the text of a query just below the limits may come out above them.
        let roomy = ParseOptions { text_bytes_max: usize::MAX, ..options.clone() };
        let back = parse(&printed, &roomy).expect("printed queries parse");
        assert!(back == expr, "{text:?} printed as {printed:?}");
    }
}
