use super::compile_re2;

fn matches(pattern: &str, text: &str) -> bool {
    compile_re2(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).is_match(text)
}

fn error(pattern: &str) -> String {
    compile_re2(pattern).err().unwrap_or_else(|| panic!("{pattern} should be refused")).to_string()
}

#[test]
fn patterns_mean_what_they_mean_in_go() {
    for (pattern, hits, misses) in [
        // Perl's classes know ASCII only, and \s no vertical tab.
        (r"\w+", &["a_9"][..], &["한글", "ä"][..]),
        (r"\W+", &["한글", "-"], &["a"]),
        (r"\d", &["7"], &["٣"]),
        (r"[^\d]", &["٣", "a"], &["7"]),
        (r"[\D]x", &["ax"], &["7x"]),
        (r"\s", &[" ", "\x0C"], &["\x0B", "\u{a0}"]),
        (r"[\S]", &["\x0B"], &["\t"]),
        (r"한\b글", &[], &["한글"]),
        (r"a\b한", &["a한"], &[]),
        (r"한\B글", &["한글"], &[]),
        // Braces that count nothing.
        ("/api/{id}", &["/api/{id}"], &["/api/id"]),
        ("(a{,2})", &["a{,2}"], &["aa"]),
        ("a{1,3}", &["a", "aaa"], &["", "aaaa"]),
        ("a{2}", &["aa"], &["a", "a{2}"]),
        ("a{01}|{|a{1", &["a{01}", "{", "a{1"], &["a"]),
        ("a{2,}?b", &["aaab"], &["ab"]),
        // Escapes.
        (r"x\<y\>", &["x<y>"], &["xy"]),
        (r"\Qa.b\E.", &["a.bx"], &["axbx"]),
        (r"\Q(", &["("], &[]),
        (r"\Qab\E+", &["abb"], &["abab"]),
        (r"\x41\x{1F600}\101\07\_\-", &["A😀A\x07_-"], &[]),
        (r"\a\f\n\r\t\v", &["\x07\x0C\n\r\t\x0B"], &[]),
        (r"\Aa\z", &["a"], &["b"]),
        // Classes.
        ("[a&&b]+", &["a&b"], &["c"]),
        ("[+--c~~d]+", &["+-c~d"], &["b"]),
        ("[[a]", &["[", "a"], &["b"]),
        ("[]a]+", &["]a"], &["b"]),
        ("[^]a]", &["b"], &["]"]),
        ("[a-]+", &["a-"], &["b"]),
        ("[-+]+", &["+-"], &[","]),
        (r"[\d-z]+", &["4-z"], &["y"]),
        (r"[\]\[\\^]+", &["[]\\^"], &["a"]),
        ("[[:alpha:]]+", &["aZ"], &["1", "ä"]),
        ("[[:^alpha:]_]", &["1", "ä", "_"], &["a"]),
        ("[[:alpha]+", &[":["], &["z"]),
        (r"\pL\p{Hangul}\P{^Greek}[\PL]", &["a한α1"], &["1한αa"]),
        // Groups and flags.
        ("(?i)ABC", &["abc", "aBc"], &["ab"]),
        ("(?ii-s:A.)b", &["aXb"], &["a\nb", "aXB"]),
        ("(?s-s).|(?)x", &["a"], &["\n"]),
        ("(?P<n>a)(?<m>b)", &["ab"], &[]),
        ("(?m)a$\n^b", &["a\nb"], &[]),
        ("a b#c", &["a b#c"], &["ab"]),
        ("|a", &["", "a"], &["b"]),
        (".", &["\n", "한"], &["ab"]),
    ] {
        hits.iter().for_each(|text| assert!(matches(pattern, text), "{pattern} should match {text:?}"));
        misses.iter().for_each(|text| assert!(!matches(pattern, text), "{pattern} should not match {text:?}"));
    }
}

#[test]
fn what_go_refuses_is_refused_in_its_words() {
    for (pattern, reason) in [
        ("a(b", "missing closing ): `a(b`"),
        ("a)b", "unexpected ): `a)b`"),
        ("x[a-z", "missing closing ]: `[a-z`"),
        ("[]", "missing closing ]: `[]`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("[[:alpa:]]", "invalid character class range: `[:alpa:]`"),
        (r"\p{Klingon}", "invalid character class range: `\\p{Klingon}`"),
        (r"\p{gc=L}", "invalid character class range: `\\p{gc=L}`"),
        (r"\p", "invalid character class range: `\\p`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a+?{2}", "invalid nested repetition operator: `+?{2}`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("a|{2}", "missing argument to repetition operator: `{2}`"),
        ("(+?)", "missing argument to repetition operator: `+?`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{3,2}", "invalid repeat count: `{3,2}`"),
        ("a{99999999999}", "invalid repeat count: `{99999999999}`"),
        ("(a{100}){11}", "invalid repeat count: `(a{100}){11}`"),
        ("a\\", "trailing backslash at end of expression: ``"),
        (r"\C", "invalid escape sequence: `\\C`"),
        (r"(a)\1", "invalid escape sequence: `\\1`"),
        (r"\Z", "invalid escape sequence: `\\Z`"),
        (r"\u00e4", "invalid escape sequence: `\\u`"),
        (r"\x{110000}", "invalid escape sequence: `\\x{110000}`"),
        (r"[\b]", "invalid escape sequence: `\\b`"),
        ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?u:a)", "invalid or unsupported Perl syntax: `(?u`"),
        ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?!a)", "invalid or unsupported Perl syntax: `(?!`"),
        ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        ("(?<=a>)", "invalid named capture: `(?<=a>`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        ("[^a]{1000}[^b]{1000}[^c]{1000}", "expression too large: `[^a]{1000}[^b]{1000}[^c]{1000}`"),
    ] {
        assert_eq!(error(pattern), format!("error parsing regexp: {reason}"), "{pattern}");
    }
}

#[test]
fn patterns_are_bounded() {
    let wide = error(&r"(?i)[\D]".repeat(1000));
    assert!(wide.starts_with("error parsing regexp: expression too large") && wide.len() < 400, "{wide}");
    assert!(error(&r"\pL".repeat(1000)).contains("too large"));
    assert!(error(&"(".repeat(100_000)).contains("missing closing )"));
    assert!(compile_re2(&format!("{}{}", "(".repeat(100_000), ")".repeat(100_000))).is_err());
}

#[test]
fn dashboards_of_a_thousand_alternatives_fit() {
    for tail in [".*", "-[0-9a-f]+(-[a-z0-9]{5})?", r"(:\d+)?"] {
        let hosts: Vec<String> = (0..1000).map(|n| format!(r"node-{n:04}\.example\.com{tail}")).collect();
        assert!(compile_re2(&hosts.join("|")).is_ok(), "{tail}");
    }
}

proptest::proptest! {
    #[test]
    fn no_pattern_panics(pattern in r"([-\[\]\\(){}?*+|^$.,:<>=!&~#aAbBdDpPQEsSwWxzCiU019_ 한]|\\p\{|\[:alpha:\]|\(\?){0,12}") {
        let _ = compile_re2(&pattern);
    }

    #[test]
    fn quoting_matches_just_the_text(text in r"[^\\]{0,8}") {
        let regex = compile_re2(&format!(r"\Q{text}\E")).unwrap();
        let longer = format!("{text}x");
        proptest::prop_assert!(regex.is_match(&text) && !regex.is_match(&longer));
    }
}
