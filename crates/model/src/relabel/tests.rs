use super::*;
use crate::{Labels, LabelsBuilder};

fn rule(config: RelabelConfig) -> RelabelRule {
    config.compile().unwrap_or_else(|error| panic!("{error}"))
}

/// The labels after the rules, as text; `dropped` when a rule drops them.
fn run(rules: &[RelabelRule], labels: &[(&str, &str)]) -> String {
    let mut builder = LabelsBuilder::from_labels(&Labels::from_pairs(labels.iter().copied()));
    if relabel(rules, &mut builder) { builder.build().to_string() } else { "dropped".to_owned() }
}

fn config(action: &str, source: &[&str], regex: &str) -> RelabelConfig {
    RelabelConfig {
        source_labels: (!source.is_empty()).then(|| source.iter().map(|&name| name.to_owned()).collect()),
        regex: regex.to_owned(),
        action: action.parse().unwrap(),
        ..RelabelConfig::default()
    }
}

fn replace(source: &[&str], regex: &str, target: &str, replacement: &str) -> RelabelRule {
    let (target_label, replacement) = (target.to_owned(), replacement.to_owned());
    rule(RelabelConfig { target_label, replacement, ..config("replace", source, regex) })
}

#[test]
fn replace_sets_adds_and_deletes() {
    let labels = [("a", "foo"), ("b", "bar"), ("c", "baz")];
    for (rules, expected) in [
        (vec![replace(&["a"], "f(.*)", "d", "ch${1}-ch${1}")], r#"{a="foo", b="bar", c="baz", d="choo-choo"}"#),
        (vec![replace(&["a", "b"], "(.*);(.*)", "$2", "$$-$1x-${1}")], r#"{a="foo", b="bar", bar="$--foo", c="baz"}"#),
        (vec![replace(&["a"], "f(?P<rest>.*)", "a", "${rest}$rest")], r#"{a="oooo", b="bar", c="baz"}"#),
        (vec![replace(&["a"], "(f).*", "b", "$2")], r#"{a="foo", c="baz"}"#),
        (
            vec![replace(&["a"], "oo", "b", "never: the pattern has to match as a whole")],
            r#"{a="foo", b="bar", c="baz"}"#,
        ),
        (vec![replace(&[], "(.*)", "n", "constant")], r#"{a="foo", b="bar", c="baz", n="constant"}"#),
        (vec![replace(&["a"], "(.*)", "${9}", "x")], r#"{a="foo", b="bar", c="baz"}"#),
        (
            vec![replace(&["a"], "(.*)", "d", "$"), replace(&["d"], "(.*)", "e", "${1")],
            r#"{a="foo", b="bar", c="baz", d="$", e="${1"}"#,
        ),
    ] {
        assert_eq!(run(&rules, &labels), expected);
    }
}

#[test]
fn keep_and_drop() {
    let labels = [("a", "foo"), ("b", "bar\nbaz")];
    for (action, source, regex, kept) in [
        ("keep", vec!["a"], "foo|x", true),
        ("keep", vec!["a"], "o", false),
        ("keep", vec!["b"], "bar.baz", true),
        ("drop", vec!["a", "b"], "foo;.*", false),
        ("DROP", vec!["missing"], "", false),
        ("drop", vec!["a"], "no", true),
        ("keep", vec!["a"], r"\x66\Qoo\E", true),
    ] {
        assert_eq!(run(&[rule(config(action, &source, regex))], &labels) != "dropped", kept, "{action} {regex}");
    }
    for (action, target, kept) in
        [("keepequal", "b", false), ("dropequal", "b", true), ("keepequal", "a", true), ("dropequal", "a", false)]
    {
        let config = RelabelConfig { target_label: target.to_owned(), ..config(action, &["a"], "(.*)") };
        assert_eq!(run(&[rule(config)], &labels) != "dropped", kept, "{action} {target}");
    }
}

#[test]
fn names_are_mapped_dropped_and_kept() {
    let labels = [("__meta_my_bar", "aaa"), ("__meta_my_baz", "bbb"), ("a", "foo")];
    let mapped = RelabelConfig { replacement: "my_$1".to_owned(), ..config("labelmap", &[], "__meta_my_(.*)") };
    let dropped = config("labeldrop", &[], "__meta.*");
    assert_eq!(run(&[rule(mapped), rule(dropped)], &labels), r#"{a="foo", my_bar="aaa", my_baz="bbb"}"#);
    assert_eq!(run(&[rule(config("labelkeep", &[], "a|b"))], &labels), r#"{a="foo"}"#);
}

#[test]
fn case_and_shards() {
    let target = |action, modulus| {
        rule(RelabelConfig { target_label: "d".to_owned(), modulus, ..config(action, &["a"], "(.*)") })
    };
    assert_eq!(run(&[target("lowercase", 0)], &[("a", "ÄbC")]), r#"{a="ÄbC", d="äbc"}"#);
    assert_eq!(run(&[target("uppercase", 0)], &[("a", "ÄbC")]), r#"{a="ÄbC", d="ÄBC"}"#);
    // md5("foo") is acbd18db4cc2f85c edef654fccc4a4d8; 0xedef654fccc4a4d8 mod 1000 = 416.
    assert_eq!(
        run(&[target("hashmod", 1000)], &[("a", "foo")]),
        format!(r#"{{a="foo", d="{}"}}"#, 0xedef_654f_ccc4_a4d8_u64 % 1000)
    );
}

#[test]
fn senseless_rules_are_refused_as_upstream_refuses_them() {
    let target = |target: &str, config: RelabelConfig| RelabelConfig { target_label: target.to_owned(), ..config };
    for (config, text) in [
        (config("replace", &["a"], "(.*)"), "relabel configuration for replace action requires 'target_label' value"),
        (target("a", config("hashmod", &[], "(.*)")), "relabel configuration for hashmod requires non-zero modulus"),
        (
            target("a", RelabelConfig { replacement: "x".to_owned(), ..config("lowercase", &[], "(.*)") }),
            "'replacement' can not be set for lowercase action",
        ),
        (
            target("a", config("dropequal", &["b"], "x")),
            "dropequal action requires only 'source_labels' and 'target_label', and no other fields",
        ),
        (config("labeldrop", &["a"], "x"), "labeldrop action requires only 'regex', and no other fields"),
        (
            RelabelConfig { replacement: String::new(), ..config("labelmap", &[], "x") },
            "\"\" is invalid 'replacement' for labelmap action",
        ),
    ] {
        assert_eq!(config.compile().unwrap_err().to_string(), text);
    }
    assert_eq!(
        config("keep", &["a"], "(").compile().unwrap_err().to_string(),
        "error parsing regexp: missing closing ): `(`"
    );
    assert_eq!(
        "replcae".parse::<RelabelAction>().unwrap_err().to_string(),
        "unknown relabel action \"replcae\"; expected one of replace, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep, lowercase, uppercase"
    );
}
