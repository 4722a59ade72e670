//! Whole queries: data in, a question, the expected text.

mod metricsql;

use bongsu_model::STALE_NAN;

use crate::testing::{GAP, Table, parse};
use crate::{Engine, EngineOptions, QueryContext, QueryErrorKind, Value};

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
fn nesting_as_deep_as_the_parser_allows_is_no_problem() {
    let table = Table::default().with("x", MINUTE, [2.0]);
    let depth = 120;
    for (open, close, result) in
        [("abs(", ")", "2"), ("sum(", ")", "2"), ("1 * (", ")", "2"), ("-(", ")", "2"), ("(", ")", "2")]
    {
        let query = format!("sum({}x{})", open.repeat(depth), close.repeat(depth));
        assert_eq!(table.ask(&query, 0), format!("{{}} {result}"), "{open}");
    }
    let subqueries = format!("{}x{}", "max_over_time(".repeat(depth), "[5m:1m])".repeat(depth));
    assert_eq!(table.ask(&subqueries, 0), "{} 2");
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

#[test]
fn classic_histograms_give_quantiles_and_fractions() {
    let mut table = Table::default();
    for (bound, slope) in [("0.1", 1.0), ("0.2", 3.0), ("+Inf", 4.0)] {
        for instance in ["a", "b"] {
            let labels = format!("latency_seconds_bucket,instance={instance},le={bound}");
            table = table.with(&labels, MINUTE, (0..=10).map(|at| slope * f64::from(at) * 60.0));
        }
    }
    let query = "histogram_quantile(0.5, sum by (le) (rate(latency_seconds_bucket[5m])))";
    assert_eq!(table.ask(query, 10 * MINUTE), "{} 0.15000000000000002");
    assert_eq!(
        table.ask("histogram_fraction(0, 0.2, latency_seconds_bucket{instance='a'})", 10 * MINUTE),
        "{instance=\"a\"} 0.75"
    );
    assert_eq!(
        table.ask("histogram_quantile(2, latency_seconds_bucket{instance='a'})", 10 * MINUTE),
        "{instance=\"a\"} +Inf\nPromQL warning: quantile value should be between 0 and 1, got 2 (1:20)"
    );
}

#[test]
fn top_series_come_in_order_and_nan_comes_last() {
    let table =
        Table::default().with("x,l=a", MINUTE, [1.0]).with("x,l=b", MINUTE, [f64::NAN]).with("x,l=c", MINUTE, [3.0]);
    assert_eq!(table.ask("topk(2, x)", 0), "x{l=\"c\"} 3\nx{l=\"a\"} 1");
    assert_eq!(table.ask("bottomk(3, x)", 0), "x{l=\"a\"} 1\nx{l=\"c\"} 3\nx{l=\"b\"} NaN");
    assert_eq!(table.ask("quantile(0.5, x)", 0), "{} 1");
    assert_eq!(table.ask("count_values('v', x)", 0), "{v=\"1\"} 1\n{v=\"NaN\"} 1\n{v=\"3\"} 1");
    assert_eq!(table.ask("topk(NaN, x)", 0), "error: Parameter value is NaN");
}

#[test]
fn names_go_at_once_or_at_the_end() {
    let table = Table::default().with("a_total,l=x", MINUTE, [1.0, 2.0]).with("b_total,l=x", MINUTE, [1.0, 3.0]);
    let query = "sum by (__name__) (rate({__name__=~'.+_total'}[2m]))";
    let error = "error: vector cannot contain metrics with the same labelset";
    assert_eq!(table.ask(query, MINUTE), error);
    let delayed = EngineOptions { delayed_name_removal: true, ..EngineOptions::default() };
    let engine = Engine::new(delayed).unwrap();
    let run = |query| engine.instant(&parse(query), MINUTE, &table, &QueryContext::default());
    // The groups are told apart by the name and then lose it.
    assert_eq!(run(query).unwrap_err().to_string(), error.trim_start_matches("error: "));
    let kept =
        run("label_replace(rate({__name__=~'.+_total'}[2m]), '__name__', '$1', '__name__', '(.+)_total')").unwrap();
    let Value::Vector(samples) = kept.value else { panic!("not a vector") };
    let labels: Vec<String> = samples.iter().map(|sample| sample.labels.to_string()).collect();
    assert_eq!(labels, ["a{l=\"x\"}", "b{l=\"x\"}"]);
}

#[test]
fn missing_partners_are_filled_in() {
    let table = Table::default().with("a,l=x", MINUTE, [1.0]).with("a,l=y", MINUTE, [2.0]).with("b,l=y", MINUTE, [5.0]);
    assert_eq!(table.ask("a + fill(10) b", 0), "{l=\"x\"} 11\n{l=\"y\"} 7");
    assert_eq!(table.ask("b - fill_left(1) a", 0), "{l=\"y\"} 3\n{l=\"x\"} 0");
}

#[test]
fn bounds_are_kept() {
    let table = counters();
    let limited = |samples_max| QueryContext { samples_max: Some(samples_max), ..QueryContext::default() };
    let engine = crate::testing::engine();
    let ask = |query, context: &QueryContext| engine.range(&parse(query), 0, 60 * MINUTE, MINUTE, &table, context);
    // Three series of 61 points each.
    assert!(ask("requests_total", &limited(183)).is_ok());
    let error = ask("requests_total", &limited(182)).unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Limit);
    assert_eq!(error.to_string(), "query processing would load too many samples into memory in query execution");
    let few_series = QueryContext { series_max: Some(2), ..QueryContext::default() };
    assert_eq!(ask("requests_total", &few_series).unwrap_err().kind, QueryErrorKind::Limit);
    let canceled = QueryContext::default();
    canceled.cancel.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(ask("requests_total", &canceled).unwrap_err().kind, QueryErrorKind::Canceled);
    let late = QueryContext { deadline: Some(std::time::Instant::now()), ..QueryContext::default() };
    assert_eq!(ask("sum(requests_total)", &late).unwrap_err().kind, QueryErrorKind::Timeout);
    // As in Prometheus: 11,000 steps make 11,001 points.
    let points = engine.range(&parse("1"), 0, 11_000, 1, &table, &QueryContext::default()).unwrap();
    let Value::Matrix(points) = points.value else { panic!("not a matrix") };
    assert_eq!(points[0].values.len(), 11_001);
    let steps = engine.range(&parse("1"), 0, 11_001, 1, &table, &QueryContext::default()).unwrap_err();
    assert_eq!(steps.kind, QueryErrorKind::BadData);
    assert_eq!(
        steps.to_string(),
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
    );
    let endless = engine.range(&parse("1"), i64::MIN, i64::MAX, 1, &table, &QueryContext::default()).unwrap_err();
    assert_eq!(endless.kind, QueryErrorKind::BadData);
    let fine = engine.instant(&parse("sum_over_time(vector(1)[1y:1ms])"), 0, &table, &QueryContext::default());
    assert_eq!(fine.unwrap_err().kind, QueryErrorKind::Limit);
}

#[test]
fn nested_subqueries_keep_the_deadline() {
    let query = parse("sum_over_time(sum_over_time(vector(1)[300d:1m])[300d:1m])");
    // Far less than the tens of billions of additions would take.
    let deadline = Some(std::time::Instant::now() + std::time::Duration::from_millis(50));
    let context = QueryContext { deadline, ..QueryContext::default() };
    let error = crate::testing::engine().instant(&query, 0, &Table::default(), &context).unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Timeout);
}

#[test]
fn scalars_are_memory_too() {
    let engine = crate::testing::engine();
    let context = QueryContext { samples_max: Some(100), ..QueryContext::default() };
    let ask = |query| engine.range(&parse(query), 0, 60 * MINUTE, MINUTE, &Table::default(), &context);
    // Columns of 61 cells: one fits, two at one time do not.
    for query in ["1", "time()", "scalar(x)", "-time()", "vector(time())", "clamp_min(x, time())"] {
        assert!(ask(query).is_ok(), "{query}");
    }
    for query in [
        "time() + time()",
        "max_of(time(), 1)",
        "x + (time() - (time()))",
        "clamp(x, 1, time())",
        "double_exponential_smoothing(x[5m], 0.1, 0.2)",
        "vector(1) * time()",
    ] {
        assert_eq!(ask(query).unwrap_err().kind, QueryErrorKind::Limit, "{query}");
    }
}

#[test]
fn labels_that_are_made_are_not_endless() {
    let long = "v".repeat(1_000);
    let table = Table::default().with(&format!("x,l={long}"), MINUTE, [1.0]);
    let eight = "$1".repeat(8);
    let replace = |expr: &str| format!("label_replace({expr}, 'l', '{eight}', 'l', '(.*)')");
    let twice = replace(&replace("x"));
    assert!(table.instant(&twice, 0).is_ok());
    assert_eq!(
        table.ask(&format!("label_join({}, 'big', '-', 'l', 'l')", replace(&replace("x"))), 0),
        "error: label_join() makes a value of 128001 bytes for label \"big\"; at most 65536 bytes are allowed"
    );
    let error = table.instant(&replace(&twice), 0).unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Limit);
    assert_eq!(
        error.message,
        "label_replace() makes a value of 512000 bytes for label \"l\"; at most 65536 bytes are allowed"
    );
    let context = QueryContext { samples_max: Some(1_000), ..QueryContext::default() };
    let ask = |query: &str| crate::testing::engine().instant(&parse(query), 0, &table, &context);
    assert!(ask(&replace("x")).is_ok());
    assert_eq!(ask(&twice).unwrap_err().kind, QueryErrorKind::Limit);
}

#[test]
fn series_that_a_lost_name_told_apart_are_refused_in_aggregations_too() {
    let table = Table::default().with("m_a,l=x", MINUTE, [1.0, 2.0]).with("m_b,l=x", MINUTE, [1.0, 3.0]);
    let error = "error: vector cannot contain metrics with the same labelset";
    for query in [
        "sum(-{__name__=~'m_.*'})",
        "avg(abs({__name__=~'m_.*'}))",
        "count({__name__=~'m_.*'} * 2)",
        "min(2 >bool {l='x'})",
        "max(timestamp({l='x'}))",
        "sum(-last_over_time({l='x'}[5m]))",
        "sum(clamp_max(+({l='x'} > 0), 1))",
    ] {
        assert_eq!(table.ask(query, 0), error, "{query}");
    }
    // These keep the names.
    for query in ["sum({l='x'})", "sum(+({l='x'} > 0))", "sum(2 > {l='x'})", "sum(last_over_time({l='x'}[5m]))"] {
        assert_eq!(table.ask(query, 0), "{} 2", "{query}");
    }
    assert_eq!(table.ask("sum(-m_a)", 0), "{} -1");
}

#[test]
fn types_and_units_go_with_the_name() {
    let table = Table::default()
        .with("m,__type__=counter,l=x", MINUTE, [1.0, 2.0])
        .with("m,__type__=gauge,l=x", MINUTE, [4.0, GAP])
        .with("m,__type__=gauge,l=y", MINUTE, [GAP, 16.0]);
    let error = "error: vector cannot contain metrics with the same labelset";
    assert_eq!(table.ask("sum(-m)", 0), error);
    assert_eq!(table.ask("sum(-m{__type__='gauge'})", 0), "{} -4");
    assert_eq!(table.ask("sum(m)", 0), "{} 5");
    // Series of different types that differ in more than that are summed.
    assert_eq!(table.ask("sum(-m{l='y'} or -m{__type__='counter'})", MINUTE), "{} -18");
    assert_eq!(table.ask("sum by (l) (count_over_time(m[30s]))", MINUTE), "{l=\"x\"} 1\n{l=\"y\"} 1");
}

#[test]
fn results_come_in_the_order_of_the_many_side() {
    let mut table = Table::default();
    for (pod, node, value) in [("a", "1", 1.0), ("b", "2", 5.0), ("c", "1", 9.0), ("d", "2", 3.0)] {
        table = table.with(&format!("up,pod={pod},node={node}"), MINUTE, [value]);
    }
    let table = table.with("node_info,node=1", MINUTE, [1.0]).with("node_info,node=2", MINUTE, [1.0]);
    let sorted = "{node=\"1\", pod=\"c\"} 9\n{node=\"2\", pod=\"b\"} 5\n{node=\"2\", pod=\"d\"} 3\n\
                  {node=\"1\", pod=\"a\"} 1";
    assert_eq!(table.ask("sort_desc(up) * on (node) group_left () node_info", 0), sorted);
    assert_eq!(table.ask("node_info * on (node) group_right () sort_desc(up)", 0), sorted);
}

#[test]
fn of_equal_samples_those_stay_that_prometheus_keeps() {
    let table = Table::default()
        .with("x,l=a", MINUTE, [7.0])
        .with("x,l=b", MINUTE, [7.0])
        .with("x,l=c", MINUTE, [1.0])
        .with("x,l=d", MINUTE, [7.0]);
    // The first of the equal ones is the root of the heap, which gives way.
    assert_eq!(table.ask("bottomk(2, x)", 0), "x{l=\"c\"} 1\nx{l=\"b\"} 7");
    assert_eq!(table.ask("topk(2, x)", 0), "x{l=\"a\"} 7\nx{l=\"b\"} 7");
    assert_eq!(table.ask("topk(2, -x)", 0), "{l=\"c\"} -1\n{l=\"b\"} -7");
    assert_eq!(table.ask("limitk(2, x)", 0), "x{l=\"a\"} 7\nx{l=\"b\"} 7");
}

#[test]
fn memory_is_given_back_when_a_part_is_done() {
    let table = counters();
    let output = table.range("sum(requests_total) + sum(requests_total)", 0, 60 * MINUTE, MINUTE).unwrap();
    // One group of 61 cells, and the three series of one batch beside it.
    assert!(output.stats.points_peak <= 61 * 8, "{:?}", output.stats);
    assert_eq!((output.stats.series_read, output.stats.samples_read), (6, 6 * 61));
}

#[test]
fn batches_add_up_the_same_on_any_number_of_threads() {
    let mut table = Table::default();
    for at in 0..2_000_u32 {
        let values = (0..5).map(move |step| f64::from(at) * 0.1 + f64::from(step) / 3.0);
        table = table.with(&format!("x,l={at:04},g={}", at % 7), MINUTE, values);
    }
    let ask = |threads| {
        let engine = Engine::new(EngineOptions { threads, ..EngineOptions::default() }).unwrap();
        let query =
            parse("{__name__='x'} * 0 + on(g) group_left() (avg by (g) (x) + sum by (g) (x) + stddev by (g) (x))");
        engine.range(&query, 0, 4 * MINUTE, MINUTE, &table, &QueryContext::default()).unwrap().value
    };
    assert_eq!(ask(1), ask(3));
}

#[test]
fn info_series_lend_their_labels_to_their_target() {
    let table = Table::default()
        .with("up_seconds,instance=a,job=j", MINUTE, [1.0, 2.0, 3.0])
        .with("up_seconds,instance=b,job=j", MINUTE, [5.0, 6.0, 7.0])
        .with("target_info,instance=a,job=j,version=1,zone=x", MINUTE, [1.0, 1.0, GAP])
        .with("target_info,instance=a,job=j,version=2,zone=x", MINUTE, [GAP, GAP, 1.0]);
    // From the third minute on both versions are fresh; the newer one counts.
    assert_eq!(
        table.ask_range("info(up_seconds)", 0, 2 * MINUTE, MINUTE),
        "up_seconds{instance=\"a\", job=\"j\", version=\"1\", zone=\"x\"} 1@0 2@60\n\
         up_seconds{instance=\"a\", job=\"j\", version=\"2\", zone=\"x\"} 3@120\n\
         up_seconds{instance=\"b\", job=\"j\"} 5@0 6@60 7@120"
    );
    assert_eq!(
        table.ask("info(up_seconds, {version=~'.+'})", 0),
        "up_seconds{instance=\"a\", job=\"j\", version=\"1\"} 1"
    );
}

#[test]
fn label_replace_reads_the_dialect_of_go() {
    let table = Table::default().with("x,path=/api/{id},name=한글", MINUTE, [1.0]);
    assert_eq!(
        table.ask(r#"label_replace(x, "d", "$part", "path", "/(?P<part>\\w+)/{id}")"#, 0),
        "x{d=\"api\", name=\"한글\", path=\"/api/{id}\"} 1"
    );
    assert_eq!(
        table.ask(r#"label_replace(x, "d", "$0", "name", "\\w+")"#, 0),
        "x{name=\"한글\", path=\"/api/{id}\"} 1"
    );
    assert_eq!(
        table.ask(r#"label_replace(x, "d", "$0", "name", "(?x)a")"#, 0),
        "error: invalid regular expression in label_replace(): (?x)a"
    );
}

#[test]
fn series_that_meet_without_their_names_are_joined_or_refused() {
    // a is there at first and b later, so that at no step there are two.
    let stale = bongsu_model::STALE_NAN;
    let table =
        Table::default().with("a,job=x", MINUTE, [1.0, stale, GAP, GAP]).with("b,job=x", MINUTE, [GAP, GAP, 2.0, 3.0]);
    let ask = |query: &str| table.ask_range(query, 0, 3 * MINUTE, MINUTE);
    let joined = "{job=\"x\"} 1@0 2@120 3@180";
    assert_eq!(ask("abs({job=\"x\"})"), joined);
    assert_eq!(ask("sum by (job) (abs(a or b))"), joined);
    let negative = "{job=\"x\"} -1@0 -2@120 -3@180";
    for query in ["-abs({job=\"x\"})", "-{job=\"x\"}", "-(a or b)", "-abs(-{job=\"x\"})"] {
        assert_eq!(ask(query), negative, "{query}");
    }
    let refused = "error: vector cannot contain metrics with the same labelset";
    for query in
        ["max_over_time({job=\"x\"}[30s])", "max_over_time((a or b)[90s:30s])", "sum(max_over_time({job=\"x\"}[30s]))"]
    {
        assert_eq!(ask(query), refused, "{query}");
    }
}

#[test]
fn count_values_without_its_own_label_counts_all_values() {
    let series = [("a", 1.0), ("b", 1.0), ("c", 2.0)];
    let table = series.iter().fold(Table::default(), |table, (instance, value)| {
        table.with(&format!("m,instance={instance},job=x,v=old"), MINUTE, [*value])
    });
    assert_eq!(table.ask("count_values without (instance, v) (\"v\", m)", 0), "{job=\"x\"} 3");
    assert_eq!(
        table.ask("count_values without (instance) (\"v\", m)", 0),
        "{job=\"x\", v=\"1\"} 2\n{job=\"x\", v=\"2\"} 1"
    );
}
