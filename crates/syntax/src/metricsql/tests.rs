//! What MetricsQL's habits are read as, and that PromQL stays what it is without them.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use crate::{Expr, ParseError, ParseOptions, parse};

fn metricsql(text: &str) -> Result<Expr, ParseError> {
    parse(text, &ParseOptions { metricsql: true, text_bytes_max: 4 << 20, ..ParseOptions::default() })
}

/// Each line: the query, and how its tree prints; printing and parsing once more changes nothing.
fn check(queries: &[&str], expected: &Expect) {
    let mut lines = String::new();
    for query in queries {
        let printed = match metricsql(query) {
            Ok(expr) => {
                for printed in [expr.to_string(), expr.pretty()] {
                    let back = metricsql(&printed).unwrap_or_else(|error| panic!("{query} as {printed}: {error}"));
                    assert!(back == expr, "{query} prints as {printed}, which is another expression");
                }
                expr.to_string()
            }
            Err(error) => error.to_string(),
        };
        lines += &format!("{query}\n    {printed}\n");
    }
    expected.assert_eq(&lines);
}

#[test]
fn windows_are_implied() {
    check(
        &[
            "rate(x)",
            "rate(x{a='b'} offset 5m)",
            "rate((x))",
            "increase(sum(x))",
            "max_over_time(a + b)",
            "quantile_over_time(0.9, x)",
            "rate(x[5i])",
            "rate(x[300])",
            "rate(x[0.5i] offset -5i)",
            "rate(x[2 * 5i + 1m])",
            "rate(time())",
        ],
        &expect![[r#"
            rate(x)
                rate(x[max_of(step(), 5m)])
            rate(x{a='b'} offset 5m)
                rate(x{a="b"}[max_of(step(), 5m)] offset 5m)
            rate((x))
                rate(x[max_of(step(), 5m)])
            increase(sum(x))
                increase(sum(x)[max_of(step(), 5m):])
            max_over_time(a + b)
                max_over_time((a + b)[max_of(step(), 5m):])
            quantile_over_time(0.9, x)
                quantile_over_time(0.9, x[max_of(step(), 5m)])
            rate(x[5i])
                rate(x[5 * step()])
            rate(x[300])
                rate(x[5m])
            rate(x[0.5i] offset -5i)
                rate(x[0.5 * step()] offset -(5 * step()))
            rate(x[2 * 5i + 1m])
                rate(x[2 * (5 * step()) + 1m])
            rate(time())
                1:6: parse error: expected type range vector in call to function "rate", got scalar
        "#]],
    );
}

#[test]
fn numbers_have_suffixes_and_durations_fractions() {
    check(
        &["x > 1.5Ki", "8MB", "1G + 2Ti", "time() - 1.5h", "x[1.5m]", "x offset 0.5d", "5m", "1k", "1.5"],
        &expect![[r#"
            x > 1.5Ki
                x > 1536
            8MB
                8000000
            1G + 2Ti
                1000000000 + 2199023255552
            time() - 1.5h
                time() - 1h30m
            x[1.5m]
                x[1m30s]
            x offset 0.5d
                x offset 12h
            5m
                5m
            1k
                1:1: parse error: bad number or duration syntax: "1k"
            1.5
                1.5
        "#]],
    );
}

#[test]
fn operators_of_presence_bind_less_than_all_others() {
    check(
        &[
            "a default 0",
            "a or b default c if d",
            "a if b default c ifnot d or e",
            "a + b default c * d",
            "(a default b) + 1",
            "a default on (x) b",
            "a default bool b",
            "a if on (x) group_left b",
            "1 if NaN",
            "sum(a) DEFAULT sum(b)",
            "default default default",
            "if if if",
        ],
        &expect![[r#"
            a default 0
                a default 0
            a or b default c if d
                a or b default c if d
            a if b default c ifnot d or e
                a if b default c ifnot d or e
            a + b default c * d
                a + b default c * d
            (a default b) + 1
                (a default b) + 1
            a default on (x) b
                a default on (x) b
            a default bool b
                1:3: parse error: bool modifier can only be used on comparison operators
            a if on (x) group_left b
                1:1: parse error: no grouping allowed for "if" operation
            1 if NaN
                1 if NaN
            sum(a) DEFAULT sum(b)
                sum(a) default sum(b)
            default default default
                default default default
            if if if
                if if if
        "#]],
    );
}

#[test]
fn names_are_kept_on_demand() {
    check(
        &[
            "rate(x[5m]) keep_metric_names",
            "abs(rate(x)) keep_metric_names * 2",
            "(a * 2) keep_metric_names",
            "((a * b) keep_metric_names + 1) keep_metric_names",
            "(rate(x)) keep_metric_names",
            "a * 2 keep_metric_names",
            "sum(a) keep_metric_names",
            "histogram_quantile(0.9, x) keep_metric_names",
            "time() keep_metric_names",
            "(a or b) keep_metric_names",
            "keep_metric_names",
        ],
        &expect![[r#"
            rate(x[5m]) keep_metric_names
                rate(x[5m]) keep_metric_names
            abs(rate(x)) keep_metric_names * 2
                abs(rate(x[max_of(step(), 5m)])) keep_metric_names * 2
            (a * 2) keep_metric_names
                (a * 2) keep_metric_names
            ((a * b) keep_metric_names + 1) keep_metric_names
                ((a * b) keep_metric_names + 1) keep_metric_names
            (rate(x)) keep_metric_names
                1:11: parse error: keep_metric_names must follow a call or an operation in parentheses
            a * 2 keep_metric_names
                1:7: parse error: unexpected identifier "keep_metric_names", expected an operator or the end of the query
            sum(a) keep_metric_names
                1:8: parse error: unexpected identifier "keep_metric_names", expected an operator or the end of the query
            histogram_quantile(0.9, x) keep_metric_names
                1:28: parse error: keep_metric_names is not allowed after histogram_quantile()
            time() keep_metric_names
                1:8: parse error: keep_metric_names is not allowed after time()
            (a or b) keep_metric_names
                1:10: parse error: keep_metric_names must follow a call or an operation in parentheses
            keep_metric_names
                keep_metric_names
        "#]],
    );
}

#[test]
fn functions_and_unions() {
    check(
        &[
            "label_set(x, 'a', 'b', 'c', 'd',)",
            "label_set(x, 'a', 'b', 'c')",
            "label_map(x, 'a', 'b')",
            "label_del(x)",
            "label_set(1, 'a', 'b')",
            "alias(x, 'y')",
            "alias(x)",
            "median(x) by (a)",
            "median without (b) (x)",
            "median(x, y)",
            "median_over_time(x[5m])",
            "(a, b)",
            "(a, 1, b,)",
            "union(a, b)",
            "now() - 1h",
            "label_values(x)",
            "sum(x,)",
            "median",
        ],
        &expect![[r#"
            label_set(x, 'a', 'b', 'c', 'd',)
                label_set(x, "a", "b", "c", "d")
            label_set(x, 'a', 'b', 'c')
                1:1: parse error: expected pairs of arguments in call to "label_set", the last one is alone
            label_map(x, 'a', 'b')
                1:1: parse error: expected at least 4 argument(s) in call to "label_map", got 3
            label_del(x)
                label_del(x)
            label_set(1, 'a', 'b')
                label_set(vector(1), "a", "b")
            alias(x, 'y')
                label_set(x, "__name__", "y")
            alias(x)
                1:1: parse error: expected 2 argument(s) in call to "alias", got 1
            median(x) by (a)
                quantile by (a) (0.5, x)
            median without (b) (x)
                quantile without (b) (0.5, x)
            median(x, y)
                1:1: parse error: wrong number of arguments for median, expected 1
            median_over_time(x[5m])
                quantile_over_time(0.5, x[5m])
            (a, b)
                union(a, b)
            (a, 1, b,)
                union(a, vector(1), b)
            union(a, b)
                union(a, b)
            now() - 1h
                now() - 1h
            label_values(x)
                1:1: parse error: unknown function with name "label_values"
            sum(x,)
                sum(x)
            median
                median
        "#]],
    );
}

#[test]
fn offsets_stand_behind_anything() {
    check(
        &[
            "sum(rate(x[5m])) offset 1h",
            "(a + b offset 5m) offset 1h",
            "sum(a @ 5 + b) offset 1h",
            "max_over_time(sum(x)[1h:5m]) offset 1h",
            "rate(x offset 1h [5m])",
            "(a offset (2 * step())) offset step()",
            "(a offset 1h) offset -1h",
            "(a + time()) offset 1h",
            "1 offset 1h",
            "sum(a) offset 1h offset 1h",
            "a offset 1h offset 1h",
            "WITH (t = a offset step()) t offset 1h",
            "sum(a) @ 5",
        ],
        &expect![[r#"
            sum(rate(x[5m])) offset 1h
                sum(rate(x[5m] offset 1h))
            (a + b offset 5m) offset 1h
                (a offset 1h + b offset 1h5m)
            sum(a @ 5 + b) offset 1h
                sum(a @ 5.000 + b offset 1h)
            max_over_time(sum(x)[1h:5m]) offset 1h
                max_over_time(sum(x)[1h:5m] offset 1h)
            rate(x offset 1h [5m])
                rate(x[5m] offset 1h)
            (a offset (2 * step())) offset step()
                (a offset ((2 * step()) + step()))
            (a offset 1h) offset -1h
                (a)
            (a + time()) offset 1h
                1:1: parse error: an offset behind an expression with time() is not supported
            1 offset 1h
                1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery
            sum(a) offset 1h offset 1h
                1:1: parse error: offset may not be set multiple times
            a offset 1h offset 1h
                1:1: parse error: offset may not be set multiple times
            WITH (t = a offset step()) t offset 1h
                a offset (step() + 1h)
            sum(a) @ 5
                1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery
        "#]],
    );
}

#[test]
fn selectors_have_alternatives() {
    check(
        &[
            "x{a='b' or c='d', e='f'}",
            "sum(rate({__name__='a' or __name__='b'}[5m] offset 1h))",
            "rate(x{a='b' or c='d'}) keep_metric_names",
            "x{a='b' or c='d'} offset 5m",
            "x{a='b' or c='d'} @ 5",
            "quantile_over_time(0.5, x{a='b' or c='d'}[5m])",
            "max_over_time(x{a='b' or c='d'}[1h:5m])",
            "x{a='b' or c='d'}[5m]",
            "absent_over_time(x{a='b' or c='d'}[5m])",
            "x{a='b' or}",
            "{a='b' or c=~'.*'}",
            "sum(x{a='b' or c='d'}[5m])",
            "{or='x'}",
        ],
        &expect![[r#"
            x{a='b' or c='d', e='f'}
                union(x{a="b"}, x{c="d",e="f"})
            sum(rate({__name__='a' or __name__='b'}[5m] offset 1h))
                sum(union(rate({__name__="a"}[5m] offset 1h), rate({__name__="b"}[5m] offset 1h)))
            rate(x{a='b' or c='d'}) keep_metric_names
                union(rate(x{a="b"}[max_of(step(), 5m)]) keep_metric_names, rate(x{c="d"}[max_of(step(), 5m)]) keep_metric_names)
            x{a='b' or c='d'} offset 5m
                union(x{a="b"} offset 5m, x{c="d"} offset 5m)
            x{a='b' or c='d'} @ 5
                union(x{a="b"} @ 5.000, x{c="d"} @ 5.000)
            quantile_over_time(0.5, x{a='b' or c='d'}[5m])
                union(quantile_over_time(0.5, x{a="b"}[5m]), quantile_over_time(0.5, x{c="d"}[5m]))
            max_over_time(x{a='b' or c='d'}[1h:5m])
                max_over_time(union(x{a="b"}, x{c="d"})[1h:5m])
            x{a='b' or c='d'}[5m]
                1:1: parse error: a range vector with alternatives ("or" in a selector) must be an argument of a function
            absent_over_time(x{a='b' or c='d'}[5m])
                1:1: parse error: absent_over_time() of a selector with "or" is not supported
            x{a='b' or}
                1:11: parse error: unexpected "}" in label matching, expected identifier
            {a='b' or c=~'.*'}
                1:1: parse error: vector selector must contain at least one non-empty matcher
            sum(x{a='b' or c='d'}[5m])
                1:5: parse error: expected type instant vector in aggregation expression, got range vector
            {or='x'}
                {or="x"}
        "#]],
    );
}

#[test]
fn templates_are_expanded_where_they_are_used() {
    check(
        &[
            "WITH (x = 1) x",
            "with (x = a + b) x * x",
            "WITH (f(a, b) = a / (a + b)) f(sum(x), rate(y[5m]))",
            "WITH (x = 2, y = x * x) 2 ^ y",
            "WITH (cf = {job='a', env=~'p.*'}) up{cf, x='y'} + down{cf}",
            "WITH (f(job) = rate(x{job=job}[5m])) f('a') + f('b')",
            "WITH (w = 5m) rate(x[w]) + rate(x[w * 2] offset w)",
            "WITH (f(q) = rate(q[5m])) f(x{a='b'})",
            "WITH (s = x{a='b'}) s{c='d'} offset 5m",
            "WITH (n = -1) n ^ 2",
            "1 + WITH (x = 1) x + 2",
            "WITH (x = 1) WITH (y = x) (x, y)",
            "WITH (x = 1) WITH (x = x + 1) x",
            "WITH (f(x) = WITH (y = x * 2) y + x) f(f(1))",
            "WITH (rate(x) = x) rate(5)",
            "with",
            "with + 1",
        ],
        &expect![[r#"
            WITH (x = 1) x
                1
            with (x = a + b) x * x
                (a + b) * (a + b)
            WITH (f(a, b) = a / (a + b)) f(sum(x), rate(y[5m]))
                (sum(x) / (sum(x) + rate(y[5m])))
            WITH (x = 2, y = x * x) 2 ^ y
                2 ^ (2 * 2)
            WITH (cf = {job='a', env=~'p.*'}) up{cf, x='y'} + down{cf}
                up{job="a",env=~"p.*",x="y"} + down{job="a",env=~"p.*"}
            WITH (f(job) = rate(x{job=job}[5m])) f('a') + f('b')
                rate(x{job="a"}[5m]) + rate(x{job="b"}[5m])
            WITH (w = 5m) rate(x[w]) + rate(x[w * 2] offset w)
                rate(x[5m]) + rate(x[5m * 2] offset 5m)
            WITH (f(q) = rate(q[5m])) f(x{a='b'})
                rate(x{a="b"}[5m])
            WITH (s = x{a='b'}) s{c='d'} offset 5m
                x{c="d",a="b"} offset 5m
            WITH (n = -1) n ^ 2
                (-1) ^ 2
            1 + WITH (x = 1) x + 2
                1 + (1 + 2)
            WITH (x = 1) WITH (y = x) (x, y)
                union(vector(1), vector(1))
            WITH (x = 1) WITH (x = x + 1) x
                (1 + 1)
            WITH (f(x) = WITH (y = x * 2) y + x) f(f(1))
                ((((1 * 2) + 1) * 2) + ((1 * 2) + 1))
            WITH (rate(x) = x) rate(5)
                5
            with
                with
            with + 1
                with + 1
        "#]],
    );
}

#[test]
fn templates_that_make_no_sense_say_where() {
    check(
        &[
            "WITH (x = y, y = x) x",
            "WITH (x = x) x",
            "WITH (x = 1, x = 2) x",
            "WITH (f(a, a) = 1) f(1, 2)",
            "WITH (f(a) = a) f()",
            "WITH (f(a) = a) f(1, 2)",
            "WITH (x = ) x",
            "WITH (x) x",
            "WITH (x = a b) x",
            "WITH (x = 1",
            "WITH (x = (1) x",
            "WITH (x = 5) {x}",
            "WITH (x = 5) {a=x}",
            "WITH (x = a) x[w]",
            "WITH (x = a + b) x{c='d'}",
            "WITH (x = a) x{__name__='b'}",
            "WITH (f(x) = sum(x)) f(1)",
            "up{with='a'}",
        ],
        &expect![[r#"
            WITH (x = y, y = x) x
                y
            WITH (x = x) x
                x
            WITH (x = 1, x = 2) x
                1:14: parse error: template "x" is defined twice
            WITH (f(a, a) = 1) f(1, 2)
                1:12: parse error: parameter "a" is named twice
            WITH (f(a) = a) f()
                1:17: parse error: expected 1 argument(s) of template "f", got 0
            WITH (f(a) = a) f(1, 2)
                1:17: parse error: expected 1 argument(s) of template "f", got 2
            WITH (x = ) x
                1:11: parse error: unexpected ")" in WITH, expected an expression
            WITH (x) x
                1:8: parse error: unexpected ")" in WITH, expected "="
            WITH (x = a b) x
                1:13: parse error: unexpected identifier "b" in a template, expected an operator or its end
            WITH (x = 1
                1:12: parse error: unclosed left parenthesis
            WITH (x = (1) x
                1:16: parse error: unclosed left parenthesis
            WITH (x = 5) {x}
                1:15: parse error: a template between braces must be a selector such as {a="b"}
            WITH (x = 5) {a=x}
                1:17: parse error: a template in the place of a label's value must be a string
            WITH (x = a) x[w]
                1:16: parse error: unexpected identifier "w" in subquery or range selector, expected number, duration, step(), or range()
            WITH (x = a + b) x{c='d'}
                1:19: parse error: labels must follow a template that is a selector, and be without "or"
            WITH (x = a) x{__name__='b'}
                1:15: parse error: metric name must not be set twice
            WITH (f(x) = sum(x)) f(1)
                1:18: parse error: expected type instant vector in aggregation expression, got scalar
            up{with='a'}
                up{with="a"}
        "#]],
    );
}

#[test]
fn expansion_is_bounded() {
    // Each template doubles the one before.
    let mut text = "WITH (x0 = a".to_owned();
    for level in 1..60 {
        text += &format!(", x{level} = x{0} + x{0}", level - 1);
    }
    let error = metricsql(&(text + ") x59")).unwrap_err().message;
    assert_eq!(error, "templates of the query expand to more than 1048576 bytes");
    let many: Vec<String> = (0..201).map(|at| format!("x{at} = 1")).collect();
    let error = metricsql(&format!("WITH ({}) x0", many.join(", "))).unwrap_err().message;
    assert_eq!(error, "too many templates, at most 200 are allowed");
    let deep = "f(".repeat(300) + "1" + &")".repeat(300);
    let error = metricsql(&format!("WITH (f(x) = (x)) {deep}")).unwrap_err().message;
    assert_eq!(error, "query nests too deep, at most 250 levels are allowed");
    // Each call copies what is beside its range vector, and there are two of each.
    let mut text = "1".to_owned();
    for _ in 0..40 {
        text = format!("scalar(quantile_over_time({text}, x{{a='b' or c='d'}}[5m]))");
    }
    assert_eq!(metricsql(&text).unwrap_err().message, "templates of the query expand to more than 1048576 bytes");
    let long = vec!["a"; 20_000].join(" default ");
    assert_eq!(metricsql(&long).unwrap().to_string(), long);
    assert!(metricsql(&format!("({long}) offset 5m")).unwrap().to_string().ends_with("default a offset 5m)"));
}

/// Every habit that is used in the tests of this file is an error in PromQL, so none can change what a query means.
#[test]
fn without_the_option_nothing_of_it_is_known() {
    for text in [
        "rate(x)",
        "rate(x[5i])",
        "x > 1.5Ki",
        "time() - 1.5h",
        "a default 0",
        "a if b",
        "a ifnot b",
        "rate(x[5m]) keep_metric_names",
        "(a * 2) keep_metric_names",
        "label_set(x, 'a', 'b')",
        "alias(x, 'y')",
        "median(x)",
        "median by (a) (x)",
        "(a, b)",
        "union(a, b)",
        "now()",
        "abs(x,)",
        "sum(x) offset 5m",
        "x offset 5m [5m]",
        "x{a='b' or c='d'}",
        "WITH (x = 1) x",
    ] {
        assert!(parse(text, &ParseOptions::default()).is_err(), "{text}");
        assert!(metricsql(text).is_ok(), "{text}");
    }
    let hint = parse("label_sett(x)", &ParseOptions::default()).unwrap_err().hint;
    assert_eq!(hint, None);
    assert_eq!(metricsql("label_sett(x)").unwrap_err().hint.as_deref(), Some("did you mean label_set()?"));
}

const TOKENS: &[&str] = &[
    "a",
    "b{x=\"y\"}",
    "b{x=\"y\" or z=\"w\"}",
    "{t}",
    "(",
    ")",
    ",",
    "+",
    "-",
    "^",
    "==",
    "and",
    "or",
    "default",
    "if",
    "ifnot",
    "on(x)",
    "bool",
    "[5m]",
    "[5i]",
    "[t]",
    "[5m:1m]",
    "offset",
    "offset -5m",
    "offset 5i",
    "offset (2*step())",
    "@ 1.5",
    "@ end()",
    "smoothed",
    "keep_metric_names",
    "rate(",
    "sum(",
    "median(",
    "label_set(",
    "alias(",
    "union(",
    "quantile_over_time(",
    "timestamp(",
    "WITH (",
    "t",
    "t =",
    "f(",
    "f(t) =",
    "t{a=t}",
    "\"s\"",
    "1",
    "-0",
    "1.5Ki",
    "2M",
    "1.5h",
    "5m",
    "time()",
    "now()",
    "NaN",
];

/// Valid queries that use the habits.
fn query() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-c]",
        "[a-c]\\{x=\"[a-z]{0,2}\" or y!=\"z\"\\}",
        "rate\\([a-c](\\[[1-9]i\\])?\\)( keep_metric_names)?",
        "[a-c] offset [1-9]\\.5m",
        "t( offset 5i)?",
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        prop_oneof![
            (inner.clone(), "default|if|ifnot|\\+|\\*|\\^", inner.clone())
                .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            (inner.clone(), "default|\\+|\\^", "-?[1-9](\\.5)?(Ki|M)?").prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}, {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("vector(1) if ({a}) or ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(-({a}) * ({b})) keep_metric_names")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(WITH (t = {a}) {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("WITH (f(t) = {a}) f({b})")),
            inner.clone().prop_map(|a| format!("sum({a}) offset 3m")),
            inner.clone().prop_map(|a| format!("increase(({a}),)")),
            inner.clone().prop_map(|a| format!("alias(-({a}), \"n\")")),
            inner.prop_map(|a| format!("median by (x) ({a})")),
        ]
    })
}

/// What parses must print as something that parses to the same.
fn check_any(text: &str) -> Result<bool, TestCaseError> {
    let Ok(expr) = metricsql(text) else { return Ok(false) };
    for printed in [expr.to_string(), expr.pretty()] {
        let back = metricsql(&printed);
        prop_assert!(back.is_ok_and(|back| back == expr), "{} printed as {}", text, printed);
    }
    Ok(true)
}

proptest! {
    #[test]
    fn printing_and_parsing_change_nothing(text in query()) {
        prop_assert!(check_any(&text)?, "{} does not parse: {:?}", text, metricsql(&text));
    }

    #[test]
    fn no_row_of_tokens_panics(tokens in proptest::collection::vec(proptest::sample::select(TOKENS), 1..14)) {
        check_any(&tokens.join(" "))?;
    }

    /// What PromQL knows, MetricsQL reads as the same.
    #[test]
    fn promql_stays_what_it_is(tokens in proptest::collection::vec(proptest::sample::select(TOKENS), 1..10)) {
        let text = tokens.join(" ");
        if let Ok(expr) = parse(&text, &ParseOptions::default()) {
            prop_assert!(metricsql(&text).is_ok_and(|other| other == expr), "{}", text);
        }
    }
}
