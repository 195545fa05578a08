//! The data of COPY … FROM STDIN, read and written anew.
//!
//! Goal: only tokens, NULL and defaults get through, and the server reads in
//! what goes upstream what was decided here. Method: a table of three columns,
//! of which the second takes tokens; what goes upstream is compared with what
//! must, and is the same wherever the data is cut.

use std::sync::Arc;

use bytes::BytesMut;

use super::CopyInStream;
use crate::catalog::Oid;
use crate::mask::{self, Encoding, Format, KeyRing, MethodSpec, ValueType};
use crate::policy::tokens::{Streamed, Takes};
use crate::policy::{Disclosure, Disclosures, ProtectedColumn};
use crate::sql::analysis::{CopyFormat, CopyIn, CopyInFormat};

const KEY: &str = "1 2026-01-31T12:00:00Z AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";

fn keys() -> KeyRing {
    KeyRing::parse(KEY).unwrap()
}

fn text_type() -> ValueType {
    ValueType { oid: Oid(25), name: "text".into(), modifier: -1, element: None, kind: 'b', fields: None }
}

fn column() -> Arc<ProtectedColumn> {
    Arc::new(ProtectedColumn {
        name: "public.people.ssn".into(),
        schema: "public".into(),
        table: "people".into(),
        column: "ssn".into(),
        method: MethodSpec::Token,
        domain: "ssn".into(),
        tags: Vec::new(),
        discloses: Disclosures(Disclosure::Equality),
        writable: false,
        because: "".into(),
        path: None,
        paths: [].into(),
        below: [].into(),
    })
}

fn token(value: &str) -> String {
    let mask = mask::plan(&MethodSpec::Token, "ssn", &text_type(), Format::Text, &keys()).unwrap();
    let mut out = BytesMut::new();
    mask.apply(value.as_bytes(), &mut out).unwrap();
    String::from_utf8(out.to_vec()).unwrap()
}

fn of(format: CopyFormat) -> CopyInFormat {
    CopyInFormat { format, default: None, force_null: vec![], force_not_null: vec![], utf8: false }
}

fn text() -> CopyInFormat {
    of(CopyFormat::Text { delimiter: b'\t', null: "\\N".into(), header: false })
}

fn csv() -> CopyInFormat {
    csv_with(b',', b'"', b'"', "", false)
}

fn csv_with(delimiter: u8, quote: u8, escape: u8, null: &str, header: bool) -> CopyInFormat {
    of(CopyFormat::Csv { delimiter, null: null.into(), header, quote, escape, forced: false })
}

fn stream(format: CopyInFormat, columns: usize, place: usize, takes: Takes) -> CopyInStream {
    let copy = CopyIn { columns, format: Ok(format) };
    let streamed = [Streamed { place, column: column(), ty: text_type(), takes }];
    CopyInStream::new(&copy, &streamed, &keys(), Encoding::Utf8).ok().unwrap()
}

/// What goes upstream of `data`, or the SQLSTATE; cut at every place.
fn sent(make: &dyn Fn() -> CopyInStream, data: &[u8]) -> Result<Vec<u8>, String> {
    let run = |cuts: &[&[u8]]| {
        let (mut stream, mut out) = (make(), BytesMut::new());
        cuts.iter()
            .try_for_each(|part| stream.take(part, &mut out))
            .and_then(|()| stream.finish(&mut out))
            .map(|()| out.to_vec())
            .map_err(|error| error.code.to_string())
    };
    let whole = run(&[data]);
    for at in 0..=data.len() {
        assert_eq!(run(&[&data[..at], &data[at..]]), whole, "cut at {at}");
    }
    let single: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(run(&single), whole, "cut at each byte");
    whole
}

fn tokens(format: CopyInFormat, data: &str) -> Result<String, String> {
    let make = || stream(format.clone(), 3, 1, Takes::Tokens);
    sent(&make, data.as_bytes()).map(|sent| String::from_utf8(sent).unwrap())
}

fn same(format: CopyInFormat, data: &str) {
    assert_eq!(tokens(format, data).as_deref(), Ok(data));
}

#[test]
fn a_token_becomes_its_original_and_all_else_stays() {
    let t = token("123-45");
    let rows = format!("1\t{t}\ta\\tb\n2\t\\N\tx\\\ny\n3\t{t}\t\\N\n");
    assert_eq!(tokens(text(), &rows).as_deref(), Ok("1\t123-45\ta\\tb\n2\t\\N\tx\\\ny\n3\t123-45\t\\N\n"));
    let rows = format!("1,{t},\"a\n\"\"b,\"\n2,,c\"d,e\"f\n3,\"{t}\",\n");
    assert_eq!(
        tokens(csv(), &rows).as_deref(),
        Ok("1,\"123-45\",\"a\n\"\"b,\"\n2,,c\"d,e\"f\n3,\"123-45\",\n")
    );
    // Quotes in the middle, a last line without an end, lines that end with \r\n.
    let (head, tail) = t.split_at(9);
    assert_eq!(tokens(csv(), &format!("1,{head}\"{tail}\",z")).as_deref(), Ok("1,\"123-45\",z\n"));
    assert_eq!(
        tokens(csv(), &format!("1,{t},z\r\n2,,\"\r\n\"\r\n")).as_deref(),
        Ok("1,\"123-45\",z\n2,,\"\r\n\"\n")
    );
    assert_eq!(tokens(text(), &format!("1\t{t}\tz\r\n")).as_deref(), Ok("1\t123-45\tz\n"));
    // A token spelled with escapes.
    let spelled = format!("\\x74\\157k_{}", &t[4..]);
    assert_eq!(tokens(text(), &format!("1\t{spelled}\t\n")).as_deref(), Ok("1\t123-45\t\n"));
    same(text(), "");
    same(csv(), "");
}

#[test]
fn what_is_no_token_is_refused() {
    let t = token("123-45");
    for value in ["123-45", "", "tok_", &format!("{t}x"), &format!(" {t}"), "\\\\N", "\\"] {
        let refused = tokens(text(), &format!("1\t{value}\tx\n"));
        assert!(refused.is_err(), "{value}: {refused:?}");
    }
    for value in ["123-45", "\"\"", "\"tok_\"", &format!("\"{t}\" "), "\\N"] {
        assert_eq!(tokens(csv(), &format!("1,{value},x\n")), Err("42501".into()), "{value}");
    }
    // Nothing of a row's end goes before its value was judged, and no row after it.
    let (mut stream, mut out) = (stream(text(), 3, 1, Takes::Tokens), BytesMut::new());
    assert!(stream.take(format!("1\t{t}\tx\n2\tno\ty\n3\t{t}\tz\n").as_bytes(), &mut out).is_err());
    assert_eq!(&out[..], b"1\t123-45\tx\n2\t");
}

#[test]
fn null_and_default_markers_pass() {
    let mut format = of(CopyFormat::Text { delimiter: b'|', null: "none".into(), header: true });
    format.default = Some("dflt".into());
    same(format.clone(), "a|whatever|c\n1|none|x\n2|dflt|y\n");
    assert_eq!(tokens(format, "a|b|c\n1|\\N|x\n"), Err("42501".into()));
    let mut format = csv_with(b';', b'\'', b'\\', "none", true);
    format.default = Some("dflt".into());
    same(format.clone(), "a;'what\never';c\n1;none;'a\\'b'\n2;dflt;\\\n");
    assert_eq!(tokens(format, "a;b;c\n1;'none';x\n"), Err("42501".into()));
    // FORCE_NOT_NULL makes the marker a text, FORCE_NULL a quoted one a marker.
    let mut format = csv();
    format.force_not_null = vec![1];
    assert_eq!(tokens(format.clone(), "1,,x\n"), Err("42501".into()));
    format.force_not_null = vec![];
    format.force_null = vec![1];
    let make = || stream(format.clone(), 3, 1, Takes::Nothing);
    assert_eq!(sent(&make, b"1,\"\",x\n").as_deref(), Ok(&b"1,\"\",x\n"[..]));
    assert_eq!(sent(&make, b"1,\"a\",x\n"), Err("42501".into()));
}

/// A client that chooses the marker would be told which value is that text.
#[test]
fn no_original_reads_like_a_marker() {
    let mut format = of(CopyFormat::Text { delimiter: b'\t', null: "secret".into(), header: false });
    let row = format!("1\t{}\tx\n", token("secret"));
    assert_eq!(tokens(format.clone(), &row).as_deref(), Ok("1\t\\x73ecret\tx\n"));
    format.default = Some("\\x73ecret".into());
    assert_eq!(tokens(format, &row).as_deref(), Ok("1\t\\163ecret\tx\n"));
    let format = csv_with(b',', b'"', b'"', "secret", false);
    let row = format!("1,{},x\n", token("secret"));
    assert_eq!(tokens(format.clone(), &row).as_deref(), Ok("1,\"secret\",x\n"));
    let refused = |format: CopyInFormat| {
        let copy = CopyIn { columns: 3, format: Ok(format) };
        let streamed = [Streamed { place: 1, column: column(), ty: text_type(), takes: Takes::Tokens }];
        CopyInStream::new(&copy, &streamed, &keys(), Encoding::Utf8).err().map(|error| error.code.to_string())
    };
    assert_eq!(refused(CopyInFormat { force_null: vec![1], ..format }).as_deref(), Some("0A000"));
    let empty = of(CopyFormat::Text { delimiter: b'\t', null: "".into(), header: false });
    assert_eq!(refused(empty).as_deref(), Some("0A000"));
    assert_eq!(refused(CopyInFormat { default: Some("".into()), ..text() }).as_deref(), Some("0A000"));
    // Characters that the server reads in two ways.
    for format in [
        csv_with(b'\\', b'"', b'"', "", false),
        csv_with(b',', b'\\', b'\\', "", false),
        csv_with(b',', b'\n', b'"', "", false),
        csv_with(b',', b'"', b',', "", false),
    ] {
        assert_eq!(refused(format).as_deref(), Some("0A000"));
    }
}

#[test]
fn an_original_is_spelled_so_that_it_is_read_as_it_is() {
    for value in ["a\tb\nc\rd\\e", "\\.", "\\N", "", "\"", "a\"b,c", "ü€"] {
        let row = |t: &str, d: &str| format!("1{d}{t}{d}x\n");
        let sent = tokens(text(), &row(&token(value), "\t")).unwrap();
        let fields: Vec<&str> = sent.trim_end_matches('\n').split('\t').collect();
        let field = if value.contains('\t') { "a\\\tb\\nc\\rd\\\\e" } else { fields[1] };
        assert!(sent.contains(field));
        assert_eq!(crate::session::copy::unescape(field.as_bytes()), value.as_bytes());
        let sent = tokens(csv(), &row(&token(value), ",")).unwrap();
        assert_eq!(sent, row(&format!("\"{}\"", value.replace('"', "\"\"")), ","));
    }
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let t = token("1");
    for (format, data) in [
        (text(), format!("1\t{t}\n")),
        (text(), format!("1\t{t}\tx\ty\n")),
        (text(), "\n".to_owned()),
        (text(), format!("1\t{t}\tx\r2\t{t}\ty\r")),
        (text(), format!("1\t{t}\tx\n2\t{t}\ty\r\n")),
        (text(), format!("1\t{t}\tx\r\n2\t{t}\ty\n")),
        (text(), format!("1\t{t}\tx\\.\n")),
        (text(), "\\.x\n".to_owned()),
        (text(), "1\t\\N\tx\\".to_owned()),
        (csv(), format!("1,{t}\n")),
        (csv(), format!("1,{t},x,y\n")),
        (csv(), format!("1,{t},\"x\n")),
        (csv(), "1,\"".to_owned()),
    ] {
        assert_eq!(tokens(format, &data), Err("22P04".into()), "{data:?}");
    }
}

/// Nothing behind the marker is read by the server, so nothing of it goes there.
#[test]
fn the_end_marker_ends_the_data() {
    for format in [text(), csv()] {
        same(format.clone(), "\\.\n");
        assert_eq!(tokens(format.clone(), "\\.\n1\tsecret\n").as_deref(), Ok("\\.\n"));
        assert_eq!(tokens(format, "\\.").as_deref(), Ok("\\.\n"));
    }
    same(csv(), "\\.a,,\\.\n\\,,\n");
    // In one column the newest servers take it for a value.
    let make = || stream(csv(), 1, 0, Takes::Tokens);
    assert_eq!(sent(&make, b"\\.\n"), Err("0A000".into()));
    let make = || stream(text(), 1, 0, Takes::Tokens);
    assert_eq!(sent(&make, b"\\N\n\\.\n").as_deref(), Ok(&b"\\N\n\\.\n"[..]));
}

fn binary(rows: &[&[Option<&[u8]>]]) -> Vec<u8> {
    let mut data = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for row in rows {
        data.extend(i16::try_from(row.len()).unwrap().to_be_bytes());
        for value in *row {
            match value {
                Some(value) => {
                    data.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
                    data.extend(*value);
                }
                None => data.extend((-1_i32).to_be_bytes()),
            }
        }
    }
    data.extend((-1_i16).to_be_bytes());
    data
}

#[test]
fn binary_rows_are_read_too() {
    let t = token("123-45");
    let make = || stream(of(CopyFormat::Binary), 3, 1, Takes::Tokens);
    let data = binary(&[
        &[Some(b"1"), Some(t.as_bytes()), None],
        &[None, None, Some(b"")],
        &[Some(b""), None, None],
    ]);
    let wanted =
        binary(&[&[Some(b"1"), Some(b"123-45"), None], &[None, None, Some(b"")], &[Some(b""), None, None]]);
    assert_eq!(sent(&make, &data), Ok(wanted));
    for row in [&[None, Some(&b"123-45"[..]), None][..], &[None, Some(b""), None]] {
        assert_eq!(sent(&make, &binary(&[row])), Err("42501".into()));
    }
    let good = binary(&[&[None, None, None]]);
    // Without a trailer the data ends as well.
    assert_eq!(sent(&make, &good[..good.len() - 2]).as_deref(), Ok(&good[..good.len() - 2]));
    let oids = [&good[..11], &[0, 1, 0, 0], &good[15..]].concat();
    for (data, code) in [
        (binary(&[&[None, None]]), "22P04"),
        ([&good[..], b"x"].concat(), "22P04"),
        (good[..good.len() - 3].to_vec(), "22P04"),
        (good[..8].to_vec(), "22P04"),
        ([b"X", &good[1..]].concat(), "22P04"),
        (oids, "0A000"),
        ([&good[..19], &[0, 3, 255, 255, 255, 254]].concat(), "22P04"),
    ] {
        assert_eq!(sent(&make, &data), Err(code.into()), "{data:?}");
    }
}

#[test]
fn a_column_that_may_be_written_takes_both() {
    let make = || stream(text(), 3, 1, Takes::Either);
    let data = format!("1\t{}\tx\n2\tpl\\x61in\ty\n", token("a"));
    assert_eq!(sent(&make, data.as_bytes()).as_deref(), Ok(&b"1\ta\tx\n2\tpl\\x61in\ty\n"[..]));
    let make = || stream(text(), 3, 1, Takes::Nothing);
    assert_eq!(sent(&make, b"1\t\\N\tx\n").as_deref(), Ok(&b"1\t\\N\tx\n"[..]));
    assert_eq!(sent(&make, data.as_bytes()), Err("42501".into()));
}

#[test]
fn a_constraint_takes_less_than_the_column() {
    let make = |takes: [Takes; 2]| {
        let copy = CopyIn { columns: 3, format: Ok(text()) };
        let streamed = takes.map(|takes| Streamed { place: 1, column: column(), ty: text_type(), takes });
        CopyInStream::new(&copy, &streamed, &keys(), Encoding::Utf8).ok().unwrap()
    };
    let token = format!("1\t{}\tx\n", token("a"));
    let either = || make([Takes::Either, Takes::Tokens]);
    assert_eq!(sent(&either, token.as_bytes()).as_deref(), Ok(&b"1\ta\tx\n"[..]));
    assert_eq!(sent(&either, b"1\tplain\tx\n"), Err("42501".into()));
    let nothing = || make([Takes::Tokens, Takes::Nothing]);
    assert_eq!(sent(&nothing, token.as_bytes()), Err("42501".into()));
}

/// Memory must not grow with a value.
#[test]
fn a_value_that_never_ends_is_refused() {
    let (mut stream, mut out) = (stream(text(), 3, 1, Takes::Either), BytesMut::new());
    stream.take(b"1\t", &mut out).unwrap();
    let part = vec![b'x'; 1 << 20];
    let error = (0..64).find_map(|_| stream.take(&part, &mut out).err()).unwrap();
    assert_eq!(error.code, "54000");
}
