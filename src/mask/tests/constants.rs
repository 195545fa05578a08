//! `redact` and `null`: the constant of each type, declared lengths, `value`.

use super::*;

#[test]
fn redact_shows_the_constant_of_each_type() {
    for (name, text, binary) in [
        ("bool", "f", b"\0".as_slice()),
        ("bytea", "\\x", b""),
        ("char", "*", b"*"),
        ("name", "***", b"***"),
        ("int8", "0", &[0; 8]),
        ("int2", "0", &[0; 2]),
        ("int4", "0", &[0; 4]),
        ("text", "***", b"***"),
        ("json", "{}", b"{}"),
        ("jsonb", "{}", b"\x01{}"),
        ("xml", "<redacted/>", b"<redacted/>"),
        ("cidr", "0.0.0.0/32", &[2, 32, 1, 4, 0, 0, 0, 0]),
        ("inet", "0.0.0.0", &[2, 32, 0, 4, 0, 0, 0, 0]),
        ("float4", "0", &[0; 4]),
        ("float8", "0", &[0; 8]),
        ("money", "0", &[0; 8]),
        ("macaddr", "00:00:00:00:00:00", &[0; 6]),
        ("macaddr8", "00:00:00:00:00:00:00:00", &[0; 8]),
        ("bpchar", "***", b"***"),
        ("varchar", "***", b"***"),
        ("date", "1970-01-01", &(-10957_i32).to_be_bytes()),
        ("time", "00:00:00", &[0; 8]),
        ("timestamp", "1970-01-01 00:00:00", &(-946_684_800_000_000_i64).to_be_bytes()),
        ("timestamptz", "1970-01-01 00:00:00+00", &(-946_684_800_000_000_i64).to_be_bytes()),
        ("interval", "00:00:00", &[0; 16]),
        ("timetz", "00:00:00+00", &[0; 12]),
        ("numeric", "0", &[0; 8]),
        ("uuid", "00000000-0000-0000-0000-000000000000", &[0; 16]),
    ] {
        let (redact, ty) = (spec("redact", ""), of(name, -1));
        // The value is not read: rubbish serves as well as any.
        assert_eq!(masked(&redact, &ty, Format::Text, b"?"), Some(text.into()), "{name} text");
        assert_eq!(masked(&redact, &ty, Format::Binary, b"?"), Some(binary.into()), "{name} binary");
        assert_eq!(run(&*plan_redact(&ty, Format::Binary), b"?"), Some(binary.into()), "{name} fallback");
    }
    assert_eq!(masked(&spec("redact", ""), &kind('r'), Format::Text, b"[1,2)"), Some("empty".into()));
    assert_eq!(masked(&spec("redact", ""), &kind('r'), Format::Binary, b"?"), Some(vec![1]));
    assert_eq!(masked(&spec("redact", ""), &kind('m'), Format::Text, b"{[1,2)}"), Some("{}".into()));
    assert_eq!(masked(&spec("redact", ""), &kind('m'), Format::Binary, b"?"), Some(vec![0; 4]));
    assert_eq!(masked(&spec("redact", ""), &kind('e'), Format::Text, b"gold"), None);
    assert_eq!(masked(&spec("redact", ""), &kind('c'), Format::Text, b"(1,2)"), None);
}

#[test]
fn redact_holds_declared_length_and_precision() {
    assert_eq!(shown("redact", "", &varchar(2), "abcd"), "**");
    assert_eq!(shown("redact", "", &char(5), "abcd "), "***  ");
    assert_eq!(shown("redact", "value = 'é'", &char(3), "abc"), "é  ");
    let money = of("numeric", ((8 << 16) | 2) + 4);
    assert_eq!(shown("redact", "", &money, "17.50"), "0.00");
    assert_eq!(shown("redact", "value = -1234.5", &money, "17.50"), "-1234.50");
    assert_eq!(
        masked(&spec("redact", "value = -1234.5"), &money, Format::Binary, b""),
        Some([0, 2, 0, 0, 0x40, 0, 0, 2, 0x04, 0xd2, 0x13, 0x88].to_vec())
    );
    let long = of("numeric", ((60 << 16) | 40) + 4);
    assert_eq!(shown("redact", "", &long, "17.5"), format!("0.{}", "0".repeat(40)));
    assert_eq!(
        masked(&spec("redact", ""), &long, Format::Binary, b""),
        Some([0, 0, 0, 0, 0, 0, 0, 40].to_vec())
    );
    // numeric(2,-3): rounded to thousands.
    let thousands = of("numeric", ((2 << 16) | 0x7fd) + 4);
    assert_eq!(shown("redact", "", &thousands, "17000"), "0");
}

#[test]
fn redact_takes_a_value_of_the_type_only() {
    for (ty, value, text) in [
        (of("text", -1), "'geheim'", "geheim"),
        (of("int2", -1), "-7", "-7"),
        (of("bool", -1), "true", "t"),
        (of("float8", -1), "2.5", "2.5"),
        (of("float4", -1), "0.1", "0.1"),
        (of("float8", -1), "nan", "NaN"),
        (of("numeric", -1), "'10000.050'", "10000.050"),
        (of("date", -1), "2024-02-29", "2024-02-29"),
        (of("time", -1), "12:30:00", "12:30:00"),
        (of("timestamp", -1), "1999-12-31T23:59:59", "1999-12-31 23:59:59"),
        (of("timestamptz", -1), "1999-12-31T23:59:59+01:00", "1999-12-31 22:59:59+00"),
        (of("uuid", -1), "'12345678-1234-8234-9234-123456789ABC'", "12345678-1234-8234-9234-123456789abc"),
        (of("bytea", -1), "'\\x00FF'", "\\x00ff"),
        (of("inet", -1), "'192.0.2.1/24'", "192.0.2.1/24"),
        (of("inet", -1), "'::1'", "::1"),
        (of("cidr", -1), "'192.0.2.0/24'", "192.0.2.0/24"),
        (of("cidr", -1), "'::/0'", "::/0"),
        (of("macaddr", -1), "'08-00-2b-01-02-03'", "08:00:2b:01:02:03"),
        (of("json", -1), "'\"***\"'", "\"***\""),
        (of("xml", -1), "'gone'", "gone"),
    ] {
        assert_eq!(shown("redact", &format!("value = {value}"), &ty, "?"), text, "{}", ty.name);
    }
    for (ty, value) in [
        (varchar(3), "'abcd'"),
        (of("char", -1), "'é'"),
        (of("int2", -1), "32768"),
        (of("int4", -1), "'12x'"),
        (of("bool", -1), "'maybe'"),
        (of("float4", -1), "1e300"),
        (of("numeric", ((4 << 16) | 2) + 4), "100.5"),
        (of("numeric", ((4 << 16) | 2) + 4), "1.005"),
        (of("numeric", -1), "'1e5'"),
        (of("numeric", -1), "'.'"),
        (of("date", -1), "'2024-02-30'"),
        (of("time", 0), "12:30:00.5"),
        (of("timestamp", 3), "1999-12-31T23:59:59.1234"),
        (of("uuid", -1), "'1234'"),
        (of("bytea", -1), "'\\x0'"),
        (of("inet", -1), "'192.0.2.1/33'"),
        (of("cidr", -1), "'192.0.2.1/24'"),
        (of("macaddr", -1), "'08:00'"),
        (of("json", -1), "'***'"),
        (of("jsonb", -1), "'\"\\u0000\"'"),
        (of("xml", -1), "'<a>'"),
        (of("interval", -1), "'1 day'"),
        (of("money", -1), "1"),
        (kind('e'), "'gold'"),
        (kind('r'), "'[1,2)'"),
    ] {
        assert!(misfit("redact", &format!("value = {value}"), &ty).contains("value"), "{} {value}", ty.name);
    }
}

#[test]
fn what_has_no_codec_can_only_be_null() {
    for ty in [kind('b'), kind('p'), of_oid(22), of_oid(600)] {
        for method in Method::ALL {
            let fit = fits(&MethodSpec::of(method), &ty);
            assert_eq!(fit.is_ok(), method == Method::Null, "{}", method.name());
        }
        assert_eq!(run(&*plan_redact(&ty, Format::Text), b"1 2"), None);
        assert_eq!(masked(&spec("null", ""), &ty, Format::Binary, b"12"), None);
    }
}

fn of_oid(oid: u32) -> ValueType {
    ValueType { oid: Oid(oid), name: "odd".into(), modifier: -1, element: None, kind: 'b', fields: None }
}

/// What a server claims beyond what it can declare is not filled with blanks.
#[test]
fn a_length_that_no_type_has_is_not_padded_to() {
    let length =
        |modifier| masked(&spec("redact", ""), &of("bpchar", modifier), Format::Text, b"x").unwrap().len();
    assert_eq!(length(10_485_764), 10_485_760);
    assert_eq!(length(20_000_000), 10_485_760);
}
