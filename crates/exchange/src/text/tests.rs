//! Texts in, series out.

use super::*;
use crate::receiver::tests::Taken;

fn options(format: Format) -> TextOptions {
    TextOptions { format, default_ms: None, part: "t".to_owned() }
}

#[test]
fn samples_of_a_series_stand_together_in_the_order_of_time() {
    let text = "# TYPE a counter\n# HELP a Things.\na_total 1 1\nb{x=\"y\"} 5 1.5\na_total 3 3 # {id=\"7\"} 0.5 2.5\na_total 2 2\n# EOF\n";
    let mut taken = Taken::default();
    let reader = TextReader::read(text.as_bytes(), &options(Format::OpenMetrics), 0, &mut taken).unwrap();
    assert_eq!(
        taken.0,
        "# a counter \"\"\n# a counter \"Things.\"\na_total 1@1000 2@2000 3@3000 #{id=\"7\"}=0.5@2500\nb{x=\"y\"} 5@1500\n"
    );
    assert_eq!((reader.samples, reader.bad_lines), (4, 0));
}

#[test]
fn bad_lines_are_counted_and_the_first_is_named() {
    let text = "a 1 1000\nno value\nb 2\nc 3 3000\n}\n";
    let mut taken = Taken::default();
    let reader = TextReader::read(text.as_bytes(), &options(Format::Text), 0, &mut taken).unwrap();
    assert_eq!(taken.0, "a 1@1000\nc 3@3000\n");
    assert_eq!((reader.samples, reader.bad_lines), (2, 3));
    let first = reader.first_bad.unwrap().to_string();
    assert!(first.starts_with("line 2: expected a value"), "{first}");

    let mut taken = Taken::default();
    let with_time = TextOptions { default_ms: Some(7), ..options(Format::Text) };
    TextReader::read("b 2\n".as_bytes(), &with_time, 0, &mut taken).unwrap();
    assert_eq!(taken.0, "b 2@7\n");
}

#[test]
fn a_text_that_is_cut_is_told() {
    let mut taken = Taken::default();
    let outcome = TextReader::read("a 1 1\n".as_bytes(), &options(Format::OpenMetrics), 0, &mut taken);
    assert_eq!(outcome.unwrap_err().to_string(), "line 2: expected # EOF: the text is cut, or is no OpenMetrics");
    // Bad lines in the middle do not hide what follows.
    let text = "a 1 1\nbad\nb 2 2\n# EOF\n";
    let reader = TextReader::read(text.as_bytes(), &options(Format::OpenMetrics), 0, &mut Taken::default()).unwrap();
    assert_eq!((reader.samples, reader.bad_lines), (2, 1));
}
