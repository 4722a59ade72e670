//! Series in, text out; our own parser reads it back.

use bongsu_model::SampleBuffer;
use bongsu_wire::exposition::Format;

use super::*;
use crate::receiver::tests::Taken;
use crate::text::{TextOptions, TextReader};

fn metadata(metric_type: MetricType, unit: &str) -> MetricMetadata {
    MetricMetadata { metric_type, help: "a \"b\"\nc".to_owned(), unit: unit.to_owned() }
}

#[test]
fn families_are_named_and_the_text_reads_back() {
    let mut writer = OpenMetricsWriter::new(Vec::new());
    writer.metadata("rq_seconds", &metadata(MetricType::Histogram, "seconds")).unwrap();
    writer.metadata("jobs_total", &metadata(MetricType::Counter, "")).unwrap();
    writer.metadata("odd", &metadata(MetricType::Counter, "")).unwrap();
    for name in ["rq_seconds_bucket", "rq_seconds_count", "jobs_total", "odd", "my.metric"] {
        let labels = Labels::from_pairs([("__name__", name), ("a b", "c\"\n\\")]);
        let mut samples = SampleBuffer::default();
        samples.push(1_500, 1.0);
        samples.push(2_000, bongsu_model::STALE_NAN);
        samples.push(1_435_781_451_781, f64::INFINITY);
        writer.piece(Piece { labels: &labels, samples: &samples, exemplars: &[] }).unwrap();
    }
    assert_eq!((writer.samples, writer.left_out_stale), (10, 5));
    let text = String::from_utf8(writer.finish().unwrap()).unwrap();
    assert!(
        text.starts_with("# TYPE rq_seconds histogram\n# UNIT rq_seconds seconds\n# HELP rq_seconds a \\\"b\\\"\\nc\n")
    );
    assert_eq!(text.matches("# TYPE").count(), 2, "a counter without _total has no type:\n{text}");
    assert!(text.contains("# TYPE jobs counter\n"), "{text}");
    assert!(text.contains("{\"my.metric\",\"a b\"=\"c\\\"\\n\\\\\"} 1 1.5\n"), "{text}");
    let options = TextOptions { format: Format::OpenMetrics, default_ms: None, part: String::new() };
    let mut taken = Taken::default();
    let reader = TextReader::read(text.as_bytes(), &options, 0, &mut taken).unwrap();
    assert_eq!((reader.samples, reader.bad_lines), (10, 0), "{:?}", reader.first_bad);
    assert_eq!(taken.0.matches("@1435781451781\n").count(), 5, "{}", taken.0);
}

proptest::proptest! {
    #[test]
    fn no_millisecond_is_lost(ms in -4_000_000_000_000_i64..4_000_000_000_000) {
        let mut text = String::new();
        push_seconds(&mut text, ms);
        proptest::prop_assert_eq!((text.parse::<f64>().unwrap() * 1000.0) as i64, ms, "{}", text);
    }
}
