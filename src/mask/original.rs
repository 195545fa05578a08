//! From a token back to the original: what `token` and `fpe` are for. Used where
//! a client hands in a token as a value; the original never leaves the proxy
//! but upstream.
//!
//! The way back has the form of a mask: it turns a value of a type, in text or
//! binary, into another one.

use bytes::{BufMut, BytesMut};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::fpe::{Cipher, Classes};
use super::keys::KeyRing;
use super::method::MethodSpec;
use super::permute::{Direction, Permutation};
use super::token::{self, Resolver};
use super::types::array::ArrayMask;
use super::types::integer::Width;
use super::types::text::Shape;
use super::types::{Family, family, integer, uuid};
use super::{Encoding, Format, Mask, Masked, UnreadableValue, ValueType, Wire, fits};

/// What turns tokens of a domain, as values of type `ty`, into their
/// originals; an error of it means that a value is no token of the domain.
///
/// None: the method is not reversible or does not fit the type. Where every
/// value of a type is a possible token (`fpe`, integers, UUIDs), any value
/// leads somewhere, though perhaps to nobody. Of an array, each element is
/// turned back.
pub fn originals(
    spec: &MethodSpec,
    domain: &str,
    ty: &ValueType,
    wire: impl Into<Wire>,
    keys: &KeyRing,
) -> Option<Box<dyn Mask>> {
    let Wire { format, encoding } = wire.into();
    if fits(spec, ty).is_err() {
        return None;
    }
    let unreadable = UnreadableValue { oid: ty.element.unwrap_or(ty.oid), format };
    let back: Box<dyn Mask> = match (spec, family(ty)?) {
        (MethodSpec::Token, Family::Text(kind)) => Box::new(TextBack {
            resolver: Mutex::new(Resolver::new(domain, keys)),
            shape: Shape::of(kind, ty.modifier),
            encoding,
            unreadable,
        }),
        (MethodSpec::Token, Family::Integer(width)) => {
            Box::new(IntegerBack { permutation: token::integers(keys, domain, width)?, width, unreadable })
        }
        (MethodSpec::Token, Family::Uuid) => {
            Box::new(UuidBack { permutation: token::uuids(keys, domain)?, unreadable })
        }
        (MethodSpec::Fpe { alphabet }, Family::Text(kind)) => Box::new(FpeBack {
            cipher: Cipher::new(keys, domain, Classes::of(alphabet.as_deref()))?,
            shape: Shape::of(kind, ty.modifier),
            encoding,
            unreadable,
        }),
        _ => return None,
    };
    Some(match ty.element {
        None => back,
        Some(_) => Box::new(ArrayMask { element: back, unreadable, is_sent: true }),
    })
}

/// The original of one `token`, both as values of type `ty` in `format`.
/// None: it leads nowhere.
pub fn original(
    spec: &MethodSpec,
    domain: &str,
    ty: &ValueType,
    format: Format,
    token: &[u8],
    keys: &KeyRing,
) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = BytesMut::new();
    originals(spec, domain, ty, format, keys)?.apply(token, &mut out).ok()?;
    Some(out.to_vec().into())
}

/// Do the tokens of this type permute its values, so that any value is one?
pub fn is_permuted(ty: &ValueType) -> bool {
    matches!(family(ty), Some(Family::Integer(_) | Family::Uuid))
}

struct TextBack {
    resolver: Mutex<Resolver>,
    shape: Shape,
    encoding: Encoding,
    unreadable: UnreadableValue,
}

impl Mask for TextBack {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let text = self.resolver.lock().resolve(self.shape.content(value)).ok_or(self.unreadable)?;
        put(&text, self.encoding, out).ok_or(self.unreadable)
    }
}

struct FpeBack {
    cipher: Cipher,
    shape: Shape,
    encoding: Encoding,
    unreadable: UnreadableValue,
}

impl Mask for FpeBack {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let token = std::str::from_utf8(self.shape.content(value)).ok();
        let token = token.filter(|token| self.encoding == Encoding::Utf8 || token.is_ascii());
        let text = token.and_then(|token| self.cipher.turn(Direction::ToOriginal, token));
        put(&text.ok_or(self.unreadable)?, self.encoding, out).ok_or(self.unreadable)
    }
}

/// Originals are UTF-8; another encoding spells only the ASCII among them alike.
fn put(text: &str, encoding: Encoding, out: &mut BytesMut) -> Option<Masked> {
    if encoding == Encoding::SingleByte && !text.is_ascii() {
        return None;
    }
    out.put_slice(text.as_bytes());
    Some(Masked::Value)
}

struct IntegerBack {
    permutation: Permutation,
    width: Width,
    unreadable: UnreadableValue,
}

impl Mask for IntegerBack {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let format = self.unreadable.format;
        integer::decode(value, self.width, format)
            .and_then(|n| token::turn_integer(&self.permutation, Direction::ToOriginal, self.width, n))
            .filter(|original| integer::encode(*original, self.width, format, out))
            .map(|_| Masked::Value)
            .ok_or(self.unreadable)
    }
}

struct UuidBack {
    permutation: Permutation,
    unreadable: UnreadableValue,
}

impl Mask for UuidBack {
    fn apply(&self, value: &[u8], out: &mut BytesMut) -> Result<Masked, UnreadableValue> {
        let format = self.unreadable.format;
        let original = uuid::decode(value, format)
            .and_then(|n| self.permutation.bits(Direction::ToOriginal, u128::from_be_bytes(n), 128))
            .ok_or(self.unreadable)?;
        uuid::encode(&original.to_be_bytes(), format, out);
        Ok(Masked::Value)
    }
}
