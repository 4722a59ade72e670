//! Lines in, series out, and back to the same lines.

use bongsu_model::Labels;

use super::*;
use crate::receiver::tests::Taken;

fn read(text: &str) -> (JsonLinesReader, String) {
    let mut taken = Taken::default();
    let mut lines = Lines::new(text.as_bytes(), "t", 1 << 20);
    let reader = JsonLinesReader::read(&mut lines, "t", 0, &mut taken).unwrap();
    (reader, taken.0)
}

#[test]
fn reads_lines_and_counts_those_that_make_no_sense() {
    let (reader, taken) = read(concat!(
        r#"{"metric":{"__name__":"up","job":"a"},"values":[1,0.1,null,"Infinity"],"timestamps":[1,2,3,4]}"#,
        "\n\n",
        r#"{"metric":{"__name__":"up"},"values":[1],"timestamps":[1,2]}"#,
        "\n",
        r#"{"metric":{},"values":[1],"timestamps":[1]}"#,
        "\nnothing\n",
        r#"{"values":[3,2],"timestamps":[3,2],"metric":{"job":"b"},"more":7}"#,
    ));
    assert_eq!(taken, "up{job=\"a\"} 1@1 0.1@2 NaN@3 +Inf@4\n{job=\"b\"} 2@2 3@3\n");
    assert_eq!((reader.samples, reader.bad_lines), (6, 3));
    let first = reader.first_bad.unwrap().to_string();
    assert_eq!(first, "line 3: expected as many timestamps as values, found 2 and 1");
}

#[test]
fn lines_come_back_as_they_were() {
    let lines = concat!(
        r#"{"metric":{"__name__":"up","Zone":"a\"b\\\n","job":"é"},"values":[1,0.1,null,"-Infinity",1000000000000000000000],"timestamps":[1,2,3,4,5]}"#,
        "\n",
        r#"{"metric":{"__name__":"x"},"values":[0.30000000000000004,-0.000001],"timestamps":[-1,2]}"#,
        "\n",
    );
    let mut writer = JsonLinesWriter::new(Vec::new(), usize::MAX);
    let mut input = Lines::new(lines.as_bytes(), "t", 1 << 20);
    JsonLinesReader::read(&mut input, "t", 0, &mut writer).unwrap();
    assert_eq!(String::from_utf8(writer.into_inner()).unwrap(), lines);
}

#[test]
fn long_series_become_several_lines_and_what_cannot_be_said_is_counted() {
    let mut samples = SampleBuffer::default();
    (1..=3).for_each(|time_ms| samples.push(time_ms, 1.0));
    samples.push(4, bongsu_model::STALE_NAN);
    samples.histograms.push((5, std::sync::Arc::default()));
    let mut writer = JsonLinesWriter::new(Vec::new(), 2);
    let labels = Labels::from_pairs([("__name__", "up")]);
    writer.piece(Piece { labels: &labels, samples: &samples, exemplars: &[] }).unwrap();
    assert_eq!((writer.samples, writer.left_out_stale, writer.left_out_histograms), (3, 1, 1));
    let text = String::from_utf8(writer.into_inner()).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(text.ends_with("{\"metric\":{\"__name__\":\"up\"},\"values\":[1],\"timestamps\":[3]}\n"));
}

proptest::proptest! {
    #[test]
    fn any_line_is_answered(text in ".{0,80}") {
        let (reader, _) = read(&text);
        proptest::prop_assert!(reader.samples == 0);
    }
}
