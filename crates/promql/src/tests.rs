//! Whole queries: data in, a question, the expected text.

use bongsu_model::STALE_NAN;

use crate::testing::{GAP, Table};

const MINUTE: i64 = 60_000;

fn counters() -> Table {
    let line = |slope: f64| (0..=60).map(move |at| slope * f64::from(at));
    Table::default()
        .with("requests_total,job=api,instance=0", MINUTE, line(60.0))
        .with("requests_total,job=api,instance=1", MINUTE, line(120.0))
        .with("requests_total,job=app,instance=0", MINUTE, line(180.0))
}

#[test]
fn rates_of_counters_are_summed_by_job() {
    let table = counters();
    assert_eq!(table.ask("sum by (job) (rate(requests_total[5m]))", 30 * MINUTE), "{job=\"api\"} 3\n{job=\"app\"} 3");
    assert_eq!(
        table.ask_range("sum(rate(requests_total[5m])) * 2", 10 * MINUTE, 12 * MINUTE, MINUTE),
        "{} 12@600 12@660 12@720"
    );
}

#[test]
fn ranges_are_open_on_the_left_and_stale_markers_end_a_series() {
    let table = Table::default().with("x", MINUTE, [1.0, 2.0, STALE_NAN, GAP, 5.0]);
    assert_eq!(table.ask("count_over_time(x[1m])", MINUTE), "{} 1");
    assert_eq!(table.ask_range("x", 0, 10 * MINUTE, 2 * MINUTE), "x 1@0 5@240 5@360 5@480");
    assert_eq!(table.ask("x", 4 * MINUTE + 5 * MINUTE), "");
    assert_eq!(table.ask("timestamp(x)", 2 * MINUTE - 1), "{} 60");
}

#[test]
fn a_rate_of_a_gauge_is_remarked_upon() {
    let table = Table::default().with("temperature", MINUTE, [1.0, 2.0, 4.0]);
    assert_eq!(
        table.ask("rate(temperature[5m])", 2 * MINUTE),
        "{} 0.0125\nPromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \
         \"temperature\" (1:6)"
    );
}

#[test]
fn many_to_many_matches_are_refused_in_the_words_of_prometheus() {
    let table = Table::default().with("a", MINUTE, [1.0]).with("b,l=x", MINUTE, [1.0]).with("b,l=y", MINUTE, [2.0]);
    assert_eq!(
        table.ask("a + on() b", 0),
        "error: found duplicate series for the match group {} on the right hand-side of the operation: \
         [{__name__=\"b\", l=\"x\"}, {__name__=\"b\", l=\"y\"}];many-to-many matching not allowed: matching labels must \
         be unique on one side"
    );
    assert_eq!(
        table.ask("b + on() a", 0),
        "error: multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
    );
    assert_eq!(table.ask("b + on() group_left a", 0), "{l=\"x\"} 2\n{l=\"y\"} 3");
}

#[test]
fn partners_may_take_turns_over_time() {
    let table = Table::default()
        .with("up,pod=a", 10 * MINUTE, [1.0, 2.0, GAP, GAP])
        .with("info,pod=a,node=n1", 10 * MINUTE, [1.0, GAP, GAP, GAP])
        .with("info,pod=a,node=n2", 10 * MINUTE, [GAP, 1.0, GAP, GAP]);
    assert_eq!(
        table.ask_range("up * on(pod) group_left(node) info", 0, 10 * MINUTE, 10 * MINUTE),
        "{node=\"n1\", pod=\"a\"} 1@0\n{node=\"n2\", pod=\"a\"} 2@600"
    );
}

#[test]
fn a_sum_of_twenty_thousand_terms_needs_no_deep_stack() {
    let query = format!("x{}", " + x".repeat(20_000));
    let table = Table::default().with("x", MINUTE, [1.0]);
    assert_eq!(table.ask(&query, 0), "{} 20001");
}

#[test]
fn fixed_times_and_subqueries() {
    let table = counters();
    // 600 s: 1800; subquery at 60, 120 and 180 s: 360 + 720 + 1080.
    let query = "sum(requests_total{job='app'} @ 600) + sum_over_time(sum(requests_total)[3m:1m] @ 180)";
    assert_eq!(table.ask_range(query, 0, 2 * MINUTE, MINUTE), "{} 3960@0 3960@60 3960@120");
    assert_eq!(
        table.ask("max_over_time(requests_total{job='app'}[2m:1m])", 5 * MINUTE),
        "{instance=\"0\", job=\"app\"} 900"
    );
}
