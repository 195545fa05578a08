//! uuid: 16 bytes, or 32 hex digits with hyphens (`uuid.c`, RFC 9562).

use bytes::{BufMut, BytesMut};

use super::Literal;
use super::bytea::{hex_digit, put_hex};
use crate::mask::Format;

pub fn decode(value: &[u8], format: Format) -> Option<[u8; 16]> {
    match format {
        Format::Binary => value.try_into().ok(),
        Format::Text => parse(value),
    }
}

/// Hyphens count for nothing: `uuid_in` allows them after any group of four.
fn parse(text: &[u8]) -> Option<[u8; 16]> {
    let mut digits = text.iter().filter(|b| **b != b'-').map(|b| hex_digit(*b));
    let mut uuid = [0; 16];
    for byte in &mut uuid {
        *byte = (digits.next()?? << 4) | digits.next()??;
    }
    digits.next().is_none().then_some(uuid)
}

pub fn encode(uuid: &[u8; 16], format: Format, out: &mut BytesMut) {
    match format {
        Format::Binary => out.put_slice(uuid),
        Format::Text => {
            for (at, byte) in uuid.iter().enumerate() {
                if matches!(at, 4 | 6 | 8 | 10) {
                    out.put_u8(b'-');
                }
                put_hex(std::slice::from_ref(byte), out);
            }
        }
    }
}

/// The nil UUID, or `value`.
pub fn literal(value: Option<&str>) -> Result<Literal, String> {
    let uuid = match value {
        None => [0; 16],
        Some(v) => parse(v.trim().as_bytes()).ok_or("\"value\" must be a UUID")?,
    };
    let mut text = BytesMut::new();
    encode(&uuid, Format::Text, &mut text);
    Ok(Literal::new(text, uuid.to_vec()))
}
