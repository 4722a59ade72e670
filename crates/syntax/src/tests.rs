//! The language as tables: what parses to what, and what is refused with which words.

use expect_test::{Expect, expect};

use crate::{Expr, ExprKind, ParseOptions, ValueType, parse};

fn ok(text: &str) -> Expr {
    parse(text, &ParseOptions::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn error(text: &str) -> String {
    match parse(text, &ParseOptions::default()) {
        Ok(expr) => panic!("{text} should not parse, but is {expr}"),
        Err(error) => error.to_string(),
    }
}

/// Each line: the query, and how the tree prints. Printing and parsing once more must change nothing.
fn check_prints(queries: &[&str], expected: &Expect) {
    let mut lines = String::new();
    for query in queries {
        let expr = ok(query);
        let printed = expr.to_string();
        assert!(ok(&printed) == expr, "{query} prints as {printed}, which is another expression");
        lines += &format!("{query:40} => {printed}\n");
    }
    expected.assert_eq(&lines);
}

#[test]
fn zero_keeps_its_sign() {
    for text in ["-0s", "0s", "-0", "-1m30s"] {
        let expr = parse(text, &ParseOptions::default()).unwrap();
        assert_eq!(expr.to_string(), text);
        assert_eq!(parse(&expr.to_string(), &ParseOptions::default()).unwrap(), expr, "{text}");
    }
}

fn check_errors(queries: &[&str], expected: &Expect) {
    let lines: String = queries.iter().map(|query| format!("{query:36} => {}\n", error(query))).collect();
    expected.assert_eq(&lines);
}

/// The tree with every operation in parentheses.
fn grouped(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Binary(binary) => {
            format!("({} {} {})", grouped(&binary.lhs), binary.op, grouped(&binary.rhs))
        }
        ExprKind::Unary(unary) => format!("({}{})", unary.op, grouped(&unary.expr)),
        _ => expr.to_string(),
    }
}

#[test]
fn numbers() {
    for (text, value) in [
        ("1", 1.0),
        (".5", 0.5),
        ("2.", 2.0),
        ("12.34e-6", 12.34e-6),
        ("12.34E+6", 12.34e6),
        ("0x1F", 31.0),
        ("0X_1f", 31.0),
        ("0x1p-2", 0.25),
        ("0x7FFFFFFFFFFFFFFF", i64::MAX as f64),
        ("1e308", 1e308),
        ("18446744073709551616", 18_446_744_073_709_551_616.0),
        ("07777777777777777777777", 7_777_777_777_777_777_777_777.0),
        ("017", 15.0),
        ("08", 8.0),
        ("1_000_000.5", 1_000_000.5),
        ("inF", f64::INFINITY),
        ("-Inf", f64::NEG_INFINITY),
        ("+2", 2.0),
        ("- -2", 2.0),
        ("5m", 300.0),
        ("-1h30m", -5400.0),
        ("1ms", 0.001),
    ] {
        match ok(text).kind {
            ExprKind::Number(number) => assert_eq!(number.value, value, "{text}"),
            _ => panic!("{text} is no number"),
        }
    }
    assert!(matches!(&ok("nan").kind, ExprKind::Number(number) if number.value.is_nan()));
    check_errors(
        &[
            "1a",
            "1_",
            "1__0",
            "0x",
            "1e",
            "1.2.3",
            "5mm",
            "1m1h",
            "1s5",
            "300y",
            "1e400",
            "0x1p1024",
            "0xFFFFFFFFFFFFFFFFFF",
            "0x8000000000000000",
        ],
        &expect![[r#"
            1a                                   => 1:1: parse error: bad number or duration syntax: "1a"
            1_                                   => 1:1: parse error: bad number or duration syntax: "1_"
            1__0                                 => 1:1: parse error: bad number or duration syntax: "1__0"
            0x                                   => 1:1: parse error: bad number or duration syntax: "0x"
            1e                                   => 1:1: parse error: bad number or duration syntax: "1e"
            1.2.3                                => 1:1: parse error: bad number or duration syntax: "1.2.3"
            5mm                                  => 1:1: parse error: bad number or duration syntax: "5mm"
            1m1h                                 => 1:1: parse error: not a valid duration: "1m1h"; expected numbers with the units y, w, d, h, m, s, ms in this order, such as 1h30m
            1s5                                  => 1:1: parse error: bad number or duration syntax: "1s5"
            300y                                 => 1:1: parse error: duration "300y" is out of range; at most about 292 years are allowed
            1e400                                => 1:1: parse error: error parsing number: "1e400": value out of range
            0x1p1024                             => 1:1: parse error: error parsing number: "0x1p1024": value out of range
            0xFFFFFFFFFFFFFFFFFF                 => 1:1: parse error: error parsing number: "0xFFFFFFFFFFFFFFFFFF": value out of range
            0x8000000000000000                   => 1:1: parse error: error parsing number: "0x8000000000000000": value out of range
        "#]],
    );
}

#[test]
fn precedence() {
    for (text, tree) in [
        ("a + b * c", "(a + (b * c))"),
        ("a * b + c", "((a * b) + c)"),
        ("a - b - c", "((a - b) - c)"),
        ("a ^ b ^ c", "(a ^ (b ^ c))"),
        ("-a ^ b", "(-(a ^ b))"),
        ("-a * b", "((-a) * b)"),
        ("a ^ -b * c", "((a ^ (-b)) * c)"),
        ("a or b and c unless d", "(a or ((b and c) unless d))"),
        ("a == b + c", "(a == (b + c))"),
        ("a > b < c", "((a > b) < c)"),
        ("a and b > c", "(a and (b > c))"),
        ("a atan2 b / c % d", "(((a atan2 b) / c) % d)"),
        ("- - a", "(-(-a))"),
        ("-1 ^ 2", "(-(1 ^ 2))"),
        ("a OFFSET 2 ^ b", "(a offset 2s ^ b)"),
        ("a offset -2 * b", "(a offset -2s * b)"),
        ("a offset -step() * b", "(a offset -step() * b)"),
    ] {
        assert_eq!(grouped(&ok(text)), tree, "{text}");
    }
}

#[test]
fn selectors() {
    check_prints(
        &[
            "up",
            "job:up:sum",
            ":x",
            "up{}",
            "{job=\"a\"}",
            "up{ job = 'a' , x!=`b` , y=~\"c|d\",z!~\"e.+\",}",
            r#"{"my.metric", "label.name"="x\n\"y\""}"#,
            r#"{"up"}"#,
            r#"{__name__=~"a.*", __name__!="ab"}"#,
            "up # comment\n {a=\"b\" # another\n}",
            "sum{by=\"without\", on=\"inf\"}",
            "offset",
            "offset offset 5m",
            "by + and - start / step",
            "up offset 5m",
            "up offset -90s",
            "up @ 1609746000",
            "up @ -1.5 offset 1w",
            "up @ 9223372037",
            "up @ 1e10",
            "up @ -9223372036854774",
            "up @ 9223372036854771.5",
            "up offset 1w @ start()",
            "up @ END() offset 1y",
            "up[5m]",
            "up[300]",
            "up[1h30m] @ end() offset 5m",
            "up[5m] anchored",
            "up smoothed",
            "up[5m] smoothed @ 3",
            "rate(up[5m])[1h:]",
            "up[1h:5m] @ start() offset 1m",
            "(a + b)[5m:30s]",
        ],
        &expect![[r#"
            up                                       => up
            job:up:sum                               => job:up:sum
            :x                                       => :x
            up{}                                     => up
            {job="a"}                                => {job="a"}
            up{ job = 'a' , x!=`b` , y=~"c|d",z!~"e.+",} => up{job="a",x!="b",y=~"c|d",z!~"e.+"}
            {"my.metric", "label.name"="x\n\"y\""}   => {__name__="my.metric","label.name"="x\n\"y\""}
            {"up"}                                   => {__name__="up"}
            {__name__=~"a.*", __name__!="ab"}        => {__name__=~"a.*",__name__!="ab"}
            up # comment
             {a="b" # another
            }         => up{a="b"}
            sum{by="without", on="inf"}              => sum{by="without",on="inf"}
            offset                                   => offset
            offset offset 5m                         => offset offset 5m
            by + and - start / step                  => by + and - start / step
            up offset 5m                             => up offset 5m
            up offset -90s                           => up offset -1m30s
            up @ 1609746000                          => up @ 1609746000.000
            up @ -1.5 offset 1w                      => up @ -1.500 offset 1w
            up @ 9223372037                          => up @ 9223372037.000
            up @ 1e10                                => up @ 10000000000.000
            up @ -9223372036854774                   => up @ -9223372036854774.000
            up @ 9223372036854771.5                  => up @ 9223372036854772.000
            up offset 1w @ start()                   => up @ start() offset 1w
            up @ END() offset 1y                     => up @ end() offset 1y
            up[5m]                                   => up[5m]
            up[300]                                  => up[5m]
            up[1h30m] @ end() offset 5m              => up[1h30m] @ end() offset 5m
            up[5m] anchored                          => up[5m] anchored
            up smoothed                              => up smoothed
            up[5m] smoothed @ 3                      => up[5m] smoothed @ 3.000
            rate(up[5m])[1h:]                        => rate(up[5m])[1h:]
            up[1h:5m] @ start() offset 1m            => up[1h:5m] @ start() offset 1m
            (a + b)[5m:30s]                          => (a + b)[5m:30s]
        "#]],
    );
}

#[test]
fn durations() {
    check_prints(
        &[
            "a[5m+1s]",
            "a[(5m)]",
            "a[-5m + 2 * 3m]",
            "a[2 ^ 3 % 5]",
            "a[step()]",
            "a[RANGE() / 2 : max_of(step(), 1m)]",
            "a offset step()",
            "a offset -(2 * step())",
            "a offset (2 * 3)",
            "a offset (-(-step()))",
            "a offset min_of(step(), 1s) + 8000",
            "a offset (-2 ^ 2)",
            "a[5m - 5m]",
            "a[1 / (1 - 1)]",
        ],
        &expect![[r#"
            a[5m+1s]                                 => a[5m + 1s]
            a[(5m)]                                  => a[5m]
            a[-5m + 2 * 3m]                          => a[-5m + 2 * 3m]
            a[2 ^ 3 % 5]                             => a[2 ^ 3 % 5]
            a[step()]                                => a[step()]
            a[RANGE() / 2 : max_of(step(), 1m)]      => a[range() / 2:max_of(step(), 1m)]
            a offset step()                          => a offset step()
            a offset -(2 * step())                   => a offset -(2 * step())
            a offset (2 * 3)                         => a offset (2 * 3)
            a offset (-(-step()))                    => a offset -(-step())
            a offset min_of(step(), 1s) + 8000       => a offset min_of(step(), 1s) + 8000
            a offset (-2 ^ 2)                        => a offset (-2 ^ 2)
            a[5m - 5m]                               => a[5m - 5m]
            a[1 / (1 - 1)]                           => a[1 / (1 - 1)]
        "#]],
    );
    check_errors(
        &[
            "a[0]",
            "a[-5m]",
            "a[-(5m)]",
            "a[1/0]",
            "a[1/(-0s)]",
            "a offset (1 % 0)",
            "a[foo]",
            "a[step]",
            "a[5m:0s]",
            "a[1e12]",
            "a[5m * ]",
        ],
        &expect![[r#"
            a[0]                                 => 1:3: parse error: duration must be greater than 0
            a[-5m]                               => 1:3: parse error: duration must be greater than 0
            a[-(5m)]                             => 1:3: parse error: duration must be greater than 0
            a[1/0]                               => 1:4: parse error: division by zero
            a[1/(-0s)]                           => 1:4: parse error: division by zero
            a offset (1 % 0)                     => 1:13: parse error: modulo by zero
            a[foo]                               => 1:3: parse error: unexpected identifier "foo" in subquery or range selector, expected number, duration, step(), or range()
            a[step]                              => 1:7: parse error: unexpected "]" in subquery or range selector, expected "("
            a[5m:0s]                             => 1:6: parse error: duration must be greater than 0
            a[1e12]                              => 1:3: parse error: duration out of range
            a[5m * ]                             => 1:8: parse error: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()
        "#]],
    );
}

#[test]
fn operations() {
    check_prints(
        &[
            "1 + 2 * 3 ^ -1",
            "Inf ^ 2",
            "a == bool 1",
            "a AND on(x,y) b",
            "a / ignoring (x) b",
            "a / on () b",
            "a * on(x) group_left b",
            "a * on(x) group_left(\"y.z\", w,) b",
            "a * ignoring(x) group_right() b",
            "a > bool on(x) b",
            "a + on(x) fill(0) b",
            "a + fill_left(-1) fill_right (NaN) b",
            "a - fill",
            "a unless b or c",
            "-a",
            "+a",
            "-(1)",
            "a </ 2 >/ 1",
        ],
        &expect![[r#"
            1 + 2 * 3 ^ -1                           => 1 + 2 * 3 ^ -1
            Inf ^ 2                                  => Inf ^ 2
            a == bool 1                              => a == bool 1
            a AND on(x,y) b                          => a and on (x, y) b
            a / ignoring (x) b                       => a / ignoring (x) b
            a / on () b                              => a / on () b
            a * on(x) group_left b                   => a * on (x) group_left () b
            a * on(x) group_left("y.z", w,) b        => a * on (x) group_left ("y.z", w) b
            a * ignoring(x) group_right() b          => a * ignoring (x) group_right () b
            a > bool on(x) b                         => a > bool on (x) b
            a + on(x) fill(0) b                      => a + on (x) fill (0) b
            a + fill_left(-1) fill_right (NaN) b     => a + fill_left (-1) fill_right (NaN) b
            a - fill                                 => a - fill
            a unless b or c                          => a unless b or c
            -a                                       => -a
            +a                                       => +a
            -(1)                                     => -(1)
            a </ 2 >/ 1                              => a </ 2 >/ 1
        "#]],
    );
}

#[test]
fn aggregations_and_calls() {
    check_prints(
        &[
            "SUM(a)",
            "sum by (x, y) (a)",
            "sum(a) by (x)",
            "sum by () (a)",
            "sum without () (a)",
            "avg without (\"x.y\", by, sum) (a)",
            "topk(3, a)",
            "quantile by (x) (0.9, a)",
            "count_values(\"v\", a)",
            "limit_ratio(-0.5, a)",
            "time()",
            "rate(a[5m])",
            "round(a)",
            "round(a, 5)",
            "label_join(a, \"d\", \",\", \"x\", \"y\")",
            "label_join(a, \"d\", \",\")",
            "histogram_quantile(0.9, sum by (le) (rate(b[5m])))",
            "hour()",
            "info(a, {})",
            "info(a, {x=\"\"})",
            "vector(START() + step())",
            "min_of(1, MAX_OF(2, time()))",
            "\"text\"",
            "'it\\'s'",
        ],
        &expect![[r#"
            SUM(a)                                   => sum(a)
            sum by (x, y) (a)                        => sum by (x, y) (a)
            sum(a) by (x)                            => sum by (x) (a)
            sum by () (a)                            => sum(a)
            sum without () (a)                       => sum without () (a)
            avg without ("x.y", by, sum) (a)         => avg without ("x.y", by, sum) (a)
            topk(3, a)                               => topk(3, a)
            quantile by (x) (0.9, a)                 => quantile by (x) (0.9, a)
            count_values("v", a)                     => count_values("v", a)
            limit_ratio(-0.5, a)                     => limit_ratio(-0.5, a)
            time()                                   => time()
            rate(a[5m])                              => rate(a[5m])
            round(a)                                 => round(a)
            round(a, 5)                              => round(a, 5)
            label_join(a, "d", ",", "x", "y")        => label_join(a, "d", ",", "x", "y")
            label_join(a, "d", ",")                  => label_join(a, "d", ",")
            histogram_quantile(0.9, sum by (le) (rate(b[5m]))) => histogram_quantile(0.9, sum by (le) (rate(b[5m])))
            hour()                                   => hour()
            info(a, {})                              => info(a, {})
            info(a, {x=""})                          => info(a, {x=""})
            vector(START() + step())                 => vector(start() + step())
            min_of(1, MAX_OF(2, time()))             => min_of(1, max_of(2, time()))
            "text"                                   => "text"
            'it\'s'                                  => "it's"
        "#]],
    );
}

#[test]
fn grammar_errors() {
    check_errors(
        &[
            "",
            "  # only a comment",
            "1 +",
            "* a",
            "a b",
            "(a",
            "sum(a",
            "a)",
            "a[5m",
            "a]",
            "a[[5m]]",
            "a{",
            "a{x",
            "a{x}",
            "a{x=}",
            "a{x=1}",
            "a{x=\"1\" y=\"2\"}",
            "{x=\"1\" or y=\"2\"}",
            "a{x:y=\"1\"}",
            "a{x=~\"(\"}",
            "a{,}",
            "{\"a\",}}",
            "a =~ b",
            "a !~ b",
            "@@",
            "a{1}",
            "\"\\",
            "a ! b",
            "a & b",
            "ä",
            "\"abc",
            "'a\nb'",
            "`abc",
            "\"\\q\"",
            "a offset",
            "a offset b",
            "1 offset 5m",
            "a offset 1m offset 2m",
            "a @ b",
            "a @ Inf",
            "a @ NaN",
            "a @ 9223372036854776",
            "a @ -1e300",
            "a @ 1 @ 2",
            "(a) @ 1",
            "a offset 1m [5m]",
            "(a)[5m]",
            "a[5m:1m",
            "a[5m;1m]",
            "a[5m][5m:]",
            "a[5m:] anchored",
            "a anchored smoothed",
            "sum by (a)",
            "sum by a (b)",
            "sum by (a b) (c)",
            "sum by (1) (c)",
            "sum()",
            "sum(a, b)",
            "topk(a)",
            "foo(a)",
            "rat(a[5m])",
            "Rate(a[5m])",
            "a:b(c)",
            "rate(a[5m],)",
            "bool",
            "a on (x) b",
            "a group_left b",
            "a + fill(0) fill_left(1) b",
        ],
        &expect![[r#"
                                                 => 1:1: parse error: no expression found in input
              # only a comment                   => 1:1: parse error: no expression found in input
            1 +                                  => 1:4: parse error: unexpected end of input, expected an expression
            * a                                  => 1:1: parse error: unexpected <op:*>, expected an expression
            a b                                  => 1:3: parse error: unexpected identifier "b", expected an operator or the end of the query
            (a                                   => 1:3: parse error: unclosed left parenthesis
            sum(a                                => 1:6: parse error: unclosed left parenthesis
            a)                                   => 1:2: parse error: unexpected right parenthesis ')'
            a[5m                                 => 1:5: parse error: unclosed left bracket
            a]                                   => 1:2: parse error: unexpected right bracket ']'
            a[[5m]]                              => 1:3: parse error: unexpected left bracket '['
            a{                                   => 1:3: parse error: unexpected end of input inside braces
            a{x                                  => 1:4: parse error: unexpected end of input inside braces
            a{x}                                 => 1:4: parse error: unexpected "}" in label matching, expected label matching operator
            a{x=}                                => 1:5: parse error: unexpected "}" in label matching, expected string
            a{x=1}                               => 1:5: parse error: unexpected character inside braces: '1'
            a{x="1" y="2"}                       => 1:9: parse error: unexpected identifier "y" in label matching, expected "," or "}"
            {x="1" or y="2"}                     => 1:8: parse error: unexpected <op:or> in label matching, expected "," or "}"
            a{x:y="1"}                           => 1:4: parse error: unexpected character inside braces: ':'
            a{x=~"("}                            => 1:6: parse error: error parsing regexp: missing closing ): `(`
            a{,}                                 => 1:3: parse error: unexpected "," in label matching, expected identifier or "}"
            {"a",}}                              => 1:7: parse error: unexpected character: '}'
            a =~ b                               => 1:3: parse error: unexpected character after '=': '~'
            a !~ b                               => 1:3: parse error: unexpected character after '!': '~'
            @@                                   => 1:1: parse error: unexpected <op:@>, expected an expression
            a{1}                                 => 1:3: parse error: unexpected character inside braces: '1'
            "\                                   => 1:1: parse error: escape sequence not terminated
            a ! b                                => 1:3: parse error: unexpected character after '!': ' '
            a & b                                => 1:3: parse error: unexpected character: '&'
            ä                                    => 1:1: parse error: unexpected character: 'ä'
            "abc                                 => 1:1: parse error: unterminated quoted string
            'a
            b'                                => 1:1: parse error: unterminated quoted string
            `abc                                 => 1:1: parse error: unterminated raw string
            "\q"                                 => 1:1: parse error: unknown escape sequence U+0071 'q'
            a offset                             => 1:9: parse error: unexpected end of input in offset, expected number, duration, step(), or range()
            a offset b                           => 1:10: parse error: unexpected identifier "b" in offset, expected number, duration, step(), or range()
            1 offset 5m                          => 1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery
            a offset 1m offset 2m                => 1:1: parse error: offset may not be set multiple times
            a @ b                                => 1:5: parse error: unexpected identifier "b" in @, expected timestamp
            a @ Inf                              => 1:1: parse error: timestamp out of bounds for @ modifier: +Inf
            a @ NaN                              => 1:1: parse error: timestamp out of bounds for @ modifier: NaN
            a @ 9223372036854776                 => 1:1: parse error: timestamp out of bounds for @ modifier: 9223372036854776.000000
            a @ -1e300                           => 1:1: parse error: timestamp out of bounds for @ modifier: -1000000000000000052504760255204420248704468581108159154915854115511802457988908195786371375080447864043704443832883878176942523235360430575644792184786706982848387200926575803737830233794788090059368953234970799945081119038967640880074652742780142494579258788820056842838115669472196386865459400540160.000000
            a @ 1 @ 2                            => 1:1: parse error: @ <timestamp> may not be set multiple times
            (a) @ 1                              => 1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery
            a offset 1m [5m]                     => 1:13: parse error: no offset modifiers allowed before range
            (a)[5m]                              => 1:4: parse error: ranges only allowed for vector selectors
            a[5m:1m                              => 1:8: parse error: unclosed left bracket
            a[5m;1m]                             => 1:5: parse error: unexpected character: ';'
            a[5m][5m:]                           => 1:1: parse error: subquery is only allowed on instant vector, got matrix instead
            a[5m:] anchored                      => 1:1: parse error: anchored modifier is not supported for subqueries
            a anchored smoothed                  => 1:1: parse error: anchored and smoothed modifiers cannot be used together
            sum by (a)                           => 1:11: parse error: unexpected end of input, expected "("
            sum by a (b)                         => 1:8: parse error: unexpected identifier "a" in grouping opts, expected "("
            sum by (a b) (c)                     => 1:11: parse error: unexpected identifier "b" in grouping opts, expected "," or ")"
            sum by (1) (c)                       => 1:9: parse error: unexpected number "1" in grouping opts, expected label
            sum()                                => 1:1: parse error: no arguments for aggregate expression provided
            sum(a, b)                            => 1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2
            topk(a)                              => 1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1
            foo(a)                               => 1:1: parse error: unknown function with name "foo"
            rat(a[5m])                           => 1:1: parse error: unknown function with name "rat"
            Rate(a[5m])                          => 1:1: parse error: unknown function with name "Rate"
            a:b(c)                               => 1:4: parse error: unexpected "(", expected an operator or the end of the query
            rate(a[5m],)                         => 1:11: parse error: trailing commas not allowed in function call args
            bool                                 => 1:1: parse error: unexpected <bool>, expected an expression
            a on (x) b                           => 1:3: parse error: unexpected <on>, expected an operator or the end of the query
            a group_left b                       => 1:3: parse error: unexpected <group_left>, expected an operator or the end of the query
            a + fill(0) fill_left(1) b           => 1:13: parse error: unexpected <fill_left>, expected an expression
        "#]],
    );
}

#[test]
fn type_errors() {
    check_errors(
        &[
            "1 == 1",
            "a + bool b",
            "1 and a",
            "1 + \"x\"",
            "a[5m] + 1",
            "-\"x\"",
            "-a[5m]",
            "1 + on(x) 2",
            "a and on(x) group_left b",
            "a and fill(0) b",
            "a + fill(0) 1",
            "a * on(x) group_left(x) b",
            "rate(a)",
            "rate(1)",
            "abs(a[5m])",
            "rate()",
            "round(a, 1, 2)",
            "label_join(a)",
            "vector(a)",
            "sum(1)",
            "sum(a[5m])",
            "topk(a, b)",
            "count_values(1, b)",
            "{}",
            "{x=\"\"}",
            "{x=~\".*\"}",
            "a{__name__=\"b\"}",
            "info(a, b)",
            "info(a, 1)",
            "1[5m:]",
            "a[5m:][1m:]",
            "sum(1) b",
        ],
        &expect![[r#"
            1 == 1                               => 1:3: parse error: comparisons between scalars must use BOOL modifier
            a + bool b                           => 1:3: parse error: bool modifier can only be used on comparison operators
            1 and a                              => 1:1: parse error: set operator "and" not allowed in binary scalar expression
            1 + "x"                              => 1:5: parse error: binary expression must contain only scalar and instant vector types
            a[5m] + 1                            => 1:1: parse error: binary expression must contain only scalar and instant vector types
            -"x"                                 => 1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "string"
            -a[5m]                               => 1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "range vector"
            1 + on(x) 2                          => 1:1: parse error: vector matching only allowed between instant vectors
            a and on(x) group_left b             => 1:1: parse error: no grouping allowed for "and" operation
            a and fill(0) b                      => 1:1: parse error: filling in missing series not allowed for set operators
            a + fill(0) 1                        => 1:1: parse error: filling in missing series only allowed between instant vectors
            a * on(x) group_left(x) b            => 1:3: parse error: label "x" must not occur in ON and GROUP clause at once
            rate(a)                              => 1:6: parse error: expected type range vector in call to function "rate", got instant vector
            rate(1)                              => 1:6: parse error: expected type range vector in call to function "rate", got scalar
            abs(a[5m])                           => 1:5: parse error: expected type instant vector in call to function "abs", got range vector
            rate()                               => 1:1: parse error: expected 1 argument(s) in call to "rate", got 0
            round(a, 1, 2)                       => 1:1: parse error: expected at most 2 argument(s) in call to "round", got 3
            label_join(a)                        => 1:1: parse error: expected at least 3 argument(s) in call to "label_join", got 1
            vector(a)                            => 1:8: parse error: expected type scalar in call to function "vector", got instant vector
            sum(1)                               => 1:5: parse error: expected type instant vector in aggregation expression, got scalar
            sum(a[5m])                           => 1:5: parse error: expected type instant vector in aggregation expression, got range vector
            topk(a, b)                           => 1:6: parse error: expected type scalar in aggregation parameter, got instant vector
            count_values(1, b)                   => 1:14: parse error: expected type string in aggregation parameter, got scalar
            {}                                   => 1:1: parse error: vector selector must contain at least one non-empty matcher
            {x=""}                               => 1:1: parse error: vector selector must contain at least one non-empty matcher
            {x=~".*"}                            => 1:1: parse error: vector selector must contain at least one non-empty matcher
            a{__name__="b"}                      => 1:1: parse error: metric name must not be set twice: "a" or "b"
            info(a, b)                           => 1:9: parse error: expected label selectors only, got vector selector instead
            info(a, 1)                           => 1:9: parse error: expected type instant vector in call to function "info", got scalar
            1[5m:]                               => 1:1: parse error: subquery is only allowed on instant vector, got scalar instead
            a[5m:][1m:]                          => 1:1: parse error: subquery is only allowed on instant vector, got matrix instead
            sum(1) b                             => 1:8: parse error: unexpected identifier "b", expected an operator or the end of the query
        "#]],
    );
}

#[test]
fn positions_are_bytes_and_lines_count() {
    let expr = ok("sum(\n  rate(a{x=\"ä\"}[5m])\n)");
    let ExprKind::Aggregate(aggregate) = &expr.kind else { panic!("no aggregation") };
    assert_eq!((aggregate.expr.span.start, aggregate.expr.span.end), (7, 26));
    assert_eq!(
        error("a\n  + \"ä\" b"),
        "2:10: parse error: unexpected identifier \"b\", expected an operator or the end of the query"
    );
}

#[test]
fn hints_name_what_was_meant() {
    let hint = |text| parse(text, &ParseOptions::default()).unwrap_err().hint;
    assert_eq!(hint("increse(a[5m])").as_deref(), Some("did you mean increase()?"));
    assert_eq!(hint("RATE(a[5m])").as_deref(), Some("did you mean rate()?"));
    assert_eq!(hint("completely_else(a)"), None);
    assert!(hint("{a=\"b\" or c=\"d\"}").is_some());
}

#[test]
fn switches_turn_features_off() {
    let off = ParseOptions {
        experimental_functions: false,
        extended_range_selectors: false,
        fill_modifiers: false,
        ..ParseOptions::default()
    };
    for text in ["mad_over_time(a[5m])", "limitk(1, a)", "a[5m] anchored", "a + fill(0) b"] {
        let message = parse(text, &off).unwrap_err().message;
        assert!(message.contains("not enabled"), "{text}: {message}");
    }
}

#[test]
fn nesting_is_bounded_and_long_chains_are_not_nesting() {
    let options = ParseOptions::default();
    let nested = |depth: usize, open: &str, close: &str| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    assert!(parse(&nested(options.depth_max - 1, "(", ")"), &options).is_ok());
    for text in [
        nested(100_000, "(", ")"),
        nested(100_000, "-", ""),
        nested(100_000, "2^", ""),
        nested(100_000, "abs(", ")"),
        nested(100_000, "sum(", ")"),
        format!("a[{}]", nested(100_000, "(", ")")),
        format!("a[{}]", nested(100_000, "-", "")),
        format!("a[{}]", nested(100_000, "1+", "")),
        format!("a[{}]", nested(100_000, "2^", "")),
    ] {
        let error = parse(&text, &options).unwrap_err();
        let start = &text[..20];
        assert_eq!(error.message, "query nests too deep, at most 250 levels are allowed", "{start}");
    }
    let sum = vec!["a"; 20_000].join(" + ");
    let expr = ok(&sum);
    assert_eq!((expr.left_spine().count(), expr.to_string() == sum), (20_000, true));
    let copy = expr.clone();
    assert!(copy == expr);
    drop(expr);
    assert_eq!(copy.value_type, ValueType::Vector);
}

#[test]
fn matchers_are_counted_over_the_whole_query() {
    let options = ParseOptions { matchers_max: 3, regexes_max: 1, ..ParseOptions::default() };
    let message = |text| parse(text, &options).map_err(|error| error.to_string());
    assert!(message(r#"a{x="1", y=~"2"} + b{z!="3"} + c"#).is_ok());
    assert_eq!(
        message(r#"a{x="1", y=~"2"} + b{x="1", y="2"}"#),
        Err("1:29: parse error: query has too many matchers, at most 3 are allowed".to_owned())
    );
    assert_eq!(
        message(r#"a{x=~"1"} + b{x!~"("}"#),
        Err("1:18: parse error: query has too many regular expressions, at most 1 are allowed".to_owned())
    );
}

#[test]
fn long_queries_are_refused() {
    let options = ParseOptions { text_bytes_max: 10, ..ParseOptions::default() };
    assert!(parse("0123456789", &options).is_ok());
    let error = parse("01234567890", &options).unwrap_err();
    assert_eq!(error.to_string(), "1:1: parse error: query of 11 bytes is too long, at most 10 are allowed");
}

mod random {
    use proptest::prelude::*;

    use super::*;

    /// Texts of valid scalar and vector expressions.
    fn vector() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "[a-c]{1,2}",
            "[a-c]\\{x(=|!=|=~)\"[a-z]{0,3}\"\\}",
            "[a-c] offset -?[1-9]m",
            "[a-c] @ [1-9]{1,3}",
            "rate\\([a-c]\\[[1-9]m\\] offset 5m\\)",
            "max_over_time\\([a-c]\\[[1-9]h:([1-9]m)?\\] @ start\\(\\)\\)",
        ];
        leaf.prop_recursive(5, 40, 3, |inner| {
            let operator = prop_oneof!["[-+*/%^]", "==|!=|<|>=|> bool", "and|or|unless|atan2"];
            prop_oneof![
                (inner.clone(), operator, inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
                (inner.clone(), "[-+*/%^]", "-?[0-9]{1,3}(\\.[0-9])?|Inf|5m")
                    .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
                (inner.clone(), "sum|avg by \\(x, y\\)|topk").prop_map(|(a, op)| match op.as_str() {
                    "topk" => format!("topk(3, {a})"),
                    _ => format!("{op} ({a})"),
                }),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) * on (x) group_left (y) ({b})")),
                inner.clone().prop_map(|a| format!("({a})")),
                inner.clone().prop_map(|a| format!("-{a}")),
                inner.prop_map(|a| format!("rate(({a})[5m:1m] offset 1m)")),
            ]
        })
    }

    proptest! {
        #[test]
        fn printing_and_parsing_change_nothing(text in vector()) {
            let expr = parse(&text, &ParseOptions::default()).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
            let printed = expr.to_string();
            let back = parse(&printed, &ParseOptions::default()).map_err(|e| TestCaseError::fail(format!("{printed}: {e}")))?;
            prop_assert!(back == expr, "{} printed as {}", text, printed);
            prop_assert_eq!(back.to_string(), printed);
        }

        #[test]
        fn no_text_panics(text in "([a-z(){}\\[\\]\"'`\\\\:@,=!~<>+*/^%# \n0-9._äx-]|offset|sum|by|on|step\\(\\)|5m){0,40}") {
            check_any(&text)?;
        }

        #[test]
        fn no_row_of_tokens_panics(tokens in proptest::collection::vec(proptest::sample::select(TOKENS), 1..12)) {
            check_any(&tokens.join(" "))?;
        }
    }

    const TOKENS: &[&str] = &[
        "a",
        "b{x=\"y\"}",
        "{\"c.d\"}",
        "(",
        ")",
        "+",
        "-",
        "^",
        "*",
        "==",
        "bool",
        "and",
        "atan2",
        "on(x)",
        "ignoring()",
        "group_left(y)",
        "fill(-1)",
        "fill_right(NaN)",
        "[5m]",
        "[5m:1m]",
        "[1h:]",
        "[step()*-2]",
        "[max_of(1, range())]",
        "offset",
        "offset -5m",
        "offset -(2*step())",
        "@",
        "@ 1.5",
        "@ end()",
        "anchored",
        "smoothed",
        "rate(",
        "sum(",
        "sum by (x) (",
        "topk(2,",
        "time()",
        "1",
        "-0",
        "0x1f",
        "1e300",
        "Inf",
        "NaN",
        "5m",
        "\"s\\n\"",
        "'",
        ",",
        "#",
        "\n",
    ];

    /// What parses must print as something that parses to the same.
    fn check_any(text: &str) -> Result<(), TestCaseError> {
        if let Ok(expr) = parse(text, &ParseOptions::default()) {
            for printed in [expr.to_string(), expr.pretty()] {
                let back = parse(&printed, &ParseOptions::default());
                prop_assert!(back.is_ok_and(|back| back == expr), "{} printed as {}", text, printed);
            }
        }
        Ok(())
    }
}
