//! COPY streams as PostgreSQL writes them, through a plan that masks the
//! second of three columns with `redact`. A failure is a raw value in a dump.

use std::sync::Arc;

use super::*;
use crate::catalog::Oid;
use crate::catalog::guard::Guard;
use crate::mask::{Encoding, Format, KeyRing};
use crate::policy::decide::OutputAction;
use crate::session::rows::Witness;
use crate::wire::backend::Field;

const KEY: &str = "1 2026-01-31T12:00:00Z AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";

fn plan(format: CopyFormat) -> CopyPlan {
    let binary = format == CopyFormat::Binary;
    let field = Field {
        origin: None,
        type_oid: Oid(25),
        modifier: -1,
        format: if binary { Format::Binary } else { Format::Text },
    };
    let guard = Guard::empty();
    let keys = KeyRing::parse(KEY).unwrap();
    let witness =
        Witness { guard: &guard, keys: &keys, encoding: Encoding::Utf8, sees: &|_| false, by_name: false };
    let outputs = [OutputAction::Pass, OutputAction::Redact { columns: Vec::new() }, OutputAction::Pass];
    let (rows, _) = RowPlan::new(Some(&outputs), &[field; 3], &witness).unwrap();
    CopyPlan::new(format, rows)
}

fn masked(plan: &mut CopyPlan, body: &[u8]) -> Result<Vec<u8>, RowFault> {
    let mut out = BytesMut::new();
    plan.rewrite(body, &mut out)?;
    assert_eq!(out[0], b'd');
    Ok(out[5..].to_vec())
}

fn text() -> CopyFormat {
    CopyFormat::Text { delimiter: b'\t', null: "\\N".into(), header: false }
}

fn csv() -> CopyFormat {
    CopyFormat::Csv {
        delimiter: b',',
        null: String::new(),
        header: true,
        quote: b'"',
        escape: b'"',
        forced: false,
    }
}

#[test]
fn text_rows_keep_other_columns_byte_for_byte() {
    let mut plan = plan(text());
    assert_eq!(masked(&mut plan, b"1\tsec\\tret\ta\\\\b\\n\n").unwrap(), b"1\t***\ta\\\\b\\n\n");
    assert_eq!(masked(&mut plan, b"1\t\\N\t\\N\n2\tx\ty\n").unwrap(), b"1\t\\N\t\\N\n2\t***\ty\n");
}

#[test]
fn a_text_row_that_is_not_whole_is_not_shown() {
    assert!(masked(&mut plan(text()), b"1\tsecret\tx").is_err());
    assert!(masked(&mut plan(text()), b"1\tsecret\n").is_err());
    assert!(masked(&mut plan(text()), b"1\tsecret\tx\\").is_err());
    assert!(masked(&mut plan(text()), b"1\tse\tcret\tx\n").is_err());
}

#[test]
fn csv_quotes_newlines_and_null_are_read_as_written() {
    let mut plan = plan(csv());
    assert_eq!(masked(&mut plan, b"id,ssn,note\n").unwrap(), b"id,ssn,note\n");
    assert_eq!(
        masked(&mut plan, b"1,\"se,c\"\"r\net\",\"a\"\"b\"\n2,,\"\"\n").unwrap(),
        b"1,***,\"a\"\"b\"\n2,,\"\"\n"
    );
    assert!(masked(&mut plan, b"1,\"secret,x\n").is_err());
    assert!(masked(&mut plan, b"1,\"s\"ecret,x\n").is_err());
}

#[test]
fn csv_output_is_quoted_where_it_would_be_misread() {
    let csv = Csv { delimiter: b',', null: b"", quote: b'"', escape: b'\\', single: false, forced: false };
    let mut out = BytesMut::new();
    csv.put(b"", &mut out);
    csv.put(b"a\"b,\\", &mut out);
    Csv { forced: true, ..csv }.put(b"plain", &mut out);
    assert_eq!(&out[..], b"\"\"\"a\\\"b,\\\\\"\"plain\"");
}

/// DELIMITER 'x' would ask whether the value has an x in it, NULL 'x' whether it is one.
#[test]
fn csv_does_not_show_whether_the_original_was_quoted() {
    let lines = [&b"1,secret,x\n"[..], b"1,\"se,cret\",x\n", b"1,\"\",x\n"];
    for line in lines {
        let mut plan = plan(csv());
        masked(&mut plan, b"id,ssn,note\n").unwrap();
        assert_eq!(masked(&mut plan, line).unwrap(), b"1,***,x\n");
    }
}

#[test]
fn binary_rows_header_and_trailer() {
    let mut plan = plan(CopyFormat::Binary);
    let mut body = BINARY_SIGNATURE.to_vec();
    body.extend_from_slice(&[0; 8]);
    let row = |middle: &[u8]| {
        let mut row = b"\0\x03\0\0\0\x011".to_vec();
        row.extend_from_slice(&u32::try_from(middle.len()).unwrap().to_be_bytes());
        row.extend_from_slice(middle);
        row.extend_from_slice(b"\xff\xff\xff\xff");
        row
    };
    let mut expected = body.clone();
    body.extend(row(b"secret"));
    expected.extend(row(b"***"));
    assert_eq!(masked(&mut plan, &body).unwrap(), expected);
    assert_eq!(masked(&mut plan, b"\xff\xff").unwrap(), b"\xff\xff");
    assert!(masked(&mut plan, &row(b"secret")).is_err());
    assert!(masked(&mut self::plan(CopyFormat::Binary), b"PGCOPY").is_err());
}

/// The analysis said nothing of a column that the server names: it is masked
/// all the same, and reported.
#[test]
fn a_protected_origin_that_nobody_announced_is_masked() {
    let origin = crate::catalog::ColumnId { relation: Oid(1), attribute: 2 };
    let column = crate::grants::model::sample::column("public", "customers", "ssn", &[]);
    let mut guard = Guard::empty();
    guard.protected.insert(origin, Arc::new(column));
    let keys = KeyRing::parse(KEY).unwrap();
    let witness =
        Witness { guard: &guard, keys: &keys, encoding: Encoding::Utf8, sees: &|_| false, by_name: false };
    let field = Field { origin: Some(origin), type_oid: Oid(25), modifier: -1, format: Format::Text };
    for outputs in [None, Some([OutputAction::Pass])] {
        let outputs = outputs.as_ref().map(|outputs| outputs.as_slice());
        let (rows, trips) = RowPlan::new(outputs, &[field], &witness).unwrap();
        assert!(rows.is_masked(0));
        assert_eq!(trips.len(), 1);
    }
}
