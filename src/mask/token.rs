//! `token`. For texts: AES-SIV (RFC 5297), deterministic and authenticated, under
//! the key of the column's domain. The same value gives the same token in every
//! column of the domain, on every node; only the key file leads back.
//!
//! `tok_` and base64url (RFC 4648, section 5, no padding) of: one byte, the
//! key's id; 16 bytes, the synthetic IV; the encrypted text. The text is filled
//! to a multiple of 16 bytes first, so a token shows its length only in steps.
//!
//! For int4, int8 and uuid: a keyed permutation of all values of the type.

use aes::Aes256Enc;
use aes_siv::KeyInit;
use aes_siv::siv::CmacSiv;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{BufMut, BytesMut};
use parking_lot::Mutex;
use smallvec::SmallVec;
use zeroize::Zeroizing;

use super::keys::{KeyRing, MasterKey};
use super::permute::{Direction, Permutation};
use super::types::integer::Width;
use super::types::text::Shape;
use super::types::{integer, uuid};
use super::{Encoding, Mask, Masked, UnreadableValue};

const PREFIX: &[u8] = b"tok_";
/// Ends the text within its filled form (ISO/IEC 7816-4).
const END: u8 = 0x80;
const BLOCK: usize = 16;
/// Of the synthetic IV.
const IV: usize = 16;
/// Key id and synthetic IV.
const HEAD: usize = 1 + IV;

/// Characters of the shortest token: the least that a column must hold.
pub const SHORTEST: usize = PREFIX.len() + (HEAD + BLOCK) * 4 / 3;

/// AES-256-SIV (RFC 5297). The mode never runs its cipher backwards, and the
/// library makes a key schedule for each value: one that can only encrypt is
/// made in less.
pub type Sealing = CmacSiv<Aes256Enc>;

pub struct TokenMask {
    pub key_id: u8,
    /// Locked for its scratch state only; a result's rows are masked by one
    /// task, so nobody waits.
    pub siv: Mutex<Sealing>,
    pub shape: Shape,
    /// What stands for a value whose token the column can't hold.
    pub hidden: Vec<u8>,
    pub encoding: Encoding,
    pub unreadable: UnreadableValue,
}

/// The cipher of a domain's tokens under one of the master keys.
pub(super) fn cipher(key: &MasterKey, domain: &str) -> Sealing {
    let derived: Zeroizing<[u8; 64]> = key.derive("token text", domain);
    Sealing::new((&*derived).into())
}

impl Mask for TokenMask {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let text = self.shape.content(value);
        // The original must come back as UTF-8, whoever resolves the token.
        let readable = match self.encoding {
            Encoding::Utf8 => std::str::from_utf8(text).is_ok(),
            Encoding::SingleByte => text.is_ascii(),
        };
        if !readable {
            return Err(self.unreadable);
        }
        let length = length_of(text.len()).ok_or(self.unreadable)?;
        if !self.shape.holds(length, length) {
            out.put_slice(&self.hidden);
            return Ok(Masked::Value);
        }
        let sealed = self.seal(text).ok_or(self.unreadable)?;
        let start = out.len();
        out.put_slice(PREFIX);
        out.put_bytes(0, length.saturating_sub(PREFIX.len()));
        let place = out.get_mut(start.saturating_add(PREFIX.len())..).unwrap_or_default();
        match URL_SAFE_NO_PAD.encode_slice(&sealed, place) {
            Ok(_) => self.shape.pad(length, out),
            Err(_) => {
                out.truncate(start);
                return Err(self.unreadable);
            }
        }
        Ok(Masked::Value)
    }
}

impl TokenMask {
    /// Key id, synthetic IV, encrypted text.
    fn seal(&self, text: &[u8]) -> Option<SmallVec<[u8; 128]>> {
        let mut sealed = SmallVec::<[u8; 128]>::new();
        sealed.push(self.key_id);
        sealed.extend_from_slice(&[0; IV]);
        sealed.extend_from_slice(text);
        sealed.push(END);
        sealed.resize(HEAD.checked_add(filled(text.len())?)?, 0);
        let (head, body) = sealed.split_at_mut_checked(HEAD)?;
        let iv = self.siv.lock().encrypt_inout_detached(NO_HEADERS, body.into()).ok()?;
        head.get_mut(1..)?.copy_from_slice(&iv);
        Some(sealed)
    }
}

/// Domain and purpose are in the key; nothing else is to be authenticated.
const NO_HEADERS: [&[u8]; 0] = [];

/// Leads tokens of one domain back, under any of the keys.
pub struct Resolver {
    ciphers: SmallVec<[(u8, Sealing); 1]>,
}

impl Resolver {
    pub fn new(domain: &str, keys: &KeyRing) -> Self {
        Self { ciphers: keys.all().map(|key| (key.id(), cipher(key, domain))).collect() }
    }

    /// The original. None: no token, or not of this domain or of these keys.
    pub fn resolve(&mut self, token: &[u8]) -> Option<Zeroizing<String>> {
        let sealed = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
        let (id, sealed) = sealed.split_first()?;
        let (iv, body) = sealed.split_first_chunk::<IV>()?;
        let mut body = Zeroizing::new(body.to_vec());
        let (_, siv) = self.ciphers.iter_mut().find(|(known, _)| known == id)?;
        siv.decrypt_inout_detached(NO_HEADERS, body.as_mut_slice().into(), &(*iv).into()).ok()?;
        let end = body.iter().rposition(|b| *b == END)?;
        std::str::from_utf8(body.get(..end)?).ok().map(|text| Zeroizing::new(text.to_owned()))
    }
}

/// The original of one token of `domain`, as [`Resolver::resolve`].
pub fn resolve(token: &[u8], domain: &str, keys: &KeyRing) -> Option<Zeroizing<String>> {
    Resolver::new(domain, keys).resolve(token)
}

/// Each integer stands for another one of the same width.
pub struct TokenInteger {
    pub permutation: Permutation,
    /// Four or eight bytes: two have too few values.
    pub width: Width,
    pub unreadable: UnreadableValue,
}

pub(super) fn integers(keys: &KeyRing, domain: &str, width: Width) -> Option<Permutation> {
    let purpose = match width {
        Width::Two => return None,
        Width::Four => "token int4",
        Width::Eight => "token int8",
    };
    Permutation::new(keys, purpose, domain, 2)
}

/// The token of a number, or the number of a token.
pub(super) fn turn_integer(
    permutation: &Permutation,
    direction: Direction,
    width: Width,
    number: i64,
) -> Option<i64> {
    match width {
        Width::Two => None,
        Width::Four => {
            let bits = u128::from(i32::try_from(number).ok()?.cast_unsigned());
            let turned = permutation.bits(direction, bits, 32)?;
            u32::try_from(turned).ok().map(|n| i64::from(n.cast_signed()))
        }
        Width::Eight => {
            let turned = permutation.bits(direction, u128::from(number.cast_unsigned()), 64)?;
            u64::try_from(turned).ok().map(u64::cast_signed)
        }
    }
}

impl Mask for TokenInteger {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let format = self.unreadable.format;
        integer::decode(value, self.width, format)
            .and_then(|n| turn_integer(&self.permutation, Direction::ToToken, self.width, n))
            .filter(|token| integer::encode(*token, self.width, format, out))
            .map(|_| Masked::Value)
            .ok_or(self.unreadable)
    }
}

/// Each UUID stands for another.
pub struct TokenUuid {
    pub permutation: Permutation,
    pub unreadable: UnreadableValue,
}

pub(super) fn uuids(keys: &KeyRing, domain: &str) -> Option<Permutation> {
    Permutation::new(keys, "token uuid", domain, 2)
}

impl Mask for TokenUuid {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let format = self.unreadable.format;
        let token = uuid::decode(value, format)
            .and_then(|n| self.permutation.bits(Direction::ToToken, u128::from_be_bytes(n), 128))
            .ok_or(self.unreadable)?;
        uuid::encode(&token.to_be_bytes(), format, out);
        Ok(Masked::Value)
    }
}

/// Bytes of the filled text: at least one more than the text has.
fn filled(text: usize) -> Option<usize> {
    text.checked_add(1)?.checked_next_multiple_of(BLOCK)
}

/// Characters of the token of a text of so many bytes.
fn length_of(text: usize) -> Option<usize> {
    let sealed = filled(text)?.checked_add(HEAD)?;
    base64::encoded_len(sealed, false)?.checked_add(PREFIX.len())
}
