use super::*;

fn round_trip(integers: &[i64]) -> Option<usize> {
    let mut bytes = Vec::new();
    if !encode(integers, &mut bytes) {
        assert!(bytes.is_empty());
        return None;
    }
    for wanted in [0..integers.len(), 0..1, integers.len() / 3..integers.len() / 2, integers.len() - 1..integers.len()]
    {
        let (mut cursor, mut back) = (Cursor::new(&bytes), Vec::new());
        decode(&mut cursor, integers.len(), &wanted, &mut |integer| back.push(integer)).unwrap();
        assert!(cursor.is_at_end());
        assert_eq!(back, integers[wanted]);
    }
    Some(bytes.len())
}

#[test]
fn the_format_of_pco_is_the_one_that_readers_expect() {
    assert_eq!(FileCompressor::default().write_header(Vec::new()).unwrap(), PCO_FORMAT);
}

#[test]
fn pays_for_what_differs() {
    assert_eq!(round_trip(&[7; 100]), None, "a constant is for others");
    // Two values: a bit each, and tables.
    let flags: Vec<i64> = (0..480).map(|i: i64| ((i * 2_654_435_761) >> 20) % 2 * 4096 + (1 << 40)).collect();
    let bytes = round_trip(&flags).unwrap();
    assert!(bytes < 480 / 8 + 24, "{bytes} bytes");
    let counter: Vec<i64> = (0..6000).map(|i| i * 1000 + i * i % 61).collect();
    let bytes = round_trip(&counter).unwrap();
    assert!(bytes < 6000 * 7 / 8, "{bytes} bytes");
}

proptest::proptest! {
    #[test]
    fn any_integers_come_back(
        integers in proptest::collection::vec(proptest::num::i64::ANY, 2..5000),
        shift in 0_u32..64,
        factor in 1_i64..5000,
    ) {
        let integers: Vec<i64> = integers.iter().map(|i| (i >> shift).wrapping_mul(factor)).collect();
        round_trip(&integers);
        let mut sum = 0_i64;
        let sums: Vec<i64> = integers.iter().map(|i| { sum = sum.wrapping_add(*i); sum }).collect();
        round_trip(&sums);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(
        bytes in proptest::collection::vec(0_u8.., 0..100),
        at in 0_usize..300,
        value in 0_u8..,
        count in 1_usize..200,
    ) {
        let mut ignore = |_| ();
        let _ = decode(&mut Cursor::new(&bytes), count, &(0..count), &mut ignore);
        let mut sound = Vec::new();
        let integers: Vec<i64> = (0..300).map(|i| i * i % 251 * 3 + (i << (count % 2 * 20))).collect();
        encode(&integers, &mut sound);
        let at = at % sound.len();
        sound[at] = value;
        let _ = decode(&mut Cursor::new(&sound), 300, &(count..300), &mut ignore);
    }
}
