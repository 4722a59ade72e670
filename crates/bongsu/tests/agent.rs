//! The agent on the real binary: it scrapes what prometheus.yml says, keeps what it could not send, and loses nothing.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bongsu_testkit::centre::Centre;
use bongsu_testkit::process::{Server, free_port};
use bongsu_testkit::wait::wait_for;

/// A target whose counter goes up by one with each scrape, so that a hole in the stored samples shows.
fn counting_target() -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let scrapes = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&scrapes);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let count = counter.fetch_add(1, Ordering::SeqCst) + 1;
            let body =
                format!("# TYPE scrapes_total counter\nscrapes_total{{zone=\"a\",drop_me=\"x\"}} {count}\nnoise 1\n");
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            // The scraper may have gone: its problem.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
    (port, scrapes)
}

fn agent(dir: &Path, target_port: u16, url: &str) -> Server {
    let config = dir.join("agent.yml");
    let yaml = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms, external_labels: {{region: seoul}}}}\n\
         scrape_configs:\n\
         - job_name: app\n  static_configs: [{{targets: ['127.0.0.1:{target_port}']}}]\n\
         \x20 metric_relabel_configs:\n\
         \x20 - {{action: labeldrop, regex: drop_me}}\n\
         \x20 - {{source_labels: [__name__], regex: noise, action: drop}}\n\
         remote_write:\n- url: {url}/api/v1/push\n  queue_config: {{batch_send_deadline: 100ms, min_backoff: 30ms, max_backoff: 200ms}}\n"
    );
    std::fs::write(&config, yaml).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
    command.arg("agent").arg("--config").arg(&config).arg("--data").arg(dir.join("agent-data"));
    Server::spawn(&mut command, &dir.join("agent.log")).unwrap()
}

fn now_seconds() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64()
}

/// The stored values of the counter.
fn stored(centre: &Centre) -> Vec<u64> {
    let result = centre.query("scrapes_total[1h]", now_seconds());
    let points = result.as_array().unwrap().iter().flat_map(|series| series["values"].as_array().unwrap());
    points.map(|point| point[1].as_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn nothing_is_lost_while_the_centre_is_down_or_the_agent_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (target_port, scrapes) = counting_target();
    let port = free_port().unwrap();
    let start_centre = || Centre::start_on(port, Path::new(env!("CARGO_BIN_EXE_bongsu")), &data, &[]);
    let wait_scrapes = |more: u64| {
        let goal = scrapes.load(Ordering::SeqCst) + more;
        wait_for("scrapes", Duration::from_secs(30), || (scrapes.load(Ordering::SeqCst) >= goal).then_some(()));
    };

    let mut centre = start_centre();
    let mut first = agent(dir.path(), target_port, &centre.url);
    wait_for("first samples", Duration::from_secs(30), || (stored(&centre).len() > 2).then_some(()));
    centre.process.kill();
    wait_scrapes(5);
    assert_eq!(first.terminate().unwrap(), Some(0), "{}", first.output());
    let second = agent(dir.path(), target_port, &centre.url);
    wait_scrapes(5);
    let centre = start_centre();
    let goal = scrapes.load(Ordering::SeqCst);
    wait_for("the backlog", Duration::from_secs(30), || (stored(&centre).last() >= Some(&goal)).then_some(()));

    let values = stored(&centre);
    let last = *values.last().unwrap();
    // A scrape that was on its way when the first agent stopped was answered and never stored.
    let missing: Vec<u64> = (1..=last).filter(|value| !values.contains(value)).collect();
    assert!(missing.len() <= 1, "missing {missing:?} of {values:?}\n{}", second.output());
    assert!(values.is_sorted(), "{values:?}");
}

#[test]
fn labels_and_report_series_are_those_of_prometheus() {
    let dir = tempfile::tempdir().unwrap();
    let (target_port, _) = counting_target();
    let centre = Centre::start(Path::new(env!("CARGO_BIN_EXE_bongsu")), &dir.path().join("data"), &[]);
    let mut agent = agent(dir.path(), target_port, &centre.url);
    wait_for("samples", Duration::from_secs(30), || (!stored(&centre).is_empty()).then_some(()));
    let result = centre.query("scrapes_total", now_seconds());
    let labels = &result[0]["metric"];
    let expected = serde_json::json!({
        "__name__": "scrapes_total", "zone": "a", "job": "app", "region": "seoul",
        "instance": format!("127.0.0.1:{target_port}"),
    });
    assert_eq!(labels, &expected);
    for name in [
        "up",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
        "scrape_samples_post_metric_relabeling",
        "scrape_series_added",
    ] {
        let result = centre.query(&format!("{name}{{job=\"app\"}}"), now_seconds());
        assert_eq!(result.as_array().unwrap().len(), 1, "{name}");
    }
    assert_eq!(centre.query("scrape_samples_scraped", now_seconds())[0]["value"][1], "2");
    assert_eq!(centre.query("scrape_samples_post_metric_relabeling", now_seconds())[0]["value"][1], "1");
    assert_eq!(centre.query("count(noise) or vector(0)", now_seconds())[0]["value"][1], "0");
    assert_eq!(agent.terminate().unwrap(), Some(0));
}

#[test]
fn check_says_what_is_wrong_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let (good, bad) = (dir.path().join("good.yml"), dir.path().join("bad.yml"));
    std::fs::write(&good, "scrape_configs: [{job_name: a, static_configs: [{targets: ['x:1']}]}]\n").unwrap();
    std::fs::write(&bad, "global:\n  scrape_interval: 15s\n  scrape_intervall: 15s\n").unwrap();
    let run = |files: &[&Path]| {
        let output = Command::new(env!("CARGO_BIN_EXE_bongsu")).args(["check", "config"]).args(files).output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let (ok, text) = run(&[&good]);
    assert!(ok && text.contains("ok, 1 scrape jobs"), "{text}");
    let (ok, text) = run(&[&good, &bad]);
    assert!(!ok && text.contains("bad.yml:3:3") && text.contains("scrape_intervall"), "{text}");
}
