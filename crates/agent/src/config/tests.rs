use super::*;
use expect_test::{Expect, expect};

/// The summary, or the error, of the first of these files; the others lie beside it.
#[track_caller]
fn check_files(files: &[(&str, &str)], expect: Expect) {
    let dir = tempfile::tempdir().unwrap();
    for (name, yaml) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, yaml).unwrap();
    }
    let shown = match Config::load(&dir.path().join(files[0].0)) {
        Ok(config) => {
            let names: Vec<&str> = config.jobs.iter().map(|job| job.name.as_str()).collect();
            format!("{}; jobs: {names:?}", config.summary())
        }
        Err(error) => error.to_string().replace(&format!("{}/", dir.path().display()), ""),
    };
    expect.assert_eq(&shown);
}

#[track_caller]
fn check(yaml: &str, expect: Expect) {
    check_files(&[("a.yml", yaml)], expect);
}

#[test]
fn a_prometheus_file_is_taken_as_it_is() {
    check(
        "global: {scrape_interval: 15s, external_labels: {dc: seoul}}\n\
         rule_files: [a.rules]\n\
         scrape_configs: [{job_name: a, static_configs: [{targets: ['localhost:9100']}]}]\n\
         remote_write: [{url: 'http://centre/api/v1/push'}]\n",
        expect![[r#"1 scrape jobs, 1 remote_write, not acted on by the agent: rule_files; jobs: ["a"]"#]],
    );
    check("exporters: {node: {disable: [arp]}}", expect![[r#"1 scrape jobs, 0 remote_write; jobs: ["node"]"#]]);
}

#[test]
fn a_section_without_content_is_empty() {
    check(
        "global:\nscrape_configs:\nscrape_config_files: null\nremote_write: ~\nexporters:\nrule_files:\n",
        expect!["0 scrape jobs, 0 remote_write; jobs: []"],
    );
    check(
        "global:\n  external_labels:\nscrape_configs:\n- job_name: a\n  static_configs:\n  params:\n",
        expect![[r#"1 scrape jobs, 0 remote_write; jobs: ["a"]"#]],
    );
    check(
        "remote_write:\n- url: http://a\n  headers:\n  tls_config:\n  queue_config:\n",
        expect!["0 scrape jobs, 1 remote_write; jobs: []"],
    );
    check("scrape_configs:\n  -\n", expect!["a.yml: empty or null scrape config section"]);
    check("remote_write: [~]", expect!["a.yml: empty or null remote write config section"]);
}

#[test]
fn faults_are_told_with_their_place() {
    check("scrape_configs:\n  - job_nam: a\n", expect!["a.yml:2:5: unknown field `job_nam`; did you mean `job_name`?"]);
    check(
        "scrape_configs: [{job_name: a}, {job_name: a}]",
        expect![[r#"a.yml: found multiple scrape configs with job name "a""#]],
    );
    check("scrape_configs: {job_name: a}", expect!["a.yml:1:17: expected a list, such as [a, b]"]);
    check(
        "global: {scrape_interval: fast}",
        expect![[
            r#"a.yml:1:27: not a valid duration: "fast"; expected numbers with the units y, w, d, h, m, s, ms in this order, such as 1h30m"#
        ]],
    );
    check(
        "exporters: {node: {disable: [nope]}}",
        expect![[
            r#"a.yml: exporters.node.disable: no collector is named "nope"; there are arp, conntrack, cpu, cpufreq, diskstats, dmi, entropy, filefd, filesystem, loadavg, meminfo, netclass, netdev, netstat, os, pressure, schedstat, sockstat, softnet, stat, textfile, thermal_zone, time, timex, uname, vmstat"#
        ]],
    );
    check(
        "scrape_configs: [{job_name: node}]\nexporters: {node: {}}",
        expect![[r#"a.yml: found multiple scrape configs with job name "node""#]],
    );
    check("remote_write: [{url: ''}]", expect![[r#"a.yml: remote_write "": url is empty"#]]);
    check(
        "remote_write: [{url: 'http://a', tls_config: {key: k}}]",
        expect![[
            r#"a.yml: remote_write "http://a": exactly one of cert or cert_file must be configured when a client key is configured"#
        ]],
    );
}

#[test]
fn jobs_come_from_files_too() {
    let main = "scrape_config_files: [jobs/*.yml, more.yml, none.yml]\nscrape_configs: [{job_name: a}]";
    let c = ("jobs/c.yml", "scrape_configs: [{job_name: c}]");
    check_files(
        &[("a.yml", main), c, ("jobs/b.yml", "scrape_configs: [{job_name: b}]"), ("more.yml", "scrape_configs:\n")],
        expect![[r#"3 scrape jobs, 0 remote_write; jobs: ["a", "b", "c"]"#]],
    );
    check_files(
        &[("a.yml", main), c, ("more.yml", "scrape_configs: [{job_name: c}]")],
        expect![[r#"more.yml: found multiple scrape configs with job name "c", first found in "jobs/c.yml""#]],
    );
    check_files(
        &[("a.yml", main), ("more.yml", "scrape_configs: [{job_name: a}]")],
        expect![[r#"more.yml: found multiple scrape configs with job name "a", first found in "a.yml""#]],
    );
    check_files(
        &[("a.yml", main), ("more.yml", "scrape_configs:\n- job_name: b\n  interval: 5s")],
        expect!["more.yml:3:3: unknown field `interval`; did you mean `scrape_interval`?"],
    );
    check_files(
        &[("a.yml", main), ("more.yml", "scrape_configs: [{job_name: b, scheme: h, scrape_timeout: 2m}]")],
        expect![[r#"more.yml: scrape config with job name "b": scrape timeout greater than scrape interval"#]],
    );
    check(
        "scrape_config_files: ['*/a.yml']",
        expect![[r#"a.yml: invalid scrape config file path "*/a.yml"; a * may be in its last element only"#]],
    );
}

#[test]
fn files_of_a_job_are_relative_to_the_file_that_names_them() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("jobs")).unwrap();
    std::fs::write(dir.path().join("jobs/token"), "x").unwrap();
    let job = "scrape_configs: [{job_name: b, bearer_token_file: token}]";
    std::fs::write(dir.path().join("jobs/b.yml"), job).unwrap();
    std::fs::write(dir.path().join("a.yml"), "scrape_config_files: ['jobs/*']").unwrap();
    // The token is no scrape config file.
    let error = Config::load(&dir.path().join("a.yml")).unwrap_err().to_string();
    assert!(error.contains("jobs/token:1:1: "), "{error}");
    std::fs::write(dir.path().join("a.yml"), "scrape_config_files: ['jobs/*.yml']").unwrap();
    let config = Config::load(&dir.path().join("a.yml")).unwrap();
    let headers = config.jobs[0].http.request_headers().unwrap();
    assert_eq!(headers, [("authorization".to_owned(), "Bearer x".to_owned())]);
}

#[test]
fn any_instance_name_and_only_real_urls() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.yml");
    std::fs::write(&path, "exporters: {node: {instance: \"서울\\u0301\\t'x'\"}}").unwrap();
    let config = Config::load(&path).unwrap();
    let labels = &config.jobs[0].static_groups[0].labels;
    assert_eq!(labels["instance"], "서울\u{301}\t'x'");
    let error = config.with_remote_write("centre:9009").unwrap_err().to_string();
    assert_eq!(error, r#"remote write URL: "centre:9009" does not start with http:// or https://"#);
    assert!(Config::for_this_host("http://centre/push").unwrap().with_remote_write("http://centre/push").is_err());
}
