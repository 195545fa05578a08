//! bytea: bytes, or in text either `\x` and hex digits or the older escape
//! format, as `bytea_output` says (`varlena.c`).

use bytes::{BufMut, BytesMut};

use super::Literal;
use crate::mask::Format;

/// Hands the bytes of a value to `each`, piece by piece. None: not a bytea.
pub fn decode(value: &[u8], format: Format, mut each: impl FnMut(&[u8])) -> Option<()> {
    match (format, value.strip_prefix(b"\\x")) {
        (Format::Binary, _) => {
            each(value);
            Some(())
        }
        (Format::Text, Some(hex)) => decode_hex(hex, each),
        (Format::Text, None) => decode_escape(value, each),
    }
}

fn decode_hex(hex: &[u8], mut each: impl FnMut(&[u8])) -> Option<()> {
    let (pairs, []) = hex.as_chunks::<2>() else { return None };
    // 64 at a time: one block of SHA-256.
    for chunk in pairs.chunks(64) {
        let mut block = [0; 64];
        for (byte, [high, low]) in block.iter_mut().zip(chunk) {
            *byte = (hex_digit(*high)? << 4) | hex_digit(*low)?;
        }
        each(block.get(..chunk.len())?);
    }
    Some(())
}

/// `\\` is a backslash, `\ooo` any byte, all else itself.
fn decode_escape(text: &[u8], mut each: impl FnMut(&[u8])) -> Option<()> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        each(rest.get(..at)?);
        rest = match rest.get(at..)? {
            [_, b'\\', tail @ ..] => {
                each(b"\\");
                tail
            }
            [_, a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] => {
                each(&[((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0')]);
                tail
            }
            _ => return None,
        };
    }
    each(rest);
    Some(())
}

pub fn encode(bytes: &[u8], format: Format, out: &mut BytesMut) {
    match format {
        Format::Binary => out.put_slice(bytes),
        Format::Text => {
            out.put_slice(b"\\x");
            put_hex(bytes, out);
        }
    }
}

/// Lower-case hex digits.
pub fn put_hex(bytes: &[u8], out: &mut BytesMut) {
    // Up to 32 bytes at once: one look at the buffer's room for a whole digest.
    for chunk in bytes.chunks(32) {
        let mut digits = [[0; 2]; 32];
        for (pair, byte) in digits.iter_mut().zip(chunk) {
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        out.put_slice(digits.get(..chunk.len()).unwrap_or_default().as_flattened());
    }
}

fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) }
}

pub fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// Nothing, or `value`: `\x` and hex digits, or a text.
pub fn literal(value: Option<&str>) -> Result<Literal, String> {
    let mut bytes = Vec::new();
    decode(value.unwrap_or_default().as_bytes(), Format::Text, |piece| bytes.extend_from_slice(piece))
        .ok_or("\"value\" must be like \\x00ff")?;
    let mut text = BytesMut::new();
    encode(&bytes, Format::Text, &mut text);
    Ok(Literal::new(text, bytes))
}
