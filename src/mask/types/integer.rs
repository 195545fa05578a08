//! int2, int4, int8, and money, which is an int8 of the smallest units.

use bytes::{BufMut, BytesMut};

use super::{Literal, no_value};
use crate::mask::Format;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    Two,
    Four,
    Eight,
}

impl Width {
    pub fn largest(self) -> i64 {
        match self {
            Self::Two => i64::from(i16::MAX),
            Self::Four => i64::from(i32::MAX),
            Self::Eight => i64::MAX,
        }
    }

    pub fn holds(self, number: i128) -> bool {
        (i128::from(self.smallest())..=i128::from(self.largest())).contains(&number)
    }

    fn smallest(self) -> i64 {
        match self {
            Self::Two => i64::from(i16::MIN),
            Self::Four => i64::from(i32::MIN),
            Self::Eight => i64::MIN,
        }
    }
}

/// Reads a value. None: not one of this width.
pub fn decode(value: &[u8], width: Width, format: Format) -> Option<i64> {
    let number = match (format, width) {
        (Format::Text, _) => std::str::from_utf8(value).ok()?.parse().ok()?,
        (Format::Binary, Width::Two) => i64::from(i16::from_be_bytes(value.try_into().ok()?)),
        (Format::Binary, Width::Four) => i64::from(i32::from_be_bytes(value.try_into().ok()?)),
        (Format::Binary, Width::Eight) => i64::from_be_bytes(value.try_into().ok()?),
    };
    (width.smallest()..=width.largest()).contains(&number).then_some(number)
}

/// Appends a number. False, and nothing appended, if the width can't hold it.
pub fn encode(number: i64, width: Width, format: Format, out: &mut BytesMut) -> bool {
    match (format, width) {
        (_, width) if !(width.smallest()..=width.largest()).contains(&number) => return false,
        (Format::Text, _) => put_decimal(number, out),
        (Format::Binary, Width::Eight) => out.put_i64(number),
        (Format::Binary, Width::Four) => match i32::try_from(number) {
            Ok(n) => out.put_i32(n),
            Err(_) => return false,
        },
        (Format::Binary, Width::Two) => match i16::try_from(number) {
            Ok(n) => out.put_i16(n),
            Err(_) => return false,
        },
    }
    true
}

/// Decimal digits, without an allocation.
fn put_decimal(number: i64, out: &mut BytesMut) {
    use std::fmt::Write;
    // BytesMut grows as needed, so this can't fail.
    let _ = write!(out, "{number}");
}

pub fn literal(width: Width, value: Option<&str>) -> Result<Literal, String> {
    let number = value.unwrap_or("0").trim().parse().ok();
    let mut literal = (BytesMut::new(), BytesMut::new());
    match number {
        Some(n)
            if encode(n, width, Format::Text, &mut literal.0)
                && encode(n, width, Format::Binary, &mut literal.1) =>
        {
            Ok(Literal::new(literal.0, literal.1.to_vec()))
        }
        _ => {
            Err(format!("\"value\" must be a whole number from {} to {}", width.smallest(), width.largest()))
        }
    }
}

/// Its text form depends on the server's `lc_monetary`; a bare zero reads
/// alike in all of them.
pub fn money(value: Option<&str>) -> Result<Literal, String> {
    no_value(value, "money", Literal::new(b"0", vec![0; 8]))
}
