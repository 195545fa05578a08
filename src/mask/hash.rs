//! `hash`: HMAC-SHA-256 (RFC 2104, FIPS 198-1) under the key of the column's
//! domain, never a bare digest, which anyone could compute for a guess.
//! Discloses whether two values are equal. The key schedule is made once;
//! a value costs a copy of it.

use bytes::BytesMut;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::types::text::Shape;
use super::types::{bytea, integer, uuid};
use super::{Encoding, Mask, Masked, UnreadableValue};

/// A keyed HMAC, ready to be copied for each value.
#[derive(Clone)]
pub struct Keyed(Hmac<Sha256>);

impl Keyed {
    /// 64 bytes: a whole block of SHA-256.
    pub fn new(key: &Zeroizing<[u8; 64]>) -> Self {
        Self(<Hmac<Sha256> as KeyInit>::new((&**key).into()))
    }

    pub fn of(&self, value: &[u8]) -> [u8; 32] {
        self.0.clone().chain_update(value).finalize().into_bytes().into()
    }
}

/// Hex digits.
pub struct HashText {
    pub keyed: Keyed,
    /// Even or odd, at most 64; the shape holds them.
    pub digits: usize,
    pub shape: Shape,
    pub encoding: Encoding,
    pub unreadable: UnreadableValue,
}

impl Mask for HashText {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let text = self.shape.content(value);
        // The same text has other bytes in another encoding, and would get
        // another hash: better none at all.
        if self.encoding == Encoding::SingleByte && !text.is_ascii() {
            return Err(self.unreadable);
        }
        let start = out.len();
        bytea::put_hex(&self.keyed.of(text), out);
        out.truncate(start.saturating_add(self.digits));
        self.shape.pad(self.digits, out);
        Ok(Masked::Value)
    }
}

/// A number from 0 to the largest of the type.
pub struct HashInteger {
    pub keyed: Keyed,
    pub width: integer::Width,
    pub unreadable: UnreadableValue,
}

impl Mask for HashInteger {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let format = self.unreadable.format;
        let number = integer::decode(value, self.width, format).ok_or(self.unreadable)?;
        let digest = self.keyed.of(&number.to_be_bytes());
        let first: [u8; 8] = digest.first_chunk().copied().unwrap_or_default();
        // The largest numbers are all ones below the sign, so this keeps the
        // lowest bits: an int4 hash is the end of the int8 hash.
        let hashed = i64::from_be_bytes(first) & self.width.largest();
        if integer::encode(hashed, self.width, format, out) {
            Ok(Masked::Value)
        } else {
            Err(self.unreadable)
        }
    }
}

/// A UUID of version 8 (RFC 9562, section 5.8).
pub struct HashUuid {
    pub keyed: Keyed,
    pub unreadable: UnreadableValue,
}

impl Mask for HashUuid {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let format = self.unreadable.format;
        let original = uuid::decode(value, format).ok_or(self.unreadable)?;
        let digest = self.keyed.of(&original);
        let mut hashed: [u8; 16] = digest.first_chunk().copied().unwrap_or_default();
        let [_, _, _, _, _, _, version, _, variant, ..] = &mut hashed;
        *version = (*version & 0x0f) | 0x80;
        *variant = (*variant & 0x3f) | 0x80;
        uuid::encode(&hashed, format, out);
        Ok(Masked::Value)
    }
}

/// The digest's first bytes.
pub struct HashBytea {
    pub keyed: Keyed,
    /// At most 32.
    pub length: usize,
    pub unreadable: UnreadableValue,
}

impl Mask for HashBytea {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let format = self.unreadable.format;
        let mut mac = self.keyed.0.clone();
        bytea::decode(value, format, |piece| mac.update(piece)).ok_or(self.unreadable)?;
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        bytea::encode(digest.get(..self.length).unwrap_or(&digest), format, out);
        Ok(Masked::Value)
    }
}
