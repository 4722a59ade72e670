//! Bounds of queries on the real binary: what each limit answers, who waits for whom, what is listed, and what stops a query.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use bongsu_model::{Labels, Sample};
use bongsu_testkit::centre::Centre;
use bongsu_testkit::client::{Answer, Http, percent_encode};
use bongsu_testkit::push;
use bongsu_testkit::wait::wait_for;
use serde_json::Value;

/// Needs no data, little memory and many minutes.
const ENDLESS: &str = "max_over_time(sum_over_time(vector(1)[100d:30s])[100d:1m])";
const PATIENCE: Duration = Duration::from_secs(60);

struct Fixture {
    centre: Centre,
    http: Http,
    _dir: tempfile::TempDir,
}

impl Fixture {
    /// A centre with these lines under `limits`.
    fn start(limits: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("bongsu.yml");
        std::fs::write(&config, format!("limits:\n{limits}")).unwrap();
        let args = ["--config", config.to_str().unwrap()];
        let centre = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &dir.path().join("data"), &args);
        Self { centre, http: Http::default(), _dir: dir }
    }

    fn get_as(&self, tenant: &str, path: &str) -> Answer {
        self.http.get(&format!("{}{path}", self.centre.url), &[("X-Scope-OrgID", tenant)]).unwrap()
    }

    fn query(&self, text: &str, more: &str) -> Answer {
        self.get_as("anonymous", &format!("/api/v1/query?query={}{more}", percent_encode(text)))
    }

    /// A request that nobody waits for; dropped, its connection closes.
    fn send(&self, tenant: &str, method_and_path: &str) -> TcpStream {
        let address = self.centre.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!("{method_and_path} HTTP/1.1\r\nHost: {address}\r\nX-Scope-OrgID: {tenant}");
        write!(stream, "{head}\r\nConnection: close\r\n\r\n").unwrap();
        stream
    }

    fn send_endless(&self, tenant: &str) -> TcpStream {
        self.send(tenant, &format!("GET /api/v1/query?query={}", percent_encode(ENDLESS)))
    }

    fn list(&self, tenant: &str, name: &str) -> Vec<Value> {
        let answer = self.get_as(tenant, &format!("/api/v1/status/{name}_queries"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["data"]["queries"].as_array().unwrap().clone()
    }

    /// Waits until so many queries of a tenant run and wait.
    fn wait_for_active(&self, tenant: &str, running: usize, waiting: usize) -> Vec<Value> {
        wait_for(&format!("{running} running and {waiting} waiting queries of {tenant}"), PATIENCE, || {
            let active = self.list(tenant, "active");
            let count = |state: &str| active.iter().filter(|query| query["state"] == state).count();
            (count("running") == running && count("waiting") == waiting).then_some(active)
        })
    }
}

fn error_of(answer: &Answer) -> (u16, String, String) {
    let json = answer.json();
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    (answer.status, text("errorType"), text("error"))
}

fn refused(answer: &Answer, status: u16, kind: &str, texts: &[&str]) {
    let (found_status, found_kind, message) = error_of(answer);
    assert_eq!((found_status, found_kind.as_str()), (status, kind), "{message}");
    texts.iter().for_each(|text| assert!(message.contains(text), "{message}"));
}

#[test]
fn every_limit_is_answered_with_its_name() {
    let f = Fixture::start("  query_series: 3\n  query_samples: 2000\n  query_response_size: 2KB\n");
    let now_ms = 1000 * (std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64);
    let series = |metric: &str, n: usize| {
        let labels = Labels::from_pairs([("__name__", metric), ("n", &n.to_string())]);
        (labels, vec![Sample { timestamp_ms: now_ms - 1000, value: 1.0 }])
    };
    let all: Vec<_> = (0..4).map(|n| series("four", n)).chain((0..3).map(|n| series("three", n))).collect();
    let url = format!("{}/api/v1/push", f.centre.url);
    assert!(push::send(&f.http, &url, "", &push::body(&all)).unwrap().status < 300);

    assert_eq!(f.query("three", "").status, 200);
    refused(&f.query("four", ""), 422, "execution", &["more than 3 series", "limits.query_series"]);
    let many = "query processing would load too many samples into memory in query execution";
    refused(&f.query("sum_over_time(vector(1)[1h:1s])", ""), 422, "execution", &[many]);
    let long = f.get_as("anonymous", "/api/v1/query_range?query=vector(1)&start=0&end=400&step=1");
    refused(&long, 422, "execution", &["larger than 2048 bytes", "limits.query_response_size"]);
    let points = f.get_as("anonymous", "/api/v1/query_range?query=three&start=0&end=11001&step=1");
    refused(&points, 400, "bad_data", &["exceeded maximum resolution of 11,000 points per timeseries"]);
}

#[test]
fn a_closed_connection_stops_the_query_that_runs_and_the_one_that_waits() {
    let f = Fixture::start("  queries_concurrent: 1\n");
    let (first, second) = (f.send_endless("a"), f.send_endless("a"));
    f.wait_for_active("a", 1, 1);
    drop(second);
    f.wait_for_active("a", 1, 0);
    drop(first);
    f.wait_for_active("a", 0, 0);
    let metrics = f.get_as("a", "/metrics").body;
    assert!(metrics.contains("bongsu_queries_running 0") && metrics.contains("bongsu_queries_waiting 0"), "{metrics}");
}

#[test]
fn a_tenant_waits_in_its_own_line() {
    let limits = "  queries_concurrent: 2\n  queries_concurrent_per_tenant: 1\n  queries_waiting_per_tenant: 1\n";
    let f = Fixture::start(&format!("{limits}  queries_waiting: 2\n"));
    let _loud = [f.send_endless("loud"), f.send_endless("loud")];
    f.wait_for_active("loud", 1, 1);
    let more = f.get_as("loud", "/api/v1/query?query=1");
    refused(&more, 429, "too_many_requests", &["of this tenant", "limit is 1", "limits.queries_waiting_per_tenant"]);
    assert_eq!(f.get_as("quiet", "/api/v1/query?query=1").status, 200, "there is a slot for others");

    let _others = [f.send_endless("quiet"), f.send_endless("quiet")];
    f.wait_for_active("quiet", 1, 1);
    let full = f.get_as("third", "/api/v1/query?query=1");
    refused(&full, 503, "unavailable", &["of all tenants", "limit is 2", "limits.queries_waiting)"]);
}

#[test]
fn a_query_whose_turn_does_not_come_in_time_says_so() {
    let f = Fixture::start("  queries_concurrent: 1\n");
    let _busy = f.send_endless("a");
    f.wait_for_active("a", 1, 0);
    let late = f.get_as("b", "/api/v1/query?query=1&timeout=50ms");
    refused(&late, 503, "timeout", &["query timed out in query queue"]);
}

#[test]
fn active_queries_are_seen_by_their_tenant_and_can_be_stopped() {
    let f = Fixture::start("  slow_query: 5m\n");
    let mut asked = f.send_endless("a");
    let active = f.wait_for_active("a", 1, 0);
    assert_eq!((active[0]["query"].as_str(), active[0]["kind"].as_str()), (Some(ENDLESS), Some("instant")));
    assert_eq!(f.list("b", "active"), Vec::<Value>::new(), "nobody else's matter");
    let all = f.get_as("b", "/api/v1/status/active_queries?all_tenants=true");
    refused(&all, 503, "unavailable", &["admin_api"]);

    let id = &active[0]["id"];
    let delete = |tenant: &str| {
        let mut text = String::new();
        let path = format!("DELETE /api/v1/status/active_queries/{id}");
        f.send(tenant, &path).read_to_string(&mut text).unwrap();
        text
    };
    assert!(delete("b").starts_with("HTTP/1.1 404"));
    assert!(delete("a").starts_with("HTTP/1.1 204"));
    let mut answer = String::new();
    asked.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("query was canceled in expression evaluation"), "{answer}");
    f.wait_for_active("a", 0, 0);
    assert_eq!(f.list("a", "slow"), Vec::<Value>::new());
}

#[test]
fn slow_queries_are_remembered_with_what_became_of_them() {
    let f = Fixture::start("  slow_query: 1ms\n");
    let path = format!("/api/v1/query?query={}&timeout=100ms", percent_encode(ENDLESS));
    assert_eq!(f.get_as("a", &path).status, 503);
    let slow = f.list("a", "slow");
    assert_eq!((slow.len(), slow[0]["query"].as_str()), (1, Some(ENDLESS)));
    assert_eq!(slow[0]["error"].as_str(), Some("query timed out in expression evaluation"));
    assert!(slow[0]["durationSeconds"].as_f64() >= Some(0.1), "{slow:?}");
    assert_eq!(f.list("b", "slow"), Vec::<Value>::new());
    assert!(f.get_as("a", "/metrics").body.contains("bongsu_queries_slow_total 1"));
}

#[test]
fn a_repeated_range_query_is_answered_from_what_is_kept() {
    let f = Fixture::start("  query_cache_recent: 1m\n");
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    let samples = (0..240).map(|at| Sample { timestamp_ms: (now - 3600 + at * 15) * 1000, value: at as f64 }).collect();
    let url = format!("{}/api/v1/push", f.centre.url);
    let body = push::body(&[(Labels::from_pairs([("__name__", "kept_total")]), samples)]);
    assert!(push::send(&f.http, &url, "", &body).unwrap().status < 300);
    let path = format!("/api/v1/query_range?query=rate(kept_total[1m])&start={}&end={now}&step=15", now - 3600);
    let first = f.get_as("anonymous", &path).body;
    assert!(first.matches("[1").count() > 200, "{first}");
    assert_eq!(f.get_as("anonymous", &path).body, first);
    let metrics = f.get_as("anonymous", "/metrics").body;
    for line in ["requests_total{result=\"miss\"} 1", "requests_total{result=\"partial\"} 1"] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}
