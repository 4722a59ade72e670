//! Pairs of senders on the real binary: which is listened to, and how the other one is answered.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use bongsu_model::{Labels, Sample};
use bongsu_testkit::centre::Centre;
use bongsu_testkit::client::{Answer, Http};
use bongsu_testkit::push;

const CONFIG: &str = "
ha: {}
tenants:
  odd:
    ha: {cluster_label: site, replica_label: host, failover: 0s}
  all:
    ha: {enabled: false}
  twice:
    dedup_interval: 1m
";

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

struct Fixture {
    centre: Centre,
    http: Http,
    _dir: tempfile::TempDir,
}

impl Fixture {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bongsu.yml");
        std::fs::write(&file, CONFIG).unwrap();
        let args = ["--config", file.to_str().unwrap(), "--enable-admin-api"];
        let centre = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &dir.path().join("data"), &args);
        Self { centre, http: Http::default(), _dir: dir }
    }

    fn push(&self, tenant: &str, pairs: &[(&str, &str)], time_ms: i64) -> Answer {
        let labels = Labels::from_pairs([&[("__name__", "up")], pairs].concat());
        let body = push::body(&[(labels, vec![Sample { timestamp_ms: time_ms, value: 1.0 }])]);
        push::send(&self.http, &format!("{}/api/v1/push", self.centre.url), tenant, &body).unwrap()
    }

    fn get(&self, tenant: &str, path: &str) -> Answer {
        self.http.get(&format!("{}{path}", self.centre.url), &[("x-scope-orgid", tenant)]).unwrap()
    }

    /// The series of `up` with the number of their samples.
    fn series(&self, tenant: &str) -> String {
        let answer = self.get(tenant, "/api/v1/query?query=up%5B1h%5D").json();
        let series = answer["data"]["result"].as_array().unwrap().iter();
        let text = |one: &serde_json::Value| format!("{} x{}", one["metric"], one["values"].as_array().unwrap().len());
        series.map(text).collect::<Vec<_>>().join("; ")
    }
}

#[test]
fn the_second_of_a_pair_is_answered_202_and_its_samples_are_not_taken() {
    let f = Fixture::start();
    let time_ms = now_ms() - 60_000;
    let push = |replica: &str, after_ms: i64| {
        f.push("team", &[("cluster", "eu"), ("__replica__", replica)], time_ms + after_ms)
    };
    assert_eq!(push("a", 0).status, 204);
    let refused = push("b", 1);
    let text = "1 samples are not taken: another replica of their cluster is listened to\n";
    assert_eq!((refused.status, refused.body.as_str()), (202, text));
    assert_eq!(push("a", 2).status, 204);
    assert_eq!(f.series("team"), r#"{"__name__":"up","cluster":"eu"} x2"#);
    let metrics = f.get("", "/metrics").body;
    assert!(metrics.contains("bongsu_push_deduplicated_samples_total{tenant=\"team\"} 1\n"), "{metrics}");
    assert!(metrics.contains("bongsu_store_ha_clusters 1\n"), "{metrics}");
}

#[test]
fn tenants_have_other_labels_or_none() {
    let f = Fixture::start();
    let time_ms = now_ms() - 60_000;
    let odd = |host: &str, after_ms: i64| f.push("odd", &[("site", "eu"), ("host", host)], time_ms + after_ms).status;
    assert_eq!(odd("a", 0), 204);
    // Silent for longer than nothing as soon as the clock has moved on.
    while odd("b", 1) == 202 {}
    let series = f.series("odd");
    assert!(series.starts_with(r#"{"__name__":"up","site":"eu"} x"#) && !series.contains("host"), "{series}");
    for replica in ["a", "b"] {
        assert_eq!(f.push("all", &[("cluster", "eu"), ("__replica__", replica)], time_ms).status, 204);
    }
    assert_eq!(f.series("all").matches("__replica__").count(), 2);
}

#[test]
fn what_comes_twice_is_shown_once_an_interval() {
    let f = Fixture::start();
    let minute_ms = (now_ms() / 60_000 - 10) * 60_000;
    for after_ms in [10_000, 12_000, 70_000, 72_000] {
        assert_eq!(f.push("twice", &[("job", "node")], minute_ms + after_ms).status, 204);
    }
    let wanted = r#"{"__name__":"up","job":"node"} x2"#;
    assert_eq!(f.series("twice"), wanted);
    let compacted = f.http.post(&format!("{}/api/v1/admin/tsdb/compact", f.centre.url), &[], b"").unwrap();
    assert_eq!((compacted.status, f.series("twice")), (204, wanted.to_owned()));
}
