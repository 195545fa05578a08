//! `generalize` and `noise`: what is left of dates, numbers and addresses.

use proptest::prelude::*;

use super::*;
use crate::mask::types::number::{Decimal, Numeric};

#[test]
fn dates_show_the_beginning_of_their_unit() {
    for (name, to, value, expected) in [
        ("date", "year", "2024-08-31", "2024-01-01"),
        ("date", "decade", "2029-08-31", "2020-01-01"),
        ("date", "decade", "0007-08-31", "0001-01-01"),
        ("date", "quarter", "2024-08-31", "2024-07-01"),
        ("date", "quarter", "2024-12-31", "2024-10-01"),
        ("date", "month", "2024-08-31", "2024-08-01"),
        ("timestamp", "month", "2024-08-31 12:30:00.5", "2024-08-01 00:00:00"),
        ("timestamp", "day", "2024-08-31 12:30:00.5", "2024-08-31 00:00:00"),
        ("timestamp", "hour", "2024-08-31 12:30:00.5", "2024-08-31 12:00:00"),
        // In UTC, it was still July.
        ("timestamptz", "month", "2024-08-01 01:30:00+02", "2024-07-01 00:00:00+00"),
        ("timestamptz", "hour", "2024-08-01 01:30:00-05:30", "2024-08-01 07:00:00+00"),
    ] {
        assert_eq!(shown("generalize", &format!("to = '{to}'"), &of(name, -1), value), expected, "{value}");
    }
}

#[test]
fn moments_that_cannot_be_read_show_the_constant() {
    for (name, values) in [
        ("date", ["infinity", "0044-03-15 BC", "12024-02-29", "29.02.2024", "02/29/2024", "02-29-2024"]),
        ("timestamp", ["-infinity", "0044-03-15 12:00:00 BC", "Thu Feb 29 12:30:00 2024", "", "2024", "x"]),
    ] {
        for value in values {
            let constant = shown("redact", "", &of(name, -1), value);
            assert_eq!(shown("generalize", "to = 'year'", &of(name, -1), value), constant, "{value}");
        }
    }
    let year = spec("generalize", "to = 'year'");
    for days in [i32::MIN, i32::MAX, -800_000, 5_000_000_i32] {
        let binary = masked(&year, &of("date", -1), Format::Binary, &days.to_be_bytes());
        assert_eq!(binary, masked(&spec("redact", ""), &of("date", -1), Format::Binary, b""), "{days}");
    }
}

#[test]
fn numbers_show_the_lower_end_of_their_bucket() {
    for (ty, bucket, value, expected) in [
        (of("int4", -1), "10", "1234", "1230"),
        (of("int4", -1), "10", "-1", "-10"),
        (of("int2", -1), "1000", "-32768", "-32000"),
        (of("int8", -1), "1000", "-9223372036854775808", "-9223372036854775000"),
        (of("numeric", -1), "1000", "123456.78", "123000"),
        (of("numeric", -1), "2.5", "-0.1", "-2.5"),
        (of("numeric", -1), "10", "NaN", "0"),
        (of("numeric", -1), "10", "123456789012345678901234567890123456789012345", "0"),
        (of("numeric", ((8 << 16) | 2) + 4), "1000", "123456.78", "123000.00"),
        // The lower end has a digit more than the column.
        (of("numeric", ((5 << 16) | 2) + 4), "300", "-999.99", "-900.00"),
        (of("numeric", ((5 << 16) | 2) + 4), "300", "-950", "-900.00"),
        (of("numeric", -1), "'100000000000000000000'", "-5", "-100000000000000000000"),
        (of("numeric", -1), "'100000000000000000000'", "-5.00000000000000000001", "-100000000000000000000"),
        (of("numeric", -1), "'0.00000000000000000001'", "99999999999999999999", "0.00000000000000000000"),
        (of("numeric", -1), "10", "12.0000000000000000000000000000000000000000", "10"),
        (of("float8", -1), "0.5", "2.75", "2.5"),
        (of("float8", -1), "10", "-0.5", "-10"),
        (of("float8", -1), "10", "NaN", "0"),
        (of("float4", -1), "0.1", "Infinity", "0"),
    ] {
        let options = format!("bucket = {bucket}");
        assert_eq!(shown("generalize", &options, &ty, value), expected, "{value} by {bucket}");
    }
    // The lower end would be an infinity.
    let lowest = shown(
        "generalize",
        "bucket = '20000000000000000000000000000000000'",
        &of("float4", -1),
        "-3.4028235e38",
    );
    assert!(lowest.parse::<f32>().unwrap() < -3.4e38, "{lowest}");
}

#[test]
fn addresses_show_their_network() {
    for (name, options, value, expected) in [
        ("inet", "prefix = 24", "192.0.2.17", "192.0.2.0/24"),
        ("inet", "prefix = 24", "192.0.2.17/8", "192.0.2.0/24"),
        ("inet", "prefix = 0", "192.0.2.17", "0.0.0.0/0"),
        ("inet", "prefix = 32", "192.0.2.17", "192.0.2.17"),
        ("inet", "prefix = 24", "2001:db8:1:2::3", "2001:db8:1::/48"),
        ("inet", "prefix = 24\nprefix6 = 32", "2001:db8:1:2::3", "2001:db8::/32"),
        ("cidr", "prefix = 16", "192.0.2.0/24", "192.0.0.0/16"),
    ] {
        assert_eq!(shown("generalize", options, &of(name, -1), value), expected, "{value}");
    }
    for malformed in [b"".as_slice(), &[2, 32, 0, 4], &[2, 33, 0, 4, 1, 2, 3, 4], &[3, 32, 0, 4, 1, 2, 3, 4]]
    {
        let mask = plan(&spec("generalize", "prefix = 24"), "d", &of("inet", -1), Format::Binary, &keys());
        assert!(mask.unwrap().apply(malformed, &mut BytesMut::new()).is_err());
    }
}

#[test]
fn a_way_that_does_not_fit_names_the_one_that_does() {
    for (name, options, mend) in [
        ("date", "to = 'hour'", "month"),
        ("date", "bucket = 10", "to ="),
        ("int4", "to = 'year'", "bucket ="),
        ("int4", "bucket = 2.5", "whole number"),
        ("int2", "bucket = 40000", "whole number"),
        ("inet", "bucket = 10", "prefix ="),
        ("text", "prefix = 24", "partial"),
        ("time", "to = 'hour'", "redact"),
    ] {
        assert!(misfit("generalize", options, &of(name, -1)).contains(mend), "{name} {options}");
    }
    assert!(misfit("generalize", "bucket = 0.001", &of("numeric", ((8 << 16) | 2) + 4)).contains("bucket"));
}

// ---- noise ----

#[test]
fn noise_moves_every_number_a_little() {
    for value in [0_i64, 1, -1, 3, 99, 100_000, i64::MAX, i64::MIN] {
        let shown: i64 = shown("noise", "percent = 5", &of("int8", -1), &value.to_string()).parse().unwrap();
        assert_ne!(shown, value, "the number itself");
        let most = (value / 20).unsigned_abs().max(1);
        assert!(shown.abs_diff(value) <= most, "{value} became {shown}");
    }
    let price = of("numeric", ((8 << 16) | 2) + 4);
    for (value, most) in [("0.00", 1_i128), ("0.01", 1), ("1500.00", 7500), ("-1500.00", 7500)] {
        let shown = shown("noise", "percent = 5", &price, value);
        let number = |s: &str| Decimal::parse(s).unwrap().with_scale(2).unwrap().unscaled;
        assert_ne!(number(&shown), number(value));
        assert!((number(&shown) - number(value)).abs() <= most, "{value} became {shown}");
    }
    for value in ["0", "1.5", "-1e300", "1e-300"] {
        let (moved, value): (f64, f64) =
            (shown("noise", "", &of("float8", -1), value).parse().unwrap(), value.parse().unwrap());
        let range = if value == 0.0 { 1.0 } else { value.abs() };
        assert!(moved != value && (moved - value).abs() <= range * 0.1, "{value} became {moved}");
    }
}

#[test]
fn noise_holds_the_declared_precision() {
    let price = of("numeric", ((4 << 16) | 2) + 4);
    for value in ["99.99", "-99.99", "0.00"] {
        let shown = shown("noise", "percent = 100", &price, value);
        assert!(shown.trim_start_matches('-').len() <= 5 && shown != value, "{value} became {shown}");
    }
    assert_eq!(shown("noise", "", &price, "NaN"), "0.00");
    assert_eq!(shown("noise", "", &of("float4", -1), "Infinity"), "0");
    assert!(misfit("noise", "", &of("numeric", ((2 << 16) | 0x7fd) + 4)).contains("generalize"));
    assert!(misfit("noise", "", &of("text", -1)).contains("partial"));
}

#[test]
fn equal_numbers_get_equal_noise() {
    let numeric = of("numeric", -1);
    let zeros = format!("1.5{}", "0".repeat(40));
    for (short, long) in [("1.5", "1.50"), ("1000000", "1000000.000"), ("-0.1", "-0.1000"), ("1.5", &zeros)] {
        for (method, options) in [("noise", ""), ("generalize", "bucket = 0.5")] {
            let of_both = [short, long].map(|value| shown(method, options, &numeric, value));
            assert_eq!(of_both[0], of_both[1], "{method} of {short} and {long}");
            assert_ne!(of_both[0], "0", "{method} of {short}");
        }
    }
    assert_eq!(shown("noise", "", &of("float8", -1), "-0"), shown("noise", "", &of("float8", -1), "0"));
}

proptest! {
    #[test]
    fn numerics_read_alike_in_both_formats(unscaled in any::<i128>(), scale in 0..20_u32, up in 0..30_u32) {
        let number = Decimal { unscaled: unscaled >> (up * 4), scale };
        let (mut text, mut binary) = (BytesMut::new(), BytesMut::new());
        number.encode(Format::Text, &mut text);
        number.encode(Format::Binary, &mut binary);
        let text = Numeric::decode(&text, Format::Text).unwrap();
        prop_assert_eq!(Numeric::decode(&binary, Format::Binary).unwrap(), text);
        if number.unscaled.unsigned_abs() < 10_u128.pow(35) {
            let Numeric::Number(read) = text else { panic!("{number:?} is not read") };
            prop_assert_eq!(read.with_scale(scale), Some(number));
        }
    }

    #[test]
    fn what_is_shown_depends_on_the_bucket_only(value in -1_000_000..1_000_000_i32, within in 0..250_i32) {
        let lower = value.div_euclid(250) * 250;
        let show = |n: i32| shown("generalize", "bucket = 250", &of("int4", -1), &n.to_string());
        prop_assert_eq!(show(lower + within), lower.to_string());
    }
}
