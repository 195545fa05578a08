//! What arrays and composite values share: values inside a value, each masked
//! for itself.

use bytes::{BufMut, BytesMut};
use smallvec::SmallVec;

use crate::mask::{Format, Mask, Masked, UnreadableValue};

/// What writes a value with others inside it; None: it is not in its form, and
/// what was written goes.
pub(super) trait Nested {
    fn unreadable(&self) -> UnreadableValue;
    fn text(&self, value: &[u8], out: &mut BytesMut) -> Option<()>;
    fn binary(&self, value: &[u8], out: &mut BytesMut) -> Option<()>;

    fn whole(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let start = out.len();
        let read = match self.unreadable().format {
            Format::Text => self.text(value, out),
            Format::Binary => self.binary(value, out),
        };
        read.map(|()| Masked::Value).ok_or_else(|| {
            out.truncate(start);
            self.unreadable()
        })
    }
}

/// Writes the length of what becomes of a value, and that; -1 is NULL.
pub(super) fn put_binary(mask: &dyn Mask, inside: &[u8], out: &mut BytesMut) -> Option<Masked> {
    let length_at = out.len();
    out.put_i32(-1);
    let masked = mask.apply(inside, out).ok()?;
    if masked == Masked::Value {
        let length = i32::try_from(out.len().checked_sub(length_at)?.checked_sub(4)?).ok()?;
        out.get_mut(length_at..)?.first_chunk_mut::<4>()?.copy_from_slice(&length.to_be_bytes());
    }
    Some(masked)
}

/// Puts what was written from `start` on in quotes; `escape` gives what stands
/// before a quote or backslash.
pub(super) fn quote(start: usize, out: &mut BytesMut, escape: impl Fn(u8) -> u8) -> Option<()> {
    let plain: SmallVec<[u8; 128]> = out.get(start..)?.into();
    out.truncate(start);
    out.put_u8(b'"');
    for byte in plain {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(escape(byte));
        }
        out.put_u8(byte);
    }
    out.put_u8(b'"');
    Some(())
}
