//! Every method on every type and in both formats, against answers written by
//! hand; and what must hold for any input: the output decodes as the declared
//! type, text and binary agree, nothing panics, nothing of an unreadable value
//! gets out. `tests/masks.rs` asks PostgreSQL itself to read the same values.

mod arrays;
mod coarse;
mod composites;
mod constants;
mod documents;
mod fakes;
mod grid;
mod hashes;
mod texts;
mod tokens;

use bytes::BytesMut;

use super::*;
use crate::fuzzing::masks::{KEYS, TYPES, keys};

fn of(name: &str, modifier: i32) -> ValueType {
    let (name, oid, _) = *TYPES.iter().find(|t| t.0 == name).unwrap();
    ValueType { oid: Oid(oid), name: name.into(), modifier, element: None, kind: 'b', fields: None }
}

fn array_of(name: &str) -> ValueType {
    let (name, oid, array) = *TYPES.iter().find(|t| t.0 == name).unwrap();
    ValueType {
        oid: Oid(array),
        name: name.into(),
        modifier: -1,
        element: Some(Oid(oid)),
        kind: 'b',
        fields: None,
    }
}

fn kind(kind: char) -> ValueType {
    ValueType { oid: Oid(90_000), name: "mine".into(), modifier: -1, element: None, kind, fields: None }
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
