//! A syntax tree as JSON, for editors and explainers. Source: Prometheus' `web/api/v1/translate_ast.go`; members stand in
//! the order of their names, as Go writes maps.

use std::fmt::Write;

use bongsu_model::Matcher;
use bongsu_syntax::{
    AggregateExpr, At, BinaryExpr, Call, Cardinality, Duration, Expr, ExprKind, Extent, Function, SubqueryExpr,
    UnaryOp, ValueType, VectorMatching, VectorSelector,
};

use super::json::{separated, write_text};

/// The whole tree.
pub(super) fn to_json(expr: &Expr) -> String {
    let mut out = String::new();
    write_expr(&mut out, expr);
    out
}

/// Recurses as deep as the parser lets trees nest; chains of operators lean to the left without a bound and are written in
/// a loop, outer operations opened first and closed last.
fn write_expr(out: &mut String, expr: &Expr) {
    let mut open: Vec<&BinaryExpr> = Vec::new();
    for expr in expr.left_spine() {
        match &expr.kind {
            ExprKind::Binary(binary) => {
                let _ = write!(out, "{{\"bool\":{},\"lhs\":", binary.return_bool);
                open.push(binary);
            }
            _ => write_other(out, expr),
        }
    }
    for binary in open.into_iter().rev() {
        out.push_str(",\"matching\":");
        match &binary.matching {
            Some(matching) => write_matching(out, matching),
            None => out.push_str("null"),
        }
        let _ = write!(out, ",\"op\":\"{}\",\"rhs\":", binary.op);
        write_expr(out, &binary.rhs);
        out.push_str(",\"type\":\"binaryExpr\"}");
    }
}

fn write_other(out: &mut String, expr: &Expr) {
    match &expr.kind {
        ExprKind::Binary(_) => write_expr(out, expr),
        ExprKind::Number(number) => {
            let _ =
                write!(out, "{{\"type\":\"numberLiteral\",\"val\":\"{}\"}}", bongsu_model::format_float(number.value));
        }
        ExprKind::String(text) => {
            out.push_str("{\"type\":\"stringLiteral\",\"val\":");
            write_text(out, text);
            out.push('}');
        }
        ExprKind::Vector(selector) => write_selector(out, selector, None),
        ExprKind::Matrix(matrix) => write_selector(out, &matrix.selector, Some(&matrix.range)),
        ExprKind::Subquery(subquery) => write_subquery(out, subquery),
        ExprKind::Call(call) => write_call(out, call),
        ExprKind::Aggregate(aggregate) => write_aggregate(out, aggregate),
        ExprKind::Unary(unary) => {
            out.push_str("{\"expr\":");
            write_expr(out, &unary.expr);
            let sign = if unary.op == UnaryOp::Minus { '-' } else { '+' };
            let _ = write!(out, ",\"op\":\"{sign}\",\"type\":\"unaryExpr\"}}");
        }
        ExprKind::Paren(inner) => {
            out.push_str("{\"expr\":");
            write_expr(out, inner);
            out.push_str(",\"type\":\"parenExpr\"}");
        }
    }
}

fn write_selector(out: &mut String, selector: &VectorSelector, range: Option<&Duration>) {
    let _ = write!(out, "{{\"anchored\":{},\"matchers\":[", selector.extent == Extent::Anchored);
    separated(out, &selector.matchers, write_matcher);
    out.push_str("],\"name\":");
    write_text(out, selector.name.as_deref().unwrap_or(""));
    let _ = write!(out, ",\"offset\":{}", fixed_ms(&selector.offset));
    if let Some(range) = range {
        let _ = write!(out, ",\"range\":{}", fixed_ms(range));
    }
    let _ = write!(out, ",\"smoothed\":{}", selector.extent == Extent::Smoothed);
    write_at(out, selector.at);
    let _ = write!(out, ",\"type\":\"{}\"}}", if range.is_some() { "matrixSelector" } else { "vectorSelector" });
}

fn write_matcher(out: &mut String, matcher: &Matcher) {
    out.push_str("{\"name\":");
    write_text(out, matcher.name());
    let _ = write!(out, ",\"type\":\"{}\",\"value\":", matcher.op());
    write_text(out, matcher.value());
    out.push('}');
}

fn write_subquery(out: &mut String, subquery: &SubqueryExpr) {
    out.push_str("{\"expr\":");
    write_expr(out, &subquery.expr);
    let _ = write!(out, ",\"offset\":{},\"range\":{}", fixed_ms(&subquery.offset), fixed_ms(&subquery.range));
    let at = subquery.at;
    let start_or_end = start_or_end(at);
    let step_ms = subquery.step.as_ref().map_or(0, fixed_ms);
    let _ = write!(out, ",\"startOrEnd\":{start_or_end},\"step\":{step_ms},\"timestamp\":{}", timestamp(at));
    out.push_str(",\"type\":\"subquery\"}");
}

fn write_call(out: &mut String, call: &Call) {
    out.push_str("{\"args\":[");
    separated(out, &call.args, |out, arg: &Expr| write_expr(out, arg));
    out.push_str("],\"func\":{\"argTypes\":[");
    separated(out, call.function.arg_types, |out, kind: &ValueType| {
        let _ = write!(out, "\"{kind}\"");
    });
    let function = call.function;
    let _ = write!(
        out,
        "],\"name\":\"{}\",\"returnType\":\"{}\",\"variadic\":{}}},\"type\":\"call\"}}",
        function.name,
        function.return_type,
        variadic(function)
    );
}

/// How many arguments may be left out; -1 for any number of further ones.
fn variadic(function: &Function) -> i64 {
    function.args_max.map_or(-1, |max| max as i64 - function.args_min as i64)
}

fn write_aggregate(out: &mut String, aggregate: &AggregateExpr) {
    out.push_str("{\"expr\":");
    write_expr(out, &aggregate.expr);
    out.push_str(",\"grouping\":[");
    separated(out, &aggregate.grouping, |out, label: &String| write_text(out, label));
    let _ = write!(out, "],\"op\":\"{}\",\"param\":", aggregate.op);
    match &aggregate.param {
        Some(param) => write_expr(out, param),
        None => out.push_str("null"),
    }
    let _ = write!(out, ",\"type\":\"aggregation\",\"without\":{}}}", aggregate.without);
}

fn write_matching(out: &mut String, matching: &VectorMatching) {
    let card = match matching.card {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    // JSON has no infinities; upstream fails on them, here they are null.
    let fill =
        |value: Option<f64>| value.filter(|v| v.is_finite()).map_or("null".to_owned(), bongsu_model::format_float);
    let (left, right) = (fill(matching.fill.left), fill(matching.fill.right));
    let _ = write!(out, "{{\"card\":\"{card}\",\"fillValues\":{{\"lhs\":{left},\"rhs\":{right}}},\"include\":[");
    separated(out, &matching.include, |out, label: &String| write_text(out, label));
    out.push_str("],\"labels\":[");
    separated(out, &matching.labels, |out, label: &String| write_text(out, label));
    let _ = write!(out, "],\"on\":{}}}", matching.on);
}

fn write_at(out: &mut String, at: Option<At>) {
    let _ = write!(out, ",\"startOrEnd\":{},\"timestamp\":{}", start_or_end(at), timestamp(at));
}

fn start_or_end(at: Option<At>) -> &'static str {
    match at {
        Some(At::Start) => "\"start\"",
        Some(At::End) => "\"end\"",
        _ => "null",
    }
}

fn timestamp(at: Option<At>) -> String {
    match at {
        Some(At::Timestamp(ms)) => ms.to_string(),
        _ => "null".to_owned(),
    }
}

/// What is calculated at evaluation is 0 in the tree, as in Prometheus.
fn fixed_ms(duration: &Duration) -> i64 {
    match duration {
        Duration::Fixed(ms) => *ms,
        Duration::Computed(..) => 0,
    }
}

#[cfg(test)]
mod tests {
    use bongsu_syntax::ParseOptions;
    use expect_test::{Expect, expect};

    use super::*;

    fn check(query: &str, expected: &Expect) {
        let json = to_json(&bongsu_syntax::parse(query, &ParseOptions::default()).unwrap());
        let _: serde_json::Value = serde_json::from_str(&json).unwrap();
        expected.assert_eq(&json);
    }

    #[test]
    fn selectors() {
        check(
            r#"up{a!~"b\n"} offset 5m @ 1.5"#,
            &expect![[
                r#"{"anchored":false,"matchers":[{"name":"a","type":"!~","value":"b\n"},{"name":"__name__","type":"=","value":"up"}],"name":"up","offset":300000,"smoothed":false,"startOrEnd":null,"timestamp":1500,"type":"vectorSelector"}"#
            ]],
        );
        check(
            "rate(up[5m] anchored @ end())",
            &expect![[
                r#"{"args":[{"anchored":true,"matchers":[{"name":"__name__","type":"=","value":"up"}],"name":"up","offset":0,"range":300000,"smoothed":false,"startOrEnd":"end","timestamp":null,"type":"matrixSelector"}],"func":{"argTypes":["matrix"],"name":"rate","returnType":"vector","variadic":0},"type":"call"}"#
            ]],
        );
    }

    #[test]
    fn operations_and_aggregations() {
        check(
            "-a + on (x) group_left (y) fill_left (0) (b > bool 1)",
            &expect![[
                r#"{"bool":false,"lhs":{"expr":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":0,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"op":"-","type":"unaryExpr"},"matching":{"card":"many-to-one","fillValues":{"lhs":0,"rhs":null},"include":["y"],"labels":["x"],"on":true},"op":"+","rhs":{"expr":{"bool":true,"lhs":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"b"}],"name":"b","offset":0,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"matching":null,"op":">","rhs":{"type":"numberLiteral","val":"1"},"type":"binaryExpr"},"type":"parenExpr"},"type":"binaryExpr"}"#
            ]],
        );
        check(
            "topk by (a) (3, up)",
            &expect![[
                r#"{"expr":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"up"}],"name":"up","offset":0,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"grouping":["a"],"op":"topk","param":{"type":"numberLiteral","val":"3"},"type":"aggregation","without":false}"#
            ]],
        );
        check(
            r#"label_join(up, "a", "b")"#,
            &expect![[
                r#"{"args":[{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"up"}],"name":"up","offset":0,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},{"type":"stringLiteral","val":"a"},{"type":"stringLiteral","val":"b"}],"func":{"argTypes":["vector","string","string","string"],"name":"label_join","returnType":"vector","variadic":-1},"type":"call"}"#
            ]],
        );
        check(
            "max_over_time(up[1h:5m] @ start())",
            &expect![[
                r#"{"args":[{"expr":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"up"}],"name":"up","offset":0,"smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"offset":0,"range":3600000,"startOrEnd":"start","step":300000,"timestamp":null,"type":"subquery"}],"func":{"argTypes":["matrix"],"name":"max_over_time","returnType":"vector","variadic":0},"type":"call"}"#
            ]],
        );
    }

    #[test]
    fn a_long_chain_takes_no_stack() {
        let expr = bongsu_syntax::parse(&vec!["1"; 20_000].join("+"), &ParseOptions::default()).unwrap();
        let json = to_json(&expr);
        assert_eq!((json.matches("binaryExpr").count(), json.matches("numberLiteral").count()), (19_999, 20_000));
        assert!(json.ends_with(r#","type":"binaryExpr"}"#));
    }
}
