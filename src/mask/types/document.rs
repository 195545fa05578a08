//! json, jsonb and xml. jsonb's binary form is a version byte, 1, and its text
//! (`jsonb_send` in `jsonb.c`).

use bytes::{BufMut, BytesMut};
use smallvec::SmallVec;

use super::Literal;
use crate::mask::Encoding;

pub fn json(value: Option<&str>) -> Result<Literal, String> {
    let text = value.unwrap_or("{}");
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(Literal::textual(text)),
        Err(_) => Err("\"value\" must be JSON; a text needs its own double quotes".to_owned()),
    }
}

pub fn jsonb(value: Option<&str>) -> Result<Literal, String> {
    let mut literal = json(value)?;
    if value.is_some_and(|v| v.contains("\\u0000")) {
        return Err("\"value\" must not hold \\u0000, which jsonb refuses".to_owned());
    }
    literal.binary.insert(0, 1);
    Ok(literal)
}

/// An empty element reads both as content and as a document.
pub fn xml(value: Option<&str>) -> Result<Literal, String> {
    match value {
        None => Ok(Literal::textual("<redacted/>")),
        Some(v) if !v.contains(['<', '&', '\0']) => Ok(Literal::textual(v)),
        Some(_) => Err("\"value\" must be a text without < and &".to_owned()),
    }
}

/// Appends a JSON string, escaped as `escape_json` (`json.c`) does it.
pub fn put_string(text: &[u8], out: &mut BytesMut) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.put_u8(b'"');
    for byte in text {
        match byte {
            b'"' | b'\\' => out.put_slice(&[b'\\', *byte]),
            0x08 => out.put_slice(b"\\b"),
            0x0c => out.put_slice(b"\\f"),
            b'\n' => out.put_slice(b"\\n"),
            b'\r' => out.put_slice(b"\\r"),
            b'\t' => out.put_slice(b"\\t"),
            0..0x20 => {
                let digit = HEX.get(usize::from(byte & 0xf)).copied().unwrap_or(b'0');
                out.put_slice(&[b'\\', b'u', b'0', b'0', b'0' + (byte >> 4), digit]);
            }
            _ => out.put_u8(*byte),
        }
    }
    out.put_u8(b'"');
}

/// The text of a JSON string (without its quotes). None: an escape that is
/// none, that stands for no character, or for one that the encoding can't hold.
pub fn unescaped(string: &[u8], encoding: Encoding, out: &mut SmallVec<[u8; 256]>) -> Option<()> {
    let mut rest = string;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(rest.get(..at)?);
        let (escape, after) = rest.get(at.checked_add(1)?..)?.split_first()?;
        rest = after;
        match escape {
            b'"' | b'\\' | b'/' => out.push(*escape),
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let (character, after) = unicode(rest)?;
                rest = after;
                if encoding == Encoding::SingleByte && !character.is_ascii() {
                    return None;
                }
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return None,
        }
    }
    out.extend_from_slice(rest);
    Some(())
}

/// The character whose first four digits stand here, and what follows it. Two
/// surrogates are one (RFC 8259, section 7).
fn unicode(digits: &[u8]) -> Option<(char, &[u8])> {
    let (first, rest) = unit(digits)?;
    match char::from_u32(first) {
        Some(character) => Some((character, rest)),
        None => {
            let (second, rest) = unit(rest.strip_prefix(b"\\u")?)?;
            let pair = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
            let character = char::decode_utf16(pair).next()?.ok()?;
            Some((character, rest))
        }
    }
}

fn unit(digits: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = digits.split_first_chunk::<4>()?;
    let number =
        digits.iter().try_fold(0, |number, digit| Some(number * 16 + char::from(*digit).to_digit(16)?))?;
    Some((number, rest))
}
