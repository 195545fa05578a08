//! `partial`: the first and last characters of a text, with a fill of constant
//! length between them.
//! Discloses those characters, and whether the value has more characters than
//! they are; a shorter one shows the fill only. Its length is never shown.

use bytes::{BufMut, BytesMut};

use super::types::text::{Shape, ends};
use super::{Encoding, Mask, Masked, UnreadableValue};

pub struct PartialMask {
    pub first: usize,
    pub last: usize,
    /// In the client's encoding.
    pub fill: Vec<u8>,
    pub fill_chars: usize,
    pub shape: Shape,
    pub encoding: Encoding,
    pub unreadable: UnreadableValue,
}

impl Mask for PartialMask {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let text = self.shape.content(value);
        let chars = match ends(text, self.first, self.last, self.encoding).map_err(|_| self.unreadable)? {
            None => {
                out.put_slice(&self.fill);
                self.fill_chars
            }
            Some((head, tail)) => {
                out.put_slice(head);
                out.put_slice(&self.fill);
                out.put_slice(tail);
                self.fill_chars.saturating_add(self.first).saturating_add(self.last)
            }
        };
        self.shape.pad(chars, out);
        Ok(Masked::Value)
    }
}
