//! `redact` and `null`: what is shown does not depend on the value at all, so
//! the value isn't read.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Mask, Masked, UnreadableValue};

/// Always the same bytes.
pub struct Constant(pub Bytes);

impl Mask for Constant {
    fn apply(&self, _value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        out.put_slice(&self.0);
        Ok(Masked::Value)
    }
}

/// Always NULL.
pub struct Null;

impl Mask for Null {
    fn apply(&self, _value: &[u8], _out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        Ok(Masked::Null)
    }
}
