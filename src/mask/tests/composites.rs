//! Composite types, field by field. That PostgreSQL reads what is shown as it
//! would read its own rows is `tests/composites.rs`.

use super::*;
use crate::mask::{DocumentPath, DocumentRule, FieldType};

fn field(name: &str, ty: ValueType) -> FieldType {
    FieldType { name: name.into(), declared: ty.oid, ty }
}

/// `(name text, note text)`, of which `name` is masked.
fn person() -> ValueType {
    let fields = [field("name", of("text", -1)), field("note", of("text", -1))];
    ValueType { fields: Some(fields.into()), ..kind('c') }
}

fn rules(paths: &[(&str, MethodSpec)]) -> MethodSpec {
    let rule = |(path, method): &(&str, MethodSpec)| DocumentRule {
        path: DocumentPath::parse(path).unwrap(),
        method: method.clone(),
        domain: "d".into(),
    };
    MethodSpec::Document(paths.iter().map(rule).collect())
}

fn partial() -> MethodSpec {
    rules(&[("$.name", spec("partial", ""))])
}

fn binary(fields: &[(u32, Option<&[u8]>)]) -> Vec<u8> {
    let mut value = i32::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
    for (oid, field) in fields {
        value.extend(oid.to_be_bytes());
        value.extend(field.map_or(-1, |field| i32::try_from(field.len()).unwrap()).to_be_bytes());
        value.extend(field.unwrap_or_default());
    }
    value
}

#[test]
fn the_other_fields_stay_as_they_came_in_text() {
    for (value, expected) in [
        ("(alice,x)", "(al***,x)"),
        ("(,)", "(,)"),
        ("(,\"\")", "(,\"\")"),
        ("(\"\",x)", "(***,x)"),
        (r#"("a ""\\b"," ""q""\\,()")"#, r#"("a ***"," ""q""\\,()")"#),
        (r#"("""\\b",x)"#, r#"("""\\***",x)"#),
        ("(Ångström,é)", "(Ån***,é)"),
    ] {
        let shown = masked(&partial(), &person(), Format::Text, value.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(shown).unwrap(), expected);
    }
    let hidden = rules(&[("$.name", spec("null", "")), ("$.note", spec("redact", "value = '(a)'"))]);
    let shown = masked(&hidden, &person(), Format::Text, b"(alice,x)");
    assert_eq!(shown.as_deref(), Some(&b"(,\"(a)\")"[..]));
}

#[test]
fn the_other_fields_stay_as_they_came_in_binary() {
    let value = binary(&[(25, Some(b"alice")), (25, Some(b"x"))]);
    let shown = masked(&partial(), &person(), Format::Binary, &value).unwrap();
    assert_eq!(shown, binary(&[(25, Some(b"al***")), (25, Some(b"x"))]));
    let nulls = binary(&[(25, None), (25, None)]);
    assert_eq!(masked(&partial(), &person(), Format::Binary, &nulls), Some(nulls));
    let null = rules(&[("$.name", spec("null", ""))]);
    let shown = masked(&null, &person(), Format::Binary, &value).unwrap();
    assert_eq!(shown, binary(&[(25, None), (25, Some(b"x"))]));
}

/// A row of another shape than the catalog's would lay another field open.
#[test]
fn a_row_that_is_not_as_the_catalog_says_shows_nothing() {
    let text = [
        "",
        "(",
        ")",
        "()",
        "(a)",
        "(a,b,c)",
        "(a,b",
        "a,b)",
        "(a,b)x",
        "(\"a,b)",
        "(\"a\"b,c)",
        "(a\"b\",c)",
        "(a b,c)",
        "(a(,c)",
        "(a,b))",
        "(\"a\\,b)",
        "(\"a\\xb\",c)",
    ];
    let mut cases: Vec<_> = text.iter().map(|text| (Format::Text, text.as_bytes().to_vec())).collect();
    let good = binary(&[(25, Some(b"alice")), (25, Some(b"x"))]);
    cases.extend((0..good.len()).map(|length| (Format::Binary, good[..length].to_vec())));
    cases.push((Format::Binary, [good.as_slice(), b"x"].concat()));
    cases.push((Format::Binary, binary(&[(25, Some(b"alice"))])));
    cases.push((Format::Binary, binary(&[(25, None), (25, None), (25, Some(b"alice"))])));
    cases.push((Format::Binary, binary(&[(25, Some(b"alice")), (23, Some(b"1234"))])));
    for (format, value) in cases {
        let mask = plan(&partial(), "d", &person(), format, &keys()).unwrap();
        let mut out = BytesMut::from("before");
        assert!(mask.apply(&value, &mut out).is_err(), "{:?}", String::from_utf8_lossy(&value));
        assert_eq!(&out[..], b"before");
    }
}

#[test]
fn arrays_and_nested_types_are_masked_inside() {
    let house = [field("owner", person()), field("n", of("int4", -1))];
    let houses = ValueType { element: Some(Oid(90_000)), fields: Some(house.into()), ..kind('c') };
    let value = br#"{"(\"(alice,x)\",1)",NULL}"#;
    let shown = masked(&rules(&[("$.owner.name", spec("partial", ""))]), &houses, Format::Text, value);
    assert_eq!(String::from_utf8(shown.unwrap()).unwrap(), r#"{"(\"(al***,x)\",1)",NULL}"#);
    // Without its fields a type is masked whole.
    assert!(fits(&partial(), &kind('c')).is_err());
    assert_eq!(masked(&spec("redact", ""), &person(), Format::Text, b"(alice,x)"), None);
}
