//! Every method on every type and in both formats, against answers written by
//! hand; and what must hold for any input: the output decodes as the declared
//! type, text and binary agree, nothing panics, nothing of an unreadable value
//! gets out. `tests/masks.rs` asks PostgreSQL itself to read the same values.

use bytes::BytesMut;
use proptest::prelude::*;

use super::types::{Family, family, integer, text, uuid};
use super::*;

pub(super) const KEYS: &str = "\
1 2026-01-31T12:00:00Z AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
2 2026-02-28T12:00:00Z //79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=
";

fn keys() -> KeyRing {
    KeyRing::parse(KEYS).unwrap()
}

/// Types of the catalog that need no catalog: name, oid, oid of the array.
const TYPES: [(&str, u32, u32); 27] = [
    ("bool", 16, 1000),
    ("bytea", 17, 1001),
    ("char", 18, 1002),
    ("name", 19, 1003),
    ("int8", 20, 1016),
    ("int2", 21, 1005),
    ("int4", 23, 1007),
    ("text", 25, 1009),
    ("json", 114, 199),
    ("xml", 142, 143),
    ("cidr", 650, 651),
    ("float4", 700, 1021),
    ("float8", 701, 1022),
    ("macaddr8", 774, 775),
    ("money", 790, 791),
    ("macaddr", 829, 1040),
    ("inet", 869, 1041),
    ("bpchar", 1042, 1014),
    ("varchar", 1043, 1015),
    ("date", 1082, 1182),
    ("time", 1083, 1183),
    ("timestamp", 1114, 1115),
    ("timestamptz", 1184, 1185),
    ("interval", 1186, 1187),
    ("timetz", 1266, 1270),
    ("numeric", 1700, 1231),
    ("uuid", 2950, 2951),
];
const JSONB: (&str, u32, u32) = ("jsonb", 3802, 3807);

fn of(name: &str, modifier: i32) -> ValueType {
    let (name, oid, _) = *TYPES.iter().chain([&JSONB]).find(|t| t.0 == name).unwrap();
    ValueType { oid: Oid(oid), name: name.into(), modifier, element: None, kind: 'b' }
}

fn array_of(name: &str) -> ValueType {
    let (name, oid, array) = *TYPES.iter().chain([&JSONB]).find(|t| t.0 == name).unwrap();
    ValueType { oid: Oid(array), name: name.into(), modifier: -1, element: Some(Oid(oid)), kind: 'b' }
}

fn kind(kind: char) -> ValueType {
    ValueType { oid: Oid(90_000), name: "mine".into(), modifier: -1, element: None, kind }
}

fn varchar(n: i32) -> ValueType {
    of("varchar", n + 4)
}

fn char(n: i32) -> ValueType {
    of("bpchar", n + 4)
}

fn spec(method: &str, options: &str) -> MethodSpec {
    let table: toml::Table = options.parse().unwrap();
    MethodSpec::parse(method, &table.into_iter().collect()).unwrap()
}

/// None: NULL.
fn run(mask: &dyn Mask, value: &[u8]) -> Option<Vec<u8>> {
    let mut out = BytesMut::from("before");
    let masked = mask.apply(value, &mut out).unwrap();
    let written = out.strip_prefix(b"before").unwrap().to_vec();
    match masked {
        Masked::Value => Some(written),
        Masked::Null => {
            assert!(written.is_empty());
            None
        }
    }
}

fn masked(spec: &MethodSpec, ty: &ValueType, format: Format, value: &[u8]) -> Option<Vec<u8>> {
    run(&*plan(spec, "d", ty, format, &keys()).unwrap(), value)
}

fn shown(method: &str, options: &str, ty: &ValueType, value: &str) -> String {
    let out = masked(&spec(method, options), ty, Format::Text, value.as_bytes()).unwrap();
    String::from_utf8(out).unwrap()
}

fn misfit(method: &str, options: &str, ty: &ValueType) -> String {
    fits(&spec(method, options), ty).unwrap_err().to_string()
}

// ---- redact and null ----

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
    ValueType { oid: Oid(oid), name: "odd".into(), modifier: -1, element: None, kind: 'b' }
}

// ---- partial ----

#[test]
fn partial_shows_the_ends_and_never_the_length() {
    let text = of("text", -1);
    assert_eq!(shown("partial", "", &text, "alice"), "al***");
    assert_eq!(shown("partial", "", &text, "alexander the great"), "al***");
    assert_eq!(shown("partial", "last = 4", &text, "4111111111111111"), "***1111");
    assert_eq!(shown("partial", "first = 1\nlast = 1\nfill = '…'", &text, "Ångström"), "Å…m");
    assert_eq!(shown("partial", "first = 0\nlast = 0", &text, "alice"), "***");
    assert_eq!(shown("partial", "", &char(8), "alice   "), "al***   ");
    assert_eq!(shown("partial", "", &of("name", -1), "alice"), "al***");
}

#[test]
fn partial_hides_values_that_the_ends_would_show_whole() {
    for (options, value) in [
        ("", ""),
        ("", "a"),
        ("", "al"),
        ("first = 2\nlast = 2", "alic"),
        ("first = 2\nlast = 2", "éééé"),
        ("first = 0\nlast = 2", "al"),
    ] {
        assert_eq!(shown("partial", options, &of("text", -1), value), "***", "{options} {value}");
    }
    // Padding is no part of the value.
    assert_eq!(shown("partial", "", &char(8), "al      "), "***     ");
}

#[test]
fn partial_holds_the_declared_length() {
    assert!(misfit("partial", "", &varchar(4)).contains("varchar(4)"));
    assert!(fits(&spec("partial", ""), &varchar(5)).is_ok());
    assert!(fits(&spec("partial", "first = 16"), &of("name", -1)).is_err());
    assert!(fits(&spec("partial", ""), &of("char", -1)).is_err());
}

// ---- email ----

#[test]
fn email_shows_first_letters_and_top_level_domain() {
    for (ty, value, expected) in [
        (of("text", -1), "alice@example.com", "a***@e***.com"),
        (of("text", -1), "a@b.co", "a***@b***.co"),
        (of("text", -1), "Ärmel@überall.example.org", "Ä***@ü***.org"),
        (of("text", -1), "x.y+z@a-b.c.MUSEUM", "x***@a***.MUSEUM"),
        (char(16), "alice@example.de", "a***@e***.de    "),
        (varchar(13), "alice@example.com", "a***@e***.com"),
        (varchar(12), "a@bc.com", "***"),
        (of("text", -1), "a@b.xn--p1ai", "a***@b***.xn--p1ai"),
    ] {
        assert_eq!(shown("email", "", &ty, value), expected, "{value}");
    }
}

#[test]
fn email_hides_whatever_is_no_address() {
    assert!(misfit("email", "", &varchar(11)).contains("12 characters"));
    for value in [
        "",
        "alice",
        "@example.com",
        "alice@",
        "alice@example",
        "alice@.com",
        "alice@example.",
        "alice@example.c",
        "alice@a..com",
        "a@b@example.com",
        "alice smith@example.com",
        "\"alice\"@example.com",
        "see alice@example.com",
        "alice@example.com or 555-1234",
        "alice@192.168.0.17",
        "alice@example.secret-number-0123456789",
        "alice@example.geheim!",
        "alice@example.x1",
        "alice@exa mple.com",
    ] {
        assert_eq!(shown("email", "", &of("text", -1), value), "***", "{value}");
    }
}

// ---- hash ----

/// RFC 4231, test cases 1 and 2.
#[test]
fn hmac_answers_as_the_rfc_says() {
    use hmac::{Hmac, KeyInit, Mac};
    for (key, data, expected) in [
        ([0x0b; 20].as_slice(), b"Hi There".as_slice(), "b0344c61d8db38535ca8afceaf0bf12b"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c7"),
    ] {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
        mac.update(data);
        assert_eq!(hex(&mac.finalize().into_bytes()[..16]), expected);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The hash is what the documentation says, computed here from its parts. A
/// change of it would break every extract that anyone kept.
#[test]
fn a_hash_is_hmac_under_the_derived_key() {
    use hmac::{Hmac, KeyInit, Mac};
    let key: zeroize::Zeroizing<[u8; 64]> = keys().newest().derive("hash text", "d");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_slice()).unwrap();
    mac.update(b"alice");
    let expected = hex(&mac.finalize().into_bytes());
    assert_eq!(shown("hash", "", &of("text", -1), "alice"), expected);
    assert_eq!(shown("hash", "", &of("name", -1), "alice"), expected[..63]);
    assert_eq!(shown("hash", "length = 9", &of("text", -1), "alice"), expected[..9]);
    assert_eq!(shown("hash", "", &varchar(20), "alice"), expected[..20]);
    assert_eq!(shown("hash", "length = 8", &char(10), "alice     "), format!("{}  ", &expected[..8]));
}

#[test]
fn a_hash_that_the_column_cannot_hold_does_not_fit() {
    assert!(misfit("hash", "length = 21", &varchar(20)).contains("length = 20 or less"));
    assert!(misfit("hash", "", &varchar(7)).contains("varchar(7)"));
    assert!(misfit("hash", "length = 9", &of("bytea", -1)).contains("even"));
    assert!(misfit("hash", "length = 8", &of("int4", -1)).contains("length"));
    assert!(misfit("hash", "", &of("numeric", -1)).contains("redact"));
}

#[test]
fn hashes_of_numbers_stay_in_range_and_agree_across_widths() {
    for value in [0_i64, 1, -1, 1234, i64::from(i16::MIN), i64::from(i16::MAX)] {
        let text = value.to_string();
        let hashes: Vec<i64> = ["int2", "int4", "int8"]
            .iter()
            .map(|name| shown("hash", "", &of(name, -1), &text).parse().unwrap())
            .collect();
        assert!((0..=i64::from(i16::MAX)).contains(&hashes[0]));
        assert!((0..=i64::from(i32::MAX)).contains(&hashes[1]));
        assert_eq!(hashes[1] & i64::from(i16::MAX), hashes[0]);
        assert_eq!(hashes[2] & i64::from(i32::MAX), hashes[1]);
    }
}

#[test]
fn hashes_of_uuids_are_version_8() {
    let uuid = shown("hash", "", &of("uuid", -1), "12345678-1234-4234-9234-123456789abc");
    assert_eq!(uuid.as_bytes()[14], b'8');
    assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
}

#[test]
fn hashes_of_bytes_do_not_depend_on_the_way_they_are_written() {
    let bytea = of("bytea", -1);
    let expected = masked(&spec("hash", ""), &bytea, Format::Binary, b"\0\\ab\xff").unwrap();
    assert_eq!(expected.len(), 32);
    for text in ["\\x005c6162ff", "\\x005C6162FF", "\\000\\\\ab\\377"] {
        assert_eq!(shown("hash", "", &bytea, text), format!("\\x{}", hex(&expected)), "{text}");
    }
    assert_eq!(shown("hash", "length = 8", &bytea, "\\x00"), shown("hash", "", &bytea, "\\x00")[..10]);
}

#[test]
fn hashes_differ_by_domain_and_key() {
    let hash = |domain: &str, keys: &KeyRing| {
        run(&*plan(&spec("hash", ""), domain, &of("text", -1), Format::Text, keys).unwrap(), b"alice")
    };
    let first = KeyRing::parse(KEYS.lines().next().unwrap()).unwrap();
    assert_ne!(hash("a", &keys()), hash("b", &keys()));
    assert_ne!(hash("a", &keys()), hash("a", &first));
}

// ---- token ----

/// RFC 5297, appendix A.1, through the same calls as a token.
#[test]
fn siv_answers_as_the_rfc_says() {
    use aes_siv::{KeyInit, siv::Aes128Siv};
    let unhex = |s: &str| -> Vec<u8> {
        (0..s.len()).step_by(2).map(|i| u8::from_str_radix(&s[i..i + 2], 16).unwrap()).collect()
    };
    let key = unhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    let mut body = unhex("112233445566778899aabbccddee");
    let header = unhex("101112131415161718191a1b1c1d1e1f2021222324252627");
    let mut siv = Aes128Siv::new(key.as_slice().try_into().unwrap());
    let iv = siv.encrypt_inout_detached([&header], body.as_mut_slice().into()).unwrap();
    assert_eq!(hex(&iv), "85632d07c6e8f37f950acd320a2ecc93");
    assert_eq!(hex(&body), "40c02b9690c4dc04daef7f6afe5c");
}

fn token(domain: &str, ty: &ValueType, value: &str, keys: &KeyRing) -> String {
    let mask = plan(&spec("token", ""), domain, ty, Format::Text, keys).unwrap();
    String::from_utf8(run(&*mask, value.as_bytes()).unwrap()).unwrap()
}

fn original(token: &str, domain: &str, keys: &KeyRing) -> Option<String> {
    token::resolve(token.as_bytes(), domain, keys).map(|o| o.to_string())
}

#[test]
fn tokens_lead_back_within_their_domain_only() {
    let (text, keys) = (of("text", -1), keys());
    for value in [
        "",
        "a",
        "123-45-6789",
        "fifteen chars..",
        "sixteen chars...",
        "Ångström \u{80}\0",
        "€".repeat(900).as_str(),
    ] {
        let t = token("ssn", &text, value, &keys);
        assert!(t.starts_with("tok_"), "{t}");
        assert_eq!(original(&t, "ssn", &keys).as_deref(), Some(value));
        assert_eq!(original(&t, "mail", &keys), None);
        assert_eq!(token("ssn", &varchar(10_000), value, &keys), t);
    }
}

#[test]
fn tokens_of_an_older_key_still_resolve() {
    let older = KeyRing::parse(KEYS.lines().next().unwrap()).unwrap();
    let newer = KeyRing::parse(KEYS.lines().nth(1).unwrap()).unwrap();
    let text = of("text", -1);
    let (old, new) = (token("d", &text, "alice", &older), token("d", &text, "alice", &keys()));
    assert_ne!(old, new);
    assert_eq!(new, token("d", &text, "alice", &newer));
    assert_eq!(original(&old, "d", &keys()).as_deref(), Some("alice"));
    assert_eq!(original(&new, "d", &keys()).as_deref(), Some("alice"));
    assert_eq!(original(&old, "d", &newer), None);
}

#[test]
fn token_length_shows_the_value_in_steps_of_sixteen() {
    let lengths: Vec<usize> =
        (0..=32).map(|n| token("d", &of("text", -1), &"x".repeat(n), &keys()).len()).collect();
    assert_eq!(lengths[0], token::SHORTEST);
    assert!(lengths[..=15].iter().all(|l| *l == lengths[0]));
    assert!(lengths[16..=31].iter().all(|l| *l == lengths[16]) && lengths[16] > lengths[0]);
}

#[test]
fn a_token_fits_the_column_or_is_hidden() {
    assert!(misfit("token", "", &varchar(47)).contains("varchar(47)"));
    assert!(misfit("token", "", &of("int4", -1)).contains("hash"));
    assert_eq!(token("d", &varchar(48), "123-45-6789", &keys()).len(), 48);
    assert_eq!(token("d", &varchar(48), "sixteen chars...", &keys()), "***");
    let padded = token("d", &char(50), "alice", &keys());
    assert_eq!((padded.len(), padded.trim_end().len()), (50, 48));
    // char(n) means the same with and without its padding.
    assert_eq!(padded.trim_end(), token("d", &of("text", -1), "alice", &keys()));
}

#[test]
fn a_forged_token_resolves_to_nothing() {
    let good = token("d", &of("text", -1), "alice", &keys());
    for at in 0..good.len() {
        for replaced in [b'A', b'b', b'-', b'=', b' ', 0xff] {
            let mut forged = good.clone().into_bytes();
            if forged[at] == replaced {
                continue;
            }
            forged[at] = replaced;
            assert!(token::resolve(&forged, "d", &keys()).is_none(), "byte {at}");
        }
        assert!(token::resolve(&good.as_bytes()[..at], "d", &keys()).is_none());
    }
    assert!(token::resolve(format!("{good}A").as_bytes(), "d", &keys()).is_none());
}

// ---- arrays ----

#[test]
fn arrays_are_masked_element_by_element_in_text() {
    let array = array_of("text");
    for (value, expected) in [
        ("{}", "{}"),
        ("{alice,bob}", "{al***,bo***}"),
        ("{NULL,\"NULL\",null}", "{NULL,NU***,NULL}"),
        ("{\"a b c\",\"a\\\"\\\\c\",\"\"}", "{\"a ***\",\"a\\\"***\",***}"),
        ("{{ab,cd},{ef,gh}}", "{{***,***},{***,***}}"),
        ("[2:3][-1:0]={{alice,b},{c,d}}", "[2:3][-1:0]={{al***,***},{***,***}}"),
        ("{\"{,}\"}", "{\"{,***\"}"),
    ] {
        assert_eq!(shown("partial", "", &array, value), expected, "{value}");
    }
    assert_eq!(shown("redact", "value = 'NULL'", &array, "{a}"), "{\"NULL\"}");
    assert_eq!(shown("redact", "value = ''", &array, "{a}"), "{\"\"}");
    assert_eq!(shown("redact", "", &array_of("int4"), "{1,NULL,3}"), "{0,NULL,0}");
    assert_eq!(masked(&spec("null", ""), &array, Format::Text, b"{a}"), None);
}

/// dimensions, flags, element oid, (length, lower bound)…, elements
fn binary_array(bounds: &[(i32, i32)], elements: &[Option<&[u8]>]) -> Vec<u8> {
    let mut out = i32::try_from(bounds.len()).unwrap().to_be_bytes().to_vec();
    out.extend(i32::from(elements.contains(&None)).to_be_bytes());
    out.extend(25_i32.to_be_bytes());
    out.extend(bounds.iter().flat_map(|(n, l)| [n.to_be_bytes(), l.to_be_bytes()]).flatten());
    for element in elements {
        out.extend(element.map_or(-1, |e| i32::try_from(e.len()).unwrap()).to_be_bytes());
        out.extend(element.unwrap_or_default());
    }
    out
}

#[test]
fn arrays_are_masked_element_by_element_in_binary() {
    let partial = spec("partial", "");
    for (bounds, elements, expected) in [
        (vec![], vec![], vec![]),
        (
            vec![(2, 1)],
            vec![Some(b"alice".as_slice()), Some(b"")],
            vec![Some(b"al***".as_slice()), Some(b"***")],
        ),
        (vec![(1, 0), (2, 7)], vec![None, Some(b"{}".as_slice())], vec![None, Some(b"***".as_slice())]),
    ] {
        assert_eq!(
            masked(&partial, &array_of("text"), Format::Binary, &binary_array(&bounds, &elements)),
            Some(binary_array(&bounds, &expected))
        );
    }
}

#[test]
fn a_malformed_array_shows_nothing() {
    let mut cases: Vec<(Format, Vec<u8>)> = [
        "",
        "a",
        "{",
        "}",
        "{a",
        "{a}}",
        "{a}b",
        "{\"a}",
        "{a,}",
        "{,a}",
        "{{a}b}",
        "a{b}",
        "{\"a\"b}",
        "{a\"b\"}",
        "{{{{{{{a}}}}}}}",
        "[1:1]",
        "[1:1]={a",
        "[secret]={a}",
        "{a}{b}",
    ]
    .iter()
    .map(|t| (Format::Text, t.as_bytes().to_vec()))
    .collect();
    let good = binary_array(&[(2, 1)], &[Some(b"alice"), None]);
    cases.extend((0..good.len()).map(|n| (Format::Binary, good[..n].to_vec())));
    cases.push((Format::Binary, [good.as_slice(), b"x"].concat()));
    cases.push((Format::Binary, binary_array(&[(i32::MAX, 1); 6], &[])));
    cases.push((Format::Binary, binary_array(&[(1, 1); 7], &[Some(b"a")])));
    cases.push((Format::Binary, binary_array(&[(-1, 1)], &[])));
    for (format, value) in cases {
        let mask = plan(&spec("partial", ""), "d", &array_of("text"), format, &keys()).unwrap();
        let mut out = BytesMut::from("before");
        assert!(mask.apply(&value, &mut out).is_err(), "{value:?}");
        assert_eq!(&out[..], b"before");
    }
}

// ---- encodings ----

#[test]
fn single_byte_encodings_are_counted_by_bytes() {
    let wire = Wire { format: Format::Text, encoding: Encoding::SingleByte };
    let mask = |method: &str, options: &str| {
        plan(&spec(method, options), "d", &of("text", -1), wire, &keys()).unwrap()
    };
    // Ångström in LATIN1: not UTF-8, eight characters.
    let value = b"\xc5ngstr\xf6m";
    assert_eq!(run(&*mask("partial", "first = 1\nlast = 2"), value), Some(b"\xc5***\xf6m".to_vec()));
    assert_eq!(run(&*mask("partial", "first = 1\nfill = '…'"), value), Some(b"\xc5*".to_vec()));
    assert_eq!(run(&*mask("redact", "value = 'é!'"), value), Some(b"*!".to_vec()));
    assert_eq!(run(&*mask("email", ""), b"\xe4@\xfcb.de"), Some(b"\xe4***@\xfc***.de".to_vec()));
    for method in ["hash", "token"] {
        assert!(mask(method, "").apply(value, &mut BytesMut::new()).is_err(), "{method}");
        assert!(mask(method, "").apply(b"ascii", &mut BytesMut::new()).is_ok(), "{method}");
    }
    for method in ["partial", "email", "token"] {
        let utf8 = plan(&spec(method, ""), "d", &of("text", -1), Format::Text, &keys()).unwrap();
        assert!(utf8.apply(value, &mut BytesMut::new()).is_err(), "{method}");
    }
}

// ---- the whole grid ----

/// A change of this table is a change of what the documentation promises.
#[test]
fn which_methods_fit_which_types() {
    for (name, ..) in TYPES.iter().chain([&JSONB]) {
        let methods: Vec<_> = fitting(&of(name, -1)).map(Method::name).collect();
        let expected: &[&str] = match *name {
            "text" | "varchar" | "bpchar" | "name" => {
                &["redact", "null", "partial", "email", "hash", "token"]
            }
            "int2" | "int4" | "int8" | "uuid" | "bytea" => &["redact", "null", "hash"],
            _ => &["redact", "null"],
        };
        assert_eq!(methods, expected, "{name}");
        assert_eq!(fitting(&array_of(name)).map(Method::name).collect::<Vec<_>>(), expected, "{name}[]");
    }
    let citext = ValueType { name: "citext".into(), ..kind('b') };
    assert_eq!(fitting(&citext).count(), 6);
    assert!(misfit("show", "", &of("text", -1)).contains("public"));
    assert_eq!(
        misfit("email", "", &of("int4", -1)),
        "method \"email\" does not fit type int4: methods that fit are redact, null, hash"
    );
}

/// Does a masked value decode as its type?
fn decodes(ty: &ValueType, format: Format, value: &[u8]) -> bool {
    match family(ty) {
        Some(Family::Text(kind)) => {
            let shape = text::Shape::of(kind, ty.modifier);
            std::str::from_utf8(value).is_ok_and(|t| shape.holds(t.chars().count(), t.len()))
        }
        Some(Family::Integer(width)) => integer::decode(value, width, format).is_some(),
        Some(Family::Uuid) => uuid::decode(value, format).is_some(),
        Some(Family::Bytea) => types::bytea::decode(value, format, |_| ()).is_some(),
        _ => true,
    }
}

fn any_type() -> impl Strategy<Value = ValueType> {
    let modifier = prop_oneof![Just(-1), 5..300_i32];
    (0..TYPES.len(), modifier, any::<bool>()).prop_map(|(at, modifier, array)| {
        let (name, ..) = TYPES[at];
        let modifier = if matches!(name, "varchar" | "bpchar" | "numeric") { modifier } else { -1 };
        ValueType { modifier, ..if array { array_of(name) } else { of(name, -1) } }
    })
}

fn any_format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Text), Just(Format::Binary)]
}

/// Bytes that are often nearly a value of some type.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<Vec<u8>>(),
        any::<String>().prop_map(String::into_bytes),
        "[{}\",\\\\ NULa0-9@.:=\\[\\]-]{0,40}".prop_map(String::into_bytes),
        "\\\\x[0-9a-f]{0,20}".prop_map(String::into_bytes),
        "-?[0-9]{1,20}".prop_map(String::into_bytes),
        proptest::collection::vec(0..4_u8, 0..40),
    ]
}

proptest! {
    #[test]
    fn nothing_panics_and_faults_leave_nothing_behind(
        ty in any_type(), method in 0..Method::ALL.len(), format in any_format(),
        single_byte in any::<bool>(), value in any_bytes(),
    ) {
        let spec = MethodSpec::of(Method::ALL[method]);
        let encoding = if single_byte { Encoding::SingleByte } else { Encoding::Utf8 };
        let Ok(mask) = plan(&spec, "d", &ty, Wire { format, encoding }, &keys()) else {
            prop_assert!(fits(&spec, &ty).is_err());
            return Ok(());
        };
        let mut out = BytesMut::from("before");
        let result = mask.apply(&value, &mut out);
        prop_assert!(out.starts_with(b"before"));
        match result {
            Ok(Masked::Value) if encoding == Encoding::Utf8 && ty.element.is_none() => {
                prop_assert!(decodes(&ty, format, &out[6..]), "{:?}", &out[6..]);
            }
            Ok(Masked::Value) => {}
            Ok(Masked::Null) | Err(_) => prop_assert_eq!(&out[..], b"before"),
        }
    }

    #[test]
    fn text_and_binary_show_the_same_text(
        method in 0..Method::ALL.len(), n in 5..100_i32, value in any::<String>(),
    ) {
        let spec = MethodSpec::of(Method::ALL[method]);
        for ty in [of("text", -1), varchar(n), char(n), of("name", -1)] {
            if fits(&spec, &ty).is_ok() {
                prop_assert_eq!(
                    masked(&spec, &ty, Format::Text, value.as_bytes()),
                    masked(&spec, &ty, Format::Binary, value.as_bytes())
                );
            }
        }
    }

    #[test]
    fn text_and_binary_show_the_same_number(value in any::<i32>()) {
        let (hash, int4) = (spec("hash", ""), of("int4", -1));
        let text = masked(&hash, &int4, Format::Text, value.to_string().as_bytes()).unwrap();
        let binary = masked(&hash, &int4, Format::Binary, &value.to_be_bytes()).unwrap();
        prop_assert_eq!(
            integer::decode(&text, integer::Width::Four, Format::Text),
            integer::decode(&binary, integer::Width::Four, Format::Binary)
        );
    }

    #[test]
    fn text_and_binary_show_the_same_uuid(value in any::<[u8; 16]>()) {
        let (hash, ty) = (spec("hash", ""), of("uuid", -1));
        let mut text = BytesMut::new();
        uuid::encode(&value, Format::Text, &mut text);
        prop_assert_eq!(uuid::decode(&text, Format::Text), Some(value));
        let text = masked(&hash, &ty, Format::Text, &text).unwrap();
        let binary = masked(&hash, &ty, Format::Binary, &value).unwrap();
        prop_assert_eq!(uuid::decode(&text, Format::Text), uuid::decode(&binary, Format::Binary));
    }

    /// Non-interference, per value: what partial shows depends on nothing but
    /// what it says it shows.
    #[test]
    fn partial_depends_on_the_ends_only(head in "\\PC{2}", a in "\\PC{1,20}", b in "\\PC{1,20}", tail in "\\PC{3}") {
        let show = |middle: &str| shown("partial", "first = 2\nlast = 3", &of("text", -1), &format!("{head}{middle}{tail}"));
        prop_assert_eq!(show(&a), show(&b));
    }

    #[test]
    fn email_depends_on_first_letters_and_top_level_domain_only(
        a in "[a-z0-9.]{0,20}", b in "[a-z0-9.]{0,20}", c in "[a-z0-9-]{0,20}", d in "[a-z0-9-]{0,20}",
    ) {
        let show = |local: &str, domain: &str| shown("email", "", &of("text", -1), &format!("x{local}@y{domain}.org"));
        prop_assert_eq!(show(&a, &c), show(&b, &d));
    }

    #[test]
    fn every_token_leads_back(value in any::<String>(), domain in any::<String>()) {
        let t = token(&domain, &of("text", -1), &value, &keys());
        prop_assert_eq!(original(&t, &domain, &keys()), Some(value));
    }
}
