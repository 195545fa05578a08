//! Mask codecs: what comes out decodes as the declared type, whatever came in,
//! and nothing of a value that can't be read gets out.

use bytes::BytesMut;

use super::{Choices, decoding};
use crate::catalog::Oid;
use crate::mask::{
    Encoding, Format, KeyRing, Masked, Method, MethodSpec, ValueType, Wire, example, fits, fitting, plan,
};

/// Two keys of a ring.
pub(crate) const KEYS: &str = "\
1 2026-01-31T12:00:00Z AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
2 2026-02-28T12:00:00Z //79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=
";

/// Name, oid, oid of the array.
pub(crate) const TYPES: [(&str, u32, u32); 28] = [
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
    ("jsonb", 3802, 3807),
];

pub(crate) fn keys() -> KeyRing {
    KeyRing::parse(KEYS).expect("keys")
}

pub fn masks(data: &[u8]) -> bool {
    let mut choices = Choices { rest: data };
    let (name, oid, array) = choices.of(&TYPES);
    let is_array = choices.byte().is_multiple_of(4);
    let length = i32::from(choices.byte());
    let modifier = if matches!(name, "varchar" | "bpchar") && length > 0 { length + 4 } else { -1 };
    let element = is_array.then_some(Oid(oid));
    let oid = Oid(if is_array { array } else { oid });
    let ty = ValueType { oid, name: name.into(), modifier, element, kind: 'b', fields: None };
    let fitting: Vec<Method> = fitting(&ty).collect();
    let method = match choices.byte() {
        any @ 0..32 => Method::ALL[usize::from(any) % Method::ALL.len()],
        other => fitting[usize::from(other) % fitting.len()],
    };
    let format = choices.of(&[Format::Text, Format::Binary]);
    let encoding = choices.of(&[Encoding::Utf8, Encoding::Utf8, Encoding::SingleByte]);
    let spec = example(method, &ty).unwrap_or(MethodSpec::of(method));
    let Ok(mask) = plan(&spec, "d", &ty, Wire { format, encoding }, &keys()) else {
        assert!(fits(&spec, &ty).is_err());
        return false;
    };
    let mut out = BytesMut::from("before");
    let result = mask.apply(choices.rest, &mut out);
    let written = out.strip_prefix(b"before".as_slice()).expect("what stood there");
    match result {
        Ok(Masked::Null) | Err(_) => {
            assert_eq!(written, b"");
            false
        }
        Ok(Masked::Value) if encoding == Encoding::SingleByte => true,
        Ok(Masked::Value) => {
            let fits = decoding::decodes(&ty, format, written);
            assert!(fits, "{method:?} of {} {format:?}: {written:?}", ty.name);
            true
        }
    }
}
