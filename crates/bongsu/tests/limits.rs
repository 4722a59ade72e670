//! Bounds of tenants on the real binary: what is refused, how it is answered and how it is counted.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use bongsu_model::{Labels, Sample};
use bongsu_testkit::centre::Centre;
use bongsu_testkit::client::{Answer, Http};
use bongsu_testkit::push;

const CONFIG: &str = "
limits:
  series_per_tenant: 3
  samples_behind: 1h
tenants:
  large:
    limits:
      series_per_tenant: 5
  slow:
    limits:
      samples_per_second: 0.001
      samples_burst: 2
";

struct Fixture {
    centre: Centre,
    http: Http,
    now_ms: i64,
    _dir: tempfile::TempDir,
}

impl Fixture {
    fn start(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bongsu.yml");
        std::fs::write(&file, config).unwrap();
        let args = ["--config", file.to_str().unwrap()];
        let centre = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &dir.path().join("data"), &args);
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        Self { centre, http: Http::default(), now_ms, _dir: dir }
    }

    /// Pushes one sample of each of so many series.
    fn push(&self, tenant: &str, series_count: usize, age_ms: i64) -> Answer {
        let series = |n: usize| {
            let labels = Labels::from_pairs([("__name__", "m"), ("n", &n.to_string())]);
            (labels, vec![Sample { timestamp_ms: self.now_ms - age_ms, value: 1.0 }])
        };
        let body = push::body(&(0..series_count).map(series).collect::<Vec<_>>());
        push::send(&self.http, &format!("{}/api/v1/push", self.centre.url), tenant, &body).unwrap()
    }

    /// The samples of refused pushes, as `tenant reason count`.
    fn rejected(&self) -> Vec<String> {
        let metrics = self.http.get(&format!("{}/metrics", self.centre.url), &[]).unwrap().body;
        let of_metric =
            metrics.lines().filter_map(|line| line.strip_prefix("bongsu_push_rejected_samples_total{tenant=\""));
        let mut found: Vec<_> = of_metric.map(|rest| rest.replace("\",reason=\"", " ").replace("\"}", "")).collect();
        found.sort();
        found
    }
}

#[test]
fn every_tenant_meets_its_own_bounds_and_each_refusal_is_counted_and_named() {
    let f = Fixture::start(CONFIG);
    let refused = f.push("small", 5, 0);
    let expected = "series_limit: m{n=\"3\"}: new series is beyond the limit of 3 series per tenant \
                    (first of 2 rejected samples; 3 samples of the request were kept)\n";
    // Not 429: the rest is kept, and who sent the same again would be refused again for as long as the limit is met.
    assert_eq!((refused.status, refused.body.as_str()), (400, expected));
    assert_eq!(f.push("large", 5, 0).status, 204);

    let old = f.push("large", 2, 2 * 3_600_000);
    assert_eq!(old.status, 400);
    assert!(old.body.starts_with("sample_too_old: m{n=\"0\"}: sample at "), "{}", old.body);

    assert_eq!(f.push("slow", 2, 0).status, 204);
    let later = f.push("slow", 2, 1000);
    assert_eq!((later.status, later.retry_after.as_deref()), (429, Some("1000")));
    assert_eq!(later.body, "2 samples are beyond the limit of 0.001 samples per second of this tenant\n");
    assert_eq!(f.rejected(), ["large sample_too_old 2", "slow rate_limit 2", "small series_limit 2"]);
}
