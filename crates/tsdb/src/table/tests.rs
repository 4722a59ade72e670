use super::*;

fn raw(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    span::encode(pairs.iter().copied(), &mut out);
    out
}

fn get(table: &mut Table, previous: u32, span: &[u8]) -> u32 {
    match table.find(previous, span) {
        Some(slot) => slot,
        None => table.create(previous, span, Some(&Limits::default())).unwrap(),
    }
}

fn refusal(pairs: &[(&str, &str)], limits: &Limits) -> RejectReason {
    Table::new(1).create(NO_SLOT, &raw(pairs), Some(limits)).unwrap_err().reason
}

#[test]
fn spellings_of_the_same_labels_are_one_series() {
    let mut table = Table::new(1);
    let spellings: [&[_]; 3] =
        [&[("a", "1"), ("b", "2")], &[("b", "2"), ("a", "1")], &[("a", "1"), ("b", "2"), ("c", "")]];
    for first in 0..3 {
        let mut table = Table::new(1);
        for i in 0..3 {
            let slot = get(&mut table, NO_SLOT, &raw(spellings[(first + i) % 3]));
            assert_eq!(table.series_of(slot), 0);
        }
        assert_eq!(table.len(), 1);
        assert_eq!(span::labels(table.span(0)).to_string(), r#"{a="1", b="2"}"#);
    }
    let other = get(&mut table, NO_SLOT, &raw(&[("a", "1")]));
    assert_eq!(table.series_of(other), 0);
}

#[test]
fn follows_the_order_of_the_request_before() {
    let mut table = Table::new(1);
    let spans: Vec<_> = (0..100).map(|i| raw(&[("i", &i.to_string())])).collect();
    for _ in 0..2 {
        let mut previous = NO_SLOT;
        for (i, span) in spans.iter().enumerate() {
            previous = get(&mut table, previous, span);
            assert_eq!(table.series_of(previous), i as u32);
        }
    }
    // Another order is learned as well.
    let mut previous = NO_SLOT;
    for (i, span) in spans.iter().enumerate().rev() {
        previous = get(&mut table, previous, span);
        assert_eq!(table.series_of(previous), i as u32);
    }
    assert_eq!(table.slots[50].next, 49);
}

#[test]
fn refuses_what_breaks_a_rule() {
    let limits = Limits {
        label_names_per_series_max: 2,
        label_name_bytes_max: 3,
        label_value_bytes_max: 4,
        ..Limits::default()
    };
    assert!(Table::new(1).create(NO_SLOT, &raw(&[("abc", "abcd"), ("b", "1")]), Some(&limits)).is_ok());
    assert_eq!(refusal(&[("a", "1"), ("b", "1"), ("c", "1")], &limits), RejectReason::TooManyLabels);
    assert_eq!(refusal(&[("abcd", "1")], &limits), RejectReason::LabelNameTooLong);
    assert_eq!(refusal(&[("a", "abcde")], &limits), RejectReason::LabelValueTooLong);
    assert_eq!(refusal(&[("a", "1"), ("a", "2")], &limits), RejectReason::DuplicateLabel);
    assert_eq!(refusal(&[("", "1")], &limits), RejectReason::InvalidLabels);
    assert_eq!(refusal(&[("a", "")], &limits), RejectReason::MissingLabels);
}

#[test]
fn refuses_series_beyond_the_limit_but_finds_known_ones() {
    let limits = Limits { series_per_tenant_max: 2, ..Limits::default() };
    let mut table = Table::new(1);
    for value in ["1", "2"] {
        assert!(table.create(NO_SLOT, &raw(&[("a", value)]), Some(&limits)).is_ok());
    }
    let third = raw(&[("a", "3")]);
    assert_eq!(table.create(NO_SLOT, &third, Some(&limits)).unwrap_err().reason, RejectReason::SeriesLimit);
    assert!(table.find(NO_SLOT, &raw(&[("a", "2")])).is_some());
    assert!(table.create(NO_SLOT, &third, None).is_ok(), "what was taken once is taken again at a restart");
}

#[test]
fn extends_the_order_of_known_series() {
    let table = RwLock::new(Table::new(1));
    for i in [5, 3, 9, 1] {
        get(&mut table.write(), NO_SLOT, &raw(&[("i", &i.to_string())]));
    }
    assert_eq!(refresh_order(&table).sorted, [3, 1, 0, 2]);
    for i in [4, 0, 10] {
        get(&mut table.write(), NO_SLOT, &raw(&[("i", &i.to_string())]));
    }
    assert_eq!(table.read().order().place_of(4), None);
    assert_eq!(refresh_order(&table).sorted, [5, 3, 6, 1, 4, 0, 2]);
    assert_eq!(table.read().order().place_of(4), Some(4));
}

#[test]
fn an_index_that_was_put_off_catches_up() {
    let mut table = Table::new(1);
    let span = |i: u32| raw(&[("i", &i.to_string()), ("parity", if i.is_multiple_of(2) { "even" } else { "odd" })]);
    get(&mut table, NO_SLOT, &span(0));
    table.put_off_index();
    // Enough for several threads, if there are any.
    let count = (1 << 17) + 3;
    for i in 1..count {
        get(&mut table, NO_SLOT, &span(i));
    }
    assert_eq!(table.index().label("i").count(), 1);
    table.catch_up();
    get(&mut table, NO_SLOT, &span(count));
    let postings =
        |name: &str, value: &str| table.index().label(name).find(|(known, _)| *known == value).unwrap().1.clone();
    assert!(postings("parity", "odd").iter().eq((1..=count).step_by(2)));
    assert!(postings("i", &count.to_string()).iter().eq([count]));
}
