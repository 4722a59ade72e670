use super::*;

/// An exponential histogram with positive buckets from `first` on.
fn positive(schema: i32, first: i32, counts: &[f64]) -> FloatHistogram {
    let mut histogram = FloatHistogram { schema, count: counts.iter().sum(), ..FloatHistogram::default() };
    histogram.set_positive(&(first..).zip(counts.iter().copied()).collect::<Vec<_>>());
    histogram
}

fn custom(bounds: &[f64], counts: &[f64]) -> FloatHistogram {
    let schema = FloatHistogram::CUSTOM_BUCKETS;
    FloatHistogram { custom_bounds: bounds.to_vec(), ..positive(schema, 0, counts) }
}

#[test]
fn buckets_end_at_powers_of_the_resolution() {
    let mut histogram = positive(2, -1, &[1.0, 2.0, 3.0]);
    histogram.set_negative(&[(0, 4.0)]);
    (histogram.zero_threshold, histogram.zero_count) = (0.7, 5.0);
    assert_eq!(
        histogram.to_string(),
        "{count:6, sum:0, [-1,-0.8408964152537144):4, [-0.7,0.7]:5, (0.7071067811865475,0.8408964152537144]:1, \
         (0.8408964152537144,1]:2, (1,1.189207115002721]:3}"
    );
    for (index, schema, bound) in [
        (512, -1, f64::MAX),
        (513, -1, f64::INFINITY),
        (1024, 0, f64::MAX),
        (1025, 0, f64::INFINITY),
        (4096, 2, f64::MAX),
        (4097, 2, f64::INFINITY),
        (-1, -1, 0.25),
        (i32::MIN, 8, 0.0),
        (i32::MAX, -4, f64::INFINITY),
        (-1074 * 256, 8, 5e-324),
    ] {
        assert_eq!(buckets::exponential_bound(index, schema), bound, "{index} {schema}");
    }
    assert_eq!(
        custom(&[-2.0, 3.0], &[1.0, 2.0, 3.0]).to_string(),
        "{count:6, sum:0, [-Inf,-2]:1, (-2,3]:2, (3,+Inf]:3}"
    );
}

#[test]
fn sums_have_the_coarser_resolution_and_the_wider_zero_bucket() {
    let (sum, joined) = positive(1, 1, &[1.0, 2.0, 4.0, 8.0]).plus(&positive(0, 2, &[16.0, 32.0])).unwrap();
    assert_eq!((sum.schema, sum.positive()), (0, vec![(1, 3.0), (2, 28.0), (3, 32.0)]));
    assert_eq!(joined, Joined::default());

    let mut wide = FloatHistogram { zero_threshold: 3.0, zero_count: 1.0, ..FloatHistogram::default() };
    wide.set_positive(&[(5, 7.0)]);
    let (sum, _) = positive(0, 1, &[1.0, 2.0, 4.0]).plus(&wide).unwrap();
    // 3 lies within (2, 4], which is not empty: the zero bucket takes all of it.
    assert_eq!((sum.zero_threshold, sum.zero_count), (4.0, 4.0));
    assert_eq!(sum.positive(), [(3, 4.0), (5, 7.0)]);
}

#[test]
fn different_bounds_are_reconciled_and_kinds_are_not() {
    let (sum, joined) =
        custom(&[1.0, 2.0, 4.0], &[1.0, 2.0, 3.0, 4.0]).plus(&custom(&[2.0, 5.0], &[1.0, 1.0, 1.0])).unwrap();
    assert!(joined.bounds_reconciled);
    assert_eq!((sum.custom_bounds.as_slice(), sum.positive()), (&[2.0][..], vec![(0, 4.0), (1, 9.0)]));
    assert!(custom(&[1.0], &[]).plus(&positive(0, 0, &[1.0])).is_err());
}

#[test]
fn hints_of_sums() {
    use ResetHint::{Gauge, NotReset, Reset, Unknown};
    for (a, b, sum, collide) in [
        (Gauge, Reset, Gauge, false),
        (NotReset, Gauge, Gauge, false),
        (Unknown, Reset, Unknown, false),
        (NotReset, NotReset, NotReset, false),
        (NotReset, Reset, Unknown, true),
    ] {
        let with = |reset_hint| FloatHistogram { reset_hint, ..FloatHistogram::default() };
        for (left, right) in [(a, b), (b, a)] {
            let (result, joined) = with(left).plus(&with(right)).unwrap();
            assert_eq!((result.reset_hint, joined.resets_collide), (sum, collide), "{left:?} {right:?}");
        }
    }
}

#[test]
fn resets_are_found_in_counts_buckets_and_layouts() {
    let base = positive(1, 1, &[1.0, 2.0, 4.0, 8.0]);
    let reset = |now: &FloatHistogram| now.is_reset_after(&base);
    assert!(!reset(&base));
    assert!(reset(&positive(1, 1, &[1.0, 2.0, 4.0])));
    assert!(reset(&FloatHistogram { count: 99.0, ..positive(1, 1, &[0.0, 3.0, 4.0, 8.0]) }));
    assert!(reset(&FloatHistogram { count: 99.0, ..positive(1, 2, &[2.0, 4.0, 8.0]) }), "a bucket is gone");
    assert!(!reset(&positive(0, 1, &[3.0, 12.0])), "coarser");
    assert!(reset(&positive(0, 1, &[2.0, 14.0])));
    assert!(reset(&positive(2, 1, &[10.0, 20.0])), "finer");
    assert!(!reset(&FloatHistogram { reset_hint: ResetHint::NotReset, ..positive(2, 1, &[]) }));
    assert!(reset(&FloatHistogram { reset_hint: ResetHint::Reset, ..base.clone() }));
    let wider = FloatHistogram { zero_threshold: 2.0, zero_count: 3.0, ..positive(1, 3, &[4.0, 8.0]) };
    assert!(!reset(&FloatHistogram { count: 15.0, ..wider }));

    let before = custom(&[1.0, 2.0], &[1.0, 2.0, 3.0]);
    assert!(!custom(&[2.0], &[3.0, 3.0]).is_reset_after(&before));
    assert!(custom(&[2.0], &[2.0, 4.0]).is_reset_after(&before));
}

#[test]
fn compact_forgets_empty_buckets() {
    let mut histogram = positive(0, 0, &[0.0, 1.0, 0.0, 0.0, 2.0, 3.0, 0.0]);
    histogram.compact();
    assert_eq!(histogram.positive(), [(1, 1.0), (4, 2.0), (5, 3.0)]);
    assert_eq!(histogram.positive_spans, [BucketSpan { offset: 1, length: 1 }, BucketSpan { offset: 2, length: 2 }]);
}

#[test]
fn trimming_splits_the_bucket_that_a_value_lies_in() {
    let histogram = positive(0, 0, &[8.0, 8.0, 8.0]);
    let below = histogram.below(2_f64.sqrt());
    assert_eq!((below.count.round(), below.positive().len()), (12.0, 2));
    assert_eq!(histogram.above(4.0).count, 0.0);
    assert_eq!(histogram.below(4.0), histogram);
    let above = custom(&[10.0, 20.0], &[4.0, 8.0, 2.0]).above(15.0);
    assert_eq!((above.count, above.sum, above.positive()), (6.0, 4.0 * 17.5 + 2.0 * 20.0, vec![(1, 4.0), (2, 2.0)]));
}

proptest::proptest! {
    #[test]
    fn no_layout_makes_it_panic(
        schemas in (-60_i32..60, -60_i32..60),
        spans in proptest::collection::vec((proptest::num::i32::ANY, 0_u32..4), 0..4),
        counts in proptest::collection::vec(proptest::num::f64::ANY, 0..8),
        threshold in proptest::num::f64::ANY,
    ) {
        let spans: Vec<_> = spans.into_iter().map(|(offset, length)| BucketSpan { offset, length }).collect();
        let one = FloatHistogram {
            schema: schemas.0, positive_spans: spans.clone(), positive_buckets: counts.clone(), ..FloatHistogram::default()
        };
        let mut other = FloatHistogram {
            schema: schemas.1, zero_threshold: threshold, negative_spans: spans, negative_buckets: counts,
            ..FloatHistogram::default()
        };
        let _ = (one.plus(&other), other.minus(&one), one.is_reset_after(&other), one.below(threshold), other.above(threshold));
        other.coarsen_to(schemas.0);
        other.compact();
        let _ = (other.to_string(), other.buckets().len());
    }
}
