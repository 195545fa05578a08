//! Does a value decode as its type? Read independently of the codecs of
//! `mask`, as clients do: binary values with `postgres-protocol` or by their
//! documented layout, texts by their form.

use postgres_protocol::types as pg;

use crate::mask::{Format, ValueType};
use crate::wire::reader::{Malformed, Reader};

/// For UTF-8 clients.
pub fn decodes(ty: &ValueType, format: Format, value: &[u8]) -> bool {
    match (ty.element, format) {
        (None, Format::Binary) => binary(ty, value),
        (None, Format::Text) => std::str::from_utf8(value).is_ok_and(|value| text(ty, value)),
        (Some(_), Format::Binary) => binary_array(ty, value),
        (Some(_), Format::Text) => std::str::from_utf8(value).is_ok_and(|value| value.ends_with('}')),
    }
}

/// `array_send` in PostgreSQL's arrayfuncs.c.
fn binary_array(ty: &ValueType, value: &[u8]) -> bool {
    let mut reader = Reader::new(value);
    let mut walk = || -> Result<bool, Malformed> {
        let dimensions = reader.i32()?;
        let (_has_nulls, _element) = (reader.i32()?, reader.u32()?);
        let mut count = usize::from(dimensions > 0);
        for _ in 0..dimensions {
            let length = usize::try_from(reader.i32()?).map_err(|_| Malformed::Field("length"))?;
            let _lower_bound = reader.i32()?;
            count = count.checked_mul(length).ok_or(Malformed::Field("length"))?;
        }
        let element = ValueType { element: None, ..ty.clone() };
        for _ in 0..count {
            if reader.value()?.is_some_and(|value| !binary(&element, value)) {
                return Ok(false);
            }
        }
        reader.finish()?;
        Ok(true)
    };
    walk().unwrap_or(false)
}

fn binary(ty: &ValueType, value: &[u8]) -> bool {
    match &*ty.name {
        "bool" => pg::bool_from_sql(value).is_ok(),
        "bytea" => true,
        "char" => value.len() == 1,
        "int2" => pg::int2_from_sql(value).is_ok(),
        "int4" => pg::int4_from_sql(value).is_ok(),
        "int8" | "money" => pg::int8_from_sql(value).is_ok(),
        "float4" => pg::float4_from_sql(value).is_ok(),
        "float8" => pg::float8_from_sql(value).is_ok(),
        "numeric" => numeric(value),
        "uuid" => pg::uuid_from_sql(value).is_ok(),
        "date" => pg::date_from_sql(value).is_ok(),
        "time" => pg::time_from_sql(value).is_ok(),
        "timestamp" | "timestamptz" => pg::timestamp_from_sql(value).is_ok(),
        "timetz" => value.len() == 12,
        "interval" => value.len() == 16,
        "inet" | "cidr" => pg::inet_from_sql(value).is_ok(),
        "macaddr" => pg::macaddr_from_sql(value).is_ok(),
        "macaddr8" => value.len() == 8,
        "jsonb" => value.split_first().is_some_and(|(version, json)| *version == 1 && is_json(json)),
        "json" => is_json(value),
        _ => std::str::from_utf8(value).is_ok_and(|value| has_room(ty, value)),
    }
}

/// `numeric_send` in PostgreSQL's numeric.c: four 16-bit words, then digits
/// to the base of 10,000.
fn numeric(value: &[u8]) -> bool {
    let words: Vec<u16> =
        value.chunks(2).map(|word| word.iter().fold(0, |sum, byte| sum << 8 | u16::from(*byte))).collect();
    let (Some(count), Some(sign)) = (words.first(), words.get(2)) else { return false };
    let digits = words.get(4..).unwrap_or_default();
    value.len() == 8 + 2 * digits.len()
        && digits.len() == usize::from(*count)
        && matches!(sign, 0 | 0x4000 | 0xc000 | 0xd000 | 0xf000)
        && digits.iter().all(|digit| *digit < 10_000)
}

fn is_json(value: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(value).is_ok()
}

fn text(ty: &ValueType, value: &str) -> bool {
    match &*ty.name {
        "bool" => matches!(value, "t" | "f"),
        "bytea" => value.strip_prefix("\\x").map_or(!value.contains('\0'), |hex| {
            hex.len() % 2 == 0 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        }),
        "int2" => value.parse::<i16>().is_ok(),
        "int4" => value.parse::<i32>().is_ok(),
        "int8" => value.parse::<i64>().is_ok(),
        "float4" | "float8" => value.parse::<f64>().is_ok(),
        "numeric" => {
            matches!(value, "NaN" | "Infinity" | "-Infinity")
                || value.strip_prefix('-').unwrap_or(value).split('.').count() <= 2
                    && value.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'))
                    && value.bytes().any(|byte| byte.is_ascii_digit())
        }
        "uuid" => value.len() == 36 && value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'),
        "inet" | "cidr" => {
            let (address, bits) = value.split_once('/').unwrap_or((value, "0"));
            address.parse::<std::net::IpAddr>().is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= 128)
        }
        "date" | "timestamp" | "timestamptz" => {
            value.ends_with("infinity")
                || value
                    .split([' ', '-'])
                    .next()
                    .is_some_and(|year| year.len() >= 4 && year.parse::<u32>().is_ok())
        }
        "json" | "jsonb" => is_json(value.as_bytes()),
        "char" => value.len() <= 1,
        _ => has_room(ty, value),
    }
}

/// Within the length that the column declares.
fn has_room(ty: &ValueType, value: &str) -> bool {
    match &*ty.name {
        "name" => value.len() < 64,
        "varchar" | "bpchar" if ty.modifier >= 4 => {
            i32::try_from(value.chars().count()).is_ok_and(|length| length <= ty.modifier - 4)
        }
        _ => true,
    }
}
