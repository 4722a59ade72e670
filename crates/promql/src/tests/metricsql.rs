//! MetricsQL's habits: data in, a question, the expected text.

use expect_test::{Expect, expect};

use crate::testing::{GAP, Table};

const MINUTE: i64 = 60_000;

/// Each question with its answer beneath.
fn check(ask: impl Fn(&str) -> String, queries: &[&str], expected: &Expect) {
    let text: String = queries
        .iter()
        .map(|query| {
            let answer = ask(query);
            let lines: String = answer.lines().map(|line| format!("    {line}\n")).collect();
            format!("{query}\n{}", if lines.is_empty() { "    (nothing)\n".to_owned() } else { lines })
        })
        .collect();
    expected.assert_eq(&text);
}

fn gaps() -> Table {
    Table::default()
        .with("x,host=a", MINUTE, [1.0, 2.0, 3.0])
        .with("x,host=b", MINUTE, [10.0, bongsu_model::STALE_NAN, 30.0])
        .with("y,host=a", MINUTE, [7.0, 8.0, 9.0])
        .with("y,host=b", MINUTE, [70.0, 80.0, 90.0])
        .with("y,host=c", MINUTE, [700.0, 800.0, 900.0])
}

#[test]
fn holes_are_filled_and_samples_wanted_or_not() {
    let table = gaps();
    check(
        |query| table.ask_range_metricsql(query, 0),
        &[
            "x default 0",
            "x default y",
            "x default on (host) y offset 1d",
            "none default x",
            "none default 5",
            "x default sum(y)",
            "5 default x",
            "NaN default x",
            "NaN default 5",
            "y if x",
            "y ifnot x",
            "y if sum(x) > 5",
            "x if time() - 60",
            "1 if NaN",
            "1 ifnot NaN",
            "(x + y) default (y * 100) if (y > 70)",
            "none{host='a'} default x",
            "y ifnot x{host='a'}",
            "(none{host='a'} default 1) + sum(x)",
            "(x default 0) * y{host='a'}",
        ],
        &expect![[r#"
            x default 0
                x{host="a"} 1@0 2@60 3@120
                x{host="b"} 10@0 0@60 30@120
            x default y
                x{host="a"} 1@0 2@60 3@120
                x{host="b"} 10@0 80@60 30@120
            x default on (host) y offset 1d
                x{host="a"} 1@0 2@60 3@120
                x{host="b"} 10@0 30@120
            none default x
                x{host="a"} 1@0 2@60 3@120
                x{host="b"} 10@0 30@120
            none default 5
                {} 5@0 5@60 5@120
            x default sum(y)
                x{host="a"} 1@0 2@60 3@120
                x{host="b"} 10@0 888@60 30@120
            5 default x
                {} 5@0 5@60 5@120
            NaN default x
                x{host="a"} 1@0 2@60 3@120
                x{host="b"} 10@0 30@120
            NaN default 5
                {} 5@0 5@60 5@120
            y if x
                y{host="a"} 7@0 8@60 9@120
                y{host="b"} 70@0 90@120
            y ifnot x
                y{host="b"} 80@60
                y{host="c"} 700@0 800@60 900@120
            y if sum(x) > 5
                y{host="a"} 7@0 9@120
                y{host="b"} 70@0 90@120
                y{host="c"} 700@0 900@120
            x if time() - 60
                x{host="a"} 1@0 2@60 3@120
                x{host="b"} 10@0 30@120
            1 if NaN
                {} NaN@0 NaN@60 NaN@120
            1 ifnot NaN
                {} 1@0 1@60 1@120
            (x + y) default (y * 100) if (y > 70)
                {host="a"} 8@0 10@60 12@120
                {host="b"} 80@0 8000@60 120@120
            none{host='a'} default x
                x{host="a"} 1@0 2@60 3@120
                x{host="b"} 10@0 30@120
            y ifnot x{host='a'}
                y{host="b"} 70@0 80@60 90@120
                y{host="c"} 700@0 800@60 900@120
            (none{host='a'} default 1) + sum(x)
                {} 12@0 3@60 34@120
            (x default 0) * y{host='a'}
                {host="a"} 7@0 16@60 27@120
        "#]],
    );
}

#[test]
fn labels_are_changed() {
    let table = Table::default().with("up,host=web-1.example,port=9100,zone=A", MINUTE, [1.0]).with(
        "up,host=web-2.example,port=none,zone=b",
        MINUTE,
        [0.0],
    );
    check(
        |query| table.ask_metricsql(query, 0),
        &[
            "label_set(up, 'zone', '', 'new', 'x')",
            "label_set(up, 'host', 'h', 'port', 'p', 'zone', 'z')",
            "label_set(up, '', 'h')",
            "label_del(up, 'zone', '__name__')",
            "label_keep(up, 'host')",
            "label_keep(up, '__name__', 'host')",
            "label_copy(up, 'host', 'instance', 'none', 'zone')",
            "label_move(up, 'host', 'instance', 'instance', 'i', 'none', 'zone')",
            "label_map(up, 'zone', 'A', 'alpha', 'b', '')",
            "label_uppercase(up, 'host', 'zone')",
            "label_lowercase(up, 'zone', 'none')",
            "label_transform(up, 'host', '[aeo]', '<$0>')",
            "label_transform(up, 'host', '(', '')",
            "label_match(up, 'host', 'web-1.*')",
            "label_mismatch(up, 'host', 'web-1.*')",
            "label_match(up, 'host', 'web-1')",
            "label_value(up, 'port')",
            "alias(up{zone='A'}, 'alive')",
            "alias(-up{zone='A'}, 'alive')",
        ],
        &expect![[r#"
            label_set(up, 'zone', '', 'new', 'x')
                up{host="web-1.example", new="x", port="9100"} 1
                up{host="web-2.example", new="x", port="none"} 0
            label_set(up, 'host', 'h', 'port', 'p', 'zone', 'z')
                error: vector cannot contain metrics with the same labelset
            label_set(up, '', 'h')
                error: invalid destination label name in label_set(): 
            label_del(up, 'zone', '__name__')
                {host="web-1.example", port="9100"} 1
                {host="web-2.example", port="none"} 0
            label_keep(up, 'host')
                {host="web-1.example"} 1
                {host="web-2.example"} 0
            label_keep(up, '__name__', 'host')
                up{host="web-1.example"} 1
                up{host="web-2.example"} 0
            label_copy(up, 'host', 'instance', 'none', 'zone')
                up{host="web-1.example", instance="web-1.example", port="9100", zone="A"} 1
                up{host="web-2.example", instance="web-2.example", port="none", zone="b"} 0
            label_move(up, 'host', 'instance', 'instance', 'i', 'none', 'zone')
                up{i="web-1.example", port="9100", zone="A"} 1
                up{i="web-2.example", port="none", zone="b"} 0
            label_map(up, 'zone', 'A', 'alpha', 'b', '')
                up{host="web-1.example", port="9100", zone="alpha"} 1
                up{host="web-2.example", port="none"} 0
            label_uppercase(up, 'host', 'zone')
                up{host="WEB-1.EXAMPLE", port="9100", zone="A"} 1
                up{host="WEB-2.EXAMPLE", port="none", zone="B"} 0
            label_lowercase(up, 'zone', 'none')
                up{host="web-1.example", port="9100", zone="a"} 1
                up{host="web-2.example", port="none", zone="b"} 0
            label_transform(up, 'host', '[aeo]', '<$0>')
                up{host="w<e>b-1.<e>x<a>mpl<e>", port="9100", zone="A"} 1
                up{host="w<e>b-2.<e>x<a>mpl<e>", port="none", zone="b"} 0
            label_transform(up, 'host', '(', '')
                error: invalid regular expression in label_transform(): error parsing regexp: missing closing ): `(`
            label_match(up, 'host', 'web-1.*')
                up{host="web-1.example", port="9100", zone="A"} 1
            label_mismatch(up, 'host', 'web-1.*')
                up{host="web-2.example", port="none", zone="b"} 0
            label_match(up, 'host', 'web-1')
                (nothing)
            label_value(up, 'port')
                {host="web-1.example", port="9100", zone="A"} 9100
            alias(up{zone='A'}, 'alive')
                alive{host="web-1.example", port="9100", zone="A"} 1
            alias(-up{zone='A'}, 'alive')
                alive{host="web-1.example", port="9100", zone="A"} -1
        "#]],
    );
}

#[test]
fn a_transformed_label_has_a_largest_size() {
    let table = Table::default().with(&format!("x,l={}", "a".repeat(60_000)), MINUTE, [1.0]);
    let many = "$0".repeat(100_000);
    let error = table.ask_metricsql(&format!("label_transform(x, 'l', 'a+', '{many}')"), 0);
    assert!(error.contains("at most 4194304 bytes are allowed"), "{error}");
    let error = table.ask_metricsql("label_transform(x, 'l', 'a', 'bb')", 0);
    assert!(error.contains("at most 65536 bytes are allowed"), "{error}");
}

#[test]
fn names_stay_on_demand() {
    let table = Table::default().with("a_total,host=h", MINUTE, [0.0, 60.0, 120.0]).with(
        "b_total,host=h",
        MINUTE,
        [0.0, 120.0, 240.0],
    );
    check(
        |query| table.ask_metricsql(query, 2 * MINUTE),
        &[
            "rate({host='h'}[2m])",
            "rate({host='h'}[2m]) keep_metric_names",
            "sum by (__name__) (rate({host='h'}[2m]) keep_metric_names)",
            "rate({host='h'}[2m:1m]) keep_metric_names",
            "abs(-{host='h'}) keep_metric_names",
            "abs({host='h'}) keep_metric_names",
            "round({host='h'}, 100) keep_metric_names",
            "({host='h'} * 2) keep_metric_names",
            "(2 > bool {host='h'}) keep_metric_names",
            "(a_total / b_total) keep_metric_names",
            "(a_total / on (host) b_total) keep_metric_names",
            "(a_total > bool b_total) keep_metric_names",
            "({host='h'} / on (host) group_left b_total) keep_metric_names",
        ],
        &expect![[r#"
            rate({host='h'}[2m])
                error: vector cannot contain metrics with the same labelset
            rate({host='h'}[2m]) keep_metric_names
                a_total{host="h"} 1
                b_total{host="h"} 2
            sum by (__name__) (rate({host='h'}[2m]) keep_metric_names)
                a_total 1
                b_total 2
            rate({host='h'}[2m:1m]) keep_metric_names
                a_total{host="h"} 1
                b_total{host="h"} 2
            abs(-{host='h'}) keep_metric_names
                error: vector cannot contain metrics with the same labelset
            abs({host='h'}) keep_metric_names
                a_total{host="h"} 120
                b_total{host="h"} 240
            round({host='h'}, 100) keep_metric_names
                a_total{host="h"} 100
                b_total{host="h"} 200
            ({host='h'} * 2) keep_metric_names
                a_total{host="h"} 240
                b_total{host="h"} 480
            (2 > bool {host='h'}) keep_metric_names
                a_total{host="h"} 0
                b_total{host="h"} 0
            (a_total / b_total) keep_metric_names
                a_total{host="h"} 0.5
            (a_total / on (host) b_total) keep_metric_names
                a_total{host="h"} 0.5
            (a_total > bool b_total) keep_metric_names
                a_total{host="h"} 0
            ({host='h'} / on (host) group_left b_total) keep_metric_names
                a_total{host="h"} 0.5
                b_total{host="h"} 1
        "#]],
    );
}

#[test]
fn windows_offsets_unions_and_the_time_of_day() {
    let table = Table::default()
        .with("a_total,host=h", MINUTE, (0..20).map(|at| f64::from(at) * 60.0))
        .with("b_total,host=h", MINUTE, (0..20).map(|at| f64::from(at) * 120.0))
        .with("c,host=h", MINUTE, [1.0, GAP, 3.0]);
    check(
        |query| table.ask_range_metricsql(query, 10 * MINUTE),
        &[
            "rate(a_total)",
            "increase(a_total[2i])",
            "max_over_time(sum(a_total + on (host) b_total))",
            "sum(a_total) offset 5m",
            "a_total - a_total offset 1i",
            "(a_total, b_total)",
            "(a_total > 700, a_total * 0, a_total)",
            "union(1, 2)",
            "{__name__=~'a_total' or host='h', __name__='b_total'}",
            "rate({__name__='a_total' or __name__='b_total'}[5m]) keep_metric_names",
            "rate({__name__='a_total' or __name__='b_total'}[5m])",
            "now()",
            "median({host='h'})",
            "median_over_time(a_total[4m])",
            "1Ki + 1.5m",
            "WITH (f(q, w) = increase(q[w]), h = {host='h', __name__!='c'}) sum by (host) (f(h, 5m))",
        ],
        &expect![[r#"
            rate(a_total)
                {host="h"} 1@600 1@660 1@720
            increase(a_total[2i])
                {host="h"} 120@600 120@660 120@720
            max_over_time(sum(a_total + on (host) b_total))
                {} 1800@600 1980@660 2160@720
            sum(a_total) offset 5m
                {} 300@600 360@660 420@720
            a_total - a_total offset 1i
                {host="h"} 60@600 60@660 60@720
            (a_total, b_total)
                a_total{host="h"} 600@600 660@660 720@720
                b_total{host="h"} 1200@600 1320@660 1440@720
            (a_total > 700, a_total * 0, a_total)
                a_total{host="h"} 600@600 660@660 720@720
                {host="h"} 0@600 0@660 0@720
            union(1, 2)
                {} 1@600 1@660 1@720
            {__name__=~'a_total' or host='h', __name__='b_total'}
                a_total{host="h"} 600@600 660@660 720@720
                b_total{host="h"} 1200@600 1320@660 1440@720
            rate({__name__='a_total' or __name__='b_total'}[5m]) keep_metric_names
                a_total{host="h"} 1@600 1@660 1@720
                b_total{host="h"} 2@600 2@660 2@720
            rate({__name__='a_total' or __name__='b_total'}[5m])
                {host="h"} 1@600 1@660 1@720
            now()
                {} 43200@600 43200@660 43200@720
            median({host='h'})
                {} 900@600 990@660 1080@720
            median_over_time(a_total[4m])
                {host="h"} 510@600 570@660 630@720
            1Ki + 1.5m
                {} 1114@600 1114@660 1114@720
            WITH (f(q, w) = increase(q[w]), h = {host='h', __name__!='c'}) sum by (host) (f(h, 5m))
                error: vector cannot contain metrics with the same labelset
        "#]],
    );
    let table = gaps();
    assert_eq!(table.ask_metricsql("increase(x[5i])", 0), "error: 11:13: duration must be greater than 0");
}

/// Neither the order of evaluation nor batches show: a union of aggregations is one of columns.
#[test]
fn aggregations_see_all_of_a_union() {
    let table = gaps();
    check(
        |query| table.ask_metricsql(query, 0),
        &["sum((x, y))", "count((x, x))", "sum by (host) (x default y)", "topk(1, (x, y))"],
        &expect![[r#"
            sum((x, y))
                {} 788
            count((x, x))
                {} 2
            sum by (host) (x default y)
                {host="a"} 1
                {host="b"} 10
            topk(1, (x, y))
                y{host="c"} 700
        "#]],
    );
}
