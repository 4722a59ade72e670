//! Retention of single tenants and of single series: what is due is hidden at once, and leaves the disk with a merge.

#![allow(clippy::unwrap_used, reason = "a panic in a test is the failure message")]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

use bongsu_model::Matcher;
use bongsu_tsdb::{Options, RejectReason, RetentionRule, TenantRetention};
use common::{HOUR_MS, START_MS, TestStore, labels, tenant};

const DAY_MS: i64 = 24 * HOUR_MS;

fn two_days_of_debug(options: &mut Options) {
    options.retention_ms = 30 * DAY_MS;
    options.retention_rules = vec![
        RetentionRule { matchers: vec![Matcher::equal("job", "debug")], keep_ms: 2 * DAY_MS },
        RetentionRule { matchers: vec![Matcher::equal("job", "gold")], keep_ms: 90 * DAY_MS },
    ];
}

fn names(store: &TestStore) -> String {
    let all = vec![vec![Matcher::equal("__name__", "m")]];
    let listed = store.reader(&tenant("a")).series(&all, i64::MIN, i64::MAX, 10).unwrap();
    listed.iter().filter_map(|labels| labels.get("job")).collect::<Vec<_>>().join(" ")
}

#[test]
fn series_of_a_rule_are_hidden_when_due_and_leave_their_block_with_the_next_merge() {
    let mut store = TestStore::with(two_days_of_debug);
    for job in ["debug", "gold", "node"] {
        store.put(&format!("m job={job}"), &[(START_MS, 1.0), (START_MS + HOUR_MS, 2.0)]);
    }
    store.clock.advance_ms(2 * DAY_MS);
    store.flush().unwrap();
    store.merge().unwrap();
    assert_eq!((store.get("m job=debug"), store.stats().block_samples), ("0:1 3600000:2".into(), 6));

    store.clock.advance_ms(1);
    assert_eq!(store.get("m job=debug"), "3600000:2", "the first one is due");
    store.clock.advance_ms(HOUR_MS);
    assert_eq!((store.get("m job=debug"), names(&store)), (String::new(), "gold node".into()));
    assert_eq!(store.merge().unwrap(), 0, "no sample is newer: the clock may be wrong");
    store.put("m job=node", &[(START_MS + 2 * DAY_MS, 3.0)]);
    assert_eq!(store.merge().unwrap(), 1);
    assert_eq!((store.stats().blocks, store.stats().block_samples), (1, 4));
    assert_eq!(store.merge().unwrap(), 0, "once is enough");
    store.kill_and_reopen();
    assert_eq!((store.merge().unwrap(), names(&store)), (0, "gold node".into()));

    store.clock.advance_ms(30 * DAY_MS);
    store.put("m job=gold", &[(START_MS + 32 * DAY_MS, 3.0)]);
    assert_eq!(store.enforce_retention().unwrap(), 0, "the block has gold");
    store.flush().unwrap();
    assert!(store.merge().unwrap() > 0);
    assert_eq!((store.stats().block_samples, names(&store)), (3, "gold".into()));
}

#[test]
fn samples_past_the_time_of_their_rule_are_refused_by_name() {
    let store = TestStore::with(two_days_of_debug);
    let old_ms = START_MS - 3 * DAY_MS;
    let request = [(labels("m job=debug"), vec![(old_ms, 1.0)]), (labels("m job=node"), vec![(old_ms, 2.0)])];
    let written = store.write("a", &request).unwrap();
    let rejected = written.rejected.unwrap();
    assert_eq!((written.samples, rejected.count, rejected.reason), (1, 1, RejectReason::SampleTooOld));
    assert_eq!(rejected.series, r#"m{job="debug"}"#);
    assert_eq!(names(&store), "node");
}

#[test]
fn tenants_have_their_own_time_and_size() {
    let store = TestStore::with(|options| {
        options.retention_ms = 30 * DAY_MS;
        let short = TenantRetention { retention_ms: Some(5 * DAY_MS), ..TenantRetention::default() };
        let small = TenantRetention { retention_bytes: Some(1), ..TenantRetention::default() };
        options.tenant_retention = [(tenant("short"), short), (tenant("small"), small)].into();
    });
    for name in ["a", "short", "small"] {
        store.write(name, &[(labels("m"), vec![(START_MS, 1.0)])]).unwrap().wait().unwrap();
    }
    store.clock.advance_ms(6 * DAY_MS);
    store.put("m", &[(START_MS + 6 * DAY_MS, 2.0)]);
    let samples =
        |name| store.select(name, &[], i64::MIN, i64::MAX).unwrap().iter().map(|(_, s)| s.len()).sum::<usize>();
    assert_eq!([samples("a"), samples("short"), samples("small")], [2, 0, 1]);
    store.flush().unwrap();
    assert_eq!(store.enforce_retention().unwrap(), 2, "one for its age, one for its size");
    assert_eq!([samples("a"), samples("short"), samples("small")], [2, 0, 0]);
    let error = store.write("short", &[(labels("m"), vec![(START_MS, 1.0)])]).unwrap().rejected.unwrap();
    assert_eq!(error.reason, RejectReason::SampleTooOld);
}

/// What a store may have after its next start.
static BYTES_MAX: AtomicU64 = AtomicU64::new(u64::MAX);

#[test]
fn beyond_the_size_a_value_that_was_overwritten_goes_before_the_one_in_its_place() {
    let mut store = TestStore::with(|options| {
        options.retention_ms = 30 * DAY_MS;
        options.retention_bytes = Some(BYTES_MAX.load(Ordering::Relaxed));
    });
    let day: Vec<_> = (0..24).map(|hour| (START_MS + hour * HOUR_MS, hour as f64)).collect();
    store.put("m job=a", &day);
    store.clock.advance_ms(2 * DAY_MS);
    store.flush().unwrap();
    store.merge().unwrap();
    store.put("m job=a", &[(START_MS + HOUR_MS, 100.0)]);
    store.flush().unwrap();
    store.put("m job=a", &[(START_MS + 2 * DAY_MS, 200.0)]);
    store.flush().unwrap();
    assert_eq!(store.stats().blocks, 3);

    BYTES_MAX.store(store.stats().block_bytes - 1, Ordering::Relaxed);
    store.kill_and_reopen();
    assert_eq!(store.enforce_retention().unwrap(), 1, "one is enough");
    assert_eq!(store.get("m job=a"), "3600000:100 172800000:200", "the day goes, though it has newer samples");
    BYTES_MAX.store(0, Ordering::Relaxed);
    store.kill_and_reopen();
    assert_eq!((store.enforce_retention().unwrap(), store.get("m job=a")), (2, String::new()));
}
