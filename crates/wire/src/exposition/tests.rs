use std::path::PathBuf;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use bongsu_model::MetricMetadata;

use super::*;

/// Entries as lines: what a reader of the exposition would say it contains.
fn read(body: &str, format: Format) -> Result<String, ParseError> {
    let mut lines = String::new();
    for entry in Parser::new(body, format) {
        lines.push_str(&match entry? {
            Entry::Type { metric, metric_type } => format!("type {metric} {metric_type}\n"),
            Entry::Help { metric, help } => format!("help {metric} {help:?}\n"),
            Entry::Unit { metric, unit } => format!("unit {metric} {unit}\n"),
            Entry::Comment(text) => format!("comment {text:?}\n"),
            Entry::Sample(sample) => sample_line(&sample),
        });
    }
    Ok(lines)
}

fn sample_line(sample: &SampleEntry<'_>) -> String {
    let pairs =
        |labels: &SeriesLabels<'_>| labels.clone().map(|(n, v)| format!("{n}={v:?}")).collect::<Vec<_>>().join(" ");
    let mut line = format!("{} -> {}", pairs(&sample.series.labels()), sample.value);
    if let Some(timestamp_ms) = sample.timestamp_ms {
        line.push_str(&format!(" @{timestamp_ms}"));
    }
    if let Some(exemplar) = &sample.exemplar {
        line.push_str(&format!(" # {} -> {} {:?}", pairs(&exemplar.labels), exemplar.value, exemplar.timestamp_ms));
    }
    line + "\n"
}

#[track_caller]
fn check(format: Format, body: &str, expected: Expect) {
    expected.assert_eq(&read(body, format).unwrap_or_else(|error| format!("error: {error}")));
}

#[test]
fn the_text_format_is_generous_with_blanks_and_comments() {
    check(
        Format::Text,
        "\n# HELP go_gc  A summary \\\\ of\\nthe \"GC\".\n#TYPE is a comment\n# just words\n#\n# HELP\n\
         # TYPE go_gc summary\n\
         go_gc{quantile=\"0\"} 4.9351e-05\n\
         \tgo_gc { quantile = \"0.25\" , } 7.424100000000001e-05 1234567890 \n\
         go_gc{quantile=\"0.5\",a=\"b\\\"\\\\\\n\\x\"}-Inf\n\
         go_gc_sum +Inf\ngo:gc_count 08 -15\nnothing{} NaN\nlast 1",
        expect![[r##"
            help go_gc " A summary \\ of\nthe \"GC\"."
            comment "#TYPE is a comment"
            comment "# just words"
            comment "#"
            comment "# HELP"
            type go_gc summary
            __name__="go_gc" quantile="0" -> 0.000049351
            __name__="go_gc" quantile="0.25" -> 0.00007424100000000001 @1234567890
            __name__="go_gc" quantile="0.5" a="b\"\\\n\\x" -> -inf
            __name__="go_gc_sum" -> inf
            __name__="go:gc_count" -> 8 @-15
            __name__="nothing" -> NaN
            __name__="last" -> 1
        "##]],
    );
}

#[test]
fn names_of_any_utf8_are_quoted() {
    check(
        Format::Text,
        "# TYPE \"요청 수\" counter\n{\"요청 수\",\"코드\"=\"200\"} 1\n{a=\"b\", \"http.status\"} 2\nplain{\"q.x\"=\"y\"} 3\n",
        expect![[r#"
            type 요청 수 counter
            __name__="요청 수" 코드="200" -> 1
            a="b" __name__="http.status" -> 2
            __name__="plain" q.x="y" -> 3
        "#]],
    );
}

#[test]
fn text_errors_say_line_column_and_what_was_expected() {
    let body = "a 1\n{b=\"c\"} 1\n";
    check(
        Format::Text,
        body,
        expect![[r#"error: line 2, column 1: expected a metric name, found none in "{b=\"c\"}""#]],
    );
    for (body, expected) in [
        (
            "bla 3.14\nmetric{label=bla} 3.14",
            "line 2, column 14: expected a label value in double quotes, found \"bla} 3.14\"",
        ),
        (
            "metric{label+=\"bla\"} 3.14",
            "line 1, column 13: expected = after the label name, found \"+=\\\"bla\\\"} 3.14\"",
        ),
        ("metric{@=\"bla\"} 3.14", "line 1, column 8: expected a label name or }, found \"@=\\\"bla\\\"} 3.14\""),
        ("metric{label=\"bla\"} blubb", "line 1, column 21: expected a value, found \"blubb\""),
        ("metric 0x1p4", "line 1, column 8: expected a value, found \"0x1p4\""),
        ("metric 1_000", "line 1, column 8: expected a value, found \"1_000\""),
        ("metric\n", "line 1, column 7: expected a value, found the end of the line"),
        ("metric", "line 1, column 7: expected a value, found the end"),
        ("metric 1 2.72", "line 1, column 11: expected the end of the line after the timestamp, found \".72\""),
        ("metric 1 x", "line 1, column 10: expected a timestamp in milliseconds or the end of the line, found \"x\""),
        ("metric{label=\"bla", "line 1, column 14: expected the string that starts here to end with a double quote"),
        ("metric{\"other\"} 1", "line 1, column 8: expected = and a value: the metric is named already"),
        (
            "# TYPE metric bla",
            "line 1, column 15: expected counter, gauge, histogram, summary or untyped, found \"bla\"",
        ),
        ("# TYPE met-ric", "line 1, column 11: expected a blank after the metric name, found \"-ric\""),
        ("# HELP  \n", "line 1, column 9: expected a metric name after HELP, found the end of the line"),
        ("@invalid 1", "line 1, column 1: expected a metric name, found none in \"\""),
    ] {
        assert_eq!(read(body, Format::Text).unwrap_err().to_string(), expected, "{body:?}");
    }
}

#[test]
fn open_metrics_reads_units_exemplars_and_seconds() {
    check(
        Format::OpenMetrics,
        "# HELP rpc_seconds Time of \\\"calls\\\"\n# TYPE rpc_seconds histogram\n# UNIT rpc_seconds seconds\n\
         rpc_seconds_bucket{le=\"0.1\"} 8 # {trace_id=\"KOO5S4vxi0o\"} 0.067 1520879607.789\n\
         rpc_seconds_bucket{le=\"+Inf\",} 9 1520879607.5 # {} 2\n\
         rpc_seconds_sum 5\n# TYPE build info\nbuild_info{\"v.x\"=\"1\"} 1\n# EOF\n",
        expect![[r#"
            help rpc_seconds "Time of \"calls\""
            type rpc_seconds histogram
            unit rpc_seconds seconds
            __name__="rpc_seconds_bucket" le="0.1" -> 8 # trace_id="KOO5S4vxi0o" -> 0.067 Some(1520879607789)
            __name__="rpc_seconds_bucket" le="+Inf" -> 9 @1520879607500 #  -> 2 None
            __name__="rpc_seconds_sum" -> 5
            type build info
            __name__="build_info" v.x="1" -> 1
        "#]],
    );
}

#[test]
fn open_metrics_is_strict() {
    for (body, expected) in [
        ("", "line 1, column 1: expected # EOF, found the end"),
        ("a 1\n", "line 2, column 1: expected # EOF, found the end"),
        ("a 1", "line 1, column 4: expected the end of the line, found the end"),
        ("# EOF\na 1\n", "line 2, column 1: expected nothing after # EOF, found \"a 1\""),
        ("\n# EOF\n", "line 1, column 1: expected a metric name, found none in \"\""),
        ("# words\n# EOF\n", "line 1, column 1: expected # HELP, # TYPE, # UNIT or # EOF, found \"# words\""),
        ("a  1\n# EOF\n", "line 1, column 2: expected a blank and a value, found \"  1\""),
        ("a 1 NaN\n# EOF\n", "line 1, column 4: expected a finite timestamp in seconds, found \" NaN\""),
        ("a{b=\"c\" d=\"e\"} 1\n# EOF\n", "line 1, column 8: expected a comma or }, found \" d=\\\"e\\\"} 1\""),
        ("# TYPE a untyped\n# EOF\n", "line 1, column 10: expected a metric type, found \"untyped\""),
        (
            "# UNIT a_bytes seconds\n# EOF\n",
            "line 1, column 16: expected a unit that the name \"a_bytes\" ends with, found \"seconds\"",
        ),
        ("a 1 # x\n# EOF\n", "line 1, column 7: expected the labels of an exemplar, found \"x\""),
    ] {
        assert_eq!(read(body, Format::OpenMetrics).unwrap_err().to_string(), expected, "{body:?}");
    }
}

#[test]
fn a_target_cannot_send_a_stale_marker() {
    let Some(Ok(Entry::Sample(sample))) = Parser::new("a NaN", Format::Text).next() else {
        panic!("expected a sample")
    };
    assert_eq!(sample.value.to_bits(), 0x7ff8_0000_0000_0001);
}

#[test]
fn content_types() {
    assert_eq!(Format::of_content_type("text/plain; version=0.0.4"), Some(Format::Text));
    assert_eq!(Format::of_content_type("application/openmetrics-text; version=1.0.0"), Some(Format::OpenMetrics));
    assert_eq!(Format::of_content_type("text/html"), None);
}

#[test]
fn the_writer_quotes_only_what_needs_it() {
    let mut writer = TextWriter::new();
    let help = |help: &str, metric_type| MetricMetadata { metric_type, help: help.to_owned(), unit: String::new() };
    writer.family("up", &help("Whether\nit is \\ \"up\"", MetricType::Gauge));
    writer.sample("up", [("__name__", "up"), ("job", "a\"b\\c\n")], 1.0, None);
    writer.sample("up", [], 1e9, Some(5));
    writer.family("http.time", &help("", MetricType::Unknown));
    writer.sample("http.time", [("a.b", "c")], f64::NAN, None);
    expect![[r##"
        # HELP up Whether\nit is \\ "up"
        # TYPE up gauge
        up{job="a\"b\\c\n"} 1
        up 1e+09 5
        # TYPE "http.time" untyped
        {"http.time","a.b"="c"} NaN
    "##]]
    .assert_eq(&writer.finish());
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        name in "\\PC{1,10}",
        labels in prop::collection::vec(("\\PC{1,10}", "[\\PC\\n]{0,20}"), 0..5),
        value in any::<f64>(),
        timestamp_ms in any::<Option<i64>>(),
    ) {
        prop_assume!(labels.iter().all(|(label, _)| label != "__name__"));
        let mut writer = TextWriter::new();
        writer.family(&name, &MetricMetadata::default());
        writer.sample(&name, labels.iter().map(|(n, v)| (n.as_str(), v.as_str())), value, timestamp_ms);
        let text = writer.finish();
        let entries: Vec<_> = Parser::new(&text, Format::Text).collect::<Result<_, _>>().unwrap();
        let Entry::Sample(sample) = &entries[1] else { panic!("expected a sample, got {:?}", entries[1]) };
        prop_assert!(sample.value == value || value.is_nan() && sample.value.is_nan());
        prop_assert_eq!(sample.timestamp_ms, timestamp_ms);
        let pairs: Vec<_> = sample.series.labels().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
        let mut expected = vec![("__name__".to_owned(), name)];
        expected.extend(labels);
        prop_assert_eq!(pairs, expected);
    }

    #[test]
    fn any_text_is_answered(body in "([a#{}=,\"\\\\ \t\n1é]|# TYPE a|# EOF|a\\{b=\"c\"\\} 1){0,40}") {
        for format in [Format::Text, Format::OpenMetrics] {
            let _ = read(&body, format);
        }
    }
}

fn conformance(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("BONGSU_CONFORMANCE_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance")),
        PathBuf::from,
    );
    let path = root.join(folder);
    path.is_dir().then_some(path)
}

#[test]
fn conformance_files_read_as_upstream_reads_them() {
    let Some(folder) = conformance("expfmt") else {
        println!("conformance folder absent: skipped");
        return;
    };
    // Counts were taken with `grep -c '^[^#]'`.
    for (file, format, samples) in [
        ("textparse/alltypes.237mfs.prom.txt", Format::Text, 1857),
        ("textparse/alltypes.237mfs.nometa.prom.txt", Format::Text, 1857),
        ("textparse/alltypes.5mfs.om.txt", Format::OpenMetrics, 53),
        ("textparse/1histogram.om.txt", Format::OpenMetrics, 42),
        ("prometheus_common/testdata/text", Format::Text, 248),
    ] {
        let body = std::fs::read_to_string(folder.join(file)).unwrap();
        let entries: Result<Vec<_>, _> = Parser::new(&body, format).collect();
        let entries = entries.unwrap_or_else(|error| panic!("{file}: {error}"));
        let count = entries.iter().filter(|entry| matches!(entry, Entry::Sample(_))).count();
        assert_eq!(count, samples, "{file}");
    }
}
