//! Rows in, series out, and the other way.

use super::*;
use crate::receiver::tests::Taken;

fn read(text: &str, columns: &CsvColumns) -> (CsvReader, String) {
    let mut taken = Taken::default();
    let reader = CsvReader::read(text.as_bytes(), ("t", 0), columns, 9, &mut taken).unwrap();
    (reader, taken.0)
}

#[test]
fn columns_are_what_the_format_says() {
    let columns = CsvColumns::parse_import("2:metric:ask,3:metric:bid,1:label:ticker,4:time:unix_s").unwrap();
    let (reader, taken) = read("GOOG,1.23,4.56,10\nMSFT,3.21,,11\nbad\n\"A,\"\"B\",1,x,1\n", &columns);
    assert_eq!(
        taken,
        "ask{ticker=\"GOOG\"} 1.23@10000\nbid{ticker=\"GOOG\"} 4.56@10000\n\
         ask{ticker=\"MSFT\"} 3.21@11000\n"
    );
    assert_eq!((reader.samples, reader.bad_lines), (3, 2));
    assert_eq!(reader.first_bad.unwrap().to_string(), "line 3: expected at least 2 columns, found 1");
}

#[test]
fn formats_that_make_no_sense_are_named() {
    for (format, expected) in [
        ("", "expected COLUMN:metric:NAME"),
        ("0:metric:a", "expected COLUMN:metric:NAME"),
        ("1:label:a", "expected at least one column of a metric"),
        ("1:metric:a,2:time:noon", "expected unix_s, unix_ms, unix_ns or rfc3339, found \"noon\""),
    ] {
        let error = CsvColumns::parse_import(format).unwrap_err();
        assert!(error.starts_with(expected), "{format}: {error}");
    }
    assert!(CsvColumns::parse_export("__name__,,x").is_err());
}

#[test]
fn what_is_written_long_reads_back() {
    let labels = Labels::from_pairs([("__name__", "up"), ("job", "a,\"b\"")]);
    let mut samples = SampleBuffer::default();
    samples.push(1_000, 0.1);
    samples.push(2_000, f64::INFINITY);
    samples.push(3_000, bongsu_model::STALE_NAN);
    let mut writer = CsvWriter::new(Vec::new(), CsvColumns::long()).unwrap();
    writer.piece(Piece { labels: &labels, samples: &samples, exemplars: &[] }).unwrap();
    assert_eq!((writer.samples, writer.left_out_stale), (2, 1));
    let text = String::from_utf8(writer.into_inner()).unwrap();
    assert_eq!(text.lines().nth(1), Some(r#"up,"{""job"":""a,\""b\""""}",1000,0.1"#));
    let (_, taken) = read(&text, &CsvColumns::long());
    assert_eq!(taken, "up{job=\"a,\\\"b\\\"\"} 0.1@1000 +Inf@2000\n");
}

#[test]
fn an_export_has_the_columns_that_were_asked_for() {
    let labels = Labels::from_pairs([("__name__", "up"), ("job", "a")]);
    let mut samples = SampleBuffer::default();
    samples.push(1_500, 1.0);
    let columns = CsvColumns::parse_export("job,__value__,__timestamp__:rfc3339,none,__timestamp__:unix_s").unwrap();
    let mut writer = CsvWriter::new(Vec::new(), columns).unwrap();
    writer.piece(Piece { labels: &labels, samples: &samples, exemplars: &[] }).unwrap();
    assert_eq!(String::from_utf8(writer.into_inner()).unwrap(), "a,1,1970-01-01T00:00:01.5Z,,1\n");
}
