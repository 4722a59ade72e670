//! Stories of a target: bodies in, batches out.

mod manager;

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Batch, Labels, is_stale};
use expect_test::{Expect, expect};

use crate::config::{GlobalConfig, Job, ScrapeConfig, resolve};
use crate::error::ScrapeError;
use crate::fetch::FetchError;
use crate::{ScrapeCache, Target};

/// The only job of a scrape configuration.
pub(crate) fn job(yaml: &str) -> Arc<Job> {
    let config: ScrapeConfig = bongsu_config::parse(yaml, "test").unwrap_or_else(|error| panic!("{error}"));
    let jobs = resolve(&GlobalConfig::default(), &[config], std::path::Path::new("/"));
    jobs.unwrap_or_else(|error| panic!("{error}")).remove(0)
}

fn target(job: &Arc<Job>, found: &[(&str, &str)]) -> Target {
    let discovered = Target::discovered_labels(job, found);
    Target::resolve(job, &discovered).unwrap().expect("no rule drops the target")
}

/// One line per sample, sorted; report series are left out, as their values are looked at where they matter.
pub(crate) fn lines(batch: &Batch) -> String {
    let shown = |labels: &Labels| {
        let name = labels.metric_name();
        name != "up" && !name.starts_with("scrape_")
    };
    let mut lines: Vec<String> = batch
        .series
        .iter()
        .filter(|(labels, _)| shown(labels))
        .map(|(labels, sample)| {
            let value = if is_stale(sample.value) { "stale".to_owned() } else { sample.value.to_string() };
            format!("{labels} {value} @{}\n", sample.timestamp_ms)
        })
        .collect();
    lines.sort();
    lines.concat()
}

fn report(batch: &Batch) -> String {
    let of = |name: &str| {
        let found = batch.series.iter().find(|(labels, _)| labels.metric_name() == name);
        found.map_or_else(|| "-".to_owned(), |(_, sample)| sample.value.to_string())
    };
    ["up", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling", "scrape_series_added"].map(of).join(" ")
}

struct Story {
    cache: ScrapeCache,
    time_ms: i64,
}

impl Story {
    fn of(yaml: &str) -> Self {
        let target = target(&job(yaml), &[("__address__", "host:1")]);
        Self { cache: ScrapeCache::new(&target), time_ms: 0 }
    }

    fn scrape(&mut self, body: &str) -> (Batch, String) {
        self.time_ms += 1000;
        let scraped = self.cache.ingest(body.as_bytes(), Some("text/plain"), self.time_ms, Duration::from_millis(5));
        let result = scraped.result.map_or_else(|error| format!(" ({error})"), |()| String::new());
        let shown = format!("{}report {}{result}\n", lines(&scraped.batch), report(&scraped.batch));
        (scraped.batch, shown)
    }

    #[track_caller]
    fn check(&mut self, body: &str, expected: Expect) {
        expected.assert_eq(&self.scrape(body).1);
    }
}

#[test]
fn series_come_and_go() {
    let mut story = Story::of("job_name: j");
    story.check(
        "a 1\nb{x=\"y\"} 2\n",
        expect![[r#"
        a{instance="host:1", job="j"} 1 @1000
        b{instance="host:1", job="j", x="y"} 2 @1000
        report 1 2 2 2
    "#]],
    );
    story.check(
        "a 3\n",
        expect![[r#"
        a{instance="host:1", job="j"} 3 @2000
        b{instance="host:1", job="j", x="y"} stale @2000
        report 1 1 1 0
    "#]],
    );
    // The same series by another text is the same series.
    story.check(
        "a{} 4\nb{x=\"y\"} 5\n",
        expect![[r#"
        a{instance="host:1", job="j"} 4 @3000
        b{instance="host:1", job="j", x="y"} 5 @3000
        report 1 2 2 2
    "#]],
    );
    story.check(
        "a 1\na 2\na{} 3\n",
        expect![[r#"
        a{instance="host:1", job="j"} 1 @4000
        b{instance="host:1", job="j", x="y"} stale @4000
        report 1 3 3 1
    "#]],
    );
}

#[test]
fn a_scrape_that_fails_ends_all_series_and_takes_nothing() {
    let mut story = Story::of("job_name: j");
    story.scrape("a 1\nb 2\n");
    story.check(
        "a 1\nb 2\nc oops\n",
        expect![[r#"
        a{instance="host:1", job="j"} stale @2000
        b{instance="host:1", job="j"} stale @2000
        report 0 2 2 0 (cannot parse the body: line 3, column 3: expected a value, found "oops")
    "#]],
    );
    story.check(
        "a 1\n",
        expect![[r#"
        a{instance="host:1", job="j"} 1 @3000
        report 1 1 1 0
    "#]],
    );
    let failed = story.cache.fail(FetchError::Connection("refused".to_owned()).into(), 4000, Duration::ZERO);
    assert_eq!(lines(&failed.batch), "a{instance=\"host:1\", job=\"j\"} stale @4000\n");
    assert_eq!(report(&failed.batch), "0 0 0 0");
    let again = story.cache.fail(ScrapeError::Status(500), 5000, Duration::ZERO);
    assert_eq!(lines(&again.batch), "", "a series ends once");
}

#[test]
fn the_end_of_a_target_ends_its_report_too() {
    let mut story = Story::of("job_name: j");
    story.scrape("a 1\n");
    let batch = story.cache.end(9000);
    assert_eq!(batch.series.len(), 6);
    assert!(batch.series.iter().all(|(_, sample)| is_stale(sample.value) && sample.timestamp_ms == 9000));
    assert!(story.cache.end(9001).series.is_empty());
}

#[test]
fn exposed_labels_give_way_unless_they_are_honoured() {
    let body = "a{job=\"x\",instance=\"\",exported_job=\"z\"} 1\n";
    Story::of("job_name: j").check(
        body,
        expect![[r#"
        a{exported_exported_job="x", exported_job="z", instance="host:1", job="j"} 1 @1000
        report 1 1 1 1
    "#]],
    );
    Story::of("{job_name: j, honor_labels: true}").check(
        body,
        expect![[r#"
        a{exported_job="z", job="x"} 1 @1000
        report 1 1 1 1
    "#]],
    );
}

#[test]
fn timestamps_of_the_target() {
    let mut story = Story::of("job_name: j");
    story.check(
        "a 1 77\n",
        expect![[r#"
        a{instance="host:1", job="j"} 1 @77
        report 1 1 1 1
    "#]],
    );
    story.check(
        "",
        expect![[r#"
        report 1 0 0 0
    "#]],
    );
    let mut ignored = Story::of("{job_name: j, honor_timestamps: false}");
    ignored.check(
        "a 1 77\n",
        expect![[r#"
        a{instance="host:1", job="j"} 1 @1000
        report 1 1 1 1
    "#]],
    );
    let mut tracked = Story::of("{job_name: j, track_timestamps_staleness: true}");
    tracked.scrape("a 1 77\n");
    tracked.check(
        "",
        expect![[r#"
        a{instance="host:1", job="j"} stale @2000
        report 1 0 0 0
    "#]],
    );
}

#[test]
fn rules_for_series() {
    let mut story = Story::of(
        "job_name: j\nmetric_relabel_configs:\n- {source_labels: [__name__], regex: go_.*, action: drop}\n- {regex: instance, action: labeldrop}",
    );
    for _ in 0..2 {
        story.scrape("go_gc 1\na 2\n");
    }
    story.check(
        "go_gc 1\na 2\n",
        expect![[r#"
        a{job="j"} 2 @3000
        report 1 2 1 0
    "#]],
    );
}

#[test]
fn limits_fail_the_whole_scrape() {
    let mut samples = Story::of("{job_name: j, sample_limit: 2}");
    samples.check(
        "a 1\nb 2\n",
        expect![[r#"
        a{instance="host:1", job="j"} 1 @1000
        b{instance="host:1", job="j"} 2 @1000
        report 1 2 2 2
    "#]],
    );
    samples.check(
        "a 1\nb 2\nc 3\n",
        expect![[r#"
        a{instance="host:1", job="j"} stale @2000
        b{instance="host:1", job="j"} stale @2000
        report 0 3 3 1 (sample limit exceeded (number of samples: 3, limit: 2))
    "#]],
    );
    Story::of("{job_name: j, label_limit: 3}").check(
        "a{b=\"c\"} 1\n",
        expect![[r#"
        report 0 1 0 0 (label_limit exceeded (metric: a, found: 4, limit: 3))
    "#]],
    );
    Story::of("{job_name: j, label_name_length_limit: 8}").check(
        "a{longlabel=\"c\"} 1\n",
        expect![[r#"
        report 0 1 0 0 (label_name_length_limit exceeded (metric: a, found: 9, limit: 8))
    "#]],
    );
}

#[test]
fn senseless_series_fail_the_scrape() {
    for (body, error) in [
        ("a{b=\"1\",b=\"2\"} 1", "label name \"b\" is not unique in series a{b=\"1\",b=\"2\"}"),
        ("{\"\"} 1", "metric name missing in series {instance=\"host:1\", job=\"j\"}"),
    ] {
        let shown = Story::of("job_name: j").scrape(body).1;
        assert_eq!(shown, format!("report 0 1 0 0 ({error})\n"));
    }
    let shown = Story::of("{job_name: j, metric_name_validation_scheme: legacy}").scrape("{\"a.b\"} 1").1;
    assert!(shown.contains("invalid metric name or label names"), "{shown}");
}

#[test]
fn bounds_are_normalised_and_metadata_is_told_once() {
    let mut story = Story::of("job_name: j");
    let body = "# HELP h Times\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\n";
    let (batch, shown) = story.scrape(body);
    assert!(shown.starts_with("h_bucket{instance=\"host:1\", job=\"j\", le=\"1.0\"} 1"), "{shown}");
    let told: Vec<_> =
        batch.metadata.iter().map(|(metric, m)| (metric.as_str(), m.metric_type.as_str(), m.help.as_str())).collect();
    assert_eq!(told, [("h", "histogram", "Times")]);
    assert!(story.scrape(body).0.metadata.is_empty());
    assert_eq!(story.scrape("# HELP h Times in seconds\n").0.metadata.len(), 1);
}

#[test]
fn a_body_of_an_unknown_form_needs_a_fallback() {
    let mut story = Story::of("job_name: j");
    let scraped = story.cache.ingest(b"a 1\n", Some("text/html"), 1, Duration::ZERO);
    assert!(matches!(scraped.result, Err(ScrapeError::ContentType(_))));
    let mut story = Story::of("{job_name: j, fallback_scrape_protocol: PrometheusText0.0.4}");
    assert!(story.cache.ingest(b"a 1\n", None, 1, Duration::ZERO).result.is_ok());
    assert_eq!(story.cache.ingest(b"a \xff\n", None, 2, Duration::ZERO).result, Err(ScrapeError::Utf8(2)));
}

#[test]
fn relabelling_decides_where_a_target_is() {
    let job = job(
        "job_name: blackbox\nmetrics_path: /probe\nparams: {module: [http_2xx], a: ['x y', z]}\nrelabel_configs:\n\
         - {source_labels: [__address__], target_label: __param_target}\n\
         - {source_labels: [__param_target], target_label: instance}\n\
         - {target_label: __address__, replacement: 'prober:9115'}\n\
         - {source_labels: [__meta_skip], regex: 'yes', action: drop}\n\
         - {target_label: __scrape_interval__, replacement: 10s}",
    );
    let target = target(&job, &[("__address__", "example.org"), ("__meta_x", "1")]);
    assert_eq!(target.url(), "http://prober:9115/probe?a=x+y&a=z&module=http_2xx&target=example.org");
    assert_eq!(target.labels().to_string(), r#"{instance="example.org", job="blackbox"}"#);
    assert_eq!((target.interval_ms(), target.timeout_ms()), (10_000, 10_000));
    let skipped = Target::discovered_labels(&job, &[("__address__", "a"), ("__meta_skip", "yes")]);
    assert!(Target::resolve(&job, &skipped).unwrap().is_none());
}
