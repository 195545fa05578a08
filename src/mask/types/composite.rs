//! Composite types: of a row's fields those that rules name are masked, each as
//! a column of its type; the others stay as they came. Text form as
//! `record_out`, binary form as `record_send` (`rowtypes.c`); neither shows
//! dropped fields.
//! Invariant: a row that has not just the fields that the catalog knows is an
//! error, not a value.

use bytes::{BufMut, BytesMut};
use smallvec::SmallVec;

use super::nested::{self, Nested};
use crate::catalog::Oid;
use crate::mask::{Mask, Masked, UnreadableValue};

/// What one field becomes.
pub struct FieldMask {
    /// Its type, as declared.
    pub declared: Oid,
    /// None: it stays.
    pub mask: Option<Box<dyn Mask>>,
}

/// Masks rows field by field. The masks are made for the same format.
pub struct CompositeMask {
    pub fields: Box<[FieldMask]>,
    pub unreadable: UnreadableValue,
}

impl Mask for CompositeMask {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        self.whole(value, out)
    }
}

impl Nested for CompositeMask {
    fn unreadable(&self) -> UnreadableValue {
        self.unreadable
    }

    fn text(&self, value: &[u8], out: &mut BytesMut) -> Option<()> {
        let mut rest = value.strip_prefix(b"(")?.strip_suffix(b")")?;
        out.put_u8(b'(');
        let mut plain = SmallVec::<[u8; 128]>::new();
        for (place, field) in self.fields.iter().enumerate() {
            if place > 0 {
                rest = rest.strip_prefix(b",")?;
                out.put_u8(b',');
            }
            let (raw, after) = split_field(rest, &mut plain)?;
            rest = after;
            match &field.mask {
                None => out.put_slice(raw),
                // Nothing at all is NULL.
                Some(_) if raw.is_empty() => {}
                Some(mask) => {
                    let start = out.len();
                    if mask.apply(&plain, out).ok()? == Masked::Value {
                        quote(start, out)?;
                    }
                }
            }
        }
        out.put_u8(b')');
        rest.is_empty().then_some(())
    }

    fn binary(&self, value: &[u8], out: &mut BytesMut) -> Option<()> {
        let (&count, mut rest) = value.split_first_chunk::<4>()?;
        if usize::try_from(i32::from_be_bytes(count)).ok()? != self.fields.len() {
            return None;
        }
        out.put_slice(&count);
        for field in &self.fields {
            let (&declared, after) = rest.split_first_chunk::<4>()?;
            let (&length, after) = after.split_first_chunk::<4>()?;
            if u32::from_be_bytes(declared) != field.declared.0 {
                return None;
            }
            let inside = match i32::from_be_bytes(length) {
                -1 => None,
                length => Some(after.get(..usize::try_from(length).ok()?)?),
            };
            rest = after.get(inside.map_or(0, <[u8]>::len)..)?;
            out.put_slice(&declared);
            match (inside, &field.mask) {
                (None, _) => out.put_i32(-1),
                (Some(inside), None) => {
                    out.put_slice(&length);
                    out.put_slice(inside);
                }
                (Some(inside), Some(mask)) => {
                    nested::put_binary(&**mask, inside, out)?;
                }
            }
        }
        rest.is_empty().then_some(())
    }
}

/// The first field as it stands there, what it means, and the rest. A field in
/// quotes doubles `"` and `\`; one without holds nothing that needs them.
fn split_field<'a>(text: &'a [u8], plain: &mut SmallVec<[u8; 128]>) -> Option<(&'a [u8], &'a [u8])> {
    plain.clear();
    if text.first() != Some(&b'"') {
        let (raw, rest) = text.split_at(memchr::memchr(b',', text).unwrap_or(text.len()));
        plain.extend_from_slice(raw);
        return (!raw.iter().any(is_special)).then_some((raw, rest));
    }
    let mut at = 1_usize;
    loop {
        let special = at.checked_add(memchr::memchr2(b'"', b'\\', text.get(at..)?)?)?;
        plain.extend_from_slice(text.get(at..special)?);
        match text.get(special..)? {
            [b'"', b'"', ..] | [b'\\', b'\\', ..] => {
                plain.push(*text.get(special)?);
                at = special.checked_add(2)?;
            }
            [b'"', ..] => return text.split_at_checked(special.checked_add(1)?),
            _ => return None,
        }
    }
}

/// What `record_out` puts in quotes.
fn is_special(byte: &u8) -> bool {
    matches!(byte, b'"' | b'\\' | b'(' | b')' | b',' | b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Quotes what was written from `start` on, where `record_out` would.
fn quote(start: usize, out: &mut BytesMut) -> Option<()> {
    let written = out.get(start..)?;
    if !written.is_empty() && !written.iter().any(is_special) {
        return Some(());
    }
    nested::quote(start, out, |byte| byte)
}
