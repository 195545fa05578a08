//! What holds for all methods, types and formats at once.

use proptest::prelude::*;

use super::*;
use crate::mask::types::{self, Family, family, integer, text, uuid};

/// A change of this table is a change of what the documentation promises.
#[test]
fn which_methods_fit_which_types() {
    for (name, ..) in &TYPES {
        let methods: Vec<_> = fitting(&of(name, -1)).map(Method::name).collect();
        let expected: &[&str] = match *name {
            "text" | "varchar" | "bpchar" | "name" => {
                &["redact", "null", "partial", "email", "hash", "token", "fpe", "fake"]
            }
            "int4" | "int8" => &["redact", "null", "hash", "token", "generalize", "noise"],
            "uuid" => &["redact", "null", "hash", "token"],
            "int2" => &["redact", "null", "hash", "generalize", "noise"],
            "numeric" | "float4" | "float8" => &["redact", "null", "generalize", "noise"],
            "bytea" => &["redact", "null", "hash"],
            "date" | "timestamp" | "timestamptz" | "inet" | "cidr" => &["redact", "null", "generalize"],
            _ => &["redact", "null"],
        };
        assert_eq!(methods, expected, "{name}");
        assert_eq!(fitting(&array_of(name)).map(Method::name).collect::<Vec<_>>(), expected, "{name}[]");
    }
    let citext = ValueType { name: "citext".into(), ..kind('b') };
    assert_eq!(fitting(&citext).count(), 8);
    assert!(misfit("show", "", &of("text", -1)).contains("public"));
    assert_eq!(
        misfit("email", "", &of("int4", -1)),
        "method \"email\" does not fit type int4: methods that fit are redact, null, hash, token, generalize, noise"
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
        let method = Method::ALL[method];
        let spec = example(method, &ty).unwrap_or(MethodSpec::of(method));
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
}
