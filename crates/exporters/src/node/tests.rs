//! The whole exporter on a small host kept in `tests/data`, and on broken ones.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use bongsu_model::{Clock, ManualClock, MetricType, format_float};
use expect_test::{expect, expect_file};
use proptest::prelude::*;

use super::{NodeExporter, Options, OptionsError};
use crate::{Exporter, Family};

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// The host in `tests/data`, without the collectors that ask the running kernel.
fn options() -> Options {
    let mut options = Options {
        procfs: data().join("proc"),
        sysfs: data().join("sys"),
        rootfs: data().join("root"),
        udev_data: data().join("udev"),
        ..Options::default()
    };
    for name in ["filesystem", "timex", "uname"] {
        options.set_enabled(name, false).expect("a collector");
    }
    options
}

fn collect(options: &Options) -> Vec<Family> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(1_795_293_077_250));
    let mut families = Vec::new();
    NodeExporter::new(options, &clock).expect("patterns").collect(&mut families);
    families
}

/// One line a family and a sample, without what the machine of the test decides.
fn text(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families {
        if ["node_scrape_collector_duration_seconds", "node_time_zone_offset_seconds", "node_exporter_build_info"]
            .contains(&&*family.name)
        {
            continue;
        }
        let kind = if family.metric_type == MetricType::Unknown { "untyped" } else { family.metric_type.as_str() };
        writeln!(text, "{} ({kind}): {}", family.name, family.help).expect("memory");
        for (labels, value) in &family.samples {
            writeln!(text, "  {labels} {}", format_float(*value)).expect("memory");
        }
    }
    text
}

fn success(families: &[Family], collector: &str) -> Option<f64> {
    let family = families.iter().find(|family| family.name == "node_scrape_collector_success")?;
    family.samples.iter().find(|(labels, _)| labels.get("collector") == Some(collector)).map(|(_, value)| *value)
}

#[test]
fn tells_all_of_a_small_host() {
    let families = collect(&options());
    expect_file![data().join("families.txt")].assert_eq(&text(&families));
}

#[test]
fn a_broken_file_fails_its_collector_only() {
    let proc = tempfile::tempdir().expect("a directory");
    std::fs::write(proc.path().join("meminfo"), "MemTotal: many kB\n").expect("written");
    std::fs::write(proc.path().join("loadavg"), "1 2 3 1/719 19737\n").expect("written");
    let families = collect(&Options { procfs: proc.path().to_owned(), ..options() });
    assert_eq!(success(&families, "meminfo"), Some(0.0));
    assert_eq!(success(&families, "stat"), Some(0.0));
    assert_eq!(success(&families, "loadavg"), Some(1.0));
    assert!(families.iter().any(|family| family.name == "node_load15"));
}

#[test]
fn collectors_are_chosen_by_name() {
    let mut options = options();
    options.enabled.clear();
    options.set_enabled("loadavg", true).expect("a collector");
    let families = collect(&options);
    assert_eq!((success(&families, "loadavg"), success(&families, "stat")), (Some(1.0), None));

    let error = options.set_enabled("load", true).expect_err("no such collector");
    assert!(error.to_string().starts_with("no collector is named \"load\"; there are arp, conntrack, cpu,"), "{error}");
}

#[test]
fn a_wrong_pattern_is_refused_by_the_name_of_its_option() {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(0));
    let error = NodeExporter::new(&Options { vmstat_fields: "(".to_owned(), ..options() }, &clock).err();
    expect!["vmstat_fields is not a regular expression"]
        .assert_eq(&error.as_ref().map_or(String::new(), OptionsError::to_string));
}

proptest! {
    // Each case writes a tree of files.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever stands in the files, a collection ends without a panic.
    #[test]
    fn no_text_panics(text in "([a-z0-9_:=(). \t%-]{0,12}[ :\n]){0,30}") {
        let proc = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(proc.path().join("net/stat")).expect("made");
        std::fs::create_dir_all(proc.path().join("pressure")).expect("made");
        for file in [
            "stat", "meminfo", "loadavg", "diskstats", "vmstat", "schedstat", "mounts", "net/dev", "net/arp",
            "net/netstat", "net/snmp", "net/snmp6", "net/sockstat", "net/softnet_stat", "pressure/cpu",
        ] {
            std::fs::write(proc.path().join(file), &text).expect("written");
        }
        let families = collect(&Options { procfs: proc.path().to_owned(), ..options() });
        prop_assert!(success(&families, "loadavg").is_some());
    }
}
