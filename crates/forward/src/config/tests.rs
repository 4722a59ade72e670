//! The section is read as Prometheus reads it.

use std::path::Path;

use bongsu_model::Labels;

use super::*;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    remote_write: Vec<RemoteWrite>,
}

/// The entries, or the error.
fn read(text: &str) -> Result<Vec<RemoteWrite>, String> {
    let file: File = bongsu_config::parse(text, "prometheus.yml").map_err(|error| error.to_string())?;
    RemoteWrite::check_all(&file.remote_write).map_err(|error| error.to_string())?;
    Ok(file.remote_write)
}

fn read_one(text: &str) -> Result<Vec<RemoteWrite>, String> {
    read(&format!("remote_write:\n- url: http://centre/push\n{text}"))
}

#[test]
fn an_entry_has_prometheus_defaults() {
    let entries = read("remote_write:\n- url: http://a/push\n- url: http://b/push").unwrap();
    let options = entries[0].options(&Labels::empty(), 1 << 30);
    assert_eq!(options.url, "http://a/push");
    assert_eq!((options.shards, options.samples_per_send_max, options.send_deadline_ms), (1, 2000, 5000));
    assert_eq!((options.backoff_min_ms, options.backoff_max_ms, options.age_max_ms), (30, 5000, None));
    assert_eq!(entries[0].remote_timeout, Duration::from_secs(30));
    assert_ne!(entries[0].queue_name(), entries[1].queue_name());
}

#[test]
fn everything_that_people_write_is_read() {
    let entries = read_one(
        "  name: central
  remote_timeout: 10s
  headers: {X-Scope-OrgID: customer-1}
  write_relabel_configs: [{source_labels: [__name__], regex: 'expensive.*', action: drop}]
  basic_auth: {username: kim, password: hunter2}
  tls_config: {ca_file: ca.pem, insecure_skip_verify: true}
  proxy_url: http://proxy:3128
  follow_redirects: false
  enable_http2: false
  send_exemplars: true
  send_native_histograms: true
  protobuf_message: io.prometheus.write.v2.Request
  metadata_config: {send: false, send_interval: 5m, max_samples_per_send: 100}
  queue_config: {capacity: 5, max_shards: 4, min_shards: 2, max_samples_per_send: 500, batch_send_deadline: 1s,
    min_backoff: 1s, max_backoff: 1m, retry_on_http_429: false, sample_age_limit: 2h}",
    )
    .unwrap();
    let authorization = entries[0].credentials().header(Path::new("")).unwrap();
    assert_eq!(authorization.as_deref(), Some("Basic a2ltOmh1bnRlcjI="));
    let options = entries[0].options(&Labels::empty(), 1 << 30);
    assert_eq!(options.headers, [("X-Scope-OrgID".to_owned(), "customer-1".to_owned())]);
    assert_eq!((options.name.as_str(), options.shards, options.samples_per_send_max), ("central", 2, 500));
    assert_eq!((options.backoff_min_ms, options.backoff_max_ms), (1000, 60_000));
    assert_eq!((options.age_max_ms, options.retry_on_429, options.send_metadata), (Some(7_200_000), false, false));
    assert_eq!(options.write_relabel.len(), 1);
    assert!(!format!("{entries:?}").contains("hunter2"));
}

#[test]
fn what_cannot_work_is_refused() {
    for (text, reason) in [
        ("  headers: {authorization: x}", "authorization header must be set with"),
        ("  headers: {X-Prometheus-Remote-Write-Version: '2'}", "is a reserved header"),
        ("  queue_config: {capacity: 0}", "queue_config capacity must be greater than 0"),
        ("  queue_config: {max_samples_per_send: 0}", "max_samples_per_send must be greater than 0"),
        ("  queue_config: {min_shards: 100, max_shards: 10}", "min_shards must not be greater"),
        ("  queue_config: {min_backoff: 10s, max_backoff: 1s}", "min_backoff must not be greater"),
        ("  protobuf_message: io.prometheus.writet.v2.Request", "prometheus.yml:3:21: unknown variant"),
        ("  oauth2: {client_id: a}", "oauth2 is not supported"),
        ("  basic_auth: {username: a}\n  bearer_token: b", "at most one of basic_auth"),
        ("  tls_config: {cert_file: a}", "when a client certificate is configured"),
        ("  urll: b", "prometheus.yml:3:3: unknown field `urll`"),
        ("- url: ''", "remote_write \"\": url is empty"),
        ("  name: a\n- {url: http://b, name: a}", "multiple entries with the name \"a\""),
    ] {
        let error = read_one(text).unwrap_err();
        assert!(error.contains(reason), "{text}: {error}");
    }
}
