//! Arrays: each element for itself, and nothing of a malformed one.

use super::*;

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

#[test]
fn elements_without_a_constant_become_null_and_the_array_stays() {
    let moods = ValueType { element: Some(Oid(90_000)), oid: Oid(90_001), ..kind('e') };
    let redact = plan(&spec("redact", ""), "d", &moods, Format::Text, &keys()).unwrap();
    assert_eq!(run(&*redact, b"{calm,NULL,cross}").as_deref(), Some(&b"{NULL,NULL,NULL}"[..]));
    assert_eq!(run(&*redact, b"[2:2]={calm}").as_deref(), Some(&b"[2:2]={NULL}"[..]));
    assert_eq!(masked(&spec("null", ""), &moods, Format::Text, b"{calm}"), None);
}

#[test]
fn what_is_no_columns_own_hides_an_arrays_shape_too() {
    let (text, moods) = (array_of("text"), ValueType { element: Some(Oid(90_000)), ..kind('e') });
    for ty in [&text, &moods] {
        for value in [&b"{}"[..], b"{calm,NULL,cross}", b"[2:2]={calm}"] {
            assert_eq!(run(&*plan_redact(ty, Format::Text), value).as_deref(), Some(&b"{}"[..]));
        }
    }
    let none = binary_array(&[], &[]);
    let some = binary_array(&[(2, 1)], &[Some(b"a"), None]);
    assert_eq!(run(&*plan_redact(&text, Format::Binary), &some), Some(none));
}
